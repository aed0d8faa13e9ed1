/* From journal to store: every attempt exactly once, whatever fails and whenever the process dies. */
#include "journal_kit.h"

#include "base/clock.h"
#include "ledger/entry.h"
#include "main/ingest.h"

#define WRITERS 3u
#define ATTEMPTS_MAX 4000u

struct attempt { /* what the test knows of each attempt: the oracle */
    struct sl_id id;
    unsigned writer;
    bool is_closed;
    int64_t estimate_p, cost_p;
};

struct world {
    char dir[64], journal_dir[80], db[80];
    struct store *s;
    struct journal *j;
    struct ingest g;
    struct sl_rand rand;
    struct attempt all[ATTEMPTS_MAX];
    unsigned n;
};

static void start(struct world *t)
{
    struct sl_fail fail;
    uint64_t last;
    assert_int_equal(store_open_sqlite(t->db, STORE_WRITE, &t->s, &fail), SL_OK);
    assert_int_equal(t->s->ops->last_segment(t->s, &last, &fail), SL_OK);
    struct journal_options o = {
        .dir = t->journal_dir, .n_writers = WRITERS, .segment_bytes = JOURNAL_SEGMENT_MIN, .first_no = last + 1};
    assert_int_equal(journal_open(&o, &t->j, &fail), SL_OK);
    ingest_init(&t->g, t->s);
}

static void stop(struct world *t) /* also as a crash: nothing is finished, no file is removed */
{
    ingest_done(&t->g);
    journal_close(t->j);
    store_close(t->s);
}

static int set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    kit_make_dir(t->dir);
    (void)snprintf(t->journal_dir, sizeof t->journal_dir, "%s/journal", t->dir);
    (void)snprintf(t->db, sizeof t->db, "%s/ledger.db", t->dir);
    assert_int_equal(mkdir(t->journal_dir, 0700), 0);
    sl_rand_seed(&t->rand, 31);
    start(t);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct world *t = *state;
    stop(t);
    kit_remove_dir(t->dir);
    sl_free(t);
    return 0;
}

static void open_one(struct world *t, unsigned writer)
{
    unsigned char bytes[ENTRY_OPEN_MAX];
    struct attempt *a = &t->all[t->n];
    *a = (struct attempt){.id = sl_id_make(sl_clock_wall_ns(), &t->rand), .writer = writer};
    a->estimate_p = (int64_t)sl_rand_below(&t->rand, 1000000);
    struct entry_open e = {.attempt = a->id,
                           .exchange = a->id,
                           .wall_ns = sl_clock_wall_ns(),
                           .estimate_cost_p = a->estimate_p,
                           .tenant = SL_STR("t"),
                           .model = SL_STR("m"),
                           .provider = SL_STR("p"),
                           .target = SL_STR("x")};
    size_t n = entry_open_encode(&e, bytes);
    assert_int_equal(journal_prepare(t->j, JOURNAL_READY, NULL), SL_OK);
    assert_int_equal(
        journal_append(journal_writer_of(t->j, writer), JOURNAL_OPENS, ENTRY_OPEN, sl_str_of(bytes, n), NULL), SL_OK);
    t->n++;
}

static void close_one(struct world *t, struct attempt *a)
{
    unsigned char bytes[ENTRY_CLOSE_MAX];
    a->cost_p = (int64_t)sl_rand_below(&t->rand, 1000000);
    struct entry_close e = {.attempt = a->id, .wall_ns = sl_clock_wall_ns(), .cost_p = a->cost_p, .status = 200};
    e.outcome = SL_STR("ok");
    e.usage.output = 5;
    size_t n = entry_close_encode(&e, bytes);
    assert_int_equal(
        journal_append(journal_writer_of(t->j, a->writer), JOURNAL_CLOSES, ENTRY_CLOSE, sl_str_of(bytes, n), NULL),
        SL_OK);
    a->is_closed = true;
}

static void some_traffic(struct world *t, unsigned steps)
{
    for (unsigned i = 0; i < steps && t->n < ATTEMPTS_MAX; i++) {
        struct attempt *a = t->n > 0 ? &t->all[sl_rand_below(&t->rand, t->n)] : NULL;
        unsigned writer = (unsigned)sl_rand_below(&t->rand, WRITERS);
        bool may_open = journal_writer_of(t->j, writer)->open_count < 150; /* a small segment holds about 220 closes */
        if (may_open && (a == NULL || sl_rand_below(&t->rand, 2) == 0))
            open_one(t, writer);
        else if (a != NULL && !a->is_closed && journal_writer_of(t->j, a->writer)->open_count > 0)
            close_one(t, a);
    }
}

