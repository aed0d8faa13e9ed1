/* What is said about the files of a configuration: all of it, about the right file, with something to do. */
#include "kit.h"
#include "tls/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <unistd.h>

struct said {
    unsigned n;
    struct tls_finding all[8];
};

static void on_finding(void *arg, const struct tls_finding *f)
{
    struct said *s = arg;
    assert_true(s->n < 8);
    assert_true(f->trouble.text[0] != 0 && f->trouble.todo != NULL && f->trouble.todo[0] != 0);
    s->all[s->n++] = *f;
}

static struct said check(const char *cert, const char *key, const char *ca)
{
    struct said s = {0};
    struct tls_server_options o = {.cert_file = kit_path(cert), .key_file = kit_path(key)};
    if (ca != NULL) {
        o.client_cert = TLS_CLIENT_CERT_REQUIRED;
        o.client_ca_file = kit_path(ca);
    }
    tls_check_server(&o, sl_clock_wall_ns(), on_finding, &s);
    return s;
}

static void expect(const struct said *s, unsigned i, bool is_warning, enum tls_file file, const char *in_text)
{
    assert_true(i < s->n);
    const struct tls_finding *f = &s->all[i];
    if (f->is_warning != is_warning || f->trouble.file != file || strstr(f->trouble.text, in_text) == NULL)
        fail_msg("%d of file %d: %s", f->is_warning, f->trouble.file, f->trouble.text);
}

static void cat(const char *to, const char *const *from)
{
    FILE *out = fopen(kit_path(to).p, "w");
    char buf[8192];
    for (; *from != NULL; from++) {
        FILE *in = fopen(kit_path(*from).p, "r");
        size_t n = fread(buf, 1, sizeof buf, in);
        assert_int_equal(fwrite(buf, 1, n, out), n);
        fclose(in);
    }
    fclose(out);
}

static void test_nothing_to_say(void **state)
{
    (void)state;
    assert_int_equal(check("good.pem", "good.key", "ca.pem").n, 0);
    cat("chained.pem", (const char *[]){"good.pem", "ca.pem", NULL});
    assert_int_equal(check("chained.pem", "good.key", NULL).n, 0);
    cat("both.pem", (const char *[]){"good.key", "good.pem", "ca.pem", NULL}); /* one file for both is usual too */
    assert_int_equal(check("both.pem", "both.pem", NULL).n, 0);
}

