/* See schema_strict.h. */
#include "dialect/schema_strict.h"

#include "dialect/json_tree.h"

#define PROPERTIES_MAX 512u /* of one object, looked at for strictness */

static bool is_required(const struct json_tree *t, const struct json_node *required, const struct json_node *property)
{
    struct sl_str key = json_key_of(t, property);
    for (JSON_EACH(t, required, it))
        if (sl_str_eq(json_inside_of(t, it), key))
            return true;
    return false;
}

/* One object schema: closed, and all its properties required (openai.md 6.4). */
static bool is_closed(const struct json_tree *t, const struct json_node *schema)
{
    const struct json_node *properties = json_got(t, schema, SL_STR("properties"));
    const struct json_node *required = json_got(t, schema, SL_STR("required"));
    bool object = properties != NULL || json_text_is(t, json_get(t, schema, SL_STR("type")), SL_STR("object"));
    if (!object)
        return true;
    if (json_kind_of(json_get(t, schema, SL_STR("additionalProperties"))) != JSON_FALSE)
        return false;
    if (properties == NULL)
        return true;
    if (json_kind_of(properties) != JSON_OBJECT || properties->children > PROPERTIES_MAX)
        return false;
    for (JSON_EACH(t, properties, it))
        if (!is_required(t, json_kind_of(required) == JSON_ARRAY ? required : NULL, it))
            return false;
    return true;
}

static bool is_any(const struct sl_str *list, size_t n, struct sl_str text)
{
    for (size_t i = 0; i < n; i++)
        if (sl_str_eq(list[i], text))
            return true;
    return false;
}

/* Without words that are outside of the subset. */
static bool is_known(const struct json_tree *t, const struct json_node *schema)
{
    static const struct sl_str refused[] = {SL_STR_INIT("allOf"),
                                            SL_STR_INIT("oneOf"),
                                            SL_STR_INIT("not"),
                                            SL_STR_INIT("if"),
                                            SL_STR_INIT("then"),
                                            SL_STR_INIT("else"),
                                            SL_STR_INIT("dependentSchemas"),
                                            SL_STR_INIT("dependentRequired"),
                                            SL_STR_INIT("patternProperties"),
                                            SL_STR_INIT("propertyNames"),
                                            SL_STR_INIT("contains"),
                                            SL_STR_INIT("prefixItems"),
                                            SL_STR_INIT("uniqueItems"),
                                            SL_STR_INIT("unevaluatedProperties")};
    static const struct sl_str formats[] = {SL_STR_INIT("date-time"), SL_STR_INIT("time"),  SL_STR_INIT("date"),
                                            SL_STR_INIT("duration"),  SL_STR_INIT("email"), SL_STR_INIT("hostname"),
                                            SL_STR_INIT("ipv4"),      SL_STR_INIT("ipv6"),  SL_STR_INIT("uuid")};
    for (JSON_EACH(t, schema, it)) {
        struct sl_str key = json_key_of(t, it);
        if (is_any(refused, sizeof refused / sizeof refused[0], key))
            return false;
        if (sl_str_eq(key, SL_STR("format")) && it->kind == JSON_STRING &&
            !is_any(formats, sizeof formats / sizeof formats[0], json_inside_of(t, it)))
            return false;
    }
    return true;
}

/* Every object in the document that looks like a schema of an object; one in an `enum` or `default` only makes it less strict. */
bool schema_is_strict(struct sl_str schema, struct sl_arena *a)
{
    struct json_tree tree;
    if (!json_tree_read(&tree, schema, a) || json_kind_of(json_root(&tree)) != JSON_OBJECT)
        return false;
    if (!json_text_is(&tree, json_get(&tree, json_root(&tree), SL_STR("type")), SL_STR("object")))
        return false;
    for (uint32_t i = 0; i < tree.n; i++)
        if (tree.nodes[i].kind == JSON_OBJECT && !(is_known(&tree, &tree.nodes[i]) && is_closed(&tree, &tree.nodes[i])))
            return false;
    return true;
}
