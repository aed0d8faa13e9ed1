/* Between settings.c (third pass) and settings_load.c (where the text comes from). */
#ifndef SLUICE_MAIN_SETTINGS_INT_H
#define SLUICE_MAIN_SETTINGS_INT_H

#include "main/settings.h"

/* The third pass: cross-references, what depends on several settings, what is filled in. Findings go to c's report. */
void settings_resolve(struct settings *s, struct cfg *c);

/* ... of models' targets and of routes (settings_routes.c); after providers and the names of models. */
void settings_resolve_routes(struct settings *s, struct cfg *c);
/* "Did you mean ...?" of a target whose provider is not there. */
void settings_unknown_provider(const struct settings *s, struct cfg *c, const struct cfg_tree *tree,
                               const struct cfg_value *at, struct sl_str target);

/* ... of names in limits.priority (settings_names.c); last. */
void settings_check_priority(const struct settings *s, struct cfg *c);
/* The same of keys and tenants, which the state directory has (settings_keys.c). Blocking. */
void settings_look_for_keys(const struct settings *s, struct cfg *c);

/* settings_load with one more look at what was read, before it is judged: at the files it names (settings_files.c), which
 * readers of text alone do without. */
typedef void settings_look_f(struct settings *s, struct cfg *c);
struct settings *settings_load_with(const char *path, struct cfg_report *report, settings_look_f *look);

#endif
