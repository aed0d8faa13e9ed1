/* HTTP/1.x on a client connection: one request at a time, pipelined bytes wait in c->in.
 *
 *   idle ─ first byte ─► stream made, head deadline ─ H1_HEAD ─► app->on_request ─ body as the app asks ─►
 *        ◄─ released and answered, keep-alive ─────────────────────────────────────────────────────────┘
 *
 * A stream is finished in conn_h1_progress only (end of the turn), when the app has released it and the last byte of the
 * answer is queued. A request whose body was not read to its end never gives the connection to another request. */
#include "base/buf.h"
#include "base/mem.h"
#include "listen/conn_int.h"

#define FREE_H1_MAX 512u
#define BODY_IOV 12

struct h1_stream {
    struct http_stream pub; /* first */
    struct conn *c;         /* borrow: the connection outlives its streams */
    struct sl_arena arena;
    struct h1_stream *next_free;
    bool opened;       /* the app knows it */
    bool reading;      /* the app wants body bytes */
    bool request_done; /* the whole request was read */
    bool last_given;   /* on_body(last) was called */
    bool head_sent, last_sent, chunked, until_close, no_body, close;
    bool released;
    bool continue_sent;
    bool tunnel; /* behind 101: bytes pass as they are, both ways */
};

static const struct http_stream_ops h1_ops;

static struct h1_stream *stream_of(struct http_stream *s)
{
    return (struct h1_stream *)s;
}

/* ---- streams ---- */

static struct h1_stream *stream_take(struct conn *c)
{
    struct listen_server *srv = c->srv;
    struct h1_stream *st = srv->free_h1;
    if (st != NULL) {
        srv->free_h1 = st->next_free;
        srv->n_free_h1--;
        memset(st, 0, sizeof *st);
    } else {
        st = SL_NEW(struct h1_stream);
    }
    sl_arena_init(&st->arena, srv->o.arenas);
    st->c = c;
    st->pub.ops = &h1_ops;
    st->pub.app = srv->o.app;
    st->pub.arena = &st->arena;
    st->pub.peer = c->peer;
    st->pub.tls = c->is_tls;
    st->pub.began_ns = sl_loop_now(srv->loop);
    return st;
}

static void stream_drop(struct conn *c)
{
    struct h1_stream *st = c->stream;
    struct listen_server *srv = c->srv;
    c->stream = NULL;
    sl_arena_done(&st->arena);
    if (srv->n_free_h1 >= FREE_H1_MAX) {
        sl_free(st);
        return;
    }
    st->next_free = srv->free_h1;
    srv->free_h1 = st;
    srv->n_free_h1++;
}

void h1_streams_free(struct listen_server *s)
{
    while (s->free_h1 != NULL) {
        struct h1_stream *st = s->free_h1;
        s->free_h1 = st->next_free;
        sl_free(st);
    }
}

/* ---- refusals of the codec itself ---- */

static void write_refusal(struct conn *c, int status, struct sl_str code, struct sl_str text)
{
    char body[512];
    struct sl_buf b;
    sl_buf_init(&b, sizeof body);
    sl_buf_adds(&b, SL_STR("{\"error\":{\"message\":"));
    sl_buf_add_json(&b, text);
    sl_buf_adds(&b, SL_STR(",\"type\":\"invalid_request_error\",\"param\":null,\"code\":"));
    sl_buf_add_json(&b, code);
    sl_buf_adds(&b, SL_STR("}}"));
    struct http_header h = {.name = SL_STR("content-type"), .value = SL_STR("application/json"), .id = HN_CONTENT_TYPE};
    struct http_response r = {.status = status, .headers = {.v = &h, .n = 1, .cap = 1}, .content_length = (int64_t)b.n};
    if (h1_write_response_head(&c->out, &r, H1_W_CLOSE, sl_str_c(conn_date(c->srv))) == SL_OK) {
        struct iovec v = {.iov_base = b.p, .iov_len = b.n};
        conn_write(c, &v, 1);
    }
    sl_buf_done(&b);
}

