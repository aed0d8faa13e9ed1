/* The routing policy of a snapshot: names to targets, resolved once. See plan.h. */
#include "route/route_int.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

struct building {
    const struct route_policy_spec *spec;
    struct route_policy *p;
    struct sl_fail *fail;
};

static struct route_provider *find_provider(const struct route_policy *p, struct sl_str name)
{
    return sl_map_get(&p->provider_by_name, name);
}

/* -- Targets --------------------------------------------------------------------------------------------------------- */

static void number(struct building *b, struct route_target *t)
{
    struct route_policy *p = b->p;
    if ((p->n_targets & (p->n_targets - 1)) == 0) { /* a power of two is full */
        struct route_target **more = sl_arena_alloc(&p->arena, (p->n_targets * 2 + 1) * sizeof(struct route_target *));
        if (p->n_targets > 0)
            memcpy(more, p->targets, p->n_targets * sizeof(struct route_target *));
        p->targets = more;
    }
    t->index = p->n_targets;
    p->targets[p->n_targets++] = t;
}

static void mark(struct route_marks *m, uint64_t at)
{
    if (at == 0)
        return;
    for (uint32_t i = 0; i < m->n && i < MARKS_MAX; i++)
        if (m->v[i] == at)
            return;
    if (m->n < MARKS_MAX)
        m->v[m->n] = at;
    m->n += m->n <= MARKS_MAX;
}

static bool has_mark(const struct route_marks *m, uint64_t from, uint64_t to)
{
    for (uint32_t i = 0; i < m->n && i < MARKS_MAX; i++)
        if (m->v[i] >= from && m->v[i] <= to)
            return true;
    return m->n > MARKS_MAX;
}

bool route_policy_turns_on_input(const struct route_policy *p, uint64_t least, uint64_t estimate, uint64_t most)
{
    return p->n_scripts > 0 || has_mark(&p->bounds, least, most) ||
           has_mark(&p->contexts, least, plan_surely(estimate));
}

static const struct route_target *target_of(struct building *b, struct route_provider *provider, struct sl_str model)
{
    struct route_target *t = sl_map_get(&provider->targets, model);
    if (t != NULL)
        return t;
    t = SL_ARENA_NEW(&b->p->arena, struct route_target);
    *t = (struct route_target){.provider = provider, .model = sl_arena_str(&b->p->arena, model)};
    if (b->p->caps != NULL)
        b->p->caps(b->p->caps_arg, provider->index, t->model, &t->caps);
    if (t->caps.known)
        b->p->wants |= ROUTE_WANTS_MEDIA;
    if (t->caps.known && t->caps.context > 0)
        mark(&b->p->contexts, t->caps.context);
    number(b, t);
    sl_map_put(&provider->targets, t->model, t);
    return t;
}

/* Of "provider/model"; NULL: no such provider. */
static const struct route_target *target_named(struct building *b, struct sl_str name)
{
    struct sl_str model = name, provider_name = sl_str_cut(&model, '/');
    struct route_provider *provider = model.n > 0 ? find_provider(b->p, provider_name) : NULL;
    return provider != NULL ? target_of(b, provider, model) : NULL;
}

/* Last, so that what is configured comes first. */
static void add_catch_alls(struct building *b)
{
    for (size_t i = 0; i < b->p->n_providers; i++) {
        struct route_target *t = SL_ARENA_NEW(&b->p->arena, struct route_target);
        t->provider = &b->p->providers[i];
        number(b, t);
        b->p->providers[i].rest = t;
    }
}

uint32_t route_policy_targets(const struct route_policy *p)
{
    return p->n_targets;
}

void route_policy_target(const struct route_policy *p, uint32_t i, uint32_t *out_provider_index,
                         struct sl_str *out_model)
{
    SL_CHECK(i < p->n_targets);
    *out_provider_index = p->targets[i]->provider->index;
    *out_model = p->targets[i]->model;
}

