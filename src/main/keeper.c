/* The keeper's life: start, its loop, messages to it, stop. See main/keeper.h; what it does with the journal is in
 * keeper_journal.c.
 *
 *   timer (50 ms busy, 1 s idle) ─► look: take in, prepare segments; once a second: keys, tick functions
 *   mailbox: nudge (a writer has news while we sleep), sync requests, access-log lines, keys changed, reopen, stop */
#include "main/keeper.h"

#include <signal.h>

#include "auth/key.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/keeper_int.h"
#include "main/keys.h"

/* -- Looking -------------------------------------------------------------------------------------------------------- */

static enum sl_err load_keys(struct keeper *k, struct sl_fail *fail)
{
    struct key_table *t;
    size_t bad = 0;
    enum sl_err e = keys_table_load(k->store, &t, &bad, fail);
    if (e != SL_OK)
        return e;
    if (bad > 0)
        SL_LOG(SL_LOG_ERROR, "keys.bad_grants", SL_LI("n", bad));
    atomic_store_explicit(&k->counters.keys, key_table_count(t), memory_order_relaxed);
    k->o.on_keys(k->o.owner, t);
    return SL_OK;
}

/* Another connection (`sluice keys`) changed the database? Our own writes do not count. */
static void look_at_keys(struct keeper *k)
{
    uint64_t v;
    if (k->store->ops->version(k->store, &v, NULL) != SL_OK || v == k->keys_version)
        return;
    struct sl_fail fail;
    if (load_keys(k, &fail) == SL_OK)
        k->keys_version = v;
    else /* the old table stays; tried again at the next look */
        SL_LOG(SL_LOG_ERROR, "keys.load_failed", SL_LC("place", fail.place), SL_LC("reason", fail.text));
}

static void slow_work(struct keeper *k)
{
    int64_t now = sl_loop_now(&k->loop);
    if (now < k->slow_due_ns)
        return;
    k->slow_due_ns = now + KEEPER_IDLE_MS * SL_MS;
    look_at_keys(k);
    if (now >= k->sweep_due_ns) {
        k->sweep_due_ns = now + KEEPER_SWEEP_MS * SL_MS;
        keeper_responses_sweep(k);
        keeper_videos_sweep(k);
    }
    for (unsigned i = 0; i < k->n_ticks; i++)
        k->ticks[i].f(k->ticks[i].arg);
}

static void arm(struct keeper *k)
{
    int64_t wait_ms = k->is_busy ? KEEPER_BUSY_MS : KEEPER_IDLE_MS;
    sl_timer_arm(&k->loop, &k->timer, sl_loop_now(&k->loop) + wait_ms * SL_MS);
}

static void on_timer(struct sl_timer *t)
{
    struct keeper *k = SL_CONTAINER_OF(t, struct keeper, timer);
    k->is_busy = keeper_journal_take(k);
    if (!k->is_busy) {
        /* Said before looking once more: a record appended behind our back then finds the bell wanted and rings. */
        atomic_store(&k->bell.wanted, true);
        k->is_busy = keeper_journal_has_news(k);
    }
    keeper_journal_prepare(k);
    slow_work(k);
    arm(k);
}

/* -- Messages ------------------------------------------------------------------------------------------------------- */

static void ring(void *arg) /* on a writer's thread */
{
    struct keeper *k = arg;
    if (!atomic_exchange(&k->nudge_posted, true))
        (void)sl_mailbox_post(k->mailbox, &k->nudge);
}

static void on_nudge(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    (void)m;
    atomic_store(&k->nudge_posted, false);
    if (k->is_busy)
        return;
    k->is_busy = true; /* news gathers for a moment, so that a batch is worth its commit */
    arm(k);
}

static void on_notified(void *owner, struct sl_str name)
{
    (void)name;
    look_at_keys(owner);
}

static void on_sync(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    struct keeper_sync *r = SL_CONTAINER_OF(m, struct keeper_sync, msg);
    r->next = k->waiting;
    k->waiting = r;
    sl_task_post(&k->loop, &k->sync_task); /* at the end of the turn: one flush for all that came in it */
}

