/* Video jobs in the SQLite store: docs/internals/jobs.md. Called by the keeper only. Clients find rows by id and tenant
 * together: whoever is no owner gets what an unknown id gets. */
#include "store/sqlite_int.h"

#define COLUMNS                                                                                                        \
    "id, key_id, exchange_id, attempt_id, tenant, state, settled, deleted, provider, task, model, target, credential," \
    " made_ns, sent_ns, ended_ns, expires_ns, links_ns, reserved_p, cost_p, price_version, operation, progress,"       \
    " request, result, error_code, error_text, hook, token, hook_due_ns, hook_tries"
/* The task of a deleted job is remembered for a while: whoever looks for a task that belongs to no job must not find it. */
#define DELETED_NS (INT64_C(86400) * 1000000000)
#define SEEN " tenant = ?1 AND deleted = 0 AND expires_ns > ?2"

const char *const sqlite_video_sql[SQ_COUNT] = {
    [SQ_PUT_VIDEO] = "INSERT INTO videos (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
                     " ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)"
                     " ON CONFLICT (id) DO UPDATE SET state = excluded.state, settled = excluded.settled,"
                     " attempt_id = excluded.attempt_id, provider = excluded.provider, task = excluded.task,"
                     " target = excluded.target, credential = excluded.credential, sent_ns = excluded.sent_ns,"
                     " ended_ns = excluded.ended_ns, expires_ns = excluded.expires_ns, links_ns = excluded.links_ns,"
                     " reserved_p = excluded.reserved_p, cost_p = excluded.cost_p, progress = excluded.progress,"
                     " result = excluded.result, error_code = excluded.error_code, error_text = excluded.error_text,"
                     " token = excluded.token, hook_due_ns = excluded.hook_due_ns"
                     " WHERE videos.settled = 0",
    [SQ_RENEW_VIDEO] = "UPDATE videos SET result = ?2, links_ns = ?3 WHERE id = ?1 AND settled = 1",
    [SQ_FORGET_ATTEMPT] = "DELETE FROM attempts WHERE attempt_id = ?1",
    [SQ_FIND_VIDEO] = "SELECT " COLUMNS ", video FROM videos WHERE" SEEN " AND id = ?3",
    [SQ_LIST_VIDEOS] = "SELECT " COLUMNS ", video FROM videos WHERE" SEEN
                       " AND (?3 = '' OR video < (SELECT video FROM videos WHERE id = ?3 AND tenant = ?1))"
                       " ORDER BY video DESC LIMIT ?4",
    [SQ_LIST_VIDEOS_UP] = "SELECT " COLUMNS ", video FROM videos WHERE" SEEN
                          " AND (?3 = '' OR video > (SELECT video FROM videos WHERE id = ?3 AND tenant = ?1))"
                          " ORDER BY video LIMIT ?4",
    [SQ_LIVE_VIDEOS] = "SELECT " COLUMNS ", video FROM videos WHERE settled = 0 OR hook_due_ns > 0 ORDER BY video",
    [SQ_VIDEO_TASK] = "SELECT 1 FROM videos WHERE provider = ?1 AND task = ?2 AND task <> ''",
    [SQ_HIDE_VIDEO] =
        "UPDATE videos SET deleted = 1, request = x'', result = CASE settled WHEN 0 THEN result ELSE x'' END,"
        " hook_due_ns = 0 WHERE id = ?1",
    [SQ_VIDEO_HOOK] = "UPDATE videos SET hook_due_ns = ?2, hook_tries = ?3 WHERE id = ?1",
    [SQ_FIND_ONCE] = "SELECT body, id, made_ns FROM once WHERE tenant = ?1 AND key = ?2 AND made_ns > ?3",
    [SQ_PUT_ONCE] = "INSERT INTO once (tenant, key, body, id, made_ns) VALUES (?1, ?2, ?3, ?4, ?5)"
                    " ON CONFLICT (tenant, key) DO UPDATE SET body = excluded.body, id = excluded.id,"
                    " made_ns = excluded.made_ns",
    [SQ_FORGET_ONCE] = "DELETE FROM once WHERE id = ?1",
    [SQ_SWEEP_ONCE] = "DELETE FROM once WHERE made_ns <= ?1",
    [SQ_SWEEP_VIDEOS] = "DELETE FROM videos WHERE video IN (SELECT video FROM videos WHERE expires_ns <= ?1 AND"
                        " settled = 1 UNION ALL SELECT video FROM videos WHERE deleted = 1 AND made_ns <= ?3 AND"
                        " settled = 1 LIMIT ?2)",
};

