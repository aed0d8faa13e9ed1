/* What a context refuses to be made from, and the reload of changed files. */
#include "kit.h"
#include "tls/certs.h"

#include "base/mem.h"

#include <openssl/pem.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void refuse_server(struct tls_server_options o, enum sl_err want, const char *in_text)
{
    struct tls_context *c = NULL;
    struct sl_fail fail = {0};
    assert_int_equal(tls_context_new_server(&o, &c, NULL, &fail), want);
    assert_null(c);
    if (strstr(fail.text, in_text) == NULL)
        fail_msg("'%s' does not say '%s'", fail.text, in_text);
}

static void test_good_pair(void **state)
{
    struct tls_context *c = kit_server("server", NULL);
    int64_t now = sl_clock_wall_ns();
    (void)state;
    assert_int_equal(tls_context_days_left(c, now), 10);
    assert_int_equal(tls_context_days_left(c, now + 11 * 24 * 60 * SL_MIN), -1);
    assert_int_equal(tls_context_days_left(c, tls_context_expires_s(c) * SL_SEC), 0);
    assert_ptr_equal(tls_context_ref(c), c);
    tls_context_unref(c);
    tls_context_unref(c);
    tls_context_unref(NULL);
    struct tls_context *client = kit_client("ca", NULL);
    assert_true(tls_context_days_left(client, now) == INT64_MAX);
    tls_context_unref(client);
}

static void test_server_files(void **state)
{
    struct sl_str cert = kit_path("server.pem"), key = kit_path("server.key");
    (void)state;
    refuse_server((struct tls_server_options){.cert_file = kit_path("none.pem"), .key_file = key}, SL_EIO, "none.pem");
    refuse_server((struct tls_server_options){.cert_file = kit_path("none.pem"), .key_file = key}, SL_EIO,
                  "No such file");
    refuse_server((struct tls_server_options){.cert_file = cert, .key_file = kit_path("none.key")}, SL_EIO, "none.key");
    refuse_server((struct tls_server_options){.cert_file = cert}, SL_EINVAL, "file name");
    refuse_server((struct tls_server_options){.cert_file = cert, .key_file = kit_path("client.key")}, SL_EINVAL,
                  "does not belong");
    refuse_server((struct tls_server_options){.cert_file = key, .key_file = key}, SL_EINVAL, "no PEM block");
    refuse_server((struct tls_server_options){.cert_file = cert, .key_file = cert}, SL_EINVAL, "server.pem");
    kit_write("garbage.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 57);
    refuse_server((struct tls_server_options){.cert_file = kit_path("garbage.pem"), .key_file = key}, SL_EINVAL,
                  "garbage.pem");
    kit_write("empty.pem", "", 0);
    refuse_server((struct tls_server_options){.cert_file = kit_path("empty.pem"), .key_file = key}, SL_EINVAL,
                  "empty.pem");
    refuse_server((struct tls_server_options){.cert_file = sl_str_of("a\0b", 3), .key_file = key}, SL_EINVAL,
                  "file name");
}

static void test_dates(void **state)
{
    (void)state;
    kit_cert("old", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -20, .to_days = -1});
    kit_cert("early", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = 2, .to_days = 20});
    refuse_server((struct tls_server_options){.cert_file = kit_path("old.pem"), .key_file = kit_path("old.key")},
                  SL_EINVAL, "old.pem' expired at 20");
    refuse_server((struct tls_server_options){.cert_file = kit_path("early.pem"), .key_file = kit_path("early.key")},
                  SL_EINVAL, "early.pem' is not valid before");
}

static void test_weak_certificates(void **state)
{
    (void)state;
    kit_cert("rsa1024", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .rsa_bits = 1024});
    refuse_server(
        (struct tls_server_options){.cert_file = kit_path("rsa1024.pem"), .key_file = kit_path("rsa1024.key")},
        SL_EINVAL, "weak certificate key");
}

