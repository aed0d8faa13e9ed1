/* Bodies in files, on the real disk: written in pieces, read at any place, nameless, private, and gone with the last close. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/spill.h"

static char dir[] = "/tmp/sluice-spill-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(dir); /* fails when anything is left */
}

static unsigned names_in_dir(void)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void test_written_and_read(void **state)
{
    (void)state;
    struct spill s;
    struct sl_str text;
    char piece[1000], back[1500];
    uint64_t at;
    assert_true(spill_open(&s, &spill_io_files, NULL, dir));
    assert_int_equal(names_in_dir(), 0);
    for (int i = 0; i < 100; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        assert_true(spill_add(&s, piece, sizeof piece));
    }
    assert_true(spill_text(&s, &text));
    assert_int_equal(text.n, 100 * sizeof piece);
    for (size_t i = 0; i < text.n; i++)
        assert_int_equal(text.p[i], 'a' + (char)(i / sizeof piece % 26));
    spill_rest(&s);
    assert_int_equal(text.p[99999], 'a' + 99 % 26); /* comes again */
    assert_true(spill_has(&s, text.p + 2500, &at));
    assert_int_equal(at, 2500);
    assert_false(spill_has(&s, text.p + text.n, &at));
    assert_false(spill_has(&s, piece, &at));
    assert_true(spill_read(&s, 2500, back, sizeof back));
    assert_memory_equal(back, text.p + 2500, sizeof back);
    struct stat st;
    assert_int_equal(fstat(s.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_nlink, 0);
    int fd = s.fd;
    spill_close(&s);
    spill_close(&s);
    assert_int_equal(fstat(fd, &st), -1);
    assert_int_equal(names_in_dir(), 0);
}

static void test_no_place(void **state)
{
    (void)state;
    struct spill s;
    assert_false(spill_open(&s, &spill_io_files, NULL, "/nowhere/at/all"));
    assert_int_equal(s.error, ENOENT);
    assert_false(spill_is_open(&s));
    spill_close(&s);
}

/* The kernel refuses more than so much of a file, as a full disk does: the first bytes are taken, then it says why not. */
static void test_full(void **state)
{
    (void)state;
    struct spill s;
    char piece[3000] = {0};
    struct rlimit old, small = {.rlim_cur = 10000};
    assert_true(spill_open(&s, &spill_io_files, NULL, dir));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool all = true;
    for (int i = 0; i < 5; i++)
        all = spill_add(&s, piece, sizeof piece);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_false(all);
    assert_int_equal(s.error, EFBIG);
    assert_int_equal(s.n, 10000);
    assert_false(spill_add(&s, piece, 1)); /* nothing behind a failure */
    spill_close(&s);
}

/* Nothing is read beyond what is there, be it that somebody cut it. */
static void test_cut(void **state)
{
    (void)state;
    struct spill s;
    char piece[3000] = {0};
    assert_true(spill_open(&s, &spill_io_files, NULL, dir));
    assert_true(spill_add(&s, piece, sizeof piece));
    assert_int_equal(ftruncate(s.fd, 1000), 0);
    assert_true(spill_read(&s, 0, piece, 1000));
    assert_false(spill_read(&s, 500, piece, 1000));
    assert_int_equal(s.error, EIO);
    spill_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_and_read),
        cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
