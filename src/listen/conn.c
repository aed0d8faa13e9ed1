/* A client connection: socket, TLS, deadlines, the queue of bytes that wait for a slow client. What the bytes mean is in
 * conn_h1.c and conn_h2.c.
 *
 * Invariants: codecs never close the connection themselves, they mark it (conn_fail, conn_linger) and conn_task takes it
 * down at the end of the turn; so no callback finds its connection gone. An idle connection holds this struct and its
 * libuv handle, nothing else: reads go through the worker's scratch buffer, streams and their arenas exist only while a
 * request is live. */
#include "listen/conn_int.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

#define READS_PER_EVENT 4 /* so that one fast sender does not starve the others of its worker */
#define FREE_CONNS_MAX 256
/* What is read and thrown away after a refusal, so that the client sees the answer and not a reset: some write all of their body
 * before they read. So many connections of a worker at a time, each as long as bytes come; further ones get less. */
#define LINGER_BYTES (64u << 20)
#define LINGER_BYTES_LESS 65536u
#define LINGER_CONNS 64u
#define LINGER_PAUSES 30 /* of deadlines.linger: how long it may take in all */
#define OUT_IOV 16
#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static void on_stream_event(struct tls_stream *s, unsigned events);
static void on_timer(struct sl_timer *t);
static void on_task(struct sl_task *t);

/* ---- birth and end ---- */

static struct conn *conn_take(struct listen_server *srv)
{
    struct conn *c = srv->free_conns;
    if (c == NULL)
        return SL_NEW(struct conn);
    srv->free_conns = (struct conn *)(void *)c->node.next;
    srv->n_free_conns--;
    memset(c, 0, sizeof *c);
    return c;
}

static void conn_free(struct sl_ended *e)
{
    struct conn *c = SL_CONTAINER_OF(e, struct conn, ended);
    struct listen_server *srv = c->srv;
    c->magic = 0;
    if (srv->n_free_conns >= FREE_CONNS_MAX) {
        sl_free(c);
        return;
    }
    c->node.next = (struct sl_list *)(void *)srv->free_conns;
    srv->free_conns = c;
    srv->n_free_conns++;
}

void conn_end(struct conn *c)
{
    struct listen_server *srv = c->srv;
    SL_CHECK(c->magic == CONN_MAGIC && c->stream == NULL);
    if (c->h2 != NULL)
        conn_h2_free(c);
    tls_stream_close(&c->s);
    sl_timer_cancel(srv->loop, &c->timer);
    sl_task_cancel(&c->task);
    sl_chunks_done(&c->out);
    sl_chunks_done(&c->in);
    sl_list_remove(&c->node);
    srv->n_conns--;
    stat_add(&srv->stats.closed, 1);
    srv->n_lingering -= c->lingers;
    if (c->counted)
        listen_address_leave(srv, &c->peer);
    c->kind = CONN_DEAD;
    sl_end(srv->loop, &c->ended, conn_free);
}

void listen_conn_open(struct listen_server *srv, int fd, const struct sl_addr *peer, bool counted)
{
    struct conn *c = conn_take(srv);
    c->magic = CONN_MAGIC;
    c->srv = srv;
    c->peer = *peer;
    c->counted = counted;
    tls_stream_init(&c->s, on_stream_event);
    sl_timer_init(&c->timer, on_timer);
    sl_task_init(&c->task, on_task);
    sl_list_init(&c->node);
    sl_list_init(&c->ended.node);
    /* the queue's hard end is far above the mark at which callers stop: a caller may finish an event */
    sl_chunks_init(&c->out, SIZE_MAX / 4, srv->o.chunks);
    sl_chunks_init(&c->in, srv->o.scratch_bytes * 2, srv->o.chunks);
    sl_list_add_tail(&srv->conns, &c->node);
    srv->n_conns++;
    stat_add(&srv->stats.accepted, 1);
    if (sl_tcp_attach(srv->loop, &c->s.tcp, fd) != SL_OK) {
        sl_tcp_discard_fd(fd);
        conn_end(c);
        return;
    }
    c->is_tls = srv->o.tls != NULL;
    if (c->is_tls && tls_stream_start_server(&c->s, srv->o.tls) != SL_OK) {
        conn_end(c);
        return;
    }
    c->kind = c->is_tls ? CONN_SHAKE : CONN_SNIFF;
    conn_due_set(c, c->is_tls ? DUE_HANDSHAKE : DUE_HEAD,
                 c->is_tls ? srv->o.limits.handshake_ns : srv->o.limits.head_ns);
    tls_stream_want(&c->s, SL_READABLE);
}

