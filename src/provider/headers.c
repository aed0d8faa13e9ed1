/* Which headers go to a provider and which come back: tables. See provider.h for the reasons; sources: RFC 9110 section 7.6,
 * openai.md sections 1.2, 1.3 and 4.1. */
#include "provider/provider.h"

#include "http/url.h"

#define ANTHROPIC_VERSION "2023-06-01" /* anthropic.md 1.2: sent where the client says none */

/* -- To the provider ----------------------------------------------------------------------------------------------- */

/* Never from the client, whatever the configuration says: credentials, framing, and what speaks about the way here. */
static const bool never_sent[HN_COUNT] = {
    [HN_AUTHORIZATION] = true,
    [HN_X_API_KEY] = true,
    [HN_API_KEY] = true,
    [HN_X_GOOG_API_KEY] = true,
    [HN_COOKIE] = true,
    [HN_PROXY_AUTHORIZATION] = true,
    [HN_HOST] = true,
    [HN_CONTENT_LENGTH] = true,
    [HN_CONTENT_ENCODING] = true,
    [HN_CONTENT_TYPE] = true,
    [HN_EXPECT] = true,
    [HN_ACCEPT_ENCODING] = true,
    [HN_ACCEPT] = true,
    [HN_FORWARDED] = true,
    [HN_VIA] = true,
    [HN_X_FORWARDED_FOR] = true,
    [HN_X_FORWARDED_HOST] = true,
    [HN_X_FORWARDED_PROTO] = true,
    [HN_X_REAL_IP] = true,
    [HN_ORIGIN] = true,
    [HN_TRACEPARENT] = true,
    [HN_TRACESTATE] = true,
    [HN_OPENAI_ORGANIZATION] = true,
    [HN_OPENAI_PROJECT] = true,
    [HN_X_SLUICE_ATTEMPTS] = true,
    [HN_X_SLUICE_COST] = true,
    [HN_X_SLUICE_FALLBACK] = true,
    [HN_X_SLUICE_ID] = true,
    [HN_X_SLUICE_REASON] = true,
    [HN_X_SLUICE_ROUTE] = true,
    [HN_X_SLUICE_TAGS] = true,
    [HN_X_SLUICE_TARGET] = true,
    [HN_X_SLUICE_TASK] = true,
    [HN_X_SLUICE_TIMING] = true,
};

enum pass {
    PASS_ALWAYS = 0,
    PASS_VENDOR_SDK, /* only where the client's SDK is this vendor's own */
    PASS_ANTHROPIC,  /* only to who speaks that dialect, from clients that do */
    PASS_GOOGLE,
    PASS_VERTEX
};

struct pass_row {
    struct sl_str name; /* with a '-' at its end: a prefix */
    enum pass when;
};
static const struct pass_row passed[] = {
    {SL_STR_INIT("idempotency-key"), PASS_ALWAYS},
    {SL_STR_INIT("openai-beta"), PASS_ALWAYS},
    {SL_STR_INIT("x-client-request-id"), PASS_ALWAYS},
    {SL_STR_INIT("user-agent"), PASS_VENDOR_SDK},
    {SL_STR_INIT("x-stainless-"), PASS_VENDOR_SDK},
    {SL_STR_INIT("openai-"), PASS_VENDOR_SDK},
    {SL_STR_INIT("anthropic-"), PASS_ANTHROPIC},
    {SL_STR_INIT("x-claude-"), PASS_ANTHROPIC},
    {SL_STR_INIT("x-app"), PASS_ANTHROPIC},
    {SL_STR_INIT("x-goog-"), PASS_GOOGLE},
    {SL_STR_INIT("x-server-timeout"), PASS_GOOGLE},
    {SL_STR_INIT("x-vertex-ai-llm-"), PASS_VERTEX},
};

static bool passes_here(const struct provider *p, enum pass when)
{
    switch (when) {
    case PASS_VENDOR_SDK:
        return p->kind->client_agent;
    case PASS_ANTHROPIC: /* what they say is in the body on Bedrock */
        return sl_str_eq(p->kind->dialect, SL_STR("anthropic")) && p->kind->platform.n == 0;
    case PASS_VERTEX:
        return sl_str_eq(p->kind->platform, SL_STR("vertex"));
    case PASS_GOOGLE:
        return sl_str_eq(p->kind->dialect, SL_STR("gemini"));
    default:
        return true;
    }
}

