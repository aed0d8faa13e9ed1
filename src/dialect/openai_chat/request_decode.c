/* Reads the facts of a request without making a tree of it. What is checked here is what the gateway decides by; everything
 * else is the provider's to judge, in its own words. */
#include "dialect/openai_chat/openai_chat.h"

#include "base/check.h"

static const struct json_watch watches[RM_COUNT] = {
#define X(id, name, parent) [RM_##id] = {SL_STR_INIT(name), parent},
    REQUEST_MEMBERS(X)
#undef X
};
_Static_assert(RM_COUNT <= JSON_WATCH_MAX, "one scan finds them all");

/* One body being read. */
struct reading {
    struct sl_str body;
    struct sl_arena *a;
    struct request_facts *f;
    struct request_refusal *refusal;
};

static bool refuse_scan(struct reading *r, enum json_status status, const struct json_info *info);
static bool refuse_member(struct reading *r, enum gateway_error e, enum request_member m, const char *what);
static bool read_model(struct reading *r);
static bool read_hints(struct reading *r);
static bool read_models_list(struct reading *r);
static bool read_name(struct reading *r, enum request_member m, size_t max, struct sl_str *out);
static void read_options(struct reading *r);

bool openai_request_decode(enum operation op, struct sl_str body, struct sl_arena *a, struct request_facts *out_facts,
                           struct request_refusal *out_refusal)
{
    struct request_facts *f = out_facts;
    memset(f, 0, offsetof(struct request_facts, at)); /* json_scan sets the rest */
    memset(out_refusal, 0, sizeof *out_refusal);
    f->op = op;
    f->body_bytes = body.n;
    struct reading r = {.body = body, .a = a, .f = f, .refusal = out_refusal};
    if (body.n == 0) {
        out_refusal->error.error = GE_BODY_MISSING;
        return false;
    }
    struct json_info info;
    enum json_status status = json_scan(body, watches, RM_COUNT, f->at, &info);
    f->starts = info.starts;
    if (status != JSON_OK)
        return refuse_scan(&r, status, &info);
    if (info.root != JSON_OBJECT) {
        out_refusal->error.error = GE_BODY_NOT_OBJECT;
        return false;
    }
    if (!read_model(&r) || !read_hints(&r))
        return false;
    if (f->at[RM_STREAM].kind > JSON_TRUE) /* we act on it: what we see and what the provider sees must be one thing */
        return refuse_member(&r, GE_MEMBER_TYPE, RM_STREAM, "must be true or false");
    read_options(&r);
    return true;
}

/* -- Refusals ------------------------------------------------------------------------------------------------------ */

static bool refuse_scan(struct reading *r, enum json_status status, const struct json_info *info)
{
    struct error_facts *e = &r->refusal->error;
    struct sl_str member = info->member >= 0 ? watches[info->member].name : SL_STR_NONE;
    r->refusal->at = info->at;
    e->param = member;
    switch (status) {
    case JSON_REPEATED:
        e->error = GE_MEMBER_REPEATED;
        e->message = sl_arena_printf(r->a, "The member '" SL_STR_FMT "' occurs twice.", SL_STR_ARG(member));
        return false;
    case JSON_TOO_DEEP:
        e->error = GE_BODY_TOO_DEEP;
        e->message =
            sl_arena_printf(r->a, "The body is nested more than %u deep, at byte %zu.", JSON_DEPTH_MAX, info->at);
        return false;
    case JSON_BAD_UTF8:
        e->error = GE_BODY_UTF8;
        break;
    default:
        e->error = GE_BODY_INVALID;
    }
    const char *in = member.n > 0 ? " in '" : "", *quote = member.n > 0 ? "'" : "";
    e->message = sl_arena_printf(r->a, "The body is not valid JSON: %s, at byte %zu%s" SL_STR_FMT "%s.",
                                 json_status_text(status), info->at, in, SL_STR_ARG(member), quote);
    return false;
}

static bool refuse_member(struct reading *r, enum gateway_error e, enum request_member m, const char *what)
{
    struct sl_str name = watches[m].name;
    r->refusal->error = (struct error_facts){.error = e, .param = name};
    r->refusal->error.message = sl_arena_printf(r->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(name), what);
    r->refusal->at = r->f->at[m].from;
    return false;
}

/* -- Members --------------------------------------------------------------------------------------------------------- */

static bool has_control(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    return false;
}

enum name_flaw {
    NAME_FINE = 0,
    NAME_EMPTY,
    NAME_LONG,
    NAME_BYTES
};

/* A name the caller chose: unescaped, bounded, printable. Escaping makes six bytes of one at most. */
static enum name_flaw take_name(struct sl_str doc, const struct json_member *m, struct sl_arena *a, size_t max,
                                struct sl_str *out)
{
    if (m->to - m->from - 2 > 6 * max)
        return NAME_LONG;
    struct sl_str s;
    if (!json_text(doc, m, a, &s) || has_control(s))
        return NAME_BYTES;
    if (s.n == 0)
        return NAME_EMPTY;
    if (s.n > max)
        return NAME_LONG;
    *out = s;
    return NAME_FINE;
}

