/* Writes the blocks of a conversation that is in order: unions of one member each. Source: bedrock.md 6.1, 6.4 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#include "dialect/terms.h"

#define MARKS_MAX 4u

/* A mark is a block behind what it marks. Models that keep no prompts refuse it, and nobody loses anything but a discount. */
static void converse_write_cache(struct converse_writing *w, enum neutral_cache cache)
{
    bool kept = caps_has(w->t->caps, CAP_CACHE_MARKS) && w->n_marks < MARKS_MAX;
    if (cache != NC_NONE && !kept)
        neutral_note(w->t->notes, "", term_of(w->req, TERM_CACHE_MARK));
    if (cache == NC_NONE || !kept)
        return;
    w->n_marks++;
    jw_raw(&w->w, cache == NC_1H ? SL_STR("{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}")
                                 : SL_STR("{\"cachePoint\":{\"type\":\"default\"}}"));
}

static void write_text(struct converse_writing *w, struct sl_str before, struct sl_str text, struct sl_str behind)
{
    jw_open(&w->w, '{');
    jw_key(&w->w, SL_STR("text"));
    jw_string(&w->w);
    jw_piece_inside(&w->w, before);
    jw_piece_inside(&w->w, text);
    jw_piece_inside(&w->w, behind);
    jw_string_end(&w->w);
    jw_close(&w->w, '}');
}

static void write_media(struct converse_writing *w, const struct converse_block *b)
{
    static const struct sl_str names[] = {[CK_IMAGE] = SL_STR_INIT("image"),
                                          [CK_DOCUMENT] = SL_STR_INIT("document"),
                                          [CK_VIDEO] = SL_STR_INIT("video"),
                                          [CK_AUDIO] = SL_STR_INIT("audio")};
    jw_open(&w->w, '{');
    jw_key(&w->w, names[b->kind]);
    jw_open(&w->w, '{');
    jw_member_plain(&w->w, SL_STR("format"), b->format);
    if (b->kind == CK_DOCUMENT)
        jw_member_plain(&w->w, SL_STR("name"), b->name);
    jw_key(&w->w, SL_STR("source"));
    jw_open(&w->w, '{');
    if (b->on_s3) {
        jw_key(&w->w, SL_STR("s3Location"));
        jw_open(&w->w, '{');
        jw_member_inside(&w->w, SL_STR("uri"), b->data);
        jw_close(&w->w, '}');
    } else {
        jw_member_inside(&w->w, SL_STR("bytes"), b->data);
    }
    jw_close(&w->w, '}');
    jw_maybe_inside(&w->w, SL_STR("context"), b->context);
    jw_close(&w->w, '}');
    jw_close(&w->w, '}');
}

static void write_thought(struct converse_writing *w, const struct converse_block *b)
{
    jw_open(&w->w, '{');
    jw_key(&w->w, SL_STR("reasoningContent"));
    jw_open(&w->w, '{');
    if (b->kind == CK_SEALED) {
        jw_member_plain(&w->w, SL_STR("redactedContent"), b->signature);
    } else {
        jw_key(&w->w, SL_STR("reasoningText"));
        jw_open(&w->w, '{');
        jw_member_inside(&w->w, SL_STR("text"), b->text);
        jw_member_plain(&w->w, SL_STR("signature"), b->signature);
        jw_close(&w->w, '}');
    }
    jw_close(&w->w, '}');
    jw_close(&w->w, '}');
}

/* The input has to be an object; whatever else a model wrote is kept under a name. */
static void write_input(struct converse_writing *w, const struct converse_block *b)
{
    struct sl_str raw = b->part->arguments;
    struct json_info info;
    if (b->part->custom) {
        jw_open(&w->w, '{');
        jw_member_inside(&w->w, SL_STR("input"), b->part->text);
        jw_close(&w->w, '}');
        return;
    }
    bool valid = json_scan(raw, NULL, 0, NULL, &info) == JSON_OK;
    if (valid && info.root == JSON_OBJECT && !b->wrapped) {
        jw_raw(&w->w, raw);
        return;
    }
    jw_open(&w->w, '{');
    if (valid)
        jw_member_raw(&w->w, SL_STR("value"), raw);
    else if (raw.n > 0 && !json_is_blank(raw))
        jw_member_inside(&w->w, SL_STR("_raw"), json_escape(raw, w->a));
    jw_close(&w->w, '}');
}

