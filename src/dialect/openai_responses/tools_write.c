/* Tools and what is said about choosing them, in flat form (openai.md 7.4). `strict` is always written: left out, it would be tried
 * as true (7.4), which is not what clients of other formats mean. */
#include "dialect/json_tree.h"
#include "dialect/openai_responses/writing.h"
#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define ALLOWED_MAX 512u /* names of allowed_tools that are looked up */

static void write_function(struct writing *w, const struct neutral_tool *tool)
{
    struct sl_str name = names_out(&w->t->names, &names_openai, tool->name, w->t->a);
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("function"));
    jw_member_inside(&w->w, SL_STR("name"), name);
    jw_maybe_inside(&w->w, SL_STR("description"), tool->description);
    jw_member_raw(&w->w, SL_STR("parameters"),
                  tool->schema.n > 0 ? tool->schema : SL_STR("{\"type\":\"object\",\"properties\":{}}"));
    jw_member_bool(&w->w, SL_STR("strict"), tool->strict == SAID_YES && !tool->schema_is_google);
    jw_close(&w->w, '}');
}

/* Chat nests the grammar, here it is flat. */
static void write_grammar(struct writing *w, struct sl_str format)
{
    struct json_tree tree;
    if (format.n == 0)
        return;
    bool nested = json_tree_read(&tree, format, w->t->a) &&
                  json_kind_of(json_got(&tree, json_root(&tree), SL_STR("grammar"))) == JSON_OBJECT;
    jw_key(&w->w, SL_STR("format"));
    if (!nested) {
        jw_raw(&w->w, format);
        return;
    }
    const struct json_node *grammar = json_got(&tree, json_root(&tree), SL_STR("grammar"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("grammar"));
    jw_maybe_raw(&w->w, SL_STR("syntax"), json_get_raw(&tree, grammar, SL_STR("syntax")));
    jw_maybe_raw(&w->w, SL_STR("definition"), json_get_raw(&tree, grammar, SL_STR("definition")));
    jw_close(&w->w, '}');
}

static void write_custom(struct writing *w, const struct neutral_tool *tool)
{
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("custom"));
    jw_member_inside(&w->w, SL_STR("name"), names_out(&w->t->names, &names_openai, tool->name, w->t->a));
    jw_maybe_inside(&w->w, SL_STR("description"), tool->description);
    write_grammar(w, tool->schema);
    jw_close(&w->w, '}');
}

