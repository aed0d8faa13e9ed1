/* Reading untrusted binary records: sticks on the first error, so a parser is a row of calls and one check. */
#ifndef SLUICE_BASE_READER_H
#define SLUICE_BASE_READER_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

struct sl_reader {
    const unsigned char *p; /* borrow */
    size_t left;
    bool bad; /* sticky */
};

static inline struct sl_reader sl_reader_of(const void *p, size_t n)
{
    return (struct sl_reader){(const unsigned char *)p, n, false};
}

/* Little-endian, 1..8 bytes; 0 when bad. Inline: with a constant size it is one load. */
static inline uint64_t sl_read_uint(struct sl_reader *r, unsigned bytes)
{
    uint64_t v = 0;
    SL_DCHECK(bytes >= 1 && bytes <= 8);
    if (SL_UNLIKELY(r->bad || bytes > r->left)) {
        r->bad = true;
        return 0;
    }
    memcpy(&v, r->p, bytes);
    r->p += bytes;
    r->left -= bytes;
    return le64toh(v);
}

/* A view; empty when bad. */
static inline struct sl_str sl_read_bytes(struct sl_reader *r, size_t n)
{
    if (SL_UNLIKELY(r->bad || n > r->left)) {
        r->bad = true;
        return SL_STR_NONE;
    }
    struct sl_str s = sl_str_of(r->p, n);
    r->p += n;
    r->left -= n;
    return s;
}

static inline bool sl_reader_ok(const struct sl_reader *r)
{
    return !r->bad;
}

#endif
