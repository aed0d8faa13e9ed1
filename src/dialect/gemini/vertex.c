/* A body for the Gemini API on its way to Vertex AI, which knows most of it and refuses what it does not know: ids of calls (it
 * matches them by their order), and some members of the Gemini API alone. A count is asked for with the request's members at the top.
 * Members are cut with one comma each; the rest stays byte for byte. Source: gemini.md 11.1 and 20.2 (November 2026). */
#include "dialect/gemini/gemini_int.h"

struct cutting {
    struct gem_edits *e;
    const struct json_tree *t;
    const struct request_facts *f;
    struct neutral_notes *notes;
    struct sl_str tier; /* for a header */
    bool counts;
};

typedef bool goes_f(struct cutting *c, const struct json_node *m, const char *path);
typedef void into_f(struct cutting *c, const struct json_node *m);

/* Cuts the members of an object that go, and looks into those that stay, in the order of the body. */
static void cut_members(struct cutting *c, const struct json_node *object, const char *path, goes_f *goes, into_f *into)
{
    size_t end = 0; /* of the last member that stays; 0: none yet */
    if (json_kind_of(object) != JSON_OBJECT)
        return;
    for (JSON_EACH(c->t, object, m)) {
        const struct json_node *next = json_sibling(c->t, m);
        if (!goes(c, m, path)) {
            end = m->at + m->n;
            if (into != NULL)
                into(c, m);
            continue;
        }
        size_t key = m->key_at - 1u, to = m->at + m->n;
        if (end > 0)
            gem_add_edit(c->e, end, to, SL_STR_NONE);
        else
            gem_add_edit(c->e, key, next != NULL ? next->key_at - 1u : to, SL_STR_NONE);
        if (end > 0)
            end = to;
    }
}

static bool is_named(const struct cutting *c, const struct json_node *m, const char *camel, const char *snake)
{
    return json_key_is(c->t, m, sl_str_c(camel)) || json_key_is(c->t, m, sl_str_c(snake));
}

static bool lost(struct cutting *c, const struct json_node *m, const char *path)
{
    if (m->kind != JSON_NULL)
        neutral_notef(c->notes, "", "%s" SL_STR_FMT, path, SL_STR_ARG(json_key_of(c->t, m)));
    return true;
}

/* -- Contents -------------------------------------------------------------------------------------------------------- */

static bool id_goes(struct cutting *c, const struct json_node *m, const char *path)
{
    (void)path;
    return json_key_is(c->t, m, SL_STR("id"));
}

static bool part_goes(struct cutting *c, const struct json_node *m, const char *path)
{
    return is_named(c, m, "partMetadata", "part_metadata") && lost(c, m, path);
}

static void into_part(struct cutting *c, const struct json_node *m)
{
    if (is_named(c, m, "functionCall", "function_call") || is_named(c, m, "functionResponse", "function_response"))
        cut_members(c, m, "", id_goes, NULL);
}

static bool nothing_goes(struct cutting *c, const struct json_node *m, const char *path)
{
    (void)c, (void)m, (void)path;
    return false;
}

static void into_content(struct cutting *c, const struct json_node *m)
{
    if (m->kind == JSON_ARRAY && json_key_is(c->t, m, SL_STR("parts")))
        for (JSON_EACH(c->t, m, part))
            cut_members(c, part, "parts[].", part_goes, into_part);
}

/* -- The request ----------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct cutting *c, const struct json_node *m)
{
    for (unsigned i = 0; i < RM_OURS; i++)
        if (c->f->at[i].kind != JSON_ABSENT && c->f->at[i].key == m->key_at - 1u)
            return true;
    return false;
}

/* A count takes what a prompt is made of. */
static bool counts_not(const struct cutting *c, const struct json_node *m)
{
    return c->counts && !json_key_is(c->t, m, SL_STR("contents")) && !json_key_is(c->t, m, SL_STR("tools")) &&
           !is_named(c, m, "systemInstruction", "system_instruction") &&
           !is_named(c, m, "generationConfig", "generation_config") &&
           !is_named(c, m, "generateContentRequest", "generate_content_request");
}

/* A header says it there, and none says the usual one. */
static bool take_tier(struct cutting *c, const struct json_node *m)
{
    static const struct sl_str words[] = {SL_STR_INIT("flex"), SL_STR_INIT("priority"), SL_STR_INIT("standard"),
                                          SL_STR_INIT("unspecified")};
    struct sl_str said = json_inside_of(c->t, m);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!sl_str_eq_nocase(said, words[i]))
            continue;
        c->tier = i < 2 ? words[i] : SL_STR_NONE;
        return true;
    }
    return false;
}

static bool top_goes(struct cutting *c, const struct json_node *m, const char *path)
{
    if (is_ours(c, m) || counts_not(c, m))
        return true;
    if (is_named(c, m, "serviceTier", "service_tier"))
        return take_tier(c, m) || lost(c, m, path);
    return json_key_is(c->t, m, SL_STR("store")) && lost(c, m, path);
}

static bool tool_config_goes(struct cutting *c, const struct json_node *m, const char *path)
{
    return is_named(c, m, "includeServerSideToolInvocations", "include_server_side_tool_invocations") &&
           lost(c, m, path);
}

static bool config_goes(struct cutting *c, const struct json_node *m, const char *path)
{
    return is_named(c, m, "enableEnhancedCivicAnswers", "enable_enhanced_civic_answers") && lost(c, m, path);
}

static void into_top(struct cutting *c, const struct json_node *m)
{
    if (m->kind == JSON_ARRAY && json_key_is(c->t, m, SL_STR("contents")))
        for (JSON_EACH(c->t, m, content))
            cut_members(c, content, "", nothing_goes, into_content);
    else if (is_named(c, m, "toolConfig", "tool_config"))
        cut_members(c, m, "toolConfig.", tool_config_goes, NULL);
    else if (is_named(c, m, "generationConfig", "generation_config"))
        cut_members(c, m, "generationConfig.", config_goes, NULL);
}

/* {"generateContentRequest": {...}}: what is in it becomes the body. */
static const struct json_node *request_of(struct cutting *c)
{
    const struct json_node *root = json_root(c->t);
    if (!c->counts)
        return root;
    for (JSON_EACH(c->t, root, m))
        if (m->kind == JSON_OBJECT && is_named(c, m, "generateContentRequest", "generate_content_request"))
            return m;
    return root;
}

void gem_edit_for_vertex(struct gem_edits *e, const struct request_facts *f, struct sl_str body, bool counts,
                         struct body_pieces *out)
{
    struct json_tree t;
    struct cutting c = {.e = e, .t = &t, .f = f, .notes = SL_ARENA_NEW(e->a, struct neutral_notes), .counts = counts};
    c.notes->a = e->a;
    out->notes = c.notes;
    if (!json_tree_read(&t, body, e->a)) /* the decoder has taken it: too large for the tree */
        return;
    const struct json_node *request = request_of(&c);
    if (request->at > 0)
        gem_add_edit(e, 0, request->at, SL_STR_NONE);
    cut_members(&c, request, "", top_goes, into_top);
    if (request->at + (size_t)request->n < body.n)
        gem_add_edit(e, request->at + (size_t)request->n, body.n, SL_STR_NONE);
    out->tier = c.tier;
}
