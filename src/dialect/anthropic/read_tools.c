/* Reads tools and the choice among them. Tools of Anthropic's own that the client runs (bash, text editor, memory, computer) have
 * no schema on the wire: they become functions with the documented one, so that any model can be told about them. Deferred tools
 * are all sent, and so what searches for them is left out. Source: anthropic.md 2.6, 2.7, 12; translate-openai-anthropic.md 5.1. */
#include "dialect/anthropic/anthropic_int.h"
#include "dialect/within.h"

#include "base/list.h"

#define TEXT_EDITOR                                                                                                    \
    "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\",\"enum\":[\"view\",\"create\","             \
    "\"str_replace\",\"insert\"]},\"path\":{\"type\":\"string\"},\"file_text\":{\"type\":\"string\"},"                 \
    "\"old_str\":{\"type\":\"string\"},\"new_str\":{\"type\":\"string\"},\"insert_line\":{\"type\":\"integer\"},"      \
    "\"insert_text\":{\"type\":\"string\"},\"view_range\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},"     \
    "\"required\":[\"command\",\"path\"]}"
#define MEMORY                                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\",\"enum\":[\"view\",\"create\","             \
    "\"str_replace\",\"insert\",\"delete\",\"rename\"]},\"path\":{\"type\":\"string\"},"                               \
    "\"file_text\":{\"type\":\"string\"},\"old_str\":{\"type\":\"string\"},\"new_str\":{\"type\":\"string\"},"         \
    "\"insert_line\":{\"type\":\"integer\"},\"insert_text\":{\"type\":\"string\"},"                                    \
    "\"view_range\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},\"old_path\":{\"type\":\"string\"},"         \
    "\"new_path\":{\"type\":\"string\"}},\"required\":[\"command\"]}"
#define COMPUTER                                                                                                       \
    "{\"type\":\"object\",\"properties\":{\"action\":{\"type\":\"string\",\"enum\":[\"key\",\"type\","                 \
    "\"mouse_move\",\"left_click\",\"left_click_drag\",\"right_click\",\"middle_click\",\"double_click\","             \
    "\"triple_click\",\"left_mouse_down\",\"left_mouse_up\",\"scroll\",\"hold_key\",\"wait\",\"screenshot\","          \
    "\"cursor_position\"]},\"coordinate\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"                      \
    "\"start_coordinate\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},\"text\":{\"type\":\"string\"},"       \
    "\"scroll_direction\":{\"type\":\"string\",\"enum\":[\"up\",\"down\",\"left\",\"right\"]},"                        \
    "\"scroll_amount\":{\"type\":\"integer\"},\"duration\":{\"type\":\"number\"}},\"required\":[\"action\"]}"

/* Schemas of the versions in use in August 2026 (tool pages of the platform's documents; memory). */
static const struct {
    struct sl_str prefix, schema, description;
} client_tools[] = {
    {SL_STR_INIT("bash_"),
     SL_STR_INIT("{\"type\":\"object\",\"properties\":{\"command\":{\"type\":\"string\"},"
                 "\"restart\":{\"type\":\"boolean\"}}}"),
     SL_STR_INIT("Runs a command in a persistent bash session; restart starts a new one.")},
    {SL_STR_INIT("text_editor_"), SL_STR_INIT(TEXT_EDITOR),
     SL_STR_INIT("Views, creates and edits text files. str_replace needs old_str exactly once in the file.")},
    {SL_STR_INIT("memory_"), SL_STR_INIT(MEMORY),
     SL_STR_INIT("Reads and writes files below /memories, which stay between conversations.")},
    {SL_STR_INIT("computer_2"), SL_STR_INIT(COMPUTER),
     SL_STR_INIT("Controls mouse and keyboard of a computer and takes screenshots.")},
};

static bool refuse(struct anthropic_reading *r, enum gateway_error e, int index, const char *member, const char *what)
{
    const struct anthropic_place at = {"tools", -1, index, -1};
    return anthropic_refuse(r, e, &at, member, what);
}

