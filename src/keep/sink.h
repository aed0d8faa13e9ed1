/* Writing one copy: bytes come as they come, one block of them is in memory, and the copy is there under its name when all of it is,
 * or not at all.
 *
 *   write ─► block ─┬─ directory: file "NAME.part" ─► fsync ─► rename ─► fsync of the folder
 *                   └─ S3: one PUT, or parts of 8 MiB, each with its hash ─► complete ─► its length is asked for
 *
 * A name may be written again: what an earlier try left behind (a .part file, an upload that was not completed) is removed first. */
#ifndef SLUICE_KEEP_SINK_H
#define SLUICE_KEEP_SINK_H

#include "keep/place.h"
#include "tls/digest.h"

struct keep_sink;

struct keep_sunk { /* lives until the sink is dropped */
    bool ok;
    struct sl_str why; /* not ok; no secrets */
    uint64_t bytes;
    uint8_t sha256[TLS_SHA256_BYTES];
    struct sl_str etag; /* the store's own; empty: it has none */
};

struct keep_sink_owner {                                  /* from the loop, never from inside a call into the sink */
    void (*room)(void *owner);                            /* there is room (again) */
    void (*over)(void *owner, const struct keep_sunk *r); /* once: after keep_sink_end, or when it failed before */
};

/* p: until the sink is dropped. name: keep_name_is. again: something of an earlier try may be there. */
struct keep_sink *keep_sink_new(const struct keep_env *env, const struct keep_place *p, struct sl_str name,
                                struct sl_str type, bool again, const struct keep_sink_owner *calls, void *owner);
/* Copies all of it. Callers stop when there is no room. */
void keep_sink_write(struct keep_sink *s, struct sl_str bytes);
size_t keep_sink_room(const struct keep_sink *s);
uint64_t keep_sink_bytes(const struct keep_sink *s); /* so far */
/* No more comes. sha256: what all of it must be; NULL: not known. */
void keep_sink_end(struct keep_sink *s, const uint8_t *sha256);
/* At any time but inside `over`'s caller's arguments: nothing is called any more. What is not whole is removed as far as that can
 * be done at once; the rest when the name is written again, or removed (remove.h). */
void keep_sink_drop(struct keep_sink *s); /* NULL accepted */

#endif
