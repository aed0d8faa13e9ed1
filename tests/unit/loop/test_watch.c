/* Signals and changes of files, as the loop tells them. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/watch.h"

static struct sl_loop loop;
static int last_signal;
static unsigned signals;
static bool saw_target;

static void on_guard(struct sl_timer *t)
{
    (void)t;
    fail_msg("nothing happened for a minute");
}

static void run(void)
{
    struct sl_timer guard;
    sl_timer_init(&guard, on_guard);
    sl_timer_arm(&loop, &guard, sl_loop_now_exact(&loop) + SL_MIN);
    sl_loop_run(&loop);
    sl_timer_cancel(&loop, &guard);
}

static void on_signal(void *owner, int signum)
{
    assert_ptr_equal(owner, &loop);
    last_signal = signum;
    signals++;
    sl_loop_stop(&loop);
}

static void test_signals(void **state)
{
    (void)state;
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    struct sl_signal *a = sl_signal_open(&loop, SIGUSR1, on_signal, &loop),
                     *b = sl_signal_open(&loop, SIGHUP, on_signal, &loop);
    static const int order[] = {SIGUSR1, SIGHUP, SIGHUP, SIGUSR1};
    for (int i = 0; i < 4; i++) {
        raise(order[i]);
        run();
        assert_int_equal(last_signal, order[i]);
        assert_int_equal(signals, i + 1);
    }
    sl_signal_close(a);
    sl_signal_close(b);
    sl_signal_close(NULL);
    sl_loop_done(&loop);
}

static void on_change(void *owner, struct sl_str name)
{
    (void)owner;
    if (sl_str_eq(name, SL_STR("sluice.yaml"))) {
        saw_target = true;
        sl_loop_stop(&loop);
    }
}

static void write_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

/* Written in place, and renamed over as editors and deployments do. */
static void test_directory(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-watch-XXXXXX", target[64], fresh[64];
    assert_non_null(mkdtemp(dir));
    snprintf(target, sizeof target, "%s/sluice.yaml", dir);
    snprintf(fresh, sizeof fresh, "%s/fresh", dir);
    write_file(target);
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    struct sl_watch *w = sl_watch_open(&loop, dir, on_change, NULL);
    assert_non_null(w);
    for (int i = 0; i < 4; i++) {
        saw_target = false;
        if (i % 2 == 0) {
            write_file(target);
        } else {
            write_file(fresh);
            assert_int_equal(rename(fresh, target), 0);
        }
        run();
        assert_true(saw_target);
    }
    sl_watch_close(w);
    sl_watch_close(NULL);
    assert_null(sl_watch_open(&loop, "/nowhere/at/all", on_change, NULL));
    sl_loop_done(&loop);
    unlink(target);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals), cmocka_unit_test(test_directory)};
    return cmocka_run_group_tests_name("loop watch", tests, NULL, NULL);
}
