/* Reads a stream of Messages, event by event. Source: anthropic.md section 4 (November 2026). */
#include "dialect/anthropic/anthropic_int.h"

struct event {
    struct anthropic_answering *r;
    const struct json_node *v; /* the object */
};

typedef bool event_reader(struct event *e);

static const struct json_node *member(const struct event *e, const char *name)
{
    return json_got(&e->r->tree, e->v, sl_str_c(name));
}

void *anthropic_stream_read_begin(struct translation *t)
{
    return anthropic_answering_new(t);
}

/* A resumed container begins with content, and perhaps with the end (anthropic.md 4.3). */
static bool read_start(struct event *e)
{
    const struct json_node *message = member(e, "message");
    if (json_kind_of(message) != JSON_OBJECT)
        return false;
    anthropic_take_start(e->r, message);
    uint32_t index = UINT32_MAX;
    for (JSON_EACH(&e->r->tree, json_get(&e->r->tree, message, SL_STR("content")), it)) {
        if (!anthropic_block_start(e->r, index, it))
            return false;
        anthropic_block_stop(e->r, index);
    }
    anthropic_take_stop(e->r, message);
    return true;
}

static bool index_of(const struct event *e, uint32_t *out)
{
    uint64_t v = 0;
    if (!json_u64_of(&e->r->tree, member(e, "index"), &v) || v >= UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool read_block_start(struct event *e)
{
    uint32_t index;
    const struct json_node *block = member(e, "content_block");
    return index_of(e, &index) && json_kind_of(block) == JSON_OBJECT && anthropic_block_start(e->r, index, block);
}

static bool read_block_delta(struct event *e)
{
    uint32_t index;
    const struct json_node *delta = member(e, "delta");
    return index_of(e, &index) && json_kind_of(delta) == JSON_OBJECT && anthropic_block_delta(e->r, index, delta);
}

static bool read_block_stop(struct event *e)
{
    uint32_t index;
    if (!index_of(e, &index))
        return false;
    anthropic_block_stop(e->r, index);
    return true;
}

static bool read_message_delta(struct event *e)
{
    struct anthropic_answering *r = e->r;
    anthropic_take_usage(r, member(e, "usage"));
    if (r->t->json_tool.n == 0 && !r->t->json_asked_in_words) /* else text may be held back that goes before it */
        anthropic_put_usage(r);                               /* the stream may break off before its last event */
    anthropic_take_stop(r, member(e, "delta"));
    return true;
}

static bool read_stop(struct event *e)
{
    struct anthropic_answering *r = e->r;
    if (!r->started)
        return false;
    anthropic_finish(r);
    r->done = true;
    neutral_put(r->to, &(struct neutral_event){.kind = NE_DONE});
    return true;
}

static bool read_ping(struct event *e)
{
    neutral_put(e->r->to, &(struct neutral_event){.kind = NE_PING});
    return true;
}

static bool read_error(struct event *e)
{
    const struct json_node *error = member(e, "error");
    anthropic_take_error(e->r, error != NULL ? error : e->v);
    return true;
}

static const struct {
    struct sl_str name;
    event_reader *read;
} events[] = {
    {SL_STR_INIT("content_block_delta"), read_block_delta},
    {SL_STR_INIT("content_block_start"), read_block_start},
    {SL_STR_INIT("content_block_stop"), read_block_stop},
    {SL_STR_INIT("ping"), read_ping},
    {SL_STR_INIT("message_start"), read_start},
    {SL_STR_INIT("message_delta"), read_message_delta},
    {SL_STR_INIT("message_stop"), read_stop},
    {SL_STR_INIT("error"), read_error},
};

/* data.type is what counts; the event's name is the same, where there is one. */
static bool read_event(struct event *e, struct sl_str name)
{
    const struct json_node *type = member(e, "type");
    if (json_kind_of(type) == JSON_STRING)
        name = json_inside_of(&e->r->tree, type);
    else if (name.n == 0 && member(e, "error") != NULL)
        name = SL_STR("error");
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (sl_str_eq(events[i].name, name))
            return events[i].read(e);
    return true; /* new events may come at any time */
}

bool anthropic_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to)
{
    struct anthropic_answering *r = state;
    if (r->done || r->failed)
        return true;
    r->to = to;
    sl_arena_reset(&r->scratch);
    if (sl_str_eq(data, SL_STR("[DONE]"))) /* of servers that copy this format */
        return true;
    if (!json_tree_read(&r->tree, data, &r->scratch) || json_kind_of(json_root(&r->tree)) != JSON_OBJECT)
        return false;
    struct event e = {.r = r, .v = json_root(&r->tree)};
    return read_event(&e, event);
}

bool anthropic_stream_read_end(void *state, const struct neutral_sink *to)
{
    struct anthropic_answering *r = state;
    r->to = to;
    sl_arena_reset(&r->scratch);
    if (r->failed || !r->started || (!r->done && r->finish == FINISH_NONE))
        return false;
    anthropic_finish(r);
    return true;
}