static void test_encrypted_key(void **state)
{
    EVP_PKEY *k = kit_key("server");
    FILE *f = fopen(kit_path("locked.key").p, "w");
    (void)state;
    PEM_write_PKCS8PrivateKey(f, k, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    fclose(f);
    EVP_PKEY_free(k);
    refuse_server((struct tls_server_options){.cert_file = kit_path("server.pem"), .key_file = kit_path("locked.key")},
                  SL_EINVAL, "encrypted");
}

static void test_client_authorities(void **state)
{
    struct tls_server_options o = {.cert_file = kit_path("server.pem"),
                                   .key_file = kit_path("server.key"),
                                   .client_cert = TLS_CLIENT_CERT_OPTIONAL};
    (void)state;
    refuse_server(o, SL_EINVAL, "authorities");
    o.client_ca_file = kit_path("none.pem");
    refuse_server(o, SL_EIO, "none.pem");
    o.client_ca_file = kit_path("server.key");
    refuse_server(o, SL_EINVAL, "server.key");
}

static void test_client_refusals(void **state)
{
    struct tls_client_options rows[] = {
        {.ca_file = kit_path("none.pem")},
        {.ca_file = kit_path("server.key")},
        {.ca_file = kit_path("ca.pem"), .cert_file = kit_path("client.pem")},
        {.ca_file = kit_path("ca.pem"), .key_file = kit_path("client.key")},
        {.ca_file = kit_path("ca.pem"), .cert_file = kit_path("client.pem"), .key_file = kit_path("server.key")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_context *c = NULL;
        struct sl_fail fail = {0};
        assert_int_not_equal(tls_context_new_client(&rows[i], &c, NULL, &fail), SL_OK);
        assert_null(c);
        assert_true(strlen(fail.text) > 10);
    }
    struct tls_context *c = NULL;
    assert_int_equal(tls_context_new_client(&(struct tls_client_options){0}, &c, NULL, NULL),
                     SL_OK); /* the system's authorities */
    tls_context_unref(c);
}

static void test_reload(void **state)
{
    struct tls_certs certs;
    struct tls_context *c = NULL;
    struct tls_trouble t;
    struct sl_fail fail = {0};
    (void)state;
    kit_cert("moving", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca"});
    tls_certs_init(
        &certs, &(struct tls_server_options){.cert_file = kit_path("moving.pem"), .key_file = kit_path("moving.key")});
    assert_int_equal(tls_certs_load(&certs, &c, &t, &fail), SL_OK);
    int64_t expires_s = tls_context_expires_s(c);
    tls_context_unref(c);
    assert_int_equal(certs.expires_s, expires_s);
    assert_false(tls_certs_changed(&certs));

    kit_cert("fresh", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -1, .to_days = 90});
    rename(kit_path("fresh.pem").p, kit_path("moving.pem").p); /* the certificate has come, its key not yet */
    assert_true(tls_certs_changed(&certs));
    c = NULL;
    assert_int_equal(tls_certs_load(&certs, &c, &t, &fail), SL_EINVAL);
    assert_null(c);
    assert_non_null(strstr(fail.text, "does not belong"));
    assert_non_null(strstr(fail.text, "moving.key'"));
    assert_int_equal(t.file, TLS_FILE_KEY);
    assert_string_equal(t.text, "does not belong to the certificate");
    assert_non_null(t.todo);
    assert_int_equal(certs.expires_s, expires_s); /* of what is still in use */
    assert_false(tls_certs_changed(&certs));      /* told once */
    rename(kit_path("fresh.key").p, kit_path("moving.key").p);
    assert_true(tls_certs_changed(&certs));
    assert_int_equal(tls_certs_load(&certs, &c, NULL, &fail), SL_OK);
    assert_int_equal(tls_context_days_left(c, sl_clock_wall_ns()), 90);
    assert_int_equal(certs.expires_s, tls_context_expires_s(c));
    tls_context_unref(c);
    unlink(kit_path("moving.key").p);
    assert_true(tls_certs_changed(&certs));
    tls_certs_done(&certs);
}

static void test_expiry_is_told_once_each(void **state)
{
    static const struct {
        int64_t left_s;
        enum tls_expiry want; /* asked in this order */
    } rows[] = {
        {31 * 86400, TLS_EXPIRY_FAR},    {30 * 86400, TLS_EXPIRY_30_DAYS}, {29 * 86400, TLS_EXPIRY_FAR},
        {7 * 86400 + 1, TLS_EXPIRY_FAR}, {7 * 86400, TLS_EXPIRY_7_DAYS},   {8 * 86400, TLS_EXPIRY_FAR},
        {6 * 86400, TLS_EXPIRY_FAR},     {86400, TLS_EXPIRY_1_DAY},        {0, TLS_EXPIRY_FAR},
        {-1, TLS_EXPIRY_OVER},           {-86400, TLS_EXPIRY_FAR},
    };
    struct tls_certs certs;
    struct tls_context *c = NULL;
    (void)state;
    kit_cert("ending", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -1, .to_days = 40});
    tls_certs_init(
        &certs, &(struct tls_server_options){.cert_file = kit_path("ending.pem"), .key_file = kit_path("ending.key")});
    assert_int_equal(tls_certs_expiry(&certs, 0), TLS_EXPIRY_FAR); /* nothing loaded */
    assert_int_equal(tls_certs_load(&certs, &c, NULL, NULL), SL_OK);
    tls_context_unref(c);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (tls_certs_expiry(&certs, (certs.expires_s - rows[i].left_s) * SL_SEC) != rows[i].want)
            fail_msg("%d s before the end", (int)rows[i].left_s);
    assert_int_equal(tls_certs_load(&certs, &c, NULL, NULL), SL_OK); /* the same once more says nothing */
    tls_context_unref(c);
    assert_int_equal(tls_certs_expiry(&certs, (certs.expires_s + 5) * SL_SEC), TLS_EXPIRY_FAR);

    kit_cert("ending", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -1, .to_days = 41});
    assert_int_equal(tls_certs_load(&certs, &c, NULL, NULL), SL_OK);
    tls_context_unref(c);
    assert_int_equal(tls_certs_expiry(&certs, (certs.expires_s - 5) * SL_SEC), TLS_EXPIRY_1_DAY); /* the nearest only */
    assert_int_equal(tls_certs_expiry(&certs, (certs.expires_s - 4) * SL_SEC), TLS_EXPIRY_FAR);
    tls_certs_done(&certs);
}

static int set_up(void **state)
{
    (void)state;
    kit_usual_certs();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_dir_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_pair),
        cmocka_unit_test(test_server_files),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_weak_certificates),
        cmocka_unit_test(test_encrypted_key),
        cmocka_unit_test(test_client_authorities),
        cmocka_unit_test(test_client_refusals),
        cmocka_unit_test(test_reload),
        cmocka_unit_test(test_expiry_is_told_once_each),
    };
    return cmocka_run_group_tests_name("tls/context", tests, set_up, tear_down);
}
