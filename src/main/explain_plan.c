/* See explain_plan.h. */
#include "main/explain_plan.h"

#include "dialect/request_look.h"
#include "exchange/count_tokens.h"
#include "ledger/money.h"

/* -- The plan ---------------------------------------------------------------------------------------------------------- */

static bool read_request(const struct explain_from *from, struct sl_str body, struct sl_arena *a,
                         struct operation_match *match, struct request_facts *facts, enum operation *out_op,
                         struct sl_str *out_why)
{
    struct request_refusal refusal = {0};
    struct error_facts hint_error = {0};
    struct sl_str query = from->path, path = sl_str_cut(&query, '?');
    const struct http_request head = {
        .method = HTTP_POST, .method_text = SL_STR("POST"), .target = from->path, .path = path, .query = query};
    struct http_request r = head;
    if (from->headers != NULL)
        r.headers = *from->headers;
    *match = operation_of(&r);
    if (!operation_row(match->op)->relayed) {
        *out_why = SL_STR("nothing that goes to a provider is served at this path");
        return false;
    }
    *facts = (struct request_facts){.op = match->op};
    if (match->model.n > 0) { /* Gemini: said by the path */
        if (!operation_model_id(match, a, &facts->model)) {
            *out_why = SL_STR("the path names no model");
            return false;
        }
        facts->stream = match->stream;
    }
    if (!request_look(match->op, body, a, facts, out_op, &refusal)) {
        *out_why = refusal.error.message.n > 0 ? refusal.error.message
                                               : gateway_error_row(refusal.error.error)->message;
        return false;
    }
    if (!request_hints_from_headers(&r.headers, &facts->hints, &hint_error)) {
        *out_why = hint_error.message;
        return false;
    }
    return true;
}

struct counting { /* what a count needs */
    const struct tokens_set *tokens;
    struct count_from from;
    struct sl_arena *a;
};

static uint64_t count(void *arg)
{
    const struct counting *c = arg;
    return count_asked(c->tokens, &c->from, c->from.facts->model, COUNT_ASKED_BYTES, c->a);
}

bool explain_request(const struct explain_from *from, struct sl_str body, struct sl_arena *a, struct explained *out,
                     struct sl_str *out_why)
{
    struct operation_match match;
    enum operation body_op;
    if (!read_request(from, body, a, &match, &out->facts, &body_op, out_why))
        return false;
    const uint64_t by_bytes = count_by_bytes(match.op, &out->facts, body);
    struct counting counting = {
        .tokens = from->tokens,
        .from = {.op = body_op, .body = body, .facts = &out->facts, .by_bytes = by_bytes},
        .a = a,
    };
    const struct asking_from asking = {
        .snap = from->snap,
        .prices = from->prices,
        .key = from->key,
        .facts = &out->facts,
        .op = operation_row(match.op),
        .dialect = dialect_of(match.op),
        .body = body,
        .headers = from->headers,
        .estimate_input = by_bytes,
        .count = count,
        .count_arg = &counting,
        .wall_ns = from->wall_ns,
        .seed = from->seed,
        .view = from->view,
        .view_arg = from->view_arg,
        .script = from->script,
        .script_arg = from->script_arg,
        .spend = from->spend,
    };
    asking_gather(&asking, a, &out->asking);
    if (from->need != NULL)
        *from->need = (struct headroom_need){
            .input = out->asking.facts.input_tokens,
            .output = route_expected_output(out->facts.max_output),
            .most = out->facts.max_output,
        };
    if (from->budget_permille != NULL)
        out->asking.facts.budget_permille = *from->budget_permille;
    out->snap = from->snap;
    out->verdict = route_plan(from->snap->policy, &out->asking.ask, a, &out->plan);
    return true;
}

/* -- The table --------------------------------------------------------------------------------------------------------- */

static const char *verdict_text(enum route_verdict v)
{
    static const char *const texts[] = {
        [ROUTE_OK] = "ok",
        [ROUTE_UNKNOWN] = "no such model",
        [ROUTE_NOT_GRANTED] = "the key is not granted this model; the client is told that there is none",
        [ROUTE_NO_SUCH_ROUTE] = "no such route, or it may not be asked for",
        [ROUTE_NONE_FITS] = "no target may serve this request",
    };
    return texts[v];
}

