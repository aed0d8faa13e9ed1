/* Tables: configurations, requests in one line, and the plan that each gets; and what `sluice check` says of wrong ones. */
#include "route/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define PROVIDERS                                                                                                      \
    "providers:\n"                                                                                                     \
    "  o:  {kind: openai, keys: ['${K}']}\n"                                                                           \
    "  eu: {kind: openai, keys: ['${K}'], base_url: 'https://eu.api.openai.com/v1', region: eu-west-1}\n"              \
    "  c:  {kind: anthropic, keys: ['${K}'], zero_retention: true}\n"                                                  \
    "  g:  {kind: gemini, keys: ['${K}'], region: eu}\n"                                                               \
    "  s:  {kind: sim}\n"

struct row {
    const char *ask, *plan; /* plan with " - " tells the exclusions, too */
};

static struct sl_arena arena;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}
static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

static void check_rows(const char *yaml, const struct row *rows, size_t n)
{
    struct kit k;
    struct kit_ask q;
    unsigned wrong = 0;
    kit_open(&k, yaml);
    for (size_t i = 0; i < n; i++) {
        kit_ask(&k, rows[i].ask, &q);
        struct sl_str want = sl_str_c(rows[i].plan);
        struct sl_str got = kit_plan(&k, &q, &arena, sl_str_find_str(want, SL_STR(" - ")) >= 0);
        if (sl_str_eq(got, want))
            continue;
        wrong++;
        fprintf(stderr, "%s\n  expected %s\n  found    %.*s\n", rows[i].ask, rows[i].plan, SL_STR_ARG(got));
    }
    kit_close(&k);
    assert_int_equal(wrong, 0);
}
#define CHECK_ROWS(yaml, rows) check_rows(yaml, rows, sizeof(rows) / sizeof *(rows))

/* -- product.md, section 3 -------------------------------------------------------------------------------------------- */

static void by_intent(void **state)
{
    (void)state;
    static const char yaml[] = PROVIDERS
        "models:\n"
        "  gpt-4o: {targets: [o/gpt-4o, eu/gpt-4o, {to: c/claude-sonnet-5, when: degraded}], aliases: [gpt4]}\n"
        "  assistant: {route: by-intent}\n"
        "routes:\n"
        "  by-intent:\n"
        "    - {when: {input_tokens: '> 50000'}, use: [c/claude-sonnet-5, g/gemini-3-pro]}\n"
        "    - {when: {task: [summarization, classification, extraction]}, use: [g/gemini-flash-lite, "
        "o/gpt-4o-mini], order: cheapest}\n"
        "    - {when: {tags.latency: critical}, use: [o/gpt-4o-mini, g/gemini-flash], order: fastest}\n"
        "    - {when: {tags.budget: low}, use: [g/gemini-flash-lite]}\n"
        "    - {use: [o/gpt-4o, c/claude-opus]}\n";
    static const struct row rows[] = {
        {"model=assistant", "o/gpt-4o c/claude-opus"},
        {"model=assistant in=50000", "o/gpt-4o c/claude-opus"},
        {"model=assistant in=50001", "c/claude-sonnet-5 g/gemini-3-pro"},
        {"model=assistant in=50001 task=summarization", "c/claude-sonnet-5 g/gemini-3-pro"},
        {"model=assistant task=summarization", "g/gemini-flash-lite o/gpt-4o-mini"},
        {"model=assistant task=extraction", "g/gemini-flash-lite o/gpt-4o-mini"},
        {"model=assistant task=extraction cost:o/gpt-4o-mini=5 cost:g/gemini-flash-lite=9",
         "o/gpt-4o-mini g/gemini-flash-lite"},
        {"model=assistant task=extraction cost:o/gpt-4o-mini=5", "o/gpt-4o-mini g/gemini-flash-lite"},
        {"model=assistant task=code", "o/gpt-4o c/claude-opus"},
        {"model=assistant task=Summarization", "o/gpt-4o c/claude-opus"},
        {"model=assistant tag.latency=critical", "o/gpt-4o-mini g/gemini-flash"},
        {"model=assistant tag.latency=critical ttft:o/gpt-4o-mini=900 ttft:g/gemini-flash=200",
         "g/gemini-flash o/gpt-4o-mini"},
        {"model=assistant tag.latency=high", "o/gpt-4o c/claude-opus"},
        {"model=assistant tag.budget=low", "g/gemini-flash-lite"},
        {"model=assistant tag.budget=low tag.latency=critical", "o/gpt-4o-mini g/gemini-flash"},
        {"model=assistant tag.budget=low down:g/gemini-flash-lite", "g/gemini-flash-lite!"},
        {"model=assistant models=gpt-4o", "o/gpt-4o c/claude-opus eu/gpt-4o c/claude-sonnet-5"},
        {"model=assistant fallback=no", "o/gpt-4o"},
        {"model=assistant fallback=no down:o/gpt-4o", "c/claude-opus"},
        {"model=gpt-4o", "o/gpt-4o eu/gpt-4o c/claude-sonnet-5"},
        {"model=gpt4", "o/gpt-4o eu/gpt-4o c/claude-sonnet-5"},
        {"model=gpt-4o degraded:o/gpt-4o", "eu/gpt-4o o/gpt-4o c/claude-sonnet-5"},
        {"model=gpt-4o degraded:o/gpt-4o degraded:eu/gpt-4o", "c/claude-sonnet-5 o/gpt-4o eu/gpt-4o"},
        {"model=gpt-4o down:o/gpt-4o degraded:eu/gpt-4o", "c/claude-sonnet-5 eu/gpt-4o o/gpt-4o!"},
        {"model=gpt-4o down:o/gpt-4o", "eu/gpt-4o c/claude-sonnet-5 o/gpt-4o!"},
        {"model=gpt-4o down:o/gpt-4o down:eu/gpt-4o", "c/claude-sonnet-5 o/gpt-4o! eu/gpt-4o!"},
        {"model=gpt-4o down:o/gpt-4o down:eu/gpt-4o down:c/claude-sonnet-5", "o/gpt-4o! eu/gpt-4o! c/claude-sonnet-5!"},
        {"model=gpt-4o blocked:o/gpt-4o", "eu/gpt-4o c/claude-sonnet-5 o/gpt-4o!"},
        {"model=gpt-4o full:o/gpt-4o", "eu/gpt-4o c/claude-sonnet-5 o/gpt-4o!"},
        {"model=gpt-4o room:o/gpt-4o=0", "eu/gpt-4o c/claude-sonnet-5 o/gpt-4o!"},
        {"model=gpt-4o probe:o/gpt-4o", "o/gpt-4o eu/gpt-4o c/claude-sonnet-5"},
        {"model=gpt-4o probe:o/gpt-4o probe:eu/gpt-4o", "o/gpt-4o c/claude-sonnet-5 eu/gpt-4o!"},
        {"model=gpt-4o region=eu", "eu/gpt-4o - o/gpt-4o: outside the region that the request must stay in"
                                   " - c/claude-sonnet-5: outside the region that the request must stay in"},
        {"model=gpt-4o region=eu down:eu/gpt-4o", "eu/gpt-4o!"},
        {"model=gpt-4o zero_retention", "c/claude-sonnet-5"},
        {"model=gpt-4o zero_retention region=eu", "none fits"},
        {"model=assistant region=eu", "none fits"},
        {"model=assistant region=eu in=60000", "g/gemini-3-pro"},
        {"model=assistant region=eu-west", "none fits"},
        {"model=gpt-4o region=eu-west", "eu/gpt-4o"},
        {"model=gpt-4o region=eu-west-1", "eu/gpt-4o"},
        {"model=gpt-4o region=eu-west-12", "none fits"},
        {"model=assistant route=by-intent task=extraction", "g/gemini-flash-lite o/gpt-4o-mini"},
        {"model=gpt-4o route=by-intent", "no such route"},
        {"model=gpt-4o route=nothing", "no such route"},
        {"model=assistant granted=assistant", "o/gpt-4o c/claude-opus"},
        {"model=assistant granted=gpt-4o", "not granted"},
        {"model=assistant granted=gpt-4o models=gpt-4o", "o/gpt-4o eu/gpt-4o c/claude-sonnet-5"},
        {"model=assistant granted=gpt-4o route=by-intent", "no such route"},
        {"model=nothing", "unknown"},
        {"model=nothing models=gpt-4o", "o/gpt-4o eu/gpt-4o c/claude-sonnet-5"},
    };
    CHECK_ROWS(yaml, rows);
}

