/* Pass one: YAML text -> a tree with positions. The only place that knows libyaml.
 *
 * libyaml gives events; this builds nodes from them with a stack of our own (CFG_DEPTH_MAX), so nothing recurses. Stops
 * at the first error of the YAML itself (what comes after it would be guesses), but reports all names that stand twice.
 * An alias becomes a node that points at the anchor's: nothing is copied, and since an anchor counts only once its value
 * is complete, there are no cycles; how often aliases may be followed is bounded in check.c. */
#include <string.h>

#include <yaml.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "config/config_int.h"

struct reading {
    struct cfg *c;
    yaml_parser_t parser;
    struct sl_str text;
    struct cfg_node *stack[CFG_DEPTH_MAX];
    struct sl_map names[CFG_DEPTH_MAX]; /* of the open mappings: key -> struct cfg_node */
    struct sl_str anchors_of[CFG_DEPTH_MAX];
    unsigned depth;
    unsigned n_nodes, n_documents;
    struct sl_map anchors; /* name -> complete node */
    bool has_key;          /* a name was read, its value is next */
    struct sl_str key;
    uint32_t key_line, key_column;
    bool is_over;   /* an error, or the end */
    bool is_broken; /* an error */
};

/* Reports at a mark of libyaml (from 0) and ends the reading. */
static void stop(struct reading *r, yaml_mark_t at, const char *text, const char *todo)
{
    struct cfg_finding f = {.grade = CFG_ERROR,
                            .line = r->c->is_made ? 0 : (uint32_t)at.line + 1,
                            .column = r->c->is_made ? 0 : (uint32_t)at.column + 1,
                            .text = sl_str_c(text),
                            .todo = sl_str_c(todo)};
    cfg_report_add(r->c->report, &f);
    r->is_over = r->is_broken = true;
}

static struct sl_str keep(struct reading *r, const unsigned char *p, size_t n)
{
    return sl_arena_str(&r->c->tree_arena, sl_str_of(p, n));
}

static void report_twice(struct reading *r, const struct cfg_node *first)
{
    struct sl_arena *a = &r->c->report->arena;
    struct cfg_node at = {.key_line = r->key_line, .key_column = r->key_column};
    struct cfg_finding f = {
        .text = sl_arena_printf(a, "'" SL_STR_FMT "' stands here twice", SL_STR_ARG(sl_str_head(r->key, 100))),
        .todo = sl_arena_printf(a, "The first one is in line %u; keep one of them", first->key_line)};
    cfg_find(r->c, CFG_ERROR, &at, true, &f);
}

/* Hangs n below the node that is open; false: no room for it. */
static bool put(struct reading *r, struct cfg_node *n, yaml_mark_t at)
{
    if (++r->n_nodes > CFG_NODES_MAX) {
        stop(r, at, "more than 200000 values", "Split the configuration, or generate less of it");
        return false;
    }
    if (r->depth == 0) {
        r->c->tree = n;
        return true;
    }
    struct cfg_node *up = r->stack[r->depth - 1];
    if (up->kind == NODE_MAP) {
        n->key = r->key;
        n->key_line = r->key_line;
        n->key_column = r->key_column;
        r->has_key = false;
        struct cfg_node *first = sl_map_get(&r->names[r->depth - 1], n->key);
        if (first != NULL) {
            report_twice(r, first);
            return true; /* the first one counts, this one hangs nowhere */
        }
        sl_map_put(&r->names[r->depth - 1], n->key, n);
    }
    SL_APPEND(up->first, up->last, n);
    up->n++;
    return true;
}

static struct cfg_node *node_new(struct reading *r, enum node_kind kind, yaml_mark_t at)
{
    struct cfg_node *n = SL_ARENA_NEW(&r->c->tree_arena, struct cfg_node);
    n->kind = kind;
    n->line = (uint32_t)at.line + 1;
    n->column = (uint32_t)at.column + 1;
    return n;
}

static bool wants_key(const struct reading *r)
{
    return r->depth > 0 && r->stack[r->depth - 1]->kind == NODE_MAP && !r->has_key;
}

