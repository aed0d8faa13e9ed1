/* Tokens of requests and answers whose provider reports none: counted here, and marked as estimated (docs/internals/tokens.md). What
 * the client is told and what is booked come from the same call, or from the same text. */
#include "exchange/count_tokens.h"
#include "exchange/exchange_int.h"
#include "exchange/other_int.h"
#include "tokens/estimate.h"

#define COUNT_USED_BYTES ((size_t)1 << 20) /* 10 ms: behind the request there is more time */

static struct sl_str model_of(const struct try *t)
{
    return provider_plain_model(&t->at->provider, t->candidate->model);
}

/* Reading a body that was relayed as it is may fail; nobody is refused for it. */
static const struct neutral_request *read_asked(void *owner)
{
    struct exchange *x = owner;
    const struct error_facts refused = x->refused;
    bool ok = x->dialect->codec != NULL && translate_read(x);
    x->refused = refused;
    return ok ? x->neutral : NULL;
}

static uint64_t guess_input(struct exchange *x, struct sl_str model, size_t text_bytes)
{
    const struct count_from from = {
        .op = x->match.op,
        .body = x->body_text,
        .facts = &x->facts,
        .by_bytes = x->estimate_input,
        .tree = x->other != NULL ? &x->other->look.tree : NULL,
        .neutral = read_asked,
        .owner = x,
    };
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    uint64_t n = count_asked(x->env->tokens, &from, model, text_bytes, &a);
    sl_arena_done(&a);
    return n;
}

uint64_t guess_asked(void *asker)
{
    struct exchange *x = asker;
    return guess_input(x, x->facts.model, COUNT_ASKED_BYTES);
}

bool guess_reservation(struct exchange *x, struct try *t)
{
    if (t->is_counted)
        return false;
    t->is_counted = true;
    x->estimate_input = guess_input(x, model_of(t), COUNT_ASKED_BYTES);
    try_reserve(x, t);
    return true;
}

static uint64_t guess_output(struct exchange *x, const struct try *t, const struct told *told, uint64_t bytes,
                             uint64_t events)
{
    return count_told(x->env->tokens, told, bytes, events, model_of(t));
}

/* With what another provider has said already, of one that was asked to go on. */
static uint64_t input_of(struct exchange *x, const struct try *t)
{
    uint64_t n = guess_input(x, model_of(t), COUNT_USED_BYTES);
    if (t == try_current(x) && rescue_asked(x).n > 0)
        n += tokens_of_text(x->env->tokens, model_of(t), rescue_asked(x)).n;
    return n;
}

static struct token_counts guess(void *owner, const struct told *told, uint64_t bytes, uint64_t events)
{
    struct exchange *x = owner;
    const struct try *t = try_current(x);
    return (struct token_counts){
        .found = true,
        .estimated = true,
        .prompt = input_of(x, t),
        .completion = guess_output(x, t, told, bytes, events),
    };
}

struct usage_guess guess_for(struct exchange *x)
{
    return (struct usage_guess){.of = guess, .owner = x};
}

/* An answer that was relayed as it is: all of it where it is still held, else how it began. Read only now. */
static bool read_answer(struct exchange *x, struct told *told)
{
    struct answer_facts f;
    if (x->is_stream || !x->answer_ok || x->translation != NULL || !(x->op->generates || x->match.op == OP_COMPLETIONS))
        return false;
    if (!x->committed)
        return told_answer(told, x->dialect, sl_chunks_flat(&x->held));
    if (x->watch == NULL)
        return false;
    x->dialect->answer_watch_done(x->watch, &f);
    return told_beginning(told, x->dialect, &f);
}

static uint64_t output_of(struct exchange *x, struct try *t)
{
    bool is_current = t == try_current(x); /* what was told is of that one */
    const struct told *told = is_current && x->told_on ? &x->told : t->told;
    struct told read;
    if (x->op->other || other_is_foreign(x) || forms_makes_images(x)) /* no text is written */
        return 0;
    told_init(&read, x->a);
    uint64_t bytes = t->output_bytes;
    if (told == NULL && is_current && bytes > 0 && read_answer(x, &read)) {
        told = &read;
        bytes = read.bytes; /* what the look at the answer counted has other strings, too */
    }
    uint64_t n = guess_output(x, t, told, bytes, t->output_events);
    told_done(&read);
    return n;
}

void guess_usage(struct exchange *x, struct try *t, bool with_input)
{
    if (t->counts.estimated) {
        t->guess = t->counts;
        return;
    }
    if (with_input && !t->guess.found)
        t->guess = (struct token_counts){.found = true, .prompt = other_share(x, input_of(x, t))};
    t->guess.completion = output_of(x, t);
}
