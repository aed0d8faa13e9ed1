/* Sessions whose first message says which model is asked: Responses over a WebSocket, transcriptions, Gemini's Live API. The client gets
 * its 101 at once; its first message (response.create, session.update, setup) is read as the body of a request is (READ_BODY), and goes the way of one: ADMIT, PLAN, TRY, where it is asked of
 * one target after the other until one has begun with it. From then on the session stays there (session.c). What cannot be is told by
 * an event and a close, as there is no status to tell it by any more. */
#include "exchange/asking.h"
#include "exchange/session.h"
#include "tokens/estimate.h"

bool session_opens(const struct exchange *x)
{
    return x->session != NULL && x->session->words->opens;
}

bool session_is_upgraded(const struct exchange *x)
{
    return x->session != NULL && x->session->upgraded;
}

/* ---- where it can go ---- */

static bool speaks(const struct exchange *x, const struct route_candidate *c)
{
    const struct session_words *words = x->session != NULL ? x->session->words : session_words_of(x->match.op);
    const struct provider *p = &x->snap->providers[c->provider_index].provider;
    if (words->live) /* chat_only is about operations of OpenAI's form */
        return provider_live_path(p, x->match.model, x->a).n > 0 &&
               sl_str_eq(provider_dialect(p, x->dialect->name, c->model), x->dialect->name);
    return (words->transcribes || provider_has_socket(p)) && translate_dialect(x, p, c->model) == x->dialect;
}

/* What stands there as it is meant; Live's clients put folders before it ("models/NAME"). */
static bool plain_model(struct exchange *x, const struct realtime_event *look, struct sl_str *out)
{
    char *plain = sl_arena_alloc(x->a, look->model.n + 1);
    size_t n = 0;
    if (look->model.n == 0 || look->model.n > 6 * MODEL_NAME_MAX || !json_unescape(look->model, plain, &n))
        return false;
    struct sl_str model = sl_str_of(plain, n);
    ptrdiff_t at = x->session->words->live ? sl_str_find_str(model, SL_STR("models/")) : -1;
    if (at == 0 || (at > 0 && model.p[at - 1] == '/'))
        model = sl_str_from(model, (size_t)at + SL_STR("models/").n);
    bool good = model.n > 0 && model.n <= MODEL_NAME_MAX && sl_utf8_valid(model);
    for (size_t i = 0; i < model.n && good; i++)
        good = (unsigned char)model.p[i] >= 0x20 && model.p[i] != 0x7f;
    *out = model;
    return good;
}

/* The facts of a first message that says no more than its model. */
static bool setup_decode(struct exchange *x, struct request_facts *out, struct error_facts *f)
{
    struct realtime_event look;
    x->session->words->look_client(x->body_text, &look);
    *out = (struct request_facts){
        .op = x->match.op, .stream = true, .n = 1, .body_bytes = x->body_text.n, .payload_bytes = x->body_text.n};
    if (plain_model(x, &look, &out->model))
        return true;
    *f = look.model.n > 0 ? (struct error_facts){.error = GE_MODEL_UNKNOWN, .param = SL_STR("model")}
                          : (struct error_facts){.error = GE_MEMBER_MISSING,
                                                 .param = SL_STR("model"),
                                                 .message = SL_STR("The first message must name one model.")};
    return false;
}

/* In the exchange's arena; facts live as long. */
bool session_plan_of(struct exchange *x, const struct request_facts *facts, struct sl_str message,
                     struct route_plan *out)
{
    const struct asking_from from = {
        .snap = x->snap,
        .prices = x->epoch->prices,
        .key = x->key,
        .facts = facts,
        .op = x->op,
        .dialect = x->dialect,
        .body = message,
        .headers = &x->req->headers,
        .wall_ns = x->wall_ns,
        .seed = x->id.lo,
        .spend = x->env->spend,
    };
    struct asking *q = SL_ARENA_NEW(x->a, struct asking);
    asking_gather(&from, x->a, q);
    return route_plan(x->snap->policy, &q->ask, x->a, out) == ROUTE_OK;
}

