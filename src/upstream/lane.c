#include "upstream/lane.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

#define MINUTE_BUCKETS 12
#define MINUTE_STEP_NS (5 * SL_SEC)
#define SECOND_BUCKETS 10
#define SECOND_STEP_NS SL_SEC
#define RUN_MAX 5u
#define RUN_NS (SL_SEC / 2)
#define HOLD_NS (5 * SL_SEC)
#define HOLD_MAX_NS (120 * SL_SEC)
#define FORGIVEN_NS (300 * SL_SEC) /* closed for so long: the next hold is short again */
#define PROBES 3u
#define PROBE_LOST_NS (60 * SL_SEC)
#define PROBE_AGAIN_NS SL_SEC
#define SLOW_START_NS (30 * SL_SEC)
#define WAIT_NS SL_SEC /* a limit without a time: up to 1 s, 2 s, 4 s, ... */
#define WAIT_MAX_NS (60 * SL_SEC)
#define ACCOUNT_NS (300 * SL_SEC)
#define TOKEN 256u
#define TOKENS_START (10 * TOKEN)
#define TOKENS_MAX (100 * TOKEN)
#define TOKENS_EACH (TOKEN / 5)

enum lane_effect lane_effect_of(enum outcome o)
{
    switch (o) {
    case OUT_OK:
        return LANE_GOOD;
    case OUT_RATE_LIMITED:
        return LANE_WAIT;
    case OUT_QUOTA_EXHAUSTED:
    case OUT_BAD_CREDENTIALS:
        return LANE_ACCOUNT;
    case OUT_MODEL_GONE:
    case OUT_FORBIDDEN:
        return LANE_MISSING;
    case OUT_TOTAL_TIMEOUT: /* the exchange's time, not the target's: its own deadlines say when it is slow */
        return LANE_NOTHING;
    default:
        return outcome_row(o)->counts ? LANE_BAD : LANE_NOTHING;
    }
}

bool lane_is_of_place(enum outcome o)
{
    switch (o) {
    case OUT_OVERLOADED:
    case OUT_SERVER_ERROR:
    case OUT_RESOLVE_FAILED:
    case OUT_CONNECT_REFUSED:
    case OUT_CONNECT_TIMEOUT:
    case OUT_PROXY_FAILED:
    case OUT_TLS_FAILED:
    case OUT_TLS_TIMEOUT:
    case OUT_FIRST_BYTE_TIMEOUT:
    case OUT_FIRST_TOKEN_TIMEOUT:
        return true;
    default:
        return false;
    }
}

/* -- Windows ---------------------------------------------------------------------------------------------------------------------- */

static void ring_turn(struct lane_ring *r, int64_t step, int buckets)
{
    if (step <= r->step)
        return; /* also a clock that went back */
    int64_t n = step - r->step < buckets ? step - r->step : buckets;
    for (int64_t i = 0; i < n; i++)
        r->v[(step - i) % buckets] = (struct lane_count){0, 0};
    r->step = step;
}

static void ring_add(struct lane_ring *r, int64_t now_ns, int64_t step_ns, int buckets, bool good)
{
    ring_turn(r, now_ns / step_ns, buckets);
    struct lane_count *c = &r->v[r->step % buckets];
    c->good += good;
    c->bad += !good;
}

static struct lane_count ring_sum(const struct lane_ring *r, int64_t now_ns, int64_t step_ns, int buckets)
{
    struct lane_count sum = {0, 0};
    int64_t newest = now_ns / step_ns > r->step ? now_ns / step_ns : r->step;
    for (int64_t i = 0; i < buckets; i++) {
        int64_t step = r->step - i;
        if (step < 0 || newest - step >= buckets)
            break;
        sum.good += r->v[step % buckets].good;
        sum.bad += r->v[step % buckets].bad;
    }
    return sum;
}

unsigned lane_lower_bound(uint32_t bad, uint32_t n)
{
    const double z = 1.96;
    if (n == 0)
        return 0;
    double count = n, p = bad / count;
    double lb = (p + z * z / (2 * count) - z * sqrt(p * (1 - p) / count + z * z / (4 * count * count))) /
                (1 + z * z / count);
    return lb > 0 ? (unsigned)(lb * 10000) : 0;
}

static bool is_bad(const struct lane *l, int64_t now_ns)
{
    struct lane_count minute = ring_sum(&l->minute, now_ns, MINUTE_STEP_NS, MINUTE_BUCKETS);
    struct lane_count seconds = ring_sum(&l->seconds, now_ns, SECOND_STEP_NS, SECOND_BUCKETS);
    uint32_t n = minute.good + minute.bad, m = seconds.good + seconds.bad;
    return (n >= 5 && minute.bad >= 3 && lane_lower_bound(minute.bad, n) > 2000) ||
           (m >= 6 && seconds.bad >= 4 && lane_lower_bound(seconds.bad, m) > 3000) ||
           (l->run >= RUN_MAX && now_ns - l->run_began_ns >= RUN_NS);
}

