/* Tools, the choice among them, the form of the answer and how hard to think. Source: openai.md 6.2, 6.4, 6.5;
 * openai-compatible.md 7-22 for the spellings of others (November 2026). */
#include "base/list.h"
#include "dialect/effort.h"
#include "dialect/openai_chat/chat_read.h"
#include "dialect/within.h"

/* -- Tools ------------------------------------------------------------------------------------------------------------- */

static struct neutral_tool *add_tool(struct chat_read *r, enum neutral_tool_kind kind, struct sl_str raw)
{
    struct neutral_tool *tool = SL_ARENA_NEW(r->a, struct neutral_tool);
    tool->kind = kind;
    tool->raw = raw;
    tool->index = NEUTRAL_APART;
    SL_APPEND(r->req->tools, r->last_tool, tool);
    return tool;
}

/* f: where name, description, parameters stand: in `function`, or (Responses' form, which some clients send here) in the tool. */
static bool read_function_tool(struct chat_read *r, const struct json_node *v, const struct json_node *f,
                               const char *path, unsigned i)
{
    const struct json_node *schema = json_got(r->t, f, SL_STR("parameters"));
    struct neutral_tool *tool = add_tool(r, NT_FUNCTION, json_raw_of(r->t, v));
    tool->name = json_ident(chat_inside(r, f, SL_STR("name")), r->a);
    tool->description = chat_inside(r, f, SL_STR("description"));
    tool->strict = chat_said(json_get(r->t, f, SL_STR("strict")));
    tool->schema = json_raw_of(r->t, schema);
    tool->list = sl_str_c(path);
    tool->index = i;
    tool->cache = chat_cache_of(r, v);
    if (tool->cache == NC_NONE)
        tool->cache = chat_cache_of(r, f);
    if (tool->name.n == 0)
        return chat_refuse(r, GE_MEMBER_MISSING, "is missing", "%s[%u]%s.name", path, i, f != v ? ".function" : "");
    within_read(r->req, r->a, r->t, f,
                "name description parameters strict cache_control prompt_cache_breakpoint type function", "%s[%u]%s",
                path, i, f != v ? ".function" : "");
    if (f != v)
        within_read(r->req, r->a, r->t, v, "type function cache_control prompt_cache_breakpoint", "%s[%u]", path, i);
    return schema == NULL || json_kind_of(schema) == JSON_OBJECT ||
           chat_refuse(r, GE_MEMBER_TYPE, "must be an object", "%s[%u]%s.parameters", path, i,
                       f != v ? ".function" : "");
}

static bool read_custom_tool(struct chat_read *r, const struct json_node *v, unsigned i)
{
    const struct json_node *c = json_got(r->t, v, SL_STR("custom"));
    struct neutral_tool *tool = add_tool(r, NT_CUSTOM, json_raw_of(r->t, v));
    tool->index = i;
    tool->name = json_ident(chat_inside(r, c, SL_STR("name")), r->a);
    tool->description = chat_inside(r, c, SL_STR("description"));
    tool->schema = json_get_raw(r->t, c, SL_STR("format"));
    within_read(r->req, r->a, r->t, c, "name description format", "tools[%u].custom", i);
    within_read(r->req, r->a, r->t, v, "type custom", "tools[%u]", i);
    return tool->name.n > 0 || chat_refuse(r, GE_MEMBER_MISSING, "is missing", "tools[%u].custom.name", i);
}

static bool read_tool(struct chat_read *r, const struct json_node *v, unsigned i)
{
    const struct json_node *type = json_got(r->t, v, SL_STR("type")), *f = json_got(r->t, v, SL_STR("function"));
    if (json_kind_of(v) != JSON_OBJECT)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be an object", "tools[%u]", i);
    if (type == NULL && f == NULL)
        return chat_refuse(r, GE_MEMBER_MISSING, "is missing", "tools[%u].type", i);
    if (type != NULL && json_kind_of(type) != JSON_STRING)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a string", "tools[%u].type", i);
    if (type == NULL || json_text_is(r->t, type, SL_STR("function"))) {
        bool flat = f == NULL && json_got(r->t, v, SL_STR("name")) != NULL;
        return read_function_tool(r, v, flat ? v : f, "tools", i);
    }
    if (json_text_is(r->t, type, SL_STR("custom")))
        return read_custom_tool(r, v, i);
    struct sl_str word = json_inside_of(r->t, type);
    bool search = sl_str_starts(word, SL_STR("web_search"));
    struct neutral_tool *tool = add_tool(r, search ? NT_WEB_SEARCH : NT_HOSTED, json_raw_of(r->t, v));
    tool->type = word;
    tool->index = i;
    tool->name = json_ident(chat_inside(r, f != NULL ? f : v, SL_STR("name")), r->a);
    return true;
}

