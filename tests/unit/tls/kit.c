#include "kit.h"

#include "base/check.h"
#include "base/mem.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

static char dir[64];

const char *kit_dir(void)
{
    if (dir[0] == 0) {
        snprintf(dir, sizeof dir, "/tmp/sluice-tls-XXXXXX");
        SL_CHECK(mkdtemp(dir) != NULL);
    }
    return dir;
}

void kit_dir_remove(void)
{
    DIR *d = dir[0] != 0 ? opendir(dir) : NULL;
    const struct dirent *e;
    while (d != NULL && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.')
            unlink(kit_path(e->d_name).p);
    }
    if (d != NULL)
        closedir(d);
    rmdir(dir);
    dir[0] = 0;
}

struct sl_str kit_path(const char *name)
{
    static char ring[16][400];
    static unsigned at;
    char *p = ring[at++ % 16];
    int n = snprintf(p, sizeof ring[0], "%s/%s", kit_dir(), name);
    return sl_str_of(p, (size_t)n);
}

void kit_write(const char *name, const void *p, size_t n)
{
    FILE *f = fopen(kit_path(name).p, "w");
    SL_CHECK(f != NULL);
    SL_CHECK(fwrite(p, 1, n, f) == n);
    fclose(f);
}

static FILE *open_named(const char *name, const char *suffix, const char *mode)
{
    char file[128];
    snprintf(file, sizeof file, "%s%s", name, suffix);
    FILE *f = fopen(kit_path(file).p, mode);
    SL_CHECK(f != NULL);
    return f;
}

X509 *kit_x509(const char *name)
{
    FILE *f = open_named(name, ".pem", "r");
    X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    SL_CHECK(x != NULL);
    return x;
}

EVP_PKEY *kit_key(const char *name)
{
    FILE *f = open_named(name, ".key", "r");
    EVP_PKEY *k = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    SL_CHECK(k != NULL);
    return k;
}

