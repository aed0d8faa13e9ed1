/* Batches that run here, and files that are held here, in the database: pieces, lines once, results in order, what is swept. */
#include "store/batch_rows.h"
#include "world_kit.h"

#include "base/clock.h"

static const struct sl_id one = {7, 1};

static struct batch_rows *run(struct world *t, struct batch_rows *j)
{
    struct sl_fail fail;
    bool writes = batch_rows_writes(j);
    world_begin(t, writes);
    world_end(t, batch_rows_run(j, t->s, &fail), writes, &fail);
    return j;
}

static void run_free(struct world *t, struct batch_rows *j, enum batch_rows_found found)
{
    assert_int_equal(run(t, j)->found, found);
    batch_rows_free(j);
}

static struct store_batch a_batch(enum store_batch_state state)
{
    return (struct store_batch){.kind = STORE_OBJECT_BATCH,
                                .id = SL_STR("batch_1"),
                                .key = one,
                                .tenant = SL_STR("t"),
                                .state = state,
                                .input = SL_STR("file-1"),
                                .endpoint = SL_STR("/v1/chat/completions"),
                                .metadata = SL_STR("{\"a\":1}"),
                                .made_ns = 5,
                                .expires_ns = 50};
}

static void put_object(struct batch_rows *j, enum store_object_kind kind, const char *id)
{
    const struct store_object o = {
        .kind = kind, .id = sl_str_c(id), .key = one, .tenant = SL_STR("t"), .made_ns = 5, .body = SL_STR("{}")};
    batch_rows_add_object(j, &o);
}

static struct batch_rows *of_batch(enum batch_rows_kind kind)
{
    struct batch_rows *j = batch_rows_new(kind);
    j->b = a_batch(STORE_BATCH_RUNNING);
    return j;
}

static void put_batch(struct world *t, enum store_batch_state state, int64_t ended_ns)
{
    struct batch_rows *j = of_batch(BR_BATCH);
    j->b.state = state;
    j->b.ended_ns = ended_ns;
    put_object(j, STORE_OBJECT_BATCH, "batch_1");
    run_free(t, j, BF_OK);
}

static void add_line(struct batch_rows *j, uint64_t line, const char *custom_id, const char *input)
{
    *batch_rows_add_line(j) = (struct store_line){
        .line = line, .custom_id = sl_str_c(custom_id), .input = sl_str_c(input), .result = sl_str_c(input)};
}

static void put_piece(struct world *t, uint64_t at, const char *bytes)
{
    struct batch_rows *j = batch_rows_new(BR_PIECE);
    j->id = SL_STR("file-1");
    j->at = at;
    j->bytes = sl_str_c(bytes);
    run_free(t, j, BF_OK);
}

static struct batch_rows *read_piece(struct world *t, uint64_t at)
{
    struct batch_rows *j = batch_rows_new(BR_READ);
    j->id = SL_STR("file-1");
    j->at = at;
    return run(t, j);
}

static void test_pieces(void **state)
{
    struct world *t = *state;
    struct batch_rows *j;
    put_piece(t, 0, "one");
    put_piece(t, 1, "two");
    put_piece(t, 1, "TWO"); /* written twice: the same piece */
    j = read_piece(t, 1);
    assert_true(sl_str_eq(j->bytes, SL_STR("TWO")));
    batch_rows_free(j);
    j = read_piece(t, 2);
    assert_int_equal(j->found, BF_NONE);
    assert_int_equal(j->count, 0); /* it is no file yet */
    batch_rows_free(j);
    j = batch_rows_new(BR_OBJECTS);
    put_object(j, STORE_OBJECT_FILE, "file-1");
    run_free(t, j, BF_OK);
    j = read_piece(t, 2);
    assert_int_equal(j->count, 1);
    batch_rows_free(j);
    j = batch_rows_new(BR_SWEEP); /* a start: it has its row and stays */
    j->all = true;
    run_free(t, j, BF_OK);
    j = read_piece(t, 0);
    assert_int_equal(j->found, BF_OK);
    batch_rows_free(j);
    for (int i = 0; i < 2; i++) {
        j = batch_rows_new(BR_FILE_DROP);
        j->id = SL_STR("file-1");
        put_object(j, STORE_OBJECT_FILE, "file-1");
        run_free(t, j, i == 0 ? BF_OK : BF_NONE);
    }
    j = read_piece(t, 0);
    assert_int_equal(j->found, BF_NONE);
    batch_rows_free(j);
    put_piece(t, 0, "never ended");
    j = batch_rows_new(BR_SWEEP);
    j->all = true;
    run_free(t, j, BF_OK);
    j = read_piece(t, 0);
    assert_int_equal(j->found, BF_NONE);
    batch_rows_free(j);
}

