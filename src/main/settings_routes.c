/* The third pass of `models` and `routes`: trees to rules, names that must lead somewhere, and what no single rule shows: cycles, rules
 * that can never be reached, routes that can end with no target. */
#include <stdio.h>
#include <string.h>

#include "main/settings_int.h"

#define ROUTES_DEEP 64u /* recursion along routes; those that nest deeper than ROUTE_NEST_MAX are refused anyway */

#define SURE_MAX 256u /* rules that are looked at together; what follows them is not judged by more */

struct routing {
    struct settings *s;
    struct cfg *c;
    const struct cfg_tree *tree; /* that is read */
    struct cond_reader reader;
    unsigned char *colours; /* of routes: 0 not seen, 1 on the way, 2 done */
    unsigned char *ends;    /* the same; 3: done, and some request gets no target of it */
    unsigned char *heights;
};

static void on_found(void *arg, bool is_error, const struct cfg_value *at, const char *todo, const char *text)
{
    struct routing *g = arg;
    if (is_error)
        cfg_error_in(g->c, g->tree, at, todo, "%s", text);
    else
        cfg_warn_in(g->c, g->tree, at, todo, "%s", text);
}

static bool is_model(const void *arg, struct sl_str name)
{
    return sl_map_get(&((const struct settings *)arg)->model_by_name, name) != NULL;
}

static bool read_sticky(struct routing *g, const struct sl_str *text, struct route_group_spec *to)
{
    if (text->n == 0 || route_sticky_read(*text, &to->sticky, &to->sticky_name))
        return true;
    cfg_error_at(g->c, text, "Write user, key, tenant, conversation, header:NAME or tag:NAME", "unknown");
    return false;
}

/* -- Names that must lead somewhere ----------------------------------------------------------------------------------- */

static struct sl_str nearest_route(const struct settings *s, struct sl_str name)
{
    struct sl_str best = SL_STR_NONE;
    unsigned least = 4;
    for (size_t i = 0; i < s->routes.n; i++) {
        unsigned d = sl_str_distance(name, s->routes.v[i].name, least);
        if (d < least) {
            least = d;
            best = s->routes.v[i].name;
        }
    }
    return best;
}

static const char *meant_route(struct routing *g, struct sl_str name)
{
    struct sl_str near = nearest_route(g->s, name);
    if (near.n == 0)
        return "Add it under routes";
    return sl_arena_printf(cfg_arena(g->c), "Did you mean '" SL_STR_FMT "'?", SL_STR_ARG(near)).p;
}

static struct route_settings *find_route(const struct settings *s, struct sl_str name)
{
    return sl_map_get(&s->route_by_name, name);
}

/* The route that an entry leads to: by its name, or as that of a model. */
static struct route_settings *route_of(const struct settings *s, const struct route_entry_spec *e)
{
    const struct model_settings *m;
    if (e->name.n == 0)
        return NULL;
    if (e->kind == ROUTE_ENTRY_ROUTE)
        return find_route(s, e->name);
    if (e->kind != ROUTE_ENTRY_MODEL || (m = sl_map_get(&s->model_by_name, e->name)) == NULL || m->route.n == 0)
        return NULL;
    return find_route(s, m->route);
}

static bool has_provider(const struct settings *s, struct sl_str target)
{
    struct sl_str model = target, name = sl_str_cut(&model, '/');
    return sl_map_get(&s->provider_by_name, name) != NULL;
}

static void check_entry_names(struct routing *g, const struct route_entry_spec *e)
{
    if (e->kind == ROUTE_ENTRY_TARGET && e->name.n > 0 && !has_provider(g->s, e->name))
        settings_unknown_provider(g->s, g->c, g->tree, e->at, e->name);
    else if (e->kind == ROUTE_ENTRY_ROUTE && find_route(g->s, e->name) == NULL)
        cfg_error_in(g->c, g->tree, e->at, meant_route(g, e->name), "there is no such route");
    else if (e->kind == ROUTE_ENTRY_MODEL && !is_model(g->s, e->name))
        cfg_error_in(g->c, g->tree, e->at, "Add it under models", "there is no such model");
}

static void check_health_names(struct routing *g, const struct route_cond *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->v[i].fact == COND_HEALTH && c->v[i].kind == COND_TEST && !has_provider(g->s, c->v[i].name))
            settings_unknown_provider(g->s, g->c, g->tree, NULL, c->v[i].name);
}

static bool tenants_say(const struct settings *s, bool region)
{
    for (size_t i = 0; i < s->tenants.n; i++)
        if (region ? s->tenants.v[i].region.n > 0 : s->tenants.v[i].zero_retention == TENANT_RETENTION_ZERO)
            return true;
    return false;
}