static size_t name_width(const struct route_candidate *c)
{
    return c->provider.n > 0 ? c->provider.n + 1 + c->model.n : c->asked.n;
}

static size_t widest(const struct route_plan *p)
{
    size_t w = 8;
    for (uint32_t i = 0; i < p->n; i++)
        w = name_width(&p->candidates[i]) > w ? name_width(&p->candidates[i]) : w;
    for (uint32_t i = 0; i < p->n_excluded; i++)
        w = name_width(&p->excluded[i]) > w ? name_width(&p->excluded[i]) : w;
    return w < 60 ? w : 60;
}

static void add_name(struct sl_buf *out, const struct route_candidate *c, size_t width)
{
    if (c->provider.n > 0)
        sl_buf_addf(out, SL_STR_FMT "/" SL_STR_FMT, SL_STR_ARG(c->provider), SL_STR_ARG(c->model));
    else
        sl_buf_adds(out, c->asked);
    for (size_t n = name_width(c); n < width + 2; n++)
        sl_buf_addc(out, ' ');
}

static void add_money(struct sl_buf *out, const char *name, int64_t p)
{
    char text[MONEY_TEXT];
    size_t n = money_text(p, text);
    sl_buf_addf(out, " %s %.*s", name, (int)n, text);
}

static void add_rule(struct sl_buf *out, const struct route_rule_told *r)
{
    if (r == NULL)
        return;
    sl_buf_addf(out, " [" SL_STR_FMT " %u", SL_STR_ARG(r->route), r->number);
    if (r->name.n > 0)
        sl_buf_addf(out, ": " SL_STR_FMT, SL_STR_ARG(r->name));
    sl_buf_addc(out, ']');
}

static void add_row(struct sl_buf *out, const struct route_candidate *c, uint32_t place, size_t width)
{
    if (place > 0)
        sl_buf_addf(out, "%3u  ", place);
    else
        sl_buf_adds(out, SL_STR("  -  "));
    add_name(out, c, width);
    sl_buf_addf(out, "%s", c->why);
    add_rule(out, c->rule);
    if (place > 0 && c->tier > 0)
        sl_buf_addf(out, " tier %u", c->tier);
    if (c->state != ROUTE_UP)
        sl_buf_addf(out, " (%s)", route_state_name(c->state));
    if (c->terms != NULL && c->terms->sum >= 0) {
        sl_buf_adds(out, SL_STR(" USD:"));
        if (c->terms->cost > 0)
            add_money(out, "cost", c->terms->cost);
        if (c->terms->time > 0)
            add_money(out, "time", c->terms->time);
        if (c->terms->fail > 0)
            add_money(out, "risk", c->terms->fail);
        add_money(out, "sum", c->terms->sum);
    }
    sl_buf_addc(out, '\n');
}

void explain_places(const struct route_plan *p, struct sl_buf *out)
{
    size_t width = widest(p);
    for (uint32_t i = 0; i < p->n; i++)
        add_row(out, &p->candidates[i], i + 1, width);
    for (uint32_t i = 0; i < p->n_excluded; i++)
        add_row(out, &p->excluded[i], 0, width);
}

/* What its streams are rescued by when they break; empty: as for all. */
static struct sl_str rescue_of(const struct explained *e)
{
    static const struct sl_str words[] = {[RESCUE_CONTINUE] = SL_STR_INIT("continue"),
                                          [RESCUE_RESTART] = SL_STR_INIT("restart"),
                                          [RESCUE_ERROR] = SL_STR_INIT("error"),
                                          [RESCUE_HOLD] = SL_STR_INIT("hold")};
    const struct snapshot_route *r = snapshot_route_of(e->snap, &e->plan);
    return r != NULL && r->has_rescue ? words[r->terms.rescue] : SL_STR_NONE;
}

