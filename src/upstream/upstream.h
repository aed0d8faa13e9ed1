/* The upstream side of one worker: its name cache, its connections and HTTP/2 sessions, and the scratch buffer that reads go
 * through. main/worker.c makes one per worker; the exchange uses it through upstream/attempt.h.
 *
 * Connections are reused so: HTTP/1 connections that finished an exchange in order are kept per worker and origin, newest
 * first, watched by the loop (a close by the other side is seen at once); what is too much, or unused for a second, goes to
 * the shelf that all workers share, and any worker takes from it before it opens a new connection. HTTP/2 sessions stay
 * with their worker. */
#ifndef SLUICE_UPSTREAM_UPSTREAM_H
#define SLUICE_UPSTREAM_UPSTREAM_H

#include <stdatomic.h>

#include "base/chunks.h"
#include "loop/loop.h"
#include "upstream/attempt.h"

struct upstream_limits {
    uint32_t names, lookups; /* name cache: kept, under way at once */
    int64_t name_ttl_ns, name_stale_ns, name_failed_ttl_ns;
    int64_t next_address_ns; /* the next address is tried beside one that has not answered for so long (RFC 8305) */
    int64_t local_idle_ns;   /* unused for so long here: to the shelf */
    uint32_t head_bytes, headers; /* of an answer's head */
    uint32_t streams;             /* of an HTTP/2 session at once */
    uint32_t stream_window;       /* bytes of one HTTP/2 stream that a slow client can make us hold */
    uint32_t drain_bytes;         /* attempt_cancel with drain: what may still be read to save the connection, ... */
    int64_t drain_ns;             /* ... and for how long */
    int64_t stale_ns; /* a reused connection that dies later than this after the request began was not stale */
};
#define UPSTREAM_LIMITS_DEFAULT                                                                                        \
    ((struct upstream_limits){.names = 256,                                                                            \
                              .lookups = 16,                                                                           \
                              .name_ttl_ns = 30 * SL_SEC,                                                              \
                              .name_stale_ns = 300 * SL_SEC,                                                           \
                              .name_failed_ttl_ns = SL_SEC,                                                            \
                              .next_address_ns = 250 * SL_MS,                                                          \
                              .local_idle_ns = SL_SEC,                                                                 \
                              .head_bytes = 32768,                                                                     \
                              .headers = 100,                                                                          \
                              .streams = 100,                                                                          \
                              .stream_window = 131072,                                                                 \
                              .drain_bytes = 65536,                                                                    \
                              .drain_ns = SL_SEC,                                                                      \
                              .stale_ns = 2 * SL_SEC})

/* The shelf: idle HTTP/1 connections of all workers, newest first per origin. One mutex, held for a few instructions. */
struct upstream_shelf;
struct upstream_shelf *upstream_shelf_new(unsigned max_total, unsigned max_per_origin);
void upstream_shelf_free(struct upstream_shelf *s); /* closes what is on it; all workers have ended; accepts NULL */
unsigned upstream_shelf_count(const struct upstream_shelf *s); /* any thread */

/* Figures of one worker. It writes, anyone may read (relaxed). */
struct upstream_stats {
    _Atomic uint64_t connects; /* connections that were begun */
    _Atomic uint64_t reused;   /* attempts that went out on a connection that was there: kept, shelved, HTTP/2 */
    _Atomic uint64_t shelf_takes, shelf_puts;
    _Atomic uint64_t stale;       /* reused connections that turned out dead: found when taken, or by the free try */
    _Atomic uint64_t closed_idle; /* kept ones that the other side closed, or that grew too old */
    _Atomic uint64_t poisoned;    /* not kept because bytes came that nobody asked for */
    _Atomic uint64_t drained;     /* saved by attempt_cancel with drain */
    _Atomic uint64_t sessions;    /* HTTP/2 sessions opened */
    _Atomic uint64_t lookups;
    _Atomic uint64_t attempts;
    _Atomic int64_t idle, connections, live; /* now: kept HTTP/1 connections, connections at all, attempts */
};

/* What upstream_new borrows; all of it must outlive the struct upstream. */
struct upstream_parts {
    struct sl_loop *loop;
    struct upstream_shelf *shelf;         /* NULL: none */
    struct sl_chunk_cache *chunks;        /* NULL: plain heap */
    const struct upstream_limits *limits; /* copied; NULL: the defaults */
    char *scratch;                        /* NULL: upstream makes its own of 64 KiB */
    size_t scratch_n;                     /* at least UPSTREAM_SCRATCH_MIN */
};
#define UPSTREAM_SCRATCH_MIN 20480u /* an HTTP/2 frame and its head */
/* The scratch buffer may be shared with everything else on this loop that fills it and is done with it within one event or
 * task, as listen/ is: attempt_start, attempt_read, attempt_cancel never write to it, so bytes in it are safe while an
 * owner is called and calls back. */

struct upstream *upstream_new(const struct upstream_parts *parts);
/* Closes all connections. No attempt may be live. Accepts NULL. */
void upstream_free(struct upstream *u);
/* After a reload: no connection to this origin is kept or shelved any more; running attempts finish undisturbed. An attempt
 * that is started later for the same id makes it an origin like any other again. */
void upstream_retire_origin(struct upstream *u, uint64_t id);
const struct upstream_stats *upstream_stats(
    const struct upstream *u); /* borrow, as long as u; readable by any thread */

#endif
