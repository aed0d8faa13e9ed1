/* Months of incidents in seconds: the real planner, breakers and retry decisions under a virtual clock, with providers that fail as
 * recorded (or generated) incidents say. What a client would have seen is counted.
 *
 *   simulate [--days N] [--rate R] [--errors PERMILLE] [--incidents FILE.csv] [--seed S] [--no-hedges] [--check]
 *
 * Three providers with one target each. Incident windows of the first two come from the file (columns start_utc, end_utc, minutes,
 * provider, impact), or are drawn: 8 a month, half of them over 80 minutes, a tenth over 7 hours. An incident of impact 1 makes 5 % of
 * attempts fail and first outputs twice as slow, 2 makes 40 % fail, 3 all of them. Beside it every attempt fails with the background
 * rate, and one in fifty takes eight times as long as it would. Requests are streams and may be hedged. What the ledger books for each
 * attempt is compared with what the provider would bill for it. --check: exit status 1 when a bound is not held. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "ledger/reserve.h"
#include "ledger/settle.h"
#include "route/plan.h"
#include "upstream/health.h"
#include "upstream/hedge.h"
#include "upstream/retry.h"

#define PROVIDERS 3u
#define WINDOWS_MAX 4096u
#define DAY_S INT64_C(86400)
#define START_NS (1000 * SL_SEC)
#define BINS 6000u /* of 10 ms: times to the first output */

struct window {
    int64_t from_s, to_s;
    unsigned impact;
};

struct world {
    struct window windows[PROVIDERS][WINDOWS_MAX];
    unsigned n[PROVIDERS], at[PROVIDERS];
    struct health_board *board;
    struct health_lane *lanes[PROVIDERS];
    struct route_policy *policy;
    struct sl_arena arena;
    struct sl_rand rand;
    double background;
    int64_t now_ns;
    /* figures */
    uint64_t requests, attempts, failed, failed_all_down, replayed, replays_differ, waited_ms;
    uint64_t opens, false_opens;
    int64_t outage_seen_ns[PROVIDERS]; /* first failure of a total outage that has not opened the lane yet */
    unsigned outage_asked[PROVIDERS];  /* requests that it got from then on */
    double open_ns, open_max_ns, return_ns;
    uint64_t n_open, n_open_rarely, open_asked_max, n_return;
    bool was_down[PROVIDERS];
    bool hedges_on;
    const struct price *price;
    uint64_t input, output; /* tokens of the request */
    uint64_t hedges, hedges_won, bins[BINS];
    int64_t booked_p, billed_p; /* by the ledger; by the providers */
    int64_t over_ns[PROVIDERS]; /* when the incident ended that the lane is still down for */
};

/* ---- incidents ---- */

static double uniform(struct world *w)
{
    return (double)(sl_rand_next(&w->rand) >> 11) / 9007199254740992.0;
}

static double normal(struct world *w)
{
    return sqrt(-2 * log(uniform(w) + 1e-12)) * cos(6.283185307179586 * uniform(w));
}

static int by_time(const void *a, const void *b)
{
    const struct window *x = a, *y = b;
    return x->from_s < y->from_s ? -1 : x->from_s > y->from_s;
}

static void draw_incidents(struct world *w, unsigned p, int64_t days)
{
    for (double t = 0; w->n[p] < WINDOWS_MAX;) {
        t += -log(uniform(w) + 1e-12) * 30 * 86400 / 8;
        double minutes = 80 * exp(1.3 * normal(w)), kind = uniform(w);
        if (t >= (double)(days * DAY_S))
            break;
        w->windows[p][w->n[p]++] = (struct window){(int64_t)t, (int64_t)(t + minutes * 60),
                                                   kind < 0.55  ? 1
                                                   : kind < 0.9 ? 2
                                                                : 3};
    }
}

