/* From the tree of a `when:` to a condition. See cond.h. Every error is told with its place; reading goes on behind it. */
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "route/cond.h"

enum fact_type {
    WORDS = 0,
    NUMBER,
    PERCENT,
    FLAG,
    MODES,
    NAMED,
    TIME,
    DAYS,
    HEALTH
};
static const struct {
    const char *name;
    enum fact_type type;
} facts[] = {
#define X(id, name, type) [COND_##id] = {name, type},
    COND_FACTS(X)
#undef X
};

/* The tasks that product.md names; others are any text a client sends. */
static const char *const route_tasks[] = {
    "summarization", "classification",    "extraction", "code",    "reasoning", "translation", "creative",
    "chat",          "rewrite",           "qa",         "general", "vision",    "audio",       "long_context",
    "tool_use",      "structured_output", NULL};

struct reading {
    struct cond_reader *r;
    struct cond_node *v; /* COND_NODES_MAX of them */
    uint32_t n;
    bool failed;
    int16_t zone_min; /* of the section that is read */
};

static void read_section(struct reading *g, const struct cfg_value *v, unsigned depth);

void cond_found(struct cond_reader *r, bool is_error, const struct cfg_value *at, const char *todo, const char *format,
                ...)
{
    char text[400];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    SL_CHECK(n >= 0);
    r->failed |= is_error;
    if (r->found != NULL)
        r->found(r->arg, is_error, at, todo, text);
}

/* For a message: what a variable held is not quoted. */
#define SHOWN(v) SL_STR_ARG((v)->is_literal ? sl_str_head((v)->text, 60) : SL_STR("that"))

static void wrong(struct reading *g, const struct cfg_value *at, const char *todo, const char *text)
{
    g->failed = true;
    cond_found(g->r, true, at, todo, "%s", text);
}

static struct cond_node *add_node(struct reading *g, enum cond_kind kind, const struct cfg_value *at)
{
    static struct cond_node spare;
    if (g->n == COND_NODES_MAX) {
        if (!g->failed)
            wrong(g, at, "Split the rule", "a condition of more than 512 parts");
        spare = (struct cond_node){0};
        return &spare;
    }
    struct cond_node *n = &g->v[g->n++];
    *n = (struct cond_node){.kind = (uint8_t)kind, .next = (uint16_t)g->n, .target = ROUTE_TARGET_NONE};
    return n;
}

/* -- Values ----------------------------------------------------------------------------------------------------------- */

/* "50000", "50k", "2M", "1_000": times `unit`. */
static bool read_number(struct sl_str s, uint64_t unit, uint64_t *out)
{
    uint64_t v = 0, factor = unit;
    s = sl_str_trim(s);
    if (s.n > 0 && s.p[s.n - 1] == '%')
        s = sl_str_trim(sl_str_head(s, s.n - 1));
    else if (s.n > 0 && (s.p[s.n - 1] == 'k' || s.p[s.n - 1] == 'K'))
        factor = 1000 * unit, s.n--;
    else if (s.n > 0 && s.p[s.n - 1] == 'M')
        factor = 1000000 * unit, s.n--;
    if (s.n == 0 || s.n > 15 || !sl_is_digit(s.p[0]))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_')
            continue;
        if (!sl_is_digit(s.p[i]))
            return false;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    if (v > UINT64_C(1000000000000))
        return false;
    *out = v * factor;
    return true;
}

/* "> 50k", "<= 3", "100..200", "7": both ends included. */
static bool cond_read_range(struct sl_str text, uint64_t unit, uint64_t *out_low, uint64_t *out_high)
{
    struct sl_str s = sl_str_trim(text);
    uint64_t v, to;
    ptrdiff_t dots = sl_str_find_str(s, SL_STR(".."));
    if (dots > 0) {
        if (!read_number(sl_str_head(s, (size_t)dots), unit, &v) ||
            !read_number(sl_str_from(s, (size_t)dots + 2), unit, &to) || v > to)
            return false;
        *out_low = v;
        *out_high = to;
        return true;
    }
    char op = s.n > 0 ? s.p[0] : 0;
    bool or_equal = s.n > 1 && s.p[1] == '=';
    if (op != '<' && op != '>' && op != '=') {
        if (!read_number(s, unit, &v))
            return false;
        *out_low = *out_high = v;
        return true;
    }
    if (!read_number(sl_str_from(s, or_equal ? 2 : 1), unit, &v))
        return false;
    if (op == '=') {
        *out_low = *out_high = v;
    } else if (op == '>') {
        *out_low = or_equal ? v : v + 1;
        *out_high = UINT64_MAX;
    } else {
        if (v == 0 && !or_equal)
            return false; /* nothing is below 0 */
        *out_low = 0;
        *out_high = or_equal ? v : v - 1;
    }
    return true;
}

