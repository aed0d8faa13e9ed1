/* What happened to an attempt, and what it means: one table. Adding an outcome without a row does not compile.
 * Style section 4.3. Which one a provider's error answer is: provider_fault_of (provider/provider.h), by the exchange. */
#ifndef SLUICE_UPSTREAM_OUTCOME_H
#define SLUICE_UPSTREAM_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum outcome_next {
    NEXT_NONE = 0,
    NEXT_SAME,
    NEXT_TARGET
}; /* where trying again may help */

/* X(id, name, next, counts against health, gateway error code) */
#define OUTCOMES(X)                                                                                                    \
    X(OK, "ok", NEXT_NONE, false, "")                                                                                  \
    X(CLIENT_FAULT, "client_fault", NEXT_NONE, false, "")                                                              \
    X(CONTEXT_OVERFLOW, "context_overflow", NEXT_TARGET, false, "")                                                    \
    X(CONTENT_FILTER, "content_filter", NEXT_NONE, false, "")                                                          \
    X(MODEL_GONE, "model_gone", NEXT_TARGET, false, "")                                                                \
    X(RATE_LIMITED, "rate_limited", NEXT_TARGET, false, "upstream_rate_limited")                                       \
    X(QUOTA_EXHAUSTED, "quota_exhausted", NEXT_TARGET, false, "upstream_quota_exhausted")                              \
    X(BAD_CREDENTIALS, "bad_credentials", NEXT_TARGET, false, "upstream_credentials_refused")                          \
    X(FORBIDDEN, "forbidden", NEXT_TARGET, false, "upstream_forbidden")                                                \
    X(OVERLOADED, "overloaded", NEXT_TARGET, true, "upstream_overloaded")                                              \
    X(SERVER_ERROR, "server_error", NEXT_TARGET, true, "upstream_error")                                               \
    X(RESOLVE_FAILED, "resolve_failed", NEXT_TARGET, true, "upstream_unreachable")                                     \
    X(ADDRESS_REFUSED, "address_refused", NEXT_TARGET, false, "upstream_address_refused")                              \
    X(CONNECT_REFUSED, "connect_refused", NEXT_TARGET, true, "upstream_unreachable")                                   \
    X(CONNECT_TIMEOUT, "connect_timeout", NEXT_TARGET, true, "upstream_timeout")                                       \
    X(PROXY_FAILED, "proxy_failed", NEXT_TARGET, true, "upstream_unreachable")                                         \
    X(TLS_FAILED, "tls_failed", NEXT_TARGET, true, "upstream_tls_failed")                                              \
    X(TLS_TIMEOUT, "tls_timeout", NEXT_TARGET, true, "upstream_timeout")                                               \
    X(SEND_FAILED, "send_failed", NEXT_SAME, true, "upstream_error")                                                   \
    X(SEND_TIMEOUT, "send_timeout", NEXT_TARGET, true, "upstream_timeout")                                             \
    X(STALE, "stale_connection", NEXT_SAME, false, "upstream_error")                                                   \
    X(FIRST_BYTE_TIMEOUT, "first_byte_timeout", NEXT_TARGET, true, "upstream_timeout")                                 \
    X(BETWEEN_TIMEOUT, "between_bytes_timeout", NEXT_TARGET, true, "upstream_timeout")                                 \
    X(FIRST_TOKEN_TIMEOUT, "first_token_timeout", NEXT_TARGET, true, "upstream_timeout")                               \
    X(STALLED, "stalled", NEXT_TARGET, true, "upstream_timeout")                                                       \
    X(TOTAL_TIMEOUT, "total_timeout", NEXT_NONE, true, "timeout")                                                      \
    X(RESET, "reset", NEXT_SAME, true, "upstream_error")                                                               \
    X(TRUNCATED, "truncated", NEXT_TARGET, true, "upstream_truncated")                                                 \
    X(MALFORMED, "malformed", NEXT_TARGET, true, "upstream_malformed")                                                 \
    X(TOO_LARGE, "answer_too_large", NEXT_TARGET, false, "upstream_answer_too_large")                                  \
    X(STREAM_ERROR, "stream_error", NEXT_TARGET, true, "upstream_error")                                               \
    X(REDIRECT, "redirect", NEXT_TARGET, false, "upstream_redirect_refused")                                           \
    X(CLIENT_GONE, "client_gone", NEXT_NONE, false, "client_closed_request")                                           \
    X(CANCELLED, "cancelled", NEXT_NONE, false, "cancelled")                                                           \
    X(INTERRUPTED, "interrupted", NEXT_NONE, false, "interrupted")

enum outcome {
#define X(id, ...) OUT_##id,
    OUTCOMES(X)
#undef X
    OUT_COUNT
};

struct outcome_row {
    struct sl_str name;
    enum outcome_next next;
    bool counts; /* against the target's health */
    struct sl_str code;
};
const struct outcome_row *outcome_row(enum outcome o);

#endif
