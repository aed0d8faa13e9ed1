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
    _Atomic uint64_t bytes;       /* held by exchanges: bodies, held answers, what was made of them */
    _Atomic uint64_t max_bytes;   /* above it nobody new goes; 0: no ceiling */
    _Atomic uint32_t adapted;     /* places that the loops' lag leaves; 0: as many as there are */
    _Atomic uint32_t ticks, late; /* of the workers' loops since `judged_ns` */
    _Atomic int64_t judged_ns;
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

/* LIMIT_GO takes a place that limit_leave gives back, once. took_ns: how long an exchange holds its place these days (0: not
 * known), for the hint; seed: spreads the hints of those refused together. */
struct limit_result limit_admit(struct limit_gate *g, int64_t took_ns, uint64_t seed);
/* When somebody who comes now, behind all who wait, may have a place: 1 s to 75 s. */
int64_t limit_hint_ns(const struct limit_gate *g, int64_t took_ns, uint64_t seed);
bool limit_try(struct limit_gate *g); /* the same for somebody who waits: no refusal is counted */
void limit_leave(struct limit_gate *g);
/* A place in the queue; limit_wait_over gives it back, once. False: the queue is full. */
bool limit_wait(struct limit_gate *g);
void limit_wait_over(struct limit_gate *g);
void limit_gate_set_waiting(struct limit_gate *g, uint32_t max);
uint32_t limit_live(const struct limit_gate *g);

/* -- Memory: what each exchange holds, told as it changes ------------------------------------------------------------ */

void limit_gate_set_bytes(struct limit_gate *g, uint64_t max);
void limit_bytes(struct limit_gate *g, int64_t more); /* negative: less; the sum of an exchange's is 0 in the end */
bool limit_has_room(const struct limit_gate *g, uint64_t bytes); /* for so many more; true without a ceiling */

/* -- Places by the loops' own lag (limits.adaptive) ------------------------------------------------------------------ */

#define LIMIT_TICK_NS (INT64_C(100) * 1000000)
#define LIMIT_LATE_NS (INT64_C(50) * 1000000)

/* A worker's tick, which was due lag_ns ago. Once a second one of the workers judges: a third of the ticks late by 50 ms or more takes a
 * tenth of the places that are in use, none late with most of them in use gives some back: additive growth, multiplicative decrease. */
void limit_tick(struct limit_gate *g, int64_t lag_ns, int64_t now_ns);
void limit_tick_off(struct limit_gate *g);

#endif
