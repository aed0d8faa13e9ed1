/* The table of header names that the program knows. If you add one: keep it lower case; nothing else to touch. */
#ifndef SLUICE_HTTP_HEADER_NAMES_H
#define SLUICE_HTTP_HEADER_NAMES_H

#include "base/str.h"

#define HTTP_NAMES(X)                                                                                                  \
    X(ACCEPT, "accept")                                                                                                \
    X(ACCEPT_ENCODING, "accept-encoding")                                                                              \
    X(ALT_SVC, "alt-svc")                                                                                              \
    X(API_KEY, "api-key")                                                                                              \
    X(AUTHORIZATION, "authorization")                                                                                  \
    X(CACHE_CONTROL, "cache-control")                                                                                  \
    X(CONNECTION, "connection")                                                                                        \
    X(CONTENT_ENCODING, "content-encoding")                                                                            \
    X(CONTENT_LENGTH, "content-length")                                                                                \
    X(CONTENT_TYPE, "content-type")                                                                                    \
    X(COOKIE, "cookie")                                                                                                \
    X(DATE, "date")                                                                                                    \
    X(EXPECT, "expect")                                                                                                \
    X(FORWARDED, "forwarded")                                                                                          \
    X(HOST, "host")                                                                                                    \
    X(IDEMPOTENCY_KEY, "idempotency-key")                                                                              \
    X(KEEP_ALIVE, "keep-alive")                                                                                        \
    X(LOCATION, "location")                                                                                            \
    X(OPENAI_ORGANIZATION, "openai-organization")                                                                      \
    X(OPENAI_PROCESSING_MS, "openai-processing-ms")                                                                    \
    X(OPENAI_PROJECT, "openai-project")                                                                                \
    X(ORIGIN, "origin")                                                                                                \
    X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                                        \
    X(PROXY_AUTHORIZATION, "proxy-authorization")                                                                      \
    X(PROXY_CONNECTION, "proxy-connection")                                                                            \
    X(RETRY_AFTER, "retry-after")                                                                                      \
    X(RETRY_AFTER_MS, "retry-after-ms")                                                                                \
    X(SERVER, "server")                                                                                                \
    X(SERVER_TIMING, "server-timing")                                                                                  \
    X(SET_COOKIE, "set-cookie")                                                                                        \
    X(STRICT_TRANSPORT_SECURITY, "strict-transport-security")                                                          \
    X(TE, "te")                                                                                                        \
    X(TRACEPARENT, "traceparent")                                                                                      \
    X(TRACESTATE, "tracestate")                                                                                        \
    X(TRAILER, "trailer")                                                                                              \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                                          \
    X(UPGRADE, "upgrade")                                                                                              \
    X(USER_AGENT, "user-agent")                                                                                        \
    X(VIA, "via")                                                                                                      \
    X(WWW_AUTHENTICATE, "www-authenticate")                                                                            \
    X(X_API_KEY, "x-api-key")                                                                                          \
    X(X_FORWARDED_FOR, "x-forwarded-for")                                                                              \
    X(X_FORWARDED_HOST, "x-forwarded-host")                                                                            \
    X(X_FORWARDED_PROTO, "x-forwarded-proto")                                                                          \
    X(X_GOOG_API_KEY, "x-goog-api-key")                                                                                \
    X(X_REAL_IP, "x-real-ip")                                                                                          \
    X(X_REQUEST_ID, "x-request-id")                                                                                    \
    X(X_SHOULD_RETRY, "x-should-retry")                                                                                \
    X(X_SLUICE_ATTEMPTS, "x-sluice-attempts")                                                                          \
    X(X_SLUICE_COST, "x-sluice-cost")                                                                                  \
    X(X_SLUICE_FALLBACK, "x-sluice-fallback")                                                                          \
    X(X_SLUICE_ID, "x-sluice-id")                                                                                      \
    X(X_SLUICE_REASON, "x-sluice-reason")                                                                              \
    X(X_SLUICE_ROUTE, "x-sluice-route")                                                                                \
    X(X_SLUICE_TAGS, "x-sluice-tags")                                                                                  \
    X(X_SLUICE_TARGET, "x-sluice-target")                                                                              \
    X(X_SLUICE_TASK, "x-sluice-task")                                                                                  \
    X(X_SLUICE_TIMING, "x-sluice-timing")

enum http_name {
    HN_OTHER = 0,
#define X(id, text) HN_##id,
    HTTP_NAMES(X)
#undef X
    HN_COUNT
};

enum http_name http_name_of(struct sl_str lower); /* HN_OTHER when unknown */
struct sl_str http_name_text(enum http_name id);

#endif
