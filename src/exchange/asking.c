/* See asking.h. */
#include "exchange/asking.h"

#include <stdio.h>

#include "base/hash.h"
#include "dialect/request_look.h"

/* -- Questions of the plan: each is answered, and the answer kept ---------------------------------------------------- */

/* A list's room for ASKING_SEEN answers of `each` bytes. */
static void *room(const struct asking *q, void *list, size_t each)
{
    return list != NULL ? list : sl_arena_alloc(q->a, ASKING_SEEN * each);
}

static bool granted(const void *arg, struct sl_str model)
{
    const struct asking *q = arg;
    if (q->from.key == NULL || grant_allows_model(&q->from.key->grant, model))
        return true;
    if (q->seen == NULL || q->seen->n_denied == ASKING_SEEN)
        return false;
    q->seen->denied = room(q, q->seen->denied, sizeof *q->seen->denied);
    q->seen->denied[q->seen->n_denied++] = model;
    return false;
}

/* What holds credentials is not there for rules and scripts: what they ask for gets into the record. */
static bool is_secret(struct sl_str name)
{
    static const struct sl_str secrets[] = {SL_STR_INIT("authorization"),
                                            SL_STR_INIT("proxy-authorization"),
                                            SL_STR_INIT("cookie"),
                                            SL_STR_INIT("x-api-key"),
                                            SL_STR_INIT("api-key"),
                                            SL_STR_INIT("x-goog-api-key"),
                                            SL_STR_INIT("x-amz-security-token"),
                                            SL_STR_INIT("sec-websocket-protocol")};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (sl_str_eq_nocase(name, secrets[i]))
            return true;
    return false;
}

static struct sl_str header_of(const void *arg, struct sl_str name)
{
    const struct asking *q = arg;
    const struct http_header *h = is_secret(name) ? NULL : http_headers_find_name(q->from.headers, name);
    if (h == NULL)
        return SL_STR_NONE;
    for (uint32_t i = 0; i < q->seen->n_headers; i++)
        if (sl_str_eq(q->seen->headers[i].name, name))
            return h->value;
    q->seen->headers = room(q, q->seen->headers, sizeof *q->seen->headers);
    if (q->seen->n_headers < ASKING_SEEN)
        q->seen->headers[q->seen->n_headers++] = (struct route_tag){name, h->value};
    return h->value;
}

static bool see(const void *arg, uint32_t target_index, struct route_target_view *out)
{
    const struct asking *q = arg;
    if (!q->from.view(q->from.view_arg, target_index, out))
        return false;
    for (uint32_t i = 0; i < q->seen->n_views; i++)
        if (q->seen->views[i].target == target_index)
            return true;
    q->seen->views = room(q, q->seen->views, sizeof *q->seen->views);
    if (q->seen->n_views < ASKING_SEEN)
        q->seen->views[q->seen->n_views++] = (struct asking_view){target_index, *out};
    return true;
}

const struct price *model_price(const struct price_catalog *prices, const struct snapshot_provider *at,
                                struct sl_str model)
{
    return price_lookup(prices, at->price_provider, provider_plain_model(&at->provider, model), NULL);
}

static int64_t price_for(const struct asking *q, uint32_t provider_index, struct sl_str model)
{
    const struct snapshot_provider *at = &q->from.snap->providers[provider_index];
    const struct price *p = model_price(q->from.prices, at, model);
    if (p == NULL)
        return -1;
    const struct usage u = {
        .by_class = {[TC_INPUT] = q->facts.input_tokens, [TC_OUTPUT] = route_expected_output(q->facts.output_tokens)}};
    struct cost c = price_of(p, &u, NULL);
    return (c.flags & COST_UNPRICED) != 0 ? -1 : c.cost_p;
}

static int64_t cost_of(const void *arg, uint32_t target_index, uint32_t provider_index, struct sl_str model)
{
    const struct asking *q = arg;
    (void)target_index;
    int64_t cost = price_for(q, provider_index, model);
    if (cost < 0 || q->seen == NULL || q->seen->n_costs == ASKING_SEEN)
        return cost;
    q->seen->costs = room(q, q->seen->costs, sizeof *q->seen->costs);
    q->seen->costs[q->seen->n_costs++] = (struct asking_cost){provider_index, model, cost};
    return cost;
}

