/* The store on SQLite: writing twice changes nothing, whatever the order; sums are exact; keys live and end; versions. */
#include "journal_kit.h"

#include <sqlite3.h>

#include "base/clock.h"
#include "store/sqlite_int.h"

struct world {
    char dir[64];
    char path[200];
    struct store *s;
};

static int set_up(void **state)
{
    struct world *t = SL_NEW(struct world);
    struct sl_fail fail;
    kit_make_dir(t->dir);
    (void)snprintf(t->path, sizeof t->path, "%s/ledger.db", t->dir);
    assert_int_equal(store_open_sqlite(t->path, STORE_WRITE, &t->s, &fail), SL_OK);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct world *t = *state;
    store_close(t->s);
    kit_remove_dir(t->dir);
    sl_free(t);
    return 0;
}

#define DAY_NS (86400 * SL_SEC)
#define NOON (INT64_C(1795176000) * SL_SEC) /* 2026-11-20T12:00:00Z */

static struct store_attempt an_attempt(uint64_t n)
{
    struct store_attempt a = {
        .has = STORE_HAS_OPEN | STORE_HAS_CLOSE,
        .attempt = {.hi = ((uint64_t)(NOON / SL_MS) << 16) | 0x7000, .lo = n},
        .exchange = {9, n},
        .key = {7, 7},
        .opened_ns = NOON,
        .estimate_input = 100,
        .estimate_cost_p = 5000,
        .worker = 1,
        .number = 1,
        .tenant = SL_STR("acme"),
        .model = SL_STR("gpt-4o"),
        .provider = SL_STR("openai"),
        .target = SL_STR("gpt-4o-2024-08-06"),
        .operation = SL_STR("chat"),
        .open_price_version = SL_STR("v1"),
        .closed_ns = NOON + SL_SEC,
        .cost_p = 1234,
        .duration_ns = SL_SEC,
        .first_token_ns = SL_MS,
        .bytes_in = 10,
        .bytes_out = 20,
        .status = 200,
        .outcome = SL_STR("ok"),
    };
    for (unsigned i = 0; i < STORE_CLASSES; i++)
        a.used[i] = i + 1;
    return a;
}

static void put(struct world *t, const struct store_attempt *a)
{
    struct sl_fail fail;
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, &fail), SL_OK);
    assert_int_equal(t->s->ops->put_attempt(t->s, a, &fail), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, &fail), SL_OK);
}

static uint64_t interrupt(struct world *t)
{
    uint64_t n = 99;
    assert_int_equal(t->s->ops->begin(t->s, STORE_NOW, NULL), SL_OK);
    assert_int_equal(t->s->ops->interrupt_open(t->s, NOON + DAY_NS, &n, NULL), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, NULL), SL_OK);
    return n;
}

struct got {
    unsigned n;
    struct store_attempt a;
    char outcome[40], version[40], tenant[40];
};

static bool take(void *arg, const struct store_attempt *a)
{
    struct got *g = arg;
    g->n++;
    g->a = *a;
    (void)snprintf(g->outcome, sizeof g->outcome, SL_STR_FMT, SL_STR_ARG(a->outcome));
    (void)snprintf(g->version, sizeof g->version, SL_STR_FMT, SL_STR_ARG(a->price_version));
    (void)snprintf(g->tenant, sizeof g->tenant, SL_STR_FMT, SL_STR_ARG(a->tenant));
    return true;
}

static struct got get(struct world *t)
{
    struct got g = {.n = 0};
    assert_int_equal(t->s->ops->each_attempt(t->s, take, &g, NULL), SL_OK);
    return g;
}