/* The model that will be asked, where the handshake says so: by ?model=, or as Codex does. Empty: it does not. */
static struct sl_str hinted_model(struct exchange *x)
{
    static const struct json_watch watch = {SL_STR_INIT("model"), -1};
    const struct http_header *h = http_headers_find_name(&x->req->headers, SL_STR("x-codex-turn-metadata"));
    struct json_member m;
    struct json_info info;
    struct sl_str model = SL_STR_NONE;
    if (session_query_text(x, "model", &model))
        return model;
    if (h == NULL || json_scan(h->value, &watch, 1, &m, &info) != JSON_OK || m.kind != JSON_STRING)
        return SL_STR_NONE;
    char *plain = sl_arena_alloc(x->a, h->value.n);
    size_t n = 0;
    bool good = json_unescape(json_inside(h->value, &m), plain, &n) && n <= MODEL_NAME_MAX;
    return good ? sl_str_of(plain, n) : SL_STR_NONE;
}

/* Some model of the key's is reached so. */
static bool any_speaks(struct exchange *x)
{
    struct route_listed *rows = NULL;
    size_t n = route_list(x->snap->policy, exchange_grants_model, &x->key->grant, x->a, &rows);
    for (size_t i = 0; i < n; i++)
        if (provider_has_socket(&x->snap->providers[rows[i].provider_index].provider))
            return true;
    if (!grant_allows_model(&x->key->grant, SL_STR("any-other"))) /* only what was listed */
        return false;
    for (uint32_t i = 0; i < x->snap->n_providers; i++)
        if (provider_has_socket(&x->snap->providers[i].provider) && route_policy_takes_any(x->snap->policy, i))
            return true;
    return false;
}

bool session_is_of_use(struct exchange *x)
{
    struct request_facts facts = {.n = 1, .stream = true, .model = hinted_model(x)};
    struct route_plan plan = {.n = 0};
    if (facts.model.n == 0)
        return any_speaks(x);
    return session_plan_of(x, &facts, SL_STR("{}"), &plan) && speaks(x, &plan.candidates[0]);
}

/* The message with `model` where look->model stands, in s->rewritten; other bytes as they are. */
static void rename_in(struct exchange *x, struct sl_str message, const struct realtime_event *look, struct sl_str model)
{
    struct sl_buf *b = &x->session->rewritten;
    struct sl_arena a;
    sl_arena_init(&a, x->env->arenas);
    struct sl_str quoted = json_quote(&a, model);
    sl_buf_reset(b);
    sl_buf_add(b, message.p, (size_t)(look->model.p - message.p));
    sl_buf_add(b, quoted.p + 1, quoted.n - 2);
    sl_buf_adds(b, sl_str_from(message, (size_t)(look->model.p - message.p) + look->model.n));
    sl_arena_done(&a);
}

static void rename_setup(struct exchange *x, struct sl_str message, const struct realtime_event *look,
                         const struct route_candidate *c)
{
    const struct provider *p = &x->snap->providers[c->provider_index].provider;
    struct sl_arena a;
    sl_arena_init(&a, x->env->arenas);
    rename_in(x, message, look, x->session->words->live ? provider_live_model(p, c->model, &a) : c->model);
    sl_arena_done(&a);
}

/* The message with the provider's name for the model, in s->rewritten. */
static void rewrite(struct exchange *x, const struct request_facts *f, struct sl_str message, struct sl_str model,
                    struct sl_arena *a)
{
    struct exchange_session *s = x->session;
    struct body_pieces pieces = {.n = 0};
    x->dialect->request_encode_same(
        f, message, &(struct request_change){.model = model, .no_store = stored_forbidden(x)}, a, &pieces);
    sl_buf_reset(&s->rewritten);
    for (int i = 0; i < pieces.n; i++)
        sl_buf_add(&s->rewritten, pieces.v[i].iov_base, pieces.v[i].iov_len);
}

bool session_first_request(struct exchange *x, const struct route_candidate *c)
{
    x->up = x->dialect;
    const struct session_words *words = x->session->words;
    if (speaks(x, c))
        return true;
    x->refused = (struct error_facts){
        .error = words->each_names ? GE_UPGRADE : GE_UNSUPPORTED,
        .param = SL_STR("model"),
        .message = sl_arena_printf(x->a, "The provider of '" SL_STR_FMT "' %s.", SL_STR_ARG(x->facts.model),
                                   words->each_names ? "has no Responses over a WebSocket. Send the request by POST"
                                   : words->live     ? "does not have the Live API"
                                                     : "does not have the Realtime API"),
    };
    return false;
}

