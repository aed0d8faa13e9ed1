/* What an error of a provider means, from its status and the words of its body: a table. To add a vendor's error, add a row;
 * the first that fits counts, so what is more precise stands above. Sources: openai.md 2.2 to 2.5, anthropic.md 9, gemini.md
 * 10.2 to 10.4, bedrock.md 8 and 11.4, openai-compatible.md 6 to 22, seedance.md 14 (all November 2026), and recorded answers. */
#include "provider/provider.h"

#define MESSAGE_LOOK_BYTES 1024u /* of a message: the telling words stand at its beginning */

enum part {
    ANY = 0, /* the status is enough */
    NAME,    /* code, type or reason is this, in any case */
    UNTIMED, /* the same, and it did not say when to come again */
    STEM,    /* code, type or reason begins with this, in any case */
    WITHIN,  /* holds this */
    TEXT,    /* message holds this (lower case), in any case */
    QUOTA    /* the quota's name does */
};

/* Not an outcome: what the status in the body says, and without one that the server failed. */
#define PF_INNER ((enum provider_fault)(PF_MALFORMED + 1))

struct error_row {
    uint32_t words;    /* enum provider_words: whose */
    uint16_t from, to; /* statuses */
    uint8_t part, fault;
    struct sl_str text;
};

#define ROW(whose, a, b, p, t, f)                                                                                      \
    {                                                                                                                  \
        .words = (whose), .from = a, .to = b, .part = p, .fault = PF_##f, .text = SL_STR_INIT(t)                       \
    }
