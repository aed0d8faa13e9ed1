/* Going on in the middle of a stream of Responses that a client has the beginning of, in the provider's own events: a text that is
 * open goes on in its part; whatever else was begun is ended first, in the order that the format asks for, and what comes then is an
 * item of its own. The last event lists all items, those of the provider that broke off, too. openai.md 7.6. */
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "dialect/openai_responses/answer_writing.h"
#include "dialect/openai_responses/hosted.h"
#include "dialect/openai_responses/openai_responses.h"
#include "dialect/openai_responses/unended.h"

/* -- Ending what is open -------------------------------------------------------------------------------------------- */

uint64_t unended_sequence(const struct stream_unended *s)
{
    return s->sequence + s->n_pieces;
}

static struct json_writer event_begin(struct stream_unended *s, struct sl_buf *out, const char *type)
{
    const struct sl_str name = sl_str_c(type);
    sl_buf_adds(out, SL_STR("event: "));
    sl_buf_adds(out, name);
    sl_buf_adds(out, SL_STR("\ndata: "));
    struct json_writer w = json_writer_on_line(out);
    jw_open(&w, '{');
    jw_member_inside(&w, SL_STR("type"), name);
    jw_member_u64(&w, SL_STR("sequence_number"), unended_sequence(s));
    s->n_pieces++;
    return w;
}

static void event_end(struct json_writer *w)
{
    jw_close(w, '}');
    sl_buf_adds(w->to, SL_STR("\n\n"));
}

static void write_part(const struct stream_unended *s, struct json_writer *w)
{
    static const struct sl_str types[] = {[UP_TEXT] = SL_STR_INIT("output_text"),
                                          [UP_SUMMARY] = SL_STR_INIT("summary_text"),
                                          [UP_THOUGHT] = SL_STR_INIT("reasoning_text")};
    jw_open(w, '{');
    jw_member_inside(w, SL_STR("type"), types[s->at.part]);
    jw_member_inside(w, SL_STR("text"), sl_buf_str(&s->at.text));
    if (s->at.part == UP_TEXT) {
        jw_key(w, SL_STR("annotations"));
        jw_open(w, '[');
        if (s->at.notes.n > 0)
            jw_raw(w, sl_buf_str(&s->at.notes));
        jw_close(w, ']');
        jw_member_raw(w, SL_STR("logprobs"), SL_STR("[]"));
    }
    jw_close(w, '}');
}

/* The two events that end a part differ in names only. */
static void close_part(struct stream_unended *s, struct sl_buf *out)
{
    static const struct {
        const char *text_done, *part_done;
    } rows[] = {[UP_TEXT] = {"response.output_text.done", "response.content_part.done"},
                [UP_SUMMARY] = {"response.reasoning_summary_text.done", "response.reasoning_summary_part.done"},
                [UP_THOUGHT] = {"response.reasoning_text.done", "response.content_part.done"}};
    const struct sl_str index = s->at.part == UP_SUMMARY ? SL_STR("summary_index") : SL_STR("content_index");
    for (int part = s->at.said_all; part < 2; part++) {
        struct json_writer w = event_begin(s, out, part ? rows[s->at.part].part_done : rows[s->at.part].text_done);
        jw_member_raw(&w, SL_STR("item_id"), unended_member(s->at.item, SL_STR("id")));
        jw_member_u64(&w, SL_STR("output_index"), s->n_items);
        jw_member_u64(&w, index, s->at.index);
        if (part) {
            jw_key(&w, SL_STR("part"));
            write_part(s, &w);
        } else {
            jw_member_inside(&w, SL_STR("text"), sl_buf_str(&s->at.text));
            if (s->at.part == UP_TEXT)
                jw_member_raw(&w, SL_STR("logprobs"), SL_STR("[]"));
        }
        event_end(&w);
    }
}

static void write_parts(const struct stream_unended *s, struct json_writer *w, bool thoughts)
{
    jw_open(w, '[');
    for (uint32_t i = 0; i < s->at.n_parts; i++)
        if (sl_str_eq(unended_member(s->at.parts[i], SL_STR("type")), SL_STR("\"reasoning_text\"")) == thoughts)
            jw_raw(w, s->at.parts[i]);
    if (s->at.part != UP_NONE && (s->at.part == UP_THOUGHT) == thoughts)
        write_part(s, w);
    jw_close(w, ']');
}

/* As it was announced, with what was told. What a thought that is not whole is sealed with opens nothing. */
static void write_item(const struct stream_unended *s, struct json_writer *w)
{
    static const struct sl_str own[] = {SL_STR_INIT("status"), SL_STR_INIT("content"), SL_STR_INIT("summary"),
                                        SL_STR_INIT("encrypted_content")};
    bool message = s->at.kind == UK_MESSAGE, has_status = message, has_content = message;
    struct sl_str value, skeleton = s->at.item.n > 0 ? s->at.item : SL_STR("{}");
    struct json_peek k = json_peek_at(skeleton);
    jw_open(w, '{');
    while (json_peek_key(&k) && json_peek_value(&k, &value)) {
        bool is_own = false;
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
            is_own |= sl_str_eq(k.key, own[i]);
        has_status |= sl_str_eq(k.key, own[0]);
        has_content |= sl_str_eq(k.key, own[1]);
        if (is_own)
            continue;
        jw_key_inside(w, k.key);
        jw_raw(w, value);
    }
    if (has_status)
        jw_member_raw(w, own[0], message ? SL_STR("\"completed\"") : SL_STR("\"incomplete\""));
    if (!message) {
        jw_key(w, own[2]);
        write_parts(s, w, false);
    }
    if (has_content || s->at.part == UP_THOUGHT) {
        jw_key(w, own[1]);
        write_parts(s, w, !message);
    }
    jw_close(w, '}');
}

