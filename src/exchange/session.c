/* SESSION: committed; the client's and the provider's connections are WebSockets, and messages go both ways. Waits for messages, for
 * room, for the end of either side, and for times. Leaves to SETTLE only. Before it, in TRY, the provider's first message decides
 * whether the upgrade was worth anything; what comes meanwhile is kept in x->held, framed for the client.
 *
 *   client ─► on_body ─► from_client ─► look ─► session_turn_ask ─► masked anew ─► attempt_send ─► provider
 *   client ◄─ send_body ◄─ framed ◄─ session_turn_see ◄─ look ◄─ from_provider ◄─ on_body ◄─ provider
 *
 * Back-pressure: no room towards one side stops the reading of the other. An end is decided once (struct session_end): at once, or
 * behind the responses that are being made; then both sides get a close frame and have some seconds to answer it. */
#include "exchange/session.h"

#include "http/url.h"
#include "tls/digest.h"

/* 101. from: the provider's, or NULL. */
static void session_upgrade(struct exchange *x, const struct http_headers *from);

/* ---- IDENTIFY ---- */

bool session_query_text(struct exchange *x, const char *name, struct sl_str *out)
{
    struct sl_str raw;
    size_t n = 0;
    if (!url_query_find(x->req->query, sl_str_c(name), &raw) || raw.n == 0)
        return false;
    char *plain = sl_arena_alloc(x->a, raw.n);
    bool good = url_decode(raw, plain, &n) && n > 0 && n <= MODEL_NAME_MAX && sl_utf8_valid(sl_str_of(plain, n));
    for (size_t i = 0; i < n && good; i++)
        good = (unsigned char)plain[i] >= 0x20 && plain[i] != 0x7f;
    *out = good ? sl_str_of(plain, n) : SL_STR_NONE;
    return true;
}

static bool handshake_is_good(const struct exchange *x, struct error_facts *out)
{
    switch (ws_asked(x->req)) {
    case WS_ASK_OK:
        return true;
    case WS_ASK_NOT:
        *out = (struct error_facts){
            .error = GE_UPGRADE,
            .message = SL_STR("This is spoken over a WebSocket: ask for the upgrade over HTTP/1.1.")};
        return false;
    case WS_ASK_VERSION:
        *out = (struct error_facts){.error = GE_UPGRADE,
                                    .message = SL_STR("Only version 13 of the WebSocket protocol is spoken here.")};
        return false;
    case WS_ASK_BROKEN:
        break;
    }
    out->error = GE_HANDSHAKE;
    return false;
}

/* The Realtime API has the model in the query. */
static bool transcribes(const struct exchange *x)
{
    struct sl_str intent;
    return x->match.op == OP_REALTIME && url_query_find(x->req->query, SL_STR("intent"), &intent) &&
           sl_str_eq(intent, SL_STR("transcription"));
}

static bool query_is_good(struct exchange *x, bool must_name, struct error_facts *out)
{
    struct sl_str call;
    if (url_query_find(x->req->query, SL_STR("call_id"), &call)) {
        *out = (struct error_facts){.error = GE_MEMBER_VALUE,
                                    .param = SL_STR("call_id"),
                                    .message = SL_STR("Calls go past this gateway: it cannot join one.")};
        return false;
    }
    bool named = session_query_text(x, "model", &x->facts.model) ||
                 session_query_text(x, "deployment", &x->facts.model);
    if (x->secret != NULL && !secret_fits_model(x, out))
        return false;
    if (!named && x->secret == NULL && !must_name)
        return true;
    if (!named && x->secret == NULL) {
        *out = (struct error_facts){.error = GE_MEMBER_MISSING,
                                    .param = SL_STR("model"),
                                    .message = SL_STR("The query must name a model: ?model=NAME.")};
        return false;
    }
    if (x->facts.model.n == 0)
        *out = (struct error_facts){.error = GE_MODEL_UNKNOWN, .param = SL_STR("model")};
    return x->facts.model.n > 0;
}

bool session_identify(struct exchange *x, struct error_facts *out)
{
    bool by_secret = x->secret != NULL && secret_transcribes(x), only_transcribes = transcribes(x) || by_secret;
    const struct session_words *words = only_transcribes ? &transcription_words : session_words_of(x->match.op);
    if (!handshake_is_good(x, out))
        return false;
    if (x->secret != NULL && by_secret != only_transcribes) {
        *out = (struct error_facts){.error = GE_MEMBER_VALUE,
                                    .param = SL_STR("intent"),
                                    .message = SL_STR("This client secret is for another kind of session.")};
        return false;
    }
    if (words->each_names && !session_is_of_use(x)) {
        out->error = GE_UPGRADE;
        return false;
    }
    if (x->match.op == OP_REALTIME && !query_is_good(x, !words->opens, out))
        return false;
    if (!request_hints_from_headers(&x->req->headers, &x->facts.hints, out))
        return false;
    x->facts.op = x->match.op;
    x->facts.stream = true;
    x->facts.n = 1;
    x->session = SL_ARENA_NEW(x->a, struct exchange_session);
    x->session->words = words;
    if (words->transcribes && x->facts.model.n > 0)
        x->session->prepared = x->secret != NULL ? secret_setup(x) : transcription_setup_of(x->a, x->facts.model);
    sl_chunks_init(&x->session->early, SIZE_MAX / 4, x->env->chunks);
    sl_buf_init(&x->session->rewritten, x->snap->set.realtime.message_bytes + MODEL_NAME_MAX);
    int64_t most = x->snap->set.realtime.session_ns;
    x->total_due_ns = x->began_ns + most + SESSION_GRACE_NS; /* connecting has deadlines of its own */
    if (words->opens)
        session_upgrade(x, NULL);
    if (words->greeting != NULL) {
        char id[SL_ID_TEXT];
        sl_id_text(x->id, id);
        session_to_client(x, WS_TEXT, words->greeting(x->a, sl_str_c(id)));
        x->session->told.messages_out++;
    }
    return true;
}

