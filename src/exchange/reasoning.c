/* One more try at the same target without earlier reasoning, when its provider says that it does not believe a signature, or
 * misses one. Called by TRY when an attempt was refused; a hook in translate.c leaves the reasoning out from then on. */
#include "dialect/reasoning.h"
#include "exchange/exchange_int.h"

/* The body of a client that speaks the provider's format: a new text, whose members stand elsewhere. */
static bool strip_body(struct exchange *x)
{
    struct request_facts facts = x->facts;
    struct request_refusal refusal = {0};
    struct sl_str text;
    if (!reasoning_strip(x->dialect, x->body_text, x->a, &text) ||
        !x->dialect->request_decode(x->match.op, text, x->a, &facts, &refusal))
        return false;
    x->body_text = text;
    memcpy(x->facts.at, facts.at, sizeof x->facts.at);
    return true;
}

bool reasoning_again(struct exchange *x, struct try *t)
{
    bool refused = t->outcome == OUT_CLIENT_FAULT && !x->committed && x->n_tries < EXCHANGE_TRIES_MAX;
    if (!refused || x->without_reasoning || !x->op->repeatable || !reasoning_is_refused(&t->error, &x->attempt_arena))
        return false;
    bool found = x->translation == NULL ? strip_body(x) : reasoning_forget(x->neutral);
    if (!found)
        return false;
    if (x->translation == NULL && x->neutral != NULL)
        reasoning_forget(x->neutral);
    x->without_reasoning = true;
    t->why = "asked again without earlier reasoning";
    return true;
}

struct sl_str reasoning_note(struct exchange *x, struct sl_str dropped)
{
    struct sl_str term = reasoning_term(x->dialect);
    if (!x->without_reasoning)
        return dropped;
    return sl_arena_printf(x->a, SL_STR_FMT ";refused by the provider%s" SL_STR_FMT, SL_STR_ARG(term),
                           dropped.n > 0 ? ", " : "", SL_STR_ARG(dropped));
}
