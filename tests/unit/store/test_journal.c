/* The journal in order: appending, moving to the next segment, full disks, failing syncs, room for closes. What damage
 * does is in test_journal_damage.c. */
#include "journal_kit.h"

#include "store/journal_int.h"

struct world {
    char dir[64];
    struct kit_disk disk;
    struct journal *j;
    struct journal_writer *w;
};

static int set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    kit_make_dir(t->dir);
    t->j = kit_open(t->dir, &t->disk, JOURNAL_SEGMENT_MIN);
    t->w = journal_writer_of(t->j, 0);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct world *t = *state;
    journal_close(t->j);
    kit_remove_dir(t->dir);
    sl_free(t);
    return 0;
}

static void expect_record(struct journal_reader *r, unsigned type, const char *text)
{
    struct journal_record rec;
    assert_int_equal(journal_reader_next(r, &rec), JOURNAL_RECORD);
    assert_int_equal(rec.type, type);
    assert_true(sl_str_eq(rec.payload, sl_str_c(text)));
}

static void records_come_back_in_order(void **state)
{
    struct world *t = *state;
    struct journal_reader r;
    struct journal_record rec;
    struct journal_place place;
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    kit_append(t->w, 1, "one");
    kit_append(t->w, 2, "");
    assert_int_equal(journal_append(t->w, JOURNAL_PLAIN, 239, SL_STR("three!!!"), &place), SL_OK);
    struct journal_segment *s = kit_first_segment(t->j);
    assert_int_equal(place.segment, s->no);
    assert_int_equal(place.end, atomic_load(&s->committed));
    assert_int_equal(atomic_load(&t->w->records), 3);

    journal_reader_init_live(&r, s);
    expect_record(&r, 1, "one");
    expect_record(&r, 2, "");
    expect_record(&r, 239, "three!!!");
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_END);
    kit_append(t->w, 4, "four");
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_END); /* not before it follows */
    journal_reader_follow(&r, s);
    expect_record(&r, 4, "four");
    journal_writer_finish(t->w);
    journal_reader_follow(&r, s);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_SEALED);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_SEALED);
    assert_true(atomic_load(&s->sealed));
}

static void a_file_reads_like_the_mapping(void **state)
{
    struct world *t = *state;
    struct journal_reader r;
    struct journal_record rec;
    struct journal_head head;
    struct journal_file *files;
    size_t n;
    void *bytes;
    uint64_t size;
    char big[JOURNAL_PAYLOAD_MAX];
    memset(big, 'x', sizeof big);
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    kit_append(t->w, 1, "one");
    assert_int_equal(journal_append(t->w, JOURNAL_PLAIN, 7, sl_str_of(big, sizeof big), NULL), SL_OK);
    assert_int_equal(journal_leftovers(t->dir, &files, &n, NULL), SL_OK);
    assert_int_equal(n, 1);
    assert_int_equal(journal_file_read(t->dir, &files[0], &bytes, &size, NULL), SL_OK);
    assert_int_equal(journal_reader_init(&r, bytes, size, &head), SL_OK);
    assert_int_equal(head.no, files[0].no);
    assert_int_equal(head.size, JOURNAL_SEGMENT_MIN);
    assert_false(head.was_repaired);
    expect_record(&r, 1, "one");
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_RECORD);
    assert_int_equal(rec.payload.n, sizeof big);
    assert_memory_equal(rec.payload.p, big, sizeof big);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_END);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_END);

    /* Going on from a stored place. */
    uint64_t second = JOURNAL_HEAD_BYTES + frame_room(3);
    assert_true(journal_reader_seek(&r, second));
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_RECORD);
    assert_int_equal(rec.type, 7);
    assert_false(journal_reader_seek(&r, size + 8));
    assert_false(journal_reader_seek(&r, second + 1));
    assert_false(journal_reader_seek(&r, 0));
    sl_free(bytes);
    sl_free(files);
}

