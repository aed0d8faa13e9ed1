/* Brings a conversation into the order that Anthropic asks for: turns alternate, the first is the user's; the results of an
 * assistant's calls stand in front of the very next message, in the order of the calls; system messages between turns stand only
 * behind a user's and before an assistant's; at most four cache marks. Source: anthropic.md 2.3, 2.5; translate-openai-anthropic.md
 * 2.2, 2.8 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

#include "dialect/terms.h"

#define MARKS_MAX 4u
#define AUTO_CACHE_TOKENS 4096u /* below, some models cache nothing, and a write costs a quarter more */

static struct sl_str place(struct anthropic_writing *w, uint32_t index)
{
    const struct neutral_message m = {.index = index};
    return term_message(w->req, &m, w->a);
}

/* Neighbours of one role become one message; empty ones go. */
static void merge(struct anthropic_writing *w)
{
    struct anthropic_message **at = &w->messages, *last = NULL;
    while (*at != NULL) {
        struct anthropic_message *m = *at;
        bool same = last != NULL && last->role == m->role;
        if (same)
            anthropic_join_blocks(&last->blocks, &m->blocks);
        if (same || m->blocks.first == NULL) {
            *at = m->next;
            continue;
        }
        last = m;
        at = &m->next;
    }
}

/* -- Results behind their calls ----------------------------------------------------------------------------------------------- */

/* A system message that cannot stand as one: text of the user's, marked as what it is. */
static void fold(struct anthropic_writing *w, struct anthropic_message *m)
{
    m->role = AR_USER;
    for (struct anthropic_block *b = m->blocks.first; b != NULL; b = b->next)
        b->in_system_words = b->kind == AB_TEXT;
    neutral_note(w->t->notes, "folded", place(w, m->index));
}

static bool miss_result(struct anthropic_writing *w, const struct anthropic_message *m, struct anthropic_block *call)
{
    const struct neutral_message of = {.index = m->index};
    struct sl_str what = term_part(w->req, &of, call->part, w->a);
    if (w->t->unsupported != UNSUPPORTED_DROP) {
        *w->refusal = (struct request_refusal){.error = {.error = GE_MEMBER_VALUE, .param = what}};
        w->refusal->error.message =
            sl_arena_printf(w->a, "'" SL_STR_FMT "' calls a tool whose result does not follow.", SL_STR_ARG(what));
        return false;
    }
    struct anthropic_blocks result = {NULL, NULL}, content = {NULL, NULL};
    struct neutral_part *part = SL_ARENA_NEW(w->a, struct neutral_part);
    part->kind = NP_TOOL_RESULT;
    part->is_error = true;
    anthropic_add_block(w, &content, AB_TEXT)->text = SL_STR("No result was recorded for this call.");
    call->result = anthropic_add_block(w, &result, AB_RESULT);
    call->result->part = part;
    call->result->id = call->id;
    call->result->content = content.first;
    neutral_note(w->t->notes, "result made up", what);
    return true;
}

/* Gives how many results there are, or -1: refused. */
static int gather_results(struct anthropic_writing *w, const struct anthropic_message *m, struct anthropic_blocks *out)
{
    int n = 0;
    for (struct anthropic_block *b = m->blocks.first; b != NULL; b = b->next) {
        if (b->kind != AB_CALL)
            continue;
        if (b->result == NULL && !miss_result(w, m, b))
            return -1;
        struct anthropic_blocks one = {b->result, b->result};
        anthropic_join_blocks(out, &one);
        n++;
    }
    return n;
}

static bool place_results(struct anthropic_writing *w)
{
    for (struct anthropic_message *m = w->messages; m != NULL; m = m->next) {
        struct anthropic_blocks results = {NULL, NULL};
        if (m->role != AR_ASSISTANT)
            continue;
        int n = gather_results(w, m, &results);
        if (n < 0)
            return false;
        if (n == 0)
            continue;
        struct anthropic_message *next = m->next;
        if (next == NULL || next->role == AR_ASSISTANT) {
            struct anthropic_message *made = anthropic_new_message(w, AR_USER, m->index);
            made->next = next;
            m->next = next = made;
        } else if (next->role == AR_SYSTEM && next->next != NULL && next->next->role == AR_USER) {
            anthropic_join_blocks(&results, &next->next->blocks); /* it stood between calls and results: behind them */
            next->next->blocks = (struct anthropic_blocks){NULL, NULL};
            struct anthropic_message *made = anthropic_new_message(w, AR_USER, m->index), *user = next->next;
            made->next = next;
            next->next = user->next;
            m->next = next = made;
        } else if (next->role == AR_SYSTEM) {
            struct anthropic_message *made = anthropic_new_message(w, AR_USER, m->index);
            made->next = next;
            m->next = next = made;
        }
        anthropic_join_blocks(&results, &next->blocks);
        next->blocks = results;
    }
    return true;
}

/* -- The rest of the order ---------------------------------------------------------------------------------------------------- */

/* Whether one became a user's, perhaps beside another of the user's. */
static bool settle_system(struct anthropic_writing *w)
{
    const struct anthropic_message *before = NULL;
    bool folded = false;
    for (struct anthropic_message *m = w->messages; m != NULL; before = m, m = m->next) {
        bool fits = before != NULL && before->role == AR_USER && (m->next == NULL || m->next->role == AR_ASSISTANT);
        if (m->role != AR_SYSTEM || (fits && (w->flags & CAP_MID_SYSTEM) != 0))
            continue;
        fold(w, m);
        folded = true;
    }
    return folded;
}

