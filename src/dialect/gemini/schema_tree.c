/* See schema_int.h. */
#include "dialect/gemini/schema_int.h"

#include "base/list.h"

struct schema_node *schema_new(struct schema_work *w, enum node_kind kind)
{
    struct schema_node *n = SL_ARENA_NEW(w->a, struct schema_node);
    n->kind = kind;
    w->nodes++;
    return n;
}

struct schema_node *schema_raw(struct schema_work *w, struct sl_str raw)
{
    struct schema_node *n = schema_new(w, NODE_RAW);
    n->raw = raw;
    return n;
}

void schema_add(struct schema_node *to, struct sl_str key, struct schema_node *child)
{
    child->key = key;
    child->next = NULL;
    SL_APPEND(to->first, to->last, child);
}

struct schema_node *schema_get(const struct schema_node *of, struct sl_str key)
{
    if (of == NULL || of->kind != NODE_OBJECT)
        return NULL;
    for (struct schema_node *n = of->first; n != NULL; n = n->next)
        if (sl_str_eq(n->key, key))
            return n;
    return NULL;
}

void schema_remove(struct schema_node *from, struct sl_str key)
{
    struct schema_node *before = NULL;
    for (struct schema_node *n = from->first; n != NULL; before = n, n = n->next) {
        if (!sl_str_eq(n->key, key))
            continue;
        if (before != NULL)
            before->next = n->next;
        else
            from->first = n->next;
        if (from->last == n)
            from->last = before;
        return;
    }
}

void schema_set(struct schema_node *to, struct sl_str key, struct schema_node *child)
{
    struct schema_node *before = NULL, *old = to->first;
    for (; old != NULL && !sl_str_eq(old->key, key); old = old->next)
        before = old;
    if (old == NULL) {
        schema_add(to, key, child);
        return;
    }
    child->key = key;
    child->next = old->next;
    if (before != NULL)
        before->next = child;
    else
        to->first = child;
    if (to->last == old)
        to->last = child;
}

void schema_hint(struct schema_work *w, struct schema_node *to, struct sl_str text)
{
    const struct schema_node *old = schema_get(to, SL_STR("description"));
    struct sl_str before = old != NULL && old->raw.n >= 2 ? sl_str_of(old->raw.p + 1, old->raw.n - 2) : SL_STR_NONE;
    struct sl_str said = json_escape(text, w->a);
    w->lost = true;
    struct sl_str raw = sl_arena_printf(w->a, "\"" SL_STR_FMT "%s(" SL_STR_FMT ")\"", SL_STR_ARG(before),
                                        before.n > 0 ? " " : "", SL_STR_ARG(said));
    schema_set(to, SL_STR("description"), schema_raw(w, raw));
}

static void write_node(struct json_writer *w, const struct schema_node *n)
{
    if (n->kind == NODE_RAW) {
        jw_raw(w, n->raw);
        return;
    }
    bool object = n->kind == NODE_OBJECT;
    jw_open(w, object ? '{' : '[');
    for (const struct schema_node *c = n->first; c != NULL; c = c->next) {
        if (object)
            jw_key_inside(w, c->key);
        write_node(w, c);
    }
    jw_close(w, object ? '}' : ']');
}

struct sl_str schema_text(struct sl_arena *a, const struct schema_node *root)
{
    struct sl_buf b;
    sl_buf_init(&b, SIZE_MAX / 2);
    struct json_writer w = json_writer_on(&b);
    write_node(&w, root);
    struct sl_str out = sl_arena_str(a, sl_buf_str(&b));
    sl_buf_done(&b);
    return out;
}
