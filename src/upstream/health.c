#include "upstream/health.h"

#include <pthread.h>

#include "base/list.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "upstream/hedge.h"

#define PLACE_OPENED_NS (10 * SL_SEC)
#define PLACE_USED_NS (60 * SL_SEC)
#define SEEN_NS (SL_SEC / 10) /* quantiles are computed so often */
#define KEY_RESTS_NS (300 * SL_SEC)

struct health_key {
    unsigned index; /* in place.keys */
    uint64_t hash;
    _Atomic unsigned number;  /* in the configuration, from 1; 0: not there any more */
    _Atomic unsigned account; /* index of the key that stands for all of its account; its own where nobody says */
    _Atomic int64_t rest_until_ns;
};

struct place { /* one provider: its account and its servers */
    pthread_mutex_t lock;
    char *name;
    struct health_key *keys[HEALTH_KEYS_MAX]; /* own; written before n_keys counts them */
    _Atomic unsigned n_keys, n_current;
    struct health_key unnamed;           /* where the attempts do not say */
    _Atomic int64_t rests_until_ns;      /* no key rests any more behind it */
    _Atomic(struct health_lane *) scout; /* finds out for all; NULL: the place is up */
    _Atomic int64_t rest_until_ns;       /* ... and until then the others are not asked */
    _Atomic int64_t watched_until_ns;    /* ... nor until then: the scout is probed (lane.watched_until_ns) */
    struct health_lane *lanes;
    struct place *next;
};

struct lane_key {             /* one key at one lane */
    struct headroom room;     /* of its account; so the next */
    int64_t blocked_until_ns; /* where there are several keys: else it is the lane that waits */
    unsigned waits;
    int64_t forbidden_until_ns; /* the model, to this key */
};

struct health_lane {
    pthread_mutex_t lock; /* of lane, by_key and seen; taken before none */
    struct lane lane;
    struct lane_key *by_key; /* own; by health_key.index */
    unsigned n_by_key;
    struct hedge_gate hedge;
    struct sketch *whole;    /* own; NULL: nobody has asked for these times */
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
        sl_free(l->by_key);
        sl_free(l->whole);
        sl_free(l->provider);
        sl_free(l->model);
        sl_free(l);
    }
    while (b->places != NULL) {
        struct place *p = b->places;
        b->places = p->next;
        pthread_mutex_destroy(&p->lock);
        for (unsigned i = 0; i < p->n_keys; i++)
            sl_free(p->keys[i]);
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
    SL_APPEND(b->lanes, b->last, l);
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

/* -- Keys ------------------------------------------------------------------------------------------------------------------------- */

/* With p->lock held. */
static struct health_key *key_of(struct place *p, uint64_t hash)
{
    unsigned n = p->n_keys;
    for (unsigned i = 0; i < n; i++)
        if (p->keys[i]->hash == hash)
            return p->keys[i];
    if (n == HEALTH_KEYS_MAX)
        return NULL;
    struct health_key *k = SL_NEW(struct health_key);
    k->index = n;
    k->hash = hash;
    p->keys[n] = k;
    p->n_keys = n + 1;
    return k;
}

void health_keys_set(struct health_board *b, struct sl_str provider, const uint64_t *hashes, unsigned n,
                     struct health_key **out)
{
    unsigned numbers[HEALTH_KEYS_MAX] = {0}, current = 0;
    pthread_mutex_lock(&b->lock);
    struct place *p = place_of(b, provider);
    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < n; i++) {
        out[i] = key_of(p, hashes[i]);
        if (out[i] == NULL || numbers[out[i]->index] > 0) /* one key may stand there twice */
            continue;
        numbers[out[i]->index] = i + 1;
        current++;
    }
    for (unsigned i = 0; i < p->n_keys; i++) { /* each at once: others are looking */
        p->keys[i]->number = numbers[i];
        p->keys[i]->account = i;
    }
    p->n_current = current;
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_unlock(&b->lock);
}

void health_keys_share(struct health_board *b, struct health_key *const *keys, unsigned n, const unsigned *accounts)
{
    pthread_mutex_lock(&b->lock);
    for (unsigned i = 0; i < n; i++) {
        unsigned first = 0;
        while (first < i && (accounts[first] != accounts[i] || keys[first] == NULL))
            first++;
        if (keys[i] != NULL && keys[first] != NULL)
            keys[i]->account = keys[first]->index;
    }
    pthread_mutex_unlock(&b->lock);
}

unsigned health_key_number(const struct health_key *k)
{
    return k->number;
}

