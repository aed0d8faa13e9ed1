/* The scorecard: text for people, and the same as JSON. */
#include "base/clock.h"
#include "main/drill.h"

/* ---- words ---- */

static void add_time(struct sl_buf *b, int64_t ns)
{
    int64_t ms = ns / SL_MS;
    if (ms >= 10000)
        sl_buf_addf(b, "%lld s", (long long)(ms / 1000));
    else
        sl_buf_addf(b, "%lld ms", (long long)ms);
}

static void add_target(struct sl_buf *b, const struct drill_target *t)
{
    if (t->provider_name[0] == 0)
        sl_buf_adds(b, SL_STR("nobody"));
    else
        sl_buf_addf(b, "%s/%s", t->provider_name, t->model);
}

/* The one that is shown of both forms: one that failed, else the streamed. */
static const struct drill_result *shown_of(const struct drill_row *row)
{
    if (row->has[0] && !row->forms[0].passed)
        return &row->forms[0];
    return row->has[1] ? &row->forms[1] : &row->forms[0];
}

static bool is_streamed(const struct drill_row *row)
{
    return shown_of(row) == &row->forms[1];
}

static void add_row(const struct drill_card *card, const struct drill_row *row, struct sl_buf *b)
{
    const struct drill_result *r = shown_of(row);
    sl_buf_addf(b, "  %s %-20s %-44s ", row->passed ? "pass" : "FAIL", row->scenario->name, r->ran ? r->saw : r->why);
    add_target(b, &r->answered);
    sl_buf_adds(b, SL_STR(", "));
    add_time(b, r->longest_ns);
    int64_t real = drill_deadline_of(card->s, sl_str_c(r->outcome), is_streamed(row));
    if (real > 0) {
        sl_buf_adds(b, SL_STR(" (yours: "));
        cfg_add_duration(b, real);
        sl_buf_addc(b, ')');
    }
    sl_buf_addf(b, ", %u %s, %s USD\n", r->attempts, r->attempts == 1 ? "try" : "tries", r->cost);
    if (row->passed)
        return;
    if (r->ran && r->why[0] != 0)
        sl_buf_addf(b, "       %s, %s\n", is_streamed(row) ? "streamed" : "not streamed", r->why);
}

/* Each advice once. */
static void add_advice(const struct drill_route *route, struct sl_buf *b)
{
    for (unsigned i = 0; i < route->n_rows; i++) {
        struct sl_str advice = route->rows[i].advice;
        unsigned k = 0;
        while (k < i && !sl_str_eq(route->rows[k].advice, advice))
            k++;
        if (advice.n > 0 && k == i)
            sl_buf_addf(b, "  -> " SL_STR_FMT "\n", SL_STR_ARG(advice));
    }
}

static void add_route(const struct drill_card *card, const struct drill_route *route, struct sl_buf *b)
{
    const struct drill_case *c = &route->c;
    sl_buf_addf(b, "\n%s %s", c->route[0] != 0 ? "route" : "model", c->route[0] != 0 ? c->route : c->model);
    if (!route->drilled) {
        const struct drill_result *r = route->plain[0].passed ? &route->plain[1] : &route->plain[0];
        sl_buf_addf(b, ": not drilled, a plain question undisturbed gets %s\n", r->ran ? r->saw : r->why);
        return;
    }
    for (uint32_t i = 0; i < route->plain[0].n_targets; i++) {
        sl_buf_adds(b, i == 0 ? SL_STR(": ") : SL_STR(", then "));
        add_target(b, &route->plain[0].targets[i]);
    }
    if (route->plain[0].outcome[0] != 0)
        sl_buf_addf(b, "\n  undisturbed already, %s/%s fails: %s", route->plain[0].first.provider_name,
                    route->plain[0].first.model, route->plain[0].outcome);
    sl_buf_addf(b, "\n  %u of %u\n", route->n_passed, route->n_rows);
    for (unsigned i = 0; i < route->n_rows; i++)
        add_row(card, &route->rows[i], b);
    add_advice(route, b);
}

void drill_print(const struct drill_card *card, struct sl_buf *b)
{
    sl_buf_addf(b, "Drill of %s: every provider is simulated, nothing leaves this machine.\n", card->s->source);
    sl_buf_adds(b, SL_STR("Deadlines are shortened, the longest from "));
    int64_t longest = card->s->resilience.deadline.answer_ns;
    cfg_add_duration(b, longest);
    sl_buf_adds(b, SL_STR(" to "));
    cfg_add_duration(b, card->wait_ns);
    sl_buf_addf(b, " (by %lld).\n", (long long)(card->wait_ns > 0 ? longest / card->wait_ns : 1));
    for (unsigned i = 0; i < card->n_routes; i++)
        add_route(card, &card->routes[i], b);
    sl_buf_addf(b, "\n%u of %u scenarios passed", card->n_passed, card->n_of);
    if (card->n_skipped > 0)
        sl_buf_addf(b, ", %u %s not drilled", card->n_skipped, card->n_skipped == 1 ? "route" : "routes");
    sl_buf_adds(b, SL_STR(" in "));
    add_time(b, card->took_ns);
    sl_buf_adds(b, SL_STR("\n"));
}

/* ---- JSON ---- */

