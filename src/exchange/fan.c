/* Several answers (n) from a target whose format has one: it is asked n times, one after the other, and the client gets one answer
 * with all of them. Each time is an attempt of its own, with its own rows in the ledger. One after the other and not beside each
 * other, because an exchange has one live attempt: whatever ends one (a retry, the next target, a client that leaves) has one
 * meaning. Nothing is shown before all are there, so one that fails in spite of retries fails the whole, and another target begins
 * anew. A client that asked for a stream gets the events when all answers are there. */
#include "dialect/relay_translate.h"
#include "dialect/terms.h"
#include "exchange/exchange_int.h"

#define ANSWERS_BYTES (64u << 20) /* of all of them together */

struct exchange_fan { /* in the exchange's arena */
    bool on;
    unsigned candidate; /* for which */
    uint32_t n, got;
    size_t bytes;
    struct sl_str *bodies; /* as the provider sent them */
};

bool fan_is_on(const struct exchange *x)
{
    return x->fan != NULL && x->fan->on && x->fan->candidate == x->at_candidate;
}

unsigned fan_answered(const struct exchange *x)
{
    return fan_is_on(x) ? x->fan->got : 0;
}

void fan_prepare(struct exchange *x)
{
    struct exchange_fan *f = x->fan;
    if (f == NULL)
        return;
    if (f->candidate != x->at_candidate)
        f->on = false;
    x->neutral->n = f->on ? 1 : f->n;
    x->neutral->stream = x->facts.stream && !f->on;
}

static bool is_refused(const struct exchange *x, const struct translation *t, bool written)
{
    struct sl_str name = term_of(x->neutral, TERM_N);
    if (!written)
        return x->refused.error == GE_UNSUPPORTED && sl_str_eq(x->refused.param, name);
    for (const struct neutral_note_row *row = t->notes->first; row != NULL; row = row->next)
        if (sl_str_eq(row->what, name))
            return true;
    return false;
}

bool fan_begin(struct exchange *x, const struct translation *t, bool written)
{
    uint32_t n = x->neutral->n;
    if (n <= 1 || n > x->snap->set.fan_out || fan_is_on(x) || !is_refused(x, t, written))
        return false;
    if (x->fan == NULL) {
        x->fan = SL_ARENA_NEW(x->a, struct exchange_fan);
        x->fan->bodies = sl_arena_zalloc(x->a, n * sizeof *x->fan->bodies);
    }
    x->fan->n = n;
    x->fan->on = true;
    x->fan->candidate = x->at_candidate;
    x->fan->got = 0;
    x->fan->bytes = 0;
    fan_prepare(x);
    return true;
}

bool fan_answer(struct exchange *x, struct sl_str body, struct sl_buf *out)
{
    struct exchange_fan *f = x->fan;
    struct relay_state all = {.events = 0};
    if (!relay_translate_answer(x->translation, body, x->facts.stream, out, &x->answer_seen))
        return false;
    sl_buf_reset(out);
    f->bytes += body.n;
    if (f->bytes > ANSWERS_BYTES)
        return false;
    f->bodies[f->got++] = sl_arena_str(x->a, body);
    return f->got < f->n ||
           relay_translate_answers(x->translation, f->bodies, f->n, RELAY_JOIN_CHOICES, x->facts.stream, out, &all);
}

bool fan_wants_more(const struct exchange *x)
{
    return fan_is_on(x) && x->fan->got > 0 && x->fan->got < x->fan->n && x->n_tries < EXCHANGE_TRIES_MAX;
}
