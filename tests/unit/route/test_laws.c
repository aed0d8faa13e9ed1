/* Random configurations, random requests: the same plan from the same input, and what holds for every plan. */
#include "route/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"

#define POLICIES 25u /* a policy brings TLS contexts with it, which cost more than hundreds of plans */
#define REQUESTS 400u

static struct sl_rand dice;

static unsigned roll(unsigned n)
{
    return (unsigned)sl_rand_below(&dice, n);
}

static const char *pick(const char *const *words, unsigned n)
{
    return words[roll(n)];
}
#define PICK(words) pick(words, sizeof(words) / sizeof *(words))

static const char *const targets[] = {"o/a", "o/b", "eu/a", "eu/c", "c/d", "g/e", "g/f", "s/x"};
static const char *const whens[] = {"task: code",
                                    "task: [chat, qa]",
                                    "input_tokens: '> 500'",
                                    "input_tokens: '< 500'",
                                    "tools: true",
                                    "stream: true",
                                    "tags.a: b",
                                    "not: {task: code}",
                                    "any: [{task: code}, {tools: true}]",
                                    "health: {o/a: degraded}",
                                    "health: {eu/a: down}",
                                    "days: mon-fri",
                                    "time: '09:00-17:00'",
                                    "modality: image",
                                    "headers.x-a: '*'"};
static const char *const orders[] = {"ordered",    "weighted",     "cheapest", "fastest",
                                     "least-busy", "cache-affine", "scored"};

static void add_entry(struct sl_buf *y, unsigned depth)
{
    if (depth < 2 && roll(5) == 0) {
        sl_buf_addf(y, "{use: [");
        for (unsigned i = 0, n = 1 + roll(4); i < n; i++) {
            sl_buf_addf(y, "%s", i > 0 ? ", " : "");
            add_entry(y, depth + 1);
        }
        sl_buf_addf(y, "], order: %s}", PICK(orders));
        return;
    }
    sl_buf_addf(y, "{to: %s", PICK(targets));
    if (roll(4) == 0)
        sl_buf_addf(y, ", weight: %u", 1 + roll(9));
    if (roll(4) == 0)
        sl_buf_addf(y, ", tier: %u", roll(3));
    if (roll(5) == 0)
        sl_buf_addf(y, ", when: %s", roll(2) == 0 ? "degraded" : "down");
    else if (roll(5) == 0)
        sl_buf_addf(y, ", when: {%s}", PICK(whens));
    sl_buf_addf(y, "}");
}

static void add_rule(struct sl_buf *y, unsigned route, bool last)
{
    sl_buf_addf(y, "    - {use: [");
    for (unsigned i = 0, n = 1 + roll(6); i < n; i++) {
        sl_buf_addf(y, "%s", i > 0 ? ", " : "");
        if (route > 0 && roll(8) == 0)
            sl_buf_addf(y, "{route: r%u}", roll(route));
        else
            add_entry(y, 0);
    }
    sl_buf_addf(y, "], order: %s", PICK(orders));
    if (roll(4) == 0)
        sl_buf_addf(y, ", then: next");
    if (!last)
        sl_buf_addf(y, ", when: {%s}", PICK(whens));
    sl_buf_addf(y, "}\n");
}

static void make_config(struct sl_buf *y)
{
    sl_buf_adds(y, SL_STR("providers:\n"
                          "  o:  {kind: openai, keys: ['${K}'], open_models: true}\n"
                          "  eu: {kind: openai, keys: ['${K}'], base_url: 'https://eu.api.openai.com/v1', region: eu}\n"
                          "  c:  {kind: anthropic, keys: ['${K}'], zero_retention: true}\n"
                          "  g:  {kind: gemini, keys: ['${K}'], region: eu, zero_retention: true}\n"
                          "  s:  {kind: sim}\n"
                          "models:\n"));
    for (unsigned i = 0; i < 4; i++)
        sl_buf_addf(y, "  m%u: {route: r%u}\n", i, i);
    sl_buf_addf(y, "  p: {targets: [%s, {to: %s, when: degraded}], order: %s}\n", targets[0], targets[3], PICK(orders));
    sl_buf_adds(y, SL_STR("routes:\n"));
    for (unsigned i = 0; i < 4; i++) {
        sl_buf_addf(y, "  r%u:\n", i);
        for (unsigned k = 0, n = 1 + roll(5); k < n; k++)
            add_rule(y, i, k + 1 == n);
    }
}

