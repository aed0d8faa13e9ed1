#include "kit.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- scripted providers ---- */

static void conn_end(struct server_conn *c, bool reset)
{
    sl_timer_cancel(c->server->loop, &c->timer);
    if (reset)
        sl_tcp_reset(&c->tcp);
    else
        sl_tcp_close(&c->tcp);
    sl_list_remove(&c->node);
    c->dead = true;
    sl_list_add_tail(&c->server->conns, &c->node); /* kept until server_close, marked dead */
}

static struct sl_str answer_of(const struct server_conn *c)
{
    const struct server *s = c->server;
    return sl_str_head(c->served > 1 && s->then.n > 0 ? s->then : s->answer, s->cut);
}

static void answer_over(struct server_conn *c)
{
    struct server *s = c->server;
    c->answering = false;
    if (s->end == END_FIN || s->end == END_RST) {
        conn_end(c, s->end == END_RST);
        return;
    }
    if (s->stray.n > 0)
        sl_timer_arm(s->loop, &c->timer, sl_loop_now(s->loop) + s->stray_ns);
    else if (s->die_after != 0 && c->served >= s->die_after)
        sl_timer_arm(s->loop, &c->timer, sl_loop_now(s->loop) + s->die_after_ns);
}

static void answer_some(struct server_conn *c)
{
    struct server *s = c->server;
    struct sl_str answer = answer_of(c);
    size_t all = answer.n, n = 0;
    while (c->sent < all) {
        size_t part = all - c->sent;
        if (s->piece > 0 && part > s->piece)
            part = s->piece;
        struct iovec v = {(char *)(uintptr_t)answer.p + c->sent, part};
        enum sl_io r = sl_tcp_write(&c->tcp, &v, 1, &n);
        c->blocked = r == SL_IO_AGAIN;
        sl_tcp_want(&c->tcp, SL_READABLE | (c->blocked ? SL_WRITABLE : 0u));
        if (c->blocked)
            return;
        if (r != SL_IO_OK) {
            conn_end(c, false);
            return;
        }
        c->sent += n;
        if (s->piece > 0 && s->piece_ns > 0 && c->sent < all) {
            sl_timer_arm(s->loop, &c->timer, sl_loop_now(s->loop) + s->piece_ns);
            return;
        }
    }
    answer_over(c);
}

static void on_conn_timer(struct sl_timer *t)
{
    struct server_conn *c = SL_CONTAINER_OF(t, struct server_conn, timer);
    struct server *s = c->server;
    if (c->answering) {
        answer_some(c);
    } else if (s->stray.n > 0) {
        struct iovec v = {(char *)(uintptr_t)s->stray.p, s->stray.n};
        size_t n;
        (void)!sl_tcp_write(&c->tcp, &v, 1, &n);
    } else {
        conn_end(c, s->end == END_RST);
    }
}

/* The bytes of the first whole request in c->in, or 0. */
static size_t request_n(const struct server_conn *c)
{
    struct sl_str in = sl_buf_str(&c->in);
    ptrdiff_t head = sl_str_find_str(in, SL_STR("\r\n\r\n"));
    if (head < 0)
        return 0;
    size_t n = (size_t)head + 4;
    ptrdiff_t at = sl_str_find_str(sl_str_head(in, n), SL_STR("content-length: "));
    if (at >= 0 && !c->server->early) {
        struct sl_str rest = sl_str_from(in, (size_t)at + 16);
        uint64_t length = 0;
        assert_true(sl_str_to_u64(sl_str_head(rest, (size_t)sl_str_find(rest, '\r')), &length));
        n += (size_t)length;
    }
    return n <= in.n ? n : 0;
}

static void take_requests(struct server_conn *c)
{
    struct server *s = c->server;
    size_t n = request_n(c);
    if (c->answering || n == 0)
        return;
    sl_buf_reset(&s->last);
    sl_buf_add(&s->last, c->in.p, n);
    if (s->requests == 0)
        sl_buf_add(&s->first, c->in.p, n);
    memmove(c->in.p, c->in.p + n, c->in.n - n);
    c->in.n -= n;
    s->requests++;
    c->served++;
    if (s->reject_reuse && c->served > 1) {
        conn_end(c, true);
        return;
    }
    c->answering = true;
    c->sent = 0;
    if (s->end == END_HANG && answer_of(c).n == 0)
        return;
    if (s->delay_ns > 0)
        sl_timer_arm(s->loop, &c->timer, sl_loop_now(s->loop) + s->delay_ns);
    else
        answer_some(c);
}