static const struct cfg_value *first_of(const struct cfg_value *v)
{
    return v->kind == CFG_VALUE_LIST ? v->first : v;
}

/* A list, or one value that stands for a list of one. Tells when it is neither. */
static bool is_list(struct reading *g, const struct cfg_value *v, const char *what)
{
    bool good = v->kind == CFG_VALUE_TEXT || (v->kind == CFG_VALUE_LIST && v->n > 0);
    for (const struct cfg_value *i = v->kind == CFG_VALUE_LIST ? v->first : NULL; good && i != NULL; i = i->next)
        good = i->kind == CFG_VALUE_TEXT;
    if (!good)
        wrong(g, v, NULL, what);
    return good;
}

static void read_words(struct reading *g, const struct cfg_value *v, struct cond_node *n)
{
    uint32_t count = v->kind == CFG_VALUE_LIST ? v->n : 1;
    if (!is_list(g, v, "expected a word or a list of words"))
        return;
    if (count > COND_WORDS_MAX) {
        wrong(g, v, "Use '*', or several rules", "a list of more than 256 words");
        return;
    }
    struct cond_word *words = sl_arena_alloc(g->r->a, count * sizeof *words);
    n->words = words;
    for (const struct cfg_value *i = first_of(v); i != NULL; i = v->kind == CFG_VALUE_LIST ? i->next : NULL) {
        struct sl_str s = i->text;
        struct cond_word *w = &words[n->n_words++];
        *w = (struct cond_word){.any_before = s.n > 0 && s.p[0] == '*'};
        if (w->any_before)
            s = sl_str_from(s, 1);
        w->any_behind = s.n > 0 && s.p[s.n - 1] == '*';
        if (w->any_behind)
            s.n--;
        if (i->text.n == 0)
            wrong(g, i, "Write \"*\" for: any", "an empty word");
        else if (sl_str_find(s, '*') >= 0)
            wrong(g, i, NULL, "a '*' can stand at the beginning or the end only");
        w->text = s;
    }
    if (count == 1 && words[0].text.n == 0) /* "*": anything that is there */
        words[0].any_before = words[0].any_behind = true;
}

static const char *nearest_task(struct sl_str s)
{
    const char *best = NULL;
    unsigned least = 4;
    for (const char *const *t = route_tasks; *t != NULL; t++) {
        unsigned d = sl_str_distance(s, sl_str_c(*t), least);
        if (d == 0)
            return *t;
        if (d < least) {
            least = d;
            best = *t;
        }
    }
    return best;
}

/* Clients may send any task; a word near to one we know is a slip. */
static void check_tasks(struct reading *g, const struct cfg_value *v)
{
    for (const struct cfg_value *i = first_of(v); i != NULL && i->kind == CFG_VALUE_TEXT;
         i = v->kind == CFG_VALUE_LIST ? i->next : NULL) {
        char todo[80];
        const char *near = nearest_task(i->text);
        if (sl_str_find(i->text, '*') >= 0 || (near != NULL && sl_str_eq(i->text, sl_str_c(near))))
            continue;
        if (near != NULL && i->is_literal) {
            snprintf(todo, sizeof todo, "Did you mean '%s'?", near);
            cond_found(g->r, false, i, todo, "'" SL_STR_FMT "' is no task that sluice knows", SHOWN(i));
        } else {
            cond_found(g->r, false, i, "It holds only where clients say so themselves",
                       "'" SL_STR_FMT "' is no task that sluice knows", SHOWN(i));
        }
    }
}

