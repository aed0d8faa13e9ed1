/* What holds for one exchange of what routes may say differently (`routes.NAME.rescue`, `.deadline`): the settings of the process, then those
 * of the route whose rule gave the first place of the plan. */
#include "exchange/exchange_int.h"

void terms_begin(struct exchange *x)
{
    const struct exchange_policy *set = &x->snap->set;
    x->terms = (struct exchange_terms){
        .rescue = set->rescue,
        .first_token_ns = set->first_token_ns,
        .thinking_ns = set->thinking_ns,
        .between_tokens_ns = set->between_tokens_ns,
        .first_byte_ns = x->snap->deadlines.first_byte_ns,
        .answer_ns = set->answer_ns,
    };
}

static void take(int64_t *to, int64_t ns)
{
    if (ns > 0)
        *to = ns;
}

const struct snapshot_route *snapshot_route_of(const struct snapshot *s, const struct route_plan *p)
{
    const struct route_rule_told *rule = p->n > 0 ? p->candidates[0].rule : NULL;
    for (size_t i = 0; rule != NULL && i < s->n_routes; i++)
        if (sl_str_eq(s->routes[i].name, rule->route))
            return &s->routes[i];
    return NULL;
}

void terms_of_route(struct exchange *x)
{
    const struct snapshot_route *r = snapshot_route_of(x->snap, &x->plan);
    if (r == NULL)
        return;
    if (r->has_rescue)
        x->terms.rescue = r->terms.rescue;
    take(&x->terms.first_token_ns, r->terms.first_token_ns);
    take(&x->terms.thinking_ns, r->terms.thinking_ns);
    take(&x->terms.between_tokens_ns, r->terms.between_tokens_ns);
    take(&x->terms.first_byte_ns, r->terms.first_byte_ns);
    take(&x->terms.answer_ns, r->terms.answer_ns);
    if (r->total_ns > 0) {
        x->total_due_ns = x->began_ns + r->total_ns;
        x->deadline_kind = DL_NONE; /* the state's end is reckoned anew */
    }
}

/* -- rescue: hold ------------------------------------------------------------------------------------------------------ */

bool terms_hold(const struct exchange *x)
{
    return x->terms.rescue == RESCUE_HOLD && !x->committed && x->rescue == NULL;
}

/* The live attempt has output; is it enough to be shown? */
bool terms_held_enough(const struct exchange *x)
{
    return !terms_hold(x) || x->seen->saw_finish || x->seen->content_events >= x->snap->set.hold_pieces;
}

int64_t terms_hold_until(const struct exchange *x, const struct try *t)
{
    return t->began_ns + t->first_token_ns + x->snap->set.hold_more_ns;
}
