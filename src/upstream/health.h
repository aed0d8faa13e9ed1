/* What is known of all targets' health: one board per process, shared by all workers, kept over reloads: targets keep their lanes by
 * name. Each lane has a lock that is held for some hundred nanoseconds at most; lanes of one provider also share an account (credentials,
 * credit) and a place (its servers): when two lanes of a place, or half of those in use, open within ten seconds for reasons of the
 * place, the others rest too and one lane finds out for all. Any thread. docs/internals/never-down.md. */
#ifndef SLUICE_UPSTREAM_HEALTH_H
#define SLUICE_UPSTREAM_HEALTH_H

#include "base/str.h"
#include "upstream/headroom.h"
#include "upstream/lane.h"

#define HEALTH_LANES_MAX 4096u
#define HEALTH_KEYS_MAX 256u /* of one provider, those of earlier configurations counted */

struct health_board;
struct health_lane;
struct health_key; /* one credential of a provider; lives as long as the board */

struct health_board *health_board_new(void);
void health_board_free(struct health_board *b); /* NULL accepted; nobody uses its lanes any more */

/* The lane of that target; made when it is new. model empty: the provider's lane for all models that are not configured: what is said
 * of one of them says nothing of the others, so only the provider's own failures count there. NULL: there are too many. */
struct health_lane *health_lane_of(struct health_board *b, struct sl_str provider, struct sl_str model);

/* A provider's credentials from now on, by numbers that tell nothing of them and are the same after a reload. The board tells them apart:
 * each rests for itself when it is refused, and has limits of its own. out[i]: NULL where there are too many. */
void health_keys_set(struct health_board *b, struct sl_str provider, const uint64_t *hashes, unsigned n,
                     struct health_key **out);

/* Behind health_keys_set: which of these keys are of one account, by equal numbers. They share what is said of limits and waits, and the
 * credit. Without it each key is an account of its own. */
void health_keys_share(struct health_board *b, struct health_key *const *keys, unsigned n, const unsigned *accounts);

enum health_state {
    HEALTH_UP = 0,
    HEALTH_SLOW,     /* slower than it used to be (slow.h) */
    HEALTH_DEGRADED, /* a tenth of what it is asked fails */
    HEALTH_PROBE,    /* was down: one attempt finds out */
    HEALTH_BLOCKED,
    HEALTH_DOWN
};
struct health_view {
    enum health_state state;
    int64_t until_ns; /* BLOCKED, DOWN */
    bool account;     /* BLOCKED: its keys are refused, or without credit; else it asked to wait */
    uint32_t health_q16;
    uint32_t first_q50_us, first_q95_us, first_q99_us, between_q50_us; /* 0: no samples */
    uint32_t samples;                                                  /* of first_* */
    uint32_t whole_q50_us, whole_q95_us, whole_q99_us,
        whole_samples; /* of answers that are no streams (lane_sample.whole_us) */
    uint32_t in_flight;
    uint32_t places; /* so many at a time it answers without queueing (gradient.h) */
    uint32_t
        room; /* of HEADROOM_WHOLE, behind the request that is asked about, with the key that has most; 0: it does not fit */
};
/* need NULL: a small request. */
void health_see(struct health_lane *l, const struct headroom_need *need, int64_t now_ns, struct health_view *out);

struct health_use {         /* of a lane by an attempt: filled before health_begin */
    struct health_key *key; /* NULL: not known which, or none is needed */
    struct headroom_need need;
    struct headroom_mark mark; /* health_begin's */
};
enum health_news {
    HEALTH_NO_NEWS = 0,
    HEALTH_KEY_RESTS,    /* refused, or without credit; others of the provider are left */
    HEALTH_ACCOUNT_RESTS /* the last one, too */
};

/* An attempt begins. True: it is the lane's probe, which is to be told to health_end. u NULL: nothing is known of key and need. out: the
 * lane's figures, without what its account and place add; NULL: not wanted. */
bool health_begin(struct health_lane *l, struct health_use *u, int64_t now_ns, struct health_view *out);
/* The head of its answer came. */
void health_limits(struct health_lane *l, const struct health_use *u, const struct provider_limits *said,
                   int64_t now_ns);
/* ... ended. */
enum health_news health_end(struct health_lane *l, const struct lane_sample *s, const struct health_use *u,
                            int64_t now_ns);
/* Which of keys[0 .. n-1] to ask with: of those that may be asked and have room the one whose turn it is by `from`, else the one that has
 * most or may be asked first. except: an index that is passed over; n: none. */
struct health_pick {
    unsigned index;
    bool is_free; /* it neither rests nor was asked to wait */
};
struct health_pick health_pick_key(struct health_lane *l, struct health_key *const *keys, unsigned n, unsigned from,
                                   unsigned except, const struct headroom_need *need, int64_t now_ns);
unsigned health_key_number(const struct health_key *k); /* its place in the configuration, from 1: for operators */
/* All that could be asked are down: one request a second finds out whether that is still so, be it the last. */
bool health_try_anyway(struct health_lane *l, int64_t now_ns);
void health_forgive_accounts(struct health_board *b); /* a new configuration may have new keys */
bool health_may_repeat(struct health_lane *l, unsigned cost);
/* The lane's hedge_gate (hedge.h). */
void health_hedge_begin(struct health_lane *l, int64_t now_ns);
bool health_hedge_late(struct health_lane *l, int64_t now_ns);
void health_hedge_end(struct health_lane *l, bool won);
void health_hedge_back(struct health_lane *l);
/* Probes of the gateway's own (lane.h). When the next is due; until watched_until_ns nobody else finds out about a lane that is down.
 * INT64_MAX while another lane of its place finds out for it. */
int64_t health_probe_due(struct health_lane *l, int64_t interval_ns, int64_t watched_until_ns, int64_t now_ns);
bool health_probe_begin(struct health_lane *l, int64_t watched_until_ns, int64_t now_ns);
enum health_news health_probe_end(struct health_lane *l, const struct lane_sample *s, struct health_key *key,
                                  int64_t now_ns);
void health_probe_leave(struct health_lane *l, bool was_probe);

/* For each provider: its keys, and how many of them rest. */
typedef void health_keys_f(void *arg, struct sl_str provider, unsigned n, unsigned resting);
void health_keys_each(struct health_board *b, int64_t now_ns, health_keys_f *each, void *arg);

/* For each lane in the order in which they were made: for metrics and the dashboard. */
typedef void health_each_f(void *arg, struct sl_str provider, struct sl_str model, const struct health_view *view);
void health_each(struct health_board *b, int64_t now_ns, health_each_f *each, void *arg);

#endif
