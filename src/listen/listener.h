/* The listening side of one worker: sockets, client connections, limits, draining. Serves any http_app (exchange, admin,
 * sim). One struct listen_server per thread; nothing here is shared. */
#ifndef SLUICE_LISTEN_LISTENER_H
#define SLUICE_LISTEN_LISTENER_H

#include "base/arena.h"
#include "base/chunks.h"
#include "http/server.h"
#include "loop/net.h"

struct tls_context;
struct listen_server;

struct listen_limits {
    uint32_t head_bytes; /* request line and headers together */
    uint32_t headers;    /* count */
    uint32_t target_bytes;
    uint32_t streams;                 /* HTTP/2: concurrent streams of one connection */
    uint32_t resets_per_second;       /* HTTP/2: of one connection, averaged */
    uint32_t connections;             /* of this worker */
    uint32_t connections_per_address; /* of this worker; loopback is exempt: a local proxy speaks for many clients */
    uint32_t queue_bytes;             /* bytes waiting for a slow client before the upstream is held */
    int64_t handshake_ns, head_ns, idle_ns, body_ns, write_ns, linger_ns;
};

/* Written by the server's thread, read by others (relaxed). */
struct listen_stats {
    _Atomic uint64_t accepted, closed, refused_full, refused_address, tls_failed, bad_requests, timeouts;
    _Atomic uint64_t bytes_in, bytes_out;
    _Atomic uint64_t h2_requests;
};

struct listen_options {
    struct listen_limits limits;
    bool http2;
    const struct http_app *app;    /* borrow, static */
    void *app_arg;                 /* borrow; given to app->on_request */
    struct sl_arena_cache *arenas; /* borrow: the worker's */
    struct sl_chunk_cache *chunks; /* borrow: the worker's */
    char *scratch;                 /* borrow: the worker's read buffer */
    size_t scratch_bytes;
    struct tls_context *tls; /* ref or NULL: plain */
};

struct listen_server *listen_server_new(struct sl_loop *l, const struct listen_options *o);
enum sl_err listen_server_open(struct listen_server *s, const struct sl_addr *at, int backlog,
                               struct sl_addr *out_bound, struct sl_fail *fail) SL_MUST_CHECK;
/* Takes a connected socket as if it had been accepted (virtual network, tests). Owns fd. */
void listen_server_adopt(struct listen_server *s, int fd, const struct sl_addr *peer);
/* New handshakes use this context; connections that live keep theirs. Borrows ctx (takes a ref of its own). */
void listen_server_set_tls(struct listen_server *s, struct tls_context *ctx);
void listen_server_set_limits(struct listen_server *s, const struct listen_limits *limits);
/* Stops accepting, closes idle connections, tells the others (Connection: close, GOAWAY). */
void listen_server_drain(struct listen_server *s);
unsigned listen_server_connections(const struct listen_server *s);
const struct listen_stats *listen_server_stats(const struct listen_server *s);
/* Closes everything; apps hear on_gone(HTTP_GONE_SHUTDOWN) and must release within the drained turn. */
void listen_server_free(struct listen_server *s);

#endif
