/* See spend.h. The tables of cells are immutable; a reload publishes a new one, and the old ones stay until the end, because a worker may
 * be looking into them: reloads that change budgets are rare, and a table has a pointer for each. */
#include "limit/spend.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define DAY_S INT64_C(86400)

/* The two last periods: clocks of workers are a few ms apart at midnight, and attempts settle behind it. */
struct slot {
    struct spend_period period;
    unsigned __int128 used_p;
};

struct spend_cell {
    struct spend_cell *next; /* of all of the board */
    struct sl_str tenant;    /* own */
    enum spend_per per;
    int64_t since_ns; /* attempts of before are the ledger's to tell */
    pthread_mutex_t lock;
    /* under the lock */
    int64_t limit_p;
    struct slot slots[2];
    unsigned at; /* the newer one */
    bool is_filled;
    struct sl_id once[SPEND_ONCE]; /* attempts of spend_settle_once; the oldest is overwritten */
    size_t n_once;                 /* ever */
};

struct spend_cells {
    struct spend_cells *before;
    size_t n;
    struct spend_cell *v[]; /* by name */
};

struct spend_board {
    struct spend_board_head head;
    struct spend_cells *tables; /* own: all that there were */
    struct spend_cell *all;     /* own */
};

const char *spend_per_name(enum spend_per p)
{
    static const char *const names[SPEND_PER_COUNT] = {"day", "week", "month"};
    return names[p];
}

struct spend_period spend_period_of(enum spend_per per, int64_t wall_ns)
{
    struct sl_civil c = sl_civil_of(wall_ns / SL_SEC);
    c.hour = c.minute = c.second = 0;
    int64_t today = sl_civil_to_s(&c), from = today, until = today + DAY_S;
    if (per == SPEND_WEEK) {
        from = today - (int64_t)((c.weekday + 6) % 7) * DAY_S;
        until = from + 7 * DAY_S;
    } else if (per == SPEND_MONTH) {
        c.day = 1;
        from = sl_civil_to_s(&c);
        c.year += c.month == 12;
        c.month = c.month % 12 + 1;
        until = sl_civil_to_s(&c);
    }
    return (struct spend_period){.from_ns = from * SL_SEC, .until_ns = until * SL_SEC};
}

/* ---- the board ---- */

struct spend_board *spend_board_new(void)
{
    return SL_NEW(struct spend_board);
}

void spend_board_free(struct spend_board *b)
{
    if (b == NULL)
        return;
    for (struct spend_cells *t = b->tables, *next; t != NULL; t = next) {
        next = t->before;
        sl_free(t);
    }
    for (struct spend_cell *c = b->all, *next; c != NULL; c = next) {
        next = c->next;
        pthread_mutex_destroy(&c->lock);
        sl_free((void *)(uintptr_t)c->tenant.p);
        sl_free(c);
    }
    sl_free(b);
}

static struct spend_cell *cell_new(struct spend_board *b, const struct spend_budget *of, int64_t wall_ns)
{
    struct spend_cell *c = SL_NEW(struct spend_cell);
    c->tenant = sl_str_of(sl_memdup0(of->tenant.p, of->tenant.n), of->tenant.n);
    c->per = of->per;
    c->since_ns = wall_ns;
    c->slots[0].period = spend_period_of(of->per, wall_ns);
    pthread_mutex_init(&c->lock, NULL);
    c->next = b->all;
    b->all = c;
    return c;
}

static int by_name(const void *a, const void *b)
{
    return sl_str_cmp((*(struct spend_cell *const *)a)->tenant, (*(struct spend_cell *const *)b)->tenant);
}

void spend_board_set(struct spend_board *b, const struct spend_budget *v, size_t n, int64_t wall_ns)
{
    struct spend_cells *t = n == 0 ? NULL : sl_calloc(1, sizeof *t + n * sizeof(struct spend_cell *));
    for (size_t i = 0; i < n; i++) {
        struct spend_cell *c = spend_find(b, v[i].tenant);
        if (c == NULL || c->per != v[i].per)
            c = cell_new(b, &v[i], wall_ns);
        pthread_mutex_lock(&c->lock);
        c->limit_p = v[i].limit_p;
        pthread_mutex_unlock(&c->lock);
        t->v[t->n++] = c;
    }
    if (t != NULL) {
        qsort(t->v, t->n, sizeof(struct spend_cell *), by_name);
        t->before = b->tables;
        b->tables = t;
    }
    atomic_store_explicit(&b->head.cells, t, memory_order_release);
}

static int name_of(const void *name, const void *cell)
{
    return sl_str_cmp(*(const struct sl_str *)name, (*(struct spend_cell *const *)cell)->tenant);
}

struct spend_cell *spend_find_(const struct spend_board *b, struct sl_str tenant)
{
    const struct spend_cells *t = atomic_load_explicit(&b->head.cells, memory_order_acquire);
    if (t == NULL || tenant.n == 0)
        return NULL;
    struct spend_cell *const *c = bsearch(&tenant, t->v, t->n, sizeof *t->v, name_of);
    return c != NULL ? *c : NULL;
}

void spend_each(const struct spend_board *b, spend_each_f *f, void *arg)
{
    const struct spend_cells *t = b == NULL ? NULL : atomic_load_explicit(&b->head.cells, memory_order_acquire);
    for (size_t i = 0; t != NULL && i < t->n; i++)
        f(arg, t->v[i]);
}

/* ---- a cell, under its lock ---- */

static bool is_in(const struct slot *s, int64_t wall_ns)
{
    return wall_ns >= s->period.from_ns && wall_ns < s->period.until_ns;
}

