/* The turn: tasks, the end of objects, timers on the real clock, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loop/loop.h"

static char said[64];
static size_t n_said;
static struct sl_loop loop;

static void say(char c)
{
    assert_true(n_said < sizeof said - 1);
    said[n_said++] = c;
    said[n_said] = 0;
}

static struct sl_task a, b, again;
static struct sl_ended dead, dead_too;
static unsigned left;

static void on_free_too(struct sl_ended *e)
{
    (void)e;
    say('F');
}

static void on_free(struct sl_ended *e)
{
    (void)e;
    say('f');
    sl_task_post(&loop, &b); /* freeing may post work */
}

static void on_a(struct sl_task *t)
{
    (void)t;
    say('a');
    sl_task_post(&loop, &b);
    sl_task_post(&loop, &b); /* posting what is posted does nothing */
    sl_end(&loop, &dead, on_free);
    say('A'); /* nothing ran inside */
}

static void on_b(struct sl_task *t)
{
    (void)t;
    say('b');
}

static void on_again(struct sl_task *t)
{
    say('r');
    if (--left > 0)
        sl_task_post(&loop, t);
    else
        sl_end(&loop, &dead_too, on_free_too);
}

static void begin(void)
{
    n_said = 0;
    said[0] = 0;
    sl_task_init(&a, on_a);
    sl_task_init(&b, on_b);
    sl_task_init(&again, on_again);
}

static void test_order(void **state)
{
    (void)state;
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    begin();
    sl_task_post(&loop, &a);
    sl_loop_drain(&loop);
    assert_string_equal(said, "aAbfb");
    n_said = 0;
    left = 3;
    sl_task_post(&loop, &again);
    sl_loop_drain(&loop);
    assert_string_equal(said, "rrrF");
    n_said = 0;
    said[0] = 0;
    sl_task_post(&loop, &a);
    sl_task_cancel(&a);
    sl_task_cancel(&a);
    sl_loop_drain(&loop);
    assert_string_equal(said, "");
    sl_loop_done(&loop);
}

static struct sl_timer timers[3];
static int64_t due[3], fired_at[3];
static unsigned n_fired;

static void on_timer(struct sl_timer *t)
{
    size_t i = (size_t)(t - timers);
    fired_at[i] = sl_loop_now_exact(&loop);
    assert_true(sl_loop_now(&loop) >= due[i]);
    if (++n_fired == 2)
        sl_loop_stop(&loop);
}

static void test_timers_on_the_real_clock(void **state)
{
    (void)state;
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    static const int64_t waits[] = {30 * SL_MS, 5 * SL_MS, 3600 * SL_SEC};
    n_fired = 0;
    for (int i = 0; i < 3; i++) {
        due[i] = sl_loop_now(&loop) + waits[i];
        sl_timer_init(&timers[i], on_timer);
        sl_timer_arm(&loop, &timers[i], due[i]);
    }
    sl_loop_run(&loop);
    assert_int_equal(n_fired, 2);
    assert_true(fired_at[1] >= due[1] && fired_at[0] >= due[0] && fired_at[1] < fired_at[0]);
    assert_true(fired_at[0] - due[0] < SL_MIN); /* a busy machine may be late; the third timer is an hour away */
    assert_true(sl_timer_is_armed(&timers[2]));
    sl_timer_cancel(&loop, &timers[2]);
    sl_loop_done(&loop);
}

/* Wall time is near the system's and moves with the loop's. */
static void test_wall(void **state)
{
    (void)state;
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    int64_t off = sl_loop_wall(&loop) - sl_clock_wall_ns();
    assert_true(off < SL_MIN && off > -SL_MIN);
    int64_t w = sl_loop_wall(&loop);
    loop.now_ns += 5;
    assert_true(sl_loop_wall(&loop) == w + 5);
    sl_loop_done(&loop);
}

/* Work posted from a timer runs before the loop sleeps again, and a loop runs again after it was stopped. */
static void on_stop(struct sl_task *t)
{
    (void)t;
    say('s');
    sl_loop_stop(&loop);
}

static void on_post(struct sl_timer *t)
{
    (void)t;
    sl_task_post(&loop, &a);
}

static void test_run_twice(void **state)
{
    (void)state;
    struct sl_timer t;
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    begin();
    sl_task_init(&a, on_stop);
    sl_timer_init(&t, on_post);
    for (int i = 1; i <= 3; i++) {
        sl_timer_arm(&loop, &t, sl_loop_now_exact(&loop) + SL_MS);
        sl_loop_run(&loop);
        assert_int_equal(n_said, i);
    }
    sl_loop_done(&loop);
}

static int64_t polls[40];
static unsigned ticks;

static void on_tick(struct sl_timer *t)
{
    polls[ticks++] = loop.polls;
    if (ticks < sizeof polls / sizeof polls[0])
        sl_timer_arm(&loop, t, sl_loop_now(&loop) + (70 + ticks) * SL_MS); /* beyond the wheel's first level */
    else
        sl_loop_stop(&loop);
}

/* An idle process wakes up for what is due and for nothing else: not for the wheel's own turning, and never early. */
static void test_one_wake_up_per_timer(void **state)
{
    struct sl_timer t;
    (void)state;
    ticks = 0;
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    sl_timer_init(&t, on_tick);
    sl_timer_arm(&loop, &t, sl_loop_now(&loop) + 70 * SL_MS);
    sl_loop_run(&loop);
    for (unsigned i = 1; i < ticks; i++)
        assert_int_equal(polls[i] - polls[i - 1], 1);
    sl_loop_done(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),     cmocka_unit_test(test_timers_on_the_real_clock), cmocka_unit_test(test_wall),
        cmocka_unit_test(test_run_twice), cmocka_unit_test(test_one_wake_up_per_timer),
    };
    return cmocka_run_group_tests_name("loop turn", tests, NULL, NULL);
}
