/* Tools of a request. Source: translate-openai-anthropic.md 2.4, 8; anthropic.md 2.6, bedrock.md 4.1 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define STRICT_MAX 20u /* tools whose schema is enforced, at most */
#define CUSTOM_SCHEMA "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}"

static bool is_platform(const struct anthropic_writing *w, const char *name)
{
    return sl_str_eq(w->t->platform, sl_str_c(name));
}

/* Whether its tools may be sent as this format's own. */
static bool is_hosted_here(const struct anthropic_writing *w, const struct neutral_tool *tool)
{
    if (w->native && tool->raw.n > 0)
        return true;
    if (tool->kind == NT_WEB_SEARCH)
        return !is_platform(w, "bedrock");
    bool code = sl_str_eq(tool->type, SL_STR("code_interpreter")) || sl_str_eq(tool->type, SL_STR("codeExecution")) ||
                sl_str_eq(tool->type, SL_STR("code_execution"));
    return code && w->t->platform.n == 0;
}

static bool wants_strict(struct anthropic_writing *w, const struct anthropic_tool *tool, unsigned *strict)
{
    bool changed = false;
    struct sl_str ignored;
    if (tool->tool->strict != SAID_YES)
        return false;
    bool fits = (w->flags & CAP_STRICT_TOOLS) != 0 && *strict < STRICT_MAX && !tool->wrapped &&
                anthropic_schema_of_answer(tool->schema, false, w->a, &ignored, &changed) && !changed;
    *strict += fits;
    if (!fits)
        neutral_notef(w->t->notes, "", SL_STR_FMT ".strict", SL_STR_ARG(term_tool(w->req, tool->tool, w->a)));
    return fits;
}

/* Functions are there, too, and nothing forces the choice: the model can do without, as agents that always offer a search expect. */
static bool can_be_spared(const struct anthropic_writing *w)
{
    for (const struct neutral_tool *t = w->req->tools; t != NULL; t = t->next)
        if (t->kind == NT_FUNCTION || t->kind == NT_CUSTOM)
            return w->req->choice.mode <= NCH_AUTO;
    return false;
}

/* What a search of another format was told and Claude's cannot be: how much it brings into the context, and all that is unknown. */
static bool may_lose_size(struct anthropic_writing *w, const struct neutral_tool *tool)
{
    static const struct sl_str said[] = {SL_STR_INIT("user_location"), SL_STR_INIT("filters")};
    struct json_tree t;
    if (tool->raw.n == 0 || !json_tree_read(&t, tool->raw, w->a))
        return true;
    struct sl_str place = term_tool(w->req, tool, w->a);
    for (JSON_EACH(&t, json_root(&t), it)) {
        bool known = json_key_is(&t, it, said[0]) || json_key_is(&t, it, said[1]);
        if (!known && unsaid_search_setting(&t, it) &&
            anthropic_refuses(w, false, unsaid_search_name(place, &t, it, w->a), ""))
            return false;
    }
    return true;
}

/* A deferred tool that nobody can find is no tool: then it is sent as any other. */
static bool is_stranded(const struct anthropic_writing *w, const struct neutral_tool *tool)
{
    struct json_tree t;
    return w->native && w->req->left_tool_search && sl_str_find_str(tool->raw, SL_STR("defer_loading")) >= 0 &&
           json_tree_read(&t, tool->raw, w->a) &&
           json_kind_of(json_get(&t, json_root(&t), SL_STR("defer_loading"))) == JSON_TRUE;
}

static bool may_be_loaded(struct anthropic_writing *w, struct anthropic_tool *to)
{
    to->loaded = is_stranded(w, to->tool);
    if (!to->loaded)
        return true;
    struct sl_str place = term_tool(w->req, to->tool, w->a);
    return !anthropic_refuses(w, false, sl_arena_printf(w->a, SL_STR_FMT ".defer_loading", SL_STR_ARG(place)),
                              "loaded");
}

