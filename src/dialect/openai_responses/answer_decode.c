/* Facts of an answer that is not streamed, and of an error body: see dialect.h. The answer itself goes on as bytes. */
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
