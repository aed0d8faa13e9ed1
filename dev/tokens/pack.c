/* Packs a vocabulary into the file that src/tokens/vocab.c maps.
 *
 *     pack cl100k|o200k NAME RANKS OUT
 *
 * RANKS is in tiktoken's notation: a line holds the bytes of a token in base64, a blank and its rank. A program of its own, run by
 * dev/setup.sh and by the tests: it shares only vocab_format.h with sluice. It refuses a vocabulary that the method of
 * src/tokens/bpe.c is not exact for. */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokens/vocab_format.h"

#define FILE_MAX (64u << 20)

struct bytes {
    const unsigned char *p;
    uint32_t n;
};

struct packing {
    struct bytes *token; /* by rank */
    uint32_t n;
    uint32_t *sorted; /* ranks in the order of their bytes */
    struct vocab_token *info;
    uint64_t *trie;
    uint32_t nodes, node_room;
    uint16_t free_in[VOCAB_NONE / 256 + 1]; /* free places of each block of 256 nodes */
    uint64_t *pairs;
    uint32_t n_pairs;
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "pack: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static void *room(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (p == NULL)
        die("out of memory");
    return p;
}

/* -- Reading ------------------------------------------------------------------------------------------------------------ */

static char *read_file(const char *path, size_t *out_n)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        die("cannot open '%s': %s", path, strerror(errno));
    char *p = room(FILE_MAX + 1, 1);
    *out_n = fread(p, 1, FILE_MAX + 1, f);
    if (ferror(f) || *out_n > FILE_MAX)
        die("cannot read '%s', or it is too large", path);
    fclose(f);
    p[*out_n] = 0;
    return p;
}

static int base64_value(char c)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != 0 ? strchr(set, c) : NULL;
    return at != NULL ? (int)(at - set) : -1;
}

/* Decodes in place; gives the place behind the base64. */
static char *read_token(char *p, struct bytes *out)
{
    unsigned char *to = (unsigned char *)p, *start = to;
    uint32_t bits = 0, held = 0;
    for (; base64_value(*p) >= 0; p++) {
        bits = (bits << 6 | (uint32_t)base64_value(*p)) & 0xffffffu;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *to++ = (unsigned char)(bits >> held & 0xff);
        }
    }
    while (*p == '=')
        p++;
    *out = (struct bytes){start, (uint32_t)(to - start)};
    return p;
}

static void read_ranks(struct packing *k, const char *path)
{
    size_t n;
    char *p = read_file(path, &n), *end = p + n;
    k->token = room(VOCAB_NONE, sizeof *k->token);
    while (p < end) {
        struct bytes token;
        char *stop;
        p = read_token(p, &token);
        unsigned long rank = *p == ' ' ? strtoul(p + 1, &stop, 10) : VOCAB_NONE;
        if (token.n == 0 || token.n > VOCAB_TOKEN_BYTES_MAX || rank >= VOCAB_NONE || (*stop != '\n' && *stop != 0))
            die("'%s': line %u is not a token and its rank", path, k->n + 1);
        if (rank != k->n)
            die("'%s': line %u has rank %lu; without gaps and in order is all that is known", path, k->n + 1, rank);
        k->token[k->n++] = token;
        p = *stop != 0 ? stop + 1 : end;
    }
}

static const struct packing *comparing;

