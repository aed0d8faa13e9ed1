/* The keeper with real threads, files and a real database: nothing lost on the way, at an end, or by a kill. The same
 * program runs under the thread sanitizer (suite "threads"). */
#include "journal_kit.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "auth/key.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "ledger/entry.h"
#include "main/keeper.h"
#include "main/keys.h"

#define WRITERS 3u
#define LONG_MS 60000 /* what takes milliseconds may take so long on a busy machine */

struct world {
    char dir[64];
    struct state_dir state;
    struct kit_disk disk;
    struct keeper *k;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under lock */
    unsigned tables;
    size_t keys;
};

static void on_keys(void *owner, struct key_table *table)
{
    struct world *t = owner;
    pthread_mutex_lock(&t->lock);
    t->tables++;
    t->keys = key_table_count(table);
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    key_table_unref(table);
}

static struct keeper_options options(struct world *t)
{
    return (struct keeper_options){.state = &t->state,
                                   .n_writers = WRITERS,
                                   .segment_bytes = 4 * JOURNAL_SEGMENT_MIN,
                                   .on_keys = on_keys,
                                   .owner = t,
                                   .io = &kit_io,
                                   .io_arg = &t->disk};
}

static void start(struct world *t)
{
    struct sl_fail fail = {.code = SL_OK};
    struct keeper_options o = options(t);
    if (state_dir_open(&t->state, t->dir, STATE_CREATE, &fail) != SL_OK || keeper_start(&o, &t->k, &fail) != SL_OK)
        fail_msg("%s: %s", fail.place, fail.text);
}

static bool stop(struct world *t)
{
    bool ok = keeper_stop(t->k);
    t->k = NULL;
    state_dir_close(&t->state);
    return ok;
}

static int set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    kit_make_dir(t->dir);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    start(t);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct world *t = *state;
    if (t->k != NULL)
        stop(t);
    kit_remove_dir(t->dir);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->changed);
    sl_free(t);
    return 0;
}

static enum sl_err open_attempt(struct journal_writer *w, struct sl_id id, int64_t estimate_p)
{
    unsigned char bytes[ENTRY_OPEN_MAX];
    struct entry_open e = {.attempt = id,
                           .exchange = id,
                           .wall_ns = sl_clock_wall_ns(),
                           .estimate_cost_p = estimate_p,
                           .model = SL_STR("m"),
                           .provider = SL_STR("p")};
    return journal_append(w, JOURNAL_OPENS, ENTRY_OPEN, sl_str_of(bytes, entry_open_encode(&e, bytes)), NULL);
}

static void close_attempt(struct journal_writer *w, struct sl_id id, int64_t cost_p, struct journal_place *place)
{
    unsigned char bytes[ENTRY_CLOSE_MAX];
    struct entry_close e = {.attempt = id, .wall_ns = sl_clock_wall_ns(), .cost_p = cost_p, .outcome = SL_STR("ok")};
    SL_CHECK(journal_append(w, JOURNAL_CLOSES, ENTRY_CLOSE, sl_str_of(bytes, entry_close_encode(&e, bytes)), place) ==
             SL_OK);
}

struct totals {
    uint64_t rows, closed, interrupted, open;
    int64_t cost_p;
};

static bool add_row(void *arg, const struct store_attempt *a)
{
    struct totals *v = arg;
    v->rows++;
    v->closed += a->state == STORE_CLOSED;
    v->interrupted += a->state == STORE_INTERRUPTED;
    v->open += a->state == STORE_OPEN;
    v->cost_p += a->cost_p;
    return true;
}

static struct totals totals(struct world *t)
{
    struct totals v = {.rows = 0};
    struct store *s;
    struct sl_fail fail;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/ledger.db", t->dir);
    assert_int_equal(store_open_sqlite(path, STORE_READ, &s, &fail), SL_OK);
    assert_int_equal(s->ops->each_attempt(s, add_row, &v, &fail), SL_OK);
    store_close(s);
    return v;
}

static unsigned segment_files(struct world *t)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/journal", t->dir);
    return kit_count_files(path, ".jnl");
}

/* -- Traffic -------------------------------------------------------------------------------------------------------- */

#define LIVE 64u

struct traffic { /* one worker's: opens and closes, some attempts open over many others */
    struct journal_writer *w;
    unsigned attempts;
    uint64_t seed, refused;
    int64_t cost_p;
    uint64_t opened;
    bool leave_open;
};