uint32_t route_policy_target_of(const struct route_policy *p, uint32_t provider_index, struct sl_str model)
{
    SL_CHECK(provider_index < p->n_providers);
    const struct route_provider *provider = &p->providers[provider_index];
    const struct route_target *t = sl_map_get(&provider->targets, model);
    return t != NULL ? t->index : provider->rest->index;
}

uint64_t route_policy_context(const struct route_policy *p, uint32_t provider_index, struct sl_str model)
{
    struct route_caps caps = {.known = false};
    if (p->caps != NULL)
        p->caps(p->caps_arg, provider_index, model, &caps);
    return caps.known ? caps.context : 0;
}

unsigned route_policy_wants(const struct route_policy *p)
{
    return p->wants;
}

bool route_policy_has_rules(const struct route_policy *p)
{
    return p->has_rules;
}

bool route_policy_takes_any(const struct route_policy *p, uint32_t provider_index)
{
    return provider_index < p->n_providers &&
           (p->providers[provider_index].direct || p->providers[provider_index].open_models);
}

uint32_t route_policy_target_named(const struct route_policy *p, struct sl_str name)
{
    struct route_target t;
    return route_split(p, name, &t) ? t.index : ROUTE_TARGET_NONE;
}

uint32_t route_policy_scripts(const struct route_policy *p)
{
    return p->n_scripts;
}

struct sl_str route_policy_script(const struct route_policy *p, uint32_t i)
{
    SL_CHECK(i < p->n_scripts);
    return p->scripts[i];
}

bool route_split(const struct route_policy *p, struct sl_str name, struct route_target *out)
{
    struct sl_str model = name;
    struct sl_str provider = sl_str_cut(&model, '/');
    const struct route_provider *found = model.n > 0 ? find_provider(p, provider) : NULL;
    if (found == NULL)
        return false;
    const struct route_target *t = sl_map_get(&found->targets, model);
    *out = t != NULL ? *t : *found->rest;
    out->model = model;
    return true;
}

/* -- Providers ------------------------------------------------------------------------------------------------------- */

static enum sl_err add_providers(struct building *b)
{
    struct route_policy *p = b->p;
    p->n_providers = b->spec->n_providers;
    p->providers = sl_arena_zalloc(&p->arena, p->n_providers * sizeof *p->providers);
    for (size_t i = 0; i < p->n_providers; i++) {
        const struct route_provider_spec *s = &b->spec->providers[i];
        struct route_provider *to = &p->providers[i];
        *to = (struct route_provider){.name = sl_arena_str(&p->arena, s->name),
                                      .index = (uint32_t)i,
                                      .direct = s->direct,
                                      .open_models = s->open_models,
                                      .open_prefix = sl_arena_str(&p->arena, s->open_prefix),
                                      .region = sl_arena_str(&p->arena, s->region),
                                      .zero_retention = s->zero_retention,
                                      .n_models = s->n_models};
        sl_map_init(&to->targets);
        to->models = sl_arena_alloc(&p->arena, s->n_models * sizeof *to->models);
        for (size_t k = 0; k < s->n_models; k++)
            to->models[k] = sl_arena_str(&p->arena, s->models[k]);
        if (sl_map_put(&p->provider_by_name, to->name, to) != NULL)
            return sl_fail_set(b->fail, SL_EINVAL, "providers", "the provider '" SL_STR_FMT "' is given twice",
                               SL_STR_ARG(s->name));
    }
    return SL_OK;
}

/* -- Groups ---------------------------------------------------------------------------------------------------------- */

static unsigned wants_of(const struct cond_node *n)
{
    if (n->fact == COND_TAGS || n->fact == COND_USER || n->fact == COND_TEAM)
        return ROUTE_WANTS_TAGS;
    return n->fact == COND_MODALITY ? ROUTE_WANTS_MEDIA : 0;
}

static unsigned wants_of_group(const struct route_group_spec *s)
{
    unsigned wants = 0;
    if (s->sticky == ROUTE_STICKY_USER || s->sticky == ROUTE_STICKY_TAG)
        wants |= ROUTE_WANTS_TAGS;
    if (s->sticky == ROUTE_STICKY_CONVERSATION || s->order == ROUTE_CACHE_AFFINE)
        wants |= ROUTE_WANTS_CONVERSATION;
    return wants;
}