/* ---- TRY ---- */

bool session_request(struct exchange *x, const struct route_candidate *c)
{
    const struct provider *p = &x->snap->providers[c->provider_index].provider;
    x->pieces = (struct body_pieces){.n = 0};
    if (session_opens(x))
        return session_first_request(x, c);
    x->up = translate_dialect(x, p, c->model);
    if (x->up == x->dialect)
        return true;
    x->refused = (struct error_facts){
        .error = GE_UNSUPPORTED,
        .param = SL_STR("model"),
        .message = sl_arena_printf(x->a, "The provider of '" SL_STR_FMT "' does not have the Realtime API.",
                                   SL_STR_ARG(x->facts.model)),
    };
    return false;
}

/* The protocol that is no secret, among those that the client offers. */
static struct sl_str offered_protocol(const struct exchange *x)
{
    const struct http_header *h = http_headers_find_name(&x->req->headers, SL_STR("sec-websocket-protocol"));
    return h != NULL && http_list_has(h->value, SL_STR("realtime")) ? SL_STR("realtime") : SL_STR_NONE;
}

/* openai-compatible.md section 2: Azure's classic path has the deployment in the query. */
static struct sl_str path_of(const struct exchange *x, const struct provider *p, struct sl_str model,
                             struct sl_arena *a)
{
    const struct session_words *words = x->session->words;
    struct sl_str name = url_segment(model, a);
    if (words->live)
        return provider_live_path(p, x->match.model, a);
    if (words->transcribes) /* naming a model there is an error */
        return sl_arena_printf(a, SL_STR_FMT "/realtime?%s" SL_STR_FMT "%sintent=transcription",
                               SL_STR_ARG(p->base_path), p->api_version.n > 0 ? "api-version=" : "",
                               SL_STR_ARG(p->api_version), p->api_version.n > 0 ? "&" : "");
    if (words->opens)
        return sl_arena_printf(a, SL_STR_FMT SL_STR_FMT, SL_STR_ARG(p->base_path), SL_STR_ARG(x->op->upstream_path));
    if (p->api_version.n > 0)
        return sl_arena_printf(a, SL_STR_FMT "/realtime?api-version=" SL_STR_FMT "&deployment=" SL_STR_FMT,
                               SL_STR_ARG(p->base_path), SL_STR_ARG(p->api_version), SL_STR_ARG(name));
    return sl_arena_printf(a, SL_STR_FMT "/realtime?model=" SL_STR_FMT, SL_STR_ARG(p->base_path), SL_STR_ARG(name));
}

void session_ask(struct exchange *x, struct try *t, struct attempt_request *r, struct http_headers *h)
{
    struct exchange_session *s = x->session;
    struct sl_arena *a = &x->attempt_arena;
    s->origin = t->at->origin;
    s->origin.http = UPSTREAM_HTTP1;
    s->origin.id = ~s->origin.id; /* its connections are nobody else's */
    ws_key_make(s->key);
    s->protocol = offered_protocol(x);
    http_headers_add(h, a, SL_STR("sec-websocket-version"), SL_STR("13"));
    http_headers_add(h, a, SL_STR("sec-websocket-key"), sl_str_of(s->key, WS_KEY_TEXT));
    if (s->protocol.n > 0)
        http_headers_add(h, a, SL_STR("sec-websocket-protocol"), s->protocol);
    r->origin = &s->origin;
    r->method = SL_STR("GET");
    r->path = path_of(x, &t->at->provider, t->candidate->model, a);
    r->headers = h->v;
    r->n_headers = h->n;
    r->n_body = 0;
    r->upgrade = true;
    r->deadlines.between_ns = 0;
}

void session_release(struct exchange *x)
{
    struct exchange_session *s = x->session;
    if (s == NULL)
        return;
    if (s->reads_provider)
        ws_reader_done(&s->from_provider);
    s->reads_provider = false;
}

void session_done(struct exchange *x)
{
    struct exchange_session *s = x->session;
    if (s == NULL)
        return;
    if (s->reads_client) {
        ws_reader_done(&s->from_client);
        tel_gauge_add(x->env->tel, TEL_SESSIONS, -1);
    }
    s->reads_client = false;
    sl_chunks_done(&s->early);
    sl_buf_done(&s->rewritten);
    epoch_unref(s->looked);
    s->looked = NULL;
}

const struct access_session *session_told(struct exchange *x)
{
    return x->session != NULL && x->session->upgraded ? &x->session->told : NULL;
}

size_t session_held(const struct exchange *x)
{
    const struct exchange_session *s = x->session;
    return s != NULL ? s->early.n + s->rewritten.cap + (s->reads_client ? s->from_client.message.cap : 0) +
                           (s->reads_provider ? s->from_provider.message.cap : 0)
                     : 0;
}

/* ---- frames out ---- */

static void client_is_full(struct exchange *x)
{
    if (x->client_full || x->over)
        return;
    x->client_full = true;
    attempt_read(x->attempt, false);
}

void session_to_client(struct exchange *x, enum ws_opcode opcode, struct sl_str payload)
{
    unsigned char head[WS_HEAD_MAX];
    struct iovec v[2] = {{head, ws_put_head(head, opcode, payload.n, NULL)}, {(void *)(uintptr_t)payload.p, payload.n}};
    if (x->state == XS_TRY) {
        SL_CHECK(sl_chunks_add(&x->held, v[0].iov_base, v[0].iov_len) == SL_OK);
        SL_CHECK(sl_chunks_add(&x->held, v[1].iov_base, v[1].iov_len) == SL_OK);
        if (x->held.n >= x->snap->set.hold_bytes)
            client_is_full(x);
        return;
    }
    http_stream_send_body(x->stream, v, payload.n > 0 ? 2 : 1, false);
    if (relay_is_full(x))
        client_is_full(x);
}

