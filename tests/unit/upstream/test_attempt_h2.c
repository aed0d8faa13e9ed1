/* Attempts over HTTP/2 sessions, plain with prior knowledge and over TLS with ALPN. The provider is our own codec's server
 * side (its conformance is shown by the tests of http/), driven by the path of each request. */
#include "kit.h"
#include "unit/tls/kit.h"

#include "base/mem.h"
#include "http/h2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- the provider ---- */

struct h2_server {
    struct vnet *net;
    struct sl_loop *loop;
    struct sl_addr at;
    struct h2_limits limits;
    struct tls_context *tls; /* NULL: plain */
    struct sl_list peers;
    unsigned accepted, requests, cancelled;
    unsigned refuse; /* so many streams are refused, then no more */
    bool no_consume; /* leaves request bodies unread */
    uint64_t body_bytes;
};

struct h2_peer {
    struct tls_stream stream;
    struct h2_server *server;
    struct h2_session *session;
    struct sl_chunks out;
    struct sl_list node;
    struct sl_task task;
    bool dead, shaken;
    unsigned live;
};

struct h2_req {
    struct sl_arena arena;
    struct h2_peer *peer;
    struct h2_stream *stream;
    struct sl_str path;
    uint64_t body;
    uint64_t left; /* of a big answer */
};

static void peer_end(struct h2_peer *p, bool reset)
{
    if (p->dead)
        return;
    p->dead = true;
    sl_task_cancel(&p->task);
    if (reset)
        tls_stream_reset(&p->stream);
    else
        tls_stream_close(&p->stream);
    h2_session_free(p->session);
    p->session = NULL;
    sl_chunks_done(&p->out);
}

static void peer_flush(struct h2_peer *p)
{
    for (;;) {
        while (p->out.n > 0) {
            struct iovec v[8];
            size_t n = 0;
            enum sl_io r = tls_stream_write(&p->stream, v, sl_chunks_iov(&p->out, v, 8), &n);
            if (r == SL_IO_AGAIN) {
                tls_stream_want(&p->stream, SL_READABLE | SL_WRITABLE);
                return;
            }
            if (r != SL_IO_OK) {
                peer_end(p, false);
                return;
            }
            sl_chunks_drop(&p->out, n);
        }
        if (h2_session_output_chunks(p->session, &p->out, 1) != SL_OK || p->out.n == 0)
            break;
    }
    if (h2_session_is_over(p->session))
        peer_end(p, false);
    else
        tls_stream_want(&p->stream, SL_READABLE);
}

static void peer_task(struct sl_task *t)
{
    peer_flush(SL_CONTAINER_OF(t, struct h2_peer, task));
}

static void peer_event(struct tls_stream *s, unsigned events)
{
    struct h2_peer *p = SL_CONTAINER_OF(s, struct h2_peer, stream);
    char buf[16384];
    size_t n = 0;
    (void)events;
    if (!p->shaken) {
        enum tls_shake shake = tls_stream_handshake(s);
        if (shake == TLS_SHAKE_FAILED)
            peer_end(p, false);
        if (shake != TLS_SHAKE_DONE)
            return;
        p->shaken = true;
        tls_stream_want(s, SL_READABLE);
    }
    for (;;) {
        enum sl_io r = tls_stream_read(s, buf, sizeof buf, &n);
        if (r == SL_IO_AGAIN)
            break;
        if (r != SL_IO_OK || h2_session_feed(p->session, sl_str_of(buf, n), vnet_now(p->server->net)) != SL_OK) {
            peer_end(p, false);
            return;
        }
    }
    peer_flush(p);
}

static struct sl_arena *srv_begin(void *owner, struct h2_stream *s)
{
    struct h2_peer *p = owner;
    if (p->server->refuse > 0) {
        p->server->refuse--;
        return NULL;
    }
    struct h2_req *q = SL_NEW(struct h2_req);
    sl_arena_init(&q->arena, NULL);
    q->peer = p;
    q->stream = s;
    h2_stream_set_x(s, q);
    p->live++;
    return &q->arena;
}

