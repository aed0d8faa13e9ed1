/* Kling's token, against one that Python's hmac made. */
#include "provider/auth_jwt.h"
#include "provider/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KNOWN                                                                                                          \
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."                                                                            \
    "eyJpc3MiOiJhY2Nlc3MtMSIsImV4cCI6MTc2MzYzMTYwMCwibmJmIjoxNzYzNjI5Nzk1fQ."                                          \
    "54i-QvKFVaRqXXC3y5qrYVBvb5aHudh8Kkoye4sD99E"

static struct sl_arena arena;

static void test_known(void **state)
{
    (void)state;
    struct sl_str t = jwt_of_pair(SL_STR("access-1:secret-1"), 1763630123, &arena);
    assert_true(sl_str_eq(t, SL_STR(KNOWN)));
}

static void test_renewed(void **state)
{
    (void)state;
    struct sl_str pair = SL_STR("a:b:c"), first = jwt_of_pair(pair, 1763630400, &arena);
    assert_true(sl_str_eq(first, jwt_of_pair(pair, 1763630400 + 599, &arena)));
    assert_false(sl_str_eq(first, jwt_of_pair(pair, 1763630400 + 600, &arena)));
    assert_false(sl_str_eq(first, jwt_of_pair(SL_STR("a:b:d"), 1763630400, &arena)));
}

static void test_no_pair(void **state)
{
    (void)state;
    assert_int_equal(jwt_of_pair(SL_STR("key"), 1, &arena).n, 0);
    assert_int_equal(jwt_of_pair(SL_STR(":secret"), 1, &arena).n, 0);
    assert_int_equal(jwt_of_pair(SL_STR("access:"), 1, &arena).n, 0);
}

/* The pair itself goes nowhere; a plain key goes as it is, and those of other kinds do, colon or not. */
static void test_signs(void **state)
{
    static const struct {
        const char *kind, *key;
        bool token;
    } rows[] = {{"kling", "access:secret", true}, {"kling", "plain", false}, {"openai", "access:secret", false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct provider p = {.kind = provider_kind_find(sl_str_c(rows[i].kind))};
        struct http_headers h = {0};
        struct sl_str value = sl_arena_printf(&arena, "Bearer %s", rows[i].key);
        http_headers_add_id(&h, &arena, HN_AUTHORIZATION, value);
        provider_sign(&p, &(struct provider_signing){.wall_ns = INT64_C(1763630123000000000)}, &arena, &h);
        assert_int_equal(h.n, 1);
        assert_int_equal(sl_str_starts(h.v[0].value, SL_STR("Bearer eyJ")), rows[i].token);
        assert_true(rows[i].token || sl_str_eq(h.v[0].value, value));
    }
}

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_renewed),
                                       cmocka_unit_test(test_no_pair), cmocka_unit_test(test_signs)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
