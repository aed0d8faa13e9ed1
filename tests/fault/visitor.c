#include "visitor.h"

#include "lib/core.h"

static void on_news(struct wire *w);
static void on_leave(struct sl_timer *t);
static void on_deaf(struct sl_timer *t);
static void on_again(struct sl_timer *t);
static void on_rest(struct sl_timer *t);
static void go_h1(struct visitor *v);

/* ---- what is asked ---- */

static void write_body(const struct want *w, struct sl_buf *b)
{
    sl_buf_addf(b, "{\"model\":\"%s\",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"", w->name,
                w->stream ? "true" : "false");
    for (size_t i = 0; i < w->pad; i++)
        sl_buf_addc(b, 'p');
    sl_buf_adds(b, SL_STR("\"}]}"));
}

static void write_h1(const struct want *w, struct sl_buf *b)
{
    struct sl_buf body;
    sl_buf_init(&body, 1u << 20);
    write_body(w, &body);
    sl_buf_addf(b,
                "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer " CORE_KEY
                "\r\ncontent-type: application/json\r\nx-sim-tokens: %u\r\ncontent-length: %zu\r\n",
                w->tokens, body.n);
    if (w->fault != NULL)
        sl_buf_addf(b, "x-sim-fault: %s\r\n", w->fault);
    sl_buf_adds(b, SL_STR("\r\n"));
    sl_buf_adds(b, sl_buf_str(&body));
    sl_buf_done(&body);
}

static void end_want(struct want *w, bool whole)
{
    w->whole = w->over ? w->whole : whole;
    w->over = true;
}

/* ---- HTTP/1 ---- */

static void send_next_h1(struct visitor *v)
{
    struct want *w = &v->wants[v->next++];
    struct sl_buf b;
    sl_buf_init(&b, 2u << 20);
    write_h1(w, &b);
    w->sent = true;
    size_t part = sl_rand_below(&v->rand, 4) == 0 ? (size_t)sl_rand_below(&v->rand, b.n) : b.n;
    wire_send(&v->wire, sl_str_head(sl_buf_str(&b), part));
    if (part < b.n) {
        SL_CHECK(sl_chunks_add(&v->later, b.p + part, b.n - part) == SL_OK);
        sl_timer_arm(v->loop, &v->rest, sl_loop_now(v->loop) + (int64_t)sl_rand_below(&v->rand, (uint64_t)SL_SEC));
    }
    sl_buf_done(&b);
}

static void send_h1(struct visitor *v)
{
    while (v->next < v->n && wire_is_open(&v->wire) && !sl_timer_is_armed(&v->rest) &&
           (v->next == v->current || (v->pipelines && v->next < v->current + 3)))
        send_next_h1(v);
}

static void on_rest(struct sl_timer *t)
{
    struct visitor *v = SL_CONTAINER_OF(t, struct visitor, rest);
    wire_send(&v->wire, sl_chunks_flat(&v->later));
    sl_chunks_clear(&v->later);
    if (!v->h2)
        send_h1(v);
}

static void take_head(struct want *w, const struct http_response *r)
{
    w->status = r->status;
    w->is_events = sl_str_starts(http_headers_get(&r->headers, HN_CONTENT_TYPE), SL_STR("text/event-stream"));
}

/* False: there is no more to do with what is there. */
static bool feed_h1(struct visitor *v, struct sl_str *in)
{
    struct sl_str body;
    struct want *w = &v->wants[v->current];
    if (v->current >= v->n) {
        v->bad = v->bad || in->n > 0;
        return false;
    }
    if (!v->parsing) {
        if (in->n == 0)
            return false;
        h1_parser_begin_response(&v->parser, &w->arena, HTTP_POST);
        v->parsing = true;
    }
    switch (h1_parser_feed(&v->parser, in, &body)) {
    case H1_MORE:
        return false;
    case H1_HEAD:
        take_head(w, h1_parser_response(&v->parser));
        return true;
    case H1_BODY:
        SL_CHECK(sl_buf_adds(&w->body, body) == SL_OK);
        return true;
    case H1_COMPLETE:
        end_want(w, true);
        v->parsing = false;
        v->current++;
        send_h1(v);
        return true;
    case H1_BAD:
        v->bad = true;
        return false;
    }
    return false;
}

