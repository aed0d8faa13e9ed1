/* The settings under `admin`: the operators' port. Immutable. */
#ifndef SLUICE_ADMIN_SETTINGS_H
#define SLUICE_ADMIN_SETTINGS_H

#include "config/schema.h"

struct admin_settings {
    struct cfg_address address; /* text empty: off */
    struct sl_secret token;     /* n == 0: none; then only loopback may connect (checked) */
};

struct drill_settings {
    bool live; /* `sluice drill --live` may let real attempts fail */
};

extern const struct cfg_section admin_settings_section, drill_settings_section;

#endif