static bool is_prefix(struct sl_str pattern)
{
    return pattern.n > 0 && pattern.p[pattern.n - 1] == '-';
}

static bool is_passed(const struct provider *p, struct sl_str name)
{
    if (p->kind->auth == PROVIDER_GOOG_ANY && sl_str_eq(name, SL_STR("x-goog-user-project")))
        return false; /* whose project is billed is not the client's to say */
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        const struct pass_row *row = &passed[i];
        if (!passes_here(p, row->when))
            continue;
        if (is_prefix(row->name) ? sl_str_starts(name, row->name) : sl_str_eq(name, row->name))
            return true;
    }
    for (unsigned i = 0; i < p->n_pass; i++) {
        struct sl_str pattern = p->pass[i];
        bool prefix = sl_str_ends(pattern, SL_STR("*"));
        pattern.n -= prefix;
        if (prefix ? sl_str_starts(name, pattern) : sl_str_eq(name, pattern))
            return true;
    }
    return false;
}

static bool is_static(const struct provider *p, struct sl_str name)
{
    for (unsigned i = 0; i < p->n_headers; i++)
        if (sl_str_eq(p->headers[i].name, name))
            return true;
    return false;
}

struct writing {
    const struct provider *p;
    struct sl_arena *a;
    struct http_headers *out;
};

/* One of ours, unless the configuration has its own of that name. */
static void add(struct writing *w, enum http_name id, struct sl_str value)
{
    if (value.n > 0 && (w->p->n_headers == 0 || !is_static(w->p, http_name_text(id))))
        http_headers_add_id(w->out, w->a, id, value);
}

static void add_from_client(struct writing *w, const struct http_headers *client)
{
    struct sl_str named = http_headers_get(client, HN_CONNECTION);
    for (uint32_t i = 0; i < client->n; i++) {
        const struct http_header *h = &client->v[i];
        if (never_sent[h->id] || http_name_is_hop(h->id) || sl_str_starts(h->name, SL_STR("x-sluice-")) ||
            sl_str_starts(h->name, SL_STR("sec-websocket-"))) /* of this connection; a protocol may be a key */
            continue;
        if (!is_passed(w->p, h->name) || (named.n > 0 && http_list_has(named, h->name)) || is_static(w->p, h->name))
            continue;
        http_headers_add(w->out, w->a, h->name, h->value);
    }
}

static void add_static(struct writing *w)
{
    for (unsigned i = 0; i < w->p->n_headers; i++) {
        const struct provider_header *h = &w->p->headers[i];
        enum http_name id = http_name_of(h->name);
        bool framing = id == HN_HOST || id == HN_CONTENT_LENGTH || id == HN_ACCEPT_ENCODING || http_name_is_hop(id);
        if (framing || (id == HN_AUTHORIZATION && w->p->n_credentials > 0))
            continue;
        http_headers_add(w->out, w->a, h->name, h->value);
    }
}

static void add_credential(struct writing *w, const struct provider_call *c)
{
    const struct provider *p = w->p;
    if (c->authorization.n > 0)
        http_headers_add_id(w->out, w->a, HN_AUTHORIZATION, c->authorization);
    if (p->quota_project.n > 0)
        http_headers_add(w->out, w->a, SL_STR("x-goog-user-project"), p->quota_project);
    if (c->authorization.n > 0 || p->n_credentials == 0)
        return;
    unsigned at = c->credential % p->n_credentials;
    if (p->kind->auth == PROVIDER_BEARER || p->kind->auth == PROVIDER_KEY || p->kind->auth == PROVIDER_TOKEN ||
        p->kind->auth == PROVIDER_PAIR)
        http_headers_add_id(w->out, w->a, HN_AUTHORIZATION, sl_secret_expose(&p->authorization[at]));
    else if (p->kind->auth == PROVIDER_X_API_KEY)
        http_headers_add_id(w->out, w->a, HN_X_API_KEY, sl_secret_expose(&p->credentials[at]));
    else if (p->kind->auth == PROVIDER_API_KEY)
        http_headers_add_id(w->out, w->a, HN_API_KEY, sl_secret_expose(&p->credentials[at]));
    else if (p->kind->auth == PROVIDER_GOOG_ANY &&
             sl_str_starts(sl_secret_expose(&p->credentials[at]), SL_STR("ya29.")))
        http_headers_add_id(w->out, w->a, HN_AUTHORIZATION, sl_secret_expose(&p->authorization[at]));
    else if (p->kind->auth == PROVIDER_GOOG_KEY || p->kind->auth == PROVIDER_GOOG_ANY)
        http_headers_add_id(w->out, w->a, HN_X_GOOG_API_KEY, sl_secret_expose(&p->credentials[at]));
}