static void go_h1(struct visitor *v)
{
    struct sl_str in = sl_str_from(sl_buf_str(&v->wire.in), v->taken);
    size_t had = in.n;
    while (!v->bad && feed_h1(v, &in))
        ;
    v->taken += had - in.n;
    if (!v->wire.eof || v->bad || !v->parsing || v->current >= v->n)
        return;
    if (h1_parser_eof(&v->parser) == H1_EOF_COMPLETE)
        end_want(&v->wants[v->current], true);
}

/* ---- HTTP/2 ---- */

static void on_response(void *owner, struct h2_stream *s, struct http_response *r)
{
    struct want *w = h2_stream_x(s);
    (void)owner;
    take_head(w, r);
    if (!r->has_body)
        w->whole = true;
}

static void on_body(void *owner, struct h2_stream *s, struct sl_str bytes, bool last)
{
    struct want *w = h2_stream_x(s);
    (void)owner;
    SL_CHECK(sl_buf_adds(&w->body, bytes) == SL_OK);
    w->whole = w->whole || last;
    h2_stream_consume(s, bytes.n);
}

static void on_closed(void *owner, struct h2_stream *s, uint32_t error)
{
    struct want *w = h2_stream_x(s);
    (void)owner, (void)error;
    w->s = NULL;
    end_want(w, w->whole);
}

static const struct h2_events events = {.on_response = on_response, .on_body = on_body, .on_closed = on_closed};

static void flush_h2(struct visitor *v)
{
    char out[H2_OUTPUT_MIN];
    size_t n;
    while (wire_is_open(&v->wire) && (n = h2_session_output(v->session, out, sizeof out)) > 0)
        wire_send(&v->wire, sl_str_of(out, n));
}

static void send_next_h2(struct visitor *v)
{
    struct want *w = &v->wants[v->next++];
    struct http_request r = {.method = HTTP_POST,
                             .method_text = SL_STR("POST"),
                             .target = SL_STR("/v1/chat/completions"),
                             .authority = SL_STR("gateway.test"),
                             .content_length = HTTP_LENGTH_NONE};
    struct sl_buf body;
    sl_buf_init(&body, 1u << 20);
    write_body(w, &body);
    http_headers_add(&r.headers, &w->arena, SL_STR("authorization"), SL_STR("Bearer " CORE_KEY));
    http_headers_add(&r.headers, &w->arena, SL_STR("x-sim-tokens"), sl_arena_printf(&w->arena, "%u", w->tokens));
    if (w->fault != NULL)
        http_headers_add(&r.headers, &w->arena, SL_STR("x-sim-fault"), sl_str_c(w->fault));
    w->s = h2_submit_request(v->session, &(struct h2_submit){.request = &r, .arena = &w->arena, .x = w, .plain = true});
    if (w->s == NULL) {
        end_want(w, false);
    } else {
        struct iovec iov = {.iov_base = body.p, .iov_len = body.n};
        w->sent = true;
        h2_stream_write(w->s, &iov, 1, true);
    }
    sl_buf_done(&body);
}

static void go_h2(struct visitor *v)
{
    struct sl_str in = sl_str_from(sl_buf_str(&v->wire.in), v->taken);
    v->taken += in.n;
    if (in.n > 0 && !v->bad && h2_session_feed(v->session, in, sl_loop_now(v->loop)) != SL_OK)
        v->bad = true;
    flush_h2(v);
}

/* ---- comings and goings ---- */

static void connection_over(struct visitor *v)
{
    if (v->over)
        return;
    v->over = true;
    sl_timer_cancel(v->loop, &v->rest);
    for (unsigned i = 0; i < v->n; i++)
        end_want(&v->wants[i], v->h2 ? v->wants[i].whole : false);
}

static void on_news(struct wire *w)
{
    struct visitor *v = w->owner;
    if (v->h2)
        go_h2(v);
    else
        go_h1(v);
    if (!wire_is_open(w))
        connection_over(v);
}

