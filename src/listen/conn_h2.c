/* HTTP/2 on a client connection. The session (http/h2.h) splits the connection into streams; each is an http_stream for
 * the app. Output is pulled at the end of the turn, so that all streams' frames leave in few writes. */
#include "base/mem.h"
#include "listen/conn_int.h"

#define OUTPUT_MARK 65536u /* bytes pulled from the session ahead of the socket */

struct conn_h2 {
    struct h2_session *session; /* own */
    struct sl_list streams;     /* struct h2_app_stream */
    unsigned n;
    bool over;     /* flushed what it had to say; close */
    bool progress; /* the feed that runs brought a piece of a request */
};

struct h2_app_stream {
    struct http_stream pub; /* first */
    struct conn *c;         /* borrow */
    struct h2_stream *s;    /* borrow; NULL once closed */
    struct sl_list node;
    struct sl_arena arena;
    struct sl_chunks wait; /* body bytes that came before the app wanted them; at most the stream's window */
    struct sl_ended ended;
    struct sl_timer stall; /* looks once per write deadline whether the client took anything of the answer */
    uint64_t given, taken; /* bytes of the answer written to the session; taken by the client at the last look */
    bool opened, has_body, reading, last_came, last_given, head_sent, last_sent, released, over;
};

static const struct http_stream_ops h2_ops;

static struct h2_app_stream *stream_of(struct http_stream *s)
{
    return (struct h2_app_stream *)s;
}

static void later(struct h2_app_stream *st)
{
    sl_task_post(st->c->srv->loop, &st->c->task);
}

static void on_stall_look(struct sl_timer *t);

static void free_stream(struct sl_ended *e)
{
    struct h2_app_stream *st = SL_CONTAINER_OF(e, struct h2_app_stream, ended);
    sl_chunks_done(&st->wait);
    sl_arena_done(&st->arena);
    sl_free(st);
}

/* Once: an app may release from inside on_gone. */
static void end_stream(struct h2_app_stream *st)
{
    if (st->over)
        return;
    st->over = true;
    sl_timer_cancel(st->c->srv->loop, &st->stall);
    if (st->s != NULL)
        h2_stream_detach(st->s);
    st->s = NULL;
    sl_list_remove(&st->node);
    st->c->h2->n--;
    sl_end(st->c->srv->loop, &st->ended, free_stream);
}

/* ---- what the session says ---- */

static struct sl_arena *on_begin(void *owner, struct h2_stream *s)
{
    struct conn *c = owner;
    struct h2_app_stream *st = SL_NEW(struct h2_app_stream);
    st->c = c;
    st->s = s;
    sl_list_init(&st->node);
    sl_list_init(&st->ended.node);
    sl_timer_init(&st->stall, on_stall_look);
    c->h2->progress = true;
    sl_arena_init(&st->arena, c->srv->o.arenas);
    sl_chunks_init(&st->wait, SIZE_MAX / 4, c->srv->o.chunks);
    st->pub = (struct http_stream){.ops = &h2_ops,
                                   .app = c->srv->o.app,
                                   .arena = &st->arena,
                                   .peer = c->peer,
                                   .tls = c->is_tls,
                                   .tls_subject = tls_stream_peer_subject(&c->s),
                                   .began_ns = sl_loop_now(c->srv->loop)};
    h2_stream_set_x(s, st);
    sl_list_add_tail(&c->h2->streams, &st->node);
    c->h2->n++;
    return &st->arena;
}

static void on_request(void *owner, struct h2_stream *s, struct http_request *r)
{
    struct conn *c = owner;
    struct h2_app_stream *st = h2_stream_x(s);
    stat_add(&c->srv->stats.h2_requests, 1);
    st->opened = true;
    st->has_body = r->has_body;
    st->last_came = st->last_given = !r->has_body;
    st->pub.x = st->pub.app->on_request(c->srv->o.app_arg, &st->pub, r);
}

static void give_body(struct h2_app_stream *st, struct sl_str bytes, bool last)
{
    st->last_given = last;
    if (!st->released && !st->pub.gone)
        st->pub.app->on_body(st->pub.x, bytes, last);
    if (bytes.n > 0 && st->s != NULL)
        h2_stream_consume(st->s, bytes.n);
}

static void on_body(void *owner, struct h2_stream *s, struct sl_str bytes, bool last)
{
    struct h2_app_stream *st = h2_stream_x(s);
    struct conn *c = owner;
    c->h2->progress = true;
    st->pub.bytes_in += bytes.n;
    st->last_came = st->last_came || last;
    if (st->reading && st->wait.n == 0)
        give_body(st, bytes, last);
    else
        SL_CHECK(sl_chunks_add(&st->wait, bytes.p, bytes.n) == SL_OK); /* bounded by the window: not consumed yet */
}

static void on_room(void *owner, struct h2_stream *s)
{
    struct h2_app_stream *st = h2_stream_x(s);
    (void)owner;
    if (st->opened && !st->released && !st->pub.gone)
        st->pub.app->on_room(st->pub.x);
}

