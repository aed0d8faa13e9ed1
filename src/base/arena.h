/* struct sl_arena: memory of one lifetime (an exchange, an attempt, a parse), dropped whole.
 *
 * Blocks come from a cache that the caller may share between arenas of one thread (a worker's), so that the steady
 * state does no malloc. Things that need more than memory to be released register a cleanup; cleanups run newest
 * first when the arena is dropped. Not thread-safe. */
#ifndef SLUICE_BASE_ARENA_H
#define SLUICE_BASE_ARENA_H

#include <stddef.h>

#include "base/str.h"

#define SL_ARENA_BLOCK 4096u /* payload of a normal block; larger requests get a block of their own */

struct sl_arena_block;
struct sl_arena_cleanup;

/* Free blocks of one thread. Keeps at most `max` blocks. */
struct sl_arena_cache {
    struct sl_arena_block *free;
    unsigned n, max;
    bool wipe; /* zero retention: blocks are wiped before they come back here */
};

struct sl_arena {
    char *at, *end;
    struct sl_arena_block *blocks;
    struct sl_arena_cleanup *cleanups;
    struct sl_arena_cache *cache; /* borrow; NULL: plain malloc */
    size_t used;                  /* bytes handed out, for limits and statistics */
};

void sl_arena_cache_init(struct sl_arena_cache *c, unsigned max_blocks);
void sl_arena_cache_done(struct sl_arena_cache *c);

void sl_arena_init(struct sl_arena *a, struct sl_arena_cache *cache);
void sl_arena_done(struct sl_arena *a);  /* runs cleanups, releases all; a may be initialised again */
void sl_arena_reset(struct sl_arena *a); /* the same, and ready for reuse */

void *sl_arena_alloc(struct sl_arena *a, size_t n)
    __attribute__((malloc, alloc_size(2), returns_nonnull)); /* 16-aligned */
void *sl_arena_zalloc(struct sl_arena *a, size_t n) __attribute__((malloc, alloc_size(2), returns_nonnull));
/* Room for cap elements of that width, the first n of them copied from old (NULL when n is 0). */
void *sl_arena_grow(struct sl_arena *a, const void *old, size_t n, size_t cap, size_t width)
    __attribute__((returns_nonnull));
struct sl_str sl_arena_str(struct sl_arena *a, struct sl_str s); /* a copy, with a NUL behind it */
char *sl_arena_cstr(struct sl_arena *a, struct sl_str s);
struct sl_str sl_arena_printf(struct sl_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

typedef void sl_arena_cleanup_f(void *arg);
void sl_arena_on_drop(struct sl_arena *a, sl_arena_cleanup_f *fn, void *arg);

#define SL_ARENA_NEW(a, type) ((type *)sl_arena_zalloc((a), sizeof(type)))

#endif
