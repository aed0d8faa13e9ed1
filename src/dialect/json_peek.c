/* See json_peek.h. */
#include "dialect/json_peek.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && sl_is_blank(*p))
        p++;
    return p;
}

/* The first quote or backslash, or end. Most strings of an event end within one load. */
static inline const char *find_quote(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"')), backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_or_si128(quote, backslash));
        if (found != 0)
            return p + __builtin_ctz(found);
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static inline const char *close_of(const char *p, const char *end)
{
    for (p = find_quote(p, end); p < end; p = find_quote(p + 2, end)) {
        if (*p == '"')
            return p;
        if (end - p < 2)
            break;
    }
    return NULL;
}

/* p: the opening quote. Behind the closing one, or NULL. */
static inline const char *skip_string(const char *p, const char *end)
{
    const char *close = close_of(p + 1, end);
    return close != NULL ? close + 1 : NULL;
}

const char *json_peek_close(const char *p, const char *end)
{
    return close_of(p, end);
}

static const char *skip_container(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        char c = *p;
        if (c == '"') {
            p = skip_string(p, end);
            if (p == NULL)
                return NULL;
            continue;
        }
        p++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return p;
    }
    return NULL;
}

static const char *skip_value(const char *p, const char *end)
{
    if (*p == '"')
        return skip_string(p, end);
    if (*p == '{' || *p == '[')
        return skip_container(p, end);
    const char *from = p;
    while (p < end && *p != ',' && *p != '}' && *p != ']' && (unsigned char)*p > ' ')
        p++;
    return p > from ? p : NULL;
}

/* At the next key or element, or NULL. */
static inline const char *step(struct json_peek *k, char close)
{
    const char *p = skip_blanks(k->p, k->end);
    if (p >= k->end)
        return NULL;
    if (*p == close) {
        k->closed = true;
        k->p = p + 1;
        return NULL;
    }
    if (k->first) {
        k->first = false;
        return p;
    }
    if (*p != ',')
        return NULL;
    k->before = k->p;
    p = skip_blanks(p + 1, k->end);
    return p < k->end ? p : NULL;
}

bool json_peek_key(struct json_peek *k)
{
    const char *p = step(k, '}');
    if (p == NULL || *p != '"')
        return false;
    const char *behind = skip_string(p, k->end);
    if (behind == NULL)
        return false;
    k->key_at = p;
    k->key = (struct sl_str){p + 1, (size_t)(behind - p) - 2};
    p = skip_blanks(behind, k->end);
    if (p >= k->end || *p != ':')
        return false;
    k->at = skip_blanks(p + 1, k->end);
    return k->at < k->end;
}

bool json_peek_item(struct json_peek *k)
{
    k->at = step(k, ']');
    return k->at != NULL;
}

bool json_peek_value(struct json_peek *k, struct sl_str *out_value)
{
    const char *behind = skip_value(k->at, k->end);
    if (behind == NULL) {
        k->p = k->end;
        return false;
    }
    *out_value = (struct sl_str){k->at, (size_t)(behind - k->at)};
    k->p = behind;
    return true;
}

const char *json_peek_next_key(const struct json_peek *k)
{
    const char *p = skip_blanks(k->p, k->end);
    if (p >= k->end || *p != ',')
        return NULL;
    p = skip_blanks(p + 1, k->end);
    return p < k->end && *p == '"' ? p : NULL;
}
