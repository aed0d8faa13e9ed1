/* The strict one-pass scanner: see json_scan.h. Called for every request body and every answer that is not streamed, so most
 * of the time goes into skipping long strings: 16 bytes a step, 64 where there is room.
 *
 * The automaton has two halves. begin_value reads a scalar whole, or opens a container and reads the first key; when a value
 * has ended, after_value reads the comma (and the next key) or closes containers. What kind each open container is stands in
 * a stack of bits; nothing recurses. Members are watched in the outer JSON_WATCH_DEPTH levels only; struct level is what is
 * known about each of these. */
#include "dialect/json_scan.h"

#include "base/check.h"
#include "dialect/json_build.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define NAME_MAX_BYTES 63u
#define NO_WATCH (-1)    /* a member nobody asked for */
#define NOT_WATCHED (-2) /* a container in which nothing is looked for */

struct level {       /* an open container of the outer levels */
    int owner;       /* the watch whose value it is, JSON top: NO_WATCH, or NOT_WATCHED */
    int current;     /* the watch of the member being read */
    int last;        /* the watch of the member before it, while its next_key is not known */
    uint32_t values; /* begun in it */
    size_t prev_end;
};

/* What reads takes the place it is at and gives the place behind what it read, so that the place stays in a register; NULL:
 * it failed, `failed_at` and `status` tell where and why. */
struct scan {
    const char *doc, *end;
    const struct json_watch *watches;
    struct json_member *out;
    struct json_info *info;
    struct level *level;      /* levels[depth]; NULL deeper than that */
    struct json_build *build; /* NULL: no tree is wanted */
    unsigned n;
    uint64_t parents;                          /* bit w: watch w has watched members of its own */
    unsigned expected;                         /* the watch behind the one met last: most documents keep an order */
    unsigned depth;                            /* open containers */
    uint64_t is_object[2];                     /* bit d - 1: the container at depth d is an object */
    struct level levels[JSON_WATCH_DEPTH + 2]; /* [depth]; [0] is the document */
    int about;                                 /* JSON_REPEATED: which */
    bool escaped;                              /* the string read last has a backslash */
    uint64_t starts;
    enum json_status status;
    const char *failed_at;
};

_Static_assert(JSON_DEPTH_MAX <= 128, "is_object has 128 bits");
_Static_assert(JSON_WATCH_MAX <= 64, "parents has 64 bits");

static bool scan_document(struct scan *s);
static const char *begin_value(struct scan *s, const char *p, bool *out_open);
static const char *after_value(struct scan *s, const char *p, bool *out_more);
static const char *open_container(struct scan *s, const char *p, bool *out_open);
static void close_container(struct scan *s, const char *behind);
static inline void value_starts(struct scan *s, const char *p, enum json_kind kind);
static inline void value_ends(struct scan *s, const char *behind);
static const char *read_key(struct scan *s, const char *p);
static bool note_key(struct scan *s, const char *quote, struct sl_str inside);
static inline const char *scan_string(struct scan *s, const char *p);
static const char *scan_long_string(struct scan *s, const char *p);
static const char *scan_escape(struct scan *s, const char *p);
static const char *scan_number(struct scan *s, const char *p);
static const char *scan_literal(struct scan *s, const char *p, struct sl_str word);
static const char *find_special(const char *p, const char *end, unsigned *high);
static const char *utf8_flaw(const char *p, const char *end);

/* -- Public ------------------------------------------------------------------------------------------------------ */

