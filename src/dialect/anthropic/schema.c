/* JSON Schemas for Claude. Three things happen to them here:
 *   - the input schema of a tool goes as it is; only what Anthropic refuses at its root is wrapped, and Gemini's own spelling
 *     ("STRING", nullable) becomes JSON Schema;
 *   - the schema of an answer is brought into the subset that can be enforced, what is outside goes into descriptions; some schemas
 *     cannot be brought there;
 *   - a schema is asked whether it is in that subset already (strict tools).
 * Source: anthropic.md 2.9, translate-openai-anthropic.md 2.4 and 2.6 (November 2026). Recursion is bounded by JSON_DEPTH_MAX. */
#include "dialect/anthropic/anthropic_int.h"

#define OPTIONAL_MAX 10u /* compiling grammars fails from 11 on (Vertex) or 13 on (Claude API), as measured by others */
#define DEFS_MAX 128u
#define EDGES_MAX 1024u

enum keyword {
    KW_MOVE = 0, /* all others: their text goes into the description */
    KW_KEEP,
    KW_TYPE,
    KW_SCHEMA,  /* a schema: items */
    KW_SCHEMAS, /* a list of them */
    KW_ONE_OF,
    KW_MAP,  /* of names to schemas */
    KW_DEFS, /* the same, of what $ref points to */
    KW_REF,
    KW_DESCRIPTION,
    KW_FORMAT,
    KW_MIN_ITEMS,
    KW_ADDITIONAL,
    KW_NULLABLE,
    KW_DROP,
    KW_NEVER /* cannot be brought into the subset */
};

static const struct {
    struct sl_str name;
    enum keyword keyword;
} keywords[] = {
    {SL_STR_INIT("type"), KW_TYPE},
    {SL_STR_INIT("properties"), KW_MAP},
    {SL_STR_INIT("required"), KW_KEEP},
    {SL_STR_INIT("items"), KW_SCHEMA},
    {SL_STR_INIT("description"), KW_DESCRIPTION},
    {SL_STR_INIT("enum"), KW_KEEP},
    {SL_STR_INIT("const"), KW_KEEP},
    {SL_STR_INIT("default"), KW_KEEP},
    {SL_STR_INIT("title"), KW_KEEP},
    {SL_STR_INIT("anyOf"), KW_SCHEMAS},
    {SL_STR_INIT("allOf"), KW_SCHEMAS},
    {SL_STR_INIT("oneOf"), KW_ONE_OF},
    {SL_STR_INIT("$ref"), KW_REF},
    {SL_STR_INIT("$defs"), KW_DEFS},
    {SL_STR_INIT("definitions"), KW_DEFS},
    {SL_STR_INIT("format"), KW_FORMAT},
    {SL_STR_INIT("minItems"), KW_MIN_ITEMS},
    {SL_STR_INIT("additionalProperties"), KW_ADDITIONAL},
    {SL_STR_INIT("nullable"), KW_NULLABLE},
    {SL_STR_INIT("patternProperties"), KW_NEVER},
    {SL_STR_INIT("$dynamicRef"), KW_NEVER},
    {SL_STR_INIT("$recursiveRef"), KW_NEVER},
    {SL_STR_INIT("$schema"), KW_DROP},
    {SL_STR_INIT("$id"), KW_DROP},
    {SL_STR_INIT("$comment"), KW_DROP},
    {SL_STR_INIT("strict"), KW_DROP},
};

static const struct sl_str formats[] = {
    SL_STR_INIT("date-time"), SL_STR_INIT("time"), SL_STR_INIT("date"), SL_STR_INIT("duration"), SL_STR_INIT("email"),
    SL_STR_INIT("hostname"),  SL_STR_INIT("uri"),  SL_STR_INIT("ipv4"), SL_STR_INIT("ipv6"),     SL_STR_INIT("uuid")};

struct walk {
    const struct json_tree *t;
    struct json_writer w;
    struct sl_arena *a;
    bool google;  /* its spelling: types in capitals, nullable, counts as text */
    bool subset;  /* bring it into the subset; else only change the spelling */
    bool bad;     /* it cannot be brought there */
    bool changed; /* it was not in there already */
    unsigned optional;
};

static void write_schema(struct walk *k, const struct json_node *v);

static enum keyword keyword_of(const struct walk *k, const struct json_node *v)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (json_key_is(k->t, v, keywords[i].name))
            return keywords[i].keyword;
    if (k->google && (json_key_is(k->t, v, SL_STR("propertyOrdering")) || json_key_is(k->t, v, SL_STR("example"))))
        return KW_DROP;
    return k->subset ? KW_MOVE : KW_KEEP;
}

