/* What can be told of conditions without a request: whether any could meet one and not some others. A tableau: what must hold and what
 * must not is taken apart, branch by branch, to single tests, and those of one fact are asked whether a value is left for it. Bounded;
 * where that is not enough, or patterns are too odd, the answer is that there may be such a request. */
#include "route/cond.h"

#define STEPS_MAX 2000u /* which bounds the recursion, too */
#define DAY_MIN 1440u
#define WEEK_MIN (7 * DAY_MIN)

struct todo { /* a node, or with `every` those from `at` to `end`, that must be as `want` says */
    const struct cond_node *v;
    uint32_t at, end;
    bool want, every;
    const struct todo *next;
};

struct search {
    const struct cond_node *tests[STEPS_MAX]; /* of the branch */
    bool wants[STEPS_MAX];
    uint32_t n, steps;
};

/* -- One fact: is there a value? -------------------------------------------------------------------------------------- */

static bool same_fact(const struct cond_node *a, const struct cond_node *b)
{
    return a->fact == b->fact && sl_str_eq(a->name, b->name);
}

/* Tests of that fact that must (want) or must not hold, one after the other; NULL: that was the last. */
static const struct cond_node *next_test(const struct search *s, const struct cond_node *like, bool want, uint32_t *i)
{
    while (*i < s->n) {
        const struct cond_node *t = s->tests[*i];
        if (s->wants[(*i)++] == want && same_fact(t, like))
            return t;
    }
    return NULL;
}

/* Requests need not say how much they want, and not every tenant has a budget: then no test of these holds. */
static bool range_left(const struct search *s, const struct cond_node *like)
{
    uint64_t low = 0, high = like->fact == COND_HEALTH ? ROUTE_OPEN : UINT64_MAX;
    const struct cond_node *t;
    uint32_t i = 0, n = 0;
    for (; (t = next_test(s, like, true, &i)) != NULL; n++) {
        low = t->low > low ? t->low : low;
        high = t->high < high ? t->high : high;
    }
    if (n == 0 && (like->fact == COND_OUTPUT_TOKENS || like->fact == COND_BUDGET_USED))
        return true;
    for (i = 0; low <= high && (t = next_test(s, like, false, &i)) != NULL;) {
        if (low < t->low || low > t->high)
            continue;
        if (t->high == UINT64_MAX)
            return false;
        low = t->high + 1;
        i = 0; /* one that was passed over may take what is left */
    }
    return low <= high;
}

static bool flag_left(const struct search *s, const struct cond_node *like)
{
    bool may[2] = {true, true};
    for (uint32_t i = 0; i < s->n; i++)
        if (same_fact(s->tests[i], like))
            may[(s->tests[i]->low != 0) != s->wants[i]] = false;
    return may[0] || may[1];
}

/* There is always text. */
static bool modes_left(const struct search *s, const struct cond_node *like)
{
    uint64_t denied = 0;
    const struct cond_node *t;
    for (uint32_t i = 0; (t = next_test(s, like, false, &i)) != NULL;)
        denied |= t->low;
    for (uint32_t i = 0; (t = next_test(s, like, true, &i)) != NULL;)
        if ((t->low & ~denied) == 0)
            return false;
    return (denied & ROUTE_MODE_TEXT) == 0;
}

/* Whether `wide` takes all that `w` takes. */
static bool word_covers(const struct cond_word *wide, const struct cond_word *w)
{
    if (wide->text.n == 0 || (wide->any_before && wide->any_behind))
        return wide->text.n == 0 ? wide->any_before || wide->any_behind : sl_str_find_str(w->text, wide->text) >= 0;
    if (wide->any_behind)
        return !w->any_before && sl_str_starts(w->text, wide->text);
    if (wide->any_before)
        return !w->any_behind && sl_str_ends(w->text, wide->text);
    return !w->any_before && !w->any_behind && sl_str_eq(w->text, wide->text);
}

static bool node_covers(const struct cond_node *wide, const struct cond_word *w)
{
    for (unsigned i = 0; i < wide->n_words; i++)
        if (word_covers(&wide->words[i], w))
            return true;
    return false;
}

/* Some word of t that is none of those that must not be; one value meets all that must hold where there is but one. */
static bool word_left(const struct search *s, const struct cond_node *t, bool single)
{
    for (unsigned k = 0; k < t->n_words; k++) {
        const struct cond_word *w = &t->words[k];
        const struct cond_node *other;
        bool left = true, plain = !w->any_before && !w->any_behind;
        for (uint32_t i = 0; left && (other = next_test(s, t, false, &i)) != NULL;)
            left = !node_covers(other, w);
        for (uint32_t i = 0; left && single && plain && (other = next_test(s, t, true, &i)) != NULL;)
            left = node_covers(other, w);
        if (left)
            return true;
    }
    return false;
}

