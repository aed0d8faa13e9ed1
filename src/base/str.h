/* struct sl_str: a borrowed view of bytes, passed by value, not terminated. */
#ifndef SLUICE_BASE_STR_H
#define SLUICE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sl_str {
    const char *p; /* borrow; may be NULL only when n is 0 */
    size_t n;
};

#define SL_STR(lit) ((struct sl_str){"" lit, sizeof(lit) - 1})
#define SL_STR_INIT(lit)                                                                                               \
    {                                                                                                                  \
        "" lit, sizeof(lit) - 1                                                                                        \
    } /* for static initialisers */
#define SL_STR_NONE ((struct sl_str){NULL, 0})
#define SL_STR_FMT "%.*s"
#define SL_STR_ARG(s) (int)(s).n, (s).p

static inline struct sl_str sl_str_of(const void *p, size_t n)
{
    return (struct sl_str){(const char *)p, n};
}

static inline struct sl_str sl_str_c(const char *z) /* NULL gives the empty view */
{
    return (struct sl_str){z, z != NULL ? strlen(z) : 0};
}

static inline bool sl_str_eq(struct sl_str a, struct sl_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool sl_str_starts(struct sl_str s, struct sl_str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool sl_str_ends(struct sl_str s, struct sl_str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

/* The view from byte `from` on; from beyond the end gives the empty view. */
static inline struct sl_str sl_str_from(struct sl_str s, size_t from)
{
    if (s.n == 0)
        return s; /* p may be NULL */
    return from >= s.n ? (struct sl_str){s.p + s.n, 0} : (struct sl_str){s.p + from, s.n - from};
}

static inline struct sl_str sl_str_head(struct sl_str s, size_t n)
{
    return (struct sl_str){s.p, n < s.n ? n : s.n};
}

bool sl_str_eq_nocase(struct sl_str a, struct sl_str b); /* ASCII only, no locale */
bool sl_str_starts_nocase(struct sl_str s, struct sl_str prefix);
int sl_str_cmp(struct sl_str a, struct sl_str b);               /* bytewise; shorter first */
ptrdiff_t sl_str_find(struct sl_str s, char c);                 /* -1 when absent */
ptrdiff_t sl_str_find_str(struct sl_str s, struct sl_str what); /* -1 when absent */
struct sl_str sl_str_trim(struct sl_str s);                     /* space and tab at both ends */

/* Cuts s at the first `sep`: gives the part before it and leaves *s behind it. Without `sep`, gives all of it and
 * leaves *s empty with p == NULL (so that a loop can end). */
struct sl_str sl_str_cut(struct sl_str *s, char sep);

/* The whole view must be the number: no sign for u64, no blanks, no leading '+'. False leaves *out untouched. */
bool sl_str_to_u64(struct sl_str s, uint64_t *out);
bool sl_str_to_i64(struct sl_str s, int64_t *out);

/* Small edit distance for "did you mean": capped at `cap`. Strings over 64 bytes give cap. */
unsigned sl_str_distance(struct sl_str a, struct sl_str b, unsigned cap);

bool sl_utf8_valid(struct sl_str s); /* RFC 3629: no overlong forms, no surrogates */

static inline char sl_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
}

static inline bool sl_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* JSON's white space (RFC 8259 section 2): space, tab, line feed, carriage return. */
static inline bool sl_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static inline int sl_hex_value(char c) /* of a digit in either case; -1: it is none */
{
    if (sl_is_digit(c))
        return c - '0';
    c = sl_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Writes two lower-case hexadecimal digits for each of n bytes. */
void sl_hex_digits(const void *bytes, size_t n, char *out);
/* Writes the decimal digits of v to out (at least 20 bytes); gives the count. */
size_t sl_u64_digits(uint64_t v, char *out);

#endif
