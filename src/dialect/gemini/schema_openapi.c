/* JSON Schema as `Schema`, the subset of OpenAPI 3.0 that models before 2.5 take: translate-gemini.md 5.2, gemini.md 4.1 (November
 * 2026). Runs over what schema.c made with all references in place. Children before parents, so that one pass is enough. */
#include "dialect/gemini/schema_int.h"

static struct sl_str inner(const struct schema_node *n)
{
    return n != NULL && n->kind == NODE_RAW && n->raw.n >= 2 && n->raw.p[0] == '"'
               ? sl_str_of(n->raw.p + 1, n->raw.n - 2)
               : SL_STR_NONE;
}

static struct schema_node *quoted(struct schema_work *w, struct sl_str text)
{
    return schema_raw(w, sl_arena_printf(w->a, "\"" SL_STR_FMT "\"", SL_STR_ARG(text)));
}

static struct schema_node *of_type(struct schema_work *w, struct sl_str type)
{
    struct schema_node *n = schema_new(w, NODE_OBJECT);
    schema_add(n, SL_STR("type"), quoted(w, type));
    return n;
}

static struct sl_str upper(struct schema_work *w, struct sl_str s)
{
    char *p = sl_arena_alloc(w->a, s.n);
    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'a' && s.p[i] <= 'z' ? (char)(s.p[i] & ~0x20) : s.p[i];
    return sl_str_of(p, s.n);
}

static void set_nullable(struct schema_work *w, struct schema_node *n)
{
    schema_set(n, SL_STR("nullable"), schema_raw(w, SL_STR("true")));
}

/* ["string","null"]: one type, and nullable; several others: a choice. */
static void fix_type(struct schema_work *w, struct schema_node *n)
{
    const struct schema_node *type = schema_get(n, SL_STR("type"));
    struct json_tree t;
    if (type == NULL)
        return;
    if (type->raw.p[0] == '"') {
        schema_set(n, SL_STR("type"), quoted(w, upper(w, inner(type))));
        return;
    }
    schema_remove(n, SL_STR("type"));
    if (!json_tree_read(&t, type->raw, w->a))
        return;
    struct schema_node *any = schema_new(w, NODE_ARRAY);
    struct sl_str last = SL_STR_NONE;
    unsigned count = 0;
    for (JSON_EACH(&t, json_root(&t), it)) {
        struct sl_str word = upper(w, json_inside_of(&t, it));
        if (sl_str_eq(word, SL_STR("NULL")))
            set_nullable(w, n);
        if (sl_str_eq(word, SL_STR("NULL")) || word.n == 0)
            continue;
        struct schema_node *branch = of_type(w, word);
        struct schema_node *items = schema_get(n, SL_STR("items")), *properties = schema_get(n, SL_STR("properties"));
        if (sl_str_eq(word, SL_STR("ARRAY")) && items != NULL) {
            schema_remove(n, SL_STR("items"));
            schema_add(branch, SL_STR("items"), items);
        } else if (sl_str_eq(word, SL_STR("OBJECT")) && properties != NULL) {
            schema_remove(n, SL_STR("properties"));
            schema_add(branch, SL_STR("properties"), properties);
        }
        schema_add(any, SL_STR_NONE, branch);
        last = word;
        count++;
    }
    if (count > 1) {
        schema_set(n, SL_STR("anyOf"), any);
        return;
    }
    if (count == 0)
        last = SL_STR("NULL");
    schema_set(n, SL_STR("type"), quoted(w, last));
    for (struct schema_node *m = count == 1 ? any->first->first : NULL, *next; m != NULL; m = next) {
        next = m->next;
        if (schema_get(n, m->key) == NULL)
            schema_add(n, m->key, m);
    }
}

static bool is_null_branch(const struct schema_node *n)
{
    return sl_str_eq(inner(schema_get(n, SL_STR("type"))), SL_STR("NULL")) && n->first == n->last;
}

