/* Errors that the gateway itself gives: one table, and their bodies in the formats of callers. Called by the exchange when it
 * answers itself (step_respond), and for the error event of a stream that broke.
 *
 * Shapes: OpenAI {"error":{"message","type","param","code"}}, all four keys always there (openai.md section 2, November
 * 2026); Anthropic {"type":"error","error":{"type","message"}} (anthropic.md); Google {"error":{"code","message","status"}}
 * (gemini.md). Pure. */
#ifndef SLUICE_DIALECT_ERRORS_H
#define SLUICE_DIALECT_ERRORS_H

#include "base/arena.h"
#include "base/buf.h"
#include "dialect/operation.h"
#include "http/message.h"

enum error_retry {
    RETRY_UNSAID = 0,
    RETRY_NO,
    RETRY_YES
}; /* x-should-retry: absent, false, true */

/* X(id, status, type, code, retry, message)
 * KEY_*: one text for unknown, expired, revoked and malformed keys: nobody learns which it was.
 * The codes from upstream_rate_limited on are those of the outcome table (upstream/outcome.h).
 * x-should-retry is false where trying again cannot help and where the gateway has tried again already.
 * BUDGET: each format has a form of its own that its clients do not ask again after: 402 in OpenAI's others than Responses, there
 * 429 with the type that Codex knows and `resets_at`; Anthropic's billing_error; Google's QuotaFailure of a quota per day
 * (measured with Codex 0.169, Claude Code and Gemini CLI, November 2026). */
