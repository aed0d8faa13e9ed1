/* See effort.h. */
#include "dialect/effort.h"

#define LEVELS (EFFORT_MAX + 1)
#define BUDGET_LEAST 1024u /* Anthropic's minimum */
#define BUDGET_NO_ROOM 2048u

static const struct {
    struct sl_str word;
    unsigned percent; /* of max_tokens */
    int64_t google;   /* tokens */
} levels[LEVELS] = {
    [EFFORT_UNSAID] = {SL_STR_INIT(""), 0, -1},          [EFFORT_NONE] = {SL_STR_INIT("none"), 0, 0},
    [EFFORT_MINIMAL] = {SL_STR_INIT("minimal"), 0, 512}, [EFFORT_LOW] = {SL_STR_INIT("low"), 20, 1024},
    [EFFORT_MEDIUM] = {SL_STR_INIT("medium"), 50, 8192}, [EFFORT_HIGH] = {SL_STR_INIT("high"), 80, 24576},
    [EFFORT_XHIGH] = {SL_STR_INIT("xhigh"), 90, 32768},  [EFFORT_MAX] = {SL_STR_INIT("max"), 95, 32768},
};

enum neutral_effort effort_of(struct sl_str word)
{
    for (int e = EFFORT_NONE; e < (int)LEVELS; e++)
        if (sl_str_eq_nocase(levels[e].word, word))
            return (enum neutral_effort)e;
    return EFFORT_UNSAID;
}

struct sl_str effort_word(enum neutral_effort e)
{
    return (unsigned)e < LEVELS ? levels[e].word : SL_STR_NONE;
}

static bool takes(uint16_t efforts, int e)
{
    return (efforts & EFFORT_BIT(e)) != 0;
}

enum neutral_effort effort_fit(enum neutral_effort wanted, uint16_t efforts)
{
    if (wanted == EFFORT_UNSAID || takes(efforts, wanted))
        return wanted;
    for (int e = (int)wanted - 1; e > EFFORT_NONE; e--)
        if (takes(efforts, e))
            return (enum neutral_effort)e;
    for (int e = (int)wanted + 1; e < (int)LEVELS; e++)
        if (takes(efforts, e))
            return (enum neutral_effort)e;
    return EFFORT_UNSAID;
}

enum neutral_effort effort_of_budget(int64_t budget)
{
    if (budget < 0)
        return EFFORT_UNSAID;
    if (budget == 0)
        return EFFORT_NONE;
    if (budget < 1024)
        return EFFORT_MINIMAL;
    if (budget < 4096)
        return EFFORT_LOW;
    return budget < 16384 ? EFFORT_MEDIUM : EFFORT_HIGH;
}

enum neutral_effort effort_of_budget_google(int64_t budget)
{
    if (budget < 0)
        return EFFORT_UNSAID;
    if (budget == 0)
        return EFFORT_NONE;
    if (budget < (levels[EFFORT_LOW].google + levels[EFFORT_MEDIUM].google) / 2)
        return EFFORT_LOW;
    return budget < (levels[EFFORT_MEDIUM].google + levels[EFFORT_HIGH].google) / 2 ? EFFORT_MEDIUM : EFFORT_HIGH;
}

uint64_t effort_budget(enum neutral_effort e, uint64_t max_tokens)
{
    if (e <= EFFORT_NONE || (unsigned)e >= LEVELS || max_tokens <= BUDGET_NO_ROOM)
        return 0;
    uint64_t share = max_tokens / 100 * levels[e].percent + max_tokens % 100 * levels[e].percent / 100;
    return share < BUDGET_LEAST ? BUDGET_LEAST : share;
}

int64_t effort_budget_google(enum neutral_effort e, const struct model_caps *caps)
{
    if (e == EFFORT_UNSAID || (unsigned)e >= LEVELS)
        return -1;
    if (e == EFFORT_NONE && caps_has(caps, CAP_THINKING_OFF))
        return 0;
    int64_t least = caps->budget_min, most = caps->budget_max, v = levels[e].google;
    if (e == EFFORT_MINIMAL && least >= 128)
        v = least; /* 2.5 pro can think less than the others */
    if (v < least)
        v = least;
    return most > 0 && v > most ? most : v;
}

enum neutral_effort effort_wanted(const struct neutral_reasoning *r)
{
    return r->effort != EFFORT_UNSAID ? r->effort : effort_of_budget(r->budget);
}
