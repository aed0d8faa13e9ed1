/* See inner_stream.h. */
#include "exchange/inner_stream.h"

#include "exchange/exchange.h"

static void on_give(struct sl_task *t)
{
    struct inner_stream *s = SL_CONTAINER_OF(t, struct inner_stream, give);
    s->pub.app->on_body(s->pub.x, s->body, true);
}

void inner_stream_init(struct inner_stream *s, struct exchange_env *env, const struct http_stream_ops *ops)
{
    s->loop = env->loop;
    sl_arena_init(&s->arena, env->arenas);
    sl_task_init(&s->give, on_give);
    s->pub = (struct http_stream){
        .ops = ops,
        .app = &exchange_app,
        .arena = &s->arena,
        .began_ns = sl_loop_now(env->loop),
    };
}

void inner_stream_read(struct http_stream *pub, bool on)
{
    struct inner_stream *s = (struct inner_stream *)(void *)pub;
    if (!on || s->given)
        return;
    s->given = true;
    sl_task_post(s->loop, &s->give);
}

void inner_stream_send_informational(struct http_stream *s, int status)
{
    (void)s, (void)status;
}

size_t inner_stream_room(const struct http_stream *s)
{
    (void)s;
    return SIZE_MAX / 2;
}