static struct neutral_tool *add_tool(struct anthropic_reading *r, const struct json_node *v, int index)
{
    struct neutral_tool *tool = SL_ARENA_NEW(r->a, struct neutral_tool);
    tool->cache = anthropic_cache_of(&r->t, v);
    tool->name = json_ident(anthropic_inside(r, v, "name"), r->a);
    tool->description = anthropic_inside(r, v, "description");
    tool->type = anthropic_inside(r, v, "type");
    tool->raw = json_raw_of(&r->t, v);
    tool->index = (uint32_t)index;
    SL_APPEND(r->out->tools, r->last_tool, tool);
    return tool;
}

static struct sl_str with_examples(struct anthropic_reading *r, struct sl_str description, const struct json_node *v)
{
    const struct json_node *examples = json_got(&r->t, v, SL_STR("input_examples"));
    if (json_kind_of(examples) != JSON_ARRAY || examples->children == 0)
        return description;
    struct sl_str text = json_escape(json_raw_of(&r->t, examples), r->a), head = SL_STR("Examples of input: ");
    char *out = sl_arena_alloc(r->a, description.n + 4 + head.n + text.n);
    size_t n = description.n;
    if (n > 0) {
        memcpy(out, description.p, n);
        memcpy(out + n, "\\n\\n", 4);
        n += 4;
    }
    memcpy(out + n, head.p, head.n);
    memcpy(out + n + head.n, text.p, text.n);
    return sl_str_of(out, n + head.n + text.n);
}

/* Read, or without a meaning where all tools are sent and arguments come as they are made. */
#define TOOL_MEMBERS                                                                                                   \
    "type name description input_schema strict input_examples cache_control defer_loading eager_input_streaming"

static bool read_custom(struct anthropic_reading *r, const struct json_node *v, int index)
{
    const struct json_node *schema = json_got(&r->t, v, SL_STR("input_schema"));
    if (json_kind_of(schema) != JSON_OBJECT)
        return refuse(r, schema == NULL ? GE_MEMBER_MISSING : GE_MEMBER_TYPE, index, "input_schema",
                      "must be an object");
    struct neutral_tool *tool = add_tool(r, v, index);
    tool->kind = NT_FUNCTION;
    tool->type = SL_STR_NONE;
    tool->schema = json_raw_of(&r->t, schema);
    tool->description = with_examples(r, tool->description, v);
    const struct json_node *callers = json_got(&r->t, v, SL_STR("allowed_callers"));
    bool direct = json_kind_of(callers) == JSON_ARRAY && callers->children == 1 &&
                  json_text_is(&r->t, json_child(callers), SL_STR("direct")); /* as everywhere */
    within_read(r->out, r->a, &r->t, v, direct ? TOOL_MEMBERS " allowed_callers" : TOOL_MEMBERS, "tools[%d]", index);
    const struct json_node *strict = json_got(&r->t, v, SL_STR("strict"));
    if (strict != NULL)
        tool->strict = json_kind_of(strict) == JSON_TRUE ? SAID_YES : SAID_NO;
    return true;
}

static void read_typed(struct anthropic_reading *r, const struct json_node *v, struct sl_str type, int index)
{
    if (anthropic_is_tool_search(type)) {
        anthropic_add_unknown(r, sl_arena_printf(r->a, "tools[%d].type", index), v, false);
        r->out->left_tool_search = true;
        return;
    }
    struct neutral_tool *tool = add_tool(r, v, index);
    tool->kind = sl_str_starts(type, SL_STR("web_search_")) ? NT_WEB_SEARCH : NT_HOSTED;
    for (size_t i = 0; i < sizeof client_tools / sizeof client_tools[0]; i++) {
        if (!sl_str_starts(type, client_tools[i].prefix))
            continue;
        tool->kind = NT_FUNCTION;
        tool->schema = client_tools[i].schema;
        tool->description = client_tools[i].description;
    }
}

/* Claude Code's, to be replaced by what a search finds (anthropic.md 12). */
static bool is_placeholder(struct anthropic_reading *r, const struct json_node *v)
{
    return json_text_is(&r->t, json_get(&r->t, v, SL_STR("name")), SL_STR("DeferredToolPlaceholder"));
}

