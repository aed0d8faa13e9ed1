/* Pass two: the tree against the tables -> typed values. Goes on after an error, so that all are found in one run. The
 * walk recurses along the tables, which are ours and finite, never along the file. */
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config_int.h"

#define SHOWN_MAX 40u /* bytes of a wrong value in a message; longer ones are not shown */
#define DURATION_MAX (INT64_C(3660) * 24 * 3600 * SL_SEC) /* ten years */

struct check {
    struct cfg *c;
    const struct cfg_source *src;
    unsigned visits;   /* nodes looked at; aliases make more of them than the file has */
    size_t tree_bytes; /* text of trees; bounded for the same reason */
    bool is_too_much;
};

/* A value to be read: where it comes from and where it goes. */
struct slot {
    const struct cfg_setting *row;
    enum cfg_type type; /* the row's, or that of its items */
    uint32_t width;
    const struct cfg_path *path;
    const struct cfg_node *node; /* real; a scalar */
    void *out;
};

static void check_section(struct check *k, const struct cfg_section *sec, char *base, const struct cfg_node *node,
                          const struct cfg_path *path);

/* Messages -------------------------------------------------------------------------------------------------------- */

static void error_at(struct check *k, const struct cfg_node *at, const struct cfg_path *path, struct sl_str text,
                     struct sl_str todo)
{
    struct cfg_finding f = {.path = path_text(&k->c->report->arena, path), .text = text, .todo = todo};
    cfg_find(k->c, CFG_ERROR, at, at != NULL && (at->kind != NODE_SCALAR || node_is_null(at)), &f);
}

/* What was written, for a message: never a secret's, never what a variable held, nothing that looks like a credential. */
static struct sl_str shown(struct check *k, const struct slot *s)
{
    struct sl_str raw = s->node->text;
    bool is_hidden = s->type == CFG_SECRET || s->type == CFG_URL || raw.n > SHOWN_MAX || sl_str_find(raw, '@') >= 0 ||
                     sl_str_find_str(raw, SL_STR("sk-")) >= 0;
    if (is_hidden)
        return SL_STR_NONE;
    return sl_arena_printf(&k->c->report->arena, ", not '" SL_STR_FMT "'", SL_STR_ARG(raw));
}

static bool wrong(struct check *k, const struct slot *s, struct sl_str text, const char *todo)
{
    SL_CHECK(!s->node->is_preset); /* a default of our own tables must be right */
    error_at(k, s->node, s->path, text, sl_str_c(todo));
    return false;
}

static bool expected(struct check *k, const struct slot *s, const char *what, const char *todo)
{
    struct sl_str text = sl_arena_printf(&k->c->report->arena, "expected %s" SL_STR_FMT, what, SL_STR_ARG(shown(k, s)));
    return wrong(k, s, text, todo);
}

static bool out_of_bounds(struct check *k, const struct slot *s)
{
    struct sl_buf bounds;
    sl_buf_init(&bounds, 200);
    bounds_add_text(&bounds, s->row);
    if (bounds.n == 0)
        sl_buf_adds(&bounds, SL_STR("what can be counted"));
    if ((s->row->flags & CFG_OFF) != 0)
        sl_buf_adds(&bounds, SL_STR(", or off"));
    struct sl_str text = sl_arena_printf(&k->c->report->arena, "out of bounds: allowed is " SL_STR_FMT SL_STR_FMT,
                                         SL_STR_ARG(sl_buf_str(&bounds)), SL_STR_ARG(shown(k, s)));
    sl_buf_done(&bounds);
    return wrong(k, s, text, NULL);
}

/* Single values --------------------------------------------------------------------------------------------------- */

static bool put_bool(struct check *k, const struct slot *s, struct sl_str text)
{
    bool is_true = sl_str_eq(text, SL_STR("true"));
    if (!is_true && !sl_str_eq(text, SL_STR("false")))
        return expected(k, s, "true or false", NULL);
    *(bool *)s->out = is_true;
    return true;
}

