/* What is left under a provider's limits, for one key and one model: what its headers said last, refilled since, less what was sent since.
 * An estimate: it moves load away before the provider refuses, and never says that a target is not to be asked. Pure.
 * Source: routing-algorithms section 7 (November 2026). */
#ifndef SLUICE_UPSTREAM_HEADROOM_H
#define SLUICE_UPSTREAM_HEADROOM_H

#include "provider/limits.h"

#define HEADROOM_WHOLE 65536u

struct headroom_need { /* of one request */
    uint64_t input;    /* tokens, estimated */
    uint64_t output;   /* ... that are expected to come */
    uint64_t most;     /* ... that may come; 0: not said */
};

struct headroom_slot {
    int64_t limit, remaining, reset_ns; /* as said; limit 0: nothing was */
    int64_t seen_ns;
    uint64_t counted; /* of `sent`: what the provider had counted then */
    uint64_t sent;    /* of all requests so far */
};
struct headroom { /* starts zeroed */
    struct headroom_slot by[LIMIT_COUNT];
};
struct headroom_mark { /* of a request: `sent` of all slots with it */
    uint64_t sent[LIMIT_COUNT];
    bool set;
};

/* A request goes out. */
void headroom_send(struct headroom *h, const struct headroom_need *need, struct headroom_mark *out);
/* Its answer's headers came. What was sent behind it is not in them. */
void headroom_take(struct headroom *h, const struct provider_limits *said, const struct headroom_mark *m,
                   int64_t now_ns);
/* The share that would be left behind such a request, of HEADROOM_WHOLE: 0 only when it does not fit; all when nothing is known. What
 * was said is believed until it is whole again, at least a minute and at most five. need NULL: one small request. */
uint32_t headroom_left(const struct headroom *h, const struct headroom_need *need, int64_t now_ns);

#endif
