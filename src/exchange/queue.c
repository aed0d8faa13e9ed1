/* QUEUE: a worker's requests that wait for a place under the process-wide ceiling (limit/admit.h). Of three classes, which share the
 * places that come free by weight, so that none waits for ever (stride scheduling: Waldspurger, Weihl 1995). Within a class tenants
 * take turns, within a tenant its keys, and each key's go in the order in which they came. When the queue is full, the last one
 * of a lower class makes room, or of a tenant or key with many waiters for one with few. So one tenant's flood keeps nobody else
 * waiting for longer than a place takes to come free.
 *
 * A place that this worker gives back goes to its own queue at once; those of other workers are found by a tick. */
#include "base/hash.h"
#include "exchange/exchange_int.h"
#include "limit/settings.h"

#define TICK_NS (5 * SL_MS)

static void on_tick(struct sl_timer *t)
{
    struct exchange_env *env = SL_CONTAINER_OF(t, struct exchange_env, queue_tick);
    queue_pump(env);
    if (!queue_is_empty(env))
        sl_timer_arm(env->loop, &env->queue_tick, sl_loop_now(env->loop) + TICK_NS);
}

void queue_init(struct exchange_env *e)
{
    sl_list_init(&e->waiting);
    sl_timer_init(&e->queue_tick, on_tick);
}

void queue_done(struct exchange_env *e)
{
    SL_CHECK(queue_is_empty(e));
    sl_timer_cancel(e->loop, &e->queue_tick);
}

bool queue_is_empty(const struct exchange_env *env)
{
    return env->waiting.next == &env->waiting;
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
static enum priority_class next_class(struct exchange_env *env)
{
    unsigned waits = 0;
    SL_LIST_EACH(node, &env->waiting)
    waits |= 1u << of_node(node)->priority;
    enum priority_class best = of_node(env->waiting.next)->priority;
    for (unsigned c = 0; c < CLASS_COUNT; c++)
        if ((waits & 1u << c) != 0 &&
            (env->passes[c] < env->passes[best] || (env->passes[c] == env->passes[best] && c < (unsigned)best)))
            best = (enum priority_class)c;
    for (unsigned c = 0; c < CLASS_COUNT; c++) /* who had nobody waiting saves up nothing */
        if ((waits & 1u << c) == 0 && env->passes[c] < env->passes[best])
            env->passes[c] = env->passes[best];
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

static unsigned waiters_of(struct exchange_env *env, const struct exchange *of, bool by_key)
{
    unsigned n = 0;
    SL_LIST_EACH(node, &env->waiting)
    n += by_key ? same_key(of_node(node), of->key->id) : same_tenant(of_node(node), of->key->id, of->key->tenant);
    return n;
}

/* The last one of the lowest class that waits; in it of the tenant with most waiters, and of its key with most. */
static struct exchange *last_of(struct exchange_env *env)
{
    uint32_t of_tenant[QUEUE_TURNS] = {0}, of_key[QUEUE_TURNS] = {0};
    struct exchange *last = of_node(env->waiting.prev);
    SL_LIST_EACH(node, &env->waiting)
    {
        of_tenant[of_node(node)->tenant_slot]++;
        of_key[of_node(node)->key_slot]++;
        last = of_node(node)->priority > last->priority ? of_node(node) : last;
    }
    SL_LIST_EACH(node, &env->waiting)
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
static bool makes_room(struct exchange_env *env, const struct exchange *last, const struct exchange *x)
{
    if (last->priority != x->priority)
        return last->priority > x->priority;
    bool by_key = same_tenant(last, x->key->id, x->key->tenant);
    return !same_key(last, x->key->id) && waiters_of(env, last, by_key) >= waiters_of(env, x, by_key) + 2;
}

static bool displace(struct exchange *x)
{
    struct exchange_env *env = x->env;
    if (queue_is_empty(env))
        return false;
    struct exchange *last = last_of(env);
    if (!makes_room(env, last, x))
        return false;
    queue_leave(last);
    exchange_wake(last, EV_DEADLINE); /* it is refused, as if it had waited for too long */
    return limit_wait(env->gate);
}

bool queue_enter(struct exchange *x)
{
    struct exchange_env *env = x->env;
    x->priority = queue_class(x);
    if (!limit_wait(env->gate) && !displace(x))
        return false;
    if (queue_is_empty(env))
        sl_timer_arm(env->loop, &env->queue_tick, sl_loop_now(env->loop) + TICK_NS);
    x->queued = true;
    find_slots(x);
    sl_list_init(&x->wait_node);
    sl_list_add_tail(&env->waiting, &x->wait_node);
    return true;
}

void queue_leave(struct exchange *x)
{
    if (!x->queued)
        return;
    x->queued = false;
    sl_list_remove(&x->wait_node);
    limit_wait_over(x->env->gate);
    if (queue_is_empty(x->env))
        sl_timer_cancel(x->env->loop, &x->env->queue_tick);
}

/* Of whom the last place is longer ago: by tenant, then by key. Of two who share a slot, who did not have the very last one. */
static bool is_sooner(const struct exchange *a, const struct exchange *b)
{
    const struct exchange_env *env = a->env;
    const struct sl_str served = sl_str_c(env->served_tenant);
    if (env->tenant_turns[a->tenant_slot] != env->tenant_turns[b->tenant_slot])
        return env->tenant_turns[a->tenant_slot] < env->tenant_turns[b->tenant_slot];
    bool a_had = same_tenant(a, env->served, served), b_had = same_tenant(b, env->served, served);
    if (a_had != b_had)
        return b_had;
    if (env->key_turns[a->key_slot] != env->key_turns[b->key_slot])
        return env->key_turns[a->key_slot] < env->key_turns[b->key_slot];
    return !same_key(a, env->served) && same_key(b, env->served);
}

/* Whose turn it is in that class; of one key the first that came. */
static struct exchange *next_of(struct exchange_env *env, enum priority_class class)
{
    struct exchange *next = NULL;
    SL_LIST_EACH(node, &env->waiting)
    {
        struct exchange *x = of_node(node);
        if (x->priority == class && (next == NULL || is_sooner(x, next)))
            next = x;
    }
    return next;
}

static void note_served(struct exchange_env *env, const struct exchange *x)
{
    struct sl_str tenant = sl_str_head(x->key->tenant, TENANT_LOOK);
    _Static_assert(sizeof env->served_tenant == TENANT_LOOK + 1, "and a NUL");
    env->served = x->key->id;
    memset(env->served_tenant, 0, sizeof env->served_tenant);
    if (tenant.n > 0)
        memcpy(env->served_tenant, tenant.p, tenant.n);
    env->passes[x->priority] += strides[x->priority];
    env->tenant_turns[x->tenant_slot] = env->key_turns[x->key_slot] = ++env->places_given;
}

void queue_pump(struct exchange_env *env)
{
    while (!queue_is_empty(env) && limit_try(env->gate)) {
        struct exchange *x = next_of(env, next_class(env));
        note_served(env, x);
        queue_leave(x);
        x->admitted = true;
        x->place_ns = sl_loop_now(env->loop);
        exchange_wake(x, EV_SLOT);
    }
}