/* -- States ----------------------------------------------------------------------------------------------------------------------- */

static int64_t drawn(int64_t ns, uint64_t random)
{
    return ns / 2 + (int64_t)(((unsigned __int128)random * (uint64_t)ns) >> 64);
}

static void open_lane(struct lane *l, int64_t now_ns, uint64_t random)
{
    if (l->state == LANE_CLOSED && l->closed_ns != 0 && now_ns - l->closed_ns >= FORGIVEN_NS)
        l->reopened = 0;
    int64_t hold = l->reopened < 5 ? HOLD_NS << l->reopened : HOLD_MAX_NS;
    l->open_until_ns = now_ns + drawn(hold < HOLD_MAX_NS ? hold : HOLD_MAX_NS, random);
    l->opened_ns = now_ns;
    l->reopened++;
    l->state = LANE_OPEN;
    l->probes_good = 0;
    l->probing = false;
}

static void close_lane(struct lane *l, int64_t now_ns)
{
    l->state = LANE_CLOSED;
    l->closed_ns = now_ns;
    l->run = 0;
    memset(&l->minute, 0, sizeof l->minute); /* what was before says nothing now */
    memset(&l->seconds, 0, sizeof l->seconds);
}

enum lane_state lane_state_at(struct lane *l, int64_t now_ns)
{
    if (l->state == LANE_OPEN && now_ns >= l->open_until_ns)
        l->state = LANE_HALF_OPEN;
    if (l->probing && now_ns >= l->probe_until_ns)
        l->probing = false;
    return l->state;
}

bool lane_begin(struct lane *l, int64_t now_ns)
{
    enum lane_state s = lane_state_at(l, now_ns);
    l->in_flight++;
    if (!l->has_tokens)
        l->tokens_q8 = TOKENS_START;
    l->has_tokens = true;
    l->tokens_q8 = l->tokens_q8 + TOKENS_EACH < TOKENS_MAX ? l->tokens_q8 + TOKENS_EACH : TOKENS_MAX;
    if (s != LANE_HALF_OPEN || l->probing)
        return false;
    l->probing = true;
    l->probe_until_ns = now_ns + PROBE_LOST_NS;
    return true;
}

static bool take_bad(struct lane *l, const struct lane_sample *s, int64_t now_ns)
{
    ring_add(&l->minute, now_ns, MINUTE_STEP_NS, MINUTE_BUCKETS, false);
    ring_add(&l->seconds, now_ns, SECOND_STEP_NS, SECOND_BUCKETS, false);
    if (l->run++ == 0)
        l->run_began_ns = now_ns;
    bool opens = l->state == LANE_HALF_OPEN ? s->was_probe : l->state == LANE_CLOSED && is_bad(l, now_ns);
    if (opens)
        open_lane(l, now_ns, s->random);
    return opens;
}

static void note_times(struct lane *l, const struct lane_sample *s, int64_t now_ns)
{
    if (s->first_us >= 0) {
        sketch_add(&l->first, s->first_us, now_ns);
        slow_add(&l->slow, s->first_us, now_ns);
        gradient_add(&l->places, s->first_us, l->in_flight + 1, now_ns);
    }
    if (s->between_us >= 0)
        sketch_add(&l->between, s->between_us, now_ns);
}

static void take_good(struct lane *l, const struct lane_sample *s, int64_t now_ns)
{
    ring_add(&l->minute, now_ns, MINUTE_STEP_NS, MINUTE_BUCKETS, true);
    ring_add(&l->seconds, now_ns, SECOND_STEP_NS, SECOND_BUCKETS, true);
    l->run = 0;
    l->waits = 0;
    note_times(l, s, now_ns);
    if (l->state == LANE_HALF_OPEN && s->was_probe && ++l->probes_good >= PROBES)
        close_lane(l, now_ns);
}

static void block(struct lane *l, int64_t until_ns)
{
    if (until_ns > l->blocked_until_ns)
        l->blocked_until_ns = until_ns;
}

int64_t lane_wait_ns(unsigned *waits, const struct lane_sample *s)
{
    int64_t most = *waits < 6 ? WAIT_NS << *waits : WAIT_MAX_NS;
    (*waits)++;
    return s->wait_ns >= 0 ? s->wait_ns : (int64_t)(((unsigned __int128)s->random * (uint64_t)most) >> 64);
}

