/* JSON Schema as Gemini understands it: translate-gemini.md 5.1, gemini.md 4.2 (November 2026). Only the schema is walked, and of
 * it only what is schema: below `properties` keys are names that somebody chose, whatever they look like.
 *
 * A $ref stays where it may: alone in its node, to a definition that no chain of required members leads back to (Gemini refuses
 * those). Else its target is put in its place, a recursive one three times. What Gemini has no keyword for is told in the
 * description. Numbers, names and values keep their bytes. */
#include "dialect/gemini/schema_int.h"

#include "base/list.h"

#define DEPTH_MAX 192u            /* of the result; JSON_DEPTH_MAX and what inlining adds */
#define DESCRIPTION_MAX 8192u     /* bytes that joined descriptions may have */
#define HINT_VALUE_MAX 200u       /* of a lost keyword's value that are told */
#define HARD_DEFINITIONS_MAX 512u /* beyond it nobody looks for cycles */
#define HARD_EDGES_MAX 16384u
#define CHAIN_MAX 16 /* references to references */

enum keyword {
    KW_KEEP = 0,
    KW_TEXT,   /* kept when it is a string */
    KW_NUMBER, /* when it is a number */
    KW_TYPE,
    KW_ENUM,
    KW_CONST,
    KW_PROPERTIES,
    KW_REQUIRED,
    KW_ITEMS,
    KW_PREFIX_ITEMS,
    KW_UNION,
    KW_ALL,
    KW_ADDITIONAL,
    KW_ABOVE,
    KW_BELOW,
    KW_NULLABLE,
    KW_HINT, /* told in the description */
    KW_DROP
};

static const struct {
    struct sl_str name;
    enum keyword is;
} keywords[] = {
    {SL_STR_INIT("type"), KW_TYPE},
    {SL_STR_INIT("properties"), KW_PROPERTIES},
    {SL_STR_INIT("required"), KW_REQUIRED},
    {SL_STR_INIT("description"), KW_TEXT},
    {SL_STR_INIT("items"), KW_ITEMS},
    {SL_STR_INIT("enum"), KW_ENUM},
    {SL_STR_INIT("const"), KW_CONST},
    {SL_STR_INIT("anyOf"), KW_UNION},
    {SL_STR_INIT("oneOf"), KW_UNION},
    {SL_STR_INIT("allOf"), KW_ALL},
    {SL_STR_INIT("additionalProperties"), KW_ADDITIONAL},
    {SL_STR_INIT("prefixItems"), KW_PREFIX_ITEMS},
    {SL_STR_INIT("exclusiveMinimum"), KW_ABOVE},
    {SL_STR_INIT("exclusiveMaximum"), KW_BELOW},
    {SL_STR_INIT("nullable"), KW_NULLABLE},
    {SL_STR_INIT("title"), KW_TEXT},
    {SL_STR_INIT("format"), KW_TEXT},
    {SL_STR_INIT("pattern"), KW_TEXT},
    {SL_STR_INIT("default"), KW_KEEP},
    {SL_STR_INIT("minimum"), KW_NUMBER},
    {SL_STR_INIT("maximum"), KW_NUMBER},
    {SL_STR_INIT("minItems"), KW_NUMBER},
    {SL_STR_INIT("maxItems"), KW_NUMBER},
    {SL_STR_INIT("minLength"), KW_NUMBER},
    {SL_STR_INIT("maxLength"), KW_NUMBER},
    {SL_STR_INIT("minProperties"), KW_NUMBER},
    {SL_STR_INIT("maxProperties"), KW_NUMBER},
    {SL_STR_INIT("multipleOf"), KW_NUMBER},
    {SL_STR_INIT("uniqueItems"), KW_KEEP},
    {SL_STR_INIT("propertyOrdering"), KW_KEEP},
    {SL_STR_INIT("not"), KW_HINT},
    {SL_STR_INIT("if"), KW_HINT},
    {SL_STR_INIT("then"), KW_HINT},
    {SL_STR_INIT("else"), KW_HINT},
    {SL_STR_INIT("dependencies"), KW_HINT},
    {SL_STR_INIT("dependentRequired"), KW_HINT},
    {SL_STR_INIT("dependentSchemas"), KW_HINT},
    {SL_STR_INIT("patternProperties"), KW_HINT},
    {SL_STR_INIT("propertyNames"), KW_HINT},
    {SL_STR_INIT("contains"), KW_HINT},
    {SL_STR_INIT("unevaluatedProperties"), KW_HINT},
    {SL_STR_INIT("unevaluatedItems"), KW_HINT},
    {SL_STR_INIT("$ref"), KW_DROP},
    {SL_STR_INIT("$defs"), KW_DROP},
    {SL_STR_INIT("definitions"), KW_DROP},
};

