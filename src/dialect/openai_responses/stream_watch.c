/* What an event of a stream is, looked at in passing. The type decides; the event line has it, or the first member of the data.
 * Source: openai.md sections 5.5, 7.6. */
#include "dialect/json_peek.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_responses/openai_responses.h"

struct watching {
    struct sl_str type, delta, error, response, code, message, param, item;
};

static bool look(struct sl_str data, struct watching *w)
{
    struct {
        struct sl_str name;
        struct sl_str *to;
    } const rows[] = {
        {SL_STR("type"), &w->type},         {SL_STR("delta"), &w->delta}, {SL_STR("error"), &w->error},
        {SL_STR("response"), &w->response}, {SL_STR("code"), &w->code},   {SL_STR("message"), &w->message},
        {SL_STR("param"), &w->param},       {SL_STR("item"), &w->item},
    };
    struct json_peek k = json_peek_at(data);
    struct sl_str value;
    while (json_peek_key(&k)) {
        if (!json_peek_value(&k, &value))
            return false;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (sl_str_eq(k.key, rows[i].name))
                *rows[i].to = value;
    }
    return k.closed;
}

static bool is_said(struct sl_str value)
{
    return value.n > 0 && !json_peek_is_null(value);
}

/* The flat form has code, message and param beside the type, the nested one an object. */
static void take_error(const struct watching *w, struct stream_event *out)
{
    out->kind = SK_ERROR;
    if (is_said(w->error)) {
        openai_error_read(w->error, &out->error);
        return;
    }
    out->error = (struct answer_error){.found = true,
                                       .code = json_peek_inside(w->code),
                                       .message = json_peek_inside(w->message),
                                       .param = json_peek_inside(w->param)};
}

static void take_response(struct sl_str response, struct stream_event *out)
{
    struct sl_str value;
    if (response.n == 0 || response.p[0] != '{')
        return;
    struct json_peek k = json_peek_at(response);
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("usage")) && value.p[0] == '{') {
            openai_usage_read(value, &out->usage);
            out->has_usage = out->usage.found;
        } else if (sl_str_eq(k.key, SL_STR("error")) && is_said(value)) {
            openai_error_read(value, &out->error);
        }
    }
}

#define ID_MAX 256u /* longer ones are nobody's */

static struct sl_str id_of(struct sl_str response)
{
    struct sl_str value;
    if (response.n == 0 || response.p[0] != '{')
        return SL_STR_NONE;
    struct json_peek k = json_peek_at(response);
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, SL_STR("id")))
            return value.n <= ID_MAX ? json_peek_inside(value) : SL_STR_NONE;
    return SL_STR_NONE;
}

static bool is_one_of(struct sl_str type, const struct sl_str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq(type, names[i]))
            return true;
    return false;
}

static const struct sl_str early[] = {SL_STR_INIT("response.created"), SL_STR_INIT("response.queued"),
                                      SL_STR_INIT("response.in_progress"), SL_STR_INIT("keepalive")};
static const struct sl_str last[] = {SL_STR_INIT("response.completed"), SL_STR_INIT("response.incomplete")};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static bool item_is_plain(struct sl_str item)
{
    struct sl_str value;
    if (item.n == 0 || item.p[0] != '{')
        return false;
    struct json_peek k = json_peek_at(item);
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, SL_STR("type")))
            return sl_str_eq(value, SL_STR("\"message\"")) || sl_str_eq(value, SL_STR("\"reasoning\""));
    return false;
}

/* Calls are announced before their first delta; texts and thoughts have frames. */
static enum stream_says says_of(const struct watching *w, struct sl_str type, struct stream_event *out)
{
    static const struct sl_str frames[] = {SL_STR_INIT("response.content_part.added"),
                                           SL_STR_INIT("response.content_part.done"),
                                           SL_STR_INIT("response.output_text.done"),
                                           SL_STR_INIT("response.output_text.annotation.added"),
                                           SL_STR_INIT("response.reasoning_summary_part.added"),
                                           SL_STR_INIT("response.reasoning_summary_part.done"),
                                           SL_STR_INIT("response.reasoning_summary_text.done"),
                                           SL_STR_INIT("response.reasoning_text.done")};
    if (sl_str_eq(type, SL_STR("response.output_text.delta"))) {
        out->text = json_peek_inside(w->delta);
        return SAYS_TEXT;
    }
    if (sl_str_starts(type, SL_STR("response.reasoning")) && sl_str_ends(type, SL_STR(".delta"))) {
        out->text = json_peek_inside(w->delta);
        return SAYS_THOUGHT;
    }
    bool item = sl_str_eq(type, SL_STR("response.output_item.added")) ||
                sl_str_eq(type, SL_STR("response.output_item.done"));
    return is_one_of(type, frames, COUNT(frames)) || (item && item_is_plain(w->item)) ? SAYS_KNOWN : SAYS_MORE;
}

static void judge(const struct watching *w, struct sl_str type, struct stream_event *out)
{
    if (sl_str_eq(type, SL_STR("error")) || is_said(w->error)) {
        take_error(w, out);
    } else if (sl_str_eq(type, SL_STR("response.failed"))) {
        out->kind = SK_ERROR;
        take_response(w->response, out);
        out->error.found = true;
    } else if (is_one_of(type, last, COUNT(last))) {
        out->kind = SK_DONE;
        out->finish = true;
        take_response(w->response, out);
    } else if (is_one_of(type, early, COUNT(early))) {
        out->kind = SK_ROLE;
        out->answer_id = id_of(w->response);
    } else if (sl_str_ends(type, SL_STR(".delta"))) {
        out->kind = SK_CONTENT;
        out->output_bytes = (uint32_t)(w->delta.n > 2 && w->delta.p[0] == '"' ? w->delta.n - 2 : w->delta.n);
        out->says = says_of(w, type, out);
    } else {
        out->says = says_of(w, type, out);
        if (out->says == SAYS_KNOWN && sl_str_ends(type, SL_STR(".added")) &&
            !sl_str_eq(type, SL_STR("response.output_text.annotation.added")))
            out->kind = SK_ROLE; /* a frame that nothing is in yet */
    }
}

void responses_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out)
{
    (void)memo; /* sequence numbers differ in each event */
    *out = (struct stream_event){.kind = SK_OTHER};
    if (data.n == 0) {
        out->kind = SK_EMPTY;
        return;
    }
    if (sl_str_starts(data,
                      SL_STR("[DONE]"))) { /* of compatible servers; without a terminal event before it: truncated */
        out->kind = SK_EMPTY;
        return;
    }
    if (data.p[0] != '{') {
        if (sl_str_eq(event, SL_STR("error")))
            out->kind = SK_ERROR;
        return;
    }
    struct watching w = {.delta = SL_STR_NONE};
    bool understood = look(data, &w);
    if (understood)
        judge(&w, is_said(w.type) ? json_peek_inside(w.type) : event, out);
    else if (sl_str_eq(event, SL_STR("error")))
        out->kind = SK_ERROR;
}
