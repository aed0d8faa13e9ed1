/* Heads of HTTP/2 messages: fields as nghttp2 decodes them become http_request and http_response, and back. nghttp2 has
 * checked already what RFC 9113 8.2 and 8.3 call malformed: capital letters, bytes that may not stand in names and values,
 * pseudo-header order and number, connection-specific fields, te; and holds content-length against DATA. Here: limits,
 * authority, target, and our own additions (names with '_' are dropped as in h1.c). */
#include "http/h2_int.h"

#include "base/check.h"
#include "http/http_int.h"
#include "http/url.h"

#define FIELD_OVERHEAD 32u /* RFC 9113 6.5.2 */
#define STATUS_DIGITS 3u

/* ---- reading ---- */

static void pseudo_of_request(struct h2_stream *s, struct sl_str name, struct sl_str value)
{
    struct http_request *r = s->request;
    if (sl_str_eq(name, SL_STR(":method"))) {
        r->method_text = sl_arena_str(s->arena, value);
        r->method = http_method_of(value);
    } else if (sl_str_eq(name, SL_STR(":path"))) {
        if (value.n > s->session->limits->target_bytes)
            s->flaw = 414;
        else
            r->target = sl_arena_str(s->arena, value);
    } else if (sl_str_eq(name, SL_STR(":authority"))) {
        r->authority = sl_arena_str(s->arena, value);
    } else if (sl_str_eq(name, SL_STR(":scheme"))) {
        s->scheme_ok = sl_str_eq(value, SL_STR("https")) || sl_str_eq(value, SL_STR("http"));
    }
}

static void pseudo_of_response(struct h2_stream *s, struct sl_str name, struct sl_str value)
{
    uint64_t status;
    if (sl_str_eq(name, SL_STR(":status")) && value.n == STATUS_DIGITS && sl_str_to_u64(value, &status))
        s->response->status = (int)status;
}

static struct http_headers *headers_of(struct h2_stream *s)
{
    if (s->session->side == H2_SERVER) {
        if (s->request == NULL) {
            s->request = SL_ARENA_NEW(s->arena, struct http_request);
            s->request->content_length = HTTP_LENGTH_NONE;
            s->request->version = HTTP_2;
        }
        return &s->request->headers;
    }
    if (s->response == NULL) {
        s->response = SL_ARENA_NEW(s->arena, struct http_response);
        s->response->content_length = HTTP_LENGTH_NONE;
        s->response->version = HTTP_2;
    }
    return &s->response->headers;
}

static bool is_over_limits(struct h2_stream *s, size_t bytes)
{
    const struct h2_limits *l = s->session->limits;
    if (bytes > l->header_list_bytes - s->list_bytes)
        return true;
    s->list_bytes += (uint32_t)bytes;
    return ++s->fields > l->headers;
}

void h2_head_field(struct h2_stream *s, struct sl_str name, struct sl_str value)
{
    if (s->flaw != 0 || s->arena == NULL || name.n == 0)
        return;
    struct http_headers *h = headers_of(s);
    if (is_over_limits(s, name.n + value.n + FIELD_OVERHEAD)) {
        s->flaw = 431;
        return;
    }
    if (name.p[0] == ':') {
        if (s->session->side == H2_SERVER)
            pseudo_of_request(s, name, value);
        else
            pseudo_of_response(s, name, value);
        return;
    }
    enum http_name id = http_name_of(name);
    if (id != HN_OTHER)
        http_headers_add_id(h, s->arena, id, sl_arena_str(s->arena, value));
    else if (sl_str_find(name, '_') < 0)
        http_headers_add(h, s->arena, sl_arena_str(s->arena, name), sl_arena_str(s->arena, value));
}

static bool length_read(const struct http_headers *h, int64_t *out)
{
    struct sl_str text = http_headers_get(h, HN_CONTENT_LENGTH);
    uint64_t n;
    if (text.p == NULL)
        return true;
    if (!sl_str_to_u64(text, &n) || n > INT64_MAX)
        return false;
    *out = (int64_t)n;
    return true;
}

static bool authority_judge(struct http_request *r)
{
    struct sl_str host = SL_STR_NONE;
    for (uint32_t i = 0; i < r->headers.n; i++) {
        if (r->headers.v[i].id != HN_HOST)
            continue;
        if (host.p != NULL)
            return false;
        host = r->headers.v[i].value;
    }
    if (r->authority.p == NULL)
        r->authority = host;
    else if (host.p != NULL && !sl_str_eq_nocase(host, r->authority)) /* RFC 9113 8.3.1 */
        return false;
    return url_authority_is_valid(r->authority);
}

