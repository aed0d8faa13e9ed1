/* A chat request as a neutral one: the members at the top. Source: openai.md 6.2 (November 2026); members of other vendors from
 * openai-compatible.md 3 and 7-22. What is not in the table goes to `unknown`. */
#include "dialect/openai_chat/chat_read.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/list.h"
#include "dialect/openai_chat/chat_codec.h"

/* -- Refusals -------------------------------------------------------------------------------------------------------- */

static bool refuse_at(struct chat_read *r, enum gateway_error e, const char *what, struct sl_str path)
{
    *r->refusal = (struct request_refusal){
        .error = {.error = e,
                  .param = path,
                  .message = sl_arena_printf(r->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(path), what)}};
    return false;
}

bool chat_refuse(struct chat_read *r, enum gateway_error e, const char *what, const char *where, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, where);
    int n = vsnprintf(text, sizeof text, where, ap);
    va_end(ap);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    return refuse_at(r, e, what, sl_arena_str(r->a, sl_str_of(text, length)));
}

bool chat_refuse_here(struct chat_read *r, enum gateway_error e, const char *what, const char *tail)
{
    if (r->call >= 0)
        return chat_refuse(r, e, what, "messages[%u].tool_calls[%d]%s", r->message, r->call, tail);
    if (r->part >= 0)
        return chat_refuse(r, e, what, "messages[%u].content[%d]%s", r->message, r->part, tail);
    return chat_refuse(r, e, what, "messages[%u]%s", r->message, tail);
}

/* -- Members --------------------------------------------------------------------------------------------------------- */

static const struct json_node *top(struct chat_read *r, const char *name)
{
    return json_got(r->t, r->root, sl_str_c(name));
}

static bool read_model(struct chat_read *r, const struct json_node *v)
{
    r->req->model = json_plain_of(r->t, v, r->a);
    return json_kind_of(v) == JSON_STRING || chat_refuse(r, GE_MEMBER_TYPE, "must be a string", "model");
}

static bool read_stream(struct chat_read *r, const struct json_node *v)
{
    r->req->stream = json_kind_of(v) == JSON_TRUE;
    return chat_said(v) != SAID_NOTHING || chat_refuse(r, GE_MEMBER_TYPE, "must be true or false", "stream");
}

static bool read_stream_options(struct chat_read *r, const struct json_node *v)
{
    r->req->include_usage = chat_said(json_get(r->t, v, SL_STR("include_usage")));
    return json_kind_of(v) == JSON_OBJECT || chat_refuse(r, GE_MEMBER_TYPE, "must be an object", "stream_options");
}

static bool read_max(struct chat_read *r, const struct json_node *v)
{
    const char *name = json_key_is(r->t, v, SL_STR("max_tokens")) ? "max_tokens" : "max_completion_tokens";
    uint64_t max = 0;
    if (!json_u64_of(r->t, v, &max) || max == 0)
        return chat_refuse(r, GE_MEMBER_VALUE, "must be a whole number of at least 1", "%s", name);
    if (name[4] == 'c' || top(r, "max_completion_tokens") == NULL)
        r->req->max_output = max;
    return true;
}

static bool read_n(struct chat_read *r, const struct json_node *v)
{
    uint64_t n = 0;
    if (!json_u64_of(r->t, v, &n) || n == 0 || n > 128)
        return chat_refuse(r, GE_MEMBER_VALUE, "must be a whole number from 1 to 128", "n");
    r->req->n = (uint32_t)n;
    return true;
}

static bool read_stop(struct chat_read *r, const struct json_node *v)
{
    bool list = json_kind_of(v) == JSON_ARRAY;
    if (!list && json_kind_of(v) != JSON_STRING)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a string or a list of strings", "stop");
    if (list && v->children > NEUTRAL_STOPS_MAX)
        return chat_refuse(r, GE_MEMBER_TOO_MANY, "has too many strings", "stop");
    struct sl_str *stops = sl_arena_alloc(r->a, (list ? v->children + 1 : 1) * sizeof *stops);
    uint32_t n = 0;
    if (!list)
        stops[n++] = json_inside_of(r->t, v);
    for (JSON_EACH(r->t, list ? v : NULL, it)) {
        if (json_kind_of(it) != JSON_STRING)
            return chat_refuse(r, GE_MEMBER_TYPE, "must be a string", "stop[%u]", n);
        stops[n++] = json_inside_of(r->t, it);
    }
    r->req->stops = stops;
    r->req->n_stops = n;
    return true;
}

