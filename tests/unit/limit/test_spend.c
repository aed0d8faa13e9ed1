/* The board of what tenants have spent: arithmetic, periods, reloads, fillings, and many threads on one budget. */
#include "limit/spend.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

#define NOON (INT64_C(1795348800) * SL_SEC) /* 2026-11-22, a Sunday, 12:00 */
#define DAY (INT64_C(86400) * SL_SEC)

static struct spend_board *board_with(enum spend_per per, int64_t limit_p)
{
    struct spend_board *b = spend_board_new();
    const struct spend_budget v[] = {{SL_STR("zeta"), per, 7}, {SL_STR("acme"), per, limit_p}};
    spend_board_set(b, v, 2, NOON);
    return b;
}

static bool has_gap(struct spend_board *b, int64_t made_ns, struct spend_gap *out)
{
    *out = (struct spend_gap){.at = 0};
    return spend_next_gap(b, made_ns, out);
}

static struct spend_cell *filled(struct spend_board *b)
{
    struct spend_gap g = {.at = 0};
    while (spend_next_gap(b, NOON, &g))
        spend_fill(&g, 0);
    return spend_find(b, SL_STR("acme"));
}

static int64_t used(struct spend_cell *c, int64_t wall_ns)
{
    struct spend_view v;
    spend_see(c, wall_ns, &v);
    return v.used_p;
}

static bool take(struct spend_cell *c, int64_t wall_ns, int64_t cost_p)
{
    int64_t until;
    return spend_reserve(c, wall_ns, cost_p, false, &until);
}

static void reserves_and_settles(void **state)
{
    (void)state;
    struct spend_board *b = board_with(SPEND_MONTH, 100);
    struct spend_cell *c = filled(b);
    int64_t until;
    assert_true(take(c, NOON, 60));
    assert_false(take(c, NOON, 41));
    assert_true(take(c, NOON, 40)); /* to the last unit */
    assert_int_equal(used(c, NOON), 100);
    assert_int_equal(spend_permille(c, NOON), 1000);
    assert_true(take(c, NOON, 0)); /* what is free goes */
    assert_false(spend_reserve(c, NOON, 0, true, &until));
    assert_int_equal(until, INT64_C(1796083200) * SL_SEC); /* 1 December */
    spend_settle(c, NOON, 60, 5);
    assert_int_equal(used(c, NOON), 45);
    assert_int_equal(spend_permille(c, NOON), 450);
    assert_true(spend_reserve(c, NOON, 0, true, &until));
    spend_settle(c, NOON, 40, 90); /* the reservation was too small: told as it is */
    assert_int_equal(used(c, NOON), 95);
    spend_count(c, NOON, 500);
    assert_int_equal(used(c, NOON), 595);
    assert_int_equal(spend_permille(c, NOON), 5950);
    spend_settle(c, NOON, 600, 0); /* never below zero */
    assert_int_equal(used(c, NOON), 0);
    spend_board_free(b);
}

/* A batch that two workers charge, or that is charged again because its row could not be written. */
static void the_same_attempt_counts_once(void **state)
{
    (void)state;
    struct spend_board *b = board_with(SPEND_MONTH, 100);
    struct spend_cell *c = filled(b);
    for (uint64_t i = 0; i < 3; i++) {
        spend_settle_once(c, (struct sl_id){1, i}, NOON, 10);
        spend_settle_once(c, (struct sl_id){1, i}, NOON, 10);
        spend_settle_once(c, (struct sl_id){1, 0}, NOON, 99);
    }
    assert_int_equal(used(c, NOON), 30);
    spend_settle_once(spend_find(b, SL_STR("zeta")), (struct sl_id){1, 0}, NOON, 4); /* another's */
    assert_int_equal(used(spend_find(b, SL_STR("zeta")), NOON), 4);
    for (uint64_t i = 0; i < SPEND_ONCE; i++)
        spend_settle_once(c, (struct sl_id){2, i}, NOON, 1);
    assert_int_equal(used(c, NOON), 30 + SPEND_ONCE);
    for (uint64_t i = 0; i < SPEND_ONCE; i++) /* all that are promised are known */
        spend_settle_once(c, (struct sl_id){2, i}, NOON, 1);
    assert_int_equal(used(c, NOON), 30 + SPEND_ONCE);
    spend_board_free(b);
}