static bool is_true(const struct walk *k, const struct json_node *of, const char *name)
{
    return json_kind_of(json_get(k->t, of, sl_str_c(name))) == JSON_TRUE;
}

static void key(struct walk *k, const struct json_node *v)
{
    jw_key_inside(&k->w, json_key_of(k->t, v));
}

/* -- Single keywords ------------------------------------------------------------------------------------------------------ */

static void write_type_word(struct walk *k, const struct json_node *v)
{
    struct sl_str word = json_inside_of(k->t, v);
    char lower[16];
    if (json_kind_of(v) != JSON_STRING || !k->google || word.n > sizeof lower) {
        jw_raw(&k->w, json_raw_of(k->t, v));
        return;
    }
    for (size_t i = 0; i < word.n; i++)
        lower[i] = sl_lower(word.p[i]);
    jw_inside(&k->w, sl_str_of(lower, word.n));
}

static void write_type(struct walk *k, const struct json_node *schema, const struct json_node *v)
{
    bool nullable = k->google && json_kind_of(v) == JSON_STRING && is_true(k, schema, "nullable");
    if (k->google && json_text_is(k->t, v, SL_STR("TYPE_UNSPECIFIED")))
        return;
    key(k, v);
    if (nullable)
        jw_open(&k->w, '[');
    write_type_word(k, v);
    if (nullable) {
        jw_plain(&k->w, SL_STR("null"));
        jw_close(&k->w, ']');
    }
}

static void write_schemas(struct walk *k, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_ARRAY) {
        k->bad = true;
        jw_raw(&k->w, json_raw_of(k->t, v));
        return;
    }
    jw_open(&k->w, '[');
    for (JSON_EACH(k->t, v, it))
        write_schema(k, it);
    jw_close(&k->w, ']');
}

static void write_map(struct walk *k, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_OBJECT) {
        k->bad = true;
        jw_raw(&k->w, json_raw_of(k->t, v));
        return;
    }
    jw_open(&k->w, '{');
    for (JSON_EACH(k->t, v, it)) {
        key(k, it);
        write_schema(k, it);
    }
    jw_close(&k->w, '}');
}

/* int64 counts are texts in Google's JSON ("minLength": "3"). */
static void write_kept(struct walk *k, const struct json_node *v)
{
    static const struct sl_str counts[] = {SL_STR_INIT("minLength"),     SL_STR_INIT("maxLength"),
                                           SL_STR_INIT("minItems"),      SL_STR_INIT("maxItems"),
                                           SL_STR_INIT("minProperties"), SL_STR_INIT("maxProperties")};
    key(k, v);
    uint64_t n;
    for (size_t i = 0; k->google && i < sizeof counts / sizeof counts[0]; i++) {
        if (json_key_is(k->t, v, counts[i]) && sl_str_to_u64(json_inside_of(k->t, v), &n)) {
            jw_u64(&k->w, n);
            return;
        }
    }
    jw_raw(&k->w, json_raw_of(k->t, v));
}

static bool is_format(const struct walk *k, const struct json_node *v)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (json_text_is(k->t, v, formats[i]))
            return true;
    return false;
}

/* Whether the keyword is not in the subset and has to be said in words. */
static bool moves(const struct walk *k, const struct json_node *v, enum keyword kw)
{
    uint64_t n = 0;
    if (!k->subset)
        return false;
    if (kw == KW_FORMAT)
        return !is_format(k, v) && !k->google; /* Google's are widths of numbers */
    if (kw == KW_MIN_ITEMS)
        return !json_u64_of(k->t, v, &n) || n > 1;
    return kw == KW_MOVE || (kw == KW_NULLABLE && !k->google);
}

/* The description, with what could not be said otherwise behind it. */
static void write_description(struct walk *k, const struct json_node *schema)
{
    struct sl_str text = json_get_inside(k->t, schema, SL_STR("description"));
    bool any = false;
    jw_key(&k->w, SL_STR("description"));
    jw_string(&k->w);
    jw_piece_inside(&k->w, text);
    for (JSON_EACH(k->t, schema, it)) {
        if (!moves(k, it, keyword_of(k, it)))
            continue;
        jw_piece_inside(&k->w, any ? SL_STR(", ") : text.n > 0 ? SL_STR("\\n\\n{") : SL_STR("{"));
        jw_piece_inside(&k->w, json_key_of(k->t, it));
        jw_piece_inside(&k->w, SL_STR(": "));
        jw_piece_inside(&k->w, json_escape(json_raw_of(k->t, it), k->a));
        any = true;
    }
    if (any)
        jw_piece_inside(&k->w, SL_STR("}"));
    jw_string_end(&k->w);
    k->changed = k->changed || any;
}

