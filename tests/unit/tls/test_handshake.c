/* Who is let in: names, dates, authorities, versions, client certificates, application protocols; and what a refusal is
 * called. */
#include "kit.h"
#include "tls/tickets.h"
#include "tls/tls_int.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

struct outcome {
    bool shaken;
    char client[80], server[80]; /* failures */
    char alpn[16], subject[128];
};

static struct outcome try(struct tls_context *client, struct tls_context *server, const char *host, const char *alpn)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    struct outcome o = {0};
    kit_pair_open(&p, v);
    o.shaken = kit_shake(&p, client, server, host, alpn);
    if (p.client.end == SL_IO_OK && p.server.end == SL_IO_ERROR)
        o.shaken = false;
    snprintf(o.client, sizeof o.client, "%s", p.client.failure);
    snprintf(o.server, sizeof o.server, "%s", p.server.failure);
    snprintf(o.alpn, sizeof o.alpn, "%s", p.client.alpn);
    assert_true(!o.shaken || strcmp(p.client.alpn, p.server.alpn) == 0);
    snprintf(o.subject, sizeof o.subject, "%s", p.server.subject);
    kit_pair_close(&p);
    vnet_free(v);
    return o;
}

/* A server that shows a certificate which tls_context_new_server would refuse. */
static struct tls_context *bad_server(const char *name, bool is_rsa)
{
    struct tls_context *c = kit_server(is_rsa ? "server-rsa" : "server", NULL); /* a key of the same kind is replaced */
    X509 *x = kit_x509(name);
    EVP_PKEY *k = kit_key(name);
    SSL_CTX_set_security_level(c->ssl, 0);
    assert_int_equal(SSL_CTX_use_certificate(c->ssl, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(c->ssl, k), 1);
    X509_free(x);
    EVP_PKEY_free(k);
    return c;
}

static void test_names(void **state)
{
    static const struct {
        const char *host;
        bool good;
    } rows[] = {
        {"a.test", true},     {"A.TEST", true},     {"a.test.", true},        {"x.wild.test", true},
        {"127.0.0.1", true},  {"::1", true},        {"[::1]", true},          {"b.test", false},
        {"x.a.test", false},  {"wild.test", false}, {"x.y.wild.test", false}, {"partial.test", false},
        {"127.0.0.2", false}, {"::2", false},       {"test", false},
    };
    struct tls_context *s = kit_server("server", NULL), *c = kit_client("ca", NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct outcome o = try(c, s, rows[i].host, "");
        if (o.shaken != rows[i].good)
            fail_msg("%s: %s", rows[i].host, o.client);
        assert_string_equal(o.client, rows[i].good ? "" : "wrong host");
    }
    tls_context_unref(c);
    tls_context_unref(s);
}

static void test_impossible_names(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    struct tls_context *c = kit_client("ca", NULL);
    char longer[300];
    (void)state;
    memset(longer, 'a', sizeof longer);
    kit_pair_open(&p, v);
    assert_int_equal(tls_stream_start_client(&p.client.s, c, SL_STR_NONE, SL_STR("")), SL_EINVAL);
    assert_int_equal(tls_stream_start_client(&p.client.s, c, sl_str_of(longer, sizeof longer), SL_STR("")), SL_EINVAL);
    assert_int_equal(tls_stream_start_client(&p.client.s, c, sl_str_of("a.test\0.b", 9), SL_STR("")), SL_EINVAL);
    assert_int_equal(tls_stream_start_client(&p.client.s, c, SL_STR("a.test"), SL_STR("h2,,x")), SL_EINVAL);
    assert_int_equal(tls_stream_start_client(&p.client.s, c, SL_STR("a.test"), sl_str_of(longer, 255)), SL_EINVAL);
    assert_null(p.client.s.tls);
    kit_pair_close(&p);
    vnet_free(v);
    tls_context_unref(c);
}

static void test_bad_certificates(void **state)
{
    static const struct {
        const char *name;
        struct kit_cert_spec spec;
        const char *client, *server;
    } rows[] = {
        {"expired",
         {.cn = "a.test", .issuer = "ca", .san = "DNS:a.test", .from_days = -9, .to_days = -1},
         "certificate expired",
         "alert: certificate expired"},
        {"early",
         {.cn = "a.test", .issuer = "ca", .san = "DNS:a.test", .from_days = 3, .to_days = 9},
         "certificate not yet valid",
         "alert: bad certificate"},
        {"selfsigned", {.cn = "a.test", .san = "DNS:a.test"}, "self-signed certificate", "alert: unknown authority"},
        {"unknown",
         {.cn = "a.test", .issuer = "other-ca", .san = "DNS:a.test"},
         "unknown authority",
         "alert: unknown authority"},
        {"cn-only", {.cn = "a.test", .issuer = "ca"}, "wrong host", "alert: bad certificate"},
        {"weak-key",
         {.cn = "a.test", .issuer = "ca", .san = "DNS:a.test", .rsa_bits = 1024},
         "weak certificate key",
         NULL},
        {"issued-by-leaf", {.cn = "b.test", .issuer = "server", .san = "DNS:a.test"}, "unknown authority", NULL},
    };
    struct tls_context *c = kit_client("ca", NULL);
    (void)state;
    kit_cert("server-rsa",
             &(struct kit_cert_spec){.cn = "a.test", .issuer = "ca", .san = "DNS:a.test", .rsa_bits = 2048});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kit_cert(rows[i].name, &rows[i].spec);
        struct tls_context *s = bad_server(rows[i].name, rows[i].spec.rsa_bits != 0);
        struct outcome o = try(c, s, "a.test", "");
        if (o.shaken)
            fail_msg("%s was accepted", rows[i].name);
        if (strcmp(o.client, rows[i].client) != 0 || (rows[i].server != NULL && strcmp(o.server, rows[i].server) != 0))
            fail_msg("%s: client '%s', server '%s'", rows[i].name, o.client, o.server);
        tls_context_unref(s);
    }
    tls_context_unref(c);
}