/* Until when all keys rest; 0: one does not. */
static int64_t account_until(const struct place *p, int64_t now_ns)
{
    int64_t first = INT64_MAX;
    if (p->rests_until_ns <= now_ns)
        return 0;
    if (p->n_current == 0)
        return p->unnamed.rest_until_ns;
    unsigned n = p->n_keys;
    for (unsigned i = 0; i < n; i++)
        if (p->keys[i]->number > 0 && p->keys[i]->rest_until_ns < first)
            first = p->keys[i]->rest_until_ns;
    return first > now_ns && first != INT64_MAX ? first : 0;
}

/* With l->lock held. NULL: nothing is known of it here. */
static struct lane_key *found_at(const struct health_lane *l, unsigned index)
{
    return index < l->n_by_key ? &l->by_key[index] : NULL;
}

/* Of what all keys of its account share. */
static struct lane_key *found_shared(const struct health_lane *l, const struct health_key *k)
{
    return k != NULL ? found_at(l, k->account) : NULL;
}

static struct lane_key *made_at(struct health_lane *l, unsigned index)
{
    if (index >= l->n_by_key) {
        l->by_key = sl_realloc(l->by_key, (index + 1) * sizeof *l->by_key);
        memset(&l->by_key[l->n_by_key], 0, (index + 1 - l->n_by_key) * sizeof *l->by_key);
        l->n_by_key = index + 1;
    }
    return &l->by_key[index];
}

struct key_view {
    int64_t until_ns; /* 0: it may be asked with */
    uint32_t room;
};

static struct key_view see_key(const struct health_lane *l, const struct health_key *k,
                               const struct headroom_need *need, int64_t now_ns)
{
    const struct lane_key *here = k != NULL ? found_at(l, k->index) : NULL, *shared = found_shared(l, k);
    int64_t until = k != NULL ? k->rest_until_ns : 0;
    if (here != NULL && here->forbidden_until_ns > until)
        until = here->forbidden_until_ns;
    if (shared != NULL && shared->blocked_until_ns > until)
        until = shared->blocked_until_ns;
    return (struct key_view){
        .until_ns = until > now_ns ? until : 0,
        .room = shared != NULL ? headroom_left(&shared->room, need, now_ns) : HEADROOM_WHOLE,
    };
}

/* Of all keys together: the room of the one that has most, and if none may be asked with, when the first may. */
static struct key_view see_keys(const struct health_lane *l, const struct headroom_need *need, int64_t now_ns)
{
    const struct place *p = l->place;
    struct key_view all = {.until_ns = INT64_MAX, .room = 0};
    unsigned n = p->n_keys;
    if (l->n_by_key == 0 || p->n_current == 0)
        return (struct key_view){.room = HEADROOM_WHOLE};
    for (unsigned i = 0; i < n; i++) {
        if (p->keys[i]->number == 0)
            continue;
        struct key_view one = see_key(l, p->keys[i], need, now_ns);
        if (one.until_ns == 0 && one.room > all.room)
            all.room = one.room;
        all.until_ns = one.until_ns < all.until_ns ? one.until_ns : all.until_ns;
    }
    if (all.until_ns > 0)
        all.room = HEADROOM_WHOLE; /* what matters is that it is blocked */
    if (all.until_ns == INT64_MAX)
        all.until_ns = 0; /* the keys are being changed */
    return all;
}

static bool is_good(const struct key_view *v)
{
    return v->until_ns == 0 && v->room >= HEADROOM_WHOLE / 10;
}

/* Of the good ones each in its turn, so that the neighbour of one that rests does not get what is asked of both. */
struct health_pick health_pick_key(struct health_lane *l, struct health_key *const *keys, unsigned n, unsigned from,
                                   unsigned except, const struct headroom_need *need, int64_t now_ns)
{
    struct health_pick best = {.index = n > 0 ? from % n : 0};
    struct key_view seen = {.until_ns = INT64_MAX};
    unsigned n_good = 0;
    bool any = false;
    pthread_mutex_lock(&l->lock);
    for (unsigned i = 0; i < n; i++) {
        struct key_view v = see_key(l, keys[i], need, now_ns);
        if (i == except)
            continue;
        n_good += is_good(&v);
        if (any && (v.until_ns > seen.until_ns || (v.until_ns == seen.until_ns && v.room <= seen.room)))
            continue;
        any = true;
        seen = v;
        best = (struct health_pick){.index = i, .is_free = v.until_ns == 0};
    }
    unsigned turn = n_good > 0 ? from % n_good : 0;
    for (unsigned i = 0; i < n && n_good > 0; i++) {
        struct key_view v = see_key(l, keys[i], need, now_ns);
        if (i != except && is_good(&v) && turn-- == 0) {
            best = (struct health_pick){.index = i, .is_free = true};
            break;
        }
    }
    pthread_mutex_unlock(&l->lock);
    return best;
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
    if (l->whole != NULL) {
        l->seen.whole_samples = sketch_count(l->whole);
        l->seen.whole_q50_us = sketch_quantile(l->whole, 500);
        l->seen.whole_q95_us = sketch_quantile(l->whole, 950);
        l->seen.whole_q99_us = sketch_quantile(l->whole, 990);
    }
    l->seen.between_q50_us = sketch_quantile(&l->lane.between, 500);
    l->seen.health_q16 = lane_health(&l->lane, now_ns);
    l->seen.state = lane_is_failing(&l->lane, now_ns) ? HEALTH_DEGRADED : HEALTH_UP;
}

