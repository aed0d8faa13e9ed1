/* HTTP/2 on the wire, both sides, by nghttp2. RFC 9113, 7541.
 *
 * Sans-I/O: bytes of the other side go in by h2_session_feed, bytes for it come out of h2_session_output; the owner calls
 * the latter after every feed and every submit/write/reset/consume (at the end of its turn is enough) while
 * h2_session_wants_write. Events come from inside feed and output; inside an event everything may be called except feed,
 * output and free.
 *
 * A stream (struct h2_stream) belongs to the session. It is valid until its on_closed returned, or until h2_stream_detach.
 * on_closed comes exactly once for every stream that is not detached, also for those the owner reset itself and when the
 * session is freed.
 *
 * Floods: resets, control frames and header blocks are counted against the limits below; past them the session says
 * GOAWAY ENHANCE_YOUR_CALM and feed gives SL_ELIMIT. */
#ifndef SLUICE_HTTP_H2_H
#define SLUICE_HTTP_H2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/chunks.h"
#include "base/err.h"
#include "base/str.h"
#include "http/message.h"

enum h2_side {
    H2_SERVER = 0,
    H2_CLIENT
};

struct h2_limits {
    uint32_t streams; /* open at once; server: advertised and enforced; client: cap besides the server's own */
    uint32_t header_list_bytes;  /* names, values and 32 for each field: advertised and enforced (431) */
    uint32_t headers;            /* fields in a head (431) */
    uint32_t target_bytes;       /* :path (414) */
    uint32_t stream_window;      /* bytes a stream may send before the owner consumed them */
    uint32_t connection_window;  /* the same for all streams together */
    uint32_t stream_queue_bytes; /* written by the owner, not sent yet; h2_stream_room is measured against it */
    uint32_t resets_per_s;       /* RST_STREAM received, and those we had to send because of the other side */
    uint32_t resets_burst;
    uint32_t controls_per_s; /* PING, SETTINGS, PRIORITY, empty DATA */
    uint32_t controls_burst;
};
#define H2_LIMITS_DEFAULT                                                                                              \
    ((struct h2_limits){.streams = 100,             /* what browsers and SDK pools need, times ten */                  \
                        .header_list_bytes = 32768, /* as for HTTP/1.1 */                                              \
                        .headers = 100,                                                                                \
                        .target_bytes = 16384,                                                                         \
                        .stream_window = 262144, /* 1 MiB/s at 250 ms; 100 of them stay affordable */                  \
                        .connection_window = 1048576,                                                                  \
                        .stream_queue_bytes = 65536,                                                                   \
                        .resets_per_s = 100, /* a person's client cancels a few; rapid reset needs thousands */        \
                        .resets_burst = 200,                                                                           \
                        .controls_per_s = 100,                                                                         \
                        .controls_burst = 500})
#define H2_CONTINUATIONS_MAX 8u /* frames behind a HEADERS frame; 32 KiB of header list need 2 */

/* Error codes of RFC 9113 section 7 that owners use or compare. */
enum h2_error {
    H2_NO_ERROR = 0x0,
    H2_PROTOCOL_ERROR = 0x1,
    H2_INTERNAL_ERROR = 0x2,
    H2_FLOW_CONTROL_ERROR = 0x3,
    H2_STREAM_CLOSED = 0x5,
    H2_REFUSED_STREAM = 0x7, /* the other side did not touch the request: safe to repeat */
    H2_CANCEL = 0x8,
    H2_ENHANCE_YOUR_CALM = 0xb,
    H2_HTTP_1_1_REQUIRED = 0xd
};

struct h2_session;
struct h2_stream;

struct h2_events {
    /* Server: a request begins. Gives the arena for its head (borrowed until on_closed or detach), or NULL: the stream is
     * refused (REFUSED_STREAM) and no other event follows. May call h2_stream_set_x. */
    struct sl_arena *(*on_begin)(void *owner, struct h2_stream *s);
    /* Server: a request head; r lives in the stream's arena. has_body false: on_body will not come. */
    void (*on_request)(void *owner, struct h2_stream *s, struct http_request *r);
    /* Client: a final response head; 1xx are dropped. has_body false: on_body will not come. */
    void (*on_response)(void *owner, struct h2_stream *s, struct http_response *r);
    /* Bytes are valid during the call and count against the windows until h2_stream_consume. `last` comes once, with no
     * bytes: the body is whole (content-length was checked). A body that breaks off ends with on_closed instead. */
    void (*on_body)(void *owner, struct h2_stream *s, struct sl_str bytes, bool last);
    /* h2_stream_room was 0 or less than half and is half or more again. */
    void (*on_room)(void *owner, struct h2_stream *s);
    /* The stream is over. error is H2_NO_ERROR only when the answer is whole (server: sent to its end; client: received to
     * its end). */
    void (*on_closed)(void *owner, struct h2_stream *s, uint32_t error);
    /* The other side sent GOAWAY: no new streams (client). Streams it did not touch are closed with H2_REFUSED_STREAM. */
    void (*on_goaway)(void *owner, uint32_t error);
};

