/* Stored responses in the database: who may see them, chains, room, time, what runs, and what a kill leaves. */
#include "world_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "store/response_job.h"
#include "store/sqlite_int.h"

#define NOW (INT64_C(1795176000) * SL_SEC)
#define SOON (NOW + 60 * SL_SEC)

static const struct sl_id one = {7, 1}, two = {7, 2};

/* -- Jobs ----------------------------------------------------------------------------------------------------------- */

static struct response_job *run(struct world *t, struct response_job *j)
{
    struct sl_fail fail;
    world_begin(t, response_job_writes(j));
    world_end(t, response_job_run(j, t->s, &fail), response_job_writes(j), &fail);
    return j;
}

static struct response_job *put_of(const char *id, struct sl_id key, const char *body, int64_t previous)
{
    struct response_job *j = response_job_new(RJ_PUT);
    j->put.r = (struct store_response){
        .id = sl_str_c(id),
        .key = key,
        .tenant = SL_STR("acme"),
        .state = STORE_RESPONSE_ENDED,
        .made_ns = NOW,
        .expires_ns = SOON,
        .model = SL_STR("m"),
        .previous = previous,
        .body = sl_str_c(body),
        .input = SL_STR("[]"),
    };
    return j;
}

static enum response_found put_job(struct world *t, struct response_job *j)
{
    enum response_found found = run(t, j)->found;
    response_job_free(j);
    return found;
}

static enum response_found put(struct world *t, const char *id, struct sl_id key, const char *body, int64_t previous)
{
    return put_job(t, put_of(id, key, body, previous));
}

static struct response_job *ask_at(struct world *t, enum response_job_kind kind, struct sl_str id, struct sl_id key,
                                   const char *tenant, int64_t now)
{
    struct response_job *j = response_job_new(kind);
    j->id = id;
    j->owner = (struct store_response_owner){.key = key, .tenant = sl_str_c(tenant), .now_ns = now};
    return run(t, j);
}

static struct response_job *ask(struct world *t, enum response_job_kind kind, const char *id, struct sl_id key)
{
    return ask_at(t, kind, sl_str_c(id), key, "", NOW);
}

/* The body, "" where there is none. */
static void expect_body(struct world *t, const char *id, struct sl_id key, const char *want)
{
    struct response_job *j = ask(t, RJ_FIND, id, key);
    assert_int_equal(j->found, *want != 0 ? RF_OK : RF_NONE);
    assert_true(sl_str_eq(j->r.body, sl_str_c(want)));
    response_job_free(j);
}

static int64_t row_of(struct world *t, const char *id, struct sl_id key)
{
    struct response_job *j = ask(t, RJ_FIND, id, key);
    int64_t row = j->r.row;
    assert_int_equal(j->found, RF_OK);
    response_job_free(j);
    return row;
}

