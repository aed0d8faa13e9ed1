/* What the tests of tls/ share: certificates made at run time, and a pair of streams that talk over the virtual network. */
#ifndef SLUICE_TESTS_UNIT_TLS_KIT_H
#define SLUICE_TESTS_UNIT_TLS_KIT_H

#include "lib/vnet.h"
#include "tls/context.h"
#include "tls/stream.h"

#include <openssl/x509.h>

/* A directory of its own for the files of one test program; removed with all in it by kit_dir_remove. */
const char *kit_dir(void);
void kit_dir_remove(void);
struct sl_str kit_path(const char *name); /* dir/name; static ring of 16, NUL behind */
void kit_write(const char *name, const void *p, size_t n);

struct kit_cert_spec {
    const char *cn;
    const char *san;        /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
    const char *issuer;     /* name of a certificate made before; NULL: self-signed */
    int from_days, to_days; /* both 0: from yesterday for ten days */
    bool is_ca;
    unsigned rsa_bits; /* 0: an elliptic curve key */
};
/* Makes name.pem (with the issuer's behind it, but for the root) and name.key. */
void kit_cert(const char *name, const struct kit_cert_spec *spec);
X509 *kit_x509(const char *name);    /* gives */
EVP_PKEY *kit_key(const char *name); /* gives */
/* ca, server (a.test, *.wild.test, 127.0.0.1, ::1), other-ca, client (signed by ca) */
void kit_usual_certs(void);

struct tls_context *kit_server(const char *name, const struct tls_server_options *more); /* more may be NULL */
struct tls_context *kit_client(const char *ca, const struct tls_client_options *more);   /* more may be NULL */

#define KIT_PATTERN 251u

/* One end. It shakes hands, sends `to_send` bytes of a pattern in pieces of random iovecs, reads all, and closes when told. */
struct kit_end {
    struct tls_stream s;
    struct vnet *v;
    enum tls_shake shake;
    bool is_shaken;
    size_t to_send, sent, got;
    size_t read_size;     /* per call; 0: 64 KiB */
    size_t iov_max;       /* largest piece of a write; 0: 5000 */
    bool close_when_sent; /* once all is accepted */
    bool paused;          /* reads nothing */
    bool bad;             /* bytes that differ from the pattern */
    enum sl_io end;       /* OK while open */
    bool truncated;
    char failure[80];
    char alpn[16];
    char subject[128];
    unsigned events; /* how often the owner was called */
};

struct kit_pair {
    struct vnet *v;
    struct sl_loop loop;
    struct kit_end client, server;
};

void kit_pair_open(struct kit_pair *p, struct vnet *v); /* connected, plain */
void kit_end_go(struct kit_end *e);                     /* reads and writes what it can; asks for what it waits for */
/* Starts TLS on both sides; either context may be NULL: that side stays plain and silent. */
void kit_pair_start(struct kit_pair *p, struct tls_context *client, struct tls_context *server, const char *host,
                    const char *alpn);
void kit_pair_run(struct kit_pair *p); /* until nothing happens any more */
void kit_pair_close(struct kit_pair *p);
bool kit_shake(struct kit_pair *p, struct tls_context *client, struct tls_context *server, const char *host,
               const char *alpn);

#endif
