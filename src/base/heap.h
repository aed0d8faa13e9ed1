/* How the process's heap gives pages back. For programs that serve, and benchmarks that measure what these do. */
#ifndef SLUICE_BASE_HEAP_H
#define SLUICE_BASE_HEAP_H

#include <stddef.h>

/* Bodies of some 100 KiB come and go with every request: their pages stay (else each request faults them in again, which costs
 * more than reading and writing the body); those of large ones go back. Call once, before threads are started. */
void sl_heap_set_up(void);

/* Gives free pages back to the system: behind a start or a reload, which need more than what comes after them. Some 100 us. */
void sl_heap_trim(void);

/* Constant data of the program that will not be read again soon: its pages need not be held. They come back when read. */
void sl_pages_forget(const void *p, size_t n);

#endif
