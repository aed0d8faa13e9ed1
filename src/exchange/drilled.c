/* Attempts that a drill on live traffic takes. Before the first byte: they fail as the drill says, as if the provider had done so, and
 * are not sent. Behind it: they are sent, and when output has come their connection is ended here and the exchange told what the drill
 * says. Second targets that are asked at the same time (hedges), uploads, jobs and sessions are left alone.
 *
 *   provider ─► drilled_body ─► as it comes, in small pieces ─► enough output ─► nothing more
 *                                                                  └─► task: the attempt is cancelled; on_over(what the fault is)
 *                                                                        └─ stalls: when nobody waits any longer */
#include "exchange/exchange_int.h"
#include "upstream/live_drill.h"

#define PIECE 64u       /* bytes that are let through at a time until enough has come */
#define PIECES_OUTPUT 3 /* events with output before a stream breaks */

static const char detail[] = "a drill";

struct drilled { /* in the exchange's arena; of one attempt */
    struct exchange *x;
    enum live_drill_behind how;
    enum outcome outcome;
    struct sl_task task;
    struct sl_timer timer;
    struct attempt_result result;
    bool hit; /* the provider is not heard any more */
};

static void tell(struct drilled *d)
{
    struct exchange *x = d->x;
    bool ends_well = d->how == LIVE_DRILL_GARBAGE || (d->how == LIVE_DRILL_NO_END && x->is_stream);
    d->result.outcome = ends_well ? OUT_OK : d->outcome; /* of those the format tells */
    d->result.detail = detail;
    x->drill = NULL;
    exchange_attempt_owner.on_over(x, &d->result);
    x->drill = d;
}

static void on_stalled(struct sl_timer *t)
{
    tell(SL_CONTAINER_OF(t, struct drilled, timer));
}

/* Not from inside of the attempt's own calls. */
static void on_task(struct sl_task *t)
{
    struct drilled *d = SL_CONTAINER_OF(t, struct drilled, task);
    struct exchange *x = d->x;
    if (x->over || x->attempt == NULL)
        return;
    attempt_cancel(x->attempt, false, &d->result);
    if (d->how != LIVE_DRILL_STALL)
        tell(d);
    else if (x->snap->deadlines.between_ns > 0) /* as long as transport would have waited */
        sl_timer_arm(x->env->loop, &d->timer, sl_loop_now(x->env->loop) + x->snap->deadlines.between_ns);
}

static void arm(struct exchange *x, enum live_drill_behind how, enum outcome o)
{
    struct drilled *d = SL_ARENA_NEW(x->a, struct drilled);
    d->x = x;
    d->how = how;
    d->outcome = o;
    sl_task_init(&d->task, on_task);
    sl_timer_init(&d->timer, on_stalled);
    x->drill = d;
}

bool drilled(struct exchange *x, struct try *t)
{
    enum outcome o;
    enum live_drill_behind how;
    if (x->env->drill == NULL ||
        !live_drill_takes(x->env->drill, t->candidate->provider, t->candidate->model, sl_loop_now(x->env->loop),
                          sl_rand_next(&x->env->loop->rand), &o, &how))
        return false;
    if (how != LIVE_DRILL_NOT) {
        if (x->op->generates)
            arm(x, how, o);
        return false;
    }
    lanes_begin(x, t); /* the target's health hears of it as of any failure */
    t->outcome = t->result.outcome = o;
    t->result.detail = detail;
    x->drilled = true;
    tel_add(x->env->tel, TEL_DRILLED, 1);
    return true;
}

/* ---- behind the first output ---- */

static bool is_enough(const struct exchange *x)
{
    return x->is_stream ? x->seen->content_events >= PIECES_OUTPUT : x->answer_n > 0;
}

static void hit(struct drilled *d, void (*give)(struct exchange *x, struct sl_str bytes))
{
    struct exchange *x = d->x;
    if (!live_drill_hits(x->env->drill, sl_loop_now(x->env->loop))) {
        d->how = LIVE_DRILL_NOT;
        return;
    }
    d->hit = x->drilled = true;
    tel_add(x->env->tel, TEL_DRILLED, 1);
    if (d->how == LIVE_DRILL_GARBAGE) /* in the middle of an event, of a frame, of a body: broken in all of them */
        give(x, SL_STR("\x01 a drill \r\n\r\ndata: a drill\n\n"));
    sl_task_post(x->env->loop, &d->task); /* behind what the exchange was told last */
}

bool drilled_body(struct exchange *x, struct sl_str bytes, void (*give)(struct exchange *x, struct sl_str bytes))
{
    struct drilled *d = x->drill;
    if (!x->answer_ok || d->how == LIVE_DRILL_NOT)
        return false;
    while (bytes.n > 0 && !d->hit && !x->relay_bad) {
        struct sl_str piece = sl_str_head(bytes, PIECE);
        if (is_enough(x))
            hit(d, give);
        if (d->how == LIVE_DRILL_NOT)
            piece = bytes;
        if (!d->hit)
            give(x, piece);
        bytes = sl_str_from(bytes, piece.n);
    }
    return true;
}

bool drilled_end(struct exchange *x)
{
    return x->drill->hit;
}

static void sign(struct exchange *x)
{
    if (x->drill != NULL && x->drill->hit && x->current != NULL)
        x->current->result.detail = detail;
}

void drilled_drop(struct exchange *x)
{
    struct drilled *d = x->drill;
    if (d == NULL)
        return;
    sign(x);
    sl_task_cancel(&d->task);
    sl_timer_cancel(x->env->loop, &d->timer);
    x->drill = NULL;
}

/* What clients see of it ends it (its bound). */
void drilled_over(struct exchange *x)
{
    bool refused = x->status_sent >= 429 || x->status_sent == 0 || (x->seen != NULL && x->relay_bad);
    bool broken = x->committed && x->ended_by == ACCESS_PROVIDER && !sl_str_eq(x->ended_why, SL_STR("ok"));
    sign(x);
    if (x->drilled && (refused || broken))
        live_drill_seen(x->env->drill);
}
