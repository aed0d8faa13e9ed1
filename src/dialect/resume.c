#include "dialect/resume.h"

#include "dialect/json_tree.h"

#define RESTART_WINDOW 200u /* bytes of the beginning that are compared, and ... */
#define RESTART_SHARE 60u   /* ... percent of them that make it the same */
#define BYTES_OF_A_TOKEN 4u

/* -- Comparing -------------------------------------------------------------------------------------------------------------------- */

/* Any run of blanks counts as one. to: as long as s; at: where in s each byte is, or NULL. */
static size_t fold(struct sl_str s, char *to, uint16_t *at)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool blank = sl_is_blank(s.p[i]);
        if (blank && n > 0 && to[n - 1] == ' ')
            continue;
        if (at != NULL)
            at[n] = (uint16_t)i;
        to[n++] = blank ? ' ' : s.p[i];
    }
    return n;
}

static size_t characters(const char *p, size_t n)
{
    size_t chars = 0;
    for (size_t i = 0; i < n; i++)
        chars += ((unsigned char)p[i] & 0xc0u) != 0x80u;
    return chars;
}

/* How many bytes of `next` repeat the end of `told`. */
static size_t resume_overlap(struct sl_str told, struct sl_str next)
{
    char end[RESUME_HELD], begin[RESUME_HELD];
    uint16_t at[RESUME_HELD];
    bool all = told.n <= RESUME_HELD;
    struct sl_str tail = all ? told : sl_str_from(told, told.n - RESUME_HELD);
    struct sl_str head = sl_str_head(next, RESUME_HELD);
    size_t n_end = fold(tail, end, NULL), n_begin = fold(head, begin, at);
    for (size_t k = n_end < n_begin ? n_end : n_begin; k > 0; k--) {
        bool enough = characters(begin, k) >= RESUME_OVERLAP || (all && k == n_end);
        if (enough && memcmp(end + n_end - k, begin, k) == 0)
            return k < n_begin ? at[k] : head.n;
    }
    return 0;
}

/* Whether `next` is the same answer from its beginning. */
static bool resume_restarts(struct sl_str told, struct sl_str next)
{
    char first[RESTART_WINDOW], begin[RESTART_WINDOW];
    size_t n_first = fold(sl_str_head(told, RESTART_WINDOW), first, NULL);
    size_t n_begin = fold(sl_str_head(next, RESTART_WINDOW), begin, NULL), same = 0;
    while (same < n_first && same < n_begin && first[same] == begin[same])
        same++;
    return characters(first, same) >= RESUME_OVERLAP && same * 100 >= n_first * RESTART_SHARE;
}

/* -- Joining ---------------------------------------------------------------------------------------------------------------------- */

void resume_init(struct resume *r, struct sl_arena *a, struct sl_str told)
{
    *r = (struct resume){.told = told, .a = a};
    sl_buf_init(&r->held, 4 * RESUME_HELD);
}

void resume_again(struct resume *r)
{
    sl_buf_reset(&r->held);
    r->begun = r->restarted = r->has_block = false;
}

void resume_done(struct resume *r)
{
    sl_buf_done(&r->held);
}

static void give_text(struct resume *r, struct sl_str plain, const struct neutral_sink *to)
{
    if (plain.n > 0)
        neutral_put(to, &(struct neutral_event){.kind = NE_TEXT, .block = r->block, .text = json_escape(plain, r->a)});
}

/* The model was not shown the blanks at the end of what was told: it says them again, or others in their place. */
static struct sl_str without_blanks(struct sl_str told, struct sl_str s)
{
    size_t n = 0;
    while (n < told.n && sl_is_blank(told.p[told.n - 1 - n]))
        n++;
    if (n > 0 && sl_str_starts(s, sl_str_from(told, told.n - n)))
        return sl_str_from(s, n);
    while (n > 0 && s.n > 0 && sl_is_blank(s.p[0]))
        s = sl_str_from(s, 1);
    return s;
}

static void release(struct resume *r, const struct neutral_sink *to)
{
    if (r->begun || r->restarted)
        return;
    struct sl_str next = sl_buf_str(&r->held);
    size_t cut = r->told.n > 0 ? resume_overlap(r->told, next) : 0;
    if (cut == 0 && resume_restarts(r->told, next)) {
        r->restarted = true;
        return;
    }
    r->begun = true;
    next = sl_str_from(next, cut);
    give_text(r, cut > 0 ? next : without_blanks(r->told, next), to);
}

void resume_flush(struct resume *r, const struct neutral_sink *to)
{
    if (!r->turn)
        release(r, to);
}

static void take_text(struct resume *r, const struct neutral_event *e, const struct neutral_sink *to)
{
    if (!r->has_block)
        r->first_block = e->block;
    r->has_block = true;
    r->begun |= r->anew;
    if (r->begun) {
        struct neutral_event later = *e;
        later.block = r->block + r->anew + (e->block - r->first_block);
        neutral_put(to, &later);
        return;
    }
    struct sl_str plain = json_plain(e->text, r->a);
    if (plain.n > r->held.max - r->held.n) { /* one huge piece: all of it is compared by its beginning */
        struct sl_buf more;
        sl_buf_init(&more, plain.n + r->held.n + 1);
        (void)sl_buf_adds(&more, sl_buf_str(&r->held));
        (void)sl_buf_adds(&more, plain);
        sl_buf_done(&r->held);
        r->held = more;
    } else {
        (void)sl_buf_adds(&r->held, plain);
    }
    if (r->held.n >= RESUME_HELD)
        release(r, to);
}

