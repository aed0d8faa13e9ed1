/* See video_desk.h.
 *
 *   row ─► job ─► timer ─► ready (of its provider) ─► pump ─► call ─► apply ─► row ─┬─► timer
 *                                                      │                           └─► settled: forgotten
 *                                                      └ so many a second and at a time, tenants in turn
 *
 * A call is an attempt of its own: a poll of one job, a list that polls many, a list that looks for a job whose create nobody
 * answered, a cancel. Whatever goes wrong with it only moves the next look; a job ends by what its provider says of it, or by its
 * deadline. */
#include "exchange/video_desk.h"

#include "base/die.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "exchange/video_hook.h"
#include "exchange/video_int.h"
#include "exchange/video_keep.h"

#define CALL_NS (30 * SL_SEC)
#define CALLS_AT_ONCE 8u /* of one provider */
#define LIST_MAX 100u    /* jobs polled by one list */
#define GONE_MAX 3u      /* "there is no such task" in a row: it has expired */
#define RESOLVE_LOOKS 5u /* how often the list is read for a job that nobody knows of */
#define RESOLVE_PAGES 20u
#define CLOCK_SLACK_S 120 /* what a provider's clock may differ */
#define PAUSE_NS (60 * SL_SEC)
#define AGAIN_MAX 3u

struct desk_provider {
    struct sl_list node;
    struct video_desk *desk;
    struct sl_list
        ready; /* struct desk_job: of each tenant the one that waits longest, in turn; others stand behind it */
    struct sl_timer timer; /* when the next call may go */
    double allowance;      /* calls */
    int64_t filled_ns, paused_ns;
    unsigned calls;
    bool denied; /* its keys are refused: said once */
    bool pumping;
    size_t name_n;
    char name[]; /* name_n bytes */
};

struct desk_job {
    struct store_video v; /* texts in `a` */
    struct sl_arena a;    /* own */
    struct video_desk *desk;
    struct sl_timer timer;
    struct sl_list ready;  /* in its provider's, or behind another of its tenant's */
    struct sl_list behind; /* those of its tenant's that wait for a shorter time, while it stands in the provider's */
    struct sl_list all;
    int64_t wait_ns; /* until the next look, before jitter */
    unsigned gone, looks, cancels;
    bool busy;               /* a call or a write is under way */
    bool cancel;             /* the owner wants no more of it */
    bool cancel_now;         /* ... and the last look said that it can be cancelled */
    bool unsaid;             /* a write failed: the row is behind */
    bool poked;              /* somebody wants it looked at again, while it is busy */
    bool once;               /* settled: only looked at for new links */
    bool apart;              /* its adapter's listed_apart */
    struct sl_list renewals; /* struct renewal */
};

struct renewal {
    struct sl_list node;
    struct video_rows *j;
};

enum call_kind {
    CALL_POLL = 0,
    CALL_LIST,    /* polls */
    CALL_RESOLVE, /* looks for one */
    CALL_CANCEL
};

struct desk_call {
    struct sl_list node;
    struct video_desk *desk;
    struct desk_provider *p;
    enum call_kind kind;
    struct desk_job *jobs[LIST_MAX];
    unsigned n;
    struct snapshot *snap; /* ref */
    const struct snapshot_provider *at;
    struct sl_arena a;
    struct video_call call;
    struct video_http http;
    struct video_list_ask ask;
    struct upstream_origin origin;
    struct attempt_request request;
    struct attempt *attempt; /* own or NULL */
    struct attempt_result result;
    struct sl_chunks body;
    const struct http_response *head;
    struct video_thin thin;     /* an answer may have the whole video in it: */
    struct video_unpack unpack; /* how long it is */
    uint64_t unpacked;
    struct sl_task task;
    bool over, too_large;
    unsigned again;            /* calls that an adapter wanted besides, pages of a list */
    struct video_rows *may_be; /* own or NULL: of a CALL_RESOLVE, the tasks that may be the job */
    struct sl_str authorization;
    unsigned credential;
    struct sl_ended ended;
};

struct video_desk {
    struct exchange_env *env;
    struct sl_map jobs; /* id -> struct desk_job */
    struct sl_list all, providers, calls;
    struct video_hooks *hooks; /* own */
    struct video_keep *keep;   /* own */
    unsigned n;
    int64_t began_ns; /* wall */
    bool ending;
    struct sl_timer retry; /* the keeper did not take a question */
};

static void pump(struct desk_provider *p);
static void on_due(struct sl_timer *t);
static void on_answer(struct video_rows *m, void *receiver);

/* ---- time ---- */

static int64_t now_of(const struct video_desk *d)
{
    return sl_loop_now(d->env->loop);
}

static const struct videos_policy *policy_of(const struct video_desk *d)
{
    return &d->env->epoch->snapshot->set.videos;
}

/* A fifth more or less, so that jobs that began together are not looked at together. */
static void arm(struct desk_job *j, int64_t wait_ns)
{
    struct video_desk *d = j->desk;
    if (j->poked)
        wait_ns = SL_MS;
    j->poked = false;
    int64_t fifth = wait_ns / 5;
    int64_t jitter = fifth > 0 ? (int64_t)sl_rand_below(&d->env->loop->rand, (uint64_t)(2 * fifth)) - fifth : 0;
    sl_timer_arm(d->env->loop, &j->timer, now_of(d) + wait_ns + jitter);
}

