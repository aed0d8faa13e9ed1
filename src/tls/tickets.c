/* One of the two things that change behind a context (the other is a client's newest session): two keys under a mutex, held
 * for a copy of some hundred bytes, once for each handshake that makes or opens a ticket. */
#include "tls/tickets.h"

#include "base/mem.h"
#include "base/rand.h"
#include "tls/tls_int.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <string.h>

struct ticket_key {   /* a secret */
    uint8_t name[16]; /* stands in the ticket: which key it is for */
    uint8_t cipher[32];
    uint8_t mac[32];
};

struct tls_tickets {
    _Atomic unsigned refs;
    pthread_mutex_t lock;
    struct ticket_key keys[2]; /* newest first */
    unsigned n;
    int64_t made_ns; /* the newest */
};

static void add_key(struct tls_tickets *t, int64_t now_ns)
{
    t->keys[1] = t->keys[0];
    sl_random_bytes(&t->keys[0], sizeof t->keys[0]);
    t->n = t->n < 2 ? t->n + 1 : 2;
    t->made_ns = now_ns;
}

struct tls_tickets *tls_tickets_new(int64_t now_ns)
{
    struct tls_tickets *t = SL_NEW(struct tls_tickets);
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    add_key(t, now_ns);
    return t;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *t)
{
    unsigned before = atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    SL_CHECK(before > 0);
    return t;
}

void tls_tickets_unref(struct tls_tickets *t)
{
    if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    explicit_bzero(t->keys, sizeof t->keys);
    pthread_mutex_destroy(&t->lock);
    sl_free(t);
}

bool tls_tickets_rotate(struct tls_tickets *t, int64_t now_ns)
{
    pthread_mutex_lock(&t->lock);
    bool is_due = now_ns - t->made_ns >= TLS_TICKETS_LIFE_NS;
    if (is_due)
        add_key(t, now_ns);
    pthread_mutex_unlock(&t->lock);
    return is_due;
}

/* NULL: the newest. Gives the key's place in the ring, or -1. */
static int take_key(struct tls_tickets *t, const unsigned char *name, struct ticket_key *out)
{
    int found = -1;
    pthread_mutex_lock(&t->lock);
    for (unsigned i = 0; i < t->n && found < 0; i++)
        if (name == NULL || memcmp(t->keys[i].name, name, sizeof t->keys[i].name) == 0)
            found = (int)i;
    if (found >= 0)
        *out = t->keys[found];
    pthread_mutex_unlock(&t->lock);
    return found;
}

static bool set_key(struct ticket_key *k, const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, is_new) == 1 &&
           EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 go on, 2 go on and give a new ticket, 0 no such key: a full handshake, -1 fail.
 * TLS 1.3 always gives a new one: a ticket is used once (RFC 8446 C.4). */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int is_new)
{
    const struct tls_context *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key k;
    int place = take_key(c->tickets, is_new ? NULL : name, &k);
    if (place < 0)
        return 0;
    if (is_new) {
        memcpy(name, k.name, sizeof k.name);
        sl_random_bytes(iv, (size_t)EVP_CIPHER_get_iv_length(EVP_aes_256_cbc()));
    }
    bool good = set_key(&k, iv, cipher, mac, is_new);
    explicit_bzero(&k, sizeof k);
    if (!good)
        return -1;
    return !is_new && (place > 0 || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
}

void tls_tickets_use(struct tls_context *c, struct tls_tickets *t)
{
    c->tickets = tls_tickets_ref(t);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ssl, on_ticket);
}
