/* The breaker, its windows and sketches; the board that lanes share. Time is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "upstream/health.h"

#define T0 (1000 * SL_SEC)

static bool ends(struct lane *l, enum outcome o, int64_t now)
{
    bool probe = lane_begin(l, now);
    return lane_end(l,
                    &(struct lane_sample){.outcome = o,
                                          .first_us = -1,
                                          .between_us = -1,
                                          .wait_ns = -1,
                                          .was_probe = probe,
                                          .random = UINT64_MAX / 2},
                    now);
}

/* Where it trips: 3/5, 5/10, 8/20, 19/60, 28/100, and not one failure earlier. */
static void test_bound(void **state)
{
    (void)state;
    static const struct {
        uint32_t bad, n;
    } rows[] = {{3, 5}, {5, 10}, {8, 20}, {19, 60}, {28, 100}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(lane_lower_bound(rows[i].bad, rows[i].n) > 2000);
        assert_false(lane_lower_bound(rows[i].bad - 1, rows[i].n) > 2000 && rows[i].n > 5);
        struct lane *l = sl_calloc(1, sizeof *l);
        int64_t now = T0;
        for (uint32_t k = 0; k < rows[i].n - rows[i].bad; k++, now += 100 * SL_MS)
            assert_false(ends(l, OUT_OK, now));
        uint32_t k = 0;
        while (k < rows[i].bad && !ends(l, OUT_SERVER_ERROR, now)) {
            k++;
            now += 30 * SL_MS;
        }
        assert_true(k < rows[i].bad); /* by the minute's rule, or sooner by that of ten seconds */
        assert_int_equal(lane_state_at(l, now), LANE_OPEN);
        sl_free(l);
    }
}

/* Open for a while, one probe at a time, three good ones close; a bad one opens for twice as long. */
static void test_half_open(void **state)
{
    (void)state;
    struct lane *l = sl_calloc(1, sizeof *l);
    int64_t now = T0;
    while (!ends(l, OUT_CONNECT_REFUSED, now))
        now += 200 * SL_MS;
    assert_true(now - T0 <= SL_SEC);
    int64_t hold = l->open_until_ns - now;
    assert_true(hold >= 2 * SL_SEC && hold <= 8 * SL_SEC);
    assert_int_equal(lane_state_at(l, now + hold - 1), LANE_OPEN);
    now += hold;
    assert_int_equal(lane_state_at(l, now), LANE_HALF_OPEN);
    assert_true(lane_begin(l, now));
    assert_false(lane_begin(l, now)); /* one at a time */
    assert_true(lane_end(l,
                         &(struct lane_sample){.outcome = OUT_RESET,
                                               .was_probe = true,
                                               .wait_ns = -1,
                                               .first_us = -1,
                                               .between_us = -1,
                                               .random = UINT64_MAX / 2},
                         now));
    assert_true(l->open_until_ns - now > hold + hold / 2);
    now = l->open_until_ns;
    assert_false(ends(l, OUT_OK, now));
    assert_false(ends(l, OUT_RATE_LIMITED, now)); /* neither good nor bad */
    assert_false(ends(l, OUT_OK, now));
    assert_int_equal(lane_state_at(l, now), LANE_HALF_OPEN);
    assert_false(ends(l, OUT_OK, now));
    assert_int_equal(lane_state_at(l, now), LANE_CLOSED);
    uint32_t weak = lane_health(l, now + SL_SEC), strong = lane_health(l, now + 40 * SL_SEC);
    assert_true(weak < strong / 5 && strong > LANE_Q16 * 9 / 10);
    sl_free(l);
}

