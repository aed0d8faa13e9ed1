/* A call of the desk: an attempt of its own, a poll of one job, a list that polls many, a list that looks for a job whose create nobody
 * answered, a cancel. Whatever goes wrong with it only moves the next look; a job ends by what its provider says of it, or by its
 * deadline. */
#include "base/log.h"
#include "base/mem.h"
#include "exchange/video_desk_int.h"

#define CALL_NS (30 * SL_SEC)
#define GONE_MAX 3u /* "there is no such task" in a row: it has expired */
#define AGAIN_MAX 3u

/* ---- what is asked ---- */

static void fill_match(struct desk_call *c, struct desk_job *j)
{
    struct video_request *asked = SL_ARENA_NEW(&c->a, struct video_request);
    video_asked_read(j->v.request, &c->a, asked);
    asked->model = j->v.model;
    c->call.req = asked;
}

bool desk_call_write(struct desk_call *c, struct sl_buf *body)
{
    const struct video_adapter *a = c->call.adapter;
    struct desk_job *j = c->jobs[0];
    if (desk_is_unclear(j)) {
        c->kind = CALL_RESOLVE;
        if (a->resolve == VIDEO_RESOLVE_NONE || a->list_write == NULL || a->match == NULL)
            return false;
        fill_match(c, j);
        c->ask = (struct video_list_ask){.page = 1, .apart = j->apart};
        return a->list_write(&c->call, &c->ask, &c->http);
    }
    if (j->cancel_now) {
        c->kind = CALL_CANCEL;
        j->cancel_now = false;
        j->cancels++;
        a->cancel_write(&c->call, &c->http);
        return true;
    }
    if (c->n > 1) {
        struct sl_str *ids = sl_arena_alloc(&c->a, c->n * sizeof *ids);
        for (unsigned i = 0; i < c->n; i++)
            ids[i] = c->jobs[i]->v.task;
        c->kind = CALL_LIST;
        c->ask = (struct video_list_ask){.task_ids = ids, .n_task_ids = c->n, .page = 1, .apart = j->apart};
        return a->list_write(&c->call, &c->ask, &c->http);
    }
    c->kind = CALL_POLL;
    a->poll_write(&c->call, &c->http, body);
    return true;
}

/* ---- the attempt ---- */

static void free_call(struct sl_ended *e)
{
    sl_free(SL_CONTAINER_OF(e, struct desk_call, ended));
}

void desk_call_end(struct desk_call *c)
{
    struct desk_provider *p = c->p;
    attempt_free(c->attempt);
    sl_task_cancel(&c->task);
    sl_chunks_done(&c->body);
    video_rows_free(c->may_be);
    sl_arena_done(&c->a);
    snapshot_unref(c->snap);
    sl_list_remove(&c->node);
    p->calls--;
    sl_end(c->desk->env->loop, &c->ended, free_call);
    desk_pump(p);
}

static void on_head(void *owner, const struct http_response *head)
{
    struct desk_call *c = owner;
    c->head = head;
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct desk_call *c = owner;
    char some[4096];
    while (bytes.n > 0 && !c->too_large) {
        struct sl_str slice = sl_str_head(bytes, sizeof some);
        c->unpacked += video_unpack(&c->unpack, slice, some);
        if (sl_chunks_add(&c->body, some, video_thin(&c->thin, slice, some)) != SL_OK) {
            c->too_large = true;
            sl_task_post(c->desk->env->loop, &c->task);
        }
        bytes = sl_str_from(bytes, slice.n);
    }
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct desk_call *c = owner;
    c->result = *r;
    c->over = true;
    sl_task_post(c->desk->env->loop, &c->task);
}

static const struct attempt_owner call_owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

bool desk_call_send(struct desk_call *c, struct sl_str authorization, unsigned credential, struct sl_str body)
{
    c->authorization = authorization;
    c->credential = credential;
    struct exchange_env *env = c->desk->env;
    const char *why = NULL;
    const struct video_send s = {
        .env = env,
        .snap = c->snap,
        .at = c->at,
        .credential = credential,
        .authorization = authorization,
        .http = &c->http,
        .body = {(void *)(uintptr_t)body.p, body.n},
    };
    if (!video_send_fill(&s, &c->a, &c->origin, &c->request, &why))
        return false;
    c->request.deadlines.total_due_ns = sl_loop_now(env->loop) + CALL_NS;
    c->over = c->too_large = false;
    c->thin = (struct video_thin){.n = 0};
    c->unpack = (struct video_unpack){.data = c->call.adapter != NULL && c->call.adapter->inline_data};
    c->unpacked = 0;
    c->head = NULL;
    tel_add(env->tel, TEL_VIDEO_POLLS, 1);
    c->attempt = attempt_start(env->upstream, &c->a, &c->request, &call_owner, c);
    return true;
}

static void all_later(struct desk_call *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        c->jobs[i]->busy = false;
        desk_look_later(c->jobs[i], c->call.adapter);
    }
    c->n = 0;
}

void desk_pause_account(struct desk_call *c, enum video_polled said)
{
    struct desk_provider *p = c->p;
    int status = c->head != NULL ? c->head->status : 0;
    if (said == VIDEO_POLL_DENIED) {
        if (!p->denied)
            SL_LOG(SL_LOG_ERROR, "video.polls_denied", SL_LS("provider", sl_str_of(p->name, p->name_n)),
                   SL_LI("status", status));
        p->denied = true;
        p->paused_ns = desk_now(c->desk) + DESK_PAUSE_NS;
    } else if (status == 429) {
        int64_t wait = provider_wait_ns(&(struct provider_wait){.headers = &c->head->headers, .limited = true});
        p->paused_ns = desk_now(c->desk) + (wait > 0 ? wait : 5 * SL_SEC);
    }
}

