#include "base/map.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"

void sl_map_init(struct sl_map *m)
{
    *m = (struct sl_map){0};
}

void sl_map_done(struct sl_map *m)
{
    sl_free(m->slots);
    *m = (struct sl_map){0};
}

static struct sl_map_slot *find(const struct sl_map *m, struct sl_str key, uint64_t hash)
{
    if (m->cap == 0)
        return NULL;
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct sl_map_slot *s = &m->slots[i];
        if (s->key.p == NULL)
            return NULL;
        if (s->value != NULL && s->hash == hash && sl_str_eq(s->key, key))
            return s;
    }
}

void *sl_map_get(const struct sl_map *m, struct sl_str key)
{
    if (m->n == 0)
        return NULL;
    struct sl_map_slot *s = find(m, key, sl_hash(sl_hash_process_key(), key));
    return s != NULL ? s->value : NULL;
}

static void insert_new(struct sl_map *m, struct sl_str key, void *value, uint64_t hash)
{
    size_t i = hash & (m->cap - 1);
    while (m->slots[i].key.p != NULL)
        i = (i + 1) & (m->cap - 1);
    m->slots[i] = (struct sl_map_slot){.key = key, .value = value, .hash = hash};
    m->used++;
    m->n++;
}

static void grow(struct sl_map *m)
{
    struct sl_map old = *m;
    m->cap = old.n * 4 < 16 ? 16 : old.cap * (old.n * 2 >= old.cap ? 2 : 1);
    m->slots = sl_calloc(m->cap, sizeof *m->slots);
    m->n = m->used = 0;
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].value != NULL)
            insert_new(m, old.slots[i].key, old.slots[i].value, old.slots[i].hash);
    sl_free(old.slots);
}

void *sl_map_put(struct sl_map *m, struct sl_str key, void *value)
{
    SL_CHECK(value != NULL);
    if (key.p == NULL)
        key = SL_STR("");
    uint64_t hash = sl_hash(sl_hash_process_key(), key);
    struct sl_map_slot *s = find(m, key, hash);
    if (s != NULL) {
        void *old = s->value;
        s->key = key;
        s->value = value;
        return old;
    }
    if ((m->used + 1) * 4 > m->cap * 3)
        grow(m);
    insert_new(m, key, value, hash);
    return NULL;
}

void *sl_map_remove(struct sl_map *m, struct sl_str key)
{
    struct sl_map_slot *s = find(m, key, sl_hash(sl_hash_process_key(), key));
    if (s == NULL)
        return NULL;
    void *old = s->value;
    s->value = NULL;
    s->key = SL_STR(""); /* deleted, still part of probe chains */
    m->n--;
    return old;
}

struct sl_map_slot *sl_map_next(const struct sl_map *m, size_t *at)
{
    while (*at < m->cap) {
        struct sl_map_slot *s = &m->slots[(*at)++];
        if (s->value != NULL)
            return s;
    }
    return NULL;
}
