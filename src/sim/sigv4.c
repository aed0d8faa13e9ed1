/* Signatures of AWS: not checked yet. */
#include "sim/sim_int.h"
const struct sim_error *sim_aws_key_error(struct sim_call *c, struct sl_str body)
{
    (void)c;
    (void)body;
    return NULL;
}
