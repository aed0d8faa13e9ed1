/* What goes to a provider and comes back: headers, credentials, paths. */
#include "provider/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

static struct sl_arena arena;
static struct provider provider;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    provider = (struct provider){.name = SL_STR("openai"),
                                 .kind = provider_kind_find(SL_STR("openai")),
                                 .base_path = SL_STR("/v1"),
                                 .n_credentials = 2};
    provider.credentials = sl_calloc(2, sizeof *provider.credentials);
    sl_secret_set(&provider.credentials[0], SL_STR("sk-one"));
    sl_secret_set(&provider.credentials[1], SL_STR("sk-two"));
    provider_prepare(&provider);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    provider_release(&provider);
    sl_arena_done(&arena);
    return 0;
}

static struct sl_str get(const struct http_headers *h, const char *name)
{
    const struct http_header *x = http_headers_find_name(h, sl_str_c(name));
    return x != NULL ? x->value : SL_STR_NONE;
}

static void has(const struct http_headers *h, const char *name, const char *value)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < h->n; i++)
        n += sl_str_eq(h->v[i].name, sl_str_c(name));
    if (n != 1 || !sl_str_eq(get(h, name), sl_str_c(value)))
        fail_msg("%s is there %u times as '%.*s', not '%s'", name, n, (int)get(h, name).n, get(h, name).p, value);
}

static void has_not(const struct http_headers *h, const char *name)
{
    if (http_headers_find_name(h, sl_str_c(name)) != NULL)
        fail_msg("%s is there", name);
}

/* -- To the provider ------------------------------------------------------------------------------------------------- */

static const char *const dangerous[] = {
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "proxy-authorization",
    "host",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "origin",
    "referer",
    "openai-organization",
    "openai-project",
    "x-sluice-task",
    "x-sluice-new",
    "x-internal-secret",
    "cf-access-jwt-assertion",
    "x-amz-security-token",
    "traceparent",
    "tracestate",
};

static void nothing_dangerous_passes(void **state)
{
    (void)state;
    struct http_headers client = {0};
    for (size_t i = 0; i < sizeof dangerous / sizeof dangerous[0]; i++)
        http_headers_add(&client, &arena, sl_str_c(dangerous[i]), SL_STR("from-the-client"));
    static const struct sl_str everything[] = {SL_STR_INIT("*")};
    for (int round = 0; round < 2; round++) {
        struct http_headers out = {0};
        provider_request_headers(&provider, &(struct provider_call){.client = &client, .body = true}, &arena, &out);
        for (uint32_t i = 0; i < out.n; i++) {
            bool ours = !sl_str_eq(out.v[i].value, SL_STR("from-the-client"));
            bool open = round == 1 &&
                        (sl_str_eq(out.v[i].name, SL_STR("referer")) ||
                         sl_str_starts(out.v[i].name, SL_STR("x-internal")) ||
                         sl_str_starts(out.v[i].name, SL_STR("cf-")) || sl_str_starts(out.v[i].name, SL_STR("x-amz-")));
            if (!ours && !open)
                fail_msg("%.*s passed", (int)out.v[i].name.n, out.v[i].name.p);
        }
        has(&out, "authorization", "Bearer sk-one");
        /* Even a configuration that passes everything passes none of the credentials and none of the framing. */
        provider.pass = everything;
        provider.n_pass = 1;
    }
}