static bool prepare_tool(struct anthropic_writing *w, const struct neutral_tool *from, unsigned *strict)
{
    struct anthropic_tool *to = &w->tools[w->n_tools];
    *to = (struct anthropic_tool){.tool = from, .cache = from->cache};
    if (from->kind == NT_WEB_SEARCH || from->kind == NT_HOSTED) {
        if (!is_hosted_here(w, from))
            return !anthropic_refuses(w, from->kind == NT_HOSTED && !can_be_spared(w), term_tool(w->req, from, w->a),
                                      "no such tool there");
        w->n_tools++;
        return w->native || from->kind != NT_WEB_SEARCH || may_lose_size(w, from);
    }
    to->name = names_out(&w->t->names, &names_anthropic, from->name, w->a);
    if (from->kind == NT_CUSTOM) {
        to->schema = SL_STR(CUSTOM_SCHEMA);
        if (from->schema.n > 0 &&
            anthropic_refuses(w, false, term_tool(w->req, from, w->a), "grammar in the description"))
            return false;
    } else if (w->native && from->type.n == 0) {
        to->schema = from->schema;
    } else {
        to->schema = anthropic_schema_of_tool(from->schema, from->schema_is_google, w->a, &to->wrapped);
    }
    to->strict = wants_strict(w, to, strict);
    sl_map_put(&w->by_name, from->name, to);
    w->n_tools++;
    return may_be_loaded(w, to);
}

void anthropic_list_wrapped(struct anthropic_writing *w)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w->n_tools; i++)
        n += w->tools[i].wrapped;
    if (n == 0)
        return;
    struct sl_str *names = sl_arena_alloc(w->a, n * sizeof *names);
    n = 0;
    for (unsigned i = 0; i < w->n_tools; i++)
        if (w->tools[i].wrapped)
            names[n++] = w->tools[i].tool->name;
    w->t->wrapped = names;
    w->t->n_wrapped = n;
}

/* allowed: the names that may be called, where the client listed them. */
static bool is_allowed(const struct neutral_choice *c, const struct sl_map *allowed, const struct neutral_tool *tool)
{
    if (c->mode != NCH_ALLOWED_AUTO && c->mode != NCH_ALLOWED_REQUIRED)
        return true;
    return sl_map_get(allowed, tool->name.n > 0 ? tool->name : tool->type) != NULL;
}

bool anthropic_prepare_tools(struct anthropic_writing *w)
{
    const struct neutral_choice *c = &w->req->choice;
    unsigned n = 0, strict = 0;
    bool good = true, left_out = false;
    struct sl_map allowed;
    sl_map_init(&allowed);
    for (uint32_t i = 0; i < c->n_names; i++)
        sl_map_put(&allowed, c->names[i], w);
    for (const struct neutral_tool *t = w->req->tools; t != NULL; t = t->next)
        n++;
    w->tools = sl_arena_alloc(w->a, (n + 1) * sizeof *w->tools);
    for (const struct neutral_tool *t = w->req->tools; t != NULL && good; t = t->next) {
        bool may = is_allowed(c, &allowed, t);
        left_out = left_out || !may;
        good = !may || prepare_tool(w, t, &strict);
    }
    sl_map_done(&allowed);
    if (good && left_out)
        good = !anthropic_refuses(w, false, term_of(w->req, TERM_TOOL_CHOICE), "other tools left out");
    anthropic_list_wrapped(w);
    return good;
}

/* -- Writing ------------------------------------------------------------------------------------------------------------------ */

/* user_location and allowed_domains, from the spellings of chat completions and of Responses. */
static void write_search_options(struct anthropic_writing *w, struct sl_str raw)
{
    static const struct sl_str where[] = {SL_STR_INIT("city"), SL_STR_INIT("region"), SL_STR_INIT("country"),
                                          SL_STR_INIT("timezone")};
    struct json_tree t;
    if (raw.n == 0 || !json_tree_read(&t, raw, w->a))
        return;
    const struct json_node *root = json_root(&t), *place = json_got(&t, root, SL_STR("user_location")),
                           *filters = json_got(&t, root, SL_STR("filters"));
    const struct json_node *domains = json_got(&t, filters, SL_STR("allowed_domains"));
    if (json_kind_of(domains) == JSON_ARRAY)
        jw_member_raw(&w->w, SL_STR("allowed_domains"), json_raw_of(&t, domains));
    if (json_kind_of(place) != JSON_OBJECT)
        return;
    const struct json_node *inner = json_got(&t, place, SL_STR("approximate"));
    place = json_kind_of(inner) == JSON_OBJECT ? inner : place;
    jw_key(&w->w, SL_STR("user_location"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), SL_STR("approximate"));
    for (size_t i = 0; i < sizeof where / sizeof where[0]; i++)
        jw_maybe_inside(&w->w, where[i], json_get_inside(&t, place, where[i]));
    jw_close(&w->w, '}');
}

