/* Errors and headers in the words of each vendor. A fault names its trouble (faults.c); here is what each vendor says then, with the
 * status that this vendor has for it. OpenAI's words stand with the faults themselves.
 *
 * Sources: anthropic.md 1.5 and 9, gemini.md 1.3 and 10, bedrock.md 4 and 8, openai.md 1.3 and 3 (November 2026), and recorded
 * answers. If you add a trouble: a row in each table. */
#include "base/mem.h"
#include "sim/presets.h"

#define LIMIT_REQUESTS 10000
#define LIMIT_TOKENS 2000000
#define LIMIT_INPUT 1600000
#define LIMIT_OUTPUT 400000

struct row {
    int status;
    const char *kind;    /* Anthropic: error.type; Google: status; AWS: the exception */
    const char *message; /* "%s": the model's name */
    const char *detail;  /* Anthropic: details.error_code; Google: see google_details */
};

#define RATE_ANTHROPIC                                                                                                 \
    "This request would exceed your organization's rate limit of 10,000 requests per minute. Please try again later."

static const struct row anthropic[TROUBLE_COUNT] = {
    [TROUBLE_SAID] = {400, "invalid_request_error", NULL, NULL},
    [TROUBLE_INVALID] = {400, "invalid_request_error", "messages: Input does not match the expected shape.", NULL},
    [TROUBLE_CONTEXT] = {400, "invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum", NULL},
    [TROUBLE_POLICY] = {400, "invalid_request_error", "Output blocked by content filtering policy", NULL},
    [TROUBLE_KEY] = {401, "authentication_error", "invalid x-api-key", NULL},
    [TROUBLE_NO_KEY] = {401, "authentication_error", "x-api-key header is required", NULL},
    [TROUBLE_COUNTRY] = {403, "permission_error", "Request not allowed", NULL},
    [TROUBLE_SCOPE] = {403, "permission_error", "Your API key does not have permission to use the specified resource.",
                       NULL},
    [TROUBLE_MODEL] = {404, "not_found_error", "model: %s", NULL},
    [TROUBLE_PATH] = {404, "not_found_error", "Not Found", NULL},
    [TROUBLE_TIMEOUT] = {408, "timeout_error", "Request timed out", NULL},
    [TROUBLE_CONFLICT] = {409, "conflict_error", "The resource is being changed by another request.", NULL},
    [TROUBLE_TOO_LARGE] = {413, "request_too_large", "Request exceeds the maximum size", NULL},
    [TROUBLE_UNPROCESSABLE] = {422, "invalid_request_error", "Unprocessable entity", NULL},
    [TROUBLE_RATE] = {429, "rate_limit_error", RATE_ANTHROPIC, NULL},
    [TROUBLE_SLOW_DOWN] = {429, "rate_limit_error", "Requests grew too fast. Please ramp up more gradually.",
                           "ramp_limit_exceeded"},
    [TROUBLE_QUOTA] = {429, "rate_limit_error", "Your organization has reached its spend limit.",
                       "enforced_spend_limit_reached"},
    [TROUBLE_CREDIT] = {402, "billing_error", "Your credit balance is too low to access the Anthropic API.", NULL},
    [TROUBLE_ORG_SPEND] = {429, "rate_limit_error", "Your organization has reached its spend limit.",
                           "enforced_spend_limit_reached"},
    [TROUBLE_PROJECT_SPEND] = {429, "rate_limit_error", "Your contract's spend limit is reached.",
                               "contract_spend_limit_reached"},
    [TROUBLE_ORG_USAGE] = {400, "invalid_request_error",
                           "You have reached your specified API usage limits. You will regain access on 2026-12-01 at "
                           "00:00 UTC.",
                           NULL},
    [TROUBLE_TIER] = {529, "overloaded_error", "Overloaded", NULL},
    [TROUBLE_INTERNAL] = {500, "api_error", "Internal server error", NULL},
    [TROUBLE_BUSY] = {503, "api_error", "Service unavailable", NULL},
    [TROUBLE_GATEWAY_TIMEOUT] = {504, "timeout_error", "Request timed out", NULL},
    [TROUBLE_OVERLOADED] = {529, "overloaded_error", "Overloaded", NULL},
};

