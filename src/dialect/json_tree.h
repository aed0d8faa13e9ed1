/* A JSON document as a flat tree of slices: what translation reads. Nothing is unescaped, converted or copied: each node says
 * where its value and its key stand in the document, so that what must keep its bytes (tool arguments, schemas, numbers) keeps
 * them. Strict (json_scan.h); one array of nodes in the arena, in document order; linear time.
 *
 * Words used all over dialect/:
 *   raw      the bytes of a value: "{\"a\": 1.0}", "\"text\"", "12"
 *   inside   a string's bytes between its quotes, still escaped: may be written into another JSON string as it is
 *   plain    a text unescaped to UTF-8: for looking into it, never to be written without escaping */
#ifndef SLUICE_DIALECT_JSON_TREE_H
#define SLUICE_DIALECT_JSON_TREE_H

#include "dialect/json_scan.h"

struct json_node {
    uint32_t at, n;         /* raw */
    uint32_t key_at, key_n; /* inside of its key; 0, 0 for elements and the root */
    uint32_t next;          /* index of the sibling behind it; 0: none */
    uint32_t children;      /* of an object or array; the first is the node behind this one */
    uint8_t kind;           /* enum json_kind */
    bool escaped;           /* a string with at least one backslash */
    bool key_escaped;
};

struct json_tree {
    struct sl_str doc;             /* borrow */
    const struct json_node *nodes; /* in the arena; [0] is the root */
    uint32_t n;
    enum json_status status;
    size_t bad_at; /* status != JSON_OK: where */
};

/* False: not JSON (t->status, t->bad_at), or 4 GiB and more. */
bool json_tree_read(struct json_tree *t, struct sl_str doc, struct sl_arena *a);

/* All of these take NULL as a node that is not there. */
static inline const struct json_node *json_root(const struct json_tree *t)
{
    return t->n > 0 ? t->nodes : NULL;
}
static inline const struct json_node *json_child(const struct json_node *of) /* the first; NULL: none */
{
    return of != NULL && of->children > 0 ? of + 1 : NULL;
}
static inline const struct json_node *json_sibling(const struct json_tree *t, const struct json_node *of)
{
    return of->next > 0 ? &t->nodes[of->next] : NULL;
}
/* for (JSON_EACH(&t, parent, it)) */
#define JSON_EACH(t, parent, it)                                                                                       \
    const struct json_node *it = json_child(parent);                                                                   \
    it != NULL;                                                                                                        \
    it = json_sibling((t), it)

/* The member of that (plain) name; the last one where it stands twice; NULL: none, or `of` is no object. */
const struct json_node *json_get(const struct json_tree *t, const struct json_node *of, struct sl_str name);
/* The same, but null counts as absent. */
const struct json_node *json_got(const struct json_tree *t, const struct json_node *of, struct sl_str name);

/* Which names the members of an object may have, a bit for a name: most of what a format could say is not there, and one pass over
 * the members tells so. */
static inline uint64_t json_name_bit(struct sl_str plain)
{
    return UINT64_C(1) << ((7u * plain.n + (plain.n > 0 ? (unsigned char)*plain.p : 0u)) & 63);
}
static inline uint64_t json_names_of(const struct json_tree *t, const struct json_node *of)
{
    uint64_t names = 0;
    for (JSON_EACH(t, of, it))
        names |= it->key_escaped ? UINT64_MAX : json_name_bit(sl_str_of(t->doc.p + it->key_at, it->key_n));
    return names;
}
/* json_got, with what json_names_of gave for `of`. */
static inline const struct json_node *json_got_of(const struct json_tree *t, const struct json_node *of, uint64_t names,
                                                  struct sl_str name)
{
    return (names & json_name_bit(name)) != 0 ? json_got(t, of, name) : NULL;
}