static bool put_uint(struct check *k, const struct slot *s, uint64_t v)
{
    bool has_bounds = s->row->min != 0 || s->row->max != 0;
    uint64_t most = s->width == sizeof(uint32_t) ? UINT32_MAX : INT64_MAX;
    if (v > most || (has_bounds && ((int64_t)v < s->row->min || (int64_t)v > s->row->max)))
        return out_of_bounds(k, s);
    uint32_t small = (uint32_t)v;
    memcpy(s->out, s->width == sizeof small ? (void *)&small : (void *)&v, s->width);
    return true;
}

static bool put_int(struct check *k, const struct slot *s, struct sl_str text)
{
    uint64_t v;
    int64_t below;
    if (sl_str_to_u64(text, &v))
        return put_uint(k, s, v);
    bool is_number = sl_str_to_i64(text, &below); /* none of our settings is below zero */
    for (size_t i = 0; !is_number && i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return expected(k, s, "a whole number", NULL);
        is_number = i + 1 == text.n;
    }
    return is_number ? out_of_bounds(k, s) : expected(k, s, "a whole number", NULL);
}

static bool put_size(struct check *k, const struct slot *s, struct sl_str text)
{
    uint64_t v;
    enum sl_err e = cfg_parse_size(text, &v);
    if (e == SL_ELIMIT)
        return out_of_bounds(k, s);
    if (e != SL_OK)
        return expected(k, s, "a size",
                        "Write bytes, or a number with KiB, MiB, GiB (1024) or KB, MB, GB (1000): 64MiB");
    return put_uint(k, s, v);
}

static bool put_duration(struct check *k, const struct slot *s, struct sl_str text)
{
    int64_t v, min = s->row->min, max = s->row->max != 0 ? s->row->max : DURATION_MAX;
    uint64_t number;
    enum sl_err e = cfg_parse_duration(text, &v);
    if (e == SL_EINVAL && sl_str_to_u64(text, &number))
        return expected(k, s, "a duration with its unit", "Write 500ms, 10s, 5m, 1h");
    if (e == SL_EINVAL)
        return expected(k, s, "a duration", "Write 500ms, 10s, 5m, 1h");
    if (e == SL_ELIMIT || v < min || v > max)
        return out_of_bounds(k, s);
    *(int64_t *)s->out = v;
    return true;
}

static bool put_enum(struct check *k, const struct slot *s, struct sl_str text)
{
    const struct cfg_word *nearest = NULL;
    unsigned least = 3;
    struct sl_buf words;
    sl_buf_init(&words, 512);
    for (const struct cfg_word *w = s->row->words; w->word != NULL; w++) {
        if (sl_str_eq(text, sl_str_c(w->word))) {
            memcpy(s->out, &w->value, sizeof w->value);
            sl_buf_done(&words);
            return true;
        }
        unsigned d = sl_str_distance(text, sl_str_c(w->word), 3);
        if (d < least) {
            least = d;
            nearest = w;
        }
        sl_buf_addf(&words, "%s%s", words.n == 0 ? "" : w[1].word == NULL ? " or " : ", ", w->word);
    }
    struct sl_arena *a = &k->c->report->arena;
    const char *todo = nearest != NULL ? sl_arena_printf(a, "Did you mean '%s'?", nearest->word).p : NULL;
    const char *what = sl_arena_str(a, sl_buf_str(&words)).p;
    sl_buf_done(&words);
    return expected(k, s, what, todo);
}

static bool put_string(struct check *k, const struct slot *s, struct sl_str text)
{
    if (!text_is_clean(text))
        return wrong(k, s, SL_STR("holds a control character or a line break"), "Write it in one line");
    const char *why = s->row->refused != NULL && text.n != 0 ? s->row->refused(text) : NULL;
    if (why != NULL)
        return wrong(k, s, sl_str_c(why), NULL);
    *(struct sl_str *)s->out = sl_arena_str(&k->c->arena, text);
    return true;
}

