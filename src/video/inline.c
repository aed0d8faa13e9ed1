/* See inline.h. Both are machines of a few states over JSON's bytes: what is no JSON gives what it gives, and nothing worse. */
#include "video/inline.h"

#include "base/base64.h"

/* ---- thinning ---- */

size_t video_thin(struct video_thin *t, struct sl_str in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char ch = in.p[i];
        if (!t->in) {
            t->in = ch == '"';
            t->n = 0;
            out[n++] = ch;
            continue;
        }
        bool ends = ch == '"' && !t->escape;
        bool inside = t->escape || t->unicode > 0 || ((unsigned char)ch & 0xC0u) == 0x80u; /* of a character */
        if (!inside && t->n + 12 >= VIDEO_THIN_BYTES)
            t->n = VIDEO_THIN_BYTES;
        t->unicode = t->escape && ch == 'u' ? 4 : (uint8_t)(t->unicode - (t->unicode > 0));
        t->escape = ch == '\\' && !t->escape;
        t->in = !ends;
        if (ends || t->n < VIDEO_THIN_BYTES) {
            out[n++] = ch;
            t->n++;
        }
    }
    return n;
}

/* ---- unpacking ---- */

enum {
    BETWEEN = 0, /* values, brackets, blanks */
    STRING,      /* one that may be the key */
    AFTER,       /* it ended: a colon makes it a key */
    COLON,       /* ... of the member: its value comes */
    BYTES,
    WHOLE,
    BROKEN
};

static bool is_member(const struct video_unpack *u)
{
    struct sl_str key = sl_str_of(u->key, u->key_n);
    if (u->data)
        return sl_str_eq(key, SL_STR("data"));
    return sl_str_eq(key, SL_STR("bytesBase64Encoded")) || sl_str_eq(key, SL_STR("encodedVideo"));
}

static void between(struct video_unpack *u, char ch)
{
    if (ch == '"') {
        u->state = STRING;
        u->key_n = 0;
        u->escape = 0;
    }
}

static void string(struct video_unpack *u, char ch)
{
    if (ch == '"' && !u->escape) {
        u->state = AFTER;
        return;
    }
    u->escape = ch == '\\' && !u->escape;
    if (u->key_n < sizeof u->key)
        u->key[u->key_n++] = ch;
}

static void after(struct video_unpack *u, char ch)
{
    if (sl_is_blank(ch))
        return;
    if (ch == ':' && is_member(u)) {
        u->state = COLON;
        return;
    }
    u->state = BETWEEN;
    between(u, ch);
}

static void colon(struct video_unpack *u, char ch)
{
    if (ch == '"') {
        u->state = BYTES;
        u->escape = u->unicode_n = 0;
    } else if (!sl_is_blank(ch)) {
        u->state = BETWEEN; /* null */
    }
}

static size_t letter(struct video_unpack *u, char ch, char *out)
{
    int v = sl_base64_value(ch);
    if (ch == '=') {
        u->padded = true;
        return 0;
    }
    if (v < 0 || u->padded) {
        u->state = BROKEN;
        return 0;
    }
    u->bits = u->bits << 6 | (unsigned)v;
    u->n_bits = (uint8_t)(u->n_bits + 6);
    if (u->n_bits < 8)
        return 0;
    u->n_bits = (uint8_t)(u->n_bits - 8);
    *out = (char)(u->bits >> u->n_bits & 0xff);
    return 1;
}

/* "\/", and as Google's servers write "=": "\u003d". */
static size_t escaped(struct video_unpack *u, char ch, char *out)
{
    char low = sl_lower(ch);
    if (u->unicode_n == 0) {
        u->escape = ch == 'u';
        u->unicode_n = ch == 'u';
        u->unicode = 0;
        return ch == 'u' || ch == 'n' || ch == 'r' ? 0 : letter(u, ch, out);
    }
    int digit = low >= '0' && low <= '9' ? low - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
    if (digit < 0) {
        u->state = BROKEN;
        return 0;
    }
    u->unicode = (uint16_t)(u->unicode << 4 | digit);
    if (u->unicode_n++ < 4)
        return 0;
    u->escape = u->unicode_n = 0;
    return letter(u, u->unicode < 128 ? (char)u->unicode : '!', out);
}

static size_t bytes(struct video_unpack *u, char ch, char *out)
{
    if (u->escape)
        return escaped(u, ch, out);
    if (ch == '\\') {
        u->escape = 1;
        return 0;
    }
    if (ch == '"') {
        u->state = u->n_bits == 6 ? BROKEN : WHOLE; /* a single letter is left over */
        return 0;
    }
    return letter(u, ch, out);
}

size_t video_unpack(struct video_unpack *u, struct sl_str in, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n && u->state < WHOLE; i++) {
        char ch = in.p[i];
        if (u->state == BYTES)
            n += bytes(u, ch, out + n);
        else if (u->state == BETWEEN)
            between(u, ch);
        else if (u->state == STRING)
            string(u, ch);
        else if (u->state == AFTER)
            after(u, ch);
        else
            colon(u, ch);
    }
    return n;
}

bool video_unpack_whole(const struct video_unpack *u)
{
    return u->state == WHOLE;
}
