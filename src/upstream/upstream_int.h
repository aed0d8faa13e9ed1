/* Inside upstream/ only: what attempts, dials, connections and the pool know of each other.
 *
 *   attempt.c   the state machine: deadlines, reports to the owner
 *   dial.c      RESOLVE, CONNECT, HANDSHAKE: from an origin to a connection that can carry requests
 *   conn.c      a connection: events, HTTP/1 in both directions
 *   conn_h2.c   a connection that is an HTTP/2 session
 *   pool.c      what is kept for reuse: per origin, per worker, and the shelf
 *
 * An attempt in SEND, HEAD or BODY has a connection (HTTP/1: for itself; HTTP/2: a stream of it). While it dials, it has up
 * to DIAL_MAX connections in phase CONNECT, of which one remains. A connection is closed by conn_close from anywhere; its
 * memory goes at the end of the turn. */
#ifndef SLUICE_UPSTREAM_UPSTREAM_INT_H
#define SLUICE_UPSTREAM_UPSTREAM_INT_H

#include "http/h1.h"
#include "http/h2.h"
#include "loop/timer.h"
#include "tls/stream.h"
#include "upstream/resolve.h"
#include "upstream/upstream.h"

#define ATTEMPT_MAGIC 0x41545450u
#define CONN_MAGIC 0x434f4e4eu
#define DIAL_MAX 4u       /* connects under way at once for one attempt */
#define FREE_TRIES_MAX 2u /* repeats inside an attempt: one for a stale connection, one for a session that ended */
#define CONN_OUT_MAX (512u * 1024) /* bytes waiting to be written: a head, or frames */
#define TUNNEL_OUT (256u * 1024)   /* bytes towards an upgraded connection that wait before the owner is to stop */
#define POOL_BUCKETS 64u           /* origins are few */
#define READS_PER_EVENT 16u        /* then others have their turn */
#define SEND_IOV 16
#define QUICK_NS (SL_REST_NS / 2) /* reads that follow one another so closely, ... */
#define QUICK_READS 4u            /* ... so many in a row, ... */
#define QUICK_BYTES 16384u        /* ... and none with so much: small pieces are gathered (conn_gather) */

#define STAT_ADD(u, field, by)                                                                                         \
    atomic_store_explicit(&(u)->stats.field, atomic_load_explicit(&(u)->stats.field, memory_order_relaxed) + (by),     \
                          memory_order_relaxed)
#define STAT(u, field) STAT_ADD(u, field, 1)

struct pool_origin { /* all that this worker knows of an origin id */
    uint64_t id;
    struct pool_origin *next; /* in its bucket */
    struct sl_list idle;      /* up_conn.at_origin: newest first */
    struct sl_list sessions;  /* up_conn.at_origin: HTTP/2 sessions that take requests */
    struct sl_list waiting;   /* attempt.node: for what the dialling one brings */
    struct attempt *dialling; /* borrow; its connection may become a session for all */
    unsigned n_idle;
    unsigned users; /* attempts and connections that point here */
    bool speaks_h1; /* ALPN said so the last time: nobody waits for a session */
    bool retired;
};

enum conn_phase {
    CONN_CONNECT = 0,
    CONN_PROXY, /* CONNECT request sent, its answer awaited */
    CONN_SHAKE,
    CONN_H1,    /* carries an attempt */
    CONN_DRAIN, /* the attempt has left; the end of its answer is awaited */
    CONN_IDLE,
    CONN_H2,
    CONN_CLOSED
};

struct up_conn {
    uint32_t magic;
    enum conn_phase phase;
    struct tls_stream stream;
    struct upstream *up;        /* borrow */
    struct pool_origin *origin; /* counted in users */
    struct attempt *attempt;    /* borrow; NULL in DRAIN, IDLE, H2 */
    bool reused;                /* has carried an exchange before */
    bool got_bytes;             /* of the answer that is awaited */
    bool unsent;                /* part of a request did not go out: never to be reused */
    bool write_failed;
    bool feeding;        /* HTTP/1: the parser is at work further up the stack */
    enum h1_result late; /* HTTP/1: the parser's word behind a body that had to be passed on first; H1_MORE: none */
    bool no_more;        /* HTTP/2: takes no new requests */
    unsigned n_streams;  /* HTTP/2: attempts that are on it */
    int64_t last_read_ns;
    unsigned quick_reads; /* in a row */
    int64_t began_ns;     /* of the request that is carried */
    int64_t idle_since_ns, idle_ns;
    int64_t idle_turn; /* of the loop, when it was kept: a later poll has looked at it */
    unsigned max_idle;
    uint64_t drained;
    struct sl_chunks out;  /* not written yet */
    struct sl_chunks held; /* HTTP/1: read, and not passed on because the attempt is held */
    struct h1_parser parser;
    struct h2_session *h2; /* own */
    enum outcome lost;     /* HTTP/2: what the end of the session means for its streams */
    const char *lost_detail;
    struct sl_list at_origin; /* in origin->idle or origin->sessions */
    struct sl_list by_age;    /* in up->idle while IDLE; oldest first */
    struct sl_list node;      /* in up->conns */
    struct sl_task task;
    struct sl_timer timer; /* DRAIN, and the end of a doubtful session */
    struct sl_ended ended;
};

