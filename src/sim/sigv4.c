/* Checks credentials of AWS: a bearer key, or a signature of version 4 over the request as it came (bedrock.md 3.2, 3.3). A pair is an
 * accepted key "ID:SECRET". Independent of the gateway's own signing: only the hashes are shared. */
#include "base/mem.h"
#include "sim/sim_int.h"
#include "tls/digest.h"

#define SKEW_S 300
#define QUERY_MAX 64u

static const struct sim_error wrong = {.trouble = TROUBLE_WRONG_KEY};
static const struct sim_error none = {.trouble = TROUBLE_NO_KEY};

struct signature { /* of the authorization header */
    struct sl_str id, date, region, service, names, hex, scope;
};

static void add_hex(struct sl_buf *b, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        sl_buf_addc(b, digits[p[i] >> 4]);
        sl_buf_addc(b, digits[p[i] & 15]);
    }
}

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (sl_lower(c) >= 'a' && sl_lower(c) <= 'z') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

static void add_escaped(struct sl_buf *b, struct sl_str s, bool slash)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_plain(s.p[i]) || (slash && s.p[i] == '/')) {
            sl_buf_addc(b, s.p[i]);
            continue;
        }
        sl_buf_addc(b, '%');
        sl_buf_addc(b, digits[c >> 4]);
        sl_buf_addc(b, digits[c & 15]);
    }
}

static struct sl_str take(struct sl_str *s, struct sl_str name)
{
    struct sl_str part = sl_str_trim(sl_str_cut(s, ','));
    return sl_str_starts(part, name) ? sl_str_from(part, name.n) : SL_STR_NONE;
}

static bool read_signature(struct sl_str header, struct signature *out)
{
    struct sl_str rest = sl_str_from(header, 17);
    out->scope = take(&rest, SL_STR("Credential="));
    out->names = take(&rest, SL_STR("SignedHeaders="));
    out->hex = take(&rest, SL_STR("Signature="));
    struct sl_str parts = out->scope;
    out->id = sl_str_cut(&parts, '/');
    out->scope = parts;
    out->date = sl_str_cut(&parts, '/');
    out->region = sl_str_cut(&parts, '/');
    out->service = sl_str_cut(&parts, '/');
    return parts.p != NULL && sl_str_eq(parts, SL_STR("aws4_request")) && out->names.n > 0 && out->hex.n == 64;
}

static struct sl_str header_of(const struct sim_call *c, struct sl_str name)
{
    const struct http_header *h = http_headers_find_name(&c->r->headers, name);
    if (h == NULL && sl_str_eq(name, SL_STR("host")))
        return c->r->authority;
    return h != NULL ? h->value : SL_STR_NONE;
}

/* "name:value\n", inner blanks collapsed. */
static void add_header(const struct sim_call *c, struct sl_buf *b, struct sl_str name)
{
    struct sl_str value = sl_str_trim(header_of(c, name));
    sl_buf_adds(b, name);
    sl_buf_addc(b, ':');
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] != ' ' || i == 0 || value.p[i - 1] != ' ')
            sl_buf_addc(b, value.p[i]);
    }
    sl_buf_addc(b, '\n');
}

/* Keys and values as they were sent (they are encoded already), sorted. */
static void add_query(const struct sim_call *c, struct sl_buf *b)
{
    struct sl_str parts[QUERY_MAX], rest = c->r->query;
    unsigned n = 0;
    while (rest.p != NULL && rest.n > 0 && n < QUERY_MAX) {
        struct sl_str part = sl_str_cut(&rest, '&');
        unsigned i = n++;
        for (; i > 0 && sl_str_cmp(part, parts[i - 1]) < 0; i--)
            parts[i] = parts[i - 1];
        parts[i] = part;
    }
    for (unsigned i = 0; i < n; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR("&") : SL_STR_NONE);
        sl_buf_adds(b, parts[i]);
        if (sl_str_find(parts[i], '=') < 0)
            sl_buf_addc(b, '=');
    }
}

static void add_canonical(const struct sim_call *c, struct sl_buf *b, const struct signature *s, struct sl_str body)
{
    uint8_t hash[TLS_SHA256_BYTES];
    struct sl_str names = s->names;
    sl_buf_adds(b, c->r->method_text);
    sl_buf_addc(b, '\n');
    add_escaped(b, c->r->path, true); /* once more: it is encoded already */
    sl_buf_addc(b, '\n');
    add_query(c, b);
    sl_buf_addc(b, '\n');
    while (names.p != NULL)
        add_header(c, b, sl_str_cut(&names, ';'));
    sl_buf_addc(b, '\n');
    sl_buf_adds(b, s->names);
    sl_buf_addc(b, '\n');
    tls_sha256(body.p, body.n, hash);
    add_hex(b, hash, sizeof hash);
}

static void chain(uint8_t key[TLS_SHA256_BYTES], struct sl_str message)
{
    tls_hmac_once(sl_str_of(key, TLS_SHA256_BYTES), message, key);
}

