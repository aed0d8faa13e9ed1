/* price_of against an oracle that is written differently: decimal digits in an array, schoolbook arithmetic, and the rules
 * of data/README.md spelled out once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "base/rand.h"
#include "ledger/money.h"
#include "ledger/price.h"

/* ---- a number as decimal digits, least significant first ---- */

#define DIGITS 60
struct big {
    unsigned char d[DIGITS];
};

static void big_set(struct big *b, uint64_t v)
{
    memset(b, 0, sizeof *b);
    for (unsigned i = 0; v != 0; i++, v /= 10)
        b->d[i] = (unsigned char)(v % 10);
}

static void big_add_product(struct big *sum, uint64_t x, uint64_t y)
{
    struct big a, b;
    big_set(&a, x);
    big_set(&b, y);
    for (unsigned i = 0; i < 20; i++) {
        unsigned carry = 0;
        for (unsigned j = 0; a.d[i] != 0 && (j < 20 || carry != 0); j++) {
            unsigned v = sum->d[i + j] + carry + (j < 20 ? (unsigned)a.d[i] * b.d[j] : 0);
            sum->d[i + j] = (unsigned char)(v % 10);
            carry = v / 10;
        }
    }
}

/* times ppm / 10^6, rounded up */
static void big_scale(struct big *b, uint32_t ppm)
{
    struct big product;
    memset(&product, 0, sizeof product);
    for (unsigned k = 0; k < 8; k++, ppm /= 10) {
        unsigned carry = 0;
        for (unsigned j = 0; k + j < DIGITS; j++) {
            unsigned v = product.d[k + j] + carry + ppm % 10 * b->d[j];
            product.d[k + j] = (unsigned char)(v % 10);
            carry = v / 10;
        }
        assert_int_equal(carry, 0);
    }
    bool rest = false;
    for (unsigned i = 0; i < 6; i++)
        rest = rest || product.d[i] != 0;
    memset(b, 0, sizeof *b);
    memcpy(b->d, product.d + 6, DIGITS - 6);
    for (unsigned i = 0; rest; i++) {
        rest = b->d[i] == 9;
        b->d[i] = (unsigned char)(rest ? 0 : b->d[i] + 1);
    }
}

static int64_t big_to_money(const struct big *b, bool *saturated)
{
    uint64_t v = 0;
    for (unsigned i = DIGITS; i-- > 0;) {
        if (v > ((uint64_t)INT64_MAX - b->d[i]) / 10) {
            *saturated = true;
            return INT64_MAX;
        }
        v = v * 10 + b->d[i];
    }
    return (int64_t)v;
}

/* ---- the rules again ---- */

static int64_t first_of(const int64_t *rates, enum price_rate a, enum price_rate b)
{
    return rates[a] != PRICE_NONE ? rates[a] : rates[b];
}

static struct cost oracle(const struct price *p, const struct usage *u, const struct price_terms *terms)
{
    struct cost c = {0};
    int64_t r[PR_COUNT];
    memcpy(r, p->rates.p, sizeof r);
    unsigned __int128 prompt = (unsigned __int128)u->input + u->cache_read + u->cache_write + u->audio_in + u->image_in;
    for (int t = p->n_tiers - 1; t >= 0; t--) {
        if (prompt <= p->tiers[t].above)
            continue;
        for (int k = 0; k < PR_COUNT; k++)
            r[k] = p->tiers[t].rates.p[k] != PRICE_NONE ? p->tiers[t].rates.p[k] : r[k];
        c.flags |= COST_TIER;
        break;
    }
    bool found = terms->service == PRICE_STANDARD;
    for (int s = 0; s < p->n_services; s++) {
        if (p->services[s].service != terms->service)
            continue;
        found = true;
        for (int k = 0; k < PR_COUNT; k++) {
            int64_t over = p->services[s].rates.p[k];
            if (over != PRICE_NONE && ((c.flags & COST_TIER) == 0 || over > r[k]))
                r[k] = over;
        }
        if (c.flags & COST_TIER)
            c.flags |= COST_ASSUMED;
    }
    if (!found)
        c.flags |= COST_ASSUMED;

