#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void *sl_malloc(size_t n)
{
    void *p = malloc(n != 0 ? n : 1);
    SL_CHECK(p != NULL);
    return p;
}

void *sl_calloc(size_t n, size_t size)
{
    void *p = calloc(n != 0 ? n : 1, size != 0 ? size : 1);
    SL_CHECK(p != NULL);
    return p;
}

void *sl_realloc(void *p, size_t n)
{
    void *q = realloc(p, n != 0 ? n : 1);
    SL_CHECK(q != NULL);
    return q;
}

void sl_free(void *p)
{
    free(p);
}

char *sl_memdup0(const void *p, size_t n)
{
    char *q = sl_malloc(n + 1);
    if (n != 0)
        memcpy(q, p, n);
    q[n] = 0;
    return q;
}
