/* Reads a Messages request into the neutral form: the members at the top. Messages are in read_blocks.c, tools in read_tools.c.
 * What is Claude Code's own and means nothing elsewhere is left out here: its billing block, its placeholder tool (anthropic.md 12).
 * Source: anthropic.md section 2 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"
#include "dialect/within.h"

#include "base/list.h"
#include "dialect/effort.h"

#define BILLING_PREFIX "x-anthropic-billing-header:"

typedef bool member_reader(struct anthropic_reading *r, const struct json_node *v);

static bool read_top(struct anthropic_reading *r, const struct json_node *root);
static void mark_last(struct anthropic_reading *r);

bool anthropic_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                            struct request_refusal *out_refusal)
{
    struct anthropic_reading r = {.a = a, .out = out, .refusal = out_refusal};
    *out_refusal = (struct request_refusal){.at = 0};
    *out = (struct neutral_request){.from = &anthropic_dialect,
                                    .kind = op == OP_MESSAGES_COUNT ? NO_COUNT_TOKENS : NO_GENERATE,
                                    .model = out->model,
                                    .stream = out->stream,
                                    .include_usage = SAID_YES,
                                    .n = 1,
                                    .reasoning = {.budget = -1}};
    if (!json_tree_read(&r.t, body, a)) {
        out_refusal->error.error = GE_BODY_INVALID;
        out_refusal->at = r.t.bad_at;
        return false;
    }
    const struct json_node *root = json_root(&r.t);
    if (json_kind_of(root) != JSON_OBJECT) {
        out_refusal->error.error = GE_BODY_NOT_OBJECT;
        return false;
    }
    return read_top(&r, root);
}

/* -- Refusals and small things --------------------------------------------------------------------------------------- */

bool anthropic_refuse_member(struct anthropic_reading *r, enum gateway_error e, const char *path, const char *what)
{
    r->refusal->error = (struct error_facts){.error = e, .param = sl_arena_str(r->a, sl_str_c(path))};
    r->refusal->error.message = sl_arena_printf(r->a, "'%s' %s.", path, what);
    return false;
}

bool anthropic_refuse(struct anthropic_reading *r, enum gateway_error e, const struct anthropic_place *at,
                      const char *member, const char *what)
{
    const char *dot = member[0] != 0 ? "." : "";
    struct sl_str path;
    if (at->message < 0 && at->block < 0)
        path = sl_arena_printf(r->a, "%s%s%s", at->list, dot, member);
    else if (at->message < 0)
        path = sl_arena_printf(r->a, "%s[%d]%s%s", at->list, at->block, dot, member);
    else if (at->block < 0)
        path = sl_arena_printf(r->a, "%s[%d]%s%s", at->list, at->message, dot, member);
    else if (at->inner < 0)
        path = sl_arena_printf(r->a, "%s[%d].content[%d]%s%s", at->list, at->message, at->block, dot, member);
    else
        path = sl_arena_printf(r->a, "%s[%d].content[%d].content[%d]%s%s", at->list, at->message, at->block, at->inner,
                               dot, member);
    return anthropic_refuse_member(r, e, path.p, what);
}

struct sl_str anthropic_inside(struct anthropic_reading *r, const struct json_node *of, const char *name)
{
    return json_get_inside(&r->t, of, sl_str_c(name));
}

struct neutral_part *anthropic_add_part(struct anthropic_reading *r, struct anthropic_parts *to,
                                        enum neutral_part_kind kind)
{
    struct neutral_part *p = SL_ARENA_NEW(r->a, struct neutral_part);
    p->kind = kind;
    SL_APPEND(to->first, to->last, p);
    return p;
}

void anthropic_add_message(struct anthropic_reading *r, enum neutral_role role, uint32_t index,
                           const struct anthropic_parts *parts)
{
    struct neutral_message *m = SL_ARENA_NEW(r->a, struct neutral_message);
    m->role = role;
    m->index = index;
    m->parts = parts->first;
    SL_APPEND(r->out->messages, r->last, m);
}

enum neutral_cache anthropic_cache_of(const struct json_tree *t, const struct json_node *block)
{
    const struct json_node *mark = json_got(t, block, SL_STR("cache_control"));
    if (json_kind_of(mark) != JSON_OBJECT)
        return NC_NONE;
    return json_text_is(t, json_get(t, mark, SL_STR("ttl")), SL_STR("1h")) ? NC_1H : NC_5M;
}

