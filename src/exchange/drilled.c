/* Attempts that a drill on live traffic takes: they fail as the drill says, as if the provider had done so, and are not sent. Second
 * targets that are asked at the same time (hedges) are left alone. */
#include "exchange/exchange_int.h"
#include "upstream/live_drill.h"

bool drilled(struct exchange *x, struct try *t)
{
    enum outcome o;
    if (x->env->drill == NULL || !live_drill_takes(x->env->drill, t->candidate->provider, t->candidate->model,
                                                   sl_loop_now(x->env->loop), sl_rand_next(&x->env->loop->rand), &o))
        return false;
    lanes_begin(x, t); /* the target's health hears of it as of any failure */
    t->outcome = t->result.outcome = o;
    t->result.detail = "a drill";
    x->drilled = true;
    tel_add(x->env->tel, TEL_DRILLED, 1);
    return true;
}

/* What clients see of it ends it (its bound). */
void drilled_over(struct exchange *x)
{
    if (x->drilled && (x->status_sent >= 429 || x->status_sent == 0 || (x->seen != NULL && x->relay_bad)))
        live_drill_seen(x->env->drill);
}
