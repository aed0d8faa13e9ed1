/* Work that may block (files), done on libuv's worker threads; its end is told on the loop's own. */
#ifndef SLUICE_LOOP_WORK_H
#define SLUICE_LOOP_WORK_H

#include "loop/loop.h"
#include "loop/timer.h"

#define SL_WORK_SLOW 2u /* of a loop's slow work at a time */

/* Embedded by its owner, who leaves it, and what `run` touches, alone between start and done. */
struct sl_work {
    void (*run)(struct sl_work *w); /* on another thread; with a virtual network on this one */
    void (*done)(
        struct sl_work *w); /* on the loop's thread, never from inside sl_work_start; also when the loop has ended */
    struct sl_loop *loop;
    struct sl_task task;
    struct sl_timer timer;
    struct sl_list node; /* in loop->works */
    bool slow;
    void *impl;
};

void sl_work_start(struct sl_loop *l, struct sl_work *w);
/* For what clients can cause without end and a busy disk holds up: SL_WORK_SLOW of a loop's are under way, the others wait in the order
 * in which they came, so that there are threads for names and for other files (sl_work_threads). */
void sl_work_start_slow(struct sl_loop *l, struct sl_work *w);

/* Before other threads are there: as many workers of libuv's as it has by itself, and those that so many loops' slow work may hold. What
 * UV_THREADPOOL_SIZE says already stays. */
void sl_work_threads(unsigned n_loops);

#endif
