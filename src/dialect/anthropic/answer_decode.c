/* Facts of an answer that is not streamed, and of an error body: see dialect.h. The answer itself goes on as bytes. */
#include "dialect/anthropic/anthropic_int.h"

enum answer_member {
    AM_TYPE = 0,
    AM_MODEL,
    AM_USAGE,
    AM_CONTENT,
    AM_STOP,
    AM_ERROR,
    AM_MESSAGE, /* AWS writes errors as {"message"}, some of its services {"Message"} */
    AM_MESSAGE2,
    AM_AWS_TYPE,
    AM_INPUT_TOKENS,
    AM_COUNT
};

static const struct json_watch watches[AM_COUNT] = {
    [AM_TYPE] = {SL_STR_INIT("type"), -1},        [AM_MODEL] = {SL_STR_INIT("model"), -1},
    [AM_USAGE] = {SL_STR_INIT("usage"), -1},      [AM_CONTENT] = {SL_STR_INIT("content"), -1},
    [AM_STOP] = {SL_STR_INIT("stop_reason"), -1}, [AM_ERROR] = {SL_STR_INIT("error"), -1},
    [AM_MESSAGE] = {SL_STR_INIT("message"), -1},  [AM_MESSAGE2] = {SL_STR_INIT("Message"), -1},
    [AM_AWS_TYPE] = {SL_STR_INIT("__type"), -1},  [AM_INPUT_TOKENS] = {SL_STR_INIT("input_tokens"), -1},
};

static void read_error(struct sl_str body, const struct json_member at[AM_COUNT], struct answer_error *out)
{
    if (at[AM_ERROR].kind == JSON_OBJECT || at[AM_ERROR].kind == JSON_STRING) {
        anthropic_error_read(json_raw(body, &at[AM_ERROR]), out);
    } else if (at[AM_CONTENT].kind == JSON_ABSENT &&
               (at[AM_MESSAGE].kind == JSON_STRING || at[AM_MESSAGE2].kind == JSON_STRING)) {
        bool usual = at[AM_MESSAGE].kind == JSON_STRING;
        *out = (struct answer_error){.found = true,
                                     .type = json_inside_if(body, &at[AM_AWS_TYPE]),
                                     .message = json_inside_if(body, &at[usual ? AM_MESSAGE : AM_MESSAGE2])};
    }
}

/* The first element of an array of one: how Google's stream endpoints answer with errors. */
static struct sl_str unwrapped(struct sl_str body)
{
    struct json_member first;
    size_t at = 0;
    if (body.n == 0 || body.p[0] != '[' || !json_next_element(body, &at, &first))
        return body;
    return json_raw(body, &first);
}