static void fix_union(struct schema_work *w, struct schema_node *n)
{
    struct schema_node *one = schema_get(n, SL_STR("oneOf")), *any = schema_get(n, SL_STR("anyOf"));
    if (one != NULL) {
        schema_remove(n, SL_STR("oneOf"));
        if (any == NULL) {
            schema_add(n, SL_STR("anyOf"), one);
            any = one;
        } else {
            w->lost = true;
        }
    }
    if (any == NULL || any->kind != NODE_ARRAY)
        return;
    struct schema_node *kept = schema_new(w, NODE_ARRAY);
    for (struct schema_node *b = any->first, *next; b != NULL; b = next) {
        next = b->next;
        if (is_null_branch(b))
            set_nullable(w, n);
        else
            schema_add(kept, SL_STR_NONE, b);
    }
    schema_remove(n, SL_STR("anyOf"));
    if (kept->first == NULL)
        return;
    if (kept->first == kept->last) { /* one is left: it is the node; what the node says itself goes first */
        for (struct schema_node *m = kept->first->first, *next; m != NULL; m = next) {
            next = m->next;
            if (schema_get(n, m->key) == NULL)
                schema_add(n, m->key, m);
        }
        return;
    }
    static const struct sl_str beside[] = {SL_STR_INIT("type"), SL_STR_INIT("items"), SL_STR_INIT("properties"),
                                           SL_STR_INIT("required"), SL_STR_INIT("enum")};
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
        schema_remove(n, beside[i]);
    schema_add(n, SL_STR("anyOf"), kept);
}

/* Tuples: their order is lost. */
static void fix_tuple(struct schema_work *w, struct schema_node *n)
{
    struct schema_node *tuple = schema_get(n, SL_STR("prefixItems"));
    if (tuple == NULL)
        return;
    schema_remove(n, SL_STR("prefixItems"));
    w->lost = true;
    if (schema_get(n, SL_STR("items")) != NULL || tuple->kind != NODE_ARRAY || tuple->first == NULL)
        return;
    struct schema_node *items = schema_new(w, NODE_OBJECT);
    if (tuple->first == tuple->last) {
        schema_add(n, SL_STR("items"), tuple->first);
        return;
    }
    schema_add(items, SL_STR("anyOf"), tuple);
    schema_add(n, SL_STR("items"), items);
}

/* Lists of texts only, and only of type STRING: the values of others are told. */
static void fix_enum(struct schema_work *w, struct schema_node *n)
{
    struct schema_node *list = schema_get(n, SL_STR("enum"));
    struct sl_str type = inner(schema_get(n, SL_STR("type")));
    bool texts = true;
    if (list == NULL || list->kind != NODE_ARRAY)
        return;
    for (const struct schema_node *v = list->first; v != NULL; v = v->next)
        texts = texts && v->raw.n > 0 && v->raw.p[0] == '"';
    if (texts && (type.n == 0 || sl_str_eq(type, SL_STR("STRING")))) {
        if (type.n == 0)
            schema_set(n, SL_STR("type"), quoted(w, SL_STR("STRING")));
        return;
    }
    schema_remove(n, SL_STR("enum"));
    struct sl_str values = schema_text(w->a, list);
    schema_hint(w, n, sl_arena_printf(w->a, "one of " SL_STR_FMT, SL_STR_ARG(sl_str_head(values, 400))));
    if (type.n == 0 && !texts && list->first->raw.p[0] != '"') {
        bool logic = list->first->raw.p[0] == 't' || list->first->raw.p[0] == 'f';
        schema_set(n, SL_STR("type"), quoted(w, logic ? SL_STR("BOOLEAN") : SL_STR("NUMBER")));
    }
}

static void fix_format(struct schema_node *n)
{
    static const struct sl_str of_texts[] = {SL_STR_INIT("enum"), SL_STR_INIT("date-time")};
    static const struct sl_str of_numbers[] = {SL_STR_INIT("int32"), SL_STR_INIT("int64"), SL_STR_INIT("float"),
                                               SL_STR_INIT("double")};
    struct sl_str format = inner(schema_get(n, SL_STR("format"))), type = inner(schema_get(n, SL_STR("type")));
    bool number = sl_str_eq(type, SL_STR("INTEGER")) || sl_str_eq(type, SL_STR("NUMBER")), fine = false;
    for (size_t i = 0; i < 2 && !number; i++)
        fine |= sl_str_eq(format, of_texts[i]) && sl_str_eq(type, SL_STR("STRING"));
    for (size_t i = 0; i < 4 && number; i++)
        fine |= sl_str_eq(format, of_numbers[i]);
    if (!fine)
        schema_remove(n, SL_STR("format"));
}