bool chat_read_tools(struct chat_read *r, const struct json_node *v)
{
    unsigned i = 0;
    if (json_kind_of(v) != JSON_ARRAY)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a list", "tools");
    for (JSON_EACH(r->t, v, it))
        if (!read_tool(r, it, i++))
            return false;
    return true;
}

bool chat_read_functions(struct chat_read *r, const struct json_node *v)
{
    unsigned i = 0;
    if (json_kind_of(v) != JSON_ARRAY)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a list", "functions");
    for (JSON_EACH(r->t, v, it))
        if (!read_function_tool(r, it, it, "functions", i++))
            return false;
    r->req->legacy_functions = v->children > 0;
    return true;
}

void chat_read_search(struct chat_read *r, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_OBJECT)
        return;
    struct neutral_tool *tool = add_tool(r, NT_WEB_SEARCH, json_raw_of(r->t, v));
    tool->list = tool->type = SL_STR("web_search_options");
}

/* -- The choice -------------------------------------------------------------------------------------------------------- */

static bool choose_name(struct chat_read *r, struct sl_str name, const char *path)
{
    struct sl_str *names = sl_arena_alloc(r->a, sizeof *names);
    names[0] = json_ident(name, r->a);
    r->req->choice.mode = NCH_NAMED;
    r->req->choice.names = names;
    r->req->choice.n_names = 1;
    return name.n > 0 || chat_refuse(r, GE_MEMBER_MISSING, "is missing", "%s", path);
}

/* "any" is Mistral's. */
static enum neutral_choice_mode choice_word(const struct json_tree *t, const struct json_node *v)
{
    if (json_text_is(t, v, SL_STR("auto")))
        return NCH_AUTO;
    if (json_text_is(t, v, SL_STR("none")))
        return NCH_NONE;
    return json_text_is(t, v, SL_STR("required")) || json_text_is(t, v, SL_STR("any")) ? NCH_REQUIRED : NCH_UNSAID;
}

/* {"type":"function","function":{"name":...}}; also flat. */
static struct sl_str named_in(struct chat_read *r, const struct json_node *v)
{
    static const struct sl_str kinds[] = {SL_STR_INIT("function"), SL_STR_INIT("custom")};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct sl_str name = chat_inside(r, json_get(r->t, v, kinds[i]), SL_STR("name"));
        if (name.n > 0)
            return name;
    }
    return chat_inside(r, v, SL_STR("name"));
}

static bool read_allowed(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *of = json_got(r->t, v, SL_STR("allowed_tools"));
    const struct json_node *tools = json_got(r->t, of, SL_STR("tools"));
    if (json_kind_of(tools) != JSON_ARRAY)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be a list", "tool_choice.allowed_tools.tools");
    struct sl_str *names = sl_arena_alloc(r->a, (tools->children + 1) * sizeof *names);
    uint32_t n = 0;
    for (JSON_EACH(r->t, tools, it)) {
        names[n] = json_ident(named_in(r, it), r->a);
        if (names[n].n == 0)
            return chat_refuse(r, GE_MEMBER_VALUE, "names no function", "tool_choice.allowed_tools.tools[%u]", n);
        n++;
    }
    bool required = json_text_is(r->t, json_get(r->t, of, SL_STR("mode")), SL_STR("required"));
    r->req->choice.mode = required ? NCH_ALLOWED_REQUIRED : NCH_ALLOWED_AUTO;
    r->req->choice.names = names;
    r->req->choice.n_names = n;
    return true;
}

