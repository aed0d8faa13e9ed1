#include "upstream/headroom.h"

#include "base/clock.h"

#define BELIEVED_LEAST_NS (60 * SL_SEC)
#define BELIEVED_MOST_NS (300 * SL_SEC) /* then one request finds out, whatever the reset was said to be */
#define MINUTE_NS (60 * SL_SEC)
#define DAY_NS (1440 * MINUTE_NS)
#define TOKENS_MAX (UINT64_C(1) << 40) /* of one request: what is beyond is nonsense */

static uint64_t bounded(uint64_t tokens)
{
    return tokens < TOKENS_MAX ? tokens : TOKENS_MAX;
}

static uint64_t need_of(unsigned limit, const struct headroom_need *n)
{
    uint64_t input = bounded(n->input), output = bounded(n->output), most = bounded(n->most);
    switch (limit) {
    case LIMIT_REQUESTS:
    case LIMIT_REQUESTS_DAY:
        return 1;
    case LIMIT_INPUT:
        return input;
    case LIMIT_OUTPUT:
        return output;
    default:
        return input + (most > 0 ? most : output);
    }
}

void headroom_send(struct headroom *h, const struct headroom_need *need, struct headroom_mark *out)
{
    for (unsigned i = 0; i < LIMIT_COUNT; i++) {
        h->by[i].sent += need_of(i, need);
        out->sent[i] = h->by[i].sent;
    }
    out->set = true;
}

void headroom_take(struct headroom *h, const struct provider_limits *said, const struct headroom_mark *m,
                   int64_t now_ns)
{
    for (unsigned i = 0; i < LIMIT_COUNT; i++) {
        struct headroom_slot *s = &h->by[i];
        if ((said->known & 1u << i) == 0)
            continue;
        s->limit = said->by[i].limit;
        s->remaining = said->by[i].remaining;
        s->reset_ns = said->by[i].reset_ns;
        s->seen_ns = now_ns;
        if (!m->set)
            s->counted = s->sent;
        else if ((int64_t)(m->sent[i] - s->counted) > 0) /* answers come in any order */
            s->counted = m->sent[i];
    }
}

/* What has come back since it was seen: until the reset all that was missing, else the whole limit in a minute. */
static int64_t refilled(const struct headroom_slot *s, unsigned limit, int64_t age_ns)
{
    int64_t missing = s->limit - s->remaining, span = s->reset_ns;
    if (span <= 0) {
        bool daily = limit == LIMIT_REQUESTS_DAY || limit == LIMIT_TOKENS_DAY;
        missing = s->limit;
        span = daily ? DAY_NS : MINUTE_NS;
    }
    return age_ns >= span ? missing : (int64_t)((__int128)missing * age_ns / span);
}

static uint32_t left_of(const struct headroom_slot *s, unsigned limit, const struct headroom_need *need, int64_t now_ns)
{
    int64_t age = now_ns > s->seen_ns ? now_ns - s->seen_ns : 0;
    int64_t believed = s->reset_ns > BELIEVED_LEAST_NS ? s->reset_ns : BELIEVED_LEAST_NS;
    if (s->limit == 0 || age >= believed || age >= BELIEVED_MOST_NS)
        return HEADROOM_WHOLE;
    int64_t has = s->remaining + refilled(s, limit, age);
    has = has < s->limit ? has : s->limit;
    uint64_t since = s->sent - s->counted, wants = need_of(limit, need);
    if (since > (uint64_t)has || wants > (uint64_t)has - since)
        return 0;
    uint64_t left = (uint64_t)has - since - wants;
    uint32_t share = (uint32_t)((unsigned __int128)left * HEADROOM_WHOLE / (uint64_t)s->limit);
    return share > 0 ? share : 1;
}

uint32_t headroom_left(const struct headroom *h, const struct headroom_need *need, int64_t now_ns)
{
    static const struct headroom_need small = {.input = 1, .output = 1};
    uint32_t least = HEADROOM_WHOLE;
    for (unsigned i = 0; i < LIMIT_COUNT; i++) {
        uint32_t left = left_of(&h->by[i], i, need != NULL ? need : &small, now_ns);
        least = left < least ? left : least;
    }
    return least;
}