static void what_a_provider_gets(void **state)
{
    (void)state;
    struct http_headers client = {0};
    http_headers_add(&client, &arena, SL_STR("user-agent"), SL_STR("OpenAI/Python 2.0"));
    http_headers_add(&client, &arena, SL_STR("accept"), SL_STR("text/html"));
    http_headers_add(&client, &arena, SL_STR("accept-encoding"), SL_STR("gzip, br"));
    http_headers_add(&client, &arena, SL_STR("x-stainless-lang"), SL_STR("python"));
    http_headers_add(&client, &arena, SL_STR("openai-beta"), SL_STR("assistants=v2"));
    http_headers_add(&client, &arena, SL_STR("idempotency-key"), SL_STR("i1"));
    http_headers_add(&client, &arena, SL_STR("x-client-request-id"), SL_STR("r1"));
    struct provider_call call = {.client = &client,
                                 .credential = 3,
                                 .body = true,
                                 .traceparent = SL_STR("00-a-b-01"),
                                 .tracestate = SL_STR("s=1")};
    provider.organization = SL_STR("org_1");
    provider.project = SL_STR("proj_1");
    struct http_headers out = {0};
    provider_request_headers(&provider, &call, &arena, &out);
    has(&out, "authorization", "Bearer sk-two"); /* 3 modulo 2 */
    has(&out, "content-type", "application/json");
    has(&out, "accept", "application/json");
    has(&out, "accept-encoding", "identity");
    has(&out, "openai-organization", "org_1");
    has(&out, "openai-project", "proj_1");
    has(&out, "traceparent", "00-a-b-01");
    has(&out, "tracestate", "s=1");
    has(&out, "user-agent", "OpenAI/Python 2.0");
    has(&out, "x-stainless-lang", "python");
    has(&out, "openai-beta", "assistants=v2");
    has(&out, "idempotency-key", "i1");
    has(&out, "x-client-request-id", "r1");
    assert_int_equal(out.n, 13);

    /* Another vendor learns less about the client. */
    provider.kind = provider_kind_find(SL_STR("openai-compatible"));
    out = (struct http_headers){0};
    provider_request_headers(&provider, &call, &arena, &out);
    has(&out, "user-agent", "sluice");
    has_not(&out, "x-stainless-lang");
    has_not(&out, "openai-organization");
    has(&out, "openai-beta", "assistants=v2");

    out = (struct http_headers){0};
    provider_request_headers(&provider, &(struct provider_call){.accept = SL_STR("text/event-stream")}, &arena, &out);
    has(&out, "accept", "text/event-stream");
    has_not(&out, "content-type");
    has_not(&out, "traceparent");
}

static void headers_that_connection_names_stay(void **state)
{
    (void)state;
    struct http_headers client = {0};
    http_headers_add(&client, &arena, SL_STR("connection"), SL_STR("close, OpenAI-Beta"));
    http_headers_add(&client, &arena, SL_STR("openai-beta"), SL_STR("x"));
    http_headers_add(&client, &arena, SL_STR("idempotency-key"), SL_STR("i1"));
    struct http_headers out = {0};
    provider_request_headers(&provider, &(struct provider_call){.client = &client}, &arena, &out);
    has_not(&out, "openai-beta");
    has(&out, "idempotency-key", "i1");
}

static void configured_headers(void **state)
{
    (void)state;
    static const struct provider_header fixed[] = {
        {SL_STR_INIT("x-team"), SL_STR_INIT("a")},          {SL_STR_INIT("user-agent"), SL_STR_INIT("mine")},
        {SL_STR_INIT("accept"), SL_STR_INIT("x/y")},        {SL_STR_INIT("authorization"), SL_STR_INIT("Bearer other")},
        {SL_STR_INIT("content-length"), SL_STR_INIT("5")},  {SL_STR_INIT("host"), SL_STR_INIT("evil")},
        {SL_STR_INIT("openai-beta"), SL_STR_INIT("fixed")}, {SL_STR_INIT("transfer-encoding"), SL_STR_INIT("chunked")},
    };
    static const struct sl_str pass[] = {SL_STR_INIT("x-session"), SL_STR_INIT("x-trace-*")};
    provider.headers = fixed;
    provider.n_headers = 8;
    provider.pass = pass;
    provider.n_pass = 2;
    struct http_headers client = {0};
    http_headers_add(&client, &arena, SL_STR("user-agent"), SL_STR("theirs"));
    http_headers_add(&client, &arena, SL_STR("openai-beta"), SL_STR("theirs"));
    http_headers_add(&client, &arena, SL_STR("x-session"), SL_STR("s"));
    http_headers_add(&client, &arena, SL_STR("x-session-more"), SL_STR("s"));
    http_headers_add(&client, &arena, SL_STR("x-trace-1"), SL_STR("t"));
    struct http_headers out = {0};
    provider_request_headers(&provider, &(struct provider_call){.client = &client}, &arena, &out);
    has(&out, "x-team", "a");
    has(&out, "user-agent", "mine");
    has(&out, "accept", "x/y");
    has(&out, "openai-beta", "fixed");
    has(&out, "authorization", "Bearer sk-one");
    has_not(&out, "content-length");
    has_not(&out, "host");
    has_not(&out, "transfer-encoding");
    has(&out, "x-session", "s");
    has(&out, "x-trace-1", "t");
    has_not(&out, "x-session-more");
    /* Without keys of its own, a provider's authorization may be configured. */
    unsigned n = provider.n_credentials;
    provider.n_credentials = 0;
    out = (struct http_headers){0};
    provider_request_headers(&provider, &(struct provider_call){.client = NULL}, &arena, &out);
    has(&out, "authorization", "Bearer other");
    provider.n_credentials = n;
}

