/* What damage does to a segment: torn tails, flipped bytes, lost sectors, moved records. Two things must always hold:
 * a record that is given is exactly as it was written, and where one is missing the reader has said so. */
#include "journal_kit.h"

#include "store/journal_int.h"

#define RECORDS 10u

struct written {
    uint64_t from, end;
    uint32_t sequence;
    char text[96];
    size_t n;
};

struct world {
    char dir[64];
    struct journal *j;
    struct journal_segment *s;
    struct written all[4096];
    unsigned n;
};

static int set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    kit_make_dir(t->dir);
    t->j = kit_open(t->dir, NULL, JOURNAL_SEGMENT_MIN);
    assert_int_equal(journal_prepare(t->j, 1, NULL), SL_OK);
    t->s = kit_first_segment(t->j);
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

static void write_records(struct world *t, unsigned n, struct sl_rand *rand)
{
    struct journal_writer *w = journal_writer_of(t->j, 0);
    for (unsigned i = 0; i < n; i++) {
        struct written *r = &t->all[t->n];
        r->n = 1 + (size_t)sl_rand_below(rand, sizeof r->text);
        for (size_t k = 0; k < r->n; k++)
            r->text[k] = (char)sl_rand_next(rand);
        r->from = w->segment != NULL ? w->at : JOURNAL_HEAD_BYTES;
        if (journal_append(w, JOURNAL_PLAIN, 1, sl_str_of(r->text, r->n), NULL) != SL_OK)
            return;
        r->end = w->at;
        r->sequence = w->sequence;
        t->n++;
    }
}

struct reading {
    unsigned records, gaps;
    bool head_lost, head_damaged;
    enum journal_read end;
};

/* Reads a whole image; fails the test when a record is wrong or one was skipped without a word. */
static struct reading read_image(const struct world *t, const void *bytes, uint64_t n)
{
    struct reading out = {.end = JOURNAL_END};
    struct journal_reader r;
    struct journal_head head;
    struct journal_record rec;
    if (journal_reader_init(&r, bytes, n, &head) != SL_OK) {
        out.head_lost = true;
        return out;
    }
    out.head_damaged = head.was_repaired;
    uint32_t last = 0;
    bool said = false;
    for (;;) {
        enum journal_read what = journal_reader_next(&r, &rec);
        if (what == JOURNAL_GAP) {
            assert_true(r.gap_from <= r.gap_to && r.gap_to <= n);
            out.gaps++;
            said = true;
            continue;
        }
        if (what != JOURNAL_RECORD) {
            out.end = what;
            return out;
        }
        assert_in_range(rec.sequence, 1, t->n);
        const struct written *w = &t->all[rec.sequence - 1];
        assert_true(sl_str_eq(rec.payload, sl_str_of(w->text, w->n)));
        assert_int_equal(rec.from, w->from);
        assert_true(rec.sequence > last);
        assert_true(rec.sequence == last + 1 || said); /* nothing is skipped silently */
        said = false;
        last = rec.sequence;
        out.records++;
    }
}

static void tails_torn_at_every_byte_are_a_normal_end(void **state)
{
    struct world *t = *state;
    struct sl_rand rand;
    sl_rand_seed(&rand, 1);
    write_records(t, RECORDS, &rand);
    const struct written *last = &t->all[RECORDS - 1];
    for (uint64_t k = last->from; k <= last->end; k++) {
        unsigned char *copy = kit_copy(t->s);
        /* As a process dies: the payload is there up to k, the frame (written last) is not. */
        memset(copy + k, 0, (size_t)(t->s->size - k));
        struct reading got = read_image(t, copy, t->s->size);
        assert_int_equal(got.gaps, 0);
        bool whole = memcmp(copy, t->s->base, t->s->size) == 0; /* the last bytes may be zeros anyway */
        assert_int_equal(got.records, whole ? RECORDS : RECORDS - 1);
        if (!whole)
            assert_int_equal(got.end, k == last->from ? JOURNAL_END : JOURNAL_TORN);
        /* The other way: what is before k is missing, the rest is there. */
        memcpy(copy, t->s->base, t->s->size);
        memset(copy + last->from, 0, (size_t)(k - last->from));
        got = read_image(t, copy, t->s->size);
        whole = memcmp(copy, t->s->base, t->s->size) == 0;
        assert_int_equal(got.records, whole ? RECORDS : RECORDS - 1);
        assert_int_equal(got.gaps, 0);
        /* And a file that was cut off. */
        got = read_image(t, t->s->base, k);
        assert_int_equal(got.records, k == last->end ? RECORDS : RECORDS - 1);
        sl_free(copy);
    }
}

