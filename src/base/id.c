#include "base/id.h"

#include "base/clock.h"

struct sl_id sl_id_make(int64_t wall_ns, struct sl_rand *r)
{
    uint64_t ms = (uint64_t)(wall_ns / SL_MS);
    uint64_t a = sl_rand_next(r), b = sl_rand_next(r);
    return (struct sl_id){.hi = (ms << 16) | 0x7000 | (a & 0x0FFF), .lo = (UINT64_C(2) << 62) | (b >> 2)};
}

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void put_base32(uint64_t v, char *out, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = alphabet[(v >> (5 * (n - 1 - i))) & 31];
}

void sl_id_text(struct sl_id id, char out[SL_ID_TEXT]) /* 8, 60 and 60 bits: 2, 12 and 12 characters */
{
    put_base32(id.hi >> 56, out, 2);
    put_base32(id.hi << 4 | id.lo >> 60, out + 2, 12);
    put_base32(id.lo, out + 14, 12);
    out[26] = 0;
}

bool sl_id_parse(struct sl_str s, struct sl_id *out)
{
    unsigned __int128 v = 0;
    if (s.n != 26 || s.p[0] > '7')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        const char *at = s.p[i] != 0 ? strchr(alphabet, s.p[i]) : NULL;
        if (at == NULL)
            return false;
        v = (v << 5) | (unsigned)(at - alphabet);
    }
    *out = (struct sl_id){.hi = (uint64_t)(v >> 64), .lo = (uint64_t)v};
    return true;
}
