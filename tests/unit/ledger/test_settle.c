/* reserve and settle: what may it cost, what did it cost, for every way in which an attempt ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "ledger/money.h"
#include "ledger/reserve.h"
#include "ledger/settle.h"

static struct price price_1_10(void)
{
    struct price p;
    price_init(&p);
    p.rates.p[PR_INPUT] = 1;
    p.rates.p[PR_OUTPUT] = 10;
    return p;
}

static void test_reserve_bounds(void **state)
{
    (void)state;
    struct price p = price_1_10();
    struct reserve_facts f = {.price = &p, .input_tokens = 100, .max_output = 50};
    struct reservation r = reserve_estimate(&f);
    assert_int_equal(r.cost.cost_p, 100 + 500);
    assert_int_equal(r.usage.flags, USAGE_ESTIMATED);
    f.answers = 3;
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 100 + 1500);
    p.max_output = 20; /* the model cannot write more, whatever was asked */
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 100 + 600);
    f.answers = 0;
    f.max_output = 0; /* did not say: the model's own bound */
    assert_int_equal(reserve_estimate(&f).usage.output, 20);
    p.max_output = 0;
    assert_int_equal(reserve_estimate(&f).usage.output, RESERVE_OUTPUT_DEFAULT);
    f.no_output = true;
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 100);
}

static void test_reserve_takes_the_dearer_output(void **state)
{
    (void)state;
    struct price p = price_1_10();
    p.rates.p[PR_REASONING] = 30;
    struct reserve_facts f = {.price = &p, .max_output = 2};
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 60);
    p.rates.p[PR_REASONING] = 3;
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 20);
}

/* A long prompt may be written to the cache, whoever asks for that; a short one cannot. */
static void test_reserve_counts_cache_writes(void **state)
{
    (void)state;
    struct price p = price_1_10();
    struct reserve_facts f = {.price = &p, .input_tokens = 2000, .max_output = 1};
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 2000 + 10); /* writing costs nothing of its own */
    p.rates.p[PR_CACHE_WRITE] = 2;
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 4000 + 10);
    const struct reservation held = reserve_estimate(&f);
    struct settle_facts over = {.price = &p, .reservation = &held, .sent = true, .end = SETTLE_CUT, .output_seen = 1};
    assert_int_equal(settle_attempt(&over).usage.input, 2000); /* nobody counted: what was reserved */
    over.input_seen = 1900;
    assert_int_equal(settle_attempt(&over).cost.cost_p, 1900 + 10);
    f.input_tokens = RESERVE_CACHED_LEAST - 1;
    assert_int_equal(reserve_estimate(&f).cost.cost_p, RESERVE_CACHED_LEAST - 1 + 10);
}

static void test_reserve_units(void **state)
{
    (void)state;
    struct price p = price_1_10();
    struct usage expected = {.images_out = 3, .input = 99};
    struct reserve_facts f = {.price = &p, .input_tokens = 100, .no_output = true, .expected = &expected};
    /* Priced by tokens alone: as many as the largest image has. */
    assert_int_equal(reserve_estimate(&f).cost.cost_p, 100 + 3 * 10 * (int64_t)RESERVE_IMAGE_TOKENS);
    p.units.p[UU_IMAGES_OUT] = 5000;
    struct reservation r = reserve_estimate(&f);
    assert_int_equal(r.cost.cost_p, 100 + 3 * 5000);
    assert_true(r.usage.images_out == 3 && r.usage.input == 100 && r.usage.image_out == 0);

    /* What nobody reports is as it was reserved; what is refused is not paid. */
    struct settle_facts s = {.price = &p, .reservation = &r, .sent = true};
    struct settlement done = settle_attempt(&s);
    assert_int_equal(done.cost.cost_p, r.cost.cost_p);
    assert_true(done.usage.images_out == 3 && (done.usage.flags & USAGE_ESTIMATED) != 0);
    s.has_usage = true;
    s.usage = (struct usage){.images_out = 2, .flags = USAGE_REPORTED};
    assert_int_equal(settle_attempt(&s).cost.cost_p, 2 * 5000);
    s.has_usage = false;
    s.end = SETTLE_REFUSED;
    assert_int_equal(settle_attempt(&s).usage.images_out, 0);

    expected.images_out = UINT64_MAX;
    p.units.p[UU_IMAGES_OUT] = PRICE_UNIT_MAX;
    assert_int_equal(reserve_estimate(&f).cost.cost_p, MONEY_MAX);
}

static void test_reserve_hostile_sizes(void **state)
{
    (void)state;
    struct price p = price_1_10();
    p.rates.p[PR_OUTPUT] = PRICE_MAX;
    p.max_output = UINT64_MAX;
    struct reserve_facts f = {.price = &p, .input_tokens = UINT64_MAX, .max_output = UINT64_MAX, .answers = UINT64_MAX};
    struct reservation r = reserve_estimate(&f);
    assert_true(r.usage.input == USAGE_TOKENS_MAX && r.usage.output == USAGE_TOKENS_MAX);
    assert_true(r.cost.cost_p == MONEY_MAX);
    assert_int_equal(r.cost.flags, COST_SATURATED);
    f.price = NULL;
    assert_int_equal(reserve_estimate(&f).cost.flags, COST_UNPRICED);
}

