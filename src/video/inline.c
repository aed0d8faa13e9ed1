/* See inline.h. Both are machines of a few states over JSON's bytes: what is no JSON gives what it gives, and nothing worse. */
#include "video/inline.h"

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
    if (ch == '"')
        u->state = BYTES;
    else if (!sl_is_blank(ch))
        u->state = BETWEEN; /* null */
}

static size_t bytes(struct video_unpack *u, char ch, char *out)
{
    switch (json_base64_take(&u->bytes, ch, out)) {
    case BASE64_MORE:
        break;
    case BASE64_BYTE:
        return 1;
    case BASE64_END:
        u->state = WHOLE;
        break;
    case BASE64_BAD:
        u->state = BROKEN;
        break;
    }
    return 0;
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
