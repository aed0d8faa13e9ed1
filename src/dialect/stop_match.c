/* See stop_match.h. */
#include "dialect/stop_match.h"

#include "dialect/json_tree.h"

uint32_t stop_match_init(struct stop_match *m, const struct sl_str *stops, uint32_t n, struct sl_arena *a)
{
    uint32_t used = 0;
    *m = (struct stop_match){.n = n};
    struct sl_str *plain = sl_arena_zalloc(a, (n + 1) * sizeof *plain);
    for (uint32_t i = 0; i < n; i++) {
        if (stops[i].n > 0 && stops[i].n <= STOP_MATCH_BYTES)
            plain[i] = json_plain(stops[i], a);
        used += plain[i].n > 0;
        m->longest = plain[i].n > m->longest ? plain[i].n : m->longest;
    }
    m->stops = plain;
    m->held = sl_arena_alloc(a, m->longest + 1);
    return used;
}

/* Where the first of them begins; -1: nowhere. */
static ptrdiff_t find(struct stop_match *m, struct sl_str text)
{
    ptrdiff_t first = -1;
    for (uint32_t i = 0; i < m->n; i++) {
        ptrdiff_t at = m->stops[i].n > 0 ? sl_str_find_str(text, m->stops[i]) : -1;
        if (at >= 0 && (first < 0 || at < first)) {
            first = at;
            m->which = i;
        }
    }
    return first;
}

static bool may_begin(const struct stop_match *m, struct sl_str tail)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (m->stops[i].n > tail.n && sl_str_starts(m->stops[i], tail))
            return true;
    return false;
}

/* How much of the end must wait: the longest tail that a sequence begins with. */
static size_t to_hold(const struct stop_match *m, struct sl_str text)
{
    size_t n = m->longest - 1 < text.n ? m->longest - 1 : text.n;
    while (n > 0 && !may_begin(m, sl_str_from(text, text.n - n)))
        n--;
    return n;
}

bool stop_match_feed(struct stop_match *m, struct sl_str text, struct sl_arena *scratch, struct sl_str *out)
{
    *out = m->met ? SL_STR_NONE : text;
    if (m->longest == 0 || m->met)
        return m->met;
    struct sl_str plain = json_plain(text, scratch);
    if (m->held_n > 0) {
        char *joined = sl_arena_alloc(scratch, m->held_n + plain.n);
        memcpy(joined, m->held, m->held_n);
        if (plain.n > 0)
            memcpy(joined + m->held_n, plain.p, plain.n);
        plain = sl_str_of(joined, m->held_n + plain.n);
    }
    ptrdiff_t at = find(m, plain);
    m->met = at >= 0;
    size_t hold = m->met ? plain.n - (size_t)at : to_hold(m, plain);
    if (!m->met && hold == 0 && m->held_n == 0)
        return false; /* as it came */
    *out = json_escape(sl_str_head(plain, plain.n - hold), scratch);
    m->held_n = m->met ? 0 : hold;
    if (m->held_n > 0)
        memcpy(m->held, plain.p + (plain.n - hold), hold);
    return m->met;
}

struct sl_str stop_match_rest(struct stop_match *m, struct sl_arena *scratch)
{
    struct sl_str held = sl_str_of(m->held, m->held_n);
    m->held_n = 0;
    if (held.n == 0)
        return SL_STR_NONE;
    return json_escape(sl_arena_str(scratch, held), scratch);
}
