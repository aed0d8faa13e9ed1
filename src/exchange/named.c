/* What a body names: strings that are values of members of some name, found in one pass over its strings, without a tree. Wherever they
 * stand: the names that are asked for have no other meaning in any of the formats. A text that quotes JSON has its quotes escaped. */
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "exchange/exchange_int.h"

bool named_may_be(struct sl_str body, struct sl_str name)
{
    return sl_str_find_str(body, name) >= 0 || sl_str_find_str(body, SL_STR("\\u00")) >= 0; /* "file\u005fid" */
}

void named_skip_blanks(struct sl_str *s)
{
    while (s->n > 0 && sl_is_blank(s->p[0]))
        *s = sl_str_from(*s, 1);
}

static bool take(struct sl_str *s, char c)
{
    named_skip_blanks(s);
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = sl_str_from(*s, 1);
    return true;
}

/* *s begins behind a quote: the inside of the string, and *s goes behind its end. */
static bool take_inside(struct sl_str *s, struct sl_str *out)
{
    const char *end = s->n > 0 ? json_peek_close(s->p, s->p + s->n) : NULL;
    if (end == NULL)
        return false;
    *out = sl_str_of(s->p, (size_t)(end - s->p));
    *s = sl_str_from(*s, out->n + 1);
    return true;
}

static bool is_one_of(struct sl_str inside, const struct sl_str *names, size_t n, struct sl_arena *a)
{
    if (sl_str_find(inside, '\\') >= 0)
        inside = json_plain(inside, a);
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq(inside, names[i]))
            return true;
    return false;
}

size_t named_values(struct sl_str body, const struct sl_str *names, size_t n_names, struct sl_arena *a,
                    struct sl_str *out, size_t max)
{
    size_t n = 0;
    ptrdiff_t at;
    while (n < max && (at = sl_str_find(body, '"')) >= 0) {
        struct sl_str inside;
        body = sl_str_from(body, (size_t)at + 1);
        if (!take_inside(&body, &inside))
            break;
        struct sl_str rest = body;
        if (!take(&rest, ':') || !is_one_of(inside, names, n_names, a) || !take(&rest, '"'))
            continue;
        body = rest;
        if (!take_inside(&body, &inside))
            break;
        out[n++] = json_plain(inside, a);
    }
    return n;
}