static const struct error_row rows[] = {
    /* ---- the credential: nothing else counts behind a 401 ---- */
    ROW(WORDS_ALL, 401, 401, ANY, "", BAD_CREDENTIALS),
    ROW(WORDS_ALL, 400, 403, NAME, "invalid_api_key", BAD_CREDENTIALS),
    ROW(WORDS_ALL, 400, 403, NAME, "authentication_error", BAD_CREDENTIALS),
    ROW(WORDS_OPENAI, 400, 403, NAME, "account_deactivated", BAD_CREDENTIALS),
    ROW(WORDS_GOOGLE, 400, 403, NAME, "API_KEY_INVALID", BAD_CREDENTIALS),
    ROW(WORDS_GOOGLE, 400, 403, NAME, "API_KEY_EXPIRED", BAD_CREDENTIALS),
    ROW(WORDS_GOOGLE, 400, 403, NAME, "UNAUTHENTICATED", BAD_CREDENTIALS),
    ROW(WORDS_GOOGLE, 400, 403, TEXT, "api key not valid", BAD_CREDENTIALS),
    ROW(WORDS_GOOGLE, 403, 403, TEXT, "reported as leaked", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "UnrecognizedClientException", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "InvalidSignatureException", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "IncompleteSignatureException", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "ExpiredTokenException", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "ExpiredToken", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "InvalidClientTokenId", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "SignatureDoesNotMatch", BAD_CREDENTIALS), /* a clock that is wrong, too */
    ROW(WORDS_AWS, 400, 403, NAME, "RequestTimeTooSkewed", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "RequestExpired", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, TEXT, "signature expired", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, TEXT, "signature not yet current", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, TEXT, "security token included in the request is", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "MissingAuthenticationToken", BAD_CREDENTIALS),
    ROW(WORDS_AWS, 400, 403, NAME, "MissingAuthenticationTokenException", BAD_CREDENTIALS),
    ROW(WORDS_XAI, 400, 403, TEXT, "incorrect api key provided",
        BAD_CREDENTIALS), /* openai-compatible.md 14: 400, not 401 */
    ROW(WORDS_MOONSHOT, 400, 403, NAME, "invalid_authentication_error", BAD_CREDENTIALS),
    ROW(WORDS_MOONSHOT, 400, 403, NAME, "incorrect_api_key_error", BAD_CREDENTIALS),
    ROW(WORDS_MISTRAL, 500, 599, NAME, "internal_server_error", SERVER_ERROR), /* with code 1000, too */
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1000", BAD_CREDENTIALS),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1001", BAD_CREDENTIALS),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1002", BAD_CREDENTIALS),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1003", BAD_CREDENTIALS),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1004", BAD_CREDENTIALS),
    ROW(WORDS_COHERE, 498, 498, TEXT, "invalid token", BAD_CREDENTIALS),
    ROW(WORDS_ARK, 400, 403, NAME, "AuthenticationError", BAD_CREDENTIALS),

    /* ---- billing: waiting does not help; look at the code, not only at the type ---- */
    ROW(WORDS_ALL, 400, 499, NAME, "insufficient_quota", QUOTA_EXHAUSTED),
    ROW(WORDS_ALL, 400, 499, NAME, "billing_hard_limit_reached", QUOTA_EXHAUSTED),
    ROW(WORDS_OPENAI, 400, 499, NAME, "billing_not_active", QUOTA_EXHAUSTED),
    ROW(WORDS_OPENAI, 400, 499, NAME, "credit_balance_exhausted", QUOTA_EXHAUSTED),
    ROW(WORDS_OPENAI, 400, 499, NAME, "organization_spend_limit_exceeded", QUOTA_EXHAUSTED),
    ROW(WORDS_OPENAI, 400, 499, NAME, "project_spend_limit_exceeded", QUOTA_EXHAUSTED),
    ROW(WORDS_OPENAI, 400, 499, NAME, "organization_usage_limit_exceeded", QUOTA_EXHAUSTED),
    ROW(WORDS_ANTHROPIC, 400, 499, NAME, "billing_error", QUOTA_EXHAUSTED),
    ROW(WORDS_ANTHROPIC, 400, 499, NAME, "enforced_spend_limit_reached", QUOTA_EXHAUSTED),
    ROW(WORDS_ANTHROPIC, 400, 499, NAME, "contract_spend_limit_reached", QUOTA_EXHAUSTED),
    ROW(WORDS_ANTHROPIC, 400, 499, TEXT, "reached your specified api usage limits", QUOTA_EXHAUSTED),
    ROW(WORDS_ANTHROPIC, 400, 499, TEXT, "credit balance is too low", QUOTA_EXHAUSTED),
    ROW(WORDS_GOOGLE, 429, 429, TEXT, "limit: 0,", MODEL_GONE), /* not in this plan: terminal for key and model */
    ROW(WORDS_GOOGLE, 429, 429, TEXT, "limit: 0\\n", MODEL_GONE),
    ROW(WORDS_GOOGLE, 429, 429, QUOTA, "perday", QUOTA_EXHAUSTED), /* until midnight, Pacific time */
    ROW(WORDS_GOOGLE, 429, 429, QUOTA, "daily", QUOTA_EXHAUSTED),
    ROW(WORDS_GOOGLE, 400, 499, NAME, "INSUFFICIENT_G1_CREDITS_BALANCE", QUOTA_EXHAUSTED),
    ROW(WORDS_GOOGLE, 400, 499, UNTIMED, "QUOTA_EXHAUSTED", QUOTA_EXHAUSTED),
    ROW(WORDS_AWS, 400, 499, TEXT, "too many tokens per day", QUOTA_EXHAUSTED),
    ROW(WORDS_AWS, 400, 499, NAME, "ServiceQuotaExceededException", QUOTA_EXHAUSTED),
    ROW(WORDS_XAI, 403, 429, TEXT, "spending limit", QUOTA_EXHAUSTED),
    ROW(WORDS_XAI, 403, 429, TEXT, "available credits", QUOTA_EXHAUSTED),
    ROW(WORDS_XAI, 403, 429, TEXT, "have any credits", QUOTA_EXHAUSTED),
    ROW(WORDS_FIREWORKS, 412, 412, ANY, "", QUOTA_EXHAUSTED),            /* account suspended */
    ROW(WORDS_COHERE, 429, 429, TEXT, "calls / month", QUOTA_EXHAUSTED), /* trial keys */
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "Arrearage", QUOTA_EXHAUSTED),
    ROW(WORDS_MOONSHOT, 400, 499, NAME, "exceeded_current_quota_error", QUOTA_EXHAUSTED),
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1110", QUOTA_EXHAUSTED),
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1111", QUOTA_EXHAUSTED),
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1112", QUOTA_EXHAUSTED),
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1113", QUOTA_EXHAUSTED), /* arrears */
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1304", QUOTA_EXHAUSTED), /* limits of the plan: these four */
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1308", QUOTA_EXHAUSTED),
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1309", QUOTA_EXHAUSTED),
    ROW(WORDS_ZHIPU, 429, 429, NAME, "1310", QUOTA_EXHAUSTED),
    ROW(WORDS_ARK, 400, 499, NAME, "AccountOverdueError", QUOTA_EXHAUSTED),
    ROW(WORDS_ARK, 400, 499, STEM, "OperationDenied.ServiceOverdue", QUOTA_EXHAUSTED),
    ROW(WORDS_ARK, 400, 499, NAME, "SetLimitExceeded", QUOTA_EXHAUSTED), /* the bound that the account's owner set */
    ROW(WORDS_ALL, 402, 402, ANY, "", QUOTA_EXHAUSTED), /* DeepSeek, OpenRouter, Together, Cohere, Anthropic */

    /* ---- too long for this model: a longer one may take it. Also with 5xx: some servers give their client's fault so ---- */
    ROW(WORDS_ALL, 400, 599, NAME, "context_length_exceeded", CONTEXT_OVERFLOW),
    ROW(WORDS_ALL, 400, 599, TEXT, "maximum context length",
        CONTEXT_OVERFLOW), /* OpenAI, vLLM, DeepSeek, OpenRouter, Mistral, Fireworks */
    ROW(WORDS_ALL, 400, 599, TEXT, "exceeds the context window", CONTEXT_OVERFLOW),
    ROW(WORDS_ALL, 400, 599, TEXT, "prompt is too long", CONTEXT_OVERFLOW), /* Anthropic, also through others */
    ROW(WORDS_ANTHROPIC, 400, 499, TEXT, "exceed context limit", CONTEXT_OVERFLOW),
    ROW(WORDS_GOOGLE, 400, 599, TEXT, "exceeds the maximum number of tokens allowed", CONTEXT_OVERFLOW),
    ROW(WORDS_AWS, 400, 599, TEXT, "input is too long", CONTEXT_OVERFLOW),
    ROW(WORDS_AWS, 400, 599, TEXT, "too many input tokens", CONTEXT_OVERFLOW),
    ROW(WORDS_LOCAL, 400, 599, NAME, "exceed_context_size_error", CONTEXT_OVERFLOW),                    /* llama.cpp */
    ROW(WORDS_LOCAL, 400, 599, TEXT, "available context size", CONTEXT_OVERFLOW),                       /* llama.cpp */
    ROW(WORDS_LOCAL, 400, 599, TEXT, "model's context length", CONTEXT_OVERFLOW),                       /* vLLM */
    ROW(WORDS_LOCAL, 400, 599, TEXT, "max context length", CONTEXT_OVERFLOW),                           /* Ollama */
    ROW(WORDS_LOCAL | WORDS_TOGETHER, 400, 499, TEXT, "`max_new_tokens` must be <=", CONTEXT_OVERFLOW), /* TGI */
    ROW(WORDS_GROQ, 400, 499, TEXT, "reduce the length of the messages", CONTEXT_OVERFLOW),
    ROW(WORDS_MISTRAL, 400, 400, TEXT, "too large for model", CONTEXT_OVERFLOW),
    ROW(WORDS_XAI, 400, 499, TEXT, "maximum prompt length", CONTEXT_OVERFLOW),
    ROW(WORDS_TOGETHER, 403, 403, TEXT, "context length", CONTEXT_OVERFLOW),
    ROW(WORDS_PERPLEXITY, 400, 499, NAME, "too_many_prompt_tokens", CONTEXT_OVERFLOW),
    ROW(WORDS_COHERE, 400, 499, NAME, "TOO_MANY_TOKENS", CONTEXT_OVERFLOW),
    ROW(WORDS_COHERE, 400, 499, TEXT, "too many tokens:", CONTEXT_OVERFLOW),
    ROW(WORDS_DASHSCOPE, 400, 499, TEXT, "range of input length", CONTEXT_OVERFLOW),
    ROW(WORDS_MOONSHOT, 400, 499, TEXT, "exceeded model token limit", CONTEXT_OVERFLOW),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1261", CONTEXT_OVERFLOW),

    /* ---- refused for what it says: passed on, never tried elsewhere without a word ---- */
    ROW(WORDS_ALL, 400, 499, NAME, "content_policy_violation", CONTENT_FILTER),
    ROW(WORDS_ALL, 400, 499, NAME, "content_filter", CONTENT_FILTER), /* Azure, Moonshot */
    ROW(WORDS_OPENAI, 400, 499, NAME, "moderation_blocked", CONTENT_FILTER),
    ROW(WORDS_OPENAI, 400, 499, NAME, "invalid_prompt", CONTENT_FILTER),
    ROW(WORDS_OPENAI, 400, 499, NAME, "cyber_policy", CONTENT_FILTER),
    ROW(WORDS_OPENAI, 400, 499, NAME, "bio_policy", CONTENT_FILTER),
    ROW(WORDS_OPENAI, 400, 499, NAME, "misalignment_policy_violation", CONTENT_FILTER),
    ROW(WORDS_OPENAI, 400, 499, NAME, "image_content_policy_violation", CONTENT_FILTER),
    ROW(WORDS_AZURE, 400, 499, NAME, "ResponsibleAIPolicyViolation", CONTENT_FILTER),
    ROW(WORDS_XAI, 400, 499, TEXT, "usage guidelines", CONTENT_FILTER),
    ROW(WORDS_OPENROUTER, 403, 403, TEXT, "requires moderation", CONTENT_FILTER),
    ROW(WORDS_OPENROUTER, 403, 403, TEXT, "input was flagged", CONTENT_FILTER),
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "data_inspection_failed", CONTENT_FILTER),
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "DataInspectionFailed", CONTENT_FILTER),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1301", CONTENT_FILTER),
    ROW(WORDS_ARK, 400, 499, WITHIN, "SensitiveContentDetected", CONTENT_FILTER), /* InputText..., ....Violence */
    ROW(WORDS_ARK, 400, 499, WITHIN, "putTextRiskDetection", CONTENT_FILTER),     /* In..., Out... */

    /* ---- the model, not the request ---- */
    ROW(WORDS_ALL, 400, 499, NAME, "model_not_found", MODEL_GONE),
    ROW(WORDS_AZURE, 400, 499, NAME, "DeploymentNotFound", MODEL_GONE),
    ROW(WORDS_AZURE, 400, 499, NAME, "OperationNotSupported", MODEL_GONE),
    ROW(WORDS_ANTHROPIC, 404, 404, NAME, "thread_not_found", CLIENT_FAULT), /* not a model */
    ROW(WORDS_ANTHROPIC, 404, 404, NAME, "file_expired", CLIENT_FAULT),
    ROW(WORDS_ANTHROPIC, 400, 499, NAME, "not_found_error", MODEL_GONE),
    ROW(WORDS_GOOGLE, 400, 499, NAME, "NOT_FOUND", MODEL_GONE),
    ROW(WORDS_GOOGLE, 501, 501, NAME, "UNIMPLEMENTED", MODEL_GONE),
    ROW(WORDS_AWS, 400, 499, NAME, "ResourceNotFoundException", MODEL_GONE),
    ROW(WORDS_AWS, 400, 400, TEXT, "model identifier is invalid", MODEL_GONE),
    ROW(WORDS_AWS, 400, 400, TEXT, "on-demand throughput isn", MODEL_GONE),
    ROW(WORDS_AWS, 400, 404, TEXT, "reached the end of its life", MODEL_GONE),
    ROW(WORDS_LOCAL, 404, 404, NAME, "NotFoundError", MODEL_GONE),       /* vLLM */
    ROW(WORDS_LOCAL, 501, 501, NAME, "not_supported_error", MODEL_GONE), /* llama.cpp */
    ROW(WORDS_MISTRAL | WORDS_PERPLEXITY, 400, 499, NAME, "invalid_model", MODEL_GONE),
    ROW(WORDS_DEEPSEEK, 400, 400, TEXT, "supported api model names are", MODEL_GONE),
    ROW(WORDS_XAI, 400, 400, TEXT, "model not found", MODEL_GONE),
    ROW(WORDS_OPENROUTER, 400, 400, TEXT, "is not a valid model id", MODEL_GONE),
    ROW(WORDS_MOONSHOT, 400, 499, NAME, "resource_not_found_error", MODEL_GONE),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1211", MODEL_GONE),
    ROW(WORDS_ARK, 400, 499, STEM, "InvalidEndpoint", MODEL_GONE), /* .ClosedEndpoint, OrModel.NotFound */
    ROW(WORDS_ARK, 400, 499, NAME, "ModelNotOpen", MODEL_GONE),
    ROW(WORDS_ALL, 404, 404, ANY, "", MODEL_GONE), /* unknown model, or no access to it, or a base URL that is wrong */

    /* ---- the account may not ---- */
    ROW(WORDS_OPENAI, 403, 403, NAME, "unsupported_country_region_territory", FORBIDDEN),
    ROW(WORDS_ANTHROPIC, 400, 499, NAME, "permission_error", FORBIDDEN),
    ROW(WORDS_ANTHROPIC, 400, 499, NAME, "organization_on_hold", FORBIDDEN),
    ROW(WORDS_GOOGLE, 403, 403, TEXT, "permission to access the file", CLIENT_FAULT), /* that the request names */
    ROW(WORDS_GOOGLE, 400, 400, TEXT, "is not in an active state", CLIENT_FAULT),     /* a file, yet */
    ROW(WORDS_GOOGLE, 400, 499, NAME, "PERMISSION_DENIED", FORBIDDEN),
    ROW(WORDS_GOOGLE, 400, 400, TEXT, "user location is not supported", FORBIDDEN),
    ROW(WORDS_GOOGLE, 400, 400, NAME, "FAILED_PRECONDITION", FORBIDDEN), /* region, or billing that is not set up */
    ROW(WORDS_AWS, 400, 499, NAME, "AccessDeniedException", FORBIDDEN),
    ROW(WORDS_MOONSHOT, 400, 499, NAME, "permission_denied_error", FORBIDDEN),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1120", FORBIDDEN),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1121", FORBIDDEN),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1220", FORBIDDEN),
    ROW(WORDS_ARK, 400, 499, NAME, "AccessDenied", FORBIDDEN),
    ROW(WORDS_ARK, 400, 499, STEM, "OperationDenied", FORBIDDEN),
    ROW(WORDS_ZHIPU, 434, 434, ANY, "", FORBIDDEN),
    ROW(WORDS_ZHIPU, 435, 435, ANY, "", CLIENT_FAULT), /* a file that is too large */
    ROW(WORDS_ALL, 403, 403, ANY, "", FORBIDDEN),
    ROW(WORDS_ALL, 407, 407, ANY, "", FORBIDDEN),

    /* ---- no room now ---- */
    ROW(WORDS_ALL, 400, 599, NAME, "server_is_overloaded", OVERLOADED),
    ROW(WORDS_OPENAI, 429, 429, NAME, "resource_unavailable", OVERLOADED), /* flex: not charged; another tier may */
    ROW(WORDS_ALL, 400, 599, NAME, "overloaded_error", OVERLOADED),
    ROW(WORDS_GOOGLE, 400, 599, NAME, "MODEL_CAPACITY_EXHAUSTED", OVERLOADED),
    ROW(WORDS_GOOGLE, 400, 599, NAME, "MODEL_CAPACITY_EXCEEDED", OVERLOADED),
    ROW(WORDS_GOOGLE, 500, 599, NAME, "UNAVAILABLE", OVERLOADED),
    ROW(WORDS_AWS, 400, 599, NAME, "ModelNotReadyException", OVERLOADED),
    ROW(WORDS_AWS, 400, 599, NAME, "ServiceUnavailableException", OVERLOADED),
    ROW(WORDS_LOCAL, 500, 599, NAME, "unavailable_error", OVERLOADED), /* llama.cpp: loading */
    ROW(WORDS_GROQ, 400, 599, NAME, "capacity_exceeded", OVERLOADED),
    ROW(WORDS_GROQ, 498, 498, ANY, "", OVERLOADED),
    ROW(WORDS_MISTRAL, 400, 599, NAME, "service_tier_capacity_exceeded", OVERLOADED),
    ROW(WORDS_XAI, 400, 599, NAME, "The service is currently unavailable", OVERLOADED),
    ROW(WORDS_XAI, 400, 599, TEXT, "service is currently unavailable", OVERLOADED),
    ROW(WORDS_DASHSCOPE, 400, 599, NAME, "ModelUnavailable", OVERLOADED),
    ROW(WORDS_MOONSHOT, 400, 599, NAME, "engine_overloaded_error", OVERLOADED),
    ROW(WORDS_ZHIPU, 400, 599, NAME, "1305", OVERLOADED),
    ROW(WORDS_AZURE, 429, 429, TEXT, "high demand", OVERLOADED), /* capacity, not quota */
    ROW(WORDS_ARK, 400, 599, NAME, "ServerOverloaded", OVERLOADED),
    ROW(WORDS_ARK, 400, 599, NAME, "ModelLoadingError", OVERLOADED),
    ROW(WORDS_COHERE, 498, 498, ANY, "", BAD_CREDENTIALS), /* only where Groq cannot be: invalid token */

    /* ---- too fast ---- */
    ROW(WORDS_ALL, 400, 499, NAME, "rate_limit_exceeded", RATE_LIMITED),
    ROW(WORDS_ALL, 400, 499, NAME, "rate_limit_error", RATE_LIMITED),
    ROW(WORDS_OPENAI, 400, 599, NAME, "slow_down",
        RATE_LIMITED), /* was a 503 on some endpoints before it became a 429 */
    ROW(WORDS_AZURE, 400, 499, NAME, "RateLimitReached", RATE_LIMITED),
    ROW(WORDS_ANTHROPIC, 400, 499, NAME, "ramp_limit_exceeded", RATE_LIMITED),
    ROW(WORDS_ANTHROPIC, 409, 409, NAME, "conflict_error", CLIENT_FAULT),
    ROW(WORDS_GOOGLE, 400, 499, NAME, "RESOURCE_EXHAUSTED", RATE_LIMITED),
    ROW(WORDS_GOOGLE, 409, 409, NAME, "ALREADY_EXISTS", CLIENT_FAULT),
    ROW(WORDS_GOOGLE, 409, 409, NAME, "ABORTED", RATE_LIMITED),
    ROW(WORDS_AWS, 400, 599, NAME, "ThrottlingException", RATE_LIMITED),
    ROW(WORDS_AWS, 400, 599, NAME, "TooManyRequestsException", RATE_LIMITED),
    ROW(WORDS_MISTRAL, 400, 499, NAME, "rate_limited", RATE_LIMITED),
    ROW(WORDS_MISTRAL, 429, 429, NAME, "1300", RATE_LIMITED),
    ROW(WORDS_TOGETHER, 400, 499, NAME, "dynamic_request_limited", RATE_LIMITED),
    ROW(WORDS_TOGETHER, 400, 499, NAME, "dynamic_token_limited", RATE_LIMITED),
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "Throttling", RATE_LIMITED),
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "Throttling.RateQuota", RATE_LIMITED),
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "Throttling.AllocationQuota", RATE_LIMITED),
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "limit_requests", RATE_LIMITED),
    ROW(WORDS_DASHSCOPE, 400, 499, NAME, "limit_burst_rate", RATE_LIMITED),
    ROW(WORDS_MOONSHOT, 400, 499, NAME, "rate_limit_reached_error", RATE_LIMITED),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1302", RATE_LIMITED),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1303", RATE_LIMITED),
    ROW(WORDS_ARK, 400, 499, WITHIN, "RateLimitExceeded",
        RATE_LIMITED), /* ModelAccountRpm..., ....EndpointRPMExceeded */
    ROW(WORDS_ARK, 400, 499, NAME, "RequestBurstTooFast", RATE_LIMITED),
    ROW(WORDS_ARK, 400, 499, NAME, "QuotaExceeded", RATE_LIMITED),
    ROW(WORDS_ARK, 400, 499, NAME, "InflightBatchsizeExceeded", RATE_LIMITED), /* too many tasks that run */
    ROW(WORDS_ALL, 429, 429, ANY, "", RATE_LIMITED), /* unnamed, or by what is limited: "tokens", "requests" */

    /* ---- it failed: as names, for errors without a status ---- */
    ROW(WORDS_AWS, 424, 424, NAME, "ModelErrorException", INNER),
    ROW(WORDS_AWS, 424, 424, NAME, "ModelStreamErrorException", INNER),
    ROW(WORDS_AWS, 400, 599, NAME, "ModelTimeoutException", SERVER_ERROR),
    ROW(WORDS_AWS, 400, 599, NAME, "InternalServerException", SERVER_ERROR),
    ROW(WORDS_AWS, 400, 499, NAME, "ConflictException", CLIENT_FAULT),
    ROW(WORDS_AWS, 400, 499, NAME, "ValidationException", CLIENT_FAULT),
    ROW(WORDS_ANTHROPIC, 400, 599, NAME, "timeout_error", SERVER_ERROR),
    ROW(WORDS_GOOGLE, 400, 499, NAME, "INVALID_ARGUMENT", CLIENT_FAULT),
    ROW(WORDS_GOOGLE, 400, 499, NAME, "OUT_OF_RANGE", CLIENT_FAULT),
    ROW(WORDS_GOOGLE, 500, 599, NAME, "INTERNAL", SERVER_ERROR),
    ROW(WORDS_GOOGLE, 500, 599, NAME, "UNKNOWN", SERVER_ERROR),
    ROW(WORDS_GOOGLE, 500, 599, NAME, "DATA_LOSS", SERVER_ERROR),
    ROW(WORDS_GOOGLE, 500, 599, NAME, "DEADLINE_EXCEEDED", SERVER_ERROR),
    ROW(WORDS_GROQ, 424, 424, ANY, "", SERVER_ERROR),
    ROW(WORDS_DASHSCOPE, 400, 599, NAME, "internal_error", SERVER_ERROR),
    ROW(WORDS_ZHIPU, 400, 599, NAME, "1234", SERVER_ERROR), /* its network */
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1210", CLIENT_FAULT), /* parameters: these five */
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1212", CLIENT_FAULT),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1213", CLIENT_FAULT),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1214", CLIENT_FAULT),
    ROW(WORDS_ZHIPU, 400, 499, NAME, "1215", CLIENT_FAULT),
    ROW(WORDS_ARK, 400, 599, NAME, "InternalServiceError", SERVER_ERROR),
    ROW(WORDS_ARK, 400, 599, NAME, "ContentSecurityDetectionError", SERVER_ERROR), /* the check itself failed */
    ROW(WORDS_ARK, 400, 499, NAME, "MissingParameter", CLIENT_FAULT),
    ROW(WORDS_ARK, 400, 499, STEM, "InvalidParameter", CLIENT_FAULT), /* .TaskTypeConstraint, ... */
    ROW(WORDS_ARK, 400, 499, STEM, "InvalidImageURL", CLIENT_FAULT),
    ROW(WORDS_ARK, 409, 409, NAME, "TaskRunningCannotCancel", CLIENT_FAULT),
    ROW(WORDS_ANTHROPIC, 413, 413, NAME, "request_too_large", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "invalid_image", CLIENT_FAULT), /* openai.md 2.4, from here */
    ROW(WORDS_OPENAI, 400, 499, NAME, "invalid_image_format", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "invalid_base64_image", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "invalid_image_url", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "image_too_large", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "image_too_small", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "image_parse_error", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "invalid_image_mode", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "image_file_too_large", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "unsupported_image_media_type", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "empty_image_file", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "failed_to_download_image", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "image_file_not_found", CLIENT_FAULT),
    ROW(WORDS_OPENAI, 400, 499, NAME, "data_residency_mismatch", CLIENT_FAULT),
    ROW(WORDS_ALL, 400, 499, NAME, "invalid_request_error", CLIENT_FAULT),
};
#undef ROW

