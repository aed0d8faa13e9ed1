/* What errors mean: every row of the table by itself, in its own words and among all; then whole answers as they come. */
#include "provider/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum by {
    BY_ANY = 0,
    BY_NAME,
    BY_INNER, /* the same; the status within counts: by_the_inner_status */
    BY_UNTIMED,
    BY_STEM,
    BY_WITHIN,
    BY_TEXT,
    BY_QUOTA
};

struct row {
    unsigned words;
    int status;
    enum by by;
    const char *text;
    enum provider_fault fault;
};

static const struct row rows[] = {
    {WORDS_ALL, 401, BY_ANY, "", PF_BAD_CREDENTIALS},
    {WORDS_ALL, 400, BY_NAME, "invalid_api_key", PF_BAD_CREDENTIALS},
    {WORDS_ALL, 400, BY_NAME, "authentication_error", PF_BAD_CREDENTIALS},
    {WORDS_OPENAI, 400, BY_NAME, "account_deactivated", PF_BAD_CREDENTIALS},
    {WORDS_GOOGLE, 400, BY_NAME, "API_KEY_INVALID", PF_BAD_CREDENTIALS},
    {WORDS_GOOGLE, 400, BY_NAME, "API_KEY_EXPIRED", PF_BAD_CREDENTIALS},
    {WORDS_GOOGLE, 400, BY_NAME, "UNAUTHENTICATED", PF_BAD_CREDENTIALS},
    {WORDS_GOOGLE, 400, BY_TEXT, "api key not valid", PF_BAD_CREDENTIALS},
    {WORDS_GOOGLE, 403, BY_TEXT, "reported as leaked", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 400, BY_NAME, "UnrecognizedClientException", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 400, BY_NAME, "InvalidSignatureException", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 400, BY_NAME, "IncompleteSignatureException", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 400, BY_NAME, "ExpiredTokenException", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 400, BY_NAME, "MissingAuthenticationToken", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 400, BY_NAME, "MissingAuthenticationTokenException", PF_BAD_CREDENTIALS},
    {WORDS_XAI, 400, BY_TEXT, "incorrect api key provided", PF_BAD_CREDENTIALS},
    {WORDS_MOONSHOT, 400, BY_NAME, "invalid_authentication_error", PF_BAD_CREDENTIALS},
    {WORDS_MOONSHOT, 400, BY_NAME, "incorrect_api_key_error", PF_BAD_CREDENTIALS},
    {WORDS_ZHIPU, 400, BY_NAME, "1000", PF_BAD_CREDENTIALS},
    {WORDS_ZHIPU, 400, BY_NAME, "1001", PF_BAD_CREDENTIALS},
    {WORDS_ZHIPU, 400, BY_NAME, "1002", PF_BAD_CREDENTIALS},
    {WORDS_ZHIPU, 400, BY_NAME, "1003", PF_BAD_CREDENTIALS},
    {WORDS_ZHIPU, 400, BY_NAME, "1004", PF_BAD_CREDENTIALS},
    {WORDS_COHERE, 498, BY_TEXT, "invalid token", PF_BAD_CREDENTIALS},
    {WORDS_ALL, 400, BY_NAME, "insufficient_quota", PF_QUOTA_EXHAUSTED},
    {WORDS_ALL, 400, BY_NAME, "billing_hard_limit_reached", PF_QUOTA_EXHAUSTED},
    {WORDS_OPENAI, 400, BY_NAME, "billing_not_active", PF_QUOTA_EXHAUSTED},
    {WORDS_OPENAI, 400, BY_NAME, "credit_balance_exhausted", PF_QUOTA_EXHAUSTED},
    {WORDS_OPENAI, 400, BY_NAME, "organization_spend_limit_exceeded", PF_QUOTA_EXHAUSTED},
    {WORDS_OPENAI, 400, BY_NAME, "project_spend_limit_exceeded", PF_QUOTA_EXHAUSTED},
    {WORDS_OPENAI, 400, BY_NAME, "organization_usage_limit_exceeded", PF_QUOTA_EXHAUSTED},
    {WORDS_ANTHROPIC, 400, BY_NAME, "billing_error", PF_QUOTA_EXHAUSTED},
    {WORDS_ANTHROPIC, 400, BY_NAME, "enforced_spend_limit_reached", PF_QUOTA_EXHAUSTED},
    {WORDS_ANTHROPIC, 400, BY_NAME, "contract_spend_limit_reached", PF_QUOTA_EXHAUSTED},
    {WORDS_ANTHROPIC, 400, BY_TEXT, "reached your specified api usage limits", PF_QUOTA_EXHAUSTED},
    {WORDS_ANTHROPIC, 400, BY_TEXT, "credit balance is too low", PF_QUOTA_EXHAUSTED},
    {WORDS_GOOGLE, 429, BY_TEXT, "limit: 0,", PF_MODEL_GONE},
    {WORDS_GOOGLE, 429, BY_TEXT, "limit: 0\\n", PF_MODEL_GONE},
    {WORDS_GOOGLE, 429, BY_QUOTA, "perday", PF_QUOTA_EXHAUSTED},
    {WORDS_GOOGLE, 429, BY_QUOTA, "daily", PF_QUOTA_EXHAUSTED},
    {WORDS_GOOGLE, 400, BY_NAME, "INSUFFICIENT_G1_CREDITS_BALANCE", PF_QUOTA_EXHAUSTED},
    {WORDS_GOOGLE, 400, BY_UNTIMED, "QUOTA_EXHAUSTED", PF_QUOTA_EXHAUSTED},
    {WORDS_AWS, 400, BY_TEXT, "too many tokens per day", PF_QUOTA_EXHAUSTED},
    {WORDS_AWS, 400, BY_NAME, "ServiceQuotaExceededException", PF_QUOTA_EXHAUSTED},
    {WORDS_XAI, 403, BY_TEXT, "spending limit", PF_QUOTA_EXHAUSTED},
    {WORDS_FIREWORKS, 412, BY_ANY, "", PF_QUOTA_EXHAUSTED},
    {WORDS_COHERE, 429, BY_TEXT, "calls / month", PF_QUOTA_EXHAUSTED},
    {WORDS_DASHSCOPE, 400, BY_NAME, "Arrearage", PF_QUOTA_EXHAUSTED},
    {WORDS_MOONSHOT, 400, BY_NAME, "exceeded_current_quota_error", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1110", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1111", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1112", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1113", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1304", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1308", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1309", PF_QUOTA_EXHAUSTED},
    {WORDS_ZHIPU, 429, BY_NAME, "1310", PF_QUOTA_EXHAUSTED},
    {WORDS_ALL, 402, BY_ANY, "", PF_QUOTA_EXHAUSTED},
    {WORDS_ALL, 400, BY_NAME, "context_length_exceeded", PF_CONTEXT_OVERFLOW},
    {WORDS_ALL, 400, BY_TEXT, "maximum context length", PF_CONTEXT_OVERFLOW},
    {WORDS_ALL, 400, BY_TEXT, "exceeds the context window", PF_CONTEXT_OVERFLOW},
    {WORDS_ALL, 400, BY_TEXT, "prompt is too long", PF_CONTEXT_OVERFLOW},
    {WORDS_ANTHROPIC, 400, BY_TEXT, "exceed context limit", PF_CONTEXT_OVERFLOW},
    {WORDS_GOOGLE, 400, BY_TEXT, "exceeds the maximum number of tokens allowed", PF_CONTEXT_OVERFLOW},
    {WORDS_AWS, 400, BY_TEXT, "input is too long", PF_CONTEXT_OVERFLOW},
    {WORDS_AWS, 400, BY_TEXT, "too many input tokens", PF_CONTEXT_OVERFLOW},
    {WORDS_LOCAL, 400, BY_NAME, "exceed_context_size_error", PF_CONTEXT_OVERFLOW},
    {WORDS_LOCAL, 400, BY_TEXT, "available context size", PF_CONTEXT_OVERFLOW},
    {WORDS_LOCAL, 400, BY_TEXT, "model's context length", PF_CONTEXT_OVERFLOW},
    {WORDS_LOCAL, 400, BY_TEXT, "max context length", PF_CONTEXT_OVERFLOW},
    {WORDS_LOCAL | WORDS_TOGETHER, 400, BY_TEXT, "`max_new_tokens` must be <=", PF_CONTEXT_OVERFLOW},
    {WORDS_GROQ, 400, BY_TEXT, "reduce the length of the messages", PF_CONTEXT_OVERFLOW},
    {WORDS_MISTRAL, 400, BY_TEXT, "too large for model", PF_CONTEXT_OVERFLOW},
    {WORDS_XAI, 400, BY_TEXT, "maximum prompt length", PF_CONTEXT_OVERFLOW},
    {WORDS_TOGETHER, 403, BY_TEXT, "context length", PF_CONTEXT_OVERFLOW},
    {WORDS_PERPLEXITY, 400, BY_NAME, "too_many_prompt_tokens", PF_CONTEXT_OVERFLOW},
    {WORDS_COHERE, 400, BY_NAME, "TOO_MANY_TOKENS", PF_CONTEXT_OVERFLOW},
    {WORDS_COHERE, 400, BY_TEXT, "too many tokens:", PF_CONTEXT_OVERFLOW},
    {WORDS_DASHSCOPE, 400, BY_TEXT, "range of input length", PF_CONTEXT_OVERFLOW},
    {WORDS_MOONSHOT, 400, BY_TEXT, "exceeded model token limit", PF_CONTEXT_OVERFLOW},
    {WORDS_ZHIPU, 400, BY_NAME, "1261", PF_CONTEXT_OVERFLOW},
    {WORDS_ALL, 400, BY_NAME, "content_policy_violation", PF_CONTENT_FILTER},
    {WORDS_ALL, 400, BY_NAME, "content_filter", PF_CONTENT_FILTER},
    {WORDS_OPENAI, 400, BY_NAME, "moderation_blocked", PF_CONTENT_FILTER},
    {WORDS_OPENAI, 400, BY_NAME, "invalid_prompt", PF_CONTENT_FILTER},
    {WORDS_OPENAI, 400, BY_NAME, "cyber_policy", PF_CONTENT_FILTER},
    {WORDS_OPENAI, 400, BY_NAME, "bio_policy", PF_CONTENT_FILTER},
    {WORDS_OPENAI, 400, BY_NAME, "misalignment_policy_violation", PF_CONTENT_FILTER},
    {WORDS_OPENAI, 400, BY_NAME, "image_content_policy_violation", PF_CONTENT_FILTER},
    {WORDS_AZURE, 400, BY_NAME, "ResponsibleAIPolicyViolation", PF_CONTENT_FILTER},
    {WORDS_XAI, 400, BY_TEXT, "usage guidelines", PF_CONTENT_FILTER},
    {WORDS_OPENROUTER, 403, BY_TEXT, "requires moderation", PF_CONTENT_FILTER},
    {WORDS_OPENROUTER, 403, BY_TEXT, "input was flagged", PF_CONTENT_FILTER},
    {WORDS_DASHSCOPE, 400, BY_NAME, "data_inspection_failed", PF_CONTENT_FILTER},
    {WORDS_DASHSCOPE, 400, BY_NAME, "DataInspectionFailed", PF_CONTENT_FILTER},
    {WORDS_ZHIPU, 400, BY_NAME, "1301", PF_CONTENT_FILTER},
    {WORDS_ALL, 400, BY_NAME, "model_not_found", PF_MODEL_GONE},
    {WORDS_AZURE, 400, BY_NAME, "DeploymentNotFound", PF_MODEL_GONE},
    {WORDS_AZURE, 400, BY_NAME, "OperationNotSupported", PF_MODEL_GONE},
    {WORDS_ANTHROPIC, 404, BY_NAME, "thread_not_found", PF_CLIENT_FAULT},
    {WORDS_ANTHROPIC, 404, BY_NAME, "file_expired", PF_CLIENT_FAULT},
    {WORDS_ANTHROPIC, 400, BY_NAME, "not_found_error", PF_MODEL_GONE},
    {WORDS_GOOGLE, 400, BY_NAME, "NOT_FOUND", PF_MODEL_GONE},
    {WORDS_GOOGLE, 501, BY_NAME, "UNIMPLEMENTED", PF_MODEL_GONE},
    {WORDS_AWS, 400, BY_NAME, "ResourceNotFoundException", PF_MODEL_GONE},
    {WORDS_AWS, 400, BY_TEXT, "model identifier is invalid", PF_MODEL_GONE},
    {WORDS_AWS, 400, BY_TEXT, "on-demand throughput isn", PF_MODEL_GONE},
    {WORDS_AWS, 400, BY_TEXT, "reached the end of its life", PF_MODEL_GONE},
    {WORDS_LOCAL, 404, BY_NAME, "NotFoundError", PF_MODEL_GONE},
    {WORDS_LOCAL, 501, BY_NAME, "not_supported_error", PF_MODEL_GONE},
    {WORDS_MISTRAL | WORDS_PERPLEXITY, 400, BY_NAME, "invalid_model", PF_MODEL_GONE},
    {WORDS_DEEPSEEK, 400, BY_TEXT, "supported api model names are", PF_MODEL_GONE},
    {WORDS_XAI, 400, BY_TEXT, "model not found", PF_MODEL_GONE},
    {WORDS_OPENROUTER, 400, BY_TEXT, "is not a valid model id", PF_MODEL_GONE},
    {WORDS_MOONSHOT, 400, BY_NAME, "resource_not_found_error", PF_MODEL_GONE},
    {WORDS_ZHIPU, 400, BY_NAME, "1211", PF_MODEL_GONE},
    {WORDS_ALL, 404, BY_ANY, "", PF_MODEL_GONE},
    {WORDS_OPENAI, 403, BY_NAME, "unsupported_country_region_territory", PF_FORBIDDEN},
    {WORDS_ANTHROPIC, 400, BY_NAME, "permission_error", PF_FORBIDDEN},
    {WORDS_ANTHROPIC, 400, BY_NAME, "organization_on_hold", PF_FORBIDDEN},
    {WORDS_GOOGLE, 403, BY_TEXT, "permission to access the file", PF_CLIENT_FAULT},
    {WORDS_GOOGLE, 400, BY_TEXT, "is not in an active state", PF_CLIENT_FAULT},
    {WORDS_GOOGLE, 400, BY_NAME, "PERMISSION_DENIED", PF_FORBIDDEN},
    {WORDS_GOOGLE, 400, BY_TEXT, "user location is not supported", PF_FORBIDDEN},
    {WORDS_GOOGLE, 400, BY_NAME, "FAILED_PRECONDITION", PF_FORBIDDEN},
    {WORDS_AWS, 400, BY_NAME, "AccessDeniedException", PF_FORBIDDEN},
    {WORDS_MOONSHOT, 400, BY_NAME, "permission_denied_error", PF_FORBIDDEN},
    {WORDS_ZHIPU, 400, BY_NAME, "1120", PF_FORBIDDEN},
    {WORDS_ZHIPU, 400, BY_NAME, "1121", PF_FORBIDDEN},
    {WORDS_ZHIPU, 400, BY_NAME, "1220", PF_FORBIDDEN},
    {WORDS_ZHIPU, 434, BY_ANY, "", PF_FORBIDDEN},
    {WORDS_ALL, 403, BY_ANY, "", PF_FORBIDDEN},
    {WORDS_ALL, 407, BY_ANY, "", PF_FORBIDDEN},
    {WORDS_ALL, 400, BY_NAME, "server_is_overloaded", PF_OVERLOADED},
    {WORDS_OPENAI, 429, BY_NAME, "resource_unavailable", PF_OVERLOADED},
    {WORDS_ALL, 400, BY_NAME, "overloaded_error", PF_OVERLOADED},
    {WORDS_GOOGLE, 400, BY_NAME, "MODEL_CAPACITY_EXHAUSTED", PF_OVERLOADED},
    {WORDS_GOOGLE, 400, BY_NAME, "MODEL_CAPACITY_EXCEEDED", PF_OVERLOADED},
    {WORDS_GOOGLE, 500, BY_NAME, "UNAVAILABLE", PF_OVERLOADED},
    {WORDS_AWS, 400, BY_NAME, "ModelNotReadyException", PF_OVERLOADED},
    {WORDS_AWS, 400, BY_NAME, "ServiceUnavailableException", PF_OVERLOADED},
    {WORDS_LOCAL, 500, BY_NAME, "unavailable_error", PF_OVERLOADED},
    {WORDS_GROQ, 400, BY_NAME, "capacity_exceeded", PF_OVERLOADED},
    {WORDS_GROQ, 498, BY_ANY, "", PF_OVERLOADED},
    {WORDS_MISTRAL, 400, BY_NAME, "service_tier_capacity_exceeded", PF_OVERLOADED},
    {WORDS_XAI, 400, BY_NAME, "The service is currently unavailable", PF_OVERLOADED},
    {WORDS_XAI, 400, BY_TEXT, "service is currently unavailable", PF_OVERLOADED},
    {WORDS_DASHSCOPE, 400, BY_NAME, "ModelUnavailable", PF_OVERLOADED},
    {WORDS_MOONSHOT, 400, BY_NAME, "engine_overloaded_error", PF_OVERLOADED},
    {WORDS_ZHIPU, 400, BY_NAME, "1305", PF_OVERLOADED},
    {WORDS_COHERE, 498, BY_ANY, "", PF_BAD_CREDENTIALS},
    {WORDS_ALL, 400, BY_NAME, "rate_limit_exceeded", PF_RATE_LIMITED},
    {WORDS_ALL, 400, BY_NAME, "rate_limit_error", PF_RATE_LIMITED},
    {WORDS_OPENAI, 400, BY_NAME, "slow_down", PF_RATE_LIMITED},
    {WORDS_AZURE, 400, BY_NAME, "RateLimitReached", PF_RATE_LIMITED},
    {WORDS_ANTHROPIC, 400, BY_NAME, "ramp_limit_exceeded", PF_RATE_LIMITED},
    {WORDS_ANTHROPIC, 409, BY_NAME, "conflict_error", PF_CLIENT_FAULT},
    {WORDS_GOOGLE, 400, BY_NAME, "RESOURCE_EXHAUSTED", PF_RATE_LIMITED},
    {WORDS_GOOGLE, 409, BY_NAME, "ALREADY_EXISTS", PF_CLIENT_FAULT},
    {WORDS_GOOGLE, 409, BY_NAME, "ABORTED", PF_RATE_LIMITED},
    {WORDS_AWS, 400, BY_NAME, "ThrottlingException", PF_RATE_LIMITED},
    {WORDS_AWS, 400, BY_NAME, "TooManyRequestsException", PF_RATE_LIMITED},
    {WORDS_MISTRAL, 400, BY_NAME, "rate_limited", PF_RATE_LIMITED},
    {WORDS_MISTRAL, 429, BY_NAME, "1300", PF_RATE_LIMITED},
    {WORDS_TOGETHER, 400, BY_NAME, "dynamic_request_limited", PF_RATE_LIMITED},
    {WORDS_TOGETHER, 400, BY_NAME, "dynamic_token_limited", PF_RATE_LIMITED},
    {WORDS_DASHSCOPE, 400, BY_NAME, "Throttling", PF_RATE_LIMITED},
    {WORDS_DASHSCOPE, 400, BY_NAME, "Throttling.RateQuota", PF_RATE_LIMITED},
    {WORDS_DASHSCOPE, 400, BY_NAME, "Throttling.AllocationQuota", PF_RATE_LIMITED},
    {WORDS_DASHSCOPE, 400, BY_NAME, "limit_requests", PF_RATE_LIMITED},
    {WORDS_DASHSCOPE, 400, BY_NAME, "limit_burst_rate", PF_RATE_LIMITED},
    {WORDS_MOONSHOT, 400, BY_NAME, "rate_limit_reached_error", PF_RATE_LIMITED},
    {WORDS_ZHIPU, 400, BY_NAME, "1302", PF_RATE_LIMITED},
    {WORDS_ZHIPU, 400, BY_NAME, "1303", PF_RATE_LIMITED},
    {WORDS_ALL, 429, BY_ANY, "", PF_RATE_LIMITED},
    {WORDS_AWS, 400, BY_NAME, "ModelTimeoutException", PF_SERVER_ERROR},
    {WORDS_AWS, 400, BY_NAME, "InternalServerException", PF_SERVER_ERROR},
    {WORDS_AWS, 400, BY_NAME, "ConflictException", PF_CLIENT_FAULT},
    {WORDS_AWS, 400, BY_NAME, "ValidationException", PF_CLIENT_FAULT},
    {WORDS_ANTHROPIC, 400, BY_NAME, "timeout_error", PF_SERVER_ERROR},
    {WORDS_GOOGLE, 400, BY_NAME, "INVALID_ARGUMENT", PF_CLIENT_FAULT},
    {WORDS_GOOGLE, 400, BY_NAME, "OUT_OF_RANGE", PF_CLIENT_FAULT},
    {WORDS_GOOGLE, 500, BY_NAME, "INTERNAL", PF_SERVER_ERROR},
    {WORDS_GOOGLE, 500, BY_NAME, "UNKNOWN", PF_SERVER_ERROR},
    {WORDS_GOOGLE, 500, BY_NAME, "DATA_LOSS", PF_SERVER_ERROR},
    {WORDS_GOOGLE, 500, BY_NAME, "DEADLINE_EXCEEDED", PF_SERVER_ERROR},
    {WORDS_GROQ, 424, BY_ANY, "", PF_SERVER_ERROR},
    {WORDS_DASHSCOPE, 400, BY_NAME, "internal_error", PF_SERVER_ERROR},
    {WORDS_ZHIPU, 400, BY_NAME, "1234", PF_SERVER_ERROR},
    {WORDS_ANTHROPIC, 413, BY_NAME, "request_too_large", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "invalid_image", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "invalid_image_format", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "invalid_base64_image", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "invalid_image_url", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "image_too_large", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "image_too_small", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "image_parse_error", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "invalid_image_mode", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "image_file_too_large", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "unsupported_image_media_type", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "empty_image_file", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "failed_to_download_image", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "image_file_not_found", PF_CLIENT_FAULT},
    {WORDS_OPENAI, 400, BY_NAME, "data_residency_mismatch", PF_CLIENT_FAULT},
    {WORDS_ALL, 400, BY_NAME, "invalid_request_error", PF_CLIENT_FAULT},
    {WORDS_XAI, 403, BY_TEXT, "available credits", PF_QUOTA_EXHAUSTED},
    {WORDS_XAI, 403, BY_TEXT, "have any credits", PF_QUOTA_EXHAUSTED},
    {WORDS_MISTRAL, 500, BY_NAME, "internal_server_error", PF_SERVER_ERROR},
    {WORDS_AWS, 400, BY_NAME, "ExpiredToken", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 400, BY_NAME, "InvalidClientTokenId", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 403, BY_NAME, "SignatureDoesNotMatch", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 403, BY_NAME, "RequestTimeTooSkewed", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 403, BY_NAME, "RequestExpired", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 403, BY_TEXT, "signature expired", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 403, BY_TEXT, "signature not yet current", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 403, BY_TEXT, "security token included in the request is", PF_BAD_CREDENTIALS},
    {WORDS_AWS, 424, BY_INNER, "ModelErrorException", PF_SERVER_ERROR},
    {WORDS_AWS, 424, BY_INNER, "ModelStreamErrorException", PF_SERVER_ERROR},
    {WORDS_AZURE, 429, BY_TEXT, "high demand", PF_OVERLOADED},
    {WORDS_ZHIPU, 435, BY_ANY, "", PF_CLIENT_FAULT},
    {WORDS_ZHIPU, 400, BY_NAME, "1210", PF_CLIENT_FAULT},
    {WORDS_ZHIPU, 400, BY_NAME, "1212", PF_CLIENT_FAULT},
    {WORDS_ZHIPU, 400, BY_NAME, "1213", PF_CLIENT_FAULT},
    {WORDS_ZHIPU, 400, BY_NAME, "1214", PF_CLIENT_FAULT},
    {WORDS_ZHIPU, 400, BY_NAME, "1215", PF_CLIENT_FAULT},
    {WORDS_ARK, 400, BY_NAME, "AuthenticationError", PF_BAD_CREDENTIALS},
    {WORDS_ARK, 403, BY_NAME, "AccountOverdueError", PF_QUOTA_EXHAUSTED},
    {WORDS_ARK, 403, BY_STEM, "OperationDenied.ServiceOverdue", PF_QUOTA_EXHAUSTED},
    {WORDS_ARK, 429, BY_NAME, "SetLimitExceeded", PF_QUOTA_EXHAUSTED},
    {WORDS_ARK, 400, BY_WITHIN, "SensitiveContentDetected", PF_CONTENT_FILTER},
    {WORDS_ARK, 400, BY_WITHIN, "putTextRiskDetection", PF_CONTENT_FILTER},
    {WORDS_ARK, 400, BY_STEM, "InvalidEndpoint", PF_MODEL_GONE},
    {WORDS_ARK, 400, BY_NAME, "ModelNotOpen", PF_MODEL_GONE},
    {WORDS_ARK, 400, BY_NAME, "AccessDenied", PF_FORBIDDEN},
    {WORDS_ARK, 400, BY_STEM, "OperationDenied", PF_FORBIDDEN},
    {WORDS_ARK, 429, BY_NAME, "ServerOverloaded", PF_OVERLOADED},
    {WORDS_ARK, 429, BY_NAME, "ModelLoadingError", PF_OVERLOADED},
    {WORDS_ARK, 400, BY_WITHIN, "RateLimitExceeded", PF_RATE_LIMITED},
    {WORDS_ARK, 400, BY_NAME, "RequestBurstTooFast", PF_RATE_LIMITED},
    {WORDS_ARK, 400, BY_NAME, "QuotaExceeded", PF_RATE_LIMITED},
    {WORDS_ARK, 400, BY_NAME, "InflightBatchsizeExceeded", PF_RATE_LIMITED},
    {WORDS_ARK, 400, BY_NAME, "InternalServiceError", PF_SERVER_ERROR},
    {WORDS_ARK, 400, BY_NAME, "ContentSecurityDetectionError", PF_SERVER_ERROR},
    {WORDS_ARK, 400, BY_NAME, "MissingParameter", PF_CLIENT_FAULT},
    {WORDS_ARK, 400, BY_STEM, "InvalidParameter", PF_CLIENT_FAULT},
    {WORDS_ARK, 400, BY_STEM, "InvalidImageURL", PF_CLIENT_FAULT},
    {WORDS_ARK, 409, BY_NAME, "TaskRunningCannotCancel", PF_CLIENT_FAULT},
};

static void expect(const struct provider_answer *a, bool inside, enum provider_fault want)
{
    enum provider_fault got = inside ? provider_fault_inside(a) : provider_fault_of(a);
    if (got != want)
        fail_msg("%s%d '" SL_STR_FMT "' '" SL_STR_FMT "' '" SL_STR_FMT "' (words %x): %s, not %s",
                 inside ? "inside " : "", a->status, SL_STR_ARG(a->code), SL_STR_ARG(a->type), SL_STR_ARG(a->message),
                 a->words, provider_fault_name(got), provider_fault_name(want));
}

/* Names count in any of their three places and in any case. */
static void check_name(const struct row *r, unsigned words)
{
    char other[64];
    struct sl_str name = sl_str_c(r->text);
    assert_true(name.n < sizeof other);
    for (size_t i = 0; i < name.n; i++)
        other[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
    const struct provider_answer answers[] = {
        {.words = words, .status = r->status, .code = name},
        {.words = words, .status = r->status, .type = name},
        {.words = words, .status = r->status, .reason = name},
        {.words = words, .status = r->status, .code = sl_str_of(other, name.n), .type = SL_STR("something_else")},
    };
    for (size_t i = 0; i < 4; i++)
        expect(&answers[i], false, r->fault);
    expect(&answers[1], true, r->fault);
    struct provider_answer longer = answers[0];
    char more[80];
    longer.code = sl_str_of(more, (size_t)snprintf(more, sizeof more, "%s_x", r->text));
    expect(&longer, false, provider_fault_of(&(struct provider_answer){.words = words, .status = r->status}));
}

/* "STEM.More"; within: "MoreSTEM.More", too. Nothing that lacks the last letter of it. */
static void check_stem(const struct row *r, unsigned words)
{
    static const struct {
        const char *before, *behind;
        bool within;
    } forms[] = {
        {"", "", false}, {"", ".More", false}, {"", "More", false}, {"More", ".More", true}, {"More", "", true}};
    char text[100];
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        int n = snprintf(text, sizeof text, "%s%s%s", forms[i].before, r->text, forms[i].behind);
        const struct sl_str name = sl_str_of(text, (size_t)n);
        bool fits = r->by == BY_WITHIN || !forms[i].within;
        struct provider_answer a = {.words = words, .status = r->status, .code = name};
        expect(&a, false, fits ? r->fault : provider_fault_of(&(struct provider_answer){.status = r->status}));
        expect(&(struct provider_answer){.words = words, .type = name}, true, fits ? r->fault : PF_SERVER_ERROR);
    }
    struct provider_answer a = {
        .words = words, .status = r->status, .code = sl_str_head(sl_str_c(r->text), strlen(r->text) - 1)};
    expect(&a, false, provider_fault_of(&(struct provider_answer){.status = r->status}));
}

static void check_text(const struct row *r, unsigned words)
{
    char text[200];
    size_t n = (size_t)snprintf(text, sizeof text, "So it is: %s; and more.", r->text);
    const struct provider_answer a = {.words = words, .status = r->status, .message = sl_str_of(text, n)};
    expect(&a, false, r->fault);
    expect(&a, true, r->fault);
    for (size_t i = 0; i < n; i++)
        if (text[i] >= 'a' && text[i] <= 'z' && (i == 0 || text[i - 1] != '\\'))
            text[i] = (char)(text[i] - 32);
    expect(&a, false, r->fault);
}

static void check_row(const struct row *r, unsigned words)
{
    struct provider_answer a = {.words = words, .status = r->status};
    switch (r->by) {
    case BY_NAME:
    case BY_INNER:
        check_name(r, words);
        break;
    case BY_STEM:
    case BY_WITHIN:
        check_stem(r, words);
        break;
    case BY_TEXT:
        check_text(r, words);
        break;
    case BY_ANY:
        expect(&a, false, r->fault);
        break;
    case BY_UNTIMED:
        a.reason = sl_str_c(r->text);
        a.retry_after = true;
        expect(&a, false, provider_fault_of(&(struct provider_answer){.words = words, .status = r->status}));
        a.retry_after = false;
        expect(&a, false, r->fault);
        break;
    case BY_QUOTA:
        a.quota = SL_STR("GenerateRequestsPerMinutePerProjectPerModel-FreeTier");
        expect(&a, false, PF_RATE_LIMITED);
        a.quota = r->text[0] == 'p' ? SL_STR("GenerateRequestsPerDayPerProject") : SL_STR("RequestsDailyLimit");
        expect(&a, false, r->fault);
        break;
    }
}

static void every_row(void **state)
{
    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0],
                     provider_error_rows()); /* a row of the table that is not here is no tested one */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (size_t k = 0; k < i; k++)
            assert_false(rows[k].words == rows[i].words && rows[k].by == rows[i].by &&
                         rows[k].status == rows[i].status && strcmp(rows[k].text, rows[i].text) == 0);
        check_row(&rows[i], rows[i].words);
        if (rows[i].fault != PF_BAD_CREDENTIALS || rows[i].status != 498 ||
            rows[i].by != BY_ANY) /* Groq's, among all */
            check_row(&rows[i], WORDS_ALL);
    }
}

