/* How hard a model thinks, by the table of translate-gemini.md 6.1 (November 2026), and which ends of Gemini's are its filters (8.2). */
#include "dialect/effort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dialect/codec.h"
#include "dialect/gemini/gemini.h"

static const struct model_caps *caps_of(const char *model)
{
    return caps_find(gemini_codec.caps, sl_str_c(model));
}

static void test_budgets(void **state)
{
    (void)state;
    static const struct {
        enum neutral_effort effort;
        int64_t flash, lite, pro;
    } rows[] = {
        {EFFORT_UNSAID, -1, -1, -1},         {EFFORT_NONE, 0, 0, 128},          {EFFORT_MINIMAL, 512, 512, 128},
        {EFFORT_LOW, 1024, 1024, 1024},      {EFFORT_MEDIUM, 8192, 8192, 8192}, {EFFORT_HIGH, 24576, 24576, 24576},
        {EFFORT_XHIGH, 24576, 24576, 32768}, {EFFORT_MAX, 24576, 24576, 32768},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(effort_budget_google(rows[i].effort, caps_of("gemini-2.5-flash")), rows[i].flash);
        assert_int_equal(effort_budget_google(rows[i].effort, caps_of("gemini-2.5-flash-lite")), rows[i].lite);
        assert_int_equal(effort_budget_google(rows[i].effort, caps_of("gemini-2.5-pro")), rows[i].pro);
    }
}

static void test_levels(void **state)
{
    (void)state;
    static const struct {
        enum neutral_effort effort, flash, low_on, hydrogen;
    } rows[] = {
        {EFFORT_NONE, EFFORT_MINIMAL, EFFORT_LOW, EFFORT_LOW},
        {EFFORT_MINIMAL, EFFORT_MINIMAL, EFFORT_LOW, EFFORT_LOW},
        {EFFORT_LOW, EFFORT_LOW, EFFORT_LOW, EFFORT_LOW},
        {EFFORT_MEDIUM, EFFORT_MEDIUM, EFFORT_MEDIUM, EFFORT_MEDIUM},
        {EFFORT_HIGH, EFFORT_HIGH, EFFORT_HIGH, EFFORT_HIGH},
        {EFFORT_XHIGH, EFFORT_HIGH, EFFORT_HIGH, EFFORT_XHIGH},
        {EFFORT_MAX, EFFORT_HIGH, EFFORT_HIGH, EFFORT_XHIGH},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(effort_fit(rows[i].effort, caps_of("gemini-3-flash")->efforts), rows[i].flash);
        assert_int_equal(effort_fit(rows[i].effort, caps_of("gemini-3.1-pro")->efforts), rows[i].low_on);
        assert_int_equal(effort_fit(rows[i].effort, caps_of("gemini-4-hydrogen")->efforts), rows[i].hydrogen);
    }
}

/* Back from a client of Gemini: by nearest; what a word became finds its word again. */
static void test_budgets_of_clients(void **state)
{
    (void)state;
    static const struct {
        int64_t budget;
        enum neutral_effort effort;
    } rows[] = {{-1, EFFORT_UNSAID},   {0, EFFORT_NONE},      {1, EFFORT_LOW},     {1024, EFFORT_LOW},
                {8192, EFFORT_MEDIUM}, {9000, EFFORT_MEDIUM}, {24576, EFFORT_HIGH}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(effort_of_budget_google(rows[i].budget), rows[i].effort);
    static const struct {
        int64_t budget;
        enum neutral_effort effort;
    } numbers[] = {{-2, EFFORT_UNSAID},    {-1, EFFORT_UNSAID},    {0, EFFORT_NONE},
                   {1023, EFFORT_MINIMAL}, {1024, EFFORT_LOW},     {4095, EFFORT_LOW},
                   {4096, EFFORT_MEDIUM},  {16383, EFFORT_MEDIUM}, {16384, EFFORT_HIGH}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_int_equal(effort_of_budget(numbers[i].budget), numbers[i].effort);
}

static void test_ends_that_are_filters(void **state)
{
    (void)state;
    static const char *const filters[] = {
        "SAFETY",      "RECITATION", "BLOCKLIST",    "PROHIBITED_CONTENT",       "SPII",
        "MODEL_ARMOR", "JAILBREAK",  "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"};
    static const char *const others[] = {"STOP",
                                         "MAX_TOKENS",
                                         "LANGUAGE",
                                         "OTHER",
                                         "NO_IMAGE",
                                         "MALFORMED_FUNCTION_CALL",
                                         "UNEXPECTED_TOOL_CALL",
                                         "FINISH_REASON_UNSPECIFIED",
                                         "",
                                         "safety"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        assert_true(gemini_is_filter(sl_str_c(filters[i])));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(gemini_is_filter(sl_str_c(others[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_budgets_of_clients),
        cmocka_unit_test(test_ends_that_are_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
