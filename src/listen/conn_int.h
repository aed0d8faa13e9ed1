/* Inside listen/ only: one client connection and its two codecs (conn_h1.c, conn_h2.c). */
#ifndef SLUICE_LISTEN_CONN_INT_H
#define SLUICE_LISTEN_CONN_INT_H

#include "http/h1.h"
#include "http/h2.h"
#include "listen/listener.h"
#include "tls/stream.h"

#include <stdatomic.h>

#define CONN_MAGIC 0x434f4e4eu

struct conn;
struct h1_stream;
struct conn_h2;

enum conn_kind {
    CONN_SHAKE = 0,
    CONN_SNIFF,
    CONN_H1,
    CONN_H2,
    CONN_LINGER,
    CONN_DEAD
};
enum conn_due {
    DUE_NONE = 0,
    DUE_HANDSHAKE,
    DUE_HEAD,
    DUE_IDLE,
    DUE_BODY,
    DUE_WRITE,
    DUE_LINGER
};

struct conn {
    uint32_t magic;
    uint8_t kind; /* enum conn_kind */
    uint8_t due;  /* enum conn_due: what the timer stands for */
    uint8_t gone; /* enum http_gone, for the streams, once dead */
    bool close_after_flush;
    bool lingers;     /* CONN_LINGER: everything is said, what comes is thrown away */
    bool room_wanted; /* H1: room was 0: tell when it is there again */
    bool failed;      /* the socket broke; the task takes it down */
    bool is_tls, counted;
    struct tls_stream s;
    struct listen_server *srv; /* borrow */
    struct sl_list node;       /* in srv->conns */
    struct sl_timer timer;
    struct sl_task task;
    struct sl_ended ended;
    int64_t linger_due_ns; /* lingers: its end, whatever comes */
    struct sl_chunks out;  /* waits for the socket */
    struct sl_addr peer;
    /* CONN_H1 */
    struct h1_parser parser;
    struct h1_stream *stream; /* own; the request that is being served, or NULL */
    struct sl_chunks in;      /* bytes read that cannot be parsed yet (pipelined, or the body before it is wanted) */
    /* CONN_H2 */
    struct conn_h2 *h2; /* own */
};

struct listen_server {
    struct sl_loop *loop;
    struct listen_options o;
    struct listen_stats stats;
    struct sl_list conns;
    struct sl_list listeners;
    unsigned n_conns;
    unsigned n_lingering;
    bool draining;
    struct sl_map *addresses;  /* own: peer address -> struct address_count */
    struct h1_stream *free_h1; /* own: streams for reuse */
    unsigned n_free_h1;
    struct conn *free_conns; /* own */
    unsigned n_free_conns;
    struct h1_limits h1_limits;
    struct h2_limits h2_limits;
    int64_t date_s; /* second for which `date` was made */
    char date[SL_HTTP_DATE];
};

static inline void stat_add(_Atomic uint64_t *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* listener.c */
void listen_address_leave(struct listen_server *s, const struct sl_addr *peer);

/* conn.c */
void listen_conn_open(struct listen_server *srv, int fd, const struct sl_addr *peer, bool counted);
void listen_conns_free(struct listen_server *s); /* the free list */
void conn_due_set(struct conn *c, enum conn_due due, int64_t ns);
void conn_write(struct conn *c, const struct iovec *v, int n); /* tries the socket, queues the rest */
void conn_flush(struct conn *c);
void conn_flush_later(struct conn *c);
void conn_flush_best(struct conn *c);               /* what goes without waiting; ignores failures */
void conn_fail(struct conn *c, enum http_gone why); /* marks; the take-down happens in the task */
void conn_end(struct conn *c);                      /* closes the socket and frees at the end of the turn */
void conn_linger(struct conn *c);                   /* flush, shut, drain a little, close */
size_t conn_room(const struct conn *c);
const char *conn_date(struct listen_server *s);

/* conn_h1.c */
void conn_h1_begin(struct conn *c);
void conn_h1_feed(struct conn *c, struct sl_str bytes);
void conn_h1_progress(struct conn *c); /* after a flush or a release: what comes next */
void conn_h1_room(struct conn *c);
void conn_h1_gone(struct conn *c, enum http_gone why);
void conn_h1_timeout(struct conn *c);
void conn_h1_drain(struct conn *c);
void h1_streams_free(struct listen_server *s);

/* conn_h2.c */
void conn_h2_begin(struct conn *c);
void conn_h2_feed(struct conn *c, struct sl_str bytes);
void conn_h2_output(struct conn *c);
void conn_h2_timeout(struct conn *c);
void conn_h2_gone(struct conn *c, enum http_gone why);
void conn_h2_drain(struct conn *c);
void conn_h2_free(struct conn *c);

#endif
