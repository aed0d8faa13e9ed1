#include "route/kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

static const char *env_of(void *arg, const char *name)
{
    (void)arg;
    return name[0] == 'K' && name[1] == 0 ? "sk-key-of-the-tests" : NULL;
}

static struct settings *read_text(const char *yaml, struct cfg_report *report)
{
    const struct cfg_source src = {.name = "s.yaml", .text = sl_str_c(yaml), .env = env_of};
    cfg_report_init(report);
    return settings_read_text(&src, report);
}

void kit_open(struct kit *k, const char *yaml)
{
    struct sl_fail fail = {0};
    struct sl_addr sim;
    struct settings *s = read_text(yaml, &k->report);
    if (s == NULL) {
        struct sl_buf text;
        sl_buf_init(&text, 1 << 20);
        cfg_report_text(&k->report, &text);
        fprintf(stderr, "%.*s", SL_STR_ARG(sl_buf_str(&text)));
        sl_buf_done(&text);
    }
    SL_CHECK(s != NULL);
    SL_CHECK(sl_addr_parse(SL_STR("127.0.0.1"), 1, &sim));
    if (snapshot_build(s, &sim, &k->snap, &fail) != SL_OK) {
        fprintf(stderr, "%s: %s\n", fail.place, fail.text);
        SL_CHECK(false);
    }
    k->policy = k->snap->policy;
}

void kit_close(struct kit *k)
{
    snapshot_unref(k->snap);
    cfg_report_done(&k->report);
}

struct sl_str kit_check(const char *yaml, struct sl_arena *a)
{
    struct cfg_report report;
    struct sl_buf text;
    settings_free(read_text(yaml, &report));
    sl_buf_init(&text, 1 << 20);
    cfg_report_text(&report, &text);
    struct sl_str out = sl_arena_str(a, sl_buf_str(&text));
    sl_buf_done(&text);
    cfg_report_done(&report);
    return out;
}

/* -- Lines ------------------------------------------------------------------------------------------------------------- */

static struct kit_view *view_of(const struct kit *k, struct kit_ask *q, struct sl_str target)
{
    struct sl_str model = target, provider = sl_str_cut(&model, '/');
    uint32_t index = ROUTE_TARGET_NONE;
    for (uint32_t i = 0; i < k->snap->n_providers; i++)
        if (sl_str_eq(k->snap->providers[i].provider.name, provider))
            index = route_policy_target_of(k->policy, i, model);
    SL_CHECK(index != ROUTE_TARGET_NONE);
    for (uint32_t i = 0; i < q->n_views; i++)
        if (q->views[i].target == index)
            return &q->views[i];
    SL_CHECK(q->n_views < KIT_VIEWS);
    struct kit_view *v = &q->views[q->n_views++];
    *v = (struct kit_view){.target = index, .view = {.health_q16 = ROUTE_Q16, .room_q16 = ROUTE_Q16}, .cost_p = -1};
    return v;
}

static bool see(const void *arg, uint32_t target, struct route_target_view *out)
{
    const struct kit_ask *q = arg;
    for (uint32_t i = 0; i < q->n_views; i++)
        if (q->views[i].target == target) {
            *out = q->views[i].view;
            return true;
        }
    return false;
}

static int64_t cost_of(const void *arg, uint32_t target, uint32_t provider, struct sl_str model)
{
    const struct kit_ask *q = arg;
    (void)provider;
    (void)model;
    for (uint32_t i = 0; i < q->n_views; i++)
        if (q->views[i].target == target)
            return q->views[i].cost_p;
    return -1;
}

static struct sl_str header_of(const void *arg, struct sl_str name)
{
    const struct kit_ask *q = arg;
    for (uint32_t i = 0; i < q->n_headers; i++)
        if (sl_str_eq(q->headers[i].name, name))
            return q->headers[i].value;
    return SL_STR_NONE;
}

static bool all(const void *grant, struct sl_str name)
{
    (void)grant;
    (void)name;
    return true;
}

