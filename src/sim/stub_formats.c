/* Formats whose paths are known and that are not served yet: they answer that there is nothing. */
#include "sim/ask.h"
static bool no_read(struct sim_ask *a, yyjson_val *root)
{
    (void)root;
    sim_refuse(a->c, &sim_error_not_found);
    return false;
}
const struct sim_format sim_converse = {.name = "bedrock-converse", .vendor = VENDOR_AWS, .read = no_read};
const struct sim_format sim_bedrock_count = {.name = "bedrock-count", .vendor = VENDOR_AWS, .read = no_read};
