/* See auth_sigv4.h. */
#include "provider/auth_sigv4.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/url.h"

#define HEX_BYTES (2 * TLS_SHA256_BYTES)
#define DATE_BYTES 8u /* of "20261120T120000Z", the day */

struct sl_str sigv4_hex(const uint8_t digest[TLS_SHA256_BYTES], struct sl_arena *a)
{
    char *out = sl_arena_alloc(a, HEX_BYTES);
    sl_hex_digits(digest, TLS_SHA256_BYTES, out);
    return sl_str_of(out, HEX_BYTES);
}

struct sl_str sigv4_stamp(int64_t wall_s, struct sl_arena *a)
{
    struct sl_civil c = sl_civil_of(wall_s);
    return sl_arena_printf(a, "%04lld%02u%02uT%02u%02u%02uZ", (long long)c.year, c.month, c.day, c.hour, c.minute,
                           c.second);
}

/* -- The canonical request ------------------------------------------------------------------------------------------- */

/* Each segment encoded once more than it is on the wire; "." , ".." and empty ones resolved. */
static struct sl_str canonical_path(struct sl_str path, struct sl_arena *a)
{
    char *out = sl_arena_alloc(a, 4 * path.n + 2);
    size_t n = 0;
    bool ends = path.n > 0 && path.p[path.n - 1] == '/';
    while (path.n > 0) {
        struct sl_str part = sl_str_cut(&path, '/');
        if (part.n == 0 || sl_str_eq(part, SL_STR(".")))
            continue;
        if (sl_str_eq(part, SL_STR(".."))) {
            while (n > 0 && out[--n] != '/')
                ;
            continue;
        }
        out[n++] = '/';
        for (size_t i = 0; i < part.n; i++)
            n += url_escape_byte(part.p[i], SL_STR_NONE, out + n);
    }
    if (n == 0 || ends)
        out[n++] = '/';
    return sl_str_of(out, n);
}

struct parameter {
    struct sl_str name, value;
};

static int compare_parameters(const void *left, const void *right)
{
    const struct parameter *x = left, *y = right;
    int order = sl_str_cmp(x->name, y->name);
    return order != 0 ? order : sl_str_cmp(x->value, y->value);
}

/* What is encoded on the wire stays as it is. */
static struct sl_str encode_parameter(struct sl_str text, struct sl_arena *a)
{
    char *out = sl_arena_alloc(a, 3 * text.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '%')
            out[n++] = '%';
        else
            n += url_escape_byte(text.p[i], SL_STR_NONE, out + n);
    return sl_str_of(out, n);
}

static void add_query(struct sl_buf *b, struct sl_str query, struct sl_arena *a)
{
    size_t n = 0;
    struct parameter *v = sl_arena_alloc(a, (query.n + 1) * sizeof *v);
    while (query.n > 0) {
        struct sl_str part = sl_str_cut(&query, '&');
        if (part.n == 0)
            continue;
        v[n].name = encode_parameter(sl_str_cut(&part, '='), a);
        v[n++].value = encode_parameter(part, a);
    }
    qsort(v, n, sizeof *v, compare_parameters);
    for (size_t i = 0; i < n; i++)
        sl_buf_addf(b, "%s" SL_STR_FMT "=" SL_STR_FMT, i > 0 ? "&" : "", SL_STR_ARG(v[i].name), SL_STR_ARG(v[i].value));
}

/* Without blanks at its ends, with one for each run of them. */
static void add_value(struct sl_buf *b, struct sl_str value)
{
    bool blank = false, begun = false;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == ' ' || value.p[i] == '\t') {
            blank = begun;
            continue;
        }
        if (blank)
            sl_buf_addc(b, ' ');
        sl_buf_addc(b, value.p[i]);
        blank = false;
        begun = true;
    }
}

static int compare_headers(const void *left, const void *right)
{
    const struct http_header *x = left, *y = right;
    return sl_str_cmp(x->name, y->name);
}

static struct sl_str canonical_request(const struct sigv4_request *r, const struct http_header *v, size_t n,
                                       struct sl_str names, struct sl_str payload, struct sl_arena *a)
{
    struct sl_buf b;
    struct sl_str query = r->target, path = sl_str_cut(&query, '?');
    sl_buf_init(&b, SIZE_MAX / 4);
    sl_buf_addf(&b, SL_STR_FMT "\n" SL_STR_FMT "\n", SL_STR_ARG(r->method), SL_STR_ARG(canonical_path(path, a)));
    add_query(&b, query, a);
    sl_buf_addc(&b, '\n');
    for (size_t i = 0; i < n; i++) {
        sl_buf_adds(&b, v[i].name);
        sl_buf_addc(&b, ':');
        add_value(&b, v[i].value);
        sl_buf_addc(&b, '\n');
    }
    sl_buf_addf(&b, "\n" SL_STR_FMT "\n" SL_STR_FMT, SL_STR_ARG(names), SL_STR_ARG(payload));
    uint8_t digest[TLS_SHA256_BYTES];
    tls_sha256(b.p, b.n, digest);
    sl_buf_done(&b);
    return sigv4_hex(digest, a);
}