static const unsigned char *next_mask(struct exchange_session *s)
{
    if (s->n_masks == 0) {
        sl_random_bytes(s->masks, sizeof s->masks);
        s->n_masks = sizeof s->masks;
    }
    s->n_masks -= 4;
    return s->masks + s->n_masks;
}

/* payload: memory of ours, masked in place. */
void session_to_provider(struct exchange *x, enum ws_opcode opcode, void *payload, size_t n)
{
    struct exchange_session *s = x->session;
    unsigned char head[WS_HEAD_MAX];
    if (x->over || x->attempt == NULL)
        return;
    const unsigned char *mask = next_mask(s);
    struct iovec v[2] = {{head, ws_put_head(head, opcode, n, mask)}, {payload, n}};
    ws_mask(payload, n, mask, 0);
    attempt_send(x->attempt, v, n > 0 ? 2 : 1);
    if (attempt_room(x->attempt) > 0 || s->provider_full || x->state != XS_SESSION)
        return;
    s->provider_full = true;
    s->full_since_ns = sl_loop_now(x->env->loop);
    http_stream_read(x->stream, false);
}

static void control_to_provider(struct exchange *x, enum ws_opcode opcode, struct sl_str payload)
{
    char copy[WS_CONTROL_MAX];
    if (payload.n > 0)
        memcpy(copy, payload.p, payload.n);
    session_to_provider(x, opcode, copy, payload.n);
}

/* An error event of ours. */
void session_tell_error(struct exchange *x, const struct error_facts *f, const struct realtime_event *about)
{
    struct sl_arena a;
    struct sl_id id = sl_id_make(sl_loop_wall(x->env->loop), &x->env->loop->rand);
    char text[SL_ID_TEXT];
    sl_arena_init(&a, x->env->arenas);
    sl_id_text(id, text);
    struct sl_str event = x->session->words->error(&a, sl_str_c(text), f, about);
    if (event.n > 0)
        session_to_client(x, WS_TEXT, event);
    sl_arena_done(&a);
}

/* ---- the end ---- */

void session_close_client(struct exchange *x, uint16_t code, struct sl_str reason)
{
    struct exchange_session *s = x->session;
    unsigned char payload[WS_CONTROL_MAX];
    if (s->told_client)
        return;
    s->told_client = true;
    s->told.closed = code;
    session_to_client(x, WS_CLOSE, sl_str_of(payload, ws_put_close(payload, code, reason)));
}

static void close_provider(struct exchange *x, uint16_t code, struct sl_str reason)
{
    struct exchange_session *s = x->session;
    unsigned char payload[WS_CONTROL_MAX];
    if (s->told_provider)
        return;
    s->told_provider = true;
    session_to_provider(x, WS_CLOSE, payload, ws_put_close(payload, code, reason));
}

/* What was decided happens now. */
static void end_now(struct exchange *x)
{
    struct exchange_session *s = x->session;
    const struct session_end *e = &s->end;
    if (s->ended)
        return;
    s->ended = true;
    s->end_due_ns = sl_loop_now(x->env->loop) + SESSION_CLOSE_NS;
    exchange_ends(x, e->by, e->why);
    if (e->error != GE_NONE && !s->told_client)
        session_tell_error(x, &(struct error_facts){.error = e->error}, NULL);
    session_close_client(x, e->code, e->reason);
    close_provider(x, e->code_up, e->code_up == e->code ? e->reason : SL_STR_NONE);
    exchange_wake(x, EV_STREAM_END);
}

/* The first decision stays, but an end at once goes before one that waits. */
static void end_with(struct exchange *x, const struct session_end *e)
{
    if (x->session->ended)
        return;
    x->session->end = *e;
    end_now(x);
}

/* Live has a message that says how long there is still. */
static void warn(struct exchange *x, int64_t left_ns)
{
    struct exchange_session *s = x->session;
    struct sl_arena a;
    if (!s->words->live || s->warned || s->told_client)
        return;
    s->warned = true;
    sl_arena_init(&a, x->env->arenas);
    session_to_client(x, WS_TEXT, live_go_away(&a, (unsigned)((left_ns + SL_SEC - 1) / SL_SEC)));
    sl_arena_done(&a);
}

static void end_behind_responses(struct exchange *x, const struct session_end *e)
{
    struct exchange_session *s = x->session;
    if (s->ended || s->end.code != 0)
        return;
    s->end = *e;
    s->end_due_ns = sl_loop_now(x->env->loop) + SESSION_GRACE_NS;
    if (session_turns_live(x) == 0)
        end_now(x);
    else
        warn(x, SESSION_GRACE_NS);
}

/* It never goes to the provider. */
static void drop_held(struct exchange *x)
{
    struct exchange_session *s = x->session;
    if (!s->holds)
        return;
    x->env->journal_sync_forget(x->env->owner, x);
    x->sync_wait = s->holds = false;
    session_turn_never(x, s->held_turn);
}

/* The client has left. A response that is being made is stopped, and its end waited for: what it has cost is in there. */
static void leave(struct exchange *x, const struct session_end *e)
{
    struct exchange_session *s = x->session;
    if (s->ended || s->leaving)
        return;
    drop_held(x);
    s->end = *e;
    struct sl_str cancel = s->words->cancel;
    char stop[64];
    if (session_turns_live(x) == 0 || x->over || cancel.n == 0) {
        end_now(x);
        return;
    }
    s->leaving = true;
    s->end_due_ns = sl_loop_now(x->env->loop) + SESSION_LEAVE_NS;
    SL_CHECK(cancel.n <= sizeof stop);
    memcpy(stop, cancel.p, cancel.n);
    session_to_provider(x, WS_TEXT, stop, cancel.n);
    exchange_ends(x, e->by, e->why);
}

