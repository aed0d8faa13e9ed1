/* The chat format's codec: see dialect/codec.h and MAP.md. */
#include "dialect/openai_chat/chat_codec.h"

const struct dialect_codec openai_chat_codec = {
    .request_read = chat_request_read,
    .request_write = chat_request_write,
    .answer_read = chat_answer_read,
    .stream_read_begin = chat_stream_read_begin,
    .stream_read = chat_stream_read,
    .stream_read_end = chat_stream_read_end,
    .answer_write = chat_answer_write,
    .stream_write_begin = chat_stream_write_begin,
    .stream_write_resume = chat_stream_write_resume,
    .stream_write = chat_stream_write,
    .stream_write_end = chat_stream_write_end,
    .caps = chat_caps,
};
