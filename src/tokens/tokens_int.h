/* Between the files of tokens/ that count: the mapped vocabulary, the scanner, the merger. */
#ifndef SLUICE_TOKENS_TOKENS_INT_H
#define SLUICE_TOKENS_TOKENS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "tokens/vocab_format.h"

struct tokens_vocab {
    enum vocab_pattern pattern;
    uint32_t n_tokens, n_nodes, n_pairs;
    const uint64_t *trie;
    const struct vocab_token *tokens;
    const uint64_t *pairs;
    void *map; /* own */
    size_t map_bytes;
};

/* Bytes of the first piece of text that has n > 0. With `more`, text may follow: 0 when that could change where the piece ends;
 * then p[0..n) must not end inside a character (scan_whole). */
size_t scan_piece(enum vocab_pattern pattern, const unsigned char *p, size_t n, bool more);
/* n without the character at its end that is not all there. */
size_t scan_whole(const unsigned char *p, size_t n);

#define MERGE_MEMO 256u /* a power of two */

/* What merging remembers from piece to piece of one vocabulary (merge.c). Large, and not set up before it is worth it. */
struct merge_memo {
    unsigned questions;         /* counted until there were enough to remember them */
    int run_byte;               /* -1: none */
    uint64_t asked[MERGE_MEMO]; /* the last token and the longest above each other */
    uint32_t found[MERGE_MEMO]; /* and which may follow */
    /* The way in the trie along run_byte again and again: where it is after so many, and the last token by then. */
    uint32_t run_node[VOCAB_TOKEN_BYTES_MAX + 1], run_best[VOCAB_TOKEN_BYTES_MAX + 1];
    uint32_t run_bytes; /* how far it goes */
};

void merge_memo_init(struct merge_memo *m);

/* Tokens of one piece of 1 to TOKENS_PIECE_MAX bytes. Where out is not NULL, writes the first `max` of them. */
size_t merge_piece(const struct tokens_vocab *v, struct sl_str piece, struct merge_memo *memo, uint32_t *out,
                   size_t max);

#endif
