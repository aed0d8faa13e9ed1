/* The tables of the SQLite store and how older ones become newer ones: forward only, one step per version, each in a
 * transaction of its own. A step that was released is never edited; a change is a new step. Called at opening. */
#include "base/clock.h"
#include "store/sqlite_int.h"

/* steps[i] takes version i to i + 1. */
static const char *const steps[] = {
    /* 1: attempts by id (a time-ordered id: inserting is appending), how far segments were taken in, keys. An attempt
     * without exchange_id is one whose open record was never seen. */
    "CREATE TABLE attempts ("
    " attempt_id BLOB PRIMARY KEY NOT NULL,"
    " state INTEGER NOT NULL,"
    " exchange_id BLOB, key_id BLOB,"
    " opened_ns INTEGER NOT NULL, closed_ns INTEGER,"
    " tenant TEXT, model TEXT, provider TEXT, target TEXT, operation TEXT,"
    " worker INTEGER, number INTEGER,"
    " estimate_input INTEGER NOT NULL DEFAULT 0, estimate_cost_p INTEGER NOT NULL DEFAULT 0,"
    " flags INTEGER NOT NULL DEFAULT 0,"
    " outcome TEXT, status INTEGER,"
    " input INTEGER NOT NULL DEFAULT 0, cache_read INTEGER NOT NULL DEFAULT 0,"
    " cache_write INTEGER NOT NULL DEFAULT 0, output INTEGER NOT NULL DEFAULT 0,"
    " reasoning INTEGER NOT NULL DEFAULT 0, audio_in INTEGER NOT NULL DEFAULT 0,"
    " audio_out INTEGER NOT NULL DEFAULT 0, image_in INTEGER NOT NULL DEFAULT 0,"
    " image_out INTEGER NOT NULL DEFAULT 0,"
    " cost_p INTEGER NOT NULL DEFAULT 0,"
    " price_version TEXT,"
    " duration_ns INTEGER, first_token_ns INTEGER, bytes_in INTEGER, bytes_out INTEGER"
    ") WITHOUT ROWID;"
    /* Small by nature: only what runs now. */
    "CREATE INDEX attempts_open ON attempts(state) WHERE state = 0;"
    "CREATE TABLE ingest_positions (segment INTEGER PRIMARY KEY, position INTEGER NOT NULL);"
    "CREATE TABLE keys ("
    " key_id BLOB PRIMARY KEY NOT NULL,"
    " name TEXT NOT NULL, tenant TEXT NOT NULL,"
    " digest BLOB NOT NULL UNIQUE, prefix TEXT NOT NULL,"
    " created_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL DEFAULT 0, revoked_ns INTEGER NOT NULL DEFAULT 0,"
    " rotated_from BLOB,"
    " models TEXT NOT NULL DEFAULT '', operations TEXT NOT NULL DEFAULT ''"
    ") WITHOUT ROWID;",
    /* 2: stored responses. The small rows apart from the large contents: times change without writing those again.
     * AUTOINCREMENT: the number of a deleted row, which `previous` of another may have, is never given again. */
    "CREATE TABLE responses ("
    " response INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL, key_id BLOB NOT NULL, tenant TEXT NOT NULL,"
    " state INTEGER NOT NULL, made_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL,"
    " provider TEXT NOT NULL, credential BLOB, model TEXT NOT NULL,"
    " previous INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL,"
    " UNIQUE (id, key_id));"
    "CREATE INDEX responses_due ON responses(expires_ns);"
    "CREATE INDEX responses_of_key ON responses(key_id, response);"
    "CREATE INDEX responses_running ON responses(state) WHERE state = 1;"
    "CREATE TABLE response_contents (response INTEGER PRIMARY KEY, body BLOB NOT NULL, input BLOB NOT NULL);"
    "CREATE TABLE response_items ("
    " item TEXT NOT NULL, key_id BLOB NOT NULL, response INTEGER NOT NULL,"
    " PRIMARY KEY (item, key_id)) WITHOUT ROWID;"
    "CREATE INDEX response_items_of ON response_items(response);"
    "CREATE TABLE response_room (key_id BLOB PRIMARY KEY NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TRIGGER response_made AFTER INSERT ON responses BEGIN"
    " INSERT INTO response_room VALUES (new.key_id, new.bytes)"
    " ON CONFLICT (key_id) DO UPDATE SET bytes = bytes + excluded.bytes; END;"
    "CREATE TRIGGER response_grew AFTER UPDATE OF bytes ON responses BEGIN"
    " UPDATE response_room SET bytes = bytes + new.bytes - old.bytes WHERE key_id = new.key_id; END;"
    "CREATE TRIGGER response_gone AFTER DELETE ON responses BEGIN"
    " UPDATE response_room SET bytes = bytes - old.bytes WHERE key_id = old.key_id;"
    " DELETE FROM response_contents WHERE response = old.response;"
    " DELETE FROM response_items WHERE response = old.response; END;",
    /* 3: units beside tokens. */
    "ALTER TABLE attempts ADD COLUMN video_out INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN images_in INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN images_out INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN audio_ms_in INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN audio_ms_out INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN video_ms_in INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN video_ms_out INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN characters INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN searches INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE attempts ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;",
    /* 4: video jobs. `settled` rows are never changed again; the index of those that are not is small by nature. */
    "CREATE TABLE videos ("
    " video INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE, key_id BLOB NOT NULL, exchange_id BLOB, attempt_id BLOB, tenant TEXT NOT NULL,"
    " state INTEGER NOT NULL, settled INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0,"
    " provider TEXT NOT NULL, task TEXT NOT NULL, model TEXT NOT NULL, target TEXT NOT NULL, credential BLOB,"
    " made_ns INTEGER NOT NULL, sent_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL,"
    " links_ns INTEGER NOT NULL, reserved_p INTEGER NOT NULL, cost_p INTEGER NOT NULL,"
    " price_version TEXT NOT NULL, operation TEXT NOT NULL, progress INTEGER NOT NULL,"
    " request BLOB NOT NULL, result BLOB NOT NULL, error_code TEXT NOT NULL, error_text TEXT NOT NULL,"
    " hook TEXT NOT NULL, token TEXT NOT NULL, hook_due_ns INTEGER NOT NULL, hook_tries INTEGER NOT NULL);"
    "CREATE INDEX videos_of_tenant ON videos(tenant, video);"
    "CREATE INDEX videos_live ON videos(video) WHERE settled = 0 OR hook_due_ns > 0;"
    "CREATE INDEX videos_by_task ON videos(provider, task) WHERE task <> '';"
    "CREATE INDEX videos_by_token ON videos(token) WHERE token <> '';"
    "CREATE INDEX videos_due ON videos(expires_ns);",
    /* 5: files and batches that lie at providers */
    "CREATE TABLE objects ("
    " object INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind INTEGER NOT NULL, id TEXT NOT NULL, key_id BLOB NOT NULL, tenant TEXT NOT NULL,"
    " provider TEXT NOT NULL, credential BLOB, made_ns INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0,"
    " body BLOB NOT NULL, UNIQUE (kind, id, key_id));"
    "CREATE INDEX objects_of_tenant ON objects(tenant, kind, object);",
    /* 6: files that are held here, batches that run here and their lines. A line has its request or its result. */
    "CREATE TABLE file_pieces ("
    " piece INTEGER PRIMARY KEY, file TEXT NOT NULL, at INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (file, at));"
    "CREATE TABLE batches ("
    " batch INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, key_id BLOB NOT NULL, tenant TEXT NOT NULL, state INTEGER NOT NULL,"
    " input TEXT NOT NULL, endpoint TEXT NOT NULL, betas TEXT NOT NULL, metadata BLOB NOT NULL, errors BLOB NOT NULL,"
    " made_ns INTEGER NOT NULL, began_ns INTEGER NOT NULL, finalizing_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL,"
    " expires_ns INTEGER NOT NULL, cancel_ns INTEGER NOT NULL, total INTEGER NOT NULL, completed INTEGER NOT NULL,"
    " failed INTEGER NOT NULL, cancelled INTEGER NOT NULL, expired INTEGER NOT NULL, bytes_out INTEGER NOT NULL,"
    " bytes_err INTEGER NOT NULL);"
    "CREATE INDEX batches_live ON batches(batch) WHERE ended_ns = 0;"
    "CREATE TABLE batch_lines ("
    " id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, line INTEGER NOT NULL, custom_id TEXT NOT NULL,"
    " state INTEGER NOT NULL DEFAULT 0, input BLOB, result BLOB, UNIQUE (batch, custom_id));"
    "CREATE INDEX batch_lines_at ON batch_lines(batch, line);"
    "CREATE INDEX batch_lines_waiting ON batch_lines(batch, line) WHERE state = 0;",
    /* 7: copies of what video jobs made. They outlive their jobs until they are removed. */
    "CREATE TABLE copies ("
    " id TEXT PRIMARY KEY NOT NULL, tenant TEXT NOT NULL, state INTEGER NOT NULL, due_ns INTEGER NOT NULL,"
    " until_ns INTEGER NOT NULL, tries INTEGER NOT NULL, place TEXT NOT NULL, parts BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX copies_due ON copies(due_ns);"
    "CREATE TRIGGER copy_unseen AFTER UPDATE OF deleted ON videos WHEN new.deleted = 1 BEGIN"
    " UPDATE copies SET state = 3, due_ns = 0, tries = 0 WHERE id = new.id; END;"
    "CREATE TRIGGER copy_left AFTER DELETE ON videos BEGIN"
    " UPDATE copies SET state = 3, due_ns = 0, tries = 0 WHERE id = old.id; END;",
    /* 8: what a client made under an Idempotency-Key. Digests only. */
    "CREATE TABLE once ("
    " tenant TEXT NOT NULL, key BLOB NOT NULL, body BLOB NOT NULL, id TEXT NOT NULL, made_ns INTEGER NOT NULL,"
    " PRIMARY KEY (tenant, key)) WITHOUT ROWID;"
    "CREATE INDEX once_by_id ON once(id);"
    "CREATE INDEX once_by_time ON once(made_ns);",
    /* 9: tags of keys */
    "ALTER TABLE keys ADD COLUMN tags TEXT NOT NULL DEFAULT '';",
};
#define NEWEST ((int64_t)(sizeof steps / sizeof steps[0]))

