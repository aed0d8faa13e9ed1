/* The attempt's state machine. Called by the exchange (attempt.h) and, inward, by dial.c, conn.c and conn_h2.c, which tell
 * what happened; what it means for the attempt is decided here.
 *
 *        +--------------------------- free try ---------------------------+
 *        v                                                                |
 *      PICK --> RESOLVE --> CONNECT --> HANDSHAKE --> SEND --> HEAD --> BODY --> OVER
 *        |                     ^                       ^
 *        |---- waits for a session somebody dials -----|   (each state but OVER may go to OVER)
 *        +--------- a connection that was kept --------+
 *
 * Invariants: attempt_goto is the only writer of the state. One timer serves all deadlines: it is armed for the earliest
 * and looks again when it fires, so that "between" costs an assignment per piece and no timer work. The owner is called
 * from the loop only (events, tasks, timers): what ends inside attempt_start is reported by the task. on_over is the last
 * that happens to an attempt; nothing here touches it afterwards. */
#include "upstream/attempt.h"

#include "upstream/upstream_int.h"

static void on_timer(struct sl_timer *timer);
static void on_task(struct sl_task *task);
static void pick(struct attempt *t);

/* ---- states ---- */

#define BIT(s) (1u << (s))

static const struct {
    const char *name;
    unsigned may_go; /* bits of states */
} states[] = {
    [AS_PICK] = {"pick", BIT(AS_RESOLVE) | BIT(AS_CONNECT) | BIT(AS_SEND) | BIT(AS_OVER)},
    [AS_RESOLVE] = {"resolve", BIT(AS_CONNECT) | BIT(AS_OVER)},
    [AS_CONNECT] = {"connect", BIT(AS_PICK) | BIT(AS_HANDSHAKE) | BIT(AS_SEND) | BIT(AS_OVER)},
    [AS_HANDSHAKE] = {"handshake", BIT(AS_SEND) | BIT(AS_OVER)},
    [AS_SEND] = {"send", BIT(AS_PICK) | BIT(AS_HEAD) | BIT(AS_BODY) | BIT(AS_OVER)},
    [AS_HEAD] = {"head", BIT(AS_PICK) | BIT(AS_BODY) | BIT(AS_OVER)},
    [AS_BODY] = {"body", BIT(AS_OVER)},
    [AS_OVER] = {"over", 0},
};
_Static_assert(sizeof states / sizeof states[0] == AS_OVER + 1, "a state without a row");

const char *attempt_state_name(enum attempt_state s)
{
    SL_CHECK((unsigned)s <= AS_OVER);
    return states[s].name;
}

static int64_t state_deadline_ns(const struct attempt *t, enum attempt_state s)
{
    const struct attempt_deadlines *d = &t->req.deadlines;
    switch (s) {
    case AS_RESOLVE:
    case AS_CONNECT:
        return d->connect_ns;
    case AS_HANDSHAKE:
        return d->tls_ns;
    case AS_SEND:
        return t->req.streamed && t->stream_body.n == 0 ? 0 : d->send_ns;
    case AS_HEAD:
        return d->first_byte_ns;
    case AS_BODY:
        return t->held ? 0 : d->between_ns;
    case AS_PICK:
    case AS_OVER:
        break;
    }
    return 0;
}

static void restart_deadline(struct attempt *t)
{
    int64_t ns = state_deadline_ns(t, t->state);
    t->state_due_ns = ns > 0 ? sl_loop_now(t->up->loop) + ns : SL_NEVER;
    attempt_rearm(t);
}

/* The only writer of t->state. */
void attempt_goto(struct attempt *t, enum attempt_state to)
{
    int64_t us = (sl_loop_now(t->up->loop) - t->since_ns) / SL_US;
    SL_CHECK(t->magic == ATTEMPT_MAGIC && (states[t->state].may_go & BIT(to)) != 0);
    t->result.state_us[t->state] += us;
    t->since_ns += us * SL_US;
    t->state = to;
    restart_deadline(t);
}

/* ---- time ---- */

static int64_t total_due(const struct attempt *t)
{
    return t->req.deadlines.total_due_ns > 0 ? t->req.deadlines.total_due_ns : SL_NEVER;
}

void attempt_rearm(struct attempt *t)
{
    int64_t due = total_due(t);
    if (t->state_due_ns < due)
        due = t->state_due_ns;
    if (t->dial.next_due_ns < due)
        due = t->dial.next_due_ns;
    if (t->is_over || due >= t->timer_ns) /* a later one is found when the timer fires */
        return;
    t->timer_ns = due;
    sl_timer_arm(t->up->loop, &t->timer, due);
}

