/* See credential.h. */
#include "provider/credential.h"

#include <string.h>
#include <yyjson.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/url.h"
#include "tls/rs256.h"

#define GOOGLE_TOKENS "https://oauth2.googleapis.com/token"
#define GOOGLE_SCOPE "https://www.googleapis.com/auth/cloud-platform"
#define METADATA_HOST "metadata.google.internal"
#define METADATA_PATH "/computeMetadata/v1/instance/service-accounts/default/token"
#define ASSERTION_LIFE_S 3600
#define CLOCK_SKEW_S 10 /* the endpoint's clock may be behind ours */
#define FIELD_MAX 2048u

/* A JSON document in a buffer of its own that is wiped: the reader unescapes in place, so that no secret is anywhere else. */
struct document {
    char *text; /* own */
    size_t n;
    yyjson_doc *doc;
    yyjson_val *root; /* NULL: no object */
};

static void wipe(void *p, size_t n)
{
    if (p != NULL)
        explicit_bzero(p, n);
}

static void open_document(struct document *d, struct sl_str text)
{
    d->n = text.n + YYJSON_PADDING_SIZE;
    d->text = sl_calloc(1, d->n);
    if (text.n > 0)
        memcpy(d->text, text.p, text.n);
    d->doc = yyjson_read_opts(d->text, text.n, YYJSON_READ_INSITU, NULL, NULL);
    d->root = yyjson_doc_get_root(d->doc);
    if (!yyjson_is_obj(d->root))
        d->root = NULL;
}

static void close_document(struct document *d)
{
    yyjson_doc_free(d->doc);
    wipe(d->text, d->n);
    sl_free(d->text);
}

static struct sl_str field(const struct document *d, const char *name)
{
    yyjson_val *v = yyjson_obj_get(d->root, name);
    return yyjson_is_str(v) ? sl_str_of(yyjson_get_str(v), yyjson_get_len(v)) : SL_STR_NONE;
}

/* -- What is in the file ----------------------------------------------------------------------------------------------- */

static bool wrong(struct credential_trouble *why, const char *text, const char *todo)
{
    *why = (struct credential_trouble){.text = text, .todo = todo};
    return false;
}

/* A name that goes into a claim or a form: no controls, no absurd length. */
static bool is_plain(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] == 0x7f)
            return false;
    return s.n <= FIELD_MAX && sl_utf8_valid(s);
}

static bool take(const struct document *d, const char *name, struct sl_arena *a, struct sl_str *out)
{
    struct sl_str value = field(d, name);
    if (value.n == 0 || !is_plain(value))
        return false;
    *out = sl_arena_str(a, value);
    return true;
}

static bool take_url(struct sl_str text, struct sl_arena *a, struct cfg_url *out)
{
    return is_plain(text) && cfg_parse_url(sl_arena_str(a, text), a, out, NULL) == SL_OK;
}

/* Keys that went through an environment variable have backslash and n where line ends were. */
static size_t undo_escapes(struct sl_str in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        bool escape = in.p[i] == '\\' && i + 1 < in.n && (in.p[i + 1] == 'n' || in.p[i + 1] == 'r');
        out[n++] = escape ? '\n' : in.p[i];
        i += escape;
    }
    return n;
}

static bool take_key(const struct document *d, struct credential *out, struct credential_trouble *why)
{
    static const struct {
        const char *key, *text;
    } texts[] = {
        {"is encrypted", "has a private_key that is encrypted"},
        {"is not PEM", "has a private_key that is not PEM"},
        {"is no RSA key", "has a private_key that is no RSA key"},
        {"is shorter than 2048 bits", "has a private_key that is shorter than 2048 bits"},
        {"is longer than 8192 bits", "has a private_key that is longer than 8192 bits"},
    };
    struct sl_str in = field(d, "private_key");
    const char *fault = "";
    if (in.n == 0)
        return wrong(why, "lacks private_key", "Make a new key for the service account, in JSON");
    char *pem = sl_malloc(in.n);
    size_t n = undo_escapes(in, pem);
    enum sl_err e = tls_rsa_key_read(sl_str_of(pem, n), &out->key, &fault);
    wipe(pem, in.n);
    sl_free(pem);
    if (e == SL_OK)
        return true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp(texts[i].key, fault) == 0)
            return wrong(why, texts[i].text, NULL);
    return wrong(why, "has a private_key that cannot be read: it is cut or damaged", NULL);
}