/* The request cannot be gone on with: says why if nothing was said yet, then closes after a bounded drain. */
static void refuse(struct conn *c, int status, struct sl_str code, struct sl_str text)
{
    struct h1_stream *st = c->stream;
    stat_add(&c->srv->stats.bad_requests, 1);
    if (st == NULL || !st->head_sent)
        write_refusal(c, status, code, text);
    if (st == NULL || !st->opened) {
        if (st != NULL)
            stream_drop(c);
        conn_linger(c);
        return;
    }
    conn_fail(c, HTTP_GONE_PROTOCOL);
}

/* ---- reading ---- */

static void body_deadline(struct conn *c)
{
    struct h1_stream *st = c->stream;
    if (st == NULL || !st->opened || c->due == DUE_WRITE)
        return;
    if (st->reading && !st->request_done)
        conn_due_set(c, DUE_BODY, c->srv->o.limits.body_ns);
    else if (c->due != DUE_NONE)
        conn_due_set(c, DUE_NONE, 0);
}

static void give_body(struct h1_stream *st, struct sl_str bytes, bool last)
{
    st->last_given = last;
    if (!st->released && !st->pub.gone)
        st->pub.app->on_body(st->pub.x, bytes, last);
}

static void on_head(struct conn *c, struct h1_stream *st)
{
    struct http_request *r = h1_parser_request(&c->parser);
    st->opened = true;
    st->no_body = r->method == HTTP_HEAD;
    if (c->out.n > 0) /* the answer before this one */
        conn_due_set(c, DUE_WRITE, c->srv->o.limits.write_ns);
    else
        conn_due_set(c, DUE_NONE, 0);
    st->pub.tls_subject = tls_stream_peer_subject(&c->s);
    st->pub.x = st->pub.app->on_request(c->srv->o.app_arg, &st->pub, r);
}

static bool may_feed(const struct conn *c, const struct sl_str *in)
{
    const struct h1_stream *st = c->stream;
    if (c->failed || c->kind != CONN_H1)
        return false;
    if (st == NULL) /* nobody's answers pile up who sends requests and reads nothing */
        return in->n > 0 && !c->close_after_flush && conn_room(c) > 0;
    if (st->request_done)
        return st->tunnel && st->reading && in->n > 0;
    return !st->opened || st->reading || !h1_parser_request(&c->parser)->has_body;
}

static void begin(struct conn *c)
{
    c->stream = stream_take(c);
    h1_parser_begin(&c->parser, &c->stream->arena);
    conn_due_set(c, DUE_HEAD, c->srv->o.limits.head_ns);
}

/* One piece of news from the parser; false: nothing more for now. */
static bool step(struct conn *c, struct sl_str *in)
{
    struct h1_stream *st = c->stream;
    struct sl_str body;
    size_t before = in->n;
    if (st->tunnel && st->request_done) {
        body = *in;
        *in = sl_str_from(*in, in->n);
        st->pub.bytes_in += body.n;
        give_body(st, body, false);
        return false;
    }
    enum h1_result r = h1_parser_feed(&c->parser, in, &body);
    st->pub.bytes_in += before - in->n;
    switch (r) {
    case H1_MORE:
        return false;
    case H1_HEAD:
        on_head(c, st);
        return true;
    case H1_BODY:
        give_body(st, body, h1_parser_is_drained(&c->parser));
        return true;
    case H1_COMPLETE:
        st->request_done = true;
        if (h1_parser_request(&c->parser)->has_body && !st->last_given)
            give_body(st, SL_STR_NONE, true);
        return true;
    case H1_BAD:
        break;
    }
    const struct h1_error *e = h1_parser_error(&c->parser);
    refuse(c, e->status, sl_str_c(e->code), sl_str_c(e->text));
    return false;
}