/* -- Writing -------------------------------------------------------------------------------------------------------- */

static void bind_video(sqlite3_stmt *st, const struct store_video *v)
{
    const int64_t numbers[] = {v->made_ns,  v->sent_ns,    v->ended_ns, v->expires_ns,
                               v->links_ns, v->reserved_p, v->cost_p};
    const struct sl_str names[] = {v->provider, v->task, v->model, v->target};
    sqlite_bind_str(st, 1, v->id);
    sqlite_bind_id(st, 2, v->key);
    sqlite_bind_id(st, 3, v->exchange);
    sqlite_bind_id(st, 4, v->attempt);
    sqlite_bind_str(st, 5, v->tenant);
    (void)sqlite3_bind_int64(st, 6, v->state);
    (void)sqlite3_bind_int64(st, 7, v->settled);
    (void)sqlite3_bind_int64(st, 8, v->deleted);
    for (int i = 0; i < 4; i++)
        sqlite_bind_str(st, 9 + i, names[i]);
    sqlite_bind_blob(st, 13, sl_str_of((const char *)v->credential, sizeof v->credential));
    for (int i = 0; i < 7; i++)
        (void)sqlite3_bind_int64(st, 14 + i, numbers[i]);
    sqlite_bind_str(st, 21, v->price_version);
    sqlite_bind_str(st, 22, v->operation);
    (void)sqlite3_bind_int64(st, 23, v->progress);
    sqlite_bind_blob(st, 24, v->request);
    sqlite_bind_blob(st, 25, v->result);
    sqlite_bind_str(st, 26, v->error_code);
    sqlite_bind_str(st, 27, v->error_text);
    sqlite_bind_str(st, 28, v->hook);
    sqlite_bind_str(st, 29, v->token);
    (void)sqlite3_bind_int64(st, 30, v->hook_due_ns);
    (void)sqlite3_bind_int64(st, 31, v->hook_tries);
}

/* A closed attempt is final for whoever replays the journal: what is known better now takes its place as a whole. */
static enum sl_err replace_attempt(struct store *s, const struct store_attempt *a, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_FORGET_ATTEMPT, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_id(st, 1, a->attempt);
    enum sl_err e = sqlite_run(q, st, "settle an attempt of", fail);
    return e == SL_OK ? s->ops->put_attempt(s, a, fail) : e;
}

enum sl_err sqlite_put_video(struct store *s, const struct store_video *v, const struct store_attempt *settles,
                             struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_VIDEO, fail);
    if (st == NULL)
        return SL_EIO;
    bind_video(st, v);
    enum sl_err e = sqlite_run(q, st, "store a video in", fail);
    if (e == SL_OK && sqlite3_changes(q->db) == 0)
        return SL_ENOENT;
    return e == SL_OK && settles != NULL && v->settled ? replace_attempt(s, settles, fail) : e;
}

enum sl_err sqlite_renew_video(struct store *s, const struct store_video *v, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_RENEW_VIDEO, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, v->id);
    sqlite_bind_blob(st, 2, v->result);
    (void)sqlite3_bind_int64(st, 3, v->links_ns);
    return sqlite_run_change(q, st, "renew a video of", fail);
}

enum sl_err sqlite_video_hook(struct store *s, struct sl_str id, int64_t due_ns, uint32_t tries, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_VIDEO_HOOK, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, id);
    (void)sqlite3_bind_int64(st, 2, due_ns);
    (void)sqlite3_bind_int64(st, 3, tries);
    return sqlite_run(q, st, "change a video of", fail);
}