/* A vendor's words mean nothing in another's mouth. */
static void whose_words(void **state)
{
    (void)state;
    expect(&(struct provider_answer){.words = WORDS_OPENAI, .status = 429, .code = SL_STR("1113")}, false,
           PF_RATE_LIMITED);
    expect(&(struct provider_answer){.words = WORDS_ZHIPU, .status = 429, .code = SL_STR("1113")}, false,
           PF_QUOTA_EXHAUSTED);
    expect(&(struct provider_answer){.words = WORDS_OPENAI, .status = 412}, false, PF_CLIENT_FAULT);
    expect(&(struct provider_answer){.words = WORDS_COHERE, .status = 498}, false, PF_BAD_CREDENTIALS);
    expect(&(struct provider_answer){.words = 0, .status = 429, .code = SL_STR("1113")}, false, PF_QUOTA_EXHAUSTED);
    expect(&(struct provider_answer){.words = WORDS_OPENAI, .status = 429, .code = SL_STR("SetLimitExceeded")}, false,
           PF_RATE_LIMITED);
    assert_int_equal(provider_words_of(provider_kind_find(SL_STR("ark"))), WORDS_OPENAI | WORDS_ARK);
    assert_int_equal(provider_words_of(provider_kind_find(SL_STR("byteplus"))), WORDS_OPENAI | WORDS_ARK);
    assert_int_equal(provider_words_of(NULL), WORDS_ALL);
    assert_int_equal(provider_words_of(provider_kind_find(SL_STR("openai"))), WORDS_OPENAI);
    assert_int_equal(provider_words_of(provider_kind_find(SL_STR("openai-compatible"))), WORDS_ALL);
    assert_int_equal(provider_words_of(provider_kind_find(SL_STR("sim"))), WORDS_ALL);
}