static void state_timed_out(struct attempt *t)
{
    switch (t->state) {
    case AS_RESOLVE:
        attempt_over(t, OUT_RESOLVE_FAILED, "name lookup timed out");
        return;
    case AS_CONNECT:
        if (t->dial.n_conns > 0 && t->dial.conns[0] != NULL && t->dial.conns[0]->phase == CONN_PROXY)
            attempt_over(t, OUT_PROXY_FAILED, "the proxy did not answer in time");
        else
            attempt_over(t, OUT_CONNECT_TIMEOUT, "connect timed out");
        return;
    case AS_HANDSHAKE:
        attempt_over(t, OUT_TLS_TIMEOUT, "TLS handshake timed out");
        return;
    case AS_SEND:
        attempt_over(t, OUT_SEND_TIMEOUT, "the request was not taken in time");
        return;
    case AS_HEAD:
        attempt_over(t, OUT_FIRST_BYTE_TIMEOUT,
                     t->result.first_byte_us < 0 ? "no answer in time" : "the head was not whole in time");
        return;
    case AS_BODY:
        attempt_over(t, OUT_BETWEEN_TIMEOUT, "the answer stalled");
        return;
    case AS_PICK:
    case AS_OVER:
        break;
    }
    SL_CHECK(false);
}

static void on_timer(struct sl_timer *timer)
{
    struct attempt *t = SL_CONTAINER_OF(timer, struct attempt, timer);
    int64_t now = sl_loop_now(t->up->loop);
    SL_CHECK(t->magic == ATTEMPT_MAGIC && !t->is_over);
    t->timer_ns = SL_NEVER;
    if (total_due(t) <= now) {
        attempt_over(t, OUT_TOTAL_TIMEOUT, "total deadline passed");
        return;
    }
    if (t->state_due_ns <= now) {
        if (t->conn != NULL && t->conn->h2 != NULL)
            conn_doubt_h2(t->conn);
        state_timed_out(t);
        return;
    }
    attempt_rearm(t);
    if (t->dial.next_due_ns <= now)
        dial_next_address(t); /* t may be gone */
}

/* ---- starting ---- */

struct attempt *attempt_start(struct upstream *u, struct sl_arena *a, const struct attempt_request *r,
                              const struct attempt_owner *owner, void *owner_arg)
{
    struct attempt *t = SL_ARENA_NEW(a, struct attempt);
    t->magic = ATTEMPT_MAGIC;
    t->up = u;
    t->arena = a;
    t->req = *r;
    t->owner = owner;
    t->owner_arg = owner_arg;
    t->result.first_byte_us = -1;
    t->result.detail = "";
    t->began_ns = t->since_ns = sl_loop_now(u->loop);
    t->timer_ns = t->state_due_ns = t->dial.next_due_ns = SL_NEVER;
    for (int i = 0; i < r->n_body; i++)
        t->body_n += r->body[i].iov_len;
    sl_list_init(&t->node);
    sl_list_init(&t->dial.wait.node);
    sl_task_init(&t->task, on_task);
    sl_timer_init(&t->timer, on_timer);
    sl_chunks_init(&t->stream_body, SIZE_MAX / 4, u->chunks);
    t->fresh = r->once || r->streamed;
    t->stream_full = r->streamed;
    sl_chunks_init(&t->held_body, (size_t)u->limits.stream_window + UPSTREAM_SCRATCH_MIN, u->chunks);
    t->origin = pool_origin_get(u, r->origin->id);
    pool_origin_use(t->origin);
    u->n_attempts++;
    STAT(u, attempts);
    STAT_ADD(u, live, 1);
    t->starting = true;
    if (total_due(t) <= t->began_ns)
        attempt_over(t, OUT_TOTAL_TIMEOUT, "total deadline passed");
    else
        pick(t);
    t->starting = false;
    return t;
}

static bool may_be_h2(const struct attempt *t)
{
    const struct upstream_origin *at = t->req.origin;
    return at->http == UPSTREAM_HTTP2 || (at->http == UPSTREAM_AUTO && at->tls);
}

/* PICK: entered at the start, and again for a free try or when the connection somebody else opened has come or failed. Leaves
 * to SEND (there is a connection), CONNECT (somebody is opening one that may serve us, too), RESOLVE (we open one). */
static void pick(struct attempt *t)
{
    struct pool_origin *o = t->origin;
    struct up_conn *c = NULL;
    if (!t->fresh) {
        if (may_be_h2(t))
            c = pool_find_h2(o);
        if (c == NULL && t->req.origin->http != UPSTREAM_HTTP2)
            c = pool_take_h1(t->up, o, t->req.origin);
    }
    if (c != NULL) {
        STAT(t->up, reused);
        t->result.reused = true;
        attempt_take_conn(t, c);
        return;
    }
    if (may_be_h2(t) && !t->fresh && !o->speaks_h1 && o->dialling != NULL) {
        sl_list_add_tail(&o->waiting, &t->node);
        attempt_goto(t, AS_CONNECT);
        return;
    }
    if (may_be_h2(t) && o->dialling == NULL)
        o->dialling = t;
    dial_start(t);
}

