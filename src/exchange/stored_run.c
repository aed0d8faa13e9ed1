/* Responses that run in the background: docs/internals/stored-responses.md. The exchange of the client that asks stores a row and
 * answers with it; a second exchange then does the work. Its http_stream is no connection: it gives the body that the client
 * sent and forgets what it is told, since SETTLE gives the store what the client would have got.
 *
 *   PLAN ─► background_begin ─► RECALL (the row is written) ─► RESPOND: queued
 *                                   └► run_open: another exchange: IDENTIFY ... TRY ... SETTLE: the row is updated
 *
 * A stream in the background is one exchange: the client's, which does not end when the client leaves. */
#include "base/mem.h"
#include "dialect/openai_responses/openai_responses.h"
#include "exchange/exchange_int.h"
#include "exchange/inner_stream.h"

#define QUEUED_BYTES ((size_t)1 << 30)
#define RUNS_THERE "the response would run at the provider"

/* ---- the stream without a client ---- */

struct unheard {
    struct inner_stream in; /* first */
    struct sl_ended ended;
};

static struct unheard *unheard_of(struct http_stream *s)
{
    return (struct unheard *)(void *)s;
}

static void op_send_head(struct http_stream *s, const struct http_response *r, bool last)
{
    (void)s, (void)r, (void)last;
}

static void op_send_body(struct http_stream *s, const struct iovec *v, int n, bool last)
{
    (void)s, (void)v, (void)n, (void)last;
}

static void op_reset(struct http_stream *s)
{
    (void)s;
}

static void free_unheard(struct sl_ended *e)
{
    struct unheard *u = SL_CONTAINER_OF(e, struct unheard, ended);
    sl_arena_done(&u->in.arena);
    sl_free(u);
}

static void op_release(struct http_stream *s)
{
    struct unheard *u = unheard_of(s);
    sl_task_cancel(&u->in.give);
    sl_end(u->in.loop, &u->ended, free_unheard);
}

static const struct http_stream_ops unheard_ops = {
    .read = inner_stream_read,
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_informational = inner_stream_send_informational,
    .room = inner_stream_room,
    .reset = op_reset,
    .release = op_release,
};

/* The body is as it was decoded: what speaks of its coding and length stays behind. */
static void copy_request(struct unheard *u, const struct http_request *from, struct sl_str body)
{
    struct sl_arena *a = &u->in.arena;
    u->in.req = *from;
    u->in.req.method_text = sl_arena_str(a, from->method_text);
    u->in.req.target = sl_arena_str(a, from->target);
    u->in.req.path = sl_arena_str(a, from->path);
    u->in.req.query = sl_arena_str(a, from->query);
    u->in.req.authority = sl_arena_str(a, from->authority);
    u->in.req.headers = (struct http_headers){.n = 0};
    for (uint32_t i = 0; i < from->headers.n; i++) {
        const struct http_header *h = &from->headers.v[i];
        if (h->id == HN_CONTENT_ENCODING || h->id == HN_CONTENT_LENGTH)
            continue;
        struct sl_str value = sl_arena_str(a, h->value);
        if (h->id != HN_OTHER)
            http_headers_add_id(&u->in.req.headers, a, h->id, value);
        else
            http_headers_add(&u->in.req.headers, a, sl_arena_str(a, h->name), value);
    }
    u->in.body = sl_arena_str(a, body);
    u->in.req.content_length = (int64_t)body.n;
    u->in.req.has_body = true;
    u->in.req.expect_continue = false;
}

/* The second exchange; x is the one that was asked. */
static void run_open(struct exchange *x)
{
    struct unheard *u = SL_NEW(struct unheard);
    struct exchange_env *env = x->env;
    inner_stream_init(&u->in, env, &unheard_ops);
    u->in.pub.peer = x->stream->peer;
    u->in.pub.tls = x->stream->tls;
    copy_request(u, x->req, x->body_text);
    struct exchange *run = exchange_app.on_request(env, &u->in.pub, &u->in.req);
    u->in.pub.x = run;
    run->id = x->stored.run_id; /* nothing was said of the one that it was born with */
    run->stored.run = true;
}

/* ---- the client's exchange ---- */

static bool is_same(const struct exchange *x, const struct route_candidate *c)
{
    const struct provider *p = &x->snap->providers[c->provider_index].provider;
    return translate_dialect(x, p, c->model) == x->dialect;
}

static enum step refuse(struct exchange *x, const char *param, const char *message)
{
    return exchange_refuse_with(
        x, &(struct error_facts){.error = GE_UNSUPPORTED, .param = sl_str_c(param), .message = sl_str_c(message)});
}

static struct response_job *row_job(struct exchange *x)
{
    char id[SL_ID_TEXT];
    struct sl_buf b, input;
    struct neutral_request *n = x->neutral;
    sl_id_text(x->stored.run_id, id);
    n->store = SAID_YES;
    n->background = true;
    if (x->stored.chain != NULL)
        n->previous_response_id = x->stored.previous;
    sl_buf_init(&b, QUEUED_BYTES);
    sl_buf_init(&input, QUEUED_BYTES);
    responses_queued_write(n, sl_str_c(id), x->wall_ns / SL_SEC, x->a, &b);
    struct sl_str own = x->stored.own_body.n > 0 ? x->stored.own_body : x->body_text;
    responses_input_items(own, sl_str_c(id), x->a, &input);
    x->own_body = sl_arena_str(x->a, sl_buf_str(&b));
    struct sl_str name = sl_arena_printf(x->a, "resp_%s", id);
    struct response_job *j = stored_put(x, STORE_RESPONSE_RUNS, name, x->plan.candidates[0].model);
    j->put.r.body = sl_arena_str(&j->a, x->own_body);
    j->put.r.input = sl_arena_str(&j->a, sl_buf_str(&input));
    j->run = x->stored.run_id;
    sl_buf_done(&b);
    sl_buf_done(&input);
    return j;
}

