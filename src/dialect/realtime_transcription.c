/* Sessions of the Realtime API that transcribe and nothing else (realtime?intent=transcription): see realtime.h. The URL names no
 * model; the client's first session.update does, or the beta's transcription_session.update (openai.md section 18, and OpenAI's guide
 * "Realtime transcription", November 2026). */
#include "dialect/realtime.h"

#include "dialect/json_tree.h"

enum member {
    M_TYPE = 0,
    M_ID,
    M_AUDIO,
    M_SESSION,
    M_SESSION_AUDIO,
    M_INPUT,
    M_BETA,
    M_BETA_MODEL,
    M_COUNT
};

static const struct json_watch watches[M_COUNT] = {
    [M_TYPE] = {SL_STR_INIT("type"), -1},
    [M_ID] = {SL_STR_INIT("event_id"), -1},
    [M_AUDIO] = {SL_STR_INIT("audio"), -1},
    [M_SESSION] = {SL_STR_INIT("session"), -1},
    [M_SESSION_AUDIO] = {SL_STR_INIT("audio"), M_SESSION},
    [M_INPUT] = {SL_STR_INIT("input"), M_SESSION_AUDIO},
    [M_BETA] = {SL_STR_INIT("input_audio_transcription"), M_SESSION},
    [M_BETA_MODEL] = {SL_STR_INIT("model"), M_BETA},
};

/* out_doubtful: it says so in more than one way, and who is to choose? */
static struct sl_str model_of(struct sl_str doc, const struct json_member *at, bool *out_doubtful)
{
    static const struct json_watch deeper[] = {{SL_STR_INIT("transcription"), -1}, {SL_STR_INIT("model"), 0}};
    struct json_member m[2];
    struct json_info info;
    struct sl_str beta = json_inside_if(doc, &at[M_BETA_MODEL]);
    if (at[M_INPUT].kind != JSON_OBJECT)
        return beta;
    struct sl_str input = json_raw(doc, &at[M_INPUT]);
    enum json_status s = json_scan(input, deeper, 2, m, &info);
    *out_doubtful = s != JSON_OK || (beta.n > 0 && m[1].kind != JSON_ABSENT);
    return beta.n > 0 ? beta : s == JSON_OK ? json_inside_if(input, &m[1]) : SL_STR_NONE;
}

void transcription_look_client(struct sl_str message, struct realtime_event *out)
{
    struct json_member at[M_COUNT];
    struct json_info info;
    *out = (struct realtime_event){.kind = RT_OTHER};
    bool doubtful = false;
    enum json_status s = json_scan(message, watches, M_COUNT, at, &info);
    if (s == JSON_REPEATED)
        out->kind = RT_SETUP; /* of no model: nobody knows which of them the provider would take */
    if (s != JSON_OK || info.root != JSON_OBJECT)
        return;
    struct sl_str type = json_inside_if(message, &at[M_TYPE]), model = model_of(message, at, &doubtful);
    out->id = json_inside_if(message, &at[M_ID]);
    if (sl_str_eq(type, SL_STR("input_audio_buffer.append"))) {
        out->kind = RT_AUDIO;
        out->delta = json_inside_if(message, &at[M_AUDIO]).n;
    } else if (sl_str_eq(type, SL_STR("input_audio_buffer.commit"))) {
        out->kind = RT_COMMIT;
    } else if (model.n > 0 || doubtful) { /* whatever it calls itself: its model must be one that may be asked */
        out->kind = RT_SETUP;
        out->model = doubtful ? SL_STR_NONE : model;
    }
}

struct sl_str transcription_greeting(struct sl_arena *a, struct sl_str id)
{
    return sl_arena_printf(a,
                           "{\"type\":\"session.created\",\"event_id\":\"event_" SL_STR_FMT
                           "\",\"session\":{\"type\":\"transcription\",\"object\":\"realtime.transcription_session\","
                           "\"id\":\"sess_" SL_STR_FMT "\"}}",
                           SL_STR_ARG(id), SL_STR_ARG(id));
}

struct sl_str transcription_setup_of(struct sl_arena *a, struct sl_str model)
{
    return sl_arena_printf(a,
                           "{\"type\":\"session.update\",\"session\":{\"type\":\"transcription\",\"audio\":{\"input\":"
                           "{\"transcription\":{\"model\":" SL_STR_FMT "}}}}}",
                           SL_STR_ARG(json_quote(a, model)));
}

struct sl_str transcription_setup(struct sl_arena *a, struct sl_str session)
{
    static const struct json_watch type = {SL_STR_INIT("type"), -1};
    struct json_member m;
    struct json_info info;
    bool beta = json_scan(session, &type, 1, &m, &info) != JSON_OK || m.kind != JSON_STRING;
    return sl_arena_printf(a, "{\"type\":\"%s\",\"session\":" SL_STR_FMT "}",
                           beta ? "transcription_session.update" : "session.update", SL_STR_ARG(session));
}

struct sl_str realtime_error_of(struct sl_arena *a, int status, struct sl_str body)
{
    static const struct json_watch error = {SL_STR_INIT("error"), -1};
    struct json_member m;
    struct json_info info;
    (void)status;
    if (json_scan(body, &error, 1, &m, &info) != JSON_OK || m.kind != JSON_OBJECT)
        return SL_STR_NONE;
    return sl_arena_printf(a, "{\"type\":\"error\",\"error\":" SL_STR_FMT "}", SL_STR_ARG(json_raw(body, &m)));
}
