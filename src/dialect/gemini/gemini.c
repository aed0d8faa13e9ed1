/* The format, as the seams see it (dialect.h, codec.h). There is no terminal event: the end of the body is the end. */
#include "dialect/gemini/gemini.h"

const struct dialect_codec gemini_codec = {
    .request_read = gemini_request_read,
    .request_write = gemini_request_write,
    .answer_read = gemini_answer_read,
    .stream_read_begin = gemini_stream_read_begin,
    .stream_read = gemini_stream_read,
    .stream_read_end = gemini_stream_read_end,
    .answer_write = gemini_answer_write,
    .stream_write_begin = gemini_stream_write_begin,
    .stream_write_resume = gemini_stream_write_resume,
    .stream_write = gemini_stream_write,
    .stream_write_end = gemini_stream_write_end,
    .count_write = gemini_count_write,
    .caps = gemini_caps,
};

const struct dialect gemini_dialect = {
    .name = SL_STR_INIT("gemini"),
    .errors = ERRORS_GEMINI,
    .request_decode = gemini_request_decode,
    .request_encode_same = gemini_request_encode_same,
    .answer_decode = gemini_answer_decode,
    .answer_watch_bytes = sizeof(struct gemini_answer_watch),
    .answer_watch_init = gemini_answer_watch_init,
    .answer_watch_feed = gemini_answer_watch_feed,
    .answer_watch_done = gemini_answer_watch_done,
    .codec = &gemini_codec,
    .stream_watch = gemini_stream_watch,
};
