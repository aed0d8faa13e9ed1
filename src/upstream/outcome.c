/* The table of outcomes, what a provider's answer means, and how long it asks to wait. Pure. Called by attempt.c (names)
 * and by the exchange (everything else). */
#include "upstream/outcome.h"

#include "base/check.h"
#include "base/clock.h"

static const struct outcome_row rows[] = {
#define X(id, text, where, health, status, gateway_code)                                                               \
    [OUT_##id] = {.name = SL_STR_INIT(text),                                                                           \
                  .next = where,                                                                                       \
                  .counts = health,                                                                                    \
                  .client_status = status,                                                                             \
                  .code = SL_STR_INIT(gateway_code)},
    OUTCOMES(X)
#undef X
};
_Static_assert(sizeof rows / sizeof rows[0] == OUT_COUNT, "an outcome without a row");

const struct outcome_row *outcome_row(enum outcome o)
{
    SL_CHECK((unsigned)o < OUT_COUNT);
    return &rows[o];
}

/* ---- what an answer means ---- */

enum answer_part {
    PART_ANY = 0, /* the status is enough */
    PART_NAME,    /* error.code or error.type is this */
    PART_TEXT     /* error.message holds this, in any case */
};

struct answer_row {
    uint16_t from, to; /* statuses */
    enum answer_part part;
    struct sl_str text;
    enum outcome means;
};

#define MESSAGE_LOOK_BYTES 1024u /* of a message: the telling words stand at its beginning */

/* The first row that fits counts. OpenAI: error guide and OpenAPI document, read November 2026 (../shared/wire/openai.md,
 * section 2); others as observed (openai-compatible.md, section 6). Names before messages before statuses. */
#define ROW(a, b, part, text, out)                                                                                     \
    {                                                                                                                  \
        a, b, part, SL_STR_INIT(text), OUT_##out                                                                       \
    }
static const struct answer_row answer_rows[] = {
    /* billing states: waiting does not help; look at the code, not only at the type */
    ROW(400, 499, PART_NAME, "insufficient_quota", QUOTA_EXHAUSTED),
    ROW(400, 499, PART_NAME, "credit_balance_exhausted", QUOTA_EXHAUSTED),
    ROW(400, 499, PART_NAME, "organization_spend_limit_exceeded", QUOTA_EXHAUSTED),
    ROW(400, 499, PART_NAME, "project_spend_limit_exceeded", QUOTA_EXHAUSTED),
    ROW(400, 499, PART_NAME, "organization_usage_limit_exceeded", QUOTA_EXHAUSTED),
    ROW(400, 499, PART_NAME, "exceeded_current_quota_error", QUOTA_EXHAUSTED), /* Moonshot */
    ROW(400, 499, PART_NAME, "Arrearage", QUOTA_EXHAUSTED),                    /* DashScope */
    ROW(429, 429, PART_NAME, "1113", QUOTA_EXHAUSTED),                         /* Zhipu: arrears */
    ROW(402, 402, PART_ANY, "", QUOTA_EXHAUSTED), /* DeepSeek, OpenRouter, Together, Cohere */
    /* the prompt does not fit this model; a longer one may take it */
    ROW(400, 599, PART_NAME, "context_length_exceeded", CONTEXT_OVERFLOW),
    ROW(400, 599, PART_NAME, "exceed_context_size_error", CONTEXT_OVERFLOW), /* llama.cpp */
    ROW(400, 499, PART_NAME, "1261", CONTEXT_OVERFLOW),                      /* Zhipu */
    ROW(400, 413, PART_TEXT, "maximum context length", CONTEXT_OVERFLOW),    /* vLLM and others */
    ROW(400, 413, PART_TEXT, "prompt is too long", CONTEXT_OVERFLOW),        /* Anthropic */
    ROW(400, 413, PART_TEXT, "range of input length", CONTEXT_OVERFLOW),     /* DashScope */
    /* refused for what it says: passed on, never tried elsewhere without a word */
    ROW(400, 499, PART_NAME, "content_policy_violation", CONTENT_FILTER),
    ROW(400, 499, PART_NAME, "moderation_blocked", CONTENT_FILTER),
    ROW(400, 499, PART_NAME, "invalid_prompt", CONTENT_FILTER),
    ROW(400, 499, PART_NAME, "cyber_policy", CONTENT_FILTER),
    ROW(400, 499, PART_NAME, "bio_policy", CONTENT_FILTER),
    ROW(400, 499, PART_NAME, "misalignment_policy_violation", CONTENT_FILTER),
    ROW(400, 499, PART_NAME, "image_content_policy_violation", CONTENT_FILTER),
    ROW(400, 499, PART_NAME, "content_filter", CONTENT_FILTER), /* Azure */
    /* the model, not the request */
    ROW(400, 499, PART_NAME, "model_not_found", MODEL_GONE),
    ROW(404, 404, PART_ANY, "", MODEL_GONE), /* unknown model, or no access to it, or a base URL that is wrong */
    /* the credential */
    ROW(401, 401, PART_ANY, "", BAD_CREDENTIALS),
    ROW(403, 403, PART_ANY, "", FORBIDDEN),
    /* pressure */
    ROW(400, 599, PART_NAME, "server_is_overloaded", OVERLOADED),
    ROW(503, 503, PART_NAME, "slow_down", RATE_LIMITED), /* was a 503 on some endpoints before it became a 429 */
    ROW(429, 429, PART_ANY, "", RATE_LIMITED), /* rate_limit_exceeded, slow_down, resource_unavailable, unnamed */
    ROW(408, 408, PART_ANY, "", SERVER_ERROR),
    ROW(409, 409, PART_ANY, "", RATE_LIMITED), /* somebody else holds it for a moment; the target is well */
    ROW(503, 503, PART_ANY, "", OVERLOADED),
    ROW(529, 529, PART_ANY, "", OVERLOADED),
    ROW(500, 599, PART_ANY, "", SERVER_ERROR), /* also 502, 504 and the 520s of edges, whatever their body */
    /* the rest */
    ROW(200, 299, PART_ANY, "", OK),
    ROW(300, 399, PART_ANY, "", REDIRECT),
    ROW(400, 499, PART_ANY, "", CLIENT_FAULT),
    ROW(0, UINT16_MAX, PART_ANY, "", MALFORMED),
};
#undef ROW