static void see_lane(struct health_lane *l, const struct headroom_need *need, int64_t now_ns, struct health_view *out)
{
    enum lane_state s = lane_state_at(&l->lane, now_ns);
    measure(l, now_ns);
    *out = l->seen;
    if (slow_is(&l->lane.slow, now_ns) && out->state == HEALTH_UP)
        out->state = HEALTH_SLOW;
    out->until_ns = 0;
    out->in_flight = l->lane.in_flight;
    out->places = gradient_limit(&l->lane.places);
    if (s == LANE_OPEN) {
        out->state = HEALTH_DOWN;
        out->until_ns = l->lane.open_until_ns;
    } else if (s == LANE_HALF_OPEN) { /* the one that finds out is under way: it comes back in a moment */
        bool taken = l->lane.probing || l->lane.watched_until_ns > now_ns;
        out->state = taken ? HEALTH_DOWN : HEALTH_PROBE;
        out->until_ns = taken ? now_ns + SL_SEC : 0;
    }
    if (l->lane.blocked_until_ns > now_ns && out->state != HEALTH_DOWN) {
        out->state = HEALTH_BLOCKED;
        out->until_ns = l->lane.blocked_until_ns;
    }
    struct key_view keys = see_keys(l, need, now_ns);
    out->room = keys.room;
    if (keys.until_ns > 0 && out->state < HEALTH_BLOCKED) {
        out->state = HEALTH_BLOCKED;
        out->until_ns = keys.until_ns;
    }
}

/* Until when only the scout is asked. */
static int64_t place_until(const struct place *p)
{
    int64_t rest = p->rest_until_ns, watched = p->watched_until_ns;
    return watched > rest ? watched : rest;
}

void health_see(struct health_lane *l, const struct headroom_need *need, int64_t now_ns, struct health_view *out)
{
    struct place *p = l->place;
    int64_t account = account_until(p, now_ns), rest_until = place_until(p);
    const struct health_lane *scout = p->scout;
    pthread_mutex_lock(&l->lock);
    see_lane(l, need, now_ns, out);
    pthread_mutex_unlock(&l->lock);
    if (scout != NULL && scout != l && rest_until > now_ns && out->state < HEALTH_BLOCKED) {
        out->state = HEALTH_DOWN;
        out->until_ns = p->rest_until_ns > now_ns ? p->rest_until_ns : now_ns + SL_SEC;
    }
    if (account > now_ns) {
        out->state = HEALTH_BLOCKED;
        out->account = true;
        out->until_ns = account;
    }
}

bool health_begin(struct health_lane *l, struct health_use *u, int64_t now_ns, struct health_view *out)
{
    pthread_mutex_lock(&l->lock);
    if (out != NULL)
        see_lane(l, NULL, now_ns, out);
    struct lane_key *here = u != NULL ? found_shared(l, u->key) : NULL;
    if (here != NULL) /* before the first limits were told there is nothing to count against */
        headroom_send(&here->room, &u->need, &u->mark);
    bool probe = lane_begin(&l->lane, now_ns);
    pthread_mutex_unlock(&l->lock);
    return probe;
}

/* Of models that callers name freely each has limits of its own, and the lane stands for all of them. */
void health_limits(struct health_lane *l, const struct health_use *u, const struct provider_limits *said,
                   int64_t now_ns)
{
    if (l->any_model || u->key == NULL || said->known == 0)
        return;
    pthread_mutex_lock(&l->lock);
    headroom_take(&made_at(l, u->key->account)->room, said, &u->mark, now_ns);
    pthread_mutex_unlock(&l->lock);
}

bool health_may_repeat(struct health_lane *l, unsigned cost)
{
    pthread_mutex_lock(&l->lock);
    bool may = lane_may_repeat(&l->lane, cost);
    pthread_mutex_unlock(&l->lock);
    return may;
}

