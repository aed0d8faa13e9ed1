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

/* ---- slow work ---- */

#define SLOW 10u

struct slow {
    struct sl_work work;
    unsigned turn; /* when it was done, from 1 */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool go;
    unsigned running, most, done;
} slow_ones = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

static void run_slow(struct sl_work *w)
{
    (void)w;
    pthread_mutex_lock(&slow_ones.lock);
    slow_ones.running++;
    slow_ones.most = slow_ones.running > slow_ones.most ? slow_ones.running : slow_ones.most;
    while (!slow_ones.go)
        pthread_cond_wait(&slow_ones.change, &slow_ones.lock);
    slow_ones.running--;
    pthread_mutex_unlock(&slow_ones.lock);
}

static void slow_done(struct sl_work *w)
{
    SL_CONTAINER_OF(w, struct slow, work)->turn = ++slow_ones.done;
}

/* A disk that stands still holds up no other work, however many wait for it; and the loop's end waits for all of them. */
static void slow_work(void **state)
{
    static struct slow slow[SLOW];
    static struct job quick;
    struct sl_fail fail;
    (void)state;
    assert_int_equal(sl_loop_init(&loop, &fail), SL_OK);
    for (unsigned i = 0; i < SLOW; i++) {
        slow[i] = (struct slow){.work = {.run = run_slow, .done = slow_done}};
        sl_work_start_slow(&loop, &slow[i].work);
    }
    quick = (struct job){.work = {.run = run, .done = done}};
    n_done = MANY - 1; /* the next one stops the loop */
    sl_work_start(&loop, &quick.work);
    sl_loop_run(&loop);
    assert_int_equal(quick.done, 1);
    assert_int_equal(slow_ones.done, 0);
    pthread_mutex_lock(&slow_ones.lock);
    slow_ones.go = true;
    pthread_cond_broadcast(&slow_ones.change);
    pthread_mutex_unlock(&slow_ones.lock);
    sl_loop_done(&loop);
    assert_int_equal(slow_ones.done, SLOW);
    assert_in_range(slow_ones.most, 1, SL_WORK_SLOW);
    for (unsigned i = 0; i < SLOW; i++)
        assert_in_range(slow[i].turn, i > 0 ? i : 1,
                        SLOW); /* begun in the order in which they came; one may take longer */
}

/* Without threads it may take its time, and is done at the loop's end if it has not come to that. */
static void late_work(void **state)
{
    static struct slow slow[SLOW];
    (void)state;
    slow_ones.done = 0;
    sl_loop_init_bare(&loop, NULL, NULL, 0, 1);
    loop.works.takes_ns = SL_SEC;
    for (unsigned i = 0; i < SLOW; i++) {
        slow[i] = (struct slow){.work = {.run = run_slow, .done = slow_done}};
        sl_work_start_slow(&loop, &slow[i].work);
    }
    sl_loop_drain(&loop);
    assert_int_equal(slow_ones.done, 0);
    loop.now_ns += 2 * SL_SEC;
    sl_loop_drain(&loop);
    assert_in_range(slow_ones.done, SL_WORK_SLOW, SLOW - 1);
    sl_loop_done(&loop);
    for (unsigned i = 0; i < SLOW; i++)
        assert_int_equal(slow[i].turn, i + 1);
    assert_int_equal(loop.works.n_slow, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beside_the_loop), cmocka_unit_test(told_at_the_end),
                                       cmocka_unit_test(without_threads), cmocka_unit_test(slow_work),
                                       cmocka_unit_test(late_work)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
