/* QUEUE: requests that wait for a place under the process-wide ceiling (limit/admit.h), those of all workers. Of three classes, which share the
 * places that come free by weight, so that none waits for ever (stride scheduling: Waldspurger, Weihl 1995). Within a class tenants
 * take turns, within a tenant its keys, and each key's go in the order in which they came. When the queue is full, the last one
 * of a lower class makes room, or of a tenant or key with many waiters for one with few. So one tenant's flood keeps nobody else
 * waiting for longer than a place takes to come free.
 *
 * Whoever gives a place back, or ticks, says whose turn it is: those of its own worker are woken at once, others' workers by a message,
 * or where none can be sent by their next tick. The lock is taken only where somebody waits, and held for a look at all who do. */
#include <pthread.h>

#include "base/hash.h"
#include "base/mem.h"
#include "exchange/exchange_int.h"
#include "limit/settings.h"
#include "loop/mailbox.h"

#define TICK_NS (5 * SL_MS)

void exchange_queue_init(struct exchange_queue *q)
{
    *q = (struct exchange_queue){.places_given = 0};
    pthread_mutex_init(&q->lock, NULL);
    sl_list_init(&q->waiting);
}

void exchange_queue_done(struct exchange_queue *q)
{
    SL_CHECK(sl_list_is_empty(&q->waiting));
    pthread_mutex_destroy(&q->lock);
}

static void on_tick(struct sl_timer *t)
{
    struct exchange_env *env = SL_CONTAINER_OF(t, struct exchange_env, queue_tick);
    queue_pump(env);
    if (env->n_queued > 0)
        sl_timer_arm(env->loop, &env->queue_tick, sl_loop_now(env->loop) + TICK_NS);
}

void queue_init(struct exchange_env *e)
{
    exchange_queue_init(&e->own_queue);
    e->queue = &e->own_queue;
    sl_list_init(&e->told);
    sl_timer_init(&e->queue_tick, on_tick);
}

void queue_done(struct exchange_env *e)
{
    SL_CHECK(e->n_queued == 0);
    sl_timer_cancel(e->loop, &e->queue_tick);
    exchange_queue_done(&e->own_queue);
}

bool queue_is_empty(const struct exchange_env *env)
{
    return atomic_load_explicit(&env->gate->waiting, memory_order_relaxed) == 0;
}

static struct exchange *of_node(struct sl_list *node)
{
    return SL_CONTAINER_OF(node, struct exchange, wait_node);
}

/* -- Classes ---------------------------------------------------------------------------------------------------------- */

static bool is_listed(const struct sl_str *v, size_t n, struct sl_str kind, struct sl_str name)
{
    for (size_t i = 0; i < n && name.n > 0; i++)
        if (v[i].n == kind.n + name.n && sl_str_starts(v[i], kind) && sl_str_eq(sl_str_from(v[i], kind.n), name))
            return true;
    return false;
}

static enum priority_class configured(const struct exchange *x)
{
    const struct priority_policy *p = &x->snap->set.priority;
    const struct {
        struct sl_str kind, name;
    } of[] = {{SL_STR("key:"), x->key->name},
              {SL_STR("tenant:"), x->key->tenant},
              {SL_STR("model:"), x->facts.model},
              {SL_STR("route:"), x->facts.hints.route}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        if (is_listed(p->high, p->n_high, of[i].kind, of[i].name))
            return CLASS_HIGH;
        if (is_listed(p->low, p->n_low, of[i].kind, of[i].name))
            return CLASS_LOW;
    }
    return CLASS_NORMAL;
}

/* A word that is none says nothing. */
enum priority_class queue_class(const struct exchange *x)
{
    if (x->inside)
        return CLASS_LOW;
    static const struct {
        struct sl_str word;
        enum priority_class class;
    } words[] = {{SL_STR_INIT("high"), CLASS_HIGH},
                 {SL_STR_INIT("normal"), CLASS_NORMAL},
                 {SL_STR_INIT("low"), CLASS_LOW},
                 {SL_STR_INIT("batch"), CLASS_LOW}};
    enum priority_class class = configured(x);
    const struct http_header *h = http_headers_find_name(&x->req->headers, SL_STR("x-sluice-priority"));
    if (h == NULL || x->snap->set.priority.header == PRIORITY_IGNORED)
        return class;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sl_str_eq_nocase(h->value, words[i].word) &&
            (x->snap->set.priority.header == PRIORITY_ANY || words[i].class > class))
            return words[i].class;
    return class;
}

static const uint64_t strides[CLASS_COUNT] = {[CLASS_HIGH] = 10, [CLASS_NORMAL] = 20, [CLASS_LOW] = 60};

