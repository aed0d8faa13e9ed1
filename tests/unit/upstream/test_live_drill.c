/* A drill on live traffic: who it takes, and that it ends. */
#include "upstream/live_drill.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct live_drill_order good = {
    .target = SL_STR_INIT("one/a"), .fault = SL_STR_INIT("503"), .percent = 100, .for_ns = SL_SEC, .failures = 1};

static bool takes(struct live_drill *d, const char *provider, const char *model, int64_t now, uint64_t random)
{
    enum outcome o = OUT_OK;
    enum live_drill_behind behind = LIVE_DRILL_NOT;
    bool t = live_drill_takes(d, sl_str_c(provider), sl_str_c(model), now, random, &o, &behind);
    assert_true(!t || (o == OUT_OVERLOADED && behind == LIVE_DRILL_NOT));
    return t;
}

static void whom_it_takes(void **state)
{
    struct live_drill d;
    struct live_drill_told told;
    const char *why;
    (void)state;
    live_drill_init(&d);
    assert_false(takes(&d, "one", "a", 0, 0));
    assert_int_equal(live_drill_begin(&d, &good, 0, &why), SL_OK);
    assert_int_equal(live_drill_begin(&d, &good, 0, &why), SL_EEXIST);
    assert_true(takes(&d, "one", "a", 1, 99));
    assert_false(takes(&d, "one", "b", 1, 0));
    assert_false(takes(&d, "two", "a", 1, 0));
    live_drill_stop(&d);
    assert_false(takes(&d, "one", "a", 1, 0));
    struct live_drill_order all = good;
    all.target = SL_STR("one"); /* all of its models */
    all.percent = 30;
    assert_int_equal(live_drill_begin(&d, &all, 0, &why), SL_OK);
    unsigned n = 0;
    for (uint64_t r = 0; r < 1000; r++)
        n += takes(&d, "one", "b", 1, r);
    assert_int_equal(n, 300);
    live_drill_tell(&d, 1, &told);
    assert_int_equal(told.attempts, 1000);
    assert_int_equal(told.faults, 300);
}

/* Behind the first output: a fault only when it has met one. */
static void behind(void **state)
{
    static const struct {
        const char *name;
        enum outcome outcome;
        enum live_drill_behind behind;
    } rows[] = {{"stream-cut", OUT_RESET, LIVE_DRILL_CUT},
                {"stream-stalls", OUT_BETWEEN_TIMEOUT, LIVE_DRILL_STALL},
                {"malformed-chunk", OUT_MALFORMED, LIVE_DRILL_GARBAGE},
                {"missing-end", OUT_TRUNCATED, LIVE_DRILL_NO_END}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct live_drill d;
        struct live_drill_told told;
        struct live_drill_order o = good;
        const char *why;
        enum outcome outcome = OUT_OK;
        enum live_drill_behind how = LIVE_DRILL_NOT;
        o.fault = sl_str_c(rows[i].name);
        live_drill_init(&d);
        assert_int_equal(live_drill_begin(&d, &o, 0, &why), SL_OK);
        assert_true(live_drill_takes(&d, SL_STR("one"), SL_STR("a"), 1, 0, &outcome, &how));
        assert_int_equal(outcome, rows[i].outcome);
        assert_int_equal(how, rows[i].behind);
        live_drill_tell(&d, 1, &told);
        assert_int_equal(told.faults, 0);
        assert_true(live_drill_hits(&d, 2));
        assert_false(live_drill_hits(&d, SL_SEC)); /* its time is over */
        live_drill_tell(&d, SL_SEC, &told);
        assert_int_equal(told.attempts, 1);
        assert_int_equal(told.faults, 1);
        assert_int_equal(told.end, LIVE_DRILL_TIME);
    }
}

static void how_it_ends(void **state)
{
    struct live_drill d;
    struct live_drill_told told;
    const char *why;
    (void)state;
    live_drill_init(&d);
    live_drill_tell(&d, 0, &told);
    assert_false(told.was);
    assert_int_equal(live_drill_begin(&d, &good, 0, &why), SL_OK);
    assert_true(takes(&d, "one", "a", SL_SEC - 1, 0));
    assert_false(takes(&d, "one", "a", SL_SEC, 0));
    live_drill_tell(&d, SL_SEC, &told);
    assert_int_equal(told.end, LIVE_DRILL_TIME);
    assert_int_equal(live_drill_begin(&d, &good, SL_SEC, &why), SL_OK);
    live_drill_seen(&d);
    assert_true(takes(&d, "one", "a", SL_SEC + 1, 0));
    live_drill_seen(&d);
    assert_false(takes(&d, "one", "a", SL_SEC + 1, 0));
    live_drill_tell(&d, SL_SEC + 1, &told);
    assert_int_equal(told.end, LIVE_DRILL_FAILURES);
    assert_int_equal(told.failures, 2);
}

static void what_is_refused(void **state)
{
    struct live_drill d;
    struct live_drill_order o[6] = {good, good, good, good, good, good};
    char name[LIVE_DRILL_NAME + 1];
    const char *why;
    (void)state;
    memset(name, 'x', sizeof name);
    o[0].fault = SL_STR("no such");
    o[1].percent = 0;
    o[2].percent = 101;
    o[3].for_ns = 0;
    o[4].for_ns = LIVE_DRILL_FOR_MAX_NS + 1;
    o[5].target = sl_str_of(name, sizeof name);
    live_drill_init(&d);
    for (size_t i = 0; i < sizeof o / sizeof o[0]; i++) {
        assert_int_equal(live_drill_begin(&d, &o[i], 0, &why), SL_EINVAL);
        assert_non_null(why);
    }
    assert_false(takes(&d, "one", "a", 0, 0));
    for (unsigned i = 0; live_drill_fault(i) != NULL; i++) {
        o[0].fault = sl_str_c(live_drill_fault(i));
        assert_int_equal(live_drill_begin(&d, &o[0], 0, &why), SL_OK);
        live_drill_stop(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whom_it_takes),
        cmocka_unit_test(behind),
        cmocka_unit_test(how_it_ends),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