/* The nodes are ours, with targets resolved; words and names stay where they are. */
static enum sl_err copy_condition(struct building *b, const struct route_cond *from, struct route_cond *to)
{
    *to = *from;
    if (from->n == 0)
        return SL_OK;
    to->v = sl_arena_alloc(&b->p->arena, from->n * sizeof *to->v);
    memcpy(to->v, from->v, from->n * sizeof *to->v);
    for (uint32_t i = 0; i < to->n; i++) {
        struct cond_node *n = &to->v[i];
        b->p->wants |= n->kind != COND_TEST ? 0u : wants_of(n);
        if (n->kind == COND_TEST && n->fact == COND_INPUT_TOKENS) {
            mark(&b->p->bounds, n->low);
            mark(&b->p->bounds, n->high);
        }
        if (n->kind != COND_TEST || n->fact != COND_HEALTH)
            continue;
        const struct route_target *t = target_named(b, n->name);
        if (t == NULL)
            return sl_fail_set(b->fail, SL_EINVAL, "routes",
                               "a condition asks about '" SL_STR_FMT "', which is no target", SL_STR_ARG(n->name));
        n->target = t->index;
    }
    return SL_OK;
}

static uint64_t salt_of(struct sl_str name, uint32_t number)
{
    static const struct sl_hash_key key = {UINT64_C(0x726f757465000001), UINT64_C(0x67726f7570000001)};
    return sl_hash(key, name) + number * UINT64_C(0x9e3779b97f4a7c15);
}

static enum sl_err fill_group(struct building *b, const struct route_group_spec *s, uint64_t salt, unsigned depth,
                              struct route_group *to);

static enum sl_err fill_entry(struct building *b, const struct route_entry_spec *s, uint64_t salt, unsigned depth,
                              struct route_entry *to)
{
    *to = (struct route_entry){.reserve = s->reserve, .weight = s->weight > 0 ? s->weight : 1, .tier = s->tier};
    enum sl_err e = copy_condition(b, &s->when, &to->when);
    if (e != SL_OK)
        return e;
    if (s->kind == ROUTE_ENTRY_GROUP) {
        struct route_group *group = SL_ARENA_NEW(&b->p->arena, struct route_group);
        to->group = group;
        return fill_group(b, s->group, salt, depth + 1, group);
    }
    if (s->kind == ROUTE_ENTRY_TARGET) {
        to->target = target_named(b, s->name);
    } else if (s->kind == ROUTE_ENTRY_ROUTE) {
        to->rules = sl_map_get(&b->p->routes, s->name);
    } else {
        const struct route_name *name = sl_map_get(&b->p->names, s->name);
        to->group = name != NULL ? name->group : NULL;
        to->rules = name != NULL ? name->rules : NULL;
    }
    if (to->target == NULL && to->rules == NULL && to->group == NULL)
        return sl_fail_set(b->fail, SL_EINVAL, "routes", "'" SL_STR_FMT "' leads nowhere", SL_STR_ARG(s->name));
    return SL_OK;
}

static bool is_plain(const struct route_group *g)
{
    bool plain = g->order == ROUTE_ORDERED;
    for (uint32_t i = 0; i < g->n && plain; i++) {
        const struct route_entry *e = &g->entries[i];
        plain = e->target != NULL && e->when.n == 0 && e->reserve == ROUTE_RESERVE_NOT && e->tier == 0;
    }
    return plain;
}

