/* What a session costs: each response has an open record before it is asked for (or when the provider says that it has begun one by
 * itself), and a close record when it is done. Written as try_ledger.c writes those of attempts. */
#include "base/log.h"
#include "exchange/session.h"
#include "ledger/money.h"
#include "tokens/estimate.h"

#define AUDIO_BYTES_PER_MS 64u /* base64 of 24 kHz, 16 bit */

/* ---- ids ---- */

static void id_set(struct session_id *id, struct sl_str text)
{
    id->n = (unsigned)(text.n < SESSION_ID_MAX ? text.n : SESSION_ID_MAX);
    if (id->n > 0)
        memcpy(id->text, text.p, id->n);
}

static bool id_is(const struct session_id *id, struct sl_str text)
{
    return text.n > 0 && sl_str_eq(sl_str_of(id->text, id->n), sl_str_head(text, SESSION_ID_MAX));
}

/* ---- turns ---- */

static struct session_turn *turn_take(struct exchange *x, const struct session_wish *w)
{
    struct exchange_session *s = x->session;
    struct session_turn *t = s->free_turns;
    if (t != NULL)
        s->free_turns = t->next;
    else
        t = SL_ARENA_NEW(x->a, struct session_turn);
    const struct sl_buf text = t->text; /* its memory is used again */
    *t = (struct session_turn){
        .wall_ns = sl_loop_wall(x->env->loop),
        .began_ns = sl_loop_now(x->env->loop),
        .first_ns = -1,
        .candidate = w->candidate,
        .price = w->price,
        .model = w->model,
        .estimate_input = w->estimate_input,
        .max_output = w->max_output,
        .text = text,
    };
    if (t->text.max > 0)
        sl_buf_reset(&t->text);
    t->id = sl_id_make(t->wall_ns, &x->env->loop->rand);
    struct session_turn **at = &s->turns;
    while (*at != NULL)
        at = &(*at)->next;
    *at = t;
    s->n_turns++;
    return t;
}

/* What the session began with. */
static struct session_wish first_wish(struct exchange *x)
{
    const struct try *t = try_current(x);
    return (struct session_wish){.model = x->facts.model, .candidate = t->candidate, .price = t->price};
}

struct session_turn *session_turn_newest(const struct exchange *x)
{
    struct session_turn *t = x->session->turns;
    while (t != NULL && t->next != NULL)
        t = t->next;
    return t;
}

static void turn_drop(struct exchange *x, struct session_turn *t)
{
    struct exchange_session *s = x->session;
    struct session_turn **at = &s->turns;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    s->n_turns--;
    t->next = s->free_turns;
    s->free_turns = t;
}

/* Not those that are complete and wait for nothing but their usage. */
unsigned session_turns_live(const struct exchange *x)
{
    unsigned n = 0;
    for (const struct session_turn *t = x->session != NULL ? x->session->turns : NULL; t != NULL; t = t->next)
        n += !t->over;
    return n;
}

/* The conversation as far as it is known: reported, and what the client has said since. */
static void context_of(const struct exchange_session *s, const struct session_turn *t, struct usage *u)
{
    u->input = s->context + t->estimate_input + (s->text_bytes > 0 ? tokens_estimate_input(s->text_bytes, 1) : 0);
    u->audio_in = s->audio_bytes / REALTIME_AUDIO_BYTES_PER_TOKEN;
}

/* ---- records ---- */

/* What nobody asked for cannot be refused any more. */
static bool may_cost(struct exchange *x, struct session_turn *t, bool asked)
{
    if (asked)
        return budget_reserve(x, t->wall_ns, &t->reservation, &t->spend);
    budget_count(x, t->wall_ns, &t->reservation, &t->spend);
    return true;
}