static void read_numbers(struct reading *g, const struct cfg_value *v, enum cond_fact fact, uint64_t unit)
{
    bool several = v->kind == CFG_VALUE_LIST && v->n > 1;
    uint32_t at = g->n;
    if (!is_list(g, v, "expected a comparison, as in \"> 50000\""))
        return;
    if (several)
        add_node(g, COND_ANY, v);
    for (const struct cfg_value *i = first_of(v); i != NULL; i = v->kind == CFG_VALUE_LIST ? i->next : NULL) {
        struct cond_node *n = add_node(g, COND_TEST, i);
        n->fact = (uint8_t)fact;
        if (!cond_read_range(i->text, unit, &n->low, &n->high))
            wrong(g, i, "Write \"> 50000\", \"<= 8k\", \"1000..5000\", or a number", "not a comparison");
    }
    if (several && at < g->n)
        g->v[at].next = (uint16_t)g->n;
}

static bool read_truth(struct sl_str s, uint64_t *out)
{
    bool yes = sl_str_eq(s, SL_STR("true")) || sl_str_eq(s, SL_STR("yes"));
    if (!yes && !sl_str_eq(s, SL_STR("false")) && !sl_str_eq(s, SL_STR("no")))
        return false;
    *out = yes;
    return true;
}

struct bit_word {
    const char *word;
    unsigned bit;
};
static const struct bit_word modes[] = {{"text", 0}, {"image", 1}, {"audio", 2}, {"video", 3}, {"file", 4}, {NULL, 0}};
static const struct bit_word days[] = {{"mon", 0}, {"tue", 1}, {"wed", 2}, {"thu", 3},
                                       {"fri", 4}, {"sat", 5}, {"sun", 6}, {NULL, 0}};

static bool find_bit(const struct bit_word *words, struct sl_str s, unsigned *out)
{
    for (; words->word != NULL; words++)
        if (sl_str_eq_nocase(s, sl_str_c(words->word))) {
            *out = words->bit;
            return true;
        }
    return false;
}

/* "mon", or "mon-fri" of a list that goes round. */
static bool read_bits(const struct bit_word *words, struct sl_str s, uint64_t *mask)
{
    struct sl_str to = s, from = sl_str_cut(&to, '-');
    unsigned a, b;
    if (!find_bit(words, sl_str_trim(from), &a))
        return false;
    b = a;
    if (to.p != NULL && (words != days || !find_bit(words, sl_str_trim(to), &b)))
        return false;
    for (unsigned i = a;; i = (i + 1) % 7) {
        *mask |= UINT64_C(1) << i;
        if (i == b)
            return true;
    }
}

static void read_mask(struct reading *g, const struct cfg_value *v, struct cond_node *n, const struct bit_word *words,
                      const char *help)
{
    if (!is_list(g, v, "expected a word or a list of words"))
        return;
    for (const struct cfg_value *i = first_of(v); i != NULL; i = v->kind == CFG_VALUE_LIST ? i->next : NULL)
        if (!read_bits(words, i->text, &n->low))
            wrong(g, i, help, "an unknown word");
}

static bool read_clock(struct sl_str s, unsigned most, uint64_t *out)
{
    struct sl_str minutes = sl_str_trim(s), hours = sl_str_cut(&minutes, ':');
    uint64_t h, m;
    if (hours.n == 0 || hours.n > 2 || minutes.n != 2 || !sl_str_to_u64(hours, &h) || !sl_str_to_u64(minutes, &m) ||
        m > 59 || h * 60 + m > most)
        return false;
    *out = h * 60 + m;
    return true;
}

static void read_time(struct reading *g, const struct cfg_value *v, struct cond_node *n)
{
    struct sl_str to = v->text, from = sl_str_cut(&to, '-');
    bool good = v->kind == CFG_VALUE_TEXT && read_clock(from, 1439, &n->low) && read_clock(to, 1440, &n->high) &&
                n->low != n->high;
    if (!good)
        wrong(g, v, "Write it as \"09:00-17:30\"; over midnight as \"22:00-06:00\"", "not a time of day");
}

static bool read_zone(struct sl_str s, int16_t *out)
{
    uint64_t m;
    bool west = s.n > 0 && s.p[0] == '-';
    if (sl_str_eq(s, SL_STR("UTC")) || sl_str_eq(s, SL_STR("Z"))) {
        *out = 0;
        return true;
    }
    if (s.n < 2 || (!west && s.p[0] != '+') || !read_clock(sl_str_from(s, 1), 14 * 60, &m))
        return false;
    *out = (int16_t)(west ? -(int)m : (int)m);
    return true;
}

/* -- Members ---------------------------------------------------------------------------------------------------------- */