static int64_t seconds_of(const char *utc)
{
    struct tm tm = {0};
    return sscanf(utc, "%d-%d-%dT%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min) == 5
               ? (tm.tm_year -= 1900, tm.tm_mon -= 1, (int64_t)timegm(&tm))
               : -1;
}

/* The last `days` of the file. */
static bool read_incidents(struct world *w, const char *path, int64_t days)
{
    char line[512], from[32], to[32], provider[32];
    double minutes;
    unsigned impact;
    int64_t last = 0;
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "%31[^,],%31[^,],%lf,%31[^,],%u", from, to, &minutes, provider, &impact) != 5)
            continue;
        int64_t a = seconds_of(from), b = a + (int64_t)(minutes * 60);
        unsigned p = strcmp(provider, "openai") == 0 ? 0 : 1;
        if (impact < 1 || impact > 3 || b <= a || w->n[p] == WINDOWS_MAX)
            continue;
        last = b > last ? b : last;
        w->windows[p][w->n[p]++] = (struct window){a, b, impact};
    }
    fclose(f);
    for (unsigned p = 0; p < 2; p++) {
        unsigned n = 0;
        qsort(w->windows[p], w->n[p], sizeof w->windows[p][0], by_time);
        for (unsigned i = 0; i < w->n[p]; i++) {
            const struct window *x = &w->windows[p][i];
            if (x->from_s >= last - days * DAY_S)
                w->windows[p][n++] =
                    (struct window){x->from_s - last + days * DAY_S, x->to_s - last + days * DAY_S, x->impact};
        }
        w->n[p] = n;
    }
    return true;
}

static unsigned impact_at(struct world *w, unsigned p, int64_t now_ns)
{
    int64_t s = (now_ns - START_NS) / SL_SEC;
    unsigned worst = 0;
    while (w->at[p] < w->n[p] && w->windows[p][w->at[p]].to_s <= s - DAY_S)
        w->at[p]++;
    for (unsigned i = w->at[p]; i < w->n[p] && w->windows[p][i].from_s <= s; i++)
        if (w->windows[p][i].to_s > s && w->windows[p][i].impact > worst)
            worst = w->windows[p][i].impact;
    return worst;
}

/* ---- the gateway ---- */

static bool granted(const void *grant, struct sl_str model)
{
    (void)grant;
    (void)model;
    return true;
}

static bool view(const void *arg, uint32_t target, struct route_target_view *out)
{
    static const enum route_state states[] = {ROUTE_UP,    ROUTE_DEGRADED, ROUTE_DEGRADED,
                                              ROUTE_PROBE, ROUTE_BLOCKED,  ROUTE_OPEN};
    const struct world *w = arg;
    struct health_view v;
    if (target >= PROVIDERS)
        return false;
    health_see(w->lanes[target], NULL, w->now_ns, &v);
    *out = (struct route_target_view){.state = (uint8_t)states[v.state],
                                      .until_ns = v.until_ns,
                                      .health_q16 = v.health_q16,
                                      .ttft_q50_us = v.first_q50_us,
                                      .room_q16 = LANE_Q16};
    return true;
}

static void make_policy(struct world *w)
{
    static const struct route_provider_spec providers[] = {
        {.name = SL_STR_INIT("a")}, {.name = SL_STR_INIT("b")}, {.name = SL_STR_INIT("c")}};
    static const struct route_target_spec targets[] = {{SL_STR_INIT("a"), SL_STR_INIT("m")},
                                                       {SL_STR_INIT("b"), SL_STR_INIT("m")},
                                                       {SL_STR_INIT("c"), SL_STR_INIT("m")}};
    static const struct route_model_spec models[] = {{SL_STR_INIT("m"), targets, PROVIDERS}};
    const struct route_policy_spec spec = {
        .providers = providers, .n_providers = PROVIDERS, .models = models, .n_models = 1};
    struct sl_fail fail;
    if (route_policy_build(&spec, &w->policy, &fail) != SL_OK)
        abort();
    w->board = health_board_new();
    for (uint32_t i = 0; i < PROVIDERS; i++)
        w->lanes[i] = health_lane_of(w->board, providers[i].name, SL_STR("m"));
}

static struct route_plan plan(struct world *w, uint64_t seed)
{
    struct route_plan p;
    const struct route_ask ask = {.model = SL_STR("m"), .granted = granted, .seed = seed, .view = view, .view_arg = w};
    if (route_plan(w->policy, &ask, &w->arena, &p) != ROUTE_OK)
        abort();
    return p;
}