/* -- Idempotency keys ----------------------------------------------------------------------------------------------- */

static struct sl_str digest(const unsigned char d[STORE_ONCE_BYTES])
{
    return sl_str_of((const char *)d, STORE_ONCE_BYTES);
}

static enum sl_err sweep_once(struct sqlite_store *q, int64_t now_ns, struct sl_fail *fail)
{
    sqlite3_stmt *st = sqlite_statement(q, SQ_SWEEP_ONCE, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, now_ns - STORE_ONCE_NS);
    return sqlite_run(q, st, "sweep keys of", fail);
}

enum sl_err sqlite_find_once(struct store *s, const struct store_once *o, store_once_f *f, void *arg,
                             struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_FIND_ONCE, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, o->tenant);
    sqlite_bind_blob(st, 2, digest(o->key));
    (void)sqlite3_bind_int64(st, 3, o->made_ns - STORE_ONCE_NS);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        const void *body = sqlite3_column_blob(st, 0);
        struct store_once found = {
            .tenant = o->tenant, .id = sqlite_text(st, 1), .made_ns = sqlite3_column_int64(st, 2)};
        memcpy(found.key, o->key, sizeof found.key);
        if (sqlite3_column_bytes(st, 0) == (int)sizeof found.body)
            memcpy(found.body, body, sizeof found.body);
        f(arg, &found);
    }
    enum sl_err e = rc == SQLITE_ROW ? SL_OK : rc == SQLITE_DONE ? SL_ENOENT : sqlite_fail(q, "read a key of", fail);
    sqlite3_reset(st);
    return e;
}

enum sl_err sqlite_put_once(struct store *s, const struct store_once *o, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_PUT_ONCE, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, o->tenant);
    sqlite_bind_blob(st, 2, digest(o->key));
    sqlite_bind_blob(st, 3, digest(o->body));
    sqlite_bind_str(st, 4, o->id);
    (void)sqlite3_bind_int64(st, 5, o->made_ns);
    return sqlite_run(q, st, "store a key in", fail);
}

enum sl_err sqlite_forget_once(struct store *s, struct sl_str id, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_FORGET_ONCE, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, id);
    return sqlite_run(q, st, "forget a key of", fail);
}

enum sl_err sqlite_sweep_videos(struct store *s, int64_t now_ns, uint64_t most, uint64_t *out_n, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_SWEEP_VIDEOS, fail);
    if (st == NULL)
        return SL_EIO;
    (void)sqlite3_bind_int64(st, 1, now_ns);
    (void)sqlite3_bind_int64(st, 2, most > INT64_MAX ? INT64_MAX : (int64_t)most);
    (void)sqlite3_bind_int64(st, 3, now_ns - DELETED_NS);
    enum sl_err e = sqlite_run(q, st, "sweep videos of", fail);
    if (e == SL_OK)
        *out_n = (uint64_t)sqlite3_changes(q->db);
    return e == SL_OK ? sweep_once(q, now_ns, fail) : e;
}

/* -- Reading -------------------------------------------------------------------------------------------------------- */

