/* `Schema` as JSON Schema, for everybody else: translate-gemini.md 5.3 (November 2026). What is JSON Schema already comes out the
 * same but for blanks. */
#include "dialect/gemini/schema_int.h"

static struct schema_node *back(struct schema_work *w, const struct json_node *in);

static struct schema_node *raw_of(struct schema_work *w, const struct json_node *v)
{
    return schema_raw(w, gem_compact(json_raw_of(w->t, v), w->a));
}

static struct sl_str lower_raw(struct schema_work *w, struct sl_str raw)
{
    char *p = sl_arena_alloc(w->a, raw.n);
    for (size_t i = 0; i < raw.n; i++)
        p[i] = sl_lower(raw.p[i]);
    return sl_str_of(p, raw.n);
}

static struct schema_node *back_list(struct schema_work *w, const struct json_node *list)
{
    struct schema_node *out = schema_new(w, NODE_ARRAY);
    for (JSON_EACH(w->t, list, it))
        schema_add(out, SL_STR_NONE, back(w, it));
    return out;
}

/* Properties in the order that propertyOrdering gives, then the others. */
static struct schema_node *back_properties(struct schema_work *w, const struct json_node *v,
                                           const struct json_node *order)
{
    struct schema_node *out = schema_new(w, NODE_OBJECT);
    struct gem_index all = {.n = 0}, done = {.n = 0};
    for (JSON_EACH(w->t, v, it))
        gem_index_put(&all, w->a, json_ident(json_key_of(w->t, it), w->a), (void *)(uintptr_t)it);
    if (json_kind_of(order) == JSON_ARRAY)
        for (JSON_EACH(w->t, order, it)) {
            struct sl_str name = json_ident(json_inside_of(w->t, it), w->a);
            const struct json_node *property = gem_index_get(&all, name);
            if (property == NULL || gem_index_get(&done, name) != NULL)
                continue;
            gem_index_put(&done, w->a, name, out);
            schema_add(out, json_key_of(w->t, property), back(w, property));
        }
    for (JSON_EACH(w->t, v, it))
        if (done.n == 0 || gem_index_get(&done, json_ident(json_key_of(w->t, it), w->a)) == NULL)
            schema_add(out, json_key_of(w->t, it), back(w, it));
    return out;
}

static bool is_count(const struct json_tree *t, const struct json_node *v)
{
    static const struct sl_str counts[] = {SL_STR_INIT("minItems"),      SL_STR_INIT("maxItems"),
                                           SL_STR_INIT("minLength"),     SL_STR_INIT("maxLength"),
                                           SL_STR_INIT("minProperties"), SL_STR_INIT("maxProperties")};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (v->kind == JSON_STRING && gem_key_is(t, v, counts[i]))
            return true;
    return false;
}

static void back_member(struct schema_work *w, struct schema_node *out, const struct json_node *in,
                        const struct json_node *v)
{
    const struct json_tree *t = w->t;
    struct sl_str key = json_key_of(t, v), raw = json_raw_of(t, v);
    uint64_t n;
    if (gem_key_is(t, v, SL_STR("type")))
        schema_add(out, key, schema_raw(w, lower_raw(w, raw)));
    else if (gem_key_is(t, v, SL_STR("properties")) && v->kind == JSON_OBJECT)
        schema_add(out, key, back_properties(w, v, gem_get(t, in, SL_STR("propertyOrdering"))));
    else if (gem_key_is(t, v, SL_STR("items")) && v->kind == JSON_OBJECT)
        schema_add(out, key, back(w, v));
    else if (gem_key_is(t, v, SL_STR("anyOf")) && v->kind == JSON_ARRAY)
        schema_add(out, SL_STR("anyOf"), back_list(w, v));
    else if (gem_key_is(t, v, SL_STR("example")))
        schema_add(out, SL_STR("examples"), schema_raw(w, sl_arena_printf(w->a, "[" SL_STR_FMT "]", SL_STR_ARG(raw))));
    else if (gem_key_is(t, v, SL_STR("propertyOrdering")) || gem_key_is(t, v, SL_STR("nullable")) ||
             (gem_key_is(t, v, SL_STR("format")) && json_text_is(t, v, SL_STR("enum"))))
        return;
    else if (is_count(t, v) && sl_str_to_u64(json_inside_of(t, v), &n))
        schema_add(out, key, schema_raw(w, sl_arena_printf(w->a, "%llu", (unsigned long long)n)));
    else
        schema_add(out, key, raw_of(w, v));
}

static void back_nullable(struct schema_work *w, struct schema_node *out)
{
    struct schema_node *type = schema_get(out, SL_STR("type")), *any = schema_get(out, SL_STR("anyOf"));
    struct schema_node *values = schema_get(out, SL_STR("enum"));
    struct schema_node *null = schema_new(w, NODE_OBJECT);
    schema_add(null, SL_STR("type"), schema_raw(w, SL_STR("\"null\"")));
    if (type != NULL && type->kind == NODE_RAW && type->raw.p[0] == '"')
        schema_set(out, SL_STR("type"),
                   schema_raw(w, sl_arena_printf(w->a, "[" SL_STR_FMT ",\"null\"]", SL_STR_ARG(type->raw))));
    else if (any != NULL && any->kind == NODE_ARRAY)
        schema_add(any, SL_STR_NONE, null);
    if (values != NULL && values->kind == NODE_RAW && values->raw.n > 2) /* an enum forbids null unless it lists it */
        schema_set(out, SL_STR("enum"),
                   schema_raw(w, sl_arena_printf(w->a, SL_STR_FMT ",null]",
                                                 SL_STR_ARG(sl_str_head(values->raw, values->raw.n - 1)))));
}

static struct schema_node *back(struct schema_work *w, const struct json_node *in)
{
    if (in->kind != JSON_OBJECT)
        return raw_of(w, in);
    struct schema_node *out = schema_new(w, NODE_OBJECT);
    for (JSON_EACH(w->t, in, it))
        if (it->kind != JSON_NULL)
            back_member(w, out, in, it);
    if (json_kind_of(gem_get(w->t, in, SL_STR("nullable"))) == JSON_TRUE)
        back_nullable(w, out);
    return out;
}

struct sl_str gem_schema_back(struct sl_arena *a, struct sl_str raw)
{
    struct json_tree t;
    struct schema_work w = {.a = a, .t = &t};
    if (!json_tree_read(&t, raw, a))
        return raw;
    return schema_text(a, back(&w, json_root(&t)));
}
