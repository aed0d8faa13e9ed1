/* The store on SQLite: opening, batches, attempts, positions. Called by the keeper and by the commands, each with a
 * connection of its own. WAL mode: readers (`sluice usage`) and `sluice keys` work beside the running keeper.
 *
 * Durability: synchronous NORMAL, because the journal is what must not be lost; before a journal segment is deleted its
 * last batch is committed with FULL, which makes all earlier ones durable too (SQLite documentation, "PRAGMA synchronous"
 * and "Write-Ahead Logging"). */
#include <endian.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "store/sqlite_int.h"

const char *const store_class_names[STORE_CLASSES] = {
    "input",       "cache_read",   "cache_write", "output",    "reasoning",  "audio_in",    "audio_out",
    "image_in",    "image_out",    "video_out",   "images_in", "images_out", "audio_ms_in", "audio_ms_out",
    "video_ms_in", "video_ms_out", "characters",  "searches",  "pages"};

#define OPEN_COLUMNS                                                                                                   \
    "attempt_id, exchange_id, key_id, opened_ns, tenant, model, provider, target, operation, worker, number,"          \
    " estimate_input, estimate_cost_p, flags, price_version"
#define OPEN_VALUES "?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15"
#define CLOSE_COLUMNS                                                                                                  \
    "closed_ns, outcome, status, cost_p, duration_ns, first_token_ns, bytes_in, bytes_out, input, cache_read,"         \
    " cache_write, output, reasoning, audio_in, audio_out, image_in, image_out, video_out, images_in, images_out,"     \
    " audio_ms_in, audio_ms_out, video_ms_in, video_ms_out, characters, searches, pages"
#define CLOSE_VALUES                                                                                                   \
    "?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, "                  \
    "?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42"
#define CLOSE_FROM_EXCLUDED                                                                                            \
    "closed_ns = excluded.closed_ns, outcome = excluded.outcome, status = excluded.status, cost_p = excluded.cost_p,"  \
    " duration_ns = excluded.duration_ns, first_token_ns = excluded.first_token_ns, bytes_in = excluded.bytes_in,"     \
    " bytes_out = excluded.bytes_out, input = excluded.input, cache_read = excluded.cache_read,"                       \
    " cache_write = excluded.cache_write, output = excluded.output, reasoning = excluded.reasoning,"                   \
    " audio_in = excluded.audio_in, audio_out = excluded.audio_out, image_in = excluded.image_in,"                     \
    " image_out = excluded.image_out, video_out = excluded.video_out, images_in = excluded.images_in,"                 \
    " images_out = excluded.images_out, audio_ms_in = excluded.audio_ms_in, audio_ms_out = excluded.audio_ms_out,"     \
    " video_ms_in = excluded.video_ms_in, video_ms_out = excluded.video_ms_out, characters = excluded.characters,"     \
    " searches = excluded.searches, pages = excluded.pages"
#define OPEN_FROM_EXCLUDED                                                                                             \
    "exchange_id = excluded.exchange_id, key_id = excluded.key_id, opened_ns = excluded.opened_ns,"                    \
    " tenant = excluded.tenant, model = excluded.model, provider = excluded.provider, target = excluded.target,"       \
    " operation = excluded.operation, worker = excluded.worker, number = excluded.number,"                             \
    " estimate_input = excluded.estimate_input, estimate_cost_p = excluded.estimate_cost_p"

/* State 1 is final: nothing overwrites a closed attempt. A close beats "interrupted" (2): it is what really happened,
 * come late. The close's own flags replace those that interrupt_open had set, the open's other flags stay; 7 = estimated,
 * interrupted, usage missing. */
