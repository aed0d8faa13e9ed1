/* Shared by the files of the SQLite store: the struct, statements, errors. */
#ifndef SLUICE_STORE_SQLITE_INT_H
#define SLUICE_STORE_SQLITE_INT_H

#include <sqlite3.h>

#include "store/store.h"

enum sqlite_statement { /* prepared once, at first use; SQL in sqlite.c, statement_sql */
    SQ_BEGIN = 0,
    SQ_COMMIT,
    SQ_ROLLBACK,
    SQ_PUT_NEW, /* open and close of an attempt that is not there yet */
    SQ_PUT_BOTH,
    SQ_PUT_OPEN,
    SQ_PUT_CLOSE,
    SQ_INTERRUPT,
    SQ_EACH_ATTEMPT,
    SQ_PUT_POSITION,
    SQ_GET_POSITION,
    SQ_DROP_POSITIONS,
    SQ_LAST_SEGMENT,
    SQ_INSERT_KEY,
    SQ_END_KEY,
    SQ_EXPIRE_KEY,
    SQ_EACH_KEY,
    SQ_VERSION,
    SQ_PUT_RESPONSE,
    SQ_UPDATE_RESPONSE,
    SQ_RESPONSE_ROW,
    SQ_PUT_CONTENT,
    SQ_PUT_ITEM,
    SQ_FIND_RESPONSE,
    SQ_FIND_ITEM,
    SQ_RESPONSE_AT,
    SQ_DELETE_RESPONSE,
    SQ_CANCEL_RESPONSE,
    SQ_EXTEND_RESPONSE,
    SQ_SWEEP_RESPONSES,
    SQ_LOSE_RESPONSES,
    SQ_PUT_OBJECT,
    SQ_FIND_OBJECT,
    SQ_FIND_ANY_OBJECT,
    SQ_PAGE_NEWEST,
    SQ_PAGE_OLDEST,
    SQ_DELETE_OBJECT,
    SQ_SETTLE_OBJECT,
    SQ_DISOWN_OBJECT,
    SQ_KEY_ROOM,
    SQ_OLDEST_RESPONSE,
    SQ_PUT_VIDEO,
    SQ_RENEW_VIDEO,
    SQ_FORGET_ATTEMPT,
    SQ_FIND_VIDEO,
    SQ_LIST_VIDEOS,
    SQ_LIST_VIDEOS_UP,
    SQ_LIVE_VIDEOS,
    SQ_VIDEO_TASK,
    SQ_HIDE_VIDEO,
    SQ_VIDEO_HOOK,
    SQ_SWEEP_VIDEOS,
    SQ_FIND_ONCE,
    SQ_PUT_ONCE,
    SQ_FORGET_ONCE,
    SQ_SWEEP_ONCE,
    SQ_PUT_PIECE,
    SQ_READ_PIECE,
    SQ_IS_HERE,
    SQ_DROP_PIECES,
    SQ_DROP_HERE,
    SQ_PUT_BATCH,
    SQ_FIND_BATCH,
    SQ_LIVE_BATCHES,
    SQ_CANCEL_BATCH,
    SQ_PUT_LINE,
    SQ_DROP_LINES,
    SQ_END_LINE,
    SQ_NEXT_LINES,
    SQ_RESULTS,
    SQ_DROP_RESULTS,
    SQ_DROP_BATCH,
    SQ_INTENTS,
    SQ_DROP_INTENT,
    SQ_OTHER_INTENTS,
    SQ_FILE_KNOWN,
    SQ_UNCHARGED,
    SQ_UNCHARGED_ONE,
    SQ_CHARGED,
    SQ_PUT_COPY,
    SQ_CHANGE_COPY,
    SQ_DROP_COPY,
    SQ_FIND_COPY,
    SQ_NEXT_COPIES,
    SQ_COUNT
};

#define SQLITE_ATTEMPT_PARAMETERS 42u

struct sqlite_bound { /* what a parameter of a statement was bound to in its last run */
    bool known;
    int64_t number;
    size_t n;
    char text[128]; /* borrowed by the binding */
};

struct sqlite_store {
    struct store base;                                           /* first */
    sqlite3 *db;                                                 /* own */
    sqlite3_stmt *statements[SQ_COUNT];                          /* own; NULL until used */
    enum store_durable durable;                                  /* what the connection is set to */
    struct sqlite_bound last_new[SQLITE_ATTEMPT_PARAMETERS + 1]; /* of SQ_PUT_NEW, by parameter number */
    char path[4096];
};

