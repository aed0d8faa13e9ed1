/* The settings under `models` and `routes`: the names clients ask for, the targets behind each, and the rules that choose. Immutable. */
#ifndef SLUICE_ROUTE_SETTINGS_H
#define SLUICE_ROUTE_SETTINGS_H

#include "config/schema.h"
#include "route/rules.h"

#define ROUTE_TARGETS_MAX 32 /* as many as a plan holds (route/plan.h) */
#define ROUTE_NAME_MAX 200   /* bytes of a model's name */

struct provider_settings;

struct target_settings {
    struct sl_str to;               /* "provider/model" as written */
    struct cfg_tree when;           /* a condition, or the word degraded or down */
    uint32_t weight, percent, tier; /* percent 0: none */
    /* Filled by the third pass. */
    const struct provider_settings *provider; /* borrow (of the settings); never NULL once read */
    struct sl_str model;                      /* the provider's name for it */
};

struct model_settings {
    struct sl_str name;
    CFG_LIST_OF(struct target_settings) targets; /* at least one, or a route */
    CFG_LIST_OF(struct sl_str) aliases;
    enum route_order order;
    struct sl_str sticky, route;
    /* Filled by the third pass. */
    const struct route_group_spec *group; /* of the targets; NULL: a route */
};

struct rule_settings {
    /* Filled by the third pass. First, so that a finding about the rule is not one about its name. */
    const struct route_rule_spec *rule; /* never NULL once read */
    struct sl_str name;
    struct cfg_tree when, use;
    enum route_order order;
    struct sl_str sticky, script;
    unsigned then; /* 1: next */
};

enum route_rescue { /* as upstream's rescue_policy, one more */
    ROUTE_RESCUE_AS_ALL = 0,
    ROUTE_RESCUE_CONTINUE,
    ROUTE_RESCUE_RESTART,
    ROUTE_RESCUE_ERROR,
    ROUTE_RESCUE_HOLD
};
struct route_deadline_settings { /* 0: as for all */
    int64_t first_byte_ns, answer_ns, first_token_ns, thinking_ns, between_tokens_ns, total_ns;
};

struct route_settings {
    struct sl_str name;
    enum route_rescue rescue;
    struct route_deadline_settings deadline;
    CFG_LIST_OF(struct rule_settings) rules;
    bool on_request;
};

extern const struct cfg_section model_settings_section; /* of one model */
extern const struct cfg_section route_settings_section; /* of one route */

#endif