/* -- Conditions --------------------------------------------------------------------------------------------------------- */

struct when {
    const char *when, *ask;
    bool holds;
};

static const struct when whens[] = {
    {"task: code", "task=code", true},
    {"task: code", "task=chat", false},
    {"task: code", "", false},
    {"task: [code, chat]", "task=chat", true},
    {"task: '*'", "task=chat", true},
    {"task: '*'", "", false},
    {"task: 'c*'", "task=chat", true},
    {"task: '*at'", "task=chat", true},
    {"task: '*ha*'", "task=chat", true},
    {"task: '*x*'", "task=chat", false},
    {"not: {task: code}", "", true},
    {"not: {task: code}", "task=code", false},
    {"not: [{task: code}, {task: chat}]", "task=chat", false},
    {"not: [{task: code}, {task: chat}]", "task=qa", true},
    {"input_tokens: 5", "in=5", true},
    {"input_tokens: 5", "in=6", false},
    {"input_tokens: '= 5'", "in=5", true},
    {"input_tokens: '== 5'", "in=5", true},
    {"input_tokens: '> 5'", "in=5", false},
    {"input_tokens: '> 5'", "in=6", true},
    {"input_tokens: '>= 5'", "in=5", true},
    {"input_tokens: '>=5'", "in=4", false},
    {"input_tokens: '< 5'", "in=4", true},
    {"input_tokens: '< 5'", "in=5", false},
    {"input_tokens: '<= 5'", "in=5", true},
    {"input_tokens: '<= 5'", "in=6", false},
    {"input_tokens: '10..20'", "in=9", false},
    {"input_tokens: '10..20'", "in=10", true},
    {"input_tokens: '10..20'", "in=20", true},
    {"input_tokens: '10..20'", "in=21", false},
    {"input_tokens: '> 50k'", "in=50000", false},
    {"input_tokens: '> 50k'", "in=50001", true},
    {"input_tokens: '> 1M'", "in=1000001", true},
    {"input_tokens: '> 1_000'", "in=1001", true},
    {"input_tokens: ['< 5', '> 10']", "in=3", true},
    {"input_tokens: ['< 5', '> 10']", "in=7", false},
    {"input_tokens: ['< 5', '> 10']", "in=11", true},
    {"output_tokens: '< 100'", "", false}, /* not said */
    {"output_tokens: '< 100'", "out=50", true},
    {"output_tokens: '< 100'", "out=100", false},
    {"modality: image", "image", true},
    {"modality: image", "", false},
    {"modality: text", "", true},
    {"modality: [image, audio]", "audio", true},
    {"modality: [image, audio]", "file", false},
    {"modality: file", "file", true},
    {"tools: true", "tools", true},
    {"tools: true", "", false},
    {"tools: false", "", true},
    {"structured_output: true", "schema", true},
    {"structured_output: false", "schema", false},
    {"stream: true", "stream", true},
    {"stream: no", "stream", false},
    {"zero_retention: true", "zero_retention", true},
    {"zero_retention: false", "", true},
    {"model: m", "", true},
    {"model: 'x*'", "", false},
    {"operation: chat", "operation=chat", true},
    {"operation: [chat, messages]", "operation=responses", false},
    {"dialect: openai", "dialect=openai", true},
    {"tenant: acme", "tenant=acme", true},
    {"tenant: acme", "tenant=acme2", false},
    {"tenant: acme", "", false},
    {"team: red", "team=red", true},
    {"user: u1", "user=u1", true},
    {"user: 'u*'", "user=u77", true},
    {"key: ci", "key=ci", true},
    {"region: eu", "region=eu", true},
    {"region: eu", "", false},
    {"budget_used: '> 80%'", "budget=81", true},
    {"budget_used: '> 80%'", "budget=80", false},
    {"budget_used: '> 80%'", "", false},
    {"budget_used: '> 80'", "budget=90", true},
    {"tags.a: b", "tag.a=b", true},
    {"tags.a: b", "tag.a=c", false},
    {"tags.a: b", "tag.b=b", false},
    {"tags.a: b", "tag.a=c tag.a=b", true},
    {"tags.a: [b, c]", "tag.a=c", true},
    {"tags: {a: b, c: d}", "tag.a=b tag.c=d", true},
    {"tags: {a: b, c: d}", "tag.a=b", false},
    {"tags.a: '*'", "tag.a=anything", true},
    {"tags.a: '*'", "", false},
    {"headers.X-Team: red", "header.x-team=red", true},
    {"headers.x-team: 'r*'", "header.x-team=red", true},
    {"headers.x-team: red", "", false},
    {"key_tags.a: b", "tag.a=b", false},
    {"time: '09:00-17:30'", "at=2026-11-21T09:00", true},
    {"time: '09:00-17:30'", "at=2026-11-21T17:29", true},
    {"time: '09:00-17:30'", "at=2026-11-21T17:30", false},
    {"time: '09:00-17:30'", "at=2026-11-21T08:59", false},
    {"time: '09:00-17:30'", "", false},
    {"time: '22:00-06:00'", "at=2026-11-21T23:00", true},
    {"time: '22:00-06:00'", "at=2026-11-21T05:59", true},
    {"time: '22:00-06:00'", "at=2026-11-21T06:00", false},
    {"time: '22:00-24:00'", "at=2026-11-21T23:59", true},
    {"{time: '09:00-17:00', utc_offset: '+02:00'}", "at=2026-11-21T07:30", true},
    {"{time: '09:00-17:00', utc_offset: '+02:00'}", "at=2026-11-21T15:30", false},
    {"{time: '09:00-17:00', utc_offset: '-08:00'}", "at=2026-11-21T17:30", true},
    {"days: sat", "at=2026-11-21T10:00", true}, /* a Saturday */
    {"days: [mon, tue]", "at=2026-11-21T10:00", false},
    {"days: mon-fri", "at=2026-11-21T10:00", false},
    {"days: mon-fri", "at=2026-11-20T10:00", true},
    {"days: fri-mon", "at=2026-11-22T10:00", true},
    {"days: fri-mon", "at=2026-11-24T10:00", false},
    {"{days: sun, utc_offset: '+02:00'}", "at=2026-11-21T22:30", true},
    {"{days: fri, utc_offset: '-02:00'}", "at=2026-11-21T01:30", true},
    {"health: {o/a: degraded}", "degraded:o/a", true},
    {"health: {o/a: degraded}", "down:o/a", true},
    {"health: {o/a: degraded}", "blocked:o/a", true},
    {"health: {o/a: degraded}", "", false},
    {"health: {o/a: down}", "degraded:o/a", false},
    {"health: {o/a: down}", "down:o/a", true},
    {"health: {o/a: up}", "", true},
    {"health: {o/a: up}", "down:o/a", false},
    {"health: {o/a: down, o/b: down}", "down:o/a", false},
    {"health: {o/a: down, o/b: down}", "down:o/a down:o/b", true},
    {"all: [{task: code}, {tools: true}]", "task=code tools", true},
    {"all: [{task: code}, {tools: true}]", "task=code", false},
    {"any: [{task: code}, {tools: true}]", "tools", true},
    {"any: [{task: code}, {tools: true}]", "", false},
    {"any: [{task: code, stream: true}, {tools: true}]", "task=code", false},
    {"any: [{task: code, stream: true}, {tools: true}]", "task=code stream", true},
    {"{any: [{task: code}, {task: chat}], not: {tools: true}}", "task=chat", true},
    {"{any: [{task: code}, {task: chat}], not: {tools: true}}", "task=chat tools", false},
    {"not: {not: {task: code}}", "task=code", true},
    {"not: {all: [{task: code}, {any: [{tools: true}, {stream: true}]}]}", "task=code stream", false},
    {"{task: code, input_tokens: '> 10', tags.a: b}", "task=code in=11 tag.a=b", true},
    {"{task: code, input_tokens: '> 10', tags.a: b}", "task=code in=10 tag.a=b", false},
};

