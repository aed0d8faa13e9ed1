/* W3C trace context: joined when it is right, started anew when it is not. */
#include "telemetry/trace_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void test_parents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {GOOD, true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true},
        {"00-00000000000000000000000000000001-0000000000000001-00", true},
        {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true}, /* a later version */
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes", true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", true},
        {"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.x", false},
        {GOOD "-x", false}, /* version 00 ends where it ends */
        {GOOD " ", false},
        {" " GOOD, false},
        {"", false},
        {"00", false},
        {"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false},
        {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false}, /* upper case */
        {"00-0af7651916cd43dd8448eb211c80319c-B7ad6b7169203331-01", false},
        {"0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false},
        {"00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false},
        {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct trace_context t = {.flags = 77};
        if (trace_parent_parse(sl_str_c(rows[i].text), &t) != rows[i].ok)
            fail_msg("'%s'", rows[i].text);
        if (!rows[i].ok)
            assert_int_equal(t.flags, 77);
    }
}

static void test_every_wrong_byte(void **state)
{
    (void)state;
    char text[] = GOOD;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        for (int c = 0; c < 256; c++) {
            bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'), dash = i == 2 || i == 35 || i == 52;
            if (i < 2) /* versions are another test's */
                continue;
            char was = text[i];
            text[i] = (char)c;
            struct trace_context t;
            assert_int_equal(trace_parent_parse(sl_str_of(text, sizeof text - 1), &t), dash ? c == '-' : hex);
            text[i] = was;
        }
    }
}

static void test_states(void **state)
{
    (void)state;
    char longest[514];
    memset(longest, 'a', sizeof longest);
    longest[1] = '=';
    longest[250] = ',';
    longest[252] = '=';
    longest[500] = ',';
    longest[502] = '=';
    assert_true(trace_state_valid(sl_str_of(longest, 512)));
    assert_false(trace_state_valid(sl_str_of(longest, 513)));
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"congo=t61rcWkgMzE", true},
        {"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
        {" a=1 ,\tb=2 ", true},
        {"a=1,,b=2,", true},
        {"fw529a3039@dt=FfffffA;a:b~!", true},
        {"0a_-*/=x", true},
        {"", false},
        {",", false},
        {"a", false},
        {"a=", false},
        {"=1", false},
        {"A=1", false},
        {"_a=1", false},
        {"a b=1", false},
        {"a=1=2", false},
        {"a=\x01", false},
        {"a=\x7f", false},
        {"a=\xc3\xa9", false},
        {"a=1\r\nx: y", false},
        {"a=1,b", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (trace_state_valid(sl_str_c(rows[i].text)) != rows[i].ok)
            fail_msg("'%s'", rows[i].text);
    char many[200];
    for (size_t n = 32; n <= 33; n++) {
        for (size_t i = 0; i < n; i++)
            memcpy(many + 4 * i, "a=1,", 4);
        assert_int_equal(trace_state_valid(sl_str_of(many, 4 * n)), n == 32);
    }
}

static void test_join(void **state)
{
    (void)state;
    struct sl_rand r;
    sl_rand_seed(&r, 1);
    struct trace_context t;
    char text[TRACE_PARENT_TEXT], id[TRACE_ID_TEXT], span[TRACE_SPAN_TEXT];
    trace_join(&t, SL_STR(GOOD), SL_STR("a=1"), &r);
    assert_true(t.trace_hi == 0x0af7651916cd43dd && t.trace_lo == 0x8448eb211c80319c);
    assert_true(t.parent == 0xb7ad6b7169203331);
    assert_true(t.span != 0 && t.span != t.parent);
    assert_int_equal(t.flags, TRACE_SAMPLED);
    assert_true(sl_str_eq(t.state, SL_STR("a=1")));
    trace_parent_text(&t, text);
    trace_id_text(&t, id);
    trace_span_text(t.span, span);
    assert_int_equal(strlen(text), 55);
    assert_memory_equal(text, "00-0af7651916cd43dd8448eb211c80319c-", 36);
    assert_memory_equal(text + 36, span, 16);
    assert_string_equal(text + 52, "-01");
    assert_string_equal(id, "0af7651916cd43dd8448eb211c80319c");

    struct trace_context child = trace_child(&t, &r), back = {0};
    assert_true(child.parent == t.span && child.span != t.span && child.trace_lo == t.trace_lo);
    trace_parent_text(&child, text);
    assert_true(trace_parent_parse(sl_str_of(text, 55), &back)); /* we read what we write */
    assert_true(back.parent == child.span && back.trace_hi == t.trace_hi);

    trace_join(&t, SL_STR(GOOD), SL_STR("a=1\n"), &r); /* only the state is bad */
    assert_true(t.trace_hi == 0x0af7651916cd43dd && t.state.n == 0);
    trace_join(&t, SL_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe"), SL_STR_NONE, &r);
    assert_int_equal(t.flags, TRACE_RANDOM); /* unknown flags are not passed on */
}

static void test_start(void **state)
{
    (void)state;
    struct sl_rand r;
    sl_rand_seed(&r, 2);
    struct trace_context a, b;
    trace_join(&a, SL_STR_NONE, SL_STR("a=1"), &r);
    trace_join(&b, SL_STR("nonsense"), SL_STR("a=1"), &r);
    assert_int_equal(a.parent, 0);
    assert_int_equal(a.state.n, 0); /* a state without its parent means nothing */
    assert_int_equal(a.flags, TRACE_RANDOM);
    assert_true(a.trace_lo != 0 && a.trace_lo != b.trace_lo && a.span != 0 && b.parent == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parents), cmocka_unit_test(test_every_wrong_byte),
        cmocka_unit_test(test_states),  cmocka_unit_test(test_join),
        cmocka_unit_test(test_start),
    };
    return cmocka_run_group_tests_name("telemetry/trace_context", tests, NULL, NULL);
}
