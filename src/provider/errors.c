/* What an error of a provider means, from its status and the words of its body: tables. Source: openai.md sections 2.2, 2.3 and
 * 2.5 (November 2026); codes of other vendors as seen in recorded answers. */
#include "provider/provider.h"

#include "base/clock.h"

#define DAY (24 * 60 * SL_MIN)

/* The code (or type) decides where it is known; it is more precise than the status, and some vendors put it on another one. */
struct code_row {
    struct sl_str code;
    enum provider_fault fault;
};
static const struct code_row codes[] = {
    {SL_STR_INIT("context_length_exceeded"), PF_CONTEXT_OVERFLOW},
    {SL_STR_INIT("content_policy_violation"), PF_CONTENT_FILTER},
    {SL_STR_INIT("content_filter"), PF_CONTENT_FILTER},
    {SL_STR_INIT("moderation_blocked"), PF_CONTENT_FILTER},
    {SL_STR_INIT("invalid_prompt"), PF_CONTENT_FILTER},
    {SL_STR_INIT("cyber_policy"), PF_CONTENT_FILTER},
    {SL_STR_INIT("bio_policy"), PF_CONTENT_FILTER},
    {SL_STR_INIT("model_not_found"), PF_MODEL_GONE},
    {SL_STR_INIT("insufficient_quota"), PF_QUOTA_EXHAUSTED},
    {SL_STR_INIT("credit_balance_exhausted"), PF_QUOTA_EXHAUSTED},
    {SL_STR_INIT("organization_spend_limit_exceeded"), PF_QUOTA_EXHAUSTED},
    {SL_STR_INIT("project_spend_limit_exceeded"), PF_QUOTA_EXHAUSTED},
    {SL_STR_INIT("organization_usage_limit_exceeded"), PF_QUOTA_EXHAUSTED},
    {SL_STR_INIT("billing_hard_limit_reached"), PF_QUOTA_EXHAUSTED},
    {SL_STR_INIT("rate_limit_exceeded"), PF_RATE_LIMITED},
    {SL_STR_INIT("slow_down"), PF_RATE_LIMITED},
    {SL_STR_INIT("resource_unavailable"), PF_OVERLOADED},
    {SL_STR_INIT("server_is_overloaded"), PF_OVERLOADED},
    {SL_STR_INIT("overloaded_error"), PF_OVERLOADED},
    {SL_STR_INIT("invalid_api_key"), PF_BAD_CREDENTIALS},
};

struct status_row {
    int status;
    enum provider_fault fault;
};
static const struct status_row statuses[] = {
    {401, PF_BAD_CREDENTIALS}, {402, PF_QUOTA_EXHAUSTED}, {403, PF_FORBIDDEN},    {404, PF_MODEL_GONE},
    {407, PF_FORBIDDEN},       {408, PF_SERVER_ERROR},    {409, PF_SERVER_ERROR}, {425, PF_SERVER_ERROR},
    {429, PF_RATE_LIMITED},    {503, PF_OVERLOADED},      {529, PF_OVERLOADED},
};

static enum provider_fault by_code(struct sl_str code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (sl_str_eq(codes[i].code, code))
            return codes[i].fault;
    return PF_NONE;
}

static enum provider_fault by_status(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].fault;
    if (status < 200 || status > 599)
        return PF_MALFORMED;
    if (status < 300)
        return PF_NONE;
    if (status < 400)
        return PF_REDIRECT;
    return status < 500 ? PF_CLIENT_FAULT : PF_SERVER_ERROR;
}

enum provider_fault provider_fault_of(const struct provider_answer *r)
{
    enum provider_fault plain = by_status(r->status);
    if (r->status < 400 || r->status > 599 || plain == PF_BAD_CREDENTIALS)
        return plain;
    enum provider_fault f = by_code(r->code);
    if (f == PF_NONE)
        f = by_code(r->type);
    return f != PF_NONE ? f : plain;
}

enum provider_fault provider_fault_in_stream(struct sl_str type, struct sl_str code)
{
    uint64_t status = 0;
    if (sl_str_to_u64(code, &status) && status >= 400 && status <= 599)
        return by_status((int)status);
    enum provider_fault f = by_code(code);
    if (f == PF_NONE)
        f = by_code(type);
    return f != PF_NONE ? f : PF_SERVER_ERROR;
}

const char *provider_fault_name(enum provider_fault f)
{
    static const char *const names[] = {
        [PF_NONE] = "ok",
        [PF_CLIENT_FAULT] = "client_fault",
        [PF_CONTEXT_OVERFLOW] = "context_overflow",
        [PF_CONTENT_FILTER] = "content_filter",
        [PF_MODEL_GONE] = "model_gone",
        [PF_RATE_LIMITED] = "rate_limited",
        [PF_QUOTA_EXHAUSTED] = "quota_exhausted",
        [PF_BAD_CREDENTIALS] = "bad_credentials",
        [PF_FORBIDDEN] = "forbidden",
        [PF_OVERLOADED] = "overloaded",
        [PF_SERVER_ERROR] = "server_error",
        [PF_REDIRECT] = "redirect",
        [PF_MALFORMED] = "malformed",
    };
    return names[f];
}

/* Shown is what speaks about the caller's request or about the provider's own trouble. What speaks about the account stays:
 * refused credentials, spent budgets, and rate limits, whose texts name the organization. */
bool provider_fault_shows_body(enum provider_fault f)
{
    switch (f) {
    case PF_QUOTA_EXHAUSTED:
    case PF_BAD_CREDENTIALS:
    case PF_FORBIDDEN:
    case PF_RATE_LIMITED:
    case PF_REDIRECT:
    case PF_MALFORMED:
        return false;
    default:
        return true;
    }
}

/* -- Waiting --------------------------------------------------------------------------------------------------------- */

/* "12", "1.5" units of unit_ns; capped at a day. False: not such a number. */
static bool read_decimal(struct sl_str s, int64_t unit_ns, int64_t *out_ns)
{
    struct sl_str fraction = s;
    struct sl_str whole = sl_str_cut(&fraction, '.');
    uint64_t v = 0;
    if (!sl_str_to_u64(whole, &v))
        return false;
    int64_t ns = v > (uint64_t)(DAY / unit_ns) ? DAY : (int64_t)v * unit_ns;
    for (size_t i = 0; i < fraction.n; i++) {
        if (fraction.p[i] < '0' || fraction.p[i] > '9')
            return false;
        unit_ns /= 10;
        ns += (fraction.p[i] - '0') * unit_ns;
    }
    *out_ns = ns < DAY ? ns : DAY;
    return true;
}

int64_t provider_retry_after_ns(const struct http_headers *headers, int64_t now_wall_ns)
{
    int64_t ns = 0;
    struct sl_str ms = http_headers_get(headers, HN_RETRY_AFTER_MS);
    if (ms.n > 0 && read_decimal(ms, SL_MS, &ns))
        return ns;
    struct sl_str value = http_headers_get(headers, HN_RETRY_AFTER);
    if (value.n == 0)
        return -1;
    if (read_decimal(value, SL_SEC, &ns))
        return ns;
    int64_t when = 0;
    if (!sl_http_date_parse(value, &when))
        return -1;
    int64_t wait = when - now_wall_ns;
    return wait < 0 ? 0 : wait < DAY ? wait : DAY;
}
