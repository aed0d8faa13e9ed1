#include "stub.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static struct stub *stub_of(struct http_stream *s)
{
    return (struct stub *)s;
}

static void op_read(struct http_stream *s, bool on)
{
    stub_of(s)->reading = on;
}

static void op_send_head(struct http_stream *s, const struct http_response *r, bool last)
{
    struct stub *c = stub_of(s);
    SL_CHECK(!c->released);
    if (s->gone)
        return;
    SL_CHECK(!c->head_sent);
    c->head_sent = true;
    c->last = last;
    c->status = r->status;
    c->length = r->content_length;
    SL_CHECK(r->headers.n <= STUB_HEADERS);
    for (uint32_t i = 0; i < r->headers.n; i++) {
        const struct http_header *h = &r->headers.v[i];
        for (size_t k = 0; k < h->name.n; k++)
            SL_CHECK(h->name.p[k] == sl_lower(h->name.p[k]));
        http_headers_add(&c->headers, &c->mine, sl_arena_str(&c->mine, h->name), sl_arena_str(&c->mine, h->value));
    }
}

static void op_send_body(struct http_stream *s, const struct iovec *v, int n, bool last)
{
    struct stub *c = stub_of(s);
    SL_CHECK(!c->released);
    if (s->gone)
        return;
    SL_CHECK(c->head_sent && !c->last);
    size_t sum = 0;
    for (int i = 0; i < n; i++) {
        sl_buf_add(&c->body, v[i].iov_base, v[i].iov_len);
        sum += v[i].iov_len;
    }
    if (sum > 0 && c->n_writes < STUB_WRITES)
        c->writes[c->n_writes++] = (struct stub_write){.at_ns = sl_loop_now(&c->w->loop), .n = sum};
    c->last = last;
    if (c->room != SIZE_MAX)
        c->room = c->room > sum ? c->room - sum : 0;
}

static void op_informational(struct http_stream *s, int status)
{
    SL_CHECK(status >= 100 && status < 200 && !stub_of(s)->head_sent);
    stub_of(s)->n_informational++;
}

static size_t op_room(const struct http_stream *s)
{
    struct stub *c = (struct stub *)(uintptr_t)s;
    c->room_was_zero |= c->room == 0;
    return c->room;
}

static void op_reset(struct http_stream *s)
{
    SL_CHECK(!stub_of(s)->released);
    stub_of(s)->reset = true;
}

static void op_release(struct http_stream *s)
{
    struct stub *c = stub_of(s);
    SL_CHECK(!c->released);
    c->released = true;
    if (!c->last && !c->closed && !s->gone)
        c->reset = true;
    sl_arena_done(&c->arena); /* whoever looks at it now is caught */
}

static void op_send_raw(struct http_stream *s, struct sl_str bytes, bool close)
{
    struct stub *c = stub_of(s);
    SL_CHECK(!c->released && !c->closed);
    sl_buf_adds(&c->raw, bytes);
    c->closed = close;
}

static const struct http_stream_ops h1_ops = {
    .read = op_read,
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_informational = op_informational,
    .room = op_room,
    .reset = op_reset,
    .release = op_release,
    .send_raw = op_send_raw,
};
static const struct http_stream_ops h2_ops = {
    .read = op_read,
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_informational = op_informational,
    .room = op_room,
    .reset = op_reset,
    .release = op_release,
};

void stub_world_open(struct stub_world *w, const struct sim_settings *set)
{
    w->v = vnet_new(1);
    vnet_loop_init(w->v, &w->loop);
    w->sim = sim_new(&w->loop, set);
}

void stub_world_close(struct stub_world *w)
{
    sim_free(w->sim);
    sl_loop_done(&w->loop);
    vnet_free(w->v);
}

static void on_nothing(struct sl_timer *t)
{
    (void)t;
}

static bool is_fired(void *arg)
{
    return !sl_timer_is_armed(arg);
}

void stub_run(struct stub_world *w, int64_t ns)
{
    struct sl_timer t; /* so that time passes even when nothing else waits for it */
    sl_timer_init(&t, on_nothing);
    sl_timer_arm(&w->loop, &t, sl_loop_now(&w->loop) + ns);
    SL_CHECK(vnet_run(w->v, is_fired, &t, ns + SL_SEC) == VNET_UNTIL);
}

static enum http_method method_of(struct sl_str m)
{
    return sl_str_eq(m, SL_STR("GET"))      ? HTTP_GET
           : sl_str_eq(m, SL_STR("POST"))   ? HTTP_POST
           : sl_str_eq(m, SL_STR("DELETE")) ? HTTP_DELETE
                                            : HTTP_OTHER;
}

static void read_headers(struct stub *c, const char *text)
{
    struct sl_str all = sl_str_c(text);
    while (all.p != NULL && all.n > 0) {
        struct sl_str value = sl_str_cut(&all, '\n'), name = sl_str_cut(&value, ':');
        struct sl_str kept = sl_arena_str(&c->arena, name);
        http_headers_add(&c->r.headers, &c->arena, kept, sl_arena_str(&c->arena, sl_str_trim(value)));
        c->r.headers.v[c->r.headers.n - 1].id = http_name_of(kept);
    }
}