static void respond(struct h2_req *q, int status, int64_t length, bool last)
{
    struct http_response r = {.status = status, .content_length = length};
    http_headers_add(&r.headers, &q->arena, SL_STR("content-type"), SL_STR("application/json"));
    h2_submit_response(q->stream, &r, SL_STR_NONE, last);
}

static void write_some(struct h2_req *q)
{
    static char bytes[4096];
    memset(bytes, 'z', sizeof bytes);
    while (q->left > 0 && h2_stream_room(q->stream) > 0) {
        struct iovec v = {bytes, q->left < sizeof bytes ? (size_t)q->left : sizeof bytes};
        q->left -= v.iov_len;
        h2_stream_write(q->stream, &v, 1, q->left == 0);
    }
}

static void answer(struct h2_req *q)
{
    static char text[] = "{\"ok\": true}\n";
    struct iovec v = {text, 13};
    q->peer->server->requests++;
    q->peer->server->body_bytes += q->body;
    if (sl_str_eq(q->path, SL_STR("/hang")))
        return;
    if (sl_str_eq(q->path, SL_STR("/empty"))) {
        respond(q, 204, HTTP_LENGTH_NONE, true);
    } else if (sl_str_eq(q->path, SL_STR("/reset"))) {
        h2_stream_reset(q->stream, H2_INTERNAL_ERROR);
    } else if (sl_str_eq(q->path, SL_STR("/cut"))) {
        respond(q, 200, HTTP_LENGTH_NONE, false);
        h2_stream_write(q->stream, &v, 1, false);
    } else if (sl_str_eq(q->path, SL_STR("/big"))) {
        respond(q, 200, HTTP_LENGTH_NONE, false);
        q->left = 1000000;
        write_some(q);
    } else {
        respond(q, 200, 13, false);
        h2_stream_write(q->stream, &v, 1, true);
    }
    sl_task_post(q->peer->server->loop, &q->peer->task);
}

static void srv_request(void *owner, struct h2_stream *s, struct http_request *r)
{
    struct h2_req *q = h2_stream_x(s);
    (void)owner;
    q->path = sl_arena_str(&q->arena, r->target);
    if (!r->has_body)
        answer(q);
}

static void srv_body(void *owner, struct h2_stream *s, struct sl_str bytes, bool last)
{
    struct h2_peer *p = owner;
    struct h2_req *q = h2_stream_x(s);
    q->body += bytes.n;
    if (!p->server->no_consume)
        h2_stream_consume(s, bytes.n);
    if (last)
        answer(q);
}

static void srv_room(void *owner, struct h2_stream *s)
{
    (void)owner;
    write_some(h2_stream_x(s));
}

static void srv_closed(void *owner, struct h2_stream *s, uint32_t error)
{
    struct h2_peer *p = owner;
    struct h2_req *q = h2_stream_x(s);
    p->server->cancelled += error == H2_CANCEL;
    p->live--;
    sl_arena_done(&q->arena);
    sl_free(q);
}

static const struct h2_events srv_events = {.on_begin = srv_begin,
                                            .on_request = srv_request,
                                            .on_body = srv_body,
                                            .on_room = srv_room,
                                            .on_closed = srv_closed};

static void srv_accept(void *owner, int fd, const struct sl_addr *from)
{
    struct h2_server *s = owner;
    struct h2_peer *p = SL_NEW(struct h2_peer);
    (void)from;
    p->server = s;
    s->accepted++;
    tls_stream_init(&p->stream, peer_event);
    sl_chunks_init(&p->out, 1u << 24, NULL);
    sl_list_init(&p->node);
    sl_task_init(&p->task, peer_task);
    sl_list_add_tail(&s->peers, &p->node);
    p->session = h2_session_new(H2_SERVER, &s->limits, &srv_events, p, NULL);
    assert_int_equal(sl_tcp_attach(s->loop, &p->stream.tcp, fd), SL_OK);
    if (s->tls != NULL)
        assert_int_equal(tls_stream_start_server(&p->stream, s->tls), SL_OK);
    p->shaken = s->tls == NULL;
    tls_stream_want(&p->stream, SL_READABLE);
}