static bool tenants_have_budgets(const struct settings *s)
{
    for (size_t i = 0; i < s->tenants.n; i++)
        if (s->tenants.v[i].budget.usd.n > 0)
            return true;
    return false;
}

/* What no request has: nothing supplies it, or no tenant has it set (docs/internals/routing.md). */
static void check_known(struct routing *g, const struct rule_settings *r, const struct route_cond *c)
{
    const bool unknown[COND_FACT_COUNT] = {[COND_REGION] = !tenants_say(g->s, true),
                                           [COND_BUDGET_USED] = !tenants_have_budgets(g->s),
                                           [COND_ZERO_RETENTION] = !tenants_say(g->s, false)};
    for (uint32_t i = 0; i < c->n; i++) {
        const struct cond_node *n = &c->v[i];
        if (n->kind != COND_TEST || !unknown[n->fact] || (n->fact == COND_ZERO_RETENTION && n->low == 0))
            continue;
        cfg_warn_at(g->c, &r->when, NULL, "'%s' is known of no request yet: that condition never holds",
                    cond_fact_name((enum cond_fact)n->fact));
        return;
    }
}

/* Recursion along groups, at most ROUTE_NEST_MAX deep. */
static void check_group_names(struct routing *g, const struct route_group_spec *group)
{
    for (uint32_t i = 0; i < group->n; i++) {
        const struct route_entry_spec *e = &group->entries[i];
        check_entry_names(g, e);
        check_health_names(g, &e->when);
        if (e->kind == ROUTE_ENTRY_GROUP && e->group != NULL)
            check_group_names(g, e->group);
    }
}

/* -- Models ----------------------------------------------------------------------------------------------------------- */

static void read_target(struct routing *g, struct target_settings *t, struct route_entry_spec *e, uint64_t *sum,
                        uint32_t *n_percent)
{
    *e = (struct route_entry_spec){.kind = ROUTE_ENTRY_TARGET,
                                   .name = t->to,
                                   .weight = t->percent > 0 ? t->percent : t->weight,
                                   .tier = (uint16_t)t->tier};
    if (cfg_is_set(g->c, &t->percent)) {
        *sum += t->percent;
        ++*n_percent;
        if (t->percent == 0)
            cfg_error_at(g->c, &t->percent, "Remove the target, or give it a share", "a share of 0 %% is never drawn");
        if (cfg_is_set(g->c, &t->weight) && t->weight != 1) /* 1 is what is shown of one that has none */
            cfg_error_at(g->c, &t->percent, "Keep one of them", "weight and percent together");
    }
    if (t->when.value == NULL)
        return;
    g->tree = &t->when;
    if (route_when_read(&g->reader, t->when.value, &e->when, &e->reserve))
        check_health_names(g, &e->when);
}

struct member_findings {
    struct cfg *c;
    const void *member;
};

static void tell_model(void *arg, bool is_error, const struct cfg_value *at, const char *todo, const char *text)
{
    const struct member_findings *to = arg;
    (void)at;
    (void)is_error;
    cfg_error_at(to->c, to->member, todo, "%s", text);
}

static void read_model(struct routing *g, struct model_settings *m)
{
    struct sl_arena *a = cfg_arena(g->c);
    if (m->route.n > 0) {
        if (m->targets.n > 0)
            cfg_error_at(g->c, &m->route, "Keep one of them", "targets and route together");
        if (find_route(g->s, m->route) == NULL)
            cfg_error_at(g->c, &m->route, meant_route(g, m->route), "there is no such route");
        return;
    }
    struct route_group_spec *group = SL_ARENA_NEW(a, struct route_group_spec);
    struct route_entry_spec *entries = sl_arena_zalloc(a, (m->targets.n + 1) * sizeof *entries);
    uint64_t sum = 0;
    uint32_t n_percent = 0;
    group->order = m->order;
    read_sticky(g, &m->sticky, group);
    for (size_t i = 0; i < m->targets.n; i++)
        read_target(g, &m->targets.v[i], &entries[group->n++], &sum, &n_percent);
    group->entries = entries;
    struct member_findings to = {g->c, &m->targets};
    struct cond_reader reader = {.a = a, .found = tell_model, .arg = &to};
    route_group_check(&reader, NULL, group, n_percent, sum);
    m->group = group;
}

/* -- Rules ------------------------------------------------------------------------------------------------------------ */