/* The class whose turn it is among those that have somebody waiting. */
static enum priority_class next_class(struct exchange_queue *q)
{
    enum priority_class best = of_node(q->waiting.next)->priority;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if (q->n_of[c] > 0 &&
            (q->passes[c] < q->passes[best] || (q->passes[c] == q->passes[best] && c < (unsigned)best)))
            best = (enum priority_class)c;
    for (unsigned c = 0; c < CLASS_COUNT; c++) /* who had nobody waiting saves up nothing */
        if (q->n_of[c] == 0 && q->passes[c] < q->passes[best])
            q->passes[c] = q->passes[best];
    return best;
}

/* -- Whose ------------------------------------------------------------------------------------------------------------- */

#define TENANT_LOOK 63u /* bytes of a tenant's name by which its requests are told apart */

static bool same_key(const struct exchange *x, struct sl_id key)
{
    return x->key->id.hi == key.hi && x->key->id.lo == key.lo;
}

/* Names of tenants and ids of keys are the operator's: the same slots in every process. */
static uint16_t slot_of(struct sl_str s)
{
    static const struct sl_hash_key key = {UINT64_C(0x7175657565000001), UINT64_C(0x7475726e73000001)};
    return (uint16_t)(sl_hash(key, s) % QUEUE_TURNS);
}

static void find_slots(struct exchange *x)
{
    struct sl_str key = sl_str_of((const char *)&x->key->id, sizeof x->key->id), tenant = x->key->tenant;
    x->key_slot = slot_of(key);
    x->tenant_slot = slot_of(tenant.n > 0 ? tenant : key);
}

/* Keys without a tenant are each their own. */
static bool same_tenant(const struct exchange *x, struct sl_id key, struct sl_str tenant)
{
    if (x->key->tenant.n == 0 && tenant.n == 0)
        return same_key(x, key);
    return sl_str_eq(sl_str_head(x->key->tenant, TENANT_LOOK), sl_str_head(tenant, TENANT_LOOK));
}

static unsigned waiters_of(struct exchange_queue *q, const struct exchange *of, bool by_key)
{
    unsigned n = 0;
    SL_LIST_EACH(node, &q->waiting)
    n += by_key ? same_key(of_node(node), of->key->id) : same_tenant(of_node(node), of->key->id, of->key->tenant);
    return n;
}

/* The last one of the lowest class that waits; in it of the tenant with most waiters, and of its key with most. */
static struct exchange *last_of(struct exchange_queue *q)
{
    uint32_t of_tenant[QUEUE_TURNS] = {0}, of_key[QUEUE_TURNS] = {0};
    struct exchange *last = of_node(q->waiting.prev);
    SL_LIST_EACH(node, &q->waiting)
    {
        of_tenant[of_node(node)->tenant_slot]++;
        of_key[of_node(node)->key_slot]++;
        last = of_node(node)->priority > last->priority ? of_node(node) : last;
    }
    SL_LIST_EACH(node, &q->waiting)
    {
        struct exchange *x = of_node(node);
        uint32_t has = of_tenant[x->tenant_slot], most = of_tenant[last->tenant_slot];
        if (x->priority == last->priority &&
            (has > most || (has == most && of_key[x->key_slot] >= of_key[last->key_slot])))
            last = x;
    }
    return last;
}

/* Whether `last` makes room for x: its class is lower, or its tenant, or within one tenant its key, has two more waiting than x's. */
static bool makes_room(struct exchange_queue *q, const struct exchange *last, const struct exchange *x)
{
    if (last->priority != x->priority)
        return last->priority > x->priority;
    bool by_key = same_tenant(last, x->key->id, x->key->tenant);
    return !same_key(last, x->key->id) && waiters_of(q, last, by_key) >= waiters_of(q, x, by_key) + 2;
}

static void hear(struct exchange_env *env);

struct turn_news {
    struct sl_msg msg;
    struct exchange_env *env; /* borrow: its mailbox closes first */
};

static void on_news(struct sl_msg *msg, void *receiver)
{
    struct turn_news *n = SL_CONTAINER_OF(msg, struct turn_news, msg);
    (void)receiver;
    hear(n->env);
    sl_free(n);
}

static void send_news(struct exchange_env *to)
{
    if (to->told_sent || to->mailbox == NULL)
        return;
    struct turn_news *n = SL_NEW(struct turn_news);
    n->msg.deliver = on_news;
    n->env = to;
    to->told_sent = sl_mailbox_post(to->mailbox, &n->msg);
    if (!to->told_sent) /* that worker has ended, and everybody on it */
        sl_free(n);
}

/* Waits no more. Under the lock. */
static void take_out(struct exchange *x)
{
    sl_list_remove(&x->wait_node);
    x->env->queue->n_of[x->priority]--;
    limit_wait_over(x->env->gate);
}

/* Under the lock; its own worker hears of it. */
static void tell(const struct exchange_env *env, struct exchange *x, enum queue_turn turn)
{
    take_out(x);
    x->turn = turn;
    sl_list_add_tail(&x->env->told, &x->wait_node);
    if (x->env != env)
        send_news(x->env);
}