/* A probe that never comes back is given up; the wait a provider asked for counts, nonsense does not. */
static void test_lost_probe_and_waits(void **state)
{
    (void)state;
    struct lane *l = sl_calloc(1, sizeof *l);
    int64_t now = T0;
    while (!ends(l, OUT_OVERLOADED, now))
        now += 200 * SL_MS;
    now = l->open_until_ns;
    assert_true(lane_begin(l, now));
    now += 61 * SL_SEC;
    assert_int_equal(lane_state_at(l, now), LANE_HALF_OPEN);
    assert_true(lane_begin(l, now));
    sl_free(l);
    l = sl_calloc(1, sizeof *l);
    lane_begin(l, T0);
    lane_end(
        l, &(struct lane_sample){.outcome = OUT_RATE_LIMITED, .wait_ns = 7 * SL_SEC, .first_us = -1, .between_us = -1},
        T0);
    assert_true(l->blocked_until_ns == T0 + 7 * SL_SEC);
    for (int i = 0; i < 20; i++) { /* without a time: drawn, and bounded */
        lane_begin(l, T0);
        lane_end(
            l,
            &(struct lane_sample){
                .outcome = OUT_RATE_LIMITED, .wait_ns = -1, .first_us = -1, .between_us = -1, .random = UINT64_MAX},
            T0);
    }
    assert_true(l->blocked_until_ns <= T0 + 61 * SL_SEC);
    assert_int_equal(lane_state_at(l, T0), LANE_CLOSED);
    for (int i = 0; i < 1000; i++)
        assert_false(ends(l, OUT_CLIENT_FAULT, T0)); /* the caller's fault is nobody else's */
    sl_free(l);
}

/* Random failures of a healthy target: a day of requests does not open it. A dead one is found within 4 s at 1 request per second. */
static void test_false_opens(void **state)
{
    (void)state;
    struct sl_rand r;
    unsigned opens = 0;
    sl_rand_seed(&r, 7);
    struct lane *l = sl_calloc(1, sizeof *l);
    for (int64_t now = T0; now < T0 + 86400 * SL_SEC; now += SL_SEC)
        opens += ends(l, sl_rand_below(&r, 100) == 0 ? OUT_SERVER_ERROR : OUT_OK, now);
    assert_int_equal(opens, 0);
    int64_t now = T0 + 86400 * SL_SEC, began = now;
    while (!ends(l, OUT_CONNECT_TIMEOUT, now))
        now += SL_SEC;
    if (now - began > 10 * SL_SEC)
        fail_msg("found after %lld ms", (long long)((now - began) / SL_MS));
    sl_free(l);
}

static void test_clock_jumps(void **state)
{
    (void)state;
    struct lane *l = sl_calloc(1, sizeof *l);
    static const int64_t nows[] = {T0, T0 - 100 * SL_SEC, T0 + 1000 * SL_SEC, 5, T0 + 86400 * SL_SEC, T0};
    for (unsigned round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof nows / sizeof nows[0]; i++)
            assert_false(ends(l, OUT_OK, nows[i]));
    assert_int_equal(lane_state_at(l, T0), LANE_CLOSED);
    sl_free(l);
}

