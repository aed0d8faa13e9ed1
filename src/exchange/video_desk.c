/* See video_desk.h.
 *
 *   row ─► job ─► timer ─► ready (of its provider) ─► pump ─► call ─► apply ─► row ─┬─► timer
 *                                                      │                           └─► settled: forgotten
 *                                                      └ so many a second and at a time, tenants in turn
 *
 * Here: the jobs, when each is looked at, their rows. Who is next: video_desk_turns.c; a call: video_desk_call.c; what it brought:
 * video_desk_look.c; a create that nobody answered: video_desk_unclear.c. */
#include "exchange/video_desk.h"

#include "base/die.h"
#include "base/log.h"
#include "base/mem.h"
#include "exchange/video_desk_int.h"

static void on_answer(struct video_rows *m, void *receiver);

/* ---- time ---- */

void desk_arm(struct desk_job *j, int64_t wait_ns)
{
    struct video_desk *d = j->desk;
    if (j->poked)
        wait_ns = SL_MS;
    j->poked = false;
    int64_t fifth = wait_ns / 5;
    int64_t jitter = fifth > 0 ? (int64_t)sl_rand_below(&d->env->loop->rand, (uint64_t)(2 * fifth)) - fifth : 0;
    sl_timer_arm(d->env->loop, &j->timer, desk_now(d) + wait_ns + jitter);
}

static const struct video_adapter *adapter_of(const struct video_desk *d, const struct store_video *v)
{
    const struct snapshot *s = d->env->epoch->snapshot;
    for (size_t i = 0; i < s->n_providers; i++)
        if (sl_str_eq(s->providers[i].provider.name, v->provider))
            return video_adapter_of(&s->providers[i], v->target);
    return NULL;
}

static int64_t first_wait(const struct video_desk *d, const struct desk_job *j)
{
    const struct videos_policy *set = desk_policy(d);
    const struct video_adapter *a = adapter_of(d, &j->v);
    if (set->poll_first_ns > 0)
        return set->poll_first_ns;
    return a != NULL && a->poll_first_ns > 0 ? a->poll_first_ns : 5 * SL_SEC;
}

int64_t desk_next_wait(const struct video_desk *d, struct desk_job *j)
{
    const struct videos_policy *set = desk_policy(d);
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

struct desk_job *desk_find(const struct video_desk *d, struct sl_str id)
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

static void on_due(struct sl_timer *t)
{
    struct desk_job *j = SL_CONTAINER_OF(t, struct desk_job, timer);
    if (j->desk->ending)
        return;
    desk_make_ready(j);
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

void desk_give_renewals(struct desk_job *j)
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

void desk_forget(struct desk_job *j)
{
    struct video_desk *d = j->desk;
    desk_give_renewals(j);
    sl_timer_cancel(d->env->loop, &j->timer);
    desk_leave(j, NULL);
    sl_list_remove(&j->all);
    (void)sl_map_remove(&d->jobs, j->v.id);
    sl_arena_done(&j->a);
    d->n--;
    sl_free(j);
}

/* ---- the keeper ---- */

bool desk_ask(struct video_desk *d, struct video_rows *m)
{
    m->asker = d;
    m->done = on_answer;
    if (d->env->videos_ask(d->env->owner, m))
        return true;
    video_rows_free(m);
    return false;
}

void desk_write_row(struct desk_job *j, struct video_rows *m)
{
    struct video_desk *d = j->desk;
    store_video_copy(&m->v, &j->v, &m->a);
    m->synced = m->v.settled;
    if (m->v.settled && m->kind == VR_PUT)
        m->has_copy = video_keep_wants(d->env, &m->v, &m->copy);
    j->busy = true;
    if (!desk_ask(d, m)) /* the process ends: the next one begins with the row as it was */
        j->busy = false;
}

static void row_written(struct video_desk *d, const struct video_rows *m)
{
    struct desk_job *j = desk_find(d, m->v.id);
    if (j == NULL)
        return;
    j->busy = false;
    j->unsaid = m->found == VF_FAILED;
    if (j->unsaid && m->kind == VR_PUT) { /* looked at again, and written again */
        j->v.settled = false;
        desk_arm(j, 5 * SL_SEC);
        return;
    }
    if (m->v.settled)
        sl_die_at("video_settled");
    if (m->has_settles && m->found == VF_OK)
        budget_correct(d->env, m->settles.tenant, m->settles.opened_ns, m->settles.estimate_cost_p, m->settles.cost_p);
    if (m->has_copy && m->found == VF_OK)
        video_keep_poke(d->keep);
    desk_give_renewals(j);
    if (j->v.settled && m->kind == VR_PUT && m->found == VF_OK && m->v.hook_due_ns > 0)
        video_hooks_add(d->hooks, &m->v);
    if (j->v.settled || m->found == VF_NONE)
        desk_forget(j);
    else
        desk_arm(j, desk_next_wait(d, j));
}

/* ---- from outside ---- */

static void look_now(struct desk_job *j)
{
    j->poked = j->busy;
    if (!j->busy)
        desk_make_ready(j);
}

void video_desk_take(struct video_desk *d, const struct store_video *v, bool deleted, bool written)
{
    struct desk_job *j = desk_find(d, v->id);
    if (deleted && !d->ending)
        video_keep_poke(d->keep);
    if (v->settled || d->ending)
        return;
    if (j == NULL) {
        j = add(d, v);
        desk_arm(j, desk_is_unclear(j) ? desk_look_wait(j) : first_wait(d, j));
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
    struct desk_job *j = desk_find(d, m->id);
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
    desk_make_ready(j);
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
        sl_timer_arm(d->env->loop, &d->retry, desk_now(d) + SL_SEC);
        return;
    }
    for (size_t i = 0; i < m->n_rows; i++) {
        const struct store_video *v = &m->rows[i];
        if (v->settled && v->hook_due_ns > 0)
            video_hooks_add(d->hooks, v);
        bool mine = v->state == STORE_VIDEO_SUBMITTING && v->sent_ns >= d->began_ns; /* an exchange is at it */
        if (v->settled || mine || desk_find(d, v->id) != NULL)
            continue;
        struct desk_job *j = add(d, &m->rows[i]);
        j->cancel = j->v.deleted || j->v.state == STORE_VIDEO_CANCELLED;
        /* Spread out, so that a thousand jobs are not asked for at once. */
        desk_arm(j, desk_is_unclear(j)
                        ? desk_look_wait(j)
                        : (int64_t)sl_rand_below(&d->env->loop->rand, (uint64_t)desk_next_wait(d, j)) + SL_MS);
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
            desk_known_answered(d, m);
        else
            row_written(d, m);
    }
    video_rows_free(m);
}

static void ask_live(struct video_desk *d)
{
    (void)desk_ask(d, video_rows_new(VR_LIVE));
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
        desk_call_end(c);
    }
    SL_LIST_EACH(node, &d->all)
    desk_forget(SL_CONTAINER_OF(node, struct desk_job, all));
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
