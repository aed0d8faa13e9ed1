/* The chat format's side of translation: the functions behind openai_chat_codec, and what they share. Inside this folder only. */
#ifndef SLUICE_DIALECT_OPENAI_CHAT_CHAT_CODEC_H
#define SLUICE_DIALECT_OPENAI_CHAT_CHAT_CODEC_H

#include "dialect/codec.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"
#include "dialect/openai_chat/openai_chat.h"

bool chat_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                       struct request_refusal *out_refusal);
bool chat_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal);
bool chat_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to);
void *chat_stream_read_begin(struct translation *t);
bool chat_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to);
bool chat_stream_read_end(void *state, const struct neutral_sink *to);
void chat_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out);
void *chat_stream_write_begin(struct translation *t, struct sl_buf *out);
void *chat_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told);
void chat_stream_write(void *state, const struct neutral_event *e);
void chat_stream_write_end(void *state);

extern const struct model_caps chat_caps[];

#define CHAT_STOP_MAX 256u /* bytes of a stop sequence that the gateway looks for itself */

/* OpenAI itself and Azure, whose servers refuse what they do not know; not the many that are only like it. */
static inline bool chat_is_openai(const struct translation *t)
{
    return t->platform.n == 0 || sl_str_eq(t->platform, SL_STR("azure"));
}

/* The word for an ending, "stop" and so on. has_calls: calls were delivered; legacy: as function_call. */
struct sl_str chat_finish_word(enum neutral_finish f, bool has_calls, bool legacy);
/* The ending for a word of any server; FINISH_OTHER when it is not known. *out_failed: the word says that the provider failed. */
enum neutral_finish chat_finish_of(struct sl_str word, bool has_calls, bool *out_failed);

/* A usage report of any server in OpenAI's convention (openai-compatible.md 4). */
void chat_usage_read(struct sl_str object, struct token_counts *out);
void chat_usage_write(struct json_writer *w, const struct token_counts *c);
/* A service tier in OpenAI's words; empty: not to be told. inside, a view or static. */
struct sl_str chat_tier(struct sl_str tier);

#endif