static struct sl_str path_from_folder(struct sl_arena *a, const char *folder, struct sl_str path)
{
    if (path.n == 0 || path.p[0] == '/' || folder == NULL || folder[0] == 0)
        return sl_arena_str(a, path);
    return sl_arena_printf(a, "%s/" SL_STR_FMT, folder, SL_STR_ARG(path));
}

static bool put_path(struct check *k, const struct slot *s, struct sl_str text)
{
    if (!text_is_clean(text) || text.n > 3000)
        return wrong(k, s, SL_STR("not a path"), NULL);
    if (sl_str_eq(text, SL_STR("-"))) { /* standard input or output */
        *(struct sl_str *)s->out = sl_arena_str(&k->c->arena, text);
        return true;
    }
    const char *folder = s->node->variable == NULL ? k->src->folder : NULL; /* variables mean where we were started */
    *(struct sl_str *)s->out = path_from_folder(&k->c->arena, folder, text);
    return true;
}

static bool put_address(struct check *k, const struct slot *s, struct sl_str text)
{
    const char *why = NULL;
    if (cfg_parse_address(text, &k->c->arena, s->out, &why) == SL_OK)
        return true;
    return wrong(k, s, sl_str_c(why), NULL);
}

static bool put_url(struct check *k, const struct slot *s, struct sl_str text)
{
    const char *why = NULL;
    if (text.n == 0) { /* as if it were not there */
        *(struct cfg_url *)s->out = (struct cfg_url){0};
        return true;
    }
    if (cfg_parse_url(text, &k->c->arena, s->out, &why) == SL_OK)
        return true;
    return wrong(k, s, sl_str_c(why), NULL);
}

/* Secrets --------------------------------------------------------------------------------------------------------- */

static void on_secret_drop(void *secret)
{
    sl_secret_done(secret);
}

static void warn(struct check *k, const struct slot *s, const char *text, const char *todo)
{
    struct cfg_finding f = {
        .path = path_text(&k->c->report->arena, s->path), .text = sl_str_c(text), .todo = sl_str_c(todo)};
    cfg_find(k->c, CFG_WARNING, s->node, false, &f);
}

/* The contents of a file, without blanks and line ends around it. The text stays in tree_arena, which is wiped. */
static bool secret_file(struct check *k, const struct slot *s, struct sl_str path, struct sl_str *out)
{
    struct sl_arena *a = &k->c->tree_arena;
    const char *file = path_from_folder(a, k->src->folder, path).p;
    struct sl_fail fail;
    struct sl_buf b;
    struct stat st;
    sl_buf_init(&b, CFG_SECRET_FILE_MAX);
    bool is_read = text_is_clean(path) && path.n != 0 && cfg_read_file(file, CFG_SECRET_FILE_MAX, &b, &fail) == SL_OK;
    if (is_read) {
        struct sl_str text = sl_buf_str(&b);
        while (text.n != 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL)
            text.n--;
        *out = sl_arena_str(a, sl_str_trim(text));
        if (stat(file, &st) == 0 && (st.st_mode & 0004) != 0)
            warn(k, s, "everybody on this machine may read the file of this secret", "Take the right away: chmod o-r");
    } else if (path.n == 0 || !text_is_clean(path)) {
        wrong(k, s, SL_STR("'file:' is not followed by a path"), NULL);
    } else {
        /* The path as it was written: what a variable held is not quoted. */
        const char *reason = strrchr(fail.text, '\'');
        wrong(k, s,
              sl_arena_printf(&k->c->report->arena, "cannot read '" SL_STR_FMT "%s",
                              SL_STR_ARG(sl_str_head(sl_str_from(s->node->text, 5), 200)),
                              reason != NULL ? reason : "'"),
              NULL);
    }
    if (b.p != NULL)
        explicit_bzero(b.p, b.n);
    sl_buf_done(&b);
    return is_read;
}

/* Secrets go into headers: printable ASCII, no blanks at the ends. */
static bool secret_is_sendable(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    return true;
}