/* A definition at the root. */
struct definition {
    struct sl_str name;
    const struct json_node *schema;
    uint32_t index, edges_from, edges_to;
    bool hard; /* required members lead from it back to it */
};

struct convert {
    struct schema_work *w;
    const struct json_tree *t;
    struct sl_arena *a;
    struct gem_index defs;
    struct definition **all; /* HARD_DEFINITIONS_MAX; NULL: the schema has none */
    uint32_t n_defs;
    uint32_t *edges; /* HARD_EDGES_MAX */
    uint32_t n_edges;
    uint64_t walked; /* members passed over by pointers other than definitions' names */
};

/* What is found out about one node while its members are walked. */
struct node_facts {
    const struct json_node *in;
    struct schema_node *out;
    const struct json_node *all_of, *required, *constant, *above, *below;
    bool nullable, hints;
    unsigned depth;
    const struct schema_ref *refs;
};

static struct schema_node *convert(struct convert *c, const struct json_node *in, unsigned depth,
                                   const struct schema_ref *refs);
static void take_keyword(struct convert *c, struct node_facts *f, const struct json_node *v);
static void finish_node(struct convert *c, struct node_facts *f);
static void find_definitions(struct convert *c, const struct json_node *root);

static enum keyword keyword_of(const struct json_tree *t, const struct json_node *v)
{
    struct sl_str key = json_key_of(t, v);
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        struct sl_str name = keywords[i].name;
        bool same = v->key_escaped ? json_key_is(t, v, name)
                                   : key.n == name.n && key.p[0] == name.p[0] && memcmp(key.p, name.p, key.n) == 0;
        if (same)
            return keywords[i].is;
    }
    return KW_DROP;
}

/* -- The root --------------------------------------------------------------------------------------------------------- */

static bool has_keyword(struct convert *c, const struct json_node *v)
{
    for (JSON_EACH(c->t, v, it)) {
        struct sl_str key = json_key_of(c->t, it);
        bool known = keyword_of(c->t, it) != KW_DROP || json_key_is(c->t, it, SL_STR("$ref"));
        bool meta = sl_str_starts(key, SL_STR("$")) || sl_str_starts(key, SL_STR("x-"));
        if (known || meta || it->kind != JSON_OBJECT)
            return true;
    }
    return v->children == 0;
}

/* {"city":{"type":"string"}}: somebody forgot the frame. */
static struct schema_node *wrap_map(struct convert *c, const struct json_node *in)
{
    struct schema_node *out = schema_new(c->w, NODE_OBJECT), *properties = schema_new(c->w, NODE_OBJECT);
    schema_add(out, SL_STR("type"), schema_raw(c->w, SL_STR("\"object\"")));
    schema_add(out, SL_STR("properties"), properties);
    for (JSON_EACH(c->t, in, it)) {
        struct schema_node *child = convert(c, it, 1, NULL);
        if (child != NULL)
            schema_add(properties, json_key_of(c->t, it), child);
    }
    return out;
}

static void add_needed(struct convert *c, struct schema_node *root)
{
    struct schema_node *defs = schema_new(c->w, NODE_OBJECT);
    for (struct schema_node *n = c->w->needed_list; n != NULL; n = n->next) {
        const struct definition *d = gem_index_get(&c->defs, n->raw);
        struct schema_node *out = convert(c, d->schema, 1, NULL); /* may add to the list's end */
        schema_add(defs, d->name, out != NULL ? out : schema_new(c->w, NODE_OBJECT));
    }
    if (defs->first != NULL)
        schema_add(root, SL_STR("$defs"), defs);
}

static bool type_is(const struct schema_node *n, struct sl_str quoted)
{
    const struct schema_node *type = schema_get(n, SL_STR("type"));
    return type != NULL && sl_str_find_str(type->raw, quoted) >= 0;
}

static enum gem_schema_flaw check_root(struct convert *c, struct schema_node *root, enum gem_schema_use use)
{
    if (schema_get(root, SL_STR("type")) == NULL && schema_get(root, SL_STR("properties")) != NULL)
        schema_add(root, SL_STR("type"), schema_raw(c->w, SL_STR("\"object\"")));
    if (use == GEM_FOR_TOOL && schema_get(root, SL_STR("type")) != NULL && !type_is(root, SL_STR("\"object\"")))
        return GEM_SCHEMA_NOT_OBJECT;
    return c->w->external ? GEM_SCHEMA_EXTERNAL : GEM_SCHEMA_FINE;
}