/* One attempt: what becomes of it and how long that takes. */
static enum outcome attempt(struct world *w, unsigned p, bool others, int64_t *out_ns, int64_t *out_first_us)
{
    unsigned impact = impact_at(w, p, w->now_ns);
    double first_ms = (p == 1 ? 700 : 450) * exp(0.45 * normal(w)) * (impact >= 1 ? 2 : 1) *
                      (uniform(w) < 0.02 ? 8 : 1);
    double fails = w->background + (impact == 1 ? 0.05 : impact == 2 ? 0.4 : impact == 3 ? 1 : 0);
    *out_first_us = -1;
    if (uniform(w) < fails) {
        double kind = uniform(w);
        *out_ns = (kind < 0.8 ? 80 : 1000) * SL_MS;
        return kind < 0.4   ? OUT_OVERLOADED
               : kind < 0.7 ? OUT_SERVER_ERROR
               : kind < 0.8 ? OUT_RESET
                            : OUT_CONNECT_TIMEOUT;
    }
    if (first_ms > 30000 && others) {
        *out_ns = 30 * SL_SEC;
        return OUT_FIRST_TOKEN_TIMEOUT;
    }
    *out_first_us = (int64_t)(first_ms * 1000);
    *out_ns = *out_first_us * 1000;
    return OUT_OK;
}

/* The bound on it is one for a target that gets a request each second. One that was behind the others already, as slow or from an
 * earlier fault, gets few and harms few; how many it got until it was open counts for it all the same. */
static void note_open(struct world *w, unsigned p)
{
    double took = (double)(w->now_ns - w->outage_seen_ns[p]);
    w->open_asked_max = w->outage_asked[p] > w->open_asked_max ? w->outage_asked[p] : w->open_asked_max;
    if (w->outage_asked[p] * (double)SL_SEC < took) {
        w->n_open_rarely++;
        return;
    }
    w->open_ns += took;
    w->open_max_ns = took > w->open_max_ns ? took : w->open_max_ns;
    w->n_open++;
}

static void note_state(struct world *w, unsigned p, enum health_state s)
{
    bool down = s == HEALTH_DOWN;
    unsigned impact = impact_at(w, p, w->now_ns);
    if (down && !w->was_down[p]) {
        w->opens++;
        w->false_opens += impact == 0;
        if (w->outage_seen_ns[p] != 0 && p == 0) /* the others get a request now and then */
            note_open(w, p);
        w->outage_seen_ns[p] = 0;
    }
    if (down && impact == 0 && w->over_ns[p] == 0)
        w->over_ns[p] = w->now_ns;
    if (s <= HEALTH_DEGRADED && w->over_ns[p] != 0) {
        w->return_ns += (double)(w->now_ns - w->over_ns[p]);
        w->n_return++;
        w->over_ns[p] = 0;
    }
    if (s <= HEALTH_DEGRADED || s == HEALTH_DOWN)
        w->was_down[p] = down;
}

static void look(struct world *w)
{
    for (unsigned p = 0; p < PROVIDERS; p++) {
        struct health_view v;
        unsigned impact = impact_at(w, p, w->now_ns);
        health_see(w->lanes[p], NULL, w->now_ns, &v);
        if (impact != 3)
            w->outage_seen_ns[p] = 0;
        note_state(w, p, v.state);
    }
}

static bool is_up(struct world *w, const struct route_candidate *c)
{
    struct health_view v;
    health_see(w->lanes[c->target_index], NULL, w->now_ns, &v);
    return v.state < HEALTH_BLOCKED;
}

static unsigned up_behind(struct world *w, const struct route_plan *p, unsigned at)
{
    unsigned n = 0;
    for (unsigned i = at + 1; i < p->n; i++)
        n += is_up(w, &p->candidates[i]);
    return n;
}

static void count_failure(struct world *w)
{
    unsigned least = 3;
    for (unsigned i = 0; i < PROVIDERS; i++) {
        unsigned impact = impact_at(w, i, w->now_ns);
        least = impact < least ? impact : least;
    }
    w->failed++;
    w->failed_all_down += least >= 2;
}

