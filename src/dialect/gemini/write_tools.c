/* Tools and the choice among them: translate-gemini.md 4, gemini.md 3.4, 3.5 (November 2026). All functions stand in one entry; the
 * provider's own tools each in one behind it. */
#include "dialect/gemini/gemini_int.h"

#include "dialect/terms.h"
#include "dialect/unsaid.h"

#define FUNCTIONS_MAX 512u
#define EMPTY_SCHEMA_MAX 256u /* bytes: longer ones say something */

struct tools {
    struct gem_writer *g;
    struct gem_index names; /* declared */
    uint32_t n;
};

static struct sl_str place_of(const struct gem_writer *g, const struct neutral_tool *tool)
{
    return term_tool(g->req, tool, g->t->a);
}

/* -- Declarations ---------------------------------------------------------------------------------------------------------- */

/* {"type":"object","properties":{}} says nothing, and `parameters` must not be empty. */
static bool takes_nothing(struct gem_writer *g, struct sl_str schema)
{
    struct json_tree t;
    if (schema.n == 0 || sl_str_eq(schema, SL_STR("null")))
        return true;
    if (schema.n > EMPTY_SCHEMA_MAX || !json_tree_read(&t, schema, g->t->a) || json_root(&t)->kind != JSON_OBJECT)
        return false;
    const struct json_node *properties = json_got(&t, json_root(&t), SL_STR("properties"));
    for (JSON_EACH(&t, json_root(&t), it)) {
        bool frame = json_key_is(&t, it, SL_STR("type")) || json_key_is(&t, it, SL_STR("properties")) ||
                     json_key_is(&t, it, SL_STR("required")) || json_key_is(&t, it, SL_STR("$schema")) ||
                     json_key_is(&t, it, SL_STR("additionalProperties")) || json_key_is(&t, it, SL_STR("title"));
        if (!frame)
            return false;
    }
    return properties == NULL || properties->children == 0;
}

static bool write_schema(struct gem_writer *g, const struct neutral_tool *tool)
{
    bool modern = gem_flag(g, CAP_JSON_SCHEMA), lost = false;
    struct sl_str out;
    if (tool->schema_is_google) {
        jw_member_raw(&g->w, SL_STR("parameters"), tool->schema);
        return true;
    }
    if (takes_nothing(g, tool->schema))
        return true;
    enum gem_schema_flaw flaw = modern ? gem_schema_json(g->t->a, tool->schema, GEM_FOR_TOOL, &out, &lost)
                                       : gem_schema_openapi(g->t->a, tool->schema, GEM_FOR_TOOL, &out, &lost);
    if (flaw == GEM_SCHEMA_NOT_OBJECT)
        return gem_reject(g, GE_MEMBER_VALUE, place_of(g, tool), "must have a schema of type object");
    if (flaw == GEM_SCHEMA_EXTERNAL)
        return gem_reject(g, GE_MEMBER_VALUE, place_of(g, tool), "has a $ref to another document");
    if (lost)
        neutral_note(g->t->notes, "schema simplified", place_of(g, tool));
    jw_member_raw(&g->w, modern ? SL_STR("parametersJsonSchema") : SL_STR("parameters"), out);
    return true;
}

/* Free-form input: one text; what grammar it has is only told. */
static void write_custom(struct gem_writer *g, const struct neutral_tool *tool)
{
    bool modern = gem_flag(g, CAP_JSON_SCHEMA);
    neutral_note(g->t->notes, "as a function", place_of(g, tool));
    if (modern)
        jw_member_raw(&g->w, SL_STR("parametersJsonSchema"),
                      SL_STR("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                             "\"required\":[\"input\"]}"));
    else
        jw_member_raw(&g->w, SL_STR("parameters"),
                      SL_STR("{\"type\":\"OBJECT\",\"properties\":{\"input\":{\"type\":\"STRING\"}},"
                             "\"required\":[\"input\"]}"));
}

static void write_description(struct gem_writer *g, const struct neutral_tool *tool)
{
    bool grammar = tool->kind == NT_CUSTOM && tool->schema.n > 0;
    if (tool->description.n == 0 && !grammar)
        return;
    jw_key(&g->w, SL_STR("description"));
    jw_string(&g->w);
    jw_piece_inside(&g->w, tool->description);
    if (grammar) {
        jw_piece_inside(&g->w, tool->description.n > 0 ? SL_STR("\\n\\nThe input's format: ") : SL_STR("Format: "));
        jw_piece_inside(&g->w, json_escape(tool->schema, g->t->a));
    }
    jw_string_end(&g->w);
}