static void on_sync_task(struct sl_task *t)
{
    keeper_journal_sync(SL_CONTAINER_OF(t, struct keeper, sync_task));
}

bool keeper_sync(struct keeper *k, struct keeper_sync *r)
{
    r->msg.deliver = on_sync;
    return sl_mailbox_post(k->mailbox, &r->msg);
}

/* -- Access log ----------------------------------------------------------------------------------------------------- */

static void note_lines(struct keeper *k, enum sl_err e, const struct sl_fail *fail)
{
    if (e != SL_OK && !k->lines_failing)
        SL_LOG(SL_LOG_ERROR, "access_log.failed", SL_LC("place", fail->place), SL_LC("reason", fail->text));
    if (e == SL_OK && k->lines_failing)
        SL_LOG(SL_LOG_WARN, "access_log.writes_again");
    k->lines_failing = e != SL_OK;
}

static void lines_free(struct keeper_lines *l)
{
    if (l != NULL)
        sl_buf_done(&l->bytes);
    sl_free(l);
}

static void on_lines(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    struct keeper_lines *l = SL_CONTAINER_OF(m, struct keeper_lines, msg);
    struct sl_fail fail = {.code = SL_OK};
    atomic_fetch_sub(&k->lines_waiting, l->bytes.n);
    enum sl_err e = line_file_add(&k->lines, sl_buf_str(&l->bytes), &fail);
    note_lines(k, e, &fail);
    if (e != SL_OK)
        atomic_fetch_add(&k->counters.lines_dropped, 1);
    sl_buf_reset(&l->bytes);
    lines_free(atomic_exchange(&k->lines_spare, l));
}

bool keeper_lines_post(struct keeper *k, struct sl_buf *lines)
{
    size_t n = lines->n;
    if (atomic_fetch_add(&k->lines_waiting, n) + n <= KEEPER_LINES_MAX) {
        struct keeper_lines *l = atomic_exchange(&k->lines_spare, NULL);
        if (l == NULL) {
            l = SL_NEW(struct keeper_lines);
            sl_buf_init(&l->bytes, lines->max);
        }
        struct sl_buf empty = l->bytes;
        empty.max = lines->max;
        l->bytes = *lines;
        *lines = empty;
        l->msg.deliver = on_lines;
        if (sl_mailbox_post(k->mailbox, &l->msg))
            return true;
        lines_free(l);
    }
    atomic_fetch_sub(&k->lines_waiting, n);
    atomic_fetch_add(&k->counters.lines_dropped, 1);
    sl_buf_reset(lines);
    return false;
}

static void on_reopen(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    struct sl_fail fail = {.code = SL_OK};
    (void)m;
    atomic_store(&k->reopen_posted, false);
    note_lines(k, line_file_reopen(&k->lines, &fail), &fail);
}

void keeper_lines_reopen(struct keeper *k)
{
    if (!atomic_exchange(&k->reopen_posted, true))
        (void)sl_mailbox_post(k->mailbox, &k->reopen);
}

/* -- Start and stop ------------------------------------------------------------------------------------------------- */

static void on_stop(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    (void)m;
    k->ok = keeper_journal_finish(k);
    sl_timer_cancel(&k->loop, &k->timer);
    sl_watch_close(k->notify);
    sl_mailbox_close(k->mailbox);
    keeper_responses_done(k);
    keeper_rows_run(&k->videos);
    keeper_rows_run(&k->batches);
    sl_loop_stop(&k->loop);
}

static void *thread_main(void *arg)
{
    struct keeper *k = arg;
    sl_log_thread_name("keeper");
    if (k->o.on_thread != NULL)
        k->o.on_thread(k->o.owner, k);
    on_timer(&k->timer);
    sl_loop_run(&k->loop);
    return NULL;
}