static inline struct sqlite_store *sqlite_of(struct store *s)
{
    return (struct sqlite_store *)(void *)s;
}

/* The connection's last error as ours; fills fail. */
enum sl_err sqlite_fail(struct sqlite_store *q, const char *what, struct sl_fail *fail);
/* A prepared statement, reset and without bindings; NULL on failure (fail is filled). */
sqlite3_stmt *sqlite_statement(struct sqlite_store *q, enum sqlite_statement which, struct sl_fail *fail);
/* Runs a statement that gives no rows, and resets it. */
enum sl_err sqlite_run(struct sqlite_store *q, sqlite3_stmt *st, const char *what, struct sl_fail *fail);
/* The same. SL_ENOENT: it changed nothing. */
enum sl_err sqlite_run_change(struct sqlite_store *q, sqlite3_stmt *st, const char *what, struct sl_fail *fail);
/* Runs one whose only parameter is a row, as sqlite_run_change. */
enum sl_err sqlite_change_row(struct store *s, enum sqlite_statement which, int64_t row, const char *what,
                              struct sl_fail *fail);
enum sl_err sqlite_exec(struct sqlite_store *q, const char *sql, const char *what, struct sl_fail *fail);

#define SQLITE_ID_BYTES 16u
void sqlite_id_bytes(struct sl_id id, unsigned char out[SQLITE_ID_BYTES]); /* big-endian: sorts by time */
struct sl_id sqlite_id_of(sqlite3_stmt *st, int column);                   /* zero for NULL */
struct sl_str sqlite_text(sqlite3_stmt *st, int column);                   /* borrow until the next step */
struct sl_str sqlite_blob(sqlite3_stmt *st, int column);                   /* the same; empty for NULL */
/* Unless the column has exactly so many bytes, out stays as it is. */
void sqlite_credential(sqlite3_stmt *st, int column, unsigned char out[STORE_CREDENTIAL_BYTES]);
void sqlite_bind_id(sqlite3_stmt *st, int at, struct sl_id id);   /* copies; zero becomes NULL */
void sqlite_bind_str(sqlite3_stmt *st, int at, struct sl_str s);  /* borrows until reset */
void sqlite_bind_blob(sqlite3_stmt *st, int at, struct sl_str s); /* the same; empty, not NULL, of nothing */

/* sqlite_keys.c */
enum sl_err sqlite_insert_key(struct store *s, const struct store_key *k, struct sl_fail *fail);
enum sl_err sqlite_end_key(struct store *s, struct sl_id id, int64_t revoked_ns, struct sl_fail *fail);
enum sl_err sqlite_expire_key(struct store *s, struct sl_id id, int64_t expires_ns, struct sl_fail *fail);
enum sl_err sqlite_rotate_key(struct store *s, const struct store_key *fresh, int64_t old_expires_ns,
                              struct sl_fail *fail);
enum sl_err sqlite_each_key(struct store *s, store_key_f *f, void *arg, struct sl_fail *fail);

/* sqlite_batches.c */
struct batch_rows;
extern const char *const sqlite_batch_sql[SQ_COUNT]; /* NULL: a statement of another file */
enum sl_err sqlite_run_batches(struct store *s, struct batch_rows *j, struct sl_fail *fail);

/* sqlite_responses.c */
extern const char *const sqlite_response_sql[SQ_COUNT]; /* NULL: a statement of another file */
enum sl_err sqlite_put_response(struct store *s, const struct store_response_put *p, struct sl_fail *fail);
enum sl_err sqlite_find_response(struct store *s, const struct store_response_owner *o, struct sl_str id,
                                 store_response_f *f, void *arg, struct sl_fail *fail);
enum sl_err sqlite_find_response_item(struct store *s, const struct store_response_owner *o, struct sl_str item,
                                      store_response_f *f, void *arg, struct sl_fail *fail);
enum sl_err sqlite_response_chain(struct store *s, const struct store_response_owner *o, int64_t row,
                                  store_response_f *f, void *arg, bool *out_whole, struct sl_fail *fail);
enum sl_err sqlite_delete_response(struct store *s, int64_t row, struct sl_fail *fail);
enum sl_err sqlite_cancel_response(struct store *s, int64_t row, struct sl_fail *fail);
enum sl_err sqlite_extend_responses(struct store *s, int64_t row, int64_t expires_ns, struct sl_fail *fail);
enum sl_err sqlite_sweep_responses(struct store *s, int64_t now_ns, uint64_t most, uint64_t *out_n,
                                   struct sl_fail *fail);