static void *run_traffic(void *arg)
{
    struct traffic *v = arg;
    struct sl_rand r;
    struct sl_id live[LIVE];
    unsigned n = 0;
    sl_rand_seed(&r, v->seed);
    while (v->opened < v->attempts) {
        if (n == LIVE || (n > 0 && sl_rand_below(&r, 2) == 0)) {
            unsigned i = (unsigned)sl_rand_below(&r, n);
            int64_t cost_p = (int64_t)sl_rand_below(&r, 1000);
            close_attempt(v->w, live[i], cost_p, NULL);
            v->cost_p += cost_p;
            live[i] = live[--n];
            continue;
        }
        live[n] = sl_id_make(sl_clock_wall_ns(), &r);
        if (open_attempt(v->w, live[n], 7) != SL_OK) { /* the keeper is behind: what a gateway would answer with 503 */
            v->refused++;
            usleep(1000);
            continue;
        }
        n++;
        v->opened++;
    }
    while (n > 0 && !v->leave_open)
        close_attempt(v->w, live[--n], 0, NULL);
    journal_writer_finish(v->w);
    return NULL;
}

static void three_workers_lose_nothing(void **state)
{
    struct world *t = *state;
    struct traffic v[WRITERS];
    pthread_t threads[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        v[i] = (struct traffic){.w = keeper_writer(t->k, i), .attempts = 6000, .seed = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, run_traffic, &v[i]), 0);
    }
    int64_t cost_p = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        cost_p += v[i].cost_p;
    }
    assert_true(stop(t));
    struct totals got = totals(t);
    assert_int_equal(got.rows, 6000 * WRITERS);
    assert_int_equal(got.closed, 6000 * WRITERS);
    assert_true(got.cost_p == cost_p);
    assert_int_equal(segment_files(t), 0);
}

static void what_is_open_at_the_end_is_interrupted(void **state)
{
    struct world *t = *state;
    struct traffic v = {.w = keeper_writer(t->k, 0), .attempts = 100, .seed = 9, .leave_open = true};
    (void)run_traffic(&v);
    uint32_t open = v.w->open_count;
    assert_true(open > 0);
    assert_true(stop(t));
    struct totals got = totals(t);
    assert_int_equal(got.rows, 100);
    assert_int_equal(got.interrupted, open);
    assert_true(got.cost_p == v.cost_p + 7 * (int64_t)open);
}

static void rows_appear_while_it_runs(void **state)
{
    struct world *t = *state;
    struct journal_writer *w = keeper_writer(t->k, 1);
    assert_int_equal(open_attempt(w, (struct sl_id){1, 1}, 5), SL_OK);
    close_attempt(w, (struct sl_id){1, 1}, 5, NULL);
    for (int i = 0; i < LONG_MS / 10 && totals(t).rows == 0; i++)
        usleep(10000);
    assert_int_equal(totals(t).closed, 1);
    const struct keeper_counters *c = keeper_counters(t->k);
    for (int i = 0; i < LONG_MS / 10 && atomic_load(&c->lag_bytes) != 0; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&c->lag_bytes), 0);
    assert_true(atomic_load(&c->lag_since_ns) == 0);
    assert_int_equal(atomic_load(&c->journal_records), 2);
    journal_writer_finish(w);
}

/* -- Kill ----------------------------------------------------------------------------------------------------------- */

/* The child writes and is killed wherever it is; what it had appended (told through a pipe, after each append) is in the
 * ledger after the next start: closed, or interrupted with the estimate. */
static void child_writes_until_killed(struct world *t, int told)
{
    start(t);
    struct journal_writer *w = keeper_writer(t->k, 0);
    for (uint64_t i = 1;; i++) {
        struct sl_id id = {i, (uint64_t)getpid()};
        if (open_attempt(w, id, 7) != SL_OK)
            continue;
        char what = 'o';
        (void)!write(told, &what, 1);
        if (i % 3 == 0)
            continue;
        close_attempt(w, id, 2, NULL);
        what = 'c';
        (void)!write(told, &what, 1);
    }
}

static void kill_9_loses_nothing(void **state)
{
    struct world *t = *state;
    assert_true(stop(t));
    struct totals before = {.rows = 0};
    for (unsigned round = 0; round < 10; round++) {
        int fds[2];
        uint64_t opens = 0, closes = 0;
        char bytes[4096];
        ssize_t n;
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(fds[0]);
            child_writes_until_killed(t, fds[1]);
            _exit(1);
        }
        close(fds[1]);
        while ((n = read(fds[0], bytes, sizeof bytes)) > 0) {
            for (ssize_t i = 0; i < n; i++) {
                opens += bytes[i] == 'o';
                closes += bytes[i] == 'c';
            }
            if (opens > 300 + round * 111)
                kill(child, SIGKILL);
        }
        close(fds[0]);
        assert_true(waitpid(child, NULL, 0) == child);
        start(t);
        struct totals got = totals(t);
        assert_int_equal(got.open, 0);
        /* At most the one that was appended but not told yet. */
        assert_in_range(got.rows - before.rows, opens, opens + 1);
        assert_in_range(got.closed - before.closed, closes, closes + 1);
        assert_true(got.cost_p == (int64_t)(2 * got.closed + 7 * got.interrupted));
        before = got;
        assert_true(stop(t));
    }
    assert_true(before.interrupted > 1000);
}