void anthropic_add_unknown(struct anthropic_reading *r, struct sl_str name, const struct json_node *v, bool harmful)
{
    struct neutral_member *m = SL_ARENA_NEW(r->a, struct neutral_member);
    m->name = name;
    m->raw = json_raw_of(&r->t, v);
    m->harmful = harmful;
    SL_APPEND(r->out->unknown, r->last_unknown, m);
}

/* -- Messages and system prompt ----------------------------------------------------------------------------------------- */

static bool is_billing(struct sl_str text)
{
    return sl_str_starts(text, SL_STR(BILLING_PREFIX));
}

static bool read_system(struct anthropic_reading *r, const struct json_node *v)
{
    const struct anthropic_place at = {"system", -1, -1, -1};
    struct anthropic_parts none = {NULL, NULL}, parts = {NULL, NULL};
    if (!anthropic_read_content(r, v, &at, NR_SYSTEM, &none, &parts))
        return false;
    if (parts.first != NULL && parts.first->kind == NP_TEXT && is_billing(parts.first->text))
        parts.first = parts.first->next;
    if (parts.first == NULL)
        return true;
    anthropic_add_message(r, NR_SYSTEM, NEUTRAL_APART, &parts);
    r->last_system = r->last;
    return true;
}

static void read_turn_effort(struct anthropic_reading *r, const struct json_node *message)
{
    const struct json_node *config = json_got(&r->t, message, SL_STR("output_config"));
    enum neutral_effort e = effort_of(json_get_inside(&r->t, config, SL_STR("effort")));
    if (e != EFFORT_UNSAID)
        r->turn_effort = e;
}

static bool read_message(struct anthropic_reading *r, const struct json_node *v, int index)
{
    static const struct {
        struct sl_str word;
        enum neutral_role role;
    } roles[] = {
        {SL_STR_INIT("user"), NR_USER}, {SL_STR_INIT("assistant"), NR_ASSISTANT}, {SL_STR_INIT("system"), NR_SYSTEM}};
    const struct anthropic_place at = {"messages", index, -1, -1};
    if (json_kind_of(v) != JSON_OBJECT)
        return anthropic_refuse(r, GE_MEMBER_TYPE, &at, "", "must be an object");
    const struct json_node *role = json_get(&r->t, v, SL_STR("role"));
    size_t i = 0;
    while (i < 3 && !json_text_is(&r->t, role, roles[i].word))
        i++;
    if (i == 3)
        return anthropic_refuse(r, role == NULL ? GE_MEMBER_MISSING : GE_MEMBER_VALUE, &at, "role",
                                "must be 'user', 'assistant' or 'system'");
    const struct json_node *content = json_got(&r->t, v, SL_STR("content"));
    if (roles[i].role == NR_SYSTEM)
        read_turn_effort(r, v);
    if (content == NULL && roles[i].role == NR_SYSTEM)
        return true; /* settings only */
    if (content == NULL)
        return anthropic_refuse(r, GE_MEMBER_MISSING, &at, "content", "is missing");
    struct anthropic_parts results = {NULL, NULL}, rest = {NULL, NULL};
    if (!anthropic_read_content(r, content, &at, roles[i].role, &results, &rest))
        return false;
    if (roles[i].role != NR_ASSISTANT)
        within_read(r->out, r->a, &r->t, v, "role content output_config", "messages[%d]", index);
    if (results.first != NULL)
        anthropic_add_message(r, NR_TOOL, (uint32_t)index, &results);
    if (rest.first != NULL)
        anthropic_add_message(r, roles[i].role, (uint32_t)index, &rest);
    return true;
}

static bool read_messages(struct anthropic_reading *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_ARRAY)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "messages", "must be a list");
    int index = 0;
    for (JSON_EACH(&r->t, v, it))
        if (!read_message(r, it, index++))
            return false;
    return true;
}

/* -- Numbers and texts --------------------------------------------------------------------------------------------------- */

static bool read_model(struct anthropic_reading *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_STRING)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "model", "must be a string");
    r->out->model = json_plain_of(&r->t, v, r->a);
    return true;
}

