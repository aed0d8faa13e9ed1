/* A stream of a provider that breaks off: what was said of its items is kept, so that `response.completed` can be said for it when only
 * that is missing, and so that another provider can go on with it in right order (stream_resume.c). That an answer is whole is told by
 * its items: each that was announced came whole and "completed", and the last is one that an answer ends with. openai.md 7.6. */
#include "dialect/openai_responses/unended.h"

#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "dialect/openai_responses/openai_responses.h"

struct frame { /* of an event: raw */
    struct sl_str type, response, item, part, text, annotation, sequence, output, content, summary;
};

static struct frame frame_of(struct sl_str data)
{
    struct frame f = {.type = SL_STR_NONE};
    struct {
        struct sl_str name;
        struct sl_str *to;
    } const rows[] = {
        {SL_STR("type"), &f.type},
        {SL_STR("response"), &f.response},
        {SL_STR("item"), &f.item},
        {SL_STR("sequence_number"), &f.sequence},
        {SL_STR("part"), &f.part},
        {SL_STR("text"), &f.text},
        {SL_STR("annotation"), &f.annotation},
        {SL_STR("output_index"), &f.output},
        {SL_STR("content_index"), &f.content},
        {SL_STR("summary_index"), &f.summary},
    };
    struct json_peek k = json_peek_at(data);
    struct sl_str value;
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (sl_str_eq(k.key, rows[i].name))
                *rows[i].to = value;
    return f;
}

static bool is_object(struct sl_str raw)
{
    return raw.n > 0 && raw.p[0] == '{';
}

struct sl_str unended_member(struct sl_str object, struct sl_str name)
{
    struct sl_str value;
    if (!is_object(object))
        return SL_STR_NONE;
    struct json_peek k = json_peek_at(object);
    while (json_peek_key(&k) && json_peek_value(&k, &value))
        if (sl_str_eq(k.key, name))
            return value;
    return SL_STR_NONE;
}

static struct sl_str keep(struct stream_unended *s, struct sl_str raw)
{
    s->kept += raw.n;
    s->lost |= s->kept > UNENDED_KEPT_MAX;
    return s->lost ? SL_STR_NONE : sl_arena_str(s->a, raw);
}

/* -- Items ---------------------------------------------------------------------------------------------------------- */

/* Calls that the client is to run. */
static bool is_clients_call(struct sl_str type)
{
    static const struct sl_str types[] = {SL_STR_INIT("\"function_call\""), SL_STR_INIT("\"custom_tool_call\""),
                                          SL_STR_INIT("\"local_shell_call\""), SL_STR_INIT("\"apply_patch_call\""),
                                          SL_STR_INIT("\"computer_call\"")};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (sl_str_eq(type, types[i]))
            return true;
    return false;
}

static void take_item(struct stream_unended *s, struct sl_str item)
{
    struct sl_str value;
    bool last = false, commentary = false;
    if (!is_object(item) || s->n_items == UNENDED_ITEMS_MAX) {
        s->lost = true;
        return;
    }
    struct json_peek k = json_peek_at(item);
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        if (sl_str_eq(k.key, SL_STR("type")))
            last = sl_str_eq(value, SL_STR("\"message\"")) || is_clients_call(value);
        else if (sl_str_eq(k.key, SL_STR("status")))
            s->lost |= !sl_str_eq(value, SL_STR("\"completed\"")) && !json_peek_is_null(value);
        else if (sl_str_eq(k.key, SL_STR("phase")))
            commentary = sl_str_eq(value, SL_STR("\"commentary\""));
    }
    s->lost |= !k.closed;
    s->items[s->n_items++] = keep(s, item);
    s->may_end = last && !commentary;
}

static enum unended_kind kind_of(struct sl_str item)
{
    struct sl_str type = unended_member(item, SL_STR("type"));
    if (sl_str_eq(type, SL_STR("\"message\"")))
        return UK_MESSAGE;
    return sl_str_eq(type, SL_STR("\"reasoning\"")) ? UK_REASONING : UK_OTHER;
}

/* One at a time is followed; whatever else is open bars. */
static void item_added(struct stream_unended *s, const struct frame *f)
{
    uint64_t index = s->n_items;
    s->may_end = false;
    s->open++;
    (void)sl_str_to_u64(f->output, &index);
    s->barred |= s->open > 1 || index != s->n_items || !is_object(f->item);
    s->at.kind = kind_of(f->item);
    s->at.item = keep(s, f->item);
    s->at.n_parts = 0;
    s->at.part = UP_NONE;
    s->at.said = false;
    s->barred |= s->at.kind == UK_OTHER;
}

