/* struct cfg: what one reading owns, the places of its values, and the messages that name them. */
#include "config/config_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static int by_member(const void *a, const void *b)
{
    const struct cfg_place *x = a, *y = b;
    if (x->member != y->member)
        return (uintptr_t)x->member < (uintptr_t)y->member ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void add_overrides(struct cfg *c, const struct cfg_source *src)
{
    for (const struct cfg_override *o = src->overrides; o != NULL && o->name != NULL; o++) {
        const char *value = src->env != NULL ? src->env(src->env_arg, o->name) : getenv(o->name);
        if (value != NULL && value[0] != 0)
            tree_override(c, o, value);
    }
}

struct cfg *cfg_read(const struct cfg_section *root, size_t size, const struct cfg_source *src,
                     struct cfg_report *report)
{
    struct cfg *c = SL_NEW(struct cfg);
    c->wiping = (struct sl_arena_cache){.max = 0, .wipe = true};
    sl_arena_init(&c->arena, NULL);
    sl_arena_init(&c->tree_arena, &c->wiping);
    c->root = root;
    c->report = report;
    c->is_made = src->is_made;
    c->name = sl_arena_str(&c->arena, sl_str_c(src->name));
    c->values = sl_arena_zalloc(&c->arena, size);
    report->source = sl_arena_str(&report->arena, sl_str_c(src->name));
    c->is_whole = tree_read(c, src->text);
    if (c->is_whole) {
        add_overrides(c, src);
        values_check(c, src);
    }
    if (c->n_places > 1)
        qsort(c->places, c->n_places, sizeof *c->places, by_member);
    return c;
}

void cfg_free(struct cfg *c)
{
    if (c == NULL)
        return;
    sl_arena_done(&c->arena);
    sl_arena_done(&c->tree_arena);
    sl_free(c->places);
    sl_free(c);
}

void *cfg_root(const struct cfg *c)
{
    return c->values;
}

bool cfg_is_whole(const struct cfg *c)
{
    return c->is_whole;
}

struct sl_arena *cfg_arena(struct cfg *c)
{
    return &c->arena;
}

/* Places ---------------------------------------------------------------------------------------------------------- */

const struct cfg_place *place_of(const struct cfg *c, const void *member)
{
    size_t from = 0, to = c->n_places; /* the last one that is not behind `member` */
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if ((uintptr_t)c->places[mid].member <= (uintptr_t)member)
            from = mid + 1;
        else
            to = mid;
    }
    return from > 0 && c->places[from - 1].member == member ? &c->places[from - 1] : NULL;
}

bool cfg_is_set(const struct cfg *c, const void *member)
{
    const struct cfg_place *p = place_of(c, member);
    return p != NULL && p->node != NULL;
}

bool cfg_is_literal(const struct cfg *c, const void *member)
{
    const struct cfg_place *p = place_of(c, member);
    const struct cfg_node *node = p != NULL ? node_real(p->node) : NULL;
    return node != NULL && node->kind == NODE_SCALAR && sl_str_find(node->text, '$') < 0;
}

bool value_is_off(const struct cfg *c, const struct cfg_setting *row, const void *member)
{
    return (row->flags & CFG_OFF) != 0 && (row->preset != NULL || cfg_is_set(c, member));
}

#define PATH_PARTS_MAX 32 /* our tables nest 5 deep, two parts each */

static void path_add(struct sl_buf *out, const struct cfg_path *p)
{
    const struct cfg_path *parts[PATH_PARTS_MAX];
    unsigned n = 0;
    for (; p != NULL && n < PATH_PARTS_MAX; p = p->up)
        parts[n++] = p;
    for (unsigned i = n; i > 0; i--) {
        if (parts[i - 1]->name.p == NULL)
            sl_buf_addf(out, "[%zu]", parts[i - 1]->index);
        else
            sl_buf_addf(out, "%s" SL_STR_FMT, out->n != 0 ? "." : "", SL_STR_ARG(sl_str_head(parts[i - 1]->name, 100)));
    }
}

