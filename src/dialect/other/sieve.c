/* See sieve.h. Two machines: lines of an event stream (HTML Living Standard, "Server-sent events"), and in their data JSON's strings,
 * of which only those matter that are values of "data". What is no JSON gives what it gives: the document is read strictly later. */
#include "dialect/other/sieve.h"

enum {
    LINE_NAME = 0, /* the field's name, or nothing yet */
    LINE_DATA,
    LINE_OTHER /* a comment, or a field that says nothing here */
};
enum {
    JSON_BETWEEN = 0,
    JSON_STRING_IN,
    JSON_AFTER, /* a string ended: a colon makes it a key */
    JSON_COLON, /* of "data" */
    JSON_BYTES
};

void other_sieve_init(struct other_sieve *s)
{
    *s = (struct other_sieve){.line = LINE_NAME};
    sl_buf_init(&s->doc, SIEVE_DOC_BYTES);
}

void other_sieve_done(struct other_sieve *s)
{
    sl_buf_done(&s->doc);
}

bool other_sieve_is_inside(const struct other_sieve *s)
{
    return s->has_data || s->field_n > 0;
}

static void take_sound(struct other_sieve *s, char c, struct sl_buf *out)
{
    char byte;
    switch (json_base64_take(&s->sound, c, &byte)) {
    case BASE64_MORE:
        break;
    case BASE64_BYTE:
        sl_buf_addc(out, byte);
        break;
    case BASE64_END:
        s->json = JSON_BETWEEN;
        sl_buf_addc(&s->doc, '"');
        break;
    case BASE64_BAD:
        s->over = SIEVE_BAD;
        break;
    }
}

static void take_string(struct other_sieve *s, char c)
{
    if (c == '"' && !s->escape) {
        s->json = JSON_AFTER;
        return;
    }
    s->escape = c == '\\' && !s->escape;
    if (s->key_n < sizeof s->key)
        s->key[s->key_n++] = c;
}

static void take_between(struct other_sieve *s, char c)
{
    if (c == '"' && s->json == JSON_COLON) {
        s->json = JSON_BYTES;
        s->sound = (struct json_base64){.padded = false};
    } else if (c == '"') {
        s->json = JSON_STRING_IN;
        s->key_n = s->escape = 0;
    } else if (c == ':' && s->json == JSON_AFTER && sl_str_eq(sl_str_of(s->key, s->key_n), SL_STR("data"))) {
        s->json = JSON_COLON;
    } else if (!sl_is_blank(c)) {
        s->json = JSON_BETWEEN;
    }
}

static void take_json(struct other_sieve *s, char c, struct sl_buf *out)
{
    if (s->json == JSON_BYTES) {
        take_sound(s, c, out);
        return;
    }
    if (s->json == JSON_STRING_IN)
        take_string(s, c);
    else
        take_between(s, c);
    if (sl_buf_addc(&s->doc, c) != SL_OK)
        s->over = SIEVE_LIMIT;
}

static void begin_data(struct other_sieve *s, struct sl_buf *out)
{
    if (s->has_data)
        take_json(s, '\n', out);
    s->has_data = true;
}

/* True: the event is over. */
static bool end_line(struct other_sieve *s, struct sl_buf *out)
{
    bool empty = s->line == LINE_NAME && s->field_n == 0;
    if (s->line == LINE_NAME && sl_str_eq(sl_str_of(s->field, s->field_n), SL_STR("data")))
        begin_data(s, out);
    s->line = LINE_NAME;
    s->field_n = 0;
    return empty && s->has_data;
}

static void take_name(struct other_sieve *s, char c, struct sl_buf *out)
{
    if (c != ':') {
        if (s->field_n < sizeof s->field)
            s->field[s->field_n++] = c;
        return;
    }
    s->line = LINE_OTHER;
    if (!sl_str_eq(sl_str_of(s->field, s->field_n), SL_STR("data")))
        return;
    s->line = LINE_DATA;
    s->blank = true;
    begin_data(s, out);
}

static bool take_byte(struct other_sieve *s, char c, struct sl_buf *out)
{
    bool follows = s->cr && c == '\n'; /* of a CR LF */
    s->cr = c == '\r';
    if (follows)
        return false;
    if (c == '\r' || c == '\n')
        return end_line(s, out);
    if (s->line == LINE_NAME) {
        take_name(s, c, out);
    } else if (s->line == LINE_DATA) {
        bool skip = s->blank && c == ' ';
        s->blank = false;
        if (!skip)
            take_json(s, c, out);
    }
    return false;
}

enum sieve_result other_sieve_next(struct other_sieve *s, struct sl_str *in, struct sl_buf *out)
{
    if (s->given) {
        sl_buf_reset(&s->doc);
        s->given = s->has_data = false;
        s->json = JSON_BETWEEN;
    }
    while (in->n > 0 && s->over == SIEVE_MORE) {
        bool ended = take_byte(s, *in->p, out);
        *in = sl_str_from(*in, 1);
        if (ended && s->over == SIEVE_MORE) {
            s->given = true;
            return SIEVE_EVENT;
        }
    }
    return s->over;
}