struct status_row {
    int status;
    enum provider_fault fault;
};
static const struct status_row statuses[] = {
    {401, PF_BAD_CREDENTIALS}, {402, PF_QUOTA_EXHAUSTED}, {403, PF_FORBIDDEN},    {404, PF_MODEL_GONE},
    {407, PF_FORBIDDEN},       {408, PF_SERVER_ERROR},    {409, PF_CLIENT_FAULT}, /* two of its own at once: clients try again */
    {424, PF_SERVER_ERROR},    {425, PF_SERVER_ERROR},    {429, PF_RATE_LIMITED}, {503, PF_OVERLOADED},
    {529, PF_OVERLOADED},
};

static enum provider_fault by_status(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (statuses[i].status == status)
            return statuses[i].fault;
    if (status < 200 || status > 599)
        return PF_MALFORMED;
    if (status < 300)
        return PF_NONE;
    if (status < 400)
        return PF_REDIRECT;
    return status < 500 ? PF_CLIENT_FAULT : PF_SERVER_ERROR;
}

static bool holds_nocase(struct sl_str s, struct sl_str text)
{
    for (size_t i = 0; i + text.n <= s.n; i++)
        if (sl_lower(s.p[i]) == sl_lower(text.p[0]) && sl_str_starts_nocase(sl_str_from(s, i), text))
            return true;
    return false;
}

