/* What an exchange tells and asks the board of targets' health (upstream/health.h): the view that a plan is made with, whether a
 * candidate is asked at all, how long its first output is waited for, and what became of an attempt. Nothing happens where the
 * snapshot has no lanes (resilience.breaker: off). */
#include "base/log.h"
#include "exchange/exchange_int.h"
#include "upstream/hedge.h"

#define LEARNED_SAMPLES 50u
#define LEARNED_FACTOR 3
#define LEARNED_LEAST_NS (5 * SL_SEC)

static struct health_lane *lanes_of(const struct snapshot *s, uint32_t target_index)
{
    return s->lanes != NULL && target_index < s->n_lanes ? s->lanes[target_index] : NULL;
}

static struct headroom_need need_of(const struct exchange *x)
{
    return (struct headroom_need){
        .input = x->estimate_input,
        .output = x->match.op == OP_EMBEDDINGS ? 0 : route_expected_output(x->facts.max_output),
        .most = x->facts.max_output,
    };
}

static bool is_adaptive(const struct snapshot *s, uint32_t target_index)
{
    uint32_t provider;
    struct sl_str model;
    if (!s->some_adaptive)
        return false;
    route_policy_target(s->policy, target_index, &provider, &model);
    return s->providers[provider].adaptive;
}

bool snapshot_see_target(const struct snapshot *s, const struct headroom_need *need, int64_t now_ns,
                         uint32_t target_index, struct route_target_view *out)
{
    static const enum route_state states[] = {
        [HEALTH_UP] = ROUTE_UP,       [HEALTH_SLOW] = ROUTE_DEGRADED,   [HEALTH_DEGRADED] = ROUTE_DEGRADED,
        [HEALTH_PROBE] = ROUTE_PROBE, [HEALTH_BLOCKED] = ROUTE_BLOCKED, [HEALTH_DOWN] = ROUTE_OPEN,
    };
    struct health_lane *l = lanes_of(s, target_index);
    struct health_view v;
    if (l == NULL)
        return false;
    health_see(l, need, now_ns, &v);
    if (v.state == HEALTH_SLOW && s->set.slow_stays)
        v.state = HEALTH_UP;
    *out = (struct route_target_view){
        .state = (uint8_t)states[v.state],
        .until_ns = v.until_ns,
        .health_q16 = v.health_q16,
        .ttft_q50_us = v.first_q50_us,
        .ttft_q99_us = v.first_q99_us,
        .itl_q50_us = v.between_q50_us,
        .room_q16 = v.room,
        .in_flight = v.in_flight,
        .limit = is_adaptive(s, target_index) ? v.places : 0,
    };
    return true;
}

bool lanes_view(const void *arg, uint32_t target_index, struct route_target_view *out)
{
    const struct exchange *x = arg;
    const struct headroom_need need = need_of(x);
    return snapshot_see_target(x->snap, &need, sl_loop_now(x->env->loop), target_index, out);
}

/* ---- before an attempt ---- */

static bool is_down(const struct exchange *x, uint32_t candidate, struct health_view *v)
{
    struct health_lane *l = lanes_of(x->snap, x->plan.candidates[candidate].target_index);
    *v = (struct health_view){.state = HEALTH_UP};
    if (l == NULL)
        return false;
    health_see(l, NULL, sl_loop_now(x->env->loop), v);
    return v->state >= HEALTH_BLOCKED;
}

/* A target whose context nobody knows may be larger. */
bool lanes_is_too_small(const struct exchange *x, uint32_t candidate)
{
    const struct route_candidate *c = &x->plan.candidates[candidate];
    if (x->too_small == 0)
        return false;
    uint64_t context = route_policy_context(x->snap->policy, c->provider_index, c->model);
    return context > 0 && context <= x->too_small;
}

void lanes_too_long(struct exchange *x, const struct try *t)
{
    uint64_t context = route_policy_context(x->snap->policy, t->candidate->provider_index, t->candidate->model);
    if (t->outcome == OUT_CONTEXT_OVERFLOW && context > x->too_small)
        x->too_small = context;
}

