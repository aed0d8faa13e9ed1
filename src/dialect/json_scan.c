/* The strict one-pass scanner: see json_scan.h. Called for every request body and every answer that is not streamed, so most
 * of the time goes into skipping long strings: 16 bytes a step, 64 where there is room.
 *
 * The automaton has two halves. begin_value reads a scalar whole, or opens a container and reads the first key; when a value
 * has ended, after_value reads the comma (and the next key) or closes containers. What kind each open container is stands in
 * a stack of bits; nothing recurses. Members are watched in the outer JSON_WATCH_DEPTH levels only; struct level is what is
 * known about each of these. */
#include "dialect/json_scan.h"

#include "base/check.h"

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

struct scan {
    const char *doc, *p, *end;
    const struct json_watch *watches;
    struct json_member *out;
    struct json_info *info;
    unsigned n;
    unsigned depth;                            /* open containers */
    uint64_t is_object[2];                     /* bit d - 1: the container at depth d is an object */
    struct level levels[JSON_WATCH_DEPTH + 2]; /* [depth]; [0] is the document */
    int about;                                 /* JSON_REPEATED: which */
};

_Static_assert(JSON_DEPTH_MAX <= 128, "is_object has 128 bits");

static enum json_status scan_document(struct scan *s);
static enum json_status begin_value(struct scan *s, bool *out_open);
static enum json_status after_value(struct scan *s, bool *out_more);
static enum json_status open_container(struct scan *s, bool *out_open);
static void close_container(struct scan *s);
static void value_starts(struct scan *s, enum json_kind kind);
static void value_ends(struct scan *s);
static enum json_status read_key(struct scan *s);
static enum json_status note_key(struct scan *s, size_t key, struct sl_str inside, bool escaped);
static enum json_status scan_string(struct scan *s, bool *out_escaped);
static enum json_status scan_escape(struct scan *s);
static enum json_status scan_number(struct scan *s);
static enum json_status scan_literal(struct scan *s, struct sl_str word);
static const char *find_special(const char *p, const char *end, unsigned *high);
static const char *utf8_flaw(const char *p, const char *end);

/* -- Public ------------------------------------------------------------------------------------------------------ */