static void test_any_certificate_only_when_said(void **state)
{
    struct tls_context *s = kit_server("server", NULL);
    struct tls_context *c = kit_client("other-ca", NULL);
    struct tls_context *any =
        kit_client("other-ca", &(struct tls_client_options){.danger_accept_any_certificate = true});
    (void)state;
    assert_string_equal(try(c, s, "a.test", "").client, "unknown authority");
    assert_true(try(any, s, "b.test", "").shaken);
    tls_context_unref(any);
    tls_context_unref(c);
    tls_context_unref(s);
}

static struct tls_context *system_client(bool later)
{
    struct tls_context *c = NULL;
    assert_int_equal(tls_context_new_client(&(struct tls_client_options){.later = later}, &c, NULL, NULL), SL_OK);
    return c;
}

/* Whoever the file of the system's authorities names is trusted, from the next context on: also by one that is made with its first
 * connection, when that is. */
static void test_system_authorities(void **state)
{
    struct tls_context *s = kit_server("server", NULL);
    (void)state;
    assert_int_equal(setenv("SSL_CERT_FILE", kit_path("other-ca.pem").p, 1), 0);
    struct tls_context *now = system_client(false), *later = system_client(true), *never = system_client(true);
    assert_string_equal(try(now, s, "a.test", "").client, "unknown authority");
    assert_int_equal(setenv("SSL_CERT_FILE", kit_path("ca.pem").p, 1), 0);
    assert_string_equal(try(now, s, "a.test", "").client, "unknown authority");
    for (unsigned i = 0; i < 2; i++)
        assert_true(try(later, s, "a.test", "").shaken);
    assert_string_equal(try(later, s, "b.test", "").client, "wrong host");
    struct tls_context *again = system_client(false);
    assert_true(try(again, s, "a.test", "").shaken);
    assert_int_equal(unsetenv("SSL_CERT_FILE"), 0);
    tls_context_unref(again);
    tls_context_unref(never);
    tls_context_unref(later);
    tls_context_unref(now);
    tls_context_unref(s);
}