static struct h2_peer *peer_of(struct h2_server *s, unsigned i)
{
    SL_LIST_EACH(node, &s->peers)
    if (i-- == 0)
        return SL_CONTAINER_OF(node, struct h2_peer, node);
    fail_msg("there is no such peer");
    return NULL;
}

/* ---- the world ---- */

struct h2_kit {
    struct kit k;
    struct h2_server server;
};

static void open_h2(struct h2_kit *h, uint64_t seed)
{
    kit_open(&h->k, seed);
    h->k.origin.http = UPSTREAM_HTTP2;
    h->k.origin.host = SL_STR("h2.example");
    h->server = (struct h2_server){.net = h->k.net, .loop = &h->k.loop, .limits = H2_LIMITS_DEFAULT};
    sl_list_init(&h->server.peers);
    assert_true(sl_addr_parse(SL_STR("93.184.216.35"), 443, &h->server.at));
    vnet_listen(h->k.net, &h->server.at, srv_accept, &h->server);
    vnet_name(h->k.net, SL_STR("h2.example"), SL_OK, &h->server.at, 1, SL_MS);
    vnet_set_faults(h->k.net,
                    &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS, .connect_min_ns = SL_MS});
}

static void close_h2(struct h2_kit *h)
{
    struct sl_list *node;
    const struct upstream_stats *st = upstream_stats(h->k.up);
    upstream_retire_origin(h->k.up, h->k.origin.id);
    vnet_pass(h->k.net, SL_SEC); /* what was cancelled a moment ago is still to be said */
    assert_int_equal(st->connections, 0);
    while ((node = sl_list_take_head(&h->server.peers)) != NULL) {
        struct h2_peer *p = SL_CONTAINER_OF(node, struct h2_peer, node);
        peer_end(p, false);
        assert_int_equal(p->live, 0);
        sl_free(p);
    }
    kit_close(&h->k);
}

static void begin(struct probe *p, struct h2_kit *h, const char *path)
{
    probe_init(p, &h->k);
    p->req.path = sl_str_c(path);
    probe_start(p);
}

static void check_over(const struct probe *p, enum outcome o, enum attempt_state at, const char *text)
{
    const struct attempt_result *r = &p->result;
    if (p->overs == 1 && r->outcome == o && r->at == at && sl_str_find_str(sl_str_c(r->detail), sl_str_c(text)) >= 0)
        return;
    fail_msg("%u times over with %s in %s: '%s'", p->overs, outcome_row(r->outcome)->name.p, attempt_state_name(r->at),
             r->detail);
}

static void end_ok(struct probe *p)
{
    probe_run(p, SL_MIN);
    check_over(p, OUT_OK, AS_BODY, "");
    assert_true(p->result.h2);
    assert_int_equal(p->status, 200);
    assert_int_equal(p->got.n, 13);
    probe_done(p);
}

/* ---- tests ---- */

static void one_exchange(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    begin(&p, &h, "/ok");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_true(p.result.h2);
    assert_true(p.result.sent);
    assert_false(p.result.reused);
    assert_int_equal(p.result.first_byte_us, 4000); /* name, connect, there and back */
    probe_done(&p);
    assert_int_equal(h.server.body_bytes, 30);
    begin(&p, &h, "/empty");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.status, 204);
    assert_true(p.result.reused);
    probe_done(&p);
    assert_int_equal(h.server.accepted, 1);
    close_h2(&h);
}

