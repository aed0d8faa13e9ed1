/* Stop sequences that a provider does not take, looked for here: the text ends before the first that occurs, as the model's own
 * server would end it (translate-openai-anthropic.md 10, 17). Works on plain text, since a sequence may begin in the middle of what
 * JSON escapes, and holds back no more than a sequence that may have begun. Pure; state in the arena given.
 *
 *     stop_match_init(&m, req->stops, req->n_stops, a);
 *     stop_match_feed(&m, piece, scratch, &out)      out may go on; true: a sequence was met, nothing more goes on
 *     stop_match_rest(&m, scratch)                   at the end, or before something that is no text: what was held back */
#ifndef SLUICE_DIALECT_STOP_MATCH_H
#define SLUICE_DIALECT_STOP_MATCH_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

#define STOP_MATCH_BYTES 256u /* longer ones are not looked for; those in use have below 40 */

struct stop_match {             /* embedded by value; starts zeroed: looks for nothing */
    const struct sl_str *stops; /* plain; empty: not looked for */
    uint32_t n;
    size_t longest;
    char *held; /* of the arena; longest bytes */
    size_t held_n;
    bool met;
    uint32_t which; /* met: the index in the list given */
};

/* stops: inside. Gives how many are looked for. */
uint32_t stop_match_init(struct stop_match *m, const struct sl_str *stops, uint32_t n, struct sl_arena *a);
/* text: inside; *out: inside, a view of text or of the scratch. */
bool stop_match_feed(struct stop_match *m, struct sl_str text, struct sl_arena *scratch, struct sl_str *out);
struct sl_str stop_match_rest(struct stop_match *m, struct sl_arena *scratch);

#endif
