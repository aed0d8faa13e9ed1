/* Signals and directory watches on libuv. */
#include "loop/watch.h"

#include "base/mem.h"
#include "loop/loop_int.h"

struct sl_signal {
    uv_signal_t uv;
    sl_signal_f *f;
    void *owner;
};

static void on_signal(uv_signal_t *h, int signum)
{
    struct sl_signal *s = SL_CONTAINER_OF(h, struct sl_signal, uv);
    sl_loop_of_uv(h->loop)->now_ns = sl_clock_mono_ns();
    s->f(s->owner, signum);
}

struct sl_signal *sl_signal_open(struct sl_loop *l, int signum, sl_signal_f *f, void *owner)
{
    struct sl_signal *s = SL_NEW(struct sl_signal);
    s->f = f;
    s->owner = owner;
    SL_CHECK(uv_signal_init(&l->uv->uv, &s->uv) == 0);
    SL_CHECK(uv_signal_start(&s->uv, on_signal, signum) == 0);
    return s;
}

static void on_signal_closed(uv_handle_t *h)
{
    sl_free(SL_CONTAINER_OF((uv_signal_t *)h, struct sl_signal, uv));
}

void sl_signal_close(struct sl_signal *s)
{
    if (s != NULL)
        uv_close((uv_handle_t *)&s->uv, on_signal_closed);
}

struct sl_watch {
    uv_fs_event_t uv;
    sl_watch_f *f;
    void *owner;
};

static void on_change(uv_fs_event_t *h, const char *name, int events, int status)
{
    struct sl_watch *w = SL_CONTAINER_OF(h, struct sl_watch, uv);
    (void)events;
    sl_loop_of_uv(h->loop)->now_ns = sl_clock_mono_ns();
    if (status == 0)
        w->f(w->owner, sl_str_c(name));
}

static void on_watch_closed(uv_handle_t *h)
{
    sl_free(SL_CONTAINER_OF((uv_fs_event_t *)h, struct sl_watch, uv));
}

struct sl_watch *sl_watch_open(struct sl_loop *l, const char *dir, sl_watch_f *f, void *owner)
{
    struct sl_watch *w = SL_NEW(struct sl_watch);
    w->f = f;
    w->owner = owner;
    if (uv_fs_event_init(&l->uv->uv, &w->uv) != 0) {
        sl_free(w);
        return NULL;
    }
    if (uv_fs_event_start(&w->uv, on_change, dir, 0) != 0) {
        uv_close((uv_handle_t *)&w->uv, on_watch_closed);
        return NULL;
    }
    return w;
}

void sl_watch_close(struct sl_watch *w)
{
    if (w != NULL)
        uv_close((uv_handle_t *)&w->uv, on_watch_closed);
}
