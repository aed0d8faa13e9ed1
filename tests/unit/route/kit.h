/* A policy from the text of a configuration, and requests in one line: for tables of "this request, that plan". */
#ifndef SLUICE_TESTS_ROUTE_KIT_H
#define SLUICE_TESTS_ROUTE_KIT_H

#include "exchange/env.h"
#include "main/gateway.h"

struct kit {
    struct cfg_report report;
    struct snapshot *snap;
    const struct route_policy *policy;
};
/* Ends the test where the text is no valid configuration. ${K} is set. */
void kit_open(struct kit *k, const char *yaml);
void kit_close(struct kit *k);
/* What `sluice check` says of it; in the arena. */
struct sl_str kit_check(const char *yaml, struct sl_arena *a);

#define KIT_NAMED 16u
#define KIT_VIEWS 16u

struct kit_view {
    uint32_t target;
    struct route_target_view view;
    int64_t cost_p; /* -1: not known */
};
struct kit_ask { /* read from a line; not to be moved */
    struct route_ask ask;
    struct route_facts facts;
    struct route_tag tags[KIT_NAMED], headers[KIT_NAMED];
    uint32_t n_headers;
    struct sl_str models[KIT_NAMED];
    struct kit_view views[KIT_VIEWS];
    uint32_t n_views;
};
/* Blanks between: "model=gpt-4o task=code in=60000 out=100 tag.a=b header.x-y=z tools schema stream image user=u1 seed=7
 * fallback=no models=a,b route=r region=eu zero_retention at=2026-11-21T10:30 down:openai/gpt-4o degraded:... probe:... blocked:...
 * ttft:openai/gpt-4o=300 cost:openai/gpt-4o=12 busy:openai/gpt-4o=5 full:openai/gpt-4o" Ends the test on what it does not know. */
void kit_ask(const struct kit *k, const char *line, struct kit_ask *out);
/* "openai/gpt-4o claude/x!" where ! marks the last resort; then " - google/y: reason" for exclusions, if asked for; "unknown", ... for other
 * verdicts. In the arena. */
struct sl_str kit_plan(const struct kit *k, struct kit_ask *q, struct sl_arena *a, bool exclusions);

/* What holds for every plan; ends the test (or the fuzzer) where it does not. */
void kit_laws(const struct kit *k, const struct kit_ask *q, enum route_verdict v, const struct route_plan *p);

#endif
