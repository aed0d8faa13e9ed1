/* Batches that the gateway runs itself, and files that it holds, in the SQLite store (docs/internals/batches.md). Called by the keeper
 * only. What is asked by id is asked after the object's row was found with its owner. */
#include "base/buf.h"
#include "base/clock.h"
#include "store/batch_rows.h"
#include "store/sqlite_int.h"

#define BATCH                                                                                                          \
    "kind, id, key_id, tenant, state, input, endpoint, betas, metadata, errors, made_ns, began_ns, finalizing_ns,"     \
    " ended_ns, expires_ns, cancel_ns, total, completed, failed, cancelled, expired, bytes_out, bytes_err"
#define OF_BATCH "batch = (SELECT batch FROM batches WHERE id = ?1)"

/* A batch that has ended is never changed again; when it is to be cancelled is never forgotten. */
const char *const sqlite_batch_sql[SQ_COUNT] = {
    [SQ_PUT_PIECE] = "INSERT OR REPLACE INTO file_pieces (file, at, bytes) VALUES (?1, ?2, ?3)",
    [SQ_READ_PIECE] = "SELECT bytes FROM file_pieces WHERE file = ?1 AND at = ?2",
    [SQ_IS_HERE] = "SELECT count(*) FROM objects WHERE kind = 1 AND id = ?1 AND provider = ''",
    [SQ_DROP_PIECES] = "DELETE FROM file_pieces WHERE file = ?1",
    [SQ_DROP_HERE] = "DELETE FROM objects WHERE kind = ?1 AND id = ?2 AND provider = ''",
    [SQ_PUT_BATCH] =
        "INSERT INTO batches (" BATCH ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
        " ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
        " errors = excluded.errors, began_ns = excluded.began_ns, finalizing_ns = excluded.finalizing_ns,"
        " ended_ns = excluded.ended_ns, cancel_ns = max(cancel_ns, excluded.cancel_ns),"
        " total = excluded.total, completed = excluded.completed, failed = excluded.failed,"
        " cancelled = excluded.cancelled, expired = excluded.expired, bytes_out = excluded.bytes_out,"
        " bytes_err = excluded.bytes_err WHERE batches.ended_ns = 0",
    [SQ_FIND_BATCH] = "SELECT " BATCH " FROM batches WHERE id = ?1",
    [SQ_LIVE_BATCHES] = "SELECT " BATCH " FROM batches WHERE ended_ns = 0 AND state > 0 ORDER BY batch",
    [SQ_CANCEL_BATCH] = "UPDATE batches SET cancel_ns = ?2 WHERE id = ?1 AND ended_ns = 0 AND cancel_ns = 0",
    [SQ_PUT_LINE] = "INSERT INTO batch_lines (batch, line, custom_id, input)"
                    " SELECT batch, ?2, ?3, ?4 FROM batches WHERE id = ?1 ON CONFLICT (batch, custom_id) DO NOTHING",
    [SQ_DROP_LINES] = "DELETE FROM batch_lines WHERE " OF_BATCH,
    [SQ_END_LINE] = "UPDATE batch_lines SET state = ?3, result = ?4, input = NULL WHERE " OF_BATCH
                    " AND line = ?2 AND state = 0",
    [SQ_NEXT_LINES] = "SELECT line, custom_id, CASE WHEN ?4 THEN input END FROM batch_lines WHERE " OF_BATCH
                      " AND state = 0 AND line > ?2 ORDER BY line LIMIT ?3",
    [SQ_RESULTS] = "SELECT line, result FROM batch_lines WHERE " OF_BATCH " AND line > ?2 AND state > 0"
                   " AND (?3 = 0 OR state = ?3) ORDER BY line",
    [SQ_DROP_RESULTS] = "UPDATE batch_lines SET result = NULL WHERE " OF_BATCH " AND state = ?2",
    [SQ_INTENTS] = "SELECT id, key_id, tenant, provider, credential, made_ns, body, object FROM objects"
                   " WHERE kind = 12 AND made_ns < ?1 AND object > ?2 ORDER BY object LIMIT ?3",
    [SQ_OTHER_INTENTS] =
        "SELECT count(*) FROM objects WHERE kind = 12 AND provider = ?2 AND tenant <> ?3 AND made_ns <= ?4"
        " AND json_valid(CAST(body AS TEXT)) AND json_extract(CAST(body AS TEXT), '$.filename') ="
        " json_extract(?1, '$.filename') AND json_extract(CAST(body AS TEXT), '$.bytes') ="
        " json_extract(?1, '$.bytes')",
    [SQ_FILE_KNOWN] = "SELECT count(*) FROM objects WHERE kind = 1 AND id = ?1 AND provider = ?2",
    [SQ_DROP_INTENT] = "DELETE FROM objects WHERE kind = 12 AND id = ?1",
    [SQ_UNCHARGED] =
        "SELECT object, kind, id, key_id, tenant, provider, credential, made_ns, x'', 0 FROM objects"
        " WHERE object > ?1 AND kind IN (2, 3) AND settled = 0 AND provider <> '' ORDER BY object LIMIT ?2",
    [SQ_UNCHARGED_ONE] =
        "SELECT object, kind, id, key_id, tenant, provider, credential, made_ns, body,"
        " (SELECT count(*) FROM objects f WHERE f.kind = 1 AND f.settled = 1 AND f.provider = o.provider"
        " AND o.kind = 2 AND json_valid(CAST(o.body AS TEXT))"
        " AND f.id = json_extract(CAST(o.body AS TEXT), '$.output_file_id'))"
        " FROM objects o WHERE object = ?1 AND settled = 0",
    [SQ_CHARGED] = "UPDATE objects SET settled = 1 WHERE object = ?1 AND settled = 0",
    [SQ_DROP_BATCH] = "DELETE FROM batches WHERE id = ?1",
};

