/* The flat tree: see json_tree.h. */
#include "dialect/json_tree.h"

#include "dialect/json_build.h"

/* Bytes. Below that nodes have room for dense documents at once, so that they are not copied; of larger ones most is texts and media. */
#define SMALL_DOC (256u << 10)

bool json_tree_read(struct json_tree *t, struct sl_str doc, struct sl_arena *a)
{
    struct json_info info;
    struct json_build b; /* its arrays are set as they are needed */
    *t = (struct json_tree){.doc = doc, .status = JSON_TRAILING};
    if (doc.n >= UINT32_MAX)
        return false;
    b.a = a;
    b.n = b.depth = 0;
    json_build_key(&b, 0, 0, false);
    b.cap = (uint32_t)(doc.n < SMALL_DOC ? doc.n / 16u : doc.n / 32u) + 8u;
    b.v = sl_arena_alloc(a, (size_t)b.cap * sizeof *b.v);
    t->status = json_build(&b, doc, &info);
    if (t->status != JSON_OK) {
        t->bad_at = info.at;
        return false;
    }
    t->nodes = b.v;
    t->n = b.n;
    return true;
}

/* -- Members ------------------------------------------------------------------------------------------------------- */

static bool inside_is(struct sl_str inside, struct sl_str plain)
{
    char text[256];
    size_t n = 0;
    if (inside.n > sizeof text || !json_unescape(inside, text, &n))
        return false;
    return sl_str_eq(sl_str_of(text, n), plain);
}

bool json_key_unescaped_is(const struct json_tree *t, const struct json_node *v, struct sl_str name)
{
    return inside_is(json_key_of(t, v), name);
}

bool json_text_unescaped_is(const struct json_tree *t, const struct json_node *v, struct sl_str plain)
{
    return inside_is(json_inside_of(t, v), plain);
}

const struct json_node *json_get(const struct json_tree *t, const struct json_node *of, struct sl_str name)
{
    const struct json_node *found = NULL;
    if (json_kind_of(of) != JSON_OBJECT)
        return NULL;
    for (JSON_EACH(t, of, it))
        if (json_key_is(t, it, name))
            found = it;
    return found;
}

const struct json_node *json_got(const struct json_tree *t, const struct json_node *of, struct sl_str name)
{
    const struct json_node *v = json_get(t, of, name);
    return json_kind_of(v) == JSON_NULL ? NULL : v;
}

struct sl_str json_plain_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a)
{
    struct sl_str inside = json_inside_of(t, v);
    return v != NULL && v->escaped ? json_plain(inside, a) : inside;
}

bool json_u64_of(const struct json_tree *t, const struct json_node *v, uint64_t *out)
{
    return json_kind_of(v) == JSON_NUMBER && json_count(json_raw_of(t, v), out);
}

struct sl_str json_get_inside(const struct json_tree *t, const struct json_node *of, struct sl_str name)
{
    return json_inside_of(t, json_get(t, of, name));
}

struct sl_str json_get_raw(const struct json_tree *t, const struct json_node *of, struct sl_str name)
{
    return json_raw_of(t, json_got(t, of, name));
}

/* -- Texts --------------------------------------------------------------------------------------------------------- */

/* json_unescape refuses lone surrogates; here such an escape becomes U+FFFD and the rest goes on. */
static size_t unescape_loosely(struct sl_str inside, char *out)
{
    size_t n = 0;
    while (inside.n > 0) {
        ptrdiff_t slash = sl_str_find(inside, '\\');
        size_t plain = slash < 0 ? inside.n : (size_t)slash, one = 0, got = 0;
        memcpy(out + n, inside.p, plain);
        n += plain;
        inside = sl_str_from(inside, plain);
        if (inside.n == 0)
            break;
        bool unicode = inside.n > 1 && inside.p[1] == 'u';
        one = unicode ? 6 : 2;
        bool pair = unicode && inside.n >= 12 && inside.p[6] == '\\' && inside.p[7] == 'u';
        if (pair && json_unescape(sl_str_head(inside, 12), out + n, &got)) {
            one = 12;
        } else if (!json_unescape(sl_str_head(inside, one), out + n, &got)) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            got = 3;
        }
        n += got;
        inside = sl_str_from(inside, one);
    }
    return n;
}

struct sl_str json_plain(struct sl_str inside, struct sl_arena *a)
{
    if (sl_str_find(inside, '\\') < 0)
        return inside;
    char *out = sl_arena_alloc(a, inside.n);
    size_t n = 0;
    if (!json_unescape(inside, out, &n))
        n = unescape_loosely(inside, out);
    return sl_str_of(out, n);
}

