/* See rs256.h. */
#include "tls/rs256.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/mem.h"

#define BITS_MIN 2048
#define BITS_MAX 8192
#define PEM_MAX 65536u

struct tls_rsa_key {
    EVP_PKEY *key; /* own */
};

/* Asked for a password, there is none: else the library would ask at the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static const char *fault_of(const EVP_PKEY *key, struct sl_str pem)
{
    if (key == NULL && sl_str_find_str(pem, SL_STR("ENCRYPTED")) >= 0)
        return "is encrypted";
    if (key == NULL)
        return sl_str_find_str(pem, SL_STR("-----BEGIN ")) < 0 ? "is not PEM" : "cannot be read: it is cut or damaged";
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return "is no RSA key";
    if (EVP_PKEY_get_bits(key) < BITS_MIN)
        return "is shorter than 2048 bits";
    return EVP_PKEY_get_bits(key) > BITS_MAX ? "is longer than 8192 bits" : NULL;
}

enum sl_err tls_rsa_key_read(struct sl_str pem, struct tls_rsa_key **out, const char **out_why)
{
    BIO *text = pem.n > 0 && pem.n <= PEM_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *key = NULL;
    ERR_clear_error();
    if (text != NULL)
        key = PEM_read_bio_PrivateKey(text, NULL, no_password, NULL);
    BIO_free(text);
    ERR_clear_error();
    const char *why = fault_of(key, pem);
    if (why != NULL) {
        EVP_PKEY_free(key);
        *out_why = why;
        return SL_EINVAL;
    }
    struct tls_rsa_key *k = SL_NEW(struct tls_rsa_key);
    k->key = key;
    *out = k;
    return SL_OK;
}

void tls_rsa_key_free(struct tls_rsa_key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->key);
    sl_free(k);
}

size_t tls_rs256_sign(const struct tls_rsa_key *k, struct sl_str text, unsigned char out[TLS_RS256_MAX])
{
    size_t n = TLS_RS256_MAX;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    ERR_clear_error();
    bool ok = c != NULL && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k->key) == 1 &&
              EVP_DigestSign(c, out, &n, (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(c);
    ERR_clear_error();
    return ok ? n : 0;
}

bool tls_rs256_verify(const struct tls_rsa_key *k, struct sl_str text, struct sl_str signature)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    ERR_clear_error();
    bool ok = c != NULL && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, k->key) == 1 &&
              EVP_DigestVerify(c, (const unsigned char *)signature.p, signature.n, (const unsigned char *)text.p,
                               text.n) == 1;
    EVP_MD_CTX_free(c);
    ERR_clear_error();
    return ok;
}
