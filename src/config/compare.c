/* What differs between two configurations: the leaves of both, by path. A provider or model that is new or gone is one
 * change, not one for each of its settings. */
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "config/config_int.h"

struct leaf {
    struct sl_str path;
    const struct cfg_setting *row;
    const void *member;      /* NULL: this stands for an item itself */
    const struct leaf *item; /* the innermost item it belongs to; NULL: none */
    bool is_known;           /* the other side has it too */
};

struct leaves {
    struct sl_arena arena;
    struct leaf **v; /* own */
    size_t n, cap;
};

static struct leaf *add(struct leaves *l, struct sl_str path, const struct cfg_setting *row, const void *member,
                        const struct leaf *item)
{
    if (l->n == l->cap) {
        l->cap = l->cap != 0 ? 2 * l->cap : 256;
        l->v = sl_realloc(l->v, l->cap * sizeof(struct leaf *));
    }
    struct leaf *x = SL_ARENA_NEW(&l->arena, struct leaf);
    *x = (struct leaf){.path = path, .row = row, .member = member, .item = item};
    l->v[l->n++] = x;
    return x;
}

static void collect(struct leaves *l, const struct cfg_section *sec, const char *base, struct sl_str prefix,
                    const struct leaf *of)
{
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        const char *member = base + row->offset;
        struct sl_str path =
            sl_arena_printf(&l->arena, SL_STR_FMT "%s%s", SL_STR_ARG(prefix), prefix.n != 0 ? "." : "", row->name);
        if (row->type == CFG_SECTION) {
            collect(l, row->section, member, path, of);
            continue;
        }
        if (row->type != CFG_MAP && !(row->type == CFG_LIST && row->item == CFG_SECTION)) {
            add(l, path, row, member, of);
            continue;
        }
        struct items items = member_items(member);
        for (size_t i = 0; i < items.n; i++) {
            const char *item = item_at(row, items, i);
            struct sl_str name = row->type == CFG_MAP
                                     ? *(const struct sl_str *)(const void *)(item + row->section->name_offset)
                                     : SL_STR_NONE;
            struct sl_str below =
                row->type == CFG_MAP
                    ? sl_arena_printf(&l->arena, SL_STR_FMT "." SL_STR_FMT, SL_STR_ARG(path), SL_STR_ARG(name))
                    : sl_arena_printf(&l->arena, SL_STR_FMT "[%zu]", SL_STR_ARG(path), i);
            collect(l, row->section, item, below, add(l, below, row, NULL, of));
        }
    }
}

static void collect_all(struct leaves *l, const struct cfg *c)
{
    *l = (struct leaves){0};
    sl_arena_init(&l->arena, NULL);
    collect(l, c->root, c->values, SL_STR_NONE, NULL);
}

static bool secret_is_equal(const struct sl_secret *a, const struct sl_secret *b)
{
    return a->n == b->n && (a->n == 0 || sl_equal_ct(sl_secret_expose(a).p, sl_secret_expose(b).p, a->n));
}

static bool value_is_equal(const struct cfg_setting *row, enum cfg_type type, uint32_t width, const void *a,
                           const void *b)
{
    switch (type) {
    case CFG_STRING:
    case CFG_PATH:
    case CFG_ADDRESS:
    case CFG_URL: /* their text comes first and tells the rest */
    case CFG_TREE:
        return sl_str_eq(*(const struct sl_str *)a, *(const struct sl_str *)b);
    case CFG_SECRET:
        return secret_is_equal(a, b);
    case CFG_LIST: {
        struct items x = member_items(a), y = member_items(b);
        if (x.n != y.n)
            return false;
        for (size_t i = 0; i < x.n; i++)
            if (!value_is_equal(row, row->item, row->item_size, item_at(row, x, i), item_at(row, y, i)))
                return false;
        return true;
    }
    default:
        return memcmp(a, b, width) == 0;
    }
}

static bool leaf_is_equal(const struct cfg *a, const struct cfg *b, const struct leaf *x, const struct leaf *y)
{
    return value_is_equal(x->row, x->row->type, x->row->width, x->member, y->member) &&
           value_is_off(a, x->row, x->member) == value_is_off(b, y->row, y->member);
}

/* Reports what `l` has and the other side has not. */
static size_t report_lone(const struct leaves *l, cfg_change_f *f, void *arg)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const struct leaf *x = l->v[i];
        if (x->is_known || (x->item != NULL && !x->item->is_known))
            continue;
        n++;
        if (f != NULL)
            f(arg, x->path, x->row->flags);
    }
    return n;
}

size_t cfg_compare(const struct cfg *a, const struct cfg *b, cfg_change_f *f, void *arg)
{
    struct leaves x, y;
    struct sl_map by_path;
    size_t n = 0;
    collect_all(&x, a);
    collect_all(&y, b);
    sl_map_init(&by_path);
    for (size_t i = 0; i < y.n; i++)
        sl_map_put(&by_path, y.v[i]->path, y.v[i]);
    for (size_t i = 0; i < x.n; i++) {
        struct leaf *mine = x.v[i], *theirs = sl_map_get(&by_path, mine->path);
        if (theirs == NULL)
            continue;
        mine->is_known = theirs->is_known = true;
        if (mine->member == NULL || theirs->member == NULL || leaf_is_equal(a, b, mine, theirs))
            continue;
        n++;
        if (f != NULL)
            f(arg, mine->path, mine->row->flags);
    }
    n += report_lone(&x, f, arg) + report_lone(&y, f, arg);
    sl_map_done(&by_path);
    sl_arena_done(&x.arena);
    sl_arena_done(&y.arena);
    sl_free(x.v);
    sl_free(y.v);
    return n;
}
