/* Names in limits.priority that no key has: by the state directory, where a gateway has run. A warning each, of `sluice check` alone: the key may
 * be made later. */
#include <stdio.h>

#include "main/settings_int.h"
#include "main/state_dir.h"
#include "store/store.h"

static bool cut_kind(struct sl_str *who, struct sl_str kind)
{
    if (!sl_str_starts(*who, kind))
        return false;
    *who = sl_str_from(*who, kind.n);
    return true;
}

struct look {
    struct sl_str kind, name;
    bool found;
};

static bool on_key(void *arg, const struct store_key *k)
{
    struct look *l = arg;
    bool key = l->kind.p[0] == 'k';
    l->found = k->revoked_ns == 0 && sl_str_eq(key ? k->name : k->tenant, l->name);
    return !l->found;
}

static void look_for(struct store *st, struct cfg *c, const struct sl_str *v, size_t n)
{
    static const struct sl_str kinds[] = {SL_STR_INIT("key:"), SL_STR_INIT("tenant:")};
    for (size_t i = 0; i < 2 * n; i++) {
        struct sl_fail fail;
        struct look l = {.kind = kinds[i % 2], .name = v[i / 2]};
        if (!cut_kind(&l.name, l.kind) || st->ops->each_key(st, on_key, &l, &fail) != SL_OK || l.found)
            continue;
        cfg_warn_at(c, &v[i / 2], NULL, "has no effect now: there is no %s '" SL_STR_FMT "'",
                    i % 2 == 0 ? "key" : "key of a tenant", SL_STR_ARG(sl_str_head(l.name, 100)));
    }
}

static bool names_someone(const struct sl_str *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sl_str_starts(v[i], SL_STR("key:")) || sl_str_starts(v[i], SL_STR("tenant:")))
            return true;
    return false;
}

void settings_look_for_keys(const struct settings *s, struct cfg *c)
{
    const struct priority_settings *p = &s->limits.priority;
    char path[STATE_PATH_MAX];
    struct sl_fail fail;
    struct store *st = NULL;
    if (!names_someone(p->high.v, p->high.n) && !names_someone(p->low.v, p->low.n))
        return;
    if (s->state.directory.n == 0 && state_dir_default(path, sizeof path, &fail) != SL_OK)
        return;
    if (s->state.directory.n > 0)
        snprintf(path, sizeof path, SL_STR_FMT, SL_STR_ARG(s->state.directory));
    const char *file = sl_arena_printf(cfg_arena(c), "%s/ledger.db", path).p;
    if (store_open_sqlite(file, STORE_READ, &st, &fail) != SL_OK)
        return; /* no gateway ran here yet: nobody knows */
    look_for(st, c, p->high.v, p->high.n);
    look_for(st, c, p->low.v, p->low.n);
    store_close(st);
}
