/* Responses over a WebSocket: see realtime.h. The events are those of the streams, one JSON object in a message; those in the middle
 * of a response do not name it, only its lane (stream_id) where the client gave one. Source: openai.md sections 7.6, 7.8. */
#include "dialect/openai_responses/openai_responses.h"
#include "dialect/realtime.h"

#define TYPE_MAX 96u

struct row {
    struct sl_str name;
    enum realtime_kind kind;
    struct sl_str status; /* RT_DONE */
};

static const struct row rows[] = {
    {SL_STR_INIT("response.created"), RT_CREATED, {NULL, 0}},
    {SL_STR_INIT("response.completed"), RT_DONE, SL_STR_INIT("completed")},
    {SL_STR_INIT("response.incomplete"), RT_DONE, SL_STR_INIT("incomplete")},
    {SL_STR_INIT("response.failed"), RT_DONE, SL_STR_INIT("failed")},
    {SL_STR_INIT("response.cancelled"), RT_DONE, SL_STR_INIT("cancelled")},
    {SL_STR_INIT("error"), RT_ERROR, {NULL, 0}},
};

#define MEMBERS(X)                                                                                                     \
    X(TYPE, "type", -1)                                                                                                \
    X(LANE, "stream_id", -1)                                                                                           \
    X(DELTA, "delta", -1)                                                                                              \
    X(RESPONSE, "response", -1)                                                                                        \
    X(OF_ID, "id", M_RESPONSE)                                                                                         \
    X(EVENT, "event_id", -1)                                                                                           \
    X(MODEL, "model", -1)

enum member {
#define X(id, ...) M_##id,
    MEMBERS(X)
#undef X
    M_COUNT
};

static const struct json_watch watches[M_COUNT] = {
#define X(id, text, parent) [M_##id] = {SL_STR_INIT(text), parent},
    MEMBERS(X)
#undef X
};

/* The plain type, in `room` where it was escaped; empty: none, or one that is longer than any. */
static struct sl_str type_of(struct sl_str doc, const struct json_member *m, char room[TYPE_MAX])
{
    struct sl_str name = json_inside_if(doc, m);
    size_t n = 0;
    if (name.n == 0 || !m->escaped)
        return name;
    return name.n <= TYPE_MAX && json_unescape(name, room, &n) ? sl_str_of(room, n) : SL_STR_NONE;
}

static bool look(struct sl_str message, struct json_member at[M_COUNT], struct realtime_event *out)
{
    struct json_info info;
    *out = (struct realtime_event){.kind = RT_OTHER};
    if (json_scan(message, watches, M_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return false;
    out->lane = json_inside_if(message, &at[M_LANE]);
    out->id = json_inside_if(message, &at[M_EVENT]);
    return true;
}

void responses_look_client(struct sl_str message, struct realtime_event *out)
{
    struct json_member at[M_COUNT];
    char room[TYPE_MAX];
    if (!look(message, at, out))
        return;
    if (sl_str_eq(type_of(message, &at[M_TYPE], room), SL_STR("response.create")))
        out->kind = RT_CREATE;
    out->model = json_inside_if(message, &at[M_MODEL]);
}

void responses_look_server(struct sl_str message, struct realtime_event *out)
{
    struct json_member at[M_COUNT];
    struct stream_event said;
    char room[TYPE_MAX];
    if (!look(message, at, out))
        return;
    struct sl_str type = type_of(message, &at[M_TYPE], room);
    out->response = json_inside_if(message, &at[M_OF_ID]);
    out->text = json_inside_if(message, &at[M_DELTA]);
    out->delta = out->text.n;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].name, type)) {
            out->kind = rows[i].kind;
            out->status = rows[i].status;
        }
    if (out->kind == RT_OTHER && out->delta > 0 && sl_str_ends(type, SL_STR(".delta")))
        out->kind = RT_TEXT;
    if (out->kind != RT_DONE && out->kind != RT_ERROR)
        return;
    said = (struct stream_event){.kind = SK_OTHER};
    responses_stream_watch(NULL, type, message, &said);
    if (said.has_usage)
        out->usage = said.usage;
    out->error = said.error;
}