bool chat_read_tool_choice(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *type = json_kind_of(v) == JSON_STRING ? v : json_got(r->t, v, SL_STR("type"));
    r->req->choice.mode = choice_word(r->t, type);
    if (r->req->choice.mode != NCH_UNSAID)
        return true;
    bool function = json_text_is(r->t, type, SL_STR("function")) || json_text_is(r->t, type, SL_STR("custom"));
    if (function || json_text_is(r->t, type, SL_STR("tool"))) /* "tool": Anthropic's form, which xAI takes */
        return choose_name(r, named_in(r, v), "tool_choice.function.name");
    if (json_text_is(r->t, type, SL_STR("allowed_tools")))
        return read_allowed(r, v);
    return chat_refuse(r, GE_MEMBER_VALUE, "must be 'none', 'auto', 'required' or name a function", "tool_choice");
}

bool chat_read_function_call(struct chat_read *r, const struct json_node *v)
{
    if (json_got(r->t, r->root, SL_STR("tool_choice")) != NULL)
        return true;
    r->req->choice.mode = choice_word(r->t, v);
    if (r->req->choice.mode != NCH_UNSAID)
        return true;
    return choose_name(r, chat_inside(r, v, SL_STR("name")), "function_call.name");
}

/* -- The form of the answer ---------------------------------------------------------------------------------------------- */

static bool read_schema(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *of = json_got(r->t, v, SL_STR("json_schema"));
    const struct json_node *schema = json_got(r->t, of != NULL ? of : v, SL_STR("schema"));
    if (of == NULL && json_kind_of(schema) == JSON_OBJECT)
        of = v; /* Together's form: without the frame */
    if (json_kind_of(of) != JSON_OBJECT)
        return chat_refuse(r, GE_MEMBER_MISSING, "is missing", "response_format.json_schema");
    if (schema != NULL && json_kind_of(schema) != JSON_OBJECT)
        return chat_refuse(r, GE_MEMBER_TYPE, "must be an object", "response_format.json_schema.schema");
    r->req->format = NF_JSON_SCHEMA;
    r->req->schema = schema != NULL ? json_raw_of(r->t, schema) : SL_STR("{}");
    r->req->schema_name = chat_inside(r, of, SL_STR("name"));
    r->req->schema_description = chat_inside(r, of, SL_STR("description"));
    r->req->schema_strict = chat_said(json_get(r->t, of, SL_STR("strict")));
    if (of != v)
        within_read(r->req, r->a, r->t, of, "name description schema strict", "response_format.json_schema");
    return true;
}

bool chat_read_format(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *type = json_got(r->t, v, SL_STR("type"));
    if (json_text_is(r->t, type, SL_STR("json_schema")))
        return read_schema(r, v);
    if (json_text_is(r->t, type, SL_STR("json_object"))) {
        const struct json_node *schema = json_got(r->t, v, SL_STR("schema")); /* llama.cpp, Together, Cohere */
        r->req->format = json_kind_of(schema) == JSON_OBJECT ? NF_JSON_SCHEMA : NF_JSON_OBJECT;
        r->req->schema = json_kind_of(schema) == JSON_OBJECT ? json_raw_of(r->t, schema) : SL_STR_NONE;
        return true;
    }
    r->req->format = NF_TEXT;
    return json_text_is(r->t, type, SL_STR("text")) ||
           chat_refuse(r, type == NULL ? GE_MEMBER_MISSING : GE_MEMBER_VALUE,
                       "must be 'text', 'json_object' or 'json_schema'", "response_format.type");
}

/* -- How hard to think --------------------------------------------------------------------------------------------------- */

bool chat_read_effort(struct chat_read *r, const struct json_node *v)
{
    struct neutral_reasoning *to = &r->req->reasoning;
    uint64_t budget = 0;
    if (json_u64_of(r->t, v, &budget)) { /* Fireworks */
        to->budget = budget < INT32_MAX ? (int64_t)budget : INT32_MAX;
        return true;
    }
    to->effort = chat_said(v) == SAID_NO ? EFFORT_NONE : effort_of(json_inside_of(r->t, v));
    bool fine = to->effort != EFFORT_UNSAID || chat_said(v) == SAID_YES || json_text_is(r->t, v, SL_STR("default"));
    return fine || chat_refuse(r, GE_MEMBER_VALUE, "is not a known effort", "reasoning_effort");
}