static void expect_whole(struct world *t)
{
    struct got g = get(t);
    struct store_attempt want = an_attempt(1);
    assert_int_equal(g.n, 1);
    assert_int_equal(g.a.state, STORE_CLOSED);
    assert_true(sl_id_eq(g.a.attempt, want.attempt) && sl_id_eq(g.a.exchange, want.exchange));
    assert_true(g.a.opened_ns == want.opened_ns && g.a.closed_ns == want.closed_ns && g.a.cost_p == want.cost_p);
    assert_true(g.a.estimate_cost_p == want.estimate_cost_p && g.a.duration_ns == want.duration_ns);
    assert_string_equal(g.outcome, "ok");
    assert_string_equal(g.tenant, "acme");
    assert_string_equal(g.version, "v1");
    assert_int_equal(g.a.close_flags, 0);
    for (unsigned i = 0; i < STORE_CLASSES; i++)
        assert_int_equal(g.a.used[i], i + 1);
}

/* Both halves in any order, any number of times, together or apart: one row, the same. */
static void any_order_and_any_repetition_give_one_row(void **state)
{
    struct world *t = *state;
    static const unsigned orders[][5] = {{3},          {1, 2},       {2, 1},    {1, 1, 2, 2},
                                         {2, 1, 2, 1}, {3, 1, 2, 3}, {1, 3, 2}, {2, 3, 1}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        for (size_t k = 0; k < 5 && orders[i][k] != 0; k++) {
            struct store_attempt a = an_attempt(1);
            a.has = orders[i][k];
            put(t, &a);
        }
        expect_whole(t);
        assert_int_equal(interrupt(t), 0);
        expect_whole(t);
        sqlite3 *db;
        assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "DELETE FROM attempts", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
    }
}

static void a_closed_attempt_is_final(void **state)
{
    struct world *t = *state;
    struct store_attempt a = an_attempt(1);
    put(t, &a);
    a.cost_p = 999999;
    a.outcome = SL_STR("reset");
    put(t, &a);
    a.has = STORE_HAS_CLOSE;
    put(t, &a);
    expect_whole(t);
}

static void open_without_close_is_interrupted_with_its_estimate(void **state)
{
    struct world *t = *state;
    struct store_attempt a = an_attempt(1);
    a.has = STORE_HAS_OPEN;
    a.open_flags = 8;
    put(t, &a);
    struct got g = get(t);
    assert_int_equal(g.a.state, STORE_OPEN);
    assert_int_equal(g.a.cost_p, 0);
    assert_int_equal(interrupt(t), 1);
    assert_int_equal(interrupt(t), 0);
    put(t, &a); /* replayed once more */
    g = get(t);
    assert_int_equal(g.a.state, STORE_INTERRUPTED);
    assert_int_equal(g.a.cost_p, 5000);
    assert_int_equal(g.a.used[STORE_INPUT], 100);
    assert_int_equal(g.a.close_flags, 8 | 7);
    assert_string_equal(g.outcome, "interrupted");
    /* The close turns up after all (another segment): what happened beats what was assumed. */
    a = an_attempt(1);
    a.has = STORE_HAS_CLOSE;
    put(t, &a);
    g = get(t);
    assert_int_equal(g.n, 1);
    assert_int_equal(g.a.state, STORE_CLOSED);
    assert_int_equal(g.a.cost_p, 1234);
    assert_int_equal(g.a.close_flags, 8);
    assert_string_equal(g.outcome, "ok");
}

static void a_close_alone_is_kept(void **state)
{
    struct world *t = *state;
    struct store_attempt a = an_attempt(1);
    a.has = STORE_HAS_CLOSE;
    put(t, &a);
    struct got g = get(t);
    assert_int_equal(g.a.state, STORE_CLOSED);
    assert_int_equal(g.a.has, STORE_HAS_CLOSE);
    assert_true(g.a.opened_ns == NOON); /* told by the close: its time less its duration */
    assert_int_equal(g.a.cost_p, 1234);
}