void session_send_first(struct exchange *x)
{
    struct exchange_session *s = x->session;
    if (!session_opens(x))
        return;
    struct realtime_event look;
    s->words->look_client(x->body_text, &look);
    if (s->words->each_names)
        rewrite(x, &x->facts, x->body_text, try_current(x)->candidate->model, &x->attempt_arena);
    else
        rename_setup(x, x->body_text, &look, try_current(x)->candidate);
    session_to_provider(x, WS_TEXT, s->rewritten.p, s->rewritten.n);
}

/* ---- READ_BODY ---- */

static enum step leave(struct exchange *x, enum access_side by, struct sl_str why)
{
    exchange_ends(x, by, why);
    http_stream_send_body(x->stream, NULL, 0, true);
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

static enum step understand(struct exchange *x)
{
    struct request_refusal refusal = {0};
    struct error_facts hint_error = {0};
    bool each_names = x->session->words->each_names;
    x->body_done = true;
    x->body_text = x->session->prepared.n > 0 ? x->session->prepared : sl_chunks_flat(&x->body);
    http_stream_read(x->stream, false);
    x->soft_due_ns = SL_NEVER;
    if (!session_key_is_good(x))
        return exchange_refuse(x, GE_SESSION_KEY);
    bool good = each_names ? x->dialect->request_decode(OP_RESPONSES, x->body_text, x->a, &x->facts, &refusal)
                           : setup_decode(x, &x->facts, &refusal.error);
    if (!good) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &refusal.error);
    }
    if (!request_hints_from_headers(&x->req->headers, &x->facts.hints, &hint_error)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &hint_error);
    }
    x->facts.stream = true;
    x->estimate_input = tokens_estimate_input(x->facts.payload_bytes, x->facts.messages);
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

/* True: it is the one that asks for something. */
static bool first_message(struct exchange *x, const struct ws_event *e)
{
    struct exchange_session *s = x->session;
    struct realtime_event look;
    s->told.messages_in++;
    tel_add(x->env->tel, TEL_SESSION_MESSAGES, 1);
    s->words->look_client(e->payload, &look);
    if (look.kind == (s->words->each_names ? RT_CREATE : RT_SETUP)) {
        x->body.max = x->snap->set.realtime.message_bytes; /* as the reader is bounded */
        SL_CHECK(sl_chunks_add(&x->body, e->payload.p, e->payload.n) == SL_OK);
        return true;
    }
    session_tell_error(
        x, &(struct error_facts){.error = GE_MEMBER_VALUE, .param = SL_STR("type"), .message = s->words->no_model},
        &look);
    return false;
}

/* The client's bytes up to its first message; 0: more must come, else what the client was told, or WS_CODE_NONE: there it is. */
static uint16_t take(struct exchange *x, struct sl_str *in)
{
    struct exchange_session *s = x->session;
    struct ws_event e;
    enum ws_result r;
    while ((r = ws_read(&s->from_client, in, &e)) != WS_MORE) {
        if (r == WS_CONTROL && e.opcode == WS_PING)
            session_to_client(x, WS_PONG, e.payload);
        bool binary = r == WS_MESSAGE && e.opcode == WS_BINARY && !s->words->binary;
        if (r == WS_BAD || binary || (r == WS_CONTROL && e.opcode == WS_CLOSE)) {
            uint16_t code = binary ? WS_CODE_UNSUPPORTED : e.code;
            s->client_closed = true;
            session_close_client(x, code, binary ? SL_STR("only text messages are taken") : e.reason);
            return code == WS_CODE_NONE ? WS_CODE_NORMAL : code;
        }
        if (r == WS_MESSAGE && first_message(x, &e))
            return WS_CODE_NONE;
        if (r == WS_MESSAGE && s->words->live) { /* there are no events for errors */
            s->client_closed = true;
            session_close_client(x, WS_CODE_BAD_TEXT, s->words->no_model);
            return WS_CODE_BAD_TEXT;
        }
    }
    return 0;
}

