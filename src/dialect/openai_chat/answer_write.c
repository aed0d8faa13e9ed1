/* A neutral answer as a whole chat completion: openai.md 6.6; translate-openai-anthropic.md 3; translate-gemini.md 8 (November
 * 2026). The same members as the stream of the same answer comes to. */
#include "dialect/openai_chat/chat_render.h"

struct answer_out {
    struct translation *t;
    struct json_writer w;
    const struct neutral_answer_choice *c;
    bool legacy;
};

static bool has(const struct answer_out *o, enum neutral_part_kind kind)
{
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next)
        if (p->kind == kind)
            return true;
    return false;
}

/* All texts of a kind, one behind the other. */
static void write_texts(struct answer_out *o, enum neutral_part_kind kind)
{
    jw_string(&o->w);
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next)
        if (p->kind == kind)
            jw_piece_inside(&o->w, p->text);
    jw_string_end(&o->w);
}

static bool has_text(const struct answer_out *o, enum neutral_part_kind kind)
{
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next)
        if (p->kind == kind && p->text.n > 0)
            return true;
    return false;
}

static void write_content(struct answer_out *o)
{
    struct sl_str why = chat_explanation(o->c->finish, o->c->finish_text);
    bool refused = has_text(o, NP_REFUSAL);
    jw_key(&o->w, SL_STR("content"));
    if (has_text(o, NP_TEXT))
        write_texts(o, NP_TEXT);
    else if (refused || why.n > 0 || has(o, NP_TOOL_CALL) || has(o, NP_AUDIO))
        jw_null(&o->w);
    else
        jw_inside(&o->w, SL_STR_NONE);
    jw_key(&o->w, SL_STR("refusal"));
    if (refused)
        write_texts(o, NP_REFUSAL);
    else if (why.n > 0)
        jw_inside(&o->w, why);
    else
        jw_null(&o->w);
}

static void write_annotations(struct answer_out *o)
{
    jw_key(&o->w, SL_STR("annotations"));
    jw_open(&o->w, '[');
    for (uint32_t i = 0; i < o->c->n_citations; i++)
        if (o->c->citations[i].url.n > 0)
            chat_render_citation(&o->w, &o->c->citations[i]);
    jw_close(&o->w, ']');
}

/* -- Reasoning --------------------------------------------------------------------------------------------------------------- */

static void write_reasoning_text(struct answer_out *o)
{
    bool first = true;
    jw_key(&o->w, SL_STR("reasoning_content"));
    jw_string(&o->w);
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next) {
        if (p->kind != NP_REASONING || p->text.n == 0)
            continue;
        jw_piece_inside(&o->w, first ? SL_STR_NONE : SL_STR("\\n\\n"));
        jw_piece_inside(&o->w, p->text);
        first = false;
    }
    jw_string_end(&o->w);
}

static void write_details(struct answer_out *o)
{
    uint32_t index = 0;
    jw_key(&o->w, SL_STR("reasoning_details"));
    jw_open(&o->w, '[');
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next) {
        if (p->kind != NP_REASONING)
            continue;
        const struct chat_thought thought = {.text = p->text,
                                             .signature = chat_carried(o->t, p->signature, p->id, false),
                                             .data = chat_carried(o->t, p->encrypted, p->id, true),
                                             .id = p->id,
                                             .index = index++};
        chat_render_thought(&o->w, &thought);
    }
    jw_close(&o->w, ']');
}

/* -- Calls ------------------------------------------------------------------------------------------------------------------- */

static void write_function(struct answer_out *o, const struct neutral_part *p)
{
    struct sl_str arguments = p->custom ? json_plain(p->text, o->t->a) : p->arguments;
    jw_open(&o->w, '{');
    jw_member_inside(&o->w, SL_STR("name"), p->name);
    jw_member_plain(&o->w, SL_STR("arguments"), arguments.n > 0 || p->custom ? arguments : SL_STR("{}"));
    jw_close(&o->w, '}');
}

