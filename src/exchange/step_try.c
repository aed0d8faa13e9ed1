/* TRY and PAUSE. TRY: a candidate is chosen, its open record is in the journal, one attempt is live, nothing was sent to the
 * client. Waits for the attempt's head, for enough of the answer, or for its end. Leaves to RELAY (the client gets the
 * answer), TRY (another one), PAUSE (the same one later), RESPOND (nothing left), SETTLE (client gone, or the whole answer
 * is here). PAUSE: a back-off runs; no attempt is live. */
#include "dialect/error_read.h"
#include "exchange/exchange_int.h"

struct try *try_current(struct exchange *x)
{
    return x->current;
}

/* ---- starting one ---- */

void try_reserve(struct exchange *x, struct try *t)
{
    t->reservation = reserve_estimate(&(struct reserve_facts){
        .price = t->price,
        .input_tokens = x->estimate_input,
        .max_output = x->facts.max_output,
        .answers = fan_is_on(x) ? 1 : x->facts.n,
    });
    if (x->op->other || other_is_foreign(x))
        other_reserve(x, t);
    else if (forms_makes_images(x))
        forms_reserve(x, t);
    if (x->op->video)
        video_reserve(x, t);
}

struct try *try_new(struct exchange *x)
{
    struct try *t = SL_ARENA_NEW(x->a, struct try);
    t->wall_ns = sl_loop_wall(x->env->loop);
    t->id = sl_id_make(t->wall_ns, &x->env->loop->rand);
    t->candidate = &x->plan.candidates[x->at_candidate];
    t->at = &x->snap->providers[t->candidate->provider_index];
    t->price = model_price(x->epoch->prices, t->at, t->candidate->model);
    t->began_ns = sl_loop_now(x->env->loop);
    t->wait_ns = t->first_token_ns = -1;
    t->outcome = OUT_CANCELLED;
    t->result.first_byte_us = -1;
    t->result.detail = "";
    try_reserve(x, t);
    x->tries[x->n_tries++] = t;
    x->tries_here++;
    return t;
}

struct attempt *try_send(struct exchange *x, struct try *t, struct sl_arena *a, const struct attempt_owner *calls,
                         void *owner)
{
    struct attempt_request *r = SL_ARENA_NEW(a, struct attempt_request);
    struct http_headers h = {0};
    struct trace_context child = trace_child(&x->trace, &x->env->loop->rand);
    char *parent = sl_arena_alloc(a, TRACE_PARENT_TEXT);
    trace_parent_text(&child, parent);
    if (!video_creates(x)) /* those have chosen before their row was written */
        t->credential = lanes_credential(x, t->candidate);
    const struct provider_call call = {
        .client = &x->req->headers,
        .credential = t->credential,
        .authorization = x->authorization,
        .betas = x->pieces.betas,
        .tier = x->translation != NULL ? x->translation->tier : x->pieces.tier,
        .traceparent = sl_str_c(parent),
        .tracestate = x->trace.state,
        .body = !x->op->session && (!x->op->stored || x->req->has_body),
        .content_type = (x->form != NULL && !other_is_foreign(x)) || x->upload != NULL ? uploads_type(x) : SL_STR_NONE,
        .foreign = x->translation != NULL || other_is_foreign(x),
    };
    provider_request_headers(&t->at->provider, &call, a, &h);
    struct sl_str path = other_path(x, &t->at->provider, t->candidate->model, a);
    if (path.n == 0)
        path = provider_model_path(&t->at->provider, x->up->name, t->candidate->model, x->op->counts,
                                   exchange_asks_stream(x), a);
    if (path.n == 0)
        path = provider_path(&t->at->provider,
                             dialect_upstream_path(x->up, x->match.op, t->candidate->model, exchange_asks_stream(x), a),
                             t->candidate->model, a);
    provider_sign(&t->at->provider,
                  &(struct provider_signing){
                      .method = SL_STR("POST"),
                      .authority = t->at->origin.authority,
                      .target = path,
                      .body = x->pieces.v,
                      .n_body = x->pieces.n,
                      .wall_ns = sl_loop_wall(x->env->loop),
                  },
                  a, &h);
    *r = (struct attempt_request){
        .origin = &t->at->origin,
        .method = SL_STR("POST"),
        .path = path,
        .headers = h.v,
        .n_headers = h.n,
        .body = x->pieces.v,
        .n_body = x->pieces.n,
        .deadlines = x->snap->deadlines,
    };
    if (x->op->session)
        session_ask(x, t, r, &h);
    if (x->op->video)
        video_attempt_request(x, t, r);
    else if (x->op->object != OBJECT_NONE)
        objects_request(x, &t->at->provider, r);
    else if (x->op->stored)
        stored_request(x, &t->at->provider, t->candidate->model, r);
    bodies_request(x, r);
    r->once = !x->op->repeatable;
    r->deadlines.total_due_ns = x->total_due_ns;
    r->deadlines.first_byte_ns = x->terms.first_byte_ns;
    if (!exchange_asks_stream(x))
        r->deadlines.first_byte_ns = x->terms.answer_ns;
    lanes_begin(x, t);
    tel_gauge_add(x->env->tel, TEL_ATTEMPTS_LIVE, 1);
    return attempt_start(x->env->upstream, a, r, calls, owner);
}

