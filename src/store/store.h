/* The store: what the keeper and the commands write to and read from. One of the program's four seams: struct store_ops is
 * the interface, SQLite (store/sqlite.c) the store of a single machine.
 *
 * Everything here may block and belongs to the keeper's thread or to a command-line program; a struct store is used by one
 * thread. Writing is idempotent: giving the same attempt, position or key twice changes nothing the second time, so that
 * replaying a journal is always safe.
 *
 * Money is int64_t in 10^-12 USD per attempt; sums are __int128 and exact. */
#ifndef SLUICE_STORE_STORE_H
#define SLUICE_STORE_STORE_H

#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct store; /* opaque; carries its ops */
struct batch_rows;

enum store_mode {
    STORE_WRITE = 0,
    STORE_READ
};
enum store_durable {
    STORE_SOON = 0,
    STORE_NOW
}; /* NOW: it and all before it are on the disk when commit returns */

/* Attempts ------------------------------------------------------------------------------------------------------- */

enum store_state {
    STORE_OPEN = 0,
    STORE_CLOSED = 1,
    STORE_INTERRUPTED = 2
}; /* numbers are stored */

/* The token classes, then the other units, in the order of the columns: the lists of telemetry/token_class.h. */
enum store_class {
    STORE_INPUT = 0,
    STORE_CACHE_READ,
    STORE_CACHE_WRITE,
    STORE_OUTPUT,
    STORE_REASONING,
    STORE_AUDIO_IN,
    STORE_AUDIO_OUT,
    STORE_IMAGE_IN,
    STORE_IMAGE_OUT,
    STORE_VIDEO_OUT,
    STORE_TOKEN_CLASSES,
    STORE_IMAGES_IN = STORE_TOKEN_CLASSES,
    STORE_IMAGES_OUT,
    STORE_AUDIO_MS_IN,
    STORE_AUDIO_MS_OUT,
    STORE_VIDEO_MS_IN,
    STORE_VIDEO_MS_OUT,
    STORE_CHARACTERS,
    STORE_SEARCHES,
    STORE_PAGES,
    STORE_CLASSES
};
extern const char *const store_class_names[STORE_CLASSES]; /* "input", "cache_read", ... "pages" */

enum { /* store_attempt.has */
    STORE_HAS_OPEN = 1,
    STORE_HAS_CLOSE = 2
};

enum { /* flags, the same bits as enum entry_flags */
    STORE_FLAG_ESTIMATED = 1 << 0,
    STORE_FLAG_INTERRUPTED = 1 << 1,
    STORE_FLAG_USAGE_MISSING = 1 << 2
};

/* One attempt. Either half may be missing: writing the open half, the close half, or both at once. Views are borrowed for
 * the call (writing) or until the callback returns (reading). */
struct store_attempt {
    unsigned has; /* STORE_HAS_* */
    struct sl_id attempt;
    /* open half */
    struct sl_id exchange, key;
    int64_t opened_ns; /* wall */
    uint64_t estimate_input;
    int64_t estimate_cost_p;
    uint32_t open_flags;
    uint16_t worker, number;
    struct sl_str tenant, model, provider, target, operation, open_price_version;
    /* close half */
    int64_t closed_ns;
    int64_t cost_p;
    int64_t duration_ns, first_token_ns; /* first_token_ns -1: none */
    uint64_t bytes_in, bytes_out;
    uint32_t close_flags;
    uint16_t status;
    uint64_t used[STORE_CLASSES]; /* over INT64_MAX are stored as INT64_MAX */
    struct sl_str outcome, price_version;
    enum store_state state; /* reading only */
};

/* Keys ----------------------------------------------------------------------------------------------------------- */

#define STORE_DIGEST_BYTES 32u

struct store_key {
    struct sl_id id;
    struct sl_str name, tenant;
    unsigned char digest[STORE_DIGEST_BYTES];
    struct sl_str prefix;             /* the first characters, for people */
    int64_t created_ns;               /* wall */
    int64_t expires_ns, revoked_ns;   /* wall; 0: never / not */
    struct sl_id rotated_from;        /* zero: none */
    struct sl_str models, operations; /* comma-separated; empty: all */
    struct sl_str tags;               /* comma-separated name=value; empty: none */
};

/* Responses ------------------------------------------------------------------------------------------------------ */

