/* The cell of a token: who fetches, who waits, what is told when. Time is passed in. */
#include "provider/token.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static struct sl_arena arena;
static struct token_cell *cell;
static int one, two; /* who asks */

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    cell = token_cell_new(77);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    token_cell_unref(cell);
    sl_arena_done(&arena);
    return 0;
}

static struct token_asked ask_as(void *who, int64_t now_s, uint64_t waited)
{
    struct token_asked said;
    token_cell_ask(cell, &(struct token_ask){.now_ns = now_s * SL_SEC, .who = who, .waited = waited, .a = &arena},
                   &said);
    return said;
}

static struct token_asked ask(int64_t now_s)
{
    return ask_as(&one, now_s, 0);
}

static struct token_waiters got(const char *token, int64_t life_s, int64_t now_s)
{
    struct token_waiters w;
    token_cell_got(cell, sl_str_c(token), life_s * SL_SEC, now_s * SL_SEC, 0, &w);
    return w;
}

static struct token_waiters failed(int why, int64_t now_s)
{
    struct token_waiters w;
    token_cell_failed(cell, why, now_s * SL_SEC, UINT64_MAX, &w);
    return w;
}

static void is_ready(struct token_asked said, const char *authorization, bool fetch)
{
    assert_int_equal(said.say, TOKEN_READY);
    assert_int_equal(said.fetch, fetch);
    assert_true(sl_str_eq(said.authorization, sl_str_c(authorization)));
}

static void is_waiting(struct token_asked said, bool fetch)
{
    assert_int_equal(said.say, TOKEN_WAIT);
    assert_int_equal(said.fetch, fetch);
}

static void is_failed(struct token_asked said, int why)
{
    assert_int_equal(said.say, TOKEN_FAILED);
    assert_false(said.fetch);
    assert_int_equal(said.failure, why);
}

static void test_first(void **state)
{
    (void)state;
    assert_int_equal(token_cell_identity(cell), 77);
    struct token_asked said = ask(0);
    is_waiting(said, true);
    is_waiting(ask(0), false);
    is_waiting(ask_as(&two, 1, 0), false);
    is_waiting(ask_as(&two, 1, said.number), false);
    struct token_waiters w = got("t1", 3600, 2);
    assert_int_equal(w.n, 2);
    assert_ptr_equal(w.v[0], &one);
    assert_ptr_equal(w.v[1], &two);
    is_ready(ask(2), "Bearer t1", false);
    is_ready(ask(2 + 2699), "Bearer t1", false); /* 75 per cent */
}

static void test_renewal(void **state)
{
    (void)state;
    ask(0);
    got("t1", 1000, 0);
    is_ready(ask(749), "Bearer t1", false);
    is_ready(ask(751), "Bearer t1", true);
    is_ready(ask(752), "Bearer t1", false); /* somebody is at it */
    assert_int_equal(failed(5, 753).n, 0);
    is_ready(ask(753), "Bearer t1", false); /* the old one goes on, and the endpoint has peace for a moment */
    is_ready(ask(755), "Bearer t1", true);
    failed(5, 756);
    is_ready(ask(989), "Bearer t1", true); /* 10 seconds before its end it is over */
    is_waiting(ask(990), false);
    assert_int_equal(failed(6, 991).n, 1);
    is_failed(ask(992), 6);
    is_waiting(ask(992 + 60), true);
    got("t2", 1000, 1060);
    is_ready(ask(1060), "Bearer t2", false);
}

/* 1, 2, 4 ... 60 seconds at most; with this randomness exactly. */
static void test_back_off(void **state)
{
    (void)state;
    static const int64_t waits[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    int64_t now = 0;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        is_waiting(ask(now), true);
        assert_int_equal(failed((int)i, now).n, 1);
        is_failed(ask(now), (int)i);
        if (waits[i] > 1)
            is_failed(ask(now + waits[i] - 1), (int)i);
        now += waits[i];
    }
    is_waiting(ask(now), true);
    got("t", 100, now);
    is_ready(ask(now + 89), "Bearer t", true);
    failed(1, now + 89); /* a success in between: counted from one again */
    is_ready(ask(now + 89), "Bearer t", false);
    is_waiting(ask(now + 91), true);
}

