/* What all wire formats can say about a call, in plain values: facts of a request, counts of a usage report. The full neutral
 * form through which formats are translated joins here with the first translated format.
 *
 * No functions, no owners: views point into the request body, the answer or the arena they were read with. */
#ifndef SLUICE_DIALECT_NEUTRAL_H
#define SLUICE_DIALECT_NEUTRAL_H

#include <stdint.h>

#include "base/str.h"

enum said {
    SAID_NOTHING = 0,
    SAID_NO,
    SAID_YES
}; /* a boolean that may be absent (or null) */

#define MODEL_NAME_MAX 256u /* bytes; names in use are below 100 */
#define MODELS_LIST_MAX 16u /* names in `models`: a plan longer than that is no plan */
#define HINT_TEXT_MAX 128u  /* bytes of `task` and `route` */

/* Wishes to the gateway: members of the body or x-sluice-* headers. They never reach a provider. */
struct request_hints {
    struct sl_str task;          /* empty: not said */
    struct sl_str route;         /* empty: not said */
    struct sl_str tags;          /* x-sluice-tags as sent; empty: not said */
    enum said fallback;          /* SAID_NO: exactly the first target */
    const struct sl_str *models; /* names to try, in order, behind `model` */
    uint32_t n_models;
};

enum modality {
    MODALITY_AUDIO_OUT = 1 << 0
}; /* what is cheap to know from the top-level members */

/* Token counts as a provider reported them: overlapping, not yet believed. Subsets are within prompt or completion where the
 * provider is OpenAI; ledger/ makes them disjoint. Members that were absent are 0. */
struct token_counts {
    bool found;          /* there was a report (an object) */
    bool bad;            /* at least one count was no count (negative, fraction, text): it is 0 here */
    bool unknown;        /* there were members that we do not know */
    uint64_t prompt;     /* prompt_tokens, input_tokens */
    uint64_t completion; /* completion_tokens, output_tokens */
    uint64_t total;      /* 0: not said */
    uint64_t cached, cache_write, audio_prompt, image_prompt;
    uint64_t reasoning, audio_completion, image_completion;
    uint64_t prediction_accepted, prediction_rejected; /* within completion */
};

#endif