#define QUOTA_GOOGLE "You exceeded your current quota, please check your plan and billing details."
static const struct row google[TROUBLE_COUNT] = {
    [TROUBLE_SAID] = {400, "INVALID_ARGUMENT", NULL, NULL},
    [TROUBLE_INVALID] = {400, "INVALID_ARGUMENT", "Request contains an invalid argument.", NULL},
    [TROUBLE_CONTEXT] = {400, "INVALID_ARGUMENT",
                         "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
                         NULL},
    [TROUBLE_POLICY] = {200, "PROHIBITED_CONTENT", NULL, NULL}, /* no error: write_blocked */
    [TROUBLE_KEY] = {401, "UNAUTHENTICATED",
                     "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
                     "other valid authentication credential.",
                     "info:ACCESS_TOKEN_TYPE_UNSUPPORTED"},
    [TROUBLE_WRONG_KEY] = {400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.",
                           "info:API_KEY_INVALID"},
    [TROUBLE_NO_KEY] = {403, "PERMISSION_DENIED",
                        "Method doesn't allow unregistered callers (callers without established identity). Please use "
                        "API Key or other form of API consumer identity to call this API.",
                        NULL},
    [TROUBLE_COUNTRY] = {403, "PERMISSION_DENIED", "User location is not supported for the API use.", NULL},
    [TROUBLE_SCOPE] = {403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.",
                       "info:ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
    [TROUBLE_MODEL] = {404, "NOT_FOUND",
                       "models/%s is not found for API version v1beta, or is not supported for generateContent. Call "
                       "ModelService.ListModels to see the list of available models and their supported methods.",
                       NULL},
    [TROUBLE_PATH] = {404, "NOT_FOUND", "Requested entity was not found.", NULL},
    [TROUBLE_TIMEOUT] = {408, "DEADLINE_EXCEEDED", "The request timed out.", NULL},
    [TROUBLE_CONFLICT] = {409, "ABORTED", "The operation was aborted.", NULL},
    [TROUBLE_UNPROCESSABLE] = {422, "INVALID_ARGUMENT", "Request contains an invalid argument.", NULL},
    [TROUBLE_RATE] = {429, "RESOURCE_EXHAUSTED", QUOTA_GOOGLE,
                      "quota:GenerateRequestsPerMinutePerProjectPerModel-FreeTier"},
    [TROUBLE_SLOW_DOWN] = {429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", NULL},
    [TROUBLE_QUOTA] = {429, "RESOURCE_EXHAUSTED", QUOTA_GOOGLE,
                       "quota:GenerateRequestsPerDayPerProjectPerModel-FreeTier"},
    [TROUBLE_CREDIT] = {429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.",
                        "info:INSUFFICIENT_G1_CREDITS_BALANCE"},
    [TROUBLE_ORG_SPEND] = {429, "RESOURCE_EXHAUSTED", QUOTA_GOOGLE, "quota:GenerateRequestsPerDayPerProject"},
    [TROUBLE_PROJECT_SPEND] = {429, "RESOURCE_EXHAUSTED", QUOTA_GOOGLE, "quota:GenerateRequestsPerDayPerProject"},
    [TROUBLE_ORG_USAGE] = {429, "RESOURCE_EXHAUSTED", QUOTA_GOOGLE, "quota:GenerateRequestsPerDayPerProject"},
    [TROUBLE_TIER] = {429, "RESOURCE_EXHAUSTED", "No capacity available for this model on the server.",
                      "info:MODEL_CAPACITY_EXHAUSTED"},
    [TROUBLE_INTERNAL] = {500, "INTERNAL", "An internal error has occurred. Please retry.", NULL},
    [TROUBLE_BUSY] = {503, "UNAVAILABLE", "The model is overloaded. Please try again later.", NULL},
    [TROUBLE_GATEWAY_TIMEOUT] = {504, "DEADLINE_EXCEEDED",
                                 "The request timed out. Please try again with a shorter prompt.", NULL},
    [TROUBLE_OVERLOADED] = {503, "UNAVAILABLE", "The model is overloaded. Please try again later.", NULL},
};

static const struct row aws[TROUBLE_COUNT] = {
    [TROUBLE_SAID] = {400, "ValidationException", NULL, NULL},
    [TROUBLE_INVALID] = {400, "ValidationException",
                         "Malformed input request, please reformat your input and try again.", NULL},
    [TROUBLE_CONTEXT] = {400, "ValidationException", "Input is too long for requested model.", NULL},
    [TROUBLE_POLICY] = {400, "ValidationException", "Output blocked by content filtering policy", NULL},
    [TROUBLE_KEY] = {403, "UnrecognizedClientException", "The security token included in the request is invalid.",
                     NULL},
    [TROUBLE_WRONG_KEY] = {403, "InvalidSignatureException",
                           "The request signature we calculated does not match the signature you provided. Check your "
                           "AWS Secret Access Key and signing method.",
                           NULL},
    [TROUBLE_NO_KEY] = {403, "MissingAuthenticationTokenException", "Missing Authentication Token", NULL},
    [TROUBLE_COUNTRY] = {403, "AccessDeniedException",
                         "Access to Anthropic models is not allowed from unsupported countries, regions, or "
                         "territories.",
                         NULL},
    [TROUBLE_SCOPE] = {403, "AccessDeniedException", "You don't have access to the model with the specified model ID.",
                       NULL},
    [TROUBLE_MODEL] = {404, "ResourceNotFoundException",
                       "This model version has reached the end of its life. Please refer to the AWS documentation for "
                       "more details.",
                       NULL},
    [TROUBLE_PATH] = {404, "UnknownOperationException", NULL, NULL},
    [TROUBLE_TIMEOUT] = {408, "ModelTimeoutException", "Model invocation has timed out.", NULL},
    [TROUBLE_CONFLICT] = {400, "ConflictException", "The request conflicts with another one.", NULL},
    [TROUBLE_TOO_LARGE] = {413, "RequestEntityTooLargeException", "The request is too large.", NULL},
    [TROUBLE_UNPROCESSABLE] = {400, "ValidationException",
                               "Malformed input request, please reformat your input and try again.", NULL},
    [TROUBLE_RATE] = {429, "ThrottlingException", "Too many requests, please wait before trying again.", NULL},
    [TROUBLE_SLOW_DOWN] = {429, "ThrottlingException", "Too many tokens, please wait before trying again.", NULL},
    [TROUBLE_QUOTA] = {429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", NULL},
    [TROUBLE_CREDIT] = {403, "AccessDeniedException", "Your account is not authorized to invoke this API operation.",
                        NULL},
    [TROUBLE_ORG_SPEND] = {400, "ServiceQuotaExceededException", "Your account has exceeded its quota.", NULL},
    [TROUBLE_PROJECT_SPEND] = {400, "ServiceQuotaExceededException", "Your account has exceeded its quota.", NULL},
    [TROUBLE_ORG_USAGE] = {429, "ThrottlingException", "Too many tokens per day, please wait before trying again.",
                           NULL},
    [TROUBLE_TIER] = {503, "ServiceUnavailableException", "Model is getting throttled. Try your request again.", NULL},
    [TROUBLE_INTERNAL] = {500, "InternalServerException",
                          "The system encountered an unexpected error during processing. Try your request again.",
                          NULL},
    [TROUBLE_BUSY] = {503, "ServiceUnavailableException", "Bedrock is unable to process your request.", NULL},
    [TROUBLE_GATEWAY_TIMEOUT] = {504, "ModelTimeoutException", "Model invocation has timed out.", NULL},
    [TROUBLE_OVERLOADED] = {503, "ServiceUnavailableException", "Model is getting throttled. Try your request again.",
                            NULL},
};

/* ---- bodies ---- */

static struct sl_str message_of(struct sim_call *c, const struct row *row, const struct sim_error *e)
{
    struct sl_str text = sl_str_c(row->message);
    ptrdiff_t at = sl_str_find_str(text, SL_STR("%s"));
    if (e->trouble == TROUBLE_SAID)
        return sl_str_c(e->message);
    if (at < 0)
        return text;
    return sl_arena_printf(c->s->arena, SL_STR_FMT SL_STR_FMT SL_STR_FMT, SL_STR_ARG(sl_str_head(text, (size_t)at)),
                           SL_STR_ARG(c->model), SL_STR_ARG(sl_str_from(text, (size_t)at + 2)));
}

static void write_anthropic(struct sim_call *c, struct sl_buf *b, const struct row *row, const struct sim_error *e)
{
    sl_buf_addf(b, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", row->kind);
    sl_buf_add_json(b, message_of(c, row, e));
    if (row->detail != NULL)
        sl_buf_addf(b, ",\"details\":{\"error_code\":\"%s\"}", row->detail);
    sl_buf_addf(b, "},\"request_id\":\"" SL_STR_FMT "\"}", SL_STR_ARG(sim_request_id(c)));
}

/* "quota:ID" is a QuotaFailure, "info:REASON" an ErrorInfo; a wait is a RetryInfo; a field is a BadRequest. */
static void google_details(struct sl_buf *b, const struct row *row, const struct sim_error *e, struct sl_str model)
{
    struct sl_str detail = sl_str_c(row->detail);
    size_t n = b->n;
    sl_buf_adds(b, SL_STR(",\"details\":["));
    size_t bare = b->n;
    if (sl_str_starts(detail, SL_STR("quota:"))) {
        sl_buf_adds(
            b, SL_STR("{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":"
                      "\"generativelanguage.googleapis.com/generate_content_free_tier_requests\",\"quotaId\":"));
        sl_buf_add_json(b, sl_str_from(detail, 6));
        sl_buf_adds(b, SL_STR(",\"quotaDimensions\":{\"location\":\"global\",\"model\":"));
        sl_buf_add_json(b, model);
        sl_buf_adds(b, SL_STR("},\"quotaValue\":\"10\"}]}"));
    } else if (sl_str_starts(detail, SL_STR("info:"))) {
        sl_buf_adds(b, SL_STR("{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":"));
        sl_buf_add_json(b, sl_str_from(detail, 5));
        sl_buf_adds(b, SL_STR(",\"domain\":\"googleapis.com\",\"metadata\":{\"service\":"
                              "\"generativelanguage.googleapis.com\"}}"));
    }
    if (e->wait_ms > 0)
        sl_buf_addf(b, "%s{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"%lld.%03llds\"}",
                    b->n > bare ? "," : "", (long long)(e->wait_ms / 1000), (long long)(e->wait_ms % 1000));
    if (e->param != NULL) {
        sl_buf_adds(b, b->n > bare ? SL_STR(",") : SL_STR_NONE);
        sl_buf_adds(
            b, SL_STR("{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":[{\"field\":"));
        sl_buf_add_json(b, sl_str_c(e->param));
        sl_buf_adds(b, SL_STR(",\"description\":"));
        sl_buf_add_json(b, sl_str_c(e->message));
        sl_buf_adds(b, SL_STR("}]}"));
    }
    if (b->n > bare)
        sl_buf_addc(b, ']');
    else if (!b->over)
        b->n = n;
}

/* Google answers 200 to a prompt that it blocks, without a candidate (gemini.md 7.1), and bills its tokens. */
static void write_blocked(struct sim_call *c, struct sl_buf *b)
{
    bool sse = c->stream && !c->array;
    c->billed = c->usage_sent = true;
    c->reasoning = 0;
    sl_buf_adds(b, sse ? SL_STR("data: ") : c->array ? SL_STR("[") : SL_STR_NONE);
    sl_buf_addf(
        b,
        "{\"promptFeedback\": {\"blockReason\": \"PROHIBITED_CONTENT\"},\"usageMetadata\": {\"promptTokenCount\": "
        "%u,\"totalTokenCount\": %u},\"modelVersion\": ",
        c->prompt, c->prompt);
    sl_buf_add_json(b, c->snapshot);
    sl_buf_addc(b, '}');
    sl_buf_adds(b, sse ? SL_STR("\r\n\r\n") : c->array ? SL_STR("]") : SL_STR_NONE);
}

static void write_google(struct sim_call *c, struct sl_buf *b, const struct row *row, const struct sim_error *e)
{
    if (row->status == 200) {
        write_blocked(c, b);
        return;
    }
    if (c->array)
        sl_buf_addc(b, '[');
    sl_buf_addf(b, "{\n  \"error\": {\n    \"code\": %d,\n    \"message\": ", row->status);
    sl_buf_add_json(b, message_of(c, row, e));
    sl_buf_addf(b, ",\n    \"status\": \"%s\"", row->kind);
    google_details(b, row, e, c->model);
    sl_buf_adds(b, SL_STR("\n  }\n}\n"));
    if (c->array)
        sl_buf_addc(b, ']');
}

static void write_aws(struct sim_call *c, struct sl_buf *b, const struct row *row, const struct sim_error *e)
{
    if (row->message == NULL && e->trouble != TROUBLE_SAID) {
        sl_buf_adds(b, SL_STR("<UnknownOperationException/>\n"));
        return;
    }
    sl_buf_adds(b, SL_STR("{\"message\":"));
    sl_buf_add_json(b, message_of(c, row, e));
    sl_buf_addc(b, '}');
}

static void add_text_or_null(struct sl_buf *b, const char *text)
{
    if (text != NULL)
        sl_buf_add_json(b, sl_str_c(text));
    else
        sl_buf_adds(b, SL_STR("null"));
}

static void write_openai(const struct sim_call *c, struct sl_buf *b, const struct sim_error *e)
{
    bool input = c->format == &sim_responses && e->trouble == TROUBLE_CONTEXT;
    sl_buf_adds(b, SL_STR("{\"error\":{\"message\":"));
    sl_buf_add_json(b, sl_str_c(e->message));
    sl_buf_adds(b, SL_STR(",\"type\":"));
    sl_buf_add_json(b, sl_str_c(e->type));
    sl_buf_adds(b, SL_STR(",\"param\":"));
    add_text_or_null(b, input ? "input" : e->param);
    sl_buf_adds(b, SL_STR(",\"code\":"));
    add_text_or_null(b, e->code);
    sl_buf_adds(b, SL_STR("}}"));
}

typedef void write_f(struct sim_call *c, struct sl_buf *b, const struct row *row, const struct sim_error *e);
static const struct {
    const struct row *rows;
    write_f *write;
    struct sl_str type;
} vendors[SIM_VENDORS] = {
    [VENDOR_ANTHROPIC] = {anthropic, write_anthropic, SL_STR_INIT("application/json")},
    [VENDOR_GOOGLE] = {google, write_google, SL_STR_INIT("application/json; charset=UTF-8")},
    [VENDOR_AWS] = {aws, write_aws, SL_STR_INIT("application/json")},
};

void sim_vendor_error(struct sim_call *c, const struct sim_error *e, struct sim_vendor_error *out)
{
    const struct row *row = vendors[c->vendor].rows != NULL ? &vendors[c->vendor].rows[e->trouble] : NULL;
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    *out = (struct sim_vendor_error){.status = e->status, .type = sl_str_c(e->content_type), .takes_header = true};
    if (out->type.n == 0)
        out->type = SIM_JSON;
    if (row != NULL && row->status != 0) {
        vendors[c->vendor].write(c, &b, row, e);
        out->status = row->status;
        out->type = vendors[c->vendor].type;
        if (row->status == 200 && c->stream && !c->array)
            out->type = SL_STR("text/event-stream");
        out->kind = row->kind;
        out->takes_header = c->vendor == VENDOR_ANTHROPIC ||
                            e->wait_ms == 0; /* the others say it in the body, or not */
    } else if (e->type == NULL) {
        sl_buf_adds(&b, sl_str_c(e->message));
    } else if (!sim_preset_error(c, e, &b)) {
        write_openai(c, &b, e);
    }
    out->body = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
}

/* ---- headers ---- */

static struct sl_str digits_of(struct sl_arena *a, int64_t v)
{
    char *p = sl_arena_alloc(a, 20);
    return sl_str_of(p, sl_u64_digits(v > 0 ? (uint64_t)v : 0, p));
}

static char *add_hex(char *p, uint64_t r, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = 0; i < digits; i++)
        *p++ = hex[r >> (4 * i) & 15];
    return p;
}

struct sl_str sim_request_id(struct sim_call *c)
{
    char *p = c->request_id;
    uint64_t a, b;
    if (p[0] != 0)
        return sl_str_c(p);
    if (c->vendor == VENDOR_ANTHROPIC) {
        sim_make_id(c, p, "req_011C", 20);
        return sl_str_c(p);
    }
    a = sl_rand_next(&c->sim->rand);
    b = sl_rand_next(&c->sim->rand);
    if (c->vendor == VENDOR_OPENAI) {
        memcpy(p, "req_", 4);
        *add_hex(add_hex(p + 4, a, 16), b, 16) = 0;
        return sl_str_c(p);
    }
    p = add_hex(p, a, 8); /* as a UUID */
    *p++ = '-';
    p = add_hex(p, a >> 32, 4);
    *p++ = '-';
    *p++ = '4';
    p = add_hex(p, a >> 48, 3);
    *p++ = '-';
    *p++ = '8';
    p = add_hex(p, b, 3);
    *p++ = '-';
    *add_hex(p, b >> 12, 12) = 0;
    return sl_str_c(c->request_id);
}

/* What is left of this minute's requests and tokens. Nothing is refused because of it. */
static void count_minute(struct sim *s)
{
    int64_t minute = sl_loop_now(s->loop) / SL_MIN;
    if (minute != s->minute) {
        s->minute = minute;
        s->minute_requests = s->minute_tokens = 0;
    }
    s->minute_requests++;
}

static void openai_headers(struct sim_call *c, struct http_headers *h, bool refused)
{
    struct sl_arena *a = c->s->arena;
    const struct sim *s = c->sim;
    http_headers_add_id(h, a, HN_X_REQUEST_ID, sim_request_id(c));
    http_headers_add_id(h, a, HN_OPENAI_PROCESSING_MS, digits_of(a, (sl_loop_now(c->sim->loop) - c->began_ns) / SL_MS));
    http_headers_add(h, a, SL_STR("openai-version"), SL_STR("2020-10-01"));
    http_headers_add_id(h, a, HN_OPENAI_ORGANIZATION, SL_STR("sluice-simulated"));
    if (c->control)
        return;
    http_headers_add(h, a, SL_STR("x-ratelimit-limit-requests"), SL_STR("10000"));
    http_headers_add(h, a, SL_STR("x-ratelimit-limit-tokens"), SL_STR("2000000"));
    http_headers_add(h, a, SL_STR("x-ratelimit-remaining-requests"),
                     refused ? SL_STR("0") : digits_of(a, LIMIT_REQUESTS - s->minute_requests));
    http_headers_add(h, a, SL_STR("x-ratelimit-remaining-tokens"), digits_of(a, LIMIT_TOKENS - s->minute_tokens));
    http_headers_add(h, a, SL_STR("x-ratelimit-reset-requests"), refused ? SL_STR("1s") : SL_STR("6ms"));
    http_headers_add(h, a, SL_STR("x-ratelimit-reset-tokens"), SL_STR("1m0s"));
}

/* RFC 3339 without fractions. */
static struct sl_str time_text(struct sim_call *c, int64_t ahead_ns)
{
    char text[SL_TIME_TEXT];
    sl_time_text(sl_loop_wall(c->sim->loop) + ahead_ns, text);
    text[19] = 'Z';
    return sl_arena_str(c->s->arena, sl_str_of(text, 20));
}

static void anthropic_headers(struct sim_call *c, struct http_headers *h, bool refused)
{
    struct sl_arena *a = c->s->arena;
    const struct sim *s = c->sim;
    struct sl_str soon = time_text(c, SL_SEC), later = time_text(c, refused ? SL_MIN : SL_SEC);
    http_headers_add(h, a, SL_STR("request-id"), sim_request_id(c));
    http_headers_add(h, a, SL_STR("anthropic-organization-id"), SL_STR("00000000-0000-4000-8000-51a1ce000000"));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-requests-limit"), SL_STR("10000"));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-requests-remaining"),
                     refused ? SL_STR("0") : digits_of(a, LIMIT_REQUESTS - s->minute_requests));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-requests-reset"), later);
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-tokens-limit"), SL_STR("2000000"));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-tokens-remaining"),
                     digits_of(a, (LIMIT_TOKENS - s->minute_tokens) / 1000 * 1000));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-tokens-reset"), soon);
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-input-tokens-limit"), SL_STR("1600000"));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-input-tokens-remaining"),
                     digits_of(a, (LIMIT_INPUT - s->minute_tokens) / 1000 * 1000));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-input-tokens-reset"), soon);
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-output-tokens-limit"), SL_STR("400000"));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-output-tokens-remaining"),
                     digits_of(a, (LIMIT_OUTPUT - s->minute_tokens) / 1000 * 1000));
    http_headers_add(h, a, SL_STR("anthropic-ratelimit-output-tokens-reset"), soon);
}

