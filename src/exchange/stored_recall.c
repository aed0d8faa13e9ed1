/* RECALL: the request names something that is stored: a response in its path, previous_response_id or items in its body. Asks the
 * store (the keeper, by stored_ask) and waits. Leaves to PLAN with the input expanded or the provider pinned, to RESPOND with
 * an answer made of what is stored or a refusal, to TRY where a provider has the response that the path names.
 * docs/internals/stored-responses.md. */
#include "dialect/json_tree.h"
#include "dialect/openai_responses/openai_responses.h"
#include "exchange/count_tokens.h"
#include "exchange/exchange_int.h"
#include "http/url.h"

#define LISTED_BYTES ((size_t)1 << 30)
#define HINT_ID 64u /* bytes of an id that are said again */

static bool takes_input(const struct exchange *x)
{
    return x->match.op == OP_RESPONSES || x->match.op == OP_RESPONSES_COUNT;
}

static bool recalls_input(const struct exchange *x)
{
    if (!takes_input(x))
        return false;
    const struct json_member *at = x->facts.at;
    return json_is_said(&at[RM_PREVIOUS_RESPONSE_ID]) || json_is_said(&at[RM_CONVERSATION]) ||
           at[RM_BACKGROUND].kind == JSON_TRUE ||
           ((x->facts.starts & json_start_bit("item")) != 0 &&
            sl_str_find_str(x->body_text, SL_STR("\"item_reference\"")) >= 0);
}

bool stored_recalls(const struct exchange *x)
{
    if (x->op->video)
        return video_recalls(x);
    if (x->op->stored || objects_named(x))
        return true;
    return recalls_input(x);
}

/* ---- asking the store ---- */

static void drop_job(void *job)
{
    response_job_free(job);
}

void exchange_stored(struct response_job *j)
{
    struct exchange *x = j->asker;
    if (x == NULL) {
        response_job_free(j);
        return;
    }
    SL_DCHECK(x->magic == EXCHANGE_MAGIC && x->stored.waiting == j);
    if (j->kind == RJ_PUT)
        tel_add(x->env->tel, j->found == RF_FAILED ? TEL_RESPONSES_NOT_STORED : TEL_RESPONSES_STORED, 1);
    x->stored.waiting = NULL;
    x->stored.answer = j;
    sl_arena_on_drop(x->a, drop_job, j);
    exchange_wake(x, EV_STORED);
}

void stored_forget(struct exchange *x)
{
    if (x->stored.waiting != NULL)
        x->stored.waiting->asker = NULL;
    x->stored.waiting = NULL;
}

static bool ask(struct exchange *x, enum response_job_kind kind, struct sl_str id)
{
    struct response_job *j = response_job_new(kind);
    const struct stored_policy *set = &x->snap->set.stored;
    j->id = sl_arena_str(&j->a, id);
    j->owner = (struct store_response_owner){.key = x->key->id, .now_ns = sl_loop_wall(x->env->loop)};
    if (set->tenant_scope)
        j->owner.tenant = sl_arena_str(&j->a, x->key->tenant);
    j->max_bytes = x->snap->set.decoded_body_bytes; /* what the client could have sent itself */
    if (kind == RJ_ITEMS) {
        struct sl_str *items = sl_arena_alloc(&j->a, x->stored.n_refs * sizeof *items);
        for (size_t i = 0; i < x->stored.n_refs; i++)
            items[i] = sl_arena_str(&j->a, x->stored.refs[i]);
        j->items = items;
        j->n_items = x->stored.n_refs;
    }
    j->asker = x;
    if (!x->env->stored_ask(x->env->owner, j)) {
        response_job_free(j);
        return false;
    }
    x->stored.waiting = j;
    return true;
}

/* ---- refusals ---- */

static enum step refuse(struct exchange *x, enum gateway_error e, const char *param, struct sl_str message)
{
    return exchange_refuse_with(x, &(struct error_facts){.error = e, .param = sl_str_c(param), .message = message});
}

static enum step refuse_unknown(struct exchange *x, struct sl_str id)
{
    return refuse(
        x, GE_RESPONSE_UNKNOWN, NULL,
        sl_arena_printf(x->a, "Response with id '" SL_STR_FMT "' not found.", SL_STR_ARG(sl_str_head(id, HINT_ID))));
}

/* One answer for an id that never was, has expired, was deleted, or is somebody else's. */
static enum step refuse_previous(struct exchange *x)
{
    return refuse(x, GE_PREVIOUS_UNKNOWN, "previous_response_id",
                  sl_arena_printf(x->a, "Previous response with id '" SL_STR_FMT "' not found.",
                                  SL_STR_ARG(sl_str_head(x->stored.previous, HINT_ID))));
}