static struct batch_rows *next_lines(struct world *t, uint64_t after, uint64_t limit)
{
    struct batch_rows *j = of_batch(BR_NEXT);
    j->after = after;
    j->limit = limit;
    return run(t, j);
}

static void end_line(struct world *t, uint64_t line, enum store_line_state state, const char *result, bool twice)
{
    struct batch_rows *j = of_batch(BR_DONE);
    add_line(j, line, "", result);
    j->lines[0].state = state;
    j->b.completed = line;
    assert_int_equal(run(t, j)->found, BF_OK);
    assert_int_equal(j->lines[0].twice, twice);
    batch_rows_free(j);
}

static void test_lines(void **state)
{
    struct world *t = *state;
    put_batch(t, STORE_BATCH_VALIDATING, 0);
    struct batch_rows *j = of_batch(BR_LINES);
    add_line(j, 1, "a", "{1}");
    add_line(j, 2, "b", "{2}");
    add_line(j, 4, "a", "{4}");
    add_line(j, 5, "c", "{5}");
    assert_int_equal(run(t, j)->found, BF_OK);
    assert_true(!j->lines[0].twice && !j->lines[1].twice && j->lines[2].twice && !j->lines[3].twice);
    batch_rows_free(j);
    j = next_lines(t, 0, 2);
    assert_int_equal(j->n_lines, 2);
    assert_true(sl_str_eq(j->lines[1].custom_id, SL_STR("b")) && sl_str_eq(j->lines[1].input, SL_STR("{2}")));
    batch_rows_free(j);
    end_line(t, 5, STORE_LINE_OUTPUT, "five\n", false);
    end_line(t, 1, STORE_LINE_OUTPUT, "one\n", false);
    end_line(t, 2, STORE_LINE_ERROR, "two\n", false);
    end_line(t, 1, STORE_LINE_ERROR, "ONE\n", true); /* the first one stays */
    j = next_lines(t, 0, 10);
    assert_int_equal(j->found, BF_NONE);
    batch_rows_free(j);
    static const char *const said[] = {"one\ntwo\nfive\n", "one\nfive\n", "two\n"};
    for (int s = 0; s < 3; s++) {
        j = of_batch(BR_RESULTS);
        j->state = (enum store_line_state)s;
        assert_true(sl_str_eq(run(t, j)->bytes, sl_str_c(said[s])));
        batch_rows_free(j);
    }
    j = of_batch(BR_RESULTS);
    j->after = 5;
    run_free(t, j, BF_NONE);
    j = of_batch(BR_NO_LINES);
    run_free(t, j, BF_OK);
    j = of_batch(BR_RESULTS);
    run_free(t, j, BF_NONE);
}

static size_t live(struct world *t)
{
    struct batch_rows *j = run(t, batch_rows_new(BR_LIVE));
    size_t n = j->n_batches;
    batch_rows_free(j);
    return n;
}

static void test_batches(void **state)
{
    struct world *t = *state;
    put_batch(t, STORE_BATCH_DRAFT, 0);
    assert_int_equal(live(t), 0); /* nobody was told of it */
    put_batch(t, STORE_BATCH_RUNNING, 0);
    assert_int_equal(live(t), 1);
    for (int i = 0; i < 2; i++) {
        struct batch_rows *j = of_batch(BR_CANCEL);
        j->b.cancel_ns = 9 + i;
        run_free(t, j, i == 0 ? BF_OK : BF_NONE);
    }
    put_batch(t, STORE_BATCH_RUNNING, 0); /* by somebody who did not know that it was cancelled */
    struct batch_rows *j = run(t, of_batch(BR_FIND));
    const struct store_batch *b = &j->batches[0];
    assert_int_equal(b->cancel_ns, 9);
    assert_true(sl_str_eq(b->metadata, SL_STR("{\"a\":1}")) && sl_str_eq(b->input, SL_STR("file-1")));
    assert_int_equal(b->expires_ns, 50);
    assert_true(sl_id_eq(b->key, one));
    batch_rows_free(j);
    put_batch(t, STORE_BATCH_CANCELLED, 20);
    put_batch(t, STORE_BATCH_RUNNING, 0); /* what has ended stays so */
    assert_int_equal(live(t), 0);
    j = batch_rows_new(BR_SWEEP);
    j->now_ns = 20;
    run_free(t, j, BF_OK);
    j = of_batch(BR_FIND);
    assert_int_equal(run(t, j)->found, BF_OK);
    batch_rows_free(j);
    j = batch_rows_new(BR_SWEEP);
    j->now_ns = 21;
    run_free(t, j, BF_OK);
    run_free(t, of_batch(BR_FIND), BF_NONE);
}

static struct store_object at_provider(enum store_object_kind kind, const char *id, const char *tenant,
                                       const char *body)
{
    return (struct store_object){.kind = kind,
                                 .id = sl_str_c(id),
                                 .key = one,
                                 .tenant = sl_str_c(tenant),
                                 .provider = SL_STR("up"),
                                 .made_ns = 5,
                                 .body = sl_str_c(body)};
}

