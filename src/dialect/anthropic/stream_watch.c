/* What an event of a stream is, looked at in passing: the event itself goes on as bytes. Runs once per event; on anything odd the
 * event is SK_OTHER and passes as it is.
 *
 * The last event that carried text is remembered as what stood before and behind the text: most events are that one with another
 * text, and are known by comparing. Anthropic pads its lines with blanks of random number; these are left out of it.
 *
 * Source: anthropic.md section 4. */
#include "dialect/anthropic/anthropic_int.h"

/* In the bytes of the memo: the counts so far, then the frame. */
#define FRAME_AT sizeof(struct anthropic_usage)
_Static_assert(FRAME_AT + 256 < STREAM_MEMO_BYTES, "the frame of an event needs room");

struct watching {
    struct stream_event *e;
    struct sl_str data;
    struct sl_str type;  /* inside */
    struct sl_str usage; /* raw object */
    struct sl_str text;  /* of a delta, inside; p NULL: none or not alone */
    unsigned texts;
};

#define KEY_IS(k, text) ((k)->key.n == sizeof(text) - 1 && memcmp((k)->key.p, text, sizeof(text) - 1) == 0)

static bool skip(struct json_peek *k)
{
    struct sl_str ignored;
    return json_peek_value(k, &ignored);
}

static bool is_string(struct sl_str value)
{
    return value.n >= 2 && value.p[0] == '"';
}

static bool watch_usage(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    if (!json_peek_value(k, &value))
        return false;
    if (value.p[0] == '{')
        w->usage = value;
    return true;
}

static bool watch_message(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    while (good && json_peek_key(&k)) {
        w->e->finish |= KEY_IS(&k, "stop_reason") && json_peek_opens(&k, '"');
        good = KEY_IS(&k, "usage") ? watch_usage(w, &k) : skip(&k);
    }
    return json_peek_leave(outer, &k) && good;
}

static void note_says(struct watching *w, const struct json_peek *k)
{
    struct stream_event *e = w->e;
    enum stream_says says = KEY_IS(k, "text")                            ? SAYS_TEXT
                            : KEY_IS(k, "thinking") || KEY_IS(k, "data") ? SAYS_THOUGHT
                                                                         : SAYS_MORE;
    if (says == SAYS_TEXT && e->says == SAYS_TEXT)
        says = SAYS_MORE;
    if (says == SAYS_TEXT)
        e->text = w->text;
    if (says > e->says)
        e->says = says;
}

/* Texts in a delta or in the start of a block are model output, but for its type, and names of what follows. */
static bool watch_output(struct watching *w, struct json_peek *outer, bool starts)
{
    struct json_peek k = json_peek_enter(outer);
    struct sl_str value;
    bool good = true;
    while (good && json_peek_key(&k)) {
        bool frame = KEY_IS(&k, "type") || KEY_IS(&k, "id") || KEY_IS(&k, "tool_use_id") || KEY_IS(&k, "signature");
        bool stop = KEY_IS(&k, "stop_reason");
        good = json_peek_value(&k, &value);
        if (!good || frame)
            continue;
        if (stop) {
            w->e->finish |= is_string(value);
        } else if (is_string(value) && value.n > 2) {
            w->e->output_bytes += (uint32_t)(value.n - 2);
            w->texts++;
            w->text = sl_str_of(value.p + 1, value.n - 2);
            note_says(w, &k);
        } else if (value.p[0] == '{' || (value.p[0] == '[' && value.n > 2)) {
            w->e->says = SAYS_MORE; /* the input of a call, a citation */
            w->e->output_bytes += starts && value.p[0] == '{' && value.n > 2 ? (uint32_t)value.n : 0;
        }
    }
    return json_peek_leave(outer, &k) && good;
}

static bool watch_event(struct watching *w)
{
    struct json_peek k = json_peek_at(w->data);
    struct sl_str value;
    bool good = true;
    while (good && json_peek_key(&k)) {
        if (KEY_IS(&k, "type")) {
            good = json_peek_value(&k, &value);
            if (good && is_string(value))
                w->type = sl_str_of(value.p + 1, value.n - 2);
        } else if (KEY_IS(&k, "message") && json_peek_opens(&k, '{')) {
            good = watch_message(w, &k);
        } else if ((KEY_IS(&k, "delta") || KEY_IS(&k, "content_block")) && json_peek_opens(&k, '{')) {
            good = watch_output(w, &k, KEY_IS(&k, "content_block"));
        } else if (KEY_IS(&k, "usage")) {
            good = watch_usage(w, &k);
        } else if (KEY_IS(&k, "error") && (json_peek_opens(&k, '{') || json_peek_opens(&k, '"'))) {
            good = json_peek_value(&k, &value);
            if (good)
                anthropic_error_read(value, &w->e->error);
        } else {
            good = skip(&k);
        }
    }
    return good && k.closed;
}

