/* The policy as built; inside route/ only. Everything is in the policy's arena and immutable once built. */
#ifndef SLUICE_ROUTE_ROUTE_INT_H
#define SLUICE_ROUTE_ROUTE_INT_H

#include "base/map.h"
#include "route/plan.h"
#include "route/rules.h"

struct route_target;

struct route_provider {
    struct sl_str name;
    uint32_t index;
    bool direct, open_models, zero_retention;
    struct sl_str open_prefix, region;
    struct sl_str *models;
    size_t n_models;
    struct sl_map targets;     /* model -> struct route_target; own */
    struct route_target *rest; /* the catch-all */
};

struct route_target {
    const struct route_provider *provider;
    struct sl_str model; /* empty: the provider's catch-all */
    uint32_t index;      /* route_policy_target */
    struct route_caps caps;
};

struct route_group;
struct route_rules;

struct route_entry { /* one of the three is set */
    const struct route_target *target;
    const struct route_group *group;
    const struct route_rules *rules;
    struct route_cond when;
    enum route_reserve reserve;
    uint32_t weight;
    uint16_t tier;
};

struct route_group {
    enum route_order order;
    enum route_sticky sticky;
    struct sl_str sticky_name;
    bool exact, plain; /* plain: ordered targets without anything else */
    struct route_entry *entries;
    uint32_t n;
    uint16_t reserve_tier; /* behind all tiers of its entries */
    uint64_t salt;         /* of its draws: from names, so that other parts of the configuration may change */
};

struct route_rule {
    struct route_rule_told told;
    struct route_cond when;
    const struct route_group *group; /* NULL: the script */
    uint32_t script;                 /* index */
    bool falls_through;
};

struct route_rules {           /* a route */
    struct sl_str name, grant; /* grant: "route:NAME" */
    struct route_rule *v;
    uint32_t n;
    bool on_request;
};

struct route_name { /* a configured model or an alias: one of the two */
    struct sl_str name;
    const struct route_group *group;
    const struct route_rules *rules;
};

#define MARKS_MAX 64u /* different ones; of more than that every size counts as near to one */

struct route_marks { /* sizes of input that a plan may turn on */
    uint64_t v[MARKS_MAX];
    uint32_t n;
};

struct route_policy {
    struct sl_arena arena;
    struct sl_map names;            /* -> struct route_name */
    struct sl_map routes;           /* -> struct route_rules */
    struct sl_map provider_by_name; /* -> struct route_provider */
    struct route_provider *providers;
    size_t n_providers;
    struct route_listed *listed; /* by id */
    size_t n_listed;
    struct route_target **targets; /* by index; the last n_providers are the catch-alls */
    uint32_t n_targets;
    struct sl_str *scripts; /* paths by index */
    uint32_t n_scripts;
    unsigned wants;                      /* enum route_wants */
    struct route_marks bounds, contexts; /* of input_tokens in conditions; of targets */
    bool has_rules;
    route_caps_f *caps;
    const void *caps_arg;
};

/* "provider/model" with a provider that is there, whether or not it may be asked so. index: its own, or the catch-all's. */
bool route_split(const struct route_policy *p, struct sl_str name, struct route_target *out);

/* What an input has at least: the count may be a quarter too high; then the provider's own word counts. */
static inline uint64_t plan_surely(uint64_t input_tokens)
{
    return input_tokens - input_tokens / 4;
}

/* -- Inside a plan ---------------------------------------------------------------------------------------------------- */

#define LEAVES_MAX 64u   /* places found before they are ordered; more are cut with an exclusion */
#define VISITS_MAX 2048u /* entries looked at for one plan, whatever the routes repeat */

struct leaf { /* a place */
    struct sl_str asked, model;
    const struct route_target *target;
    const struct route_rule_told *rule;
    const char *why;
    const struct route_terms *terms;
    struct route_target_view view; /* health and room are ROUTE_Q16 where nothing is known */
    uint32_t tier;
    uint8_t state;
    bool last_resort, too_long;
};

struct unit { /* the leaves of one entry while its group is ordered */
    const struct route_entry *entry;
    uint32_t from, n; /* in planning.seq */
    int64_t key, next_key;
    uint64_t tie;
};

struct planning {
    const struct route_policy *p;
    const struct route_ask *ask;
    const struct route_facts *facts;
    struct sl_arena *a;
    struct route_plan *plan;
    struct cond_ask conditions;
    struct sl_str asked;                /* the name that is planned */
    const struct route_rule_told *rule; /* that decides; NULL: none */
    struct leaf leaves[LEAVES_MAX];
    uint32_t n;
    uint8_t seq[LEAVES_MAX]; /* leaves in their order */
    uint32_t visits, depth;
    uint32_t excluded_cap;
    bool known;   /* some name asked for exists */
    bool allowed; /* ... and was granted */
    bool listed;  /* the name stands in `models` */
};

/* order.c: the units of a group in the order that it asks for. */
void plan_order(struct planning *g, const struct route_group *group, struct unit *units, uint32_t n);

#endif
