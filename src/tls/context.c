/* Making contexts: files in, SSL_CTX out, every refusal with the file's name. Who calls: main/ at start and on reload, through
 * certs.c where files may change. Owns: SSL_CTX, and a client's newest session. */
#include "tls/context.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tls/digest.h"
#include "tls/tickets.h"
#include "tls/tls_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* TLS 1.2: forward secrecy and AEAD, nothing else (RFC 9325 4.2). TLS 1.3 has only such. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
/* A record of 16 KiB with its overhead, twice: one receive call takes several records of a large body. The buffer exists only
 * while it holds bytes (SSL_MODE_RELEASE_BUFFERS). */
#define READ_AHEAD_BYTES 33280u

/* ---- files ---- */

enum sl_err tls_trouble_set(struct tls_trouble *t, enum sl_err code, enum tls_file file, const char *todo,
                            const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->text, sizeof t->text, format, args);
    va_end(args);
    t->file = file;
    t->todo = todo;
    return code;
}

static enum sl_err give_trouble(const struct tls_trouble *t, enum sl_err e, struct sl_str file, struct tls_trouble *out,
                                struct sl_fail *fail)
{
    static const char *const names[] = {"certificate", "key", "authorities"};
    char path[sizeof fail->place];
    if (out != NULL)
        *out = *t;
    snprintf(path, sizeof path, SL_STR_FMT, SL_STR_ARG(sl_str_head(file, sizeof path - 1)));
    return sl_fail_set(fail, e, path, "%s '%s' %s", names[t->file], path, t->text);
}

/* OpenSSL's own file errors do not name the cause: look first. */
enum sl_err tls_path_of(struct sl_str file, enum tls_file which, char out[TLS_PATH_BYTES], struct tls_trouble *t)
{
    if (file.n == 0 || file.n >= TLS_PATH_BYTES || memchr(file.p, 0, file.n) != NULL)
        return tls_trouble_set(t, SL_EINVAL, which, "Correct the path", "is not a file name");
    memcpy(out, file.p, file.n);
    out[file.n] = 0;
    int fd = open(out, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tls_trouble_set(t, SL_EIO, which, "Correct the path, or let the gateway's user read it",
                               "cannot be opened: %s", sl_errno_text(errno));
    close(fd);
    return SL_OK;
}

/* Never ask on a terminal: a key with a passphrase is refused. arg: told that one was wanted; may be NULL. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    bool *wanted = arg;
    (void)buf;
    (void)size;
    (void)rwflag;
    if (wanted != NULL)
        *wanted = true;
    return 0;
}

bool tls_time_s(const ASN1_TIME *t, int64_t *out_s)
{
    struct tm tm;
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    struct sl_civil c = {
        .year = tm.tm_year + 1900,
        .month = (unsigned)tm.tm_mon + 1,
        .day = (unsigned)tm.tm_mday,
        .hour = (unsigned)tm.tm_hour,
        .minute = (unsigned)tm.tm_min,
        .second = (unsigned)tm.tm_sec,
    };
    *out_s = sl_civil_to_s(&c);
    return true;
}

static enum sl_err check_dates(struct tls_context *c, struct tls_trouble *t)
{
    const X509 *x = SSL_CTX_get0_certificate(c->ssl);
    int64_t from = 0, to = 0, now = sl_clock_wall_ns() / SL_SEC;
    char text[SL_TIME_TEXT];
    if (x == NULL || !tls_time_s(X509_get0_notBefore(x), &from) || !tls_time_s(X509_get0_notAfter(x), &to))
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_CERT, "Have it made anew", "has no readable dates");
    if (now > to) {
        sl_time_text(to * SL_SEC, text);
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_CERT, "Renew it", "expired at %s", text);
    }
    if (now < from) {
        sl_time_text(from * SL_SEC, text);
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_CERT, "Set this machine's clock, or wait until then",
                               "is not valid before %s", text);
    }
    c->expires_s = to;
    return SL_OK;
}

enum sl_err tls_context_load_key(struct tls_context *c, struct sl_str file, struct tls_trouble *t)
{
    static const char other[] = "Put the key there that this certificate was made with";
    char path[TLS_PATH_BYTES];
    bool is_locked = false;
    enum sl_err e = tls_path_of(file, TLS_FILE_KEY, path, t);
    if (e != SL_OK)
        return e;
    bool has_cert = SSL_CTX_get0_certificate(c->ssl) != NULL;
    SSL_CTX_set_default_passwd_cb_userdata(c->ssl, &is_locked);
    int loaded = SSL_CTX_use_PrivateKey_file(c->ssl, path, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(c->ssl, NULL);
    if (loaded != 1) {
        unsigned long error = ERR_peek_error();
        if (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH) {
            ERR_clear_error();
            return tls_trouble_set(t, SL_EINVAL, TLS_FILE_KEY, other, "does not belong to the certificate");
        }
        const char *why = tls_error_text();
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_KEY, "It must be a private key in PEM, not encrypted",
                               "is not usable: %s", is_locked ? "it is encrypted" : why);
    }
    /* a key of another kind (RSA beside EC) gets a place of its own, in which there is no certificate */
    if (has_cert && (SSL_CTX_get0_certificate(c->ssl) == NULL || SSL_CTX_check_private_key(c->ssl) != 1)) {
        ERR_clear_error();
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_KEY, other, "does not belong to the certificate");
    }
    return SL_OK;
}

