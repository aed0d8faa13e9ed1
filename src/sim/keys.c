/* Credentials, as each vendor takes them: openai.md 1.2, anthropic.md 1.3, gemini.md 1.2, bedrock.md 3. Without accepted keys in the
 * settings, any are fine. A key "ID:SECRET" is a pair of AWS. */
#include "base/base64.h"
#include "sim/sim_int.h"
#include "tls/digest.h"

static const struct sim_error no_key = {
    .trouble = TROUBLE_NO_KEY,
    .status = 401,
    .type = "invalid_request_error",
    .message = "You didn't provide an API key. You need to provide your API key in an Authorization header."};
static const struct sim_error wrong_key = {.trouble = TROUBLE_WRONG_KEY};
static const struct sim_error two_ways = {.trouble = TROUBLE_KEY};

static bool is_accepted(const struct sim_call *c, struct sl_str given)
{
    for (unsigned i = 0; i < c->sim->set.n_keys; i++) {
        if (sl_str_eq(given, sl_str_c(c->sim->set.keys[i])))
            return true;
    }
    return c->sim->set.n_keys == 0;
}

bool sim_key_is_jwt(struct sl_str authorization)
{
    ptrdiff_t dot = sl_str_find(authorization, '.');
    return dot > 0 && sl_str_starts(authorization, SL_STR("Bearer eyJ")) &&
           sl_str_find(sl_str_from(authorization, (size_t)dot + 1), '.') > 0;
}

/* HS256 by a pair of the settings, and within its time (Kling: video.md A8). */
static bool is_signed_by(const struct sim_call *c, struct sl_str token, struct sl_str pair)
{
    struct sl_str secret = pair, id = sl_str_cut(&secret, ':'), rest = token;
    uint8_t mac[TLS_SHA256_BYTES];
    char want[SL_BASE64_BYTES(TLS_SHA256_BYTES)], plain[1024];
    size_t n = 0;
    (void)sl_str_cut(&rest, '.');
    struct sl_str claims = sl_str_cut(&rest, '.');
    if (rest.p == NULL || claims.n > sizeof plain || secret.p == NULL || !sl_base64_decode(claims, plain, &n))
        return false;
    tls_hmac_once(secret, sl_str_head(token, token.n - rest.n - 1), mac);
    if (!sl_str_eq(rest, sl_str_of(want, sl_base64url_encode(sl_str_of((const char *)mac, sizeof mac), want))))
        return false;
    yyjson_doc *doc = yyjson_read(plain, n, 0);
    yyjson_val *root = yyjson_doc_get_root(doc), *iss = yyjson_obj_get(root, "iss");
    int64_t now = sl_loop_wall(c->sim->loop) / SL_SEC;
    bool fine = yyjson_is_str(iss) && sl_str_eq(sl_str_of(yyjson_get_str(iss), yyjson_get_len(iss)), id) &&
                yyjson_get_sint(yyjson_obj_get(root, "exp")) > now &&
                yyjson_get_sint(yyjson_obj_get(root, "nbf")) <= now;
    yyjson_doc_free(doc);
    return fine;
}

static bool is_jwt(const struct sim_call *c, struct sl_str token)
{
    for (unsigned i = 0; i < c->sim->set.n_keys; i++)
        if (is_signed_by(c, token, sl_str_c(c->sim->set.keys[i])))
            return true;
    return false;
}

static struct sl_str bearer(const struct sim_call *c)
{
    struct sl_str given = http_headers_get(&c->r->headers, HN_AUTHORIZATION);
    return sl_str_starts_nocase(given, SL_STR("Bearer ")) ? sl_str_from(given, 7) : SL_STR_NONE;
}

static struct sl_str key_of_query(const struct sim_call *c)
{
    struct sl_str query = c->r->query;
    while (query.p != NULL) {
        struct sl_str part = sl_str_cut(&query, '&');
        if (sl_str_starts(part, SL_STR("key=")))
            return sl_str_from(part, 4);
    }
    return SL_STR_NONE;
}

/* A key and a token at once: Google looks at the token, and a key is none. */
static const struct sim_error *google_error(const struct sim_call *c)
{
    struct sl_str key = http_headers_get(&c->r->headers, HN_X_GOOG_API_KEY), token = bearer(c);
    key = key.n > 0 ? key : key_of_query(c);
    if (c->carrier == CARRIER_VERTEX) {
        struct sl_str given = token.n > 0 ? token : key;
        return c->sim->set.n_keys == 0 || is_accepted(c, given) ? NULL : &sim_error_key;
    }
    if (token.n > 0 && key.n > 0)
        return &two_ways;
    if (c->sim->set.n_keys == 0)
        return NULL;
    if (token.n > 0)
        return &sim_error_key;
    return key.n == 0 ? &no_key : is_accepted(c, key) ? NULL : &wrong_key;
}

const struct sim_error *sim_key_error(struct sim_call *c, struct sl_str body)
{
    struct sl_str given = bearer(c);
    if (c->vendor == VENDOR_GOOGLE)
        return google_error(c);
    if (c->vendor == VENDOR_AWS)
        return sim_aws_key_error(c, body);
    if (c->sim->set.n_keys == 0)
        return NULL;
    if (c->vendor == VENDOR_ANTHROPIC && http_headers_get(&c->r->headers, HN_X_API_KEY).n > 0)
        given = http_headers_get(&c->r->headers, HN_X_API_KEY);
    else if (c->vendor == VENDOR_OPENAI && given.n == 0)
        given = http_headers_get(&c->r->headers, HN_API_KEY); /* Azure */
    if (given.n == 0 && c->vendor == VENDOR_ANTHROPIC)
        return &no_key;
    if (sim_key_is_jwt(http_headers_get(&c->r->headers, HN_AUTHORIZATION)))
        return is_jwt(c, given) ? NULL : &sim_error_key;
    struct sl_str whole = http_headers_get(&c->r->headers, HN_AUTHORIZATION);
    if (sl_str_starts(whole, SL_STR("Key "))) /* fal */
        given = sl_str_from(whole, 4);
    if (sl_str_starts(whole, SL_STR("Token "))) /* Vidu */
        given = sl_str_from(whole, 6);
    return is_accepted(c, given) ? NULL : &sim_error_key;
}
