/* Views, numbers as text, edit distance, UTF-8, JSON strings, log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/rand.h"

static void test_views(void **state)
{
    (void)state;
    struct sl_str s = SL_STR("a,b,,c"), none = SL_STR_NONE;
    const char *const parts[] = {"a", "b", "", "c"};
    for (int i = 0; i < 4; i++) {
        assert_non_null(s.p);
        assert_true(sl_str_eq(sl_str_cut(&s, ','), sl_str_c(parts[i])));
    }
    assert_null(s.p);
    s = SL_STR("a,");
    assert_true(sl_str_eq(sl_str_cut(&s, ','), SL_STR("a")));
    assert_non_null(s.p); /* an empty part follows */
    assert_int_equal(sl_str_cut(&s, ',').n, 0);
    assert_null(s.p);
    assert_int_equal(sl_str_cut(&none, ',').n, 0);
    assert_true(sl_str_eq(none, SL_STR("")) && sl_str_eq(none, none));
    assert_true(sl_str_starts(none, none) && sl_str_ends(SL_STR("x"), none) && !sl_str_starts(none, SL_STR("x")));
    assert_int_equal(sl_str_from(SL_STR("abc"), 3).n, 0);
    assert_int_equal(sl_str_from(SL_STR("abc"), SIZE_MAX).n, 0);
    assert_int_equal(sl_str_from(none, 0).n, 0);
    assert_int_equal(sl_str_head(SL_STR("abc"), SIZE_MAX).n, 3);
    assert_true(sl_str_eq_nocase(SL_STR("AbC[@"), SL_STR("aBc[@")));
    assert_false(sl_str_eq_nocase(SL_STR("["), SL_STR("{"))); /* not letters */
    assert_false(sl_str_eq_nocase(SL_STR("\xC4"), SL_STR("\xE4")));
    assert_true(sl_str_starts_nocase(SL_STR("Bearer x"), SL_STR("bearer ")));
    assert_true(sl_str_cmp(SL_STR("a"), SL_STR("b")) < 0 && sl_str_cmp(SL_STR("ab"), SL_STR("a")) > 0 &&
                sl_str_cmp(none, SL_STR("")) == 0);
    assert_true(sl_str_cmp(SL_STR("\xff"), SL_STR("a")) > 0);
    assert_int_equal(sl_str_find(SL_STR("abc"), 'c'), 2);
    assert_int_equal(sl_str_find(none, 'c'), -1);
    assert_int_equal(sl_str_find_str(SL_STR("aabab"), SL_STR("bab")), 2);
    assert_int_equal(sl_str_find_str(SL_STR("ab"), SL_STR("abc")), -1);
    assert_int_equal(sl_str_find_str(none, none), 0);
    assert_true(sl_str_eq(sl_str_trim(SL_STR(" \t a b\t ")), SL_STR("a b")));
    assert_int_equal(sl_str_trim(SL_STR(" \t ")).n, 0);
    assert_int_equal(sl_str_trim(none).n, 0);
}

static void test_characters(void **state)
{
    (void)state;
    for (int c = -128; c < 256; c++) {
        char ch = (char)c;
        assert_int_equal(sl_is_digit(ch), ch != 0 && strchr("0123456789", ch) != NULL);
        assert_int_equal(sl_is_blank(ch), ch != 0 && strchr(" \t\n\r", ch) != NULL);
        const char *hex = ch != 0 ? strchr("0123456789abcdefABCDEF", ch) : NULL;
        assert_int_equal(sl_hex_value(ch), hex == NULL ? -1 : (int)strtol((char[]){ch, 0}, NULL, 16));
    }
    char out[6];
    sl_hex_digits("\x00\x9f\xff", 3, out);
    assert_memory_equal(out, "009fff", 6);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_u, is_i;
        uint64_t u;
        int64_t i;
    } rows[] = {{"0", true, true, 0, 0},
                {"007", true, true, 7, 7},
                {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
                {"9223372036854775808", true, false, UINT64_C(9223372036854775808), 0},
                {"18446744073709551615", true, false, UINT64_MAX, 0},
                {"18446744073709551616", false, false, 0, 0},
                {"99999999999999999999", false, false, 0, 0},
                {"184467440737095516150", false, false, 0, 0},
                {"-1", false, true, 0, -1},
                {"-9223372036854775808", false, true, 0, INT64_MIN},
                {"-9223372036854775809", false, false, 0, 0},
                {"-0", false, true, 0, 0},
                {"-", false, false, 0, 0},
                {"--1", false, false, 0, 0},
                {"+1", false, false, 0, 0},
                {"", false, false, 0, 0},
                {" 1", false, false, 0, 0},
                {"1 ", false, false, 0, 0},
                {"1a", false, false, 0, 0},
                {"\xb2", false, false, 0, 0}};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        uint64_t u = 77;
        int64_t i = 77;
        if (sl_str_to_u64(sl_str_c(rows[k].text), &u) != rows[k].is_u || u != (rows[k].is_u ? rows[k].u : 77))
            fail_msg("u64 '%s'", rows[k].text);
        if (sl_str_to_i64(sl_str_c(rows[k].text), &i) != rows[k].is_i || i != (rows[k].is_i ? rows[k].i : 77))
            fail_msg("i64 '%s'", rows[k].text);
    }
    for (uint64_t v = 1; v != 0; v *= 10) { /* there and back, at each power of ten and beside it */
        for (int d = -1; d <= 1; d++) {
            char text[20];
            uint64_t back;
            assert_true(sl_str_to_u64(sl_str_of(text, sl_u64_digits(v + (uint64_t)d, text)), &back));
            assert_true(back == v + (uint64_t)d);
        }
        if (v > UINT64_MAX / 10)
            break;
    }
}

