/* Counting whole texts and texts in slices: pieces from scan.c, their tokens from merge.c. */
#include "base/check.h"
#include "base/mem.h"
#include "tokens/tokens.h"
#include "tokens/tokens_int.h"

#define CHUNK 4096u /* of a slice that is taken in at once */

struct encoding {
    uint32_t *out; /* NULL: only counted */
    uint64_t n, max;
    struct merge_memo memo;
};

static void encoding_init(struct encoding *e, uint32_t *out, uint64_t max)
{
    e->out = out;
    e->n = 0;
    e->max = out != NULL ? max : 0;
    merge_memo_init(&e->memo);
}

/* A piece that is too long is cut up. */
static void add_piece(const struct tokens_vocab *v, const unsigned char *p, size_t n, struct encoding *e)
{
    while (n > 0) {
        size_t part = n < TOKENS_PIECE_MAX ? n : TOKENS_PIECE_MAX;
        uint64_t left = e->n < e->max ? e->max - e->n : 0;
        e->n += merge_piece(v, sl_str_of(p, part), &e->memo, left > 0 ? e->out + e->n : NULL, left);
        p += part;
        n -= part;
    }
}

/* Adds the pieces that are decided; gives the bytes that they have. */
static size_t add_pieces(const struct tokens_vocab *v, const unsigned char *p, size_t n, bool more, struct encoding *e)
{
    size_t at = 0;
    while (at < n) {
        size_t piece = scan_piece(v->pattern, p + at, n - at, more);
        if (piece == 0)
            break;
        add_piece(v, p + at, piece, e);
        at += piece;
    }
    return at;
}

uint64_t tokens_encode(const struct tokens_vocab *v, struct sl_str text, uint32_t *out, uint64_t max)
{
    struct encoding e;
    encoding_init(&e, out, max);
    (void)add_pieces(v, (const unsigned char *)text.p, text.n, false, &e);
    return e.n;
}

uint64_t tokens_count(const struct tokens_vocab *v, struct sl_str text)
{
    return tokens_encode(v, text, NULL, 0);
}

/* -- In slices ---------------------------------------------------------------------------------------------------------- */

void tokens_counter_init(struct tokens_counter *c, const struct tokens_vocab *v)
{
    *c = (struct tokens_counter){.v = v};
}

void tokens_counter_done(struct tokens_counter *c)
{
    sl_free(c->held);
    c->held = NULL;
    c->held_n = c->held_room = c->look_at = 0;
}

static void hold(struct tokens_counter *c, const char *p, size_t n)
{
    if (n > c->held_room - c->held_n) {
        c->held_room = (c->held_n + n) * 2;
        c->held = sl_realloc(c->held, c->held_room);
    }
    memcpy(c->held + c->held_n, p, n);
    c->held_n += n;
}

static void drop(struct tokens_counter *c, size_t n)
{
    c->held_n -= n;
    memmove(c->held, c->held + n, c->held_n);
}

static void look(struct tokens_counter *c)
{
    struct encoding e;
    encoding_init(&e, NULL, 0);
    drop(c, add_pieces(c->v, c->held, scan_whole(c->held, c->held_n), true, &e));
    while (c->held_n >= TOKENS_PIECE_MAX) { /* as tokens_count would cut it, whatever the pattern says later */
        add_piece(c->v, c->held, TOKENS_PIECE_MAX, &e);
        drop(c, TOKENS_PIECE_MAX);
    }
    c->n += e.n;
    /* What is held was read and will be read again: not before it has doubled, or a long word would cost the square of its length. */
    c->look_at = c->held_n * 2;
}

void tokens_counter_feed(struct tokens_counter *c, struct sl_str slice)
{
    while (slice.n > 0) {
        size_t n = slice.n < CHUNK ? slice.n : CHUNK;
        hold(c, slice.p, n);
        slice = sl_str_from(slice, n);
        if (c->held_n > c->look_at)
            look(c);
    }
}

uint64_t tokens_counter_count(const struct tokens_counter *c)
{
    struct encoding e;
    encoding_init(&e, NULL, 0);
    (void)add_pieces(c->v, c->held, c->held_n, false, &e);
    return c->n + e.n;
}
