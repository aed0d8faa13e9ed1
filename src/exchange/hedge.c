/* Hedging: while a stream of the first target is silent, or its whole answer not here, for longer than nearly always, a second target is
 * asked, and whoever has output first serves the client: of an answer that is no stream, all of it. The other one is cancelled; both are
 * attempts with their own rows in the ledger.
 *
 * The exchange knows one live attempt. The second one keeps to itself what it gets, looks only for output (the same watcher as
 * relay_same), and takes the first one's place when it has some, or when the first one fails: what it kept is then given to the same
 * callbacks as if it came just now. docs/internals/never-down.md. */
#include "exchange/exchange_int.h"
#include "ledger/price.h"
#include "upstream/health.h"

#define COST_MAX_P INT64_C(20000000000) /* 0.02 USD of input */
#define NEAR_FACTOR 4                   /* an estimate by bytes may be wrong by that */

struct hedge { /* in the exchange's arena */
    struct exchange *x;
    struct try *t;
    struct health_lane *first; /* borrow: whose silence it was */
    unsigned candidate;
    struct attempt *attempt;
    struct sl_arena arena; /* the attempt's own, and the watcher's */
    /* What TRY keeps of a live attempt. */
    struct sl_arena prepared;
    const struct dialect *up;
    struct body_pieces pieces;
    struct translation *translation;
    struct sl_str dropped, authorization;
    uint64_t token_number;
    bool usage_asked;
    /* The answer so far. */
    const struct http_response *head;
    struct sl_chunks held; /* own */
    struct relay_same watch;
    struct told told; /* own while t->told is set; to be counted where nothing is reported */
    struct aws_stream frames;
    bool ok, is_stream, is_framed;
    bool held_off; /* enough is kept */
    bool over;
    bool taken; /* it is the exchange's live attempt */
};

/* ---- what the attempt says ---- */

static void hear(struct hedge *h)
{
    told_init(&h->told, &h->arena);
    h->told.barred = true; /* nobody goes on from here */
    h->t->told = &h->told;
}

static void deafen(struct hedge *h)
{
    if (h->t->told != NULL)
        told_done(&h->told);
    h->t->told = NULL;
}

static void open_watch(struct hedge *h)
{
    size_t most = h->x->snap->set.event_bytes;
    relay_same_init(&h->watch, h->up, 0, &h->arena);
    relay_same_limit(&h->watch, most);
    hear(h);
    h->watch.told = &h->told;
    if (h->is_framed) {
        aws_stream_init(&h->frames, most);
        h->frames.plain = h->up->frames;
    }
}

static void close_watch(struct hedge *h)
{
    deafen(h);
    if (h->is_stream)
        relay_same_done(&h->watch);
    if (h->is_stream && h->is_framed)
        aws_stream_done(&h->frames);
    h->is_stream = false;
}

static void on_head(void *owner, const struct http_response *head)
{
    struct hedge *h = owner;
    if (h->taken) {
        exchange_attempt_owner.on_head(h->x, head);
        return;
    }
    struct sl_str type = http_headers_get(&head->headers, HN_CONTENT_TYPE);
    h->head = head;
    lanes_head(h->x, h->t, head);
    h->ok = head->status >= 200 && head->status < 300;
    h->is_framed = h->ok && (h->up->errors == ERRORS_ANTHROPIC || h->up->frames) && aws_stream_is(type);
    h->is_stream = h->ok && (h->is_framed || sl_str_starts_nocase(type, SL_STR("text/event-stream")));
    if (h->is_stream)
        open_watch(h);
}

static void watch(struct hedge *h, struct sl_str bytes)
{
    const struct iovec *v;
    int n;
    struct sl_str events = bytes;
    if (h->is_framed && aws_stream_feed(&h->frames, bytes, &events) != RELAY_MORE)
        h->held_off = true;
    if (events.n > 0)
        relay_same_feed(&h->watch, events, &v, &n);
}

