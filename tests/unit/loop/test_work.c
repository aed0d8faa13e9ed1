/* Work beside the loop: it runs on another thread, its end is told on the loop's; without libuv all of it is here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "loop/work.h"

#define MANY 64u

static struct sl_loop loop;
static unsigned n_done;

struct job {
    struct sl_work work;
    pthread_t ran_on, done_on;
    unsigned ran, done;
};

static void run(struct sl_work *w)
{
    struct job *j = SL_CONTAINER_OF(w, struct job, work);
    j->ran_on = pthread_self();
    j->ran++;
}

static void done(struct sl_work *w)
{
    struct job *j = SL_CONTAINER_OF(w, struct job, work);
    j->done_on = pthread_self();
    j->done++;
    if (++n_done == MANY)
        sl_loop_stop(&loop);
}

static void beside_the_loop(void **state)
{
    static struct job jobs[MANY];
    struct sl_fail fail;
    (void)state;
    n_done = 0;
    assert_int_equal(sl_loop_init(&loop, &fail), SL_OK);
    for (unsigned i = 0; i < MANY; i++) {
        jobs[i] = (struct job){.work = {.run = run, .done = done}};
        sl_work_start(&loop, &jobs[i].work);
        assert_int_equal(jobs[i].done, 0);
    }
    sl_loop_run(&loop);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(jobs[i].ran, 1);
        assert_int_equal(jobs[i].done, 1);
        assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
        assert_true(pthread_equal(jobs[i].done_on, pthread_self()));
    }
    sl_loop_done(&loop);
}

/* Nobody is left who would run the loop: its end waits for what is under way. */
static void told_at_the_end(void **state)
{
    static struct job j;
    struct sl_fail fail;
    (void)state;
    n_done = 0;
    j = (struct job){.work = {.run = run, .done = done}};
    assert_int_equal(sl_loop_init(&loop, &fail), SL_OK);
    sl_work_start(&loop, &j.work);
    sl_loop_done(&loop);
    assert_int_equal(j.ran, 1);
    assert_int_equal(j.done, 1);
}

static void without_threads(void **state)
{
    static struct job j;
    (void)state;
    n_done = 0;
    j = (struct job){.work = {.run = run, .done = done}};
    sl_loop_init_bare(&loop, NULL, NULL, 0, 1);
    sl_work_start(&loop, &j.work);
    assert_int_equal(j.ran, 1);
    assert_int_equal(j.done, 0);
    sl_loop_drain(&loop);
    assert_int_equal(j.done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beside_the_loop), cmocka_unit_test(told_at_the_end),
                                       cmocka_unit_test(without_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
