/* Cuts text into pieces, as the patterns of cl100k_base and o200k_base do (openai/tiktoken 0.14.0, tiktoken_ext/openai_public.py).
 * Written by hand, because a regular expression with look-ahead over untrusted text is what this folder exists to avoid.
 *
 * Both patterns are an ordered choice. In words, for cl100k_base:
 *
 *     1. an apostrophe with s, d, m, t, ll, ve or re, in any case
 *     2. letters, with at most one character before them that is no letter, number, CR or LF
 *     3. one to three numbers
 *     4. anything that is no blank, letter or number, with at most one space before, and all CR and LF behind
 *     5. blanks: all of them at the end of the text; else up to the last CR or LF; else all but the last; else one
 *
 * For o200k_base, 2 is a word: capitals, then small letters, both of which take letters without case and marks, then an
 * apostrophe as in 1. Where no small letter comes behind the capitals, the word ends behind its last letter without case or mark
 * (the expression gives capitals back until one of these can stand for the small letters); where there is none, it is all
 * capitals. In 4, slashes count with CR and LF behind. In 5, the end of the text comes after CR and LF.
 *
 * Reads each byte at most a few times: every piece that is shorter than what was looked at ends at a boundary of classes, from
 * which the next looks no further. */
#include "tokens/tokens_int.h"

#include "base/check.h"
#include "tokens/unicode_gen.inc"

/* What the patterns tell apart. The numbers stand in the table (dev/tokens/unicode_classes.py). */
enum char_class {
    OTHER = 1 << 0,  /* also every byte that is no UTF-8 */
    UPPER = 1 << 1,  /* Lu, Lt */
    LOWER = 1 << 2,  /* Ll */
    LETTER = 1 << 3, /* Lm, Lo */
    MARK = 1 << 4,   /* M */
    NUMBER = 1 << 5, /* N */
    SPACE = 1 << 6,  /* White_Space but CR and LF */
    NEWLINE = 1 << 7 /* CR, LF */
};
#define ANY_LETTER (UPPER | LOWER | LETTER)
#define ANY_SPACE (SPACE | NEWLINE)

struct text {
    const unsigned char *p;
    size_t n;
    bool more;
};

/* -- Characters --------------------------------------------------------------------------------------------------------- */

static bool is_tail(unsigned char c)
{
    return (c & 0xc0u) == 0x80u;
}

/* The length of the character that begins with this byte over 0x7f, and the least and greatest second byte (RFC 3629 section 4);
 * 0: none begins with it. */
static unsigned lead(unsigned char c, unsigned char *out_low, unsigned char *out_high)
{
    *out_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    *out_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static unsigned class_of(uint32_t point)
{
    unsigned block = unicode_index[point / UNICODE_BLOCK];
    unsigned two = unicode_blocks[(block * UNICODE_BLOCK + point % UNICODE_BLOCK) / 2];
    return 1u << ((point & 1) != 0 ? two >> 4 : two & 15);
}

/* The class of the character at `at`, whose first byte is over 0x7f. */
static unsigned wide_class(const struct text *t, size_t at, unsigned *out_length)
{
    const unsigned char *p = t->p + at;
    unsigned char low, high;
    unsigned length = lead(p[0], &low, &high);
    *out_length = 1;
    if (length == 0 || length > t->n - at || p[1] < low || p[1] > high)
        return OTHER;
    uint32_t point = (uint32_t)(p[0] & (0x7f >> length)) << 6 | (p[1] & 0x3f);
    for (unsigned i = 2; i < length; i++) {
        if (!is_tail(p[i]))
            return OTHER;
        point = point << 6 | (p[i] & 0x3f);
    }
    *out_length = length;
    return class_of(point);
}

/* The class of the character at `at`; 0 at the end. */
static inline unsigned class_at(const struct text *t, size_t at, unsigned *out_length)
{
    *out_length = 1;
    if (at == t->n)
        return 0;
    return t->p[at] < 0x80 ? ascii_bits[t->p[at]] : wide_class(t, at, out_length);
}

/* Behind the run of characters of these classes that begins at `at`. */
static inline size_t run_of(const struct text *t, size_t at, unsigned classes)
{
    for (;;) {
        while (at < t->n && (ascii_bits[t->p[at]] & classes) != 0)
            at++;
        if (at == t->n || t->p[at] < 0x80)
            return at;
        unsigned length;
        if ((wide_class(t, at, &length) & classes) == 0)
            return at;
        at += length;
    }
}

size_t scan_whole(const unsigned char *p, size_t n)
{
    size_t back = 1;
    while (back < 4 && back <= n && is_tail(p[n - back]))
        back++;
    if (back > n || back > 3)
        return n;
    unsigned char low, high;
    unsigned length = lead(p[n - back], &low, &high);
    /* A second byte that cannot follow makes it no character, whatever comes. */
    bool is_cut = length > back && (back == 1 || (p[n - back + 1] >= low && p[n - back + 1] <= high));
    return is_cut ? n - back : n;
}

/* -- Parts of the patterns ---------------------------------------------------------------------------------------------- */

/* Where the piece ends, if text that is yet to come cannot move it: `looked` is how far it depended on what it saw. */
static size_t end_at(const struct text *t, size_t end, size_t looked)
{
    return t->more && looked >= t->n ? 0 : end;
}

/* 's 'd 'm 't 'll 've 're at `at`, ignoring case: its length, 0 for none. The long s (U+017F) is an s without case. */
static unsigned contraction(const struct text *t, size_t at)
{
    size_t left = t->n - at;
    if (left < 2 || t->p[at] != '\'')
        return 0;
    unsigned a = t->p[at + 1] | 0x20u, b = left > 2 ? t->p[at + 2] | 0x20u : 0;
    if (t->p[at + 1] == 0xc5)
        return left > 2 && t->p[at + 2] == 0xbf ? 3 : 0;
    if (a == 's' || a == 'd' || a == 'm' || a == 't')
        return 2;
    return (a == 'l' && b == 'l') || (a == 'v' && b == 'e') || (a == 'r' && b == 'e') ? 3 : 0;
}

/* With `more`: could it become a contraction? */
static bool contraction_is_open(const struct text *t, size_t at)
{
    return t->more && (t->n - at < 1 || (t->p[at] == '\'' && t->n - at < 3));
}

static size_t numbers(const struct text *t)
{
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        unsigned length;
        if (class_at(t, at, &length) != NUMBER)
            return end_at(t, at, at);
        at += length;
    }
    return at;
}

