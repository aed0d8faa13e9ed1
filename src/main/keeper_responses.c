/* The keeper's part of stored responses: jobs of the workers (keeper_rows.c); what runs in the background, by the worker that runs it;
 * the sweep. */
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
    r->worker = j->ask.reply_to;
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

static struct response_job *job_of(struct store_ask *a)
{
    return SL_CONTAINER_OF(a, struct response_job, ask);
}

static bool run(struct store_ask *a, struct store *s, struct sl_fail *fail)
{
    return response_job_run(job_of(a), s, fail);
}

static void not_written(struct store_ask *a)
{
    job_of(a)->found = RF_FAILED;
}

static void ran(struct keeper *k, struct store_ask *a)
{
    note_runs(k, job_of(a));
}

static void on_answer(struct sl_msg *m, void *receiver)
{
    struct response_job *j = job_of(SL_CONTAINER_OF(m, struct store_ask, msg));
    j->done(j, receiver);
}

static void drop(struct store_ask *a)
{
    response_job_free(job_of(a));
}

const struct keeper_rows_ops keeper_responses_ops = {
    .failed = "responses.store_failed",
    .works_again = "responses.store_works_again",
    .run = run,
    .not_written = not_written,
    .ran = ran,
    .answer = on_answer,
    .free = drop,
};

bool keeper_response(struct keeper *k, struct response_job *j)
{
    return keeper_rows_ask(&k->responses, &j->ask, response_job_writes(j), j->synced);
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
    keeper_rows_run(&k->responses);
    while (!sl_list_is_empty(&k->runs))
        run_forget(SL_CONTAINER_OF(k->runs.next, struct keeper_run, node));
}
