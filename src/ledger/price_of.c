/* What a call cost: rates chosen by conditions, then a sum of products. Pure and exact: 64-bit counts times 40-bit rates
 * in 128 bits cannot overflow; only the last step, down to 63 bits, can saturate, and says so. */
#include "base/check.h"
#include "ledger/money.h"
#include "ledger/price.h"

#define PPM UINT64_C(1000000)

/* The rate of a class: its own, or the neighbour's. `assumed`: taking the neighbour's is our guess and not a known rule.
 * Reasoning as output and cache as input are known (data/README.md), a modality without its own price is a guess. */
static const struct {
    enum price_rate own, neighbour;
    bool assumed;
} sources[TOKEN_CLASS_COUNT] = {
    [TC_INPUT] = {PR_INPUT, PR_INPUT, false},
    [TC_CACHE_READ] = {PR_CACHE_READ, PR_INPUT, false},
    [TC_CACHE_WRITE] = {PR_CACHE_WRITE, PR_INPUT, false},
    [TC_OUTPUT] = {PR_OUTPUT, PR_OUTPUT, false},
    [TC_REASONING] = {PR_REASONING, PR_OUTPUT, false},
    [TC_AUDIO_IN] = {PR_INPUT_AUDIO, PR_INPUT, true},
    [TC_AUDIO_OUT] = {PR_OUTPUT_AUDIO, PR_OUTPUT, true},
    [TC_IMAGE_IN] = {PR_INPUT_IMAGE, PR_INPUT, true},
    [TC_IMAGE_OUT] = {PR_OUTPUT_IMAGE, PR_OUTPUT, true},
};

static void overlay(struct price_rates *to, const struct price_rates *over)
{
    for (size_t i = 0; i < PR_COUNT; i++)
        if (over->p[i] != PRICE_NONE)
            to->p[i] = over->p[i];
}

static void overlay_larger(struct price_rates *to, const struct price_rates *over)
{
    for (size_t i = 0; i < PR_COUNT; i++)
        if (over->p[i] > to->p[i])
            to->p[i] = over->p[i];
}

static void scale_rate(int64_t *rate, uint32_t ppm) /* rounded up to a whole pico-dollar: never under the true price */
{
    if (*rate != PRICE_NONE)
        *rate = (int64_t)(((unsigned __int128)(uint64_t)*rate * ppm + (PPM - 1)) / PPM);
}

static const struct price_tier *tier_of(const struct price *p, const struct usage *u)
{
    const struct price_tier *tier = NULL;
    if (p->n_tiers == 0)
        return NULL;
    uint64_t prompt = usage_input_total(u);
    for (size_t i = 0; i < p->n_tiers && prompt > p->tiers[i].above; i++)
        tier = &p->tiers[i];
    return tier;
}

static void apply_service(struct price_rates *r, const struct price *p, enum price_service service, uint32_t *flags)
{
    if (service == PRICE_STANDARD)
        return;
    for (size_t i = 0; i < p->n_services; i++) {
        if (p->services[i].service != service)
            continue;
        if ((*flags & COST_TIER) == 0) {
            overlay(r, &p->services[i].rates);
        } else { /* nobody publishes both at once: the dearer of each */
            overlay_larger(r, &p->services[i].rates);
            *flags |= COST_ASSUMED;
        }
        return;
    }
    if (service == PRICE_BATCH && p->batch_ppm != 0) {
        scale_rate(&r->p[PR_INPUT], p->batch_ppm);
        scale_rate(&r->p[PR_OUTPUT], p->batch_ppm);
        scale_rate(&r->p[PR_REASONING], p->batch_ppm);
        return;
    }
    *flags |= COST_ASSUMED;
}

static uint32_t region_ppm(const struct price *p, struct sl_str region)
{
    for (size_t i = 0; region.n != 0 && i < p->n_regions; i++)
        if (sl_str_eq(p->regions[i].name, region))
            return p->regions[i].ppm;
    return (uint32_t)PPM;
}

static unsigned __int128 sum_of(const struct price_rates *r, const struct usage *u, uint32_t *flags)
{
    unsigned __int128 sum = 0;
    for (size_t c = 0; c < TOKEN_CLASS_COUNT; c++) {
        if (u->by_class[c] == 0)
            continue;
        int64_t rate = r->p[sources[c].own];
        if (rate == PRICE_NONE) {
            rate = r->p[sources[c].neighbour];
            if (rate == PRICE_NONE) {
                *flags |= COST_UNPRICED;
                continue;
            }
            if (sources[c].assumed)
                *flags |= COST_ASSUMED;
        }
        SL_DCHECK(rate >= 0 && rate <= 2 * PRICE_MAX);
        sum += (unsigned __int128)u->by_class[c] * (uint64_t)rate;
    }
    return sum;
}

struct cost price_of(const struct price *price, const struct usage *usage, const struct price_terms *terms)
{
    static const struct price_terms standard = {0};
    bool any = usage_total(usage) != 0;
    if (price == NULL)
        return (struct cost){0, any ? COST_UNPRICED : 0};
    if (price->free)
        return (struct cost){0, COST_FREE};
    if (terms == NULL)
        terms = &standard;

    struct cost cost = {0};
    struct price_rates rates = price->rates;
    const struct price_tier *tier = tier_of(price, usage);
    if (tier != NULL) {
        overlay(&rates, &tier->rates);
        cost.flags |= COST_TIER;
    }
    apply_service(&rates, price, terms->service, &cost.flags);

    unsigned __int128 sum = sum_of(&rates, usage, &cost.flags);
    uint32_t ppm = region_ppm(price, terms->region);
    if (ppm != PPM) /* 40 + 64 + 4 bits of sum, 32 of factor: split so that it cannot overflow */
        sum = sum / PPM * ppm + (sum % PPM * ppm + (PPM - 1)) / PPM;

    if (sum > (unsigned __int128)MONEY_MAX) {
        sum = (unsigned __int128)MONEY_MAX;
        cost.flags |= COST_SATURATED;
    }
    cost.cost_p = (int64_t)sum;
    if (sum == 0 && price->has_units)
        cost.flags |= COST_UNPRICED; /* priced by images, seconds or characters, which nobody has counted here */
    else if (sum == 0 && any && (cost.flags & COST_UNPRICED) == 0)
        cost.flags |= COST_FREE; /* every rate that was needed is stated as 0 */
    return cost;
}