enum json_status json_scan(struct sl_str doc, const struct json_watch *watches, unsigned n,
                           struct json_member *out_members, struct json_info *out_info)
{
    SL_CHECK(n <= JSON_WATCH_MAX);
    *out_info = (struct json_info){.member = -1};
    if (n > 0)
        memset(out_members, 0, n * sizeof *out_members);
    if (doc.n == 0)
        return JSON_CUT_SHORT; /* its pointer may be NULL */
    struct scan s = {.doc = doc.p,
                     .p = doc.p,
                     .end = doc.p + doc.n,
                     .watches = watches,
                     .out = out_members,
                     .info = out_info,
                     .n = n,
                     .about = -1};
    s.levels[0] = (struct level){.owner = NOT_WATCHED, .current = NO_WATCH, .last = NO_WATCH};
    enum json_status r = scan_document(&s);
    out_info->at = (size_t)(s.p - s.doc);
    if (r == JSON_OK)
        return r;
    if (s.about >= 0)
        out_info->member = s.about;
    else if (s.depth > 0 && s.levels[1].current >= 0)
        out_info->member = s.levels[1].current;
    return r;
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

static inline void skip_blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

/* What is wrong when another byte was expected at s->p. */
static enum json_status unexpected(const struct scan *s)
{
    return s->p == s->end ? JSON_CUT_SHORT : JSON_BAD_SYNTAX;
}

static enum json_status scan_document(struct scan *s)
{
    bool more = true;
    while (more) {
        bool open = false;
        enum json_status r = begin_value(s, &open);
        if (r != JSON_OK)
            return r;
        if (open)
            continue;
        r = after_value(s, &more);
        if (r != JSON_OK)
            return r;
    }
    skip_blanks(s);
    return s->p == s->end ? JSON_OK : JSON_TRAILING;
}

/* Reads a scalar or an empty container whole (*out_open stays false), or opens a container up to its first value. */
static enum json_status begin_value(struct scan *s, bool *out_open)
{
    skip_blanks(s);
    if (s->p == s->end)
        return JSON_CUT_SHORT;
    bool escaped = false;
    enum json_status r;
    switch (*s->p) {
    case '{':
    case '[':
        return open_container(s, out_open);
    case '"':
        value_starts(s, JSON_STRING);
        r = scan_string(s, &escaped);
        if (escaped && s->depth <= JSON_WATCH_DEPTH && s->levels[s->depth].current >= 0)
            s->out[s->levels[s->depth].current].escaped = true;
        break;
    case 't':
        value_starts(s, JSON_TRUE);
        r = scan_literal(s, SL_STR("true"));
        break;
    case 'f':
        value_starts(s, JSON_FALSE);
        r = scan_literal(s, SL_STR("false"));
        break;
    case 'n':
        value_starts(s, JSON_NULL);
        r = scan_literal(s, SL_STR("null"));
        break;
    default:
        value_starts(s, JSON_NUMBER);
        r = scan_number(s);
    }
    if (r == JSON_OK)
        value_ends(s);
    return r;
}

static inline bool in_object(const struct scan *s)
{
    unsigned d = s->depth - 1;
    return (s->is_object[d >> 6] >> (d & 63)) & 1;
}

/* Behind a value: a comma and what the next value needs before it, or closing brackets. *out_more: another value follows. */
static enum json_status after_value(struct scan *s, bool *out_more)
{
    while (s->depth > 0) {
        skip_blanks(s);
        if (s->p == s->end)
            return JSON_CUT_SHORT;
        bool object = in_object(s);
        if (*s->p == ',') {
            s->p++;
            *out_more = true;
            return object ? read_key(s) : JSON_OK;
        }
        if (*s->p != (object ? '}' : ']'))
            return JSON_BAD_SYNTAX;
        s->p++;
        close_container(s);
    }
    *out_more = false;
    return JSON_OK;
}

static enum json_status open_container(struct scan *s, bool *out_open)
{
    bool object = *s->p == '{';
    if (s->depth == JSON_DEPTH_MAX)
        return JSON_TOO_DEEP;
    value_starts(s, object ? JSON_OBJECT : JSON_ARRAY);
    const struct level *outer = s->depth <= JSON_WATCH_DEPTH ? &s->levels[s->depth] : NULL;
    unsigned d = s->depth++;
    uint64_t bit = UINT64_C(1) << (d & 63);
    s->is_object[d >> 6] = object ? s->is_object[d >> 6] | bit : s->is_object[d >> 6] & ~bit;
    s->p++;
    if (outer != NULL) {
        int owner = NOT_WATCHED;
        if (object && d == 0)
            owner = NO_WATCH;
        else if (object && outer->current >= 0)
            owner = outer->current;
        s->levels[s->depth] =
            (struct level){.owner = owner, .current = NO_WATCH, .last = NO_WATCH, .prev_end = (size_t)(s->p - s->doc)};
    }
    skip_blanks(s);
    if (s->p == s->end)
        return JSON_CUT_SHORT;
    if (*s->p == (object ? '}' : ']')) {
        s->p++;
        close_container(s);
        return JSON_OK;
    }
    *out_open = true;
    return object ? read_key(s) : JSON_OK;
}

/* The bracket was read. */
static void close_container(struct scan *s)
{
    uint32_t values = s->depth <= JSON_WATCH_DEPTH + 1 ? s->levels[s->depth].values : 0;
    s->depth--;
    if (s->depth <= JSON_WATCH_DEPTH && s->levels[s->depth].current >= 0)
        s->out[s->levels[s->depth].current].children = values;
    value_ends(s);
}

static inline void value_starts(struct scan *s, enum json_kind kind)
{
    if (s->depth > JSON_WATCH_DEPTH + 1)
        return;
    struct level *l = &s->levels[s->depth];
    l->values++;
    if (s->depth == 0)
        s->info->root = kind;
    if (l->current < 0)
        return;
    struct json_member *m = &s->out[l->current];
    m->kind = kind;
    m->from = (size_t)(s->p - s->doc);
}

static inline void value_ends(struct scan *s)
{
    if (s->depth > JSON_WATCH_DEPTH)
        return;
    struct level *l = &s->levels[s->depth];
    l->prev_end = (size_t)(s->p - s->doc);
    if (l->current < 0)
        return;
    s->out[l->current].to = s->out[l->current].next_key = l->prev_end;
    l->last = l->current;
    l->current = NO_WATCH;
}

/* -- Keys ---------------------------------------------------------------------------------------------------------- */

/* Reads blanks, a key and its colon. */
static enum json_status read_key(struct scan *s)
{
    skip_blanks(s);
    if (s->p == s->end || *s->p != '"')
        return unexpected(s);
    const char *quote = s->p;
    bool escaped = false;
    enum json_status r = scan_string(s, &escaped);
    if (r != JSON_OK)
        return r;
    if (s->depth <= JSON_WATCH_DEPTH && s->levels[s->depth].owner != NOT_WATCHED) {
        r = note_key(s, (size_t)(quote - s->doc), sl_str_of(quote + 1, (size_t)(s->p - quote) - 2), escaped);
        if (r != JSON_OK)
            return r;
    }
    skip_blanks(s);
    if (s->p == s->end || *s->p != ':')
        return unexpected(s);
    s->p++;
    return JSON_OK;
}

static int find_watch(const struct scan *s, int owner, struct sl_str name)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct json_watch *w = &s->watches[i];
        if (w->parent == owner && w->name.n == name.n && memcmp(w->name.p, name.p, name.n) == 0)
            return (int)i;
    }
    return NO_WATCH;
}