static inline enum json_kind json_kind_of(const struct json_node *v)
{
    return v != NULL ? (enum json_kind)v->kind : JSON_ABSENT;
}
static inline struct sl_str json_raw_of(const struct json_tree *t, const struct json_node *v)
{
    return v != NULL ? sl_str_of(t->doc.p + v->at, v->n) : SL_STR_NONE;
}
/* Empty where it is no string. */
static inline struct sl_str json_inside_of(const struct json_tree *t, const struct json_node *v)
{
    return json_kind_of(v) == JSON_STRING ? sl_str_of(t->doc.p + v->at + 1, v->n - 2u) : SL_STR_NONE;
}
static inline struct sl_str json_key_of(const struct json_tree *t, const struct json_node *v) /* inside */
{
    return sl_str_of(t->doc.p + v->key_at, v->key_n);
}
/* Equal bytes. Keys are a few bytes long: loads instead of a call. */
static inline bool json_same(const char *a, const char *b, size_t n)
{
    if (n >= 8 && n <= 16) {
        uint64_t x[4];
        memcpy(&x[0], a, 8);
        memcpy(&x[1], b, 8);
        memcpy(&x[2], a + n - 8, 8);
        memcpy(&x[3], b + n - 8, 8);
        return ((x[0] ^ x[1]) | (x[2] ^ x[3])) == 0;
    }
    if (n >= 4 && n < 8) {
        uint32_t x[4];
        memcpy(&x[0], a, 4);
        memcpy(&x[1], b, 4);
        memcpy(&x[2], a + n - 4, 4);
        memcpy(&x[3], b + n - 4, 4);
        return ((x[0] ^ x[1]) | (x[2] ^ x[3])) == 0;
    }
    return n == 0 || memcmp(a, b, n) == 0;
}

bool json_key_unescaped_is(const struct json_tree *t, const struct json_node *v, struct sl_str name);
static inline bool json_key_is(const struct json_tree *t, const struct json_node *v,
                               struct sl_str name) /* plain name */
{
    if (v == NULL || v->key_escaped)
        return v != NULL && json_key_unescaped_is(t, v, name);
    const char *key = t->doc.p + v->key_at;
    return v->key_n == name.n && json_same(key, name.p, name.n);
}
bool json_text_unescaped_is(const struct json_tree *t, const struct json_node *v, struct sl_str plain);
static inline bool json_text_is(const struct json_tree *t, const struct json_node *v, struct sl_str plain)
{
    if (json_kind_of(v) != JSON_STRING || v->escaped)
        return json_kind_of(v) == JSON_STRING && json_text_unescaped_is(t, v, plain);
    return v->n == plain.n + 2 && json_same(t->doc.p + v->at + 1, plain.p, plain.n);
}
/* The text of a string, a view when it has no escapes; lone surrogates become U+FFFD. Empty where it is no string. */
struct sl_str json_plain_of(const struct json_tree *t, const struct json_node *v, struct sl_arena *a);
/* false: no number, negative, a fraction, too large. */
bool json_u64_of(const struct json_tree *t, const struct json_node *v, uint64_t *out);

/* Member shorthands: json_inside_of(t, json_get(t, of, name)), and so on. */
struct sl_str json_get_inside(const struct json_tree *t, const struct json_node *of, struct sl_str name);
struct sl_str json_get_raw(const struct json_tree *t, const struct json_node *of, struct sl_str name); /* null: empty */

/* -- Texts by themselves ------------------------------------------------------------------------------------------ */

/* Unescapes an inside (in the arena only when there is a backslash); lone surrogates become U+FFFD. */
struct sl_str json_plain(struct sl_str inside, struct sl_arena *a);
/* Escapes a text so that it may stand between quotes (in the arena only where needed); what is not UTF-8 becomes U+FFFD. */
struct sl_str json_escape(struct sl_str plain, struct sl_arena *a);
/* The inside in its shortest spelling, so that equal names have equal bytes: "\u0061" becomes "a". */
struct sl_str json_ident(struct sl_str inside, struct sl_arena *a);
/* How many characters an inside stands for: escapes count as what they mean, a pair of surrogates once. */
uint64_t json_chars(struct sl_str inside);

/* Blanks of an inside; one that is escaped ("\\n") has two bytes. Bytes of the one at the end; 0: none. */
size_t json_blank_behind(struct sl_str inside);
struct sl_str json_trim_before(struct sl_str inside);
struct sl_str json_trim_behind(struct sl_str inside);
bool json_is_blank(struct sl_str inside); /* empty, or nothing but blanks */
/* Whether raw is a whole JSON value of that kind (arguments that a model wrote). */
bool json_is(struct sl_str raw, enum json_kind kind);
/* A raw object with a text in front of its members, where it has none of that name; anything else, and an empty text: as it is. */
struct sl_str json_with_text(struct sl_str object, struct sl_str name, struct sl_str inside, struct sl_arena *a);

#endif
