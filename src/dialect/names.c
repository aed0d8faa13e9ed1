/* See names.h. Limits: openai.md 7.3, anthropic.md 2.6, gemini.md 3.4, bedrock.md (Converse), November 2026. */
#include "dialect/names.h"

#include "base/hash.h"

#define HASH_CHARS 12u

const struct names_rule names_openai = {.others = "_-", .max = 64};
const struct names_rule names_anthropic = {.others = "_-", .max = 128};
const struct names_rule names_gemini = {.others = "_.:-", .max = 128, .letter_first = true};
const struct names_rule ids_openai = {.others = "_-.:|", .max = 64};
const struct names_rule ids_anthropic = {.others = "_-", .max = 128};
const struct names_rule ids_gemini = {.others = "_-.:|", .max = 256};
const struct names_rule ids_converse = {.others = "_.:-", .max = 64};
const struct names_rule ids_mistral = {.others = "", .max = 9, .exact = true};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_legal(const struct names_rule *rule, char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || (c != 0 && strchr(rule->others, c) != NULL);
}

static bool fits(const struct names_rule *rule, struct sl_str text)
{
    if (text.n == 0 || text.n > rule->max || (rule->exact && text.n != rule->max))
        return false;
    if (rule->letter_first && !is_letter(text.p[0]) && text.p[0] != '_')
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!is_legal(rule, text.p[i]))
            return false;
    return true;
}

/* The same in every process: these names are compared across turns. */
static void hash_text(struct sl_str text, char out[HASH_CHARS])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    uint64_t h = sl_hash((struct sl_hash_key){0x736c75696365, 0x6e616d6573}, text);
    for (unsigned i = 0; i < HASH_CHARS; i++, h /= 62)
        out[i] = digits[h % 62];
}

struct sl_str names_fit(const struct names_rule *rule, struct sl_str text, struct sl_arena *a)
{
    char hash[HASH_CHARS];
    if (fits(rule, text))
        return text;
    hash_text(text, hash);
    char *out = sl_arena_alloc(a, rule->max);
    size_t n = 0;
    if (rule->max <= HASH_CHARS + 1) {
        memcpy(out, hash, rule->max);
        return sl_str_of(out, rule->max);
    }
    size_t keep = rule->max - HASH_CHARS - 1;
    keep = keep > 40 ? 40 : keep;
    if (rule->letter_first && text.n > 0 && !is_letter(text.p[0]) && text.p[0] != '_')
        out[n++] = '_';
    for (size_t i = 0; i < text.n && n < keep; i++)
        out[n++] = is_legal(rule, text.p[i]) ? text.p[i] : '_';
    out[n++] = '_';
    memcpy(out + n, hash, HASH_CHARS);
    return sl_str_of(out, n + HASH_CHARS);
}

/* -- What was changed ------------------------------------------------------------------------------------------------ */

#define LIST_MAX 8u /* longer ones get tables: a request may name a tool in each of a hundred thousand calls */

static size_t place_of(const struct names_map *m, struct sl_str name)
{
    return (size_t)sl_hash(sl_hash_process_key(), name) & (m->cap - 1u); /* nobody can choose names that meet */
}

static void put(const struct names_map *m, struct names_entry **table, struct sl_str key, struct names_entry *e)
{
    size_t at = place_of(m, key);
    while (table[at] != NULL)
        at = (at + 1) & (m->cap - 1u);
    table[at] = e;
}

static void remember(struct names_map *m, struct names_entry *e, struct sl_arena *a)
{
    e->next = m->first;
    m->first = e;
    if (++m->n <= LIST_MAX)
        return;
    if (m->n * 2 <= m->cap) {
        put(m, m->by_original, e->original, e);
        put(m, m->by_changed, e->changed, e);
        return;
    }
    m->cap = m->cap == 0 ? 64 : m->cap * 4;
    m->by_original = sl_arena_zalloc(a, m->cap * sizeof(struct names_entry *));
    m->by_changed = sl_arena_zalloc(a, m->cap * sizeof(struct names_entry *));
    for (struct names_entry *old = m->first; old != NULL; old = old->next) {
        put(m, m->by_original, old->original, old);
        put(m, m->by_changed, old->changed, old);
    }
}

static const struct names_entry *find(const struct names_map *m, struct sl_str name, bool changed)
{
    if (m->cap == 0) {
        for (const struct names_entry *e = m->first; e != NULL; e = e->next)
            if (sl_str_eq(changed ? e->changed : e->original, name))
                return e;
        return NULL;
    }
    struct names_entry **table = changed ? m->by_changed : m->by_original;
    for (size_t at = place_of(m, name); table[at] != NULL; at = (at + 1) & (m->cap - 1u))
        if (sl_str_eq(changed ? table[at]->changed : table[at]->original, name))
            return table[at];
    return NULL;
}

struct sl_str names_out(struct names_map *m, const struct names_rule *rule, struct sl_str name, struct sl_arena *a)
{
    if (fits(rule, name))
        return name;
    const struct names_entry *known = find(m, name, false);
    if (known != NULL)
        return known->changed;
    struct names_entry *e = SL_ARENA_NEW(a, struct names_entry);
    *e = (struct names_entry){.original = name, .changed = names_fit(rule, name, a)};
    remember(m, e, a);
    return e->changed;
}

struct sl_str names_back(const struct names_map *m, struct sl_str name)
{
    const struct names_entry *e = find(m, name, true);
    return e != NULL ? e->original : name;
}
