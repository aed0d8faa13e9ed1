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
    uint64_t estimate_input;      /* tokens, by bytes */
    uint64_t (*count)(void *arg); /* the same, counted: asked where the plan may turn on it; NULL: nobody counts */
    void *count_arg;
    route_view_f *view; /* NULL: nothing is known of the targets */
    const void *view_arg;
    route_script_f *script; /* NULL: scripts are passed over */
    void *script_arg;
    const struct spend_board *spend; /* NULL: nobody has a budget */
    int64_t wall_ns;
    uint64_t seed;
};

#define ASKING_SEEN 32u /* answers of each kind that are kept; a plan has no more candidates */

struct asking_view {
    uint32_t target;
    struct route_target_view view;
};
struct asking_cost {
    uint32_t provider;
    struct sl_str model;
    int64_t cost_p;
};
#define ASKING_CALLS 4u
struct asking_call {      /* of a script */
    struct sl_str *names; /* arena */
    int n;                /* -1: `why` */
    const char *why;
};
/* What was answered while the plan was made: with it, the same plan can be made again (asking_write, main/explain_replay.c). Each
 * list is taken from the arena with its first answer: most requests have a view or two and nothing else. */
struct asking_seen {
    struct asking_view *views;
    struct asking_cost *costs;
    struct route_tag *headers;
    struct sl_str *denied;
    struct asking_call calls[ASKING_CALLS];
    uint32_t n_calls;
    uint32_t n_views, n_costs, n_headers, n_denied;
};

struct asking { /* holds what `ask` points into: not to be moved */
    struct route_ask ask;
    struct route_facts facts;
    struct asking_from from;
    struct sl_arena *a;
    struct asking_seen *seen; /* arena; NULL: there is nothing worth keeping */
    char conversation[17];
};

/* Views of `from` are borrowed until the plan is made, and until asking_write where that follows. */
void asking_gather(const struct asking_from *from, struct sl_arena *a, struct asking *out);

/* Whether the record needs them: there are rules, or the state of a target mattered. */
bool asking_matters(const struct asking *q);
/* The facts and what was answered, as a JSON object without any text of the prompt: member `routing` of the access record. */
void asking_write(const struct asking *q, struct sl_buf *out);

/* Whether a grant (struct grant) has a model: the question of route_list. */
bool exchange_grants_model(const void *grant, struct sl_str model);

#endif