static void take_usage(struct stream_memo *memo, const struct watching *w)
{
    struct anthropic_usage u = {.found = false};
    if (w->usage.n == 0)
        return;
    if (memo != NULL)
        memcpy(&u, memo->bytes, sizeof u);
    anthropic_usage_merge(&u, w->usage);
    anthropic_usage_counts(&u, &w->e->usage);
    w->e->has_usage = u.found;
    if (memo != NULL)
        memcpy(memo->bytes, &u, sizeof u);
}

static enum stream_kind kind_of(struct watching *w)
{
    static const struct {
        struct sl_str type;
        enum stream_kind kind;
    } rows[] = {
        {SL_STR_INIT("message_start"), SK_ROLE},       {SL_STR_INIT("content_block_start"), SK_ROLE},
        {SL_STR_INIT("content_block_delta"), SK_ROLE}, {SL_STR_INIT("content_block_stop"), SK_ROLE},
        {SL_STR_INIT("message_delta"), SK_ROLE},       {SL_STR_INIT("ping"), SK_ROLE},
        {SL_STR_INIT("message_stop"), SK_DONE},        {SL_STR_INIT("error"), SK_ERROR},
    };
    enum stream_kind kind = SK_OTHER;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_eq(rows[i].type, w->type))
            kind = rows[i].kind;
    if (kind == SK_ROLE && sl_str_eq(w->type, SL_STR("message_delta"))) {
        w->e->output_bytes = 0;
        w->e->says = SAYS_NOTHING;
        return w->e->finish ? SK_FINISH : SK_ROLE;
    }
    w->e->finish = w->e->finish && sl_str_eq(w->type, SL_STR("message_start")); /* of a resumed container */
    return kind == SK_ROLE && w->e->output_bytes > 0 ? SK_CONTENT : kind;
}

/* -- The event before ------------------------------------------------------------------------------------------------- */

static struct sl_str without_padding(struct sl_str s)
{
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool recall(const struct stream_memo *m, struct sl_str data, struct stream_event *out)
{
    const char *end = data.p + data.n;
    if (m->head == 0 || data.n < m->head || memcmp(data.p, m->bytes + FRAME_AT, m->head) != 0)
        return false;
    const char *text = data.p + m->head, *rest = json_peek_close(text, end);
    if (rest == NULL || rest == text || (size_t)(end - rest) != m->middle ||
        memcmp(rest, m->bytes + FRAME_AT + m->head, m->middle) != 0)
        return false;
    out->kind = SK_CONTENT;
    out->says = (enum stream_says)m->says;
    out->text = sl_str_of(text, (size_t)(rest - text));
    out->output_bytes = (uint32_t)(rest - text);
    return true;
}

static void remember(struct stream_memo *m, const struct watching *w, struct sl_str data)
{
    m->head = 0;
    bool more = w->e->output_bytes != w->text.n; /* beside the text */
    if (w->texts != 1 || more || w->text.p == NULL || w->e->has_usage || data.n > STREAM_MEMO_BYTES - FRAME_AT)
        return;
    const char *rest = w->text.p + w->text.n;
    m->says = (uint8_t)w->e->says;
    m->middle = (uint16_t)(data.p + data.n - rest);
    m->head = (uint16_t)(w->text.p - data.p);
    memcpy(m->bytes + FRAME_AT, data.p, m->head);
    memcpy(m->bytes + FRAME_AT + m->head, rest, m->middle);
}

void anthropic_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out)
{
    *out = (struct stream_event){.kind = SK_OTHER};
    data = without_padding(data);
    if (data.n == 0) {
        out->kind = SK_EMPTY;
        return;
    }
    if (memo != NULL && recall(memo, data, out))
        return;
    bool named_error = sl_str_eq(event, SL_STR("error"));
    struct watching w = {.e = out, .data = data, .type = event};
    if (data.p[0] != '{' || !watch_event(&w)) {
        uint32_t output = out->output_bytes;
        *out = (struct stream_event){.kind = named_error ? SK_ERROR : SK_OTHER, .output_bytes = output};
        return;
    }
    out->kind = named_error ? SK_ERROR : kind_of(&w);
    take_usage(memo, &w);
    if (memo != NULL && out->kind == SK_CONTENT)
        remember(memo, &w, data);
}
