/* What an event of a stream is, looked at in passing: the event itself goes on as bytes. Runs once per event of every stream,
 * so each byte is looked at once and nothing is copied. On anything odd the event is SK_OTHER and passes as it is.
 *
 * Most events are the one before with another text in it. So a content event is remembered as three parts around two strings,
 * the text and "obfuscation" (random filler), and an event of the same parts needs no looking at: about 30 ns instead of 250.
 * The parts were understood once, and a string between two quotes cannot change what they mean.
 *
 * Source: openai.md sections 2.5, 5.5, 6.7, 9. */
#include "dialect/openai_chat/openai_chat.h"

#include "dialect/json_peek.h"
#include "dialect/openai_chat/chat_codec.h"

struct watching {
    struct stream_event *e;
    struct sl_str data;
    bool saw_choices, empty_choices;
    bool error;
    bool typed;         /* no chunk of chat: an event of transcriptions or images (openai.md 12.3, 13.2) */
    unsigned texts;     /* pieces of output met */
    struct sl_str text; /* the last of them, inside its quotes; p NULL: not a plain string */
    struct sl_str filler;
};

static bool recall(const struct stream_memo *m, struct sl_str data, struct stream_event *out);
static void remember(struct stream_memo *m, const struct watching *w);
static bool watch_chunk(struct watching *w);
static bool watch_choices(struct watching *w, struct json_peek *outer);
static bool watch_choice(struct watching *w, struct json_peek *outer);
static bool watch_delta(struct watching *w, struct json_peek *outer);
static bool watch_output(struct watching *w, struct json_peek *k, enum stream_says says);
static bool watch_usage(struct watching *w, struct json_peek *k);
static bool watch_error(struct watching *w, struct json_peek *k);
static bool watch_finish(struct watching *w, struct json_peek *k);
static bool watch_groq(struct watching *w, struct json_peek *outer);
static bool watch_object(struct watching *w, struct json_peek *k);
static bool watch_filler(struct watching *w, struct json_peek *k);
static bool watch_type(struct watching *w, struct json_peek *k);
static bool watch_image(struct watching *w, struct json_peek *k);
static enum stream_kind kind_of(const struct watching *w);
static uint32_t text_bytes(struct sl_str value);

#define KEY_IS(k, text) ((k)->key.n == sizeof(text) - 1 && memcmp((k)->key.p, text, sizeof(text) - 1) == 0)

void openai_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out)
{
    *out = (struct stream_event){.kind = SK_OTHER};
    if (data.n == 0) {
        out->kind = SK_EMPTY;
        return;
    }
    if (data.p[0] == '[' && sl_str_starts(data, SL_STR("[DONE]"))) {
        out->kind = SK_DONE;
        return;
    }
    if (memo != NULL && event.n == 0 && recall(memo, data, out))
        return;
    bool named_error = sl_str_eq(event, SL_STR("error"));
    if (data.p[0] != '{') {
        if (named_error)
            out->kind = SK_ERROR;
        return;
    }
    struct watching w = {.e = out, .data = data};
    bool understood = watch_chunk(&w);
    if (named_error || w.error)
        out->kind = SK_ERROR;
    else if (understood)
        out->kind = kind_of(&w);
    else
        out->cut_from = out->cut_to = 0; /* half understood: touch nothing */
    if (memo != NULL && out->kind == SK_CONTENT)
        remember(memo, &w);
}

static enum stream_kind kind_of(const struct watching *w)
{
    if (w->e->output_bytes > 0)
        return SK_CONTENT;
    if (w->e->finish)
        return SK_FINISH;
    if (!w->saw_choices)
        return SK_OTHER;
    return w->empty_choices && w->e->has_usage ? SK_USAGE : SK_ROLE;
}

static bool skip(struct json_peek *k)
{
    struct sl_str ignored;
    return json_peek_value(k, &ignored);
}

static bool watch_chunk(struct watching *w)
{
    struct json_peek k = json_peek_at(w->data);
    bool good = true;
    while (good && json_peek_key(&k)) {
        if (KEY_IS(&k, "choices") && json_peek_opens(&k, '['))
            good = watch_choices(w, &k);
        else if (KEY_IS(&k, "usage"))
            good = watch_usage(w, &k);
        else if (KEY_IS(&k, "error"))
            good = watch_error(w, &k);
        else if (KEY_IS(&k, "x_groq") && json_peek_opens(&k, '{'))
            good = watch_groq(w, &k);
        else if (KEY_IS(&k, "type"))
            good = watch_type(w, &k);
        else if (KEY_IS(&k, "delta"))
            good = watch_output(w, &k, SAYS_MORE);
        else if (KEY_IS(&k, "b64_json"))
            good = watch_image(w, &k);
        else if (KEY_IS(&k, "object"))
            good = watch_object(w, &k);
        else if (KEY_IS(&k, "obfuscation"))
            good = watch_filler(w, &k);
        else
            good = skip(&k);
    }
    return good && k.closed;
}

/* Groq's own member: an error that ends the stream. */
static bool watch_groq(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    while (good && json_peek_key(&k))
        good = KEY_IS(&k, "error") ? watch_error(w, &k) : skip(&k);
    return json_peek_leave(outer, &k) && good;
}