static bool needs_escape(struct sl_str plain)
{
    return (plain.n > 0 && json_string_special(plain.p, plain.p + plain.n) < plain.p + plain.n) ||
           !sl_utf8_valid(plain);
}

/* Bytes of the UTF-8 character at the head of s; 0: it is none. */
static size_t utf8_length(struct sl_str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n <= s.n && sl_utf8_valid(sl_str_head(s, n)) ? n : 0;
}

static size_t escape_one(unsigned char c, char *out)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *known = memchr(from, c, sizeof from - 1);
    out[0] = '\\';
    if (known != NULL) {
        out[1] = to[known - from];
        return 2;
    }
    memcpy(out + 1, "u00", 3);
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

struct sl_str json_escape(struct sl_str plain, struct sl_arena *a)
{
    if (!needs_escape(plain))
        return plain;
    char *out = sl_arena_alloc(a, plain.n * 6);
    size_t n = 0;
    while (plain.n > 0) {
        unsigned char c = (unsigned char)plain.p[0];
        size_t one = c >= 0x80 ? utf8_length(plain) : 1;
        if (c < 0x20 || c == '"' || c == '\\') {
            n += escape_one(c, out + n);
        } else if (one == 0) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
            one = 1;
        } else {
            memcpy(out + n, plain.p, one);
            n += one;
        }
        plain = sl_str_from(plain, one);
    }
    return sl_str_of(out, n);
}

struct sl_str json_ident(struct sl_str inside, struct sl_arena *a)
{
    return sl_str_find(inside, '\\') < 0 ? inside : json_escape(json_plain(inside, a), a);
}

bool json_is(struct sl_str raw, enum json_kind kind)
{
    struct json_info info;
    return json_scan(raw, NULL, 0, NULL, &info) == JSON_OK && info.root == kind;
}

uint64_t json_chars(struct sl_str inside)
{
    uint64_t n = 0;
    for (size_t i = 0; i < inside.n; i++) {
        unsigned char c = (unsigned char)inside.p[i];
        if (c != '\\' || i + 1 >= inside.n) {
            n += (c & 0xc0) != 0x80;
            continue;
        }
        bool unicode = inside.p[i + 1] == 'u' && i + 5 < inside.n;
        bool low = unicode && sl_lower(inside.p[i + 2]) == 'd' && sl_lower(inside.p[i + 3]) >= 'c';
        n += !low;
        i += unicode ? 5 : 1;
    }
    return n;
}

/* -- Blanks ----------------------------------------------------------------------------------------------------------- */

static bool is_blank_escape(char c)
{
    return c == 'n' || c == 'r' || c == 't';
}

/* Bytes of the blank at the beginning; 0: none. */
static size_t json_blank_before(struct sl_str inside)
{
    if (inside.n > 0 && inside.p[0] == ' ')
        return 1;
    return inside.n > 1 && inside.p[0] == '\\' && is_blank_escape(inside.p[1]) ? 2 : 0;
}

/* The last two bytes are an escape of their own only behind an even number of backslashes. */
size_t json_blank_behind(struct sl_str inside)
{
    size_t slashes = 0;
    if (inside.n > 0 && inside.p[inside.n - 1] == ' ')
        return 1;
    if (inside.n < 2 || !is_blank_escape(inside.p[inside.n - 1]))
        return 0;
    while (slashes < inside.n - 1 && inside.p[inside.n - 2 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1 ? 2 : 0;
}

struct sl_str json_trim_before(struct sl_str inside)
{
    for (size_t n; (n = json_blank_before(inside)) > 0;)
        inside = sl_str_from(inside, n);
    return inside;
}

struct sl_str json_trim_behind(struct sl_str inside)
{
    for (size_t n; (n = json_blank_behind(inside)) > 0;)
        inside.n -= n;
    return inside;
}

bool json_is_blank(struct sl_str inside)
{
    return json_trim_before(inside).n == 0;
}

struct sl_str json_with_text(struct sl_str object, struct sl_str name, struct sl_str inside, struct sl_arena *a)
{
    struct json_tree t;
    if (inside.n == 0 || object.n == 0 || object.p[0] != '{' || !json_tree_read(&t, object, a) ||
        json_get(&t, json_root(&t), name) != NULL)
        return object;
    bool empty = json_root(&t)->children == 0;
    return sl_arena_printf(a, "{\"" SL_STR_FMT "\":\"" SL_STR_FMT "\"%s" SL_STR_FMT, SL_STR_ARG(name),
                           SL_STR_ARG(inside), empty ? "" : ",", SL_STR_ARG(sl_str_from(object, 1)));
}
