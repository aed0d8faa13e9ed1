/* From the tree of a `use:` to a group. See rules.h. */
#include <stdio.h>

#include "route/rules.h"

const struct cfg_word route_order_words[] = {
    {"ordered", ROUTE_ORDERED, "as they are written"},
    {"weighted", ROUTE_WEIGHTED, "drawn by weight, health and room"},
    {"cheapest", ROUTE_CHEAPEST, "by what the request is expected to cost"},
    {"fastest", ROUTE_FASTEST, "by the time to the last token that is expected"},
    {"least-busy", ROUTE_LEAST_BUSY, "by what is in flight there"},
    {"cache-affine", ROUTE_CACHE_AFFINE, "conversations stay where their prompt cache is, as long as the load allows"},
    {"scored", ROUTE_SCORED, "by one sum of cost, time and the risk of failing"},
    {NULL, 0, NULL}};

struct group_reading {
    struct cond_reader *r;
    route_is_model_f *is_model;
    const void *arg;
    bool failed;
};

static void read_group(struct group_reading *g, const struct cfg_value *list, unsigned depth,
                       struct route_group_spec *to);
static void read_group_options(struct group_reading *g, const struct cfg_value *v, struct route_group_spec *to);

#define SHOWN(v) SL_STR_ARG((v)->is_literal ? sl_str_head((v)->text, 60) : SL_STR("that"))

static void wrong(struct group_reading *g, const struct cfg_value *at, const char *todo, const char *text)
{
    g->failed = true;
    cond_found(g->r, true, at, todo, "%s", text);
}

bool route_sticky_read(struct sl_str text, enum route_sticky *out, struct sl_str *out_name)
{
    static const struct {
        struct sl_str word;
        enum route_sticky sticky;
        bool named;
    } words[] = {{SL_STR_INIT("user"), ROUTE_STICKY_USER, false},
                 {SL_STR_INIT("key"), ROUTE_STICKY_KEY, false},
                 {SL_STR_INIT("tenant"), ROUTE_STICKY_TENANT, false},
                 {SL_STR_INIT("conversation"), ROUTE_STICKY_CONVERSATION, false},
                 {SL_STR_INIT("header"), ROUTE_STICKY_HEADER, true},
                 {SL_STR_INIT("tag"), ROUTE_STICKY_TAG, true}};
    struct sl_str name = text, word = sl_str_cut(&name, ':');
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sl_str_eq(word, words[i].word) && words[i].named == (name.n > 0)) {
            *out = words[i].sticky;
            *out_name = name;
            return true;
        }
    return false;
}

bool route_when_read(struct cond_reader *r, const struct cfg_value *v, struct route_cond *out,
                     enum route_reserve *out_reserve)
{
    static const char help[] = "Write degraded, down, or conditions as {task: code}";
    *out = (struct route_cond){.n = 0};
    const struct cfg_value *health = v->kind == CFG_VALUE_TEXT ? v : NULL;
    struct cfg_value rest = *v;
    if (v->kind == CFG_VALUE_MAP && v->n > 0 && sl_str_eq(v->first->key, SL_STR("health")) &&
        v->first->kind == CFG_VALUE_TEXT) { /* {health: degraded, ...}: of the targets before this one */
        health = v->first;
        rest.first = v->first->next;
        rest.n--;
    }
    if (health != NULL) {
        bool degraded = sl_str_eq(health->text, SL_STR("degraded"));
        if (!degraded && !sl_str_eq(health->text, SL_STR("down"))) {
            cond_found(r, true, health, help, "expected a condition");
            return false;
        }
        *out_reserve = degraded ? ROUTE_RESERVE_DEGRADED : ROUTE_RESERVE_DOWN;
        if (health == v || rest.n == 0)
            return true;
    }
    return cond_read(r, &rest, out);
}

/* -- One entry -------------------------------------------------------------------------------------------------------- */

static bool read_count(struct group_reading *g, const struct cfg_value *v, uint64_t most, const char *help,
                       uint64_t *out)
{
    struct sl_str s = v->text;
    if (s.n > 0 && s.p[s.n - 1] == '%')
        s.n--;
    uint64_t n;
    if (v->kind == CFG_VALUE_TEXT && sl_str_to_u64(s, &n) && n <= most) {
        *out = n;
        return true;
    }
    wrong(g, v, help, "not a number that is allowed here");
    return false;
}