/* "metadata": a document that is none, and no secret. */
static bool is_word(const struct slot *s, struct sl_str text)
{
    return (s->row->flags & CFG_DOCUMENT) != 0 && text.p[0] != '{';
}

/* "$NAME", as a shell would read it. */
static bool is_bare_variable(struct sl_str s)
{
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] != '_' && !(s.p[i] >= 'A' && s.p[i] <= 'Z') && !(s.p[i] >= '0' && s.p[i] <= '9'))
            return false;
    return s.n > 1 && s.p[0] == '$';
}

static bool put_secret(struct check *k, const struct slot *s, const struct expansion *x)
{
    struct sl_str text = x->text;
    if (sl_str_starts(s->node->text, SL_STR("file:"))) {
        if (!secret_file(k, s, sl_str_from(text, 5), &text))
            return false;
    } else if (!x->has_variable && text.n != 0 && !is_word(s, text) && !s->node->is_preset &&
               s->node->variable == NULL && !k->c->is_made) {
        if (is_bare_variable(text))
            warn(k, s, "a '$' without braces names no variable: it is taken for the secret itself",
                 "Write \"${NAME}\"");
        else
            warn(k, s, "a secret stands in the configuration itself",
                 "Write \"${NAME}\" and set it in the environment, or \"file:PATH\"");
    }
    text = sl_str_trim(text);
    if (text.n == 0)
        return wrong(k, s, SL_STR("the secret is empty"), "Set its variable or file, or remove the setting");
    if ((s->row->flags & CFG_DOCUMENT) == 0 && !secret_is_sendable(text))
        return wrong(k, s, SL_STR("the secret holds a character that cannot be sent in a header"),
                     "Look for a line break inside it, or quotes copied along");
    sl_secret_set(s->out, text);
    sl_arena_on_drop(&k->c->arena, on_secret_drop, s->out);
    return true;
}

/* One scalar ------------------------------------------------------------------------------------------------------ */

static void check_scalar(struct check *k, const struct slot *s)
{
    struct expansion x;
    if (!value_expand(k->c, k->src, s->node->text, &x)) {
        wrong(k, s, x.why, x.todo.p);
        return;
    }
    if ((s->row->flags & CFG_OFF) != 0 && sl_str_eq(x.text, SL_STR("off"))) {
        memset(s->out, 0, s->width); /* the default may be there */
        return;
    }
    switch (s->type) {
    case CFG_BOOL:
        put_bool(k, s, x.text);
        break;
    case CFG_INT:
        put_int(k, s, x.text);
        break;
    case CFG_SIZE:
        put_size(k, s, x.text);
        break;
    case CFG_DURATION:
        put_duration(k, s, x.text);
        break;
    case CFG_STRING:
        put_string(k, s, x.text);
        break;
    case CFG_PATH:
        put_path(k, s, x.text);
        break;
    case CFG_ENUM:
        put_enum(k, s, x.text);
        break;
    case CFG_SECRET:
        put_secret(k, s, &x);
        break;
    case CFG_ADDRESS:
        put_address(k, s, x.text);
        break;
    case CFG_URL:
        put_url(k, s, x.text);
        break;
    case CFG_TREE:
    case CFG_SECTION:
    case CFG_LIST:
    case CFG_MAP:
        SL_CHECK(s->type < CFG_TREE); /* a table's mistake: lists of lists do not exist */
    }
}

/* Structure ------------------------------------------------------------------------------------------------------- */

static bool visit(struct check *k, const struct cfg_node *node, const struct cfg_path *path)
{
    if (k->is_too_much)
        return false;
    if (++k->visits <= CFG_NODES_MAX)
        return true;
    k->is_too_much = true;
    error_at(k, node, path, SL_STR("more than 200000 values, counting what aliases repeat"), SL_STR_NONE);
    return false;
}

static const struct cfg_path *path_new(struct check *k, const struct cfg_path *up, struct sl_str name, size_t index)
{
    struct cfg_path *p = SL_ARENA_NEW(&k->c->arena, struct cfg_path);
    *p = (struct cfg_path){.up = up, .name = name, .index = index};
    return p;
}