static void every_flipped_byte_is_found(void **state)
{
    struct world *t = *state;
    struct sl_rand rand;
    sl_rand_seed(&rand, 2);
    write_records(t, RECORDS, &rand);
    journal_writer_finish(journal_writer_of(t->j, 0));
    struct reading clean = read_image(t, t->s->base, t->s->size);
    assert_int_equal(clean.records, RECORDS);
    assert_int_equal(clean.end, JOURNAL_SEALED);
    assert_false(clean.head_damaged || clean.gaps > 0);

    static const unsigned char masks[] = {0x01, 0x80, 0xFF, 0x5A};
    unsigned char *copy = kit_copy(t->s);
    uint64_t used = atomic_load(&t->s->committed) + 64; /* and a little of the zeros behind */
    for (uint64_t at = 0; at < used; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            copy[at] ^= masks[m];
            struct reading got = read_image(t, copy, t->s->size);
            assert_true(got.head_damaged || got.gaps > 0 || got.end == JOURNAL_TORN); /* 100 % */
            assert_false(got.head_lost);
            /* The rest is readable: one record at most is lost. */
            assert_true(got.records >= RECORDS - 1);
            copy[at] ^= masks[m];
        }
    }
    sl_free(copy);
}

static void moved_doubled_and_missing_records_are_found(void **state)
{
    struct world *t = *state;
    struct sl_rand rand;
    sl_rand_seed(&rand, 3);
    struct journal_writer *w = journal_writer_of(t->j, 0);
    for (unsigned i = 0; i < RECORDS; i++) { /* all of one size, so that they can take each other's place */
        struct written *r = &t->all[t->n++];
        r->n = 33;
        for (size_t k = 0; k < r->n; k++)
            r->text[k] = (char)sl_rand_next(&rand);
        r->from = JOURNAL_HEAD_BYTES + i * frame_room(33);
        assert_int_equal(journal_append(w, JOURNAL_PLAIN, 1, sl_str_of(r->text, r->n), NULL), SL_OK);
        r->end = w->at;
    }
    journal_writer_finish(w);
    size_t room = (size_t)frame_room(33);
    unsigned char *copy = kit_copy(t->s);
    unsigned char *third = copy + t->all[2].from, *sixth = copy + t->all[5].from;
    struct journal_reader r;
    struct journal_head head;
    struct journal_record rec;
    enum journal_read what;

    /* Swapped: only those in order come out, with a word at each break. Their places differ, so read_image cannot judge. */
    unsigned char one[128];
    memcpy(one, third, room);
    memmove(third, sixth, room);
    memcpy(sixth, one, room);
    assert_int_equal(journal_reader_init(&r, copy, t->s->size, &head), SL_OK);
    uint32_t last = 0;
    while ((what = journal_reader_next(&r, &rec)) == JOURNAL_RECORD || what == JOURNAL_GAP) {
        if (what == JOURNAL_GAP)
            continue;
        assert_true(rec.sequence > last);
        last = rec.sequence;
    }
    assert_true(r.gaps >= 2);

    /* One taken out, the rest moved up: every byte is a good record, the chain is not. */
    memcpy(copy, t->s->base, t->s->size);
    memmove(third, third + room, (size_t)(t->all[RECORDS - 1].end + SEAL_ROOM - t->all[3].from));
    assert_int_equal(journal_reader_init(&r, copy, t->s->size, &head), SL_OK);
    unsigned records = 0;
    while ((what = journal_reader_next(&r, &rec)) == JOURNAL_RECORD || what == JOURNAL_GAP)
        records += what == JOURNAL_RECORD;
    assert_int_equal(records, RECORDS - 1);
    assert_int_equal(r.gaps, 1);
    assert_int_equal(r.gap_from, r.gap_to);

    /* One doubled in place of its neighbour. */
    memcpy(copy, t->s->base, t->s->size);
    memcpy(third, copy + t->all[1].from, room);
    struct reading got = read_image(t, copy, t->s->size);
    assert_int_equal(got.records, RECORDS - 1);
    assert_true(got.gaps >= 1);

    /* A record of another segment: its salt is another. */
    struct journal *other = kit_open(t->dir, NULL, JOURNAL_SEGMENT_MIN);
    assert_int_equal(journal_prepare(other, 1, NULL), SL_OK);
    struct journal_writer *ow = journal_writer_of(other, 0);
    for (unsigned i = 0; i < RECORDS; i++)
        assert_int_equal(journal_append(ow, JOURNAL_PLAIN, 1, sl_str_of(t->all[i].text, 33), NULL), SL_OK);
    memcpy(copy, t->s->base, t->s->size);
    memcpy(third, kit_first_segment(other)->base + t->all[2].from, room);
    got = read_image(t, copy, t->s->size);
    assert_int_equal(got.records, RECORDS - 1);
    assert_int_equal(got.gaps, 1);
    journal_close(other);
    sl_free(copy);
}

