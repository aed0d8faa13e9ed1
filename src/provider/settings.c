#include "provider/settings.h"

#include <string.h>

static const struct cfg_word KINDS[] = {
#define X(id, name, text) {name, PROVIDER_##id, text},
    PROVIDER_KINDS(X)
#undef X
        {NULL, 0, NULL}};
static const struct cfg_word HTTP[] = {{"auto", PROVIDER_HTTP_AUTO, "what the server offers on TLS, else HTTP/1.1"},
                                       {"1", PROVIDER_HTTP_1, "HTTP/1.1"},
                                       {"2", PROVIDER_HTTP_2, "HTTP/2, without TLS by prior knowledge"},
                                       {NULL, 0, NULL}};
static const struct cfg_word FILES[] = {
    {"auto", FILES_AUTO,
     "as is known of its kind: openai, azure, anthropic, groq, qwen, moonshot, openai-compatible and sim have them"},
    {"provider", FILES_THERE, "it has them"},
    {"gateway", FILES_HERE, "it has none"},
    {NULL, 0, NULL}};

static const struct cfg_word PRIVATE[] = {
    {"auto", PROVIDER_PRIVATE_AUTO, "as base_url says: allowed when it names such an address or a local name"},
    {"no", PROVIDER_PRIVATE_NO, "never"},
    {"yes", PROVIDER_PRIVATE_YES, "always"},
    {NULL, 0, NULL}};

const struct cfg_section proxy_settings_section = {
    .short_form = "url",
    .settings = (const struct cfg_setting[]){
        {"url", CFG_URL_AT(struct proxy_settings, url), .flags = CFG_OFF,
         .text = "The proxy, `http://HOST:PORT`. It is asked to CONNECT, so it sees host names but no content."},
        {"user", CFG_STRING_AT(struct proxy_settings, user), .text = "User name, where the proxy wants one."},
        {"password", CFG_SECRET_AT(struct proxy_settings, password), .text = "Password of that user."},
        CFG_END}};

static const struct cfg_section TLS = {
    .settings = (const struct cfg_setting[]){
        {"ca", CFG_PATH_AT(struct provider_tls_settings, ca),
         .text = "Authorities in PEM that the server's certificate is verified against, instead of the system's."},
        {"verify_name", CFG_STRING_AT(struct provider_tls_settings, verify_name),
         .text = "Name that the server's certificate must be for, when it is not the host of base_url. Verification "
                 "itself cannot be turned off."},
        CFG_END}};

static const struct cfg_section AWS = {
    .settings = (const struct cfg_setting[]){
        {"access_key_id", CFG_SECRET_AT(struct provider_aws_settings, access_key_id),
         .text = "The pair's public half."},
        {"secret_access_key", CFG_SECRET_AT(struct provider_aws_settings, secret_access_key),
         .text = "The pair's other half. It never leaves the process: signatures do."},
        {"session_token", CFG_SECRET_AT(struct provider_aws_settings, session_token),
         .text = "Of temporary keys. They end within hours: whoever makes new ones writes them here and reloads."},
        CFG_END}};

static const struct cfg_section ENTRA = {
    .settings = (const struct cfg_setting[]){
        {"tenant", CFG_STRING_AT(struct provider_entra_settings, tenant), .text = "The tenant's id or domain."},
        {"client_id", CFG_STRING_AT(struct provider_entra_settings, client_id),
         .text = "The application's id. It needs the role `Cognitive Services OpenAI User`."},
        {"client_secret", CFG_SECRET_AT(struct provider_entra_settings, client_secret),
         .text = "A secret of the application."},
        {"authority", CFG_URL_AT(struct provider_entra_settings, authority),
         .text = "Where tokens are given, when it is not https://login.microsoftonline.com."},
        CFG_END}};

