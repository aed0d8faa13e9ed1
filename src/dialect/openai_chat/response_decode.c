/* Facts of an answer that is not streamed, and of an error body: see dialect.h. The answer itself goes on as bytes. */
#include "dialect/openai_chat/openai_chat.h"

#include "dialect/json_peek.h"
#include "dialect/openai_chat/chat_codec.h"

enum answer_member {
    AM_MODEL = 0,
    AM_USAGE,
    AM_CHOICES,
    AM_DATA,
    AM_ERROR,
    AM_OBJECT,
    AM_GROQ,
    AM_GROQ_ERROR,
    AM_COUNT
};

static const struct json_watch watches[AM_COUNT] = {
    [AM_MODEL] = {SL_STR_INIT("model"), -1},     [AM_USAGE] = {SL_STR_INIT("usage"), -1},
    [AM_CHOICES] = {SL_STR_INIT("choices"), -1}, [AM_DATA] = {SL_STR_INIT("data"), -1},
    [AM_ERROR] = {SL_STR_INIT("error"), -1},     [AM_OBJECT] = {SL_STR_INIT("object"), -1},
    [AM_GROQ] = {SL_STR_INIT("x_groq"), -1},     [AM_GROQ_ERROR] = {SL_STR_INIT("error"), AM_GROQ},
};

static void read_choices(struct sl_str choices, struct answer_facts *out);

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
    const struct json_member *error = json_is_said(&at[AM_ERROR]) ? &at[AM_ERROR] : &at[AM_GROQ_ERROR];
    if (json_is_said(error))
        openai_error_read(json_raw(body, error), &out->error);
    else if (at[AM_OBJECT].kind == JSON_STRING && sl_str_eq(json_inside(body, &at[AM_OBJECT]), SL_STR("error")))
        openai_error_read(body, &out->error);
    if (at[AM_CHOICES].kind == JSON_ARRAY)
        read_choices(json_raw(body, &at[AM_CHOICES]), out);
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
        [TAP_CHOICES] = {.name = SL_STR("choices"), .max = ANSWER_CONTENT_KEPT},
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
    *out = (struct answer_facts){.valid = json_tap_complete(&w->tap),
                                 .content_bytes = w->member[TAP_CHOICES].bytes,
                                 .content = sl_str_of(w->member[TAP_CHOICES].p, w->member[TAP_CHOICES].kept),
                                 .content_name = w->member[TAP_CHOICES].name};
    struct sl_str usage = json_tap_value(&w->member[TAP_USAGE]), error = json_tap_value(&w->member[TAP_ERROR]);
    openai_usage_read(usage, &out->usage);
    if (error.n > 0 && !json_peek_is_null(error))
        openai_error_read(error, &out->error);
    out->model = json_peek_word(json_tap_value(&w->member[TAP_MODEL]));
}

/* -- Parts ------------------------------------------------------------------------------------------------------------ */

/* The first one's reason; and whether any says that it failed, beside its text or as its reason (words.c). */
static void read_choice(struct json_peek *k, bool first, struct answer_facts *out)
{
    struct sl_str value;
    bool failed = false;
    while (json_peek_key(k) && json_peek_value(k, &value)) {
        if (sl_str_eq(k->key, SL_STR("error")) && !json_peek_is_null(value) && (!out->error.found || failed))
            openai_error_read(value, &out->error);
        if (!sl_str_eq(k->key, SL_STR("finish_reason")) || value.n < 2 || value.p[0] != '"')
            continue;
        value = sl_str_of(value.p + 1, value.n - 2);
        if (first)
            out->finish = value;
        chat_finish_of(value, false, &failed);
        if (failed && !out->error.found)
            out->error = (struct answer_error){.found = true, .type = value};
    }
}

static void read_choices(struct sl_str choices, struct answer_facts *out)
{
    struct json_peek items = json_peek_at(choices);
    for (bool first = true; json_peek_item(&items) && json_peek_opens(&items, '{'); first = false) {
        struct json_peek k = json_peek_enter(&items);
        read_choice(&k, first, out);
        if (!json_peek_leave(&items, &k))
            return;
    }
}

void openai_error_read(struct sl_str value, struct answer_error *out)
{
    *out = (struct answer_error){.found = true};
    if (value.n == 0 || value.p[0] != '{') {
        out->message = json_peek_word(value); /* "error": "text", as several servers write it */
        return;
    }
    struct json_peek k = json_peek_at(value);
    struct sl_str v;
    while (json_peek_key(&k) && json_peek_value(&k, &v)) {
        if (sl_str_eq(k.key, SL_STR("type")))
            out->type = json_peek_word(v);
        else if (sl_str_eq(k.key, SL_STR("code")))
            out->code = json_peek_word(v);
        else if (sl_str_eq(k.key, SL_STR("message")))
            out->message = json_peek_word(v);
        else if (sl_str_eq(k.key, SL_STR("param")))
            out->param = json_peek_word(v);
    }
}