uint32_t lanes_left(const struct exchange *x)
{
    uint32_t n = 0;
    for (uint32_t i = x->at_candidate + 1; i < x->plan.n; i++) {
        struct health_view v;
        n += !is_down(x, i, &v) && !lanes_is_too_small(x, i);
    }
    return n;
}

bool lanes_is_up(const struct exchange *x, uint32_t candidate)
{
    struct health_view v;
    return !is_down(x, candidate, &v) && !lanes_is_too_small(x, candidate);
}

/* Those that are down are passed over while another is up. When none is, the one that comes back first is asked, but only once a
 * second: whoever comes in between is told when to come again. */
bool lanes_choose(struct exchange *x, struct error_facts *out)
{
    struct health_view v = {.state = HEALTH_UP, .until_ns = INT64_MAX}, at;
    uint32_t soonest = x->at_candidate;
    if (x->snap->lanes == NULL || x->tries_here > 0)
        return true;
    for (uint32_t i = x->at_candidate; i < x->plan.n; i++) {
        if (lanes_is_too_small(x, i))
            continue;
        if (!is_down(x, i, &at)) {
            x->at_candidate = i;
            return true;
        }
        if (at.until_ns < v.until_ns) {
            soonest = i;
            v = at;
        }
    }
    int64_t now = sl_loop_now(x->env->loop);
    if (v.state == HEALTH_DOWN && health_try_anyway(lanes_of(x->snap, x->plan.candidates[soonest].target_index), now)) {
        x->at_candidate = soonest;
        return true;
    }
    *out = (struct error_facts){
        .error = v.state == HEALTH_BLOCKED && !v.account ? GE_UP_RATE_LIMITED : GE_NO_TARGET,
        .retry_after_ns = v.until_ns > now ? v.until_ns - now : SL_SEC,
    };
    return false;
}

void lanes_begin(struct exchange *x, struct try *t)
{
    t->lane = lanes_of(x->snap, t->candidate->target_index);
    if (t->lane == NULL)
        return;
    struct health_view v;
    unsigned n = t->at->provider.n_credentials;
    t->use = (struct health_use){
        .key = t->at->keys != NULL && n > 0 ? t->at->keys[t->credential % n] : NULL,
        .need = need_of(x),
    };
    t->probe = health_begin(t->lane, &t->use, sl_loop_now(x->env->loop), &v);
    if (v.samples >= LEARNED_SAMPLES) {
        int64_t learned = LEARNED_FACTOR * (int64_t)v.first_q99_us * 1000;
        t->learned_ns = learned > LEARNED_LEAST_NS ? learned : LEARNED_LEAST_NS;
    }
    if (!hedge_may(x))
        return;
    t->hedge_after_ns = exchange_asks_stream(x)
                            ? hedge_delay_ns(v.first_q50_us, v.first_q95_us, v.first_q99_us, v.samples)
                            : hedge_delay_ns(v.whole_q50_us, v.whole_q95_us, v.whole_q99_us, v.whole_samples);
    if (t->hedge_after_ns > 0)
        health_hedge_begin(t->lane, sl_loop_now(x->env->loop));
}

void lanes_head(struct exchange *x, struct try *t, const struct http_response *head)
{
    struct provider_limits said;
    if (t->lane != NULL && t->use.key != NULL &&
        provider_limits_read(&head->headers, sl_loop_wall(x->env->loop), &said))
        health_limits(t->lane, &t->use, &said, sl_loop_now(x->env->loop));
}

/* ---- keys ---- */

unsigned lanes_credential(struct exchange *x, const struct route_candidate *c)
{
    const struct snapshot_provider *at = &x->snap->providers[c->provider_index];
    struct health_lane *l = lanes_of(x->snap, c->target_index);
    const struct headroom_need need = need_of(x);
    unsigned n = at->provider.n_credentials, bound;
    if (stored_credential(x, &at->provider, &bound))
        return bound;
    if (x->op->object != OBJECT_NONE)
        return objects_credential(x);
    if (l == NULL || at->keys == NULL || n < 2)
        return x->env->credential++;
    return health_pick_key(l, at->keys, n, x->env->credential++, n, &need, sl_loop_now(x->env->loop)).index;
}

