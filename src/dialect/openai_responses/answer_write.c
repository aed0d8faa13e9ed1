/* A whole answer: what the stream would have said in its last event. */
#include "dialect/openai_responses/answer_writing.h"
#include "dialect/openai_responses/openai_responses.h"

static void take(void *owner, const struct neutral_event *e)
{
    answer_writing_take(owner, e);
}

static struct answer_writing *gather(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    struct answer_writing *s = answer_writing_new(t, out, WITHOUT_EVENTS);
    const struct neutral_sink sink = {.put = take, .owner = s};
    neutral_replay(answer, t->a, &sink);
    answer_writing_close(s);
    return s;
}

void responses_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    struct answer_writing *s = gather(t, answer, out);
    write_response_object(s, &s->w, RS_ENDED, NULL);
}

void responses_output_items(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out)
{
    struct answer_writing *s = gather(t, answer, out);
    write_output_list(s, &s->w);
}

void responses_stream_items(void *state, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    write_output_list(state, &w);
}

void responses_stream_object(void *state, struct sl_buf *out)
{
    struct json_writer w = json_writer_on(out);
    write_response_object(state, &w, RS_ENDED, NULL);
}
