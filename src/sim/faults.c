/* The table of faults: a row each, with its name, what it does, where it acts and by what. If you add one: a row here; a function
 * in deliver.c when no stage knows it yet; a test in tests/unit/sim.
 *
 * Error bodies as openai.md section 2 has them (November 2026); vendors.c has the other vendors' words for the same troubles. */
#include "sim/sim_int.h"

#define ERROR(id, what, s, t, c, m)                                                                                    \
    static const struct sim_error id = {                                                                               \
        .trouble = TROUBLE_##what, .status = (s), .type = (t), .code = (c), .message = (m)}
#define ERROR_WITH(id, what, wait, s, t, c, m, h, v)                                                                   \
    static const struct sim_error id = {.trouble = TROUBLE_##what,                                                     \
                                        .status = (s),                                                                 \
                                        .type = (t),                                                                   \
                                        .code = (c),                                                                   \
                                        .message = (m),                                                                \
                                        .header = (h),                                                                 \
                                        .value = (v),                                                                  \
                                        .wait_ms = (wait)}

#define QUOTA "You exceeded your current quota, please check your plan and billing details."
#define RATE "Rate limit reached for requests. Please try again later."
#define BUSY "The model is currently overloaded with other requests. Please try again later."

ERROR(e400, INVALID, 400, "invalid_request_error", "invalid_value", "Invalid value.");
ERROR(e_policy, POLICY, 400, "invalid_request_error", "content_policy_violation",
      "Your request was rejected by the safety system.");
ERROR(e403, COUNTRY, 403, "invalid_request_error", "unsupported_country_region_territory",
      "Country, region, or territory not supported.");
ERROR(e403_scope, SCOPE, 403, "permission_error", NULL, "You have insufficient permissions for this operation.");
ERROR(e408, TIMEOUT, 408, "server_error", NULL, "Request timed out.");
ERROR(e409, CONFLICT, 409, "invalid_request_error", "conflict", "The resource is being changed by another request.");
ERROR(e422, UNPROCESSABLE, 422, "invalid_request_error", NULL, "Unprocessable entity.");
ERROR_WITH(e429, RATE, 1000, 429, "rate_limit_error", "rate_limit_exceeded", RATE, "retry-after", "1");
ERROR_WITH(e429_ms, RATE, 30, 429, "rate_limit_error", "rate_limit_exceeded", RATE, "retry-after-ms", "30");
ERROR_WITH(e429_long, RATE, 86400000, 429, "rate_limit_error", "rate_limit_exceeded", RATE, "retry-after", "86400");
ERROR_WITH(e429_odd, RATE, 0, 429, "rate_limit_error", "rate_limit_exceeded", RATE, "retry-after", "-1e9 soon");
ERROR(e429_bare, RATE, 429, "rate_limit_error", "rate_limit_exceeded", RATE);
ERROR_WITH(e_slow, SLOW_DOWN, 1000, 429, "rate_limit_error", "slow_down", "Requests grew too fast. Please slow down.",
           "retry-after", "1");
ERROR(e_quota, QUOTA, 429, "insufficient_quota", "insufficient_quota", QUOTA);
ERROR(e_credit, CREDIT, 429, "insufficient_quota", "credit_balance_exhausted", QUOTA);
ERROR(e_org_spend, ORG_SPEND, 429, "insufficient_quota", "organization_spend_limit_exceeded", QUOTA);
ERROR(e_project, PROJECT_SPEND, 429, "insufficient_quota", "project_spend_limit_exceeded", QUOTA);
ERROR(e_org_usage, ORG_USAGE, 429, "insufficient_quota", "organization_usage_limit_exceeded", QUOTA);
ERROR(e_tier, TIER, 429, "rate_limit_error", "resource_unavailable", "No capacity for this service tier.");
ERROR(e500, INTERNAL, 500, "server_error", NULL,
      "The server had an error while processing your request. Sorry about that!");
ERROR(e503, BUSY, 503, "service_unavailable_error", "server_is_overloaded", BUSY);
ERROR_WITH(e503_wait, BUSY, 1000, 503, "service_unavailable_error", "server_is_overloaded", BUSY, "retry-after", "1");
ERROR(e504, GATEWAY_TIMEOUT, 504, "server_error", NULL, "The gateway timed out.");
ERROR(e529, OVERLOADED, 529, "overloaded_error", "overloaded", "Overloaded.");
static const struct sim_error e_context = {
    .trouble = TROUBLE_CONTEXT,
    .status = 400,
    .type = "invalid_request_error",
    .code = "context_length_exceeded",
    .param = "messages",
    .message =
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens."};
static const struct sim_error e_prefill = {
    .trouble = TROUBLE_SAID,
    .status = 400,
    .type = "invalid_request_error",
    .message = "This model does not support assistant message prefill. The conversation must end with a user message."};
static const struct sim_error e404 = {.trouble = TROUBLE_MODEL,
                                      .status = 404,
                                      .type = "invalid_request_error",
                                      .code = "model_not_found",
                                      .message = "The model does not exist or you do not have access to it."};
static const struct sim_error e502 = {
    .status = 502,
    .message = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad "
               "Gateway</h1></center>\r\n</body>\r\n</html>\r\n",
    .content_type = "text/html"};
static const struct sim_error e302 = {.status = 302,
                                      .message = "",
                                      .content_type = "text/plain",
                                      .header = "location",
                                      .value = "http://127.0.0.1:9/elsewhere"};

const struct sim_error sim_error_not_found = {
    .trouble = TROUBLE_PATH, .status = 404, .type = "invalid_request_error", .message = "Invalid URL"};
const struct sim_error sim_error_key = {
    .trouble = TROUBLE_KEY,
    .status = 401,
    .type = "invalid_request_error",
    .code = "invalid_api_key",
    .message = "Incorrect API key provided: sk-sim**********mask. You can find your API key in your account."};
const struct sim_error sim_error_too_large = {
    .trouble = TROUBLE_TOO_LARGE, .status = 413, .message = "Payload Too Large\n", .content_type = "text/plain"};

#define ROW(n, p, d) .row = {(n), (d)}, .preset = (p)
#define HOST(n, p, d)                                                                                                  \
    {                                                                                                                  \
        ROW(n, p, d), .stage = STAGE_HOST                                                                              \
    }
#define INSTEAD(n, f, p, d)                                                                                            \
    {                                                                                                                  \
        ROW(n, p, d), .stage = STAGE_INSTEAD, .run = (f)                                                               \
    }
#define STATUS(n, e, d)                                                                                                \
    {                                                                                                                  \
        ROW(n, 0, d), .stage = STAGE_INSTEAD, .error = &(e)                                                            \
    }
#define STREAM(n, m, p, d)                                                                                             \
    {                                                                                                                  \
        ROW(n, p, d), .stage = STAGE_STREAM, .mark = (m)                                                               \
    }
#define BYTES(n, h, p, d)                                                                                              \
    {                                                                                                                  \
        ROW(n, p, d), .stage = STAGE_BYTES, .bytes = (h)                                                               \
    }
#define SHAPE(n, m, d)                                                                                                 \
    {                                                                                                                  \
        ROW(n, 0, d), .stage = STAGE_SHAPE, .mark = (m)                                                                \
    }

static const struct sim_fault faults[] = {
    HOST("refuse", 1000, "connections are refused for ARG ms (rule only)"),
    HOST("tls-failure", 1, "the next ARG connections fail before their TLS handshake (rule only)"),
    INSTEAD("reset-before-head", sim_reset_before_head, 0, "reset before the first byte"),
    INSTEAD("reset-in-head", sim_reset_in_head, 20, "reset after ARG bytes of the head"),
    INSTEAD("close-in-head", sim_close_in_head, 20, "clean close after ARG bytes of the head"),
    BYTES("reset-mid-body", BYTES_RESET, 20, "reset after ARG bytes of the body"),
    BYTES("cut-mid-body", BYTES_CUT, 20, "clean close after ARG bytes of the body"),
    BYTES("hang-mid-body", BYTES_HANG, 20, "no byte more after ARG bytes of the body"),
    INSTEAD("hang", sim_hang, 0, "never answers"),
    {ROW("slow", 1000, "first byte after ARG ms"), .stage = STAGE_DELAY},
    BYTES("drip", BYTES_DRIP, 1, "one byte of the body each ARG ms"),
    STREAM("stall", MARK_STALL, 3, "no byte more after event ARG"),
    STREAM("cut", MARK_CUT, 3, "the body ends well after event ARG, without finish and [DONE]"),
    STREAM("close", MARK_CLOSE, 3, "the connection closes after event ARG, without the body's end"),
    STREAM("reset", MARK_RESET, 3, "reset after event ARG"),
    STREAM("garbage-chunk", MARK_GARBAGE, 3, "an event that is no JSON behind event ARG"),
    STREAM("error-event", MARK_ERROR, 3, "an error event after event ARG, then the end"),
    SHAPE("missing-end", MARK_NO_DONE, "the stream ends without [DONE]"),
    SHAPE("comments", MARK_COMMENTS, "comments, retry fields and blank lines between the events"),
    SHAPE("crlf", MARK_CRLF, "events end in CRLF"),
    SHAPE("no-usage", MARK_NO_USAGE, "usage is not told"),
    BYTES("split", BYTES_SPLIT, 0, "every byte of the body in a write of its own"),
    BYTES("gzip", BYTES_GZIP, 0, "the body is gzip, asked for or not"),
    INSTEAD("garbage-body", sim_garbage_body, 0, "200 with a body that is no JSON"),
    BYTES("length-long", BYTES_LONG, 10, "content-length is ARG bytes more than the body"),
    BYTES("length-short", BYTES_SHORT, 10, "content-length is ARG bytes less than the body"),
    INSTEAD("length-twice", sim_two_lengths, 0, "two content-lengths that differ"),
    INSTEAD("bad-head", sim_bad_head, 0, "bytes that are no HTTP"),
    INSTEAD("huge-head", sim_huge_head, 1048576, "a head of ARG bytes"),
    INSTEAD("informational", sim_informational, 100, "ARG heads of status 103 before the answer"),
    INSTEAD("flap", sim_flap, 2, "every ARG-th request is a 503"),
    INSTEAD("flap-period", sim_flap_period, 1000, "503 in every other period of ARG ms"),
    STATUS("400", e400, "400 invalid_value"),
    STATUS("context", e_context, "400 context_length_exceeded"),
    STATUS("content-policy", e_policy, "400 content_policy_violation"),
    STATUS("no-prefill", e_prefill, "400: the conversation must end with a user message"),
    STATUS("401", sim_error_key, "401 invalid_api_key"),
    STATUS("403", e403, "403 unsupported_country_region_territory"),
    STATUS("403-scope", e403_scope, "403 permission_error"),
    STATUS("404", e404, "404 model_not_found"),
    STATUS("408", e408, "408"),
    STATUS("409", e409, "409"),
    STATUS("413", sim_error_too_large, "413 as plain text"),
    STATUS("422", e422, "422"),
    STATUS("429", e429, "429 rate_limit_exceeded, retry-after 1"),
    STATUS("429-ms", e429_ms, "429 with retry-after-ms 30"),
    STATUS("429-long", e429_long, "429 with retry-after 86400"),
    INSTEAD("429-date", sim_retry_date, 1000, "429 with retry-after as a date ARG ms ahead"),
    STATUS("429-odd", e429_odd, "429 with a retry-after that means nothing"),
    STATUS("429-bare", e429_bare, "429 without retry-after"),
    STATUS("slow-down", e_slow, "429 slow_down, retry-after 1"),
    STATUS("quota", e_quota, "429 insufficient_quota"),
    STATUS("credit", e_credit, "429 credit_balance_exhausted"),
    STATUS("org-limit", e_org_spend, "429 organization_spend_limit_exceeded"),
    STATUS("project-limit", e_project, "429 project_spend_limit_exceeded"),
    STATUS("org-usage-limit", e_org_usage, "429 organization_usage_limit_exceeded"),
    STATUS("tier", e_tier, "429 resource_unavailable"),
    STATUS("500", e500, "500 server_error"),
    STATUS("502", e502, "502 as HTML"),
    STATUS("503", e503, "503 server_is_overloaded"),
    STATUS("503-wait", e503_wait, "503 with retry-after 1"),
    STATUS("504", e504, "504"),
    STATUS("529", e529, "529 overloaded"),
    STATUS("302", e302, "a redirect"),
};
#define N_FAULTS (sizeof faults / sizeof faults[0])

const struct sim_fault_row *sim_fault_at(unsigned i)
{
    return i < N_FAULTS ? &faults[i].row : NULL;
}

const struct sim_fault *sim_fault_find(struct sl_str name)
{
    for (size_t i = 0; i < N_FAULTS; i++) {
        if (sl_str_eq(sl_str_c(faults[i].row.name), name))
            return &faults[i];
    }
    return NULL;
}

/* ---- choosing ---- */

/* "NAME", "NAME=7", "NAME-7" */
static bool sim_fault_read(struct sl_str text, char sep, struct sim_active *out)
{
    struct sl_str name = sl_str_trim(text);
    const struct sim_fault *f = sim_fault_find(name);
    int64_t arg = 0;
    for (size_t i = name.n; f == NULL && i-- > 0;) { /* "429-ms" is a name, "cut-3" a name with its argument */
        if (name.p[i] != sep || !sl_str_to_i64(sl_str_trim(sl_str_from(name, i + 1)), &arg))
            continue;
        f = sim_fault_find(sl_str_trim(sl_str_head(name, i)));
        if (f == NULL)
            break;
        *out = (struct sim_active){.fault = f, .arg = arg};
        return true;
    }
    if (f == NULL)
        return false;
    *out = (struct sim_active){.fault = f, .arg = f->preset};
    return true;
}

static void read_list(struct sim_call *c, struct sl_str list)
{
    while (list.p != NULL && c->n_faults < SIM_FAULTS_MAX) {
        struct sim_active a;
        if (sim_fault_read(sl_str_cut(&list, ';'), '=', &a) && a.fault->stage != STAGE_HOST)
            c->faults[c->n_faults++] = a;
    }
}

static bool ask_chooser(struct sim_call *c)
{
    const struct sim_chooser *from = c->sim->set.chooser;
    const struct sim_asked asked = {.r = c->r, .model = c->model, .stream = c->stream, .prefill = c->prefill};
    int64_t arg = INT64_MIN;
    const char *name = from->choose(from->owner, &asked, &arg);
    const struct sim_fault *f = name != NULL ? sim_fault_find(sl_str_c(name)) : NULL;
    if (f == NULL || f->stage == STAGE_HOST)
        return false;
    c->faults[c->n_faults++] = (struct sim_active){.fault = f, .arg = arg != INT64_MIN ? arg : f->preset};
    return true;
}

void sim_faults_choose(struct sim_call *c)
{
    const struct http_header *h = http_headers_find_name(&c->r->headers, SL_STR("x-sim-fault"));
    struct sim_active a;
    if (h != NULL) {
        read_list(c, h->value);
        return;
    }
    if (sl_str_starts(c->model, SL_STR("sim-fault-"))) {
        if (sim_fault_read(sl_str_from(c->model, 10), '-', &a) && a.fault->stage != STAGE_HOST)
            c->faults[c->n_faults++] = a;
        return;
    }
    if (c->sim->set.chooser == NULL || !ask_chooser(c))
        sim_rules_apply(c);
}

/* ---- using ---- */

const struct sim_active *sim_fault_marked(const struct sim_call *c, enum sim_mark mark)
{
    for (unsigned i = 0; i < c->n_faults; i++) {
        if (c->faults[i].fault->mark == mark)
            return &c->faults[i];
    }
    return NULL;
}

int64_t sim_fault_delay_ns(const struct sim_call *c)
{
    int64_t ns = 0;
    for (unsigned i = 0; i < c->n_faults; i++) {
        const struct sim_active *a = &c->faults[i];
        if (a->fault->stage == STAGE_DELAY && a->arg > 0)
            ns += (a->arg < 86400000 ? a->arg : 86400000) * SL_MS;
    }
    return ns;
}

bool sim_fault_instead(struct sim_call *c)
{
    for (unsigned i = 0; i < c->n_faults; i++) {
        const struct sim_active *a = &c->faults[i];
        if (a->fault->stage != STAGE_INSTEAD)
            continue;
        if (a->fault->error != NULL) {
            sim_refuse(c, a->fault->error);
            return true;
        }
        if (a->fault->run(c, a->arg))
            return true;
    }
    return false;
}

bool sim_fault_bytes(struct sim_call *c, struct sl_str body, struct sl_str type)
{
    for (unsigned i = 0; i < c->n_faults; i++) {
        const struct sim_active *a = &c->faults[i];
        if (a->fault->stage == STAGE_BYTES) {
            sim_deliver(c, a, body, type);
            return true;
        }
    }
    return false;
}
