#include "dialect/anthropic/anthropic_int.h"
void *anthropic_stream_write_begin(struct translation *t, struct sl_buf *out)
{
    (void)out;
    return t;
}
void anthropic_stream_write(void *state, const struct neutral_event *e)
{
    (void)state, (void)e;
}
void anthropic_stream_write_end(void *state)
{
    (void)state;
}