    const struct {
        uint64_t n;
        int64_t rate;
        bool assumed;
    } rows[] = {
        {u->input, r[PR_INPUT], false},
        {u->cache_read, first_of(r, PR_CACHE_READ, PR_INPUT), false},
        {u->cache_write, first_of(r, PR_CACHE_WRITE, PR_INPUT), false},
        {u->output, r[PR_OUTPUT], false},
        {u->reasoning, first_of(r, PR_REASONING, PR_OUTPUT), false},
        {u->audio_in, first_of(r, PR_INPUT_AUDIO, PR_INPUT), r[PR_INPUT_AUDIO] == PRICE_NONE},
        {u->audio_out, first_of(r, PR_OUTPUT_AUDIO, PR_OUTPUT), r[PR_OUTPUT_AUDIO] == PRICE_NONE},
        {u->image_in, first_of(r, PR_INPUT_IMAGE, PR_INPUT), r[PR_INPUT_IMAGE] == PRICE_NONE},
        {u->image_out, first_of(r, PR_OUTPUT_IMAGE, PR_OUTPUT), r[PR_OUTPUT_IMAGE] == PRICE_NONE},
        {u->video_out, first_of(r, PR_OUTPUT_VIDEO, PR_OUTPUT), r[PR_OUTPUT_VIDEO] == PRICE_NONE},
    };
    struct big sum;
    big_set(&sum, 0);
    bool any = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].n == 0)
            continue;
        any = true;
        if (rows[i].rate == PRICE_NONE) {
            c.flags |= COST_UNPRICED;
            continue;
        }
        if (rows[i].assumed)
            c.flags |= COST_ASSUMED;
        big_add_product(&sum, rows[i].n, (uint64_t)rows[i].rate);
    }
    for (int i = 0; i < p->n_regions; i++)
        if (sl_str_eq(terms->region, p->regions[i].name))
            big_scale(&sum, p->regions[i].ppm);
    bool saturated = false;
    c.cost_p = big_to_money(&sum, &saturated);
    if (saturated)
        c.flags |= COST_SATURATED;
    if (c.cost_p == 0 && any && (c.flags & COST_UNPRICED) == 0)
        c.flags |= COST_FREE;
    return c;
}

static int64_t any_rate(struct sl_rand *r)
{
    switch (sl_rand_below(r, 8)) {
    case 0:
        return 0;
    case 1:
        return PRICE_MAX;
    case 2:
    case 3:
        return PRICE_NONE;
    default:
        return (int64_t)sl_rand_below(r, 700000000);
    }
}

static void any_rates(struct sl_rand *r, struct price_rates *out)
{
    for (size_t i = 0; i < PR_COUNT; i++)
        out->p[i] = any_rate(r);
}

static uint64_t any_tokens(struct sl_rand *r)
{
    switch (sl_rand_below(r, 16)) {
    case 0:
        return UINT64_MAX;
    case 1:
        return sl_rand_next(r);
    case 2:
    case 3:
    case 4:
        return 0;
    default:
        return sl_rand_below(r, 2000000);
    }
}

