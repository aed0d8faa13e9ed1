/* The OpenAI format of chat completions, completions and embeddings, which share requests' frame, errors, usage and
 * streams. Sources: openai.md sections 2, 6, 9, 10, 17, 22 (OpenAPI document 2.3.0, November 2026). MAP.md in this folder
 * says where each member goes. */
#ifndef SLUICE_DIALECT_OPENAI_CHAT_OPENAI_CHAT_H
#define SLUICE_DIALECT_OPENAI_CHAT_OPENAI_CHAT_H

#include "base/buf.h"
#include "dialect/dialect.h"
#include "dialect/json_tap.h"

extern const struct dialect openai_chat_dialect;

bool openai_request_decode(enum operation op, struct sl_str body, struct sl_arena *a, struct request_facts *out_facts,
                           struct request_refusal *out_refusal);
void openai_request_encode_same(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                                struct sl_arena *a, struct body_pieces *out);
void openai_answer_decode(struct sl_str body, struct answer_facts *out);
void openai_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out);

/* The same facts from an answer that passes in slices and is not kept (content_bytes counts choices without blanks). `valid`
 * says only that one object came with its brackets closed. The views in the facts live as long as the arena. */
#define OPENAI_USAGE_MAX 4096u /* bytes of a usage object; those of 2026 are below 700 */
#define OPENAI_ERROR_MAX 8192u
struct openai_answer_watch {
    struct json_tap tap;
    struct json_tapped member[JSON_TAP_NAMES];
};
/* watch: a struct openai_answer_watch; untyped for the seam (dialect.h). */
void openai_answer_watch_init(void *watch, struct sl_arena *a);
void openai_answer_watch_feed(void *watch, struct sl_str slice);
void openai_answer_watch_done(const void *watch, struct answer_facts *out);

/* Reads a usage object (its raw bytes, strictly). Not an object or not JSON: found is false. */
void openai_usage_read(struct sl_str object, struct token_counts *out);
/* Reads the value of an "error" member (not null): an object, or a text. Looks only, checks nothing. */
void openai_error_read(struct sl_str value, struct answer_error *out);

#endif