void health_hedge_begin(struct health_lane *l, int64_t now_ns)
{
    pthread_mutex_lock(&l->lock);
    hedge_gate_begin(&l->hedge, now_ns);
    pthread_mutex_unlock(&l->lock);
}

bool health_hedge_late(struct health_lane *l, int64_t now_ns)
{
    pthread_mutex_lock(&l->lock);
    bool may = hedge_gate_late(&l->hedge, now_ns);
    pthread_mutex_unlock(&l->lock);
    return may;
}

void health_hedge_end(struct health_lane *l, bool won)
{
    pthread_mutex_lock(&l->lock);
    hedge_gate_end(&l->hedge, won);
    pthread_mutex_unlock(&l->lock);
}

void health_hedge_back(struct health_lane *l)
{
    pthread_mutex_lock(&l->lock);
    hedge_gate_back(&l->hedge);
    pthread_mutex_unlock(&l->lock);
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
        unsigned n = p->n_keys;
        for (unsigned i = 0; i < n; i++)
            p->keys[i]->rest_until_ns = 0;
        p->unnamed.rest_until_ns = 0;
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

/* The key rests. With p->lock held. */
static enum health_news take_account(struct place *p, struct health_key *k, const struct lane_sample *s, int64_t now_ns)
{
    bool rested = k->rest_until_ns > now_ns;
    int64_t until = now_ns + (s->wait_ns > 0 ? s->wait_ns : KEY_RESTS_NS);
    unsigned n = p->n_keys;
    k->rest_until_ns = until;
    for (unsigned i = 0; i < n && k != &p->unnamed && s->outcome == OUT_QUOTA_EXHAUSTED; i++)
        if (p->keys[i]->account == k->account) /* the credit is the account's */
            p->keys[i]->rest_until_ns = until;
    if (until > p->rests_until_ns)
        p->rests_until_ns = until;
    return account_until(p, now_ns) > 0 ? HEALTH_ACCOUNT_RESTS : rested ? HEALTH_NO_NEWS : HEALTH_KEY_RESTS;
}

/* With several keys a wait, and a model that is forbidden, are the key's: the others are asked. With l->lock held; true: it was so. */
static bool take_key(struct health_lane *l, const struct lane_sample *s, const struct health_use *u, int64_t now_ns)
{
    bool forbidden = s->outcome == OUT_FORBIDDEN && !l->any_model, wait = lane_effect_of(s->outcome) == LANE_WAIT;
    struct lane_key *shared = u != NULL ? found_shared(l, u->key) : NULL;
    if (shared != NULL && lane_effect_of(s->outcome) == LANE_GOOD) {
        shared->blocked_until_ns = shared->waits = 0;
        struct lane_key *here = found_at(l, u->key->index);
        if (here != NULL)
            here->forbidden_until_ns = 0;
    }
    if (u == NULL || u->key == NULL || l->place->n_current < 2 || (!wait && !forbidden))
        return false;
    if (forbidden) {
        made_at(l, u->key->index)->forbidden_until_ns = now_ns + LANE_MISSING_NS;
        return true;
    }
    shared = made_at(l, u->key->account);
    int64_t until = now_ns + lane_wait_ns(&shared->waits, s);
    if (until > shared->blocked_until_ns)
        shared->blocked_until_ns = until;
    return true;
}

/* What an outcome says beyond its lane: of the key and of the place. */
struct beyond {
    struct health_key *key;
    bool opened, closed; /* the lane, by it; is it now */
};

static enum health_news tell_place(struct health_lane *l, const struct lane_sample *s, const struct beyond *b,
                                   int64_t now_ns)
{
    enum lane_effect effect = lane_effect_of(s->outcome);
    enum health_news news = HEALTH_NO_NEWS;
    struct place *p = l->place;
    if (effect == LANE_GOOD && b->key->rest_until_ns > 0)
        b->key->rest_until_ns = 0; /* it was asked all the same, and is well */
    if (effect != LANE_ACCOUNT && !b->opened && !(b->closed && p->scout == l))
        return news; /* the usual case; what is read without the lock is only looked at again */
    pthread_mutex_lock(&p->lock);
    if (effect == LANE_ACCOUNT)
        news = take_account(p, b->key, s, now_ns);
    if (b->closed && p->scout == l) {
        p->scout = NULL;
        p->watched_until_ns = 0;
    }
    if (b->opened && lane_is_of_place(s->outcome))
        judge_place(p, l, now_ns);
    pthread_mutex_unlock(&p->lock);
    return news;
}

/* With l->lock held. */
static void note_whole(struct health_lane *l, int64_t us, int64_t now_ns)
{
    if (l->whole == NULL)
        l->whole = SL_NEW(struct sketch);
    sketch_add(l->whole, us, now_ns);
}

enum health_news health_end(struct health_lane *l, const struct lane_sample *s, const struct health_use *u,
                            int64_t now_ns)
{
    struct lane_sample sample = *s;
    enum lane_effect effect = lane_effect_of(s->outcome);
    struct beyond b = {.key = u != NULL && u->key != NULL ? u->key : &l->place->unnamed};
    pthread_mutex_lock(&l->lock);
    if (take_key(l, s, u, now_ns) || says_nothing(l, effect) || effect == LANE_ACCOUNT)
        sample.outcome = OUT_CANCELLED; /* the lane has nothing to do with it */
    b.opened = lane_end(&l->lane, &sample, now_ns);
    if (s->whole_us > 0)
        note_whole(l, s->whole_us, now_ns);
    b.closed = l->lane.state == LANE_CLOSED;
    pthread_mutex_unlock(&l->lock);
    return tell_place(l, s, &b, now_ns);
}

/* -- Probes of the gateway's own --------------------------------------------------------------------------------------------------- */

int64_t health_probe_due(struct health_lane *l, int64_t interval_ns, int64_t watched_until_ns, int64_t now_ns)
{
    struct place *p = l->place;
    int64_t account = account_until(p, now_ns);
    const struct health_lane *scout = p->scout;
    if (scout != NULL && scout != l && place_until(p) > now_ns)
        return INT64_MAX;
    pthread_mutex_lock(&l->lock);
    lane_probe_watch(&l->lane, watched_until_ns);
    int64_t due = lane_probe_due(&l->lane, interval_ns), watched = l->lane.watched_until_ns;
    pthread_mutex_unlock(&l->lock);
    if (scout == l)
        p->watched_until_ns = watched;
    return due > account ? due : account;
}

bool health_probe_begin(struct health_lane *l, int64_t watched_until_ns, int64_t now_ns)
{
    pthread_mutex_lock(&l->lock);
    bool probe = lane_probe_begin(&l->lane, watched_until_ns, now_ns);
    pthread_mutex_unlock(&l->lock);
    return probe;
}

enum health_news health_probe_end(struct health_lane *l, const struct lane_sample *s, struct health_key *key,
                                  int64_t now_ns)
{
    const struct health_use use = {.key = key};
    struct lane_sample sample = *s;
    enum lane_effect effect = lane_effect_of(s->outcome);
    struct beyond b = {.key = key != NULL ? key : &l->place->unnamed};
    pthread_mutex_lock(&l->lock);
    if (take_key(l, s, &use, now_ns) || says_nothing(l, effect) || effect == LANE_ACCOUNT)
        sample.outcome = OUT_CANCELLED;
    b.opened = lane_probe_end(&l->lane, &sample, now_ns);
    b.closed = l->lane.state == LANE_CLOSED;
    int64_t watched = l->lane.watched_until_ns;
    pthread_mutex_unlock(&l->lock);
    if (l->place->scout == l)
        l->place->watched_until_ns = watched;
    return tell_place(l, s, &b, now_ns);
}

void health_probe_leave(struct health_lane *l, bool was_probe)
{
    pthread_mutex_lock(&l->lock);
    lane_probe_leave(&l->lane, was_probe);
    pthread_mutex_unlock(&l->lock);
    if (l->place->scout == l)
        l->place->watched_until_ns = 0;
}

void health_keys_each(struct health_board *b, int64_t now_ns, health_keys_f *each, void *arg)
{
    pthread_mutex_lock(&b->lock);
    for (const struct place *p = b->places; p != NULL; p = p->next) {
        unsigned n = p->n_keys, resting = 0;
        for (unsigned i = 0; i < n; i++)
            resting += p->keys[i]->number > 0 && p->keys[i]->rest_until_ns > now_ns;
        if (p->n_current > 0)
            each(arg, sl_str_c(p->name), p->n_current, resting);
    }
    pthread_mutex_unlock(&b->lock);
}

void health_each(struct health_board *b, int64_t now_ns, health_each_f *each, void *arg)
{
    pthread_mutex_lock(&b->lock);
    for (struct health_lane *l = b->lanes; l != NULL; l = l->next) {
        struct health_view v;
        health_see(l, NULL, now_ns, &v);
        each(arg, sl_str_c(l->provider), sl_str_c(l->model), &v);
    }
    pthread_mutex_unlock(&b->lock);
}