static bool read_stream(struct anthropic_reading *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_TRUE && json_kind_of(v) != JSON_FALSE)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "stream", "must be true or false");
    r->out->stream = json_kind_of(v) == JSON_TRUE;
    return true;
}

static bool read_max_tokens(struct anthropic_reading *r, const struct json_node *v)
{
    if (!json_u64_of(&r->t, v, &r->out->max_output) || r->out->max_output == 0)
        return anthropic_refuse_member(r, json_kind_of(v) == JSON_NUMBER ? GE_MEMBER_VALUE : GE_MEMBER_TYPE,
                                       "max_tokens", "must be a whole number of at least 1");
    r->saw_max_tokens = true;
    return true;
}

static bool read_number(struct anthropic_reading *r, const struct json_node *v, const char *name, struct sl_str *out)
{
    if (json_kind_of(v) != JSON_NUMBER)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, name, "must be a number");
    *out = json_raw_of(&r->t, v);
    return true;
}

static bool read_temperature(struct anthropic_reading *r, const struct json_node *v)
{
    return read_number(r, v, "temperature", &r->out->temperature);
}

static bool read_top_p(struct anthropic_reading *r, const struct json_node *v)
{
    return read_number(r, v, "top_p", &r->out->top_p);
}

static bool read_top_k(struct anthropic_reading *r, const struct json_node *v)
{
    return read_number(r, v, "top_k", &r->out->top_k);
}

static bool read_stops(struct anthropic_reading *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_ARRAY)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "stop_sequences", "must be a list of strings");
    if (v->children > NEUTRAL_STOPS_MAX)
        return anthropic_refuse_member(r, GE_MEMBER_TOO_MANY, "stop_sequences", "has too many entries");
    struct sl_str *stops = sl_arena_alloc(r->a, (v->children + 1) * sizeof *stops);
    uint32_t n = 0;
    for (JSON_EACH(&r->t, v, it)) {
        if (json_kind_of(it) != JSON_STRING)
            return anthropic_refuse_member(r, GE_MEMBER_TYPE, "stop_sequences", "must be a list of strings");
        stops[n++] = json_inside_of(&r->t, it);
    }
    r->out->stops = stops;
    r->out->n_stops = n;
    return true;
}

static bool read_tier(struct anthropic_reading *r, const struct json_node *v)
{
    r->out->service_tier = json_inside_of(&r->t, v);
    return true;
}

static bool read_metadata(struct anthropic_reading *r, const struct json_node *v)
{
    r->out->user = json_get_inside(&r->t, v, SL_STR("user_id"));
    for (JSON_EACH(&r->t, v, it))
        if (!json_key_is(&r->t, it, SL_STR("user_id")))
            anthropic_add_unknown(r, sl_arena_printf(r->a, "metadata." SL_STR_FMT, SL_STR_ARG(json_key_of(&r->t, it))),
                                  it, false);
    return true;
}

/* -- Thinking and form of output ------------------------------------------------------------------------------------------ */

static enum said read_display(struct anthropic_reading *r, const struct json_node *v)
{
    const struct json_node *display = json_got(&r->t, v, SL_STR("display"));
    if (display == NULL)
        return SAID_NOTHING;
    return json_text_is(&r->t, display, SL_STR("omitted")) ? SAID_NO : SAID_YES;
}

static bool read_thinking(struct anthropic_reading *r, const struct json_node *v)
{
    struct neutral_reasoning *think = &r->out->reasoning;
    const struct json_node *type = json_get(&r->t, v, SL_STR("type"));
    uint64_t budget = 0;
    if (json_kind_of(v) != JSON_OBJECT)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "thinking", "must be an object");
    think->visible = read_display(r, v);
    within_read(r->out, r->a, &r->t, v, "type budget_tokens display", "thinking");
    if (json_text_is(&r->t, type, SL_STR("enabled"))) {
        if (!json_u64_of(&r->t, json_get(&r->t, v, SL_STR("budget_tokens")), &budget) || budget == 0 ||
            budget > INT32_MAX)
            return anthropic_refuse_member(r, GE_MEMBER_VALUE, "thinking.budget_tokens",
                                           "must be a whole number of at least 1024");
        think->budget = (int64_t)budget;
        if (think->visible == SAID_NOTHING)
            think->visible = SAID_YES;
    } else if (json_text_is(&r->t, type, SL_STR("adaptive"))) {
        think->budget = -2;
    } else if (json_text_is(&r->t, type, SL_STR("disabled")) || json_text_is(&r->t, type, SL_STR("between_tools"))) {
        think->budget = 0;
        think->visible = SAID_NO;
    } else if (type != NULL) {
        return anthropic_refuse_member(r, GE_MEMBER_VALUE, "thinking.type",
                                       "must be 'enabled', 'adaptive', 'between_tools' or 'disabled'");
    }
    return true;
}

