/* The timer wheel against a plain table of due times: random arms, cancels and jumps of the clock across all its levels,
 * also from inside the timers that fire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "loop/net.h"

enum {
    TIMERS = 60
};

static int64_t now_of(struct sl_loop *l)
{
    return l->now_ns;
}
static const struct sl_net_ops no_net = {.now = now_of, .wall = now_of};

struct one {
    struct sl_timer timer;
    int64_t due_ns; /* SL_NEVER: not armed */
    unsigned fired;
};

static struct sl_loop loop;
static struct one ones[TIMERS];
static struct sl_rand rnd;
static int64_t before_ns; /* the clock before the advance that runs */
static int64_t last_tick;
static unsigned nested;

/* Distances up to each level's span, at its borders, and beyond the whole wheel. */
static int64_t a_distance(void)
{
    static const int64_t spans_ms[] = {
        1, 63, 64, 65, 4095, 4096, 262144, 16777216, 1073741823, 1073741824, INT64_C(5000000000)};
    int64_t span = spans_ms[sl_rand_below(&rnd, sizeof spans_ms / sizeof spans_ms[0])] * SL_MS;
    int64_t d = sl_rand_below(&rnd, 2) == 0 ? span : (int64_t)sl_rand_below(&rnd, (uint64_t)span + 1);
    return d + (int64_t)sl_rand_below(&rnd, 3) - 1;
}

static void arm(struct one *o)
{
    o->due_ns = loop.now_ns + a_distance() - (sl_rand_below(&rnd, 10) == 0 ? SL_SEC : 0); /* also what is past */
    sl_timer_arm(&loop, &o->timer, o->due_ns);
}

static void cancel(struct one *o)
{
    o->due_ns = SL_NEVER;
    sl_timer_cancel(&loop, &o->timer);
}

static void on_fire(struct sl_timer *t)
{
    struct one *o = SL_CONTAINER_OF(t, struct one, timer);
    assert_true(o->due_ns != SL_NEVER); /* not cancelled, and once only */
    assert_true(loop.now_ns >= o->due_ns);
    /* the tick in which it fires: its own, or the next one when it was past when it was armed */
    int64_t tick = o->due_ns <= 0 ? 0 : (o->due_ns + SL_MS - 1) / SL_MS;
    if (tick > before_ns / SL_MS) {
        assert_true(tick >= last_tick); /* in order */
        last_tick = tick;
    }
    assert_false(sl_timer_is_armed(t));
    o->due_ns = SL_NEVER;
    o->fired++;
    if (nested > 3000)
        return;
    nested++;
    switch (sl_rand_below(&rnd, 6)) {
    case 0: /* from now on the order holds no more: what was armed late may be past */
        o->due_ns = loop.now_ns + a_distance();
        sl_timer_arm(&loop, &o->timer, o->due_ns);
        break;
    case 1:
        cancel(&ones[sl_rand_below(&rnd, TIMERS)]);
        break;
    case 2:
        arm(&ones[sl_rand_below(&rnd, TIMERS)]);
        break;
    default:
        break;
    }
}

static void check(void)
{
    int64_t first = SL_NEVER;
    uint64_t armed = 0;
    for (int i = 0; i < TIMERS; i++) {
        assert_int_equal(sl_timer_is_armed(&ones[i].timer), ones[i].due_ns != SL_NEVER);
        armed += ones[i].due_ns != SL_NEVER;
        if (ones[i].due_ns < first)
            first = ones[i].due_ns;
    }
    assert_int_equal(loop.wheel.n, armed);
    int64_t next = sl_wheel_next_ns(&loop.wheel);
    if (armed == 0) {
        assert_true(next == SL_NEVER);
        return;
    }
    assert_true(next / SL_MS > loop.wheel.tick); /* a look in the future, and not later than the first needs */
    int64_t first_tick = (first + SL_MS - 1) / SL_MS;
    assert_true(next / SL_MS <= (first_tick > loop.wheel.tick ? first_tick : loop.wheel.tick + 1));
}

static void advance(int64_t to_ns)
{
    int64_t cut = to_ns / SL_MS;
    bool was_due[TIMERS];
    unsigned fired[TIMERS];
    for (int i = 0; i < TIMERS; i++) {
        int64_t tick = (ones[i].due_ns == SL_NEVER) ? INT64_MAX : (ones[i].due_ns + SL_MS - 1) / SL_MS;
        was_due[i] = tick <= cut && cut > loop.wheel.tick;
        fired[i] = ones[i].fired;
    }
    nested = sl_rand_below(&rnd, 2) == 0
                 ? 0
                 : 100000; /* half of the time the timers do nothing: then all that was due must fire */
    bool quiet = nested > 3000;
    before_ns = loop.now_ns;
    last_tick = 0;
    loop.now_ns = to_ns;
    sl_wheel_advance(&loop.wheel, to_ns);
    for (int i = 0; quiet && i < TIMERS; i++)
        assert_int_equal(ones[i].fired - fired[i], was_due[i]);
    assert_int_equal(loop.wheel.tick, cut);
}

