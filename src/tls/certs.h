/* A server's certificate files over time: load, and notice that they changed. Blocking (files): main or keeper thread; the
 * context that comes out goes to the workers. A pair that does not load leaves the old context in use. */
#ifndef SLUICE_TLS_CERTS_H
#define SLUICE_TLS_CERTS_H

#include "base/clock.h"
#include "tls/context.h"

/* Session tickets are encrypted under a key of the context: a context older than this is made anew, so that a stolen key
 * opens at most a day of resumed sessions. */
#define TLS_CERTS_TICKET_LIFE_NS (24 * 60 * SL_MIN)

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
    int64_t loaded_ns;                           /* monotonic; 0: never */
};

enum tls_certs_change {
    TLS_CERTS_SAME = 0,
    TLS_CERTS_CHANGED,
    TLS_CERTS_TICKETS_OLD
};

void tls_certs_init(struct tls_certs *c, const struct tls_server_options *o); /* copies */
void tls_certs_done(struct tls_certs *c);

/* Reads the files and gives a context (one reference). After a failure, tls_certs_changed says SAME until a file changes
 * again, so that a bad pair is reported once. */
enum sl_err tls_certs_load(struct tls_certs *c, struct tls_context **out, struct sl_fail *fail) SL_MUST_CHECK;
enum tls_certs_change tls_certs_changed(const struct tls_certs *c, int64_t now_ns); /* a stat per file */

#endif
