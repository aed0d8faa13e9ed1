/* Ranges and entity tags of what is kept: RFC 9110 sections 13.1 and 14. */
#include "cm.h"
#include "http/range.h"

static void ranges(void **state)
{
    static const struct {
        const char *value;
        uint64_t size;
        enum range_kind kind;
        uint64_t first, last;
    } rows[] = {
        {"", 100, RANGE_WHOLE, 0, 0},
        {"bytes=0-0", 100, RANGE_PART, 0, 0},
        {"bytes=0-99", 100, RANGE_PART, 0, 99},
        {"bytes=10-", 100, RANGE_PART, 10, 99},
        {"Bytes= 10 - 19 ", 100, RANGE_PART, 10, 19},
        {"bytes=-1", 100, RANGE_PART, 99, 99},
        {"bytes=-1000", 100, RANGE_PART, 0, 99},
        {"bytes=99-1000", 100, RANGE_PART, 99, 99},
        {"bytes=5-99999999999999999999999", 100, RANGE_PART, 5, 99},
        {"bytes=100-", 100, RANGE_BEYOND, 0, 0},
        {"bytes=99999999999999999999999-", 100, RANGE_BEYOND, 0, 0},
        {"bytes=-0", 100, RANGE_BEYOND, 0, 0},
        {"bytes=0-", 0, RANGE_BEYOND, 0, 0},
        {"bytes=-5", 0, RANGE_BEYOND, 0, 0},
        {"bytes=20-10", 100, RANGE_WHOLE, 0, 0},
        {"bytes=0-1,5-6", 100, RANGE_WHOLE, 0, 0},
        {"bytes=", 100, RANGE_WHOLE, 0, 0},
        {"bytes=-", 100, RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 100, RANGE_WHOLE, 0, 0},
        {"bytes=+1-2", 100, RANGE_WHOLE, 0, 0},
        {"lines=1-2", 100, RANGE_WHOLE, 0, 0},
        {"bytes", 100, RANGE_WHOLE, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t first = 0, last = 0;
        enum range_kind kind = range_read(sl_str_c(rows[i].value), rows[i].size, &first, &last);
        if (kind != rows[i].kind || (kind == RANGE_PART && (first != rows[i].first || last != rows[i].last)))
            fail_msg("%s of %u: %d %u-%u", rows[i].value, (unsigned)rows[i].size, (int)kind, (unsigned)first,
                     (unsigned)last);
    }
}

static void validators(void **state)
{
    const struct sl_str tag = SL_STR("\"abc\"");
    (void)state;
    assert_true(range_holds(SL_STR_NONE, tag));
    assert_true(range_holds(SL_STR(" \"abc\" "), tag));
    assert_false(range_holds(SL_STR("W/\"abc\""), tag)); /* If-Range compares strongly */
    assert_false(range_holds(SL_STR("\"other\""), tag));
    assert_false(range_holds(SL_STR("Sat, 21 Nov 2026 12:00:00 GMT"), tag));
    assert_true(etag_is_listed(SL_STR("*"), tag));
    assert_true(etag_is_listed(SL_STR("\"x\", W/\"abc\" ,\"y\""), tag));
    assert_false(etag_is_listed(SL_STR("\"x\",,abc"), tag));
    assert_false(etag_is_listed(SL_STR_NONE, tag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranges), cmocka_unit_test(validators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
