/* The conversation as this format has it: blocks of turns. Results are tied to their calls; write_order.c puts them in their place.
 * Where no tools go along, calls and results become text, since they are refused without tools. Source: bedrock.md 6.1, 6.4;
 * translate-openai-anthropic.md 2.2, 2.3 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#include "base/list.h"
#include "dialect/terms.h"

struct building {
    struct converse_writing *w;
    const struct neutral_message *m;
    bool seen_turn;
    unsigned call_ordinal;
};

struct converse_block *converse_add(struct converse_writing *w, struct converse_blocks *to, enum converse_kind kind)
{
    struct converse_block *b = SL_ARENA_NEW(w->a, struct converse_block);
    b->kind = kind;
    SL_APPEND(to->first, to->last, b);
    return b;
}

/* p NULL: of the message. */
static struct sl_str place(struct building *b, const struct neutral_part *p)
{
    return term_part(b->w->req, b->m, p, b->w->a);
}

static void add_text(struct building *b, struct converse_blocks *to, const struct neutral_part *p, struct sl_str text)
{
    if (json_is_blank(text)) /* refused there */
        return;
    struct converse_block *block = converse_add(b->w, to, CK_TEXT);
    block->text = text;
    block->cache = p->cache;
}

/* Only what this model made goes back to it. */
static void add_reasoning(struct building *b, struct converse_blocks *to, const struct neutral_part *p)
{
    char what = 0;
    struct sl_str held = p->encrypted.n > 0 ? p->encrypted : p->signature;
    struct sl_str payload = converse_unseal(b->w->a, b->w->t->up_model, held, &what);
    if (payload.n == 0)
        return;
    struct converse_block *block = converse_add(b->w, to, what == 'r' ? CK_SEALED : CK_THOUGHT);
    block->text = p->text;
    block->signature = payload;
}

/* -- Calls and results ------------------------------------------------------------------------------------------------- */

static struct sl_str fit_id(struct converse_writing *w, struct sl_str id)
{
    bool mistral = sl_str_find_str(w->t->up_model, SL_STR("mistral.")) >= 0;
    return names_fit(mistral ? &ids_mistral : &ids_converse, id, w->a);
}

/* Ids are unique in a conversation; some servers begin anew in each turn. */
static struct sl_str own_id(struct building *b, const struct neutral_part *p)
{
    struct sl_str id = fit_id(b->w, p->id);
    for (unsigned i = 0; sl_map_get(&b->w->calls, id) != NULL && i < 2; i++)
        id = fit_id(
            b->w, sl_arena_printf(b->w->a, SL_STR_FMT "_t%u_%u", SL_STR_ARG(p->id), b->m->index, b->call_ordinal + i));
    return id;
}

static void add_call(struct building *b, struct converse_blocks *to, const struct neutral_part *p)
{
    struct converse_writing *w = b->w;
    struct converse_block *call = converse_add(w, to, CK_CALL);
    struct sl_str said = fit_id(w, p->id);
    if (w->flatten)
        neutral_note(w->t->notes, "folded", place(b, p));
    call->part = p;
    call->cache = p->cache;
    call->id = own_id(b, p);
    call->name = names_fit(&names_openai, p->name, w->a);
    const struct converse_tool *tool = sl_map_get(&w->by_name, p->name);
    call->wrapped = tool != NULL && tool->wrapped;
    sl_map_put(&w->calls, said, call); /* the newest of that id gets the result */
    if (!sl_str_eq(call->id, said))
        sl_map_put(&w->calls, call->id, call);
    b->call_ordinal++;
}

/* True: it is refused. */
static bool refuse_result(struct building *b, const struct neutral_part *p)
{
    struct converse_writing *w = b->w;
    struct sl_str what = place(b, p);
    if (w->t->unsupported == UNSUPPORTED_DROP) {
        neutral_note(w->t->notes, "no call before it", what);
        return false;
    }
    *w->refusal = (struct request_refusal){.error = {.error = GE_MEMBER_VALUE, .param = what}};
    w->refusal->error.message =
        sl_arena_printf(w->a, "'" SL_STR_FMT "' is the result of no open tool call before it.", SL_STR_ARG(what));
    return true;
}

