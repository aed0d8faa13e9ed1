/* Token counts without a tokeniser, for admission, reservations, and streams that were cut before they told. Never for
 * billing where the provider said. Rules and what they were compared with stand in estimate.c. Pure. */
#ifndef SLUICE_TOKENS_ESTIMATE_H
#define SLUICE_TOKENS_ESTIMATE_H

#include <stdint.h>

#include "base/str.h"

/* Of a request: bytes of its JSON (messages and tools, or prompt, or input). */
uint64_t tokens_estimate_input(uint64_t json_bytes, uint32_t messages);
/* The same, having looked at the text: better where it is not English. Reads an eighth of a long one and scales up. */
uint64_t tokens_estimate_text(struct sl_str json);
/* Of model output, from the bytes of its deltas; at least one token per event that had content. */
uint64_t tokens_estimate_output(uint64_t json_bytes, uint64_t events);

#endif
