/* The kinds of providers there are. If you add one: a row here, and in settings.c the name. Sources: openai.md section 1. */
#include "provider/provider.h"

static const struct provider_kind kinds[] = {
    {.name = SL_STR_INIT("openai"),
     .base_url = SL_STR_INIT("https://api.openai.com/v1"),
     .dialect = SL_STR_INIT("openai"),
     .env_key = SL_STR_INIT("OPENAI_API_KEY"),
     .auth = PROVIDER_BEARER,
     .vendor_headers = true,
     .stream_usage = true,
     .client_agent = true},
    {.name = SL_STR_INIT("openai-compatible"),
     .dialect = SL_STR_INIT("openai"),
     .auth = PROVIDER_BEARER,
     .stream_usage = true},
    {.name = SL_STR_INIT("sim"),
     .dialect = SL_STR_INIT("openai"),
     .auth = PROVIDER_BEARER,
     .vendor_headers = true,
     .stream_usage = true,
     .client_agent = true},
};

const struct provider_kind *provider_kind_at(unsigned i)
{
    return i < sizeof kinds / sizeof kinds[0] ? &kinds[i] : NULL;
}

const struct provider_kind *provider_kind_find(struct sl_str name)
{
    const struct provider_kind *k;
    for (unsigned i = 0; (k = provider_kind_at(i)) != NULL; i++)
        if (sl_str_eq(k->name, name))
            return k;
    return NULL;
}