bool stored_runs_apart(const struct exchange *x)
{
    return x->match.op == OP_RESPONSES && x->facts.at[RM_BACKGROUND].kind == JSON_TRUE && x->env->stored_ask != NULL;
}

/* A stream: the client's exchange is the run itself. It goes on when the client leaves (on_gone in run.c). */
static enum step run_here(struct exchange *x)
{
    x->stored.run_id = x->id;
    struct response_job *j = row_job(x);
    if (!x->env->stored_ask(x->env->owner, j)) {
        response_job_free(j);
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    }
    x->own_body = SL_STR_NONE;
    x->stored.run = true;
    stored_filter(x, is_same, false, RUNS_THERE);
    exchange_goto(x, XS_TRY);
    return STEP_GO;
}

enum step stored_background(struct exchange *x)
{
    if (x->stored.run || is_same(x, &x->plan.candidates[0])) {
        stored_filter(x, is_same, !x->stored.run, x->stored.run ? RUNS_THERE : "the response would run here");
        if (x->plan.n == 0)
            return exchange_refuse(x, GE_NO_TARGET);
        exchange_goto(x, XS_TRY);
        return STEP_GO;
    }
    stored_decide(x, &x->snap->providers[x->plan.candidates[0].provider_index]);
    if (!x->stored.keep)
        return refuse(x, "background", "'background' needs the response to be stored ('store': true).");
    if (!translate_read(x))
        return exchange_refuse_with(x, &x->refused);
    if (x->facts.stream)
        return run_here(x);
    x->stored.run_id = sl_id_make(sl_loop_wall(x->env->loop), &x->env->loop->rand);
    struct response_job *j = row_job(x);
    j->asker = x;
    if (!x->env->stored_ask(x->env->owner, j)) {
        response_job_free(j);
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    }
    x->stored.waiting = j;
    x->stored.begins_run = true;
    exchange_goto(x, XS_RECALL);
    return STEP_GO;
}

/* The row is there, or (the client has gone meanwhile) will be before anything is changed in it. */
void stored_run_begin(struct exchange *x)
{
    x->stored.begins_run = false;
    run_open(x);
}

enum step stored_run_queued(struct exchange *x)
{
    if (x->stored.answer->found != RF_OK)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    stored_run_begin(x);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

/* ---- the end of a run ---- */

/* What became of a run that has no answer: its object, failed, or (cancelled, deleted: the row is no more one that runs) nothing. */
struct response_job *stored_run_failed(struct exchange *x)
{
    char id[SL_ID_TEXT];
    struct sl_buf queued, failed;
    sl_id_text(x->id, id);
    struct sl_str name = sl_arena_printf(x->a, "resp_%s", id);
    struct sl_str model = x->plan.n > 0 ? x->plan.candidates[0].model : x->facts.model;
    struct response_job *j = stored_put(x, STORE_RESPONSE_LOST, name, model);
    j->put.only_running = true;
    if (x->neutral == NULL || x->refusal.error == GE_NONE)
        return j;
    struct sl_str message = x->refusal.message.n > 0 ? x->refusal.message
                                                     : gateway_error_row(x->refusal.error)->message;
    struct sl_str input = SL_STR("[]");
    struct sl_buf items;
    sl_buf_init(&items, QUEUED_BYTES);
    sl_buf_init(&queued, QUEUED_BYTES);
    sl_buf_init(&failed, QUEUED_BYTES);
    stored_tell(x);
    struct sl_str own = x->stored.own_body.n > 0 ? x->stored.own_body : x->body_text;
    if (responses_input_items(own, sl_str_c(id), x->a, &items))
        input = sl_buf_str(&items);
    responses_queued_write(x->neutral, sl_str_c(id), x->wall_ns / SL_SEC, x->a, &queued);
    if (responses_object_as(sl_buf_str(&queued), SL_STR("failed"), message, x->a, &failed)) {
        j->put.r.state = STORE_RESPONSE_ENDED;
        j->put.r.body = sl_arena_str(&j->a, sl_buf_str(&failed));
        j->put.r.input = sl_arena_str(&j->a, input);
    }
    sl_buf_done(&items);
    sl_buf_done(&queued);
    sl_buf_done(&failed);
    return j;
}

void exchange_stop_run(struct exchange_env *e, struct sl_id run)
{
    SL_LIST_EACH(node, &e->live)
    {
        struct exchange *x = SL_CONTAINER_OF(node, struct exchange, node);
        if (!x->stored.run || !sl_id_eq(x->id, run) || x->state == XS_DONE)
            continue;
        x->gone = true;
        x->gone_why = HTTP_GONE_CLOSED;
        exchange_wake(x, EV_GONE);
        return;
    }
}