void listen_conns_free(struct listen_server *s)
{
    while (s->free_conns != NULL) {
        struct conn *c = s->free_conns;
        s->free_conns = (struct conn *)(void *)c->node.next;
        sl_free(c);
    }
}

/* ---- marks ---- */

void conn_fail(struct conn *c, enum http_gone why)
{
    if (c->failed)
        return;
    c->failed = true;
    c->gone = (uint8_t)why;
    sl_task_post(c->srv->loop, &c->task);
}

void conn_linger(struct conn *c)
{
    if (c->failed || c->kind == CONN_LINGER)
        return;
    c->kind = CONN_LINGER;
    if (c->out.n > 0)
        conn_due_set(c, DUE_WRITE, c->srv->o.limits.write_ns);
    else
        conn_due_set(c, DUE_LINGER, c->srv->o.limits.linger_ns);
    sl_task_post(c->srv->loop, &c->task);
}

void conn_due_set(struct conn *c, enum conn_due due, int64_t ns)
{
    c->due = (uint8_t)due;
    if (due == DUE_NONE)
        sl_timer_cancel(c->srv->loop, &c->timer);
    else
        sl_timer_arm(c->srv->loop, &c->timer, sl_loop_now(c->srv->loop) + ns);
}

/* ---- writing ---- */

size_t conn_room(const struct conn *c)
{
    size_t high = c->srv->o.limits.queue_bytes;
    return c->out.n >= high ? 0 : high - c->out.n;
}

static void queue_rest(struct conn *c, const struct iovec *v, int n, size_t skip)
{
    for (int i = 0; i < n; i++) {
        if (skip >= v[i].iov_len) {
            skip -= v[i].iov_len;
            continue;
        }
        SL_CHECK(sl_chunks_add(&c->out, (const char *)v[i].iov_base + skip, v[i].iov_len - skip) == SL_OK);
        skip = 0;
    }
}

static void wait_for_room(struct conn *c)
{
    tls_stream_want(&c->s, c->s.want | SL_WRITABLE);
    if (c->due != DUE_LINGER)
        conn_due_set(c, DUE_WRITE, c->srv->o.limits.write_ns);
}

/* One write of what waits together with what is new. */
void conn_write(struct conn *c, const struct iovec *v, int n)
{
    struct iovec all[OUT_IOV];
    size_t sent = 0;
    if (c->failed)
        return;
    bool blocked = (c->s.want & SL_WRITABLE) != 0;
    int have = blocked ? OUT_IOV : sl_chunks_iov(&c->out, all, OUT_IOV);
    if (blocked || have + n > OUT_IOV) {
        queue_rest(c, v, n, 0);
        if (!blocked)
            conn_flush(c);
        return;
    }
    for (int i = 0; i < n; i++)
        all[have + i] = v[i];
    enum sl_io io = tls_stream_write(&c->s, all, have + n, &sent);
    if (io == SL_IO_ERROR || io == SL_IO_EOF) {
        conn_fail(c, HTTP_GONE_CLOSED);
        return;
    }
    if (io == SL_IO_AGAIN)
        sent = 0;
    stat_add(&c->srv->stats.bytes_out, sent);
    size_t old = c->out.n;
    sl_chunks_drop(&c->out, sent < old ? sent : old);
    queue_rest(c, v, n, sent > old ? sent - old : 0);
    if (c->out.n > 0)
        wait_for_room(c);
}

void conn_flush(struct conn *c)
{
    struct iovec v[OUT_IOV];
    while (c->out.n > 0 && !c->failed) {
        size_t sent = 0;
        int n = sl_chunks_iov(&c->out, v, OUT_IOV);
        enum sl_io io = tls_stream_write(&c->s, v, n, &sent);
        if (io == SL_IO_AGAIN) {
            wait_for_room(c);
            return;
        }
        if (io != SL_IO_OK) {
            conn_fail(c, HTTP_GONE_CLOSED);
            return;
        }
        stat_add(&c->srv->stats.bytes_out, sent);
        sl_chunks_drop(&c->out, sent);
        if (c->due == DUE_WRITE) /* progress */
            conn_due_set(c, DUE_WRITE, c->srv->o.limits.write_ns);
    }
    if (c->failed)
        return;
    if ((c->s.want & SL_WRITABLE) != 0)
        tls_stream_want(&c->s, c->s.want & ~(unsigned)SL_WRITABLE);
    if (c->due == DUE_WRITE)
        conn_due_set(c, DUE_NONE, 0);
}