static void upstream_paths(void **state)
{
    (void)state;
    assert_true(sl_str_eq(provider_path(&provider, SL_STR("/chat/completions"), SL_STR("m"), &arena),
                          SL_STR("/v1/chat/completions")));
    provider.base_path = SL_STR("");
    assert_true(sl_str_eq(provider_path(&provider, SL_STR("/embeddings"), SL_STR("m"), &arena), SL_STR("/embeddings")));
    provider.base_path = SL_STR("/openai");
    provider.api_version = SL_STR("2024-10-21");
    assert_true(sl_str_eq(provider_path(&provider, SL_STR("/chat/completions"), SL_STR("my dep"), &arena),
                          SL_STR("/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21")));
    assert_true(sl_str_eq(provider_path(&provider, SL_STR("/responses/resp_1"), SL_STR("m"), &arena),
                          SL_STR("/openai/responses/resp_1?api-version=2024-10-21")));
    assert_true(sl_str_eq(provider_path(&provider, SL_STR("/files?limit=100"), SL_STR_NONE, &arena),
                          SL_STR("/openai/files?limit=100&api-version=2024-10-21")));
    provider.api_version = SL_STR_NONE;
}

static void bedrock(void **state)
{
    (void)state;
    const struct provider_kind *kept = provider.kind, *kind = provider_kind_find(SL_STR("bedrock"));
    static const char *const paths[][2] = {
        {"anthropic.claude-opus-4-6-v1", "/p/model/anthropic.claude-opus-4-6-v1/invoke"},
        {"us.anthropic.claude-haiku-4-5-20251001-v1:0",
         "/p/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke"},
        {"arn:aws:bedrock:us-east-1:1:application-inference-profile/a",
         "/p/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa/invoke"},
        {"../a?b#c", "/p/model/..%2Fa%3Fb%23c/invoke"},
    };
    provider.base_path = SL_STR("/p");
    assert_int_equal(provider_model_path(&provider, SL_STR("openai"), SL_STR("m"), false, false, &arena).n, 0);
    provider.kind = kind;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_true(
            sl_str_eq(provider_model_path(&provider, SL_STR("anthropic"), sl_str_c(paths[i][0]), false, false, &arena),
                      sl_str_c(paths[i][1])));
    assert_true(sl_str_eq(provider_model_path(&provider, SL_STR("anthropic"), SL_STR("m"), false, true, &arena),
                          SL_STR("/p/model/m/invoke-with-response-stream")));
    assert_true(sl_str_eq(
        provider_model_path(&provider, SL_STR("anthropic"), SL_STR("eu.anthropic.claude-x-v1:0"), true, false, &arena),
        SL_STR("/p/model/anthropic.claude-x-v1%3A0/count-tokens")));
    assert_true(
        sl_str_eq(provider_model_path(&provider, SL_STR("anthropic"), SL_STR("arn:a/anthropic.b"), true, false, &arena),
                  SL_STR("/p/model/arn%3Aa%2Fanthropic.b/count-tokens")));
    assert_true(sl_str_eq(provider_model_path(&provider, SL_STR("bedrock-converse"), SL_STR("us.amazon.nova-lite-v1:0"),
                                              false, false, &arena),
                          SL_STR("/p/model/us.amazon.nova-lite-v1%3A0/converse")));
    assert_true(sl_str_eq(provider_model_path(&provider, SL_STR("bedrock-converse"), SL_STR("m"), false, true, &arena),
                          SL_STR("/p/model/m/converse-stream")));
    assert_true(sl_str_eq(provider_dialect(&provider, SL_STR("openai"), SL_STR("us.anthropic.claude-opus-5")),
                          SL_STR("anthropic")));
    assert_true(sl_str_eq(provider_dialect(&provider, SL_STR("anthropic"), SL_STR("us.amazon.nova-lite-v1:0")),
                          SL_STR("bedrock-converse")));

    struct http_headers in = {0}, out = {0}; /* what the client's library says in headers is in the body here */
    http_headers_add(&in, &arena, SL_STR("anthropic-beta"), SL_STR("some-beta"));
    http_headers_add(&in, &arena, SL_STR("anthropic-version"), SL_STR("2023-06-01"));
    provider_request_headers(&provider, &(struct provider_call){.client = &in, .body = true}, &arena, &out);
    has(&out, "authorization", "Bearer sk-one");
    has(&out, "content-type", "application/json");
    has_not(&out, "anthropic-beta");
    has_not(&out, "anthropic-version");
    provider.kind = kept;
}