/* All of an answer that is no stream, without an error in it; or so much of it that it would be shown. */
static bool is_answered(struct hedge *h)
{
    struct answer_facts f;
    if (!h->ok || exchange_asks_stream(h->x))
        return false;
    if (h->held_off)
        return true;
    if (!h->over || h->t->result.outcome != OUT_OK)
        return false;
    h->up->answer_decode(sl_chunks_flat(&h->held), &f);
    return f.valid && !f.error.found;
}

static bool has_output(struct hedge *h)
{
    if (!h->is_stream)
        return is_answered(h);
    return !h->watch.state.saw_error && (h->watch.state.saw_content || h->watch.state.saw_finish);
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct hedge *h = owner;
    if (h->taken) {
        exchange_attempt_owner.on_body(h->x, bytes);
        return;
    }
    bool fits = sl_chunks_add(&h->held, bytes.p, bytes.n) == SL_OK;
    if (h->is_stream)
        watch(h, bytes);
    if (!fits || (h->ok && h->held.n >= h->x->snap->set.hold_bytes))
        h->held_off = true;
    if (h->held_off)
        attempt_read(h->attempt, false);
    if (has_output(h) || h->held_off || (h->is_stream && h->watch.state.saw_error))
        exchange_wake(h->x, EV_HEDGE);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct hedge *h = owner;
    if (h->taken) {
        exchange_attempt_owner.on_over(h->x, r);
        return;
    }
    h->t->result = *r;
    h->over = true;
    exchange_wake(h->x, EV_HEDGE);
}

static const struct attempt_owner owner_calls = {.on_head = on_head, .on_body = on_body, .on_over = on_over};

/* ---- whether ---- */

bool hedge_may(const struct exchange *x)
{
    bool plain = x->op->generates && x->op->repeatable && x->facts.n <= 1 &&
                 (x->match.op != OP_RESPONSES || stored_forbidden(x));
    bool alone = x->spill == NULL && x->rescue == NULL && x->fan == NULL && x->turns == NULL && x->media == NULL &&
                 !x->stored.run && x->stored.provider.n == 0 && x->n_tries == 1 && !x->committed;
    return x->snap->set.hedge && plain && alone && !x->snap->set.open_synced && x->snap->lanes != NULL &&
           x->estimate_input <= x->snap->set.hedge_input_tokens;
}

/* What its prompt may cost there: as reserved, which is as written to a cache where that is dearer. */
static int64_t input_cost(const struct try *t)
{
    struct usage input = t->reservation.usage;
    input.output = input.reasoning = 0;
    return price_of(t->price, &input, NULL).cost_p;
}

/* Near the bound the prompt is counted in the target's own tokens. Without a price there is no bound but hedge_input_tokens. */
static bool is_cheap(struct exchange *x, struct try *t)
{
    if (input_cost(t) > COST_MAX_P / NEAR_FACTOR)
        guess_reservation(x, t);
    return input_cost(t) <= COST_MAX_P;
}

/* The next candidate that is up; -1: none. */
static int next_up(struct exchange *x)
{
    for (unsigned i = x->at_candidate + 1; i < x->plan.n; i++) {
        const struct route_candidate *c = &x->plan.candidates[i];
        const struct snapshot_provider *at = &x->snap->providers[c->provider_index];
        const struct dialect *up = translate_dialect(x, &at->provider, c->model);
        if (lanes_is_up(x, i) && at->login == NULL && up != NULL &&
            (up->stream_watch != NULL || !exchange_asks_stream(x)))
            return (int)i;
    }
    return -1;
}

int64_t hedge_due(const struct exchange *x)
{
    const struct try *t = x->current;
    if (t->hedge_after_ns == 0 || x->hedged || x->over || x->state != XS_TRY)
        return SL_NEVER;
    if (x->head != NULL && (!x->is_stream || x->seen->saw_content || x->relay_bad))
        return SL_NEVER;
    return t->began_ns + t->hedge_after_ns;
}

/* ---- starting ---- */

struct live { /* what of the exchange belongs to its live attempt and is written when a request is prepared */
    struct sl_arena arena;
    const struct dialect *up;
    struct body_pieces pieces;
    struct translation *translation;
    struct sl_str dropped, authorization;
    struct error_facts refused;
    uint64_t token_number;
    unsigned at_candidate, tries_here;
    bool usage_asked;
};