static const struct video_adapter *adapter_of(const struct video_desk *d, const struct store_video *v)
{
    const struct snapshot *s = d->env->epoch->snapshot;
    for (size_t i = 0; i < s->n_providers; i++)
        if (sl_str_eq(s->providers[i].provider.name, v->provider))
            return video_adapter_find(s->providers[i].provider.kind->name, v->target);
    return NULL;
}

static int64_t first_wait(const struct video_desk *d, const struct desk_job *j)
{
    const struct videos_policy *set = policy_of(d);
    const struct video_adapter *a = adapter_of(d, &j->v);
    if (set->poll_first_ns > 0)
        return set->poll_first_ns;
    return a != NULL && a->poll_first_ns > 0 ? a->poll_first_ns : 5 * SL_SEC;
}

static int64_t next_wait(const struct video_desk *d, struct desk_job *j)
{
    const struct videos_policy *set = policy_of(d);
    const struct video_adapter *a = adapter_of(d, &j->v);
    int64_t least = set->poll_ns > 0 ? set->poll_ns : a != NULL && a->poll_ns > 0 ? a->poll_ns : 5 * SL_SEC;
    int64_t most = set->poll_max_ns > 0              ? set->poll_max_ns
                   : a != NULL && a->poll_max_ns > 0 ? a->poll_max_ns
                                                     : 30 * SL_SEC;
    j->wait_ns = j->wait_ns < least ? least : j->wait_ns + j->wait_ns * 3 / 10;
    if (j->wait_ns > most)
        j->wait_ns = most > least ? most : least;
    return j->wait_ns;
}

/* ---- jobs ---- */

static struct desk_job *find(const struct video_desk *d, struct sl_str id)
{
    return sl_map_get(&d->jobs, id);
}

static void set_row(struct desk_job *j, const struct store_video *v)
{
    struct sl_arena fresh;
    struct store_video copy;
    struct video_desk *d = j->desk;
    sl_arena_init(&fresh, NULL);
    store_video_copy(&copy, v, &fresh);
    if (j->v.id.n > 0)
        (void)sl_map_remove(&d->jobs, j->v.id);
    sl_arena_done(&j->a);
    j->a = fresh;
    j->v = copy;
    (void)sl_map_put(&d->jobs, j->v.id, j);
}

static bool is_apart(const struct video_desk *d, const struct store_video *v)
{
    const struct video_adapter *a = adapter_of(d, v);
    struct video_job known;
    struct sl_arena arena;
    if (a == NULL || a->listed_apart == NULL)
        return false;
    sl_arena_init(&arena, NULL);
    video_result_read(v->result, &arena, &known);
    bool is = a->listed_apart(known.aux);
    sl_arena_done(&arena);
    return is;
}

static struct desk_job *add(struct video_desk *d, const struct store_video *v)
{
    struct desk_job *j = SL_NEW(struct desk_job);
    j->desk = d;
    sl_arena_init(&j->a, NULL);
    sl_timer_init(&j->timer, on_due);
    sl_list_init(&j->ready);
    sl_list_init(&j->behind);
    sl_list_init(&j->all);
    sl_list_init(&j->renewals);
    sl_list_add_tail(&d->all, &j->all);
    set_row(j, v);
    j->apart = is_apart(d, v);
    d->n++;
    return j;
}

/* Whoever waits for links gets the row as the store has it. */
static void give_renewals(struct desk_job *j)
{
    struct video_desk *d = j->desk;
    SL_LIST_EACH(node, &j->renewals)
    {
        struct renewal *r = SL_CONTAINER_OF(node, struct renewal, node);
        sl_list_remove(&r->node);
        if (!d->env->videos_ask(d->env->owner, r->j)) /* its mailbox is that of its own worker */
            video_rows_free(r->j);
        sl_free(r);
    }
}

/* ---- turns: tenants in turn, of each the job that waits longest ---- */

static void wait_for_turn(struct sl_list *ready, struct desk_job *j)
{
    SL_LIST_EACH(node, ready)
    {
        struct desk_job *first = SL_CONTAINER_OF(node, struct desk_job, ready);
        if (!sl_str_eq(first->v.tenant, j->v.tenant))
            continue;
        sl_list_add_tail(&first->behind, &j->ready);
        return;
    }
    sl_list_add_tail(ready, &j->ready);
}

/* The next of its tenant's stands where it stood, or at the end of `to`. Harmless for one that does not wait. */
static void leave(struct desk_job *j, struct sl_list *to)
{
    struct sl_list *node = sl_list_take_head(&j->behind);
    if (node != NULL) {
        struct desk_job *next = SL_CONTAINER_OF(node, struct desk_job, ready);
        sl_list_splice(&next->behind, &j->behind);
        sl_list_add_tail(to != NULL ? to : &j->ready, &next->ready);
    }
    sl_list_remove(&j->ready);
}

static struct desk_job *take_next(struct desk_provider *p)
{
    SL_CHECK(!sl_list_is_empty(&p->ready));
    struct desk_job *first = SL_CONTAINER_OF(p->ready.next, struct desk_job, ready);
    leave(first, &p->ready);
    return first;
}

static void forget(struct desk_job *j)
{
    struct video_desk *d = j->desk;
    give_renewals(j);
    sl_timer_cancel(d->env->loop, &j->timer);
    leave(j, NULL);
    sl_list_remove(&j->all);
    (void)sl_map_remove(&d->jobs, j->v.id);
    sl_arena_done(&j->a);
    d->n--;
    sl_free(j);
}

static bool is_unclear(const struct desk_job *j)
{
    return j->v.task.n == 0;
}