/* Where that moment is counted; NULL: nowhere any more. */
static struct slot *slot_of(struct spend_cell *c, int64_t wall_ns)
{
    for (unsigned i = 0; i < 2; i++)
        if (is_in(&c->slots[i], wall_ns))
            return &c->slots[i];
    return NULL;
}

/* The same for what happens now: a new period takes the place of the older one, also when the clock was set back beyond both. */
static struct slot *slot_now(struct spend_cell *c, int64_t wall_ns)
{
    struct slot *s = slot_of(c, wall_ns);
    if (s != NULL)
        return s;
    c->at ^= 1u;
    c->slots[c->at] = (struct slot){.period = spend_period_of(c->per, wall_ns)};
    return &c->slots[c->at];
}

/* The ledger will tell: the moment is in the gap that is not filled yet. */
static bool is_told(const struct spend_cell *c, int64_t wall_ns)
{
    return !c->is_filled && wall_ns < c->since_ns;
}

static uint64_t amount(int64_t p)
{
    return p > 0 ? (uint64_t)p : 0;
}

bool spend_reserve(struct spend_cell *c, int64_t wall_ns, int64_t cost_p, bool unpriced, int64_t *out_until_ns)
{
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_now(c, wall_ns);
    uint64_t limit = amount(c->limit_p);
    bool over = (cost_p > 0 && s->used_p + amount(cost_p) > limit) || (unpriced && s->used_p >= limit);
    if (!over && !is_told(c, wall_ns))
        s->used_p += amount(cost_p);
    *out_until_ns = s->period.until_ns;
    pthread_mutex_unlock(&c->lock);
    return !over;
}

void spend_count(struct spend_cell *c, int64_t wall_ns, int64_t cost_p)
{
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_now(c, wall_ns);
    if (!is_told(c, wall_ns))
        s->used_p += amount(cost_p);
    pthread_mutex_unlock(&c->lock);
}

static void settle(struct spend_cell *c, int64_t wall_ns, int64_t reserved_p, int64_t cost_p)
{
    struct slot *s = slot_of(c, wall_ns);
    if (s != NULL && !is_told(c, wall_ns)) {
        s->used_p += amount(cost_p);
        s->used_p -= s->used_p < amount(reserved_p) ? s->used_p : amount(reserved_p);
    }
}

void spend_settle(struct spend_cell *c, int64_t wall_ns, int64_t reserved_p, int64_t cost_p)
{
    pthread_mutex_lock(&c->lock);
    settle(c, wall_ns, reserved_p, cost_p);
    pthread_mutex_unlock(&c->lock);
}

static bool is_known(const struct spend_cell *c, struct sl_id attempt)
{
    for (size_t i = 0; i < c->n_once && i < SPEND_ONCE; i++)
        if (sl_id_eq(c->once[i], attempt))
            return true;
    return false;
}

void spend_settle_once(struct spend_cell *c, struct sl_id attempt, int64_t wall_ns, int64_t cost_p)
{
    pthread_mutex_lock(&c->lock);
    if (!is_known(c, attempt)) {
        c->once[c->n_once++ % SPEND_ONCE] = attempt;
        settle(c, wall_ns, 0, cost_p);
    }
    pthread_mutex_unlock(&c->lock);
}

/* ---- looking ---- */

void spend_see(struct spend_cell *c, int64_t wall_ns, struct spend_view *out)
{
    pthread_mutex_lock(&c->lock);
    const struct slot *s = slot_of(c, wall_ns);
    unsigned __int128 used = s != NULL ? s->used_p : 0;
    *out = (struct spend_view){
        .tenant = c->tenant,
        .per = c->per,
        .period = s != NULL ? s->period : spend_period_of(c->per, wall_ns),
        .limit_p = c->limit_p,
        .used_p = used < INT64_MAX ? (int64_t)used : INT64_MAX,
        .is_filled = c->is_filled,
    };
    pthread_mutex_unlock(&c->lock);
}

uint32_t spend_permille(struct spend_cell *c, int64_t wall_ns)
{
    struct spend_view v;
    spend_see(c, wall_ns, &v);
    if (v.limit_p <= 0)
        return 1000;
    unsigned __int128 permille = (unsigned __int128)v.used_p * 1000 / (uint64_t)v.limit_p;
    return permille < UINT32_MAX ? (uint32_t)permille : UINT32_MAX - 1;
}

/* ---- filling ---- */

bool spend_next_gap(const struct spend_board *b, int64_t made_ns, struct spend_gap *out)
{
    const struct spend_cells *t = b == NULL ? NULL : atomic_load_explicit(&b->head.cells, memory_order_acquire);
    for (size_t i = out->at; t != NULL && i < t->n; i++) {
        struct spend_cell *c = t->v[i];
        pthread_mutex_lock(&c->lock);
        bool is_filled = c->is_filled;
        pthread_mutex_unlock(&c->lock);
        if (is_filled || c->since_ns > made_ns)
            continue;
        *out = (struct spend_gap){
            .cell = c,
            .tenant = c->tenant,
            .from_ns = spend_period_of(c->per, c->since_ns).from_ns,
            .until_ns = c->since_ns,
            .at = i + 1,
        };
        return true;
    }
    return false;
}

void spend_fill(const struct spend_gap *g, unsigned __int128 sum_p)
{
    struct spend_cell *c = g->cell;
    pthread_mutex_lock(&c->lock);
    struct slot *s = slot_of(c, g->from_ns);
    if (s != NULL)
        s->used_p += sum_p;
    c->is_filled = true;
    pthread_mutex_unlock(&c->lock);
}
