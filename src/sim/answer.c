/* Answers as a whole, and what all formats share: the words, ids, and the row of parts that a stream goes through. */
#include "sim/sim_int.h"

#define PIECE_BYTES 4u /* of JSON text, as ask.c counts it */
#define THINK_SHIFT 8u /* thinking has the same words in another order */

static const struct sl_str words[] = {
    SL_STR_INIT(" the"),    SL_STR_INIT(" quick"), SL_STR_INIT(" brown"), SL_STR_INIT(" fox"),   SL_STR_INIT(" jumps"),
    SL_STR_INIT(" over"),   SL_STR_INIT(" a"),     SL_STR_INIT(" lazy"),  SL_STR_INIT(" dog"),   SL_STR_INIT(" while"),
    SL_STR_INIT(" seven"),  SL_STR_INIT(" green"), SL_STR_INIT(" birds"), SL_STR_INIT(" sing"),  SL_STR_INIT(" very"),
    SL_STR_INIT(" softly"), SL_STR_INIT(" under"), SL_STR_INIT(" old"),   SL_STR_INIT(" trees"), SL_STR_INIT(" near"),
    SL_STR_INIT(" calm"),   SL_STR_INIT(" water"), SL_STR_INIT(" at"),    SL_STR_INIT(" dawn"),
};
#define N_WORDS (sizeof words / sizeof words[0])

uint64_t sim_completion_tokens(const struct sim_call *c)
{
    return (uint64_t)c->tokens * c->n * c->prompts + c->reasoning;
}

static size_t text_cut(struct sl_str s, uint64_t at)
{
    size_t i = at < s.n ? (size_t)at : s.n;
    while (i < s.n && i > 0 && ((unsigned char)s.p[i] & 0xc0) == 0x80)
        i--;
    return i;
}

static void add_words(struct sl_buf *b, uint32_t from, uint32_t to, uint32_t shift)
{
    for (uint32_t i = from; i < to; i++)
        sl_buf_adds(b, i == 0 ? SL_STR("[simulated]") : words[(i - 1 + shift) % N_WORDS]);
}

void sim_add_text(struct sim_call *c, struct sl_buf *b, uint32_t from, uint32_t to)
{
    if (c->text.n > 0) {
        size_t a = text_cut(c->text, (uint64_t)from * PIECE_BYTES), z = text_cut(c->text, (uint64_t)to * PIECE_BYTES);
        sl_buf_add_json(b, sl_str_of(c->text.p + a, z - a));
        return;
    }
    sl_buf_addc(b, '"');
    add_words(b, c->told + from, c->told + to, 0);
    sl_buf_addc(b, '"');
}

void sim_add_think(struct sim_call *c, struct sl_buf *b, uint32_t from, uint32_t to)
{
    (void)c;
    sl_buf_addc(b, '"');
    add_words(b, from, to, THINK_SHIFT);
    sl_buf_addc(b, '"');
}

static struct sl_str kept_words(struct sim_call *c, uint32_t from, uint32_t n, uint32_t shift)
{
    struct sl_buf b;
    sl_buf_init(&b, SIM_ANSWER_MAX);
    add_words(&b, from, from + n, shift);
    struct sl_str s = sl_arena_str(c->s->arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return s;
}

struct sl_str sim_words(struct sim_call *c, uint32_t n)
{
    return kept_words(c, c->told, n, 0);
}

struct sl_str sim_think_text(struct sim_call *c)
{
    return kept_words(c, 0, c->think_pieces, THINK_SHIFT);
}

static void answer_whole(struct sim_call *c)
{
    struct sl_buf *b = &c->sim->out;
    sl_buf_reset(b);
    c->billed = !c->count;
    c->out_tokens = c->count ? 0 : sim_completion_tokens(c) - c->reasoning;
    c->format->whole(c, b);
    if (b->over) {
        c->billed = c->usage_sent = false;
        sim_refuse(c, &sim_error_too_large);
        return;
    }
    if (!sim_fault_bytes(c, sl_buf_str(b), c->format->type))
        sim_answer(c, 200, c->format->type, sl_buf_str(b));
}

static int64_t with_jitter(struct sim *s, int64_t ns)
{
    uint64_t span = (uint64_t)ns / 100 * s->set.jitter_percent;
    return ns + (int64_t)sl_rand_below(&s->rand, span + 1);
}

void sim_make_id(struct sim_call *c, char *to, const char *prefix, unsigned digits)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789xX";
    size_t n = strlen(prefix);
    uint64_t r = 0;
    memcpy(to, prefix, n);
    for (unsigned i = 0; i < digits; i++) { /* ten digits of six bits out of each number */
        r = i % 10 == 0 ? sl_rand_next(&c->sim->rand) : r;
        to[n + i] = alphabet[r >> (6 * (i % 10)) & 63];
    }
    to[n + digits] = 0;
}