static void record(struct check *k, const void *member, const struct cfg_node *node, const struct cfg_node *near,
                   const struct cfg_path *path)
{
    struct cfg *c = k->c;
    if (c->n_places == c->cap_places) {
        c->cap_places = c->cap_places != 0 ? 2 * c->cap_places : 256;
        c->places = sl_realloc(c->places, c->cap_places * sizeof *c->places);
    }
    c->places[c->n_places] =
        (struct cfg_place){.member = member, .order = (uint32_t)c->n_places, .node = node, .near = near, .path = path};
    c->n_places++;
}

/* "a, b, c" of a list in one scalar: presets and overrides. */
static struct cfg_node *comma_items(struct check *k, const struct cfg_node *node, size_t *n)
{
    struct cfg_node *first = NULL, **to = &first;
    struct sl_str rest = node->text;
    *n = 0;
    while (rest.p != NULL) {
        struct cfg_node *item = SL_ARENA_NEW(&k->c->tree_arena, struct cfg_node);
        *item = *node;
        item->text = sl_str_trim(sl_str_cut(&rest, ','));
        item->next = NULL;
        *to = item;
        to = &item->next;
        ++*n;
    }
    return first;
}

static void set_items(const struct cfg_setting *row, void *out, char *v, size_t n)
{
    SL_CHECK(row->width == sizeof v + sizeof n);
    memcpy(out, &v, sizeof v);
    memcpy((char *)out + sizeof v, &n, sizeof n);
}

static void check_item(struct check *k, const struct slot *s)
{
    const struct cfg_node *node = node_real(s->node);
    if (s->type == CFG_SECTION) {
        check_section(k, s->row->section, s->out, s->node, s->path);
    } else if (node->kind != NODE_SCALAR) {
        error_at(k, s->node, s->path, SL_STR("expected a single value, not a list or mapping"), SL_STR_NONE);
    } else if (node_is_null(node)) {
        error_at(k, s->node, s->path, SL_STR("an item is empty"), SL_STR("Remove the item, or its '-'"));
    } else {
        struct slot scalar = *s;
        scalar.node = node;
        check_scalar(k, &scalar);
    }
}

/* `node`: not NULL, not null. A single value stands for a list of one. */
static void check_list(struct check *k, const struct cfg_setting *row, void *out, const struct cfg_node *node,
                       const struct cfg_path *path)
{
    const struct cfg_node *real = node_real(node), *first = real->first;
    size_t n = real->n;
    if (real->kind == NODE_SCALAR && real->has_commas) {
        first = comma_items(k, real, &n);
    } else if (real->kind == NODE_SCALAR || (real->kind == NODE_MAP && row->item == CFG_SECTION)) {
        struct cfg_node *one = SL_ARENA_NEW(&k->c->tree_arena, struct cfg_node);
        *one = *node;
        one->next = NULL;
        first = one;
        n = 1;
    } else if (real->kind == NODE_MAP) {
        error_at(k, node, path, SL_STR("expected a list, not a mapping"),
                 SL_STR("Write [a, b], or one '- item' a line"));
        return;
    }
    if (row->max != 0 && n > (size_t)row->max) {
        error_at(k, node, path,
                 sl_arena_printf(&k->c->report->arena, "%zu items; at most %lld are allowed", n, (long long)row->max),
                 SL_STR_NONE);
        return;
    }
    if (!visit(k, node, path))
        return;
    char *v = n != 0 ? sl_arena_zalloc(&k->c->arena, n * row->item_size) : NULL;
    set_items(row, out, v, n);
    size_t i = 0;
    for (const struct cfg_node *item = first; item != NULL && visit(k, item, path); item = item->next, i++) {
        struct slot s = {.row = row,
                         .type = row->item,
                         .width = row->item_size,
                         .node = item,
                         .path = path_new(k, path, SL_STR_NONE, i),
                         .out = v + i * row->item_size};
        record(k, s.out, real->is_preset ? NULL : item, node, s.path);
        check_item(k, &s);
    }
}

