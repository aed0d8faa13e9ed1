#include "kit.h"

#include "base/mem.h"

/* ---- the app ---- */

void kit_release(struct call *c)
{
    if (c->released)
        return;
    c->released = true;
    sl_list_remove(&c->node);
    http_stream_release(c->s);
    sl_buf_done(&c->body);
    sl_free(c);
}

void kit_answer(struct call *c, int status, struct sl_str body)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n};
    const struct http_response r = {.status = status, .content_length = (int64_t)body.n};
    http_stream_send_head(c->s, &r, body.n == 0);
    if (body.n > 0)
        http_stream_send_body(c->s, &v, 1, true);
    kit_release(c);
}

static void big_go(struct call *c)
{
    static char piece[4096];
    memset(piece, 'b', sizeof piece);
    while (c->left > 0) {
        size_t room = http_stream_room(c->s);
        if (room == 0 && !c->kit->big_is_rude)
            return;
        size_t n = c->left < sizeof piece ? (size_t)c->left : sizeof piece;
        struct iovec v = {.iov_base = piece, .iov_len = n};
        c->left -= n;
        http_stream_send_body(c->s, &v, 1, c->left == 0);
    }
    kit_release(c);
}

static bool is(const struct call *c, const char *path)
{
    return strcmp(c->path, path) == 0;
}

static void body_is_whole(struct call *c)
{
    if (is(c, "/echo")) {
        kit_answer(c, 200, sl_buf_str(&c->body));
    } else if (is(c, "/big")) {
        const struct http_response r = {.status = 200, .content_length = (int64_t)c->kit->big};
        c->answered = true;
        c->left = c->kit->big;
        http_stream_send_head(c->s, &r, false);
        big_go(c);
    }
}

static void *on_request(void *app, struct http_stream *s, const struct http_request *r)
{
    struct kit *k = app;
    struct call *c = SL_NEW(struct call);
    k->requests++;
    c->kit = k;
    c->s = s;
    c->r = r;
    snprintf(c->path, sizeof c->path, SL_STR_FMT, SL_STR_ARG(r->path));
    sl_buf_init(&c->body, 64u << 20);
    sl_list_init(&c->node);
    sl_list_add_tail(&k->calls, &c->node);
    s->x = c;
    if (is(c, "/now")) {
        kit_answer(c, 200, SL_STR("now"));
    } else if (is(c, "/stream")) {
        const struct http_response head = {.status = 200, .content_length = HTTP_LENGTH_NONE};
        struct iovec v = {.iov_base = (void *)(uintptr_t) "first", .iov_len = 5};
        http_stream_send_head(s, &head, false);
        http_stream_send_body(s, &v, 1, false);
        http_stream_read(s, true);
    } else if (!is(c, "/hang")) {
        if (r->has_body)
            http_stream_read(s, true);
        else
            body_is_whole(c);
    }
    return c;
}

static void on_body(void *x, struct sl_str bytes, bool last)
{
    struct call *c = x;
    assert_false(c->released);
    assert_false(c->last);
    assert_int_equal(sl_buf_add(&c->body, bytes.p, bytes.n), SL_OK);
    c->last = last;
    if (last)
        body_is_whole(c);
}

static void on_room(void *x)
{
    struct call *c = x;
    assert_false(c->released);
    if (is(c, "/big") && c->answered)
        big_go(c);
}

static void on_gone(void *x, enum http_gone why)
{
    struct call *c = x;
    assert_false(c->released);
    if (why == HTTP_GONE_BODY_SLOW) {
        c->kit->slow++;
        kit_answer(c, 408, SL_STR("slow"));
        return;
    }
    assert_false(c->gone);
    c->gone = true;
    c->why = why;
    c->kit->gone++;
    c->kit->last_why = why;
    kit_release(c);
}

static const struct http_app app = {
    .on_request = on_request, .on_body = on_body, .on_room = on_room, .on_gone = on_gone};

/* ---- the kit ---- */

#define SCRATCH 32768u

struct listen_limits kit_limits(void)
{
    return (struct listen_limits){.head_bytes = 4096,
                                  .headers = 20,
                                  .target_bytes = 512,
                                  .streams = 10,
                                  .resets_per_second = 100,
                                  .connections = 100,
                                  .connections_per_address = 10,
                                  .queue_bytes = 65536,
                                  .handshake_ns = 5 * SL_SEC,
                                  .head_ns = 10 * SL_SEC,
                                  .idle_ns = 75 * SL_SEC,
                                  .body_ns = 30 * SL_SEC,
                                  .write_ns = 60 * SL_SEC,
                                  .linger_ns = SL_SEC};
}

void kit_open(struct kit *k, const struct listen_limits *limits)
{
    *k = (struct kit){.big = 1000};
    k->net = vnet_new(1);
    vnet_loop_init(k->net, &k->loop);
    sl_arena_cache_init(&k->arenas, 16);
    sl_chunk_cache_init(&k->chunks, 16, 4);
    sl_list_init(&k->calls);
    k->scratch = sl_malloc(SCRATCH);
    k->o = (struct listen_options){.limits = limits != NULL ? *limits : kit_limits(),
                                   .http2 = true,
                                   .app = &app,
                                   .app_arg = k,
                                   .arenas = &k->arenas,
                                   .chunks = &k->chunks,
                                   .scratch = k->scratch,
                                   .scratch_bytes = SCRATCH};
    k->server = listen_server_new(&k->loop, &k->o);
}

