/* The orders of a group: whole numbers only, so that a plan is the same on every machine. Each gives its units keys, smaller first;
 * equal keys keep the order of the configuration (least-busy draws). See docs/internals/routing.md for the formulas. */
#include "base/hash.h"
#include "route/route_int.h"

#define PRIOR_TTFT_US 2000000      /* where nothing was measured yet: routing-algorithms.md section 3 */
#define PRIOR_ITL_US 20000         /* 50 tokens a second */
#define OUT_TOKENS 256u            /* expected of an answer, when it may be longer */
#define SECOND_WORTH_P 1000        /* 10^-12 USD a microsecond: 0.001 USD a second ("balanced") */
#define ATTEMPT_US 60000000        /* the longest wait for a first token */
#define ROOM_SHED (ROUTE_Q16 / 10) /* headroom below which load moves away */

/* -- Draws ----------------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z) /* splitmix64's (Steele, Lea, Flood 2014) */
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t below(uint64_t draw, uint64_t n)
{
    return (uint64_t)((unsigned __int128)draw * n >> 64);
}

static struct sl_str tag_of(const struct route_facts *f, struct sl_str name)
{
    for (uint32_t i = 0; i < f->n_tags; i++)
        if (sl_str_eq(f->tags[i].name, name))
            return f->tags[i].value;
    return SL_STR_NONE;
}

static struct sl_str sticky_fact(const struct planning *g, const struct route_group *group)
{
    const struct route_facts *f = g->facts;
    switch (group->sticky) {
    case ROUTE_STICKY_USER:
        return f->user;
    case ROUTE_STICKY_KEY:
        return f->key;
    case ROUTE_STICKY_TENANT:
        return f->tenant;
    case ROUTE_STICKY_CONVERSATION:
        return f->conversation;
    case ROUTE_STICKY_TAG:
        return tag_of(f, group->sticky_name);
    case ROUTE_STICKY_HEADER:
        return f->header != NULL ? f->header(f->headers, group->sticky_name) : SL_STR_NONE;
    case ROUTE_STICKY_NOT:
        break;
    }
    return SL_STR_NONE;
}

static uint64_t hash_of(struct sl_str s, uint64_t salt)
{
    return sl_hash((struct sl_hash_key){salt, UINT64_C(0x737469636b790001)}, s);
}

/* The seed of a group's draws. True: it is the same for all requests of one user (or what the group says). */
static bool group_seed(const struct planning *g, const struct route_group *group, uint64_t *out)
{
    struct sl_str s = sticky_fact(g, group);
    *out = s.n > 0 ? hash_of(s, group->salt) : mix(g->ask->seed ^ group->salt);
    return s.n > 0;
}

/* -- What stands at the head of a unit --------------------------------------------------------------------------------- */

static struct leaf *head_of(struct planning *g, const struct unit *u)
{
    for (uint32_t i = u->from; i < u->from + u->n; i++)
        if (!g->leaves[g->seq[i]].last_resort)
            return &g->leaves[g->seq[i]];
    return &g->leaves[g->seq[u->from]];
}

static uint32_t room_factor(const struct leaf *l)
{
    uint64_t f = (uint64_t)l->view.room_q16 * ROUTE_Q16 / ROOM_SHED;
    uint32_t least = ROUTE_Q16 / 20;
    return f > ROUTE_Q16 ? ROUTE_Q16 : f < least ? least : (uint32_t)f;
}

/* Its share of draws: weight, and unless shares are exact, health and room. */
static uint64_t share_of(struct planning *g, const struct unit *u, bool exact)
{
    const struct leaf *l = head_of(g, u);
    if (exact)
        return u->entry->weight;
    uint64_t w = (uint64_t)u->entry->weight * l->view.health_q16 / 256 * (room_factor(l) / 16);
    return w > 0 ? w : 1;
}

uint64_t route_expected_output(uint64_t asked)
{
    return asked > 0 && asked < OUT_TOKENS ? asked : OUT_TOKENS;
}

static int64_t cost_of(struct planning *g, const struct leaf *l)
{
    if (g->ask->cost == NULL)
        return -1;
    return g->ask->cost(g->ask->cost_arg, l->target->index, l->target->provider->index, l->model);
}

