/* Members under both spellings; see gemini_int.h. */
#include "dialect/gemini/gemini_int.h"

/* "inlineData" and "inline_data": an upper-case letter may be written as '_' and its lower-case form. */
static bool is_spelling(struct sl_str key, struct sl_str camel)
{
    size_t i = 0;
    for (size_t k = 0; k < camel.n; k++) {
        char c = camel.p[k];
        if (i < key.n && key.p[i] == c) {
            i++;
        } else {
            bool upper = c >= 'A' && c <= 'Z';
            if (!upper || i + 1 >= key.n || key.p[i] != '_' || key.p[i + 1] != (char)(c | 0x20))
                return false;
            i += 2;
        }
    }
    return i == key.n;
}

bool gem_key_is_other(const struct json_tree *t, const struct json_node *v, struct sl_str camel)
{
    if (v->key_escaped)
        return json_key_is(t, v, camel);
    return is_spelling(json_key_of(t, v), camel);
}

const struct json_node *gem_get(const struct json_tree *t, const struct json_node *of, struct sl_str camel)
{
    const struct json_node *found = NULL;
    if (json_kind_of(of) != JSON_OBJECT)
        return NULL;
    for (JSON_EACH(t, of, it))
        if (it->kind != JSON_NULL && gem_key_is(t, it, camel))
            found = it;
    return found;
}

struct sl_str gem_get_inside(const struct json_tree *t, const struct json_node *of, struct sl_str camel)
{
    return json_inside_of(t, gem_get(t, of, camel));
}

struct sl_str gem_get_raw(const struct json_tree *t, const struct json_node *of, struct sl_str camel)
{
    return json_raw_of(t, gem_get(t, of, camel));
}

bool gem_count_of(const struct json_tree *t, const struct json_node *v, uint64_t *out)
{
    if (json_kind_of(v) == JSON_STRING)
        return sl_str_to_u64(json_inside_of(t, v), out);
    return json_u64_of(t, v, out);
}

/* Behind the string whose opening quote is at p. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p += *p == '\\' && end - p > 1 ? 2 : 1) {
        p = json_string_special(p, end);
        if (p >= end)
            break;
        if (*p == '"')
            return p + 1;
    }
    return end;
}

static bool has_blanks(struct sl_str raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    while (p < end) {
        if (sl_is_blank(*p))
            return true;
        p = *p == '"' ? skip_string(p, end) : p + 1;
    }
    return false;
}

struct sl_str gem_compact(struct sl_str raw, struct sl_arena *a)
{
    if (!has_blanks(raw))
        return raw;
    char *out = sl_arena_alloc(a, raw.n);
    size_t n = 0;
    const char *p = raw.p, *end = raw.p + raw.n;
    while (p < end) {
        const char *from = p;
        p = *p == '"' ? skip_string(p, end) : p + 1;
        if (sl_is_blank(*from))
            continue;
        memcpy(out + n, from, (size_t)(p - from));
        n += (size_t)(p - from);
    }
    return sl_str_of(out, n);
}

struct sl_str gem_trim(struct sl_str s)
{
    while (s.n > 0 && (unsigned char)s.p[0] <= ' ')
        s = sl_str_from(s, 1);
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}
