/* The keeper's part of batches that run here: messages about their rows and about files that are held here (keeper_rows.c).
 * docs/internals/batches.md. */
#include "main/keeper_int.h"

static struct batch_rows *rows_of(struct store_ask *a)
{
    return SL_CONTAINER_OF(a, struct batch_rows, ask);
}

static bool run(struct store_ask *a, struct store *s, struct sl_fail *fail)
{
    return batch_rows_run(rows_of(a), s, fail);
}

static void not_written(struct store_ask *a)
{
    rows_of(a)->found = BF_FAILED;
}

static void on_answer(struct sl_msg *m, void *receiver)
{
    struct batch_rows *j = rows_of(SL_CONTAINER_OF(m, struct store_ask, msg));
    j->done(j, receiver);
}

static void drop(struct store_ask *a)
{
    batch_rows_free(rows_of(a));
}

const struct keeper_rows_ops keeper_batches_ops = {
    .failed = "batches.store_failed",
    .works_again = "batches.store_works_again",
    .run = run,
    .not_written = not_written,
    .answer = on_answer,
    .free = drop,
};

bool keeper_batches(struct keeper *k, struct batch_rows *j)
{
    return keeper_rows_ask(&k->batches, &j->ask, batch_rows_writes(j), j->synced);
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