/* Free shape ------------------------------------------------------------------------------------------------------ */

/* Recursion along the file: its depth is bounded (CFG_DEPTH_MAX), and what aliases repeat is counted by visit. */
static struct cfg_value *tree_value(struct check *k, const struct cfg_node *node, const struct cfg_path *path)
{
    const struct cfg_node *real = node_real(node);
    struct cfg_value *v = SL_ARENA_NEW(&k->c->arena, struct cfg_value);
    const struct cfg_value **to = &v->first;
    v->at = node;
    v->kind = real->kind == NODE_LIST ? CFG_VALUE_LIST : real->kind == NODE_MAP ? CFG_VALUE_MAP : CFG_VALUE_TEXT;
    if (!visit(k, node, path))
        return v;
    if (real->kind == NODE_SCALAR) {
        struct expansion x;
        v->is_quoted = !real->is_plain;
        v->is_literal = sl_str_find(real->text, '$') < 0;
        if (!value_expand(k->c, k->src, real->text, &x))
            error_at(k, node, path, x.why, x.todo);
        else if (!text_is_clean(x.text))
            error_at(k, node, path, SL_STR("holds a control character or a line break"), SL_STR_NONE);
        else if (x.text.n > CFG_FILE_MAX - k->tree_bytes)
            error_at(k, node, path, SL_STR("aliases repeat more than 4 MiB of text"), SL_STR_NONE);
        else
            v->text = sl_arena_str(&k->c->arena, x.text);
        k->tree_bytes += v->text.n;
        return v;
    }
    for (const struct cfg_node *n = real->first; n != NULL; n = n->next) {
        struct cfg_value *child = tree_value(k, n, path);
        child->key = sl_arena_str(&k->c->arena, n->key);
        *to = child;
        to = &child->next;
        v->n++;
    }
    return v;
}

/* "${" doubled, so that it is not a variable when read again. */
static struct sl_str tree_scalar(struct cfg *c, struct sl_str text)
{
    size_t n = 0;
    if (sl_str_find_str(text, SL_STR("${")) < 0)
        return text;
    char *to = sl_arena_alloc(&c->arena, 2 * text.n);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '$' && i + 1 < text.n && text.p[i + 1] == '{')
            to[n++] = '$';
        to[n++] = text.p[i];
    }
    return sl_str_of(to, n);
}

static void tree_text(struct cfg *c, struct sl_buf *out, const struct cfg_value *v)
{
    if (v->kind == CFG_VALUE_TEXT) {
        sl_buf_add_json(out, tree_scalar(c, v->text));
        return;
    }
    sl_buf_addc(out, v->kind == CFG_VALUE_LIST ? '[' : '{');
    for (const struct cfg_value *i = v->first; i != NULL; i = i->next) {
        if (i != v->first)
            sl_buf_adds(out, SL_STR(", "));
        if (v->kind == CFG_VALUE_MAP) {
            sl_buf_add_json(out, i->key);
            sl_buf_adds(out, SL_STR(": "));
        }
        tree_text(c, out, i);
    }
    sl_buf_addc(out, v->kind == CFG_VALUE_LIST ? ']' : '}');
}

/* `node`: not NULL, not null. */
static void check_tree(struct check *k, struct cfg_tree *out, const struct cfg_node *node, const struct cfg_path *path)
{
    struct sl_buf text;
    out->value = tree_value(k, node, path);
    sl_buf_init(&text, 8 * CFG_FILE_MAX); /* what JSON escapes makes it longer */
    tree_text(k->c, &text, out->value);
    out->text = sl_arena_str(&k->c->arena, sl_buf_str(&text));
    sl_buf_done(&text);
}