static int64_t time_of(const struct planning *g, const struct leaf *l)
{
    int64_t ttft = l->view.ttft_q50_us > 0 ? l->view.ttft_q50_us : PRIOR_TTFT_US;
    int64_t itl = l->view.itl_q50_us > 0 ? l->view.itl_q50_us : PRIOR_ITL_US;
    return ttft + (int64_t)route_expected_output(g->facts->output_tokens) * itl;
}

/* -- Orders ---------------------------------------------------------------------------------------------------------- */

static bool is_before(const struct unit *a, const struct unit *b)
{
    if (a->key != b->key)
        return a->key < b->key;
    return a->next_key != b->next_key ? a->next_key < b->next_key : a->tie < b->tie;
}

/* Stable, and quick for what is nearly in order; n is at most ROUTE_GROUP_MAX. */
static void sort_units(struct unit *u, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        struct unit x = u[i];
        uint32_t k = i;
        for (; k > 0 && is_before(&x, &u[k - 1]); k--)
            u[k] = u[k - 1];
        u[k] = x;
    }
}

static void say(struct planning *g, struct unit *u, uint32_t n, const char *first, const char *next)
{
    for (uint32_t i = 0; i < n; i++)
        head_of(g, &u[i])->why = i == 0 ? first : next;
}

/* One draw by share after the other. Sticky or exact: one draw only, the rest as they stand, so that a share that changes moves as
 * few as it can. */
static void order_weighted(struct planning *g, const struct route_group *group, struct unit *u, uint32_t n)
{
    uint64_t seed, shares[ROUTE_GROUP_MAX], sum = 0;
    bool sticky = group_seed(g, group, &seed), once = sticky || group->exact;
    for (uint32_t i = 0; i < n; i++)
        sum += shares[i] = share_of(g, &u[i], once);
    for (uint32_t placed = 0; placed + 1 < n && (placed == 0 || !once); placed++) {
        uint64_t at = below(placed == 0 ? seed : mix(seed + placed), sum);
        uint32_t i = placed;
        for (; i + 1 < n && at >= shares[i]; i++)
            at -= shares[i];
        struct unit x = u[i];
        uint64_t share = shares[i];
        for (; i > placed; i--) {
            u[i] = u[i - 1];
            shares[i] = shares[i - 1];
        }
        u[placed] = x;
        shares[placed] = share;
        sum -= share;
    }
    say(g, u, n, sticky ? "drawn by share, the same every time" : "drawn by share",
        once ? "behind the one that was drawn" : "drawn next");
}

static void order_cheapest(struct planning *g, struct unit *u, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct leaf *l = head_of(g, &u[i]);
        int64_t cost = cost_of(g, l);
        struct route_terms *t = SL_ARENA_NEW(g->a, struct route_terms);
        *t = (struct route_terms){.cost = cost, .sum = cost};
        l->terms = t;
        u[i].key = cost >= 0 ? cost : INT64_MAX;
    }
    sort_units(u, n);
    say(g, u, n, "cheapest", "next by cost");
    for (uint32_t i = 0; i < n; i++)
        if (u[i].key == INT64_MAX)
            head_of(g, &u[i])->why = "its price is not known";
}

static void order_fastest(struct planning *g, struct unit *u, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct leaf *l = head_of(g, &u[i]);
        struct route_terms *t = SL_ARENA_NEW(g->a, struct route_terms);
        u[i].key = time_of(g, l);
        *t = (struct route_terms){.time = u[i].key * SECOND_WORTH_P, .sum = u[i].key * SECOND_WORTH_P};
        l->terms = t;
    }
    sort_units(u, n);
    say(g, u, n, "fastest by what was measured", "next by speed");
}

static void order_least_busy(struct planning *g, const struct route_group *group, struct unit *u, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct leaf *l = head_of(g, &u[i]);
        uint64_t tokens = l->view.pending_tokens < INT64_MAX / 1024 ? l->view.pending_tokens : INT64_MAX / 1024;
        u[i].key = (int64_t)(tokens * 1024 / u[i].entry->weight);
        u[i].next_key = (int64_t)((uint64_t)l->view.in_flight * 1024 / u[i].entry->weight);
        u[i].tie = mix(g->ask->seed ^ group->salt ^ l->target->index);
    }
    sort_units(u, n);
    say(g, u, n, "least in flight", "next by what is in flight");
}