static void bind_u64(sqlite3_stmt *st, int at, uint64_t v)
{
    (void)sqlite3_bind_int64(st, at, v > INT64_MAX ? INT64_MAX : (int64_t)v);
}

static struct sl_str copy_blob(sqlite3_stmt *st, int column, struct sl_arena *a)
{
    return sl_arena_str(a, sqlite_blob(st, column));
}

/* A statement with an id as its first parameter that gives no rows. */
static enum sl_err run_on(struct sqlite_store *q, enum sqlite_statement which, struct sl_str id, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, which, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, id);
    return sqlite_run(q, st, "change batches in", fail);
}

/* ---- files ---- */

static enum sl_err put_piece(struct sqlite_store *q, const struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_PIECE, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, j->id);
    bind_u64(st, 2, j->at);
    sqlite_bind_blob(st, 3, j->bytes);
    return sqlite_run(q, st, "store a piece of a file in", fail);
}

static enum sl_err is_here(struct sqlite_store *q, struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_IS_HERE, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, j->id);
    enum sl_err e = sqlite3_step(st) == SQLITE_ROW ? SL_OK : sqlite_fail(q, "look for a file in", fail);
    j->count = e == SL_OK ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return e;
}

static enum sl_err read_piece(struct sqlite_store *q, struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_READ_PIECE, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, j->id);
    bind_u64(st, 2, j->at);
    int rc = sqlite3_step(st);
    enum sl_err e = rc == SQLITE_ROW    ? SL_OK
                    : rc == SQLITE_DONE ? SL_ENOENT
                                        : sqlite_fail(q, "read a piece of a file from", fail);
    if (e == SL_OK)
        j->bytes = copy_blob(st, 0, &j->a);
    sqlite3_reset(st);
    if (e == SL_ENOENT && is_here(q, j, fail) != SL_OK)
        return SL_EIO;
    return e;
}

static enum sl_err put_objects(struct store *s, const struct batch_rows *j, struct sl_fail *fail)
{
    enum sl_err e = SL_OK;
    for (size_t i = 0; i < j->n_objects && e == SL_OK; i++)
        e = s->ops->put_object(s, &j->objects[i], fail);
    return e;
}

static enum sl_err drop_object(struct sqlite_store *q, const struct store_object *o, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_DROP_HERE, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, o->kind);
    sqlite_bind_str(st, 2, o->id);
    return sqlite_run_change(q, st, "delete an object of", fail);
}

static enum sl_err drop_results(struct sqlite_store *q, const struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_DROP_RESULTS, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, j->b.id);
    (void)sqlite3_bind_int64(st, 2, j->state);
    return sqlite_run(q, st, "delete results of", fail);
}

static enum sl_err drop_file(struct sqlite_store *q, const struct batch_rows *j, struct sl_fail *fail)
{
    enum sl_err e = drop_object(q, &j->objects[0], fail);
    if (e == SL_OK)
        e = j->b.id.n > 0 ? drop_results(q, j, fail) : run_on(q, SQ_DROP_PIECES, j->id, fail);
    return e;
}