static int64_t number(struct world *t, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open_v2(t->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

/* -- Who may see them ----------------------------------------------------------------------------------------------- */

static void a_row_is_its_keys(void **state)
{
    struct world *t = *state;
    assert_int_equal(put(t, "resp_a", one, "{\"of\":1}", 0), RF_OK);
    assert_int_equal(put(t, "resp_a", two, "{\"of\":2}", 0), RF_OK); /* a provider may say an id twice */
    expect_body(t, "resp_a", one, "{\"of\":1}");
    expect_body(t, "resp_a", two, "{\"of\":2}");
    expect_body(t, "resp_a", (struct sl_id){7, 3}, "");
    static const enum response_job_kind kinds[] = {RJ_CHAIN, RJ_DELETE, RJ_DROP, RJ_CANCEL};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct response_job *j = ask(t, kinds[i], "resp_a", (struct sl_id){7, 3});
        assert_int_equal(j->found, RF_NONE);
        response_job_free(j);
    }
    response_job_free(ask(t, RJ_DELETE, "resp_a", one));
    expect_body(t, "resp_a", one, "");
    expect_body(t, "resp_a", two, "{\"of\":2}");
}

static void a_tenant_may_share(void **state)
{
    struct world *t = *state;
    put(t, "resp_a", one, "{}", 0);
    static const struct {
        const char *tenant;
        enum response_found found;
    } rows[] = {{"acme", RF_OK}, {"acm", RF_NONE}, {"acme2", RF_NONE}, {"", RF_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct response_job *j = ask_at(t, RJ_FIND, SL_STR("resp_a"), two, rows[i].tenant, NOW);
        assert_int_equal(j->found, rows[i].found);
        response_job_free(j);
    }
}

static void add_key(struct world *t, struct sl_id id, struct sl_id from)
{
    struct sl_fail fail;
    struct store_key k = {.id = id,
                          .name = SL_STR("k"),
                          .tenant = SL_STR("acme"),
                          .prefix = SL_STR("sk"),
                          .created_ns = NOW,
                          .rotated_from = from};
    memcpy(k.digest, &id, sizeof id);
    assert_int_equal(t->s->ops->insert_key(t->s, &k, &fail), SL_OK);
}

static void a_rotated_key_goes_on(void **state)
{
    struct world *t = *state;
    const struct sl_id three = {7, 3}, other = {7, 4};
    add_key(t, one, (struct sl_id){0, 0});
    add_key(t, two, one);
    add_key(t, three, two);
    add_key(t, other, (struct sl_id){0, 0});
    put(t, "resp_a", one, "{}", 0);
    expect_body(t, "resp_a", three, "{}");
    expect_body(t, "resp_a", other, "");
    put(t, "resp_b", three, "{}", 0);
    expect_body(t, "resp_b", one, ""); /* not backwards: the old one may be in other hands */
}

static void hostile_ids_are_only_ids(void **state)
{
    struct world *t = *state;
    static const char long_id[600] = {[0 ... 598] = 'x'};
    const struct sl_str ids[] = {SL_STR(""),         SL_STR("' OR 1=1 --"), SL_STR("resp_a\0b"), SL_STR("%"),
                                 SL_STR("resp\xff"), SL_STR("RESP_A"),      SL_STR("resp_a "),   sl_str_c(long_id)};
    put(t, "resp_a", one, "{}", 0);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct response_job *j = ask_at(t, RJ_FIND, ids[i], one, "", NOW);
        assert_int_equal(j->found, RF_NONE);
        response_job_free(j);
        j = ask_at(t, RJ_DROP, ids[i], one, "", NOW);
        assert_int_equal(j->found, RF_NONE);
        response_job_free(j);
    }
    expect_body(t, "resp_a", one, "{}");
}

/* -- Conversations -------------------------------------------------------------------------------------------------- */

static void a_chain_is_its_turns(void **state)
{
    struct world *t = *state;
    char id[32], body[40];
    int64_t row = 0;
    for (int i = 0; i < 40; i++) {
        (void)snprintf(id, sizeof id, "resp_%d", i);
        (void)snprintf(body, sizeof body, "{\"n\":%d}", i);
        assert_int_equal(put(t, id, one, body, row), RF_OK);
        row = row_of(t, id, one);
    }
    struct response_job *j = ask(t, RJ_CHAIN, "resp_25", one);
    assert_int_equal(j->found, RF_OK);
    assert_int_equal(j->n_turns, 26);
    for (size_t i = 0; i < j->n_turns; i++) {
        (void)snprintf(body, sizeof body, "{\"n\":%zu}", i);
        assert_true(sl_str_eq(j->turns[i].body, sl_str_c(body)));
    }
    response_job_free(j);

    j = response_job_new(RJ_CHAIN);
    j->id = SL_STR("resp_25");
    j->owner = (struct store_response_owner){.key = one, .now_ns = NOW};
    j->max_bytes = 100;
    assert_int_equal(run(t, j)->found, RF_TOO_LARGE);
    response_job_free(j);

    response_job_free(ask(t, RJ_DELETE, "resp_10", one));
    j = ask(t, RJ_CHAIN, "resp_25", one);
    assert_int_equal(j->found, RF_BROKEN);
    response_job_free(j);
    j = ask(t, RJ_CHAIN, "resp_9", one);
    assert_int_equal(j->found, RF_OK);
    assert_int_equal(j->n_turns, 10);
    response_job_free(j);
}

static void a_newer_turn_keeps_the_older(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    uint64_t n = 0;
    put(t, "resp_a", one, "{}", 0);
    put(t, "resp_alone", one, "{}", 0);
    struct response_job *j = put_of("resp_b", one, "{}", row_of(t, "resp_a", one));
    j->put.r.expires_ns = SOON + 100 * SL_SEC;
    put_job(t, j);
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
    assert_int_equal(t->s->ops->sweep_responses(t->s, SOON + SL_SEC, 1000, &n, &fail), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, &fail), SL_OK);
    assert_int_equal(n, 1);
    j = ask_at(t, RJ_CHAIN, SL_STR("resp_b"), one, "", SOON + SL_SEC);
    assert_int_equal(j->found, RF_OK);
    assert_int_equal(j->n_turns, 2);
    response_job_free(j);
}

