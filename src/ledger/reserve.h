/* What an attempt may cost, before it is made: for budgets, and for the open record, so that an attempt that never gets
 * its close is still worth something. An upper bound as far as the facts allow. Pure. */
#ifndef SLUICE_LEDGER_RESERVE_H
#define SLUICE_LEDGER_RESERVE_H

#include <stdint.h>

#include "ledger/price.h"
#include "ledger/usage.h"

/* Assumed where neither the client nor the catalogue bounds the output: what large models write at most (2026). */
#define RESERVE_OUTPUT_DEFAULT UINT64_C(131072)

/* Tokens of one generated image where its model is priced by tokens alone: what the largest take (2026). */
#define RESERVE_IMAGE_TOKENS UINT64_C(16384)

/* No prompt below that is written to a cache by any vendor (2026); a longer one may be where writing has a price of its own. */
#define RESERVE_CACHED_LEAST UINT64_C(1024)

struct reserve_facts {
    const struct price *price; /* borrow; NULL: not known */
    struct price_terms terms;
    uint64_t input_tokens;        /* estimate of the whole prompt (tokens/) */
    uint64_t max_output;          /* per answer, as the client asked; 0: did not say */
    uint64_t answers;             /* n or best_of, times prompts; 0 counts as 1 */
    bool no_output;               /* the operation generates no text: embeddings, images, speech */
    const struct usage *expected; /* borrow; units (by_unit alone) that the request asks for; NULL: none */
};

struct reservation {
    struct usage usage; /* ESTIMATED */
    struct cost cost;   /* flags as price_of gives them; UNPRICED is not free */
};

struct reservation reserve_estimate(const struct reserve_facts *f);

#endif
