/* struct sl_map: string -> pointer, open addressing, keyed hash. Keys are borrowed: they must live as long as the
 * entry (usually inside the value or an arena). Not thread-safe for writing; safe for many readers once built. */
#ifndef SLUICE_BASE_MAP_H
#define SLUICE_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct sl_map_slot {
    struct sl_str key; /* borrow; key.p == NULL: empty */
    void *value;       /* borrow; NULL with a key: deleted */
    uint64_t hash;
};

struct sl_map {
    struct sl_map_slot *slots; /* own */
    size_t cap, n, used;       /* cap: power of two; used counts deleted slots too */
};

void sl_map_init(struct sl_map *m);
void sl_map_done(struct sl_map *m);
void *sl_map_get(const struct sl_map *m, struct sl_str key); /* NULL when absent */
void *sl_map_put(struct sl_map *m, struct sl_str key,
                 void *value);                            /* value not NULL; gives the value it replaced or NULL */
void *sl_map_remove(struct sl_map *m, struct sl_str key); /* gives the removed value or NULL */
struct sl_map_slot *sl_map_next(const struct sl_map *m, size_t *at); /* walk: *at starts at 0; NULL at the end */

#endif
