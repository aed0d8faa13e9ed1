/* The table of outcomes. */
#include "upstream/outcome.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void rows_are_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OUT_COUNT; i++) {
        const struct outcome_row *r = outcome_row((enum outcome)i);
        assert_true(r->name.n > 0);
        for (unsigned k = 0; k < i; k++)
            assert_false(sl_str_eq(r->name, outcome_row((enum outcome)k)->name));
    }
    assert_string_equal(outcome_row(OUT_TLS_FAILED)->name.p, "tls_failed");
    assert_int_equal(outcome_row(OUT_OK)->next, NEXT_NONE);
    assert_false(outcome_row(OUT_RATE_LIMITED)->counts);
    assert_true(outcome_row(OUT_SERVER_ERROR)->counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
