#include "dialect/anthropic/anthropic_int.h"
void *anthropic_stream_read_begin(struct translation *t)
{
    return t;
}
bool anthropic_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to)
{
    (void)state, (void)event, (void)data, (void)to;
    return false;
}
bool anthropic_stream_read_end(void *state, const struct neutral_sink *to)
{
    (void)state, (void)to;
    return false;
}