static void conditions(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof whens / sizeof *whens; i++) {
        const struct when *w = &whens[i];
        struct kit k;
        struct kit_ask q;
        bool bare = w->when[0] != '{';
        kit_open(&k,
                 sl_arena_printf(&arena,
                                 "providers: {o: {kind: openai, keys: ['${K}'], region: eu, zero_retention: true}}\n"
                                 "models: {m: {route: r}}\n"
                                 "routes: {r: [{when: %s%s%s, use: o/yes}, {use: o/no}]}\n",
                                 bare ? "{" : "", w->when, bare ? "}" : "")
                     .p);
        kit_ask(&k, sl_arena_printf(&arena, "model=m %s", w->ask).p, &q);
        struct sl_str got = kit_plan(&k, &q, &arena, false);
        if (!sl_str_eq(got, w->holds ? SL_STR("o/yes") : SL_STR("o/no"))) {
            wrong++;
            fprintf(stderr, "when %s, %s: %.*s\n", w->when, w->ask, SL_STR_ARG(got));
        }
        kit_close(&k);
    }
    assert_int_equal(wrong, 0);
}

/* -- Groups ------------------------------------------------------------------------------------------------------------- */

static void orders_and_tiers(void **state)
{
    (void)state;
    static const char yaml[] = PROVIDERS
        "models:\n"
        "  cheap:  {targets: [o/a, o/b, o/c], order: cheapest}\n"
        "  fast:   {targets: [o/a, o/b, o/c], order: fastest}\n"
        "  busy:   {targets: [o/a, {to: o/b, weight: 2}], order: least-busy}\n"
        "  score:  {targets: [o/a, o/b], order: scored}\n"
        "  affine: {targets: [o/a, o/b, o/c], order: cache-affine}\n"
        "  tiers:  {targets: [{to: o/a, tier: 2}, {to: o/b, tier: 1}, o/c, {to: o/d, tier: 1}]}\n"
        "  cond:   {targets: [{to: o/a, when: {task: code}}, o/b, {to: o/c, when: {health: down, task: code}}]}\n"
        "  down:   {targets: [o/a, {to: o/b, when: down}, o/c]}\n"
        "  nested: {route: nested}\n"
        "  named:  {route: named}\n"
        "  next:   {route: next}\n"
        "routes:\n"
        "  nested: [{use: [{use: [o/a, o/b], order: cheapest}, {use: [o/c, {to: o/d, tier: 1}]}, o/e]}]\n"
        "  named:  [{use: [cheap, {route: nested}, {model: tiers}]}]\n"
        "  next:\n"
        "    - {when: {task: code}, use: [o/a, o/b], then: next}\n"
        "    - {when: {tools: true}, use: [o/c]}\n"
        "    - {use: [o/d, o/a]}\n";
    static const struct row rows[] = {
        {"model=cheap", "o/a o/b o/c"},
        {"model=cheap cost:o/a=3 cost:o/b=2 cost:o/c=1", "o/c o/b o/a"},
        {"model=cheap cost:o/a=3 cost:o/b=3 cost:o/c=1", "o/c o/a o/b"},
        {"model=cheap cost:o/b=9", "o/b o/a o/c"},
        {"model=cheap cost:o/a=3 cost:o/b=2 cost:o/c=1 down:o/c", "o/b o/a o/c!"},
        {"model=cheap cost:o/a=3 cost:o/b=2 cost:o/c=1 degraded:o/c", "o/b o/a o/c"},
        {"model=fast", "o/a o/b o/c"},
        {"model=fast ttft:o/a=3000 ttft:o/b=100", "o/b o/c o/a"},
        {"model=fast ttft:o/a=500 itl:o/a=100 ttft:o/b=800 itl:o/b=10 out=256", "o/b o/c o/a"},
        {"model=fast ttft:o/a=500 itl:o/a=100 ttft:o/b=800 itl:o/b=10 out=2", "o/a o/b o/c"},
        {"model=busy pending:o/a=500 pending:o/b=900", "o/b o/a"},
        {"model=busy pending:o/a=400 pending:o/b=900", "o/a o/b"},
        {"model=busy pending:o/a=400 pending:o/b=800 busy:o/a=1 busy:o/b=1", "o/b o/a"},
        {"model=busy busy:o/a=3 busy:o/b=4", "o/b o/a"}, /* as many each, by weight */
        {"model=busy busy:o/a=3 busy:o/b=7", "o/a o/b"},
        {"model=score cost:o/a=1000000 cost:o/b=2000000 ttft:o/a=100 ttft:o/b=100", "o/a o/b"},
        {"model=score cost:o/a=1000000 cost:o/b=2000000 ttft:o/a=9000 ttft:o/b=100", "o/b o/a"},
        {"model=score cost:o/a=1000000 cost:o/b=1000000 health:o/a=40 ttft:o/a=100 ttft:o/b=100", "o/b o/a"},
        {"model=score cost:o/a=1000000 ttft:o/a=100 ttft:o/b=100", "o/a o/b"}, /* what has no price is no bargain */
        {"model=score ttft:o/a=100 ttft:o/b=110 limit:o/a=10 busy:o/a=8 limit:o/b=10", "o/b o/a"},
        {"model=score ttft:o/a=100 ttft:o/b=110 limit:o/a=10 limit:o/b=10 busy:o/b=8", "o/a o/b"},
        {"model=tiers", "o/c o/b o/d o/a"},
        {"model=tiers down:o/c", "o/b o/d o/a o/c!"},
        {"model=tiers degraded:o/b", "o/c o/d o/b o/a"},
        {"model=tiers degraded:o/c", "o/c o/b o/d o/a"}, /* tiers are never mixed */
        {"model=cond", "o/b - o/a: its condition does not hold - o/c: its condition does not hold"},
        {"model=cond task=code", "o/a o/b o/c"},
        {"model=cond task=code down:o/a down:o/b", "o/c o/a! o/b!"},
        {"model=down", "o/a o/c o/b"},
        {"model=down degraded:o/a", "o/c o/a o/b"},
        {"model=down down:o/a", "o/b o/c o/a!"},
        {"model=nested", "o/a o/b o/c o/e o/d"},
        {"model=nested cost:o/a=2 cost:o/b=1", "o/b o/a o/c o/e o/d"},
        {"model=nested down:o/a", "o/b o/c o/e o/d o/a!"},
        {"model=named", "o/a o/b o/c o/e o/d"},
        {"model=named cost:o/c=1", "o/c o/a o/b o/e o/d"},
        {"model=next", "o/d o/a"},
        {"model=next task=code", "o/a o/b o/d"},
        {"model=next task=code tools", "o/a o/b o/c"},
        {"model=next tools", "o/c"},
        {"model=next task=code degraded:o/a", "o/b o/a o/d"},
    };
    CHECK_ROWS(yaml, rows);
}

