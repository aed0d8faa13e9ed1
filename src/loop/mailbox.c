/* Messages between threads: a list under a mutex, and libuv's async handle to wake the receiver. The receiver takes
 * the whole list at once, so that the lock is held for a few instructions only. */
#include "loop/mailbox.h"

#include <pthread.h>

#include "base/mem.h"
#include "loop/loop_int.h"

struct sl_mailbox {
    uv_async_t async;
    void *receiver;
    struct sl_loop *loop;
    pthread_mutex_t lock;
    /* under lock */
    struct sl_msg *first, *last;
    bool closed;
    /* the loop's thread, once the handle is closed */
    struct sl_mailbox *next_closed;
};

static void deliver_all(struct sl_mailbox *b)
{
    pthread_mutex_lock(&b->lock);
    struct sl_msg *m = b->first;
    b->first = b->last = NULL;
    pthread_mutex_unlock(&b->lock);
    while (m != NULL) {
        struct sl_msg *next = m->next;
        m->next = NULL;
        m->deliver(m, b->receiver);
        m = next;
    }
}

static void on_async(uv_async_t *a)
{
    struct sl_mailbox *b = SL_CONTAINER_OF(a, struct sl_mailbox, async);
    b->loop->now_ns = sl_clock_mono_ns();
    deliver_all(b);
}

struct sl_mailbox *sl_mailbox_open(struct sl_loop *l, void *receiver)
{
    struct sl_mailbox *b = SL_NEW(struct sl_mailbox);
    b->receiver = receiver;
    b->loop = l;
    pthread_mutex_init(&b->lock, NULL);
    SL_CHECK(uv_async_init(&l->uv->uv, &b->async, on_async) == 0);
    return b;
}

/* Another thread may hold the pointer still, and find `closed`: the memory stays until its loop goes. */
static void on_closed(uv_handle_t *h)
{
    struct sl_mailbox *b = SL_CONTAINER_OF((uv_async_t *)h, struct sl_mailbox, async);
    b->next_closed = b->loop->uv->closed_boxes;
    b->loop->uv->closed_boxes = b;
}

void sl_boxes_free(struct sl_uv *u)
{
    while (u->closed_boxes != NULL) {
        struct sl_mailbox *b = u->closed_boxes;
        u->closed_boxes = b->next_closed;
        pthread_mutex_destroy(&b->lock);
        sl_free(b);
    }
}

void sl_mailbox_close(struct sl_mailbox *b)
{
    if (b == NULL)
        return;
    pthread_mutex_lock(&b->lock);
    b->closed = true;
    pthread_mutex_unlock(&b->lock);
    deliver_all(b);
    uv_close((uv_handle_t *)&b->async, on_closed);
}

bool sl_mailbox_post(struct sl_mailbox *b, struct sl_msg *m)
{
    m->next = NULL;
    pthread_mutex_lock(&b->lock);
    bool closed = b->closed;
    if (!closed) {
        if (b->last != NULL)
            b->last->next = m;
        else
            b->first = m;
        b->last = m;
        uv_async_send(&b->async); /* under the lock: the handle cannot be closed between */
    }
    pthread_mutex_unlock(&b->lock);
    return !closed;
}
