/* See range.h. */
#include "http/range.h"

/* Digits only; more than fit mean "very far". */
static bool number(struct sl_str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        unsigned digit = (unsigned)(s.p[i] - '0');
        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
    }
    *out = v;
    return true;
}

/* "-n": the last n bytes. */
static enum range_kind suffix(uint64_t n, uint64_t size, uint64_t *first, uint64_t *last)
{
    if (n == 0 || size == 0)
        return RANGE_BEYOND;
    *first = n < size ? size - n : 0;
    *last = size - 1;
    return RANGE_PART;
}

enum range_kind range_read(struct sl_str value, uint64_t size, uint64_t *first, uint64_t *last)
{
    uint64_t from = 0, to = UINT64_MAX;
    value = sl_str_trim(value);
    if (!sl_str_starts_nocase(value, SL_STR("bytes=")))
        return RANGE_WHOLE;
    value = sl_str_trim(sl_str_from(value, 6));
    ptrdiff_t dash = sl_str_find(value, '-');
    if (dash < 0)
        return RANGE_WHOLE;
    struct sl_str left = sl_str_trim(sl_str_head(value, (size_t)dash)),
                  right = sl_str_trim(sl_str_from(value, (size_t)dash + 1));
    if (left.n == 0)
        return number(right, &to) ? suffix(to, size, first, last) : RANGE_WHOLE;
    if (!number(left, &from) || (right.n > 0 && !number(right, &to)) || to < from)
        return RANGE_WHOLE;
    if (from >= size)
        return RANGE_BEYOND;
    *first = from;
    *last = to < size ? to : size - 1;
    return RANGE_PART;
}

bool range_holds(struct sl_str if_range, struct sl_str etag)
{
    if_range = sl_str_trim(if_range);
    return if_range.n == 0 || sl_str_eq(if_range, etag);
}

bool etag_is_listed(struct sl_str list, struct sl_str etag)
{
    list = sl_str_trim(list);
    if (sl_str_eq(list, SL_STR("*")))
        return true;
    while (list.n > 0) { /* a comma within quotes is no end, but no tag of ours has one */
        ptrdiff_t comma = sl_str_find(list, ',');
        struct sl_str one = sl_str_trim(comma < 0 ? list : sl_str_head(list, (size_t)comma));
        list = comma < 0 ? SL_STR_NONE : sl_str_from(list, (size_t)comma + 1);
        if (sl_str_starts(one, SL_STR("W/")))
            one = sl_str_from(one, 2);
        if (one.n > 0 && sl_str_eq(one, etag))
            return true;
    }
    return false;
}