static void read_rule(struct routing *g, struct rule_settings *r)
{
    struct sl_arena *a = cfg_arena(g->c);
    struct route_rule_spec *rule = SL_ARENA_NEW(a, struct route_rule_spec);
    struct route_group_spec *group = SL_ARENA_NEW(a, struct route_group_spec);
    r->rule = rule;
    *rule = (struct route_rule_spec){.name = r->name, .script = r->script, .falls_through = r->then == 1};
    g->reader.failed = false;
    g->tree = &r->when;
    if (r->when.value != NULL && cond_read(&g->reader, r->when.value, &rule->when)) {
        check_health_names(g, &rule->when);
        check_known(g, r, &rule->when);
    }
    if ((r->use.value != NULL) == (r->script.n > 0)) {
        cfg_error_at(g->c, r->use.value != NULL ? &r->script : (const void *)&r->use, "Write one of use and script",
                     r->use.value != NULL ? "use and script together" : "this rule has no targets");
        return;
    }
    if (r->use.value == NULL)
        return;
    group->order = r->order;
    read_sticky(g, &r->sticky, group);
    g->reader.failed = false;
    g->tree = &r->use;
    if (route_group_read(&g->reader, r->use.value, is_model, g->s, group))
        check_group_names(g, group);
    rule->group = group;
}

/* -- Of a route as a whole ---------------------------------------------------------------------------------------------- */

static bool route_can_end(struct routing *g, const struct route_settings *r);

static bool entry_can_be_empty(struct routing *g, const struct route_entry_spec *e);

/* Some request gets no target of it: none of the conditions of those entries holds that always give one. Recursion along groups (at
 * most ROUTE_NEST_MAX deep) and routes, each looked at once. */
static bool can_be_empty(struct routing *g, const struct route_group_spec *group)
{
    if (group == NULL || group->n == 0) /* a script; a group that was refused */
        return group == NULL;
    struct sl_arena *a = cfg_arena(g->c);
    const struct route_cond **whens = sl_arena_alloc(a, (group->n + 1) * sizeof(struct route_cond *));
    uint32_t n = 0;
    for (uint32_t i = 0; i < group->n; i++)
        if (!entry_can_be_empty(g, &group->entries[i]))
            whens[n++] = &group->entries[i].when;
    return cond_may_hold(NULL, whens, n, a);
}

static bool entry_can_be_empty(struct routing *g, const struct route_entry_spec *e)
{
    if (e->kind == ROUTE_ENTRY_GROUP)
        return can_be_empty(g, e->group);
    if (e->kind == ROUTE_ENTRY_TARGET)
        return false;
    const struct route_settings *r = route_of(g->s, e);
    const struct model_settings *m = e->kind == ROUTE_ENTRY_MODEL ? sl_map_get(&g->s->model_by_name, e->name) : NULL;
    if (r != NULL)
        return route_can_end(g, r);
    return m != NULL && m->group != NULL && m->group->n > 0 && can_be_empty(g, m->group);
}

static bool is_readable(const struct rule_settings *r)
{
    return r->when.value == NULL || r->rule->when.n > 0;
}

/* Of the first n rules those that always give a target when they hold; final: and leave none to the rules behind. */
static uint32_t sure_rules(struct routing *g, const struct route_settings *r, size_t n, bool final,
                           const struct route_cond **out)
{
    uint32_t found = 0;
    for (size_t i = 0; i < n && found < SURE_MAX; i++) {
        const struct rule_settings *rule = &r->rules.v[i];
        if (is_readable(rule) && !(final && rule->rule->falls_through) && !can_be_empty(g, rule->rule->group))
            out[found++] = &rule->rule->when;
    }
    return found;
}

/* One that is on the way leads back to itself, which is told elsewhere. */
static bool route_can_end(struct routing *g, const struct route_settings *r)
{
    unsigned char *end = &g->ends[r - g->s->routes.v];
    if (*end == 0) {
        struct sl_arena *a = cfg_arena(g->c);
        const struct route_cond **whens = sl_arena_alloc(a, (r->rules.n + 1) * sizeof(struct route_cond *));
        *end = 1;
        *end = cond_may_hold(NULL, whens, sure_rules(g, r, r->rules.n, false, whens), a) ? 3 : 2;
    }
    return *end == 3;
}

static void check_unreachable(struct routing *g, struct route_settings *r, size_t i)
{
    struct sl_arena *a = cfg_arena(g->c);
    const struct route_cond **before = sl_arena_alloc(a, i * sizeof(struct route_cond *));
    const struct route_cond *own = &r->rules.v[i].rule->when;
    uint32_t n = sure_rules(g, r, i, true, before);
    if (!is_readable(&r->rules.v[i]) || cond_may_hold(own, before, n, a))
        return;
    for (size_t k = 0; k < i; k++)
        for (uint32_t b = 0; b < n; b++)
            if (before[b] == &r->rules.v[k].rule->when && !cond_may_hold(own, &before[b], 1, a)) {
                cfg_warn_at(g->c, &r->rules.v[i], "Move it up, or remove it",
                            "never reached: rule %zu above takes all that it would%s", k + 1,
                            before[b]->n == 0 ? ", for it has no condition" : "");
                return;
            }
    cfg_warn_at(g->c, &r->rules.v[i], "Move it up, or remove it",
                "never reached: the rules above together take all that it would");
}