/* Highest hash wins (Thaler, Ravishankar 1996); one that is loaded a quarter above the mean is passed over (section 8). */
static void order_cache_affine(struct planning *g, const struct route_group *group, struct unit *u, uint32_t n)
{
    struct sl_str by = group->sticky != ROUTE_STICKY_NOT ? sticky_fact(g, group) : g->facts->conversation;
    uint64_t seed = by.n > 0 ? hash_of(by, group->salt) : mix(g->ask->seed ^ group->salt), load = 0;
    bool passed_over = false;
    for (uint32_t i = 0; i < n; i++)
        load += head_of(g, &u[i])->view.in_flight;
    for (uint32_t i = 0; i < n; i++) {
        const struct leaf *l = head_of(g, &u[i]);
        /* by name, so that it stays when others come and go */
        uint64_t at = mix(seed ^ hash_of(l->model, hash_of(l->target->provider->name, 1)));
        u[i].next_key = (int64_t)(at >> 1) * -1;
        bool full = 4 * (uint64_t)n * ((uint64_t)l->view.in_flight + 1) > 5 * load + 4 * (uint64_t)n + 4;
        u[i].key = full && load > 0;
        passed_over |= u[i].key != 0;
    }
    sort_units(u, n);
    say(g, u, n,
        by.n == 0     ? "drawn: the conversation is not known"
        : passed_over ? "its conversation's place, or the next that is not overloaded"
                      : "its conversation's place",
        "next place of the conversation");
}

/* e * (worth of the wait + cost), e from h = (1 - e)^2: half of what is missing to 1 is near enough where it matters. */
static int64_t price_of_failing(const struct leaf *l, int64_t cost)
{
    int64_t missing = l->view.health_q16 < ROUTE_Q16 ? (int64_t)(ROUTE_Q16 - l->view.health_q16) / 2 : 0;
    int64_t wait = l->view.ttft_q99_us > 0 && l->view.ttft_q99_us < ATTEMPT_US ? l->view.ttft_q99_us : ATTEMPT_US;
    __int128 sum = (__int128)missing * ((__int128)wait * SECOND_WORTH_P + cost) / ROUTE_Q16;
    return sum > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)sum;
}

static void order_scored(struct planning *g, struct unit *u, uint32_t n)
{
    int64_t dearest = 0, costs[ROUTE_GROUP_MAX];
    for (uint32_t i = 0; i < n; i++) {
        costs[i] = cost_of(g, head_of(g, &u[i]));
        dearest = costs[i] > dearest ? costs[i] : dearest;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct leaf *l = head_of(g, &u[i]);
        int64_t cost = costs[i] >= 0 ? costs[i] : dearest; /* an unknown price is no bargain */
        cost = cost > INT64_MAX / 4 ? INT64_MAX / 4 : cost;
        int64_t time = time_of(g, l) * SECOND_WORTH_P;
        if (l->view.limit > 0)
            time += time / (int64_t)l->view.limit * (int64_t)l->view.in_flight;
        struct route_terms *t = SL_ARENA_NEW(g->a, struct route_terms);
        *t = (struct route_terms){.cost = cost, .time = time, .fail = price_of_failing(l, cost)};
        t->sum = t->cost + t->time + t->fail - t->saving;
        l->terms = t;
        u[i].key = t->sum;
    }
    sort_units(u, n);
    say(g, u, n, "best score", "next by score");
}

void plan_order(struct planning *g, const struct route_group *group, struct unit *u, uint32_t n)
{
    switch (group->order) {
    case ROUTE_ORDERED:
        break;
    case ROUTE_WEIGHTED:
        order_weighted(g, group, u, n);
        break;
    case ROUTE_CHEAPEST:
        order_cheapest(g, u, n);
        break;
    case ROUTE_FASTEST:
        order_fastest(g, u, n);
        break;
    case ROUTE_LEAST_BUSY:
        order_least_busy(g, group, u, n);
        break;
    case ROUTE_CACHE_AFFINE:
        order_cache_affine(g, group, u, n);
        break;
    case ROUTE_SCORED:
        order_scored(g, u, n);
        break;
    }
}
