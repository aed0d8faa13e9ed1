/* IDENTIFY: the head is valid. Names the operation and the client's dialect from the path, then finds out who is asking.
 * Waits for nothing today (keys are in the worker's table). Leaves to READ_BODY, ADMIT never, RESPOND. Nobody's body is
 * read before we know whose it is. */
#include "dialect/models.h"
#include "exchange/exchange_int.h"
#include "exchange/asking.h"

/* Codex asks for a WebSocket first: 426 makes it use POST at once, any other answer after seven tries (clients.md 2.2). */
static bool wants_websocket(const struct exchange *x)
{
    const struct http_header *h = http_headers_find(&x->req->headers, HN_UPGRADE);
    return h != NULL && sl_str_eq_nocase(h->value, SL_STR("websocket"));
}

static enum step refuse_path(struct exchange *x)
{
    struct error_facts f = {.error = GE_PATH_UNKNOWN};
    if (x->match.op == OP_WRONG_METHOD) {
        f.error = wants_websocket(x) ? GE_UPGRADE : GE_METHOD_NOT_ALLOWED;
        f.allow = x->match.allow;
    } else if (x->match.op == OP_NOT_SERVED) {
        f.error = GE_NOT_SERVED;
        f.message = x->match.why.n > 0 ? x->match.why
                                       : sl_arena_printf(x->a, "This gateway does not serve " SL_STR_FMT " yet.",
                                                         SL_STR_ARG(x->match.surface));
    }
    tel_refuse(x->env->tel, TEL_WHY_PATH);
    return exchange_refuse_with(x, &f);
}

/* GE_NONE: x->key is set. One answer for keys that never were, are over, or were revoked. */
static enum gateway_error authenticate(struct exchange *x)
{
    char scratch[KEY_TEXT_MAX];
    unsigned char digest[KEY_DIGEST_BYTES];
    struct sl_str text = SL_STR_NONE;
    if (x->inside) {
        x->key_name = x->key != NULL ? x->key->name : SL_STR_NONE;
        return x->key != NULL ? GE_NONE : GE_KEY_INVALID;
    }
    enum key_find found = key_find(&x->req->headers, x->req->query, scratch, &text);
    if (found == KEY_NONE)
        return x->match.op == OP_GFILE_SEND ? gfiles_authenticate(x) : GE_KEY_MISSING;
    if (found == KEY_CONFLICT)
        return GE_KEY_CONFLICT;
    if (found == KEY_MALFORMED)
        text = SL_STR("?"); /* the same work as for any other wrong key */
    key_digest_prepared(x->env->pepper, text, digest);
    struct auth_result r = auth_check(x->epoch->keys, digest, x->wall_ns);
    if (r.known != NULL)
        x->key_name = r.known->name;
    if (r.verdict != AUTH_OK || found == KEY_MALFORMED)
        return GE_KEY_INVALID;
    x->key = r.key;
    return GE_NONE;
}

static struct model_row model_row_of(const struct exchange *x, const struct route_listed *l)
{
    const struct snapshot_provider *p = &x->snap->providers[l->provider_index];
    const struct price *price = model_price(x->epoch->prices, p, l->model);
    const struct dialect *d = dialect_find(provider_dialect(&p->provider, SL_STR("openai"), l->model));
    const struct model_caps *caps =
        d != NULL && d->codec != NULL ? caps_find(d->codec->caps, provider_known_model(&p->provider, l->model)) : NULL;
    struct model_row row = {.id = l->id,
                            .owned_by = l->owned_by,
                            .created_s = l->created_s,
                            .input_p = -1,
                            .output_p = -1,
                            .cache_read_p = -1,
                            .cache_write_p = -1};
    if (caps != NULL) {
        row.caps = caps;
        row.claude = d == dialect_of(OP_MESSAGES);
        row.context = caps->context;
        row.max_output = caps->max_output;
    }
    if (price != NULL) {
        row.context = price->context > 0 ? price->context : row.context;
        row.max_output = price->max_output > 0 ? price->max_output : row.max_output;
        row.input_p = price->rates.p[PR_INPUT];
        row.output_p = price->rates.p[PR_OUTPUT];
        row.cache_read_p = price->rates.p[PR_CACHE_READ];
        row.cache_write_p = price->rates.p[PR_CACHE_WRITE];
    }
    return row;
}

