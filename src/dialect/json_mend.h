/* The beginning of a JSON document, closed where it was cut: to be read by whoever reads whole ones. Pure. */
#ifndef SLUICE_DIALECT_JSON_MEND_H
#define SLUICE_DIALECT_JSON_MEND_H

#include "base/arena.h"
#include "base/str.h"

/* Of a text that is cut anywhere: strings end there, brackets are closed, and what has no value yet or may lack a part of it (names,
 * numbers, words) is left out. JSON where the document was; else whatever. In the arena. Empty: there is nothing to close. */
struct sl_str json_mended(struct sl_str beginning, struct sl_arena *a);

#endif