/* What each outcome says of its target, and of the provider as a whole. */
static void test_effects(void **state)
{
    (void)state;
    static const struct {
        enum outcome o;
        enum lane_effect effect;
        bool of_place;
    } rows[] = {
        {OUT_OK, LANE_GOOD, false},
        {OUT_CLIENT_FAULT, LANE_NOTHING, false},
        {OUT_CONTEXT_OVERFLOW, LANE_NOTHING, false},
        {OUT_CONTENT_FILTER, LANE_NOTHING, false},
        {OUT_MODEL_GONE, LANE_MISSING, false},
        {OUT_RATE_LIMITED, LANE_WAIT, false},
        {OUT_QUOTA_EXHAUSTED, LANE_ACCOUNT, false},
        {OUT_BAD_CREDENTIALS, LANE_ACCOUNT, false},
        {OUT_FORBIDDEN, LANE_MISSING, false},
        {OUT_OVERLOADED, LANE_BAD, true},
        {OUT_SERVER_ERROR, LANE_BAD, true},
        {OUT_RESOLVE_FAILED, LANE_BAD, true},
        {OUT_ADDRESS_REFUSED, LANE_NOTHING, false},
        {OUT_CONNECT_REFUSED, LANE_BAD, true},
        {OUT_CONNECT_TIMEOUT, LANE_BAD, true},
        {OUT_PROXY_FAILED, LANE_BAD, true},
        {OUT_TLS_FAILED, LANE_BAD, true},
        {OUT_TLS_TIMEOUT, LANE_BAD, true},
        {OUT_SEND_FAILED, LANE_BAD, false},
        {OUT_SEND_TIMEOUT, LANE_BAD, false},
        {OUT_STALE, LANE_NOTHING, false},
        {OUT_FIRST_BYTE_TIMEOUT, LANE_BAD, true},
        {OUT_BETWEEN_TIMEOUT, LANE_BAD, false},
        {OUT_FIRST_TOKEN_TIMEOUT, LANE_BAD, true},
        {OUT_STALLED, LANE_BAD, false},
        {OUT_TOTAL_TIMEOUT, LANE_NOTHING, false},
        {OUT_RESET, LANE_BAD, false},
        {OUT_TRUNCATED, LANE_BAD, false},
        {OUT_MALFORMED, LANE_BAD, false},
        {OUT_TOO_LARGE, LANE_NOTHING, false},
        {OUT_STREAM_ERROR, LANE_BAD, false},
        {OUT_REDIRECT, LANE_NOTHING, false},
        {OUT_CLIENT_GONE, LANE_NOTHING, false},
        {OUT_CANCELLED, LANE_NOTHING, false},
        {OUT_INTERRUPTED, LANE_NOTHING, false},
    };
    assert_int_equal(sizeof rows / sizeof rows[0], OUT_COUNT);
    for (unsigned i = 0; i < OUT_COUNT; i++) {
        assert_int_equal(rows[i].o, i);
        if (lane_effect_of(rows[i].o) != rows[i].effect || lane_is_of_place(rows[i].o) != rows[i].of_place)
            fail_msg("%s", outcome_row(rows[i].o)->name.p);
    }
}

/* A limit without a time: up to 1, 2, 4 s and so on, until an answer was good. */
static void test_waits_grow(void **state)
{
    (void)state;
    struct lane *l = sl_calloc(1, sizeof *l);
    const struct lane_sample limited = {
        .outcome = OUT_RATE_LIMITED, .first_us = -1, .between_us = -1, .wait_ns = -1, .random = UINT64_MAX};
    int64_t now = T0;
    for (unsigned i = 0; i < 8; i++) {
        int64_t most = i < 6 ? SL_SEC << i : 60 * SL_SEC;
        lane_begin(l, now);
        lane_end(l, &limited, now);
        assert_in_range(l->blocked_until_ns - now, most - 1, most);
        now += 100 * SL_SEC;
    }
    lane_begin(l, now);
    ends(l, OUT_OK, now);
    lane_begin(l, now);
    lane_end(l, &limited, now);
    assert_in_range(l->blocked_until_ns - now, SL_SEC - 1, SL_SEC);
    sl_free(l);
}

static void test_sketch(void **state)
{
    (void)state;
    struct sketch *s = sl_calloc(1, sizeof *s);
    assert_int_equal(sketch_quantile(s, 500), 0);
    for (int i = 1; i <= 1000; i++)
        sketch_add(s, i * 1000, T0);
    static const struct {
        unsigned permille;
        double want;
    } rows[] = {{500, 500e3}, {950, 950e3}, {990, 990e3}};
    for (size_t i = 0; i < 3; i++) {
        double got = sketch_quantile(s, rows[i].permille);
        if (got < rows[i].want * 0.97 || got > rows[i].want * 1.03)
            fail_msg("%u: %.0f", rows[i].permille, got);
    }
    sketch_add(s, 0, T0);
    sketch_add(s, INT64_MAX, T0);
    sketch_add(s, 1, T0 + 61 * SL_SEC); /* the window turns, and both still count */
    assert_int_equal(sketch_count(s), 1003);
    sl_free(s);
}

/* A tail as targets have it: one in fifty takes eight times as long, the others from 200 to 300 ms. */
static int64_t usual_us(struct sl_rand *r)
{
    return (200000 + (int64_t)sl_rand_below(r, 100000)) * (sl_rand_below(r, 50) == 0 ? 8 : 1);
}

