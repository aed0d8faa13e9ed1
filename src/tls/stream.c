/* TLS on a readiness socket. Who calls: listen/conn.c, upstream/conn.c. Owns: the SSL object and what the socket did not take.
 *
 *   owner ─ plaintext ─► SSL ─ records ─► our BIO ─► sl_tcp_write
 *                                           └─ rest of a record ─► session.out ─ on WRITABLE ─► sl_tcp_write
 *
 * The BIO towards the socket never blocks the SSL object: what the socket does not take is kept in session.out, at most one
 * record (or a flight of the handshake), since no new record is begun while bytes wait there. So OpenSSL's rule that a
 * write must be repeated with the same bytes never comes up. Plaintext counts as accepted only when its whole record has
 * gone to the socket: an owner may close once everything was accepted, and nothing is lost. Bytes of a record that is stuck
 * are remembered as a count (`held`); when the owner offers them again they are already under way and are skipped.
 *
 * Invariants: out_n > 0 => SL_WRITABLE is armed; held > 0 => the last write was short or AGAIN; `end` is sticky. */
#include "tls/stream.h"

#include "base/mem.h"
#include "tls/tls_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <errno.h>

#define RECORD_BYTES 16384u          /* plaintext of one record (RFC 8446 5.1) */
#define OUT_BYTES_MAX (512u * 1024u) /* a flight with a long certificate chain is far below */
#define SUBJECT_BYTES_MAX 1024u
#define ALPN_BYTES_MAX 64u

struct tls_session {
    SSL *ssl;                /* own */
    struct tls_context *ctx; /* ref */
    struct sl_tcp *tcp;      /* borrow; NULL while parked */
    char *out;               /* own or NULL: ciphertext that waits for the socket */
    size_t out_from, out_n;
    size_t held;         /* plaintext bytes in the stuck record */
    const char *failure; /* static text; NULL: none */
    char *subject;       /* own or NULL */
    char *host;          /* own; client only */
    enum sl_io end;      /* OK while open; else EOF or ERROR, sticky */
    bool end_told;       /* the owner has heard of `end` */
    bool shaken;         /* the handshake is done */
    bool starved;        /* the last read found no whole record */
    bool socket_eof, socket_error;
    bool truncated; /* the end came without close_notify */
};

/* ---- the BIO ---- */

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static bool keep_out(struct tls_session *t, const char *p, size_t n)
{
    if (n == 0)
        return true;
    if (n > OUT_BYTES_MAX - t->out_n)
        return false;
    char *grown = sl_malloc(t->out_n + n);
    if (t->out_n > 0)
        memcpy(grown, t->out + t->out_from, t->out_n);
    memcpy(grown + t->out_n, p, n);
    sl_free(t->out);
    t->out = grown;
    t->out_from = 0;
    t->out_n += n;
    return true;
}

static int bio_write(BIO *b, const char *p, int n)
{
    struct tls_session *t = BIO_get_data(b);
    size_t put = 0;
    BIO_clear_retry_flags(b);
    if (t->tcp == NULL || t->socket_error || n <= 0)
        return -1;
    if (t->out_n == 0) {
        struct iovec v = {.iov_base = (void *)(uintptr_t)p, .iov_len = (size_t)n};
        enum sl_io io = sl_tcp_write(t->tcp, &v, 1, &put);
        if (io == SL_IO_ERROR || io == SL_IO_EOF) {
            t->socket_error = true;
            return -1;
        }
        if (io == SL_IO_AGAIN)
            put = 0;
    }
    return keep_out(t, p + put, (size_t)n - put) ? n : -1;
}

static int bio_read(BIO *b, char *p, int n)
{
    struct tls_session *t = BIO_get_data(b);
    size_t got = 0;
    BIO_clear_retry_flags(b);
    if (t->socket_eof)
        return 0;
    if (t->tcp == NULL || t->socket_error || n <= 0)
        return -1;
    switch (sl_tcp_read(t->tcp, p, (size_t)n, &got)) {
    case SL_IO_OK:
        return (int)got;
    case SL_IO_AGAIN:
        BIO_set_retry_read(b);
        return -1;
    case SL_IO_EOF:
        t->socket_eof = true;
        return 0;
    case SL_IO_ERROR:
        break;
    }
    t->socket_error = true;
    return -1;
}