enum step session_read(struct exchange *x)
{
    struct exchange_session *s = x->session;
    const struct realtime_policy *p = &x->snap->set.realtime;
    int64_t now = sl_loop_now(x->env->loop), most = p->session_ns;
    int64_t due = s->client_ns + (p->idle_ns > 0 && p->idle_ns < most ? p->idle_ns : most);
    if (exchange_take(x, EV_GONE))
        return exchange_client_gone(x);
    x->events = 0;
    if (s->prepared.n > 0)
        return understand(x);
    struct sl_str in = sl_chunks_flat(&s->early);
    size_t had = in.n;
    uint16_t code = had > 0 ? take(x, &in) : 0;
    sl_chunks_drop(&s->early, had - in.n);
    if (code == WS_CODE_NONE)
        return understand(x);
    if (code != 0)
        return leave(x, ACCESS_CLIENT, code < WS_CODE_PROTOCOL ? SL_STR("ok") : SL_STR("client_protocol"));
    if (x->env->draining || x->timed_out || now >= due) {
        session_close_client(x, WS_CODE_GOING_AWAY,
                             x->env->draining ? SL_STR("the gateway is shutting down")
                                              : SL_STR("nothing was asked for too long"));
        return leave(x, ACCESS_GATEWAY, x->env->draining ? SL_STR("shutdown") : SL_STR("idle"));
    }
    x->soft_due_ns = due;
    http_stream_read(x->stream, true);
    return STEP_WAIT;
}

/* ---- TRY, RESPOND: errors ---- */

bool session_shows_error(struct exchange *x, const struct realtime_event *look)
{
    if (!x->session->words->each_names)
        return false;
    struct try *t = try_current(x);
    enum outcome o = try_judge_inner(x, &look->error);
    bool shows = o == OUT_CLIENT_FAULT || o == OUT_CONTEXT_OVERFLOW || o == OUT_CONTENT_FILTER;
    if (shows)
        t->fault = PF_NONE; /* of the response, not of the session */
    return shows;
}

bool session_gives_up(struct exchange *x)
{
    const struct try *t = try_current(x);
    if (!session_opens(x) || t->fault == PF_NONE || !provider_fault_shows_body(t->fault))
        return false;
    if (x->session->refusal.n == 0 && x->head != NULL && !x->answer_ok && !x->error_cut)
        x->session->refusal = x->session->words->error_of(x->a, x->head->status, sl_chunks_flat(&x->held));
    return x->session->refusal.n > 0;
}

/* Those after which a client may come again at once are none that clients take for final (openai.md 18.5). */
static uint16_t code_of(const struct exchange *x)
{
    int status = x->refusal.error != GE_NONE        ? error_status(x->match.errors, &x->refusal)
                 : x->head != NULL && !x->answer_ok ? x->head->status
                                                    : 400;
    return status == 429 || status == 503 ? WS_CODE_TRY_LATER : status >= 500 ? WS_CODE_INTERNAL : WS_CODE_POLICY;
}

void session_refuse(struct exchange *x)
{
    struct exchange_session *s = x->session;
    struct realtime_event look;
    struct sl_str reason = SL_STR_NONE;
    uint16_t code = code_of(x);
    bool own = s->refusal.n > 0 && x->refusal.error == GE_NONE;
    if (!own && x->refusal.error == GE_NONE) /* what it said has no words that could be passed on */
        x->refusal.error = GE_UP_ERROR;
    if (s->words->live) { /* a close frame is all that there is */
        reason = own                        ? s->refusal
                 : x->refusal.message.n > 0 ? x->refusal.message
                                            : gateway_error_row(x->refusal.error)->message;
        code = own && s->refusal_code > 0 ? s->refusal_code : code;
    } else if (own) {
        session_to_client(x, WS_TEXT, s->refusal);
    } else {
        s->words->look_client(x->body_text, &look);
        session_tell_error(x, &x->refusal, &look);
    }
    session_close_client(x, code, reason);
    http_stream_send_body(x->stream, NULL, 0, true);
}

void session_closed_early(struct exchange *x, uint16_t code, struct sl_str reason)
{
    reason = sl_arena_str(x->a, reason);
    x->bad_outcome = OUT_STREAM_ERROR;
    x->answer_seen.error = live_close_error(code, reason);
    x->answer_seen.saw_error = true;
    x->session->refusal = reason;
    x->session->refusal_code = ws_code_may_be_sent(code) ? code : 0;
}

