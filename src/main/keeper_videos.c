/* The keeper's part of video jobs: messages about their rows, gathered in a turn and run together, so that one commit serves all
 * that came; and what the desk is to know. docs/internals/jobs.md. */
#include "base/log.h"
#include "main/keeper_int.h"

#define SWEEP_ROWS 1000u

static void on_answer(struct sl_msg *m, void *receiver)
{
    struct video_rows *j = SL_CONTAINER_OF(m, struct video_rows, msg);
    j->done(j, receiver);
}

static void on_rows(struct sl_msg *m, void *receiver)
{
    struct keeper *k = receiver;
    struct video_rows *j = SL_CONTAINER_OF(m, struct video_rows, msg);
    j->next = k->videos;
    k->videos = j;
    sl_task_post(&k->loop, &k->videos_task);
}

bool keeper_videos(struct keeper *k, struct video_rows *j)
{
    j->msg.deliver = on_rows;
    return sl_mailbox_post(k->mailbox, &j->msg);
}

static void note_trouble(struct keeper *k, bool failed, const struct sl_fail *fail)
{
    if (failed && !k->videos_failing)
        SL_LOG(SL_LOG_ERROR, "videos.store_failed", SL_LC("place", fail->place), SL_LC("reason", fail->text));
    if (!failed && k->videos_failing)
        SL_LOG(SL_LOG_WARN, "videos.store_works_again");
    k->videos_failing = failed;
}

/* All or nothing for those that write. */
static bool run_writers(struct keeper *k, struct video_rows *list, bool synced, struct sl_fail *fail)
{
    struct store *s = k->store;
    bool ok = s->ops->begin(s, synced ? STORE_NOW : STORE_SOON, fail) == SL_OK;
    for (struct video_rows *j = list; j != NULL && ok; j = j->next)
        ok = !video_rows_writes(j) || video_rows_run(j, s, fail);
    ok = ok && s->ops->commit(s, fail) == SL_OK;
    if (ok)
        return true;
    s->ops->rollback(s);
    for (struct video_rows *j = list; j != NULL; j = j->next)
        if (video_rows_writes(j))
            j->found = VF_FAILED;
    return false;
}

void keeper_videos_run(struct keeper *k)
{
    struct video_rows *list = NULL;
    struct sl_fail fail = {.code = SL_OK};
    bool writes = false, synced = false, ok = true;
    for (struct video_rows *j = k->videos, *next; j != NULL; j = next) { /* oldest first */
        next = j->next;
        j->next = list;
        list = j;
        writes |= video_rows_writes(j);
        synced |= j->synced;
    }
    k->videos = NULL;
    if (writes)
        ok = run_writers(k, list, synced, &fail);
    for (struct video_rows *j = list, *next; j != NULL; j = next) {
        next = j->next;
        if (!video_rows_writes(j))
            ok = video_rows_run(j, k->store, &fail) && ok;
        if (j->tell && j->found != VF_NONE && k->o.on_video != NULL)
            k->o.on_video(k->o.owner, j->kind == VR_DELETE && j->n_rows > 0 ? &j->rows[0] : &j->v, j->kind == VR_DELETE,
                          j->found == VF_OK);
        j->msg.deliver = on_answer;
        if (!sl_mailbox_post(j->reply_to, &j->msg))
            video_rows_free(j);
    }
    if (list != NULL)
        note_trouble(k, !ok, &fail);
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
