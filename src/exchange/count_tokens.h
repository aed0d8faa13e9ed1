/* How many tokens a request has, counted here: exactly where the model's vocabulary is public, else as an estimate (tokens/model.h
 * says how good). For requests that only ask for the count, for usage that a provider does not report, and where routing or a budget
 * hangs on it (docs/internals/tokens.md). Pure. */
#ifndef SLUICE_EXCHANGE_COUNT_TOKENS_H
#define SLUICE_EXCHANGE_COUNT_TOKENS_H

#include "dialect/dialect.h"
#include "dialect/json_tree.h"
#include "dialect/neutral.h"
#include "dialect/told.h"
#include "tokens/meter.h"

#define COUNT_BODY_MAX (4u << 20)            /* a larger one is estimated */
#define COUNT_ASKED_BYTES ((size_t)64 << 10) /* 0.5 ms: so much is counted of a longer text, in front of a request */

/* set: NULL: no vocabulary is there. model: plain; a provider's name, or any. every: 1: all of the text is counted; else of a long one
 * only each so manieth KiB, which stands for those behind it. a: what is unescaped on the way. */
uint64_t count_request(const struct tokens_set *set, const struct neutral_request *n, struct sl_str model,
                       uint64_t every, struct sl_arena *a);
/* The same of an operation that is no conversation: its texts, and tokens that are given as numbers. */
uint64_t count_inputs(const struct tokens_set *set, const struct json_tree *body, struct sl_str model,
                      struct sl_arena *a);

/* What was told; it stands for all `bytes` of it. Nothing is told, or told is NULL: by bytes, and at least one for each event. */
uint64_t count_told(const struct tokens_set *set, const struct told *told, uint64_t bytes, uint64_t events,
                    struct sl_str model);

/* Without looking at the text: four bytes a token. */
uint64_t count_by_bytes(enum operation op, const struct request_facts *facts, struct sl_str body);

/* A request of any operation. */
struct count_from { /* borrowed */
    enum operation op;
    struct sl_str body;
    const struct request_facts *facts;                     /* of the body */
    uint64_t by_bytes;                                     /* what stands for it where no text of it is known */
    const struct json_tree *tree;                          /* of the body; NULL: it is read when it is needed */
    const struct neutral_request *(*neutral)(void *owner); /* the same, asked for; it gives NULL: it cannot be read */
    void *owner;
};
/* Its texts by the vocabulary; what is no JSON with texts in it (videos, forms), or over COUNT_BODY_MAX, by bytes. text_bytes: so much of
 * a longer conversation is looked at. */
uint64_t count_asked(const struct tokens_set *set, const struct count_from *f, struct sl_str model, size_t text_bytes,
                     struct sl_arena *a);

#endif
