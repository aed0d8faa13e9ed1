/* A byte stream over a socket, plain or TLS: the same calls for both. Readiness-based, never blocks.
 *
 * struct tls_stream is embedded in its owner (listen/conn.c, upstream/conn.c). OpenSSL sits on a BIO of our own over
 * sl_tcp_read/sl_tcp_write, so that the virtual network of the tests carries TLS too. */
#ifndef SLUICE_TLS_STREAM_H
#define SLUICE_TLS_STREAM_H

#include "loop/net.h"

struct tls_context; /* tls/context.h: counted, immutable; a server's or a client's */
struct tls_session; /* own; NULL on a plain stream */

struct tls_stream;
typedef void tls_stream_event_f(struct tls_stream *s, unsigned events); /* SL_READABLE | SL_WRITABLE */

struct tls_stream {
    struct sl_tcp tcp;
    struct tls_session *tls; /* own or NULL */
    tls_stream_event_f *on_event;
    unsigned want; /* what the owner asked for */
};

enum tls_shake {
    TLS_SHAKE_DONE = 0,
    TLS_SHAKE_MORE,
    TLS_SHAKE_FAILED
};

void tls_stream_init(struct tls_stream *s, tls_stream_event_f *on_event);

/* Puts TLS on a connected stream, before any byte. Server side: ctx is a server context. Client side: host is the name
 * to verify and to send as SNI (an IP literal is verified as an address), alpn e.g. "h2,http/1.1" or "" for none. */
enum sl_err tls_stream_start_server(struct tls_stream *s, struct tls_context *ctx) SL_MUST_CHECK;
enum sl_err tls_stream_start_client(struct tls_stream *s, struct tls_context *ctx, struct sl_str host,
                                    struct sl_str alpn) SL_MUST_CHECK;

/* Call on every event until it is DONE or FAILED; it arms `want` itself while it needs MORE. Plain: DONE at once. On
 * FAILED, tls_stream_failure names why with a constant text: "certificate expired", "unknown authority", "wrong host", ... */
enum tls_shake tls_stream_handshake(struct tls_stream *s);
const char *tls_stream_failure(const struct tls_stream *s);
struct sl_str tls_stream_alpn(const struct tls_stream *s); /* "" when none; borrow until close */
struct sl_str tls_stream_peer_subject(
    const struct tls_stream *s); /* of a verified client certificate; borrow until close */

enum sl_io tls_stream_read(struct tls_stream *s, void *p, size_t n, size_t *out_n);
/* *out_n: bytes accepted, which the socket has taken. The others must be offered again, the same bytes, before any new ones
 * (some of them may already be encrypted); so a queue keeps its order. */
enum sl_io tls_stream_write(struct tls_stream *s, const struct iovec *v, int n, size_t *out_n);
/* True when decrypted bytes wait inside TLS: read again before waiting for an event. */
bool tls_stream_pending(const struct tls_stream *s);
/* True when the other side's end (SL_IO_EOF) came without TLS's close_notify: a body that ends with the connection may have
 * been cut by anybody on the way. False on plain streams. */
bool tls_stream_is_truncated(const struct tls_stream *s);
void tls_stream_want(struct tls_stream *s, unsigned events);
void tls_stream_rest(struct tls_stream *s); /* sl_tcp_rest; nothing while decrypted bytes wait */
void tls_stream_close(
    struct tls_stream *s); /* close_notify if it goes without waiting, then close; harmless when closed */
void tls_stream_reset(struct tls_stream *s);
bool tls_stream_is_idle(struct tls_stream *s); /* open, nothing readable, nothing pending: may be reused */

/* For the shelf of idle connections: the stream leaves its loop (fd and TLS state stay together) and may be taken up by
 * another thread's loop. Only an idle stream may be detached. */
struct tls_parked {
    int fd;
    struct tls_session *tls; /* own */
};
void tls_stream_detach(struct tls_stream *s, struct tls_parked *out);
enum sl_err tls_stream_attach(struct sl_loop *l, struct tls_stream *s,
                              struct tls_parked *from) SL_MUST_CHECK; /* takes */
bool tls_parked_is_alive(const struct tls_parked *p);                 /* recv(MSG_PEEK) says "would block" */
void tls_parked_close(struct tls_parked *p);

#endif