/* Recursion along groups within groups, at most ROUTE_NEST_MAX deep. */
static enum sl_err fill_group(struct building *b, const struct route_group_spec *s, uint64_t salt, unsigned depth,
                              struct route_group *to)
{
    if (depth > ROUTE_NEST_MAX || s->n == 0)
        return sl_fail_set(b->fail, SL_EINVAL, "routes", s->n == 0 ? "a group without targets" : "groups too deep");
    b->p->wants |= wants_of_group(s);
    to->order = s->order;
    to->sticky = s->sticky;
    to->sticky_name = sl_arena_str(&b->p->arena, s->sticky_name);
    to->exact = s->exact;
    to->salt = salt;
    to->n = s->n;
    to->entries = sl_arena_zalloc(&b->p->arena, s->n * sizeof *to->entries);
    for (uint32_t i = 0; i < s->n; i++) {
        enum sl_err e =
            fill_entry(b, &s->entries[i], salt * UINT64_C(0xd1342543de82ef95) + i + 1, depth, &to->entries[i]);
        if (e != SL_OK)
            return e;
        if (to->entries[i].tier >= to->reserve_tier)
            to->reserve_tier = (uint16_t)(to->entries[i].tier + 1);
    }
    to->plain = is_plain(to);
    b->p->has_rules |= !to->plain;
    return SL_OK;
}

/* -- Names ----------------------------------------------------------------------------------------------------------- */

static enum sl_err add_name(struct building *b, struct sl_str name, const struct route_group *group,
                            const struct route_rules *rules)
{
    struct route_name *e = SL_ARENA_NEW(&b->p->arena, struct route_name);
    *e = (struct route_name){.name = sl_arena_str(&b->p->arena, name), .group = group, .rules = rules};
    if (sl_map_put(&b->p->names, e->name, e) != NULL)
        return sl_fail_set(b->fail, SL_EINVAL, "models", "the name '" SL_STR_FMT "' is given twice", SL_STR_ARG(name));
    return SL_OK;
}

/* Targets in order, from the short form of a model. */
static enum sl_err fill_plain(struct building *b, const struct route_model_spec *m, struct route_group *to)
{
    to->plain = true;
    to->reserve_tier = 1;
    to->n = (uint32_t)m->n_targets;
    to->entries = sl_arena_zalloc(&b->p->arena, m->n_targets * sizeof *to->entries);
    for (size_t i = 0; i < m->n_targets; i++) {
        struct route_provider *provider = find_provider(b->p, m->targets[i].provider);
        if (provider == NULL)
            return sl_fail_set(b->fail, SL_EINVAL, "models",
                               "the model '" SL_STR_FMT "' has a target at '" SL_STR_FMT "', which is no provider",
                               SL_STR_ARG(m->name), SL_STR_ARG(m->targets[i].provider));
        to->entries[i] = (struct route_entry){.target = target_of(b, provider, m->targets[i].model), .weight = 1};
    }
    return SL_OK;
}

static enum sl_err add_model(struct building *b, const struct route_model_spec *m)
{
    if (m->route.n > 0) {
        const struct route_rules *rules = sl_map_get(&b->p->routes, m->route);
        if (rules == NULL)
            return sl_fail_set(b->fail, SL_EINVAL, "models",
                               "the model '" SL_STR_FMT "' names the route '" SL_STR_FMT "', which is not there",
                               SL_STR_ARG(m->name), SL_STR_ARG(m->route));
        return add_name(b, m->name, NULL, rules);
    }
    if (m->group == NULL && m->n_targets == 0)
        return sl_fail_set(b->fail, SL_EINVAL, "models", "the model '" SL_STR_FMT "' has no targets",
                           SL_STR_ARG(m->name));
    struct route_group *group = SL_ARENA_NEW(&b->p->arena, struct route_group);
    enum sl_err e = m->group != NULL ? fill_group(b, m->group, salt_of(m->name, 0), 0, group) : fill_plain(b, m, group);
    return e == SL_OK ? add_name(b, m->name, group, NULL) : e;
}

