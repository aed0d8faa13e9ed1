/* Tools of a request. Source: bedrock.md 6.1; translate-openai-anthropic.md 2.4 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#include "dialect/anthropic/anthropic.h"
#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define CUSTOM_SCHEMA "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}"

static void list_wrapped(struct converse_writing *w)
{
    unsigned n = 0;
    struct sl_str *names = sl_arena_alloc(w->a, (w->n_tools + 1) * sizeof *names);
    for (unsigned i = 0; i < w->n_tools; i++)
        if (w->tools[i].wrapped)
            names[n++] = w->tools[i].tool->name;
    w->t->wrapped = names;
    w->t->n_wrapped = n;
}

static bool prepare(struct converse_writing *w, const struct neutral_tool *from)
{
    struct converse_tool *to = &w->tools[w->n_tools];
    struct sl_str what = term_tool(w->req, from, w->a);
    if (from->kind == NT_WEB_SEARCH || from->kind == NT_HOSTED)
        return !converse_refuses(w, false, what, "no such tool there"); /* an answer comes all the same */
    *to = (struct converse_tool){.tool = from, .name = names_out(&w->t->names, &names_openai, from->name, w->a)};
    if (from->kind == NT_CUSTOM) {
        to->schema = SL_STR(CUSTOM_SCHEMA);
        if (from->schema.n > 0 && converse_refuses(w, false, what, "grammar in the description"))
            return false;
    } else {
        to->schema = anthropic_schema_of_tool(from->schema, from->schema_is_google, w->a, &to->wrapped);
    }
    if (from->strict == SAID_YES)
        neutral_notef(w->t->notes, "", SL_STR_FMT ".strict", SL_STR_ARG(what));
    sl_map_put(&w->by_name, from->name, to);
    w->n_tools++;
    return true;
}

static bool is_allowed(const struct neutral_choice *c, const struct sl_map *allowed, const struct neutral_tool *tool)
{
    if (c->mode != NCH_ALLOWED_AUTO && c->mode != NCH_ALLOWED_REQUIRED)
        return true;
    return sl_map_get(allowed, tool->name) != NULL;
}

static bool prepare_all(struct converse_writing *w, const struct sl_map *allowed)
{
    bool left_out = false;
    for (const struct neutral_tool *t = w->req->tools; t != NULL; t = t->next) {
        bool may = is_allowed(&w->req->choice, allowed, t);
        left_out = left_out || !may;
        if (may && !prepare(w, t))
            return false;
    }
    return !left_out || !converse_refuses(w, false, term_of(w->req, TERM_TOOL_CHOICE), "other tools left out");
}

static bool is_left_out(const struct converse_writing *w)
{
    const struct neutral_choice *c = &w->req->choice;
    const struct neutral_tool *named = c->mode == NCH_NAMED && c->n_names > 0 ? unsaid_chosen(w->req, c->names[0])
                                                                              : NULL;
    return named != NULL && (named->kind == NT_WEB_SEARCH || named->kind == NT_HOSTED);
}

/* There is no choice "none": without tools the model calls none. */
static bool plan_choice(struct converse_writing *w)
{
    const struct neutral_choice *c = &w->req->choice;
    bool forced = c->mode == NCH_REQUIRED || c->mode == NCH_NAMED || c->mode == NCH_ALLOWED_REQUIRED;
    if (c->mode == NCH_NONE)
        w->n_tools = 0;
    bool lost = forced && w->req->tools != NULL && (w->n_tools == 0 || is_left_out(w));
    if (lost && converse_refuses(w, false, term_of(w->req, TERM_TOOL_CHOICE), ""))
        return false;
    if (w->n_tools == 0)
        return true;
    if (c->parallel == SAID_NO && converse_refuses(w, false, term_of(w->req, TERM_PARALLEL), ""))
        return false;
    if (lost)
        return true;
    if (forced && !caps_has(w->t->caps, CAP_FORCED_TOOL)) {
        w->choice = NCH_AUTO;
        return !converse_refuses(w, false, term_of(w->req, TERM_TOOL_CHOICE), "auto");
    }
    w->choice = c->mode == NCH_NAMED    ? NCH_NAMED
                : forced                ? NCH_REQUIRED
                : c->mode == NCH_UNSAID ? NCH_UNSAID
                                        : NCH_AUTO;
    if (c->mode == NCH_NAMED && c->n_names > 0)
        w->choice_name = names_fit(&names_openai, c->names[0], w->a);
    return true;
}