/* ---- batches ---- */

static enum sl_err put_batch(struct sqlite_store *q, const struct store_batch *b, struct sl_fail *fail)
{
    const int64_t times[] = {b->made_ns, b->began_ns, b->finalizing_ns, b->ended_ns, b->expires_ns, b->cancel_ns};
    const uint64_t counts[] = {b->total, b->completed, b->failed, b->cancelled, b->expired, b->bytes_out, b->bytes_err};
    sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_BATCH, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, b->kind);
    sqlite_bind_str(st, 2, b->id);
    sqlite_bind_id(st, 3, b->key);
    sqlite_bind_str(st, 4, b->tenant);
    (void)sqlite3_bind_int64(st, 5, b->state);
    sqlite_bind_str(st, 6, b->input);
    sqlite_bind_str(st, 7, b->endpoint);
    sqlite_bind_str(st, 8, b->betas);
    sqlite_bind_blob(st, 9, b->metadata);
    sqlite_bind_blob(st, 10, b->errors);
    for (int i = 0; i < 6; i++)
        (void)sqlite3_bind_int64(st, 11 + i, times[i]);
    for (int i = 0; i < 7; i++)
        bind_u64(st, 17 + i, counts[i]);
    return sqlite_run(q, st, "store a batch in", fail);
}

static void read_batch(sqlite3_stmt *st, struct batch_rows *j)
{
    struct sl_arena *a = &j->a;
    struct store_batch *b = batch_rows_add_batch(j);
    uint64_t n[7];
    for (int i = 0; i < 7; i++)
        n[i] = (uint64_t)sqlite3_column_int64(st, 16 + i);
    *b = (struct store_batch){
        .kind = (enum store_object_kind)sqlite3_column_int64(st, 0),
        .id = sl_arena_str(a, sqlite_text(st, 1)),
        .key = sqlite_id_of(st, 2),
        .tenant = sl_arena_str(a, sqlite_text(st, 3)),
        .state = (enum store_batch_state)sqlite3_column_int64(st, 4),
        .input = sl_arena_str(a, sqlite_text(st, 5)),
        .endpoint = sl_arena_str(a, sqlite_text(st, 6)),
        .betas = sl_arena_str(a, sqlite_text(st, 7)),
        .metadata = copy_blob(st, 8, a),
        .errors = copy_blob(st, 9, a),
        .made_ns = sqlite3_column_int64(st, 10),
        .began_ns = sqlite3_column_int64(st, 11),
        .finalizing_ns = sqlite3_column_int64(st, 12),
        .ended_ns = sqlite3_column_int64(st, 13),
        .expires_ns = sqlite3_column_int64(st, 14),
        .cancel_ns = sqlite3_column_int64(st, 15),
        .total = n[0],
        .completed = n[1],
        .failed = n[2],
        .cancelled = n[3],
        .expired = n[4],
        .bytes_out = n[5],
        .bytes_err = n[6],
    };
}

static enum sl_err read_batches(struct sqlite_store *q, struct batch_rows *j, bool one, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, one ? SQ_FIND_BATCH : SQ_LIVE_BATCHES, fail);
    int rc;
    enum sl_err e = SL_OK;
    if (st == NULL)
        return SL_EIO;
    if (one)
        sqlite_bind_str(st, 1, j->b.id);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        read_batch(st, j);
    if (rc != SQLITE_DONE)
        e = sqlite_fail(q, "read batches from", fail);
    sqlite3_reset(st);
    return e == SL_OK && one && j->n_batches == 0 ? SL_ENOENT : e;
}

static enum sl_err cancel(struct store *s, const struct batch_rows *j, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_CANCEL_BATCH, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, j->b.id);
    (void)sqlite3_bind_int64(st, 2, j->b.cancel_ns);
    enum sl_err e = sqlite_run(q, st, "cancel a batch in", fail);
    if (e != SL_OK)
        return e;
    return sqlite3_changes(q->db) == 0 ? SL_ENOENT : put_objects(s, j, fail);
}

static enum sl_err drop_batch(struct sqlite_store *q, struct sl_str id, struct sl_fail *fail)
{
    enum sl_err e = run_on(q, SQ_DROP_LINES, id, fail);
    return e == SL_OK ? run_on(q, SQ_DROP_BATCH, id, fail) : e;
}

/* ---- what is being made at providers ---- */