static void items_are_found(void **state)
{
    struct world *t = *state;
    static const struct sl_str items[] = {SL_STR_INIT("msg_1"), SL_STR_INIT("fc_1")};
    static const struct sl_str pinned[] = {SL_STR_INIT("msg_2")};
    struct response_job *j = put_of("resp_a", one, "{\"a\":1}", 0);
    j->put.items = items;
    j->put.n_items = 2;
    put_job(t, j);
    j = put_of("resp_p", one, "", 0);
    j->put.r.state = STORE_RESPONSE_PIN;
    j->put.r.provider = SL_STR("openai");
    j->put.items = pinned;
    j->put.n_items = 1;
    put_job(t, j);

    const struct sl_str both[] = {SL_STR("fc_1"), SL_STR("msg_1"), SL_STR("msg_2")};
    j = response_job_new(RJ_ITEMS);
    j->owner = (struct store_response_owner){.key = one, .now_ns = NOW};
    j->items = both;
    j->n_items = 3;
    assert_int_equal(run(t, j)->found, RF_OK);
    assert_int_equal(j->n_turns, 2); /* each row once */
    assert_int_equal(j->r.state, STORE_RESPONSE_PIN);
    assert_true(sl_str_eq(j->r.provider, SL_STR("openai")));
    response_job_free(j);

    j = response_job_new(RJ_ITEMS);
    j->owner = (struct store_response_owner){.key = two, .now_ns = NOW};
    j->items = both;
    j->n_items = 1;
    assert_int_equal(run(t, j)->found, RF_NONE);
    response_job_free(j);
}

/* -- Time and room -------------------------------------------------------------------------------------------------- */

static void what_has_expired_is_not_there(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    uint64_t n = 0;
    char id[32];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(id, sizeof id, "resp_%d", i);
        put(t, id, one, "{}", 0);
    }
    struct response_job *j = ask_at(t, RJ_FIND, SL_STR("resp_1"), one, "", SOON);
    assert_int_equal(j->found, RF_NONE); /* not swept yet */
    response_job_free(j);
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
    assert_int_equal(t->s->ops->sweep_responses(t->s, SOON, 30, &n, &fail), SL_OK);
    assert_int_equal(n, 30);
    assert_int_equal(t->s->ops->sweep_responses(t->s, SOON, 30, &n, &fail), SL_OK);
    assert_int_equal(n, 20);
    assert_int_equal(t->s->ops->commit(t->s, &fail), SL_OK);
    assert_int_equal(number(t, "SELECT count(*) FROM responses"), 0);
    assert_int_equal(number(t, "SELECT count(*) FROM response_contents"), 0);
    assert_int_equal(number(t, "SELECT bytes FROM response_room"), 0);
}

static void the_oldest_make_room(void **state)
{
    struct world *t = *state;
    char id[32], body[2048];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = 0;
    put(t, "resp_other", two, body, 0);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof id, "resp_%d", i);
        struct response_job *j = put_of(id, one, body, 0);
        j->put.per_key = 10000;
        assert_int_equal(put_job(t, j), RF_OK);
        assert_true(number(t, "SELECT max(bytes) FROM response_room") <= 10000);
        expect_body(t, id, one, body);
    }
    expect_body(t, "resp_0", one, "");
    expect_body(t, "resp_other", two, body); /* another key's are not touched */
    assert_int_equal(number(t, "SELECT count(*) FROM responses"), 5);
    struct response_job *j = put_of("resp_big", one, body, 0); /* one that does not fit at all is kept alone */
    j->put.per_key = 100;
    assert_int_equal(put_job(t, j), RF_OK);
    expect_body(t, "resp_big", one, body);
    assert_int_equal(number(t, "SELECT count(*) FROM responses"), 2);
}