static const struct {
    int status;
    const char *code, *type, *message;
    enum provider_fault fault;
} answers[] = {
    {200, "", "", "", PF_NONE},
    {201, "", "", "", PF_NONE},
    {204, "", "", "", PF_NONE},
    {299, "insufficient_quota", "", "", PF_NONE}, /* a 200 is a 200 */
    {301, "", "", "", PF_REDIRECT},
    {304, "", "", "", PF_REDIRECT},
    {399, "", "", "", PF_REDIRECT},
    /* 400 */
    {400, "invalid_value", "invalid_request_error", "", PF_CLIENT_FAULT},
    {400, "", "invalid_request_error", "", PF_CLIENT_FAULT},
    {400, "unsupported_value", "invalid_request_error", "", PF_CLIENT_FAULT},
    {400, "context_length_exceeded", "invalid_request_error", "", PF_CONTEXT_OVERFLOW},
    {400, "", "BadRequestError", "This model's maximum context length is 4096 tokens.", PF_CONTEXT_OVERFLOW},
    {400, "", "", "MAXIMUM CONTEXT LENGTH", PF_CONTEXT_OVERFLOW},
    {400, "", "", "maximum context lengt", PF_CLIENT_FAULT},
    {403, "", "", "prompt + max_tokens is over the maximum context length", PF_CONTEXT_OVERFLOW},
    {422, "", "", "maximum context length", PF_CONTEXT_OVERFLOW},
    {400, "", "invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum", PF_CONTEXT_OVERFLOW},
    {400, "invalid_parameter_error", "", "Range of input length should be [1, 30720]", PF_CONTEXT_OVERFLOW},
    {400, "400", "INVALID_ARGUMENT",
     "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", PF_CONTEXT_OVERFLOW},
    {400, "content_policy_violation", "invalid_request_error", "", PF_CONTENT_FILTER},
    {400, "model_not_found", "", "", PF_MODEL_GONE},
    {400, "1113", "", "", PF_CLIENT_FAULT},
    {400, "3051", "invalid_request_invalid_args", "Image input is not enabled for this model", PF_CLIENT_FAULT},
    {400, "Client specified an invalid argument", "", "Incorrect API key provided: in***ey.", PF_BAD_CREDENTIALS},
    {400, "InputImageSensitiveContentDetected.PolicyViolation", "BadRequest", "", PF_CONTENT_FILTER},
    {400, "OutputTextRiskDetection", "BadRequest", "", PF_CONTENT_FILTER},
    {400, "InvalidParameter.TaskTypeMismatch", "BadRequest", "", PF_CLIENT_FAULT},
    {404, "InvalidEndpointOrModel.NotFound", "NotFound", "", PF_MODEL_GONE},
    {403, "OperationDenied.ServiceNotOpen", "Forbidden", "", PF_FORBIDDEN},
    {429, "ModelAccountTpmRateLimitExceeded", "TooManyRequests", "", PF_RATE_LIMITED},
    {429, "RateLimitExceeded.EndpointRPMExceeded", "TooManyRequests", "", PF_RATE_LIMITED},
    {429, "SetLimitExceeded", "TooManyRequests", "", PF_QUOTA_EXHAUSTED},
    {400, "400", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", PF_BAD_CREDENTIALS},
    {400, "400", "FAILED_PRECONDITION", "User location is not supported for the API use.", PF_FORBIDDEN},
    {400, "ValidationException", "", "The provided model identifier is invalid.", PF_MODEL_GONE},
    {400, "ValidationException", "", "Input is too long for requested model.", PF_CONTEXT_OVERFLOW},
    {400, "ValidationException", "", "Malformed input request", PF_CLIENT_FAULT},
    /* 401 to 404 */
    {401, "invalid_api_key", "invalid_request_error", "Incorrect API key provided: sk-***", PF_BAD_CREDENTIALS},
    {401, "", "", "", PF_BAD_CREDENTIALS},
    {401, "context_length_exceeded", "", "", PF_BAD_CREDENTIALS},
    {402, "", "", "", PF_QUOTA_EXHAUSTED},
    {403, "unsupported_country_region_territory", "", "", PF_FORBIDDEN},
    {403, "", "", "", PF_FORBIDDEN},
    {403, "model_not_found", "", "", PF_MODEL_GONE},
    {403, "403", "", "x requires moderation on OpenAI. Your input was flagged. No credits were charged.",
     PF_CONTENT_FILTER},
    {404, "model_not_found", "invalid_request_error", "", PF_MODEL_GONE},
    {404, "", "", "", PF_MODEL_GONE},
    {404, "", "not_found_error", "model: claude-none", PF_MODEL_GONE},
    /* other 4xx */
    {405, "", "", "", PF_CLIENT_FAULT},
    {407, "", "", "", PF_FORBIDDEN},
    {408, "", "", "", PF_SERVER_ERROR},
    {409, "", "", "", PF_CLIENT_FAULT},
    {413, "", "", "", PF_CLIENT_FAULT},
    {413, "rate_limit_exceeded", "tokens", "", PF_RATE_LIMITED},
    {415, "", "", "", PF_CLIENT_FAULT},
    {422, "", "", "", PF_CLIENT_FAULT},
    {424, "", "", "", PF_SERVER_ERROR},
    {425, "", "", "", PF_SERVER_ERROR},
    {499, "", "", "", PF_CLIENT_FAULT},
    /* 429: pressure or billing */
    {429, "rate_limit_exceeded", "rate_limit_error", "", PF_RATE_LIMITED},
    {429, "", "requests", "", PF_RATE_LIMITED},
    {429, "", "tokens", "", PF_RATE_LIMITED},
    {429, "", "", "", PF_RATE_LIMITED},
    {429, "insufficient_quota", "insufficient_quota", "", PF_QUOTA_EXHAUSTED},
    {429, "", "insufficient_quota", "", PF_QUOTA_EXHAUSTED},
    {429, "credit_balance_exhausted", "insufficient_quota", "", PF_QUOTA_EXHAUSTED},
    {429, "429", "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 0, model: y", PF_MODEL_GONE},
    {429, "429", "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 0.5, model: y", PF_RATE_LIMITED},
    {429, "ThrottlingException", "", "Too many tokens per day, please wait before trying again.", PF_QUOTA_EXHAUSTED},
    {429, "ThrottlingException", "", "Too many requests", PF_RATE_LIMITED},
    /* 5xx */
    {500, "", "server_error", "", PF_SERVER_ERROR},
    {500, "insufficient_quota", "", "", PF_SERVER_ERROR}, /* billing is never a 5xx: it says something else */
    {500, "server_is_overloaded", "", "", PF_OVERLOADED},
    {500, "context_length_exceeded", "", "", PF_CONTEXT_OVERFLOW},
    {500, "", "", "the prompt is too long for the model", PF_CONTEXT_OVERFLOW},
    {501, "", "", "", PF_SERVER_ERROR},
    {502, "", "", "502 Bad Gateway", PF_SERVER_ERROR},
    {503, "server_is_overloaded", "service_unavailable_error", "", PF_OVERLOADED},
    {503, "slow_down", "", "", PF_RATE_LIMITED},
    {503, "", "", "", PF_OVERLOADED},
    {504, "", "", "", PF_SERVER_ERROR},
    {520, "", "", "", PF_SERVER_ERROR},
    {529, "", "", "", PF_OVERLOADED},
    {599, "", "", "", PF_SERVER_ERROR},
    /* what cannot be */
    {100, "", "", "", PF_MALFORMED},
    {199, "", "", "", PF_MALFORMED},
    {600, "", "", "", PF_MALFORMED},
    {0, "", "", "", PF_MALFORMED},
    {-1, "", "", "", PF_MALFORMED},
    {1000000, "", "", "", PF_MALFORMED},
};

static void whole_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        expect(&(struct provider_answer){.status = answers[i].status,
                                         .code = sl_str_c(answers[i].code),
                                         .type = sl_str_c(answers[i].type),
                                         .message = sl_str_c(answers[i].message)},
               false, answers[i].fault);
}

