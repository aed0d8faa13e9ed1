/* What a look at a job has brought: news go into its row, the last of them with what the job did cost; or it is looked at later. */
#include "base/die.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/video_desk_int.h"

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

void desk_settle(struct desk_job *j, const struct snapshot_provider *at, const struct video_call *call,
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
        const struct price *price = kept ? &then : model_price(d->env->epoch->prices, at, j->v.target);
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
    desk_write_row(j, m);
}

void desk_fail_job(struct desk_job *j, enum store_video_state s, const char *code, const char *text)
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

bool desk_too_late(const struct desk_job *j, const struct video_adapter *a)
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

void desk_look_later(struct desk_job *j, const struct video_adapter *a)
{
    if (j->once) {
        desk_give_renewals(j);
        desk_forget(j);
    } else if (desk_too_late(j, a)) {
        desk_fail_job(j, STORE_VIDEO_FAILED, "timeout", "The job did not end in time.");
        desk_settle(j, NULL, NULL, NULL, true);
    } else {
        desk_give_renewals(j);
        desk_arm(j, desk_next_wait(j->desk, j));
    }
}

static void renewed(struct desk_job *j, const struct video_adapter *a, const struct video_job *job)
{
    struct sl_buf b;
    if (job->status != VIDEO_COMPLETED) {
        desk_look_later(j, a);
        return;
    }
    struct video_rows *m = video_rows_new(VR_RENEW);
    sl_buf_init(&b, VIDEO_ANSWER_BYTES);
    video_result_write(job, &b);
    j->v.result = sl_arena_str(&j->a, sl_buf_str(&b));
    sl_buf_done(&b);
    j->v.links_ns = links_until(a, job, sl_loop_wall(j->desk->env->loop));
    desk_write_row(j, m);
}

void desk_apply(struct desk_call *c, struct desk_job *j, const struct video_job *job)
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
        desk_look_later(j, a);
        return;
    }
    bool changed = take_news(j, a, job);
    if (changed && (job->status == VIDEO_COMPLETED || job->status == VIDEO_FAILED)) {
        sl_die_at("video_polled");
        struct video_call call;
        video_call_fill(&call, c->at, &j->v, &c->a);
        desk_settle(j, c->at, &call, job, false);
        return;
    }
    bool may = a->cancel == VIDEO_CANCEL_RUNNING || (a->cancel == VIDEO_CANCEL_QUEUED && job->status == VIDEO_QUEUED);
    if (j->cancel && may && a->cancel_write != NULL && j->cancels < 3) {
        j->cancel_now = true;
        desk_arm(j, 1);
        return;
    }
    if (j->unsaid || changed) {
        sl_die_at("video_runs");
        desk_write_row(j, video_rows_new(VR_PUT));
    } else {
        desk_look_later(j, a);
    }
}
