/* Arguments that come piece by piece, each with its place: gemini.md 8.4 (November 2026), RFC 9535 for the paths. We never ask for
 * them, a provider may be set to send them. Nodes hang in lists; the newest child is looked at first, and all looking is paid for by
 * bytes received, so that no order of pieces costs more than their size. */
#include "dialect/gemini/gemini_int.h"

#include "base/list.h"

#define STEPS_PER_BYTE 64u
#define STEPS_FREE 4096u

enum value_kind {
    VALUE_NONE = 0,
    VALUE_OBJECT,
    VALUE_ARRAY,
    VALUE_TEXT,
    VALUE_RAW
};

struct piece {
    struct sl_str s; /* inside */
    struct piece *next;
};

struct value {
    enum value_kind kind;
    bool open;         /* a text that goes on */
    struct sl_str key; /* plain */
    struct sl_str raw;
    struct piece *piece, *last_piece;
    struct value *first, *last, *next;
    uint64_t n, at; /* of children; which element it is */
};

struct gem_partial {
    struct sl_arena *a;
    struct value root;
    uint64_t steps, paid;
};

struct gem_partial *gem_partial_new(struct sl_arena *a)
{
    struct gem_partial *p = SL_ARENA_NEW(a, struct gem_partial);
    p->a = a;
    p->root.kind = VALUE_OBJECT;
    p->paid = STEPS_FREE;
    return p;
}

static struct value *add_child(struct gem_partial *p, struct value *to, struct sl_str key)
{
    struct value *v = SL_ARENA_NEW(p->a, struct value);
    v->key = sl_arena_str(p->a, key);
    v->at = to->n++;
    SL_APPEND(to->first, to->last, v);
    return v;
}

static bool is_child(const struct value *of, const struct value *v, struct sl_str key, uint64_t at)
{
    return of->kind == VALUE_ARRAY ? v->at == at : sl_str_eq(v->key, key);
}

/* The member or element, made when it is not there; NULL: it cannot be. */
static struct value *child_of(struct gem_partial *p, struct value *of, struct sl_str key, uint64_t at)
{
    if (of->last != NULL && is_child(of, of->last, key, at))
        return of->last;
    bool behind = of->kind == VALUE_ARRAY && at >= of->n;
    for (struct value *v = behind ? NULL : of->first; v != NULL; v = v->next) {
        if (p->steps++ > p->paid)
            return NULL;
        if (is_child(of, v, key, at))
            return v;
    }
    if (of->kind == VALUE_ARRAY && at != of->n)
        return NULL; /* holes are nobody's meaning */
    return add_child(p, of, key);
}

static bool become(struct value *v, enum value_kind kind)
{
    if (v->kind == VALUE_NONE)
        v->kind = kind;
    return v->kind == kind;
}

/* -- Paths -------------------------------------------------------------------------------------------------------------------- */

/* The inside of a quoted name, with its escapes taken off as far as they matter here; *s is left behind the closing bracket. */
static bool quoted_name(struct gem_partial *p, struct sl_str *s, struct sl_str *out)
{
    char quote = s->p[0], *to = sl_arena_alloc(p->a, s->n);
    size_t n = 0;
    struct sl_str rest = sl_str_from(*s, 1);
    while (rest.n > 0 && rest.p[0] != quote) {
        size_t skip = rest.p[0] == '\\' && rest.n > 1 ? 1 : 0;
        to[n++] = rest.p[skip];
        rest = sl_str_from(rest, skip + 1);
    }
    if (rest.n < 2 || rest.p[1] != ']')
        return false;
    *out = sl_str_of(to, n);
    *s = sl_str_from(rest, 2);
    return true;
}

static bool step_bracket(struct gem_partial *p, struct value **at, struct sl_str *path)
{
    struct sl_str rest = sl_str_from(*path, 1), name = SL_STR_NONE;
    uint64_t index = 0;
    if (rest.n > 0 && (rest.p[0] == '\'' || rest.p[0] == '"')) {
        if (!quoted_name(p, &rest, &name) || !become(*at, VALUE_OBJECT))
            return false;
    } else {
        struct sl_str digits = sl_str_cut(&rest, ']');
        if (rest.p == NULL || !become(*at, VALUE_ARRAY))
            return false;
        if (digits.n == 0) { /* "$.tags[]": an empty list */
            *path = rest;
            return rest.n == 0;
        }
        if (!sl_str_to_u64(digits, &index))
            return false;
    }
    *path = rest;
    *at = child_of(p, *at, name, index);
    return *at != NULL;
}