static void a_second_gateway_is_told_who_has_the_directory(void **state)
{
    struct world *t = *state;
    struct state_dir other;
    struct keeper *k = NULL;
    struct sl_fail fail;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    assert_int_equal(state_dir_open(&other, t->dir, STATE_EXISTING, &fail), SL_OK);
    struct keeper_options o = options(t);
    o.state = &other;
    assert_int_equal(keeper_start(&o, &k, &fail), SL_EEXIST);
    assert_true(sl_str_find_str(sl_str_c(fail.text), sl_str_c(pid)) >= 0);
    assert_null(k);
    state_dir_close(&other);
    assert_true(stop(t));
    assert_int_equal(state_dir_open(&other, t->dir, STATE_EXISTING, &fail), SL_OK);
    assert_int_equal(state_dir_lock(&other, &fail), SL_OK); /* it is free again */
    state_dir_close(&other);
}

/* -- Flushing for those who wait ------------------------------------------------------------------------------------ */

struct asker {
    struct sl_loop loop;
    struct sl_mailbox *box;
    struct keeper_sync r[3];
    unsigned done, good;
};

static void on_done(struct keeper_sync *r, void *receiver)
{
    struct asker *a = receiver;
    a->done++;
    a->good += r->result == SL_OK;
    if (a->done == 3) {
        sl_mailbox_close(a->box);
        sl_loop_stop(&a->loop);
    }
}

static unsigned ask_three_times(struct world *t)
{
    struct asker a = {.done = 0};
    struct journal_writer *w = keeper_writer(t->k, 2);
    assert_int_equal(sl_loop_init(&a.loop, NULL), SL_OK);
    a.box = sl_mailbox_open(&a.loop, &a);
    for (uint64_t i = 0; i < 3; i++) {
        struct sl_id id = {sl_clock_wall_ns() > 0 ? (uint64_t)sl_clock_mono_ns() : 0, i};
        assert_int_equal(open_attempt(w, id, 1), SL_OK);
        a.r[i] = (struct keeper_sync){.writer = 2, .reply_to = a.box, .done = on_done};
        close_attempt(w, id, 1, &a.r[i].upto);
        assert_true(keeper_sync(t->k, &a.r[i]));
    }
    sl_loop_run(&a.loop);
    sl_loop_done(&a.loop);
    assert_int_equal(a.done, 3);
    return a.good;
}

static void those_who_wait_are_told_when_it_is_durable(void **state)
{
    struct world *t = *state;
    assert_int_equal(ask_three_times(t), 3);
    const struct keeper_counters *c = keeper_counters(t->k);
    assert_int_equal(atomic_load(&c->sync_waits), 3);
    assert_in_range(atomic_load(&c->syncs), 1, 3);
    journal_writer_finish(keeper_writer(t->k, 2));
}

static void a_failing_flush_goes_through_the_database(void **state)
{
    struct world *t = *state;
    t->disk.fail_sync = EIO; /* before any sync: no other thread reads it yet */
    assert_int_equal(ask_three_times(t), 3);
    const struct keeper_counters *c = keeper_counters(t->k);
    /* Abandoned, not tried again: one failure a segment. A slow run spreads the three over more than one. */
    assert_in_range(atomic_load(&c->sync_errors), 1, 3);
    assert_int_equal(totals(t).closed, 3); /* it is in the database, synced there */
    journal_writer_finish(keeper_writer(t->k, 2));
    assert_true(stop(t));
    assert_int_equal(totals(t).rows, 3);
}

static void a_full_disk_refuses_and_recovers(void **state)
{
    struct world *t = *state;
    struct journal_writer *w = keeper_writer(t->k, 0);
    const struct keeper_counters *c = keeper_counters(t->k);
    __atomic_store_n(&t->disk.fail_allocate, ENOSPC, __ATOMIC_SEQ_CST);
    uint64_t n = 1;
    while (open_attempt(w, (struct sl_id){3, n}, 1) == SL_OK) {
        close_attempt(w, (struct sl_id){3, n}, 1, NULL);
        n++;
        assert_true(n < 100000);
    }
    for (int i = 0; i < LONG_MS / 10 && !atomic_load(&c->disk_full); i++)
        usleep(10000);
    assert_true(atomic_load(&c->disk_full));
    __atomic_store_n(&t->disk.fail_allocate, 0, __ATOMIC_SEQ_CST);
    for (int i = 0; i < LONG_MS / 10 && atomic_load(&c->disk_full); i++)
        usleep(10000);
    assert_false(atomic_load(&c->disk_full));
    assert_int_equal(open_attempt(w, (struct sl_id){3, n}, 1), SL_OK);
    close_attempt(w, (struct sl_id){3, n}, 1, NULL);
    journal_writer_finish(w);
    assert_true(stop(t));
    assert_int_equal(totals(t).closed, n); /* no gap */
}

