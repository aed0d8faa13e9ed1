/* tools and toolConfig of a request. gemini.md 3.4, 3.5; translate-gemini.md 12.1 (November 2026). */
#include "dialect/gemini/gemini_int.h"

#include "base/list.h"

static struct neutral_tool *add_tool(struct gem_reader *r, enum neutral_tool_kind kind, uint32_t entry)
{
    struct neutral_tool *tool = SL_ARENA_NEW(r->a, struct neutral_tool);
    tool->kind = kind;
    tool->index = entry;
    SL_APPEND(r->out->tools, r->last_tool, tool);
    r->tools++;
    return tool;
}

static bool read_declaration(struct gem_reader *r, const struct json_node *v, uint32_t entry, uint32_t index)
{
    const struct json_tree *t = &r->t;
    struct sl_str name = json_ident(gem_get_inside(t, v, SL_STR("name")), r->a);
    if (name.n == 0)
        return gem_refuse(r, GE_MEMBER_MISSING, "is missing", "tools[%u].functionDeclarations[%u].name", entry, index);
    struct neutral_tool *tool = add_tool(r, NT_FUNCTION, entry);
    tool->inner = index + 1;
    tool->name = name;
    tool->description = gem_get_inside(t, v, SL_STR("description"));
    tool->raw = json_raw_of(t, v);
    const struct json_node *google = gem_get(t, v, SL_STR("parameters"));
    const struct json_node *schema = gem_get(t, v, SL_STR("parametersJsonSchema"));
    if (json_kind_of(schema) == JSON_OBJECT)
        tool->schema = json_raw_of(t, schema);
    else if (json_kind_of(google) == JSON_OBJECT)
        tool->schema = gem_schema_back(r->a, json_raw_of(t, google));
    else if (schema != NULL || google != NULL)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", "tools[%u].functionDeclarations[%u].parameters",
                          entry, index);
    gem_rest(r, v, "name description parameters parametersJsonSchema", "tools[%u].functionDeclarations[%u]", entry,
             index);
    return true;
}

static bool read_declarations(struct gem_reader *r, const struct json_node *list, uint32_t entry)
{
    uint32_t index = 0;
    if (list->kind == JSON_OBJECT)
        return read_declaration(r, list, entry, 0);
    if (list->kind != JSON_ARRAY)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be a list", "tools[%u].functionDeclarations", entry);
    for (JSON_EACH(&r->t, list, it)) {
        if (it->kind != JSON_OBJECT)
            return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", "tools[%u].functionDeclarations[%u]", entry,
                              index);
        if (!read_declaration(r, it, entry, index++))
            return false;
    }
    return true;
}

static bool read_entry(struct gem_reader *r, const struct json_node *entry, uint32_t index)
{
    const struct json_tree *t = &r->t;
    for (JSON_EACH(t, entry, it)) {
        if (it->kind == JSON_NULL)
            continue;
        if (gem_key_is(t, it, SL_STR("functionDeclarations"))) {
            if (!read_declarations(r, it, index))
                return false;
            continue;
        }
        bool search = gem_key_is(t, it, SL_STR("googleSearch")) || gem_key_is(t, it, SL_STR("googleSearchRetrieval"));
        struct neutral_tool *tool = add_tool(r, search ? NT_WEB_SEARCH : NT_HOSTED, index);
        tool->type = json_key_of(t, it);
        tool->raw = json_raw_of(t, it);
    }
    return true;
}

bool gem_read_tools(struct gem_reader *r, const struct json_node *tools)
{
    uint32_t index = 0;
    if (tools == NULL)
        return true;
    if (tools->kind == JSON_OBJECT)
        return read_entry(r, tools, 0);
    if (tools->kind != JSON_ARRAY)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be a list", "tools");
    for (JSON_EACH(&r->t, tools, it)) {
        if (it->kind != JSON_OBJECT)
            return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", "tools[%u]", index);
        if (!read_entry(r, it, index++))
            return false;
    }
    return true;
}

/* -- toolConfig -------------------------------------------------------------------------------------------------------- */

#define CALLING "toolConfig.functionCallingConfig"

static bool read_allowed(struct gem_reader *r, const struct json_node *list)
{
    struct neutral_choice *choice = &r->out->choice;
    if (list == NULL)
        return true;
    if (list->kind != JSON_ARRAY)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be a list of names", CALLING ".allowedFunctionNames");
    struct sl_str *names = sl_arena_alloc(r->a, (list->children + 1) * sizeof *names);
    for (JSON_EACH(&r->t, list, it)) {
        if (it->kind != JSON_STRING)
            return gem_refuse(r, GE_MEMBER_TYPE, "must be a list of names", CALLING ".allowedFunctionNames");
        names[choice->n_names++] = json_ident(json_inside_of(&r->t, it), r->a);
    }
    choice->names = names;
    return true;
}

static bool read_mode(struct gem_reader *r, struct sl_str mode)
{
    struct neutral_choice *choice = &r->out->choice;
    bool names = choice->n_names > 0;
    if (mode.n == 0 || sl_str_eq_nocase(mode, SL_STR("MODE_UNSPECIFIED")))
        return true;
    if (sl_str_eq_nocase(mode, SL_STR("AUTO")))
        choice->mode = NCH_AUTO; /* names are not legal here, and mean nothing */
    else if (sl_str_eq_nocase(mode, SL_STR("VALIDATED")))
        choice->mode = names ? NCH_ALLOWED_AUTO : NCH_AUTO;
    else if (sl_str_eq_nocase(mode, SL_STR("NONE")))
        choice->mode = NCH_NONE;
    else if (!sl_str_eq_nocase(mode, SL_STR("ANY")))
        return gem_refuse(r, GE_MEMBER_VALUE, "must be AUTO, ANY, NONE or VALIDATED", CALLING ".mode");
    else
        choice->mode = choice->n_names == 1 ? NCH_NAMED : names ? NCH_ALLOWED_REQUIRED : NCH_REQUIRED;
    return true;
}

bool gem_read_tool_config(struct gem_reader *r, const struct json_node *config)
{
    const struct json_tree *t = &r->t;
    if (config == NULL)
        return true;
    if (config->kind != JSON_OBJECT)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", "toolConfig");
    const struct json_node *calling = gem_get(t, config, SL_STR("functionCallingConfig"));
    if (calling != NULL && calling->kind != JSON_OBJECT)
        return gem_refuse(r, GE_MEMBER_TYPE, "must be an object", CALLING);
    gem_rest(r, config, "functionCallingConfig", "toolConfig");
    gem_rest(r, calling, "mode allowedFunctionNames streamFunctionCallArguments", CALLING);
    return read_allowed(r, gem_get(t, calling, SL_STR("allowedFunctionNames"))) &&
           read_mode(r, gem_get_inside(t, calling, SL_STR("mode")));
}
