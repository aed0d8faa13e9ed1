/* See ended.h. */
#include "tls/ended.h"

#include "tls/tls_int.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>

#define DAY_S 86400L

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = e != NULL && X509_add_ext(cert, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool fill(X509 *cert, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -30 * DAY_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(cert), -DAY_S) != NULL && X509_set_pubkey(cert, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"sluice drill", -1, -1, 0) ==
               1 &&
           X509_set_issuer_name(cert, name) == 1 && add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(cert, NID_subject_alt_name, "IP:127.0.0.1") && X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool write_pem(const char *path, X509 *cert)
{
    FILE *f = fopen(path, "we");
    bool ok = f != NULL && PEM_write_X509(f, cert) == 1;
    return f != NULL && fclose(f) == 0 && ok;
}

enum sl_err tls_context_new_ended(const char *ca_path, struct tls_context **out, struct sl_fail *fail)
{
    struct tls_context *c = tls_context_make(TLS_server_method(), TLS_1_2, fail);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    bool ok = c != NULL && key != NULL && cert != NULL && fill(cert, key) && write_pem(ca_path, cert) &&
              SSL_CTX_use_certificate(c->ssl, cert) == 1 && SSL_CTX_use_PrivateKey(c->ssl, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    if (!ok) {
        tls_context_unref(c);
        return sl_fail_set(fail, SL_EIO, ca_path, "cannot make a certificate: %s", tls_error_text());
    }
    c->is_server = true;
    *out = c;
    return SL_OK;
}
