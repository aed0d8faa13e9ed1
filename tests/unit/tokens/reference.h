/* A second way to encode a piece, for comparison. */
#ifndef SLUICE_TESTS_TOKENS_REFERENCE_H
#define SLUICE_TESTS_TOKENS_REFERENCE_H

#include "tokens/tokens_int.h"

/* As merge_piece. */
size_t reference_merge(const struct tokens_vocab *v, const unsigned char *p, size_t n, uint32_t *out, size_t max);

#endif
