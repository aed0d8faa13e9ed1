/* The scanner against another reader: both accept the same documents, and watched members are where that reader sees them. */
#include "dialect/json_scan.h"

#include <yyjson.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

enum {
    W_A = 0,
    W_MODEL,
    W_O,
    W_OX,
    W_OXY,
    W_COUNT
};
static const struct json_watch watches[W_COUNT] = {
    [W_A] = {SL_STR_INIT("a"), -1},   [W_MODEL] = {SL_STR_INIT("model"), -1}, [W_O] = {SL_STR_INIT("o"), -1},
    [W_OX] = {SL_STR_INIT("x"), W_O}, [W_OXY] = {SL_STR_INIT("y"), W_OX},
};

/* What the two judge differently by intent. */
static bool has_surrogate_escape(struct sl_str s)
{
    for (size_t i = 0; i + 3 < s.n; i++)
        if (s.p[i] == '\\' && s.p[i + 1] == 'u' && sl_lower(s.p[i + 2]) == 'd' && sl_lower(s.p[i + 3]) >= '8')
            return true;
    return false;
}

static bool same_kind(const struct json_member *m, yyjson_val *v)
{
    switch (m->kind) {
    case JSON_ABSENT:
        return v == NULL;
    case JSON_NULL:
        return yyjson_is_null(v);
    case JSON_FALSE:
        return yyjson_is_false(v);
    case JSON_TRUE:
        return yyjson_is_true(v);
    case JSON_NUMBER:
        return yyjson_is_raw(v) && yyjson_get_len(v) == m->to - m->from;
    case JSON_STRING:
        return yyjson_is_str(v);
    case JSON_ARRAY:
        return yyjson_is_arr(v) && yyjson_arr_size(v) == m->children;
    case JSON_OBJECT:
        return yyjson_is_obj(v) && yyjson_obj_size(v) == m->children;
    }
    return false;
}

static void check_text(struct sl_str doc, const struct json_member *m, yyjson_val *v)
{
    if (m->kind != JSON_STRING)
        return;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct sl_str text;
    SL_CHECK(json_text(doc, m, &a, &text));
    SL_CHECK(sl_str_eq(text, sl_str_of(yyjson_get_str(v), yyjson_get_len(v))));
    sl_arena_done(&a);
}

static void check_elements(struct sl_str doc, const struct json_member *m)
{
    if (m->kind != JSON_ARRAY)
        return;
    struct sl_str array = json_raw(doc, m);
    size_t at = 0;
    uint32_t n = 0;
    for (struct json_member e; json_next_element(array, &at, &e); n++)
        SL_CHECK(e.from < e.to && e.to < array.n);
    SL_CHECK(n == m->children);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str doc = sl_str_of(data, n);
    struct json_member m[W_COUNT];
    struct json_info info;
    enum json_status s = json_scan(doc, watches, W_COUNT, m, &info);
    SL_CHECK(info.at <= n && json_status_text(s) != NULL);
    if (s == JSON_REPEATED || s == JSON_TOO_DEEP || has_surrogate_escape(doc))
        return 0;
    yyjson_doc *d = yyjson_read((const char *)data, n, YYJSON_READ_NUMBER_AS_RAW);
    SL_CHECK((s == JSON_OK) == (d != NULL));
    if (d != NULL) {
        yyjson_val *root = yyjson_doc_get_root(d), *o = yyjson_obj_get(root, "o"), *x = yyjson_obj_get(o, "x");
        yyjson_val *found[W_COUNT] = {yyjson_obj_get(root, "a"), yyjson_obj_get(root, "model"), o, x,
                                      yyjson_obj_get(x, "y")};
        for (int i = 0; i < W_COUNT; i++) {
            SL_CHECK(same_kind(&m[i], found[i]));
            check_text(doc, &m[i], found[i]);
            check_elements(doc, &m[i]);
        }
    }
    yyjson_doc_free(d);
    return 0;
}
