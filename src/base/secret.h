/* struct sl_secret: bytes that are wiped when released, compared in constant time, and have no way into a format
 * string: the only way to the bytes is sl_secret_expose, whose callers are few and greppable. */
#ifndef SLUICE_BASE_SECRET_H
#define SLUICE_BASE_SECRET_H

#include "base/str.h"

struct sl_secret {
    char *bytes; /* own; never printed */
    size_t n;
};

void sl_secret_set(struct sl_secret *s, struct sl_str value); /* copies; wipes the old value */
void sl_secret_done(struct sl_secret *s);                     /* wipes and releases; accepts an empty one */
struct sl_str sl_secret_expose(const struct sl_secret *s);    /* borrow until s changes */

bool sl_equal_ct(const void *a, const void *b, size_t n); /* time depends on n only */

#endif