/* -- What a model cannot ------------------------------------------------------------------------------------------------- */

static void capabilities(void **state)
{
    (void)state;
    static const char yaml[] = PROVIDERS "models:\n"
                                         "  m: [o/gpt-3.5-turbo, o/gpt-4o, o/somebodys-own]\n"
                                         "  blind: [o/gpt-3.5-turbo]\n"
                                         "  sim: [s/gpt-3.5-turbo]\n";
    static const struct row rows[] = {
        {"model=m", "o/gpt-3.5-turbo o/gpt-4o o/somebodys-own"},
        {"model=m image", "o/gpt-4o o/somebodys-own - o/gpt-3.5-turbo: the model takes no images"},
        {"model=m image down:o/gpt-4o", "o/somebodys-own o/gpt-4o!"},
        {"model=blind image", "none fits"},
        {"model=blind image models=m", "o/gpt-4o o/somebodys-own"},
        {"model=blind tools", "o/gpt-3.5-turbo"},
        {"model=sim image", "s/gpt-3.5-turbo"},
        {"model=o/gpt-3.5-turbo image", "none fits"},
        {"model=o/gpt-4 image", "none fits"},                              /* that is configured nowhere */
        {"model=m in=24000", "o/gpt-4o o/somebodys-own o/gpt-3.5-turbo!"}, /* 16,385 tokens */
        {"model=blind in=24000", "o/gpt-3.5-turbo!"},
        {"model=m in=16400", "o/gpt-3.5-turbo o/gpt-4o o/somebodys-own"},
    };
    CHECK_ROWS(yaml, rows);
}

static void named_routes(void **state)
{
    (void)state;
    static const char yaml[] = PROVIDERS "models: {m: o/a, n: {route: own}}\n"
                                         "routes:\n"
                                         "  open: {on_request: true, rules: [{use: o/b}]}\n"
                                         "  own: [{use: o/c}]\n";
    static const struct row rows[] = {
        {"model=m route=open", "o/b"},
        {"model=nobody route=open", "o/b"},
        {"model=m route=own", "no such route"},
        {"model=n route=own", "o/c"},
        {"model=m route=open granted=m", "no such route"},
        {"model=m route=open granted=route:open", "o/b"},
        {"model=m route=open models=m", "o/b o/a"},
        {"model=m route=Open", "no such route"},
    };
    CHECK_ROWS(yaml, rows);
}