/* OpenAI's stored responses (docs/internals/stored-responses.md). A row belongs to the key that made it. */
enum store_response_state { /* numbers are stored */
    STORE_RESPONSE_PIN = 0, /* a provider has it: no content here */
    STORE_RESPONSE_RUNS = 1,
    STORE_RESPONSE_ENDED = 2,
    STORE_RESPONSE_CANCELLED = 3,
    STORE_RESPONSE_LOST = 4 /* ran when the process died */
};

#define STORE_CREDENTIAL_BYTES 8u

struct store_response {
    struct sl_str id; /* as clients name it; at most 512 bytes */
    struct sl_id key;
    struct sl_str tenant;
    enum store_response_state state;
    int64_t made_ns, expires_ns; /* wall */
    struct sl_str provider;      /* empty for a row of ours */
    unsigned char credential[STORE_CREDENTIAL_BYTES];
    struct sl_str model;
    int64_t row, previous;     /* of the database; previous 0: none */
    struct sl_str body, input; /* JSON: the object, its own input items */
};

struct store_response_owner {
    struct sl_id key;     /* this one, and those that were rotated to it */
    struct sl_str tenant; /* and all of this tenant's; empty: none but the key's */
    int64_t now_ns;       /* what has expired is not there */
};

struct store_response_put {
    struct store_response r;
    const struct sl_str *items; /* ids of items in body and input */
    size_t n_items;
    uint64_t per_key;  /* the key's oldest are deleted until all its rows hold no more; 0: any */
    bool only_running; /* changes the row that runs, or nothing */
};

/* Video jobs ------------------------------------------------------------------------------------------------------ */

/* A job that a provider runs for minutes (docs/internals/jobs.md). A row belongs to the tenant of the key that made it. */
enum store_video_state { /* numbers are stored; what the client is told */
    STORE_VIDEO_SUBMITTING = 0,
    STORE_VIDEO_QUEUED = 1,
    STORE_VIDEO_RUNS = 2,
    STORE_VIDEO_UNCLEAR = 3, /* nobody knows whether the provider took it */
    STORE_VIDEO_COMPLETED = 4,
    STORE_VIDEO_FAILED = 5,
    STORE_VIDEO_CANCELLED = 6,
    STORE_VIDEO_EXPIRED = 7
};

struct store_video {
    int64_t row; /* of the database: grows with time */
    struct sl_str id;
    struct sl_id key, exchange, attempt; /* attempt: the ledger's */
    struct sl_str tenant;
    enum store_video_state state;
    bool settled;                                /* the ledger has what it cost: nothing changes any more */
    bool deleted;                                /* by its owner: kept, unseen, until it is settled */
    struct sl_str provider, task, model, target; /* task: the provider's id, empty: not known; target: its model */
    unsigned char credential[STORE_CREDENTIAL_BYTES];
    int64_t made_ns, sent_ns, ended_ns; /* wall; 0: not yet */
    int64_t expires_ns;                 /* of the row */
    int64_t links_ns;                   /* until when the links in `result` work; 0: not known */
    int64_t reserved_p, cost_p;
    struct sl_str price_version, operation;
    int32_t progress;              /* percent; -1: not known */
    struct sl_str request, result; /* JSON: what was asked for, what the provider said last */
    struct sl_str error_code, error_text;
    struct sl_str hook;  /* where the client wants to hear of the end; empty: nowhere */
    struct sl_str token; /* of the path that the provider calls back; empty: none */
    int64_t hook_due_ns; /* when the hook is to be called (again); 0: nothing to do */
    uint32_t hook_tries;
};

/* What is kept of a video job's content (docs/internals/kept-videos.md). Rows go on without their job: what was stored must be removed. */
enum store_copy_state { /* numbers are stored */
    STORE_COPY_WANTED = 1,
    STORE_COPY_KEPT = 2,
    STORE_COPY_REMOVE = 3, /* the job was deleted or has expired, or the copy's time is over */
    STORE_COPY_NONE = 4    /* the content cannot be had any more */
};

struct store_copy {
    struct sl_str id, tenant; /* of the job */
    enum store_copy_state state;
    int64_t due_ns;      /* wall: when something is to be done; kept: when it is to go */
    int64_t until_ns;    /* when it is to go */
    uint32_t tries;      /* that failed */
    struct sl_str place; /* keep_place.name; empty: nothing was written yet */
    struct sl_str parts; /* JSON: what is there */
};

/* What was made under a client's Idempotency-Key; only digests are kept. */
#define STORE_ONCE_BYTES 16u
#define STORE_ONCE_NS (INT64_C(24) * 3600 * 1000000000) /* for so long */
struct store_once {
    struct sl_str tenant;
    unsigned char key[STORE_ONCE_BYTES], body[STORE_ONCE_BYTES];
    struct sl_str id; /* of what was made */
    int64_t made_ns;  /* wall; asking: now */
};

