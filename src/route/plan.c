/* Plans: see plan.h. The names asked for give leaves (places, or exclusions with their reason); the leaves are ordered group by group;
 * at the end those go behind that are worse off: by tier, by health, and last what is down. */
#include "route/plan.h"

#include "route/route_int.h"

#define NEAR_MAX 3u   /* edits by which a name may miss to be proposed */
#define DEPTH_MAX 40u /* groups and routes within each other; the configuration's check allows fewer */

static const struct route_facts nothing_known = {.budget_permille = ROUTE_BUDGET_UNKNOWN};

/* The leaves of a group, behind those that are there: in order, tiers counted from `tier`. */
static void plan_group(struct planning *g, const struct route_group *group, uint32_t tier);
/* ... of a route: its first rule that holds and gives a place. */
static void plan_rules(struct planning *g, const struct route_rules *rules, uint32_t tier);

const char *route_state_name(enum route_state s)
{
    static const char *const names[] = {"up", "degraded", "probe", "blocked", "open"};
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "up";
}

/* -- Exclusions -------------------------------------------------------------------------------------------------------- */

static struct route_candidate *add_exclusion(struct planning *g)
{
    struct route_plan *plan = g->plan;
    if (plan->n_excluded == ROUTE_CANDIDATES_MAX)
        return NULL;
    if (plan->n_excluded == g->excluded_cap) {
        g->excluded_cap = g->excluded_cap == 0 ? 4 : ROUTE_CANDIDATES_MAX;
        plan->excluded = sl_arena_grow(g->a, plan->excluded, plan->n_excluded, g->excluded_cap, sizeof *plan->excluded);
    }
    return &plan->excluded[plan->n_excluded++];
}

static void plan_exclude(struct planning *g, struct sl_str asked, const struct route_target *t, struct sl_str model,
                         const char *why)
{
    struct route_candidate *c = add_exclusion(g);
    if (c == NULL)
        return;
    *c = (struct route_candidate){.asked = asked, .target_index = ROUTE_TARGET_NONE, .why = why, .rule = g->rule};
    if (t == NULL)
        return;
    c->provider = t->provider->name;
    c->model = model;
    c->provider_index = t->provider->index;
    c->target_index = t->index;
}

/* -- Filters ----------------------------------------------------------------------------------------------------------- */