static void a_batch_is_all_or_nothing(void **state)
{
    struct world *t = *state;
    struct store_attempt a = an_attempt(1);
    uint64_t at = 77;
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, NULL), SL_OK);
    assert_int_equal(t->s->ops->put_attempt(t->s, &a, NULL), SL_OK);
    assert_int_equal(t->s->ops->put_position(t->s, 5, 4096, NULL), SL_OK);
    t->s->ops->rollback(t->s);
    t->s->ops->rollback(t->s); /* harmless */
    assert_int_equal(get(t).n, 0);
    assert_int_equal(t->s->ops->get_position(t->s, 5, &at, NULL), SL_OK);
    assert_int_equal(at, 0);
    assert_int_equal(t->s->ops->begin(t->s, STORE_NOW, NULL), SL_OK);
    assert_int_equal(t->s->ops->put_position(t->s, 5, 4096, NULL), SL_OK);
    assert_int_equal(t->s->ops->put_position(t->s, 5, 2048, NULL), SL_OK); /* never backwards */
    assert_int_equal(t->s->ops->put_position(t->s, 6, 1, NULL), SL_OK);
    assert_int_equal(t->s->ops->commit(t->s, NULL), SL_OK);
    assert_int_equal(t->s->ops->get_position(t->s, 5, &at, NULL), SL_OK);
    assert_int_equal(at, 4096);
    assert_int_equal(t->s->ops->last_segment(t->s, &at, NULL), SL_OK);
    assert_int_equal(at, 6);
    assert_int_equal(t->s->ops->drop_positions(t->s, 0, UINT64_MAX, NULL), SL_OK);
    assert_int_equal(t->s->ops->last_segment(t->s, &at, NULL), SL_OK);
    assert_int_equal(at, 0);
}

/* -- Sums ----------------------------------------------------------------------------------------------------------- */

struct sums {
    unsigned rows;
    uint64_t attempts, interrupted;
    __int128 cost_p;
    unsigned __int128 used[STORE_CLASSES];
    char groups[1024];
};

static bool add_row(void *arg, const struct store_usage_row *r)
{
    struct sums *s = arg;
    s->rows++;
    s->attempts += r->attempts;
    s->interrupted += r->interrupted;
    s->cost_p += r->cost_p;
    for (unsigned i = 0; i < STORE_CLASSES; i++)
        s->used[i] += r->used[i];
    size_t n = strlen(s->groups);
    (void)snprintf(s->groups + n, sizeof s->groups - n, SL_STR_FMT "=%llu;", SL_STR_ARG(r->group),
                   (unsigned long long)r->attempts);
    return true;
}

static struct sums sum_by(struct world *t, enum store_by by, int64_t from_ns, int64_t to_ns)
{
    struct sums s = {.rows = 0};
    struct store_usage_query q = {.by = by, .from_ns = from_ns, .to_ns = to_ns};
    struct sl_fail fail;
    assert_int_equal(t->s->ops->usage(t->s, &q, add_row, &s, &fail), SL_OK);
    return s;
}