/* A name of the owner's own: asked by it, judged by the model behind it. */
static void deployments(void **state)
{
    (void)state;
    static const struct provider_deployment rows[] = {
        {SL_STR_INIT("our-gpt"), SL_STR_INIT("gpt-5-mini")},
        {SL_STR_INIT("arn:aws:bedrock:eu-central-1:1:application-inference-profile/x"),
         SL_STR_INIT("eu.anthropic.claude-sonnet-4-5-20250929-v1:0")},
        {SL_STR_INIT("endpoints/12"), SL_STR_INIT("publishers/google/models/gemini-2.5-pro")}};
    struct provider b = {.kind = provider_kind_find(SL_STR("bedrock")), .deployments = rows, .n_deployments = 3};
    struct provider v = {.kind = provider_kind_find(SL_STR("vertex")), .deployments = rows, .n_deployments = 3};
    assert_true(sl_str_eq(provider_known_model(&b, SL_STR("our-gpt")), SL_STR("gpt-5-mini")));
    assert_true(sl_str_eq(provider_known_model(&b, SL_STR("our-gpt-2")), SL_STR("our-gpt-2")));
    assert_true(sl_str_eq(provider_known_model(&provider, SL_STR("our-gpt")), SL_STR("our-gpt")));
    assert_true(sl_str_eq(provider_plain_model(&v, rows[2].name), SL_STR("gemini-2.5-pro")));
    assert_true(sl_str_eq(provider_dialect(&b, SL_STR("openai"), rows[1].name), SL_STR("anthropic")));
    assert_true(sl_str_eq(provider_dialect(&b, SL_STR("openai"), SL_STR("arn:aws:x")), SL_STR("bedrock-converse")));
    struct sl_str path = provider_model_path(&b, SL_STR("anthropic"), rows[1].name, false, false, &arena);
    assert_true(sl_str_find_str(path, SL_STR("application-inference-profile")) > 0);
}