/* -- Objects -------------------------------------------------------------------------------------------------------------- */

static bool is_object_type(const struct walk *k, const struct json_node *schema)
{
    const struct json_node *type = json_get(k->t, schema, SL_STR("type"));
    if (json_kind_of(type) == JSON_ARRAY)
        for (JSON_EACH(k->t, type, it))
            if (json_text_is(k->t, it, SL_STR("object")))
                return true;
    if (k->google && sl_str_eq_nocase(json_inside_of(k->t, type), SL_STR("object")))
        return true;
    return json_text_is(k->t, type, SL_STR("object")) || json_get(k->t, schema, SL_STR("properties")) != NULL;
}

static void check_object(struct walk *k, const struct json_node *schema)
{
    const struct json_node *properties = json_get(k->t, schema, SL_STR("properties")),
                           *required = json_get(k->t, schema, SL_STR("required")),
                           *more = json_get(k->t, schema, SL_STR("additionalProperties"));
    uint32_t n = json_kind_of(properties) == JSON_OBJECT ? properties->children : 0,
             needed = json_kind_of(required) == JSON_ARRAY ? required->children : 0;
    if (n == 0 || json_kind_of(more) == JSON_TRUE || json_kind_of(more) == JSON_OBJECT)
        k->bad = true;
    if (n > needed)
        k->optional += n - needed;
    if (k->optional > OPTIONAL_MAX)
        k->bad = true;
    k->changed = k->changed || json_kind_of(more) != JSON_FALSE;
}

/* A schema of the subset says what it is about. */
static bool says_something(const struct walk *k, const struct json_node *schema)
{
    static const struct sl_str any[] = {SL_STR_INIT("type"),  SL_STR_INIT("enum"),      SL_STR_INIT("const"),
                                        SL_STR_INIT("$ref"),  SL_STR_INIT("anyOf"),     SL_STR_INIT("oneOf"),
                                        SL_STR_INIT("allOf"), SL_STR_INIT("properties")};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++)
        if (json_get(k->t, schema, any[i]) != NULL)
            return true;
    return false;
}

static void write_ref(struct walk *k, const struct json_node *v)
{
    struct sl_str to = json_inside_of(k->t, v);
    k->bad = k->bad || !(sl_str_starts(to, SL_STR("#/$defs/")) || sl_str_starts(to, SL_STR("#/definitions/")));
    write_kept(k, v);
}

static void write_keyword(struct walk *k, const struct json_node *schema, const struct json_node *v)
{
    enum keyword kw = keyword_of(k, v);
    if (moves(k, v, kw))
        return;
    switch (kw) {
    case KW_TYPE:
        write_type(k, schema, v);
        break;
    case KW_SCHEMA:
        key(k, v);
        write_schema(k, v);
        break;
    case KW_ONE_OF:
        k->changed = true;
        if (k->subset)
            jw_key(&k->w, SL_STR("anyOf"));
        else
            key(k, v);
        write_schemas(k, v);
        break;
    case KW_SCHEMAS:
        key(k, v);
        write_schemas(k, v);
        break;
    case KW_MAP:
    case KW_DEFS:
        key(k, v);
        write_map(k, v);
        break;
    case KW_REF:
        write_ref(k, v);
        break;
    case KW_DESCRIPTION:
        if (!k->subset)
            write_kept(k, v);
        break;
    case KW_ADDITIONAL:
        if (!k->subset)
            write_kept(k, v);
        break;
    case KW_FORMAT:
        if (!k->google || is_format(k, v))
            write_kept(k, v);
        break;
    case KW_NULLABLE:
        if (!k->google)
            write_kept(k, v);
        break;
    case KW_DROP:
        if (!k->subset && !k->google)
            write_kept(k, v);
        break;
    case KW_NEVER:
        k->bad = true;
        write_kept(k, v);
        break;
    default:
        write_kept(k, v);
    }
}