static void write_location(struct writing *w, const struct json_tree *tree, const struct json_node *options)
{
    static const struct sl_str names[] = {SL_STR_INIT("city"), SL_STR_INIT("country"), SL_STR_INIT("region"),
                                          SL_STR_INIT("timezone")};
    const struct json_node *at = json_got(tree, options, SL_STR("user_location"));
    const struct json_node *inner = json_got(tree, at, SL_STR("approximate")); /* chat nests it */
    if (json_kind_of(at) != JSON_OBJECT)
        return;
    jw_key(&w->w, SL_STR("user_location"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("approximate"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        jw_maybe_raw(&w->w, names[i], json_get_raw(tree, inner != NULL ? inner : at, names[i]));
    jw_close(&w->w, '}');
}

static bool write_web_search(struct writing *w, const struct neutral_tool *tool, struct sl_str what)
{
    struct json_tree tree = {.n = 0};
    const struct json_node *options = json_tree_read(&tree, tool->raw, w->t->a) ? json_root(&tree) : NULL;
    const struct json_node *allowed = json_got(&tree, options, SL_STR("allowed_domains"));
    static const struct sl_str said[] = {SL_STR_INIT("allowed_domains"), SL_STR_INIT("search_context_size"),
                                         SL_STR_INIT("user_location"), SL_STR_INIT("cache_control")};
    for (JSON_EACH(&tree, options, it)) {
        bool known = false;
        for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
            known = known || json_key_is(&tree, it, said[i]);
        if (!known && unsaid_search_setting(&tree, it) &&
            writing_refuses(w, false, unsaid_search_name(what, &tree, it, w->t->a), ""))
            return false;
    }
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("web_search"));
    if (json_kind_of(allowed) == JSON_ARRAY) {
        jw_key(&w->w, SL_STR("filters"));
        jw_open(&w->w, '{');
        jw_member_raw(&w->w, SL_STR("allowed_domains"), json_raw_of(&tree, allowed));
        jw_close(&w->w, '}');
    }
    jw_maybe_raw(&w->w, SL_STR("search_context_size"), json_get_raw(&tree, options, SL_STR("search_context_size")));
    write_location(w, &tree, options);
    jw_close(&w->w, '}');
    return true;
}

static bool is_code(const struct neutral_tool *tool)
{
    return tool->kind == NT_HOSTED &&
           (sl_str_starts(tool->type, SL_STR("code_execution")) || sl_str_eq(tool->type, SL_STR("codeExecution")));
}

/* Code execution is the one other tool that has a counterpart: Anthropic's code_execution_*, Gemini's codeExecution. */
static bool write_hosted(struct writing *w, const struct neutral_tool *tool, struct sl_str what)
{
    if (!is_code(tool))
        return !writing_refuses(w, true, what, "");
    jw_raw(&w->w, SL_STR("{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}"));
    return true;
}

static bool write_tool(struct writing *w, const struct neutral_tool *tool)
{
    struct sl_str what = term_tool(w->req, tool, w->t->a);
    if (w->own && (tool->kind == NT_WEB_SEARCH || tool->kind == NT_HOSTED)) {
        jw_raw(&w->w, tool->raw);
        return true;
    }
    switch (tool->kind) {
    case NT_FUNCTION:
        write_function(w, tool);
        return true;
    case NT_CUSTOM:
        write_custom(w, tool);
        return true;
    case NT_WEB_SEARCH:
        return write_web_search(w, tool, what);
    case NT_HOSTED:
        break;
    }
    return write_hosted(w, tool, what);
}

/* -- Choice ---------------------------------------------------------------------------------------------------------- */

/* By name; what a provider runs, by its type. */
static const struct neutral_tool *chosen(struct writing *w, struct sl_str name)
{
    const struct neutral_tool *tool = name.p != NULL ? sl_map_get(&w->tools, name) : NULL;
    return tool != NULL || w->req->choice.n_names > ALLOWED_MAX ? tool : unsaid_chosen(w->req, name);
}

/* A name that nobody has is the client's mistake, and the provider says so. */
static bool can_be_chosen(struct writing *w, struct sl_str name)
{
    const struct neutral_tool *tool = chosen(w, name);
    return w->own || tool == NULL || tool->kind != NT_HOSTED || is_code(tool);
}

static void write_name(struct writing *w, struct sl_str name)
{
    const struct neutral_tool *tool = chosen(w, name);
    bool hosted = tool == NULL || tool->kind == NT_WEB_SEARCH || tool->kind == NT_HOSTED;
    jw_open(&w->w, '{');
    if (hosted && w->own) { /* by its type */
        jw_member_inside(&w->w, SL_STR("type"), name);
    } else if (hosted && tool != NULL) {
        jw_member_inside(&w->w, SL_STR("type"), is_code(tool) ? SL_STR("code_interpreter") : SL_STR("web_search"));
    } else {
        bool custom = tool != NULL && tool->kind == NT_CUSTOM;
        jw_member_inside(&w->w, SL_STR("type"), custom ? SL_STR("custom") : SL_STR("function"));
        jw_member_inside(&w->w, SL_STR("name"), names_out(&w->t->names, &names_openai, name, w->t->a));
    }
    jw_close(&w->w, '}');
}

static void write_allowed(struct writing *w, const struct neutral_choice *choice)
{
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("allowed_tools"));
    jw_member_plain(&w->w, SL_STR("mode"), choice->mode == NCH_ALLOWED_REQUIRED ? SL_STR("required") : SL_STR("auto"));
    jw_key(&w->w, SL_STR("tools"));
    jw_open(&w->w, '[');
    for (uint32_t i = 0; i < choice->n_names; i++)
        if (can_be_chosen(w, choice->names[i]))
            write_name(w, choice->names[i]);
    jw_close(&w->w, ']');
    jw_close(&w->w, '}');
}

/* Whether tools are chosen, and none of them can be here. */
static bool is_lost(struct writing *w, const struct neutral_choice *choice, bool any)
{
    if (choice->mode == NCH_REQUIRED)
        return !any;
    if (choice->mode < NCH_NAMED)
        return false;
    for (uint32_t i = 0; i < choice->n_names && any; i++)
        if (can_be_chosen(w, choice->names[i]))
            return false;
    return true;
}

static void write_choice(struct writing *w, const struct neutral_choice *choice)
{
    static const struct sl_str words[] = {
        [NCH_AUTO] = SL_STR_INIT("auto"), [NCH_NONE] = SL_STR_INIT("none"), [NCH_REQUIRED] = SL_STR_INIT("required")};
    if (choice->mode == NCH_UNSAID)
        return;
    jw_key(&w->w, SL_STR("tool_choice"));
    if (choice->mode <= NCH_REQUIRED)
        jw_plain(&w->w, words[choice->mode]);
    else if (choice->mode == NCH_NAMED && choice->n_names > 0)
        write_name(w, choice->names[0]);
    else
        write_allowed(w, choice);
}

bool writing_tools(struct writing *w)
{
    const struct neutral_request *req = w->req;
    if (req->tools == NULL)
        return true;
    jw_key(&w->w, SL_STR("tools"));
    jw_open(&w->w, '[');
    for (struct neutral_tool *tool = req->tools; tool != NULL; tool = tool->next) {
        if (tool->name.n > 0)
            sl_map_put(&w->tools, tool->name, tool);
        if (!write_tool(w, tool))
            return false;
    }
    bool any = w->w.comma;
    jw_close(&w->w, ']');
    bool lost = is_lost(w, &req->choice, any);
    if (lost && writing_refuses(w, false, term_of(req, TERM_TOOL_CHOICE), ""))
        return false;
    if (!any)
        return true;
    if (!lost)
        write_choice(w, &req->choice);
    if (req->choice.parallel != SAID_NOTHING)
        jw_member_bool(&w->w, SL_STR("parallel_tool_calls"), req->choice.parallel == SAID_YES);
    return true;
}
