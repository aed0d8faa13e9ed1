/* A connection and its HTTP/1 side. One exchange at a time: head and body leave in one writev, reads go through the
 * worker's scratch buffer and the parser straight to the attempt, nothing is copied unless the socket or the attempt
 * cannot take it.
 *
 * A connection may serve again only when the request went out whole, the answer was read exactly to its end, both sides
 * want it to live, and nothing is there behind the end. Everything else closes it. */
#include <stdio.h>

#include "base/mem.h"
#include "upstream/upstream_int.h"

static void on_event(struct tls_stream *s, unsigned events);
static void on_timer(struct sl_timer *timer);
static void on_task(struct sl_task *task);

/* ---- life ---- */

struct up_conn *conn_new(struct upstream *u, struct pool_origin *o)
{
    struct up_conn *c = SL_NEW(struct up_conn);
    c->magic = CONN_MAGIC;
    c->up = u;
    c->origin = o;
    pool_origin_use(o);
    tls_stream_init(&c->stream, on_event);
    sl_chunks_init(&c->out, CONN_OUT_MAX, u->chunks);
    sl_chunks_init(&c->held, u->scratch_n, u->chunks);
    sl_list_init(&c->at_origin);
    sl_list_init(&c->by_age);
    sl_list_init(&c->node);
    sl_list_add_tail(&u->conns, &c->node);
    sl_task_init(&c->task, on_task);
    sl_timer_init(&c->timer, on_timer);
    STAT_ADD(u, connections, 1);
    return c;
}

static void free_conn(struct sl_ended *e)
{
    struct up_conn *c = SL_CONTAINER_OF(e, struct up_conn, ended);
    c->magic = 0;
    sl_free(c);
}

void conn_close(struct up_conn *c, enum conn_close_how how)
{
    struct upstream *u = c->up;
    SL_CHECK(c->magic == CONN_MAGIC);
    if (c->phase == CONN_CLOSED)
        return;
    if (c->phase == CONN_H2)
        conn_end_h2(c);
    c->phase = CONN_CLOSED;
    c->attempt = NULL;
    pool_remove(c);
    sl_timer_cancel(u->loop, &c->timer);
    sl_task_cancel(&c->task);
    sl_list_remove(&c->node);
    sl_chunks_done(&c->out);
    sl_chunks_done(&c->held);
    if (how == CONN_CLOSE_RESET)
        tls_stream_reset(&c->stream);
    else
        tls_stream_close(&c->stream);
    STAT_ADD(u, connections, -1);
    pool_origin_unuse(u, c->origin);
    c->origin = NULL;
    sl_end(u->loop, &c->ended, free_conn);
}

/* ---- events ---- */

void conn_want(struct up_conn *c)
{
    const struct attempt *t = c->attempt;
    unsigned want = SL_READABLE;
    switch (c->phase) {
    case CONN_CONNECT:
    case CONN_SHAKE:
    case CONN_CLOSED:
        return; /* connect and handshake ask for themselves */
    case CONN_PROXY:
    case CONN_H2:
        if (c->out.n > 0)
            want |= SL_WRITABLE;
        break;
    case CONN_H1:
        if (t->held && t->head_seen)
            want = 0;
        if (!c->write_failed && (c->out.n > 0 || attempt_has_unsent(t)))
            want |= SL_WRITABLE;
        break;
    case CONN_DRAIN:
    case CONN_IDLE:
        break;
    }
    tls_stream_want(&c->stream, want);
}

bool conn_write_out(struct up_conn *c)
{
    while (c->out.n > 0) {
        struct iovec v[SEND_IOV];
        size_t sent = 0;
        enum sl_io r = tls_stream_write(&c->stream, v, sl_chunks_iov(&c->out, v, SEND_IOV), &sent);
        if (r == SL_IO_AGAIN)
            return true;
        if (r != SL_IO_OK)
            return false;
        sl_chunks_drop(&c->out, sent);
    }
    return true;
}

static void send_h1(struct up_conn *c);
static void tell_room(struct up_conn *c);

