/* The keeper's work on the journal: taking records in, making segments ready, flushing for those who wait, deleting what
 * is done. On the keeper's thread (or the starting one, before there is a keeper thread). */
#include "base/log.h"
#include "main/keeper_int.h"

#define BATCH_RECORDS 8192u /* bounds the time that the database is locked: some 50 ms */

/* -- Start ---------------------------------------------------------------------------------------------------------- */

static void on_replayed(void *arg, const struct ingest_report *r)
{
    struct keeper *k = arg;
    keeper_count(&k->counters.gaps, r->gaps);
    if (r->found == INGEST_UNREADABLE)
        SL_LOG(SL_LOG_ERROR, "journal.unreadable", SL_LC("file", r->file), SL_LC("kept_as", "damaged-*.jnl"));
    else if (r->found == INGEST_DAMAGED)
        SL_LOG(SL_LOG_ERROR, "journal.damaged", SL_LC("file", r->file), SL_LI("offset", r->at), SL_LI("gaps", r->gaps),
               SL_LI("records_read", r->records), SL_LC("kept_as", "damaged-*.jnl"));
    else if (r->records > 0 || r->found == INGEST_TORN)
        SL_LOG(SL_LOG_INFO, "journal.replayed", SL_LC("file", r->file), SL_LI("records", r->records),
               SL_LI("torn_at", r->found == INGEST_TORN ? (int64_t)r->at : -1));
}

static enum sl_err in_batch(struct keeper *k, enum sl_err (*work)(struct keeper *k, struct sl_fail *fail),
                            struct sl_fail *fail)
{
    enum sl_err e = k->store->ops->begin(k->store, STORE_NOW, fail);
    if (e != SL_OK)
        return e;
    e = work(k, fail);
    if (e == SL_OK)
        e = k->store->ops->commit(k->store, fail);
    if (e != SL_OK)
        k->store->ops->rollback(k->store);
    return e;
}

static enum sl_err interrupt(struct keeper *k, struct sl_fail *fail)
{
    uint64_t n = 0;
    enum sl_err e = k->store->ops->interrupt_open(k->store, sl_clock_wall_ns(), &n, fail);
    if (e != SL_OK)
        return e;
    keeper_count(&k->counters.interrupted, n);
    if (n > 0)
        SL_LOG(SL_LOG_WARN, "ledger.interrupted", SL_LI("n", n));
    return k->store->ops->drop_positions(k->store, 0, UINT64_MAX, fail);
}

enum sl_err keeper_journal_start(struct keeper *k, struct sl_fail *fail)
{
    struct state_path dir = state_dir_path(k->o.state, "journal");
    struct ingest_replay replay = {.dir = dir.text, .report = on_replayed, .arg = k};
    uint64_t last;
    enum sl_err e = k->store->ops->last_segment(k->store, &last, fail);
    if (e == SL_OK)
        e = ingest_replay(k->store, &replay, fail);
    /* Only now are the positions of before dropped: their files are gone, and numbers go on behind them. */
    if (e == SL_OK)
        e = in_batch(k, interrupt, fail);
    if (e != SL_OK)
        return e;
    keeper_count(&k->counters.replayed, replay.records);
    keeper_count(&k->counters.undecodable, replay.undecodable);
    struct journal_options o = {
        .dir = dir.text,
        .n_writers = k->o.n_writers,
        .segment_bytes = k->o.segment_bytes != 0 ? k->o.segment_bytes : JOURNAL_SEGMENT_DEFAULT,
        .first_no = last + 1,
        .bell = &k->bell,
        .io = k->o.io,
        .io_arg = k->o.io_arg,
    };
    e = journal_open(&o, &k->journal, fail);
    if (e != SL_OK)
        return e;
    ingest_init(&k->ingest, k->store);
    return journal_prepare(k->journal, 1, fail);
}

/* -- Segments ------------------------------------------------------------------------------------------------------- */

void keeper_journal_prepare(struct keeper *k)
{
    struct sl_fail fail;
    if (!journal_wants_segments(k->journal, JOURNAL_READY))
        return;
    bool was_full = atomic_load_explicit(&k->counters.disk_full, memory_order_relaxed);
    enum sl_err e = journal_prepare(k->journal, JOURNAL_READY, &fail);
    atomic_store_explicit(&k->counters.disk_full, e != SL_OK, memory_order_relaxed);
    if (e != SL_OK && !was_full)
        SL_LOG(SL_LOG_ERROR, "journal.no_segment", SL_LC("place", fail.place), SL_LC("reason", fail.text));
    if (e == SL_OK && was_full)
        SL_LOG(SL_LOG_WARN, "journal.room_again");
}

/* Segments that their writers have begun since the last look become sources. Numbers rise, and a segment that lies ready
 * has nothing to read, so all of them can be known from the start. */
static void add_sources(struct keeper *k)
{
    SL_LIST_EACH(node, journal_segments(k->journal))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        if (s->owner_data == NULL)
            s->owner_data = ingest_add_live(&k->ingest, s);
    }
}

