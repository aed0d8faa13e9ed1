/* TRY's first half: in which dialect the candidate is spoken to, and the body it gets. Same dialect: the client's bytes with the
 * model spliced. Another: the request is read once into the neutral form and written anew for each candidate. */
#include "base/mem.h"
#include "dialect/anthropic/anthropic.h"
#include "dialect/carrier.h"
#include "dialect/order_check.h"
#include "dialect/relay_translate.h"
#include "dialect/unseal.h"
#include "exchange/count_tokens.h"
#include "exchange/exchange_int.h"

#define BODY_BYTES (256u << 20) /* of a translated request: base64 of what came, with room */
#define BODY_AT_ONCE (4u << 20) /* up to here its room is taken at once */
#define BODY_MORE 512u          /* what another format says that the client's does not */

const struct dialect *translate_dialect(const struct exchange *x, const struct provider *p, struct sl_str model)
{
    const struct dialect *up = dialect_find(provider_dialect(p, x->dialect->name, model));
    if (p->kind->chat_only && !x->op->generates && !x->op->counts)
        return NULL;
    if (up == x->dialect)
        return up;
    bool can = up != NULL && x->op->generates && x->dialect->codec != NULL && up->codec != NULL;
    return can ? up : NULL;
}

bool translate_read(struct exchange *x)
{
    struct request_refusal refusal = {0};
    if (x->neutral != NULL)
        return true;
    struct neutral_request *n = SL_ARENA_NEW(x->a, struct neutral_request);
    n->from = dialect_of(x->body_op);
    n->model = x->facts.model;
    n->stream = x->facts.stream;
    n->earlier = x->stored.n_earlier;
    if (!n->from->codec->request_read(x->body_op, x->body_text, x->a, n, &refusal)) {
        x->refused = refusal.error;
        return false;
    }
    n->model = x->facts.model;
    n->stream = x->facts.stream;
    x->neutral = n;
    return true;
}

/* Whether the client is to see what the model thought: where its format would show it without being asked, or where it asked. */
static bool shows_reasoning(const struct exchange *x)
{
    const struct neutral_reasoning *r = &x->neutral->reasoning;
    if (x->dialect->errors == ERRORS_ANTHROPIC)
        return r->visible != SAID_NO && (r->budget > 0 || r->budget == -2 || r->visible == SAID_YES);
    if (x->dialect->errors == ERRORS_GEMINI)
        return r->visible == SAID_YES;
    return r->visible != SAID_NO;
}

static struct translation *new_translation(struct exchange *x, const struct dialect *up, const struct provider *p,
                                           struct sl_str model, struct sl_arena *a)
{
    struct translation *t = SL_ARENA_NEW(a, struct translation);
    struct sl_str known = provider_known_model(p, model);
    char *id = sl_arena_alloc(a, SL_ID_TEXT);
    sl_id_text(x->id, id);
    *t = (struct translation){
        .face = x->dialect,
        .up = up,
        .req = x->neutral,
        .caps = caps_find(up->codec->caps, known),
        .unsupported = x->snap->set.unsupported,
        .up_model = known,
        .asked_as = model,
        .platform = p->kind->platform,
        .lacks = p->kind->chat_lacks,
        .short_call_ids = p->kind->short_call_ids,
        .a = a,
        .notes = SL_ARENA_NEW(a, struct neutral_notes),
        .wishes = x->snap->set.media.fetch ? SL_ARENA_NEW(a, struct media_wishes) : NULL,
        .id = sl_str_c(id),
        .created_s = x->wall_ns / SL_SEC,
        .estimate_input = x->estimate_input,
        .guess = guess_for(x),
        .show_reasoning = shows_reasoning(x),
        .stream_array = x->match.stream_array,
    };
    t->notes->a = a;
    return t;
}

struct translation *translate_side(struct exchange *x)
{
    const struct route_candidate *c = try_current(x)->candidate;
    return new_translation(x, x->dialect, &x->snap->providers[c->provider_index].provider, x->facts.model, x->a);
}