static void check_name(struct check *k, const struct cfg_section *sec, const struct cfg_node *item,
                       const struct cfg_path *path)
{
    const char *why = "is empty or holds a control character";
    if (item->key.n != 0 && text_is_clean(item->key))
        why = sec->name_refused != NULL ? sec->name_refused(item->key) : NULL;
    if (why == NULL)
        return;
    struct sl_arena *a = &k->c->report->arena;
    struct cfg_finding f = {.path = path_text(a, path),
                            .text = sl_arena_printf(a, "the name of this %s %s", sec->name_called, why)};
    cfg_find(k->c, CFG_ERROR, item, true, &f);
}

static void check_map(struct check *k, const struct cfg_setting *row, void *out, const struct cfg_node *node,
                      const struct cfg_path *path)
{
    const struct cfg_node *real = node_real(node);
    const struct cfg_section *sec = row->section;
    struct sl_arena *a = &k->c->report->arena;
    if (real->kind != NODE_MAP) {
        error_at(k, node, path, sl_arena_printf(a, "expected one %s a line, by name", sec->name_called),
                 sl_arena_printf(a, "Write NAME: and its settings below, indented"));
        return;
    }
    if (row->max != 0 && real->n > (size_t)row->max) {
        error_at(k, node, path,
                 sl_arena_printf(a, "%u of them; at most %lld are allowed", real->n, (long long)row->max), SL_STR_NONE);
        return;
    }
    char *v = real->n != 0 ? sl_arena_zalloc(&k->c->arena, real->n * (size_t)row->item_size) : NULL;
    set_items(row, out, v, real->n);
    size_t i = 0;
    for (const struct cfg_node *item = real->first; item != NULL && visit(k, item, path); item = item->next, i++) {
        char *to = v + i * row->item_size;
        struct sl_str name = sl_arena_str(&k->c->arena, item->key);
        const struct cfg_path *at = path_new(k, path, name, 0);
        *(struct sl_str *)(void *)(to + sec->name_offset) = name;
        record(k, to, item, item, at);
        if (sec->name_offset != 0)
            record(k, to + sec->name_offset, item, item, at);
        check_name(k, sec, item, at);
        check_section(k, sec, to, item, at);
    }
}

static struct cfg_node *preset_node(struct check *k, const struct cfg_setting *row)
{
    struct cfg_node *n = SL_ARENA_NEW(&k->c->tree_arena, struct cfg_node);
    *n = (struct cfg_node){.kind = NODE_SCALAR, .is_preset = true, .has_commas = true, .text = sl_str_c(row->preset)};
    return n;
}

/* `node`: not NULL, not null. */
static void check_value(struct check *k, const struct cfg_setting *row, void *out, const struct cfg_node *node,
                        const struct cfg_path *path)
{
    const struct cfg_node *real = node_real(node);
    if (row->type == CFG_LIST) {
        check_list(k, row, out, node, path);
    } else if (row->type == CFG_MAP) {
        check_map(k, row, out, node, path);
    } else if (row->type == CFG_TREE) {
        check_tree(k, out, node, path);
    } else if (real->kind != NODE_SCALAR) {
        error_at(k, node, path, SL_STR("expected a single value, not a list or mapping"), SL_STR_NONE);
    } else {
        struct slot s = {.row = row, .type = row->type, .width = row->width, .path = path, .node = real, .out = out};
        check_scalar(k, &s);
    }
}

/* `node`: what the file has for this setting, or NULL. */
static void check_setting(struct check *k, const struct cfg_setting *row, char *base, const struct cfg_node *node,
                          const struct cfg_path *path)
{
    void *out = base + row->offset;
    if (node_is_null(node))
        node = NULL;
    if (row->type == CFG_SECTION) {
        check_section(k, row->section, out, node, path);
        return;
    }
    if (row->preset != NULL && (node == NULL || row->type != CFG_LIST)) /* what stays when the file's is wrong */
        check_value(k, row, out, preset_node(k, row), path);
    if (node != NULL)
        check_value(k, row, out, node, path);
}

/* A section of the top that stands inside another one, or none. */
static struct sl_str too_deep(const struct check *k, const struct cfg_node *at)
{
    const struct cfg_setting *top = at->key.n > 0 ? section_setting(k->c->root, at->key) : NULL;
    if (top == NULL)
        return SL_STR_NONE;
    return sl_arena_printf(&k->c->report->arena, "'%s' is a section of its own: is it indented too far?", top->name);
}