static bool needs_description(const struct walk *k, const struct json_node *schema)
{
    for (JSON_EACH(k->t, schema, it)) {
        enum keyword kw = keyword_of(k, it);
        if (kw == KW_DESCRIPTION || moves(k, it, kw))
            return true;
    }
    return false;
}

static void write_schema(struct walk *k, const struct json_node *v)
{
    if (json_kind_of(v) != JSON_OBJECT) { /* true and false, and what is no schema at all */
        k->bad = true;
        jw_raw(&k->w, json_raw_of(k->t, v));
        return;
    }
    bool object = k->subset && is_object_type(k, v);
    if (object)
        check_object(k, v);
    k->bad = k->bad || !says_something(k, v) ||
             (json_get(k->t, v, SL_STR("oneOf")) != NULL && json_get(k->t, v, SL_STR("anyOf")) != NULL);
    jw_open(&k->w, '{');
    for (JSON_EACH(k->t, v, it))
        write_keyword(k, v, it);
    if (k->subset && needs_description(k, v))
        write_description(k, v);
    if (object)
        jw_member_bool(&k->w, SL_STR("additionalProperties"), false);
    jw_close(&k->w, '}');
}

/* -- Recursion: a definition that leads back to itself ----------------------------------------------------------------------- */

struct graph {
    struct sl_str names[DEFS_MAX]; /* insides */
    const struct json_node *defs[DEFS_MAX];
    unsigned n;
    struct {
        uint8_t from, to;
    } edges[EDGES_MAX];
    unsigned n_edges;
    bool over;
};

static void add_defs(const struct json_tree *t, const struct json_node *holder, struct graph *g)
{
    for (JSON_EACH(t, holder, it)) {
        if (g->n == DEFS_MAX) {
            g->over = true;
            return;
        }
        g->names[g->n] = json_key_of(t, it);
        g->defs[g->n++] = it;
    }
}

/* All $ref below one definition: nodes are in document order, so that they are a range. */
static void add_edges(const struct json_tree *t, unsigned from, struct graph *g)
{
    const struct json_node *v = g->defs[from], *end = t->nodes + t->n;
    uint32_t stop = v->at + v->n;
    for (const struct json_node *it = v + 1; it < end && it->at < stop; it++) {
        struct sl_str to = json_inside_of(t, it);
        if (!json_key_is(t, it, SL_STR("$ref")) || to.n == 0)
            continue;
        ptrdiff_t slash = sl_str_starts(to, SL_STR("#/$defs/"))         ? 8
                          : sl_str_starts(to, SL_STR("#/definitions/")) ? 14
                                                                        : 0;
        struct sl_str name = sl_str_from(to, (size_t)slash);
        for (unsigned i = 0; i < g->n; i++) {
            if (!sl_str_eq(g->names[i], name))
                continue;
            if (g->n_edges == EDGES_MAX) {
                g->over = true;
                return;
            }
            g->edges[g->n_edges].from = (uint8_t)from;
            g->edges[g->n_edges++].to = (uint8_t)i;
        }
    }
}

/* Takes away what points to nothing until nothing changes; what is left is a circle. */
static bool has_circle(const struct graph *g)
{
    unsigned out[DEFS_MAX] = {0}, left = g->n;
    bool gone[DEFS_MAX] = {false}, moved = true;
    for (unsigned i = 0; i < g->n_edges; i++)
        out[g->edges[i].from]++;
    while (moved) {
        moved = false;
        for (unsigned i = 0; i < g->n; i++) {
            if (gone[i] || out[i] > 0)
                continue;
            gone[i] = moved = true;
            left--;
            for (unsigned e = 0; e < g->n_edges; e++)
                if (g->edges[e].to == i)
                    out[g->edges[e].from]--;
        }
    }
    return left > 0;
}

static bool is_recursive(const struct json_tree *t, struct sl_arena *a)
{
    struct graph *g = SL_ARENA_NEW(a, struct graph);
    add_defs(t, json_get(t, json_root(t), SL_STR("$defs")), g);
    add_defs(t, json_get(t, json_root(t), SL_STR("definitions")), g);
    for (unsigned i = 0; i < g->n && !g->over; i++)
        add_edges(t, i, g);
    return g->over || has_circle(g);
}

/* -- What others call --------------------------------------------------------------------------------------------------------- */

/* Escaping and wrapping make at most this of a schema; descriptions are escaped once more. */
#define GROWTH 8u

static struct sl_str written(struct sl_arena *a, struct sl_buf *b)
{
    struct sl_str s = b->over ? SL_STR_NONE : sl_arena_str(a, sl_buf_str(b));
    sl_buf_done(b);
    return s;
}

