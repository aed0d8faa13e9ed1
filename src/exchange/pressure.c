/* The gateway's own load: what each exchange holds is told to the process-wide gate (limit/admit.h) as it changes, a body that does not
 * fit under limits.memory is not read, and with limits.adaptive a tick on each worker tells how late its loop runs. */
#include "exchange/exchange_int.h"

#define STEP_BYTES 4096 /* smaller changes are told with the next larger one */
#define SMALL_BODY 65536u

/* -- Memory ---------------------------------------------------------------------------------------------------------- */

static int64_t held_by(const struct exchange *x)
{
    uint64_t body = x->body.n + bodies_held(x), announced = x->body_room;
    body = body > announced ? body : announced;
    return (int64_t)(body + session_held(x) + x->held.n + x->a->used +
                     (x->attempt != NULL ? x->attempt_arena.used : 0));
}

void pressure_note(struct exchange *x)
{
    int64_t now = held_by(x), more = now - x->memory;
    if (more < STEP_BYTES && more > -STEP_BYTES)
        return;
    x->memory = now;
    limit_bytes(x->env->gate, more);
}

void pressure_forget(struct exchange *x)
{
    limit_bytes(x->env->gate, -x->memory);
    x->memory = 0;
}

/* One that is alone is never refused: then the ceiling is below what a single request may be. */
bool pressure_refuses(const struct exchange *x, uint64_t more)
{
    const struct limit_gate *g = x->env->gate;
    return !limit_has_room(g, more) &&
           atomic_load_explicit(&g->bytes, memory_order_relaxed) > (uint64_t)x->memory + STEP_BYTES;
}

enum step pressure_refuse(struct exchange *x)
{
    return exchange_refuse_full(x);
}

bool pressure_refuses_body(const struct exchange *x)
{
    return x->body.n > SMALL_BODY && pressure_refuses(x, 0);
}

/* -- Lag ------------------------------------------------------------------------------------------------------------- */

static void on_tick(struct sl_timer *t)
{
    struct exchange_env *env = SL_CONTAINER_OF(t, struct exchange_env, lag_tick);
    int64_t now = sl_loop_now(env->loop);
    limit_tick(env->gate, now - env->lag_due_ns, now);
    env->lag_due_ns = now + LIMIT_TICK_NS;
    sl_timer_arm(env->loop, &env->lag_tick, env->lag_due_ns);
}

void pressure_init(struct exchange_env *env)
{
    sl_timer_init(&env->lag_tick, on_tick);
}

void pressure_settings(struct exchange_env *env)
{
    bool on = env->epoch != NULL && env->epoch->snapshot->set.adaptive;
    if (on && !sl_timer_is_armed(&env->lag_tick)) {
        env->lag_due_ns = sl_loop_now(env->loop) + LIMIT_TICK_NS;
        sl_timer_arm(env->loop, &env->lag_tick, env->lag_due_ns);
    }
    if (!on && sl_timer_is_armed(&env->lag_tick)) {
        sl_timer_cancel(env->loop, &env->lag_tick);
        limit_tick_off(env->gate);
    }
}

void pressure_done(struct exchange_env *env)
{
    sl_timer_cancel(env->loop, &env->lag_tick);
}
