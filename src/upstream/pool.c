/* What one worker keeps for reuse, and its way to the shelf and back.
 *
 * A kept HTTP/1 connection is in two lists: its origin's (newest first: the warmest is reused, the rest may age) and the
 * worker's (oldest first: what the sweep looks at). It stays registered for READABLE, so a close or a stray byte ends it at
 * once. The sweep runs once a second while there is anything to sweep, and not at all otherwise. */
#include "base/mem.h"
#include "upstream/shelf.h"
#include "upstream/upstream_int.h"

#define SWEEP_NS SL_SEC

/* ---- origins ---- */

static struct pool_origin **bucket_of(struct upstream *u, uint64_t id)
{
    return &u->buckets[(id ^ (id >> 32)) % POOL_BUCKETS];
}

static struct pool_origin *origin_find(struct upstream *u, uint64_t id)
{
    struct pool_origin *o = *bucket_of(u, id);
    while (o != NULL && o->id != id)
        o = o->next;
    return o;
}

struct pool_origin *pool_origin_get(struct upstream *u, uint64_t id)
{
    struct pool_origin *o = origin_find(u, id);
    if (o == NULL) {
        o = SL_NEW(struct pool_origin);
        o->id = id;
        sl_list_init(&o->idle);
        sl_list_init(&o->sessions);
        sl_list_init(&o->waiting);
        o->next = *bucket_of(u, id);
        *bucket_of(u, id) = o;
    }
    o->retired = false;
    return o;
}

void pool_origin_use(struct pool_origin *o)
{
    o->users++;
}

static void origin_free(struct upstream *u, struct pool_origin *o)
{
    struct pool_origin **at = bucket_of(u, o->id);
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    sl_free(o);
}

void pool_origin_unuse(struct upstream *u, struct pool_origin *o)
{
    SL_CHECK(o->users > 0);
    if (--o->users == 0 && o->retired)
        origin_free(u, o);
}

void pool_wake_waiting(struct pool_origin *o)
{
    struct sl_list *node;
    while ((node = sl_list_take_head(&o->waiting)) != NULL)
        attempt_post(SL_CONTAINER_OF(node, struct attempt, node), TODO_PICK);
}

/* ---- keeping ---- */

void pool_remove(struct up_conn *c)
{
    if (!sl_list_is_empty(&c->by_age)) {
        sl_list_remove(&c->by_age);
        c->origin->n_idle--;
        c->up->n_idle--;
        STAT_ADD(c->up, idle, -1);
    }
    sl_list_remove(&c->at_origin);
}

/* To the shelf; false: it cannot go there and stays where it is. */
static bool shelve(struct up_conn *c)
{
    struct upstream *u = c->up;
    struct shelf_item item = {.idle_since_ns = c->idle_since_ns, .expires_ns = c->idle_since_ns + c->idle_ns};
    if (u->shelf == NULL || !tls_stream_is_idle(&c->stream))
        return false;
    tls_stream_detach(&c->stream, &item.parked);
    if (shelf_put(u->shelf, c->origin->id, &item))
        STAT(u, shelf_puts);
    else
        tls_parked_close(&item.parked);
    conn_close(c, CONN_CLOSE_ORDERLY);
    return true;
}

static bool too_old(const struct up_conn *c, int64_t now)
{
    return now - c->idle_since_ns >= c->idle_ns;
}

void pool_put(struct up_conn *c)
{
    struct upstream *u = c->up;
    struct pool_origin *o = c->origin;
    if (o->retired || c->idle_ns <= 0 || (c->max_idle == 0 && u->shelf == NULL)) {
        conn_close(c, CONN_CLOSE_ORDERLY);
        return;
    }
    c->phase = CONN_IDLE;
    c->reused = true;
    c->idle_since_ns = sl_loop_now(u->loop);
    c->idle_turn = u->loop->turns;
    sl_list_add_head(&o->idle, &c->at_origin);
    sl_list_add_tail(&u->idle, &c->by_age);
    o->n_idle++;
    u->n_idle++;
    STAT_ADD(u, idle, 1);
    conn_want(c);
    if (o->n_idle > c->max_idle) {
        struct up_conn *oldest = SL_CONTAINER_OF(o->idle.prev, struct up_conn, at_origin);
        if (!shelve(oldest))
            conn_close(oldest, CONN_CLOSE_ORDERLY);
    }
    pool_sweep_arm(u);
}

/* Nothing may come while nobody asks: bytes that are there are somebody's attempt to answer the next request. TLS has
 * records of its own (session tickets) that may arrive now. */
static enum sl_io look(struct up_conn *c)
{
    char stray;
    size_t n;
    return tls_stream_read(&c->stream, &stray, 1, &n);
}

void pool_on_idle_event(struct up_conn *c)
{
    enum sl_io r = look(c);
    if (r == SL_IO_AGAIN) {
        conn_want(c);
        return;
    }
    if (r == SL_IO_OK)
        STAT(c->up, poisoned);
    else
        STAT(c->up, closed_idle);
    conn_close(c, r == SL_IO_OK ? CONN_CLOSE_RESET : CONN_CLOSE_ORDERLY);
}

/* ---- taking ---- */

/* A kept connection is watched: whatever came for it before this turn's poll has been told (pool_on_idle_event). Asking the
 * socket once more is only worth its system call when the turn has grown long. */
static bool was_just_polled(const struct sl_loop *l)
{
    return sl_loop_now(l) - l->turn_began_ns < SL_MS;
}

