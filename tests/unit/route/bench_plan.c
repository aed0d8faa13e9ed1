/* What a plan costs: the least of many rounds, so that a busy machine does not count. In an optimised build without sanitizers the
 * figures are held to routing.md's bounds; elsewhere they are only printed. */
#include "route/kit.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"

#define ROUNDS 300
#define PLANS 200 /* in a round */

static int64_t cost(const void *arg, uint32_t target, uint32_t provider, struct sl_str model)
{
    (void)arg;
    (void)provider;
    (void)model;
    return 1000000 + (int64_t)(target * 7919u % 1000u);
}

static bool see(const void *arg, uint32_t target, struct route_target_view *out)
{
    (void)arg;
    *out = (struct route_target_view){.state = target % 5 == 3 ? ROUTE_DEGRADED : ROUTE_UP,
                                      .health_q16 = ROUTE_Q16 - target * 100,
                                      .ttft_q50_us = 300000 + target * 1000,
                                      .ttft_q99_us = 2000000,
                                      .itl_q50_us = 15000,
                                      .room_q16 = ROUTE_Q16,
                                      .in_flight = target,
                                      .limit = 100};
    return true;
}

static int64_t least_ns(const struct kit *k, struct kit_ask *q, bool looked)
{
    struct sl_arena_cache cache;
    struct sl_arena a;
    int64_t least = INT64_MAX;
    sl_arena_cache_init(&cache, 8);
    sl_arena_init(&a, &cache);
    if (looked) {
        q->ask.view = see;
        q->ask.cost = cost;
    }
    for (int r = 0; r < ROUNDS; r++) {
        int64_t began = sl_clock_mono_ns();
        for (int i = 0; i < PLANS; i++) {
            struct route_plan p;
            q->ask.seed = (uint64_t)i;
            SL_CHECK(route_plan(k->policy, &q->ask, &a, &p) == ROUTE_OK);
            sl_arena_reset(&a);
        }
        int64_t took = (sl_clock_mono_ns() - began) / PLANS;
        least = took < least ? took : least;
    }
    sl_arena_done(&a);
    sl_arena_cache_done(&cache);
    return least;
}

/* 49 rules that do not hold, of three tests each, and one with 16 targets. */
static void write_config(struct sl_buf *y, const char *order)
{
    sl_buf_adds(y, SL_STR("providers: {o: {kind: openai, keys: ['${K}']}}\n"
                          "models: {two: [o/a, o/b], m: {route: r}}\n"
                          "routes:\n  r:\n"));
    for (int i = 0; i < 49; i++)
        sl_buf_addf(y, "    - {when: {task: [t%d, u%d], input_tokens: '> %d', tags.a: b%d}, use: o/x}\n", i, i, i, i);
    sl_buf_adds(y, SL_STR("    - {use: ["));
    for (int i = 0; i < 16; i++)
        sl_buf_addf(y, "%so/model-%d", i > 0 ? ", " : "", i);
    sl_buf_addf(y, "], order: %s}\n", order);
    sl_buf_addc(y, 0);
}

int main(void)
{
    static const char *const orders[] = {"ordered",    "weighted",     "cheapest", "fastest",
                                         "least-busy", "cache-affine", "scored"};
    bool slow = false;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct kit k;
        struct kit_ask q;
        struct sl_buf yaml;
        sl_buf_init(&yaml, 1 << 16);
        write_config(&yaml, orders[i]);
        kit_open(&k, yaml.p);
        sl_buf_done(&yaml);
        kit_ask(&k, "model=m task=code in=1000 tag.x=y tag.a=c conversation=talk user=u", &q);
        int64_t ns = least_ns(&k, &q, true);
        printf("50 rules, 16 candidates, %-12s %5lld ns\n", orders[i], (long long)ns);
        slow |= ns > 5000;
        if (i == 0) {
            kit_ask(&k, "model=two in=1000", &q);
            ns = least_ns(&k, &q, false);
            printf("no rules, 2 candidates            %5lld ns\n", (long long)ns);
            slow |= ns > 1000;
        }
        kit_close(&k);
    }
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    return slow;
#else
    return 0;
#endif
}