static void nothing_may_be_spent(void **state)
{
    (void)state;
    struct spend_board *b = board_with(SPEND_DAY, 0);
    struct spend_cell *c = filled(b);
    int64_t until;
    assert_false(take(c, NOON, 1));
    assert_false(spend_reserve(c, NOON, 0, true, &until));
    assert_true(take(c, NOON, 0));
    assert_int_equal(spend_permille(c, NOON), 1000);
    spend_board_free(b);
}

static void large_amounts_do_not_wrap(void **state)
{
    (void)state;
    struct spend_board *b = board_with(SPEND_DAY, INT64_MAX);
    struct spend_cell *c = filled(b);
    for (int i = 0; i < 4; i++)
        spend_count(c, NOON, INT64_MAX);
    assert_false(take(c, NOON, 1));
    assert_int_equal(used(c, NOON), INT64_MAX);
    for (int i = 0; i < 4; i++)
        spend_settle(c, NOON, INT64_MAX, 0);
    assert_int_equal(used(c, NOON), 0);
    spend_board_free(b);
}

static void periods_are_of_the_calendar(void **state)
{
    (void)state;
    struct spend_period day = spend_period_of(SPEND_DAY, NOON), week = spend_period_of(SPEND_WEEK, NOON),
                        month = spend_period_of(SPEND_MONTH, NOON);
    assert_int_equal(day.from_ns, NOON - DAY / 2);
    assert_int_equal(day.until_ns, NOON + DAY / 2);
    assert_int_equal(week.from_ns, NOON - DAY / 2 - 6 * DAY); /* Monday; the Sunday is its last day */
    assert_int_equal(week.until_ns, day.until_ns);
    assert_int_equal(month.from_ns, NOON - DAY / 2 - 21 * DAY);
    assert_int_equal(month.until_ns, month.from_ns + 30 * DAY);
    struct spend_period december = spend_period_of(SPEND_MONTH, NOON + 20 * DAY);
    assert_int_equal(december.from_ns, month.until_ns);
    assert_int_equal(december.until_ns - december.from_ns, 31 * DAY);
    week = spend_period_of(SPEND_WEEK, NOON + DAY);
    assert_int_equal(week.from_ns, NOON + DAY / 2);
    assert_string_equal(spend_per_name(SPEND_WEEK), "week");
}

static void a_new_period_begins_at_nothing(void **state)
{
    (void)state;
    struct spend_board *b = board_with(SPEND_DAY, 100);
    struct spend_cell *c = filled(b);
    int64_t last = NOON + DAY / 2 - 1;
    assert_true(take(c, NOON, 70) && take(c, last, 30));
    assert_false(take(c, last, 1));
    assert_true(take(c, last + 1, 80));
    assert_int_equal(used(c, last + 1), 80);
    spend_settle(c, last, 30, 3); /* began before midnight: not of this day */
    assert_int_equal(used(c, last + 1), 80);
    assert_int_equal(used(c, last), 73);
    assert_true(take(c, last, 27)); /* a worker whose clock is behind */
    assert_int_equal(used(c, last + 1), 80);
    assert_true(take(c, last + 1 + 30 * DAY, 100));
    spend_settle(c, last, 27, 0); /* long over */
    assert_int_equal(used(c, last + 1 + 30 * DAY), 100);
    assert_int_equal(used(c, last + 1 + 31 * DAY), 0); /* nobody was there yet */
    spend_board_free(b);
}