static struct retry_verdict decide(struct world *w, const struct retry_facts *f, struct health_lane *lane)
{
    struct retry_verdict v = retry_decide(f);
    if (v.next == RETRY_SAME_TARGET && !health_may_repeat(lane, 1))
        v.next = f->candidates_left > 0 ? RETRY_NEXT_TARGET : RETRY_GIVE_UP;
    if (v.next == RETRY_GIVE_UP)
        count_failure(w);
    return v;
}

/* The same facts again: the same plan. */
static void plan_again(struct world *w, const struct route_plan *p, uint64_t seed)
{
    struct route_plan again = plan(w, seed);
    w->replayed++;
    for (uint32_t i = 0; i < p->n; i++)
        w->replays_differ += again.n != p->n || again.candidates[i].target_index != p->candidates[i].target_index;
}

/* ---- money ---- */

/* The ledger's side by the real functions, the provider's by a sum of its own: an answer as it was, errors nothing, and of what was
 * cancelled the input that was read. */
static void settle(struct world *w, enum outcome o)
{
    const struct reservation held = reserve_estimate(
        &(struct reserve_facts){.price = w->price, .input_tokens = w->input, .max_output = 4096, .answers = 1});
    const struct usage_openai said = {.prompt = w->input, .completion = w->output, .total = w->input + w->output};
    const struct settle_facts f = {.price = w->price,
                                   .reservation = &held,
                                   .sent = o != OUT_CONNECT_TIMEOUT,
                                   .end = o == OUT_OK          ? SETTLE_WHOLE
                                          : o == OUT_CANCELLED ? SETTLE_CUT
                                                               : SETTLE_REFUSED,
                                   .has_usage = o == OUT_OK,
                                   .usage = usage_from_openai(&said)};
    struct settlement got = settle_attempt(&f);
    w->booked_p += got.cost.cost_p;
    if (o == OUT_OK || o == OUT_CANCELLED)
        w->billed_p += (int64_t)w->input * w->price->rates.p[PR_INPUT];
    if (o == OUT_OK)
        w->billed_p += (int64_t)w->output * w->price->rates.p[PR_OUTPUT];
}

/* ---- requests ---- */

static void end_attempt(struct world *w, unsigned target, enum outcome o, int64_t first_us, bool probe)
{
    health_end(w->lanes[target],
               &(struct lane_sample){.outcome = o,
                                     .first_us = first_us,
                                     .between_us = -1,
                                     .wait_ns = -1,
                                     .was_probe = probe,
                                     .random = sl_rand_next(&w->rand)},
               NULL, w->now_ns);
    settle(w, o);
}

struct asked { /* an attempt at one target, and its hedge if there was one */
    enum outcome outcome;
    int64_t took_ns;
};

static int next_up(struct world *w, const struct route_plan *p, unsigned at)
{
    for (unsigned i = at + 1; i < p->n; i++)
        if (is_up(w, &p->candidates[i]))
            return (int)i;
    return -1;
}

/* The first target is silent: another one is asked beside it. True: that one is first, at *took. */
static bool hedge(struct world *w, const struct route_plan *p, unsigned at, int64_t delay_ns, int64_t *took_ns)
{
    unsigned first = p->candidates[at].target_index;
    int64_t began = w->now_ns, took, first_us;
    int next = next_up(w, p, at);
    w->now_ns += delay_ns;
    bool may = next >= 0 && health_hedge_late(w->lanes[first], w->now_ns);
    w->now_ns = began;
    if (!may)
        return false;
    unsigned second = p->candidates[next].target_index;
    bool probe = health_begin(w->lanes[second], NULL, w->now_ns, NULL);
    enum outcome o = attempt(w, second, false, &took, &first_us);
    bool won = o == OUT_OK && delay_ns + took < *took_ns;
    w->hedges++;
    w->hedges_won += won;
    w->now_ns += won ? delay_ns + took : *took_ns;
    end_attempt(w, second, won || o != OUT_OK ? o : OUT_CANCELLED, won ? first_us : -1, probe);
    health_hedge_end(w->lanes[first], won);
    w->now_ns = began;
    *took_ns = won ? delay_ns + took : *took_ns;
    return won;
}