/* What the client is told of the translation; outlives the attempt. */
static void note_losses(struct exchange *x, const struct translation *t)
{
    struct sl_str text = neutral_notes_text(t->notes, &x->attempt_arena, DROPPED_TEXT);
    x->dropped = sl_arena_str(x->a, text);
}

static bool write_foreign(struct exchange *x, struct translation *t, struct body_pieces *out)
{
    struct request_refusal refusal = {0};
    struct sl_buf body;
    sl_buf_init_in(&body, BODY_BYTES, &x->attempt_arena);
    if (x->body_text.n < BODY_AT_ONCE)
        (void)sl_buf_room(&body, x->body_text.n + x->body_text.n / 4 + BODY_MORE); /* once, for most */
    bool orders = t->up->errors == ERRORS_OPENAI || t->up->errors == ERRORS_RESPONSES;
    bool ok = (!orders || order_check(t->req, t->a, &refusal)) && t->up->codec->request_write(t, &body, &refusal) &&
              !body.over;
    if (ok) {
        struct iovec *v = SL_ARENA_NEW(&x->attempt_arena, struct iovec);
        *v = (struct iovec){.iov_base = body.p, .iov_len = body.n};
        *out = (struct body_pieces){.v = v, .n = 1, .bytes = body.n};
        if (sl_buf_is_on_heap(&body)) {
            sl_arena_on_drop(&x->attempt_arena, sl_free, body.p);
            x->attempt_arena.used += body.cap; /* it goes with the arena, and counts as what that holds (pressure.c) */
        }
        return true;
    }
    if (body.over) {
        x->refused = (struct error_facts){.error = GE_BODY_TOO_LARGE};
    } else { /* the texts are of the attempt's arena */
        x->refused = refusal.error;
        x->refused.message = sl_arena_str(x->a, refusal.error.message);
        x->refused.param = sl_arena_str(x->a, refusal.error.param);
    }
    sl_buf_done(&body);
    return false;
}

/* Bedrock has them in the body, so the codec has to know. Several headers are one list (RFC 9110 5.3). */
static struct sl_str betas_of(struct exchange *x)
{
    const struct http_headers *h = &x->req->headers;
    struct sl_str all = SL_STR_NONE;
    for (uint32_t i = 0; i < h->n; i++) {
        if (!sl_str_eq(h->v[i].name, SL_STR("anthropic-beta")))
            continue;
        all = all.n == 0 ? h->v[i].value
                         : sl_arena_printf(&x->attempt_arena, SL_STR_FMT "," SL_STR_FMT, SL_STR_ARG(all),
                                           SL_STR_ARG(h->v[i].value));
    }
    return all;
}

/* Names of betas are no wishes: clients list what they could use. */
static bool lacks_members(const struct neutral_notes *notes)
{
    for (const struct neutral_note_row *row = notes->first; row != NULL; row = row->next)
        if (!sl_str_starts(row->what, SL_STR("anthropic-beta:")))
            return true;
    return false;
}

/* A conversation that was at another provider before holds what that one's model thought, sealed by this gateway: the format is
 * the same, but this provider would refuse it. So this attempt has a body without it. (Responses and Gemini take it out of the
 * bytes themselves: request_encode_same; Gemini also what Vertex AI does not take.) Gives what is lost by it. */
static struct sl_str unsealed(struct exchange *x, const struct provider *p, struct sl_str model,
                              const struct request_facts **facts, struct sl_str *body)
{
    struct unseal u = {.dialect = x->dialect, .platform = p->kind->platform, .model = model};
    struct request_refusal refusal = {0};
    if (x->dialect->codec == NULL || (x->facts.starts & json_start_bit("slc1")) == 0 || !carrier_is_in(*body) ||
        !unseal_body(&u, *body, &x->attempt_arena))
        return SL_STR_NONE;
    struct request_facts read = x->facts, *moved = SL_ARENA_NEW(&x->attempt_arena, struct request_facts);
    *moved = x->facts;
    if (!x->dialect->request_decode(x->match.op, u.body, &x->attempt_arena, &read, &refusal))
        return SL_STR_NONE;
    memcpy(moved->at, read.at, sizeof moved->at); /* its members stand elsewhere */
    *facts = moved;
    *body = u.body;
    return u.thinking_off ? SL_STR("thinking;off in this turn") : SL_STR_NONE;
}

