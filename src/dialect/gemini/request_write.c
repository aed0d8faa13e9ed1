/* See gemini.h. */
#include "dialect/gemini/gemini.h"

bool gemini_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    (void)t;
    (void)out;
    *out_refusal = (struct request_refusal){.error = {.error = GE_NOT_SERVED}};
    return false;
}