static enum step next_try(struct exchange *x, struct try *t);

static enum step go_upstream(struct exchange *x, struct try *t)
{
    enum credential_now now = credential_ready(x, t);
    if (now == CREDENTIAL_FAILED || (now == CREDENTIAL_READY && drilled(x, t)))
        return next_try(x, t);
    if (now == CREDENTIAL_READY) {
        x->attempt =
            try_send(x, t, &x->attempt_arena, x->op->session ? &session_attempt_owner : &exchange_attempt_owner, x);
        if (x->upload != NULL)
            uploads_send(x);
        bodies_send(x);
        if (x->n_tries > 1)
            tel_add(x->env->tel, TEL_RETRIES, 1);
        patience_set(x);
    }
    return STEP_WAIT;
}

/* A job that is to be made is written down first. */
static enum step let_go(struct exchange *x, struct try *t)
{
    return video_creates(x) ? video_begin(x, t) : go_upstream(x, t);
}

/* The next candidate, from the current one on, that can be asked at all: its body is ready in the attempt's arena. */
static bool find_askable(struct exchange *x)
{
    for (; x->at_candidate < x->plan.n; x->at_candidate++, x->tries_here = 0) {
        if (lanes_is_too_small(x, x->at_candidate)) {
            if (x->first_refused.error == GE_NONE)
                x->first_refused.error = GE_UP_TOO_LONG;
            continue;
        }
        sl_arena_init(&x->attempt_arena, x->env->arenas);
        if (translate_request(x, &x->plan.candidates[x->at_candidate]))
            return true;
        sl_arena_done(&x->attempt_arena);
        if (media_is_asked(x))
            return false;
        if (x->first_refused.error == GE_NONE)
            x->first_refused = x->refused;
    }
    return false;
}

/* Nothing has come yet. */
static void forget_answer(struct exchange *x)
{
    x->soft_due_ns = SL_NEVER;
    x->over = x->answer_ok = x->is_stream = x->is_framed = x->relay_bad = x->error_cut = x->client_full =
        x->out_stream = false;
    x->head = NULL;
    x->seen = NULL;
    x->answer_seen = (struct relay_state){.events = 0};
    x->answer = (struct answer_facts){0};
    x->watch = NULL;
    x->has_last = false;
    x->answer_n = 0;
    x->spilled_out = false;
    sl_chunks_clear(&x->held);
}