static enum sl_err load_pair(struct tls_context *c, struct sl_str cert_file, struct sl_str key_file,
                             struct tls_trouble *t)
{
    char cert[TLS_PATH_BYTES];
    enum sl_err e = tls_path_of(cert_file, TLS_FILE_CERT, cert, t);
    if (e != SL_OK)
        return e;
    if (SSL_CTX_use_certificate_chain_file(c->ssl, cert) != 1)
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_CERT, TLS_TODO_CERT, "is not usable: %s", tls_error_text());
    e = tls_context_load_key(c, key_file, t);
    return e == SL_OK ? check_dates(c, t) : e;
}

/* ---- what all contexts have ---- */

struct tls_context *tls_context_make(const SSL_METHOD *method, enum tls_version min, struct sl_fail *fail)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(method);
    if (ssl == NULL) {
        sl_fail_set(fail, SL_EIO, "", "cannot make a TLS context: %s", tls_error_text());
        return NULL;
    }
    struct tls_context *c = SL_NEW(struct tls_context);
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->ssl = ssl;
    c->expires_s = INT64_MAX;
    SSL_CTX_set_app_data(ssl, c);
    SSL_CTX_set_min_proto_version(ssl, min == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_security_level(ssl, 2);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ssl,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_default_read_buffer_len(ssl, READ_AHEAD_BYTES);
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(ssl, 0);
    if (SSL_CTX_set_cipher_list(ssl, CIPHERS_1_2) != 1) {
        sl_fail_set(fail, SL_EIO, "", "this OpenSSL offers no cipher that we accept: %s", tls_error_text());
        tls_context_unref(c);
        return NULL;
    }
    return c;
}

/* ---- server ---- */

static bool has_protocol(const unsigned char *list, unsigned n, struct sl_str name)
{
    while (n > 0 && list[0] < n) {
        if (sl_str_eq(sl_str_of(list + 1, list[0]), name))
            return true;
        unsigned step = list[0] + 1u;
        list += step;
        n -= step;
    }
    return false;
}

/* RFC 7301 3.2: the server's preference; no overlap ends the handshake with no_application_protocol. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                           unsigned n, void *arg)
{
    static const unsigned char h2[] = "h2", h1[] = "http/1.1", h1_0[] = "http/1.0";
    const struct tls_context *c = arg;
    (void)ssl;
    if (c->http2 && has_protocol(in, n, SL_STR("h2"))) {
        *out = h2;
        *out_n = sizeof h2 - 1;
    } else if (has_protocol(in, n, SL_STR("http/1.1"))) {
        *out = h1;
        *out_n = sizeof h1 - 1;
    } else if (has_protocol(in, n, SL_STR("http/1.0"))) {
        *out = h1_0;
        *out_n = sizeof h1_0 - 1;
    } else {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

/* Which sessions may be resumed here: those made under the same terms for client certificates. Without this, one that was
 * made while none was required would open the door after a reload. */
static bool set_session_scope(struct tls_context *c, enum tls_client_cert asked)
{
    uint8_t scope[TLS_SHA256_BYTES];
    unsigned char der[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const unsigned char terms[] = {'s', 'l', 'u', 'i', 'c', 'e', (unsigned char)asked};
    bool good = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(md, terms, sizeof terms) == 1;
    STACK_OF(X509_OBJECT) *trusted = X509_STORE_get0_objects(SSL_CTX_get_cert_store(c->ssl));
    for (int i = 0; good && i < sk_X509_OBJECT_num(trusted); i++) {
        const X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i));
        good = x == NULL || (X509_digest(x, EVP_sha256(), der, &n) == 1 && EVP_DigestUpdate(md, der, n) == 1);
    }
    good = good && EVP_DigestFinal_ex(md, scope, NULL) == 1 &&
           SSL_CTX_set_session_id_context(c->ssl, scope, sizeof scope) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