static void feed(struct conn *c, struct sl_str *in)
{
    while (may_feed(c, in)) {
        if (c->stream == NULL)
            begin(c);
        if (!step(c, in))
            break;
    }
    if (!c->failed && c->kind == CONN_H1)
        body_deadline(c);
}

static void feed_waiting(struct conn *c)
{
    struct sl_str in = sl_chunks_flat(&c->in);
    size_t had = in.n;
    feed(c, &in);
    if (c->kind == CONN_H1)
        sl_chunks_drop(&c->in, had - in.n);
    if (c->in.n == 0 && !c->failed && c->kind == CONN_H1)
        tls_stream_want(&c->s, c->s.want | SL_READABLE);
}

void conn_h1_feed(struct conn *c, struct sl_str bytes)
{
    if (c->in.n == 0)
        feed(c, &bytes);
    if (bytes.n == 0 || c->failed || c->kind != CONN_H1)
        return;
    bool first = c->in.n == 0;
    if (sl_chunks_add(&c->in, bytes.p, bytes.n) != SL_OK) {
        conn_fail(c, HTTP_GONE_PROTOCOL); /* cannot be: READABLE is off long before */
        return;
    }
    if (!first)
        feed_waiting(c);
    if (c->in.n >= c->srv->o.scratch_bytes && !c->failed)
        tls_stream_want(&c->s, c->s.want & ~(unsigned)SL_READABLE);
}

void conn_h1_begin(struct conn *c)
{
    h1_parser_init(&c->parser, H1_REQUESTS, &c->srv->h1_limits);
}

/* ---- the app's calls ---- */

static void op_read(struct http_stream *s, bool on)
{
    struct h1_stream *st = stream_of(s);
    struct conn *c = st->c;
    if (c->failed || st->reading == on)
        return;
    st->reading = on;
    if (on && !st->continue_sent && h1_parser_request(&c->parser)->expect_continue && c->in.n == 0) {
        st->continue_sent = true;
        if (h1_write_informational(&c->out, 100) == SL_OK)
            conn_flush_later(c);
    }
    sl_task_post(c->srv->loop, &c->task); /* bytes may wait, the deadline changes */
}

static void op_send_informational(struct http_stream *s, int status)
{
    struct h1_stream *st = stream_of(s);
    if (!st->c->failed && !st->head_sent && h1_write_informational(&st->c->out, status) == SL_OK)
        conn_flush_later(st->c);
}

static void op_send_head(struct http_stream *s, const struct http_response *r, bool last)
{
    struct h1_stream *st = stream_of(s);
    struct conn *c = st->c;
    const struct http_request *q = h1_parser_request(&c->parser);
    unsigned flags = st->no_body ? H1_W_NO_BODY : 0;
    if (c->failed || s->gone || st->head_sent)
        return;
    /* a body that is still on its way cannot be told from the next request once we have answered */
    st->close = c->srv->draining || !h1_parser_keep_alive(&c->parser) ||
                (q->has_body && !st->request_done && !st->last_given);
    bool unknown = r->content_length == HTTP_LENGTH_NONE && !last && !st->no_body;
    if (unknown && q->version == HTTP_1_0) {
        flags |= H1_W_UNTIL_CLOSE;
        st->until_close = st->close = true;
    }
    st->chunked = unknown && !st->until_close;
    flags |= st->close ? H1_W_CLOSE : q->version == HTTP_1_0 ? H1_W_KEEP_ALIVE : 0;
    struct http_response with_length = *r;
    if (last && r->content_length == HTTP_LENGTH_NONE)
        with_length.content_length = 0;
    size_t before = c->out.n;
    if (h1_write_response_head(&c->out, &with_length, flags, sl_str_c(conn_date(c->srv))) != SL_OK) {
        conn_fail(c, HTTP_GONE_CLOSED);
        return;
    }
    s->bytes_out += c->out.n - before;
    st->head_sent = true;
    st->last_sent = last;
    conn_flush_later(c);
}

