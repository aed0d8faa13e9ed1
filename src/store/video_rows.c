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
        j->rows = sl_arena_grow(&j->a, j->rows, j->n_rows, j->cap_rows, sizeof *j->rows);
    }
    store_video_copy(&j->rows[j->n_rows++], v, &j->a);
}

void store_copy_copy(struct store_copy *to, const struct store_copy *from, struct sl_arena *a)
{
    *to = *from;
    to->id = sl_arena_str(a, from->id);
    to->tenant = sl_arena_str(a, from->tenant);
    to->place = sl_arena_str(a, from->place);
    to->parts = sl_arena_str(a, from->parts);
}

static bool on_copy(void *arg, const struct store_copy *c)
{
    struct video_rows *j = arg;
    if (j->n_copies == j->cap_copies) {
        j->cap_copies = j->cap_copies > 0 ? 2 * j->cap_copies : ROWS_FIRST;
        j->copies = sl_arena_grow(&j->a, j->copies, j->n_copies, j->cap_copies, sizeof *j->copies);
    }
    store_copy_copy(&j->copies[j->n_copies++], c, &j->a);
    return true;
}

/* A job without a copy is found all the same. */
static enum sl_err find(struct video_rows *j, struct store *s, store_video_f *f, struct sl_fail *fail)
{
    enum sl_err e = s->ops->find_video(s, j->tenant, j->id, j->now_ns, f, j, fail);
    if (e != SL_OK || !j->with_copy)
        return e;
    e = s->ops->find_copy(s, j->id, on_copy, j, fail);
    return e == SL_ENOENT ? SL_OK : e;
}

static enum sl_err put_row(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = s->ops->put_video(s, &j->v, j->has_settles ? &j->settles : NULL, fail);
    return e == SL_OK && j->has_copy ? s->ops->put_copy(s, &j->copy, fail) : e;
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

static bool on_once(void *arg, const struct store_once *o)
{
    struct video_rows *j = arg;
    j->taken = !sl_str_eq(o->id, j->v.id);
    j->same_body = memcmp(o->body, j->once.body, sizeof o->body) == 0;
    j->id = sl_arena_str(&j->a, o->id);
    return false;
}

static enum sl_err find_once(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = s->ops->find_once(s, &j->once, on_once, j, fail);
    if (e != SL_OK || !j->taken)
        return e;
    e = s->ops->find_video(s, j->once.tenant, j->id, j->once.made_ns, on_row, j, fail);
    return e == SL_ENOENT ? SL_OK : e;
}

static enum sl_err put(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = SL_OK;
    if (j->has_once) {
        e = find_once(j, s, fail);
        if (e == SL_OK && j->taken)
            return e;
        if (e == SL_ENOENT)
            e = s->ops->put_once(s, &j->once, fail);
    }
    if (e == SL_OK && j->forgets_once)
        e = s->ops->forget_once(s, j->v.id, fail);
    return e == SL_OK ? put_row(j, s, fail) : e;
}

static enum sl_err run(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    switch (j->kind) {
    case VR_PUT:
        return put(j, s, fail);
    case VR_RENEW:
        return s->ops->renew_video(s, &j->v, fail);
    case VR_HOOK:
        return s->ops->video_hook(s, j->v.id, j->v.hook_due_ns, j->v.hook_tries, fail);
    case VR_DELETE:
        return s->ops->delete_video(s, j->tenant, j->id, j->now_ns, on_row, j, fail);
    case VR_FIND:
        return find(j, s, on_row, fail);
    case VR_COPY:
        return s->ops->change_copy(s, &j->copy, j->copy_from, fail);
    case VR_COPY_GONE:
        return s->ops->drop_copy(s, j->copy.id, fail);
    case VR_COPIES:
        return s->ops->next_copies(s, j->page.limit, on_copy, j, fail);
    case VR_LIST:
        return list(j, s, fail);
    case VR_LIVE:
        return s->ops->each_live_video(s, on_row, j, fail);
    case VR_KNOWN:
        return known(j, s, fail);
    case VR_ONCE:
        return find_once(j, s, fail);
    }
    return SL_OK;
}

bool video_rows_run(struct video_rows *j, struct store *s, struct sl_fail *fail)
{
    enum sl_err e = run(j, s, fail);
    j->found = e == SL_OK && j->taken ? VF_TAKEN : e == SL_OK ? VF_OK : e == SL_ENOENT ? VF_NONE : VF_FAILED;
    return j->found != VF_FAILED;
}
