/* The keeper's part of stored responses: jobs of the workers, gathered in a turn and run together, so that one commit serves all
 * that came; what runs in the background, by the worker that runs it; the sweep. */
#include "base/log.h"
#include "base/mem.h"
#include "main/keeper_int.h"

/* The journal is not to wait for a sweep: a few rows at a time, which may be large, and not for long. */
#define SWEEP_ROWS 100u
#define SWEEP_NS (100 * SL_MS)

struct keeper_run { /* a response that runs in the background */
    struct sl_list node;
    struct sl_id run;
    struct sl_mailbox *worker; /* borrow: open until the keeper has stopped */
    void (*stop)(struct sl_id run, void *receiver);
    struct sl_id key;
    size_t n;
    char id[]; /* n bytes */
};

struct stop_message {
    struct sl_msg msg;
    struct sl_id run;
    void (*stop)(struct sl_id run, void *receiver);
};

/* -- What runs ------------------------------------------------------------------------------------------------------ */

static struct keeper_run *run_find(struct keeper *k, struct sl_str id, struct sl_id key)
{
    SL_LIST_EACH(node, &k->runs)
    {
        struct keeper_run *r = SL_CONTAINER_OF(node, struct keeper_run, node);
        if (sl_id_eq(r->key, key) && sl_str_eq(sl_str_of(r->id, r->n), id))
            return r;
    }
    return NULL;
}

static void run_forget(struct keeper_run *r)
{
    if (r == NULL)
        return;
    sl_list_remove(&r->node);
    sl_free(r);
}

static void run_note(struct keeper *k, const struct response_job *j)
{
    struct sl_str id = j->put.r.id;
    struct keeper_run *r = sl_calloc(1, sizeof *r + id.n);
    r->run = j->run;
    r->worker = j->reply_to;
    r->stop = j->stop;
    r->key = j->put.r.key;
    r->n = id.n;
    sl_list_init(&r->node);
    memcpy(r->id, id.p, id.n);
    sl_list_add_tail(&k->runs, &r->node);
}

static void on_stop_run(struct sl_msg *m, void *receiver)
{
    struct stop_message *s = SL_CONTAINER_OF(m, struct stop_message, msg);
    s->stop(s->run, receiver);
    sl_free(s);
}

static void run_stop(struct keeper_run *r)
{
    struct stop_message *s = SL_NEW(struct stop_message);
    s->run = r->run;
    s->stop = r->stop;
    s->msg.deliver = on_stop_run;
    if (!sl_mailbox_post(r->worker, &s->msg))
        sl_free(s);
    run_forget(r);
}

static void note_runs(struct keeper *k, const struct response_job *j)
{
    if (j->kind == RJ_PUT && j->put.only_running) {
        run_forget(run_find(k, j->put.r.id, j->put.r.key));
    } else if (j->kind == RJ_PUT && j->put.r.state == STORE_RESPONSE_RUNS && j->found == RF_OK) {
        run_note(k, j);
    } else if ((j->kind == RJ_CANCEL || j->kind == RJ_DELETE) && j->found == RF_OK) {
        struct keeper_run *r = run_find(k, j->r.id, j->r.key);
        if (r != NULL)
            run_stop(r);
    }
}

/* -- Jobs ----------------------------------------------------------------------------------------------------------- */

static void on_answer(struct sl_msg *m, void *receiver)
{
    struct response_job *j = SL_CONTAINER_OF(m, struct response_job, msg);
    j->done(j, receiver);
}

static void on_job(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    struct response_job *j = SL_CONTAINER_OF(m, struct response_job, msg);
    j->next = k->jobs;
    k->jobs = j;
    sl_task_post(&k->loop, &k->jobs_task);
}

bool keeper_response(struct keeper *k, struct response_job *j)
{
    j->msg.deliver = on_job;
    return sl_mailbox_post(k->mailbox, &j->msg);
}

