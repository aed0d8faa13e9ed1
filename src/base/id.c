#include "base/id.h"

#include <endian.h>
#include <string.h>

#include "base/clock.h"

#define EACH_BYTE UINT64_C(0x0101010101010101)

struct sl_id sl_id_make(int64_t wall_ns, struct sl_rand *r)
{
    uint64_t ms = (uint64_t)(wall_ns / SL_MS);
    uint64_t a = sl_rand_next(r), b = sl_rand_next(r);
    return (struct sl_id){.hi = (ms << 16) | 0x7000 | (a & 0x0FFF), .lo = (UINT64_C(2) << 62) | (b >> 2)};
}

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* 0x01 in each byte of x (all below 0x80) that is at least `from`. */
static inline uint64_t at_least(uint64_t x, unsigned from)
{
    return (x + (0x80 - from) * EACH_BYTE) >> 7 & EACH_BYTE;
}

/* The eight characters of the low 40 bits. Each five bits get a byte of their own; then figures become letters, and each
 * letter that the alphabet leaves out (i, l, o, u) moves those behind it, in all eight at once. */
static void put_base32(uint64_t v, char out[8])
{
    uint64_t x = (v >> 20 & 0xfffff) | (v & 0xfffff) << 32;
    x = (x >> 10 & UINT64_C(0x000003ff000003ff)) | (x & UINT64_C(0x000003ff000003ff)) << 16;
    x = (x >> 5 & UINT64_C(0x001f001f001f001f)) | (x & UINT64_C(0x001f001f001f001f)) << 8;
    x += '0' * EACH_BYTE + at_least(x, 10) * ('a' - '0' - 10) + at_least(x, 18) + at_least(x, 20) + at_least(x, 22) +
         at_least(x, 27);
    x = htole64(x);
    memcpy(out, &x, sizeof x);
}

void sl_id_text(struct sl_id id, char out[SL_ID_TEXT]) /* 130 bits, the top two of them 0; the last eight overlap */
{
    put_base32(id.hi >> 26, out);
    put_base32(id.hi << 14 | id.lo >> 50, out + 8);
    put_base32(id.lo >> 10, out + 16);
    put_base32(id.lo, out + 18);
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
