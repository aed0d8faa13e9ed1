/* Spend, tokens and other units, summed by a dimension. SQLite's sum() fails on 64-bit overflow and total() is a double; neither is
 * good enough for money, so sums are made by an aggregate of our own, sum_exact(x): 128 bits, given as a blob.
 * Called by `sluice usage`, and at start for budgets. */
#include "store/sqlite_int.h"

struct sum { /* SQLite's aggregate memory is aligned to 8 only: the sum is kept as bytes */
    unsigned char v[sizeof(__int128)];
};

static void sum_step(sqlite3_context *c, int n, sqlite3_value **v)
{
    struct sum *s = sqlite3_aggregate_context(c, sizeof *s);
    __int128 x;
    (void)n;
    if (s == NULL) {
        sqlite3_result_error_nomem(c);
        return;
    }
    memcpy(&x, s->v, sizeof x);
    x += sqlite3_value_int64(v[0]);
    memcpy(s->v, &x, sizeof x);
}

static void sum_final(sqlite3_context *c)
{
    static const struct sum zero;
    const struct sum *s = sqlite3_aggregate_context(c, 0);
    sqlite3_result_blob(c, s != NULL ? s->v : zero.v, sizeof zero.v, SQLITE_TRANSIENT);
}

enum sl_err sqlite_usage_setup(struct sqlite_store *q, struct sl_fail *fail)
{
    int rc = sqlite3_create_function_v2(q->db, "sum_exact", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                        NULL, NULL, sum_step, sum_final, NULL);
    return rc == SQLITE_OK ? SL_OK : sqlite_fail(q, "set up", fail);
}

static __int128 sum_of(sqlite3_stmt *st, int column)
{
    __int128 x = 0;
    const void *p = sqlite3_column_blob(st, column);
    if (p != NULL && sqlite3_column_bytes(st, column) == (int)sizeof x)
        memcpy(&x, p, sizeof x);
    return x;
}

/* 16: ENTRY_UNPRICED, 1: ENTRY_ESTIMATED. Ids begin with their time in ms (big-endian), so a range of ids is a range of
 * the primary key; opened_ns then decides exactly. */
#define QUERY(group, label, join)                                                                                      \
    "SELECT " group ", " label ", count(*), count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 2),"     \
    " count(*) FILTER (WHERE flags & 1), count(*) FILTER (WHERE flags & 16), sum_exact(cost_p), sum_exact(input),"     \
    " sum_exact(cache_read), sum_exact(cache_write), sum_exact(output), sum_exact(reasoning), sum_exact(audio_in),"    \
    " sum_exact(audio_out), sum_exact(image_in), sum_exact(image_out), sum_exact(video_out),"                          \
    " sum_exact(images_in), sum_exact(images_out), sum_exact(audio_ms_in), sum_exact(audio_ms_out),"                   \
    " sum_exact(video_ms_in), sum_exact(video_ms_out), sum_exact(characters), sum_exact(searches), sum_exact(pages)"   \
    " FROM attempts AS a" join RANGE
#define RANGE " WHERE attempt_id >= ?1 AND attempt_id < ?2 AND opened_ns >= ?3 AND opened_ns < ?4 GROUP BY 1 ORDER BY 1"

static const char *const queries[] = {
    [STORE_BY_ALL] = QUERY("''", "''", ""),
    [STORE_BY_KEY] = QUERY("a.key_id", "k.name", " LEFT JOIN keys AS k ON k.key_id = a.key_id"),
    [STORE_BY_MODEL] = QUERY("model", "''", ""),
    [STORE_BY_PROVIDER] = QUERY("provider", "''", ""),
    [STORE_BY_DAY] = QUERY("strftime('%Y-%m-%d', opened_ns / 1000000000, 'unixepoch')", "''", ""),
    [STORE_BY_TARGET] = QUERY("provider || '/' || target", "''", ""),
    [STORE_BY_TENANT] = QUERY("a.tenant", "''", ""),
    /* a month of many attempts is read while nobody is served */
    [STORE_SPENT_BY_TENANT] =
        "SELECT tenant, '', count(*), 0, 0, 0, 0,"
        " sum_exact(CASE WHEN state = 0 THEN estimate_cost_p ELSE cost_p END) FROM attempts" RANGE,
};

static void bind_range(sqlite3_stmt *st, const struct store_usage_query *query)
{
    const int64_t slack_ms = 3600 * 1000;
    int64_t from_ms = query->from_ns / 1000000 - slack_ms, to_ms = query->to_ns / 1000000 + slack_ms;
    bool bounded = to_ms < (INT64_C(1) << 47);
    unsigned char low[SQLITE_ID_BYTES], high[SQLITE_ID_BYTES + 1];
    sqlite_id_bytes((struct sl_id){.hi = from_ms > 0 ? (uint64_t)from_ms << 16 : 0, .lo = 0}, low);
    memset(high, 0xFF, sizeof high); /* longer than any id: behind them all */
    if (bounded)
        sqlite_id_bytes((struct sl_id){.hi = to_ms > 0 ? (uint64_t)to_ms << 16 : 0, .lo = 0}, high);
    (void)sqlite3_bind_blob(st, 1, low, sizeof low, SQLITE_TRANSIENT);
    (void)sqlite3_bind_blob(st, 2, high, bounded ? SQLITE_ID_BYTES : sizeof high, SQLITE_TRANSIENT);
    (void)sqlite3_bind_int64(st, 3, query->from_ns);
    (void)sqlite3_bind_int64(st, 4, query->to_ns);
}

static void read_row(sqlite3_stmt *st, const struct store_usage_query *query, char id_text[SL_ID_TEXT],
                     struct store_usage_row *out)
{
    *out = (struct store_usage_row){
        .group = sqlite_text(st, 0),
        .label = sqlite_text(st, 1),
        .attempts = (uint64_t)sqlite3_column_int64(st, 2),
        .open = (uint64_t)sqlite3_column_int64(st, 3),
        .interrupted = (uint64_t)sqlite3_column_int64(st, 4),
        .estimated = (uint64_t)sqlite3_column_int64(st, 5),
        .unpriced = (uint64_t)sqlite3_column_int64(st, 6),
        .cost_p = sum_of(st, 7),
    };
    for (int i = 0; i < STORE_CLASSES && 8 + i < sqlite3_column_count(st); i++)
        out->used[i] = (unsigned __int128)sum_of(st, 8 + i);
    if (query->by != STORE_BY_KEY)
        return;
    struct sl_id id = sqlite_id_of(st, 0);
    id_text[0] = 0;
    if (id.hi != 0 || id.lo != 0)
        sl_id_text(id, id_text);
    out->group = sl_str_c(id_text);
}

enum sl_err sqlite_usage(struct store *s, const struct store_usage_query *query, store_usage_f *f, void *arg,
                         struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = NULL;
    int rc;
    if (sqlite3_prepare_v2(q->db, queries[query->by], -1, &st, NULL) != SQLITE_OK)
        return sqlite_fail(q, "ask", fail);
    bind_range(st, query);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        char id_text[SL_ID_TEXT];
        struct store_usage_row row;
        read_row(st, query, id_text, &row);
        if (!f(arg, &row))
            break;
    }
    enum sl_err e = rc == SQLITE_DONE || rc == SQLITE_ROW ? SL_OK : sqlite_fail(q, "sum up", fail);
    sqlite3_finalize(st);
    return e;
}
