/* Google's generateContent, streamGenerateContent and countTokens, as the Gemini API and Vertex AI speak them. The model and whether
 * it streams are in the path. Sources: gemini.md, translate-gemini.md (November 2026). MAP.md in this folder says where each member
 * goes.
 *
 * Names are camelCase; Google's front end takes snake_case for every one of them, so all reading of requests does. */
#ifndef SLUICE_DIALECT_GEMINI_GEMINI_H
#define SLUICE_DIALECT_GEMINI_GEMINI_H

#include "dialect/codec.h"
#include "dialect/dialect.h"
#include "dialect/json_tap.h"
#include "dialect/json_tree.h"

extern const struct dialect gemini_dialect;
extern const struct model_caps gemini_caps[];

/* -- Bytes that pass (dialect.h) ----------------------------------------------------------------------------------- */

/* out_facts comes with model and stream set from the path. */
bool gemini_request_decode(enum operation op, struct sl_str body, struct sl_arena *a, struct request_facts *out_facts,
                           struct request_refusal *out_refusal);
void gemini_request_encode_same(const struct request_facts *f, struct sl_str body, const struct request_change *change,
                                struct sl_arena *a, struct body_pieces *out);
void gemini_answer_decode(struct sl_str body, struct answer_facts *out);
/* How many pictures an answer has, read in slices of any size; starts zeroed. Those inside of thoughts are not counted: nobody gets
 * them as an answer. */
#define GEMINI_PICTURE_DEPTH 7u
struct gemini_pictures {
    uint32_t count;
    uint32_t depth, on; /* brackets that are open; how many names from the root lead to a picture */
    bool in_string, escaped, value, picture, thought, thought_comes;
    uint8_t word_n;
    char word[24]; /* the last string's beginning: longer than the names that are looked for */
};
void gemini_pictures_feed(struct gemini_pictures *p, struct sl_str slice);

struct gemini_answer_watch {
    struct json_tap tap;
    struct gemini_pictures pictures;
    struct json_tapped member[JSON_TAP_NAMES];
};
void gemini_answer_watch_init(void *watch, struct sl_arena *a);
void gemini_answer_watch_feed(void *watch, struct sl_str slice);
void gemini_answer_watch_done(const void *watch, struct answer_facts *out);
/* Whether a finishReason, or a blockReason, says that what was asked for or made is not allowed. */
bool gemini_is_filter(struct sl_str reason);
void gemini_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data, struct stream_event *out);

/* -- Translation (codec.h) ------------------------------------------------------------------------------------------ */

/* out comes with model, stream and kind set from the path. */
bool gemini_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                         struct request_refusal *out_refusal);
bool gemini_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal);
bool gemini_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to);
void *gemini_stream_read_begin(struct translation *t);
bool gemini_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to);
bool gemini_stream_read_end(void *state, const struct neutral_sink *to);
void gemini_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out);
void *gemini_stream_write_begin(struct translation *t, struct sl_buf *out);
void *gemini_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told);
void gemini_stream_write(void *state, const struct neutral_event *e);
void gemini_stream_write_end(void *state);
void gemini_count_write(uint64_t tokens, struct sl_buf *out);

#endif