static void tell_gone(struct h2_app_stream *st, enum http_gone why)
{
    if (!st->opened || st->released || st->pub.gone)
        return;
    st->pub.gone = true;
    st->pub.app->on_gone(st->pub.x, why);
}

static void on_closed(void *owner, struct h2_stream *s, uint32_t error)
{
    struct h2_app_stream *st = h2_stream_x(s);
    (void)owner;
    if (st == NULL)
        return;
    st->s = NULL;
    if (!st->last_sent || error != H2_NO_ERROR)
        tell_gone(st, HTTP_GONE_RESET);
    if (!st->opened || st->released)
        end_stream(st);
}

static const struct h2_events events = {
    .on_begin = on_begin,
    .on_request = on_request,
    .on_body = on_body,
    .on_room = on_room,
    .on_closed = on_closed,
};

/* ---- an answer that the client does not take ---- */

static uint64_t taken_of(const struct h2_app_stream *st)
{
    return st->given - h2_stream_queued(st->s);
}

static void look_later(struct h2_app_stream *st)
{
    struct listen_server *srv = st->c->srv;
    st->taken = taken_of(st);
    sl_timer_arm(srv->loop, &st->stall, sl_loop_now(srv->loop) + srv->o.limits.write_ns);
}

/* A window that stays shut holds one stream only: the connection's own deadline does not see it. */
static void on_stall_look(struct sl_timer *t)
{
    struct h2_app_stream *st = SL_CONTAINER_OF(t, struct h2_app_stream, stall);
    if (st->s == NULL || h2_stream_queued(st->s) == 0)
        return; /* the next piece looks again */
    if (taken_of(st) > st->taken) {
        look_later(st);
        return;
    }
    stat_add(&st->c->srv->stats.timeouts, 1);
    h2_stream_reset(st->s, H2_CANCEL);
    later(st);
    tell_gone(st, HTTP_GONE_STALLED);
}

/* ---- the app's calls ---- */

static void op_read(struct http_stream *s, bool on)
{
    struct h2_app_stream *st = stream_of(s);
    st->reading = on;
    if (on)
        later(st);
}

static void op_send_informational(struct http_stream *s, int status)
{
    struct h2_app_stream *st = stream_of(s);
    if (st->s != NULL && !st->head_sent)
        h2_submit_informational(st->s, status);
    later(st);
}

static void op_send_head(struct http_stream *s, const struct http_response *r, bool last)
{
    struct h2_app_stream *st = stream_of(s);
    if (st->s == NULL || s->gone || st->head_sent)
        return;
    st->head_sent = true;
    st->last_sent = last;
    h2_submit_response(st->s, r, sl_str_c(conn_date(st->c->srv)), last);
    later(st);
}

static void op_send_body(struct http_stream *s, const struct iovec *v, int n, bool last)
{
    struct h2_app_stream *st = stream_of(s);
    if (st->s == NULL || s->gone || !st->head_sent || st->last_sent)
        return;
    st->last_sent = last;
    for (int i = 0; i < n; i++)
        st->given += v[i].iov_len;
    s->bytes_out = st->given;
    h2_stream_write(st->s, v, n, last);
    if (!sl_timer_is_armed(&st->stall))
        look_later(st);
    later(st);
}

static size_t op_room(const struct http_stream *s)
{
    const struct h2_app_stream *st = (const struct h2_app_stream *)s;
    return st->s != NULL ? h2_stream_room(st->s) : SIZE_MAX;
}

static void op_reset(struct http_stream *s)
{
    struct h2_app_stream *st = stream_of(s);
    if (st->s != NULL)
        h2_stream_reset(st->s, H2_INTERNAL_ERROR);
    later(st);
}

static void op_release(struct http_stream *s)
{
    struct h2_app_stream *st = stream_of(s);
    SL_CHECK(!st->released);
    st->released = true;
    later(st);
    if (st->s != NULL && !st->last_sent)
        h2_stream_reset(st->s, H2_INTERNAL_ERROR);
    else if (st->s != NULL && !st->last_came)
        h2_stream_reset(st->s,
                        H2_NO_ERROR); /* RFC 9113 8.1: the answer is whole, the rest of the request is not wanted */
    end_stream(st);
}

static const struct http_stream_ops h2_ops = {
    .read = op_read,
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_informational = op_send_informational,
    .room = op_room,
    .reset = op_reset,
    .release = op_release,
};

/* ---- the connection ---- */

static bool waits_for_request(const struct h2_app_stream *st)
{
    return !st->opened || (st->reading && !st->last_came && !st->released);
}