/* ---- certificates ---- */

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    SL_CHECK(e != NULL);
    SL_CHECK(X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

void kit_cert(const char *name, const struct kit_cert_spec *spec)
{
    static long serial = 1;
    EVP_PKEY *key = spec->rsa_bits != 0 ? EVP_RSA_gen(spec->rsa_bits) : EVP_EC_gen("P-256");
    X509 *x = X509_new();
    SL_CHECK(key != NULL && x != NULL);
    X509 *issuer = spec->issuer != NULL ? kit_x509(spec->issuer) : NULL;
    EVP_PKEY *issuer_key = spec->issuer != NULL ? kit_key(spec->issuer) : key;
    bool usual = spec->from_days == 0 && spec->to_days == 0;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), 86400L * (usual ? -1 : spec->from_days));
    X509_gmtime_adj(X509_getm_notAfter(x), 86400L * (usual ? 10 : spec->to_days) + 60);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)spec->cn, -1, -1,
                               0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
    add_extension(x, issuer != NULL ? issuer : x, NID_basic_constraints,
                  spec->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (spec->san != NULL)
        add_extension(x, issuer != NULL ? issuer : x, NID_subject_alt_name, spec->san);
    SL_CHECK(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    FILE *f = open_named(name, ".pem", "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = open_named(name, ".key", "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    if (issuer != NULL)
        EVP_PKEY_free(issuer_key);
    X509_free(issuer);
    X509_free(x);
    EVP_PKEY_free(key);
}

void kit_usual_certs(void)
{
    kit_cert("ca", &(struct kit_cert_spec){.cn = "Test Authority", .is_ca = true});
    kit_cert("other-ca", &(struct kit_cert_spec){.cn = "Other Authority", .is_ca = true});
    kit_cert("server", &(struct kit_cert_spec){.cn = "a.test",
                                               .issuer = "ca",
                                               .san = "DNS:a.test,DNS:*.wild.test,DNS:par*.test,IP:127.0.0.1,IP:::1"});
    kit_cert("client", &(struct kit_cert_spec){.cn = "Robot, One\n", .issuer = "ca"});
    kit_cert("stranger", &(struct kit_cert_spec){.cn = "Stranger", .issuer = "other-ca"});
}

struct tls_context *kit_server(const char *name, const struct tls_server_options *more)
{
    struct tls_server_options o = more != NULL ? *more : (struct tls_server_options){0};
    struct tls_context *c = NULL;
    struct sl_fail fail = {0};
    char cert[64], key[64];
    snprintf(cert, sizeof cert, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    o.cert_file = kit_path(cert);
    o.key_file = kit_path(key);
    if (tls_context_new_server(&o, &c, NULL, &fail) != SL_OK)
        fprintf(stderr, "%s\n", fail.text);
    SL_CHECK(c != NULL);
    return c;
}

struct tls_context *kit_client(const char *ca, const struct tls_client_options *more)
{
    struct tls_client_options o = more != NULL ? *more : (struct tls_client_options){.min_version = TLS_1_2};
    struct tls_context *c = NULL;
    struct sl_fail fail = {0};
    char file[64];
    snprintf(file, sizeof file, "%s.pem", ca);
    o.ca_file = kit_path(file);
    if (tls_context_new_client(&o, &c, NULL, &fail) != SL_OK)
        fprintf(stderr, "%s\n", fail.text);
    SL_CHECK(c != NULL);
    return c;
}

/* ---- ends ---- */

static void text_of(struct sl_str s, char *out, size_t cap)
{
    snprintf(out, cap, SL_STR_FMT, SL_STR_ARG(s));
}

static void finish(struct kit_end *e, enum sl_io how)
{
    e->end = how;
    e->truncated = tls_stream_is_truncated(&e->s);
    snprintf(e->failure, sizeof e->failure, "%s", tls_stream_failure(&e->s));
    tls_stream_close(&e->s);
}

static void read_some(struct kit_end *e)
{
    char buf[65536];
    size_t n = 0, size = e->read_size != 0 ? e->read_size : sizeof buf;
    enum sl_io io = SL_IO_OK;
    while (!e->paused && e->end == SL_IO_OK && (io = tls_stream_read(&e->s, buf, size, &n)) == SL_IO_OK) {
        SL_CHECK(n > 0 && n <= size);
        for (size_t i = 0; i < n; i++, e->got++)
            e->bad |= (unsigned char)buf[i] != e->got % KIT_PATTERN;
    }
    if (io == SL_IO_EOF || io == SL_IO_ERROR)
        finish(e, io);
    else if (!e->paused)
        SL_CHECK(!tls_stream_pending(&e->s));
}

/* Random pieces, some empty, from the bytes that were not accepted yet. */
static void write_some(struct kit_end *e)
{
    char buf[40000];
    size_t iov_max = e->iov_max != 0 ? e->iov_max : 5000;
    while (e->end == SL_IO_OK && e->sent < e->to_send) {
        struct iovec v[12];
        size_t at = 0, left = e->to_send - e->sent < sizeof buf ? e->to_send - e->sent : sizeof buf;
        int n = 1 + (int)vnet_random(e->v, 12);
        for (size_t i = 0; i < left; i++)
            buf[i] = (char)((e->sent + i) % KIT_PATTERN);
        for (int i = 0; i < n; i++) {
            size_t piece = vnet_random(e->v, iov_max + 1);
            v[i] = (struct iovec){.iov_base = buf + at, .iov_len = piece < left - at ? piece : left - at};
            at += v[i].iov_len;
        }
        if (at == 0)
            v[0].iov_len = at = 1;
        size_t put = 0;
        enum sl_io io = tls_stream_write(&e->s, v, n, &put);
        if (io == SL_IO_AGAIN)
            break;
        if (io != SL_IO_OK) {
            finish(e, io);
            return;
        }
        SL_CHECK(put <= at);
        e->sent += put;
    }
    if (e->end == SL_IO_OK && e->sent == e->to_send && e->close_when_sent)
        finish(e, SL_IO_EOF);
}

void kit_end_go(struct kit_end *e)
{
    read_some(e);
    write_some(e);
    if (e->end == SL_IO_OK)
        tls_stream_want(&e->s, (e->paused ? 0u : SL_READABLE) | (e->sent < e->to_send ? SL_WRITABLE : 0u));
}

static void on_end_event(struct tls_stream *s, unsigned events)
{
    struct kit_end *e = SL_CONTAINER_OF(s, struct kit_end, s);
    (void)events;
    e->events++;
    if (e->end != SL_IO_OK)
        return;
    if (!e->is_shaken) {
        e->shake = tls_stream_handshake(s);
        if (e->shake == TLS_SHAKE_FAILED)
            finish(e, SL_IO_ERROR);
        if (e->shake != TLS_SHAKE_DONE)
            return;
        e->is_shaken = true;
        text_of(tls_stream_alpn(s), e->alpn, sizeof e->alpn);
        text_of(tls_stream_peer_subject(s), e->subject, sizeof e->subject);
    }
    kit_end_go(e);
}

void kit_pair_open(struct kit_pair *p, struct vnet *v)
{
    int fds[2];
    *p = (struct kit_pair){.v = v, .client.v = v, .server.v = v};
    p->client.shake = p->server.shake = TLS_SHAKE_MORE;
    vnet_loop_init(v, &p->loop);
    vnet_pair(v, fds);
    tls_stream_init(&p->client.s, on_end_event);
    tls_stream_init(&p->server.s, on_end_event);
    SL_CHECK(sl_tcp_attach(&p->loop, &p->client.s.tcp, fds[0]) == SL_OK);
    SL_CHECK(sl_tcp_attach(&p->loop, &p->server.s.tcp, fds[1]) == SL_OK);
}

void kit_pair_start(struct kit_pair *p, struct tls_context *client, struct tls_context *server, const char *host,
                    const char *alpn)
{
    if (server != NULL)
        SL_CHECK(tls_stream_start_server(&p->server.s, server) == SL_OK);
    if (client != NULL)
        SL_CHECK(tls_stream_start_client(&p->client.s, client, sl_str_c(host), sl_str_c(alpn)) == SL_OK);
    tls_stream_want(&p->server.s, SL_READABLE);
    tls_stream_want(&p->client.s, SL_READABLE | SL_WRITABLE);
    on_end_event(&p->client.s, SL_WRITABLE); /* as after connect */
}

void kit_pair_run(struct kit_pair *p)
{
    SL_CHECK(vnet_run(p->v, NULL, NULL, 3600 * SL_SEC) == VNET_IDLE);
}

void kit_pair_close(struct kit_pair *p)
{
    tls_stream_close(&p->client.s);
    tls_stream_close(&p->server.s);
    sl_loop_done(&p->loop);
}

bool kit_shake(struct kit_pair *p, struct tls_context *client, struct tls_context *server, const char *host,
               const char *alpn)
{
    kit_pair_start(p, client, server, host, alpn);
    kit_pair_run(p);
    return p->client.is_shaken && p->server.is_shaken;
}
