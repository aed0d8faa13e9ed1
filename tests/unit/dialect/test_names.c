/* Names that do not fit: changed the same way every time, found again, in linear time. */
#include "dialect/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void test_there_and_back(void **state)
{
    (void)state;
    struct sl_arena a;
    struct names_map m = {.n = 0};
    sl_arena_init(&a, NULL);
    struct sl_str name = SL_STR("mcp__server.with dots__and/slashes"), fine = SL_STR("get_weather");
    struct sl_str changed = names_out(&m, &names_anthropic, name, &a);
    assert_false(sl_str_eq(changed, name));
    assert_true(sl_str_eq(names_fit(&names_anthropic, changed, &a), changed));
    assert_true(sl_str_eq(names_out(&m, &names_anthropic, name, &a), changed));
    assert_true(sl_str_eq(names_back(&m, changed), name));
    assert_true(sl_str_eq(names_out(&m, &names_anthropic, fine, &a), fine));
    assert_true(sl_str_eq(names_back(&m, fine), fine));
    sl_arena_done(&a);
}

static void test_many(void **state)
{
    (void)state;
    enum {
        MANY = 200000
    };
    struct sl_arena a;
    struct names_map m = {.n = 0};
    char text[32];
    sl_arena_init(&a, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "tool.%d", i);
        names_out(&m, &names_openai, sl_arena_str(&a, sl_str_c(text)), &a);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "tool.%d", i);
        struct sl_str name = sl_str_c(text);
        assert_true(sl_str_eq(names_back(&m, names_fit(&names_openai, name, &a)), name));
    }
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