/* The client's own bytes, as the provider's platform wants them. False: it has no place for something (on_unsupported: reject). */
static bool write_same(struct exchange *x, const struct provider *p, struct sl_str model)
{
    const struct request_change change = {
        .model = model,
        .platform = p->kind->platform,
        .counts = x->op->counts,
        .betas = p->kind->platform.n > 0 ? betas_of(x) : SL_STR_NONE,
        .ask_usage = x->facts.stream && p->kind->stream_usage,
        .no_store = x->match.op == OP_RESPONSES && stored_forbidden(x),
        .restored = x->stored.restored,
    };
    const struct request_facts *facts = &x->facts;
    struct sl_str body = x->body_text;
    if (x->form != NULL) {
        form_encode(&x->facts, x->form, x->body_text, model, &x->attempt_arena, &x->pieces);
        return true;
    }
    x->dropped = unsealed(x, p, provider_known_model(p, model), &facts, &body);
    x->dialect->request_encode_same(facts, body, &change, &x->attempt_arena, &x->pieces);
    if (x->pieces.notes == NULL || x->pieces.notes->n == 0)
        return true;
    x->dropped = sl_arena_str(x->a, neutral_notes_text(x->pieces.notes, &x->attempt_arena, DROPPED_TEXT));
    if (x->snap->set.unsupported != UNSUPPORTED_REJECT || !lacks_members(x->pieces.notes))
        return true;
    x->refused = (struct error_facts){
        .error = GE_UNSUPPORTED,
        .param = x->dropped,
        .message = SL_STR("The provider has no place for this, and nothing may be left out (on_unsupported: reject)."),
    };
    return false;
}

/* Claude on Vertex AI takes neither system messages between turns nor media by address (anthropic.md 13): written anew, they go as
 * user text and as bytes. A look at the text alone: who says these words elsewhere is read and written for nothing. */
static bool holds_refused(const struct exchange *x, const struct provider *p)
{
    static const struct sl_str marks[] = {SL_STR_INIT("\"role\":\"system\""), SL_STR_INIT("\"role\": \"system\""),
                                          SL_STR_INIT("\"type\":\"url\""), SL_STR_INIT("\"type\": \"url\"")};
    if (x->dialect->errors != ERRORS_ANTHROPIC || !sl_str_eq(p->kind->platform, SL_STR("vertex")))
        return false;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (sl_str_find_str(x->body_text, marks[i]) >= 0)
            return true;
    return false;
}

/* A conversation that another provider began, for one whose ids have their own length (Mistral): ids of calls are written anew. */
static bool holds_other_ids(const struct exchange *x, const struct provider *p)
{
    struct sl_str rest = x->body_text, key = SL_STR("\"tool_call_id\"");
    if (!p->kind->short_call_ids || x->dialect->errors != ERRORS_OPENAI)
        return false;
    for (ptrdiff_t at; (at = sl_str_find_str(rest, key)) >= 0;) {
        rest = sl_str_from(rest, (size_t)at + key.n);
        struct sl_str value = sl_str_trim(rest);
        if (!sl_str_starts(value, SL_STR(":")))
            continue;
        value = sl_str_trim(sl_str_from(value, 1));
        struct sl_str id = sl_str_from(value, value.n > 0);
        if (sl_str_starts(value, SL_STR("\"")) && sl_str_find(id, '"') != (ptrdiff_t)ids_mistral.max)
            return true;
    }
    return false;
}

static bool passes_as_it_is(const struct exchange *x, const struct provider *p)
{
    if (!x->op->generates || x->dialect->codec == NULL)
        return true;
    return x->body_op == x->match.op && !holds_refused(x, p) && !holds_other_ids(x, p);
}

