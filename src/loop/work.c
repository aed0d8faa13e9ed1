/* See work.h. Where libuv cannot take it (no memory), or there is none, it is run here: late, but done. */
#include "loop/work.h"

#include "base/mem.h"
#include "loop/loop_int.h"

struct uv_side {
    uv_work_t req;
    struct sl_work *work;
};

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
    w->done(w);
}

static void on_task(struct sl_task *t)
{
    struct sl_work *w = SL_CONTAINER_OF(t, struct sl_work, task);
    w->done(w);
}

void sl_work_start(struct sl_loop *l, struct sl_work *w)
{
    w->impl = NULL;
    if (l->uv != NULL) {
        struct uv_side *u = SL_NEW(struct uv_side);
        u->work = w;
        w->impl = u;
        if (uv_queue_work(&l->uv->uv, &u->req, on_run, on_done) == 0)
            return;
        sl_free(u);
        w->impl = NULL;
    }
    sl_task_init(&w->task, on_task);
    w->run(w);
    sl_task_post(l, &w->task);
}
