/* A stream as events (openai.md 7.6; translate-openai-anthropic.md 11). Items are told apart by output_index, since those of parallel
 * tools may interleave. What comes twice, as deltas and as a whole, is told once: the whole counts only where no delta came. */
#include "dialect/openai_responses/answer_reading.h"
#include "dialect/openai_responses/openai_responses.h"

void *responses_stream_read_begin(struct translation *t)
{
    return answer_reading_new(t);
}

/* One event: false, when it breaks the format. */
typedef bool event_f(struct answer_reading *r, const struct json_node *v);

static struct answer_item *item_of(struct answer_reading *r, const struct json_node *v)
{
    uint64_t index = r->current;
    json_u64_of(&r->tree, json_get(&r->tree, v, SL_STR("output_index")), &index);
    return answer_item_at(r, index);
}

static uint64_t index_of(struct answer_reading *r, const struct json_node *v, const char *name)
{
    uint64_t index = 0;
    json_u64_of(&r->tree, json_get(&r->tree, v, sl_str_c(name)), &index);
    return index;
}

static struct sl_str text_of(struct answer_reading *r, const struct json_node *v, const char *name)
{
    return json_get_inside(&r->tree, v, sl_str_c(name));
}

static void ping(struct answer_reading *r)
{
    answer_put(r, &(struct neutral_event){.kind = NE_PING});
}

static bool on_start(struct answer_reading *r, const struct json_node *v)
{
    if (r->started)
        ping(r);
    answer_start(r, json_got(&r->tree, v, SL_STR("response")));
    return true;
}

static bool on_life_sign(struct answer_reading *r, const struct json_node *v)
{
    (void)v;
    ping(r);
    return true;
}

static bool on_item_added(struct answer_reading *r, const struct json_node *v)
{
    struct answer_item *item = item_of(r, v);
    const struct json_node *inner = json_got(&r->tree, v, SL_STR("item"));
    if (item == NULL || json_kind_of(inner) != JSON_OBJECT)
        return false;
    if (item->done) /* a server that does not count: another item at the same place */
        *item = (struct answer_item){.kind = AI_UNKNOWN};
    item->kind = answer_item_kind_of(r, inner);
    r->may_end = false;
    if (item->kind == AI_CALL)
        answer_call_begin(r, item, inner);
    else
        ping(r);
    return true;
}

static bool on_item_done(struct answer_reading *r, const struct json_node *v)
{
    struct answer_item *item = item_of(r, v);
    const struct json_node *inner = json_got(&r->tree, v, SL_STR("item"));
    if (item == NULL || !answer_item_done(r, item, inner))
        return false;
    struct sl_str status = text_of(r, inner, "status");
    r->cut |= status.n > 0 && !sl_str_eq(status, SL_STR("completed"));
    r->may_end = (item->kind == AI_MESSAGE || item->kind == AI_CALL) &&
                 !sl_str_eq(text_of(r, inner, "phase"), SL_STR("commentary"));
    return true;
}

static struct answer_part *part_of(struct answer_reading *r, const struct json_node *v)
{
    struct answer_item *item = item_of(r, v);
    if (item == NULL)
        return NULL;
    item->kind = AI_MESSAGE;
    return answer_part_at(r, item, index_of(r, v, "content_index"));
}

static bool on_text_delta(struct answer_reading *r, const struct json_node *v)
{
    struct answer_part *part = part_of(r, v);
    if (part == NULL)
        return false;
    answer_text(r, part, NE_TEXT, text_of(r, v, "delta"));
    answer_logprobs(r, v);
    return true;
}

static bool on_text_done(struct answer_reading *r, const struct json_node *v)
{
    struct answer_part *part = part_of(r, v);
    if (part != NULL && !part->begun) {
        answer_text(r, part, NE_TEXT, text_of(r, v, "text"));
        answer_logprobs(r, v);
    }
    return part != NULL;
}

