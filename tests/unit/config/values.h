/* For the tests of this folder: an environment of their own, and findings as text. */
#ifndef SLUICE_TESTS_UNIT_CONFIG_VALUES_H
#define SLUICE_TESTS_UNIT_CONFIG_VALUES_H

#include <string.h>

#include "config/config.h"

/* {"NAME", "value", ..., NULL} as an environment. */
static inline const char *env_of(void *arg, const char *name)
{
    for (const char *const *at = arg; at != NULL && at[0] != NULL; at += 2)
        if (strcmp(at[0], name) == 0)
            return at[1];
    return NULL;
}

/* All findings, a line each; *b is initialised here and released by the caller. */
static inline const char *report_lines(const struct cfg_report *r, struct sl_buf *b)
{
    sl_buf_init(b, 1 << 20);
    cfg_report_text(r, b);
    sl_buf_addc(b, 0);
    return b->p;
}

#endif