static bool name_fits(struct sl_str s, enum part part, struct sl_str text)
{
    if (part == STEM)
        return sl_str_starts_nocase(s, text);
    return part == WITHIN ? holds_nocase(sl_str_head(s, MESSAGE_LOOK_BYTES), text) : sl_str_eq_nocase(s, text);
}

static bool is_named(const struct provider_answer *r, const struct error_row *row)
{
    enum part part = (enum part)row->part;
    return name_fits(r->code, part, row->text) || name_fits(r->type, part, row->text) ||
           name_fits(r->reason, part, row->text);
}

/* status 0: there is none, only words tell. */
static bool row_fits(const struct error_row *row, const struct provider_answer *r, unsigned words, int status)
{
    if ((row->words & words) == 0 || (status != 0 && (status < row->from || status > row->to)))
        return false;
    switch ((enum part)row->part) {
    case NAME:
    case STEM:
    case WITHIN:
        return is_named(r, row);
    case UNTIMED:
        return !r->retry_after && is_named(r, row);
    case TEXT:
        return holds_nocase(sl_str_head(r->message, MESSAGE_LOOK_BYTES), row->text);
    case QUOTA:
        return holds_nocase(r->quota, row->text);
    case ANY:
        break;
    }
    return status != 0;
}

static enum provider_fault by_rows(const struct provider_answer *r, int status)
{
    unsigned words = r->words != 0 ? r->words : WORDS_ALL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!row_fits(&rows[i], r, words, status))
            continue;
        if ((enum provider_fault)rows[i].fault != PF_INNER)
            return (enum provider_fault)rows[i].fault;
        return r->inner_status != 0 ? by_status(r->inner_status) : PF_SERVER_ERROR;
    }
    return status != 0 ? by_status(status) : PF_SERVER_ERROR;
}