bool anthropic_schema_of_answer(struct sl_str schema, bool google, struct sl_arena *a, struct sl_str *out,
                                bool *out_changed)
{
    struct json_tree t;
    struct sl_buf b;
    if (!json_tree_read(&t, schema, a))
        return false;
    sl_buf_init(&b, GROWTH * schema.n + 256);
    struct walk k = {.t = &t, .w = json_writer_on(&b), .a = a, .google = google, .subset = true};
    write_schema(&k, json_root(&t));
    *out = written(a, &b);
    *out_changed = k.changed;
    return !k.bad && out->n > 0 && !is_recursive(&t, a);
}

static struct sl_str respelled(const struct json_tree *t, struct sl_arena *a)
{
    struct sl_buf b;
    sl_buf_init(&b, GROWTH * t->doc.n + 256);
    struct walk k = {.t = t, .w = json_writer_on(&b), .a = a, .google = true};
    write_schema(&k, json_root(t));
    return written(a, &b);
}

static struct sl_str wrapped(const struct json_tree *t, struct sl_arena *a)
{
    struct sl_buf b;
    const struct json_node *root = json_root(t);
    sl_buf_init(&b, 3 * t->doc.n + 256);
    struct json_writer w = json_writer_on(&b);
    jw_open(&w, '{');
    jw_member_inside(&w, SL_STR("type"), SL_STR("object"));
    jw_key(&w, SL_STR("properties"));
    jw_open(&w, '{');
    jw_member_raw(&w, SL_STR("value"), t->doc);
    jw_close(&w, '}');
    jw_member_raw(&w, SL_STR("required"), SL_STR("[\"value\"]"));
    jw_maybe_raw(&w, SL_STR("$defs"), json_get_raw(t, root, SL_STR("$defs"))); /* references begin at the root */
    jw_maybe_raw(&w, SL_STR("definitions"), json_get_raw(t, root, SL_STR("definitions")));
    jw_close(&w, '}');
    return written(a, &b);
}

/* Most schemas need nothing: that is seen without a tree. */
enum root_member {
    ROOT_TYPE = 0,
    ROOT_ANY,
    ROOT_ONE,
    ROOT_ALL,
    ROOT_COUNT
};

struct sl_str anthropic_schema_of_tool(struct sl_str schema, bool google, struct sl_arena *a, bool *out_wrapped)
{
    static const struct json_watch watches[ROOT_COUNT] = {[ROOT_TYPE] = {SL_STR_INIT("type"), -1},
                                                          [ROOT_ANY] = {SL_STR_INIT("anyOf"), -1},
                                                          [ROOT_ONE] = {SL_STR_INIT("oneOf"), -1},
                                                          [ROOT_ALL] = {SL_STR_INIT("allOf"), -1}};
    struct json_member at[ROOT_COUNT];
    struct json_info info;
    struct json_tree t;
    *out_wrapped = false;
    if (google && json_tree_read(&t, schema, a))
        schema = respelled(&t, a);
    enum json_status status = json_scan(schema, watches, ROOT_COUNT, at, &info);
    if (status == JSON_REPEATED)
        return schema; /* whatever it means, Anthropic shall say it */
    if (status != JSON_OK || info.root != JSON_OBJECT)
        return SL_STR("{\"type\":\"object\",\"properties\":{}}");
    const struct json_member *type = &at[ROOT_TYPE];
    for (int i = ROOT_ANY; i < ROOT_COUNT; i++)
        *out_wrapped = *out_wrapped || at[i].kind > JSON_NULL;
    bool object = type->kind == JSON_STRING && sl_str_eq(json_inside(schema, type), SL_STR("object"));
    *out_wrapped = *out_wrapped || (type->kind != JSON_ABSENT && !object);
    if (*out_wrapped && json_tree_read(&t, schema, a))
        return wrapped(&t, a);
    if (type->kind != JSON_ABSENT)
        return schema;
    const char *open = memchr(schema.p, '{', schema.n);
    struct sl_str rest = sl_str_from(schema, (size_t)(open - schema.p) + 1);
    size_t first = 0;
    while (first < rest.n && sl_is_blank(rest.p[first]))
        first++;
    bool empty = rest.p[first] == '}';
    return sl_arena_printf(a, "{\"type\":\"object\"%s" SL_STR_FMT, empty ? "" : ",", SL_STR_ARG(rest));
}