/* What a target lacks, in the order of the needs. */
static const char *missing_for(unsigned lacks)
{
    static const struct {
        unsigned need;
        const char *why;
    } rows[] = {{ROUTE_NEED_IMAGES, "the model takes no images"},   {ROUTE_NEED_AUDIO, "the model takes no audio"},
                {ROUTE_NEED_VIDEO, "the model takes no video"},     {ROUTE_NEED_IMAGE_OUT, "the model makes no images"},
                {ROUTE_NEED_AUDIO_OUT, "the model makes no audio"}, {ROUTE_NEED_TOOLS, "the model calls no tools"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((lacks & rows[i].need) != 0)
            return rows[i].why;
    return "the model cannot do what is asked";
}

static struct route_caps caps_of(const struct planning *g, const struct route_target *t, struct sl_str model)
{
    struct route_caps caps = t->caps;
    if (t->model.n == 0 && g->p->caps != NULL) { /* a catch-all */
        caps = (struct route_caps){.known = false};
        g->p->caps(g->p->caps_arg, t->provider->index, model, &caps);
    }
    return caps;
}

/* The first filter that removes it; NULL: it may serve. Rights by name were asked before. */
static const char *filter(const struct planning *g, const struct route_target *t, struct sl_str model, bool *too_long)
{
    const struct route_facts *f = g->facts;
    if (f->region.n > 0 && !route_is_within(t->provider->region, f->region))
        return "outside the region that the request must stay in";
    if ((f->flags & ROUTE_ZERO_RETENTION) != 0 && !t->provider->zero_retention)
        return "the provider keeps what it gets";
    if (f->needs == 0 && f->input_tokens == 0)
        return NULL;
    struct route_caps caps = caps_of(g, t, model);
    if (!caps.known)
        return NULL;
    if ((f->needs & ~caps.can) != 0)
        return missing_for(f->needs & ~caps.can);
    *too_long = caps.context > 0 && plan_surely(f->input_tokens) > caps.context;
    return NULL;
}

/* -- Leaves ------------------------------------------------------------------------------------------------------------ */

static void look(const struct planning *g, struct leaf *l)
{
    struct route_target_view *v = &l->view;
    if (g->ask->view == NULL || !g->ask->view(g->ask->view_arg, l->target->index, v)) {
        *v = (struct route_target_view){.state = ROUTE_UP, .health_q16 = ROUTE_Q16, .room_q16 = ROUTE_Q16};
        return;
    }
    l->state = v->state <= ROUTE_OPEN ? v->state : ROUTE_UP;
    if (l->state == ROUTE_OPEN)
        l->why = "down: for when nothing else is left";
    else if (l->state == ROUTE_BLOCKED)
        l->why = "asked us to wait: for when nothing else is left";
    else if (v->room_q16 == 0)
        l->why = "no room under the provider's limits: for when nothing else is left";
    else if (v->limit > 0 && v->in_flight >= v->limit)
        l->why = "full: for when nothing else is left";
    else
        return;
    l->last_resort = true;
}

/* One place, if it may serve. `why` NULL: that of the order. */
static void plan_leaf(struct planning *g, const struct route_target *t, struct sl_str model, const char *why,
                      uint32_t tier)
{
    bool too_long = false;
    const char *not = filter(g, t, model, &too_long);
    if (not == NULL && g->n == LEAVES_MAX)
        not = "the plan is full";
    if (not != NULL) {
        plan_exclude(g, g->asked, t, model, not );
        return;
    }
    struct leaf *l = &g->leaves[g->n];
    l->asked = g->asked;
    l->model = model;
    l->target = t;
    l->rule = g->rule;
    l->why = why;
    l->terms = NULL;
    l->tier = tier;
    l->state = ROUTE_UP;
    l->last_resort = false;
    l->too_long = too_long;
    look(g, l);
    if (too_long && !l->last_resort) {
        l->last_resort = true;
        l->why = "the request seems too long for its context: for when nothing else is left";
    }
    g->seq[g->n] = (uint8_t)g->n;
    g->n++;
}

/* -- Groups ------------------------------------------------------------------------------------------------------------ */

static const char *place_reason(const struct planning *g, bool first)
{
    if (g->rule != NULL)
        return first ? "first target of the rule" : "next target of the rule";
    if (g->listed)
        return "named in 'models'";
    return first ? "first target of the model" : "next target of the model";
}

/* All that came before in this group are so. */
static bool is_called_up(const struct planning *g, uint32_t from, enum route_reserve reserve)
{
    for (uint32_t i = from; i < g->n; i++) {
        const struct leaf *l = &g->leaves[g->seq[i]];
        bool down = l->state >= ROUTE_BLOCKED || l->last_resort;
        if (!down && (reserve == ROUTE_RESERVE_DOWN || l->state == ROUTE_UP))
            return false;
    }
    return true;
}

static void plan_entry(struct planning *g, const struct route_group *group, const struct route_entry *e, uint32_t first,
                       uint32_t tier)
{
    uint32_t from = g->n, at = tier + e->tier;
    bool reserve = e->reserve != ROUTE_RESERVE_NOT && !is_called_up(g, first, e->reserve);
    if (reserve)
        at = tier + group->reserve_tier;
    if (e->target != NULL)
        plan_leaf(g, e->target, e->target->model, place_reason(g, from == first), at);
    else if (e->group != NULL)
        plan_group(g, e->group, at);
    else
        plan_rules(g, e->rules, at);
    for (uint32_t i = from; e->reserve != ROUTE_RESERVE_NOT && i < g->n; i++)
        if (!g->leaves[g->seq[i]].last_resort)
            g->leaves[g->seq[i]].why = reserve ? "kept back while those before it are well"
                                               : "called up: those before it are not well";
}

/* The units' leaves, one after the other as the units stand now. */
static void settle_order(struct planning *g, uint32_t first, const struct unit *units, uint32_t n)
{
    uint8_t seq[LEAVES_MAX];
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < units[i].n; k++)
            seq[at++] = g->seq[units[i].from + k];
    memcpy(&g->seq[first], seq, at);
}

/* Reasons of those that are down stay; the order's are for those that may serve. */
static void order_units(struct planning *g, const struct route_group *group, uint32_t first, struct unit *units,
                        uint32_t n)
{
    const char *why[LEAVES_MAX];
    for (uint32_t i = first; i < g->n; i++)
        why[i] = g->leaves[i].why;
    plan_order(g, group, units, n);
    for (uint32_t i = first; i < g->n; i++)
        if (g->leaves[i].last_resort)
            g->leaves[i].why = why[i];
    settle_order(g, first, units, n);
}

static void plan_plain(struct planning *g, const struct route_group *group, uint32_t tier)
{
    for (uint32_t i = 0; i < group->n; i++) {
        const struct route_target *t = group->entries[i].target;
        plan_leaf(g, t, t->model, place_reason(g, i == 0), tier);
    }
}

static void plan_group(struct planning *g, const struct route_group *group, uint32_t tier)
{
    struct unit units[ROUTE_GROUP_MAX];
    uint32_t first = g->n, n = 0;
    if (group->plain) {
        plan_plain(g, group, tier);
        return;
    }
    if (++g->depth > DEPTH_MAX) {
        g->depth--;
        return;
    }
    for (uint32_t i = 0; i < group->n && g->visits++ < VISITS_MAX; i++) {
        const struct route_entry *e = &group->entries[i];
        uint32_t from = g->n;
        if (e->when.n > 0 && !cond_holds(&e->when, &g->conditions)) {
            if (e->target != NULL)
                plan_exclude(g, g->asked, e->target, e->target->model, "its condition does not hold");
            continue;
        }
        plan_entry(g, group, e, first, tier);
        if (g->n > from)
            units[n++] = (struct unit){.entry = e, .from = from, .n = g->n - from};
    }
    if (group->order != ROUTE_ORDERED && n > 0)
        order_units(g, group, first, units, n);
    g->depth--;
}

/* -- Routes ------------------------------------------------------------------------------------------------------------ */

static void place_named(struct planning *g, struct sl_str name, uint32_t tier)
{
    struct route_target t;
    const struct route_name *e = sl_map_get(&g->p->names, name);
    if (e != NULL && e->group != NULL)
        plan_group(g, e->group, tier);
    else if (e != NULL)
        plan_rules(g, e->rules, tier);
    else if (route_split(g->p, name, &t))
        plan_leaf(g, g->p->targets[t.index], t.model, "named by the script", tier);
    else
        plan_exclude(g, name, NULL, name, "the script named what is no target");
}

static void plan_script(struct planning *g, const struct route_rule *r, uint32_t tier)
{
    struct sl_str names[ROUTE_GROUP_MAX];
    const char *why = "scripts are off";
    int n = -1;
    if (g->ask->script != NULL)
        n = g->ask->script(g->ask->script_arg, r->script, g->ask, g->a, names, ROUTE_GROUP_MAX, &why);
    if (n < 0)
        plan_exclude(g, g->asked, NULL, SL_STR_NONE, why);
    for (int i = 0; i < n; i++)
        place_named(g, names[i], tier);
}

static uint32_t last_tier(const struct planning *g, uint32_t from, uint32_t tier)
{
    for (uint32_t i = from; i < g->n; i++)
        if (g->leaves[i].tier > tier)
            tier = g->leaves[i].tier;
    return tier;
}

static void plan_rules(struct planning *g, const struct route_rules *rules, uint32_t tier)
{
    const struct route_rule_told *outer = g->rule;
    uint32_t first = g->n;
    if (++g->depth > DEPTH_MAX) {
        g->depth--;
        return;
    }
    for (uint32_t i = 0; i < rules->n && g->visits++ < VISITS_MAX; i++) {
        const struct route_rule *r = &rules->v[i];
        if (!cond_holds(&r->when, &g->conditions))
            continue;
        g->rule = &r->told;
        uint32_t from = g->n;
        if (from > first)
            tier = last_tier(g, first, tier) + 1;
        if (r->group != NULL)
            plan_group(g, r->group, tier);
        else
            plan_script(g, r, tier);
        if (g->n > first && !r->falls_through)
            break;
    }
    g->rule = outer;
    g->depth--;
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

static void place_open(struct planning *g, struct sl_str name, uint32_t tier)
{
    bool prefixed = count_open(g->p, name, true) > 0;
    for (size_t i = 0; i < g->p->n_providers; i++)
        if (takes_open(&g->p->providers[i], name, prefixed))
            plan_leaf(g, g->p->targets[route_policy_target_of(g->p, (uint32_t)i, name)], name,
                      "the provider takes any model", tier);
}

/* listed: the name is one of `models`, not `model`. */
static void plan_name(struct planning *g, struct sl_str name, bool listed)
{
    const struct route_name *e = sl_map_get(&g->p->names, name);
    struct route_target direct;
    bool is_direct = e == NULL && find_direct(g->p, name, &direct);
    bool exists = e != NULL || is_direct || has_open(g->p, name);
    uint32_t tier = g->n > 0 ? last_tier(g, 0, 0) + 1 : 0;
    g->known |= exists;
    g->asked = name;
    g->listed = listed;
    if (!exists) {
        plan_exclude(g, name, NULL, SL_STR_NONE, "unknown model");
        return;
    }
    if (!g->ask->granted(g->ask->grant, name)) {
        plan_exclude(g, name, NULL, SL_STR_NONE, "not granted to this key");
        return;
    }
    g->allowed = true;
    if (e != NULL && e->group != NULL)
        plan_group(g, e->group, tier);
    else if (e != NULL)
        plan_rules(g, e->rules, tier);
    else if (is_direct)
        plan_leaf(g, g->p->targets[direct.index], direct.model, "asked for directly", tier);
    else
        place_open(g, name, tier);
}

/* A route that the request names: one that may be named by anybody who was granted it, or the one its model has anyway. */
static bool plan_named_route(struct planning *g)
{
    const struct route_rules *r = sl_map_get(&g->p->routes, g->ask->route);
    const struct route_name *e = sl_map_get(&g->p->names, g->ask->model);
    if (r == NULL)
        return false;
    bool own = e != NULL && e->rules == r && g->ask->granted(g->ask->grant, g->ask->model);
    if (!own && (!r->on_request || !g->ask->granted(g->ask->grant, r->grant)))
        return false;
    g->known = g->allowed = true;
    g->asked = g->ask->model;
    plan_rules(g, r, 0);
    return true;
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

/* -- The end ----------------------------------------------------------------------------------------------------------- */

/* At most one request finds out about at most one target that was down, and only when another may serve. */
static void settle_probes(struct planning *g)
{
    bool others = false, taken = false;
    for (uint32_t i = 0; i < g->n; i++)
        others |= !g->leaves[i].last_resort && g->leaves[i].state != ROUTE_PROBE;
    for (uint32_t i = 0; i < g->n; i++) {
        struct leaf *l = &g->leaves[g->seq[i]];
        if (l->state != ROUTE_PROBE || l->last_resort)
            continue;
        l->why = "was down: this request may find out";
        if (taken && others) {
            l->last_resort = true;
            l->why = "was down, and another is being found out about: for when nothing else is left";
        }
        taken = true;
    }
}

/* Smaller goes first; equal ones stay as they are. */
static uint32_t rank_of(const struct leaf *l)
{
    uint32_t tier = l->tier < 0xffff ? l->tier : 0xffff;
    return (uint32_t)l->last_resort << 20 | tier << 2 | (l->state == ROUTE_DEGRADED);
}

static bool is_sorted(const struct planning *g)
{
    for (uint32_t i = 1; i < g->n; i++)
        if (rank_of(&g->leaves[g->seq[i]]) < rank_of(&g->leaves[g->seq[i - 1]]))
            return false;
    return true;
}

static void sort_leaves(struct planning *g)
{
    if (is_sorted(g))
        return;
    for (uint32_t i = 1; i < g->n; i++) {
        uint8_t x = g->seq[i];
        uint32_t k = i, rank = rank_of(&g->leaves[x]);
        for (; k > 0 && rank_of(&g->leaves[g->seq[k - 1]]) > rank; k--)
            g->seq[k] = g->seq[k - 1];
        g->seq[k] = x;
    }
    for (uint32_t i = 0; i < g->n; i++) {
        struct leaf *l = &g->leaves[g->seq[i]];
        if (l->state == ROUTE_DEGRADED && !l->last_resort)
            l->why = "degraded: behind the others of its tier";
    }
}

static bool is_planned(const struct route_plan *plan, const struct leaf *l)
{
    for (uint32_t i = 0; i < plan->n; i++)
        if (plan->candidates[i].provider_index == l->target->provider->index &&
            sl_str_eq(plan->candidates[i].model, l->model))
            return true;
    return false;
}

static void finish(struct planning *g)
{
    struct route_plan *plan = g->plan;
    if (g->ask->view != NULL)
        settle_probes(g);
    sort_leaves(g);
    if (g->n == 0)
        return;
    plan->candidates =
        sl_arena_alloc(g->a, (g->n < ROUTE_CANDIDATES_MAX ? g->n : ROUTE_CANDIDATES_MAX) * sizeof *plan->candidates);
    for (uint32_t i = 0; i < g->n; i++) {
        const struct leaf *l = &g->leaves[g->seq[i]];
        const char *not = NULL;
        if (is_planned(plan, l))
            not = "planned already";
        else if (plan->n > 0 && g->ask->fallback == ROUTE_FIRST_ONLY)
            not = "fallback is off";
        else if (plan->n == ROUTE_CANDIDATES_MAX)
            not = "the plan is full";
        g->rule = l->rule;
        if (not != NULL) {
            plan_exclude(g, l->asked, l->target, l->model, not );
            continue;
        }
        plan->candidates[plan->n++] = (struct route_candidate){.asked = l->asked,
                                                               .provider = l->target->provider->name,
                                                               .model = l->model,
                                                               .provider_index = l->target->provider->index,
                                                               .target_index = l->target->index,
                                                               .tier = (uint16_t)(l->tier < 0xffff ? l->tier : 0xffff),
                                                               .state = l->state,
                                                               .last_resort = l->last_resort,
                                                               .why = l->why,
                                                               .rule = l->rule,
                                                               .terms = l->terms};
    }
}

enum route_verdict route_plan(const struct route_policy *p, const struct route_ask *ask, struct sl_arena *a,
                              struct route_plan *out_plan)
{
    struct planning g; /* its leaves are many bytes and are written one by one */
    const struct route_facts *facts = ask->facts != NULL ? ask->facts : &nothing_known;
    *out_plan = (struct route_plan){.n = 0};
    g.p = p;
    g.ask = ask;
    g.facts = facts;
    g.a = a;
    g.plan = out_plan;
    g.conditions = (struct cond_ask){.model = ask->model, .facts = facts, .view = ask->view, .view_arg = ask->view_arg};
    g.asked = SL_STR_NONE;
    g.rule = NULL;
    g.n = g.visits = g.excluded_cap = g.depth = 0;
    g.known = g.listed = g.allowed = false;
    if (ask->route.n == 0)
        plan_name(&g, ask->model, false);
    else if (!plan_named_route(&g))
        return ROUTE_NO_SUCH_ROUTE;
    for (uint32_t i = 0; i < ask->n_models; i++)
        plan_name(&g, ask->models[i], true);
    finish(&g);
    if (out_plan->n > 0)
        return ROUTE_OK;
    if (g.allowed)
        return ROUTE_NONE_FITS;
    out_plan->near = nearest(&g, ask->model);
    return g.known ? ROUTE_NOT_GRANTED : ROUTE_UNKNOWN;
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
