/* Who is looked at next: so many calls a second and at a time of each provider; its tenants in turn, of each the job that waits
 * longest. */
#include "base/mem.h"
#include "exchange/video_desk_int.h"

#define CALLS_AT_ONCE 8u /* of one provider */

/* ---- turns ---- */

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

void desk_leave(struct desk_job *j, struct sl_list *to)
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
    desk_leave(first, &p->ready);
    return first;
}

/* ---- who is next ---- */

static void on_pump(struct sl_timer *t)
{
    desk_pump(SL_CONTAINER_OF(t, struct desk_provider, timer));
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
    p->filled_ns = desk_now(d);
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

static bool same_account(const struct desk_job *a, const struct desk_job *b)
{
    return memcmp(a->v.credential, b->v.credential, sizeof a->v.credential) == 0;
}

static bool goes_along(const struct desk_call *c, const struct desk_job *j)
{
    return !desk_is_unclear(j) && !j->cancel && j->gone == 0 && same_account(c->jobs[0], j) &&
           j->apart == c->jobs[0]->apart && video_adapter_of(c->at, j->v.target) == c->call.adapter;
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
    unsigned most = c->call.adapter->list_poll_max < DESK_LIST_MAX ? c->call.adapter->list_poll_max : DESK_LIST_MAX,
             before = 0;
    if (c->call.adapter->list_write == NULL || c->jobs[0]->gone > 0)
        return;
    while (c->n > before && c->n < most) {
        before = c->n;
        SL_LIST_EACH(node, &p->ready)
        {
            struct desk_job *j = c->n < most ? fitting(c, SL_CONTAINER_OF(node, struct desk_job, ready)) : NULL;
            if (j == NULL)
                continue;
            desk_leave(j, NULL);
            j->busy = true;
            c->jobs[c->n++] = j;
        }
    }
}

static void start(struct desk_provider *p, struct desk_job *j)
{
    struct video_desk *d = p->desk;
    const struct snapshot_provider *at = configured(d, p);
    struct sl_str authorization = SL_STR_NONE;
    struct sl_buf body;
    if (at == NULL || video_adapter_of(at, j->v.target) == NULL) { /* a reload may bring it back */
        desk_arm(j, DESK_PAUSE_NS);
        return;
    }
    struct desk_call *c = desk_call_new(p, at, j);
    if (!desk_is_unclear(j) && !j->cancel)
        gather(c, p);
    sl_buf_init(&body, VIDEO_ANSWER_BYTES);
    bool can = desk_call_write(c, &body);
    bool ready = can && credential_for(d->env, c->snap, at, &c->a, &authorization);
    if (ready)
        ready = desk_call_send(c, authorization, video_credential_find(d->env, &at->provider, j->v.credential),
                               sl_arena_str(&c->a, sl_buf_str(&body)));
    sl_buf_done(&body);
    if (ready)
        return;
    for (unsigned i = 0; i < c->n; i++) {
        c->jobs[i]->busy = false;
        desk_arm(c->jobs[i], SL_SEC); /* a token is being fetched */
    }
    c->n = 0;
    desk_call_end(c);
    if (!can && desk_is_unclear(j))
        desk_stays_unclear(j);
}

void desk_pump(struct desk_provider *p)
{
    struct video_desk *d = p->desk;
    int64_t now = desk_now(d);
    if (p->pumping || d->ending)
        return;
    p->pumping = true;
    double rate = desk_policy(d)->polls_per_second, most = rate > 1 ? rate : 1;
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

void desk_make_ready(struct desk_job *j)
{
    struct desk_provider *p = provider_of(j->desk, j->v.provider);
    if (j->busy || !sl_list_is_empty(&j->ready))
        return;
    wait_for_turn(&p->ready, j);
    desk_pump(p);
}
