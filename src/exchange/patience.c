/* How long a live attempt is waited for, beyond what its transport's deadlines say: the deadlines that know what the bytes mean.
 * Pure but for x->soft_due_ns, which run.c arms the exchange's timer by.
 *
 *   began ──────────── first_token (thinking) ─► NO_TOKEN, while the stream has no output and there is another target
 *   began ──────────── the lane's q95 ─────────► a second target is asked (hedge.c), while this one goes on
 *   head ───────────── relay.hold_start ───────► SHOW, in TRY: what is held of a start goes to the client
 *   first output ───── hold.time ──────────────► SHOW, with rescue: hold
 *   last output ────── between_tokens ─────────► STALLED, in RELAY, when somebody else can go on */
#include "dialect/codec.h"
#include "exchange/exchange_int.h"

static bool others_left(const struct exchange *x)
{
    return x->at_candidate + 1 < x->plan.n && x->n_tries < x->snap->retry.attempts;
}

static bool may_think(const struct exchange *x, const struct try *t)
{
    struct sl_str model = provider_known_model(&t->at->provider, t->candidate->model);
    return x->up->codec != NULL && caps_find(x->up->codec->caps, model)->thinking != THINK_NONE;
}

static int64_t after(int64_t from_ns, int64_t wait_ns)
{
    return wait_ns > 0 ? from_ns + wait_ns : SL_NEVER;
}

static int64_t output_due(const struct exchange *x)
{
    const struct try *t = x->current;
    if (!exchange_asks_stream(x) || x->over || !others_left(x) || (x->head != NULL && !x->is_stream))
        return SL_NEVER;
    if (x->committed && x->state == XS_RELAY && (x->rescue != NULL || !x->told_on || x->told.barred))
        return SL_NEVER; /* nobody can go on with it: it has the rest of the time */
    if (x->head != NULL && x->seen->saw_content)
        return x->committed && !x->client_full ? after(x->last_content_ns, x->terms.between_tokens_ns) : SL_NEVER;
    int64_t most = may_think(x, t) ? x->terms.thinking_ns : x->terms.first_token_ns;
    return after(t->began_ns, t->learned_ns > 0 && t->learned_ns < most ? t->learned_ns : most);
}

static int64_t show_due(const struct exchange *x)
{
    bool waits = x->state == XS_TRY && !x->committed && x->is_stream && (x->held.n > 0 || x->op->session) &&
                 !x->relay_bad && !x->over;
    const struct try *t = x->n_tries > 0 ? x->tries[x->n_tries - 1] : NULL;
    if (waits && terms_hold(x) && x->seen->saw_content && t != NULL && t->first_token_ns >= 0)
        return terms_hold_until(x, t);
    return waits ? x->head_ns + x->snap->set.hold_start_ns : SL_NEVER;
}

void patience_set(struct exchange *x)
{
    int64_t output = output_due(x);
    int64_t show = show_due(x);
    int64_t hedge = hedge_due(x);
    x->soft_due_ns = output < show ? output : show;
    x->soft_due_ns = hedge < x->soft_due_ns ? hedge : x->soft_due_ns;
}

enum patience patience_of(const struct exchange *x)
{
    int64_t now = sl_loop_now(x->env->loop);
    if (output_due(x) <= now)
        return x->head != NULL && x->seen->saw_content ? PATIENCE_STALLED : PATIENCE_NO_TOKEN;
    return show_due(x) <= now ? PATIENCE_SHOW : PATIENCE_WAITS;
}
