/* Tools, the choice among them and the form of the answer, in the chat format. Decisions: translate-openai-anthropic.md 2.4, 2.6,
 * 5.1; translate-gemini.md 12.1 (November 2026). */
#include "dialect/openai_chat/chat_write.h"
#include "dialect/schema_strict.h"

#include "dialect/unsaid.h"

#define SCHEMA_NAME_MAX 64u
#define WRAPPED_MAX 256u
#define ALLOWED_MAX 512u /* names of allowed_tools that are looked up; providers take 128 tools */

static struct sl_str tool_name(struct chat_write *cw, struct sl_str name)
{
    return names_out(&cw->t->names, &names_openai, name, cw->t->a);
}

static bool is_chosen(const struct chat_write *cw, const struct neutral_tool *tool)
{
    const struct neutral_choice *c = &cw->req->choice;
    if (cw->openai || (c->mode != NCH_ALLOWED_AUTO && c->mode != NCH_ALLOWED_REQUIRED) || c->n_names > ALLOWED_MAX)
        return true;
    for (uint32_t i = 0; i < c->n_names; i++)
        if (sl_str_eq(c->names[i], tool->name.n > 0 ? tool->name : tool->type))
            return true;
    return false;
}

/* Whether this format has it: a provider's own tools it has not, but for those whose schema the client gave or we know. */
static bool is_function(const struct neutral_tool *tool)
{
    return tool->kind == NT_FUNCTION || (tool->kind == NT_HOSTED && tool->schema.n > 0 && tool->name.n > 0);
}

/* A name that nobody has is the client's mistake, and the provider says so. */
static bool can_be_chosen(const struct chat_write *cw, struct sl_str name)
{
    const struct neutral_tool *tool = unsaid_chosen(cw->req, name);
    return tool == NULL || tool->kind == NT_CUSTOM || is_function(tool);
}

static void write_function(struct chat_write *cw, const struct neutral_tool *tool)
{
    bool strict = tool->strict == SAID_YES && caps_has(cw->t->caps, CAP_STRICT_TOOLS);
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), SL_STR("function"));
    jw_key(&cw->w, SL_STR("function"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("name"), tool_name(cw, tool->name));
    jw_maybe_inside(&cw->w, SL_STR("description"), tool->description);
    jw_member_raw(&cw->w, SL_STR("parameters"),
                  tool->schema.n > 0 ? tool->schema : SL_STR("{\"type\":\"object\",\"properties\":{}}"));
    if (strict || (tool->strict == SAID_NO && cw->openai))
        jw_member_bool(&cw->w, SL_STR("strict"), strict);
    jw_close(&cw->w, '}');
    jw_close(&cw->w, '}');
    if (tool->strict == SAID_YES && !strict)
        neutral_notef(cw->t->notes, "", SL_STR_FMT ".strict", SL_STR_ARG(term_tool(cw->req, tool, cw->t->a)));
}

static void write_custom(struct chat_write *cw, const struct neutral_tool *tool)
{
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), SL_STR("custom"));
    jw_key(&cw->w, SL_STR("custom"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("name"), tool_name(cw, tool->name));
    jw_maybe_inside(&cw->w, SL_STR("description"), tool->description);
    jw_maybe_raw(&cw->w, SL_STR("format"), tool->schema);
    jw_close(&cw->w, '}');
    jw_close(&cw->w, '}');
}

