/* The policy as built; inside route/ only. Everything is in the policy's arena and immutable once built. */
#ifndef SLUICE_ROUTE_ROUTE_INT_H
#define SLUICE_ROUTE_ROUTE_INT_H

#include "route/plan.h"

#include "base/map.h"

struct route_provider {
    struct sl_str name;
    uint32_t index;
    bool direct, open_models;
    struct sl_str open_prefix;
    struct sl_str *models;
    size_t n_models;
};

struct route_target {
    const struct route_provider *provider;
    struct sl_str model;
};

struct route_name { /* a configured model or an alias */
    struct sl_str name;
    const struct route_target *targets;
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
};

/* "provider/model" with a provider that is there, whether or not it may be asked so. */
bool route_split(const struct route_policy *p, struct sl_str name, struct route_target *out);

#endif
