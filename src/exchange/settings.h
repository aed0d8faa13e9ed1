/* The settings under `relay`: how much of an exchange is held in memory. Immutable. */
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

extern const struct cfg_section exchange_settings_section;

#endif