bool desk_call_again(struct desk_call *c, struct desk_job *j, struct sl_str body)
{
    attempt_free(c->attempt);
    c->attempt = NULL;
    sl_chunks_clear(&c->body);
    bool sent = desk_call_send(c, c->authorization, c->credential, body);
    c->jobs[0] = j;
    c->n = sent ? 1 : 0;
    j->busy = sent;
    return sent;
}

/* The adapter wants another call before it knows. */
static bool poll_again(struct desk_call *c, struct desk_job *j, const struct video_job *job)
{
    struct sl_buf body;
    if (c->again++ >= AGAIN_MAX)
        return false;
    c->call.aux = sl_arena_str(&c->a, job->aux);
    sl_buf_init(&body, VIDEO_ANSWER_BYTES);
    c->http = (struct video_http){.method = HTTP_GET};
    c->call.adapter->poll_write(&c->call, &c->http, &body);
    bool sent = desk_call_again(c, j, sl_arena_str(&c->a, sl_buf_str(&body)));
    sl_buf_done(&body);
    return sent;
}

/* It went by on its way to being thinned: ranges of it can be given from now on. */
static void measure_inline(const struct desk_call *c, struct video_job *job)
{
    for (unsigned i = 0; i < job->n_content && video_unpack_whole(&c->unpack); i++) {
        if (job->content[i].base64.n == 0)
            continue;
        job->content[i].bytes = c->unpacked;
        break; /* the first is what is unpacked */
    }
}

static void polled_one(struct desk_call *c, const struct video_answer *ans)
{
    struct desk_job *j = c->jobs[0];
    struct video_trouble why = {0};
    struct video_job job;
    bool again = false;
    video_job_init(&job);
    enum video_polled said = c->call.adapter->poll_read(&c->call, ans, &job, &why, &again);
    j->busy = false;
    c->n = 0;
    if (said == VIDEO_POLL_OK && again && poll_again(c, j, &job))
        return;
    if (said == VIDEO_POLL_OK) {
        c->p->denied = false;
        measure_inline(c, &job);
        desk_apply(c, j, &job);
    } else if (said == VIDEO_POLL_GONE && ++j->gone >= GONE_MAX && !j->once) {
        desk_fail_job(j, STORE_VIDEO_EXPIRED, "expired", "The provider knows the job no more.");
        desk_settle(j, NULL, NULL, NULL, false);
    } else {
        desk_pause_account(c, said);
        desk_look_later(j, c->call.adapter);
    }
}

static const struct video_job *listed(const struct video_list *list, struct sl_str task)
{
    for (unsigned i = 0; i < list->n; i++)
        if (sl_str_eq(list->v[i].task_id, task))
            return &list->v[i];
    return NULL;
}

/* A list leaves out what it does not know: those are asked for one by one, which tells why. */
static void polled_list(struct desk_call *c, const struct video_answer *ans)
{
    struct video_trouble why = {0};
    struct video_list list = {0};
    enum video_polled said = c->call.adapter->list_read(&c->call, ans, &list, &why);
    if (said != VIDEO_POLL_OK) {
        desk_pause_account(c, said);
        all_later(c);
        return;
    }
    c->p->denied = false;
    for (unsigned i = 0; i < c->n; i++) {
        struct desk_job *j = c->jobs[i];
        const struct video_job *job = listed(&list, j->v.task);
        j->busy = false;
        if (job != NULL) {
            desk_apply(c, j, job);
        } else {
            j->gone = 1; /* alone the next time */
            desk_arm(j, SL_SEC);
        }
    }
    c->n = 0;
}

static void call_over(struct sl_task *t)
{
    struct desk_call *c = SL_CONTAINER_OF(t, struct desk_call, task);
    if (!c->over)
        attempt_cancel(c->attempt, false, &c->result);
    const struct video_answer ans = {
        .status = c->head != NULL ? c->head->status : 0,
        .headers = c->head != NULL ? &c->head->headers : NULL,
        .body = sl_chunks_flat(&c->body),
        .whole = c->result.outcome == OUT_OK && !c->too_large,
    };
    if (!ans.whole)
        all_later(c);
    else if (c->kind == CALL_LIST)
        polled_list(c, &ans);
    else if (c->kind == CALL_RESOLVE)
        desk_resolved(c, &ans);
    else if (c->kind == CALL_POLL)
        polled_one(c, &ans);
    else
        all_later(c); /* a cancel: the next look tells */
    if (c->n == 0)
        desk_call_end(c);
}

struct desk_call *desk_call_new(struct desk_provider *p, const struct snapshot_provider *at, struct desk_job *j)
{
    struct video_desk *d = p->desk;
    struct desk_call *c = SL_NEW(struct desk_call);
    c->desk = d;
    c->p = p;
    c->snap = snapshot_ref(d->env->epoch->snapshot);
    c->at = at;
    c->jobs[0] = j;
    c->n = 1;
    j->busy = true;
    sl_arena_init(&c->a, d->env->arenas);
    sl_chunks_init(&c->body, VIDEO_ANSWER_BYTES, d->env->chunks);
    sl_task_init(&c->task, call_over);
    sl_list_init(&c->node);
    sl_list_add_tail(&d->calls, &c->node);
    p->calls++;
    video_call_fill(&c->call, at, &j->v, &c->a);
    return c;
}
