/* Comes next. */
#include "dialect/openai_responses/openai_responses.h"

bool responses_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to)
{
    (void)t, (void)body, (void)to;
    return false;
}
