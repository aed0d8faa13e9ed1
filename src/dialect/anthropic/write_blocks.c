/* Writes the blocks of a conversation that is in order. Source: anthropic.md 2.4 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

static void write_blocks(struct anthropic_writing *w, const struct anthropic_block *b);

void anthropic_write_cache(struct json_writer *w, enum neutral_cache cache)
{
    if (cache == NC_5M)
        jw_member_raw(w, SL_STR("cache_control"), SL_STR("{\"type\":\"ephemeral\"}"));
    else if (cache == NC_1H)
        jw_member_raw(w, SL_STR("cache_control"), SL_STR("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"));
}

/* Opens an object with its first members, ready-made: these frames are most of what is written for a long conversation. */
static void frame(struct json_writer *w, struct sl_str text)
{
    if (w->comma)
        sl_buf_addc(w->to, ',');
    sl_buf_adds(w->to, text);
    w->comma = true;
}

static void string(struct json_writer *w, struct sl_str head, struct sl_str inside)
{
    sl_buf_adds(w->to, head);
    sl_buf_adds(w->to, inside);
    sl_buf_addc(w->to, '"');
}

static void end(struct json_writer *w, enum neutral_cache cache)
{
    anthropic_write_cache(w, cache);
    jw_close(w, '}');
}

static void write_text(struct anthropic_writing *w, const struct anthropic_block *b)
{
    if (b->in_system_words) {
        frame(&w->w, SL_STR("{\"type\":\"text\",\"text\":\"<system>"));
        jw_piece_inside(&w->w, b->text);
        jw_piece_inside(&w->w, SL_STR("</system>\""));
    } else {
        jw_open_with(&w->w, SL_STR("{\"type\":\"text\",\"text\":\""), b->text);
    }
    if (w->native && b->part != NULL)
        jw_maybe_raw(&w->w, SL_STR("citations"), b->part->citations);
    end(&w->w, b->cache);
}

static void write_source(struct json_writer *w, const struct neutral_media *m)
{
    switch (m->source) {
    case NS_BASE64:
        string(w, SL_STR("{\"type\":\"base64\",\"media_type\":\""), m->mime);
        string(w, SL_STR(",\"data\":\""), m->data);
        break;
    case NS_URL:
        string(w, SL_STR("{\"type\":\"url\",\"url\":\""), m->data);
        break;
    case NS_FILE_ID:
        string(w, SL_STR("{\"type\":\"file\",\"file_id\":\""), m->data);
        break;
    case NS_TEXT:
        string(w, SL_STR("{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\""), m->data);
        break;
    }
    jw_close(w, '}');
}

static void write_media(struct anthropic_writing *w, const struct anthropic_block *b)
{
    frame(&w->w, b->kind == AB_IMAGE ? SL_STR("{\"type\":\"image\",\"source\":")
                                     : SL_STR("{\"type\":\"document\",\"source\":"));
    write_source(&w->w, b->media);
    if (b->kind == AB_DOCUMENT) {
        jw_maybe_inside(&w->w, SL_STR("title"), b->media->filename);
        jw_maybe_inside(&w->w, SL_STR("context"), b->media->context);
    }
    end(&w->w, b->cache);
}

static void write_thinking(struct anthropic_writing *w, const struct anthropic_block *b)
{
    bool sealed = b->kind == AB_REDACTED;
    frame(&w->w, sealed ? SL_STR("{\"type\":\"redacted_thinking\"") : SL_STR("{\"type\":\"thinking\""));
    if (!sealed)
        jw_member_inside(&w->w, SL_STR("thinking"), b->text);
    jw_member_plain(&w->w, sealed ? SL_STR("data") : SL_STR("signature"), b->signature);
    end(&w->w, NC_NONE);
}

