/* Tools, toolConfig and schemas, as strictly as Google reads them: gemini.md 3.4, 3.5, 4.1 (November 2026). */
#include "sim/gemini.h"

#define DECLARATIONS_MAX 512u
#define NAME_MAX_BYTES 128u
#define SCHEMA_STACK 64u
#define SCHEMA_NODES_MAX 100000u

/* ---- schemas ---- */

struct node {
    yyjson_val *schema;
    const char *path;
};

struct walk {
    struct sim_call *c;
    struct node stack[SCHEMA_STACK];
    unsigned n, seen;
};

static bool is_type(yyjson_val *schema, const char *name)
{
    return sl_str_eq_nocase(sim_str(gemini_get(schema, "type")), sl_str_c(name));
}

static bool push(struct walk *w, yyjson_val *schema, const char *path)
{
    if (schema == NULL)
        return true;
    if (w->n == SCHEMA_STACK || w->seen > SCHEMA_NODES_MAX)
        return sim_say_no(w->c, "Request contains an invalid argument.");
    w->stack[w->n++] = (struct node){.schema = schema, .path = path};
    return true;
}

static bool check_required(struct walk *w, const struct node *at)
{
    yyjson_val *required = gemini_get(at->schema, "required"), *properties = gemini_get(at->schema, "properties"),
               *name;
    size_t i, max;
    yyjson_arr_foreach(required, i, max, name)
    {
        if (i < 64 && yyjson_obj_getn(properties, yyjson_get_str(name), yyjson_get_len(name)) == NULL)
            return sim_say_no(w->c, "* %s.required[%llu]: property is not defined\n", at->path, (unsigned long long)i);
    }
    return true;
}

static bool check_node(struct walk *w, const struct node *at)
{
    static const char *const types[] = {"STRING", "NUMBER", "INTEGER", "BOOLEAN",
                                        "ARRAY",  "OBJECT", "NULL",    "TYPE_UNSPECIFIED"};
    yyjson_val *type = gemini_get(at->schema, "type"), *format = gemini_get(at->schema, "format");
    bool known = sim_str(type).n == 0, string = is_type(at->schema, "STRING");
    for (size_t i = 0; i < 8; i++)
        known |= is_type(at->schema, types[i]);
    if (!known)
        return sim_say_no(
            w->c,
            "Invalid value at '%s.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"" SL_STR_FMT
            "\"",
            at->path, SL_STR_ARG(sl_str_head(sim_str(type), 100)));
    if (is_type(at->schema, "ARRAY") && gemini_get(at->schema, "items") == NULL)
        return sim_say_no(w->c, "* %s.items: missing field.\n", at->path);
    if (gemini_get(at->schema, "enum") != NULL && type != NULL && !string && w->c->carrier == CARRIER_OWN)
        return sim_say_no(w->c, "* %s.enum: only allowed for STRING type\n", at->path);
    if (string && format != NULL && !yyjson_equals_str(format, "enum") && !yyjson_equals_str(format, "date-time") &&
        w->c->carrier == CARRIER_OWN)
        return sim_say_no(w->c, "* %s.format: only 'enum' and 'date-time' are supported for STRING type\n", at->path);
    return check_required(w, at);
}

static bool check_schema(struct sim_call *c, yyjson_val *schema, const char *path)
{
    struct walk w = {.c = c};
    size_t i, max;
    yyjson_val *key, *v;
    if (!push(&w, schema, path))
        return false;
    while (w.n > 0) {
        struct node at = w.stack[--w.n];
        w.seen++;
        if (!check_node(&w, &at))
            return false;
        if (!push(&w, gemini_get(at.schema, "items"), sl_arena_printf(c->s->arena, "%.900s.items", at.path).p))
            return false;
        yyjson_obj_foreach(sim_members(gemini_get(at.schema, "properties")), i, max, key, v)
        {
            const char *inner =
                sl_arena_printf(c->s->arena, "%.900s.properties[%.100s]", at.path, yyjson_get_str(key)).p;
            if (!push(&w, v, inner))
                return false;
        }
        yyjson_arr_foreach(gemini_get(at.schema, "anyOf"), i, max, v)
        {
            const char *inner = sl_arena_printf(c->s->arena, "%.900s.any_of[%llu]", at.path, (unsigned long long)i).p;
            if (!push(&w, v, inner))
                return false;
        }
    }
    return true;
}

/* ---- declarations ---- */