/* Twice as slow as usual without failing once: it shows within twenty, is tried again by few, and heals. */
static void test_slow(void **state)
{
    (void)state;
    struct slow s = {0};
    struct sl_rand r;
    int64_t now = T0;
    unsigned n = 0;
    sl_rand_seed(&r, 7);
    for (unsigned i = 0; i < 20000; i++, now += 100 * SL_MS) { /* half an hour of being well, and never a false word */
        slow_add(&s, usual_us(&r), now);
        assert_false(slow_is(&s, now));
    }
    assert_in_range(s.usual_q95_us, 270000, 600000);
    while (!slow_is(&s, now) && n++ < 100)
        slow_add(&s, 3 * usual_us(&r), now += 100 * SL_MS);
    assert_in_range(n, 5, 24);
    assert_true(slow_is(&s, now + 29 * SL_SEC));
    now += 30 * SL_SEC;
    assert_false(slow_is(&s, now));
    for (n = 0; !slow_is(&s, now) && n < 100;
         n++) /* still slow: five are enough to see it, and it is away for longer */
        slow_add(&s, 3 * usual_us(&r), now += 100 * SL_MS);
    assert_int_equal(n, 5);
    assert_true(slow_is(&s, now + 59 * SL_SEC));
    now += 60 * SL_SEC;
    for (n = 0; n < 200; n++) {
        slow_add(&s, usual_us(&r), now += 100 * SL_MS);
        assert_false(slow_is(&s, now));
    }
    assert_int_equal(s.times, 0);
}

/* The only target is asked all the same: that brings it back before its time. One that stays slow becomes usual in the end. A few
 * milliseconds are nothing. */
static void test_slow_for_long(void **state)
{
    (void)state;
    struct slow s = {0};
    int64_t now = T0;
    unsigned found = 0;
    for (unsigned i = 0; i < 100; i++)
        slow_add(&s, 400000, now += SL_SEC);
    for (unsigned i = 0; !slow_is(&s, now) && i < 100; i++)
        slow_add(&s, 1200000, now += 100 * SL_MS);
    assert_true(slow_is(&s, now));
    for (unsigned i = 0; i < 20; i++)
        slow_add(&s, 400000, now += 100 * SL_MS);
    assert_false(slow_is(&s, now));
    for (unsigned hours = 0; hours < 4; hours++)
        for (unsigned i = 0; i < 3600; i += 10) {
            bool was = slow_is(&s, now);
            if (!was)
                slow_add(&s, 1200000, now);
            found += !was && slow_is(&s, now);
            now += 10 * SL_SEC;
        }
    assert_in_range(found, 3, 40);
    assert_false(slow_is(&s, now));
    assert_true(s.usual_q95_us > 600000);
    struct slow quick = {0};
    for (unsigned i = 0; i < 200; i++)
        slow_add(&quick, 2000, now += SL_SEC);
    for (unsigned i = 0; i < 200; i++)
        slow_add(&quick, 40000, now += SL_SEC);
    assert_false(slow_is(&quick, now));
    for (unsigned i = 0; i < 10; i++)
        slow_add(&quick, i % 2 == 0 ? -1 : INT64_MAX, now -= SL_SEC); /* nonsense, and a clock that goes back */
}

static enum health_state state_of(struct health_lane *l, int64_t now)
{
    struct health_view v;
    health_see(l, NULL, now, &v);
    return v.state;
}

/* A slow lane is behind the others, whatever else it does. */
static void test_board_slow(void **state)
{
    (void)state;
    struct health_board *b = health_board_new();
    struct health_lane *l = health_lane_of(b, SL_STR("p"), SL_STR("m"));
    int64_t now = T0;
    for (unsigned i = 0; i < 150; i++, now += SL_SEC) {
        bool probe = health_begin(l, NULL, now, NULL);
        const struct lane_sample s = {.outcome = OUT_OK,
                                      .first_us = i < 100 ? 300000 : 900000,
                                      .between_us = -1,
                                      .wait_ns = -1,
                                      .was_probe = probe};
        health_end(l, &s, NULL, now);
        if (i == 99)
            assert_int_equal(state_of(l, now), HEALTH_UP);
        if (i == 124)
            assert_int_equal(state_of(l, now), HEALTH_SLOW);
    }
    health_board_free(b);
}