static long bio_ctrl(BIO *b, int what, long number, void *arg)
{
    const struct tls_session *t = BIO_get_data(b);
    (void)number;
    (void)arg;
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return t != NULL && t->socket_eof;
    default:
        return 0;
    }
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sl_tcp");
    SL_CHECK(method != NULL);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

/* ---- sessions ---- */

const char *tls_host_of(const SSL *ssl)
{
    const struct tls_session *t = SSL_get_app_data(ssl);
    return t != NULL ? t->host : NULL;
}

static struct tls_session *session_new(struct tls_context *ctx)
{
    pthread_once(&method_once, make_method);
    ERR_clear_error();
    SSL *ssl = SSL_new(ctx->ssl);
    BIO *bio = BIO_new(method);
    SL_CHECK(ssl != NULL && bio != NULL); /* they fail for want of memory only */
    struct tls_session *t = SL_NEW(struct tls_session);
    t->ssl = ssl;
    t->ctx = tls_context_ref(ctx);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio); /* takes */
    SSL_set_app_data(ssl, t);
    return t;
}

static void session_free(struct tls_session *t)
{
    if (t == NULL)
        return;
    t->tcp = NULL;
    if (t->end == SL_IO_OK && t->shaken) /* else OpenSSL takes the session for a bad one */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    tls_context_unref(t->ctx);
    sl_free(t->out);
    sl_free(t->subject);
    sl_free(t->host);
    sl_free(t);
}

static enum sl_io end_with(struct tls_session *t, enum sl_io end, const char *failure)
{
    if (t->end == SL_IO_OK) {
        t->end = end;
        t->failure = t->failure != NULL ? t->failure : failure;
    }
    return t->end;
}

/* ---- what to wait for ---- */

/* While shaking hands only TLS knows what it needs; afterwards the owner's wish and what waits to be sent. */
static void arm(struct tls_stream *s)
{
    const struct tls_session *t = s->tls;
    if (!sl_tcp_is_open(&s->tcp))
        return;
    unsigned want = t == NULL || t->shaken ? s->want : SL_READABLE;
    if (t != NULL && t->out_n > 0)
        want |= SL_WRITABLE;
    sl_tcp_want(&s->tcp, want);
}

/* Sends what waits. OK: nothing waits any more. */
static enum sl_io flush_out(struct tls_session *t)
{
    while (t->out_n > 0) {
        size_t put = 0;
        struct iovec v = {.iov_base = t->out + t->out_from, .iov_len = t->out_n};
        enum sl_io io = sl_tcp_write(t->tcp, &v, 1, &put);
        if (io == SL_IO_AGAIN)
            return SL_IO_AGAIN;
        if (io != SL_IO_OK) {
            t->socket_error = true;
            return SL_IO_ERROR;
        }
        t->out_from += put;
        t->out_n -= put;
    }
    sl_free(t->out);
    t->out = NULL;
    t->out_from = 0;
    return SL_IO_OK;
}

static void on_tcp_event(struct sl_tcp *tcp, unsigned events)
{
    struct tls_stream *s = SL_CONTAINER_OF(tcp, struct tls_stream, tcp);
    struct tls_session *t = s->tls;
    bool in_error = tcp->want == 0; /* nothing is watched any more */
    if (t != NULL && t->shaken && t->out_n > 0 && (events & SL_WRITABLE) != 0) {
        if (flush_out(t) == SL_IO_ERROR)
            events |= SL_READABLE; /* the owner's next call tells */
        arm(s);
        if ((s->want & SL_WRITABLE) == 0 || t->out_n > 0)
            events &= ~(unsigned)SL_WRITABLE;
    }
    if (events != 0)
        s->on_event(s, events);
    if (in_error && s->want != 0) /* bytes that came before the error may be left, and behind them its name */
        arm(s);
}

/* ---- starting ---- */