static bool displace(struct exchange *x)
{
    struct exchange_queue *q = x->env->queue;
    if (sl_list_is_empty(&q->waiting))
        return false;
    struct exchange *last = last_of(q);
    if (!makes_room(q, last, x))
        return false;
    tell(x->env, last, TURN_LOST);
    return limit_wait(x->env->gate);
}

static void out_of_it(struct exchange *x)
{
    struct exchange_env *env = x->env;
    x->queued = false;
    if (--env->n_queued == 0)
        sl_timer_cancel(env->loop, &env->queue_tick);
}

static void hear(struct exchange_env *env)
{
    struct sl_list mine, *node;
    sl_list_init(&mine);
    pthread_mutex_lock(&env->queue->lock);
    sl_list_splice(&mine, &env->told);
    env->told_sent = false;
    pthread_mutex_unlock(&env->queue->lock);
    while ((node = sl_list_take_head(&mine)) != NULL) {
        struct exchange *x = of_node(node);
        out_of_it(x);
        if (x->turn == TURN_PLACE) {
            x->admitted = true;
            x->place_ns = sl_loop_now(env->loop);
        }
        /* who made room is refused, as if it had waited for too long */
        exchange_wake(x, x->turn == TURN_PLACE ? EV_SLOT : EV_DEADLINE);
    }
}

bool queue_enter(struct exchange *x)
{
    struct exchange_env *env = x->env;
    x->priority = queue_class(x);
    x->turn = TURN_NOT_YET;
    find_slots(x);
    sl_list_init(&x->wait_node);
    pthread_mutex_lock(&env->queue->lock);
    x->queued = limit_wait(env->gate) || displace(x);
    if (x->queued) {
        sl_list_add_tail(&env->queue->waiting, &x->wait_node);
        env->queue->n_of[x->priority]++;
    }
    pthread_mutex_unlock(&env->queue->lock);
    if (x->queued && env->n_queued++ == 0)
        sl_timer_arm(env->loop, &env->queue_tick, sl_loop_now(env->loop) + TICK_NS);
    hear(env);
    return x->queued;
}

void queue_leave(struct exchange *x)
{
    struct exchange_env *env = x->env;
    if (!x->queued)
        return;
    pthread_mutex_lock(&env->queue->lock);
    if (x->turn == TURN_NOT_YET)
        take_out(x);
    else
        sl_list_remove(&x->wait_node);
    pthread_mutex_unlock(&env->queue->lock);
    out_of_it(x);
    if (x->turn != TURN_PLACE)
        return;
    limit_leave(env->gate); /* it came too late */
    queue_pump(env);
}

/* Of whom the last place is longer ago: by tenant, then by key. Of two who share a slot, who did not have the very last one. */
static bool is_sooner(const struct exchange_queue *q, const struct exchange *a, const struct exchange *b)
{
    const struct sl_str served = sl_str_c(q->served_tenant);
    if (q->tenant_turns[a->tenant_slot] != q->tenant_turns[b->tenant_slot])
        return q->tenant_turns[a->tenant_slot] < q->tenant_turns[b->tenant_slot];
    bool a_had = same_tenant(a, q->served, served), b_had = same_tenant(b, q->served, served);
    if (a_had != b_had)
        return b_had;
    if (q->key_turns[a->key_slot] != q->key_turns[b->key_slot])
        return q->key_turns[a->key_slot] < q->key_turns[b->key_slot];
    return !same_key(a, q->served) && same_key(b, q->served);
}

/* Whose turn it is in that class; of one key the first that came. */
static struct exchange *next_of(struct exchange_queue *q, enum priority_class class)
{
    struct exchange *next = NULL;
    SL_LIST_EACH(node, &q->waiting)
    {
        struct exchange *x = of_node(node);
        if (x->priority == class && (next == NULL || is_sooner(q, x, next)))
            next = x;
    }
    return next;
}

static void note_served(struct exchange_queue *q, const struct exchange *x)
{
    struct sl_str tenant = sl_str_head(x->key->tenant, TENANT_LOOK);
    _Static_assert(sizeof q->served_tenant == TENANT_LOOK + 1, "and a NUL");
    q->served = x->key->id;
    memset(q->served_tenant, 0, sizeof q->served_tenant);
    if (tenant.n > 0)
        memcpy(q->served_tenant, tenant.p, tenant.n);
    q->passes[x->priority] += strides[x->priority];
    q->tenant_turns[x->tenant_slot] = q->key_turns[x->key_slot] = ++q->places_given;
}

void queue_pump(struct exchange_env *env)
{
    struct exchange_queue *q = env->queue;
    pthread_mutex_lock(&q->lock);
    while (!sl_list_is_empty(&q->waiting) && limit_try(env->gate)) {
        struct exchange *x = next_of(q, next_class(q));
        note_served(q, x);
        tell(env, x, TURN_PLACE);
    }
    pthread_mutex_unlock(&q->lock);
    hear(env);
}