/* Mistral's errors, and those of old vLLM: what is elsewhere inside of "error" stands beside it. */
static bool watch_object(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    if (!json_peek_value(k, &value))
        return false;
    if (!sl_str_eq(value, SL_STR("\"error\"")))
        return true;
    w->error = true;
    openai_error_read(w->data, &w->e->error);
    return true;
}

static bool watch_choices(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    w->saw_choices = w->empty_choices = true;
    while (good && json_peek_item(&k)) {
        w->empty_choices = false;
        good = json_peek_opens(&k, '{') ? watch_choice(w, &k) : skip(&k);
    }
    return json_peek_leave(outer, &k) && good;
}

/* Some servers say in the reason that they failed (words.c); an error that says more goes before it. */
static bool watch_finish(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    bool failed = false;
    if (!json_peek_value(k, &value))
        return false;
    if (value.n < 2 || value.p[0] != '"')
        return true;
    w->e->finish = true;
    value = sl_str_of(value.p + 1, value.n - 2);
    if (value.n >= 5 && value.n != 6) /* not "stop", "length": the usual ones */
        chat_finish_of(value, false, &failed);
    if (failed && !w->error) {
        w->error = true;
        w->e->error = (struct answer_error){.found = true, .type = value};
    }
    return true;
}

static bool watch_choice(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    while (good && json_peek_key(&k)) {
        if (KEY_IS(&k, "delta") && json_peek_opens(&k, '{')) {
            good = watch_delta(w, &k);
        } else if (KEY_IS(&k, "text")) {
            good = watch_output(w, &k, SAYS_MORE); /* of completions: there is no conversation to go on with */
        } else if (KEY_IS(&k, "logprobs") && json_peek_opens(&k, '{')) {
            w->e->says = SAYS_MORE;
            good = skip(&k);
        } else if (KEY_IS(&k, "finish_reason")) {
            good = watch_finish(w, &k);
        } else if (KEY_IS(&k, "error")) {
            good = watch_error(w, &k);
        } else {
            good = skip(&k);
        }
    }
    return json_peek_leave(outer, &k) && good;
}

static enum stream_says says_of(const struct json_peek *k)
{
    if (KEY_IS(k, "content"))
        return SAYS_TEXT;
    return k->key.n >= 9 && memcmp(k->key.p, "reasoning", 9) == 0 ? SAYS_THOUGHT : SAYS_MORE;
}

/* Everything in a delta is model output, whatever its name (content, refusal, reasoning_content, tool_calls, audio, ...), but
 * the role. */
static bool watch_delta(struct watching *w, struct json_peek *outer)
{
    struct json_peek k = json_peek_enter(outer);
    bool good = true;
    while (good && json_peek_key(&k))
        good = KEY_IS(&k, "role") ? skip(&k) : watch_output(w, &k, says_of(&k));
    return json_peek_leave(outer, &k) && good;
}

static void note_says(struct watching *w, enum stream_says says, struct sl_str text)
{
    struct stream_event *e = w->e;
    if (says == SAYS_TEXT && (text.p == NULL || e->says == SAYS_TEXT)) /* in parts, or of two answers */
        says = SAYS_MORE;
    if (says == SAYS_TEXT)
        e->text = text;
    if (says > e->says)
        e->says = says;
}

static bool watch_output(struct watching *w, struct json_peek *k, enum stream_says says)
{
    struct sl_str value;
    if (!json_peek_value(k, &value))
        return false;
    bool plain = value.p[0] == '"';
    uint32_t bytes = 0;
    if (plain)
        bytes = (uint32_t)(value.n - 2);
    else if (value.p[0] == '[' || value.p[0] == '{')
        bytes = text_bytes(value);
    if (bytes == 0)
        return true;
    w->e->output_bytes += bytes;
    w->texts++;
    w->text = plain ? sl_str_of(value.p + 1, value.n - 2) : SL_STR_NONE;
    note_says(w, says, w->text);
    return true;
}

/* Bytes of what was generated in a structured delta: its texts, not its frame ({"index":0,"type":"function",...}). At least one
 * when there is anything in it, so that the first fragment of a tool call counts as output. */
static uint32_t text_bytes(struct sl_str value)
{
    static const struct sl_str frame[] = {SL_STR_INIT("id"), SL_STR_INIT("type"), SL_STR_INIT("format")};
    const char *p = value.p, *end = value.p + value.n;
    struct sl_str last = SL_STR_NONE; /* the string before, perhaps a key */
    uint32_t n = 0;
    bool any = false;
    while (p < end) {
        if (*p != '"') {
            any |= *p >= '0' && *p <= '9';
            p++;
            continue;
        }
        const char *from = ++p;
        while ((p = json_string_special(p, end)) < end && *p != '"')
            p += *p == '\\' && end - p > 1 ? 2 : 1;
        struct sl_str s = {from, (size_t)((p < end ? p : end) - from)};
        p++;
        bool is_key = p < end && *p == ':';
        bool framed = false;
        for (size_t i = 0; i < sizeof frame / sizeof frame[0]; i++)
            framed |= sl_str_eq(last, frame[i]);
        if (!is_key && !framed)
            n += (uint32_t)s.n;
        last = is_key ? s : SL_STR_NONE;
        any = true;
    }
    return n == 0 && any ? 1 : n;
}