const char *sqlite_step(int64_t from)
{
    return from >= 0 && from < NEWEST ? steps[from] : NULL;
}

static enum sl_err current_version(struct sqlite_store *q, int64_t *out_v, struct sl_fail *fail)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(q->db, "SELECT max(version) FROM schema_version", -1, &st, NULL);
    if (rc != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW) {
        enum sl_err e = sqlite_fail(q, "read the version of", fail);
        sqlite3_finalize(st);
        return e;
    }
    *out_v = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return SL_OK;
}

static enum sl_err refuse_newer(struct sqlite_store *q, int64_t version, struct sl_fail *fail)
{
    if (version <= NEWEST)
        return SL_OK;
    return sl_fail_set(
        fail, SL_EINVAL, q->path,
        "the database has version %lld, made by a newer sluice; this one knows up to %lld: use the newer "
        "program, or another state directory",
        (long long)version, (long long)NEWEST);
}

enum sl_err sqlite_check_version(struct sqlite_store *q, struct sl_fail *fail)
{
    int64_t version;
    enum sl_err e = current_version(q, &version, fail);
    if (e != SL_OK)
        return e;
    if (version < NEWEST)
        return sl_fail_set(fail, SL_EINVAL, q->path,
                           "the database has version %lld and this program reads %lld: start the gateway once to bring "
                           "it up to date",
                           (long long)version, (long long)NEWEST);
    return refuse_newer(q, version, fail);
}