enum gem_schema_flaw schema_convert(struct schema_work *w, struct sl_str raw, enum gem_schema_use use,
                                    struct json_tree *t, struct schema_node **out)
{
    struct convert *c = SL_ARENA_NEW(w->a, struct convert);
    if (!json_tree_read(t, raw, w->a) || json_root(t)->kind != JSON_OBJECT)
        return GEM_SCHEMA_NOT_OBJECT;
    w->t = t;
    c->w = w;
    c->t = t;
    c->a = w->a;
    const struct json_node *root = json_root(t);
    find_definitions(c, root);
    struct schema_node *n = has_keyword(c, root) ? convert(c, root, 0, NULL) : wrap_map(c, root);
    if (n == NULL)
        n = schema_new(w, NODE_OBJECT);
    add_needed(c, n);
    *out = n;
    return check_root(c, n, use);
}

enum gem_schema_flaw gem_schema_json(struct sl_arena *a, struct sl_str raw, enum gem_schema_use use, struct sl_str *out,
                                     bool *out_lost)
{
    struct schema_work w = {.a = a};
    struct json_tree t;
    struct schema_node *root;
    enum gem_schema_flaw flaw = schema_convert(&w, raw, use, &t, &root);
    if (flaw != GEM_SCHEMA_FINE)
        return flaw;
    *out = schema_text(a, root);
    *out_lost = w.lost;
    return GEM_SCHEMA_FINE;
}

/* -- Definitions and references ----------------------------------------------------------------------------------------- */

/* "#/$defs/X" and "#/definitions/X": X. Empty: another kind of pointer. */
static struct sl_str definition_name(struct sl_str ref)
{
    static const struct sl_str heads[] = {SL_STR_INIT("#/$defs/"), SL_STR_INIT("#/definitions/")};
    for (int i = 0; i < 2; i++)
        if (sl_str_starts(ref, heads[i]) && sl_str_find(sl_str_from(ref, heads[i].n), '/') < 0)
            return sl_str_from(ref, heads[i].n);
    return SL_STR_NONE;
}

static struct sl_str ref_of(struct convert *c, const struct json_node *v)
{
    const struct json_node *ref = json_get(c->t, v, SL_STR("$ref"));
    return json_kind_of(ref) == JSON_STRING ? json_ident(json_inside_of(c->t, ref), c->a) : SL_STR_NONE;
}

static void add_edges(struct convert *c, const struct json_node *v);

/* Whether members of that name must be there. */
static void index_required(struct convert *c, const struct json_node *v, struct gem_index *out)
{
    for (JSON_EACH(c->t, json_get(c->t, v, SL_STR("required")), it))
        if (it->kind == JSON_STRING)
            gem_index_put(out, c->a, json_ident(json_inside_of(c->t, it), c->a), (void *)(uintptr_t)it);
}

static void add_edges_of_list(struct convert *c, const struct json_node *v)
{
    if (v->kind != JSON_ARRAY) {
        add_edges(c, v);
        return;
    }
    for (JSON_EACH(c->t, v, it))
        add_edges(c, it);
}

/* The definitions that must be met by whatever meets v. Not deeper than the document. */
static void add_edges(struct convert *c, const struct json_node *v)
{
    if (v->kind != JSON_OBJECT)
        return;
    const struct definition *to = gem_index_get(&c->defs, definition_name(ref_of(c, v)));
    if (to != NULL && c->n_edges < HARD_EDGES_MAX)
        c->edges[c->n_edges++] = to->index;
    struct gem_index required = {.n = 0};
    index_required(c, v, &required);
    for (JSON_EACH(c->t, v, it)) {
        enum keyword is = keyword_of(c->t, it);
        if (is == KW_ITEMS || is == KW_PREFIX_ITEMS || is == KW_UNION || is == KW_ALL || is == KW_ADDITIONAL)
            add_edges_of_list(c, it);
        if (is != KW_PROPERTIES || it->kind != JSON_OBJECT)
            continue;
        for (JSON_EACH(c->t, it, p))
            if (gem_index_get(&required, json_ident(json_key_of(c->t, p), c->a)) != NULL)
                add_edges(c, p);
    }
}

static bool leads_back(struct convert *c, uint32_t from)
{
    uint32_t queue[HARD_DEFINITIONS_MAX], n = 0;
    bool seen[HARD_DEFINITIONS_MAX] = {false};
    queue[n++] = from;
    for (uint32_t i = 0; i < n; i++) {
        const struct definition *d = c->all[queue[i]];
        for (uint32_t e = d->edges_from; e < d->edges_to; e++) {
            uint32_t to = c->edges[e];
            if (to == from)
                return true;
            if (!seen[to])
                queue[n++] = to;
            seen[to] = true;
        }
    }
    return false;
}