static void know_segments(struct world *t)
{
    SL_LIST_EACH(node, journal_segments(t->j))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        if (s->owner_data == NULL)
            s->owner_data = ingest_add_live(&t->g, s);
    }
}

static enum sl_err take_in(struct world *t, uint64_t max, enum ingest_opens opens)
{
    bool more;
    struct ingest_batch b = {.opens = opens, .max_records = max, .now_ns = 1, .old_before_ns = 0};
    know_segments(t);
    return ingest_run(&t->g, NULL, &b, &more, NULL);
}

struct judged {
    struct world *t;
    unsigned closed, interrupted, open;
};

static bool judge(void *arg, const struct store_attempt *row)
{
    struct judged *v = arg;
    for (unsigned i = 0; i < v->t->n; i++) {
        const struct attempt *a = &v->t->all[i];
        if (!sl_id_eq(a->id, row->attempt))
            continue;
        assert_true(row->has & STORE_HAS_OPEN);
        assert_true(row->estimate_cost_p == a->estimate_p);
        if (row->state == STORE_CLOSED)
            assert_true(a->is_closed && row->cost_p == a->cost_p);
        if (row->state == STORE_INTERRUPTED)
            assert_true(!a->is_closed && row->cost_p == a->estimate_p);
        v->closed += row->state == STORE_CLOSED;
        v->interrupted += row->state == STORE_INTERRUPTED;
        v->open += row->state == STORE_OPEN;
        return true;
    }
    fail_msg("a row that nobody wrote");
    return false;
}

/* Every attempt of the oracle is there once, in the right state, with the right money. */
static struct judged expect_all(struct world *t)
{
    struct judged v = {.t = t};
    unsigned closed = 0;
    for (unsigned i = 0; i < t->n; i++)
        closed += t->all[i].is_closed;
    assert_int_equal(t->s->ops->each_attempt(t->s, judge, &v, NULL), SL_OK);
    assert_int_equal(v.closed + v.interrupted + v.open, t->n);
    assert_int_equal(v.closed, closed);
    return v;
}

static void replay(struct world *t)
{
    struct ingest_replay r = {.dir = t->journal_dir};
    uint64_t n;
    assert_int_equal(ingest_replay(t->s, &r, NULL), SL_OK);
    assert_int_equal(t->s->ops->begin(t->s, STORE_NOW, NULL), SL_OK);
    assert_int_equal(t->s->ops->interrupt_open(t->s, 5, &n, NULL), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, NULL), SL_OK);
    assert_int_equal(kit_count_files(t->journal_dir, ".jnl"), 0);
}

static void an_attempt_that_closes_soon_is_written_once(void **state)
{
    struct world *t = *state;
    open_one(t, 0);
    open_one(t, 1);
    assert_int_equal(take_in(t, 0, INGEST_OLD_OPENS), SL_OK);
    struct judged v = {.t = t};
    assert_int_equal(t->s->ops->each_attempt(t->s, judge, &v, NULL), SL_OK);
    assert_int_equal(v.open, 0); /* they wait in memory */
    struct ingest_source *src = kit_first_segment(t->j)->owner_data;
    assert_int_equal(src->position, JOURNAL_HEAD_BYTES); /* nothing of it may be forgotten yet */
    assert_true(ingest_has_old(&t->g, 2));
    assert_false(ingest_has_old(&t->g, 1));
    close_one(t, &t->all[0]);
    assert_true(ingest_has_news(&t->g));
    assert_true(ingest_lag_bytes(&t->g) > 0);
    assert_int_equal(take_in(t, 0, INGEST_OLD_OPENS), SL_OK);
    assert_int_equal(src->position, src->reader.at);
    assert_false(ingest_has_news(&t->g));
    assert_int_equal(ingest_lag_bytes(&t->g), 0);
    assert_int_equal(take_in(t, 0, INGEST_ALL_OPENS), SL_OK);
    v = expect_all(t);
    assert_int_equal(v.open, 1);
}