/* Amounts up to the largest that a row can hold: 64-bit sums would overflow many times over. */
static void sums_are_exact_in_every_dimension(void **state)
{
    struct world *t = *state;
    static const enum store_by all[] = {STORE_BY_ALL, STORE_BY_KEY,    STORE_BY_MODEL, STORE_BY_PROVIDER,
                                        STORE_BY_DAY, STORE_BY_TARGET, STORE_BY_TENANT};
    struct sl_rand r;
    __int128 cost = 0;
    unsigned __int128 tokens[STORE_CLASSES] = {0};
    char name[3][16];
    sl_rand_seed(&r, 21);
    assert_int_equal(t->s->ops->begin(t->s, STORE_SOON, NULL), SL_OK);
    for (uint64_t i = 0; i < 20000; i++) {
        struct store_attempt a = an_attempt(i);
        a.opened_ns += (int64_t)sl_rand_below(&r, 10) * DAY_NS;
        a.attempt.hi = ((uint64_t)(a.opened_ns / SL_MS) << 16) | 0x7000;
        a.key = (struct sl_id){0, sl_rand_below(&r, 4)}; /* 0: none */
        for (int k = 0; k < 3; k++)
            (void)snprintf(name[k], sizeof name[k], "n%u", (unsigned)sl_rand_below(&r, 5));
        a.model = sl_str_c(name[0]);
        a.provider = sl_str_c(name[1]);
        a.target = sl_str_c(name[2]);
        a.cost_p = (int64_t)(sl_rand_next(&r) >> 1 >> sl_rand_below(&r, 60));
        cost += a.cost_p;
        for (unsigned c = 0; c < STORE_CLASSES; c++) {
            a.used[c] = sl_rand_next(&r) >> sl_rand_below(&r, 63);
            tokens[c] += a.used[c] > INT64_MAX ? INT64_MAX : a.used[c];
        }
        assert_int_equal(t->s->ops->put_attempt(t->s, &a, NULL), SL_OK);
    }
    assert_int_equal(t->s->ops->commit(t->s, NULL), SL_OK);
    assert_true(cost > (__int128)INT64_MAX * 10); /* it would have overflowed */
    static const unsigned rows[] = {1, 4, 5, 5, 10, 25, 1};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct sums s = sum_by(t, all[i], 0, INT64_MAX);
        assert_int_equal(s.rows, rows[i]);
        assert_int_equal(s.attempts, 20000);
        assert_true(s.cost_p == cost);
        for (unsigned c = 0; c < STORE_CLASSES; c++)
            assert_true(s.used[c] == tokens[c]);
    }
    /* And days cut apart add up again. */
    struct sums parts = {.rows = 0};
    for (int day = 0; day < 10; day++) {
        struct sums s = sum_by(t, STORE_BY_ALL, NOON + day * DAY_NS, NOON + (day + 1) * DAY_NS);
        parts.attempts += s.attempts;
        parts.cost_p += s.cost_p;
    }
    assert_int_equal(parts.attempts, 20000);
    assert_true(parts.cost_p == cost);
}

static void ranges_are_exact_at_their_ends(void **state)
{
    struct world *t = *state;
    struct store_attempt a = an_attempt(1);
    put(t, &a);
    assert_int_equal(sum_by(t, STORE_BY_ALL, NOON, NOON + 1).attempts, 1);
    assert_int_equal(sum_by(t, STORE_BY_ALL, NOON + 1, INT64_MAX).attempts, 0);
    assert_int_equal(sum_by(t, STORE_BY_ALL, 0, NOON).attempts, 0);
    assert_int_equal(sum_by(t, STORE_BY_DAY, 0, INT64_MAX).attempts, 1);
    assert_string_equal(sum_by(t, STORE_BY_DAY, 0, INT64_MAX).groups, "2026-11-20=1;");
    assert_string_equal(sum_by(t, STORE_BY_TARGET, 0, INT64_MAX).groups, "openai/gpt-4o-2024-08-06=1;");
    assert_int_equal(sum_by(t, STORE_BY_MODEL, INT64_MIN / 4, INT64_MAX).attempts, 1);
}

/* -- Keys ----------------------------------------------------------------------------------------------------------- */

static struct store_key a_key(uint64_t n)
{
    struct store_key k = {
        .id = {1, n},
        .name = SL_STR("Robert'); DROP TABLE keys;--"),
        .tenant = SL_STR("acme"),
        .prefix = SL_STR("sk-sluice-abcdefgh"),
        .created_ns = NOON + (int64_t)n,
        .models = SL_STR("a,b"),
    };
    memset(k.digest, (int)n, sizeof k.digest);
    return k;
}

struct keys_seen {
    unsigned n;
    struct store_key k[8];
    char name[64];
};

static bool see_key(void *arg, const struct store_key *k)
{
    struct keys_seen *s = arg;
    s->k[s->n++] = *k;
    (void)snprintf(s->name, sizeof s->name, SL_STR_FMT, SL_STR_ARG(k->name));
    return s->n < 8;
}

static struct keys_seen see_keys(struct world *t)
{
    struct keys_seen s = {.n = 0};
    assert_int_equal(t->s->ops->each_key(t->s, see_key, &s, NULL), SL_OK);
    return s;
}

