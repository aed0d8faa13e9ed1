/* A virtual network under a virtual clock: the whole program's sockets, names and time, in memory, on one thread.
 *
 * It implements struct sl_net_ops (loop/net.h). Loops made by vnet_loop_init share one network and one clock; nothing in
 * it is random but what the seed decides, so a run is reproduced by its seed alone. It imitates Linux where programs
 * have been surprised by Linux: level-triggered readiness; bytes that arrived before a reset can still be read; a close
 * with unread bytes sends a reset; a write to a closed side is answered by a reset; after a reset is seen, the watch is
 * stopped (want == 0), as libuv does.
 *
 * Endpoints that were closed by both sides, or never taken up, are freed in vnet_free at the latest. */
#ifndef SLUICE_TESTS_LIB_VNET_H
#define SLUICE_TESTS_LIB_VNET_H

#include "loop/net.h"

#define VNET_START_NS (INT64_C(1000) * SL_SEC) /* the clock's first value */

struct vnet;

/* Chances are in a million, per operation. All zero: a perfect network with the given delays. */
struct vnet_faults {
    uint32_t short_read, short_write; /* less than possible, at least one byte */
    uint32_t again_read, again_write; /* AGAIN although it would have worked */
    uint32_t spurious; /* per ready endpoint and turn: also an event that was asked for but is not true */
    uint32_t hold;     /* a ready endpoint waits for a later turn */
    uint32_t reset;    /* per write: the connection is reset, both ways */
    uint32_t cut;      /* per write: this direction ends (FIN) after some of these bytes */
    uint32_t connect_refused, connect_blackhole;
    uint32_t dns_fail;                      /* SL_EIO instead of the answer */
    int64_t delay_min_ns, delay_max_ns;     /* from write to arrival */
    int64_t connect_min_ns, connect_max_ns; /* from connect to its result */
    int64_t dns_min_ns, dns_max_ns;
};

struct vnet *vnet_new(uint64_t seed);
void vnet_free(struct vnet *v);
void vnet_set_faults(struct vnet *v, const struct vnet_faults *f); /* copies; all zero at first */
void vnet_set_capacity(struct vnet *v, size_t bytes); /* of each direction of later connections; 64 KiB at first */

/* A loop on this network. End it with sl_loop_done before vnet_free. */
void vnet_loop_init(struct vnet *v, struct sl_loop *l);

int64_t vnet_now(const struct vnet *v);
void vnet_wall_set(struct vnet *v, int64_t wall_ns); /* the wall clock jumps; the monotonic one does not */
uint64_t vnet_random(struct vnet *v, uint64_t below);

/* Listening: on_accept gets a handle for sl_tcp_attach, as from a real listener (NULL: connections are established and
 * never accepted). vnet_unlisten: later connects are refused. */
void vnet_listen(struct vnet *v, const struct sl_addr *at, sl_accept_f *on_accept, void *owner);
void vnet_unlisten(struct vnet *v, const struct sl_addr *at);

enum vnet_connect {
    VNET_CONNECT_OK = 0,
    VNET_CONNECT_REFUSED,
    VNET_CONNECT_BLACKHOLE,
    VNET_CONNECT_NO_ROUTE
};
/* What connects to this address meet, whether somebody listens or not. delay_ns: until the result. */
void vnet_set_connect(struct vnet *v, const struct sl_addr *at, enum vnet_connect how, int64_t delay_ns);
uint64_t vnet_connects(const struct vnet *v, const struct sl_addr *at); /* how many were tried; NULL: at all */

/* Names. Unknown names: SL_ENOENT. n == 0 with `e`: that failure; delay_ns < 0: never answers. Copies. */
void vnet_name(struct vnet *v, struct sl_str host, enum sl_err e, const struct sl_addr *addrs, size_t n,
               int64_t delay_ns);
uint64_t vnet_lookups(const struct vnet *v, struct sl_str host);

/* A connected pair of handles. */
void vnet_pair(struct vnet *v, int out[2]);
/* The network's part of a connection: these act on the endpoint of an open sl_tcp, from outside. */
void vnet_break(struct sl_tcp *t);                /* a reset from nowhere: both sides see it */
void vnet_silence(struct sl_tcp *t, bool silent); /* nothing arrives at the other side until it is turned off */
size_t vnet_unread(const struct sl_tcp *t);       /* bytes that wait for this side (arrived or under way) */

enum vnet_end {
    VNET_UNTIL = 0, /* the question was answered with true */
    VNET_IDLE,      /* nothing will ever happen again by itself; the clock stays where it is */
    VNET_TIME       /* the time is over */
};
typedef bool vnet_until_f(void *arg);
/* Runs the loops: deliveries, events, timers, tasks. `until` (may be NULL) is asked after each turn. Ends the process
 * with a message when the loops turn without end at one point of time (a busy loop is a defect). */
enum vnet_end vnet_run(struct vnet *v, vnet_until_f *until, void *arg, int64_t max_ns);

/* Runs for exactly so long, whether anything happens or not: the clock stands at now + ns afterwards. */
void vnet_pass(struct vnet *v, int64_t ns);

uint64_t vnet_trace(const struct vnet *v);    /* a hash of all that happened: equal seeds give equal traces */
uint64_t vnet_injected(const struct vnet *v); /* faults so far */
size_t vnet_open(const struct vnet *v); /* endpoints that somebody holds: attached or parked; 0 when all is closed */

#endif