static void many_share_one_session(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p[60];
    open_h2(&h, 1);
    for (unsigned i = 0; i < 60; i++)
        begin(&p[i], &h, "/ok"); /* all before the first has connected: they wait for its session */
    for (unsigned i = 0; i < 60; i++)
        end_ok(&p[i]);
    assert_int_equal(h.server.accepted, 1);
    assert_int_equal(h.server.requests, 60);
    assert_int_equal(upstream_stats(h.k.up)->connects, 1);
    assert_int_equal(upstream_stats(h.k.up)->sessions, 1);
    assert_int_equal(upstream_stats(h.k.up)->reused, 59);
    close_h2(&h);
}

static void the_one_who_dials_leaves(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p[4];
    open_h2(&h, 1);
    for (unsigned i = 0; i < 4; i++)
        begin(&p[i], &h, "/ok");
    probe_cancel(&p[0], false);
    probe_done(&p[0]);
    for (unsigned i = 1; i < 4; i++)
        end_ok(&p[i]);
    assert_int_equal(h.server.requests, 3);
    assert_int_equal(upstream_stats(h.k.up)->sessions, 1);
    close_h2(&h);
}

static void dialling_that_fails_fails_all(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p[4];
    open_h2(&h, 1);
    vnet_unlisten(h.k.net, &h.server.at);
    for (unsigned i = 0; i < 4; i++)
        begin(&p[i], &h, "/ok");
    for (unsigned i = 0; i < 4; i++) {
        probe_run(&p[i], SL_MIN);
        check_over(&p[i], OUT_CONNECT_REFUSED, AS_CONNECT, "refused");
        probe_done(&p[i]);
    }
    close_h2(&h);
}

static void streams_are_limited(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p[23];
    open_h2(&h, 1);
    h.server.limits.streams = 5;
    begin(&p[0], &h, "/ok");
    end_ok(&p[0]); /* now its settings are known */
    for (unsigned i = 0; i < 23; i++)
        begin(&p[i], &h, i < 5 ? "/hang" : "/ok");
    for (unsigned i = 5; i < 23; i++)
        end_ok(&p[i]);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(p[i].overs, 0);
        probe_cancel(&p[i], false);
        probe_done(&p[i]);
    }
    assert_true(h.server.accepted >= 2 && h.server.accepted <= 6);
    close_h2(&h);
}

static void large_bodies_both_ways(void **state)
{
    (void)state;
    static char big[1500000];
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    probe_init(&p, &h.k);
    p.req.path = SL_STR("/big");
    p.body[1] = (struct iovec){big, sizeof big};
    probe_start(&p);
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.got.n, 1000000);
    assert_int_equal(h.server.body_bytes, sizeof big + 30);
    probe_done(&p);
    close_h2(&h);
}

static void a_server_that_does_not_read(void **state)
{
    (void)state;
    static char big[1500000];
    struct h2_kit h;
    struct probe p, q;
    open_h2(&h, 1);
    h.server.no_consume = true;
    probe_init(&p, &h.k);
    p.body[1] = (struct iovec){big, sizeof big};
    probe_start(&p);
    begin(&q, &h, "/ok"); /* beside it, undisturbed */
    end_ok(&q);
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_SEND_TIMEOUT, AS_SEND, "not taken");
    probe_done(&p);
    vnet_pass(h.k.net, 10 * SL_MS);
    assert_int_equal(h.server.cancelled, 1);
    close_h2(&h);
}

static void resets_and_refusals(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    begin(&p, &h, "/reset");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_RESET, AS_HEAD, "before the answer");
    assert_true(p.result.sent);
    probe_done(&p);
    begin(&p, &h, "/ok");
    end_ok(&p); /* the session lives on */
    h.server.refuse = 1;
    begin(&p, &h, "/ok");
    end_ok(&p); /* refused means untouched: once more, and it goes well */
    h.server.refuse = 10;
    begin(&p, &h, "/ok");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_OVERLOADED, AS_HEAD, "refused");
    assert_false(p.result.sent); /* the provider says so itself: nothing to be billed */
    assert_int_equal(h.server.refuse, 7);
    probe_done(&p);
    assert_int_equal(h.server.accepted, 1);
    close_h2(&h);
}