unsigned provider_error_rows(void)
{
    return sizeof rows / sizeof rows[0];
}

enum provider_fault provider_fault_of(const struct provider_answer *r)
{
    return r->status >= 400 && r->status <= 599 ? by_rows(r, r->status) : by_status(r->status);
}

enum provider_fault provider_fault_inside(const struct provider_answer *r)
{
    uint64_t status = 0;
    if (r->code.n != 3 || !sl_str_to_u64(r->code, &status) || status < 400 || status > 599)
        status = (uint64_t)r->inner_status;
    return by_rows(r, (int)status);
}

/* ---- whose words ---- */

struct words_row {
    struct sl_str name;
    unsigned words;
};

static const struct words_row by_kind[] = {
    {SL_STR_INIT("openai"), WORDS_OPENAI},
    {SL_STR_INIT("azure"), WORDS_OPENAI | WORDS_AZURE | WORDS_ANTHROPIC},
    {SL_STR_INIT("anthropic"), WORDS_ANTHROPIC},
    {SL_STR_INIT("gemini"), WORDS_GOOGLE},
    {SL_STR_INIT("vertex"), WORDS_GOOGLE | WORDS_ANTHROPIC | WORDS_OPENAI | WORDS_MISTRAL | WORDS_LOCAL},
    {SL_STR_INIT("bedrock"), WORDS_AWS | WORDS_ANTHROPIC | WORDS_OPENAI},
    {SL_STR_INIT("groq"), WORDS_OPENAI | WORDS_GROQ},
    {SL_STR_INIT("mistral"), WORDS_OPENAI | WORDS_MISTRAL},
    {SL_STR_INIT("xai"), WORDS_OPENAI | WORDS_XAI},
    {SL_STR_INIT("cohere"), WORDS_OPENAI | WORDS_COHERE},
    {SL_STR_INIT("zhipu"), WORDS_OPENAI | WORDS_ZHIPU},
    {SL_STR_INIT("deepseek"), WORDS_OPENAI | WORDS_DEEPSEEK},
    {SL_STR_INIT("ark"), WORDS_OPENAI | WORDS_ARK},
    {SL_STR_INIT("byteplus"), WORDS_OPENAI | WORDS_ARK},
};

