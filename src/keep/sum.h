/* SHA-256 sums that a server says of the bytes it sends: Repr-Digest and Content-Digest (RFC 9530, February 2024), Digest (RFC 3230),
 * x-amz-checksum-sha256 (Amazon S3). Pure. */
#ifndef SLUICE_KEEP_SUM_H
#define SLUICE_KEEP_SUM_H

#include "http/message.h"
#include "tls/digest.h"

/* False: none that can be read; of several the first in that order counts. */
bool keep_sum_of(const struct http_headers *h, uint8_t out[TLS_SHA256_BYTES]);

#endif
