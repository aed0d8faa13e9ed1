/* Plans without anything being sent: for `sluice explain --request` and `--id`, and for POST /api/explain of the admin port. */
#ifndef SLUICE_MAIN_EXPLAIN_PLAN_H
#define SLUICE_MAIN_EXPLAIN_PLAN_H

#include "exchange/asking.h"
#include "upstream/headroom.h"

#define EXPLAIN_BODY_MAX (64u << 20) /* bytes of a request that is explained */

struct explain_from { /* borrowed for the call */
    const struct snapshot *snap;
    const struct price_catalog *prices;
    const struct auth_key *key;      /* NULL: one that may everything */
    const struct tokens_set *tokens; /* vocabularies; NULL: counts are estimates */
    struct sl_str path;              /* what would be called: "/v1/chat/completions" */
    const struct http_headers *headers;
    int64_t wall_ns;
    uint64_t seed;
    route_view_f *view; /* NULL: nothing is known of the targets */
    const void *view_arg;
    struct headroom_need
        *need;              /* what view_arg asks for room for: filled before the first question; NULL: not wanted */
    route_script_f *script; /* NULL: scripts are off */
    void *script_arg;
    const struct spend_board *spend; /* NULL: nobody has a budget */
    const uint32_t *budget_permille; /* used of the tenant's; NULL: as the board has it */
};

struct explained { /* views are of the arena and what it was made from */
    struct request_facts facts;
    struct asking asking; /* not to be moved */
    enum route_verdict verdict;
    struct route_plan plan;
    const struct snapshot *snap;
};

/* The plan of a request whose body this is. False: it would be refused before it is planned; *out_why says why. */
bool explain_request(const struct explain_from *from, struct sl_str body, struct sl_arena *a, struct explained *out,
                     struct sl_str *out_why);
void explain_table(const struct explained *e, struct sl_buf *out);
void explain_json(const struct explained *e, struct sl_buf *out); /* one object, and a newline */

/* -- Again, from its access record (explain_replay.c) ---------------------------------------------------------------- */

struct replayed {
    struct route_plan plan;
    enum route_verdict verdict;
    bool same;                     /* the record's plan, place by place, with its reasons */
    bool same_config;              /* made by a configuration that is equal to this one */
    struct sl_str recorded_config; /* revision */
    struct sl_buf differences;     /* one a line; the caller's: sl_buf_done */
    struct sl_str model;
};
/* record: one line. False: it cannot be replayed (*out_why). Scripts are not run: what they gave then is in the record. */
bool explain_replay(const struct explain_from *from, struct sl_str record, struct sl_arena *a, struct replayed *out,
                    struct sl_str *out_why);
/* The plan alone, in the form of explain_table. */
void explain_places(const struct route_plan *p, struct sl_buf *out);

#endif
