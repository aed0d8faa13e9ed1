/* Members of messages, parts, tools and settings that the neutral form has no place for: found where a reader has read the rest, and
 * named by every writer (unsaid.h). What an assistant said is not looked at: whoever sends it back wishes nothing by it. */
#ifndef SLUICE_DIALECT_WITHIN_H
#define SLUICE_DIALECT_WITHIN_H

#include "base/buf.h"
#include "dialect/json_tree.h"
#include "dialect/neutral.h"

#define WITHIN_MAX 256u /* more are not kept: nobody could be told of them */

/* known: names of members, blanks between. place: where the object stands in the client's request; written out only when something is
 * found. Not an object, or NULL: nothing. */
void within_read(struct neutral_request *req, struct sl_arena *a, const struct json_tree *t, const struct json_node *of,
                 const char *known, const char *place, ...) SL_PRINTF(6, 7);

/* Whether there are any: where the place costs something to say. */
bool within_any(const struct json_tree *t, const struct json_node *of, const char *known);

#endif
