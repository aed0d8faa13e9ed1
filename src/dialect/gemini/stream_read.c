/* A stream: each event is a chunk (chunk_read.c). There is no terminator: the end of the body is the end, and it is one when a
 * finishReason was said. */
#include "dialect/gemini/gemini_int.h"

void *gemini_stream_read_begin(struct translation *t)
{
    return gem_answer_begin(t);
}

bool gemini_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to)
{
    (void)event;                                          /* Google sends none */
    if (data.n == 0 || sl_str_eq(data, SL_STR("[DONE]"))) /* of relays in between */
        return true;
    return gem_answer_chunk(state, data, to);
}

bool gemini_stream_read_end(void *state, const struct neutral_sink *to)
{
    return gem_answer_end(state, to);
}
