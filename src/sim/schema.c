/* An example for a JSON schema: enough of draft 2020-12 for what strict structured outputs and tools use (objects, arrays, enum,
 * const, anyOf, $ref into the document), also with Google's names of types ("OBJECT"). The walk keeps its own bounded stack; past its depth or size, values are null.
 * What comes out is JSON in any case; that it fits the schema is the aim for the common ones. */
#include "base/mem.h"
#include "sim/sim_int.h"

#define MEMBERS_MAX 256u /* of one object, and of its list of required names: keeps the search small */

struct frame {
    bool is_object;
    unsigned seen;           /* members looked at */
    yyjson_obj_iter members; /* of properties */
    yyjson_val *required;    /* list, or NULL: all */
    yyjson_val *items;       /* array: schema of an item */
    size_t left;             /* array: items still to come */
    bool first;
};

struct walk {
    yyjson_val *root;
    struct frame stack[SIM_SCHEMA_DEPTH];
    unsigned depth;
    struct sl_buf *out;
};

/* "#/$defs/name" and "#/definitions/name"; others give NULL. */
static yyjson_val *resolve(const struct walk *w, yyjson_val *ref)
{
    struct sl_str path = sl_str_of(yyjson_get_str(ref), yyjson_get_len(ref));
    if (sl_str_eq(path, SL_STR("#")))
        return w->root;
    if (!sl_str_starts(path, SL_STR("#/")))
        return NULL;
    return yyjson_ptr_getn(w->root, path.p + 1, path.n - 1);
}

/* Follows references and alternatives, a bounded number of them. */
static yyjson_val *settle(const struct walk *w, yyjson_val *s)
{
    for (unsigned i = 0; i < SIM_SCHEMA_DEPTH && s != NULL; i++) {
        yyjson_val *ref = yyjson_obj_get(s, "$ref"), *any = yyjson_obj_get(s, "anyOf");
        any = any != NULL ? any : yyjson_obj_get(s, "oneOf");
        any = any != NULL ? any : yyjson_obj_get(s, "allOf");
        if (yyjson_is_str(ref))
            s = resolve(w, ref);
        else if (yyjson_arr_size(any) > 0)
            s = yyjson_arr_get_first(any);
        else
            return s;
    }
    return s;
}

static void add_value(struct sl_buf *out, yyjson_val *v)
{
    size_t n = 0;
    char *text = yyjson_val_write_opts(v, YYJSON_WRITE_NOFLAG, &sim_json_alc, &n, NULL);
    if (text != NULL && n <= SIM_SCHEMA_BYTES / 4)
        sl_buf_add(out, text, n);
    else
        sl_buf_adds(out, SL_STR("null"));
    sl_free(text);
}

static struct sl_str type_of(yyjson_val *s)
{
    yyjson_val *t = yyjson_obj_get(s, "type");
    if (yyjson_is_arr(t))
        t = yyjson_arr_get_first(t);
    if (yyjson_is_str(t))
        return sl_str_of(yyjson_get_str(t), yyjson_get_len(t));
    if (yyjson_is_obj(yyjson_obj_get(s, "properties")))
        return SL_STR("object");
    return yyjson_obj_get(s, "items") != NULL ? SL_STR("array") : SL_STR_NONE;
}

static void add_string(struct sl_buf *out, yyjson_val *s)
{
    static const struct {
        struct sl_str format, example;
    } formats[] = {
        {SL_STR_INIT("date-time"), SL_STR_INIT("\"2026-11-21T00:00:00Z\"")},
        {SL_STR_INIT("date"), SL_STR_INIT("\"2026-11-21\"")},
        {SL_STR_INIT("time"), SL_STR_INIT("\"00:00:00Z\"")},
        {SL_STR_INIT("email"), SL_STR_INIT("\"simulated@example.com\"")},
        {SL_STR_INIT("uuid"), SL_STR_INIT("\"00000000-0000-4000-8000-000000000000\"")},
    };
    yyjson_val *f = yyjson_obj_get(s, "format");
    for (size_t i = 0; yyjson_is_str(f) && i < sizeof formats / sizeof formats[0]; i++) {
        if (sl_str_eq(sl_str_of(yyjson_get_str(f), yyjson_get_len(f)), formats[i].format)) {
            sl_buf_adds(out, formats[i].example);
            return;
        }
    }
    sl_buf_adds(out, SL_STR("\"simulated\""));
}

