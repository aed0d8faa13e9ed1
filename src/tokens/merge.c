/* Byte pair encoding of one piece, in linear time.
 *
 * The definition is quadratic: merge the two neighbours whose union has the lowest rank, again and again. Its result can be found
 * from left to right instead, for these hold of every vocabulary that the packer accepts:
 *
 *     - tokens are the encoding of their bytes if and only if each two neighbours are the encoding of theirs
 *       (vocab_may_follow asks that, by undoing merges), and
 *     - so the encoding of the first bytes of a piece is the start of some such row, and there is one row for each length.
 *
 * So: take the longest token that may follow the last, go on behind it; where none may, that place is dead, the last token was too
 * long, take the next shorter one. A place is reached by one row only, so it is tried once and no more; how many tokens begin at a
 * place and how many merges made them is bounded by the vocabulary. (The method is that of the crate `bpe` of github/rust-gems,
 * whose documentation proves it.)
 *
 * On text of any language that is a few steps a token. But thirty tokens may begin at a place, and rows of hyphens lead into dead
 * ends all the way: for these, questions and ways through the trie are remembered, and the last token is tried once more before the
 * longest. None of this changes a result. */
#include "tokens/tokens_int.h"

#include "base/check.h"
#include "base/mem.h"
#include "tokens/tokens.h"

#define SMALL 256         /* bytes of a piece that is worked on without asking for memory */
#define GUESS 0x80000000u /* in a row: this token was tried before the longest */
#define GUESS_BYTES_MIN 4u
#define MEMO_AFTER 64u /* questions in one piece: text does not get there with small pieces */
#define RUN_AFTER 16u  /* the same, before the way along a run is learnt */
#define RUN_MIN 16u    /* bytes of such a run */

/* Goes on in the trie from a node along p; gives the last token on the way, or `best`. */
static inline uint32_t walk(const struct tokens_vocab *v, uint32_t node, uint32_t best, const unsigned char *p,
                            size_t n)
{
    uint32_t base = vocab_node_base(v->trie[node]);
    for (size_t i = 0; i < n; i++) {
        uint32_t next = base ^ p[i];
        uint64_t w = v->trie[next];
        if (vocab_node_parent(w) != node)
            break;
        node = next;
        base = vocab_node_base(w);
        uint32_t token = vocab_node_token(w);
        best = token != VOCAB_NONE ? token : best;
    }
    return best;
}

/* The longest token that p begins with; p[0..n) is not empty, and every byte is a token. */
static inline uint32_t longest(const struct tokens_vocab *v, const unsigned char *p, size_t n)
{
    return walk(v, 0, VOCAB_NONE, p, n);
}

struct row {
    const struct tokens_vocab *v;
    const unsigned char *p; /* the piece */
    size_t bytes;
    uint32_t *token;     /* from its start to `at`, some with GUESS */
    unsigned char *dead; /* a bit for each place */
    struct merge_memo *memo;
    size_t n, at;
};

static void learn_run(struct row *r, unsigned char c)
{
    struct merge_memo *m = r->memo;
    uint32_t node = 0, best = VOCAB_NONE, n = 0;
    for (;; n++) {
        m->run_node[n] = node;
        m->run_best[n] = best;
        uint32_t next = vocab_node_base(r->v->trie[node]) ^ c;
        if (n == VOCAB_TOKEN_BYTES_MAX || vocab_node_parent(r->v->trie[next]) != node)
            break;
        node = next;
        uint32_t token = vocab_node_token(r->v->trie[node]);
        best = token != VOCAB_NONE ? token : best;
    }
    m->run_bytes = n;
    r->memo->run_byte = c;
}

/* How many of p[0..n) are equal to the first. */
static size_t run_length(const unsigned char *p, size_t n)
{
    size_t at = 1;
    uint64_t all, some;
    memset(&all, p[0], sizeof all);
    for (; n - at >= sizeof some; at += sizeof some) {
        memcpy(&some, p + at, sizeof some);
        if (some != all)
            break;
    }
    while (at < n && p[at] == p[0])
        at++;
    return at;
}

/* The longest token at the end of the row. In a run the way is the same at every place and long: it is gone once. */
static uint32_t longest_here(struct row *r)
{
    const unsigned char *p = r->p + r->at;
    size_t n = r->bytes - r->at;
    if (r->memo->questions < RUN_AFTER || n < RUN_MIN || memcmp(p, p + 1, RUN_MIN - 1) != 0)
        return longest(r->v, p, n);
    if (r->memo->run_byte != p[0])
        learn_run(r, p[0]);
    const struct merge_memo *m = r->memo;
    size_t run = run_length(p, n <= m->run_bytes ? n : m->run_bytes + 1);
    if (run > m->run_bytes)
        return m->run_best[m->run_bytes];
    return walk(r->v, m->run_node[run], m->run_best[run], p + run, n - run);
}

static bool is_dead(const struct row *r, uint32_t token)
{
    size_t at = r->at + r->v->tokens[token].bytes;
    return (r->dead[at / 8] >> at % 8 & 1) != 0;
}

