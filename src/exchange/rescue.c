/* A provider fails in the middle of a stream that the client sees: another one goes on with it, or the client is told that it
 * broke off; never a clean ending. docs/internals/never-down.md.
 *
 *   RELAY ── broken ──► rescue_begin ──► TRY (the next target, asked to go on) ──► RELAY, joined by dialect/resume.h
 *                            │               └─ none goes on ──► SETTLE, the error of the first break in the client's form
 *                            └─ cannot be taken up ──► SETTLE, the same
 *
 * Once per exchange. Text only: not inside of a call, of structured output, or of one of several answers. */
#include "dialect/json_tree.h"
#include "dialect/relay_translate.h"
#include "exchange/exchange_int.h"

struct rescue {
    struct resume resume;
    struct sl_arena kept; /* of the first attempt, when the client's writer lives in it */
    bool has_kept;
    struct translation *side; /* the client's side: what the writer was made with */
    enum outcome broke;       /* why the first one ended */
    struct sl_str words;      /* its error event, in the client's format; empty: none */
    enum resume_how how;
    bool by_prefill; /* the live attempt was asked to go on by a prefill */
    bool told_client;
    bool turns; /* nothing broke: the same target goes on with its turn (turns.c) */
};

/* ---- whether ---- */

void rescue_listen(struct exchange *x)
{
    bool texts = x->is_stream && x->out_stream && x->op->generates && x->dialect->codec != NULL && x->rescue == NULL;
    bool wanted = x->terms.rescue <= RESCUE_RESTART && x->facts.n <= 1 &&
                  !(x->match.stream_array && x->translation == NULL);
    if (!texts)
        return;
    if (x->told_on)
        told_done(&x->told);
    told_init(&x->told, x->a);
    x->told.barred = !wanted; /* kept to be counted */
    x->told_on = true;
    if (x->translation != NULL) {
        x->foreign.told = &x->told;
        return;
    }
    x->relay.told = &x->told;
    x->told.unended = x->relay.unended;
}

static bool is_rescuable(enum outcome o)
{
    switch (o) {
    case OUT_OVERLOADED:
    case OUT_SERVER_ERROR:
    case OUT_RATE_LIMITED:
    case OUT_QUOTA_EXHAUSTED:
    case OUT_BAD_CREDENTIALS:
    case OUT_FORBIDDEN:
    case OUT_MODEL_GONE:
    case OUT_BETWEEN_TIMEOUT:
    case OUT_FIRST_TOKEN_TIMEOUT:
    case OUT_STALLED:
    case OUT_RESET:
    case OUT_TRUNCATED:
    case OUT_MALFORMED:
    case OUT_STREAM_ERROR:
        return true;
    default:
        return false;
    }
}

static bool is_plain_text(const struct exchange *x)
{
    const struct neutral_request *n = x->neutral;
    return n->n <= 1 && n->format <= NF_TEXT && n->logprobs != SAID_YES && !n->wants_audio && !n->wants_image &&
           !n->background;
}

static bool is_spent(struct exchange *x)
{
    const struct retry_policy *p = &x->snap->retry;
    return p->cost_p > 0 && retry_is_spent(p, try_cost_now(x, try_current(x)));
}

bool rescue_can(struct exchange *x, enum outcome o)
{
    bool may = x->told_on && x->committed && x->rescue == NULL && !x->timed_out && !x->gone && is_rescuable(o) &&
               !x->told.barred && !x->told.finished && x->n_tries < x->snap->retry.attempts;
    return may && !is_spent(x) && translate_read(x) && is_plain_text(x);
}

/* ---- beginning ---- */

static struct token_counts counts_of(const struct usage *u)
{
    const uint64_t *c = u->by_class;
    return (struct token_counts){
        .found = true,
        .prompt = c[TC_INPUT] + c[TC_CACHE_READ] + c[TC_CACHE_WRITE],
        .completion = c[TC_OUTPUT] + c[TC_REASONING],
        .estimated = (u->flags & USAGE_ESTIMATED) != 0,
        .cached = c[TC_CACHE_READ],
        .cache_write = c[TC_CACHE_WRITE],
        .reasoning = c[TC_REASONING],
    };
}

/* The writer that the client's stream goes on with, and what it was made with. False: there is none. */
static bool keep_writer(struct exchange *x, struct rescue *r)
{
    size_t max = x->snap->set.event_bytes;
    if (x->translation != NULL) {
        r->side = x->translation;
        relay_translate_done(&x->foreign);
        x->relay_live = false;
        if (x->is_framed)
            aws_stream_done(&x->frames);
        r->kept = x->attempt_arena;
        r->has_kept = true;
        r->side->a = r->side->notes->a = &r->kept; /* the writer goes on in it; the exchange's is of the next attempt */
        sl_arena_init(&x->attempt_arena, x->env->arenas);
    } else {
        relay_release(x);
        r->side = translate_side(x);
        x->foreign.writer = NULL;
    }
    bool can = relay_translate_keep(&x->foreign, r->side, &x->told, max);
    x->foreign.told = &x->told;
    return can;
}