static bool watch_usage(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    const char *key = k->key_at, *before = k->before;
    if (!json_peek_value(k, &value))
        return false;
    if (value.p[0] == '{') {
        openai_usage_read(value, &w->e->usage);
        w->e->has_usage = w->e->usage.found;
        return true;
    }
    if (!json_peek_is_null(value))
        return true;
    const char *next = json_peek_next_key(k);
    const char *from = before != NULL ? before : key;
    const char *to = before == NULL && next != NULL ? next : k->p;
    w->e->cut_from = (size_t)(from - w->data.p);
    w->e->cut_to = (size_t)(to - w->data.p);
    return true;
}

/* An error only when it says something: some servers send "error":null. */
static bool watch_error(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    if (!json_peek_value(k, &value))
        return false;
    if (json_peek_is_null(value))
        return true;
    w->error = true;
    openai_error_read(value, &w->e->error);
    return true;
}

static bool watch_filler(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    if (!json_peek_value(k, &value))
        return false;
    if (value.p[0] == '"')
        w->filler = sl_str_of(value.p + 1, value.n - 2);
    return true;
}

static bool ends(struct sl_str value, const char *tail)
{
    return sl_str_ends(value, sl_str_c(tail));
}

/* "transcript.text.delta" and ".done", "image_edit.partial_image" and ".completed". The last of an answer says that it is whole;
 * no [DONE] follows. */
static bool watch_type(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    if (!json_peek_value(k, &value))
        return false;
    w->typed = sl_str_starts(value, SL_STR("\"transcript.")) || sl_str_starts(value, SL_STR("\"image_"));
    if (w->typed && (ends(value, ".done\"") || ends(value, ".completed\"")))
        w->e->finish = true;
    return true;
}

/* An image is output, but its bytes are no tokens. */
static bool watch_image(struct watching *w, struct json_peek *k)
{
    struct sl_str value;
    if (!json_peek_value(k, &value))
        return false;
    if (value.n > 2 && value.p[0] == '"') {
        w->e->output_bytes++;
        w->texts += 2; /* nothing to remember it by */
        note_says(w, SAYS_MORE, SL_STR_NONE);
    }
    return true;
}

/* -- The event before ------------------------------------------------------------------------------------------------- */

static bool part_is(const char *p, const char *end, const char *want, size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, want, n) == 0;
}

/* The event is the remembered one with another text (and filler). */
static bool recall(const struct stream_memo *m, struct sl_str data, struct stream_event *out)
{
    const char *end = data.p + data.n, *head = data.p;
    if (m->head == 0 || !part_is(head, end, m->bytes, m->head))
        return false;
    const char *text = head + m->head, *middle = json_peek_close(text, end), *last = middle;
    if (middle == NULL || middle == text || !part_is(middle, end, m->bytes + m->head, m->middle))
        return false;
    if (m->filler) {
        last = json_peek_close(middle + m->middle, end);
        if (last == NULL || !part_is(last, end, m->bytes + m->head + m->middle, m->tail))
            return false;
    }
    if (last + (m->filler ? m->tail : m->middle) != end)
        return false;
    const char *const parts[] = {head, middle, last};
    out->kind = SK_CONTENT;
    out->says = (enum stream_says)m->says;
    out->text = sl_str_of(text, (size_t)(middle - text));
    out->output_bytes = (uint32_t)(middle - text);
    out->cut_from = (size_t)(parts[m->cut_in] + m->cut_from - head);
    out->cut_to = out->cut_from + m->cut_n;
    return true;
}

static void remember(struct stream_memo *m, const struct watching *w)
{
    const struct stream_event *e = w->e;
    m->head = 0;
    if (w->texts != 1 || w->text.p == NULL || e->finish || e->has_usage || w->data.n > STREAM_MEMO_BYTES)
        return;
    const char *end = w->data.p + w->data.n, *middle = w->text.p + w->text.n;
    bool filler = w->filler.p != NULL && w->filler.p > middle;
    const char *stop = filler ? w->filler.p : end, *last = filler ? w->filler.p + w->filler.n : end;
    m->filler = filler;
    m->says = (uint8_t)e->says;
    m->head = (uint16_t)(w->text.p - w->data.p);
    m->middle = (uint16_t)(stop - middle);
    m->tail = (uint16_t)(end - last);
    memcpy(m->bytes, w->data.p, m->head);
    memcpy(m->bytes + m->head, middle, m->middle);
    memcpy(m->bytes + m->head + m->middle, last, m->tail);
    const char *cut = w->data.p + e->cut_from;
    m->cut_in = cut >= last && filler ? 2 : cut >= middle ? 1 : 0;
    m->cut_from = (uint16_t)(cut - (m->cut_in == 2 ? last : m->cut_in == 1 ? middle : w->data.p));
    m->cut_n = (uint16_t)(e->cut_to - e->cut_from);
}
