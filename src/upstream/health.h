/* What is known of all targets' health: one board per process, shared by all workers, kept over reloads: targets keep their lanes by
 * name. Each lane has a lock that is held for some hundred nanoseconds at most; lanes of one provider also share an account (credentials,
 * credit) and a place (its servers): when two lanes of a place, or half of those in use, open within ten seconds for reasons of the
 * place, the others rest too and one lane finds out for all. Any thread. docs/internals/never-down.md. */
#ifndef SLUICE_UPSTREAM_HEALTH_H
#define SLUICE_UPSTREAM_HEALTH_H

#include "base/str.h"
#include "upstream/lane.h"

#define HEALTH_LANES_MAX 4096u

struct health_board;
struct health_lane;

struct health_board *health_board_new(void);
void health_board_free(struct health_board *b); /* NULL accepted; nobody uses its lanes any more */

/* The lane of that target; made when it is new. model empty: the provider's lane for all models that are not configured: what is said
 * of one of them says nothing of the others, so only the provider's own failures count there. NULL: there are too many. */
struct health_lane *health_lane_of(struct health_board *b, struct sl_str provider, struct sl_str model);

enum health_state {
    HEALTH_UP = 0,
    HEALTH_DEGRADED,
    HEALTH_PROBE, /* was down: one attempt finds out */
    HEALTH_BLOCKED,
    HEALTH_DOWN
};
struct health_view {
    enum health_state state;
    int64_t until_ns; /* BLOCKED, DOWN */
    uint32_t health_q16;
    uint32_t first_q50_us, first_q95_us, first_q99_us, between_q50_us; /* 0: no samples */
    uint32_t samples;                                                  /* of first_* */
    uint32_t in_flight;
};
void health_see(struct health_lane *l, int64_t now_ns, struct health_view *out);

/* An attempt begins. True: it is the lane's probe, which is to be told to health_end. out: the lane's figures, without what its account
 * and place add; NULL: not wanted. */
bool health_begin(struct health_lane *l, int64_t now_ns, struct health_view *out);
/* ... ended; n_keys: of the provider, so that one bad key of several does not rest the account. */
void health_end(struct health_lane *l, const struct lane_sample *s, unsigned n_keys, int64_t now_ns);
/* All that could be asked are down: one request a second finds out whether that is still so, be it the last. */
bool health_try_anyway(struct health_lane *l, int64_t now_ns);
void health_forgive_accounts(struct health_board *b); /* a new configuration may have new keys */
bool health_may_repeat(struct health_lane *l, unsigned cost);

/* For each lane in the order in which they were made: for metrics and the dashboard. */
typedef void health_each_f(void *arg, struct sl_str provider, struct sl_str model, const struct health_view *view);
void health_each(struct health_board *b, int64_t now_ns, health_each_f *each, void *arg);

#endif