static void fix_additional(struct schema_work *w, struct schema_node *n)
{
    const struct schema_node *more = schema_get(n, SL_STR("additionalProperties"));
    if (more == NULL)
        return;
    bool open = !schema_raw_is(more, SL_STR("false"));
    bool typed = more->kind == NODE_OBJECT && more->first != NULL;
    struct sl_str text = typed ? schema_text(w->a, more) : SL_STR_NONE;
    schema_remove(n, SL_STR("additionalProperties"));
    if (open && typed)
        schema_hint(w, n,
                    sl_arena_printf(w->a, "any names, with values " SL_STR_FMT, SL_STR_ARG(sl_str_head(text, 200))));
    else if (open && schema_get(n, SL_STR("properties")) == NULL)
        schema_hint(w, n, SL_STR("any names"));
}

/* Only what Schema has; counts are int64, so they are written as texts. */
static void keep_known(struct schema_work *w, struct schema_node *n)
{
    static const struct sl_str known[] = {
        SL_STR_INIT("type"),     SL_STR_INIT("format"),           SL_STR_INIT("title"),   SL_STR_INIT("description"),
        SL_STR_INIT("nullable"), SL_STR_INIT("default"),          SL_STR_INIT("enum"),    SL_STR_INIT("items"),
        SL_STR_INIT("required"), SL_STR_INIT("propertyOrdering"), SL_STR_INIT("anyOf"),   SL_STR_INIT("properties"),
        SL_STR_INIT("minimum"),  SL_STR_INIT("maximum"),          SL_STR_INIT("pattern"), SL_STR_INIT("example")};
    static const struct sl_str counts[] = {SL_STR_INIT("minItems"),      SL_STR_INIT("maxItems"),
                                           SL_STR_INIT("minLength"),     SL_STR_INIT("maxLength"),
                                           SL_STR_INIT("minProperties"), SL_STR_INIT("maxProperties")};
    struct schema_node *next;
    for (struct schema_node *m = n->first; m != NULL; m = next) {
        next = m->next;
        bool keep = false, count = false;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            keep |= sl_str_eq(m->key, known[i]);
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
            count |= sl_str_eq(m->key, counts[i]);
        if (count && m->kind == NODE_RAW && m->raw.p[0] != '"')
            m->raw = sl_arena_printf(w->a, "\"" SL_STR_FMT "\"", SL_STR_ARG(m->raw));
        if (!keep && !count) {
            w->lost = true;
            schema_remove(n, m->key);
        }
    }
}

static void narrow(struct schema_work *w, struct schema_node *n);

static void narrow_children(struct schema_work *w, const struct schema_node *of)
{
    for (struct schema_node *m = of != NULL && of->kind != NODE_RAW ? of->first : NULL; m != NULL; m = m->next)
        narrow(w, m);
}

/* As deep as schema.c went. */
static void narrow(struct schema_work *w, struct schema_node *n)
{
    if (n->kind != NODE_OBJECT)
        return;
    narrow_children(w, schema_get(n, SL_STR("properties")));
    narrow_children(w, schema_get(n, SL_STR("anyOf")));
    narrow_children(w, schema_get(n, SL_STR("oneOf")));
    narrow_children(w, schema_get(n, SL_STR("prefixItems")));
    struct schema_node *items = schema_get(n, SL_STR("items"));
    if (items != NULL)
        narrow(w, items);
    fix_type(w, n);
    fix_union(w, n);
    fix_tuple(w, n);
    fix_additional(w, n);
    fix_enum(w, n);
    bool any = schema_get(n, SL_STR("anyOf")) != NULL, object = schema_get(n, SL_STR("properties")) != NULL;
    if (!any && schema_get(n, SL_STR("type")) == NULL)
        schema_set(n, SL_STR("type"), quoted(w, object ? SL_STR("OBJECT") : SL_STR("STRING")));
    bool array = sl_str_eq(inner(schema_get(n, SL_STR("type"))), SL_STR("ARRAY"));
    if (array && schema_get(n, SL_STR("items")) == NULL)
        schema_add(n, SL_STR("items"), of_type(w, SL_STR("STRING")));
    fix_format(n);
    keep_known(w, n);
}

enum gem_schema_flaw gem_schema_openapi(struct sl_arena *a, struct sl_str raw, enum gem_schema_use use,
                                        struct sl_str *out, bool *out_lost)
{
    struct schema_work w = {.a = a, .inline_all = true};
    struct json_tree t;
    struct schema_node *root;
    enum gem_schema_flaw flaw = schema_convert(&w, raw, use, &t, &root);
    if (flaw != GEM_SCHEMA_FINE)
        return flaw;
    narrow(&w, root);
    *out = schema_text(a, root);
    *out_lost = w.lost;
    return GEM_SCHEMA_FINE;
}
