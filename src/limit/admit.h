/* May this exchange start now? One ceiling on live exchanges of the whole process, shared by all workers: the first cell of
 * limit/ (docs/internals/threads.md). Counting is one atomic addition; nobody waits and nobody locks. */
#ifndef SLUICE_LIMIT_ADMIT_H
#define SLUICE_LIMIT_ADMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct limit_gate { /* process lifetime; any thread */
    _Alignas(64) _Atomic uint32_t live;
    _Atomic uint32_t max; /* 0: no ceiling */
    _Atomic uint64_t refused;
    _Atomic uint32_t waiting;     /* for a place, in all workers */
    _Atomic uint32_t max_waiting; /* 0: nobody waits */
};

enum limit_verdict {
    LIMIT_GO = 0,
    LIMIT_REFUSE
};

struct limit_result {
    enum limit_verdict verdict;
    int64_t retry_after_ns; /* LIMIT_REFUSE: about when a place may be free */
    const char *why;        /* static */
};

void limit_gate_init(struct limit_gate *g, uint32_t max);
void limit_gate_set(struct limit_gate *g, uint32_t max); /* reload: holds for those that come after */

/* LIMIT_GO takes a place that limit_leave gives back, once. typical_ns: how long an exchange takes here these days (0: not
 * known), for the hint; seed: spreads the hints of those refused together. */
struct limit_result limit_admit(struct limit_gate *g, int64_t typical_ns, uint64_t seed);
bool limit_try(struct limit_gate *g); /* the same for somebody who waits: no refusal is counted */
void limit_leave(struct limit_gate *g);
/* A place in the queue; limit_wait_over gives it back, once. False: the queue is full. */
bool limit_wait(struct limit_gate *g);
void limit_wait_over(struct limit_gate *g);
void limit_gate_set_waiting(struct limit_gate *g, uint32_t max);
uint32_t limit_live(const struct limit_gate *g);

#endif
