/* The tree against another reader: the same documents, the same shape, and every slice within the document. */
#include "dialect/json_mend.h"
#include "dialect/json_tree.h"

#include <yyjson.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

/* What the two judge differently by intent. */
static bool is_special(struct sl_str s)
{
    for (size_t i = 0; i + 3 < s.n; i++)
        if (s.p[i] == '\\' && s.p[i + 1] == 'u' && sl_lower(s.p[i + 2]) == 'd' && sl_lower(s.p[i + 3]) >= '8')
            return true; /* escapes of surrogates */
    return false;
}

static void check_node(const struct json_tree *t, const struct json_node *v, struct sl_arena *a)
{
    struct sl_str raw = json_raw_of(t, v), inside = json_inside_of(t, v), key = json_key_of(t, v);
    SL_CHECK(v->at + v->n <= t->doc.n && v->key_at + v->key_n <= t->doc.n && raw.n > 0);
    SL_CHECK(json_is(raw, json_kind_of(v)));
    SL_CHECK(sl_utf8_valid(json_plain(inside, a)) && sl_utf8_valid(json_plain(key, a)));
    uint32_t children = 0;
    for (JSON_EACH(t, v, it)) {
        SL_CHECK(it > v && it->at >= v->at && it->at + it->n <= v->at + v->n);
        children++;
    }
    SL_CHECK(children == v->children);
    struct sl_str plain = json_plain(inside, a);
    SL_CHECK(sl_str_eq(json_plain(json_escape(plain, a), a), plain));
    SL_CHECK(sl_str_eq(json_ident(json_ident(inside, a), a), json_ident(inside, a)));
}

/* The beginning of a document is one again, when it is closed. */
static void check_cuts(struct sl_str doc, bool whole, struct sl_arena *a)
{
    for (size_t n = 0; n <= doc.n; n += 1 + doc.n / 64) {
        struct json_tree t;
        struct sl_str mended = json_mended(sl_str_head(doc, n), a);
        SL_CHECK(mended.n == 0 || !whole || json_tree_read(&t, mended, a));
        SL_CHECK(mended.n <= n + 1 + JSON_DEPTH_MAX);
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_arena a;
    struct json_tree t;
    struct sl_str doc = sl_str_of(data, n);
    if (n > 4096)
        return 0; /* looking at each value of each container by itself is quadratic */
    sl_arena_init(&a, NULL);
    bool read = json_tree_read(&t, doc, &a);
    yyjson_read_err err;
    yyjson_doc *other = yyjson_read_opts((char *)(uintptr_t)data, n, YYJSON_READ_NUMBER_AS_RAW, NULL, &err);
    if (t.status != JSON_TOO_DEEP && !is_special(doc))
        SL_CHECK(read == (other != NULL));
    SL_CHECK(read == (t.status == JSON_OK) && t.bad_at <= n);
    if (read && other != NULL)
        SL_CHECK(json_root(&t)->children == yyjson_get_len(yyjson_doc_get_root(other)) ||
                 json_kind_of(json_root(&t)) < JSON_ARRAY);
    for (uint32_t i = 0; i < t.n; i++)
        check_node(&t, &t.nodes[i], &a);
    (void)json_get(&t, json_root(&t), SL_STR("a"));
    struct sl_str any = json_escape(doc, &a); /* any bytes at all can be escaped */
    SL_CHECK(sl_utf8_valid(json_plain(any, &a)));
    check_cuts(doc, read, &a);
    yyjson_doc_free(other);
    sl_arena_done(&a);
    return 0;
}
