/* Responses over a WebSocket (openai.md 7.8). Each response.create is a call of its own, served as one by POST is; what it says goes out
 * as messages instead of events. One at a time: what comes meanwhile waits. What is not to be stored is known on this connection
 * only. Faults act on the responses, not on the upgrade, but "socket=426" and such of the path ("/v1/responses") by rules. */
#include "base/mem.h"
#include "http/ws.h"
#include "sim/responses.h"
#include "tls/digest.h"

#define MESSAGE_MAX (32u << 20)
#define WAITING_MAX 16u

struct sim_socket {
    struct sim_call *call; /* the connection's */
    struct sim_call *turn; /* that is being served; NULL: none */
    struct ws_reader in;
    struct sl_buf said;                 /* of the turn, not yet a whole event */
    struct sl_buf kept;                 /* its message */
    struct sl_buf waiting[WAITING_MAX]; /* messages that came while a turn was served, oldest first */
    unsigned n_waiting;
    uint64_t number;
    bool closing;
};

static void frame(struct sim_socket *k, enum ws_opcode opcode, struct sl_str payload)
{
    unsigned char head[WS_HEAD_MAX];
    struct iovec v[2] = {{head, ws_put_head(head, opcode, payload.n, NULL)}, {(void *)(uintptr_t)payload.p, payload.n}};
    http_stream_send_body(k->call->s, v, payload.n > 0 ? 2 : 1, false);
}

static void hang_up(struct sim_socket *k, uint16_t code, struct sl_str reason)
{
    unsigned char payload[WS_CONTROL_MAX];
    if (k->closing)
        return;
    k->closing = true;
    frame(k, WS_CLOSE, sl_str_of(payload, ws_put_close(payload, code, reason)));
    http_stream_send_body(k->call->s, NULL, 0, true);
    sim_finish(k->call, true);
}

/* ---- what a turn says ---- */

static void say_error(struct sim_socket *k, int status, struct sl_str body)
{
    struct sl_buf b;
    struct sl_str error = body;
    ptrdiff_t at = sl_str_find_str(body, SL_STR("\"error\":"));
    if (at >= 0) { /* {"error":{...}} */
        error = sl_str_trim(sl_str_from(body, (size_t)at + 8));
        error = sl_str_head(error, error.n > 0 ? error.n - 1 : 0);
    }
    sl_buf_init(&b, MESSAGE_MAX);
    sl_buf_addf(&b, "{\"type\":\"error\",\"status\":%d,\"error\":" SL_STR_FMT "}", status,
                SL_STR_ARG(sl_str_trim(error)));
    frame(k, WS_TEXT, sl_buf_str(&b));
    sl_buf_done(&b);
}

/* Whole events: each one's data is a message. */
static void say_events(struct sim_socket *k)
{
    struct sl_str rest = sl_buf_str(&k->said);
    ptrdiff_t end;
    while ((end = sl_str_find_str(rest, SL_STR("\n\n"))) >= 0) {
        struct sl_str event = sl_str_head(rest, (size_t)end);
        ptrdiff_t data = sl_str_find_str(event, SL_STR("data: "));
        rest = sl_str_from(rest, (size_t)end + 2);
        if (data >= 0)
            frame(k, WS_TEXT, sl_str_from(event, (size_t)data + 6));
    }
    struct sl_str left = sl_arena_str(k->call->s->arena, rest);
    sl_buf_reset(&k->said);
    sl_buf_adds(&k->said, left);
}

void sim_socket_send(struct sim_call *turn, struct sl_str bytes, bool last)
{
    struct sim_socket *k = turn->socket;
    sl_buf_adds(&k->said, bytes);
    turn->sent += bytes.n;
    if (turn->status < 300)
        say_events(k);
    else if (last)
        say_error(k, turn->status, sl_buf_str(&k->said));
}

static void sim_socket_go_on(struct sim_call *c);

void sim_socket_turn_over(struct sim_call *turn)
{
    struct sim_socket *k = turn->socket;
    k->turn = NULL;
    sl_buf_reset(&k->said);
    if (!turn->complete && !k->call->released) { /* it was cut, and the connection with it */
        sim_finish(k->call, false);
        return;
    }
    if (!k->call->released)
        sim_after(k->call, 0, sim_socket_go_on);
}

/* ---- what the client says ---- */

static void begin_turn(struct sim_socket *k, struct sl_str message)
{
    struct sim_call *c = k->call, *turn = SL_ARENA_NEW(c->s->arena, struct sim_call);
    sl_buf_reset(&k->kept);
    sl_buf_adds(&k->kept, message);
    turn->sim = c->sim;
    turn->s = c->s;
    turn->r = c->r;
    turn->socket = k;
    turn->is_turn = true;
    turn->began_ns = sl_loop_now(c->sim->loop);
    turn->format = &sim_responses;
    turn->kind = SIM_CHAT;
    turn->vendor = VENDOR_OPENAI;
    sim_call_begin(turn);
    k->turn = turn;
    sim_serve_post(turn, sl_buf_str(&k->kept));
}

