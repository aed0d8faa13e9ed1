/* A connection that is an HTTP/2 session: many attempts at once, each with a stream.
 *
 * Frames go in by h2_session_feed on READABLE, and out by `flush`: on WRITABLE, after a feed, and by the connection's task
 * when an attempt wrote, consumed or left; so what a turn brings leaves in one write. The session is freed by conn_close
 * only, which is never called from inside its events: they take notes (no_more, lost), and `settle` acts on them. */
#include "upstream/upstream_int.h"

#define DOUBT_NS (30 * SL_SEC) /* a session in doubt whose last attempt has left is closed after this at the latest */

static const struct h2_events events_of_session;

/* ---- life ---- */

void conn_start_h2(struct up_conn *c)
{
    struct upstream *u = c->up;
    c->phase = CONN_H2;
    c->h2 = h2_session_new(H2_CLIENT, &u->h2_limits, &events_of_session, c, u->chunks);
    c->idle_since_ns = c->last_read_ns = sl_loop_now(u->loop);
    sl_list_add_tail(&c->origin->sessions, &c->at_origin);
    u->n_sessions++;
    STAT(u, sessions);
    sl_task_post(u->loop, &c->task);
    pool_sweep_arm(u);
}

void conn_end_h2(struct up_conn *c)
{
    struct h2_session *s = c->h2;
    if (c->lost == OUT_OK) {
        c->lost = OUT_RESET;
        c->lost_detail = "the session was closed";
    }
    c->no_more = true;
    sl_list_remove(&c->at_origin); /* who tries again must not find it */
    c->h2 = NULL;
    c->up->n_sessions--;
    h2_session_free(s); /* tells the streams that are left */
}

static void lose(struct up_conn *c, enum outcome o, const char *detail)
{
    c->lost = o;
    c->lost_detail = detail;
    conn_close(c, CONN_CLOSE_RESET);
}

/* ---- out ---- */

/* Writes what the session has to say; false: the connection is broken. */
static bool flush(struct up_conn *c)
{
    struct upstream *u = c->up;
    for (;;) {
        if (!conn_write_out(c))
            return false;
        if (c->out.n > 0)
            return true; /* the socket is full */
        size_t n = h2_session_output(c->h2, u->scratch, u->scratch_n), put = 0;
        if (n == 0)
            return true;
        struct iovec v = {u->scratch, n};
        enum sl_io r = tls_stream_write(&c->stream, &v, 1, &put);
        if (r != SL_IO_OK && r != SL_IO_AGAIN)
            return false;
        if (put < n && sl_chunks_add(&c->out, u->scratch + put, n - put) != SL_OK)
            return false;
    }
}

/* After all that may have changed the session: says what is to be said, and ends it when its time has come. */
static void settle(struct up_conn *c)
{
    if (!flush(c)) {
        lose(c, OUT_RESET, "reset");
        return;
    }
    if (c->n_streams == 0 && h2_session_streams(c->h2) == 0 && (c->no_more || h2_session_is_draining(c->h2))) {
        conn_close(c, CONN_CLOSE_ORDERLY);
        return;
    }
    if (h2_session_is_over(c->h2) && c->out.n == 0) {
        lose(c, OUT_RESET, "the session has ended");
        return;
    }
    conn_want(c);
}

void conn_task_h2(struct up_conn *c)
{
    settle(c);
}

/* ---- in ---- */

/* False: the connection is closed. */
static bool read_some(struct up_conn *c)
{
    struct upstream *u = c->up;
    for (unsigned i = 0; i < READS_PER_EVENT; i++) {
        size_t n = 0;
        enum sl_io r = tls_stream_read(&c->stream, u->scratch, u->scratch_n, &n);
        if (r == SL_IO_AGAIN) {
            c->quick_reads = 0;
            return true;
        }
        if (r != SL_IO_OK) {
            lose(c, OUT_RESET, r == SL_IO_EOF ? "closed" : "reset");
            return false;
        }
        if (h2_session_feed(c->h2, sl_str_of(u->scratch, n), sl_loop_now(u->loop)) != SL_OK) {
            flush(c); /* its GOAWAY says why */
            lose(c, OUT_MALFORMED, "the HTTP/2 session is broken");
            return false;
        }
        if (n < u->scratch_n && !tls_stream_pending(&c->stream)) {
            conn_gather(c, n);
            return true;
        }
        c->last_read_ns = sl_loop_now(u->loop);
    }
    if (tls_stream_pending(&c->stream))
        sl_task_post(u->loop, &c->task);
    return true;
}