/* true or false; a number of candidates at Together. */
static bool read_logprobs(struct chat_read *r, const struct json_node *v)
{
    uint64_t n = 0;
    r->req->logprobs = chat_said(v);
    if (json_u64_of(r->t, v, &n) && n <= 20) {
        r->req->logprobs = n > 0 ? SAID_YES : SAID_NO;
        r->req->top_logprobs = (uint32_t)n;
    }
    return r->req->logprobs != SAID_NOTHING || chat_refuse(r, GE_MEMBER_TYPE, "must be true or false", "logprobs");
}

static bool read_top_logprobs(struct chat_read *r, const struct json_node *v)
{
    uint64_t n = 0;
    if (!json_u64_of(r->t, v, &n) || n > 20)
        return chat_refuse(r, GE_MEMBER_VALUE, "must be a whole number from 0 to 20", "top_logprobs");
    r->req->top_logprobs = (uint32_t)n;
    return true;
}

static bool read_modalities(struct chat_read *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_ARRAY)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a list", "modalities");
    r->req->modalities = json_raw_of(r->t, v);
    for (JSON_EACH(r->t, v, it)) {
        r->req->wants_audio |= json_text_is(r->t, it, SL_STR("audio"));
        r->req->wants_image |= json_text_is(r->t, it, SL_STR("image"));
    }
    return true;
}

static bool read_user(struct chat_read *r, const struct json_node *v)
{
    bool old = json_key_is(r->t, v, SL_STR("user"));
    if (json_kind_of(v) != JSON_STRING)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a string", old ? "user" : "safety_identifier");
    if (!old || top(r, "safety_identifier") == NULL)
        r->req->user = json_inside_of(r->t, v);
    return true;
}

static bool read_parallel(struct chat_read *r, const struct json_node *v)
{
    r->req->choice.parallel = chat_said(v);
    return r->req->choice.parallel != SAID_NOTHING ||
           chat_refuse(r, GE_MEMBER_TYPE, "must be true or false", "parallel_tool_calls");
}

static bool read_later(struct chat_read *r, const struct json_node *v)
{
    (void)r;
    (void)v; /* read with its siblings, when all are known */
    return true;
}

enum how {
    AS_NUMBER, /* the sl_str at `offset` */
    AS_TEXT,
    AS_OBJECT,
    AS_ARRAY,
    AS_BOOL, /* the enum said at `offset` */
    AS_CALL,
    AS_NOTHING /* the gateway's own, or without a meaning here */
};

struct row {
    struct sl_str name;
    enum how how;
    bool extension; /* not OpenAI's: of another type it is left to `unknown` */
    size_t offset;
    bool (*read)(struct chat_read *r, const struct json_node *v);
};

#define FIELD(name, how, member)                                                                                       \
    {                                                                                                                  \
        SL_STR_INIT(name), how, false, offsetof(struct neutral_request, member), NULL                                  \
    }
#define EXTENSION(name, how, member)                                                                                   \
    {                                                                                                                  \
        SL_STR_INIT(name), how, true, offsetof(struct neutral_request, member), NULL                                   \
    }
#define CALL(name, read)                                                                                               \
    {                                                                                                                  \
        SL_STR_INIT(name), AS_CALL, false, 0, read                                                                     \
    }
#define OURS(name)                                                                                                     \
    {                                                                                                                  \
        SL_STR_INIT(name), AS_NOTHING, false, 0, NULL                                                                  \
    }

static const struct row rows[] = {
    CALL("model", read_model),
    CALL("messages", chat_read_messages),
    CALL("stream", read_stream),
    CALL("stream_options", read_stream_options),
    CALL("max_tokens", read_max),
    CALL("max_completion_tokens", read_max),
    CALL("n", read_n),
    CALL("stop", read_stop),
    CALL("tools", chat_read_tools),
    CALL("functions", chat_read_functions),
    CALL("tool_choice", chat_read_tool_choice),
    CALL("function_call", chat_read_function_call),
    CALL("parallel_tool_calls", read_parallel),
    CALL("response_format", chat_read_format),
    CALL("reasoning_effort", chat_read_effort),
    CALL("logprobs", read_logprobs),
    CALL("top_logprobs", read_top_logprobs),
    CALL("modalities", read_modalities),
    CALL("user", read_user),
    CALL("safety_identifier", read_user),
    CALL("web_search_options", read_later),
    CALL("reasoning", read_later),
    CALL("thinking", read_later),
    CALL("enable_thinking", read_later),
    CALL("thinking_budget", read_later),
    CALL("thinking_config", read_later),
    CALL("include_reasoning", read_later),
    CALL("extra_body", read_later),
    CALL("google", read_later),
    FIELD("temperature", AS_NUMBER, temperature),
    FIELD("top_p", AS_NUMBER, top_p),
    EXTENSION("top_k", AS_NUMBER, top_k),
    FIELD("seed", AS_NUMBER, seed),
    FIELD("presence_penalty", AS_NUMBER, presence_penalty),
    FIELD("frequency_penalty", AS_NUMBER, frequency_penalty),
    FIELD("logit_bias", AS_OBJECT, logit_bias),
    FIELD("verbosity", AS_TEXT, verbosity),
    FIELD("audio", AS_OBJECT, audio),
    FIELD("store", AS_BOOL, store),
    FIELD("metadata", AS_OBJECT, metadata),
    FIELD("service_tier", AS_TEXT, service_tier),
    FIELD("prompt_cache_key", AS_TEXT, prompt_cache_key),
    EXTENSION("safety_settings", AS_ARRAY, safety_settings),
    OURS("task"),
    OURS("fallback"),
    OURS("models"),
    OURS("route"),
};