static enum step begin_try(struct exchange *x)
{
    if (x->n_tries >= EXCHANGE_TRIES_MAX)
        return exchange_refuse(x, GE_NO_TARGET);
    struct error_facts down;
    if (!lanes_choose(x, &down)) {
        tel_refuse(x->env->tel, TEL_WHY_OVERLOAD);
        return exchange_refuse_with(x, &down);
    }
    if (!find_askable(x)) {
        if (media_is_asked(x)) {
            exchange_goto(x, XS_MEDIA);
            return STEP_GO;
        }
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &x->first_refused);
    }
    forget_answer(x);
    struct try *t = try_new(x);
    if (!try_append_open(x, t)) {
        x->n_tries--;
        sl_arena_done(&x->attempt_arena);
        if (x->budget_until_ns > 0) {
            const struct error_facts f = budget_refusal(x);
            return exchange_refuse_with(x, &f);
        }
        tel_refuse(x->env->tel, TEL_WHY_LEDGER);
        return exchange_refuse(x, GE_LEDGER_UNAVAILABLE);
    }
    x->current = t;
    if (x->snap->set.open_synced && (t->is_open || session_turns_live(x) > 0) && x->env->journal_sync != NULL) {
        x->sync_wait = x->env->journal_sync(x->env->owner, x, &t->opened_at);
        if (x->sync_wait)
            return STEP_WAIT;
    }
    return let_go(x, t);
}

/* ledger.open: synced. The open record is on its way to the disk; nothing was sent. */
static enum step wait_for_open(struct exchange *x)
{
    bool synced = exchange_take(x, EV_SYNCED);
    x->events &= EV_DEADLINE;
    if (!synced && !x->timed_out)
        return STEP_WAIT;
    if (!synced)
        x->env->journal_sync_forget(x->env->owner, x);
    x->sync_wait = false;
    return synced && !x->sync_failed ? let_go(x, try_current(x)) : exchange_refuse(x, GE_LEDGER_UNAVAILABLE);
}

/* ---- ending one ---- */

void try_drop(struct exchange *x)
{
    if (x->attempt != NULL) {
        relay_release(x);
        attempt_free(x->attempt);
        x->attempt = NULL;
        x->head = NULL;
        exchange_take(x, EV_HEAD | EV_HELD | EV_STREAM_END | EV_OVER); /* its news is none of the next one's */
        tel_gauge_add(x->env->tel, TEL_ATTEMPTS_LIVE, -1);
    }
    drilled_drop(x);
    hedge_release(x);
    x->soft_due_ns = SL_NEVER;
    sl_arena_done(&x->attempt_arena); /* also of a try that ended while its open record went to the disk */
}

void try_note_answer(struct exchange *x, struct try *t, const struct http_response *head)
{
    if (head == NULL)
        return;
    t->status = head->status;
    const struct http_header *aws = http_headers_find_name(&head->headers, SL_STR("x-amzn-requestid"));
    struct sl_str id = http_headers_get(&head->headers, HN_X_REQUEST_ID);
    t->provider_request_id = sl_arena_str(x->a, id.n == 0 && aws != NULL ? aws->value : id);
}

void try_note_head(struct exchange *x, struct try *t)
{
    try_note_answer(x, t, x->head);
}

enum outcome try_outcome_of_fault(enum provider_fault f)
{
    static const enum outcome of[] = {
        [PF_NONE] = OUT_OK,
        [PF_CLIENT_FAULT] = OUT_CLIENT_FAULT,
        [PF_CONTEXT_OVERFLOW] = OUT_CONTEXT_OVERFLOW,
        [PF_CONTENT_FILTER] = OUT_CONTENT_FILTER,
        [PF_MODEL_GONE] = OUT_MODEL_GONE,
        [PF_RATE_LIMITED] = OUT_RATE_LIMITED,
        [PF_QUOTA_EXHAUSTED] = OUT_QUOTA_EXHAUSTED,
        [PF_BAD_CREDENTIALS] = OUT_BAD_CREDENTIALS,
        [PF_FORBIDDEN] = OUT_FORBIDDEN,
        [PF_OVERLOADED] = OUT_OVERLOADED,
        [PF_SERVER_ERROR] = OUT_SERVER_ERROR,
        [PF_REDIRECT] = OUT_REDIRECT,
        [PF_MALFORMED] = OUT_MALFORMED,
    };
    return of[f];
}