/* ---- the keeper ---- */

/* False: there is no keeper any more; m is freed. */
static bool ask(struct video_desk *d, struct video_rows *m)
{
    m->asker = d;
    m->done = on_answer;
    if (d->env->videos_ask(d->env->owner, m))
        return true;
    video_rows_free(m);
    return false;
}

static void write_row(struct desk_job *j, struct video_rows *m)
{
    struct video_desk *d = j->desk;
    store_video_copy(&m->v, &j->v, &m->a);
    m->synced = m->v.settled;
    if (m->v.settled && m->kind == VR_PUT)
        m->has_copy = video_keep_wants(d->env, &m->v, &m->copy);
    j->busy = true;
    if (!ask(d, m)) /* the process ends: the next one begins with the row as it was */
        j->busy = false;
}

static void row_written(struct video_desk *d, const struct video_rows *m)
{
    struct desk_job *j = find(d, m->v.id);
    if (j == NULL)
        return;
    j->busy = false;
    j->unsaid = m->found == VF_FAILED;
    if (j->unsaid && m->kind == VR_PUT) { /* looked at again, and written again */
        j->v.settled = false;
        arm(j, 5 * SL_SEC);
        return;
    }
    if (m->v.settled)
        sl_die_at("video_settled");
    if (m->has_settles && m->found == VF_OK)
        budget_correct(d->env, m->settles.tenant, m->settles.opened_ns, m->settles.estimate_cost_p, m->settles.cost_p);
    if (m->has_copy && m->found == VF_OK)
        video_keep_poke(d->keep);
    give_renewals(j);
    if (j->v.settled && m->kind == VR_PUT && m->found == VF_OK && m->v.hook_due_ns > 0)
        video_hooks_add(d->hooks, &m->v);
    if (j->v.settled || m->found == VF_NONE)
        forget(j);
    else
        arm(j, next_wait(d, j));
}

/* ---- what a look brought ---- */

static void fill_attempt(struct desk_job *j, struct store_attempt *a, const struct usage *u, const struct cost *c)
{
    const struct store_video *v = &j->v;
    int64_t wall = v->ended_ns;
    *a = (struct store_attempt){
        .has = STORE_HAS_OPEN | STORE_HAS_CLOSE,
        .attempt = v->attempt,
        .exchange = v->exchange,
        .key = v->key,
        .opened_ns = v->sent_ns,
        .estimate_cost_p = v->reserved_p,
        .worker = (uint16_t)j->desk->env->worker,
        .number = 1,
        .tenant = v->tenant,
        .model = v->model,
        .provider = v->provider,
        .target = v->target,
        .operation = v->operation,
        .open_price_version = v->price_version,
        .closed_ns = wall,
        .cost_p = c->cost_p,
        .duration_ns = wall > v->sent_ns ? wall - v->sent_ns : 0,
        .first_token_ns = -1,
        .close_flags = entry_flags_of(u->flags, c->flags),
        .status = 200,
        .outcome = v->state == STORE_VIDEO_COMPLETED ? SL_STR("ok") : SL_STR("job_failed"),
        .price_version = v->price_version,
    };
    memcpy(a->used, u->by_class, sizeof u->by_class);
    memcpy(a->used + STORE_TOKEN_CLASSES, u->by_unit, sizeof u->by_unit);
}

static void copy_attempt(struct store_attempt *to, const struct store_attempt *from, struct sl_arena *a)
{
    *to = *from;
    struct sl_str *const texts[] = {&to->tenant,    &to->model,   &to->provider,           &to->target,
                                    &to->operation, &to->outcome, &to->open_price_version, &to->price_version};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = sl_arena_str(a, *texts[i]);
}

/* The row is final: what it cost goes with it, in one transaction. keep: nobody knows, so what was reserved stands. */
static void settle(struct desk_job *j, const struct snapshot_provider *at, const struct video_call *call,
                   const struct video_job *job, bool keep)
{
    struct video_desk *d = j->desk;
    struct video_units units = {.cost_p = -1};
    struct video_terms terms = {0};
    struct usage used = {.flags = USAGE_REPORTED};
    struct cost cost = {0};
    struct store_attempt a;
    struct price then;
    struct video_rows *m = video_rows_new(VR_PUT);
    bool kept = video_price_read(j->v.request, &m->a, &then);
    if (job != NULL && call != NULL && call->adapter != NULL) {
        call->adapter->settle(call, job, &units, &terms);
        const struct price *price = kept ? &then : video_price(d->env->epoch, at, j->v.target);
        cost = video_cost(price, &units, &terms, &used);
        tel_add(d->env->tel, TEL_VIDEOS_SETTLED, 1);
    }
    j->v.settled = true;
    bool unpriced = cost.cost_p == 0 && (cost.flags & COST_UNPRICED) != 0;
    j->v.cost_p = keep ? j->v.reserved_p : unpriced ? -1 : cost.cost_p;
    if (j->v.ended_ns == 0)
        j->v.ended_ns = sl_loop_wall(d->env->loop);
    if (j->v.hook.n > 0 && !j->v.deleted)
        j->v.hook_due_ns = j->v.ended_ns;
    if (!kept) /* it had none then */
        j->v.price_version = price_catalog_version(d->env->epoch->prices)->text;
    fill_attempt(j, &a, &used, &cost);
    copy_attempt(&m->settles, &a, &m->a);
    m->has_settles = !keep;
    sl_die_at("video_ended");
    write_row(j, m);
}