static enum json_status scan(struct sl_str doc, const struct json_watch *watches, unsigned n,
                             struct json_member *out_members, struct json_build *build, struct json_info *out_info)
{
    SL_CHECK(n <= JSON_WATCH_MAX);
    *out_info = (struct json_info){.member = -1};
    if (n > 0)
        memset(out_members, 0, n * sizeof *out_members);
    if (doc.n == 0)
        return JSON_CUT_SHORT; /* its pointer may be NULL */
    struct scan s;             /* field by field: most of it is set when it is first needed */
    s.doc = doc.p;
    s.end = doc.p + doc.n;
    s.watches = watches;
    s.out = out_members;
    s.info = out_info;
    s.level = &s.levels[0];
    s.build = build;
    s.n = n;
    s.parents = 0;
    for (unsigned i = 0; i < n; i++)
        s.parents |= watches[i].parent >= 0 ? UINT64_C(1) << watches[i].parent : 0;
    s.expected = s.depth = 0;
    s.is_object[0] = s.is_object[1] = 0;
    s.about = -1;
    s.starts = 0;
    s.levels[0] = (struct level){.owner = NOT_WATCHED, .current = NO_WATCH, .last = NO_WATCH};
    bool whole = scan_document(&s);
    out_info->starts = s.starts;
    if (whole) {
        out_info->at = doc.n;
        return JSON_OK;
    }
    out_info->at = (size_t)(s.failed_at - s.doc);
    if (s.about >= 0)
        out_info->member = s.about;
    else if (s.depth > 0 && s.levels[1].current >= 0)
        out_info->member = s.levels[1].current;
    return s.status;
}

enum json_status json_scan(struct sl_str doc, const struct json_watch *watches, unsigned n,
                           struct json_member *out_members, struct json_info *out_info)
{
    return scan(doc, watches, n, out_members, NULL, out_info);
}

enum json_status json_build(struct json_build *b, struct sl_str doc, struct json_info *out_info)
{
    return scan(doc, NULL, 0, NULL, b, out_info);
}

const char *json_status_text(enum json_status s)
{
    static const char *const texts[] = {
        [JSON_OK] = "valid",
        [JSON_BAD_SYNTAX] = "a character that cannot stand there",
        [JSON_BAD_NUMBER] = "a malformed number",
        [JSON_BAD_ESCAPE] = "a malformed escape in a string",
        [JSON_BAD_CONTROL] = "a raw control character in a string",
        [JSON_BAD_UTF8] = "invalid UTF-8 in a string",
        [JSON_TOO_DEEP] = "nested too deep",
        [JSON_CUT_SHORT] = "it ends too early",
        [JSON_TRAILING] = "something stands behind the value",
        [JSON_REPEATED] = "a member occurs twice",
    };
    return texts[s];
}

const char *json_string_special(const char *p, const char *end)
{
    unsigned high = 0;
    return find_special(p, end, &high);
}

/* -- The automaton ----------------------------------------------------------------------------------------------- */

static const char *fails(struct scan *s, const char *at, enum json_status why)
{
    s->failed_at = at;
    s->status = why;
    return NULL;
}

/* Another byte was expected at p. */
static const char *unexpected(struct scan *s, const char *p)
{
    return fails(s, p, p == s->end ? JSON_CUT_SHORT : JSON_BAD_SYNTAX);
}

static inline const char *skip_blanks(const struct scan *s, const char *p)
{
    while (p < s->end && SL_UNLIKELY((unsigned char)*p <= ' ') && sl_is_blank(*p))
        p++;
    return p;
}

static bool scan_document(struct scan *s)
{
    const char *p = s->doc;
    bool more = true;
    while (more) {
        bool open = false;
        p = begin_value(s, p, &open);
        if (p != NULL && !open)
            p = after_value(s, p, &more);
        if (p == NULL)
            return false;
    }
    p = skip_blanks(s, p);
    if (p != s->end)
        (void)fails(s, p, JSON_TRAILING);
    return p == s->end;
}