static void test_against_oracle(void **state)
{
    (void)state;
    struct sl_rand r;
    unsigned tiers_hit = 0, unpriced = 0, saturated = 0, plain = 0;
    sl_rand_seed(&r, 424242);
    for (unsigned row = 0; row < 100000; row++) {
        struct price_tier tiers[3];
        struct price_service_rates services[2] = {{.service = PRICE_FLEX}, {.service = PRICE_PRIORITY}};
        struct price_region regions[2] = {{SL_STR("eu"), 1100000},
                                          {SL_STR("odd"), (uint32_t)(1 + sl_rand_below(&r, 10000000))}};
        struct price p;
        price_init(&p);
        any_rates(&r, &p.rates);
        for (size_t i = 0; i < 3; i++) {
            any_rates(&r, &tiers[i].rates);
            tiers[i].above = (i + 1) * 1000000;
        }
        any_rates(&r, &services[0].rates);
        any_rates(&r, &services[1].rates);
        p.tiers = tiers;
        p.n_tiers = (uint8_t)sl_rand_below(&r, 4);
        p.services = services;
        p.n_services = (uint8_t)sl_rand_below(&r, 3);
        p.regions = regions;
        p.n_regions = (uint8_t)sl_rand_below(&r, 3);
        struct price_terms terms = {.service = (enum price_service)sl_rand_below(&r, PRICE_SERVICE_COUNT)};
        terms.region = sl_rand_below(&r, 2) ? SL_STR_NONE : sl_rand_below(&r, 2) ? SL_STR("eu") : SL_STR("odd");
        struct usage u = {0};
        for (size_t c = 0; c < TOKEN_CLASS_COUNT; c++)
            u.by_class[c] = any_tokens(&r);

        struct cost got = price_of(&p, &u, &terms), want = oracle(&p, &u, &terms);
        if (got.cost_p != want.cost_p || got.flags != want.flags)
            fail_msg("row %u: %lld flags %x, oracle %lld flags %x", row, (long long)got.cost_p, got.flags,
                     (long long)want.cost_p, want.flags);
        tiers_hit += (got.flags & COST_TIER) != 0;
        unpriced += (got.flags & COST_UNPRICED) != 0;
        saturated += (got.flags & COST_SATURATED) != 0;
        plain += got.flags == 0;
    }
    /* The rows must have visited the corners, else the test says less than it seems to. */
    assert_true(tiers_hit > 10000 && unpriced > 10000 && saturated > 1000 && plain > 100);
}

/* ---- by hand ---- */

static struct price plain_price(int64_t in, int64_t out)
{
    struct price p;
    price_init(&p);
    p.rates.p[PR_INPUT] = in;
    p.rates.p[PR_OUTPUT] = out;
    return p;
}

static void test_worked_example(void **state)
{
    (void)state;
    /* 2.5 and 10 USD per million, cached at 1.25: 1000 in of which 600 cached, 200 out. */
    struct price p = plain_price(2500000, 10000000);
    p.rates.p[PR_CACHE_READ] = 1250000;
    struct usage u = {.input = 400, .cache_read = 600, .output = 150, .reasoning = 50};
    struct cost c = price_of(&p, &u, NULL);
    char text[MONEY_TEXT];
    money_text(c.cost_p, text);
    assert_string_equal(text, "0.00375"); /* 0.001 + 0.00075 + 0.002 */
    assert_int_equal(c.flags, 0);
}

static void test_unknown_price_is_not_free(void **state)
{
    (void)state;
    struct usage u = {.input = 1}, nothing = {0};
    struct cost c = price_of(NULL, &u, NULL);
    assert_int_equal(c.cost_p, 0);
    assert_int_equal(c.flags, COST_UNPRICED);
    assert_int_equal(price_of(NULL, &nothing, NULL).flags, 0);
    struct price empty;
    price_init(&empty);
    assert_int_equal(price_of(&empty, &u, NULL).flags, COST_UNPRICED);
    struct price half = plain_price(10, PRICE_NONE); /* the priced part is kept: a lower bound */
    u.output = 5;
    c = price_of(&half, &u, NULL);
    assert_int_equal(c.cost_p, 10);
    assert_int_equal(c.flags, COST_UNPRICED);
}

static void test_free_and_units(void **state)
{
    (void)state;
    struct usage u = {.input = 1000000}, nothing = {0};
    struct price p;
    price_init(&p);
    p.free = true;
    assert_int_equal(price_of(&p, &u, NULL).flags, COST_FREE);
    p = plain_price(0, 0); /* stated as 0 */
    assert_int_equal(price_of(&p, &u, NULL).flags, COST_FREE);
    p.has_units = true; /* 0 a token, but so much an image: not free */
    assert_int_equal(price_of(&p, &u, NULL).flags, COST_UNPRICED);
    assert_int_equal(price_of(&p, &nothing, NULL).flags, COST_UNPRICED);
}