void kit_close(struct kit *k)
{
    listen_server_free(k->server);
    sl_loop_drain(&k->loop);
    assert_true(sl_list_is_empty(&k->calls));
    sl_loop_done(&k->loop);
    vnet_free(k->net);
    sl_arena_cache_done(&k->arenas);
    sl_chunk_cache_done(&k->chunks);
    sl_free(k->scratch);
}

void kit_run(struct kit *k, int64_t ns)
{
    vnet_run(k->net, NULL, NULL, ns);
}

void kit_connect(struct kit *k, struct wire *w, const char *peer)
{
    struct sl_addr from;
    int fds[2];
    vnet_pair(k->net, fds);
    assert_true(sl_addr_parse(sl_str_c(peer), 5555, &from));
    wire_open(w, &k->loop, fds[1]);
    listen_server_adopt(k->server, fds[0], &from);
}

struct call *kit_call(struct kit *k, unsigned n)
{
    SL_LIST_EACH(node, &k->calls)
    {
        if (n-- == 0)
            return SL_CONTAINER_OF(node, struct call, node);
    }
    return NULL;
}

unsigned count_of(const struct wire *w, const char *text)
{
    struct sl_str all = sl_buf_str(&w->in), what = sl_str_c(text);
    unsigned n = 0;
    for (ptrdiff_t at; (at = sl_str_find_str(all, what)) >= 0; n++)
        all = sl_str_from(all, (size_t)at + what.n);
    return n;
}

/* ---- an HTTP/2 client ---- */

static void on_response(void *owner, struct h2_stream *s, struct http_response *r)
{
    struct peer_stream *st = h2_stream_x(s);
    (void)owner;
    st->status = r->status;
    st->last = !r->has_body;
}

static void on_answer(void *owner, struct h2_stream *s, struct sl_str bytes, bool last)
{
    struct peer_stream *st = h2_stream_x(s);
    (void)owner;
    sl_buf_adds(&st->body, bytes);
    st->last = last;
    if (st->hold)
        st->held += bytes.n;
    else
        h2_stream_consume(s, bytes.n);
}

static void on_closed(void *owner, struct h2_stream *s, uint32_t error)
{
    struct peer_stream *st = h2_stream_x(s);
    (void)owner;
    st->closed = true;
    st->error = error;
    st->s = NULL;
}

static void on_goaway(void *owner, uint32_t error)
{
    struct peer *p = owner;
    (void)error;
    p->goaway = true;
}

static const struct h2_events peer_events = {
    .on_response = on_response, .on_body = on_answer, .on_closed = on_closed, .on_goaway = on_goaway};

void peer_go(struct peer *p)
{
    char out[H2_OUTPUT_MIN];
    size_t n;
    while (wire_is_open(&p->wire) && (n = h2_session_output(p->session, out, sizeof out)) > 0)
        wire_send(&p->wire, sl_str_of(out, n));
}

static void on_news(struct wire *w)
{
    struct peer *p = w->owner;
    struct sl_str fresh = sl_str_from(sl_buf_str(&w->in), p->taken);
    if (fresh.n > 0 && !p->bad) {
        p->taken += fresh.n;
        p->bad = h2_session_feed(p->session, fresh, sl_loop_now(w->loop)) != SL_OK;
    }
    peer_go(p);
}

void peer_open(struct kit *k, struct peer *p)
{
    *p = (struct peer){.limits = H2_LIMITS_DEFAULT};
    kit_connect(k, &p->wire, "198.51.100.9");
    p->wire.news = on_news;
    p->wire.owner = p;
    p->session = h2_session_new(H2_CLIENT, &p->limits, &peer_events, p, NULL);
    peer_go(p);
}

void peer_done(struct peer *p)
{
    h2_session_free(p->session);
    wire_done(&p->wire);
}

static void ask(struct peer *p, struct peer_stream *s, const char *method, const char *path, const char *body,
                bool last)
{
    struct http_request r = {.method_text = sl_str_c(method),
                             .method = strcmp(method, "GET") == 0 ? HTTP_GET : HTTP_POST,
                             .target = sl_str_c(path),
                             .authority = SL_STR("gateway.test"),
                             .content_length = HTTP_LENGTH_NONE};
    *s = (struct peer_stream){.peer = p};
    sl_arena_init(&s->arena, NULL);
    sl_buf_init(&s->body, 64u << 20);
    s->s = h2_submit_request(
        p->session,
        &(struct h2_submit){.request = &r, .arena = &s->arena, .x = s, .plain = true, .last = body == NULL && last});
    assert_non_null(s->s);
    if (body != NULL) {
        struct iovec v = {.iov_base = (void *)(uintptr_t)body, .iov_len = strlen(body)};
        h2_stream_write(s->s, &v, 1, last);
    }
    peer_go(p);
}

void peer_ask(struct peer *p, struct peer_stream *s, const char *method, const char *path, const char *body)
{
    ask(p, s, method, path, body, true);
}

void peer_ask_open(struct peer *p, struct peer_stream *s, const char *path, const char *body)
{
    ask(p, s, "POST", path, body, false);
}

void peer_stream_done(struct peer_stream *s)
{
    if (s->s != NULL)
        h2_stream_detach(s->s);
    s->s = NULL;
    sl_buf_done(&s->body);
    sl_arena_done(&s->arena);
}
