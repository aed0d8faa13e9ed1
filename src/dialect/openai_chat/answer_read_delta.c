/* What a model says in one delta, or in the message of a whole answer. Sources: openai.md 6.6, 6.7; openai-compatible.md 2, 5 and
 * 13-22 (November 2026). */
#include "dialect/carrier.h"
#include "dialect/media.h"
#include "dialect/openai_chat/chat_answer.h"

void chat_open_block(struct chat_reader *r, uint32_t choice, enum chat_block kind)
{
    struct chat_choice *c = r->choices[choice];
    if (c->open == kind && kind != CB_CALL && kind != CB_OTHER)
        return;
    if (c->open == CB_REASONING)
        chat_end_reasoning(r, choice);
    if (c->open == CB_TEXT)
        chat_stops_flush(r, choice);
    c->block += c->open != CB_NONE;
    c->open = kind;
}

static void say(struct chat_reader *r, uint32_t choice, enum chat_block block, enum neutral_event_kind kind,
                struct sl_str text)
{
    if (text.n == 0 || r->choices[choice]->stopped)
        return;
    chat_open_block(r, choice, block);
    struct neutral_event e = {.kind = kind, .block = r->choices[choice]->block, .text = text};
    chat_put(r, choice, &e);
}

static void say_text(struct chat_reader *r, uint32_t choice, struct sl_str text)
{
    if (text.n == 0 || r->choices[choice]->stopped)
        return;
    chat_open_block(r, choice, CB_TEXT);
    chat_put_text(r, choice, text);
}

/* member: where the text stood, so that it can go back there. */
static void say_reasoning(struct chat_reader *r, uint32_t choice, struct sl_str text, struct sl_str member)
{
    struct chat_choice *c = r->choices[choice];
    if (text.n == 0 || c->stopped)
        return;
    say(r, choice, CB_REASONING, NE_REASONING, text);
    c->reasoning_member = member;
    c->reasoning_block = c->block;
}

/* -- Reasoning --------------------------------------------------------------------------------------------------------------- */

static struct chat_detail *detail_for(struct chat_reader *r, struct chat_choice *c, const struct json_node *v)
{
    struct sl_str type = chat_member(r, v, SL_STR("type")), index = json_get_raw(&r->tree, v, SL_STR("index"));
    struct chat_detail *last = c->last_detail;
    if (last != NULL && index.n > 0 && sl_str_eq(last->index, index) && sl_str_eq(last->type, type))
        return last;
    struct chat_detail *d = SL_ARENA_NEW(r->t->a, struct chat_detail);
    d->type = chat_keep(r, type);
    d->index = chat_keep(r, index);
    if (last != NULL)
        last->next = d;
    else
        c->first_detail = d;
    c->last_detail = d;
    return d;
}

static void set_once(struct chat_reader *r, struct sl_str *to, struct sl_str from)
{
    if (from.n > 0)
        *to = chat_keep(r, from);
}

/* Gives whether there was text in it. */
static bool take_detail(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    struct chat_choice *c = r->choices[choice];
    struct sl_str text = chat_member(r, v, SL_STR("text")), summary = chat_member(r, v, SL_STR("summary"));
    if (json_kind_of(v) != JSON_OBJECT)
        return false;
    if (text.n == 0)
        text = summary;
    if (text.n > 0)
        say(r, choice, CB_REASONING, NE_REASONING, text);
    else if (c->open == CB_NONE)
        chat_open_block(r, choice, CB_REASONING);
    struct chat_detail *d = detail_for(r, c, v);
    chat_text_add(r, &d->text, text);
    chat_text_add(r, &d->data, chat_member(r, v, SL_STR("data")));
    set_once(r, &d->signature, chat_member(r, v, SL_STR("signature")));
    set_once(r, &d->id, chat_member(r, v, SL_STR("id")));
    set_once(r, &d->format, chat_member(r, v, SL_STR("format")));
    return text.n > 0;
}

