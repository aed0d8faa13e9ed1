/* The shelf of idle HTTP/1 connections that all workers share: one of the three things workers share at all (style section
 * 6). Inside upstream/ only. Every function may be called from any thread. */
#ifndef SLUICE_UPSTREAM_SHELF_H
#define SLUICE_UPSTREAM_SHELF_H

#include "tls/stream.h"
#include "upstream/upstream.h"

struct shelf_item {
    struct tls_parked parked; /* own */
    int64_t idle_since_ns, expires_ns;
};

bool shelf_put(struct upstream_shelf *s, uint64_t origin,
               const struct shelf_item *item); /* takes; false: full, nothing taken */
bool shelf_take(struct upstream_shelf *s, uint64_t origin, int64_t now_ns,
                struct shelf_item *out); /* gives the newest */
void shelf_drop_origin(struct upstream_shelf *s, uint64_t origin);
void shelf_sweep(struct upstream_shelf *s, int64_t now_ns); /* closes the expired and the dead; at most once a second */

#endif