static enum sl_err add_alias(struct building *b, const struct route_alias_spec *s)
{
    const struct route_name *to = sl_map_get(&b->p->names, s->model);
    if (to != NULL)
        return add_name(b, s->name, to->group, to->rules);
    const struct route_target *t = target_named(b, s->model);
    if (t == NULL)
        return sl_fail_set(b->fail, SL_EINVAL, "models",
                           "the alias '" SL_STR_FMT "' points to '" SL_STR_FMT "', which is no model",
                           SL_STR_ARG(s->name), SL_STR_ARG(s->model));
    struct route_group *group = SL_ARENA_NEW(&b->p->arena, struct route_group);
    struct route_entry *entry = SL_ARENA_NEW(&b->p->arena, struct route_entry);
    *entry = (struct route_entry){.target = t, .weight = 1};
    *group = (struct route_group){.plain = true, .entries = entry, .n = 1, .reserve_tier = 1};
    return add_name(b, s->name, group, NULL);
}

/* -- Routes ---------------------------------------------------------------------------------------------------------- */

static enum sl_err add_route_names(struct building *b)
{
    for (size_t i = 0; i < b->spec->n_routes; i++) {
        const struct route_route_spec *s = &b->spec->routes[i];
        struct route_rules *r = SL_ARENA_NEW(&b->p->arena, struct route_rules);
        r->name = sl_arena_str(&b->p->arena, s->name);
        r->grant = sl_arena_printf(&b->p->arena, "route:" SL_STR_FMT, SL_STR_ARG(s->name));
        r->on_request = s->on_request;
        r->n = (uint32_t)s->n_rules;
        r->v = sl_arena_zalloc(&b->p->arena, s->n_rules * sizeof *r->v);
        if (sl_map_put(&b->p->routes, r->name, r) != NULL)
            return sl_fail_set(b->fail, SL_EINVAL, "routes", "the route '" SL_STR_FMT "' is given twice",
                               SL_STR_ARG(s->name));
    }
    return SL_OK;
}

static uint32_t add_script(struct building *b, struct sl_str path)
{
    struct route_policy *p = b->p;
    struct sl_str *more = sl_arena_alloc(&p->arena, (p->n_scripts + 1) * sizeof *more);
    for (uint32_t i = 0; i < p->n_scripts; i++)
        more[i] = p->scripts[i];
    more[p->n_scripts] = sl_arena_str(&p->arena, path);
    p->scripts = more;
    return p->n_scripts++;
}

static enum sl_err fill_rule(struct building *b, const struct route_rules *of, uint32_t i,
                             const struct route_rule_spec *s, struct route_rule *to)
{
    to->told =
        (struct route_rule_told){.route = of->name, .name = sl_arena_str(&b->p->arena, s->name), .number = i + 1};
    to->falls_through = s->falls_through;
    enum sl_err e = copy_condition(b, &s->when, &to->when);
    if (e != SL_OK)
        return e;
    if (s->group == NULL) {
        to->script = add_script(b, s->script);
        b->p->wants |= ROUTE_WANTS_TAGS | ROUTE_WANTS_CONVERSATION | ROUTE_WANTS_MEDIA;
        return SL_OK;
    }
    struct route_group *group = SL_ARENA_NEW(&b->p->arena, struct route_group);
    to->group = group;
    return fill_group(b, s->group, salt_of(of->name, i + 1), 0, group);
}

static enum sl_err fill_routes(struct building *b)
{
    for (size_t i = 0; i < b->spec->n_routes; i++) {
        struct route_rules *r = sl_map_get(&b->p->routes, b->spec->routes[i].name);
        for (uint32_t k = 0; k < r->n; k++) {
            enum sl_err e = fill_rule(b, r, k, &b->spec->routes[i].rules[k], &r->v[k]);
            if (e != SL_OK)
                return e;
        }
    }
    return SL_OK;
}

/* -- What is listed -------------------------------------------------------------------------------------------------- */

static int compare_listed(const void *a, const void *b)
{
    return sl_str_cmp(((const struct route_listed *)a)->id, ((const struct route_listed *)b)->id);
}