static bool op_upgrade(struct http_stream *s, const struct http_response *r)
{
    struct h1_stream *st = stream_of(s);
    struct conn *c = st->c;
    const struct http_request *q = h1_parser_request(&c->parser);
    size_t before = c->out.n;
    if (c->failed || s->gone || st->head_sent || q->version != HTTP_1_1 || q->has_body || r->status != 101)
        return false;
    if (h1_write_response_head(&c->out, r, H1_W_UPGRADE, SL_STR_NONE) != SL_OK)
        return false;
    s->bytes_out += c->out.n - before;
    st->head_sent = st->tunnel = st->close = true;
    conn_flush_later(c);
    return true;
}

static void op_send_body(struct http_stream *s, const struct iovec *v, int n, bool last)
{
    struct h1_stream *st = stream_of(s);
    struct conn *c = st->c;
    struct iovec all[BODY_IOV + 3];
    char prefix[H1_CHUNK_PREFIX_MAX];
    if (c->failed || s->gone || !st->head_sent || st->last_sent)
        return;
    while (n > BODY_IOV) {
        op_send_body(s, v, BODY_IOV, false);
        v += BODY_IOV;
        n -= BODY_IOV;
    }
    int at = 0;
    size_t bytes = 0;
    for (int i = 0; i < n; i++)
        bytes += v[i].iov_len;
    if (st->chunked && bytes > 0)
        all[at++] = (struct iovec){.iov_base = prefix, .iov_len = h1_chunk_prefix(bytes, prefix)};
    for (int i = 0; i < n && !st->no_body; i++)
        all[at++] = v[i];
    if (st->chunked && (bytes > 0 || last)) {
        /* the suffix of this chunk and the end of all are one constant: "\r\n" "0\r\n\r\n" */
        static const char ends[] = "\r\n0\r\n\r\n";
        size_t from = bytes > 0 ? 0 : 2, to = last ? 7 : 2;
        all[at++] = (struct iovec){.iov_base = (void *)(uintptr_t)(ends + from), .iov_len = to - from};
    }
    st->last_sent = last;
    for (int i = 0; i < at; i++)
        s->bytes_out += all[i].iov_len;
    if (at > 0)
        conn_write(c, all, at);
    if (last)
        sl_task_post(c->srv->loop, &c->task);
}

static size_t op_room(const struct http_stream *s)
{
    struct conn *c = ((const struct h1_stream *)s)->c;
    size_t room = conn_room(c);
    if (room == 0)
        c->room_wanted = true;
    return room;
}

static void op_reset(struct http_stream *s)
{
    struct h1_stream *st = stream_of(s);
    if (st->until_close || !st->head_sent)
        tls_stream_reset(&st->c->s); /* a plain close would look like the end of the body */
    conn_fail(st->c, HTTP_GONE_CLOSED);
}

static void op_release(struct http_stream *s)
{
    struct h1_stream *st = stream_of(s);
    SL_CHECK(!st->released);
    st->released = true;
    if (!st->last_sent && !s->gone)
        conn_fail(st->c, HTTP_GONE_CLOSED);
    sl_task_post(st->c->srv->loop, &st->c->task);
}

static void op_send_raw(struct http_stream *s, struct sl_str bytes, bool close)
{
    struct h1_stream *st = stream_of(s);
    struct iovec v = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    st->head_sent = st->until_close = true; /* a reset after raw bytes is a real one: who knows what they were */
    if (bytes.n > 0)
        conn_write(st->c, &v, 1);
    if (close) {
        st->last_sent = st->close = true;
        sl_task_post(st->c->srv->loop, &st->c->task);
    }
}

static const struct http_stream_ops h1_ops = {
    .read = op_read,
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_informational = op_send_informational,
    .room = op_room,
    .reset = op_reset,
    .release = op_release,
    .send_raw = op_send_raw,
    .upgrade = op_upgrade,
};