static void a_full_segment_gives_way_to_the_next(void **state)
{
    struct world *t = *state;
    unsigned wrote = 0, read = 0;
    char text[16];
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(journal_prepare(t->j, JOURNAL_READY, NULL), SL_OK);
        (void)snprintf(text, sizeof text, "r%d", i);
        kit_append(t->w, 1, text);
        wrote++;
    }
    journal_writer_finish(t->w);
    uint64_t last_no = 0;
    unsigned segments = 0;
    SL_LIST_EACH(node, journal_segments(t->j))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        struct journal_reader r;
        struct journal_record rec;
        if (atomic_load(&s->committed) == JOURNAL_HEAD_BYTES)
            continue; /* still ready */
        assert_true(s->no > last_no);
        last_no = s->no;
        segments++;
        journal_reader_init_live(&r, s);
        while (journal_reader_next(&r, &rec) == JOURNAL_RECORD) {
            (void)snprintf(text, sizeof text, "r%u", read++);
            assert_true(sl_str_eq(rec.payload, sl_str_c(text)));
        }
        assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_SEALED);
        assert_int_equal(r.gaps, 0);
    }
    assert_int_equal(read, wrote);
    assert_in_range(segments, 10, 11);
}

static void without_a_ready_segment_it_is_full(void **state)
{
    struct world *t = *state;
    assert_int_equal(journal_append(t->w, JOURNAL_PLAIN, 1, SL_STR("x"), NULL), SL_EFULL);
    assert_int_equal(atomic_load(&t->w->refused), 1);
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    char big[3000] = {0};
    unsigned n = 0;
    while (journal_append(t->w, JOURNAL_PLAIN, 1, sl_str_of(big, sizeof big), NULL) == SL_OK)
        n++;
    assert_int_equal(n, (JOURNAL_SEGMENT_MIN - JOURNAL_HEAD_BYTES - SEAL_ROOM) / frame_room(sizeof big));
    kit_append(t->w, 1, "a smaller one still fits");
    assert_int_equal(atomic_load(&t->w->refused), 2);
    assert_int_equal(atomic_load(&t->w->records), n + 1);
}

static void every_open_can_close_on_a_full_disk(void **state)
{
    struct world *t = *state;
    char payload[JOURNAL_CLOSING_MAX];
    memset(payload, 'c', sizeof payload);
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    unsigned open = 0, closed = 0;
    struct sl_rand rand;
    sl_rand_seed(&rand, 7);
    for (;;) { /* opens, some closes and plain records between, until nothing more is let in */
        uint64_t dice = sl_rand_below(&rand, 10);
        struct sl_str s = sl_str_of(payload, (size_t)sl_rand_below(&rand, sizeof payload + 1));
        if (dice == 0 && open > closed) {
            assert_int_equal(journal_append(t->w, JOURNAL_CLOSES, 2, s, NULL), SL_OK);
            closed++;
        } else if (dice == 1 && journal_append(t->w, JOURNAL_PLAIN, 3, s, NULL) != SL_OK) {
            break;
        } else if (dice > 1) {
            if (journal_append(t->w, JOURNAL_OPENS, 1, s, NULL) != SL_OK)
                break;
            open++;
        }
    }
    assert_true(open - closed > 50);
    assert_int_equal(t->w->open_count, open - closed);
    for (; closed < open; closed++) /* the largest close that there is, for each of them */
        assert_int_equal(journal_append(t->w, JOURNAL_CLOSES, 2, sl_str_of(payload, sizeof payload), NULL), SL_OK);
    journal_writer_finish(t->w);
    struct journal_reader r;
    struct journal_record rec;
    unsigned seen[4] = {0};
    journal_reader_init_live(&r, kit_first_segment(t->j));
    while (journal_reader_next(&r, &rec) == JOURNAL_RECORD)
        seen[rec.type]++;
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_SEALED);
    assert_int_equal(seen[1], open);
    assert_int_equal(seen[2], open);
}

static void more_open_attempts_than_a_segment_holds_are_refused(void **state)
{
    struct world *t = *state;
    assert_int_equal(journal_prepare(t->j, JOURNAL_READY, NULL), SL_OK);
    unsigned open = 0;
    while (journal_append(t->w, JOURNAL_OPENS, 1, SL_STR_NONE, NULL) == SL_OK) {
        assert_true(++open < 1000);
        assert_int_equal(journal_prepare(t->j, JOURNAL_READY, NULL), SL_OK);
    }
    assert_int_equal(open, (JOURNAL_SEGMENT_MIN - JOURNAL_HEAD_BYTES - 2 * SEAL_ROOM) / JOURNAL_CLOSING_ROOM);
    for (int i = 0; i < 10; i++)
        assert_int_equal(journal_append(t->w, JOURNAL_OPENS, 1, SL_STR_NONE, NULL), SL_EFULL);
    assert_false(journal_wants_segments(t->j, JOURNAL_READY)); /* a refusal does not burn through what is ready */
}