static bool read_health_word(struct sl_str s, struct cond_node *n)
{
    static const struct {
        const char *word;
        uint64_t low, high;
    } words[] = {
        {"up", ROUTE_UP, ROUTE_UP}, {"degraded", ROUTE_DEGRADED, ROUTE_OPEN}, {"down", ROUTE_BLOCKED, ROUTE_OPEN}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sl_str_eq(s, sl_str_c(words[i].word))) {
            n->low = words[i].low;
            n->high = words[i].high;
            return true;
        }
    return false;
}

static void read_health(struct reading *g, const struct cfg_value *v)
{
    if (v->kind != CFG_VALUE_MAP || v->n == 0) {
        wrong(g, v, "Write health: {provider/model: degraded}", "expected targets with a state each");
        return;
    }
    for (const struct cfg_value *i = v->first; i != NULL; i = i->next) {
        struct cond_node *n = add_node(g, COND_TEST, i);
        n->fact = COND_HEALTH;
        n->name = i->key;
        if (i->kind != CFG_VALUE_TEXT || !read_health_word(i->text, n))
            wrong(g, i, "Write up, degraded (or worse) or down", "not a state of a target");
        if (sl_str_find(i->key, '/') <= 0)
            wrong(g, i, "Write it as provider/model", "not a target");
    }
}

static struct sl_str lower(struct sl_arena *a, struct sl_str s)
{
    char *p = sl_arena_cstr(a, s);
    for (size_t i = 0; i < s.n; i++)
        p[i] = sl_lower(p[i]);
    return sl_str_of(p, s.n);
}

static void read_named(struct reading *g, const struct cfg_value *v, enum cond_fact fact, struct sl_str name)
{
    struct cond_node *n = add_node(g, COND_TEST, v);
    n->fact = (uint8_t)fact;
    n->name = fact == COND_HEADERS ? lower(g->r->a, name) : name;
    if (name.n == 0)
        wrong(g, v, NULL, "a name is missing");
    read_words(g, v, n);
}

/* "tags: {a: b, c: d}" or, with a name, "tags.a: b". */
static void read_nameds(struct reading *g, const struct cfg_value *v, enum cond_fact fact, struct sl_str name)
{
    if (name.p != NULL) {
        read_named(g, v, fact, name);
        return;
    }
    if (v->kind != CFG_VALUE_MAP || v->n == 0) {
        wrong(g, v, "Write them as tags.NAME: value, or tags: {NAME: value}", "expected names with a value each");
        return;
    }
    for (const struct cfg_value *i = v->first; i != NULL; i = i->next)
        read_named(g, i, fact, i->key);
}

static void read_fact(struct reading *g, const struct cfg_value *v, enum cond_fact fact, struct sl_str name)
{
    enum fact_type type = facts[fact].type;
    if (type == NAMED) {
        read_nameds(g, v, fact, name);
    } else if (type == HEALTH) {
        read_health(g, v);
    } else if (type == NUMBER || type == PERCENT) {
        read_numbers(g, v, fact, type == PERCENT ? 10 : 1);
    } else {
        struct cond_node *n = add_node(g, COND_TEST, v);
        n->fact = (uint8_t)fact;
        n->zone_min = g->zone_min;
        if (type == WORDS)
            read_words(g, v, n);
        else if (type == FLAG && (v->kind != CFG_VALUE_TEXT || !read_truth(v->text, &n->low)))
            wrong(g, v, NULL, "expected true or false");
        else if (type == MODES)
            read_mask(g, v, n, modes, "Known are text, image, audio, video, file");
        else if (type == DAYS)
            read_mask(g, v, n, days, "Write mon, tue, wed, thu, fri, sat, sun, or mon-fri");
        else if (type == TIME)
            read_time(g, v, n);
    }
    if (fact == COND_TASK)
        check_tasks(g, v);
}

