/* The pieces of an answer to a Gemini client, whole or streamed: translate-gemini.md 12.2, 15; gemini.md 7 (November 2026).
 * Everything is one line, since SDKs take an event for one line. */
#include "dialect/gemini/gemini_int.h"

#include "dialect/media.h"

/* -- Parts ---------------------------------------------------------------------------------------------------------------------- */

bool gem_part_shows(const struct translation *t, const struct neutral_part *p)
{
    switch (p->kind) {
    case NP_TEXT:
    case NP_REFUSAL:
        return p->text.n > 0 || p->signature.n > 0;
    case NP_REASONING:
        return t->show_reasoning && p->text.n > 0;
    case NP_TOOL_CALL:
        return true;
    case NP_IMAGE:
    case NP_AUDIO:
    case NP_VIDEO:
    case NP_FILE:
        return p->media.data.n > 0;
    case NP_HOSTED:
        return t->up == &gemini_dialect && p->type.n > 0 && p->raw.n > 0;
    default:
        return false;
    }
}

static void write_signature(struct json_writer *w, struct sl_str plain)
{
    if (plain.n > 0)
        jw_member_plain(w, SL_STR("thoughtSignature"), plain);
}

/* args is an object: what is none is the value of one. */
static bool write_call(struct json_writer *w, const struct translation *t, const struct neutral_part *p,
                       struct sl_str signature)
{
    struct sl_str args = p->custom ? SL_STR_NONE : gem_trim(p->arguments);
    struct json_info info = {.root = JSON_OBJECT};
    if (args.n > 0 && json_scan(args, NULL, 0, NULL, &info) != JSON_OK)
        return false;
    jw_open(w, '{');
    jw_key(w, SL_STR("functionCall"));
    jw_open(w, '{');
    jw_maybe_inside(w, SL_STR("id"), p->id);
    jw_member_inside(w, SL_STR("name"), p->name);
    jw_key(w, SL_STR("args"));
    if (p->custom || (info.root != JSON_OBJECT && info.root != JSON_NULL)) {
        jw_open(w, '{');
        if (p->custom)
            jw_member_inside(w, SL_STR("input"), p->text);
        else
            jw_member_raw(w, SL_STR("value"), gem_compact(args, t->a));
        jw_close(w, '}');
    } else {
        jw_raw(w, args.n == 0 || info.root == JSON_NULL ? SL_STR("{}") : gem_compact(args, t->a));
    }
    jw_close(w, '}');
    write_signature(w, signature);
    jw_close(w, '}');
    return true;
}

static void write_media(struct json_writer *w, const struct translation *t, const struct neutral_part *p,
                        struct sl_str signature)
{
    bool inline_data = p->media.source == NS_BASE64;
    struct sl_str mime = p->media.mime, data = p->media.data;
    if (mime.n > 0 && sl_str_find(mime, '/') < 0)
        mime = sl_arena_printf(t->a, "%s/" SL_STR_FMT, p->kind == NP_AUDIO ? "audio" : "image", SL_STR_ARG(mime));
    if (mime.n == 0)
        mime = inline_data ? media_sniff(data) : media_by_name(json_plain(data, t->a));
    if (mime.n == 0)
        mime = p->kind == NP_AUDIO ? SL_STR("audio/wav") : SL_STR("image/png");
    if (inline_data && media_base64(data, t->a).n > 0)
        data = media_base64(data, t->a);
    jw_open(w, '{');
    jw_key(w, inline_data ? SL_STR("inlineData") : SL_STR("fileData"));
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("mimeType"), mime);
    jw_member_inside(w, inline_data ? SL_STR("data") : SL_STR("fileUri"), data);
    jw_close(w, '}');
    write_signature(w, signature);
    jw_close(w, '}');
}

bool gem_write_part(struct json_writer *w, const struct translation *t, const struct neutral_part *p,
                    struct sl_str signature)
{
    switch (p->kind) {
    case NP_TOOL_CALL:
        return write_call(w, t, p, signature);
    case NP_IMAGE:
    case NP_AUDIO:
    case NP_VIDEO:
    case NP_FILE:
        write_media(w, t, p, signature);
        return true;
    case NP_HOSTED:
        jw_open(w, '{');
        jw_member_raw(w, p->type, gem_compact(p->raw, t->a));
        jw_close(w, '}');
        return true;
    default:
        jw_open(w, '{');
        jw_member_inside(w, SL_STR("text"), p->text);
        if (p->kind == NP_REASONING)
            jw_member_bool(w, SL_STR("thought"), true);
        write_signature(w, signature);
        jw_close(w, '}');
        return true;
    }
}

/* -- Behind the content ------------------------------------------------------------------------------------------------------------ */