/* -- Shares -------------------------------------------------------------------------------------------------------------- */

/* '#' in the line is the request's number. */
static unsigned count_first(const struct kit *k, const char *pattern, const char *target, unsigned n)
{
    unsigned hits = 0;
    for (unsigned i = 0; i < n; i++) {
        struct kit_ask q;
        char line[200];
        struct sl_str after = sl_str_c(pattern), before = sl_str_cut(&after, '#');
        if (after.p != NULL)
            snprintf(line, sizeof line, "%.*s%u%.*s", SL_STR_ARG(before), i, SL_STR_ARG(after));
        else
            snprintf(line, sizeof line, "%s", pattern);
        kit_ask(k, line, &q);
        q.ask.seed = i * UINT64_C(0x9e3779b97f4a7c15);
        sl_arena_reset(&arena);
        hits += sl_str_starts(kit_plan(k, &q, &arena, false), sl_str_c(target));
    }
    return hits;
}

#define N 20000u

static void near(unsigned hits, unsigned permille) /* within one percent of all */
{
    unsigned want = N / 1000 * permille, off = hits > want ? hits - want : want - hits;
    if (off > N / 100)
        fprintf(stderr, "%u of %u, expected %u\n", hits, N, want);
    assert_true(off <= N / 100);
}

static void shares(void **state)
{
    (void)state;
    struct kit k, more;
    static const char yaml[] = PROVIDERS
        "models:\n"
        "  w: {targets: [{to: o/a, weight: 1}, {to: o/b, weight: 3}], order: weighted}\n"
        "  p: {targets: [{to: o/a, percent: 90}, {to: o/b, percent: 10}]}\n"
        "  u: {targets: [{to: o/a, percent: 90}, {to: o/b, percent: 10}], sticky: user}\n"
        "  h: {targets: [{to: o/a, percent: 50}, {to: o/b, percent: 50}], sticky: 'header:x-device'}\n"
        "  sk: {targets: [{to: o/a, percent: 50}, {to: o/b, percent: 50}], sticky: key}\n"
        "  st: {targets: [{to: o/a, percent: 50}, {to: o/b, percent: 50}], sticky: tenant}\n"
        "  sc: {targets: [{to: o/a, percent: 50}, {to: o/b, percent: 50}], sticky: conversation}\n"
        "  sg: {targets: [{to: o/a, percent: 50}, {to: o/b, percent: 50}], sticky: 'tag:app'}\n"
        "  c: {targets: [o/a, o/b, o/c, o/d], order: cache-affine}\n";
    static const char changed[] = PROVIDERS
        "models:\n"
        "  u: {targets: [{to: o/a, percent: 80}, {to: o/b, percent: 20}], sticky: user}\n";
    kit_open(&k, yaml);
    kit_open(&more, changed);
    near(count_first(&k, "model=w", "o/b", N), 750);
    near(count_first(&k, "model=w health:o/b=50", "o/b", N), 600); /* 1.5 of 2.5 */
    near(count_first(&k, "model=w room:o/b=5", "o/b", N), 600);    /* half of the room that counts as plenty */
    near(count_first(&k, "model=p", "o/b", N), 100);
    near(count_first(&k, "model=p health:o/b=10", "o/b", N), 100); /* exact */
    near(count_first(&k, "model=p down:o/b", "o/b", N), 0);
    near(count_first(&k, "model=u user=user-#", "o/b", N), 100);
    near(count_first(&k, "model=h header.x-device=#", "o/b", N), 500);
    near(count_first(&k, "model=c conversation=#", "o/d", N), 250);
    near(count_first(&k, "model=c", "o/d", N), 250);
    /* the same user stays, whatever the seed; and when a share grows, nobody leaves it */
    static const char *const stay[] = {
        "model=sk key=", "model=st tenant=", "model=sc conversation=", "model=sg tag.app=", "model=h header.x-device="};
    for (unsigned w = 0; w < 5; w++) {
        unsigned second = 0;
        for (unsigned i = 0; i < 200; i++) {
            char line[80];
            snprintf(line, sizeof line, "%s%u", stay[w], i);
            unsigned hits = count_first(&k, line, "o/b", 8);
            assert_true(hits == 0 || hits == 8);
            second += hits == 8;
        }
        assert_true(second > 60 && second < 140);
    }
    unsigned moved_back = 0;
    for (unsigned i = 0; i < 500; i++) {
        char line[80];
        snprintf(line, sizeof line, "model=u user=user-%u", i);
        unsigned before = count_first(&k, line, "o/b", 4);
        assert_true(before == 0 || before == 4);
        moved_back += before == 4 && count_first(&more, line, "o/b", 1) == 0;
    }
    assert_int_equal(moved_back, 0);
    kit_close(&k);
    kit_close(&more);
}

static void conversations_stay_and_overload_moves_them(void **state)
{
    (void)state;
    static const char yaml[] = PROVIDERS "models: {c: {targets: [o/a, o/b, o/c, o/d], order: cache-affine}}\n";
    struct kit k;
    kit_open(&k, yaml);
    for (unsigned i = 0; i < 50; i++) {
        struct kit_ask q;
        char line[200];
        snprintf(line, sizeof line, "model=c conversation=talk-%u", i);
        kit_ask(&k, line, &q);
        struct sl_str first = sl_str_head(kit_plan(&k, &q, &arena, false), 3);
        q.ask.seed = 77;
        assert_true(sl_str_starts(kit_plan(&k, &q, &arena, false), first));
        snprintf(line, sizeof line, "model=c conversation=talk-%u busy:%.*s=40", i, SL_STR_ARG(first));
        kit_ask(&k, line, &q);
        assert_false(sl_str_starts(kit_plan(&k, &q, &arena, false), first));
    }
    kit_close(&k);
}

/* -- What check says ----------------------------------------------------------------------------------------------------- */

#define NEVER "s.yaml:2:21: routes.r.rules[0].when: the conditions contradict each other: the rule can never hold\n"
#define TOGETHER(n)                                                                                                    \
    "warning: routes.r.rules[" n "]: never reached: the rules above together take all that it would. Move it up, or "  \
    "remove it\n"
