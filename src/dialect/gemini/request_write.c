/* A request for Google: the top level. Only members that Google knows are written, since one unknown name fails the whole request
 * (translate-gemini.md 1). contents: write_contents.c; tools: write_tools.c; generationConfig: write_config.c. */
#include "dialect/gemini/gemini_int.h"

#include "dialect/terms.h"
#include "dialect/unsaid.h"

static bool write_top(struct gem_writer *g);
static bool write_others(struct gem_writer *g);
static bool write_labels(struct gem_writer *g);
static bool write_unknown(struct gem_writer *g);

static bool is_from(const struct neutral_request *req, struct sl_str name)
{
    return req->from != NULL && sl_str_eq(req->from->name, name);
}

bool gemini_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    struct gem_writer g = {.t = t,
                           .req = t->req,
                           .w = json_writer_on(out),
                           .refusal = out_refusal,
                           .vertex = sl_str_eq(t->platform, SL_STR("vertex")),
                           .from_google = is_from(t->req, SL_STR("gemini")),
                           .from_chat = is_from(t->req, SL_STR("openai"))};
    bool inner = t->req->kind == NO_COUNT_TOKENS && !g.vertex;
    jw_open(&g.w, '{');
    if (inner) {
        bool prefixed = sl_str_find(translation_model(t), '/') >= 0;
        jw_key(&g.w, SL_STR("generateContentRequest"));
        jw_open(&g.w, '{');
        jw_key(&g.w, SL_STR("model"));
        jw_string(&g.w);
        jw_piece_plain(&g.w, prefixed ? SL_STR_NONE : SL_STR("models/"));
        jw_piece_plain(&g.w, translation_model(t));
        jw_string_end(&g.w);
    }
    if (!write_top(&g))
        return false;
    if (inner)
        jw_close(&g.w, '}');
    jw_close(&g.w, '}');
    return true;
}

bool gem_drops(struct gem_writer *g, bool harmful, struct sl_str what, const char *how)
{
    return translation_refuses(g->t, harmful, what, how, g->refusal);
}

bool gem_reject(struct gem_writer *g, enum gateway_error e, struct sl_str what, const char *why)
{
    *g->refusal = (struct request_refusal){
        .error = {.error = e,
                  .param = sl_arena_str(g->t->a, what),
                  .message = sl_arena_printf(g->t->a, "'" SL_STR_FMT "' %s.", SL_STR_ARG(what), why)}};
    return false;
}

/* What Google has no word for. */
#define UNSAID                                                                                                         \
    (WISH_STATE | WISH_LOGIT_BIAS | WISH_VERBOSITY | WISH_USER | WISH_CACHE_KEY | WISH_PARALLEL | WISH_MAX_CALLS |     \
     WISH_STORE)

/* Counting takes what a prompt is made of; the rest means nothing to it and would only be refused. */
static bool write_top(struct gem_writer *g)
{
    if (!gem_write_contents(g) || !gem_write_tools(g))
        return false;
    if (g->req->kind == NO_COUNT_TOKENS)
        return true;
    return gem_write_config(g) && write_others(g) && write_unknown(g) && !unsaid_refuses(g->t, UNSAID, g->refusal);
}

static bool write_others(struct gem_writer *g)
{
    const struct neutral_request *req = g->req;
    jw_maybe_raw(&g->w, SL_STR("safetySettings"), req->safety_settings);
    if (req->store == SAID_NO && !g->vertex)
        jw_member_bool(&g->w, SL_STR("store"), false);
    struct sl_str tier = gem_tier_from_neutral(req->service_tier);
    bool silent = sl_str_eq(req->service_tier, SL_STR("auto")) || req->service_tier.n == 0;
    if (g->vertex && (sl_str_eq(tier, SL_STR("flex")) || sl_str_eq(tier, SL_STR("priority"))))
        g->t->tier = tier; /* a header there (gemini.md 20.2) */
    else if (tier.n > 0 && !g->vertex)
        jw_member_inside(&g->w, SL_STR("serviceTier"), tier);
    else if (!silent && !sl_str_eq(tier, SL_STR("standard")) &&
             gem_drops(g, false, term_of(req, TERM_SERVICE_TIER), ""))
        return false;
    return write_labels(g);
}

/* Lower-case letters, digits, '_' and '-', at most 63. Nothing else is a label. */
static void write_label(struct json_writer *w, struct sl_str plain)
{
    jw_string(w);
    for (size_t i = 0; i < plain.n && i < 63; i++) {
        char c = sl_lower(plain.p[i]);
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        jw_piece_plain(w, fine ? sl_str_of(&c, 1) : SL_STR("_"));
    }
    jw_string_end(w);
}

/* Labels appear on Google's bill: those of a Gemini client as they are, metadata of others on Vertex only. */
static bool write_labels(struct gem_writer *g)
{
    struct json_tree t;
    struct sl_str metadata = g->req->metadata;
    if (metadata.n == 0)
        return true;
    if (g->from_google) {
        jw_member_raw(&g->w, SL_STR("labels"), metadata);
        return true;
    }
    if (!g->vertex || !json_tree_read(&t, metadata, g->t->a) || json_root(&t)->kind != JSON_OBJECT)
        return !gem_drops(g, false, term_of(g->req, TERM_METADATA), "");
    jw_key(&g->w, SL_STR("labels"));
    jw_open(&g->w, '{');
    uint32_t n = 0;
    for (JSON_EACH(&t, json_root(&t), it)) {
        if (it->kind != JSON_STRING || n++ >= 64)
            continue;
        write_label(&g->w, json_plain(json_key_of(&t, it), g->t->a));
        sl_buf_addc(g->w.to, ':');
        g->w.comma = false;
        write_label(&g->w, json_plain_of(&t, it, g->t->a));
    }
    jw_close(&g->w, '}');
    return true;
}

static bool is_cache(struct sl_str name)
{
    return sl_str_eq(name, SL_STR("cachedContent")) || sl_str_eq(name, SL_STR("cached_content"));
}

/* Google's own members that a client of Google's, or one of OpenAI's through extensions, may send. A path within a member has a dot
 * or a bracket in it. */
static bool write_unknown(struct gem_writer *g)
{
    for (const struct neutral_member *m = g->req->unknown; m != NULL; m = m->next) {
        bool top = sl_str_find(m->name, '.') < 0 && sl_str_find(m->name, '[') < 0;
        bool cache = is_cache(m->name) && m->raw.n > 2 && m->raw.p[0] == '"';
        if (cache && (g->functions || g->hosted))
            return gem_reject(g, GE_UNSUPPORTED, m->name,
                              "cannot be used together with tools: they belong into the cache");
        if (cache)
            jw_member_raw(&g->w, SL_STR("cachedContent"), m->raw);
        else if (g->from_google && top)
            jw_member_raw(&g->w, m->name, m->raw);
        else if (g->from_google && sl_str_starts(m->name, SL_STR("generationConfig.")))
            continue; /* write_config.c has written it */
        else if (gem_drops(g, m->harmful, m->name, ""))
            return false;
    }
    return true;
}
