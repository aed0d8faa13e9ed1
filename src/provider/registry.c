/* The kinds of providers there are; the servers that speak OpenAI's format are in presets.c. If you add one: a row here, and in
 * settings.h the name. Sources: openai.md section 1. */
#include "provider/provider_int.h"

static const struct provider_kind kinds[] = {
    {.name = SL_STR_INIT("openai"),
     .files = true,
     .base_url = SL_STR_INIT("https://api.openai.com/v1"),
     .dialect = SL_STR_INIT("openai"),
     .also = SL_STR_INIT("openai-responses"),
     .prices = SL_STR_INIT("openai"),
     .env_key = SL_STR_INIT("OPENAI_API_KEY"),
     .auth = PROVIDER_BEARER,
     .vendor_headers = true,
     .responses_socket = true,
     .stream_usage = true,
     .client_agent = true},
    {.name = SL_STR_INIT("azure"),
     .files = true,
     .dialect = SL_STR_INIT("openai"),
     .also = SL_STR_INIT("openai-responses"),
     .platform = SL_STR_INIT("azure"),
     .prices = SL_STR_INIT("azure"),
     .env_key = SL_STR_INIT("AZURE_OPENAI_API_KEY"),
     .auth = PROVIDER_API_KEY,
     .responses_socket = true,
     .stream_usage = true,
     .client_agent = true},
    {.name = SL_STR_INIT("openai-compatible"),
     .files = true,
     .dialect = SL_STR_INIT("openai"),
     .platform = SL_STR_INIT("compatible"),
     .auth = PROVIDER_BEARER,
     .stream_usage = true},
    {.name = SL_STR_INIT("anthropic"),
     .files = true,
     .base_url = SL_STR_INIT("https://api.anthropic.com/v1"),
     .dialect = SL_STR_INIT("anthropic"),
     .prices = SL_STR_INIT("anthropic"),
     .open_prefix = SL_STR_INIT("claude"),
     .env_key = SL_STR_INIT("ANTHROPIC_API_KEY"),
     .auth = PROVIDER_X_API_KEY,
     .client_agent = true},
    {.name = SL_STR_INIT("gemini"),
     .base_url = SL_STR_INIT("https://generativelanguage.googleapis.com/v1beta"),
     .dialect = SL_STR_INIT("gemini"),
     .prices = SL_STR_INIT("gemini"),
     .open_prefix = SL_STR_INIT("gemini"),
     .env_key = SL_STR_INIT("GEMINI_API_KEY"),
     .auth = PROVIDER_GOOG_KEY,
     .files = true,
     .client_agent = true},
    {.name = SL_STR_INIT("bedrock"), /* Claude by InvokeModel: bedrock.md section 4 */
     .dialect = SL_STR_INIT("anthropic"),
     .platform = SL_STR_INIT("bedrock"),
     .prices = SL_STR_INIT("bedrock"),
     .env_key = SL_STR_INIT("AWS_BEARER_TOKEN_BEDROCK"),
     .auth = PROVIDER_BEARER,
     .own_errors = true,
     .counts_some = true},
    {.name = SL_STR_INIT("vertex"), /* gemini.md section 20, bedrock.md section 11; other dialects by the model */
     .dialect = SL_STR_INIT("gemini"),
     .platform = SL_STR_INIT("vertex"),
     .prices = SL_STR_INIT("vertex"),
     .auth = PROVIDER_GOOG_ANY,
     .chat_only = true,
     .stream_usage = true,
     .client_agent = true},
    {.name = SL_STR_INIT("sim"),
     .files = true,
     .dialect = SL_STR_INIT("openai"),
     .prices = SL_STR_INIT("openai"),
     .auth = PROVIDER_BEARER,
     .vendor_headers = true,
     .stream_usage = true,
     .client_agent = true},
};

static bool begins(struct sl_str model, struct sl_str with)
{
    return sl_str_starts_nocase(model, with);
}

/* Who made it: "claude-opus-5", "anthropic/claude-opus-5", "publishers/anthropic/models/...", "meta/llama-...-maas". */
static struct sl_str vertex_dialect(struct sl_str model)
{
    if (begins(model, SL_STR("claude")) || begins(model, SL_STR("anthropic/")) ||
        sl_str_find_str(model, SL_STR("publishers/anthropic/")) >= 0)
        return SL_STR("anthropic");
    bool google = begins(model, SL_STR("google/")) || begins(model, SL_STR("models/")) ||
                  begins(model, SL_STR("publishers/google/")) || begins(model, SL_STR("projects/")) ||
                  begins(model, SL_STR("endpoints/")) || sl_str_find(model, '/') < 0;
    return google ? SL_STR("gemini") : SL_STR("openai");
}

bool provider_has_socket(const struct provider *p)
{
    return p->kind->responses_socket && p->api_version.n == 0;
}

bool provider_own_errors(const struct provider *p, struct sl_str dialect)
{
    bool google = sl_str_eq(p->kind->platform, SL_STR("vertex"));
    return p->kind->own_errors || (google && !sl_str_eq(dialect, SL_STR("gemini")));
}

/* By the model's name, as Bedrock has it; what hides its family behind an ARN is spoken to in the format that all families know. */
static bool is_claude(struct sl_str model)
{
    return sl_str_find_str(model, SL_STR("anthropic.")) >= 0 || sl_str_find_str(model, SL_STR("claude")) >= 0;
}

#define AZURE_RESPONSES                                                                                                \
    SL_STR("2025-03-01") /* the first version of Azure's classic API that has them: openai-compatible.md 7 */

static bool lacks_responses(const struct provider *p)
{
    return p->api_version.n > 0 && sl_str_cmp(p->api_version, AZURE_RESPONSES) < 0;
}

/* Messages clients reach OpenAI's own models by Responses: it carries encrypted reasoning, files, and images in tool results
 * (translate-openai-anthropic.md section 10). */
struct sl_str provider_dialect(const struct provider *p, struct sl_str client, struct sl_str model)
{
    model = provider_known_model(p, model);
    if (sl_str_eq(p->kind->platform, SL_STR("vertex")))
        return vertex_dialect(model);
    if (sl_str_eq(p->kind->platform, SL_STR("bedrock")) && !is_claude(model))
        return SL_STR("bedrock-converse");
    bool also = p->kind->also.n > 0 && !lacks_responses(p) &&
                (p->only_responses || sl_str_eq(p->kind->also, client) || sl_str_eq(client, SL_STR("anthropic")));
    return also ? p->kind->also : p->kind->dialect;
}

const struct provider_kind *provider_kind_at(unsigned i)
{
    if (i < sizeof kinds / sizeof kinds[0])
        return &kinds[i];
    i -= (unsigned)(sizeof kinds / sizeof kinds[0]);
    return i < provider_n_presets ? &provider_presets[i] : NULL;
}

const struct provider_kind *provider_kind_find(struct sl_str name)
{
    const struct provider_kind *k;
    for (unsigned i = 0; (k = provider_kind_at(i)) != NULL; i++)
        if (sl_str_eq(k->name, name))
            return k;
    return NULL;
}