static void on_conn_event(struct sl_tcp *t, unsigned events)
{
    struct server_conn *c = SL_CONTAINER_OF(t, struct server_conn, tcp);
    struct server *s = c->server;
    char buf[4096];
    size_t n = 0;
    if ((events & SL_WRITABLE) != 0 && c->blocked)
        answer_some(c);
    if (c->dead)
        return;
    for (;;) {
        enum sl_io r = sl_tcp_read(t, buf, sizeof buf, &n);
        if (r == SL_IO_AGAIN)
            break;
        if (r != SL_IO_OK) {
            s->resets_seen += r == SL_IO_ERROR;
            s->ends_seen += r == SL_IO_EOF;
            conn_end(c, false);
            return;
        }
        sl_buf_add(&c->in, buf, n);
        take_requests(c);
        if (c->dead)
            return;
    }
}

static void on_accept(void *owner, int fd, const struct sl_addr *peer)
{
    struct server *s = owner;
    struct server_conn *c = SL_NEW(struct server_conn);
    (void)peer;
    c->server = s;
    s->accepted++;
    sl_tcp_init(&c->tcp, on_conn_event);
    sl_timer_init(&c->timer, on_conn_timer);
    sl_buf_init(&c->in, 64u << 20);
    sl_list_init(&c->node);
    sl_list_add_tail(&s->conns, &c->node);
    assert_int_equal(sl_tcp_attach(s->loop, &c->tcp, fd), SL_OK);
    if (!s->deaf)
        sl_tcp_want(&c->tcp, SL_READABLE);
}

void server_open(struct server *s, struct vnet *net, struct sl_loop *l, const char *host, unsigned port)
{
    *s = (struct server){.net = net, .loop = l, .answer = SL_STR(ANSWER_LENGTH), .cut = SIZE_MAX};
    sl_list_init(&s->conns);
    sl_buf_init(&s->last, 64u << 20);
    sl_buf_init(&s->first, 64u << 20);
    assert_true(sl_addr_parse(sl_str_c(host), port, &s->at));
    vnet_listen(net, &s->at, on_accept, s);
}

void server_close(struct server *s)
{
    struct sl_list *node;
    while ((node = sl_list_take_head(&s->conns)) != NULL) {
        struct server_conn *c = SL_CONTAINER_OF(node, struct server_conn, node);
        sl_timer_cancel(s->loop, &c->timer);
        sl_tcp_close(&c->tcp);
        sl_buf_done(&c->in);
        sl_free(c);
    }
    sl_buf_done(&s->last);
    sl_buf_done(&s->first);
}

size_t server_conns(const struct server *s)
{
    size_t n = 0;
    SL_LIST_EACH(node, &s->conns)
    n += !SL_CONTAINER_OF(node, struct server_conn, node)->dead;
    return n;
}

/* ---- the kit ---- */

void kit_reopen_upstream(struct kit *k)
{
    upstream_free(k->up);
    struct upstream_parts parts = {.loop = &k->loop, .shelf = k->shelf, .limits = &k->limits};
    k->up = upstream_new(&parts);
}

void kit_open(struct kit *k, uint64_t seed)
{
    *k = (struct kit){.net = vnet_new(seed), .limits = UPSTREAM_LIMITS_DEFAULT};
    vnet_loop_init(k->net, &k->loop);
    k->shelf = upstream_shelf_new(64, 16);
    kit_reopen_upstream(k);
    server_open(&k->server, k->net, &k->loop, "93.184.216.34", 443);
    vnet_name(k->net, SL_STR("api.example"), SL_OK, &k->server.at, 1, 5 * SL_MS);
    k->origin = (struct upstream_origin){
        .id = 7,
        .provider = SL_STR("example"),
        .host = SL_STR("api.example"),
        .authority = SL_STR("api.example:443"),
        .port = 443,
        .http = UPSTREAM_HTTP1,
        .max_idle = 4,
        .idle_ns = 30 * SL_SEC,
    };
}

