/* Tools, tool_choice and schemas, as strictly as Anthropic reads them: anthropic.md 2.6, 2.7, 2.9 (November 2026). */
#include "sim/anthropic.h"

#define NAME_MAX_BYTES 128u /* what the live validator quotes */
#define STRICT_MAX 20u
#define SCHEMA_NODES_MAX 100000u
#define SCHEMA_STACK 64u

static bool is_name(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = sl_lower(s.p[i]);
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'))
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

/* ---- schemas of structured output and strict tools ---- */

/* Keywords that the grammar compiler does not take, with the type they belong to. */
static const struct {
    const char *keyword, *type;
} unsupported[] = {
    {"minimum", "integer"},   {"maximum", "integer"},  {"exclusiveMinimum", "integer"}, {"exclusiveMaximum", "integer"},
    {"multipleOf", "number"}, {"minLength", "string"}, {"maxLength", "string"},         {"maxItems", "array"},
    {"uniqueItems", "array"}, {"oneOf", "object"},     {"patternProperties", "object"}, {"if", "object"},
    {"not", "object"},
};

static bool check_node(struct claude_reader *r, yyjson_val *s, const char *path)
{
    bool object = yyjson_equals_str(yyjson_obj_get(s, "type"), "object") || yyjson_obj_get(s, "properties") != NULL;
    yyjson_val *least = yyjson_obj_get(s, "minItems");
    if (object && !yyjson_is_false(yyjson_obj_get(s, "additionalProperties")))
        return claude_no(r, "%s: For 'object' type, 'additionalProperties' must be explicitly set to false", path);
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (yyjson_obj_get(s, unsupported[i].keyword) != NULL)
            return claude_no(r, "%s: For '%s' type, property '%s' is not supported", path, unsupported[i].type,
                             unsupported[i].keyword);
    }
    if (yyjson_get_uint(least) > 1)
        return claude_no(r, "%s: For 'array' type, 'minItems' values other than 0 or 1 are not supported", path);
    return true;
}

struct walk {
    yyjson_val *stack[SCHEMA_STACK];
    unsigned n;
};

static bool push(struct walk *w, yyjson_val *v)
{
    if (!yyjson_is_obj(v))
        return true;
    if (w->n == SCHEMA_STACK)
        return false;
    w->stack[w->n++] = v;
    return true;
}

/* The schemas inside of one; false: too many to keep. */
static bool push_inner(struct walk *w, yyjson_val *s)
{
    static const char *const maps[] = {"properties", "$defs", "definitions"}, *const lists[] = {"anyOf", "allOf"};
    size_t i, max;
    yyjson_val *key, *v;
    bool fits = push(w, yyjson_obj_get(s, "items"));
    for (size_t k = 0; k < 3; k++) {
        yyjson_obj_foreach(sim_members(yyjson_obj_get(s, maps[k])), i, max, key, v)
        {
            fits = fits && push(w, v);
        }
    }
    for (size_t k = 0; k < 2; k++) {
        yyjson_arr_foreach(yyjson_obj_get(s, lists[k]), i, max, v)
        {
            fits = fits && push(w, v);
        }
    }
    return fits;
}

bool claude_tool_schema(struct claude_reader *r, yyjson_val *schema, const char *path)
{
    struct walk w = {.n = 0};
    unsigned seen = 0;
    push(&w, schema);
    while (w.n > 0) {
        yyjson_val *s = w.stack[--w.n];
        if (!check_node(r, s, path))
            return false;
        if (++seen > SCHEMA_NODES_MAX || !push_inner(&w, s))
            return claude_no(r,
                             "Schema is too complex for compilation. Try reducing the number of tools or simplifying "
                             "tool schemas.");
    }
    return true;
}

/* ---- tools ---- */

static bool check_input_schema(struct claude_reader *r, yyjson_val *schema, const char *path)
{
    static const char *const tops[] = {"oneOf", "allOf", "anyOf"};
    yyjson_val *type = yyjson_obj_get(schema, "type");
    if (!sim_is_there(schema))
        return claude_no(r, "%s.input_schema: Field required", path);
    if (!yyjson_is_obj(schema))
        return claude_no(r, "%s.input_schema: Input should be a valid dictionary", path);
    if (!sim_is_there(type))
        return claude_no(r, "%s.input_schema.type: Field required", path);
    if (!yyjson_equals_str(type, "object"))
        return claude_no(r, "%s.input_schema.type: Input should be 'object'", path);
    for (size_t i = 0; i < 3; i++) {
        if (yyjson_obj_get(schema, tops[i]) != NULL)
            return claude_no(
                r, "%s.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level", path);
    }
    return true;
}

