/* What is told about an exchange: headers of its answer, its access record, its counters. */
#include "exchange/asking.h"
#include "exchange/exchange_int.h"

#include "ledger/money.h"

/* ---- headers ---- */

static struct sl_str u64_text(struct sl_arena *a, uint64_t v)
{
    char *p = sl_arena_alloc(a, 20);
    return sl_str_of(p, sl_u64_digits(v, p));
}

static struct sl_str target_text(struct exchange *x, const struct route_candidate *c)
{
    char *p = sl_arena_alloc(x->a, c->provider.n + c->model.n + 1);
    memcpy(p, c->provider.p, c->provider.n);
    p[c->provider.n] = '/';
    memcpy(p + c->provider.n + 1, c->model.p, c->model.n);
    return sl_str_of(p, c->provider.n + c->model.n + 1);
}

static void timing_header(struct exchange *x, struct http_headers *h)
{
    struct sl_buf b;
    sl_buf_init(&b, 2048);
    int64_t now = sl_loop_now(x->env->loop);
    for (unsigned s = 0; s < XS_COUNT; s++) {
        int64_t ns = x->state_ns[s] + (s == x->state ? now - x->state_since_ns : 0);
        if (ns == 0)
            continue;
        /* milliseconds with three decimals: microseconds */
        sl_buf_addf(&b, "%s%s;dur=%llu.%03u", b.n > 0 ? ", " : "", exchange_rows[s].name,
                    (unsigned long long)(ns / SL_MS), (unsigned)(ns / 1000 % 1000));
    }
    sl_buf_addf(&b, "%stotal;dur=%llu.%03u", b.n > 0 ? ", " : "", (unsigned long long)((now - x->began_ns) / SL_MS),
                (unsigned)((now - x->began_ns) / 1000 % 1000));
    http_headers_add_id(h, x->a, HN_SERVER_TIMING, sl_arena_str(x->a, sl_buf_str(&b)));
    sl_buf_done(&b);
}

/* Nothing is revealed to a caller without a valid key but the id. */
/* Where the vendors' libraries look for the id that their errors and answers tell (openai.md 2.1, anthropic.md 9); the provider's
 * own where it has passed one. */
static void request_id_header(struct exchange *x, struct http_headers *h, struct sl_str id)
{
    enum error_format format = x->match.errors;
    if (format == ERRORS_ANTHROPIC && http_headers_find_name(h, SL_STR("request-id")) == NULL)
        http_headers_add(h, x->a, SL_STR("request-id"), id);
    if ((format == ERRORS_OPENAI || format == ERRORS_RESPONSES) && http_headers_find(h, HN_X_REQUEST_ID) == NULL)
        http_headers_add_id(h, x->a, HN_X_REQUEST_ID, id);
}

void exchange_headers(struct exchange *x, struct http_headers *h)
{
    char *id = sl_arena_alloc(x->a, SL_ID_TEXT);
    struct try *t = try_current(x);
    sl_id_text(x->id, id);
    http_headers_add_id(h, x->a, HN_X_SLUICE_ID, sl_str_of(id, SL_ID_TEXT - 1));
    request_id_header(x, h, sl_str_of(id, SL_ID_TEXT - 1));
    if (x->wants_timing && x->key != NULL)
        timing_header(x, h);
    if (t == NULL)
        return;
    http_headers_add_id(h, x->a, HN_X_SLUICE_TARGET, target_text(x, t->candidate));
    http_headers_add_id(h, x->a, HN_X_SLUICE_ATTEMPTS, u64_text(x->a, x->n_tries));
    if (x->n_tries > 1 && x->tries[x->n_tries - 2]->why != NULL)
        http_headers_add_id(h, x->a, HN_X_SLUICE_REASON, sl_str_c(x->tries[x->n_tries - 2]->why));
    if (x->dropped.n > 0)
        http_headers_add(h, x->a, SL_STR("x-sluice-dropped"), x->dropped);
    if (t->closed && (t->settled.usage.flags & USAGE_ESTIMATED) != 0)
        http_headers_add(h, x->a, SL_STR("x-sluice-usage"), SL_STR("estimated"));
    if (t->closed && (t->settled.cost.flags & COST_UNPRICED) == 0) {
        char *cost = sl_arena_alloc(x->a, MONEY_TEXT);
        http_headers_add_id(h, x->a, HN_X_SLUICE_COST, sl_str_of(cost, money_text(exchange_cost(x), cost)));
    }
}

