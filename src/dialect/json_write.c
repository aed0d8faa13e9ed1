/* See json_write.h. */
#include "dialect/json_write.h"

#include "dialect/json_scan.h"

static void begin(struct json_writer *w)
{
    if (w->comma)
        sl_buf_addc(w->to, ',');
    w->comma = true;
}

void jw_open(struct json_writer *w, char bracket)
{
    begin(w);
    sl_buf_addc(w->to, bracket);
    w->comma = false;
}

void jw_close(struct json_writer *w, char bracket)
{
    sl_buf_addc(w->to, bracket);
    w->comma = true;
}

void jw_key(struct json_writer *w, struct sl_str plain_name)
{
    jw_key_inside(w, plain_name);
}

/* Most are a few bytes long: stores instead of a call. */
static inline char *copy(char *to, struct sl_str s)
{
    if (s.n > 32) {
        memcpy(to, s.p, s.n);
    } else if (s.n >= 16) {
        memcpy(to, s.p, 16);
        memcpy(to + s.n - 16, s.p + s.n - 16, 16);
    } else if (s.n >= 8) {
        memcpy(to, s.p, 8);
        memcpy(to + s.n - 8, s.p + s.n - 8, 8);
    } else if (s.n >= 4) {
        memcpy(to, s.p, 4);
        memcpy(to + s.n - 4, s.p + s.n - 4, 4);
    } else {
        for (size_t i = 0; i < s.n; i++)
            to[i] = s.p[i];
    }
    return to + s.n;
}

void jw_key_inside(struct json_writer *w, struct sl_str inside)
{
    char *to = sl_buf_room(w->to, inside.n + 4), *from = to;
    if (to == NULL)
        return;
    if (w->comma)
        *to++ = ',';
    *to++ = '"';
    to = copy(to, inside);
    *to++ = '"';
    *to++ = ':';
    w->to->n += (size_t)(to - from);
    w->comma = false;
}

void json_add_line(struct sl_buf *to, struct sl_str raw)
{
    size_t from = to->n;
    if (sl_buf_adds(to, raw) != SL_OK || (memchr(raw.p, '\n', raw.n) == NULL && memchr(raw.p, '\r', raw.n) == NULL))
        return;
    for (char *p = to->p + from; p < to->p + to->n; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
}

void jw_raw(struct json_writer *w, struct sl_str raw)
{
    begin(w);
    if (w->one_line && raw.n > 0)
        json_add_line(w->to, raw);
    else
        sl_buf_adds(w->to, raw.n > 0 ? raw : SL_STR("null"));
}

void jw_inside(struct json_writer *w, struct sl_str inside)
{
    char *to = sl_buf_room(w->to, inside.n + 3), *from = to;
    if (to == NULL)
        return;
    if (w->comma)
        *to++ = ',';
    *to++ = '"';
    to = copy(to, inside);
    *to++ = '"';
    w->to->n += (size_t)(to - from);
    w->comma = true;
}

void jw_plain(struct json_writer *w, struct sl_str plain)
{
    jw_string(w);
    jw_piece_plain(w, plain);
    sl_buf_addc(w->to, '"');
}

void jw_open_with(struct json_writer *w, struct sl_str head, struct sl_str inside)
{
    char *to = sl_buf_room(w->to, head.n + inside.n + 2), *from = to;
    if (to == NULL)
        return;
    if (w->comma)
        *to++ = ',';
    to = copy(to, head);
    to = copy(to, inside);
    *to++ = '"';
    w->to->n += (size_t)(to - from);
    w->comma = true;
}

void jw_u64(struct json_writer *w, uint64_t v)
{
    begin(w);
    sl_buf_add_u64(w->to, v);
}

void jw_i64(struct json_writer *w, int64_t v)
{
    begin(w);
    sl_buf_add_i64(w->to, v);
}

void jw_bool(struct json_writer *w, bool v)
{
    begin(w);
    sl_buf_adds(w->to, v ? SL_STR("true") : SL_STR("false"));
}

void jw_null(struct json_writer *w)
{
    jw_raw(w, SL_STR_NONE);
}

void jw_string(struct json_writer *w)
{
    begin(w);
    sl_buf_addc(w->to, '"');
}

void jw_piece_inside(struct json_writer *w, struct sl_str inside)
{
    sl_buf_adds(w->to, inside);
}

static void add_escape(struct sl_buf *to, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", as[] = "\"\\bfnrt";
    const char *known = memchr(from, c, sizeof from - 1);
    if (known != NULL) {
        const char two[] = {'\\', as[known - from]};
        sl_buf_add(to, two, 2);
    } else {
        sl_buf_addf(to, "\\u%04x", (unsigned)c);
    }
}

static void add_checked(struct sl_buf *to, struct sl_str plain)
{
    while (plain.n > 0) {
        const char *at = json_string_special(plain.p, plain.p + plain.n);
        size_t n = (size_t)(at - plain.p);
        sl_buf_add(to, plain.p, n);
        plain = sl_str_from(plain, n);
        if (plain.n == 0)
            return;
        add_escape(to, (unsigned char)plain.p[0]);
        plain = sl_str_from(plain, 1);
    }
}

/* Valid pieces at a time; each byte that fits in none becomes U+FFFD. */
void jw_piece_plain(struct json_writer *w, struct sl_str plain)
{
    if (sl_utf8_valid(plain)) {
        add_checked(w->to, plain);
        return;
    }
    while (plain.n > 0) {
        unsigned char c = (unsigned char)plain.p[0];
        size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (n <= plain.n && sl_utf8_valid(sl_str_head(plain, n))) {
            add_checked(w->to, sl_str_head(plain, n));
        } else {
            sl_buf_add(w->to, "\xef\xbf\xbd", 3);
            n = 1;
        }
        plain = sl_str_from(plain, n);
    }
}

void jw_string_end(struct json_writer *w)
{
    sl_buf_addc(w->to, '"');
}

void jw_member_raw(struct json_writer *w, struct sl_str name, struct sl_str raw)
{
    jw_key(w, name);
    jw_raw(w, raw);
}

void jw_member_inside(struct json_writer *w, struct sl_str name, struct sl_str inside)
{
    char *to = sl_buf_room(w->to, name.n + inside.n + 6), *from = to;
    if (to == NULL)
        return;
    if (w->comma)
        *to++ = ',';
    *to++ = '"';
    to = copy(to, name);
    *to++ = '"';
    *to++ = ':';
    *to++ = '"';
    to = copy(to, inside);
    *to++ = '"';
    w->to->n += (size_t)(to - from);
    w->comma = true;
}

void jw_member_plain(struct json_writer *w, struct sl_str name, struct sl_str plain)
{
    jw_key(w, name);
    jw_plain(w, plain);
}

void jw_member_u64(struct json_writer *w, struct sl_str name, uint64_t v)
{
    jw_key(w, name);
    jw_u64(w, v);
}

void jw_member_bool(struct json_writer *w, struct sl_str name, bool v)
{
    jw_key(w, name);
    jw_bool(w, v);
}

void jw_member_null(struct json_writer *w, struct sl_str name)
{
    jw_member_raw(w, name, SL_STR_NONE);
}

void jw_maybe_raw(struct json_writer *w, struct sl_str name, struct sl_str raw)
{
    if (raw.n > 0)
        jw_member_raw(w, name, raw);
}

void jw_maybe_inside(struct json_writer *w, struct sl_str name, struct sl_str inside)
{
    if (inside.n > 0)
        jw_member_inside(w, name, inside);
}