/* ---- a response that the path names ---- */

static enum step answer(struct exchange *x, struct sl_str body)
{
    x->own_body = body;
    exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
    exchange_goto(x, XS_RESPOND);
    return STEP_GO;
}

static enum step answer_buf(struct exchange *x, struct sl_buf *b)
{
    struct sl_str body = sl_arena_str(x->a, sl_buf_str(b));
    sl_buf_done(b);
    return answer(x, body);
}

static enum step answer_object(struct exchange *x, const struct store_response *r)
{
    struct sl_str status = SL_STR_NONE, message = SL_STR_NONE;
    struct sl_buf b;
    if (r->state == STORE_RESPONSE_ENDED)
        return answer(x, r->body);
    if (r->state == STORE_RESPONSE_RUNS) {
        status = SL_STR("in_progress");
    } else if (r->state == STORE_RESPONSE_CANCELLED) {
        status = SL_STR("cancelled");
    } else {
        status = SL_STR("failed");
        message = SL_STR("The gateway ended while this response was being made.");
    }
    sl_buf_init(&b, LISTED_BYTES);
    if (responses_object_as(r->body, status, message, x->a, &b))
        return answer_buf(x, &b);
    sl_buf_done(&b);
    return exchange_refuse(x, GE_STORE_UNAVAILABLE);
}

static enum step answer_get(struct exchange *x, const struct store_response *r)
{
    struct sl_str v;
    if (url_query_find(x->req->query, SL_STR("stream"), &v) && sl_str_eq(v, SL_STR("true")))
        return refuse(x, GE_UNSUPPORTED, "stream",
                      SL_STR("The stream of this response cannot be replayed: retrieve it without 'stream'."));
    return answer_object(x, r);
}

static enum step answer_deleted(struct exchange *x, const struct store_response *r)
{
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    responses_deleted_write(r->id, &b);
    return answer_buf(x, &b);
}

static enum step answer_cancelled(struct exchange *x, const struct store_response *r)
{
    if (r->state == STORE_RESPONSE_ENDED && !responses_is_background(r->body, x->a))
        return refuse(x, GE_BAD_REQUEST, NULL, SL_STR("Cannot cancel a synchronous response."));
    return answer_object(x, r);
}

static void take_turns(const struct response_job *j, struct responses_turn *to)
{
    for (size_t i = 0; i < j->n_turns; i++)
        to[i] = (struct responses_turn){.body = j->turns[i].body, .input = j->turns[i].input};
}

static enum step answer_items(struct exchange *x, const struct response_job *j)
{
    struct responses_page page;
    struct request_refusal refusal;
    struct sl_buf b;
    struct responses_turn *turns = sl_arena_alloc(x->a, (j->n_turns + 1) * sizeof *turns);
    if (!responses_page_read(x->req->query, x->a, &page, &refusal))
        return exchange_refuse_with(x, &refusal.error);
    take_turns(j, turns);
    sl_buf_init(&b, LISTED_BYTES);
    if (!responses_page_write(turns, j->n_turns, &page, x->a, &b)) {
        sl_buf_done(&b);
        return refuse(x, GE_MEMBER_VALUE, "after", SL_STR("'after' is no item of this response."));
    }
    return answer_buf(x, &b);
}

static const struct snapshot_provider *provider_of(const struct exchange *x, struct sl_str name, uint32_t *out_index)
{
    for (size_t i = 0; i < x->snap->n_providers; i++) {
        const struct provider *p = &x->snap->providers[i].provider;
        *out_index = (uint32_t)i;
        if (sl_str_eq(p->name, name) && sl_str_eq(provider_dialect(p, x->dialect->name, SL_STR_NONE), x->dialect->name))
            return &x->snap->providers[i];
    }
    return NULL;
}

/* The provider that has it is the only candidate. */
static enum step ask_provider(struct exchange *x, const struct store_response *r)
{
    uint32_t index = 0;
    struct sl_str v;
    if (provider_of(x, r->provider, &index) == NULL)
        return refuse_unknown(x, x->stored.id); /* it is configured no more */
    struct route_candidate *c = SL_ARENA_NEW(x->a, struct route_candidate);
    *c = (struct route_candidate){.asked = r->model,
                                  .provider = x->snap->providers[index].provider.name,
                                  .model = r->model,
                                  .provider_index = index,
                                  .target_index = route_policy_target_of(x->snap->policy, index, r->model),
                                  .why = "has the response"};
    x->plan = (struct route_plan){.candidates = c, .n = 1};
    x->facts.model = r->model;
    x->facts.stream = x->match.op == OP_RESPONSE_GET && url_query_find(x->req->query, SL_STR("stream"), &v) &&
                      sl_str_eq(v, SL_STR("true"));
    x->stored.provider = r->provider;
    x->stored.credential = r->credential;
    exchange_goto(x, XS_TRY);
    return STEP_GO;
}