void unended_close(struct stream_unended *s, struct sl_buf *out)
{
    struct sl_buf item;
    if (s->at.part != UP_NONE)
        close_part(s, out);
    sl_buf_init(&item, 2 * UNENDED_KEPT_MAX);
    struct json_writer on_item = json_writer_on_line(&item);
    write_item(s, &on_item);
    struct json_writer w = event_begin(s, out, "response.output_item.done");
    jw_member_u64(&w, SL_STR("output_index"), s->n_items);
    jw_member_raw(&w, SL_STR("item"), sl_buf_str(&item));
    event_end(&w);
    s->lost |= item.over || s->n_items == UNENDED_ITEMS_MAX;
    if (!s->lost)
        s->items[s->n_items++] = sl_arena_str(s->a, sl_buf_str(&item));
    sl_buf_done(&item);
    s->at.kind = UK_NONE;
    s->at.part = UP_NONE;
    s->open = 0;
}

/* -- Going on ------------------------------------------------------------------------------------------------------- */

static uint64_t sequence_behind(const struct told *told)
{
    uint64_t sequence = 0;
    return sl_str_to_u64(unended_member(sl_buf_str(&told->last), SL_STR("sequence_number")), &sequence) ? sequence + 1
                                                                                                        : 0;
}

/* The id that the provider gave: "resp_" and what our writers put behind it. */
static struct sl_str id_of(struct sl_str first)
{
    const struct sl_str mark = SL_STR("\"resp_");
    struct sl_str id = SL_STR_NONE;
    for (size_t i = 0; i + mark.n < first.n && id.n == 0; i++)
        if (sl_str_starts(sl_str_from(first, i), mark))
            id = sl_str_from(first, i + mark.n);
    const char *close = id.n > 0 ? memchr(id.p, '"', id.n) : NULL;
    return close != NULL ? sl_str_of(id.p, (size_t)(close - id.p)) : SL_STR_NONE;
}

static void add_whole(struct answer_writing *s, struct sl_str raw)
{
    struct output_item *item = output_item_new(s, OK_RAW);
    item->raw = sl_arena_str(s->t->a, raw);
    item->done = true;
}

/* The message that is open, as the writer would have it. */
static void open_message(struct answer_writing *s, const struct stream_unended *u)
{
    struct sl_arena *a = s->t->a;
    struct sl_str id = unended_member(u->at.item, SL_STR("id"));
    struct output_item *item = s->open = output_item_new(s, OK_MESSAGE);
    if (id.n > 2)
        item->id = sl_arena_str(a, sl_str_of(id.p + 1, id.n - 2));
    for (uint32_t i = 0; i < u->at.n_parts + (u->at.part != UP_NONE); i++) {
        struct output_part *part = output_part_new(s, item);
        if (i < u->at.n_parts)
            part->raw = sl_arena_str(a, u->at.parts[i]);
    }
    if (u->at.part == UP_NONE)
        return;
    item->n_parts = (uint32_t)u->at.index + 1;
    grown_add(&item->last->text, a, sl_buf_str(&u->at.text));
    grown_add(&item->last->raw_notes, a, sl_buf_str(&u->at.notes));
    item->last->n_notes = u->at.n_notes;
    item->last->chars = json_chars(sl_buf_str(&u->at.text));
    item->last->from = s->chars - item->last->chars;
}

/* Nothing more was told of it than its announcement, or its text is being told. */
static bool goes_on_inside(const struct stream_unended *u)
{
    return u->at.kind == UK_MESSAGE && (u->at.part == UP_NONE ? u->at.n_parts == 0 : !u->at.said_all);
}

void *responses_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told)
{
    struct stream_unended *u = told->unended;
    struct sl_str id = id_of(sl_buf_str(&told->first));
    if (id.n == 0 || u == NULL || u->barred || u->lost || u->at.text.over || u->at.notes.over)
        return NULL;
    t->id = sl_arena_str(t->a, id);
    struct answer_writing *s = responses_stream_write_begin(t, out);
    s->started = true;
    s->chars = json_chars(sl_buf_str(&told->text));
    u->sequence = sequence_behind(told);
    u->n_pieces = 0;
    if (u->open > 0 && !goes_on_inside(u)) {
        unended_close(u, out);
        s->lead = sl_arena_str(t->a, sl_buf_str(out));
    }
    for (uint32_t i = 0; i < u->n_items; i++)
        add_whole(s, u->items[i]);
    if (u->open > 0)
        open_message(s, u);
    s->sequence = unended_sequence(u);
    sl_buf_reset(out);
    return out->over || u->lost ? NULL : s;
}
