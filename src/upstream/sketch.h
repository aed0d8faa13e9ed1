/* Times as a log-linear histogram: 32 steps for each doubling (an error of 1.6 % at most), from 32 us to about an hour, in two windows
 * of which the older is forgotten when it is a minute old and the younger has enough. Nothing is allocated, inserting takes a few ns.
 * Source: routing-algorithms section 3 (November 2026). Not thread-safe; pure. */
#ifndef SLUICE_UPSTREAM_SKETCH_H
#define SLUICE_UPSTREAM_SKETCH_H

#include <stdint.h>

#define SKETCH_BUCKETS 864u

struct sketch_window {
    uint32_t n[SKETCH_BUCKETS];
    uint32_t count;
    int64_t since_ns; /* 0: not begun */
};
struct sketch {
    struct sketch_window now, before;
};

void sketch_add(struct sketch *s, int64_t us, int64_t now_ns);
uint32_t sketch_count(const struct sketch *s);
/* The value below which `permille` of the samples lie, in us; 0: no samples. */
uint32_t sketch_quantile(const struct sketch *s, unsigned permille);

#endif
