/* Client keys in the SQLite store. Rare: each call is a transaction of its own. Called by the keeper (reading) and by
 * `sluice keys`. */
#include "store/sqlite_int.h"

static void bind_key(sqlite3_stmt *st, const struct store_key *k)
{
    sqlite_bind_id(st, 1, k->id);
    sqlite_bind_str(st, 2, k->name);
    sqlite_bind_str(st, 3, k->tenant);
    (void)sqlite3_bind_blob(st, 4, k->digest, sizeof k->digest, SQLITE_STATIC);
    sqlite_bind_str(st, 5, k->prefix);
    (void)sqlite3_bind_int64(st, 6, k->created_ns);
    (void)sqlite3_bind_int64(st, 7, k->expires_ns);
    (void)sqlite3_bind_int64(st, 8, k->revoked_ns);
    sqlite_bind_id(st, 9, k->rotated_from);
    sqlite_bind_str(st, 10, k->models);
    sqlite_bind_str(st, 11, k->operations);
    sqlite_bind_str(st, 12, k->tags);
}

enum sl_err sqlite_insert_key(struct store *s, const struct store_key *k, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_INSERT_KEY, fail);
    if (st == NULL)
        return SL_EIO;
    bind_key(st, k);
    return sqlite_run(q, st, "add a key to", fail);
}

static enum sl_err set_time(struct store *s, enum sqlite_statement which, struct sl_id id, int64_t ns,
                            struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, which, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_id(st, 1, id);
    (void)sqlite3_bind_int64(st, 2, ns);
    enum sl_err e = sqlite_run(q, st, "change a key of", fail);
    if (e == SL_OK && sqlite3_changes(q->db) == 0)
        return sl_fail_set(fail, SL_ENOENT, "", "there is no key with this id");
    return e;
}

enum sl_err sqlite_end_key(struct store *s, struct sl_id id, int64_t revoked_ns, struct sl_fail *fail)
{
    return set_time(s, SQ_END_KEY, id, revoked_ns, fail);
}

enum sl_err sqlite_expire_key(struct store *s, struct sl_id id, int64_t expires_ns, struct sl_fail *fail)
{
    return set_time(s, SQ_EXPIRE_KEY, id, expires_ns, fail);
}

enum sl_err sqlite_rotate_key(struct store *s, const struct store_key *fresh, int64_t old_expires_ns,
                              struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    enum sl_err e = s->ops->begin(s, STORE_NOW, fail);
    if (e != SL_OK)
        return e;
    e = sqlite_insert_key(s, fresh, fail);
    if (e == SL_OK)
        e = sqlite_expire_key(s, fresh->rotated_from, old_expires_ns, fail);
    if (e == SL_OK)
        e = s->ops->commit(s, fail);
    if (e != SL_OK && sqlite3_get_autocommit(q->db) == 0)
        s->ops->rollback(s);
    return e;
}

static void read_key(sqlite3_stmt *st, struct store_key *k)
{
    *k = (struct store_key){
        .id = sqlite_id_of(st, 0),
        .name = sqlite_text(st, 1),
        .tenant = sqlite_text(st, 2),
        .prefix = sqlite_text(st, 4),
        .created_ns = sqlite3_column_int64(st, 5),
        .expires_ns = sqlite3_column_int64(st, 6),
        .revoked_ns = sqlite3_column_int64(st, 7),
        .rotated_from = sqlite_id_of(st, 8),
        .models = sqlite_text(st, 9),
        .operations = sqlite_text(st, 10),
        .tags = sqlite_text(st, 11),
    };
    const void *digest = sqlite3_column_blob(st, 3);
    if (digest != NULL && sqlite3_column_bytes(st, 3) == (int)sizeof k->digest)
        memcpy(k->digest, digest, sizeof k->digest);
}

enum sl_err sqlite_each_key(struct store *s, store_key_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_EACH_KEY, fail);
    if (st == NULL)
        return SL_EIO;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_key k;
        read_key(st, &k);
        if (!f(arg, &k))
            break;
    }
    enum sl_err e = rc == SQLITE_DONE || rc == SQLITE_ROW ? SL_OK : sqlite_fail(q, "read keys of", fail);
    sqlite3_reset(st);
    return e;
}
