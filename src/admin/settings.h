/* The settings under `admin`: the operators' port. Immutable. */
#ifndef SLUICE_ADMIN_SETTINGS_H
#define SLUICE_ADMIN_SETTINGS_H

#include "config/schema.h"

struct admin_settings {
    struct cfg_address address; /* text empty: off */
    struct sl_secret token;     /* n == 0: none; then only loopback may connect (checked) */
};

extern const struct cfg_section admin_settings_section;

#endif