static bool only(const void *grant, struct sl_str name)
{
    return sl_str_eq(*(const struct sl_str *)grant, name);
}

static uint64_t number(struct sl_str s)
{
    uint64_t v = 0;
    SL_CHECK(sl_str_to_u64(s, &v));
    return v;
}

static bool is_view(const struct kit *k, struct kit_ask *q, struct sl_str word)
{
    struct sl_str value = word, target = sl_str_cut(&value, '='), name = sl_str_cut(&target, ':');
    static const char *const states[] = {"up", "degraded", "probe", "blocked", "down"};
    if (target.n == 0)
        return false;
    struct kit_view *v = view_of(k, q, target);
    for (unsigned i = 0; i < 5; i++)
        if (sl_str_eq(name, sl_str_c(states[i]))) {
            v->view.state = (uint8_t)i;
            return true;
        }
    if (sl_str_eq(name, SL_STR("full")))
        v->view.limit = v->view.in_flight = 8;
    else if (sl_str_eq(name, SL_STR("ttft")))
        v->view.ttft_q50_us = (uint32_t)number(value) * 1000;
    else if (sl_str_eq(name, SL_STR("itl")))
        v->view.itl_q50_us = (uint32_t)number(value) * 1000;
    else if (sl_str_eq(name, SL_STR("cost")))
        v->cost_p = (int64_t)number(value);
    else if (sl_str_eq(name, SL_STR("busy")))
        v->view.in_flight = (uint32_t)number(value);
    else if (sl_str_eq(name, SL_STR("limit")))
        v->view.limit = (uint32_t)number(value);
    else if (sl_str_eq(name, SL_STR("pending")))
        v->view.pending_tokens = number(value);
    else if (sl_str_eq(name, SL_STR("health")))
        v->view.health_q16 = (uint32_t)number(value) * ROUTE_Q16 / 100;
    else if (sl_str_eq(name, SL_STR("room")))
        v->view.room_q16 = (uint32_t)number(value) * ROUTE_Q16 / 100;
    else
        return false;
    return true;
}

