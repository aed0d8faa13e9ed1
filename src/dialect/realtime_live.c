/* Gemini's Live API: see realtime.h. A message is an object with one member (and usageMetadata beside it); names are camelCase, and
 * snake_case as Google's own SDK for Python writes them. A turn's usage is that of the turn with all that it has read, reported once,
 * or again as it grows: the newest counts. Sources: gemini.md section 18; ai.google.dev/api/live and the google-genai SDKs (November
 * 2026). */
#include "dialect/gemini/gemini_int.h"
#include "dialect/realtime.h"

/* ---- the client's ---- */

enum client_member {
    CM_SETUP = 0,
    CM_MODEL,
    CM_CONTENT,
    CM_CONTENT_SNAKE,
    CM_COMPLETE,
    CM_COMPLETE_2,
    CM_COMPLETE_3,
    CM_COMPLETE_4,
    CM_INPUT,
    CM_INPUT_SNAKE,
    CM_TEXT,
    CM_TEXT_SNAKE,
    CM_END,
    CM_END_2,
    CM_END_3,
    CM_END_4,
    CM_TOOL,
    CM_TOOL_SNAKE,
    CM_COUNT
};

static const struct json_watch client_watches[CM_COUNT] = {
    [CM_SETUP] = {SL_STR_INIT("setup"), -1},
    [CM_MODEL] = {SL_STR_INIT("model"), CM_SETUP},
    [CM_CONTENT] = {SL_STR_INIT("clientContent"), -1},
    [CM_CONTENT_SNAKE] = {SL_STR_INIT("client_content"), -1},
    [CM_COMPLETE] = {SL_STR_INIT("turnComplete"), CM_CONTENT},
    [CM_COMPLETE_2] = {SL_STR_INIT("turn_complete"), CM_CONTENT},
    [CM_COMPLETE_3] = {SL_STR_INIT("turnComplete"), CM_CONTENT_SNAKE},
    [CM_COMPLETE_4] = {SL_STR_INIT("turn_complete"), CM_CONTENT_SNAKE},
    [CM_INPUT] = {SL_STR_INIT("realtimeInput"), -1},
    [CM_INPUT_SNAKE] = {SL_STR_INIT("realtime_input"), -1},
    [CM_TEXT] = {SL_STR_INIT("text"), CM_INPUT},
    [CM_TEXT_SNAKE] = {SL_STR_INIT("text"), CM_INPUT_SNAKE},
    [CM_END] = {SL_STR_INIT("activityEnd"), CM_INPUT},
    [CM_END_2] = {SL_STR_INIT("activity_end"), CM_INPUT},
    [CM_END_3] = {SL_STR_INIT("activityEnd"), CM_INPUT_SNAKE},
    [CM_END_4] = {SL_STR_INIT("activity_end"), CM_INPUT_SNAKE},
    [CM_TOOL] = {SL_STR_INIT("toolResponse"), -1},
    [CM_TOOL_SNAKE] = {SL_STR_INIT("tool_response"), -1},
};

static bool any_is(const struct json_member *at, unsigned from, unsigned to, enum json_kind kind)
{
    for (unsigned i = from; i <= to; i++)
        if (at[i].kind == kind)
            return true;
    return false;
}