#define ENDS                                                                                                           \
    "s.yaml:2:10: warning: routes.r.rules: a request for which no rule holds ends with no target. Add a last rule without `when`, as in {use: [openai/gpt-4o]}\n"
#define HEAD "providers: {o: {kind: openai, keys: ['${K}']}}\n"

static void findings(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *says;
    } cases[] = {
        {"models: {m: {route: r}}\nroutes: {r: [{use: o/a}]}\n", ""},
        {"models: {m: {route: s}}\nroutes: {r: [{use: o/a}]}\n",
         "s.yaml:2:21: models.m.route: there is no such route. Did you mean 'r'?\n"},
        {"models: {m: {route: r, targets: o/a}}\nroutes: {r: [{use: o/a}]}\n",
         "s.yaml:2:21: models.m.route: targets and route together. Keep one of them\n"},
        {"routes: {r: [{use: 0/a}]}\n",
         "s.yaml:2:20: routes.r.rules[0].use: there is no provider '0'. Did you mean 'o/a'?\n"},
        {"routes: {r: [{use: [o/a, nobody]}]}\n",
         "s.yaml:2:26: routes.r.rules[0].use: not a target. Write provider/model, as in openai/gpt-4o, or the name of a "
         "model\n"},
        {"routes: {r: [{use: []}]}\n",
         "s.yaml:2:20: routes.r.rules[0].use: there is no target. Write at least one, as in "
         "[openai/gpt-4o]\n"},
        {"routes: {r: [{when: {tsk: code}, use: o/a}, {use: o/a}]}\n",
         "s.yaml:2:27: routes.r.rules[0].when: there is no condition 'tsk'. Did you mean 'task'?\n"},
        {"routes: {r: [{when: {task: cod}, use: o/a}, {use: o/a}]}\n",
         "s.yaml:2:28: warning: routes.r.rules[0].when: 'cod' is no task that sluice knows. Did you mean 'code'?\n"},
        {"routes: {r: [{when: {input_tokens: many}, use: o/a}, {use: o/a}]}\n",
         "s.yaml:2:36: routes.r.rules[0].when: not a comparison. Write \"> 50000\", \"<= 8k\", \"1000..5000\", or a "
         "number\n"},
        {"routes: {r: [{when: {all: [{input_tokens: '> 9'}], input_tokens: '< 5'}, use: o/a}, {use: o/a}]}\n", NEVER},
        {"routes: {r: [{when: {all: [{all: [{input_tokens: '> 9'}]}, {input_tokens: '< 5'}]}, use: o/a}, {use: o/a}]}\n",
         NEVER},
        {"routes: {r: [{when: {input_tokens: '> 9', stream: true, all: [{stream: false}]}, use: o/a}, {use: o/a}]}\n",
         NEVER},
        {"routes: {r: [{when: {task: code, all: [{task: [chat, qa]}]}, use: o/a}, {use: o/a}]}\n", NEVER},
        {"routes: {r: [{when: {task: code, not: {task: [code, chat]}}, use: o/a}, {use: o/a}]}\n", NEVER},
        {"routes: {r: [{when: {days: mon-fri, all: [{days: [sat, sun]}]}, use: o/a}, {use: o/a}]}\n", NEVER},
        {"routes: {r: [{when: {task: [code, chat], not: {task: code}}, use: o/a}, {use: o/a}]}\n", ""},
        {"routes: {r: [{when: {tags.a: b, all: [{tags.a: c}]}, use: o/a}, {use: o/a}]}\n", ""}, /* one may have both */
        {"routes: {r: [{when: {days: mon-fri, any: [{days: sat}, {task: code}]}, use: o/a}, {use: o/a}]}\n", ""},
        {"routes: {r: [{when: {all: [{task: code}, {tools: true}]}, use: o/a}, {when: {tools: true, task: code, stream: true}, use: o/b}, "
         "{use: o/c}]}\n",
         "s.yaml:2:70: warning: routes.r.rules[1]: never reached: rule 1 above takes all that it would. Move it up, or remove it\n"},
        {"routes: {r: [{when: {task: code, not: {tools: true}}, use: o/a}, {when: {task: code}, use: o/b}, {use: o/c}]}\n",
         ""},
        {"routes: {r: [{when: {any: [{task: code}, {budget_used: '> 80%'}]}, use: o/a}, {use: o/b}]}\n",
         "s.yaml:2:15: warning: routes.r.rules[0].when: 'budget_used' is known of no request yet: that condition never holds\n"},
        {"routes: {r: [{when: {zero_retention: true}, use: o/a}, {when: {zero_retention: false}, use: o/b}, {use: o/c}]}\n",
         "s.yaml:2:15: warning: routes.r.rules[0].when: 'zero_retention' is known of no request yet: that condition never holds\n"
         "s.yaml:2:99: " TOGETHER("2")},
        /* combinations of several tests */
        {"routes: {r: [{when: {task: code, any: [{task: chat}, {task: qa}]}, use: o/a}, {use: o/z}]}\n", NEVER},
        {"routes: {r: [{when: {not: [{task: code}, {task: chat}], task: [chat, code]}, use: o/a}, {use: o/z}]}\n",
         NEVER},
        {"routes: {r: [{when: {any: [{all: [{tools: true}, {tools: false}]}, {not: {input_tokens: '>= 0'}}]}, use: o/a}, {use: o/z}]}\n",
         NEVER},
        {"routes: {r: [{when: {input_tokens: '5..9', not: [{input_tokens: '< 7'}, {input_tokens: '7..20'}]}, use: o/a}, {use: o/z}]}\n",
         NEVER},
        {"routes: {r: [{when: {time: '09:00-12:00', all: [{time: '11:00-17:00', utc_offset: '-02:00'}]}, use: o/a}, {use: o/z}]}\n",
         NEVER},
        {"routes: {r: [{when: {days: [sat, sun], all: [{days: mon, utc_offset: '-12:00'}]}, use: o/a}, {use: o/z}]}\n",
         NEVER},
        {"routes: {r: [{when: {health: {o/a: up}, all: [{health: {o/a: degraded}}]}, use: o/a}, {use: o/z}]}\n", NEVER},
        {"routes: {r: [{when: {modality: image, not: {modality: [image, audio]}}, use: o/a}, {use: o/z}]}\n", NEVER},
        {"routes: {r: [{when: {not: {modality: text}}, use: o/a}, {use: o/z}]}\n", NEVER},
        {"routes: {r: [{when: {task: 'c*', not: {task: '*'}}, use: o/a}, {use: o/z}]}\n", NEVER},
        {"routes: {r: [{when: {task: 'c*', not: {task: 'co*'}}, use: o/a}, {use: o/z}]}\n", ""},
        {"routes: {r: [{when: {days: [sat, sun], all: [{days: mon, utc_offset: '+02:00'}]}, use: o/a}, {use: o/z}]}\n",
         ""},
        {"routes: {r: [{when: {task: code, any: [{task: chat}, {tools: true}]}, use: o/a}, {use: o/z}]}\n", ""},
        {"routes: {r: [{when: {health: {o/a: up}, all: [{health: {o/b: degraded}}]}, use: o/a}, {use: o/z}]}\n", ""},
        /* rules that only together leave nothing, and those that leave something */
        {"routes: {r: [{when: {tools: true}, use: o/a}, {when: {tools: false}, use: o/b}, {use: o/z}]}\n",
         "s.yaml:2:81: " TOGETHER("2")},
        {"routes: {r: [{when: {input_tokens: '< 10'}, use: o/a}, {when: {input_tokens: '10..20'}, use: o/a}, {when: {input_tokens: '> 15'}, use: o/a}, {use: o/z}]}\n",
         "s.yaml:2:142: " TOGETHER("3")},
        {"routes: {r: [{when: {time: '09:00-17:00'}, use: o/a}, {when: {time: '17:00-09:00'}, use: o/a}, {use: o/z}]}\n",
         "s.yaml:2:96: " TOGETHER("2")},
        {"routes: {r: [{when: {days: mon-fri}, use: o/a}, {when: {days: sat-sun}, use: o/a}, {use: o/z}]}\n",
         "s.yaml:2:84: " TOGETHER("2")},
        {"routes: {r: [{when: {any: [{task: code}, {tools: true}]}, use: o/a}, {when: {tools: false, task: chat}, use: o/a}, {when: {task: [code, chat]}, use: o/c}, {use: o/z}]}\n",
         "s.yaml:2:116: " TOGETHER("2")},
        {"routes: {r: [{when: {output_tokens: '< 10'}, use: o/a}, {when: {output_tokens: '>= 10'}, use: o/a}, {use: o/z}]}\n",
         ""},
        {"routes: {r: [{when: {time: '09:00-17:00'}, use: o/a}, {when: {time: '17:00-08:59'}, use: o/a}, {use: o/z}]}\n",
         ""},
        {"routes: {r: [{when: {time: '09:00-17:00', utc_offset: '+02:00'}, use: o/a}, {when: {time: '09:00-17:00'}, use: o/a}, {use: o/z}]}\n",
         ""},
        {"routes: {r: [{when: {task: '*'}, use: o/a}, {when: {not: {task: '*'}, tools: true}, use: o/a}, {use: o/z}]}\n",
         ""},
        /* routes that can end, and that cannot */
        {"routes: {r: [{when: {tools: true}, use: o/a}, {when: {tools: false}, use: o/b}]}\n", ""},
        {"routes: {r: [{when: {input_tokens: '< 10'}, use: o/a}, {when: {input_tokens: '>= 10'}, use: o/a}]}\n", ""},
        {"routes: {r: [{when: {output_tokens: '< 10'}, use: o/a}, {when: {output_tokens: '>= 10'}, use: o/a}]}\n",
         ENDS},
        {"routes: {r: [{use: [{to: o/a, when: {tools: true}}]}]}\n", ENDS},
        {"routes: {r: [{use: [{use: [{to: o/a, when: {tools: true}}]}]}]}\n", ENDS},
        {"routes: {r: [{use: [{to: o/a, when: {tools: true}}, {to: o/b, when: {tools: false}}]}]}\n", ""},
        {"routes: {r: [{use: [{to: o/a, when: down}]}]}\n", ""},
        {"models: {m: {targets: [{to: o/a, when: {tools: true}}]}}\n",
         "s.yaml:2:14: warning: models.m.targets: a request for which no target's condition holds ends with no target. Add one without "
         "`when`\n"},
        {"models: {m: {targets: [{to: o/a, when: {tools: true}}, {to: o/b, when: down}]}}\n", ""},
        {"routes: {r: [{use: {route: q}}, {use: o/z}], q: [{when: {tools: true}, use: o/a}]}\n",
         "s.yaml:2:46: warning: routes.q.rules: a request for which no rule holds ends with no target. Add a last rule without `when`, as "
         "in {use: [openai/gpt-4o]}\n"}, /* and so r's second rule is reached */
        {"routes: {r: [{use: {route: q}}, {use: o/z}], q: [{use: o/a}]}\n",
         "s.yaml:2:33: warning: routes.r.rules[1]: never reached: rule 1 above takes all that it would, for it has no condition. Move it "
         "up, or remove it\n"},
        {"routes: {r: [{use: [{use: [{use: [{use: [{use: [{use: [{use: [o/a]}]}]}]}]}]}]}]}\n",
         "s.yaml:2:57: routes.r.rules[0].use: groups within groups more than 6 deep\n"},
        {"routes: {r: [{when: {tools: maybe}, use: o/a}, {use: o/a}]}\n",
         "s.yaml:2:29: routes.r.rules[0].when: expected true or false\n"},
        {"routes: {r: [{when: {time: 9-5}, use: o/a}, {use: o/a}]}\n",
         "s.yaml:2:28: routes.r.rules[0].when: not a time of day. Write it as \"09:00-17:30\"; over midnight as "
         "\"22:00-06:00\"\n"},
        {"routes: {r: [{when: {health: {x/a: down}}, use: o/a}, {use: o/a}]}\n",
         "s.yaml:2:15: routes.r.rules[0].when: there is no provider 'x'. Did you mean 'o/a'?\n"},
        {"routes: {r: [{when: {task: code}, use: o/a}]}\n",
         "s.yaml:2:10: warning: routes.r.rules: a request for which no rule holds ends with no target. Add a last rule "
         "without `when`, as in {use: [openai/gpt-4o]}\n"},
        {"routes: {r: [{use: o/a}, {when: {task: code}, use: o/b}]}\n",
         "s.yaml:2:26: warning: routes.r.rules[1]: never reached: rule 1 above takes all that it would, for it has no "
         "condition. Move it up, or remove it\n"},
        {"routes: {r: [{when: {input_tokens: '> 10'}, use: o/a}, {when: {input_tokens: '> 50', task: code}, use: o/b}, "
         "{use: o/c}]}\n",
         "s.yaml:2:56: warning: routes.r.rules[1]: never reached: rule 1 above takes all that it would. Move it up, or "
         "remove it\n"},
        {"routes: {r: [{when: {task: [code, chat]}, use: o/a}, {when: {task: chat}, use: o/b}, {use: o/c}]}\n",
         "s.yaml:2:54: warning: routes.r.rules[1]: never reached: rule 1 above takes all that it would. Move it up, or "
         "remove it\n"},
        {"routes: {r: [{when: {task: chat}, use: o/a}, {when: {task: [code, chat]}, use: o/b}, {use: o/c}]}\n", ""},
        {"routes: {r: [{when: {task: chat}, use: o/a, then: next}, {when: {task: chat}, use: o/b}, {use: o/c}]}\n", ""},
        {"routes: {r: [{when: {task: chat}, use: [{to: o/a, when: {tools: true}}]}, {when: {task: chat}, use: o/b}, {use: "
         "o/c}]}\n",
         ""},
        {"routes: {r: [{use: [{to: o/a, percent: 60}, {to: o/b, percent: 30}]}]}\n",
         "s.yaml:2:20: routes.r.rules[0].use: the percentages add up to 90, not 100\n"},
        {"routes: {r: [{use: [{to: o/a, percent: 60}, o/b]}]}\n",
         "s.yaml:2:20: routes.r.rules[0].use: only some of these have a percentage. Give all of them a share\n"},
        {"routes: {r: [{use: [{to: o/a, weight: 0}, o/b], order: weighted}]}\n",
         "s.yaml:2:39: routes.r.rules[0].use: a weight of 0 is never drawn. Remove the target, or give it a weight\n"},
        {"routes: {r: [{use: o/a, order: cheap}]}\n",
         "s.yaml:2:32: routes.r.rules[0].order: expected ordered, weighted, cheapest, fastest, least-busy, cache-affine or "
         "scored, not 'cheap'\n"},
        {"routes: {r: [{use: [{use: o/a, order: best}]}]}\n",
         "s.yaml:2:39: routes.r.rules[0].use: unknown order. Write ordered, weighted, cheapest, fastest, least-busy, "
         "cache-affine or scored\n"},
        {"routes: {r: [{use: o/a, sticky: user}]}\n",
         "s.yaml:2:20: routes.r.rules[0].use: sticky has no meaning without something to draw. Set order: weighted, or "
         "percentages\n"},
        {"routes: {r: [{use: [{to: o/a, wen: degraded}]}]}\n",
         "s.yaml:2:36: routes.r.rules[0].use: unknown setting. Known here: to, model, route, use, when, weight, percent, "
         "tier, order, sticky\n"},
        {"routes: {r: [{use: [{to: o/a, route: r}]}]}\n",
         "s.yaml:2:21: routes.r.rules[0].use: this names two things. Write one of to, model, route or use\n"},
        {"routes: {r: [{use: {route: r}}]}\n",
         "s.yaml:2:28: routes.r.rules[0].use: the route leads back to itself. Remove one step of the circle\n"},
        {"models: {m: {route: r}}\nroutes: {r: [{use: [o/a, m]}]}\n",
         "s.yaml:3:26: routes.r.rules[0].use: the route leads back to itself. Remove one step of the circle\n"},
        {"routes: {a: [{use: {route: b}}], b: [{use: {route: c}}], c: [{use: {route: a}}]}\n",
         "s.yaml:2:76: routes.c.rules[0].use: the route leads back to itself. Remove one step of the circle\n"},
        {"routes: {r: [{use: {route: q}}]}\n",
         "s.yaml:2:28: routes.r.rules[0].use: there is no such route. Did you mean 'r'?\n"},
        {"routes: {r: [{use: {model: q}}]}\n",
         "s.yaml:2:28: routes.r.rules[0].use: there is no such model. Add it under models\n"},
        {"routes: {r: []}\n", "s.yaml:2:10: routes.r.rules: there is no rule. Write at least one, as in [{use: "
                              "[openai/gpt-4o]}]\n"},
        {"routes: {r: [{when: {task: code}}, {use: o/a}]}\n",
         "s.yaml:2:14: routes.r.rules[0].use: this rule has no targets. Write one of use and script\n"},
        {"models: {m: {targets: [{to: o/a, percent: 50}, {to: o/b, percent: 40}]}}\n",
         "s.yaml:2:14: models.m.targets: the percentages add up to 90, not 100\n"},
        {"models: {m: {targets: [{to: o/a, when: degrade}]}}\n",
         "s.yaml:2:40: models.m.targets[0].when: expected a condition. Write degraded, down, or conditions as {task: "
         "code}\n"},
        {"models: {m: {targets: [o/a], order: weighted, sticky: users}}\n",
         "s.yaml:2:55: models.m.sticky: unknown. Write user, key, tenant, conversation, header:NAME or tag:NAME\n"},
        {"models: {m: {targets: [{to: o/a, weight: 0}]}}\n",
         "s.yaml:2:42: models.m.targets[0].weight: out of bounds: allowed is 1 to 1000000, not '0'\n"},
        {"routes: {r: [{when: {task: code, any: []}, use: o/a}, {use: o/b}]}\n",
         "s.yaml:2:34: routes.r.rules[0].when: expected conditions. Write any: [{...}, {...}]\n"},
        {"routes: {r: [{when: {}, use: o/a}, {use: o/b}]}\n",
         "s.yaml:2:21: routes.r.rules[0].when: expected conditions by name. Write it as {task: summarization}\n"},
    };
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sl_str got = kit_check(sl_arena_printf(&arena, HEAD "%s", cases[i].yaml).p, &arena);
        if (sl_str_eq(got, sl_str_c(cases[i].says)))
            continue;
        wrong++;
        fprintf(stderr, "--- of\n%s--- expected\n%s--- found\n%.*s\n", cases[i].yaml, cases[i].says, SL_STR_ARG(got));
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_intent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conditions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(orders_and_tiers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(capabilities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(named_routes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shares, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conversations_stay_and_overload_moves_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(findings, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