static enum sl_err read_intents(struct sqlite_store *q, struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_INTENTS, fail);
    int rc;
    enum sl_err e = SL_OK;
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, j->now_ns);
    bind_u64(st, 2, j->after);
    bind_u64(st, 3, j->limit);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_object o = {
            .kind = STORE_OBJECT_INTENT,
            .row = sqlite3_column_int64(st, 7),
            .id = sqlite_text(st, 0),
            .key = sqlite_id_of(st, 1),
            .tenant = sqlite_text(st, 2),
            .provider = sqlite_text(st, 3),
            .made_ns = sqlite3_column_int64(st, 5),
            .body = copy_blob(st, 6, &j->a),
        };
        sqlite_credential(st, 4, o.credential);
        batch_rows_add_object(j, &o);
    }
    if (rc != SQLITE_DONE)
        e = sqlite_fail(q, "read what is being made from", fail);
    sqlite3_reset(st);
    return e == SL_OK && j->n_objects == 0 ? SL_ENOENT : e;
}

static enum sl_err count_rows(struct sqlite_store *q, sqlite3_stmt *st, uint64_t *out_n, struct sl_fail *fail)
{
    enum sl_err e = sqlite3_step(st) == SQLITE_ROW ? SL_OK : sqlite_fail(q, "count objects of", fail);
    *out_n = e == SL_OK ? (uint64_t)sqlite3_column_int64(st, 0) : 0;
    sqlite3_reset(st);
    return e;
}

/* What two tenants may both have made is nobody's until one of them has it. */
static enum sl_err found_files(struct store *s, struct batch_rows *j, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *known = sqlite_statement(q, SQ_FILE_KNOWN, fail),
                 *others = sqlite_statement(q, SQ_OTHER_INTENTS, fail);
    enum sl_err e = known != NULL && others != NULL ? SL_OK : SL_EIO;
    bool wait = false;
    j->count = 0;
    for (size_t i = 0; i < j->n_objects && e == SL_OK; i++) {
        uint64_t n = 0;
        sqlite_bind_str(known, 1, j->objects[i].id);
        sqlite_bind_str(known, 2, j->objects[i].provider);
        e = count_rows(q, known, &n, fail);
        if (e != SL_OK || n > 0)
            continue;
        if (j->perhaps) {
            j->count++;
            continue;
        }
        sqlite_bind_str(others, 1, j->b.input);
        sqlite_bind_str(others, 2, j->objects[i].provider);
        sqlite_bind_str(others, 3, j->objects[i].tenant);
        (void)sqlite3_bind_int64(others, 4, j->now_ns);
        e = count_rows(q, others, &n, fail);
        wait |= n > 0;
        if (e == SL_OK && n == 0 && (e = s->ops->put_object(s, &j->objects[i], fail)) == SL_OK)
            j->count++;
    }
    if (e != SL_OK)
        return e;
    return wait ? SL_ENOENT : run_on(q, SQ_DROP_INTENT, j->id, fail);
}

static enum sl_err read_uncharged(struct sqlite_store *q, struct batch_rows *j, bool one, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, one ? SQ_UNCHARGED_ONE : SQ_UNCHARGED, fail);
    int rc;
    enum sl_err e = SL_OK;
    if (st == NULL)
        return SL_EIO;
    bind_u64(st, 1, one ? j->at : j->after);
    if (!one)
        bind_u64(st, 2, j->limit);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_object o = {
            .row = sqlite3_column_int64(st, 0),
            .kind = (enum store_object_kind)sqlite3_column_int64(st, 1),
            .id = sqlite_text(st, 2),
            .key = sqlite_id_of(st, 3),
            .tenant = sqlite_text(st, 4),
            .provider = sqlite_text(st, 5),
            .made_ns = sqlite3_column_int64(st, 7),
            .body = copy_blob(st, 8, &j->a),
        };
        sqlite_credential(st, 6, o.credential);
        batch_rows_add_object(j, &o);
        j->count = (uint64_t)sqlite3_column_int64(st, 9);
    }
    if (rc != SQLITE_DONE)
        e = sqlite_fail(q, "read batches that are not charged from", fail);
    sqlite3_reset(st);
    return e == SL_OK && j->n_objects == 0 ? SL_ENOENT : e;
}

/* ---- lines ---- */