static bool is_name(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = sl_lower(s.p[i]);
        bool letter = (ch >= 'a' && ch <= 'z') || ch == '_';
        bool more = (ch >= '0' && ch <= '9') || ch == '.' || ch == ':' || ch == '-';
        if (!letter && (i == 0 || !more))
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

static bool read_declaration(struct gemini_reader *r, yyjson_val *d, size_t tool, size_t i)
{
    struct sl_str name = sim_str(gemini_get(d, "name"));
    yyjson_val *schema = gemini_get(d, "parameters"), *json = gemini_get(d, "parametersJsonSchema");
    const char *path = sl_arena_printf(r->c->s->arena, "GenerateContentRequest.tools[%llu].function_declarations[%llu]",
                                       (unsigned long long)tool, (unsigned long long)i)
                           .p;
    if (!is_name(name))
        return sim_say_no(
            r->c,
            "* %s.name: [" SL_STR_FMT "] Invalid function name. Must start with a letter or an underscore. Must "
            "be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a "
            "maximum length of 128.\n",
            path, SL_STR_ARG(sl_str_head(name, 200)));
    if (schema != NULL && json != NULL)
        return sim_say_no(r->c, "* %s: only one of parameters and parameters_json_schema can be set.\n", path);
    if (sim_ask_find(r->a, name) != NULL)
        return sim_say_no(r->c, "Duplicate function declaration found: " SL_STR_FMT, SL_STR_ARG(name));
    if (schema != NULL && !check_schema(r->c, schema, sl_arena_printf(r->c->s->arena, "%s.parameters", path).p))
        return false;
    sim_ask_offer(r->a, name, schema != NULL ? schema : json, false);
    return true;
}

static bool read_tool(struct gemini_reader *r, yyjson_val *tool, size_t index)
{
    yyjson_val *declarations = gemini_get(tool, "functionDeclarations"), *d, *key, *v;
    size_t i, max;
    yyjson_obj_foreach(sim_members(tool), i, max, key, v)
    {
        r->built_in |= v != declarations && !yyjson_is_null(v);
    }
    if (yyjson_is_obj(declarations)) {
        r->functions = true;
        return read_declaration(r, declarations, index, 0);
    }
    yyjson_arr_foreach(declarations, i, max, d)
    {
        r->functions = true;
        if (!read_declaration(r, d, index, i))
            return false;
    }
    if (r->a->n_offers > DECLARATIONS_MAX)
        return sim_say_no(r->c, "The number of function declarations must not exceed 512.");
    return true;
}

static bool check_mix(struct gemini_reader *r, yyjson_val *root)
{
    yyjson_val *tools = gemini_get(root, "tools"), *config = gemini_get(root, "toolConfig");
    bool includes = yyjson_get_bool(gemini_get(config, "includeServerSideToolInvocations"));
    if (yyjson_arr_size(tools) > 0 && (r->flags & GEMINI_TOOLS) == 0 && r->functions)
        return sim_say_no(r->c, "Function calling is not enabled for models/" SL_STR_FMT, SL_STR_ARG(r->c->model));
    if (!r->functions || !r->built_in)
        return true;
    if ((r->flags & GEMINI_MIXES) == 0)
        return sim_say_no(r->c, "Tool use with function calling is unsupported by the model.");
    if (!includes && r->c->carrier == CARRIER_OWN)
        return sim_say_no(r->c,
                          "Please enable tool_config.include_server_side_tool_invocations to use Built-in tools with "
                          "Function calling.");
    return true;
}

/* ---- toolConfig ---- */

static bool read_allowed(struct gemini_reader *r, yyjson_val *allowed, bool may)
{
    size_t i, max;
    yyjson_val *name;
    if (yyjson_arr_size(allowed) == 0)
        return true;
    if (!may)
        return sim_say_no(r->c, "Allowed function names should only be set when function calling mode is ANY.");
    yyjson_arr_foreach(allowed, i, max, name)
    {
        if (sim_ask_find(r->a, sim_str(name)) == NULL)
            return sim_say_no(r->c, "Function name \"" SL_STR_FMT "\" in allowed_function_names is not declared.",
                              SL_STR_ARG(sl_str_head(sim_str(name), 200)));
    }
    return true;
}

static bool read_calling(struct gemini_reader *r, yyjson_val *root)
{
    yyjson_val *calling = gemini_get(gemini_get(root, "toolConfig"), "functionCallingConfig");
    yyjson_val *allowed = gemini_get(calling, "allowedFunctionNames");
    struct sl_str mode = sim_str(gemini_get(calling, "mode"));
    bool any = sl_str_eq_nocase(mode, SL_STR("ANY")), validated = sl_str_eq_nocase(mode, SL_STR("VALIDATED"));
    if (calling == NULL || yyjson_obj_size(calling) == 0)
        return true;
    if (mode.n > 0 && !any && !validated && !sl_str_eq_nocase(mode, SL_STR("AUTO")) &&
        !sl_str_eq_nocase(mode, SL_STR("NONE")) && !sl_str_eq_nocase(mode, SL_STR("MODE_UNSPECIFIED")))
        return sim_say_no(
            r->c,
            "Invalid value at 'tool_config.function_calling_config.mode' "
            "(type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode), \"" SL_STR_FMT "\"",
            SL_STR_ARG(sl_str_head(mode, 100)));
    if (!r->functions)
        return sim_say_no(r->c, "Function calling config is set without function_declarations.");
    if (!read_allowed(r, allowed, any || validated))
        return false;
    r->a->choice = any ? CHOICE_ANY : sl_str_eq_nocase(mode, SL_STR("NONE")) ? CHOICE_NONE : CHOICE_AUTO;
    if (any && yyjson_arr_size(allowed) == 1) {
        r->a->choice = CHOICE_NAMED;
        r->a->chosen = sim_str(yyjson_arr_get_first(allowed));
    }
    return true;
}

bool gemini_read_tools(struct gemini_reader *r, yyjson_val *root)
{
    yyjson_val *tools = gemini_get(root, "tools"), *tool, *config = gemini_get(root, "generationConfig");
    size_t i, max;
    if (yyjson_is_obj(tools) && !read_tool(r, tools, 0))
        return false;
    yyjson_arr_foreach(tools, i, max, tool)
    {
        if (!read_tool(r, tool, i))
            return false;
    }
    yyjson_val *schema = gemini_get(config, "responseSchema");
    return check_mix(r, root) && read_calling(r, root) &&
           (schema == NULL || check_schema(r->c, schema, "GenerateContentRequest.generation_config.response_schema"));
}
