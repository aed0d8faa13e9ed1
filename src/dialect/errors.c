/* Bodies and headers of the gateway's own errors: see errors.h. If you add an error: a row in GATEWAY_ERRORS, nothing else. */
#include "dialect/errors.h"

#include "base/check.h"

#define MESSAGE_MAX 1024u /* bytes of a message; names of callers in it are cut by it */
#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const struct gateway_error_row rows[GE_COUNT] = {
#define X(id, status, type, code, retry, message)                                                                      \
    [GE_##id] = {status, SL_STR_INIT(type), SL_STR_INIT(code), SL_STR_INIT(message), retry},
    GATEWAY_ERRORS(X)
#undef X
};

const struct gateway_error_row *gateway_error_row(enum gateway_error e)
{
    SL_CHECK(e > GE_NONE && e < GE_COUNT);
    return &rows[e];
}

enum gateway_error gateway_error_by_code(struct sl_str code)
{
    for (int i = GE_NO_TARGET; i < GE_COUNT; i++)
        if (sl_str_eq(rows[i].code, code))
            return (enum gateway_error)i;
    return GE_UP_ERROR;
}

/* -- JSON text ----------------------------------------------------------------------------------------------------- */

static char *put(char *to, struct sl_str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

/* The bytes of one character that stands for itself, 0: it must be escaped or replaced. */
static size_t plain_bytes(struct sl_str s)
{
    unsigned char c = (unsigned char)s.p[0];
    if (c < 0x80)
        return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f ? 1 : 0;
    for (size_t n = 2; n <= 4 && n <= s.n; n++)
        if (sl_utf8_valid(sl_str_head(s, n)))
            return n;
    return 0;
}

static char *put_escape(char *to, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    switch (c) {
    case '"':
    case '\\':
        *to++ = '\\';
        *to++ = (char)c;
        return to;
    case '\n':
        return put(to, SL_STR("\\n"));
    case '\t':
        return put(to, SL_STR("\\t"));
    default:
        to = put(to, SL_STR("\\u00"));
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
        return to;
    }
}

/* Writes at most 6 bytes for each byte of s. */
static char *put_inside(char *to, struct sl_str s)
{
    while (s.n > 0) {
        size_t n = plain_bytes(s);
        unsigned char c = (unsigned char)s.p[0];
        if (n > 0)
            to = put(to, sl_str_head(s, n));
        else if (c < 0x80)
            to = put_escape(to, c);
        else
            to = put(to, SL_STR("\xef\xbf\xbd"));
        s = sl_str_from(s, n > 0 ? n : 1);
    }
    return to;
}

/* The same with two quotes. */
static char *put_json(char *to, struct sl_str s)
{
    to = put_inside(put(to, SL_STR("\"")), s);
    return put(to, SL_STR("\""));
}

struct sl_str json_quote(struct sl_arena *a, struct sl_str s)
{
    char *p = sl_arena_alloc(a, 6 * s.n + 2);
    return sl_str_of(p, (size_t)(put_json(p, s) - p));
}

/* -- Bodies -------------------------------------------------------------------------------------------------------- */

/* What a status is called by Anthropic (errors page, November 2026) and in Google's RPC codes. */
struct status_name {
    int status;
    struct sl_str anthropic, google;
};
static const struct status_name status_names[] = {
    {400, SL_STR_INIT("invalid_request_error"), SL_STR_INIT("INVALID_ARGUMENT")},
    {401, SL_STR_INIT("authentication_error"), SL_STR_INIT("UNAUTHENTICATED")},
    {402, SL_STR_INIT("billing_error"), SL_STR_INIT("FAILED_PRECONDITION")},
    {403, SL_STR_INIT("permission_error"), SL_STR_INIT("PERMISSION_DENIED")},
    {404, SL_STR_INIT("not_found_error"), SL_STR_INIT("NOT_FOUND")},
    {405, SL_STR_INIT("invalid_request_error"), SL_STR_INIT("UNIMPLEMENTED")},
    {408, SL_STR_INIT("timeout_error"), SL_STR_INIT("DEADLINE_EXCEEDED")},
    {413, SL_STR_INIT("request_too_large"), SL_STR_INIT("INVALID_ARGUMENT")},
    {415, SL_STR_INIT("invalid_request_error"), SL_STR_INIT("INVALID_ARGUMENT")},
    {429, SL_STR_INIT("rate_limit_error"), SL_STR_INIT("RESOURCE_EXHAUSTED")},
    {499, SL_STR_INIT("invalid_request_error"), SL_STR_INIT("CANCELLED")},
    {500, SL_STR_INIT("api_error"), SL_STR_INIT("INTERNAL")},
    {502, SL_STR_INIT("api_error"), SL_STR_INIT("UNAVAILABLE")},
    {503, SL_STR_INIT("overloaded_error"), SL_STR_INIT("UNAVAILABLE")},
    {504, SL_STR_INIT("timeout_error"), SL_STR_INIT("DEADLINE_EXCEEDED")},
};

static const struct status_name *status_name(int status)
{
    size_t n = sizeof status_names / sizeof status_names[0];
    for (size_t i = 0; i < n; i++)
        if (status_names[i].status == status)
            return &status_names[i];
    return status_name(status < 500 ? 400 : 500);
}

static struct sl_str message_of(const struct error_facts *f)
{
    return sl_str_head(f->message.n > 0 ? f->message : rows[f->error].message, MESSAGE_MAX);
}

static char *put_number(char *to, int64_t v)
{
    return to + sl_u64_digits(v > 0 ? (uint64_t)v : 0, to);
}

static char *put_openai(char *to, enum error_format format, const struct error_facts *f)
{
    const struct gateway_error_row *row = gateway_error_row(f->error);
    bool limit = f->error == GE_BUDGET && format == ERRORS_RESPONSES;
    to = put(to, SL_STR("{\"error\":{\"message\":"));
    to = put_json(to, message_of(f));
    to = put(to, SL_STR(",\"type\":"));
    to = put_json(to, limit ? SL_STR("usage_limit_reached") : row->type);
    to = put(to, SL_STR(",\"param\":"));
    to = f->param.n > 0 ? put_json(to, f->param) : put(to, SL_STR("null"));
    to = put(to, SL_STR(",\"code\":"));
    to = put_json(to, row->code);
    if (limit && f->resets_ns > 0)
        to = put_number(put(to, SL_STR(",\"resets_at\":")), f->resets_ns / SECOND);
    return put(to, SL_STR("}}"));
}

/* Claude Code knows by these words that it must shorten its conversation, whoever refused it (clients.md 2.1; anthropic.md 9). */
static struct sl_str words_before(const struct error_facts *f)
{
    static const struct sl_str words = SL_STR_INIT("prompt is too long: ");
    bool said = sl_str_find_str(message_of(f), sl_str_head(words, words.n - 2)) >= 0;
    return f->error == GE_UP_TOO_LONG && !said ? words : SL_STR_NONE;
}

static char *put_anthropic(char *to, const struct error_facts *f)
{
    to = put(to, SL_STR("{\"type\":\"error\",\"error\":{\"type\":"));
    to = put_json(to, f->error == GE_BUDGET ? SL_STR("billing_error") : status_name(rows[f->error].status)->anthropic);
    to = put(to, SL_STR(",\"message\":\""));
    to = put(to, words_before(f));
    to = put_inside(to, message_of(f));
    to = put(to, SL_STR("\"}"));
    if (f->id.n > 0) {
        to = put(to, SL_STR(",\"request_id\":"));
        to = put_json(to, f->id);
    }
    return put(to, SL_STR("}"));
}

static char *put_gemini(char *to, const struct error_facts *f)
{
    int status = rows[f->error].status;
    to = put(to, SL_STR("{\"error\":{\"code\":"));
    to += sl_u64_digits((uint64_t)status, to);
    to = put(to, SL_STR(",\"message\":"));
    to = put_json(to, message_of(f));
    to = put(to, SL_STR(",\"status\":"));
    to = put_json(to, status_name(status)->google);
    if (f->error == GE_BUDGET) /* the quota's name says that today nothing will come of asking again */
        to = put(to, SL_STR(",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":["
                            "{\"quotaMetric\":\"sluice/tenant_budget\",\"quotaId\":\"TenantBudgetPerDay\"}]}]"));
    return put(to, SL_STR("}}"));
}

static size_t body_room(const struct error_facts *f)
{
    const struct gateway_error_row *row = gateway_error_row(f->error);
    return 512 + 6 * (message_of(f).n + row->type.n + row->code.n + f->param.n + f->id.n + f->answer.n);
}

static char *put_body(char *to, enum error_format format, const struct error_facts *f)
{
    switch (format) {
    case ERRORS_ANTHROPIC:
        return put_anthropic(to, f);
    case ERRORS_GEMINI:
        return put_gemini(to, f);
    case ERRORS_OPENAI:
    case ERRORS_RESPONSES:
        break;
    }
    return put_openai(to, format, f);
}

struct sl_str error_body(struct sl_arena *a, enum error_format format, const struct error_facts *f)
{
    char *p = sl_arena_alloc(a, body_room(f));
    return sl_str_of(p, (size_t)(put_body(p, format, f) - p));
}

int error_status(enum error_format format, const struct error_facts *f)
{
    int status = gateway_error_row(f->error)->status;
    if (f->error == GE_BUDGET && format == ERRORS_OPENAI)
        return 402;
    return format == ERRORS_ANTHROPIC && status == 503 ? 529 : status;
}

/* A whole response that failed: what Responses clients wait for at the end of a stream. */
static char *put_failed_response(char *to, const struct error_facts *f)
{
    to = put(to, SL_STR("event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":0,"
                        "\"response\":{\"id\":\""));
    to = put(to, f->answer.n > 0 ? f->answer : SL_STR("resp_")); /* OpenAI's SDK wants the id that it knows */
    to = put(to, f->answer.n > 0 ? SL_STR_NONE : f->id);         /* digits and letters */
    to = put(to, SL_STR("\",\"object\":\"response\",\"status\":\"failed\",\"output\":[],\"error\":{\"code\":"));
    to = put_json(to, f->code.n > 0 ? f->code : gateway_error_row(f->error)->code);
    to = put(to, SL_STR(",\"message\":"));
    to = put_json(to, message_of(f));
    return put(to, SL_STR("}}}"));
}

struct sl_str error_event(struct sl_arena *a, enum error_format format, const struct error_facts *f)
{
    char *p = sl_arena_alloc(a, body_room(f) + 256), *to = p;
    if (f->in_array) {
        to = put(to, SL_STR(",\r\n"));
        to = put(put_body(to, format, f), SL_STR("]"));
        return sl_str_of(p, (size_t)(to - p));
    }
    if (format == ERRORS_RESPONSES) {
        to = put_failed_response(to, f);
    } else {
        to = put(to, format == ERRORS_ANTHROPIC ? SL_STR("event: error\ndata: ") : SL_STR("data: "));
        to = put_body(to, format, f);
    }
    to = put(to, SL_STR("\n\n"));
    return sl_str_of(p, (size_t)(to - p));
}

/* -- Headers ------------------------------------------------------------------------------------------------------- */

static struct sl_str digits(struct sl_arena *a, int64_t v)
{
    char *p = sl_arena_alloc(a, 20);
    return sl_str_of(p, sl_u64_digits((uint64_t)v, p));
}

void error_headers(struct sl_arena *a, const struct error_facts *f, struct http_headers *to)
{
    const struct gateway_error_row *row = gateway_error_row(f->error);
    http_headers_add_id(to, a, HN_CONTENT_TYPE, SL_STR("application/json"));
    enum error_retry retry = f->retry != RETRY_UNSAID ? f->retry : row->retry;
    if (retry != RETRY_UNSAID)
        http_headers_add_id(to, a, HN_X_SHOULD_RETRY, retry == RETRY_YES ? SL_STR("true") : SL_STR("false"));
    if (f->retry_after_ns > 0) {
        int64_t seconds = f->retry_after_ns / SECOND + (f->retry_after_ns % SECOND != 0);
        int64_t ms = f->retry_after_ns / MS + (f->retry_after_ns % MS != 0);
        http_headers_add_id(to, a, HN_RETRY_AFTER, digits(a, seconds));
        http_headers_add_id(to, a, HN_RETRY_AFTER_MS, digits(a, ms));
    }
    if (f->error == GE_METHOD_NOT_ALLOWED && f->allow.n > 0)
        http_headers_add(to, a, SL_STR("allow"), f->allow);
    if (row->status == 401)
        http_headers_add_id(to, a, HN_WWW_AUTHENTICATE, SL_STR("Bearer"));
}
