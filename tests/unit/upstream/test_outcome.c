/* The table of outcomes, and health. */
#include "upstream/outcome.h"

#include "base/arena.h"
#include "base/clock.h"
#include "upstream/health.h"

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
        assert_in_range(r->client_status, 200, 599);
        for (unsigned k = 0; k < i; k++)
            assert_false(sl_str_eq(r->name, outcome_row((enum outcome)k)->name));
    }
    assert_string_equal(outcome_row(OUT_TLS_FAILED)->name.p, "tls_failed");
    assert_int_equal(outcome_row(OUT_OK)->next, NEXT_NONE);
    assert_false(outcome_row(OUT_RATE_LIMITED)->counts);
    assert_true(outcome_row(OUT_SERVER_ERROR)->counts);
}

static void health(void **state)
{
    (void)state;
    struct health h = {0};
    health_note(&h, OUT_OK, 8000, 1);
    assert_int_equal(h.first_byte_us, 8000);
    health_note(&h, OUT_OK, 16000, 2);
    assert_int_equal(h.first_byte_us, 9000);
    health_note(&h, OUT_OK, 1000, 2);
    assert_int_equal(h.first_byte_us, 8000);
    health_note(&h, OUT_OK, -1, 2);
    assert_int_equal(h.first_byte_us, 8000);
    assert_int_equal(h.good, 4);
    health_note(&h, OUT_SERVER_ERROR, 10, 77);
    health_note(&h, OUT_CONNECT_TIMEOUT, -1, 78);
    assert_int_equal(h.bad, 2);
    assert_int_equal(h.bad_in_a_row, 2);
    assert_int_equal(h.last_bad_ns, 78);
    health_note(&h, OUT_CLIENT_GONE, 10, 79); /* says nothing about the target */
    health_note(&h, OUT_RATE_LIMITED, 10, 79);
    assert_int_equal(h.bad, 2);
    assert_int_equal(h.bad_in_a_row, 2);
    assert_true(health_allows(&h, 80));
    health_note(&h, OUT_OK, 10, 81);
    assert_int_equal(h.bad_in_a_row, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