static void client_broke_protocol(struct exchange *x, uint16_t code, struct sl_str why)
{
    x->session->client_closed = true; /* nothing more is read from it */
    end_with(x, &(struct session_end){.code = code,
                                      .code_up = WS_CODE_NORMAL,
                                      .reason = why,
                                      .by = ACCESS_CLIENT,
                                      .why = SL_STR("client_protocol"),
                                      .outcome = OUT_OK});
}

/* The provider is gone, or speaks nonsense: never a clean end for the client. */
static void provider_broke(struct exchange *x, enum outcome o, struct sl_str reason)
{
    end_with(x, &(struct session_end){.code = WS_CODE_INTERNAL,
                                      .code_up = WS_CODE_PROTOCOL,
                                      .reason = reason,
                                      .error = gateway_error_by_code(outcome_row(o)->code),
                                      .by = ACCESS_PROVIDER,
                                      .why = outcome_row(o)->name,
                                      .outcome = o});
}

/* Whether whom it belongs to may still go on; looked at when keys have changed. */
bool session_key_is_good(struct exchange *x)
{
    struct exchange_session *s = x->session;
    char scratch[KEY_TEXT_MAX];
    unsigned char digest[KEY_DIGEST_BYTES];
    struct sl_str text;
    bool over = x->key->expires_ns > 0 && sl_loop_wall(x->env->loop) >= x->key->expires_ns;
    if (s->looked == x->env->epoch && !over)
        return true;
    epoch_unref(s->looked);
    s->looked = x->env->epoch;
    s->looked->refs++;
    if (x->secret != NULL)
        return secret_is_good(x, s->looked->keys);
    bool good = key_find(&x->req->headers, x->req->query, scratch, &text) == KEY_FOUND;
    if (good) {
        key_digest_prepared(x->env->pepper, text, digest);
        good = auth_check(s->looked->keys, digest, sl_loop_wall(x->env->loop)).verdict == AUTH_OK;
    }
    return good;
}

static void check_key(struct exchange *x)
{
    if (!session_key_is_good(x))
        end_behind_responses(x, &(struct session_end){.code = WS_CODE_POLICY,
                                                      .code_up = WS_CODE_NORMAL,
                                                      .reason = SL_STR("the API key is not valid any more"),
                                                      .error = GE_SESSION_KEY,
                                                      .by = ACCESS_GATEWAY,
                                                      .why = SL_STR("invalid_api_key"),
                                                      .outcome = OUT_OK});
}

/* ---- the client's side ---- */

/* It is the provider's now. */
static void ask_provider(struct exchange *x, const struct session_wish *w)
{
    session_to_provider(x, WS_TEXT, (void *)(uintptr_t)w->text.p, w->text.n);
}

/* ledger.open: synced: the message stays here until its open record is on the disk. False: that is not asked for. */
static bool hold(struct exchange *x, const struct session_wish *w)
{
    struct exchange_session *s = x->session;
    struct session_turn *t = session_turn_newest(x);
    if (!x->snap->set.open_synced || !t->is_open || x->env->journal_sync == NULL || x->sync_wait)
        return false;
    x->sync_wait = x->env->journal_sync(x->env->owner, x, &t->opened_at);
    if (!x->sync_wait)
        return false;
    s->holds = true;
    s->held = *w;
    s->held_turn = t;
    http_stream_read(x->stream, false);
    return true;
}

/* A message goes nowhere. Where there are no events for errors, nothing but the end of the session tells the client. */
static void client_refused(struct exchange *x, const struct error_facts *f, const struct realtime_event *look)
{
    const struct gateway_error_row *row = gateway_error_row(f->error);
    session_tell_error(x, f, look);
    if (!x->session->words->live)
        return;
    bool later = f->error == GE_RATE_LIMITED || row->status == 503;
    end_with(x, &(struct session_end){.code = later ? WS_CODE_TRY_LATER : WS_CODE_POLICY,
                                      .code_up = WS_CODE_NORMAL,
                                      .reason = sl_arena_str(x->a, f->message.n > 0 ? f->message : row->message),
                                      .by = ACCESS_GATEWAY,
                                      .why = row->code,
                                      .outcome = OUT_OK});
}

/* It says once more what the session is. */
static void client_sets_up(struct exchange *x, struct sl_str message, const struct realtime_event *look)
{
    struct sl_str text;
    struct error_facts f = {.error = GE_NONE};
    check_key(x);
    if (x->session->ended)
        return;
    if (session_renames(x, message, look, &text, &f)) {
        session_to_provider(x, WS_TEXT, (void *)(uintptr_t)text.p, text.n);
        return;
    }
    tel_refuse(x->env->tel, TEL_WHY_BODY);
    client_refused(x, &f, look);
}

/* Sound that was sent is to be transcribed: that is charged as a response is. */
static void client_commits(struct exchange *x, const struct ws_event *e, const struct realtime_event *look)
{
    struct error_facts f = {.error = GE_NONE};
    check_key(x);
    if (x->session->ended)
        return;
    if (session_turn_may(x, &f)) {
        session_to_provider(x, e->opcode, (void *)(uintptr_t)e->payload.p, e->payload.n);
        return;
    }
    tel_refuse(x->env->tel, TEL_WHY_RATE);
    client_refused(x, &f, look);
}

