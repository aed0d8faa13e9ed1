/* Shared by keeper.c (its life and its messages) and keeper_journal.c (what it does with the journal). */
#ifndef SLUICE_MAIN_KEEPER_INT_H
#define SLUICE_MAIN_KEEPER_INT_H

#include <pthread.h>

#include "base/buf.h"
#include "loop/watch.h"
#include "main/ingest.h"
#include "main/keeper.h"
#include "main/line_file.h"
#include "store/batch_rows.h"
#include "store/response_job.h"
#include "store/video_rows.h"

#define KEEPER_TICKS_MAX 8u

struct keeper_tick {
    keeper_tick_f *f;
    void *arg;
};

struct keeper_lines { /* on their way to the file */
    struct sl_msg msg;
    struct sl_buf bytes;
};

struct keeper_rows_ops {                                                     /* what is of one kind of rows */
    const char *failed, *works_again;                                        /* in the log */
    bool (*run)(struct store_ask *a, struct store *s, struct sl_fail *fail); /* false: the database failed */
    void (*not_written)(struct store_ask *a);
    void (*ran)(struct keeper *k, struct store_ask *a); /* before it goes back; NULL: nothing */
    void (*answer)(struct sl_msg *m, void *receiver);   /* on the asker's thread */
    void (*free)(struct store_ask *a);                  /* the asker's thread has ended */
};

struct keeper_rows { /* keeper_rows.c: messages about rows that run together */
    struct keeper *keeper;
    const struct keeper_rows_ops *ops;
    struct store_ask *asks; /* newest first */
    struct sl_task task;
    bool failing;
};

struct keeper {
    /* constant once started */
    struct keeper_options o;
    pthread_t thread;
    struct sl_mailbox *mailbox;

    /* the keeper's thread */
    struct sl_loop loop;
    struct store *store;
    struct journal *journal;
    struct ingest ingest;
    uint64_t last_segment; /* newest that ingest knows */
    struct sl_timer timer;
    int64_t slow_due_ns;         /* when the once-a-second work is due */
    bool is_busy, ok;            /* ok: nothing was left behind at the end */
    struct keeper_sync *waiting; /* newest first */
    struct sl_task sync_task;
    struct sl_watch *notify;
    uint64_t keys_version;
    struct line_file lines;
    bool lines_failing;
    struct keeper_rows responses, videos, batches;
    struct sl_list runs; /* keeper_responses.c: what runs in the background */
    int64_t sweep_due_ns;
    struct keeper_tick ticks[KEEPER_TICKS_MAX];
    unsigned n_ticks;
    uint64_t undecodable; /* as told before */

    /* messages that exist once: posted by any thread when the flag beside them was not set yet */
    struct sl_msg nudge, reopen, stop;
    _Atomic bool nudge_posted, reopen_posted;
    struct journal_bell bell;
    _Atomic uint64_t lines_waiting;
    _Atomic(struct keeper_lines *) lines_spare; /* own; written out, kept for the next worker that posts, NULL: none */
    struct keeper_counters counters;
};

enum sl_err keeper_journal_start(struct keeper *k, struct sl_fail *fail); /* replay, first segments */
bool keeper_journal_take(struct keeper *k); /* reads what came; true: there was something */
bool keeper_journal_has_news(struct keeper *k);
void keeper_journal_sync(struct keeper *k);   /* serves k->waiting */
bool keeper_journal_finish(struct keeper *k); /* the writers have ended; false: something is left */
void keeper_journal_prepare(struct keeper *k);

void keeper_rows_init(struct keeper_rows *q, struct keeper *k, const struct keeper_rows_ops *ops);
bool keeper_rows_ask(struct keeper_rows *q, struct store_ask *a, bool writes,
                     bool synced);           /* any thread; false: stopped */
void keeper_rows_run(struct keeper_rows *q); /* what has come */
extern const struct keeper_rows_ops keeper_responses_ops, keeper_videos_ops, keeper_batches_ops;

enum sl_err keeper_responses_start(struct keeper *k, struct sl_fail *fail); /* what ran before runs no more */
void keeper_responses_sweep(struct keeper *k);
void keeper_responses_done(struct keeper *k);

void keeper_videos_sweep(struct keeper *k);

enum sl_err keeper_batches_start(struct keeper *k, struct sl_fail *fail); /* what a dead process had only begun goes */

static inline void keeper_count(_Atomic uint64_t *c, uint64_t n) /* the keeper is the only writer */
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

#endif