static int by_bytes(const void *a, const void *b)
{
    const struct bytes *x = &comparing->token[*(const uint32_t *)a], *y = &comparing->token[*(const uint32_t *)b];
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

static void sort_tokens(struct packing *k)
{
    k->sorted = room(k->n, sizeof *k->sorted);
    for (uint32_t i = 0; i < k->n; i++)
        k->sorted[i] = i;
    comparing = k;
    qsort(k->sorted, k->n, sizeof *k->sorted, by_bytes);
    for (uint32_t i = 1; i < k->n; i++)
        if (by_bytes(&k->sorted[i - 1], &k->sorted[i]) == 0)
            die("tokens %u and %u are the same", k->sorted[i - 1], k->sorted[i]);
}

/* -- Trie --------------------------------------------------------------------------------------------------------------- */

struct part { /* a node whose children have no place yet: the tokens that begin with it */
    uint32_t node, first, end, depth, last_token;
};

static int is_taken(const struct packing *k, uint32_t node)
{
    return k->trie[node] != VOCAB_NODE_FREE;
}

static void add_block(struct packing *k)
{
    if (k->nodes + 256 > VOCAB_NONE)
        die("the trie is too large");
    if (k->nodes + 256 > k->node_room) {
        k->node_room = k->node_room * 2 + 256;
        uint64_t *more = room(k->node_room, sizeof *more);
        if (k->nodes > 0)
            memcpy(more, k->trie, k->nodes * sizeof *more);
        free(k->trie);
        k->trie = more;
    }
    for (uint32_t i = 0; i < 256; i++)
        k->trie[k->nodes + i] = VOCAB_NODE_FREE;
    k->free_in[k->nodes / 256] = 256;
    k->nodes += 256;
}

/* A base in the block that puts all children on free places, or VOCAB_NONE. */
static uint32_t base_in_block(const struct packing *k, uint32_t block, const unsigned char *child, uint32_t n)
{
    for (uint32_t base = block; base < block + 256; base++) {
        uint32_t i = 0;
        while (i < n && !is_taken(k, base ^ child[i]))
            i++;
        if (i == n)
            return base;
    }
    return VOCAB_NONE;
}

/* Only the last blocks are tried: the older are nearly full, and this need not be perfect. */
static uint32_t find_base(struct packing *k, const unsigned char *child, uint32_t n)
{
    uint32_t first = k->nodes > 256 * 16 ? k->nodes - 256 * 16 : 0;
    for (uint32_t block = first; block < k->nodes; block += 256) {
        uint32_t base = k->free_in[block / 256] >= n ? base_in_block(k, block, child, n) : VOCAB_NONE;
        if (base != VOCAB_NONE)
            return base;
    }
    add_block(k);
    return base_in_block(k, k->nodes - 256, child, n);
}

/* Gives places to the children of `from`; those that go on are put behind the queue. */
static size_t place_children(struct packing *k, struct part from, struct part *queue, size_t end)
{
    unsigned char child[256];
    uint32_t n = 0, own = VOCAB_NONE, at = from.first;
    if (k->token[k->sorted[at]].n == from.depth)
        own = k->sorted[at++];
    for (uint32_t i = at; i < from.end; i++) {
        unsigned char c = k->token[k->sorted[i]].p[from.depth];
        if (n == 0 || child[n - 1] != c)
            child[n++] = c;
    }
    if (own != VOCAB_NONE) {
        k->info[own].prefix = from.last_token;
        from.last_token = own;
    }
    uint32_t base = n > 0 ? find_base(k, child, n) : 0;
    k->trie[from.node] = vocab_node(vocab_node_parent(k->trie[from.node]), base, own);
    for (uint32_t i = 0; i < n; i++) {
        struct part next = {base ^ child[i], at, at, from.depth + 1, from.last_token};
        while (next.end < from.end && k->token[k->sorted[next.end]].p[from.depth] == child[i])
            next.end++;
        at = next.end;
        k->trie[next.node] = vocab_node(from.node, 0, VOCAB_NONE);
        k->free_in[next.node / 256]--;
        queue[end++] = next;
    }
    return end;
}

static void make_trie(struct packing *k)
{
    size_t bytes = 1, end = 0;
    for (uint32_t i = 0; i < k->n; i++)
        bytes += k->token[i].n;
    struct part *queue = room(bytes, sizeof *queue);
    add_block(k);
    k->trie[0] = vocab_node(VOCAB_NONE, 0, VOCAB_NONE);
    queue[end++] = (struct part){0, 0, k->n, 0, VOCAB_NONE};
    for (size_t i = 0; i < end; i++)
        end = place_children(k, queue[i], queue, end);
    free(queue);
}

static uint32_t find_token(const struct packing *k, const unsigned char *p, uint32_t n)
{
    uint32_t node = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t next = vocab_node_base(k->trie[node]) ^ p[i];
        if (vocab_node_parent(k->trie[next]) != node)
            return VOCAB_NONE;
        node = next;
    }
    return vocab_node_token(k->trie[node]);
}

/* -- Merges ------------------------------------------------------------------------------------------------------------- */

static void add_pair(struct packing *k, uint32_t left, uint32_t right, uint32_t merged)
{
    uint32_t at = vocab_pair_place(left, right, k->n_pairs);
    while (k->pairs[at] != VOCAB_PAIR_FREE)
        at = at + 1 == k->n_pairs ? 0 : at + 1;
    k->pairs[at] = vocab_pair(left, right, merged);
}