void provider_request_headers(const struct provider *p, const struct provider_call *c, struct sl_arena *a,
                              struct http_headers *out)
{
    struct writing w = {p, a, out};
    add_credential(&w, c);
    if (c->body)
        add(&w, HN_CONTENT_TYPE, c->content_type.n > 0 ? c->content_type : SL_STR("application/json"));
    add(&w, HN_ACCEPT, c->accept.n > 0 ? c->accept : SL_STR("application/json"));
    http_headers_add_id(out, a, HN_ACCEPT_ENCODING, SL_STR("identity"));
    if (p->kind->vendor_headers) {
        add(&w, HN_OPENAI_ORGANIZATION, p->organization);
        add(&w, HN_OPENAI_PROJECT, p->project);
    }
    static const struct sl_str tier = SL_STR_INIT("x-vertex-ai-llm-shared-request-type"); /* gemini.md 1.3 */
    if (c->tier.n > 0 && !is_static(p, tier) &&
        (c->foreign || c->client == NULL || http_headers_find_name(c->client, tier) == NULL))
        http_headers_add(out, a, tier, c->tier);
    if (c->betas.n > 0 &&
        !is_static(p, SL_STR("anthropic-beta"))) /* the version is in the body there (bedrock.md 11.2) */
        http_headers_add(out, a, SL_STR("anthropic-beta"), c->betas);
    add(&w, HN_TRACEPARENT, c->traceparent);
    add(&w, HN_TRACESTATE, c->traceparent.n > 0 ? c->tracestate : SL_STR_NONE);
    const struct http_headers *client = c->foreign ? NULL : c->client;
    bool agent = p->kind->client_agent && client != NULL && http_headers_find(client, HN_USER_AGENT) != NULL;
    if (!agent)
        add(&w, HN_USER_AGENT, SL_STR("sluice"));
    if (client != NULL)
        add_from_client(&w, client);
    if (sl_str_eq(p->kind->dialect, SL_STR("anthropic")) && p->kind->platform.n == 0 &&
        http_headers_find_name(out, SL_STR("anthropic-version")) == NULL && !is_static(p, SL_STR("anthropic-version")))
        http_headers_add(out, a, SL_STR("anthropic-version"), SL_STR(ANTHROPIC_VERSION));
    add_static(&w);
}

/* Azure's classic paths: what is asked of a deployment has it in the path; responses, files, batches and the others stand beside them
 * (openai-compatible.md 7). */
static struct sl_str classic_path(const struct provider *p, struct sl_str operation, struct sl_str model,
                                  struct sl_arena *a)
{
    static const struct sl_str of_deployments[] = {SL_STR_INIT("/chat/"), SL_STR_INIT("/completions"),
                                                   SL_STR_INIT("/embeddings"), SL_STR_INIT("/audio/"),
                                                   SL_STR_INIT("/images/")};
    struct sl_str deployment = SL_STR_NONE;
    for (size_t i = 0; i < sizeof of_deployments / sizeof of_deployments[0]; i++)
        if (sl_str_starts(operation, of_deployments[i]))
            deployment = sl_arena_printf(a, "/deployments/" SL_STR_FMT, SL_STR_ARG(url_segment(model, a)));
    return sl_arena_printf(a, SL_STR_FMT SL_STR_FMT SL_STR_FMT "%capi-version=" SL_STR_FMT, SL_STR_ARG(p->base_path),
                           SL_STR_ARG(deployment), SL_STR_ARG(operation), sl_str_find(operation, '?') >= 0 ? '&' : '?',
                           SL_STR_ARG(p->api_version));
}

