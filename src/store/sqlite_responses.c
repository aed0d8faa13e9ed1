/* Stored responses in the SQLite store: docs/internals/stored-responses.md. Called by the keeper only. Rows are found by id and
 * owner together: whoever is no owner gets what an unknown id gets. */
#include "store/sqlite_int.h"

#define COLUMNS                                                                                                        \
    "r.id, r.key_id, r.tenant, r.state, r.made_ns, r.expires_ns, r.provider, r.credential, r.model, r.response,"       \
    " r.previous, c.body, c.input"
#define FROM " FROM responses r LEFT JOIN response_contents c ON c.response = r.response"
/* ?1 what is looked for, ?2 the key, ?3 its tenant or NULL, ?4 now. The keys that were rotated to ?2 are walked back. */
#define OWNED                                                                                                          \
    "r.expires_ns > ?4 AND (r.tenant = ?3 OR r.key_id IN (WITH RECURSIVE mine(k) AS (SELECT ?2 UNION"                  \
    " SELECT rotated_from FROM keys, mine WHERE keys.key_id = mine.k AND rotated_from IS NOT NULL)"                    \
    " SELECT k FROM mine))"
#define CHAIN_MAX 100000u /* rows of one conversation */

const char *const sqlite_response_sql[SQ_COUNT] = {
    [SQ_PUT_RESPONSE] = "INSERT INTO responses (id, key_id, tenant, state, made_ns, expires_ns, provider, credential,"
                        " model, previous, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                        " ON CONFLICT (id, key_id) DO UPDATE SET state = excluded.state,"
                        " expires_ns = excluded.expires_ns, provider = excluded.provider,"
                        " credential = excluded.credential, model = excluded.model, previous = excluded.previous,"
                        " bytes = excluded.bytes",
    [SQ_UPDATE_RESPONSE] = "UPDATE responses SET state = ?4, expires_ns = ?6, bytes = ?11"
                           " WHERE id = ?1 AND key_id = ?2 AND state = 1",
    [SQ_RESPONSE_ROW] = "SELECT response FROM responses WHERE id = ?1 AND key_id = ?2",
    [SQ_PUT_CONTENT] = "INSERT INTO response_contents VALUES (?1, ?2, ?3)"
                       " ON CONFLICT (response) DO UPDATE SET body = excluded.body, input = excluded.input",
    [SQ_PUT_ITEM] = "INSERT INTO response_items VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [SQ_FIND_RESPONSE] = "SELECT " COLUMNS FROM " WHERE r.id = ?1 AND " OWNED " ORDER BY r.response DESC LIMIT 1",
    [SQ_FIND_ITEM] = "SELECT " COLUMNS FROM " WHERE r.response IN (SELECT response FROM response_items"
                     " WHERE item = ?1) AND " OWNED " ORDER BY r.response DESC LIMIT 1",
    [SQ_RESPONSE_AT] = "SELECT " COLUMNS FROM " WHERE r.response = ?1 AND " OWNED,
    [SQ_DELETE_RESPONSE] = "DELETE FROM responses WHERE response = ?1",
    [SQ_CANCEL_RESPONSE] = "UPDATE responses SET state = 3 WHERE response = ?1 AND state = 1",
    [SQ_EXTEND_RESPONSE] = "UPDATE responses SET expires_ns = max(expires_ns, ?2) WHERE response = ?1"
                           " RETURNING previous",
    [SQ_SWEEP_RESPONSES] = "DELETE FROM responses WHERE response IN (SELECT response FROM responses"
                           " WHERE expires_ns <= ?1 LIMIT ?2)",
    [SQ_LOSE_RESPONSES] = "UPDATE responses SET state = 4 WHERE state = 1",
    [SQ_KEY_ROOM] = "SELECT bytes FROM response_room WHERE key_id = ?1",
    [SQ_OLDEST_RESPONSE] = "SELECT response FROM responses WHERE key_id = ?1 AND response <> ?2 AND state <> 1"
                           " ORDER BY response LIMIT 1",
};

/* -- Writing -------------------------------------------------------------------------------------------------------- */

/* The number in the one row that it gives; SL_ENOENT: no row. */
static enum sl_err one_number(struct sqlite_store *q, sqlite3_stmt *st, int64_t *out, struct sl_fail *fail)
{
    int rc = sqlite3_step(st);
    enum sl_err e = SL_OK;
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    else
        e = rc == SQLITE_DONE ? SL_ENOENT : sqlite_fail(q, "read a response of", fail);
    sqlite3_reset(st);
    return e;
}

