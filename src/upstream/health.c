#include "upstream/health.h"

#include <pthread.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define PLACE_OPENED_NS (10 * SL_SEC)
#define PLACE_USED_NS (60 * SL_SEC)
#define SEEN_NS (SL_SEC / 10) /* quantiles are computed so often */

struct place { /* one provider: its account and its servers */
    pthread_mutex_t lock;
    char *name;
    _Atomic int64_t account_until_ns;
    _Atomic unsigned bad_keys;           /* refused in a row */
    _Atomic(struct health_lane *) scout; /* finds out for all; NULL: the place is up */
    _Atomic int64_t rest_until_ns;       /* ... and until then the others are not asked */
    struct health_lane *lanes;
    struct place *next;
};

struct health_lane {
    pthread_mutex_t lock; /* of lane and seen; taken before none */
    struct lane lane;
    struct health_view seen; /* quantiles as of seen_ns */
    int64_t seen_ns;
    int64_t anyway_ns; /* when it was last tried though it was down */
    char *provider, *model;
    bool any_model;
    struct place *place;
    struct health_lane *next_there, *next;
};

struct health_board {
    pthread_mutex_t lock; /* of the lists */
    struct place *places;
    struct health_lane *lanes, *last;
    unsigned n;
};

struct health_board *health_board_new(void)
{
    struct health_board *b = SL_NEW(struct health_board);
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void health_board_free(struct health_board *b)
{
    if (b == NULL)
        return;
    while (b->lanes != NULL) {
        struct health_lane *l = b->lanes;
        b->lanes = l->next;
        pthread_mutex_destroy(&l->lock);
        sl_free(l->provider);
        sl_free(l->model);
        sl_free(l);
    }
    while (b->places != NULL) {
        struct place *p = b->places;
        b->places = p->next;
        pthread_mutex_destroy(&p->lock);
        sl_free(p->name);
        sl_free(p);
    }
    pthread_mutex_destroy(&b->lock);
    sl_free(b);
}

static char *copy_of(struct sl_str s)
{
    char *p = sl_malloc(s.n + 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static struct place *place_of(struct health_board *b, struct sl_str provider)
{
    struct place *p = b->places;
    while (p != NULL && !sl_str_eq(sl_str_c(p->name), provider))
        p = p->next;
    if (p != NULL)
        return p;
    p = SL_NEW(struct place);
    pthread_mutex_init(&p->lock, NULL);
    p->name = copy_of(provider);
    p->next = b->places;
    b->places = p;
    return p;
}

static struct health_lane *add_lane(struct health_board *b, struct sl_str provider, struct sl_str model)
{
    struct health_lane *l = SL_NEW(struct health_lane);
    pthread_mutex_init(&l->lock, NULL);
    l->provider = copy_of(provider);
    l->model = copy_of(model);
    l->any_model = model.n == 0;
    l->place = place_of(b, provider);
    pthread_mutex_lock(&l->place->lock);
    l->next_there = l->place->lanes;
    l->place->lanes = l;
    pthread_mutex_unlock(&l->place->lock);
    if (b->last != NULL)
        b->last->next = l;
    else
        b->lanes = l;
    b->last = l;
    b->n++;
    return l;
}

struct health_lane *health_lane_of(struct health_board *b, struct sl_str provider, struct sl_str model)
{
    pthread_mutex_lock(&b->lock);
    struct health_lane *l = b->lanes;
    while (l != NULL && !(sl_str_eq(sl_str_c(l->provider), provider) && sl_str_eq(sl_str_c(l->model), model)))
        l = l->next;
    if (l == NULL && b->n < HEALTH_LANES_MAX)
        l = add_lane(b, provider, model);
    pthread_mutex_unlock(&b->lock);
    return l;
}

/* -- Looking ---------------------------------------------------------------------------------------------------------------------- */

static void measure(struct health_lane *l, int64_t now_ns)
{
    if (l->seen_ns != 0 && now_ns - l->seen_ns < SEEN_NS && now_ns >= l->seen_ns)
        return;
    const struct sketch *f = &l->lane.first;
    l->seen_ns = now_ns;
    l->seen.samples = sketch_count(f);
    l->seen.first_q50_us = sketch_quantile(f, 500);
    l->seen.first_q95_us = sketch_quantile(f, 950);
    l->seen.first_q99_us = sketch_quantile(f, 990);
    l->seen.between_q50_us = sketch_quantile(&l->lane.between, 500);
    l->seen.health_q16 = lane_health(&l->lane, now_ns);
    l->seen.state = lane_is_degraded(&l->lane, now_ns) ? HEALTH_DEGRADED : HEALTH_UP;
}

static void see_lane(struct health_lane *l, int64_t now_ns, struct health_view *out)
{
    enum lane_state s = lane_state_at(&l->lane, now_ns);
    measure(l, now_ns);
    *out = l->seen;
    out->until_ns = 0;
    out->in_flight = l->lane.in_flight;
    if (s == LANE_OPEN) {
        out->state = HEALTH_DOWN;
        out->until_ns = l->lane.open_until_ns;
    } else if (s == LANE_HALF_OPEN) { /* the one that finds out is under way: it comes back in a moment */
        out->state = l->lane.probing ? HEALTH_DOWN : HEALTH_PROBE;
        out->until_ns = l->lane.probing ? now_ns + SL_SEC : 0;
    }
    if (l->lane.blocked_until_ns > now_ns && out->state != HEALTH_DOWN) {
        out->state = HEALTH_BLOCKED;
        out->until_ns = l->lane.blocked_until_ns;
    }
}

void health_see(struct health_lane *l, int64_t now_ns, struct health_view *out)
{
    struct place *p = l->place;
    int64_t account_until = p->account_until_ns, rest_until = p->rest_until_ns;
    const struct health_lane *scout = p->scout;
    pthread_mutex_lock(&l->lock);
    see_lane(l, now_ns, out);
    pthread_mutex_unlock(&l->lock);
    if (scout != NULL && scout != l && rest_until > now_ns && out->state < HEALTH_BLOCKED) {
        out->state = HEALTH_DOWN;
        out->until_ns = rest_until;
    }
    if (account_until > now_ns) {
        out->state = HEALTH_BLOCKED;
        out->until_ns = account_until;
    }
}

bool health_begin(struct health_lane *l, int64_t now_ns, struct health_view *out)
{
    pthread_mutex_lock(&l->lock);
    if (out != NULL)
        see_lane(l, now_ns, out);
    bool probe = lane_begin(&l->lane, now_ns);
    pthread_mutex_unlock(&l->lock);
    return probe;
}

bool health_may_repeat(struct health_lane *l, unsigned cost)
{
    pthread_mutex_lock(&l->lock);
    bool may = lane_may_repeat(&l->lane, cost);
    pthread_mutex_unlock(&l->lock);
    return may;
}

bool health_try_anyway(struct health_lane *l, int64_t now_ns)
{
    pthread_mutex_lock(&l->lock);
    bool may = l->anyway_ns == 0 || now_ns - l->anyway_ns >= SL_SEC;
    if (may)
        l->anyway_ns = now_ns;
    pthread_mutex_unlock(&l->lock);
    return may;
}

void health_forgive_accounts(struct health_board *b)
{
    pthread_mutex_lock(&b->lock);
    for (struct place *p = b->places; p != NULL; p = p->next) {
        p->account_until_ns = 0;
        p->bad_keys = 0;
    }
    pthread_mutex_unlock(&b->lock);
}

/* -- What ended ------------------------------------------------------------------------------------------------------------------- */

/* Of what the caller named freely, only what says something about the provider counts. */
static bool says_nothing(const struct health_lane *l, enum lane_effect e)
{
    return l->any_model && e == LANE_MISSING;
}

/* l opened for a reason of the place: do the others rest, too? With p->lock held. */
static void judge_place(struct place *p, struct health_lane *l, int64_t now_ns)
{
    unsigned used = 0, opened = 0;
    int64_t until = 0;
    for (struct health_lane *o = p->lanes; o != NULL; o = o->next_there) {
        pthread_mutex_lock(&o->lock);
        bool open = o->lane.state == LANE_OPEN && now_ns - o->lane.opened_ns < PLACE_OPENED_NS;
        until = o == l ? o->lane.open_until_ns : until;
        bool is_used = open || (o->lane.last_ns != 0 && now_ns - o->lane.last_ns < PLACE_USED_NS);
        pthread_mutex_unlock(&o->lock);
        used += is_used;
        opened += open;
    }
    if ((p->scout == NULL || p->scout == l) && (opened >= 2 || opened * 2 >= used)) {
        p->scout = l;
        p->rest_until_ns = until;
    }
}

static void take_account(struct place *p, const struct lane_sample *s, unsigned n_keys, int64_t now_ns)
{
    p->bad_keys++;
    if (p->bad_keys >= (n_keys > 0 ? n_keys : 1))
        p->account_until_ns = now_ns + (s->wait_ns > 0 ? s->wait_ns : 300 * SL_SEC);
}

void health_end(struct health_lane *l, const struct lane_sample *s, unsigned n_keys, int64_t now_ns)
{
    struct lane_sample sample = *s;
    enum lane_effect effect = lane_effect_of(s->outcome);
    struct place *p = l->place;
    if (says_nothing(l, effect) || effect == LANE_ACCOUNT)
        sample.outcome = OUT_CANCELLED; /* the lane has nothing to do with it */
    pthread_mutex_lock(&l->lock);
    bool opened = lane_end(&l->lane, &sample, now_ns);
    bool closed = l->lane.state == LANE_CLOSED;
    pthread_mutex_unlock(&l->lock);
    if (effect != LANE_ACCOUNT && !opened && !(closed && p->scout == l) && !(effect == LANE_GOOD && p->bad_keys > 0))
        return; /* the usual case; what is read without the lock is only looked at again */
    pthread_mutex_lock(&p->lock);
    if (effect == LANE_ACCOUNT)
        take_account(p, s, n_keys, now_ns);
    else if (effect == LANE_GOOD)
        p->bad_keys = 0;
    if (closed && p->scout == l)
        p->scout = NULL;
    if (opened && lane_is_of_place(s->outcome))
        judge_place(p, l, now_ns);
    pthread_mutex_unlock(&p->lock);
}

void health_each(struct health_board *b, int64_t now_ns, health_each_f *each, void *arg)
{
    pthread_mutex_lock(&b->lock);
    for (struct health_lane *l = b->lanes; l != NULL; l = l->next) {
        struct health_view v;
        health_see(l, now_ns, &v);
        each(arg, sl_str_c(l->provider), sl_str_c(l->model), &v);
    }
    pthread_mutex_unlock(&b->lock);
}