static void read_video(sqlite3_stmt *st, struct store_video *out)
{
    *out = (struct store_video){
        .id = sqlite_text(st, 0),
        .key = sqlite_id_of(st, 1),
        .exchange = sqlite_id_of(st, 2),
        .attempt = sqlite_id_of(st, 3),
        .tenant = sqlite_text(st, 4),
        .state = (enum store_video_state)sqlite3_column_int64(st, 5),
        .settled = sqlite3_column_int64(st, 6) != 0,
        .deleted = sqlite3_column_int64(st, 7) != 0,
        .provider = sqlite_text(st, 8),
        .task = sqlite_text(st, 9),
        .model = sqlite_text(st, 10),
        .target = sqlite_text(st, 11),
        .made_ns = sqlite3_column_int64(st, 13),
        .sent_ns = sqlite3_column_int64(st, 14),
        .ended_ns = sqlite3_column_int64(st, 15),
        .expires_ns = sqlite3_column_int64(st, 16),
        .links_ns = sqlite3_column_int64(st, 17),
        .reserved_p = sqlite3_column_int64(st, 18),
        .cost_p = sqlite3_column_int64(st, 19),
        .price_version = sqlite_text(st, 20),
        .operation = sqlite_text(st, 21),
        .progress = (int32_t)sqlite3_column_int64(st, 22),
        .request = sqlite_blob(st, 23),
        .result = sqlite_blob(st, 24),
        .error_code = sqlite_text(st, 25),
        .error_text = sqlite_text(st, 26),
        .hook = sqlite_text(st, 27),
        .token = sqlite_text(st, 28),
        .hook_due_ns = sqlite3_column_int64(st, 29),
        .hook_tries = (uint32_t)sqlite3_column_int64(st, 30),
        .row = sqlite3_column_int64(st, 31),
    };
    sqlite_credential(st, 12, out->credential);
}

/* Gives all rows to f, until it wants no more. SL_ENOENT: there was none. */
static enum sl_err give(struct sqlite_store *q, sqlite3_stmt *st, store_video_f *f, void *arg, struct sl_fail *fail)
{
    bool found = false, more = true;
    int rc = SQLITE_DONE;
    while (more && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_video v;
        read_video(st, &v);
        found = true;
        more = f(arg, &v);
    }
    enum sl_err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? SL_OK : sqlite_fail(q, "read a video of", fail);
    sqlite3_reset(st);
    return e == SL_OK && !found ? SL_ENOENT : e;
}

enum sl_err sqlite_find_video(struct store *s, struct sl_str tenant, struct sl_str id, int64_t now_ns, store_video_f *f,
                              void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_FIND_VIDEO, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, tenant);
    (void)sqlite3_bind_int64(st, 2, now_ns);
    sqlite_bind_str(st, 3, id);
    return give(q, st, f, arg, fail);
}

enum sl_err sqlite_list_videos(struct store *s, const struct store_video_page *p, store_video_f *f, void *arg,
                               struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, p->ascending ? SQ_LIST_VIDEOS_UP : SQ_LIST_VIDEOS, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, p->tenant);
    (void)sqlite3_bind_int64(st, 2, p->now_ns);
    sqlite_bind_str(st, 3, p->after);
    (void)sqlite3_bind_int64(st, 4, p->limit);
    return give(q, st, f, arg, fail);
}

enum sl_err sqlite_each_live_video(struct store *s, store_video_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_LIVE_VIDEOS, fail);
    return st != NULL ? give(q, st, f, arg, fail) : SL_EIO;
}

enum sl_err sqlite_video_task_known(struct store *s, struct sl_str provider, struct sl_str task, bool *out_known,
                                    struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    sqlite3_stmt *st = sqlite_statement(q, SQ_VIDEO_TASK, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, provider);
    sqlite_bind_str(st, 2, task);
    int rc = sqlite3_step(st);
    *out_known = rc == SQLITE_ROW;
    enum sl_err e = rc == SQLITE_ROW || rc == SQLITE_DONE ? SL_OK : sqlite_fail(q, "read a video of", fail);
    sqlite3_reset(st);
    return e;
}

enum sl_err sqlite_delete_video(struct store *s, struct sl_str tenant, struct sl_str id, int64_t now_ns,
                                store_video_f *f, void *arg, struct sl_fail *fail)
{
    struct sqlite_store *q = sqlite_of(s);
    enum sl_err e = sqlite_find_video(s, tenant, id, now_ns, f, arg, fail);
    if (e != SL_OK)
        return e;
    sqlite3_stmt *st = sqlite_statement(q, SQ_HIDE_VIDEO, fail);
    if (st == NULL)
        return SL_EIO;
    sqlite_bind_str(st, 1, id);
    return sqlite_run(q, st, "delete a video of", fail);
}
