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
struct stream_unended *responses_unended_new(struct sl_arena *a);
void responses_unended_see(struct stream_unended *s, struct sl_str data, const struct stream_event *e);
enum rest_says responses_unended_rest(struct sl_str rest);
struct sl_str responses_unended_write(struct stream_unended *s, const struct token_counts *usage, bool structured);

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
void *responses_stream_write_resume(struct translation *t, struct sl_buf *out, const struct told *told);
void responses_stream_write(void *state, const struct neutral_event *e);
void responses_stream_write_end(void *state);
/* Instead of stream_write_end, at any time: response.failed, which is how clients of this format learn of it. */
void responses_stream_write_error(void *state, const struct error_facts *error);
extern const struct model_caps responses_caps[];

/* -- State (items.c) ------------------------------------------------------------------------------------------------ */

/* For targets that keep no state the gateway keeps it: of each response the items of its input and of its output, as JSON arrays.
 * Who stores them does this with a request (all pure; the store is elsewhere):
 *
 *   responses_input_expand    the body with what was stored in front of its input: this is read by request_read, which
 *                             refuses what still refers to a store; then set previous_response_id of the neutral request, and
 *                             store to SAID_YES when this response will be kept: the response object says both again
 *   ... the attempt ...
 *   responses_input_items     of the expanded body: what GET /responses/{id}/input_items lists
 *
 * instructions are of one response and not handed on (openai.md 7.2). */

/* Gives the stored item of that id (plain) as JSON, or nothing. */
typedef struct sl_str responses_find_item(void *owner, struct sl_str id);

/* stored: JSON array of items, or empty. find: NULL: none is known. *out_body: in the arena, without previous_response_id and
 * conversation. False: *out_refusal says which item is not known, or what is wrong with the body. */
bool responses_input_expand(struct sl_str body, struct sl_str stored, responses_find_item *find, void *owner,
                            struct sl_arena *a, struct sl_str *out_body, struct request_refusal *out_refusal);

/* The items of a body's input as a JSON array, each with a type and an id ("msg_<id>_in0" where the client gave none; id: that of
 * the translation). False: there is no input that can be read. */
bool responses_input_items(struct sl_str body, struct sl_str id, struct sl_arena *a, struct sl_buf *out);
/* -- What is stored (stored.c) -------------------------------------------------------------------------------------- */

#define RESPONSE_ID_MAX 512u
/* Whether a text can be the id of a response or an item: [A-Za-z0-9_.:-], 1 to RESPONSE_ID_MAX bytes. */
bool responses_id_is(struct sl_str plain);

/* The response that an answer is: of a body, or of the last event of a stream. Views of `said` and the arena. */
struct responses_kept {
    struct sl_str object; /* raw */
    struct sl_str id;     /* plain */
    bool stored;          /* it does not say store: false */
    const struct sl_str *items;
    size_t n_items; /* ids of its output */
};
/* False: none that could be stored (no object, no id that may be one). */
bool responses_kept_read(struct sl_str said, struct sl_arena *a, struct responses_kept *out);

/* The id of a response whose answer has only begun; a view of `said`; empty: not there yet. */
struct sl_str responses_id_peek(struct sl_str said);

struct responses_turn {  /* of a conversation, oldest first */
    struct sl_str body;  /* the object */
    struct sl_str input; /* its own input items: JSON array */
};
/* What stands before the next input: input and output of all turns, without ids where an item can do without. Gives how many. */
uint32_t responses_turns_items(const struct responses_turn *turns, size_t n, struct sl_arena *a, struct sl_buf *out);
/* The items of all turns by their ids: responses_index_find is the responses_find_item of an index. */
struct responses_index;
struct responses_index *responses_index_new(const struct responses_turn *turns, size_t n, struct sl_arena *a);
struct sl_str responses_index_find(void *index, struct sl_str id);

/* GET input_items: of turns[n - 1] the input, of those before input and output. */
struct responses_page {
    uint64_t limit; /* 1 to 100 */
    bool ascending;
    struct sl_str after; /* plain; empty: from the start */
};
/* query: as in the URL. False: *out_refusal. */
bool responses_page_read(struct sl_str query, struct sl_arena *a, struct responses_page *out,
                         struct request_refusal *out_refusal);
/* False: there is no item `after`. */
bool responses_page_write(const struct responses_turn *turns, size_t n, const struct responses_page *page,
                          struct sl_arena *a, struct sl_buf *out);

/* The object with another status; message: not empty: an error with code server_error. False: it is no object. */
bool responses_object_as(struct sl_str object, struct sl_str status, struct sl_str message, struct sl_arena *a,
                         struct sl_buf *out);
bool responses_is_background(struct sl_str object, struct sl_arena *a);
/* The object of a run that has only begun. req: read from its body; id: as the translation's. */
void responses_queued_write(const struct neutral_request *req, struct sl_str id, int64_t created_s, struct sl_arena *a,
                            struct sl_buf *out);
void responses_deleted_write(struct sl_str id, struct sl_buf *out);
void responses_count_write(uint64_t tokens, struct sl_buf *out);

/* Ids of the items that input refers to ("item_reference"), in the arena; at most REFERENCES_MAX. */
#define REFERENCES_MAX 1000u
size_t responses_references(struct sl_str body, struct sl_arena *a, struct sl_str **out_ids);

#endif