static bool read_name(struct reading *r, enum request_member m, size_t max, struct sl_str *out)
{
    const struct json_member *at = &r->f->at[m];
    if (at->kind != JSON_STRING)
        return refuse_member(r, GE_MEMBER_TYPE, m, "must be a string");
    switch (take_name(r->body, at, r->a, max, out)) {
    case NAME_FINE:
        return true;
    case NAME_EMPTY:
        return refuse_member(r, GE_MEMBER_VALUE, m, "must not be empty");
    case NAME_LONG:
        return refuse_member(r, GE_MEMBER_TOO_LONG, m, "is too long");
    case NAME_BYTES:
        break;
    }
    return refuse_member(r, GE_MEMBER_VALUE, m, "must be text without control characters");
}

static bool read_model(struct reading *r)
{
    if (r->f->at[RM_MODEL].kind == JSON_ABSENT)
        return refuse_member(r, GE_MEMBER_MISSING, RM_MODEL, "is missing: name the model to use");
    return read_name(r, RM_MODEL, MODEL_NAME_MAX, &r->f->model);
}

static bool read_hints(struct reading *r)
{
    struct request_facts *f = r->f;
    if (json_is_said(&f->at[RM_TASK]) && !read_name(r, RM_TASK, HINT_TEXT_MAX, &f->hints.task))
        return false;
    if (json_is_said(&f->at[RM_ROUTE]) && !read_name(r, RM_ROUTE, HINT_TEXT_MAX, &f->hints.route))
        return false;
    if (json_is_said(&f->at[RM_FALLBACK])) {
        enum json_kind k = f->at[RM_FALLBACK].kind;
        if (k != JSON_TRUE && k != JSON_FALSE)
            return refuse_member(r, GE_MEMBER_TYPE, RM_FALLBACK, "must be true or false");
        f->hints.fallback = k == JSON_TRUE ? SAID_YES : SAID_NO;
    }
    return !json_is_said(&f->at[RM_MODELS]) || read_models_list(r);
}

static bool read_models_list(struct reading *r)
{
    const struct json_member *m = &r->f->at[RM_MODELS];
    if (m->kind != JSON_ARRAY)
        return refuse_member(r, GE_MEMBER_TYPE, RM_MODELS, "must be a list of names");
    if (m->children > MODELS_LIST_MAX)
        return refuse_member(r, GE_MEMBER_TOO_MANY, RM_MODELS, "has too many names");
    if (m->children == 0)
        return true;
    struct sl_str *names = sl_arena_alloc(r->a, m->children * sizeof *names);
    struct sl_str array = json_raw(r->body, m);
    struct json_member e;
    uint32_t n = 0;
    for (size_t at = 0; n < m->children && json_next_element(array, &at, &e); n++) {
        if (e.kind != JSON_STRING)
            return refuse_member(r, GE_MEMBER_TYPE, RM_MODELS, "must be a list of names");
        if (take_name(array, &e, r->a, MODEL_NAME_MAX, &names[n]) != NAME_FINE)
            return refuse_member(r, GE_MEMBER_VALUE, RM_MODELS, "has a name that cannot be a model's");
    }
    r->f->hints.models = names;
    r->f->hints.n_models = n;
    return true;
}

static uint64_t count_of(const struct reading *r, enum request_member m)
{
    uint64_t v = 0;
    const struct json_member *at = &r->f->at[m];
    if (at->kind != JSON_NUMBER || !json_count(json_raw(r->body, at), &v))
        return 0;
    return v;
}

/* Members that are only looked at: a value that makes no sense is left to the provider. */
static void read_options(struct reading *r)
{
    static const enum request_member payload[] = {RM_MESSAGES, RM_PROMPT,    RM_INPUT,
                                                  RM_TOOLS,    RM_FUNCTIONS, RM_RESPONSE_FORMAT};
    struct request_facts *f = r->f;
    const struct json_member *at = f->at;
    f->stream = operation_row(f->op)->streams && at[RM_STREAM].kind == JSON_TRUE;
    if (at[RM_INCLUDE_USAGE].kind == JSON_TRUE || at[RM_INCLUDE_USAGE].kind == JSON_FALSE)
        f->include_usage = at[RM_INCLUDE_USAGE].kind == JSON_TRUE ? SAID_YES : SAID_NO;
    f->max_output = count_of(r, RM_MAX_COMPLETION_TOKENS);
    if (f->max_output == 0)
        f->max_output = count_of(r, RM_MAX_TOKENS);
    uint64_t n = count_of(r, RM_N);
    f->n = n == 0 ? 1 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    f->has_tools = (at[RM_TOOLS].kind == JSON_ARRAY && at[RM_TOOLS].children > 0) ||
                   (at[RM_FUNCTIONS].kind == JSON_ARRAY && at[RM_FUNCTIONS].children > 0);
    f->json_output = at[RM_RESPONSE_FORMAT].kind == JSON_OBJECT;
    f->modalities = at[RM_AUDIO].kind == JSON_OBJECT ? MODALITY_AUDIO_OUT : 0;
    f->messages = at[RM_MESSAGES].kind == JSON_ARRAY ? at[RM_MESSAGES].children : 0;
    for (size_t i = 0; i < sizeof payload / sizeof payload[0]; i++)
        f->payload_bytes += at[payload[i]].to - at[payload[i]].from;
}
