/* All dialects, in one array, and what is common to them. */
#include "dialect/dialect.h"

#include "dialect/anthropic/anthropic.h"
#include "dialect/bedrock_converse/bedrock_converse.h"
#include "dialect/codec.h"
#include "dialect/gemini/gemini.h"
#include "dialect/openai_chat/openai_chat.h"
#include "dialect/openai_responses/openai_responses.h"

const struct dialect openai_chat_dialect = {
    .name = SL_STR_INIT("openai"),
    .stream_done = SL_STR_INIT("data: [DONE]\n\n"),
    .errors = ERRORS_OPENAI,
    .request_decode = openai_request_decode,
    .request_encode_same = openai_request_encode_same,
    .answer_decode = openai_answer_decode,
    .answer_watch_bytes = sizeof(struct openai_answer_watch),
    .answer_watch_init = openai_answer_watch_init,
    .answer_watch_feed = openai_answer_watch_feed,
    .answer_watch_done = openai_answer_watch_done,
    .codec = &openai_chat_codec,
    .stream_watch = openai_stream_watch,
};

static const struct dialect *const dialects[] = {&openai_chat_dialect, &anthropic_dialect, &openai_responses_dialect,
                                                 &gemini_dialect, &bedrock_converse_dialect};

const struct dialect *dialect_find(struct sl_str name)
{
    for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++)
        if (sl_str_eq(dialects[i]->name, name))
            return dialects[i];
    return NULL;
}

const struct dialect *dialect_of(enum operation op)
{
    static const struct sl_str names[OP_COUNT] = {
        [OP_RESPONSES] = SL_STR_INIT("openai-responses"),
        [OP_RESPONSES_SOCKET] = SL_STR_INIT("openai-responses"),
        [OP_RESPONSES_COUNT] = SL_STR_INIT("openai-responses"),
        [OP_RESPONSE_GET] = SL_STR_INIT("openai-responses"),
        [OP_RESPONSE_DELETE] = SL_STR_INIT("openai-responses"),
        [OP_RESPONSE_CANCEL] = SL_STR_INIT("openai-responses"),
        [OP_RESPONSE_ITEMS] = SL_STR_INIT("openai-responses"),
        [OP_MESSAGES] = SL_STR_INIT("anthropic"),
        [OP_MESSAGES_COUNT] = SL_STR_INIT("anthropic"),
        [OP_GENERATE] = SL_STR_INIT("gemini"),
        [OP_LIVE] = SL_STR_INIT("gemini"),
        [OP_GENERATE_COUNT] = SL_STR_INIT("gemini"),
        [OP_EMBED_CONTENT] = SL_STR_INIT("gemini"),
        [OP_EMBED_BATCH] = SL_STR_INIT("gemini"),
    };
    const struct dialect *d = names[op].n > 0 ? dialect_find(names[op]) : NULL;
    return d != NULL ? d : &openai_chat_dialect;
}
