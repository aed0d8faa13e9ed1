/* What routing is asked with: the facts of a request gathered from body, headers, key and snapshot. Used by PLAN, and by what explains
 * plans without a request in flight (main/explain_plan.c). */
#ifndef SLUICE_EXCHANGE_ASKING_H
#define SLUICE_EXCHANGE_ASKING_H

#include "auth/key.h"
#include "dialect/dialect.h"
#include "exchange/env.h"

struct asking_from { /* all borrowed until the plan is made */
    const struct snapshot *snap;
    const struct price_catalog *prices; /* NULL: no price is known */
    const struct auth_key *key;         /* NULL: a key that may everything */
    const struct request_facts *facts;
    const struct operation_row *op;
    const struct dialect *dialect;
    struct sl_str body;
    const struct http_headers *headers;
    uint64_t estimate_input; /* tokens */
    int64_t wall_ns;
    uint64_t seed;
};

struct asking { /* holds what `ask` points into: not to be moved */
    struct route_ask ask;
    struct route_facts facts;
    const struct asking_from *from;
};

void asking_gather(const struct asking_from *from, struct sl_arena *a, struct asking *out);

#endif