/* Reads a scalar or an empty container whole (*out_open stays false), or opens a container up to its first value. */
static inline const char *begin_value(struct scan *s, const char *p, bool *out_open)
{
    p = skip_blanks(s, p);
    if (p == s->end)
        return fails(s, p, JSON_CUT_SHORT);
    bool text = *p == '"';
    switch (*p) {
    case '{':
    case '[':
        return open_container(s, p, out_open);
    case '"':
        value_starts(s, p, JSON_STRING);
        p = scan_string(s, p);
        if (s->escaped && s->level != NULL && s->level->current >= 0)
            s->out[s->level->current].escaped = true;
        break;
    case 't':
        value_starts(s, p, JSON_TRUE);
        p = scan_literal(s, p, SL_STR("true"));
        break;
    case 'f':
        value_starts(s, p, JSON_FALSE);
        p = scan_literal(s, p, SL_STR("false"));
        break;
    case 'n':
        value_starts(s, p, JSON_NULL);
        p = scan_literal(s, p, SL_STR("null"));
        break;
    default:
        value_starts(s, p, JSON_NUMBER);
        p = scan_number(s, p);
    }
    if (p == NULL)
        return NULL;
    if (s->build != NULL)
        json_build_scalar(s->build, (size_t)(p - s->doc), text && s->escaped);
    value_ends(s, p);
    return p;
}

static inline bool in_object(const struct scan *s)
{
    unsigned d = s->depth - 1;
    return (s->is_object[d >> 6] >> (d & 63)) & 1;
}

/* Behind a value: a comma and what the next value needs before it, or closing brackets. *out_more: another value follows. */
static inline const char *after_value(struct scan *s, const char *p, bool *out_more)
{
    while (s->depth > 0) {
        p = skip_blanks(s, p);
        if (p == s->end)
            return fails(s, p, JSON_CUT_SHORT);
        bool object = in_object(s);
        if (*p == ',')
            return object ? read_key(s, p + 1) : p + 1;
        if (*p != (object ? '}' : ']'))
            return fails(s, p, JSON_BAD_SYNTAX);
        close_container(s, ++p);
    }
    *out_more = false;
    return p;
}

static void enter_level(struct scan *s, unsigned depth)
{
    s->depth = depth;
    s->level = depth <= JSON_WATCH_DEPTH + 1 ? &s->levels[depth] : NULL;
}

static const char *open_container(struct scan *s, const char *p, bool *out_open)
{
    bool object = *p == '{';
    if (s->depth == JSON_DEPTH_MAX)
        return fails(s, p, JSON_TOO_DEEP);
    value_starts(s, p, object ? JSON_OBJECT : JSON_ARRAY);
    const struct level *outer = s->level;
    unsigned d = s->depth;
    uint64_t bit = UINT64_C(1) << (d & 63);
    s->is_object[d >> 6] = object ? s->is_object[d >> 6] | bit : s->is_object[d >> 6] & ~bit;
    enter_level(s, d + 1);
    p++;
    if (s->level != NULL) {
        int owner = NOT_WATCHED;
        if (object && d == 0)
            owner = NO_WATCH;
        else if (object && d < JSON_WATCH_DEPTH && outer->current >= 0)
            owner = outer->current;
        *s->level =
            (struct level){.owner = owner, .current = NO_WATCH, .last = NO_WATCH, .prev_end = (size_t)(p - s->doc)};
    }
    p = skip_blanks(s, p);
    if (p == s->end)
        return fails(s, p, JSON_CUT_SHORT);
    if (*p == (object ? '}' : ']')) {
        close_container(s, ++p);
        return p;
    }
    *out_open = true;
    return object ? read_key(s, p) : p;
}

/* The bracket was read. */
static void close_container(struct scan *s, const char *behind)
{
    uint32_t values = s->level != NULL ? s->level->values : 0;
    if (s->build != NULL)
        json_build_close(s->build, (size_t)(behind - s->doc));
    enter_level(s, s->depth - 1);
    if (s->level != NULL && s->level->current >= 0)
        s->out[s->level->current].children = values;
    value_ends(s, behind);
}

