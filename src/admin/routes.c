/* The table of routes, and the app around it. The required role is a column: a row without one does not compile. */
#include "admin/admin.h"

#include "http/url.h"

#define METRICS_MAX (32u << 20) /* the cap on series keeps a page under 2 MiB */

enum admin_role {
    ROLE_ANYONE = 1,
    ROLE_VIEWER,
    ROLE_OPERATOR /* changes something. One token is for both so far */
};

struct admin_route;

/* A request whose body is waited for. In the stream's arena. */
struct admin_call {
    uint32_t magic;
    struct admin *admin;
    struct http_stream *stream;
    const struct http_request *request;
    const struct admin_route *row; /* borrow, static */
    struct sl_buf body;            /* own; released at the end of the arena */
    bool over;                     /* answered, or the client is gone: released */
};
#define CALL_MAGIC 0x41434c4cu

typedef void admin_handler_f(struct admin *m, struct http_stream *s);
typedef void admin_body_f(struct admin_call *c);

struct admin_route {
    enum http_method method;
    struct sl_str path;
    enum admin_role role;
    admin_handler_f *handler; /* answers at once; NULL: on_body */
    admin_body_f *on_body;    /* answers when the body is whole */
};

static admin_handler_f get_livez, get_readyz, get_metrics, get_drill;
static admin_body_f post_explain, post_drill;

#define ROUTE(m, p, r, h)                                                                                              \
    {                                                                                                                  \
        .method = (m), .path = SL_STR_INIT(p), .role = (r), .handler = (h)                                             \
    }
#define ROUTE_BODY(m, p, r, h)                                                                                         \
    {                                                                                                                  \
        .method = (m), .path = SL_STR_INIT(p), .role = (r), .on_body = (h)                                             \
    }

static const struct admin_route routes[] = {
    ROUTE(HTTP_GET, "/livez", ROLE_ANYONE, get_livez),
    ROUTE(HTTP_GET, "/readyz", ROLE_ANYONE, get_readyz),
    ROUTE(HTTP_GET, "/metrics", ROLE_VIEWER, get_metrics),
    ROUTE_BODY(HTTP_POST, "/api/explain", ROLE_VIEWER, post_explain),
    ROUTE(HTTP_GET, "/api/drill", ROLE_VIEWER, get_drill),
    ROUTE_BODY(HTTP_POST, "/api/drill", ROLE_OPERATOR, post_drill),
};

/* ---- answers ---- */

/* more: headers beside those that all answers have. */
static void answer_with(struct http_stream *s, int status, struct sl_str type, struct sl_str body,
                        struct http_headers more)
{
    struct http_headers h = more;
    http_headers_add_id(&h, s->arena, HN_CONTENT_TYPE, type);
    http_headers_add_id(&h, s->arena, HN_CACHE_CONTROL, SL_STR("no-store"));
    http_headers_add(&h, s->arena, SL_STR("x-content-type-options"), SL_STR("nosniff"));
    if (status == 401)
        http_headers_add_id(&h, s->arena, HN_WWW_AUTHENTICATE, SL_STR("Bearer"));
    const struct http_response r = {.status = status, .headers = h, .content_length = (int64_t)body.n};
    struct iovec v = {.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n};
    http_stream_send_head(s, &r, false);
    http_stream_send_body(s, &v, 1, true);
}

static void answer(struct http_stream *s, int status, struct sl_str type, struct sl_str body)
{
    answer_with(s, status, type, body, (struct http_headers){0});
}

static void answer_text(struct http_stream *s, int status, const char *text)
{
    answer(s, status, SL_STR("text/plain; charset=utf-8"), sl_str_c(text));
}

static void get_livez(struct admin *m, struct http_stream *s)
{
    (void)m; /* this thread runs: that is what is asked */
    answer_text(s, 200, "ok\n");
}