static const char *const statement_sql[SQ_COUNT] = {
    [SQ_BEGIN] = "BEGIN IMMEDIATE",
    [SQ_COMMIT] = "COMMIT",
    [SQ_ROLLBACK] = "ROLLBACK",
    [SQ_PUT_NEW] = "INSERT INTO attempts (" OPEN_COLUMNS ", state, " CLOSE_COLUMNS ") VALUES (" OPEN_VALUES
                   ", 1, " CLOSE_VALUES ")",
    [SQ_PUT_BOTH] = "INSERT INTO attempts (" OPEN_COLUMNS ", state, " CLOSE_COLUMNS ") VALUES (" OPEN_VALUES
                    ", 1, " CLOSE_VALUES ") ON CONFLICT (attempt_id) DO UPDATE SET state = 1, flags = excluded.flags,"
                    " price_version = excluded.price_version, " OPEN_FROM_EXCLUDED ", " CLOSE_FROM_EXCLUDED
                    " WHERE state <> 1 OR exchange_id IS NULL",
    [SQ_PUT_OPEN] = "INSERT INTO attempts (" OPEN_COLUMNS ", state) VALUES (" OPEN_VALUES
                    ", 0) ON CONFLICT (attempt_id) DO UPDATE SET flags = flags | excluded.flags,"
                    " price_version = coalesce(price_version, excluded.price_version), " OPEN_FROM_EXCLUDED
                    " WHERE exchange_id IS NULL",
    [SQ_PUT_CLOSE] = "INSERT INTO attempts (attempt_id, opened_ns, flags, price_version, state, " CLOSE_COLUMNS
                     ") VALUES (?1, ?4, ?14, ?15, 1, " CLOSE_VALUES
                     ") ON CONFLICT (attempt_id) DO UPDATE SET state = 1, flags = (flags & ~7) | excluded.flags,"
                     " price_version = coalesce(excluded.price_version, price_version), " CLOSE_FROM_EXCLUDED
                     " WHERE state <> 1",
    [SQ_INTERRUPT] = "UPDATE attempts SET state = 2, closed_ns = ?1, outcome = 'interrupted', cost_p = estimate_cost_p,"
                     " input = estimate_input, flags = flags | 7 WHERE state = 0",
    [SQ_EACH_ATTEMPT] = "SELECT " OPEN_COLUMNS ", " CLOSE_COLUMNS ", state FROM attempts ORDER BY attempt_id",
    [SQ_PUT_POSITION] = "INSERT INTO ingest_positions VALUES (?1, ?2) ON CONFLICT (segment)"
                        " DO UPDATE SET position = max(position, excluded.position)",
    [SQ_GET_POSITION] = "SELECT position FROM ingest_positions WHERE segment = ?1",
    [SQ_DROP_POSITIONS] = "DELETE FROM ingest_positions WHERE segment BETWEEN ?1 AND ?2",
    [SQ_LAST_SEGMENT] = "SELECT max(segment) FROM ingest_positions",
    [SQ_INSERT_KEY] = "INSERT INTO keys (key_id, name, tenant, digest, prefix, created_ns, expires_ns, revoked_ns,"
                      " rotated_from, models, operations, tags)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [SQ_END_KEY] = "UPDATE keys SET revoked_ns = CASE revoked_ns WHEN 0 THEN ?2 ELSE revoked_ns END WHERE key_id = ?1",
    [SQ_EXPIRE_KEY] = "UPDATE keys SET expires_ns = ?2 WHERE key_id = ?1",
    [SQ_EACH_KEY] = "SELECT key_id, name, tenant, digest, prefix, created_ns, expires_ns, revoked_ns, rotated_from,"
                    " models, operations, tags FROM keys ORDER BY created_ns, key_id",
    [SQ_VERSION] = "PRAGMA data_version",
};

/* -- Errors, statements, values ------------------------------------------------------------------------------------- */

enum sl_err sqlite_fail(struct sqlite_store *q, const char *what, struct sl_fail *fail)
{
    enum sl_err code = SL_EIO;
    switch (sqlite3_errcode(q->db) & 0xFF) {
    case SQLITE_FULL:
        code = SL_EFULL;
        break;
    case SQLITE_CONSTRAINT:
        code = SL_EEXIST;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = SL_ECORRUPT;
        break;
    default:
        break;
    }
    return sl_fail_set(fail, code, q->path, "cannot %s the database: %s", what, sqlite3_errmsg(q->db));
}

