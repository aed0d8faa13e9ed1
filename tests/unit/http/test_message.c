/* Header names, lists of headers, status texts. */
#include "http/message.h"

#include "http/http_int.h"
#include "unit/http/cm.h"

static void every_name_is_found(void **state)
{
    (void)state;
    for (int id = HN_OTHER + 1; id < HN_COUNT; id++) {
        struct sl_str text = http_name_text((enum http_name)id);
        assert_true(text.n > 0);
        assert_int_equal(http_name_of(text), id);
        for (size_t i = 0; i < text.n; i++)
            assert_int_equal(text.p[i], sl_lower(text.p[i]));
    }
}

static void near_names_are_not(void **state)
{
    (void)state;
    for (int id = HN_OTHER + 1; id < HN_COUNT; id++) {
        struct sl_str text = http_name_text((enum http_name)id);
        char near[64];
        for (size_t i = 0; i < text.n; i++) {
            memcpy(near, text.p, text.n);
            near[i] = near[i] == 'q' ? 'z' : 'q';
            assert_int_equal(http_name_of(sl_str_of(near, text.n)), HN_OTHER);
        }
        memcpy(near, text.p, text.n);
        near[text.n] = 'x';
        assert_int_equal(http_name_of(sl_str_of(near, text.n + 1)), HN_OTHER);
    }
    assert_int_equal(http_name_of(SL_STR("")), HN_OTHER);
    assert_int_equal(http_name_of(SL_STR("Host")), HN_OTHER); /* names must be lower case */
    char longest[300];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(http_name_of(sl_str_of(longest, sizeof longest)), HN_OTHER);
}

static void headers_grow_and_are_found(void **state)
{
    struct sl_arena a;
    struct http_headers h = {0};
    (void)state;
    sl_arena_init(&a, NULL);
    for (int i = 0; i < 40; i++)
        http_headers_add(&h, &a, sl_arena_printf(&a, "x-%d", i), sl_arena_printf(&a, "value %d", i));
    http_headers_add_id(&h, &a, HN_HOST, SL_STR("one"));
    http_headers_add(&h, &a, SL_STR("host"), SL_STR("two"));
    http_headers_add(&h, &a, SL_STR("date"), SL_STR(""));
    assert_int_equal(h.n, 43);
    expect_text(http_headers_get(&h, HN_HOST), SL_STR("one"), "the first counts");
    assert_int_equal(h.v[41].id, HN_HOST);
    assert_null(http_headers_get(&h, HN_VIA).p);
    assert_non_null(http_headers_get(&h, HN_DATE).p);
    assert_null(http_headers_find(&h, HN_VIA));
    expect_text(http_headers_find_name(&h, SL_STR("x-39"))->value, SL_STR("value 39"), "by name");
    assert_null(http_headers_find_name(&h, SL_STR("x-40")));
    sl_arena_done(&a);
}

static void lists(void **state)
{
    (void)state;
    assert_true(http_list_has(SL_STR("a, Close ,b"), SL_STR("close")));
    assert_true(http_list_has(SL_STR("close"), SL_STR("close")));
    assert_false(http_list_has(SL_STR("closed, xclose"), SL_STR("close")));
    assert_false(http_list_has(SL_STR(""), SL_STR("close")));
    assert_false(http_list_has(SL_STR_NONE, SL_STR("close")));
}

static void statuses(void **state)
{
    (void)state;
    expect_text(http_status_text(200), SL_STR("OK"), "200");
    expect_text(http_status_text(100), SL_STR("Continue"), "first");
    expect_text(http_status_text(529), SL_STR("Overloaded"), "last");
    expect_text(http_status_text(429), SL_STR("Too Many Requests"), "429");
    expect_text(http_status_text(599), SL_STR(""), "unknown");
    int last = 0;
    for (int status = 100; status <= 599; status++)
        last += http_status_text(status).n > 0;
    assert_int_equal(last, 55); /* all rows can be reached: the table is sorted */
}

static void hops(void **state)
{
    (void)state;
    static const char *const hop[] = {"connection",
                                      "keep-alive",
                                      "proxy-authenticate",
                                      "proxy-authorization",
                                      "proxy-connection",
                                      "te",
                                      "trailer",
                                      "transfer-encoding",
                                      "upgrade"};
    unsigned n = 0;
    for (size_t i = 0; i < sizeof hop / sizeof hop[0]; i++)
        assert_true(http_name_is_hop(http_name_of(sl_str_c(hop[i]))));
    for (int id = 0; id < HN_COUNT; id++)
        n += http_name_is_hop((enum http_name)id);
    assert_int_equal(n, sizeof hop / sizeof hop[0]);
}

static void bytes_of_names_and_values(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char one[2] = {(char)c, 'a'}, out[2];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool token = alnum || (c != 0 && c < 0x80 && strchr("!#$%&'*+-.^_`|~", (int)c) != NULL);
        assert_int_equal(http_token_is_valid(sl_str_of(one, 2)), token);
        assert_int_equal(http_lower_token_is_valid(sl_str_of(one, 2)), token && !(c >= 'A' && c <= 'Z'));
        bool bad = (c < 0x20 && c != '\t') || c == 0x7f;
        assert_int_equal(http_value_is_clean(sl_str_of(one, 2)), !bad);
        http_value_put(out, sl_str_of(one, 2));
        assert_int_equal(out[0], bad ? ' ' : one[0]);
        assert_int_equal(out[1], 'a');
    }
    assert_false(http_token_is_valid(SL_STR("")));
    assert_true(http_value_is_clean(SL_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found),
        cmocka_unit_test(near_names_are_not),
        cmocka_unit_test(headers_grow_and_are_found),
        cmocka_unit_test(lists),
        cmocka_unit_test(statuses),
        cmocka_unit_test(hops),
        cmocka_unit_test(bytes_of_names_and_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