int64_t exchange_cost(const struct exchange *x)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < x->n_tries; i++)
        sum = money_add(sum, x->tries[i]->settled.cost.cost_p, NULL);
    return sum;
}

/* ---- the access record ---- */

static struct access_usage usage_of(const struct usage *u, int64_t cost_p, uint32_t cost_flags)
{
    struct access_usage out = {.cost_p = cost_p};
    memcpy(out.tokens, u->by_class, sizeof out.tokens);
    memcpy(out.units, u->by_unit, sizeof out.units);
    out.flags = ((u->flags & USAGE_REPORTED) != 0 ? ACCESS_REPORTED : 0u) |
                ((u->flags & USAGE_ESTIMATED) != 0 ? ACCESS_ESTIMATED : 0u) |
                ((u->flags & USAGE_PARTIAL) != 0 ? ACCESS_PARTIAL : 0u) |
                ((u->flags & USAGE_INCONSISTENT) != 0 ? ACCESS_INCONSISTENT : 0u) |
                ((cost_flags & COST_UNPRICED) != 0 ? ACCESS_UNPRICED : 0u);
    return out;
}

static void fill_attempt(const struct exchange *x, const struct try *t, struct access_attempt *out,
                         struct access_time times[AS_OVER + 1])
{
    for (unsigned s = 0; s <= AS_OVER; s++)
        times[s] = (struct access_time){.name = attempt_state_name((enum attempt_state)s), .us = t->result.state_us[s]};
    *out = (struct access_attempt){
        .id = t->id,
        .provider = t->candidate->provider,
        .model = t->candidate->model,
        .outcome = outcome_row(t->outcome)->name,
        .detail = sl_str_c(t->result.detail),
        .why = sl_str_c(t->why),
        .at = sl_str_c(attempt_state_name(t->result.at)),
        .provider_code = t->provider_code,
        .provider_request_id = t->provider_request_id,
        .status = t->status,
        .reused = t->result.reused,
        .h2 = t->result.h2,
        .sent = t->result.sent,
        .start_us = (t->began_ns - x->began_ns) / 1000,
        .duration_us = (t->ended_ns - t->began_ns) / 1000,
        .first_byte_us = t->result.first_byte_us,
        .pause_us = t->pause_ns / 1000,
        .bytes_out = t->result.bytes_out,
        .bytes_in = t->result.bytes_in,
        .times = times,
        .n_times = AS_OVER + 1,
        .usage = usage_of(&t->settled.usage, t->settled.cost.cost_p, t->settled.cost.flags),
    };
}

static struct access_candidate place_of(const struct route_candidate *c, bool excluded)
{
    struct access_candidate out = {.provider = c->provider,
                                   .model = c->provider.n > 0 ? c->model : c->asked, /* a name that leads nowhere */
                                   .why = sl_str_c(c->why),
                                   .tier = c->tier,
                                   .last_resort = c->last_resort,
                                   .excluded = excluded};
    if (c->state != ROUTE_UP)
        out.state = sl_str_c(route_state_name(c->state));
    if (c->rule != NULL) {
        out.route = c->rule->route;
        out.rule = c->rule->number;
    }
    if (c->terms != NULL) {
        out.has_terms = true;
        out.cost_p = c->terms->cost;
        out.time_p = c->terms->time;
        out.fail_p = c->terms->fail;
        out.sum_p = c->terms->sum;
    }
    return out;
}

static uint32_t fill_plan(const struct exchange *x, struct access_candidate *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < x->plan.n && n < ACCESS_PLAN_MAX; i++, n++)
        out[n] = place_of(&x->plan.candidates[i], false);
    for (uint32_t i = 0; i < x->plan.n_excluded && n < ACCESS_PLAN_MAX; i++, n++)
        out[n] = place_of(&x->plan.excluded[i], true);
    return n;
}