void conn_flush_best(struct conn *c)
{
    struct iovec v[OUT_IOV];
    size_t sent = 0;
    while (c->out.n > 0) {
        int n = sl_chunks_iov(&c->out, v, OUT_IOV);
        if (tls_stream_write(&c->s, v, n, &sent) != SL_IO_OK)
            return;
        sl_chunks_drop(&c->out, sent);
    }
}

void conn_flush_later(struct conn *c)
{
    sl_task_post(c->srv->loop, &c->task);
}

/* ---- reading ---- */

static void choose_codec(struct conn *c, struct sl_str first)
{
    struct sl_str alpn = tls_stream_alpn(&c->s);
    struct sl_str preface = SL_STR(H2_PREFACE);
    bool h2 = c->is_tls ? sl_str_eq(alpn, SL_STR("h2"))
                        : c->srv->o.http2 && first.n > 0 &&
                              sl_str_starts(first, sl_str_head(preface, first.n < 14 ? first.n : 14));
    c->kind = h2 ? CONN_H2 : CONN_H1;
    if (h2)
        conn_h2_begin(c);
    else
        conn_h1_begin(c);
}

static void feed(struct conn *c, struct sl_str bytes)
{
    if (c->kind == CONN_SNIFF) {
        /* "P" alone may still become "POST" or "PRI": wait for the byte that decides */
        if (c->in.n > 0 || (c->srv->o.http2 && bytes.n < 3 && sl_str_starts(SL_STR("PRI"), bytes))) {
            SL_CHECK(sl_chunks_add(&c->in, bytes.p, bytes.n) == SL_OK);
            if (c->in.n < 3)
                return;
            char joined[4096];
            bytes = sl_chunks_flat(&c->in);
            if (bytes.n >
                sizeof joined) { /* cannot be: the first part was under three bytes, one read is not that long */
                conn_fail(c, HTTP_GONE_PROTOCOL);
                return;
            }
            memcpy(joined, bytes.p, bytes.n);
            bytes.p = joined;
            sl_chunks_clear(&c->in);
            choose_codec(c, bytes);
            feed(c, bytes);
            return;
        }
        choose_codec(c, bytes);
    }
    if (c->kind == CONN_H1)
        conn_h1_feed(c, bytes);
    else if (c->kind == CONN_H2)
        conn_h2_feed(c, bytes);
}

static size_t read_limit(const struct conn *c)
{
    /* while sniffing the joined bytes must stay small */
    return c->kind == CONN_SNIFF && c->in.n > 0 ? 4000 : c->srv->o.scratch_bytes;
}

static void throw_away(struct conn *c, size_t got)
{
    int64_t now = sl_loop_now(c->srv->loop), left = c->linger_due_ns - now, pause = c->srv->o.limits.linger_ns;
    stat_add(&c->srv->stats.bytes_in, got);
    if (!c->lingers) /* the answer still waits for the client to read */
        return;
    c->in.max = c->in.max > got ? c->in.max - got : 0;
    if (c->in.max == 0)
        conn_fail(c, HTTP_GONE_CLOSED);
    else
        conn_due_set(c, DUE_LINGER, left < pause ? left > 0 ? left : 0 : pause);
}

/* The answer is out. */
static void linger_begin(struct conn *c)
{
    struct listen_server *srv = c->srv;
    c->lingers = true;
    sl_chunks_clear(&c->in);
    c->in.max = srv->n_lingering++ < LINGER_CONNS ? LINGER_BYTES : LINGER_BYTES_LESS;
    c->linger_due_ns = sl_loop_now(srv->loop) + LINGER_PAUSES * srv->o.limits.linger_ns;
    conn_due_set(c, DUE_LINGER, srv->o.limits.linger_ns);
    tls_stream_want(&c->s, SL_READABLE);
    sl_tcp_shut_write(&c->s.tcp);
}

