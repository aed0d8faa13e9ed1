/* The operators' port: metrics and health today. An http_app served by the admin worker (main/worker.c).
 *
 * Nothing is served without authentication: with a token configured every route but the two health checks asks for it; with
 * none, only loopback may connect (listen refuses elsewhere at start). A browser page cannot reach it by DNS rebinding: the
 * Host must be an IP literal or "localhost". */
#ifndef SLUICE_ADMIN_ADMIN_H
#define SLUICE_ADMIN_ADMIN_H

#include "base/buf.h"
#include "base/secret.h"
#include "http/server.h"

struct admin_source { /* main's side: what is shown */
    /* Appends the metrics page; SL_ELIMIT when it does not fit. */
    enum sl_err (*metrics)(void *owner, struct sl_buf *out);
    /* True when new requests can be served; *out_why says what is missing (constant text). */
    bool (*ready)(void *owner, const char **out_why);
    void *owner;
};

struct admin {
    struct admin_source source;
    const struct sl_secret *token; /* borrow; n == 0: none */
};

extern const struct http_app admin_app; /* its argument is a struct admin */

#endif
