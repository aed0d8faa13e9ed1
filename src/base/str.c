#include "base/str.h"

#include "base/check.h"

bool sl_str_eq_nocase(struct sl_str a, struct sl_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (sl_lower(a.p[i]) != sl_lower(b.p[i]))
            return false;
    return true;
}

bool sl_str_starts_nocase(struct sl_str s, struct sl_str prefix)
{
    return s.n >= prefix.n && sl_str_eq_nocase(sl_str_head(s, prefix.n), prefix);
}

int sl_str_cmp(struct sl_str a, struct sl_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n != 0 ? memcmp(a.p, b.p, n) : 0;
    if (c != 0)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

ptrdiff_t sl_str_find(struct sl_str s, char c)
{
    const char *at = s.n != 0 ? memchr(s.p, c, s.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

ptrdiff_t sl_str_find_str(struct sl_str s, struct sl_str what)
{
    if (what.n == 0)
        return 0;
    const char *at = s.n != 0 ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct sl_str sl_str_trim(struct sl_str s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct sl_str sl_str_cut(struct sl_str *s, char sep)
{
    struct sl_str whole = *s;
    ptrdiff_t at = sl_str_find(whole, sep);
    if (at < 0) {
        *s = SL_STR_NONE;
        return whole;
    }
    *s = sl_str_from(whole, (size_t)at + 1);
    return sl_str_head(whole, (size_t)at);
}

bool sl_str_to_u64(struct sl_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)(unsigned char)s.p[i] - '0';
        if (d > 9 || __builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = v;
    return true;
}

bool sl_str_to_i64(struct sl_str s, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t v = 0;
    if (!sl_str_to_u64(negative ? sl_str_from(s, 1) : s, &v))
        return false;
    if (v > (uint64_t)INT64_MAX + (negative ? 1u : 0u))
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

unsigned sl_str_distance(struct sl_str a, struct sl_str b, unsigned cap)
{
    enum {
        MAX = 64
    }; /* names of settings are short; longer ones are not worth a suggestion */
    unsigned row[MAX + 1];
    if (a.n > MAX || b.n > MAX)
        return cap;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned up = row[j];
            unsigned best = diagonal + (sl_lower(a.p[i - 1]) != sl_lower(b.p[j - 1]) ? 1 : 0);
            best = up + 1 < best ? up + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
            diagonal = up;
        }
    }
    return row[b.n] < cap ? row[b.n] : cap;
}

/* Length of the UTF-8 sequence at p (n bytes left), 0 when malformed. RFC 3629 table 3-7. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0], lo = 0x80, hi = 0xBF;
    size_t len;
    if (c < 0x80)
        return 1;
    if (c >= 0xC2 && c <= 0xDF) {
        len = 2;
    } else if (c >= 0xE0 && c <= 0xEF) {
        len = 3;
        lo = c == 0xE0 ? 0xA0 : 0x80;
        hi = c == 0xED ? 0x9F : 0xBF;
    } else if (c >= 0xF0 && c <= 0xF4) {
        len = 4;
        lo = c == 0xF0 ? 0x90 : 0x80;
        hi = c == 0xF4 ? 0x8F : 0xBF;
    } else {
        return 0;
    }
    if (n < len || p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool sl_utf8_valid(struct sl_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t left = s.n;
    while (left > 0) {
        uint64_t word;
        while (left >= sizeof word) { /* the common case: eight ASCII bytes at once */
            memcpy(&word, p, sizeof word);
            if ((word & 0x8080808080808080u) != 0)
                break;
            p += sizeof word;
            left -= sizeof word;
        }
        if (left == 0)
            break;
        size_t len = utf8_sequence(p, left);
        if (len == 0)
            return false;
        p += len;
        left -= len;
    }
    return true;
}

static size_t count_digits(uint64_t v)
{
    size_t n = 1;
    for (; v >= 10000; v /= 10000)
        n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

size_t sl_u64_digits(uint64_t v, char *out)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    size_t n = count_digits(v), at = n;
    for (; v >= 100; v /= 100)
        memcpy(out + (at -= 2), pairs + v % 100 * 2, 2);
    if (v >= 10)
        memcpy(out, pairs + v * 2, 2);
    else
        out[0] = (char)('0' + v);
    return n;
}

void sl_hex_digits(const void *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[from[i] >> 4];
        *out++ = digits[from[i] & 15];
    }
}