static void on_readable(struct conn *c)
{
    for (int i = 0; i < READS_PER_EVENT && !c->failed; i++) {
        size_t got = 0, limit = read_limit(c);
        enum sl_io io = tls_stream_read(&c->s, c->srv->o.scratch, limit, &got);
        if (io == SL_IO_AGAIN)
            return;
        if (io != SL_IO_OK) {
            conn_fail(c, HTTP_GONE_CLOSED);
            return;
        }
        if (c->kind == CONN_LINGER) {
            throw_away(c, got);
            continue;
        }
        stat_add(&c->srv->stats.bytes_in, got);
        feed(c, sl_str_of(c->srv->o.scratch, got));
        if (got < limit && !tls_stream_pending(&c->s))
            return; /* short read: the socket is empty, no need to ask again */
        if ((c->s.want & SL_READABLE) == 0)
            return;
    }
    if (!c->failed && tls_stream_pending(&c->s) && (c->s.want & SL_READABLE) != 0)
        sl_task_post(c->srv->loop, &c->task); /* bytes wait inside TLS: no event will tell */
}

static bool shake(struct conn *c)
{
    enum tls_shake r = tls_stream_handshake(&c->s);
    if (r == TLS_SHAKE_MORE)
        return false;
    if (r == TLS_SHAKE_FAILED) {
        stat_add(&c->srv->stats.tls_failed, 1);
        conn_fail(c, HTTP_GONE_CLOSED);
        return false;
    }
    conn_due_set(c, DUE_HEAD, c->srv->o.limits.head_ns);
    choose_codec(c, SL_STR_NONE);
    return true;
}

static void on_stream_event(struct tls_stream *s, unsigned events)
{
    struct conn *c = SL_CONTAINER_OF(s, struct conn, s);
    SL_DCHECK(c->magic == CONN_MAGIC);
    if (c->failed)
        return;
    if (c->kind == CONN_SHAKE && !shake(c))
        return;
    if ((events & SL_WRITABLE) != 0 && c->out.n > 0) {
        conn_flush(c);
        sl_task_post(c->srv->loop, &c->task); /* room, or the end of an answer */
    }
    if ((events & SL_READABLE) != 0 && !c->failed)
        on_readable(c);
}

/* ---- the end of a turn ---- */

static void take_down(struct conn *c)
{
    if (c->kind == CONN_H2)
        conn_h2_gone(c, (enum http_gone)c->gone);
    else
        conn_h1_gone(c, (enum http_gone)c->gone);
}

static void on_task(struct sl_task *t)
{
    struct conn *c = SL_CONTAINER_OF(t, struct conn, task);
    SL_DCHECK(c->magic == CONN_MAGIC);
    if (c->failed) {
        take_down(c);
        return;
    }
    if (c->kind == CONN_H2)
        conn_h2_output(c);
    if (c->out.n > 0 && (c->s.want & SL_WRITABLE) == 0)
        conn_flush(c);
    if (c->failed) {
        take_down(c);
        return;
    }
    if (c->kind == CONN_LINGER && c->out.n == 0 && !c->lingers)
        linger_begin(c);
    if (c->kind == CONN_H1 && c->room_wanted && c->out.n <= c->srv->o.limits.queue_bytes / 4) {
        c->room_wanted = false;
        conn_h1_room(c);
    }
    if (c->kind == CONN_H1)
        conn_h1_progress(c);
    if (!c->failed && c->kind != CONN_DEAD && tls_stream_pending(&c->s) && (c->s.want & SL_READABLE) != 0)
        on_readable(c);
}

static void on_timer(struct sl_timer *t)
{
    struct conn *c = SL_CONTAINER_OF(t, struct conn, timer);
    enum conn_due due = (enum conn_due)c->due;
    c->due = DUE_NONE;
    if (due != DUE_IDLE && due != DUE_LINGER)
        stat_add(&c->srv->stats.timeouts, 1);
    if (due == DUE_WRITE) {
        conn_fail(c, HTTP_GONE_STALLED);
    } else if (c->kind == CONN_H1 && (due == DUE_HEAD || due == DUE_BODY)) {
        conn_h1_timeout(c);
    } else if (c->kind == CONN_H2 && due == DUE_BODY) {
        conn_h2_timeout(c);
    } else {
        conn_fail(c, HTTP_GONE_CLOSED);
    }
}

const char *conn_date(struct listen_server *s)
{
    int64_t wall_s = sl_loop_wall(s->loop) / SL_SEC;
    if (wall_s != s->date_s) {
        sl_http_date(wall_s * SL_SEC, s->date);
        s->date_s = wall_s;
    }
    return s->date;
}
