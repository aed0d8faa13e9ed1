/* Comes next. */
#include "dialect/openai_responses/openai_responses.h"

void responses_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    (void)t, (void)answer, (void)out;
}