static void note_trouble(struct keeper *k, bool failed, const struct sl_fail *fail)
{
    if (failed && !k->responses_failing)
        SL_LOG(SL_LOG_ERROR, "responses.store_failed", SL_LC("place", fail->place), SL_LC("reason", fail->text));
    if (!failed && k->responses_failing)
        SL_LOG(SL_LOG_WARN, "responses.store_works_again");
    k->responses_failing = failed;
}

/* All or nothing for those that write: half a row is none. */
static bool run_writers(struct keeper *k, struct response_job *list, bool synced, struct sl_fail *fail)
{
    struct store *s = k->store;
    bool ok = s->ops->begin(s, synced ? STORE_NOW : STORE_SOON, fail) == SL_OK;
    for (struct response_job *j = list; j != NULL && ok; j = j->next)
        ok = !response_job_writes(j) || response_job_run(j, s, fail);
    ok = ok && s->ops->commit(s, fail) == SL_OK;
    if (ok)
        return true;
    s->ops->rollback(s);
    for (struct response_job *j = list; j != NULL; j = j->next)
        if (response_job_writes(j))
            j->found = RF_FAILED;
    return false;
}

void keeper_responses_run(struct keeper *k)
{
    struct response_job *list = NULL;
    struct sl_fail fail = {.code = SL_OK};
    bool writes = false, synced = false, ok = true;
    for (struct response_job *j = k->jobs, *next; j != NULL; j = next) { /* oldest first */
        next = j->next;
        j->next = list;
        list = j;
        writes |= response_job_writes(j);
        synced |= j->synced;
    }
    k->jobs = NULL;
    if (list == NULL)
        return;
    if (writes)
        ok = run_writers(k, list, synced, &fail);
    for (struct response_job *j = list, *next; j != NULL; j = next) {
        next = j->next;
        if (!response_job_writes(j))
            ok = response_job_run(j, k->store, &fail) && ok;
        note_runs(k, j);
        j->msg.deliver = on_answer;
        if (!sl_mailbox_post(j->reply_to, &j->msg))
            response_job_free(j);
    }
    note_trouble(k, !ok, &fail);
}

/* -- Once a second, at the start, at the end --------------------------------------------------------------------------- */

/* Gives how many went; 0 also when the database cannot be written now: the next time. */
static uint64_t sweep_some(struct keeper *k)
{
    struct store *s = k->store;
    struct sl_fail fail;
    uint64_t n = 0;
    if (s->ops->begin(s, STORE_SOON, &fail) != SL_OK)
        return 0;
    enum sl_err e = s->ops->sweep_responses(s, sl_loop_wall(&k->loop), SWEEP_ROWS, &n, &fail);
    if (e == SL_OK && s->ops->commit(s, &fail) == SL_OK)
        return n;
    s->ops->rollback(s);
    return 0;
}

void keeper_responses_sweep(struct keeper *k)
{
    int64_t until = sl_loop_now_exact(&k->loop) + SWEEP_NS;
    uint64_t all = 0, n;
    do {
        n = sweep_some(k);
        all += n;
    } while (n == SWEEP_ROWS && sl_loop_now_exact(&k->loop) < until);
    if (all > 0)
        SL_LOG(SL_LOG_INFO, "responses.expired", SL_LI("n", (int64_t)all));
}

enum sl_err keeper_responses_start(struct keeper *k, struct sl_fail *fail)
{
    uint64_t n = 0;
    struct store *s = k->store;
    enum sl_err e = s->ops->begin(s, STORE_SOON, fail);
    if (e == SL_OK)
        e = s->ops->lose_responses(s, &n, fail);
    if (e == SL_OK)
        e = s->ops->commit(s, fail);
    if (e != SL_OK)
        s->ops->rollback(s);
    else if (n > 0)
        SL_LOG(SL_LOG_WARN, "responses.interrupted", SL_LI("n", (int64_t)n));
    return e;
}

void keeper_responses_done(struct keeper *k)
{
    keeper_responses_run(k);
    while (!sl_list_is_empty(&k->runs))
        run_forget(SL_CONTAINER_OF(k->runs.next, struct keeper_run, node));
}