void anthropic_answer_decode(struct sl_str body, struct answer_facts *out)
{
    *out = (struct answer_facts){.valid = false};
    struct json_member at[AM_COUNT];
    struct json_info info;
    enum json_status status = json_scan(body, watches, AM_COUNT, at, &info);
    if (status == JSON_OK && info.root == JSON_ARRAY) {
        body = unwrapped(body);
        status = json_scan(body, watches, AM_COUNT, at, &info);
    }
    if (status != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->valid = true;
    out->model = json_inside_if(body, &at[AM_MODEL]);
    out->finish = json_inside_if(body, &at[AM_STOP]);
    if (at[AM_USAGE].kind == JSON_OBJECT) {
        struct anthropic_usage u = {.found = false};
        anthropic_usage_merge(&u, json_raw(body, &at[AM_USAGE]));
        anthropic_usage_counts(&u, &out->usage);
    }
    read_error(body, at, &out->error);
    out->content_bytes = at[AM_CONTENT].to - at[AM_CONTENT].from;
}

/* -- In slices --------------------------------------------------------------------------------------------------------- */

#define USAGE_MAX 16384u /* bytes; with a dozen iterations below 3,000 */
#define ERROR_MAX 8192u

enum tapped {
    TAP_USAGE = 0,
    TAP_ERROR,
    TAP_MODEL,
    TAP_CONTENT
};

void anthropic_answer_watch_init(void *watch, struct sl_arena *a)
{
    struct anthropic_answer_watch *w = watch;
    const struct json_tapped members[JSON_TAP_NAMES] = {
        [TAP_USAGE] = {.name = SL_STR("usage"), .max = USAGE_MAX},
        [TAP_ERROR] = {.name = SL_STR("error"), .max = ERROR_MAX},
        [TAP_MODEL] = {.name = SL_STR("model"), .max = MODEL_NAME_MAX},
        [TAP_CONTENT] = {.name = SL_STR("content"), .max = ANSWER_CONTENT_KEPT},
    };
    memcpy(w->member, members, sizeof members);
    json_tap_init(&w->tap, w->member, JSON_TAP_NAMES, a);
}

void anthropic_answer_watch_feed(void *watch, struct sl_str slice)
{
    struct anthropic_answer_watch *w = watch;
    json_tap_feed(&w->tap, slice);
}

void anthropic_answer_watch_done(const void *watch, struct answer_facts *out)
{
    const struct anthropic_answer_watch *w = watch;
    struct anthropic_usage u = {.found = false};
    *out = (struct answer_facts){.valid = json_tap_complete(&w->tap),
                                 .content_bytes = w->member[TAP_CONTENT].bytes,
                                 .content = sl_str_of(w->member[TAP_CONTENT].p, w->member[TAP_CONTENT].kept),
                                 .content_name = w->member[TAP_CONTENT].name};
    anthropic_usage_merge(&u, json_tap_value(&w->member[TAP_USAGE]));
    anthropic_usage_counts(&u, &out->usage);
    struct sl_str error = json_tap_value(&w->member[TAP_ERROR]);
    if (error.n > 0 && !json_peek_is_null(error))
        anthropic_error_read(error, &out->error);
    out->model = json_peek_word(json_tap_value(&w->member[TAP_MODEL]));
}

/* -- Errors ------------------------------------------------------------------------------------------------------------ */

/* "messages.3.content.0: ..." names the member that it is about (anthropic.md 9). */
static struct sl_str path_of(struct sl_str message)
{
    ptrdiff_t colon = sl_str_find(message, ':');
    if (colon <= 0 || colon > 128)
        return SL_STR_NONE;
    struct sl_str path = sl_str_head(message, (size_t)colon);
    bool dotted = false;
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        dotted = dotted || c == '.' || c == '_';
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_'))
            return SL_STR_NONE;
    }
    return dotted || sl_str_eq(path, SL_STR("messages")) || sl_str_eq(path, SL_STR("model")) ||
                   sl_str_eq(path, SL_STR("system")) || sl_str_eq(path, SL_STR("tools"))
               ? path
               : SL_STR_NONE;
}

static struct sl_str error_code_of(struct sl_str details)
{
    struct sl_str v;
    if (details.n == 0 || details.p[0] != '{')
        return SL_STR_NONE; /* Google's are an array */
    struct json_peek k = json_peek_at(details);
    while (json_peek_key(&k) && json_peek_value(&k, &v))
        if (sl_str_eq(k.key, SL_STR("error_code")))
            return json_peek_word(v);
    return SL_STR_NONE;
}

void anthropic_error_read(struct sl_str value, struct answer_error *out)
{
    *out = (struct answer_error){.found = true};
    if (value.n == 0 || value.p[0] != '{') {
        out->message = json_peek_word(value);
        return;
    }
    struct json_peek k = json_peek_at(value);
    struct sl_str v;
    while (json_peek_key(&k) && json_peek_value(&k, &v)) {
        if (sl_str_eq(k.key, SL_STR("type")) || sl_str_eq(k.key, SL_STR("status")))
            out->type = json_peek_word(v); /* status: Google's word for it */
        else if (sl_str_eq(k.key, SL_STR("message")))
            out->message = json_peek_word(v);
        else if (sl_str_eq(k.key, SL_STR("details")))
            out->code = error_code_of(v);
    }
    out->param = path_of(out->message);
}
