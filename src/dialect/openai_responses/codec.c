/* The dialect and its codec, put together. */
#include "dialect/openai_responses/openai_responses.h"

const struct dialect_codec openai_responses_codec = {
    .request_read = responses_request_read,
    .request_write = responses_request_write,
    .answer_read = responses_answer_read,
    .stream_read_begin = responses_stream_read_begin,
    .stream_read = responses_stream_read,
    .stream_read_end = responses_stream_read_end,
    .answer_write = responses_answer_write,
    .stream_write_begin = responses_stream_write_begin,
    .stream_write_resume = responses_stream_write_resume,
    .stream_write = responses_stream_write,
    .stream_write_end = responses_stream_write_end,
    .stream_write_error = responses_stream_write_error,
    .count_write = responses_count_write,
    .caps = responses_caps,
};

const struct dialect openai_responses_dialect = {
    .name = SL_STR_INIT("openai-responses"),
    .errors = ERRORS_RESPONSES,
    .request_decode = responses_request_decode,
    .request_encode_same = responses_request_encode_same,
    .answer_decode = responses_answer_decode,
    .answer_watch_bytes = sizeof(struct responses_answer_watch),
    .answer_watch_init = responses_answer_watch_init,
    .answer_watch_feed = responses_answer_watch_feed,
    .answer_watch_done = responses_answer_watch_done,
    .codec = &openai_responses_codec,
    .stream_watch = responses_stream_watch,
    .unended_new = responses_unended_new,
    .unended_see = responses_unended_see,
    .unended_rest = responses_unended_rest,
    .unended_write = responses_unended_write,
};