static bool is_reusable(struct up_conn *c, int64_t now, bool watched)
{
    if (too_old(c, now)) {
        STAT(c->up, closed_idle);
        return false;
    }
    if ((watched && c->idle_turn != c->up->loop->turns && was_just_polled(c->up->loop)) ||
        tls_stream_is_idle(&c->stream))
        return true;
    enum sl_io r = look(c);
    if (r == SL_IO_AGAIN)
        return true;
    if (r == SL_IO_OK)
        STAT(c->up, poisoned);
    else
        STAT(c->up, stale);
    return false;
}

static struct up_conn *take_shelved(struct upstream *u, struct pool_origin *o, const struct upstream_origin *at)
{
    struct shelf_item item;
    while (u->shelf != NULL && shelf_take(u->shelf, o->id, sl_loop_now(u->loop), &item)) {
        struct up_conn *c = conn_new(u, o);
        STAT(u, shelf_takes);
        c->idle_since_ns = item.idle_since_ns;
        c->idle_ns = at->idle_ns;
        c->max_idle = at->max_idle;
        c->reused = true;
        if (tls_stream_attach(u->loop, &c->stream, &item.parked) == SL_OK &&
            is_reusable(c, sl_loop_now(u->loop), false))
            return c;
        conn_close(c, CONN_CLOSE_ORDERLY);
    }
    return NULL;
}

/* The newest, so that those beyond what the load needs grow old. One that was kept within this turn no poll has looked at, and
 * the socket would have to be asked: then the oldest. */
static struct up_conn *next_idle(const struct pool_origin *o, const struct sl_loop *l)
{
    struct up_conn *newest = SL_CONTAINER_OF(o->idle.next, struct up_conn, at_origin);
    return newest->idle_turn != l->turns ? newest : SL_CONTAINER_OF(o->idle.prev, struct up_conn, at_origin);
}

struct up_conn *pool_take_h1(struct upstream *u, struct pool_origin *o, const struct upstream_origin *at)
{
    while (!sl_list_is_empty(&o->idle)) {
        struct up_conn *c = next_idle(o, u->loop);
        pool_remove(c);
        if (is_reusable(c, sl_loop_now(u->loop), true))
            return c;
        conn_close(c, CONN_CLOSE_ORDERLY);
    }
    return take_shelved(u, o, at);
}

struct up_conn *pool_find_h2(struct pool_origin *o)
{
    SL_LIST_EACH(node, &o->sessions)
    {
        struct up_conn *c = SL_CONTAINER_OF(node, struct up_conn, at_origin);
        if (!c->no_more && h2_session_stream_room(c->h2) > 0)
            return c;
    }
    return NULL;
}

/* ---- the sweep ---- */

static void sweep_idle(struct upstream *u, int64_t now)
{
    SL_LIST_EACH(node, &u->idle)
    {
        struct up_conn *c = SL_CONTAINER_OF(node, struct up_conn, by_age);
        if (now - c->idle_since_ns < u->limits.local_idle_ns)
            return;
        if (too_old(c, now)) {
            STAT(u, closed_idle);
            conn_close(c, CONN_CLOSE_ORDERLY);
        } else {
            shelve(c);
        }
    }
}

static void close_unused_sessions(struct upstream *u, struct pool_origin *o, int64_t now)
{
    pool_origin_use(o); /* closing the last connection of a retired origin must not free it here */
    SL_LIST_EACH(node, &o->sessions)
    {
        struct up_conn *c = SL_CONTAINER_OF(node, struct up_conn, at_origin);
        if (h2_session_streams(c->h2) == 0 && (o->retired || too_old(c, now)))
            conn_close(c, CONN_CLOSE_ORDERLY);
    }
    pool_origin_unuse(u, o);
}

static void sweep_sessions(struct upstream *u, int64_t now)
{
    for (unsigned b = 0; b < POOL_BUCKETS && u->n_sessions > 0; b++) {
        for (struct pool_origin *o = u->buckets[b], *next; o != NULL; o = next) {
            next = o->next;
            close_unused_sessions(u, o, now);
        }
    }
}

static void on_sweep(struct sl_timer *timer)
{
    struct upstream *u = SL_CONTAINER_OF(timer, struct upstream, sweep);
    int64_t now = sl_loop_now(u->loop);
    sweep_idle(u, now);
    sweep_sessions(u, now);
    if (u->shelf != NULL)
        shelf_sweep(u->shelf, now);
    pool_sweep_arm(u);
}

void pool_sweep_init(struct upstream *u)
{
    sl_timer_init(&u->sweep, on_sweep);
}

void pool_sweep_arm(struct upstream *u)
{
    bool anything = u->n_idle > 0 || u->n_sessions > 0 || upstream_shelf_count(u->shelf) > 0;
    if (anything && !sl_timer_is_armed(&u->sweep))
        sl_timer_arm(u->loop, &u->sweep, sl_loop_now(u->loop) + SWEEP_NS);
}

void upstream_retire_origin(struct upstream *u, uint64_t id)
{
    struct pool_origin *o = origin_find(u, id);
    if (u->shelf != NULL)
        shelf_drop_origin(u->shelf, id);
    if (o == NULL)
        return;
    pool_origin_use(o);
    o->retired = true;
    SL_LIST_EACH(node, &o->idle)
    conn_close(SL_CONTAINER_OF(node, struct up_conn, at_origin), CONN_CLOSE_ORDERLY);
    SL_LIST_EACH(node, &o->sessions)
    SL_CONTAINER_OF(node, struct up_conn, at_origin)->no_more = true;
    close_unused_sessions(u, o, sl_loop_now(u->loop));
    pool_origin_unuse(u, o);
}