static bool is_token(struct sl_str name) /* RFC 9110 5.6.2 */
{
    for (size_t i = 0; i < name.n; i++) {
        char c = sl_lower(name.p[i]);
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_plain && (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return name.n != 0 && name.n <= 100;
}

/* Headers that only the connection itself may write, or that carry a credential. */
static bool is_reserved(struct sl_str name)
{
    static const struct sl_str RESERVED[] = {
        SL_STR_INIT("host"),       SL_STR_INIT("connection"),        SL_STR_INIT("content-length"),
        SL_STR_INIT("te"),         SL_STR_INIT("transfer-encoding"), SL_STR_INIT("upgrade"),
        SL_STR_INIT("keep-alive"), SL_STR_INIT("proxy-connection"),  SL_STR_INIT("proxy-authorization"),
        SL_STR_INIT("trailer"),    SL_STR_INIT("content-encoding"),  SL_STR_INIT("accept-encoding"),
        SL_STR_INIT("expect"),
    };
    for (size_t i = 0; i < sizeof RESERVED / sizeof *RESERVED; i++)
        if (sl_str_eq_nocase(name, RESERVED[i]))
            return true;
    return false;
}

static const char *header_refused(struct sl_str name)
{
    if (!is_token(name))
        return "is not a header's name";
    if (sl_str_eq_nocase(name, SL_STR("authorization")))
        return "is not set here: credentials belong in keys";
    return is_reserved(name) ? "is not set here: the connection writes it itself" : NULL;
}

static const char *pass_refused(struct sl_str name)
{
    if (sl_str_ends(name, SL_STR("*")))
        name.n--;
    if (!is_token(name))
        return "not a header's name, nor the beginning of one with '*' behind it";
    if (is_reserved(name) || sl_str_eq_nocase(name, SL_STR("authorization")) ||
        sl_str_eq_nocase(name, SL_STR("cookie")) || sl_str_eq_nocase(name, SL_STR("x-api-key")) ||
        sl_str_eq_nocase(name, SL_STR("api-key")))
        return "this header of the client's never goes on to a provider";
    return NULL;
}

static const char *name_refused(struct sl_str name)
{
    if (name.n > 64)
        return "is longer than 64 bytes";
    for (size_t i = 0; i < name.n; i++) {
        char c = sl_lower(name.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && strchr("._-", c) == NULL)
            return "holds other characters than letters, digits, '.', '_' and '-'";
    }
    return NULL;
}

static const struct cfg_section HEADER = {
    .short_form = "value",
    .name_offset = offsetof(struct provider_header_settings, name),
    .name_called = "header",
    .name_refused = header_refused,
    .settings = (const struct cfg_setting[]){{"value", CFG_SECRET_AT(struct provider_header_settings, value),
                                              .flags = CFG_REQUIRED,
                                              .text = "The header's value; treated as a secret, because some are."},
                                             CFG_END}};

static const char *deployment_refused(struct sl_str name)
{
    return name.n > 512 ? "is longer than 512 bytes" : NULL;
}

static const struct cfg_section DEPLOYMENT = {
    .short_form = "model",
    .name_offset = offsetof(struct provider_deployment_settings, name),
    .name_called = "deployment",
    .name_refused = deployment_refused,
    .settings = (const struct cfg_setting[]){{"model", CFG_STRING_AT(struct provider_deployment_settings, model),
                                              .flags = CFG_REQUIRED,
                                              .text = "The model's own name, as price lists have it: `gpt-5-mini`."},
                                             CFG_END}};

const struct cfg_section provider_settings_section = {
    .name_offset = offsetof(struct provider_settings, name),
    .name_called = "provider",
    .name_refused = name_refused,
    .settings = (const struct cfg_setting[]){
        {"kind", CFG_ENUM_AT(struct provider_settings, kind, KINDS), .flags = CFG_REQUIRED,
         .text = "What is at the other end."},
        {"base_url", CFG_URL_AT(struct provider_settings, base_url),
         .text =
             "Where its API begins, up to and with the version, as in https://api.openai.com/v1. The vendors' own kinds "
             "know theirs."},
        {"keys", CFG_LIST_AT(struct provider_settings, keys, CFG_SECRET), .max = 100,
         .text = "API keys; with several, requests are spread over them. The vendors' own kinds need one."},
        {"key_accounts", CFG_LIST_AT(struct provider_settings, key_accounts, CFG_STRING), .max = 100,
         .text =
             "Which of the keys are of one account (organization, project) and so share its limits and its credit: a name for each, in "
             "the order of `keys`, as in [research, research, sales]. What an answer tells of limits then counts for all keys of "
             "the account, a 429 lets all of them wait, and spent credit rests them all. Without it each key is taken to "
             "have limits of its own."},
        {"aws", CFG_SECTION_AT(struct provider_settings, aws, &AWS),
         .text =
             "Kind bedrock: a pair of AWS to sign requests with (Signature Version 4), instead of keys. Needs region."},
        {"entra", CFG_SECTION_AT(struct provider_settings, entra, &ENTRA),
         .text =
             "Kind azure: an application of Microsoft Entra ID, instead of keys. Its access tokens are fetched and renewed "
             "by themselves."},
        {"credentials", CFG_SECRET_AT(struct provider_settings, credentials), .flags = CFG_DOCUMENT,
         .text =
             "Kind vertex: what access tokens are fetched with, instead of keys. The JSON of a service account or of `gcloud auth "
             "application-default login`, as `file:PATH` or as it is; or `metadata`, on Google's machines; or "
             "`metadata:HOST`. There, `keys` are API keys of express mode, or access tokens that somebody else renews."},
        {"api_version", CFG_STRING_AT(struct provider_settings, api_version),
         .text =
             "Kind azure: the version of its classic paths, `2024-10-21`; the provider's model name is then the name of "
             "the deployment, and base_url ends with /openai. Without it the v1 paths are asked."},
        {"region", CFG_STRING_AT(struct provider_settings, region),
         .text =
             "Where it processes data: `eu`, `us`. A name of your own, for records and rules; of kind bedrock the AWS "
             "region, `eu-central-1`, and of kind vertex the location, `europe-west4`, `eu` or `global`: base_url follows from it."},
        {"organization", CFG_STRING_AT(struct provider_settings, organization),
         .text = "Sent as `openai-organization`."},
        {"project", CFG_STRING_AT(struct provider_settings, project),
         .text = "Sent as `openai-project`. Kind vertex: the Google Cloud project; else the one of its credentials."},
        {"http", CFG_ENUM_AT(struct provider_settings, http, HTTP), .preset = "auto",
         .text = "HTTP version towards it."},
        {"tls", CFG_SECTION_AT(struct provider_settings, tls, &TLS), .text = "How its certificate is verified."},
        {"proxy", CFG_SECTION_AT(struct provider_settings, proxy, &proxy_settings_section),
         .text = "An HTTP CONNECT proxy on the way to it, instead of upstream.proxy; `off`: none."},
        {"headers", CFG_MAP_AT(struct provider_settings, headers, &HEADER), .max = 32,
         .text = "Headers to send with every request to it, `name: value`."},
        {"pass_headers", CFG_LIST_AT(struct provider_settings, pass_headers, CFG_STRING), .max = 64,
         .refused = pass_refused,
         .text =
             "Further headers of clients that go on to it, `x-foo` or `x-foo-*`. Others than the known ones do not, "
             "because an unknown header may carry somebody's secret."},
        {"models", CFG_LIST_AT(struct provider_settings, models, CFG_STRING), .max = 1000,
         .text =
             "Models it is known to have: listed for clients as `NAME/model`, and allowed to be asked for like that "
             "even when `direct` is false."},
        {"deployments", CFG_MAP_AT(struct provider_settings, deployments, &DEPLOYMENT), .max = 1000,
         .text =
             "Which model stands behind a name of your own, `name: model`: a deployment of Azure's (`our-gpt: gpt-5-mini`), an "
             "endpoint of Ark's (`ep-20260101-abc: doubao-seedance-2-0-260128`), the ARN of an application inference profile of "
             "Bedrock's. The provider is asked by your name; what the model can do, what it costs and how its "
             "tokens are counted go by its own. Without it such a name is of an unknown model without a price."},
        {"direct", CFG_BOOL_AT(struct provider_settings, direct), .preset = "true",
         .text = "Clients may ask for any model of it as `NAME/model`."},
        {"open_models", CFG_BOOL_AT(struct provider_settings, open_models), .preset = "false",
         .text =
             "It gets every model name that no entry of `models` answers to, as it was asked for; "
             "of several of one kind the first one gets them. Kind anthropic gets those that begin with `claude`, kind "
             "gemini those that begin with `gemini`, any other kind the rest."},
        {"allow_private", CFG_ENUM_AT(struct provider_settings, allow_private, PRIVATE), .preset = "auto",
         .text = "Whether its name may lead to a loopback, private or link-local address. Checked when connecting, so "
                 "that a changed name cannot lead into your own network."},
        {"only_responses", CFG_BOOL_AT(struct provider_settings, only_responses), .preset = "false",
         .text =
             "Kinds openai and azure: its models are only asked by Responses, also for clients of chat and Gemini. For "
             "models that have no chat completions. Clients of Responses and Messages are always brought there."},
        {"zero_retention", CFG_BOOL_AT(struct provider_settings, zero_retention), .preset = "false",
         .text = "It keeps nothing of prompts and answers: by contract, or because it is your own."},
        {"files", CFG_ENUM_AT(struct provider_settings, files, FILES), .preset = "auto",
         .text =
             "Whether it has files and batches of OpenAI's or Anthropic's form. Batches for providers that have none are run by "
             "the gateway, line by line (`batches`)."},
        CFG_END}};

const char *provider_kind_name(enum provider_kind_setting k)
{
    for (const struct cfg_word *w = KINDS; w->word != NULL; w++)
        if (w->value == (unsigned)k)
            return w->word;
    return "";
}
