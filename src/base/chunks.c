#include "base/chunks.h"

#include <string.h>

#include "base/list.h"
#include "base/check.h"
#include "base/mem.h"

void sl_chunk_cache_init(struct sl_chunk_cache *c, unsigned max_small, unsigned max_large)
{
    *c = (struct sl_chunk_cache){.max_small = max_small, .max_large = max_large};
}

static void free_all(struct sl_chunk *c)
{
    while (c != NULL) {
        struct sl_chunk *next = c->next;
        sl_free(c);
        c = next;
    }
}

void sl_chunk_cache_done(struct sl_chunk_cache *c)
{
    free_all(c->small);
    free_all(c->large);
    *c = (struct sl_chunk_cache){0};
}

void sl_chunks_init(struct sl_chunks *q, size_t max, struct sl_chunk_cache *cache)
{
    *q = (struct sl_chunks){.max = max, .cache = cache};
}

static void chunk_release(struct sl_chunk_cache *cache, struct sl_chunk *c)
{
    if (cache != NULL && cache->wipe)
        explicit_bzero(c->bytes, c->to);
    if (cache != NULL && c->cap == SL_CHUNK_SMALL && cache->n_small < cache->max_small) {
        c->next = cache->small;
        cache->small = c;
        cache->n_small++;
    } else if (cache != NULL && c->cap == SL_CHUNK_LARGE && cache->n_large < cache->max_large) {
        c->next = cache->large;
        cache->large = c;
        cache->n_large++;
    } else {
        sl_free(c);
    }
}

static struct sl_chunk *chunk_take(struct sl_chunk_cache *cache, size_t n)
{
    struct sl_chunk *c = NULL;
    size_t cap = n <= SL_CHUNK_SMALL ? SL_CHUNK_SMALL : n <= SL_CHUNK_LARGE ? SL_CHUNK_LARGE : n;
    if (cache != NULL && cap == SL_CHUNK_SMALL && cache->small != NULL) {
        c = cache->small;
        cache->small = c->next;
        cache->n_small--;
    } else if (cache != NULL && cap == SL_CHUNK_LARGE && cache->large != NULL) {
        c = cache->large;
        cache->large = c->next;
        cache->n_large--;
    } else {
        c = sl_malloc(sizeof *c + cap);
    }
    c->next = NULL;
    c->from = c->to = 0;
    c->cap = cap;
    return c;
}

void sl_chunks_clear(struct sl_chunks *q)
{
    while (q->head != NULL) {
        struct sl_chunk *c = q->head;
        q->head = c->next;
        chunk_release(q->cache, c);
    }
    q->tail = NULL;
    q->n = 0;
}

void sl_chunks_done(struct sl_chunks *q)
{
    sl_chunks_clear(q);
}

static void append_chunk(struct sl_chunks *q, struct sl_chunk *c)
{
    SL_APPEND(q->head, q->tail, c);
}

/* The next block's payload, where at least `least` is wanted. */
static size_t next_size(const struct sl_chunks *q, size_t least)
{
    return q->n >= SL_CHUNK_MANY && least < SL_CHUNK_HUGE ? SL_CHUNK_HUGE : least;
}

char *sl_chunks_room(struct sl_chunks *q, size_t n)
{
    if (n > q->max || q->n > q->max - n)
        return NULL;
    struct sl_chunk *c = q->tail;
    if (c == NULL || c->cap - c->to < n) {
        c = chunk_take(q->cache, next_size(q, n));
        append_chunk(q, c);
    }
    return c->bytes + c->to;
}

void sl_chunks_wrote(struct sl_chunks *q, size_t n)
{
    SL_CHECK(q->tail != NULL && n <= q->tail->cap - q->tail->to);
    q->tail->to += n;
    q->n += n;
}

enum sl_err sl_chunks_add(struct sl_chunks *q, const void *p, size_t n)
{
    const char *from = p;
    if (n > q->max || q->n > q->max - n)
        return SL_ELIMIT;
    while (n > 0) {
        struct sl_chunk *c = q->tail;
        if (c == NULL || c->cap == c->to) {
            /* a queue that already holds something grows by large blocks */
            c = chunk_take(q->cache, next_size(q, n > SL_CHUNK_LARGE || q->n >= SL_CHUNK_SMALL ? SL_CHUNK_LARGE : n));
            append_chunk(q, c);
        }
        size_t part = c->cap - c->to < n ? c->cap - c->to : n;
        memcpy(c->bytes + c->to, from, part);
        c->to += part;
        q->n += part;
        from += part;
        n -= part;
    }
    return SL_OK;
}

int sl_chunks_iov(const struct sl_chunks *q, struct iovec *v, int max_iov)
{
    int n = 0;
    for (struct sl_chunk *c = q->head; c != NULL && n < max_iov; c = c->next) {
        if (c->to == c->from)
            continue;
        v[n].iov_base = c->bytes + c->from;
        v[n].iov_len = c->to - c->from;
        n++;
    }
    return n;
}

void sl_chunks_drop(struct sl_chunks *q, size_t n)
{
    SL_CHECK(n <= q->n);
    q->n -= n;
    while (q->head != NULL) {
        struct sl_chunk *c = q->head;
        size_t have = c->to - c->from;
        if (n < have) {
            c->from += n;
            return;
        }
        n -= have;
        q->head = c->next;
        if (q->head == NULL)
            q->tail = NULL;
        chunk_release(q->cache, c);
        if (n == 0 && q->n > 0 && q->head != NULL && q->head->to > q->head->from)
            return;
    }
}

void sl_chunks_move(struct sl_chunks *to, struct sl_chunks *from)
{
    SL_CHECK(to->cache == from->cache);
    if (from->head == NULL)
        return;
    if (to->tail != NULL)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->tail = from->tail;
    to->n += from->n;
    from->head = from->tail = NULL;
    from->n = 0;
}

struct sl_str sl_chunks_flat(struct sl_chunks *q)
{
    if (q->head == NULL)
        return SL_STR_NONE;
    if (q->head != q->tail) {
        struct sl_chunk *one = chunk_take(q->cache, q->n);
        for (struct sl_chunk *c = q->head; c != NULL; c = c->next) {
            memcpy(one->bytes + one->to, c->bytes + c->from, c->to - c->from);
            one->to += c->to - c->from;
        }
        sl_chunks_clear(q);
        q->head = q->tail = one;
        q->n = one->to;
    }
    return sl_str_of(q->head->bytes + q->head->from, q->head->to - q->head->from);
}
