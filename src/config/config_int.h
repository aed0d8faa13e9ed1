/* Inside config/ only: the tree of a file, the places of values, and what a struct cfg is made of. */
#ifndef SLUICE_CONFIG_CONFIG_INT_H
#define SLUICE_CONFIG_CONFIG_INT_H

#include "config/config.h"

enum node_kind {
    NODE_SCALAR = 0,
    NODE_LIST,
    NODE_MAP
};

/* One value of the file. Lives in cfg.tree_arena; text may be a secret (the arena wipes). */
struct cfg_node {
    enum node_kind kind;
    bool is_plain;   /* SCALAR: written without quotes, so that `null` and `off` are words */
    bool is_preset;  /* a table's default, not of the file */
    bool has_commas; /* SCALAR: a list of items separated by commas (presets, overrides) */
    uint32_t line, column;
    uint32_t key_line, key_column; /* child of a MAP: where its name stands */
    uint32_t n;                    /* LIST, MAP: children */
    struct sl_str key;             /* child of a MAP */
    struct sl_str text;            /* SCALAR */
    const char *variable;          /* an override's; NULL: from the file */
    struct cfg_node *first, *last, *next;
    const struct cfg_node *alias; /* stands for this one, which is complete and no alias; NULL: for itself */
};

/* A member's path, from its end to the root. Lives in cfg.arena. */
struct cfg_path {
    const struct cfg_path *up; /* NULL: child of the root */
    struct sl_str name;        /* empty p: an item of a list, by number */
    size_t index;
};

struct cfg_place {
    const void *member;
    uint32_t order;              /* of recording: a section comes before its first member, which has the same address */
    const struct cfg_node *node; /* NULL: not in the file */
    const struct cfg_node *near; /* the section's node; NULL: none of it is in the file */
    const struct cfg_path *path;
};

struct cfg {
    struct sl_arena arena; /* values */
    struct sl_arena tree_arena;
    struct sl_arena_cache wiping; /* keeps nothing, wipes all: of tree_arena */
    const struct cfg_section *root;
    void *values;
    struct sl_str name; /* of the source */
    bool is_made;
    bool is_whole;            /* pass one came to the end of the text, pass two through all of it */
    struct cfg_node *tree;    /* NULL: empty, or could not be read */
    struct cfg_place *places; /* own; sorted by member, then order */
    size_t n_places, cap_places;
    struct cfg_report *report; /* borrow, until the third pass is over */
};

/* Nodes */
static inline const struct cfg_node *node_real(const struct cfg_node *n)
{
    return n != NULL && n->alias != NULL ? n->alias : n;
}
bool node_is_null(const struct cfg_node *n); /* `key:`, `key: ~`, `key: null`: as if it were not there */
const struct cfg_node *node_child(const struct cfg_node *map, struct sl_str key);

/* Pass one. Leaves c->tree (NULL when the file is empty); reports. False: it could not be read to its end. */
bool tree_read(struct cfg *c, struct sl_str text);
/* Puts `value` at `path` of the tree, replacing what is there. */
void tree_override(struct cfg *c, const struct cfg_override *o, const char *value);

/* Pass two. */
void values_check(struct cfg *c, const struct cfg_source *src);

/* ${NAME} and ${NAME:-text} of a value. *out is in tree_arena. False: *why says what is wrong (tree_arena). */
struct expansion {
    struct sl_str text;
    bool has_variable;
    struct sl_str why, todo;
};
bool value_expand(struct cfg *c, const struct cfg_source *src, struct sl_str raw, struct expansion *out);

/* Messages */
struct sl_str path_text(struct sl_arena *a, const struct cfg_path *p);
struct sl_str path_text_below(struct sl_arena *a, const struct cfg_path *p, struct sl_str name);
void cfg_find(struct cfg *c, enum cfg_grade grade, const struct cfg_node *at, bool at_key, struct cfg_finding *f);
typedef void schema_walk_f(void *arg, struct sl_str path, const struct cfg_setting *row, unsigned depth);
/* All rows in the tables' order, sections before what is in them; maps and lists of sections as "name.*" and "name[]". */
void schema_walk(const struct cfg_section *root, schema_walk_f *f, void *arg);
const struct cfg_setting *section_setting(const struct cfg_section *s, struct sl_str name); /* NULL: none */
struct sl_str section_nearest(const struct cfg_section *s, struct sl_str name);             /* empty: none is near */
const struct cfg_place *place_of(const struct cfg *c, const void *member);                  /* NULL: no member of c */

/* Values */
bool text_is_clean(struct sl_str s); /* valid UTF-8 without control characters */
uint64_t member_uint(const struct cfg_setting *s, const void *member);
struct items {
    char *v;
    size_t n;
};
struct items member_items(const void *member); /* of a LIST or MAP */
void *item_at(const struct cfg_setting *s, struct items i, size_t index);
const char *word_of(const struct cfg_word *words, uint64_t value);
/* A text that is empty because `off` was said or is the default, not because nothing was. */
bool value_is_off(const struct cfg *c, const struct cfg_setting *row, const void *member);
/* The value as one would write it; secrets as "***". Lists of scalars: "[a, b]". Not for SECTION, MAP. */
void value_add_text(struct sl_buf *out, const struct cfg_setting *s, const void *member);
void value_add_plain(struct sl_buf *out, struct sl_str text); /* a YAML scalar, quoted when it must be */
/* "a duration", "a list of addresses" */
void type_add_text(struct sl_buf *out, const struct cfg_setting *s);
void bounds_add_text(struct sl_buf *out, const struct cfg_setting *s); /* nothing when there are none */

#endif
