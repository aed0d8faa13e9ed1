/* READ_BODY: we know whose it is and how large it may be. Waits for the whole body (the connection keeps its deadline
 * between bytes), decodes content-encoding as it comes. Leaves to ADMIT with the facts of the request, or RESPOND.
 * ADMIT: takes a place under the process-wide ceiling. Leaves to PLAN, QUEUE or RESPOND. QUEUE: waits for a place (queue.c).
 * PLAN: asks route/ for the ordered candidates. Leaves to TRY or RESPOND. */
#include "dialect/anthropic/anthropic.h"
#include "dialect/request_look.h"
#include "exchange/asking.h"
#include "exchange/count_tokens.h"
#include "exchange/exchange_int.h"

static void decode(struct exchange *x, struct sl_str in)
{
    enum body_result r;
    do {
        size_t n = 0;
        char *room = sl_chunks_room(&x->body, DECODE_PIECE);
        if (room == NULL) {
            x->body_error = GE_BODY_TOO_LARGE;
            return;
        }
        r = body_decoder_feed(x->decoder, &in, room, DECODE_PIECE, &n);
        sl_chunks_wrote(&x->body, n);
        if (!bodies_came(x, false))
            return;
    } while (r == BODY_OUT);
    if (r == BODY_BAD)
        x->body_error = GE_ENCODING_BROKEN;
    else if (r == BODY_LIMIT || r == BODY_BOMB)
        x->body_error = GE_BODY_TOO_LARGE;
}

void exchange_on_body(void *arg, struct sl_str bytes, bool last)
{
    struct exchange *x = arg;
    if (x->upload != NULL) {
        uploads_on_body(x, bytes, last);
        return;
    }
    if (x->session != NULL) {
        session_on_bytes(x, bytes);
        return;
    }
    if (x->body_done || x->body_error != GE_NONE)
        return;
    x->body_received += bytes.n;
    if (x->body_received > x->snap->set.body_bytes)
        x->body_error = GE_BODY_TOO_LARGE;
    else if (x->decoder != NULL)
        decode(x, bytes);
    else if (sl_chunks_add(&x->body, bytes.p, bytes.n) != SL_OK)
        x->body_error = GE_BODY_TOO_LARGE;
    if (x->body_error == GE_NONE)
        bodies_came(x, last);
    pressure_note(x);
    if (!last && x->body_room == 0 && x->body_error == GE_NONE && pressure_refuses_body(x))
        x->body_error = GE_OVERLOADED;
    if (last && x->body_error == GE_NONE) {
        x->body_done = true;
        if (x->decoder != NULL && !body_decoder_is_whole(x->decoder))
            x->body_error = GE_ENCODING_BROKEN;
    }
    if (x->body_error != GE_NONE || bodies_are_full(x))
        http_stream_read(x->stream, false);
    if (last || x->body_error != GE_NONE)
        exchange_wake(x, EV_BODY);
}

static enum step understand(struct exchange *x)
{
    struct request_refusal refusal = {0};
    struct error_facts hint_error = {0};
    if (x->body.n == 0 && x->spill == NULL)
        return exchange_refuse(x, GE_BODY_MISSING);
    bodies_whole(x);
    if (x->op->video)
        return video_understand(x);
    if (x->match.op == OP_REALTIME_SECRET || x->match.op == OP_REALTIME_SESSION ||
        x->match.op == OP_TRANSCRIPTION_SESSION)
        return secret_understand(x);
    if (forms_is_one(x))
        return forms_understand(x);
    if (x->op->object != OBJECT_NONE)
        return objects_understand(x);
    if (x->match.model.n > 0) { /* Gemini, and Claude as on Vertex: said by the path */
        if (!operation_model_id(&x->match, x->a, &x->facts.model) || x->facts.model.n > MODEL_NAME_MAX)
            return exchange_refuse(x, GE_MODEL_UNKNOWN);
        x->facts.stream = x->match.stream;
        if (x->match.op == OP_MESSAGES)
            x->body_text = anthropic_body_from_vertex(x->body_text, x->facts.model, x->a);
    }
    struct sl_str deployment;
    if (x->match.deployment.n > 0 && operation_model_id(&x->match, x->a, &deployment))
        x->body_text = request_default_model(x->body_text, deployment, x->a);
    if (x->op->other)
        x->body_text = other_default_model(x, x->body_text);
    if (!request_look(x->match.op, x->body_text, x->a, &x->facts, &x->body_op, &refusal)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &refusal.error);
    }
    if (!request_hints_from_headers(&x->req->headers, &x->facts.hints, &hint_error)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &hint_error);
    }
    if (x->op->other && !other_understand(x)) {
        tel_refuse(x->env->tel, TEL_WHY_BODY);
        return exchange_refuse_with(x, &x->refused);
    }
    x->estimate_input = count_by_bytes(x->match.op, &x->facts, x->body_text);
    exchange_goto(x, XS_ADMIT);
    return STEP_GO;
}

enum step step_read_body(struct exchange *x)
{
    if (x->session != NULL)
        return session_read(x);
    if (exchange_take(x, EV_GONE))
        return exchange_client_gone(x);
    if (exchange_take(x, EV_DEADLINE)) {
        tel_refuse(x->env->tel, TEL_WHY_SLOW);
        return exchange_refuse(x, GE_BODY_SLOW);
    }
    if (x->body_error == GE_OVERLOADED)
        return pressure_refuse(x);
    if (x->body_error != GE_NONE && x->upload == NULL) {
        tel_refuse(x->env->tel, x->body_error == GE_BODY_TOO_LARGE ? TEL_WHY_BODY_LIMIT : TEL_WHY_BODY);
        const struct error_facts why = bodies_refusal(x);
        return exchange_refuse_with(x, &why);
    }
    if (x->upload != NULL)
        return uploads_read(x);
    exchange_take(x, EV_BODY);
    if (!x->body_done) {
        http_stream_read(x->stream, !bodies_are_full(x));
        return STEP_WAIT;
    }
    if (bodies_wait(x))
        return STEP_WAIT;
    enum step s = understand(x);
    bodies_rest(x);
    return s;
}

