/* Messages about the rows of video jobs: see video_rows.h. */
#include "store/video_rows.h"

#include "base/mem.h"

#define ROWS_FIRST 8u

struct video_rows *video_rows_new(enum video_rows_kind kind)
{
    struct video_rows *j = SL_NEW(struct video_rows);
    j->kind = kind;
    sl_arena_init(&j->a, NULL);
    return j;
}

void video_rows_free(struct video_rows *j)
{
    if (j == NULL)
        return;
    sl_arena_done(&j->a);
    sl_free(j);
}

void store_video_copy(struct store_video *to, const struct store_video *from, struct sl_arena *a)
{
    *to = *from;
    struct sl_str *const texts[] = {
        &to->id,        &to->tenant,  &to->provider, &to->task,       &to->model,      &to->target, &to->price_version,
        &to->operation, &to->request, &to->result,   &to->error_code, &to->error_text, &to->hook,   &to->token,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = sl_arena_str(a, *texts[i]);
}

static void add_row(struct video_rows *j, const struct store_video *v)
{
    if (j->n_rows == j->cap_rows) {
        j->cap_rows = j->cap_rows > 0 ? 2 * j->cap_rows : ROWS_FIRST;
        struct store_video *more = sl_arena_alloc(&j->a, j->cap_rows * sizeof *more);
        if (j->n_rows > 0)
            memcpy(more, j->rows, j->n_rows * sizeof *more);
        j->rows = more;
    }
    store_video_copy(&j->rows[j->n_rows++], v, &j->a);
}

static bool on_row(void *arg, const struct store_video *v)
{
    add_row(arg, v);
    return true;
}

/* One more than the page holds is asked for: whether there are more. */
static enum sl_err list(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    struct store_video_page page = j->page;
    page.limit++;
    enum sl_err e = s->ops->list_videos(s, &page, on_row, j, fail);
    j->more = j->n_rows > j->page.limit;
    if (j->more)
        j->n_rows = j->page.limit;
    return e == SL_ENOENT ? SL_OK : e;
}

static enum sl_err known(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = SL_OK;
    j->known = sl_arena_alloc(&j->a, (j->n_tasks + 1) * sizeof *j->known);
    for (size_t i = 0; i < j->n_tasks && e == SL_OK; i++)
        e = s->ops->video_task_known(s, j->v.provider, j->tasks[i], &j->known[i], fail);
    return e;
}

static enum sl_err run(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    switch (j->kind) {
    case VR_PUT:
        return s->ops->put_video(s, &j->v, j->has_settles ? &j->settles : NULL, fail);
    case VR_RENEW:
        return s->ops->renew_video(s, &j->v, fail);
    case VR_HOOK:
        return s->ops->video_hook(s, j->v.id, j->v.hook_due_ns, j->v.hook_tries, fail);
    case VR_DELETE:
        return s->ops->delete_video(s, j->tenant, j->id, j->now_ns, on_row, j, fail);
    case VR_FIND:
        return s->ops->find_video(s, j->tenant, j->id, j->now_ns, on_row, j, fail);
    case VR_TOKEN:
        return s->ops->find_video_token(s, j->token, on_row, j, fail);
    case VR_LIST:
        return list(j, s, fail);
    case VR_LIVE:
        return s->ops->each_live_video(s, on_row, j, fail);
    case VR_KNOWN:
        return known(j, s, fail);
    }
    return SL_OK;
}

bool video_rows_run(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = run(j, s, fail);
    j->found = e == SL_OK ? VF_OK : e == SL_ENOENT ? VF_NONE : VF_FAILED;
    return j->found != VF_FAILED;
}
