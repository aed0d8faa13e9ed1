/* A histogram of durations: decimal log-linear, integers only, recorded in a few nanoseconds.
 *
 * Range 1 us to 1000 s; each decade is cut into 90 equal steps, so that a bucket is 1 to 10 % wide and every bound of
 * two decimal digits is exact: 0.1 s, 0.25 s, 5 s may be shown as Prometheus `le` without interpolation. A bucket holds
 * lower < value <= upper, as Prometheus counts. One writer; anyone may read at any time (relaxed atomics: a reader may
 * see a bucket of an observation and not yet its sum). */
#ifndef SLUICE_TELEMETRY_HISTOGRAM_H
#define SLUICE_TELEMETRY_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define TEL_HIST_DECADES 9u                                            /* 10^3 ns .. 10^12 ns */
#define TEL_HIST_STEPS 90u                                             /* per decade */
#define TEL_HIST_BUCKETS (1u + TEL_HIST_DECADES * TEL_HIST_STEPS + 1u) /* first: <= 1 us; last: > 1000 s */

struct tel_hist {
    _Atomic uint64_t sum_ns; /* saturates */
    _Atomic uint64_t bucket[TEL_HIST_BUCKETS];
};

unsigned tel_hist_index(uint64_t ns);    /* the bucket of a value */
uint64_t tel_hist_upper(unsigned index); /* its inclusive upper bound in ns; UINT64_MAX for the last */

/* The only writer's call. Negative (a clock that went back, which the monotonic one does not) counts as 0. */
void tel_hist_record(struct tel_hist *h, int64_t ns);

/* A readable copy: sums of several workers. */
struct tel_hist_sum {
    uint64_t sum_ns, count;
    uint64_t bucket[TEL_HIST_BUCKETS];
};
void tel_hist_sum_add(struct tel_hist_sum *to, const struct tel_hist *h);
/* How many observations were <= bound_ns; exact when bound_ns is a bucket's upper bound. */
uint64_t tel_hist_at_most(const struct tel_hist_sum *s, uint64_t bound_ns);
/* The upper bound of the bucket that holds the q-th part per million (500000: median); 0 when empty. */
uint64_t tel_hist_quantile(const struct tel_hist_sum *s, uint32_t ppm);

#endif