/* False: the journal takes nothing, and nothing may go unrecorded; or the tenant's budget has no room for it (x->budget_until_ns). */
static bool append_open(struct exchange *x, struct session_turn *t, struct sl_str target, bool asked)
{
    unsigned char bytes[ENTRY_OPEN_MAX];
    struct exchange_session *s = x->session;
    struct usage read = {.flags = USAGE_ESTIMATED};
    context_of(s, t, &read);
    uint64_t input = usage_input_total(&read);
    t->reservation = reserve_estimate(
        &(struct reserve_facts){.price = t->price, .input_tokens = input, .max_output = t->max_output});
    if (!may_cost(x, t, asked))
        return false;
    const struct entry_open e = {
        .attempt = t->id,
        .exchange = x->id,
        .key = x->key->id,
        .wall_ns = t->wall_ns,
        .estimate_input = input,
        .estimate_cost_p = t->reservation.cost.cost_p,
        .flags = ENTRY_STREAM,
        .worker = (uint16_t)x->env->worker,
        .number = ++s->number,
        .tenant = x->key->tenant,
        .model = t->model,
        .provider = t->candidate->provider,
        .target = target,
        .operation = x->op->name,
        .price_version = price_catalog_version(x->epoch->prices)->text,
    };
    size_t n = entry_open_encode(&e, bytes);
    t->is_open = journal_append(x->env->journal, JOURNAL_OPENS, ENTRY_OPEN, sl_str_of(bytes, n), &t->opened_at) ==
                 SL_OK;
    tel_add(x->env->tel, t->is_open ? TEL_JOURNAL_RECORDS : TEL_JOURNAL_REFUSED, 1);
    if (!t->is_open && !x->snap->set.full_refuses)
        SL_LOG(SL_LOG_ERROR, "ledger.unrecorded", SL_LS("provider", t->candidate->provider), SL_LS("model", target));
    if (!t->is_open && x->snap->set.full_refuses)
        budget_settle(&t->spend, t->wall_ns, &t->reservation, 0);
    return t->is_open || !x->snap->set.full_refuses;
}

static void append_close(struct exchange *x, struct session_turn *t, const struct settlement *settled, enum outcome o)
{
    unsigned char bytes[ENTRY_CLOSE_MAX];
    int64_t duration = sl_loop_now(x->env->loop) - t->began_ns;
    bool cut = o == OUT_CLIENT_GONE || o == OUT_CANCELLED || o == OUT_TRUNCATED;
    uint32_t flags = entry_flags_of(settled->usage.flags, settled->cost.flags);
    if (!settled->billed)
        flags &= ~(uint32_t)(ENTRY_USAGE_MISSING | ENTRY_UNPRICED);
    const struct entry_close e = {
        .attempt = t->id,
        .wall_ns = t->wall_ns + duration,
        .cost_p = settled->cost.cost_p,
        .duration_ns = duration,
        .first_token_ns = t->first_ns >= 0 ? t->first_ns - t->began_ns : -1,
        .bytes_in = t->bytes_in,
        .flags = flags | ENTRY_STREAM | (cut ? ENTRY_INTERRUPTED : 0u),
        .status = 101,
        .usage = settled->usage,
        .outcome = outcome_row(o)->name,
    };
    if (!t->is_open)
        return;
    size_t n = entry_close_encode(&e, bytes);
    enum sl_err err = journal_append(x->env->journal, JOURNAL_CLOSES, ENTRY_CLOSE, sl_str_of(bytes, n), &x->closed_at);
    SL_CHECK(err == SL_OK); /* its room was reserved with the open */
    t->is_open = false;
    tel_add(x->env->tel, TEL_JOURNAL_RECORDS, 1);
}

static void count(struct exchange *x, const struct session_turn *t, const struct settlement *settled, enum outcome o)
{
    const struct route_candidate *c = t->candidate;
    int64_t now = sl_loop_now(x->env->loop);
    tel_attempt_over(tel_target_get(x->env->tel, c->provider, c->model),
                     &(struct tel_attempt){
                         .outcome = (unsigned)o,
                         .duration_ns = now - t->began_ns,
                         .first_byte_ns = t->first_ns >= 0 ? t->first_ns - t->began_ns : -1,
                         .cost_p = settled->cost.cost_p,
                         .tokens = settled->usage.by_class,
                         .units = settled->usage.by_unit,
                     });
    if ((settled->usage.flags & USAGE_ESTIMATED) != 0)
        tel_add(x->env->tel, TEL_USAGE_ESTIMATED, 1);
    if ((settled->cost.flags & COST_UNPRICED) != 0)
        tel_add(x->env->tel, TEL_UNPRICED, 1);
}