void tls_stream_init(struct tls_stream *s, tls_stream_event_f *on_event)
{
    sl_tcp_init(&s->tcp, on_tcp_event);
    s->tls = NULL;
    s->on_event = on_event;
    s->want = 0;
}

static void session_put(struct tls_stream *s, struct tls_session *t)
{
    s->tls = t;
    t->tcp = &s->tcp;
}

enum sl_err tls_stream_start_server(struct tls_stream *s, struct tls_context *ctx)
{
    SL_CHECK(s->tls == NULL && ctx->is_server);
    struct tls_session *t = session_new(ctx);
    SSL_set_accept_state(t->ssl);
    session_put(s, t);
    arm(s);
    return SL_OK;
}

/* "h2,http/1.1" -> the form of RFC 7301 3.1. */
static enum sl_err offer_protocols(SSL *ssl, struct sl_str alpn)
{
    unsigned char list[ALPN_BYTES_MAX];
    unsigned n = 0;
    while (alpn.p != NULL && alpn.n > 0) {
        struct sl_str name = sl_str_cut(&alpn, ',');
        if (name.n == 0 || name.n > 255 || name.n >= sizeof list - n)
            return SL_EINVAL;
        list[n++] = (unsigned char)name.n;
        memcpy(list + n, name.p, name.n);
        n += (unsigned)name.n;
    }
    return n == 0 || SSL_set_alpn_protos(ssl, list, n) == 0 ? SL_OK : SL_EINVAL;
}

/* Who we want to talk to. Names in the subject alone do not count (RFC 9525 2), nor do partial wildcards. */
static enum sl_err expect_host(struct tls_session *t)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    struct sl_addr literal;
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (sl_addr_parse(sl_str_c(t->host), 0, &literal))
        return X509_VERIFY_PARAM_set1_ip_asc(param, t->host) == 1 ? SL_OK : SL_EINVAL; /* and no SNI: RFC 6066 3 */
    return SSL_set1_host(t->ssl, t->host) == 1 && SSL_set_tlsext_host_name(t->ssl, t->host) == 1 ? SL_OK : SL_EINVAL;
}

enum sl_err tls_stream_start_client(struct tls_stream *s, struct tls_context *ctx, struct sl_str host,
                                    struct sl_str alpn)
{
    SL_CHECK(s->tls == NULL && !ctx->is_server);
    if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = sl_str_of(host.p + 1, host.n - 2);
    if (host.n > 1 && host.p[host.n - 1] == '.') /* the root's dot is no part of a certificate's name */
        host.n--;
    if (host.n == 0 || host.n > TLS_HOST_MAX || memchr(host.p, 0, host.n) != NULL)
        return SL_EINVAL;
    ctx = tls_context_now(ctx);
    if (ctx == NULL)
        return SL_EIO;
    struct tls_session *t = session_new(ctx);
    t->host = sl_memdup0(host.p, host.n);
    if (expect_host(t) != SL_OK || offer_protocols(t->ssl, alpn) != SL_OK) {
        session_free(t);
        ERR_clear_error();
        return SL_EINVAL;
    }
    SSL_SESSION *resumed = tls_context_session(ctx, t->host);
    if (resumed != NULL) {
        SSL_set_session(t->ssl, resumed);
        SSL_SESSION_free(resumed);
    }
    SSL_set_connect_state(t->ssl);
    session_put(s, t);
    arm(s);
    return SL_OK;
}

/* ---- handshake ---- */

static const char *why_failed(struct tls_session *t, int error)
{
    long verify = SSL_get_verify_result(t->ssl);
    unsigned long first = ERR_peek_error();
    bool by_us = ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    const char *text = tls_error_text();
    if (by_us && verify != X509_V_OK)
        return tls_verify_text(verify);
    if (t->socket_error)
        return "connection reset";
    if (t->socket_eof && (error == SSL_ERROR_SYSCALL || text[0] == 0))
        return "connection closed";
    return text[0] != 0 ? text : "protocol error";
}