static enum sl_err load_client_ca(struct tls_context *c, const struct tls_server_options *o, struct tls_trouble *t)
{
    char ca[TLS_PATH_BYTES];
    if (o->client_cert == TLS_CLIENT_CERT_NONE)
        return SL_OK;
    enum sl_err e = tls_path_of(o->client_ca_file, TLS_FILE_CA, ca, t);
    if (e != SL_OK)
        return e;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca);
    if (names == NULL || SSL_CTX_load_verify_locations(c->ssl, ca, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_CA, TLS_TODO_CA, "is not usable: %s", tls_error_text());
    }
    SSL_CTX_set_client_CA_list(c->ssl, names); /* takes */
    SSL_CTX_set_verify(
        c->ssl, SSL_VERIFY_PEER | (o->client_cert == TLS_CLIENT_CERT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    return SL_OK;
}

static struct sl_str server_file(const struct tls_server_options *o, enum tls_file file)
{
    return file == TLS_FILE_CERT ? o->cert_file : file == TLS_FILE_KEY ? o->key_file : o->client_ca_file;
}

enum sl_err tls_context_new_server(const struct tls_server_options *o, struct tls_context **out,
                                   struct tls_trouble *trouble, struct sl_fail *fail)
{
    struct tls_trouble t = {0};
    struct tls_context *c = tls_context_make(TLS_server_method(), o->min_version, fail);
    if (trouble != NULL)
        *trouble = t;
    if (c == NULL)
        return SL_EIO;
    c->is_server = true;
    c->http2 = o->http2;
    SSL_CTX_set_alpn_select_cb(c->ssl, choose_protocol, c);
    SSL_CTX_set_num_tickets(c->ssl, 1); /* our clients keep their connections: one is enough */
    if (o->tickets != NULL)
        tls_tickets_use(c, o->tickets);
    enum sl_err e = load_pair(c, o->cert_file, o->key_file, &t);
    if (e == SL_OK)
        e = load_client_ca(c, o, &t);
    if (e != SL_OK) {
        tls_context_unref(c);
        return give_trouble(&t, e, server_file(o, t.file), trouble, fail);
    }
    if (!set_session_scope(c, o->client_cert)) {
        tls_context_unref(c);
        return sl_fail_set(fail, SL_EIO, "", "cannot make a TLS context: %s", tls_error_text());
    }
    *out = c;
    return SL_OK;
}

/* ---- client ---- */

/* A new session of a connection to a provider; 1: we keep the reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *host = tls_host_of(ssl);
    size_t n = host != NULL ? strlen(host) : 0;
    if (n == 0 || n > TLS_HOST_MAX)
        return 0;
    pthread_mutex_lock(&c->lock);
    SSL_SESSION *old = c->session;
    c->session = session;
    memcpy(c->session_host, host, n + 1);
    pthread_mutex_unlock(&c->lock);
    SSL_SESSION_free(old);
    return 1;
}

SSL_SESSION *tls_context_session(struct tls_context *c, const char *host)
{
    SSL_SESSION *s = NULL;
    if (!c->resume)
        return NULL;
    pthread_mutex_lock(&c->lock);
    if (c->session != NULL && strcmp(c->session_host, host) == 0) {
        s = c->session;
        SSL_SESSION_up_ref(s);
    }
    pthread_mutex_unlock(&c->lock);
    return s;
}

/* The system's authorities are some hundred certificates, about a MiB: read once for all contexts, and anew when their file is
 * another one than it was. */
static pthread_mutex_t system_lock = PTHREAD_MUTEX_INITIALIZER;
static X509_STORE *system_store;
static struct stat system_was;

static const char *system_file(void)
{
    const char *own = secure_getenv(X509_get_default_cert_file_env());
    return own != NULL ? own : X509_get_default_cert_file();
}

static enum sl_err trust_system(struct tls_context *c)
{
    struct stat is = {0};
    (void)stat(system_file(), &is); /* none: a directory of them may be there */
    pthread_mutex_lock(&system_lock);
    bool same = system_store != NULL && is.st_ino == system_was.st_ino && is.st_dev == system_was.st_dev &&
                is.st_size == system_was.st_size && is.st_mtim.tv_sec == system_was.st_mtim.tv_sec &&
                is.st_mtim.tv_nsec == system_was.st_mtim.tv_nsec;
    if (!same) {
        X509_STORE *read = X509_STORE_new();
        bool good = read != NULL && X509_STORE_set_default_paths(read) == 1;
        X509_STORE_free(good ? system_store : read);
        if (good) {
            system_store = read;
            system_was = is;
        }
        same = good;
    }
    if (same)
        SSL_CTX_set1_cert_store(c->ssl, system_store);
    pthread_mutex_unlock(&system_lock);
    return same ? SL_OK : SL_EIO;
}

static enum sl_err load_trust(struct tls_context *c, const struct tls_client_options *o, struct tls_trouble *t)
{
    char ca[TLS_PATH_BYTES];
    if (o->ca_file.n == 0)
        return trust_system(c);
    enum sl_err e = tls_path_of(o->ca_file, TLS_FILE_CA, ca, t);
    if (e != SL_OK)
        return e;
    if (SSL_CTX_load_verify_locations(c->ssl, ca, NULL) != 1)
        return tls_trouble_set(t, SL_EINVAL, TLS_FILE_CA, TLS_TODO_CA, "is not usable: %s", tls_error_text());
    return SL_OK;
}

static struct sl_str client_file(const struct tls_client_options *o, enum tls_file file)
{
    return file == TLS_FILE_CERT ? o->cert_file : file == TLS_FILE_KEY ? o->key_file : o->ca_file;
}

static struct tls_context *make_later(enum tls_version min)
{
    struct tls_context *c = SL_NEW(struct tls_context);
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    c->expires_s = INT64_MAX;
    c->verify = c->later = true;
    c->min_version = min;
    return c;
}

struct tls_context *tls_context_now(struct tls_context *c)
{
    if (!c->later)
        return c;
    pthread_mutex_lock(&c->lock);
    if (c->made == NULL && tls_context_new_client(&(struct tls_client_options){.min_version = c->min_version}, &c->made,
                                                  NULL, NULL) != SL_OK)
        c->made = NULL;
    struct tls_context *made = c->made;
    pthread_mutex_unlock(&c->lock);
    return made;
}

enum sl_err tls_context_new_client(const struct tls_client_options *o, struct tls_context **out,
                                   struct tls_trouble *trouble, struct sl_fail *fail)
{
    struct tls_trouble t = {0};
    enum sl_err e = SL_OK;
    if (trouble != NULL)
        *trouble = t;
    if ((o->cert_file.n == 0) != (o->key_file.n == 0))
        return sl_fail_set(fail, SL_EINVAL, "", "a client certificate and its key are given together or not at all");
    if (o->later) {
        SL_CHECK(o->ca_file.n == 0 && o->cert_file.n == 0 && !o->resume && !o->danger_accept_any_certificate);
        *out = make_later(o->min_version);
        return SL_OK;
    }
    struct tls_context *c = tls_context_make(TLS_client_method(), o->min_version, fail);
    if (c == NULL)
        return SL_EIO;
    c->verify = !o->danger_accept_any_certificate;
    c->resume = o->resume;
    SSL_CTX_set_verify(c->ssl, c->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (c->resume) {
        SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(c->ssl, on_session);
    }
    if (c->verify)
        e = load_trust(c, o, &t);
    if (e == SL_OK && o->cert_file.n > 0)
        e = load_pair(c, o->cert_file, o->key_file, &t);
    if (e != SL_OK) {
        tls_context_unref(c);
        if (t.text[0] == 0)
            return sl_fail_set(fail, e, "", "cannot use the system's authorities: %s", tls_error_text());
        return give_trouble(&t, e, client_file(o, t.file), trouble, fail);
    }
    *out = c;
    return SL_OK;
}

/* ---- both ---- */

struct tls_context *tls_context_ref(struct tls_context *c)
{
    unsigned before = atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    SL_CHECK(before > 0);
    return c;
}

void tls_context_unref(struct tls_context *c)
{
    if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    SSL_CTX_free(c->ssl);
    tls_tickets_unref(c->tickets);
    SSL_SESSION_free(c->session);
    tls_context_unref(c->made);
    pthread_mutex_destroy(&c->lock);
    sl_free(c);
}

int64_t tls_context_expires_s(const struct tls_context *c)
{
    return c->expires_s;
}

int64_t tls_context_days_left(const struct tls_context *c, int64_t wall_ns)
{
    if (c->expires_s == INT64_MAX)
        return INT64_MAX;
    int64_t left = c->expires_s - wall_ns / SL_SEC, day = 24 * 60 * 60;
    return left >= 0 ? left / day : -((-left + day - 1) / day);
}
