/* Offsets of citations: Google counts bytes of UTF-8 in a part, everybody else characters of the whole text. */
#include "dialect/gemini/gemini_int.h"

static void add_run(struct gem_text_map *m, struct sl_arena *a, unsigned width)
{
    if (m->n == m->cap) {
        m->cap = m->cap == 0 ? 16 : 2 * m->cap;
        m->runs = sl_arena_grow(a, m->runs, m->n, m->cap, sizeof *m->runs);
    }
    m->runs[m->n++] = (struct gem_run){.chars = m->chars, .bytes = m->bytes, .width = width};
}

static void add_char(struct gem_text_map *m, struct sl_arena *a, unsigned width)
{
    if (m->n == 0 || m->runs[m->n - 1].width != width)
        add_run(m, a, width);
    m->chars++;
    m->bytes += width;
}

static unsigned hex4(const char *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (unsigned)sl_hex_value(p[i]);
    return v;
}

/* Bytes of the escape at the head of s, and how wide its character is in UTF-8. */
static size_t escape_width(struct sl_str s, unsigned *out_width)
{
    *out_width = 1;
    if (s.n < 6 || s.p[1] != 'u')
        return s.n < 2 ? 1 : 2;
    unsigned c = hex4(s.p + 2);
    bool pair = c >= 0xd800 && c < 0xdc00 && s.n >= 12 && s.p[6] == '\\' && s.p[7] == 'u';
    *out_width = pair ? 4 : c < 0x80 ? 1 : c < 0x800 ? 2 : 3;
    return pair ? 12 : 6;
}

void gem_text_add(struct gem_text_map *m, struct sl_arena *a, struct sl_str inside)
{
    while (inside.n > 0) {
        unsigned char c = (unsigned char)inside.p[0];
        unsigned width = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        size_t step = width;
        if (c == '\\')
            step = escape_width(inside, &width);
        add_char(m, a, width);
        inside = sl_str_from(inside, step);
    }
}

/* The last run that begins at or before the place; key: what its place is counted in. */
static const struct gem_run *run_at(const struct gem_text_map *m, uint64_t at, bool bytes)
{
    size_t low = 0, high = m->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if ((bytes ? m->runs[middle].bytes : m->runs[middle].chars) <= at)
            low = middle;
        else
            high = middle;
    }
    return &m->runs[low];
}

int64_t gem_text_char_at(const struct gem_text_map *m, uint64_t byte)
{
    if (byte > m->bytes)
        return -1;
    if (m->n == 0)
        return 0;
    const struct gem_run *r = run_at(m, byte, true);
    return (int64_t)(r->chars + (byte - r->bytes) / r->width);
}

int64_t gem_text_byte_at(const struct gem_text_map *m, uint64_t at)
{
    if (at > m->chars)
        return -1;
    if (m->n == 0)
        return 0;
    const struct gem_run *r = run_at(m, at, false);
    return (int64_t)(r->bytes + (at - r->chars) * r->width);
}
