/* See within.h. */
#include "dialect/within.h"

#include <stdarg.h>
#include <stdio.h>

#define PLACE_BYTES 192u
#define NAME_BYTES 64u

static bool is_known(const struct json_tree *t, const struct json_node *member, const char *known)
{
    for (struct sl_str left = sl_str_c(known); left.n > 0;)
        if (json_key_is(t, member, sl_str_cut(&left, ' ')))
            return true;
    return false;
}

bool within_any(const struct json_tree *t, const struct json_node *of, const char *known)
{
    if (json_kind_of(of) == JSON_OBJECT)
        for (JSON_EACH(t, of, it))
            if (it->kind != JSON_NULL && !is_known(t, it, known))
                return true;
    return false;
}

void within_read(struct neutral_request *req, struct sl_arena *a, const struct json_tree *t, const struct json_node *of,
                 const char *known, const char *place, ...)
{
    struct neutral_within *to = &req->within;
    char text[PLACE_BYTES];
    text[0] = 0;
    if (json_kind_of(of) != JSON_OBJECT)
        return;
    for (JSON_EACH(t, of, it)) {
        if (it->kind == JSON_NULL || to->n >= WITHIN_MAX || is_known(t, it, known))
            continue;
        if (text[0] == 0) {
            va_list ap;
            va_start(ap, place);
            (void)vsnprintf(text, sizeof text, place, ap);
            va_end(ap);
        }
        struct neutral_member *m = SL_ARENA_NEW(a, struct neutral_member);
        struct sl_str key = sl_str_head(json_plain(json_key_of(t, it), a), NAME_BYTES);
        m->name = sl_arena_printf(a, "%s." SL_STR_FMT, text, SL_STR_ARG(key));
        m->raw = json_raw_of(t, it);
        if (to->last != NULL)
            to->last->next = m;
        else
            to->first = m;
        to->last = m;
        to->n++;
    }
}
