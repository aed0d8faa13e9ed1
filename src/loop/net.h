/* Sockets, by readiness: a socket tells that it is readable or writable, its owner calls read and write, which
 * never block. The same interface is given by the real network (tcp.c on libuv's poll handles) and by the virtual one
 * of the tests.
 *
 * struct sl_tcp is embedded by its owner. After sl_tcp_close no event comes any more and the owner's memory may go at
 * once. Events are delivered from the loop, never from inside read, write, want or connect. */
#ifndef SLUICE_LOOP_NET_H
#define SLUICE_LOOP_NET_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/str.h"
#include "loop/loop.h"

enum sl_io {
    SL_IO_OK = 0,
    SL_IO_AGAIN, /* would block: an event will come when `want` asks for it */
    SL_IO_EOF,   /* orderly end from the other side (read only) */
    SL_IO_ERROR  /* reset or worse; see sl_tcp.last_errno */
};

enum {
    SL_READABLE = 1,
    SL_WRITABLE = 2
};

struct sl_addr { /* an IPv4 or IPv6 address with port */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa;
};

struct sl_dns;
struct sl_tcp;
typedef void sl_tcp_event_f(struct sl_tcp *t, unsigned events);

struct sl_tcp {
    struct sl_loop *loop; /* borrow; NULL while closed */
    sl_tcp_event_f *on_event;
    void *impl; /* the network's own */
    int fd;     /* -1 when closed or virtual */
    int last_errno;
    unsigned want; /* SL_READABLE | SL_WRITABLE asked for */
};

struct sl_net_ops {
    enum sl_err (*connect)(struct sl_loop *l, struct sl_tcp *t, const struct sl_addr *to);
    enum sl_err (*attach)(struct sl_loop *l, struct sl_tcp *t, int fd); /* a connected socket, non-blocking */
    int (*detach)(struct sl_tcp *t);
    int (*connect_result)(struct sl_tcp *t); /* after the first WRITABLE: 0 or an errno */
    enum sl_io (*read)(struct sl_tcp *t, void *p, size_t n, size_t *out_n);
    enum sl_io (*write)(struct sl_tcp *t, const struct iovec *v, int n, size_t *out_n);
    void (*want)(struct sl_tcp *t, unsigned events);
    void (*shut_write)(struct sl_tcp *t);
    void (*close)(struct sl_tcp *t, bool reset); /* reset: RST instead of FIN */
    bool (*is_idle)(struct sl_tcp *t);           /* true: connected and nothing readable */
    void (*rest)(struct sl_tcp *t);              /* NULL: sockets never rest */
    int64_t (*now)(struct sl_loop *l);
    int64_t (*wall)(struct sl_loop *l);
    /* Looks the name up and answers with sl_dns_deliver, later and exactly once. NULL: the system's resolver. */
    void (*dns)(struct sl_loop *l, struct sl_dns *d, struct sl_str host, unsigned port);
};

void sl_tcp_init(struct sl_tcp *t, sl_tcp_event_f *on_event);
bool sl_tcp_is_open(const struct sl_tcp *t);

/* Starts to connect; SL_OK: the first SL_WRITABLE event (asked for by connect itself) means "look at
 * sl_tcp_connect_result". TCP_NODELAY is set on every socket, both sides. */
enum sl_err sl_tcp_connect(struct sl_loop *l, struct sl_tcp *t, const struct sl_addr *to) SL_MUST_CHECK;
int sl_tcp_connect_result(struct sl_tcp *t);

/* Takes a connected socket over to this loop / gives it away (fd without a loop: for the shelf). Virtual: fd is a handle. */
enum sl_err sl_tcp_attach(struct sl_loop *l, struct sl_tcp *t, int fd) SL_MUST_CHECK;
int sl_tcp_detach(struct sl_tcp *t);
bool sl_fd_is_idle(int fd);     /* of a detached socket: connected and nothing readable */
void sl_tcp_discard_fd(int fd); /* closes a socket that never came to a loop; a virtual handle (< 0) is left alone */

enum sl_io sl_tcp_read(struct sl_tcp *t, void *p, size_t n, size_t *out_n);
enum sl_io sl_tcp_write(struct sl_tcp *t, const struct iovec *v, int n, size_t *out_n);
void sl_tcp_want(struct sl_tcp *t,
                 unsigned events); /* no system call when nothing changes; keep READABLE on in the steady state */
/* Looks away from a socket that wants SL_READABLE alone: its next event is SL_READABLE after SL_REST_NS at most, whether or not
 * bytes came. For bytes that come faster than each arrival is worth a look. Ends early when `want` changes. */
#define SL_REST_NS 100000
void sl_tcp_rest(struct sl_tcp *t);
void sl_tcp_shut_write(struct sl_tcp *t);
void sl_tcp_close(struct sl_tcp *t); /* harmless when closed */
void sl_tcp_reset(struct sl_tcp *t); /* close with RST */
bool sl_tcp_is_idle(struct sl_tcp *t);

/* Listening (real network only). One socket per worker with SO_REUSEPORT. on_accept owns fd (non-blocking). */
struct sl_listener;
typedef void sl_accept_f(void *owner, int fd, const struct sl_addr *peer);
enum sl_err sl_listener_open(struct sl_loop *l, const struct sl_addr *at, int backlog, sl_accept_f *on_accept,
                             void *owner, struct sl_listener **out, struct sl_fail *fail) SL_MUST_CHECK;
/* Whether one could listen here alone: SO_REUSEPORT would also share the port with another program of the same user. To be
 * asked before the first of one's own sockets is opened; the text says what to do. */
enum sl_err sl_listener_check(const struct sl_addr *at, struct sl_fail *fail) SL_MUST_CHECK;
struct sl_addr sl_listener_addr(const struct sl_listener *s); /* with the real port when 0 was asked */
void sl_listener_close(struct sl_listener *s);

/* Addresses. Text forms: "127.0.0.1:80", "[::1]:80". */
bool sl_addr_parse(struct sl_str host, unsigned port, struct sl_addr *out); /* literal addresses only */
#define SL_ADDR_TEXT 56
size_t sl_addr_text(const struct sl_addr *a, char out[SL_ADDR_TEXT]);
bool sl_addr_is_loopback(const struct sl_addr *a);
bool sl_addr_host_eq(const struct sl_addr *a, const struct sl_addr *b); /* without the port */
unsigned sl_addr_port(const struct sl_addr *a);
void sl_addr_set_port(struct sl_addr *a, unsigned port);

/* Name resolution on the system's resolver, off the loop's thread; never blocks. At most `max` addresses. */
typedef void sl_dns_f(void *owner, enum sl_err e, const struct sl_addr *addrs,
                      size_t n); /* addrs valid during the call */
struct sl_dns *sl_dns_start(struct sl_loop *l, struct sl_str host, unsigned port, sl_dns_f *done, void *owner);
void sl_dns_cancel(struct sl_dns *d); /* done will not be called */
/* For sl_net_ops.dns only: the answer; d is gone afterwards. */
void sl_dns_deliver(struct sl_dns *d, enum sl_err e, const struct sl_addr *addrs, size_t n);

#endif