static void test_versions(void **state)
{
    struct tls_context *s13 = kit_server("server", NULL), *c12 = kit_client("ca", NULL);
    struct tls_context *s12 = kit_server("server", &(struct tls_server_options){.min_version = TLS_1_2});
    struct tls_context *c13 = kit_client("ca", &(struct tls_client_options){.min_version = TLS_1_3});
    (void)state;
    SSL_CTX_set_max_proto_version(c12->ssl, TLS1_2_VERSION);
    struct outcome o = try(c12, s13, "a.test", "");
    assert_false(o.shaken);
    assert_string_equal(o.server, "no common protocol version");
    assert_string_equal(o.client, "alert: no common protocol version");
    assert_true(try(c12, s12, "a.test", "").shaken);

    SSL_CTX_set_max_proto_version(s12->ssl, TLS1_2_VERSION);
    o = try(c13, s12, "a.test", "");
    assert_false(o.shaken);
    assert_string_equal(o.server, "no common protocol version");

    SSL_CTX_set_cipher_list(c12->ssl, "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA"); /* CBC */
    o = try(c12, s12, "a.test", "");
    assert_false(o.shaken);
    assert_string_equal(o.server, "no common cipher");

    SSL_CTX_set_min_proto_version(c12->ssl, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c12->ssl, TLS1_1_VERSION);
    SSL_CTX_set_security_level(c12->ssl, 0);
    SSL_CTX_set_cipher_list(c12->ssl, "ALL");
    o = try(c12, s12, "a.test", "");
    assert_false(o.shaken);
    assert_string_equal(o.server, "no common protocol version");
    tls_context_unref(s13);
    tls_context_unref(s12);
    tls_context_unref(c13);
    tls_context_unref(c12);
}

static void test_client_certificates(void **state)
{
    struct tls_context *plain = kit_client("ca", NULL);
    struct tls_client_options with = {.cert_file = kit_path("client.pem"), .key_file = kit_path("client.key")};
    struct tls_client_options foreign = {.cert_file = kit_path("stranger.pem"), .key_file = kit_path("stranger.key")};
    struct tls_context *known = kit_client("ca", &with), *stranger = kit_client("ca", &foreign);
    struct tls_context *required = kit_server(
        "server",
        &(struct tls_server_options){.client_cert = TLS_CLIENT_CERT_REQUIRED, .client_ca_file = kit_path("ca.pem")});
    struct tls_context *optional = kit_server(
        "server",
        &(struct tls_server_options){.client_cert = TLS_CLIENT_CERT_OPTIONAL, .client_ca_file = kit_path("ca.pem")});
    (void)state;
    struct outcome o = try(plain, required, "a.test", "");
    assert_false(o.shaken);
    assert_string_equal(o.server, "no client certificate");
    assert_string_equal(o.client, "alert: client certificate required");
    assert_string_equal(o.subject, "");

    o = try(known, required, "a.test", "");
    assert_true(o.shaken);
    assert_string_equal(o.subject, "CN=Robot\\, One\\0A");

    o = try(stranger, required, "a.test", "");
    assert_false(o.shaken);
    assert_string_equal(o.server, "unknown authority");
    assert_string_equal(o.subject, "");

    o = try(plain, optional, "a.test", "");
    assert_true(o.shaken);
    assert_string_equal(o.subject, "");
    o = try(known, optional, "a.test", "");
    assert_true(o.shaken);
    assert_string_equal(o.subject, "CN=Robot\\, One\\0A");
    o = try(stranger, optional, "a.test", "");
    assert_false(o.shaken);
    tls_context_unref(plain);
    tls_context_unref(known);
    tls_context_unref(stranger);
    tls_context_unref(required);
    tls_context_unref(optional);
}

static void test_alpn(void **state)
{
    static const struct {
        bool http2;
        const char *offer, *chosen; /* NULL: refused */
    } rows[] = {
        {true, "h2,http/1.1", "h2"},
        {true, "http/1.1,h2", "h2"},
        {false, "h2,http/1.1", "http/1.1"},
        {true, "http/1.1", "http/1.1"},
        {true, "", ""},
        {false, "", ""},
        {true, "x,http/1.0", "http/1.0"},
        {true, "spdy/3", NULL},
        {false, "h2", NULL},
    };
    struct tls_context *c = kit_client("ca", NULL);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_context *s = kit_server("server", &(struct tls_server_options){.http2 = rows[i].http2});
        struct outcome o = try(c, s, "a.test", rows[i].offer);
        assert_int_equal(o.shaken, rows[i].chosen != NULL);
        assert_string_equal(o.alpn, rows[i].chosen != NULL ? rows[i].chosen : "");
        if (rows[i].chosen == NULL) {
            assert_string_equal(o.server, "no common application protocol");
            assert_string_equal(o.client, "no common application protocol");
        }
        tls_context_unref(s);
    }
    tls_context_unref(c);
}

