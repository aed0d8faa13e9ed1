/* See live_drill.h. Faults are outcomes: what an attempt would have ended with, without what it would have taken or cost. */
#include "upstream/live_drill.h"

#include "base/log.h"

static const struct {
    const char *name;
    enum outcome outcome;
    enum live_drill_behind behind;
} faults[] = {
    {"429", OUT_RATE_LIMITED},
    {"500", OUT_SERVER_ERROR},
    {"503", OUT_OVERLOADED},
    {"refuse", OUT_CONNECT_REFUSED},
    {"reset", OUT_RESET},
    {"timeout", OUT_FIRST_BYTE_TIMEOUT},
    {"dns", OUT_RESOLVE_FAILED},
    {"tls", OUT_TLS_FAILED},
    {"401", OUT_BAD_CREDENTIALS},
    {"credit", OUT_QUOTA_EXHAUSTED},
    {"malformed", OUT_MALFORMED},
    {"stream-cut", OUT_RESET, LIVE_DRILL_CUT},
    {"stream-stalls", OUT_BETWEEN_TIMEOUT, LIVE_DRILL_STALL},
    {"malformed-chunk", OUT_MALFORMED, LIVE_DRILL_GARBAGE},
    {"missing-end", OUT_TRUNCATED, LIVE_DRILL_NO_END},
};

const char *const live_drill_ends[] = {"runs", "time", "failures", "stopped"};

const char *live_drill_fault(unsigned i)
{
    return i < sizeof faults / sizeof faults[0] ? faults[i].name : NULL;
}

void live_drill_init(struct live_drill *d)
{
    memset(d, 0, sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
}

/* Under the lock. */
static void end(struct live_drill *d, enum live_drill_end why)
{
    if (!atomic_load(&d->on))
        return;
    atomic_store(&d->on, false);
    d->told.end = why;
    SL_LOG(SL_LOG_WARN, "drill.ended", SL_LC("target", d->told.target), SL_LC("fault", d->told.fault),
           SL_LC("why", live_drill_ends[why]), SL_LI("attempts", (int64_t)d->told.attempts),
           SL_LI("faults", (int64_t)d->told.faults), SL_LI("failures", (int64_t)d->told.failures));
}

static void look_at_time(struct live_drill *d, int64_t now_ns)
{
    if (now_ns >= d->due_ns)
        end(d, LIVE_DRILL_TIME);
}

static const char *unusable(const struct live_drill_order *o, unsigned *out)
{
    unsigned i = 0;
    while (i < sizeof faults / sizeof faults[0] && !sl_str_eq(sl_str_c(faults[i].name), o->fault))
        i++;
    if (i == sizeof faults / sizeof faults[0])
        return "there is no such fault";
    *out = i;
    if (o->target.n == 0 || o->target.n >= LIVE_DRILL_NAME)
        return "a target is provider/model, or a provider";
    if (o->percent < 1 || o->percent > 100)
        return "the share is from 1 to 100 percent";
    return o->for_ns < 1 || o->for_ns > LIVE_DRILL_FOR_MAX_NS ? "the time is at most one hour" : NULL;
}

enum sl_err live_drill_begin(struct live_drill *d, const struct live_drill_order *o, int64_t now_ns,
                             const char **out_why)
{
    unsigned fault = 0;
    *out_why = unusable(o, &fault);
    if (*out_why != NULL)
        return SL_EINVAL;
    pthread_mutex_lock(&d->lock);
    look_at_time(d, now_ns);
    bool runs = atomic_load(&d->on);
    if (!runs) {
        d->told = (struct live_drill_told){.was = true};
        memcpy(d->told.target, o->target.p, o->target.n);
        memcpy(d->told.fault, o->fault.p, o->fault.n);
        d->outcome = faults[fault].outcome;
        d->behind = faults[fault].behind;
        d->percent = o->percent;
        d->allowed = o->failures;
        d->due_ns = now_ns + o->for_ns;
        atomic_store(&d->on, true);
    }
    pthread_mutex_unlock(&d->lock);
    *out_why = runs ? "a drill runs already" : NULL;
    return runs ? SL_EEXIST : SL_OK;
}

void live_drill_stop(struct live_drill *d)
{
    pthread_mutex_lock(&d->lock);
    end(d, LIVE_DRILL_STOPPED);
    pthread_mutex_unlock(&d->lock);
}

void live_drill_tell(struct live_drill *d, int64_t now_ns, struct live_drill_told *out)
{
    pthread_mutex_lock(&d->lock);
    look_at_time(d, now_ns);
    *out = d->told;
    out->left_ns = atomic_load(&d->on) ? d->due_ns - now_ns : 0;
    pthread_mutex_unlock(&d->lock);
}

static bool is_target(const struct live_drill *d, struct sl_str provider, struct sl_str model)
{
    struct sl_str rest = sl_str_c(d->told.target), name = sl_str_cut(&rest, '/');
    return sl_str_eq(name, provider) && (rest.p == NULL || sl_str_eq(rest, model));
}

bool live_drill_takes(struct live_drill *d, struct sl_str provider, struct sl_str model, int64_t now_ns,
                      uint64_t random, enum outcome *out, enum live_drill_behind *out_behind)
{
    bool takes = false;
    if (!atomic_load_explicit(&d->on, memory_order_relaxed))
        return false;
    pthread_mutex_lock(&d->lock);
    look_at_time(d, now_ns);
    if (atomic_load(&d->on) && is_target(d, provider, model)) {
        d->told.attempts++;
        takes = random % 100 < d->percent;
        d->told.faults += takes && d->behind == LIVE_DRILL_NOT;
        *out = d->outcome;
        *out_behind = d->behind;
    }
    pthread_mutex_unlock(&d->lock);
    return takes;
}

bool live_drill_hits(struct live_drill *d, int64_t now_ns)
{
    pthread_mutex_lock(&d->lock);
    look_at_time(d, now_ns);
    bool on = atomic_load(&d->on);
    d->told.faults += on;
    pthread_mutex_unlock(&d->lock);
    return on;
}

void live_drill_seen(struct live_drill *d)
{
    pthread_mutex_lock(&d->lock);
    if (atomic_load(&d->on) && ++d->told.failures > d->allowed)
        end(d, LIVE_DRILL_FAILURES);
    pthread_mutex_unlock(&d->lock);
}