static enum sl_err put_head(struct sqlite_store *q, const struct store_response_put *p, int64_t bytes, int64_t *out_row,
                            struct sl_fail *fail)
{
    const struct store_response *r = &p->r;
    sqlite3_stmt *st = sqlite_statement(q, p->only_running ? SQ_UPDATE_RESPONSE : SQ_PUT_RESPONSE, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, r->id);
    sqlite_bind_id(st, 2, r->key);
    (void)sqlite3_bind_int64(st, 4, r->state);
    (void)sqlite3_bind_int64(st, 6, r->expires_ns);
    (void)sqlite3_bind_int64(st, 11, bytes);
    if (!p->only_running) {
        sqlite_bind_str(st, 3, r->tenant);
        (void)sqlite3_bind_int64(st, 5, r->made_ns);
        sqlite_bind_str(st, 7, r->provider);
        sqlite_bind_blob(st, 8, sl_str_of(r->credential, sizeof r->credential));
        sqlite_bind_str(st, 9, r->model);
        (void)sqlite3_bind_int64(st, 10, r->previous);
    }
    enum sl_err e = sqlite_run(q, st, "store a response in", fail);
    if (e != SL_OK)
        return e;
    if (p->only_running && sqlite3_changes(q->db) == 0)
        return SL_ENOENT;
    st = sqlite_statement(q, SQ_RESPONSE_ROW, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, r->id);
    sqlite_bind_id(st, 2, r->key);
    return one_number(q, st, out_row, fail);
}

static enum sl_err put_content(struct sqlite_store *q, const struct store_response *r, int64_t row,
                               struct sl_fail *fail)
{
    if (r->body.n == 0 && r->input.n == 0)
        return SL_OK;
    sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_CONTENT, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, row);
    sqlite_bind_blob(st, 2, r->body);
    sqlite_bind_blob(st, 3, r->input);
    return sqlite_run(q, st, "store a response in", fail);
}

static enum sl_err put_items(struct sqlite_store *q, const struct store_response_put *p, int64_t row,
                             struct sl_fail *fail)
{
    enum sl_err e = SL_OK;
    for (size_t i = 0; i < p->n_items && e == SL_OK; i++) {
        sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_ITEM, fail);
        if (st == NULL)
            return SL_EIO;
        sqlite_bind_str(st, 1, p->items[i]);
        sqlite_bind_id(st, 2, p->r.key);
        (void)sqlite3_bind_int64(st, 3, row);
        e = sqlite_run(q, st, "store a response in", fail);
    }
    return e;
}

static enum sl_err key_number(struct sqlite_store *q, enum sqlite_statement which, struct sl_id key, int64_t but,
                              int64_t *out, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, which, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_id(st, 1, key);
    if (which == SQ_OLDEST_RESPONSE)
        (void)sqlite3_bind_int64(st, 2, but);
    return one_number(q, st, out, fail);
}

/* The oldest of the key go until the rest fits; never the one that was just put. */
static enum sl_err make_room(struct store *s, const struct store_response_put *p, int64_t row, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    int64_t bytes = 0, oldest = 0;
    while (p->per_key > 0) {
        enum sl_err e = key_number(q, SQ_KEY_ROOM, p->r.key, 0, &bytes, fail);
        if (e != SL_OK || bytes <= 0 || (uint64_t)bytes <= p->per_key)
            return e == SL_ENOENT ? SL_OK : e;
        e = key_number(q, SQ_OLDEST_RESPONSE, p->r.key, row, &oldest, fail);
        if (e != SL_OK)
            return e == SL_ENOENT ? SL_OK : e;
        e = sqlite_delete_response(s, oldest, fail);
        if (e != SL_OK)
            return e;
    }
    return SL_OK;
}

#define ROW_BYTES 256 /* what a row takes besides its contents, about */

enum sl_err sqlite_put_response(struct store *s, const struct store_response_put *p, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    int64_t row = 0;
    enum sl_err e = put_head(q, p, (int64_t)(p->r.body.n + p->r.input.n + ROW_BYTES), &row, fail);
    if (e == SL_OK)
        e = put_content(q, &p->r, row, fail);
    if (e == SL_OK)
        e = put_items(q, p, row, fail);
    if (e == SL_OK && p->r.previous != 0)
        e = sqlite_extend_responses(s, p->r.previous, p->r.expires_ns, fail);
    return e == SL_OK ? make_room(s, p, row, fail) : e;
}

enum sl_err sqlite_extend_responses(struct store *s, int64_t row, int64_t expires_ns, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    for (unsigned n = 0; row != 0 && n < CHAIN_MAX; n++) {
        sqlite3_stmt *st = sqlite_statement(q, SQ_EXTEND_RESPONSE, fail);
        if (st == NULL)
            return SL_EIO;
        (void)sqlite3_bind_int64(st, 1, row);
        (void)sqlite3_bind_int64(st, 2, expires_ns);
        int64_t before = 0;
        enum sl_err e = one_number(q, st, &before, fail);
        if (e == SL_ENOENT)
            return SL_OK;
        if (e != SL_OK)
            return e;
        row = before;
    }
    return SL_OK;
}

enum sl_err sqlite_delete_response(struct store *s, int64_t row, struct sl_fail *fail)
{
    return sqlite_change_row(s, SQ_DELETE_RESPONSE, row, "change a response of", fail);
}

