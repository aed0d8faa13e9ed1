/* The routing policy of a snapshot: names to targets, resolved once. See plan.h. */
#include "route/route_int.h"

#include <stdlib.h>

#include "base/check.h"
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

static const struct route_target *target_of(struct building *b, struct route_provider *provider, struct sl_str model)
{
    struct route_target *t = sl_map_get(&provider->targets, model);
    if (t != NULL)
        return t;
    t = SL_ARENA_NEW(&b->p->arena, struct route_target);
    *t = (struct route_target){.provider = provider, .model = sl_arena_str(&b->p->arena, model)};
    number(b, t);
    sl_map_put(&provider->targets, t->model, t);
    return t;
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

/* -- Names ----------------------------------------------------------------------------------------------------------- */

static enum sl_err add_name(struct building *b, struct sl_str name, const struct route_target **targets, size_t n)
{
    struct route_name *e = SL_ARENA_NEW(&b->p->arena, struct route_name);
    *e = (struct route_name){.name = sl_arena_str(&b->p->arena, name), .targets = targets, .n_targets = n};
    if (sl_map_put(&b->p->names, e->name, e) != NULL)
        return sl_fail_set(b->fail, SL_EINVAL, "models", "the name '" SL_STR_FMT "' is given twice", SL_STR_ARG(name));
    return SL_OK;
}

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

static enum sl_err add_model(struct building *b, const struct route_model_spec *m)
{
    if (m->n_targets == 0)
        return sl_fail_set(b->fail, SL_EINVAL, "models", "the model '" SL_STR_FMT "' has no targets",
                           SL_STR_ARG(m->name));
    const struct route_target **v = sl_arena_alloc(&b->p->arena, m->n_targets * sizeof *v);
    for (size_t i = 0; i < m->n_targets; i++) {
        struct route_provider *provider = find_provider(b->p, m->targets[i].provider);
        if (provider == NULL)
            return sl_fail_set(b->fail, SL_EINVAL, "models",
                               "the model '" SL_STR_FMT "' has a target at '" SL_STR_FMT "', which is no provider",
                               SL_STR_ARG(m->name), SL_STR_ARG(m->targets[i].provider));
        v[i] = target_of(b, provider, m->targets[i].model);
    }
    return add_name(b, m->name, v, m->n_targets);
}

static enum sl_err add_alias(struct building *b, const struct route_alias_spec *s)
{
    const struct route_name *to = sl_map_get(&b->p->names, s->model);
    if (to != NULL)
        return add_name(b, s->name, to->targets, to->n_targets);
    struct sl_str model = s->model, provider_name = sl_str_cut(&model, '/');
    struct route_provider *provider = model.n > 0 ? find_provider(b->p, provider_name) : NULL;
    if (provider == NULL)
        return sl_fail_set(b->fail, SL_EINVAL, "models",
                           "the alias '" SL_STR_FMT "' points to '" SL_STR_FMT "', which is no model",
                           SL_STR_ARG(s->name), SL_STR_ARG(s->model));
    const struct route_target **t = sl_arena_alloc(&b->p->arena, sizeof *t);
    t[0] = target_of(b, provider, model);
    return add_name(b, s->name, t, 1);
}

bool route_split(const struct route_policy *p, struct sl_str name, struct route_target *out)
{
    struct sl_str model = name;
    struct sl_str provider = sl_str_cut(&model, '/');
    const struct route_provider *found = model.n > 0 ? find_provider(p, provider) : NULL;
    if (found == NULL)
        return false;
    *out = (struct route_target){.provider = found, .model = model};
    const struct route_target *t = sl_map_get(&found->targets, model);
    out->index = t != NULL ? t->index : found->rest->index;
    return true;
}

/* -- What is listed -------------------------------------------------------------------------------------------------- */

static int compare_listed(const void *a, const void *b)
{
    return sl_str_cmp(((const struct route_listed *)a)->id, ((const struct route_listed *)b)->id);
}

static void make_list(struct building *b)
{
    struct route_policy *p = b->p;
    size_t n = p->names.n;
    for (size_t i = 0; i < p->n_providers; i++)
        n += p->providers[i].n_models;
    p->listed = sl_arena_alloc(&p->arena, n * sizeof *p->listed);
    const struct sl_map_slot *slot;
    for (size_t at = 0; (slot = sl_map_next(&p->names, &at)) != NULL;) {
        const struct route_name *e = slot->value;
        p->listed[p->n_listed++] = (struct route_listed){.id = e->name,
                                                         .owned_by = e->targets[0]->provider->name,
                                                         .created_s = b->spec->created_s,
                                                         .provider_index = e->targets[0]->provider->index,
                                                         .model = e->targets[0]->model};
    }
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
    for (size_t i = 0; e == SL_OK && i < b->spec->n_models; i++)
        e = add_model(b, &b->spec->models[i]);
    for (size_t i = 0; e == SL_OK && i < b->spec->n_aliases; i++)
        e = add_alias(b, &b->spec->aliases[i]);
    if (e != SL_OK)
        return e;
    add_catch_alls(b);
    make_list(b);
    return SL_OK;
}

enum sl_err route_policy_build(const struct route_policy_spec *spec, struct route_policy **out_p, struct sl_fail *fail)
{
    struct route_policy *p = SL_NEW(struct route_policy);
    sl_arena_init(&p->arena, NULL);
    sl_map_init(&p->names);
    sl_map_init(&p->provider_by_name);
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
    sl_map_done(&p->provider_by_name);
    for (size_t i = 0; i < p->n_providers; i++)
        sl_map_done(&p->providers[i].targets);
    sl_arena_done(&p->arena);
    sl_free(p);
}