static void vertex(void **state)
{
    (void)state;
    static const struct {
        const char *model, *dialect, *plain, *stream, *count;
    } rows[] = {
#define AT "/v1/projects/p-1/locations/eu/"
#define GEMINI AT "publishers/google/models/gemini-x"
#define CLAUDE AT "publishers/anthropic/models/"
        {"gemini-x", "gemini", GEMINI ":generateContent", GEMINI ":streamGenerateContent?alt=sse",
         GEMINI ":countTokens"},
        {"google/gemini-x", "gemini", GEMINI ":generateContent", NULL, NULL},
        {"models/gemini-x", "gemini", GEMINI ":generateContent", NULL, NULL},
        {"publishers/google/models/gemini-x", "gemini", GEMINI ":generateContent", NULL, NULL},
        {"projects/q/locations/r/publishers/google/models/gemini-x", "gemini", GEMINI ":generateContent", NULL, NULL},
        {"projects/q/locations/r/endpoints/77", "gemini", AT "endpoints/77:generateContent", NULL, NULL},
        {"endpoints/77", "gemini", AT "endpoints/77:generateContent", NULL, NULL},
        {"claude-opus-4-1@20250805", "anthropic", CLAUDE "claude-opus-4-1@20250805:rawPredict",
         CLAUDE "claude-opus-4-1@20250805:streamRawPredict", CLAUDE "count-tokens:rawPredict"},
        {"anthropic/claude-opus-5", "anthropic", CLAUDE "claude-opus-5:rawPredict", NULL, NULL},
        {"claude;x?y", "anthropic", CLAUDE "claude%3Bx%3Fy:rawPredict", NULL, NULL},
        {"meta/llama-4-maas", "openai", AT "endpoints/openapi/chat/completions",
         AT "endpoints/openapi/chat/completions", NULL},
    };
    struct provider v = {.kind = provider_kind_find(SL_STR("vertex")),
                         .base_path = SL_STR("/v1"),
                         .project = SL_STR("p-1"),
                         .location = SL_STR("eu")};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str model = sl_str_c(rows[i].model), d = provider_dialect(&v, SL_STR("openai"), model);
        const char *const want[] = {rows[i].plain, rows[i].stream, rows[i].count};
        assert_true(sl_str_eq(d, sl_str_c(rows[i].dialect)));
        for (int k = 0; k < 3; k++) {
            struct sl_str path = provider_model_path(&v, d, model, k == 2, k == 1, &arena);
            if (want[k] != NULL && !sl_str_eq(path, sl_str_c(want[k])))
                fail_msg("%s: " SL_STR_FMT, rows[i].model, SL_STR_ARG(path));
        }
    }
    assert_true(sl_str_eq(provider_plain_model(&v, SL_STR("google/gemini-x")), SL_STR("gemini-x")));
    assert_true(sl_str_eq(provider_plain_model(&provider, SL_STR("google/gemini-x")), SL_STR("google/gemini-x")));
    v.project = SL_STR_NONE; /* express mode */
    assert_true(sl_str_eq(provider_model_path(&v, SL_STR("gemini"), SL_STR("g"), false, false, &arena),
                          SL_STR("/v1/publishers/google/models/g:generateContent")));
    assert_true(provider_own_errors(&v, SL_STR("anthropic")));
    assert_false(provider_own_errors(&v, SL_STR("gemini")));

    static const char *const urls[][2] = {{"", "https://aiplatform.googleapis.com/v1"},
                                          {"global", "https://aiplatform.googleapis.com/v1"},
                                          {"us-east5", "https://us-east5-aiplatform.googleapis.com/v1"},
                                          {"eu", "https://aiplatform.eu.rep.googleapis.com/v1"},
                                          {"us", "https://aiplatform.us.rep.googleapis.com/v1"},
                                          {"evil.example/", ""},
                                          {"EU", ""}};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        assert_true(sl_str_eq(provider_region_url(v.kind, sl_str_c(urls[i][0]), &arena), sl_str_c(urls[i][1])));

    struct http_headers in = {0}, out = {0};
    http_headers_add(&in, &arena, SL_STR("anthropic-beta"), SL_STR("some-beta"));
    http_headers_add(&in, &arena, SL_STR("anthropic-version"), SL_STR("2023-06-01"));
    http_headers_add(&in, &arena, SL_STR("x-goog-user-project"), SL_STR("theirs"));
    http_headers_add(&in, &arena, SL_STR("x-goog-api-key"), SL_STR("sk-theirs"));
    http_headers_add(&in, &arena, SL_STR("x-vertex-ai-llm-request-type"), SL_STR("shared"));
    v.quota_project = SL_STR("ours");
    provider_request_headers(
        &v,
        &(struct provider_call){
            .client = &in, .body = true, .authorization = SL_STR("Bearer ya29.x"), .betas = SL_STR("kept-beta")},
        &arena, &out);
    has(&out, "authorization", "Bearer ya29.x");
    has(&out, "anthropic-beta", "kept-beta");
    has(&out, "x-goog-user-project", "ours");
    has(&out, "x-vertex-ai-llm-request-type", "shared");
    has_not(&out, "anthropic-version");
    has_not(&out, "x-goog-api-key");
}