static void goaway(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p, q;
    open_h2(&h, 1);
    begin(&p, &h, "/cut");
    vnet_pass(h.k.net, 20 * SL_MS);
    assert_int_equal(p.got.n, 13);
    h2_session_drain(peer_of(&h.server, 0)->session);
    peer_flush(peer_of(&h.server, 0));
    vnet_pass(h.k.net, 20 * SL_MS);
    begin(&q, &h, "/ok"); /* not there any more */
    end_ok(&q);
    assert_int_equal(h.server.accepted, 2);
    assert_int_equal(p.overs, 0);
    probe_cancel(&p, false); /* the last one on it: it is closed */
    probe_done(&p);
    vnet_pass(h.k.net, 20 * SL_MS);
    assert_int_equal(upstream_stats(h.k.up)->connections, 1);
    close_h2(&h);
}

/* The session is closed the hard way, with streams in all states. */
static void sessions_that_die(void **state)
{
    (void)state;
    for (unsigned reset = 0; reset < 2; reset++) {
        struct h2_kit h;
        struct probe before, within, first;
        open_h2(&h, reset);
        begin(&first, &h, "/ok");
        end_ok(&first);
        begin(&before, &h, "/hang");
        begin(&within, &h, "/cut");
        vnet_pass(h.k.net, 3 * SL_SEC); /* longer than anything stale */
        peer_end(peer_of(&h.server, 0), reset != 0);
        probe_run(&before, SL_MIN);
        check_over(&before, OUT_RESET, AS_HEAD, "before the answer");
        check_over(&within, OUT_RESET, AS_BODY, "within the answer");
        assert_int_equal(within.got.n, 13);
        probe_done(&before);
        probe_done(&within);
        begin(&first, &h, "/ok");
        end_ok(&first);
        close_h2(&h);
    }
}

static void a_stale_session(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    begin(&p, &h, "/ok");
    end_ok(&p);
    peer_end(peer_of(&h.server, 0), true);
    begin(&p, &h, "/ok"); /* before the reset has arrived */
    end_ok(&p);
    assert_int_equal(upstream_stats(h.k.up)->stale, 1);
    assert_int_equal(h.server.requests, 2);
    assert_int_equal(h.server.accepted, 2);
    close_h2(&h);
}

/* The other side has vanished without a word: one attempt waits in vain, the next does not try there. */
static void a_session_in_doubt(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    begin(&p, &h, "/ok");
    end_ok(&p);
    vnet_silence(&peer_of(&h.server, 0)->stream.tcp, true);
    begin(&p, &h, "/ok");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_FIRST_BYTE_TIMEOUT, AS_HEAD, "in time");
    probe_done(&p);
    begin(&p, &h, "/ok");
    end_ok(&p);
    assert_int_equal(h.server.accepted, 2);
    vnet_pass(h.k.net, 2 * SL_MIN);
    assert_int_equal(upstream_stats(h.k.up)->connections, 0); /* the doubtful and the unused */
    close_h2(&h);
}