enum sl_err sqlite_lose_responses(struct store *s, uint64_t *out_n, struct sl_fail *fail);

/* sqlite_copies.c */
extern const char *const sqlite_copy_sql[SQ_COUNT];
enum sl_err sqlite_put_copy(struct store *s, const struct store_copy *c, struct sl_fail *fail);
enum sl_err sqlite_change_copy(struct store *s, const struct store_copy *c, enum store_copy_state from,
                               struct sl_fail *fail);
enum sl_err sqlite_drop_copy(struct store *s, struct sl_str id, struct sl_fail *fail);
enum sl_err sqlite_find_copy(struct store *s, struct sl_str id, store_copy_f *f, void *arg, struct sl_fail *fail);
enum sl_err sqlite_next_copies(struct store *s, uint64_t most, store_copy_f *f, void *arg, struct sl_fail *fail);

/* sqlite_videos.c */
extern const char *const sqlite_video_sql[SQ_COUNT];
enum sl_err sqlite_put_video(struct store *s, const struct store_video *v, const struct store_attempt *settles,
                             struct sl_fail *fail);
enum sl_err sqlite_renew_video(struct store *s, const struct store_video *v, struct sl_fail *fail);
enum sl_err sqlite_find_video(struct store *s, struct sl_str tenant, struct sl_str id, int64_t now_ns, store_video_f *f,
                              void *arg, struct sl_fail *fail);
enum sl_err sqlite_list_videos(struct store *s, const struct store_video_page *p, store_video_f *f, void *arg,
                               struct sl_fail *fail);
enum sl_err sqlite_each_live_video(struct store *s, store_video_f *f, void *arg, struct sl_fail *fail);
enum sl_err sqlite_video_task_known(struct store *s, struct sl_str provider, struct sl_str task, bool *out_known,
                                    struct sl_fail *fail);
enum sl_err sqlite_delete_video(struct store *s, struct sl_str tenant, struct sl_str id, int64_t now_ns,
                                store_video_f *f, void *arg, struct sl_fail *fail);
enum sl_err sqlite_video_hook(struct store *s, struct sl_str id, int64_t due_ns, uint32_t tries, struct sl_fail *fail);
enum sl_err sqlite_find_once(struct store *s, const struct store_once *o, store_once_f *f, void *arg,
                             struct sl_fail *fail);
enum sl_err sqlite_put_once(struct store *s, const struct store_once *o, struct sl_fail *fail);
enum sl_err sqlite_forget_once(struct store *s, struct sl_str id, struct sl_fail *fail);
enum sl_err sqlite_sweep_videos(struct store *s, int64_t now_ns, uint64_t most, uint64_t *out_n, struct sl_fail *fail);
/* sqlite_objects.c */
extern const char *const sqlite_object_sql[SQ_COUNT]; /* NULL: a statement of another file */
enum sl_err sqlite_put_object(struct store *s, const struct store_object *o, struct sl_fail *fail);
enum sl_err sqlite_find_object(struct store *s, const struct store_response_owner *owner, enum store_object_kind kind,
                               struct sl_str id, store_object_f *f, void *arg, struct sl_fail *fail);
enum sl_err sqlite_page_objects(struct store *s, const struct store_response_owner *owner,
                                const struct store_object_page *page, store_object_f *f, void *arg,
                                struct sl_fail *fail);
enum sl_err sqlite_delete_object(struct store *s, int64_t row, struct sl_fail *fail);
enum sl_err sqlite_settle_object(struct store *s, int64_t row, struct sl_fail *fail);

/* sqlite_usage.c */
enum sl_err sqlite_usage_setup(struct sqlite_store *q, struct sl_fail *fail); /* registers sum_exact */
enum sl_err sqlite_usage(struct store *s, const struct store_usage_query *query, store_usage_f *f, void *arg,
                         struct sl_fail *fail);

/* sqlite_migrate.c */
/* The SQL that takes version `from` to the next one; NULL: there is none. For tests, which make older databases of it. */
const char *sqlite_step(int64_t from);
enum sl_err sqlite_migrate(struct sqlite_store *q, struct sl_fail *fail);
enum sl_err sqlite_check_version(struct sqlite_store *q, struct sl_fail *fail); /* for reading */

#endif
