/* See asking.h. */
#include "exchange/asking.h"

#include "dialect/request_look.h"

static bool granted_model(const void *grant, struct sl_str model)
{
    return grant_allows_model(grant, model);
}

static bool granted_all(const void *grant, struct sl_str model)
{
    (void)grant;
    (void)model;
    return true;
}

static struct sl_str header_of(const void *headers, struct sl_str name)
{
    const struct http_header *h = http_headers_find_name(headers, name);
    return h != NULL ? h->value : SL_STR_NONE;
}

static int64_t cost_of(const void *arg, uint32_t target_index, uint32_t provider_index, struct sl_str model)
{
    const struct asking *q = arg;
    (void)target_index;
    const struct price *p =
        price_lookup(q->from->prices, q->from->snap->providers[provider_index].price_provider, model, NULL);
    if (p == NULL)
        return -1;
    const struct usage u = {
        .by_class = {[TC_INPUT] = q->facts.input_tokens, [TC_OUTPUT] = route_expected_output(q->facts.output_tokens)}};
    struct cost c = price_of(p, &u, NULL);
    return (c.flags & COST_UNPRICED) != 0 ? -1 : c.cost_p;
}

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

static void gather_media(const struct asking_from *from, struct route_facts *f)
{
    static const struct {
        unsigned media, mode, need;
    } rows[] = {{REQUEST_IMAGE, ROUTE_MODE_IMAGE, ROUTE_NEED_IMAGES},
                {REQUEST_AUDIO, ROUTE_MODE_AUDIO, ROUTE_NEED_AUDIO},
                {REQUEST_VIDEO, ROUTE_MODE_VIDEO, ROUTE_NEED_VIDEO},
                {REQUEST_FILE, ROUTE_MODE_FILE, 0}}; /* text of files is written out where a model takes no files */
    unsigned media = request_look_media(from->body);
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
        .input_tokens = from->estimate_input,
        .output_tokens = r->max_output,
        .wall_ns = from->wall_ns > 0 ? (uint64_t)from->wall_ns : 0,
        .budget_permille = ROUTE_BUDGET_UNKNOWN,
        .modalities = ROUTE_MODE_TEXT,
        .flags = flags_of(r),
        .needs = r->has_tools ? ROUTE_NEED_TOOLS : 0u,
        .header = from->headers != NULL ? header_of : NULL,
        .headers = from->headers,
    };
    if ((r->modalities & MODALITY_AUDIO_OUT) != 0) {
        f->needs |= ROUTE_NEED_AUDIO_OUT;
        f->modalities |= ROUTE_MODE_AUDIO;
    }
    if ((wants & ROUTE_WANTS_TAGS) != 0)
        gather_tags(from, a, f);
    if ((wants & ROUTE_WANTS_MEDIA) != 0)
        gather_media(from, f);
    if ((wants & ROUTE_WANTS_CONVERSATION) != 0)
        f->conversation = request_look_conversation(r, from->body);
}

void asking_gather(const struct asking_from *from, struct sl_arena *a, struct asking *out)
{
    const struct request_hints *h = &from->facts->hints;
    out->from = from;
    gather_facts(from, a, &out->facts);
    out->ask = (struct route_ask){
        .model = from->facts->model,
        .models = h->models,
        .n_models = h->n_models,
        .route = h->route,
        .fallback = h->fallback == SAID_NO ? ROUTE_FIRST_ONLY : ROUTE_ALL,
        .granted = from->key != NULL ? granted_model : granted_all,
        .grant = from->key != NULL ? &from->key->grant : NULL,
        .seed = from->seed,
        .facts = &out->facts,
        .cost = from->prices != NULL ? cost_of : NULL,
        .cost_arg = out,
    };
}
