/* See gemini.h. */
#include "dialect/gemini/gemini.h"

void *gemini_stream_write_begin(struct translation *t, struct sl_buf *out)
{
    (void)out;
    return t;
}

void gemini_stream_write(void *state, const struct neutral_event *e)
{
    (void)state;
    (void)e;
}

void gemini_stream_write_end(void *state)
{
    (void)state;
}
