/* Whether to try again, where, and when: the one pure function that decides it. Called by the exchange when an attempt is
 * over without an answer that can be passed on. Style section 4.3. */
#ifndef SLUICE_UPSTREAM_RETRY_H
#define SLUICE_UPSTREAM_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/outcome.h"

struct retry_policy {
    uint32_t attempts;   /* of one exchange, the first one included */
    uint32_t same;       /* on one target while others are left; 0 means 2 */
    int64_t base_ns;     /* back-off: up to base, 2 base, 4 base, ... */
    int64_t cap_ns;      /* ... never over this */
    int64_t wait_cap_ns; /* a provider that asks for a longer wait is not waited for */
    bool filtered_next;  /* what a vendor's content filter refuses is asked of the next target */
    int64_t cost_p;      /* no further attempt once those before have cost so much, in picodollars; 0: no bound */
};
#define RETRY_POLICY_DEFAULT                                                                                           \
    ((struct retry_policy){                                                                                            \
        .attempts = 3, .same = 2, .base_ns = 250000000, .cap_ns = 8000000000, .wait_cap_ns = 60000000000})

/* The attempts have cost what they may. */
static inline bool retry_is_spent(const struct retry_policy *p, int64_t cost_p)
{
    return p->cost_p > 0 && cost_p >= p->cost_p;
}

struct retry_facts {
    enum outcome outcome;
    uint32_t tries_same; /* on this target, the one that just ended included */
    uint32_t tries_total;
    int64_t now_ns, total_due_ns;      /* total_due_ns: 0 or SL_NEVER: none */
    bool committed;                    /* the client has seen a byte */
    bool op_repeatable;                /* the operation may be done twice (chat: yes) */
    bool was_sent;                     /* a byte of the request left: it may have been acted upon */
    int64_t provider_wait_ns;          /* provider_wait_ns; -1: none */
    uint32_t candidates_left;          /* behind this one */
    int64_t cost_p;                    /* of all attempts so far, told or estimated */
    const struct retry_policy *policy; /* borrow */
    uint64_t random;                   /* for the jitter */
};

enum retry_next {
    RETRY_GIVE_UP = 0,
    RETRY_SAME_TARGET,
    RETRY_NEXT_TARGET
};

struct retry_verdict {
    enum retry_next next;
    int64_t delay_ns; /* before the same target is tried again; 0 for the others */
    const char *why;  /* constant */
};

struct retry_verdict retry_decide(const struct retry_facts *f);

#endif
