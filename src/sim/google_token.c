/* Google's token endpoint: an assertion that a service account has signed, for an access token (gemini.md 20.3); and the metadata
 * server's, which asks for nothing but a header. The signature is checked when the service account's key is known. */
#include "base/base64.h"
#include "sim/ask.h"
#include "tls/rs256.h"

#define ASSERTION_MAX 16384u
#define LIFE_MAX_S 3600
#define SKEW_S 300

static bool refuse(struct sim_call *c, const char *why)
{
    struct sl_str body =
        sl_arena_printf(c->s->arena, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT: %s\"}", why);
    sim_answer(c, 400, SL_STR("application/json; charset=utf-8"), body);
    return true;
}

static bool give(struct sim_call *c)
{
    const char *token = "ya29.simulated";
    for (unsigned i = 0; i < c->sim->set.n_keys; i++) {
        if (sl_str_find(sl_str_c(c->sim->set.keys[i]), ':') < 0) { /* a pair of AWS is no token */
            token = c->sim->set.keys[i];
            break;
        }
    }
    struct sl_str body =
        sl_arena_printf(c->s->arena, "{\"access_token\":\"%s\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", token);
    sim_answer(c, 200, SL_STR("application/json; charset=utf-8"), body);
    return true;
}

/* The value of a form's field, with %2B and the like undone. */
static struct sl_str field_of(struct sim_call *c, struct sl_str form, struct sl_str name)
{
    while (form.p != NULL) {
        struct sl_str value = sl_str_cut(&form, '&'), key = sl_str_cut(&value, '=');
        if (sl_str_eq(key, name) && value.p != NULL)
            return sim_unescape(c, value);
    }
    return SL_STR_NONE;
}

/* One part of the JWT as a document; NULL: none. */
static yyjson_doc *part_of(struct sim_call *c, struct sl_str part)
{
    char *text = sl_arena_alloc(c->s->arena, part.n / 4 * 3 + 3);
    size_t n = 0;
    if (part.n == 0 || !sl_base64_decode(part, text, &n))
        return NULL;
    return yyjson_read_opts(text, n, YYJSON_READ_NOFLAG, &sim_json_alc, NULL);
}

static const char *claims_fault(struct sim_call *c, yyjson_val *claims)
{
    int64_t now = sl_loop_wall(c->sim->loop) / SL_SEC, iat = yyjson_get_sint(yyjson_obj_get(claims, "iat")),
            exp = yyjson_get_sint(yyjson_obj_get(claims, "exp"));
    if (sim_str(yyjson_obj_get(claims, "iss")).n == 0)
        return "iss is missing.";
    if (sim_str(yyjson_obj_get(claims, "scope")).n == 0)
        return "scope is missing.";
    if (sim_str(yyjson_obj_get(claims, "aud")).n == 0)
        return "aud is missing.";
    if (iat > now + SKEW_S || exp < now - SKEW_S || exp - iat > LIFE_MAX_S || exp <= iat)
        return "Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the "
               "JWT claim.";
    return NULL;
}

/* The third part, over the first two with their dot. */
static const char *signature_fault(struct sim_call *c, struct sl_str assertion, struct sl_str part)
{
    char *bytes = sl_arena_alloc(c->s->arena, part.n / 4 * 3 + 3);
    size_t n = 0;
    if (part.p == NULL || part.n < 300) /* of 2048 bits: 342 characters */
        return "the signature is missing.";
    if (c->sim->set.service_key == NULL)
        return NULL;
    bool good = sl_base64_decode(part, bytes, &n) &&
                tls_rs256_verify(c->sim->set.service_key, sl_str_head(assertion, assertion.n - part.n - 1),
                                 sl_str_of(bytes, n));
    return good ? NULL : "Invalid JWT Signature.";
}

static bool serve_assertion(struct sim_call *c, struct sl_str form)
{
    struct sl_str assertion = field_of(c, form, SL_STR("assertion")), rest = assertion;
    if (!sl_str_eq(field_of(c, form, SL_STR("grant_type")), SL_STR("urn:ietf:params:oauth:grant-type:jwt-bearer")))
        return refuse(c, "grant_type is not jwt-bearer.");
    if (assertion.n == 0 || assertion.n > ASSERTION_MAX)
        return refuse(c, "no assertion.");
    yyjson_doc *head = part_of(c, sl_str_cut(&rest, '.')), *claims = part_of(c, sl_str_cut(&rest, '.'));
    bool rs256 = yyjson_equals_str(yyjson_obj_get(yyjson_doc_get_root(head), "alg"), "RS256");
    const char *fault = !rs256 ? "alg is not RS256." : signature_fault(c, assertion, rest);
    if (fault == NULL)
        fault = claims_fault(c, yyjson_doc_get_root(claims));
    yyjson_doc_free(head);
    yyjson_doc_free(claims);
    return fault != NULL ? refuse(c, fault) : give(c);
}

bool sim_token_serve(struct sim_call *c, struct sl_str form)
{
    const struct http_header *flavor = http_headers_find_name(&c->r->headers, SL_STR("metadata-flavor"));
    if (c->r->method == HTTP_POST && sl_str_eq(c->r->path, SL_STR("/token")))
        return serve_assertion(c, form);
    if (c->r->method != HTTP_GET || flavor == NULL || !sl_str_eq(flavor->value, SL_STR("Google")))
        return false;
    return sl_str_eq(c->r->path, SL_STR("/computeMetadata/v1/instance/service-accounts/default/token")) && give(c);
}