/* ---- later messages ---- */

/* Where a model is that another message than the first asks for: at this connection's provider, or not here. */
static const struct session_model *find(struct exchange *x, struct sl_str message, const struct request_facts *f)
{
    struct exchange_session *s = x->session;
    const struct try *t = try_current(x);
    struct route_plan plan = {.n = 0};
    for (struct session_model *m = s->models; m != NULL; m = m->next)
        if (sl_str_eq(m->asked, f->model))
            return m;
    if (s->n_models >= SESSION_MODELS_MAX)
        return NULL;
    struct session_model *m = SL_ARENA_NEW(x->a, struct session_model);
    *m = (struct session_model){.next = s->models, .asked = sl_arena_str(x->a, f->model)};
    s->models = m;
    s->n_models++;
    struct request_facts facts = *f;
    facts.model = m->asked;
    if (!session_plan_of(x, &facts, message, &plan))
        return m;
    for (uint32_t i = 0; i < plan.n && m->candidate == NULL; i++)
        if (plan.candidates[i].provider_index == t->candidate->provider_index && speaks(x, &plan.candidates[i]))
            m->candidate = &plan.candidates[i];
    if (m->candidate != NULL)
        m->price = model_price(x->epoch->prices, t->at, m->candidate->model);
    return m;
}

static bool wishes(struct exchange *x, struct sl_str message, struct sl_arena *a, struct session_wish *out,
                   struct error_facts *f)
{
    struct exchange_session *s = x->session;
    struct request_facts facts = {.n = 0};
    struct request_refusal refusal = {0};
    if (!x->dialect->request_decode(OP_RESPONSES, message, a, &facts, &refusal)) {
        *f = refusal.error;
        f->message = sl_arena_str(x->a, f->message); /* `a` goes before the client is told */
        f->param = sl_arena_str(x->a, f->param);
        return false;
    }
    out->estimate_input = tokens_estimate_input(facts.payload_bytes, facts.messages);
    out->max_output = facts.max_output;
    if (!sl_str_eq(facts.model, x->facts.model)) {
        const struct session_model *m = find(x, message, &facts);
        if (m == NULL || m->candidate == NULL) {
            *f = (struct error_facts){.error = GE_SESSION_ELSEWHERE, .param = SL_STR("model")};
            return false;
        }
        out->model = m->asked;
        out->candidate = m->candidate;
        out->price = m->price;
    }
    rewrite(x, &facts, message, out->candidate->model, a);
    out->text = sl_buf_str(&s->rewritten);
    return !s->rewritten.over;
}

bool session_wishes(struct exchange *x, struct sl_str message, struct session_wish *out, struct error_facts *f)
{
    struct sl_arena a;
    sl_arena_init(&a, x->env->arenas);
    bool good = wishes(x, message, &a, out, f);
    sl_arena_done(&a);
    if (!good && f->error == GE_NONE)
        f->error = GE_BODY_TOO_LARGE;
    return good;
}

bool session_renames(struct exchange *x, struct sl_str message, const struct realtime_event *look, struct sl_str *out,
                     struct error_facts *f)
{
    struct exchange_session *s = x->session;
    struct request_facts facts = x->facts;
    if (s->words->live) {
        *f = (struct error_facts){.error = GE_MEMBER_VALUE,
                                  .message = SL_STR("setup is the first message, and no other")};
        return false;
    }
    if (!plain_model(x, look, &facts.model)) {
        *f = (struct error_facts){.error = GE_MODEL_UNKNOWN, .param = SL_STR("model")};
        return false;
    }
    const struct route_candidate *c = try_current(x)->candidate;
    if (!sl_str_eq(facts.model, x->facts.model)) {
        const struct session_model *m = find(x, message, &facts);
        c = m != NULL ? m->candidate : NULL;
    }
    if (c == NULL) {
        *f = (struct error_facts){
            .error = GE_MEMBER_VALUE,
            .param = SL_STR("model"),
            .message = SL_STR("That model is not at this session's provider: it needs a session of its own.")};
        return false;
    }
    rename_setup(x, message, look, c);
    *out = sl_buf_str(&s->rewritten);
    f->error = s->rewritten.over ? GE_BODY_TOO_LARGE : GE_NONE;
    return !s->rewritten.over;
}
