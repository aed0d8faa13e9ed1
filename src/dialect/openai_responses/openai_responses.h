/* OpenAI's Responses API: requests made of items, answers made of items, streams of named events.
 * Sources: openai.md sections 7, 2.4, 2.5, 22; translate-openai-anthropic.md sections 8 to 13 and 15; translate-gemini.md 16
 * (OpenAPI document 2.3.0 and recorded traffic, November 2026). MAP.md in this folder says where each member goes. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_OPENAI_RESPONSES_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_OPENAI_RESPONSES_H

#include "dialect/codec.h"
#include "dialect/json_tap.h"

extern const struct dialect openai_responses_dialect;

/* -- struct dialect ------------------------------------------------------------------------------------------------- */

bool responses_request_decode(enum operation op, struct sl_str body, struct sl_arena *a,
                              struct request_facts *out_facts, struct request_refusal *out_refusal);
void responses_request_encode_same(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out);
void responses_answer_decode(struct sl_str body, struct answer_facts *out);
struct responses_answer_watch {
    struct json_tap tap;
    struct json_tapped member[JSON_TAP_NAMES];
};
void responses_answer_watch_init(void *watch, struct sl_arena *a);
void responses_answer_watch_feed(void *watch, struct sl_str slice);
void responses_answer_watch_done(const void *watch, struct answer_facts *out);
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

/* -- State (items.c) ------------------------------------------------------------------------------------------------ */

/* For targets that keep no state the gateway keeps it: of each response the items of its input and of its output, as JSON arrays.
 * Who stores them does this with a request (all pure; the store is elsewhere):
 *
 *   responses_state_read      does it refer to something stored?
 *   responses_input_expand    the body with what was stored in front of its input: this is read by request_read, which
 *                             refuses what still refers to a store; then set previous_response_id of the neutral request, and
 *                             store to SAID_YES when this response will be kept: the response object says both again
 *   ... the attempt ...
 *   responses_input_items     of the expanded body: what GET /responses/{id}/input_items lists
 *   responses_stream_items    or responses_output_items: what came
 *   responses_items_concat    both: what the next request that names this response is expanded with
 *
 * instructions are of one response and not handed on (openai.md 7.2). */

struct responses_state {
    struct sl_str previous;     /* plain; previous_response_id; empty: none */
    struct sl_str conversation; /* plain; its id; empty: none */
    bool references;            /* input has an item_reference */
    bool background;
    enum said store;
};
/* False: the body is no JSON object. */
bool responses_state_read(struct sl_str body, struct sl_arena *a, struct responses_state *out);

/* Gives the stored item of that id (plain) as JSON, or nothing. */
typedef struct sl_str responses_find_item(void *owner, struct sl_str id);

/* stored: JSON array of items, or empty. find: NULL: none is known. *out_body: in the arena, without previous_response_id and
 * conversation. False: *out_refusal says which item is not known, or what is wrong with the body. */
bool responses_input_expand(struct sl_str body, struct sl_str stored, responses_find_item *find, void *owner,
                            struct sl_arena *a, struct sl_str *out_body, struct request_refusal *out_refusal);

/* The items of a body's input as a JSON array, each with a type and an id ("msg_<id>_in0" where the client gave none; id: that of
 * the translation). False: there is no input that can be read. */
bool responses_input_items(struct sl_str body, struct sl_str id, struct sl_arena *a, struct sl_buf *out);
/* The items of an answer as a JSON array: of a whole one, or of the state of a stream writer behind stream_write_end. */
void responses_output_items(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out);
void responses_stream_items(void *state, struct sl_buf *out);
/* The response object of a stream that has ended, for GET /responses/{id}. */
void responses_stream_object(void *state, struct sl_buf *out);
/* Two JSON arrays as one. */
void responses_items_concat(struct sl_str first, struct sl_str second, struct sl_buf *out);

#endif
