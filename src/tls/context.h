/* What all TLS connections of one listener or one provider share: certificate, key, trust, versions. Counted and immutable
 * once made (but for ticket keys and a client's newest session), so that any thread may start streams on it; a reload makes
 * a new one and drops its reference to the old.
 *
 * Who calls: main/ (making, reloading), listen/ and upstream/ through tls/stream.h. OpenSSL stays in this folder.
 *
 * Fixed for all: TLS 1.2 only with AEAD ciphers and ephemeral keys, no renegotiation (RFC 9325 3.4), no compression, no
 * 0-RTT, security level 2 (RSA and DH of 2048 bits or more, no SHA-1). */
#ifndef SLUICE_TLS_CONTEXT_H
#define SLUICE_TLS_CONTEXT_H

#include "base/err.h"
#include "base/str.h"

struct tls_context;
struct tls_tickets; /* tls/tickets.h */

enum tls_version {
    TLS_1_3 = 0,
    TLS_1_2
}; /* the lowest that is spoken */
enum tls_client_cert {
    TLS_CLIENT_CERT_NONE = 0,
    TLS_CLIENT_CERT_OPTIONAL,
    TLS_CLIENT_CERT_REQUIRED
};

struct tls_server_options {  /* all views are borrowed for the call */
    struct sl_str cert_file; /* PEM: the server's certificate, then the chain */
    struct sl_str key_file;  /* PEM, not encrypted */
    enum tls_version min_version;
    enum tls_client_cert client_cert;
    struct sl_str client_ca_file; /* PEM: who signs client certificates; needed unless NONE */
    bool http2;                   /* ALPN: h2 is chosen when offered; else http/1.1 */
    /* Who seals session tickets; NULL: keys of this context alone. A session is resumed under the terms for client
     * certificates that it was made under, and under no others. */
    struct tls_tickets *tickets;
};

struct tls_client_options { /* all views are borrowed for the call */
    struct sl_str ca_file;  /* PEM; empty: the system's authorities */
    enum tls_version min_version;
    struct sl_str cert_file, key_file; /* client certificate; both or none */
    bool resume; /* keep the newest session and offer it on the next connection to the same host */
    /* Made with its first connection, for what most gateways never need: until then nothing is read or held, and a trouble is
     * that connection's. Without files of its own. */
    bool later;
    /* The peer may be anybody. For tests against servers of one's own, set per provider and never by default; whoever
     * sets it must say so in the log at every start. */
    bool danger_accept_any_certificate;
};

enum tls_file {
    TLS_FILE_CERT = 0,
    TLS_FILE_KEY,
    TLS_FILE_CA
};

struct tls_trouble { /* with one of the files; for who reports it beside the setting that names the file */
    enum tls_file file;
    char text[200];   /* goes on after the file's name: "expired at ..."; empty: the trouble is not with a file */
    const char *todo; /* static */
};

/* SL_EIO: a file cannot be read; SL_EINVAL: it does not hold what it should, key and certificate do not match, expired or not
 * yet valid; *fail names the file, *trouble (may be NULL) says the same in pieces. Blocking (reads files): main or keeper
 * thread. Gives one reference. */
enum sl_err tls_context_new_server(const struct tls_server_options *o, struct tls_context **out,
                                   struct tls_trouble *trouble, struct sl_fail *fail) SL_MUST_CHECK;
enum sl_err tls_context_new_client(const struct tls_client_options *o, struct tls_context **out,
                                   struct tls_trouble *trouble, struct sl_fail *fail) SL_MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *c); /* any thread; gives c */
void tls_context_unref(struct tls_context *c);              /* any thread; NULL accepted */

/* Seconds since 1970 after which the own certificate is over; INT64_MAX without one. */
int64_t tls_context_expires_s(const struct tls_context *c);
/* Whole days left at this wall time, negative when over; INT64_MAX without a certificate. For warnings at 30, 7, 1. */
int64_t tls_context_days_left(const struct tls_context *c, int64_t wall_ns);

#endif
