/* Tools and tool_choice: flat forms (openai.md 7.4). */
#include <stdio.h>

#include "dialect/openai_responses/reading.h"

#include "base/list.h"

static struct neutral_tool *new_tool(struct reading *r, enum neutral_tool_kind kind, const struct json_node *v)
{
    struct neutral_tool *tool = SL_ARENA_NEW(r->a, struct neutral_tool);
    tool->kind = kind;
    tool->raw = json_raw_of(&r->t, v);
    tool->list = r->tools_list;
    tool->index = r->tool;
    tool->inner = r->inner_tool;
    return tool;
}

static bool add_tool(struct reading *r, struct neutral_tool *tool)
{
    if (tool->name.n > 0) {
        if (r->more_tools && sl_map_get(&r->tools, tool->name) != NULL)
            return true;
        sl_map_put(&r->tools, tool->name, tool);
    }
    SL_APPEND(r->r->tools, r->last_tool, tool);
    return true;
}

static bool read_name(struct reading *r, const struct json_node *v, const struct place *at, struct sl_str space,
                      struct neutral_tool *tool)
{
    struct sl_str name = SL_STR_NONE;
    if (!reading_text(r, v, "name", at, NEEDED, &name) ||
        !reading_text(r, v, "description", at, MAY_LACK, &tool->description))
        return false;
    if (name.n == 0)
        return reading_refuse(r, GE_MEMBER_VALUE, at, "has no name");
    tool->name = reading_joined(r, space, json_ident(name, r->a));
    tool->space = space;
    return true;
}

/* What is told of a tool besides what is read: where all tools are sent and called directly, some say nothing. */
static void read_rest(struct reading *r, const struct json_node *v, const char *known, const struct place *at)
{
    const struct json_node *callers = json_got(&r->t, v, SL_STR("allowed_callers"));
    bool direct = json_kind_of(callers) == JSON_ARRAY && callers->children == 1 &&
                  json_text_is(&r->t, json_child(callers), SL_STR("direct"));
    bool waits = json_kind_of(json_got(&r->t, v, SL_STR("async"))) == JSON_FALSE;
    char all[128];
    snprintf(all, sizeof all, "%s%s%s", known, direct ? " allowed_callers" : "", waits ? " async" : "");
    reading_rest(r, v, all, at);
}

static bool add_function(struct reading *r, const struct json_node *v, const struct place *at, struct sl_str space)
{
    struct neutral_tool *tool = new_tool(r, NT_FUNCTION, v);
    if (!read_name(r, v, at, space, tool))
        return false;
    const struct json_node *schema = json_got(&r->t, v, SL_STR("parameters"));
    const struct json_node *strict = json_got(&r->t, v, SL_STR("strict"));
    if (schema != NULL && schema->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, PLACE(at, "parameters"), "must be an object");
    tool->schema = json_raw_of(&r->t, schema);
    read_rest(r, v, "type name description parameters strict defer_loading", at);
    if (strict != NULL && strict->kind != JSON_TRUE && strict->kind != JSON_FALSE)
        return reading_refuse(r, GE_MEMBER_TYPE, PLACE(at, "strict"), "must be true or false");
    if (strict != NULL)
        tool->strict = strict->kind == JSON_TRUE ? SAID_YES : SAID_NO;
    return add_tool(r, tool);
}

static bool add_custom(struct reading *r, const struct json_node *v, const struct place *at, struct sl_str space)
{
    struct neutral_tool *tool = new_tool(r, NT_CUSTOM, v);
    tool->schema = json_get_raw(&r->t, v, SL_STR("format"));
    read_rest(r, v, "type name description format defer_loading", at);
    return read_name(r, v, at, space, tool) && add_tool(r, tool);
}

static bool is_function(struct reading *r, const struct json_node *v)
{
    return json_text_is(&r->t, json_get(&r->t, v, SL_STR("type")), SL_STR("function"));
}

static bool is_custom(struct reading *r, const struct json_node *v)
{
    return json_text_is(&r->t, json_get(&r->t, v, SL_STR("type")), SL_STR("custom"));
}

/* Its tools, each with the namespace in front of the name. */
static bool add_namespace(struct reading *r, const struct json_node *v, const struct place *at)
{
    struct sl_str space = SL_STR_NONE;
    const struct json_node *list = json_got(&r->t, v, SL_STR("tools"));
    if (!reading_text(r, v, "name", at, NEEDED, &space))
        return false;
    if (list != NULL && list->kind != JSON_ARRAY)
        return reading_refuse(r, GE_MEMBER_TYPE, PLACE(at, "tools"), "must be a list");
    space = json_ident(space, r->a);
    uint32_t i = 0;
    for (JSON_EACH(&r->t, list, it)) {
        const struct place *inner = PLACE_AT(PLACE(at, "tools"), i++);
        r->inner_tool = i;
        bool custom = is_custom(r, it);
        if (!custom && !is_function(r, it))
            return reading_refuse(r, GE_MEMBER_VALUE, inner, "is neither a function nor a custom tool");
        if (!(custom ? add_custom(r, it, inner, space) : add_function(r, it, inner, space)))
            return false;
    }
    r->inner_tool = 0;
    return true;
}

static bool add_hosted(struct reading *r, const struct json_node *v, enum neutral_tool_kind kind)
{
    struct neutral_tool *tool = new_tool(r, kind, v);
    tool->type = json_get_inside(&r->t, v, SL_STR("type"));
    return add_tool(r, tool);
}