/* The client side stays plain and sends these bytes. */
static const char *server_hears(struct sl_str bytes, bool close, char out[80])
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    struct tls_context *s = kit_server("server", NULL);
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.n};
    size_t n = 0;
    kit_pair_open(&p, v);
    assert_int_equal(tls_stream_start_server(&p.server.s, s), SL_OK);
    assert_int_equal(tls_stream_write(&p.client.s, &iov, 1, &n), SL_IO_OK);
    if (close)
        sl_tcp_shut_write(&p.client.s.tcp);
    kit_pair_run(&p);
    assert_false(p.server.is_shaken);
    snprintf(out, 80, "%s", p.server.failure);
    kit_pair_close(&p);
    vnet_free(v);
    tls_context_unref(s);
    return out;
}

static void test_not_tls(void **state)
{
    char out[80];
    (void)state;
    assert_string_equal(server_hears(SL_STR("GET / HTTP/1.1\r\n\r\n"), false, out), "not TLS: plain HTTP");
    assert_string_equal(server_hears(SL_STR("SSH-2.0-x\r\n\r\n\r\n"), false, out), "not TLS");
    assert_string_equal(server_hears(SL_STR("\x16\x03"), true, out), "connection closed");
    assert_string_equal(server_hears(SL_STR("\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff"), true, out), "protocol error");
    assert_string_equal(server_hears(SL_STR("\x16\x03\x01\x00\x05"), false, out),
                        ""); /* still waiting: the owner's deadline */
}

static void test_handshake_arms_itself(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    struct tls_context *s = kit_server("server", NULL), *c = kit_client("ca", NULL);
    (void)state;
    kit_pair_open(&p, v);
    kit_pair_start(&p, c, s, "a.test", "");
    /* the owner asked for WRITABLE, which the socket always is: asking for it while waiting for an answer would spin */
    assert_int_equal(p.client.s.tcp.want, SL_READABLE);
    kit_pair_run(&p);
    assert_true(p.client.is_shaken && p.server.is_shaken);
    assert_true(p.client.events + p.server.events < 20);
    assert_int_equal(p.client.s.tcp.want, SL_READABLE);
    assert_int_equal(tls_stream_handshake(&p.client.s), TLS_SHAKE_DONE);
    kit_pair_close(&p);
    vnet_free(v);
    tls_context_unref(s);
    tls_context_unref(c);
}

static bool resumed_on(struct tls_context *c, struct tls_context *s, const char *host)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    kit_pair_open(&p, v);
    kit_pair_start(&p, c, s, host, "");
    p.server.to_send = 10; /* the ticket comes with the first bytes read */
    kit_pair_run(&p);
    assert_true(p.client.is_shaken);
    assert_int_equal(p.client.got, 10);
    SSL_SESSION *used = tls_context_session(c, host);
    assert_true((used != NULL) == c->resume);
    SSL_SESSION_free(used);
    bool reused = SSL_session_reused(*(SSL **)p.client.s.tls) != 0; /* the first member of struct tls_session */
    kit_pair_close(&p);
    vnet_free(v);
    return reused;
}

static void test_resumption(void **state)
{
    struct tls_context *s = kit_server("server", NULL), *s2 = kit_server("server", NULL), *off = kit_client("ca", NULL);
    struct tls_context *c = kit_client("ca", &(struct tls_client_options){.resume = true});
    (void)state;
    assert_false(resumed_on(c, s, "a.test"));
    assert_true(resumed_on(c, s, "a.test"));
    assert_false(resumed_on(c, s, "b.wild.test")); /* another host never gets it */
    assert_false(resumed_on(c, s, "a.test"));
    assert_false(resumed_on(c, s2, "a.test")); /* another context has other ticket keys */
    assert_false(resumed_on(off, s, "a.test"));
    assert_false(resumed_on(off, s, "a.test"));
    tls_context_unref(s);
    tls_context_unref(s2);
    tls_context_unref(c);
    tls_context_unref(off);
}

