/* The user's own function: a rule with `script: FILE` in place of `use`. Lua 5.4; the file defines
 *
 *     function route(request) ... return {"openai/gpt-4o", "assistant"} end
 *
 * and gives names of targets or models in order (or one name). nil, an error, an overrun or nonsense: the next rule that holds is asked.
 *
 * What it sees: request.model, task, operation, dialect, tenant, team, user, key, region (texts, nil where not known), input_tokens,
 * output_tokens, time (seconds since 1970), tools, structured_output, stream, zero_retention (booleans), modality.image and so on,
 * tags.NAME; request.header(NAME), request.health("provider/model") -> "up", "degraded", "probe", "blocked", "open". Of Lua's libraries:
 * type, tostring, tonumber, pairs, ipairs, next, select, assert, error, math.floor/min/max, and of strings lower, upper, sub, len, byte,
 * and contains, starts, ends (plain, no patterns: those can take forever inside one instruction). Nothing reaches a file, a clock, a
 * process or another request: globals are new for each call.
 *
 * One struct for one thread, made of one snapshot's scripts. */
#ifndef SLUICE_ROUTE_SCRIPT_H
#define SLUICE_ROUTE_SCRIPT_H

#include "route/plan.h"

#define SCRIPT_TEXT_MAX (256u << 10) /* bytes of a file */
#define SCRIPT_MEMORY (1u << 20)     /* bytes that are held at any time, all scripts of a thread together */
#define SCRIPT_CHURN (4u << 20)      /* bytes taken during one call: bounds what is copied between instructions */
#define SCRIPT_INSTRUCTIONS 100000u  /* of one call: below a millisecond */
#define SCRIPT_NAME_MAX 300u         /* bytes of a name that is given back */

struct route_script_text { /* borrow: as long as the scripts */
    struct sl_str name;    /* for messages: the file's */
    struct sl_str text;
};

struct route_scripts;
/* Compiles all. SL_EINVAL: fail->text is "file:line: what is wrong". */
enum sl_err route_scripts_new(const struct route_script_text *texts, uint32_t n, struct route_scripts **out,
                              struct sl_fail *fail) SL_MUST_CHECK;
void route_scripts_free(struct route_scripts *s); /* NULL accepted */

route_script_f route_scripts_ask; /* arg: struct route_scripts */
/* What Lua said of the last call that failed, in words; empty: none did. Until the next call. */
struct sl_str route_scripts_trouble(const struct route_scripts *s);

#endif