static void a_full_disk_leaves_no_file_behind(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    static const struct {
        size_t at;
        int error;
        enum sl_err want;
    } cases[] = {
        {offsetof(struct kit_disk, fail_allocate), ENOSPC, SL_EFULL},
        {offsetof(struct kit_disk, fail_allocate), EIO, SL_EIO},
        {offsetof(struct kit_disk, fail_create), ENOSPC, SL_EFULL},
        {offsetof(struct kit_disk, fail_create), EACCES, SL_EIO},
        {offsetof(struct kit_disk, fail_rename), EIO, SL_EIO},
        {offsetof(struct kit_disk, fail_map), ENOMEM, SL_EIO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int *kind = (int *)(void *)((char *)&t->disk + cases[i].at);
        *kind = cases[i].error;
        assert_int_equal(journal_prepare(t->j, 1, &fail), cases[i].want);
        assert_int_equal(fail.code, cases[i].want);
        assert_true(fail.text[0] != 0);
        *kind = 0;
        assert_int_equal(kit_count_files(t->dir, ".jnl"), 0);
        assert_int_equal(kit_count_files(t->dir, ".tmp"), 0);
        assert_true(journal_wants_segments(t->j, 1));
    }
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK); /* space came back */
    kit_append(t->w, 1, "here again");
}

/* A process that was killed while it made a segment left its unfinished file: the next start takes the same number. */
static void an_unfinished_file_of_a_killed_process_is_replaced(void **state)
{
    struct world *t = *state;
    char path[512];
    (void)snprintf(path, sizeof path, "%s/new-%016llx.tmp", t->dir, 1ULL);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    assert_int_equal(kit_count_files(t->dir, ".tmp"), 0);
    kit_append(t->w, 1, "goes on");
}

static void a_failed_sync_abandons_the_segment(void **state)
{
    struct world *t = *state;
    struct journal_place first, second, third;
    assert_int_equal(journal_prepare(t->j, JOURNAL_READY, NULL), SL_OK);
    assert_int_equal(journal_append(t->w, JOURNAL_OPENS, 1, SL_STR("a"), &first), SL_OK);
    struct journal_segment *s = kit_first_segment(t->j);
    assert_int_equal(journal_sync(t->j, s), SL_OK);
    assert_int_equal(atomic_load(&s->synced), first.end);
    unsigned syncs = t->disk.syncs;
    assert_int_equal(journal_sync(t->j, s), SL_OK); /* nothing new: no call */
    assert_int_equal(t->disk.syncs, syncs);

    assert_int_equal(journal_append(t->w, JOURNAL_OPENS, 1, SL_STR("b"), NULL), SL_OK);
    t->disk.fail_sync = EIO;
    assert_int_equal(journal_sync(t->j, s), SL_EIO);
    t->disk.fail_sync = 0;
    syncs = t->disk.syncs;
    assert_int_equal(journal_sync(t->j, s), SL_EIO); /* not retried: the kernel might say yes */
    assert_int_equal(t->disk.syncs, syncs);
    assert_int_equal(atomic_load(&s->synced), first.end);

    assert_int_equal(journal_append(t->w, JOURNAL_CLOSES, 2, SL_STR("b"), &second), SL_OK);
    assert_int_not_equal(second.segment, s->no); /* the writer has left it, with the reserve of the other open */
    assert_true(atomic_load(&s->sealed));
    assert_int_equal(journal_append(t->w, JOURNAL_CLOSES, 2, SL_STR("a"), &third), SL_OK);
    assert_int_equal(third.segment, second.segment);
}

static void closes_go_on_in_an_abandoned_segment_when_there_is_no_other(void **state)
{
    struct world *t = *state;
    struct journal_place open, close;
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    assert_int_equal(journal_append(t->w, JOURNAL_OPENS, 1, SL_STR("a"), &open), SL_OK);
    t->disk.fail_sync = EIO;
    assert_int_equal(journal_sync(t->j, kit_first_segment(t->j)), SL_EIO);
    assert_int_equal(journal_append(t->w, JOURNAL_OPENS, 1, SL_STR("b"), NULL), SL_EFULL);
    assert_int_equal(journal_append(t->w, JOURNAL_CLOSES, 2, SL_STR("a"), &close), SL_OK);
    assert_int_equal(close.segment, open.segment);
}