static void client_asks(struct exchange *x, struct sl_str message, const struct realtime_event *look)
{
    struct exchange_session *s = x->session;
    const struct try *t = try_current(x);
    struct session_wish w = {.text = message, .model = x->facts.model, .candidate = t->candidate, .price = t->price};
    struct error_facts f = {.error = GE_NONE};
    check_key(x);
    if (s->ended)
        return;
    bool fresh = true;
    if (s->words->live)
        session_live_asked(x, look, &fresh);
    bool asked = !fresh ? session_turn_may(x, &f)
                        : (!s->words->each_names || session_wishes(x, message, &w, &f)) &&
                              session_turn_ask(x, look, &w, &f);
    if (asked) {
        if (!fresh || !hold(x, &w))
            ask_provider(x, &w);
        return;
    }
    tel_refuse(x->env->tel, TEL_WHY_RATE);
    client_refused(x, &f, look);
    if (f.error == GE_SESSION_ELSEWHERE)
        end_behind_responses(x, &(struct session_end){.code = WS_CODE_GOING_AWAY,
                                                      .code_up = WS_CODE_NORMAL,
                                                      .reason = SL_STR("that model needs another connection"),
                                                      .by = ACCESS_CLIENT,
                                                      .why = SL_STR("model_elsewhere"),
                                                      .outcome = OUT_OK});
    if (f.error == GE_SESSION_COST)
        exchange_wake(x, EV_STREAM_END);
}

static void client_message(struct exchange *x, const struct ws_event *e)
{
    struct exchange_session *s = x->session;
    struct realtime_event look;
    s->message_ns = sl_loop_now(x->env->loop);
    s->told.messages_in++;
    tel_add(x->env->tel, TEL_SESSION_MESSAGES, 1);
    if (e->opcode == WS_BINARY && !s->words->binary) {
        client_broke_protocol(x, WS_CODE_UNSUPPORTED, SL_STR("only text messages are taken"));
        return;
    }
    s->words->look_client(e->payload, &look);
    if (look.kind == RT_TEXT || ((look.kind == RT_CREATE || look.kind == RT_RESULT) && !s->words->each_names))
        session_said_client(x, e->payload);
    if (look.kind == RT_TEXT || look.kind == RT_AUDIO)
        *(look.kind == RT_TEXT ? &s->text_bytes : &s->audio_bytes) += look.delta;
    if (look.kind == RT_CREATE || look.kind == RT_RESULT)
        client_asks(x, e->payload, &look);
    else if (look.kind == RT_SETUP)
        client_sets_up(x, e->payload, &look);
    else if (look.kind == RT_COMMIT)
        client_commits(x, e, &look);
    else
        session_to_provider(x, e->opcode, (void *)(uintptr_t)e->payload.p, e->payload.n); /* the reader's own memory */
}

static void client_event(struct exchange *x, enum ws_result r, const struct ws_event *e)
{
    struct exchange_session *s = x->session;
    if (r == WS_BAD) {
        client_broke_protocol(x, e->code, e->reason);
    } else if (r == WS_MESSAGE) {
        if (!s->ended)
            client_message(x, e);
    } else if (e->opcode == WS_PING) {
        session_to_client(x, WS_PONG, e->payload);
    } else if (e->opcode == WS_CLOSE) {
        s->client_closed = true;
        session_close_client(x, e->code, e->reason);
        leave(x, &(struct session_end){.code = e->code,
                                       .code_up = e->code,
                                       .reason = sl_arena_str(x->a, e->reason),
                                       .by = ACCESS_CLIENT,
                                       .why = SL_STR("ok"),
                                       .outcome = OUT_OK});
        exchange_wake(x, EV_STREAM_END);
    }
}

/* As far as it may be looked at now. */
static void read_client(struct exchange *x, struct sl_str *bytes)
{
    struct exchange_session *s = x->session;
    struct ws_event e;
    enum ws_result r;
    while (!s->client_closed && !s->holds && (r = ws_read(&s->from_client, bytes, &e)) != WS_MORE)
        client_event(x, r, &e);
    pressure_note(x);
    if (s->from_client.message.n > SESSION_SMALL && !s->ended && pressure_refuses(x, 0))
        end_with(x, &(struct session_end){.code = WS_CODE_TRY_LATER,
                                          .code_up = WS_CODE_NORMAL,
                                          .reason = SL_STR("no memory for a message as large as this"),
                                          .error = GE_OVERLOADED,
                                          .by = ACCESS_GATEWAY,
                                          .why = SL_STR("gateway_overloaded"),
                                          .outcome = OUT_OK});
}

/* What came while nobody looked. */
static void read_early(struct exchange *x)
{
    struct exchange_session *s = x->session;
    struct sl_str in = sl_chunks_flat(&s->early);
    size_t had = in.n;
    if (had == 0)
        return;
    read_client(x, &in);
    sl_chunks_drop(&s->early, s->client_closed ? had : had - in.n);
}

void session_on_bytes(struct exchange *x, struct sl_str bytes)
{
    struct exchange_session *s = x->session;
    if (!s->reads_client || s->client_closed)
        return;
    s->client_ns = sl_loop_now(x->env->loop);
    bool now = x->state == XS_SESSION && s->early.n == 0;
    if (now)
        read_client(x, &bytes);
    if (bytes.n == 0 || s->client_closed)
        return;
    enum sl_err err = sl_chunks_add(&s->early, bytes.p, bytes.n);
    SL_CHECK(err == SL_OK); /* no bound: reading was stopped, or stops with the first message */
    if (x->state == XS_READ_BODY)
        exchange_wake(x, EV_BODY);
}

/* ---- the provider's side ---- */

/* The first message is an error: a refusal, as long as the client has seen nothing. */
static void first_is_error(struct exchange *x, struct sl_str message)
{
    struct realtime_event look;
    x->session->words->look_server(sl_arena_str(&x->attempt_arena, message), &look);
    x->session->refusal = sl_arena_str(x->a, message);
    x->answer_seen.error = look.error;
    x->answer_seen.saw_error = true;
    x->relay_bad = true;
    x->bad_outcome = OUT_STREAM_ERROR;
    exchange_wake(x, EV_STREAM_END);
}

