#include "dialect/anthropic/anthropic_int.h"
bool anthropic_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal)
{
    (void)t, (void)out;
    *out_refusal = (struct request_refusal){.error = {.error = GE_UNSUPPORTED}};
    return false;
}