static struct sl_str event_of(struct sl_arena *a, int status, struct sl_str error, struct sl_str lane)
{
    return sl_arena_printf(a, "{\"type\":\"error\",\"status\":%d,\"error\":" SL_STR_FMT "%s" SL_STR_FMT "%s}", status,
                           SL_STR_ARG(error), lane.n > 0 ? ",\"stream_id\":\"" : "",
                           SL_STR_ARG(lane.n > 0 ? lane : SL_STR("")), lane.n > 0 ? "\"" : "");
}

/* Section 7.8: clients open a new connection for that code, and go on there with all of the input. */
static struct sl_str code_of(const struct error_facts *f, const struct gateway_error_row *row)
{
    bool opens = f->error == GE_SESSION_LONG || f->error == GE_SESSION_ENDS || f->error == GE_SESSION_ELSEWHERE;
    return f->code.n > 0 ? f->code : opens ? SL_STR("websocket_connection_limit_reached") : row->code;
}

struct sl_str responses_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                              const struct realtime_event *about)
{
    const struct gateway_error_row *row = gateway_error_row(f->error);
    struct sl_str code = code_of(f, row);
    bool opens = sl_str_eq(code, SL_STR("websocket_connection_limit_reached"));
    (void)id;
    struct sl_str error = sl_arena_printf(
        a, "{\"type\":" SL_STR_FMT ",\"code\":" SL_STR_FMT ",\"message\":" SL_STR_FMT ",\"param\":" SL_STR_FMT "}",
        SL_STR_ARG(json_quote(a, opens ? SL_STR("invalid_request_error") : row->type)), SL_STR_ARG(json_quote(a, code)),
        SL_STR_ARG(json_quote(a, f->message.n > 0 ? f->message : row->message)),
        SL_STR_ARG(f->param.n > 0 ? json_quote(a, f->param) : SL_STR("null")));
    return event_of(a, opens ? 400 : row->status, error, about != NULL ? about->lane : SL_STR_NONE);
}

struct sl_str responses_error_of(struct sl_arena *a, int status, struct sl_str body)
{
    static const struct json_watch error = {SL_STR_INIT("error"), -1};
    struct json_member m;
    struct json_info info;
    if (json_scan(body, &error, 1, &m, &info) != JSON_OK || m.kind != JSON_OBJECT)
        return SL_STR_NONE;
    return event_of(a, status, json_raw(body, &m), SL_STR_NONE);
}

static const struct session_words realtime_words = {
    .look_client = realtime_look_client,
    .look_server = realtime_look_server,
    .error = realtime_error,
    .cancel = SL_STR_INIT("{\"type\":\"response.cancel\"}"),
};
static const struct session_words responses_words = {
    .opens = true,
    .each_names = true,
    .look_client = responses_look_client,
    .look_server = responses_look_server,
    .error = responses_error,
    .error_of = responses_error_of,
    .no_model = SL_STR_INIT("Nothing was asked for yet: send response.create first."),
};
const struct session_words transcription_words = {
    .opens = true,
    .transcribes = true,
    .look_client = transcription_look_client,
    .look_server = realtime_look_server,
    .error = realtime_error,
    .error_of = realtime_error_of,
    .greeting = transcription_greeting,
    .no_model =
        SL_STR_INIT("Say first which model shall transcribe: session.update with audio.input.transcription.model."),
};
static const struct session_words live_words = {
    .opens = true,
    .binary = true,
    .live = true,
    .look_client = live_look_client,
    .look_server = live_look_server,
    .error = live_error,
    .error_of = live_error_of,
    .no_model = SL_STR_INIT("the first message must be setup"),
};

const struct session_words *session_words_of(enum operation op)
{
    return op == OP_RESPONSES_SOCKET ? &responses_words : op == OP_LIVE ? &live_words : &realtime_words;
}