static void provider_message(struct exchange *x, const struct ws_event *e)
{
    struct exchange_session *s = x->session;
    struct realtime_event look;
    s->words->look_server(e->payload, &look);
    if (s->words->greeting != NULL && look.opening && !s->greeted) {
        s->greeted = true;
        return;
    }
    if (look.kind == RT_ERROR && !x->committed && x->events_relayed == 0 && !session_shows_error(x, &look)) {
        first_is_error(x, e->payload);
        return;
    }
    x->events_relayed++;
    s->told.messages_out++;
    tel_add(x->env->tel, TEL_SESSION_MESSAGES, 1);
    s->message_ns = sl_loop_now(x->env->loop);
    bool output = look.kind == RT_TEXT || look.kind == RT_AUDIO || look.delta + look.audio > 0;
    if (x->first_token_ns < 0 && output)
        x->first_token_ns = s->message_ns - x->began_ns;
    session_turn_see(x, &look, e->payload.n);
    if (!s->told_client)
        session_to_client(x, e->opcode, e->payload);
    if (!x->committed)
        exchange_wake(x, EV_HELD);
    else if (look.kind == RT_DONE || look.kind == RT_TRANSCRIBED || look.kind == RT_PIECE)
        exchange_wake(x, EV_STREAM_END);
}

static void provider_closes(struct exchange *x, const struct ws_event *e)
{
    x->session->provider_closed = true;
    if (!x->committed) { /* before it has begun: nothing to be had here */
        x->relay_bad = true;
        x->bad_outcome = OUT_TRUNCATED;
        if (x->session->words->live)
            session_closed_early(x, e->code, e->reason);
        exchange_wake(x, EV_STREAM_END);
        return;
    }
    end_with(x, &(struct session_end){.code = e->code,
                                      .code_up = e->code,
                                      .reason = sl_arena_str(x->a, e->reason),
                                      .by = ACCESS_PROVIDER,
                                      .why = SL_STR("ok"),
                                      .outcome = OUT_OK});
    exchange_wake(x, EV_STREAM_END);
}

static void provider_event(struct exchange *x, enum ws_result r, const struct ws_event *e)
{
    if (r == WS_BAD) {
        x->session->provider_closed = true;
        x->relay_bad = true;
        x->bad_outcome = OUT_MALFORMED;
        if (x->committed)
            provider_broke(x, OUT_MALFORMED, SL_STR("the provider broke the protocol"));
        exchange_wake(x, EV_STREAM_END);
    } else if (r == WS_MESSAGE) {
        provider_message(x, e);
    } else if (e->opcode == WS_PING) {
        control_to_provider(x, WS_PONG, e->payload);
    } else if (e->opcode == WS_CLOSE) {
        provider_closes(x, e);
    }
}

static void on_body(void *owner, struct sl_str bytes)
{
    struct exchange *x = owner;
    struct exchange_session *s = x->session;
    struct ws_event e;
    enum ws_result r;
    if (!x->answer_ok) { /* an answer that is no upgrade */
        if (sl_chunks_add(&x->held, bytes.p, bytes.n) != SL_OK)
            x->error_cut = true;
        return;
    }
    s->provider_ns = sl_loop_now(x->env->loop);
    while (!s->provider_closed && !(x->relay_bad && !x->committed) &&
           (r = ws_read(&s->from_provider, &bytes, &e)) != WS_MORE)
        provider_event(x, r, &e);
    pressure_note(x);
}

static void on_head(void *owner, const struct http_response *head)
{
    struct exchange *x = owner;
    struct exchange_session *s = x->session;
    bool accepted = ws_is_accepted(head, sl_str_of(s->key, WS_KEY_TEXT), tls_sha1);
    x->head = head;
    x->head_ns = sl_loop_now(x->env->loop);
    lanes_head(x, try_current(x), x->head);
    x->answer_ok = x->is_stream = x->out_stream = accepted;
    x->held.max = accepted ? SIZE_MAX / 4 : ERROR_BODY_MAX;
    x->answer_seen = (struct relay_state){.events = 0};
    x->seen = &x->answer_seen;
    s->provider_closed = s->greeted = false;
    x->events_relayed = 0;
    if (!accepted && head->status < 300) { /* an upgrade to something else, or an answer of another kind */
        x->answer_ok = x->relay_bad = true;
        x->bad_outcome = OUT_MALFORMED;
        exchange_wake(x, EV_STREAM_END);
        return;
    }
    if (accepted && !s->reads_provider) {
        s->reads_provider = true;
        s->provider_ns = x->head_ns;
        ws_reader_init(&s->from_provider, WS_FROM_SERVER, x->snap->set.realtime.message_bytes);
        session_send_first(x);
    }
    exchange_wake(x, EV_HEAD);
}

static void on_over(void *owner, const struct attempt_result *r)
{
    struct exchange *x = owner;
    try_current(x)->result = *r;
    x->over = true;
    exchange_wake(x, EV_OVER);
}

static void on_room(void *owner)
{
    struct exchange *x = owner;
    struct exchange_session *s = x->session;
    if (!s->provider_full)
        return;
    s->provider_full = false;
    s->client_ns = sl_loop_now(x->env->loop);
    if (!s->holds)
        http_stream_read(x->stream, true);
}

const struct attempt_owner session_attempt_owner = {
    .on_head = on_head, .on_body = on_body, .on_over = on_over, .on_room = on_room};

/* ---- the step ---- */

/* What the provider says of its own connection stays there. */
static void drop_ws_headers(struct http_headers *h)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->n; i++)
        if (!sl_str_starts(h->v[i].name, SL_STR("sec-websocket-")))
            h->v[n++] = h->v[i];
    h->n = n;
}