static enum sl_err put_lines(struct sqlite_store *q, struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_LINE, fail);
    enum sl_err e = st != NULL ? SL_OK : SL_EIO;
    for (size_t i = 0; i < j->n_lines && e == SL_OK; i++) {
        struct store_line *l = &j->lines[i];
        sqlite_bind_str(st, 1, j->b.id);
        bind_u64(st, 2, l->line);
        sqlite_bind_str(st, 3, l->custom_id);
        sqlite_bind_blob(st, 4, l->input);
        e = sqlite_run(q, st, "store a line of a batch in", fail);
        l->twice = e == SL_OK && sqlite3_changes(q->db) == 0;
    }
    return e;
}

static enum sl_err end_lines(struct store *s, struct batch_rows *j, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_END_LINE, fail);
    enum sl_err e = st != NULL ? SL_OK : SL_EIO;
    for (size_t i = 0; i < j->n_lines && e == SL_OK; i++) {
        struct store_line *l = &j->lines[i];
        sqlite_bind_str(st, 1, j->b.id);
        bind_u64(st, 2, l->line);
        (void)sqlite3_bind_int64(st, 3, l->state);
        sqlite_bind_blob(st, 4, l->result);
        e = sqlite_run(q, st, "store a result in", fail);
        l->twice = e == SL_OK && sqlite3_changes(q->db) == 0;
    }
    if (e == SL_OK)
        e = put_batch(q, &j->b, fail);
    return e == SL_OK ? put_objects(s, j, fail) : e;
}

static enum sl_err next_lines(struct sqlite_store *q, struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_NEXT_LINES, fail);
    size_t bytes = 0;
    int rc = SQLITE_DONE;
    enum sl_err e = SL_OK;
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, j->b.id);
    bind_u64(st, 2, j->after);
    bind_u64(st, 3, j->limit);
    (void)sqlite3_bind_int64(st, 4, !j->all);
    while (bytes < BATCH_PIECE && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_line *l = batch_rows_add_line(j);
        l->line = (uint64_t)sqlite3_column_int64(st, 0);
        l->custom_id = sl_arena_str(&j->a, sqlite_text(st, 1));
        l->input = copy_blob(st, 2, &j->a);
        bytes += l->input.n;
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        e = sqlite_fail(q, "read lines of a batch from", fail);
    sqlite3_reset(st);
    return e == SL_OK && j->n_lines == 0 ? SL_ENOENT : e;
}

static enum sl_err results(struct sqlite_store *q, struct batch_rows *j, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_RESULTS, fail);
    struct sl_buf b;
    int rc = SQLITE_DONE;
    enum sl_err e = SL_OK;
    if (st == NULL)
        return SL_EIO;
    sl_buf_init(&b, SIZE_MAX / 2);
    sqlite_bind_str(st, 1, j->b.id);
    bind_u64(st, 2, j->after);
    (void)sqlite3_bind_int64(st, 3, j->state);
    while (b.n < BATCH_PIECE && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const void *p = sqlite3_column_blob(st, 1);
        batch_rows_add_line(j)->line = (uint64_t)sqlite3_column_int64(st, 0);
        sl_buf_adds(&b, sl_str_of(p, p != NULL ? (size_t)sqlite3_column_bytes(st, 1) : 0));
    }
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        e = sqlite_fail(q, "read results from", fail);
    sqlite3_reset(st);
    j->bytes = sl_arena_str(&j->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return e == SL_OK && j->n_lines == 0 ? SL_ENOENT : e;
}

/* ---- what nobody needs any more ---- */

/* What a process that died had begun and told nobody of. */
#define LEFTOVERS                                                                                                      \
    "DELETE FROM file_pieces WHERE file NOT IN (SELECT id FROM objects WHERE kind = 1 AND provider = '');"             \
    "DELETE FROM batch_lines WHERE batch IN (SELECT batch FROM batches WHERE state = 0);"                              \
    "DELETE FROM batches WHERE state = 0"
/* ?1: ended or made before that. Files that a batch still reads stay. */
#define OLD_FILES                                                                                                      \
    "kind = 1 AND provider = '' AND made_ns < %lld AND id NOT IN (SELECT input FROM batches WHERE state = 1)"
#define SWEEP_BATCHES                                                                                                  \
    "DELETE FROM batch_lines WHERE batch IN (SELECT batch FROM batches WHERE ended_ns > 0 AND ended_ns < %lld);"       \
    "DELETE FROM objects WHERE provider = '' AND id IN (SELECT id FROM batches WHERE ended_ns > 0"                     \
    " AND ended_ns < %lld);"                                                                                           \
    "DELETE FROM batches WHERE ended_ns > 0 AND ended_ns < %lld;"                                                      \
    "DELETE FROM file_pieces WHERE file IN (SELECT id FROM objects WHERE " OLD_FILES ");"                              \
    "DELETE FROM objects WHERE " OLD_FILES