static void write_segment(struct json_writer *w, const struct gem_ending *e, const struct neutral_citation *c)
{
    int64_t from = c->from >= 0 && e->map != NULL ? gem_text_byte_at(e->map, (uint64_t)c->from) : -1;
    int64_t to = c->to >= 0 && e->map != NULL ? gem_text_byte_at(e->map, (uint64_t)c->to) : -1;
    jw_key(w, SL_STR("segment"));
    jw_open(w, '{');
    if (from >= 0 && to >= from) {
        if (from > 0) /* as Google writes it */
            jw_member_u64(w, SL_STR("startIndex"), (uint64_t)from);
        jw_member_u64(w, SL_STR("endIndex"), (uint64_t)to);
    }
    jw_maybe_inside(w, SL_STR("text"), c->cited_text);
    jw_close(w, '}');
}

static void write_grounding(struct json_writer *w, const struct gem_ending *e)
{
    if (e->n_citations == 0)
        return;
    jw_key(w, SL_STR("groundingMetadata"));
    jw_open(w, '{');
    jw_key(w, SL_STR("groundingChunks"));
    jw_open(w, '[');
    for (uint32_t i = 0; i < e->n_citations; i++) {
        jw_open(w, '{');
        jw_key(w, SL_STR("web"));
        jw_open(w, '{');
        jw_member_inside(w, SL_STR("uri"), e->citations[i].url);
        jw_maybe_inside(w, SL_STR("title"), e->citations[i].title);
        jw_close(w, '}');
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_key(w, SL_STR("groundingSupports"));
    jw_open(w, '[');
    for (uint32_t i = 0; i < e->n_citations; i++) {
        jw_open(w, '{');
        write_segment(w, e, &e->citations[i]);
        jw_key(w, SL_STR("groundingChunkIndices"));
        jw_open(w, '[');
        jw_u64(w, i);
        jw_close(w, ']');
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_close(w, '}');
}

static void write_token(struct json_writer *w, const struct json_tree *tree, const struct json_node *v)
{
    struct sl_str p = json_get_raw(tree, v, SL_STR("logprob"));
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("token"), json_get_inside(tree, v, SL_STR("token")));
    jw_member_raw(w, SL_STR("logProbability"), p.n > 0 ? p : SL_STR("0"));
    jw_close(w, '}');
}

static void write_logprobs(struct json_writer *w, const struct translation *t, struct sl_str elements)
{
    struct json_tree tree;
    struct sl_str list = sl_arena_printf(t->a, "[" SL_STR_FMT "]", SL_STR_ARG(elements));
    if (elements.n == 0 || !json_tree_read(&tree, list, t->a))
        return;
    jw_key(w, SL_STR("logprobsResult"));
    jw_open(w, '{');
    jw_key(w, SL_STR("topCandidates"));
    jw_open(w, '[');
    for (JSON_EACH(&tree, json_root(&tree), it)) {
        jw_open(w, '{');
        jw_key(w, SL_STR("candidates"));
        jw_open(w, '[');
        for (JSON_EACH(&tree, json_get(&tree, it, SL_STR("top_logprobs")), top))
            write_token(w, &tree, top);
        jw_close(w, ']');
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_key(w, SL_STR("chosenCandidates"));
    jw_open(w, '[');
    for (JSON_EACH(&tree, json_root(&tree), it))
        write_token(w, &tree, it);
    jw_close(w, ']');
    jw_close(w, '}');
}

void gem_write_ending(struct json_writer *w, const struct translation *t, const struct gem_ending *e)
{
    bool told = e->finish == FINISH_CONTENT_FILTER || e->finish == FINISH_OTHER || e->finish == FINISH_MALFORMED_CALL;
    bool malformed = e->malformed &&
                     e->finish != FINISH_LENGTH; /* a call that the limit cut is no fault of the model */
    enum neutral_finish f = malformed ? FINISH_MALFORMED_CALL : e->finish;
    jw_member_inside(w, SL_STR("finishReason"), gem_finish_word(f));
    if (malformed)
        jw_member_inside(w, SL_STR("finishMessage"),
                         SL_STR("The model called a function with arguments that are not JSON."));
    else if (told)
        jw_maybe_inside(w, SL_STR("finishMessage"), e->text);
    jw_member_u64(w, SL_STR("index"), e->index);
    write_grounding(w, e);
    write_logprobs(w, t, e->logprobs);
}

void gem_write_tail(struct json_writer *w, const struct translation *t, const struct token_counts *usage,
                    struct sl_str tier)
{
    if (usage != NULL && usage->found)
        gem_usage_write(w, usage, tier);
    if (t->req != NULL && t->req->model.n > 0)
        jw_member_plain(w, SL_STR("modelVersion"), t->req->model);
    if (t->id.n > 0)
        jw_member_plain(w, SL_STR("responseId"), t->id);
}