static void fail_job(struct desk_job *j, enum store_video_state s, const char *code, const char *text)
{
    if (j->v.state != STORE_VIDEO_CANCELLED)
        j->v.state = s;
    if (j->v.error_code.n == 0)
        j->v.error_code = sl_str_c(code);
    if (j->v.error_text.n == 0)
        j->v.error_text = sl_str_c(text);
}

static enum store_video_state state_of(const struct video_job *job)
{
    switch (job->status) {
    case VIDEO_COMPLETED:
        return STORE_VIDEO_COMPLETED;
    case VIDEO_FAILED:
        return job->reason == VIDEO_REASON_CANCELLED ? STORE_VIDEO_CANCELLED
               : job->reason == VIDEO_REASON_EXPIRED ? STORE_VIDEO_EXPIRED
                                                     : STORE_VIDEO_FAILED;
    case VIDEO_IN_PROGRESS:
        return STORE_VIDEO_RUNS;
    case VIDEO_QUEUED:
        break;
    }
    return STORE_VIDEO_QUEUED;
}

static int64_t links_until(const struct video_adapter *a, const struct video_job *job, int64_t wall_ns)
{
    int64_t s = job->expires_s;
    for (unsigned i = 0; i < job->n_content; i++)
        if (job->content[i].expires_s > 0 && (s == 0 || job->content[i].expires_s < s))
            s = job->content[i].expires_s;
    if (s > 0 && s < INT64_MAX / SL_SEC)
        return s * SL_SEC;
    return a != NULL && a->result_life_s > 0 ? wall_ns + a->result_life_s * SL_SEC : 0;
}

/* What the provider says of it now. True: the row has changed. */
static bool take_news(struct desk_job *j, const struct video_adapter *a, const struct video_job *job)
{
    struct store_video *v = &j->v;
    enum store_video_state s = state_of(job);
    struct sl_buf b;
    bool over = video_state_is_over(s), changed = false;
    int64_t wall = sl_loop_wall(j->desk->env->loop);
    if (v->state != STORE_VIDEO_CANCELLED && (over || s > v->state || v->state == STORE_VIDEO_UNCLEAR)) {
        changed = v->state != s;
        v->state = s;
    }
    if (job->progress >= 0 && job->progress > v->progress) {
        v->progress = job->progress > 100 ? 100 : job->progress;
        changed = true;
    }
    if (!over)
        return changed;
    struct video_job before, kept = *job; /* a list tells nothing of what the adapter wrote down for itself */
    video_result_read(v->result, &j->a, &before);
    if (kept.aux.n == 0)
        kept.aux = before.aux;
    sl_buf_init(&b, VIDEO_ANSWER_BYTES);
    video_result_write(&kept, &b);
    if (!b.over)
        v->result = sl_arena_str(&j->a, sl_buf_str(&b));
    sl_buf_done(&b);
    v->links_ns = links_until(a, job, wall);
    if (v->ended_ns == 0)
        v->ended_ns = wall;
    if (job->status == VIDEO_FAILED && v->state != STORE_VIDEO_CANCELLED) {
        v->error_code = sl_str_c(video_reason_name(job->reason));
        v->error_text = sl_arena_str(&j->a, sl_str_head(job->error_message, 2000));
    }
    return true;
}

static bool too_late(const struct desk_job *j, const struct video_adapter *a)
{
    struct video_request *asked = SL_NEW(struct video_request);
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    video_asked_read(j->v.request, &arena, asked);
    int64_t life_s = asked->expires_after_s > 0       ? (int64_t)asked->expires_after_s + 3600
                     : a != NULL && a->deadline_s > 0 ? a->deadline_s
                                                      : 72 * 3600;
    sl_arena_done(&arena);
    sl_free(asked);
    return sl_loop_wall(j->desk->env->loop) - j->v.sent_ns > life_s * SL_SEC;
}

static void look_later(struct desk_job *j, const struct video_adapter *a)
{
    if (j->once) {
        give_renewals(j);
        forget(j);
    } else if (too_late(j, a)) {
        fail_job(j, STORE_VIDEO_FAILED, "timeout", "The job did not end in time.");
        settle(j, NULL, NULL, NULL, true);
    } else {
        give_renewals(j);
        arm(j, next_wait(j->desk, j));
    }
}

static void renewed(struct desk_job *j, const struct video_adapter *a, const struct video_job *job)
{
    struct sl_buf b;
    if (job->status != VIDEO_COMPLETED) {
        look_later(j, a);
        return;
    }
    struct video_rows *m = video_rows_new(VR_RENEW);
    sl_buf_init(&b, VIDEO_ANSWER_BYTES);
    video_result_write(job, &b);
    j->v.result = sl_arena_str(&j->a, sl_buf_str(&b));
    sl_buf_done(&b);
    j->v.links_ns = links_until(a, job, sl_loop_wall(j->desk->env->loop));
    write_row(j, m);
}