/* What the provider's words mean is noted in the try; the message only as long as the attempt lives. */
static struct provider_answer note_error(struct exchange *x, struct try *t, const struct http_response *head,
                                         const struct answer_error *e)
{
    struct sl_str code = e->code.n > 0 ? e->code : e->type;
    t->wait_ns = provider_wait_ns(&(struct provider_wait){
        .headers = &head->headers,
        .delay = e->delay,
        .message = e->message,
        .limited = head->status == 429,
        .now_wall_ns = sl_loop_wall(x->env->loop),
    });
    t->provider_code = sl_arena_str(x->a, sl_str_head(code, 128));
    t->error = *e;
    return (struct provider_answer){
        .words = provider_words_of(t->at->provider.kind),
        .status = head->status,
        .type = e->type,
        .code = e->code,
        .param = e->param,
        .message = e->message,
        .reason = e->reason,
        .quota = e->quota,
        .inner_status = e->status,
        .retry_after = t->wait_ns >= 0,
    };
}

enum outcome try_judge(struct exchange *x, struct try *t, const struct http_response *head, struct sl_str body,
                       struct sl_arena *a)
{
    struct answer_error e;
    error_read(body, &head->headers, a, &e);
    const struct provider_answer answer = note_error(x, t, head, &e);
    t->fault = provider_fault_of(&answer);
    return try_outcome_of_fault(t->fault);
}

enum outcome try_judge_error(struct exchange *x, struct try *t, const struct http_response *head,
                             const struct answer_error *e)
{
    const struct provider_answer answer = note_error(x, t, head, e);
    t->fault = provider_fault_inside(&answer);
    return t->fault == PF_SERVER_ERROR ? OUT_STREAM_ERROR : try_outcome_of_fault(t->fault);
}

enum outcome try_judge_inner(struct exchange *x, const struct answer_error *e)
{
    return try_judge_error(x, try_current(x), x->head, e);
}

/* The attempt is over by itself: names the outcome. */
static void name_outcome(struct exchange *x, struct try *t)
{
    try_note_head(x, t);
    if (video_creates(x))
        t->outcome = video_outcome(x, t->result.outcome);
    else if (x->answer_ok)
        t->outcome = relay_outcome(x, t);
    else if (t->result.outcome != OUT_OK)
        t->outcome = t->result.outcome;
    else
        t->outcome = try_judge(x, t, x->head, sl_chunks_flat(&x->held), &x->attempt_arena);
}

/* An error in the client's own form, which has an object `error` in all of them: not a page of some edge server, and not one of the
 * shapes that servers have that are like OpenAI's (openai-compatible.md section 6). */
static bool is_own_form(struct sl_str body)
{
    static const struct json_watch error = {SL_STR_INIT("error"), -1};
    struct json_member m;
    struct json_info info;
    return json_scan(body, &error, 1, &m, &info) == JSON_OK && m.kind == JSON_OBJECT;
}

/* Why a try ends that did not end by itself. */
static enum outcome outcome_of_end(const struct exchange *x)
{
    if (x->timed_out)
        return OUT_TOTAL_TIMEOUT;
    return x->gone && x->gone_why != HTTP_GONE_SHUTDOWN ? OUT_CLIENT_GONE : OUT_CANCELLED;
}

/* The current try ends now: the client is gone, the time is up, or RELAY has all it wants. An outcome that a step has
 * named stays; an attempt that ended by itself, with nobody having looked yet, gets its own. */
void try_abandon(struct exchange *x)
{
    struct try *t = try_current(x);
    if (x->attempt == NULL) { /* its open record was still on its way to the disk */
        t->outcome = outcome_of_end(x);
    } else if (!x->over) {
        attempt_cancel(x->attempt, false, &t->result);
        x->over = true;
        t->outcome = outcome_of_end(x);
    } else if (t->outcome == OUT_CANCELLED) {
        name_outcome(x, t);
    }
    try_note_head(x, t);
    relay_note_usage(x, t);
}

/* The provider's error is the caller's to know, and cannot be passed as it is: a page, a text, an event, Google's list, one in
 * an answer of 200. Told in the caller's form, with the provider's message where that is none of a server at the edge. */