static void on_message(struct sim_socket *k, struct sl_str message)
{
    if (sl_str_find_str(message, SL_STR("\"response.create\"")) >= 0)
        begin_turn(k, message);
    else
        say_error(k, 400,
                  SL_STR("{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"invalid_value\",\"message\":"
                         "\"Unknown event.\",\"param\":\"type\"}}"));
}

static void take_text(struct sim_socket *k, struct sl_str message)
{
    if (k->turn == NULL && k->n_waiting == 0) {
        on_message(k, message);
    } else if (k->n_waiting == WAITING_MAX) {
        hang_up(k, WS_CODE_POLICY, SL_STR("too many at once"));
    } else {
        struct sl_buf *b = &k->waiting[k->n_waiting++];
        sl_buf_init(b, MESSAGE_MAX + 1);
        sl_buf_adds(b, message);
    }
}

static void sim_socket_go_on(struct sim_call *c)
{
    struct sim_socket *k = c->socket;
    while (!c->released && !k->closing && k->turn == NULL && k->n_waiting > 0) {
        struct sl_buf first = k->waiting[0];
        k->n_waiting--;
        memmove(k->waiting, k->waiting + 1, k->n_waiting * sizeof first);
        on_message(k, sl_buf_str(&first));
        sl_buf_done(&first);
    }
}

/* A close frame ends what is being made, too. */
void sim_socket_bytes(struct sim_call *c, struct sl_str bytes)
{
    struct sim_socket *k = c->socket;
    struct ws_event e;
    enum ws_result news;
    while (!c->released && !k->closing && (news = ws_read(&k->in, &bytes, &e)) != WS_MORE) {
        if (news == WS_BAD || e.opcode == WS_CLOSE)
            hang_up(k, e.code, e.reason);
        else if (e.opcode == WS_PING)
            frame(k, WS_PONG, e.payload);
        else if (e.opcode == WS_BINARY)
            hang_up(k, WS_CODE_UNSUPPORTED, SL_STR("binary messages are not taken"));
        else if (e.opcode == WS_TEXT)
            take_text(k, e.payload);
    }
}

void sim_socket_end(struct sim_call *c)
{
    struct sim_socket *k = c->socket;
    if (k->turn != NULL)
        sim_finish(k->turn, false);
    ws_reader_done(&k->in);
    sl_buf_done(&k->said);
    sl_buf_done(&k->kept);
    while (k->n_waiting > 0)
        sl_buf_done(&k->waiting[--k->n_waiting]);
}

struct sim_call *sim_socket_turn(const struct sim_call *c)
{
    return c->socket->turn;
}

/* ---- the upgrade ---- */

bool sim_socket_serve(struct sim_call *c)
{
    static const struct sim_error broken = {
        .status = 400, .type = "invalid_request_error", .message = "The handshake is malformed."};
    struct http_response answer = {.status = 101, .content_length = HTTP_LENGTH_NONE};
    struct sl_arena *a = c->s->arena;
    char accept[WS_ACCEPT_TEXT];
    if (c->r->method != HTTP_GET || !sl_str_eq(c->r->path, SL_STR("/v1/responses")) || ws_asked(c->r) == WS_ASK_NOT)
        return false;
    if (ws_asked(c->r) != WS_ASK_OK) {
        sim_refuse(c, &broken);
        return true;
    }
    sim_faults_choose(c);
    if (c->n_faults > 0 && sim_fault_instead(c))
        return true;
    ws_accept_of(sim_header(c, "sec-websocket-key"), tls_sha1, accept);
    http_headers_add(&answer.headers, a, SL_STR("sec-websocket-accept"), sl_str_of(accept, WS_ACCEPT_TEXT));
    http_headers_add(&answer.headers, a, SL_STR("x-request-id"), sim_request_id(c));
    http_headers_add(&answer.headers, a, SL_STR("x-sluice-simulated"), SL_STR("true"));
    if (!http_stream_upgrade(c->s, &answer)) {
        sim_refuse(c, &broken);
        return true;
    }
    struct sim_socket *k = SL_ARENA_NEW(a, struct sim_socket);
    k->call = c;
    k->number = ++c->sim->n_sockets;
    ws_reader_init(&k->in, WS_FROM_CLIENT, MESSAGE_MAX);
    sl_buf_init(&k->said, SIM_ANSWER_MAX);
    sl_buf_init(&k->kept, MESSAGE_MAX + 1);
    c->status = 101;
    c->head_sent = true;
    c->realtime = true;
    c->socket = k;
    http_stream_read(c->s, true);
    return true;
}

uint64_t sim_socket_number(const struct sim_call *turn)
{
    return turn->socket != NULL ? turn->socket->number : 0;
}