void live_look_client(struct sl_str message, struct realtime_event *out)
{
    struct json_member at[CM_COUNT];
    struct json_info info;
    *out = (struct realtime_event){.kind = RT_OTHER};
    enum json_status s = json_scan(message, client_watches, CM_COUNT, at, &info);
    if (s == JSON_REPEATED)
        out->kind = RT_SETUP; /* of no model: nobody knows which of them the provider would take */
    if (s != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->delta = message.n;
    if (json_is_said(&at[CM_SETUP])) {
        out->kind = RT_SETUP;
        out->model = json_inside_if(message, &at[CM_MODEL]);
    } else if (json_is_said(&at[CM_TOOL]) || json_is_said(&at[CM_TOOL_SNAKE])) {
        out->kind = RT_RESULT;
    } else if (any_is(at, CM_COMPLETE, CM_COMPLETE_4, JSON_TRUE)) {
        out->kind = RT_CREATE;
    } else if (json_is_said(&at[CM_INPUT]) || json_is_said(&at[CM_INPUT_SNAKE])) {
        bool asks = any_is(at, CM_TEXT, CM_TEXT_SNAKE, JSON_STRING) || any_is(at, CM_END, CM_END_4, JSON_OBJECT);
        out->kind = asks ? RT_CREATE : RT_AUDIO;
        out->unsure = true;
    } else {
        out->kind = RT_TEXT;
    }
}

/* ---- the server's ---- */

enum server_member {
    SM_CONTENT = 0,
    SM_TURN,
    SM_COMPLETE,
    SM_SPOKEN,
    SM_TOOL,
    SM_USAGE,
    SM_COUNT
};

static const struct json_watch server_watches[SM_COUNT] = {
    [SM_CONTENT] = {SL_STR_INIT("serverContent"), -1},
    [SM_TURN] = {SL_STR_INIT("modelTurn"), SM_CONTENT},
    [SM_COMPLETE] = {SL_STR_INIT("turnComplete"), SM_CONTENT},
    [SM_SPOKEN] = {SL_STR_INIT("outputTranscription"), SM_CONTENT},
    [SM_TOOL] = {SL_STR_INIT("toolCall"), -1},
    [SM_USAGE] = {SL_STR_INIT("usageMetadata"), -1},
};

/* {"parts":[{"text":"..."},{"inlineData":{"mimeType":"...","data":"..."}}]} */
static void read_turn(struct sl_str turn, struct realtime_event *out)
{
    static const struct json_watch of_turn = {SL_STR_INIT("parts"), -1};
    static const struct json_watch of_part[] = {
        {SL_STR_INIT("text"), -1}, {SL_STR_INIT("inlineData"), -1}, {SL_STR_INIT("data"), 1}};
    struct json_member parts, part, m[3];
    struct json_info info;
    if (json_scan(turn, &of_turn, 1, &parts, &info) != JSON_OK || parts.kind != JSON_ARRAY)
        return;
    struct sl_str list = json_raw(turn, &parts);
    for (size_t i = 0; json_next_element(list, &i, &part);) {
        struct sl_str one = json_raw(list, &part);
        if (part.kind != JSON_OBJECT || json_scan(one, of_part, 3, m, &info) != JSON_OK)
            continue;
        if (m[0].kind == JSON_STRING) {
            out->text = out->text.n > 0 ? out->text : json_inside(one, &m[0]);
            out->delta += json_inside(one, &m[0]).n;
        }
        if (m[2].kind == JSON_STRING)
            out->audio += json_inside(one, &m[2]).n;
    }
}

void live_look_server(struct sl_str message, struct realtime_event *out)
{
    struct json_member at[SM_COUNT];
    struct json_info info;
    struct gem_usage usage = {.found = false};
    *out = (struct realtime_event){.kind = RT_OTHER};
    if (json_scan(message, server_watches, SM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    if (at[SM_TURN].kind == JSON_OBJECT)
        read_turn(json_raw(message, &at[SM_TURN]), out);
    if (at[SM_TOOL].kind == JSON_OBJECT) {
        out->text = out->text.n > 0 ? out->text : json_raw(message, &at[SM_TOOL]);
        out->delta += json_raw(message, &at[SM_TOOL]).n;
    }
    if (at[SM_USAGE].kind == JSON_OBJECT)
        gem_usage_add(&usage, json_raw(message, &at[SM_USAGE]));
    if (usage.found) {
        usage.total = 0; /* thoughts are never in it here, so it must not be asked whether they are */
        out->usage = gem_usage_counts(&usage);
    }
    out->ends = at[SM_COMPLETE].kind == JSON_TRUE;
    bool turn = at[SM_TURN].kind == JSON_OBJECT || at[SM_TOOL].kind == JSON_OBJECT || at[SM_SPOKEN].kind == JSON_OBJECT;
    if (turn || out->ends || out->usage.found)
        out->kind = RT_PIECE;
}

/* ---- errors: a close code with a reason ---- */

struct sl_str live_error(struct sl_arena *a, struct sl_str id, const struct error_facts *f,
                         const struct realtime_event *about)
{
    (void)a, (void)id, (void)f, (void)about;
    return SL_STR_NONE;
}

struct sl_str live_error_of(struct sl_arena *a, int status, struct sl_str body)
{
    static const struct json_watch of[] = {{SL_STR_INIT("error"), -1}, {SL_STR_INIT("message"), 0}};
    struct json_member m[2];
    struct json_info info;
    (void)status;
    if (json_scan(body, of, 2, m, &info) != JSON_OK || m[1].kind != JSON_STRING)
        return SL_STR_NONE;
    struct sl_str inside = json_inside(body, &m[1]);
    char *plain = sl_arena_alloc(a, inside.n + 1);
    size_t n = 0;
    return json_unescape(inside, plain, &n) ? sl_str_of(plain, n) : SL_STR_NONE;
}

struct answer_error live_close_error(unsigned code, struct sl_str reason)
{
    static const struct {
        const char *word;
        struct sl_str type;
        int status;
    } rows[] = {
        {"quota", SL_STR_INIT("RESOURCE_EXHAUSTED"), 429},
        {"API key", SL_STR_INIT("PERMISSION_DENIED"), 403},
        {"not found", SL_STR_INIT("NOT_FOUND"), 404},
    };
    struct answer_error e = {.found = true, .message = reason, .plain = true};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && e.status == 0; i++)
        if (sl_str_find_str(reason, sl_str_c(rows[i].word)) >= 0) {
            e.type = rows[i].type;
            e.status = rows[i].status;
        }
    if (e.status == 0 && (code == 1007 || code == 1008)) {
        e.type = SL_STR("INVALID_ARGUMENT");
        e.status = 400;
    } else if (e.status == 0) {
        e.type = code == 1011 ? SL_STR("INTERNAL") : SL_STR("UNAVAILABLE");
        e.status = code == 1011 ? 500 : 503;
    }
    return e;
}

struct sl_str live_go_away(struct sl_arena *a, unsigned seconds)
{
    return sl_arena_printf(a, "{\"goAway\":{\"timeLeft\":\"%us\"}}", seconds);
}
