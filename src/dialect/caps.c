/* See caps.h. */
#include "dialect/caps.h"

/* Each '*' stands for any bytes; the newest one takes one byte more whenever what follows it does not fit. */
static bool matches(struct sl_str pattern, struct sl_str model)
{
    size_t p = 0, m = 0, star = SIZE_MAX, taken = 0;
    while (m < model.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            taken = m;
        } else if (p < pattern.n && sl_lower(pattern.p[p]) == sl_lower(model.p[m])) {
            p++;
            m++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            m = ++taken;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* Bytes of a name that a pattern fixes: a whole name goes before a pattern that fits it. */
static size_t weight(const struct model_caps *row)
{
    size_t n = 1;
    for (size_t i = 0; row != NULL && i < row->pattern.n; i++)
        n += row->pattern.p[i] != '*';
    return row == NULL ? 0 : n;
}

static const struct model_caps *best(const struct model_caps *rows, struct sl_str model)
{
    const struct model_caps *found = NULL;
    for (; rows->pattern.n > 0; rows++)
        if (matches(rows->pattern, model) && weight(rows) > weight(found))
            found = rows;
    return found;
}

const struct model_caps *caps_find(const struct model_caps *rows, struct sl_str model)
{
    const struct model_caps *found = best(rows, model);
    for (size_t at = 0; at < model.n; at++) {
        if (model.p[at] != '.' && model.p[at] != '/')
            continue;
        const struct model_caps *inner = best(rows, sl_str_from(model, at + 1));
        if (weight(inner) > weight(found))
            found = inner;
    }
    return found;
}