struct dial {
    struct resolve_wait wait;
    struct resolve_addrs addrs;
    unsigned next;                   /* address */
    struct up_conn *conns[DIAL_MAX]; /* own, in phase CONNECT; one in PROXY or SHAKE later; NULL: free place */
    unsigned n_conns;
    int64_t next_due_ns;  /* when the next address is tried beside the others */
    enum outcome outcome; /* of the last address that failed */
    const char *detail;
    bool through_proxy;
};

enum attempt_todo {
    TODO_OVER = 1 << 0, /* report the end */
    TODO_PICK = 1 << 1, /* look for a connection again */
    TODO_FEED = 1 << 2, /* reading is on again */
    TODO_READ = 1 << 3, /* sending failed: an answer may be there all the same */
    TODO_ROOM = 1 << 4, /* the owner is to be told that there is room */
    TODO_BODY = 1 << 5  /* streamed: more of the body waits */
};

struct attempt {
    uint32_t magic;
    enum attempt_state state;          /* written by attempt_goto only */
    struct upstream *up;               /* borrow */
    struct sl_arena *arena;            /* borrow */
    struct attempt_request req;        /* what it points to is borrowed until over */
    const struct attempt_owner *owner; /* borrow */
    void *owner_arg;
    struct attempt_result result;
    struct pool_origin *origin; /* counted in users; NULL once over */
    struct up_conn *conn;       /* borrow; carries it */
    struct h2_stream *stream;   /* borrow; HTTP/2 */
    struct dial dial;
    struct sl_list node; /* in origin->waiting */
    struct sl_task task;
    unsigned todo; /* enum attempt_todo */
    struct sl_timer timer;
    int64_t timer_ns;     /* what it is armed for; SL_NEVER: not */
    int64_t state_due_ns; /* SL_NEVER: none */
    int64_t began_ns, since_ns;
    uint64_t body_n, body_sent;
    int send_at;      /* iovec, ... */
    size_t send_from; /* ... and byte in it that goes next */
    uint8_t free_tries;
    bool fresh; /* only on a new connection */
    bool held;
    bool room_wanted; /* attempt_room was 0 */
    bool head_seen;
    bool is_over, is_reported;
    bool starting; /* inside attempt_start: the owner is not to be called */
    /* a streamed body */
    struct sl_chunks stream_body; /* waits to be sent */
    bool stream_last;             /* all of it was given */
    bool stream_ended;            /* its end was sent, or is in the connection's queue */
    bool stream_full;             /* on_room is owed */
    /* HTTP/2: bytes that came while held */
    struct sl_chunks held_body;
    size_t held_consume;
    bool held_last;
};

struct upstream {
    struct sl_loop *loop;          /* borrow */
    struct upstream_shelf *shelf;  /* borrow or NULL */
    struct sl_chunk_cache *chunks; /* borrow or NULL */
    struct upstream_limits limits;
    struct h1_limits h1_limits;
    struct h2_limits h2_limits;
    char *scratch;
    size_t scratch_n;
    bool owns_scratch;
    struct resolver *resolver; /* own */
    struct pool_origin *buckets[POOL_BUCKETS];
    struct sl_list conns; /* all of them */
    struct sl_list idle;  /* oldest first */
    unsigned n_idle, n_sessions, n_attempts;
    struct sl_timer sweep;
    struct attempt *calling; /* whose owner is being called; NULL once that attempt is over */
    struct upstream_stats stats;
};

/* attempt.c */
void attempt_goto(struct attempt *t, enum attempt_state to);
void attempt_over(struct attempt *t, enum outcome o, const char *detail); /* t may be gone afterwards */
void attempt_post(struct attempt *t, unsigned todo);
void attempt_rearm(struct attempt *t);
void attempt_take_conn(struct attempt *t, struct up_conn *c); /* a ready HTTP/1 connection or session carries it now */
bool attempt_try_again(
    struct attempt *t); /* the free try, by its task; false: used up. Its connection has let go of it. */