static void cancel_and_go_on(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum probe_act head, body;
    } rows[] = {
        {"/hang", ACT_NONE, ACT_NONE},    {"/cut", ACT_NONE, ACT_NONE},          {"/big", ACT_CANCEL, ACT_NONE},
        {"/big", ACT_NONE, ACT_CANCEL},   {"/big", ACT_CANCEL_FREE, ACT_NONE},   {"/big", ACT_NONE, ACT_CANCEL_FREE},
        {"/empty", ACT_CANCEL, ACT_NONE}, {"/empty", ACT_CANCEL_FREE, ACT_NONE},
    };
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned cancelled = h.server.cancelled;
        probe_init(&p, &h.k);
        p.req.path = sl_str_c(rows[i].path);
        p.on_head = rows[i].head;
        p.on_body = rows[i].body;
        probe_start(&p);
        vnet_pass(h.k.net, 20 * SL_MS);
        if (rows[i].head == ACT_NONE && rows[i].body == ACT_NONE)
            probe_cancel(&p, false);
        assert_int_equal(p.overs, 0);
        assert_int_equal(p.result.outcome, OUT_CANCELLED);
        size_t got = p.got.n;
        vnet_pass(h.k.net, 20 * SL_MS);
        assert_int_equal(p.got.n, got);
        assert_int_equal(h.server.cancelled, cancelled + (rows[i].path[1] != 'e'));
        probe_done(&p);
    }
    begin(&p, &h, "/ok");
    end_ok(&p);
    assert_int_equal(h.server.accepted, 1);
    close_h2(&h);
}

/* A stalled client holds its own stream within the window, and nobody else's. */
static void pressure(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe held[20], p;
    open_h2(&h, 1);
    for (unsigned i = 0; i < 20; i++) {
        probe_init(&held[i], &h.k);
        held[i].req.path = SL_STR("/big");
        held[i].on_body = ACT_HOLD;
        probe_start(&held[i]);
    }
    vnet_pass(h.k.net, 20 * SL_SEC); /* longer than the deadline between bytes */
    uint64_t in = 0;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(held[i].overs, 0);
        assert_true(held[i].got.n > 0 && held[i].got.n <= 65536);
        in += held[i].got.n;
    }
    assert_true(in > 0);
    begin(&p, &h, "/ok");
    end_ok(&p);
    begin(&p, &h, "/big");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_OK, AS_BODY, "");
    probe_done(&p);
    assert_int_equal(h.server.accepted, 1);
    for (unsigned i = 0; i < 20; i++) {
        if (i < 3) { /* let on step by step: it gets all of it in order, and is told the end only when it wants */
            for (unsigned n = 0; n < 100 && held[i].got.n < 1000000; n++) {
                probe_read(&held[i], true);
                vnet_pass(h.k.net, 20 * SL_MS);
                assert_int_equal(held[i].overs, 0);
            }
            probe_read(&held[i], true);
            vnet_pass(h.k.net, 20 * SL_MS);
            check_over(&held[i], OUT_OK, AS_BODY, "");
            assert_int_equal(held[i].got.n, 1000000);
        } else if (i < 10) {
            held[i].on_body = ACT_NONE;
            probe_read(&held[i], true);
            probe_run(&held[i], SL_MIN);
            check_over(&held[i], OUT_OK, AS_BODY, "");
        } else {
            held[i].on_body = i < 15 ? ACT_CANCEL : ACT_CANCEL_FREE; /* while what was held is given */
            probe_read(&held[i], true);
            vnet_pass(h.k.net, 20 * SL_MS);
            assert_int_equal(held[i].overs, 0);
        }
        probe_done(&held[i]);
    }
    close_h2(&h);
}

static void unused_sessions_are_closed(void **state)
{
    (void)state;
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    h.k.origin.idle_ns = 5 * SL_SEC;
    begin(&p, &h, "/ok");
    end_ok(&p);
    vnet_pass(h.k.net, 4 * SL_SEC);
    assert_int_equal(upstream_stats(h.k.up)->connections, 1);
    assert_int_equal(vnet_run(h.k.net, NULL, NULL, SL_MIN), VNET_IDLE);
    assert_int_equal(upstream_stats(h.k.up)->connections, 0);
    close_h2(&h);
}

/* ---- over TLS ---- */

static void use_tls(struct h2_kit *h, struct tls_context *client, struct tls_context *server)
{
    h->k.origin.tls = true;
    h->k.origin.tls_ctx = client;
    h->k.origin.tls_name = SL_STR("a.test");
    h->server.tls = server;
}