bool converse_prepare_tools(struct converse_writing *w)
{
    const struct neutral_choice *c = &w->req->choice;
    struct sl_map allowed;
    unsigned n = 0;
    for (const struct neutral_tool *t = w->req->tools; t != NULL; t = t->next)
        n++;
    w->tools = sl_arena_alloc(w->a, (n + 1) * sizeof *w->tools); /* one more: for a JSON answer */
    if (n > 0 && !caps_has(w->t->caps, CAP_TOOLS) && c->mode != NCH_NONE &&
        converse_refuses(w, true, term_of(w->req, TERM_TOOLS), "the model takes no tools"))
        return false;
    sl_map_init(&allowed);
    for (uint32_t i = 0; i < c->n_names; i++)
        sl_map_put(&allowed, c->names[i], w);
    bool good = !caps_has(w->t->caps, CAP_TOOLS) || prepare_all(w, &allowed);
    sl_map_done(&allowed);
    if (!good || !plan_choice(w))
        return false;
    w->flatten = w->n_tools == 0;
    list_wrapped(w);
    return true;
}

/* A JSON answer by a tool that has to be called. False: there is no room for one. */
bool converse_add_json_tool(struct converse_writing *w)
{
    struct neutral_tool *tool = SL_ARENA_NEW(w->a, struct neutral_tool);
    struct converse_tool *to = &w->tools[w->n_tools];
    bool free_choice = w->choice == NCH_UNSAID || w->choice == NCH_AUTO;
    if (!caps_has(w->t->caps, CAP_FORCED_TOOL) || !free_choice || w->flatten != (w->n_tools == 0))
        return false;
    *tool = (struct neutral_tool){.kind = NT_FUNCTION,
                                  .name = SL_STR("json_response"),
                                  .description = w->req->schema_description.n > 0
                                                     ? w->req->schema_description
                                                     : SL_STR("Gives the answer. Call this tool to respond.")};
    if (sl_map_get(&w->by_name, tool->name) != NULL)
        tool->name = SL_STR("sluice_json_response");
    *to = (struct converse_tool){.tool = tool, .name = tool->name};
    to->schema = anthropic_schema_of_tool(w->req->schema, w->req->schema_is_google, w->a, &to->wrapped);
    w->choice = w->n_tools++ > 0 ? NCH_REQUIRED : NCH_NAMED;
    w->choice_name = tool->name;
    w->t->json_tool = tool->name;
    list_wrapped(w);
    return true;
}

/* -- Writing ----------------------------------------------------------------------------------------------------------- */

static void write_description(struct converse_writing *w, const struct neutral_tool *tool)
{
    bool grammar = tool->kind == NT_CUSTOM && tool->schema.n > 0;
    if (!json_is_blank(tool->description) || grammar)
        translation_describe_tool(&w->w, tool, w->a);
}

/* No cache point behind tools: of the models that are spoken to by Converse, Amazon's take them in system and messages only (AWS'
 * page on prompt caching, 2026, memory). */
static void write_tool(struct converse_writing *w, const struct converse_tool *tool)
{
    if (tool->tool->cache != NC_NONE)
        neutral_note(w->t->notes, "", term_of(w->req, TERM_CACHE_MARK));
    jw_open(&w->w, '{');
    jw_key(&w->w, SL_STR("toolSpec"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("name"), tool->name);
    write_description(w, tool->tool);
    jw_key(&w->w, SL_STR("inputSchema"));
    jw_open(&w->w, '{');
    jw_member_raw(&w->w, SL_STR("json"), tool->schema);
    jw_close(&w->w, '}');
    jw_close(&w->w, '}');
    jw_close(&w->w, '}');
}

static void write_choice(struct converse_writing *w)
{
    if (w->choice == NCH_UNSAID)
        return;
    jw_key(&w->w, SL_STR("toolChoice"));
    if (w->choice == NCH_NAMED) {
        jw_raw(&w->w, SL_STR("{\"tool\":{\"name\":\""));
        jw_piece_inside(&w->w, w->choice_name);
        jw_piece_inside(&w->w, SL_STR("\"}}"));
        return;
    }
    jw_raw(&w->w, w->choice == NCH_REQUIRED ? SL_STR("{\"any\":{}}") : SL_STR("{\"auto\":{}}"));
}

void converse_write_tools(struct converse_writing *w)
{
    if (w->n_tools == 0)
        return;
    jw_key(&w->w, SL_STR("toolConfig"));
    jw_open(&w->w, '{');
    jw_key(&w->w, SL_STR("tools"));
    jw_open(&w->w, '[');
    for (unsigned i = 0; i < w->n_tools; i++)
        write_tool(w, &w->tools[i]);
    jw_close(&w->w, ']');
    write_choice(w);
    jw_close(&w->w, '}');
}
