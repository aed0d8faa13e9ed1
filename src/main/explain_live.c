/* POST /api/explain: the plan that the running gateway would make now. On the admin thread. */
#include "main/explain_plan.h"
#include "main/gateway.h"

#include "base/clock.h"
#include "base/rand.h"

struct current { /* refs, as they are published at this moment */
    struct snapshot *snapshot;
    struct key_table *keys;
    struct price_catalog *prices;
    const struct spend_board *spend; /* the process's */
    const struct tokens_set *tokens; /* the same */
};

static struct current take_current(struct gateway *g)
{
    pthread_mutex_lock(&g->lock);
    struct current c = {snapshot_ref(g->snapshot), g->keys != NULL ? key_table_ref(g->keys) : NULL,
                        price_catalog_ref(g->prices), g->spend, &g->tokens};
    pthread_mutex_unlock(&g->lock);
    return c;
}

struct looking {
    const struct snapshot *snapshot;
    struct headroom_need need;
};

static bool see(const void *arg, uint32_t target_index, struct route_target_view *out)
{
    const struct looking *l = arg;
    return snapshot_see_target(l->snapshot, &l->need, sl_clock_mono_ns(), target_index, out);
}

static int refuse(struct sl_buf *out, int status, struct sl_str why)
{
    sl_buf_adds(out, SL_STR("{\"ok\":false,\"verdict\":"));
    sl_buf_add_json(out, why);
    sl_buf_adds(out, SL_STR("}\n"));
    return status;
}

static int explain(const struct current *c, const struct admin_explain *ask, struct sl_arena *a, struct sl_buf *out)
{
    struct sl_str why = SL_STR_NONE;
    struct route_scripts *scripts = NULL;
    struct sl_fail fail = {0};
    uint64_t seed;
    int64_t now = sl_clock_wall_ns();
    const struct auth_key *key = ask->key.n > 0 ? key_table_named(c->keys, ask->key, now) : NULL;
    if (ask->key.n > 0 && key == NULL)
        return refuse(out, 404, SL_STR("there is no key of that name"));
    if (c->snapshot->n_scripts > 0 &&
        route_scripts_new(c->snapshot->scripts, c->snapshot->n_scripts, &scripts, &fail) != SL_OK)
        return refuse(out, 500, sl_str_c(fail.text));
    sl_random_bytes(&seed, sizeof seed);
    struct looking looking = {.snapshot = c->snapshot};
    const struct explain_from from = {
        .snap = c->snapshot,
        .prices = c->prices,
        .key = key,
        .tokens = c->tokens,
        .path = ask->path.n > 0 ? ask->path : SL_STR("/v1/chat/completions"),
        .headers = ask->headers,
        .wall_ns = now,
        .seed = seed,
        .view = see,
        .view_arg = &looking,
        .need = &looking.need,
        .script = scripts != NULL ? route_scripts_ask : NULL,
        .script_arg = scripts,
        .spend = c->spend,
    };
    struct explained *e = SL_ARENA_NEW(a, struct explained);
    bool good = explain_request(&from, ask->body, a, e, &why);
    route_scripts_free(scripts);
    if (!good)
        return refuse(out, 400, why);
    explain_json(e, out);
    return 200;
}

int gateway_explain(void *gateway, const struct admin_explain *ask, struct sl_arena *a, struct sl_buf *out)
{
    struct current c = take_current(gateway);
    int status = explain(&c, ask, a, out);
    snapshot_unref(c.snapshot);
    key_table_unref(c.keys);
    price_catalog_unref(c.prices);
    return status;
}
