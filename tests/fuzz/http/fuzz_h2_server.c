/* A server session against any bytes behind the preface. The owner behaves as a gateway does: answers some requests, holds
 * bodies back, resets and detaches; which one is decided by the stream's number. A client session reads the same bytes. */
#include "base/check.h"
#include "base/mem.h"
#include "http/h2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAMS 64u
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

struct stream {
    struct sl_arena arena;
    struct h2_stream *s;
    size_t held;
    bool used, head, last;
};

struct owner {
    struct stream streams[STREAMS];
    unsigned n;
};

static struct stream *stream_add(struct owner *o, struct h2_stream *s)
{
    if (o->n == STREAMS)
        return NULL;
    struct stream *st = &o->streams[o->n++];
    sl_arena_init(&st->arena, NULL);
    st->used = true;
    st->s = s;
    return st;
}

static struct sl_arena *on_begin(void *owner, struct h2_stream *s)
{
    struct stream *st = stream_add(owner, s);
    if (st == NULL)
        return NULL;
    h2_stream_set_x(s, st);
    return &st->arena;
}

static void check_headers(const struct http_headers *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        struct sl_str n = h->v[i].name, v = h->v[i].value;
        SL_CHECK(n.n > 0 && n.p[0] != ':' && sl_str_find(n, '_') < 0 && h->v[i].id == http_name_of(n));
        for (size_t k = 0; k < n.n; k++)
            SL_CHECK(n.p[k] == sl_lower(n.p[k]) && n.p[k] > 0x20);
        SL_CHECK(sl_str_find(v, '\r') < 0 && sl_str_find(v, '\n') < 0 && sl_str_find(v, 0) < 0);
    }
}

static void drop(struct stream *st)
{
    h2_stream_detach(st->s);
    st->s = NULL;
    sl_arena_done(&st->arena);
    st->used = false;
}

static void on_request(void *owner, struct h2_stream *s, struct http_request *r)
{
    struct stream *st = h2_stream_x(s);
    (void)owner;
    SL_CHECK(st->s == s && !st->head);
    st->head = true;
    SL_CHECK(r->target.n > 0 && r->authority.n > 0 && r->method_text.n > 0 && r->version == HTTP_2);
    check_headers(&r->headers);
    struct http_response resp = {.status = 200, .content_length = HTTP_LENGTH_NONE};
    static char body[3000];
    struct iovec v = {body, sizeof body};
    switch (h2_stream_id(s) / 2 % 5) {
    case 0:
        h2_submit_response(s, &resp, SL_STR("now"), false);
        h2_stream_write(s, &v, 1, true);
        break;
    case 1:
        h2_stream_reset(s, H2_CANCEL);
        break;
    case 2:
        h2_submit_informational(s, 100);
        h2_submit_response(s, &resp, SL_STR_NONE, true);
        drop(st);
        break;
    case 3:
        drop(st);
        break;
    default:
        break;
    }
}

static void on_response(void *owner, struct h2_stream *s, struct http_response *r)
{
    struct stream *st = h2_stream_x(s);
    (void)owner;
    SL_CHECK(st->s == s && !st->head && r->status >= 200 && r->status <= 599);
    st->head = true;
    check_headers(&r->headers);
}

static void on_body(void *owner, struct h2_stream *s, struct sl_str bytes, bool last)
{
    struct stream *st = h2_stream_x(s);
    (void)owner;
    SL_CHECK(st->s == s && st->head && !st->last && (!last || bytes.n == 0));
    st->last = last;
    if (h2_stream_id(s) % 4 == 1)
        h2_stream_consume(s, bytes.n);
    else
        st->held += bytes.n;
    SL_CHECK(st->held <= 262144);
}

static void on_room(void *owner, struct h2_stream *s)
{
    (void)owner;
    SL_CHECK(h2_stream_room(s) > 0);
}

static void on_closed(void *owner, struct h2_stream *s, uint32_t error)
{
    struct stream *st = h2_stream_x(s);
    (void)owner, (void)error;
    SL_CHECK(st->s == s);
    st->s = NULL;
    st->used = false;
    sl_arena_done(&st->arena);
}

static const struct h2_events events = {on_begin, on_request, on_response, on_body, on_room, on_closed, NULL};

static void output(struct h2_session *s, size_t rounds)
{
    char *out = sl_malloc(H2_OUTPUT_MIN);
    while (rounds-- > 0 && h2_session_wants_write(s))
        if (h2_session_output(s, out, H2_OUTPUT_MIN) == 0)
            break;
    sl_free(out);
}

static void run(enum h2_side side, struct sl_str bytes, size_t step)
{
    static const struct h2_limits limits = {.streams = 20,
                                            .header_list_bytes = 2000,
                                            .headers = 20,
                                            .target_bytes = 200,
                                            .stream_window = 65535,
                                            .connection_window = 100000,
                                            .stream_queue_bytes = 2000,
                                            .resets_per_s = 10,
                                            .resets_burst = 20,
                                            .controls_per_s = 10,
                                            .controls_burst = 50};
    struct owner *o = SL_NEW(struct owner);
    struct h2_session *s = h2_session_new(side, &limits, &events, o, NULL);
    enum sl_err e = side == H2_SERVER ? h2_session_feed(s, SL_STR(PREFACE), 1) : SL_OK;
    for (int i = 0; side == H2_CLIENT && i < 3; i++) {
        struct http_request r = {.method = HTTP_GET, .target = SL_STR("/"), .authority = SL_STR("h")};
        struct stream *st = stream_add(o, NULL);
        struct h2_submit m = {.request = &r, .arena = &st->arena, .x = st, .last = i != 1};
        st->s = h2_submit_request(s, &m);
        SL_CHECK(st->s != NULL);
    }
    output(s, 100);
    for (size_t at = 0; at < bytes.n && e == SL_OK; at += step) {
        struct sl_str part = sl_str_head(sl_str_from(bytes, at), step);
        char *own = sl_malloc(part.n);
        memcpy(own, part.p, part.n);
        e = h2_session_feed(s, sl_str_of(own, part.n), (int64_t)at * 1000000);
        sl_free(own);
        if (at / step % 3 == 0)
            output(s, 2);
    }
    output(s, 1000);
    h2_session_drain(s);
    output(s, 1000);
    h2_session_free(s);
    for (unsigned i = 0; i < o->n; i++)
        SL_CHECK(!o->streams[i].used || side == H2_CLIENT);
    sl_free(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_str bytes = sl_str_of(data, size);
    run(H2_SERVER, bytes, 1u << 30);
    run(H2_SERVER, bytes, 5);
    run(H2_CLIENT, bytes, 1u << 30);
    return 0;
}
