/* The operators' port: metrics, health, explanations. An http_app served by the admin worker (main/worker.c).
 *
 * Nothing is served without authentication: with a token configured every route but the two health checks asks for it; with
 * none, only loopback may connect (listen refuses elsewhere at start). A browser page cannot reach it by DNS rebinding: the
 * Host must be an IP literal or "localhost". */
#ifndef SLUICE_ADMIN_ADMIN_H
#define SLUICE_ADMIN_ADMIN_H

#include "base/buf.h"
#include "base/secret.h"
#include "http/server.h"

#define ADMIN_MAGIC 0x41444d4eu
#define ADMIN_BODY_MAX (16u << 20) /* bytes of a request that is explained */

struct admin_explain {                  /* borrowed for the call */
    struct sl_str body;                 /* as a client would send it */
    struct sl_str path, key;            /* decoded; empty: chat completions; a key that may everything */
    const struct http_headers *headers; /* of the admin request: its x-sluice-* count */
};

struct admin_source { /* main's side: what is shown */
    /* Appends the metrics page; SL_ELIMIT when it does not fit. */
    enum sl_err (*metrics)(void *owner, struct sl_buf *out);
    /* True when new requests can be served; *out_why says what is missing (constant text). */
    bool (*ready)(void *owner, const char **out_why);
    /* The plan of a request, without sending it; a JSON object to *out. The HTTP status to answer with. */
    int (*explain)(void *owner, const struct admin_explain *ask, struct sl_arena *a, struct sl_buf *out);
    /* A drill on live traffic. body NULL: how it stands; else what to do, a JSON object. Answers like explain. */
    int (*drill)(void *owner, const struct sl_str *body, const struct sl_addr *peer, struct sl_arena *a,
                 struct sl_buf *out);
    void *owner;
};

struct admin {
    uint32_t magic; /* ADMIN_MAGIC: callbacks tell it from one of its calls */
    struct admin_source source;
    const struct sl_secret *token; /* borrow; n == 0: none */
};

extern const struct http_app admin_app; /* its argument is a struct admin */

#endif
