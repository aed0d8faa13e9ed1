/* What the tests of upstream/ share: a virtual network with one loop, a struct upstream, scripted HTTP/1 providers, and a
 * probe that is the owner of an attempt and writes down all it is told. */
#ifndef SLUICE_TESTS_UPSTREAM_KIT_H
#define SLUICE_TESTS_UPSTREAM_KIT_H

#include "base/buf.h"
#include "lib/vnet.h"
#include "upstream/upstream.h"

enum server_end {
    END_KEEP = 0, /* the connection stays, for the next request */
    END_FIN,
    END_RST,
    END_HANG /* nothing more is said */
};

struct server;
struct server_conn {
    struct sl_tcp tcp;
    struct server *server;
    struct sl_list node;
    struct sl_buf in; /* not yet answered */
    size_t sent;      /* of the answer */
    bool answering, blocked, dead;
    unsigned served;
    struct sl_timer timer;
};

struct server { /* set the fields before the first request; they may be changed between requests */
    struct vnet *net;
    struct sl_loop *loop;
    struct sl_addr at;
    struct sl_str answer; /* raw bytes */
    struct sl_str then;   /* to the second and later requests of a connection; empty: the same */
    size_t cut;           /* only so many bytes of it; SIZE_MAX: all */
    enum server_end end;  /* after those */
    int64_t delay_ns;     /* before the first byte */
    size_t piece;         /* bytes at a time; 0: all at once */
    int64_t piece_ns;     /* between pieces */
    unsigned
        die_after; /* requests on one connection, then it is closed (END_FIN, END_RST) while it is idle; 0: never */
    int64_t die_after_ns; /* after the answer */
    bool reject_reuse;    /* the second request on a connection meets a reset instead of an answer */
    bool deaf;            /* reads nothing */
    bool early;           /* answers as soon as the head is there */
    struct sl_str stray;  /* bytes sent stray_ns after each answer */
    int64_t stray_ns;
    unsigned accepted, requests, resets_seen, ends_seen;
    struct sl_buf first, last; /* whole requests */
    struct sl_list conns;
};

struct kit {
    struct vnet *net;
    struct sl_loop loop;
    struct upstream_shelf *shelf;
    struct upstream *up;
    struct upstream_limits limits;
    struct upstream_origin origin;
    struct server server;
};

/* A provider at 93.184.216.34:443 named api.example, plain HTTP/1.1. */
void kit_open(struct kit *k, uint64_t seed);
void kit_reopen_upstream(struct kit *k); /* after limits were changed */
void kit_close(struct kit *k);           /* checks that nothing is left */

void server_open(struct server *s, struct vnet *net, struct sl_loop *l, const char *host, unsigned port);
void server_close(struct server *s);
size_t server_conns(const struct server *s);

enum probe_act {
    ACT_NONE = 0,
    ACT_CANCEL,
    ACT_CANCEL_FREE,
    ACT_HOLD
};

struct probe {
    struct kit *kit;
    struct sl_arena arena;
    struct attempt *attempt;
    struct attempt_request req;
    struct iovec body[3];
    struct http_header headers[2];
    struct attempt_result result;
    unsigned heads, overs, rooms;
    int status;
    struct sl_buf got;
    enum probe_act on_head, on_body;
    bool inside; /* attempt_start, attempt_cancel or attempt_read is on the stack: no callback may come */
    int64_t over_ns;
};

void probe_init(struct probe *p, struct kit *k);
void probe_start(struct probe *p);
enum vnet_end probe_run(struct probe *p, int64_t max_ns); /* until over */
void probe_done(struct probe *p);
void probe_cancel(struct probe *p, bool drain);
void probe_read(struct probe *p, bool on);
/* start, run for at most a minute, and check: exactly one on_over */
void probe_once(struct probe *p, struct kit *k);

#define ANSWER_LENGTH "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"ok\": true}\n"
#define ANSWER_CHUNKED                                                                                                 \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"                         \
    "7\r\ndata: 1\r\n9\r\n\n\ndata: 2\r\n10\r\n\n\ndata: [DONE]\n\n\r\n0\r\n\r\n"

#endif