static bool step_name(struct gem_partial *p, struct value **at, struct sl_str *path)
{
    struct sl_str rest = sl_str_from(*path, 1);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '.' && rest.p[n] != '[')
        n++;
    if (n == 0 || !become(*at, VALUE_OBJECT))
        return false;
    *at = child_of(p, *at, sl_str_head(rest, n), 0);
    *path = sl_str_from(rest, n);
    return *at != NULL;
}

static struct value *find(struct gem_partial *p, struct sl_str path)
{
    struct value *at = &p->root;
    unsigned depth = 0;
    if (path.n == 0 || path.p[0] != '$')
        return NULL;
    path = sl_str_from(path, 1);
    while (path.n > 0) {
        bool fine = ++depth < JSON_DEPTH_MAX && (path.p[0] == '['   ? step_bracket(p, &at, &path)
                                                 : path.p[0] == '.' ? step_name(p, &at, &path)
                                                                    : false);
        if (!fine)
            return NULL;
    }
    return at;
}

/* -- Values ------------------------------------------------------------------------------------------------------------------------ */

static bool add_text(struct gem_partial *p, struct value *v, struct sl_str inside, bool goes_on)
{
    if (v->kind == VALUE_TEXT && !v->open)
        v->piece = v->last_piece = NULL; /* said anew */
    if (!become(v, VALUE_TEXT))
        return false;
    struct piece *piece = SL_ARENA_NEW(p->a, struct piece);
    piece->s = sl_arena_str(p->a, inside);
    SL_APPEND(v->piece, v->last_piece, piece);
    v->open = goes_on;
    return true;
}

static bool set_value(struct gem_partial *p, struct value *v, const struct json_tree *t, const struct json_node *arg)
{
    static const struct sl_str raws[] = {SL_STR_INIT("numberValue"), SL_STR_INIT("boolValue")};
    const struct json_node *text = gem_get(t, arg, SL_STR("stringValue"));
    if (v == &p->root)
        return true;
    if (json_kind_of(text) == JSON_STRING)
        return add_text(p, v, json_inside_of(t, text),
                        json_kind_of(gem_get(t, arg, SL_STR("willContinue"))) == JSON_TRUE);
    for (int i = 0; i < 2; i++) {
        const struct json_node *raw = gem_get(t, arg, raws[i]);
        if (raw == NULL)
            continue;
        v->raw = sl_arena_str(p->a, json_raw_of(t, raw));
        return raw->kind != JSON_OBJECT && raw->kind != JSON_ARRAY && become(v, VALUE_RAW);
    }
    for (JSON_EACH(t, arg, it))
        if (gem_key_is(t, it, SL_STR("nullValue"))) {
            v->raw = SL_STR("null");
            return become(v, VALUE_RAW);
        }
    if (v->kind == VALUE_NONE)
        v->kind = VALUE_OBJECT; /* said to be there, and empty */
    return true;
}

bool gem_partial_add(struct gem_partial *p, const struct json_tree *t, const struct json_node *list)
{
    if (json_kind_of(list) != JSON_ARRAY)
        return list == NULL;
    p->paid += (uint64_t)list->n * STEPS_PER_BYTE;
    for (JSON_EACH(t, list, it)) {
        struct value *v = find(p, json_plain_of(t, gem_get(t, it, SL_STR("jsonPath")), p->a));
        if (v == NULL || !set_value(p, v, t, it))
            return false;
    }
    return true;
}

/* Not deeper than the paths were. */
static void write_value(struct json_writer *w, const struct value *v)
{
    switch (v->kind) {
    case VALUE_OBJECT:
    case VALUE_ARRAY:
        jw_open(w, v->kind == VALUE_OBJECT ? '{' : '[');
        for (const struct value *c = v->first; c != NULL; c = c->next) {
            if (v->kind == VALUE_OBJECT) {
                jw_plain(w, c->key);
                sl_buf_addc(w->to, ':');
                w->comma = false;
            }
            write_value(w, c);
        }
        jw_close(w, v->kind == VALUE_OBJECT ? '}' : ']');
        break;
    case VALUE_TEXT:
        jw_string(w);
        for (const struct piece *s = v->piece; s != NULL; s = s->next)
            jw_piece_inside(w, s->s);
        jw_string_end(w);
        break;
    default:
        jw_raw(w, v->raw);
        break;
    }
}

struct sl_str gem_partial_text(const struct gem_partial *p)
{
    struct sl_buf b;
    sl_buf_init(&b, SIZE_MAX / 2);
    struct json_writer w = json_writer_on(&b);
    write_value(&w, &p->root);
    struct sl_str out = sl_arena_str(p->a, sl_buf_str(&b));
    sl_buf_done(&b);
    return out;
}
