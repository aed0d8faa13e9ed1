/* SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104) for the rest of the program; SHA-1 for the handshake of WebSockets only. No allocation, no locks: a prepared key may be
 * used by any number of threads at once. */
#ifndef SLUICE_TLS_DIGEST_H
#define SLUICE_TLS_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/str.h"

#define TLS_SHA256_BYTES 32u

void tls_sha256(const void *p, size_t n, uint8_t out[TLS_SHA256_BYTES]);
void tls_sha256_pieces(const struct iovec *v, int n,
                       uint8_t out[TLS_SHA256_BYTES]); /* of n pieces, one behind the other */

/* The same of what comes in pieces over time. */
struct tls_sha256_run {
    union {
        uint64_t align;
        unsigned char bytes[128]; /* OpenSSL's state; digest.c asserts that it fits */
    } state;
};
void tls_sha256_begin(struct tls_sha256_run *r);
void tls_sha256_add(struct tls_sha256_run *r, const void *p, size_t n);
void tls_sha256_end(struct tls_sha256_run *r, uint8_t out[TLS_SHA256_BYTES]);

#define TLS_SHA1_BYTES 20u
/* RFC 6455 section 4.2.2 wants it; it protects nothing there. */
void tls_sha1(const void *p, size_t n, uint8_t out[TLS_SHA1_BYTES]);

/* A key with its first block already hashed for both passes: a message of up to 55 bytes costs two more blocks. */
struct tls_hmac {
    union {
        uint64_t align;
        unsigned char bytes[128]; /* OpenSSL's state; digest.c asserts that it fits */
    } inner, outer;
};

void tls_hmac_init(struct tls_hmac *h, struct sl_str key); /* any length */
void tls_hmac(const struct tls_hmac *h, struct sl_str message, uint8_t out[TLS_SHA256_BYTES]);
void tls_hmac_done(struct tls_hmac *h); /* wipes */
/* All three: one message under a key that is used once. */
void tls_hmac_once(struct sl_str key, struct sl_str message, uint8_t out[TLS_SHA256_BYTES]);

#endif
