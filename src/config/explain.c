/* `sluice explain PATH`: one setting (or section) from its row: type, default, bounds, text, and the value it has. */
#include <string.h>

#include "config/config_int.h"

#define PATH_MAX_BYTES 600u
#define COLUMNS 80u

/* Walking the tables ---------------------------------------------------------------------------------------------- */

static void walk(const struct cfg_section *sec, struct sl_buf *path, unsigned depth, schema_walk_f *f, void *arg)
{
    size_t base = path->n;
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        sl_buf_addf(path, "%s%s", base != 0 ? "." : "", row->name);
        f(arg, sl_buf_str(path), row, depth);
        if (row->type == CFG_MAP)
            sl_buf_adds(path, SL_STR(".*"));
        if (row->type == CFG_LIST && row->item == CFG_SECTION)
            sl_buf_adds(path, SL_STR("[]"));
        if (row->section != NULL)
            walk(row->section, path, depth + 1, f, arg);
        path->n = base;
    }
}

void schema_walk(const struct cfg_section *root, schema_walk_f *f, void *arg)
{
    struct sl_buf path;
    sl_buf_init(&path, PATH_MAX_BYTES);
    walk(root, &path, 0, f, arg);
    SL_CHECK(!path.over);
    sl_buf_done(&path);
}

/* Finding ----------------------------------------------------------------------------------------------------------- */

struct found {
    const struct cfg_setting *row;
    const char *member; /* NULL: there is no value */
    bool is_item;       /* `row` is a map, and one of its items is meant: row->section, at member */
};

/* "keys[0]" -> "keys", and the number; *index is SIZE_MAX without one ("keys", "keys[]"). */
static struct sl_str cut_index(struct sl_str part, size_t *index)
{
    uint64_t n;
    ptrdiff_t at = sl_str_find(part, '[');
    *index = SIZE_MAX;
    if (at < 0 || !sl_str_ends(part, SL_STR("]")))
        return part;
    if (sl_str_to_u64(sl_str_of(part.p + at + 1, part.n - (size_t)at - 2), &n))
        *index = (size_t)n;
    return sl_str_head(part, (size_t)at);
}

/* Names may hold dots ("gpt-4.1"), so the name in "NAME.setting..." is the longest one that leaves a known setting. */
static struct sl_str cut_name(const struct cfg_section *sec, struct sl_str *rest)
{
    for (size_t i = rest->n; i > 0; i--) {
        if (rest->p[i - 1] != '.')
            continue;
        struct sl_str behind = sl_str_from(*rest, i), left = behind;
        size_t index;
        if (section_setting(sec, cut_index(sl_str_cut(&left, '.'), &index)) != NULL) {
            struct sl_str name = sl_str_head(*rest, i - 1);
            *rest = behind;
            return name;
        }
    }
    struct sl_str name = *rest;
    *rest = SL_STR_NONE;
    return name;
}

static const char *item_named(const struct cfg_setting *row, const char *member, struct sl_str name)
{
    struct items items = member != NULL ? member_items(member) : (struct items){0};
    for (size_t i = 0; i < items.n; i++) {
        const char *item = item_at(row, items, i);
        if (sl_str_eq(name, *(const struct sl_str *)(const void *)(item + row->section->name_offset)))
            return item;
    }
    return NULL;
}

static bool find(const struct cfg_section *sec, const char *base, struct sl_str path, struct found *out)
{
    struct sl_str rest = path;
    while (rest.p != NULL) {
        size_t index;
        struct sl_str part = cut_index(sl_str_cut(&rest, '.'), &index);
        const struct cfg_setting *row = section_setting(sec, part);
        if (row == NULL)
            return false;
        *out = (struct found){.row = row, .member = base != NULL ? base + row->offset : NULL};
        if (rest.p == NULL)
            return true;
        if (row->section == NULL)
            return false;
        base = out->member;
        sec = row->section;
        if (row->type == CFG_MAP) {
            base = item_named(row, base, cut_name(sec, &rest));
            *out = (struct found){.row = row, .member = base, .is_item = true};
        } else if (row->type == CFG_LIST) {
            struct items items = base != NULL ? member_items(base) : (struct items){0};
            base = index < items.n ? item_at(row, items, index) : NULL;
        }
    }
    return true;
}

struct search {
    struct sl_str wanted;
    struct sl_arena *arena;
    unsigned least;
    struct sl_str best;
};

