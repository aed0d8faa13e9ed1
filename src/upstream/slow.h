/* Whether a target has become slow against its own history, without failing once. Judged by the newest first outputs alone, so that it shows
 * within twenty of them; a target that loses its place for it gets it back after a while and is judged by few, since hardly anybody asks
 * it meanwhile. Nothing here reads a clock. Pure; not thread-safe.
 *
 *            q95 of the newest 20 .. 64 more than twice the usual one, and 50 ms more, and not by chance
 *   WELL ───────────────────────────────────────────────────────────────────────► SLOW for 30 s, 1 min, ... 5 min
 *    ▲ 20 that are as usual                          3 of 5 above the usual q95        │
 *    └───────────────────────────────── ON TRIAL ────────────────────────────────────┐ │
 *                                          ▲ └───────────────────────────────────────┘─┤
 *                                          └──────────────── its time is over ─────────┘
 */
#ifndef SLUICE_UPSTREAM_SLOW_H
#define SLUICE_UPSTREAM_SLOW_H

#include <stdbool.h>
#include <stdint.h>

#define SLOW_NEWEST 64u

struct slow { /* starts zeroed */
    uint32_t newest[SLOW_NEWEST];
    uint32_t n, at;         /* of them; where the next goes */
    uint32_t since_learned; /* samples */
    int64_t learned_ns;
    uint32_t usual_q95_us; /* over the last minutes; 0: not known yet */
    unsigned times;        /* that it was found slow without being well in between */
    int64_t until_ns;      /* slow until then; 0: it is not */
};

void slow_add(struct slow *s, int64_t us, int64_t now_ns);
bool slow_is(const struct slow *s, int64_t now_ns);

#endif