/* The target that a name is shown with. Recursion along what the configuration's check has bounded, and `depth`. */
static const struct route_target *first_target(const struct route_group *group, const struct route_rules *rules,
                                               unsigned depth)
{
    const struct route_target *t = NULL;
    if (depth > 2 * ROUTE_NEST_MAX)
        return NULL;
    for (uint32_t i = 0; group != NULL && i < group->n && t == NULL; i++) {
        const struct route_entry *e = &group->entries[i];
        t = e->target != NULL ? e->target : first_target(e->group, e->rules, depth + 1);
    }
    for (uint32_t i = 0; rules != NULL && i < rules->n && t == NULL; i++)
        t = first_target(rules->v[rules->n - 1 - i].group, NULL, depth + 1); /* the last rule is the ordinary case */
    return t;
}

static void list_name(struct building *b, const struct route_name *e)
{
    struct route_policy *p = b->p;
    const struct route_target *t = first_target(e->group, e->rules, 0);
    p->listed[p->n_listed++] = (struct route_listed){.id = e->name,
                                                     .owned_by = t != NULL ? t->provider->name : SL_STR("sluice"),
                                                     .created_s = b->spec->created_s,
                                                     .provider_index = t != NULL ? t->provider->index : 0,
                                                     .model = t != NULL ? t->model : e->name};
}

static void make_list(struct building *b)
{
    struct route_policy *p = b->p;
    size_t n = p->names.n;
    for (size_t i = 0; i < p->n_providers; i++)
        n += p->providers[i].n_models;
    p->listed = sl_arena_alloc(&p->arena, n * sizeof *p->listed);
    const struct sl_map_slot *slot;
    for (size_t at = 0; (slot = sl_map_next(&p->names, &at)) != NULL;)
        list_name(b, slot->value);
    for (size_t i = 0; i < p->n_providers; i++) {
        const struct route_provider *provider = &p->providers[i];
        for (size_t k = 0; k < provider->n_models; k++) {
            struct sl_str id = sl_arena_printf(&p->arena, SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(provider->name),
                                               SL_STR_ARG(provider->models[k]));
            if (sl_map_get(&p->names, id) == NULL)
                p->listed[p->n_listed++] = (struct route_listed){.id = id,
                                                                 .owned_by = provider->name,
                                                                 .created_s = b->spec->created_s,
                                                                 .provider_index = provider->index,
                                                                 .model = provider->models[k]};
        }
    }
    qsort(p->listed, p->n_listed, sizeof *p->listed, compare_listed);
}

/* -- Life ------------------------------------------------------------------------------------------------------------ */

static enum sl_err build(struct building *b)
{
    enum sl_err e = add_providers(b);
    if (e == SL_OK)
        e = add_route_names(b);
    for (size_t i = 0; e == SL_OK && i < b->spec->n_models; i++)
        e = add_model(b, &b->spec->models[i]);
    for (size_t i = 0; e == SL_OK && i < b->spec->n_aliases; i++)
        e = add_alias(b, &b->spec->aliases[i]);
    if (e == SL_OK)
        e = fill_routes(b);
    if (e != SL_OK)
        return e;
    b->p->has_rules |= b->spec->n_routes > 0;
    add_catch_alls(b);
    make_list(b);
    return SL_OK;
}

enum sl_err route_policy_build(const struct route_policy_spec *spec, struct route_policy **out_p, struct sl_fail *fail)
{
    struct route_policy *p = SL_NEW(struct route_policy);
    sl_arena_init(&p->arena, NULL);
    sl_map_init(&p->names);
    sl_map_init(&p->routes);
    sl_map_init(&p->provider_by_name);
    p->caps = spec->caps;
    p->caps_arg = spec->caps_arg;
    struct building b = {.spec = spec, .p = p, .fail = fail};
    enum sl_err e = build(&b);
    if (e != SL_OK) {
        route_policy_free(p);
        return e;
    }
    *out_p = p;
    return SL_OK;
}

void route_policy_free(struct route_policy *p)
{
    if (p == NULL)
        return;
    sl_map_done(&p->names);
    sl_map_done(&p->routes);
    sl_map_done(&p->provider_by_name);
    for (size_t i = 0; i < p->n_providers; i++)
        sl_map_done(&p->providers[i].targets);
    sl_arena_done(&p->arena);
    sl_free(p);
}