static void add_text(struct sl_buf *b, const char *name, struct sl_str value)
{
    sl_buf_addf(b, "\"%s\":", name);
    sl_buf_add_json(b, value);
}

static void add_json_target(struct sl_buf *b, const struct drill_target *t)
{
    if (t->provider_name[0] == 0) {
        sl_buf_adds(b, SL_STR("null"));
        return;
    }
    sl_buf_addf(b, "{");
    add_text(b, "provider", sl_str_c(t->provider_name));
    sl_buf_addc(b, ',');
    add_text(b, "model", sl_str_c(t->model));
    sl_buf_addc(b, '}');
}

static void add_json_result(const struct drill_card *card, struct sl_buf *b, const struct drill_result *r, bool stream)
{
    int64_t real = drill_deadline_of(card->s, sl_str_c(r->outcome), stream);
    sl_buf_addf(b,
                "{\"stream\":%s,\"pass\":%s,\"by_policy\":%s,\"fault_met\":%s,\"requests\":%u,\"failed\":%u,"
                "\"status\":%d,",
                stream ? "true" : "false", r->passed ? "true" : "false", r->by_policy ? "true" : "false",
                r->met ? "true" : "false", r->requests, r->failed, r->status);
    add_text(b, "saw", sl_str_c(r->saw));
    sl_buf_addc(b, ',');
    add_text(b, "why", sl_str_c(r->why));
    sl_buf_adds(b, SL_STR(",\"first\":"));
    add_json_target(b, &r->first);
    sl_buf_adds(b, SL_STR(",\"answered\":"));
    add_json_target(b, &r->answered);
    sl_buf_addf(b, ",\"attempts\":%u,", r->attempts);
    add_text(b, "outcome", sl_str_c(r->outcome));
    sl_buf_addf(b, ",\"took_ms\":%lld,\"deadline_ms\":", (long long)(r->longest_ns / SL_MS));
    if (real > 0)
        sl_buf_add_i64(b, real / SL_MS);
    else
        sl_buf_adds(b, SL_STR("null"));
    sl_buf_addf(b, ",\"tokens\":{\"ledger\":%llu,\"providers\":%llu},", (unsigned long long)r->booked,
                (unsigned long long)r->billed);
    add_text(b, "cost_usd", sl_str_c(r->cost));
    sl_buf_addc(b, '}');
}

static void add_json_row(const struct drill_card *card, struct sl_buf *b, const struct drill_row *row)
{
    sl_buf_addc(b, '{');
    add_text(b, "name", sl_str_c(row->scenario->name));
    sl_buf_addc(b, ',');
    add_text(b, "text", sl_str_c(row->scenario->text));
    sl_buf_addf(b, ",\"pass\":%s,", row->passed ? "true" : "false");
    add_text(b, "advice", row->advice);
    sl_buf_adds(b, SL_STR(",\"runs\":["));
    for (int i = 0; i < 2; i++) {
        if (!row->has[i])
            continue;
        if (i == 1 && row->has[0])
            sl_buf_addc(b, ',');
        add_json_result(card, b, &row->forms[i], i == 1);
    }
    sl_buf_adds(b, SL_STR("]}"));
}

static void add_json_route(const struct drill_card *card, struct sl_buf *b, const struct drill_route *route)
{
    sl_buf_addc(b, '{');
    add_text(b, "route", sl_str_c(route->c.route));
    sl_buf_addc(b, ',');
    add_text(b, "model", sl_str_c(route->c.model));
    sl_buf_adds(b, SL_STR(",\"targets\":["));
    for (uint32_t i = 0; i < route->plain[0].n_targets; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR(",") : SL_STR_NONE);
        add_json_target(b, &route->plain[0].targets[i]);
    }
    sl_buf_addf(b, "],\"drilled\":%s,\"passed\":%u,\"of\":%u,\"undisturbed\":[", route->drilled ? "true" : "false",
                route->n_passed, route->n_rows);
    add_json_result(card, b, &route->plain[0], false);
    sl_buf_addc(b, ',');
    add_json_result(card, b, &route->plain[1], true);
    sl_buf_adds(b, SL_STR("],\"scenarios\":["));
    for (unsigned i = 0; i < route->n_rows; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR(",\n   ") : SL_STR("\n   "));
        add_json_row(card, b, &route->rows[i]);
    }
    sl_buf_adds(b, SL_STR("]}"));
}

void drill_print_json(const struct drill_card *card, struct sl_buf *b)
{
    sl_buf_adds(b, SL_STR("{\"version\":1,"));
    add_text(b, "config", sl_str_c(card->s->source));
    sl_buf_addf(b,
                ",\"longest_deadline_ms\":%lld,\"took_ms\":%lld,\"passed\":%u,\"of\":%u,\"not_drilled\":%u,"
                "\"pass\":%s,\n \"routes\":[",
                (long long)(card->wait_ns / SL_MS), (long long)(card->took_ns / SL_MS), card->n_passed, card->n_of,
                card->n_skipped, card->n_of > 0 && card->n_passed == card->n_of ? "true" : "false");
    for (unsigned i = 0; i < card->n_routes; i++) {
        sl_buf_adds(b, i > 0 ? SL_STR(",\n  ") : SL_STR("\n  "));
        add_json_route(card, b, &card->routes[i]);
    }
    sl_buf_adds(b, SL_STR("]}\n"));
}