static bool take_details(struct chat_reader *r, uint32_t choice, const struct json_node *details)
{
    bool text = false;
    if (json_kind_of(details) != JSON_ARRAY || r->choices[choice]->stopped)
        return false;
    for (JSON_EACH(&r->tree, details, it))
        text |= take_detail(r, choice, it);
    r->choices[choice]->reasoning_block = r->choices[choice]->block;
    return text;
}

static struct sl_str details_payload(struct chat_reader *r, const struct chat_choice *c)
{
    struct sl_buf out;
    sl_buf_init(&out, SIZE_MAX / 2);
    struct json_writer w = json_writer_on(&out);
    jw_open(&w, '[');
    for (const struct chat_detail *d = c->first_detail; d != NULL; d = d->next) {
        bool summary = sl_str_eq(d->type, SL_STR("reasoning.summary"));
        jw_open(&w, '{');
        jw_maybe_inside(&w, SL_STR("type"), d->type);
        jw_maybe_inside(&w, summary ? SL_STR("summary") : SL_STR("text"), chat_text_join(r, &d->text));
        jw_maybe_inside(&w, SL_STR("data"), chat_text_join(r, &d->data));
        jw_maybe_inside(&w, SL_STR("signature"), d->signature);
        jw_maybe_inside(&w, SL_STR("id"), d->id);
        jw_maybe_inside(&w, SL_STR("format"), d->format);
        jw_maybe_raw(&w, SL_STR("index"), d->index);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    struct sl_str payload = sl_arena_str(r->t->a, sl_buf_str(&out));
    sl_buf_done(&out);
    return payload;
}

/* What lets the thought return to its model: the member that its text stood in, or the details as they were. */
void chat_end_reasoning(struct chat_reader *r, uint32_t choice)
{
    struct chat_choice *c = r->choices[choice];
    bool details = c->first_detail != NULL;
    if (c->stopped || (!details && c->reasoning_member.n == 0))
        return;
    struct sl_str payload = details ? details_payload(r, c) : c->reasoning_member;
    if (c->open != CB_REASONING && details) { /* a thought that came behind what it led to */
        c->block += c->open != CB_NONE;
        c->reasoning_block = c->block;
        c->open = CB_REASONING;
    }
    c->first_detail = c->last_detail = NULL;
    c->reasoning_member = SL_STR_NONE;
    struct neutral_event e = {.kind = NE_SIGNATURE, .block = c->reasoning_block};
    e.text = carrier_pack(r->t->a, CARRIER_OTHER, carrier_family(r->t->up_model), payload);
    chat_put(r, choice, &e);
}

/* -- Content ----------------------------------------------------------------------------------------------------------------- */

static struct sl_str text_of(struct chat_reader *r, const struct json_node *v)
{
    return json_kind_of(v) == JSON_STRING ? json_inside_of(&r->tree, v) : chat_member(r, v, SL_STR("text"));
}

/* {"type": "thinking", "thinking": "..." | [{"text": "..."}]} */
static void take_thinking(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    const struct json_node *thinking = json_get(&r->tree, v, SL_STR("thinking"));
    if (json_kind_of(thinking) == JSON_STRING)
        say_reasoning(r, choice, json_inside_of(&r->tree, thinking), SL_STR("thinking"));
    for (JSON_EACH(&r->tree, json_kind_of(thinking) == JSON_ARRAY ? thinking : NULL, it))
        say_reasoning(r, choice, text_of(r, it), SL_STR("thinking"));
}

static void take_part(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    if (json_text_is(&r->tree, json_get(&r->tree, v, SL_STR("type")), SL_STR("thinking")))
        take_thinking(r, choice, v);
    else
        say_text(r, choice, text_of(r, v));
}

/* A text; a list of parts at Mistral and Cohere; at Cloudflare the JSON that was asked for, as a value. */
static void take_content(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    bool value = json_kind_of(v) == JSON_OBJECT && json_get(&r->tree, v, SL_STR("type")) == NULL &&
                 json_get(&r->tree, v, SL_STR("text")) == NULL;
    if (value)
        say_text(r, choice, json_escape(json_raw_of(&r->tree, v), &r->scratch));
    else if (json_kind_of(v) == JSON_ARRAY) {
        for (JSON_EACH(&r->tree, v, it))
            take_part(r, choice, it);
    } else {
        take_part(r, choice, v);
    }
}

/* -- Media ------------------------------------------------------------------------------------------------------------------- */

static struct sl_str audio_mime(struct chat_reader *r)
{
    struct json_tree tree;
    struct sl_str format = SL_STR_NONE;
    if (r->t->req->audio.n > 0 && json_tree_read(&tree, r->t->req->audio, &r->scratch))
        format = json_get_inside(&tree, json_root(&tree), SL_STR("format"));
    if (format.n == 0 || format.n > 16)
        return SL_STR("audio/wav");
    if (sl_str_eq(format, SL_STR("pcm16")))
        return SL_STR("audio/pcm;rate=24000");
    return sl_arena_printf(&r->scratch, "audio/" SL_STR_FMT, SL_STR_ARG(format));
}

static void take_audio(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    struct neutral_event e = {.kind = NE_MEDIA, .is_audio = true};
    e.media.data = chat_member(r, v, SL_STR("data"));
    e.text = chat_member(r, v, SL_STR("transcript"));
    e.id = chat_member(r, v, SL_STR("id"));
    if ((e.media.data.n == 0 && e.text.n == 0) || r->choices[choice]->stopped)
        return;
    e.media.mime = audio_mime(r);
    chat_open_block(r, choice, CB_OTHER);
    e.block = r->choices[choice]->block;
    chat_put(r, choice, &e);
}

/* OpenRouter's form, also of Google's compatible endpoint. */
static void take_images(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    for (JSON_EACH(&r->tree, json_kind_of(v) == JSON_ARRAY ? v : NULL, it)) {
        const struct json_node *url = json_get(&r->tree, it, SL_STR("image_url"));
        struct sl_str text = json_kind_of(url) == JSON_STRING ? json_inside_of(&r->tree, url)
                                                              : chat_member(r, url, SL_STR("url"));
        struct neutral_event e = {.kind = NE_MEDIA};
        if (text.n == 0 || r->choices[choice]->stopped || !media_from_url(text, &r->scratch, &e.media))
            continue;
        chat_open_block(r, choice, CB_OTHER);
        e.block = r->choices[choice]->block;
        chat_put(r, choice, &e);
    }
}

/* -- Citations --------------------------------------------------------------------------------------------------------------- */

static int64_t offset_of(const struct json_tree *t, const struct json_node *v)
{
    uint64_t at = 0;
    return json_u64_of(t, v, &at) && at < INT64_MAX ? (int64_t)at : -1;
}

static void cite(struct chat_reader *r, uint32_t choice, const struct neutral_citation *citation)
{
    struct neutral_event e = {.kind = NE_CITATION, .block = r->choices[choice]->block, .citation = *citation};
    r->choices[choice]->cited = true;
    if (citation->url.n > 0 && !r->choices[choice]->stopped)
        chat_put(r, choice, &e);
}

static void take_annotations(struct chat_reader *r, uint32_t choice, const struct json_node *v)
{
    for (JSON_EACH(&r->tree, json_kind_of(v) == JSON_ARRAY ? v : NULL, it)) {
        const struct json_node *of = json_get(&r->tree, it, SL_STR("url_citation"));
        const struct neutral_citation citation = {
            .url = chat_member(r, of, SL_STR("url")),
            .title = chat_member(r, of, SL_STR("title")),
            .cited_text = chat_member(r, of, SL_STR("content")),
            .from = offset_of(&r->tree, json_get(&r->tree, of, SL_STR("start_index"))),
            .to = offset_of(&r->tree, json_get(&r->tree, of, SL_STR("end_index"))),
        };
        cite(r, choice, &citation);
    }
}

/* Of the whole answer, repeated in each chunk: told once, at the end, where the text itself has none. */
void chat_take_citations(struct chat_reader *r)
{
    struct json_tree tree;
    struct chat_choice *c = r->choices[0];
    if (r->citations.n == 0 || c->cited || !json_tree_read(&tree, r->citations, &r->scratch))
        return;
    for (JSON_EACH(&tree, json_root(&tree), it)) {
        bool plain = json_kind_of(it) == JSON_STRING;
        const struct neutral_citation citation = {
            .url = plain ? json_inside_of(&tree, it) : json_get_inside(&tree, it, SL_STR("url")),
            .title = json_get_inside(&tree, it, SL_STR("title")),
            .from = -1,
            .to = -1,
        };
        cite(r, 0, &citation);
    }
}

/* -- The delta --------------------------------------------------------------------------------------------------------------- */

enum member {
    D_DETAILS = 0, /* in the order in which they are told: what was thought goes before what was said */
    D_REASONING_CONTENT,
    D_REASONING,
    D_CONTENT,
    D_REFUSAL,
    D_CALLS,
    D_FUNCTION,
    D_AUDIO,
    D_IMAGES,
    D_ANNOTATIONS,
    D_COUNT
};

static const struct sl_str names[D_COUNT] = {
    [D_DETAILS] = SL_STR_INIT("reasoning_details"),
    [D_REASONING_CONTENT] = SL_STR_INIT("reasoning_content"),
    [D_REASONING] = SL_STR_INIT("reasoning"),
    [D_CONTENT] = SL_STR_INIT("content"),
    [D_REFUSAL] = SL_STR_INIT("refusal"),
    [D_CALLS] = SL_STR_INIT("tool_calls"),
    [D_FUNCTION] = SL_STR_INIT("function_call"),
    [D_AUDIO] = SL_STR_INIT("audio"),
    [D_IMAGES] = SL_STR_INIT("images"),
    [D_ANNOTATIONS] = SL_STR_INIT("annotations"),
};

static void take_reasoning(struct chat_reader *r, uint32_t choice, const struct json_node *const at[])
{
    if (take_details(r, choice, at[D_DETAILS]))
        return; /* the text stands a second time beside them */
    struct sl_str text = json_inside_of(&r->tree, at[D_REASONING_CONTENT]);
    if (text.n > 0)
        say_reasoning(r, choice, text, SL_STR("reasoning_content"));
    else
        say_reasoning(r, choice, json_inside_of(&r->tree, at[D_REASONING]), SL_STR("reasoning"));
}

void chat_take_delta(struct chat_reader *r, uint32_t choice, const struct json_node *delta)
{
    const struct json_node *at[D_COUNT] = {NULL};
    for (JSON_EACH(&r->tree, delta, it))
        for (int i = 0; i < D_COUNT; i++)
            if (it->kind != JSON_NULL && json_key_is(&r->tree, it, names[i])) {
                at[i] = it;
                break;
            }
    take_reasoning(r, choice, at);
    if (at[D_CONTENT] != NULL)
        take_content(r, choice, at[D_CONTENT]);
    say(r, choice, CB_REFUSAL, NE_REFUSAL, json_inside_of(&r->tree, at[D_REFUSAL]));
    if (at[D_CALLS] != NULL)
        chat_take_calls(r, choice, at[D_CALLS]);
    if (at[D_FUNCTION] != NULL)
        chat_take_function_call(r, choice, at[D_FUNCTION]);
    if (at[D_AUDIO] != NULL)
        take_audio(r, choice, at[D_AUDIO]);
    take_images(r, choice, at[D_IMAGES]);
    take_annotations(r, choice, at[D_ANNOTATIONS]);
}