static void test_distance(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        unsigned d;
    } rows[] = {{"", "", 0},       {"a", "", 1},        {"kitten", "sitting", 3}, {"workers", "worker", 1},
                {"ABC", "abc", 0}, {"flaw", "lawn", 2}, {"abc", "xyz", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sl_str_distance(sl_str_c(rows[i].a), sl_str_c(rows[i].b), 9), rows[i].d);
        assert_int_equal(sl_str_distance(sl_str_c(rows[i].b), sl_str_c(rows[i].a), 9), rows[i].d);
    }
    assert_int_equal(sl_str_distance(SL_STR("abc"), SL_STR("xyz"), 2), 2);
    char big[65];
    memset(big, 'x', sizeof big);
    assert_int_equal(sl_str_distance(sl_str_of(big, 64), sl_str_of(big, 64), 5), 0);
    assert_int_equal(sl_str_distance(sl_str_of(big, 65), sl_str_of(big, 65), 5), 5);
}

/* ---- UTF-8 ---- */

/* The definition, not the table: decode, then look whether the shortest form is the same. */
static bool is_valid_by_definition(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = p[i];
        size_t len = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
        if (len == 0 || i + len > n)
            return false;
        uint32_t v = len == 1 ? c : c & (0x7Fu >> len);
        for (size_t k = 1; k < len; k++) {
            if (p[i + k] >> 6 != 2)
                return false;
            v = v << 6 | (p[i + k] & 0x3F);
        }
        size_t least = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
        if (len != least || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF))
            return false;
        i += len;
    }
    return true;
}

static void test_utf8(void **state)
{
    (void)state;
    unsigned char b[24];
    for (unsigned v = 0; v < 0x10000; v++) { /* all pairs, alone and behind a word of ASCII */
        memset(b, 'a', sizeof b);
        for (size_t at = 0; at < 10; at += 9) {
            b[at] = (unsigned char)(v >> 8);
            b[at + 1] = (unsigned char)v;
            assert_int_equal(sl_utf8_valid(sl_str_of(b, at + 2)), is_valid_by_definition(b, at + 2));
            b[at] = b[at + 1] = 'a';
        }
    }
    struct sl_rand r;
    sl_rand_seed(&r, 3);
    for (int i = 0; i < 300000; i++) { /* triples and quadruples near all borders */
        static const unsigned char near[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
                                             0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
                                             0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF};
        size_t n = 1 + (size_t)sl_rand_below(&r, 20);
        for (size_t k = 0; k < n; k++)
            b[k] = near[sl_rand_below(&r, sizeof near)];
        if (sl_utf8_valid(sl_str_of(b, n)) != is_valid_by_definition(b, n))
            fail_msg("%02x %02x %02x %02x ...", b[0], b[1], b[2], b[3]);
    }
    for (uint32_t v = 0; v <= 0x10FFFF; v++) { /* every character */
        size_t n = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
        static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
        uint32_t w = v;
        for (size_t k = n; k-- > 1; w >>= 6)
            b[k] = (unsigned char)(0x80 | (w & 0x3F));
        b[0] = (unsigned char)(lead[n] | w);
        assert_int_equal(sl_utf8_valid(sl_str_of(b, n)), v < 0xD800 || v > 0xDFFF);
        assert_false(n > 1 && sl_utf8_valid(sl_str_of(b, n - 1)));
    }
    assert_true(sl_utf8_valid(SL_STR_NONE));
}

/* ---- JSON strings ---- */

static void json_is(struct sl_str in, const char *want)
{
    struct sl_buf b;
    sl_buf_init(&b, 4096);
    assert_int_equal(sl_buf_add_json(&b, in), SL_OK);
    if (!sl_str_eq(sl_buf_str(&b), sl_str_c(want)))
        fail_msg("got " SL_STR_FMT ", want %s", SL_STR_ARG(sl_buf_str(&b)), want);
    for (size_t max = 0; max < b.n; max++) { /* a maximum anywhere is told */
        struct sl_buf small;
        sl_buf_init(&small, max);
        assert_int_equal(sl_buf_add_json(&small, in), SL_ELIMIT);
        assert_true(small.over);
        sl_buf_done(&small);
    }
    sl_buf_done(&b);
}

