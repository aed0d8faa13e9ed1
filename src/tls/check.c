/* Making a context tells the first error; the rest here is what it does not look at: the other files, the order and the dates
 * of the chain, and what is about to end. */
#include "tls/check.h"

#include "base/clock.h"
#include "tls/certs.h"
#include "tls/tls_int.h"

#include <openssl/x509v3.h>

struct check {
    int64_t wall_s;
    tls_finding_f *f;
    void *arg;
};

static void tell(const struct check *k, bool is_warning, const struct tls_trouble *t)
{
    struct tls_finding f = {.is_warning = is_warning, .trouble = *t};
    k->f(k->arg, &f);
}

/* ---- certificate and key ---- */

static void check_chain(const struct check *k, struct tls_context *c)
{
    STACK_OF(X509) *chain = NULL;
    X509 *below = SSL_CTX_get0_certificate(c->ssl);
    struct tls_trouble t;
    char text[SL_TIME_TEXT];
    SSL_CTX_get0_chain_certs(c->ssl, &chain);
    for (int i = 0; i < sk_X509_num(chain); i++) { /* NULL: -1 */
        X509 *x = sk_X509_value(chain, i);
        int64_t to = 0;
        if (X509_check_issued(x, below) != X509_V_OK) {
            tls_trouble_set(&t, SL_EINVAL, TLS_FILE_CERT, "Put each certificate's issuer right behind it",
                            "holds a chain out of order: certificate %d did not issue the one before it", i + 2);
            tell(k, true, &t);
            return;
        }
        if (tls_time_s(X509_get0_notAfter(x), &to) && to < k->wall_s) {
            sl_time_text(to * SL_SEC, text);
            tls_trouble_set(&t, SL_EINVAL, TLS_FILE_CERT, "Get the chain anew from who signs the certificate",
                            "holds a chain whose certificate %d expired at %s", i + 2, text);
            tell(k, true, &t);
        }
        below = x;
    }
}

static void check_end(const struct check *k, int64_t expires_s)
{
    struct tls_trouble t;
    char text[SL_TIME_TEXT];
    if (tls_expiry_of(expires_s - k->wall_s) == TLS_EXPIRY_FAR)
        return;
    sl_time_text(expires_s * SL_SEC, text);
    tls_trouble_set(&t, SL_EINVAL, TLS_FILE_CERT, "Renew it; a replaced file is taken up without a restart",
                    "expires at %s", text);
    tell(k, true, &t);
}

static void check_key_alone(const struct check *k, struct sl_str file)
{
    struct tls_trouble t = {0};
    struct tls_context *c = tls_context_make(TLS_server_method(), TLS_1_3, NULL);
    if (c != NULL && tls_context_load_key(c, file, &t) != SL_OK)
        tell(k, false, &t);
    tls_context_unref(c);
}

static void check_pair(const struct check *k, const struct tls_server_options *o)
{
    const struct tls_server_options pair = {.cert_file = o->cert_file, .key_file = o->key_file};
    struct tls_context *c = NULL;
    struct tls_trouble t;
    struct sl_fail fail = {0};
    if (tls_context_new_server(&pair, &c, &t, &fail) == SL_OK) {
        check_end(k, tls_context_expires_s(c));
        check_chain(k, c);
        tls_context_unref(c);
        return;
    }
    if (t.text[0] == 0) /* not for want of a file */
        tls_trouble_set(&t, SL_EIO, TLS_FILE_CERT, NULL, "cannot be tried: %s", fail.text);
    tell(k, false, &t);
    if (t.file == TLS_FILE_CERT)
        check_key_alone(k, o->key_file);
}

/* ---- authorities ---- */

/* One that ended does no harm beside others; when all have, nobody is let in. */
static void check_trusted(const struct check *k, X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(store);
    int64_t last = INT64_MIN, to = 0;
    struct tls_trouble t;
    char text[SL_TIME_TEXT];
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        const X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i));
        if (x != NULL && tls_time_s(X509_get0_notAfter(x), &to) && to > last)
            last = to;
    }
    if (last == INT64_MIN || last >= k->wall_s)
        return;
    sl_time_text(last * SL_SEC, text);
    tls_trouble_set(&t, SL_EINVAL, TLS_FILE_CA, "Put the authorities there that sign today",
                    "holds nothing that is still valid: the last one expired at %s", text);
    tell(k, true, &t);
}

void tls_check_authorities(struct sl_str ca_file, int64_t wall_ns, tls_finding_f *f, void *arg)
{
    const struct check k = {.wall_s = wall_ns / SL_SEC, .f = f, .arg = arg};
    char ca[TLS_PATH_BYTES];
    struct tls_trouble t = {0};
    if (tls_path_of(ca_file, TLS_FILE_CA, ca, &t) != SL_OK) {
        tell(&k, false, &t);
        return;
    }
    X509_STORE *store = X509_STORE_new();
    if (store != NULL && X509_STORE_load_file(store, ca) == 1) {
        check_trusted(&k, store);
    } else {
        tls_trouble_set(&t, SL_EINVAL, TLS_FILE_CA, TLS_TODO_CA, "is not usable: %s", tls_error_text());
        tell(&k, false, &t);
    }
    X509_STORE_free(store);
}

void tls_check_server(const struct tls_server_options *o, int64_t wall_ns, tls_finding_f *f, void *arg)
{
    const struct check k = {.wall_s = wall_ns / SL_SEC, .f = f, .arg = arg};
    check_pair(&k, o);
    if (o->client_cert != TLS_CLIENT_CERT_NONE)
        tls_check_authorities(o->client_ca_file, wall_ns, f, arg);
}
