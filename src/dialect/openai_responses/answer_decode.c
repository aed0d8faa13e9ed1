/* Facts of an answer that is not streamed, and of an error body: see dialect.h. The answer itself goes on as bytes. */
#include "dialect/json_peek.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_responses/openai_responses.h"

enum answer_member {
    AM_MODEL = 0,
    AM_STATUS,
    AM_USAGE,
    AM_OUTPUT,
    AM_ERROR,
    AM_INCOMPLETE,
    AM_REASON,
    AM_COUNT
};

static const struct json_watch watches[AM_COUNT] = {
    [AM_MODEL] = {SL_STR_INIT("model"), -1},
    [AM_STATUS] = {SL_STR_INIT("status"), -1},
    [AM_USAGE] = {SL_STR_INIT("usage"), -1},
    [AM_OUTPUT] = {SL_STR_INIT("output"), -1},
    [AM_ERROR] = {SL_STR_INIT("error"), -1},
    [AM_INCOMPLETE] = {SL_STR_INIT("incomplete_details"), -1},
    [AM_REASON] = {SL_STR_INIT("reason"), AM_INCOMPLETE},
};

void responses_answer_decode(struct sl_str body, struct answer_facts *out)
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
    if (at[AM_REASON].kind == JSON_STRING)
        out->finish = json_inside(body, &at[AM_REASON]);
    else if (at[AM_STATUS].kind == JSON_STRING)
        out->finish = json_inside(body, &at[AM_STATUS]);
    out->content_bytes = at[AM_OUTPUT].to - at[AM_OUTPUT].from;
}

/* -- In slices ------------------------------------------------------------------------------------------------------ */

enum tapped {
    TAP_USAGE = 0,
    TAP_ERROR,
    TAP_MODEL,
    TAP_OUTPUT
};

void responses_answer_watch_init(void *watch, struct sl_arena *a)
{
    struct responses_answer_watch *w = watch;
    const struct json_tapped members[JSON_TAP_NAMES] = {
        [TAP_USAGE] = {.name = SL_STR("usage"), .max = OPENAI_USAGE_MAX},
        [TAP_ERROR] = {.name = SL_STR("error"), .max = OPENAI_ERROR_MAX},
        [TAP_MODEL] = {.name = SL_STR("model"), .max = MODEL_NAME_MAX},
        [TAP_OUTPUT] = {.name = SL_STR("output"), .max = ANSWER_CONTENT_KEPT},
    };
    memcpy(w->member, members, sizeof members);
    json_tap_init(&w->tap, w->member, JSON_TAP_NAMES, a);
}

void responses_answer_watch_feed(void *watch, struct sl_str slice)
{
    struct responses_answer_watch *w = watch;
    json_tap_feed(&w->tap, slice);
}

void responses_answer_watch_done(const void *watch, struct answer_facts *out)
{
    const struct responses_answer_watch *w = watch;
    struct sl_str error = json_tap_value(&w->member[TAP_ERROR]), model = json_tap_value(&w->member[TAP_MODEL]);
    *out = (struct answer_facts){.valid = json_tap_complete(&w->tap),
                                 .content_bytes = w->member[TAP_OUTPUT].bytes,
                                 .content = sl_str_of(w->member[TAP_OUTPUT].p, w->member[TAP_OUTPUT].kept),
                                 .content_name = w->member[TAP_OUTPUT].name};
    openai_usage_read(json_tap_value(&w->member[TAP_USAGE]), &out->usage);
    if (error.n > 0 && !json_peek_is_null(error))
        openai_error_read(error, &out->error);
    if (model.n >= 2 && model.p[0] == '"')
        out->model = sl_str_of(model.p + 1, model.n - 2);
}
