/* Heap allocation. Small allocations do not fail: out of memory ends the process (style: the journal makes that
 * safe), so callers compare every size that comes from outside with a limit first. */
#ifndef SLUICE_BASE_MEM_H
#define SLUICE_BASE_MEM_H

#include <stddef.h>

/* All give memory that the caller owns and releases with sl_free. n may be 0 (a unique pointer is given). */
void *sl_malloc(size_t n) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *sl_calloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *sl_realloc(void *p, size_t n) __attribute__((alloc_size(2), returns_nonnull));
void sl_free(void *p); /* accepts NULL */

/* A copy of n bytes with a NUL behind them. */
char *sl_memdup0(const void *p, size_t n) __attribute__((returns_nonnull));

#define SL_NEW(type) ((type *)sl_calloc(1, sizeof(type)))

#endif