struct sl_str provider_path(const struct provider *p, struct sl_str operation_path, struct sl_str model,
                            struct sl_arena *a)
{
    if (p->api_version.n > 0)
        return classic_path(p, operation_path, model, a);
    char *s = sl_arena_alloc(a, p->base_path.n + operation_path.n);
    if (p->base_path.n > 0)
        memcpy(s, p->base_path.p, p->base_path.n);
    if (operation_path.n > 0)
        memcpy(s + p->base_path.n, operation_path.p, operation_path.n);
    return sl_str_of(s, p->base_path.n + operation_path.n);
}

/* -- From the provider --------------------------------------------------------------------------------------------- */

/* Stays with us: framing (the codec's own), what an edge says to browsers, whose account was billed, our own names. */
static const bool never_returned[HN_COUNT] = {
    [HN_CONTENT_LENGTH] = true,
    [HN_DATE] = true,
    [HN_SERVER] = true,
    [HN_VIA] = true,
    [HN_SET_COOKIE] = true,
    [HN_COOKIE] = true,
    [HN_ALT_SVC] = true,
    [HN_LOCATION] = true,
    [HN_STRICT_TRANSPORT_SECURITY] = true,
    [HN_WWW_AUTHENTICATE] = true,
    [HN_SERVER_TIMING] = true,
    [HN_OPENAI_ORGANIZATION] = true,
    [HN_OPENAI_PROJECT] = true,
    [HN_AUTHORIZATION] = true,
    [HN_TRACEPARENT] = true,
    [HN_TRACESTATE] = true,
    [HN_X_SLUICE_ATTEMPTS] = true,
    [HN_X_SLUICE_COST] = true,
    [HN_X_SLUICE_FALLBACK] = true,
    [HN_X_SLUICE_ID] = true,
    [HN_X_SLUICE_REASON] = true,
    [HN_X_SLUICE_ROUTE] = true,
    [HN_X_SLUICE_TAGS] = true,
    [HN_X_SLUICE_TARGET] = true,
    [HN_X_SLUICE_TASK] = true,
    [HN_X_SLUICE_TIMING] = true,
};

static const struct sl_str names_not_returned[] = {
    /* with a '-' at its end: a prefix */
    SL_STR_INIT("access-control-"),
    SL_STR_INIT("cf-"),
    SL_STR_INIT("clear-site-data"),
    SL_STR_INIT("expect-ct"),
    SL_STR_INIT("nel"),
    SL_STR_INIT("public-key-pins"),
    SL_STR_INIT("refresh"),
    SL_STR_INIT("report-to"),
    SL_STR_INIT("reporting-endpoints"),
    SL_STR_INIT("x-goog-upload-url"),
    SL_STR_INIT("x-goog-upload-control-url"),
    SL_STR_INIT("x-guploader-"),
    SL_STR_INIT("set-cookie2"),
    SL_STR_INIT("x-powered-by"),
    SL_STR_INIT("x-sluice-"),
};

static bool is_returned(const struct http_header *h)
{
    if (h->id != HN_OTHER)
        return !never_returned[h->id] && !http_name_is_hop(h->id);
    for (size_t i = 0; i < sizeof names_not_returned / sizeof names_not_returned[0]; i++) {
        struct sl_str name = names_not_returned[i];
        if (name.p[0] != (h->name.n > 0 ? h->name.p[0] : 0))
            continue;
        if (is_prefix(name) ? sl_str_starts(h->name, name) : sl_str_eq(h->name, name))
            return false;
    }
    return true;
}

void provider_response_headers(const struct http_headers *from, struct sl_arena *a, struct http_headers *to)
{
    struct sl_str named = http_headers_get(from, HN_CONNECTION);
    for (uint32_t i = 0; i < from->n; i++) {
        const struct http_header *h = &from->v[i];
        if (!is_returned(h) || (named.n > 0 && http_list_has(named, h->name)))
            continue;
        if (h->id != HN_OTHER)
            http_headers_add_id(to, a, h->id, h->value);
        else
            http_headers_add(to, a, h->name, h->value);
    }
}