static void a_long_message_is_looked_at_from_the_front(void **state)
{
    (void)state;
    static char text[100000];
    struct provider_answer a = {.status = 400, .message = sl_str_of(text, sizeof text)};
    memset(text, 'm', sizeof text);
    memcpy(text + 1024 - 22, "maximum context length", 22);
    expect(&a, false, PF_CONTEXT_OVERFLOW);
    memset(text, 'm', sizeof text);
    memcpy(text + 1024 - 21, "maximum context length", 22);
    expect(&a, false, PF_CLIENT_FAULT);
}

/* With a status of 200 the words decide, and a status among them. */
static void errors_inside(void **state)
{
    (void)state;
    static const struct {
        const char *code, *type, *message;
        int inner;
        enum provider_fault fault;
    } inside[] = {
        {"", "", "", 0, PF_SERVER_ERROR},
        {"", "server_error", "", 0, PF_SERVER_ERROR},
        {"", "insufficient_quota", "", 0, PF_QUOTA_EXHAUSTED},
        {"429", "", "", 0, PF_RATE_LIMITED},
        {"502", "", "", 0, PF_SERVER_ERROR},
        {"400", "", "", 0, PF_CLIENT_FAULT},
        {"400", "", "maximum context length", 0, PF_CONTEXT_OVERFLOW},
        {"200", "", "", 0, PF_SERVER_ERROR},
        {"600", "", "", 0, PF_SERVER_ERROR},
        {"", "", "", 503, PF_OVERLOADED},
        {"", "overloaded_error", "", 0, PF_OVERLOADED},
        {"", "rate_limit_error", "", 0, PF_RATE_LIMITED},
        {"throttlingException", "", "", 0, PF_RATE_LIMITED},
        {"validationException", "", "", 0, PF_CLIENT_FAULT},
        {"", "UNAVAILABLE", "", 0, PF_OVERLOADED},
        {"", "RESOURCE_EXHAUSTED", "", 0, PF_RATE_LIMITED},
        {"", "invalid_request_error", "", 0, PF_CLIENT_FAULT},
        {"invalid_image_format", "", "", 0, PF_CLIENT_FAULT},
        {"", "", "Prompt is too long", 0, PF_CONTEXT_OVERFLOW},
        {"The service is currently unavailable", "", "", 0, PF_OVERLOADED},
        {"1000", "internal_server_error", "", 0, PF_SERVER_ERROR},
    };
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++)
        expect(&(struct provider_answer){.status = 200,
                                         .code = sl_str_c(inside[i].code),
                                         .type = sl_str_c(inside[i].type),
                                         .message = sl_str_c(inside[i].message),
                                         .inner_status = inside[i].inner},
               true, inside[i].fault);
}

