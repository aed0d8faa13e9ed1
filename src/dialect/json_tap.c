/* See json_tap.h. */
#include "dialect/json_tap.h"

#include "base/check.h"
#include "dialect/json_scan.h"

static void keep(struct json_tap *t, const char *p, size_t n)
{
    if (t->now < 0 || n == 0)
        return;
    struct json_tapped *v = &t->v[t->now];
    v->bytes += n;
    size_t room = v->max - v->kept;
    if (room < n)
        n = room;
    if (n == 0)
        return;
    if (v->p == NULL)
        v->p = sl_arena_alloc(t->arena, v->max);
    memcpy(v->p + v->kept, p, n);
    v->kept += n;
}

void json_tap_init(struct json_tap *t, struct json_tapped *v, unsigned n, struct sl_arena *a)
{
    SL_CHECK(n <= JSON_TAP_NAMES);
    *t = (struct json_tap){.v = v, .n = n, .arena = a, .now = -1};
}

static void add_key(struct json_tap *t, const char *p, size_t n)
{
    if (n > (size_t)(JSON_TAP_KEY - (t->key_n < JSON_TAP_KEY ? t->key_n : JSON_TAP_KEY)))
        t->key_n = JSON_TAP_KEY + 1;
    if (t->key_n > JSON_TAP_KEY)
        return;
    memcpy(t->key + t->key_n, p, n);
    t->key_n = (uint8_t)(t->key_n + n);
}

/* Inside a string; gives where it goes on. A key with escapes is one that we do not know. */
static const char *pass_string(struct json_tap *t, const char *p, const char *end)
{
    const char *from = p;
    if (t->escape) {
        t->escape = false;
        p++;
    } else {
        p = json_string_special(p, end);
        if (p < end) {
            t->in_string = *p != '"';
            t->escape = *p == '\\';
            p++;
        }
    }
    if (!t->in_key)
        keep(t, from, (size_t)(p - from));
    else
        add_key(t, from, (size_t)(p - from) - !t->in_string);
    t->in_key &= t->in_string;
    return p;
}

/* A colon in the top object: the key was read. */
static void begin_value(struct json_tap *t)
{
    struct sl_str key = sl_str_of(t->key, t->key_n <= JSON_TAP_KEY ? t->key_n : 0);
    for (unsigned i = 0; i < t->n; i++) {
        if (!sl_str_eq(t->v[i].name, key))
            continue;
        t->v[i].repeated |= t->v[i].bytes > 0;
        if (!t->v[i].repeated)
            t->now = (int8_t)i;
    }
    t->expect_key = false;
}

static void open_bracket(struct json_tap *t, char c)
{
    if (t->depth == 0) {
        t->odd |= t->begun || c != '{';
        t->begun = t->expect_key = true;
    }
    keep(t, &c, 1);
    t->depth++;
}

static void close_bracket(struct json_tap *t, char c)
{
    if (t->depth == 0) {
        t->odd = true;
        return;
    }
    if (t->depth > 1)
        keep(t, &c, 1);
    t->depth--;
    if (t->depth == 0) {
        t->now = -1;
        t->ended = true;
    }
}

static void pass_byte(struct json_tap *t, char c)
{
    bool top = t->depth == 1;
    switch (c) {
    case '"':
        t->in_string = true;
        t->in_key = top && t->expect_key;
        if (t->in_key)
            t->key_n = 0;
        else
            keep(t, &c, 1);
        return;
    case '{':
    case '[':
        open_bracket(t, c);
        return;
    case '}':
    case ']':
        close_bracket(t, c);
        return;
    case ':':
        if (top && t->expect_key) {
            begin_value(t);
            return;
        }
        break;
    case ',':
        if (top) {
            t->now = -1;
            t->expect_key = true;
            return;
        }
        break;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return;
    default:
        t->odd |= t->depth == 0;
    }
    keep(t, &c, 1);
}

void json_tap_feed(struct json_tap *t, struct sl_str slice)
{
    if (slice.n == 0)
        return;
    const char *p = slice.p, *end = slice.p + slice.n;
    while (p < end && !t->odd) {
        if (t->in_string)
            p = pass_string(t, p, end);
        else
            pass_byte(t, *p++);
    }
}

bool json_tap_complete(const struct json_tap *t)
{
    return t->ended && t->depth == 0 && !t->odd;
}

struct sl_str json_tap_value(const struct json_tapped *v)
{
    return v->repeated || v->kept < v->bytes ? SL_STR_NONE : sl_str_of(v->p, v->kept);
}