static void add_definitions(struct convert *c, const struct json_node *list)
{
    for (JSON_EACH(c->t, list, it)) {
        struct definition *d = SL_ARENA_NEW(c->a, struct definition);
        d->name = json_ident(json_key_of(c->t, it), c->a);
        d->schema = it;
        d->index = c->n_defs;
        if (gem_index_get(&c->defs, d->name) != NULL)
            continue;
        gem_index_put(&c->defs, c->a, d->name, d);
        if (c->n_defs < HARD_DEFINITIONS_MAX)
            c->all[c->n_defs++] = d;
    }
}

static void find_definitions(struct convert *c, const struct json_node *root)
{
    const struct json_node *defs = json_get(c->t, root, SL_STR("$defs"));
    const struct json_node *old = json_get(c->t, root, SL_STR("definitions"));
    if (json_kind_of(defs) != JSON_OBJECT && json_kind_of(old) != JSON_OBJECT)
        return;
    c->all = sl_arena_alloc(c->a, HARD_DEFINITIONS_MAX * sizeof *c->all);
    c->edges = sl_arena_alloc(c->a, HARD_EDGES_MAX * sizeof *c->edges);
    if (json_kind_of(defs) == JSON_OBJECT)
        add_definitions(c, defs);
    if (json_kind_of(old) == JSON_OBJECT)
        add_definitions(c, old);
    if (c->defs.n > HARD_DEFINITIONS_MAX)
        return;
    for (uint32_t i = 0; i < c->n_defs; i++) {
        c->all[i]->edges_from = c->n_edges;
        add_edges(c, c->all[i]->schema);
        c->all[i]->edges_to = c->n_edges;
    }
    for (uint32_t i = 0; i < c->n_defs; i++)
        c->all[i]->hard = leads_back(c, i);
}

/* A step of a JSON pointer (RFC 6901) into an object or array. */
static const struct json_node *step_into(struct convert *c, const struct json_node *at, struct sl_str token)
{
    uint64_t index = 0;
    c->walked += at->children;
    if (c->walked > SCHEMA_NODES_MAX * UINT64_C(16))
        return NULL;
    if (at->kind != JSON_ARRAY)
        return json_get(c->t, at, token);
    if (!sl_str_to_u64(token, &index) || index >= at->children)
        return NULL;
    const struct json_node *it = json_child(at);
    while (index-- > 0)
        it = json_sibling(c->t, it);
    return it;
}

static struct sl_str pointer_token(struct convert *c, struct sl_str token)
{
    if (sl_str_find(token, '~') < 0)
        return token;
    char *out = sl_arena_alloc(c->a, token.n);
    size_t n = 0;
    for (size_t i = 0; i < token.n; i++) {
        bool escape = token.p[i] == '~' && i + 1 < token.n;
        out[n++] = !escape ? token.p[i] : token.p[i + 1] == '0' ? '~' : '/';
        i += escape;
    }
    return sl_str_of(out, n);
}

/* Where a reference points to; NULL: into another document, or nowhere. */
static const struct json_node *target_of(struct convert *c, struct sl_str ref)
{
    const struct definition *d = gem_index_get(&c->defs, definition_name(ref));
    if (d != NULL)
        return d->schema;
    if (!sl_str_starts(ref, SL_STR("#")))
        return NULL;
    const struct json_node *at = json_root(c->t);
    struct sl_str rest = json_plain(sl_str_from(ref, 1), c->a);
    if (rest.n > 0 && rest.p[0] != '/')
        return NULL;
    rest = sl_str_from(rest, 1);
    while (at != NULL && rest.n > 0)
        at = step_into(c, at, pointer_token(c, sl_str_cut(&rest, '/')));
    return at;
}

static unsigned times_inlined(const struct schema_ref *refs, struct sl_str name)
{
    unsigned n = 0;
    for (; refs != NULL; refs = refs->outer)
        n += sl_str_eq(refs->name, name);
    return n;
}

static struct schema_node *cut_node(struct convert *c)
{
    struct schema_node *out = schema_new(c->w, NODE_OBJECT);
    schema_add(out, SL_STR("type"), schema_raw(c->w, SL_STR("\"object\"")));
    schema_add(out, SL_STR("description"), schema_raw(c->w, SL_STR("\"recursive\"")));
    c->w->lost = true;
    return out;
}

static struct schema_node *kept_ref(struct convert *c, const struct definition *d)
{
    struct schema_node *out = schema_new(c->w, NODE_OBJECT);
    struct sl_str raw = sl_arena_printf(c->a, "\"#/$defs/" SL_STR_FMT "\"", SL_STR_ARG(d->name));
    schema_add(out, SL_STR("$ref"), schema_raw(c->w, raw));
    if (gem_index_get(&c->w->needed, d->name) == NULL) {
        struct schema_node *n = schema_raw(c->w, d->name);
        SL_APPEND(c->w->needed_list, c->w->needed_last, n);
        gem_index_put(&c->w->needed, c->a, d->name, n);
    }
    return out;
}