static void batches_of_any_size_come_to_the_same(void **state)
{
    struct world *t = *state;
    for (unsigned i = 0; i < 60; i++) {
        some_traffic(t, 50);
        uint64_t max = sl_rand_below(&t->rand, 40);
        enum ingest_opens opens = sl_rand_below(&t->rand, 4) == 0 ? INGEST_ALL_OPENS : INGEST_OLD_OPENS;
        assert_int_equal(take_in(t, max, opens), SL_OK);
    }
    assert_int_equal(take_in(t, 0, INGEST_ALL_OPENS), SL_OK);
    (void)expect_all(t);
}

/* Dies at any moment, again and again; what was appended is in the ledger exactly once. */
static void crashes_lose_nothing_and_double_nothing(void **state)
{
    struct world *t = *state;
    for (unsigned life = 0; life < 25; life++) {
        unsigned from = t->n;
        for (unsigned i = (unsigned)sl_rand_below(&t->rand, 8); i > 0; i--) {
            some_traffic(t, (unsigned)sl_rand_below(&t->rand, 60));
            if (sl_rand_below(&t->rand, 3) != 0)
                assert_int_equal(take_in(t, sl_rand_below(&t->rand, 60),
                                         sl_rand_below(&t->rand, 2) == 0 ? INGEST_ALL_OPENS : INGEST_OLD_OPENS),
                                 SL_OK);
        }
        stop(t);
        start(t);
        replay(t);
        struct judged v = expect_all(t);
        assert_int_equal(v.open, 0);
        for (unsigned i = from; i < t->n; i++) /* an attempt of a dead process is not closed by the next */
            if (!t->all[i].is_closed)
                t->all[i].writer = 0;
    }
    assert_true(t->n > 500);
}

/* -- A store that fails --------------------------------------------------------------------------------------------- */

struct flaky { /* passes calls on to the real one until the n-th fails */
    struct store base;
    struct store *real;
    unsigned calls, fail_at;
};

static bool fails(struct store *s)
{
    struct flaky *f = (struct flaky *)(void *)s;
    return ++f->calls == f->fail_at;
}

static struct store *real(struct store *s)
{
    return ((struct flaky *)(void *)s)->real;
}

static enum sl_err flaky_begin(struct store *s, enum store_durable how, struct sl_fail *fail)
{
    return fails(s) ? SL_EIO : real(s)->ops->begin(real(s), how, fail);
}
static enum sl_err flaky_commit(struct store *s, struct sl_fail *fail)
{
    return fails(s) ? SL_EFULL : real(s)->ops->commit(real(s), fail);
}
static void flaky_rollback(struct store *s)
{
    real(s)->ops->rollback(real(s));
}
static enum sl_err flaky_put(struct store *s, const struct store_attempt *a, struct sl_fail *fail)
{
    return fails(s) ? SL_EIO : real(s)->ops->put_attempt(real(s), a, fail);
}
static enum sl_err flaky_position(struct store *s, uint64_t no, uint64_t at, struct sl_fail *fail)
{
    return fails(s) ? SL_EIO : real(s)->ops->put_position(real(s), no, at, fail);
}

static void a_store_that_fails_at_any_call_only_delays(void **state)
{
    struct world *t = *state;
    static const struct store_ops ops = {.begin = flaky_begin,
                                         .commit = flaky_commit,
                                         .rollback = flaky_rollback,
                                         .put_attempt = flaky_put,
                                         .put_position = flaky_position};
    struct flaky f = {.base = {.ops = &ops}, .real = t->s};
    t->g.store = &f.base;
    unsigned failed = 0;
    for (unsigned n = 1; n <= 60; n++) {
        some_traffic(t, 25);
        f.calls = 0;
        f.fail_at = n;
        enum ingest_opens opens = n % 5 == 0 ? INGEST_ALL_OPENS : INGEST_OLD_OPENS;
        failed += take_in(t, 0, opens) != SL_OK;
        f.fail_at = 0;
        if (n % 3 == 0) /* sometimes the next try succeeds, sometimes more comes first */
            assert_int_equal(take_in(t, 0, opens), SL_OK);
    }
    assert_true(failed > 20);
    assert_int_equal(take_in(t, 0, INGEST_ALL_OPENS), SL_OK);
    (void)expect_all(t);
    t->g.store = t->s;
}