static void on_event_h1(struct up_conn *c, unsigned events)
{
    if ((events & SL_WRITABLE) != 0 && c->phase == CONN_H1) {
        send_h1(c);
        tell_room(c);
    }
    bool held = c->phase == CONN_H1 && c->attempt->held && c->attempt->head_seen;
    if ((events & SL_READABLE) != 0 && !held)
        conn_read_h1(c);
    conn_want(c);
}

static void on_event(struct tls_stream *s, unsigned events)
{
    struct up_conn *c = SL_CONTAINER_OF(s, struct up_conn, stream);
    SL_CHECK(c->magic == CONN_MAGIC);
    switch (c->phase) {
    case CONN_CONNECT:
    case CONN_PROXY:
    case CONN_SHAKE:
        dial_on_event(c, events);
        return;
    case CONN_H1:
    case CONN_DRAIN:
        on_event_h1(c, events);
        return;
    case CONN_IDLE:
        pool_on_idle_event(c);
        return;
    case CONN_H2:
        conn_on_event_h2(c, events);
        return;
    case CONN_CLOSED:
        return;
    }
}

static void on_task(struct sl_task *task)
{
    struct up_conn *c = SL_CONTAINER_OF(task, struct up_conn, task);
    if (c->phase == CONN_H2)
        conn_task_h2(c);
    else if (c->phase == CONN_H1 || c->phase == CONN_DRAIN)
        on_event_h1(c, SL_READABLE); /* decrypted bytes wait, for which no event comes */
}

static void on_timer(struct sl_timer *timer)
{
    struct up_conn *c = SL_CONTAINER_OF(timer, struct up_conn, timer);
    if (c->phase == CONN_H2 &&
        c->n_streams > 0) /* a session in doubt: those who are on it have deadlines of their own */
        sl_timer_arm(c->up->loop, timer, sl_loop_now(c->up->loop) + SL_SEC);
    else
        conn_close(c, CONN_CLOSE_RESET);
}

/* ---- the request ---- */

void conn_start_h1(struct up_conn *c, struct attempt *t)
{
    struct http_request r;
    c->phase = CONN_H1;
    c->attempt = t;
    c->got_bytes = c->write_failed = false;
    c->began_ns = sl_loop_now(c->up->loop);
    c->drained = 0;
    c->late = H1_MORE;
    t->conn = c;
    attempt_request_head(t, &r);
    h1_parser_init(&c->parser, H1_RESPONSES, &c->up->h1_limits);
    h1_parser_begin_response(&c->parser, t->arena, r.method);
    if (t->req.upgrade)
        h1_parser_take_upgrade(&c->parser);
    attempt_goto(t, AS_SEND);
    sl_chunks_clear(&c->out);
    unsigned how = t->req.upgrade ? H1_W_UPGRADE : c->idle_ns > 0 ? 0 : H1_W_CLOSE;
    if (h1_write_request_head(&c->out, &r, how) != SL_OK) {
        attempt_over(t, OUT_CLIENT_FAULT, "the request head cannot be written");
        return;
    }
    send_h1(c);
    conn_want(c);
}

static void sent(struct up_conn *c, size_t n)
{
    struct attempt *t = c->attempt;
    size_t of_head = n < c->out.n ? n : c->out.n;
    t->result.sent = true;
    t->result.bytes_out += n;
    sl_chunks_drop(&c->out, of_head);
    attempt_body_sent(t, n - of_head);
    attempt_progress(t);
}

