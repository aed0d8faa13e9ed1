/* Writing HTTP/1 heads. The most that a head can take is computed first, so the writing itself needs no checks; nothing is
 * formatted with printf. */
#include "http/h1.h"

#include "base/check.h"
#include "http/http_int.h"
#include "http/url.h"

#define FIXED_MAX 256u /* status or request line without texts, framing headers, the empty line: 180 at most */

struct out { /* enough room was made before */
    char *at;
};

static void put(struct out *o, struct sl_str s)
{
    if (s.n != 0)
        memcpy(o->at, s.p, s.n);
    o->at += s.n;
}

static void put_value(struct out *o, struct sl_str s)
{
    http_value_put(o->at, s);
    o->at += s.n;
}

static void put_u64(struct out *o, uint64_t v)
{
    o->at += sl_u64_digits(v, o->at);
}

static size_t headers_max(const struct http_headers *h)
{
    size_t n = 0;
    for (uint32_t i = 0; i < h->n; i++)
        n += h->v[i].name.n + h->v[i].value.n + 4;
    return n;
}

static void put_headers(struct out *o, const struct http_headers *h, enum http_name left_out)
{
    for (uint32_t i = 0; i < h->n; i++) {
        const struct http_header *one = &h->v[i];
        if (one->id != HN_OTHER ? one->id == left_out || http_name_is_codecs(one->id) : !http_token_is_valid(one->name))
            continue;
        put(o, one->name);
        put(o, SL_STR(": "));
        put_value(o, one->value);
        put(o, SL_STR("\r\n"));
    }
}

static void put_length(struct out *o, int64_t n)
{
    put(o, SL_STR("content-length: "));
    put_u64(o, (uint64_t)n);
    put(o, SL_STR("\r\n"));
}

static void put_connection(struct out *o, unsigned flags)
{
    if (flags & H1_W_UPGRADE)
        put(o, SL_STR("connection: Upgrade\r\nupgrade: websocket\r\n"));
    else if (flags & (H1_W_CLOSE | H1_W_UNTIL_CLOSE))
        put(o, SL_STR("connection: close\r\n"));
    else if (flags & H1_W_KEEP_ALIVE)
        put(o, SL_STR("connection: keep-alive\r\n"));
}

/* ---- responses ---- */

static void put_status_line(struct out *o, int status)
{
    SL_CHECK(status >= 100 && status <= 599);
    put(o, SL_STR("HTTP/1.1 "));
    put_u64(o, (uint64_t)status);
    put(o, SL_STR(" "));
    put(o, http_status_text(status));
    put(o, SL_STR("\r\n"));
}

static void put_response_framing(struct out *o, const struct http_response *r, unsigned flags)
{
    if (r->status == 204 || r->status < 200) /* RFC 9110 8.6: neither may be there */
        return;
    if (r->content_length >= 0)
        put_length(o, r->content_length);
    else if (r->status != 304 && !(flags & (H1_W_NO_BODY | H1_W_UNTIL_CLOSE)))
        put(o, SL_STR("transfer-encoding: chunked\r\n"));
}

static size_t response_head(char *to, const struct http_response *r, unsigned flags, struct sl_str date)
{
    struct out o = {to};
    put_status_line(&o, r->status);
    put_headers(&o, &r->headers, date.n != 0 ? HN_DATE : HN_OTHER);
    if (date.n != 0) {
        put(&o, SL_STR("date: "));
        put_value(&o, date);
        put(&o, SL_STR("\r\n"));
    }
    put_response_framing(&o, r, flags);
    put_connection(&o, flags);
    put(&o, SL_STR("\r\n"));
    return (size_t)(o.at - to);
}

enum sl_err h1_write_response_head(struct sl_chunks *q, const struct http_response *r, unsigned flags,
                                   struct sl_str date)
{
    size_t max = FIXED_MAX + headers_max(&r->headers) + date.n;
    char *to = sl_chunks_room(q, max);
    if (to == NULL)
        return SL_ELIMIT;
    size_t n = response_head(to, r, flags, date);
    SL_CHECK(n <= max);
    sl_chunks_wrote(q, n);
    return SL_OK;
}

enum sl_err h1_write_informational(struct sl_chunks *q, int status)
{
    SL_CHECK(status >= 100 && status < 200);
    char *to = sl_chunks_room(q, FIXED_MAX);
    if (to == NULL)
        return SL_ELIMIT;
    struct out o = {to};
    put_status_line(&o, status);
    put(&o, SL_STR("\r\n"));
    sl_chunks_wrote(q, (size_t)(o.at - to));
    return SL_OK;
}

/* ---- requests ---- */

static struct sl_str method_of(const struct http_request *r)
{
    if (r->method_text.n != 0)
        return r->method_text;
    return r->method != HTTP_OTHER ? http_method_text(r->method) : SL_STR("");
}

static bool wants_length(enum http_method m) /* RFC 9110 8.6: a length even when there is nothing */
{
    return m == HTTP_POST || m == HTTP_PUT || m == HTTP_PATCH;
}

static void put_request_framing(struct out *o, const struct http_request *r)
{
    if (r->content_length > 0 || (r->content_length == 0 && r->has_body))
        put_length(o, r->content_length);
    else if (r->has_body && r->content_length < 0)
        put(o, SL_STR("transfer-encoding: chunked\r\n"));
    else if (wants_length(r->method))
        put_length(o, 0);
}

enum sl_err h1_write_request_head(struct sl_chunks *q, const struct http_request *r, unsigned flags)
{
    struct sl_str method = method_of(r);
    if (!http_token_is_valid(method) || r->target.n == 0 || !url_target_is_clean(r->target) ||
        !url_authority_is_valid(r->authority))
        return SL_EINVAL;
    size_t max = FIXED_MAX + method.n + r->target.n + r->authority.n + headers_max(&r->headers);
    char *to = sl_chunks_room(q, max);
    if (to == NULL)
        return SL_ELIMIT;
    struct out o = {to};
    put(&o, method);
    put(&o, SL_STR(" "));
    put(&o, r->target);
    put(&o, SL_STR(" HTTP/1.1\r\nhost: "));
    put(&o, r->authority);
    put(&o, SL_STR("\r\n"));
    put_headers(&o, &r->headers, HN_HOST);
    put_request_framing(&o, r);
    put_connection(&o, flags);
    put(&o, SL_STR("\r\n"));
    SL_CHECK((size_t)(o.at - to) <= max);
    sl_chunks_wrote(q, (size_t)(o.at - to));
    return SL_OK;
}

/* ---- chunks ---- */

size_t h1_chunk_prefix(uint64_t n, char out[H1_CHUNK_PREFIX_MAX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned count = n == 0 ? 1 : (67u - (unsigned)__builtin_clzll(n)) / 4;
    for (unsigned i = count; i-- > 0; n >>= 4)
        out[i] = digits[n & 15];
    out[count] = '\r';
    out[count + 1] = '\n';
    return count + 2;
}