/* A free-form tool for servers that have functions only: one text as its input (2.4). The reader of the answer takes it out again. */
static bool write_custom_as_function(struct chat_write *cw, const struct neutral_tool *tool)
{
    struct translation *t = cw->t;
    bool grammar = tool->schema.n > 0 && sl_str_find_str(tool->schema, SL_STR("grammar")) >= 0;
    if (grammar && chat_refuses(cw, false, term_tool(cw->req, tool, t->a), "grammar in the description"))
        return false;
    struct sl_str *wrapped = sl_arena_alloc(t->a, (t->n_wrapped + 1) * sizeof *wrapped);
    if (t->n_wrapped > 0)
        memcpy(wrapped, t->wrapped, t->n_wrapped * sizeof *wrapped);
    wrapped[t->n_wrapped++] = tool->name;
    t->wrapped = wrapped;
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), SL_STR("function"));
    jw_key(&cw->w, SL_STR("function"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("name"), tool_name(cw, tool->name));
    jw_key(&cw->w, SL_STR("description"));
    jw_string(&cw->w);
    jw_piece_inside(&cw->w, tool->description);
    if (grammar) {
        jw_piece_inside(&cw->w, SL_STR("\\n\\nThe input must follow this grammar: "));
        jw_piece_plain(&cw->w, tool->schema);
    }
    jw_string_end(&cw->w);
    jw_member_raw(&cw->w, SL_STR("parameters"),
                  SL_STR("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                         "\"required\":[\"input\"]}"));
    jw_close(&cw->w, '}');
    jw_close(&cw->w, '}');
    return true;
}

static bool searches(const struct chat_write *cw)
{
    return cw->openai && sl_str_find_str(cw->t->up_model, SL_STR("-search")) >= 0;
}

/* False: refused. *sent: a function was written. */
static bool write_tool(struct chat_write *cw, const struct neutral_tool *tool, bool *sent)
{
    bool function = is_function(tool);
    bool can = caps_has(cw->t->caps, CAP_TOOLS);
    if (tool->kind == NT_WEB_SEARCH && searches(cw))
        return true; /* web_search_options */
    if (can && function)
        write_function(cw, tool);
    else if (can && tool->kind == NT_CUSTOM && cw->openai)
        write_custom(cw, tool);
    else if (!can || tool->kind != NT_CUSTOM || cw->t->n_wrapped >= WRAPPED_MAX)
        return !chat_refuses(cw, function, term_tool(cw->req, tool, cw->t->a), "");
    else if (!write_custom_as_function(cw, tool))
        return false;
    *sent = true;
    return true;
}

/* -- The choice ------------------------------------------------------------------------------------------------------------ */

static bool is_custom_name(const struct chat_write *cw, struct sl_str name)
{
    for (const struct neutral_tool *tool = cw->req->tools; tool != NULL; tool = tool->next)
        if (sl_str_eq(tool->name, name))
            return tool->kind == NT_CUSTOM;
    return false;
}

static void write_named(struct chat_write *cw, struct sl_str name)
{
    bool known = cw->openai && cw->req->choice.n_names <= ALLOWED_MAX;
    struct sl_str kind = known && is_custom_name(cw, name) ? SL_STR("custom") : SL_STR("function");
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), kind);
    jw_key(&cw->w, kind);
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("name"), tool_name(cw, name));
    jw_close(&cw->w, '}');
    jw_close(&cw->w, '}');
}

static void write_allowed(struct chat_write *cw)
{
    const struct neutral_choice *c = &cw->req->choice;
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), SL_STR("allowed_tools"));
    jw_key(&cw->w, SL_STR("allowed_tools"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("mode"), c->mode == NCH_ALLOWED_REQUIRED ? SL_STR("required") : SL_STR("auto"));
    jw_key(&cw->w, SL_STR("tools"));
    jw_open(&cw->w, '[');
    for (uint32_t i = 0; i < c->n_names; i++)
        if (c->n_names > ALLOWED_MAX || can_be_chosen(cw, c->names[i]))
            write_named(cw, c->names[i]);
    jw_close(&cw->w, ']');
    jw_close(&cw->w, '}');
    jw_close(&cw->w, '}');
}

static bool is_forced(enum neutral_choice_mode mode)
{
    return mode == NCH_REQUIRED || mode == NCH_NAMED || mode == NCH_ALLOWED_REQUIRED;
}

/* Only tools that a provider runs are chosen, and this format can choose none of them. */
static bool is_lost(const struct chat_write *cw)
{
    const struct neutral_choice *c = &cw->req->choice;
    bool named = c->mode == NCH_NAMED || c->mode == NCH_ALLOWED_AUTO || c->mode == NCH_ALLOWED_REQUIRED;
    for (uint32_t i = 0; i < c->n_names && named; i++)
        if (c->n_names > ALLOWED_MAX || can_be_chosen(cw, c->names[i]))
            return false;
    return named && c->n_names > 0;
}