static void put(struct world *t, struct store_object o)
{
    struct batch_rows *j = batch_rows_new(BR_OBJECTS);
    batch_rows_add_object(j, &o);
    run_free(t, j, BF_OK);
}

static struct batch_rows *uncharged(struct world *t, enum batch_rows_kind kind, uint64_t row)
{
    struct batch_rows *j = batch_rows_new(kind);
    j->at = j->after = row;
    j->limit = 10;
    return run(t, j);
}

/* Batches at providers until the ledger has them: in order, behind a row, and with whether their output was charged. */
static void test_uncharged(void **state)
{
    struct world *t = *state;
    put_batch(t, STORE_BATCH_RUNNING, 0); /* runs here */
    put(t, at_provider(STORE_OBJECT_BATCH, "batch_a", "t", "{\"output_file_id\":\"file-o\"}"));
    put(t, at_provider(STORE_OBJECT_MESSAGE_BATCH, "msgbatch_b", "t", "not JSON"));
    struct batch_rows *j = uncharged(t, BR_UNCHARGED, 0);
    assert_int_equal(j->n_objects, 2);
    int64_t first = j->objects[0].row, second = j->objects[1].row;
    assert_true(sl_str_eq(j->objects[0].id, SL_STR("batch_a")) && sl_str_eq(j->objects[1].id, SL_STR("msgbatch_b")));
    batch_rows_free(j);
    j = uncharged(t, BR_UNCHARGED, (uint64_t)first);
    assert_int_equal(j->n_objects, 1);
    batch_rows_free(j);
    j = uncharged(t, BR_UNCHARGED_ONE, (uint64_t)first);
    assert_true(j->n_objects == 1 && j->count == 0);
    batch_rows_free(j);
    struct store_object file = at_provider(STORE_OBJECT_FILE, "file-o", "t", "{}");
    file.settled = true;
    put(t, file);
    j = uncharged(t, BR_UNCHARGED_ONE, (uint64_t)first);
    assert_true(j->n_objects == 1 && j->count == 1);
    batch_rows_free(j);
    j = uncharged(t, BR_UNCHARGED_ONE, (uint64_t)second);
    assert_true(j->n_objects == 1 && j->count == 0);
    batch_rows_free(j);
    for (int i = 0; i < 2; i++) {
        j = batch_rows_new(BR_CHARGED);
        j->at = (uint64_t)first;
        run_free(t, j, i == 0 ? BF_OK : BF_NONE);
    }
    j = uncharged(t, BR_UNCHARGED_ONE, (uint64_t)first);
    assert_int_equal(j->found, BF_NONE);
    batch_rows_free(j);
}

static uint64_t found_file(struct world *t, const char *tenant, const char *intent, const char *id,
                           enum batch_rows_found found)
{
    struct batch_rows *j = batch_rows_new(BR_FOUND_FILES);
    struct store_object o = at_provider(STORE_OBJECT_FILE, id, tenant, "{}");
    batch_rows_add_object(j, &o);
    j->id = sl_str_c(intent);
    j->b.input = SL_STR("{\"filename\":\"a\",\"bytes\":1}");
    j->now_ns = 100;
    assert_int_equal(run(t, j)->found, found);
    uint64_t n = j->count;
    batch_rows_free(j);
    return n;
}

/* A file whose answer was lost is its tenant's, unless another's intent says the same; what has a row is taken from nobody. */
static void test_found_files(void **state)
{
    struct world *t = *state;
    put(t, at_provider(STORE_OBJECT_INTENT, "i1", "t", "{\"filename\":\"a\",\"bytes\":1,\"due\":7}"));
    put(t, at_provider(STORE_OBJECT_INTENT, "i2", "other", "{\"filename\":\"a\",\"bytes\":1,\"due\":8}"));
    put(t, at_provider(STORE_OBJECT_INTENT, "i3", "other", "file-of-a-batch"));
    put(t, at_provider(STORE_OBJECT_FILE, "file-known", "other", "{}"));
    assert_int_equal(found_file(t, "t", "i1", "file-new", BF_NONE), 0);
    assert_int_equal(found_file(t, "other", "i2", "file-known", BF_OK),
                     0); /* nothing is left for it: its intent goes */
    assert_int_equal(found_file(t, "t", "i1", "file-new", BF_OK), 1);
    struct batch_rows *j = batch_rows_new(BR_INTENTS);
    j->now_ns = 100;
    j->limit = 10;
    assert_true(run(t, j)->n_objects == 1 && sl_str_eq(j->objects[0].id, SL_STR("i3")));
    batch_rows_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_uncharged, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_found_files, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_pieces, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_lines, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_batches, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
