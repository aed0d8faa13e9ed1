/* How many requests a self-hosted target answers at a time before they queue there: by its first outputs, since the whole answer's time is
 * its length. While they come as fast as they used to, the limit grows by its root; when they take twice as long, it shrinks. Pure; not
 * thread-safe. Source: routing-algorithms section 7 (November 2026), after Netflix's gradient limiter (2018). */
#ifndef SLUICE_UPSTREAM_GRADIENT_H
#define SLUICE_UPSTREAM_GRADIENT_H

#include <stdint.h>

#define GRADIENT_LEAST 8u
#define GRADIENT_MOST 4096u

struct gradient {   /* starts zeroed */
    double limit;   /* 0: not begun */
    double long_us; /* what first outputs usually take */
    double sum_us;  /* of the samples since began_ns */
    uint32_t n;
    int64_t began_ns;
};

/* An answer's first output took so long; in_flight: requests that were there with it. */
void gradient_add(struct gradient *g, int64_t first_us, uint32_t in_flight, int64_t now_ns);
void gradient_overload(struct gradient *g); /* it said that it is overloaded */
uint32_t gradient_limit(const struct gradient *g);

#endif