static void turn_close(struct exchange *x, struct session_turn *t, const struct settlement *settled, enum outcome o)
{
    struct exchange_session *s = x->session;
    budget_settle(&t->spend, t->wall_ns, &t->reservation, settled->cost.cost_p);
    append_close(x, t, settled, o);
    count(x, t, settled, o);
    usage_add(&s->usage, &settled->usage);
    s->cost_p = money_add(s->cost_p, settled->cost.cost_p, NULL);
    s->cost_flags |= settled->cost.flags;
    turn_drop(x, t);
}

static void count_response(struct exchange *x)
{
    x->session->told.responses++;
    tel_add(x->env->tel, TEL_SESSION_RESPONSES, 1);
}

/* ---- what was used ---- */

/* Nothing was reported: what was seen of it, and the conversation that it read. */
static struct usage usage_seen(struct exchange *x, const struct session_turn *t)
{
    struct usage u = {.flags = USAGE_ESTIMATED};
    context_of(x->session, t, &u);
    u.input = x->session->context + t->estimate_input + session_said_input(x, t);
    u.output = session_said_output(x, t);
    u.audio_out = (t->audio_bytes + REALTIME_AUDIO_BYTES_PER_TOKEN - 1) / REALTIME_AUDIO_BYTES_PER_TOKEN;
    return u;
}

static void context_is(struct exchange_session *s, const struct session_turn *t, const struct usage *u)
{
    s->context = usage_input_total(u) + usage_output_total(u);
    s->text_bytes = s->audio_bytes = 0;
    session_said_reported(s, t);
}

static void close_reported(struct exchange *x, struct session_turn *t, const struct realtime_event *e)
{
    bool failed = sl_str_eq(e->status, SL_STR("failed"));
    bool has = e->usage.found && !e->usage.bad;
    struct settlement settled = {.usage = has ? usage_reported(&e->usage, false) : usage_seen(x, t), .billed = true};
    if (!has && failed) /* providers do not bill what failed, unless they say so */
        settled = (struct settlement){.billed = false};
    else
        settled.cost = price_of(t->price, &settled.usage, NULL);
    if (has || (!failed && !x->session->words->each_names))
        context_is(x->session, t, &settled.usage);
    count_response(x);
    turn_close(x, t, &settled, failed ? OUT_STREAM_ERROR : OUT_OK);
}

/* It never was: the provider refused to begin. */
static void close_refused(struct exchange *x, struct session_turn *t)
{
    const struct settlement none = {.billed = false};
    turn_close(x, t, &none, OUT_CLIENT_FAULT);
}

/* An error in the middle of it. */
static void close_broken(struct exchange *x, struct session_turn *t)
{
    struct settlement settled = {.usage = usage_seen(x, t), .billed = t->text_bytes > 0};
    settled.usage.flags |= USAGE_PARTIAL;
    if (settled.billed)
        settled.cost = price_of(t->price, &settled.usage, NULL);
    count_response(x);
    turn_close(x, t, &settled, OUT_STREAM_ERROR);
}

void session_turn_never(struct exchange *x, struct session_turn *t)
{
    const struct settlement none = {.billed = false};
    turn_close(x, t, &none, OUT_CANCELLED);
}

struct session_turn *session_turn_begun(struct exchange *x)
{
    const struct session_wish w = first_wish(x);
    struct session_turn *t = turn_take(x, &w);
    append_open(x, t, t->candidate->model, false); /* too late to refuse it; said in the log */
    return t;
}

void session_turn_reported(struct exchange *x, struct session_turn *t, const struct token_counts *said)
{
    const struct realtime_event e = {.kind = RT_DONE, .usage = *said};
    close_reported(x, t, &e);
}

void session_turn_unreported(struct exchange *x, struct session_turn *t)
{
    const struct realtime_event e = {.kind = RT_DONE};
    close_reported(x, t, &e);
}

void session_turns_cut(struct exchange *x, enum outcome o)
{
    while (x->session->turns != NULL) {
        struct session_turn *t = x->session->turns;
        if (t->unsure && !t->heard) { /* speech that was followed by nothing */
            session_turn_never(x, t);
            continue;
        }
        struct settlement settled = {.usage = t->said.found ? usage_reported(&t->said, false) : usage_seen(x, t),
                                     .billed = true};
        settled.usage.flags |= t->over ? 0u : (uint32_t)USAGE_PARTIAL;
        settled.cost = price_of(t->price, &settled.usage, NULL);
        count_response(x);
        turn_close(x, t, &settled, o);
    }
}