static bool on_refusal_delta(struct answer_reading *r, const struct json_node *v)
{
    struct answer_part *part = part_of(r, v);
    if (part != NULL)
        answer_text(r, part, NE_REFUSAL, text_of(r, v, "delta"));
    return part != NULL;
}

static bool on_refusal_done(struct answer_reading *r, const struct json_node *v)
{
    struct answer_part *part = part_of(r, v);
    if (part != NULL && !part->begun)
        answer_text(r, part, NE_REFUSAL, text_of(r, v, "refusal"));
    return part != NULL;
}

static bool on_annotation(struct answer_reading *r, const struct json_node *v)
{
    struct answer_part *part = part_of(r, v);
    if (part != NULL)
        answer_annotation(r, part, json_got(&r->tree, v, SL_STR("annotation")));
    return part != NULL;
}

static bool on_thought(struct answer_reading *r, const struct json_node *v, enum answer_thought form, bool whole)
{
    struct answer_item *item = item_of(r, v);
    if (item == NULL)
        return false;
    item->kind = AI_REASONING;
    uint64_t part = index_of(r, v, form == THOUGHT_SUMMARY ? "summary_index" : "content_index");
    if (!whole)
        answer_thought(r, item, form, part, text_of(r, v, "delta"));
    else if (!item->saw_thought || item->thought_part != part)
        answer_thought(r, item, form, part, text_of(r, v, "text"));
    return true;
}

static bool on_summary_delta(struct answer_reading *r, const struct json_node *v)
{
    return on_thought(r, v, THOUGHT_SUMMARY, false);
}

static bool on_summary_done(struct answer_reading *r, const struct json_node *v)
{
    return on_thought(r, v, THOUGHT_SUMMARY, true);
}

static bool on_reasoning_delta(struct answer_reading *r, const struct json_node *v)
{
    return on_thought(r, v, THOUGHT_FULL, false);
}

static bool on_reasoning_done(struct answer_reading *r, const struct json_node *v)
{
    return on_thought(r, v, THOUGHT_FULL, true);
}

static bool on_arguments_delta(struct answer_reading *r, const struct json_node *v)
{
    struct answer_item *item = item_of(r, v);
    if (item != NULL && item->kind == AI_CALL && !item->done)
        answer_arguments(r, item, text_of(r, v, "delta"));
    return item != NULL;
}

static bool on_arguments_done(struct answer_reading *r, const struct json_node *v)
{
    struct answer_item *item = item_of(r, v);
    if (item != NULL && item->kind == AI_CALL && !item->done && !item->saw_arguments) {
        struct sl_str text = text_of(r, v, "arguments");
        answer_arguments(r, item, text.n > 0 ? text : text_of(r, v, "input"));
    }
    return item != NULL;
}

/* Items that were announced and not finished (some servers leave out what ends them), or all, when none came before. */
static bool finish_items(struct answer_reading *r, const struct json_node *response)
{
    uint64_t i = 0;
    bool none = r->n_items == 0;
    for (JSON_EACH(&r->tree, json_got(&r->tree, response, SL_STR("output")), it)) {
        bool open = i < r->n_items && r->items[i] != NULL && !r->items[i]->done;
        if (none || open) {
            struct answer_item *item = answer_item_at(r, i);
            if (item == NULL || !answer_item_done(r, item, it))
                return false;
        }
        i++;
    }
    return true;
}

static bool end(struct answer_reading *r, const struct json_node *v, bool incomplete)
{
    const struct json_node *response = json_got(&r->tree, v, SL_STR("response"));
    if (json_kind_of(response) != JSON_OBJECT)
        return false;
    answer_start(r, response);
    if (!finish_items(r, response))
        return false;
    answer_end(r, response, incomplete);
    if (!r->failed)
        answer_put(r, &(struct neutral_event){.kind = NE_DONE});
    return true;
}

static bool on_completed(struct answer_reading *r, const struct json_node *v)
{
    return end(r, v, false);
}

static bool on_incomplete(struct answer_reading *r, const struct json_node *v)
{
    return end(r, v, true);
}

