/* SETTLE: the outcome is final. Entered from any state. Closes the last attempt in the ledger, waits for the journal where
 * the policy asks for "synced", then gives the client the end of its answer, writes the access record and the counters.
 * Leaves to DONE. After it the exchange holds no attempt and no place. */
#include "exchange/exchange_int.h"

/* What is held, then the terminal event. `last` goes with the last bytes, so that they leave in one write. */
static void send_rest(struct exchange *x)
{
    struct iovec v[32];
    int n;
    while ((n = sl_chunks_iov(&x->held, v, 31)) == 31) {
        size_t part = 0;
        for (int i = 0; i < n; i++)
            part += v[i].iov_len;
        http_stream_send_body(x->stream, v, n, false);
        sl_chunks_drop(&x->held, part);
    }
    if (x->final_text.n > 0)
        v[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)x->final_text.p, .iov_len = x->final_text.n};
    http_stream_send_body(x->stream, v, n, true);
}

static void finish_client(struct exchange *x)
{
    if (x->stream->gone || x->final_kind == FINAL_NONE)
        return;
    if (x->final_kind == FINAL_RESET) {
        http_stream_reset(x->stream);
        return;
    }
    if (!x->committed)
        relay_send_head(x, x->out_stream ? HTTP_LENGTH_NONE : (int64_t)x->held.n);
    send_rest(x);
}

static bool waits_for_disk(struct exchange *x)
{
    bool recorded = x->closed_at.segment != 0; /* segments are counted from 1 */
    if (!recorded || !x->snap->set.close_synced || x->env->journal_sync == NULL || x->stream->gone)
        return false;
    x->sync_wait = x->env->journal_sync(x->env->owner, x, &x->closed_at);
    return x->sync_wait;
}

static void give_place_back(struct exchange *x)
{
    int64_t took = sl_loop_now(x->env->loop) - x->place_ns, *usual = &x->env->took_ns;
    *usual = *usual == 0 ? took : *usual + (took - *usual) / 8;
    limit_leave(x->env->gate);
    x->admitted = false;
}

static void begin(struct exchange *x)
{
    struct try *t = try_current(x);
    x->settling = true;
    x->events &= EV_GONE; /* news of the states before means nothing here */
    if (t != NULL && !t->closed) {
        try_abandon(x);
        try_close(x, t);
    }
    media_drop(x);
    video_end(x);
    here_forget(x);
    if (x->admitted)
        give_place_back(x);
    if (!queue_is_empty(x->env))
        queue_pump(x->env);
}

/* For the close record's disk, for the store of responses. Not for ever, and not for a client that has gone. */
static bool waits(const struct exchange *x)
{
    if ((x->events & (EV_DEADLINE | EV_GONE)) != 0)
        return false;
    return (x->sync_wait && (x->events & EV_SYNCED) == 0) || x->stored.waiting != NULL;
}

enum step step_settle(struct exchange *x)
{
    if (!x->settling) {
        begin(x);
        bool stores = stored_keep(x);
        if (waits_for_disk(x) || stores)
            return STEP_WAIT;
    }
    if (waits(x)) {
        x->events &= EV_SYNCED;
        return STEP_WAIT;
    }
    stored_forget(x);
    if (x->sync_wait && (x->events & EV_SYNCED) == 0) /* the record is kept, only not flushed in time */
        x->env->journal_sync_forget(x->env->owner, x);
    x->sync_wait = false;
    finish_client(x);
    exchange_record(x);
    try_drop(x);
    session_done(x);
    rescue_drop(x);
    x->settled = true;
    exchange_goto(x, XS_DONE);
    return STEP_GO;
}
