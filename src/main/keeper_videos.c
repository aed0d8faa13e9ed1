/* The keeper's part of video jobs: messages about their rows (keeper_rows.c), and what the desk is to know. docs/internals/jobs.md. */
#include "base/log.h"
#include "main/keeper_int.h"

#define SWEEP_ROWS 1000u

static struct video_rows *rows_of(struct store_ask *a)
{
    return SL_CONTAINER_OF(a, struct video_rows, ask);
}

static bool run(struct store_ask *a, struct store *s, struct sl_fail *fail)
{
    return video_rows_run(rows_of(a), s, fail);
}

static void not_written(struct store_ask *a)
{
    rows_of(a)->found = VF_FAILED;
}

static void tell_desk(struct keeper *k, struct store_ask *a)
{
    struct video_rows *j = rows_of(a);
    if (j->tell && j->found != VF_NONE && k->o.on_video != NULL)
        k->o.on_video(k->o.owner, j->kind == VR_DELETE && j->n_rows > 0 ? &j->rows[0] : &j->v, j->kind == VR_DELETE,
                      j->found == VF_OK);
}

static void on_answer(struct sl_msg *m, void *receiver)
{
    struct video_rows *j = rows_of(SL_CONTAINER_OF(m, struct store_ask, msg));
    j->done(j, receiver);
}

static void drop(struct store_ask *a)
{
    video_rows_free(rows_of(a));
}

const struct keeper_rows_ops keeper_videos_ops = {
    .failed = "videos.store_failed",
    .works_again = "videos.store_works_again",
    .run = run,
    .not_written = not_written,
    .ran = tell_desk,
    .answer = on_answer,
    .free = drop,
};

bool keeper_videos(struct keeper *k, struct video_rows *j)
{
    return keeper_rows_ask(&k->videos, &j->ask, video_rows_writes(j), j->synced);
}

void keeper_videos_sweep(struct keeper *k)
{
    struct store *s = k->store;
    struct sl_fail fail;
    uint64_t n = 0;
    if (s->ops->begin(s, STORE_SOON, &fail) != SL_OK)
        return;
    if (s->ops->sweep_videos(s, sl_loop_wall(&k->loop), SWEEP_ROWS, &n, &fail) != SL_OK ||
        s->ops->commit(s, &fail) != SL_OK) {
        s->ops->rollback(s);
        return;
    }
    if (n > 0)
        SL_LOG(SL_LOG_INFO, "videos.expired", SL_LI("n", (int64_t)n));
}
