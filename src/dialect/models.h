/* GET /models in the shapes that clients ask for on one path: OpenAI's (openai.md 17, with OpenRouter's context_length, pricing,
 * architecture and supported_parameters), Anthropic's (anthropic.md 8), Gemini's (gemini.md 11.2), Codex's catalogue (clients.md
 * 2.2) and LiteLLM's /model/info (clients.md 3.3). November 2026. `pricing` (OpenRouter's) stands in all of the first four: clients
 * that do not know the member pass over it. Pure. */
#ifndef SLUICE_DIALECT_MODELS_H
#define SLUICE_DIALECT_MODELS_H

#include "base/buf.h"
#include "dialect/caps.h"
#include "dialect/operation.h"

struct model_row {
    struct sl_str id, owned_by; /* plain */
    int64_t created_s;
    uint64_t context, max_output;                           /* tokens; 0: not known */
    int64_t input_p, output_p, cache_read_p, cache_write_p; /* 10^-12 USD a token; -1: not known */
    const struct model_caps *caps;                          /* of its first target; NULL: nothing is known; borrow */
    bool claude;                                            /* whose provider speaks Messages itself */
};

/* The whole body. Rows in the order to show. */
void models_list(enum models_shape shape, struct sl_buf *to, const struct model_row *rows, size_t n);
void models_object(enum models_shape shape, struct sl_buf *to, const struct model_row *row);

#endif
