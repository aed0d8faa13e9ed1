/* Copies of videos' contents in the SQLite store: docs/internals/kept-videos.md. Called by the keeper only. */
#include "store/sqlite_int.h"

#define COLUMNS "id, tenant, state, due_ns, until_ns, tries, place, parts"

const char *const sqlite_copy_sql[SQ_COUNT] = {
    [SQ_PUT_COPY] = "INSERT INTO copies (" COLUMNS
                    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
    [SQ_CHANGE_COPY] = "UPDATE copies SET state = ?2, due_ns = ?3, tries = ?4, place = ?5, parts = ?6"
                       " WHERE id = ?1 AND state = ?7",
    [SQ_DROP_COPY] = "DELETE FROM copies WHERE id = ?1 AND state = 3",
    [SQ_FIND_COPY] = "SELECT " COLUMNS " FROM copies WHERE id = ?1",
    [SQ_NEXT_COPIES] = "SELECT " COLUMNS " FROM copies ORDER BY due_ns LIMIT ?1",
};

/* -- Writing -------------------------------------------------------------------------------------------------------- */

enum sl_err sqlite_put_copy(struct store *s, const struct store_copy *c, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_COPY, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, c->id);
    sqlite_bind_str(st, 2, c->tenant);
    (void)sqlite3_bind_int64(st, 3, c->state);
    (void)sqlite3_bind_int64(st, 4, c->due_ns);
    (void)sqlite3_bind_int64(st, 5, c->until_ns);
    (void)sqlite3_bind_int64(st, 6, c->tries);
    sqlite_bind_str(st, 7, c->place);
    sqlite_bind_blob(st, 8, c->parts);
    return sqlite_run(q, st, "store a copy in", fail);
}

enum sl_err sqlite_change_copy(struct store *s, const struct store_copy *c, enum store_copy_state from,
                               struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_CHANGE_COPY, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, c->id);
    (void)sqlite3_bind_int64(st, 2, c->state);
    (void)sqlite3_bind_int64(st, 3, c->due_ns);
    (void)sqlite3_bind_int64(st, 4, c->tries);
    sqlite_bind_str(st, 5, c->place);
    sqlite_bind_blob(st, 6, c->parts);
    (void)sqlite3_bind_int64(st, 7, from);
    return sqlite_run_change(q, st, "change a copy of", fail);
}

enum sl_err sqlite_drop_copy(struct store *s, struct sl_str id, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_DROP_COPY, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, id);
    return sqlite_run(q, st, "forget a copy of", fail);
}

/* -- Reading -------------------------------------------------------------------------------------------------------- */

static enum sl_err give(struct sqlite_store *q, sqlite3_stmt *st, store_copy_f *f, void *arg, struct sl_fail *fail)
{
    bool found = false, more = true;
    int rc = SQLITE_DONE;
    while (more && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const void *parts = sqlite3_column_blob(st, 7);
        const struct store_copy c = {
            .id = sqlite_text(st, 0),
            .tenant = sqlite_text(st, 1),
            .state = (enum store_copy_state)sqlite3_column_int64(st, 2),
            .due_ns = sqlite3_column_int64(st, 3),
            .until_ns = sqlite3_column_int64(st, 4),
            .tries = (uint32_t)sqlite3_column_int64(st, 5),
            .place = sqlite_text(st, 6),
            .parts = sl_str_of(parts, parts != NULL ? (size_t)sqlite3_column_bytes(st, 7) : 0),
        };
        found = true;
        more = f(arg, &c);
    }
    enum sl_err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? SL_OK : sqlite_fail(q, "read a copy of", fail);
    sqlite3_reset(st);
    return e == SL_OK && !found ? SL_ENOENT : e;
}

enum sl_err sqlite_find_copy(struct store *s, struct sl_str id, store_copy_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_FIND_COPY, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, id);
    return give(q, st, f, arg, fail);
}

enum sl_err sqlite_next_copies(struct store *s, uint64_t most, store_copy_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_NEXT_COPIES, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, most > INT64_MAX ? INT64_MAX : (int64_t)most);
    return give(q, st, f, arg, fail);
}
