/* QUEUE: a worker's requests that wait for a place under the process-wide ceiling (limit/admit.h). In the order in which they came, but
 * not two of one key in a row while another key waits; and when the queue is full, a key with few waiters takes the place of the last
 * of a key with many. So one tenant's flood keeps nobody else waiting for longer than a place takes to come free.
 *
 * A place that this worker gives back goes to its own queue at once; those of other workers are found by a tick. */
#include "exchange/exchange_int.h"

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

static bool same_key(const struct exchange *x, struct sl_id key)
{
    return x->key->id.hi == key.hi && x->key->id.lo == key.lo;
}

static unsigned waiters_of(struct exchange_env *env, struct sl_id key)
{
    unsigned n = 0;
    SL_LIST_EACH(node, &env->waiting)
    n += same_key(of_node(node), key);
    return n;
}

/* The last one that came makes room when its key has two more of them waiting than x's. */
static bool displace(struct exchange *x)
{
    struct exchange_env *env = x->env;
    if (queue_is_empty(env))
        return false;
    struct exchange *last = of_node(env->waiting.prev);
    if (same_key(last, x->key->id) || waiters_of(env, last->key->id) < waiters_of(env, x->key->id) + 2)
        return false;
    queue_leave(last);
    exchange_wake(last, EV_DEADLINE); /* it is refused, as if it had waited for too long */
    return limit_wait(env->gate);
}

bool queue_enter(struct exchange *x)
{
    struct exchange_env *env = x->env;
    if (!limit_wait(env->gate) && !displace(x))
        return false;
    if (queue_is_empty(env))
        sl_timer_arm(env->loop, &env->queue_tick, sl_loop_now(env->loop) + TICK_NS);
    x->queued = true;
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

/* The first one of another key than the last that was served, else the first. */
static struct exchange *next_of(struct exchange_env *env)
{
    SL_LIST_EACH(node, &env->waiting)
    {
        struct exchange *x = of_node(node);
        if (!same_key(x, env->served))
            return x;
    }
    return of_node(env->waiting.next);
}

void queue_pump(struct exchange_env *env)
{
    while (!queue_is_empty(env) && limit_try(env->gate)) {
        struct exchange *x = next_of(env);
        env->served = x->key->id;
        queue_leave(x);
        x->admitted = true;
        exchange_wake(x, EV_SLOT);
    }
}