/* -- What runs ------------------------------------------------------------------------------------------------------ */

static enum store_response_state state_of(struct world *t, const char *id)
{
    struct response_job *j = ask(t, RJ_FIND, id, one);
    enum store_response_state s = j->r.state;
    assert_int_equal(j->found, RF_OK);
    response_job_free(j);
    return s;
}

static void put_running(struct world *t, const char *id)
{
    struct response_job *j = put_of(id, one, "{\"status\":\"queued\"}", 0);
    j->put.r.state = STORE_RESPONSE_RUNS;
    assert_int_equal(put_job(t, j), RF_OK);
}

static enum response_found end_run(struct world *t, const char *id)
{
    struct response_job *j = put_of(id, one, "{\"status\":\"completed\"}", 0);
    j->put.only_running = true;
    return put_job(t, j);
}

static void a_run_ends_once(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    uint64_t n = 0;
    put_running(t, "resp_a");
    assert_int_equal(end_run(t, "resp_a"), RF_OK);
    assert_int_equal(state_of(t, "resp_a"), STORE_RESPONSE_ENDED);
    expect_body(t, "resp_a", one, "{\"status\":\"completed\"}");
    assert_int_equal(end_run(t, "resp_a"), RF_NONE);

    put_running(t, "resp_b");
    struct response_job *j = ask(t, RJ_CANCEL, "resp_b", one);
    assert_int_equal(j->r.state, STORE_RESPONSE_CANCELLED);
    response_job_free(j);
    assert_int_equal(end_run(t, "resp_b"), RF_NONE); /* it came too late */
    assert_int_equal(state_of(t, "resp_b"), STORE_RESPONSE_CANCELLED);

    put_running(t, "resp_c");
    response_job_free(ask(t, RJ_DELETE, "resp_c", one));
    assert_int_equal(end_run(t, "resp_c"), RF_NONE); /* deleted stays deleted */
    expect_body(t, "resp_c", one, "");

    put_running(t, "resp_d");
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
    assert_int_equal(t->s->ops->lose_responses(t->s, &n, &fail), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, &fail), SL_OK);
    assert_int_equal(n, 1);
    assert_int_equal(state_of(t, "resp_d"), STORE_RESPONSE_LOST);
}

static void a_pin_is_not_deleted_before_its_provider(void **state)
{
    struct world *t = *state;
    struct response_job *j = put_of("resp_p", one, "", 0);
    j->put.r.state = STORE_RESPONSE_PIN;
    j->put.r.provider = SL_STR("openai");
    memset(j->put.r.credential, 0xa5, sizeof j->put.r.credential);
    put_job(t, j);
    j = ask(t, RJ_DELETE, "resp_p", one);
    assert_int_equal(j->r.state, STORE_RESPONSE_PIN);
    assert_int_equal(j->r.credential[7], 0xa5);
    response_job_free(j);
    assert_int_equal(state_of(t, "resp_p"), STORE_RESPONSE_PIN);
    response_job_free(ask(t, RJ_DROP, "resp_p", one));
    expect_body(t, "resp_p", one, "");
}

/* -- Crashes, and what is left of what was deleted -------------------------------------------------------------------- */

/* A child stores and says so through a pipe behind each commit, until it is killed in the middle of it. */
static void store_for_ever(struct world *t, int fd)
{
    char id[32], body[4096];
    memset(body, 'b', sizeof body - 1);
    body[sizeof body - 1] = 0;
    world_open(t);
    for (uint32_t i = 0;; i++) {
        (void)snprintf(id, sizeof id, "resp_%u", i);
        put(t, id, one, body, 0);
        if (write(fd, &i, sizeof i) != (ssize_t)sizeof i)
            _exit(1);
    }
}