static bool read_custom(struct claude_reader *r, yyjson_val *tool, const char *path, unsigned *strict)
{
    static const char *const members[] = {"type",
                                          "name",
                                          "description",
                                          "input_schema",
                                          "strict",
                                          "cache_control",
                                          "defer_loading",
                                          "eager_input_streaming",
                                          "input_examples",
                                          "allowed_callers",
                                          NULL};
    struct sl_str name = sim_str(yyjson_obj_get(tool, "name"));
    yyjson_val *schema = yyjson_obj_get(tool, "input_schema"), *description = yyjson_obj_get(tool, "description");
    if (!claude_only(r, tool, members, path))
        return false;
    if (name.p == NULL)
        return claude_no(r, "%s.name: Field required", path);
    if (!is_name(name))
        return claude_no(r, "%s.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'", path);
    if (sim_is_there(description) && !yyjson_is_str(description))
        return claude_no(r, "%s.description: Input should be a valid string", path);
    if (!check_input_schema(r, schema, path))
        return false;
    if (r->c->carrier == CARRIER_BEDROCK && yyjson_obj_get(tool, "eager_input_streaming") != NULL)
        return claude_no(r, "%s.eager_input_streaming: Extra inputs are not permitted", path);
    if (yyjson_get_bool(yyjson_obj_get(tool, "strict"))) {
        if (++*strict > STRICT_MAX)
            return claude_no(r,
                             "Too many strict tools (%u). The maximum number of strict tools supported is 20. Try "
                             "reducing the number of tools marked as strict.",
                             *strict);
        if (!claude_tool_schema(r, schema, path))
            return false;
    }
    if (sim_ask_find(r->a, name) != NULL)
        return claude_no(r, "tools: Tool names must be unique.");
    sim_ask_offer(r->a, name, schema, false);
    return true;
}

/* Tools of Anthropic's own, by the beginning of their type (anthropic.md 2.6). */
static bool is_typed(struct sl_str type)
{
    static const struct sl_str begins[] = {
        SL_STR_INIT("bash_"),      SL_STR_INIT("text_editor_"),     SL_STR_INIT("memory_"),
        SL_STR_INIT("computer_"),  SL_STR_INIT("browser_toolset_"), SL_STR_INIT("web_search_"),
        SL_STR_INIT("web_fetch_"), SL_STR_INIT("code_execution_"),  SL_STR_INIT("tool_search_tool_"),
        SL_STR_INIT("advisor_"),   SL_STR_INIT("mcp_toolset")};
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        if (sl_str_starts(type, begins[i]))
            return true;
    }
    return false;
}

static bool read_tool(struct claude_reader *r, yyjson_val *tool, size_t i, unsigned *strict)
{
    yyjson_val *type = yyjson_obj_get(tool, "type");
    bool marked = false, hour = false, custom = !sim_is_there(type) || yyjson_equals_str(type, "custom");
    const char *path = sl_arena_printf(r->c->s->arena, "tools.%llu.custom", (unsigned long long)i).p;
    if (!yyjson_is_obj(tool))
        return claude_no(r, "tools.%llu: Input should be a valid dictionary", (unsigned long long)i);
    if (!custom && !is_typed(sim_str(type)))
        return claude_no(
            r, "tools.%llu: Input tag '" SL_STR_FMT "' found using 'type' does not match any of the expected tags",
            (unsigned long long)i, SL_STR_ARG(sl_str_head(sim_str(type), 100)));
    if (custom && !read_custom(r, tool, path, strict))
        return false;
    if (!claude_cache_control(r, tool, path, &marked, &hour))
        return false;
    claude_block(r, tool, marked, hour);
    return true;
}

static bool read_choice(struct claude_reader *r, yyjson_val *choice, size_t n_tools)
{
    static const char *const members[] = {"type", "disable_parallel_tool_use", NULL},
                             *const named_members[] = {"type", "name", "disable_parallel_tool_use", NULL},
                             *const none_members[] = {"type", NULL};
    struct sl_str type = sim_str(yyjson_obj_get(choice, "type")), name = sim_str(yyjson_obj_get(choice, "name"));
    bool any = sl_str_eq(type, SL_STR("any")), tool = sl_str_eq(type, SL_STR("tool")),
         none = sl_str_eq(type, SL_STR("none"));
    if (!sim_is_there(choice))
        return true;
    if (!any && !tool && !none && !sl_str_eq(type, SL_STR("auto")))
        return claude_no(r,
                         "tool_choice: Input tag '" SL_STR_FMT
                         "' found using 'type' does not match any of the expected "
                         "tags: 'auto', 'any', 'tool', 'none'",
                         SL_STR_ARG(sl_str_head(type, 100)));
    if (!claude_only(r, choice, tool ? named_members : none ? none_members : members, "tool_choice"))
        return false;
    if (n_tools == 0 && !none)
        return claude_no(r, "tool_choice may only be specified while providing tools.");
    if ((any || tool) && (r->model->flags & CLAUDE_FORCED) == 0)
        return claude_no(r, "tool_choice: type \"tool\" and \"any\" are not supported for this model.");
    if ((any || tool) && r->manual)
        return claude_no(r, "Thinking may not be enabled when tool_choice forces tool use.");
    if (tool && name.n == 0)
        return claude_no(r, "tool_choice.tool.name: Field required");
    if (tool && sim_ask_find(r->a, name) == NULL)
        return claude_no(r, "tool_choice: Tool '" SL_STR_FMT "' not found in provided tools",
                         SL_STR_ARG(sl_str_head(name, 200)));
    r->a->choice = any ? CHOICE_ANY : tool ? CHOICE_NAMED : none ? CHOICE_NONE : CHOICE_AUTO;
    r->a->chosen = name;
    r->a->single = yyjson_get_bool(yyjson_obj_get(choice, "disable_parallel_tool_use"));
    return true;
}

bool claude_read_tools(struct claude_reader *r, yyjson_val *tools, yyjson_val *choice)
{
    size_t i, max;
    yyjson_val *tool;
    unsigned strict = 0;
    if (sim_is_there(tools) && !yyjson_is_arr(tools))
        return claude_no(r, "tools: Input should be a valid list");
    yyjson_arr_foreach(tools, i, max, tool)
    {
        if (!read_tool(r, tool, i, &strict))
            return false;
    }
    return read_choice(r, choice, yyjson_arr_size(tools));
}
