/* Shared by the files that read a price catalogue: price_load.c and price_load_units.c. */
#ifndef SLUICE_LEDGER_PRICE_LOAD_INT_H
#define SLUICE_LEDGER_PRICE_LOAD_INT_H

#include <yyjson.h>

#include "ledger/price_int.h"

struct price_loader {
    struct price_catalog *c;
    struct sl_str text, name; /* as given */
    const char *copy;         /* what yyjson's strings point into */
    struct sl_arena *arena;   /* of the load, not of the catalogue */
    struct pending_name *names, **names_end;
    struct price *price; /* the entry being read */
    yyjson_val *root;
    uint32_t index; /* its number in the file, from 0 */
    struct sl_fail *f;
};

/* Refuses with the place of `near` (a string, a key or a number) in the file; gives code. */
enum sl_err price_load_refuse(struct price_loader *l, enum sl_err code, yyjson_val *near, const char *what);

/* The members of a price that are not tokens: `per`, `images`, `video`. */
enum sl_err price_load_per(struct price_loader *l, yyjson_val *key, yyjson_val *v);
enum sl_err price_load_images(struct price_loader *l, yyjson_val *key, yyjson_val *v);
enum sl_err price_load_video(struct price_loader *l, yyjson_val *key, yyjson_val *v);

#endif