static void sign(const struct signature *s, struct sl_str secret, struct sl_str message, uint8_t out[TLS_SHA256_BYTES])
{
    struct sl_buf first;
    sl_buf_init(&first, 4096);
    sl_buf_adds(&first, SL_STR("AWS4"));
    sl_buf_adds(&first, secret);
    tls_hmac_once(sl_buf_str(&first), s->date, out);
    sl_buf_done(&first);
    chain(out, s->region);
    chain(out, s->service);
    chain(out, SL_STR("aws4_request"));
    chain(out, message);
}

static bool is_signed(const struct signature *s, const char *name)
{
    struct sl_str names = s->names;
    while (names.p != NULL) {
        if (sl_str_eq(sl_str_cut(&names, ';'), sl_str_c(name)))
            return true;
    }
    return false;
}

static bool matches(const struct sim_call *c, const struct signature *s, struct sl_str secret, struct sl_str body)
{
    struct sl_buf canonical, message;
    uint8_t hash[TLS_SHA256_BYTES];
    sl_buf_init(&canonical, 1u << 20);
    sl_buf_init(&message, 65536);
    add_canonical(c, &canonical, s, body);
    tls_sha256(canonical.p, canonical.n, hash);
    sl_buf_adds(&message, SL_STR("AWS4-HMAC-SHA256\n"));
    sl_buf_adds(&message, header_of(c, SL_STR("x-amz-date")));
    sl_buf_addc(&message, '\n');
    sl_buf_adds(&message, s->scope);
    sl_buf_addc(&message, '\n');
    add_hex(&message, hash, sizeof hash);
    sign(s, secret, sl_buf_str(&message), hash);
    sl_buf_reset(&message);
    add_hex(&message, hash, sizeof hash);
    bool same = sl_str_eq(sl_buf_str(&message), s->hex);
    sl_buf_done(&canonical);
    sl_buf_done(&message);
    return same;
}

static uint64_t digits_of(struct sl_str s, size_t from, size_t n)
{
    uint64_t v = 0;
    sl_str_to_u64(sl_str_head(sl_str_from(s, from), n), &v);
    return v;
}

/* "20261120T120000Z", at most five minutes away from now. */
static bool is_now(const struct sim_call *c, struct sl_str date)
{
    if (date.n != 16)
        return false;
    const struct sl_civil civil = {.year = (int64_t)digits_of(date, 0, 4),
                                   .month = (unsigned)digits_of(date, 4, 2),
                                   .day = (unsigned)digits_of(date, 6, 2),
                                   .hour = (unsigned)digits_of(date, 9, 2),
                                   .minute = (unsigned)digits_of(date, 11, 2),
                                   .second = (unsigned)digits_of(date, 13, 2)};
    if (civil.month < 1 || civil.month > 12 || civil.day < 1 || civil.day > 31)
        return false;
    int64_t away = sl_civil_to_s(&civil) - sl_loop_wall(c->sim->loop) / SL_SEC;
    return away >= -SKEW_S && away <= SKEW_S;
}

static struct sl_str secret_of(const struct sim_call *c, struct sl_str id)
{
    for (unsigned i = 0; i < c->sim->set.n_keys; i++) {
        struct sl_str pair = sl_str_c(c->sim->set.keys[i]), known = sl_str_cut(&pair, ':');
        if (pair.p != NULL && sl_str_eq(known, id))
            return pair;
    }
    return SL_STR_NONE;
}

static const struct sim_error *signature_error(struct sim_call *c, struct sl_str header, struct sl_str body)
{
    struct signature s = {0};
    struct sl_str date = header_of(c, SL_STR("x-amz-date")), token = header_of(c, SL_STR("x-amz-security-token"));
    if (!read_signature(header, &s) || !is_signed(&s, "host") || !is_signed(&s, "x-amz-date"))
        return &wrong;
    if (token.n > 0 && !is_signed(&s, "x-amz-security-token"))
        return &wrong;
    if (c->sim->set.n_keys == 0)
        return NULL;
    struct sl_str secret = secret_of(c, s.id);
    if (secret.n == 0)
        return &sim_error_key;
    if (!is_now(c, date) || !sl_str_eq(sl_str_head(date, 8), s.date) || !sl_str_eq(s.service, SL_STR("bedrock")))
        return &wrong;
    return matches(c, &s, secret, body) ? NULL : &wrong;
}

const struct sim_error *sim_aws_key_error(struct sim_call *c, struct sl_str body)
{
    struct sl_str given = http_headers_get(&c->r->headers, HN_AUTHORIZATION);
    if (sl_str_starts(given, SL_STR("AWS4-HMAC-SHA256 ")))
        return signature_error(c, given, body);
    if (c->sim->set.n_keys == 0)
        return NULL;
    if (!sl_str_starts_nocase(given, SL_STR("Bearer ")))
        return &none;
    for (unsigned i = 0; i < c->sim->set.n_keys; i++) {
        if (sl_str_eq(sl_str_from(given, 7), sl_str_c(c->sim->set.keys[i])))
            return NULL;
    }
    return &sim_error_key;
}
