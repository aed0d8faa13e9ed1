#include "base/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/chunks.h"

void sl_heap_set_up(void)
{
    mallopt(M_MMAP_THRESHOLD, SL_CHUNK_HUGE);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    mallopt(M_TOP_PAD, 1 << 20); /* address space, not memory: fewer mprotect calls while an arena grows */
    mallopt(M_ARENA_MAX, 4);
}

void sl_heap_trim(void)
{
    (void)malloc_trim(0);
}

void sl_pages_forget(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1), to = ((uintptr_t)p + n) & ~(page - 1);
    if (from < to) /* a wish: nothing depends on it */
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}
