/* Finding a key in a head: see key.h. Places: product.md section 2, clients.md section 3.2. */
#include "auth/key.h"

#include "http/url.h"

_Static_assert(KEY_DIGEST_BYTES == TLS_SHA256_BYTES, "the digest is HMAC-SHA-256");

/* What was found so far. */
struct finding {
    struct sl_str key;
    bool malformed, conflict;
};

static bool is_printable(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    return true;
}

/* An empty value says nothing: clients that know two headers send the other one empty. */
static void take(struct finding *f, struct sl_str key)
{
    if (key.n == 0)
        return;
    if (key.n > KEY_TEXT_MAX || !is_printable(key))
        f->malformed = true;
    else if (f->key.n == 0)
        f->key = key;
    else if (!sl_str_eq(f->key, key))
        f->conflict = true;
}

/* "Bearer KEY", the scheme in any case, one or more blanks (RFC 9110 section 11.4). */
static void take_authorization(struct finding *f, struct sl_str value)
{
    if (value.n == 0)
        return;
    struct sl_str rest = value;
    struct sl_str scheme = sl_str_cut(&rest, ' ');
    if (!sl_str_eq_nocase(scheme, SL_STR("bearer")))
        f->malformed = true;
    else
        take(f, sl_str_trim(rest));
}

/* openai.md section 18.1: one of the protocols that are offered is no protocol. */
static void take_protocols(struct finding *f, struct sl_str list)
{
    static const struct sl_str prefix = SL_STR_INIT("openai-insecure-api-key.");
    while (list.p != NULL) {
        struct sl_str one = sl_str_trim(sl_str_cut(&list, ','));
        if (sl_str_starts(one, prefix))
            take(f, sl_str_from(one, prefix.n));
    }
}

static void take_query(struct finding *f, struct sl_str query, char scratch[KEY_TEXT_MAX])
{
    struct sl_str raw;
    if (query.n == 0 || !url_query_find(query, SL_STR("key"), &raw))
        return;
    if (sl_str_find(raw, '%') < 0) {
        take(f, raw);
        return;
    }
    char plain[3 * KEY_TEXT_MAX];
    size_t n = 0;
    if (raw.n > sizeof plain || !url_decode(raw, plain, &n) || n > KEY_TEXT_MAX) {
        f->malformed = true;
        return;
    }
    memcpy(scratch, plain, n);
    take(f, sl_str_of(scratch, n));
}

enum key_find key_find(const struct http_headers *headers, struct sl_str query, char scratch[KEY_TEXT_MAX],
                       struct sl_str *out_text)
{
    struct finding f = {.malformed = false};
    for (uint32_t i = 0; i < headers->n; i++) {
        const struct http_header *h = &headers->v[i];
        if (h->id == HN_AUTHORIZATION)
            take_authorization(&f, h->value);
        else if (h->id == HN_X_API_KEY || h->id == HN_API_KEY || h->id == HN_X_GOOG_API_KEY)
            take(&f, h->value);
        else if (h->id == HN_OTHER && sl_str_eq(h->name, SL_STR("sec-websocket-protocol")))
            take_protocols(&f, h->value);
    }
    take_query(&f, query, scratch);
    if (f.malformed)
        return KEY_MALFORMED;
    if (f.conflict)
        return KEY_CONFLICT;
    if (f.key.n == 0)
        return KEY_NONE;
    *out_text = f.key;
    return KEY_FOUND;
}

void key_digest(struct sl_str pepper, struct sl_str text, unsigned char out[KEY_DIGEST_BYTES])
{
    tls_hmac_once(pepper, text, out);
}

void key_digest_prepared(const struct tls_hmac *pepper, struct sl_str text, unsigned char out[KEY_DIGEST_BYTES])
{
    tls_hmac(pepper, text, out);
}
