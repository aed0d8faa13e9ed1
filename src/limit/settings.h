/* The settings under `limits`: what the whole process takes on at once. Immutable. */
#ifndef SLUICE_LIMIT_SETTINGS_H
#define SLUICE_LIMIT_SETTINGS_H

#include "config/schema.h"

enum priority_header {
    PRIORITY_LOWER = 0, /* a request may go behind, not ahead */
    PRIORITY_ANY,
    PRIORITY_IGNORED
};

struct priority_settings {
    CFG_LIST_OF(struct sl_str) high; /* "key:NAME", "tenant:NAME", "model:NAME", "route:NAME" */
    CFG_LIST_OF(struct sl_str) low;
    enum priority_header header;
};

struct limit_settings {
    uint32_t exchanges; /* live at once in the process; 0: no limit of its own */
    uint32_t queue;     /* waiting for a place */
    int64_t queue_ns;   /* ... at most */
    uint64_t memory;    /* bytes that exchanges may hold; 0: any */
    bool adaptive;
    struct priority_settings priority;
};

extern const struct cfg_section limit_settings_section;

#endif
