#include "upstream/slow.h"

#include "base/clock.h"
#include "upstream/lane.h"

#define ENOUGH 20u
#define ON_TRIAL 5u
#define MORE_US 50000u /* less than that nobody feels, and a busy machine makes it */
#define LEARN_NS (60 * SL_SEC)
#define HOLD_NS (30 * SL_SEC)
#define HOLD_MAX_NS (300 * SL_SEC)

static unsigned above(const struct slow *s, uint32_t us)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->n; i++)
        n += s->newest[i] > us;
    return n;
}

/* The q95 of the newest: what a twentieth of them is above. */
static uint32_t newest_q95(const struct slow *s)
{
    uint32_t best = 0;
    for (unsigned i = 0; i < s->n; i++)
        if (above(s, s->newest[i]) * 20 >= s->n && s->newest[i] > best)
            best = s->newest[i];
    if (best > 0)
        return best;
    for (unsigned i = 0; i < s->n; i++) /* the largest has nothing above it */
        best = s->newest[i] > best ? s->newest[i] : best;
    return best;
}

static uint32_t twice(const struct slow *s)
{
    uint32_t more = s->usual_q95_us > MORE_US ? s->usual_q95_us : MORE_US;
    return s->usual_q95_us < UINT32_MAX - more ? s->usual_q95_us + more : UINT32_MAX;
}

/* Their q95 is twice the usual one, and more of them are above the usual one than a heavy tail gives by chance (a twentieth is by its
 * meaning): a lower bound of 15 %, which is 7 of 20 or 17 of 64. On trial three of five are enough: chance does that once in 900. */
static bool looks_slow(const struct slow *s)
{
    if (s->usual_q95_us == 0)
        return false;
    if (s->times > 0 && s->n == ON_TRIAL)
        return above(s, s->usual_q95_us) >= 3 && above(s, s->usual_q95_us + s->usual_q95_us / 4) > 0;
    return s->n >= ENOUGH && above(s, twice(s)) * 20 > s->n && lane_lower_bound(above(s, s->usual_q95_us), s->n) > 1500;
}

/* What is usual follows slowly: no step of less than a minute, a fifth of the way each. */
static void learn(struct slow *s, int64_t now_ns)
{
    if (s->since_learned < SLOW_NEWEST || (s->usual_q95_us > 0 && now_ns - s->learned_ns < LEARN_NS))
        return;
    uint32_t q95 = newest_q95(s);
    s->usual_q95_us = s->usual_q95_us == 0 ? q95 : (uint32_t)(((uint64_t)s->usual_q95_us * 4 + q95) / 5);
    s->since_learned = 0;
    s->learned_ns = now_ns;
}

static void forget(struct slow *s)
{
    s->n = s->at = s->since_learned = 0;
}

/* One that stays slow becomes usual in the end: a tenth of the way each time that it is found so. */
static void lose_place(struct slow *s, int64_t now_ns)
{
    if (s->times > 0)
        s->usual_q95_us = (uint32_t)(((uint64_t)s->usual_q95_us * 9 + newest_q95(s)) / 10);
    int64_t hold = s->times < 4 ? HOLD_NS << s->times : HOLD_MAX_NS;
    s->until_ns = now_ns + (hold < HOLD_MAX_NS ? hold : HOLD_MAX_NS);
    s->times++;
    forget(s);
}

/* It is asked all the same: the only one, or others fail. Twenty as they used to be bring it back before its time. */
static void judge_early(struct slow *s)
{
    if (s->n < ENOUGH)
        return;
    if (looks_slow(s)) {
        forget(s);
        return;
    }
    s->times = 0;
    s->until_ns = 0;
}

void slow_add(struct slow *s, int64_t us, int64_t now_ns)
{
    if (s->until_ns > 0 && now_ns >= s->until_ns) { /* on trial: what came before says little */
        s->until_ns = 0;
        forget(s);
    }
    s->newest[s->at] = us < 0 ? 0 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    s->at = (s->at + 1) % SLOW_NEWEST;
    s->n += s->n < SLOW_NEWEST;
    s->since_learned++;
    if (s->until_ns > 0) {
        judge_early(s);
    } else if (looks_slow(s)) {
        lose_place(s, now_ns);
    } else {
        s->times = s->n >= ENOUGH ? 0 : s->times;
        if (s->times == 0)
            learn(s, now_ns);
    }
}

bool slow_is(const struct slow *s, int64_t now_ns)
{
    return now_ns < s->until_ns;
}