static void session_upgrade(struct exchange *x, const struct http_headers *from)
{
    struct exchange_session *s = x->session;
    struct http_response r = {.status = 101, .content_length = HTTP_LENGTH_NONE};
    const struct http_header *key = http_headers_find_name(&x->req->headers, SL_STR("sec-websocket-key"));
    char accept[WS_ACCEPT_TEXT];
    if (from != NULL)
        provider_response_headers(from, x->a, &r.headers);
    drop_ws_headers(&r.headers);
    ws_accept_of(key->value, tls_sha1, accept);
    http_headers_add(&r.headers, x->a, SL_STR("sec-websocket-accept"),
                     sl_arena_str(x->a, sl_str_of(accept, WS_ACCEPT_TEXT)));
    if (s->protocol.n > 0)
        http_headers_add(&r.headers, x->a, SL_STR("sec-websocket-protocol"), s->protocol);
    exchange_headers(x, &r.headers);
    if (!http_stream_upgrade(x->stream, &r))
        http_stream_reset(x->stream); /* cannot be: IDENTIFY has looked at the request */
    x->status_sent = 101;
    s->upgraded = s->reads_client = true;
    s->client_ns = sl_loop_now(x->env->loop);
    s->looked = x->epoch;
    s->looked->refs++;
    ws_reader_init(&s->from_client, WS_FROM_CLIENT, x->snap->set.realtime.message_bytes);
    tel_gauge_add(x->env->tel, TEL_SESSIONS, 1);
}

static void begin(struct exchange *x)
{
    struct exchange_session *s = x->session;
    if (!s->upgraded)
        session_upgrade(x, &x->head->headers);
    x->committed = true;
    s->began_ns = s->message_ns = s->client_ns = sl_loop_now(x->env->loop);
    s->allowance_ns = s->began_ns - SL_MIN;
    if (s->words->each_names)
        session_turn_allowed(x); /* the first was asked for */
    while (x->held.n > 0) {
        struct iovec v[16];
        size_t part = 0;
        int n = sl_chunks_iov(&x->held, v, 16);
        for (int i = 0; i < n; i++)
            part += v[i].iov_len;
        http_stream_send_body(x->stream, v, n, false);
        sl_chunks_drop(&x->held, part);
    }
    if (x->secret != NULL && !s->words->transcribes)
        secret_configure(x);
    read_early(x);
    if (!s->holds)
        http_stream_read(x->stream, true);
    if (x->client_full)
        exchange_wake(x, EV_ROOM);
}

static void client_left(struct exchange *x)
{
    bool shutdown = x->gone_why == HTTP_GONE_SHUTDOWN;
    const struct session_end left = {.code = shutdown ? WS_CODE_GOING_AWAY : WS_CODE_NORMAL,
                                     .code_up = shutdown ? WS_CODE_GOING_AWAY : WS_CODE_NORMAL,
                                     .by = shutdown ? ACCESS_GATEWAY : ACCESS_CLIENT,
                                     .why = shutdown ? SL_STR("shutdown") : SL_STR("client_gone"),
                                     .outcome = shutdown ? OUT_CANCELLED : OUT_CLIENT_GONE};
    if (shutdown)
        end_with(x, &left);
    else
        leave(x, &left);
}

static int64_t warn_due(const struct exchange *x)
{
    int64_t most = x->snap->set.realtime.session_ns;
    return x->session->words->live && !x->session->warned
               ? x->session->began_ns + most - (most > 2 * SESSION_WARN_NS ? SESSION_WARN_NS : most / 2)
               : SL_NEVER;
}

static void check_limits(struct exchange *x)
{
    const struct exchange_session *s = x->session;
    const struct realtime_policy *p = &x->snap->set.realtime;
    int64_t now = sl_loop_now(x->env->loop);
    check_key(x);
    if (x->env->draining)
        end_behind_responses(x, &(struct session_end){.code = WS_CODE_GOING_AWAY,
                                                      .code_up = WS_CODE_GOING_AWAY,
                                                      .reason = SL_STR("the gateway is shutting down"),
                                                      .by = ACCESS_GATEWAY,
                                                      .why = SL_STR("shutdown"),
                                                      .outcome = OUT_OK});
    if (p->cost_p > 0 && s->cost_p >= p->cost_p)
        end_behind_responses(x, &(struct session_end){.code = WS_CODE_POLICY,
                                                      .code_up = WS_CODE_NORMAL,
                                                      .reason = SL_STR("the session has cost what a session may"),
                                                      .error = GE_SESSION_COST,
                                                      .by = ACCESS_GATEWAY,
                                                      .why = SL_STR("session_cost_limit"),
                                                      .outcome = OUT_OK});
    if (s->cost_p > 0 && !budget_has_room(x)) /* responses that a provider begins by itself are not asked for */
        end_behind_responses(x, &(struct session_end){.code = WS_CODE_POLICY,
                                                      .code_up = WS_CODE_NORMAL,
                                                      .reason = SL_STR("the tenant's budget is used up"),
                                                      .error = GE_BUDGET,
                                                      .by = ACCESS_GATEWAY,
                                                      .why = SL_STR("insufficient_quota"),
                                                      .outcome = OUT_OK});
    if (now >= warn_due(x))
        warn(x, s->began_ns + p->session_ns - now);
    if (now >= s->began_ns + p->session_ns)
        end_behind_responses(x, &(struct session_end){.code = WS_CODE_GOING_AWAY,
                                                      .code_up = WS_CODE_NORMAL,
                                                      .reason = SL_STR("the session has lasted as long as it may"),
                                                      .error = GE_SESSION_LONG,
                                                      .by = ACCESS_GATEWAY,
                                                      .why = SL_STR("session_expired"),
                                                      .outcome = OUT_OK});
    if (p->idle_ns > 0 && now >= s->message_ns + p->idle_ns)
        end_with(x, &(struct session_end){.code = WS_CODE_GOING_AWAY,
                                          .code_up = WS_CODE_NORMAL,
                                          .reason = SL_STR("nothing was said for too long"),
                                          .by = ACCESS_GATEWAY,
                                          .why = SL_STR("idle"),
                                          .outcome = OUT_OK});
}

