/* A server's certificate files over time: load them, notice that they changed, say when the certificate is about to end.
 * Blocking (files): main or keeper thread; the context that comes out goes to the workers. A pair that does not load leaves
 * the old context in use. */
#ifndef SLUICE_TLS_CERTS_H
#define SLUICE_TLS_CERTS_H

#include "base/clock.h"
#include "tls/context.h"

struct tls_file_mark { /* what tells a file from its successor */
    int64_t mtime_ns, size;
    uint64_t inode, device;
};

enum {
    TLS_CERTS_FILES = 3
}; /* certificate, key, client authorities */

struct tls_certs {
    struct tls_server_options options;           /* views into `paths` */
    char *paths;                                 /* own */
    struct tls_file_mark marks[TLS_CERTS_FILES]; /* as they were before the last load */
    int64_t expires_s;                           /* of the last context that was made; INT64_MAX: none */
    int told;                                    /* enum tls_expiry: the last that tls_certs_expiry gave */
};

/* How near the end is. */
enum tls_expiry {
    TLS_EXPIRY_FAR = 0,
    TLS_EXPIRY_30_DAYS, /* at most so many are left */
    TLS_EXPIRY_7_DAYS,
    TLS_EXPIRY_1_DAY,
    TLS_EXPIRY_OVER
};

/* Copies the names and takes a reference of o->tickets (may be NULL). */
void tls_certs_init(struct tls_certs *c, const struct tls_server_options *o);
void tls_certs_done(struct tls_certs *c);

/* Reads the files and gives a context (one reference). After a failure, tls_certs_changed is false until a file changes
 * again, so that a bad pair is reported once. `trouble` may be NULL. */
enum sl_err tls_certs_load(struct tls_certs *c, struct tls_context **out, struct tls_trouble *trouble,
                           struct sl_fail *fail) SL_MUST_CHECK;
bool tls_certs_changed(const struct tls_certs *c); /* a stat per file */

enum tls_expiry tls_expiry_of(int64_t left_s); /* seconds left; negative: over */
/* The warning that is due at this wall time: each one once for a certificate, the nearest only; else TLS_EXPIRY_FAR. */
enum tls_expiry tls_certs_expiry(struct tls_certs *c, int64_t wall_ns);

#endif