static void test_against_a_table(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        sl_rand_seed(&rnd, seed);
        int64_t start = seed % 3 == 0 ? 0 : (int64_t)sl_rand_below(&rnd, UINT64_C(1) << 50);
        sl_loop_init_bare(&loop, &no_net, NULL, start, seed);
        for (int i = 0; i < TIMERS; i++) {
            sl_timer_init(&ones[i].timer, on_fire);
            ones[i].due_ns = SL_NEVER;
        }
        for (int i = 0; i < 1500; i++) {
            struct one *o = &ones[sl_rand_below(&rnd, TIMERS)];
            switch (sl_rand_below(&rnd, 8)) {
            case 0:
            case 1:
            case 2:
                arm(o);
                break;
            case 3:
                cancel(o);
                break;
            case 4: /* as a loop does: from look to look */
                for (int k = 0; k < 20 && sl_wheel_next_ns(&loop.wheel) != SL_NEVER; k++)
                    advance(sl_wheel_next_ns(&loop.wheel));
                break;
            default:
                advance(loop.now_ns +
                        (sl_rand_below(&rnd, 3) == 0 ? a_distance() + 1 : (int64_t)sl_rand_below(&rnd, 5 * SL_MS)));
                break;
            }
            check();
        }
    }
}

static unsigned count;
static void on_count(struct sl_timer *t)
{
    (void)t;
    count++;
}

/* Never early, at most a tick late, at each distance. */
static void test_exactness(void **state)
{
    (void)state;
    for (int64_t d = 1; d < INT64_C(4000) * 1000 * SL_SEC; d = d * 3 + 1) {
        struct sl_timer t;
        sl_loop_init_bare(&loop, &no_net, NULL, 12345678, 0);
        sl_timer_init(&t, on_count);
        sl_timer_arm(&loop, &t, 12345678 + d);
        count = 0;
        int64_t due = 12345678 + d, at = 0;
        while (count == 0) {
            at = sl_wheel_next_ns(&loop.wheel);
            assert_true(at != SL_NEVER);
            loop.now_ns = at;
            sl_wheel_advance(&loop.wheel, at);
        }
        assert_true(at >= due && at < due + SL_MS);
        assert_int_equal(count, 1);
    }
}

/* However far away: one look, at its time. */
static void test_one_look_per_timer(void **state)
{
    (void)state;
    for (int64_t d = SL_MS; d < INT64_C(1000000) * SL_SEC; d = d * 2 + 7 * SL_MS) {
        struct sl_timer t;
        sl_loop_init_bare(&loop, &no_net, NULL, 12345678, 0);
        sl_timer_init(&t, on_count);
        count = 0;
        for (unsigned i = 1; i <= 5; i++) {
            sl_timer_arm(&loop, &t, loop.now_ns + d);
            loop.now_ns = sl_wheel_next_ns(&loop.wheel);
            sl_wheel_advance(&loop.wheel, loop.now_ns);
            assert_int_equal(count, i);
        }
        assert_true(sl_wheel_next_ns(&loop.wheel) == SL_NEVER);
    }
}

static void test_odd_times(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MIN, -1, 0, 1, SL_NEVER - 1, SL_NEVER - SL_MS};
    sl_loop_init_bare(&loop, &no_net, NULL, 5 * SL_SEC, 0);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct sl_timer t;
        sl_timer_init(&t, on_count);
        count = 0;
        sl_timer_arm(&loop, &t, times[i]);
        assert_true(sl_timer_is_armed(&t));
        loop.now_ns += SL_SEC;
        sl_wheel_advance(&loop.wheel, loop.now_ns);
        assert_int_equal(count, times[i] < 5 * SL_SEC);
        sl_timer_arm(&loop, &t, SL_NEVER); /* cancels */
        assert_false(sl_timer_is_armed(&t));
        sl_timer_cancel(&loop, &t);
        assert_int_equal(loop.wheel.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_table),
        cmocka_unit_test(test_exactness),
        cmocka_unit_test(test_one_look_per_timer),
        cmocka_unit_test(test_odd_times),
    };
    return cmocka_run_group_tests_name("loop timer", tests, NULL, NULL);
}
