/* The limit of a server whose time grows with what it has: found, followed, and never against one that is well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "upstream/gradient.h"

/* A server that answers `slots` at a time in 100 ms each: what is beyond waits. */
static int64_t first_us(uint32_t in_flight, uint32_t slots)
{
    return in_flight <= slots ? 100000 : (int64_t)100000 * in_flight / slots;
}

/* As many as may be are sent, for so many seconds. */
static void run(struct gradient *g, uint32_t slots, uint32_t wanted, unsigned seconds, int64_t *now)
{
    for (unsigned i = 0; i < seconds * 50; i++, *now += 20 * SL_MS) {
        uint32_t in_flight = gradient_limit(g) < wanted ? gradient_limit(g) : wanted;
        gradient_add(g, first_us(in_flight, slots), in_flight, *now);
    }
}

static void test_finds_it(void **state)
{
    (void)state;
    struct gradient g = {0};
    int64_t now = 1000 * SL_SEC;
    run(&g, 64, 10000, 120, &now);
    assert_in_range(gradient_limit(&g), 64, 400); /* all slots are used, and the queue there stays short */
    run(&g, 8, 10000, 20, &now);                  /* it lost most of its slots */
    assert_in_range(gradient_limit(&g), GRADIENT_LEAST, 64);
}

/* What is well and not used up keeps what it has; nothing leads out of bounds. */
static void test_does_no_harm(void **state)
{
    (void)state;
    struct gradient g = {0};
    int64_t now = 1000 * SL_SEC;
    assert_int_equal(gradient_limit(&g), 32);
    run(&g, 1000, 10, 100, &now);
    assert_int_equal(gradient_limit(&g), 32);
    run(&g, 100000, 100000, 600, &now); /* never slow: grows to the most */
    assert_int_equal(gradient_limit(&g), GRADIENT_MOST);
    for (unsigned i = 0; i < 200; i++)
        gradient_overload(&g);
    assert_int_equal(gradient_limit(&g), GRADIENT_LEAST);
    const int64_t nonsense[] = {-1, 0, INT64_MAX, 0, INT64_MAX};
    for (unsigned i = 0; i < 500; i++)
        gradient_add(&g, nonsense[i % 5], i % 3 == 0 ? UINT32_MAX : 0, now += i % 7 == 0 ? -SL_SEC : SL_SEC);
    assert_in_range(gradient_limit(&g), GRADIENT_LEAST, GRADIENT_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_finds_it), cmocka_unit_test(test_does_no_harm)};
    return cmocka_run_group_tests_name("upstream gradient", tests, NULL, NULL);
}