static struct live live_of(const struct exchange *x)
{
    return (struct live){
        .arena = x->attempt_arena,
        .up = x->up,
        .pieces = x->pieces,
        .translation = x->translation,
        .dropped = x->dropped,
        .authorization = x->authorization,
        .refused = x->refused,
        .token_number = x->token_number,
        .at_candidate = x->at_candidate,
        .tries_here = x->tries_here,
        .usage_asked = x->usage_asked,
    };
}

static void make_live(struct exchange *x, const struct live *l)
{
    x->attempt_arena = l->arena;
    x->up = l->up;
    x->pieces = l->pieces;
    x->translation = l->translation;
    x->dropped = l->dropped;
    x->authorization = l->authorization;
    x->refused = l->refused;
    x->token_number = l->token_number;
    x->at_candidate = l->at_candidate;
    x->tries_here = l->tries_here;
    x->usage_asked = l->usage_asked;
}

/* With the exchange's fields being the second attempt's. False: it cannot be asked. */
static bool send_second(struct exchange *x, struct hedge *h)
{
    sl_arena_init(&x->attempt_arena, x->env->arenas);
    x->authorization = SL_STR_NONE;
    bool can = translate_request(x, &x->plan.candidates[x->at_candidate]);
    if (media_is_asked(x)) /* it would have to be fetched first: it is, should this candidate's turn come */
        media_unask(x);
    struct try *t = can ? try_new(x) : NULL;
    if (t != NULL && !(is_cheap(x, t) && try_append_open(x, t))) {
        x->n_tries--;
        t = NULL;
    }
    if (t == NULL) {
        sl_arena_done(&x->attempt_arena);
        return false;
    }
    sl_arena_init(&h->arena, x->env->arenas);
    sl_chunks_init(&h->held, SIZE_MAX / 4, x->env->chunks);
    h->t = t;
    h->candidate = x->at_candidate;
    h->up = x->up;
    h->pieces = x->pieces;
    h->translation = x->translation;
    h->dropped = x->dropped;
    h->authorization = x->authorization;
    h->token_number = x->token_number;
    h->usage_asked = x->usage_asked;
    h->attempt = try_send(x, t, &h->arena, &owner_calls, h);
    h->prepared = x->attempt_arena;
    return true;
}

void hedge_start(struct exchange *x)
{
    int64_t now = sl_loop_now(x->env->loop);
    struct try *first = x->current;
    if (hedge_due(x) > now)
        return;
    x->hedged = true; /* once, whatever comes of it */
    int next = hedge_may(x) ? next_up(x) : -1;
    if (next < 0 || first->lane == NULL || !health_hedge_late(first->lane, now))
        return;
    struct hedge *h = SL_ARENA_NEW(x->a, struct hedge);
    const struct live l = live_of(x);
    h->x = x;
    h->first = first->lane;
    x->at_candidate = (unsigned)next;
    bool sent = send_second(x, h);
    make_live(x, &l);
    if (!sent) {
        health_hedge_back(h->first);
        return;
    }
    x->hedge = h;
    first->why = "silent for long: another target is asked, too";
    tel_add(x->env->tel, TEL_HEDGES, 1);
}

/* ---- ending ---- */

/* An answer that came whole and was not needed: it is billed all the same. */
static void note_whole(struct hedge *h)
{
    struct answer_facts f;
    if (!h->ok || !h->over || h->t->result.outcome != OUT_OK)
        return;
    h->up->answer_decode(sl_chunks_flat(&h->held), &f);
    h->t->counts = f.usage;
    h->t->output_bytes = f.content_bytes;
    h->t->output_events = 1;
    if (f.usage.found)
        return;
    hear(h);
    if (told_answer(&h->told, h->up, sl_chunks_flat(&h->held)))
        h->t->output_bytes = h->told.bytes;
}

static void note_usage(struct hedge *h)
{
    if (!h->is_stream) {
        note_whole(h);
        return;
    }
    const struct relay_state *s = &h->watch.state;
    h->t->counts = s->usage;
    h->t->report_is_early = s->unreported > 0 && !s->saw_finish;
    h->t->output_bytes = s->output_bytes;
    h->t->output_events = s->events;
}