/* A search that the client runs itself is a function to everybody else; `type` tells it from others (stream_write.c). */
static bool add_search(struct reading *r, const struct json_node *v)
{
    if (!json_text_is(&r->t, json_get(&r->t, v, SL_STR("execution")), SL_STR("client")))
        return add_hosted(r, v, NT_HOSTED);
    struct neutral_tool *tool = new_tool(r, NT_FUNCTION, v);
    tool->type = SL_STR("tool_search");
    tool->name = SL_STR("tool_search");
    tool->description = json_get_inside(&r->t, v, SL_STR("description"));
    tool->schema = json_get_raw(&r->t, v, SL_STR("parameters"));
    return add_tool(r, tool);
}

static bool read_tool(struct reading *r, const struct json_node *v, const struct place *at)
{
    if (v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be an object");
    struct sl_str inside = SL_STR_NONE;
    if (!reading_text(r, v, "type", at, NEEDED, &inside))
        return false;
    struct sl_str type = json_plain(inside, r->a);
    if (sl_str_eq(type, SL_STR("function")))
        return add_function(r, v, at, SL_STR_NONE);
    if (sl_str_eq(type, SL_STR("custom")))
        return add_custom(r, v, at, SL_STR_NONE);
    if (sl_str_eq(type, SL_STR("namespace")))
        return add_namespace(r, v, at);
    if (sl_str_eq(type, SL_STR("tool_search")))
        return add_search(r, v);
    return add_hosted(r, v, sl_str_starts(type, SL_STR("web_search")) ? NT_WEB_SEARCH : NT_HOSTED);
}

bool reading_tools(struct reading *r, const struct json_node *list, const struct place *at)
{
    if (list->kind != JSON_ARRAY)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be a list");
    r->tool = 0;
    r->tools_list = reading_place(r, at);
    for (JSON_EACH(&r->t, list, it)) {
        if (!read_tool(r, it, PLACE_AT(at, r->tool)))
            return false;
        r->tool++;
    }
    return true;
}

bool reading_more_tools(struct reading *r, const struct json_node *list, const struct place *item)
{
    r->more_tools = true;
    return reading_tools(r, list, PLACE(item, "tools"));
}

/* -- tool_choice ---------------------------------------------------------------------------------------------------- */

static bool take_name(struct reading *r, const struct json_node *v, const struct place *at, struct sl_str *out)
{
    struct sl_str name = SL_STR_NONE, space = SL_STR_NONE;
    if (!reading_text(r, v, "name", at, MAY_LACK, &name) || !reading_text(r, v, "namespace", at, MAY_LACK, &space))
        return false;
    if (name.n == 0) /* hosted tools have no name but their type */
        name = json_get_inside(&r->t, v, SL_STR("type"));
    *out = reading_joined(r, json_ident(space, r->a), json_ident(name, r->a));
    return true;
}

static bool read_allowed(struct reading *r, const struct json_node *v, const struct place *at)
{
    struct neutral_choice *to = &r->r->choice;
    const struct json_node *list = json_got(&r->t, v, SL_STR("tools"));
    if (json_kind_of(list) != JSON_ARRAY)
        return reading_refuse(r, GE_MEMBER_TYPE, PLACE(at, "tools"), "must be a list");
    struct sl_str *names = sl_arena_zalloc(r->a, (list->children + 1u) * sizeof *names);
    to->mode = json_text_is(&r->t, json_get(&r->t, v, SL_STR("mode")), SL_STR("required")) ? NCH_ALLOWED_REQUIRED
                                                                                           : NCH_ALLOWED_AUTO;
    to->names = names;
    for (JSON_EACH(&r->t, list, it)) {
        if (it->kind != JSON_OBJECT)
            return reading_refuse(r, GE_MEMBER_TYPE, PLACE(at, "tools"), "must be a list of objects");
        if (!take_name(r, it, at, &names[to->n_names++]))
            return false;
    }
    return true;
}

static bool read_choice_word(struct reading *r, const struct json_node *v)
{
    static const struct {
        struct sl_str word;
        enum neutral_choice_mode mode;
    } words[] = {
        {SL_STR_INIT("auto"), NCH_AUTO}, {SL_STR_INIT("none"), NCH_NONE}, {SL_STR_INIT("required"), NCH_REQUIRED}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (json_text_is(&r->t, v, words[i].word)) {
            r->r->choice.mode = words[i].mode;
            return true;
        }
    }
    return reading_refuse(r, GE_MEMBER_VALUE, PLACE(NULL, "tool_choice"), "is none of auto, none and required");
}

bool reading_choice(struct reading *r, const struct json_node *v)
{
    const struct place *at = PLACE(NULL, "tool_choice");
    if (v->kind == JSON_STRING)
        return read_choice_word(r, v);
    if (v->kind != JSON_OBJECT)
        return reading_refuse(r, GE_MEMBER_TYPE, at, "must be a string or an object");
    struct sl_str ignored = SL_STR_NONE;
    if (!reading_text(r, v, "type", at, NEEDED, &ignored))
        return false;
    if (json_text_is(&r->t, json_get(&r->t, v, SL_STR("type")), SL_STR("allowed_tools")))
        return read_allowed(r, v, at);
    struct sl_str *name = SL_ARENA_NEW(r->a, struct sl_str);
    r->r->choice.mode = NCH_NAMED;
    r->r->choice.names = name;
    r->r->choice.n_names = 1;
    return take_name(r, v, at, name);
}
