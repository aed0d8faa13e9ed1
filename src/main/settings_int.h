/* Between settings.c (third pass) and settings_load.c (where the text comes from). */
#ifndef SLUICE_MAIN_SETTINGS_INT_H
#define SLUICE_MAIN_SETTINGS_INT_H

#include "main/settings.h"

/* The third pass: cross-references, what depends on several settings, what is filled in. Findings go to c's report. */
void settings_resolve(struct settings *s, struct cfg *c);

#endif
