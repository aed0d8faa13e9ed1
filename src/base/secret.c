#include "base/secret.h"

#include <string.h>

#include "base/mem.h"

void sl_secret_done(struct sl_secret *s)
{
    if (s->bytes != NULL)
        explicit_bzero(s->bytes, s->n);
    sl_free(s->bytes);
    *s = (struct sl_secret){0};
}

void sl_secret_set(struct sl_secret *s, struct sl_str value)
{
    char *copy = sl_memdup0(value.p, value.n);
    sl_secret_done(s);
    *s = (struct sl_secret){.bytes = copy, .n = value.n};
}

struct sl_str sl_secret_expose(const struct sl_secret *s)
{
    return sl_str_of(s->bytes, s->n);
}

bool sl_equal_ct(const void *a, const void *b, size_t n)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char diff = 0;
    for (size_t i = 0; i < n; i++)
        diff |= (unsigned char)(x[i] ^ y[i]);
    return diff == 0;
}