static void over_tls(void **state)
{
    (void)state;
    struct tls_server_options with_h2 = {.http2 = true};
    struct tls_context *client = kit_client("ca", NULL), *server = kit_server("server", &with_h2);
    struct h2_kit h;
    struct probe p[8];
    open_h2(&h, 1);
    use_tls(&h, client, server);
    h.k.origin.http = UPSTREAM_AUTO;
    for (unsigned i = 0; i < 8; i++)
        begin(&p[i], &h, "/ok");
    for (unsigned i = 0; i < 8; i++)
        end_ok(&p[i]);
    assert_int_equal(h.server.accepted, 1);
    begin(&p[0], &h, "/big");
    probe_run(&p[0], SL_MIN);
    check_over(&p[0], OUT_OK, AS_BODY, "");
    assert_int_equal(p[0].got.n, 1000000);
    probe_done(&p[0]);
    close_h2(&h);
    tls_context_unref(client);
    tls_context_unref(server);
}

/* Leaves after each millisecond: also within the handshake, alone and with others waiting for the session. */
static void leaving_over_tls(void **state)
{
    (void)state;
    struct tls_server_options with_h2 = {.http2 = true};
    struct tls_context *client = kit_client("ca", NULL), *server = kit_server("server", &with_h2);
    unsigned seen[AS_OVER + 1] = {0};
    for (int64_t ms = 0; ms < 12; ms++) {
        struct h2_kit h;
        struct probe p, q;
        open_h2(&h, (uint64_t)ms);
        use_tls(&h, client, server);
        begin(&p, &h, "/ok");
        begin(&q, &h, "/ok");
        vnet_pass(h.k.net, ms * SL_MS);
        if (p.overs == 0) {
            probe_cancel(&p, false);
            seen[p.result.at]++;
        }
        unsigned overs = p.overs;
        end_ok(&q);
        assert_int_equal(p.overs, overs);
        probe_done(&p);
        close_h2(&h);
    }
    assert_true(seen[AS_RESOLVE] > 0 && seen[AS_CONNECT] > 0 && seen[AS_HANDSHAKE] > 0 && seen[AS_HEAD] > 0);
    tls_context_unref(client);
    tls_context_unref(server);
}

static void certificates_that_are_refused(void **state)
{
    (void)state;
    struct tls_server_options with_h2 = {.http2 = true};
    struct tls_context *client = kit_client("ca", NULL), *other = kit_client("other-ca", NULL);
    struct tls_context *server = kit_server("server", &with_h2);
    struct h2_kit h;
    struct probe p;
    open_h2(&h, 1);
    use_tls(&h, client, server);
    h.k.origin.tls_name = SL_STR("b.test");
    begin(&p, &h, "/ok");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_TLS_FAILED, AS_HANDSHAKE, "wrong host");
    assert_false(p.result.sent);
    probe_done(&p);
    h.k.origin.tls_name = SL_STR("a.test");
    h.k.origin.tls_ctx = other;
    begin(&p, &h, "/ok");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_TLS_FAILED, AS_HANDSHAKE, "");
    probe_done(&p);
    h.k.origin.tls_ctx = client;
    h.server.tls = NULL; /* speaks, but not TLS */
    begin(&p, &h, "/ok");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_TLS_FAILED, AS_HANDSHAKE, "");
    probe_done(&p);
    vnet_listen(h.k.net, &h.server.at, NULL, NULL); /* does not speak */
    begin(&p, &h, "/ok");
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_TLS_TIMEOUT, AS_HANDSHAKE, "timed out");
    assert_int_equal(p.result.state_us[AS_HANDSHAKE], 2000000);
    probe_done(&p);
    close_h2(&h);
    tls_context_unref(client);
    tls_context_unref(other);
    tls_context_unref(server);
}

/* ---- every kind of trouble at once ---- */

