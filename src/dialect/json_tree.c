/* The flat tree: see json_tree.h. json_scan has checked the document, so building trusts its syntax. */
#include "dialect/json_tree.h"

#include "base/check.h"

struct build {
    struct json_tree *t;
    struct sl_arena *a;
    struct json_node *v;
    uint32_t cap;
    const char *p, *end;
    uint32_t open[JSON_DEPTH_MAX + 1]; /* nodes of the open containers */
    uint32_t last[JSON_DEPTH_MAX + 1]; /* the newest child of each; 0: none yet */
    unsigned depth;
};

static struct json_node *add_node(struct build *b)
{
    if (b->t->n == b->cap) {
        uint32_t cap = b->cap * 2;
        struct json_node *v = sl_arena_alloc(b->a, (size_t)cap * sizeof *v);
        memcpy(v, b->v, b->cap * sizeof *v);
        b->v = v;
        b->cap = cap;
    }
    uint32_t at = b->t->n++;
    struct json_node *node = &b->v[at];
    *node = (struct json_node){0};
    if (b->depth > 0) {
        if (b->last[b->depth] != 0)
            b->v[b->last[b->depth]].next = at;
        b->last[b->depth] = at;
        b->v[b->open[b->depth]].children++;
    }
    return node;
}

static uint32_t offset(const struct build *b, const char *p)
{
    return (uint32_t)(p - b->t->doc.p);
}

/* p is behind the opening quote; gives where the closing one is. */
static const char *string_end(const char *p, const char *end, bool *out_escaped)
{
    for (;;) {
        p = json_string_special(p, end);
        SL_DCHECK(p < end);
        if (*p == '"')
            return p;
        *out_escaped = true;
        p += 2;
    }
}

static bool is_gap(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ',' || c == ':';
}

static bool ends_scalar(char c)
{
    return is_gap(c) || c == ']' || c == '}';
}

static void read_scalar(struct build *b, struct json_node *node)
{
    const char *from = b->p;
    if (*from == '"') {
        node->kind = JSON_STRING;
        b->p = string_end(from + 1, b->end, &node->escaped) + 1;
    } else {
        node->kind = *from == 't' ? JSON_TRUE : *from == 'f' ? JSON_FALSE : *from == 'n' ? JSON_NULL : JSON_NUMBER;
        while (b->p < b->end && !ends_scalar(*b->p))
            b->p++;
    }
    node->at = offset(b, from);
    node->n = (uint32_t)(b->p - from);
}

static void close_container(struct build *b)
{
    struct json_node *node = &b->v[b->open[b->depth--]];
    b->p++;
    node->n = offset(b, b->p) - node->at;
}

static void read_value(struct build *b)
{
    uint32_t key_at = 0, key_n = 0;
    bool key_escaped = false;
    if (b->depth > 0 && b->v[b->open[b->depth]].kind == JSON_OBJECT) {
        const char *close = string_end(b->p + 1, b->end, &key_escaped);
        key_at = offset(b, b->p + 1);
        key_n = (uint32_t)(close - (b->p + 1));
        b->p = close + 1;
        while (is_gap(*b->p))
            b->p++;
    }
    struct json_node *node = add_node(b);
    node->key_at = key_at;
    node->key_n = key_n;
    node->key_escaped = key_escaped;
    if (*b->p != '{' && *b->p != '[') {
        read_scalar(b, node);
        return;
    }
    node->kind = *b->p == '{' ? JSON_OBJECT : JSON_ARRAY;
    node->at = offset(b, b->p);
    b->p++;
    b->depth++;
    b->open[b->depth] = b->t->n - 1;
    b->last[b->depth] = 0;
}

static void build(struct build *b)
{
    for (;;) {
        while (b->p < b->end && is_gap(*b->p))
            b->p++;
        if (b->p >= b->end)
            return;
        if (*b->p == '}' || *b->p == ']')
            close_container(b);
        else
            read_value(b);
    }
}

bool json_tree_read(struct json_tree *t, struct sl_str doc, struct sl_arena *a)
{
    struct json_info info;
    *t = (struct json_tree){.doc = doc};
    t->status = doc.n < UINT32_MAX ? json_scan(doc, NULL, 0, NULL, &info) : JSON_TRAILING;
    if (t->status != JSON_OK) {
        t->bad_at = doc.n < UINT32_MAX ? info.at : 0;
        return false;
    }
    struct build b = {.t = t, .a = a, .p = doc.p, .end = doc.p + doc.n};
    b.cap = (uint32_t)(doc.n / 32u) + 8u;
    b.v = sl_arena_alloc(a, (size_t)b.cap * sizeof *b.v);
    build(&b);
    t->nodes = b.v;
    return true;
}

/* -- Members ------------------------------------------------------------------------------------------------------- */

static bool inside_is(struct sl_str inside, bool escaped, struct sl_str plain)
{
    if (!escaped)
        return sl_str_eq(inside, plain);
    char text[256];
    size_t n = 0;
    if (inside.n > sizeof text || !json_unescape(inside, text, &n))
        return false;
    return sl_str_eq(sl_str_of(text, n), plain);
}

bool json_key_is(const struct json_tree *t, const struct json_node *v, struct sl_str name)
{
    return v != NULL && inside_is(json_key_of(t, v), v->key_escaped, name);
}

bool json_text_is(const struct json_tree *t, const struct json_node *v, struct sl_str plain)
{
    return json_kind_of(v) == JSON_STRING && inside_is(json_inside_of(t, v), v->escaped, plain);
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