struct sl_str path_text(struct sl_arena *a, const struct cfg_path *p)
{
    struct sl_buf out;
    sl_buf_init(&out, PATH_PARTS_MAX * 128);
    path_add(&out, p);
    struct sl_str text = sl_arena_str(a, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

struct sl_str path_text_below(struct sl_arena *a, const struct cfg_path *p, struct sl_str name)
{
    struct cfg_path below = {.up = p, .name = name};
    return path_text(a, &below);
}

/* Messages -------------------------------------------------------------------------------------------------------- */

void cfg_find(struct cfg *c, enum cfg_grade grade, const struct cfg_node *at, bool at_key, struct cfg_finding *f)
{
    SL_CHECK(c->report != NULL);
    f->grade = grade;
    if (at != NULL && at->variable != NULL) {
        f->text = sl_arena_printf(&c->report->arena, "%s: " SL_STR_FMT, at->variable, SL_STR_ARG(f->text));
    } else if (at != NULL && !c->is_made) {
        f->line = at_key && at->key_line != 0 ? at->key_line : at->line;
        f->column = at_key && at->key_line != 0 ? at->key_column : at->column;
    }
    cfg_report_add(c->report, f);
}

static void find_at(struct cfg *c, enum cfg_grade grade, const void *member, const char *todo, struct sl_str text)
{
    const struct cfg_place *p = place_of(c, member);
    SL_CHECK(p != NULL); /* a member of no table */
    const struct cfg_node *at = p->node != NULL ? p->node : p->near;
    struct cfg_finding f = {.path = path_text(&c->report->arena, p->path), .text = text, .todo = sl_str_c(todo)};
    cfg_find(c, grade, at, p->node == NULL || at->kind != NODE_SCALAR, &f);
}

static SL_PRINTF(2, 0) struct sl_str message(struct cfg *c, const char *format, va_list ap)
{
    char text[512];
    int n = vsnprintf(text, sizeof text, format, ap);
    SL_CHECK(n >= 0);
    return sl_arena_str(&c->report->arena, sl_str_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

void cfg_error_at(struct cfg *c, const void *member, const char *todo, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    find_at(c, CFG_ERROR, member, todo, message(c, format, ap));
    va_end(ap);
}

void cfg_warn_at(struct cfg *c, const void *member, const char *todo, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    find_at(c, CFG_WARNING, member, todo, message(c, format, ap));
    va_end(ap);
}

static void find_in(struct cfg *c, enum cfg_grade grade, const struct cfg_tree *member, const struct cfg_value *part,
                    const char *todo, struct sl_str text)
{
    if (part == NULL) {
        find_at(c, grade, member, todo, text);
        return;
    }
    const struct cfg_place *p = place_of(c, member);
    const struct cfg_node *at = part->at;
    SL_CHECK(p != NULL);
    struct cfg_finding f = {.path = path_text(&c->report->arena, p->path), .text = text, .todo = sl_str_c(todo)};
    cfg_find(c, grade, at, part->key.n > 0 && part->kind != CFG_VALUE_TEXT, &f);
}

void cfg_error_in(struct cfg *c, const struct cfg_tree *member, const struct cfg_value *part, const char *todo,
                  const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    find_in(c, CFG_ERROR, member, part, todo, message(c, format, ap));
    va_end(ap);
}

void cfg_warn_in(struct cfg *c, const struct cfg_tree *member, const struct cfg_value *part, const char *todo,
                 const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    find_in(c, CFG_WARNING, member, part, todo, message(c, format, ap));
    va_end(ap);
}

const struct cfg_setting *section_setting(const struct cfg_section *s, struct sl_str name)
{
    for (const struct cfg_setting *t = s->settings; t->name != NULL; t++)
        if (sl_str_eq(name, sl_str_c(t->name)))
            return t;
    return NULL;
}

struct sl_str section_nearest(const struct cfg_section *s, struct sl_str name)
{
    struct sl_str best = SL_STR_NONE;
    unsigned cap = name.n < 4 ? 2 : name.n < 8 ? 3 : 4, least = cap; /* nearer than this */
    for (const struct cfg_setting *t = s->settings; t->name != NULL; t++) {
        unsigned d = sl_str_distance(name, sl_str_c(t->name), cap);
        if (d < least) {
            least = d;
            best = sl_str_c(t->name);
        }
    }
    return best;
}