bool translate_request(struct exchange *x, const struct route_candidate *c)
{
    const struct provider *p = &x->snap->providers[c->provider_index].provider;
    x->translation = NULL;
    x->dropped = SL_STR_NONE;
    if (x->op->video)
        return video_request(x, c);
    if (x->op->session)
        return session_request(x, c);
    if (x->op->stored) { /* RECALL has found out that it speaks this format */
        x->up = x->dialect;
        x->pieces = (struct body_pieces){.n = 0};
        return true;
    }
    if (x->op->other)
        return other_request(x, c, p);
    if (other_takes_edit(x, c, p))
        return other_edit_request(x, c, p);
    stored_decide(x, &x->snap->providers[c->provider_index]);
    x->up = translate_dialect(x, p, c->model);
    if (x->up == NULL) {
        x->refused = (struct error_facts){
            .error = GE_UNSUPPORTED,
            .param = SL_STR("model"),
            .message = sl_arena_printf(x->a, "The provider of '" SL_STR_FMT "' does not have this operation.",
                                       SL_STR_ARG(x->facts.model)),
        };
        return false;
    }
    bool same = x->up == x->dialect && passes_as_it_is(x, p) && x->rescue == NULL;
    if (same && !media_is_needed(x, p)) {
        if (!write_same(x, p, c->model))
            return false;
    } else {
        if (!bodies_may_translate(x) || !translate_read(x))
            return false;
        fan_prepare(x);
        struct translation *t = new_translation(x, x->up, p, c->model, &x->attempt_arena);
        stored_hide(x);
        rescue_asks(x, t);
        bool written = write_foreign(x, t, &x->pieces);
        if (fan_begin(x, t, written)) {
            t = new_translation(x, x->up, p, c->model, &x->attempt_arena);
            written = write_foreign(x, t, &x->pieces);
        }
        if (!written)
            return false;
        if (t->wishes != NULL && t->wishes->n > 0) {
            media_ask(x, t->wishes);
            return false;
        }
        turns_append(x);
        stored_tell(x);
        note_losses(x, t);
        x->translation = t;
        if (x->up == x->dialect && x->dialect->errors == ERRORS_ANTHROPIC &&
            sl_str_eq(p->kind->platform, SL_STR("vertex")))
            x->pieces.betas = anthropic_betas_for_vertex(betas_of(x), &x->attempt_arena);
    }
    x->usage_asked = x->pieces.usage_asked;
    x->dropped = reasoning_note(x, x->dropped);
    return true;
}

/* -- Counting tokens ------------------------------------------------------------------------------------------------ */

static void write_count(struct exchange *x, uint64_t tokens)
{
    struct sl_buf out;
    sl_buf_init(&out, 4096);
    x->dialect->codec->count_write(tokens, &out);
    x->own_body = sl_arena_str(x->a, sl_buf_str(&out));
    sl_buf_done(&out);
}

static uint64_t count_here(struct exchange *x)
{
    return count_request(x->env->tokens, x->neutral, x->plan.candidates[0].model, 1, x->a);
}

bool translate_counts_here(struct exchange *x)
{
    if (!x->op->counts || x->dialect->codec == NULL || x->dialect->codec->count_write == NULL)
        return false;
    for (uint32_t i = 0; i < x->plan.n; i++) {
        const struct route_candidate *c = &x->plan.candidates[i];
        if (translate_dialect(x, &x->snap->providers[c->provider_index].provider, c->model) != NULL)
            return false;
    }
    if (translate_read(x))
        write_count(x, count_here(x));
    return true;
}

bool translate_counts_after_all(struct exchange *x, const struct provider *p)
{
    if (!x->op->counts || !p->kind->counts_some || x->dialect->codec->count_write == NULL || !translate_read(x))
        return false;
    write_count(x, count_here(x));
    return true;
}

bool translate_count_answer(struct exchange *x, const struct provider *p)
{
    static const struct json_watch watch = {SL_STR_INIT("inputTokens"), -1};
    struct json_member m;
    struct json_info info;
    uint64_t n = 0;
    struct sl_str body = sl_chunks_flat(&x->held);
    if (!x->op->counts || !p->kind->counts_some)
        return true;
    if (json_scan(body, &watch, 1, &m, &info) != JSON_OK || m.kind != JSON_NUMBER ||
        !json_count(json_raw(body, &m), &n))
        return false;
    write_count(x, n);
    sl_chunks_clear(&x->held);
    return sl_chunks_add(&x->held, x->own_body.p, x->own_body.n) == SL_OK;
}