void sim_answer_begin(struct sim_call *c)
{
    const struct sim_settings *set = &c->sim->set;
    int64_t wait = set->ttft_ns > 0 ? with_jitter(c->sim, set->ttft_ns) : 0;
    if (c->format == &sim_chat)
        sim_make_id(c, c->id, "chatcmpl-", 29); /* as long as the real ones */
    else if (c->format == &sim_completion)
        sim_make_id(c, c->id, "cmpl-", 29);
    c->created = sl_loop_wall(c->sim->loop) / SL_SEC;
    if (!c->stream && set->token_ns > 0)
        wait += with_jitter(c->sim, set->token_ns * (int64_t)c->tokens);
    if (wait > 0)
        sim_after(c, wait, c->stream ? sim_stream_begin : answer_whole);
    else if (c->stream)
        sim_stream_begin(c);
    else
        answer_whole(c);
}

/* ---- a stream as a row of parts ---- */

static uint32_t pieces_of(const struct sim_call *c, const struct sim_part *p)
{
    switch (p->kind) {
    case PART_THINK:
        return c->think_pieces;
    case PART_TEXT:
        return c->text_pieces;
    case PART_TOOL:
        return sim_tool_pieces(&c->tools[p->tool]) - 1; /* without its name: that opens the part */
    }
    return 0;
}

static void next_beat(struct sim_call *c)
{
    struct sim_beat *at = &c->beat;
    at->sub = 0;
    switch (at->kind) {
    case BEAT_BEGIN:
        at->kind = c->n_parts > 0 ? BEAT_OPEN : BEAT_FINISH;
        return;
    case BEAT_OPEN:
        at->piece = 0;
        at->kind = pieces_of(c, &c->parts[at->part]) > 0 ? BEAT_PIECE : BEAT_CLOSE;
        return;
    case BEAT_PIECE:
        if (++at->piece == pieces_of(c, &c->parts[at->part]))
            at->kind = BEAT_CLOSE;
        return;
    case BEAT_CLOSE:
        at->kind = ++at->part < c->n_parts ? BEAT_OPEN : BEAT_FINISH;
        return;
    case BEAT_FINISH:
    case BEAT_OVER:
        at->kind = BEAT_OVER;
        return;
    }
}

/* Text counts piece by piece; a call whole, as soon as it begins: a provider made it whole. */
static void count_beat(struct sim_call *c)
{
    const struct sim_part *p = &c->parts[c->beat.part];
    if (c->beat.sub > 0)
        return;
    if (c->beat.kind == BEAT_OPEN && p->kind == PART_TOOL)
        c->out_tokens += sim_tool_tokens(&c->tools[p->tool]);
    else if (c->beat.kind == BEAT_PIECE && p->kind == PART_TEXT)
        c->out_tokens++;
}

bool sim_beat_event(struct sim_call *c, struct sl_buf *b,
                    bool (*write)(struct sim_call *c, struct sl_buf *b, struct sim_beat at))
{
    while (c->beat.kind != BEAT_OVER) {
        size_t before = b->n;
        count_beat(c);
        if (write(c, b, c->beat))
            c->beat.sub++;
        else
            next_beat(c);
        if (b->n > before || b->over)
            return !b->over;
    }
    return false;
}

bool sim_beat_paced(const struct sim_call *c)
{
    return c->beat.kind == BEAT_PIECE && c->beat.sub == 0;
}

uint32_t sim_shown_tokens(const struct sim_call *c)
{
    return c->out_tokens < UINT32_MAX ? (uint32_t)c->out_tokens : UINT32_MAX;
}