static void test_budget(void **state)
{
    (void)state;
    struct lane *l = sl_calloc(1, sizeof *l);
    lane_begin(l, T0);
    unsigned n = 0;
    while (lane_may_repeat(l, 1))
        n++;
    assert_int_equal(n, 10);
    for (int i = 0; i < 11; i++)
        lane_begin(l, T0);
    assert_true(lane_may_repeat(l, 2));
    assert_false(lane_may_repeat(l, 1));
    sl_free(l);
}

static void board_ends(struct health_lane *l, enum outcome o, int64_t now)
{
    bool probe = health_begin(l, NULL, now, NULL);
    health_end(l,
               &(struct lane_sample){.outcome = o,
                                     .first_us = -1,
                                     .between_us = -1,
                                     .wait_ns = -1,
                                     .was_probe = probe,
                                     .random = UINT64_MAX / 2},
               NULL, now);
}

/* Two lanes of one provider go down together: the third rests, too; another provider does not. A refused key rests the account. */
static void test_board(void **state)
{
    (void)state;
    struct health_board *b = health_board_new();
    struct health_lane *a = health_lane_of(b, SL_STR("p"), SL_STR("a")),
                       *c = health_lane_of(b, SL_STR("p"), SL_STR("c"));
    struct health_lane *d = health_lane_of(b, SL_STR("p"), SL_STR("d")),
                       *other = health_lane_of(b, SL_STR("q"), SL_STR("a"));
    struct health_lane *any = health_lane_of(b, SL_STR("q"), SL_STR_NONE);
    assert_ptr_equal(health_lane_of(b, SL_STR("p"), SL_STR("a")), a);
    board_ends(d, OUT_OK, T0);
    board_ends(other, OUT_OK, T0);
    for (int64_t now = T0; now < T0 + 2 * SL_SEC; now += 200 * SL_MS)
        board_ends(a, OUT_CONNECT_REFUSED, now);
    assert_int_equal(state_of(a, T0 + 2 * SL_SEC), HEALTH_DOWN);
    board_ends(c, OUT_OK, T0);
    for (int64_t now = T0; now < T0 + 2 * SL_SEC; now += 200 * SL_MS)
        board_ends(c, OUT_CONNECT_REFUSED, now);
    assert_int_equal(state_of(d, T0 + 2 * SL_SEC), HEALTH_DOWN);
    assert_int_equal(state_of(other, T0 + 2 * SL_SEC), HEALTH_UP);
    assert_true(state_of(d, T0 + 60 * SL_SEC) < HEALTH_BLOCKED); /* not for ever */
    for (int i = 0; i < 50; i++)
        board_ends(any, OUT_MODEL_GONE, T0); /* some name that a caller made up */
    assert_int_equal(state_of(any, T0), HEALTH_UP);
    board_ends(other, OUT_MODEL_GONE, T0);
    assert_int_equal(state_of(other, T0), HEALTH_BLOCKED);
    board_ends(any, OUT_BAD_CREDENTIALS, T0);
    assert_int_equal(state_of(any, T0), HEALTH_BLOCKED);
    health_forgive_accounts(b);
    assert_int_equal(state_of(any, T0), HEALTH_UP);
    assert_true(health_try_anyway(a, T0));
    assert_false(health_try_anyway(a, T0 + SL_SEC / 2));
    assert_true(health_try_anyway(a, T0 + SL_SEC));
    health_board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_lost_probe_and_waits),
        cmocka_unit_test(test_false_opens),
        cmocka_unit_test(test_clock_jumps),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_waits_grow),
        cmocka_unit_test(test_sketch),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_slow_for_long),
        cmocka_unit_test(test_board_slow),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_board),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