static enum step recalled_row(struct exchange *x)
{
    const struct response_job *j = x->stored.answer;
    if (j->found == RF_NONE)
        return refuse_unknown(x, x->stored.id);
    if (j->found == RF_FAILED)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (j->r.state == STORE_RESPONSE_PIN)
        return ask_provider(x, &j->r);
    switch (x->match.op) {
    case OP_RESPONSE_DELETE:
        return answer_deleted(x, &j->r);
    case OP_RESPONSE_CANCEL:
        return answer_cancelled(x, &j->r);
    case OP_RESPONSE_ITEMS:
        return answer_items(x, j);
    default:
        return answer_get(x, &j->r);
    }
}

static enum step recall_row(struct exchange *x)
{
    static const enum response_job_kind kinds[OP_COUNT] = {
        [OP_RESPONSE_GET] = RJ_FIND,
        [OP_RESPONSE_DELETE] = RJ_DELETE,
        [OP_RESPONSE_CANCEL] = RJ_CANCEL,
        [OP_RESPONSE_ITEMS] = RJ_CHAIN,
    };
    if (x->stored.answer != NULL)
        return recalled_row(x);
    if (!operation_model_id(&x->match, x->a, &x->stored.id) || !responses_id_is(x->stored.id) ||
        x->env->stored_ask == NULL || !ask(x, kinds[x->match.op], x->stored.id))
        return refuse_unknown(x, x->stored.id);
    return STEP_WAIT;
}

/* ---- what a new response goes on from ---- */

/* The body changed: its facts are read again. */
static enum step use_body(struct exchange *x, struct sl_str body)
{
    struct request_refusal refusal = {0};
    struct error_facts hint_error = {0};
    x->body_text = body;
    x->stored.restored = true;
    if (!x->dialect->request_decode(x->match.op, body, x->a, &x->facts, &refusal))
        return exchange_refuse_with(x, &refusal.error);
    if (!request_hints_from_headers(&x->req->headers, &x->facts.hints, &hint_error))
        return exchange_refuse_with(x, &hint_error);
    x->estimate_input = count_by_bytes(x->match.op, &x->facts, body);
    exchange_goto(x, XS_PLAN);
    return STEP_GO;
}

static enum step expand(struct exchange *x, const struct response_job *items)
{
    struct exchange_stored *s = &x->stored;
    size_t n_chain = s->chain != NULL ? s->chain->n_turns : 0, n_items = items != NULL ? items->n_turns : 0;
    struct responses_turn *turns = sl_arena_alloc(x->a, (n_chain + n_items + 1) * sizeof *turns);
    struct request_refusal refusal = {0};
    struct sl_str before = SL_STR_NONE, whole;
    if (n_chain > 0)
        take_turns(s->chain, turns);
    if (n_items > 0)
        take_turns(items, turns + n_chain);
    struct responses_index *index = responses_index_new(turns, n_chain + n_items, x->a);
    /* What is stored with this response is its own input, with the items in it that it referred to. */
    if (!responses_input_expand(x->body_text, SL_STR_NONE, responses_index_find, index, x->a, &s->own_body, &refusal))
        return exchange_refuse_with(x, &refusal.error);
    if (n_chain > 0) {
        struct sl_buf b;
        sl_buf_init(&b, LISTED_BYTES);
        s->n_earlier = responses_turns_items(turns, n_chain, x->a, &b);
        before = sl_arena_str(x->a, sl_buf_str(&b));
        sl_buf_done(&b);
    }
    if (!responses_input_expand(s->own_body, before, NULL, NULL, x->a, &whole, &refusal))
        return exchange_refuse_with(x, &refusal.error);
    return use_body(x, whole);
}

static enum step pin(struct exchange *x, const struct store_response *r)
{
    x->stored.provider = r->provider;
    x->stored.credential = r->credential;
    exchange_goto(x, XS_PLAN);
    return STEP_GO;
}

static enum step recalled_items(struct exchange *x, const struct response_job *j)
{
    if (j->found == RF_FAILED)
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    if (j->found == RF_TOO_LARGE)
        return exchange_refuse(x, GE_BODY_TOO_LARGE);
    if (j->found == RF_OK && j->r.state == STORE_RESPONSE_PIN && x->stored.chain == NULL)
        return pin(x, &j->r);
    return expand(x, j); /* which says what is not known */
}

