/* On OpenSSL's plain SHA256_* functions, which it has called deprecated since 3.0 in favour of EVP: those copy a state by
 * malloc and free (three allocations a message), these by assignment. A key check is on the path of every request. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define BLOCK 64u /* of SHA-256 */

_Static_assert(sizeof(SHA256_CTX) <= sizeof((struct tls_hmac *)0)->inner.bytes, "the state fits");
_Static_assert(sizeof(SHA256_CTX) <= sizeof((struct tls_sha256_run *)0)->state.bytes, "the state fits");
_Static_assert(SHA256_DIGEST_LENGTH == TLS_SHA256_BYTES, "one length");

void tls_sha256(const void *p, size_t n, uint8_t out[TLS_SHA256_BYTES])
{
    SHA256_CTX c;
    SHA256_Init(&c);
    SHA256_Update(&c, p, n);
    SHA256_Final(out, &c);
    OPENSSL_cleanse(&c, sizeof c);
}

void tls_sha256_begin(struct tls_sha256_run *r)
{
    SHA256_CTX c;
    SHA256_Init(&c);
    memcpy(r->state.bytes, &c, sizeof c);
}

void tls_sha256_add(struct tls_sha256_run *r, const void *p, size_t n)
{
    SHA256_CTX c;
    memcpy(&c, r->state.bytes, sizeof c);
    if (n > 0)
        SHA256_Update(&c, p, n);
    memcpy(r->state.bytes, &c, sizeof c);
}

void tls_sha256_end(struct tls_sha256_run *r, uint8_t out[TLS_SHA256_BYTES])
{
    SHA256_CTX c;
    memcpy(&c, r->state.bytes, sizeof c);
    SHA256_Final(out, &c);
}

void tls_sha1(const void *p, size_t n, uint8_t out[TLS_SHA1_BYTES])
{
    SHA1(p, n, out);
}

void tls_sha256_pieces(const struct iovec *v, int n, uint8_t out[TLS_SHA256_BYTES])
{
    SHA256_CTX c;
    SHA256_Init(&c);
    for (int i = 0; i < n; i++)
        if (v[i].iov_len > 0)
            SHA256_Update(&c, v[i].iov_base, v[i].iov_len);
    SHA256_Final(out, &c);
    OPENSSL_cleanse(&c, sizeof c);
}

static void first_block(unsigned char out[128], const unsigned char key[BLOCK], unsigned char pad)
{
    SHA256_CTX c;
    unsigned char block[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        block[i] = key[i] ^ pad;
    SHA256_Init(&c);
    SHA256_Update(&c, block, BLOCK);
    memcpy(out, &c, sizeof c);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(&c, sizeof c);
}

void tls_hmac_init(struct tls_hmac *h, struct sl_str key)
{
    unsigned char k[BLOCK] = {0};
    memset(h, 0, sizeof *h);
    if (key.n > BLOCK)
        tls_sha256(key.p, key.n, k);
    else if (key.n > 0)
        memcpy(k, key.p, key.n);
    first_block(h->inner.bytes, k, 0x36);
    first_block(h->outer.bytes, k, 0x5c);
    OPENSSL_cleanse(k, sizeof k);
}

void tls_hmac(const struct tls_hmac *h, struct sl_str message, uint8_t out[TLS_SHA256_BYTES])
{
    SHA256_CTX c;
    unsigned char inner[TLS_SHA256_BYTES];
    memcpy(&c, h->inner.bytes, sizeof c);
    if (message.n > 0)
        SHA256_Update(&c, message.p, message.n);
    SHA256_Final(inner, &c);
    memcpy(&c, h->outer.bytes, sizeof c);
    SHA256_Update(&c, inner, sizeof inner);
    SHA256_Final(out, &c);
    OPENSSL_cleanse(&c, sizeof c);
    OPENSSL_cleanse(inner, sizeof inner);
}

void tls_hmac_done(struct tls_hmac *h)
{
    OPENSSL_cleanse(h, sizeof *h);
}

void tls_hmac_once(struct sl_str key, struct sl_str message, uint8_t out[TLS_SHA256_BYTES])
{
    struct tls_hmac h;
    tls_hmac_init(&h, key);
    tls_hmac(&h, message, out);
    tls_hmac_done(&h);
}