/* Gemini's clients say "models/NAME" where others say NAME; the path has taken the first "models" away already. */
static enum step answer_models(struct exchange *x)
{
    struct sl_buf b;
    struct route_listed *rows = NULL, one;
    struct sl_str id;
    sl_buf_init(&b, 16u << 20);
    if (x->match.op == OP_MODEL_GET) {
        if (!operation_model_id(&x->match, x->a, &id) ||
            !route_listed_find(x->snap->policy, exchange_grants_model, &x->key->grant, id, &one))
            return exchange_refuse(x, GE_MODEL_UNKNOWN);
        struct model_row row = model_row_of(x, &one);
        models_object(x->match.shape, &b, &row);
    } else {
        size_t n = route_list(x->snap->policy, exchange_grants_model, &x->key->grant, x->a, &rows);
        struct model_row *out = sl_arena_alloc(x->a, (n + 1) * sizeof *out);
        for (size_t i = 0; i < n; i++)
            out[i] = model_row_of(x, &rows[i]);
        models_list(x->match.shape, &b, out, n);
    }
    x->own_body = sl_arena_str(x->a, sl_buf_str(&b));
    sl_buf_done(&b);
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

static enum step start_body(struct exchange *x)
{
    struct sl_str coding = http_headers_get(&x->req->headers, HN_CONTENT_ENCODING);
    enum body_coding c = coding.n > 0 ? body_coding_of(coding) : BODY_IDENTITY;
    if (!x->req->has_body)
        return exchange_refuse(x, GE_BODY_MISSING);
    if (c == BODY_UNKNOWN)
        return exchange_refuse(x, GE_ENCODING_UNSUPPORTED);
    if (!forms_may_be(x))
        return exchange_refuse(x, GE_TYPE_UNSUPPORTED);
    uint64_t told = x->req->content_length > 0 ? (uint64_t)x->req->content_length : 0;
    uint64_t held = bodies_in_memory(x, told);
    if (told > bodies_max(x)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY_LIMIT);
        x->body_error = GE_BODY_TOO_LARGE;
        const struct error_facts why = bodies_refusal(x);
        return exchange_refuse_with(x, &why);
    }
    if (told > 0 && pressure_refuses(x, held))
        return pressure_refuse(x);
    x->body.max = (size_t)x->snap->set.body_bytes;
    if (c != BODY_IDENTITY) {
        /* the decoder keeps the limit; it asks for a whole piece of room, also for the last bytes */
        x->body.max = (size_t)x->snap->set.decoded_body_bytes + DECODE_PIECE;
        x->decoder = body_decoder_new(c, x->snap->set.decoded_body_bytes);
    } else if (told > 0) {
        if (held == told)
            sl_chunks_room(&x->body, (size_t)told); /* in one piece from the start */
        x->body_room = held;
    }
    exchange_goto(x, XS_READ_BODY);
    return STEP_GO;
}

enum step step_identify(struct exchange *x)
{
    exchange_take(x, EV_START);
    if (exchange_take(x, EV_GONE))
        return exchange_client_gone(x);
    x->match = operation_of(x->req);
    x->body_op = x->match.op;
    x->op = operation_row(x->match.op);
    x->dialect = x->op->object != OBJECT_NONE ? objects_dialect(x) : dialect_of(x->match.op);
    x->wants_timing = http_headers_find(&x->req->headers, HN_X_SLUICE_TIMING) != NULL;
    trace_join(&x->trace, http_headers_get(&x->req->headers, HN_TRACEPARENT),
               http_headers_get(&x->req->headers, HN_TRACESTATE), &x->env->loop->rand);
    if (x->match.op == OP_VIDEO_CALLBACK && x->env->videos_poke != NULL)
        x->env->videos_poke(x->env->owner, x->match.model); /* the same answer for a token of nobody's */
    if (x->match.op == OP_HELLO || x->match.op == OP_VIDEO_CALLBACK) {
        x->own_body = SL_STR("{}");
        exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
        exchange_goto(x, XS_RESPOND);
        return STEP_GO;
    }
    if (x->op->needs_key) {
        enum gateway_error e = secret_authenticate(x);
        if (e == GE_NONE && x->secret == NULL)
            e = authenticate(x);
        if (e != GE_NONE) {
            tel_refuse(x->env->tel, TEL_WHY_KEY);
            return exchange_refuse(x, e);
        }
    }
    if (!x->op->relayed && x->match.op != OP_MODELS_LIST && x->match.op != OP_MODEL_GET)
        return refuse_path(x);
    if (!grant_allows_operation(&x->key->grant, (int)operation_granted_as(x->match.op))) {
        tel_refuse(x->env->tel, TEL_WHY_GRANT);
        return exchange_refuse(x, GE_OPERATION_NOT_GRANTED);
    }
    if (x->op->upload)
        return uploads_begin(x);
    if (x->op->session) {
        struct error_facts f = {.error = GE_NONE};
        if (!session_identify(x, &f)) {
            tel_refuse(x->env->tel, TEL_WHY_BODY);
            return exchange_refuse_with(x, &f);
        }
    }
    if (session_is_upgraded(x)) {
        exchange_goto(x, XS_READ_BODY);
        return STEP_GO;
    }
    if ((x->op->stored && !x->op->body) || x->op->session) {
        exchange_goto(x, XS_ADMIT);
        return STEP_GO;
    }
    return x->op->relayed ? start_body(x) : answer_models(x);
}