static int ask_script(void *arg, uint32_t script, const struct route_ask *ask, struct sl_arena *a,
                      struct sl_str *out_names, unsigned max, const char **out_why)
{
    const struct asking *q = arg;
    struct asking_seen *seen = q->seen;
    int n = q->from.script(q->from.script_arg, script, ask, a, out_names, max, out_why);
    if (seen == NULL || seen->n_calls == ASKING_CALLS)
        return n;
    struct asking_call *c = &seen->calls[seen->n_calls++];
    *c = (struct asking_call){.n = n, .why = *out_why};
    if (n > 0) {
        c->names = sl_arena_alloc(q->a, (size_t)n * sizeof *c->names);
        memcpy(c->names, out_names, (size_t)n * sizeof *c->names);
    }
    return n;
}

/* -- Facts ------------------------------------------------------------------------------------------------------------- */

/* The first value counts: the header's goes before the body's. */
static struct sl_str tag_named(const struct route_facts *f, struct sl_str name)
{
    for (uint32_t i = 0; i < f->n_tags; i++)
        if (sl_str_eq(f->tags[i].name, name))
            return f->tags[i].value;
    return SL_STR_NONE;
}

static void gather_tags(const struct asking_from *from, struct sl_arena *a, struct route_facts *f)
{
    struct request_tag tags[REQUEST_TAGS_MAX];
    f->n_tags = request_look_tags(from->facts, from->body, a, tags);
    struct route_tag *to = sl_arena_alloc(a, f->n_tags * sizeof *to);
    for (uint32_t i = 0; i < f->n_tags; i++)
        to[i] = (struct route_tag){tags[i].name, tags[i].value};
    f->tags = to;
    f->user = tag_named(f, SL_STR("user"));
    f->team = tag_named(f, SL_STR("team"));
}

static void gather_key_tags(const struct auth_key *key, struct sl_arena *a, struct route_facts *f)
{
    struct route_tag *to = sl_arena_alloc(a, key->n_tags * sizeof *to);
    for (uint32_t i = 0; i < key->n_tags; i++)
        to[i] = (struct route_tag){key->tags[i].name, key->tags[i].value};
    f->key_tags = to;
    f->n_key_tags = key->n_tags;
    route_facts_own(f);
}

static void gather_media(const struct asking_from *from, struct route_facts *f)
{
    static const struct {
        unsigned media, mode, need;
    } rows[] = {{REQUEST_IMAGE, ROUTE_MODE_IMAGE, ROUTE_NEED_IMAGES},
                {REQUEST_AUDIO, ROUTE_MODE_AUDIO, ROUTE_NEED_AUDIO},
                {REQUEST_VIDEO, ROUTE_MODE_VIDEO, ROUTE_NEED_VIDEO},
                {REQUEST_FILE, ROUTE_MODE_FILE, 0}}; /* text of files is written out where a model takes no files */
    unsigned media = request_look_media(from->facts, from->body);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if ((media & rows[i].media) != 0) {
            f->modalities |= rows[i].mode;
            f->needs |= rows[i].need;
        }
}

static unsigned flags_of(const struct request_facts *f)
{
    return (f->has_tools ? ROUTE_HAS_TOOLS : 0u) | (f->json_output ? ROUTE_HAS_SCHEMA : 0u) |
           (f->stream ? ROUTE_HAS_STREAM : 0u);
}

/* Four bytes a token are between a third of the truth and twice it, but for media: those are all bytes and few tokens. */
static uint64_t input_of(const struct asking_from *from)
{
    const struct route_policy *p = from->snap->policy;
    uint64_t by_bytes = from->estimate_input, most = by_bytes < UINT64_MAX / 2 ? 2 * by_bytes : UINT64_MAX;
    if (from->count == NULL || !route_policy_turns_on_input(p, 0, by_bytes, most))
        return by_bytes;
    bool media = request_look_media(from->facts, from->body) != 0;
    return media || route_policy_turns_on_input(p, by_bytes / 3, by_bytes, most) ? from->count(from->count_arg)
                                                                                 : by_bytes;
}