static bool read_tool(struct anthropic_reading *r, const struct json_node *v, int index)
{
    if (json_kind_of(v) != JSON_OBJECT)
        return refuse(r, GE_MEMBER_TYPE, index, "", "must be an object");
    const struct json_node *type = json_got(&r->t, v, SL_STR("type"));
    if (type != NULL && json_kind_of(type) != JSON_STRING)
        return refuse(r, GE_MEMBER_TYPE, index, "type", "must be a string");
    if (is_placeholder(r, v))
        return true;
    bool custom = type == NULL || json_text_is(&r->t, type, SL_STR("custom"));
    if (custom && anthropic_inside(r, v, "name").n == 0)
        return refuse(r, GE_MEMBER_MISSING, index, "name", "is missing");
    if (custom)
        return read_custom(r, v, index);
    read_typed(r, v, json_inside_of(&r->t, type), index);
    return true;
}

bool anthropic_read_tools(struct anthropic_reading *r, const struct json_node *list)
{
    if (json_kind_of(list) != JSON_ARRAY)
        return anthropic_refuse_member(r, GE_MEMBER_TYPE, "tools", "must be a list");
    int index = 0;
    for (JSON_EACH(&r->t, list, it))
        if (!read_tool(r, it, index++))
            return false;
    return true;
}

/* Tools that a system message adds by value join the list. Those it names were in it all the time; those it takes away stay
 * callable: the list is what prompt caches begin with. */
void anthropic_change_tools(struct anthropic_reading *r, const struct json_node *block,
                            const struct anthropic_place *at)
{
    const struct json_node *tool = json_got(&r->t, block, SL_STR("tool"));
    if (!json_text_is(&r->t, json_get(&r->t, block, SL_STR("type")), SL_STR("tool_addition")))
        return;
    if (json_kind_of(json_get(&r->t, tool, SL_STR("input_schema"))) != JSON_OBJECT ||
        anthropic_inside(r, tool, "name").n == 0 || is_placeholder(r, tool))
        return;
    read_custom(r, tool, 0);
    r->last_tool->list = sl_arena_printf(r->a, "%s[%d].content[%d].tool", at->list, at->message, at->block);
    r->last_tool->index = NEUTRAL_APART;
}

/* -- The choice --------------------------------------------------------------------------------------------------------- */

bool anthropic_read_tool_choice(struct anthropic_reading *r, const struct json_node *v)
{
    static const struct {
        struct sl_str word;
        enum neutral_choice_mode mode;
    } modes[] = {{SL_STR_INIT("auto"), NCH_AUTO},
                 {SL_STR_INIT("any"), NCH_REQUIRED},
                 {SL_STR_INIT("tool"), NCH_NAMED},
                 {SL_STR_INIT("none"), NCH_NONE}};
    struct neutral_choice *choice = &r->out->choice;
    r->choice = v;
    const struct json_node *type = json_get(&r->t, v, SL_STR("type"));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (json_text_is(&r->t, type, modes[i].word))
            choice->mode = modes[i].mode;
    if (choice->mode == NCH_UNSAID)
        return anthropic_refuse_member(r, type == NULL ? GE_MEMBER_MISSING : GE_MEMBER_VALUE, "tool_choice.type",
                                       "must be 'auto', 'any', 'tool' or 'none'");
    const struct json_node *single = json_got(&r->t, v, SL_STR("disable_parallel_tool_use"));
    if (single != NULL)
        choice->parallel = json_kind_of(single) == JSON_TRUE ? SAID_NO : SAID_YES;
    if (choice->mode != NCH_NAMED)
        return true;
    struct sl_str *name = SL_ARENA_NEW(r->a, struct sl_str);
    *name = json_ident(anthropic_inside(r, v, "name"), r->a);
    if (name->n == 0)
        return anthropic_refuse_member(r, GE_MEMBER_MISSING, "tool_choice.name", "is missing");
    choice->names = name;
    choice->n_names = 1;
    return true;
}

void anthropic_check_choice(struct anthropic_reading *r)
{
    struct neutral_choice *choice = &r->out->choice;
    bool named = choice->mode == NCH_NAMED, can = r->out->tools != NULL && !named;
    if (!r->out->left_tool_search || (!named && choice->mode != NCH_REQUIRED))
        return;
    for (const struct neutral_tool *t = r->out->tools; t != NULL && !can; t = t->next)
        can = sl_str_eq(t->name, choice->names[0]);
    if (can)
        return;
    anthropic_add_unknown(r, named ? SL_STR("tool_choice.name") : SL_STR("tool_choice.type"), r->choice, false);
    choice->mode = NCH_UNSAID;
    choice->n_names = 0;
}
