/* One line of a batch as an exchange: an http_stream that is no connection. It gives the line's body and keeps what a client would have
 * got. docs/internals/batches.md. */
#include "auth/key.h"
#include "base/mem.h"
#include "dialect/json_scan.h"
#include "exchange/batch_int.h"
#include "exchange/exchange.h"
#include "exchange/inner_stream.h"

#define ANSWER_MAX ((size_t)64 << 20)

struct batch_call {
    struct inner_stream in; /* first; the body is the asker's */
    struct sl_task tell;
    struct sl_ended ended;
    bool whole, reset;
    bool no_retry; /* the answer says so */
    int status;
    int64_t wait_ns; /* as the answer says; 0: it does not */
    struct sl_str request_id;
    struct sl_buf answer;  /* own */
    struct auth_key house; /* who asks where the key is no more */
    void (*on_bytes)(void *arg, struct sl_str bytes);
    batch_call_over_f *over;
    void *arg;
};

static struct batch_call *of_stream(struct http_stream *s)
{
    return (struct batch_call *)(void *)s;
}

static void op_send_head(struct http_stream *s, const struct http_response *r, bool last)
{
    struct batch_call *c = of_stream(s);
    uint64_t seconds = 0;
    c->status = r->status;
    if (sl_str_to_u64(http_headers_get(&r->headers, HN_RETRY_AFTER), &seconds) && seconds < 86400)
        c->wait_ns = (int64_t)seconds * SL_SEC;
    c->no_retry = sl_str_eq(http_headers_get(&r->headers, HN_X_SHOULD_RETRY), SL_STR("false"));
    c->request_id = sl_arena_str(&c->in.arena, http_headers_get(&r->headers, HN_X_SLUICE_ID));
    c->whole = last;
}

static void op_send_body(struct http_stream *s, const struct iovec *v, int n, bool last)
{
    struct batch_call *c = of_stream(s);
    for (int i = 0; i < n; i++)
        if (c->on_bytes != NULL && c->status == 200)
            c->on_bytes(c->arg, sl_str_of(v[i].iov_base, v[i].iov_len));
        else
            (void)sl_buf_add(&c->answer, v[i].iov_base, v[i].iov_len);
    c->whole = last && !c->reset;
}

static void op_reset(struct http_stream *s)
{
    struct batch_call *c = of_stream(s);
    c->reset = true;
    c->whole = false;
}

static void on_tell(struct sl_task *t)
{
    struct batch_call *c = SL_CONTAINER_OF(t, struct batch_call, tell);
    c->over(c->arg, c);
}

static void op_release(struct http_stream *s)
{
    struct batch_call *c = of_stream(s);
    sl_task_cancel(&c->in.give);
    sl_task_post(c->in.loop, &c->tell);
}

static const struct http_stream_ops ops = {
    .read = inner_stream_read,
    .send_head = op_send_head,
    .send_body = op_send_body,
    .send_informational = inner_stream_send_informational,
    .room = inner_stream_room,
    .reset = op_reset,
    .release = op_release,
};

static void write_request(struct batch_call *c, const struct batch_call_ask *ask)
{
    struct sl_arena *a = &c->in.arena;
    struct http_headers *h = &c->in.req.headers;
    c->in.req = (struct http_request){
        .method = HTTP_POST,
        .version = HTTP_1_1,
        .method_text = SL_STR("POST"),
        .target = ask->path,
        .path = ask->path,
        .authority = SL_STR("batch"),
        .content_length = (int64_t)ask->body.n,
        .has_body = true,
    };
    if (ask->lists) {
        c->in.req.method = HTTP_GET;
        c->in.req.method_text = SL_STR("GET");
        c->in.req.has_body = false;
    }
    http_headers_add_id(h, a, HN_CONTENT_TYPE, SL_STR("application/json"));
    http_headers_add(h, a, SL_STR("user-agent"), SL_STR("sluice-batch"));
    if (!ask->anthropic)
        return;
    http_headers_add(h, a, SL_STR("anthropic-version"), SL_STR("2023-06-01"));
    if (ask->betas.n > 0)
        http_headers_add(h, a, SL_STR("anthropic-beta"), ask->betas);
}

struct batch_call *batch_call_start(struct exchange_env *env, const struct batch_call_ask *ask, batch_call_over_f *over,
                                    void *arg)
{
    struct batch_call *c = SL_NEW(struct batch_call);
    const struct auth_key *key = key_table_of_id(env->epoch->keys, ask->key, sl_loop_wall(env->loop));
    inner_stream_init(&c->in, env, &ops);
    c->house = (struct auth_key){
        .id = ask->key, .tenant = sl_arena_str(&c->in.arena, ask->tenant), .grant.operations = UINT64_MAX};
    const struct exchange_inside inside = {
        .key = ask->house ? &c->house : key,
        .provider = ask->provider,
        .credential = ask->credential,
    };
    c->over = over;
    c->arg = arg;
    c->in.body = ask->body;
    c->on_bytes = ask->on_bytes;
    sl_task_init(&c->tell, on_tell);
    sl_buf_init(&c->answer, ANSWER_MAX);
    write_request(c, ask);
    SL_CHECK(sl_addr_parse(SL_STR("127.0.0.1"), 0, &c->in.pub.peer));
    env->inside = &inside;
    c->in.pub.x = exchange_app.on_request(env, &c->in.pub, &c->in.req);
    env->inside = NULL;
    return c;
}

bool batch_call_answer(const struct batch_call *c, struct batch_answer *out, int64_t *out_wait_ns)
{
    struct json_info info;
    struct sl_str body = sl_buf_str(&c->answer);
    if (!c->whole || c->answer.over || json_scan(body, NULL, 0, NULL, &info) != JSON_OK || info.root != JSON_OBJECT)
        return false;
    *out = (struct batch_answer){
        .status = c->status, .is_final = c->no_retry && c->status == 429, .request_id = c->request_id, .body = body};
    *out_wait_ns = c->wait_ns;
    return true;
}

int batch_call_status(const struct batch_call *c)
{
    return c->whole && !c->answer.over ? c->status : 0;
}

static void free_call(struct sl_ended *e)
{
    struct batch_call *c = SL_CONTAINER_OF(e, struct batch_call, ended);
    sl_buf_done(&c->answer);
    sl_arena_done(&c->in.arena);
    sl_free(c);
}

void batch_call_free(struct batch_call *c)
{
    if (c != NULL)
        sl_end(c->in.loop, &c->ended, free_call);
}
