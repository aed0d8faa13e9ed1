/* The board of targets' health under several threads at once, as workers and a reload use it: for ThreadSanitizer, and for what must
 * hold whoever comes first: one probe at a time, and nobody in flight when all are back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/rand.h"
#include "upstream/health.h"

#define THREADS 4
#define PROVIDERS 2
#define MODELS 3
#define KEYS 3
#define ROUNDS 6000

static struct health_board *board;
static _Atomic int64_t clock_ns = SL_SEC;
static _Atomic int probes[PROVIDERS][MODELS]; /* of clients, under way */
static _Atomic unsigned opened, most;
static _Atomic bool over;

static struct sl_str provider_of(unsigned i)
{
    static const struct sl_str names[PROVIDERS] = {SL_STR_INIT("one"), SL_STR_INIT("two")};
    return names[i];
}

static struct sl_str model_of(unsigned i)
{
    static const struct sl_str names[MODELS] = {SL_STR_INIT("a"), SL_STR_INIT("b"), SL_STR_INIT("c")};
    return names[i];
}

static void keys_of(unsigned provider, struct health_key *out[KEYS])
{
    const uint64_t hashes[KEYS] = {provider * 10 + 1, provider * 10 + 2, provider * 10 + 3};
    health_keys_set(board, provider_of(provider), hashes, KEYS, out);
}

static void ask(struct sl_rand *r)
{
    static const enum outcome outcomes[] = {OUT_OK,           OUT_OK,           OUT_OVERLOADED,      OUT_OVERLOADED,
                                            OUT_RATE_LIMITED, OUT_CLIENT_FAULT, OUT_BAD_CREDENTIALS, OUT_TRUNCATED};
    unsigned p = (unsigned)(sl_rand_next(r) % PROVIDERS), m = (unsigned)(sl_rand_next(r) % MODELS);
    struct health_lane *l = health_lane_of(board, provider_of(p), model_of(m));
    struct health_key *keys[KEYS];
    struct health_view view;
    struct health_use u = {.need = {.input = 10, .output = 10}};
    assert_non_null(l);
    keys_of(p, keys);
    int64_t now = atomic_fetch_add(&clock_ns, 20 * SL_MS);
    health_see(l, &u.need, now, &view);
    if (view.state == HEALTH_DOWN && !health_try_anyway(l, now))
        return;
    u.key = keys[health_pick_key(l, keys, KEYS, (unsigned)sl_rand_next(r), KEYS, &u.need, now).index];
    bool probe = health_begin(l, &u, now, &view);
    int beside = probe ? atomic_fetch_add(&probes[p][m], 1) : 0;
    if (beside + probe > (int)atomic_load(&most))
        atomic_store(&most, (unsigned)(beside + probe));
    if (sl_rand_next(r) % 4 == 0)
        health_may_repeat(l, 1);
    now = atomic_fetch_add(&clock_ns, 20 * SL_MS);
    const struct lane_sample s = {.outcome = outcomes[sl_rand_next(r) % (sizeof outcomes / sizeof outcomes[0])],
                                  .first_us = (int64_t)(sl_rand_next(r) % 100000),
                                  .between_us = -1,
                                  .wait_ns = -1,
                                  .was_probe = probe,
                                  .random = sl_rand_next(r)};
    if (probe)
        atomic_fetch_sub(&probes[p][m], 1); /* before it is told: the next one may go out at once */
    health_end(l, &s, &u, now);
    atomic_fetch_add(&opened, view.state == HEALTH_DOWN || view.state == HEALTH_PROBE);
}

static void *work(void *arg)
{
    struct sl_rand r;
    sl_rand_seed(&r, (uint64_t)(uintptr_t)arg);
    for (unsigned i = 0; i < ROUNDS; i++)
        ask(&r);
    return NULL;
}

static void count_lane(void *arg, struct sl_str provider, struct sl_str model, const struct health_view *view)
{
    (void)provider;
    (void)model;
    *(unsigned *)arg += view->in_flight;
}

static void count_keys(void *arg, struct sl_str provider, unsigned n, unsigned resting)
{
    (void)provider;
    assert_true(resting <= n);
    *(unsigned *)arg += n;
}

/* What a reload does, and what metrics look at. */
static void *reload(void *arg)
{
    static const unsigned accounts[KEYS] = {0, 0, 1};
    struct health_key *keys[KEYS];
    for (unsigned i = 0; !atomic_load(&over); i++) {
        unsigned n = 0;
        char name[16];
        snprintf(name, sizeof name, "new-%u", i % 50);
        assert_non_null(health_lane_of(board, provider_of(i % PROVIDERS), sl_str_c(name)));
        keys_of(i % PROVIDERS, keys);
        health_keys_share(board, keys, KEYS, accounts);
        health_forgive_accounts(board);
        health_each(board, atomic_load(&clock_ns), count_lane, &n);
        health_keys_each(board, atomic_load(&clock_ns), count_keys, &n);
    }
    return arg;
}

static void workers_and_reloads(void **state)
{
    pthread_t t[THREADS], other;
    unsigned in_flight = 0;
    (void)state;
    board = health_board_new();
    assert_int_equal(pthread_create(&other, NULL, reload, NULL), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, work, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    atomic_store(&over, true);
    pthread_join(other, NULL);
    health_each(board, atomic_load(&clock_ns), count_lane, &in_flight);
    assert_int_equal(in_flight, 0);
    assert_true(atomic_load(&opened) > 0); /* else nothing was shown */
    assert_int_equal(atomic_load(&most), 1);
    health_board_free(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(workers_and_reloads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
