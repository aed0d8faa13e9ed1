/* What a provider's prompt cache knows. Two kinds, one table that forgets by being overwritten: chains of blocks, for caches that
 * work by themselves (OpenAI, Gemini), and marks, for caches with breakpoints (Anthropic, Bedrock). Inside sim/ only. */
#ifndef SLUICE_SIM_PREFIX_H
#define SLUICE_SIM_PREFIX_H

#include "base/str.h"

struct sim;

#define SIM_STEP_TOKENS 128u
#define SIM_STEP_BYTES (SIM_STEP_TOKENS * 4u)
#define SIM_CACHE_LEAST 1024u /* tokens of a prefix that is worth it */

struct sim_chain {
    uint64_t hash;
    char block[SIM_STEP_BYTES];
    size_t n;
    uint32_t steps, known; /* whole blocks so far; of them known without a gap */
    struct sim *sim;
};

void sim_chain_begin(struct sim_chain *ch, struct sim *s, struct sl_str model, struct sl_str key);
void sim_chain_add(struct sim_chain *ch, struct sl_str s);
/* Of a prompt with that many tokens, how many were seen before: steps of 128, at least 1024 or none. */
uint32_t sim_chain_cached(const struct sim_chain *ch, uint32_t prompt_tokens);

#define SIM_MARKS_BACK 20u /* blocks that are looked back over from a breakpoint: anthropic.md 2.5 */
#define SIM_MARKS_MAX 4u

struct sim_mark_at {
    uint64_t hash;
    uint32_t tokens;
};

struct sim_marks {
    uint64_t hash;
    struct sim *sim;
    struct sim_mark_at ring[SIM_MARKS_BACK + 1]; /* the last blocks */
    unsigned n_blocks;
    struct sim_mark_at marks[SIM_MARKS_MAX];
    bool hour[SIM_MARKS_MAX];
    unsigned n_marks;
    uint32_t read; /* tokens of the longest known prefix that ends at a looked-at block */
};

void sim_marks_begin(struct sim_marks *m, struct sim *s, struct sl_str model);
void sim_marks_add(struct sim_marks *m, struct sl_str content);    /* of the block that comes */
void sim_marks_block(struct sim_marks *m, uint32_t tokens_so_far); /* it ends here */
void sim_marks_break(struct sim_marks *m, bool hour); /* a breakpoint at the block that ended; one too many: ignored */
/* Remembers the breakpoints. Disjoint: read from the cache, written to it for 5 minutes, for an hour. */
void sim_marks_settle(struct sim_marks *m, uint32_t *out_read, uint32_t *out_5m, uint32_t *out_1h);

#endif
