/* When a second target is worth asking. Time is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "upstream/hedge.h"

#define T0 (1000 * SL_SEC)

static void test_delay(void **state)
{
    (void)state;
    assert_int_equal(hedge_delay_ns(200000, 700000, 2000000, 500), 700 * SL_MS);
    assert_int_equal(hedge_delay_ns(20000, 30000, 60000, 500), 300 * SL_MS); /* the least */
    assert_int_equal(hedge_delay_ns(200000, 700000, 599999, 500), 0);        /* a light tail */
    assert_int_equal(hedge_delay_ns(200000, 700000, 2000000, 199), 0);       /* too few */
    assert_int_equal(hedge_delay_ns(0, 0, 0, 500), 0);
    assert_int_equal(hedge_delay_ns(UINT32_MAX, UINT32_MAX, UINT32_MAX, 500), 0);
}

/* One in twenty, and at most twenty saved up. */
static void test_budget(void **state)
{
    (void)state;
    struct hedge_gate g = {0};
    int64_t now = T0;
    unsigned hedges = 0;
    assert_false(hedge_gate_late(&g, now));
    for (unsigned i = 0; i < 20000; i++, now += 10 * SL_MS) {
        hedge_gate_begin(&g, now);
        if (i % 10 == 9 && hedge_gate_late(&g, now)) { /* a tenth of them is late */
            hedges++;
            hedge_gate_end(&g, true);
        }
    }
    assert_in_range(hedges, 980, 1000);
    for (unsigned i = 0; i < 1000; i++)
        hedge_gate_begin(&g, now);
    for (hedges = 0; hedge_gate_late(&g, now); hedges++)
        continue;
    assert_int_equal(hedges, 20);
}

/* What could not be asked costs nothing, and more than all is never saved up. */
static void test_back(void **state)
{
    (void)state;
    struct hedge_gate g = {0};
    for (unsigned i = 0; i < 400; i++)
        hedge_gate_begin(&g, T0);
    for (unsigned i = 0; i < 90; i++) {
        assert_true(hedge_gate_late(&g, T0));
        hedge_gate_back(&g);
    }
    assert_int_equal(g.tokens, 400);
    assert_int_equal(g.ended, 0);
    hedge_gate_back(&g);
    assert_int_equal(g.tokens, 400);
}

/* A quarter is late: that is no straggler. A few of few are no incident. */
static void test_incident(void **state)
{
    (void)state;
    struct hedge_gate g = {0};
    for (unsigned i = 0; i < 100; i++)
        hedge_gate_begin(&g, T0);
    g.tokens = 1000;
    for (unsigned i = 0; i < 24; i++)
        assert_true(hedge_gate_late(&g, T0));
    assert_false(hedge_gate_late(&g, T0));              /* the 25th of 100 */
    assert_true(hedge_gate_late(&g, T0 + 11 * SL_SEC)); /* all that is forgotten; this one is alone */
}

/* Hedges that do not help are not made, but for one a minute that finds out. */
static void test_seldom_win(void **state)
{
    (void)state;
    struct hedge_gate g = {0};
    unsigned made = 0;
    int64_t now = T0;
    for (unsigned i = 0; i < 20; i++)
        hedge_gate_end(&g, i == 0);
    for (unsigned i = 0; i < 12000; i++, now += 50 * SL_MS) { /* ten minutes */
        hedge_gate_begin(&g, now);
        if (i % 40 == 0 && hedge_gate_late(&g, now)) {
            made++;
            hedge_gate_end(&g, false);
        }
    }
    assert_in_range(made, 9, 11);
    for (unsigned i = 0; i < 20; i++)
        hedge_gate_end(&g, true);
    assert_true(hedge_gate_late(&g, now));
    hedge_gate_end(&g, true);
    hedge_gate_begin(&g, now);
    assert_true(hedge_gate_late(&g, now + SL_SEC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),    cmocka_unit_test(test_budget),     cmocka_unit_test(test_back),
        cmocka_unit_test(test_incident), cmocka_unit_test(test_seldom_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
