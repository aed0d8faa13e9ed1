/* How the process's heap gives pages back. For programs that serve, and benchmarks that measure what these do. */
#ifndef SLUICE_BASE_HEAP_H
#define SLUICE_BASE_HEAP_H

/* Bodies of some 100 KiB come and go with every request: their pages stay (else each request faults them in again, which costs
 * more than reading and writing the body); those of large ones go back. Call once, before threads are started. */
void sl_heap_set_up(void);

#endif
