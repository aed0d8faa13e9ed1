#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

struct sl_arena_block {
    struct sl_arena_block *next;
    size_t size; /* payload bytes */
    _Alignas(16) char payload[];
};

struct sl_arena_cleanup {
    struct sl_arena_cleanup *next;
    sl_arena_cleanup_f *fn;
    void *arg;
};

void sl_arena_cache_init(struct sl_arena_cache *c, unsigned max_blocks)
{
    *c = (struct sl_arena_cache){.max = max_blocks};
}

void sl_arena_cache_done(struct sl_arena_cache *c)
{
    while (c->free != NULL) {
        struct sl_arena_block *b = c->free;
        c->free = b->next;
        sl_free(b);
    }
    c->n = 0;
}

void sl_arena_init(struct sl_arena *a, struct sl_arena_cache *cache)
{
    *a = (struct sl_arena){.cache = cache};
}

static void block_release(struct sl_arena_cache *c, struct sl_arena_block *b)
{
    if (c != NULL && c->wipe)
        explicit_bzero(b->payload, b->size);
    if (c == NULL || b->size != SL_ARENA_BLOCK || c->n >= c->max) {
        sl_free(b);
        return;
    }
    b->next = c->free;
    c->free = b;
    c->n++;
}

void sl_arena_done(struct sl_arena *a)
{
    for (struct sl_arena_cleanup *c = a->cleanups; c != NULL; c = c->next)
        c->fn(c->arg);
    struct sl_arena_block *b = a->blocks;
    while (b != NULL) {
        struct sl_arena_block *next = b->next;
        block_release(a->cache, b);
        b = next;
    }
    *a = (struct sl_arena){.cache = a->cache};
}

void sl_arena_reset(struct sl_arena *a)
{
    sl_arena_done(a);
}

static struct sl_arena_block *block_take(struct sl_arena_cache *c, size_t size)
{
    if (c != NULL && size == SL_ARENA_BLOCK && c->free != NULL) {
        struct sl_arena_block *b = c->free;
        c->free = b->next;
        c->n--;
        return b;
    }
    struct sl_arena_block *b = sl_malloc(sizeof *b + size);
    b->size = size;
    return b;
}

static void *alloc_slow(struct sl_arena *a, size_t n)
{
    if (n > SL_ARENA_BLOCK / 4) { /* a block of its own, behind the current one, which stays in use */
        struct sl_arena_block *b = block_take(a->cache, n > SL_ARENA_BLOCK ? n : SL_ARENA_BLOCK);
        if (a->blocks != NULL) {
            b->next = a->blocks->next;
            a->blocks->next = b;
        } else {
            b->next = NULL;
            a->blocks = b;
        }
        return b->payload;
    }
    struct sl_arena_block *b = block_take(a->cache, SL_ARENA_BLOCK);
    b->next = a->blocks;
    a->blocks = b;
    a->at = b->payload + n;
    a->end = b->payload + SL_ARENA_BLOCK;
    return b->payload;
}

void *sl_arena_alloc(struct sl_arena *a, size_t n)
{
    SL_CHECK(n <= SIZE_MAX / 2);
    n = (n + 15) & ~(size_t)15;
    if (n == 0)
        n = 16;
    a->used += n;
    if (SL_LIKELY(n <= (size_t)(a->end - a->at))) {
        void *p = a->at;
        a->at += n;
        return p;
    }
    return alloc_slow(a, n);
}

void *sl_arena_zalloc(struct sl_arena *a, size_t n)
{
    void *p = sl_arena_alloc(a, n);
    memset(p, 0, n);
    return p;
}

char *sl_arena_cstr(struct sl_arena *a, struct sl_str s)
{
    char *p = sl_arena_alloc(a, s.n + 1);
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

void *sl_arena_grow(struct sl_arena *a, const void *old, size_t n, size_t cap, size_t width)
{
    void *v = sl_arena_alloc(a, cap * width);
    if (n > 0)
        memcpy(v, old, n * width);
    return v;
}

struct sl_str sl_arena_str(struct sl_arena *a, struct sl_str s)
{
    return sl_str_of(sl_arena_cstr(a, s), s.n);
}

struct sl_str sl_arena_printf(struct sl_arena *a, const char *format, ...)
{
    char small[256];
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, format, ap);
    va_end(ap);
    SL_CHECK(n >= 0);
    char *p = sl_arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof small)
        memcpy(p, small, (size_t)n + 1);
    else
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return sl_str_of(p, (size_t)n);
}

void sl_arena_on_drop(struct sl_arena *a, sl_arena_cleanup_f *fn, void *arg)
{
    struct sl_arena_cleanup *c = sl_arena_alloc(a, sizeof *c);
    *c = (struct sl_arena_cleanup){.next = a->cleanups, .fn = fn, .arg = arg};
    a->cleanups = c;
}