void attempt_take_conn(struct attempt *t, struct up_conn *c)
{
    if (c->h2 != NULL)
        conn_submit_h2(c, t);
    else
        conn_start_h1(c, t);
}

bool attempt_try_again(struct attempt *t)
{
    SL_CHECK(t->conn == NULL && !t->head_seen);
    if (t->free_tries >= FREE_TRIES_MAX || (t->req.streamed && t->body_sent > 0))
        return false;
    t->free_tries++;
    t->body_sent = 0;
    t->send_at = 0;
    t->send_from = 0;
    t->result.reused = false;
    t->result.h2 = false;
    t->result.first_byte_us = -1;
    attempt_post(t, TODO_PICK);
    return true;
}

/* ---- the task: what may not be done where it was found out ---- */

void attempt_post(struct attempt *t, unsigned todo)
{
    t->todo |= todo;
    sl_task_post(t->up->loop, &t->task);
}

static void report(struct attempt *t)
{
    t->is_reported = true;
    t->owner->on_over(t->owner_arg, &t->result);
}

static void on_task(struct sl_task *task)
{
    struct attempt *t = SL_CONTAINER_OF(task, struct attempt, task);
    unsigned todo = t->todo;
    SL_CHECK(t->magic == ATTEMPT_MAGIC && !t->is_reported);
    t->todo = 0;
    if (t->is_over) {
        report(t);
        return;
    }
    if ((todo & TODO_PICK) != 0) {
        if (t->state != AS_PICK)
            attempt_goto(t, AS_PICK);
        pick(t);
        return;
    }
    if ((todo & TODO_ROOM) != 0)
        t->owner->on_room(t->owner_arg);
    if ((todo & (TODO_ROOM | TODO_BODY)) != 0 && t->conn != NULL)
        conn_more_body(t);
    bool is_h1 = t->conn != NULL && t->conn->h2 == NULL;
    if ((todo & TODO_READ) != 0 && is_h1)
        conn_read_h1(t->conn);
    else if ((todo & TODO_FEED) != 0 && is_h1)
        conn_resume_h1(t->conn);
    else if ((todo & TODO_FEED) != 0)
        conn_resume_h2(t);
}

/* ---- the request ---- */