/* Who has waited for a fetch that failed is told so, however late, and begins no other. */
static void test_waited(void **state)
{
    (void)state;
    uint64_t fetch = ask(0).number;
    failed(9, 1);
    is_failed(ask_as(&one, 500, fetch), 9);
    struct token_asked said = ask_as(&two, 500, 0);
    is_waiting(said, true);
    is_failed(ask_as(&one, 500, fetch), 9);
    is_waiting(ask_as(&one, 500, said.number), false);
}

static void test_left(void **state)
{
    (void)state;
    struct token_waiters w;
    uint64_t fetch = ask(0).number;
    ask_as(&two, 0, 0);
    token_cell_left(cell, &w);
    assert_int_equal(w.n, 2);
    is_waiting(ask_as(&two, 0, fetch), true); /* no failure, no back-off */
    got("t", 100, 1);
}

static void test_refused(void **state)
{
    (void)state;
    ask(0);
    got("t1", 3600, 0);
    uint64_t number = ask(1).number;
    assert_true(token_cell_refused(cell, number, 1 * SL_SEC));
    assert_true(token_cell_refused(cell, number, 1 * SL_SEC)); /* dropped already */
    is_waiting(ask(1), true);
    got("t2", 3600, 1);
    assert_true(token_cell_refused(cell, number, 1 * SL_SEC)); /* an old one: the new one stays */
    is_ready(ask(2), "Bearer t2", false);
    number = ask(2).number;
    assert_false(token_cell_refused(cell, number, 3 * SL_SEC)); /* too soon: it is not the token's fault */
    is_ready(ask(3), "Bearer t2", false);
    assert_true(token_cell_refused(cell, number, 11 * SL_SEC));
    is_waiting(ask(11), true);
    got("t3", 3600, 12);
}

static void test_short_lives(void **state)
{
    (void)state;
    struct token_waiters w;
    ask(0);
    token_cell_got(cell, SL_STR("t"), 1, 0, 0, &w); /* a nanosecond */
    is_waiting(ask(1), true);
    token_cell_got(cell, SL_STR("t"), 10 * SL_SEC, SL_SEC, UINT64_MAX, &w);
    is_ready(ask(8), "Bearer t", false);
    is_ready(ask(9), "Bearer t", true);
    is_waiting(ask(10), false);
    got("u", 86400, 10);
    is_ready(ask(86000 / 2), "Bearer u", false);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 2000

static _Atomic int fetchers, fetches;

static void *hammer(void *arg)
{
    struct sl_arena a;
    struct token_waiters w;
    sl_arena_init(&a, NULL);
    for (int64_t i = 0; i < ROUNDS; i++) {
        struct token_asked said;
        int64_t now = i * SL_SEC / 10;
        token_cell_ask(cell, &(struct token_ask){.now_ns = now, .who = arg, .a = &a}, &said);
        if (said.say == TOKEN_READY && !sl_str_starts(said.authorization, SL_STR("Bearer t")))
            fetches = -1000000;
        if (!said.fetch)
            continue;
        if (atomic_fetch_add(&fetchers, 1) != 0)
            fetches = -1000000; /* two at once */
        atomic_fetch_add(&fetches, 1);
        atomic_fetch_sub(&fetchers, 1);
        if (i % 7 == 0)
            token_cell_failed(cell, 1, now, 0, &w);
        else
            token_cell_got(cell, SL_STR("t"), 20 * SL_SEC, now, 0, &w);
        if (i % 64 == 0)
            sl_arena_reset(&a);
    }
    sl_arena_done(&a);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t t[THREADS];
    static char who[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hammer, &who[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    assert_in_range(fetches, 1, THREADS * ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_renewal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_back_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_waited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_short_lives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("provider/token", tests, NULL, NULL);
}