/* Kinds that are not in the list may be anything that speaks their dialect. */
unsigned provider_words_of(const struct provider_kind *kind)
{
    for (size_t i = 0; kind != NULL && i < sizeof by_kind / sizeof by_kind[0]; i++)
        if (sl_str_eq(by_kind[i].name, kind->name))
            return by_kind[i].words;
    return WORDS_ALL;
}

const char *provider_fault_name(enum provider_fault f)
{
    static const char *const names[] = {
        [PF_NONE] = "ok",
        [PF_CLIENT_FAULT] = "client_fault",
        [PF_CONTEXT_OVERFLOW] = "context_overflow",
        [PF_CONTENT_FILTER] = "content_filter",
        [PF_MODEL_GONE] = "model_gone",
        [PF_RATE_LIMITED] = "rate_limited",
        [PF_QUOTA_EXHAUSTED] = "quota_exhausted",
        [PF_BAD_CREDENTIALS] = "bad_credentials",
        [PF_FORBIDDEN] = "forbidden",
        [PF_OVERLOADED] = "overloaded",
        [PF_SERVER_ERROR] = "server_error",
        [PF_REDIRECT] = "redirect",
        [PF_MALFORMED] = "malformed",
    };
    return names[f];
}

/* Shown is what speaks about the caller's request or about the provider's own trouble. What speaks about the account stays:
 * refused credentials, spent budgets, and rate limits, whose texts name the organization. */
bool provider_fault_shows_body(enum provider_fault f)
{
    switch (f) {
    case PF_QUOTA_EXHAUSTED:
    case PF_BAD_CREDENTIALS:
    case PF_FORBIDDEN:
    case PF_RATE_LIMITED:
    case PF_REDIRECT:
    case PF_MALFORMED:
        return false;
    default:
        return true;
    }
}