static bool write_declaration(struct tools *to, const struct neutral_tool *tool)
{
    struct gem_writer *g = to->g;
    struct sl_str name = names_out(&g->t->names, &names_gemini, tool->name, g->t->a);
    if (gem_index_get(&to->names, name) != NULL)
        return gem_reject(g, GE_MEMBER_VALUE, place_of(g, tool), "has the name of another tool");
    gem_index_put(&to->names, g->t->a, name, to);
    if (++to->n > FUNCTIONS_MAX)
        return gem_reject(g, GE_MEMBER_TOO_MANY, term_of(g->req, TERM_TOOLS), "has more than 512 functions");
    g->strict |= tool->strict == SAID_YES;
    if (tool->cache != NC_NONE)
        neutral_note(g->t->notes, "", term_of(g->req, TERM_CACHE_MARK));
    jw_open(&g->w, '{');
    jw_member_inside(&g->w, SL_STR("name"), name);
    write_description(g, tool);
    if (tool->kind == NT_CUSTOM)
        write_custom(g, tool);
    else if (!write_schema(g, tool))
        return false;
    jw_close(&g->w, '}');
    return true;
}

/* -- Which tools ------------------------------------------------------------------------------------------------------------- */

static bool is_function(const struct neutral_tool *tool)
{
    return tool->kind == NT_FUNCTION || tool->kind == NT_CUSTOM;
}

/* allowed_tools in mode auto: Google can only restrict a choice that is forced, so the others are not declared. */
static bool is_allowed(const struct gem_writer *g, const struct neutral_tool *tool)
{
    const struct neutral_choice *choice = &g->req->choice;
    if (choice->mode != NCH_ALLOWED_AUTO)
        return true;
    for (uint32_t i = 0; i < choice->n_names; i++)
        if (sl_str_eq(choice->names[i], tool->name))
            return true;
    return false;
}

static bool write_functions(struct tools *to)
{
    struct gem_writer *g = to->g;
    for (const struct neutral_tool *tool = g->req->tools; tool != NULL; tool = tool->next) {
        if (!is_function(tool) || !is_allowed(g, tool))
            continue;
        if (!g->functions) {
            jw_open(&g->w, '{');
            jw_key(&g->w, SL_STR("functionDeclarations"));
            jw_open(&g->w, '[');
        }
        g->functions = true;
        if (!write_declaration(to, tool))
            return false;
    }
    if (g->functions) {
        jw_close(&g->w, ']');
        jw_close(&g->w, '}');
    }
    return true;
}

/* Google's search takes no settings: each that was asked for is named. */
static bool may_lose_settings(struct gem_writer *g, const struct neutral_tool *tool)
{
    struct json_tree t;
    if (tool->raw.n == 0 || !json_tree_read(&t, tool->raw, g->t->a))
        return true;
    for (JSON_EACH(&t, json_root(&t), it))
        if (unsaid_search_setting(&t, it) &&
            gem_drops(g, false, unsaid_search_name(place_of(g, tool), &t, it, g->t->a), ""))
            return false;
    return true;
}

/* Those that run at the provider: Gemini's own as they are; web search of any other format as Google's. */
static bool write_hosted(struct gem_writer *g, const struct neutral_tool *tool)
{
    bool known = g->from_google || tool->kind == NT_WEB_SEARCH;
    bool mixed = g->functions && !gem_flag(g, CAP_JSON_AND_TOOLS); /* came together, with the third generation */
    bool spare = g->functions && g->req->choice.mode <= NCH_AUTO;  /* the model can do without, as agents expect */
    if (!known || mixed)
        return !gem_drops(g, !spare, place_of(g, tool),
                          known ? "the model takes either functions or tools of its provider" : "");
    if (!g->from_google && !may_lose_settings(g, tool))
        return false;
    jw_open(&g->w, '{');
    jw_key(&g->w, g->from_google && tool->type.n > 0 ? tool->type : SL_STR("googleSearch"));
    jw_raw(&g->w, g->from_google && tool->raw.n > 0 ? tool->raw : SL_STR("{}"));
    jw_close(&g->w, '}');
    g->hosted = true;
    return true;
}

