/* What a translation could not say on the other side. Told to the client in x-sluice-dropped; with on_unsupported: reject the
 * request is refused instead with the first of them. */
#ifndef SLUICE_DIALECT_NOTES_H
#define SLUICE_DIALECT_NOTES_H

#include "base/arena.h"
#include "base/buf.h"

struct neutral_note_row {
    struct sl_str what; /* the client's member: "seed", "messages[3].content[1]", "temperature"; plain */
    const char *how;    /* static: "" dropped; "clamped", "folded", ...: it went in another form */
    struct neutral_note_row *next;
};

struct neutral_notes {
    struct sl_arena *a;
    struct neutral_note_row *first, *last;
    unsigned n;
};

#define NEUTRAL_NOTES_MAX 64u /* more are counted in n only */

/* The same pair twice is noted once. */
void neutral_note(struct neutral_notes *to, const char *how, struct sl_str what);
void neutral_notef(struct neutral_notes *to, const char *how, const char *format, ...) SL_PRINTF(3, 4);
/* "seed, temperature;clamped": a header's value (printable ASCII, at most max bytes, then ", ..."). Empty: nothing noted. */
struct sl_str neutral_notes_text(const struct neutral_notes *n, struct sl_arena *a, size_t max);

#endif