/* Borrows limits, events and owner as long as the session; `cache` (may be NULL) for the streams' queues. The connection
 * preface is queued at once. */
struct h2_session *h2_session_new(enum h2_side side, const struct h2_limits *limits, const struct h2_events *events,
                                  void *owner, struct sl_chunk_cache *cache);
void h2_session_free(struct h2_session *s); /* on_closed (H2_INTERNAL_ERROR) for streams that are left. Accepts NULL. */

/* Takes all bytes. Anything but SL_OK: the connection is over; write what h2_session_output still gives (GOAWAY), then
 * close. SL_EINVAL: protocol broken; SL_ELIMIT: flood. Errors that are answered by a GOAWAY may show only when that was put
 * out: h2_session_is_over is true then. now_ns: monotonic time. */
enum sl_err h2_session_feed(struct h2_session *s, struct sl_str bytes, int64_t now_ns) SL_MUST_CHECK;

bool h2_session_wants_write(const struct h2_session *s);
/* True when the session has come to its end: nothing to read or write any more; close the connection. */
bool h2_session_is_over(const struct h2_session *s);

/* Puts bytes to send into out, at most cap (at least H2_OUTPUT_MIN); gives how many, 0 when there are none now. Call it
 * again while h2_session_wants_write. */
#define H2_OUTPUT_MIN 20480u /* a frame of 16 KiB and its head */
size_t h2_session_output(struct h2_session *s, char *out, size_t cap);
/* The same to the end of q, until q holds `mark` bytes or more, or nothing is left. SL_ELIMIT: over q's maximum (then some
 * bytes are lost: the connection must be closed). */
enum sl_err h2_session_output_chunks(struct h2_session *s, struct sl_chunks *q, size_t mark);

/* Drain: GOAWAY that lets requests on their way arrive; the final GOAWAY follows by itself when the other side has answered
 * a PING, or with a second call. Streams go on; when the last is closed, the session is over. */
void h2_session_drain(struct h2_session *s);
bool h2_session_is_draining(const struct h2_session *s); /* either side said GOAWAY */
unsigned h2_session_streams(const struct h2_session *s); /* not closed yet, detached ones included */
/* Client: how many more requests may be submitted now (0 after GOAWAY). */
unsigned h2_session_stream_room(const struct h2_session *s);
void h2_session_ping(struct h2_session *s);                  /* the answer shows in h2_session_last_pong_ns */
int64_t h2_session_last_pong_ns(const struct h2_session *s); /* now_ns of the feed that brought it; 0: none */

void h2_stream_set_x(struct h2_stream *s, void *x);
void *h2_stream_x(const struct h2_stream *s);
int32_t h2_stream_id(const struct h2_stream *s);

/* Client. Header names must be lower case; host goes into :authority, hop-by-hop headers are left out, scheme is "https"
 * unless `plain`. last: no body follows. NULL: no more streams here (h2_session_stream_room is 0), or SL_EINVAL-like bytes
 * in method, target or authority. Borrows the arena for the response head until on_closed or detach. */
struct h2_submit {
    const struct http_request *request; /* borrow, for the call */
    struct sl_arena *arena;
    void *x;
    bool plain;
    bool last;
};
struct h2_stream *h2_submit_request(struct h2_session *s, const struct h2_submit *m);

/* Server. As h1_write_response_head: control bytes become spaces, the codec's own and hop-by-hop headers are left out,
 * content-length is written when known, date when not empty. r is not kept. */
void h2_submit_response(struct h2_stream *s, const struct http_response *r, struct sl_str date, bool last);
void h2_submit_informational(struct h2_stream *s, int status); /* 100 or 103, before the response */

/* Queues body bytes (copied) behind the head. `last` ends the stream's sending side; n may be 0 then. The queue takes all
 * it is given; callers stop when h2_stream_room is 0. Ignored after the stream was reset. */
void h2_stream_write(struct h2_stream *s, const struct iovec *v, int n, bool last);
size_t h2_stream_room(const struct h2_stream *s);
size_t h2_stream_queued(const struct h2_stream *s); /* bytes that wait for windows or for output */

/* The owner is done with n bytes of on_body: opens the windows again. */
void h2_stream_consume(struct h2_stream *s, size_t n);

/* Breaks the stream off; queued bytes are dropped; on_closed follows from output. With H2_NO_ERROR on a stream that was
 * written to its end: the reset goes out behind the queued bytes (RFC 9113 8.1: the answer is whole, the rest of the
 * request is not wanted). */
void h2_stream_reset(struct h2_stream *s, uint32_t error);
/* The owner wants no more events for the stream and drops its pointer (and the arena); what was queued with `last` is still
 * sent, an unfinished answer is reset (H2_CANCEL), bytes that still come in are consumed and dropped. */
void h2_stream_detach(struct h2_stream *s);

#endif
