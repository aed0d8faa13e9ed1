/* See json_mend.h. One pass that follows strings and brackets; `good` is the last place where closing them is enough. */
#include "dialect/json_mend.h"

#include "dialect/json_scan.h"

struct mending {
    struct sl_str s;
    char open[JSON_DEPTH_MAX]; /* what closes it */
    uint32_t depth;
    bool named;  /* the next string is a member's name */
    size_t good; /* so many bytes */
    bool odd;    /* brackets do not match, or are too many */
};

/* The end of a character that is not all there is not. */
static size_t whole_characters(struct sl_str s, size_t from)
{
    size_t n = s.n, back = 0;
    while (n - back > from && back < 3 && ((unsigned char)s.p[n - back - 1] & 0xc0) == 0x80)
        back++;
    if (n - back == from)
        return n;
    unsigned char lead = (unsigned char)s.p[n - back - 1];
    size_t wants = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    return back < wants ? n - back - 1 : n;
}

/* From behind a quote to behind the other one; where that is missing to the end, and *out_cut is how much of it is whole. */
static size_t pass_string(struct sl_str s, size_t at, size_t *out_cut)
{
    size_t from = at;
    *out_cut = 0;
    while (at < s.n && s.p[at] != '"') {
        size_t n = s.p[at] != '\\' ? 1 : at + 1 < s.n && s.p[at + 1] == 'u' ? 6 : 2;
        if (n > 1 && at + n > s.n) {
            *out_cut = at;
            return s.n;
        }
        at += n;
    }
    if (at < s.n)
        return at + 1;
    *out_cut = whole_characters(s, from);
    return s.n;
}

static void bracket(struct mending *m, size_t at)
{
    char c = m->s.p[at];
    if (c == '{' || c == '[') {
        m->odd |= m->depth == JSON_DEPTH_MAX;
        if (m->odd)
            return;
        m->open[m->depth++] = c == '{' ? '}' : ']';
        m->named = c == '{';
    } else {
        m->odd |= m->depth == 0 || m->open[m->depth - 1] != c;
        if (m->odd)
            return;
        m->depth--;
        m->named = false;
    }
    m->good = at + 1;
}

static struct sl_str closed(const struct mending *m, bool in_string, struct sl_arena *a)
{
    if (m->good == 0)
        return SL_STR_NONE;
    char *p = sl_arena_alloc(a, m->good + 1 + m->depth), *end = p + m->good;
    memcpy(p, m->s.p, m->good);
    if (in_string)
        *end++ = '"';
    for (uint32_t i = m->depth; i > 0; i--)
        *end++ = m->open[i - 1];
    return sl_str_of(p, (size_t)(end - p));
}

struct sl_str json_mended(struct sl_str beginning, struct sl_arena *a)
{
    struct mending m = {.s = beginning};
    bool in_string = false;
    for (size_t at = 0, cut; at < beginning.n && !m.odd;) {
        char c = beginning.p[at];
        if (c == '"') {
            at = pass_string(beginning, at + 1, &cut);
            in_string = cut > 0 && !m.named;
            if (in_string)
                m.good = cut;
            else if (cut == 0 && !m.named)
                m.good = at;
            continue;
        }
        if (c == '{' || c == '[' || c == '}' || c == ']')
            bracket(&m, at);
        else if (c == ':')
            m.named = false;
        else if (c == ',' && m.depth > 0) {
            m.named = m.open[m.depth - 1] == '}';
            m.good = at;
        }
        at++;
    }
    return m.odd ? SL_STR_NONE : closed(&m, in_string, a);
}
