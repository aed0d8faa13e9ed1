/* Between settings.c (third pass) and settings_load.c (where the text comes from). */
#ifndef SLUICE_MAIN_SETTINGS_INT_H
#define SLUICE_MAIN_SETTINGS_INT_H

#include "main/settings.h"

/* The third pass: cross-references, what depends on several settings, what is filled in. Findings go to c's report. */
void settings_resolve(struct settings *s, struct cfg *c);

/* settings_load with one more look at what was read, before it is judged: at the files it names (settings_files.c), which
 * readers of text alone do without. */
typedef void settings_look_f(struct settings *s, struct cfg *c);
struct settings *settings_load_with(const char *path, struct cfg_report *report, settings_look_f *look);

#endif
