/* Work that may block (files), done on libuv's worker threads; its end is told on the loop's own. */
#ifndef SLUICE_LOOP_WORK_H
#define SLUICE_LOOP_WORK_H

#include "loop/loop.h"

/* Embedded by its owner, who leaves it, and what `run` touches, alone between start and done. */
struct sl_work {
    void (*run)(struct sl_work *w); /* on another thread; with a virtual network on this one, at once */
    void (*done)(
        struct sl_work *w); /* on the loop's thread, never from inside sl_work_start; also when the loop has ended */
    struct sl_task task;
    void *impl;
};

void sl_work_start(struct sl_loop *l, struct sl_work *w);

#endif
