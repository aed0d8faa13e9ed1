/* Budgets of tenants between the settings, the ledger and the board (limit/spend.h). */
#include "base/log.h"
#include "base/mem.h"
#include "ledger/money.h"
#include "main/gateway.h"
#include "store/store.h"

#include <stdlib.h>

/* A cell that a reload has made is filled when all attempts from before it have their row, those that are under way, too. */
#define ROWS_NS ((KEEPER_OPEN_ROW_MS + 2 * KEEPER_IDLE_MS) * SL_MS)

void budgets_set(struct gateway *g, const struct settings *s)
{
    struct spend_budget *v = sl_calloc(s->tenants.n + 1, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < s->tenants.n; i++) {
        const struct tenant_settings *t = &s->tenants.v[i];
        if (t->budget.usd.n == 0)
            continue;
        v[n] = (struct spend_budget){.tenant = t->name, .per = (enum spend_per)t->budget.per};
        SL_CHECK(money_parse_usd(t->budget.usd, &v[n].limit_p) == SL_OK);
        n++;
    }
    spend_board_set(g->spend, v, n, sl_clock_wall_ns());
    sl_free(v);
}

/* ---- filling ---- */

struct spent {
    struct sl_str tenant; /* in the arena */
    unsigned __int128 p;
};

/* One pass over the attempts of a time tells what all tenants have spent: there may be many of both. */
struct sums {
    int64_t from_ns, until_ns;
    struct sl_arena arena;
    struct spent *v; /* own; by tenant */
    size_t n, cap;
};

static bool on_row(void *arg, const struct store_usage_row *r)
{
    struct sums *s = arg;
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 64 : s->cap * 2;
        s->v = sl_realloc(s->v, s->cap * sizeof *s->v);
    }
    s->v[s->n++] = (struct spent){.tenant = sl_arena_str(&s->arena, r->group),
                                  .p = r->cost_p > 0 ? (unsigned __int128)r->cost_p : 0};
    return true;
}

static int by_tenant(const void *a, const void *b)
{
    return sl_str_cmp(((const struct spent *)a)->tenant, ((const struct spent *)b)->tenant);
}

static enum sl_err read_sums(struct sums *s, struct store *store, const struct spend_gap *gap, struct sl_fail *fail)
{
    const struct store_usage_query q = {.by = STORE_SPENT_BY_TENANT, .from_ns = gap->from_ns, .to_ns = gap->until_ns};
    sl_arena_reset(&s->arena);
    s->n = 0;
    s->from_ns = gap->from_ns;
    s->until_ns = gap->until_ns;
    enum sl_err e = store->ops->usage(store, &q, on_row, s, fail);
    if (e == SL_OK && s->n > 0)
        qsort(s->v, s->n, sizeof *s->v, by_tenant);
    return e;
}

static unsigned __int128 spent_of(const struct sums *s, struct sl_str tenant)
{
    const struct spent key = {.tenant = tenant};
    const struct spent *found = s->n > 0 ? bsearch(&key, s->v, s->n, sizeof *s->v, by_tenant) : NULL;
    return found != NULL ? found->p : 0;
}

/* Cells of one configuration were made at once: as many times as there are kinds of periods. */
enum sl_err budgets_fill(struct gateway *g, struct store *store, int64_t made_ns, struct sl_fail *fail)
{
    struct sums sums[SPEND_PER_COUNT] = {{.until_ns = 0}};
    struct spend_gap gap = {.at = 0};
    unsigned next = 0;
    enum sl_err e = SL_OK;
    for (unsigned i = 0; i < SPEND_PER_COUNT; i++)
        sl_arena_init(&sums[i].arena, NULL);
    while (e == SL_OK && spend_next_gap(g->spend, made_ns, &gap)) {
        struct sums *s = NULL;
        for (unsigned i = 0; i < SPEND_PER_COUNT && s == NULL; i++)
            if (sums[i].from_ns == gap.from_ns && sums[i].until_ns == gap.until_ns)
                s = &sums[i];
        if (s == NULL) {
            s = &sums[next++ % SPEND_PER_COUNT];
            e = read_sums(s, store, &gap, fail);
        }
        if (e == SL_OK)
            spend_fill(&gap, spent_of(s, gap.tenant));
    }
    for (unsigned i = 0; i < SPEND_PER_COUNT; i++) {
        sl_arena_done(&sums[i].arena);
        sl_free(sums[i].v);
    }
    return e;
}

static void on_tick(void *arg)
{
    struct gateway *g = arg;
    struct sl_fail fail = {0};
    if (budgets_fill(g, keeper_store(g->spend_keeper), sl_clock_wall_ns() - ROWS_NS, &fail) != SL_OK)
        SL_LOG(SL_LOG_ERROR, "budgets.not_read", SL_LC("place", fail.place), SL_LC("reason", fail.text));
}

void budgets_on_keeper(void *gateway, struct keeper *k)
{
    struct gateway *g = gateway;
    g->spend_keeper = k;
    keeper_add_tick(k, on_tick, g);
}

/* ---- told ---- */

struct page {
    struct sl_buf *out;
    bool used;
};

static void add_cell(void *arg, struct spend_cell *c)
{
    const struct page *p = arg;
    struct spend_view v;
    char usd[MONEY_TEXT];
    spend_see(c, sl_clock_wall_ns(), &v);
    sl_buf_addf(p->out, "sluice_tenant_budget_%s{tenant=", p->used ? "used_usd" : "usd");
    prometheus_add_label(p->out, v.tenant);
    money_text(p->used ? v.used_p : v.limit_p, usd);
    sl_buf_addf(p->out, ",per=\"%s\"} %s\n", spend_per_name(v.per), usd);
}

void budgets_metrics(struct gateway *g, struct sl_buf *out)
{
    if (spend_is_empty(g->spend))
        return;
    sl_buf_adds(out, SL_STR("# HELP sluice_tenant_budget_usd What a tenant may spend in a period.\n"
                            "# TYPE sluice_tenant_budget_usd gauge\n"));
    spend_each(g->spend, add_cell, &(struct page){.out = out});
    sl_buf_adds(
        out,
        SL_STR("# HELP sluice_tenant_budget_used_usd What it has spent of it, with what is reserved for requests under "
               "way.\n# TYPE sluice_tenant_budget_used_usd gauge\n"));
    spend_each(g->spend, add_cell, &(struct page){.out = out, .used = true});
}
