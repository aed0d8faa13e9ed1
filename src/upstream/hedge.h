/* When a second target is worth asking while the first is silent: of one lane, for all who ask it. Pure: times are given.
 *
 * Source: routing-algorithms section 10 (November 2026): after the q95 of the first output, at least 300 ms; only where the tail is
 * heavy (q99 at least three times the median, of 200 samples or more), where hedges have won often enough (15 of the last 100), and
 * where fewer than a quarter of the lane's requests are late: more is an incident, which breakers and failover are for. Every request
 * that may be hedged pays a twentieth of a hedge into a budget of at most twenty. */
#ifndef SLUICE_UPSTREAM_HEDGE_H
#define SLUICE_UPSTREAM_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

#define HEDGE_SECONDS 10u

struct hedge_gate {  /* starts zeroed */
    uint32_t tokens; /* twentieths of a hedge */
    struct {
        uint32_t all, late;
    } seconds[HEDGE_SECONDS]; /* requests that might be hedged, and those whose delay passed */
    int64_t second;           /* number of the newest */
    unsigned __int128 won;    /* the newest hedge is bit 0 */
    unsigned ended;           /* of the last 100 */
    int64_t trial_ns;         /* the last one that was begun although they seldom win */
};

/* How long the first output is waited for before another target is asked; 0: never, its tail is too light or not known. */
int64_t hedge_delay_ns(uint32_t q50_us, uint32_t q95_us, uint32_t q99_us, uint32_t samples);

void hedge_gate_begin(struct hedge_gate *g, int64_t now_ns); /* a request that has a delay goes out */
/* Its delay has passed without output. True: ask another one, and tell hedge_gate_end how it ended. */
bool hedge_gate_late(struct hedge_gate *g, int64_t now_ns);
void hedge_gate_end(struct hedge_gate *g, bool won);
void hedge_gate_back(struct hedge_gate *g); /* in place of end: it could not be asked, which says nothing of hedges */

#endif
