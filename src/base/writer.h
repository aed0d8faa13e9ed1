/* Writing binary records into a given space: sticks when it does not fit. */
#ifndef SLUICE_BASE_WRITER_H
#define SLUICE_BASE_WRITER_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

struct sl_writer {
    unsigned char *p; /* borrow: next byte to write */
    size_t left;
    size_t n; /* written so far */
    bool over;
};

static inline struct sl_writer sl_writer_of(void *p, size_t n)
{
    return (struct sl_writer){(unsigned char *)p, n, 0, false};
}

static inline void sl_write_bytes(struct sl_writer *w, const void *p, size_t n)
{
    if (SL_UNLIKELY(w->over || n > w->left)) {
        w->over = true;
        return;
    }
    if (n != 0)
        memcpy(w->p, p, n);
    w->p += n;
    w->left -= n;
    w->n += n;
}

/* Little-endian, 1..8 bytes. Inline: with a constant size it is one store. */
static inline void sl_write_uint(struct sl_writer *w, uint64_t v, unsigned bytes)
{
    uint64_t le = htole64(v);
    SL_DCHECK(bytes >= 1 && bytes <= 8);
    sl_write_bytes(w, &le, bytes);
}

#endif
