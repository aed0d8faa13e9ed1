/* Facts of an answer that passes: whole, or in slices. See dialect.h. */
#include "dialect/gemini/gemini_int.h"

#include "dialect/json_peek.h"

enum answer_member {
    AM_USAGE = 0,
    AM_MODEL,
    AM_CANDIDATES,
    AM_ERROR,
    AM_TOTAL, /* countTokens */
    AM_COUNT
};

static const struct json_watch watches[AM_COUNT] = {
    [AM_USAGE] = {SL_STR_INIT("usageMetadata"), -1},   [AM_MODEL] = {SL_STR_INIT("modelVersion"), -1},
    [AM_CANDIDATES] = {SL_STR_INIT("candidates"), -1}, [AM_ERROR] = {SL_STR_INIT("error"), -1},
    [AM_TOTAL] = {SL_STR_INIT("totalTokens"), -1},
};

/* {"code":429,"message":"...","status":"RESOURCE_EXHAUSTED"}; looks only. */
void gem_error_look(struct sl_str value, struct answer_error *out)
{
    *out = (struct answer_error){.found = true};
    if (value.n == 0 || value.p[0] != '{') {
        out->message = json_peek_word(value);
        return;
    }
    struct json_peek k = json_peek_at(value);
    struct sl_str v;
    while (json_peek_key(&k) && json_peek_value(&k, &v)) {
        if (sl_str_eq(k.key, SL_STR("status")))
            out->type = json_peek_word(v);
        else if (sl_str_eq(k.key, SL_STR("code")))
            out->code = json_peek_word(v);
        else if (sl_str_eq(k.key, SL_STR("message")))
            out->message = json_peek_word(v);
    }
}

static struct sl_str finish_of(struct sl_str candidates)
{
    struct json_peek items = json_peek_at(candidates);
    if (!json_peek_item(&items) || !json_peek_opens(&items, '{'))
        return SL_STR_NONE;
    struct json_peek k = json_peek_enter(&items);
    struct sl_str value;
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, SL_STR("finishReason")))
            return json_peek_word(value);
    return SL_STR_NONE;
}

static struct token_counts usage_of(struct sl_str object)
{
    struct gem_usage u = {.found = false};
    gem_usage_add(&u, object);
    return gem_usage_counts(&u);
}

static void decode_object(struct sl_str body, struct answer_facts *out)
{
    struct json_member at[AM_COUNT];
    struct json_info info;
    if (json_scan(body, watches, AM_COUNT, at, &info) != JSON_OK || info.root != JSON_OBJECT)
        return;
    out->valid = true;
    if (at[AM_MODEL].kind == JSON_STRING)
        out->model = json_inside(body, &at[AM_MODEL]);
    if (at[AM_USAGE].kind == JSON_OBJECT)
        out->usage = usage_of(json_raw(body, &at[AM_USAGE]));
    else if (at[AM_TOTAL].kind == JSON_NUMBER && json_count(json_raw(body, &at[AM_TOTAL]), &out->usage.prompt))
        out->usage.found = true;
    if (at[AM_ERROR].kind != JSON_ABSENT && at[AM_ERROR].kind != JSON_NULL)
        gem_error_look(json_raw(body, &at[AM_ERROR]), &out->error);
    if (at[AM_CANDIDATES].kind == JSON_ARRAY)
        out->finish = finish_of(json_raw(body, &at[AM_CANDIDATES]));
    out->content_bytes = at[AM_CANDIDATES].to - at[AM_CANDIDATES].from;
}

/* A list of chunks (a stream without alt=sse), or an error in a list: the last usage counts. */
static void decode_list(struct sl_str body, struct answer_facts *out)
{
    struct json_info info;
    struct json_member e;
    if (json_scan(body, NULL, 0, NULL, &info) != JSON_OK || info.root != JSON_ARRAY)
        return;
    for (size_t at = 0; json_next_element(body, &at, &e);) {
        struct answer_facts one = {.valid = false};
        decode_object(json_raw(body, &e), &one);
        if (!one.valid)
            return;
        size_t bytes = out->content_bytes + one.content_bytes;
        struct token_counts usage = one.usage.found ? one.usage : out->usage;
        if (!out->valid || one.error.found || one.finish.n > 0)
            *out = one;
        out->content_bytes = bytes;
        out->usage = usage;
    }
}

void gemini_answer_decode(struct sl_str body, struct answer_facts *out)
{
    size_t at = 0;
    *out = (struct answer_facts){.valid = false};
    while (at < body.n && (unsigned char)body.p[at] <= ' ')
        at++;
    if (at < body.n && body.p[at] == '[')
        decode_list(sl_str_from(body, at), out);
    else
        decode_object(body, out);
    if (out->valid && sl_str_find_str(body, SL_STR("\"inline")) >= 0) {
        struct gemini_pictures p = {.count = 0};
        gemini_pictures_feed(&p, body);
        out->images = p.count;
    }
}

/* -- In slices -------------------------------------------------------------------------------------------------------------- */

enum tapped {
    TAP_USAGE = 0,
    TAP_ERROR,
    TAP_MODEL,
    TAP_CANDIDATES
};

void gemini_answer_watch_init(void *watch, struct sl_arena *a)
{
    const struct json_tapped members[JSON_TAP_NAMES] = {
        [TAP_USAGE] = {.name = SL_STR("usageMetadata"), .max = 4096},
        [TAP_ERROR] = {.name = SL_STR("error"), .max = 8192},
        [TAP_MODEL] = {.name = SL_STR("modelVersion"), .max = MODEL_NAME_MAX},
        [TAP_CANDIDATES] = {.name = SL_STR("candidates"), .max = ANSWER_CONTENT_KEPT},
    };
    struct gemini_answer_watch *w = watch;
    memcpy(w->member, members, sizeof members);
    w->pictures = (struct gemini_pictures){.count = 0};
    json_tap_init(&w->tap, w->member, JSON_TAP_NAMES, a);
}

void gemini_answer_watch_feed(void *watch, struct sl_str slice)
{
    struct gemini_answer_watch *w = watch;
    json_tap_feed(&w->tap, slice);
    gemini_pictures_feed(&w->pictures, slice);
}

void gemini_answer_watch_done(const void *watch, struct answer_facts *out)
{
    const struct gemini_answer_watch *w = watch;
    *out = (struct answer_facts){.valid = json_tap_complete(&w->tap),
                                 .content_bytes = w->member[TAP_CANDIDATES].bytes,
                                 .content = sl_str_of(w->member[TAP_CANDIDATES].p, w->member[TAP_CANDIDATES].kept),
                                 .content_name = w->member[TAP_CANDIDATES].name,
                                 .images = w->pictures.count};
    struct sl_str error = json_tap_value(&w->member[TAP_ERROR]);
    out->usage = usage_of(json_tap_value(&w->member[TAP_USAGE]));
    if (error.n > 0 && !json_peek_is_null(error))
        gem_error_look(error, &out->error);
    out->model = json_peek_word(json_tap_value(&w->member[TAP_MODEL]));
}
