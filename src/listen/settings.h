/* The settings under `listen`: where clients connect, and what one of them may cost. Read by main/worker.c and
 * exchange/ through the snapshot; immutable. */
#ifndef SLUICE_LISTEN_SETTINGS_H
#define SLUICE_LISTEN_SETTINGS_H

#include "config/schema.h"

enum listen_tls_version {
    LISTEN_TLS_1_2 = 0,
    LISTEN_TLS_1_3
};
enum listen_client_certificate {
    LISTEN_CERT_NONE = 0,
    LISTEN_CERT_OPTIONAL,
    LISTEN_CERT_REQUIRED
};

struct listen_tls_settings {
    struct sl_str cert, key; /* PEM files; both empty: no TLS */
    enum listen_tls_version min_version;
    struct sl_str client_ca; /* PEM file; empty: none */
    enum listen_client_certificate client_certificate;
};

struct listen_limit_settings {
    uint32_t head_bytes; /* request line and headers together */
    uint32_t headers;    /* count */
    uint32_t target_bytes;
    uint64_t body_bytes;              /* as received */
    uint64_t decoded_body_bytes;      /* after gzip, br, zstd */
    uint32_t streams;                 /* of one HTTP/2 connection at a time */
    uint32_t resets_per_second;       /* of one HTTP/2 connection, averaged */
    uint32_t connections;             /* of the process */
    uint32_t connections_per_address; /* of the process; loopback is exempt */
};

struct listen_deadline_settings { /* ns */
    int64_t tls_handshake_ns, head_ns, idle_ns, body_ns, write_ns, linger_ns, drain_ns;
};

struct listen_settings {
    CFG_LIST_OF(struct cfg_address) addresses;
    uint32_t backlog;
    uint32_t workers; /* 0: as many as there are processors to run on */
    bool http2;
    struct listen_tls_settings tls;
    struct listen_limit_settings limits;
    struct listen_deadline_settings deadlines;
};

extern const struct cfg_section listen_settings_section;

#endif
