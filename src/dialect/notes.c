/* See notes.h. */
#include "dialect/notes.h"

#include "base/list.h"

#include <stdarg.h>
#include <stdio.h>

#define WHAT_MAX 256

void neutral_note(struct neutral_notes *to, const char *how, struct sl_str what)
{
    for (const struct neutral_note_row *r = to->first; r != NULL; r = r->next)
        if (sl_str_eq(r->what, what) && strcmp(r->how, how) == 0)
            return;
    if (to->n++ >= NEUTRAL_NOTES_MAX)
        return;
    struct neutral_note_row *row = SL_ARENA_NEW(to->a, struct neutral_note_row);
    row->what = sl_arena_str(to->a, sl_str_head(what, WHAT_MAX));
    row->how = how;
    SL_APPEND(to->first, to->last, row);
}

void neutral_notef(struct neutral_notes *to, const char *how, const char *format, ...)
{
    char text[WHAT_MAX + 1];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (n > 0)
        neutral_note(to, how, sl_str_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

/* Header bytes only, and none that the list itself is made of. */
static char shown(char c)
{
    return c > ' ' && c < 0x7f && c != ',' && c != ';' ? c : '?';
}

struct sl_str neutral_notes_text(const struct neutral_notes *n, struct sl_arena *a, size_t max)
{
    static const char more[] = ", ...";
    char *out = sl_arena_alloc(a, max + 1);
    size_t at = 0;
    unsigned told = 0;
    for (const struct neutral_note_row *r = n->first; r != NULL; r = r->next, told++) {
        size_t how = strlen(r->how), need = r->what.n + (how > 0 ? how + 1 : 0) + (at > 0 ? 2 : 0);
        if (at + need + sizeof more > max)
            break;
        if (at > 0) {
            memcpy(out + at, ", ", 2);
            at += 2;
        }
        for (size_t i = 0; i < r->what.n; i++)
            out[at++] = shown(r->what.p[i]);
        if (how > 0) {
            out[at++] = ';';
            memcpy(out + at, r->how, how);
            at += how;
        }
    }
    if (told < n->n && at > 0) {
        memcpy(out + at, more, sizeof more - 1);
        at += sizeof more - 1;
    }
    return sl_str_of(out, at);
}
