/* Brings a conversation into the order that Bedrock asks for: roles alternate, the first turn is the user's, the results of all calls of
 * a turn stand first in the next one, documents have a text beside them, the last turn is the user's. Source: bedrock.md 6.1 (November
 * 2026). */
#include "dialect/bedrock_converse/converse_int.h"

#include "dialect/terms.h"

static struct sl_str place(struct converse_writing *w, uint32_t index)
{
    const struct neutral_message m = {.index = index};
    return term_message(w->req, &m, w->a);
}

static bool miss_result(struct converse_writing *w, const struct converse_turn *turn, struct converse_block *call)
{
    const struct neutral_message of = {.index = turn->index};
    struct sl_str what = term_part(w->req, &of, call->part, w->a);
    if (w->t->unsupported != UNSUPPORTED_DROP) {
        *w->refusal = (struct request_refusal){.error = {.error = GE_MEMBER_VALUE, .param = what}};
        w->refusal->error.message =
            sl_arena_printf(w->a, "'" SL_STR_FMT "' calls a tool whose result does not follow.", SL_STR_ARG(what));
        return false;
    }
    struct converse_blocks single = {NULL, NULL}, content = {NULL, NULL};
    struct neutral_part *part = SL_ARENA_NEW(w->a, struct neutral_part);
    part->kind = NP_TOOL_RESULT;
    part->is_error = true;
    converse_add(w, &content, CK_TEXT)->text = SL_STR("No result was recorded for this call.");
    call->result = converse_add(w, &single, CK_RESULT);
    call->result->part = part;
    call->result->id = call->id;
    call->result->name = call->name;
    call->result->content = content.first;
    neutral_note(w->t->notes, "result made up", what);
    return true;
}

static void new_turn_behind(struct converse_writing *w, struct converse_turn *turn)
{
    struct converse_turn *made = SL_ARENA_NEW(w->a, struct converse_turn);
    made->index = turn->index;
    made->next = turn->next;
    turn->next = made;
}

static bool place_results(struct converse_writing *w, struct converse_turn *turn)
{
    struct converse_blocks results = {NULL, NULL};
    for (struct converse_block *b = turn->blocks.first; b != NULL; b = b->next) {
        if (b->kind != CK_CALL)
            continue;
        if (b->result == NULL && !miss_result(w, turn, b))
            return false;
        if (results.last != NULL)
            results.last->next = b->result;
        else
            results.first = b->result;
        results.last = b->result;
    }
    if (results.first == NULL)
        return true;
    if (turn->next == NULL || turn->next->assistant)
        new_turn_behind(w, turn);
    results.last->next = turn->next->blocks.first;
    turn->next->blocks.first = results.first;
    if (turn->next->blocks.last == NULL)
        turn->next->blocks.last = results.last;
    return true;
}

/* Turns without blocks go, and neighbours of one role become one. */
static void merge(struct converse_writing *w)
{
    struct converse_turn **at = &w->turns, *last = NULL;
    while (*at != NULL) {
        struct converse_turn *turn = *at;
        bool same = last != NULL && last->assistant == turn->assistant;
        if (same && turn->blocks.first != NULL) {
            last->blocks.last->next = turn->blocks.first;
            last->blocks.last = turn->blocks.last;
        }
        if (same || turn->blocks.first == NULL) {
            *at = turn->next;
            continue;
        }
        last = turn;
        at = &turn->next;
    }
    w->last = last;
}

static void filler(struct converse_writing *w, struct converse_turn **at, struct sl_str text)
{
    struct converse_turn *turn = SL_ARENA_NEW(w->a, struct converse_turn);
    converse_add(w, &turn->blocks, CK_TEXT)->text = text;
    turn->next = *at;
    *at = turn;
}

static void give_text_to_documents(struct converse_writing *w, struct converse_turn *turn)
{
    bool document = false, text = false;
    for (const struct converse_block *b = turn->blocks.first; b != NULL; b = b->next) {
        document = document || b->kind == CK_DOCUMENT;
        text = text || b->kind == CK_TEXT || b->kind == CK_SYSTEM_TEXT;
    }
    if (document && !text)
        converse_add(w, &turn->blocks, CK_TEXT)->text = SL_STR(".");
}

bool converse_order(struct converse_writing *w)
{
    for (struct converse_turn *turn = w->turns; turn != NULL; turn = turn->next)
        if (turn->assistant && !place_results(w, turn))
            return false;
    merge(w);
    if (w->turns == NULL || w->turns->assistant)
        filler(w, &w->turns, SL_STR("."));
    struct converse_turn *last = w->turns;
    for (struct converse_turn *turn = w->turns; turn != NULL; turn = turn->next) {
        give_text_to_documents(w, turn);
        last = turn;
    }
    if (!last->assistant)
        return true;
    if (converse_refuses(w, true, place(w, last->index), "the model does not continue an answer that was begun"))
        return false;
    filler(w, &last->next, SL_STR("Continue."));
    return true;
}
