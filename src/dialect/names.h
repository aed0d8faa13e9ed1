/* Names of tools and ids of calls that one side takes and the other does not. Deterministic: the same name gives the same result in
 * every turn, so that histories and prompt caches fit without a table between requests. */
#ifndef SLUICE_DIALECT_NAMES_H
#define SLUICE_DIALECT_NAMES_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct names_rule {
    const char *others; /* allowed besides [a-zA-Z0-9] */
    unsigned max;       /* bytes */
    bool letter_first;  /* the first is a letter or '_' */
    bool exact;         /* exactly max bytes (Mistral's ids) */
};
extern const struct names_rule names_openai, names_anthropic, names_gemini; /* tools */
extern const struct names_rule ids_openai, ids_anthropic, ids_gemini, ids_converse, ids_mistral;

/* Legal text as it is; else illegal bytes become '_' and, where that was needed or it is too long, a hash of the whole ends it.
 * text: inside. In the arena only when changed. */
struct sl_str names_fit(const struct names_rule *rule, struct sl_str text, struct sl_arena *a);

/* What was changed in one request, to change it back in the answer. Embedded by value; starts zeroed. */
struct names_entry {
    struct sl_str original, changed;
    struct names_entry *next;
};
struct names_map {
    struct names_entry *first;                      /* the newest */
    struct names_entry **by_original, **by_changed; /* tables of `cap` places; NULL: few enough for the list */
    uint32_t n, cap;
};
/* names_fit, remembered. */
struct sl_str names_out(struct names_map *m, const struct names_rule *rule, struct sl_str name, struct sl_arena *a);
/* The original of a name in an answer; the name itself where nothing was changed. */
struct sl_str names_back(const struct names_map *m, struct sl_str name);

#endif