static struct token_counts together(const struct token_counts *a, const struct token_counts *b)
{
    struct token_counts sum = *b;
    if (!a->found || !b->found)
        return sum;
    sum.estimated |= a->estimated;
    sum.prompt += a->prompt;
    sum.completion += a->completion;
    sum.total = sum.prompt + sum.completion;
    sum.cached += a->cached;
    sum.cache_write += a->cache_write;
    sum.cache_write_1h += a->cache_write_1h;
    sum.reasoning += a->reasoning;
    sum.audio_prompt += a->audio_prompt;
    sum.image_prompt += a->image_prompt;
    return sum;
}

static void put_turn(struct resume *r, const struct neutral_event *e, const struct neutral_sink *to)
{
    struct neutral_event changed = *e;
    if (e->kind == NE_START)
        return;
    r->begun |= e->kind != NE_PING && e->kind != NE_USAGE;
    changed.block += r->block;
    changed.call += r->call;
    if (e->kind == NE_USAGE)
        changed.usage = together(&r->past, &e->usage);
    neutral_put(to, &changed);
}

void resume_add_past(struct resume *r, const struct token_counts *used)
{
    r->past = together(&r->past, used);
}

void resume_put(struct resume *r, const struct neutral_event *e, const struct neutral_sink *to)
{
    struct neutral_event changed = *e;
    if (r->turn) {
        put_turn(r, e, to);
        return;
    }
    switch (e->kind) {
    case NE_START:
    case NE_REASONING:
    case NE_SIGNATURE:
    case NE_REDACTED:
        return;
    case NE_TEXT:
        take_text(r, e, to);
        return;
    case NE_PING:
        neutral_put(to, e);
        return;
    case NE_USAGE:
        changed.usage = together(&r->past, &e->usage);
        neutral_put(to, &changed);
        return;
    default:
        release(r, to);
        if (r->restarted)
            return;
        changed.block = r->block + 1 + e->block; /* never that of the text */
        neutral_put(to, &changed);
    }
}

/* -- Asking ----------------------------------------------------------------------------------------------------------------------- */

static struct neutral_message *text_message(enum neutral_role role, struct sl_str plain, struct sl_arena *a)
{
    struct neutral_message *m = SL_ARENA_NEW(a, struct neutral_message);
    m->role = role;
    m->parts = SL_ARENA_NEW(a, struct neutral_part);
    m->parts->kind = NP_TEXT;
    m->parts->text = json_escape(plain, a);
    return m;
}

/* Nodes of the list are the client's request's, which others read again: copied to *to. Gives where the next one goes. */
static struct neutral_message **copy_messages(const struct neutral_message *from, struct neutral_message **to,
                                              struct sl_arena *a)
{
    *to = NULL;
    for (; from != NULL; from = from->next) {
        *to = SL_ARENA_NEW(a, struct neutral_message);
        **to = *from;
        (*to)->next = NULL;
        to = &(*to)->next;
    }
    return to;
}

/* A model that is to think first cannot begin with words that are given. */
static bool goes_on_by_itself(const struct neutral_request *req, const struct model_caps *caps)
{
    const struct neutral_reasoning *r = &req->reasoning;
    bool thinks = r->effort > EFFORT_NONE || r->budget > 0 || r->budget == -2;
    return caps_has(caps, CAP_PREFILL) && !thinks;
}

bool resume_is_prefill(const struct neutral_request *req)
{
    const struct neutral_message *m = req->messages;
    while (m != NULL && m->next != NULL)
        m = m->next;
    return m != NULL && m->role == NR_ASSISTANT;
}

struct neutral_request *resume_request(const struct neutral_request *req, const struct model_caps *caps,
                                       enum resume_how how, struct sl_str told, struct sl_arena *a)
{
    struct neutral_request *again = SL_ARENA_NEW(a, struct neutral_request);
    struct sl_str shown = told;
    *again = *req;
    while (shown.n > 0 && sl_is_blank(shown.p[shown.n - 1]))
        shown.n--;
    struct neutral_message **end = copy_messages(req->messages, &again->messages, a);
    *end = text_message(NR_ASSISTANT, shown.n > 0 ? shown : told, a);
    if (how == RESUME_BY_WORDS || !goes_on_by_itself(req, caps))
        (*end)->next =
            text_message(NR_USER,
                         SL_STR("Your last message was cut off. Go on with it exactly where it stops, in its "
                                "language and form: repeat nothing, comment nothing, do not begin anew."),
                         a);
    uint64_t used = told.n / BYTES_OF_A_TOKEN;
    if (again->max_output > 0)
        again->max_output = again->max_output > used + 1 ? again->max_output - used : 1;
    return again;
}
