/* An attempt: one try at one upstream. PICK -> RESOLVE -> CONNECT -> HANDSHAKE -> SEND -> HEAD -> BODY -> OVER.
 *
 * upstream does not know what an exchange is: it gets a struct attempt_request and a const struct attempt_owner. It
 * reports upward, once each: head arrived, and over with this outcome; and bytes in between. Owner callbacks come from the
 * loop's turn, never from inside attempt_start / attempt_cancel / attempt_read. */
#ifndef SLUICE_UPSTREAM_ATTEMPT_H
#define SLUICE_UPSTREAM_ATTEMPT_H

#include "base/arena.h"
#include "base/chunks.h"
#include "http/message.h"
#include "loop/loop.h"
#include "upstream/outcome.h"
#include "upstream/target.h"

struct upstream; /* per worker: pool, DNS cache, HTTP/2 sessions (upstream/upstream.h) */
struct attempt;

struct attempt_deadlines { /* durations in ns; 0: none. `total_due_ns` is a point in time of the loop's clock */
    int64_t connect_ns, tls_ns, send_ns, first_byte_ns, between_ns;
    int64_t total_due_ns;
};

struct attempt_request {
    const struct upstream_origin *origin; /* borrow (of the snapshot, until over): where to connect and how */
    struct sl_str method;                 /* "POST" */
    struct sl_str path;                   /* path and query, ready to send */
    const struct http_header
        *headers; /* complete but for host/:authority, content-length and connection; borrow until over */
    uint32_t n_headers;
    const struct iovec *body; /* borrow until over */
    int n_body;
    /* It makes something and must not be done twice: never on a connection that was used before, and never sent again because
     * one died under it. */
    bool once;
    bool streamed;           /* instead of `body`: it comes by attempt_body_write, on a connection of its own */
    int64_t streamed_length; /* of such a body; HTTP_LENGTH_NONE: not known */
    bool
        upgrade; /* asks for a WebSocket (no body; HTTP/1.1 only: origin->http says so): a head of 101 is the answer, and from then
                   * on bytes go both ways, on_body and attempt_send. The connection is never used again. */
    struct attempt_deadlines deadlines;
};

enum attempt_state {
    AS_PICK = 0,
    AS_RESOLVE,
    AS_CONNECT,
    AS_HANDSHAKE,
    AS_SEND,
    AS_HEAD,
    AS_BODY,
    AS_OVER
};
const char *attempt_state_name(enum attempt_state s);

struct attempt_result {
    enum outcome outcome;  /* transport's view; OUT_OK when the answer came whole, whatever its status */
    enum attempt_state at; /* state in which it ended */
    const char *detail;    /* static text: "connection refused", "certificate expired", ...; "" */
    bool reused;           /* went out on a reused connection */
    bool sent;             /* at least one byte of the request left: it may have been billed */
    bool h2;
    int64_t state_us[AS_OVER + 1]; /* time spent in each state */
    int64_t first_byte_us;         /* from start to the first byte of the head; -1 when none came */
    uint64_t bytes_out, bytes_in;
};

struct attempt_owner { /* all called with the owner pointer of attempt_start */
    void (*on_head)(void *owner,
                    const struct http_response *head); /* final (not 1xx) head; views live until attempt_free */
    void (*on_body)(void *owner, struct sl_str bytes); /* valid during the call */
    void (*on_over)(void *owner, const struct attempt_result *r); /* exactly once, last */
    /* NULL, or: attempt_room was 0, and most of what waited has been written. Of a streamed body: bytes have left, and there is room
     * for more (attempt_body_room); the first time it comes when the first bytes have left. The owner may write, not end the attempt. */
    void (*on_room)(void *owner);
};

/* Starts a try. `a`: the attempt's own arena (the caller's, dropped by the caller after attempt_free). */
struct attempt *attempt_start(struct upstream *u, struct sl_arena *a, const struct attempt_request *r,
                              const struct attempt_owner *owner, void *owner_arg);
/* A streamed body: bytes are copied and sent as they go; what an attempt that is over is given is dropped. Callers stop when there is
 * no room until on_room comes. `last` once, with or without bytes. As long as nothing waits here to be sent, the deadline of SEND
 * rests. Such an attempt makes no free try once bytes left. */
#define ATTEMPT_BODY_ROOM (256u * 1024)
void attempt_body_write(struct attempt *t, struct sl_str bytes, bool last);
size_t attempt_body_room(const struct attempt *t);
/* Back-pressure: off means no more on_body until on. The kernel's buffers fill and the provider waits. */
void attempt_read(struct attempt *t, bool on);
/* Behind a head of 101: sends bytes to the other side; what the socket does not take is copied and waits. Everything given is
 * taken, so that a message may be finished; callers stop when attempt_room is 0. Nothing happens once the attempt is over. */
void attempt_send(struct attempt *t, const struct iovec *v, int n);
size_t attempt_room(struct attempt *t); /* bytes until enough waits; 0: wait for on_room */
/* Ends it now, from the owner's side; nothing is called any more. Fills *out (may be NULL) with what is known. When `drain`
 * is true and the answer's semantic end was seen, the connection may read its last framing bytes (bounded) to be reused. */
void attempt_cancel(struct attempt *t, bool drain, struct attempt_result *out);
void attempt_free(struct attempt *t); /* after on_over or attempt_cancel; NULL accepted */

#endif