static bool write_choice(struct chat_write *cw)
{
    const struct neutral_choice *c = &cw->req->choice;
    enum neutral_choice_mode mode = c->mode;
    if (mode != NCH_UNSAID && mode != NCH_AUTO && translation_lacks(cw->t, SL_STR("tool_choice")))
        return !chat_refuses_term(cw, true, TERM_TOOL_CHOICE, "");
    if (is_lost(cw))
        return !chat_refuses_term(cw, false, TERM_TOOL_CHOICE, "");
    if (is_forced(mode) && !caps_has(cw->t->caps, CAP_FORCED_TOOL)) {
        if (chat_refuses_term(cw, false, TERM_TOOL_CHOICE, "auto"))
            return false;
        mode = NCH_AUTO;
    }
    if (mode == NCH_UNSAID || translation_lacks(cw->t, SL_STR("tool_choice")))
        return true;
    jw_key(&cw->w, SL_STR("tool_choice"));
    if (mode == NCH_NAMED && c->n_names > 0)
        write_named(cw, c->names[0]);
    else if (cw->openai && c->n_names > 0 && (mode == NCH_ALLOWED_AUTO || mode == NCH_ALLOWED_REQUIRED))
        write_allowed(cw);
    else if (mode == NCH_NONE)
        jw_inside(&cw->w, SL_STR("none"));
    else
        jw_inside(&cw->w, is_forced(mode) ? SL_STR("required") : SL_STR("auto"));
    return true;
}

static bool write_parallel(struct chat_write *cw)
{
    enum said parallel = cw->req->choice.parallel;
    if (parallel == SAID_NOTHING || (parallel == SAID_YES && !cw->openai))
        return true;
    if (!caps_has(cw->t->caps, CAP_PARALLEL_FLAG) || translation_lacks(cw->t, SL_STR("parallel_tool_calls")))
        return parallel == SAID_YES || !chat_refuses_term(cw, false, TERM_PARALLEL, "");
    jw_member_bool(&cw->w, SL_STR("parallel_tool_calls"), parallel == SAID_YES);
    return true;
}

/* Other formats have the place flat. */
static void write_place(struct chat_write *cw, const struct json_tree *t, const struct json_node *place)
{
    static const struct sl_str names[] = {SL_STR_INIT("city"), SL_STR_INIT("country"), SL_STR_INIT("region"),
                                          SL_STR_INIT("timezone")};
    const struct json_node *inner = json_got(t, place, SL_STR("approximate"));
    jw_key(&cw->w, SL_STR("user_location"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), SL_STR("approximate"));
    jw_key(&cw->w, SL_STR("approximate"));
    jw_open(&cw->w, '{');
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        jw_maybe_raw(&cw->w, names[i], json_get_raw(t, inner != NULL ? inner : place, names[i]));
    jw_close(&cw->w, '}');
    jw_close(&cw->w, '}');
}

/* The settings of a search of another format: what has no place in web_search_options is named. */
static bool write_settings(struct chat_write *cw, const struct neutral_tool *tool, struct sl_str what)
{
    struct json_tree t = {.n = 0};
    bool good = true;
    jw_key(&cw->w, SL_STR("web_search_options"));
    jw_open(&cw->w, '{');
    const struct json_node *root = tool->raw.n > 0 && json_tree_read(&t, tool->raw, cw->t->a) ? json_root(&t) : NULL;
    for (JSON_EACH(&t, root, it)) {
        if (it->kind == JSON_STRING && json_key_is(&t, it, SL_STR("search_context_size")))
            jw_member_raw(&cw->w, SL_STR("search_context_size"), json_raw_of(&t, it));
        else if (it->kind == JSON_OBJECT && json_key_is(&t, it, SL_STR("user_location")))
            write_place(cw, &t, it);
        else if (good && unsaid_search_setting(&t, it))
            good = !chat_refuses(cw, false, unsaid_search_name(what, &t, it, cw->t->a), "");
    }
    jw_close(&cw->w, '}');
    return good;
}

