/* Facts of an answer that is not streamed, and of an error body: see dialect.h. The answer itself goes on as bytes. */
#include "dialect/openai_chat/openai_chat.h"

#include "dialect/json_peek.h"

enum answer_member {
    AM_MODEL = 0,
    AM_USAGE,
    AM_CHOICES,
    AM_DATA,
    AM_ERROR,
    AM_COUNT
};

static const struct json_watch watches[AM_COUNT] = {
    [AM_MODEL] = {SL_STR_INIT("model"), -1},     [AM_USAGE] = {SL_STR_INIT("usage"), -1},
    [AM_CHOICES] = {SL_STR_INIT("choices"), -1}, [AM_DATA] = {SL_STR_INIT("data"), -1},
    [AM_ERROR] = {SL_STR_INIT("error"), -1},
};

static struct sl_str finish_of(struct sl_str choices);
static struct sl_str word_of(struct sl_str value);

void openai_answer_decode(struct sl_str body, struct answer_facts *out)
{
    *out = (struct answer_facts){.valid = false};
    struct json_member at[AM_COUNT];
    struct json_info info;
    if (json_scan(body, watches, AM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->valid = true;
    if (at[AM_MODEL].kind == JSON_STRING)
        out->model = json_inside(body, &at[AM_MODEL]);
    if (at[AM_USAGE].kind == JSON_OBJECT)
        openai_usage_read(json_raw(body, &at[AM_USAGE]), &out->usage);
    if (at[AM_ERROR].kind != JSON_ABSENT && at[AM_ERROR].kind != JSON_NULL)
        openai_error_read(json_raw(body, &at[AM_ERROR]), &out->error);
    if (at[AM_CHOICES].kind == JSON_ARRAY)
        out->finish = finish_of(json_raw(body, &at[AM_CHOICES]));
    out->content_bytes = at[AM_CHOICES].to - at[AM_CHOICES].from;
}

/* -- In slices ------------------------------------------------------------------------------------------------------- */

enum tapped {
    TAP_USAGE = 0,
    TAP_ERROR,
    TAP_MODEL,
    TAP_CHOICES
};

void openai_answer_watch_init(void *watch, struct sl_arena *a)
{
    struct openai_answer_watch *w = watch;
    const struct json_tapped members[JSON_TAP_NAMES] = {
        [TAP_USAGE] = {.name = SL_STR("usage"), .max = OPENAI_USAGE_MAX},
        [TAP_ERROR] = {.name = SL_STR("error"), .max = OPENAI_ERROR_MAX},
        [TAP_MODEL] = {.name = SL_STR("model"), .max = MODEL_NAME_MAX},
        [TAP_CHOICES] = {.name = SL_STR("choices")},
    };
    memcpy(w->member, members, sizeof members);
    json_tap_init(&w->tap, w->member, JSON_TAP_NAMES, a);
}

void openai_answer_watch_feed(void *watch, struct sl_str slice)
{
    struct openai_answer_watch *w = watch;
    json_tap_feed(&w->tap, slice);
}

void openai_answer_watch_done(const void *watch, struct answer_facts *out)
{
    const struct openai_answer_watch *w = watch;
    *out = (struct answer_facts){.valid = json_tap_complete(&w->tap), .content_bytes = w->member[TAP_CHOICES].bytes};
    struct sl_str usage = json_tap_value(&w->member[TAP_USAGE]), error = json_tap_value(&w->member[TAP_ERROR]);
    openai_usage_read(usage, &out->usage);
    if (error.n > 0 && !json_peek_is_null(error))
        openai_error_read(error, &out->error);
    out->model = word_of(json_tap_value(&w->member[TAP_MODEL]));
}

/* -- Parts ------------------------------------------------------------------------------------------------------------ */

static struct sl_str finish_of(struct sl_str choices)
{
    struct json_peek items = json_peek_at(choices);
    if (!json_peek_item(&items) || !json_peek_opens(&items, '{'))
        return SL_STR_NONE;
    struct json_peek k = json_peek_enter(&items);
    struct sl_str value;
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, SL_STR("finish_reason")) && value.n >= 2 && value.p[0] == '"')
            return sl_str_of(value.p + 1, value.n - 2);
    return SL_STR_NONE;
}

/* A string's inside, a number's digits; anything else says nothing. */
static struct sl_str word_of(struct sl_str value)
{
    if (value.n >= 2 && value.p[0] == '"')
        return sl_str_of(value.p + 1, value.n - 2);
    return value.n > 0 && value.p[0] >= '0' && value.p[0] <= '9' ? value : SL_STR_NONE;
}

void openai_error_read(struct sl_str value, struct answer_error *out)
{
    *out = (struct answer_error){.found = true};
    if (value.n == 0 || value.p[0] != '{') {
        out->message = word_of(value); /* "error": "text", as several servers write it */
        return;
    }
    struct json_peek k = json_peek_at(value);
    struct sl_str v;
    while (json_peek_key(&k) && json_peek_value(&k, &v)) {
        if (sl_str_eq(k.key, SL_STR("type")))
            out->type = word_of(v);
        else if (sl_str_eq(k.key, SL_STR("code")))
            out->code = word_of(v);
        else if (sl_str_eq(k.key, SL_STR("message")))
            out->message = word_of(v);
        else if (sl_str_eq(k.key, SL_STR("param")))
            out->param = word_of(v);
    }
}
