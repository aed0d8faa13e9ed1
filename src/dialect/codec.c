/* What all codecs share: see codec.h. */
#include "dialect/codec.h"

bool translation_refuses(struct translation *t, bool harmful, struct sl_str what, const char *how,
                         struct request_refusal *out)
{
    bool refuse = t->unsupported == UNSUPPORTED_REJECT || (harmful && t->unsupported == UNSUPPORTED_REPORT);
    if (!refuse) {
        neutral_note(t->notes, how, what);
        return false;
    }
    *out = (struct request_refusal){
        .error = {.error = GE_UNSUPPORTED,
                  .param = sl_arena_str(t->a, what),
                  .message = sl_arena_printf(t->a,
                                             "'" SL_STR_FMT "' cannot be passed to the model '" SL_STR_FMT "'%s%s.",
                                             SL_STR_ARG(what), SL_STR_ARG(t->up_model), how[0] != 0 ? ": " : "", how)}};
    return true;
}

bool translation_lacks(const struct translation *t, struct sl_str name)
{
    for (struct sl_str left = t->lacks; left.n > 0;)
        if (sl_str_eq(sl_str_cut(&left, ' '), name))
            return true;
    return false;
}

struct sl_str translation_name(const struct translation *t, struct sl_str name)
{
    for (struct sl_str left = t->lacks; left.n > 0;) {
        struct sl_str row = sl_str_cut(&left, ' '), own = sl_str_cut(&row, '=');
        if (row.p != NULL && sl_str_eq(own, name))
            return row;
    }
    return name;
}
