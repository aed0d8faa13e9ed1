/* The keeper's part of batches that run here: messages about their rows and about files that are held here, gathered in a turn and run
 * together, so that one commit serves all that came. docs/internals/batches.md. */
#include "base/log.h"
#include "main/keeper_int.h"

static void on_answer(struct sl_msg *m, void *receiver)
{
    struct batch_rows *j = SL_CONTAINER_OF(m, struct batch_rows, msg);
    j->done(j, receiver);
}

static void on_rows(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    struct batch_rows *j = SL_CONTAINER_OF(m, struct batch_rows, msg);
    j->next = k->batches;
    k->batches = j;
    sl_task_post(&k->loop, &k->batches_task);
}

bool keeper_batches(struct keeper *k, struct batch_rows *j)
{
    j->msg.deliver = on_rows;
    return sl_mailbox_post(k->mailbox, &j->msg);
}

static void note_trouble(struct keeper *k, bool failed, const struct sl_fail *fail)
{
    if (failed && !k->batches_failing)
        SL_LOG(SL_LOG_ERROR, "batches.store_failed", SL_LC("place", fail->place), SL_LC("reason", fail->text));
    if (!failed && k->batches_failing)
        SL_LOG(SL_LOG_WARN, "batches.store_works_again");
    k->batches_failing = failed;
}

/* All or nothing for those that write. */
static bool run_writers(struct keeper *k, struct batch_rows *list, bool synced, struct sl_fail *fail)
{
    struct store *s = k->store;
    bool ok = s->ops->begin(s, synced ? STORE_NOW : STORE_SOON, fail) == SL_OK;
    for (struct batch_rows *j = list; j != NULL && ok; j = j->next)
        ok = !batch_rows_writes(j) || batch_rows_run(j, s, fail);
    ok = ok && s->ops->commit(s, fail) == SL_OK;
    if (ok)
        return true;
    s->ops->rollback(s);
    for (struct batch_rows *j = list; j != NULL; j = j->next)
        if (batch_rows_writes(j))
            j->found = BF_FAILED;
    return false;
}

void keeper_batches_run(struct keeper *k)
{
    struct batch_rows *list = NULL;
    struct sl_fail fail = {.code = SL_OK};
    bool writes = false, synced = false, ok = true;
    for (struct batch_rows *j = k->batches, *next; j != NULL; j = next) { /* oldest first */
        next = j->next;
        j->next = list;
        list = j;
        writes |= batch_rows_writes(j);
        synced |= j->synced;
    }
    k->batches = NULL;
    if (list == NULL)
        return;
    if (writes)
        ok = run_writers(k, list, synced, &fail);
    for (struct batch_rows *j = list, *next; j != NULL; j = next) {
        next = j->next;
        if (!batch_rows_writes(j))
            ok = batch_rows_run(j, k->store, &fail) && ok;
        j->msg.deliver = on_answer;
        if (!sl_mailbox_post(j->reply_to, &j->msg))
            batch_rows_free(j);
    }
    note_trouble(k, !ok, &fail);
}

enum sl_err keeper_batches_start(struct keeper *k, struct sl_fail *fail)
{
    struct store *s = k->store;
    struct batch_rows *j = batch_rows_new(BR_SWEEP);
    j->all = true;
    enum sl_err e = s->ops->begin(s, STORE_SOON, fail);
    if (e == SL_OK)
        e = s->ops->run_batches(s, j, fail);
    if (e == SL_OK)
        e = s->ops->commit(s, fail);
    if (e != SL_OK)
        s->ops->rollback(s);
    batch_rows_free(j);
    return e;
}