struct store_video_page { /* newest first, unless ascending */
    struct sl_str tenant;
    struct sl_str after; /* id; empty: from the start */
    int64_t now_ns;
    uint32_t limit;
    bool ascending;
};

/* Objects --------------------------------------------------------------------------------------------------------- */

/* What a client made at a provider and names later: files, batches (docs/internals/files.md). */
enum store_object_kind { /* numbers are stored */
    STORE_OBJECT_FILE = 1,
    STORE_OBJECT_BATCH = 2,
    STORE_OBJECT_MESSAGE_BATCH = 3,
    STORE_OBJECT_GEMINI_FILE = 8,   /* id: without "files/" */
    STORE_OBJECT_GEMINI_UPLOAD = 9, /* id: ours; body: no JSON but the target that the provider wants its bytes at */
    STORE_OBJECT_UPLOAD = 10,
    STORE_OBJECT_UPLOAD_PART = 11,
    STORE_OBJECT_INTENT =
        12 /* a batch or file that is being made at a provider. id: ours; body: id of the batch's input file, or nothing;
            * or JSON about the file (exchange/file_intent.c) */
};

struct store_object {
    enum store_object_kind kind;
    struct sl_str id; /* the provider's; at most 512 bytes */
    struct sl_id key;
    struct sl_str tenant;
    struct sl_str provider;
    unsigned char credential[STORE_CREDENTIAL_BYTES];
    int64_t made_ns;    /* wall */
    struct sl_str body; /* JSON: as the provider described it last */
    bool settled;       /* a batch whose results were charged */
    bool sole;   /* put: a name that the client chose, now taken again: rows of others with it at this account go */
    int64_t row; /* of the database */
};

struct store_object_page {
    enum store_object_kind kind;
    struct sl_str purpose; /* of files; empty: any */
    struct sl_str after;   /* the id that stands before the first wanted one; empty: from the start */
    bool oldest_first;
    bool before; /* those that stand before `after` instead, the nearest first */
    uint64_t limit;
};

/* Usage ---------------------------------------------------------------------------------------------------------- */

enum store_by {
    STORE_BY_ALL = 0,
    STORE_BY_KEY,
    STORE_BY_MODEL,
    STORE_BY_PROVIDER,
    STORE_BY_DAY,
    STORE_BY_TARGET,
    STORE_BY_TENANT,
    STORE_SPENT_BY_TENANT /* attempts and cost_p alone, and of those that are open what is reserved: for budgets */
};

struct store_usage_query {
    enum store_by by;
    int64_t from_ns, to_ns; /* wall, of the attempt's open; from <= t < to. An attempt's id tells its time (base/id.h)
                               and is what is searched by: it must have been made within an hour of opened_ns */
};

struct store_usage_row {
    struct sl_str group; /* key id, model, provider, "2026-11-21" (UTC), "provider/model", tenant, or "" */
    struct sl_str label; /* by key: the key's name; else empty */
    uint64_t attempts, open, interrupted, estimated, unpriced;
    unsigned __int128 used[STORE_CLASSES];
    __int128 cost_p; /* 10^-12 USD, of attempts that are closed or interrupted */
};

/* Visitors give false to stop. */
typedef bool store_attempt_f(void *arg, const struct store_attempt *a);
typedef bool store_key_f(void *arg, const struct store_key *k);
typedef bool store_usage_f(void *arg, const struct store_usage_row *r);
typedef bool store_response_f(void *arg, const struct store_response *r);
typedef bool store_copy_f(void *arg, const struct store_copy *c);
typedef bool store_video_f(void *arg, const struct store_video *v);
typedef bool store_once_f(void *arg, const struct store_once *o);
typedef bool store_object_f(void *arg, const struct store_object *o);

/* The seam -------------------------------------------------------------------------------------------------------- */

/* All can fail with SL_EIO (SL_EFULL: no space on the disk) and fill `fail` (may be NULL). Writes other than those of keys
 * happen between begin and commit; after a failure the caller calls rollback and may try the whole batch again. */
struct store_ops {
    void (*close)(struct store *s);
    enum sl_err (*begin)(struct store *s, enum store_durable how, struct sl_fail *fail);
    enum sl_err (*commit)(struct store *s, struct sl_fail *fail);
    void (*rollback)(struct store *s);

