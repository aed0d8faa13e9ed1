/* money: exact decimals in, exact decimals out, nothing wraps. */
#include "ledger/money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "base/rand.h"

static void test_parse_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned exponent;
        enum sl_err e;
        int64_t p;
    } rows[] = {
        {"0.15", 6, SL_OK, 150000},
        {"2.5", 6, SL_OK, 2500000},
        {"600", 6, SL_OK, 600000000},
        {"0", 12, SL_OK, 0},
        {"0.0", 12, SL_OK, 0},
        {"0e9", 12, SL_OK, 0},
        {"0.000001", 6, SL_OK, 1},
        {"0.0000010", 6, SL_OK, 1},
        {"1e-6", 6, SL_OK, 1},
        {"1E-6", 6, SL_OK, 1},
        {"1.5e+2", 0, SL_OK, 150},
        {"10e-1", 0, SL_OK, 1},
        {"0.0000001", 6, SL_EINVAL, 0}, /* a tenth of the unit: not rounded */
        {"0.1500001", 6, SL_EINVAL, 0},
        {"1e-7", 6, SL_EINVAL, 0},
        {"9223372.036854775807", 12, SL_OK, INT64_MAX},
        {"9223372.036854775808", 12, SL_ELIMIT, 0},
        {"9223373", 12, SL_ELIMIT, 0},
        {"1e30", 0, SL_ELIMIT, 0},
        {"1e64", 6, SL_ELIMIT, 0},
        {"1e65", 6, SL_ELIMIT, 0},
        {"1e99999999999999999999", 6, SL_EINVAL, 0}, /* an exponent that does not even fit 64 bits */
        {"1e-65", 6, SL_ELIMIT, 0},
        {"0e65", 6, SL_ELIMIT, 0},
        {"340282366920938463463374607431768211456", 0, SL_ELIMIT, 0}, /* 2^128 */
        {"34028236692093846346337460743176821145600000000000000000000000", 0, SL_ELIMIT, 0},
        {"00000000000000000000000000000000000000000000000000000000000000001", 0, SL_ELIMIT, 0},
        {"", 6, SL_EINVAL, 0},
        {"-1", 6, SL_EINVAL, 0},
        {"-0", 6, SL_EINVAL, 0},
        {"+1", 6, SL_EINVAL, 0},
        {"01", 6, SL_EINVAL, 0},
        {"00", 6, SL_EINVAL, 0},
        {".5", 6, SL_EINVAL, 0},
        {"5.", 6, SL_EINVAL, 0},
        {"1e", 6, SL_EINVAL, 0},
        {"1e+", 6, SL_EINVAL, 0},
        {"1e--1", 6, SL_EINVAL, 0},
        {"1e1.5", 6, SL_EINVAL, 0},
        {"1 ", 6, SL_EINVAL, 0},
        {" 1", 6, SL_EINVAL, 0},
        {"1,5", 6, SL_EINVAL, 0},
        {"0x10", 6, SL_EINVAL, 0},
        {"NaN", 6, SL_EINVAL, 0},
        {"Infinity", 6, SL_EINVAL, 0},
        {"1.2.3", 6, SL_EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t p = -77;
        enum sl_err e = money_parse(sl_str_c(rows[i].text), rows[i].exponent, &p);
        if (e != rows[i].e || p != (e == SL_OK ? rows[i].p : -77))
            fail_msg("'%s': %d, %lld", rows[i].text, (int)e, (long long)p);
    }
}

static void test_per_mtok(void **state)
{
    (void)state;
    int64_t p = 0;
    assert_int_equal(money_parse_usd_per_mtok(SL_STR("0.15"), &p), SL_OK);
    assert_int_equal(p, 150000); /* 0.15e-6 USD a token */
    assert_int_equal(money_parse_usd(SL_STR("0.15"), &p), SL_OK);
    assert_true(p == INT64_C(150000000000));
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        int64_t p;
        const char *text;
    } rows[] = {
        {0, "0"},
        {1, "0.000000000001"},
        {150000000, "0.00015"},
        {MONEY_PER_USD, "1"},
        {12 * MONEY_PER_USD, "12"},
        {1234567890123, "1.234567890123"},
        {100000000000, "0.1"},
        {INT64_MAX, "9223372.036854775807"},
        {-5, "0"},
    };
    char text[MONEY_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = money_text(rows[i].p, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(n, strlen(text));
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    struct sl_rand r;
    sl_rand_seed(&r, 7);
    for (unsigned i = 0; i < 100000; i++) {
        int64_t p = (int64_t)(sl_rand_next(&r) >> (1 + sl_rand_below(&r, 62))), back = -1;
        char text[MONEY_TEXT];
        size_t n = money_text(p, text);
        assert_int_equal(money_parse_usd(sl_str_of(text, n), &back), SL_OK);
        assert_true(p == back);
    }
}

static void test_add(void **state)
{
    (void)state;
    bool saturated = false;
    assert_int_equal(money_add(2, 3, &saturated), 5);
    assert_true(money_add(MONEY_MAX - 1, 1, &saturated) == MONEY_MAX);
    assert_false(saturated);
    assert_true(money_add(MONEY_MAX, 1, &saturated) == MONEY_MAX);
    assert_true(saturated);
    saturated = false;
    assert_int_equal(money_add(-1, 5, &saturated), 5);
    assert_true(saturated);
    assert_true(money_add(MONEY_MAX, MONEY_MAX, NULL) == MONEY_MAX);
}

static void test_sums(void **state)
{
    (void)state;
    struct money_sum s = {.p = 10 * (unsigned __int128)MONEY_MAX};
    char text[MONEY_TEXT];
    money_sum_text(&s, text);
    assert_string_equal(text, "92233720.36854775807");
    s.p = ~(unsigned __int128)0;
    money_sum_text(&s, text);
    assert_string_equal(text, "340282366920938463463374607.431768211455");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_table), cmocka_unit_test(test_per_mtok), cmocka_unit_test(test_text),
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_add),      cmocka_unit_test(test_sums),
    };
    return cmocka_run_group_tests_name("ledger/money", tests, NULL, NULL);
}
