/* The motor of the exchange: opening, waking, running, changing state, deadlines, ending.
 *
 *   listen: on_request ─► exchange_open ─► run(IDENTIFY ...) ─► WAIT ... wake ─► run ... ─► DONE ─► freed at end of turn
 *
 * Nothing runs nested, with one exception: on_request runs the new exchange at once. It is safe because the exchange is
 * brand new and the stream's calls never call back; and it saves copying the first bytes of every body, which follow the
 * head in the connection's read buffer. */
#include "base/mem.h"
#include "exchange/exchange_int.h"

#define FREE_EXCHANGES_MAX 512u
#define LINES_MAX (1u << 20) /* access records waiting in a worker */

static void on_task(struct sl_task *t);
static void exchange_run(struct exchange *x);
static void on_deadline(struct sl_timer *t);

/* ---- environment ---- */

struct epoch *epoch_new(struct snapshot *s, struct key_table *k, struct price_catalog *p)
{
    struct epoch *e = SL_NEW(struct epoch);
    *e = (struct epoch){.refs = 1, .snapshot = s, .keys = k, .prices = p};
    return e;
}

void epoch_unref(struct epoch *e)
{
    if (e == NULL || --e->refs > 0)
        return;
    snapshot_unref(e->snapshot);
    key_table_unref(e->keys);
    price_catalog_unref(e->prices);
    route_scripts_free(e->scripts);
    sl_free(e);
}

struct route_scripts *epoch_scripts(struct epoch *e)
{
    const struct snapshot *s = e->snapshot;
    if (e->scripts == NULL && s->n_scripts > 0) {
        struct sl_fail fail = {0};
        enum sl_err err = route_scripts_new(s->scripts, s->n_scripts, &e->scripts, &fail);
        SL_CHECK(err == SL_OK); /* it was compiled when the snapshot was built */
    }
    return e->scripts;
}

void exchange_env_init(struct exchange_env *e, struct sl_loop *l)
{
    *e = (struct exchange_env){.loop = l};
    sl_list_init(&e->live);
    queue_init(e);
    pressure_init(e);
    sl_list_init(&e->credential_waits);
    sl_list_init(&e->credential_fetches);
    sl_buf_init(&e->lines, LINES_MAX);
}

void exchange_env_done(struct exchange_env *e)
{
    SL_CHECK(e->n_live == 0);
    queue_done(e);
    pressure_done(e);
    while (e->free_list != NULL) {
        struct exchange *x = e->free_list;
        e->free_list = (struct exchange *)(void *)x->node.next;
        sl_free(x);
    }
    epoch_unref(e->epoch);
    e->epoch = NULL;
    sl_buf_done(&e->lines);
}

void exchange_env_set_epoch(struct exchange_env *e, struct epoch *takes)
{
    epoch_unref(e->epoch);
    e->epoch = takes;
    pressure_settings(e);
}

unsigned exchange_live(const struct exchange_env *env)
{
    return env->n_live;
}

/* ---- crash report ---- */

static _Thread_local struct exchange *running;

const char *exchange_running_state(void)
{
    return running != NULL && running->magic == EXCHANGE_MAGIC ? exchange_rows[running->state].name : "";
}

/* ---- opening and ending ---- */

static struct exchange *take(struct exchange_env *env)
{
    struct exchange *x = env->free_list;
    if (x == NULL)
        return SL_NEW(struct exchange);
    env->free_list = (struct exchange *)(void *)x->node.next;
    env->n_free--;
    memset(x, 0, sizeof *x);
    return x;
}

static void give_back(struct sl_ended *e)
{
    struct exchange *x = SL_CONTAINER_OF(e, struct exchange, ended);
    struct exchange_env *env = x->env;
    x->magic = 0;
    if (env->n_free >= FREE_EXCHANGES_MAX) {
        sl_free(x);
        return;
    }
    x->node.next = (struct sl_list *)(void *)env->free_list;
    env->free_list = x;
    env->n_free++;
}