static bool tag_is_fine(const unsigned char *tag, const char *fine)
{
    return tag == NULL || strcmp((const char *)tag, "!") == 0 || strcmp((const char *)tag, fine) == 0;
}

static void refuse_tag(struct reading *r, yaml_mark_t at)
{
    stop(r, at, "a tag (!...) stands before the value", "Remove it: every setting knows its type");
}

static void on_key(struct reading *r, const yaml_event_t *e)
{
    struct sl_str key = keep(r, e->data.scalar.value, e->data.scalar.length);
    if (key.n == 2 && memcmp(key.p, "<<", 2) == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        stop(r, e->start_mark, "merge keys ('<<') are not read",
             "Repeat the settings, or use an alias for a whole value");
        return;
    }
    r->has_key = true;
    r->key = key;
    r->key_line = (uint32_t)e->start_mark.line + 1;
    r->key_column = (uint32_t)e->start_mark.column + 1;
}

static void on_scalar(struct reading *r, const yaml_event_t *e)
{
    if (!tag_is_fine(e->data.scalar.tag, YAML_STR_TAG)) {
        refuse_tag(r, e->start_mark);
        return;
    }
    if (wants_key(r)) {
        on_key(r, e);
        return;
    }
    struct cfg_node *n = node_new(r, NODE_SCALAR, e->start_mark);
    n->is_plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && e->data.scalar.tag == NULL;
    n->text = keep(r, e->data.scalar.value, e->data.scalar.length);
    if (put(r, n, e->start_mark) && e->data.scalar.anchor != NULL)
        sl_map_put(&r->anchors, keep(r, e->data.scalar.anchor, strlen((const char *)e->data.scalar.anchor)), n);
}

static void on_start(struct reading *r, enum node_kind kind, const yaml_event_t *e)
{
    const unsigned char *tag = kind == NODE_MAP ? e->data.mapping_start.tag : e->data.sequence_start.tag;
    const unsigned char *anchor = kind == NODE_MAP ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    if (!tag_is_fine(tag, kind == NODE_MAP ? YAML_MAP_TAG : YAML_SEQ_TAG)) {
        refuse_tag(r, e->start_mark);
        return;
    }
    if (wants_key(r)) {
        stop(r, e->start_mark, "a list or mapping stands where a name is expected", "Names are plain words");
        return;
    }
    if (r->depth == CFG_DEPTH_MAX) {
        stop(r, e->start_mark, "nested more than 32 deep",
             "No setting is that deep: look for a wrong indentation or bracket");
        return;
    }
    struct cfg_node *n = node_new(r, kind, e->start_mark);
    if (!put(r, n, e->start_mark))
        return;
    r->anchors_of[r->depth] = anchor != NULL ? keep(r, anchor, strlen((const char *)anchor)) : SL_STR_NONE;
    sl_map_init(&r->names[r->depth]);
    r->stack[r->depth++] = n;
    r->has_key = false;
}

static void on_end(struct reading *r)
{
    r->depth--;
    sl_map_done(&r->names[r->depth]);
    if (r->anchors_of[r->depth].n != 0)
        sl_map_put(&r->anchors, r->anchors_of[r->depth], r->stack[r->depth]);
    r->has_key = false;
}

static void on_alias(struct reading *r, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    if (wants_key(r)) {
        stop(r, e->start_mark, "an alias (*...) stands where a name is expected", "Write the name out");
        return;
    }
    const struct cfg_node *to = sl_map_get(&r->anchors, sl_str_c(name));
    if (to == NULL) {
        stop(r, e->start_mark, "an alias (*...) has no anchor (&...) before it",
             "Define the anchor above, or put the value in quotes when the '*' is meant");
        return;
    }
    struct cfg_node *n = node_new(r, to->kind, e->start_mark);
    n->alias = to->alias != NULL ? to->alias : to;
    put(r, n, e->start_mark);
}