/* One search is all that can be asked for. */
static bool write_search(struct chat_write *cw)
{
    bool done = false;
    for (const struct neutral_tool *tool = cw->req->tools; tool != NULL; tool = tool->next) {
        struct sl_str what;
        if (tool->kind != NT_WEB_SEARCH)
            continue;
        what = term_tool(cw->req, tool, cw->t->a);
        if (done && chat_refuses(cw, false, what, ""))
            return false;
        if (!done && sl_str_eq(tool->type, SL_STR("web_search_options")))
            jw_member_raw(&cw->w, SL_STR("web_search_options"), tool->raw);
        else if (!done && !write_settings(cw, tool, what))
            return false;
        done = true;
    }
    return true;
}

bool chat_write_tools(struct chat_write *cw)
{
    bool sent = false;
    struct json_writer before = cw->w;
    size_t at = cw->w.to->n;
    if (cw->req->tools == NULL)
        return true;
    jw_key(&cw->w, SL_STR("tools"));
    jw_open(&cw->w, '[');
    for (const struct neutral_tool *tool = cw->req->tools; tool != NULL; tool = tool->next)
        if (is_chosen(cw, tool) && !write_tool(cw, tool, &sent))
            return false;
    jw_close(&cw->w, ']');
    if (!sent) { /* an empty list is an error, and so is a choice without tools */
        cw->w = before;
        cw->w.to->n = at;
        if (is_forced(cw->req->choice.mode) && chat_refuses_term(cw, false, TERM_TOOL_CHOICE, ""))
            return false;
    } else if (!write_choice(cw) || !write_parallel(cw)) {
        return false;
    }
    return !searches(cw) || write_search(cw);
}

/* -- The form of the answer ------------------------------------------------------------------------------------------------ */

static void write_schema(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    static const struct names_rule rule = {.others = "_-", .max = SCHEMA_NAME_MAX};
    struct sl_str name = q->schema_name.n > 0 ? names_fit(&rule, q->schema_name, cw->t->a) : SL_STR("response");
    bool strict = q->schema_strict == SAID_YES ||
                  (q->schema_strict == SAID_NOTHING && schema_is_strict(q->schema, cw->t->a));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("type"), SL_STR("json_schema"));
    jw_key(&cw->w, SL_STR("json_schema"));
    jw_open(&cw->w, '{');
    jw_member_inside(&cw->w, SL_STR("name"), name);
    jw_maybe_inside(&cw->w, SL_STR("description"), q->schema_description);
    jw_member_raw(&cw->w, SL_STR("schema"), q->schema.n > 0 ? q->schema : SL_STR("{}"));
    jw_member_bool(&cw->w, SL_STR("strict"), strict);
    jw_close(&cw->w, '}');
    jw_close(&cw->w, '}');
}

bool chat_write_format(struct chat_write *cw)
{
    enum neutral_format format = cw->req->format;
    if (format != NF_JSON_OBJECT && format != NF_JSON_SCHEMA)
        return true;
    jw_key(&cw->w, SL_STR("response_format"));
    if (format == NF_JSON_SCHEMA && caps_has(cw->t->caps, CAP_SCHEMA)) {
        write_schema(cw);
        return true;
    }
    jw_raw(&cw->w, SL_STR("{\"type\":\"json_object\"}"));
    return format == NF_JSON_OBJECT || !chat_refuses_term(cw, false, TERM_FORMAT, "instruction");
}

/* json_object is refused by OpenAI where nobody says "JSON"; a model without schemas is told what is wanted (2.6). */
struct sl_str chat_format_hint(struct chat_write *cw)
{
    const struct neutral_request *q = cw->req;
    if (q->format == NF_JSON_SCHEMA && !caps_has(cw->t->caps, CAP_SCHEMA))
        return sl_arena_printf(
            cw->t->a, "Respond with one JSON value and nothing else. It must follow this JSON Schema: " SL_STR_FMT,
            SL_STR_ARG(q->schema));
    bool foreign = q->from != NULL && q->from->errors != ERRORS_OPENAI;
    if (q->format == NF_JSON_OBJECT && foreign)
        return SL_STR("Respond with one JSON object and nothing else.");
    return SL_STR_NONE;
}
