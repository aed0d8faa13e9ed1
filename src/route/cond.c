/* Conditions at run time. See cond.h. */
#include "route/cond.h"

#define DAY_MIN 1440u
#define MIN_NS UINT64_C(60000000000)

const char *cond_fact_name(enum cond_fact f)
{
    static const char *const names[] = {
#define X(id, name, type) [COND_##id] = name,
        COND_FACTS(X)
#undef X
    };
    return names[f];
}

/* -- Tests ----------------------------------------------------------------------------------------------------------- */

static bool word_matches(const struct cond_word *w, struct sl_str s)
{
    if (w->any_before && w->any_behind)
        return sl_str_find_str(s, w->text) >= 0;
    if (w->any_before)
        return sl_str_ends(s, w->text);
    return w->any_behind ? sl_str_starts(s, w->text) : sl_str_eq(s, w->text);
}

static bool words_match(const struct cond_node *n, struct sl_str s)
{
    if (s.n == 0) /* not known */
        return false;
    for (unsigned i = 0; i < n->n_words; i++)
        if (word_matches(&n->words[i], s))
            return true;
    return false;
}

static bool tags_match(const struct cond_node *n, const struct route_tag *tags, uint32_t n_tags)
{
    for (uint32_t i = 0; i < n_tags; i++)
        if (sl_str_eq(tags[i].name, n->name) && words_match(n, tags[i].value))
            return true;
    return false;
}

static bool flag_is(const struct cond_node *n, const struct route_facts *f, unsigned flag)
{
    return ((f->flags & flag) != 0) == (n->low != 0);
}

static bool in_range(const struct cond_node *n, uint64_t v)
{
    return v >= n->low && v <= n->high;
}

/* Minutes since Monday 00:00 in the condition's zone; 1970 began on a Thursday. */
static uint64_t week_minute(const struct cond_node *n, uint64_t wall_ns)
{
    uint64_t local = wall_ns / MIN_NS + 7 * DAY_MIN + (uint64_t)(int64_t)n->zone_min;
    return (local + 3 * DAY_MIN) % (7 * DAY_MIN);
}

static bool time_is(const struct cond_node *n, uint64_t wall_ns)
{
    uint64_t m = week_minute(n, wall_ns) % DAY_MIN;
    if (wall_ns == 0)
        return false;
    return n->low <= n->high ? m >= n->low && m < n->high : m >= n->low || m < n->high;
}

static bool day_is(const struct cond_node *n, uint64_t wall_ns)
{
    return wall_ns != 0 && (n->low >> (week_minute(n, wall_ns) / DAY_MIN) & 1) != 0;
}

static bool health_is(const struct cond_node *n, const struct cond_ask *ask)
{
    struct route_target_view view = {.state = ROUTE_UP};
    if (ask->view == NULL || n->target == ROUTE_TARGET_NONE || !ask->view(ask->view_arg, n->target, &view))
        view.state = ROUTE_UP;
    return in_range(n, view.state);
}

static struct sl_str word_fact(const struct cond_node *n, const struct cond_ask *ask)
{
    const struct route_facts *f = ask->facts;
    switch ((enum cond_fact)n->fact) {
    case COND_TASK:
        return f->task;
    case COND_MODEL:
        return ask->model;
    case COND_OPERATION:
        return f->operation;
    case COND_DIALECT:
        return f->dialect;
    case COND_TENANT:
        return f->tenant;
    case COND_TEAM:
        return f->team;
    case COND_USER:
        return f->user;
    case COND_KEY:
        return f->key;
    case COND_REGION:
        return f->region;
    default:
        return f->header != NULL ? f->header(f->headers, n->name) : SL_STR_NONE;
    }
}

bool cond_test_holds(const struct cond_node *n, const struct cond_ask *ask)
{
    const struct route_facts *f = ask->facts;
    switch ((enum cond_fact)n->fact) {
    case COND_INPUT_TOKENS:
        return in_range(n, f->input_tokens);
    case COND_OUTPUT_TOKENS:
        return f->output_tokens != 0 && in_range(n, f->output_tokens);
    case COND_BUDGET_USED:
        return f->budget_permille != ROUTE_BUDGET_UNKNOWN && in_range(n, f->budget_permille);
    case COND_MODALITY:
        return (f->modalities & n->low) != 0;
    case COND_TOOLS:
        return flag_is(n, f, ROUTE_HAS_TOOLS);
    case COND_STRUCTURED_OUTPUT:
        return flag_is(n, f, ROUTE_HAS_SCHEMA);
    case COND_STREAM:
        return flag_is(n, f, ROUTE_HAS_STREAM);
    case COND_ZERO_RETENTION:
        return flag_is(n, f, ROUTE_ZERO_RETENTION);
    case COND_TAGS:
        return tags_match(n, f->tags, f->n_tags);
    case COND_KEY_TAGS:
        return tags_match(n, f->key_tags, f->n_key_tags);
    case COND_TIME:
        return time_is(n, f->wall_ns);
    case COND_DAYS:
        return day_is(n, f->wall_ns);
    case COND_HEALTH:
        return health_is(n, ask);
    default:
        return words_match(n, word_fact(n, ask));
    }
}

/* -- Combinations ---------------------------------------------------------------------------------------------------- */

/* Recursion along what was read, which is at most COND_DEPTH_MAX deep. */
static bool node_holds(const struct cond_node *v, uint32_t at, const struct cond_ask *ask)
{
    const struct cond_node *n = &v[at];
    if (n->kind == COND_TEST)
        return cond_test_holds(n, ask);
    if (n->kind == COND_NOT)
        return !node_holds(v, at + 1, ask);
    bool wanted = n->kind == COND_ANY; /* the first child that is so decides */
    for (uint32_t i = at + 1; i < n->next; i = v[i].next)
        if (node_holds(v, i, ask) == wanted)
            return wanted;
    return !wanted;
}

bool cond_holds(const struct route_cond *c, const struct cond_ask *ask)
{
    return c->n == 0 || node_holds(c->v, 0, ask);
}