int h2_request_judge(struct h2_stream *s, bool has_body)
{
    if (s->flaw != 0)
        return s->flaw;
    struct http_request *r = s->request;
    if (r == NULL || r->method_text.n == 0)
        return 400;
    if (sl_str_eq(r->method_text, SL_STR("CONNECT")))
        return 405;
    if (!http_token_is_valid(r->method_text) || !s->scheme_ok || r->target.n == 0 || !url_target_is_clean(r->target))
        return 400;
    if (r->target.p[0] != '/' && !(sl_str_eq(r->target, SL_STR("*")) && r->method == HTTP_OPTIONS))
        return 400;
    if (!authority_judge(r) || !length_read(&r->headers, &r->content_length))
        return 400;
    url_target_split(r->target, &r->path, &r->query);
    r->has_body = has_body;
    if (!has_body && r->content_length < 0)
        r->content_length = HTTP_LENGTH_NONE;
    r->expect_continue = has_body && sl_str_eq_nocase(http_headers_get(&r->headers, HN_EXPECT), SL_STR("100-continue"));
    return 0;
}

enum h2_response_verdict h2_response_judge(struct h2_stream *s, bool has_body)
{
    struct http_response *r = s->response;
    if (s->flaw != 0 || r == NULL || r->status < 100 || r->status > 599 || r->status == 101)
        return H2_RESPONSE_BAD;
    if (r->status < 200) {
        s->response = NULL;
        s->list_bytes = s->fields = 0;
        return has_body ? H2_RESPONSE_INFORMATIONAL : H2_RESPONSE_BAD;
    }
    if (!length_read(&r->headers, &r->content_length))
        return H2_RESPONSE_BAD;
    r->has_body = has_body;
    return H2_RESPONSE_FINAL;
}

/* ---- writing ---- */

static void field_add(struct h2_fields *f, struct sl_str name, struct sl_str value)
{
    f->v[f->n++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.p, /* nghttp2 copies, and its type lacks const */
                                .namelen = name.n,
                                .value = (uint8_t *)(uintptr_t)value.p,
                                .valuelen = value.n};
}

static void text_add(struct h2_fields *f, struct sl_arena *a, struct sl_str name, struct sl_str value)
{
    value = sl_str_trim(value);
    if (!http_value_is_clean(value)) {
        char *p = sl_arena_alloc(a, value.n);
        http_value_put(p, value);
        value = sl_str_trim(sl_str_of(p, value.n));
    }
    field_add(f, name, value);
}

static void number_add(struct h2_fields *f, struct sl_arena *a, struct sl_str name, uint64_t v)
{
    char *p = sl_arena_alloc(a, 20);
    field_add(f, name, sl_str_of(p, sl_u64_digits(v, p)));
}

#define FIELDS_OWN 8u /* pseudo-headers, content-length, date */

static void headers_add(struct h2_fields *f, struct sl_arena *a, const struct http_headers *h, enum http_name left_out)
{
    for (uint32_t i = 0; i < h->n; i++) {
        const struct http_header *one = &h->v[i];
        if (one->id == HN_OTHER ? !http_lower_token_is_valid(one->name)
                                : one->id == left_out || http_name_is_codecs(one->id) || http_name_is_hop(one->id))
            continue;
        text_add(f, a, one->name, one->value);
    }
}

static struct h2_fields fields_of(struct sl_arena *a, const struct http_headers *h)
{
    return (struct h2_fields){.v = sl_arena_alloc(a, (h->n + FIELDS_OWN) * sizeof(nghttp2_nv))};
}

bool h2_request_fields(const struct h2_submit *m, struct h2_fields *out_fields)
{
    const struct http_request *r = m->request;
    struct sl_str method = r->method_text.n != 0 || r->method == HTTP_OTHER ? r->method_text
                                                                            : http_method_text(r->method);
    if (!http_token_is_valid(method) || r->target.n == 0 || !url_target_is_clean(r->target) ||
        !url_authority_is_valid(r->authority))
        return false;
    struct h2_fields f = fields_of(m->arena, &r->headers);
    field_add(&f, SL_STR(":method"), method);
    field_add(&f, SL_STR(":scheme"), m->plain ? SL_STR("http") : SL_STR("https"));
    field_add(&f, SL_STR(":authority"), r->authority);
    field_add(&f, SL_STR(":path"), r->target);
    headers_add(&f, m->arena, &r->headers, HN_HOST);
    if (r->content_length > 0 || (r->content_length == 0 && r->has_body))
        number_add(&f, m->arena, SL_STR("content-length"), (uint64_t)r->content_length);
    *out_fields = f;
    return true;
}

void h2_response_fields(struct sl_arena *a, const struct http_response *r, struct sl_str date,
                        struct h2_fields *out_fields)
{
    struct h2_fields f = fields_of(a, &r->headers);
    SL_CHECK(r->status >= 200 && r->status <= 599);
    number_add(&f, a, SL_STR(":status"), (uint64_t)r->status);
    headers_add(&f, a, &r->headers, date.n != 0 ? HN_DATE : HN_OTHER);
    if (date.n != 0)
        text_add(&f, a, SL_STR("date"), date);
    if (r->content_length >= 0 && r->status != 204)
        number_add(&f, a, SL_STR("content-length"), (uint64_t)r->content_length);
    *out_fields = f;
}
