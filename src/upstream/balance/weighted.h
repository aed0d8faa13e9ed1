/* Smooth weighted round robin: picks in proportion to the weights and spreads each one's picks evenly (5,1,1 gives
 * a a b a c a a, not a a a a a b c). Pure; the state is the caller's. Used among a provider's keys. */
#ifndef SLUICE_UPSTREAM_BALANCE_WEIGHTED_H
#define SLUICE_UPSTREAM_BALANCE_WEIGHTED_H

#include <stddef.h>
#include <stdint.h>

struct weighted {
    uint32_t weight; /* 0: never picked */
    int64_t credit;  /* weighted_pick's own; starts at 0 */
};

/* Gives the index that is next, or n when all weights are 0 (or n is 0). */
size_t weighted_pick(struct weighted *v, size_t n);

#endif