#define ROUTING_MAX 8192u /* bytes; requests with more tags than that cannot be replayed, and say so */

/* What the plan was made from, where that says more than the plan. */
static struct sl_str routing_of(const struct exchange *x)
{
    struct sl_buf out;
    if (x->asking == NULL || !asking_matters(x->asking))
        return SL_STR_NONE;
    sl_buf_init(&out, ROUTING_MAX);
    asking_write(x->asking, &out);
    struct sl_str text = out.over ? SL_STR("{\"cut\":true}") : sl_arena_str(x->a, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

/* Own time: everything but waiting for the client's body, the provider and a back-off. */
static int64_t overhead_ns(const struct exchange *x, int64_t total)
{
    int64_t waited = x->state_ns[XS_READ_BODY] + x->state_ns[XS_PAUSE] + x->state_ns[XS_QUEUE] + x->state_ns[XS_TRY] +
                     x->state_ns[XS_MEDIA] + x->state_ns[XS_RELAY] + x->state_ns[XS_SESSION];
    return total > waited ? total - waited : 0;
}

/* Where limits.priority or the request itself says another class than the usual one. */
static struct sl_str priority_of(const struct exchange *x)
{
    static const struct sl_str names[CLASS_COUNT] = {
        [CLASS_HIGH] = SL_STR_INIT("high"), [CLASS_NORMAL] = SL_STR_INIT(""), [CLASS_LOW] = SL_STR_INIT("low")};
    return x->key != NULL ? names[queue_class(x)] : SL_STR_NONE;
}

static void write_line(struct exchange *x, int64_t total_ns)
{
    struct access_attempt attempts[EXCHANGE_TRIES_MAX];
    struct access_time attempt_times[EXCHANGE_TRIES_MAX][AS_OVER + 1];
    struct access_time times[XS_COUNT];
    struct access_candidate plan[ACCESS_PLAN_MAX];
    char peer[SL_ADDR_TEXT], trace[TRACE_ID_TEXT], span[TRACE_SPAN_TEXT], parent[TRACE_SPAN_TEXT] = "";
    struct usage sum = {0};
    uint32_t cost_flags = 0;
    const struct sl_buf *lines = &x->env->lines;
    for (unsigned i = 0; i < x->n_tries; i++) {
        fill_attempt(x, x->tries[i], &attempts[i], attempt_times[i]);
        usage_add(&sum, &x->tries[i]->settled.usage);
        cost_flags |= x->tries[i]->settled.cost.flags;
    }
    for (unsigned s = 0; s < XS_COUNT; s++)
        times[s] = (struct access_time){.name = exchange_rows[s].name, .us = x->state_ns[s] / 1000};
    trace_id_text(&x->trace, trace);
    trace_span_text(x->trace.span, span);
    if (x->trace.parent != 0)
        trace_span_text(x->trace.parent, parent);
    const struct access_record r = {
        .id = x->id,
        .wall_ns = x->wall_ns,
        .trace_id = sl_str_c(trace),
        .span_id = sl_str_c(span),
        .parent_span_id = sl_str_c(parent),
        .tenant = x->key != NULL ? x->key->tenant : SL_STR_NONE,
        .key_id = x->key != NULL ? x->key->id : (struct sl_id){0, 0},
        .key_name = x->key_name,
        .peer = sl_str_of(peer, sl_addr_text(&x->stream->peer, peer)),
        .user_agent = http_headers_get(&x->req->headers, HN_USER_AGENT),
        .method = x->req->method_text,
        .path = x->match.op == OP_VIDEO_CALLBACK ? SL_STR("/callbacks/videos/*") : x->req->path, /* a token */
        .operation = x->op->name,
        .dialect = x->dialect->name,
        .http = x->req->version == HTTP_2     ? SL_STR("2")
                : x->req->version == HTTP_1_0 ? SL_STR("1.0")
                                              : SL_STR("1.1"),
        .model = x->facts.model,
        .priority = priority_of(x),
        .tls = x->stream->tls,
        .stream = x->facts.stream,
        .committed = x->committed,
        .status = x->status_sent,
        .ended_by = x->ended_by,
        .ended_in = sl_str_c(exchange_rows[x->ended_in].name),
        .ended_why = x->ended_why,
        .plan = plan,
        .n_plan = fill_plan(x, plan),
        .routing = routing_of(x),
        .attempts = attempts,
        .n_attempts = x->n_tries,
        .times = times,
        .n_times = XS_COUNT,
        .duration_us = total_ns / 1000,
        .first_token_us = x->first_token_ns >= 0 ? x->first_token_ns / 1000 : -1,
        .overhead_us = overhead_ns(x, total_ns) / 1000,
        .bytes_in = x->stream->bytes_in,
        .bytes_out = x->stream->bytes_out,
        .events = x->events_relayed,
        .session = session_told(x),
        .usage = usage_of(&sum, exchange_cost(x), cost_flags),
        .price_version = price_catalog_version(x->epoch->prices)->text,
        .config_revision = x->snap->revision_text,
        .worker = (uint16_t)x->env->worker,
    };
    if (lines->max - lines->n < 16384)
        x->env->access_flush(x->env->owner, &x->env->lines);
    bool first = lines->n == 0;
    bool ok = access_write(&x->env->lines, &r) == SL_OK;
    if (first && ok)
        x->env->access_began(x->env->owner);
    tel_add(x->env->tel, ok ? TEL_ACCESS_LINES : TEL_ACCESS_DROPPED, 1);
}

static enum tel_operation tel_operation_of(enum operation op)
{
    switch (op) {
    case OP_CHAT:
        return TEL_OP_CHAT;
    case OP_COMPLETIONS:
        return TEL_OP_COMPLETIONS;
    case OP_EMBEDDINGS:
    case OP_EMBED_CONTENT:
    case OP_EMBED_BATCH:
        return TEL_OP_EMBEDDINGS;
    case OP_RESPONSES:
    case OP_RESPONSES_SOCKET:
    case OP_RESPONSE_GET:
    case OP_RESPONSE_DELETE:
    case OP_RESPONSE_CANCEL:
    case OP_RESPONSE_ITEMS:
        return TEL_OP_RESPONSES;
    case OP_MODERATIONS:
        return TEL_OP_MODERATIONS;
    case OP_RERANK:
        return TEL_OP_RERANK;
    case OP_IMAGES:
        return TEL_OP_IMAGES;
    case OP_SPEECH:
        return TEL_OP_SPEECH;
    case OP_MESSAGES:
        return TEL_OP_MESSAGES;
    case OP_GENERATE:
        return TEL_OP_GENERATE;
    case OP_MESSAGES_COUNT:
    case OP_RESPONSES_COUNT:
    case OP_GENERATE_COUNT:
        return TEL_OP_COUNT_TOKENS;
    case OP_MODELS_LIST:
    case OP_MODEL_GET:
        return TEL_OP_MODELS;
    case OP_REALTIME:
    case OP_LIVE:
        return TEL_OP_REALTIME;
    default:
        return TEL_OP_OTHER;
    }
}

void exchange_record(struct exchange *x)
{
    struct tel_worker *w = x->env->tel;
    int64_t now = sl_loop_now_exact(x->env->loop); /* this turn's work is part of what is measured */
    int64_t total = now - x->began_ns;
    x->state_ns[x->state] += now - x->state_since_ns;
    x->state_since_ns = now;
    tel_request(w, tel_operation_of(x->match.op), x->status_sent, total);
    tel_observe(w, TEL_H_OVERHEAD, overhead_ns(x, total));
    tel_add(w, TEL_EVENTS, x->events_relayed);
    tel_add(w, TEL_CLIENT_BYTES_IN, x->stream->bytes_in);
    tel_add(w, TEL_CLIENT_BYTES_OUT, x->stream->bytes_out);
    drilled_over(x);
    if (x->env->access_flush != NULL)
        write_line(x, total);
}