static void add_filler(struct anthropic_writing *w, struct anthropic_message **at, struct sl_str text)
{
    struct anthropic_message *m = anthropic_new_message(w, AR_USER, 0);
    anthropic_add_block(w, &m->blocks, AB_TEXT)->text = text;
    m->next = *at;
    *at = m;
}

/* A conversation that ends with the assistant: the model shall go on from there. */
static bool settle_end(struct anthropic_writing *w)
{
    struct anthropic_message **at = &w->messages, *last = NULL;
    while (*at != NULL) {
        last = *at;
        at = &last->next;
    }
    if (last == NULL || last->role != AR_ASSISTANT)
        return true;
    if ((w->flags & CAP_PREFILL) != 0) {
        struct anthropic_block *b = last->blocks.last;
        if (b->kind == AB_TEXT)
            b->text = json_trim_behind(b->text);
        return true;
    }
    if (anthropic_refuses(w, true, place(w, last->index), "the model does not continue an answer that was begun"))
        return false;
    add_filler(w, at, SL_STR("Continue."));
    return true;
}

bool anthropic_finish_messages(struct anthropic_writing *w)
{
    if (!place_results(w))
        return false;
    merge(w);
    if (settle_system(w))
        merge(w);
    if (w->messages == NULL || w->messages->role != AR_USER)
        add_filler(w, &w->messages, SL_STR(".")); /* a conversation begins with the user */
    return settle_end(w);
}

/* -- Cache marks ---------------------------------------------------------------------------------------------------------------- */

struct marks { /* of one part of the request, in order */
    enum neutral_cache **v;
    unsigned n, cap;
};

static void add_mark(struct anthropic_writing *w, struct marks *m, enum neutral_cache *mark)
{
    if (*mark == NC_NONE)
        return;
    if (m->n == m->cap) {
        m->cap = m->cap == 0 ? 8 : 2 * m->cap;
        m->v = sl_arena_grow(w->a, m->v, m->n, m->cap, sizeof *m->v);
    }
    m->v[m->n++] = mark;
}

static void add_marks(struct anthropic_writing *w, struct marks *m, struct anthropic_block *b)
{
    for (; b != NULL; b = b->next) {
        if (b->kind == AB_RESULT)
            for (struct anthropic_block *inner = b->content; inner != NULL; inner = inner->next)
                add_mark(w, m, &inner->cache);
        if (b->kind != AB_THINKING && b->kind != AB_REDACTED)
            add_mark(w, m, &b->cache);
    }
}

static void keep_last(struct marks *m, unsigned keep)
{
    unsigned drop = m->n > keep ? m->n - keep : 0;
    for (unsigned i = 0; i < drop; i++)
        *m->v[i] = NC_NONE;
}

/* Marks that last an hour stand before those of five minutes. */
static void order_marks(struct marks *const parts[3])
{
    bool short_seen = false;
    for (unsigned p = 0; p < 3; p++) {
        for (unsigned i = 0; i < parts[p]->n; i++) {
            enum neutral_cache *mark = parts[p]->v[i];
            if (short_seen && *mark == NC_1H)
                *mark = NC_5M;
            short_seen = short_seen || *mark == NC_5M;
        }
    }
}

static struct anthropic_message *last_of(struct anthropic_writing *w, enum anthropic_role role)
{
    struct anthropic_message *found = NULL;
    for (struct anthropic_message *m = w->messages; m != NULL; m = m->next)
        if (m->role == role)
            found = m;
    return found;
}

/* Clients of formats where caching needs no asking expect it to happen: a conversation under way will come again. */
static void mark_by_itself(struct anthropic_writing *w)
{
    if (w->native || w->t->estimate_input < AUTO_CACHE_TOKENS || last_of(w, AR_ASSISTANT) == NULL)
        return;
    if ((w->flags & CAP_TOP_CACHE) != 0) {
        w->top_cache = true;
        return;
    }
    struct anthropic_message *user = last_of(w, AR_USER);
    if (w->n_tools > 0)
        w->tools[w->n_tools - 1].cache = NC_5M;
    if (w->system.last != NULL)
        w->system.last->cache = NC_5M;
    if (user != NULL)
        user->blocks.last->cache = NC_5M;
}

void anthropic_limit_marks(struct anthropic_writing *w)
{
    struct marks tools = {NULL, 0, 0}, system = {NULL, 0, 0}, messages = {NULL, 0, 0};
    for (unsigned i = 0; i < w->n_tools; i++)
        add_mark(w, &tools, &w->tools[i].cache);
    add_marks(w, &system, w->system.first);
    for (struct anthropic_message *m = w->messages; m != NULL; m = m->next)
        add_marks(w, &messages, m->blocks.first);
    unsigned n = tools.n + system.n + messages.n;
    if (n == 0) {
        mark_by_itself(w);
        return;
    }
    if (n > MARKS_MAX) {
        keep_last(&tools, 1);
        keep_last(&system, 1);
        keep_last(&messages, 2);
    }
    order_marks((struct marks *const[]){&tools, &system, &messages});
}