static enum sl_err take_step(struct sqlite_store *q, int64_t from, struct sl_fail *fail)
{
    char *note = sqlite3_mprintf("INSERT INTO schema_version VALUES (%lld, %lld)", (long long)from + 1,
                                 (long long)sl_clock_wall_ns());
    enum sl_err e = sqlite_exec(q, steps[from], "update the tables of", fail);
    if (e == SL_OK)
        e = sqlite_exec(q, note, "update the version of", fail);
    sqlite3_free(note);
    return e;
}

enum sl_err sqlite_migrate(struct sqlite_store *q, struct sl_fail *fail)
{
    int64_t version;
    enum sl_err e;
    /* The version is read under the write lock: two programs that start at once take the steps once. */
    do {
        e = sqlite_exec(q, "BEGIN IMMEDIATE", "lock", fail);
        if (e != SL_OK)
            return e;
        e = sqlite_exec(q,
                        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_ns INTEGER)",
                        "update", fail);
        if (e == SL_OK)
            e = current_version(q, &version, fail);
        if (e == SL_OK)
            e = refuse_newer(q, version, fail);
        if (e == SL_OK && version < NEWEST)
            e = take_step(q, version, fail);
        if (e == SL_OK)
            e = sqlite_exec(q, "COMMIT", "update", fail);
        if (e != SL_OK) {
            (void)sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
            return e;
        }
    } while (version + 1 < NEWEST);
    return SL_OK;
}