/* NONE keeps the model from calling functions only, so there the others are left out. */
static bool has_tools(const struct gem_writer *g)
{
    for (const struct neutral_tool *tool = g->req->tools; tool != NULL; tool = tool->next)
        if (is_function(tool) ? is_allowed(g, tool) : g->req->choice.mode != NCH_NONE)
            return true;
    return false;
}

/* -- The choice ---------------------------------------------------------------------------------------------------------------- */

#define ALLOWED_MAX 512u /* names that are looked up */

/* Google can choose among functions only; a name that nobody has is the client's mistake, and Google says so. */
static bool can_be_chosen(const struct gem_writer *g, struct sl_str name)
{
    const struct neutral_tool *tool = g->req->choice.n_names <= ALLOWED_MAX ? unsaid_chosen(g->req, name) : NULL;
    return tool == NULL || is_function(tool);
}

static bool is_lost(const struct gem_writer *g)
{
    const struct neutral_choice *choice = &g->req->choice;
    bool named = choice->mode == NCH_NAMED || choice->mode == NCH_ALLOWED_REQUIRED;
    for (uint32_t i = 0; i < choice->n_names && named; i++)
        if (can_be_chosen(g, choice->names[i]))
            return false;
    return named && choice->n_names > 0;
}

static struct sl_str mode_of(const struct gem_writer *g)
{
    bool validated = g->strict && gem_flag(g, CAP_STRICT_TOOLS);
    switch (g->req->choice.mode) {
    case NCH_NONE:
        return SL_STR("NONE");
    case NCH_REQUIRED:
    case NCH_NAMED:
    case NCH_ALLOWED_REQUIRED:
        return SL_STR("ANY");
    default:
        return validated ? SL_STR("VALIDATED") : SL_STR_NONE;
    }
}

static void write_allowed(struct gem_writer *g)
{
    const struct neutral_choice *choice = &g->req->choice;
    if (choice->n_names == 0 || (choice->mode != NCH_NAMED && choice->mode != NCH_ALLOWED_REQUIRED))
        return;
    jw_key(&g->w, SL_STR("allowedFunctionNames"));
    jw_open(&g->w, '[');
    for (uint32_t i = 0; i < choice->n_names; i++)
        if (can_be_chosen(g, choice->names[i]))
            jw_inside(&g->w, names_out(&g->t->names, &names_gemini, choice->names[i], g->t->a));
    jw_close(&g->w, ']');
}

static bool is_forced(enum neutral_choice_mode mode)
{
    return mode == NCH_REQUIRED || mode == NCH_NAMED || mode == NCH_ALLOWED_REQUIRED;
}

static bool write_choice(struct gem_writer *g)
{
    bool lost = is_forced(g->req->choice.mode) && (!g->functions || is_lost(g)); /* only functions can be forced */
    struct sl_str mode = g->functions && !lost ? mode_of(g) : SL_STR_NONE;
    if (lost && gem_drops(g, false, term_of(g->req, TERM_TOOL_CHOICE), ""))
        return false;
    bool both = g->functions && g->hosted && !g->vertex;
    g->any = sl_str_eq(mode, SL_STR("ANY"));
    if (mode.n == 0 && !both)
        return true;
    jw_key(&g->w, SL_STR("toolConfig"));
    jw_open(&g->w, '{');
    if (mode.n > 0) {
        jw_key(&g->w, SL_STR("functionCallingConfig"));
        jw_open(&g->w, '{');
        jw_member_inside(&g->w, SL_STR("mode"), mode);
        write_allowed(g);
        jw_close(&g->w, '}');
    }
    if (both)
        jw_member_bool(&g->w, SL_STR("includeServerSideToolInvocations"), true);
    jw_close(&g->w, '}');
    return true;
}

bool gem_write_tools(struct gem_writer *g)
{
    struct tools to = {.g = g};
    if (!has_tools(g))
        return true;
    jw_key(&g->w, SL_STR("tools"));
    jw_open(&g->w, '[');
    if (!write_functions(&to))
        return false;
    for (const struct neutral_tool *tool = g->req->tools; tool != NULL; tool = tool->next)
        if (!is_function(tool) && g->req->choice.mode != NCH_NONE && !write_hosted(g, tool))
            return false;
    jw_close(&g->w, ']');
    return write_choice(g);
}