/* Signs and marks with what may hang on behind; `from` is behind the space before them. */
static size_t signs(const struct text *t, size_t from, bool slashes_too)
{
    size_t at = run_of(t, from, OTHER | MARK);
    while (at < t->n && (t->p[at] == '\r' || t->p[at] == '\n' || (slashes_too && t->p[at] == '/')))
        at++;
    return end_at(t, at, at);
}

static size_t blanks(const struct text *t, bool end_comes_first)
{
    size_t at = 0, newline = 0, last = 0;
    for (;;) {
        unsigned length, class = class_at(t, at, &length);
        if ((class & ANY_SPACE) == 0)
            break;
        last = at;
        at += length;
        if (class == NEWLINE)
            newline = at;
    }
    if (t->more && at == t->n)
        return 0;
    if (at == t->n && end_comes_first)
        return at;
    if (newline > 0)
        return newline;
    return at == t->n || last == 0 ? at : last;
}

/* -- The patterns ------------------------------------------------------------------------------------------------------- */

/* A word of o200k_base from `from` on; 0: none begins there. *out_open: what follows may change it. */
static size_t word(const struct text *t, size_t from, bool *out_open)
{
    size_t at = from, caseless = from;
    for (;;) { /* capitals, and behind which of them a letter without case or a mark stood last */
        at = run_of(t, at, UPPER);
        size_t end = run_of(t, at, LETTER | MARK);
        if (end == at)
            break;
        at = caseless = end;
    }
    size_t end = run_of(t, at, LOWER | LETTER | MARK);
    *out_open = t->more && end == t->n;
    if (end == at) /* no small letter */
        end = caseless > from ? caseless : at;
    if (end == from || *out_open)
        return end;
    *out_open = contraction_is_open(t, end);
    return end + contraction(t, end);
}

static size_t piece_o200k(const struct text *t)
{
    unsigned length, class = class_at(t, 0, &length);
    bool is_open = false;
    if (class == NUMBER)
        return numbers(t);
    if (class == NEWLINE)
        return blanks(t, false);
    size_t from = (class & (OTHER | SPACE)) != 0 ? length : 0; /* what may stand before a word */
    size_t end = word(t, from, &is_open);
    if (is_open)
        return 0;
    if (end > from)
        return end;
    if (class == OTHER)
        return signs(t, 0, true);
    unsigned next;
    if (t->p[0] == ' ' && class_at(t, 1, &next) == OTHER)
        return signs(t, 1, true);
    return blanks(t, false);
}

static size_t piece_cl100k(const struct text *t)
{
    unsigned length, next, class = class_at(t, 0, &length);
    if (class == NUMBER)
        return numbers(t);
    if (class == NEWLINE)
        return blanks(t, true);
    if (t->p[0] == '\'') {
        if (contraction_is_open(t, 0))
            return 0;
        unsigned n = contraction(t, 0);
        if (n > 0)
            return n;
    }
    size_t from = (class & ANY_LETTER) != 0 ? 0 : length;
    size_t end = run_of(t, from, ANY_LETTER);
    if (t->more && end == t->n)
        return 0;
    if (end > from)
        return end;
    if (class != SPACE)
        return signs(t, 0, false);
    if (t->p[0] == ' ' && (class_at(t, 1, &next) & (OTHER | MARK)) != 0)
        return signs(t, 1, false);
    return blanks(t, true);
}

size_t scan_piece(enum vocab_pattern pattern, const unsigned char *p, size_t n, bool more)
{
    const struct text t = {p, n, more};
    SL_DCHECK(n > 0);
    return pattern == VOCAB_O200K ? piece_o200k(&t) : piece_cl100k(&t);
}
