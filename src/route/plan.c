/* Plans: see plan.h. One pass over the names asked for; each gives targets or an exclusion with its reason. */
#include "route/plan.h"

#include "route/route_int.h"

const char *route_state_name(enum route_state s)
{
    static const char *const names[] = {"up", "degraded", "probe", "blocked", "open"};
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "up";
}

#define NEAR_MAX 3u /* edits by which a name may miss to be proposed */

struct planning {
    const struct route_policy *p;
    const struct route_ask *ask;
    struct route_plan *plan;
    bool known; /* some name asked for exists */
};

static void plan_name(struct planning *g, struct sl_str name, bool listed);
static void exclude(struct planning *g, struct route_candidate c, const char *why);
static struct sl_str nearest(const struct planning *g, struct sl_str name);

enum route_verdict route_plan(const struct route_policy *p, const struct route_ask *ask, struct sl_arena *a,
                              struct route_plan *out_plan)
{
    *out_plan = (struct route_plan){.n = 0};
    if (ask->route.n > 0)
        return ROUTE_NO_SUCH_ROUTE; /* no configuration can name one yet */
    struct planning g = {.p = p, .ask = ask, .plan = out_plan};
    out_plan->candidates = sl_arena_alloc(a, ROUTE_CANDIDATES_MAX * sizeof *out_plan->candidates);
    out_plan->excluded = sl_arena_alloc(a, ROUTE_CANDIDATES_MAX * sizeof *out_plan->excluded);
    plan_name(&g, ask->model, false);
    for (uint32_t i = 0; i < ask->n_models; i++)
        plan_name(&g, ask->models[i], true);
    if (out_plan->n > 0)
        return ROUTE_OK;
    out_plan->near = nearest(&g, ask->model);
    return g.known ? ROUTE_NOT_GRANTED : ROUTE_UNKNOWN;
}

/* -- Places ---------------------------------------------------------------------------------------------------------- */

static bool is_planned(const struct route_plan *plan, const struct route_candidate *c)
{
    for (uint32_t i = 0; i < plan->n; i++)
        if (plan->candidates[i].provider_index == c->provider_index && sl_str_eq(plan->candidates[i].model, c->model))
            return true;
    return false;
}

static void exclude(struct planning *g, struct route_candidate c, const char *why)
{
    if (g->plan->n_excluded == ROUTE_CANDIDATES_MAX)
        return;
    c.why = why;
    g->plan->excluded[g->plan->n_excluded++] = c;
}

static void place(struct planning *g, struct sl_str asked, const struct route_target *t, const char *why)
{
    struct route_candidate c = {.asked = asked,
                                .provider = t->provider->name,
                                .model = t->model,
                                .provider_index = t->provider->index,
                                .target_index = t->index,
                                .why = why};
    if (is_planned(g->plan, &c))
        exclude(g, c, "planned already");
    else if (g->plan->n > 0 && g->ask->fallback == ROUTE_FIRST_ONLY)
        exclude(g, c, "fallback is off");
    else if (g->plan->n == ROUTE_CANDIDATES_MAX)
        exclude(g, c, "the plan is full");
    else
        g->plan->candidates[g->plan->n++] = c;
}

/* -- Names ----------------------------------------------------------------------------------------------------------- */

static bool knows(const struct route_provider *provider, struct sl_str model)
{
    for (size_t i = 0; i < provider->n_models; i++)
        if (sl_str_eq(provider->models[i], model))
            return true;
    return false;
}

/* A target asked for by "provider/model". */
static bool find_direct(const struct route_policy *p, struct sl_str name, struct route_target *out)
{
    return route_split(p, name, out) && (out->provider->direct || knows(out->provider, out->model));
}

/* Whether the provider takes any name of that family: with its own prefix, or (prefixed false) without one. */
static bool takes_open(const struct route_provider *p, struct sl_str name, bool prefixed)
{
    if (!p->open_models || (p->open_prefix.n > 0) != prefixed)
        return false;
    return !prefixed || sl_str_starts(name, p->open_prefix);
}

static unsigned count_open(const struct route_policy *p, struct sl_str name, bool prefixed)
{
    unsigned n = 0;
    for (size_t i = 0; i < p->n_providers; i++)
        n += takes_open(&p->providers[i], name, prefixed);
    return n;
}

static bool has_open(const struct route_policy *p, struct sl_str name)
{
    return count_open(p, name, true) + count_open(p, name, false) > 0;
}

static void place_open(struct planning *g, struct sl_str name)
{
    bool prefixed = count_open(g->p, name, true) > 0;
    for (size_t i = 0; i < g->p->n_providers; i++) {
        struct route_target t = {&g->p->providers[i], name, route_policy_target_of(g->p, (uint32_t)i, name)};
        if (takes_open(t.provider, name, prefixed))
            place(g, name, &t, "the provider takes any model");
    }
}

static void place_all(struct planning *g, const struct route_name *e, struct sl_str asked, bool listed)
{
    for (size_t i = 0; i < e->n_targets; i++) {
        const char *why = listed   ? "named in 'models'"
                          : i == 0 ? "first target of the model"
                                   : "next target of the model";
        place(g, asked, e->targets[i], why);
    }
}

/* listed: the name is one of `models`, not `model`. */
static void plan_name(struct planning *g, struct sl_str name, bool listed)
{
    const struct route_name *e = sl_map_get(&g->p->names, name);
    struct route_target direct;
    bool is_direct = e == NULL && find_direct(g->p, name, &direct);
    bool exists = e != NULL || is_direct || has_open(g->p, name);
    g->known |= exists;
    if (!exists)
        exclude(g, (struct route_candidate){.asked = name, .target_index = ROUTE_TARGET_NONE}, "unknown model");
    else if (!g->ask->granted(g->ask->grant, name))
        exclude(g, (struct route_candidate){.asked = name, .target_index = ROUTE_TARGET_NONE},
                "not granted to this key");
    else if (e != NULL)
        place_all(g, e, name, listed);
    else if (is_direct)
        place(g, name, &direct, "asked for directly");
    else
        place_open(g, name);
}

static struct sl_str nearest(const struct planning *g, struct sl_str name)
{
    struct sl_str best = SL_STR_NONE;
    unsigned distance = NEAR_MAX + 1;
    for (size_t i = 0; i < g->p->n_listed; i++) {
        struct sl_str id = g->p->listed[i].id;
        unsigned d = sl_str_distance(name, id, distance);
        if (d >= distance || d * 2 >= id.n || !g->ask->granted(g->ask->grant, id))
            continue;
        best = id;
        distance = d;
    }
    return best;
}

/* -- GET /models ------------------------------------------------------------------------------------------------------ */

size_t route_list(const struct route_policy *p, route_granted_f *granted, const void *grant, struct sl_arena *a,
                  struct route_listed **out_rows)
{
    struct route_listed *rows = sl_arena_alloc(a, p->n_listed * sizeof *rows);
    size_t n = 0;
    for (size_t i = 0; i < p->n_listed; i++)
        if (granted(grant, p->listed[i].id))
            rows[n++] = p->listed[i];
    *out_rows = rows;
    return n;
}

bool route_listed_find(const struct route_policy *p, route_granted_f *granted, const void *grant, struct sl_str id,
                       struct route_listed *out)
{
    size_t from = 0, to = p->n_listed;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int c = sl_str_cmp(p->listed[middle].id, id);
        if (c == 0) {
            *out = p->listed[middle];
            return granted(grant, id);
        }
        if (c < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}
