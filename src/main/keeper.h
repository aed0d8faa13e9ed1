/* The keeper: the one thread that owns everything that may block or must be ordered: the journal's files, the database,
 * the access-log file. It has its own loop.
 *
 * Workers give it work in two ways: by appending to their journal writer (it reads behind them), and by a message (keeper_sync,
 * keeper_response, keeper_videos, keeper_batches, keeper_lines_post). It gives them: ready journal segments, key tables
 * (on_keys), answers to keeper_sync and keeper_response.
 *
 * While there is news it looks every KEEPER_BUSY_MS; idle it wakes once a second.
 *
 *   start (caller's thread):  lock, open database, replay segments of before, close what was interrupted, first segments,
 *                             first key table, start the thread
 *   stop:                     the workers have ended (journal_writer_finish) -> take in the rest, retire, close
 *
 * Logs: journal damage, failed syncs, a full disk, database errors (once per change, not per try). */
#ifndef SLUICE_MAIN_KEEPER_H
#define SLUICE_MAIN_KEEPER_H

#include <stdatomic.h>

#include "loop/mailbox.h"
#include "main/state_dir.h"
#include "store/journal.h"

#define KEEPER_BUSY_MS 50
#define KEEPER_IDLE_MS 1000
#define KEEPER_SWEEP_MS 5000                  /* between looks for stored responses that have expired */
#define KEEPER_OPEN_ROW_MS 2000               /* an attempt open for so long gets its row although not closed */
#define KEEPER_LINES_MAX (UINT64_C(64) << 20) /* access-log bytes waiting for the keeper, at most */

struct keeper;
struct store;
struct sl_buf;
struct key_table;    /* auth/key.h */
struct batch_rows;   /* store/batch_rows.h */
struct response_job; /* store/response_job.h */
struct store_video;
struct video_rows; /* store/video_rows.h */

struct keeper_options {
    struct state_dir *state;   /* borrow (until stopped); open; the keeper locks it */
    unsigned n_writers;        /* one per thread that makes attempts */
    uint64_t segment_bytes;    /* 0: JOURNAL_SEGMENT_DEFAULT */
    const char *access_path;   /* access log: a file, "-" for standard output, NULL: none */
    uint64_t access_max_bytes; /* the file is rotated at this size; 0: never */
    unsigned access_keep;      /* rotated files kept: path.1 (newest) ... path.N */
    /* In keeper_start, on the caller's thread, before the first table of keys is made: the place for keys_first_run. May be
     * NULL. A failure stops the start. */
    enum sl_err (*on_store)(void *owner, struct store *s, struct sl_fail *fail);
    /* A new table of keys: gives t (with one reference). Called once inside keeper_start and then on the keeper's thread. */
    void (*on_keys)(void *owner, struct key_table *t);
    /* On the keeper's thread: a video job's row was written (or, written false, could not be) or deleted, and the desk is to
     * know. May be NULL. */
    void (*on_video)(void *owner, const struct store_video *v, bool deleted, bool written);
    /* On the keeper's thread, before its loop runs: the place for keeper_add_tick. May be NULL. */
    void (*on_thread)(void *owner, struct keeper *k);
    void *owner;
    const struct journal_io *io; /* NULL: the real disk; tests put a failing one here */
    void *io_arg;
};

/* Any may read; the keeper writes. */
struct keeper_counters {
    _Atomic uint64_t journal_records; /* taken in since start */
    _Atomic uint64_t lag_bytes;       /* committed, not yet in the database */
    _Atomic int64_t lag_since_ns;     /* monotonic time since which there is a lag; 0: none */
    _Atomic uint64_t segments;        /* files in use */
    _Atomic uint64_t ingest_errors, sync_errors, gaps, undecodable;
    _Atomic uint64_t syncs, sync_waits, replayed, interrupted;
    _Atomic uint64_t keys;
    _Atomic uint64_t lines_dropped; /* access log: refused or failed (messages) */
    _Atomic bool disk_full;         /* no new segment could be made */
    _Atomic bool store_failing;     /* the last batch could not be written */
};

enum sl_err keeper_start(const struct keeper_options *o, struct keeper **out_k, struct sl_fail *fail) SL_MUST_CHECK;
/* From any thread but the keeper's, after all writers have finished. Frees k. NULL accepted. Gives false when something
 * could not be taken into the database: its segments stay for the next start. */
bool keeper_stop(struct keeper *k);

struct journal_writer *keeper_writer(struct keeper *k, unsigned index); /* borrow (of k); before its worker starts */
const struct keeper_counters *keeper_counters(const struct keeper *k);
struct store *keeper_store(struct keeper *k); /* on the keeper's thread */

/* A function called on the keeper's thread about every `every_ms` (at least KEEPER_IDLE_MS apart in effect: it runs with
 * the idle tick). On the keeper's thread (on_thread is the place). At most 8. */
typedef void keeper_tick_f(void *arg);
void keeper_add_tick(struct keeper *k, keeper_tick_f *f, void *arg);

/* "Make the journal durable up to here, then tell me": one flush serves all that wait. The request is the keeper's from
 * keeper_sync until `done`; done runs on the thread of reply_to, with its receiver. reply_to must stay open until then. */
struct keeper_sync {
    struct sl_msg msg;         /* the keeper's */
    struct keeper_sync *next;  /* the keeper's */
    unsigned writer;           /* index */
    struct journal_place upto; /* as journal_append gave it */
    struct sl_mailbox *reply_to;
    void (*done)(struct keeper_sync *r, void *receiver);
    void *owner;        /* the asker's, touched on its thread only: clear it when the asker goes away */
    enum sl_err result; /* SL_OK; SL_EIO: could not be made durable */
};
bool keeper_sync(struct keeper *k, struct keeper_sync *r); /* false: stopped */

/* A job on the stored responses: the keeper's until its `done` has run on the thread of reply_to, which must stay open until
 * then. False: stopped, the caller keeps it. */
bool keeper_response(struct keeper *k, struct response_job *j);

bool keeper_videos(struct keeper *k, struct video_rows *j);  /* the same for rows of video jobs */
bool keeper_batches(struct keeper *k, struct batch_rows *j); /* ... and of batches that run here */

/* Takes the bytes, whole lines for the access log, and leaves an empty buffer (of memory that was used before, when there is
 * some). False: dropped (too much waiting, or stopped) and counted. */
bool keeper_lines_post(struct keeper *k, struct sl_buf *lines);
void keeper_lines_reopen(struct keeper *k); /* any thread: reopen the file (it was moved away by someone else) */

#endif