static void apply(struct desk_call *c, struct desk_job *j, const struct video_job *job)
{
    const struct video_adapter *a = c->call.adapter;
    j->gone = 0;
    if (j->once) {
        renewed(j, a, job);
        return;
    }
    if (job->unknown_status) {
        SL_LOG(SL_LOG_WARN, "video.unknown_status", SL_LS("provider", j->v.provider),
               SL_LS("status", sl_str_head(job->upstream_status, 64)));
        look_later(j, a);
        return;
    }
    bool changed = take_news(j, a, job);
    if (changed && (job->status == VIDEO_COMPLETED || job->status == VIDEO_FAILED)) {
        sl_die_at("video_polled");
        struct video_call call;
        video_call_fill(&call, c->at, &j->v, &c->a);
        settle(j, c->at, &call, job, false);
        return;
    }
    bool may = a->cancel == VIDEO_CANCEL_RUNNING || (a->cancel == VIDEO_CANCEL_QUEUED && job->status == VIDEO_QUEUED);
    if (j->cancel && may && a->cancel_write != NULL && j->cancels < 3) {
        j->cancel_now = true;
        arm(j, 1);
        return;
    }
    if (j->unsaid || changed) {
        sl_die_at("video_runs");
        write_row(j, video_rows_new(VR_PUT));
    } else {
        look_later(j, a);
    }
}

/* ---- calls ---- */

static void free_call(struct sl_ended *e)
{
    sl_free(SL_CONTAINER_OF(e, struct desk_call, ended));
}

static void end_call(struct desk_call *c)
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
    pump(p);
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

static bool send_call(struct desk_call *c, struct sl_str authorization, unsigned credential, struct sl_str body)
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
        look_later(c->jobs[i], c->call.adapter);
    }
    c->n = 0;
}

static void pause_account(struct desk_call *c, enum video_polled said)
{
    struct desk_provider *p = c->p;
    int status = c->head != NULL ? c->head->status : 0;
    if (said == VIDEO_POLL_DENIED) {
        if (!p->denied)
            SL_LOG(SL_LOG_ERROR, "video.polls_denied", SL_LS("provider", sl_str_of(p->name, p->name_n)),
                   SL_LI("status", status));
        p->denied = true;
        p->paused_ns = now_of(c->desk) + PAUSE_NS;
    } else if (status == 429) {
        int64_t wait = provider_wait_ns(&(struct provider_wait){.headers = &c->head->headers, .limited = true});
        p->paused_ns = now_of(c->desk) + (wait > 0 ? wait : 5 * SL_SEC);
    }
}

/* c->http, with the answer to the call before let go. */
static bool send_once_more(struct desk_call *c, struct desk_job *j, struct sl_str body)
{
    attempt_free(c->attempt);
    c->attempt = NULL;
    sl_chunks_clear(&c->body);
    bool sent = send_call(c, c->authorization, c->credential, body);
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
    bool sent = send_once_more(c, j, sl_arena_str(&c->a, sl_buf_str(&body)));
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
        apply(c, j, &job);
    } else if (said == VIDEO_POLL_GONE && ++j->gone >= GONE_MAX && !j->once) {
        fail_job(j, STORE_VIDEO_EXPIRED, "expired", "The provider knows the job no more.");
        settle(j, NULL, NULL, NULL, false);
    } else {
        pause_account(c, said);
        look_later(j, c->call.adapter);
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
        pause_account(c, said);
        all_later(c);
        return;
    }
    c->p->denied = false;
    for (unsigned i = 0; i < c->n; i++) {
        struct desk_job *j = c->jobs[i];
        const struct video_job *job = listed(&list, j->v.task);
        j->busy = false;
        if (job != NULL) {
            apply(c, j, job);
        } else {
            j->gone = 1; /* alone the next time */
            arm(j, SL_SEC);
        }
    }
    c->n = 0;
}

/* ---- a create that nobody answered ---- */

static void adopt(struct desk_job *j, struct sl_str task, const struct video_job *found)
{
    struct sl_buf b;
    SL_LOG(SL_LOG_INFO, "video.adopted", SL_LS("id", j->v.id), SL_LS("provider", j->v.provider));
    tel_add(j->desk->env->tel, TEL_VIDEOS_ADOPTED, 1);
    j->v.task = sl_arena_str(&j->a, task);
    if (j->v.state != STORE_VIDEO_CANCELLED)
        j->v.state = STORE_VIDEO_QUEUED;
    j->wait_ns = 0;
    if (found != NULL && found->aux.n > 0) { /* what is needed to ask for it */
        sl_buf_init(&b, VIDEO_ANSWER_BYTES);
        video_result_write(found, &b);
        j->v.result = sl_arena_str(&j->a, sl_buf_str(&b));
        sl_buf_done(&b);
    }
    sl_die_at("video_adopted");
    write_row(j, video_rows_new(VR_PUT));
}

static void stays_unclear(struct desk_job *j)
{
    SL_LOG(SL_LOG_ERROR, "video.unclear", SL_LS("id", j->v.id), SL_LS("provider", j->v.provider));
    tel_add(j->desk->env->tel, TEL_VIDEOS_UNCLEAR, 1);
    fail_job(j, STORE_VIDEO_FAILED, "unknown_submission",
             "The provider did not say whether it took the job, and cannot be asked. What it may cost stays reserved.");
    settle(j, NULL, NULL, NULL, true);
}

static void was_not_taken(struct desk_job *j)
{
    fail_job(j, STORE_VIDEO_FAILED, "provider_error", "The provider did not take the job. It was not sent again.");
    settle(j, NULL, NULL, NULL, false);
}

static int64_t look_wait(const struct desk_job *j)
{
    int64_t step = policy_of(j->desk)->resolve_ns / (1 << (RESOLVE_LOOKS - 1));
    return step << (j->looks < RESOLVE_LOOKS ? j->looks : RESOLVE_LOOKS);
}

