/* Token counts from what text looks like: words, numbers, signs, and characters by script, each with a weight. For models whose
 * vocabulary is not public, and where a vocabulary is missing. Weights, their error and where they come from: ratio.c. Pure. */
#ifndef SLUICE_TOKENS_RATIO_H
#define SLUICE_TOKENS_RATIO_H

#include <stdint.h>

#include "base/str.h"

/* The vocabularies that we can count with, and so what weights are known for. */
enum tokens_encoding {
    TOKENS_O200K_BASE = 0,
    TOKENS_CL100K_BASE,
    TOKENS_ENCODINGS
};

#define TALLY_UNITS 14

struct tokens_tally {
    uint64_t n[TALLY_UNITS];
    uint64_t run;       /* characters of the kind `last` that stand together */
    unsigned last;      /* the kind of the last character */
    unsigned char lead; /* of a character that is not whole: its first byte */
    unsigned char left; /* bytes that it lacks */
    unsigned char seen; /* bytes that it has */
};

void tokens_tally_init(struct tokens_tally *t);
void tokens_tally_feed(struct tokens_tally *t, struct sl_str slice); /* cut anywhere */
uint64_t tokens_tally_count(const struct tokens_tally *t, enum tokens_encoding e);

#endif
