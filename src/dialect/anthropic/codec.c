/* The tables that the rest of the program finds this format by. */
#include "dialect/anthropic/anthropic_int.h"

const struct dialect_codec anthropic_codec = {
    .request_read = anthropic_request_read,
    .request_write = anthropic_request_write,
    .answer_read = anthropic_answer_read,
    .stream_read_begin = anthropic_stream_read_begin,
    .stream_read = anthropic_stream_read,
    .stream_read_end = anthropic_stream_read_end,
    .answer_write = anthropic_answer_write,
    .stream_write_begin = anthropic_stream_write_begin,
    .stream_write_resume = anthropic_stream_write_resume,
    .stream_write = anthropic_stream_write,
    .stream_write_end = anthropic_stream_write_end,
    .count_write = anthropic_count_answer_write,
    .turn_of_events = anthropic_blocks_of_events,
    .caps = anthropic_caps,
};

const struct dialect anthropic_dialect = {
    .name = SL_STR_INIT("anthropic"),
    .stream_done = SL_STR_INIT("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
    .errors = ERRORS_ANTHROPIC,
    .request_decode = anthropic_request_decode,
    .request_encode_same = anthropic_request_encode_same,
    .answer_decode = anthropic_answer_decode,
    .answer_watch_bytes = sizeof(struct anthropic_answer_watch),
    .answer_watch_init = anthropic_answer_watch_init,
    .answer_watch_feed = anthropic_answer_watch_feed,
    .answer_watch_done = anthropic_answer_watch_done,
    .codec = &anthropic_codec,
    .stream_watch = anthropic_stream_watch,
};