static void run_seed(uint64_t seed, unsigned *ok, unsigned *other)
{
    static const char *const paths[] = {"/ok", "/ok", "/big", "/reset", "/empty", "/cut", "/hang"};
    struct h2_kit h;
    struct probe p[12];
    open_h2(&h, seed);
    vnet_set_capacity(h.k.net, 500 + (size_t)vnet_random(h.k.net, 60000));
    vnet_set_faults(h.k.net, &(struct vnet_faults){.short_read = 100000,
                                                   .short_write = 100000,
                                                   .again_read = 50000,
                                                   .again_write = 50000,
                                                   .spurious = 50000,
                                                   .hold = 100000,
                                                   .reset = 400,
                                                   .cut = 400,
                                                   .connect_refused = 50000,
                                                   .delay_max_ns = 3 * SL_MS,
                                                   .connect_max_ns = 3 * SL_MS});
    h.server.limits.streams = 2 + (uint32_t)vnet_random(h.k.net, 10);
    h.server.refuse = (unsigned)vnet_random(h.k.net, 3);
    for (unsigned i = 0; i < 12; i++) {
        probe_init(&p[i], &h.k);
        p[i].req.path = sl_str_c(paths[vnet_random(h.k.net, 7)]);
        unsigned act = (unsigned)vnet_random(h.k.net, 12);
        p[i].on_body = act < 2 ? ACT_HOLD : act == 2 ? ACT_CANCEL : act == 3 ? ACT_CANCEL_FREE : ACT_NONE;
        probe_start(&p[i]);
        vnet_pass(h.k.net, (int64_t)vnet_random(h.k.net, 5) * SL_MS);
    }
    for (unsigned n = 0; n < 200; n++) {
        for (unsigned i = 0; i < 12; i++)
            if (p[i].on_body == ACT_HOLD && p[i].overs == 0)
                probe_read(&p[i], true);
        vnet_pass(h.k.net, 100 * SL_MS);
    }
    for (unsigned i = 0; i < 12; i++) {
        if (p[i].result.outcome != OUT_CANCELLED)
            assert_int_equal(p[i].overs, 1);
        bool is_ok = p[i].overs == 1 && p[i].result.outcome == OUT_OK;
        if (is_ok)
            assert_int_equal(p[i].got.n, p[i].req.path.p[1] == 'b' ? 1000000 : p[i].req.path.p[1] == 'o' ? 13 : 0);
        *(is_ok ? ok : other) += 1;
        probe_done(&p[i]);
    }
    close_h2(&h);
}

static void seeds(void **state)
{
    (void)state;
    unsigned ok = 0, other = 0;
    for (uint64_t seed = 0; seed < 150; seed++)
        run_seed(seed, &ok, &other);
    assert_true(ok > 400);
    assert_true(other > 400);
}

static int make_certs(void **state)
{
    (void)state;
    kit_usual_certs();
    return 0;
}

static int remove_certs(void **state)
{
    (void)state;
    kit_dir_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_exchange),
        cmocka_unit_test(many_share_one_session),
        cmocka_unit_test(the_one_who_dials_leaves),
        cmocka_unit_test(dialling_that_fails_fails_all),
        cmocka_unit_test(streams_are_limited),
        cmocka_unit_test(large_bodies_both_ways),
        cmocka_unit_test(a_server_that_does_not_read),
        cmocka_unit_test(resets_and_refusals),
        cmocka_unit_test(goaway),
        cmocka_unit_test(sessions_that_die),
        cmocka_unit_test(a_stale_session),
        cmocka_unit_test(a_session_in_doubt),
        cmocka_unit_test(cancel_and_go_on),
        cmocka_unit_test(pressure),
        cmocka_unit_test(unused_sessions_are_closed),
        cmocka_unit_test(over_tls),
        cmocka_unit_test(leaving_over_tls),
        cmocka_unit_test(certificates_that_are_refused),
        cmocka_unit_test(seeds),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
