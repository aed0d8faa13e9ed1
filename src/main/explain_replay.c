/* A past decision made again from its access record: the same facts, views, prices and seed, and the configuration of today. See
 * explain_plan.h. */
#include "dialect/json_tree.h"
#include "main/explain_plan.h"

#define NAMES_MAX 64u

struct replay {
    const struct explain_from *from;
    struct sl_arena *a;
    struct json_tree t;
    const struct json_node *root, *routing;
    struct route_facts facts;
    struct route_ask ask;
    struct route_tag tags[NAMES_MAX], key_tags[NAMES_MAX], headers[NAMES_MAX];
    struct sl_str models[NAMES_MAX], denied[NAMES_MAX];
    uint32_t n_headers, n_denied, n_calls;
};

static struct sl_str text_of(struct replay *r, const struct json_node *of, const char *name)
{
    return json_plain_of(&r->t, json_get(&r->t, of, sl_str_c(name)), r->a);
}

static uint64_t number_of(struct replay *r, const struct json_node *of, const char *name)
{
    uint64_t v = 0;
    (void)json_u64_of(&r->t, json_get(&r->t, of, sl_str_c(name)), &v);
    return v;
}

static uint32_t read_names(struct replay *r, const char *name, struct sl_str out[NAMES_MAX])
{
    uint32_t n = 0;
    for (JSON_EACH(&r->t, json_get(&r->t, r->routing, sl_str_c(name)), it))
        if (n < NAMES_MAX)
            out[n++] = json_plain_of(&r->t, it, r->a);
    return n;
}

static uint32_t read_pairs(struct replay *r, const char *name, struct route_tag out[NAMES_MAX])
{
    uint32_t n = 0;
    for (JSON_EACH(&r->t, json_get(&r->t, r->routing, sl_str_c(name)), it)) {
        const struct json_node *first = json_child(it), *second = first != NULL ? json_sibling(&r->t, first) : NULL;
        if (n < NAMES_MAX && second != NULL)
            out[n++] = (struct route_tag){json_plain_of(&r->t, first, r->a), json_plain_of(&r->t, second, r->a)};
    }
    return n;
}

/* -- What the plan asks, answered as it was ---------------------------------------------------------------------------- */

static bool granted(const void *arg, struct sl_str name)
{
    const struct replay *r = arg;
    for (uint32_t i = 0; i < r->n_denied; i++)
        if (sl_str_eq(r->denied[i], name))
            return false;
    return true;
}

static struct sl_str header_of(const void *arg, struct sl_str name)
{
    const struct replay *r = arg;
    for (uint32_t i = 0; i < r->n_headers; i++)
        if (sl_str_eq(r->headers[i].name, name))
            return r->headers[i].value;
    return SL_STR_NONE;
}

/* The row ["provider","model",...] of a list; *out_values is its third value. */
static bool find_row(const struct replay *r, const char *list, struct sl_str provider, struct sl_str model,
                     const struct json_node **out_values)
{
    for (JSON_EACH(&r->t, json_get(&r->t, r->routing, sl_str_c(list)), it)) {
        const struct json_node *p = json_child(it), *m = p != NULL ? json_sibling(&r->t, p) : NULL;
        if (m == NULL || !json_text_is(&r->t, p, provider) || !json_text_is(&r->t, m, model))
            continue;
        *out_values = json_sibling(&r->t, m);
        return true;
    }
    return false;
}

static bool see(const void *arg, uint32_t target_index, struct route_target_view *out)
{
    const struct replay *r = arg;
    const struct json_node *v;
    uint64_t n[9] = {0};
    uint32_t provider;
    struct sl_str model;
    route_policy_target(r->from->snap->policy, target_index, &provider, &model);
    if (!find_row(r, "views", r->from->snap->providers[provider].provider.name, model, &v))
        return false;
    for (unsigned i = 0; i < 9 && v != NULL; i++, v = json_sibling(&r->t, v))
        (void)json_u64_of(&r->t, v, &n[i]);
    *out = (struct route_target_view){.state = (uint8_t)n[0],
                                      .health_q16 = (uint32_t)n[1],
                                      .ttft_q50_us = (uint32_t)n[2],
                                      .ttft_q99_us = (uint32_t)n[3],
                                      .itl_q50_us = (uint32_t)n[4],
                                      .room_q16 = (uint32_t)n[5],
                                      .in_flight = (uint32_t)n[6],
                                      .limit = (uint32_t)n[7],
                                      .pending_tokens = n[8]};
    return true;
}

