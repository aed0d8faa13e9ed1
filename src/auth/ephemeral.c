/* See ephemeral.h. */
#include "auth/ephemeral.h"

#include "base/base64.h"
#include "base/check.h"

#define VERSION 1
#define HEAD 27u /* version, id, expiry, length of the model */

static const struct sl_str prefix = SL_STR_INIT("ek_");
/* Keys have no line breaks: no digest of a key is ever a signature. */
static const struct sl_str domain = SL_STR_INIT("ephemeral key\n");

static void put_be(unsigned char *to, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (unsigned char)(v >> 8 * (bytes - 1 - i));
}

static uint64_t get_be(const unsigned char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static void sign(const struct tls_hmac *pepper, struct sl_str body, struct sl_arena *a, uint8_t out[TLS_SHA256_BYTES])
{
    char *all = sl_arena_alloc(a, domain.n + body.n);
    memcpy(all, domain.p, domain.n);
    memcpy(all + domain.n, body.p, body.n);
    tls_hmac(pepper, sl_str_of(all, domain.n + body.n), out);
}

struct sl_str ephemeral_write(const struct tls_hmac *pepper, const struct ephemeral *e, struct sl_arena *a)
{
    size_t n = HEAD + e->model.n + e->session.n;
    unsigned char *p = sl_arena_alloc(a, n + TLS_SHA256_BYTES);
    SL_CHECK(e->model.n > 0 && e->model.n <= EPHEMERAL_MODEL_MAX && e->session.n <= EPHEMERAL_SESSION_MAX);
    p[0] = VERSION;
    put_be(p + 1, e->key.hi, 8);
    put_be(p + 9, e->key.lo, 8);
    put_be(p + 17, (uint64_t)e->expires_s, 8);
    put_be(p + 25, e->model.n, 2);
    memcpy(p + HEAD, e->model.p, e->model.n);
    if (e->session.n > 0)
        memcpy(p + HEAD + e->model.n, e->session.p, e->session.n);
    sign(pepper, sl_str_of(p, n), a, p + n);
    char *text = sl_arena_alloc(a, prefix.n + SL_BASE64_BYTES(n + TLS_SHA256_BYTES));
    memcpy(text, prefix.p, prefix.n);
    return sl_str_of(text, prefix.n + sl_base64url_encode(sl_str_of(p, n + TLS_SHA256_BYTES), text + prefix.n));
}

static bool same_bytes(const unsigned char *x, const unsigned char *y, size_t n)
{
    unsigned char differs = 0;
    for (size_t i = 0; i < n; i++)
        differs |= x[i] ^ y[i];
    return differs == 0;
}

bool ephemeral_read(const struct tls_hmac *pepper, struct sl_str text, struct sl_arena *a, struct ephemeral *out)
{
    size_t most = SL_BASE64_BYTES(HEAD + EPHEMERAL_MODEL_MAX + EPHEMERAL_SESSION_MAX + TLS_SHA256_BYTES), n = 0;
    uint8_t mac[TLS_SHA256_BYTES];
    if (!sl_str_starts(text, prefix) || text.n > prefix.n + most)
        return false;
    struct sl_str code = sl_str_from(text, prefix.n);
    unsigned char *p = sl_arena_alloc(a, code.n + 4);
    if (!sl_base64_decode(code, (char *)p, &n) || n < HEAD + 1 + TLS_SHA256_BYTES)
        return false;
    n -= TLS_SHA256_BYTES;
    sign(pepper, sl_str_of(p, n), a, mac);
    if (!same_bytes(mac, p + n, TLS_SHA256_BYTES) || p[0] != VERSION)
        return false;
    size_t model = get_be(p + 25, 2);
    if (model == 0 || model > n - HEAD)
        return false;
    *out = (struct ephemeral){
        .key = {.hi = get_be(p + 1, 8), .lo = get_be(p + 9, 8)},
        .expires_s = (int64_t)get_be(p + 17, 8),
        .model = sl_str_of(p + HEAD, model),
        .session = sl_str_of(p + HEAD + model, n - HEAD - model),
    };
    return true;
}

/* True: it may go on. */
static bool take(struct sl_str key, struct sl_str *out)
{
    if (key.n == 0)
        return true;
    bool good = sl_str_starts(key, prefix) && (out->n == 0 || sl_str_eq(*out, key));
    *out = key;
    return good;
}

bool ephemeral_find(const struct http_headers *headers, struct sl_str *out_text)
{
    static const struct sl_str offered = SL_STR_INIT("openai-insecure-api-key.");
    *out_text = SL_STR_NONE;
    for (uint32_t i = 0; i < headers->n; i++) {
        const struct http_header *h = &headers->v[i];
        struct sl_str rest = h->value;
        if (h->id == HN_X_API_KEY || h->id == HN_API_KEY || h->id == HN_X_GOOG_API_KEY) {
            if (!take(h->value, out_text))
                return false;
        } else if (h->id == HN_AUTHORIZATION && rest.n > 0) {
            struct sl_str scheme = sl_str_cut(&rest, ' ');
            if (!sl_str_eq_nocase(scheme, SL_STR("bearer")) || !take(sl_str_trim(rest), out_text))
                return false;
        } else if (h->id == HN_OTHER && sl_str_eq(h->name, SL_STR("sec-websocket-protocol"))) {
            while (rest.p != NULL) {
                struct sl_str one = sl_str_trim(sl_str_cut(&rest, ','));
                if (sl_str_starts(one, offered) && !take(sl_str_from(one, offered.n), out_text))
                    return false;
            }
        }
    }
    return out_text->n > 0;
}
