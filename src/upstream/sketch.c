#include "upstream/sketch.h"

#include <string.h>

#include "base/clock.h"

#define WINDOW_NS (60 * SL_SEC)
#define WINDOW_SAMPLES 512u
#define FIRST_DOUBLING 5u /* 2^5 us */
#define STEPS 32u

static unsigned bucket_of(int64_t us)
{
    if (us < (1 << FIRST_DOUBLING))
        return 0;
    uint64_t v = (uint64_t)us;
    unsigned e = 63u - (unsigned)__builtin_clzll(v);
    unsigned b = (e - FIRST_DOUBLING) * STEPS + (unsigned)((v >> (e - FIRST_DOUBLING)) & (STEPS - 1));
    return b < SKETCH_BUCKETS ? b : SKETCH_BUCKETS - 1;
}

static uint32_t middle_of(unsigned b)
{
    uint64_t width = UINT64_C(1) << (b / STEPS);
    return (uint32_t)((STEPS + b % STEPS) * width + width / 2);
}

void sketch_add(struct sketch *s, int64_t us, int64_t now_ns)
{
    struct sketch_window *w = &s->now;
    if (w->since_ns != 0 && now_ns - w->since_ns >= WINDOW_NS && w->count >= WINDOW_SAMPLES) {
        s->before = *w;
        memset(w, 0, sizeof *w);
    }
    if (w->since_ns == 0)
        w->since_ns = now_ns;
    w->n[bucket_of(us)]++;
    w->count++;
}

uint32_t sketch_count(const struct sketch *s)
{
    return s->now.count + s->before.count;
}

uint32_t sketch_quantile(const struct sketch *s, unsigned permille)
{
    const struct sketch_window *a = &s->now, *b = &s->before;
    uint64_t total = (uint64_t)a->count + b->count, below = 0;
    uint64_t want = (total * permille + 999) / 1000;
    if (total == 0)
        return 0;
    want = want > 0 ? want : 1;
    for (unsigned i = 0; i < SKETCH_BUCKETS; i++) {
        below += (uint64_t)a->n[i] + b->n[i];
        if (below >= want)
            return middle_of(i);
    }
    return middle_of(SKETCH_BUCKETS - 1);
}