struct world {
    struct price price;
    struct reservation reservation;
    struct settle_facts facts;
};

static void make_world(struct world *w)
{
    w->price = price_1_10();
    struct reserve_facts f = {.price = &w->price, .input_tokens = 100, .max_output = 50};
    w->reservation = reserve_estimate(&f);
    w->facts = (struct settle_facts){.price = &w->price, .reservation = &w->reservation, .sent = true};
}

static void test_settle_reported(void **state)
{
    (void)state;
    struct world w;
    make_world(&w);
    w.facts.has_usage = true;
    w.facts.usage = usage_from_openai(&(struct usage_openai){.prompt = 90, .completion = 7});
    w.facts.output_seen = 9999; /* their count, not ours */
    struct settlement s = settle_attempt(&w.facts);
    assert_true(s.billed);
    assert_int_equal(s.cost.cost_p, 90 + 70);
    assert_int_equal(s.bound_p, 160);
    assert_int_equal(s.usage.flags, USAGE_REPORTED);
    w.facts.end = SETTLE_CUT; /* the report came and the end did not */
    s = settle_attempt(&w.facts);
    assert_int_equal(s.cost.cost_p, 160);
    assert_int_equal(s.usage.flags, USAGE_REPORTED | USAGE_PARTIAL);
    w.facts.report_is_early = true; /* it came before the output did */
    w.facts.output_seen = 30;
    s = settle_attempt(&w.facts);
    assert_int_equal(s.usage.output, 30);
    assert_int_equal(s.usage.input, 90);
    assert_int_equal(s.usage.flags, USAGE_REPORTED | USAGE_ESTIMATED | USAGE_PARTIAL);
    w.facts.output_seen = 3;
    s = settle_attempt(&w.facts);
    assert_int_equal(s.usage.output, 7);
    assert_int_equal(s.usage.flags, USAGE_REPORTED | USAGE_PARTIAL);
    w.facts.report_is_early = false;
    w.facts.end = SETTLE_REFUSED; /* an error that says what it cost is billed */
    assert_true(settle_attempt(&w.facts).billed);
}

static void test_settle_without_report(void **state)
{
    (void)state;
    struct world w;
    make_world(&w);
    w.facts.output_seen = 5;
    struct settlement s = settle_attempt(&w.facts);
    assert_true(s.billed);
    assert_int_equal(s.cost.cost_p, 100 + 50);
    assert_int_equal(s.bound_p, 600);
    assert_int_equal(s.usage.flags, USAGE_ESTIMATED);
    w.facts.end = SETTLE_CUT;
    s = settle_attempt(&w.facts);
    assert_int_equal(s.cost.cost_p, 150);
    assert_int_equal(s.usage.flags, USAGE_ESTIMATED | USAGE_PARTIAL);
    w.facts.output_seen = 0; /* sent, and not a byte came back: the prompt may have been billed */
    s = settle_attempt(&w.facts);
    assert_int_equal(s.cost.cost_p, 100);
    assert_int_equal(s.bound_p, 600);
    w.facts.output_seen = 1000; /* more than was reserved */
    s = settle_attempt(&w.facts);
    assert_int_equal(s.bound_p, 100 + 10000);
}

static void test_settle_not_billed(void **state)
{
    (void)state;
    struct world w;
    make_world(&w);
    w.facts.end = SETTLE_REFUSED;
    struct settlement s = settle_attempt(&w.facts);
    assert_false(s.billed);
    assert_int_equal(s.cost.cost_p, 0);
    assert_int_equal(usage_total(&s.usage), 0);
    make_world(&w);
    w.facts.sent = false;
    w.facts.end = SETTLE_CUT;
    s = settle_attempt(&w.facts);
    assert_false(s.billed);
    assert_int_equal(s.bound_p, 0);
    assert_int_equal(s.cost.flags, 0);
}

static void test_settle_disbelieves(void **state)
{
    (void)state;
    struct world w;
    make_world(&w);
    w.facts.has_usage = true;
    w.facts.usage = usage_from_openai(&(struct usage_openai){.prompt = UINT64_MAX});
    w.facts.output_seen = 1;
    struct settlement s = settle_attempt(&w.facts);
    assert_int_equal(s.cost.cost_p, 110);
    assert_int_equal(s.usage.flags, USAGE_ESTIMATED | USAGE_IMPLAUSIBLE | USAGE_INCONSISTENT);
    w.facts.price = NULL;
    assert_int_equal(settle_attempt(&w.facts).cost.flags, COST_UNPRICED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserve_bounds),
        cmocka_unit_test(test_reserve_takes_the_dearer_output),
        cmocka_unit_test(test_reserve_counts_cache_writes),
        cmocka_unit_test(test_reserve_units),
        cmocka_unit_test(test_reserve_hostile_sizes),
        cmocka_unit_test(test_settle_reported),
        cmocka_unit_test(test_settle_without_report),
        cmocka_unit_test(test_settle_not_billed),
        cmocka_unit_test(test_settle_disbelieves),
    };
    return cmocka_run_group_tests_name("ledger/settle", tests, NULL, NULL);
}