/* What providers have forgotten by themselves: uploads in parts after an hour, Gemini's files after two days, links of its uploads after
 * a week (openai.md 17, gemini.md 12), a day later each. Nobody can do anything with these rows any more. */
#define DAY_NS (INT64_C(24) * 3600 * 1000000000)
#define FORGOTTEN                                                                                                      \
    "DELETE FROM objects WHERE (kind IN (10, 11) AND made_ns < %lld) OR (kind = 8 AND made_ns < %lld)"                 \
    " OR (kind = 9 AND made_ns < %lld)"

static enum sl_err sweep_forgotten(struct sqlite_store *q, struct sl_fail *fail)
{
    int64_t day_ago = sl_clock_wall_ns() - DAY_NS;
    char *sql = sqlite3_mprintf(FORGOTTEN, (long long)(day_ago - DAY_NS / 24), (long long)(day_ago - 2 * DAY_NS),
                                (long long)(day_ago - 7 * DAY_NS));
    enum sl_err e = sqlite_exec(q, sql, "clear", fail);
    sqlite3_free(sql);
    return e;
}

static enum sl_err sweep(struct sqlite_store *q, struct batch_rows *j, struct sl_fail *fail)
{
    int before = sqlite3_total_changes(q->db);
    long long t = (long long)j->now_ns;
    enum sl_err e = sweep_forgotten(q, fail);
    if (e == SL_OK && j->all) {
        e = sqlite_exec(q, LEFTOVERS, "clear", fail);
    } else if (e == SL_OK) {
        char *sql = sqlite3_mprintf(SWEEP_BATCHES, t, t, t, t, t);
        e = sqlite_exec(q, sql, "clear", fail);
        sqlite3_free(sql);
    }
    j->count = (uint64_t)(sqlite3_total_changes(q->db) - before);
    return e;
}

static enum sl_err write(struct store *s, struct batch_rows *j, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    enum sl_err e;
    switch (j->kind) {
    case BR_PIECE:
        return put_piece(q, j, fail);
    case BR_FILE_GONE:
        return run_on(q, SQ_DROP_PIECES, j->id, fail);
    case BR_OBJECTS:
        return put_objects(s, j, fail);
    case BR_FILE_DROP:
        return drop_file(q, j, fail);
    case BR_BATCH:
        e = put_batch(q, &j->b, fail);
        return e == SL_OK ? put_objects(s, j, fail) : e;
    case BR_LINES:
        return put_lines(q, j, fail);
    case BR_NO_LINES:
        return run_on(q, SQ_DROP_LINES, j->b.id, fail);
    case BR_DONE:
        return end_lines(s, j, fail);
    case BR_CANCEL:
        return cancel(s, j, fail);
    case BR_CHARGED:
        return sqlite_change_row(s, SQ_CHARGED, (int64_t)j->at, "settle a batch in", fail);
    case BR_FOUND_FILES:
        return found_files(s, j, fail);
    case BR_RESOLVED:
        e = put_objects(s, j, fail);
        return e == SL_OK ? run_on(q, SQ_DROP_INTENT, j->id, fail) : e;
    case BR_BATCH_GONE:
        e = j->n_objects > 0 ? drop_object(q, &j->objects[0], fail) : SL_OK;
        return e == SL_OK ? drop_batch(q, j->b.id, fail) : e;
    default:
        return sweep(q, j, fail);
    }
}

enum sl_err sqlite_run_batches(struct store *s, struct batch_rows *j, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    switch (j->kind) {
    case BR_FIND:
        return read_batches(q, j, true, fail);
    case BR_LIVE:
        return read_batches(q, j, false, fail);
    case BR_INTENTS:
        return read_intents(q, j, fail);
    case BR_UNCHARGED:
        return read_uncharged(q, j, false, fail);
    case BR_UNCHARGED_ONE:
        return read_uncharged(q, j, true, fail);
    case BR_READ:
        return read_piece(q, j, fail);
    case BR_NEXT:
        return next_lines(q, j, fail);
    case BR_RESULTS:
        return results(q, j, fail);
    default:
        return write(s, j, fail);
    }
}