static bool is_of_key(enum outcome o)
{
    return o == OUT_BAD_CREDENTIALS || o == OUT_QUOTA_EXHAUSTED || o == OUT_FORBIDDEN || o == OUT_RATE_LIMITED;
}

/* The last attempt is another target's, where there is one: its keys may be all that is left. */
bool lanes_other_key(const struct exchange *x, struct try *t)
{
    unsigned n = t->at->provider.n_credentials, bound;
    uint32_t left = x->snap->retry.attempts > x->n_tries ? x->snap->retry.attempts - x->n_tries : 0;
    if (!is_of_key(t->outcome) || t->lane == NULL || t->at->keys == NULL || n < 2 || x->committed)
        return false;
    if (left == 0 || x->n_tries >= EXCHANGE_TRIES_MAX || (left == 1 && lanes_left(x) > 0) ||
        stored_credential(x, &t->at->provider, &bound))
        return false;
    if (!health_pick_key(t->lane, t->at->keys, n, t->credential, t->credential % n, &t->use.need,
                         sl_loop_now(x->env->loop))
             .is_free)
        return false;
    t->why = "same target, with another key";
    return true;
}

/* ---- behind it ---- */

bool lanes_may_repeat(const struct try *t)
{
    return t->lane == NULL || health_may_repeat(t->lane, t->outcome == OUT_OVERLOADED ? 2 : 1);
}

static int64_t between_us(const struct exchange *x, const struct try *t)
{
    uint64_t tokens = t->settled.usage.by_class[TC_OUTPUT] + t->settled.usage.by_class[TC_REASONING];
    if (t->first_token_ns < 0 || tokens < 2 || t->outcome != OUT_OK)
        return -1;
    int64_t span = x->last_content_ns - t->began_ns - t->first_token_ns;
    return span > 0 ? span / 1000 / (int64_t)(tokens - 1) : -1;
}

/* An error within a stream is what its words say: the caller's fault is none of the target's. */
static enum outcome attributed(const struct try *t)
{
    bool named = t->outcome == OUT_STREAM_ERROR && t->fault != PF_NONE && t->fault != PF_SERVER_ERROR;
    return named ? try_outcome_of_fault(t->fault) : t->outcome;
}

/* For the operator, who has to do something about it. Which key it is is said by its place in the configuration. */
static void tell_of_key(struct exchange *x, const struct try *t, enum health_news news)
{
    unsigned number = t->use.key != NULL ? health_key_number(t->use.key) : 0;
    bool all = news == HEALTH_ACCOUNT_RESTS;
    tel_add(x->env->tel, TEL_KEYS_RESTED, 1);
    SL_LOG(all ? SL_LOG_ERROR : SL_LOG_WARN, all ? "provider.account_rests" : "provider.key_rests",
           SL_LS("provider", t->candidate->provider), SL_LI("key", number),
           SL_LS("because", outcome_row(attributed(t))->name), SL_LI("status", t->status),
           SL_LI("keys", t->at->provider.n_credentials));
}

void lanes_end(struct exchange *x, struct try *t)
{
    if (t->lane == NULL)
        return;
    bool whole = !exchange_asks_stream(x);
    int64_t took_us = (t->ended_ns - t->began_ns) / 1000;
    const struct lane_sample s = {
        .outcome = attributed(t),
        .first_us = t->lost && !whole                                ? took_us
                    : t->outcome == OUT_OK && t->first_token_ns >= 0 ? t->first_token_ns / 1000
                                                                     : -1,
        .whole_us = whole && x->snap->set.hedge && x->op->generates && (t->lost || t->outcome == OUT_OK) ? took_us : 0,
        .between_us = between_us(x, t),
        .wait_ns = t->wait_ns,
        .was_probe = t->probe,
        .random = sl_rand_next(&x->env->loop->rand),
    };
    enum health_news news = health_end(t->lane, &s, &t->use, sl_loop_now(x->env->loop));
    if (news != HEALTH_NO_NEWS)
        tell_of_key(x, t, news);
    t->lane = NULL;
}