static enum json_status note_key(struct scan *s, size_t key, struct sl_str inside, bool escaped)
{
    struct level *l = &s->levels[s->depth];
    if (l->last >= 0)
        s->out[l->last].next_key = key;
    l->last = NO_WATCH;
    l->current = NO_WATCH;
    char plain[6 * NAME_MAX_BYTES];
    struct sl_str name = inside;
    if (escaped) {
        size_t n = 0;
        if (inside.n > sizeof plain || !json_unescape(inside, plain, &n))
            n = 0;
        name = sl_str_of(plain, n);
    }
    int w = find_watch(s, l->owner, name);
    if (w < 0) {
        s->info->unwatched++;
        return JSON_OK;
    }
    struct json_member *m = &s->out[w];
    if (m->kind != JSON_ABSENT) {
        s->about = w;
        s->p = s->doc + key;
        return JSON_REPEATED;
    }
    *m = (struct json_member){.index = l->values, .key = key, .prev_end = l->prev_end};
    l->current = w;
    return JSON_OK;
}

/* -- Scalars ------------------------------------------------------------------------------------------------------- */

/* s->p is on the opening quote; afterwards behind the closing one. */
static enum json_status scan_string(struct scan *s, bool *out_escaped)
{
    const char *start = ++s->p;
    unsigned high = 0;
    for (;;) {
        s->p = find_special(s->p, s->end, &high);
        if (s->p == s->end)
            return JSON_CUT_SHORT;
        if (*s->p == '"')
            break;
        if (*s->p != '\\')
            return JSON_BAD_CONTROL;
        *out_escaped = true;
        enum json_status r = scan_escape(s);
        if (r != JSON_OK)
            return r;
    }
    const char *flaw = high != 0 ? utf8_flaw(start, s->p) : NULL;
    if (flaw != NULL) {
        s->p = flaw;
        return JSON_BAD_UTF8;
    }
    s->p++;
    return JSON_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = sl_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* s->p is on the backslash. */
static enum json_status scan_escape(struct scan *s)
{
    if (s->end - s->p < 2)
        goto cut;
    switch (s->p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        s->p += 2;
        return JSON_OK;
    case 'u':
        break;
    default:
        return JSON_BAD_ESCAPE;
    }
    for (int i = 2; i < 6; i++) {
        if (s->p + i == s->end)
            goto cut;
        if (hex_digit(s->p[i]) < 0)
            return JSON_BAD_ESCAPE;
    }
    s->p += 6;
    return JSON_OK;
cut:
    s->p = s->end;
    return JSON_CUT_SHORT;
}

static inline const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* number = [ minus ] int [ frac ] [ exp ], RFC 8259 section 6. Anything else that begins no value comes here, too. */
static enum json_status scan_number(struct scan *s)
{
    const char *p = s->p;
    bool minus = *p == '-';
    if (minus)
        p++;
    const char *digits = p;
    p = skip_digits(p, s->end);
    if (p == digits) {
        s->p = p;
        return minus && p == s->end ? JSON_CUT_SHORT : minus ? JSON_BAD_NUMBER : JSON_BAD_SYNTAX;
    }
    if (*digits == '0' && p - digits > 1)
        return JSON_BAD_NUMBER;
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
    s->p = p;
    return JSON_OK;
bad:
    s->p = p;
    return p == s->end ? JSON_CUT_SHORT : JSON_BAD_NUMBER;
}

static enum json_status scan_literal(struct scan *s, struct sl_str word)
{
    size_t left = (size_t)(s->end - s->p);
    size_t n = left < word.n ? left : word.n;
    size_t same = 0;
    while (same < n && s->p[same] == word.p[same])
        same++;
    s->p += same;
    return same == word.n ? JSON_OK : unexpected(s);
}

/* -- Bytes --------------------------------------------------------------------------------------------------------- */

#define IS_SPECIAL(c) ((unsigned char)(c) < 0x20 || (c) == '"' || (c) == '\\')

#ifdef __SSE2__

static inline unsigned special_mask(__m128i x)
{
    __m128i quote = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
}

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