/* A body of unknown length, RFC 9112 7.1: what waits becomes one chunk in the connection's own queue. */
static void wrap_chunk(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    struct iovec v[SEND_IOV];
    char line[24];
    if (!attempt_is_chunked(t) || c->out.n > 0 || t->stream_ended)
        return;
    int n = sl_chunks_iov(&t->stream_body, v, SEND_IOV);
    size_t all = 0;
    for (int i = 0; i < n; i++)
        all += v[i].iov_len;
    if (all > 0) {
        int k = snprintf(line, sizeof line, "%zx\r\n", all);
        bool ok = sl_chunks_add(&c->out, line, (size_t)k) == SL_OK;
        for (int i = 0; i < n; i++)
            ok = ok && sl_chunks_add(&c->out, v[i].iov_base, v[i].iov_len) == SL_OK;
        SL_CHECK(ok && sl_chunks_add(&c->out, "\r\n", 2) == SL_OK); /* no more than ATTEMPT_BODY_ROOM and a read */
        attempt_body_sent(t, all);
    }
    if (t->stream_last && t->stream_body.n == 0) {
        SL_CHECK(sl_chunks_add(&c->out, "0\r\n\r\n", 5) == SL_OK);
        t->stream_ended = true;
    }
}

/* SEND: entered with a connection; waits for the socket to take head and body; leaves to HEAD, or to BODY when the answer
 * is faster than the request. */
static void send_h1(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    wrap_chunk(c);
    while (!c->write_failed && (c->out.n > 0 || attempt_has_unsent(t))) {
        struct iovec v[SEND_IOV];
        size_t put = 0, all = 0;
        int n = sl_chunks_iov(&c->out, v, SEND_IOV / 2);
        if (!attempt_is_chunked(t))
            n += attempt_body_iov(t, v + n, SEND_IOV - n);
        for (int i = 0; i < n; i++)
            all += v[i].iov_len;
        enum sl_io r = tls_stream_write(&c->stream, v, n, &put);
        if (r == SL_IO_AGAIN)
            return;
        if (r != SL_IO_OK) { /* an answer may be there all the same: "too large", and closed */
            c->write_failed = true;
            attempt_post(t, TODO_READ);
            return;
        }
        sent(c, put);
        if (put < all)
            return; /* the socket is full: an event will come */
        wrap_chunk(c);
    }
    if (!c->write_failed && t->state == AS_SEND && attempt_all_sent(t))
        attempt_goto(t, AS_HEAD);
}

/* What was upgraded: whatever waits leaves first. The owner keeps the queue small (attempt_room). */
void conn_send_h1(struct up_conn *c, const struct iovec *v, int n)
{
    c->out.max = SIZE_MAX / 4;
    for (int i = 0; i < n; i++)
        SL_CHECK(sl_chunks_add(&c->out, v[i].iov_base, v[i].iov_len) == SL_OK);
    if (!c->write_failed)
        send_h1(c);
    conn_want(c);
}

/* An upgraded connection has written most of what waited. */
static void tell_room(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    if (!t->room_wanted || c->out.n > TUNNEL_OUT / 4)
        return;
    t->room_wanted = false;
    if (t->owner->on_room != NULL)
        t->owner->on_room(t->owner_arg);
}

/* ---- the answer ---- */

static bool is_reading(const struct up_conn *c)
{
    return c->phase == CONN_H1 || c->phase == CONN_DRAIN;
}

void conn_more_body(struct attempt *t)
{
    struct up_conn *c = t->conn;
    if (c->h2 != NULL) {
        conn_send_h2(c, t);
        return;
    }
    if (t->stream_last && t->stream_body.n == 0 && !attempt_is_chunked(t))
        t->stream_ended = true; /* the end came without bytes */
    send_h1(c);
    conn_want(c);
}

/* The attempt has what it wanted and leaves; the connection is kept when it may serve again. */
static void complete_h1(struct up_conn *c, bool stray)
{
    struct attempt *t = c->attempt;
    bool all_sent = c->out.n == 0 && !c->write_failed && (t == NULL || attempt_all_sent(t));
    bool reusable = all_sent && !stray && h1_parser_keep_alive(&c->parser);
    c->attempt = NULL;
    if (stray)
        STAT(c->up, poisoned);
    if (c->phase == CONN_DRAIN && reusable)
        STAT(c->up, drained);
    sl_timer_cancel(c->up->loop, &c->timer);
    if (reusable)
        pool_put(c);
    else
        conn_close(c, CONN_CLOSE_ORDERLY);
    if (t == NULL)
        return;
    t->conn = NULL;
    attempt_over(t, OUT_OK, "");
}