bool lane_end(struct lane *l, const struct lane_sample *s, int64_t now_ns)
{
    bool opened = false;
    (void)lane_state_at(l, now_ns);
    if (l->in_flight > 0)
        l->in_flight--;
    l->last_ns = now_ns;
    switch (lane_effect_of(s->outcome)) {
    case LANE_GOOD:
        take_good(l, s, now_ns);
        break;
    case LANE_BAD:
        if (s->outcome == OUT_OVERLOADED)
            gradient_overload(&l->places);
        opened = take_bad(l, s, now_ns);
        break;
    case LANE_WAIT:
        block(l, now_ns + lane_wait_ns(&l->waits, s));
        break;
    case LANE_ACCOUNT:
        block(l, now_ns + ACCOUNT_NS);
        break;
    case LANE_MISSING:
        block(l, now_ns + LANE_MISSING_NS);
        break;
    case LANE_NOTHING:
        note_times(l, s, now_ns);
        break;
    }
    if (s->was_probe)
        l->probing = false;
    return opened;
}

/* -- Probes of the gateway's own --------------------------------------------------------------------------------------------------- */

static int64_t newer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t lane_probe_due(const struct lane *l, int64_t interval_ns)
{
    int64_t due = newer(l->last_ns, l->probed_ns) + interval_ns;
    if (l->probe_is_mute)
        return newer(l->probed_ns + interval_ns, l->blocked_until_ns);
    if (l->state == LANE_OPEN) {
        due = newer(l->opened_ns, l->probed_ns) + interval_ns;
        due = l->open_until_ns < due ? l->open_until_ns : due;
    } else if (l->state == LANE_HALF_OPEN || (l->run > 0 && l->probed_ns >= l->last_ns)) {
        due = l->probed_ns + PROBE_AGAIN_NS;
    }
    return newer(due, l->blocked_until_ns);
}

void lane_probe_watch(struct lane *l, int64_t watched_until_ns)
{
    if (l->state != LANE_CLOSED && !l->probe_is_mute)
        l->watched_until_ns = watched_until_ns;
}

bool lane_probe_begin(struct lane *l, int64_t watched_until_ns, int64_t now_ns)
{
    enum lane_state s = lane_state_at(l, now_ns);
    if (s == LANE_CLOSED || l->probing || l->probe_is_mute)
        return false;
    l->watched_until_ns = watched_until_ns;
    l->state = LANE_HALF_OPEN;
    l->probing = true;
    l->probe_until_ns = now_ns + PROBE_LOST_NS;
    return true;
}

bool lane_probe_end(struct lane *l, const struct lane_sample *s, int64_t now_ns)
{
    struct lane_sample own = *s;
    int64_t last = l->last_ns;
    own.first_us = own.between_us = -1;
    l->in_flight++; /* lane_end counts it off */
    bool opened = lane_end(l, &own, now_ns);
    l->last_ns = last;
    l->probed_ns = now_ns;
    l->probe_is_mute = lane_effect_of(s->outcome) == LANE_NOTHING;
    if (l->probe_is_mute)
        l->watched_until_ns = 0;
    return opened;
}

void lane_probe_leave(struct lane *l, bool was_probe)
{
    l->watched_until_ns = 0;
    l->probe_is_mute = false;
    l->probing &= !was_probe;
}

/* -- Figures ---------------------------------------------------------------------------------------------------------------------- */

/* A prior of 2 % failures among eight, so that one failure of one is not everything. */
static double failures(const struct lane *l, int64_t now_ns)
{
    struct lane_count c = ring_sum(&l->minute, now_ns, MINUTE_STEP_NS, MINUTE_BUCKETS);
    return (c.bad + 0.16) / (c.good + c.bad + 8.0);
}

uint32_t lane_health(const struct lane *l, int64_t now_ns)
{
    double e = failures(l, now_ns), s = 1;
    if (l->closed_ns != 0 && now_ns - l->closed_ns < SLOW_START_NS)
        s = (double)(now_ns - l->closed_ns) / SLOW_START_NS;
    s = s < 0.1 ? 0.1 : s;
    return (uint32_t)((1 - e) * (1 - e) * s * LANE_Q16);
}

bool lane_is_failing(const struct lane *l, int64_t now_ns)
{
    struct lane_count c = ring_sum(&l->minute, now_ns, MINUTE_STEP_NS, MINUTE_BUCKETS);
    return c.good + c.bad >= 20 && c.bad * 10 >= c.good + c.bad;
}

bool lane_may_repeat(struct lane *l, unsigned cost)
{
    if (l->tokens_q8 < cost * TOKEN)
        return false;
    l->tokens_q8 -= cost * TOKEN;
    return true;
}
