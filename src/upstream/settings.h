/* The settings under `upstream` (connections to providers) and `resilience` (deadlines, trying again). Immutable. */
#ifndef SLUICE_UPSTREAM_SETTINGS_H
#define SLUICE_UPSTREAM_SETTINGS_H

#include "config/schema.h"
#include "provider/settings.h"

struct dns_settings {
    int64_t ttl_ns;        /* how long an answer is used; the system's resolver does not tell */
    int64_t failed_ttl_ns; /* how long a failure is remembered */
    int64_t stale_ns;      /* how long an old answer is used when asking again fails */
    uint32_t names;        /* kept per worker */
};

struct upstream_settings {
    uint32_t idle_connections; /* kept per origin and worker before the shared shelf takes them */
    uint32_t shelf;            /* idle HTTP/1.1 connections on the shared shelf, all origins */
    int64_t idle_ns;
    uint32_t head_bytes;   /* of an answer */
    uint64_t answer_bytes; /* of an answer that is not a stream */
    struct dns_settings dns;
    struct proxy_settings proxy;
};

struct backoff_settings {
    int64_t base_ns, cap_ns;
};

struct retry_settings {
    uint32_t attempts; /* per exchange, the first one included */
    struct backoff_settings backoff;
    int64_t wait_cap_ns;    /* a provider's retry-after above this is not waited for */
    struct sl_str max_cost; /* US dollars; empty: no bound */
};

struct deadline_settings { /* ns; 0: none */
    int64_t connect_ns, tls_ns, send_ns;
    int64_t first_byte_ns; /* of a streamed answer */
    int64_t answer_ns;     /* the same, of an answer that is not streamed: its head comes when all of it is ready */
    int64_t between_bytes_ns, total_ns;
    int64_t first_token_ns, thinking_ns, between_tokens_ns; /* of streams, while another target is left */
};

enum rescue_policy { /* of a stream that breaks once the client has seen of it */
    RESCUE_CONTINUE = 0,
    RESCUE_RESTART,
    RESCUE_ERROR,
    RESCUE_HOLD
};

enum slow_policy {
    SLOW_BEHIND = 0,
    SLOW_STAYS
};

struct hedge_settings {
    bool enabled;
    uint32_t input_tokens; /* estimated; of larger requests none is hedged */
};

enum probe_ask {
    PROBE_OFF = 0,
    PROBE_MODELS,
    PROBE_COMPLETION
};

struct probe_settings {
    enum probe_ask ask;
    int64_t interval_ns, timeout_ns;
    uint32_t jitter;                      /* percent */
    CFG_LIST_OF(struct sl_str) providers; /* none: all */
};

enum filter_policy {
    FILTER_TOLD = 0,
    FILTER_NEXT
};

struct hold_settings {
    uint32_t pieces;
    int64_t time_ns;
};

struct resilience_settings {
    enum rescue_policy rescue;
    struct hold_settings hold;
    CFG_LIST_OF(struct sl_str) concurrency; /* providers */
    struct hedge_settings hedge;
    struct probe_settings probe;
    bool breaker;
    enum slow_policy slow;
    enum filter_policy content_filter;
    struct retry_settings retry;
    struct deadline_settings deadline;
};

extern const struct cfg_section upstream_settings_section;
extern const struct cfg_section resilience_settings_section;

#endif