static enum step refuse_in_its_words(struct exchange *x, struct try *t)
{
    static const enum gateway_error as[] = {
        [PF_CLIENT_FAULT] = GE_UP_REQUEST,
        [PF_CONTEXT_OVERFLOW] = GE_UP_TOO_LONG,
        [PF_CONTENT_FILTER] = GE_UP_CONTENT,
        [PF_MODEL_GONE] = GE_MODEL_UNKNOWN,
    };
    return exchange_refuse_with(
        x, &(struct error_facts){
               .error = as[t->fault],
               .message = t->error.plain ? SL_STR_NONE : sl_arena_str(x->a, error_message_text(&t->error, x->a)),
               .param = sl_arena_str(x->a, t->error.param),
           });
}

static bool is_callers(enum provider_fault f)
{
    return f == PF_CLIENT_FAULT || f == PF_CONTEXT_OVERFLOW || f == PF_CONTENT_FILTER || f == PF_MODEL_GONE;
}

/* Nothing is left to try. The client gets the provider's own error where it may see it, else one of ours. */
static enum step give_up(struct exchange *x, struct try *t)
{
    const struct outcome_row *row = outcome_row(t->outcome);
    bool judged = x->head != NULL && t->fault != PF_NONE;
    if (video_creates(x))
        return video_give_up(x, t);
    if (translate_counts_after_all(x, &t->at->provider)) {
        exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
        exchange_goto(x, XS_RESPOND);
        return STEP_GO;
    }
    exchange_ends(x, ACCESS_PROVIDER, row->name);
    if (session_gives_up(x)) {
        exchange_goto(x, XS_RESPOND);
        return STEP_GO;
    }
    bool same = x->translation == NULL && !other_is_foreign(x) && !provider_own_errors(&t->at->provider, x->up->name);
    if (judged && same && !x->answer_ok && !x->error_cut && provider_fault_shows_body(t->fault) &&
        is_own_form(sl_chunks_flat(&x->held))) {
        x->pass_error = true;
        exchange_goto(x, XS_RESPOND);
        return STEP_GO;
    }
    if (judged && is_callers(t->fault))
        return refuse_in_its_words(x, t);
    return exchange_refuse_with(x, &(struct error_facts){
                                       .error = row->code.n > 0 ? gateway_error_by_code(row->code) : GE_UP_ERROR,
                                       .retry_after_ns = t->wait_ns > 0 ? t->wait_ns : 0,
                                   });
}

static void end_try(struct exchange *x, struct try *t)
{
    relay_note_usage(x, t);
    try_close(x, t);
    try_drop(x);
}

/* The second target is the exchange's only one from now on. */
static enum step go_on_hedged(struct exchange *x, struct try *t, bool won)
{
    end_try(x, t);
    forget_answer(x);
    x->events = 0;
    hedge_take(x, won);
    patience_set(x);
    return x->events != 0 ? STEP_GO : STEP_WAIT;
}

static enum step go_to(struct exchange *x, struct try *t, enum retry_next next, int64_t delay_ns)
{
    end_try(x, t);
    if (next == RETRY_NEXT_TARGET) {
        x->at_candidate++;
        x->at_candidate += x->at_candidate == x->hedge_failed && x->at_candidate + 1 < x->plan.n;
        x->tries_here = 0;
    }
    t->pause_ns = x->pause_ns = delay_ns;
    exchange_goto(x, delay_ns > 0 ? XS_PAUSE : XS_TRY);
    return STEP_GO;
}

/* A target that was to go on with a broken stream failed before the client saw a word of it. */
static enum step next_rescue(struct exchange *x, struct try *t)
{
    enum rescue_next next = rescue_after(x, t->outcome);
    t->why = next == RESCUE_OVER ? "nobody is left to go on" : next == RESCUE_SAME ? "asked otherwise" : "next target";
    if (next != RESCUE_OVER)
        return go_to(x, t, next == RESCUE_SAME ? RETRY_SAME_TARGET : RETRY_NEXT_TARGET, 0);
    const struct outcome_row *row = outcome_row(rescue_broke(x));
    exchange_ends(x, ACCESS_PROVIDER, row->name);
    return relay_fail(x, &(struct error_facts){.error = gateway_error_by_code(row->code)});
}

