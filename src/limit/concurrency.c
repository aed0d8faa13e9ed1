/* The ceiling on live exchanges: see admit.h. */
#include "limit/admit.h"

#include "base/check.h"
#include "base/clock.h"

#define HINT_MIN SL_SEC        /* retry-after is told in whole seconds */
#define HINT_MAX (60 * SL_SEC) /* longer than that nobody waits, and we know nothing about then */
#define PLACES_MIN 16u         /* whatever the lag: it may have other reasons than us */
#define JUDGE_NS SL_SEC
#define TICKS_MIN 5u

void limit_gate_init(struct limit_gate *g, uint32_t max)
{
    atomic_init(&g->live, 0);
    atomic_init(&g->max, max);
    atomic_init(&g->refused, 0);
    atomic_init(&g->waiting, 0);
    atomic_init(&g->max_waiting, 0);
    atomic_init(&g->bytes, 0);
    atomic_init(&g->max_bytes, 0);
    atomic_init(&g->adapted, 0);
    atomic_init(&g->ticks, 0);
    atomic_init(&g->late, 0);
    atomic_init(&g->judged_ns, 0);
}

void limit_gate_set(struct limit_gate *g, uint32_t max)
{
    atomic_store_explicit(&g->max, max, memory_order_relaxed);
}

/* As many places come free in the time that an exchange takes as there are live ones (Little 1961); the spread keeps those who were
 * refused together from coming back together. */
int64_t limit_hint_ns(const struct limit_gate *g, int64_t took_ns, uint64_t seed)
{
    uint32_t live = limit_live(g), ahead = atomic_load_explicit(&g->waiting, memory_order_relaxed);
    __int128 wait = (__int128)took_ns * ((uint64_t)ahead + 1) / (live > 0 ? live : 1);
    int64_t bounded = wait < HINT_MIN ? HINT_MIN : wait > HINT_MAX ? HINT_MAX : (int64_t)wait;
    return bounded + (int64_t)(seed % (uint64_t)(bounded / 4));
}

static bool take(_Atomic uint32_t *cell, uint32_t max)
{
    if (atomic_fetch_add_explicit(cell, 1, memory_order_relaxed) < max)
        return true;
    atomic_fetch_sub_explicit(cell, 1, memory_order_relaxed);
    return false;
}

static uint32_t places(const struct limit_gate *g)
{
    uint32_t max = atomic_load_explicit(&g->max, memory_order_relaxed);
    uint32_t adapted = atomic_load_explicit(&g->adapted, memory_order_relaxed);
    max = max == 0 ? UINT32_MAX : max;
    return adapted > 0 && adapted < max ? adapted : max;
}

/* Beyond the ceiling of memory one goes on all the same, so that what waits can never wait for itself. */
bool limit_try(struct limit_gate *g)
{
    bool alone = atomic_load_explicit(&g->live, memory_order_relaxed) == 0;
    return (alone || limit_has_room(g, 0)) && take(&g->live, places(g));
}

void limit_gate_set_waiting(struct limit_gate *g, uint32_t max)
{
    atomic_store_explicit(&g->max_waiting, max, memory_order_relaxed);
}

bool limit_wait(struct limit_gate *g)
{
    return take(&g->waiting, atomic_load_explicit(&g->max_waiting, memory_order_relaxed));
}

void limit_wait_over(struct limit_gate *g)
{
    uint32_t before = atomic_fetch_sub_explicit(&g->waiting, 1, memory_order_relaxed);
    SL_CHECK(before > 0);
}

struct limit_result limit_admit(struct limit_gate *g, int64_t took_ns, uint64_t seed)
{
    if (limit_try(g))
        return (struct limit_result){.verdict = LIMIT_GO, .why = "admitted"};
    atomic_fetch_add_explicit(&g->refused, 1, memory_order_relaxed);
    return (struct limit_result){.verdict = LIMIT_REFUSE,
                                 .retry_after_ns = limit_hint_ns(g, took_ns, seed),
                                 .why = limit_has_room(g, 0) ? "the process has as many exchanges as it takes"
                                                             : "the process holds as many bytes as it may"};
}

void limit_leave(struct limit_gate *g)
{
    uint32_t before = atomic_fetch_sub_explicit(&g->live, 1, memory_order_relaxed);
    SL_CHECK(before > 0);
}

uint32_t limit_live(const struct limit_gate *g)
{
    return atomic_load_explicit(&g->live, memory_order_relaxed);
}

/* -- Memory ---------------------------------------------------------------------------------------------------------- */

void limit_gate_set_bytes(struct limit_gate *g, uint64_t max)
{
    atomic_store_explicit(&g->max_bytes, max, memory_order_relaxed);
}

void limit_bytes(struct limit_gate *g, int64_t more)
{
    atomic_fetch_add_explicit(&g->bytes, (uint64_t)more, memory_order_relaxed);
}

bool limit_has_room(const struct limit_gate *g, uint64_t bytes)
{
    uint64_t max = atomic_load_explicit(&g->max_bytes, memory_order_relaxed);
    uint64_t held = atomic_load_explicit(&g->bytes, memory_order_relaxed);
    return max == 0 || (held <= max && bytes <= max - held);
}

/* -- Lag -------------------------------------------------------------------------------------------------------------- */

static uint32_t root_of(uint32_t v)
{
    uint32_t r = 1;
    while ((uint64_t)(r + 1) * (r + 1) <= v)
        r++;
    return r;
}

static void judge(struct limit_gate *g, uint32_t ticks, uint32_t late)
{
    uint32_t adapted = atomic_load_explicit(&g->adapted, memory_order_relaxed);
    uint32_t live = limit_live(g), now = places(g), next = adapted;
    if (ticks < TICKS_MIN)
        return;
    if (late * 3 >= ticks) {
        next = (live < now ? live : now) / 10 * 9;
        next = next > PLACES_MIN ? next : PLACES_MIN;
    } else if (adapted > 0 && late == 0 && (uint64_t)live * 5 >= (uint64_t)adapted * 4) {
        next = adapted < UINT32_MAX / 2 ? adapted + root_of(adapted) : adapted;
    }
    atomic_store_explicit(&g->adapted, next, memory_order_relaxed);
}

void limit_tick(struct limit_gate *g, int64_t lag_ns, int64_t now_ns)
{
    int64_t judged = atomic_load_explicit(&g->judged_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->ticks, 1, memory_order_relaxed);
    if (lag_ns >= LIMIT_LATE_NS)
        atomic_fetch_add_explicit(&g->late, 1, memory_order_relaxed);
    if (now_ns - judged < JUDGE_NS || !atomic_compare_exchange_strong_explicit(
                                          &g->judged_ns, &judged, now_ns, memory_order_relaxed, memory_order_relaxed))
        return;
    uint32_t late = atomic_exchange_explicit(&g->late, 0, memory_order_relaxed);
    judge(g, atomic_exchange_explicit(&g->ticks, 0, memory_order_relaxed), late);
}

void limit_tick_off(struct limit_gate *g)
{
    atomic_store_explicit(&g->adapted, 0, memory_order_relaxed);
}