static bool read_service_account(const struct document *d, struct sl_arena *a, struct credential *out,
                                 struct credential_trouble *why)
{
    out->kind = CREDENTIAL_SERVICE_ACCOUNT;
    (void)take(d, "private_key_id", a, &out->key_id);
    if (!take(d, "client_email", a, &out->email))
        return wrong(why, "lacks client_email", NULL);
    if (!take_url(field(d, "token_uri"), a, &out->token_url))
        return wrong(why, "lacks token_uri, or it is no address", "It should be " GOOGLE_TOKENS);
    return take_key(d, out, why);
}

static bool read_user(const struct document *d, struct sl_arena *a, struct credential *out,
                      struct credential_trouble *why)
{
    struct sl_str url = field(d, "token_uri"), secret = field(d, "client_secret"), refresh = field(d, "refresh_token");
    out->kind = CREDENTIAL_USER;
    if (!take(d, "client_id", a, &out->client_id))
        return wrong(why, "lacks client_id", NULL);
    if (secret.n == 0 || !is_plain(secret))
        return wrong(why, "lacks client_secret", NULL);
    if (refresh.n == 0 || !is_plain(refresh))
        return wrong(why, "lacks refresh_token", "Log in again: gcloud auth application-default login");
    if (!take_url(url.n > 0 ? url : SL_STR(GOOGLE_TOKENS), a, &out->token_url))
        return wrong(why, "has a token_uri that is no address", NULL);
    sl_secret_set(&out->client_secret, secret);
    sl_secret_set(&out->secret, refresh);
    return true;
}

static bool read_json(struct sl_str text, struct sl_arena *a, struct credential *out, struct credential_trouble *why)
{
    struct document d;
    bool ok;
    open_document(&d, text);
    struct sl_str type = field(&d, "type");
    (void)take(&d, "project_id", a, &out->project);
    (void)take(&d, "quota_project_id", a, &out->quota_project);
    if (d.root == NULL)
        ok = wrong(why, "is not a JSON object", "Give the file that Google made, unchanged");
    else if (sl_str_eq(type, SL_STR("service_account")))
        ok = read_service_account(&d, a, out, why);
    else if (sl_str_eq(type, SL_STR("authorized_user")))
        ok = read_user(&d, a, out, why);
    else
        ok = wrong(why, "is of a type that is not spoken here",
                   "Give one of type service_account or authorized_user, or write: metadata");
    close_document(&d);
    return ok;
}

static bool read_metadata(struct sl_str host, struct sl_arena *a, struct credential *out,
                          struct credential_trouble *why)
{
    out->kind = CREDENTIAL_METADATA;
    struct sl_str url = sl_arena_printf(a, "http://" SL_STR_FMT METADATA_PATH, SL_STR_ARG(sl_str_head(host, 300)));
    if (sl_str_find(host, '/') >= 0 || !take_url(url, a, &out->token_url))
        return wrong(why, "names a metadata server that is no host", "Write metadata, or metadata:HOST");
    return true;
}

static uint64_t mix(uint64_t h, struct sl_str s)
{
    return sl_hash(sl_hash_process_key(), s) ^ (h * UINT64_C(0x9e3779b97f4a7c15) + (h >> 7));
}

/* `text` is all of a credential that is written down in one piece. */
static uint64_t identity_of(const struct credential *c, struct sl_str text)
{
    uint64_t h = mix((uint64_t)c->kind, text);
    h = mix(h, c->token_url.text);
    h = mix(h, c->client_id);
    return mix(h, c->scope) | 1;
}

bool credential_read(struct sl_str text, struct sl_arena *a, struct credential *out, struct credential_trouble *why)
{
    struct credential c = {.scope = SL_STR(GOOGLE_SCOPE)};
    bool ok;
    if (sl_str_eq(text, SL_STR("metadata")))
        ok = read_metadata(SL_STR(METADATA_HOST), a, &c, why);
    else if (sl_str_starts(text, SL_STR("metadata:")))
        ok = read_metadata(sl_str_from(text, 9), a, &c, why);
    else
        ok = read_json(text, a, &c, why);
    if (!ok) {
        credential_done(&c);
        return false;
    }
    c.identity = identity_of(&c, text);
    *out = c;
    return true;
}

