/* Removing a copy, and what a try to write it left behind. Once is enough; twice does no harm. */
#ifndef SLUICE_KEEP_REMOVE_H
#define SLUICE_KEEP_REMOVE_H

#include "keep/place.h"

struct keep_remove;
/* ok: nothing is left of the name. why: no secrets; lives until it is freed. From the loop, never from inside keep_remove_start. */
typedef void keep_removed_f(void *owner, struct keep_remove *r, bool ok, struct sl_str why);

/* p: until it is freed. */
struct keep_remove *keep_remove_start(const struct keep_env *env, const struct keep_place *p, struct sl_str name,
                                      keep_removed_f *done, void *owner);
void keep_remove_free(struct keep_remove *r); /* at any time; NULL accepted */

#endif
