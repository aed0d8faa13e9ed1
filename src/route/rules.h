/* Routes as they are written: rules in order, each with a condition and a group of targets. Read from the configuration's trees here,
 * resolved to targets by the policy (policy.c), asked by plans.
 *
 *   use: [openai/gpt-4o, {to: claude/claude-opus, when: degraded}, {use: [a/x, b/y], order: weighted, weight: 2}, {route: other}]
 */
#ifndef SLUICE_ROUTE_RULES_H
#define SLUICE_ROUTE_RULES_H

#include "route/cond.h"

#define ROUTE_GROUP_MAX 32u /* entries of one group: as many as a plan holds */
#define ROUTE_NEST_MAX 6u   /* groups, routes and models within each other */
#define ROUTE_WEIGHT_MAX 1000000u
#define ROUTE_TIERS_MAX 100u

enum route_order {
    ROUTE_ORDERED = 0,
    ROUTE_WEIGHTED,
    ROUTE_CHEAPEST,
    ROUTE_FASTEST,
    ROUTE_LEAST_BUSY,
    ROUTE_CACHE_AFFINE,
    ROUTE_SCORED
};
extern const struct cfg_word route_order_words[];

/* Whose draws are the same every time. */
enum route_sticky {
    ROUTE_STICKY_NOT = 0,
    ROUTE_STICKY_USER,
    ROUTE_STICKY_KEY,
    ROUTE_STICKY_TENANT,
    ROUTE_STICKY_CONVERSATION,
    ROUTE_STICKY_HEADER,
    ROUTE_STICKY_TAG
};

/* A target that is kept back until all before it in its group are so. */
enum route_reserve {
    ROUTE_RESERVE_NOT = 0,
    ROUTE_RESERVE_DEGRADED,
    ROUTE_RESERVE_DOWN
};

enum route_entry_kind {
    ROUTE_ENTRY_TARGET = 0, /* name: "provider/model" */
    ROUTE_ENTRY_MODEL,      /* name: of a configured model or alias: its targets or route */
    ROUTE_ENTRY_ROUTE,      /* name: of a route */
    ROUTE_ENTRY_GROUP
};

struct route_group_spec;

struct route_entry_spec {
    enum route_entry_kind kind;
    struct sl_str name;
    const struct route_group_spec *group;
    struct route_cond when;
    enum route_reserve reserve;
    uint32_t weight; /* at least 1 */
    uint16_t tier;
    const struct cfg_value *at; /* for findings; NULL: elsewhere */
};

struct route_group_spec {
    enum route_order order;
    enum route_sticky sticky;
    struct sl_str sticky_name; /* HEADER, TAG */
    bool exact;                /* percentages: draws do not look at health and room */
    const struct route_entry_spec *entries;
    uint32_t n;
};

struct route_rule_spec {
    struct sl_str name; /* empty: known by its number */
    struct route_cond when;
    const struct route_group_spec *group; /* NULL: script */
    struct sl_str script;                 /* path; empty: none */
    bool falls_through;                   /* the rules behind it that hold serve as further tiers */
};

/* Reads what stands under `use:`. In *out: the order and sticky that are set for it; the rest is given. `is_model`: whether a name without '/' (or with: a model's name may have one) is a configured model or
 * alias; may be NULL. False: errors were told. */
typedef bool route_is_model_f(const void *arg, struct sl_str name);
bool route_group_read(struct cond_reader *r, const struct cfg_value *v, route_is_model_f *is_model, const void *arg,
                      struct route_group_spec *out);
/* "user", "conversation", "header:x-device", "tag:shop". */
bool route_sticky_read(struct sl_str text, enum route_sticky *out, struct sl_str *out_name);
/* A target's `when:`: a condition, or the word degraded or down, or both as {health: degraded, ...}. */
bool route_when_read(struct cond_reader *r, const struct cfg_value *v, struct route_cond *out,
                     enum route_reserve *out_reserve);
/* What is wrong with a group as a whole: percentages that are not 100, an order that does not go with them. Sets its order. */
void route_group_check(struct cond_reader *r, const struct cfg_value *at, struct route_group_spec *g,
                       uint32_t n_percent, uint64_t percent_sum);

#endif
