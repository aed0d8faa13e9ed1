/* One mutex over a small table of lists. Nothing is closed while it is held: closing a TLS connection writes. */
#include "upstream/shelf.h"

#include "base/list.h"
#include "base/mem.h"

#include <pthread.h>

#define BUCKETS 64u /* origins are few */

struct item {
    struct sl_list node;
    struct shelf_item it;
};

struct shelf_origin {
    uint64_t id;
    struct shelf_origin *next;
    struct sl_list items; /* newest first */
    unsigned n;
};

struct upstream_shelf {
    pthread_mutex_t lock;
    /* under the lock */
    struct shelf_origin *buckets[BUCKETS];
    int64_t swept_ns;
    /* written under the lock, read by anyone */
    _Atomic unsigned n;
    /* constant */
    unsigned max_total, max_per_origin;
};

struct upstream_shelf *upstream_shelf_new(unsigned max_total, unsigned max_per_origin)
{
    struct upstream_shelf *s = SL_NEW(struct upstream_shelf);
    pthread_mutex_init(&s->lock, NULL);
    s->max_total = max_total;
    s->max_per_origin = max_per_origin;
    return s;
}

static void close_items(struct sl_list *items)
{
    struct sl_list *node;
    while ((node = sl_list_take_head(items)) != NULL) {
        struct item *i = SL_CONTAINER_OF(node, struct item, node);
        tls_parked_close(&i->it.parked);
        sl_free(i);
    }
}

static struct shelf_origin **bucket_of(struct upstream_shelf *s, uint64_t id)
{
    return &s->buckets[(id ^ (id >> 32)) % BUCKETS];
}

static struct shelf_origin *find(struct upstream_shelf *s, uint64_t id)
{
    struct shelf_origin *o = *bucket_of(s, id);
    while (o != NULL && o->id != id)
        o = o->next;
    return o;
}

static struct shelf_origin *get(struct upstream_shelf *s, uint64_t id)
{
    struct shelf_origin *o = find(s, id);
    if (o != NULL)
        return o;
    o = SL_NEW(struct shelf_origin);
    o->id = id;
    sl_list_init(&o->items);
    o->next = *bucket_of(s, id);
    *bucket_of(s, id) = o;
    return o;
}

static void drop_if_empty(struct upstream_shelf *s, struct shelf_origin *o)
{
    if (o->n > 0)
        return;
    struct shelf_origin **at = bucket_of(s, o->id);
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    sl_free(o);
}

static void take_out(struct upstream_shelf *s, struct shelf_origin *o, struct item *i)
{
    sl_list_remove(&i->node);
    o->n--;
    atomic_fetch_sub_explicit(&s->n, 1, memory_order_relaxed);
}

unsigned upstream_shelf_count(const struct upstream_shelf *s)
{
    return s != NULL ? atomic_load_explicit(&s->n, memory_order_relaxed) : 0;
}

bool shelf_put(struct upstream_shelf *s, uint64_t origin, const struct shelf_item *item)
{
    bool put = false;
    pthread_mutex_lock(&s->lock);
    if (upstream_shelf_count(s) < s->max_total) {
        struct shelf_origin *o = get(s, origin);
        put = o->n < s->max_per_origin;
        if (put) {
            struct item *i = SL_NEW(struct item);
            i->it = *item;
            sl_list_init(&i->node);
            sl_list_add_head(&o->items, &i->node);
            o->n++;
            atomic_fetch_add_explicit(&s->n, 1, memory_order_relaxed);
        }
        drop_if_empty(s, o);
    }
    pthread_mutex_unlock(&s->lock);
    return put;
}

bool shelf_take(struct upstream_shelf *s, uint64_t origin, int64_t now_ns, struct shelf_item *out)
{
    struct sl_list dead;
    bool found = false;
    sl_list_init(&dead);
    if (upstream_shelf_count(s) == 0) /* relaxed: a miss costs a new connection, nothing else */
        return false;
    pthread_mutex_lock(&s->lock);
    struct shelf_origin *o = find(s, origin);
    while (o != NULL && o->n > 0 && !found) {
        struct item *i = SL_CONTAINER_OF(o->items.next, struct item, node);
        take_out(s, o, i);
        if (i->it.expires_ns <= now_ns) {
            sl_list_add_tail(&dead, &i->node);
            continue;
        }
        *out = i->it;
        sl_free(i);
        found = true;
    }
    if (o != NULL)
        drop_if_empty(s, o);
    pthread_mutex_unlock(&s->lock);
    close_items(&dead);
    return found;
}

void shelf_drop_origin(struct upstream_shelf *s, uint64_t origin)
{
    struct sl_list dead;
    sl_list_init(&dead);
    pthread_mutex_lock(&s->lock);
    struct shelf_origin *o = find(s, origin);
    if (o != NULL) {
        atomic_fetch_sub_explicit(&s->n, o->n, memory_order_relaxed);
        o->n = 0;
        sl_list_splice(&dead, &o->items);
        drop_if_empty(s, o);
    }
    pthread_mutex_unlock(&s->lock);
    close_items(&dead);
}

/* A virtual socket (fd < 0) cannot be asked; it is, when it is taken up. */
static bool is_dead(const struct item *i, int64_t now_ns)
{
    return i->it.expires_ns <= now_ns || (i->it.parked.fd >= 0 && !tls_parked_is_alive(&i->it.parked));
}

void shelf_sweep(struct upstream_shelf *s, int64_t now_ns)
{
    struct sl_list dead;
    sl_list_init(&dead);
    if (upstream_shelf_count(s) == 0)
        return;
    pthread_mutex_lock(&s->lock);
    bool due = now_ns - s->swept_ns >= SL_SEC;
    if (due)
        s->swept_ns = now_ns;
    for (unsigned b = 0; due && b < BUCKETS; b++) {
        for (struct shelf_origin *o = s->buckets[b], *next; o != NULL; o = next) {
            next = o->next;
            SL_LIST_EACH(node, &o->items)
            {
                struct item *i = SL_CONTAINER_OF(node, struct item, node);
                if (!is_dead(i, now_ns))
                    continue;
                take_out(s, o, i);
                sl_list_add_tail(&dead, &i->node);
            }
            drop_if_empty(s, o);
        }
    }
    pthread_mutex_unlock(&s->lock);
    close_items(&dead);
}

void upstream_shelf_free(struct upstream_shelf *s)
{
    if (s == NULL)
        return;
    for (unsigned b = 0; b < BUCKETS; b++) {
        while (s->buckets[b] != NULL) {
            struct shelf_origin *o = s->buckets[b];
            close_items(&o->items);
            s->buckets[b] = o->next;
            sl_free(o);
        }
    }
    pthread_mutex_destroy(&s->lock);
    sl_free(s);
}
