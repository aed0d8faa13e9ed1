/* Credentials as "Authorization: Bearer" (fal: "Key", Vidu: "Token"): the header's value is made once, when the snapshot is. */
#include "provider/provider.h"

#include "base/mem.h"

void provider_prepare(struct provider *p)
{
    enum provider_auth auth = p->kind != NULL ? p->kind->auth : PROVIDER_BEARER;
    struct sl_str scheme = auth == PROVIDER_KEY     ? SL_STR("Key ")
                           : auth == PROVIDER_TOKEN ? SL_STR("Token ")
                                                    : SL_STR("Bearer ");
    p->authorization = sl_calloc(p->n_credentials, sizeof *p->authorization);
    for (unsigned i = 0; i < p->n_credentials; i++) {
        struct sl_str key = sl_secret_expose(&p->credentials[i]);
        size_t n = scheme.n + key.n;
        char *text = sl_malloc(n);
        memcpy(text, scheme.p, scheme.n);
        if (key.n > 0)
            memcpy(text + scheme.n, key.p, key.n);
        sl_secret_set(&p->authorization[i], sl_str_of(text, n));
        explicit_bzero(text, n);
        sl_free(text);
    }
}

void provider_release(struct provider *p)
{
    for (unsigned i = 0; i < p->n_credentials; i++) {
        sl_secret_done(&p->credentials[i]);
        if (p->authorization != NULL)
            sl_secret_done(&p->authorization[i]);
    }
    sl_secret_done(&p->aws.id);
    sl_secret_done(&p->aws.secret);
    sl_secret_done(&p->aws.session);
    sl_free(p->credentials);
    sl_free(p->authorization);
    p->credentials = p->authorization = NULL;
    p->n_credentials = 0;
}