void explain_table(const struct explained *e, struct sl_buf *out)
{
    const struct route_facts *f = &e->asking.facts;
    sl_buf_addf(out, "model " SL_STR_FMT, SL_STR_ARG(e->asking.ask.model));
    if (e->asking.ask.route.n > 0)
        sl_buf_addf(out, ", route " SL_STR_FMT, SL_STR_ARG(e->asking.ask.route));
    if (f->task.n > 0)
        sl_buf_addf(out, ", task " SL_STR_FMT, SL_STR_ARG(f->task));
    sl_buf_addf(out, ", about %llu tokens in", (unsigned long long)f->input_tokens);
    if (f->output_tokens > 0)
        sl_buf_addf(out, ", at most %llu out", (unsigned long long)f->output_tokens);
    if (rescue_of(e).n > 0)
        sl_buf_addf(out, ", rescue " SL_STR_FMT, SL_STR_ARG(rescue_of(e)));
    sl_buf_addc(out, '\n');
    if (e->verdict != ROUTE_OK)
        sl_buf_addf(out, "%s%s" SL_STR_FMT "%s\n", verdict_text(e->verdict),
                    e->plan.near.n > 0 ? "; did you mean '" : "", SL_STR_ARG(e->plan.near),
                    e->plan.near.n > 0 ? "'?" : "");
    explain_places(&e->plan, out);
}

/* -- JSON -------------------------------------------------------------------------------------------------------------- */

static void add_text(struct sl_buf *out, const char *name, struct sl_str text)
{
    if (text.n == 0)
        return;
    sl_buf_addf(out, ",\"%s\":", name);
    sl_buf_add_json(out, text);
}

static void add_place(struct sl_buf *out, const struct route_candidate *c)
{
    sl_buf_adds(out, SL_STR("{\"asked\":"));
    sl_buf_add_json(out, c->asked);
    add_text(out, "provider", c->provider);
    add_text(out, "model", c->model);
    add_text(out, "why", sl_str_c(c->why));
    if (c->rule != NULL) {
        add_text(out, "route", c->rule->route);
        sl_buf_addf(out, ",\"rule\":%u", c->rule->number);
        add_text(out, "rule_name", c->rule->name);
    }
    sl_buf_addf(out, ",\"tier\":%u,\"state\":\"%s\",\"last_resort\":%s", c->tier, route_state_name(c->state),
                c->last_resort ? "true" : "false");
    if (c->terms != NULL)
        sl_buf_addf(out, ",\"terms_p\":{\"cost\":%lld,\"time\":%lld,\"fail\":%lld,\"saving\":%lld,\"sum\":%lld}",
                    (long long)c->terms->cost, (long long)c->terms->time, (long long)c->terms->fail,
                    (long long)c->terms->saving, (long long)c->terms->sum);
    sl_buf_addc(out, '}');
}

static void add_places(struct sl_buf *out, const char *name, const struct route_candidate *c, uint32_t n)
{
    sl_buf_addf(out, ",\"%s\":[", name);
    for (uint32_t i = 0; i < n; i++) {
        sl_buf_adds(out, i > 0 ? SL_STR(",\n") : SL_STR("\n"));
        add_place(out, &c[i]);
    }
    sl_buf_addc(out, ']');
}

void explain_json(const struct explained *e, struct sl_buf *out)
{
    sl_buf_adds(out, SL_STR("{\"model\":"));
    sl_buf_add_json(out, e->asking.ask.model);
    sl_buf_addf(out, ",\"ok\":%s,\"verdict\":\"%s\"", e->verdict == ROUTE_OK ? "true" : "false",
                verdict_text(e->verdict));
    add_text(out, "near", e->plan.near);
    add_text(out, "config", e->snap->revision_text);
    add_text(out, "rescue", rescue_of(e));
    sl_buf_adds(out, SL_STR(",\"routing\":"));
    asking_write(&e->asking, out);
    add_places(out, "plan", e->plan.candidates, e->plan.n);
    add_places(out, "excluded", e->plan.excluded, e->plan.n_excluded);
    sl_buf_adds(out, SL_STR("}\n"));
}
