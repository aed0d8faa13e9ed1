/* Byte pair encoding of one piece by its definition: of all neighbours that merge, those with the lowest rank first, of equals the
 * leftmost. What src/tokens/merge.c is compared with; it shares the table of merges with it and nothing else.
 *
 * A token lies on the bytes that it has: `token` at its first, and at its last where it begins, so that neighbours are found without
 * links. A heap entry is the rank above the place; it counts only while `rank` says the same. */
#include "unit/tokens/reference.h"

#include <stdlib.h>

#include "base/check.h"
struct heap_row {
    const struct tokens_vocab *v;
    size_t n;
    uint32_t *token; /* at the first byte of each */
    uint32_t *begin; /* at the last byte of each: where its first is */
    uint32_t *rank;  /* at the first byte: what it merges into with the next; VOCAB_NONE */
    uint64_t *heap;
    size_t heap_n;
};

static void heap_down(struct heap_row *r, size_t at)
{
    uint64_t x = r->heap[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= r->heap_n)
            break;
        if (child + 1 < r->heap_n && r->heap[child + 1] < r->heap[child])
            child++;
        if (r->heap[child] >= x)
            break;
        r->heap[at] = r->heap[child];
        at = child;
    }
    r->heap[at] = x;
}

static void heap_push(struct heap_row *r, uint64_t x)
{
    size_t at = r->heap_n++;
    while (at > 0 && r->heap[(at - 1) / 2] > x) {
        r->heap[at] = r->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    r->heap[at] = x;
}

static uint64_t heap_pop(struct heap_row *r)
{
    uint64_t x = r->heap[0];
    r->heap[0] = r->heap[--r->heap_n];
    if (r->heap_n > 0)
        heap_down(r, 0);
    return x;
}

static size_t behind(const struct heap_row *r, size_t at)
{
    return at + r->v->tokens[r->token[at]].bytes;
}

static void rank_at(struct heap_row *r, size_t at)
{
    size_t next = behind(r, at);
    r->rank[at] = next == r->n ? VOCAB_NONE : vocab_pair_find(r->v->pairs, r->v->n_pairs, r->token[at], r->token[next]);
}

static void rank_and_push(struct heap_row *r, size_t at)
{
    rank_at(r, at);
    if (r->rank[at] != VOCAB_NONE)
        heap_push(r, (uint64_t)r->rank[at] << 32 | at);
}

static void merge_at(struct heap_row *r, size_t at)
{
    size_t next = behind(r, at), end = behind(r, next);
    r->rank[next] = VOCAB_NONE;
    r->token[at] = r->rank[at];
    r->begin[end - 1] = (uint32_t)at;
    rank_and_push(r, at);
    if (at > 0)
        rank_and_push(r, r->begin[at - 1]);
}

static void start(struct heap_row *r, const unsigned char *p)
{
    for (size_t i = 0; i < r->n; i++) {
        r->token[i] = vocab_node_token(r->v->trie[vocab_node_base(r->v->trie[0]) ^ p[i]]);
        r->begin[i] = (uint32_t)i;
    }
    for (size_t i = 0; i < r->n; i++) {
        rank_at(r, i);
        if (r->rank[i] != VOCAB_NONE)
            r->heap[r->heap_n++] = (uint64_t)r->rank[i] << 32 | i;
    }
    for (size_t i = r->heap_n / 2; i-- > 0;)
        heap_down(r, i);
}

static size_t merge_all(struct heap_row *r, const unsigned char *p, uint32_t *out, size_t max)
{
    start(r, p);
    while (r->heap_n > 0) {
        uint64_t x = heap_pop(r);
        size_t at = (uint32_t)x;
        if (r->rank[at] == x >> 32)
            merge_at(r, at);
    }
    size_t n = 0;
    for (size_t at = 0; at < r->n; at = behind(r, at), n++)
        if (out != NULL && n < max)
            out[n] = r->token[at];
    return n;
}

size_t reference_merge(const struct tokens_vocab *v, const unsigned char *p, size_t n, uint32_t *out, size_t max)
{
    SL_CHECK(n > 0 && n <= UINT32_MAX);
    uint32_t *words = malloc(3 * n * sizeof *words);
    uint64_t *heap =
        malloc(2 * n * sizeof *heap); /* fewer than n at the start, and a merge takes one and adds two at most */
    struct heap_row r = {v, n, words, words + n, words + 2 * n, heap, 0};
    size_t tokens = merge_all(&r, p, out, max);
    free(words);
    free(heap);
    return tokens;
}