static void set_name(struct group_reading *g, const struct cfg_value *v, struct route_entry_spec *e)
{
    e->name = v->text;
    e->at = v;
    if (v->kind != CFG_VALUE_TEXT || v->text.n == 0)
        wrong(g, v, "Write provider/model, as in openai/gpt-4o, or the name of a model", "not a target");
    else if (g->is_model != NULL && g->is_model(g->arg, v->text))
        e->kind = ROUTE_ENTRY_MODEL;
    else if (sl_str_find(v->text, '/') <= 0 || sl_str_ends(v->text, SL_STR("/")))
        wrong(g, v, "Write provider/model, as in openai/gpt-4o, or the name of a model", "not a target");
}

struct entry_options {
    const struct cfg_value *to, *model, *use, *route, *when, *weight, *percent, *tier, *order, *sticky;
};

static const struct cfg_value **option_of(struct entry_options *o, struct sl_str key)
{
    const struct {
        const char *name;
        const struct cfg_value **at;
    } known[] = {{"to", &o->to},       {"model", &o->model},   {"use", &o->use},         {"route", &o->route},
                 {"when", &o->when},   {"weight", &o->weight}, {"percent", &o->percent}, {"tier", &o->tier},
                 {"order", &o->order}, {"sticky", &o->sticky}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (sl_str_eq(key, sl_str_c(known[i].name)))
            return known[i].at;
    return NULL;
}

static void read_options(struct group_reading *g, const struct cfg_value *v, struct entry_options *o)
{
    for (const struct cfg_value *i = v->first; i != NULL; i = i->next) {
        const struct cfg_value **to = option_of(o, i->key);
        if (to != NULL)
            *to = i;
        else
            wrong(g, i, "Known here: to, model, route, use, when, weight, percent, tier, order, sticky",
                  "unknown setting");
    }
    unsigned n = (o->to != NULL) + (o->use != NULL) + (o->route != NULL) + (o->model != NULL);
    if (n != 1)
        wrong(g, v, "Write one of to, model, route or use", n == 0 ? "this names no target" : "this names two things");
    if ((o->order != NULL || o->sticky != NULL) && o->use == NULL)
        wrong(g, o->order != NULL ? o->order : o->sticky, "It belongs to a group: {use: [...], order: ...}",
              "has no meaning for a single target");
    if (o->weight != NULL && o->percent != NULL)
        wrong(g, o->percent, "Keep one of them", "weight and percent together");
}

static void read_named_entry(struct group_reading *g, const struct entry_options *o, struct route_entry_spec *e)
{
    const struct cfg_value *name = o->route != NULL ? o->route : o->model;
    if (o->to != NULL) {
        set_name(g, o->to, e);
    } else if (name != NULL) {
        e->kind = o->route != NULL ? ROUTE_ENTRY_ROUTE : ROUTE_ENTRY_MODEL;
        e->name = name->text;
        e->at = name;
        if (name->kind != CFG_VALUE_TEXT || name->text.n == 0)
            wrong(g, name, NULL, "expected a name");
    }
}

static void read_entry(struct group_reading *g, const struct cfg_value *v, unsigned depth, struct route_entry_spec *e,
                       uint64_t *out_percent, bool *out_has_percent)
{
    uint64_t n;
    struct entry_options o = {0};
    *e = (struct route_entry_spec){.weight = 1, .at = v};
    *out_has_percent = false;
    if (v->kind == CFG_VALUE_TEXT) {
        set_name(g, v, e);
        return;
    }
    if (v->kind == CFG_VALUE_LIST) {
        wrong(g, v, "Write {use: [...]} for a group in a group", "a list in a list");
        return;
    }
    read_options(g, v, &o);
    read_named_entry(g, &o, e);
    if (o.use != NULL) {
        e->kind = ROUTE_ENTRY_GROUP;
        struct route_group_spec *group = SL_ARENA_NEW(g->r->a, struct route_group_spec);
        e->group = group;
        read_group_options(g, v, group);
        read_group(g, o.use, depth + 1, group);
    }
    if (o.when != NULL && !route_when_read(g->r, o.when, &e->when, &e->reserve))
        g->failed = true;
    if (o.weight != NULL && read_count(g, o.weight, ROUTE_WEIGHT_MAX, "Write a whole number from 1 on", &n)) {
        e->weight = (uint32_t)n;
        if (n == 0)
            wrong(g, o.weight, "Remove the target, or give it a weight", "a weight of 0 is never drawn");
    }
    if (o.percent != NULL && read_count(g, o.percent, 100, "Write a whole number of percent", out_percent)) {
        e->weight = (uint32_t)*out_percent;
        *out_has_percent = true;
        if (*out_percent == 0)
            wrong(g, o.percent, "Remove the target, or give it a share", "a share of 0 % is never drawn");
    }
    if (o.tier != NULL && read_count(g, o.tier, ROUTE_TIERS_MAX, "Write a whole number from 0 to 100", &n))
        e->tier = (uint16_t)n;
}

/* -- Groups ----------------------------------------------------------------------------------------------------------- */

static void read_order(struct group_reading *g, const struct cfg_value *v, struct route_group_spec *to)
{
    for (const struct cfg_word *w = route_order_words; w->word != NULL; w++)
        if (v->kind == CFG_VALUE_TEXT && sl_str_eq(v->text, sl_str_c(w->word))) {
            to->order = (enum route_order)w->value;
            return;
        }
    wrong(g, v, "Write ordered, weighted, cheapest, fastest, least-busy, cache-affine or scored", "unknown order");
}

void route_group_check(struct cond_reader *r, const struct cfg_value *at, struct route_group_spec *g,
                       uint32_t n_percent, uint64_t percent_sum)
{
    if (n_percent > 0 && n_percent < g->n)
        cond_found(r, true, at, "Give all of them a share", "only some of these have a percentage");
    else if (n_percent > 0 && percent_sum != 100)
        cond_found(r, true, at, NULL, "the percentages add up to %llu, not 100", (unsigned long long)percent_sum);
    if (n_percent > 0 && g->order != ROUTE_ORDERED && g->order != ROUTE_WEIGHTED)
        cond_found(r, true, at, "Remove the order, or the percentages", "percentages go with the order 'weighted'");
    else if (n_percent == 0 && g->sticky != ROUTE_STICKY_NOT && g->order != ROUTE_WEIGHTED &&
             g->order != ROUTE_CACHE_AFFINE)
        cond_found(r, true, at, "Set order: weighted, or percentages",
                   "sticky has no meaning without something to draw");
    g->exact = n_percent > 0;
    if (g->exact)
        g->order = ROUTE_WEIGHTED;
}

/* order and sticky of a group in a group. */
static void read_group_options(struct group_reading *g, const struct cfg_value *v, struct route_group_spec *to)
{
    struct entry_options o = {0};
    for (const struct cfg_value *i = v->first; i != NULL; i = i->next)
        if (option_of(&o, i->key) != NULL)
            *option_of(&o, i->key) = i;
    if (o.order != NULL)
        read_order(g, o.order, to);
    if (o.sticky != NULL && !route_sticky_read(o.sticky->text, &to->sticky, &to->sticky_name))
        wrong(g, o.sticky, "Write user, key, tenant, conversation, header:NAME or tag:NAME", "unknown");
}

/* to: its order and sticky are set. */
static void read_group(struct group_reading *g, const struct cfg_value *list, unsigned depth,
                       struct route_group_spec *to)
{
    const struct cfg_value *first = list->kind == CFG_VALUE_LIST ? list->first : list;
    uint32_t n = list->kind == CFG_VALUE_LIST ? list->n : 1, n_percent = 0;
    uint64_t sum = 0;
    if (n == 0 || n > ROUTE_GROUP_MAX || depth >= ROUTE_NEST_MAX) {
        wrong(g, list, n == 0 ? "Write at least one, as in [openai/gpt-4o]" : NULL,
              n == 0                ? "there is no target"
              : n > ROUTE_GROUP_MAX ? "more than 32 targets in one group"
                                    : "groups within groups more than 6 deep");
        return;
    }
    struct route_entry_spec *entries = sl_arena_zalloc(g->r->a, n * sizeof *entries);
    to->entries = entries;
    for (const struct cfg_value *i = first; i != NULL; i = list->kind == CFG_VALUE_LIST ? i->next : NULL) {
        uint64_t percent = 0;
        bool has_percent;
        read_entry(g, i, depth, &entries[to->n++], &percent, &has_percent);
        n_percent += has_percent;
        sum += percent;
    }
    route_group_check(g->r, list, to, n_percent, sum);
}

bool route_group_read(struct cond_reader *r, const struct cfg_value *v, route_is_model_f *is_model, const void *arg,
                      struct route_group_spec *out)
{
    struct group_reading g = {.r = r, .is_model = is_model, .arg = arg};
    read_group(&g, v, 0, out);
    return !g.failed && !r->failed;
}
