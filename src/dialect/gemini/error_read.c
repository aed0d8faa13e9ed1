/* Errors of Google's: gemini.md 10.1 (November 2026). {"error":{"code":429,"message":"...","status":"RESOURCE_EXHAUSTED","details":[...]}},
 * the same in a list, and messages in which a proxy has put such a body as text. */
#include "dialect/gemini/gemini_int.h"

#define NESTED_MAX 3u /* bodies within messages; two were seen */

/* The reason of the first ErrorInfo; the field of the first violation. */
static void read_details(const struct json_tree *t, const struct json_node *details, struct neutral_error *out)
{
    for (JSON_EACH(t, details, it)) {
        const struct json_node *violations = gem_get(t, it, SL_STR("fieldViolations"));
        if (out->code.n == 0)
            out->code = gem_get_inside(t, it, SL_STR("reason"));
        if (out->param.n == 0)
            out->param = gem_get_inside(t, json_child(violations), SL_STR("field"));
    }
}

static bool read_one(struct sl_str body, struct sl_arena *a, struct neutral_error *out)
{
    struct json_tree t;
    if (!json_tree_read(&t, body, a))
        return false;
    const struct json_node *root = json_root(&t);
    if (json_kind_of(root) == JSON_ARRAY)
        root = json_child(root);
    const struct json_node *error = gem_get(&t, root, SL_STR("error"));
    if (error == NULL)
        return false;
    *out = (struct neutral_error){.type = gem_get_inside(&t, error, SL_STR("status")),
                                  .message = gem_get_inside(&t, error, SL_STR("message"))};
    if (error->kind == JSON_STRING)
        out->message = json_inside_of(&t, error);
    uint64_t code = 0;
    if (json_u64_of(&t, gem_get(&t, error, SL_STR("code")), &code) && code >= 400 && code <= 599)
        out->status = (int)code;
    else
        out->status = gem_status_of(out->type);
    read_details(&t, gem_get(&t, error, SL_STR("details")), out);
    return true;
}

bool gem_error_read(struct sl_str body, struct sl_arena *a, struct neutral_error *out)
{
    if (!read_one(body, a, out))
        return false;
    for (unsigned i = 0; i < NESTED_MAX && sl_str_find(out->message, '{') >= 0; i++) {
        struct neutral_error inner;
        struct sl_str text = json_plain(out->message, a);
        if (!read_one(sl_str_from(text, (size_t)sl_str_find(text, '{')), a, &inner))
            break;
        inner.status = inner.status != 0 ? inner.status : out->status;
        inner.type = inner.type.n > 0 ? inner.type : out->type;
        inner.code = inner.code.n > 0 ? inner.code : out->code;
        inner.param = inner.param.n > 0 ? inner.param : out->param;
        *out = inner;
    }
    return true;
}