static bool has_siblings(struct convert *c, const struct json_node *v)
{
    for (JSON_EACH(c->t, v, it)) {
        bool matters = keyword_of(c->t, it) != KW_DROP;
        if (matters)
            return true;
    }
    return false;
}

/* Into the document, where nothing is: real tools have such (recursive ones whose definitions got lost). Anything may stand there. */
static struct schema_node *pointless(struct convert *c, const struct json_node *in, unsigned depth,
                                     const struct schema_ref *refs)
{
    struct node_facts f = {.in = in, .out = schema_new(c->w, NODE_OBJECT), .depth = depth, .refs = refs};
    for (JSON_EACH(c->t, in, it))
        take_keyword(c, &f, it);
    finish_node(c, &f);
    if (schema_get(f.out, SL_STR("type")) == NULL)
        schema_set(f.out, SL_STR("type"), schema_raw(c->w, SL_STR("\"object\"")));
    c->w->lost = true;
    return f.out;
}

/* The target in the place of the reference, with what stands beside the reference laid over it. */
static struct schema_node *inlined(struct convert *c, const struct json_node *in, struct sl_str ref, unsigned depth,
                                   const struct schema_ref *refs)
{
    const struct json_node *target = target_of(c, ref);
    for (int i = 0; i < CHAIN_MAX && target != NULL && !has_siblings(c, target) && ref_of(c, target).n > 0; i++) {
        ref = ref_of(c, target);
        target = target_of(c, ref);
    }
    if (target == NULL) {
        c->w->external |= !sl_str_starts(ref, SL_STR("#"));
        return pointless(c, in, depth, refs);
    }
    const struct definition *d = gem_index_get(&c->defs, definition_name(ref));
    unsigned times = times_inlined(refs, ref);
    if (times > 0 && d != NULL && !d->hard && !c->w->inline_all)
        return kept_ref(c, d);
    if (times >= SCHEMA_EXPAND_MAX)
        return cut_node(c);
    struct schema_ref here = {.name = ref, .outer = refs};
    struct schema_node *out = convert(c, target, depth + 1, &here);
    if (out == NULL || schema_get(out, SL_STR("$ref")) != NULL)
        return out;
    struct node_facts f = {.in = in, .out = out, .depth = depth, .refs = refs};
    for (JSON_EACH(c->t, in, it))
        take_keyword(c, &f, it);
    finish_node(c, &f);
    return out;
}

static struct schema_node *convert_ref(struct convert *c, const struct json_node *in, struct sl_str ref, unsigned depth,
                                       const struct schema_ref *refs)
{
    const struct definition *d = gem_index_get(&c->defs, definition_name(ref));
    bool keep = d != NULL && !d->hard && !c->w->inline_all && depth > 0 && !has_siblings(c, in);
    return keep ? kept_ref(c, d) : inlined(c, in, ref, depth, refs);
}

/* -- Nodes --------------------------------------------------------------------------------------------------------------- */

static struct schema_node *convert(struct convert *c, const struct json_node *in, unsigned depth,
                                   const struct schema_ref *refs)
{
    if (in->kind == JSON_FALSE)
        return NULL;
    if (depth > DEPTH_MAX || c->w->nodes > SCHEMA_NODES_MAX)
        return cut_node(c);
    if (in->kind != JSON_OBJECT)
        return schema_new(c->w, NODE_OBJECT);
    struct sl_str ref = ref_of(c, in);
    if (ref.n > 0)
        return convert_ref(c, in, ref, depth, refs);
    struct node_facts f = {.in = in, .out = schema_new(c->w, NODE_OBJECT), .depth = depth, .refs = refs};
    for (JSON_EACH(c->t, in, it))
        take_keyword(c, &f, it);
    finish_node(c, &f);
    return f.out;
}

static void set_raw(struct convert *c, struct node_facts *f, struct sl_str key, struct sl_str raw)
{
    schema_set(f->out, key, schema_raw(c->w, raw));
}

