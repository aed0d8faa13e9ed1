/* Vectors as lists of numbers and as base64 of float32 (openai.md 10). Both ways are exact: a number becomes the float32 that is
 * nearest, as clients make it themselves, and a float32 is written with as many digits as name it and no other. */
#include "dialect/other/pairs.h"

#include <yyjson.h>

#include "base/base64.h"

_Static_assert(sizeof(float) == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "float32, little-endian");

static bool pack_in(struct json_writer *w, struct sl_str list, struct sl_arena *a)
{
    size_t room = yyjson_read_max_memory_usage(list.n, 0), i, max;
    yyjson_alc alc;
    yyjson_val *v;
    if (!yyjson_alc_pool_init(&alc, sl_arena_alloc(a, room + 64), room + 64))
        return false;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)list.p, list.n, 0, &alc, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    size_t n = yyjson_arr_size(root);
    float *to = sl_arena_alloc(a, n * sizeof *to + 1);
    if (!yyjson_is_arr(root))
        return false;
    yyjson_arr_foreach(root, i, max, v)
    {
        if (!yyjson_is_num(v))
            return false;
        to[i] = (float)yyjson_get_num(v);
    }
    char *text = sl_arena_alloc(a, SL_BASE64_BYTES(n * 4) + 1);
    jw_inside(w, sl_str_of(text, sl_base64_encode(sl_str_of((const char *)to, n * 4), text)));
    return true;
}

/* What one vector takes is given back before the next: there may be thousands. */
static bool pack(struct json_writer *w, struct sl_str list)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    bool ok = pack_in(w, list, &a);
    sl_arena_done(&a);
    return ok;
}

static bool unpack_in(struct json_writer *w, struct sl_str text, struct sl_arena *a)
{
    char *bytes = sl_arena_alloc(a, text.n / 4 * 3 + 3);
    size_t n = 0, room, len = 0;
    if (!sl_base64_decode(text, bytes, &n) || n % 4 != 0)
        return false;
    yyjson_alc alc;
    room = 16384 + n * 64; /* a value of the list is 24 bytes, its text 25 at most, and the text is grown by halves */
    if (!yyjson_alc_pool_init(&alc, sl_arena_alloc(a, room), room))
        return false;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&alc);
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < n; i += 4) {
        float f;
        memcpy(&f, bytes + i, 4);
        if (f != f || f - f != 0) /* JSON has neither infinity nor nothing at all */
            return false;
        if (!yyjson_mut_arr_add_real(doc, list, (double)f))
            return false;
    }
    const char *json = yyjson_mut_val_write_opts(list, 0, &alc, &len, NULL);
    if (json == NULL)
        return false;
    jw_raw(w, sl_str_of(json, len));
    return true;
}

static bool unpack(struct json_writer *w, struct sl_str text)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    bool ok = unpack_in(w, text, &a);
    sl_arena_done(&a);
    return ok;
}

bool other_vector_write(struct json_writer *w, const struct json_tree *t, const struct json_node *v, bool base64)
{
    switch (json_kind_of(v)) {
    case JSON_ARRAY:
        if (base64)
            return pack(w, json_raw_of(t, v));
        jw_raw(w, json_raw_of(t, v));
        return true;
    case JSON_STRING:
        if (!base64)
            return unpack(w, json_inside_of(t, v));
        jw_raw(w, json_raw_of(t, v));
        return true;
    default:
        return false;
    }
}