static void prepare_messages(struct keeper *k)
{
    k->nudge.deliver = on_nudge;
    k->reopen.deliver = on_reopen;
    k->stop.deliver = on_stop;
    k->bell.ring = ring;
    k->bell.arg = k;
    sl_timer_init(&k->timer, on_timer);
    sl_task_init(&k->sync_task, on_sync_task);
    keeper_rows_init(&k->responses, k, &keeper_responses_ops);
    keeper_rows_init(&k->videos, k, &keeper_videos_ops);
    keeper_rows_init(&k->batches, k, &keeper_batches_ops);
    sl_list_init(&k->runs);
}

static enum sl_err start_thread(struct keeper *k, struct sl_fail *fail)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    int e = pthread_create(&k->thread, NULL, thread_main, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e != 0)
        return sl_fail_set(fail, SL_EIO, "keeper", "cannot start the thread: %s", sl_errno_text(e));
    return SL_OK;
}

static enum sl_err open_parts(struct keeper *k, struct sl_fail *fail)
{
    enum sl_err e = state_dir_lock(k->o.state, fail);
    if (e == SL_OK)
        e = line_file_open(&k->lines, k->o.access_path, k->o.access_max_bytes, k->o.access_keep, fail);
    if (e == SL_OK)
        e = store_open_sqlite(state_dir_path(k->o.state, "ledger.db").text, STORE_WRITE, &k->store, fail);
    if (e == SL_OK)
        e = keeper_responses_start(k, fail);
    if (e == SL_OK)
        e = keeper_batches_start(k, fail);
    if (e == SL_OK)
        e = keeper_journal_start(k, fail);
    if (e == SL_OK && k->o.on_store != NULL)
        e = k->o.on_store(k->o.owner, k->store, fail);
    /* The version first: a key that is made between the two calls is then seen again, not missed. */
    if (e == SL_OK)
        e = k->store->ops->version(k->store, &k->keys_version, fail);
    if (e == SL_OK)
        e = load_keys(k, fail);
    return e;
}

static void free_parts(struct keeper *k)
{
    journal_close(k->journal);
    store_close(k->store);
    line_file_close(&k->lines);
    lines_free(atomic_exchange(&k->lines_spare, NULL));
    sl_loop_done(&k->loop);
    sl_free(k);
}

enum sl_err keeper_start(const struct keeper_options *o, struct keeper **out_k, struct sl_fail *fail)
{
    struct keeper *k = SL_NEW(struct keeper);
    k->o = *o;
    k->lines.fd = -1;
    prepare_messages(k);
    enum sl_err e = sl_loop_init(&k->loop, fail);
    if (e != SL_OK) {
        sl_free(k);
        return e;
    }
    e = open_parts(k, fail);
    if (e == SL_OK) {
        k->mailbox = sl_mailbox_open(&k->loop, k);
        k->notify = sl_watch_open(&k->loop, state_dir_path(o->state, "notify").text, on_notified, k);
        e = start_thread(k, fail);
        if (e != SL_OK) {
            sl_watch_close(k->notify);
            sl_mailbox_close(k->mailbox);
            ingest_done(&k->ingest);
        }
    } else if (k->journal != NULL) {
        ingest_done(&k->ingest);
    }
    if (e != SL_OK) {
        free_parts(k);
        return e;
    }
    *out_k = k;
    return SL_OK;
}

bool keeper_stop(struct keeper *k)
{
    if (k == NULL)
        return true;
    SL_CHECK(sl_mailbox_post(k->mailbox, &k->stop));
    pthread_join(k->thread, NULL);
    bool ok = k->ok;
    free_parts(k);
    return ok;
}

struct journal_writer *keeper_writer(struct keeper *k, unsigned index)
{
    return journal_writer_of(k->journal, index);
}

const struct keeper_counters *keeper_counters(const struct keeper *k)
{
    return &k->counters;
}

struct store *keeper_store(struct keeper *k)
{
    return k->store;
}

void keeper_add_tick(struct keeper *k, keeper_tick_f *f, void *arg)
{
    SL_CHECK(k->n_ticks < KEEPER_TICKS_MAX);
    k->ticks[k->n_ticks++] = (struct keeper_tick){.f = f, .arg = arg};
}