static struct sl_str lower(struct convert *c, struct sl_str s)
{
    char *p = sl_arena_alloc(c->a, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = sl_lower(s.p[i]);
    return sl_str_of(p, s.n);
}

static struct schema_node *convert_list(struct convert *c, struct node_facts *f, const struct json_node *list)
{
    struct schema_node *out = schema_new(c->w, NODE_ARRAY);
    for (JSON_EACH(c->t, list, it)) {
        struct schema_node *child = convert(c, it, f->depth + 1, f->refs);
        if (child != NULL)
            schema_add(out, SL_STR_NONE, child);
    }
    return out;
}

static void take_items(struct convert *c, struct node_facts *f, const struct json_node *v)
{
    if (v->kind == JSON_ARRAY) { /* drafts up to 7 */
        schema_set(f->out, SL_STR("prefixItems"), convert_list(c, f, v));
        return;
    }
    struct schema_node *child = convert(c, v, f->depth + 1, f->refs);
    if (child != NULL)
        schema_set(f->out, SL_STR("items"), child);
}

/* null becomes a type, and an empty text no model may choose goes. */
static void take_enum(struct convert *c, struct node_facts *f, const struct json_node *v)
{
    struct schema_node *out = schema_new(c->w, NODE_ARRAY);
    for (JSON_EACH(c->t, v, it)) {
        if (it->kind == JSON_NULL)
            f->nullable = true;
        else if (it->kind != JSON_STRING || it->n > 2)
            schema_add(out, SL_STR_NONE, schema_raw(c->w, json_raw_of(c->t, it)));
    }
    if (out->first != NULL)
        schema_set(f->out, SL_STR("enum"), out);
}

static void take_properties(struct convert *c, struct node_facts *f, const struct json_node *v)
{
    struct schema_node *out = schema_new(c->w, NODE_OBJECT);
    for (JSON_EACH(c->t, v, it)) {
        struct schema_node *child = convert(c, it, f->depth + 1, f->refs);
        if (child != NULL)
            schema_add(out, json_key_of(c->t, it), child);
    }
    schema_set(f->out, SL_STR("properties"), out);
}

static void take_hint(struct convert *c, struct node_facts *f, const struct json_node *v)
{
    struct sl_str value = gem_compact(json_raw_of(c->t, v), c->a), name = json_key_of(c->t, v);
    bool shown = value.n <= HINT_VALUE_MAX;
    schema_hint(c->w, f->out,
                sl_arena_printf(c->a, SL_STR_FMT ": %.*s", SL_STR_ARG(name), shown ? (int)value.n : 3,
                                shown ? value.p : "..."));
}

static void take_type(struct convert *c, struct node_facts *f, const struct json_node *v)
{
    if (v->kind == JSON_STRING || (v->kind == JSON_ARRAY && v->children > 0))
        set_raw(c, f, SL_STR("type"), lower(c, gem_compact(json_raw_of(c->t, v), c->a)));
}

static void take_additional(struct convert *c, struct node_facts *f, const struct json_node *v)
{
    if (v->kind != JSON_OBJECT) {
        set_raw(c, f, SL_STR("additionalProperties"), json_raw_of(c->t, v));
        return;
    }
    struct schema_node *child = convert(c, v, f->depth + 1, f->refs);
    schema_set(f->out, SL_STR("additionalProperties"), child != NULL ? child : schema_raw(c->w, SL_STR("false")));
}

static void take_keyword(struct convert *c, struct node_facts *f, const struct json_node *v)
{
    enum keyword is = keyword_of(c->t, v);
    struct sl_str key = json_key_of(c->t, v);
    switch (is) {
    case KW_KEEP:
        set_raw(c, f, key, json_raw_of(c->t, v));
        break;
    case KW_TEXT:
    case KW_NUMBER:
        if (v->kind == (is == KW_TEXT ? JSON_STRING : JSON_NUMBER))
            set_raw(c, f, key, json_raw_of(c->t, v));
        break;
    case KW_TYPE:
        take_type(c, f, v);
        break;
    case KW_ENUM:
        take_enum(c, f, v);
        break;
    case KW_PROPERTIES:
        if (v->kind == JSON_OBJECT)
            take_properties(c, f, v);
        break;
    case KW_ITEMS:
        take_items(c, f, v);
        break;
    case KW_PREFIX_ITEMS:
    case KW_UNION:
        if (v->kind == JSON_ARRAY && v->children > 0)
            schema_set(f->out, key, convert_list(c, f, v));
        break;
    case KW_ADDITIONAL:
        take_additional(c, f, v);
        break;
    case KW_NULLABLE:
        f->nullable |= v->kind == JSON_TRUE;
        break;
    case KW_HINT:
        f->hints = true; /* finish_node: behind the description */
        break;
    case KW_CONST:
        f->constant = v;
        break;
    case KW_REQUIRED:
        f->required = v;
        break;
    case KW_ALL:
        f->all_of = v;
        break;
    case KW_ABOVE:
        f->above = v;
        break;
    case KW_BELOW:
        f->below = v;
        break;
    case KW_DROP:
        break;
    }
}

/* -- What needs the whole node -------------------------------------------------------------------------------------------- */

static void join_description(struct convert *c, struct schema_node *to, const struct schema_node *more)
{
    const struct schema_node *old = schema_get(to, SL_STR("description"));
    if (more->raw.n < 2 || (old != NULL && old->raw.n > DESCRIPTION_MAX))
        return;
    struct sl_str raw = more->raw;
    if (old != NULL)
        raw = sl_arena_printf(c->a, SL_STR_FMT " " SL_STR_FMT, SL_STR_ARG(sl_str_head(old->raw, old->raw.n - 1)),
                              SL_STR_ARG(sl_str_from(more->raw, 1)));
    schema_set(to, SL_STR("description"), schema_raw(c->w, raw));
}

/* Members of both, the first of each name. */
static void join_lists(struct convert *c, struct schema_node *to, struct schema_node *from, bool names)
{
    struct gem_index have = {.n = 0};
    for (struct schema_node *n = to->first; n != NULL; n = n->next)
        gem_index_put(&have, c->a, names ? n->key : n->raw, n);
    for (struct schema_node *n = from->first, *next; n != NULL; n = next) {
        next = n->next;
        struct sl_str key = names ? n->key : n->raw;
        if (gem_index_get(&have, key) != NULL)
            continue;
        gem_index_put(&have, c->a, key, n);
        schema_add(to, n->key, n);
    }
}

static void merge_one(struct convert *c, struct schema_node *to, struct schema_node *from)
{
    for (struct schema_node *n = from->first, *next; n != NULL; n = next) {
        next = n->next;
        struct schema_node *have = schema_get(to, n->key);
        bool object = sl_str_eq(n->key, SL_STR("properties")), list = sl_str_eq(n->key, SL_STR("required"));
        if (sl_str_eq(n->key, SL_STR("description")))
            join_description(c, to, n);
        else if (have == NULL)
            schema_add(to, n->key, n);
        else if ((object || list) && have->kind == n->kind && have->kind != NODE_RAW)
            join_lists(c, have, n, object);
        else if (n->kind != NODE_RAW || !sl_str_eq(n->raw, have->raw))
            c->w->lost = true;
    }
}

static void merge_all_of(struct convert *c, struct node_facts *f)
{
    if (f->all_of == NULL || f->all_of->kind != JSON_ARRAY)
        return;
    for (JSON_EACH(c->t, f->all_of, it)) {
        struct schema_node *part = convert(c, it, f->depth + 1, f->refs);
        if (part != NULL && schema_get(part, SL_STR("$ref")) != NULL) {
            struct schema_ref none = {.name = SL_STR_NONE, .outer = f->refs};
            part = inlined(c, it, ref_of(c, it), f->depth + 1, &none);
        }
        if (part != NULL && schema_get(part, SL_STR("$ref")) == NULL)
            merge_one(c, f->out, part);
    }
}

static void take_const(struct convert *c, struct node_facts *f)
{
    const struct json_node *v = f->constant;
    if (v == NULL || schema_get(f->out, SL_STR("enum")) != NULL)
        return;
    if (v->kind == JSON_STRING && v->n == 2) {
        schema_hint(c->w, f->out, SL_STR("always empty"));
        return;
    }
    struct sl_str raw = json_raw_of(c->t, v), type = SL_STR_NONE;
    bool whole = raw.n > 0 && sl_str_find(raw, '.') < 0 && sl_str_find(raw, 'e') < 0 && sl_str_find(raw, 'E') < 0;
    switch (v->kind) {
    case JSON_STRING:
        type = SL_STR("\"string\"");
        break;
    case JSON_NUMBER:
        type = whole ? SL_STR("\"integer\"") : SL_STR("\"number\"");
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        type = SL_STR("\"boolean\"");
        break;
    case JSON_NULL:
        type = SL_STR("\"null\"");
        break;
    default:
        break;
    }
    if (v->kind != JSON_NULL) {
        struct schema_node *list = schema_new(c->w, NODE_ARRAY);
        schema_add(list, SL_STR_NONE, schema_raw(c->w, raw));
        schema_set(f->out, SL_STR("enum"), list);
    }
    if (type.n > 0 && schema_get(f->out, SL_STR("type")) == NULL)
        set_raw(c, f, SL_STR("type"), type);
}

/* exclusiveMinimum and exclusiveMaximum: of integers the next one, of others the same with a word about it; also the boolean form
 * of draft 4. */
static void take_bound(struct convert *c, struct node_facts *f, const struct json_node *v, struct sl_str key, int step)
{
    if (v == NULL || (v->kind != JSON_NUMBER && v->kind != JSON_TRUE))
        return;
    const struct schema_node *old = schema_get(f->out, key);
    struct sl_str bound = v->kind == JSON_NUMBER ? json_raw_of(c->t, v) : old != NULL ? old->raw : SL_STR_NONE;
    int64_t n;
    if (bound.n == 0)
        return;
    if (type_is(f->out, SL_STR("\"integer\"")) && sl_str_to_i64(bound, &n) && !__builtin_add_overflow(n, step, &n)) {
        set_raw(c, f, key, sl_arena_printf(c->a, "%lld", (long long)n));
        return;
    }
    set_raw(c, f, key, bound);
    schema_hint(c->w, f->out,
                sl_arena_printf(c->a, "%s than " SL_STR_FMT, step > 0 ? "more" : "less", SL_STR_ARG(bound)));
}

static void make_nullable(struct convert *c, struct node_facts *f)
{
    struct schema_node *type = schema_get(f->out, SL_STR("type")), *any = schema_get(f->out, SL_STR("anyOf"));
    if (!f->nullable || type_is(f->out, SL_STR("\"null\"")))
        return;
    if (type != NULL && type->raw.p[0] == '"') {
        set_raw(c, f, SL_STR("type"), sl_arena_printf(c->a, "[" SL_STR_FMT ",\"null\"]", SL_STR_ARG(type->raw)));
    } else if (type != NULL) {
        struct sl_str inner = sl_str_head(type->raw, type->raw.n - 1);
        set_raw(c, f, SL_STR("type"), sl_arena_printf(c->a, SL_STR_FMT ",\"null\"]", SL_STR_ARG(inner)));
    } else if (any != NULL && any->kind == NODE_ARRAY) {
        struct schema_node *null = schema_new(c->w, NODE_OBJECT);
        schema_add(null, SL_STR("type"), schema_raw(c->w, SL_STR("\"null\"")));
        schema_add(any, SL_STR_NONE, null);
    }
}

/* Names of members that there are; also those that say `required: true` of themselves. */
static void take_required(struct convert *c, struct node_facts *f)
{
    const struct json_node *props = json_get(c->t, f->in, SL_STR("properties"));
    struct schema_node *properties = schema_get(f->out, SL_STR("properties"));
    struct schema_node *list = schema_get(f->out, SL_STR("required"));
    struct gem_index known = {.n = 0}, have = {.n = 0};
    if (properties == NULL)
        return;
    for (struct schema_node *n = properties->first; n != NULL; n = n->next)
        gem_index_put(&known, c->a, json_ident(n->key, c->a), n);
    struct schema_node *out = schema_new(c->w, NODE_ARRAY);
    for (struct schema_node *n = list != NULL ? list->first : NULL; n != NULL; n = n->next) { /* of a merge */
        gem_index_put(&have, c->a, json_ident(sl_str_of(n->raw.p + 1, n->raw.n - 2), c->a), n);
        schema_add(out, SL_STR_NONE, schema_raw(c->w, n->raw));
    }
    if (json_kind_of(f->required) == JSON_ARRAY)
        for (JSON_EACH(c->t, f->required, it)) {
            struct sl_str name = json_ident(json_inside_of(c->t, it), c->a);
            if (it->kind != JSON_STRING || gem_index_get(&known, name) == NULL || gem_index_get(&have, name) != NULL)
                continue;
            gem_index_put(&have, c->a, name, out);
            schema_add(out, SL_STR_NONE, schema_raw(c->w, json_raw_of(c->t, it)));
        }
    for (JSON_EACH(c->t, props, it)) {
        struct sl_str name = json_ident(json_key_of(c->t, it), c->a);
        if (json_kind_of(json_get(c->t, it, SL_STR("required"))) != JSON_TRUE || gem_index_get(&have, name) != NULL ||
            gem_index_get(&known, name) == NULL)
            continue;
        schema_add(out, SL_STR_NONE, schema_raw(c->w, sl_arena_printf(c->a, "\"" SL_STR_FMT "\"", SL_STR_ARG(name))));
    }
    if (out->first != NULL)
        schema_set(f->out, SL_STR("required"), out);
}

static void tell_hints(struct convert *c, struct node_facts *f)
{
    if (!f->hints)
        return;
    for (JSON_EACH(c->t, f->in, it))
        if (keyword_of(c->t, it) == KW_HINT)
            take_hint(c, f, it);
}

static void finish_node(struct convert *c, struct node_facts *f)
{
    merge_all_of(c, f);
    tell_hints(c, f);
    take_required(c, f);
    take_const(c, f);
    take_bound(c, f, f->above, SL_STR("minimum"), 1);
    take_bound(c, f, f->below, SL_STR("maximum"), -1);
    make_nullable(c, f);
    bool array = type_is(f->out, SL_STR("\"array\""));
    if (array && schema_get(f->out, SL_STR("items")) == NULL && schema_get(f->out, SL_STR("prefixItems")) == NULL)
        schema_add(f->out, SL_STR("items"), schema_new(c->w, NODE_OBJECT));
}
