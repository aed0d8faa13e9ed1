/* A stream of a provider that lacks only its last event: what was said of its items is kept, so that `response.completed` can be said
 * for it. That an answer is whole is told by its items: each that was announced came whole and "completed", and the last is one that
 * an answer ends with. openai.md 7.6. */
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "dialect/openai_responses/openai_responses.h"

#define KEPT_MAX (1u << 20) /* of items together, and of the response object */
#define ITEMS_MAX 128u

struct stream_unended {
    struct sl_arena *a;
    struct sl_str response; /* of the first event */
    struct sl_str items[ITEMS_MAX];
    uint32_t n_items, open;
    size_t kept;
    uint64_t sequence; /* of the next event */
    bool lost;         /* something is too large, or not whole */
    bool may_end;      /* nothing was said behind an item that an answer ends with */
};

struct frame { /* of an event: raw */
    struct sl_str type, response, item, sequence;
};

static struct frame frame_of(struct sl_str data)
{
    struct frame f = {.type = SL_STR_NONE};
    struct json_peek k = json_peek_at(data);
    struct sl_str value;
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("type")))
            f.type = value;
        else if (sl_str_eq(k.key, SL_STR("response")))
            f.response = value;
        else if (sl_str_eq(k.key, SL_STR("item")))
            f.item = value;
        else if (sl_str_eq(k.key, SL_STR("sequence_number")))
            f.sequence = value;
    }
    return f;
}

static bool is_object(struct sl_str raw)
{
    return raw.n > 0 && raw.p[0] == '{';
}

static struct sl_str keep(struct stream_unended *s, struct sl_str raw)
{
    s->kept += raw.n;
    s->lost |= s->kept > KEPT_MAX;
    return s->lost ? SL_STR_NONE : sl_arena_str(s->a, raw);
}

/* Messages, and calls that the client is to run. */
static bool ends_an_answer(struct sl_str type)
{
    static const struct sl_str types[] = {SL_STR_INIT("\"message\""),          SL_STR_INIT("\"function_call\""),
                                          SL_STR_INIT("\"custom_tool_call\""), SL_STR_INIT("\"local_shell_call\""),
                                          SL_STR_INIT("\"apply_patch_call\""), SL_STR_INIT("\"computer_call\"")};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (sl_str_eq(type, types[i]))
            return true;
    return false;
}

static void take_item(struct stream_unended *s, struct sl_str item)
{
    struct sl_str value;
    bool last = false, commentary = false;
    if (!is_object(item) || s->n_items == ITEMS_MAX) {
        s->lost = true;
        return;
    }
    struct json_peek k = json_peek_at(item);
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("type")))
            last = ends_an_answer(value);
        else if (sl_str_eq(k.key, SL_STR("status")))
            s->lost |= !sl_str_eq(value, SL_STR("\"completed\"")) && !json_peek_is_null(value);
        else if (sl_str_eq(k.key, SL_STR("phase")))
            commentary = sl_str_eq(value, SL_STR("\"commentary\""));
    }
    s->lost |= !k.closed;
    s->items[s->n_items++] = keep(s, item);
    s->may_end = last && !commentary;
}

struct stream_unended *responses_unended_new(struct sl_arena *a)
{
    struct stream_unended *s = SL_ARENA_NEW(a, struct stream_unended);
    s->a = a;
    return s;
}

void responses_unended_see(struct stream_unended *s, struct sl_str data, bool content)
{
    if (content)
        s->may_end = false;
    if (content || s->lost || !is_object(data))
        return;
    const struct frame f = frame_of(data);
    uint64_t n;
    if (sl_str_to_u64(f.sequence, &n))
        s->sequence = n + 1;
    if (is_object(f.response) && s->response.n == 0)
        s->response = keep(s, f.response);
    if (sl_str_eq(f.type, SL_STR("\"response.output_item.added\""))) {
        s->open++;
        s->may_end = false;
    } else if (sl_str_eq(f.type, SL_STR("\"response.output_item.done\""))) {
        s->open -= s->open > 0;
        take_item(s, f.item);
    }
}

static void write_usage(struct json_writer *w, const struct token_counts *u)
{
    jw_open(w, '{');
    jw_key(w, SL_STR("input_tokens"));
    jw_u64(w, u->prompt);
    jw_key(w, SL_STR("input_tokens_details"));
    jw_raw(w, SL_STR("{\"cached_tokens\":0}"));
    jw_key(w, SL_STR("output_tokens"));
    jw_u64(w, u->completion);
    jw_key(w, SL_STR("output_tokens_details"));
    jw_raw(w, SL_STR("{\"reasoning_tokens\":0}"));
    jw_key(w, SL_STR("total_tokens"));
    jw_u64(w, u->prompt + u->completion);
    jw_close(w, '}');
}

static void write_output(struct json_writer *w, const struct stream_unended *s)
{
    jw_open(w, '[');
    for (uint32_t i = 0; i < s->n_items; i++)
        jw_raw(w, s->items[i]);
    jw_close(w, ']');
}

/* The first event's, with what has changed since. */
static void write_response(struct json_writer *w, const struct stream_unended *s, const struct token_counts *usage)
{
    struct json_peek k = json_peek_at(s->response);
    struct sl_str value;
    jw_open(w, '{');
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("status")) || sl_str_eq(k.key, SL_STR("output")) ||
            sl_str_eq(k.key, SL_STR("usage")))
            continue;
        jw_key_inside(w, k.key);
        jw_raw(w, value);
    }
    jw_key(w, SL_STR("status"));
    jw_raw(w, SL_STR("\"completed\""));
    jw_key(w, SL_STR("output"));
    write_output(w, s);
    jw_key(w, SL_STR("usage"));
    write_usage(w, usage);
    jw_close(w, '}');
}

struct sl_str responses_unended_write(struct stream_unended *s, const struct token_counts *usage)
{
    struct sl_buf b;
    if (s->lost || !s->may_end || s->open > 0 || s->response.n == 0)
        return SL_STR_NONE;
    sl_buf_init(&b, 2 * KEPT_MAX);
    struct json_writer w = json_writer_on_line(&b);
    const struct sl_str head = SL_STR("event: response.completed\ndata: ");
    sl_buf_adds(&b, head);
    jw_open(&w, '{');
    jw_key(&w, SL_STR("type"));
    jw_raw(&w, SL_STR("\"response.completed\""));
    jw_key(&w, SL_STR("sequence_number"));
    jw_u64(&w, s->sequence);
    jw_key(&w, SL_STR("response"));
    write_response(&w, s, usage);
    jw_close(&w, '}');
    bool good = !b.over && json_is(sl_str_from(sl_buf_str(&b), head.n),
                                   JSON_OBJECT); /* what it is made of was passed on unchecked */
    sl_buf_adds(&b, SL_STR("\n\n"));
    struct sl_str out = good ? sl_arena_str(s->a, sl_buf_str(&b)) : SL_STR_NONE;
    sl_buf_done(&b);
    return out;
}