static void keys_live_and_end(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    struct store_key one = a_key(1), two = a_key(2);
    assert_int_equal(t->s->ops->insert_key(t->s, &one, &fail), SL_OK);
    assert_int_equal(t->s->ops->insert_key(t->s, &one, &fail), SL_EEXIST);
    memcpy(two.digest, one.digest, sizeof two.digest);
    assert_int_equal(t->s->ops->insert_key(t->s, &two, &fail), SL_EEXIST); /* two keys of one text cannot be */
    two = a_key(2);
    two.rotated_from = one.id;
    assert_int_equal(t->s->ops->rotate_key(t->s, &two, NOON + 5, &fail), SL_OK);
    struct keys_seen s = see_keys(t);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.name, "Robert'); DROP TABLE keys;--");
    assert_true(s.k[0].expires_ns == NOON + 5);
    assert_true(sl_id_eq(s.k[1].rotated_from, one.id));
    assert_memory_equal(s.k[1].digest, two.digest, sizeof two.digest);
    /* A rotation of what is not there leaves nothing behind. */
    struct store_key three = a_key(3);
    three.rotated_from = (struct sl_id){8, 8};
    assert_int_equal(t->s->ops->rotate_key(t->s, &three, NOON, &fail), SL_ENOENT);
    assert_int_equal(see_keys(t).n, 2);
    assert_int_equal(t->s->ops->end_key(t->s, two.id, NOON + 9, &fail), SL_OK);
    assert_int_equal(t->s->ops->end_key(t->s, two.id, NOON + 99, &fail), SL_OK); /* the first time counts */
    assert_true(see_keys(t).k[1].revoked_ns == NOON + 9);
    assert_int_equal(t->s->ops->end_key(t->s, three.id, NOON, &fail), SL_ENOENT);
    assert_int_equal(t->s->ops->expire_key(t->s, three.id, NOON, &fail), SL_ENOENT);
}

static void a_change_by_another_connection_is_noticed(void **state)
{
    struct world *t = *state;
    struct store *other;
    struct store_key k = a_key(1);
    uint64_t before, after;
    assert_int_equal(t->s->ops->version(t->s, &before, NULL), SL_OK);
    struct store_attempt a = an_attempt(1);
    put(t, &a);
    assert_int_equal(t->s->ops->version(t->s, &after, NULL), SL_OK);
    assert_int_equal(before, after); /* our own does not count */
    assert_int_equal(store_open_sqlite(t->path, STORE_WRITE, &other, NULL), SL_OK);
    assert_int_equal(other->ops->insert_key(other, &k, NULL), SL_OK);
    assert_int_equal(t->s->ops->version(t->s, &after, NULL), SL_OK);
    assert_int_not_equal(before, after);
    store_close(other);
}

/* -- Opening -------------------------------------------------------------------------------------------------------- */

static void what_was_written_is_there_after_opening_again(void **state)
{
    struct world *t = *state;
    struct sl_fail fail;
    struct store_attempt a = an_attempt(1);
    put(t, &a);
    store_close(t->s);
    assert_int_equal(store_open_sqlite(t->path, STORE_READ, &t->s, &fail), SL_OK);
    expect_whole(t);
    assert_int_not_equal(t->s->ops->begin(t->s, STORE_SOON, &fail) == SL_OK &&
                             t->s->ops->put_attempt(t->s, &a, &fail) == SL_OK,
                         true); /* a reader cannot write */
    t->s->ops->rollback(t->s);
}

