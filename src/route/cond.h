/* Conditions of rules: what stands under `when:`, read once, asked for every request.
 *
 *   when: {task: [summarization, extraction], input_tokens: "> 50k", not: {tags.budget: low}}
 *
 * A section holds when all of its members hold; `all`, `any` and `not` combine. One flat array of nodes in prefix order, so that it is
 * copied and walked without pointers. Pure; immutable once read. */
#ifndef SLUICE_ROUTE_COND_H
#define SLUICE_ROUTE_COND_H

#include "base/arena.h"
#include "config/schema.h"
#include "route/facts.h"

#define COND_DEPTH_MAX 12u  /* all, any, not within each other: people lose the thread at three */
#define COND_NODES_MAX 512u /* of one condition */
#define COND_WORDS_MAX 256u /* of one list of words */

/* X(id, name, type) */
#define COND_FACTS(X)                                                                                                  \
    X(TASK, "task", WORDS)                                                                                             \
    X(INPUT_TOKENS, "input_tokens", NUMBER)                                                                            \
    X(OUTPUT_TOKENS, "output_tokens", NUMBER)                                                                          \
    X(MODALITY, "modality", MODES)                                                                                     \
    X(TOOLS, "tools", FLAG)                                                                                            \
    X(STRUCTURED_OUTPUT, "structured_output", FLAG)                                                                    \
    X(STREAM, "stream", FLAG)                                                                                          \
    X(ZERO_RETENTION, "zero_retention", FLAG)                                                                          \
    X(MODEL, "model", WORDS)                                                                                           \
    X(OPERATION, "operation", WORDS)                                                                                   \
    X(DIALECT, "dialect", WORDS)                                                                                       \
    X(TENANT, "tenant", WORDS)                                                                                         \
    X(TEAM, "team", WORDS)                                                                                             \
    X(USER, "user", WORDS)                                                                                             \
    X(KEY, "key", WORDS)                                                                                               \
    X(REGION, "region", WORDS)                                                                                         \
    X(BUDGET_USED, "budget_used", PERCENT)                                                                             \
    X(TAGS, "tags", NAMED)                                                                                             \
    X(KEY_TAGS, "key_tags", NAMED)                                                                                     \
    X(HEADERS, "headers", NAMED)                                                                                       \
    X(TIME, "time", TIME)                                                                                              \
    X(DAYS, "days", DAYS)                                                                                              \
    X(HEALTH, "health", HEALTH)

enum cond_fact {
#define X(id, ...) COND_##id,
    COND_FACTS(X)
#undef X
    COND_FACT_COUNT
};

enum cond_kind {
    COND_ALL = 0,
    COND_ANY,
    COND_NOT, /* one child */
    COND_TEST
};

struct cond_word {
    struct sl_str text; /* without the '*' */
    bool any_before, any_behind;
};

struct cond_node {
    uint8_t kind;  /* enum cond_kind */
    uint8_t fact;  /* TEST: enum cond_fact */
    uint16_t next; /* index of what follows its subtree */
    uint16_t n_words;
    int16_t zone_min;              /* TIME, DAYS: minutes east of Greenwich */
    const struct cond_word *words; /* WORDS, NAMED: one of them must match */
    struct sl_str name;            /* NAMED: of the tag or header; HEALTH: the target as written */
    uint32_t target;               /* HEALTH: its index, once the policy is built */
    /* NUMBER: both ends belong to it. PERCENT: in thousandths. FLAG: low is 0 or 1. MODES, DAYS (bit 0: Monday): a mask in low. TIME:
     * minutes of the day, high excluded; low > high: over midnight. HEALTH: the least enum route_state. */
    uint64_t low, high;
};

struct route_cond {
    struct cond_node *v;
    uint32_t n; /* 0: holds always */
};

/* What a rule asked about, as a plan wants it. */
struct cond_ask {
    struct sl_str model; /* the name asked for */
    const struct route_facts *facts;
    route_view_f *view; /* may be NULL */
    const void *view_arg;
};
bool cond_holds(const struct route_cond *c, const struct cond_ask *ask);
bool cond_test_holds(const struct cond_node *n, const struct cond_ask *ask); /* of kind COND_TEST */

/* -- Reading -------------------------------------------------------------------------------------------------------- */

/* Where findings go. `at`: the part of the tree; texts live as long as the call. */
typedef void cond_found_f(void *arg, bool is_error, const struct cfg_value *at, const char *todo, const char *text);
struct cond_reader {
    struct sl_arena *a; /* conditions live in it */
    cond_found_f *found;
    void *arg;
    bool failed; /* an error was found */
};
void cond_found(struct cond_reader *r, bool is_error, const struct cfg_value *at, const char *todo, const char *format,
                ...) SL_PRINTF(5, 6);

/* Reads a condition; false: it has errors, all of which were told. Strings of it are views of the tree. */
bool cond_read(struct cond_reader *r, const struct cfg_value *v, struct route_cond *out);

/* cond_logic.c: whether a request could meet `held` (NULL: any does) and none of the n `denied`. Also true when in doubt. */
bool cond_may_hold(const struct route_cond *held, const struct route_cond *const *denied, uint32_t n,
                   struct sl_arena *a);

const char *cond_fact_name(enum cond_fact f);

#endif