static void malformed_h1(struct up_conn *c)
{
    struct attempt *t = c->attempt;
    const struct h1_error *e = h1_parser_error(&c->parser);
    struct sl_str code = sl_str_c(e->code);
    bool large = sl_str_eq(code, SL_STR("head_too_large")) || sl_str_eq(code, SL_STR("too_many_headers"));
    if (t == NULL)
        conn_close(c, CONN_CLOSE_RESET);
    else
        attempt_over(t, large ? OUT_TOO_LARGE : OUT_MALFORMED, e->text); /* closes c */
}

static void drained(struct up_conn *c, size_t n)
{
    c->drained += n;
    if (c->drained > c->up->limits.drain_bytes)
        conn_close(c, CONN_CLOSE_RESET);
}

/* Small chunks that came in one read are moved together and go on as one body: an event stream then costs the client's
 * connection one write, not one for each event. The bytes are ours (scratch, or what was kept). */
static void join_body(struct up_conn *c, struct sl_str *in, struct sl_str *body)
{
    struct sl_str more;
    while (in->n > 0) {
        enum h1_result news = h1_parser_feed(&c->parser, in, &more);
        if (news != H1_BODY) {
            c->late = news;
            return;
        }
        memmove((char *)(uintptr_t)body->p + body->n, more.p, more.n);
        body->n += more.n;
    }
}

static enum h1_result next_news(struct up_conn *c, struct sl_str *in, struct sl_str *out_body)
{
    enum h1_result news = c->late;
    c->late = H1_MORE;
    if (news != H1_MORE)
        return news;
    news = h1_parser_feed(&c->parser, in, out_body);
    if (news == H1_BODY)
        join_body(c, in, out_body);
    return news;
}

/* Passes one piece of news on; false: there is no more to do with these bytes. */
static bool feed_once(struct up_conn *c, struct sl_str *in)
{
    struct sl_str body;
    switch (next_news(c, in, &body)) {
    case H1_MORE:
        return false;
    case H1_HEAD:
        attempt_head(c->attempt, h1_parser_response(&c->parser));
        return true;
    case H1_BODY:
        if (c->attempt != NULL)
            attempt_body(c->attempt, body);
        else
            drained(c, body.n);
        return true;
    case H1_COMPLETE:
        complete_h1(c, in->n > 0);
        return false;
    case H1_BAD:
        malformed_h1(c);
        return false;
    }
    return false;
}

/* Until the bytes are used up, or the attempt wants no more for now: then the rest is kept. After each call of the owner
 * the connection may be closed, or in DRAIN without its attempt. */
static void feed_h1(struct up_conn *c, struct sl_str in)
{
    c->feeding = true;
    while (is_reading(c)) {
        const struct attempt *t = c->attempt;
        if (t != NULL && t->held && t->head_seen) {
            SL_CHECK(sl_chunks_add(&c->held, in.p, in.n) == SL_OK); /* less than the scratch buffer holds */
            break;
        }
        if (!feed_once(c, &in))
            break;
    }
    c->feeding = false;
}

static void ended_h1(struct up_conn *c, enum sl_io how)
{
    struct attempt *t = c->attempt;
    struct upstream *u = c->up;
    bool reset = how == SL_IO_ERROR;
    if (t == NULL) {
        conn_close(c, CONN_CLOSE_ORDERLY);
        return;
    }
    /* over TLS an end without close_notify may be anybody's: RFC 8446 6.1 */
    if (!reset && !tls_stream_is_truncated(&c->stream) && h1_parser_eof(&c->parser) == H1_EOF_COMPLETE) {
        complete_h1(c, false); /* keep_alive is false for such a body */
        return;
    }
    bool came = c->got_bytes, sending = c->write_failed || !attempt_all_sent(t);
    bool stale = c->reused && !came && sl_loop_now(u->loop) - c->began_ns <= u->limits.stale_ns;
    t->conn = NULL;
    conn_close(c, CONN_CLOSE_ORDERLY);
    if (stale && !t->req.once) {
        STAT(u, stale);
        t->fresh = true;
        if (attempt_try_again(t))
            return;
    }
    if (came && reset)
        attempt_over(t, OUT_RESET, "reset within the answer");
    else if (came)
        attempt_over(t, OUT_TRUNCATED, t->head_seen ? "the answer was cut short" : "the head was cut short");
    else if (sending)
        attempt_over(t, OUT_SEND_FAILED, reset ? "reset while sending" : "closed while sending");
    else
        attempt_over(t, OUT_RESET, reset ? "reset before the answer" : "closed before the answer");
}