/* The worked example of bedrock.md section 3.3, through the headers that go out. */
static void signed_requests(void **state)
{
    (void)state;
    static const char body[] =
        "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":16,\"messages\":[{\"role\":"
        "\"user\",\"content\":\"Hi\"}]}";
    const struct iovec pieces[] = {{(void *)(uintptr_t)body, 40}, {(void *)(uintptr_t)(body + 40), sizeof body - 41}};
    const struct provider_signing s = {
        .method = SL_STR("POST"),
        .authority = SL_STR("bedrock-runtime.us-east-1.amazonaws.com"),
        .target = SL_STR("/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke"),
        .body = pieces,
        .n_body = 2,
        .wall_ns = INT64_C(1795176000) * 1000000000 + 999999999, /* 2026-11-20T12:00:00.9Z */
    };
    struct provider signs = {.kind = provider_kind_find(SL_STR("bedrock")), .aws.region = SL_STR("us-east-1")};
    struct http_headers in = {0}, out = {0};
    sl_secret_set(&signs.aws.id, SL_STR("AKIDEXAMPLE"));
    sl_secret_set(&signs.aws.secret, SL_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
    provider_prepare(&signs);
    http_headers_add(&in, &arena, SL_STR("x-amz-date"), SL_STR("of the client"));
    signs.pass = &SL_STR("x-amz-*");
    signs.n_pass = 1;
    provider_request_headers(&signs, &(struct provider_call){.client = &in, .body = true}, &arena, &out);
    provider_sign(&signs, &s, &arena, &out);
    has(&out, "x-amz-date", "20261120T120000Z");
    has(&out, "x-amz-content-sha256", "4ce463b5c3d9ec921b15bafe17cf28cc4d188c93bf720c68e1dee3905c9fd0f8");
    has(&out, "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/us-east-1/bedrock/aws4_request, "
        "SignedHeaders=accept;content-type;host;x-amz-content-sha256;x-amz-date, "
        "Signature=97a28af7243a2eb7cff9aa274a1f3bb704f0baf8de853670ae079df545aa67cb");
    has_not(&out, "x-amz-security-token");
    sl_secret_set(&signs.aws.session, SL_STR("of-today"));
    provider_sign(&signs, &s, &arena, &out); /* again: nothing stands twice */
    unsigned dates = 0;
    for (uint32_t i = 0; i < out.n; i++)
        dates += sl_str_eq(out.v[i].name, SL_STR("x-amz-date"));
    assert_int_equal(dates, 1);
    has(&out, "x-amz-security-token", "of-today");
    provider_release(&signs);
}

static void regions(void **state)
{
    (void)state;
    const struct provider_kind *kind = provider_kind_find(SL_STR("bedrock"));
    static const char *const rows[][2] = {
        {"eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com"},
        {"cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"},
        {"us-isob-east-1", "https://bedrock-runtime.us-isob-east-1.sc2s.sgov.gov"},
        {"", ""},
        {"-a", ""},
        {"a-", ""},
        {"evil.example/", ""},
        {"EU", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(sl_str_eq(provider_region_url(kind, sl_str_c(rows[i][0]), &arena), sl_str_c(rows[i][1])));
    assert_int_equal(provider_region_url(provider_kind_find(SL_STR("openai")), SL_STR("eu-west-1"), &arena).n, 0);
}

static void kinds(void **state)
{
    (void)state;
    unsigned n = 0;
    for (const struct provider_kind *k; (k = provider_kind_at(n)) != NULL; n++) {
        assert_ptr_equal(provider_kind_find(k->name), k);
        assert_true(k->dialect.n > 0);
        assert_true(k->dialect.n > 0 && (k->auth != PROVIDER_NO_AUTH || k->env_key.n == 0));
    }
    assert_true(n >= 5);
    assert_null(provider_kind_find(SL_STR("")));
    assert_true(sl_str_eq(provider_kind_find(SL_STR("openai"))->base_url, SL_STR("https://api.openai.com/v1")));
    assert_int_equal(provider_kind_find(SL_STR("openai-compatible"))->base_url.n, 0);
}

/* -- From the provider ----------------------------------------------------------------------------------------------- */

static void what_comes_back(void **state)
{
    (void)state;
    static const char *const kept[] = {"content-type",
                                       "x-request-id",
                                       "openai-processing-ms",
                                       "openai-version",
                                       "retry-after",
                                       "retry-after-ms",
                                       "x-should-retry",
                                       "content-encoding",
                                       "cache-control",
                                       "x-new-header",
                                       "x-ratelimit-limit-requests",
                                       "x-ratelimit-remaining-tokens"};
    static const char *const dropped[] = {
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "set-cookie",
        "set-cookie2",
        "alt-svc",
        "server",
        "via",
        "date",
        "location",
        "content-length",
        "www-authenticate",
        "strict-transport-security",
        "openai-organization",
        "openai-project",
        "cf-ray",
        "cf-cache-status",
        "access-control-allow-origin",
        "nel",
        "report-to",
        "x-powered-by",
        "clear-site-data",
        "x-sluice-id",
        "x-sluice-anything",
        "server-timing",
        "x-hop",
    };
    struct http_headers from = {0}, to = {0};
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        http_headers_add(&from, &arena, sl_str_c(kept[i]), SL_STR("v"));
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        http_headers_add(&from, &arena, sl_str_c(dropped[i]),
                         strcmp(dropped[i], "connection") == 0 ? SL_STR("keep-alive, X-Hop") : SL_STR("v"));
    provider_response_headers(&from, &arena, &to);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        has(&to, kept[i], "v");
    for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
        has_not(&to, dropped[i]);
    assert_int_equal(to.n, sizeof kept / sizeof kept[0]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(nothing_dangerous_passes),
        T(what_a_provider_gets),
        T(headers_that_connection_names_stay),
        T(configured_headers),
        T(upstream_paths),
        T(kinds),
        T(bedrock),
        T(deployments),
        T(vertex),
        T(signed_requests),
        T(regions),
        T(what_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