/* Which of the tasks may be the job that nobody else has is asked of the store. */
static void known_answered(struct video_desk *d, const struct video_rows *m)
{
    struct desk_job *j = find(d, m->v.id);
    unsigned free_ones = 0;
    size_t at = 0;
    if (j == NULL)
        return;
    j->busy = false;
    for (size_t i = 0; i < m->n_tasks && m->found == VF_OK; i++) {
        if (m->known[i])
            continue;
        free_ones++;
        at = i;
    }
    bool last = j->looks >= RESOLVE_LOOKS;
    if (free_ones == 1 && last && !m->more)
        adopt(j, m->tasks[at], NULL);
    else if (last && m->found == VF_OK && free_ones == 0 && !m->more)
        was_not_taken(j);
    else if (last && m->found == VF_OK)
        stays_unclear(j);
    else
        arm(j, look_wait(j));
}

static void ask_known(struct desk_job *j, struct video_rows *m)
{
    struct video_desk *d = j->desk;
    m->v.id = sl_arena_str(&m->a, j->v.id);
    m->v.provider = sl_arena_str(&m->a, j->v.provider);
    j->busy = true;
    if (!ask(d, m))
        j->busy = false;
}

/* Whether a list goes on, and could still show what was made when the job was. */
static bool goes_back(const struct video_list *list, const struct desk_job *j)
{
    int64_t made_s = list->n > 0 ? list->v[list->n - 1].created_s : 0;
    return list->more && list->n > 0 && (made_s <= 0 || made_s + CLOCK_SLACK_S >= j->v.sent_ns / SL_SEC);
}

static bool next_page(struct desk_call *c, struct desk_job *j, const struct video_list *list)
{
    c->ask.page++;
    c->ask.cursor = sl_arena_str(&c->a, list->v[list->n - 1].task_id);
    return c->again++ < RESOLVE_PAGES && c->call.adapter->list_write(&c->call, &c->ask, &c->http) &&
           send_once_more(c, j, SL_STR_NONE);
}

/* *yes: which one it is; else those that it may be wait in c->may_be. */
static void match_list(struct desk_call *c, const struct desk_job *j, const struct video_list *list,
                       const struct video_job **yes)
{
    if (c->may_be == NULL)
        c->may_be = video_rows_new(VR_KNOWN);
    struct video_rows *m = c->may_be;
    struct sl_str *tasks = sl_arena_alloc(&m->a, (m->n_tasks + list->n + 1) * sizeof *tasks);
    for (size_t i = 0; i < m->n_tasks; i++)
        tasks[i] = m->tasks[i];
    for (unsigned i = 0; i < list->n && *yes == NULL; i++) {
        enum video_match match = c->call.adapter->match(&c->call, j->v.sent_ns / SL_SEC, &list->v[i]);
        if (match == VIDEO_MATCH_YES)
            *yes = &list->v[i];
        else if (match == VIDEO_MATCH_MAYBE)
            tasks[m->n_tasks++] = sl_arena_str(&m->a, list->v[i].task_id);
    }
    m->tasks = tasks;
}

static void resolved(struct desk_call *c, const struct video_answer *ans)
{
    struct desk_job *j = c->jobs[0];
    struct video_trouble why = {0};
    struct video_list list = {0};
    const struct video_job *yes = NULL;
    enum video_polled said = c->call.adapter->list_read(&c->call, ans, &list, &why);
    j->busy = false;
    c->n = 0;
    if (said != VIDEO_POLL_OK) {
        pause_account(c, said);
        if (too_late(j, c->call.adapter))
            stays_unclear(j);
        else
            arm(j, look_wait(j) + SL_SEC);
        return;
    }
    match_list(c, j, &list, &yes);
    bool more = goes_back(&list, j);
    if (yes == NULL && more && next_page(c, j, &list))
        return;
    j->looks++;
    struct video_rows *m = c->may_be;
    c->may_be = NULL;
    m->more = more;
    if (yes == NULL) {
        ask_known(j, m);
        return;
    }
    video_rows_free(m);
    adopt(j, yes->task_id, yes);
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
        resolved(c, &ans);
    else if (c->kind == CALL_POLL)
        polled_one(c, &ans);
    else
        all_later(c); /* a cancel: the next look tells */
    if (c->n == 0)
        end_call(c);
}

/* ---- who is next ---- */

static struct desk_provider *provider_of(struct video_desk *d, struct sl_str name);

static void on_pump(struct sl_timer *t)
{
    pump(SL_CONTAINER_OF(t, struct desk_provider, timer));
}

static struct desk_provider *provider_of(struct video_desk *d, struct sl_str name)
{
    SL_LIST_EACH(node, &d->providers)
    {
        struct desk_provider *p = SL_CONTAINER_OF(node, struct desk_provider, node);
        if (sl_str_eq(sl_str_of(p->name, p->name_n), name))
            return p;
    }
    struct desk_provider *p = sl_calloc(1, sizeof *p + name.n);
    p->desk = d;
    p->name_n = name.n;
    memcpy(p->name, name.p, name.n);
    sl_list_init(&p->ready);
    sl_list_init(&p->node);
    sl_timer_init(&p->timer, on_pump);
    p->allowance = 1;
    p->filled_ns = now_of(d);
    sl_list_add_tail(&d->providers, &p->node);
    return p;
}

static const struct snapshot_provider *configured(const struct video_desk *d, const struct desk_provider *p)
{
    const struct snapshot *s = d->env->epoch->snapshot;
    for (size_t i = 0; i < s->n_providers; i++)
        if (sl_str_eq(s->providers[i].provider.name, sl_str_of(p->name, p->name_n)))
            return &s->providers[i];
    return NULL;
}

