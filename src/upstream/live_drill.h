/* A declared fault on real traffic: `sluice drill --live` on a staging gateway. One at a time in a process; begun and asked about by
 * the admin thread, asked by every worker before an attempt is sent. It ends by itself: when its time is over, or when clients have
 * seen more failures than were allowed. An attempt that it takes is never sent, or, for faults behind the first output, sent and then
 * broken on this side. Any thread. */
#ifndef SLUICE_UPSTREAM_LIVE_DRILL_H
#define SLUICE_UPSTREAM_LIVE_DRILL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "upstream/outcome.h"

#define LIVE_DRILL_FOR_MAX_NS (INT64_C(3600) * 1000000000)
#define LIVE_DRILL_NAME 256u

struct live_drill_order {
    struct sl_str target; /* "provider/model", or "provider": all of its models */
    struct sl_str fault;
    uint32_t percent; /* of the attempts at it, 1 to 100 */
    int64_t for_ns;
    uint32_t failures; /* that clients may see; one more ends it */
};

/* What happens behind the first output of an answer. */
enum live_drill_behind {
    LIVE_DRILL_NOT = 0, /* nothing: it fails before its first byte */
    LIVE_DRILL_CUT,     /* the connection breaks */
    LIVE_DRILL_STALL,   /* nothing more comes */
    LIVE_DRILL_GARBAGE, /* bytes that are none of the format's */
    LIVE_DRILL_NO_END   /* the connection ends in good order, the answer does not */
};

enum live_drill_end {
    LIVE_DRILL_RUNS = 0,
    LIVE_DRILL_TIME,
    LIVE_DRILL_FAILURES,
    LIVE_DRILL_STOPPED
};
extern const char *const live_drill_ends[]; /* "runs", "time", "failures", "stopped" */

struct live_drill_told {
    bool was; /* there was one */
    enum live_drill_end end;
    char target[LIVE_DRILL_NAME], fault[32];
    uint64_t attempts, faults, failures; /* attempts at the target; of these, taken; what clients saw */
    int64_t left_ns;
};

struct live_drill {
    _Atomic bool on;
    pthread_mutex_t lock; /* of the rest */
    struct live_drill_told told;
    enum outcome outcome;
    enum live_drill_behind behind;
    uint32_t percent, allowed;
    int64_t due_ns; /* monotonic */
};

void live_drill_init(struct live_drill *d);
/* SL_EINVAL: an unknown fault, a share or a time out of bounds; SL_EEXIST: one runs. *out_why: constant text. */
enum sl_err live_drill_begin(struct live_drill *d, const struct live_drill_order *o, int64_t now_ns,
                             const char **out_why);
void live_drill_stop(struct live_drill *d);
void live_drill_tell(struct live_drill *d, int64_t now_ns, struct live_drill_told *out);
/* Whether this attempt is to fail, and how. random: evenly distributed. *out_behind: only when its answer has begun: it counts as a
 * fault with live_drill_hits. */
bool live_drill_takes(struct live_drill *d, struct sl_str provider, struct sl_str model, int64_t now_ns,
                      uint64_t random, enum outcome *out, enum live_drill_behind *out_behind);
bool live_drill_hits(struct live_drill *d, int64_t now_ns); /* false: the drill is over, the attempt is left alone */
/* A request that it took an attempt of has failed for its client. */
void live_drill_seen(struct live_drill *d);

/* The faults there are; NULL behind the last. */
const char *live_drill_fault(unsigned i);

#endif
