/* Objects in the SQLite store: files and batches that lie at providers (docs/internals/files.md). Called by the keeper only. Rows are
 * found by id and owner together: whoever is no owner gets what an unknown id gets. */
#include "store/sqlite_int.h"

#define COLUMNS "object, kind, id, key_id, tenant, provider, credential, made_ns, settled, body"
/* ?2 the key, ?3 its tenant or NULL. The keys that were rotated to ?2 are walked back. */
#define OWNED                                                                                                          \
    "(tenant = ?3 OR key_id IN (WITH RECURSIVE mine(k) AS (SELECT ?2 UNION"                                            \
    " SELECT rotated_from FROM keys, mine WHERE keys.key_id = mine.k AND rotated_from IS NOT NULL)"                    \
    " SELECT k FROM mine))"
/* ?1 the kind, ?4 the row that stands before the first, ?5 how many, ?6 a purpose or NULL */
#define PAGE                                                                                                           \
    "SELECT " COLUMNS " FROM objects WHERE kind = ?1 AND " OWNED                                                       \
    " AND (?6 IS NULL OR json_extract(CAST(body AS TEXT), '$.purpose') = ?6)"

const char *const sqlite_object_sql[SQ_COUNT] = {
    [SQ_PUT_OBJECT] =
        "INSERT INTO objects (kind, id, key_id, tenant, provider, credential, made_ns, settled, body)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (kind, id, key_id) DO UPDATE SET provider = excluded.provider,"
        " credential = excluded.credential, body = excluded.body, settled = max(settled, excluded.settled)",
    [SQ_FIND_OBJECT] = "SELECT " COLUMNS " FROM objects WHERE kind = ?4 AND id = ?1 AND " OWNED
                       " ORDER BY object DESC LIMIT 1",
    [SQ_FIND_ANY_OBJECT] = "SELECT " COLUMNS " FROM objects WHERE kind = ?4 AND id = ?1 LIMIT 1",
    [SQ_PAGE_NEWEST] = PAGE " AND (?4 = 0 OR object < ?4) ORDER BY object DESC LIMIT ?5",
    [SQ_PAGE_OLDEST] = PAGE " AND object > ?4 ORDER BY object LIMIT ?5",
    [SQ_DELETE_OBJECT] = "DELETE FROM objects WHERE object = ?1",
    [SQ_DISOWN_OBJECT] = "DELETE FROM objects WHERE kind = ?1 AND id = ?2 AND key_id <> ?3 AND provider = ?5"
                         " AND credential = ?6",
    [SQ_SETTLE_OBJECT] = "UPDATE objects SET settled = 1 WHERE object = ?1 AND settled = 0",
};

static void bind_owner(sqlite3_stmt *st, const struct store_response_owner *o)
{
    sqlite_bind_id(st, 2, o->key);
    if (o->tenant.n > 0)
        sqlite_bind_str(st, 3, o->tenant);
    else
        (void)sqlite3_bind_null(st, 3);
}

static void read_row(sqlite3_stmt *st, struct store_object *out)
{
    *out = (struct store_object){
        .row = sqlite3_column_int64(st, 0),
        .kind = (enum store_object_kind)sqlite3_column_int64(st, 1),
        .id = sqlite_text(st, 2),
        .key = sqlite_id_of(st, 3),
        .tenant = sqlite_text(st, 4),
        .provider = sqlite_text(st, 5),
        .made_ns = sqlite3_column_int64(st, 7),
        .settled = sqlite3_column_int64(st, 8) != 0,
        .body = sqlite_blob(st, 9),
    };
    sqlite_credential(st, 6, out->credential);
}