    enum sl_err (*put_attempt)(struct store *s, const struct store_attempt *a, struct sl_fail *fail);
    /* Closes as interrupted, with the estimate as cost, all attempts that are open; gives how many. */
    enum sl_err (*interrupt_open)(struct store *s, int64_t wall_ns, uint64_t *out_n, struct sl_fail *fail);
    enum sl_err (*each_attempt)(struct store *s, store_attempt_f *f, void *arg, struct sl_fail *fail);

    /* How far a segment was taken in, by its number. get: 0 when unknown. drop: forgets from <= number <= to. */
    enum sl_err (*put_position)(struct store *s, uint64_t segment, uint64_t end, struct sl_fail *fail);
    enum sl_err (*get_position)(struct store *s, uint64_t segment, uint64_t *out_end, struct sl_fail *fail);
    enum sl_err (*drop_positions)(struct store *s, uint64_t from, uint64_t to, struct sl_fail *fail);
    enum sl_err (*last_segment)(struct store *s, uint64_t *out_no, struct sl_fail *fail); /* highest known; 0: none */

    /* Keys: each call is a transaction of its own. insert: SL_EEXIST for an id or digest that is there. */
    enum sl_err (*insert_key)(struct store *s, const struct store_key *k, struct sl_fail *fail);
    enum sl_err (*end_key)(struct store *s, struct sl_id id, int64_t revoked_ns, struct sl_fail *fail); /* SL_ENOENT */
    enum sl_err (*expire_key)(struct store *s, struct sl_id id, int64_t expires_ns,
                              struct sl_fail *fail); /* SL_ENOENT */
    /* Inserts `fresh` and lets the key it was rotated_from expire at old_expires_ns, or neither. */
    enum sl_err (*rotate_key)(struct store *s, const struct store_key *fresh, int64_t old_expires_ns,
                              struct sl_fail *fail);
    enum sl_err (*each_key)(struct store *s, store_key_f *f, void *arg, struct sl_fail *fail); /* oldest first */
    /* A number that differs when another connection changed the database since the last call of this one. */
    enum sl_err (*version)(struct store *s, uint64_t *out_v, struct sl_fail *fail);

    enum sl_err (*usage)(struct store *s, const struct store_usage_query *q, store_usage_f *f, void *arg,
                         struct sl_fail *fail);

    /* Responses. Writing happens between begin and commit. put: SL_ENOENT where only_running found none. find: by id;
     * SL_ENOENT: none that this owner may see. find_item: the row that has the item of that id. chain: the row of that
     * number and those before it, newest first; f gives false to stop; *out_whole false: one before it is gone. delete:
     * SL_ENOENT. cancel: only what runs; the row as it then is. */
    enum sl_err (*put_response)(struct store *s, const struct store_response_put *p, struct sl_fail *fail);
    enum sl_err (*find_response)(struct store *s, const struct store_response_owner *o, struct sl_str id,
                                 store_response_f *f, void *arg, struct sl_fail *fail);
    enum sl_err (*find_response_item)(struct store *s, const struct store_response_owner *o, struct sl_str item,
                                      store_response_f *f, void *arg, struct sl_fail *fail);
    enum sl_err (*response_chain)(struct store *s, const struct store_response_owner *o, int64_t row,
                                  store_response_f *f, void *arg, bool *out_whole, struct sl_fail *fail);
    enum sl_err (*delete_response)(struct store *s, int64_t row, struct sl_fail *fail);
    enum sl_err (*cancel_response)(struct store *s, int64_t row, struct sl_fail *fail);
    /* Lets the row and those before it live at least until then. */
    enum sl_err (*extend_responses)(struct store *s, int64_t row, int64_t expires_ns, struct sl_fail *fail);
    /* Deletes at most `most` rows that have expired. */
    enum sl_err (*sweep_responses)(struct store *s, int64_t now_ns, uint64_t most, uint64_t *out_n,
                                   struct sl_fail *fail);
    /* What still runs belonged to a process that died. */
    enum sl_err (*lose_responses)(struct store *s, uint64_t *out_n, struct sl_fail *fail);

