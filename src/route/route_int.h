/* The policy as built; inside route/ only. Everything is in the policy's arena and immutable once built. */
#ifndef SLUICE_ROUTE_ROUTE_INT_H
#define SLUICE_ROUTE_ROUTE_INT_H

#include "route/plan.h"

#include "base/map.h"

struct route_target;

struct route_provider {
    struct sl_str name;
    uint32_t index;
    bool direct, open_models;
    struct sl_str open_prefix;
    struct sl_str *models;
    size_t n_models;
    struct sl_map targets;     /* model -> struct route_target; own */
    struct route_target *rest; /* the catch-all */
};

struct route_target {
    const struct route_provider *provider;
    struct sl_str model; /* empty: the provider's catch-all */
    uint32_t index;      /* route_policy_target */
};

struct route_name { /* a configured model or an alias */
    struct sl_str name;
    const struct route_target **targets;
    size_t n_targets;
};

struct route_policy {
    struct sl_arena arena;
    struct sl_map names;            /* -> struct route_name */
    struct sl_map provider_by_name; /* -> struct route_provider */
    struct route_provider *providers;
    size_t n_providers;
    struct route_listed *listed; /* by id */
    size_t n_listed;
    struct route_target **targets; /* by index; the last n_providers are the catch-alls */
    uint32_t n_targets;
};

/* "provider/model" with a provider that is there, whether or not it may be asked so. index: its own, or the catch-all's. */
bool route_split(const struct route_policy *p, struct sl_str name, struct route_target *out);

#endif