/* The clock for a body runs anew when a piece of a request came, not when anything else moved. */
static void idle_deadline(struct conn *c)
{
    bool waits = false, progress = c->h2->progress;
    c->h2->progress = false;
    if (c->due == DUE_WRITE)
        return;
    SL_LIST_EACH(node, &c->h2->streams)
    {
        waits = waits_for_request(SL_CONTAINER_OF(node, struct h2_app_stream, node));
        if (waits)
            break;
    }
    if (waits && (progress || c->due != DUE_BODY))
        conn_due_set(c, DUE_BODY, c->srv->o.limits.body_ns);
    else if (!waits && c->h2->n == 0)
        conn_due_set(c, DUE_IDLE, c->srv->o.limits.idle_ns);
    else if (!waits)
        conn_due_set(c, DUE_NONE, 0);
}

/* Nothing came of any request for the body's deadline: whoever waits is told and may still answer. A head that does not
 * end has nobody to tell. */
void conn_h2_timeout(struct conn *c)
{
    bool half_a_head = false;
    SL_LIST_EACH(node, &c->h2->streams)
    {
        struct h2_app_stream *st = SL_CONTAINER_OF(node, struct h2_app_stream, node);
        half_a_head = half_a_head || !st->opened;
        if (st->opened && waits_for_request(st) && !st->pub.gone)
            st->pub.app->on_gone(st->pub.x, HTTP_GONE_BODY_SLOW);
    }
    if (half_a_head)
        conn_fail(c, HTTP_GONE_CLOSED);
    else
        conn_flush_later(c);
}

void conn_h2_begin(struct conn *c)
{
    c->h2 = SL_NEW(struct conn_h2);
    sl_list_init(&c->h2->streams);
    c->h2->session = h2_session_new(H2_SERVER, &c->srv->h2_limits, &events, c, c->srv->o.chunks);
    conn_due_set(c, DUE_IDLE, c->srv->o.limits.idle_ns);
    conn_flush_later(c);
}

void conn_h2_feed(struct conn *c, struct sl_str bytes)
{
    enum sl_err e = h2_session_feed(c->h2->session, bytes, sl_loop_now(c->srv->loop));
    if (e != SL_OK) {
        stat_add(&c->srv->stats.bad_requests, 1);
        c->h2->over = true;
        tls_stream_want(&c->s, c->s.want & ~(unsigned)SL_READABLE);
    }
    idle_deadline(c);
    conn_flush_later(c);
}

/* Bodies that came before they were wanted. */
static void give_waiting(struct conn *c)
{
    SL_LIST_EACH(node, &c->h2->streams)
    {
        struct h2_app_stream *st = SL_CONTAINER_OF(node, struct h2_app_stream, node);
        if (!st->opened || !st->reading || st->last_given || st->released)
            continue;
        if (st->wait.n > 0) {
            struct sl_str bytes = sl_chunks_flat(&st->wait);
            give_body(st, bytes, st->last_came);
            sl_chunks_clear(&st->wait);
        } else if (st->last_came) {
            give_body(st, SL_STR_NONE, true);
        }
    }
}

/* The last frame is out. What the client still sends is read and thrown away: closing over it would answer with a reset, and the
 * client might lose our GOAWAY to that. */
static void say_goodbye(struct conn *c)
{
    SL_LIST_EACH(node, &c->h2->streams)
    {
        struct h2_app_stream *st = SL_CONTAINER_OF(node, struct h2_app_stream, node);
        if (st->opened)
            tell_gone(st, HTTP_GONE_CLOSED);
        else
            end_stream(st);
    }
    if (c->h2->n == 0) /* else the last release comes back here */
        conn_linger(c);
}

void conn_h2_output(struct conn *c)
{
    struct conn_h2 *h = c->h2;
    give_waiting(c);
    while (!c->failed && h2_session_wants_write(h->session) && c->out.n < OUTPUT_MARK) {
        size_t before = c->out.n;
        if (h2_session_output_chunks(h->session, &c->out, OUTPUT_MARK) != SL_OK)
            conn_fail(c, HTTP_GONE_CLOSED);
        if (c->out.n == before)
            break;
        if ((c->s.want & SL_WRITABLE) != 0)
            break;
        conn_flush(c);
    }
    if (c->failed)
        return;
    if (c->out.n == 0 && (h->over || h2_session_is_over(h->session)))
        say_goodbye(c);
    else if (c->out.n == 0) /* else the event that the socket has room comes back here */
        idle_deadline(c);
}

void conn_h2_gone(struct conn *c, enum http_gone why)
{
    tls_stream_close(&c->s);
    SL_LIST_EACH(node, &c->h2->streams)
    {
        struct h2_app_stream *st = SL_CONTAINER_OF(node, struct h2_app_stream, node);
        if (st->opened)
            tell_gone(st, why);
        else
            end_stream(st);
    }
    if (c->h2->n == 0)
        conn_end(c);
}

void conn_h2_drain(struct conn *c)
{
    h2_session_drain(c->h2->session);
    conn_flush_later(c);
}

void conn_h2_free(struct conn *c)
{
    SL_CHECK(c->h2->n == 0);
    h2_session_free(c->h2->session);
    sl_free(c->h2);
    c->h2 = NULL;
}