static void gather_facts(const struct asking_from *from, struct sl_arena *a, struct route_facts *f)
{
    const struct request_facts *r = from->facts;
    unsigned wants = route_policy_wants(from->snap->policy);
    *f = (struct route_facts){
        .task = r->hints.task,
        .operation = from->op->name,
        .dialect = from->dialect->name,
        .tenant = from->key != NULL ? from->key->tenant : SL_STR_NONE,
        .key = from->key != NULL ? from->key->name : SL_STR_NONE,
        .input_tokens = input_of(from),
        .output_tokens = r->max_output,
        .wall_ns = from->wall_ns > 0 ? (uint64_t)from->wall_ns : 0,
        .budget_permille = ROUTE_BUDGET_UNKNOWN,
        .modalities = ROUTE_MODE_TEXT,
        .flags = flags_of(r),
        .needs = r->has_tools ? ROUTE_NEED_TOOLS : 0u,
    };
    struct spend_cell *budget = spend_find(from->spend, f->tenant);
    if (budget != NULL)
        f->budget_permille = spend_permille(budget, from->wall_ns);
    const struct tenant_terms *terms = tenant_terms_of(from->snap, f->tenant);
    if (terms != NULL) {
        f->region = terms->region;
        f->flags |= terms->zero_retention ? ROUTE_ZERO_RETENTION : 0u;
    }
    if ((r->modalities & MODALITY_AUDIO_OUT) != 0) {
        /* chat's `audio` only says in which voice, if any is asked for: models without one ignore it */
        f->needs |= r->op == OP_GENERATE ? ROUTE_NEED_AUDIO_OUT : 0u;
        f->modalities |= ROUTE_MODE_AUDIO;
    }
    if ((wants & ROUTE_WANTS_TAGS) != 0)
        gather_tags(from, a, f);
    if (from->key != NULL && from->key->n_tags > 0 && route_policy_has_rules(from->snap->policy))
        gather_key_tags(from->key, a, f);
    if ((wants & ROUTE_WANTS_MEDIA) != 0)
        gather_media(from, f);
}

/* Digest of the first user's message, so that nothing of it gets into a record; the same in every process. */
static void gather_conversation(struct asking *q)
{
    static const struct sl_hash_key key = {UINT64_C(0x736c756963650001), UINT64_C(0x74616c6b00000001)};
    struct sl_str text = request_look_conversation(q->from.facts, q->from.body);
    if (text.n == 0)
        return;
    snprintf(q->conversation, sizeof q->conversation, "%016llx", (unsigned long long)sl_hash(key, text));
    q->facts.conversation = sl_str_of(q->conversation, 16);
}

/* x-sluice-models: "gpt-4o, assistant", where the body has no `models`. A plan holds no more than ROUTE_CANDIDATES_MAX; names that
 * cannot be one are passed over. */
static void models_of_header(const struct asking_from *from, struct sl_arena *a, struct route_ask *ask)
{
    const struct http_header *h =
        from->headers != NULL ? http_headers_find_name(from->headers, SL_STR("x-sluice-models")) : NULL;
    if (h == NULL || ask->n_models > 0 || !sl_utf8_valid(h->value))
        return;
    struct sl_str rest = h->value, *names = sl_arena_alloc(a, ROUTE_CANDIDATES_MAX * sizeof *names);
    ask->models = names;
    while (rest.p != NULL && ask->n_models < ROUTE_CANDIDATES_MAX) {
        struct sl_str name = sl_str_trim(sl_str_cut(&rest, ','));
        if (name.n > 0 && name.n <= MODEL_NAME_MAX)
            names[ask->n_models++] = name;
    }
}

