/* Tools that the provider runs, as other formats tell of them, as items of this one. Inside this folder only. */
#ifndef SLUICE_DIALECT_OPENAI_RESPONSES_HOSTED_H
#define SLUICE_DIALECT_OPENAI_RESPONSES_HOSTED_H

#include "dialect/openai_responses/answer_writing.h"

/* NE_HOSTED. What is of no kind that we know is left out: the client did not ask for it by this name. */
void hosted_take(struct answer_writing *s, const struct neutral_event *e);

/* stream_write.c: items come into the list, are announced, go on and are done. */
struct output_item *output_item_new(struct answer_writing *s, enum output_kind kind);
struct output_part *output_part_new(struct answer_writing *s, struct output_item *item);
void output_item_announce(struct answer_writing *s, const struct output_item *item);
void output_item_progress(struct answer_writing *s, const struct output_item *item, const char *type);
void output_item_close(struct answer_writing *s, struct output_item *item);
void output_close_open(struct answer_writing *s);

#endif
