/* Shared inside loop/ only: the libuv side of a loop. */
#ifndef SLUICE_LOOP_LOOP_INT_H
#define SLUICE_LOOP_LOOP_INT_H

#include <uv.h>

#include "loop/loop.h"

struct sl_poll; /* tcp.c */
struct sl_rest; /* tcp.c: sockets that are looked away from */

struct sl_uv {
    uv_loop_t uv;
    uv_timer_t timer;        /* the wheel's next look */
    int64_t timer_due_ns;    /* SL_NEVER while not armed */
    int64_t clock_offset_ns; /* libuv's clock minus sl_clock_mono_ns */
    uv_prepare_t prepare;    /* before polling: drain, arm the timer */
    uv_check_t check;        /* after polling: drain */
    bool in_turn;            /* an event of this poll was seen */
    struct sl_poll *free_polls;
    unsigned n_free_polls;
    struct sl_rest *rest;            /* own; NULL until a socket rests */
    struct sl_mailbox *closed_boxes; /* own: kept for who still holds a pointer */
};

extern const struct sl_net_ops sl_net_real;

static inline struct sl_loop *sl_loop_of_uv(uv_loop_t *uv)
{
    return uv->data;
}

void sl_polls_free(struct sl_uv *u);   /* tcp.c */
void sl_rest_close(struct sl_uv *u);   /* tcp.c */
void sl_boxes_free(struct sl_uv *u);   /* mailbox.c */
void sl_works_end(struct sl_loop *l);  /* work.c: what is under way is done now */
void sl_loop_touch(struct sl_loop *l); /* loop.c: an event has come */

#endif
