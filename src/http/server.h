/* What a client connection offers to whoever answers a request (exchange, admin, sim, tests), and what it calls.
 *
 * struct http_stream is one request and its answer on a connection, HTTP/1.1 or HTTP/2 alike; the connection owns it
 * (listen/conn.c, or a loopback in tests). Who answers is "the app".
 *
 * Life: app->on_request (head is complete; body not yet) -> on_body* -> [app answers: send_head, send_body*] -> the stream
 * is over when both the response was sent with `last` and the request was read or discarded. The app must call
 * http_stream_release exactly once, when it needs the stream no more; before that the stream's memory stays valid.
 * After on_gone every send is ignored and the app only has to release.
 *
 * No call into the stream calls the app back from inside. Callbacks come from the loop's turn, one at a time. */
#ifndef SLUICE_HTTP_SERVER_H
#define SLUICE_HTTP_SERVER_H

#include <sys/uio.h>

#include "base/arena.h"
#include "http/message.h"
#include "loop/net.h"

struct http_stream;

enum http_gone {         /* why a client is gone before its answer was complete */
    HTTP_GONE_CLOSED,    /* the connection was closed or reset by the client */
    HTTP_GONE_RESET,     /* the HTTP/2 stream was reset by the client */
    HTTP_GONE_STALLED,   /* the client read nothing for the write deadline */
    HTTP_GONE_PROTOCOL,  /* it broke the protocol (body framing); the connection has answered or closed */
    HTTP_GONE_BODY_SLOW, /* the body did not arrive in time; the app may still answer (see on_body_late) */
    HTTP_GONE_SHUTDOWN   /* drain deadline passed */
};

struct http_app {
    /* A request head. Returns the app's object for this stream (not NULL). r lives until release. */
    void *(*on_request)(void *app, struct http_stream *s, const struct http_request *r);
    /* Body bytes, valid during the call only; `last` true exactly once (n may be 0). Not called before the app asked
     * with http_stream_read (a body is not read until its owner is known). */
    void (*on_body)(void *x, struct sl_str bytes, bool last);
    /* The queue towards the client has fallen below its low mark after http_stream_room was 0. */
    void (*on_room)(void *x);
    void (*on_gone)(void *x, enum http_gone why);
};

struct http_stream_ops {
    void (*read)(struct http_stream *s, bool on);
    void (*send_head)(struct http_stream *s, const struct http_response *r, bool last);
    void (*send_body)(struct http_stream *s, const struct iovec *v, int n, bool last);
    void (*send_informational)(struct http_stream *s, int status);
    size_t (*room)(const struct http_stream *s);
    void (*reset)(struct http_stream *s);
    void (*release)(struct http_stream *s);
    /* Bytes below HTTP, for the simulator's faults; HTTP/1 only (NULL elsewhere). close: nothing follows, the connection
     * is closed behind them. */
    void (*send_raw)(struct http_stream *s, struct sl_str bytes, bool close);
    /* http_stream_upgrade; HTTP/1 only (NULL elsewhere) */
    bool (*upgrade)(struct http_stream *s, const struct http_response *r);
};

struct http_stream {
    const struct http_stream_ops *ops; /* borrow, static */
    const struct http_app *app;        /* borrow, static */
    void *x;                           /* the app's object, as on_request returned it */
    struct sl_arena *arena; /* borrow (of the stream, until release): for whatever has the stream's lifetime */
    struct sl_addr peer;
    bool tls;
    bool gone;                    /* on_gone was called */
    struct sl_str tls_subject;    /* of a verified client certificate, else empty */
    int64_t began_ns;             /* loop time of the first byte of the head */
    uint64_t bytes_in, bytes_out; /* of this exchange, as seen on the wire before TLS; kept by the connection */
};

/* Starts or stops the flow of body bytes (back-pressure). Sends "100 Continue" by itself where the client expects it. */
static inline void http_stream_read(struct http_stream *s, bool on)
{
    s->ops->read(s, on);
}

/* Queues the head; it leaves together with the first body bytes or at the end of the turn. `last`: no body follows.
 * r is not kept. Framing headers (content-length, transfer-encoding, connection, date) are the codec's: content_length >= 0
 * is written, HTTP_LENGTH_NONE means chunked in HTTP/1.1 and DATA frames in HTTP/2. Header names are lower case. */
static inline void http_stream_send_head(struct http_stream *s, const struct http_response *r, bool last)
{
    s->ops->send_head(s, r, last);
}

/* Sends bytes: tries the socket at once when nothing waits, copies what did not fit into the connection's queue. The
 * queue takes everything given (so that a caller may finish an event), and callers stop when http_stream_room is 0. */
static inline void http_stream_send_body(struct http_stream *s, const struct iovec *v, int n, bool last)
{
    s->ops->send_body(s, v, n, last);
}

/* Answers 101 to a request without a body that asked for a WebSocket: r's headers without those that the codec writes (connection,
 * upgrade). From then on the connection is a tunnel: http_stream_read and on_body give its bytes as they come (`last` is never
 * true), send_body takes bytes as they are to leave; with `last` the connection is closed behind them. False: cannot be (HTTP/2,
 * HTTP/1.0, something was sent already); nothing happened. */
static inline bool http_stream_upgrade(struct http_stream *s, const struct http_response *r)
{
    return s->ops->upgrade != NULL && s->ops->upgrade(s, r);
}

/* Bytes the queue still takes below its high mark; 0: wait for on_room. */
static inline size_t http_stream_room(const struct http_stream *s)
{
    return s->ops->room(s);
}

/* Breaks the answer off so that the client cannot take it for complete: RST_STREAM, or closing without the end. */
static inline void http_stream_reset(struct http_stream *s)
{
    s->ops->reset(s);
}

/* The app is finished with this stream and all its views. An answer that was not sent to its end is reset. */
static inline void http_stream_release(struct http_stream *s)
{
    s->ops->release(s);
}

#endif
