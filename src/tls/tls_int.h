/* Inside tls/ only: what a context holds. */
#ifndef SLUICE_TLS_INT_H
#define SLUICE_TLS_INT_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tls/context.h"

#define TLS_HOST_MAX 255u /* RFC 1035 2.3.4: a name has at most 255 bytes */

struct tls_context {
    _Atomic unsigned refs;
    SSL_CTX *ssl; /* own; shared by threads as OpenSSL allows */
    bool is_server;
    bool verify; /* client: false only by danger_accept_any_certificate */
    bool http2;  /* server: choose h2 */
    bool resume;
    int64_t expires_s; /* INT64_MAX: no certificate */
    /* The one thing that changes: the newest session of a client context. Held for a few instructions. */
    pthread_mutex_t lock;
    SSL_SESSION *session; /* own or NULL */
    char session_host[TLS_HOST_MAX + 1];
};

/* The session to offer to this host: a reference of the caller's, or NULL. */
SSL_SESSION *tls_context_session(struct tls_context *c, const char *host);

/* stream.c: the host that a client stream was started for; NULL on a server's. */
const char *tls_host_of(const SSL *ssl);

/* OpenSSL's newest error as a constant text; "" when it has none. Empties the queue. */
const char *tls_error_text(void);
const char *tls_verify_text(long verify_result);

#endif