static void note_store(struct keeper *k, enum sl_err e, const struct sl_fail *fail)
{
    bool failed = atomic_load_explicit(&k->counters.store_failing, memory_order_relaxed);
    if (e != SL_OK)
        keeper_count(&k->counters.ingest_errors, 1);
    if (e != SL_OK && !failed)
        SL_LOG(SL_LOG_ERROR, "ledger.write_failed", SL_LC("place", fail->place), SL_LC("reason", fail->text));
    if (e == SL_OK && failed)
        SL_LOG(SL_LOG_WARN, "ledger.writes_again");
    atomic_store_explicit(&k->counters.store_failing, e != SL_OK, memory_order_relaxed);
}

static void note_damage(struct keeper *k, struct ingest_source *src)
{
    if (src->gaps == 0)
        return;
    keeper_count(&k->counters.gaps, src->gaps);
    SL_LOG(SL_LOG_ERROR, "journal.damaged", SL_LI("segment", src->no), SL_LI("offset", src->gap_from),
           SL_LI("to", src->gap_to), SL_LI("gaps", src->gaps));
    src->gaps = 0;
}

static enum sl_err run(struct keeper *k, struct ingest_source *only, struct ingest_batch *b, bool *out_more)
{
    struct sl_fail fail = {.code = SL_OK};
    uint64_t records = k->ingest.records;
    b->now_ns = sl_loop_now(&k->loop);
    b->old_before_ns = b->now_ns - KEEPER_OPEN_ROW_MS * SL_MS;
    enum sl_err e = ingest_run(&k->ingest, only, b, out_more, &fail);
    note_store(k, e, &fail);
    if (e == SL_OK)
        keeper_count(&k->counters.journal_records, k->ingest.records - records);
    else
        k->ingest.records = records; /* they will be read again */
    return e;
}

static bool is_finished(const struct journal_segment *s)
{
    const struct ingest_source *src = s->owner_data;
    return src != NULL && atomic_load_explicit(&s->sealed, memory_order_acquire) && src->last == JOURNAL_SEALED;
}

static void remove_segment(struct keeper *k, struct journal_segment *s)
{
    uint64_t no = s->no;
    if (journal_retire(k->journal, s) != SL_OK)
        SL_LOG(SL_LOG_WARN, "journal.segment_not_removed", SL_LI("segment", no));
}

/* A sealed segment that was read to its end: its open attempts become rows, everything in the database becomes durable,
 * then the file may go. */
static void retire(struct keeper *k, struct journal_segment *s)
{
    struct ingest_source *src = s->owner_data;
    struct ingest_batch b = {.durable = STORE_NOW, .opens = INGEST_ALL_OPENS};
    struct sl_fail fail = {.code = SL_OK};
    uint64_t no = s->no;
    bool more;
    if (run(k, src, &b, &more) != SL_OK || !is_finished(s) || !sl_list_is_empty(&src->waiting))
        return;
    note_damage(k, src);
    ingest_drop(&k->ingest, src);
    remove_segment(k, s);
    /* After the file: should we die between the two, a position without a file is harmless and dropped at start. */
    if (k->store->ops->begin(k->store, STORE_SOON, &fail) != SL_OK)
        return;
    if (k->store->ops->drop_positions(k->store, no, no, &fail) != SL_OK ||
        k->store->ops->commit(k->store, &fail) != SL_OK)
        k->store->ops->rollback(k->store);
}

static void retire_finished(struct keeper *k)
{
    uint64_t n = 0;
    SL_LIST_EACH(node, journal_segments(k->journal))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        if (is_finished(s))
            retire(k, s);
    }
    SL_LIST_EACH(node, journal_segments(k->journal))
    n++;
    atomic_store_explicit(&k->counters.segments, n, memory_order_relaxed);
}

/* -- Taking in ------------------------------------------------------------------------------------------------------ */

static void note_lag(struct keeper *k, int64_t began_ns)
{
    struct keeper_counters *c = &k->counters;
    uint64_t lag = ingest_lag_bytes(&k->ingest);
    atomic_store_explicit(&c->lag_bytes, lag, memory_order_relaxed);
    /* A batch took in all that was there when it began, unless it failed. */
    int64_t since = atomic_load_explicit(&c->lag_since_ns, memory_order_relaxed);
    if (lag == 0)
        since = 0;
    else if (since == 0 || !atomic_load_explicit(&c->store_failing, memory_order_relaxed))
        since = began_ns;
    atomic_store_explicit(&c->lag_since_ns, since, memory_order_relaxed);
}

static void note_sources(struct keeper *k)
{
    SL_LIST_EACH(node, journal_segments(k->journal))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        struct ingest_source *src = s->owner_data;
        if (src == NULL)
            continue;
        note_damage(k, src);
        journal_advise(s, src->reader.at);
    }
    if (k->ingest.undecodable == k->undecodable)
        return;
    SL_LOG(SL_LOG_ERROR, "journal.undecodable", SL_LI("n", k->ingest.undecodable - k->undecodable));
    keeper_count(&k->counters.undecodable, k->ingest.undecodable - k->undecodable);
    k->undecodable = k->ingest.undecodable;
}

