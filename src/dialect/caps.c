/* See caps.h. */
#include "dialect/caps.h"

static bool matches(struct sl_str pattern, struct sl_str model)
{
    ptrdiff_t star = sl_str_find(pattern, '*');
    if (star < 0)
        return sl_str_eq_nocase(pattern, model);
    struct sl_str head = sl_str_head(pattern, (size_t)star), tail = sl_str_from(pattern, (size_t)star + 1);
    return model.n >= head.n + tail.n && sl_str_starts_nocase(model, head) &&
           sl_str_eq_nocase(sl_str_from(model, model.n - tail.n), tail);
}

static const struct model_caps *best(const struct model_caps *rows, struct sl_str model)
{
    const struct model_caps *found = NULL;
    for (; rows->pattern.n > 0; rows++)
        if (matches(rows->pattern, model) && (found == NULL || rows->pattern.n > found->pattern.n))
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
        if (inner != NULL && (found == NULL || inner->pattern.n > found->pattern.n))
            found = inner;
    }
    return found;
}