#define GATEWAY_ERRORS(X)                                                                                              \
    X(KEY_MISSING, 401, "invalid_request_error", "missing_api_key", RETRY_NO,                                          \
      "No API key was given. Send it as 'Authorization: Bearer KEY'.")                                                 \
    X(KEY_INVALID, 401, "invalid_request_error", "invalid_api_key", RETRY_NO, "The API key is not valid.")             \
    X(KEY_CONFLICT, 400, "invalid_request_error", "conflicting_api_keys", RETRY_NO,                                    \
      "Several different API keys were given. Send one.")                                                              \
    X(OPERATION_NOT_GRANTED, 403, "permission_error", "operation_not_allowed", RETRY_NO,                               \
      "This API key may not use this operation.")                                                                      \
    X(MODEL_UNKNOWN, 404, "invalid_request_error", "model_not_found", RETRY_NO,                                        \
      "The model does not exist or you do not have access to it.")                                                     \
    X(ROUTE_UNKNOWN, 400, "invalid_request_error", "route_not_found", RETRY_NO, "There is no route of that name.")     \
    X(PATH_UNKNOWN, 404, "invalid_request_error", "unknown_url", RETRY_NO, "There is nothing at this path.")           \
    X(NOT_SERVED, 404, "invalid_request_error", "not_served", RETRY_NO, "This API is not served by this gateway.")     \
    X(METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed", RETRY_NO,                                \
      "This path does not take this method.")                                                                          \
    X(UPGRADE, 426, "invalid_request_error", "upgrade_not_served", RETRY_NO,                                           \
      "WebSocket is not served here. Send the request by POST.")                                                       \
    X(BODY_MISSING, 400, "invalid_request_error", "missing_body", RETRY_NO, "The request needs a JSON body.")          \
    X(BODY_INVALID, 400, "invalid_request_error", "invalid_json", RETRY_NO, "The body is not valid JSON.")             \
    X(BODY_NOT_OBJECT, 400, "invalid_request_error", "invalid_type", RETRY_NO, "The body must be a JSON object.")      \
    X(BODY_TOO_DEEP, 400, "invalid_request_error", "nested_too_deep", RETRY_NO, "The body is nested too deep.")        \
    X(BODY_UTF8, 400, "invalid_request_error", "invalid_utf8", RETRY_NO, "The body is not valid UTF-8.")               \
    X(MEMBER_REPEATED, 400, "invalid_request_error", "repeated_parameter", RETRY_NO, "A member occurs twice.")         \
    X(MEMBER_MISSING, 400, "invalid_request_error", "missing_required_parameter", RETRY_NO, "A member is missing.")    \
    X(MEMBER_TYPE, 400, "invalid_request_error", "invalid_type", RETRY_NO, "A member has the wrong type.")             \
    X(MEMBER_VALUE, 400, "invalid_request_error", "invalid_value", RETRY_NO, "A member's value cannot be.")            \
    X(MEMBER_TOO_LONG, 400, "invalid_request_error", "string_above_max_length", RETRY_NO, "A member is too long.")     \
    X(MEMBER_TOO_MANY, 400, "invalid_request_error", "array_above_max_length", RETRY_NO, "A list is too long.")        \
    X(UNSUPPORTED, 400, "invalid_request_error", "unsupported_parameter", RETRY_NO,                                    \
      "The chosen model cannot do what a member asks for.")                                                            \
    X(MEDIA, 400, "invalid_request_error", "media_not_fetched", RETRY_NO, "A URL in the request cannot be fetched.")   \
    X(RESPONSE_UNKNOWN, 404, "invalid_request_error", "response_not_found", RETRY_NO,                                  \
      "There is no stored response of that id.")                                                                       \
    X(OBJECT_UNKNOWN, 404, "invalid_request_error", "not_found", RETRY_NO, "There is nothing of that id.")             \
    X(PREVIOUS_UNKNOWN, 400, "invalid_request_error", "previous_response_not_found", RETRY_NO,                         \
      "The previous response was not found.")                                                                          \
    X(STORE_UNAVAILABLE, 503, "service_unavailable_error", "store_unavailable", RETRY_YES,                             \
      "The gateway's store of responses cannot be read now. Try again.")                                               \
    X(VIDEO_UNKNOWN, 404, "invalid_request_error", "video_not_found", RETRY_NO, "There is no video job of that id.")   \
    X(VIDEO_NOT_READY, 409, "invalid_request_error", "video_not_ready", RETRY_NO, "The video is not finished yet.")    \
    X(VIDEO_FAILED, 404, "invalid_request_error", "video_failed", RETRY_NO, "The job made no video.")                  \
    X(VIDEO_EXPIRED, 410, "invalid_request_error", "video_expired", RETRY_NO, "The provider no longer has the video.") \
    X(VIDEO_VARIANT, 404, "invalid_request_error", "variant_not_available", RETRY_NO,                                  \
      "This video has no such variant.")                                                                               \
    X(VIDEO_RANGE, 416, "invalid_request_error", "range_not_satisfiable", RETRY_NO, "The range is beyond the end.")    \
    X(VIDEO_UNCLEAR, 502, "upstream_error", "unknown_submission", RETRY_NO,                                            \
      "The provider did not say whether it took the job.")                                                             \
    X(ONCE_KEY, 400, "invalid_request_error", "invalid_idempotency_key", RETRY_NO,                                     \
      "'Idempotency-Key' must have 1 to 255 visible characters.")                                                      \
    X(ONCE_OTHER, 422, "invalid_request_error", "idempotency_key_reused", RETRY_NO,                                    \
      "This 'Idempotency-Key' was used for another request.")                                                          \
    X(ONCE_RUNS, 409, "invalid_request_error", "idempotency_key_in_use", RETRY_YES,                                    \
      "The first request with this 'Idempotency-Key' is still running. Try again.")                                    \
    X(ONCE_GONE, 409, "invalid_request_error", "idempotency_key_spent", RETRY_NO,                                      \
      "What this 'Idempotency-Key' made was deleted.")                                                                 \
    X(BODY_TOO_LARGE, 413, "invalid_request_error", "request_too_large", RETRY_NO,                                     \
      "The request body is larger than this gateway takes.")                                                           \
    X(BODY_NOT_KEPT, 503, "service_unavailable_error", "body_not_kept", RETRY_YES,                                     \
      "The gateway cannot keep a request body of this size now. Try again, or send a smaller one.")                    \
    X(ENCODING_UNSUPPORTED, 415, "invalid_request_error", "unsupported_content_encoding", RETRY_NO,                    \
      "The body's content-encoding is not known: gzip, deflate, br, zstd and identity are.")                           \
    X(ENCODING_BROKEN, 400, "invalid_request_error", "invalid_content_encoding", RETRY_NO,                             \
      "The body does not decode with its content-encoding.")                                                           \
    X(TYPE_UNSUPPORTED, 415, "invalid_request_error", "unsupported_media_type", RETRY_NO,                              \
      "The body must be application/json.")                                                                            \
    X(BODY_SLOW, 408, "invalid_request_error", "request_timeout", RETRY_UNSAID, "The body did not arrive in time.")    \
    X(BAD_REQUEST, 400, "invalid_request_error", "bad_request", RETRY_NO, "The request is malformed.")                 \
    X(NO_TARGET, 503, "service_unavailable_error", "no_target", RETRY_NO, "No target can take this request.")          \
    X(OVERLOADED, 503, "service_unavailable_error", "gateway_overloaded", RETRY_YES,                                   \
      "The gateway has as many requests as it takes. Try again.")                                                      \
    X(LEDGER_UNAVAILABLE, 503, "service_unavailable_error", "ledger_unavailable", RETRY_YES,                           \
      "The gateway cannot record requests now and takes none.")                                                        \
    X(RATE_LIMITED, 429, "rate_limit_error", "rate_limit_exceeded", RETRY_YES, "Too many requests. Try again later.")  \
    X(BUDGET, 429, "insufficient_quota", "insufficient_quota", RETRY_NO, "The budget of this period is used up.")      \
    X(HANDSHAKE, 400, "invalid_request_error", "invalid_upgrade", RETRY_NO,                                            \
      "The request for a WebSocket is malformed (RFC 6455 section 4).")                                                \
    X(SESSION_COST, 429, "insufficient_quota", "session_cost_limit", RETRY_NO,                                         \
      "This session has cost as much as a session may.")                                                               \
    X(SESSION_ENDS, 503, "server_error", "session_ending", RETRY_YES, "This session ends. Open a new one.")            \
    X(SESSION_KEY, 401, "invalid_request_error", "invalid_api_key", RETRY_NO, "The API key is not valid any more.")    \
    X(SESSION_LONG, 408, "invalid_request_error", "session_expired", RETRY_YES,                                        \
      "This session has lasted as long as a session may. Open a new one.")                                             \
    X(SESSION_ELSEWHERE, 400, "invalid_request_error", "websocket_connection_limit_reached", RETRY_YES,                \
      "This connection leads to another provider than that model needs. Open a new one.")                              \
    X(INTERNAL, 500, "server_error", "internal_error", RETRY_NO, "The gateway failed.")                                \
    X(UP_RATE_LIMITED, 429, "rate_limit_error", "upstream_rate_limited", RETRY_YES,                                    \
      "The provider limits the rate of requests. Try again later.")                                                    \
    X(UP_QUOTA, 502, "upstream_error", "upstream_quota_exhausted", RETRY_NO,                                           \
      "The gateway's account at the provider is exhausted.")                                                           \
    X(UP_CREDENTIALS, 502, "upstream_error", "upstream_credentials_refused", RETRY_NO,                                 \
      "The provider refused the gateway's credentials.")                                                               \
    X(UP_FORBIDDEN, 502, "upstream_error", "upstream_forbidden", RETRY_NO, "The provider refused the gateway.")        \
    X(UP_OVERLOADED, 503, "service_unavailable_error", "upstream_overloaded", RETRY_YES,                               \
      "The provider is overloaded. Try again.")                                                                        \
    X(UP_ERROR, 502, "upstream_error", "upstream_error", RETRY_NO, "The provider failed.")                             \
    X(UP_UNREACHABLE, 502, "upstream_error", "upstream_unreachable", RETRY_NO, "The provider cannot be reached.")      \
    X(UP_ADDRESS, 502, "upstream_error", "upstream_address_refused", RETRY_NO,                                         \
      "The provider's address is not one that the gateway connects to.")                                               \
    X(UP_TIMEOUT, 504, "upstream_error", "upstream_timeout", RETRY_NO, "The provider did not answer in time.")         \
    X(UP_TLS, 502, "upstream_error", "upstream_tls_failed", RETRY_NO, "No safe connection to the provider.")           \
    X(UP_TRUNCATED, 502, "upstream_error", "upstream_truncated", RETRY_NO, "The provider's answer was cut short.")     \
    X(UP_MALFORMED, 502, "upstream_error", "upstream_malformed", RETRY_NO, "The provider's answer is malformed.")      \
    X(UP_TOO_LARGE, 502, "upstream_error", "upstream_answer_too_large", RETRY_NO,                                      \
      "The provider's answer is larger than this gateway takes.")                                                      \
    X(UP_REDIRECT, 502, "upstream_error", "upstream_redirect_refused", RETRY_NO,                                       \
      "The provider redirects, which the gateway does not follow.")                                                    \
    X(UP_REQUEST, 400, "invalid_request_error", "bad_request", RETRY_NO, "The provider refused the request.")          \
    X(UP_TOO_LONG, 400, "invalid_request_error", "context_length_exceeded", RETRY_NO,                                  \
      "The request is too long for the model.")                                                                        \
    X(UP_CONTENT, 400, "invalid_request_error", "content_filter", RETRY_NO,                                            \
      "The provider refused the request for its content.")                                                             \
    X(TIMEOUT, 504, "upstream_error", "timeout", RETRY_NO, "The request took longer than it may.")                     \
    X(CLIENT_CLOSED, 499, "invalid_request_error", "client_closed_request", RETRY_NO, "The client went away.")         \
    X(CANCELLED, 499, "server_error", "cancelled", RETRY_NO, "The request was cancelled.")                             \
    X(INTERRUPTED, 500, "server_error", "interrupted", RETRY_NO, "The gateway was interrupted.")

enum gateway_error {
    GE_NONE = 0,
#define X(id, ...) GE_##id,
    GATEWAY_ERRORS(X)
#undef X
    GE_COUNT
};

struct gateway_error_row {
    int status;
    struct sl_str type, code, message;
    enum error_retry retry;
};
const struct gateway_error_row *gateway_error_row(enum gateway_error e);
enum gateway_error gateway_error_by_code(
    struct sl_str code); /* the code of an outcome; GE_UP_ERROR when there is none */

/* One error to tell. Only `error` must be set. */
struct error_facts {
    enum gateway_error error;
    struct sl_str message; /* instead of the row's; text of ours, names of the caller's: escaped here */
    struct sl_str code;    /* error_event of Responses: instead of the row's */
    struct sl_str param;   /* the member it is about: "messages"; empty: null */
    struct sl_str answer;  /* inside; error_event: the id of the response that has begun (Responses); empty: none has */
    struct sl_str id; /* the exchange's id: request_id of Anthropic bodies (others have x-sluice-id); empty: none */
    int64_t retry_after_ns; /* > 0: retry-after (whole seconds, at least 1, rounded up) and retry-after-ms */
    int64_t resets_ns;      /* GE_BUDGET: when there is a new one, wall clock */
    enum error_retry retry; /* instead of the row's, when not RETRY_UNSAID */
    struct sl_str allow;    /* GE_METHOD_NOT_ALLOWED */
    bool in_array; /* error_event: the stream is one JSON array with something in it (Gemini without alt=sse) */
};

/* The status of an error in that format: Anthropic has 529 for what is overloaded, OpenAI's 402 for what is not paid. */
int error_status(enum error_format format, const struct error_facts *f);
/* The body (in the arena) in a caller's format. */
struct sl_str error_body(struct sl_arena *a, enum error_format format, const struct error_facts *f);
/* content-type, x-should-retry, retry-after, retry-after-ms, allow, www-authenticate; framing is the codec's. */
void error_headers(struct sl_arena *a, const struct error_facts *f, struct http_headers *to);
/* The event that tells a client in mid-stream: "data: {...}\n\n" (openai.md section 2.5), "event: error" (anthropic.md 4.6),
 * "event: response.failed" (openai.md 7.6). Never followed by a terminator. */
struct sl_str error_event(struct sl_arena *a, enum error_format format, const struct error_facts *f);

/* A JSON string with quotes, from bytes of any origin: what is not UTF-8 becomes U+FFFD. In the arena. */
struct sl_str json_quote(struct sl_arena *a, struct sl_str s);

#endif
