/* The settings under `relay`: how much of an exchange is held in memory; and under `media`: what is fetched by URL. Immutable. */
#ifndef SLUICE_EXCHANGE_SETTINGS_H
#define SLUICE_EXCHANGE_SETTINGS_H

#include "config/schema.h"
#include "keep/settings.h"

enum unsupported_setting {
    UNSUPPORTED_SAYS = 0,
    UNSUPPORTED_REFUSES,
    UNSUPPORTED_DROPS
};

struct exchange_settings {
    uint32_t hold_bytes;         /* of an answer that is not a stream, before the client sees a byte */
    int64_t hold_start_ns;       /* of a stream without output yet */
    uint32_t client_queue_bytes; /* waiting for a slow client before the provider is held */
    uint32_t sse_event_bytes;    /* largest single event */
    enum unsupported_setting on_unsupported;
    uint32_t fan_out;
    uint64_t spill_bytes, body_memory; /* of a request's body: docs/internals/request-bodies.md */
    struct sl_str spill_directory;     /* empty: the state directory */
};

struct media_settings { /* docs/internals/media.md */
    bool fetch;
    uint64_t max_bytes, total_bytes;
    uint32_t count, parallel;
    int64_t timeout_ns;
    CFG_LIST_OF(struct sl_str) hosts;
    bool plain_http;
    bool allow_private;
};

enum responses_scope {
    RESPONSES_OF_KEY = 0,
    RESPONSES_OF_TENANT
};
enum responses_write {
    RESPONSES_KEPT = 0,
    RESPONSES_SYNCED
};

enum tenant_retention {
    TENANT_RETENTION_ANY = 0,
    TENANT_RETENTION_ZERO
};

struct tenant_budget_settings {
    struct sl_str usd; /* empty: none */
    unsigned per;      /* enum spend_per */
};

struct tenant_webhook_settings {
    struct sl_secret secret, previous;
};

struct tenant_settings {
    struct tenant_webhook_settings webhook;
    struct sl_str name, region;
    unsigned zero_retention; /* enum tenant_retention */
    struct tenant_budget_settings budget;
};

struct responses_settings {
    bool store;
    int64_t keep_ns;
    uint64_t max_bytes; /* of one */
    uint64_t per_key;   /* of all of one key; 0: any */
    enum responses_scope scope;
    enum responses_write write;
    CFG_LIST_OF(struct sl_str) except; /* tenants */
};

struct videos_settings { /* docs/internals/jobs.md */
    int64_t keep_ns;
    bool keep_prompts, zero_retention;
    uint32_t polls_per_second;
    int64_t poll_first_ns, poll_ns, poll_max_ns; /* 0: as the provider's kind has it */
    int64_t resolve_ns;
    struct sl_str callback_url;
    struct sl_secret webhook_secret, webhook_previous;
    CFG_LIST_OF(struct sl_str) webhook_hosts;
    bool webhook_private;
    struct keep_settings content;
};

struct files_settings { /* docs/internals/files.md */
    struct sl_str provider;
    uint64_t max_bytes;
    int64_t time_ns;
};

struct batches_settings { /* docs/internals/batches.md */
    uint32_t parallel, tries;
    int64_t window_ns, keep_ns, retry_ns, poll_ns;
    uint64_t max_bytes;
    bool zero_retention;
};

struct realtime_settings { /* docs/internals/realtime.md */
    uint64_t message_bytes;
    int64_t session_ns, idle_ns, ping_ns; /* 0: none (session: never 0) */
    struct sl_str max_cost;               /* USD; empty: any */
    uint32_t responses_per_minute;        /* 0: any */
};

extern const struct cfg_section tenant_settings_section; /* an item of tenants */
extern const struct cfg_section exchange_settings_section, media_settings_section, responses_settings_section,
    videos_settings_section, files_settings_section, batches_settings_section, realtime_settings_section;

#endif