enum step step_admit(struct exchange *x)
{
    if (!x->admitted) {
        bool free = queue_is_empty(x->env); /* nobody overtakes those who wait */
        x->admitted = free && limit_admit(x->env->gate, x->env->took_ns, x->id.lo).verdict == LIMIT_GO;
        x->place_ns = sl_loop_now(x->env->loop);
        if (!x->admitted && !queue_enter(x))
            return exchange_refuse_full(x);
    }
    exchange_goto(x, !x->admitted ? XS_QUEUE : stored_recalls(x) ? XS_RECALL : XS_PLAN);
    return STEP_GO;
}

/* Waits for a place, or for the end of its time. */
enum step step_queue(struct exchange *x)
{
    if (exchange_take(x, EV_GONE)) {
        queue_leave(x);
        return exchange_client_gone(x);
    }
    bool late = exchange_take(x, EV_DEADLINE);
    x->events = 0;
    if (x->admitted) {
        exchange_goto(x, XS_ADMIT);
        return STEP_GO;
    }
    if (!late)
        return STEP_WAIT;
    queue_leave(x);
    return exchange_refuse_full(x);
}

/* The user's function; what goes wrong in it is counted. */
static int ask_script(void *arg, uint32_t script, const struct route_ask *ask, struct sl_arena *a,
                      struct sl_str *out_names, unsigned max, const char **out_why)
{
    struct exchange *x = arg;
    int n = route_scripts_ask(epoch_scripts(x->epoch), script, ask, a, out_names, max, out_why);
    tel_add(x->env->tel, n < 0 ? TEL_SCRIPTS_FAILED : TEL_SCRIPTS, 1);
    return n;
}

/* The names lead to targets, but none may or can serve this request. */
static struct error_facts none_fits(const struct exchange *x)
{
    const struct route_plan *p = &x->plan;
    for (uint32_t i = 0; i < p->n_excluded; i++)
        if (p->excluded[i].target_index != ROUTE_TARGET_NONE)
            return (struct error_facts){
                .error = GE_UNSUPPORTED,
                .param = SL_STR("model"),
                .message = sl_arena_printf(x->a, "No target of '" SL_STR_FMT "' can serve this request: %s.",
                                           SL_STR_ARG(x->facts.model), p->excluded[i].why),
            };
    return (struct error_facts){.error = GE_NO_TARGET};
}

enum step step_plan(struct exchange *x)
{
    const struct asking_from from = {
        .snap = x->snap,
        .prices = x->epoch->prices,
        .key = x->key,
        .facts = &x->facts,
        .op = x->op,
        .dialect = x->dialect,
        .body = x->form != NULL ? SL_STR_NONE : x->body_text,
        .headers = &x->req->headers,
        .estimate_input = x->estimate_input,
        .count = guess_asked,
        .count_arg = x,
        .wall_ns = x->wall_ns,
        .seed = x->id.lo,
        .spend = x->env->spend,
        .script = x->snap->n_scripts > 0 ? ask_script : NULL,
        .script_arg = x,
        .view = x->snap->lanes != NULL ? lanes_view : NULL,
        .view_arg = x,
    };
    struct asking *q = sl_arena_alloc(x->a, sizeof *q);
    x->asking = q;
    asking_gather(&from, x->a, q);
    x->estimate_input = q->facts.input_tokens;
    struct error_facts f = {.error = GE_MODEL_UNKNOWN, .param = SL_STR("model")};
    switch (route_plan(x->snap->policy, &q->ask, x->a, &x->plan)) {
    case ROUTE_OK:
        terms_of_route(x);
        if (!stored_fits_plan(x) || !here_fits_plan(x))
            return exchange_refuse_with(x, &x->refused);
        if (translate_counts_here(x)) {
            if (x->refused.error != GE_NONE)
                return exchange_refuse_with(x, &x->refused);
            exchange_ends(x, ACCESS_GATEWAY, SL_STR("ok"));
            exchange_goto(x, XS_RESPOND);
            return STEP_GO;
        }
        if (stored_runs_apart(x))
            return stored_background(x);
        exchange_goto(x, XS_TRY);
        return STEP_GO;
    case ROUTE_NO_SUCH_ROUTE:
        f = (struct error_facts){.error = GE_ROUTE_UNKNOWN, .param = SL_STR("route")};
        break;
    case ROUTE_NONE_FITS:
        f = none_fits(x);
        break;
    case ROUTE_UNKNOWN:
    case ROUTE_NOT_GRANTED:
        f.message = sl_arena_printf(
            x->a, "The model '" SL_STR_FMT "' does not exist or you do not have access to it.%s" SL_STR_FMT "%s",
            SL_STR_ARG(x->facts.model), x->plan.near.n > 0 ? " Did you mean '" : "", SL_STR_ARG(x->plan.near),
            x->plan.near.n > 0 ? "'?" : "");
        break;
    }
    tel_refuse(x->env->tel, TEL_WHY_MODEL);
    return exchange_refuse_with(x, &f);
}
