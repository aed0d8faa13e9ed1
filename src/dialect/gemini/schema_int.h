/* Schemas as a small tree that can be changed. Texts of names and keywords are insides; a value that need not be looked into stays
 * raw. */
#ifndef SLUICE_DIALECT_GEMINI_SCHEMA_INT_H
#define SLUICE_DIALECT_GEMINI_SCHEMA_INT_H

#include "dialect/gemini/gemini_int.h"

enum node_kind {
    NODE_RAW = 0, /* raw: any JSON value */
    NODE_OBJECT,
    NODE_ARRAY
};

struct schema_node {
    enum node_kind kind;
    struct sl_str key; /* inside; of an object's member */
    struct sl_str raw;
    struct schema_node *first, *last, *next;
};

#define SCHEMA_NODES_MAX                                                                                               \
    100000u                  /* made of one schema: inlining $refs can multiply; those of real tools stay below 5,000 */
#define SCHEMA_EXPAND_MAX 3u /* how often a recursive definition is unrolled (translate-gemini.md 5.1) */

struct schema_ref { /* a definition being inlined */
    struct sl_str name;
    const struct schema_ref *outer;
};

struct schema_work {
    struct sl_arena *a;
    const struct json_tree *t;
    bool inline_all; /* the target has no $ref */
    bool lost;
    bool external;
    uint32_t nodes;
    struct gem_index needed; /* definitions that $refs name, by name */
    struct schema_node *needed_list, *needed_last;
};

struct schema_node *schema_new(struct schema_work *w, enum node_kind kind);
struct schema_node *schema_raw(struct schema_work *w, struct sl_str raw);
void schema_add(struct schema_node *to, struct sl_str key, struct schema_node *child);
struct schema_node *schema_get(const struct schema_node *of, struct sl_str key);
void schema_remove(struct schema_node *from, struct sl_str key);
/* Adds, or replaces what is there. */
void schema_set(struct schema_node *to, struct sl_str key, struct schema_node *child);
/* Says something in the description that no keyword can say. */
void schema_hint(struct schema_work *w, struct schema_node *to, struct sl_str text);
struct sl_str schema_text(struct sl_arena *a, const struct schema_node *root);
/* The JSON target as a tree. */
enum gem_schema_flaw schema_convert(struct schema_work *w, struct sl_str raw, enum gem_schema_use use,
                                    struct json_tree *t, struct schema_node **out);

static inline bool schema_raw_is(const struct schema_node *n, struct sl_str raw)
{
    return n != NULL && n->kind == NODE_RAW && sl_str_eq(n->raw, raw);
}

#endif
