/* What a call consumed: token counts by class, and counts of other units. Plain data; see usage.c for how a provider's report becomes disjoint. */
#ifndef SLUICE_LEDGER_USAGE_H
#define SLUICE_LEDGER_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "telemetry/token_class.h"

enum usage_flag {
    USAGE_REPORTED = 1u << 0,       /* the provider's own count */
    USAGE_ESTIMATED = 1u << 1,      /* at least one class is our estimate */
    USAGE_PARTIAL = 1u << 2,        /* the answer was cut: more may have been generated than is counted here */
    USAGE_UNKNOWN_FIELDS = 1u << 3, /* the report had members that we do not know: there may be something unbooked */
    USAGE_INCONSISTENT = 1u << 4,   /* the report contradicted itself; counts were clamped so that none is negative */
    USAGE_IMPLAUSIBLE = 1u << 5     /* a count over USAGE_TOKENS_MAX: not believed, all counts are 0, not REPORTED */
};

/* No call known in 2026 comes near (the largest contexts are about 10^7 tokens); a count above it is a broken or
 * hostile provider and must not eat a tenant's budget. */
#define USAGE_TOKENS_MAX UINT64_C(10000000000)

struct usage {
    union {
        struct { /* disjoint; names and order of TOKEN_CLASSES */
#define X(id, name, side) uint64_t name;
            TOKEN_CLASSES(X)
#undef X
        };
        uint64_t by_class[TOKEN_CLASS_COUNT]; /* the same, indexed by enum token_class */
    };
    union {
        struct { /* names and order of USAGE_UNITS */
#define X(id, name, side) uint64_t name;
            USAGE_UNITS(X)
#undef X
        };
        uint64_t by_unit[USAGE_UNIT_COUNT]; /* the same, indexed by enum usage_unit */
    };
    uint32_t flags; /* enum usage_flag */
};

/* Counts as an OpenAI-shaped report gives them: overlapping. Members that were absent are 0. Works for chat,
 * completions, embeddings (prompt and total only), and for Responses with its other names. */
struct usage_openai {
    uint64_t prompt;                                          /* prompt_tokens / input_tokens: the whole input */
    uint64_t completion;                                      /* completion_tokens / output_tokens: the whole output */
    uint64_t total;                                           /* total_tokens; 0: not said */
    uint64_t cached, cache_write, audio_prompt, image_prompt; /* within prompt */
    uint64_t reasoning, audio_completion, image_completion;   /* within completion */
    bool reasoning_outside; /* vendors (xAI) that count reasoning beside completion instead of within */
    bool unknown_fields;    /* there were members beyond these: passed on as USAGE_UNKNOWN_FIELDS */
};

/* Makes the classes disjoint: cached, cache_write, audio, image are taken out of prompt; reasoning, audio, image out of
 * completion (openai.md section 22). Where the subsets exceed their whole they are clamped in that order, so that
 * input side and output side still sum to what the provider called the whole, and USAGE_INCONSISTENT is set; so it is
 * when total is said and is not prompt + completion. Pure. */
struct usage usage_from_openai(const struct usage_openai *r);

/* Sums; all saturate at UINT64_MAX. */
uint64_t usage_input_total(const struct usage *u);  /* all classes of the input side: what tiers are chosen by */
uint64_t usage_output_total(const struct usage *u); /* all classes of the output side, reasoning included */
uint64_t usage_total(const struct usage *u);
void usage_add(struct usage *to,
               const struct usage *more);         /* class by class, unit by unit; flags are joined; saturation sets
                                                               USAGE_INCONSISTENT */
bool usage_has_units(const struct usage *u);      /* any unit is not 0 */
const char *token_class_name(enum token_class c); /* "input", "cache_read", ... */
const char *usage_unit_name(enum usage_unit i);   /* "images_in", ... */

#endif