static inline void value_starts(struct scan *s, const char *p, enum json_kind kind)
{
    struct level *l = s->level;
    if (s->build != NULL)
        json_build_value(s->build, (size_t)(p - s->doc), kind);
    if (l == NULL)
        return;
    l->values++;
    if (s->depth == 0)
        s->info->root = kind;
    if (l->current < 0)
        return;
    struct json_member *m = &s->out[l->current];
    m->kind = kind;
    m->from = (size_t)(p - s->doc);
}

static inline void value_ends(struct scan *s, const char *behind)
{
    struct level *l = s->level;
    if (l == NULL)
        return;
    l->prev_end = (size_t)(behind - s->doc);
    if (l->current < 0)
        return;
    s->out[l->current].to = s->out[l->current].next_key = l->prev_end;
    l->last = l->current;
    l->current = NO_WATCH;
}

/* -- Keys ---------------------------------------------------------------------------------------------------------- */

/* Reads blanks, a key and its colon. */
static const char *read_key(struct scan *s, const char *p)
{
    p = skip_blanks(s, p);
    if (p == s->end || *p != '"')
        return unexpected(s, p);
    const char *quote = p;
    p = scan_string(s, p);
    if (p == NULL)
        return NULL;
    if (SL_UNLIKELY(s->escaped))
        s->starts = UINT64_MAX;
    if (s->build != NULL)
        json_build_key(s->build, (size_t)(quote + 1 - s->doc), (size_t)(p - quote) - 2, s->escaped);
    if (s->level != NULL && s->level->owner != NOT_WATCHED &&
        !note_key(s, quote, sl_str_of(quote + 1, (size_t)(p - quote) - 2)))
        return NULL;
    p = skip_blanks(s, p);
    if (p == s->end || *p != ':')
        return unexpected(s, p);
    return p + 1;
}

static bool is_watch(const struct json_watch *w, int owner, struct sl_str name)
{
    return w->name.n == name.n && w->parent == owner && (name.n == 0 || *w->name.p == *name.p) &&
           memcmp(w->name.p, name.p, name.n) == 0;
}

/* From the expected one on, round to the one before it. */
static int find_watch(struct scan *s, int owner, struct sl_str name)
{
    unsigned at = s->expected;
    for (unsigned left = s->n; left > 0; left--, at++) {
        if (at >= s->n)
            at = 0;
        if (!is_watch(&s->watches[at], owner, name))
            continue;
        s->expected = at + 1;
        return (int)at;
    }
    return NO_WATCH;
}

static __attribute__((noinline)) int find_escaped(struct scan *s, int owner, struct sl_str inside)
{
    char plain[6 * NAME_MAX_BYTES];
    size_t n = 0;
    if (inside.n > sizeof plain || !json_unescape(inside, plain, &n))
        n = 0;
    return find_watch(s, owner, sl_str_of(plain, n));
}

static bool note_key(struct scan *s, const char *quote, struct sl_str inside)
{
    struct level *l = s->level;
    if (l->owner >= 0 && (s->parents >> l->owner & 1) == 0) { /* nothing to be found in this one */
        s->info->unwatched++;
        return true;
    }
    size_t key = (size_t)(quote - s->doc);
    if (l->last >= 0)
        s->out[l->last].next_key = key;
    l->last = NO_WATCH;
    l->current = NO_WATCH;
    int w = SL_UNLIKELY(s->escaped) ? find_escaped(s, l->owner, inside) : find_watch(s, l->owner, inside);
    if (w < 0) {
        s->info->unwatched++;
        return true;
    }
    struct json_member *m = &s->out[w];
    if (m->kind != JSON_ABSENT) {
        s->about = w;
        return fails(s, quote, JSON_REPEATED) != NULL;
    }
    *m = (struct json_member){.index = l->values, .key = key, .prev_end = l->prev_end};
    l->current = w;
    return true;
}

/* -- Scalars ------------------------------------------------------------------------------------------------------- */

#ifdef __SSE2__
/* A bit for each quote, backslash and control character. */
static inline unsigned special_mask(__m128i x)
{
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
}
#endif

