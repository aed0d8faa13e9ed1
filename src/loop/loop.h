/* The loop: time, timers, work posted to the end of the turn, and the end of objects. One loop per thread.
 *
 * Everything above reaches sockets, time and randomness through loop/, so that tests can put a virtual network and a
 * virtual clock under the whole program (struct sl_net_ops). libuv lives in this folder and nowhere else.
 *
 * A turn: poll -> timers -> events of sockets -> run list drained (sl_task) -> ended objects freed (sl_end).
 * Nothing posted in a turn runs nested; nothing ended in a turn is freed before its end. */
#ifndef SLUICE_LOOP_LOOP_H
#define SLUICE_LOOP_LOOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/rand.h"
#include "loop/timer.h"

struct sl_net_ops;
struct sl_uv; /* loop_int.h */

struct sl_loop {
    int64_t now_ns;         /* monotonic, of this turn; read through sl_loop_now */
    int64_t wall_offset_ns; /* wall time = now_ns + this; refreshed each second of use */
    int64_t wall_checked_ns;
    struct sl_wheel wheel;
    struct sl_list tasks; /* run list */
    struct sl_list ended;
    struct sl_rand rand;
    const struct sl_net_ops *net;                  /* borrow, static */
    struct sl_uv *uv;                              /* own; NULL under a virtual network */
    void *net_state;                               /* the virtual network's own */
    int64_t turns, turn_began_ns, slowest_turn_ns; /* statistics; the owner resets slowest_turn_ns */
    struct {
        struct sl_list waiting,
            late;         /* struct sl_work: slow ones that others are in front of; under way without libuv */
        unsigned n_slow;  /* under way */
        int64_t takes_ns; /* how long work takes under a virtual network */
    } works;
    int64_t polls; /* how often it went to sleep, or looked whether it may */
    bool stopping;
};

/* A loop on the real network. sl_loop_run returns after sl_loop_stop. */
enum sl_err sl_loop_init(struct sl_loop *l, struct sl_fail *fail) SL_MUST_CHECK;
void sl_loop_run(struct sl_loop *l);
void sl_loop_stop(struct sl_loop *l); /* from its own thread */
void sl_loop_done(struct sl_loop *l); /* closes what is still open; frees ended objects */

/* The parts that do not depend on a network; for the virtual one in tests. */
void sl_loop_init_bare(struct sl_loop *l, const struct sl_net_ops *net, void *net_state, int64_t now_ns, uint64_t seed);
void sl_loop_drain(struct sl_loop *l); /* fires due timers, runs tasks, frees the ended, until none is left */

static inline int64_t sl_loop_now(const struct sl_loop *l)
{
    return l->now_ns;
}
int64_t sl_loop_now_exact(struct sl_loop *l); /* reads the clock (virtual: the same as sl_loop_now) */
int64_t sl_loop_wall(struct sl_loop *l);      /* wall time of this turn, for records */

/* Work at the end of this turn. Posting a posted task does nothing. The task may be posted again from its own run. */
struct sl_task {
    struct sl_list node;
    void (*run)(struct sl_task *t);
};
void sl_task_init(struct sl_task *t, void (*run)(struct sl_task *));
void sl_task_post(struct sl_loop *l, struct sl_task *t);
void sl_task_cancel(struct sl_task *t);

/* Two-phase end: the object is detached by its owner, then `free_it` runs at the end of the turn. */
struct sl_ended {
    struct sl_list node;
    void (*free_it)(struct sl_ended *e);
};
void sl_end(struct sl_loop *l, struct sl_ended *e, void (*free_it)(struct sl_ended *));

#endif