static void test_units(void **state)
{
    (void)state;
    struct price p;
    price_init(&p);
    p.has_units = true;
    p.units.p[UU_SEARCHES] = 2000000000;   /* 0.002 USD */
    p.units.p[UU_AUDIO_MS_IN] = 283333334; /* a second */
    p.units.p[UU_CHARACTERS] = 15000000;
    struct usage u = {.searches = 3};
    struct cost c = price_of(&p, &u, NULL);
    assert_int_equal(c.cost_p, 6000000000);
    assert_int_equal(c.flags, 0);
    u = (struct usage){.audio_ms_in = 1};
    assert_int_equal(price_of(&p, &u, NULL).cost_p, 283334); /* 283333.334, rounded up */
    u.audio_ms_in = 90000;
    assert_int_equal(price_of(&p, &u, NULL).cost_p, INT64_C(25500000060));
    u = (struct usage){.pages = 1};
    assert_int_equal(price_of(&p, &u, NULL).flags, COST_UNPRICED);
    /* Counted in tokens, too: those are charged. Not so what has no tokens, or tokens without a price. */
    u = (struct usage){.characters = 10, .input = 4, .searches = 1};
    assert_int_equal(price_of(&p, &u, NULL).cost_p, INT64_C(2150000000));
    assert_int_equal(price_of(&p, &u, NULL).flags, COST_UNPRICED);
    p.rates.p[PR_INPUT] = 5;
    assert_int_equal(price_of(&p, &u, NULL).cost_p, INT64_C(2000000020));
    assert_int_equal(price_of(&p, &u, NULL).flags, 0);
    u = (struct usage){.characters = UINT64_MAX, .searches = UINT64_MAX, .audio_ms_in = UINT64_MAX};
    assert_int_equal(price_of(&p, &u, NULL).cost_p, MONEY_MAX);
    assert_int_equal(price_of(&p, &u, NULL).flags, COST_SATURATED);
}

static void test_rows(void **state)
{
    (void)state;
    static const struct price_row rows[] = {
        {PRICE_PER_IMAGE, {SL_STR_INIT("hd"), SL_STR_INIT("default"), {NULL, 0}, PRICE_ANY, PRICE_ANY}, 80},
        {PRICE_PER_IMAGE, {SL_STR_INIT("hd"), SL_STR_INIT("1024x1792"), {NULL, 0}, PRICE_ANY, PRICE_ANY}, 120},
        {PRICE_PER_IMAGE, {SL_STR_INIT("standard"), SL_STR_INIT("default"), {NULL, 0}, PRICE_ANY, PRICE_ANY}, 40},
        {PRICE_PER_SECOND, {{NULL, 0}, SL_STR_INIT("1280x720"), {NULL, 0}, PRICE_ANY, PRICE_ANY}, 1000},
        {PRICE_PER_VIDEO_TOKEN, {{NULL, 0}, {NULL, 0}, SL_STR_INIT("480p,720p"), PRICE_ANY, PRICE_NO}, 7},
        {PRICE_PER_VIDEO_TOKEN, {{NULL, 0}, {NULL, 0}, SL_STR_INIT("480p,720p"), PRICE_ANY, PRICE_YES}, 4},
    };
    static const struct {
        const char *quality, *size, *resolution;
        enum price_said given;
        struct usage u;
        int64_t cost;
        uint32_t flags;
    } cases[] = {
        {"hd", "1024x1792", "", PRICE_ANY, {.images_out = 2}, 240, 0},
        {"HD", "1024x1024", "", PRICE_ANY, {.images_out = 1}, 80, 0},
        {"standard", "", "", PRICE_ANY, {.images_out = 1}, 40, 0},
        {"", "", "", PRICE_ANY, {.images_out = 1}, 120, COST_ASSUMED}, /* the dearest */
        {"", "1280x720", "", PRICE_ANY, {.video_ms_out = 8500}, 8500, 0},
        {"", "", "720p", PRICE_NO, {.video_out = 10}, 70, 0},
        {"", "", "480P", PRICE_YES, {.video_out = 10}, 40, 0},
        {"", "", "1080p", PRICE_YES, {.video_out = 10}, 70, COST_ASSUMED},
    };
    struct price p;
    price_init(&p);
    p.has_units = true;
    p.rows = rows;
    p.n_rows = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct price_terms terms = {.shape = {.quality = sl_str_c(cases[i].quality),
                                                    .size = sl_str_c(cases[i].size),
                                                    .resolution = sl_str_c(cases[i].resolution),
                                                    .video_input = cases[i].given}};
        struct cost c = price_of(&p, &cases[i].u, &terms);
        assert_int_equal(c.cost_p, cases[i].cost);
        assert_int_equal(c.flags, cases[i].flags);
    }
    /* A price a piece beside rows of other shapes goes before a guess. */
    p.units.p[UU_IMAGES_OUT] = 55;
    assert_int_equal(price_of(&p, &(struct usage){.images_out = 1}, NULL).cost_p, 55);
}