static void test_all_errors_at_once(void **state)
{
    (void)state;
    struct said s = check("none.pem", "none.key", "none-ca.pem");
    assert_int_equal(s.n, 3);
    expect(&s, 0, false, TLS_FILE_CERT, "cannot be opened: No such file");
    expect(&s, 1, false, TLS_FILE_KEY, "cannot be opened: No such file");
    expect(&s, 2, false, TLS_FILE_CA, "cannot be opened: No such file");
    kit_write("garbage", "garbage\n", 8);
    s = check("garbage", "garbage", "garbage");
    assert_int_equal(s.n, 3);
    expect(&s, 0, false, TLS_FILE_CERT, "no PEM block");
    expect(&s, 1, false, TLS_FILE_KEY, "is not usable");
    expect(&s, 2, false, TLS_FILE_CA, "is not usable");
    s = check("good.pem", "other.key", NULL);
    assert_int_equal(s.n, 1);
    expect(&s, 0, false, TLS_FILE_KEY, "does not belong to the certificate");
    EVP_PKEY *rsa = EVP_RSA_gen(2048); /* the usual certificates are of elliptic curves */
    FILE *f = fopen(kit_path("rsa.key").p, "w");
    assert_true(f != NULL && PEM_write_PrivateKey(f, rsa, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
    EVP_PKEY_free(rsa);
    s = check("good.pem", "rsa.key", NULL);
    assert_int_equal(s.n, 1);
    expect(&s, 0, false, TLS_FILE_KEY, "does not belong to the certificate");
    s = check("good.pem", "good.pem", "good.key");
    assert_int_equal(s.n, 2);
    expect(&s, 0, false, TLS_FILE_KEY, "is not usable");
    expect(&s, 1, false, TLS_FILE_CA, "is not usable");
}

static void test_dates(void **state)
{
    static const struct kit_cert_spec specs[] = {
        {.cn = "a.test", .issuer = "ca", .from_days = -9, .to_days = -1},
        {.cn = "a.test", .issuer = "ca", .from_days = 2, .to_days = 90},
        {.cn = "a.test", .issuer = "ca", .from_days = -9, .to_days = 29},
    };
    static const char *const texts[] = {"expired at 20", "is not valid before 20", "expires at 20"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        kit_cert("dated", &specs[i]);
        struct said s = check("dated.pem", "dated.key", NULL);
        assert_int_equal(s.n, 1);
        expect(&s, 0, i == 2, TLS_FILE_CERT, texts[i]);
    }
}

static void test_chains(void **state)
{
    (void)state;
    kit_cert("middle", &(struct kit_cert_spec){.cn = "Middle", .issuer = "ca", .is_ca = true, .to_days = 90});
    kit_cert("leaf", &(struct kit_cert_spec){.cn = "a.test", .issuer = "middle", .to_days = 90});
    cat("ordered.pem", (const char *[]){"leaf.pem", "middle.pem", "ca.pem", NULL});
    assert_int_equal(check("ordered.pem", "leaf.key", NULL).n, 0);
    cat("turned.pem", (const char *[]){"leaf.pem", "ca.pem", "middle.pem", NULL});
    struct said s = check("turned.pem", "leaf.key", NULL);
    assert_int_equal(s.n, 1);
    expect(&s, 0, true, TLS_FILE_CERT, "certificate 2 did not issue the one before");

    kit_cert("over",
             &(struct kit_cert_spec){.cn = "Over", .issuer = "ca", .is_ca = true, .from_days = -9, .to_days = -1});
    kit_cert("under", &(struct kit_cert_spec){.cn = "a.test", .issuer = "over", .to_days = 90});
    cat("stale.pem", (const char *[]){"under.pem", "over.pem", "ca.pem", NULL});
    s = check("stale.pem", "under.key", NULL);
    assert_int_equal(s.n, 1);
    expect(&s, 0, true, TLS_FILE_CERT, "certificate 2 expired at 20");
}

static void test_authorities(void **state)
{
    struct said s = {0};
    (void)state;
    kit_cert("past", &(struct kit_cert_spec){.cn = "Past", .is_ca = true, .from_days = -9, .to_days = -1});
    tls_check_authorities(kit_path("past.pem"), sl_clock_wall_ns(), on_finding, &s);
    assert_int_equal(s.n, 1);
    expect(&s, 0, true, TLS_FILE_CA, "nothing that is still valid");
    cat("mixed.pem", (const char *[]){"past.pem", "ca.pem", NULL});
    s.n = 0;
    tls_check_authorities(kit_path("mixed.pem"), sl_clock_wall_ns(), on_finding, &s);
    assert_int_equal(s.n, 0);
    kit_write("empty", "", 0);
    tls_check_authorities(kit_path("empty"), sl_clock_wall_ns(), on_finding, &s);
    tls_check_authorities(SL_STR_NONE, sl_clock_wall_ns(), on_finding, &s);
    tls_check_authorities(sl_str_c(kit_dir()), sl_clock_wall_ns(), on_finding, &s);
    assert_int_equal(s.n, 3);
    expect(&s, 0, false, TLS_FILE_CA, "is not usable");
    expect(&s, 1, false, TLS_FILE_CA, "is not a file name");
    expect(&s, 2, false, TLS_FILE_CA, "is not usable");
}

static int set_up(void **state)
{
    (void)state;
    kit_usual_certs();
    kit_cert("good", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -1, .to_days = 90});
    kit_cert("other", &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .from_days = -1, .to_days = 90});
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
        cmocka_unit_test(test_nothing_to_say), cmocka_unit_test(test_all_errors_at_once), cmocka_unit_test(test_dates),
        cmocka_unit_test(test_chains),         cmocka_unit_test(test_authorities),
    };
    return cmocka_run_group_tests_name("tls/check", tests, set_up, tear_down);
}
