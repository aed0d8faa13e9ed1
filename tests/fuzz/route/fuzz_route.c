/* Rules from anybody: any `models` and `routes` give settings or errors; what is taken gives plans that keep the laws, the same ones
 * each time. */
#include <string.h>

#include "base/check.h"
#include "route/kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char providers[] =
    "providers:\n"
    "  o: {kind: openai, keys: ['sk-key-of-the-fuzzer'], open_models: true}\n"
    "  c: {kind: anthropic, keys: ['sk-key-of-the-fuzzer'], region: eu, zero_retention: true}\n"
    "  s: {kind: sim}\n";

static const char *env_of(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static struct settings *read_text(struct sl_str text, struct cfg_report *report)
{
    static const struct cfg_override none[] = {{NULL, NULL}};
    const struct cfg_source src = {
        .name = "fuzz", .text = text, .folder = "/nowhere", .env = env_of, .overrides = none};
    return settings_read_text(&src, report);
}

static void plan_all(const struct kit *k)
{
    static const char *const lines[] = {
        "model=m",
        "model=m task=code tools stream in=60000 out=10 tag.a=b",
        "model=n region=eu conversation=c user=u",
        "model=m down:o/a degraded:c/b probe:s/c cost:o/a=5 cost:c/b=7 busy:o/a=3",
        "model=a route=r models=m,n,o/x",
        "model=m at=2026-11-20T10:00 image header.x-a=b budget=90 fallback=no zero_retention"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct sl_arena a;
        struct kit_ask q;
        struct route_plan one, two;
        sl_arena_init(&a, NULL);
        kit_ask(k, lines[i], &q);
        enum route_verdict v = route_plan(k->policy, &q.ask, &a, &one);
        kit_laws(k, &q, v, &one);
        SL_CHECK(route_plan(k->policy, &q.ask, &a, &two) == v && one.n == two.n && one.n_excluded == two.n_excluded);
        for (uint32_t p = 0; p < one.n; p++)
            SL_CHECK(one.candidates[p].target_index == two.candidates[p].target_index &&
                     one.candidates[p].why == two.candidates[p].why);
        sl_arena_done(&a);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct kit k = {.snap = NULL};
    struct sl_buf text;
    struct sl_addr sim;
    struct sl_fail fail;
    cfg_report_init(&k.report);
    sl_buf_init(&text, 1 << 20);
    sl_buf_adds(&text, sl_str_c(providers));
    sl_buf_add(&text, data, n);
    struct settings *s = text.over ? NULL : read_text(sl_buf_str(&text), &k.report);
    SL_CHECK(sl_addr_parse(SL_STR("127.0.0.1"), 1, &sim));
    if (s != NULL && snapshot_build(s, &sim, &k.snap, &fail) == SL_OK) {
        k.policy = k.snap->policy;
        plan_all(&k);
        snapshot_unref(k.snap);
    } else if (s != NULL) {
        SL_CHECK(fail.text[0] != 0);
        settings_free(s);
    }
    sl_buf_done(&text);
    cfg_report_done(&k.report);
    return 0;
}