static enum step next_try(struct exchange *x, struct try *t)
{
    if (x->rescue != NULL)
        return next_rescue(x, t);
    lanes_too_long(x, t);
    const struct retry_facts f = {
        .outcome = t->outcome,
        .tries_same = x->tries_here - other_answered(x),
        .tries_total = x->n_tries - fan_answered(x) - turns_answered(x) - other_answered(x) - x->hedged,
        .now_ns = sl_loop_now(x->env->loop),
        .total_due_ns = x->total_due_ns,
        .committed = x->committed && !other_is_told(x),
        .op_repeatable = x->op->repeatable,
        .provider_wait_ns = t->wait_ns,
        .candidates_left = other_is_told(x) ? 0 : lanes_left(x),
        .policy = &x->snap->retry,
        .random = sl_rand_next(&x->env->loop->rand),
        .was_sent = t->result.sent,
        .cost_p = x->snap->retry.cost_p > 0 ? try_cost_now(x, t) : 0,
    };
    struct retry_verdict v = retry_decide(&f);
    bool spent = retry_is_spent(f.policy, f.cost_p);
    if (!spent && credential_again(x, t))
        v = (struct retry_verdict){.next = RETRY_SAME_TARGET, .why = "same target, with a new token"};
    else if (!spent && lanes_other_key(x, t))
        v = (struct retry_verdict){.next = RETRY_SAME_TARGET, .why = t->why};
    else if (!spent && reasoning_again(x, t))
        v = (struct retry_verdict){.next = RETRY_SAME_TARGET, .why = t->why};
    else if (v.next == RETRY_SAME_TARGET && !lanes_may_repeat(t))
        v = f.candidates_left > 0
                ? (struct retry_verdict){.next = RETRY_NEXT_TARGET,
                                         .why = "next target: the budget for this one is spent"}
                : (struct retry_verdict){.next = RETRY_GIVE_UP, .why = "the target's budget for trying again is spent"};
    if (!uploads_may_repeat(x))
        v = (struct retry_verdict){.next = RETRY_GIVE_UP, .why = "a part of the upload is gone"};
    t->why = v.why;
    if (v.next == RETRY_GIVE_UP)
        return give_up(x, t);
    if (hedge_is_on(x)) {
        t->why = "the other target that was asked goes on";
        return go_on_hedged(x, t, true);
    }
    return go_to(x, t, v.next, v.delay_ns);
}

/* The content of a video job is somewhere else, or its link works no more. */
static enum step without_bytes(struct exchange *x, struct try *t)
{
    bool again = false;
    enum step s = video_content_over(x, &again);
    if (!again)
        return s;
    try_close(x, t);
    try_drop(x);
    if (s == STEP_GO)
        exchange_goto(x, XS_TRY);
    return s;
}

/* The keeper or the desk has answered. */
static enum step video_came(struct exchange *x)
{
    bool on = false, links = video_wants_links(x);
    enum step s = video_waited(x, &on);
    if (!on)
        return s;
    if (!links)
        return go_upstream(x, try_current(x));
    if (!video_links_came(x))
        return exchange_refuse(x, GE_VIDEO_EXPIRED);
    return begin_try(x);
}