/* The name in a verified client certificate, RFC 4514 form, cut at its limit. */
static void learn_subject(struct tls_session *t)
{
    X509 *x = SSL_get0_peer_certificate(t->ssl);
    if (!t->ctx->is_server || x == NULL || SSL_get_verify_result(t->ssl) != X509_V_OK)
        return;
    BIO *b = BIO_new(BIO_s_mem());
    char *p = NULL;
    if (b == NULL)
        return;
    /* quotes controls and bytes outside ASCII, so the text is safe in a header and a log line */
    if (X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
        long n = BIO_get_mem_data(b, &p);
        if (n > 0)
            t->subject = sl_memdup0(p, (size_t)n < SUBJECT_BYTES_MAX ? (size_t)n : SUBJECT_BYTES_MAX);
    }
    BIO_free(b);
}

enum tls_shake tls_stream_handshake(struct tls_stream *s)
{
    struct tls_session *t = s->tls;
    if (t == NULL || t->shaken)
        return TLS_SHAKE_DONE;
    if (t->end != SL_IO_OK)
        return TLS_SHAKE_FAILED;
    if (t->out_n > 0 && flush_out(t) == SL_IO_ERROR) {
        end_with(t, SL_IO_ERROR, "connection reset");
        return TLS_SHAKE_FAILED;
    }
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    if (r == 1) {
        t->shaken = true;
        learn_subject(t);
        arm(s);
        return TLS_SHAKE_DONE;
    }
    int error = SSL_get_error(t->ssl, r);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        arm(s);
        return TLS_SHAKE_MORE;
    }
    end_with(t, SL_IO_ERROR, why_failed(t, error));
    return TLS_SHAKE_FAILED;
}

const char *tls_stream_failure(const struct tls_stream *s)
{
    return s->tls != NULL && s->tls->failure != NULL ? s->tls->failure : "";
}

struct sl_str tls_stream_alpn(const struct tls_stream *s)
{
    const unsigned char *p = NULL;
    unsigned n = 0;
    if (s->tls != NULL)
        SSL_get0_alpn_selected(s->tls->ssl, &p, &n);
    return sl_str_of(p, n);
}

struct sl_str tls_stream_peer_subject(const struct tls_stream *s)
{
    return s->tls != NULL ? sl_str_c(s->tls->subject) : SL_STR_NONE;
}

bool tls_stream_is_truncated(const struct tls_stream *s)
{
    return s->tls != NULL && s->tls->truncated;
}

/* ---- reading ---- */

/* SSL_read said no: what does it mean? AGAIN leaves the stream open. */
static enum sl_io read_refused(struct tls_session *t, int r)
{
    int error = SSL_get_error(t->ssl, r);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        t->starved = true;
        return SL_IO_AGAIN;
    }
    if (error == SSL_ERROR_ZERO_RETURN)
        return end_with(t, SL_IO_EOF, NULL);
    if (t->socket_eof) { /* even when our alert about it found the socket closed */
        ERR_clear_error();
        t->truncated = true;
        return end_with(t, SL_IO_EOF, "closed without close_notify");
    }
    return end_with(t, SL_IO_ERROR, why_failed(t, error));
}

static enum sl_io tell_end(struct tls_session *t)
{
    t->end_told = true;
    return t->end;
}

static enum sl_io secure_read(struct tls_session *t, void *p, size_t n, size_t *out_n)
{
    size_t total = 0;
    if (t->end != SL_IO_OK)
        return tell_end(t);
    if (!t->shaken)
        return SL_IO_AGAIN;
    do { /* whole records that are already here; no further system call for a record that is not */
        size_t got = 0;
        ERR_clear_error();
        int r = SSL_read_ex(t->ssl, (char *)p + total, n - total, &got);
        if (r != 1) {
            enum sl_io io = read_refused(t, r);
            if (total > 0)
                break; /* the end is told by the next call */
            return io == SL_IO_AGAIN ? io : tell_end(t);
        }
        t->starved = false;
        total += got;
    } while (total < n && SSL_has_pending(t->ssl) != 0);
    *out_n = total;
    return SL_IO_OK;
}

