/* Comes next. */
#include "dialect/openai_responses/openai_responses.h"

void *responses_stream_write_begin(struct translation *t, struct sl_buf *out)
{
    (void)out;
    return t;
}

void responses_stream_write(void *state, const struct neutral_event *e)
{
    (void)state, (void)e;
}

void responses_stream_write_end(void *state)
{
    (void)state;
}