/* Bedrock: the model's failure has the status that the model gave. */
static void by_the_inner_status(void **state)
{
    (void)state;
    static const char *const names[] = {"ModelErrorException", "ModelStreamErrorException"};
    for (size_t i = 0; i < 2; i++) {
        struct provider_answer a = {.words = WORDS_AWS, .status = 424, .code = sl_str_c(names[i])};
        expect(&a, false, PF_SERVER_ERROR);
        a.inner_status = 400;
        expect(&a, false, PF_CLIENT_FAULT);
        a.inner_status = 429;
        expect(&a, false, PF_RATE_LIMITED);
    }
    /* elsewhere the answer's own status counts */
    expect(&(struct provider_answer){.status = 500, .inner_status = 400}, false, PF_SERVER_ERROR);
}

static void what_is_shown(void **state)
{
    (void)state;
    for (int f = PF_NONE; f <= PF_MALFORMED; f++)
        assert_true(strlen(provider_fault_name((enum provider_fault)f)) > 0);
    assert_false(provider_fault_shows_body(PF_BAD_CREDENTIALS));
    assert_false(provider_fault_shows_body(PF_FORBIDDEN));
    assert_false(provider_fault_shows_body(PF_QUOTA_EXHAUSTED));
    assert_false(provider_fault_shows_body(PF_RATE_LIMITED));
    assert_true(provider_fault_shows_body(PF_CLIENT_FAULT));
    assert_true(provider_fault_shows_body(PF_CONTENT_FILTER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row),     cmocka_unit_test(whose_words),
        cmocka_unit_test(whole_answers), cmocka_unit_test(a_long_message_is_looked_at_from_the_front),
        cmocka_unit_test(errors_inside), cmocka_unit_test(by_the_inner_status),
        cmocka_unit_test(what_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