/* What the shipped list says, in dollars of the vendors' pages. */
static void test_shipped_units(void **state)
{
    (void)state;
    static const struct {
        const char *vendor, *id, *quality, *size, *resolution;
        struct usage u;
        const char *usd;
    } cases[] = {
        {"openai", "dall-e-3", "hd", "1024x1792", "", {.images_out = 1}, "0.12"},
        {"openai", "gpt-image-2", "low", "", "", {.input = 1000, .image_out = 1000, .images_out = 1}, "0.035"},
        {"openai", "whisper-1", "", "", "", {.audio_ms_in = 60000}, "0.006"},
        {"openai", "tts-1-hd", "", "", "", {.characters = 1000}, "0.03"},
        {"cohere", "rerank-v3.5", "", "", "", {.searches = 1}, "0.002"},
        {"byteplus", "seedream-4-0-250828", "", "", "", {.images_out = 3}, "0.09"},
        {"byteplus", "seedream-5-0-pro-260628", "", "2K", "", {.images_out = 1}, "0.09"},
        {"byteplus", "seedream-5-0-pro-260628", "", "", "", {.images_out = 1, .images_in = 2}, "0.051"},
        {"volcengine", "doubao-seedance-2-0-260128", "", "", "1080p", {.video_out = 1000000}, "7.570134"},
        {"openai", "sora-2-pro", "", "1792x1024", "", {.video_ms_out = 4000}, "2"},
        {"gemini", "gemini-2.5-flash-image", "", "", "", {.images_out = 1}, "0.039"},
    };
    struct price_catalog *c = price_catalog_embedded();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t usd = 0;
        const struct price_terms terms = {.shape = {.quality = sl_str_c(cases[i].quality),
                                                    .size = sl_str_c(cases[i].size),
                                                    .resolution = sl_str_c(cases[i].resolution),
                                                    .video_input = PRICE_NO}};
        const struct price *p = price_lookup(c, sl_str_c(cases[i].vendor), sl_str_c(cases[i].id), NULL);
        assert_non_null(p);
        struct cost cost = price_of(p, &cases[i].u, &terms);
        assert_int_equal(money_parse_usd(sl_str_c(cases[i].usd), &usd), SL_OK);
        if (cost.cost_p != usd || (cost.flags & COST_UNPRICED) != 0)
            fail_msg("%s: %lld, flags %u", cases[i].id, (long long)cost.cost_p, cost.flags);
    }
    price_catalog_unref(c);
}