static void get_readyz(struct admin *m, struct http_stream *s)
{
    const char *why = "ok";
    bool ready = m->source.ready(m->source.owner, &why);
    answer(s, ready ? 200 : 503, SL_STR("text/plain; charset=utf-8"), sl_arena_printf(s->arena, "%s\n", why));
}

static void get_metrics(struct admin *m, struct http_stream *s)
{
    struct sl_buf b;
    sl_buf_init(&b, METRICS_MAX);
    if (m->source.metrics(m->source.owner, &b) == SL_OK)
        answer(s, 200, SL_STR("text/plain; version=0.0.4; charset=utf-8"), sl_buf_str(&b));
    else
        answer_text(s, 500, "the page of metrics does not fit\n");
    sl_buf_done(&b);
}

/* ?path=/v1/messages&key=NAME; the body is the request's. */
static bool query_text(struct admin_call *c, const char *name, struct sl_str *out)
{
    struct sl_str raw;
    size_t n;
    if (!url_query_find(c->request->query, sl_str_c(name), &raw))
        return true;
    char *text = sl_arena_alloc(c->stream->arena, raw.n + 1);
    bool good = url_decode(raw, text, &n);
    *out = sl_str_of(text, n);
    return good;
}

static void post_explain(struct admin_call *c)
{
    struct admin_explain ask = {.body = sl_buf_str(&c->body), .headers = &c->request->headers};
    struct sl_buf out;
    if (!query_text(c, "path", &ask.path) || !query_text(c, "key", &ask.key)) {
        answer_text(c->stream, 400, "the query is not well encoded\n");
        return;
    }
    sl_buf_init(&out, METRICS_MAX);
    int status = c->admin->source.explain(c->admin->source.owner, &ask, c->stream->arena, &out);
    answer(c->stream, status, SL_STR("application/json"), sl_buf_str(&out));
    sl_buf_done(&out);
}

/* A page in a browser cannot post this type without asking first, which is never allowed. */
static bool is_json(const struct http_request *r)
{
    return sl_str_starts_nocase(http_headers_get(&r->headers, HN_CONTENT_TYPE), SL_STR("application/json"));
}

static void tell_drill(struct admin *m, struct http_stream *s, const struct sl_str *body)
{
    struct sl_buf out;
    sl_buf_init(&out, 65536);
    int status = m->source.drill(m->source.owner, body, &s->peer, s->arena, &out);
    answer(s, status, SL_STR("application/json"), sl_buf_str(&out));
    sl_buf_done(&out);
}

static void get_drill(struct admin *m, struct http_stream *s)
{
    tell_drill(m, s, NULL);
}

static void post_drill(struct admin_call *c)
{
    struct sl_str body = sl_buf_str(&c->body);
    if (!is_json(c->request))
        answer_text(c->stream, 415, "send application/json\n");
    else
        tell_drill(c->admin, c->stream, &body);
}

/* ---- who may ---- */

/* Without a token a page in a browser of this machine could ask us by a name of its own that it lets lead here (DNS
 * rebinding). With one, any name is fine, as monitoring uses it: a page does not have the token. */
static bool host_is_safe(const struct admin *m, struct sl_str authority)
{
    struct sl_str host;
    uint16_t port;
    struct sl_addr ignored;
    if (m->token != NULL && m->token->n > 0)
        return true;
    if (!url_authority_split(authority, &host, &port))
        return false;
    return sl_str_eq_nocase(host, SL_STR("localhost")) || sl_addr_parse(host, 0, &ignored);
}

static bool has_token(const struct admin *m, const struct http_request *r)
{
    struct sl_str want = sl_secret_expose(m->token);
    struct sl_str given = http_headers_get(&r->headers, HN_AUTHORIZATION);
    if (!sl_str_starts_nocase(given, SL_STR("bearer ")))
        return false;
    given = sl_str_trim(sl_str_from(given, 7));
    return given.n == want.n && sl_equal_ct(given.p, want.p, want.n);
}