static void push(struct walk *w, yyjson_val *s, bool is_object)
{
    struct frame *f = &w->stack[w->depth++];
    *f = (struct frame){.is_object = is_object, .first = true};
    sl_buf_addc(w->out, is_object ? '{' : '[');
    if (is_object) {
        f->members = yyjson_obj_iter_with(yyjson_obj_get(s, "properties"));
        f->required = yyjson_obj_get(s, "required");
        return;
    }
    yyjson_val *min = yyjson_obj_get(s, "minItems");
    uint64_t least = yyjson_get_uint(min);
    if (yyjson_is_str(min)) /* as Google writes large integers */
        sl_str_to_u64(sl_str_of(yyjson_get_str(min), yyjson_get_len(min)), &least);
    f->items = yyjson_obj_get(s, "items");
    f->left = f->items == NULL ? 0 : least < 1 ? 1 : least < 16 ? (size_t)least : 16;
}

static void add_schema(struct walk *w, yyjson_val *s)
{
    s = settle(w, s);
    yyjson_val *least = yyjson_obj_get(s, "minimum"), *fixed = yyjson_obj_get(s, "const"),
               *choices = yyjson_obj_get(s, "enum");
    struct sl_str type = type_of(s);
    bool compound = sl_str_eq_nocase(type, SL_STR("object")) || sl_str_eq_nocase(type, SL_STR("array"));
    if (fixed != NULL)
        add_value(w->out, fixed);
    else if (yyjson_arr_size(choices) > 0)
        add_value(w->out, yyjson_arr_get_first(choices));
    else if (compound && w->depth < SIM_SCHEMA_DEPTH)
        push(w, s, sl_lower(type.p[0]) == 'o');
    else if (sl_str_eq_nocase(type, SL_STR("string")))
        add_string(w->out, s);
    else if (sl_str_eq_nocase(type, SL_STR("integer")) || sl_str_eq_nocase(type, SL_STR("number")))
        yyjson_is_num(least) ? add_value(w->out, least) : (void)sl_buf_addc(w->out, '1');
    else if (sl_str_eq_nocase(type, SL_STR("boolean")))
        sl_buf_adds(w->out, SL_STR("true"));
    else
        sl_buf_adds(w->out, SL_STR("null"));
}

static bool is_required(yyjson_val *required, yyjson_val *name)
{
    size_t i, max;
    yyjson_val *v;
    if (required == NULL)
        return true;
    yyjson_arr_foreach(required, i, max, v)
    {
        if (i == MEMBERS_MAX)
            break;
        if (yyjson_equals_strn(v, yyjson_get_str(name), yyjson_get_len(name)))
            return true;
    }
    return false;
}

/* The next member or item of the innermost frame, or its end. */
static void step(struct walk *w)
{
    struct frame *f = &w->stack[w->depth - 1];
    yyjson_val *name = NULL;
    bool full = w->out->n > SIM_SCHEMA_BYTES / 2;
    if (f->is_object) {
        do {
            name = full || f->seen++ == MEMBERS_MAX ? NULL : yyjson_obj_iter_next(&f->members);
        } while (name != NULL && !is_required(f->required, name));
    }
    if (f->is_object ? name == NULL : f->left == 0 || full) {
        sl_buf_addc(w->out, f->is_object ? '}' : ']');
        w->depth--;
        return;
    }
    if (!f->first)
        sl_buf_addc(w->out, ',');
    f->first = false;
    if (!f->is_object) {
        f->left--;
        add_schema(w, f->items);
        return;
    }
    sl_buf_add_json(w->out, sl_str_of(yyjson_get_str(name), yyjson_get_len(name)));
    sl_buf_addc(w->out, ':');
    add_schema(w, yyjson_obj_iter_get_val(name));
}

void sim_schema_example(yyjson_val *schema, struct sl_buf *out)
{
    struct walk w = {.root = schema, .out = out};
    add_schema(&w, schema);
    while (w.depth > 0)
        step(&w);
    if (!out->over)
        return;
    sl_buf_reset(out);
    sl_buf_adds(out, SL_STR("{\"simulated\":true}"));
}