static bool sum_used(void *arg, const struct store_usage_row *r)
{
    unsigned __int128 *to = arg;
    for (int i = 0; i < STORE_CLASSES; i++)
        to[i] += r->used[i];
    return true;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* A state directory of the release before units, made by its own steps: its attempts stay, and have none. */
static void an_older_database_is_brought_up_to_date(void **state)
{
    struct world *t = *state;
    struct store_attempt a = an_attempt(1);
    put(t, &a);
    store_close(t->s);
    t->s = NULL;
    char old[200];
    (void)snprintf(old, sizeof old, "%s/old.db", t->dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(old, &db), SQLITE_OK);
    run_sql(db, "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_ns INTEGER)");
    for (int64_t step = 0; step < 2; step++)
        run_sql(db, sqlite_step(step));
    run_sql(db, "INSERT INTO schema_version VALUES (1, 0), (2, 0)");
    char sql[600];
    (void)snprintf(sql, sizeof sql,
                   "ATTACH '%s' AS fresh; INSERT INTO attempts (attempt_id, state, opened_ns, input, cache_read, "
                   "cache_write, output, reasoning, audio_in, audio_out, image_in, image_out, cost_p) SELECT "
                   "attempt_id, state, opened_ns, input, cache_read, cache_write, output, reasoning, audio_in, "
                   "audio_out, image_in, image_out, cost_p FROM fresh.attempts",
                   t->path);
    run_sql(db, sql);
    sqlite3_close(db);
    (void)snprintf(t->path, sizeof t->path, "%s", old);

    struct store *s = NULL;
    struct sl_fail fail;
    assert_int_equal(store_open_sqlite(t->path, STORE_READ, &s, &fail), SL_EINVAL); /* a reader changes nothing */
    assert_int_equal(store_open_sqlite(t->path, STORE_WRITE, &t->s, &fail), SL_OK);
    unsigned __int128 used[STORE_CLASSES] = {0};
    const struct store_usage_query q = {.by = STORE_BY_ALL, .to_ns = INT64_MAX};
    assert_int_equal(t->s->ops->usage(t->s, &q, sum_used, used, &fail), SL_OK);
    for (int i = 0; i < STORE_CLASSES; i++)
        assert_true(used[i] == (i < STORE_VIDEO_OUT ? (unsigned)i + 1 : 0));
    a = an_attempt(2);
    put(t, &a);
    memset(used, 0, sizeof used);
    assert_int_equal(t->s->ops->usage(t->s, &q, sum_used, used, &fail), SL_OK);
    assert_true(used[STORE_PAGES] == (unsigned)STORE_PAGES + 1);
}

static void what_cannot_be_opened_says_why(void **state)
{
    struct world *t = *state;
    struct store *s = NULL;
    struct sl_fail fail;
    char path[200];
    (void)snprintf(path, sizeof path, "%s/none.db", t->dir);
    assert_int_equal(store_open_sqlite(path, STORE_READ, &s, &fail), SL_ENOENT);
    (void)snprintf(path, sizeof path, "%s/garbage.db", t->dir);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database at all ", f);
    fclose(f);
    assert_int_equal(store_open_sqlite(path, STORE_WRITE, &s, &fail), SL_ECORRUPT);
    assert_int_equal(store_open_sqlite(path, STORE_READ, &s, &fail), SL_ECORRUPT);

    sqlite3 *db; /* one of a program to come */
    assert_int_equal(sqlite3_open(t->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO schema_version VALUES (1000, 0)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(store_open_sqlite(t->path, STORE_WRITE, &s, &fail), SL_EINVAL);
    assert_true(sl_str_find_str(sl_str_c(fail.text), SL_STR("newer")) >= 0);
    assert_int_equal(store_open_sqlite(t->path, STORE_READ, &s, &fail), SL_EINVAL);
    assert_null(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(any_order_and_any_repetition_give_one_row),
        T(a_closed_attempt_is_final),
        T(open_without_close_is_interrupted_with_its_estimate),
        T(a_close_alone_is_kept),
        T(a_batch_is_all_or_nothing),
        T(sums_are_exact_in_every_dimension),
        T(ranges_are_exact_at_their_ends),
        T(keys_live_and_end),
        T(a_change_by_another_connection_is_noticed),
        T(what_was_written_is_there_after_opening_again),
        T(an_older_database_is_brought_up_to_date),
        T(what_cannot_be_opened_says_why),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