/* ---- asking ---- */

/* A minute's worth may be asked for at once; it comes back evenly. */
bool session_turn_allowed(struct exchange *x)
{
    struct exchange_session *s = x->session;
    uint64_t most = x->snap->set.realtime.responses_per_minute;
    int64_t now = sl_loop_now(x->env->loop), passed = now - s->allowance_ns;
    if (most == 0)
        return true;
    uint64_t full = most * 1000;
    uint64_t more = passed >= SL_MIN ? full : full * (uint64_t)(passed / SL_MS) / (uint64_t)(SL_MIN / SL_MS);
    if (more > 0) {
        s->allowance_ns = now;
        s->allowance = (uint32_t)(s->allowance + more < full ? s->allowance + more : full);
    }
    if (s->allowance < 1000)
        return false;
    s->allowance -= 1000;
    return true;
}

bool session_turn_may(struct exchange *x, struct error_facts *out)
{
    struct exchange_session *s = x->session;
    int64_t most = x->snap->set.realtime.cost_p;
    *out = (struct error_facts){.error = GE_NONE};
    if (s->end.code != 0)
        out->error = GE_SESSION_ENDS;
    else if (most > 0 && s->cost_p >= most)
        out->error = GE_SESSION_COST;
    else if (s->n_turns >= SESSION_TURNS_MAX || !session_turn_allowed(x))
        out->error = GE_RATE_LIMITED;
    return out->error == GE_NONE;
}

bool session_turn_ask(struct exchange *x, const struct realtime_event *e, const struct session_wish *w,
                      struct error_facts *out)
{
    if (!session_turn_may(x, out))
        return false;
    struct session_turn *t = turn_take(x, w);
    t->unsure = e->unsure;
    id_set(&t->cause, e->id);
    id_set(&t->lane, e->lane);
    if (append_open(x, t, t->candidate->model, true))
        return true;
    turn_drop(x, t);
    *out = x->budget_until_ns > 0 ? budget_refusal(x) : (struct error_facts){.error = GE_LEDGER_UNAVAILABLE};
    return false;
}

/* ---- what the provider says ---- */

static struct session_turn *turn_named(const struct exchange *x, struct sl_str response)
{
    for (struct session_turn *t = x->session->turns; t != NULL; t = t->next)
        if (id_is(&t->response, response))
            return t;
    return NULL;
}

static bool same_lane(const struct session_turn *t, const struct realtime_event *e)
{
    return e->lane.n > 0 ? id_is(&t->lane, e->lane) : t->lane.n == 0;
}

/* The oldest of its lane that was asked for and has no name yet; with a cause: only the one that it names. */
static struct session_turn *turn_unnamed(const struct exchange *x, const struct realtime_event *e)
{
    for (struct session_turn *t = x->session->turns; t != NULL; t = t->next)
        if (t->response.n == 0 && same_lane(t, e) && (e->cause.n == 0 || id_is(&t->cause, e->cause)))
            return t;
    return NULL;
}

/* The one that is being made in that lane: its pieces do not name it. */
static struct session_turn *turn_of_lane(const struct exchange *x, const struct realtime_event *e)
{
    for (struct session_turn *t = x->session->turns; t != NULL; t = t->next)
        if (t->response.n > 0 && same_lane(t, e))
            return t;
    return NULL;
}

/* A response that has begun: the one that was asked for, or one that the provider made by itself. */
static struct session_turn *turn_begun(struct exchange *x, const struct realtime_event *e)
{
    struct session_turn *t = turn_unnamed(x, e);
    if (t == NULL) {
        t = session_turn_begun(x);
        id_set(&t->lane, e->lane);
    }
    id_set(&t->response, e->response);
    return t;
}