static struct asked ask(struct world *w, const struct route_plan *p, unsigned at, bool first)
{
    unsigned target = p->candidates[at].target_index;
    struct health_view v;
    struct asked a;
    int64_t first_us;
    bool probe = health_begin(w->lanes[target], NULL, w->now_ns, &v), lost = false;
    int64_t delay = first && w->hedges_on ? hedge_delay_ns(v.first_q50_us, v.first_q95_us, v.first_q99_us, v.samples)
                                          : 0;
    a.outcome = attempt(w, target, up_behind(w, p, at) > 0, &a.took_ns, &first_us);
    w->attempts++;
    if (delay > 0)
        health_hedge_begin(w->lanes[target], w->now_ns);
    if (delay > 0 && a.outcome == OUT_OK && a.took_ns > delay)
        lost = hedge(w, p, at, delay, &a.took_ns);
    w->now_ns += a.took_ns;
    if (a.outcome != OUT_OK && impact_at(w, target, w->now_ns) == 3 && !w->was_down[target] &&
        w->outage_seen_ns[target] == 0) {
        w->outage_seen_ns[target] = w->now_ns;
        w->outage_asked[target] = 0;
    }
    w->outage_asked[target]++;
    end_attempt(w, target, lost ? OUT_CANCELLED : a.outcome, lost ? a.took_ns / 1000 : first_us, probe);
    look(w);
    return a;
}

static void request(struct world *w)
{
    const struct retry_policy policy = RETRY_POLICY_DEFAULT;
    uint64_t seed = sl_rand_next(&w->rand);
    int64_t due = w->now_ns + 600 * SL_SEC, began = w->now_ns;
    struct route_plan p = plan(w, seed);
    if (w->requests % 997 == 0)
        plan_again(w, &p, seed);
    w->requests++;
    w->input = 200 + sl_rand_below(&w->rand, 4000);
    w->output = 1 + sl_rand_below(&w->rand, 800);
    unsigned at = 0, same = 0, tries = 0;
    for (;;) {
        unsigned target = p.candidates[at].target_index;
        struct asked a = ask(w, &p, at, tries == 0);
        tries++;
        same++;
        if (a.outcome == OUT_OK)
            break;
        const struct retry_facts f = {.outcome = a.outcome,
                                      .tries_same = same,
                                      .tries_total = tries,
                                      .now_ns = w->now_ns,
                                      .total_due_ns = due,
                                      .op_repeatable = true,
                                      .provider_wait_ns = -1,
                                      .candidates_left = up_behind(w, &p, at),
                                      .policy = &policy,
                                      .random = sl_rand_next(&w->rand),
                                      .was_sent = true};
        struct retry_verdict v = decide(w, &f, w->lanes[target]);
        if (v.next == RETRY_GIVE_UP)
            break;
        w->now_ns += v.delay_ns;
        if (v.next == RETRY_SAME_TARGET)
            continue;
        for (at++; at + 1 < p.n && !is_up(w, &p.candidates[at]);)
            at++;
        same = 0;
    }
    int64_t bin = (w->now_ns - began) / (10 * SL_MS);
    w->bins[bin < BINS ? bin : BINS - 1]++;
    w->waited_ms += (uint64_t)((w->now_ns - began) / SL_MS);
    w->now_ns = began; /* requests overlap: the next one comes when its time has come */
    sl_arena_reset(&w->arena);
}

/* ---- the report ---- */

static bool line(const char *what, double value, double bound, const char *unit)
{
    bool ok = bound < 0 || value <= bound;
    printf("  %-52s %12.4f %-4s", what, value, unit);
    if (bound >= 0)
        printf(" at most %-8g %s", bound, ok ? "met" : "MISSED");
    printf("\n");
    return ok;
}

static double quantile_s(const struct world *w, double q)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < BINS; i++)
        if ((double)(seen += w->bins[i]) >= q * (double)w->requests)
            return (i + 0.5) / 100;
    return 0;
}