enum sl_io tls_stream_read(struct tls_stream *s, void *p, size_t n, size_t *out_n)
{
    struct tls_session *t = s->tls;
    if (t == NULL)
        return sl_tcp_read(&s->tcp, p, n, out_n);
    if (n == 0 || t->tcp == NULL)
        return SL_IO_AGAIN;
    enum sl_io io = secure_read(t, p, n, out_n);
    if (t->out_n > 0) /* an answer to a key update did not fit */
        arm(s);
    return io;
}

bool tls_stream_pending(const struct tls_stream *s)
{
    const struct tls_session *t = s->tls;
    if (t == NULL || !t->shaken)
        return false;
    if (t->end != SL_IO_OK)
        return !t->end_told;
    return SSL_pending(t->ssl) > 0 || (!t->starved && SSL_has_pending(t->ssl) != 0);
}

/* ---- writing ---- */

struct cursor { /* where in the owner's iovecs we are */
    const struct iovec *v;
    int n;
    size_t skip; /* bytes of v[0] that are done */
};

static void advance(struct cursor *c, size_t n)
{
    while (c->n > 0 && n >= c->v->iov_len - c->skip) {
        n -= c->v->iov_len - c->skip;
        c->skip = 0;
        c->v++;
        c->n--;
    }
    c->skip += n;
}

static size_t offered(const struct cursor *c)
{
    size_t sum = 0;
    for (int i = 0; i < c->n; i++)
        sum += c->v[i].iov_len;
    return sum - c->skip;
}

/* The next record's plaintext: in place where one iovec fills it or is the last, else gathered. */
static struct sl_str next_record(const struct cursor *c, char scratch[RECORD_BYTES])
{
    size_t here = c->v->iov_len - c->skip, skip = c->skip, n = 0;
    if (c->n == 1 || here >= RECORD_BYTES)
        return sl_str_of((const char *)c->v->iov_base + c->skip, here < RECORD_BYTES ? here : RECORD_BYTES);
    for (int i = 0; i < c->n && n < RECORD_BYTES; i++) {
        size_t take = c->v[i].iov_len - skip;
        if (take > RECORD_BYTES - n)
            take = RECORD_BYTES - n;
        if (take > 0)
            memcpy(scratch + n, (const char *)c->v[i].iov_base + skip, take);
        n += take;
        skip = 0;
    }
    return sl_str_of(scratch, n);
}

/* One record into the SSL object. OK: *out_put bytes went to the socket; AGAIN: the record is stuck and `held`. */
static enum sl_io write_record(struct tls_session *t, struct sl_str bytes, size_t *out_put)
{
    size_t put = 0;
    ERR_clear_error();
    int r = SSL_write_ex(t->ssl, bytes.p, bytes.n, &put);
    if (r != 1) {
        int error = SSL_get_error(t->ssl, r);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
            return SL_IO_AGAIN;
        return end_with(t, SL_IO_ERROR, why_failed(t, error));
    }
    if (t->out_n > 0) {
        t->held = put;
        return SL_IO_AGAIN;
    }
    *out_put = put;
    return SL_IO_OK;
}

static enum sl_io secure_write(struct tls_session *t, struct cursor *c, size_t *out_n)
{
    char scratch[RECORD_BYTES];
    size_t total = 0, left = offered(c);
    enum sl_io io = flush_out(t);
    if (io == SL_IO_ERROR)
        return end_with(t, SL_IO_ERROR, "connection reset");
    if (io == SL_IO_AGAIN)
        return io;
    if (t->held > 0) {
        total = t->held < left ? t->held : left;
        t->held -= total;
        advance(c, total);
    }
    while (total < left && io == SL_IO_OK) {
        size_t put = 0;
        while (c->n > 0 && c->v->iov_len == c->skip)
            advance(c, 0);
        io = write_record(t, next_record(c, scratch), &put);
        total += put;
        advance(c, put);
    }
    *out_n = total;
    return total > 0 || left == 0 ? SL_IO_OK : io;
}