bool keeper_journal_has_news(struct keeper *k)
{
    add_sources(k);
    return ingest_has_news(&k->ingest);
}

bool keeper_journal_take(struct keeper *k)
{
    int64_t began_ns = sl_clock_mono_ns();
    add_sources(k);
    bool news = ingest_has_news(&k->ingest);
    bool old = ingest_has_old(&k->ingest, sl_loop_now(&k->loop) - KEEPER_OPEN_ROW_MS * SL_MS);
    bool more = news || old;
    while (more) {
        struct ingest_batch b = {.durable = STORE_SOON, .opens = INGEST_OLD_OPENS, .max_records = BATCH_RECORDS};
        if (run(k, NULL, &b, &more) != SL_OK)
            break;
    }
    note_sources(k);
    retire_finished(k);
    note_lag(k, began_ns);
    return news;
}

/* -- Flushing ------------------------------------------------------------------------------------------------------- */

static struct journal_segment *find_segment(struct keeper *k, uint64_t no)
{
    SL_LIST_EACH(node, journal_segments(k->journal))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        if (s->no == no)
            return s;
    }
    return NULL;
}

/* The disk did not take the segment. Its bytes are still in memory: into the database with them, synced there. What this
 * cannot reach is not durable, and the waiters are told so. */
static enum sl_err save_abandoned(struct keeper *k, struct journal_segment *s, uint64_t upto)
{
    struct ingest_batch b = {.durable = STORE_NOW, .opens = INGEST_ALL_OPENS};
    bool more;
    add_sources(k);
    struct ingest_source *src = s->owner_data;
    enum sl_err e = run(k, src, &b, &more);
    if (e != SL_OK)
        return e;
    return src->gaps == 0 && src->position >= upto ? SL_OK : SL_ECORRUPT;
}

static enum sl_err make_durable(struct keeper *k, const struct journal_place *upto)
{
    struct journal_segment *s = find_segment(k, upto->segment);
    if (s == NULL) /* retired: durable in the database */
        return SL_OK;
    if (atomic_load_explicit(&s->synced, memory_order_relaxed) >= upto->end)
        return SL_OK;
    bool was_abandoned = atomic_load_explicit(&s->state, memory_order_relaxed) == JOURNAL_ABANDONED;
    keeper_count(&k->counters.syncs, 1);
    if (journal_sync(k->journal, s) == SL_OK)
        return SL_OK;
    if (!was_abandoned) {
        keeper_count(&k->counters.sync_errors, 1);
        SL_LOG(SL_LOG_ERROR, "journal.sync_failed", SL_LI("segment", s->no), SL_LC("action", "segment abandoned"));
        keeper_journal_prepare(k);
    }
    return save_abandoned(k, s, upto->end);
}

static void deliver_sync(struct sl_msg *m, void *receiver)
{
    struct keeper_sync *r = SL_CONTAINER_OF(m, struct keeper_sync, msg);
    r->done(r, receiver);
}

void keeper_journal_sync(struct keeper *k)
{
    struct keeper_sync *r = k->waiting;
    k->waiting = NULL;
    while (r != NULL) {
        struct keeper_sync *next = r->next;
        /* The first of a segment flushes it; the others then find `synced` far enough. */
        r->result = make_durable(k, &r->upto) == SL_OK ? SL_OK : SL_EIO;
        r->msg.deliver = deliver_sync;
        keeper_count(&k->counters.sync_waits, 1);
        (void)sl_mailbox_post(r->reply_to, &r->msg); /* closed: nobody is left who waits */
        r = next;
    }
}

/* -- End ------------------------------------------------------------------------------------------------------------ */

bool keeper_journal_finish(struct keeper *k)
{
    struct sl_fail fail = {.code = SL_OK};
    keeper_journal_sync(k);
    (void)keeper_journal_take(k);
    bool ok = !atomic_load_explicit(&k->counters.store_failing, memory_order_relaxed);
    SL_LIST_EACH(node, journal_segments(k->journal))
    {
        struct journal_segment *s = SL_CONTAINER_OF(node, struct journal_segment, node);
        struct ingest_source *src = s->owner_data;
        if (atomic_load_explicit(&s->committed, memory_order_acquire) != JOURNAL_HEAD_BYTES) {
            ok = false; /* not sealed, or not taken in: stays for the next start */
            continue;
        }
        if (src != NULL)
            ingest_drop(&k->ingest, src);
        remove_segment(k, s);
    }
    /* Everything that was let out has closed by now, or never will. */
    if (ok && in_batch(k, interrupt, &fail) != SL_OK) {
        note_store(k, fail.code, &fail);
        ok = false;
    }
    ingest_done(&k->ingest);
    return ok;
}