static void report_unknown(struct check *k, const struct cfg_section *sec, const struct cfg_node *at,
                           const struct cfg_path *path)
{
    struct sl_arena *a = &k->c->report->arena;
    struct cfg_finding f = {.path = path_text_below(a, path, at->key), .text = SL_STR("unknown setting")};
    if (k->c->report->n_errors < CFG_FINDINGS_MAX) {
        struct sl_str nearest = section_nearest(sec, at->key);
        struct sl_buf known;
        sl_buf_init(&known, 300);
        for (const struct cfg_setting *t = sec->settings; nearest.n == 0 && t->name != NULL; t++)
            sl_buf_addf(&known, "%s%s", known.n != 0 ? ", " : "Known here: ", t->name);
        f.todo = too_deep(k, at);
        if (f.todo.n == 0)
            f.todo = nearest.n != 0 ? sl_arena_printf(a, "Did you mean '" SL_STR_FMT "'?", SL_STR_ARG(nearest))
                                    : sl_arena_str(a, sl_buf_str(&known));
        sl_buf_done(&known);
    }
    cfg_find(k->c, CFG_ERROR, at, true, &f);
}

/* A scalar or list that stands for the one setting that the section names for that. */
static bool is_short(const struct cfg_section *sec, const struct cfg_node *real)
{
    if (sec->short_form == NULL || real->kind == NODE_MAP)
        return false;
    enum cfg_type type = section_setting(sec, sl_str_c(sec->short_form))->type;
    return real->kind == NODE_SCALAR || type == CFG_LIST || type == CFG_TREE;
}

/* What the section's node gives for this setting. */
static const struct cfg_node *given(const struct cfg_section *sec, const struct cfg_setting *row,
                                    const struct cfg_node *node)
{
    const struct cfg_node *real = node_real(node);
    if (real == NULL)
        return NULL;
    if (real->kind != NODE_MAP)
        return is_short(sec, real) && strcmp(sec->short_form, row->name) == 0 ? node : NULL;
    return node_child(real, sl_str_c(row->name));
}

static void check_section(struct check *k, const struct cfg_section *sec, char *base, const struct cfg_node *node,
                          const struct cfg_path *path)
{
    const struct cfg_node *real = node_real(node);
    bool is_empty = real != NULL && node_is_null(real); /* `name:` with nothing below it: a section of defaults */
    bool is_bad = real != NULL && real->kind != NODE_MAP && !is_empty && !is_short(sec, real);
    if (is_bad)
        error_at(k, node, path, SL_STR("expected settings, one a line"),
                 SL_STR("Write 'name: value' lines below it, indented"));
    for (const struct cfg_setting *row = sec->settings; row->name != NULL; row++) {
        const struct cfg_node *child = given(sec, row, node);
        const struct cfg_path *at = path_new(k, path, sl_str_c(row->name), 0);
        const struct cfg_node *set = node_is_null(child) ? NULL : child;
        if (set != NULL && !visit(k, set, at))
            return;
        record(k, base + row->offset, set, node, at);
        if (set == NULL && node != NULL && !is_bad && (row->flags & CFG_REQUIRED) != 0)
            error_at(k, node, path, sl_arena_printf(&k->c->report->arena, "'%s' is missing", row->name),
                     too_deep(k, node));
        check_setting(k, row, base, child, at);
    }
    for (const struct cfg_node *child = real != NULL && real->kind == NODE_MAP ? real->first : NULL; child != NULL;
         child = child->next)
        if (section_setting(sec, child->key) == NULL && visit(k, child, path))
            report_unknown(k, sec, child, path);
}

void values_check(struct cfg *c, const struct cfg_source *src)
{
    struct check k = {.c = c, .src = src};
    check_section(&k, c->root, c->values, c->tree, NULL);
    c->is_whole = !k.is_too_much;
}