/* p is the opening quote. Most strings are short and plain: one load or two see their end. */
static inline const char *scan_string(struct scan *s, const char *p)
{
    p++;
    s->escaped = false;
    if (s->end - p >= 4)
        s->starts |= json_start_bit(p);
#ifdef __SSE2__
    if (s->end - p >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned stops = special_mask(x) | (unsigned)_mm_movemask_epi8(x);
        if (stops != 0 && p[__builtin_ctz(stops)] == '"')
            return p + __builtin_ctz(stops) + 1;
        if (stops == 0 && s->end - p >= 32) {
            x = _mm_loadu_si128((const __m128i *)(const void *)(p + 16));
            stops = special_mask(x) | (unsigned)_mm_movemask_epi8(x);
            if (stops != 0 && p[16 + __builtin_ctz(stops)] == '"')
                return p + 16 + __builtin_ctz(stops) + 1;
        }
    }
#endif
    return scan_long_string(s, p);
}

/* p is behind the opening quote. */
static const char *scan_long_string(struct scan *s, const char *p)
{
    const char *start = p;
    unsigned high = 0;
    for (;;) {
        p = find_special(p, s->end, &high);
        if (p == s->end)
            return fails(s, p, JSON_CUT_SHORT);
        if (*p == '"')
            break;
        if (*p != '\\')
            return fails(s, p, JSON_BAD_CONTROL);
        s->escaped = true;
        p = scan_escape(s, p);
        if (p == NULL)
            return NULL;
    }
    const char *flaw = high != 0 ? utf8_flaw(start, p) : NULL;
    return flaw == NULL ? p + 1 : fails(s, flaw, JSON_BAD_UTF8);
}

/* p is the backslash. */
static const char *scan_escape(struct scan *s, const char *p)
{
    if (s->end - p < 2)
        return fails(s, s->end, JSON_CUT_SHORT);
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        break;
    default:
        return fails(s, p, JSON_BAD_ESCAPE);
    }
    for (int i = 2; i < 6; i++) {
        if (p + i == s->end)
            return fails(s, s->end, JSON_CUT_SHORT);
        if (sl_hex_value(p[i]) < 0)
            return fails(s, p, JSON_BAD_ESCAPE);
    }
    return p + 6;
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* number = [ minus ] int [ frac ] [ exp ], RFC 8259 section 6. Anything else that begins no value comes here, too. */
static const char *scan_number(struct scan *s, const char *p)
{
    const char *start = p;
    bool minus = *p == '-';
    if (minus)
        p++;
    const char *digits = p;
    p = skip_digits(p, s->end);
    if (p == digits)
        return fails(s, p, minus && p == s->end ? JSON_CUT_SHORT : minus ? JSON_BAD_NUMBER : JSON_BAD_SYNTAX);
    if (*digits == '0' && p - digits > 1)
        return fails(s, start, JSON_BAD_NUMBER);
    if (p < s->end && *p == '.') {
        const char *frac = ++p;
        p = skip_digits(p, s->end);
        if (p == frac)
            goto bad;
    }
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < s->end && (*p == '+' || *p == '-'))
            p++;
        const char *exp = p;
        p = skip_digits(p, s->end);
        if (p == exp)
            goto bad;
    }
    return p;
bad:
    return fails(s, p, p == s->end ? JSON_CUT_SHORT : JSON_BAD_NUMBER);
}

static const char *scan_literal(struct scan *s, const char *p, struct sl_str word)
{
    size_t left = (size_t)(s->end - p);
    size_t n = left < word.n ? left : word.n;
    size_t same = 0;
    while (same < n && p[same] == word.p[same])
        same++;
    return same == word.n ? p + same : unexpected(s, p + same);
}

/* -- Bytes --------------------------------------------------------------------------------------------------------- */

#define IS_SPECIAL(c) ((unsigned char)(c) < 0x20 || (c) == '"' || (c) == '\\')

#ifdef __SSE2__

