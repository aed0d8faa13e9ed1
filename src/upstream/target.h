/* Where upstreams are. An origin is one server address with its transport settings; it is part of the immutable snapshot.
 * Addresses come only from configuration. */
#ifndef SLUICE_UPSTREAM_TARGET_H
#define SLUICE_UPSTREAM_TARGET_H

#include "base/str.h"

struct tls_context;

enum upstream_http {
    UPSTREAM_HTTP1 = 1,
    UPSTREAM_AUTO,
    UPSTREAM_HTTP2
}; /* AUTO: ALPN decides on TLS, HTTP/1.1 on plain */

struct upstream_origin {
    uint64_t id; /* equal for origins that may share connections: hash of scheme, host, port, proxy, TLS settings */
    struct sl_str provider;  /* name in the configuration, for records */
    struct sl_str host;      /* as configured: name or IP literal (no brackets) */
    struct sl_str authority; /* for host / :authority */
    unsigned port;
    bool tls;
    bool
        allow_private; /* the address guard lets loopback and private addresses through (base_url named one, or said so) */
    enum upstream_http http;
    struct tls_context *tls_ctx; /* borrow (of the snapshot); NULL when !tls */
    struct sl_str tls_name;      /* name to verify; usually host */
    struct sl_str proxy_host;    /* HTTP CONNECT proxy; empty: none */
    unsigned proxy_port;
    struct sl_str proxy_auth; /* value of proxy-authorization, or empty; secret */
    unsigned max_idle;        /* idle connections kept per worker before the shared shelf takes them */
    int64_t idle_ns;          /* an idle connection older than this is not reused */
};

#endif