void asking_gather(const struct asking_from *from, struct sl_arena *a, struct asking *out)
{
    const struct request_hints *h = &from->facts->hints;
    bool has_rules = route_policy_has_rules(from->snap->policy);
    out->from = *from;
    out->a = a;
    out->seen = NULL;
    if (has_rules || from->view != NULL)
        out->seen = SL_ARENA_NEW(a, struct asking_seen);
    gather_facts(from, a, &out->facts);
    if (out->seen != NULL && from->headers != NULL) {
        out->facts.header = header_of;
        out->facts.headers = out;
    }
    if ((route_policy_wants(from->snap->policy) & ROUTE_WANTS_CONVERSATION) != 0)
        gather_conversation(out);
    out->ask = (struct route_ask){
        .model = from->facts->model,
        .models = h->models,
        .n_models = h->n_models,
        .route = h->route,
        .fallback = h->fallback == SAID_NO ? ROUTE_FIRST_ONLY : ROUTE_ALL,
        .granted = granted,
        .grant = out,
        .seed = from->seed,
        .facts = &out->facts,
        .view = from->view != NULL ? see : NULL,
        .view_arg = out,
        .cost = from->prices != NULL ? cost_of : NULL,
        .cost_arg = out,
        .script = from->script != NULL ? ask_script : NULL,
        .script_arg = out,
        .policy = from->snap->policy,
    };
    models_of_header(from, a, &out->ask);
}

/* -- For the record ---------------------------------------------------------------------------------------------------- */

#define TEXT_MAX 128u /* bytes of a tag or header that is kept; a longer one is cut, and then the replay may differ */

static void add_name(struct sl_buf *out, const char *name)
{
    sl_buf_addf(out, ",\"%s\":", name);
}

static void add_text(struct sl_buf *out, const char *name, struct sl_str text)
{
    if (text.n == 0)
        return;
    add_name(out, name);
    sl_buf_add_json(out, sl_str_head(text, TEXT_MAX));
}

static void add_number(struct sl_buf *out, const char *name, uint64_t v)
{
    if (v == 0)
        return;
    add_name(out, name);
    sl_buf_add_u64(out, v);
}

static void add_pairs(struct sl_buf *out, const char *name, const struct route_tag *v, uint32_t n)
{
    if (n == 0)
        return;
    add_name(out, name);
    for (uint32_t i = 0; i < n; i++) {
        sl_buf_addc(out, i == 0 ? '[' : ',');
        sl_buf_addc(out, '[');
        sl_buf_add_json(out, sl_str_head(v[i].name, TEXT_MAX));
        sl_buf_addc(out, ',');
        sl_buf_add_json(out, sl_str_head(v[i].value, TEXT_MAX));
        sl_buf_addc(out, ']');
    }
    sl_buf_addc(out, ']');
}

static void add_names(struct sl_buf *out, const char *name, const struct sl_str *v, uint32_t n)
{
    if (n == 0)
        return;
    add_name(out, name);
    for (uint32_t i = 0; i < n; i++) {
        sl_buf_addc(out, i == 0 ? '[' : ',');
        sl_buf_add_json(out, v[i]);
    }
    sl_buf_addc(out, ']');
}

static void add_target(struct sl_buf *out, const struct asking *q, uint32_t provider, struct sl_str model)
{
    struct sl_str name = q->from.snap->providers[provider].provider.name;
    sl_buf_addf(out, "[\"" SL_STR_FMT "\",", SL_STR_ARG(name)); /* letters, digits, '.', '_', '-' */
    sl_buf_add_json(out, model);
}

static void add_views(struct sl_buf *out, const struct asking *q)
{
    if (q->seen->n_views == 0)
        return;
    add_name(out, "views");
    for (uint32_t i = 0; i < q->seen->n_views; i++) {
        const struct route_target_view *v = &q->seen->views[i].view;
        struct sl_str model;
        uint32_t provider;
        route_policy_target(q->from.snap->policy, q->seen->views[i].target, &provider, &model);
        sl_buf_addc(out, i == 0 ? '[' : ',');
        add_target(out, q, provider, model);
        sl_buf_addf(out, ",%u,%u,%u,%u,%u,%u,%u,%u,%llu]", v->state, v->health_q16, v->ttft_q50_us, v->ttft_q99_us,
                    v->itl_q50_us, v->room_q16, v->in_flight, v->limit, (unsigned long long)v->pending_tokens);
    }
    sl_buf_addc(out, ']');
}

