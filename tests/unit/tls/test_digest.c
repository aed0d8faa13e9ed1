/* SHA-256 against FIPS 180-4's examples, HMAC against RFC 4231. */
#include "tls/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

static void hex(const uint8_t d[TLS_SHA256_BYTES], char out[65])
{
    for (unsigned i = 0; i < TLS_SHA256_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", d[i]);
}

static void test_sha256(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t d[TLS_SHA256_BYTES];
        char text[65];
        tls_sha256(rows[i].in, strlen(rows[i].in), d);
        hex(d, text);
        assert_string_equal(text, rows[i].out);
    }
}

/* In pieces of any length the same as at once; the state may be copied. */
static void test_in_pieces(void **state)
{
    static char bytes[1000];
    uint8_t want[TLS_SHA256_BYTES], got[TLS_SHA256_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 31);
    tls_sha256(bytes, sizeof bytes, want);
    for (size_t piece = 1; piece <= sizeof bytes; piece += 37) {
        struct tls_sha256_run r, copy;
        tls_sha256_begin(&r);
        for (size_t at = 0; at < sizeof bytes; at += piece)
            tls_sha256_add(&r, bytes + at, piece < sizeof bytes - at ? piece : sizeof bytes - at);
        copy = r;
        tls_sha256_add(&copy, "more", 4);
        tls_sha256_end(&r, got);
        assert_memory_equal(got, want, sizeof want);
        tls_sha256_end(&copy, got);
        assert_memory_not_equal(got, want, sizeof want);
    }
}

static void test_hmac(void **state)
{
    char k1[20], k3[20], d3[50], k6[131];
    memset(k1, 0x0b, sizeof k1);
    memset(k3, 0xaa, sizeof k3);
    memset(d3, 0xdd, sizeof d3);
    memset(k6, 0xaa, sizeof k6);
    const struct {
        struct sl_str key, message;
        const char *out;
    } rows[] = {
        {sl_str_of(k1, sizeof k1), SL_STR("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {SL_STR("Jefe"), SL_STR("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {sl_str_of(k3, sizeof k3), sl_str_of(d3, sizeof d3),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {sl_str_of(k6, sizeof k6), SL_STR("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_hmac h;
        uint8_t d[TLS_SHA256_BYTES];
        char text[65];
        tls_hmac_init(&h, rows[i].key);
        for (int again = 0; again < 2; again++) { /* a prepared key is not used up */
            tls_hmac(&h, rows[i].message, d);
            hex(d, text);
            assert_string_equal(text, rows[i].out);
        }
        tls_hmac_done(&h);
        for (size_t b = 0; b < sizeof h; b++)
            assert_int_equal(((unsigned char *)&h)[b], 0);
    }
}

static void test_empty_key_and_message(void **state)
{
    struct tls_hmac h;
    uint8_t d[TLS_SHA256_BYTES];
    char text[65];
    (void)state;
    tls_hmac_init(&h, SL_STR_NONE);
    tls_hmac(&h, SL_STR_NONE, d);
    hex(d, text);
    assert_string_equal(text, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void *many(void *arg)
{
    const struct tls_hmac *h = arg;
    uint8_t first[TLS_SHA256_BYTES], d[TLS_SHA256_BYTES];
    tls_hmac(h, SL_STR("message"), first);
    for (int i = 0; i < 2000; i++) {
        tls_hmac(h, SL_STR("message"), d);
        if (memcmp(first, d, sizeof d) != 0)
            return arg;
    }
    return NULL;
}

static void test_one_key_many_threads(void **state)
{
    struct tls_hmac h;
    pthread_t t[4];
    (void)state;
    tls_hmac_init(&h, SL_STR("key"));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, many, &h), 0);
    for (size_t i = 0; i < 4; i++) {
        void *differs = NULL;
        pthread_join(t[i], &differs);
        assert_null(differs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_empty_key_and_message),
        cmocka_unit_test(test_one_key_many_threads),
    };
    return cmocka_run_group_tests_name("tls/digest", tests, NULL, NULL);
}
