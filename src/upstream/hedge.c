#include "upstream/hedge.h"

#include "base/clock.h"

#define LEAST_NS (300 * SL_MS)
#define LEAST_SAMPLES 200u
#define TAIL 3u /* q99 over q50 */
#define HEDGE 20u
#define BUDGET (20u * HEDGE)
#define LAST 100u
#define KNOWN 20u /* hedges before their share of wins says something */
#define WINS_PERCENT 15u
#define FEW_LATE 4u /* of so few nothing is an incident */
#define TRIAL_NS (60 * SL_SEC)

int64_t hedge_delay_ns(uint32_t q50_us, uint32_t q95_us, uint32_t q99_us, uint32_t samples)
{
    if (samples < LEAST_SAMPLES || q50_us == 0 || q99_us / TAIL < q50_us)
        return 0;
    int64_t delay = (int64_t)q95_us * 1000;
    return delay > LEAST_NS ? delay : LEAST_NS;
}

static void roll(struct hedge_gate *g, int64_t now_ns)
{
    int64_t second = now_ns / SL_SEC;
    if (second - g->second >= HEDGE_SECONDS || second < g->second)
        g->second = second - HEDGE_SECONDS;
    while (g->second < second) {
        g->second++;
        g->seconds[g->second % HEDGE_SECONDS].all = 0;
        g->seconds[g->second % HEDGE_SECONDS].late = 0;
    }
}

void hedge_gate_begin(struct hedge_gate *g, int64_t now_ns)
{
    roll(g, now_ns);
    g->seconds[g->second % HEDGE_SECONDS].all++;
    g->tokens += g->tokens < BUDGET;
}

static bool seldom_win(const struct hedge_gate *g)
{
    unsigned won = 0;
    for (unsigned i = 0; i < g->ended; i++)
        won += (unsigned)(g->won >> i) & 1u;
    return g->ended >= KNOWN && won * 100 < WINS_PERCENT * g->ended;
}

bool hedge_gate_late(struct hedge_gate *g, int64_t now_ns)
{
    uint32_t all = 0, late = 0;
    roll(g, now_ns);
    g->seconds[g->second % HEDGE_SECONDS].late++;
    for (unsigned i = 0; i < HEDGE_SECONDS; i++) {
        all += g->seconds[i].all;
        late += g->seconds[i].late;
    }
    bool incident = late >= FEW_LATE && late * 4 >= all;
    if (incident || g->tokens < HEDGE)
        return false;
    if (seldom_win(g) && now_ns - g->trial_ns < TRIAL_NS)
        return false;
    g->trial_ns = now_ns;
    g->tokens -= HEDGE;
    return true;
}

void hedge_gate_end(struct hedge_gate *g, bool won)
{
    g->won = g->won << 1 | won;
    g->ended += g->ended < LAST;
}

void hedge_gate_back(struct hedge_gate *g)
{
    g->tokens = g->tokens + HEDGE < BUDGET ? g->tokens + HEDGE : BUDGET;
}