void kit_close(struct kit *k)
{
    const struct upstream_stats *st = upstream_stats(k->up);
    assert_int_equal(st->live, 0);
    upstream_retire_origin(k->up, k->origin.id); /* closes what is kept and shelved */
    assert_int_equal(st->idle, 0);
    upstream_free(k->up);
    sl_loop_drain(&k->loop);
    upstream_shelf_free(k->shelf);
    server_close(&k->server);
    assert_int_equal(k->loop.wheel.n, 0); /* no timer is left */
    sl_loop_done(&k->loop);
    vnet_free(k->net);
}

/* ---- the probe ---- */

static void act(struct probe *p, enum probe_act what)
{
    if (what == ACT_HOLD)
        probe_read(p, false);
    if (what == ACT_CANCEL || what == ACT_CANCEL_FREE)
        probe_cancel(p, false);
    if (what == ACT_CANCEL_FREE) {
        attempt_free(p->attempt);
        p->attempt = NULL;
        sl_arena_reset(&p->arena);
    }
}

static void on_head(void *owner, const struct http_response *head)
{
    struct probe *p = owner;
    assert_false(p->inside);
    assert_int_equal(p->overs, 0);
    p->heads++;
    p->status = head->status;
    act(p, p->on_head);
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct probe *p = owner;
    assert_false(p->inside);
    assert_int_equal(p->heads, 1);
    assert_int_equal(p->overs, 0);
    assert_true(bytes.n > 0);
    sl_buf_add(&p->got, bytes.p, bytes.n);
    act(p, p->on_body);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct probe *p = owner;
    assert_false(p->inside);
    p->overs++;
    p->result = *r;
    p->over_ns = vnet_now(p->kit->net);
}

static void on_room(void *owner)
{
    struct probe *p = owner;
    assert_false(p->inside);
    p->rooms++;
}

static const struct attempt_owner probe_owner = {
    .on_head = on_head, .on_body = on_body, .on_over = on_over, .on_room = on_room};

void probe_init(struct probe *p, struct kit *k)
{
    static char part1[] = "{\"model\": \"m\", ", part2[] = "\"messages\": []}";
    *p = (struct probe){.kit = k};
    sl_arena_init(&p->arena, NULL);
    sl_buf_init(&p->got, 256u << 20);
    p->headers[0] = (struct http_header){SL_STR_INIT("authorization"), SL_STR_INIT("Bearer sk-test"), HN_AUTHORIZATION};
    p->headers[1] = (struct http_header){SL_STR_INIT("content-type"), SL_STR_INIT("application/json"), HN_CONTENT_TYPE};
    p->body[0] = (struct iovec){part1, sizeof part1 - 1};
    p->body[1] = (struct iovec){part2, 0};
    p->body[2] = (struct iovec){part2, sizeof part2 - 1};
    p->req = (struct attempt_request){
        .origin = &k->origin,
        .method = SL_STR("POST"),
        .path = SL_STR("/v1/chat/completions"),
        .headers = p->headers,
        .n_headers = 2,
        .body = p->body,
        .n_body = 3,
        .deadlines = {.connect_ns = SL_SEC,
                      .tls_ns = 2 * SL_SEC,
                      .send_ns = 3 * SL_SEC,
                      .first_byte_ns = 4 * SL_SEC,
                      .between_ns = 5 * SL_SEC},
    };
}

void probe_start(struct probe *p)
{
    p->inside = true;
    p->attempt = attempt_start(p->kit->up, &p->arena, &p->req, &probe_owner, p);
    p->inside = false;
}

static bool is_over(void *arg)
{
    const struct probe *p = arg;
    return p->overs > 0;
}

enum vnet_end probe_run(struct probe *p, int64_t max_ns)
{
    return vnet_run(p->kit->net, is_over, p, max_ns);
}

void probe_cancel(struct probe *p, bool drain)
{
    p->inside = true;
    attempt_cancel(p->attempt, drain, &p->result);
    p->inside = false;
}

void probe_read(struct probe *p, bool on)
{
    p->inside = true;
    attempt_read(p->attempt, on);
    p->inside = false;
}

void probe_done(struct probe *p)
{
    attempt_free(p->attempt);
    p->attempt = NULL;
    sl_arena_done(&p->arena);
    sl_buf_done(&p->got);
}

void probe_once(struct probe *p, struct kit *k)
{
    probe_init(p, k);
    probe_start(p);
    probe_run(p, SL_MIN);
    assert_int_equal(p->overs, 1);
}