void attempt_first_byte(struct attempt *t);
void attempt_head(struct attempt *t,
                  const struct http_response *head); /* t may be gone afterwards, as after the next */
void attempt_body(struct attempt *t, struct sl_str bytes);
void attempt_progress(struct attempt *t); /* bytes went out */
void attempt_request_head(const struct attempt *t, struct http_request *out);
int attempt_body_iov(const struct attempt *t, struct iovec *v, int max); /* what is to be sent next */
void attempt_body_sent(struct attempt *t, size_t n);
static inline bool attempt_all_sent(const struct attempt *t)
{
    return t->req.streamed ? t->stream_ended : t->body_sent == t->body_n;
}
/* Something can be sent now. */
static inline bool attempt_has_unsent(const struct attempt *t)
{
    return t->req.streamed ? t->stream_body.n > 0 : t->body_sent != t->body_n;
}
/* With so many more bytes all is sent. */
static inline bool attempt_is_last(const struct attempt *t, size_t part)
{
    return t->req.streamed ? t->stream_last && part == t->stream_body.n : t->body_sent + part == t->body_n;
}
static inline bool attempt_is_chunked(const struct attempt *t)
{
    return t->req.streamed && t->req.streamed_length < 0;
}

/* dial.c */
void dial_start(struct attempt *t);
void dial_stop(struct attempt *t);                      /* closes and cancels what it has; harmless otherwise */
void dial_next_address(struct attempt *t);              /* the timer: the next one beside the others */
void dial_on_event(struct up_conn *c, unsigned events); /* phases CONNECT, PROXY, SHAKE */

/* conn.c */
struct up_conn *conn_new(struct upstream *u, struct pool_origin *o);
enum conn_close_how {
    CONN_CLOSE_ORDERLY = 0,
    CONN_CLOSE_RESET
};
void conn_close(struct up_conn *c, enum conn_close_how how); /* out of all lists; memory goes at the end of the turn */
void conn_want(struct up_conn *c);
void conn_start_h1(struct up_conn *c, struct attempt *t);
void conn_resume_h1(struct up_conn *c);                             /* the attempt is no longer held */
void conn_send_h1(struct up_conn *c, const struct iovec *v, int n); /* behind an upgrade */
void conn_more_body(struct attempt *t);                             /* streamed: there is more of it; any connection */
void conn_read_h1(struct up_conn *c);
void conn_gather(struct up_conn *c, size_t n);     /* after a read of n bytes that emptied the socket */
void conn_leave_h1(struct up_conn *c, bool drain); /* the attempt goes; the connection is saved or closed */
bool conn_write_out(struct up_conn *c);            /* writes c->out; false: the connection is broken */

/* conn_h2.c */
void conn_start_h2(struct up_conn *c);
void conn_submit_h2(struct up_conn *c, struct attempt *t);
void conn_send_h2(struct up_conn *c, struct attempt *t);
void conn_on_event_h2(struct up_conn *c, unsigned events);
void conn_task_h2(struct up_conn *c);
void conn_resume_h2(struct attempt *t); /* its connection may be gone: what was held is all there is */
void conn_leave_h2(struct up_conn *c, struct attempt *t);
void conn_doubt_h2(struct up_conn *c); /* a stream waited in vain: no new ones here */
void conn_end_h2(struct up_conn *c);   /* the session's part of conn_close */

/* pool.c */
struct pool_origin *pool_origin_get(struct upstream *u, uint64_t id);
void pool_origin_use(struct pool_origin *o);
void pool_origin_unuse(struct upstream *u, struct pool_origin *o); /* may free it */
struct up_conn *pool_take_h1(struct upstream *u, struct pool_origin *o,
                             const struct upstream_origin *at); /* NULL: none */
struct up_conn *pool_find_h2(struct pool_origin *o);            /* one that takes a request now, or NULL */
void pool_put(struct up_conn *c);                               /* takes: kept, shelved or closed */
void pool_remove(struct up_conn *c);                            /* out of the lists of kept ones; harmless otherwise */
void pool_wake_waiting(struct pool_origin *o);
void pool_sweep_init(struct upstream *u);
void pool_sweep_arm(struct upstream *u);
void pool_on_idle_event(struct up_conn *c);

#endif