static bool report(struct world *w, double days, double took_s)
{
    bool ok = true;
    printf("%llu requests in %.0f days, %.1f s; %u and %u incidents of the first two providers\n",
           (unsigned long long)w->requests, days, took_s, w->n[0], w->n[1]);
    ok &= line("failures that a client sees", 100.0 * (double)w->failed / (double)w->requests, 0.1, "%");
    line("  of these with no provider below 40 % errors", 100.0 * (double)w->failed_all_down / (double)w->requests, -1,
         "%");
    ok &= line("attempts per request", (double)w->attempts / (double)w->requests, 1.05, "");
    ok &= line("false opens per target and day", (double)w->false_opens / days / PROVIDERS, 0.05, "");
    line("opens", (double)w->opens, -1, "");
    if (w->n_open > 0)
        ok &= line("total outage of the first target to open, mean", w->open_ns / (double)w->n_open / SL_SEC, 4, "s");
    if (w->n_open > 0)
        line("total outage of the first target to open, longest", w->open_max_ns / SL_SEC, -1, "s");
    line("  others, in which it got less than a request a second", (double)w->n_open_rarely, -1, "");
    ok &= line("  requests that it got until open, most", (double)w->open_asked_max, 5, "");
    if (w->n_return > 0)
        line("end of the incident to return, mean", w->return_ns / (double)w->n_return / SL_SEC, -1, "s");
    ok &= line("hedges", 100.0 * (double)w->hedges / (double)w->requests, 5, "%");
    if (w->hedges > 0)
        line("  of these won", 100.0 * (double)w->hedges_won / (double)w->hedges, -1, "%");
    line("first output, q50", quantile_s(w, 0.5), -1, "s");
    line("first output, q99", quantile_s(w, 0.99), -1, "s");
    line("first output, q99.9", quantile_s(w, 0.999), -1, "s");
    ok &= line("money booked beside what was billed", fabs((double)(w->booked_p - w->billed_p)), 0, "pUSD");
    ok &= line("plans that differ when made again", (double)w->replays_differ, 0, "");
    return ok;
}

int main(int argc, char **argv)
{
    int64_t days = 90, rate = 1, seed = 1;
    const char *incidents = NULL;
    bool check = false;
    struct world *w = SL_NEW(struct world);
    w->background = 0.01;
    w->hedges_on = true;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--check") == 0)
            check = true;
        else if (strcmp(argv[i], "--no-hedges") == 0)
            w->hedges_on = false;
        else if (strcmp(argv[i], "--days") == 0)
            days = atoll(value), i++;
        else if (strcmp(argv[i], "--rate") == 0)
            rate = atoll(value), i++;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = atoll(value), i++;
        else if (strcmp(argv[i], "--errors") == 0)
            w->background = atof(value) / 1000, i++;
        else if (strcmp(argv[i], "--incidents") == 0)
            incidents = value, i++;
        else
            return fprintf(stderr, "simulate: unknown option %s\n", argv[i]), 2;
    }
    if (days < 1 || rate < 1)
        return fprintf(stderr, "simulate: --days and --rate must be at least 1\n"), 2;
    sl_rand_seed(&w->rand, (uint64_t)seed);
    sl_arena_init(&w->arena, NULL);
    make_policy(w);
    struct price_catalog *prices = price_catalog_embedded();
    w->price = price_lookup(prices, SL_STR("openai"), SL_STR("gpt-4o-mini"), NULL);
    if (w->price == NULL)
        abort();
    bool recorded = incidents != NULL && read_incidents(w, incidents, days);
    if (incidents != NULL && !recorded)
        printf("%s is not there: incidents are drawn\n", incidents);
    for (unsigned p = recorded ? 2 : 0; p < PROVIDERS; p++)
        draw_incidents(w, p, days);
    int64_t began = sl_clock_mono_ns();
    for (int64_t i = 0; i < days * DAY_S * rate; i++) {
        w->now_ns = START_NS + i * (SL_SEC / rate);
        request(w);
    }
    bool ok = report(w, (double)days, (double)(sl_clock_mono_ns() - began) / SL_SEC);
    price_catalog_unref(prices);
    route_policy_free(w->policy);
    health_board_free(w->board);
    sl_arena_done(&w->arena);
    sl_free(w);
    return check && !ok ? 1 : 0;
}
