/* A session over a WebSocket, whatever is spoken in it: messages are read one at a time; what is no frame of a client is answered as
 * RFC 6455 wants. Faults of streams act on the messages of answers: stall, cut, close and reset end the connection, garbage-chunk is a
 * frame with reserved bits. */
#include "sim/realtime.h"
#include "tls/digest.h"

#define MESSAGE_MAX (32u << 20)

/* ---- the upgrade ---- */

static bool accept_it(struct sim_call *c)
{
    static const struct sim_error no = {.status = 500, .message = "no upgrade", .content_type = "text/plain"};
    struct http_response answer = {.status = 101, .content_length = HTTP_LENGTH_NONE};
    struct sl_arena *a = c->s->arena;
    char accept[WS_ACCEPT_TEXT];
    ws_accept_of(sim_header(c, "sec-websocket-key"), tls_sha1, accept);
    http_headers_add(&answer.headers, a, SL_STR("sec-websocket-accept"), sl_str_of(accept, WS_ACCEPT_TEXT));
    if (http_list_has(sim_header(c, "sec-websocket-protocol"), SL_STR("realtime")))
        http_headers_add(&answer.headers, a, SL_STR("sec-websocket-protocol"), SL_STR("realtime"));
    http_headers_add(&answer.headers, a, SL_STR("x-request-id"), sim_request_id(c));
    http_headers_add(&answer.headers, a, SL_STR("x-sluice-simulated"), SL_STR("true"));
    if (!http_stream_upgrade(c->s, &answer)) {
        sim_refuse(c, &no);
        return false;
    }
    c->status = 101;
    c->head_sent = c->realtime = true;
    return true;
}

bool sim_ws_begin(struct sim_call *c, struct sim_ws *w, const struct sim_ws_kind *kind)
{
    if (sim_fault_instead(c) || !accept_it(c))
        return false;
    c->more = w;
    w->kind = kind;
    ws_reader_init(&w->in, WS_FROM_CLIENT, MESSAGE_MAX);
    return true;
}

/* ---- messages out ---- */

void sim_ws_send(struct sim_call *c, enum ws_opcode opcode, struct sl_str payload)
{
    unsigned char head[WS_HEAD_MAX];
    struct iovec v[2] = {{head, ws_put_head(head, opcode, payload.n, NULL)}, {(void *)(uintptr_t)payload.p, payload.n}};
    c->sent += payload.n;
    http_stream_send_body(c->s, v, payload.n > 0 ? 2 : 1, false);
}

void sim_ws_hang_up(struct sim_call *c, uint16_t code, struct sl_str reason)
{
    struct sim_ws *w = c->more;
    unsigned char payload[WS_CONTROL_MAX];
    if (w->closing)
        return;
    w->closing = true;
    sim_ws_send(c, WS_CLOSE, sl_str_of(payload, ws_put_close(payload, code, reason)));
    http_stream_send_body(c->s, NULL, 0, true);
    sim_finish(c, true);
}

bool sim_ws_is_broken(struct sim_call *c)
{
    struct sim_ws *w = c->more;
    const uint64_t at = w->sent++;
    const struct sim_active *f;
    if ((f = sim_fault_marked(c, MARK_STALL)) != NULL && at >= (uint64_t)f->arg)
        return true;
    if (((f = sim_fault_marked(c, MARK_CUT)) != NULL || (f = sim_fault_marked(c, MARK_CLOSE)) != NULL) &&
        at >= (uint64_t)f->arg) {
        w->kind->account(c, false);
        sim_raw(c, SL_STR_NONE, true);
        sim_finish(c, false);
        return true;
    }
    if ((f = sim_fault_marked(c, MARK_RESET)) != NULL && at >= (uint64_t)f->arg) {
        w->kind->account(c, false);
        sim_reset(c);
        return true;
    }
    if ((f = sim_fault_marked(c, MARK_GARBAGE)) != NULL && at == (uint64_t)f->arg) {
        struct iovec v = {(void *)(uintptr_t) "\xf1\x02no", 4};
        w->kind->account(c, false);
        http_stream_send_body(c->s, &v, 1, false);
        return true;
    }
    return false;
}

/* ---- messages in ---- */

static void read_message(struct sim_call *c, struct sl_str text)
{
    const struct sim_ws *w = c->more;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.p, text.n, YYJSON_READ_NOFLAG, &sim_json_alc, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (yyjson_is_obj(root))
        w->kind->message(c, root);
    else
        w->kind->no_object(c);
    yyjson_doc_free(doc);
}

void sim_ws_bytes(struct sim_call *c, struct sl_str bytes)
{
    struct sim_ws *w = c->more;
    struct ws_event e;
    enum ws_result news;
    while (!c->released && !w->closing && (news = ws_read(&w->in, &bytes, &e)) != WS_MORE) {
        if (news == WS_BAD) {
            sim_ws_hang_up(c, e.code, e.reason);
        } else if (e.opcode == WS_CLOSE) {
            if (w->active)
                w->kind->account(c, false);
            sim_ws_hang_up(c, e.code, e.reason);
        } else if (e.opcode == WS_PING) {
            sim_ws_send(c, WS_PONG, e.payload);
        } else if (e.opcode == WS_TEXT || (e.opcode == WS_BINARY && w->kind->takes_binary)) {
            read_message(c, e.payload);
        } else if (e.opcode == WS_BINARY) {
            sim_ws_hang_up(c, WS_CODE_UNSUPPORTED, SL_STR("binary messages are not taken"));
        }
    }
}

void sim_ws_end(struct sim_call *c)
{
    struct sim_ws *w = c->more;
    if (w->active)
        w->kind->account(c, false);
    ws_reader_done(&w->in);
}