static enum step attempt_is_over(struct exchange *x)
{
    struct try *t = try_current(x);
    name_outcome(x, t);
    if (x->op->video && t->outcome == OUT_OK && video_creates(x))
        return video_taken(x);
    if (x->op->video && !video_creates(x) && x->head != NULL && !x->answer_ok)
        return without_bytes(x, t);
    if (t->outcome != OUT_OK)
        return next_try(x, t);
    if (other_goes_on(x)) {
        exchange_goto(x, XS_RELAY);
        return STEP_GO;
    }
    if (fan_wants_more(x) || turns_want_more(x) || other_wants_more(x)) {
        t->why = fan_is_on(x)          ? "one of several answers"
                 : other_is_foreign(x) ? "one of several calls"
                                       : "the turn goes on";
        end_try(x, t);
        exchange_goto(x, XS_TRY);
        return STEP_GO;
    }
    exchange_ends(x, ACCESS_PROVIDER, SL_STR("ok"));
    x->final_kind = FINAL_ANSWER; /* the whole answer is here: SETTLE gives it to the client in one piece */
    x->final_text = relay_end_text(x);
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

/* The live attempt ends from our side, for another one. o: OUT_OK leaves the verdict to what it said. */
static enum step cut_short(struct exchange *x, enum outcome o)
{
    struct try *t = try_current(x);
    attempt_cancel(x->attempt, false, &t->result);
    x->over = true;
    try_note_head(x, t);
    t->outcome = o != OUT_OK ? o : relay_verdict(x);
    return next_try(x, t);
}

/* The second target has output and the first has not. */
static enum step second_wins(struct exchange *x)
{
    struct try *t = try_current(x);
    attempt_cancel(x->attempt, false, &t->result);
    x->over = true;
    try_note_head(x, t);
    t->outcome = OUT_CANCELLED;
    t->lost = true;
    t->why = "another target was first";
    return go_on_hedged(x, t, true);
}

/* Its first words are the client's, or it has paused and goes on: whatever came behind them is RELAY's to see. */
static bool is_relays(const struct exchange *x, bool over)
{
    return rescue_is_joined(x) || (over && turns_paused(x)) || other_is_shown(x, over);
}

/* The request cannot go on: its time is up, or an upload went wrong. */
static enum step refuse_itself(struct exchange *x)
{
    credential_forget(x);
    if (bodies_failed(x))
        return exchange_refuse(x, x->body_error);
    return x->timed_out ? exchange_refuse(x, GE_TIMEOUT) : uploads_refuse(x);
}

enum step step_try(struct exchange *x)
{
    if (exchange_take(x, EV_GONE)) {
        if (x->sync_wait)
            x->env->journal_sync_forget(x->env->owner, x);
        x->sync_wait = false;
        credential_forget(x);
        return exchange_client_gone(x);
    }
    if (x->sync_wait)
        return wait_for_open(x);
    if (x->timed_out || uploads_failed(x) || bodies_failed(x))
        return refuse_itself(x);
    if (video_is_waiting(x))
        return video_came(x);
    if (x->credential_wait)
        return credential_came(x) ? go_upstream(x, try_current(x)) : STEP_WAIT;
    if (x->attempt == NULL)
        return begin_try(x);
    bool enough = (x->events & (EV_HELD | EV_STREAM_END)) != 0;
    bool over = (x->events & EV_OVER) != 0;
    if (is_relays(x, over)) {
        exchange_goto(x, XS_RELAY);
        return STEP_GO;
    }
    bool second = (x->events & EV_HEDGE) != 0 && hedge_look(x);
    x->events = 0;
    if (over)
        return attempt_is_over(x);
    if (second && !enough)
        return second_wins(x);
    enum patience late = enough ? PATIENCE_WAITS : patience_of(x);
    if (late == PATIENCE_NO_TOKEN)
        return cut_short(x, OUT_FIRST_TOKEN_TIMEOUT);
    if (!enough && late == PATIENCE_WAITS) {
        hedge_start(x);
        patience_set(x);
        return STEP_WAIT;
    }
    if (x->relay_bad) /* an error inside the first events: the same as a refusal, as long as nobody has seen it */
        return cut_short(x, OUT_OK);
    exchange_goto(x, exchange_shown_in(x));
    if (x->is_stream && x->seen->saw_done)
        x->events |= EV_STREAM_END;
    return STEP_GO;
}

enum step step_pause(struct exchange *x)
{
    bool due = (x->events & EV_DEADLINE) != 0;
    if (exchange_take(x, EV_GONE))
        return exchange_client_gone(x);
    x->events = 0;
    if (x->timed_out)
        return exchange_refuse(x, GE_TIMEOUT);
    if (!due)
        return STEP_WAIT;
    exchange_goto(x, XS_TRY);
    return STEP_GO;
}