/* A side that is not read cannot show that it lives. */
static void check_life(struct exchange *x)
{
    struct exchange_session *s = x->session;
    int64_t now = sl_loop_now(x->env->loop), ping = x->snap->set.realtime.ping_ns;
    if (s->provider_full && now >= s->full_since_ns + SESSION_STUCK_NS)
        provider_broke(x, OUT_STALLED, SL_STR("the provider takes nothing any more"));
    if (ping == 0 || s->ended)
        return;
    if (!x->client_full && now >= s->provider_ns + SESSION_PINGS_MISSED * ping) {
        provider_broke(x, OUT_STALLED, SL_STR("the provider does not answer any more"));
    } else if (!x->client_full && now >= s->provider_ns + ping && now >= s->pinged_provider_ns + ping) {
        s->pinged_provider_ns = now;
        control_to_provider(x, WS_PING, SL_STR_NONE);
    }
    bool read = !s->provider_full && !s->holds;
    if (read && now >= s->client_ns + SESSION_PINGS_MISSED * ping) {
        x->gone_why = HTTP_GONE_STALLED;
        s->client_closed = true;
        client_left(x);
    } else if (read && now >= s->client_ns + ping && now >= s->pinged_client_ns + ping) {
        s->pinged_client_ns = now;
        session_to_client(x, WS_PING, SL_STR_NONE);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* When to look again. */
static int64_t next_look(const struct exchange *x)
{
    const struct exchange_session *s = x->session;
    const struct realtime_policy *p = &x->snap->set.realtime;
    int64_t now = sl_loop_now(x->env->loop), due = s->began_ns + p->session_ns;
    if (s->ended || s->leaving || s->end.code != 0)
        return s->end_due_ns;
    due = earlier(due, warn_due(x));
    if (p->idle_ns > 0)
        due = earlier(due, s->message_ns + p->idle_ns);
    if (p->ping_ns > 0)
        due = earlier(due, now + p->ping_ns / 2);
    if (s->provider_full)
        due = earlier(due, s->full_since_ns + SESSION_STUCK_NS);
    return due > now ? due : now + SL_MS;
}

static bool is_finished(const struct exchange *x)
{
    const struct exchange_session *s = x->session;
    bool client_done = x->gone || x->stream->gone || s->client_closed;
    bool provider_done = x->over || s->provider_closed || x->gone_why == HTTP_GONE_SHUTDOWN;
    return s->ended && ((client_done && provider_done) || sl_loop_now(x->env->loop) >= s->end_due_ns);
}

static enum step finish(struct exchange *x)
{
    struct exchange_session *s = x->session;
    struct try *t = try_current(x);
    if (!x->over) {
        attempt_cancel(x->attempt, false, &t->result);
        x->over = true;
    }
    drop_held(x);
    t->outcome = s->end.outcome;
    if (t->outcome == OUT_OK)
        t->result.detail = ""; /* that we ended it is what both sides wanted */
    session_turns_cut(x, s->end.outcome == OUT_OK ? OUT_CANCELLED : s->end.outcome);
    try_note_head(x, t);
    try_close(x, t);
    t->settled = (struct settlement){
        .usage = s->usage, .cost = {.cost_p = s->cost_p, .flags = s->cost_flags}, .billed = s->told.responses > 0};
    x->final_kind = FINAL_ANSWER; /* nothing is left to send: the connection is closed */
    x->final_text = SL_STR_NONE;
    exchange_goto(x, XS_SETTLE);
    return STEP_GO;
}

/* The open record that was waited for is on the disk, or cannot get there. */
static void release_held(struct exchange *x)
{
    struct exchange_session *s = x->session;
    s->holds = x->sync_wait = false;
    if (!s->ended && x->sync_failed) {
        session_turn_never(x, s->held_turn);
        session_tell_error(x, &(struct error_facts){.error = GE_LEDGER_UNAVAILABLE}, NULL);
    } else if (!s->ended) {
        ask_provider(x, &s->held);
    }
    x->sync_failed = false;
    s->client_ns = sl_loop_now(x->env->loop);
    read_early(x);
    if (!s->holds && !s->provider_full)
        http_stream_read(x->stream, true);
}

static void look_around(struct exchange *x)
{
    struct exchange_session *s = x->session;
    int64_t now = sl_loop_now(x->env->loop);
    if (s->ended)
        return;
    if (!s->leaving) {
        check_limits(x);
        check_life(x);
    }
    if (s->end.code != 0 && !s->ended && (session_turns_live(x) == 0 || now >= s->end_due_ns || x->timed_out))
        end_now(x);
}

enum step step_session(struct exchange *x)
{
    struct exchange_session *s = x->session;
    if (!x->committed)
        begin(x);
    if (exchange_take(x, EV_SYNCED) && s->holds)
        release_held(x);
    if (exchange_take(x, EV_GONE))
        client_left(x);
    if (exchange_take(x, EV_ROOM) && x->client_full && !x->over && !relay_is_full(x)) {
        x->client_full = false;
        s->provider_ns = sl_loop_now(x->env->loop);
        attempt_read(x->attempt, true);
    }
    if (exchange_take(x, EV_OVER) && !s->provider_closed && !s->ended) {
        enum outcome o = try_current(x)->result.outcome;
        provider_broke(x, o == OUT_OK ? OUT_TRUNCATED : o, SL_STR("the provider is gone"));
    }
    look_around(x);
    if (is_finished(x))
        return finish(x);
    x->events = 0;
    x->soft_due_ns = next_look(x);
    return STEP_WAIT;
}
