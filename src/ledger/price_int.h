/* Shared by price.c (the catalogue as an object) and price_load.c (how one is made from JSON). */
#ifndef SLUICE_LEDGER_PRICE_INT_H
#define SLUICE_LEDGER_PRICE_INT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/map.h"
#include "ledger/price.h"

/* The prices of one vendor. */
struct price_provider {
    struct sl_str name;
    struct sl_map ids;     /* exact id -> struct price */
    struct sl_map aliases; /* other names -> struct price; looked at only when ids has nothing */
};

struct price_catalog {
    _Atomic uint32_t refs;
    struct sl_arena arena;   /* all that follows lives here, but for the maps' slots */
    struct sl_map providers; /* name -> struct price_provider */
    struct price *prices;    /* own (arena): in the file's order */
    uint32_t n;
    struct price_version version;
};

struct price_catalog *price_catalog_new(void);
struct price_provider *price_provider_get(struct price_catalog *c, struct sl_str name); /* made when absent */

/* The price of one of a unit (of durations: of a second), from the rows or `per`; PRICE_NONE: it has none. */
int64_t price_unit_rate(const struct price *p, enum usage_unit unit, const struct price_shape *shape, uint32_t *flags);
/* From the rows alone. */
int64_t price_row_rate(const struct price *p, enum price_per per, const struct price_shape *shape, uint32_t *flags);
bool price_unit_is_time(enum usage_unit unit);

/* The text that is in the binary; generated from data/model-prices.json by embed_prices.py. */
extern const char price_embedded[];
extern const size_t price_embedded_n;

#endif