static struct sl_str last_part(struct sl_str path)
{
    while (sl_str_find(path, '.') >= 0)
        sl_str_cut(&path, '.');
    return path;
}

static void consider(void *arg, struct sl_str path, const struct cfg_setting *row, unsigned depth)
{
    struct search *s = arg;
    (void)row;
    (void)depth;
    unsigned whole = sl_str_distance(s->wanted, path, s->least);
    unsigned part = sl_str_distance(last_part(s->wanted), last_part(path), s->least);
    unsigned d = whole <= part ? whole : part + 1; /* a whole path that is near goes before a near last part */
    if (d < s->least) {
        s->least = d;
        s->best = sl_arena_str(s->arena, path);
    }
}

static struct sl_str nearest_path(const struct cfg_section *root, struct sl_str wanted, struct sl_arena *arena)
{
    struct search s = {.wanted = wanted, .arena = arena, .least = 4};
    schema_walk(root, consider, &s);
    return s.best;
}

static enum sl_err look_up(const struct cfg_section *root, const struct cfg *c, struct sl_str path,
                           struct sl_arena *arena, struct found *out, struct sl_str *out_nearest)
{
    if (path.n != 0 && path.n <= PATH_MAX_BYTES && find(root, c != NULL ? c->values : NULL, path, out))
        return SL_OK;
    if (out_nearest != NULL)
        *out_nearest = nearest_path(root, path, arena);
    return SL_ENOENT;
}

static void list_one(void *arg, struct sl_str path, const struct cfg_setting *row, unsigned depth)
{
    struct sl_buf *out = arg;
    (void)depth;
    if (row->type == CFG_SECTION)
        return;
    sl_buf_addf(out, "%-44.*s ", SL_STR_ARG(path));
    type_add_text(out, row);
    if (row->preset != NULL)
        sl_buf_addf(out, ", default %s", row->preset);
    sl_buf_addc(out, '\n');
}

void cfg_list(const struct cfg_section *root, struct sl_buf *out)
{
    schema_walk(root, list_one, out);
}

/* Showing ----------------------------------------------------------------------------------------------------------- */

/* Words from `column` on, further lines indented to `indent`. */
static void add_wrapped(struct sl_buf *out, const char *text, size_t column, size_t indent)
{
    struct sl_str rest = sl_str_c(text);
    bool is_first = true;
    while (rest.p != NULL) {
        struct sl_str word = sl_str_cut(&rest, ' ');
        if (!is_first && column + 1 + word.n > COLUMNS) {
            sl_buf_addf(out, "\n%*s", (int)indent, "");
            column = indent;
            is_first = true;
        }
        sl_buf_addf(out, "%s" SL_STR_FMT, is_first ? "" : " ", SL_STR_ARG(word));
        column += word.n + (is_first ? 0 : 1);
        is_first = false;
    }
    sl_buf_addc(out, '\n');
}

static void add_words(struct sl_buf *out, const struct cfg_word *words)
{
    for (; words != NULL && words->word != NULL; words++) {
        if (words->text == NULL)
            continue;
        sl_buf_addf(out, "  %-9s  %s: ", "", words->word);
        add_wrapped(out, words->text, 15 + strlen(words->word), 15);
    }
}

static void add_section_list(struct sl_buf *out, const struct cfg_section *sec)
{
    sl_buf_adds(out, SL_STR("\n  settings\n"));
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        sl_buf_addf(out, "    %-24s ", row->name);
        type_add_text(out, row);
        if (row->preset != NULL)
            sl_buf_addf(out, ", default %s", row->preset);
        if ((row->flags & CFG_REQUIRED) != 0)
            sl_buf_adds(out, SL_STR(", required"));
        sl_buf_addc(out, '\n');
    }
}

static const char *change_text(const struct cfg_setting *row)
{
    return (row->flags & CFG_RESTART) != 0 ? "takes effect with the next start" : "takes effect with a reload";
}