enum sl_io tls_stream_write(struct tls_stream *s, const struct iovec *v, int n, size_t *out_n)
{
    struct tls_session *t = s->tls;
    if (t == NULL)
        return sl_tcp_write(&s->tcp, v, n, out_n);
    if (t->end == SL_IO_ERROR)
        return tell_end(t);
    if (!t->shaken || t->tcp == NULL)
        return SL_IO_AGAIN;
    struct cursor c = {.v = v, .n = n};
    size_t accepted = 0;
    enum sl_io io = secure_write(t, &c, &accepted);
    if (io == SL_IO_OK)
        *out_n = accepted;
    arm(s);
    return io;
}

void tls_stream_want(struct tls_stream *s, unsigned events)
{
    s->want = events;
    arm(s);
}

void tls_stream_rest(struct tls_stream *s)
{
    if (!tls_stream_pending(s))
        sl_tcp_rest(&s->tcp);
}

/* ---- ending ---- */

void tls_stream_close(struct tls_stream *s)
{
    struct tls_session *t = s->tls;
    s->tls = NULL;
    if (t != NULL) {
        bool whole = t->shaken && t->held == 0 && !t->socket_error && t->end != SL_IO_ERROR;
        if (whole && sl_tcp_is_open(&s->tcp) && flush_out(t) == SL_IO_OK) {
            ERR_clear_error();
            SSL_shutdown(t->ssl); /* close_notify; what does not go at once is lost with the session */
            ERR_clear_error();
        }
        session_free(t);
    }
    sl_tcp_close(&s->tcp);
}

void tls_stream_reset(struct tls_stream *s)
{
    session_free(s->tls);
    s->tls = NULL;
    sl_tcp_reset(&s->tcp);
}

/* Bytes at the socket that hold only messages of TLS itself (session tickets) do not make a connection busy. */
static bool has_nothing_to_read(struct tls_stream *s)
{
    struct tls_session *t = s->tls;
    char c;
    size_t n = 0;
    ERR_clear_error();
    int r = SSL_peek_ex(t->ssl, &c, 1, &n);
    return r != 1 && read_refused(t, r) == SL_IO_AGAIN;
}

bool tls_stream_is_idle(struct tls_stream *s)
{
    const struct tls_session *t = s->tls;
    if (!sl_tcp_is_open(&s->tcp))
        return false;
    if (t == NULL)
        return sl_tcp_is_idle(&s->tcp);
    if (!t->shaken || t->end != SL_IO_OK || t->out_n > 0 || t->held > 0)
        return false;
    if (sl_tcp_is_idle(&s->tcp) && SSL_has_pending(t->ssl) == 0)
        return true;
    bool idle = has_nothing_to_read(s);
    return idle && t->out_n == 0 && SSL_has_pending(t->ssl) == 0 && sl_tcp_is_idle(&s->tcp);
}

/* ---- the shelf ---- */

void tls_stream_detach(struct tls_stream *s, struct tls_parked *out)
{
    SL_CHECK(sl_tcp_is_open(&s->tcp));
    out->tls = s->tls;
    s->tls = NULL;
    if (out->tls != NULL) {
        SL_CHECK(out->tls->out_n == 0);
        out->tls->tcp = NULL;
    }
    out->fd = sl_tcp_detach(&s->tcp);
}

enum sl_err tls_stream_attach(struct sl_loop *l, struct tls_stream *s, struct tls_parked *from)
{
    SL_CHECK(s->tls == NULL);
    enum sl_err e = sl_tcp_attach(l, &s->tcp, from->fd);
    if (e != SL_OK) {
        tls_parked_close(from);
        return e;
    }
    if (from->tls != NULL)
        session_put(s, from->tls);
    *from = (struct tls_parked){.fd = -1};
    arm(s);
    return SL_OK;
}

bool tls_parked_is_alive(const struct tls_parked *p)
{
    char c;
    if (p->fd < 0) /* a virtual network's handle, or closed */
        return p->fd != -1;
    return recv(p->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void tls_parked_close(struct tls_parked *p)
{
    session_free(p->tls);
    sl_tcp_discard_fd(p->fd);
    *p = (struct tls_parked){.fd = -1};
}