static void write_call(struct converse_writing *w, const struct converse_block *b)
{
    if (w->flatten) {
        struct sl_str what = b->part->custom ? b->part->text : json_escape(b->part->arguments, w->a);
        write_text(w, sl_arena_printf(w->a, "<call name=\\\"" SL_STR_FMT "\\\">", SL_STR_ARG(b->name)), what,
                   SL_STR("</call>"));
        return;
    }
    jw_open(&w->w, '{');
    jw_key(&w->w, SL_STR("toolUse"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("toolUseId"), b->id);
    jw_member_inside(&w->w, SL_STR("name"), b->name);
    jw_key(&w->w, SL_STR("input"));
    write_input(w, b);
    jw_close(&w->w, '}');
    jw_close(&w->w, '}');
}

static void write_json(struct converse_writing *w, struct sl_str raw)
{
    jw_open(&w->w, '{');
    jw_member_raw(&w->w, SL_STR("json"), raw);
    jw_close(&w->w, '}');
}

static void write_result_content(struct converse_writing *w, const struct converse_block *content)
{
    jw_open(&w->w, '[');
    if (content == NULL)
        write_json(w, SL_STR("{}")); /* a blank text is refused */
    for (const struct converse_block *c = content; c != NULL; c = c->next) {
        if (c->kind == CK_TEXT)
            write_text(w, SL_STR_NONE, c->text, SL_STR_NONE);
        else if (c->kind == CK_JSON && json_is(c->text, JSON_OBJECT))
            write_json(w, c->text);
        else if (c->kind == CK_JSON)
            write_text(w, SL_STR_NONE, json_escape(c->text, w->a), SL_STR_NONE);
        else
            write_media(w, c);
    }
    jw_close(&w->w, ']');
}

static void flatten_result(struct converse_writing *w, const struct converse_block *b)
{
    jw_open(&w->w, '{');
    jw_key(&w->w, SL_STR("text"));
    jw_string(&w->w);
    jw_piece_inside(&w->w, sl_arena_printf(w->a, "<result of=\\\"" SL_STR_FMT "\\\">", SL_STR_ARG(b->name)));
    for (const struct converse_block *c = b->content; c != NULL; c = c->next)
        jw_piece_inside(&w->w, c->kind == CK_JSON ? json_escape(c->text, w->a) : c->text);
    jw_piece_inside(&w->w, SL_STR("</result>"));
    jw_string_end(&w->w);
    jw_close(&w->w, '}');
}

static void write_result(struct converse_writing *w, const struct converse_block *b)
{
    if (w->flatten) {
        flatten_result(w, b);
        return;
    }
    jw_open(&w->w, '{');
    jw_key(&w->w, SL_STR("toolResult"));
    jw_open(&w->w, '{');
    jw_member_inside(&w->w, SL_STR("toolUseId"), b->id);
    jw_key(&w->w, SL_STR("content"));
    write_result_content(w, b->content);
    if (b->part->is_error)
        jw_member_plain(&w->w, SL_STR("status"), SL_STR("error"));
    jw_close(&w->w, '}');
    jw_close(&w->w, '}');
}

static void write_block(struct converse_writing *w, const struct converse_block *b)
{
    switch (b->kind) {
    case CK_TEXT:
        write_text(w, SL_STR_NONE, b->text, SL_STR_NONE);
        break;
    case CK_SYSTEM_TEXT:
        write_text(w, SL_STR("<system>"), b->text, SL_STR("</system>"));
        break;
    case CK_IMAGE:
    case CK_DOCUMENT:
    case CK_VIDEO:
    case CK_AUDIO:
        write_media(w, b);
        break;
    case CK_THOUGHT:
    case CK_SEALED:
        write_thought(w, b);
        break;
    case CK_CALL:
        write_call(w, b);
        break;
    case CK_RESULT:
        write_result(w, b);
        break;
    case CK_JSON:
        break;
    }
    converse_write_cache(w, b->cache);
}

static void write_blocks(struct converse_writing *w, const struct converse_block *b)
{
    jw_open(&w->w, '[');
    for (; b != NULL; b = b->next)
        write_block(w, b);
    jw_close(&w->w, ']');
}

void converse_write_messages(struct converse_writing *w)
{
    if (w->system.first != NULL) {
        jw_key(&w->w, SL_STR("system"));
        write_blocks(w, w->system.first);
    }
    jw_key(&w->w, SL_STR("messages"));
    jw_open(&w->w, '[');
    for (const struct converse_turn *turn = w->turns; turn != NULL; turn = turn->next) {
        jw_open(&w->w, '{');
        jw_member_plain(&w->w, SL_STR("role"), turn->assistant ? SL_STR("assistant") : SL_STR("user"));
        jw_key(&w->w, SL_STR("content"));
        write_blocks(w, turn->blocks.first);
        jw_close(&w->w, '}');
    }
    jw_close(&w->w, ']');
}
