/* RESPOND: the answer is made here: a refusal, a provider's error passed on, a list of models. Entered from any state before
 * RELAY. Queues the whole answer at once (it is small) and leaves to SETTLE; the connection keeps the write deadline. */
#include "exchange/exchange_int.h"

static void send_own(struct exchange *x, int status, struct http_headers *h, struct sl_str body)
{
    const struct http_response r = {.status = status, .headers = *h, .content_length = (int64_t)body.n};
    struct iovec v = {.iov_base = (void *)(uintptr_t)body.p, .iov_len = body.n};
    x->status_sent = status;
    http_stream_send_head(x->stream, &r, false);
    http_stream_send_body(x->stream, &v, 1, true);
}

/* After a status of 500 or above Codex asks thirty times, after a stream that ends in response.failed six times, and once when
 * that says server_is_overloaded (measured with 0.169.0). What makes sense to try again was tried here. */
static bool takes_event(const struct exchange *x)
{
    const struct http_header *who = http_headers_find_name(&x->req->headers, SL_STR("originator"));
    const struct http_header *accept = http_headers_find(&x->req->headers, HN_ACCEPT);
    return x->match.errors == ERRORS_RESPONSES && error_status(ERRORS_RESPONSES, &x->refusal) >= 500 && who != NULL &&
           sl_str_starts(who->value, SL_STR("codex")) && accept != NULL &&
           sl_str_find_str(accept->value, SL_STR("text/event-stream")) >= 0;
}

static void send_event(struct exchange *x)
{
    struct http_headers h = {0};
    bool busy = error_status(ERRORS_RESPONSES, &x->refusal) == 503;
    x->refusal.code = busy ? SL_STR("server_is_overloaded") : SL_STR("server_error");
    http_headers_add_id(&h, x->a, HN_CONTENT_TYPE, SL_STR("text/event-stream"));
    exchange_headers(x, &h);
    send_own(x, 200, &h, error_event(x->a, ERRORS_RESPONSES, &x->refusal));
}

static void send_refusal(struct exchange *x)
{
    char id[SL_ID_TEXT];
    struct http_headers h = {0};
    sl_id_text(x->id, id);
    x->refusal.id = sl_arena_str(x->a, sl_str_c(id));
    if (takes_event(x)) {
        send_event(x);
        return;
    }
    error_headers(x->a, &x->refusal, &h);
    if (x->op->session && x->refusal.error == GE_UPGRADE)
        http_headers_add(&h, x->a, SL_STR("sec-websocket-version"), SL_STR("13"));
    if (x->op->video)
        video_refusal_headers(x, &h);
    exchange_headers(x, &h);
    send_own(x, error_status(x->match.errors, &x->refusal), &h, error_body(x->a, x->match.errors, &x->refusal));
}

/* The provider's own words, its bytes unchanged. It has been tried as often as policy allows: the client's library need not
 * do that again. */
static void send_provider_error(struct exchange *x)
{
    struct http_headers h = {0};
    provider_response_headers(&x->head->headers, x->a, &h);
    if (x->head->status != 429 && x->head->status != 409 && http_headers_find(&h, HN_X_SHOULD_RETRY) == NULL)
        http_headers_add_id(&h, x->a, HN_X_SHOULD_RETRY, SL_STR("false"));
    exchange_headers(x, &h);
    x->committed = true;
    send_own(x, x->head->status, &h, sl_chunks_flat(&x->held));
}

static void send_body(struct exchange *x)
{
    struct http_headers h = {0};
    http_headers_add_id(&h, x->a, HN_CONTENT_TYPE, SL_STR("application/json"));
    if (x->op->video)
        video_headers(x, &h);
    exchange_headers(x, &h);
    send_own(x, 200, &h, x->own_body);
}

enum step step_respond(struct exchange *x)
{
    if (exchange_take(x, EV_GONE))
        return exchange_client_gone(x);
    if (session_is_upgraded(x))
        session_refuse(x);
    else if (x->pass_error)
        send_provider_error(x);
    else if (x->refusal.error != GE_NONE)
        send_refusal(x);
    else
        send_body(x);
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}
