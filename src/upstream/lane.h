/* One target's health: a breaker over exact windows, what the provider asked us to wait, how fast it is. Pure: time, draws and
 * outcomes are given. health.h makes it safe between threads and knows which lanes belong together.
 *
 *            LB(L) > 20 %, LB(S) > 30 %, or five in a row for half a second
 *   CLOSED ──────────────────────────────────────────────────────────────► OPEN ── hold is over ──► HALF_OPEN
 *      ▲                                                                     ▲                          │ one probe at a time
 *      └───────────────────────── three probes in a row ─────────────────────┼──────────────────────────┤
 *                                                                            └──────── a probe failed ──┘
 *
 * LB is the lower bound of the failure ratio (Wilson, 95 %), L the last minute in steps of 5 s, S the last 10 s in steps of 1 s. hold is
 * 5 s, doubled with each reopening up to 2 min, and drawn from half of it to one and a half. A lane that closes gets its weight back
 * within 30 s. Source: routing-algorithms section 2 (November 2026). */
#ifndef SLUICE_UPSTREAM_LANE_H
#define SLUICE_UPSTREAM_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/gradient.h"
#include "upstream/outcome.h"
#include "upstream/sketch.h"
#include "upstream/slow.h"

#define LANE_Q16 65536u
#define LANE_MISSING_NS (INT64_C(600) * 1000000000) /* so long rests what is not there */

enum lane_state {
    LANE_CLOSED = 0,
    LANE_OPEN,
    LANE_HALF_OPEN
};

enum lane_effect {    /* of an attempt's outcome */
    LANE_NOTHING = 0, /* the caller's fault, or nobody's */
    LANE_GOOD,
    LANE_BAD,
    LANE_WAIT,    /* the provider asks us to wait: no failure */
    LANE_ACCOUNT, /* credentials or credit: the account rests */
    LANE_MISSING  /* it is not there: the lane rests */
};
enum lane_effect lane_effect_of(enum outcome o);
bool lane_is_of_place(enum outcome o); /* a failure that other lanes of the same provider are likely to share */

struct lane_count {
    uint32_t good, bad;
};
struct lane_ring {
    struct lane_count v[12];
    int64_t step; /* number of the newest bucket */
};

struct lane { /* starts zeroed */
    struct lane_ring minute, seconds;
    uint32_t run; /* failures in a row */
    int64_t run_began_ns;
    enum lane_state state;
    int64_t open_until_ns, opened_ns, closed_ns; /* closed_ns 0: it never was open */
    unsigned reopened;                           /* doublings of the hold */
    unsigned probes_good;
    bool probing;             /* a probe is under way ... */
    int64_t probe_until_ns;   /* ... and is given up for lost then */
    int64_t probed_ns;        /* a probe of the gateway's own ended */
    int64_t watched_until_ns; /* such probes go on: until then it is not a client's request that finds out */
    bool probe_is_mute;       /* the last one said nothing: clients find out as if there were none */
    int64_t blocked_until_ns;
    unsigned waits; /* in a row, without a time */
    uint32_t in_flight;
    int64_t last_ns;              /* an attempt ended */
    struct sketch first, between; /* to the first output; between two pieces of it */
    struct slow slow;
    struct gradient places; /* looked at for providers that resilience.concurrency names */
    uint32_t tokens_q8;     /* of the budget for trying the same lane again, in 1/256 */
    bool has_tokens;
};

struct lane_sample { /* an attempt that ended */
    enum outcome outcome;
    int64_t first_us;   /* to the first output; -1: none came. Of one that lost to a hedge: it took longer than this */
    int64_t between_us; /* mean time between two pieces; -1: not known */
    int64_t
        whole_us; /* to the whole answer, of one that is not a stream; 0: not looked at. Of one that lost to a hedge: longer */
    int64_t wait_ns; /* what the provider asked for; -1: nothing */
    bool was_probe;
    uint64_t random;
};

/* Whether it may be asked now; HALF_OPEN once the hold is over. */
enum lane_state lane_state_at(struct lane *l, int64_t now_ns);
/* An attempt begins. True: it is the probe. */
bool lane_begin(struct lane *l, int64_t now_ns);
/* It ended. True: the lane opened by it. */
bool lane_end(struct lane *l, const struct lane_sample *s, int64_t now_ns);
/* Probes of the gateway's own (resilience.probe), which are no attempts of clients. When the next one is worth it: as soon as an open lane
 * may be asked, an idle one after the interval, and a second behind one that has changed what is thought of the lane. */
int64_t lane_probe_due(const struct lane *l, int64_t interval_ns);
/* An open lane is looked after from now on: its hold ends with a probe and not with a client's request. */
void lane_probe_watch(struct lane *l, int64_t watched_until_ns);
/* One goes out; an open lane becomes half open by it, before its hold is over. Clients keep away from it until `watched_until_ns`, or
 * until the next probe says otherwise. True: it is the lane's probe (was_probe). */
bool lane_probe_begin(struct lane *l, int64_t watched_until_ns, int64_t now_ns);
/* It ended; its times are no client's. One that says nothing of the lane leaves it to the clients to find out. True: the lane opened. */
bool lane_probe_end(struct lane *l, const struct lane_sample *s, int64_t now_ns);
/* No more come. was_probe: of one that is under way and ends here. */
void lane_probe_leave(struct lane *l, bool was_probe);
/* Of 0 .. LANE_Q16: (1 - failures)^2, times the slow start behind a reopening. */
uint32_t lane_health(const struct lane *l, int64_t now_ns);
/* A tenth of its attempts fail. That its first outputs take twice as long as they used to, slow_is says. */
bool lane_is_failing(const struct lane *l, int64_t now_ns);
/* How long to wait for a limit: as the provider said, else up to 1 s, 2 s, 4 s, ... one minute; *waits counts those in a row. */
int64_t lane_wait_ns(unsigned *waits, const struct lane_sample *s);
/* One more try at the same lane: takes from its budget (0.2 for each attempt, at most 100). `cost`: 1, or 2 behind an overload. */
bool lane_may_repeat(struct lane *l, unsigned cost);

/* Lower bound of the failure ratio, in percent times 100. */
unsigned lane_lower_bound(uint32_t bad, uint32_t n);

#endif