static void on_event(struct reading *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++r->n_documents > 1)
            stop(r, e->start_mark, "a second document begins here ('---')", "One file holds one configuration");
        break;
    case YAML_SCALAR_EVENT:
        on_scalar(r, e);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_start(r, NODE_LIST, e);
        break;
    case YAML_MAPPING_START_EVENT:
        on_start(r, NODE_MAP, e);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_end(r);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(r, e);
        break;
    case YAML_STREAM_END_EVENT:
        r->is_over = true;
        break;
    default:
        break;
    }
}

/* libyaml gives no line for what its reader does not take, only how many bytes into the text it stands. */
static yaml_mark_t mark_of(struct sl_str text, size_t offset)
{
    yaml_mark_t at = {0};
    for (size_t i = 0; i < offset && i < text.n; i++) {
        bool continues = ((unsigned char)text.p[i] & 0xc0) == 0x80;
        at.line += text.p[i] == '\n';
        at.column = text.p[i] == '\n' ? 0 : at.column + (continues ? 0 : 1);
    }
    return at;
}

/* libyaml's own texts are constant; for what people trip over most we have better ones. */
static void stop_for_parser(struct reading *r)
{
    yaml_mark_t at = r->parser.problem_mark;
    const char *problem = r->parser.problem != NULL ? r->parser.problem : "not YAML";
    if (r->parser.error == YAML_READER_ERROR) {
        stop(r, mark_of(r->text, r->parser.problem_offset), "a control character", "Remove it; YAML is text");
        return;
    }
    if (at.index < r->text.n && r->text.p[at.index] == '\t' && strstr(problem, "cannot start any token") != NULL) {
        stop(r, at, "a tab where the line is indented", "Indent with spaces");
        return;
    }
    struct sl_arena *a = &r->c->report->arena;
    struct sl_str text = r->parser.context != NULL ? sl_arena_printf(a, "%s %s", r->parser.context, problem)
                                                   : sl_arena_printf(a, "%s", problem);
    stop(r, at, text.p, "Check quotes, brackets and the indentation of this line and the one above");
}

/* Bytes of the character at the front of s, which is not empty; 0: none begins here. */
static size_t character(struct sl_str s)
{
    for (size_t n = 1; n <= 4 && n <= s.n; n++)
        if (sl_utf8_valid(sl_str_head(s, n)))
            return n;
    return 0;
}

/* The first byte that is not UTF-8; libyaml gives no line for it. False: there is none. */
static bool find_bad_utf8(struct sl_str text, yaml_mark_t *out)
{
    if (sl_utf8_valid(text))
        return false;
    *out = (yaml_mark_t){0};
    size_t n;
    while (text.n != 0 && (n = character(text)) != 0) {
        out->column = text.p[0] == '\n' ? 0 : out->column + 1;
        out->line += text.p[0] == '\n';
        text = sl_str_from(text, n);
    }
    return true;
}

/* What libyaml copied may hold secrets. */
static void wipe_parser(yaml_parser_t *p)
{
    if (p->raw_buffer.start != NULL)
        explicit_bzero(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
    if (p->buffer.start != NULL)
        explicit_bzero(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
    yaml_parser_delete(p);
}

static void event_done(yaml_event_t *e)
{
    if (e->type == YAML_SCALAR_EVENT)
        explicit_bzero(e->data.scalar.value, e->data.scalar.length);
    yaml_event_delete(e);
}

bool tree_read(struct cfg *c, struct sl_str text)
{
    struct reading *r = SL_NEW(struct reading);
    r->c = c;
    /* libyaml counts the mark that some editors put in front as a column, and so takes the first line for indented */
    if (sl_str_starts(text, SL_STR("\xef\xbb\xbf")))
        text = sl_str_from(text, 3);
    r->text = text;
    yaml_mark_t bad;
    if (text.n > CFG_FILE_MAX) {
        stop(r, (yaml_mark_t){0}, "larger than 4 MiB", "Split the configuration, or generate less of it");
        goto out;
    }
    if (find_bad_utf8(text, &bad)) {
        stop(r, bad, "a byte that is not UTF-8", "Save the file as UTF-8");
        goto out;
    }
    SL_CHECK(yaml_parser_initialize(&r->parser) == 1); /* fails for want of memory only */
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)(text.n != 0 ? text.p : ""), text.n);
    sl_map_init(&r->anchors);
    while (!r->is_over) {
        yaml_event_t e;
        if (yaml_parser_parse(&r->parser, &e) != 1) {
            stop_for_parser(r);
            break;
        }
        on_event(r, &e);
        event_done(&e);
    }
    while (r->depth > 0)
        sl_map_done(&r->names[--r->depth]);
    sl_map_done(&r->anchors);
    wipe_parser(&r->parser);
out:;
    bool is_whole = !r->is_broken;
    sl_free(r);
    return is_whole;
}

