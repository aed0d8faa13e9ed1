/* Ids: 128 bits, time-ordered as UUID version 7 (RFC 9562 5.7), shown as 26 letters and digits (Crockford base 32). */
#ifndef SLUICE_BASE_ID_H
#define SLUICE_BASE_ID_H

#include <stdint.h>

#include "base/rand.h"
#include "base/str.h"

struct sl_id {
    uint64_t hi, lo;
};

#define SL_ID_TEXT 27 /* 26 characters and a NUL */

struct sl_id sl_id_make(int64_t wall_ns, struct sl_rand *r);
void sl_id_text(struct sl_id id, char out[SL_ID_TEXT]);
bool sl_id_parse(struct sl_str s, struct sl_id *out);

static inline bool sl_id_eq(struct sl_id a, struct sl_id b)
{
    return a.hi == b.hi && a.lo == b.lo;
}

#endif