void conn_on_event_h2(struct up_conn *c, unsigned events)
{
    if ((events & SL_READABLE) != 0 && !read_some(c))
        return;
    settle(c);
}

/* ---- an attempt's request ---- */

static void send_body(struct up_conn *c, struct attempt *t)
{
    size_t room;
    while (attempt_has_unsent(t) && (room = h2_stream_room(t->stream)) > 0) {
        struct iovec v[SEND_IOV];
        int n = attempt_body_iov(t, v, SEND_IOV), used = 0;
        size_t part = 0;
        while (used < n && part < room) {
            if (v[used].iov_len > room - part)
                v[used].iov_len = room - part;
            part += v[used++].iov_len;
        }
        bool last = attempt_is_last(t, part);
        h2_stream_write(t->stream, v, used, last);
        t->stream_ended |= last;
        attempt_body_sent(t, part);
        t->result.bytes_out += part;
        attempt_progress(t);
    }
    if (t->req.streamed && t->stream_last && !t->stream_ended && t->stream_body.n == 0) {
        h2_stream_write(t->stream, NULL, 0, true);
        t->stream_ended = true;
    }
    if (attempt_all_sent(t) && t->state == AS_SEND)
        attempt_goto(t, AS_HEAD);
    sl_task_post(c->up->loop, &c->task);
}

void conn_send_h2(struct up_conn *c, struct attempt *t)
{
    send_body(c, t);
}

void conn_submit_h2(struct up_conn *c, struct attempt *t)
{
    struct http_request r;
    attempt_request_head(t, &r);
    struct h2_submit m = {.request = &r,
                          .arena = t->arena,
                          .x = t,
                          .plain = !t->req.origin->tls,
                          .last = t->body_n == 0 && !t->req.streamed};
    attempt_goto(t, AS_SEND);
    t->stream = h2_submit_request(c->h2, &m);
    if (t->stream == NULL) {
        attempt_over(t, OUT_CLIENT_FAULT, "the request head cannot be written");
        return;
    }
    t->conn = c;
    t->result.h2 = true;
    t->result.sent = true; /* with this turn's flush; taken back when the stream is refused */
    c->n_streams++;
    send_body(c, t);
}

/* The attempt goes from its stream, which is not told anything. */
static void part(struct up_conn *c, struct attempt *t)
{
    t->stream = NULL;
    t->conn = NULL;
    c->n_streams--;
    c->idle_since_ns = sl_loop_now(c->up->loop);
}

/* What is unfinished of request or answer is reset. */
void conn_leave_h2(struct up_conn *c, struct attempt *t)
{
    struct h2_stream *s = t->stream;
    part(c, t);
    h2_stream_detach(s);
    sl_task_post(c->up->loop, &c->task);
}

void conn_doubt_h2(struct up_conn *c)
{
    if (sl_loop_now(c->up->loop) - c->last_read_ns < SL_SEC)
        return; /* it lives: only this stream is slow */
    c->no_more = true;
    sl_list_remove(&c->at_origin);
    if (!sl_timer_is_armed(&c->timer))
        sl_timer_arm(c->up->loop, &c->timer, sl_loop_now(c->up->loop) + DOUBT_NS);
}

/* ---- the answer ---- */

static void on_response(void *owner, struct h2_stream *s, struct http_response *head)
{
    struct up_conn *c = owner;
    struct attempt *t = h2_stream_x(s);
    bool has_body = head->has_body;
    attempt_first_byte(t);
    c->up->calling = t;
    attempt_head(t, head);
    if (c->up->calling != t)
        return; /* its owner has ended it */
    c->up->calling = NULL;
    if (has_body)
        return;
    conn_leave_h2(c, t);
    attempt_over(t, OUT_OK, "");
}

static void hold(struct up_conn *c, struct attempt *t, struct sl_str bytes, bool last)
{
    /* no more than the stream's window, since nothing is consumed while it is held */
    if (sl_chunks_add(&t->held_body, bytes.p, bytes.n) != SL_OK) {
        conn_leave_h2(c, t);
        attempt_over(t, OUT_MALFORMED, "more bytes than the window allows");
        return;
    }
    t->held_consume += bytes.n;
    if (!last)
        return;
    t->held_last = true;
    conn_leave_h2(c, t);
}

