/* See gemini.h. */
#include "dialect/gemini/gemini.h"

bool gemini_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    (void)t;
    (void)body;
    (void)to;
    return false;
}
