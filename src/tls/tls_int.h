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
    int64_t expires_s;           /* INT64_MAX: no certificate */
    struct tls_tickets *tickets; /* ref or NULL */
    /* What changes: the newest session of a client context. Held for a few instructions. */
    pthread_mutex_t lock;
    SSL_SESSION *session; /* own or NULL */
    char session_host[TLS_HOST_MAX + 1];
    /* One that is made with its first connection has no `ssl`: what it will be, and then is. */
    bool later;
    enum tls_version min_version;
    struct tls_context *made; /* own or NULL; under the lock */
};

/* The context to connect with: c, or what it becomes with its first connection; NULL: it could not be made. The caller's
 * reference to c keeps it. */
struct tls_context *tls_context_now(struct tls_context *c);

/* context.c, for check.c: a context without a certificate, the key into it. */
struct tls_context *tls_context_make(const SSL_METHOD *method, enum tls_version min, struct sl_fail *fail);
enum sl_err tls_context_load_key(struct tls_context *c, struct sl_str file, struct tls_trouble *t);
bool tls_time_s(const ASN1_TIME *t, int64_t *out_s); /* seconds since 1970 */
/* Whether the file can be opened; its name with a NUL. */
#define TLS_PATH_BYTES 4096u
enum sl_err tls_path_of(struct sl_str file, enum tls_file which, char out[TLS_PATH_BYTES], struct tls_trouble *t);
enum sl_err tls_trouble_set(struct tls_trouble *t, enum sl_err code, enum tls_file file, const char *todo,
                            const char *format, ...) SL_PRINTF(5, 6);
#define TLS_TODO_CERT "It must be PEM: the server's certificate first, then the chain"
#define TLS_TODO_CA "It must be PEM: the certificates of the authorities"

/* tickets.c: seals this context's tickets with t's keys (takes a reference). */
void tls_tickets_use(struct tls_context *c, struct tls_tickets *t);

/* The session to offer to this host: a reference of the caller's, or NULL. */
SSL_SESSION *tls_context_session(struct tls_context *c, const char *host);

/* stream.c: the host that a client stream was started for; NULL on a server's. */
const char *tls_host_of(const SSL *ssl);

/* OpenSSL's newest error as a constant text; "" when it has none. Empties the queue. */
const char *tls_error_text(void);
const char *tls_verify_text(long verify_result);

#endif