static bool add_result_part(struct building *b, struct converse_block *result, struct converse_blocks *to,
                            const struct neutral_part *p)
{
    switch (p->kind) {
    case NP_TEXT:
    case NP_REFUSAL:
        add_text(b, to, p, p->text);
        return true;
    case NP_IMAGE:
    case NP_FILE:
    case NP_VIDEO:
        if (b->w->flatten || !caps_has(b->w->t->caps, CAP_MEDIA_IN_RESULTS))
            return !converse_refuses(b->w, true, place(b, p), "media in results of tools");
        return converse_add_media(b->w, to, p, place(b, p));
    default:
        break;
    }
    (void)result;
    return !converse_refuses(b->w, p->kind == NP_UNKNOWN || p->kind == NP_AUDIO, place(b, p), "");
}

static bool add_result(struct building *b, const struct neutral_part *p)
{
    struct converse_writing *w = b->w;
    struct converse_block *call = sl_map_get(&w->calls, fit_id(w, p->id));
    if (call == NULL || call->result != NULL)
        return !refuse_result(b, p);
    struct converse_blocks single = {NULL, NULL}, content = {NULL, NULL};
    struct converse_block *result = converse_add(w, &single, CK_RESULT);
    result->part = p;
    result->cache = p->cache;
    result->id = call->id;
    result->name = call->name;
    call->result = result;
    for (const struct neutral_part *c = p->content; c != NULL; c = c->next)
        if (!add_result_part(b, result, &content, c))
            return false;
    if (p->content == NULL && p->raw.n > 0)
        converse_add(w, &content, CK_JSON)->text = p->raw;
    result->content = content.first;
    return true;
}

/* -- Messages ---------------------------------------------------------------------------------------------------------- */

static bool add_part(struct building *b, struct converse_blocks *to, const struct neutral_part *p)
{
    bool assistant = b->m->role == NR_ASSISTANT;
    switch (p->kind) {
    case NP_TEXT:
    case NP_REFUSAL:
        add_text(b, to, p, p->text);
        return true;
    case NP_TOOL_RESULT:
        return add_result(b, p);
    case NP_TOOL_CALL:
        if (assistant)
            add_call(b, to, p);
        return assistant || !converse_refuses(b->w, true, place(b, p), "");
    case NP_REASONING:
        if (assistant)
            add_reasoning(b, to, p);
        return true;
    case NP_IMAGE:
    case NP_AUDIO:
    case NP_VIDEO:
    case NP_FILE:
        if (assistant || b->m->role == NR_SYSTEM || b->m->role == NR_DEVELOPER)
            return !converse_refuses(b->w, true, place(b, p), "media of the user only");
        return converse_add_media(b->w, to, p, place(b, p));
    default:
        return !converse_refuses(b->w, p->kind == NP_UNKNOWN && !assistant, place(b, p), "");
    }
}

static void append_turn(struct converse_writing *w, bool assistant, uint32_t index)
{
    struct converse_turn *turn = SL_ARENA_NEW(w->a, struct converse_turn);
    turn->assistant = assistant;
    turn->index = index;
    SL_APPEND(w->turns, w->last, turn);
}

static void join(struct converse_blocks *to, const struct converse_blocks *more)
{
    if (more->first == NULL)
        return;
    if (to->last != NULL)
        to->last->next = more->first;
    else
        to->first = more->first;
    to->last = more->last;
}

static bool add_message(struct building *b)
{
    struct converse_writing *w = b->w;
    const struct neutral_message *m = b->m;
    bool system = m->role == NR_SYSTEM || m->role == NR_DEVELOPER, assistant = m->role == NR_ASSISTANT;
    struct converse_blocks blocks = {NULL, NULL};
    if (m->name.n > 0)
        neutral_notef(w->t->notes, "", SL_STR_FMT ".name", SL_STR_ARG(place(b, NULL)));
    for (const struct neutral_part *p = m->parts; p != NULL; p = p->next)
        if (!add_part(b, &blocks, p))
            return false;
    if (system && !b->seen_turn) {
        join(&w->system, &blocks);
        return true;
    }
    if (system) {
        for (struct converse_block *block = blocks.first; block != NULL; block = block->next)
            block->kind = CK_SYSTEM_TEXT;
        neutral_note(w->t->notes, "folded", place(b, NULL));
    }
    b->seen_turn = true;
    if (w->last == NULL || w->last->assistant != assistant)
        append_turn(w, assistant, m->index);
    join(&w->last->blocks, &blocks);
    return true;
}

bool converse_build(struct converse_writing *w)
{
    struct building b = {.w = w};
    for (b.m = w->req->messages; b.m != NULL; b.m = b.m->next)
        if (!add_message(&b))
            return false;
    return true;
}