/* ---- what comes next ---- */

static void next_request(struct conn *c)
{
    if (c->srv->draining && c->in.n == 0) {
        c->close_after_flush = true;
        return;
    }
    conn_due_set(c, c->out.n > 0 ? DUE_WRITE : DUE_IDLE,
                 c->out.n > 0 ? c->srv->o.limits.write_ns : c->srv->o.limits.idle_ns);
    if (c->in.n == 0) /* else when that is used up */
        tls_stream_want(&c->s, c->s.want | SL_READABLE);
}

static void finish_stream(struct conn *c)
{
    struct h1_stream *st = c->stream;
    bool close = st->close, tunnel = st->tunnel;
    bool unread = !st->request_done && !h1_parser_is_drained(&c->parser);
    if (!st->request_done && !unread) /* the length is used up, the parser only has to say so */
        unread = h1_parser_feed(&c->parser, &(struct sl_str){"", 0}, &(struct sl_str){NULL, 0}) != H1_COMPLETE;
    stream_drop(c);
    if (unread || tunnel) /* what still comes must not make a reset that overtakes our last bytes */
        conn_linger(c);
    else if (close)
        c->close_after_flush = true;
    else
        next_request(c);
}

void conn_h1_progress(struct conn *c)
{
    struct h1_stream *st = c->stream;
    if (st != NULL && st->released && st->last_sent)
        finish_stream(c);
    if (c->kind != CONN_H1 || c->failed)
        return;
    if (c->close_after_flush) {
        if (c->out.n == 0 && c->stream == NULL)
            conn_end(c);
        else if (c->out.n > 0 && c->due == DUE_NONE)
            conn_due_set(c, DUE_WRITE, c->srv->o.limits.write_ns);
        return;
    }
    if (c->in.n > 0)
        feed_waiting(c);
    else
        body_deadline(c);
    if (c->stream == NULL && c->due == DUE_NONE && c->kind == CONN_H1 && !c->failed)
        conn_due_set(c, DUE_IDLE, c->srv->o.limits.idle_ns);
}

void conn_h1_room(struct conn *c)
{
    struct h1_stream *st = c->stream;
    if (st != NULL && st->opened && !st->released && !st->pub.gone)
        st->pub.app->on_room(st->pub.x);
}

/* The connection is broken: tells the app once, and goes when the app has let go. */
void conn_h1_gone(struct conn *c, enum http_gone why)
{
    struct h1_stream *st = c->stream;
    if (why == HTTP_GONE_PROTOCOL && c->out.n > 0)
        conn_flush_best(c);
    tls_stream_close(&c->s);
    if (st != NULL && st->opened && !st->released) {
        if (!st->pub.gone) {
            st->pub.gone = true;
            st->pub.app->on_gone(st->pub.x, why);
        }
        return;
    }
    if (st != NULL)
        stream_drop(c);
    conn_end(c);
}

void conn_h1_timeout(struct conn *c)
{
    struct h1_stream *st = c->stream;
    if (st != NULL && st->opened) {
        if (!st->released && !st->pub.gone)
            st->pub.app->on_gone(st->pub.x, HTTP_GONE_BODY_SLOW);
        return;
    }
    if (st == NULL || h1_parser_is_untouched(&c->parser)) {
        conn_fail(c, HTTP_GONE_CLOSED);
        return;
    }
    refuse(c, 408, SL_STR("request_timeout"), SL_STR("The request head did not arrive in time."));
}

/* Between two requests: goes now, or when the last answer has left. */
void conn_h1_drain(struct conn *c)
{
    if (c->stream != NULL && c->stream->opened)
        return;
    if (c->out.n == 0) {
        conn_fail(c, HTTP_GONE_SHUTDOWN);
        return;
    }
    if (c->stream != NULL)
        stream_drop(c);
    c->close_after_flush = true;
    conn_due_set(c, DUE_WRITE, c->srv->o.limits.write_ns);
}