static void on_body(void *owner, struct h2_stream *s, struct sl_str bytes, bool last)
{
    struct up_conn *c = owner;
    struct attempt *t = h2_stream_x(s);
    t->result.bytes_in += bytes.n;
    if (t->held || t->held_body.n > 0) {
        hold(c, t, bytes, last);
        return;
    }
    c->up->calling = t;
    if (bytes.n > 0) {
        h2_stream_consume(s, bytes.n);
        attempt_body(t, bytes);
    }
    if (c->up->calling != t)
        return;
    c->up->calling = NULL;
    if (!last)
        return;
    if (t->held) { /* the end, too, waits until it is let on */
        hold(c, t, SL_STR_NONE, true);
        return;
    }
    conn_leave_h2(c, t);
    attempt_over(t, OUT_OK, "");
}

/* What was held is given in one piece; if the owner says stop again, the next pieces are held again. */
void conn_resume_h2(struct attempt *t)
{
    struct upstream *u = t->up;
    struct sl_chunks kept;
    bool was_last = t->held_last;
    if (t->held)
        return;
    sl_chunks_init(&kept, SIZE_MAX, u->chunks);
    sl_chunks_move(&kept, &t->held_body);
    if (t->stream != NULL && t->held_consume > 0) {
        h2_stream_consume(t->stream, t->held_consume);
        sl_task_post(u->loop, &t->conn->task);
    }
    t->held_consume = 0;
    u->calling = t;
    struct sl_str all = sl_chunks_flat(&kept);
    if (all.n > 0)
        attempt_body(t, all);
    bool is_there = u->calling == t;
    u->calling = NULL;
    sl_chunks_done(&kept);
    if (was_last && is_there && !t->held)
        attempt_over(t, OUT_OK, "");
}

static void on_room(void *owner, struct h2_stream *s)
{
    struct up_conn *c = owner;
    send_body(c, h2_stream_x(s));
}

/* ---- the end of streams and sessions ---- */

static void end_by_loss(struct up_conn *c, struct attempt *t, bool sending)
{
    struct upstream *u = t->up;
    bool quick = sl_loop_now(u->loop) - t->began_ns <= u->limits.stale_ns;
    if (c->lost != OUT_RESET) {
        attempt_over(t, c->lost, c->lost_detail);
        return;
    }
    if (t->result.reused && !t->head_seen && quick && !t->req.once) {
        STAT(u, stale);
        t->fresh = true;
        if (attempt_try_again(t))
            return;
    }
    if (t->head_seen)
        attempt_over(t, OUT_RESET, "the session ended within the answer");
    else if (sending)
        attempt_over(t, OUT_SEND_FAILED, "the session ended while sending");
    else
        attempt_over(t, OUT_RESET, "the session ended before the answer");
}

static void end_by_reset(struct attempt *t, uint32_t error)
{
    if (error == H2_REFUSED_STREAM && !t->head_seen) {
        t->result.sent = false; /* the provider says that it did not look at it */
        if (!attempt_try_again(t))
            attempt_over(t, OUT_OVERLOADED, "the stream was refused");
        return;
    }
    if (error == H2_PROTOCOL_ERROR)
        attempt_over(t, OUT_MALFORMED, "the HTTP/2 answer is malformed");
    else if (error == H2_HTTP_1_1_REQUIRED)
        attempt_over(t, OUT_RESET, "the provider wants HTTP/1.1");
    else if (error == H2_ENHANCE_YOUR_CALM)
        attempt_over(t, OUT_OVERLOADED, "the provider wants fewer requests");
    else
        attempt_over(t, OUT_RESET,
                     t->head_seen ? "the stream was reset within the answer"
                                  : "the stream was reset before the answer");
}

static void on_closed(void *owner, struct h2_stream *s, uint32_t error)
{
    struct up_conn *c = owner;
    struct attempt *t = h2_stream_x(s);
    bool sending = !attempt_all_sent(t);
    part(c, t);
    if (c->lost != OUT_OK && error == H2_INTERNAL_ERROR)
        end_by_loss(c, t, sending);
    else
        end_by_reset(t, error);
}

static void on_goaway(void *owner, uint32_t error)
{
    struct up_conn *c = owner;
    (void)error;
    c->no_more = true;
    sl_list_remove(&c->at_origin);
    sl_task_post(c->up->loop, &c->task);
}

static const struct h2_events events_of_session = {
    .on_response = on_response,
    .on_body = on_body,
    .on_room = on_room,
    .on_closed = on_closed,
    .on_goaway = on_goaway,
};