static int64_t cost_of(const void *arg, uint32_t target_index, uint32_t provider_index, struct sl_str model)
{
    const struct replay *r = arg;
    const struct json_node *v;
    uint64_t cost;
    (void)target_index;
    if (!find_row(r, "costs", r->from->snap->providers[provider_index].provider.name, model, &v) ||
        !json_u64_of(&r->t, v, &cost) || cost > INT64_MAX)
        return -1;
    return (int64_t)cost;
}

/* The names that the script gave then, or why it gave none. */
static int recall_script(void *arg, uint32_t script, const struct route_ask *ask, struct sl_arena *a,
                         struct sl_str *out_names, unsigned max, const char **out_why)
{
    struct replay *r = arg;
    const struct json_node *call = json_child(json_get(&r->t, r->routing, SL_STR("scripts")));
    int n = 0;
    (void)script;
    (void)ask;
    for (uint32_t i = 0; i < r->n_calls && call != NULL; i++)
        call = json_sibling(&r->t, call);
    r->n_calls++;
    *out_why = call == NULL ? "the record has no answer of the script"
                            : sl_arena_cstr(a, json_plain_of(&r->t, call, a));
    if (json_kind_of(call) != JSON_ARRAY)
        return -1;
    for (JSON_EACH(&r->t, call, it))
        if ((unsigned)n < max)
            out_names[n++] = json_plain_of(&r->t, it, a);
    return n;
}

/* -- Reading the record ------------------------------------------------------------------------------------------------ */

static uint64_t hex_of(struct sl_str s)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 4 | (uint64_t)sl_hex_value(s.p[i]);
    return v;
}

static void read_facts(struct replay *r)
{
    const struct json_node *of = r->routing;
    r->facts = (struct route_facts){
        .task = text_of(r, of, "task"),
        .operation = text_of(r, r->root, "operation"),
        .dialect = text_of(r, r->root, "dialect"),
        .tenant = text_of(r, r->root, "tenant"),
        .key = text_of(r, r->root, "key"),
        .region = text_of(r, of, "region"),
        .input_tokens = number_of(r, of, "in"),
        .output_tokens = number_of(r, of, "out"),
        .wall_ns = number_of(r, of, "at"),
        .budget_permille = json_got(&r->t, of, SL_STR("budget")) != NULL ? (uint32_t)number_of(r, of, "budget")
                                                                         : ROUTE_BUDGET_UNKNOWN,
        .modalities = (unsigned)number_of(r, of, "modes"),
        .flags = (unsigned)number_of(r, of, "flags"),
        .needs = (unsigned)number_of(r, of, "needs"),
        .conversation = text_of(r, of, "talk"),
        .tags = r->tags,
        .n_tags = read_pairs(r, "tags", r->tags),
        .key_tags = r->key_tags,
        .n_key_tags = read_pairs(r, "key_tags", r->key_tags),
        .header = header_of,
        .headers = r,
    };
    r->n_headers = read_pairs(r, "headers", r->headers);
    r->n_denied = read_names(r, "denied", r->denied);
    for (uint32_t i = 0; i < r->facts.n_tags; i++) {
        if (r->facts.user.n == 0 && sl_str_eq(r->tags[i].name, SL_STR("user")))
            r->facts.user = r->tags[i].value;
        if (r->facts.team.n == 0 && sl_str_eq(r->tags[i].name, SL_STR("team")))
            r->facts.team = r->tags[i].value;
    }
    route_facts_own(&r->facts);
    r->ask = (struct route_ask){
        .model = text_of(r, r->root, "model"),
        .models = r->models,
        .n_models = read_names(r, "models", r->models),
        .route = text_of(r, of, "route"),
        .fallback = json_kind_of(json_get(&r->t, of, SL_STR("fallback"))) == JSON_FALSE ? ROUTE_FIRST_ONLY : ROUTE_ALL,
        .granted = granted,
        .grant = r,
        .seed = hex_of(text_of(r, of, "seed")),
        .facts = &r->facts,
        .view = json_get(&r->t, of, SL_STR("views")) != NULL ? see : NULL,
        .view_arg = r,
        .cost = cost_of,
        .cost_arg = r,
        .script = recall_script,
        .script_arg = r,
    };
}

