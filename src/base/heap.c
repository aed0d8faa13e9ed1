#include "base/heap.h"

#include <malloc.h>

#include "base/chunks.h"

void sl_heap_set_up(void)
{
    mallopt(M_MMAP_THRESHOLD, SL_CHUNK_HUGE);
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    mallopt(M_TOP_PAD, 1 << 20); /* address space, not memory: fewer mprotect calls while an arena grows */
    mallopt(M_ARENA_MAX, 4);
}