static const struct row *row_of(struct chat_read *r, const struct json_node *v)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (json_key_is(r->t, v, rows[i].name))
            return &rows[i];
    return NULL;
}

static void keep_unknown(struct chat_read *r, const struct json_node *v)
{
    struct neutral_member *m = SL_ARENA_NEW(r->a, struct neutral_member);
    m->name = json_key_of(r->t, v);
    m->raw = json_raw_of(r->t, v);
    SL_APPEND(r->req->unknown, r->last_unknown, m);
}

static void set_text(struct chat_read *r, const struct row *row, struct sl_str v)
{
    memcpy((char *)r->req + row->offset, &v, sizeof v);
}

static bool read_field(struct chat_read *r, const struct row *row, const struct json_node *v)
{
    static const struct {
        enum json_kind kind;
        const char *what;
    } wants[] = {
        [AS_NUMBER] = {JSON_NUMBER, "must be a number"},  [AS_TEXT] = {JSON_STRING, "must be a string"},
        [AS_OBJECT] = {JSON_OBJECT, "must be an object"}, [AS_ARRAY] = {JSON_ARRAY, "must be a list"},
        [AS_BOOL] = {JSON_TRUE, "must be true or false"},
    };
    enum said said = chat_said(v);
    if (row->how == AS_BOOL && said != SAID_NOTHING) {
        memcpy((char *)r->req + row->offset, &said, sizeof said);
        return true;
    }
    if (json_kind_of(v) == wants[row->how].kind) {
        set_text(r, row, row->how == AS_TEXT ? json_inside_of(r->t, v) : json_raw_of(r->t, v));
        return true;
    }
    if (!row->extension)
        return chat_refuse(r, GE_MEMBER_TYPE, wants[row->how].what, SL_STR_FMT, SL_STR_ARG(row->name));
    keep_unknown(r, v);
    return true;
}

static bool read_member(struct chat_read *r, const struct json_node *v)
{
    const struct row *row = row_of(r, v);
    if (json_kind_of(v) == JSON_NULL)
        return true;
    if (row == NULL) {
        keep_unknown(r, v);
        return true;
    }
    if (row->how == AS_NOTHING)
        return true;
    return row->how == AS_CALL ? row->read(r, v) : read_field(r, row, v);
}

static bool read_all(struct chat_read *r)
{
    for (JSON_EACH(r->t, r->root, it))
        if (!read_member(r, it))
            return false;
    if (top(r, "model") == NULL)
        return chat_refuse(r, GE_MEMBER_MISSING, "is missing: name the model to use", "model");
    if (r->req->messages == NULL)
        return chat_refuse(r, GE_MEMBER_MISSING, "is missing: there must be at least one message", "messages");
    chat_read_thinking(r);
    chat_read_search(r, top(r, "web_search_options"));
    return true;
}

bool chat_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                       struct request_refusal *out_refusal)
{
    struct json_tree tree;
    (void)op;
    *out = (struct neutral_request){.from = &openai_chat_dialect, .n = 1, .reasoning = {.budget = -1}};
    *out_refusal = (struct request_refusal){.error = {.error = GE_NONE}};
    if (!json_tree_read(&tree, body, a)) {
        out_refusal->error.error = tree.status == JSON_TOO_DEEP ? GE_BODY_TOO_DEEP : GE_BODY_INVALID;
        out_refusal->at = tree.bad_at;
        return false;
    }
    if (json_kind_of(json_root(&tree)) != JSON_OBJECT) {
        out_refusal->error.error = GE_BODY_NOT_OBJECT;
        return false;
    }
    struct chat_read *r = SL_ARENA_NEW(a, struct chat_read);
    *r = (struct chat_read){.t = &tree, .root = json_root(&tree), .a = a, .req = out, .refusal = out_refusal};
    r->part = r->call = -1;
    return read_all(r);
}
