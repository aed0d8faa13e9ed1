/* What a provider's headers say of its limits: how much there is, how much is left, when it is whole again. Sources: openai.md section 3,
 * anthropic.md 1.5 and 10, openai-compatible.md (Azure, Groq, Mistral, Together, Cerebras); November 2026. Pure. */
#ifndef SLUICE_PROVIDER_LIMITS_H
#define SLUICE_PROVIDER_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/message.h"

enum provider_limit_id {
    LIMIT_REQUESTS = 0,
    LIMIT_REQUESTS_DAY,
    LIMIT_TOKENS, /* input, and the most that may be answered: counted when a request comes */
    LIMIT_TOKENS_DAY,
    LIMIT_PROJECT_TOKENS,
    LIMIT_INPUT, /* input tokens */
    LIMIT_OUTPUT,
    LIMIT_COUNT
};

struct provider_limit {
    int64_t limit, remaining; /* 0 <= remaining <= limit, limit > 0 */
    int64_t reset_ns;         /* until it is whole again; -1: not said */
};
struct provider_limits {
    unsigned
        known; /* bits by enum provider_limit_id: the others were not told, or not so that they could be believed */
    struct provider_limit by[LIMIT_COUNT];
};

/* Of an answer's head. A value that is no whole number, is negative or beyond 10^15, a limit of 0, more left than there is, and two values
 * for one thing: not believed. A reset in no known form counts as not said. False: nothing is known. */
bool provider_limits_read(const struct http_headers *h, int64_t now_wall_ns, struct provider_limits *out);

#endif
