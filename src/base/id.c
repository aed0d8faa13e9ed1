#include "base/id.h"

#include <endian.h>
#include <string.h>

#include "base/clock.h"

struct sl_id sl_id_make(int64_t wall_ns, struct sl_rand *r)
{
    uint64_t ms = (uint64_t)(wall_ns / SL_MS);
    uint64_t a = sl_rand_next(r), b = sl_rand_next(r);
    return (struct sl_id){.hi = (ms << 16) | 0x7000 | (a & 0x0FFF), .lo = (UINT64_C(2) << 62) | (b >> 2)};
}

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

typedef signed char lanes __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));

/* Gives each five of the low 40 bits a byte of its own, the highest the first byte in memory. */
static inline uint64_t spread(uint64_t v)
{
    uint64_t x = (v >> 20 & 0xfffff) | (v & 0xfffff) << 32;
    x = (x >> 10 & UINT64_C(0x000003ff000003ff)) | (x & UINT64_C(0x000003ff000003ff)) << 16;
    x = (x >> 5 & UINT64_C(0x001f001f001f001f)) | (x & UINT64_C(0x001f001f001f001f)) << 8;
    return htole64(x);
}

/* Figures become letters, and each letter that the alphabet leaves out (i, l, o, u) moves those behind it. A comparison
 * gives -1 where it is true. */
static inline void put_base32(uint64_t a, uint64_t b, char out[16])
{
    lanes v = (lanes)(halves){spread(a), spread(b)};
    v += '0' + ((v > 9) & ('a' - '0' - 10)) - (v > 17) - (v > 19) - (v > 21) - (v > 26);
    memcpy(out, &v, sizeof v);
}

void sl_id_text(struct sl_id id, char out[SL_ID_TEXT]) /* 130 bits, the top two of them 0 */
{
    put_base32(id.hi >> 26, id.hi << 14 | id.lo >> 50, out);
    put_base32(id.hi << 24 | id.lo >> 40, id.lo, out + 10); /* six characters once more */
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