static void *exchange_open(void *app, struct http_stream *s, const struct http_request *r)
{
    struct exchange_env *env = app;
    struct exchange *x = take(env);
    x->magic = EXCHANGE_MAGIC;
    x->env = env;
    x->epoch = env->epoch;
    x->epoch->refs++;
    x->snap = x->epoch->snapshot;
    x->stream = s;
    x->req = r;
    x->a = s->arena;
    x->began_ns = s->began_ns;
    x->state_since_ns = sl_loop_now(env->loop);
    x->wall_ns = sl_loop_wall(env->loop) - (sl_loop_now(env->loop) - s->began_ns);
    x->total_due_ns = s->began_ns + x->snap->deadlines.total_due_ns;
    x->deadline_due_ns = x->soft_due_ns = SL_NEVER;
    x->first_token_ns = -1;
    x->id = sl_id_make(x->wall_ns, &env->loop->rand);
    x->inside = env->inside != NULL;
    if (x->inside) {
        x->key = env->inside->key;
        x->stored.provider = env->inside->provider;
        x->stored.credential = env->inside->credential;
    }
    sl_task_init(&x->task, on_task);
    sl_timer_init(&x->deadline, on_deadline);
    sl_list_init(&x->node);
    sl_chunks_init(&x->body, 0, env->chunks);
    sl_chunks_init(&x->held, 0, env->chunks);
    sl_list_add_tail(&env->live, &x->node);
    env->n_live++;
    tel_gauge_add(env->tel, TEL_IN_FLIGHT, 1);
    terms_begin(x);
    x->state = XS_IDENTIFY;
    x->events = EV_START;
    exchange_run(x);
    return x;
}

/* DONE: nothing may refer to x after this turn. */
enum step step_done(struct exchange *x)
{
    struct exchange_env *env = x->env;
    SL_CHECK(x->settled && x->attempt == NULL && !x->admitted && !x->credential_wait);
    sl_timer_cancel(env->loop, &x->deadline);
    sl_task_cancel(&x->task);
    body_decoder_free(x->decoder);
    pressure_forget(x);
    sl_chunks_done(&x->body);
    bodies_drop(x);
    sl_chunks_done(&x->held);
    http_stream_release(x->stream);
    x->stream = NULL;
    x->req = NULL;
    x->a = NULL;
    epoch_unref(x->epoch);
    x->epoch = NULL;
    sl_list_remove(&x->node);
    env->n_live--;
    tel_gauge_add(env->tel, TEL_IN_FLIGHT, -1);
    sl_end(env->loop, &x->ended, give_back);
    return STEP_OVER;
}

void exchange_drain(struct exchange_env *env)
{
    SL_LIST_EACH(node, &env->live)
    {
        struct exchange *x = SL_CONTAINER_OF(node, struct exchange, node);
        if (x->state == XS_SESSION || session_is_upgraded(x))
            exchange_wake(x, EV_ROOM); /* looks at everything */
    }
}

void exchange_end_all(struct exchange_env *env)
{
    credential_end_all(env);
    SL_LIST_EACH(node, &env->live)
    {
        struct exchange *x = SL_CONTAINER_OF(node, struct exchange, node);
        x->gone = true;
        x->gone_why = HTTP_GONE_SHUTDOWN;
        exchange_wake(x, EV_GONE);
    }
}

/* ---- news ---- */

void exchange_wake(struct exchange *x, unsigned event)
{
    SL_DCHECK(x->magic == EXCHANGE_MAGIC);
    x->events |= event;
    sl_task_post(x->env->loop, &x->task);
}

static void on_task(struct sl_task *t)
{
    struct exchange *x = SL_CONTAINER_OF(t, struct exchange, task);
    exchange_run(x);
}

static void on_room(void *arg)
{
    exchange_wake(arg, EV_ROOM);
}

static void on_gone(void *arg, enum http_gone why)
{
    struct exchange *x = arg;
    if ((x->stored.run || video_goes_on(x)) && why != HTTP_GONE_SHUTDOWN && why != HTTP_GONE_BODY_SLOW) {
        exchange_wake(x, EV_ROOM);
        return;
    }
    if (why == HTTP_GONE_BODY_SLOW && x->upload != NULL) {
        uploads_late(x);
        return;
    }
    if (why != HTTP_GONE_BODY_SLOW) {
        x->gone = true;
        x->gone_why = why;
    }
    exchange_wake(x, why == HTTP_GONE_BODY_SLOW ? EV_DEADLINE : EV_GONE);
}

void exchange_synced(struct exchange *x, bool ok)
{
    if (!ok)
        x->sync_failed = true;
    exchange_wake(x, EV_SYNCED);
}

/* ---- deadlines ---- */

static int64_t due_of(const struct exchange *x, enum deadline_kind kind)
{
    int64_t now = sl_loop_now(x->env->loop);
    switch (kind) {
    case DL_NONE:
        return SL_NEVER;
    case DL_PAUSE:
        return now + x->pause_ns;
    case DL_QUEUE:
        return now + x->snap->set.queue_ns;
    case DL_WRITE:
        return now + x->snap->set.write_ns;
    case DL_SETTLE:
        return now + x->snap->set.settle_ns;
    case DL_TOTAL:
        break;
    }
    return x->total_due_ns;
}

static int64_t wanted(const struct exchange *x)
{
    return x->state_due_ns < x->soft_due_ns ? x->state_due_ns : x->soft_due_ns;
}

static void arm_timer(struct exchange *x, int64_t due)
{
    x->deadline_due_ns = due;
    sl_timer_arm(x->env->loop, &x->deadline, due);
}