static void retiring_removes_the_file_and_numbers_go_on(void **state)
{
    struct world *t = *state;
    assert_int_equal(journal_prepare(t->j, JOURNAL_READY, NULL), SL_OK);
    kit_append(t->w, 1, "x");
    journal_writer_finish(t->w);
    struct journal_segment *s = kit_first_segment(t->j);
    uint64_t no = s->no;
    journal_advise(s, atomic_load(&s->committed));
    assert_int_equal(journal_retire(t->j, s), SL_OK);
    assert_int_equal(kit_count_files(t->dir, ".jnl"), 1);
    assert_int_equal(kit_first_segment(t->j)->no, no + 1);
    journal_close(t->j);
    t->j = kit_open(t->dir, &t->disk, JOURNAL_SEGMENT_MIN);
    t->w = journal_writer_of(t->j, 0);
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    assert_int_equal(kit_first_segment(t->j)->no, no + 2); /* behind the file that was left */
}

static void leftovers_are_found_by_name_only(void **state)
{
    struct world *t = *state;
    static const char *const names[] = {"seg-000000000000000a.jnl", "seg-0000000000000002.jnl",     "seg-2.jnl",
                                        "seg-00000000000000zz.jnl", "damaged-0000000000000002.jnl", "notes.txt",
                                        "new-0000000000000003.tmp", "seg-000000000000000A.jnl"};
    struct journal_file *files;
    size_t n;
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", t->dir, names[i]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fclose(f);
    }
    assert_int_equal(journal_leftovers(t->dir, &files, &n, NULL), SL_OK);
    assert_int_equal(n, 2);
    assert_int_equal(files[0].no, 2);
    assert_int_equal(files[1].no, 10);
    assert_int_equal(journal_file_set_aside(t->dir, &files[1], NULL), SL_OK);
    assert_int_equal(journal_file_remove(t->dir, &files[0], NULL), SL_OK);
    struct sl_fail fail;
    assert_int_equal(journal_file_remove(t->dir, &files[0], &fail), SL_EIO);
    sl_free(files);
    assert_int_equal(journal_leftovers("/nowhere/at/all", &files, &n, &fail), SL_EIO);
}

static void impossible_options_are_refused(void **state)
{
    struct world *t = *state;
    struct journal *j;
    struct sl_fail fail;
    static const struct {
        unsigned writers;
        uint64_t bytes;
    } bad[] = {{0, JOURNAL_SEGMENT_MIN},        {JOURNAL_WRITERS_MAX + 1, JOURNAL_SEGMENT_MIN},
               {1, JOURNAL_SEGMENT_MIN - 4096}, {1, JOURNAL_SEGMENT_MIN + 1},
               {1, JOURNAL_SEGMENT_MAX + 4096}, {1, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct journal_options o = {.dir = t->dir, .n_writers = bad[i].writers, .segment_bytes = bad[i].bytes};
        assert_int_equal(journal_open(&o, &j, &fail), SL_EINVAL);
    }
}

static void count_ring(void *arg)
{
    (*(int *)arg)++;
}

static void the_bell_rings_once_per_sleep(void **state)
{
    struct world *t = *state;
    int rings = 0;
    struct journal_bell bell = {.ring = count_ring, .arg = &rings};
    t->w->bell = &bell;
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    kit_append(t->w, 1, "nobody sleeps");
    assert_int_equal(rings, 0);
    atomic_store(&bell.wanted, true);
    kit_append(t->w, 1, "wake up");
    kit_append(t->w, 1, "woken already");
    assert_int_equal(rings, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(records_come_back_in_order),
        T(a_file_reads_like_the_mapping),
        T(a_full_segment_gives_way_to_the_next),
        T(without_a_ready_segment_it_is_full),
        T(every_open_can_close_on_a_full_disk),
        T(more_open_attempts_than_a_segment_holds_are_refused),
        T(a_full_disk_leaves_no_file_behind),
        T(an_unfinished_file_of_a_killed_process_is_replaced),
        T(a_failed_sync_abandons_the_segment),
        T(closes_go_on_in_an_abandoned_segment_when_there_is_no_other),
        T(retiring_removes_the_file_and_numbers_go_on),
        T(leftovers_are_found_by_name_only),
        T(impossible_options_are_refused),
        T(the_bell_rings_once_per_sleep),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