static bool holds_nocase(struct sl_str s, struct sl_str lower)
{
    for (size_t i = 0; i + lower.n <= s.n; i++)
        if (sl_str_starts_nocase(sl_str_from(s, i), lower))
            return true;
    return false;
}

enum outcome outcome_of_response(int status, struct sl_str code, struct sl_str type, struct sl_str message)
{
    message = sl_str_head(message, MESSAGE_LOOK_BYTES);
    for (size_t i = 0; i < sizeof answer_rows / sizeof answer_rows[0]; i++) {
        const struct answer_row *r = &answer_rows[i];
        if (status < r->from || status > r->to)
            continue;
        if (r->part == PART_NAME && !sl_str_eq(code, r->text) && !sl_str_eq(type, r->text))
            continue;
        if (r->part == PART_TEXT && !holds_nocase(message, r->text))
            continue;
        return r->means;
    }
    return OUT_MALFORMED;
}

/* ---- how long it asks to wait ---- */

static int64_t capped(uint64_t n, int64_t unit_ns)
{
    return n > (uint64_t)(OUTCOME_WAIT_CAP_NS / unit_ns) ? OUTCOME_WAIT_CAP_NS : (int64_t)n * unit_ns;
}

/* "12", "0.5": a count of units. False: something else (a sign, an exponent, a word, nothing). */
static bool parse_decimal(struct sl_str s, int64_t unit_ns, int64_t *out_ns)
{
    uint64_t whole = 0;
    int64_t fraction_ns = 0, place_ns = unit_ns;
    size_t i = 0;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
        if (whole < UINT64_MAX / 16)
            whole = whole * 10 + (uint64_t)(s.p[i] - '0');
    if (i == 0)
        return false;
    if (i < s.n && s.p[i] == '.') {
        for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
            place_ns /= 10;
            fraction_ns += place_ns * (s.p[i] - '0');
        }
    }
    if (i != s.n)
        return false;
    int64_t ns = capped(whole, unit_ns);
    *out_ns = ns == OUTCOME_WAIT_CAP_NS ? ns : ns + fraction_ns;
    return true;
}

int64_t outcome_retry_after_ns(const struct http_headers *h, int64_t wall_ns)
{
    int64_t ns, at;
    if (parse_decimal(http_headers_get(h, HN_RETRY_AFTER_MS), SL_MS, &ns))
        return ns;
    struct sl_str s = http_headers_get(h, HN_RETRY_AFTER);
    if (parse_decimal(s, SL_SEC, &ns))
        return ns;
    if (s.n == 0 || !sl_http_date_parse(s, &at))
        return -1;
    if (at <= wall_ns)
        return 0;
    return at - wall_ns > OUTCOME_WAIT_CAP_NS ? OUTCOME_WAIT_CAP_NS : at - wall_ns;
}