static void test_json(void **state)
{
    (void)state;
    json_is(SL_STR(""), "\"\"");
    json_is(SL_STR_NONE, "\"\"");
    json_is(SL_STR("plain text"), "\"plain text\"");
    json_is(SL_STR("\"\\/"), "\"\\\"\\\\/\"");
    json_is(SL_STR("\n\t\r\b\f\0\x1f\x7f<"), "\"\\n\\t\\u000d\\u0008\\u000c\\u0000\\u001f\\u007f\\u003c\"");
    json_is(SL_STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
#define BAD "\xEF\xBF\xBD"
    json_is(SL_STR("\x80"), "\"" BAD "\"");
    json_is(SL_STR("a\xFF"
                   "b"),
            "\"a" BAD "b\"");
    json_is(SL_STR("\xC3"), "\"" BAD "\"");
    json_is(SL_STR("\xC3("), "\"" BAD "(\"");
    json_is(SL_STR("\xE2\x82"), "\"" BAD BAD "\"");
    json_is(SL_STR("\xE2\x82\""), "\"" BAD BAD "\\\"\"");
    json_is(SL_STR("\xED\xA0\x80"), "\"" BAD BAD BAD "\""); /* a surrogate */
    json_is(SL_STR("\xC0\xAF"), "\"" BAD BAD "\"");         /* a long form of '/' */
    json_is(SL_STR("\xF4\x90\x80\x80"), "\"" BAD BAD BAD BAD "\"");
    unsigned char b[64];
    struct sl_rand r;
    sl_rand_seed(&r, 9);
    for (int i = 0; i < 20000; i++) { /* whatever comes in, what goes out is one line of UTF-8 between quotes */
        struct sl_buf out;
        size_t n = (size_t)sl_rand_below(&r, sizeof b);
        for (size_t k = 0; k < n; k++)
            b[k] = (unsigned char)sl_rand_next(&r);
        sl_buf_init(&out, 4096);
        assert_int_equal(sl_buf_add_json(&out, sl_str_of(b, n)), SL_OK);
        struct sl_str s = sl_buf_str(&out);
        assert_true(sl_utf8_valid(s) && s.p[0] == '"' && s.p[s.n - 1] == '"');
        for (size_t k = 1; k + 1 < s.n; k++) {
            assert_true((unsigned char)s.p[k] >= 0x20 && s.p[k] != 0x7F);
            if (s.p[k] == '\\')
                k++;
            else
                assert_true(s.p[k] != '"');
        }
        sl_buf_done(&out);
    }
}

/* ---- log ---- */

static size_t logged(char *out, size_t cap)
{
    ssize_t n = 0;
    FILE *f = tmpfile();
    assert_non_null(f);
    sl_log_set(SL_LOG_INFO, SL_LOG_JSON, fileno(f));
    static char huge[40000];
    memset(huge, 'h', sizeof huge);
    SL_LOG(SL_LOG_DEBUG, "not.shown", SL_LI("a", 1));
    SL_LOG(SL_LOG_WARN, "first", SL_LC("text", "a\"b\n"), SL_LI("number", -5), SL_LC("nothing", NULL));
    SL_LOG(SL_LOG_ERROR, "second", SL_LI("before", 1), SL_LS("huge", sl_str_of(huge, sizeof huge)), SL_LI("behind", 2));
    n = pread(fileno(f), out, cap - 1, 0);
    assert_true(n > 0);
    out[n] = 0;
    fclose(f);
    sl_log_set(SL_LOG_INFO, SL_LOG_JSON, STDERR_FILENO);
    return (size_t)n;
}

/* A line is one whole JSON object, also when a field of it is larger than a line may be. */
static void test_log(void **state)
{
    (void)state;
    static char text[60000];
    struct sl_str all = sl_str_of(text, logged(text, sizeof text)), line = sl_str_cut(&all, '\n');
    assert_true(sl_str_starts(line, SL_STR("{\"time\":\"")));
    assert_true(sl_str_ends(
        line,
        SL_STR(
            "\"level\":\"warn\",\"thread\":\"main\",\"event\":\"first\",\"text\":\"a\\\"b\\n\",\"number\":-5,\"nothing\":\"\"}")));
    line = sl_str_cut(&all, '\n');
    assert_true(sl_str_ends(line, SL_STR("\"event\":\"second\",\"before\":1,\"behind\":2}")));
    assert_true(line.n < 16384);
    assert_int_equal(all.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),    cmocka_unit_test(test_characters), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_distance), cmocka_unit_test(test_utf8),       cmocka_unit_test(test_json),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests_name("base text", tests, NULL, NULL);
}