static struct desk_call *new_call(struct desk_provider *p, const struct snapshot_provider *at, struct desk_job *j)
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

static bool same_account(const struct desk_job *a, const struct desk_job *b)
{
    return memcmp(a->v.credential, b->v.credential, sizeof a->v.credential) == 0;
}

static bool goes_along(const struct desk_call *c, const struct desk_job *j)
{
    return !is_unclear(j) && !j->cancel && j->gone == 0 && same_account(c->jobs[0], j) &&
           j->apart == c->jobs[0]->apart &&
           video_adapter_find(c->at->provider.kind->name, j->v.target) == c->call.adapter;
}

/* Of one tenant's. NULL: none. */
static struct desk_job *fitting(const struct desk_call *c, struct desk_job *first)
{
    if (goes_along(c, first))
        return first;
    SL_LIST_EACH(node, &first->behind)
    {
        struct desk_job *j = SL_CONTAINER_OF(node, struct desk_job, ready);
        if (goes_along(c, j))
            return j;
    }
    return NULL;
}

/* Others of the account that are due, too: one list for all, with one job more of each tenant's at a time. */
static void gather(struct desk_call *c, struct desk_provider *p)
{
    unsigned most = c->call.adapter->list_poll_max < LIST_MAX ? c->call.adapter->list_poll_max : LIST_MAX, before = 0;
    if (c->call.adapter->list_write == NULL || c->jobs[0]->gone > 0)
        return;
    while (c->n > before && c->n < most) {
        before = c->n;
        SL_LIST_EACH(node, &p->ready)
        {
            struct desk_job *j = c->n < most ? fitting(c, SL_CONTAINER_OF(node, struct desk_job, ready)) : NULL;
            if (j == NULL)
                continue;
            leave(j, NULL);
            j->busy = true;
            c->jobs[c->n++] = j;
        }
    }
}

static void fill_match(struct desk_call *c, struct desk_job *j)
{
    struct video_request *asked = SL_ARENA_NEW(&c->a, struct video_request);
    video_asked_read(j->v.request, &c->a, asked);
    asked->model = j->v.model;
    c->call.req = asked;
}