    /* Video jobs. Writing happens between begin and commit. put: makes the row or changes one that is not settled;
     * SL_ENOENT: it is settled, nothing was changed. `settles`, with both halves: replaces what the ledger has of that
     * attempt; only with a row that becomes settled. renew: the result and its links of one that is settled. find: by id;
     * SL_ENOENT: none that this tenant may see. each_live: all that are not settled or whose
     * hook is due some time, oldest first. task_known: whether a row has that task of the provider's. delete: SL_ENOENT; f gets
     * the row as it was; nobody sees it any more, and it goes a day later or when it is settled. */
    enum sl_err (*put_video)(struct store *s, const struct store_video *v, const struct store_attempt *settles,
                             struct sl_fail *fail);
    enum sl_err (*renew_video)(struct store *s, const struct store_video *v, struct sl_fail *fail);
    enum sl_err (*find_video)(struct store *s, struct sl_str tenant, struct sl_str id, int64_t now_ns, store_video_f *f,
                              void *arg, struct sl_fail *fail);
    enum sl_err (*list_videos)(struct store *s, const struct store_video_page *p, store_video_f *f, void *arg,
                               struct sl_fail *fail);
    enum sl_err (*each_live_video)(struct store *s, store_video_f *f, void *arg, struct sl_fail *fail);
    enum sl_err (*video_task_known)(struct store *s, struct sl_str provider, struct sl_str task, bool *out_known,
                                    struct sl_fail *fail);
    enum sl_err (*delete_video)(struct store *s, struct sl_str tenant, struct sl_str id, int64_t now_ns,
                                store_video_f *f, void *arg, struct sl_fail *fail);
    enum sl_err (*video_hook)(struct store *s, struct sl_str id, int64_t due_ns, uint32_t tries, struct sl_fail *fail);
    /* By tenant and key, and not older than STORE_ONCE_NS before made_ns; SL_ENOENT. put: takes the place of an older one. */
    enum sl_err (*find_once)(struct store *s, const struct store_once *o, store_once_f *f, void *arg,
                             struct sl_fail *fail);
    enum sl_err (*put_once)(struct store *s, const struct store_once *o, struct sl_fail *fail);
    enum sl_err (*forget_once)(struct store *s, struct sl_str id,
                               struct sl_fail *fail); /* nothing was made after all */
    enum sl_err (*sweep_videos)(struct store *s, int64_t now_ns, uint64_t most, uint64_t *out_n, struct sl_fail *fail);
    /* Copies of videos' contents. put: a row that is there stays. change: everything but id, tenant and until, if the state is `from`
     * (SL_ENOENT: it is not). drop: if it is to be removed. next: those that are due first, due or not, at most `most`. A job that is
     * deleted or swept has its copy in STORE_COPY_REMOVE. */
    enum sl_err (*put_copy)(struct store *s, const struct store_copy *c, struct sl_fail *fail);
    enum sl_err (*change_copy)(struct store *s, const struct store_copy *c, enum store_copy_state from,
                               struct sl_fail *fail);
    enum sl_err (*drop_copy)(struct store *s, struct sl_str id, struct sl_fail *fail);
    enum sl_err (*find_copy)(struct store *s, struct sl_str id, store_copy_f *f, void *arg, struct sl_fail *fail);
    enum sl_err (*next_copies)(struct store *s, uint64_t most, store_copy_f *f, void *arg, struct sl_fail *fail);
    /* Objects; the owner's time is not looked at. find: owner NULL: anybody's. put: a row that is there gets the new body. find, page (an unknown `after`):
     * SL_ENOENT: none that this owner may see. delete: SL_ENOENT. settle: SL_ENOENT where it is settled already. */
    enum sl_err (*put_object)(struct store *s, const struct store_object *o, struct sl_fail *fail);
    enum sl_err (*find_object)(struct store *s, const struct store_response_owner *owner, enum store_object_kind kind,
                               struct sl_str id, store_object_f *f, void *arg, struct sl_fail *fail);
    enum sl_err (*page_objects)(struct store *s, const struct store_response_owner *owner,
                                const struct store_object_page *page, store_object_f *f, void *arg,
                                struct sl_fail *fail);
    enum sl_err (*delete_object)(struct store *s, int64_t row, struct sl_fail *fail);
    enum sl_err (*settle_object)(struct store *s, int64_t row, struct sl_fail *fail);
    /* Batches that run here and files that are held here: one question of store/batch_rows.h. SL_ENOENT: none. */
    enum sl_err (*run_batches)(struct store *s, struct batch_rows *j, struct sl_fail *fail);
};

struct store {
    const struct store_ops *ops; /* borrow, static; the store's own struct begins with this one */
};

/* Opens or makes the database file and brings its tables up to date (WRITE). READ: SL_ENOENT when there is none. */
enum sl_err store_open_sqlite(const char *path, enum store_mode mode, struct store **out_s,
                              struct sl_fail *fail) SL_MUST_CHECK;

static inline void store_close(struct store *s) /* NULL accepted */
{
    if (s != NULL)
        s->ops->close(s);
}

#endif