static struct sl_str names_of(const struct http_header *v, size_t n, struct sl_arena *a)
{
    size_t bytes = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        bytes += v[i].name.n + 1;
    char *out = sl_arena_alloc(a, bytes + 1);
    for (size_t i = 0; i < n; i++) {
        memcpy(out + at, v[i].name.p, v[i].name.n);
        at += v[i].name.n;
        out[at++] = ';';
    }
    return sl_str_of(out, n > 0 ? at - 1 : 0);
}

/* -- The signature --------------------------------------------------------------------------------------------------- */

static void signing_key(const struct sigv4_key *key, const struct sigv4_request *r, struct sl_str date,
                        struct sl_arena *a, uint8_t out[TLS_SHA256_BYTES])
{
    char *first = sl_arena_alloc(a, key->secret.n + 4);
    memcpy(first, "AWS4", 4);
    if (key->secret.n > 0)
        memcpy(first + 4, key->secret.p, key->secret.n);
    uint8_t of_date[TLS_SHA256_BYTES], of_region[TLS_SHA256_BYTES];
    tls_hmac_once(sl_str_of(first, key->secret.n + 4), date, of_date);
    tls_hmac_once(sl_str_of(of_date, sizeof of_date), r->region, of_region);
    tls_hmac_once(sl_str_of(of_region, sizeof of_region), r->service, of_date);
    tls_hmac_once(sl_str_of(of_date, sizeof of_date), SL_STR("aws4_request"), out);
    explicit_bzero(first, key->secret.n + 4);
    explicit_bzero(of_date, sizeof of_date);
    explicit_bzero(of_region, sizeof of_region);
}

struct sl_str sigv4_authorization(const struct sigv4_key *key, const struct sigv4_request *r,
                                  const struct http_headers *signed_headers, struct sl_str payload, struct sl_arena *a)
{
    size_t n = signed_headers->n;
    struct http_header *v = sl_arena_alloc(a, (n + 1) * sizeof *v);
    if (n > 0)
        memcpy(v, signed_headers->v, n * sizeof *v);
    qsort(v, n, sizeof *v, compare_headers);
    struct sl_str names = names_of(v, n, a), stamp = sigv4_stamp(r->wall_s, a), date = sl_str_head(stamp, DATE_BYTES);
    struct sl_str scope = sl_arena_printf(a, SL_STR_FMT "/" SL_STR_FMT "/" SL_STR_FMT "/aws4_request", SL_STR_ARG(date),
                                          SL_STR_ARG(r->region), SL_STR_ARG(r->service));
    struct sl_str to_sign = sl_arena_printf(a, "AWS4-HMAC-SHA256\n" SL_STR_FMT "\n" SL_STR_FMT "\n" SL_STR_FMT,
                                            SL_STR_ARG(stamp), SL_STR_ARG(scope),
                                            SL_STR_ARG(canonical_request(r, v, n, names, payload, a)));
    uint8_t secret[TLS_SHA256_BYTES], signature[TLS_SHA256_BYTES];
    signing_key(key, r, date, a, secret);
    tls_hmac_once(sl_str_of(secret, sizeof secret), to_sign, signature);
    explicit_bzero(secret, sizeof secret);
    return sl_arena_printf(a,
                           "AWS4-HMAC-SHA256 Credential=" SL_STR_FMT "/" SL_STR_FMT ", SignedHeaders=" SL_STR_FMT
                           ", Signature=" SL_STR_FMT,
                           SL_STR_ARG(key->id), SL_STR_ARG(scope), SL_STR_ARG(names),
                           SL_STR_ARG(sigv4_hex(signature, a)));
}

/* What a proxy on the way may change is not signed. */
static bool is_signed(struct sl_str name)
{
    return sl_str_eq(name, SL_STR("accept")) || sl_str_eq(name, SL_STR("content-type")) ||
           (sl_str_starts(name, SL_STR("x-amz")) && !sl_str_eq(name, SL_STR("x-amzn-trace-id")));
}

void sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *r, struct sl_arena *a, struct http_headers *h)
{
    uint8_t digest[TLS_SHA256_BYTES];
    struct http_headers to_sign = {0};
    tls_sha256_pieces(r->body, r->n_body, digest);
    struct sl_str payload = sigv4_hex(digest, a);
    http_headers_add(h, a, SL_STR("x-amz-date"), sigv4_stamp(r->wall_s, a));
    http_headers_add(h, a, SL_STR("x-amz-content-sha256"), payload);
    if (key->session.n > 0)
        http_headers_add(h, a, SL_STR("x-amz-security-token"), key->session);
    http_headers_add_id(&to_sign, a, HN_HOST, r->host);
    for (uint32_t i = 0; i < h->n; i++)
        if (is_signed(h->v[i].name))
            http_headers_add(&to_sign, a, h->v[i].name, h->v[i].value);
    http_headers_add_id(h, a, HN_AUTHORIZATION, sigv4_authorization(key, r, &to_sign, payload, a));
}
