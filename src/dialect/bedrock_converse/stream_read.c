/* Reads a stream, event by event, as aws_stream.c takes them out of their frames. The counts come last, behind the reason to stop: with
 * them the answer is whole. Source: bedrock.md 6.3 (November 2026). */
#include "dialect/bedrock_converse/converse_int.h"

typedef bool event_reader(struct converse_answering *r, const struct json_node *v);

void *converse_stream_read_begin(struct translation *t)
{
    return converse_answering_new(t);
}

static bool index_of(struct converse_answering *r, const struct json_node *v, uint32_t *out)
{
    uint64_t n = 0;
    if (!json_u64_of(&r->tree, json_got(&r->tree, v, SL_STR("contentBlockIndex")), &n) || n >= UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool read_start(struct converse_answering *r, const struct json_node *v)
{
    (void)v;
    converse_start(r);
    return true;
}

static bool read_block_start(struct converse_answering *r, const struct json_node *v)
{
    uint32_t index;
    const struct json_node *start = json_got(&r->tree, v, SL_STR("start"));
    return index_of(r, v, &index) && json_kind_of(start) == JSON_OBJECT && converse_block_start(r, index, start);
}

static bool read_block_delta(struct converse_answering *r, const struct json_node *v)
{
    uint32_t index;
    const struct json_node *delta = json_got(&r->tree, v, SL_STR("delta"));
    return index_of(r, v, &index) && json_kind_of(delta) == JSON_OBJECT && converse_block_delta(r, index, delta);
}

static bool read_block_stop(struct converse_answering *r, const struct json_node *v)
{
    uint32_t index;
    if (!index_of(r, v, &index))
        return false;
    converse_block_stop(r, index);
    return true;
}

static bool read_stop(struct converse_answering *r, const struct json_node *v)
{
    converse_take_stop(r, v);
    return r->stopped || r->failed;
}

static bool read_metadata(struct converse_answering *r, const struct json_node *v)
{
    converse_take_metadata(r, v);
    if (!r->stopped)
        return true; /* not the end yet: nobody has seen this */
    converse_finish(r);
    r->done = true;
    neutral_put(r->to, &(struct neutral_event){.kind = NE_DONE});
    return true;
}

static bool read_error(struct converse_answering *r, const struct json_node *v)
{
    converse_take_error(r, json_get_inside(&r->tree, v, SL_STR("type")),
                        json_get_inside(&r->tree, v, SL_STR("message")));
    return true;
}

static const struct {
    struct sl_str name;
    event_reader *read;
} events[] = {
    {SL_STR_INIT("contentBlockDelta"), read_block_delta},
    {SL_STR_INIT("contentBlockStart"), read_block_start},
    {SL_STR_INIT("contentBlockStop"), read_block_stop},
    {SL_STR_INIT("messageStart"), read_start},
    {SL_STR_INIT("messageStop"), read_stop},
    {SL_STR_INIT("metadata"), read_metadata},
    {SL_STR_INIT("error"), read_error},
};

bool converse_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to)
{
    struct converse_answering *r = state;
    if (r->done || r->failed)
        return true;
    r->to = to;
    sl_arena_reset(&r->scratch);
    if (!json_tree_read(&r->tree, data, &r->scratch) || json_kind_of(json_root(&r->tree)) != JSON_OBJECT)
        return false;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (!sl_str_eq(events[i].name, event))
            continue;
        if (events[i].read != read_error)
            converse_start(r);
        return events[i].read(r, json_root(&r->tree));
    }
    return true; /* new events may come at any time */
}

bool converse_stream_read_end(void *state, const struct neutral_sink *to)
{
    struct converse_answering *r = state;
    r->to = to;
    sl_arena_reset(&r->scratch);
    if (r->failed || !r->stopped)
        return false;
    converse_finish(r);
    return true;
}