/* As the client wrote it. */
static void write_own(struct anthropic_writing *w, const struct anthropic_tool *tool)
{
    struct json_tree t;
    if (!tool->loaded || !json_tree_read(&t, tool->tool->raw, w->a)) {
        jw_raw(&w->w, tool->tool->raw);
        return;
    }
    jw_open(&w->w, '{');
    for (JSON_EACH(&t, json_root(&t), it)) {
        if (json_key_is(&t, it, SL_STR("defer_loading")))
            continue;
        jw_key_inside(&w->w, json_key_of(&t, it));
        jw_raw(&w->w, json_raw_of(&t, it));
    }
    jw_close(&w->w, '}');
}

static void write_hosted(struct anthropic_writing *w, const struct anthropic_tool *tool)
{
    if (w->native) {
        write_own(w, tool);
        return;
    }
    bool search = tool->tool->kind == NT_WEB_SEARCH;
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), search ? SL_STR("web_search_20250305") : SL_STR("code_execution_20250825"));
    jw_member_plain(&w->w, SL_STR("name"), search ? SL_STR("web_search") : SL_STR("code_execution"));
    if (search && w->req->max_tool_calls > 0)
        jw_member_u64(&w->w, SL_STR("max_uses"), w->req->max_tool_calls);
    if (search)
        write_search_options(w, tool->tool->raw);
    anthropic_write_cache(&w->w, tool->cache);
    jw_close(&w->w, '}');
}

static void write_description(struct anthropic_writing *w, const struct neutral_tool *tool)
{
    bool grammar = tool->kind == NT_CUSTOM && tool->schema.n > 0;
    if (tool->description.n > 0 || grammar)
        translation_describe_tool(&w->w, tool, w->a);
}

static void write_tool(struct anthropic_writing *w, const struct anthropic_tool *tool)
{
    const struct neutral_tool *from = tool->tool;
    if (from->kind == NT_WEB_SEARCH || from->kind == NT_HOSTED || (w->native && from->raw.n > 0)) {
        write_hosted(w, tool);
        return;
    }
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("name"), tool->name);
    write_description(w, from);
    jw_member_raw(&w->w, SL_STR("input_schema"), tool->schema);
    if (tool->strict)
        jw_member_bool(&w->w, SL_STR("strict"), true);
    anthropic_write_cache(&w->w, tool->cache);
    jw_close(&w->w, '}');
}

static void write_choice(struct anthropic_writing *w)
{
    static const struct sl_str words[] = {
        [NCH_AUTO] = SL_STR_INIT("auto"),
        [NCH_NONE] = SL_STR_INIT("none"),
        [NCH_REQUIRED] = SL_STR_INIT("any"),
        [NCH_NAMED] = SL_STR_INIT("tool"),
    };
    if (w->choice == NCH_UNSAID)
        return;
    jw_key(&w->w, SL_STR("tool_choice"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("type"), words[w->choice]);
    if (w->choice == NCH_NAMED)
        jw_member_inside(&w->w, SL_STR("name"), w->choice_name);
    if (w->single_calls)
        jw_member_bool(&w->w, SL_STR("disable_parallel_tool_use"), true);
    jw_close(&w->w, '}');
}

void anthropic_write_tools(struct anthropic_writing *w)
{
    if (w->n_tools == 0)
        return;
    jw_key(&w->w, SL_STR("tools"));
    jw_open(&w->w, '[');
    for (unsigned i = 0; i < w->n_tools; i++)
        write_tool(w, &w->tools[i]);
    jw_close(&w->w, ']');
    write_choice(w);
}
