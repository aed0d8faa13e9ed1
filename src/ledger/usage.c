/* From what a provider reports to disjoint token classes; sums. Called by the exchange when an answer's usage was seen, and by
 * settle.c. Pure; every count that comes in is from outside and is not believed further than it adds up. */
#include "ledger/usage.h"

#include <stddef.h>

#include "base/check.h"

/* by_class and by_unit are used to walk the named fields: they must lie one after another. */
_Static_assert(offsetof(struct usage, by_unit) == TOKEN_CLASS_COUNT * sizeof(uint64_t), "usage: classes are one array");
_Static_assert(offsetof(struct usage, flags) == (TOKEN_CLASS_COUNT + USAGE_UNIT_COUNT) * sizeof(uint64_t),
               "usage: units are one array");

enum side {
    SIDE_IN = 0,
    SIDE_OUT
};

static const struct {
    const char *name;
    enum side side;
} classes[TOKEN_CLASS_COUNT] = {
#define X(id, name, side) [TC_##id] = {#name, SIDE_##side},
    TOKEN_CLASSES(X)
#undef X
};

const char *token_class_name(enum token_class c)
{
    return (unsigned)c < TOKEN_CLASS_COUNT ? classes[c].name : "unknown";
}

const char *usage_unit_name(enum usage_unit i)
{
    static const char *const names[USAGE_UNIT_COUNT] = {
#define X(id, name, side) #name,
        USAGE_UNITS(X)
#undef X
    };
    return (unsigned)i < USAGE_UNIT_COUNT ? names[i] : "unknown";
}

static bool is_plausible(const struct usage_openai *r)
{
    const uint64_t counts[] = {r->prompt,       r->completion, r->cached,           r->cache_write,     r->audio_prompt,
                               r->image_prompt, r->reasoning,  r->audio_completion, r->image_completion};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i] > USAGE_TOKENS_MAX)
            return false;
    return true;
}

/* Takes up to `want` out of what is left of a whole. */
static uint64_t take(uint64_t *left, uint64_t want, uint32_t *flags)
{
    if (want > *left) {
        want = *left;
        *flags |= USAGE_INCONSISTENT;
    }
    *left -= want;
    return want;
}

struct usage usage_from_openai(const struct usage_openai *r)
{
    struct usage u = {.flags = r->unknown_fields ? USAGE_UNKNOWN_FIELDS : 0};
    if (!is_plausible(r)) {
        u.flags |= USAGE_INCONSISTENT | USAGE_IMPLAUSIBLE;
        return u;
    }
    u.flags |= USAGE_REPORTED;

    uint64_t in = r->prompt;
    u.cache_read = take(&in, r->cached, &u.flags);
    u.cache_write = take(&in, r->cache_write, &u.flags);
    u.audio_in = take(&in, r->audio_prompt, &u.flags);
    u.image_in = take(&in, r->image_prompt, &u.flags);
    u.input = in;

    uint64_t out = r->completion;
    u.reasoning = r->reasoning_outside ? r->reasoning : take(&out, r->reasoning, &u.flags);
    u.audio_out = take(&out, r->audio_completion, &u.flags);
    u.image_out = take(&out, r->image_completion, &u.flags);
    u.output = out;

    /* No overflow: each is at most USAGE_TOKENS_MAX. */
    uint64_t total = r->prompt + r->completion + (r->reasoning_outside ? r->reasoning : 0);
    if (r->total != 0 && r->total != total)
        u.flags |= USAGE_INCONSISTENT;
    return u;
}

static uint64_t add_or_max(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t sum_side(const struct usage *u, enum side side)
{
    uint64_t sum = 0;
    for (size_t c = 0; c < TOKEN_CLASS_COUNT; c++)
        if (classes[c].side == side)
            sum = add_or_max(sum, u->by_class[c]);
    return sum;
}

uint64_t usage_input_total(const struct usage *u)
{
    return sum_side(u, SIDE_IN);
}

uint64_t usage_output_total(const struct usage *u)
{
    return sum_side(u, SIDE_OUT);
}

uint64_t usage_total(const struct usage *u)
{
    return add_or_max(usage_input_total(u), usage_output_total(u));
}

bool usage_has_units(const struct usage *u)
{
    for (size_t i = 0; i < USAGE_UNIT_COUNT; i++)
        if (u->by_unit[i] != 0)
            return true;
    return false;
}

static void add_each(uint64_t *to, const uint64_t *more, size_t n, uint32_t *flags)
{
    for (size_t i = 0; i < n; i++) {
        if (__builtin_add_overflow(to[i], more[i], &to[i])) {
            to[i] = UINT64_MAX;
            *flags |= USAGE_INCONSISTENT;
        }
    }
}

void usage_add(struct usage *to, const struct usage *more)
{
    to->flags |= more->flags;
    add_each(to->by_class, more->by_class, TOKEN_CLASS_COUNT, &to->flags);
    add_each(to->by_unit, more->by_unit, USAGE_UNIT_COUNT, &to->flags);
}