bool credential_client(struct sl_str authority, struct sl_str tenant, struct sl_str client_id, struct sl_str secret,
                       struct sl_arena *a, struct credential *out, struct credential_trouble *why)
{
    struct credential c = {.kind = CREDENTIAL_CLIENT, .scope = SL_STR("https://cognitiveservices.azure.com/.default")};
    struct sl_str url = sl_arena_printf(a, SL_STR_FMT "/" SL_STR_FMT "/oauth2/v2.0/token", SL_STR_ARG(authority),
                                        SL_STR_ARG(sl_str_head(tenant, 200)));
    if (tenant.n == 0 || tenant.n > 200 || sl_str_find(tenant, '/') >= 0 || !take_url(url, a, &c.token_url))
        return wrong(why, "lacks a tenant", "Write the tenant's id or domain");
    if (client_id.n == 0 || !is_plain(client_id))
        return wrong(why, "lacks the application's id", NULL);
    if (secret.n == 0 || !is_plain(secret))
        return wrong(why, "lacks the application's secret", NULL);
    c.client_id = sl_arena_str(a, client_id);
    sl_secret_set(&c.secret, secret);
    c.identity = identity_of(&c, secret);
    *out = c;
    return true;
}

void credential_done(struct credential *c)
{
    sl_secret_done(&c->secret);
    sl_secret_done(&c->client_secret);
    tls_rsa_key_free(c->key);
    *c = (struct credential){.kind = c->kind};
}

bool credential_address_is_fine(const struct credential *c, bool local)
{
    if (c->kind == CREDENTIAL_METADATA ||
        c->token_url.tls) /* the first is what the operator wrote, not what a file says */
        return true;
    return local && c->token_url.is_loopback;
}

/* -- The request ------------------------------------------------------------------------------------------------------- */

static void add_base64(struct sl_buf *out, struct sl_str bytes)
{
    char *room = sl_buf_room(out, SL_BASE64_BYTES(bytes.n));
    if (room != NULL)
        sl_buf_wrote(out, sl_base64url_encode(bytes, room));
}

static void add_field(struct sl_buf *out, const char *name, struct sl_str value)
{
    if (out->n > 0)
        sl_buf_addc(out, '&');
    sl_buf_adds(out, sl_str_c(name));
    sl_buf_addc(out, '=');
    for (size_t i = 0; i < value.n; i++) {
        char bytes[3];
        sl_buf_add(out, bytes, url_escape_byte(value.p[i], SL_STR_NONE, bytes));
    }
}

static void add_claims(const struct credential *c, int64_t now_s, struct sl_buf *out)
{
    int64_t from = now_s - CLOCK_SKEW_S;
    sl_buf_adds(out, SL_STR("{\"iss\":"));
    sl_buf_add_json(out, c->email);
    sl_buf_adds(out, SL_STR(",\"scope\":"));
    sl_buf_add_json(out, c->scope);
    sl_buf_adds(out, SL_STR(",\"aud\":"));
    sl_buf_add_json(out, c->token_url.text);
    sl_buf_adds(out, SL_STR(",\"iat\":"));
    sl_buf_add_i64(out, from);
    sl_buf_adds(out, SL_STR(",\"exp\":"));
    sl_buf_add_i64(out, from + ASSERTION_LIFE_S);
    sl_buf_addc(out, '}');
}

/* RFC 7519: header, claims and signature, each in base64url, with dots between. */
static bool add_assertion(const struct credential *c, int64_t now_s, struct sl_buf *out)
{
    unsigned char signature[TLS_RS256_MAX];
    struct sl_buf part;
    size_t from = out->n;
    sl_buf_init(&part, CREDENTIAL_BODY_MAX);
    sl_buf_adds(&part, SL_STR("{\"alg\":\"RS256\",\"typ\":\"JWT\""));
    if (c->key_id.n > 0) {
        sl_buf_adds(&part, SL_STR(",\"kid\":"));
        sl_buf_add_json(&part, c->key_id);
    }
    sl_buf_addc(&part, '}');
    add_base64(out, sl_buf_str(&part));
    sl_buf_addc(out, '.');
    sl_buf_reset(&part);
    add_claims(c, now_s, &part);
    add_base64(out, sl_buf_str(&part));
    bool over = part.over || out->over;
    sl_buf_done(&part);
    size_t n = over ? 0 : tls_rs256_sign(c->key, sl_str_of(out->p + from, out->n - from), signature);
    sl_buf_addc(out, '.');
    add_base64(out, sl_str_of(signature, n));
    return n > 0 && !out->over;
}

