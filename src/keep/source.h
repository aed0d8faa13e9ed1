/* Reading a copy, or a part of it, with back-pressure. */
#ifndef SLUICE_KEEP_SOURCE_H
#define SLUICE_KEEP_SOURCE_H

#include "keep/place.h"

struct keep_source;

struct keep_piece { /* what is read; views until keep_source_open returns */
    struct sl_str name;
    struct sl_str etag;   /* the store's own, when it was written; empty: none */
    uint64_t size;        /* of the whole copy: another size means another copy */
    uint64_t first, last; /* bytes, both included */
};

struct keep_source_owner {                           /* from the loop, never from inside a call into the source */
    void (*ready)(void *owner);                      /* once: it is there, bytes follow */
    void (*bytes)(void *owner, struct sl_str bytes); /* valid during the call */
    void (*over)(void *owner, bool whole, const char *why); /* once, last; why: static, or "" */
};

/* p: until it is closed. */
struct keep_source *keep_source_open(const struct keep_env *env, const struct keep_place *p,
                                     const struct keep_piece *piece, const struct keep_source_owner *calls,
                                     void *owner);
void keep_source_read(struct keep_source *s, bool on); /* off: no more bytes until on */
void keep_source_close(struct keep_source *s);         /* at any time; NULL accepted */

#endif
