/* retry_decide. What each outcome allows beyond outcome_row.next is the table below; the order of the questions is
 * the order of the guards in retry_decide. */
#include "upstream/retry.h"

#include "base/check.h"
#include "base/clock.h"

#define SAME_DEFAULT 2u
#define DOUBLINGS_MAX 20u /* 2^20 times any base is over any cap; keeps the shift in range */

/* X(id, may the same target work if it is asked again later, did the provider say no before doing anything) */
#define RETRY_ROWS(X)                                                                                                  \
    X(OK, false, false)                                                                                                \
    X(CLIENT_FAULT, false, true)                                                                                       \
    X(CONTEXT_OVERFLOW, false, true)                                                                                   \
    X(CONTENT_FILTER, false, true)                                                                                     \
    X(MODEL_GONE, false, true)                                                                                         \
    X(RATE_LIMITED, true, true)                                                                                        \
    X(QUOTA_EXHAUSTED, false, true)                                                                                    \
    X(BAD_CREDENTIALS, false, true)                                                                                    \
    X(FORBIDDEN, false, true)                                                                                          \
    X(OVERLOADED, true, true)                                                                                          \
    X(SERVER_ERROR, true, false)                                                                                       \
    X(RESOLVE_FAILED, true, true)                                                                                      \
    X(ADDRESS_REFUSED, false, true)                                                                                    \
    X(CONNECT_REFUSED, true, true)                                                                                     \
    X(CONNECT_TIMEOUT, true, true)                                                                                     \
    X(PROXY_FAILED, true, true)                                                                                        \
    X(TLS_FAILED, false, true) /* a wrong certificate stays wrong */                                                   \
    X(TLS_TIMEOUT, true, true)                                                                                         \
    X(SEND_FAILED, true, false)                                                                                        \
    X(SEND_TIMEOUT, true, false)                                                                                       \
    X(STALE, true, false)                                                                                              \
    X(FIRST_BYTE_TIMEOUT, true, false)                                                                                 \
    X(BETWEEN_TIMEOUT, true, false)                                                                                    \
    X(FIRST_TOKEN_TIMEOUT, true, false)                                                                                \
    X(STALLED, true, false)                                                                                            \
    X(TOTAL_TIMEOUT, false, false)                                                                                     \
    X(RESET, true, false)                                                                                              \
    X(TRUNCATED, true, false)                                                                                          \
    X(MALFORMED, true, false)                                                                                          \
    X(TOO_LARGE, false, false)                                                                                         \
    X(STREAM_ERROR, true, false)                                                                                       \
    X(REDIRECT, false, true)                                                                                           \
    X(CLIENT_GONE, false, false)                                                                                       \
    X(CANCELLED, false, false)                                                                                         \
    X(INTERRUPTED, false, false)

enum retry_row_id {
#define X(id, ...) RR_##id,
    RETRY_ROWS(X)
#undef X
    RR_COUNT
};
#define X(id, ...) _Static_assert((int)OUT_##id == (int)RR_##id, "a row of outcome.h is missing in RETRY_ROWS: " #id);
OUTCOMES(X)
#undef X
_Static_assert((int)OUT_COUNT == (int)RR_COUNT, "RETRY_ROWS has a row that outcome.h has not");

static const struct {
    bool same_later, declined;
} rows[] = {
#define X(id, same_later, declined) [OUT_##id] = {same_later, declined},
    RETRY_ROWS(X)
#undef X
};

static struct retry_verdict give_up(const char *why)
{
    return (struct retry_verdict){.next = RETRY_GIVE_UP, .why = why};
}

/* Full jitter: anything between nothing and the doubled base, so that those who failed together do not come back
 * together. */
static int64_t back_off(const struct retry_facts *f)
{
    const struct retry_policy *p = f->policy;
    unsigned doublings = f->tries_same > 0 ? f->tries_same - 1 : 0;
    if (doublings > DOUBLINGS_MAX)
        doublings = DOUBLINGS_MAX;
    int64_t most = p->base_ns > p->cap_ns >> doublings ? p->cap_ns : p->base_ns << doublings;
    if (most <= 0)
        return 0;
    return (int64_t)(((unsigned __int128)f->random * ((uint64_t)most + 1)) >> 64);
}

static struct retry_verdict same_target(const struct retry_facts *f)
{
    int64_t wait = f->provider_wait_ns > 0 ? f->provider_wait_ns : 0;
    if (wait > f->policy->wait_cap_ns)
        return give_up("the provider asks for a longer wait than the policy allows");
    int64_t delay = wait + back_off(f);
    bool has_due = f->total_due_ns > 0 && f->total_due_ns != SL_NEVER;
    if (has_due && delay >= f->total_due_ns - f->now_ns)
        return give_up("waiting would pass the total deadline");
    return (struct retry_verdict){.next = RETRY_SAME_TARGET,
                                  .delay_ns = delay,
                                  .why = wait > 0 ? "same target, after the wait it asked for"
                                                  : "same target, after a back-off"};
}

struct retry_verdict retry_decide(const struct retry_facts *f)
{
    const struct outcome_row *row = outcome_row(f->outcome);
    uint32_t same_max = f->policy->same > 0 ? f->policy->same : SAME_DEFAULT;
    if (f->outcome == OUT_OK)
        return give_up("answered");
    if (f->committed)
        return give_up("the client has seen a byte");
    bool filtered = f->outcome == OUT_CONTENT_FILTER && f->policy->filtered_next;
    if (row->next == NEXT_NONE && !filtered)
        return give_up("trying again cannot help");
    if (f->total_due_ns > 0 && f->now_ns >= f->total_due_ns)
        return give_up("no time left");
    if (f->tries_total >= f->policy->attempts)
        return give_up("attempts used up");
    if (retry_is_spent(f->policy, f->cost_p))
        return give_up("the attempts have cost what they may");
    if (!f->op_repeatable && f->was_sent && !rows[f->outcome].declined)
        return give_up("the operation may have been done and must not be repeated");
    bool others = f->candidates_left > 0;
    if (row->next == NEXT_SAME && (!others || f->tries_same < same_max)) {
        struct retry_verdict v = same_target(f);
        if (v.next == RETRY_SAME_TARGET || !others)
            return v;
    }
    if (others)
        return (struct retry_verdict){.next = RETRY_NEXT_TARGET, .why = "next target"};
    if (!rows[f->outcome].same_later)
        return give_up("no other target, and the same one would say the same");
    return same_target(f);
}
