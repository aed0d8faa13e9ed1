/* OpenSSL's errors as constant texts, for outcomes, logs and messages. The tables hold what is met in practice; the rest has
 * a text that says which layer refused. Certificate verification: RFC 5280; alerts: RFC 8446 6. */
#include "tls/tls_int.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

struct text_of {
    long code;
    const char *text;
};

static const struct text_of verify_texts[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, "certificate expired"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "certificate not yet valid"},
    {X509_V_ERR_HOSTNAME_MISMATCH, "wrong host"},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, "wrong host"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "self-signed certificate"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "unknown authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown authority"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "unknown authority"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unknown authority"},
    {X509_V_ERR_CERT_UNTRUSTED, "unknown authority"},
    {X509_V_ERR_CERT_REJECTED, "certificate rejected"},
    {X509_V_ERR_CERT_REVOKED, "certificate revoked"},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "bad certificate signature"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, "certificate chain too long"},
    {X509_V_ERR_INVALID_CA, "issuer is not an authority"},
    {X509_V_ERR_INVALID_PURPOSE, "certificate not meant for this use"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "weak certificate key"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "weak certificate key"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "weak certificate signature"},
    {X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM, "weak certificate signature"},
    {X509_V_ERR_OUT_OF_MEM, "out of memory"},
};

static const struct text_of alert_texts[] = {
    {SSL_AD_UNEXPECTED_MESSAGE, "alert: unexpected message"},
    {SSL_AD_BAD_RECORD_MAC, "alert: bad record"},
    {SSL_AD_RECORD_OVERFLOW, "alert: record overflow"},
    {SSL_AD_HANDSHAKE_FAILURE, "alert: nothing in common"},
    {SSL_AD_BAD_CERTIFICATE, "alert: bad certificate"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "alert: unsupported certificate"},
    {SSL_AD_CERTIFICATE_REVOKED, "alert: certificate revoked"},
    {SSL_AD_CERTIFICATE_EXPIRED, "alert: certificate expired"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "alert: certificate not accepted"},
    {SSL_AD_ILLEGAL_PARAMETER, "alert: illegal parameter"},
    {SSL_AD_UNKNOWN_CA, "alert: unknown authority"},
    {SSL_AD_ACCESS_DENIED, "alert: access denied"},
    {SSL_AD_DECODE_ERROR, "alert: decode error"},
    {SSL_AD_DECRYPT_ERROR, "alert: decrypt error"},
    {SSL_AD_PROTOCOL_VERSION, "alert: no common protocol version"},
    {SSL_AD_INSUFFICIENT_SECURITY, "alert: insufficient security"},
    {SSL_AD_INTERNAL_ERROR, "alert: internal error"},
    {SSL_AD_NO_RENEGOTIATION, "alert: no renegotiation"},
    {SSL_AD_UNRECOGNIZED_NAME, "alert: unknown name"},
    {SSL_AD_CERTIFICATE_REQUIRED, "alert: client certificate required"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "no common application protocol"},
};

static const struct text_of ssl_texts[] = {
    {SSL_R_CERTIFICATE_VERIFY_FAILED, "certificate not accepted"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "no common protocol version"},
    {SSL_R_WRONG_SSL_VERSION, "no common protocol version"},
    {SSL_R_VERSION_TOO_LOW, "no common protocol version"},
    {SSL_R_NO_SHARED_CIPHER, "no common cipher"},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, "no common signature algorithm"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "no common key exchange"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "no common application protocol"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "no client certificate"},
    {SSL_R_WRONG_VERSION_NUMBER, "not TLS"},
    {SSL_R_HTTP_REQUEST, "not TLS: plain HTTP"},
    {SSL_R_HTTPS_PROXY_REQUEST, "not TLS: plain HTTP"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "connection closed"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "bad record"},
    {SSL_R_BAD_RECORD_TYPE, "bad record"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, "bad record"},
    {SSL_R_ENCRYPTED_LENGTH_TOO_LONG, "bad record"},
    {SSL_R_EE_KEY_TOO_SMALL, "weak certificate key"},
    {SSL_R_CA_KEY_TOO_SMALL, "weak certificate key"},
    {SSL_R_CA_MD_TOO_WEAK, "weak certificate signature"},
    {SSL_R_WRONG_SIGNATURE_TYPE, "weak certificate signature"},
    {SSL_R_DH_KEY_TOO_SMALL, "weak key exchange"},
    {SSL_R_SESSION_ID_CONTEXT_UNINITIALIZED, "session not accepted"},
};

static const char *lookup(const struct text_of *t, size_t n, long code)
{
    for (size_t i = 0; i < n; i++) {
        if (t[i].code == code)
            return t[i].text;
    }
    return NULL;
}

#define LOOKUP(table, code) lookup((table), sizeof(table) / sizeof(table)[0], (code))

const char *tls_verify_text(long verify_result)
{
    const char *text = LOOKUP(verify_texts, verify_result);
    return text != NULL ? text : "certificate not accepted";
}

static const char *ssl_text(long reason)
{
    const char *text = NULL;
    if (reason > SSL_AD_REASON_OFFSET) { /* the peer's alert, told as reason 1000 + number */
        text = LOOKUP(alert_texts, reason - SSL_AD_REASON_OFFSET);
        return text != NULL ? text : "alert";
    }
    text = LOOKUP(ssl_texts, reason);
    return text != NULL ? text : "protocol error";
}

const char *tls_error_text(void)
{
    unsigned long first = ERR_peek_error();
    ERR_clear_error();
    if (first == 0)
        return "";
    switch (ERR_GET_LIB(first)) {
    case ERR_LIB_SSL:
        return ssl_text(ERR_GET_REASON(first));
    case ERR_LIB_PEM:
        return ERR_GET_REASON(first) == PEM_R_NO_START_LINE       ? "no PEM block of the right kind in it"
               : ERR_GET_REASON(first) == PEM_R_BAD_PASSWORD_READ ? "it is encrypted"
                                                                  : "bad PEM";
    case ERR_LIB_ASN1:
        return "bad encoding";
    case ERR_LIB_X509:
        return ERR_GET_REASON(first) == X509_R_NO_CERTIFICATE_FOUND ||
                       ERR_GET_REASON(first) == X509_R_NO_CERTIFICATE_OR_CRL_FOUND
                   ? "no certificate in it"
                   : "bad certificate";
    case ERR_LIB_X509V3:
        return "bad certificate";
    case ERR_LIB_OSSL_DECODER: /* what reads keys: it found nothing that it knows */
        return "no PEM block of the right kind in it";
    default:
        return "OpenSSL refuses it";
    }
}
