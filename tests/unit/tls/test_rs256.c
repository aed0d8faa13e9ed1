/* RS256 keys and signatures. */
#include "tls/rs256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

/* PEM of a fresh key: RSA of so many bits, or an EC one for 0. */
static char *pem_of(EVP_PKEY *key, const char *password)
{
    BIO *b = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(b, key, password != NULL ? EVP_aes_128_cbc() : NULL, password,
                                                   password != NULL ? (int)strlen(password) : 0, NULL, NULL),
                     1);
    char *text;
    long n = BIO_get_mem_data(b, &text);
    char *out = test_malloc((size_t)n + 1);
    memcpy(out, text, (size_t)n);
    out[n] = 0;
    BIO_free(b);
    return out;
}

static void test_signs(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    char *pem = pem_of(key, NULL);
    struct tls_rsa_key *k = NULL;
    const char *why = "";
    unsigned char mine[TLS_RS256_MAX], theirs[TLS_RS256_MAX];
    struct sl_str text = SL_STR("header.claims");
    assert_int_equal(tls_rsa_key_read(sl_str_c(pem), &k, &why), SL_OK);
    size_t n = tls_rs256_sign(k, text, mine), m = sizeof theirs;
    assert_int_equal(n, 256);
    EVP_MD_CTX *c = EVP_MD_CTX_new(); /* RSASSA-PKCS1-v1_5 has one signature only for a text and a key */
    assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(c, theirs, &m, (const unsigned char *)text.p, text.n), 1);
    EVP_MD_CTX_free(c);
    assert_int_equal(m, n);
    assert_memory_equal(mine, theirs, n);
    assert_true(tls_rs256_verify(k, text, sl_str_of(mine, n)));
    assert_false(tls_rs256_verify(k, SL_STR("header.claimt"), sl_str_of(mine, n)));
    assert_false(tls_rs256_verify(k, text, sl_str_of(mine, n - 1)));
    assert_false(tls_rs256_verify(k, text, SL_STR_NONE));
    mine[17] ^= 1;
    assert_false(tls_rs256_verify(k, text, sl_str_of(mine, n)));
    tls_rsa_key_free(k);
    tls_rsa_key_free(NULL);
    test_free(pem);
    EVP_PKEY_free(key);
}

static void refused(const char *pem, size_t n, const char *because)
{
    struct tls_rsa_key *k = NULL;
    const char *why = "";
    assert_int_equal(tls_rsa_key_read(sl_str_of(pem, n), &k, &why), SL_EINVAL);
    assert_string_equal(why, because);
    assert_null(k);
}

static void test_refused(void **state)
{
    (void)state;
    EVP_PKEY *small = EVP_RSA_gen(1024), *ec = EVP_EC_gen("P-256"), *good = EVP_RSA_gen(2048);
    char *pem = pem_of(small, NULL);
    refused(pem, strlen(pem), "is shorter than 2048 bits");
    test_free(pem);
    pem = pem_of(ec, NULL);
    refused(pem, strlen(pem), "is no RSA key");
    test_free(pem);
    pem = pem_of(good, "secret");
    refused(pem, strlen(pem), "is encrypted");
    test_free(pem);
    pem = pem_of(good, NULL);
    for (size_t cut = 0; cut + 30 < strlen(pem); cut += 97) {
        struct tls_rsa_key *k = NULL;
        const char *why = "";
        assert_int_equal(tls_rsa_key_read(sl_str_of(pem, cut), &k, &why), SL_EINVAL);
    }
    refused(pem, 800, "cannot be read: it is cut or damaged");
    refused("hello", 5, "is not PEM");
    refused("", 0, "is not PEM");
    char *huge = test_calloc(1, 70000);
    memcpy(huge, pem, strlen(pem));
    refused(huge, 70000, "cannot be read: it is cut or damaged");
    test_free(huge);
    test_free(pem);
    EVP_PKEY_free(small);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signs), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("tls/rs256", tests, NULL, NULL);
}