static bool is_text(struct kit_ask *q, struct sl_str name, struct sl_str value)
{
    const struct {
        const char *name;
        struct sl_str *to;
    } texts[] = {{"model", &q->ask.model},
                 {"route", &q->ask.route},
                 {"task", &q->facts.task},
                 {"user", &q->facts.user},
                 {"team", &q->facts.team},
                 {"tenant", &q->facts.tenant},
                 {"key", &q->facts.key},
                 {"region", &q->facts.region},
                 {"operation", &q->facts.operation},
                 {"dialect", &q->facts.dialect},
                 {"conversation", &q->facts.conversation}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (sl_str_eq(name, sl_str_c(texts[i].name))) {
            *texts[i].to = value;
            return true;
        }
    return false;
}

static bool is_flag(struct kit_ask *q, struct sl_str name)
{
    static const struct {
        const char *name;
        unsigned flag, need, mode;
    } flags[] = {{"tools", ROUTE_HAS_TOOLS, ROUTE_NEED_TOOLS, 0},
                 {"schema", ROUTE_HAS_SCHEMA, 0, 0},
                 {"stream", ROUTE_HAS_STREAM, 0, 0},
                 {"zero_retention", ROUTE_ZERO_RETENTION, 0, 0},
                 {"image", 0, ROUTE_NEED_IMAGES, ROUTE_MODE_IMAGE},
                 {"audio", 0, ROUTE_NEED_AUDIO, ROUTE_MODE_AUDIO},
                 {"file", 0, 0, ROUTE_MODE_FILE}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (sl_str_eq(name, sl_str_c(flags[i].name))) {
            q->facts.flags |= flags[i].flag;
            q->facts.needs |= flags[i].need;
            q->facts.modalities |= flags[i].mode;
            return true;
        }
    return false;
}

static void add_tag(struct route_tag *to, uint32_t *n, struct sl_str name, struct sl_str value)
{
    SL_CHECK(*n < KIT_NAMED);
    to[(*n)++] = (struct route_tag){name, value};
}

/* Days since 1970 of a civil date (Howard Hinnant, chrono-compatible algorithms). */
static uint64_t wall_ns(struct sl_str s) /* 2026-11-21T10:30 */
{
    uint64_t y = number(sl_str_head(s, 4)), m = number(sl_str_head(sl_str_from(s, 5), 2));
    uint64_t d = number(sl_str_head(sl_str_from(s, 8), 2)), hour = number(sl_str_head(sl_str_from(s, 11), 2));
    uint64_t minute = number(sl_str_head(sl_str_from(s, 14), 2));
    y -= m <= 2;
    uint64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    uint64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    return ((days * 24 + hour) * 60 + minute) * UINT64_C(60000000000);
}

static bool is_number(struct kit_ask *q, struct sl_str name, struct sl_str value)
{
    if (sl_str_eq(name, SL_STR("in")))
        q->facts.input_tokens = number(value);
    else if (sl_str_eq(name, SL_STR("out")))
        q->facts.output_tokens = number(value);
    else if (sl_str_eq(name, SL_STR("seed")))
        q->ask.seed = number(value);
    else if (sl_str_eq(name, SL_STR("budget")))
        q->facts.budget_permille = (uint32_t)number(value) * 10;
    else if (sl_str_eq(name, SL_STR("at")))
        q->facts.wall_ns = wall_ns(value);
    else if (sl_str_eq(name, SL_STR("fallback")))
        q->ask.fallback = ROUTE_FIRST_ONLY;
    else
        return false;
    return true;
}

static void read_word(const struct kit *k, struct kit_ask *q, struct sl_str word)
{
    struct sl_str value = word, name = sl_str_cut(&value, '=');
    if (is_view(k, q, word) || is_flag(q, name) || is_number(q, name, value) || is_text(q, name, value))
        return;
    if (sl_str_starts(name, SL_STR("tag."))) {
        add_tag(q->tags, &q->facts.n_tags, sl_str_from(name, 4), value);
    } else if (sl_str_starts(name, SL_STR("header."))) {
        add_tag(q->headers, &q->n_headers, sl_str_from(name, 7), value);
    } else if (sl_str_eq(name, SL_STR("models"))) {
        while (value.p != NULL)
            q->models[q->ask.n_models++] = sl_str_cut(&value, ',');
    } else if (sl_str_eq(name, SL_STR("granted"))) {
        q->headers[KIT_NAMED - 1].name = value; /* a place that lives as long */
        q->ask.granted = only;
        q->ask.grant = &q->headers[KIT_NAMED - 1].name;
    } else {
        fprintf(stderr, "the line has '%.*s'\n", SL_STR_ARG(word));
        SL_CHECK(false);
    }
}

void kit_ask(const struct kit *k, const char *line, struct kit_ask *q)
{
    struct sl_str rest = sl_str_c(line);
    memset(q, 0, sizeof *q);
    q->facts.budget_permille = ROUTE_BUDGET_UNKNOWN;
    q->facts.modalities = ROUTE_MODE_TEXT;
    q->facts.tags = q->tags;
    q->facts.header = header_of;
    q->facts.headers = q;
    q->ask = (struct route_ask){.models = q->models, .granted = all, .seed = 1, .facts = &q->facts};
    while (rest.p != NULL) {
        struct sl_str word = sl_str_cut(&rest, ' ');
        if (word.n > 0)
            read_word(k, q, word);
    }
    if (q->n_views > 0) {
        q->ask.view = see;
        q->ask.view_arg = q;
        q->ask.cost = cost_of;
        q->ask.cost_arg = q;
    }
}

struct sl_str kit_plan(const struct kit *k, struct kit_ask *q, struct sl_arena *a, bool exclusions)
{
    static const char *const verdicts[] = {"", "unknown", "not granted", "no such route", "none fits"};
    struct route_plan p;
    struct sl_buf out;
    enum route_verdict v = route_plan(k->policy, &q->ask, a, &p);
    sl_buf_init(&out, 1 << 16);
    SL_CHECK((v == ROUTE_OK) == (p.n > 0));
    sl_buf_adds(&out, sl_str_c(verdicts[v]));
    for (uint32_t i = 0; i < p.n; i++)
        sl_buf_addf(&out, "%s%.*s/%.*s%s", i > 0 ? " " : "", SL_STR_ARG(p.candidates[i].provider),
                    SL_STR_ARG(p.candidates[i].model), p.candidates[i].last_resort ? "!" : "");
    for (uint32_t i = 0; exclusions && i < p.n_excluded; i++)
        sl_buf_addf(&out, " - %.*s/%.*s: %s", SL_STR_ARG(p.excluded[i].provider), SL_STR_ARG(p.excluded[i].model),
                    p.excluded[i].why);
    struct sl_str text = sl_arena_str(a, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

/* -- Laws -------------------------------------------------------------------------------------------------------------- */

static bool is_hard(const char *why) /* a filter's reason: such a target is nowhere in the plan */
{
    static const char *const soft[] = {"planned already", "fallback is off", "the plan is full",
                                       "its condition does not hold"};
    for (size_t i = 0; i < sizeof soft / sizeof *soft; i++)
        if (sl_str_eq(sl_str_c(why), sl_str_c(soft[i])))
            return false;
    return true;
}

static bool same_target(const struct route_candidate *a, const struct route_candidate *b)
{
    return a->provider_index == b->provider_index && sl_str_eq(a->model, b->model);
}

static void law_of_place(const struct kit_ask *q, const struct route_candidate *c, const struct route_candidate *before)
{
    SL_CHECK(c->why != NULL && c->why[0] != 0 && c->target_index != ROUTE_TARGET_NONE);
    if (c->state >= ROUTE_BLOCKED)
        SL_CHECK(c->last_resort);
    if (q->ask.view == NULL)
        SL_CHECK(c->state == ROUTE_UP);
    if (before == NULL)
        return;
    SL_CHECK(before->last_resort <= c->last_resort);
    if (before->last_resort == c->last_resort)
        SL_CHECK(before->tier <= c->tier);
    if (before->last_resort == c->last_resort && before->tier == c->tier)
        SL_CHECK(!(before->state == ROUTE_DEGRADED && c->state != ROUTE_DEGRADED));
}

void kit_laws(const struct kit *k, const struct kit_ask *q, enum route_verdict v, const struct route_plan *p)
{
    unsigned probes = 0, others = 0;
    SL_CHECK((v == ROUTE_OK) == (p->n > 0) && p->n <= ROUTE_CANDIDATES_MAX && p->n_excluded <= ROUTE_CANDIDATES_MAX);
    for (uint32_t i = 0; i < p->n; i++) {
        const struct route_candidate *c = &p->candidates[i];
        law_of_place(q, c, i > 0 ? &p->candidates[i - 1] : NULL);
        SL_CHECK(c->target_index == route_policy_target_of(k->policy, c->provider_index, c->model));
        for (uint32_t m = 0; m < i; m++)
            SL_CHECK(!same_target(c, &p->candidates[m])); /* one place, one reason */
        for (uint32_t m = 0; m < p->n_excluded; m++)
            SL_CHECK(p->excluded[m].provider.n == 0 || !same_target(c, &p->excluded[m]) ||
                     !is_hard(p->excluded[m].why));
        probes += c->state == ROUTE_PROBE && !c->last_resort;
        others += c->state != ROUTE_PROBE && !c->last_resort;
    }
    SL_CHECK(probes <= 1 || others == 0);
    for (uint32_t i = 0; i < p->n_excluded; i++)
        SL_CHECK(p->excluded[i].why != NULL && p->excluded[i].why[0] != 0);
    if (q->ask.fallback == ROUTE_FIRST_ONLY)
        SL_CHECK(p->n <= 1);
}