static enum step ask_items(struct exchange *x)
{
    struct exchange_stored *s = &x->stored;
    s->asked_items = true;
    s->n_refs = responses_references(x->body_text, x->a, &s->refs);
    if (s->n_refs > 0 && ask(x, RJ_ITEMS, SL_STR_NONE))
        return STEP_WAIT;
    if (s->chain != NULL || s->n_refs > 0)
        return expand(x, NULL);
    exchange_goto(x, XS_PLAN);
    return STEP_GO;
}

static enum step recalled_chain(struct exchange *x, struct response_job *j)
{
    switch (j->found) {
    case RF_NONE:
        return refuse_previous(x);
    case RF_FAILED:
        return exchange_refuse(x, GE_STORE_UNAVAILABLE);
    case RF_TOO_LARGE:
        return refuse(x, GE_BODY_TOO_LARGE, "previous_response_id",
                      SL_STR("The conversation that was stored is larger than this gateway takes."));
    case RF_BROKEN:
        return refuse(x, GE_PREVIOUS_UNKNOWN, "previous_response_id",
                      SL_STR("An earlier response of this conversation was deleted or has expired: send the whole "
                             "input instead."));
    case RF_OK:
        break;
    }
    if (j->r.state == STORE_RESPONSE_PIN)
        return pin(x, &j->r);
    if (j->r.state != STORE_RESPONSE_ENDED)
        return refuse(x, GE_MEMBER_VALUE, "previous_response_id",
                      SL_STR("The previous response has not been completed."));
    x->stored.chain = j;
    return ask_items(x);
}

/* GO: nothing is refused. */
static enum step ask_chain(struct exchange *x)
{
    struct exchange_stored *s = &x->stored;
    const struct json_member *at = &x->facts.at[RM_PREVIOUS_RESPONSE_ID];
    s->asked_chain = true;
    if (!json_is_said(at))
        return ask_items(x);
    if (at->kind != JSON_STRING)
        return refuse(x, GE_MEMBER_TYPE, "previous_response_id", SL_STR("'previous_response_id' must be a string."));
    s->previous = json_plain(json_inside(x->body_text, at), x->a);
    if (stored_forbidden(x))
        return refuse(x, GE_UNSUPPORTED, "previous_response_id",
                      SL_STR("Previous response cannot be used: nothing is stored for this API key (zero data "
                             "retention). Send the whole input instead."));
    if (!responses_id_is(s->previous) || !ask(x, RJ_CHAIN, s->previous))
        return refuse_previous(x);
    return STEP_WAIT;
}

static enum step recall_input(struct exchange *x)
{
    struct exchange_stored *s = &x->stored;
    if (!s->asked_chain) {
        if (json_is_said(&x->facts.at[RM_CONVERSATION]))
            return refuse(x, GE_UNSUPPORTED, "conversation",
                          SL_STR("This gateway serves no conversations: use 'previous_response_id', or send the whole "
                                 "input."));
        if (x->facts.at[RM_BACKGROUND].kind == JSON_TRUE && stored_forbidden(x))
            return refuse(x, GE_UNSUPPORTED, "background",
                          SL_STR("'background' needs the response to be stored, and nothing is stored for this API "
                                 "key (zero data retention)."));
        if (x->env->stored_ask == NULL) { /* nobody knows whose it is: the provider decides */
            exchange_goto(x, XS_PLAN);
            return STEP_GO;
        }
        return ask_chain(x);
    }
    return s->asked_items ? recalled_items(x, s->answer) : recalled_chain(x, s->answer);
}

enum step step_recall(struct exchange *x)
{
    if (x->op->video)
        return video_recall(x);
    bool gone = exchange_take(x, EV_GONE);
    if ((gone || x->timed_out) && x->stored.begins_run)
        stored_run_begin(x);
    if (gone || x->timed_out) {
        stored_forget(x);
        here_forget(x);
    }
    if (gone)
        return exchange_client_gone(x);
    if (x->timed_out && here_answers(x))
        return here_break(x);
    if (x->timed_out)
        return exchange_refuse(x, GE_TIMEOUT);
    exchange_take(x, EV_STORED | EV_DEADLINE | EV_ROOM | EV_BODY);
    if (x->object.here != NULL)
        return here_go_on(x);
    if (x->stored.waiting != NULL)
        return STEP_WAIT;
    if (x->stored.begins_run)
        return stored_run_queued(x);
    if (x->op->object != OBJECT_NONE)
        return objects_recall(x);
    if (x->op->stored)
        return recall_row(x);
    if (!x->object.judged_refs && objects_named(x)) {
        enum step s = objects_find_named(x);
        if (!x->object.judged_refs)
            return s;
    }
    if (recalls_input(x))
        return recall_input(x);
    exchange_goto(x, XS_PLAN);
    return STEP_GO;
}
