#include "dialect/anthropic/anthropic_int.h"
bool anthropic_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                            struct request_refusal *out_refusal)
{
    (void)op, (void)body, (void)a, (void)out;
    *out_refusal = (struct request_refusal){.error = {.error = GE_UNSUPPORTED}};
    return false;
}