/* What a model wrote as arguments goes as it is when it is an object. Else the text of it is kept under a name. */
static void write_arguments(struct json_writer *w, struct sl_str raw, bool is_wrapped, struct sl_arena *a)
{
    struct json_info info;
    if (json_is_blank(raw) && !is_wrapped) {
        jw_raw(w, SL_STR("{}"));
        return;
    }
    bool valid = json_scan(raw, NULL, 0, NULL, &info) == JSON_OK;
    if (valid && info.root == JSON_OBJECT && !is_wrapped) {
        jw_raw(w, raw);
        return;
    }
    if (valid && info.root == JSON_NULL && !is_wrapped) { /* how some models say that there are none */
        jw_raw(w, SL_STR("{}"));
        return;
    }
    jw_open(w, '{');
    if (valid)
        jw_member_raw(w, SL_STR("value"), raw);
    else if (json_is_blank(raw))
        jw_member_raw(w, SL_STR("value"), SL_STR("{}"));
    else
        jw_member_inside(w, SL_STR("_raw"), json_escape(raw, a));
    jw_close(w, '}');
}

void anthropic_write_input(struct json_writer *w, const struct neutral_part *call, bool is_wrapped, struct sl_arena *a)
{
    if (!call->custom) {
        write_arguments(w, call->arguments, is_wrapped, a);
        return;
    }
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("input"), call->text);
    jw_close(w, '}');
}

static void write_call(struct anthropic_writing *w, const struct anthropic_block *b)
{
    frame(&w->w, SL_STR_NONE);
    string(&w->w, SL_STR("{\"type\":\"tool_use\",\"id\":\""), b->id);
    string(&w->w, SL_STR(",\"name\":\""), b->name);
    jw_key(&w->w, SL_STR("input"));
    anthropic_write_input(&w->w, b->part, b->wrapped, w->a);
    end(&w->w, b->cache);
}

static void write_result(struct anthropic_writing *w, const struct anthropic_block *b)
{
    const struct anthropic_block *only = b->content;
    frame(&w->w, SL_STR_NONE);
    string(&w->w, SL_STR("{\"type\":\"tool_result\",\"tool_use_id\":\""), b->id);
    if (only != NULL && only->next == NULL && only->kind == AB_TEXT && only->cache == NC_NONE) {
        jw_member_inside(&w->w, SL_STR("content"), only->text);
    } else if (only != NULL) {
        jw_key(&w->w, SL_STR("content"));
        write_blocks(w, only);
    }
    if (b->part->is_error)
        jw_member_bool(&w->w, SL_STR("is_error"), true);
    end(&w->w, b->cache);
}

static void write_block(struct anthropic_writing *w, const struct anthropic_block *b)
{
    switch (b->kind) {
    case AB_TEXT:
        write_text(w, b);
        break;
    case AB_IMAGE:
    case AB_DOCUMENT:
        write_media(w, b);
        break;
    case AB_THINKING:
    case AB_REDACTED:
        write_thinking(w, b);
        break;
    case AB_CALL:
        write_call(w, b);
        break;
    case AB_RESULT:
        write_result(w, b);
        break;
    case AB_RAW:
        jw_raw(&w->w, b->part->raw);
        break;
    }
}

/* A result's content is the only list inside of a list. */
static void write_blocks(struct anthropic_writing *w, const struct anthropic_block *b)
{
    jw_open(&w->w, '[');
    for (; b != NULL; b = b->next)
        write_block(w, b);
    jw_close(&w->w, ']');
}

void anthropic_write_system(struct anthropic_writing *w)
{
    if (w->system.first == NULL)
        return;
    jw_key(&w->w, SL_STR("system"));
    write_blocks(w, w->system.first);
}

void anthropic_write_messages(struct anthropic_writing *w)
{
    static const struct sl_str heads[] = {
        [AR_USER] = SL_STR_INIT("{\"role\":\"user\",\"content\":["),
        [AR_ASSISTANT] = SL_STR_INIT("{\"role\":\"assistant\",\"content\":["),
        [AR_SYSTEM] = SL_STR_INIT("{\"role\":\"system\",\"content\":["),
    };
    jw_key(&w->w, SL_STR("messages"));
    jw_open(&w->w, '[');
    for (const struct anthropic_message *m = w->messages; m != NULL; m = m->next) {
        frame(&w->w, heads[m->role]);
        w->w.comma = false;
        for (const struct anthropic_block *b = m->blocks.first; b != NULL; b = b->next)
            write_block(w, b);
        jw_close(&w->w, ']');
        jw_close(&w->w, '}');
    }
    jw_close(&w->w, ']');
}