static bool on_failed(struct answer_reading *r, const struct json_node *v)
{
    const struct json_node *response = json_got(&r->tree, v, SL_STR("response"));
    answer_error(r, json_got(&r->tree, response, SL_STR("error")));
    return true;
}

static bool on_error(struct answer_reading *r, const struct json_node *v)
{
    const struct json_node *nested = json_got(&r->tree, v, SL_STR("error"));
    answer_error(r, nested != NULL ? nested : v);
    return true;
}

/* In the order of how often they come. What is not here is a life sign. */
static const struct {
    struct sl_str type;
    event_f *read;
} events[] = {
    {SL_STR_INIT("response.output_text.delta"), on_text_delta},
    {SL_STR_INIT("response.function_call_arguments.delta"), on_arguments_delta},
    {SL_STR_INIT("response.reasoning_summary_text.delta"), on_summary_delta},
    {SL_STR_INIT("response.reasoning_text.delta"), on_reasoning_delta},
    {SL_STR_INIT("response.custom_tool_call_input.delta"), on_arguments_delta},
    {SL_STR_INIT("response.refusal.delta"), on_refusal_delta},
    {SL_STR_INIT("response.output_item.added"), on_item_added},
    {SL_STR_INIT("response.output_item.done"), on_item_done},
    {SL_STR_INIT("response.output_text.done"), on_text_done},
    {SL_STR_INIT("response.output_text.annotation.added"), on_annotation},
    {SL_STR_INIT("response.refusal.done"), on_refusal_done},
    {SL_STR_INIT("response.reasoning_summary_text.done"), on_summary_done},
    {SL_STR_INIT("response.reasoning_text.done"), on_reasoning_done},
    {SL_STR_INIT("response.function_call_arguments.done"), on_arguments_done},
    {SL_STR_INIT("response.custom_tool_call_input.done"), on_arguments_done},
    {SL_STR_INIT("response.created"), on_start},
    {SL_STR_INIT("response.in_progress"), on_start},
    {SL_STR_INIT("response.queued"), on_start},
    {SL_STR_INIT("response.completed"), on_completed},
    {SL_STR_INIT("response.incomplete"), on_incomplete},
    {SL_STR_INIT("response.failed"), on_failed},
    {SL_STR_INIT("error"), on_error},
};

static event_f *reader_of(struct answer_reading *r, struct sl_str event, const struct json_node *v)
{
    struct sl_str type = json_get_inside(&r->tree, v, SL_STR("type"));
    if (type.n == 0)
        type = event;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (sl_str_eq(events[i].type, type))
            return events[i].read;
    bool error = sl_str_eq(event, SL_STR("error")) || json_got(&r->tree, v, SL_STR("error")) != NULL;
    return error ? on_error : on_life_sign;
}

bool responses_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to)
{
    struct answer_reading *r = state;
    if (r->over || data.n == 0 || sl_str_starts(data, SL_STR("[DONE]")))
        return true;
    r->to = to;
    bool good = json_tree_read(&r->tree, data, &r->scratch) && json_kind_of(json_root(&r->tree)) == JSON_OBJECT;
    if (good) {
        const struct json_node *root = json_root(&r->tree);
        good = reader_of(r, event, root)(r, root);
    }
    sl_arena_reset(&r->scratch);
    return good;
}

/* As stream_unended.c has it: only the last event is missing. */
static bool is_unended(const struct answer_reading *r)
{
    if (!r->may_end || r->cut || !r->t->no_more)
        return false;
    for (uint32_t i = 0; i < r->n_items; i++)
        if (r->items[i] != NULL && !r->items[i]->done)
            return false;
    return true;
}

bool responses_stream_read_end(void *state, const struct neutral_sink *to)
{
    struct answer_reading *r = state;
    if (!r->over && !r->failed && is_unended(r)) {
        r->to = to;
        r->over = true;
        answer_put(
            r, &(struct neutral_event){.kind = NE_FINISH, .finish = r->calls > 0 ? FINISH_TOOL_CALLS : FINISH_STOP});
    }
    return r->over && !r->failed;
}