struct stub *stub_begin(struct stub_world *w, const char *method, const char *target, const char *headers,
                        int64_t length)
{
    struct stub *c = SL_NEW(struct stub);
    c->w = w;
    sl_arena_init(&c->arena, NULL);
    sl_arena_init(&c->mine, NULL);
    sl_buf_init(&c->body, 128u << 20);
    sl_buf_init(&c->raw, 128u << 20);
    c->room = SIZE_MAX;
    c->r.method_text = sl_arena_str(&c->arena, sl_str_c(method));
    c->r.method = method_of(c->r.method_text);
    c->r.version = w->http2 ? HTTP_2 : HTTP_1_1;
    c->r.target = sl_arena_str(&c->arena, sl_str_c(target));
    c->r.query = c->r.target;
    c->r.path = sl_str_cut(&c->r.query, '?');
    c->r.content_length = length;
    c->r.has_body = length != 0;
    read_headers(c, headers);
    c->s = (struct http_stream){.ops = w->http2 ? &h2_ops : &h1_ops, .app = &sim_app, .arena = &c->arena};
    c->s.x = sim_app.on_request(w->sim, &c->s, &c->r);
    return c;
}

void stub_body(struct stub *c, struct sl_str bytes, bool last)
{
    SL_CHECK(c->reading);
    if (!c->released)
        sim_app.on_body(c->s.x, bytes, last);
}

void stub_go_away(struct stub *c)
{
    if (c->released || c->s.gone)
        return;
    c->s.gone = true;
    sim_app.on_gone(c->s.x, HTTP_GONE_CLOSED);
    SL_CHECK(c->released);
}

void stub_make_room(struct stub *c, size_t room)
{
    c->room = room;
    if (c->room_was_zero && !c->released) {
        c->room_was_zero = false;
        sim_app.on_room(c->s.x);
    }
}

struct stub *stub_ask(struct stub_world *w, const char *method, const char *target, const char *headers,
                      struct sl_str body)
{
    struct stub *c = stub_begin(w, method, target, headers, (int64_t)body.n);
    if (body.n > 0)
        stub_body(c, body, true);
    return c;
}

struct stub *stub_send(struct stub_world *w, const char *target, const char *headers, struct sl_str body)
{
    struct stub *c = stub_ask(w, "POST", target, headers, body);
    SL_CHECK(vnet_run(w->v, NULL, NULL, 3600 * SL_SEC) == VNET_IDLE);
    return c;
}

struct stub *stub_post(struct stub_world *w, const char *target, const char *body)
{
    return stub_send(w, target, NULL, sl_str_c(body));
}

yyjson_doc *stub_last_record(struct stub_world *w)
{
    struct stub *c = stub_get(w, "/sim/count");
    yyjson_doc *all = stub_json(c);
    size_t n = 0;
    char *text = yyjson_val_write(yyjson_arr_get_last(yyjson_doc_ptr_get(all, "/served")), YYJSON_WRITE_NOFLAG, &n);
    yyjson_doc *d = text != NULL ? yyjson_read(text, n, YYJSON_READ_NOFLAG) : NULL;
    free(text);
    yyjson_doc_free(all);
    stub_free(c);
    return d;
}

struct stub *stub_get(struct stub_world *w, const char *target)
{
    return stub_ask(w, "GET", target, NULL, SL_STR_NONE);
}

void stub_free(struct stub *c)
{
    SL_CHECK(c->released);
    sl_arena_done(&c->mine);
    sl_buf_done(&c->body);
    sl_buf_done(&c->raw);
    sl_free(c);
}

const char *stub_header(const struct stub *c, const char *name)
{
    const struct http_header *h = http_headers_find_name(&c->headers, sl_str_c(name));
    return h != NULL ? h->value.p : NULL;
}

bool stub_is_complete(const struct stub *c)
{
    return c->head_sent && c->last && c->released && !c->reset && !c->closed &&
           (c->length == HTTP_LENGTH_NONE || c->length == (int64_t)c->body.n);
}

yyjson_doc *stub_json(const struct stub *c)
{
    return yyjson_read(c->body.p, c->body.n, YYJSON_READ_NOFLAG);
}

struct sl_str stub_event(const struct stub *c, unsigned k)
{
    struct sl_str all = sl_buf_str(&c->body);
    while (all.p != NULL && all.n > 0) {
        struct sl_str line = sl_str_cut(&all, '\n');
        if (sl_str_starts(line, SL_STR("data: ")) && k-- == 0) {
            line = sl_str_from(line, 6);
            return sl_str_ends(line, SL_STR("\r")) ? sl_str_head(line, line.n - 1) : line;
        }
    }
    return SL_STR_NONE;
}

unsigned stub_events(const struct stub *c)
{
    unsigned n = 0;
    while (stub_event(c, n).p != NULL)
        n++;
    return n;
}
