/* What is known of a target's health: counts and a moving average. Written by one worker, readable by all. Nothing is gated
 * by it yet: health_allows is the place where a breaker will answer. */
#ifndef SLUICE_UPSTREAM_HEALTH_H
#define SLUICE_UPSTREAM_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>

#include "upstream/outcome.h"

struct health {                 /* embedded; all zero is the beginning. Relaxed: each figure stands for itself */
    _Atomic uint64_t good, bad; /* attempts whose outcome says something about the target */
    _Atomic uint32_t bad_in_a_row;
    _Atomic int64_t first_byte_us; /* moving average, each new value counts an eighth; 0: none yet */
    _Atomic int64_t last_bad_ns;   /* loop's clock; 0: never */
};

/* An attempt ended. first_byte_us: -1 when no byte came. Outcomes that say nothing about the target (the client's fault, its
 * departure) leave it alone. */
void health_note(struct health *h, enum outcome o, int64_t first_byte_us, int64_t now_ns);

/* Whether the target may be tried now. Always true so far. */
bool health_allows(const struct health *h, int64_t now_ns);

#endif