static enum http_method attempt_method(const struct attempt *t)
{
    static const struct {
        struct sl_str text;
        enum http_method m;
    } rows[] = {{SL_STR_INIT("POST"), HTTP_POST},   {SL_STR_INIT("GET"), HTTP_GET},
                {SL_STR_INIT("HEAD"), HTTP_HEAD},   {SL_STR_INIT("PUT"), HTTP_PUT},
                {SL_STR_INIT("PATCH"), HTTP_PATCH}, {SL_STR_INIT("DELETE"), HTTP_DELETE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(t->req.method, rows[i].text))
            return rows[i].m;
    return HTTP_OTHER;
}

void attempt_request_head(const struct attempt *t, struct http_request *out)
{
    *out = (struct http_request){
        .method = attempt_method(t),
        .method_text = t->req.method,
        .version = HTTP_1_1,
        .target = t->req.path,
        .authority = t->req.origin->authority,
        .headers = {.v = (struct http_header *)(uintptr_t)t->req.headers,
                    .n = t->req.n_headers,
                    .cap = t->req.n_headers},
        .content_length = t->req.streamed ? t->req.streamed_length : (int64_t)t->body_n,
        .has_body = t->req.streamed || t->body_n > 0,
    };
}

int attempt_body_iov(const struct attempt *t, struct iovec *v, int max)
{
    int n = 0;
    size_t from = t->send_from;
    if (t->req.streamed)
        return sl_chunks_iov(&t->stream_body, v, max);
    for (int i = t->send_at; i < t->req.n_body && n < max; i++) {
        const struct iovec *part = &t->req.body[i];
        if (part->iov_len > from)
            v[n++] = (struct iovec){(char *)part->iov_base + from, part->iov_len - from};
        from = 0;
    }
    return n;
}

static void stream_sent(struct attempt *t, size_t n)
{
    sl_chunks_drop(&t->stream_body, n);
    if (t->stream_last && t->stream_body.n == 0 && !attempt_is_chunked(t))
        t->stream_ended = true;
    if (!t->stream_full || n == 0 || t->stream_body.n > ATTEMPT_BODY_ROOM / 2 || t->owner->on_room == NULL)
        return;
    t->stream_full = false;
    attempt_post(t, TODO_ROOM);
}

size_t attempt_body_room(const struct attempt *t)
{
    return t->stream_body.n < ATTEMPT_BODY_ROOM ? ATTEMPT_BODY_ROOM - t->stream_body.n : 0;
}

void attempt_body_write(struct attempt *t, struct sl_str bytes, bool last)
{
    if (t->is_over)
        return;
    SL_CHECK(t->req.streamed && !t->stream_last);
    bool idle = t->stream_body.n == 0;
    SL_CHECK(sl_chunks_add(&t->stream_body, bytes.p, bytes.n) == SL_OK);
    t->stream_last = last;
    t->stream_full |= attempt_body_room(t) == 0;
    if (idle && t->state == AS_SEND)
        restart_deadline(t);
    if (t->conn != NULL)
        attempt_post(t, TODO_BODY);
}

void attempt_body_sent(struct attempt *t, size_t n)
{
    t->body_sent += n;
    if (t->req.streamed) {
        stream_sent(t, n);
        return;
    }
    while (n > 0) {
        size_t left = t->req.body[t->send_at].iov_len - t->send_from;
        if (n < left) {
            t->send_from += n;
            return;
        }
        n -= left;
        t->send_at++;
        t->send_from = 0;
    }
}

void attempt_progress(struct attempt *t)
{
    if (t->state == AS_SEND)
        restart_deadline(t);
}

/* ---- the answer ---- */

void attempt_first_byte(struct attempt *t)
{
    if (t->result.first_byte_us < 0)
        t->result.first_byte_us = (sl_loop_now(t->up->loop) - t->began_ns) / SL_US;
}

void attempt_head(struct attempt *t, const struct http_response *head)
{
    t->head_seen = true;
    attempt_goto(t, AS_BODY);
    t->owner->on_head(t->owner_arg, head);
}

void attempt_body(struct attempt *t, struct sl_str bytes)
{
    if (t->req.deadlines.between_ns > 0)
        t->state_due_ns = sl_loop_now(t->up->loop) + t->req.deadlines.between_ns; /* the timer looks when it fires */
    t->owner->on_body(t->owner_arg, bytes);
}

void attempt_read(struct attempt *t, bool on)
{
    if (t->is_over || t->held == !on)
        return;
    t->held = !on;
    if (t->state == AS_BODY)
        restart_deadline(t); /* while held, nobody waits for the provider */
    if (on)
        attempt_post(t, TODO_FEED);
    else if (t->conn != NULL && t->conn->h2 == NULL)
        conn_want(t->conn);
}

static bool is_tunnel(const struct attempt *t)
{
    return t->req.upgrade && t->head_seen && !t->is_over && t->conn != NULL;
}

void attempt_send(struct attempt *t, const struct iovec *v, int n)
{
    if (is_tunnel(t))
        conn_send_h1(t->conn, v, n);
}

size_t attempt_room(struct attempt *t)
{
    size_t waits = is_tunnel(t) ? t->conn->out.n : 0;
    if (waits < TUNNEL_OUT)
        return TUNNEL_OUT - waits;
    t->room_wanted = true;
    return 0;
}

/* ---- the end ---- */

/* Everything that belongs to it is given back, and the outcome is written down. */
static void finish(struct attempt *t, enum outcome o, const char *detail, bool drain)
{
    struct upstream *u = t->up;
    SL_CHECK(t->magic == ATTEMPT_MAGIC && !t->is_over);
    dial_stop(t);
    sl_list_remove(&t->node);
    if (t->conn != NULL && t->conn->h2 != NULL)
        conn_leave_h2(t->conn, t);
    else if (t->conn != NULL)
        conn_leave_h1(t->conn, drain);
    t->result.outcome = o;
    t->result.detail = detail;
    t->result.at = t->state;
    attempt_goto(t, AS_OVER);
    t->is_over = true;
    t->todo = 0;
    if (u->calling == t)
        u->calling = NULL;
    sl_task_cancel(&t->task);
    sl_timer_cancel(u->loop, &t->timer);
    sl_chunks_done(&t->held_body);
    sl_chunks_done(&t->stream_body);
    pool_origin_unuse(u, t->origin);
    t->origin = NULL;
    u->n_attempts--;
    STAT_ADD(u, live, -1);
}

void attempt_over(struct attempt *t, enum outcome o, const char *detail)
{
    finish(t, o, detail, false);
    if (t->starting)
        attempt_post(t, TODO_OVER);
    else
        report(t);
}

void attempt_cancel(struct attempt *t, bool drain, struct attempt_result *out)
{
    if (!t->is_over)
        finish(t, OUT_CANCELLED, "cancelled", drain);
    sl_task_cancel(&t->task);
    t->is_reported = true;
    if (out != NULL)
        *out = t->result;
}

void attempt_free(struct attempt *t)
{
    if (t == NULL)
        return;
    attempt_cancel(t, false, NULL);
    t->magic = 0; /* its memory is the arena's */
}
