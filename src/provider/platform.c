/* Paths and addresses of platforms that serve other vendors' models: Bedrock, Vertex AI. Sources: bedrock.md sections 1, 2, 4 and 11,
 * gemini.md sections 1.1 and 20.1. A name is one segment of a path, ARNs with their ':' and '/' too: signatures are made of exactly
 * this text. */
#include "http/url.h"
#include "provider/provider.h"

/* -- Vertex AI ------------------------------------------------------------------------------------------------------------ */

/* The bare id of what clients and configurations write: "google/gemini-x", "models/gemini-x", "publishers/google/models/gemini-x",
 * "projects/P/locations/L/publishers/google/models/gemini-x". */
static struct sl_str bare_id(struct sl_str model)
{
    struct sl_str last = model, rest = model;
    while (rest.p != NULL)
        last = sl_str_cut(&rest, '/');
    return last.n > 0 ? last : model;
}

struct sl_str provider_known_model(const struct provider *p, struct sl_str model)
{
    for (unsigned i = 0; i < p->n_deployments; i++)
        if (sl_str_eq(p->deployments[i].name, model))
            return p->deployments[i].model;
    return model;
}

struct sl_str provider_plain_model(const struct provider *p, struct sl_str model)
{
    model = provider_known_model(p, model);
    return sl_str_eq(p->kind->platform, SL_STR("vertex")) ? bare_id(model) : model;
}

static struct sl_str vertex_base(const struct provider *p, struct sl_arena *a)
{
    if (p->project.n == 0) /* express mode: a key says whose it is */
        return p->base_path;
    return sl_arena_printf(a, SL_STR_FMT "/projects/" SL_STR_FMT "/locations/" SL_STR_FMT, SL_STR_ARG(p->base_path),
                           SL_STR_ARG(url_escape(p->project, SL_STR(":"), a)),
                           SL_STR_ARG(url_escape(p->location, SL_STR_NONE, a)));
}

static struct sl_str vertex_path(const struct provider *p, struct sl_str dialect, struct sl_str model, bool counts,
                                 bool stream, struct sl_arena *a)
{
    struct sl_str base = vertex_base(p, a);
    if (sl_str_eq(dialect, SL_STR("openai")))
        return sl_arena_printf(a, SL_STR_FMT "/endpoints/openapi/chat/completions", SL_STR_ARG(base));
    bool claude = sl_str_eq(dialect, SL_STR("anthropic"));
    bool tuned = !claude &&
                 (sl_str_starts(model, SL_STR("endpoints/")) || sl_str_find_str(model, SL_STR("/endpoints/")) >= 0);
    const char *folder = claude ? "publishers/anthropic/models" : tuned ? "endpoints" : "publishers/google/models";
    const char *verb = claude && stream ? ":streamRawPredict"
                       : claude         ? ":rawPredict"
                       : counts         ? ":countTokens"
                       : stream         ? ":streamGenerateContent?alt=sse"
                                        : ":generateContent";
    struct sl_str id = claude && counts ? SL_STR("count-tokens") : url_escape(bare_id(model), SL_STR("@"), a);
    return sl_arena_printf(a, SL_STR_FMT "/%s/" SL_STR_FMT "%s", SL_STR_ARG(base), folder, SL_STR_ARG(id), verb);
}

/* Tokens are counted by the model itself, not by a profile that may go anywhere (bedrock.md section 7). */
static struct sl_str without_geography(struct sl_str model)
{
    ptrdiff_t at = sl_str_starts(model, SL_STR("arn:")) ? -1 : sl_str_find_str(model, SL_STR("anthropic."));
    return at > 0 ? sl_str_from(model, (size_t)at) : model;
}

struct sl_str provider_model_path(const struct provider *p, struct sl_str dialect, struct sl_str model, bool counts,
                                  bool stream, struct sl_arena *a)
{
    if (sl_str_eq(p->kind->platform, SL_STR("vertex")))
        return vertex_path(p, dialect, model, counts, stream, a);
    bool bedrock = sl_str_eq(p->kind->platform, SL_STR("bedrock")),
         converse = sl_str_eq(dialect, SL_STR("bedrock-converse"));
    if (bedrock && counts && !converse)
        return sl_arena_printf(a, SL_STR_FMT "/model/" SL_STR_FMT "/count-tokens", SL_STR_ARG(p->base_path),
                               SL_STR_ARG(url_escape(without_geography(model), SL_STR_NONE, a)));
    if (!bedrock || counts || (!converse && !sl_str_eq(dialect, SL_STR("anthropic"))))
        return SL_STR_NONE;
    if (converse)
        return sl_arena_printf(a, SL_STR_FMT "/model/" SL_STR_FMT "/converse%s", SL_STR_ARG(p->base_path),
                               SL_STR_ARG(url_escape(model, SL_STR_NONE, a)), stream ? "-stream" : "");
    return sl_arena_printf(a, SL_STR_FMT "/model/" SL_STR_FMT "/invoke%s", SL_STR_ARG(p->base_path),
                           SL_STR_ARG(url_escape(model, SL_STR_NONE, a)), stream ? "-with-response-stream" : "");
}

