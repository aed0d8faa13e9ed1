/* See work.h. Where libuv cannot take it (no memory), or there is none, it is run here: late, but done. */
#include "loop/work.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "loop/loop_int.h"

#define UV_THREADS 4u /* of libuv's own */

struct uv_side {
    uv_work_t req;
    struct sl_work *work;
};

static void begin(struct sl_loop *l, struct sl_work *w);

static void finish(struct sl_work *w)
{
    struct sl_loop *l = w->loop;
    struct sl_list *next = NULL;
    if (w->slow) {
        l->works.n_slow--;
        next = sl_list_take_head(&l->works.waiting);
    }
    if (next != NULL) {
        l->works.n_slow++;
        begin(l, SL_CONTAINER_OF(next, struct sl_work, node));
    }
    w->done(w);
}

static void on_run(uv_work_t *req)
{
    struct uv_side *u = SL_CONTAINER_OF(req, struct uv_side, req);
    u->work->run(u->work);
}

static void on_done(uv_work_t *req, int status)
{
    struct uv_side *u = SL_CONTAINER_OF(req, struct uv_side, req);
    struct sl_work *w = u->work;
    (void)status; /* nothing is cancelled */
    sl_loop_touch(sl_loop_of_uv(req->loop));
    sl_free(u);
    w->impl = NULL;
    finish(w);
}

static void on_task(struct sl_task *t)
{
    finish(SL_CONTAINER_OF(t, struct sl_work, task));
}

/* Without libuv: what takes its time is run at the end of it, so that what was freed meanwhile is missed. */
static void run_late(struct sl_work *w)
{
    sl_list_remove(&w->node);
    w->run(w);
    finish(w);
}

static void on_timer(struct sl_timer *t)
{
    run_late(SL_CONTAINER_OF(t, struct sl_work, timer));
}

static void begin(struct sl_loop *l, struct sl_work *w)
{
    sl_list_init(&w->node);
    if (l->uv != NULL) {
        struct uv_side *u = SL_NEW(struct uv_side);
        u->work = w;
        w->impl = u;
        if (uv_queue_work(&l->uv->uv, &u->req, on_run, on_done) == 0)
            return;
        sl_free(u);
        w->impl = NULL;
    } else if (l->works.takes_ns > 0) {
        sl_list_add_tail(&l->works.late, &w->node);
        sl_timer_init(&w->timer, on_timer);
        sl_timer_arm(l, &w->timer, sl_loop_now(l) + l->works.takes_ns);
        return;
    }
    sl_task_init(&w->task, on_task);
    w->run(w);
    sl_task_post(l, &w->task);
}

static void start(struct sl_loop *l, struct sl_work *w, bool slow)
{
    w->impl = NULL;
    w->loop = l;
    w->slow = slow;
    if (slow && l->works.n_slow == SL_WORK_SLOW) {
        sl_list_init(&w->node);
        sl_list_add_tail(&l->works.waiting, &w->node);
        return;
    }
    l->works.n_slow += slow;
    begin(l, w);
}

void sl_work_start(struct sl_loop *l, struct sl_work *w)
{
    start(l, w, false);
}

void sl_work_start_slow(struct sl_loop *l, struct sl_work *w)
{
    start(l, w, true);
}

void sl_works_end(struct sl_loop *l)
{
    struct sl_list *node;
    while ((node = l->works.late.next) != &l->works.late) {
        struct sl_work *w = SL_CONTAINER_OF(node, struct sl_work, node);
        sl_timer_cancel(l, &w->timer);
        run_late(w);
    }
}

void sl_work_threads(unsigned n_loops)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", UV_THREADS + SL_WORK_SLOW * n_loops);
    (void)setenv("UV_THREADPOOL_SIZE", text, 0); /* without it there are as many as libuv has: fewer, not none */
}
