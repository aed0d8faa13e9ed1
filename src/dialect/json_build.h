/* The nodes of json_tree.h, made by the scanner itself while it checks the document: one pass for both. */
#ifndef SLUICE_DIALECT_JSON_BUILD_H
#define SLUICE_DIALECT_JSON_BUILD_H

#include "base/arena.h"
#include "dialect/json_tree.h"

struct json_build {
    struct sl_arena *a;
    struct json_node *v; /* in the arena */
    uint32_t n, cap;     /* cap: at least 1 */
    uint32_t key_at, key_n;
    bool key_escaped; /* of the key read last */
    unsigned depth;
    uint32_t open[JSON_DEPTH_MAX + 1]; /* nodes of the open containers */
    uint32_t last[JSON_DEPTH_MAX + 1]; /* the newest child of each; 0: none yet */
};

/* a, v and cap are set, all else that is not an array is 0. doc: below 4 GiB. */
enum json_status json_build(struct json_build *b, struct sl_str doc, struct json_info *out_info);

static __attribute__((noinline, unused)) void json_build_grow(struct json_build *b)
{
    struct json_node *v = sl_arena_alloc(b->a, 2u * (size_t)b->cap * sizeof *v);
    memcpy(v, b->v, b->n * sizeof *v);
    b->v = v;
    b->cap *= 2;
}

static inline void json_build_key(struct json_build *b, size_t at, size_t n, bool escaped)
{
    b->key_at = (uint32_t)at;
    b->key_n = (uint32_t)n;
    b->key_escaped = escaped;
}

/* A value begins; of a container its members follow. */
static inline void json_build_value(struct json_build *b, size_t at, enum json_kind kind)
{
    if (b->n == b->cap)
        json_build_grow(b);
    uint32_t me = b->n++;
    b->v[me] = (struct json_node){.at = (uint32_t)at,
                                  .kind = (uint8_t)kind,
                                  .key_at = b->key_at,
                                  .key_n = b->key_n,
                                  .key_escaped = b->key_escaped};
    json_build_key(b, 0, 0, false);
    if (b->depth > 0) {
        if (b->last[b->depth] != 0)
            b->v[b->last[b->depth]].next = me;
        b->last[b->depth] = me;
        b->v[b->open[b->depth]].children++;
    }
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
        b->open[++b->depth] = me;
        b->last[b->depth] = 0;
    }
}

static inline void json_build_scalar(struct json_build *b, size_t behind, bool escaped)
{
    struct json_node *v = &b->v[b->n - 1];
    v->n = (uint32_t)behind - v->at;
    v->escaped = escaped;
}

static inline void json_build_close(struct json_build *b, size_t behind)
{
    struct json_node *v = &b->v[b->open[b->depth--]];
    v->n = (uint32_t)behind - v->at;
}

#endif