/* The second attempt is over and was not taken. */
static void drop(struct hedge *h)
{
    struct exchange *x = h->x;
    note_usage(h);
    try_close(x, h->t);
    close_watch(h);
    attempt_free(h->attempt);
    sl_chunks_done(&h->held);
    sl_arena_done(&h->arena);
    sl_arena_done(&h->prepared);
    health_hedge_end(h->first, false);
    tel_gauge_add(x->env->tel, TEL_ATTEMPTS_LIVE, -1);
    x->hedge = NULL;
}

void hedge_end(struct exchange *x)
{
    struct hedge *h = x->hedge;
    if (h == NULL)
        return;
    if (!h->over)
        attempt_cancel(h->attempt, false, &h->t->result);
    try_note_answer(x, h->t, h->head);
    h->t->outcome = OUT_CANCELLED;
    h->t->why = x->gone || x->timed_out ? "the request is over" : "another target was first";
    drop(h);
}

static enum outcome judge(struct hedge *h)
{
    struct exchange *x = h->x;
    if (h->over && h->t->result.outcome != OUT_OK)
        return h->t->result.outcome;
    if (h->head != NULL && !h->ok)
        return try_judge(x, h->t, h->head, sl_chunks_flat(&h->held), &h->arena);
    if (h->is_stream && h->watch.state.saw_error)
        return try_judge_error(x, h->t, h->head, &h->watch.state.error);
    struct answer_facts f = {.valid = false};
    if (h->ok && !h->is_stream)
        h->up->answer_decode(sl_chunks_flat(&h->held), &f);
    if (f.error.found)
        return try_judge_error(x, h->t, h->head, &f.error);
    return h->is_stream && h->over ? OUT_TRUNCATED : OUT_MALFORMED;
}

/* It has failed, and the first one is still waited for. */
static void fail(struct hedge *h)
{
    struct exchange *x = h->x;
    enum outcome o = judge(h);
    if (!h->over)
        attempt_cancel(h->attempt, false, &h->t->result);
    try_note_answer(x, h->t, h->head);
    h->t->outcome = o;
    h->t->why = "the first one is still waited for";
    h->t->error = (struct answer_error){.found = false};
    x->hedge_failed = h->candidate;
    drop(h);
}

bool hedge_is_on(const struct exchange *x)
{
    return x->hedge != NULL;
}

bool hedge_look(struct exchange *x)
{
    struct hedge *h = x->hedge;
    if (h == NULL)
        return false;
    if (has_output(h))
        return true;
    if (h->over || h->held_off || (h->is_stream && h->watch.state.saw_error))
        fail(h);
    return false;
}

void hedge_take(struct exchange *x, bool won)
{
    struct hedge *h = x->hedge;
    const struct live l = {
        .arena = h->prepared,
        .up = h->up,
        .pieces = h->pieces,
        .translation = h->translation,
        .dropped = h->dropped,
        .authorization = h->authorization,
        .token_number = h->token_number,
        .at_candidate = h->candidate,
        .tries_here = 1,
        .usage_asked = h->usage_asked,
    };
    x->hedge = NULL;
    x->taken = h;
    h->taken = true;
    close_watch(h);
    make_live(x, &l);
    x->current = h->t;
    x->attempt = h->attempt;
    health_hedge_end(h->first, won);
    if (won)
        tel_add(x->env->tel, TEL_HEDGES_WON, 1);
    if (h->head != NULL)
        exchange_attempt_owner.on_head(x, h->head);
    if (h->held.n > 0)
        exchange_attempt_owner.on_body(x, sl_chunks_flat(&h->held));
    sl_chunks_done(&h->held);
    if (h->over)
        exchange_attempt_owner.on_over(x, &h->t->result);
    else if (h->held_off && !x->client_full)
        attempt_read(h->attempt, true);
}

void hedge_release(struct exchange *x)
{
    if (x->taken != NULL)
        sl_arena_done(&x->taken->arena);
    x->taken = NULL;
}