/* One timer per exchange: armed for what ends first. It is moved only when something ends earlier; when it fires early, it
 * looks again. So a usual request arms it once or twice, and an event of a stream never. */
static void arm_deadline(struct exchange *x)
{
    enum deadline_kind kind = exchange_rows[x->state].deadline;
    if (x->deadline_kind != kind) { /* a wake that was not what we wait for does not move the end of the wait */
        x->deadline_kind = kind;
        x->state_due_ns = due_of(x, kind);
    }
    int64_t due = wanted(x);
    if (x->deadline_due_ns == SL_NEVER || due < x->deadline_due_ns)
        arm_timer(x, due);
}

static void on_deadline(struct sl_timer *t)
{
    struct exchange *x = SL_CONTAINER_OF(t, struct exchange, deadline);
    int64_t now = sl_loop_now(x->env->loop);
    x->deadline_due_ns = SL_NEVER;
    if (now >= x->total_due_ns)
        x->timed_out = true;
    if (now < wanted(x)) {
        arm_timer(x, wanted(x));
        return;
    }
    exchange_wake(x, EV_DEADLINE);
}

/* ---- states ---- */

void exchange_goto(struct exchange *x, enum exchange_state to)
{
    int64_t now = sl_loop_now(x->env->loop);
    SL_CHECK(exchange_may_go(x->state, to));
    x->state_ns[x->state] += now - x->state_since_ns;
    x->state_since_ns = now;
    if (exchange_rows[to].deadline != DL_TOTAL)
        x->deadline_kind = DL_NONE; /* counted from the entry into the state */
    if (x->state == XS_TRY && to != XS_TRY)
        hedge_end(x);
    x->history[x->n_history++ % EXCHANGE_HISTORY] = (uint8_t)x->state;
    x->state = to;
}

static void check_waiting(const struct exchange *x)
{
    (void)x; /* a release build has no checks here */
    SL_DCHECK(x->deadline_due_ns != SL_NEVER);
    SL_DCHECK(sl_timer_is_armed(&x->deadline));
    SL_DCHECK(x->state != XS_TRY || x->attempt != NULL || x->sync_wait || x->credential_wait || video_waits(x));
    SL_DCHECK(x->state != XS_SETTLE || x->sync_wait || x->stored.waiting != NULL);
    SL_DCHECK(x->state != XS_RECALL || x->stored.waiting != NULL || video_waits(x) || here_waits(x));
}

static void exchange_run(struct exchange *x)
{
    running = x;
    for (;;) {
        SL_CHECK(x->magic == EXCHANGE_MAGIC && x->state < XS_COUNT);
        enum step r = exchange_rows[x->state].step(x);
        if (r == STEP_OVER)
            break;
        if (r == STEP_GO)
            continue;
        pressure_note(x);
        arm_deadline(x);
        check_waiting(x);
        break;
    }
    running = NULL;
}

void exchange_ends(struct exchange *x, enum access_side by, struct sl_str why)
{
    if (x->ended_by != ACCESS_NOBODY)
        return;
    x->ended_by = by;
    x->ended_in = x->state;
    x->ended_why = why;
}

enum step exchange_client_gone(struct exchange *x)
{
    exchange_ends(x, x->gone_why == HTTP_GONE_SHUTDOWN ? ACCESS_GATEWAY : ACCESS_CLIENT,
                  x->gone_why == HTTP_GONE_STALLED    ? SL_STR("client_stalled")
                  : x->gone_why == HTTP_GONE_SHUTDOWN ? SL_STR("shutdown")
                  : x->gone_why == HTTP_GONE_PROTOCOL ? SL_STR("client_protocol")
                                                      : SL_STR("client_gone"));
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

enum step exchange_refuse_with(struct exchange *x, const struct error_facts *f)
{
    exchange_ends(x, ACCESS_GATEWAY, gateway_error_row(f->error)->code);
    if (x->committed) /* in front of another target that was to go on with a stream */
        return relay_fail(x, f);
    x->refusal = *f;
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

enum step exchange_refuse_full(struct exchange *x)
{
    tel_refuse(x->env->tel, TEL_WHY_OVERLOAD);
    return exchange_refuse_with(
        x, &(struct error_facts){.error = GE_OVERLOADED,
                                 .retry_after_ns = limit_hint_ns(x->env->gate, x->env->took_ns, x->id.lo)});
}

enum step exchange_refuse(struct exchange *x, enum gateway_error error)
{
    return exchange_refuse_with(x, &(struct error_facts){.error = error});
}

const struct http_app exchange_app = {
    .on_request = exchange_open,
    .on_body = exchange_on_body,
    .on_room = on_room,
    .on_gone = on_gone,
};
