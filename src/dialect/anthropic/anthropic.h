/* Anthropic's Messages API: requests, answers, streams, errors, token counts; also as Bedrock and Vertex carry it. Sources:
 * anthropic.md (November 2026: SDK 1.11.0, the platform's documents of August 2026) and bedrock.md. MAP.md in this folder says
 * where each member goes. */
#ifndef SLUICE_DIALECT_ANTHROPIC_ANTHROPIC_H
#define SLUICE_DIALECT_ANTHROPIC_ANTHROPIC_H

#include "dialect/codec.h"
#include "dialect/json_tap.h"

extern const struct dialect anthropic_dialect;
extern const struct model_caps anthropic_caps[];

bool anthropic_request_decode(enum operation op, struct sl_str body, struct sl_arena *a,
                              struct request_facts *out_facts, struct request_refusal *out_refusal);
void anthropic_request_encode_same(const struct request_facts *f, struct sl_str body,
                                   const struct request_change *change, struct sl_arena *a, struct body_pieces *out);
/* Answers and error bodies: Anthropic's own, AWS' ({"message"}) and Google's ({"error":{"status"}}, also in an array). */
void anthropic_answer_decode(struct sl_str body, struct answer_facts *out);
/* The same from slices (dialect.h). */
struct anthropic_answer_watch {
    struct json_tap tap;
    struct json_tapped member[JSON_TAP_NAMES];
};
void anthropic_answer_watch_init(void *watch, struct sl_arena *a);
void anthropic_answer_watch_feed(void *watch, struct sl_str slice);
void anthropic_answer_watch_done(const void *watch, struct answer_facts *out);
/* With a memo the usage of an event is merged with what the events before it said. */
void anthropic_stream_watch(struct stream_memo *memo, struct sl_str event, struct sl_str data,
                            struct stream_event *out);

/* What can be sent to a model where the platform is not Anthropic's own: the flags of its row without those that the platform
 * refuses. platform: "bedrock", "vertex", else no change. */
uint32_t anthropic_flags(const struct model_caps *caps, struct sl_str model, struct sl_str platform);

/* The input schema of a tool; an empty one means an object without members. *out_wrapped: it is {"value": schema} now. What Bedrock's
 * Converse asks of schemas is the same. */
struct sl_str anthropic_schema_of_tool(struct sl_str schema, bool google, struct sl_arena *a, bool *out_wrapped);

/* The list of blocks of a message that was streamed, as its whole answer has it; in the arena. Empty: the events are not one whole
 * message with something in it. */
struct sl_str anthropic_blocks_of_events(struct sl_str events, struct sl_arena *a);

/* -- Usage -- */

/* A report as Anthropic makes it: counts that do not overlap. Pieces of a stream are merged, what a later one says counts. */
struct anthropic_usage {
    bool found, bad, unknown;
    uint64_t input, cache_read, cache_write, cache_write_5m, cache_write_1h, output, thinking;
    /* of usage.iterations, which the counts above leave out: compaction and advisors (anthropic.md 3.4) */
    uint64_t more_input, more_read, more_write, more_write_1h, more_output;
};
void anthropic_usage_merge(struct anthropic_usage *u, struct sl_str object); /* raw; not an object: nothing changes */
void anthropic_usage_counts(const struct anthropic_usage *u, struct token_counts *out);

/* -- Counting tokens -- */

void anthropic_count_answer_write(uint64_t tokens, struct sl_buf *out); /* {"input_tokens":N} */

/* Of an anthropic-beta header what Vertex AI takes; in the arena or static. */
struct sl_str anthropic_betas_for_vertex(struct sl_str header, struct sl_arena *a);

/* The body of a client that asks as Vertex AI is asked (the model in the path, the version in the body), as the Messages API has it: in
 * the arena, or the body as it is where nothing is to be done. */
struct sl_str anthropic_body_from_vertex(struct sl_str body, struct sl_str model, struct sl_arena *a);

#endif