/* Two contexts of one ring are one listener before and after a reload. */
static void test_ticket_keys_rotate(void **state)
{
    int64_t now = 1000 * SL_SEC;
    struct tls_tickets *t = tls_tickets_new(now);
    const struct tls_server_options o = {.tickets = t};
    struct tls_context *s = kit_server("server", &o), *renewed = kit_server("server", &o);
    struct tls_context *c = kit_client("ca", &(struct tls_client_options){.resume = true});
    (void)state;
    assert_false(resumed_on(c, s, "a.test"));
    assert_true(resumed_on(c, s, "a.test"));
    assert_true(resumed_on(c, renewed, "a.test"));
    assert_false(tls_tickets_rotate(t, now + TLS_TICKETS_LIFE_NS - 1));
    assert_true(tls_tickets_rotate(t, now + TLS_TICKETS_LIFE_NS));
    assert_false(tls_tickets_rotate(t, now + TLS_TICKETS_LIFE_NS)); /* a day from then on */
    assert_true(resumed_on(c, s, "a.test"));                        /* under the key before, and given a new ticket */
    assert_true(tls_tickets_rotate(t, now + 2 * TLS_TICKETS_LIFE_NS));
    assert_true(resumed_on(c, renewed, "a.test")); /* which is therefore not older than one key */
    assert_true(tls_tickets_rotate(t, now + 3 * TLS_TICKETS_LIFE_NS));
    assert_true(tls_tickets_rotate(t, now + 4 * TLS_TICKETS_LIFE_NS));
    assert_false(resumed_on(c, s, "a.test")); /* forgotten */
    assert_true(resumed_on(c, s, "a.test"));
    tls_context_unref(s);
    tls_context_unref(renewed);
    tls_context_unref(c);
    tls_tickets_unref(t);
    tls_tickets_unref(NULL);
}

/* A session that was made while no client certificate was asked for must not get in once one is, or other ones are. */
static void test_tickets_keep_their_terms(void **state)
{
    struct tls_tickets *t = tls_tickets_new(0);
    struct tls_context *open = kit_server("server", &(struct tls_server_options){.tickets = t});
    struct tls_context *optional = kit_server(
        "server", &(struct tls_server_options){
                      .tickets = t, .client_cert = TLS_CLIENT_CERT_OPTIONAL, .client_ca_file = kit_path("ca.pem")});
    struct tls_context *same = kit_server(
        "server", &(struct tls_server_options){
                      .tickets = t, .client_cert = TLS_CLIENT_CERT_OPTIONAL, .client_ca_file = kit_path("ca.pem")});
    struct tls_context *other =
        kit_server("server", &(struct tls_server_options){.tickets = t,
                                                          .client_cert = TLS_CLIENT_CERT_OPTIONAL,
                                                          .client_ca_file = kit_path("other-ca.pem")});
    struct tls_context *c = kit_client("ca", &(struct tls_client_options){.resume = true});
    (void)state;
    assert_false(resumed_on(c, open, "a.test"));
    assert_true(resumed_on(c, open, "a.test"));
    assert_false(resumed_on(c, optional, "a.test"));
    assert_true(resumed_on(c, same, "a.test"));
    assert_false(resumed_on(c, other, "a.test"));
    assert_false(resumed_on(c, open, "a.test"));
    tls_context_unref(open);
    tls_context_unref(optional);
    tls_context_unref(same);
    tls_context_unref(other);
    tls_context_unref(c);
    tls_tickets_unref(t);
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
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_impossible_names),
        cmocka_unit_test(test_bad_certificates),
        cmocka_unit_test(test_any_certificate_only_when_said),
        cmocka_unit_test(test_system_authorities),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_client_certificates),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_handshake_arms_itself),
        cmocka_unit_test(test_resumption),
        cmocka_unit_test(test_ticket_keys_rotate),
        cmocka_unit_test(test_tickets_keep_their_terms),
    };
    return cmocka_run_group_tests_name("tls/handshake", tests, set_up, tear_down);
}