bool rescue_begin(struct exchange *x, enum outcome o)
{
    struct try *t = try_current(x);
    struct rescue *r = SL_ARENA_NEW(x->a, struct rescue);
    t->outcome = o;
    t->why = "another target goes on";
    if (!x->over)
        attempt_cancel(x->attempt, false, &t->result);
    x->over = true;
    try_note_head(x, t);
    relay_note_usage(x, t);
    try_close(x, t);
    r->broke = o;
    r->words = x->translation == NULL ? sl_arena_str(x->a, x->seen->error_event) : SL_STR_NONE;
    bool can = keep_writer(x, r);
    x->rescue = r;
    resume_init(&r->resume, x->a, json_plain(sl_buf_str(&x->told.text), x->a));
    r->resume.block = x->told.block;
    r->resume.past = counts_of(&t->settled.usage);
    r->resume.anew = x->terms.rescue == RESCUE_RESTART;
    if (!can)
        return false;
    try_drop(x);
    if (x->at_candidate + 1 < x->plan.n) {
        x->at_candidate++;
        x->tries_here = 0;
    }
    tel_add(x->env->tel, TEL_RESCUES, 1);
    return true;
}

bool rescue_turn(struct exchange *x)
{
    struct try *t = try_current(x);
    struct rescue *r = x->rescue;
    t->outcome = OUT_OK;
    t->why = "the turn goes on";
    try_note_head(x, t);
    relay_note_usage(x, t);
    try_close(x, t);
    if (r == NULL) {
        r = SL_ARENA_NEW(x->a, struct rescue);
        resume_init(&r->resume, x->a, SL_STR_NONE);
        r->turns = r->resume.turn = true;
        r->broke = OUT_TRUNCATED;
        SL_CHECK(keep_writer(x, r)); /* the relay that ran had one */
        x->rescue = r;
    }
    const struct token_counts used = counts_of(&t->settled.usage);
    resume_add_past(&r->resume, &used);
    try_drop(x);
    x->tries_here = 0;
    return true;
}

/* ---- under way ---- */

struct sl_str rescue_asked(const struct exchange *x)
{
    return x->rescue != NULL ? x->rescue->resume.told : SL_STR_NONE;
}

void rescue_asks(struct exchange *x, struct translation *t)
{
    struct rescue *r = x->rescue;
    if (r == NULL || r->turns || r->resume.told.n == 0 || x->terms.rescue == RESCUE_RESTART)
        return;
    t->req = resume_request(x->neutral, t->caps, r->how, r->resume.told, t->a);
    r->by_prefill = resume_is_prefill(t->req);
}

void rescue_open(struct exchange *x)
{
    struct rescue *r = x->rescue;
    if (!x->is_stream) { /* it was to go on as a stream */
        x->relay_bad = true;
        x->bad_outcome = OUT_MALFORMED;
        exchange_wake(x, EV_STREAM_END);
        return;
    }
    resume_again(&r->resume);
    if (r->turns) {
        r->resume.block = x->foreign.blocks;
        r->resume.call = x->foreign.calls;
    }
    relay_translate_begin_again(&x->foreign, x->translation, &r->resume, x->snap->set.event_bytes);
    x->foreign.keeps_turn = r->turns && turns_listens(x);
    x->seen = &x->foreign.state;
    x->relay_live = true;
}

bool rescue_is_joined(const struct exchange *x)
{
    return x->rescue != NULL && x->rescue->resume.begun;
}

/* What the client is told where the seam is: a comment, which no decoder shows. Gemini's clients choke on comments. */
struct sl_str rescue_seam(struct exchange *x)
{
    struct rescue *r = x->rescue;
    if (r->told_client || r->turns || x->match.errors == ERRORS_GEMINI)
        return SL_STR_NONE;
    r->told_client = true;
    const struct route_candidate *c = try_current(x)->candidate;
    return sl_arena_printf(x->a, ": sluice: " SL_STR_FMT "/" SL_STR_FMT " %s\n\n", SL_STR_ARG(c->provider),
                           SL_STR_ARG(c->model),
                           x->terms.rescue == RESCUE_RESTART ? "begins the answer anew" : "goes on");
}

enum rescue_next rescue_after(struct exchange *x, enum outcome o)
{
    struct rescue *r = x->rescue;
    if (r->turns)
        r->broke = o;
    if (x->n_tries - turns_answered(x) >= x->snap->retry.attempts || is_spent(x))
        return RESCUE_OVER;
    if (r->turns)
        return is_rescuable(o) ? RESCUE_SAME : RESCUE_OVER;
    if (o == OUT_CLIENT_FAULT && r->by_prefill && r->how == RESUME_BY_MODEL) {
        r->how = RESUME_BY_WORDS;
        return RESCUE_SAME;
    }
    return x->at_candidate + 1 < x->plan.n ? RESCUE_NEXT : RESCUE_OVER;
}

/* ---- ending ---- */

enum outcome rescue_broke(const struct exchange *x)
{
    return x->rescue->broke;
}

struct sl_str rescue_error(struct exchange *x, const struct error_facts *f)
{
    struct rescue *r = x->rescue;
    if (r->words.n > 0)
        return r->words;
    if (x->foreign.writer == NULL || f->in_array)
        return error_event(x->a, x->match.errors, f);
    x->foreign.t = r->side;
    return sl_arena_str(x->a, relay_translate_error(&x->foreign, f));
}

void rescue_drop(struct exchange *x)
{
    struct rescue *r = x->rescue;
    if (x->told_on)
        told_done(&x->told);
    x->told_on = false;
    if (r == NULL)
        return;
    relay_translate_done(&x->foreign);
    resume_done(&r->resume);
    if (r->has_kept)
        sl_arena_done(&r->kept);
    x->rescue = NULL;
}
