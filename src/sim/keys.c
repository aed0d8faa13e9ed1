/* Credentials, as each vendor takes them: openai.md 1.2, anthropic.md 1.3, gemini.md 1.2, bedrock.md 3. Without accepted keys in the
 * settings, any are fine. A key "ID:SECRET" is a pair of AWS. */
#include "sim/sim_int.h"

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
    return is_accepted(c, given) ? NULL : &sim_error_key;
}
