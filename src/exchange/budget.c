/* Tenants' budgets (docs/internals/budgets.md): attempts reserve on the board what the ledger's open record says and settle to what the
 * close record says. */
#include "exchange/exchange_int.h"

static struct spend_cell *cell_of(const struct exchange *x)
{
    return x->key != NULL ? spend_find(x->env->spend, x->key->tenant) : NULL;
}

bool budget_reserve(struct exchange *x, int64_t wall_ns, const struct reservation *r, struct spend_cell **out)
{
    int64_t until_ns = 0;
    struct spend_cell *c = cell_of(x);
    *out = NULL;
    x->budget_until_ns = 0;
    if (c == NULL)
        return true;
    if (!spend_reserve(c, wall_ns, r->cost.cost_p, (r->cost.flags & COST_UNPRICED) != 0, &until_ns)) {
        x->budget_until_ns = until_ns;
        return false;
    }
    *out = c;
    return true;
}

void budget_count(struct exchange *x, int64_t wall_ns, const struct reservation *r, struct spend_cell **out)
{
    *out = cell_of(x);
    if (*out != NULL)
        spend_count(*out, wall_ns, r->cost.cost_p);
}

void budget_settle(struct spend_cell **c, int64_t wall_ns, const struct reservation *r, int64_t cost_p)
{
    if (*c != NULL)
        spend_settle(*c, wall_ns, r->cost.cost_p, cost_p);
    *c = NULL;
}

void budget_correct(const struct exchange_env *env, struct sl_str tenant, int64_t opened_ns, int64_t reserved_p,
                    int64_t cost_p)
{
    struct spend_cell *c = spend_find(env->spend, tenant);
    if (c != NULL)
        spend_settle(c, opened_ns, reserved_p, cost_p);
}

void budget_correct_once(const struct exchange_env *env, struct sl_str tenant, struct sl_id attempt, int64_t opened_ns,
                         int64_t cost_p)
{
    struct spend_cell *c = spend_find(env->spend, tenant);
    if (c != NULL)
        spend_settle_once(c, attempt, opened_ns, cost_p);
}

bool budget_has_room(struct exchange *x)
{
    const struct reservation unknown = {.cost.flags = COST_UNPRICED};
    struct spend_cell *nowhere;
    return budget_reserve(x, sl_loop_wall(x->env->loop), &unknown, &nowhere);
}

#define NEAR_FACTOR 4 /* an estimate may be wrong by that; one that would fill a quarter of what is left is not taken */

static bool is_near(struct spend_cell *c, const struct try *t)
{
    struct spend_view v;
    spend_see(c, t->wall_ns, &v);
    return t->reservation.cost.cost_p > (v.limit_p - v.used_p) / NEAR_FACTOR;
}

bool budget_reserve_try(struct exchange *x, struct try *t)
{
    struct spend_cell *c = cell_of(x);
    if (c != NULL && is_near(c, t))
        guess_reservation(x, t);
    return budget_reserve(x, t->wall_ns, &t->reservation, &t->spend) ||
           (guess_reservation(x, t) && budget_reserve(x, t->wall_ns, &t->reservation, &t->spend));
}

struct error_facts budget_refusal(const struct exchange *x)
{
    int64_t left_ns = x->budget_until_ns - sl_loop_wall(x->env->loop);
    tel_refuse(x->env->tel, TEL_WHY_RATE);
    return (struct error_facts){
        .error = GE_BUDGET,
        .resets_ns = x->budget_until_ns,
        .retry_after_ns = left_ns > 0 ? left_ns : SL_SEC,
    };
}