static void what_was_committed_survives_a_kill(void **state)
{
    struct world *t = *state;
    store_close(t->s);
    t->s = NULL;
    for (unsigned round = 0; round < 5; round++) {
        int fds[2];
        uint32_t last = 0, seen;
        char id[32];
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0) {
            close(fds[0]);
            store_for_ever(t, fds[1]);
        }
        close(fds[1]);
        for (unsigned i = 0; i < 20 + 7 * round; i++)
            assert_int_equal(read(fds[0], &last, sizeof last), sizeof last);
        kill(child, SIGKILL);
        while (read(fds[0], &seen, sizeof seen) == (ssize_t)sizeof seen)
            last = seen;
        assert_int_equal(waitpid(child, NULL, 0), child);
        close(fds[0]);
        world_open(t);
        for (uint32_t i = 0; i <= last; i++) {
            (void)snprintf(id, sizeof id, "resp_%u", i);
            struct response_job *j = ask(t, RJ_FIND, id, one);
            assert_int_equal(j->found, RF_OK);
            assert_int_equal(j->r.body.n, 4095); /* whole */
            response_job_free(j);
        }
        assert_int_equal(number(t, "SELECT count(*) FROM responses"),
                         number(t, "SELECT count(*) FROM response_contents"));
        store_close(t->s);
        t->s = NULL;
    }
    world_open(t);
}

static bool file_has(const char *path, const char *text)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return false;
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    char *all = sl_malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, all, (size_t)st.st_size), st.st_size);
    close(fd);
    bool has = sl_str_find_str(sl_str_of(all, (size_t)st.st_size), sl_str_c(text)) >= 0;
    sl_free(all);
    return has;
}

static void deleted_bytes_are_gone(void **state)
{
    struct world *t = *state;
    char body[20000], wal[160];
    memset(body, 'z', sizeof body - 1);
    body[sizeof body - 1] = 0;
    memcpy(body + 9000, "zebra-secret", 12);
    put(t, "resp_a", one, body, 0);
    store_close(t->s);
    assert_true(file_has(t->path, "zebra-secret"));
    world_open(t);
    response_job_free(ask(t, RJ_DELETE, "resp_a", one));
    store_close(t->s);
    (void)snprintf(wal, sizeof wal, "%s-wal", t->path);
    assert_false(file_has(t->path, "zebra-secret"));
    assert_false(file_has(wal, "zebra-secret"));
    world_open(t);
}

static void half_a_batch_is_none(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
    struct response_job *j = put_of("resp_a", one, "{}", 0);
    assert_true(response_job_run(j, t->s, &fail));
    response_job_free(j);
    t->s->ops->rollback(t->s);
    expect_body(t, "resp_a", one, "");
    assert_int_equal(number(t, "SELECT count(*) FROM response_room"), 0);
}

static void run_sql(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A database as version 1 left it becomes the newest. */
static void an_older_database_gets_the_tables(void **state)
{
    struct world *t = *state;
    sqlite3 *db;
    int64_t newest = 0;
    while (sqlite_step(newest) != NULL)
        newest++;
    store_close(t->s);
    assert_int_equal(remove(t->path), 0);
    assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
    run_sql(db, sqlite_step(0));
    run_sql(db, "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_ns INTEGER)");
    run_sql(db, "INSERT INTO schema_version VALUES (1, 1)");
    sqlite3_close(db);
    world_open(t);
    assert_true(newest > 1);
    assert_int_equal(number(t, "SELECT max(version) FROM schema_version"), newest);
    add_key(t, one, (struct sl_id){0, 0});
    assert_int_equal(put(t, "resp_a", one, "{}", 0), RF_OK);
    expect_body(t, "resp_a", one, "{}");
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_row_is_its_keys),
        T(a_tenant_may_share),
        T(a_rotated_key_goes_on),
        T(hostile_ids_are_only_ids),
        T(a_chain_is_its_turns),
        T(a_newer_turn_keeps_the_older),
        T(items_are_found),
        T(what_has_expired_is_not_there),
        T(the_oldest_make_room),
        T(a_run_ends_once),
        T(a_pin_is_not_deleted_before_its_provider),
        T(what_was_committed_survives_a_kill),
        T(deleted_bytes_are_gone),
        T(half_a_batch_is_none),
        T(an_older_database_gets_the_tables),
    };
    return cmocka_run_group_tests_name("responses", tests, NULL, NULL);
}
