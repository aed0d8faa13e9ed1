/* The ceiling on live exchanges. */
#include "limit/admit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

static void places_are_taken_and_given_back(void **state)
{
    (void)state;
    struct limit_gate g;
    limit_gate_init(&g, 2);
    assert_int_equal(limit_admit(&g, 0, 1).verdict, LIMIT_GO);
    assert_int_equal(limit_admit(&g, 0, 1).verdict, LIMIT_GO);
    struct limit_result r = limit_admit(&g, 0, 1);
    assert_int_equal(r.verdict, LIMIT_REFUSE);
    assert_non_null(r.why);
    assert_int_equal(limit_live(&g), 2);
    assert_int_equal(atomic_load(&g.refused), 1);
    limit_leave(&g);
    assert_int_equal(limit_admit(&g, 0, 1).verdict, LIMIT_GO);
    limit_leave(&g);
    limit_leave(&g);
    assert_int_equal(limit_live(&g), 0);
}

static void no_ceiling(void **state)
{
    (void)state;
    struct limit_gate g;
    limit_gate_init(&g, 0);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(limit_admit(&g, 0, 0).verdict, LIMIT_GO);
    assert_int_equal(limit_live(&g), 100000);
}

static void a_lower_ceiling_holds_for_those_to_come(void **state)
{
    (void)state;
    struct limit_gate g;
    limit_gate_init(&g, 3);
    for (int i = 0; i < 3; i++)
        limit_admit(&g, 0, 0);
    limit_gate_set(&g, 1);
    limit_leave(&g);
    assert_int_equal(limit_admit(&g, 0, 0).verdict, LIMIT_REFUSE);
    limit_leave(&g);
    limit_leave(&g);
    assert_int_equal(limit_admit(&g, 0, 0).verdict, LIMIT_GO);
}

static void hints_are_spread_and_bounded(void **state)
{
    (void)state;
    struct limit_gate g;
    limit_gate_init(&g, 1);
    limit_admit(&g, 0, 0);
    static const int64_t typical[] = {0, -5, SL_MS, SL_SEC, 7 * SL_SEC, 3600 * SL_SEC, INT64_MAX};
    for (size_t i = 0; i < sizeof typical / sizeof typical[0]; i++) {
        for (uint64_t seed = 1; seed != 0; seed <<= 7) {
            struct limit_result r = limit_admit(&g, typical[i], seed);
            assert_int_equal(r.verdict, LIMIT_REFUSE);
            assert_true(r.retry_after_ns >= SL_SEC && r.retry_after_ns < 75 * SL_SEC);
        }
    }
    static const struct {
        uint32_t live, waiting;
        int64_t took_ns, want_ns;
    } rows[] = {{1, 0, 10 * SL_SEC, 10 * SL_SEC},   {10, 0, 10 * SL_SEC, SL_SEC},
                {10, 19, 10 * SL_SEC, 20 * SL_SEC}, {4, 99, SL_SEC, 25 * SL_SEC},
                {100, 0, 10 * SL_SEC, SL_SEC},      {0, 5, SL_SEC, 6 * SL_SEC},
                {1, 1000, SL_SEC, 60 * SL_SEC},     {1, UINT32_MAX, INT64_MAX, 60 * SL_SEC}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        atomic_store(&g.live, rows[i].live);
        atomic_store(&g.waiting, rows[i].waiting);
        assert_int_equal(limit_hint_ns(&g, rows[i].took_ns, 0), rows[i].want_ns);
        int64_t spread = limit_hint_ns(&g, rows[i].took_ns, UINT64_MAX);
        assert_true(spread >= rows[i].want_ns && spread < rows[i].want_ns + rows[i].want_ns / 4);
    }
    atomic_store(&g.live, 1);
    atomic_store(&g.waiting, 0);
    int64_t a = limit_admit(&g, SL_SEC, 1).retry_after_ns, b = limit_admit(&g, SL_SEC, 500000000).retry_after_ns;
    assert_int_not_equal(a, b);
}

/* Above the ceiling nobody new goes, but one alone always does: what waits would else wait for itself. */
static void memory(void **state)
{
    (void)state;
    struct limit_gate g;
    limit_gate_init(&g, 0);
    assert_true(limit_has_room(&g, UINT64_MAX));
    limit_gate_set_bytes(&g, 1000);
    limit_bytes(&g, 600);
    assert_true(limit_has_room(&g, 400));
    assert_false(limit_has_room(&g, 401));
    assert_false(limit_has_room(&g, UINT64_MAX));
    limit_bytes(&g, 600);
    assert_true(limit_try(&g)); /* alone */
    assert_false(limit_try(&g));
    struct limit_result r = limit_admit(&g, 0, 1);
    assert_int_equal(r.verdict, LIMIT_REFUSE);
    assert_non_null(strstr(r.why, "bytes"));
    limit_bytes(&g, -300);
    assert_true(limit_try(&g));
    limit_gate_set_bytes(&g, 0);
    assert_true(limit_has_room(&g, UINT64_MAX));
    limit_bytes(&g, -900);
    assert_int_equal(atomic_load(&g.bytes), 0);
}

static int64_t second(struct limit_gate *g, int64_t now, unsigned late)
{
    for (unsigned i = 0; i < 10; i++)
        limit_tick(g, i < late ? LIMIT_LATE_NS : LIMIT_LATE_NS - 1, now += LIMIT_TICK_NS);
    return now;
}

/* A healthy run has all its places; a late one loses a tenth a second down to the least, and gets them back while they are used. */
static void adapts(void **state)
{
    (void)state;
    struct limit_gate g;
    int64_t now = 1000 * SL_SEC;
    limit_gate_init(&g, 500);
    for (unsigned i = 0; i < 400; i++)
        limit_admit(&g, 0, 0);
    for (unsigned i = 0; i < 50; i++)
        now = second(&g, now, i % 3); /* one tick late now and then is nothing */
    assert_int_equal(atomic_load(&g.adapted), 0);
    now = second(&g, now, 8);
    now = second(&g, now, 0);
    assert_in_range(atomic_load(&g.adapted), 340, 400);
    assert_int_equal(limit_admit(&g, 0, 0).verdict, LIMIT_REFUSE);
    for (unsigned i = 0; i < 60; i++) {
        while (limit_live(&g) > atomic_load(&g.adapted))
            limit_leave(&g);
        now = second(&g, now, 10);
    }
    assert_int_equal(atomic_load(&g.adapted), 16);
    while (limit_live(&g) > 8)
        limit_leave(&g);
    for (unsigned i = 0; i < 50; i++)
        now = second(&g, now, 0); /* half are in use: no reason for more */
    assert_int_equal(atomic_load(&g.adapted), 16);
    unsigned seconds = 0;
    for (; atomic_load(&g.adapted) < 500 && seconds < 300; seconds++) {
        while (limit_admit(&g, 0, 0).verdict == LIMIT_GO)
            ;
        now = second(&g, now, 0);
    }
    assert_in_range(seconds, 20, 60);
    while (limit_admit(&g, 0, 0).verdict == LIMIT_GO)
        ;
    assert_int_equal(limit_live(&g), 500); /* never above what was set */
    limit_tick_off(&g);
    assert_int_equal(atomic_load(&g.adapted), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_taken_and_given_back),
        cmocka_unit_test(no_ceiling),
        cmocka_unit_test(a_lower_ceiling_holds_for_those_to_come),
        cmocka_unit_test(hints_are_spread_and_bounded),
        cmocka_unit_test(memory),
        cmocka_unit_test(adapts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