static bool is_allowed(const struct admin *m, const struct http_stream *s, const struct http_request *r,
                       enum admin_role role)
{
    if (role == ROLE_ANYONE)
        return true;
    if (m->token == NULL || m->token->n == 0)
        return sl_addr_is_loopback(&s->peer);
    return has_token(m, r);
}

static void drop_body(void *call)
{
    sl_buf_done(&((struct admin_call *)call)->body);
}

/* Gives the call that waits; NULL: there is no body, and it was answered. */
static void *wait_for_body(struct admin *m, struct http_stream *s, const struct http_request *r,
                           const struct admin_route *row)
{
    struct admin_call *c = SL_ARENA_NEW(s->arena, struct admin_call);
    *c = (struct admin_call){.magic = CALL_MAGIC, .admin = m, .stream = s, .request = r, .row = row};
    sl_buf_init(&c->body, ADMIN_BODY_MAX);
    sl_arena_on_drop(s->arena, drop_body, c);
    if (!r->has_body) {
        row->on_body(c);
        return NULL;
    }
    http_stream_read(s, true);
    return c;
}

/* Gives the call that waits for its body; NULL: it was answered. */
static void *route(struct admin *m, struct http_stream *s, const struct http_request *r)
{
    bool gets = false, posts = false; /* what the path takes */
    if (!host_is_safe(m, r->authority)) {
        answer_text(s, 403, "use an IP address or localhost as the host, or set admin.token\n");
        return NULL;
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const struct admin_route *row = &routes[i];
        if (!sl_str_eq(row->path, r->path))
            continue;
        gets |= row->method == HTTP_GET;
        posts |= row->method == HTTP_POST;
        if (row->method != r->method && !(row->method == HTTP_GET && r->method == HTTP_HEAD))
            continue;
        if (!is_allowed(m, s, r, row->role)) {
            answer_text(s, 401, "a token is needed: Authorization: Bearer TOKEN\n");
            return NULL;
        }
        if (row->handler == NULL)
            return wait_for_body(m, s, r, row);
        row->handler(m, s);
        return NULL;
    }
    if (!gets && !posts) {
        answer_text(s, 404, "there is nothing at this path\n");
        return NULL;
    }
    struct http_headers allow = {0};
    http_headers_add(&allow, s->arena, SL_STR("allow"),
                     !posts  ? SL_STR("GET, HEAD")
                     : !gets ? SL_STR("POST")
                             : SL_STR("GET, HEAD, POST"));
    answer_with(s, 405, SL_STR("text/plain; charset=utf-8"), SL_STR("this path does not take this method\n"), allow);
    return NULL;
}

/* ---- the app: most answers are made at once, and such a request needs no object of its own ---- */

static void *on_request(void *app, struct http_stream *s, const struct http_request *r)
{
    void *call = route(app, s, r);
    if (call != NULL)
        return call;
    http_stream_release(s);
    return app;
}

/* The call, if it is one that still waits. */
static struct admin_call *call_of(void *x)
{
    struct admin_call *c = x;
    return *(const uint32_t *)x == CALL_MAGIC && !c->over ? c : NULL;
}

static void end_call(struct admin_call *c)
{
    c->over = true;
    http_stream_release(c->stream);
}

static void on_body(void *x, struct sl_str bytes, bool last)
{
    struct admin_call *c = call_of(x);
    if (c == NULL)
        return;
    sl_buf_adds(&c->body, bytes);
    if (!last && !c->body.over)
        return;
    if (c->body.over)
        answer_text(c->stream, 413, "the body is too large\n");
    else
        c->row->on_body(c);
    end_call(c);
}

static void on_room(void *x)
{
    (void)x;
}

static void on_gone(void *x, enum http_gone why)
{
    struct admin_call *c = call_of(x);
    (void)why;
    if (c != NULL)
        end_call(c);
}

const struct http_app admin_app = {
    .on_request = on_request, .on_body = on_body, .on_room = on_room, .on_gone = on_gone};