/* What is asked of the provider about the jobs of the call. False: nothing can be. */
static bool write_call(struct desk_call *c, struct sl_buf *body)
{
    const struct video_adapter *a = c->call.adapter;
    struct desk_job *j = c->jobs[0];
    if (is_unclear(j)) {
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

static void start(struct desk_provider *p, struct desk_job *j)
{
    struct video_desk *d = p->desk;
    const struct snapshot_provider *at = configured(d, p);
    struct sl_str authorization = SL_STR_NONE;
    struct sl_buf body;
    if (at == NULL ||
        video_adapter_find(at->provider.kind->name, j->v.target) == NULL) { /* a reload may bring it back */
        arm(j, PAUSE_NS);
        return;
    }
    struct desk_call *c = new_call(p, at, j);
    if (!is_unclear(j) && !j->cancel)
        gather(c, p);
    sl_buf_init(&body, VIDEO_ANSWER_BYTES);
    bool can = write_call(c, &body);
    bool ready = can && credential_for(d->env, c->snap, at, &c->a, &authorization);
    if (ready)
        ready = send_call(c, authorization, video_credential_find(d->env, &at->provider, j->v.credential),
                          sl_arena_str(&c->a, sl_buf_str(&body)));
    sl_buf_done(&body);
    if (ready)
        return;
    for (unsigned i = 0; i < c->n; i++) {
        c->jobs[i]->busy = false;
        arm(c->jobs[i], SL_SEC); /* a token is being fetched */
    }
    c->n = 0;
    end_call(c);
    if (!can && is_unclear(j))
        stays_unclear(j);
}

static void pump(struct desk_provider *p)
{
    struct video_desk *d = p->desk;
    int64_t now = now_of(d);
    if (p->pumping || d->ending)
        return;
    p->pumping = true;
    double rate = policy_of(d)->polls_per_second, most = rate > 1 ? rate : 1;
    p->allowance += rate * (double)(now - p->filled_ns) / (double)SL_SEC;
    p->filled_ns = now;
    if (p->allowance > most)
        p->allowance = most;
    while (!sl_list_is_empty(&p->ready) && p->calls < CALLS_AT_ONCE && p->allowance >= 1 && now >= p->paused_ns) {
        p->allowance -= 1;
        start(p, take_next(p));
    }
    p->pumping = false;
    if (sl_list_is_empty(&p->ready) || p->calls >= CALLS_AT_ONCE)
        return;
    int64_t wait = (int64_t)((1 - p->allowance) / rate * (double)SL_SEC);
    int64_t due = now + (wait > SL_MS ? wait : SL_MS);
    sl_timer_arm(d->env->loop, &p->timer, due > p->paused_ns ? due : p->paused_ns);
}

static void make_ready(struct desk_job *j)
{
    struct desk_provider *p = provider_of(j->desk, j->v.provider);
    if (j->busy || !sl_list_is_empty(&j->ready))
        return;
    wait_for_turn(&p->ready, j);
    pump(p);
}

static void on_due(struct sl_timer *t)
{
    struct desk_job *j = SL_CONTAINER_OF(t, struct desk_job, timer);
    if (j->desk->ending)
        return;
    make_ready(j);
}

static void look_now(struct desk_job *j)
{
    j->poked = j->busy;
    if (!j->busy)
        make_ready(j);
}

/* ---- from outside ---- */

void video_desk_take(struct video_desk *d, const struct store_video *v, bool deleted, bool written)
{
    struct desk_job *j = find(d, v->id);
    if (deleted && !d->ending)
        video_keep_poke(d->keep);
    if (v->settled || d->ending)
        return;
    if (j == NULL) {
        j = add(d, v);
        arm(j, is_unclear(j) ? look_wait(j) : first_wait(d, j));
    }
    j->unsaid = j->unsaid || !written;
    if (v->state == STORE_VIDEO_UNCLEAR)
        sl_die_at("video_unclear");
    if (!deleted && v->state != STORE_VIDEO_CANCELLED)
        return;
    j->v.deleted = j->v.deleted || deleted;
    j->v.state = STORE_VIDEO_CANCELLED;
    j->v.ended_ns = j->v.ended_ns > 0 ? j->v.ended_ns : sl_loop_wall(d->env->loop);
    j->cancel = true;
    sl_die_at("video_cancelled");
    look_now(j);
}

void video_desk_renew(struct video_desk *d, struct video_rows *m)
{
    struct desk_job *j = find(d, m->id);
    struct renewal *r = SL_NEW(struct renewal);
    r->j = m;
    sl_list_init(&r->node);
    if (j == NULL && m->v.id.n > 0 && !d->ending) {
        j = add(d, &m->v);
        j->once = true;
    }
    if (j == NULL) {
        if (!d->env->videos_ask(d->env->owner, m))
            video_rows_free(m);
        sl_free(r);
        return;
    }
    sl_list_add_tail(&j->renewals, &r->node);
    make_ready(j);
}

void video_desk_poke(struct video_desk *d, struct sl_str token)
{
    SL_LIST_EACH(node, &d->all)
    {
        struct desk_job *j = SL_CONTAINER_OF(node, struct desk_job, all);
        if (token.n > 0 && sl_str_eq(j->v.token, token))
            look_now(j);
    }
}

static void live_answered(struct video_desk *d, const struct video_rows *m)
{
    if (m->found == VF_FAILED) {
        sl_timer_arm(d->env->loop, &d->retry, now_of(d) + SL_SEC);
        return;
    }
    for (size_t i = 0; i < m->n_rows; i++) {
        const struct store_video *v = &m->rows[i];
        if (v->settled && v->hook_due_ns > 0)
            video_hooks_add(d->hooks, v);
        bool mine = v->state == STORE_VIDEO_SUBMITTING && v->sent_ns >= d->began_ns; /* an exchange is at it */
        if (v->settled || mine || find(d, v->id) != NULL)
            continue;
        struct desk_job *j = add(d, &m->rows[i]);
        j->cancel = j->v.deleted || j->v.state == STORE_VIDEO_CANCELLED;
        /* Spread out, so that a thousand jobs are not asked for at once. */
        arm(j, is_unclear(j) ? look_wait(j)
                             : (int64_t)sl_rand_below(&d->env->loop->rand, (uint64_t)next_wait(d, j)) + SL_MS);
    }
    if (m->n_rows > 0)
        SL_LOG(SL_LOG_INFO, "videos.taken_up", SL_LI("n", (int64_t)m->n_rows));
}

static void on_answer(struct video_rows *m, void *receiver)
{
    (void)receiver;
    struct video_desk *d = m->asker;
    if (d != NULL && !d->ending) {
        if (m->kind == VR_LIVE)
            live_answered(d, m);
        else if (m->kind == VR_KNOWN)
            known_answered(d, m);
        else
            row_written(d, m);
    }
    video_rows_free(m);
}

static void ask_live(struct video_desk *d)
{
    (void)ask(d, video_rows_new(VR_LIVE));
}

static void on_retry(struct sl_timer *t)
{
    ask_live(SL_CONTAINER_OF(t, struct video_desk, retry));
}

struct video_desk *video_desk_new(struct exchange_env *env)
{
    struct video_desk *d = SL_NEW(struct video_desk);
    d->env = env;
    sl_map_init(&d->jobs);
    sl_list_init(&d->all);
    sl_list_init(&d->providers);
    sl_list_init(&d->calls);
    sl_timer_init(&d->retry, on_retry);
    d->hooks = video_hooks_new(env);
    d->keep = video_keep_new(env);
    return d;
}

void video_desk_start(struct video_desk *d)
{
    d->began_ns = sl_loop_wall(d->env->loop);
    ask_live(d);
    video_keep_start(d->keep);
}

void video_desk_end(struct video_desk *d)
{
    if (d == NULL)
        return;
    d->ending = true;
    sl_timer_cancel(d->env->loop, &d->retry);
    video_hooks_end(d->hooks);
    video_keep_end(d->keep);
    SL_LIST_EACH(node, &d->calls)
    {
        struct desk_call *c = SL_CONTAINER_OF(node, struct desk_call, node);
        if (!c->over)
            attempt_cancel(c->attempt, false, NULL);
        end_call(c);
    }
    SL_LIST_EACH(node, &d->all)
    forget(SL_CONTAINER_OF(node, struct desk_job, all));
    SL_LIST_EACH(node, &d->providers)
    {
        struct desk_provider *p = SL_CONTAINER_OF(node, struct desk_provider, node);
        sl_timer_cancel(d->env->loop, &p->timer);
        sl_list_remove(&p->node);
        sl_free(p);
    }
}

void video_desk_free(struct video_desk *d)
{
    if (d == NULL)
        return;
    video_hooks_free(d->hooks);
    video_keep_free(d->keep);
    sl_map_done(&d->jobs);
    sl_free(d);
}
