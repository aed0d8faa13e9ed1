/* The file that holds a vocabulary: what dev/tokens/pack.c writes and vocab.c maps. Everything that counting needs is laid out
 * ready, so that opening it is mmap and a look at the header; docs/internals/tokens.md tells why these tables.
 *
 *     header | trie: u64[nodes] | tokens: struct vocab_token[tokens] | pairs: u64[pairs]
 *
 * In the byte order of the machine that packed it (the magic number tells). A token's number is its rank: of two merges the one
 * with the lower number comes first. The file is trusted like the executable: the checksum finds damage, not malice. */
#ifndef SLUICE_TOKENS_VOCAB_FORMAT_H
#define SLUICE_TOKENS_VOCAB_FORMAT_H

#include <stdint.h>

#define VOCAB_MAGIC 0x6b6f742d65736c73u /* "slse-tok" where the low byte comes first */
#define VOCAB_VERSION 1u
#define VOCAB_NAME_MAX 32u
#define VOCAB_BITS 21u /* of the number of a token or a trie node: three of them share a word */
#define VOCAB_NONE ((1u << VOCAB_BITS) - 1u)
#define VOCAB_TOKEN_BYTES_MAX 255u

/* Which pattern cuts text into the pieces within which tokens are merged (scan.c). */
enum vocab_pattern {
    VOCAB_CL100K = 1,
    VOCAB_O200K = 2
};

struct vocab_header {
    uint64_t magic;
    uint32_t version;
    uint32_t pattern; /* enum vocab_pattern */
    char name[VOCAB_NAME_MAX];
    uint32_t tokens, nodes, pairs; /* counts of the three tables */
    uint32_t token_bytes_max;
    uint64_t file_bytes;
    uint32_t body_crc;   /* CRC-32C of all behind the header */
    uint32_t header_crc; /* of the header before this member */
};

struct vocab_token {
    uint32_t left, right; /* the last merge that makes it; both the token itself when it is one byte */
    uint32_t prefix;      /* the longest token that it begins with and is not; VOCAB_NONE: none */
    uint32_t bytes;
};

/* -- Trie: a double array ---------------------------------------------------------------------------------------------
 * From node `i`, byte c leads to node base(i) ^ c, if that one's parent is i. Node 0 is the root. `nodes` is a multiple of 256
 * and every base is below it, so the step never leaves the table. */
#define VOCAB_NODE_FREE UINT64_MAX /* its parent is VOCAB_NONE: nothing leads here */

static inline uint64_t vocab_node(uint32_t parent, uint32_t base, uint32_t token)
{
    return (uint64_t)parent | (uint64_t)base << VOCAB_BITS | (uint64_t)token << (2 * VOCAB_BITS);
}

static inline uint32_t vocab_node_parent(uint64_t node)
{
    return (uint32_t)node & VOCAB_NONE;
}

static inline uint32_t vocab_node_base(uint64_t node)
{
    return (uint32_t)(node >> VOCAB_BITS) & VOCAB_NONE;
}

static inline uint32_t vocab_node_token(uint64_t node) /* VOCAB_NONE: no token ends here */
{
    return (uint32_t)(node >> (2 * VOCAB_BITS)) & VOCAB_NONE;
}

/* -- Pairs: the merges, an open hash table with linear probing -------------------------------------------------------- */
#define VOCAB_PAIR_FREE UINT64_MAX

static inline uint64_t vocab_pair(uint32_t left, uint32_t right, uint32_t merged)
{
    return (uint64_t)merged << (2 * VOCAB_BITS) | (uint64_t)left << VOCAB_BITS | right;
}

static inline uint32_t vocab_pair_place(uint32_t left, uint32_t right, uint32_t pairs)
{
    uint64_t h = ((uint64_t)left << VOCAB_BITS | right) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)((h >> 32) * pairs >> 32);
}

/* What the two merge into; VOCAB_NONE: nothing. */
static inline uint32_t vocab_pair_find(const uint64_t *pairs, uint32_t n, uint32_t left, uint32_t right)
{
    const uint64_t key = (uint64_t)left << VOCAB_BITS | right, mask = (UINT64_C(1) << (2 * VOCAB_BITS)) - 1;
    uint32_t at = vocab_pair_place(left, right, n);
    while (pairs[at] != VOCAB_PAIR_FREE) {
        if ((pairs[at] & mask) == key)
            return (uint32_t)(pairs[at] >> (2 * VOCAB_BITS));
        at = at + 1 == n ? 0 : at + 1;
    }
    return VOCAB_NONE;
}

/* Would byte pair encoding leave these two side by side? Undoes the merges that made them, the latest first, and asks at each
 * step whether the two now at the border would have been merged before that. */
static inline int vocab_may_follow(const struct vocab_token *tokens, const uint64_t *pairs, uint32_t n_pairs,
                                   uint32_t left, uint32_t right)
{
    uint32_t limit = UINT32_MAX; /* merges from here on were too late to count */
    for (;;) {
        uint32_t merged = vocab_pair_find(pairs, n_pairs, left, right);
        if (merged != VOCAB_NONE && merged < limit)
            return 0;
        uint32_t whole_left = left, whole_right = right;
        if (left > right) {
            limit = left;
            left = tokens[left].right;
            if (left != whole_left)
                continue;
            limit = right + 1; /* one byte on the left: only the right can be undone */
            right = tokens[right].left;
            if (right == whole_right)
                return 1;
        } else {
            limit = right + 1;
            right = tokens[right].left;
            if (right != whole_right)
                continue;
            limit = left;
            left = tokens[left].right;
            if (left == whole_left)
                return 1;
        }
    }
}

#endif