/* The two tokens that encoding its bytes arrives at just before the last merge: the only cut into two earlier tokens that may
 * follow one another. Merges are found in the order of rank, so those that matter are in the table already. */
static void find_merge(struct packing *k, uint32_t rank)
{
    struct bytes b = k->token[rank];
    for (uint32_t left = k->info[rank].prefix; left != VOCAB_NONE; left = k->info[left].prefix) {
        uint32_t cut = k->token[left].n;
        uint32_t right = find_token(k, b.p + cut, b.n - cut);
        if (left >= rank || right == VOCAB_NONE || right >= rank ||
            !vocab_may_follow(k->info, k->pairs, k->n_pairs, left, right))
            continue;
        k->info[rank].left = left;
        k->info[rank].right = right;
        add_pair(k, left, right, rank);
        return;
    }
    die("no merge of earlier tokens makes token %u", rank);
}

static void make_merges(struct packing *k)
{
    k->n_pairs = k->n + k->n / 2 + 1;
    k->pairs = room(k->n_pairs, sizeof *k->pairs);
    memset(k->pairs, 0xff, k->n_pairs * sizeof *k->pairs);
    for (uint32_t i = 0; i < k->n; i++) {
        struct vocab_token *t = &k->info[i];
        t->bytes = k->token[i].n;
        t->left = t->right = i;
        if (t->bytes > 1)
            find_merge(k, i);
    }
    for (int c = 0; c < 256; c++) {
        unsigned char byte = (unsigned char)c;
        if (find_token(k, &byte, 1) == VOCAB_NONE)
            die("there is no token for byte %d", c);
    }
}

/* -- Writing ------------------------------------------------------------------------------------------------------------ */

static uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    static uint32_t table[256];
    const unsigned char *b = p;
    for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (0x82F63B78u & (0u - (table[i] & 1)));
    }
    crc = ~crc;
    while (n-- > 0)
        crc = crc >> 8 ^ table[(crc ^ *b++) & 0xff];
    return ~crc;
}

static void write_file(const struct packing *k, struct vocab_header *h, const char *path)
{
    const struct {
        const void *p;
        size_t n;
    } parts[] = {{k->trie, k->nodes * sizeof *k->trie},
                 {k->info, k->n * sizeof *k->info},
                 {k->pairs, k->n_pairs * sizeof *k->pairs}};
    h->file_bytes = sizeof *h;
    for (int i = 0; i < 3; i++) {
        h->body_crc = crc32c(h->body_crc, parts[i].p, parts[i].n);
        h->file_bytes += parts[i].n;
    }
    h->header_crc = crc32c(0, h, offsetof(struct vocab_header, header_crc));
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        die("cannot write '%s': %s", path, strerror(errno));
    int is_written = fwrite(h, sizeof *h, 1, f) == 1;
    for (int i = 0; i < 3; i++)
        is_written = is_written && fwrite(parts[i].p, 1, parts[i].n, f) == parts[i].n;
    if (fclose(f) != 0 || !is_written)
        die("cannot write '%s'", path);
}

int main(int argc, char **argv)
{
    static struct packing k;
    struct vocab_header h = {.magic = VOCAB_MAGIC, .version = VOCAB_VERSION};
    if (argc != 5 || strlen(argv[2]) >= VOCAB_NAME_MAX)
        die("usage: pack cl100k|o200k NAME RANKS OUT");
    h.pattern = strcmp(argv[1], "cl100k") == 0 ? VOCAB_CL100K : strcmp(argv[1], "o200k") == 0 ? VOCAB_O200K : 0;
    if (h.pattern == 0)
        die("'%s' is no pattern: cl100k or o200k", argv[1]);
    memcpy(h.name, argv[2], strlen(argv[2]));
    read_ranks(&k, argv[3]);
    k.info = room(k.n, sizeof *k.info);
    sort_tokens(&k);
    make_trie(&k);
    make_merges(&k);
    for (uint32_t i = 0; i < k.n; i++)
        if (k.info[i].bytes > h.token_bytes_max)
            h.token_bytes_max = k.info[i].bytes;
    h.tokens = k.n;
    h.nodes = k.nodes;
    h.pairs = k.n_pairs;
    write_file(&k, &h, argv[4]);
    return 0;
}