static bool may_follow(struct row *r, uint32_t last, uint32_t token)
{
    struct merge_memo *m = r->memo;
    if (m->questions < MEMO_AFTER && ++m->questions == MEMO_AFTER)
        memset(m->asked, 0xff, sizeof m->asked);
    return vocab_may_follow(r->v->tokens, r->v->pairs, r->v->n_pairs, last, token) != 0;
}

/* The longest of this token and its prefixes that may follow the last; VOCAB_NONE. */
static uint32_t shorten(struct row *r, uint32_t token)
{
    if (r->n == 0)
        return token;
    uint32_t last = r->token[r->n - 1] & ~GUESS, found = token;
    uint64_t question = (uint64_t)last << 32 | token;
    uint32_t place = (uint32_t)(question * UINT64_C(0x9E3779B97F4A7C15) >> 32) % MERGE_MEMO;
    if (r->memo->questions == MEMO_AFTER && r->memo->asked[place] == question)
        return r->memo->found[place];
    while (found != VOCAB_NONE && !may_follow(r, last, found))
        found = r->v->tokens[found].prefix;
    if (r->memo->questions == MEMO_AFTER) {
        r->memo->asked[place] = question;
        r->memo->found[place] = found;
    }
    return found;
}

/* The longest of this token and its prefixes that can be next, as far as is known; VOCAB_NONE. */
static uint32_t fit(struct row *r, uint32_t token)
{
    token = shorten(r, token);
    while (token != VOCAB_NONE && is_dead(r, token)) {
        token = r->v->tokens[token].prefix;
        token = token != VOCAB_NONE ? shorten(r, token) : token;
    }
    return token;
}

static void take(struct row *r, uint32_t token, uint32_t guess)
{
    r->token[r->n++] = token | guess;
    r->at += r->v->tokens[token].bytes;
}

/* The last token once more? That is how runs go on, where the longest is usually wrong. */
static bool take_guess(struct row *r)
{
    uint32_t token = r->token[r->n - 1] & ~GUESS;
    size_t n = r->v->tokens[token].bytes;
    const unsigned char *next = r->p + r->at;
    if (n < GUESS_BYTES_MIN || n > r->bytes - r->at || next[0] != *(next - n) || memcmp(next, next - n, n) != 0 ||
        is_dead(r, token) || !may_follow(r, token, token))
        return false;
    take(r, token, GUESS);
    return true;
}

/* Takes back the last token, behind which nothing fits; gives the longest that is left to try in its place. */
static uint32_t take_back(struct row *r)
{
    SL_CHECK(r->n > 0);
    r->dead[r->at / 8] |= (unsigned char)(1u << r->at % 8);
    uint32_t token = r->token[--r->n];
    r->at -= r->v->tokens[token & ~GUESS].bytes;
    return (token & GUESS) != 0 ? longest_here(r) : token;
}

/* `token` is the longest at the start. */
static void fill(struct row *r, uint32_t token)
{
    for (;;) {
        token = fit(r, token);
        if (token == VOCAB_NONE) {
            token = take_back(r);
            continue;
        }
        take(r, token, 0);
        while (r->at < r->bytes && take_guess(r))
            ;
        if (r->at == r->bytes)
            return;
        token = longest_here(r);
    }
}

static void give(const struct row *r, uint32_t *out, size_t max)
{
    for (size_t i = 0; out != NULL && i < r->n && i < max; i++)
        out[i] = r->token[i] & ~GUESS;
}

void merge_memo_init(struct merge_memo *m)
{
    m->questions = 0;
    m->run_byte = -1;
}

static size_t merge_small(struct row *r, uint32_t first, uint32_t *out, size_t max)
{
    uint32_t token[SMALL];
    unsigned char dead[SMALL / 8 + 1];
    r->token = token;
    r->dead = dead;
    memset(dead, 0, r->bytes / 8 + 1);
    fill(r, first);
    give(r, out, max);
    return r->n;
}

static size_t merge_large(struct row *r, uint32_t first, uint32_t *out, size_t max)
{
    SL_CHECK(r->bytes <= TOKENS_PIECE_MAX);
    r->token = sl_malloc(r->bytes * sizeof *r->token);
    r->dead = sl_calloc(r->bytes / 8 + 1, 1);
    fill(r, first);
    give(r, out, max);
    sl_free(r->token);
    sl_free(r->dead);
    return r->n;
}

size_t merge_piece(const struct tokens_vocab *v, struct sl_str piece, struct merge_memo *memo, uint32_t *out,
                   size_t max)
{
    const unsigned char *p = (const unsigned char *)piece.p;
    uint32_t first = longest(v, p, piece.n);
    if (SL_LIKELY(v->tokens[first].bytes == piece.n)) {
        if (out != NULL && max > 0)
            out[0] = first;
        return 1;
    }
    struct row r = {.v = v, .p = p, .bytes = piece.n, .memo = memo};
    return piece.n <= SMALL ? merge_small(&r, first, out, max) : merge_large(&r, first, out, max);
}
