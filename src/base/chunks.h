/* struct sl_chunks: a queue of bytes in blocks, with a maximum. For what waits to be written and for bodies that are
 * kept. Blocks come from a per-thread cache, so that the steady state does no malloc. */
#ifndef SLUICE_BASE_CHUNKS_H
#define SLUICE_BASE_CHUNKS_H

#include <stddef.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/str.h"

#define SL_CHUNK_SMALL 4096u  /* payload of a cached block, small class: heads, events */
#define SL_CHUNK_LARGE 65536u /* payload of a cached block, large class: bodies */
/* A queue of SL_CHUNK_MANY bytes goes on in blocks of this size, which malloc takes from the system and gives back when they
 * are freed (main/ sets its threshold to the same). A thousand blocks of a heap would stay with the process: whatever else
 * was allocated meanwhile lies above them. */
#define SL_CHUNK_HUGE (4u << 20)
#define SL_CHUNK_MANY (8u << 20)

struct sl_chunk {
    struct sl_chunk *next;
    size_t from, to; /* used bytes: [from, to) */
    size_t cap;
    char bytes[];
};

struct sl_chunk_cache {
    struct sl_chunk *small, *large;
    unsigned n_small, n_large, max_small, max_large;
    bool wipe;
};

struct sl_chunks {
    struct sl_chunk *head, *tail; /* own */
    size_t n;                     /* bytes in the queue */
    size_t max;                   /* never holds more */
    struct sl_chunk_cache *cache; /* borrow; NULL: plain malloc */
};

void sl_chunk_cache_init(struct sl_chunk_cache *c, unsigned max_small, unsigned max_large);
void sl_chunk_cache_done(struct sl_chunk_cache *c);

void sl_chunks_init(struct sl_chunks *q, size_t max, struct sl_chunk_cache *cache);
void sl_chunks_done(struct sl_chunks *q); /* drops all bytes */
void sl_chunks_clear(struct sl_chunks *q);

/* Copies n bytes to the end; SL_ELIMIT (nothing added) when they do not fit under max. */
enum sl_err sl_chunks_add(struct sl_chunks *q, const void *p, size_t n);
/* Contiguous room of n bytes at the end to write into; NULL when over max. Then sl_chunks_wrote(<= n). */
char *sl_chunks_room(struct sl_chunks *q, size_t n);
void sl_chunks_wrote(struct sl_chunks *q, size_t n);

/* The first bytes as iovecs, at most `max_iov`; gives how many. Valid until the queue changes. */
int sl_chunks_iov(const struct sl_chunks *q, struct iovec *v, int max_iov);
void sl_chunks_drop(struct sl_chunks *q, size_t n); /* removes n bytes from the front; n <= q->n */
void sl_chunks_move(struct sl_chunks *to,
                    struct sl_chunks *from); /* all bytes, no copy; same cache; to->max is not enforced */

/* All bytes in one piece: the view is valid until the queue changes. Joins blocks if there are several. */
struct sl_str sl_chunks_flat(struct sl_chunks *q);

#endif
