/* Timers: a hierarchical wheel of one-millisecond ticks; arming and cancelling are O(1) and make no system call.
 * A timer fires at its time or up to 1 ms later, never earlier. */
#ifndef SLUICE_LOOP_TIMER_H
#define SLUICE_LOOP_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct sl_loop;
struct sl_timer;

typedef void sl_timer_f(struct sl_timer *t);

struct sl_timer {
    struct sl_list node; /* in a slot of the wheel while armed */
    int64_t due_tick;
    sl_timer_f *fire;
};

#define SL_WHEEL_LEVELS 5
#define SL_WHEEL_SLOTS 64

struct sl_wheel {
    int64_t tick;                   /* the last tick that was fired */
    uint64_t used[SL_WHEEL_LEVELS]; /* a bit per slot that may hold timers */
    struct sl_list slots[SL_WHEEL_LEVELS][SL_WHEEL_SLOTS];
    int64_t first[SL_WHEEL_LEVELS][SL_WHEEL_SLOTS]; /* of a used slot: no timer in it is due before this tick */
    uint64_t n;
};

void sl_timer_init(struct sl_timer *t, sl_timer_f *fire);
void sl_timer_arm(struct sl_loop *l, struct sl_timer *t, int64_t due_ns); /* re-arms; SL_NEVER cancels */
void sl_timer_cancel(struct sl_loop *l, struct sl_timer *t);              /* harmless when not armed */
static inline bool sl_timer_is_armed(const struct sl_timer *t)
{
    return !sl_list_is_empty(&t->node);
}

void sl_wheel_init(struct sl_wheel *w, int64_t now_ns);
/* When to look again: when the first timer is due, or one that was there and was cancelled; SL_NEVER when empty. A loop that
 * sleeps until then wakes once for a timer, however far it is. */
int64_t sl_wheel_next_ns(const struct sl_wheel *w);
void sl_wheel_advance(struct sl_wheel *w, int64_t now_ns); /* fires what is due */

#endif
