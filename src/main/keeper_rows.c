/* Messages about rows, gathered in a turn and run together, so that one commit serves all that came. */
#include "base/log.h"
#include "main/keeper_int.h"

static void on_ask(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    struct store_ask *a = SL_CONTAINER_OF(m, struct store_ask, msg);
    struct keeper_rows *q = a->queue;
    a->next = q->asks;
    q->asks = a;
    sl_task_post(&k->loop, &q->task);
}

bool keeper_rows_ask(struct keeper_rows *q, struct store_ask *a, bool writes, bool synced)
{
    a->queue = q;
    a->writes = writes;
    a->synced = synced;
    a->msg.deliver = on_ask;
    return sl_mailbox_post(q->keeper->mailbox, &a->msg);
}

static void note_trouble(struct keeper_rows *q, bool failed, const struct sl_fail *fail)
{
    if (failed && !q->failing)
        SL_LOG(SL_LOG_ERROR, q->ops->failed, SL_LC("place", fail->place), SL_LC("reason", fail->text));
    if (!failed && q->failing)
        SL_LOG(SL_LOG_WARN, q->ops->works_again);
    q->failing = failed;
}

/* All or nothing for those that write: half a row is none. */
static bool run_writers(struct keeper_rows *q, struct store_ask *list, bool synced, struct sl_fail *fail)
{
    struct store *s = q->keeper->store;
    bool ok = s->ops->begin(s, synced ? STORE_NOW : STORE_SOON, fail) == SL_OK;
    for (struct store_ask *a = list; a != NULL && ok; a = a->next)
        ok = !a->writes || q->ops->run(a, s, fail);
    ok = ok && s->ops->commit(s, fail) == SL_OK;
    if (ok)
        return true;
    s->ops->rollback(s);
    for (struct store_ask *a = list; a != NULL; a = a->next)
        if (a->writes)
            q->ops->not_written(a);
    return false;
}

void keeper_rows_run(struct keeper_rows *q)
{
    struct store_ask *list = NULL;
    struct sl_fail fail = {.code = SL_OK};
    bool writes = false, synced = false, ok = true;
    for (struct store_ask *a = q->asks, *next; a != NULL; a = next) { /* oldest first */
        next = a->next;
        a->next = list;
        list = a;
        writes |= a->writes;
        synced |= a->synced;
    }
    q->asks = NULL;
    if (list == NULL)
        return;
    if (writes)
        ok = run_writers(q, list, synced, &fail);
    for (struct store_ask *a = list, *next; a != NULL; a = next) {
        next = a->next;
        if (!a->writes)
            ok = q->ops->run(a, q->keeper->store, &fail) && ok;
        if (q->ops->ran != NULL)
            q->ops->ran(q->keeper, a);
        a->msg.deliver = q->ops->answer;
        if (!sl_mailbox_post(a->reply_to, &a->msg))
            q->ops->free(a);
    }
    note_trouble(q, !ok, &fail);
}

static void on_task(struct sl_task *t)
{
    keeper_rows_run(SL_CONTAINER_OF(t, struct keeper_rows, task));
}

void keeper_rows_init(struct keeper_rows *q, struct keeper *k, const struct keeper_rows_ops *ops)
{
    q->keeper = k;
    q->ops = ops;
    sl_task_init(&q->task, on_task);
}