static void google_headers(struct sim_call *c, struct http_headers *h)
{
    struct sl_arena *a = c->s->arena;
    long long ms = (long long)((sl_loop_now(c->sim->loop) - c->began_ns) / SL_MS);
    http_headers_add(h, a, SL_STR("vary"), SL_STR("Origin, Referer, X-Origin"));
    http_headers_add_id(h, a, HN_SERVER_TIMING, sl_arena_printf(a, "gfet4t7; dur=%lld", ms));
    if (c->carrier == CARRIER_OWN)
        http_headers_add(h, a, SL_STR("x-gemini-service-tier"), SL_STR("standard"));
    if (c->array || c->stream)
        http_headers_add(h, a, SL_STR("content-disposition"), SL_STR("attachment"));
}

static void aws_headers(struct sim_call *c, struct http_headers *h, int status)
{
    struct sl_arena *a = c->s->arena;
    http_headers_add(h, a, SL_STR("x-amzn-requestid"), sim_request_id(c));
    if (status != 200 || c->kind != SIM_OTHER || !c->bedrock_body)
        return;
    if (c->stream) {
        http_headers_add(h, a, SL_STR("x-amzn-bedrock-content-type"), SIM_JSON);
        return;
    }
    http_headers_add(h, a, SL_STR("x-amzn-bedrock-input-token-count"),
                     digits_of(a, c->prompt - c->cached - c->written));
    http_headers_add(h, a, SL_STR("x-amzn-bedrock-output-token-count"), digits_of(a, c->tokens + c->reasoning));
    http_headers_add(h, a, SL_STR("x-amzn-bedrock-cache-read-input-token-count"), digits_of(a, c->cached));
    http_headers_add(h, a, SL_STR("x-amzn-bedrock-cache-write-input-token-count"), digits_of(a, c->written));
    http_headers_add(h, a, SL_STR("x-amzn-bedrock-invocation-latency"),
                     digits_of(a, (sl_loop_now(c->sim->loop) - c->began_ns) / SL_MS));
}

void sim_vendor_headers(struct sim_call *c, int status, struct http_headers *h)
{
    if (!c->control)
        count_minute(c->sim);
    switch (c->vendor) {
    case VENDOR_OPENAI:
        openai_headers(c, h, status == 429);
        break;
    case VENDOR_ANTHROPIC:
        anthropic_headers(c, h, status == 429);
        break;
    case VENDOR_GOOGLE:
        google_headers(c, h);
        break;
    case VENDOR_AWS:
        aws_headers(c, h, status);
        break;
    }
}
