/* Histogram and fixed-point text. */
#include "telemetry/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "telemetry/fixed.h"

/* The definition, by walking the bounds. */
static unsigned index_by_search(uint64_t ns)
{
    unsigned low = 0, high = TEL_HIST_BUCKETS - 1;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (ns <= tel_hist_upper(mid))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void test_bounds_rise_without_gaps(void **state)
{
    (void)state;
    assert_int_equal(tel_hist_upper(0), 1000);
    for (unsigned i = 1; i < TEL_HIST_BUCKETS; i++) {
        uint64_t low = tel_hist_upper(i - 1), high = tel_hist_upper(i);
        assert_true(high > low);
        if (i + 1 < TEL_HIST_BUCKETS)
            assert_true((high - low) * 10 <= low); /* never wider than a tenth */
        assert_int_equal(tel_hist_index(low), i - 1);
        assert_int_equal(tel_hist_index(low + 1), i);
    }
    assert_true(tel_hist_upper(TEL_HIST_BUCKETS - 2) == UINT64_C(1000000000000));
    assert_true(tel_hist_upper(TEL_HIST_BUCKETS - 1) == UINT64_MAX);
}

static void test_index_of_every_size(void **state)
{
    (void)state;
    struct sl_rand r;
    sl_rand_seed(&r, 3);
    for (uint64_t v = 0; v < 20000; v++)
        assert_int_equal(tel_hist_index(v), index_by_search(v));
    for (unsigned i = 0; i < 300000; i++) {
        uint64_t v = sl_rand_next(&r) >> sl_rand_below(&r, 64);
        assert_int_equal(tel_hist_index(v), index_by_search(v));
    }
    assert_int_equal(tel_hist_index(UINT64_MAX), TEL_HIST_BUCKETS - 1);
}

static void test_two_digit_bounds_are_exact(void **state)
{
    (void)state;
    struct tel_hist *h = SL_NEW(struct tel_hist);
    struct tel_hist_sum *s = SL_NEW(struct tel_hist_sum);
    tel_hist_record(h, 250000000);
    tel_hist_record(h, 250000001);
    tel_hist_record(h, 0);
    tel_hist_record(h, -5);
    tel_hist_record(h, INT64_MAX);
    tel_hist_sum_add(s, h);
    assert_int_equal(s->count, 5);
    assert_int_equal(tel_hist_at_most(s, 249999999), 2);
    assert_int_equal(tel_hist_at_most(s, 250000000), 3);
    assert_int_equal(tel_hist_at_most(s, 260000000), 4);
    assert_int_equal(tel_hist_at_most(s, UINT64_C(1000000000000)), 4);
    assert_int_equal(tel_hist_at_most(s, UINT64_MAX), 5);
    assert_true(s->sum_ns == (uint64_t)INT64_MAX + 500000001);
    tel_hist_record(h, INT64_MAX);
    tel_hist_record(h, INT64_MAX); /* the sum saturates, the counts go on */
    memset(s, 0, sizeof *s);
    tel_hist_sum_add(s, h);
    assert_true(s->sum_ns == UINT64_MAX);
    assert_int_equal(s->count, 7);
    tel_hist_sum_add(s, h);
    assert_true(s->sum_ns == UINT64_MAX);
    sl_free(h);
    sl_free(s);
}

static void test_quantiles(void **state)
{
    (void)state;
    struct tel_hist *h = SL_NEW(struct tel_hist);
    struct tel_hist_sum *s = SL_NEW(struct tel_hist_sum);
    assert_int_equal(tel_hist_quantile(s, 500000), 0);
    for (int64_t ms = 1; ms <= 100; ms++)
        tel_hist_record(h, ms * 1000000);
    tel_hist_sum_add(s, h);
    assert_int_equal(tel_hist_quantile(s, 500000), 50000000);
    assert_int_equal(tel_hist_quantile(s, 990000), 99000000);
    assert_int_equal(tel_hist_quantile(s, 1000000), 100000000);
    assert_int_equal(tel_hist_quantile(s, 0), 1000000);
    sl_free(h);
    sl_free(s);
}

static void test_fixed_text(void **state)
{
    (void)state;
    static const struct {
        uint64_t v;
        unsigned decimals;
        const char *text;
    } rows[] = {
        {0, 0, "0"},
        {0, 9, "0"},
        {7, 0, "7"},
        {1500, 3, "1.5"},
        {1000, 3, "1"},
        {1, 9, "0.000000001"},
        {100000, 9, "0.0001"},
        {10, 1, "1"},
        {UINT64_MAX, 0, "18446744073709551615"},
        {UINT64_MAX, 18, "18.446744073709551615"},
        {1000000000000, 9, "1000"},
    };
    char text[TEL_FIXED_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(tel_fixed_text(rows[i].v, rows[i].decimals, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
    tel_fixed_text((unsigned __int128)UINT64_C(10000000000000000000) * 10, 0, text); /* zeros in the lower half */
    assert_string_equal(text, "100000000000000000000");
    tel_fixed_text(~(unsigned __int128)0, 18, text);
    assert_string_equal(text, "340282366920938463463.374607431768211455");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_rise_without_gaps),
        cmocka_unit_test(test_index_of_every_size),
        cmocka_unit_test(test_two_digit_bounds_are_exact),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_fixed_text),
    };
    return cmocka_run_group_tests_name("telemetry/histogram", tests, NULL, NULL);
}
