/* A whole answer: what the stream would have said in its last event. */
#include "dialect/openai_responses/answer_writing.h"
#include "dialect/openai_responses/openai_responses.h"

static void take(void *owner, const struct neutral_event *e)
{
    answer_writing_take(owner, e);
}

void responses_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    struct answer_writing *s = answer_writing_new(t, out, WITHOUT_EVENTS);
    const struct neutral_sink sink = {.put = take, .owner = s};
    neutral_replay(answer, t->a, &sink);
    answer_writing_close(s);
    write_response_object(s, &s->w, RS_ENDED, NULL);
}