static bool read_format(struct anthropic_reading *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_OBJECT)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "output_config.format", "must be an object");
    if (!json_text_is(&r->t, json_get(&r->t, v, SL_STR("type")), SL_STR("json_schema")))
        return anthropic_refuse_member(r, GE_MEMBER_VALUE, "output_config.format.type", "must be 'json_schema'");
    const struct json_node *schema = json_got(&r->t, v, SL_STR("schema"));
    if (json_kind_of(schema) != JSON_OBJECT)
        return anthropic_refuse_member(r, schema == NULL ? GE_MEMBER_MISSING : GE_MEMBER_TYPE,
                                       "output_config.format.schema", "must be an object");
    r->out->format = NF_JSON_SCHEMA;
    r->out->schema = json_raw_of(&r->t, schema);
    return true;
}

static bool read_output_config(struct anthropic_reading *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_OBJECT)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "output_config", "must be an object");
    for (JSON_EACH(&r->t, v, it)) {
        if (json_kind_of(it) == JSON_NULL)
            continue;
        if (json_key_is(&r->t, it, SL_STR("effort")))
            r->out->reasoning.effort = effort_of(json_inside_of(&r->t, it));
        else if (!json_key_is(&r->t, it, SL_STR("format")))
            anthropic_add_unknown(r,
                                  sl_arena_printf(r->a, "output_config." SL_STR_FMT,
                                                  SL_STR_ARG(sl_str_head(json_key_of(&r->t, it), 128))),
                                  it, false);
        else if (!read_format(r, it))
            return false;
    }
    return true;
}

static bool read_tools(struct anthropic_reading *r, const struct json_node *v)
{
    return anthropic_read_tools(r, v);
}

static bool read_tool_choice(struct anthropic_reading *r, const struct json_node *v)
{
    return anthropic_read_tool_choice(r, v);
}

/* -- What others cannot do ------------------------------------------------------------------------------------------------ */

static bool ignore(struct anthropic_reading *r, const struct json_node *v)
{
    (void)r, (void)v;
    return true;
}

/* Claude Code always asks to keep all thinking, which is what happens elsewhere (anthropic.md 12). */
static bool read_context_management(struct anthropic_reading *r, const struct json_node *v)
{
    bool other = false;
    for (JSON_EACH(&r->t, json_get(&r->t, v, SL_STR("edits")), it))
        other = other || !json_text_is(&r->t, json_get(&r->t, it, SL_STR("type")), SL_STR("clear_thinking_20251015"));
    anthropic_add_unknown(r, SL_STR("context_management"), v, other);
    return true;
}

static bool read_speed(struct anthropic_reading *r, const struct json_node *v)
{
    if (!json_text_is(&r->t, v, SL_STR("standard")))
        anthropic_add_unknown(r, SL_STR("speed"), v, true);
    return true;
}

static bool read_geo(struct anthropic_reading *r, const struct json_node *v)
{
    if (!json_text_is(&r->t, v, SL_STR("global")))
        anthropic_add_unknown(r, SL_STR("inference_geo"), v, true);
    return true;
}

