/* Names to addresses, for one worker: a bounded cache before the system's resolver (sl_dns_start, which never blocks).
 *
 * An answer is used for a while (the system does not tell its TTL), then still used while it is asked for anew, and if that
 * fails, until it is too old. A failure is remembered for a moment, so that a broken name costs one lookup, not one per
 * request. Whoever asks for a name that is being looked up waits for the same lookup. Called by dial.c. */
#ifndef SLUICE_UPSTREAM_RESOLVE_H
#define SLUICE_UPSTREAM_RESOLVE_H

#include "base/list.h"
#include "loop/net.h"

#define RESOLVE_ADDRS 8u      /* of one name: enough to get around dead ones; the rest is cut */
#define RESOLVE_NAME_MAX 253u /* RFC 1035 as text */

struct resolver;

struct resolve_limits {
    uint32_t names;   /* kept; the longest unused one makes room */
    uint32_t lookups; /* under way at once; later ones queue */
    int64_t ttl_ns, stale_ns, failed_ttl_ns;
};

struct resolve_addrs { /* families alternate, beginning with the resolver's first (RFC 8305 section 4) */
    struct sl_addr v[RESOLVE_ADDRS];
    unsigned n;
};

struct resolve_wait; /* embedded by who waits */
/* e: SL_OK with addresses (borrow, during the call), SL_ENOENT: no such name, SL_EIO: the lookup failed. From the loop. */
typedef void resolve_f(struct resolve_wait *w, enum sl_err e, const struct resolve_addrs *addrs);
struct resolve_wait {
    struct sl_list node;
    unsigned port;
    resolve_f *done;
};

struct resolve_stats {
    uint64_t asked, from_cache, stale, lookups, failed, refused;
};

struct resolver *resolver_new(struct sl_loop *l, const struct resolve_limits *limits);
void resolver_free(struct resolver *r); /* nobody may wait any more; accepts NULL */

enum resolve_now {
    RESOLVE_READY = 0, /* *out is filled */
    RESOLVE_WAITS,     /* w->done comes later, unless resolver_cancel */
    RESOLVE_UNKNOWN,   /* no such name */
    RESOLVE_FAILED,
    RESOLVE_FULL /* every name in the cache is being looked up, or this is no name */
};
/* A literal address is READY at once. Names are compared without case. */
enum resolve_now resolver_ask(struct resolver *r, struct sl_str host, unsigned port, struct resolve_wait *w,
                              struct resolve_addrs *out);
void resolver_cancel(struct resolve_wait *w); /* harmless when not waiting */

const struct resolve_stats *resolver_stats(const struct resolver *r); /* borrow */

#endif