static void take_budget(struct chat_read *r, const struct json_node *v)
{
    uint64_t budget = 0;
    if (json_u64_of(r->t, v, &budget) && r->req->reasoning.budget < 0)
        r->req->reasoning.budget = budget < INT32_MAX ? (int64_t)budget : INT32_MAX;
    else if (sl_str_eq(json_raw_of(r->t, v), SL_STR("-1")))
        r->req->reasoning.budget = -2;
}

static void take_effort(struct chat_read *r, enum neutral_effort e)
{
    if (r->req->reasoning.effort == EFFORT_UNSAID)
        r->req->reasoning.effort = e;
}

/* {"effort", "max_tokens", "exclude", "enabled", "summary"}: OpenRouter, Ollama, Together. */
static void read_reasoning(struct chat_read *r, const struct json_node *v)
{
    struct neutral_reasoning *to = &r->req->reasoning;
    take_effort(r, effort_of(chat_inside(r, v, SL_STR("effort"))));
    take_budget(r, json_got(r->t, v, SL_STR("max_tokens")));
    if (chat_said(json_get(r->t, v, SL_STR("enabled"))) == SAID_NO)
        take_effort(r, EFFORT_NONE);
    enum said exclude = chat_said(json_get(r->t, v, SL_STR("exclude")));
    if (exclude != SAID_NOTHING)
        to->visible = exclude == SAID_YES ? SAID_NO : SAID_YES;
    to->summary = chat_inside(r, v, SL_STR("summary"));
}

/* {"type": "enabled" | "disabled" | "adaptive", "budget_tokens"}: Anthropic's, also DeepSeek, Moonshot, Zhipu, Fireworks. */
static void read_thinking(struct chat_read *r, const struct json_node *v)
{
    const struct json_node *type = json_got(r->t, v, SL_STR("type"));
    if (json_text_is(r->t, type, SL_STR("disabled")))
        take_effort(r, EFFORT_NONE);
    else if (json_text_is(r->t, type, SL_STR("adaptive")) && r->req->reasoning.budget < 0)
        r->req->reasoning.budget = -2;
    take_budget(r, json_got(r->t, v, SL_STR("budget_tokens")));
}

/* {"thinking_budget", "thinking_level", "include_thoughts"}: Google's compatible endpoint. */
static void read_google(struct chat_read *r, const struct json_node *google)
{
    const struct json_node *v = json_got(r->t, google, SL_STR("thinking_config"));
    const struct json_node *safety = json_got(r->t, google, SL_STR("safety_settings"));
    take_effort(r, effort_of(chat_inside(r, v, SL_STR("thinking_level"))));
    take_budget(r, json_got(r->t, v, SL_STR("thinking_budget")));
    if (r->req->reasoning.visible == SAID_NOTHING)
        r->req->reasoning.visible = chat_said(json_get(r->t, v, SL_STR("include_thoughts")));
    if (json_kind_of(safety) == JSON_ARRAY)
        r->req->safety_settings = json_raw_of(r->t, safety);
}

/* All the ways that are not reasoning_effort, which goes before them. */
void chat_read_thinking(struct chat_read *r)
{
    const struct json_node *root = r->root;
    read_reasoning(r, json_got(r->t, root, SL_STR("reasoning")));
    read_thinking(r, json_got(r->t, root, SL_STR("thinking")));
    if (chat_said(json_get(r->t, root, SL_STR("enable_thinking"))) == SAID_NO) /* Qwen */
        take_effort(r, EFFORT_NONE);
    take_budget(r, json_got(r->t, root, SL_STR("thinking_budget")));
    read_google(r, json_got(r->t, json_got(r->t, root, SL_STR("extra_body")), SL_STR("google")));
    read_google(r, json_got(r->t, root, SL_STR("google")));
    read_google(r, root);
    enum said include = chat_said(json_get(r->t, root, SL_STR("include_reasoning")));
    if (include != SAID_NOTHING)
        r->req->reasoning.visible = include;
}