static void on_leave(struct sl_timer *t)
{
    struct visitor *v = SL_CONTAINER_OF(t, struct visitor, leave);
    if (v->over || visitor_is_done(v))
        return;
    v->left = true;
    if (v->h2 && v->leave_how == 0) { /* one request is given up, the others stay */
        struct want *w = &v->wants[sl_rand_below(&v->rand, v->n)];
        if (w->s != NULL)
            h2_stream_reset(w->s, H2_CANCEL);
        flush_h2(v);
        return;
    }
    if (v->leave_how == 1)
        wire_reset(&v->wire);
    else if (v->leave_how == 2)
        wire_fin(&v->wire);
    else
        wire_close(&v->wire);
    if (!wire_is_open(&v->wire))
        connection_over(v);
}

static void on_deaf(struct sl_timer *t)
{
    struct visitor *v = SL_CONTAINER_OF(t, struct visitor, deaf);
    wire_listen(&v->wire, false);
    sl_timer_arm(v->loop, &v->again, sl_loop_now(v->loop) + (int64_t)sl_rand_below(&v->rand, (uint64_t)(8 * SL_SEC)));
}

static void on_again(struct sl_timer *t)
{
    struct visitor *v = SL_CONTAINER_OF(t, struct visitor, again);
    wire_listen(&v->wire, true);
}

void visitor_start(struct visitor *v, struct sl_loop *l, int fd, uint64_t seed)
{
    v->loop = l;
    v->started = true;
    sl_rand_seed(&v->rand, seed);
    wire_open(&v->wire, l, fd);
    v->wire.news = on_news;
    v->wire.owner = v;
    sl_chunks_init(&v->later, 4u << 20, NULL);
    sl_timer_init(&v->leave, on_leave);
    sl_timer_init(&v->deaf, on_deaf);
    sl_timer_init(&v->again, on_again);
    sl_timer_init(&v->rest, on_rest);
    for (unsigned i = 0; i < v->n; i++) {
        v->wants[i].by = v;
        sl_buf_init(&v->wants[i].body, 64u << 20);
        sl_arena_init(&v->wants[i].arena, NULL);
    }
    int64_t now = sl_loop_now(l);
    if (v->leave_ns >= 0)
        sl_timer_arm(l, &v->leave, now + v->leave_ns);
    if (sl_rand_below(&v->rand, 8) == 0)
        sl_timer_arm(l, &v->deaf, now + (int64_t)sl_rand_below(&v->rand, (uint64_t)(200 * SL_MS)));
    if (!v->h2) {
        h1_parser_init(&v->parser, H1_RESPONSES, NULL);
        send_h1(v);
        return;
    }
    v->limits = H2_LIMITS_DEFAULT;
    if (sl_rand_below(&v->rand, 3) == 0)
        v->limits.stream_window = 1000 + (uint32_t)sl_rand_below(&v->rand, 5000);
    v->session = h2_session_new(H2_CLIENT, &v->limits, &events, v, NULL);
    while (v->next < v->n)
        send_next_h2(v);
    flush_h2(v);
}

bool visitor_is_done(const struct visitor *v)
{
    if (!v->started || v->over)
        return v->over;
    for (unsigned i = 0; i < v->n; i++)
        if (!v->wants[i].over)
            return false;
    return true;
}

void visitor_close(struct visitor *v)
{
    if (!v->started)
        return;
    wire_close(&v->wire);
    connection_over(v);
    sl_timer_cancel(v->loop, &v->leave);
    sl_timer_cancel(v->loop, &v->deaf);
    sl_timer_cancel(v->loop, &v->again);
}

void visitor_free(struct visitor *v)
{
    if (!v->started)
        return;
    visitor_close(v);
    h2_session_free(v->session);
    wire_done(&v->wire);
    sl_chunks_done(&v->later);
    for (unsigned i = 0; i < v->n; i++) {
        sl_buf_done(&v->wants[i].body);
        sl_arena_done(&v->wants[i].arena);
    }
}

/* ---- what it was given ---- */

bool want_succeeded(const struct want *w)
{
    struct sl_str body = sl_buf_str(&w->body);
    if (w->status != 200 || !w->whole)
        return false;
    if (w->is_events)
        return sl_str_ends(body, SL_STR("data: [DONE]\n\n")) && sl_str_find_str(body, SL_STR("{\"error\"")) < 0;
    return sl_str_find_str(body, SL_STR("\"usage\"")) >= 0 && body.n > 0 && body.p[body.n - 1] == '}';
}