/* A request may have several tags of a name. */
static bool words_left(const struct search *s, const struct cond_node *like)
{
    bool single = like->fact != COND_TAGS && like->fact != COND_KEY_TAGS;
    const struct cond_node *t;
    for (uint32_t i = 0; (t = next_test(s, like, true, &i)) != NULL;)
        if (!word_left(s, t, single))
            return false;
    return true;
}

static bool is_clock(const struct cond_node *n)
{
    return n->fact == COND_TIME || n->fact == COND_DAYS;
}

static bool minute_fits(const struct search *s, uint32_t minute)
{
    /* 1970 began on a Thursday: the fifth day is a Monday */
    const struct route_facts f = {.wall_ns = (4 * DAY_MIN + minute) * UINT64_C(60000000000)};
    const struct cond_ask ask = {.facts = &f};
    for (uint32_t i = 0; i < s->n; i++)
        if (is_clock(s->tests[i]) && cond_test_holds(s->tests[i], &ask) != s->wants[i])
            return false;
    return true;
}

/* Some minute of the week. Only where one of the tests begins or ends can the answer change. */
static bool minute_left(const struct search *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct cond_node *t = s->tests[i];
        if (!is_clock(t))
            continue;
        uint64_t zone = (uint64_t)(int64_t)(WEEK_MIN - t->zone_min), low = t->fact == COND_TIME ? t->low : 0;
        uint64_t high = t->fact == COND_TIME ? t->high : 0;
        for (uint32_t day = 0; day < 7; day++)
            if (minute_fits(s, (uint32_t)((day * DAY_MIN + low + zone) % WEEK_MIN)) ||
                minute_fits(s, (uint32_t)((day * DAY_MIN + high + zone) % WEEK_MIN)))
                return true;
    }
    return false;
}

static bool value_left(const struct search *s, const struct cond_node *of)
{
    switch ((enum cond_fact)of->fact) {
    case COND_INPUT_TOKENS:
    case COND_OUTPUT_TOKENS:
    case COND_BUDGET_USED:
    case COND_HEALTH:
        return range_left(s, of);
    case COND_TOOLS:
    case COND_STRUCTURED_OUTPUT:
    case COND_STREAM:
    case COND_ZERO_RETENTION:
        return flag_left(s, of);
    case COND_MODALITY:
        return modes_left(s, of);
    case COND_TIME:
    case COND_DAYS:
        return minute_left(s);
    default:
        return words_left(s, of);
    }
}

/* -- Taking apart ------------------------------------------------------------------------------------------------------ */

static bool may_be(struct search *s, const struct todo *t);

static bool may_test(struct search *s, const struct cond_node *n, bool want, const struct todo *next)
{
    s->tests[s->n] = n;
    s->wants[s->n++] = want;
    bool may = value_left(s, n) && may_be(s, next);
    s->n--;
    return may;
}

/* Recursion along what is still to do, at most STEPS_MAX deep. */
static bool may_be(struct search *s, const struct todo *t)
{
    if (t == NULL || ++s->steps >= STEPS_MAX)
        return true;
    const struct cond_node *n = &t->v[t->at];
    if (t->every) {
        const struct todo rest = {t->v, n->next, t->end, t->want, true, t->next};
        const struct todo one = {t->v, t->at, 0, t->want, false, n->next < t->end ? &rest : t->next};
        return may_be(s, &one);
    }
    if (n->kind == COND_TEST)
        return may_test(s, n, t->want, t->next);
    const struct todo inner = {t->v, t->at + 1, n->next, n->kind == COND_NOT ? !t->want : t->want, true, t->next};
    if (n->kind == COND_NOT || (n->kind == COND_ALL) == t->want)
        return may_be(s, &inner);
    for (uint32_t i = t->at + 1; i < n->next; i = t->v[i].next) {
        const struct todo one = {t->v, i, 0, t->want, false, t->next};
        if (may_be(s, &one))
            return true;
    }
    return false;
}

bool cond_may_hold(const struct route_cond *held, const struct route_cond *const *denied, uint32_t n,
                   struct sl_arena *a)
{
    struct todo *todo = sl_arena_alloc(a, (n + 1) * sizeof *todo);
    const struct todo *first = NULL;
    struct search s;
    s.n = s.steps = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (denied[i]->n == 0)
            return false;
        todo[i] = (struct todo){denied[i]->v, 0, 0, false, false, first};
        first = &todo[i];
    }
    if (held != NULL && held->n > 0) {
        todo[n] = (struct todo){held->v, 0, 0, true, false, first};
        first = &todo[n];
    }
    return may_be(&s, first);
}
