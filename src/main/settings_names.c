/* Names in limits.priority that mean nothing here: of models and routes by the configuration itself, a warning each. Keys and tenants are
 * not in it: settings_keys.c. */
#include "main/settings_int.h"

static bool cut_kind(struct sl_str *who, struct sl_str kind)
{
    if (!sl_str_starts(*who, kind))
        return false;
    *who = sl_str_from(*who, kind.n);
    return true;
}

/* A name that clients may ask for, as far as the configuration says which. */
static bool may_be_asked(const struct settings *s, struct sl_str model)
{
    struct sl_str rest = model, provider = sl_str_cut(&rest, '/');
    if (settings_model(s, model) != NULL || (rest.p != NULL && settings_provider(s, provider) != NULL))
        return true;
    for (size_t i = 0; i < s->providers.n; i++)
        if (s->providers.v[i].open_models || s->providers.v[i].models.n > 0)
            return true;
    return false;
}

static bool is_in(const struct sl_str *v, size_t n, struct sl_str who)
{
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq(v[i], who))
            return true;
    return false;
}

static void check_list(const struct settings *s, struct cfg *c, const struct sl_str *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sl_str name = v[i];
        if (is_in(v, i, v[i]))
            cfg_warn_at(c, &v[i], "Remove it", "stands above already");
        if (cut_kind(&name, SL_STR("model:")) && !may_be_asked(s, name))
            cfg_warn_at(c, &v[i], NULL, "has no effect: there is no model '" SL_STR_FMT "'",
                        SL_STR_ARG(sl_str_head(name, 100)));
        if (cut_kind(&name, SL_STR("route:")) && sl_map_get(&s->route_by_name, name) == NULL)
            cfg_warn_at(c, &v[i], NULL, "has no effect: there is no route '" SL_STR_FMT "'",
                        SL_STR_ARG(sl_str_head(name, 100)));
    }
}

void settings_check_priority(const struct settings *s, struct cfg *c)
{
    const struct priority_settings *p = &s->limits.priority;
    check_list(s, c, p->high.v, p->high.n);
    check_list(s, c, p->low.v, p->low.n);
    for (size_t i = 0; i < p->low.n; i++)
        if (is_in(p->high.v, p->high.n, p->low.v[i]))
            cfg_warn_at(c, &p->low.v[i], "Keep one", "has no effect: it stands under high, too");
}