static void add_costs(struct sl_buf *out, const struct asking *q)
{
    if (q->seen->n_costs == 0)
        return;
    add_name(out, "costs");
    for (uint32_t i = 0; i < q->seen->n_costs; i++) {
        sl_buf_addc(out, i == 0 ? '[' : ',');
        add_target(out, q, q->seen->costs[i].provider, q->seen->costs[i].model);
        sl_buf_addf(out, ",%lld]", (long long)q->seen->costs[i].cost_p);
    }
    sl_buf_addc(out, ']');
}

/* "scripts":[["a/b","c/d"],"the script failed"] */
static void add_calls(struct sl_buf *out, const struct asking_seen *seen)
{
    if (seen->n_calls == 0)
        return;
    add_name(out, "scripts");
    for (uint32_t i = 0; i < seen->n_calls; i++) {
        const struct asking_call *c = &seen->calls[i];
        sl_buf_addc(out, i == 0 ? '[' : ',');
        for (int k = 0; k < c->n; k++) {
            sl_buf_addc(out, k == 0 ? '[' : ',');
            sl_buf_add_json(out, c->names[k]);
        }
        if (c->n < 0)
            sl_buf_add_json(out, sl_str_c(c->why));
        else
            sl_buf_addc(out, ']');
    }
    sl_buf_addc(out, ']');
}

static bool changes_place(const struct route_target_view *v)
{
    return v->state != ROUTE_UP || v->room_q16 == 0 || (v->limit > 0 && v->in_flight >= v->limit);
}

bool asking_matters(const struct asking *q)
{
    bool matters = route_policy_has_rules(q->from.snap->policy) || q->facts.region.n > 0 ||
                   (q->facts.flags & ROUTE_ZERO_RETENTION) != 0;
    for (uint32_t i = 0; q->seen != NULL && i < q->seen->n_views && !matters; i++)
        matters = changes_place(&q->seen->views[i].view);
    return matters;
}

void asking_write(const struct asking *q, struct sl_buf *out)
{
    const struct route_facts *f = &q->facts;
    sl_buf_addf(out, "{\"seed\":\"%016llx\"", (unsigned long long)q->ask.seed);
    add_names(out, "models", q->ask.models, q->ask.n_models);
    add_text(out, "route", q->ask.route);
    if (q->ask.fallback == ROUTE_FIRST_ONLY)
        sl_buf_adds(out, SL_STR(",\"fallback\":false"));
    add_text(out, "task", f->task);
    add_number(out, "in", f->input_tokens);
    add_number(out, "out", f->output_tokens);
    add_number(out, "at", f->wall_ns);
    add_number(out, "modes", f->modalities);
    add_number(out, "flags", f->flags);
    add_number(out, "needs", f->needs);
    if (f->budget_permille != ROUTE_BUDGET_UNKNOWN) {
        add_name(out, "budget");
        sl_buf_add_u64(out, f->budget_permille);
    }
    add_text(out, "region", f->region);
    add_text(out, "talk", f->conversation);
    add_pairs(out, "tags", f->tags, f->n_tags);
    add_pairs(out, "key_tags", f->key_tags, f->n_key_tags);
    if (q->seen != NULL) {
        add_pairs(out, "headers", q->seen->headers, q->seen->n_headers);
        add_names(out, "denied", q->seen->denied, q->seen->n_denied);
        add_views(out, q);
        add_costs(out, q);
        add_calls(out, q->seen);
    }
    sl_buf_addc(out, '}');
}

bool exchange_grants_model(const void *grant, struct sl_str model)
{
    return grant_allows_model(grant, model);
}
