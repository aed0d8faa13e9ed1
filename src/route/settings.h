/* The settings under `models`: the names clients ask for, and the ordered targets behind each. Immutable. */
#ifndef SLUICE_ROUTE_SETTINGS_H
#define SLUICE_ROUTE_SETTINGS_H

#include "config/schema.h"

#define ROUTE_TARGETS_MAX 32 /* as many as a plan holds (route/plan.h) */
#define ROUTE_NAME_MAX 200   /* bytes of a model's name */

struct provider_settings;

struct target_settings {
    struct sl_str to; /* "provider/model" as written */
    /* Filled by the third pass. */
    const struct provider_settings *provider; /* borrow (of the settings); never NULL once read */
    struct sl_str model;                      /* the provider's name for it */
};

struct model_settings {
    struct sl_str name;
    CFG_LIST_OF(struct target_settings) targets; /* at least one */
    CFG_LIST_OF(struct sl_str) aliases;
};

extern const struct cfg_section model_settings_section; /* of one model */

#endif
