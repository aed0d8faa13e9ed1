/* Reading single values of a document that json_scan has found valid: texts, counts, elements. */
#include "dialect/json_scan.h"

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)sl_hex_value(p[i]);
    return v;
}

static char *put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* *p is behind "\u". False: a surrogate without its other half. */
static bool read_unicode_escape(const char **p, const char *end, uint32_t *out)
{
    uint32_t c = hex4(*p);
    *p += 4;
    if (c < 0xd800 || c > 0xdfff) {
        *out = c;
        return true;
    }
    if (c > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
        return false;
    uint32_t low = hex4(*p + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return false;
    *p += 6;
    *out = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static char simple_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c; /* '"', '\' and '/' stand for themselves */
    }
}

bool json_unescape(struct sl_str inside, char *out, size_t *out_n)
{
    const char *p = inside.p, *end = inside.p + inside.n;
    char *to = out;
    while (p < end) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        char kind = p[1];
        p += 2;
        uint32_t c = 0;
        if (kind != 'u') {
            *to++ = simple_escape(kind);
        } else if (read_unicode_escape(&p, end, &c)) {
            to = put_utf8(to, c);
        } else {
            return false;
        }
    }
    *out_n = (size_t)(to - out);
    return true;
}

bool json_text(struct sl_str doc, const struct json_member *m, struct sl_arena *a, struct sl_str *out)
{
    struct sl_str inside = json_inside(doc, m);
    if (!m->escaped) {
        *out = inside;
        return true;
    }
    char *plain = sl_arena_alloc(a, inside.n);
    size_t n = 0;
    if (!json_unescape(inside, plain, &n))
        return false;
    *out = sl_str_of(plain, n);
    return true;
}

/* -- Counts -------------------------------------------------------------------------------------------------------- */

#define EXPONENT_CAP 1000 /* beyond it only zero is a count; keeps the sums below from overflowing */

static bool add_digit(uint64_t *v, char c)
{
    return !__builtin_mul_overflow(*v, UINT64_C(10), v) && !__builtin_add_overflow(*v, (uint64_t)(c - '0'), v);
}

static int64_t read_exponent(struct sl_str s)
{
    bool minus = s.n > 0 && s.p[0] == '-';
    int64_t v = 0;
    for (size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'); i < s.n; i++)
        v = v < EXPONENT_CAP ? v * 10 + (s.p[i] - '0') : EXPONENT_CAP;
    return minus ? -v : v;
}

/* Digits and nothing else, too few to overflow: nearly every count there is. */
static bool plain_count(struct sl_str number, uint64_t *out)
{
    uint64_t v = 0;
    if (number.n == 0 || number.n > 19)
        return false;
    for (size_t i = 0; i < number.n; i++) {
        unsigned d = (unsigned)(unsigned char)number.p[i] - '0';
        if (d > 9)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

bool json_count(struct sl_str number, uint64_t *out)
{
    if (plain_count(number, out))
        return true;
    if (number.n == 0 || number.p[0] == '-')
        return false;
    struct sl_str left = number;
    uint64_t v = 0;
    int64_t exponent = 0, zeros = 0; /* zeros: read but not yet multiplied in; most of them never are ("12.000") */
    bool fraction = false;
    while (left.n > 0 && (left.p[0] == '.' || (left.p[0] >= '0' && left.p[0] <= '9'))) {
        char c = left.p[0];
        left = sl_str_from(left, 1);
        if (c == '.') {
            fraction = true;
            continue;
        }
        exponent -= fraction;
        zeros++;
        if (c == '0')
            continue;
        for (; zeros > 1; zeros--)
            if (!add_digit(&v, '0'))
                return false;
        zeros = 0;
        if (!add_digit(&v, c))
            return false;
    }
    if (left.n > 0)
        exponent += read_exponent(sl_str_from(left, 1));
    exponent += zeros;
    if (v != 0 && exponent < 0)
        return false;
    for (; v != 0 && exponent > 0; exponent--)
        if (!add_digit(&v, '0'))
            return false;
    *out = v;
    return true;
}

/* -- Elements ------------------------------------------------------------------------------------------------------- */

bool json_is_zero(struct sl_str number)
{
    for (size_t i = 0; i < number.n && number.p[i] != 'e' && number.p[i] != 'E'; i++)
        if (number.p[i] >= '1' && number.p[i] <= '9')
            return false;
    return true;
}

static size_t skip_blanks(struct sl_str s, size_t at)
{
    while (at < s.n && sl_is_blank(s.p[at]))
        at++;
    return at;
}

static enum json_kind kind_of(char c)
{
    switch (c) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* Behind the string whose opening quote is at `at`. */
static size_t skip_string(struct sl_str s, size_t at, bool *out_escaped)
{
    const char *p = s.p + at + 1, *end = s.p + s.n;
    for (;;) {
        p = json_string_special(p, end);
        if (p >= end)
            return s.n;
        if (*p == '"')
            return (size_t)(p + 1 - s.p);
        *out_escaped = true;
        p += end - p >= 2 ? 2 : 1;
    }
}

static size_t skip_container(struct sl_str s, size_t at)
{
    size_t depth = 0;
    bool escaped = false;
    while (at < s.n) {
        char c = s.p[at];
        if (c == '"') {
            at = skip_string(s, at, &escaped);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return at;
}

bool json_next_element(struct sl_str array, size_t *at, struct json_member *out)
{
    size_t i = skip_blanks(array, *at);
    if (i < array.n && (array.p[i] == ',' || (i == 0 && array.p[i] == '[')))
        i = skip_blanks(array, i + 1);
    if (i >= array.n || array.p[i] == ']')
        return false;
    *out = (struct json_member){.kind = kind_of(array.p[i]), .from = i};
    if (out->kind == JSON_STRING) {
        i = skip_string(array, i, &out->escaped);
    } else if (out->kind == JSON_OBJECT || out->kind == JSON_ARRAY) {
        i = skip_container(array, i);
    } else {
        while (i < array.n && array.p[i] != ',' && array.p[i] != ']' && array.p[i] > ' ')
            i++;
    }
    out->to = *at = i;
    return true;
}