sqlite3_stmt *sqlite_statement(struct sqlite_store *q, enum sqlite_statement which, struct sl_fail *fail)
{
    sqlite3_stmt **st = &q->statements[which];
    const char *sql = statement_sql[which];
    if (sql == NULL)
        sql = sqlite_response_sql[which] != NULL ? sqlite_response_sql[which] : sqlite_video_sql[which];
    if (sql == NULL)
        sql = sqlite_object_sql[which] != NULL ? sqlite_object_sql[which] : sqlite_batch_sql[which];
    if (sql == NULL)
        sql = sqlite_copy_sql[which];
    if (*st == NULL && sqlite3_prepare_v3(q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK) {
        (void)sqlite_fail(q, "prepare a statement for", fail);
        return NULL;
    }
    return *st;
}

enum sl_err sqlite_run(struct sqlite_store *q, sqlite3_stmt *st, const char *what, struct sl_fail *fail)
{
    int rc = sqlite3_step(st);
    enum sl_err e = rc == SQLITE_DONE || rc == SQLITE_ROW ? SL_OK : sqlite_fail(q, what, fail);
    sqlite3_reset(st);
    return e;
}

enum sl_err sqlite_run_change(struct sqlite_store *q, sqlite3_stmt *st, const char *what, struct sl_fail *fail)
{
    enum sl_err e = sqlite_run(q, st, what, fail);
    return e == SL_OK && sqlite3_changes(q->db) == 0 ? SL_ENOENT : e;
}

enum sl_err sqlite_change_row(struct store *s, enum sqlite_statement which, int64_t row, const char *what,
                              struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, which, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, row);
    return sqlite_run_change(q, st, what, fail);
}

