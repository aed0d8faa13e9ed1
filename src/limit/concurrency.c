/* The ceiling on live exchanges: see admit.h. */
#include "limit/admit.h"

#include "base/check.h"
#include "base/clock.h"

#define HINT_MIN SL_SEC        /* retry-after is told in whole seconds */
#define HINT_MAX (30 * SL_SEC) /* longer than that nobody waits, and we know nothing about then */

void limit_gate_init(struct limit_gate *g, uint32_t max)
{
    atomic_init(&g->live, 0);
    atomic_init(&g->max, max);
    atomic_init(&g->refused, 0);
    atomic_init(&g->waiting, 0);
    atomic_init(&g->max_waiting, 0);
}

void limit_gate_set(struct limit_gate *g, uint32_t max)
{
    atomic_store_explicit(&g->max, max, memory_order_relaxed);
}

/* Places come free all the time, so a short wait is enough; the spread keeps those who were refused together from coming back
 * together. */
static int64_t hint(int64_t typical_ns, uint64_t seed)
{
    int64_t wait = typical_ns < HINT_MIN ? HINT_MIN : typical_ns > HINT_MAX ? HINT_MAX : typical_ns;
    return wait + (int64_t)(seed % (uint64_t)wait);
}

static bool take(_Atomic uint32_t *cell, uint32_t max)
{
    if (atomic_fetch_add_explicit(cell, 1, memory_order_relaxed) < max)
        return true;
    atomic_fetch_sub_explicit(cell, 1, memory_order_relaxed);
    return false;
}

bool limit_try(struct limit_gate *g)
{
    uint32_t max = atomic_load_explicit(&g->max, memory_order_relaxed);
    return take(&g->live, max == 0 ? UINT32_MAX : max);
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

struct limit_result limit_admit(struct limit_gate *g, int64_t typical_ns, uint64_t seed)
{
    if (limit_try(g))
        return (struct limit_result){.verdict = LIMIT_GO, .why = "admitted"};
    atomic_fetch_add_explicit(&g->refused, 1, memory_order_relaxed);
    return (struct limit_result){.verdict = LIMIT_REFUSE,
                                 .retry_after_ns = hint(typical_ns, seed),
                                 .why = "the process has as many exchanges as it takes"};
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