/* all, any: a list of sections. not: one, or a list none of which may hold. */
static void read_combination(struct reading *g, const struct cfg_value *v, enum cond_kind kind, unsigned depth)
{
    if (depth >= COND_DEPTH_MAX) {
        wrong(g, v, NULL, "conditions within conditions more than 12 deep");
        return;
    }
    uint32_t at = g->n;
    add_node(g, kind, v);
    if (kind == COND_NOT && v->kind == CFG_VALUE_LIST)
        add_node(g, COND_ANY, v);
    if (v->kind == CFG_VALUE_TEXT || v->n == 0)
        wrong(g, v, "Write any: [{...}, {...}]", "expected conditions");
    for (const struct cfg_value *i = first_of(v); i != NULL && v->kind != CFG_VALUE_TEXT;
         i = v->kind == CFG_VALUE_LIST ? i->next : NULL)
        read_section(g, i, depth + 1);
    for (uint32_t i = at; i < g->n && i <= at + (kind == COND_NOT && v->kind == CFG_VALUE_LIST); i++)
        g->v[i].next = (uint16_t)g->n;
}

static const char *nearest_fact(struct sl_str s)
{
    const char *best = NULL;
    unsigned least = 4;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        unsigned d = sl_str_distance(s, sl_str_c(facts[i].name), least);
        if (d < least) {
            least = d;
            best = facts[i].name;
        }
    }
    return best;
}

static void tell_unknown(struct reading *g, const struct cfg_value *v)
{
    char todo[300];
    const char *near = nearest_fact(v->key);
    if (near != NULL)
        snprintf(todo, sizeof todo, "Did you mean '%s'?", near);
    else
        snprintf(todo, sizeof todo,
                 "Known are task, input_tokens, output_tokens, modality, tools, structured_output, stream, model, "
                 "operation, tenant, team, user, key, tags, headers, region, time, days, budget_used, health, all, "
                 "any, not");
    g->failed = true;
    cond_found(g->r, true, v, todo, "there is no condition '" SL_STR_FMT "'", SL_STR_ARG(sl_str_head(v->key, 60)));
}

static void read_member(struct reading *g, const struct cfg_value *v, unsigned depth)
{
    struct sl_str name = v->key, first = sl_str_cut(&name, '.');
    if (sl_str_eq(v->key, SL_STR("all"))) {
        read_combination(g, v, COND_ALL, depth);
    } else if (sl_str_eq(v->key, SL_STR("any"))) {
        read_combination(g, v, COND_ANY, depth);
    } else if (sl_str_eq(v->key, SL_STR("not"))) {
        read_combination(g, v, COND_NOT, depth);
    } else {
        for (unsigned f = 0; f < COND_FACT_COUNT; f++)
            if (sl_str_eq(first, sl_str_c(facts[f].name)) && (name.p == NULL || facts[f].type == NAMED)) {
                read_fact(g, v, (enum cond_fact)f, name);
                return;
            }
        tell_unknown(g, v);
    }
}

/* A section: all of its members. utc_offset belongs to the times and days beside it. */
static void read_section(struct reading *g, const struct cfg_value *v, unsigned depth)
{
    if (v->kind != CFG_VALUE_MAP || v->n == 0) {
        wrong(g, v, "Write it as {task: summarization}", "expected conditions by name");
        return;
    }
    int16_t outer = g->zone_min;
    uint32_t at = g->n;
    add_node(g, COND_ALL, v);
    for (const struct cfg_value *i = v->first; i != NULL; i = i->next)
        if (sl_str_eq(i->key, SL_STR("utc_offset")) && (i->kind != CFG_VALUE_TEXT || !read_zone(i->text, &g->zone_min)))
            wrong(g, i, "Write it as \"+02:00\"", "not an offset from UTC");
    for (const struct cfg_value *i = v->first; i != NULL; i = i->next)
        if (!sl_str_eq(i->key, SL_STR("utc_offset")))
            read_member(g, i, depth);
    if (at < g->n)
        g->v[at].next = (uint16_t)g->n;
    g->zone_min = outer;
}

bool cond_read(struct cond_reader *r, const struct cfg_value *v, struct route_cond *out)
{
    *out = (struct route_cond){.n = 0};
    struct reading g = {.r = r, .v = sl_calloc(COND_NODES_MAX, sizeof *g.v)};
    read_section(&g, v, 0);
    if (!g.failed) {
        out->v = sl_arena_alloc(r->a, g.n * sizeof *g.v);
        out->n = g.n;
        memcpy(out->v, g.v, g.n * sizeof *g.v);
    }
    sl_free(g.v);
    if (g.failed)
        return false;
    if (!cond_may_hold(out, NULL, 0, r->a)) {
        cond_found(r, true, v, NULL, "the conditions contradict each other: the rule can never hold");
        return false;
    }
    return true;
}
