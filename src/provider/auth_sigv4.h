/* Signatures of AWS, version 4, of one request with a body. Pure: the time is handed in. Sources: AWS' "Signature Version 4
 * signing process" (November 2026), bedrock.md section 3.3. */
#ifndef SLUICE_PROVIDER_AUTH_SIGV4_H
#define SLUICE_PROVIDER_AUTH_SIGV4_H

#include <sys/uio.h>

#include "base/arena.h"
#include "http/message.h"
#include "tls/digest.h"

struct sigv4_key { /* plain text; who holds it wipes it */
    struct sl_str id, secret;
    struct sl_str session; /* of temporary keys; empty: none */
};

struct sigv4_request {
    struct sl_str method;
    struct sl_str host;   /* as in the host header, with a port that is not the scheme's */
    struct sl_str target; /* as it goes out: path, encoded, and query */
    struct sl_str region, service;
    const struct iovec *body; /* n_body pieces */
    int n_body;
    int64_t wall_s; /* UTC, seconds since 1970; years up to 9999 */
};

/* Adds authorization, x-amz-date, x-amz-content-sha256 and, of temporary keys, x-amz-security-token to `h`, which has all other
 * headers but host already. Signed are accept, content-type, host and x-amz*. Values are in the arena. */
void sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *r, struct sl_arena *a, struct http_headers *h);

/* The value of authorization when exactly `signed_headers` are signed (host and x-amz-date among them; sorted here). payload:
 * the body's SHA-256 in hexadecimal. */
struct sl_str sigv4_authorization(const struct sigv4_key *key, const struct sigv4_request *r,
                                  const struct http_headers *signed_headers, struct sl_str payload, struct sl_arena *a);
/* The values of x-amz-content-sha256 and x-amz-date. */
struct sl_str sigv4_hex(const uint8_t digest[TLS_SHA256_BYTES], struct sl_arena *a);
struct sl_str sigv4_stamp(int64_t wall_s, struct sl_arena *a);

#endif