/* -- Comparing --------------------------------------------------------------------------------------------------------- */

static void add_place(struct sl_buf *out, struct sl_str provider, struct sl_str model, struct sl_str why)
{
    if (provider.n > 0)
        sl_buf_addf(out, SL_STR_FMT "/" SL_STR_FMT " (" SL_STR_FMT ")", SL_STR_ARG(provider), SL_STR_ARG(model),
                    SL_STR_ARG(why));
    else
        sl_buf_addf(out, "nothing");
}

static bool compare_place(struct replay *r, const struct json_node *was, const struct route_candidate *is,
                          uint32_t place, bool excluded, struct sl_buf *out)
{
    struct sl_str provider = text_of(r, was, "provider"), model = text_of(r, was, "model"),
                  why = text_of(r, was, "why");
    struct sl_str name = is == NULL ? SL_STR_NONE : is->provider.n > 0 ? is->model : is->asked;
    bool same = was != NULL && is != NULL && sl_str_eq(provider, is->provider) && sl_str_eq(model, name) &&
                sl_str_eq(why, sl_str_c(is->why));
    if (same)
        return true;
    sl_buf_addf(out, "%s %u was ", excluded ? "exclusion" : "place", place + 1);
    add_place(out, provider, model, why);
    sl_buf_adds(out, SL_STR(", is now "));
    add_place(out, is != NULL ? is->provider : SL_STR_NONE, is != NULL ? is->model : SL_STR_NONE,
              sl_str_c(is != NULL ? is->why : ""));
    sl_buf_addc(out, '\n');
    return false;
}

#define RECORDED_MAX 16u /* places that a record has at most (telemetry/access.h) */

static bool compare(struct replay *r, const struct route_plan *p, struct sl_buf *out)
{
    uint32_t n = 0, n_excluded = 0, places = p->n < RECORDED_MAX ? p->n : RECORDED_MAX;
    uint32_t exclusions = p->n_excluded < RECORDED_MAX - places ? p->n_excluded : RECORDED_MAX - places;
    bool same = true;
    for (JSON_EACH(&r->t, json_get(&r->t, r->root, SL_STR("plan")), it)) {
        bool excluded = json_kind_of(json_get(&r->t, it, SL_STR("excluded"))) == JSON_TRUE;
        if (excluded) {
            same &=
                compare_place(r, it, n_excluded < exclusions ? &p->excluded[n_excluded] : NULL, n_excluded, true, out);
            n_excluded++;
        } else {
            same &= compare_place(r, it, n < places ? &p->candidates[n] : NULL, n, false, out);
            n++;
        }
    }
    for (; n < places; n++)
        same &= compare_place(r, NULL, &p->candidates[n], n, false, out);
    for (; n_excluded < exclusions; n_excluded++)
        same &= compare_place(r, NULL, &p->excluded[n_excluded], n_excluded, true, out);
    return same;
}

bool explain_replay(const struct explain_from *from, struct sl_str record, struct sl_arena *a, struct replayed *out,
                    struct sl_str *out_why)
{
    struct replay *r = SL_ARENA_NEW(a, struct replay);
    r->from = from;
    r->a = a;
    if (!json_tree_read(&r->t, record, a) || json_kind_of(json_root(&r->t)) != JSON_OBJECT) {
        *out_why = SL_STR("the record is not a JSON object");
        return false;
    }
    r->root = json_root(&r->t);
    r->routing = json_get(&r->t, r->root, SL_STR("routing"));
    if (json_get(&r->t, r->root, SL_STR("plan")) == NULL ||
        json_child(json_get(&r->t, r->root, SL_STR("plan"))) == NULL) {
        *out_why = SL_STR("nothing was planned for this request");
        return false;
    }
    if (json_get(&r->t, r->routing, SL_STR("cut")) != NULL) {
        *out_why = SL_STR("its tags and headers were too long for the record");
        return false;
    }
    read_facts(r);
    *out = (struct replayed){.model = r->ask.model, .recorded_config = text_of(r, r->root, "config")};
    out->same_config = sl_str_eq(out->recorded_config, from->snap->revision_text);
    out->verdict = route_plan(from->snap->policy, &r->ask, a, &out->plan);
    sl_buf_init(&out->differences, 1u << 20);
    out->same = compare(r, &out->plan, &out->differences);
    return true;
}