/* -- Files with damage ---------------------------------------------------------------------------------------------- */

struct reports {
    unsigned n;
    enum ingest_found found[16];
    uint64_t gaps, records;
};

static void on_report(void *arg, const struct ingest_report *r)
{
    struct reports *v = arg;
    assert_in_range(v->n, 0, 15);
    v->found[v->n++] = r->found;
    v->gaps += r->gaps;
    v->records += r->records;
}

static void poke(const struct world *t, const struct journal_file *f, long at, int n, int with)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", t->journal_dir, f->name);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    for (int i = 0; i < n; i++)
        fputc(with, file);
    fclose(file);
}

static void damaged_files_are_read_as_far_as_they_go_and_kept(void **state)
{
    struct world *t = *state;
    struct journal_file *files;
    size_t n;
    struct reports seen = {.n = 0};
    for (unsigned i = 0; i < 10; i++)
        open_one(t, 0);
    for (unsigned i = 0; i < 10; i++)
        open_one(t, 1);
    open_one(t, 2);
    stop(t);
    assert_int_equal(journal_leftovers(t->journal_dir, &files, &n, NULL), SL_OK);
    size_t used[3], k = 0; /* those that were written to */
    for (size_t i = 0; i < n; i++) {
        void *bytes;
        uint64_t size;
        assert_int_equal(journal_file_read(t->journal_dir, &files[i], &bytes, &size, NULL), SL_OK);
        if (((unsigned char *)bytes)[JOURNAL_HEAD_BYTES] != 0)
            used[k++] = i;
        sl_free(bytes);
    }
    assert_int_equal(k, 3);
    poke(t, &files[used[0]], JOURNAL_HEAD_BYTES + 200, 1, 0xEE); /* inside the second record or so */
    poke(t, &files[used[1]], 0, 1024, 0x55);                     /* both heads */
    poke(t, &files[used[2]], JOURNAL_HEAD_BYTES + 4, 1, 0);      /* its only record: a torn tail */
    sl_free(files);
    start(t);
    struct ingest_replay r = {.dir = t->journal_dir, .report = on_report, .arg = &seen};
    assert_int_equal(ingest_replay(t->s, &r, NULL), SL_OK);
    unsigned counts[4] = {0};
    for (unsigned i = 0; i < seen.n; i++)
        counts[seen.found[i]]++;
    assert_int_equal(counts[INGEST_DAMAGED], 1);
    assert_int_equal(counts[INGEST_UNREADABLE], 1);
    assert_int_equal(counts[INGEST_TORN] + counts[INGEST_CLEAN], seen.n - 2);
    assert_int_equal(seen.gaps, 1);
    assert_int_equal(r.records, 9);
    assert_int_equal(kit_count_files(t->journal_dir, ".jnl"), 2); /* set aside, for people */
    struct judged v = {.t = t};
    assert_int_equal(t->s->ops->each_attempt(t->s, judge, &v, NULL), SL_OK);
    assert_int_equal(v.open, 9);
    r.files = 0;
    assert_int_equal(ingest_replay(t->s, &r, NULL), SL_OK);
    assert_int_equal(r.files, 0); /* and not read again */
}

static void foreign_records_are_counted_not_guessed(void **state)
{
    struct world *t = *state;
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    kit_append(journal_writer_of(t->j, 0), 77, "a record type to come");
    kit_append(journal_writer_of(t->j, 0), ENTRY_OPEN, "not an open");
    kit_append(journal_writer_of(t->j, 0), ENTRY_CLOSE, "");
    open_one(t, 0);
    assert_int_equal(take_in(t, 0, INGEST_ALL_OPENS), SL_OK);
    assert_int_equal(t->g.undecodable, 3);
    (void)expect_all(t);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_attempt_that_closes_soon_is_written_once),       T(batches_of_any_size_come_to_the_same),
        T(crashes_lose_nothing_and_double_nothing),           T(a_store_that_fails_at_any_call_only_delays),
        T(damaged_files_are_read_as_far_as_they_go_and_kept), T(foreign_records_are_counted_not_guessed),
    };
    return cmocka_run_group_tests_name("ingest", tests, NULL, NULL);
}