enum sl_err sqlite_exec(struct sqlite_store *q, const char *sql, const char *what, struct sl_fail *fail)
{
    if (sqlite3_exec(q->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_fail(q, what, fail);
    return SL_OK;
}

void sqlite_id_bytes(struct sl_id id, unsigned char out[SQLITE_ID_BYTES])
{
    uint64_t hi = htobe64(id.hi), lo = htobe64(id.lo);
    memcpy(out, &hi, 8);
    memcpy(out + 8, &lo, 8);
}

struct sl_id sqlite_id_of(sqlite3_stmt *st, int column)
{
    uint64_t half[2];
    const void *p = sqlite3_column_blob(st, column);
    if (p == NULL || sqlite3_column_bytes(st, column) != (int)sizeof half)
        return (struct sl_id){0, 0};
    memcpy(half, p, sizeof half);
    return (struct sl_id){.hi = be64toh(half[0]), .lo = be64toh(half[1])};
}

struct sl_str sqlite_text(sqlite3_stmt *st, int column)
{
    const void *p = sqlite3_column_text(st, column);
    return sl_str_of(p, p != NULL ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

void sqlite_bind_id(sqlite3_stmt *st, int at, struct sl_id id)
{
    unsigned char b[SQLITE_ID_BYTES];
    if (id.hi == 0 && id.lo == 0) {
        (void)sqlite3_bind_null(st, at);
        return;
    }
    sqlite_id_bytes(id, b);
    (void)sqlite3_bind_blob(st, at, b, sizeof b, SQLITE_TRANSIENT);
}

struct sl_str sqlite_blob(sqlite3_stmt *st, int column)
{
    const void *p = sqlite3_column_blob(st, column);
    return sl_str_of(p, p != NULL ? (size_t)sqlite3_column_bytes(st, column) : 0);
}

void sqlite_credential(sqlite3_stmt *st, int column, unsigned char out[STORE_CREDENTIAL_BYTES])
{
    struct sl_str found = sqlite_blob(st, column);
    if (found.n == STORE_CREDENTIAL_BYTES)
        memcpy(out, found.p, found.n);
}

void sqlite_bind_blob(sqlite3_stmt *st, int at, struct sl_str s)
{
    (void)sqlite3_bind_blob64(st, at, s.p != NULL ? s.p : "", s.n, SQLITE_STATIC);
}

void sqlite_bind_str(sqlite3_stmt *st, int at, struct sl_str s)
{
    (void)sqlite3_bind_text(st, at, s.p != NULL ? s.p : "", (int)s.n, SQLITE_STATIC);
}

/* -- Batches -------------------------------------------------------------------------------------------------------- */

static enum sl_err run_plain(struct store *s, enum sqlite_statement which, const char *what, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(sqlite_of(s), which, fail);
    return st != NULL ? sqlite_run(sqlite_of(s), st, what, fail) : SL_EIO;
}

static enum sl_err begin(struct store *s, enum store_durable how, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    if (how != q->durable) { /* can only be changed outside of a transaction */
        enum sl_err e = sqlite_exec(q, how == STORE_NOW ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
                                    "set up", fail);
        if (e != SL_OK)
            return e;
        q->durable = how;
    }
    return run_plain(s, SQ_BEGIN, "begin a change of", fail);
}

static enum sl_err commit(struct store *s, struct sl_fail *fail)
{
    return run_plain(s, SQ_COMMIT, "commit to", fail);
}

static void rollback(struct store *s)
{
    if (sqlite3_get_autocommit(sqlite_of(s)->db) == 0)
        (void)run_plain(s, SQ_ROLLBACK, "roll back", NULL);
}

/* -- Attempts ------------------------------------------------------------------------------------------------------- */

static int64_t clamp(uint64_t v)
{
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* Binds a row's values. SQLite keeps bindings from one run of a statement to the next, and most columns of most attempts
 * are like those of the attempt before: with `last`, only what differs is bound. */
struct binder {
    sqlite3_stmt *st;
    struct sqlite_bound *last; /* NULL: bind all */
};

static void bind_int(const struct binder *b, int at, int64_t v)
{
    struct sqlite_bound *last = b->last != NULL ? &b->last[at] : NULL;
    if (last != NULL && last->known && last->number == v)
        return;
    bool bound = sqlite3_bind_int64(b->st, at, v) == SQLITE_OK;
    if (last != NULL)
        *last = (struct sqlite_bound){.known = bound, .number = v};
}

static void bind_text(const struct binder *b, int at, struct sl_str s)
{
    struct sqlite_bound *last = b->last != NULL ? &b->last[at] : NULL;
    if (last == NULL || s.n > sizeof last->text) {
        sqlite_bind_str(b->st, at, s);
        if (last != NULL)
            last->known = false;
        return;
    }
    if (last->known && last->n == s.n && (s.n == 0 || memcmp(last->text, s.p, s.n) == 0))
        return;
    if (s.n != 0)
        memcpy(last->text, s.p, s.n);
    last->n = s.n;
    last->known = sqlite3_bind_text(b->st, at, last->text, (int)s.n, SQLITE_STATIC) == SQLITE_OK;
}

/* `bytes` must stay until the statement has run. */
static void bind_id(const struct binder *b, int at, struct sl_id id, unsigned char bytes[SQLITE_ID_BYTES])
{
    if (id.hi == 0 && id.lo == 0) {
        (void)sqlite3_bind_null(b->st, at);
        return;
    }
    sqlite_id_bytes(id, bytes);
    (void)sqlite3_bind_blob(b->st, at, bytes, SQLITE_ID_BYTES, SQLITE_STATIC);
}

static void bind_open(const struct binder *b, const struct store_attempt *a)
{
    bind_text(b, 5, a->tenant);
    bind_text(b, 6, a->model);
    bind_text(b, 7, a->provider);
    bind_text(b, 8, a->target);
    bind_text(b, 9, a->operation);
    bind_int(b, 10, a->worker);
    bind_int(b, 11, a->number);
    bind_int(b, 12, clamp(a->estimate_input));
    bind_int(b, 13, a->estimate_cost_p);
}

static void bind_close(const struct binder *b, const struct store_attempt *a)
{
    bind_int(b, 16, a->closed_ns);
    bind_text(b, 17, a->outcome);
    bind_int(b, 18, a->status);
    bind_int(b, 19, a->cost_p);
    bind_int(b, 20, a->duration_ns);
    bind_int(b, 21, a->first_token_ns);
    bind_int(b, 22, clamp(a->bytes_in));
    bind_int(b, 23, clamp(a->bytes_out));
    for (int i = 0; i < STORE_CLASSES; i++)
        bind_int(b, 24 + i, clamp(a->used[i]));
}

static void bind_price_version(const struct binder *b, struct sl_str v)
{
    if (v.n != 0) {
        bind_text(b, 15, v);
        return;
    }
    (void)sqlite3_bind_null(b->st, 15);
    if (b->last != NULL)
        b->last[15].known = false;
}

/* SQLite's own code: SQLITE_DONE when the row was written. */
static int put_with(const struct binder *b, const struct store_attempt *a)
{
    unsigned char id[SQLITE_ID_BYTES], exchange[SQLITE_ID_BYTES], key[SQLITE_ID_BYTES];
    bool has_open = (a->has & STORE_HAS_OPEN) != 0, has_close = (a->has & STORE_HAS_CLOSE) != 0;
    bind_id(b, 1, a->attempt, id);
    /* A close whose open was never seen: its time is told by the close. */
    bind_int(b, 4, has_open ? a->opened_ns : a->closed_ns - a->duration_ns);
    bind_int(b, 14, (has_open ? a->open_flags : 0) | (has_close ? a->close_flags : 0));
    bind_price_version(b, has_close && a->price_version.n > 0 ? a->price_version
                          : has_open                          ? a->open_price_version
                                                              : SL_STR_NONE);
    if (has_open) {
        bind_id(b, 2, a->exchange, exchange);
        bind_id(b, 3, a->key, key);
        bind_open(b, a);
    }
    if (has_close)
        bind_close(b, a);
    return sqlite3_step(b->st);
}

/* Nearly every attempt is new and complete: a plain INSERT is the cheapest that SQLite has. Whether it was new after all
 * is told by the constraint; then the statement that knows what to do with a row that is there. */
static enum sl_err put_new(struct sqlite_store *q, const struct store_attempt *a, bool *out_done, struct sl_fail *fail)
{
    struct binder b = {.st = sqlite_statement(q, SQ_PUT_NEW, fail), .last = q->last_new};
    if (b.st == NULL)
        return SL_EIO;
    int rc = put_with(&b, a);
    *out_done = rc == SQLITE_DONE;
    enum sl_err e = rc == SQLITE_DONE || rc == SQLITE_CONSTRAINT ? SL_OK : sqlite_fail(q, "write an attempt to", fail);
    sqlite3_reset(b.st);
    return e;
}

static enum sl_err put_attempt(struct store *s, const struct store_attempt *a, struct sl_fail *fail)
{
    static const enum sqlite_statement by_has[] = {
        [STORE_HAS_OPEN] = SQ_PUT_OPEN,
        [STORE_HAS_CLOSE] = SQ_PUT_CLOSE,
        [STORE_HAS_OPEN | STORE_HAS_CLOSE] = SQ_PUT_BOTH,
    };
    struct sqlite_store *q = sqlite_of(s);
    bool done = false;
    SL_CHECK((a->has & 3u) != 0);
    if ((a->has & 3u) == (STORE_HAS_OPEN | STORE_HAS_CLOSE)) {
        enum sl_err e = put_new(q, a, &done, fail);
        if (e != SL_OK || done)
            return e;
    }
    struct binder b = {.st = sqlite_statement(q, by_has[a->has & 3u], fail)};
    if (b.st == NULL)
        return SL_EIO;
    int rc = put_with(&b, a);
    enum sl_err e = rc == SQLITE_DONE ? SL_OK : sqlite_fail(q, "write an attempt to", fail);
    sqlite3_reset(b.st);
    return e;
}

static enum sl_err interrupt_open(struct store *s, int64_t wall_ns, uint64_t *out_n, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_INTERRUPT, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, wall_ns);
    enum sl_err e = sqlite_run(q, st, "close interrupted attempts in", fail);
    if (e == SL_OK)
        *out_n = (uint64_t)sqlite3_changes(q->db);
    return e;
}

static void read_attempt(sqlite3_stmt *st, struct store_attempt *a)
{
    *a = (struct store_attempt){
        .attempt = sqlite_id_of(st, 0),
        .exchange = sqlite_id_of(st, 1),
        .key = sqlite_id_of(st, 2),
        .opened_ns = sqlite3_column_int64(st, 3),
        .tenant = sqlite_text(st, 4),
        .model = sqlite_text(st, 5),
        .provider = sqlite_text(st, 6),
        .target = sqlite_text(st, 7),
        .operation = sqlite_text(st, 8),
        .worker = (uint16_t)sqlite3_column_int(st, 9),
        .number = (uint16_t)sqlite3_column_int(st, 10),
        .estimate_input = (uint64_t)sqlite3_column_int64(st, 11),
        .estimate_cost_p = sqlite3_column_int64(st, 12),
        .open_flags = (uint32_t)sqlite3_column_int64(st, 13),
        .close_flags = (uint32_t)sqlite3_column_int64(st, 13),
        .open_price_version = sqlite_text(st, 14),
        .price_version = sqlite_text(st, 14),
        .closed_ns = sqlite3_column_int64(st, 15),
        .outcome = sqlite_text(st, 16),
        .status = (uint16_t)sqlite3_column_int(st, 17),
        .cost_p = sqlite3_column_int64(st, 18),
        .duration_ns = sqlite3_column_int64(st, 19),
        .first_token_ns = sqlite3_column_int64(st, 20),
        .bytes_in = (uint64_t)sqlite3_column_int64(st, 21),
        .bytes_out = (uint64_t)sqlite3_column_int64(st, 22),
        .state = (enum store_state)sqlite3_column_int(st, 23 + STORE_CLASSES),
    };
    for (int i = 0; i < STORE_CLASSES; i++)
        a->used[i] = (uint64_t)sqlite3_column_int64(st, 23 + i);
    a->has = sqlite3_column_type(st, 1) != SQLITE_NULL ? STORE_HAS_OPEN : 0;
    a->has |= a->state == STORE_CLOSED ? STORE_HAS_CLOSE : 0;
}

static enum sl_err each_attempt(struct store *s, store_attempt_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_EACH_ATTEMPT, fail);
    if (st == NULL)
        return SL_EIO;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_attempt a;
        read_attempt(st, &a);
        if (!f(arg, &a))
            break;
    }
    enum sl_err e = rc == SQLITE_DONE || rc == SQLITE_ROW ? SL_OK : sqlite_fail(q, "read attempts of", fail);
    sqlite3_reset(st);
    return e;
}

/* -- Positions ------------------------------------------------------------------------------------------------------ */

static enum sl_err put_position(struct store *s, uint64_t segment, uint64_t end, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(sqlite_of(s), SQ_PUT_POSITION, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, clamp(segment));
    (void)sqlite3_bind_int64(st, 2, clamp(end));
    return sqlite_run(sqlite_of(s), st, "write a position to", fail);
}

/* The number in the one row that a statement gives; 0 for NULL or no row. */
static enum sl_err get_number(struct sqlite_store *q, sqlite3_stmt *st, uint64_t *out_v, struct sl_fail *fail)
{
    int rc = sqlite3_step(st);
    int64_t v = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    enum sl_err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? SL_OK : sqlite_fail(q, "read from", fail);
    sqlite3_reset(st);
    if (e == SL_OK)
        *out_v = v > 0 ? (uint64_t)v : 0;
    return e;
}

static enum sl_err get_position(struct store *s, uint64_t segment, uint64_t *out_end, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(sqlite_of(s), SQ_GET_POSITION, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, clamp(segment));
    return get_number(sqlite_of(s), st, out_end, fail);
}

static enum sl_err drop_positions(struct store *s, uint64_t from, uint64_t to, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(sqlite_of(s), SQ_DROP_POSITIONS, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, clamp(from));
    (void)sqlite3_bind_int64(st, 2, clamp(to));
    return sqlite_run(sqlite_of(s), st, "drop positions of", fail);
}

static enum sl_err last_segment(struct store *s, uint64_t *out_no, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(sqlite_of(s), SQ_LAST_SEGMENT, fail);
    return st != NULL ? get_number(sqlite_of(s), st, out_no, fail) : SL_EIO;
}

static enum sl_err version(struct store *s, uint64_t *out_v, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(sqlite_of(s), SQ_VERSION, fail);
    return st != NULL ? get_number(sqlite_of(s), st, out_v, fail) : SL_EIO;
}

/* -- Opening -------------------------------------------------------------------------------------------------------- */

static void close_store(struct store *s)
{
    struct sqlite_store *q = sqlite_of(s);
    for (int i = 0; i < SQ_COUNT; i++)
        sqlite3_finalize(q->statements[i]);
    sqlite3_close(q->db);
    sl_free(q);
}

static const struct store_ops ops = {
    .close = close_store,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .put_attempt = put_attempt,
    .interrupt_open = interrupt_open,
    .each_attempt = each_attempt,
    .put_position = put_position,
    .get_position = get_position,
    .drop_positions = drop_positions,
    .last_segment = last_segment,
    .insert_key = sqlite_insert_key,
    .end_key = sqlite_end_key,
    .expire_key = sqlite_expire_key,
    .rotate_key = sqlite_rotate_key,
    .each_key = sqlite_each_key,
    .version = version,
    .usage = sqlite_usage,
    .put_response = sqlite_put_response,
    .find_response = sqlite_find_response,
    .find_response_item = sqlite_find_response_item,
    .response_chain = sqlite_response_chain,
    .delete_response = sqlite_delete_response,
    .cancel_response = sqlite_cancel_response,
    .extend_responses = sqlite_extend_responses,
    .sweep_responses = sqlite_sweep_responses,
    .lose_responses = sqlite_lose_responses,
    .put_video = sqlite_put_video,
    .renew_video = sqlite_renew_video,
    .find_video = sqlite_find_video,
    .list_videos = sqlite_list_videos,
    .each_live_video = sqlite_each_live_video,
    .video_task_known = sqlite_video_task_known,
    .delete_video = sqlite_delete_video,
    .video_hook = sqlite_video_hook,
    .find_once = sqlite_find_once,
    .put_once = sqlite_put_once,
    .forget_once = sqlite_forget_once,
    .sweep_videos = sqlite_sweep_videos,
    .put_copy = sqlite_put_copy,
    .change_copy = sqlite_change_copy,
    .drop_copy = sqlite_drop_copy,
    .find_copy = sqlite_find_copy,
    .next_copies = sqlite_next_copies,
    .put_object = sqlite_put_object,
    .find_object = sqlite_find_object,
    .page_objects = sqlite_page_objects,
    .delete_object = sqlite_delete_object,
    .settle_object = sqlite_settle_object,
    .run_batches = sqlite_run_batches,
};

/* journal_size_limit: a WAL that grew in a burst is cut back. cache_size: an idle process stays small.
 * page_size holds for a database that is made now: fewer pages are split and checkpointed. secure_delete: what was deleted
 * of a stored response is not to be found in the file. */
#define PRAGMAS                                                                                                        \
    "PRAGMA page_size = 8192; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048; PRAGMA trusted_schema = OFF;"     \
    "PRAGMA journal_size_limit = 16777216; PRAGMA secure_delete = ON;"

#define LOOKASIDE_BYTES 4096
#define LOOKASIDE_PLACES 32

static enum sl_err set_up(struct sqlite_store *q, enum store_mode mode, struct sl_fail *fail)
{
    (void)sqlite3_busy_timeout(q->db, 2000);
    /* SQLite's scratch memory for one row of attempts is more than its default places hold. Not obeyed: only slower. */
    (void)sqlite3_db_config(q->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_BYTES, LOOKASIDE_PLACES);
    enum sl_err e = sqlite_exec(q, PRAGMAS, "set up", fail);
    if (e == SL_OK && mode == STORE_WRITE)
        e = sqlite_exec(q, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", "set up", fail);
    if (e == SL_OK)
        e = sqlite_usage_setup(q, fail);
    if (e == SL_OK)
        e = mode == STORE_WRITE ? sqlite_migrate(q, fail) : sqlite_check_version(q, fail);
    return e;
}

/* Once, before SQLite's first use: its memory statistics cost a process-wide lock for each allocation. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* SQLite would make it readable by all; its -wal and -shm files take the mode of this one. */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

enum sl_err store_open_sqlite(const char *path, enum store_mode mode, struct store **out_s, struct sl_fail *fail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, configure);
    struct sqlite_store *q = SL_NEW(struct sqlite_store);
    q->base.ops = &ops;
    (void)snprintf(q->path, sizeof q->path, "%s", path);
    if (mode == STORE_WRITE)
        make_private(path);
    int flags = mode == STORE_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int rc = sqlite3_open_v2(path, &q->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    enum sl_err e = SL_OK;
    if (rc != SQLITE_OK) {
        e = q->db != NULL ? sqlite_fail(q, "open", fail) : sl_fail_set(fail, SL_EIO, path, "no memory for SQLite");
        if (rc == SQLITE_CANTOPEN && mode == STORE_READ)
            e = sl_fail_set(fail, SL_ENOENT, path, "there is no ledger here yet");
    }
    if (e == SL_OK)
        e = set_up(q, mode, fail);
    if (e != SL_OK) {
        close_store(&q->base);
        return e;
    }
    *out_s = &q->base;
    return SL_OK;
}
