/* See realtime.h. One strict pass over a message, one more over a usage object, which lies deeper than one pass looks. */
#include "dialect/realtime.h"

#define TYPE_MAX 96u /* bytes of the longest name of a kind, with room */

/* ---- kinds ---- */

struct kind_row {
    struct sl_str name;
    enum realtime_kind kind;
};

static const struct kind_row server_kinds[] = {
    {SL_STR_INIT("response.output_audio.delta"), RT_AUDIO},
    {SL_STR_INIT("response.audio.delta"), RT_AUDIO},
    {SL_STR_INIT("response.output_audio_transcript.delta"), RT_TEXT},
    {SL_STR_INIT("response.audio_transcript.delta"), RT_TEXT},
    {SL_STR_INIT("response.output_text.delta"), RT_TEXT},
    {SL_STR_INIT("response.text.delta"), RT_TEXT},
    {SL_STR_INIT("response.function_call_arguments.delta"), RT_TEXT},
    {SL_STR_INIT("response.created"), RT_CREATED},
    {SL_STR_INIT("response.done"), RT_DONE},
    {SL_STR_INIT("conversation.item.input_audio_transcription.completed"), RT_TRANSCRIBED},
    {SL_STR_INIT("session.created"), RT_SESSION},
    {SL_STR_INIT("session.updated"), RT_SESSION},
    {SL_STR_INIT("transcription_session.updated"), RT_SESSION},
    {SL_STR_INIT("error"), RT_ERROR},
};
static const struct kind_row client_kinds[] = {
    {SL_STR_INIT("response.create"), RT_CREATE},
    {SL_STR_INIT("input_audio_buffer.append"), RT_AUDIO},
    {SL_STR_INIT("conversation.item.create"), RT_TEXT},
    {SL_STR_INIT("session.update"), RT_TEXT},
};

static enum realtime_kind kind_of(struct sl_str doc, const struct json_member *type, const struct kind_row *rows,
                                  size_t n)
{
    char room[TYPE_MAX];
    if (type->kind != JSON_STRING)
        return RT_OTHER;
    struct sl_str name = json_inside(doc, type);
    if (type->escaped) {
        size_t plain = 0;
        if (name.n > sizeof room || !json_unescape(name, room, &plain))
            return RT_OTHER;
        name = sl_str_of(room, plain);
    }
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq(rows[i].name, name))
            return rows[i].kind;
    return RT_OTHER;
}

/* ---- usage ---- */

#define USAGE_MEMBERS(X)                                                                                               \
    X(TYPE, "type", -1)                                                                                                \
    X(TOTAL, "total_tokens", -1)                                                                                       \
    X(INPUT, "input_tokens", -1)                                                                                       \
    X(OUTPUT, "output_tokens", -1)                                                                                     \
    X(SECONDS, "seconds", -1)                                                                                          \
    X(IN, "input_token_details", -1)                                                                                   \
    X(OUT, "output_token_details", -1)                                                                                 \
    X(IN_TEXT, "text_tokens", UM_IN)                                                                                   \
    X(IN_AUDIO, "audio_tokens", UM_IN)                                                                                 \
    X(IN_IMAGE, "image_tokens", UM_IN)                                                                                 \
    X(CACHED, "cached_tokens", UM_IN)                                                                                  \
    X(CACHED_OF, "cached_tokens_details", UM_IN)                                                                       \
    X(CACHED_TEXT, "text_tokens", UM_CACHED_OF)                                                                        \
    X(CACHED_AUDIO, "audio_tokens", UM_CACHED_OF)                                                                      \
    X(CACHED_IMAGE, "image_tokens", UM_CACHED_OF)                                                                      \
    X(OUT_TEXT, "text_tokens", UM_OUT)                                                                                 \
    X(OUT_AUDIO, "audio_tokens", UM_OUT)                                                                               \
    X(OUT_REASONING, "reasoning_tokens", UM_OUT)

enum usage_member {
#define X(id, ...) UM_##id,
    USAGE_MEMBERS(X)
#undef X
    UM_COUNT
};

static const struct json_watch usage_watches[UM_COUNT] = {
#define X(id, text, parent) [UM_##id] = {SL_STR_INIT(text), parent},
    USAGE_MEMBERS(X)
#undef X
};