static void write_call(struct answer_out *o, const struct neutral_part *p)
{
    jw_open(&o->w, '{');
    jw_member_inside(&o->w, SL_STR("id"), p->id);
    jw_member_inside(&o->w, SL_STR("type"), p->custom ? SL_STR("custom") : SL_STR("function"));
    jw_key(&o->w, p->custom ? SL_STR("custom") : SL_STR("function"));
    if (p->custom) {
        jw_open(&o->w, '{');
        jw_member_inside(&o->w, SL_STR("name"), p->name);
        jw_member_inside(&o->w, SL_STR("input"), p->text);
        jw_close(&o->w, '}');
    } else {
        write_function(o, p);
    }
    chat_render_signature(&o->w, chat_carried(o->t, p->signature, SL_STR_NONE, false));
    jw_close(&o->w, '}');
}

static void write_calls(struct answer_out *o)
{
    jw_key(&o->w, o->legacy ? SL_STR("function_call") : SL_STR("tool_calls"));
    if (!o->legacy)
        jw_open(&o->w, '[');
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next) {
        if (p->kind != NP_TOOL_CALL)
            continue;
        if (o->legacy) { /* which knows of one call only */
            write_function(o, p);
            return;
        }
        write_call(o, p);
    }
    jw_close(&o->w, ']');
}

/* -- Media ------------------------------------------------------------------------------------------------------------------- */

static void write_images(struct answer_out *o)
{
    uint32_t index = 0;
    jw_key(&o->w, SL_STR("images"));
    jw_open(&o->w, '[');
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next)
        if (p->kind == NP_IMAGE)
            chat_render_image(&o->w, &p->media, chat_carried(o->t, p->signature, SL_STR_NONE, false), index++);
    jw_close(&o->w, ']');
}

static void write_audio(struct answer_out *o)
{
    for (const struct neutral_part *p = o->c->parts; p != NULL; p = p->next)
        if (p->kind == NP_AUDIO) {
            jw_key(&o->w, SL_STR("audio"));
            chat_render_audio(&o->w, &p->media, p->id, p->text, o->t->created_s);
            return;
        }
}

/* -- The whole --------------------------------------------------------------------------------------------------------------- */

static void write_message(struct answer_out *o)
{
    jw_open(&o->w, '{');
    jw_member_inside(&o->w, SL_STR("role"), SL_STR("assistant"));
    write_content(o);
    write_annotations(o);
    if (o->t->show_reasoning && has_text(o, NP_REASONING))
        write_reasoning_text(o);
    if (o->t->show_reasoning && has(o, NP_REASONING))
        write_details(o);
    if (has(o, NP_TOOL_CALL))
        write_calls(o);
    if (has(o, NP_IMAGE))
        write_images(o);
    write_audio(o);
    jw_close(&o->w, '}');
}

static void write_choice(struct answer_out *o, uint32_t index)
{
    jw_open(&o->w, '{');
    jw_member_u64(&o->w, SL_STR("index"), index);
    jw_key(&o->w, SL_STR("message"));
    write_message(o);
    jw_key(&o->w, SL_STR("logprobs"));
    if (o->c->logprobs.n > 0) {
        jw_open(&o->w, '{');
        jw_key(&o->w, SL_STR("content"));
        jw_open(&o->w, '[');
        jw_raw(&o->w, o->c->logprobs);
        jw_close(&o->w, ']');
        jw_member_null(&o->w, SL_STR("refusal"));
        jw_close(&o->w, '}');
    } else {
        jw_null(&o->w);
    }
    jw_member_inside(&o->w, SL_STR("finish_reason"), chat_finish_word(o->c->finish, has(o, NP_TOOL_CALL), o->legacy));
    jw_close(&o->w, '}');
}

void chat_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    static const struct neutral_answer_choice nothing = {.parts = NULL};
    struct answer_out o = {.t = t, .w = json_writer_on(out), .legacy = t->req->legacy_functions};
    jw_open(&o.w, '{');
    chat_render_head(&o.w, t, SL_STR("chat.completion"), answer->tier);
    jw_key(&o.w, SL_STR("choices"));
    jw_open(&o.w, '[');
    for (uint32_t i = 0; i < (answer->n_choices > 0 ? answer->n_choices : 1); i++) {
        o.c = answer->n_choices > 0 ? &answer->choices[i] : &nothing;
        write_choice(&o, i);
    }
    jw_close(&o.w, ']');
    if (answer->usage.found) {
        jw_key(&o.w, SL_STR("usage"));
        chat_usage_write(&o.w, &answer->usage);
    }
    jw_close(&o.w, '}');
}