static void check_end(struct routing *g, struct route_settings *r)
{
    for (size_t i = 0; i < r->rules.n; i++)
        if (r->rules.v[i].rule->group != NULL && r->rules.v[i].rule->group->n == 0) /* told already */
            return;
    if (route_can_end(g, r))
        cfg_warn_at(g->c, &r->rules, "Add a last rule without `when`, as in {use: [openai/gpt-4o]}",
                    "a request for which no rule holds ends with no target");
}

static void check_models(struct routing *g)
{
    for (size_t i = 0; i < g->s->models.n; i++) {
        struct model_settings *m = &g->s->models.v[i];
        if (m->group != NULL && m->group->n > 0 && can_be_empty(g, m->group))
            cfg_warn_at(g->c, &m->targets, "Add one without `when`",
                        "a request for which no target's condition holds ends with no target");
    }
}

static unsigned height_of(struct routing *g, struct route_settings *r, unsigned depth);

/* Recursion along groups and routes; bounded by ROUTE_NEST_MAX and ROUTES_DEEP. */
static unsigned height_of_group(struct routing *g, const struct cfg_tree *tree, const struct route_group_spec *group,
                                unsigned depth)
{
    unsigned most = 0;
    for (uint32_t i = 0; i < group->n; i++) {
        const struct route_entry_spec *e = &group->entries[i];
        struct route_settings *to = route_of(g->s, e);
        unsigned h = 0;
        if (e->kind == ROUTE_ENTRY_GROUP && e->group != NULL) {
            h = height_of_group(g, tree, e->group, depth);
        } else if (to != NULL && g->colours[to - g->s->routes.v] == 1) {
            cfg_error_in(g->c, tree, e->at, "Remove one step of the circle", "the route leads back to itself");
        } else if (to != NULL) {
            h = height_of(g, to, depth + 1);
        }
        most = h > most ? h : most;
    }
    return most;
}

static unsigned height_of(struct routing *g, struct route_settings *r, unsigned depth)
{
    size_t at = (size_t)(r - g->s->routes.v);
    unsigned most = 0;
    if (g->colours[at] == 2)
        return g->heights[at];
    if (depth > ROUTES_DEEP)
        return ROUTES_DEEP;
    g->colours[at] = 1;
    for (size_t i = 0; i < r->rules.n; i++) {
        const struct rule_settings *rule = &r->rules.v[i];
        unsigned h = rule->rule->group != NULL ? height_of_group(g, &rule->use, rule->rule->group, depth) : 0;
        most = h > most ? h : most;
    }
    g->colours[at] = 2;
    g->heights[at] = (unsigned char)(most + 1);
    if (most + 1 == ROUTE_NEST_MAX + 1)
        cfg_error_at(g->c, &r->rules, "Name targets in place of routes", "routes within routes more than %u deep",
                     ROUTE_NEST_MAX);
    return g->heights[at];
}

static void check_routes(struct routing *g)
{
    struct sl_arena *a = cfg_arena(g->c);
    g->colours = sl_arena_zalloc(a, g->s->routes.n + 1);
    g->heights = sl_arena_zalloc(a, g->s->routes.n + 1);
    g->ends = sl_arena_zalloc(a, g->s->routes.n + 1);
    for (size_t i = 0; i < g->s->routes.n; i++) {
        struct route_settings *r = &g->s->routes.v[i];
        height_of(g, r, 0);
        for (size_t k = 1; k < r->rules.n; k++)
            check_unreachable(g, r, k);
        if (r->rules.n > 0)
            check_end(g, r);
        else if (cfg_is_set(g->c, &r->rules))
            cfg_error_at(g->c, &r->rules, "Write at least one, as in [{use: [openai/gpt-4o]}]", "there is no rule");
    }
}

void settings_resolve_routes(struct settings *s, struct cfg *c)
{
    struct routing g = {.s = s, .c = c};
    g.reader = (struct cond_reader){.a = cfg_arena(c), .found = on_found, .arg = &g};
    for (size_t i = 0; i < s->routes.n; i++)
        sl_map_put(&s->route_by_name, s->routes.v[i].name, &s->routes.v[i]);
    for (size_t i = 0; i < s->models.n; i++)
        read_model(&g, &s->models.v[i]);
    for (size_t i = 0; i < s->routes.n; i++)
        for (size_t k = 0; k < s->routes.v[i].rules.n; k++)
            read_rule(&g, &s->routes.v[i].rules.v[k]);
    check_routes(&g);
    check_models(&g);
}
