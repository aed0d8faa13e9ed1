/* A table from texts to things, in an arena: open addressing, doubled when half full. Its order is never looked at, so that the key
 * of the process in the hash does no harm to what is written. */
#include "dialect/gemini/gemini_int.h"

#include "base/hash.h"

static struct gem_slot *slot_of(const struct gem_index *x, struct sl_str key)
{
    size_t at = (size_t)sl_hash(sl_hash_process_key(), key) & (x->cap - 1);
    while (x->slots[at].value != NULL && !sl_str_eq(x->slots[at].key, key))
        at = (at + 1) & (x->cap - 1);
    return &x->slots[at];
}

void *gem_index_get(const struct gem_index *x, struct sl_str key)
{
    return x->cap > 0 ? slot_of(x, key)->value : NULL;
}

static void grow(struct gem_index *x, struct sl_arena *a)
{
    struct gem_index bigger = {.cap = x->cap == 0 ? 16 : 2 * x->cap, .n = x->n};
    bigger.slots = sl_arena_zalloc(a, bigger.cap * sizeof *bigger.slots);
    for (size_t i = 0; i < x->cap; i++)
        if (x->slots[i].value != NULL)
            *slot_of(&bigger, x->slots[i].key) = x->slots[i];
    *x = bigger;
}

void gem_index_put(struct gem_index *x, struct sl_arena *a, struct sl_str key, void *value)
{
    if (x->n * 2 >= x->cap)
        grow(x, a);
    struct gem_slot *to = slot_of(x, key);
    x->n += to->value == NULL;
    *to = (struct gem_slot){.key = key, .value = value};
}
