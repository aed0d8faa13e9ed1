/* The settings under `relay`: how much of an exchange is held in memory; and under `media`: what is fetched by URL. Immutable. */
#ifndef SLUICE_EXCHANGE_SETTINGS_H
#define SLUICE_EXCHANGE_SETTINGS_H

#include "config/schema.h"

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

extern const struct cfg_section exchange_settings_section, media_settings_section;

#endif