/* -- Keys, lines ---------------------------------------------------------------------------------------------------- */

/* Makes a key and waits until the workers' table has n; how long that took. */
static int64_t one_more_key(struct world *t, struct store *s, size_t n)
{
    struct sl_fail fail;
    struct keys_made made;
    struct keys_spec spec = {.name = SL_STR("n")};
    struct timespec until;
    int64_t began_ns = sl_clock_mono_ns();
    int e = 0;
    assert_int_equal(keys_create(&t->state, s, &spec, &made, &fail), SL_OK);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LONG_MS / 1000;
    pthread_mutex_lock(&t->lock);
    while (t->keys < n && e == 0)
        e = pthread_cond_timedwait(&t->changed, &t->lock, &until);
    size_t keys = t->keys;
    pthread_mutex_unlock(&t->lock);
    assert_int_equal(keys, n);
    return sl_clock_mono_ns() - began_ns;
}

/* A busy machine may make one slow, a keeper that does not look makes all of them slow. */
static void a_new_key_reaches_the_workers_within_a_second(void **state)
{
    struct world *t = *state;
    struct store *s;
    struct sl_fail fail;
    char path[128];
    int64_t least_ns = SL_NEVER;
    (void)snprintf(path, sizeof path, "%s/ledger.db", t->dir);
    pthread_mutex_lock(&t->lock);
    assert_int_equal(t->tables, 1);
    assert_int_equal(t->keys, 0);
    pthread_mutex_unlock(&t->lock);
    assert_int_equal(store_open_sqlite(path, STORE_WRITE, &s, &fail), SL_OK);
    for (size_t n = 1; n <= 10 && least_ns > SL_SEC; n++) {
        int64_t ns = one_more_key(t, s, n);
        least_ns = ns < least_ns ? ns : least_ns;
    }
    assert_true(least_ns <= SL_SEC);
    store_close(s);
}

static void post_line(struct world *t, const char *text)
{
    struct sl_buf lines;
    sl_buf_init(&lines, 256);
    sl_buf_add(&lines, text, strlen(text));
    assert_true(keeper_lines_post(t->k, &lines));
    assert_int_equal(lines.n, 0);
    sl_buf_done(&lines);
}

static uint64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : UINT64_MAX;
}

static void access_lines_are_written_and_rotated(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    char path[128], numbered[140];
    assert_true(stop(t));
    (void)snprintf(path, sizeof path, "%s/access.log", t->dir);
    assert_int_equal(state_dir_open(&t->state, t->dir, STATE_CREATE, &fail), SL_OK);
    struct keeper_options o = options(t);
    o.access_path = path;
    o.access_max_bytes = 50;
    o.access_keep = 2;
    assert_int_equal(keeper_start(&o, &t->k, &fail), SL_OK);
    for (int i = 0; i < 9; i++)
        post_line(t, "twenty bytes a line\n");
    keeper_lines_reopen(t->k);
    post_line(t, "twenty bytes a line\n");
    assert_true(stop(t));
    /* Ten lines, two a file: the newest six are kept in three files. */
    assert_int_equal(file_size(path), 40);
    (void)snprintf(numbered, sizeof numbered, "%s.1", path);
    assert_int_equal(file_size(numbered), 40);
    (void)snprintf(numbered, sizeof numbered, "%s.2", path);
    assert_int_equal(file_size(numbered), 40);
    (void)snprintf(numbered, sizeof numbered, "%s.3", path);
    assert_int_equal(file_size(numbered), UINT64_MAX);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(three_workers_lose_nothing),
        T(what_is_open_at_the_end_is_interrupted),
        T(rows_appear_while_it_runs),
        T(a_second_gateway_is_told_who_has_the_directory),
        T(those_who_wait_are_told_when_it_is_durable),
        T(a_failing_flush_goes_through_the_database),
        T(a_full_disk_refuses_and_recovers),
        T(a_new_key_reaches_the_workers_within_a_second),
        T(access_lines_are_written_and_rotated),
        T(kill_9_loses_nothing), /* last: it forks */
    };
    (void)argv;
    sl_log_set(argc > 1 ? SL_LOG_DEBUG : SL_LOG_ERROR + 1, SL_LOG_TEXT, 2); /* expected errors would fill the screen */
    return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