/* Gives all rows of the statement to f until it has enough. SL_ENOENT: there was none. */
static enum sl_err give(struct sqlite_store *q, sqlite3_stmt *st, store_object_f *f, void *arg, struct sl_fail *fail)
{
    enum sl_err e = SL_ENOENT;
    int rc;
    bool more = true;
    while (more && (rc = sqlite3_step(st)) != SQLITE_DONE) {
        struct store_object o;
        if (rc != SQLITE_ROW) {
            e = sqlite_fail(q, "read an object of", fail);
            break;
        }
        read_row(st, &o);
        e = SL_OK;
        more = f(arg, &o);
    }
    sqlite3_reset(st);
    return e;
}

static enum sl_err disown(struct sqlite_store *q, const struct store_object *o, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_DISOWN_OBJECT, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, o->kind);
    sqlite_bind_str(st, 2, o->id);
    sqlite_bind_id(st, 3, o->key);
    sqlite_bind_str(st, 5, o->provider);
    sqlite_bind_blob(st, 6, sl_str_of(o->credential, sizeof o->credential));
    return sqlite_run(q, st, "take an object's name in", fail);
}

enum sl_err sqlite_put_object(struct store *s, const struct store_object *o, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    enum sl_err e = o->sole ? disown(q, o, fail) : SL_OK;
    sqlite3_stmt *st = e == SL_OK ? sqlite_statement(q, SQ_PUT_OBJECT, fail) : NULL;
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, o->kind);
    sqlite_bind_str(st, 2, o->id);
    sqlite_bind_id(st, 3, o->key);
    sqlite_bind_str(st, 4, o->tenant);
    sqlite_bind_str(st, 5, o->provider);
    sqlite_bind_blob(st, 6, sl_str_of(o->credential, sizeof o->credential));
    (void)sqlite3_bind_int64(st, 7, o->made_ns);
    (void)sqlite3_bind_int64(st, 8, o->settled);
    sqlite_bind_blob(st, 9, o->body);
    return sqlite_run(q, st, "store an object in", fail);
}

enum sl_err sqlite_find_object(struct store *s, const struct store_response_owner *owner, enum store_object_kind kind,
                               struct sl_str id, store_object_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, owner != NULL ? SQ_FIND_OBJECT : SQ_FIND_ANY_OBJECT, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, id);
    if (owner != NULL)
        bind_owner(st, owner);
    (void)sqlite3_bind_int64(st, 4, kind);
    return give(q, st, f, arg, fail);
}

static bool note_row(void *arg, const struct store_object *o)
{
    *(int64_t *)arg = o->row;
    return false;
}

enum sl_err sqlite_page_objects(struct store *s, const struct store_response_owner *owner,
                                const struct store_object_page *page, store_object_f *f, void *arg,
                                struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    int64_t after = 0;
    enum sl_err e = SL_OK;
    if (page->after.n > 0)
        e = sqlite_find_object(s, owner, page->kind, page->after, note_row, &after, fail);
    if (e != SL_OK)
        return e;
    sqlite3_stmt *st = sqlite_statement(q, page->oldest_first != page->before ? SQ_PAGE_OLDEST : SQ_PAGE_NEWEST, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, page->kind);
    bind_owner(st, owner);
    (void)sqlite3_bind_int64(st, 4, after);
    (void)sqlite3_bind_int64(st, 5, page->limit > INT64_MAX ? INT64_MAX : (int64_t)page->limit);
    if (page->purpose.n > 0)
        sqlite_bind_str(st, 6, page->purpose);
    else
        (void)sqlite3_bind_null(st, 6);
    e = give(q, st, f, arg, fail);
    return e == SL_ENOENT ? SL_OK : e; /* an empty page */
}

enum sl_err sqlite_delete_object(struct store *s, int64_t row, struct sl_fail *fail)
{
    return sqlite_change_row(s, SQ_DELETE_OBJECT, row, "change an object of", fail);
}

enum sl_err sqlite_settle_object(struct store *s, int64_t row, struct sl_fail *fail)
{
    return sqlite_change_row(s, SQ_SETTLE_OBJECT, row, "change an object of", fail);
}
