/* Hashes that are not for secrets: keyed SipHash-1-3 for tables fed from outside (hash flooding), CRC-32C for
 * stored records. */
#ifndef SLUICE_BASE_HASH_H
#define SLUICE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct sl_hash_key {
    uint64_t k0, k1;
};

struct sl_hash_key sl_hash_process_key(void); /* random, made once per process */
uint64_t sl_hash(struct sl_hash_key key, struct sl_str s);

/* CRC-32C (Castagnoli), as in RFC 3720 B.4: crc of "123456789" is 0xE3069283. Chain by passing the last result. */
uint32_t sl_crc32c(uint32_t crc, const void *p, size_t n);

#endif