/* An event stream that is written without a pause brings an event every few microseconds. Read alone each costs a turn of the
 * loop, a read and a write to the client, ten times what it costs to pass it on. From the fifth such read on the socket is
 * left alone for a tenth of a millisecond at a time, until one look finds nothing. */
void conn_gather(struct up_conn *c, size_t n)
{
    int64_t now = sl_loop_now(c->up->loop);
    bool quick = n < QUICK_BYTES && (c->quick_reads >= QUICK_READS || now - c->last_read_ns < QUICK_NS);
    c->last_read_ns = now;
    c->quick_reads = quick ? c->quick_reads + 1 : 0;
    if (c->quick_reads >= QUICK_READS)
        tls_stream_rest(&c->stream);
}

void conn_read_h1(struct up_conn *c)
{
    struct upstream *u = c->up;
    for (unsigned i = 0; i < READS_PER_EVENT && is_reading(c); i++) {
        const struct attempt *t = c->attempt;
        size_t n = 0;
        if (t != NULL && t->held && t->head_seen)
            return;
        enum sl_io r = tls_stream_read(&c->stream, u->scratch, u->scratch_n, &n);
        if (r == SL_IO_AGAIN) {
            c->quick_reads = 0;
            if (c->write_failed && t != NULL && !t->head_seen && !c->got_bytes)
                ended_h1(c, SL_IO_ERROR); /* cannot send, and nothing came: there is nothing to wait for */
            return;
        }
        if (r != SL_IO_OK) {
            ended_h1(c, r);
            return;
        }
        c->got_bytes = true;
        if (c->attempt != NULL) {
            c->attempt->result.bytes_in += n;
            attempt_first_byte(c->attempt);
        }
        feed_h1(c, sl_str_of(u->scratch, n));
        if (!is_reading(c))
            return;
        if (n < u->scratch_n && !c->write_failed && !tls_stream_pending(&c->stream)) {
            conn_gather(c, n);
            return;
        }
    }
    if (is_reading(c) && tls_stream_pending(&c->stream))
        sl_task_post(u->loop, &c->task);
}

/* Feeds what was kept; the bytes leave the connection first, since it may be closed by whom they are given to. */
static void feed_held(struct up_conn *c)
{
    struct sl_chunks kept;
    sl_chunks_init(&kept, c->held.max, c->up->chunks);
    sl_chunks_move(&kept, &c->held);
    feed_h1(c, sl_chunks_flat(&kept));
    sl_chunks_done(&kept);
}

void conn_resume_h1(struct up_conn *c)
{
    feed_held(c); /* even when nothing is kept: the parser may have to say that the answer is complete */
    if (is_reading(c) && tls_stream_pending(&c->stream))
        conn_read_h1(c);
    conn_want(c);
}

void conn_leave_h1(struct up_conn *c, bool drain)
{
    struct attempt *t = c->attempt;
    bool all_sent = c->out.n == 0 && !c->write_failed && attempt_all_sent(t);
    bool worth_it = drain && t->head_seen && all_sent && h1_parser_keep_alive(&c->parser);
    c->attempt = NULL;
    t->conn = NULL;
    if (!worth_it) {
        conn_close(c, CONN_CLOSE_RESET);
        return;
    }
    /* The parser does not look at the attempt's arena once the head is behind it (http/h1.c). */
    c->phase = CONN_DRAIN;
    sl_timer_arm(c->up->loop, &c->timer, sl_loop_now(c->up->loop) + c->up->limits.drain_ns);
    if (!c->feeding)
        feed_held(c);
    conn_want(c);
}