static uint64_t count_of(struct sl_str doc, const struct json_member *m, struct token_counts *out)
{
    uint64_t n = 0;
    if (m->kind == JSON_ABSENT || m->kind == JSON_NULL)
        return 0;
    if (m->kind != JSON_NUMBER || !json_count(json_raw(doc, m), &n))
        out->bad = true;
    return n;
}

static uint64_t without(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

/* "12", "3.25": whole milliseconds, a part of one counts as one. */
static uint64_t milliseconds(struct sl_str seconds, struct token_counts *out)
{
    struct sl_str rest = seconds, whole = sl_str_cut(&rest, '.');
    uint64_t s = 0, ms = 0;
    bool more = false;
    if (!sl_str_to_u64(whole, &s) || s > UINT32_MAX) {
        out->bad = true;
        return 0;
    }
    for (size_t i = 0; i < rest.n || i < 3; i++) {
        unsigned digit = i < rest.n ? (unsigned)(rest.p[i] - '0') : 0;
        if (digit > 9) { /* an exponent: nobody writes seconds so */
            out->bad = true;
            return 0;
        }
        if (i < 3)
            ms = ms * 10 + digit;
        else
            more |= digit != 0;
    }
    return s * 1000 + ms + more;
}

static void read_usage(struct sl_str doc, struct realtime_event *out)
{
    struct json_member at[UM_COUNT];
    struct json_info info;
    struct token_counts *u = &out->usage;
    u->found = true;
    if (json_scan(doc, usage_watches, UM_COUNT, at, &info) != JSON_OK) {
        u->bad = true;
        return;
    }
    u->unknown = info.unwatched > 0;
    out->usage_ms = at[UM_SECONDS].kind == JSON_NUMBER ? milliseconds(json_raw(doc, &at[UM_SECONDS]), u) : 0;
    u->prompt = count_of(doc, &at[UM_INPUT], u);
    u->completion = count_of(doc, &at[UM_OUTPUT], u);
    u->total = count_of(doc, &at[UM_TOTAL], u);
    u->cached = count_of(doc, &at[UM_CACHED], u);
    u->audio_prompt = without(count_of(doc, &at[UM_IN_AUDIO], u), count_of(doc, &at[UM_CACHED_AUDIO], u));
    u->image_prompt = without(count_of(doc, &at[UM_IN_IMAGE], u), count_of(doc, &at[UM_CACHED_IMAGE], u));
    u->audio_completion = count_of(doc, &at[UM_OUT_AUDIO], u);
    u->reasoning = count_of(doc, &at[UM_OUT_REASONING], u);
}

/* ---- messages ---- */

#define SERVER_MEMBERS(X)                                                                                              \
    X(TYPE, "type", -1)                                                                                                \
    X(ID, "event_id", -1)                                                                                              \
    X(RESPONSE_ID, "response_id", -1)                                                                                  \
    X(DELTA, "delta", -1)                                                                                              \
    X(USAGE, "usage", -1)                                                                                              \
    X(RESPONSE, "response", -1)                                                                                        \
    X(OF_ID, "id", SM_RESPONSE)                                                                                        \
    X(OF_STATUS, "status", SM_RESPONSE)                                                                                \
    X(OF_USAGE, "usage", SM_RESPONSE)                                                                                  \
    X(ERROR, "error", -1)                                                                                              \
    X(ERROR_TYPE, "type", SM_ERROR)                                                                                    \
    X(ERROR_CODE, "code", SM_ERROR)                                                                                    \
    X(ERROR_MESSAGE, "message", SM_ERROR)                                                                              \
    X(ERROR_PARAM, "param", SM_ERROR)                                                                                  \
    X(ERROR_CAUSE, "event_id", SM_ERROR)                                                                               \
    X(SESSION, "session", -1)                                                                                          \
    X(SESSION_AUDIO, "audio", SM_SESSION)                                                                              \
    X(AUDIO_INPUT, "input", SM_SESSION_AUDIO)                                                                          \
    X(BETA_TRANSCRIPTION, "input_audio_transcription", SM_SESSION)                                                     \
    X(BETA_MODEL, "model", SM_BETA_TRANSCRIPTION)

enum server_member {
#define X(id, ...) SM_##id,
    SERVER_MEMBERS(X)
#undef X
    SM_COUNT
};

static const struct json_watch server_watches[SM_COUNT] = {
#define X(id, text, parent) [SM_##id] = {SL_STR_INIT(text), parent},
    SERVER_MEMBERS(X)
#undef X
};

static struct sl_str transcriber(struct sl_str doc, const struct json_member *at)
{
    static const struct json_watch deeper[] = {{SL_STR_INIT("transcription"), -1}, {SL_STR_INIT("model"), 0}};
    struct json_member m[2];
    struct json_info info;
    if (at[SM_BETA_MODEL].kind == JSON_STRING)
        return json_inside(doc, &at[SM_BETA_MODEL]);
    if (at[SM_AUDIO_INPUT].kind != JSON_OBJECT)
        return SL_STR_NONE;
    struct sl_str input = json_raw(doc, &at[SM_AUDIO_INPUT]);
    return json_scan(input, deeper, 2, m, &info) == JSON_OK ? json_inside_if(input, &m[1]) : SL_STR_NONE;
}

void realtime_look_server(struct sl_str message, struct realtime_event *out)
{
    struct json_member at[SM_COUNT];
    struct json_info info;
    *out = (struct realtime_event){.kind = RT_OTHER};
    if (json_scan(message, server_watches, SM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->kind = kind_of(message, &at[SM_TYPE], server_kinds, sizeof server_kinds / sizeof *server_kinds);
    out->id = json_inside_if(message, &at[SM_ID]);
    out->response = json_inside_if(message, &at[at[SM_OF_ID].kind == JSON_STRING ? SM_OF_ID : SM_RESPONSE_ID]);
    out->status = json_inside_if(message, &at[SM_OF_STATUS]);
    out->text = json_inside_if(message, &at[SM_DELTA]);
    out->delta = out->text.n;
    if (out->kind == RT_DONE && at[SM_OF_USAGE].kind == JSON_OBJECT)
        read_usage(json_raw(message, &at[SM_OF_USAGE]), out);
    else if (out->kind == RT_TRANSCRIBED && at[SM_USAGE].kind == JSON_OBJECT)
        read_usage(json_raw(message, &at[SM_USAGE]), out);
    if (out->kind == RT_SESSION) {
        out->model = transcriber(message, at);
        out->opening = sl_str_ends(json_inside_if(message, &at[SM_TYPE]), SL_STR(".created"));
    }
    if (out->kind != RT_ERROR)
        return;
    out->cause = json_inside_if(message, &at[SM_ERROR_CAUSE]);
    out->error = (struct answer_error){
        .found = true,
        .type = json_inside_if(message, &at[SM_ERROR_TYPE]),
        .code = json_inside_if(message, &at[SM_ERROR_CODE]),
        .message = json_inside_if(message, &at[SM_ERROR_MESSAGE]),
        .param = json_inside_if(message, &at[SM_ERROR_PARAM]),
    };
}

void realtime_look_client(struct sl_str message, struct realtime_event *out)
{
    static const struct json_watch watches[] = {
        {SL_STR_INIT("type"), -1}, {SL_STR_INIT("event_id"), -1}, {SL_STR_INIT("audio"), -1}};
    struct json_member at[3];
    struct json_info info;
    *out = (struct realtime_event){.kind = RT_OTHER};
    if (json_scan(message, watches, 3, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->kind = kind_of(message, &at[0], client_kinds, sizeof client_kinds / sizeof *client_kinds);
    out->delta = out->kind == RT_AUDIO ? json_inside_if(message, &at[2]).n : out->kind == RT_TEXT ? message.n : 0;
    out->id = json_inside_if(message, &at[1]);
}

struct sl_str realtime_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                             const struct realtime_event *about)
{
    struct sl_str cause = about != NULL ? about->id : SL_STR_NONE;
    const struct gateway_error_row *row = gateway_error_row(f->error);
    struct sl_str type = json_quote(a, row->type), code = json_quote(a, f->code.n > 0 ? f->code : row->code);
    struct sl_str message = json_quote(a, f->message.n > 0 ? f->message : row->message);
    const char *quote = cause.n > 0 ? "\"" : "";
    if (cause.n == 0)
        cause = SL_STR("null");
    return sl_arena_printf(
        a,
        "{\"type\":\"error\",\"event_id\":\"event_" SL_STR_FMT "\",\"error\":{\"type\":" SL_STR_FMT
        ",\"code\":" SL_STR_FMT ",\"message\":" SL_STR_FMT ",\"param\":null,\"event_id\":%s" SL_STR_FMT "%s}}",
        SL_STR_ARG(id), SL_STR_ARG(type), SL_STR_ARG(code), SL_STR_ARG(message), quote, SL_STR_ARG(cause), quote);
}
