/* RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 8.2, RFC 7518 3.3), as service accounts sign what they say. A key is immutable once
 * read and may be used by any thread. */
#ifndef SLUICE_TLS_RS256_H
#define SLUICE_TLS_RS256_H

#include "base/err.h"
#include "base/str.h"

#define TLS_RS256_MAX 1024u /* bytes of a signature: keys of 8192 bits */

struct tls_rsa_key;

/* A private key in PEM (PKCS#8 or PKCS#1, not encrypted), 2048 to 8192 bits. SL_EINVAL: *out_why says what it is instead, a
 * constant text that goes on after "the key": "is not PEM". Reads nothing but the text. */
enum sl_err tls_rsa_key_read(struct sl_str pem, struct tls_rsa_key **out, const char **out_why) SL_MUST_CHECK;
void tls_rsa_key_free(struct tls_rsa_key *k); /* wipes; accepts NULL */

/* About a millisecond for 2048 bits. Gives the signature's length, 0 when the library refuses. */
size_t tls_rs256_sign(const struct tls_rsa_key *k, struct sl_str text, unsigned char out[TLS_RS256_MAX]);
/* By the public half. */
bool tls_rs256_verify(const struct tls_rsa_key *k, struct sl_str text, struct sl_str signature);

#endif
