/* struct sl_buf: bytes that grow to a stated maximum. */
#ifndef SLUICE_BASE_BUF_H
#define SLUICE_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct sl_buf {
    char *p;                /* own; the arena's while it is small */
    size_t n;               /* bytes used */
    size_t cap;             /* bytes allocated */
    size_t max;             /* never grows past this */
    bool over;              /* sticky: something did not fit; checked once at the end */
    struct sl_arena *arena; /* borrow; NULL: none */
};

void sl_buf_init(struct sl_buf *b, size_t max);
/* Its bytes come from the arena as long as they are few (SL_ARENA_BLOCK), then from the heap: for what is mostly small and is made
 * for each request. The arena outlives its use. */
void sl_buf_init_in(struct sl_buf *b, size_t max, struct sl_arena *a);
bool sl_buf_is_on_heap(const struct sl_buf *b); /* whether there is anything that sl_buf_done would release */
void sl_buf_done(struct sl_buf *b);             /* releases; usable again only after sl_buf_init */
void sl_buf_reset(struct sl_buf *b);            /* n = 0, over = false, keeps the memory */

/* Appending sticks: once something did not fit, `over` is set and nothing more is added. SL_ELIMIT says so. */
enum sl_err sl_buf_add_slowly(struct sl_buf *b, const void *p, size_t n);

/* Here, so that pieces of known length are stores: writers of JSON add little else. */
static inline enum sl_err sl_buf_add(struct sl_buf *b, const void *p, size_t n)
{
    if (b->over || n - 1 >= b->cap - b->n) /* nothing at all goes the slow way, too */
        return sl_buf_add_slowly(b, p, n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return SL_OK;
}
static inline enum sl_err sl_buf_addc(struct sl_buf *b, char c)
{
    return sl_buf_add(b, &c, 1);
}
enum sl_err sl_buf_addf(struct sl_buf *b, const char *format, ...) SL_PRINTF(2, 3); /* integers and strings only */
enum sl_err sl_buf_addv(struct sl_buf *b, const char *format, va_list ap) SL_PRINTF(2, 0);
enum sl_err sl_buf_add_u64(struct sl_buf *b, uint64_t v);
enum sl_err sl_buf_add_i64(struct sl_buf *b, int64_t v);

/* A JSON string with quotes; bytes that are not UTF-8 become U+FFFD, controls are escaped (also U+007F, '<', so
 * that a line can be shown anywhere). */
enum sl_err sl_buf_add_json(struct sl_buf *b, struct sl_str s);

/* Room for n more bytes at the end: gives where to write, or NULL when over the maximum. Then sl_buf_wrote. */
char *sl_buf_room_slowly(struct sl_buf *b, size_t n);
static inline char *sl_buf_room(struct sl_buf *b, size_t n)
{
    return !b->over && n < b->cap - b->n ? b->p + b->n : sl_buf_room_slowly(b, n); /* no bytes yet: the slow way */
}
void sl_buf_wrote(struct sl_buf *b, size_t n);

static inline enum sl_err sl_buf_adds(struct sl_buf *b, struct sl_str s)
{
    return sl_buf_add(b, s.p, s.n);
}

static inline struct sl_str sl_buf_str(const struct sl_buf *b)
{
    return (struct sl_str){b->p, b->n};
}

#endif