static void item_done(struct stream_unended *s, const struct frame *f)
{
    if (s->open == 0) /* it was not announced */
        s->barred |= kind_of(f->item) != UK_REASONING;
    else if (s->open == 1 && !s->at.said && s->at.kind == UK_MESSAGE)
        s->barred |= unended_member(f->item, SL_STR("content")).n >
                     2; /* it is told at once: nobody has kept its text */
    s->open -= s->open > 0;
    s->at.kind = UK_NONE;
    take_item(s, f->item);
}

/* -- Parts ---------------------------------------------------------------------------------------------------------- */

static void part_begins(struct stream_unended *s, enum unended_part part, struct sl_str index)
{
    s->barred |= s->at.part != UP_NONE || s->at.kind == UK_NONE || (part == UP_TEXT) != (s->at.kind == UK_MESSAGE);
    s->at.part = part;
    s->at.said_all = false;
    s->at.n_notes = 0;
    s->at.index = s->at.n_parts;
    (void)sl_str_to_u64(index, &s->at.index);
    sl_buf_reset(&s->at.text);
    sl_buf_reset(&s->at.notes);
}

static void part_added(struct stream_unended *s, const struct frame *f)
{
    struct sl_str type = unended_member(f->part, SL_STR("type"));
    if (sl_str_eq(type, SL_STR("\"output_text\"")))
        part_begins(s, UP_TEXT, f->content);
    else if (sl_str_eq(type, SL_STR("\"reasoning_text\"")))
        part_begins(s, UP_THOUGHT, f->content);
    else
        s->barred = true;
}

static void text_done(struct stream_unended *s, const struct frame *f)
{
    s->barred |= s->at.part == UP_NONE || json_peek_inside(f->text).n != s->at.text.n;
    s->at.said_all = true;
}

static void part_done(struct stream_unended *s, const struct frame *f)
{
    bool fits = s->at.part != UP_NONE && s->at.n_parts < UNENDED_PARTS_MAX && is_object(f->part);
    s->barred |= !fits;
    if (fits)
        s->at.parts[s->at.n_parts++] = keep(s, f->part);
    s->at.part = UP_NONE;
}

static void add_note(struct stream_unended *s, struct sl_str annotation)
{
    s->barred |= s->at.part != UP_TEXT || !is_object(annotation);
    if (s->at.n_notes++ > 0)
        (void)sl_buf_adds(&s->at.notes, SL_STR(","));
    (void)sl_buf_adds(&s->at.notes, annotation);
}

/* Servers that do not announce parts begin one by its first piece. */
static void piece(struct stream_unended *s, struct sl_str data, const struct stream_event *e)
{
    if (e->says != SAYS_TEXT && e->says != SAYS_THOUGHT) {
        s->barred = true;
        return;
    }
    if (s->at.part == UP_NONE) {
        const struct frame f = frame_of(data);
        bool summary = sl_str_starts(f.type, SL_STR("\"response.reasoning_summary"));
        part_begins(s,
                    e->says == SAYS_TEXT ? UP_TEXT
                    : summary            ? UP_SUMMARY
                                         : UP_THOUGHT,
                    summary ? f.summary : f.content);
    }
    s->barred |= s->at.said_all || (e->says == SAYS_TEXT) != (s->at.part == UP_TEXT);
    s->at.said = true;
    (void)sl_buf_adds(&s->at.text, e->text);
}

/* -- Events --------------------------------------------------------------------------------------------------------- */

struct stream_unended *responses_unended_new(struct sl_arena *a)
{
    struct stream_unended *s = SL_ARENA_NEW(a, struct stream_unended);
    s->a = a;
    sl_buf_init_in(&s->at.text, UNENDED_KEPT_MAX, a);
    sl_buf_init_in(&s->at.notes, UNENDED_KEPT_MAX, a);
    return s;
}

