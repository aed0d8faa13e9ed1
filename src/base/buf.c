#include "base/buf.h"

#include <stdio.h>

#include "base/mem.h"

void sl_buf_init(struct sl_buf *b, size_t max)
{
    *b = (struct sl_buf){.max = max};
}

void sl_buf_init_in(struct sl_buf *b, size_t max, struct sl_arena *a)
{
    *b = (struct sl_buf){.max = max, .arena = a};
}

bool sl_buf_is_on_heap(const struct sl_buf *b)
{
    return b->p != NULL && (b->arena == NULL || b->cap > SL_ARENA_BLOCK);
}

void sl_buf_done(struct sl_buf *b)
{
    if (sl_buf_is_on_heap(b))
        sl_free(b->p);
    *b = (struct sl_buf){.max = b->max, .arena = b->arena};
}

void sl_buf_reset(struct sl_buf *b)
{
    b->n = 0;
    b->over = false;
}

static void move_to(struct sl_buf *b, char *p)
{
    if (b->n > 0)
        memcpy(p, b->p, b->n);
    b->p = p;
}

/* cap: more than now. */
static void grow(struct sl_buf *b, size_t cap)
{
    if (b->arena != NULL && cap <= SL_ARENA_BLOCK)
        move_to(b, sl_arena_alloc(b->arena, cap));
    else if (sl_buf_is_on_heap(b))
        b->p = sl_realloc(b->p, cap);
    else
        move_to(b, sl_malloc(cap));
    b->cap = cap;
}

char *sl_buf_room_slowly(struct sl_buf *b, size_t n)
{
    SL_DCHECK(b->n <= b->cap && b->cap <= b->max);
    if (b->over || n > b->max - b->n) {
        b->over = true;
        return NULL;
    }
    if (b->p == NULL || n > b->cap - b->n) { /* n may be 0: NULL means that it did not fit */
        size_t want = b->cap != 0 ? b->cap : b->arena != NULL ? 256 : 64;
        while (want - b->n < n) { /* what an arena gave before is lost: fewer steps */
            size_t step = b->arena != NULL && want < SL_ARENA_BLOCK ? 4 : 2;
            want = want > b->max / step ? b->max : want * step;
        }
        want = want > b->max ? b->max : want; /* a maximum below the first step */
        grow(b, want);
    }
    return b->p + b->n;
}

void sl_buf_wrote(struct sl_buf *b, size_t n)
{
    SL_CHECK(n <= b->cap - b->n);
    b->n += n;
}

enum sl_err sl_buf_add_slowly(struct sl_buf *b, const void *p, size_t n)
{
    char *to = sl_buf_room(b, n);
    if (to == NULL)
        return SL_ELIMIT;
    if (n != 0)
        memcpy(to, p, n);
    b->n += n;
    return SL_OK;
}

enum sl_err sl_buf_addv(struct sl_buf *b, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char small[256];
    int n = vsnprintf(small, sizeof small, format, ap);
    enum sl_err e = SL_EINVAL;
    if (n >= 0 && (size_t)n < sizeof small) {
        e = sl_buf_add(b, small, (size_t)n);
    } else if (n >= 0) { /* through a copy: its NUL needs a byte that the maximum may not have */
        b->over = b->over || (size_t)n > b->max - b->n;
        char *whole = sl_malloc(b->over ? 1 : (size_t)n + 1);
        if (!b->over)
            vsnprintf(whole, (size_t)n + 1, format, again);
        e = sl_buf_add(b, whole, (size_t)n);
        sl_free(whole);
    }
    va_end(again);
    return e;
}

enum sl_err sl_buf_addf(struct sl_buf *b, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    enum sl_err e = sl_buf_addv(b, format, ap);
    va_end(ap);
    return e;
}

enum sl_err sl_buf_add_u64(struct sl_buf *b, uint64_t v)
{
    char digits[20];
    return sl_buf_add(b, digits, sl_u64_digits(v, digits));
}

enum sl_err sl_buf_add_i64(struct sl_buf *b, int64_t v)
{
    if (v >= 0)
        return sl_buf_add_u64(b, (uint64_t)v);
    if (sl_buf_addc(b, '-') != SL_OK)
        return SL_ELIMIT;
    return sl_buf_add_u64(b, 0 - (uint64_t)v);
}

static void add_escaped(struct sl_buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char u[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    switch (c) {
    case '"':
        sl_buf_add(b, "\\\"", 2);
        break;
    case '\\':
        sl_buf_add(b, "\\\\", 2);
        break;
    case '\n':
        sl_buf_add(b, "\\n", 2);
        break;
    case '\t':
        sl_buf_add(b, "\\t", 2);
        break;
    default:
        sl_buf_add(b, u, sizeof u);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '<';
}

enum sl_err sl_buf_add_json(struct sl_buf *b, struct sl_str s)
{
    sl_buf_addc(b, '"');
    size_t i = 0;
    while (i < s.n) {
        size_t run = i;
        while (run < s.n && is_plain((unsigned char)s.p[run]))
            run++;
        if (run > i)
            sl_buf_add(b, s.p + i, run - i);
        if (run == s.n)
            break;
        unsigned char c = (unsigned char)s.p[run];
        i = run + 1;
        if (c < 0x80) {
            add_escaped(b, c);
            continue;
        }
        size_t len = 2;
        while (len <= 4 && len <= s.n - run && !sl_utf8_valid(sl_str_of(s.p + run, len)))
            len++;
        if (len <= 4 && len <= s.n - run) {
            sl_buf_add(b, s.p + run, len);
            i = run + len;
        } else {
            sl_buf_add(b, "\xEF\xBF\xBD", 3);
        }
    }
    return sl_buf_addc(b, '"') != SL_OK || b->over ? SL_ELIMIT : SL_OK;
}