static const struct {
    struct sl_str name;
    member_reader *read; /* NULL: nobody else has it, and leaving it out changes what is answered */
} members[] = {
    {SL_STR_INIT("model"), read_model},
    {SL_STR_INIT("messages"), read_messages},
    {SL_STR_INIT("system"), ignore}, /* read before the others */
    {SL_STR_INIT("max_tokens"), read_max_tokens},
    {SL_STR_INIT("stream"), read_stream},
    {SL_STR_INIT("tools"), read_tools},
    {SL_STR_INIT("tool_choice"), read_tool_choice},
    {SL_STR_INIT("thinking"), read_thinking},
    {SL_STR_INIT("output_config"), read_output_config},
    {SL_STR_INIT("output_format"), read_format},
    {SL_STR_INIT("metadata"), read_metadata},
    {SL_STR_INIT("stop_sequences"), read_stops},
    {SL_STR_INIT("temperature"), read_temperature},
    {SL_STR_INIT("top_p"), read_top_p},
    {SL_STR_INIT("top_k"), read_top_k},
    {SL_STR_INIT("service_tier"), read_tier},
    {SL_STR_INIT("context_management"), read_context_management},
    {SL_STR_INIT("speed"), read_speed},
    {SL_STR_INIT("inference_geo"), read_geo},
    {SL_STR_INIT("cache_control"), ignore}, /* mark_last */
    {SL_STR_INIT("anthropic_version"), ignore},
    {SL_STR_INIT("anthropic_beta"), ignore},
    {SL_STR_INIT("betas"), ignore},
    {SL_STR_INIT("task"), ignore}, /* the gateway's own */
    {SL_STR_INIT("fallback"), ignore},
    {SL_STR_INIT("models"), ignore},
    {SL_STR_INIT("route"), ignore},
    {SL_STR_INIT("container"), NULL},
    {SL_STR_INIT("mcp_servers"), NULL},
    {SL_STR_INIT("fallbacks"), NULL},
    {SL_STR_INIT("thread"), NULL},
    {SL_STR_INIT("compaction"), NULL},
    {SL_STR_INIT("diagnostics"), NULL},
    {SL_STR_INIT("safeguards"), NULL},
};
#define MEMBERS (sizeof members / sizeof members[0])

static bool read_member(struct anthropic_reading *r, const struct json_node *v)
{
    if (json_kind_of(v) == JSON_NULL)
        return true;
    for (size_t i = 0; i < MEMBERS; i++) {
        if (!json_key_is(&r->t, v, members[i].name))
            continue;
        if (members[i].read != NULL)
            return members[i].read(r, v);
        anthropic_add_unknown(r, members[i].name, v, true);
        return true;
    }
    anthropic_add_unknown(r, json_key_of(&r->t, v), v, false);
    return true;
}

/* cache_control at the top: a mark on the last block that can have one. */
static void mark_last(struct anthropic_reading *r)
{
    struct neutral_part *last = NULL;
    for (struct neutral_part *p = r->last != NULL ? r->last->parts : NULL; p != NULL; p = p->next)
        if (p->kind != NP_REASONING)
            last = p;
    if (last != NULL && last->cache == NC_NONE)
        last->cache = anthropic_cache_of(&r->t, json_root(&r->t));
}

/* The system prompt first, so that a compaction further down knows what stands before the conversation. */
static bool read_top(struct anthropic_reading *r, const struct json_node *root)
{
    const struct json_node *system = json_got(&r->t, root, SL_STR("system")),
                           *list = json_got(&r->t, root, SL_STR("messages"));
    if (system != NULL && !read_system(r, system))
        return false;
    for (JSON_EACH(&r->t, root, it))
        if (it == list || !json_key_is(&r->t, it, SL_STR("messages"))) /* of two the last counts */
            if (!read_member(r, it))
                return false;
    struct neutral_request *out = r->out;
    if (out->model.n == 0)
        return anthropic_refuse_member(r, GE_MEMBER_MISSING, "model", "is missing");
    if (list == NULL)
        return anthropic_refuse_member(r, GE_MEMBER_MISSING, "messages", "is missing");
    if (out->kind == NO_GENERATE && !r->saw_max_tokens)
        return anthropic_refuse_member(r, GE_MEMBER_MISSING, "max_tokens", "is missing");
    if (out->reasoning.budget == 0)
        out->reasoning.effort = EFFORT_NONE;
    else if (r->turn_effort != EFFORT_UNSAID)
        out->reasoning.effort = r->turn_effort;
    if (out->reasoning.budget == -1)
        out->reasoning.visible = SAID_NO; /* who did not ask for thinking shall not meet it */
    mark_last(r);
    anthropic_check_choice(r);
    return true;
}
