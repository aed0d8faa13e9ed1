/* What the exchange asks of the rows of batches that the gateway runs itself, and of files that it holds, as a message to the keeper and
 * back (docs/internals/batches.md).
 *
 * As with struct video_rows: a message owns an arena without a thread's cache; the asker fills the question, the keeper runs it
 * (batch_rows_run), `done` runs on the asker's thread and frees it. */
#ifndef SLUICE_STORE_BATCH_ROWS_H
#define SLUICE_STORE_BATCH_ROWS_H

#include "base/arena.h"
#include "store/ask.h"
#include "store/store.h"

#define BATCH_PIECE ((size_t)256 << 10) /* bytes of a file in one row, and about what one message brings of results */

enum batch_rows_kind { /* those that write come first */
    BR_PIECE = 0,      /* id, at, bytes: of a file that comes */
    BR_FILE_GONE,      /* id: its pieces are of no use */
    BR_OBJECTS,        /* objects: put */
    BR_FILE_DROP,      /* object (kind, id): the row; id: its pieces; b.id: its results of state `state` */
    BR_BATCH,          /* b, objects: put all */
    BR_LINES,          /* b.id, lines: new; those whose custom_id was there say `twice` and are left out */
    BR_NO_LINES,       /* b.id: all of its lines go */
    BR_DONE,           /* b, objects, lines (line, state, result): counted where it had none; others are left out */
    BR_CANCEL,         /* b.id, b.cancel_ns, objects: found NONE where it has ended */
    BR_BATCH_GONE,     /* b.id, object: the batch, its lines, the object */
    BR_RESOLVED,       /* objects: put; id: of an intent, which goes */
    BR_FOUND_FILES, /* objects: those that no row has are put, unless another tenant's intent says the same as b.input; id: of the
                        * intent, which goes; found NONE: it stays. count: what was put */
    BR_CHARGED, /* at: number of a row: what its batch did cost is in the ledger. Found NONE: it was already, or the row is gone */
    BR_SWEEP,   /* now_ns: what ended before that goes; pieces and drafts without an owner, too, with `all` */
    BR_FIND,    /* b.id, b.key, b.tenant -> batches[0]; the owner is not asked for: the object's row was */
    BR_LIVE,    /* -> batches that have not ended */
    BR_INTENTS, /* now_ns, after, limit -> objects: intents of before that, behind that row */
    BR_UNCHARGED, /* after, limit -> objects: batches at providers that are not in the ledger yet, behind that row; no bodies */
    BR_UNCHARGED_ONE, /* at: number of a row -> objects[0], count 1: its output file was charged. Found NONE: it is charged, or gone */
    BR_READ,   /* id, at -> bytes; found NONE: behind the end, and count 0: there is no such file any more */
    BR_NEXT,   /* b.id, after, limit -> lines without a result, with their inputs; `limit` 0: without */
    BR_RESULTS /* b.id, state (0: any), after -> lines (line only), bytes: one result a line, about BATCH_PIECE of them */
};

enum batch_rows_found {
    BF_OK = 0,
    BF_NONE,
    BF_FAILED /* the database cannot */
};

enum store_batch_state {   /* numbers are stored */
    STORE_BATCH_DRAFT = 0, /* is being made; nobody was told */
    STORE_BATCH_VALIDATING = 1,
    STORE_BATCH_RUNNING = 2,
    STORE_BATCH_FINALIZING = 3,
    STORE_BATCH_COMPLETED = 4,
    STORE_BATCH_FAILED = 5, /* by its input */
    STORE_BATCH_EXPIRED = 6,
    STORE_BATCH_CANCELLED = 7
};

struct store_batch { /* texts: views */
    enum store_object_kind kind;
    struct sl_str id;
    struct sl_id key;
    struct sl_str tenant;
    enum store_batch_state state;
    struct sl_str input;                                                       /* id of its file; empty: it had none */
    struct sl_str endpoint;                                                    /* "/v1/chat/completions" */
    struct sl_str betas;                                                       /* anthropic-beta of its create */
    struct sl_str metadata;                                                    /* JSON, or empty */
    struct sl_str errors;                                                      /* JSON array; FAILED */
    int64_t made_ns, began_ns, finalizing_ns, ended_ns, expires_ns, cancel_ns; /* wall; 0: not yet */
    uint64_t total, completed, failed, cancelled, expired;                     /* lines */
    uint64_t bytes_out, bytes_err;                                             /* of its results */
};

enum store_line_state { /* numbers are stored */
    STORE_LINE_WAITS = 0,
    STORE_LINE_OUTPUT = 1,
    STORE_LINE_ERROR = 2
};

struct store_line {
    uint64_t line; /* from 1 */
    struct sl_str custom_id;
    struct sl_str input;
    enum store_line_state state;
    struct sl_str result; /* a whole line, with its end */
    bool twice;           /* BR_LINES: the custom_id was there. BR_DONE: it had a result already */
};

struct batch_rows {
    struct store_ask ask;
    enum batch_rows_kind kind;
    struct sl_arena a; /* own */
    /* the question; views of the arena */
    struct sl_str id;
    uint64_t at, after, limit;
    int64_t now_ns;
    enum store_line_state state;
    bool all, synced; /* synced: on the disk before `done` */
    bool
        perhaps; /* BR_FOUND_FILES: nobody knows whether the objects are it: those without a row are counted, and not put */
    struct store_batch b;
    struct store_object *objects;
    size_t n_objects, cap_objects;
    /* question or answer */
    struct store_line *lines;
    size_t n_lines, cap_lines;
    struct sl_str bytes;
    /* the answer */
    enum batch_rows_found found;
    struct store_batch *batches;
    size_t n_batches, cap_batches;
    uint64_t count; /* BR_SWEEP: what went; BR_READ */
    /* the way back, with ask.reply_to */
    void (*done)(struct batch_rows *j, void *receiver);
    void *asker; /* touched on its thread only: NULL when it has gone */
};

struct batch_rows *batch_rows_new(enum batch_rows_kind kind);
void batch_rows_free(struct batch_rows *j);                                                        /* NULL accepted */
void store_batch_copy(struct store_batch *to, const struct store_batch *from, struct sl_arena *a); /* with its texts */
void store_object_copy(struct store_object *to, const struct store_object *from, struct sl_arena *a);
struct store_line *batch_rows_add_line(struct batch_rows *j);                   /* empty */
struct store_batch *batch_rows_add_batch(struct batch_rows *j);                 /* empty */
void batch_rows_add_object(struct batch_rows *j, const struct store_object *o); /* copies */
static inline bool batch_rows_writes(const struct batch_rows *j)
{
    return j->kind <= BR_SWEEP;
}
/* On the store's thread; a writing one between begin and commit. False: the database failed (found is BF_FAILED): roll back. */
bool batch_rows_run(struct batch_rows *j, struct store *s, struct sl_fail *fail);

#endif
