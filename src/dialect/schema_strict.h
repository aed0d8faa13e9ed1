/* Whether a JSON schema may be sent to OpenAI with `strict`: else the model is held to nothing, and a schema outside of the subset is
 * refused (openai.md 6.4, the guide to structured outputs, 2026). */
#ifndef SLUICE_DIALECT_SCHEMA_STRICT_H
#define SLUICE_DIALECT_SCHEMA_STRICT_H

#include "base/arena.h"
#include "base/str.h"

/* schema: raw JSON, any. Linear but for the properties of one object, of which 512 are looked at. */
bool schema_is_strict(struct sl_str schema, struct sl_arena *a);

#endif
