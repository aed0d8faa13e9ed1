/* OpenAI's Responses API: requests made of items, answers made of items, streams of named events.
 * Sources: openai.md sections 7, 2.4, 2.5, 22; translate-openai-anthropic.md sections 8 to 13 and 15; translate-gemini.md 16
 * (OpenAPI document 2.3.0 and recorded traffic, November 2026). MAP.md in this folder says where each member goes. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_OPENAI_RESPONSES_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_OPENAI_RESPONSES_H

#include "dialect/codec.h"

extern const struct dialect openai_responses_dialect;

/* -- struct dialect ------------------------------------------------------------------------------------------------- */

bool responses_request_decode(enum operation op, struct sl_str body, struct sl_arena *a,
                              struct request_facts *out_facts, struct request_refusal *out_refusal);
void responses_request_encode_same(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out);
void responses_answer_decode(struct sl_str body, struct answer_facts *out);
/* The terminal events (response.completed, response.incomplete) are SK_DONE and have the usage. */
void responses_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data,
                            struct stream_event *out);

/* -- struct dialect_codec ------------------------------------------------------------------------------------------- */

bool responses_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                            struct request_refusal *out_refusal);
bool responses_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal);
bool responses_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to);
void *responses_stream_read_begin(struct translation *t);
bool responses_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to);
bool responses_stream_read_end(void *state, const struct neutral_sink *to);
void responses_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out);
void *responses_stream_write_begin(struct translation *t, struct sl_buf *out);
void responses_stream_write(void *state, const struct neutral_event *e);
void responses_stream_write_end(void *state);
/* Instead of stream_write_end, at any time: response.failed, which is how clients of this format learn of it. */
void responses_stream_write_error(void *state, const struct error_facts *error);
extern const struct model_caps responses_caps[];

#endif