enum sl_err sqlite_cancel_response(struct store *s, int64_t row, struct sl_fail *fail)
{
    return sqlite_change_row(s, SQ_CANCEL_RESPONSE, row, "change a response of", fail);
}

static enum sl_err change_many(struct store *s, enum sqlite_statement which, int64_t now_ns, uint64_t most,
                               uint64_t *out_n, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, which, fail);
    if (st == NULL)
        return SL_EIO;
    if (which == SQ_SWEEP_RESPONSES) {
        (void)sqlite3_bind_int64(st, 1, now_ns);
        (void)sqlite3_bind_int64(st, 2, most > INT64_MAX ? INT64_MAX : (int64_t)most);
    }
    enum sl_err e = sqlite_run(q, st, "sweep responses of", fail);
    if (e == SL_OK)
        *out_n = (uint64_t)sqlite3_changes(q->db);
    return e;
}

enum sl_err sqlite_sweep_responses(struct store *s, int64_t now_ns, uint64_t most, uint64_t *out_n,
                                   struct sl_fail *fail)
{
    return change_many(s, SQ_SWEEP_RESPONSES, now_ns, most, out_n, fail);
}

enum sl_err sqlite_lose_responses(struct store *s, uint64_t *out_n, struct sl_fail *fail)
{
    return change_many(s, SQ_LOSE_RESPONSES, 0, 0, out_n, fail);
}

/* -- Reading -------------------------------------------------------------------------------------------------------- */

static void read_row(sqlite3_stmt *st, struct store_response *out)
{
    *out = (struct store_response){
        .id = sqlite_text(st, 0),
        .key = sqlite_id_of(st, 1),
        .tenant = sqlite_text(st, 2),
        .state = (enum store_response_state)sqlite3_column_int64(st, 3),
        .made_ns = sqlite3_column_int64(st, 4),
        .expires_ns = sqlite3_column_int64(st, 5),
        .provider = sqlite_text(st, 6),
        .model = sqlite_text(st, 8),
        .row = sqlite3_column_int64(st, 9),
        .previous = sqlite3_column_int64(st, 10),
        .body = sqlite_blob(st, 11),
        .input = sqlite_blob(st, 12),
    };
    sqlite_credential(st, 7, out->credential);
}

static void bind_owner(sqlite3_stmt *st, const struct store_response_owner *o)
{
    sqlite_bind_id(st, 2, o->key);
    if (o->tenant.n > 0)
        sqlite_bind_str(st, 3, o->tenant);
    else
        (void)sqlite3_bind_null(st, 3);
    (void)sqlite3_bind_int64(st, 4, o->now_ns);
}

/* Runs a statement that gives one row or none. */
static enum sl_err give_one(struct sqlite_store *q, sqlite3_stmt *st, store_response_f *f, void *arg,
                            int64_t *out_before, bool *out_more, struct sl_fail *fail)
{
    int rc = sqlite3_step(st);
    enum sl_err e = SL_OK;
    if (rc == SQLITE_ROW) {
        struct store_response r;
        read_row(st, &r);
        *out_before = r.previous;
        *out_more = f(arg, &r);
    } else {
        e = rc == SQLITE_DONE ? SL_ENOENT : sqlite_fail(q, "read a response of", fail);
    }
    sqlite3_reset(st);
    return e;
}

static enum sl_err find(struct store *s, enum sqlite_statement which, const struct store_response_owner *o,
                        struct sl_str what, store_response_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, which, fail);
    int64_t before = 0;
    bool more = false;
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, what);
    bind_owner(st, o);
    return give_one(q, st, f, arg, &before, &more, fail);
}

enum sl_err sqlite_find_response(struct store *s, const struct store_response_owner *o, struct sl_str id,
                                 store_response_f *f, void *arg, struct sl_fail *fail)
{
    return find(s, SQ_FIND_RESPONSE, o, id, f, arg, fail);
}

enum sl_err sqlite_find_response_item(struct store *s, const struct store_response_owner *o, struct sl_str item,
                                      store_response_f *f, void *arg, struct sl_fail *fail)
{
    return find(s, SQ_FIND_ITEM, o, item, f, arg, fail);
}

enum sl_err sqlite_response_chain(struct store *s, const struct store_response_owner *o, int64_t row,
                                  store_response_f *f, void *arg, bool *out_whole, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    bool more = true;
    unsigned n = 0;
    for (; row != 0 && more && n < CHAIN_MAX; n++) {
        sqlite3_stmt *st = sqlite_statement(q, SQ_RESPONSE_AT, fail);
        if (st == NULL)
            return SL_EIO;
        (void)sqlite3_bind_int64(st, 1, row);
        bind_owner(st, o);
        enum sl_err e = give_one(q, st, f, arg, &row, &more, fail);
        if (e == SL_ENOENT)
            break;
        if (e != SL_OK)
            return e;
    }
    *out_whole = row == 0;
    return SL_OK;
}