bool node_is_null(const struct cfg_node *n)
{
    n = node_real(n);
    if (n == NULL)
        return true;
    return n->kind == NODE_SCALAR && n->is_plain &&
           (n->text.n == 0 || sl_str_eq(n->text, SL_STR("~")) || sl_str_eq(n->text, SL_STR("null")));
}

const struct cfg_node *node_child(const struct cfg_node *map, struct sl_str key)
{
    map = node_real(map);
    for (const struct cfg_node *n = map != NULL && map->kind == NODE_MAP ? map->first : NULL; n != NULL; n = n->next)
        if (sl_str_eq(n->key, key))
            return n;
    return NULL;
}

/* The child mapping of that name for writing; made, or put in place of what cannot hold a child (an alias's target is
 * shared and must not change: the child is replaced by a shallow copy). */
static struct cfg_node *child_for_writing(struct cfg *c, struct cfg_node *map, struct sl_str key)
{
    for (struct cfg_node *n = map->first; n != NULL; n = n->next) {
        if (!sl_str_eq(n->key, key))
            continue;
        if (n->alias != NULL && n->alias->kind == NODE_MAP) {
            n->kind = NODE_MAP;
            n->first = n->alias->first;
            n->last = NULL;
            struct cfg_node **to = &n->first;
            for (const struct cfg_node *from = n->alias->first; from != NULL; from = from->next) {
                *to = SL_ARENA_NEW(&c->tree_arena, struct cfg_node);
                **to = *from;
                n->last = *to;
                to = &(*to)->next;
            }
            n->n = n->alias->n;
            n->alias = NULL;
        }
        return n;
    }
    struct cfg_node *n = SL_ARENA_NEW(&c->tree_arena, struct cfg_node);
    n->kind = NODE_SCALAR;
    n->is_plain = true;
    n->key = key;
    SL_APPEND(map->first, map->last, n);
    map->n++;
    return n;
}

static void make_map(struct cfg_node *n)
{
    if (n->kind == NODE_MAP)
        return;
    n->kind = NODE_MAP;
    n->alias = NULL;
    n->first = n->last = NULL;
    n->n = 0;
}

void tree_override(struct cfg *c, const struct cfg_override *o, const char *value)
{
    if (c->tree == NULL) {
        c->tree = SL_ARENA_NEW(&c->tree_arena, struct cfg_node);
        c->tree->kind = NODE_MAP;
    }
    if (c->tree->kind != NODE_MAP && !node_is_null(c->tree))
        return; /* the file is no mapping, which check.c reports */
    struct cfg_node *at = c->tree;
    struct sl_str rest = sl_str_c(o->path);
    while (rest.p != NULL) {
        struct sl_str name = sl_str_cut(&rest, '.');
        if (at->kind != NODE_MAP && at != c->tree && !node_is_null(at))
            return; /* a section that is no mapping: reported too */
        make_map(at);
        at = child_for_writing(c, at, name);
    }
    at->kind = NODE_SCALAR;
    at->alias = NULL;
    at->is_plain = true;
    at->has_commas = true;
    at->variable = o->name;
    at->line = at->column = 0;
    at->text = sl_arena_str(&c->tree_arena, sl_str_c(value));
}