/* The first '"', '\' or control character. *high gets a bit when there is a byte over 0x7f before it. */
static inline const char *find_special(const char *p, const char *end, unsigned *high)
{
    while (end - p >= 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned found = special_mask(x);
        unsigned over = (unsigned)_mm_movemask_epi8(x);
        if (found != 0) {
            *high |= over & (found - 1) & ~found;
            return p + __builtin_ctz(found);
        }
        *high |= over;
        p += 16;
        while (end - p >= 64) { /* a long string: one test for four loads */
            __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
            __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + 16));
            __m128i c = _mm_loadu_si128((const __m128i *)(const void *)(p + 32));
            __m128i d = _mm_loadu_si128((const __m128i *)(const void *)(p + 48));
            if ((special_mask(a) | special_mask(b) | special_mask(c) | special_mask(d)) != 0)
                break;
            *high |= (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d)));
            p += 64;
        }
    }
    while (p < end && !IS_SPECIAL(*p))
        *high |= (unsigned char)*p++ & 0x80u;
    return p;
}

#else

/* Eight bytes a step by integer arithmetic: a byte of the sum's top bits is set where the byte is special. */
static inline const char *find_special(const char *p, const char *end, unsigned *high)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    while (end - p >= 8) {
        uint64_t x;
        memcpy(&x, p, 8);
        uint64_t quote = x ^ (ones * '"'), backslash = x ^ (ones * '\\');
        uint64_t found = (((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) &
                         tops;
        if (found != 0)
            break;
        *high |= (x & tops) != 0;
        p += 8;
    }
    while (p < end && !IS_SPECIAL(*p))
        *high |= (unsigned char)*p++ & 0x80u;
    return p;
}

#endif

static inline bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Bytes of the well-formed sequence at u (RFC 3629 section 4, at least one byte is left), 0: there is none. */
static size_t utf8_sequence(const unsigned char *u, size_t left)
{
    if (u[0] < 0x80)
        return 1;
    if (u[0] >= 0xc2 && u[0] <= 0xdf)
        return left >= 2 && is_tail(u[1]) ? 2 : 0;
    if ((u[0] & 0xf0) == 0xe0) {
        if (left < 3 || !is_tail(u[1]) || !is_tail(u[2]))
            return 0;
        bool overlong = u[0] == 0xe0 && u[1] < 0xa0, surrogate = u[0] == 0xed && u[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (u[0] < 0xf0 || u[0] > 0xf4 || left < 4 || !is_tail(u[1]) || !is_tail(u[2]) || !is_tail(u[3]))
        return 0;
    return (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f) ? 0 : 4;
}

/* Passes over well-formed sequences of three bytes (most of the world's scripts) and of two, four bytes at a time. Stops at
 * anything else, well-formed or not. */
static const char *skip_common_sequences(const char *p, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint32_t x;
    while (end - p >= 4) {
        memcpy(&x, p, 4);
        uint32_t second = x & 0x200f; /* bits that tell overlong forms (none set) and surrogates (0x200d) */
        if ((x & 0x00c0c0f0) == 0x008080e0 && second != 0 && second != 0x200d)
            p += 3;
        else if ((x & 0xc0e0) == 0x80c0 && (x & 0x1e) != 0)
            p += 2;
        else
            break;
    }
#else
    (void)end;
#endif
    return p;
}

/* The first byte that is not part of valid UTF-8, or NULL. */
static const char *utf8_flaw(const char *p, const char *end)
{
    while (p < end) {
        uint64_t x;
        while (end - p >= 8 && (memcpy(&x, p, 8), (x & UINT64_C(0x8080808080808080)) == 0))
            p += 8;
        p = skip_common_sequences(p, end);
        if (p == end)
            return NULL;
        size_t n = utf8_sequence((const unsigned char *)p, (size_t)(end - p));
        if (n == 0)
            return p;
        p += n;
    }
    return NULL;
}
