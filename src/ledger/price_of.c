/* What a call cost: rates chosen by conditions, then a sum of products. Pure and exact: 64-bit counts times 40-bit rates
 * in 128 bits cannot overflow (units: 64 and 50 bits); only the last step, down to 63 bits, can saturate, and says so. */
#include "base/check.h"
#include "ledger/money.h"
#include "ledger/price_int.h"

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
    [TC_VIDEO_OUT] = {PR_OUTPUT_VIDEO, PR_OUTPUT, true},
};

/* Which units and classes count the same: those of one side. */
enum {
    SIDE_IN = 0,
    SIDE_OUT,
    SIDE_NONE,
    SIDES
};
static const uint8_t class_sides[TOKEN_CLASS_COUNT] = {
#define X(id, name, side) [TC_##id] = SIDE_##side,
    TOKEN_CLASSES(X)
#undef X
};
static const uint8_t unit_sides[USAGE_UNIT_COUNT] = {
#define X(id, name, side) [UU_##id] = SIDE_##side,
    USAGE_UNITS(X)
#undef X
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

/* charged: by side, whether a token of it had a price. */
static unsigned __int128 sum_of(const struct price_rates *r, const struct usage *u, uint32_t *flags,
                                bool charged[SIDES])
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
        charged[class_sides[c]] = true;
        sum += (unsigned __int128)u->by_class[c] * (uint64_t)rate;
    }
    return sum;
}

static unsigned __int128 sum_of_units(const struct price *p, const struct usage *u, const struct price_shape *shape,
                                      const bool charged[SIDES], uint32_t *flags)
{
    unsigned __int128 sum = 0;
    for (size_t i = 0; i < USAGE_UNIT_COUNT; i++) {
        if (u->by_unit[i] == 0 || charged[unit_sides[i]])
            continue;
        int64_t rate = price_unit_rate(p, (enum usage_unit)i, shape, flags);
        if (rate == PRICE_NONE) {
            *flags |= COST_UNPRICED;
            continue;
        }
        uint64_t per = price_unit_is_time((enum usage_unit)i) ? 1000 : 1;
        sum += ((unsigned __int128)u->by_unit[i] * (uint64_t)rate + (per - 1)) / per;
    }
    return sum;
}

struct cost price_of(const struct price *price, const struct usage *usage, const struct price_terms *terms)
{
    static const struct price_terms standard = {0};
    bool any = usage_total(usage) != 0 || usage_has_units(usage);
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
    if (usage->video_out != 0) {
        int64_t rate = price_row_rate(price, PRICE_PER_VIDEO_TOKEN, &terms->shape, &cost.flags);
        rates.p[PR_OUTPUT_VIDEO] = rate != PRICE_NONE ? rate : rates.p[PR_OUTPUT_VIDEO];
    }

    bool charged[SIDES] = {false};
    unsigned __int128 sum = sum_of(&rates, usage, &cost.flags, charged);
    sum += sum_of_units(price, usage, &terms->shape, charged, &cost.flags);
    uint32_t ppm = region_ppm(price, terms->region);
    if (ppm != PPM) /* 40 + 64 + 4 bits of sum, 32 of factor: split so that it cannot overflow */
        sum = sum / PPM * ppm + (sum % PPM * ppm + (PPM - 1)) / PPM;

    if (sum > (unsigned __int128)MONEY_MAX) {
        sum = (unsigned __int128)MONEY_MAX;
        cost.flags |= COST_SATURATED;
    }
    cost.cost_p = (int64_t)sum;
    if (sum == 0 && price->has_units)
        cost.flags |=
            COST_UNPRICED; /* priced by images, seconds or characters, and there was nothing that is charged */
    else if (sum == 0 && any && (cost.flags & COST_UNPRICED) == 0)
        cost.flags |= COST_FREE; /* every rate that was needed is stated as 0 */
    return cost;
}