void responses_unended_see(struct stream_unended *s, struct sl_str data, const struct stream_event *e)
{
    if (e->kind == SK_CONTENT) {
        s->may_end = false;
        s->n_pieces++;
        if (!s->barred)
            piece(s, data, e);
        return;
    }
    if (s->lost || !is_object(data))
        return;
    const struct frame f = frame_of(data);
    struct sl_str type = json_peek_inside(f.type);
    uint64_t n;
    if (sl_str_to_u64(f.sequence, &n)) {
        s->sequence = n + 1;
        s->n_pieces = 0;
    }
    if (is_object(f.response) && s->response.n == 0)
        s->response = keep(s, f.response);
    if (sl_str_eq(type, SL_STR("response.output_item.added")))
        item_added(s, &f);
    else if (sl_str_eq(type, SL_STR("response.output_item.done")))
        item_done(s, &f);
    else if (sl_str_eq(type, SL_STR("response.content_part.added")))
        part_added(s, &f);
    else if (sl_str_eq(type, SL_STR("response.reasoning_summary_part.added")))
        part_begins(s, UP_SUMMARY, f.summary);
    else if (sl_str_eq(type, SL_STR("response.output_text.done")) ||
             sl_str_eq(type, SL_STR("response.reasoning_text.done")) ||
             sl_str_eq(type, SL_STR("response.reasoning_summary_text.done")))
        text_done(s, &f);
    else if (sl_str_eq(type, SL_STR("response.content_part.done")) ||
             sl_str_eq(type, SL_STR("response.reasoning_summary_part.done")))
        part_done(s, &f);
    else if (sl_str_eq(type, SL_STR("response.output_text.annotation.added")))
        add_note(s, f.annotation);
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

/* With a line of its name or without. */
enum rest_says responses_unended_rest(struct sl_str rest)
{
    static const struct sl_str heads[] = {
        SL_STR_INIT("event: response.completed\n"), SL_STR_INIT("event: response.completed\r"),
        SL_STR_INIT("event:response.completed\n"), SL_STR_INIT("data: {\"type\":\"response.completed\""),
        SL_STR_INIT("data:{\"type\":\"response.completed\"")};
    enum rest_says says = REST_IS_OTHER;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (sl_str_starts(rest, heads[i]))
            return REST_ENDS;
        if (sl_str_starts(heads[i], rest))
            says = REST_MAY_END;
    }
    return says;
}

/* Structured output is whole when its brackets are, whatever else was not said of it. */
static bool is_whole_form(const struct stream_unended *s)
{
    return s->open == 1 && s->at.kind == UK_MESSAGE && s->at.part == UP_TEXT && s->at.n_parts == 0 && !s->barred &&
           json_is(json_plain(sl_buf_str(&s->at.text), s->a), JSON_OBJECT);
}

/* What ends the item that is open, then the last event. */
static void write_end(struct stream_unended *s, const struct token_counts *usage, struct sl_buf *b)
{
    if (s->open > 0)
        unended_close(s, b);
    sl_buf_adds(b, SL_STR("event: response.completed\ndata: "));
    struct json_writer w = json_writer_on_line(b);
    jw_open(&w, '{');
    jw_key(&w, SL_STR("type"));
    jw_raw(&w, SL_STR("\"response.completed\""));
    jw_key(&w, SL_STR("sequence_number"));
    jw_u64(&w, unended_sequence(s));
    jw_key(&w, SL_STR("response"));
    write_response(&w, s, usage);
    jw_close(&w, '}');
}

struct sl_str responses_unended_write(struct stream_unended *s, const struct token_counts *usage, bool structured)
{
    struct sl_buf b;
    bool whole = (s->may_end && s->open == 0) || (structured && is_whole_form(s));
    if (s->lost || !whole || s->response.n == 0)
        return SL_STR_NONE;
    sl_buf_init(&b, 4 * UNENDED_KEPT_MAX);
    write_end(s, usage, &b);
    struct sl_str all = sl_buf_str(&b), data = SL_STR_NONE;
    for (ptrdiff_t i; (i = sl_str_find_str(all, SL_STR("data: "))) >= 0;) /* the last line */
        all = data = sl_str_from(all, (size_t)i + 6);
    bool good = !b.over && json_is(data, JSON_OBJECT); /* what it is made of was passed on unchecked */
    sl_buf_adds(&b, SL_STR("\n\n"));
    struct sl_str out = good ? sl_arena_str(s->a, sl_buf_str(&b)) : SL_STR_NONE;
    sl_buf_done(&b);
    return out;
}