static void test_tier_borders(void **state)
{
    (void)state;
    struct price_tier tiers[] = {{.above = 100}, {.above = 200}};
    for (size_t k = 0; k < PR_COUNT; k++)
        tiers[0].rates.p[k] = tiers[1].rates.p[k] = PRICE_NONE;
    tiers[0].rates.p[PR_INPUT] = 2;
    tiers[1].rates.p[PR_INPUT] = 3;
    struct price p = plain_price(1, 7);
    p.tiers = tiers;
    p.n_tiers = 2;
    struct usage u = {.input = 100};
    assert_int_equal(price_of(&p, &u, NULL).cost_p, 100);
    u.input = 101;
    assert_int_equal(price_of(&p, &u, NULL).cost_p, 202);
    assert_int_equal(price_of(&p, &u, NULL).flags, COST_TIER);
    u.input = 200;
    assert_int_equal(price_of(&p, &u, NULL).cost_p, 400);
    u.input = 201;
    assert_int_equal(price_of(&p, &u, NULL).cost_p, 603);
    /* The whole prompt decides, cached parts included; what the tier does not name keeps its price. */
    u = (struct usage){.input = 1, .cache_read = 50, .cache_write = 50, .output = 10};
    assert_int_equal(price_of(&p, &u, NULL).cost_p, 2 + 100 + 100 + 70);
}

static void test_batch_rule(void **state)
{
    (void)state;
    struct price p = plain_price(3, 15);
    p.batch_ppm = 500000;
    struct usage u = {.input = 10, .output = 10};
    struct price_terms batch = {.service = PRICE_BATCH}, fast = {.service = PRICE_FAST};
    struct cost c = price_of(&p, &u, &batch);
    assert_int_equal(c.cost_p, 10 * 2 + 10 * 8); /* 1.5 and 7.5, each rounded up */
    assert_int_equal(c.flags, 0);
    c = price_of(&p, &u, &fast); /* nobody said what fast costs */
    assert_int_equal(c.cost_p, 180);
    assert_int_equal(c.flags, COST_ASSUMED);
}

static void test_service_names(void **state)
{
    (void)state;
    enum price_service s = PRICE_FAST;
    assert_true(price_service_of_name(SL_STR("default"), &s));
    assert_int_equal(s, PRICE_STANDARD);
    assert_true(price_service_of_name(SL_STR("priority"), &s));
    assert_int_equal(s, PRICE_PRIORITY);
    assert_false(price_service_of_name(SL_STR("Priority"), &s));
    assert_false(price_service_of_name(SL_STR(""), &s));
}

static void test_set_rate(void **state)
{
    (void)state;
    struct price p;
    struct sl_fail f = {0};
    price_init(&p);
    assert_int_equal(price_set_rate(&p, PR_INPUT, SL_STR("0.15"), &f), SL_OK);
    assert_int_equal(p.rates.p[PR_INPUT], 150000);
    assert_int_equal(price_set_rate(&p, PR_INPUT, SL_STR("-0.15"), &f), SL_EINVAL);
    assert_int_equal(price_set_rate(&p, PR_INPUT, SL_STR("1000000.1"), &f), SL_ELIMIT);
    assert_int_equal(price_set_rate(&p, PR_INPUT, SL_STR("0.0000001"), &f), SL_EINVAL);
    assert_int_equal(p.rates.p[PR_INPUT], 150000);
    assert_int_equal(price_set_rate(&p, PR_INPUT, SL_STR("1000000"), NULL), SL_OK);
    assert_true(p.rates.p[PR_INPUT] == PRICE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_oracle),
        cmocka_unit_test(test_worked_example),
        cmocka_unit_test(test_unknown_price_is_not_free),
        cmocka_unit_test(test_free_and_units),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_shipped_units),
        cmocka_unit_test(test_tier_borders),
        cmocka_unit_test(test_batch_rule),
        cmocka_unit_test(test_service_names),
        cmocka_unit_test(test_set_rate),
    };
    return cmocka_run_group_tests_name("ledger/price_of", tests, NULL, NULL);
}
