/* Called by step_try for each candidate. The prompt counts as written to the cache where that is dearer than reading it (a hit makes it
 * cheaper), all output as the dearer of text and reasoning. Media in a prompt are in it as far as its tokens were counted. */
#include "ledger/reserve.h"

#include "ledger/price_int.h"

static uint64_t output_bound(const struct reserve_facts *f)
{
    uint64_t known = f->price != NULL && f->price->max_output != 0 ? f->price->max_output : RESERVE_OUTPUT_DEFAULT;
    uint64_t each = f->max_output != 0 && f->max_output < known ? f->max_output : known;
    uint64_t all;
    if (f->no_output)
        return 0;
    if (__builtin_mul_overflow(each, f->answers != 0 ? f->answers : 1, &all) || all > USAGE_TOKENS_MAX)
        return USAGE_TOKENS_MAX;
    return all;
}

static void add_units(struct usage *u, const struct reserve_facts *f)
{
    uint32_t ignored = 0;
    memcpy(u->by_unit, f->expected->by_unit, sizeof u->by_unit);
    for (size_t i = 0; i < USAGE_UNIT_COUNT; i++)
        if (u->by_unit[i] > USAGE_TOKENS_MAX)
            u->by_unit[i] = USAGE_TOKENS_MAX;
    if (u->images_out != 0 && f->price != NULL &&
        price_unit_rate(f->price, UU_IMAGES_OUT, &f->terms.shape, &ignored) == PRICE_NONE)
        u->image_out = u->images_out < 1000 ? u->images_out * RESERVE_IMAGE_TOKENS : USAGE_TOKENS_MAX;
}

static bool may_be_cached(const struct reserve_facts *f)
{
    return f->price != NULL && !f->no_output && f->input_tokens >= RESERVE_CACHED_LEAST &&
           f->price->rates.p[PR_CACHE_WRITE] > f->price->rates.p[PR_INPUT];
}

struct reservation reserve_estimate(const struct reserve_facts *f)
{
    struct reservation r = {.usage = {.flags = USAGE_ESTIMATED}};
    uint64_t in = f->input_tokens < USAGE_TOKENS_MAX ? f->input_tokens : USAGE_TOKENS_MAX;
    if (may_be_cached(f))
        r.usage.cache_write = in;
    else
        r.usage.input = in;
    uint64_t out = output_bound(f);
    bool reasoning_dearer = f->price != NULL && f->price->rates.p[PR_REASONING] > f->price->rates.p[PR_OUTPUT];
    if (reasoning_dearer)
        r.usage.reasoning = out;
    else
        r.usage.output = out;
    if (f->expected != NULL)
        add_units(&r.usage, f);
    r.cost = price_of(f->price, &r.usage, &f->terms);
    return r;
}