bool credential_body(const struct credential *c, int64_t wall_ns, struct sl_buf *out)
{
    switch (c->kind) {
    case CREDENTIAL_METADATA:
        return true;
    case CREDENTIAL_USER:
        add_field(out, "grant_type", SL_STR("refresh_token"));
        add_field(out, "client_id", c->client_id);
        add_field(out, "client_secret", sl_secret_expose(&c->client_secret));
        add_field(out, "refresh_token", sl_secret_expose(&c->secret));
        return !out->over;
    case CREDENTIAL_CLIENT:
        add_field(out, "grant_type", SL_STR("client_credentials"));
        add_field(out, "client_id", c->client_id);
        add_field(out, "client_secret", sl_secret_expose(&c->secret));
        add_field(out, "scope", c->scope);
        return !out->over;
    case CREDENTIAL_SERVICE_ACCOUNT:
        break;
    }
    add_field(out, "grant_type", SL_STR("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    sl_buf_adds(out, SL_STR("&assertion="));
    return add_assertion(c, wall_ns / SL_SEC, out);
}

/* -- The answer -------------------------------------------------------------------------------------------------------- */

/* It goes into a header. */
static bool is_token(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
            return false;
    return s.n > 0 && s.n <= TOKEN_BYTES_MAX;
}

static bool whole_seconds(yyjson_val *v, uint64_t *out)
{
    if (yyjson_is_uint(v))
        *out = yyjson_get_uint(v);
    else if (yyjson_is_real(v) && yyjson_get_real(v) >= 1 && yyjson_get_real(v) < 1e9)
        *out = (uint64_t)yyjson_get_real(v);
    else if (yyjson_is_real(v) && yyjson_get_real(v) >= 1e9)
        *out = UINT64_MAX;
    else if (yyjson_is_str(v)) /* Entra's first version says it so */
        return sl_str_to_u64(sl_str_of(yyjson_get_str(v), yyjson_get_len(v)), out);
    else
        return false;
    return true;
}

/* 0: what it says cannot be. */
static int64_t life_of(const struct document *d)
{
    yyjson_val *v = yyjson_obj_get(d->root, "expires_in");
    uint64_t s = 0;
    if (v == NULL || yyjson_is_null(v))
        return TOKEN_LIFE_UNSAID_NS;
    if (!whole_seconds(v, &s))
        return 0;
    return s < (uint64_t)(TOKEN_LIFE_MAX_NS / SL_SEC) ? (int64_t)s * SL_SEC : TOKEN_LIFE_MAX_NS;
}

static enum token_verdict read_token(const struct document *d, struct token_answer *out)
{
    struct sl_str token = field(d, "access_token"), type = field(d, "token_type");
    bool bearer = type.n == 0 || sl_str_eq_nocase(type, SL_STR("Bearer"));
    int64_t life = life_of(d);
    if (!is_token(token) || !bearer || life <= 0)
        return TOKEN_NONSENSE;
    sl_secret_set(&out->token, token);
    out->life_ns = life;
    return TOKEN_GOT;
}

/* {"error": "invalid_grant"} (RFC 6749 5.2), or Google's {"error": {"status": "..."}}. */
static void read_error(const struct document *d, struct token_answer *out)
{
    yyjson_val *e = yyjson_obj_get(d->root, "error");
    if (yyjson_is_obj(e))
        e = yyjson_obj_get(e, "status");
    size_t n = yyjson_is_str(e) ? yyjson_get_len(e) : 0;
    const char *word = yyjson_get_str(e);
    if (n >= sizeof out->error)
        return;
    for (size_t i = 0; i < n; i++) {
        char lower = sl_lower(word[i]);
        bool fine = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
                    (lower != 0 && strchr("_.-", lower) != NULL);
        if (!fine)
            return;
    }
    if (n > 0)
        memcpy(out->error, word, n);
}

void token_answer_read(int status, struct sl_str body, struct token_answer *out)
{
    struct document d;
    *out = (struct token_answer){.verdict = TOKEN_NONSENSE};
    if (body.n > CREDENTIAL_ANSWER_MAX)
        return;
    open_document(&d, body);
    if (status >= 200 && status < 300)
        out->verdict = read_token(&d, out);
    else
        read_error(&d, out);
    close_document(&d);
    if (status == 429 || strcmp(out->error, "slow_down") == 0 || strcmp(out->error, "temporarily_unavailable") == 0)
        out->verdict = TOKEN_LIMITED;
    else if (status >= 500 && status < 600)
        out->verdict = TOKEN_TROUBLE;
    else if (status >= 400 && status < 500)
        out->verdict = TOKEN_REFUSED;
}
