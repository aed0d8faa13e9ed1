/* Stop sequences that a provider does not take are looked for here: the text ends before the first that occurs, as the model's own
 * server would end it (translate-openai-anthropic.md 5.1, 17). Works on plain text, since a sequence may begin in the middle of what
 * JSON escapes. Holds back no more than a sequence that may have begun. */
#include "dialect/openai_chat/chat_answer.h"

void chat_stops_init(struct chat_reader *r)
{
    const struct neutral_request *q = r->t->req;
    if (r->t->stops_kept_back == 0)
        return;
    r->stops = sl_arena_alloc(r->t->a, (q->n_stops + 1) * sizeof *r->stops);
    for (uint32_t i = 0; i < q->n_stops; i++) {
        r->stops[i] = q->stops[i].n <= CHAT_STOP_MAX ? json_plain(q->stops[i], r->t->a) : SL_STR_NONE;
        if (r->stops[i].n > r->stop_max)
            r->stop_max = r->stops[i].n;
    }
}

static void put_plain(struct chat_reader *r, uint32_t choice, struct sl_str plain)
{
    struct neutral_event e = {.kind = NE_TEXT, .block = r->choices[choice]->block};
    e.text = json_escape(plain, &r->scratch);
    if (plain.n > 0)
        chat_put(r, choice, &e);
}

/* Where the first of them stands; -1: none. */
static ptrdiff_t find(struct chat_reader *r, struct sl_str text, uint32_t *out_which)
{
    ptrdiff_t best = -1;
    for (uint32_t i = 0; i < r->t->req->n_stops; i++) {
        ptrdiff_t at = r->stops[i].n > 0 ? sl_str_find_str(text, r->stops[i]) : -1;
        if (at >= 0 && (best < 0 || at < best)) {
            best = at;
            *out_which = i;
        }
    }
    return best;
}

static bool may_begin(struct chat_reader *r, struct sl_str tail)
{
    for (uint32_t i = 0; i < r->t->req->n_stops; i++)
        if (r->stops[i].n > tail.n && sl_str_starts(r->stops[i], tail))
            return true;
    return false;
}

/* How much of the end must wait: the longest tail that a sequence begins with. */
static size_t to_hold(struct chat_reader *r, struct sl_str text)
{
    size_t n = r->stop_max - 1 < text.n ? r->stop_max - 1 : text.n;
    for (; n > 0; n--)
        if (may_begin(r, sl_str_from(text, text.n - n)))
            break;
    return n;
}

void chat_put_text(struct chat_reader *r, uint32_t choice, struct sl_str inside)
{
    struct chat_choice *c = r->choices[choice];
    uint32_t which = 0;
    if (r->stop_max == 0) {
        struct neutral_event e = {.kind = NE_TEXT, .block = c->block, .text = inside};
        chat_put(r, choice, &e);
        return;
    }
    struct sl_str text = json_plain(inside, &r->scratch);
    if (c->held_n > 0) {
        char *joined = sl_arena_alloc(&r->scratch, c->held_n + text.n);
        memcpy(joined, c->held, c->held_n);
        memcpy(joined + c->held_n, text.p, text.n);
        text = sl_str_of(joined, c->held_n + text.n);
        c->held_n = 0;
    }
    ptrdiff_t at = find(r, text, &which);
    if (at >= 0) {
        put_plain(r, choice, sl_str_head(text, (size_t)at));
        c->stopped = true;
        c->stop = r->t->req->stops[which];
        return;
    }
    size_t hold = to_hold(r, text);
    put_plain(r, choice, sl_str_head(text, text.n - hold));
    if (c->held == NULL)
        c->held = sl_arena_alloc(r->t->a, r->stop_max);
    memcpy(c->held, text.p + text.n - hold, hold);
    c->held_n = hold;
}

void chat_stops_flush(struct chat_reader *r, uint32_t choice)
{
    struct chat_choice *c = r->choices[choice];
    struct sl_str held = sl_str_of(c->held, c->held_n);
    c->held_n = 0;
    if (held.n > 0 && !c->stopped)
        put_plain(r, choice, held);
}
