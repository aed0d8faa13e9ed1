/* The settings under `providers`: accounts at vendors and servers of one's own. Immutable. */
#ifndef SLUICE_PROVIDER_SETTINGS_H
#define SLUICE_PROVIDER_SETTINGS_H

#include "config/schema.h"

/* X(id, name, text), in the order to show them. */
#define PROVIDER_KINDS(X)                                                                                              \
    X(OPENAI, "openai", "OpenAI itself, or a resource of it in a region (set base_url)")                               \
    X(OPENAI_COMPATIBLE, "openai-compatible",                                                                          \
      "a server that speaks OpenAI's format and has no kind of its own; needs base_url")                               \
    X(AZURE, "azure", "Azure OpenAI; base_url ends with /openai/v1, or with /openai where api_version is set")         \
    X(ANTHROPIC, "anthropic", "Anthropic's Messages API")                                                              \
    X(GEMINI, "gemini", "Google's Gemini API")                                                                         \
    X(VERTEX, "vertex",                                                                                                \
      "Google's Vertex AI: Gemini, Claude, and open models; set region to the location, as in europe-west4 or global") \
    X(BEDROCK, "bedrock", "Amazon Bedrock; set region to the AWS region")                                              \
    X(VLLM, "vllm", "a vLLM server; set base_url when it is not on this machine")                                      \
    X(OLLAMA, "ollama", "an Ollama server")                                                                            \
    X(LLAMACPP, "llamacpp", "a llama.cpp server")                                                                      \
    X(GROQ, "groq", "Groq")                                                                                            \
    X(DEEPSEEK, "deepseek", "DeepSeek")                                                                                \
    X(MISTRAL, "mistral", "Mistral")                                                                                   \
    X(XAI, "xai", "xAI")                                                                                               \
    X(TOGETHER, "together", "Together")                                                                                \
    X(FIREWORKS, "fireworks", "Fireworks")                                                                             \
    X(OPENROUTER, "openrouter", "OpenRouter")                                                                          \
    X(PERPLEXITY, "perplexity", "Perplexity")                                                                          \
    X(COHERE, "cohere", "Cohere's compatibility API")                                                                  \
    X(QWEN, "qwen", "Alibaba's Model Studio (DashScope)")                                                              \
    X(MOONSHOT, "moonshot", "Moonshot (Kimi)")                                                                         \
    X(ZHIPU, "zhipu", "Z.ai (Zhipu, GLM)")                                                                             \
    X(ARK, "ark", "Volcengine's Ark (Doubao, Seed, Seedance)")                                                         \
    X(BYTEPLUS, "byteplus", "BytePlus' ModelArk (Seed, Seedance) in the Asia-Pacific region")                          \
    X(RUNWAY, "runway", "Runway: videos only")                                                                         \
    X(KLING, "kling", "Kling: videos only; a key is an API key, or ACCESS:SECRET; needs base_url")                     \
    X(FAL, "fal", "fal's queue: videos only; the model is the path of an app")                                         \
    X(REPLICATE, "replicate", "Replicate: videos only; the model is OWNER/NAME")                                       \
    X(LUMA, "luma", "Luma's Dream Machine: videos only")                                                               \
    X(MINIMAX, "minimax", "MiniMax (Hailuo): videos only")                                                             \
    X(VIDU, "vidu", "Vidu: videos only")                                                                               \
    X(PIXVERSE, "pixverse", "PixVerse: videos only, by text")                                                          \
    X(SIM, "sim", "simulated answers; without base_url from inside this process")

enum provider_kind_setting {
    PROVIDER_KIND_NONE = 0, /* what the file says is wrong */
#define X(id, ...) PROVIDER_##id,
    PROVIDER_KINDS(X)
#undef X
};
enum provider_http {
    PROVIDER_HTTP_AUTO = 0,
    PROVIDER_HTTP_1,
    PROVIDER_HTTP_2
};
enum provider_private {
    PROVIDER_PRIVATE_AUTO = 0,
    PROVIDER_PRIVATE_NO,
    PROVIDER_PRIVATE_YES
};

struct proxy_settings { /* an HTTP CONNECT proxy; also under `upstream` */
    struct cfg_url url; /* text empty: none */
    struct sl_str user;
    struct sl_secret password;
};

struct provider_tls_settings {
    struct sl_str ca;          /* PEM file; empty: the system's authorities */
    struct sl_str verify_name; /* empty: the host of base_url */
};

struct provider_aws_settings { /* kind bedrock: what requests are signed with; access_key_id empty: not signed */
    struct sl_secret access_key_id, secret_access_key;
    struct sl_secret session_token; /* of temporary keys; empty: none */
};

struct provider_entra_settings { /* kind azure: what tokens are fetched with; client_id empty: keys are sent */
    struct sl_str tenant, client_id;
    struct sl_secret client_secret;
    struct cfg_url authority; /* text empty: the public cloud's */
};

struct provider_header_settings { /* sent with every request to the provider; values may be secrets */
    struct sl_str name;           /* lower case */
    struct sl_secret value;
};

struct provider_deployment_settings {
    struct sl_str name;  /* as the provider's owner calls it */
    struct sl_str model; /* the model's public name */
};

enum provider_files {
    FILES_AUTO = 0, /* as the kind has it */
    FILES_THERE,
    FILES_HERE
};

struct provider_settings {
    struct sl_str name;
    enum provider_kind_setting kind;
    struct cfg_url base_url; /* always set once read, but for kind sim: empty means the simulator inside the process */
    CFG_LIST_OF(struct sl_secret) keys;
    struct provider_aws_settings aws;
    struct provider_entra_settings entra;
    struct sl_secret credentials; /* kind vertex: what a token is fetched with; empty: keys */
    struct sl_str api_version;    /* kind azure; empty: its v1 paths */
    struct sl_str region, organization, project;
    enum provider_http http;
    struct provider_tls_settings tls;
    struct proxy_settings proxy; /* url empty: upstream.proxy is used */
    bool no_proxy;               /* `proxy: off`: neither. Filled by the third pass */
    CFG_LIST_OF(struct provider_header_settings) headers;
    CFG_LIST_OF(struct provider_deployment_settings) deployments;
    CFG_LIST_OF(struct sl_str) pass_headers; /* of the client's; lower case; "x-foo-*" for a prefix */
    CFG_LIST_OF(struct sl_str) models;       /* known ones: listed as "name/model", and allowed when not direct */
    enum provider_private allow_private;     /* never AUTO once read */
    bool zero_retention;
    enum provider_files files;
    bool only_responses;
    bool direct;                             /* clients may ask for "name/any-model" */
    CFG_LIST_OF(struct sl_str) key_accounts; /* as many as keys, or none */
    bool open_models;                        /* gets every model name that nothing else answers to */
};

extern const struct cfg_section provider_settings_section; /* of one provider */
extern const struct cfg_section proxy_settings_section;

/* Whether a token is fetched for it. */
static inline bool provider_settings_log_in(const struct provider_settings *p)
{
    return p->credentials.n > 0 || p->entra.client_id.n > 0;
}

const char *provider_kind_name(enum provider_kind_setting k);

#endif
