#include "telemetry/histogram.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

#define FIRST_DECADE 3u /* 10^3 ns */

static const uint64_t tens[] = {
    UINT64_C(1),           UINT64_C(10),           UINT64_C(100),           UINT64_C(1000),      UINT64_C(10000),
    UINT64_C(100000),      UINT64_C(1000000),      UINT64_C(10000000),      UINT64_C(100000000), UINT64_C(1000000000),
    UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000),
};
#define LAST_POW (sizeof tens / sizeof tens[0] - 1)
_Static_assert(LAST_POW == FIRST_DECADE + TEL_HIST_DECADES, "tens reaches to the end of the range");

/* x / 10^j for x < 10^12 and 2 <= j <= 10 without a division: 10^j is 2^j * 5^j, and floor(2^64 / 5^j) + 1 is a
 * reciprocal that is exact while (x >> j) * 5^j < 2^64, which holds. A 64-bit division takes ten times as long on the
 * older machines that we meet. */
static uint64_t div_pow10(uint64_t x, unsigned j)
{
#define INVERSE(pow5) (UINT64_MAX / (pow5) + 1)
    static const uint64_t inverse[] = {
        0,
        0,
        INVERSE(UINT64_C(25)),
        INVERSE(UINT64_C(125)),
        INVERSE(UINT64_C(625)),
        INVERSE(UINT64_C(3125)),
        INVERSE(UINT64_C(15625)),
        INVERSE(UINT64_C(78125)),
        INVERSE(UINT64_C(390625)),
        INVERSE(UINT64_C(1953125)),
        INVERSE(UINT64_C(9765625)),
    };
#undef INVERSE
    return (uint64_t)(((unsigned __int128)(x >> j) * inverse[j]) >> 64);
}

unsigned tel_hist_index(uint64_t ns)
{
    if (ns <= tens[FIRST_DECADE])
        return 0;
    uint64_t x = ns - 1; /* buckets include their upper bound */
    if (x >= tens[LAST_POW])
        return TEL_HIST_BUCKETS - 1;
    unsigned bits = 64u - (unsigned)__builtin_clzll(x);
    unsigned decade = bits * 1233u >> 12; /* 1233 / 4096 is about log10(2); one too large at most */
    decade -= x < tens[decade];
    unsigned two_digits = (unsigned)div_pow10(x, decade - 1); /* 10..99 */
    return 1u + (decade - FIRST_DECADE) * TEL_HIST_STEPS + (two_digits - 10u);
}

uint64_t tel_hist_upper(unsigned index)
{
    SL_CHECK(index < TEL_HIST_BUCKETS);
    if (index == 0)
        return tens[FIRST_DECADE];
    if (index == TEL_HIST_BUCKETS - 1)
        return UINT64_MAX;
    unsigned decade = FIRST_DECADE + (index - 1) / TEL_HIST_STEPS;
    return (10u + (index - 1) % TEL_HIST_STEPS + 1u) * tens[decade - 1];
}

/* One writer: a load and a store do, no locked instruction is needed. */
static void bump(_Atomic uint64_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

void tel_hist_record(struct tel_hist *h, int64_t ns)
{
    uint64_t v = ns > 0 ? (uint64_t)ns : 0;
    uint64_t sum = atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
    bump(&h->bucket[tel_hist_index(v)], 1);
    if (__builtin_add_overflow(sum, v, &sum))
        sum = UINT64_MAX;
    atomic_store_explicit(&h->sum_ns, sum, memory_order_relaxed);
}

void tel_hist_sum_add(struct tel_hist_sum *to, const struct tel_hist *h)
{
    uint64_t sum = atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
    if (__builtin_add_overflow(to->sum_ns, sum, &to->sum_ns))
        to->sum_ns = UINT64_MAX;
    for (size_t i = 0; i < TEL_HIST_BUCKETS; i++) {
        uint64_t n = atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
        to->bucket[i] += n;
        to->count += n;
    }
}

uint64_t tel_hist_at_most(const struct tel_hist_sum *s, uint64_t bound_ns)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < TEL_HIST_BUCKETS && tel_hist_upper(i) <= bound_ns; i++)
        n += s->bucket[i];
    return n;
}

uint64_t tel_hist_quantile(const struct tel_hist_sum *s, uint32_t ppm)
{
    if (s->count == 0)
        return 0;
    /* The rank, from 1, rounded up. */
    unsigned __int128 product = (unsigned __int128)s->count * ppm + 999999u;
    uint64_t rank = (uint64_t)(product / 1000000u), seen = 0;
    rank = rank == 0 ? 1 : rank > s->count ? s->count : rank;
    for (unsigned i = 0; i < TEL_HIST_BUCKETS; i++) {
        seen += s->bucket[i];
        if (seen >= rank)
            return tel_hist_upper(i);
    }
    return UINT64_MAX;
}