static void reloads_keep_what_was_spent(void **state)
{
    (void)state;
    struct spend_board *b = board_with(SPEND_MONTH, 100);
    struct spend_cell *c = filled(b);
    struct spend_gap g;
    assert_true(take(c, NOON, 80));
    const struct spend_budget less[] = {{SL_STR("acme"), SPEND_MONTH, 50}};
    spend_board_set(b, less, 1, NOON + 5);
    assert_ptr_equal(spend_find(b, SL_STR("acme")), c);
    assert_null(spend_find(b, SL_STR("zeta")));
    assert_false(take(c, NOON + 6, 1));
    assert_false(has_gap(b, NOON + 6, &g));
    const struct spend_budget other[] = {{SL_STR("acme"), SPEND_DAY, 50}};
    spend_board_set(b, other, 1, NOON + 7);
    struct spend_cell *fresh = spend_find(b, SL_STR("acme"));
    assert_ptr_not_equal(fresh, c);
    assert_false(has_gap(b, NOON + 6, &g)); /* too young: its attempts may not be in the ledger yet */
    assert_true(has_gap(b, NOON + 7, &g));
    assert_true(sl_str_eq(g.tenant, SL_STR("acme")) && g.until_ns == NOON + 7 && g.from_ns == NOON - DAY / 2);
    assert_true(take(fresh, NOON + 6, 40)); /* opened before: the ledger's to tell */
    assert_int_equal(used(fresh, NOON + 7), 0);
    assert_true(take(fresh, NOON + 7, 10));
    spend_settle(c, NOON, 80, 8); /* where it reserved */
    spend_fill(&g, 30);
    assert_int_equal(used(fresh, NOON + 7), 40);
    assert_false(take(fresh, NOON + 8, 11));
    assert_false(has_gap(b, INT64_MAX, &g));
    spend_board_set(b, NULL, 0, NOON + 9);
    assert_null(spend_find(b, SL_STR("acme")));
    spend_board_free(b);
}

static void nobody_has_any(void **state)
{
    (void)state;
    struct spend_board *b = spend_board_new();
    struct spend_gap g;
    assert_null(spend_find(b, SL_STR("acme")));
    assert_null(spend_find(NULL, SL_STR("acme")));
    assert_false(has_gap(b, INT64_MAX, &g));
    spend_board_free(b);
    spend_board_free(NULL);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 20000

static struct spend_board *shared;
static _Atomic int64_t went, most;

static void *spender(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct spend_cell *c = spend_find(shared, SL_STR("acme"));
        if (!take(c, NOON, 10))
            continue;
        struct spend_view v;
        spend_see(c, NOON, &v);
        if (v.used_p > atomic_load(&most))
            atomic_store(&most, v.used_p);
        if (i % 100 == 0) { /* one of a hundred costs something */
            spend_settle(c, NOON, 10, 3);
            atomic_fetch_add(&went, 3);
        } else {
            spend_settle(c, NOON, 10, 0);
        }
    }
    return NULL;
}

static void many_threads_never_pass_it(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    shared = board_with(SPEND_MONTH, 1000);
    struct spend_cell *c = filled(shared);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, spender, NULL), 0);
    for (int i = 0; i < 200; i++) { /* reloads beside them */
        const struct spend_budget v[] = {{SL_STR("acme"), SPEND_MONTH, 1000}, {SL_STR("zeta"), SPEND_DAY, i}};
        spend_board_set(shared, v, 2, NOON);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_ptr_equal(spend_find(shared, SL_STR("acme")), c);
    assert_int_equal(used(c, NOON), atomic_load(&went));
    assert_true(atomic_load(&most) <= 1000 && atomic_load(&went) <= 1000 && atomic_load(&went) > 0);
    spend_board_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reserves_and_settles),        cmocka_unit_test(the_same_attempt_counts_once),
        cmocka_unit_test(nothing_may_be_spent),        cmocka_unit_test(large_amounts_do_not_wrap),
        cmocka_unit_test(periods_are_of_the_calendar), cmocka_unit_test(a_new_period_begins_at_nothing),
        cmocka_unit_test(reloads_keep_what_was_spent), cmocka_unit_test(nobody_has_any),
        cmocka_unit_test(many_threads_never_pass_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