struct sl_str provider_method_path(const struct provider *p, struct sl_str model, struct sl_str verb,
                                   struct sl_arena *a)
{
    if (sl_str_eq(p->kind->platform, SL_STR("vertex"))) {
        struct sl_str base = vertex_base(p, a), id = url_escape(bare_id(model), SL_STR("@"), a);
        return sl_arena_printf(a, SL_STR_FMT "/publishers/google/models/" SL_STR_FMT SL_STR_FMT, SL_STR_ARG(base),
                               SL_STR_ARG(id), SL_STR_ARG(verb));
    }
    return sl_arena_printf(a, SL_STR_FMT "/model/" SL_STR_FMT SL_STR_FMT, SL_STR_ARG(p->base_path),
                           SL_STR_ARG(url_escape(model, SL_STR_NONE, a)), SL_STR_ARG(verb));
}

/* -- Gemini's Live API: gemini.md section 18 ------------------------------------------------------------------------------ */

static bool is_vertex(const struct provider *p)
{
    return sl_str_eq(p->kind->platform, SL_STR("vertex"));
}

/* The base path without the version at its end. */
static struct sl_str live_base(const struct provider *p)
{
    struct sl_str base = p->base_path;
    size_t at = base.n;
    while (at > 0 && base.p[at - 1] != '/')
        at--;
    return at > 0 && at < base.n && base.p[at] == 'v' ? sl_str_head(base, at - 1) : base;
}

struct sl_str provider_live_path(const struct provider *p, struct sl_str version, struct sl_arena *a)
{
    struct sl_str base = live_base(p);
    if (is_vertex(p)) /* of versions it has v1 and v1beta1 only */
        return sl_arena_printf(a, SL_STR_FMT "/ws/google.cloud.aiplatform.%s.LlmBidiService/BidiGenerateContent",
                               SL_STR_ARG(base), sl_str_eq(version, SL_STR("v1")) ? "v1" : "v1beta1");
    if (!sl_str_eq(p->kind->dialect, SL_STR("gemini")))
        return SL_STR_NONE;
    if (sl_str_eq(version, SL_STR("v1beta1"))) /* a client of Vertex AI */
        version = SL_STR("v1beta");
    return sl_arena_printf(
        a, SL_STR_FMT "/ws/google.ai.generativelanguage." SL_STR_FMT ".GenerativeService.BidiGenerateContent",
        SL_STR_ARG(base), SL_STR_ARG(version));
}

struct sl_str provider_live_model(const struct provider *p, struct sl_str model, struct sl_arena *a)
{
    struct sl_str id = bare_id(model);
    if (!is_vertex(p))
        return sl_arena_printf(a, "models/" SL_STR_FMT, SL_STR_ARG(id));
    if (p->project.n == 0)
        return sl_arena_printf(a, "publishers/google/models/" SL_STR_FMT, SL_STR_ARG(id));
    return sl_arena_printf(a, "projects/" SL_STR_FMT "/locations/" SL_STR_FMT "/publishers/google/models/" SL_STR_FMT,
                           SL_STR_ARG(p->project), SL_STR_ARG(p->location), SL_STR_ARG(id));
}

/* -- Regions --------------------------------------------------------------------------------------------------------- */

bool provider_region_is(struct sl_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return name.n > 0 && name.n <= 32 && name.p[0] != '-' && name.p[name.n - 1] != '-';
}

static struct sl_str aws_suffix(struct sl_str region)
{
    static const struct {
        struct sl_str prefix, suffix;
    } rows[] = {
        {SL_STR_INIT("cn-"), SL_STR_INIT("amazonaws.com.cn")},
        {SL_STR_INIT("us-iso-"), SL_STR_INIT("c2s.ic.gov")},
        {SL_STR_INIT("us-isob-"), SL_STR_INIT("sc2s.sgov.gov")},
        {SL_STR_INIT("eu-isoe-"), SL_STR_INIT("cloud.adc-e.uk")},
        {SL_STR_INIT("us-isof-"), SL_STR_INIT("csp.hci.ic.gov")},
        {SL_STR_INIT("eusc-"), SL_STR_INIT("amazonaws.eu")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sl_str_starts(region, rows[i].prefix))
            return rows[i].suffix;
    return SL_STR("amazonaws.com");
}

/* Without a location: the global one, which express mode has. */
static struct sl_str vertex_url(struct sl_str location, struct sl_arena *a)
{
    if (location.n == 0 || sl_str_eq(location, SL_STR("global")))
        return SL_STR("https://aiplatform.googleapis.com/v1");
    if (!provider_region_is(location))
        return SL_STR_NONE;
    bool several = sl_str_eq(location, SL_STR("us")) || sl_str_eq(location, SL_STR("eu"));
    return sl_arena_printf(a,
                           several ? "https://aiplatform." SL_STR_FMT ".rep.googleapis.com/v1"
                                   : "https://" SL_STR_FMT "-aiplatform.googleapis.com/v1",
                           SL_STR_ARG(location));
}

struct sl_str provider_region_url(const struct provider_kind *kind, struct sl_str region, struct sl_arena *a)
{
    if (sl_str_eq(kind->platform, SL_STR("vertex")))
        return vertex_url(region, a);
    if (!sl_str_eq(kind->platform, SL_STR("bedrock")) || !provider_region_is(region))
        return SL_STR_NONE;
    return sl_arena_printf(a, "https://bedrock-runtime." SL_STR_FMT "." SL_STR_FMT, SL_STR_ARG(region),
                           SL_STR_ARG(aws_suffix(region)));
}