/* Charged by itself, and known only when it is done. */
static void transcribed(struct exchange *x, const struct realtime_event *e)
{
    struct exchange_session *s = x->session;
    struct sl_str model = sl_str_of(s->transcriber.text, s->transcriber.n);
    bool said = e->usage.found && !e->usage.bad;
    if (!said && !s->words->transcribes)
        return; /* this provider charges nothing for it, or does not say */
    struct session_wish w = first_wish(x);
    w.price = price_lookup(x->epoch->prices, try_current(x)->at->price_provider, model, NULL);
    struct session_turn *t = turn_take(x, &w);
    append_open(x, t, model.n > 0 ? model : t->candidate->model, false);
    struct settlement settled = {.usage = usage_reported(&e->usage, false), .billed = true};
    settled.usage.audio_ms_in = e->usage_ms;
    if (!said) /* what was sent since the last one */
        settled.usage = (struct usage){.flags = USAGE_ESTIMATED, .audio_ms_in = s->audio_bytes / AUDIO_BYTES_PER_MS};
    settled.cost = price_of(t->price, &settled.usage, NULL);
    if (s->words->transcribes) { /* this is what the session is for */
        s->audio_bytes = 0;
        count_response(x);
    }
    turn_close(x, t, &settled, OUT_OK);
}

void session_turn_see(struct exchange *x, const struct realtime_event *e, size_t bytes)
{
    bool lanes = x->session->words->each_names;
    if (x->session->words->live) {
        session_live_see(x, e, bytes);
        return;
    }
    struct session_turn *t = e->response.n > 0              ? turn_named(x, e->response)
                             : lanes && e->kind != RT_ERROR ? turn_of_lane(x, e)
                                                            : NULL;
    if (t != NULL)
        t->bytes_in += bytes;
    switch (e->kind) {
    case RT_CREATED:
        if (t == NULL && e->response.n > 0)
            turn_begun(x, e);
        break;
    case RT_TEXT:
    case RT_AUDIO:
        if (t == NULL)
            break;
        if (t->first_ns < 0)
            t->first_ns = sl_loop_now(x->env->loop);
        t->pieces++;
        if (e->kind == RT_TEXT)
            session_said_piece(x, t, e);
        else
            t->audio_bytes += e->delta;
        break;
    case RT_DONE:
        close_reported(x, t != NULL ? t : turn_begun(x, e), e);
        break;
    case RT_TRANSCRIBED:
        transcribed(x, e);
        break;
    case RT_SESSION:
        if (e->model.n > 0)
            id_set(&x->session->transcriber, e->model);
        break;
    case RT_ERROR:
        if ((t = turn_unnamed(x, e)) != NULL && (lanes || e->cause.n > 0 || t->cause.n == 0))
            close_refused(x, t);
        else if (lanes && (t = turn_of_lane(x, e)) != NULL)
            close_broken(x, t);
        break;
    default:
        break;
    }
}

/* ---- the first of a session whose messages say the model: it is asked of one target after the other ---- */

bool session_open_first(struct exchange *x, struct try *t)
{
    struct exchange_session *s = x->session;
    struct realtime_event look;
    if (!s->words->each_names)
        return true;
    s->words->look_client(x->body_text, &look);
    const struct session_wish w = {.model = x->facts.model,
                                   .candidate = t->candidate,
                                   .price = t->price,
                                   .estimate_input = x->estimate_input,
                                   .max_output = x->facts.max_output};
    struct session_turn *turn = turn_take(x, &w);
    id_set(&turn->cause, look.id);
    id_set(&turn->lane, look.lane);
    if (!append_open(x, turn, t->candidate->model, true)) {
        turn_drop(x, turn);
        return false;
    }
    t->opened_at = turn->opened_at;
    return true;
}

void session_try_over(struct exchange *x, struct try *t)
{
    struct exchange_session *s = x->session;
    if (s == NULL || x->committed || s->turns == NULL)
        return;
    if (x->answer_ok && t->fault == PF_NONE && !x->relay_bad) { /* asked, and nobody knows how far it came */
        session_turns_cut(x, t->outcome);
        t->settled = (struct settlement){
            .usage = s->usage, .cost = {.cost_p = s->cost_p, .flags = s->cost_flags}, .billed = true};
        s->usage = (struct usage){.flags = 0};
        s->cost_p = 0;
    }
    while (s->turns != NULL) {
        const struct settlement none = {.billed = false};
        turn_close(x, s->turns, &none, t->outcome);
    }
}