static void add_current(struct sl_buf *out, const struct cfg *c, const struct found *f)
{
    if (f->member == NULL || f->row->section != NULL)
        return;
    const struct cfg_place *p = place_of(c, f->member);
    sl_buf_adds(out, SL_STR("  now        "));
    if ((p == NULL || p->node == NULL) && f->row->preset == NULL && f->row->type != CFG_BOOL) {
        sl_buf_adds(out, SL_STR("not set\n"));
        return;
    }
    value_add_text(out, f->row, f->member);
    if (p == NULL || p->node == NULL)
        sl_buf_adds(out, SL_STR(" (the default)\n"));
    else if (p->node->variable != NULL)
        sl_buf_addf(out, " (%s)\n", p->node->variable);
    else if (c->is_made)
        sl_buf_addf(out, " (" SL_STR_FMT ")\n", SL_STR_ARG(c->name));
    else
        sl_buf_addf(out, " (" SL_STR_FMT ":%u:%u)\n", SL_STR_ARG(c->name), p->node->line, p->node->column);
}

static void add_facts(struct sl_buf *out, const struct cfg_setting *row)
{
    sl_buf_adds(out, SL_STR("\n  type       "));
    type_add_text(out, row);
    sl_buf_addc(out, '\n');
    add_words(out, row->words);
    if ((row->flags & CFG_REQUIRED) != 0)
        sl_buf_adds(out, SL_STR("  required   yes\n"));
    else if (row->type != CFG_SECTION)
        sl_buf_addf(out, "  default    %s\n", row->preset != NULL ? row->preset : "not set");
    if (row->min != 0 || row->max != 0) {
        sl_buf_adds(out, SL_STR("  bounds     "));
        bounds_add_text(out, row);
        sl_buf_addc(out, '\n');
    }
    sl_buf_addf(out, "  change     %s\n", change_text(row));
    if ((row->flags & CFG_EXPERIMENTAL) != 0)
        sl_buf_adds(out, SL_STR("  note       experimental: may change or go away\n"));
}

enum sl_err cfg_explain(const struct cfg_section *root, const struct cfg *c, struct sl_str path, struct sl_buf *out,
                        struct sl_arena *arena, struct sl_str *out_nearest)
{
    struct found f;
    enum sl_err e = look_up(root, c, path, arena, &f, out_nearest);
    if (e != SL_OK)
        return e;
    sl_buf_addf(out, SL_STR_FMT "\n  ", SL_STR_ARG(path));
    add_wrapped(out, f.row->text, 2, 2);
    if (!f.is_item)
        add_facts(out, f.row);
    add_current(out, c, &f);
    if (f.row->section != NULL)
        add_section_list(out, f.row->section);
    return SL_OK;
}

static void member_json(struct sl_buf *out, const char *name, struct sl_str value)
{
    sl_buf_addf(out, ",\"%s\":", name);
    sl_buf_add_json(out, value);
}

enum sl_err cfg_explain_json(const struct cfg_section *root, const struct cfg *c, struct sl_str path,
                             struct sl_buf *out, struct sl_arena *arena, struct sl_str *out_nearest)
{
    struct found f;
    enum sl_err e = look_up(root, c, path, arena, &f, out_nearest);
    if (e != SL_OK)
        return e;
    struct sl_buf text;
    sl_buf_init(&text, 1 << 20);
    sl_buf_adds(out, SL_STR("{\"path\":"));
    sl_buf_add_json(out, path);
    type_add_text(&text, f.row);
    member_json(out, "type", sl_buf_str(&text));
    member_json(out, "text", sl_str_c(f.row->text));
    if (f.row->preset != NULL)
        member_json(out, "default", sl_str_c(f.row->preset));
    sl_buf_reset(&text);
    bounds_add_text(&text, f.row);
    if (text.n != 0)
        member_json(out, "bounds", sl_buf_str(&text));
    sl_buf_addf(out, ",\"required\":%s,\"restart\":%s,\"experimental\":%s,\"secret\":%s",
                (f.row->flags & CFG_REQUIRED) != 0 ? "true" : "false",
                (f.row->flags & CFG_RESTART) != 0 ? "true" : "false",
                (f.row->flags & CFG_EXPERIMENTAL) != 0 ? "true" : "false",
                f.row->type == CFG_SECRET || (f.row->type == CFG_LIST && f.row->item == CFG_SECRET) ? "true" : "false");
    if (f.member != NULL && f.row->section == NULL) {
        sl_buf_reset(&text);
        value_add_text(&text, f.row, f.member);
        member_json(out, "value", sl_buf_str(&text));
        sl_buf_addf(out, ",\"is_set\":%s", cfg_is_set(c, f.member) ? "true" : "false");
    }
    sl_buf_adds(out, SL_STR("}\n"));
    sl_buf_done(&text);
    return SL_OK;
}