static void make_line(struct sl_buf *l)
{
    static const char *const names[] = {"m0", "m1", "m2", "m3", "p", "o/z", "anything"};
    static const char *const more[] = {
        "task=code",       "task=chat",      "tools",       "stream",      "tag.a=b",      "image",
        "region=eu",       "zero_retention", "fallback=no", "models=p,m1", "header.x-a=1", "at=2026-11-20T10:00",
        "conversation=77", "user=u",         "in=900",      "route=r0",    "in=100",       "models=nobody,p"};
    static const char *const views[] = {"down", "degraded", "probe", "blocked", "full"};
    sl_buf_addf(l, "model=%s seed=%u", PICK(names), roll(1000000));
    for (unsigned i = 0, n = roll(5); i < n; i++)
        sl_buf_addf(l, " %s", PICK(more));
    for (unsigned i = 0, n = roll(6); i < n; i++)
        if (roll(2) == 0)
            sl_buf_addf(l, " %s:%s", PICK(views), PICK(targets));
        else
            sl_buf_addf(l, " cost:%s=%u", PICK(targets), roll(1000));
    sl_buf_addc(l, 0);
}

/* Every figure of the plan, so that two of them can be compared. */
static void write_plan(struct sl_buf *out, enum route_verdict v, const struct route_plan *p)
{
    sl_buf_addf(out, "%d", (int)v);
    for (uint32_t i = 0; i < p->n + p->n_excluded; i++) {
        const struct route_candidate *c = i < p->n ? &p->candidates[i] : &p->excluded[i - p->n];
        sl_buf_addf(out, "|%u " SL_STR_FMT " %u %u %d %s %lld", c->target_index, SL_STR_ARG(c->model), c->tier,
                    c->state, c->last_resort, c->why, c->terms != NULL ? (long long)c->terms->sum : -1);
    }
}

static struct sl_str planned(const struct kit *k, const char *line, struct sl_arena *a)
{
    struct kit_ask q;
    struct route_plan p;
    struct sl_buf text;
    kit_ask(k, line, &q);
    enum route_verdict v = route_plan(k->policy, &q.ask, a, &p);
    kit_laws(k, &q, v, &p);
    for (uint32_t i = 0; i < p.n; i++) {
        struct sl_str provider = p.candidates[i].provider;
        if (q.facts.region.n > 0)
            assert_true(sl_str_eq(provider, SL_STR("eu")) || sl_str_eq(provider, SL_STR("g")));
        if ((q.facts.flags & ROUTE_ZERO_RETENTION) != 0)
            assert_true(sl_str_eq(provider, SL_STR("c")) || sl_str_eq(provider, SL_STR("g")));
    }
    sl_buf_init(&text, 1 << 20);
    write_plan(&text, v, &p);
    struct sl_str out = sl_arena_str(a, sl_buf_str(&text));
    sl_buf_done(&text);
    return out;
}

static void laws(void **state)
{
    (void)state;
    unsigned plans = 0;
    sl_rand_seed(&dice, 20261121);
    for (unsigned i = 0; i < POLICIES; i++) {
        struct sl_arena a;
        struct sl_buf yaml;
        struct kit k, again;
        sl_arena_init(&a, NULL);
        sl_buf_init(&yaml, 1 << 20);
        make_config(&yaml);
        sl_buf_addc(&yaml, 0);
        kit_open(&k, yaml.p);
        kit_open(&again, yaml.p);
        for (unsigned n = 0; n < REQUESTS; n++) {
            struct sl_buf line;
            sl_buf_init(&line, 4096);
            make_line(&line);
            struct sl_str first = planned(&k, line.p, &a);
            assert_true(sl_str_eq(first, planned(&k, line.p, &a)));
            assert_true(sl_str_eq(first, planned(&again, line.p, &a))); /* and by another process's policy */
            sl_buf_done(&line);
            plans++;
        }
        kit_close(&k);
        kit_close(&again);
        sl_buf_done(&yaml);
        sl_arena_done(&a);
    }
    fprintf(stderr, "%u plans\n", plans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(laws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
