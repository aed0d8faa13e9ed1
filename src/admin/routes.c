/* The table of routes, and the app around it. The required role is a column: a row without one does not compile. */
#include "admin/admin.h"

#include "http/url.h"

#define METRICS_MAX (32u << 20) /* the cap on series keeps a page under 2 MiB */

enum admin_role {
    ROLE_ANYONE = 1,
    ROLE_VIEWER
};

typedef void admin_handler_f(struct admin *m, struct http_stream *s);

struct admin_route {
    enum http_method method;
    struct sl_str path;
    enum admin_role role;
    admin_handler_f *handler;
};

static admin_handler_f get_livez, get_readyz, get_metrics;

#define ROUTE(m, p, r, h)                                                                                              \
    {                                                                                                                  \
        .method = (m), .path = SL_STR_INIT(p), .role = (r), .handler = (h)                                             \
    }

static const struct admin_route routes[] = {
    ROUTE(HTTP_GET, "/livez", ROLE_ANYONE, get_livez),
    ROUTE(HTTP_GET, "/readyz", ROLE_ANYONE, get_readyz),
    ROUTE(HTTP_GET, "/metrics", ROLE_VIEWER, get_metrics),
};

/* ---- answers ---- */

static void answer(struct http_stream *s, int status, struct sl_str type, struct sl_str body)
{
    struct http_headers h = {0};
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

/* ---- who may ---- */

static bool host_is_safe(struct sl_str authority)
{
    struct sl_str host;
    uint16_t port;
    struct sl_addr ignored;
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

static void route(struct admin *m, struct http_stream *s, const struct http_request *r)
{
    bool known = false;
    if (!host_is_safe(r->authority)) {
        answer_text(s, 403, "use an IP address or localhost as the host\n");
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const struct admin_route *row = &routes[i];
        if (!sl_str_eq(row->path, r->path))
            continue;
        known = true;
        if (row->method != r->method && !(row->method == HTTP_GET && r->method == HTTP_HEAD))
            continue;
        if (is_allowed(m, s, r, row->role))
            row->handler(m, s);
        else
            answer_text(s, 401, "a token is needed: Authorization: Bearer TOKEN\n");
        return;
    }
    answer_text(s, known ? 405 : 404,
                known ? "this path does not take this method\n" : "there is nothing at this path\n");
}

/* ---- the app: every answer is made at once, so a request needs no object of its own ---- */

static void *on_request(void *app, struct http_stream *s, const struct http_request *r)
{
    route(app, s, r);
    http_stream_release(s);
    return app;
}

static void on_body(void *x, struct sl_str bytes, bool last)
{
    (void)x;
    (void)bytes;
    (void)last;
}

static void on_room(void *x)
{
    (void)x;
}

static void on_gone(void *x, enum http_gone why)
{
    (void)x;
    (void)why;
}

const struct http_app admin_app = {
    .on_request = on_request, .on_body = on_body, .on_room = on_room, .on_gone = on_gone};