static void one_of_two_heads_is_enough(void **state)
{
    struct world *t = *state;
    struct sl_rand rand;
    sl_rand_seed(&rand, 4);
    write_records(t, RECORDS, &rand);
    unsigned char *copy = kit_copy(t->s);
    memset(copy, 0xEE, 512);
    struct reading got = read_image(t, copy, t->s->size);
    assert_true(got.head_damaged);
    assert_int_equal(got.records, RECORDS);
    memcpy(copy, t->s->base, 512);
    memset(copy + 512, 0, 512);
    got = read_image(t, copy, t->s->size);
    assert_true(got.head_damaged);
    assert_int_equal(got.records, RECORDS);
    memset(copy, 0, 1024);
    assert_true(read_image(t, copy, t->s->size).head_lost);
    assert_true(read_image(t, copy, 0).head_lost);
    assert_true(read_image(t, copy, 1023).head_lost);
    sl_free(copy);
}

/* A machine that lost its power: all up to the last sync is there; of what came later, any subset of sectors is, some of
 * them torn or with something else in them. */
static void what_was_synced_survives_any_crash(void **state)
{
    struct world *t = *state;
    struct sl_rand rand;
    sl_rand_seed(&rand, 5);
    write_records(t, 60, &rand);
    assert_int_equal(journal_sync(t->j, t->s), SL_OK);
    uint64_t synced = atomic_load(&t->s->synced);
    unsigned safe = t->n;
    write_records(t, 120, &rand);
    unsigned char *copy = kit_copy(t->s);
    uint64_t end = atomic_load(&t->s->committed);
    unsigned gaps_seen = 0, whole_seen = 0;
    for (unsigned image = 0; image < 10000; image++) {
        memcpy(copy + synced, t->s->base + synced, (size_t)(end - synced));
        unsigned density = (unsigned)sl_rand_below(&rand, 8);
        for (uint64_t at = synced; at < end;) {
            uint64_t next = (at / 512 + 1) * 512;
            next = next < end ? next : end;
            uint64_t dice = sl_rand_below(&rand, 8);
            if (dice < density) {
                uint64_t torn = dice == 0 ? at + sl_rand_below(&rand, next - at) : at; /* the sector's rest only */
                int with = dice == 1 ? (int)sl_rand_below(&rand, 256) : 0;
                memset(copy + torn, with, (size_t)(next - torn));
            }
            at = next;
        }
        struct reading got = read_image(t, copy, t->s->size);
        assert_false(got.head_lost || got.head_damaged);
        assert_true(got.records >= safe);
        gaps_seen += got.gaps > 0;
        whole_seen += got.records == t->n;
    }
    assert_true(gaps_seen > 1000 && whole_seen > 100); /* the images are of all kinds */
    sl_free(copy);
}

static void live_damage_is_never_a_quiet_end(void **state)
{
    struct world *t = *state;
    struct sl_rand rand;
    struct journal_reader r;
    struct journal_record rec;
    sl_rand_seed(&rand, 6);
    write_records(t, 3, &rand);
    t->s->base[t->all[2].from + 30] ^= 1; /* the last one: nothing follows it */
    journal_reader_init_live(&r, t->s);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_RECORD);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_RECORD);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_GAP);
    assert_int_equal(r.gap_to, t->all[2].end);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_END);
    write_records(t, 1, &rand);
    journal_reader_follow(&r, t->s);
    assert_int_equal(journal_reader_next(&r, &rec), JOURNAL_RECORD); /* it goes on behind */
    assert_int_equal(rec.sequence, 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tails_torn_at_every_byte_are_a_normal_end),   T(every_flipped_byte_is_found),
        T(moved_doubled_and_missing_records_are_found), T(one_of_two_heads_is_enough),
        T(what_was_synced_survives_any_crash),          T(live_damage_is_never_a_quiet_end),
    };
    return cmocka_run_group_tests_name("journal_damage", tests, NULL, NULL);
}
