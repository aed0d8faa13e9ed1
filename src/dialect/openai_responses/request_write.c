/* Comes next. */
#include "dialect/openai_responses/openai_responses.h"

bool responses_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    (void)t, (void)out;
    out_refusal->error.error = GE_INTERNAL;
    return false;
}
