/* The tables that the rest of the program finds this format by. */
#include "dialect/bedrock_converse/converse_int.h"

const struct dialect_codec bedrock_converse_codec = {
    .request_write = converse_request_write,
    .answer_read = converse_answer_read,
    .stream_read_begin = converse_stream_read_begin,
    .stream_read = converse_stream_read,
    .stream_read_end = converse_stream_read_end,
    .caps = bedrock_converse_caps,
};

const struct dialect bedrock_converse_dialect = {
    .name = SL_STR_INIT("bedrock-converse"),
    .errors = ERRORS_OPENAI, /* nobody is answered in it */
    .frames = true,
    .codec = &bedrock_converse_codec,
};
