/* What the files of this folder share. */
#ifndef SLUICE_DIALECT_ANTHROPIC_ANTHROPIC_INT_H
#define SLUICE_DIALECT_ANTHROPIC_ANTHROPIC_INT_H

#include "dialect/anthropic/anthropic.h"
#include "dialect/json_peek.h"
#include "dialect/json_tree.h"
#include "dialect/json_write.h"

/* The value of an "error" member: an object (Anthropic's or Google's), or a text. Looks only, checks nothing. */
void anthropic_error_read(struct sl_str value, struct answer_error *out);

/* -- The codec's functions, one file each -- */

bool anthropic_request_read(enum operation op, struct sl_str body, struct sl_arena *a, struct neutral_request *out,
                            struct request_refusal *out_refusal);
bool anthropic_request_write(struct translation *t, struct sl_buf *out, struct request_refusal *out_refusal);
bool anthropic_answer_read(struct translation *t, struct sl_str body, const struct neutral_sink *to);
void *anthropic_stream_read_begin(struct translation *t);
bool anthropic_stream_read(void *state, struct sl_str event, struct sl_str data, const struct neutral_sink *to);
bool anthropic_stream_read_end(void *state, const struct neutral_sink *to);
void anthropic_answer_write(struct translation *t, const struct neutral_answer *answer, struct sl_buf *out);
void *anthropic_stream_write_begin(struct translation *t, struct sl_buf *out);
void anthropic_stream_write(void *state, const struct neutral_event *e);
void anthropic_stream_write_end(void *state);

#endif
