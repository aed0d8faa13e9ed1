/* The strict scanner: what it accepts is what RFC 8259 accepts, and the places it tells are right. */
#include "dialect/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <yyjson.h>

static enum json_status scan(struct sl_str doc, struct json_info *info)
{
    return json_scan(doc, NULL, 0, NULL, info);
}

/* A copy at the end of a heap block, so that a read beyond the document is seen by the sanitizer. */
static char *tight(struct sl_str s)
{
    char *p = malloc(s.n > 0 ? s.n : 1);
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p;
}

static void expect(struct sl_str doc, enum json_status want, size_t at)
{
    struct json_info info;
    char *p = tight(doc);
    enum json_status got = scan(sl_str_of(p, doc.n), &info);
    free(p);
    if (got != want || info.at != at)
        fail_msg("%.*s: %s at %zu, expected %s at %zu", (int)doc.n, doc.p, json_status_text(got), info.at,
                 json_status_text(want), at);
}

static const struct {
    struct sl_str doc;
} good[] = {
    {SL_STR_INIT("{}")},
    {SL_STR_INIT("[]")},
    {SL_STR_INIT(" \t\r\n[ \t\r\n] \t\r\n")},
    {SL_STR_INIT("null")},
    {SL_STR_INIT("true")},
    {SL_STR_INIT("false")},
    {SL_STR_INIT("\"\"")},
    {SL_STR_INIT("0")},
    {SL_STR_INIT("-0")},
    {SL_STR_INIT("-1.5e+10")},
    {SL_STR_INIT("1E400")},
    {SL_STR_INIT("123123e100000")},
    {SL_STR_INIT("0.4e00669999999999999999999999999999999999999999999999999999999969999999006")},
    {SL_STR_INIT("-123456789123456789123456789")},
    {SL_STR_INIT("[1,null,\"a\",{\"b\":[]}]")},
    {SL_STR_INIT("{\"a\":1,\"a\":2}")},
    {SL_STR_INIT("{\"\":0}")},
    {SL_STR_INIT("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\uDE00\"]")},
    {SL_STR_INIT("[\"\\ud800\"]")}, /* a lone surrogate is in the grammar */
    {SL_STR_INIT("[\"\\uDFAA\\u0000\"]")},
    {SL_STR_INIT("[\"\x7f\"]")},
    {SL_STR_INIT(
        "[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]")},
    {SL_STR_INIT("{\"a long key that is longer than any key we know, and than one load\":[[[[[[1]]]]]]}")},
};

static const struct {
    struct sl_str doc;
    enum json_status status;
    size_t at;
} bad[] = {
    {SL_STR_INIT(""), JSON_CUT_SHORT, 0},
    {SL_STR_INIT(" "), JSON_CUT_SHORT, 1},
    {SL_STR_INIT("\xef\xbb\xbf{}"), JSON_BAD_SYNTAX, 0},
    {SL_STR_INIT("{} {}"), JSON_TRAILING, 3},
    {SL_STR_INIT("{}x"), JSON_TRAILING, 2},
    {SL_STR_INIT("nul"), JSON_CUT_SHORT, 3},
    {SL_STR_INIT("nulx"), JSON_BAD_SYNTAX, 3},
    {SL_STR_INIT("nullx"), JSON_TRAILING, 4},
    {SL_STR_INIT("True"), JSON_BAD_SYNTAX, 0},
    {SL_STR_INIT("NaN"), JSON_BAD_SYNTAX, 0},
    {SL_STR_INIT("Infinity"), JSON_BAD_SYNTAX, 0},
    {SL_STR_INIT("[-Infinity]"), JSON_BAD_NUMBER, 2},
    {SL_STR_INIT("[,]"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("[1,]"), JSON_BAD_SYNTAX, 3},
    {SL_STR_INIT("[1,,2]"), JSON_BAD_SYNTAX, 3},
    {SL_STR_INIT("[1 2]"), JSON_BAD_SYNTAX, 3},
    {SL_STR_INIT("[1}"), JSON_BAD_SYNTAX, 2},
    {SL_STR_INIT("{\"a\":1]"), JSON_BAD_SYNTAX, 6},
    {SL_STR_INIT("{\"a\":1,}"), JSON_BAD_SYNTAX, 7},
    {SL_STR_INIT("{,}"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("{a:1}"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("{'a':1}"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("{1:1}"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("{\"a\" 1}"), JSON_BAD_SYNTAX, 5},
    {SL_STR_INIT("{\"a\"::1}"), JSON_BAD_SYNTAX, 5},
    {SL_STR_INIT("{\"a\":}"), JSON_BAD_SYNTAX, 5},
    {SL_STR_INIT("{\"a\":1 \"b\":2}"), JSON_BAD_SYNTAX, 7},
    {SL_STR_INIT("{\"a\""), JSON_CUT_SHORT, 4},
    {SL_STR_INIT("{\"a\":"), JSON_CUT_SHORT, 5},
    {SL_STR_INIT("{\"a\":1"), JSON_CUT_SHORT, 6},
    {SL_STR_INIT("{"), JSON_CUT_SHORT, 1},
    {SL_STR_INIT("["), JSON_CUT_SHORT, 1},
    {SL_STR_INIT("[1"), JSON_CUT_SHORT, 2},
    {SL_STR_INIT("[1,"), JSON_CUT_SHORT, 3},
    {SL_STR_INIT("]"), JSON_BAD_SYNTAX, 0},
    {SL_STR_INIT("}"), JSON_BAD_SYNTAX, 0},
    {SL_STR_INIT("/**/[]"), JSON_BAD_SYNTAX, 0},
    {SL_STR_INIT("[1]//"), JSON_TRAILING, 3},
    {SL_STR_INIT("[01]"), JSON_BAD_NUMBER, 1},
    {SL_STR_INIT("[-01]"), JSON_BAD_NUMBER, 1},
    {SL_STR_INIT("[00]"), JSON_BAD_NUMBER, 1},
    {SL_STR_INIT("[1.]"), JSON_BAD_NUMBER, 3},
    {SL_STR_INIT("[.5]"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("[+1]"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("[-]"), JSON_BAD_NUMBER, 2},
    {SL_STR_INIT("-"), JSON_CUT_SHORT, 1},
    {SL_STR_INIT("1."), JSON_CUT_SHORT, 2},
    {SL_STR_INIT("1e"), JSON_CUT_SHORT, 2},
    {SL_STR_INIT("[1e]"), JSON_BAD_NUMBER, 3},
    {SL_STR_INIT("[1e+]"), JSON_BAD_NUMBER, 4},
    {SL_STR_INIT("[1.e1]"), JSON_BAD_NUMBER, 3},
    {SL_STR_INIT("[0x1]"), JSON_BAD_SYNTAX, 2},
    {SL_STR_INIT("[1_000]"), JSON_BAD_SYNTAX, 2},
    {SL_STR_INIT("\""), JSON_CUT_SHORT, 1},
    {SL_STR_INIT("\"abc"), JSON_CUT_SHORT, 4},
    {SL_STR_INIT("\"\\"), JSON_CUT_SHORT, 2},
    {SL_STR_INIT("\"\\u00"), JSON_CUT_SHORT, 5},
    {SL_STR_INIT("[\"\\x41\"]"), JSON_BAD_ESCAPE, 2},
    {SL_STR_INIT("[\"\\u00g0\"]"), JSON_BAD_ESCAPE, 2},
    {SL_STR_INIT("[\"\\U0041\"]"), JSON_BAD_ESCAPE, 2},
    {SL_STR_INIT("[\"\\\n\"]"), JSON_BAD_ESCAPE, 2},
    {SL_STR_INIT("[\"a\nb\"]"), JSON_BAD_CONTROL, 3},
    {SL_STR_INIT("[\"\t\"]"), JSON_BAD_CONTROL, 2},
    {SL_STR_INIT("[\"\0\"]"), JSON_BAD_CONTROL, 2},
    {SL_STR_INIT("[\0]"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("[\f]"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("[\xc2\xa0]"), JSON_BAD_SYNTAX, 1},
    {SL_STR_INIT("[\"\x80\"]"), JSON_BAD_UTF8, 2},
    {SL_STR_INIT("[\"abc\xff\"]"), JSON_BAD_UTF8, 5},
    {SL_STR_INIT("[\"\xc0\xaf\"]"), JSON_BAD_UTF8, 2},         /* overlong */
    {SL_STR_INIT("[\"\xe0\x80\xaf\"]"), JSON_BAD_UTF8, 2},     /* overlong */
    {SL_STR_INIT("[\"\xf0\x80\x80\xaf\"]"), JSON_BAD_UTF8, 2}, /* overlong */
    {SL_STR_INIT("[\"\xed\xa0\x80\"]"), JSON_BAD_UTF8, 2},     /* a surrogate */
    {SL_STR_INIT("[\"\xf4\x90\x80\x80\"]"), JSON_BAD_UTF8, 2}, /* over U+10FFFF */
    {SL_STR_INIT("[\"\xf5\x80\x80\x80\"]"), JSON_BAD_UTF8, 2},
    {SL_STR_INIT("[\"\xe2\x82\"]"), JSON_BAD_UTF8, 2},        /* cut by the quote */
    {SL_STR_INIT("[\"\xf0\x9f\x98\\n\"]"), JSON_BAD_UTF8, 2}, /* cut by an escape */
    {SL_STR_INIT("{\"\xff\":1}"), JSON_BAD_UTF8, 2},          /* in a key */
};

static void accepts_what_is_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        expect(good[i].doc, JSON_OK, good[i].doc.n);
}

static void refuses_what_is_not_and_says_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect(bad[i].doc, bad[i].status, bad[i].at);
}

/* Every prefix of a valid document is cut short (or, for numbers, valid). */
static void every_prefix_is_cut_short(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (size_t n = 0; n < good[i].doc.n; n++) {
            struct json_info info;
            char *p = tight(sl_str_head(good[i].doc, n));
            enum json_status s = scan(sl_str_of(p, n), &info);
            free(p);
            assert_true(s == JSON_CUT_SHORT || s == JSON_OK || s == JSON_BAD_UTF8);
            if (s == JSON_CUT_SHORT)
                assert_int_equal(info.at, n);
        }
    }
}

/* A special byte at every place of strings of every length around the sizes of loads. */
static void finds_special_bytes_everywhere(void **state)
{
    (void)state;
    static const char specials[] = {'"', '\\', '\n', '\0', 0x1f};
    char text[200];
    for (size_t n = 0; n <= 150; n++) {
        for (size_t at = 0; at <= n; at++) {
            memset(text, 'a', n);
            if (at < n)
                text[at] = specials[at % sizeof specials];
            char *p = tight(sl_str_of(text, n));
            assert_ptr_equal(json_string_special(p, p + n), p + at);
            free(p);
        }
    }
}

/* One bad byte at every place of a long text in two-, three- and four-byte characters: found at the right place. */
static void finds_bad_utf8_everywhere(void **state)
{
    (void)state;
    static const char *const characters[] = {"\xc3\xa4", "\xe4\xbd\xa0", "\xf0\x9f\x98\x80"};
    for (int c = 0; c < 3; c++) {
        char text[200];
        size_t n = 0, width = strlen(characters[c]);
        text[n++] = '"';
        for (int i = 0; i < 30; i++, n += width)
            memcpy(text + n, characters[c], width);
        text[n++] = '"';
        expect(sl_str_of(text, n), JSON_OK, n);
        for (size_t at = 1; at + 1 < n; at++) {
            char was = text[at];
            text[at] = (char)0xff;
            size_t start = 1 + (at - 1) / width * width;
            expect(sl_str_of(text, n), JSON_BAD_UTF8, start);
            text[at] = was;
        }
    }
}

/* -- Depth --------------------------------------------------------------------------------------------------------- */

static char *nested(size_t depth, const char *open, const char *close, size_t *n)
{
    size_t o = strlen(open), c = strlen(close);
    char *p = malloc(depth * (o + c) + 2);
    *n = 0;
    for (size_t i = 0; i < depth; i++, *n += o)
        memcpy(p + *n, open, o);
    p[(*n)++] = '1';
    for (size_t i = 0; i < depth; i++, *n += c)
        memcpy(p + *n, close, c);
    return p;
}

static void depth_is_capped(void **state)
{
    (void)state;
    static const char *const forms[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"b\" : ", "}]"}};
    static const size_t depths[] = {1, 2, 63, 64, 65, 127, 128, 129, 10000, 1000000};
    for (int f = 0; f < 3; f++) {
        for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
            size_t n, per = f == 2 ? 2 : 1;
            char *p = nested(depths[i], forms[f][0], forms[f][1], &n);
            struct json_info info;
            enum json_status s = scan(sl_str_of(p, n), &info);
            assert_int_equal(s, depths[i] * per <= JSON_DEPTH_MAX ? JSON_OK : JSON_TOO_DEEP);
            free(p);
        }
    }
    char *p = malloc(1000000);
    memset(p, '[', 1000000);
    struct json_info info;
    assert_int_equal(scan(sl_str_of(p, 1000000), &info), JSON_TOO_DEEP);
    assert_int_equal(info.at, JSON_DEPTH_MAX);
    free(p);
}

static void large_documents(void **state)
{
    (void)state;
    size_t n = (size_t)64 << 20;
    char *p = malloc(n);
    memset(p, 'x', n);
    p[0] = p[n - 1] = '"';
    struct json_info info;
    assert_int_equal(scan(sl_str_of(p, n), &info), JSON_OK);
    p[n - 2] = (char)0x80;
    assert_int_equal(scan(sl_str_of(p, n), &info), JSON_BAD_UTF8);
    assert_int_equal(info.at, n - 2);
    free(p);
}

static void many_members(void **state)
{
    (void)state;
    static const struct json_watch w[] = {{SL_STR_INIT("k199999"), -1}, {SL_STR_INIT("k0"), -1}};
    char *p = malloc(200000 * 16);
    size_t n = 0;
    p[n++] = '{';
    for (int i = 0; i < 200000; i++)
        n += (size_t)snprintf(p + n, 16, "%s\"k%d\":%d", i > 0 ? "," : "", i, i % 10);
    p[n++] = '}';
    struct json_member m[2];
    struct json_info info;
    assert_int_equal(json_scan(sl_str_of(p, n), w, 2, m, &info), JSON_OK);
    assert_int_equal(info.unwatched, 199998);
    assert_int_equal(m[0].index, 199999);
    assert_int_equal(m[0].kind, JSON_NUMBER);
    assert_int_equal(m[1].index, 0);
    free(p);
}

/* -- Watching ------------------------------------------------------------------------------------------------------- */

enum {
    W_A = 0,
    W_B,
    W_BC,
    W_BCD,
    W_LIST,
    W_COUNT
};
static const struct json_watch watches[W_COUNT] = {
    [W_A] = {SL_STR_INIT("a"), -1},     [W_B] = {SL_STR_INIT("b"), -1},       [W_BC] = {SL_STR_INIT("c"), W_B},
    [W_BCD] = {SL_STR_INIT("d"), W_BC}, [W_LIST] = {SL_STR_INIT("list"), -1},
};

static void raw_is(struct sl_str doc, const struct json_member *m, const char *want)
{
    struct sl_str raw = json_raw(doc, m);
    if (!sl_str_eq(raw, sl_str_c(want)))
        fail_msg("%.*s is not %s", (int)raw.n, raw.p, want);
}

static void tells_where_members_are(void **state)
{
    (void)state;
    struct sl_str doc = SL_STR(
        "{ \"x\":{\"a\":9} , \"a\" : \"q\\n\" ,\"b\":{\"c\" :{\"d\": 1.5 ,\"e\":0}}, \"list\":[1,[2,3],{\"a\":4}] } ");
    struct json_member m[W_COUNT];
    struct json_info info;
    assert_int_equal(json_scan(doc, watches, W_COUNT, m, &info), JSON_OK);
    assert_int_equal(info.root, JSON_OBJECT);
    assert_int_equal(info.unwatched, 2); /* x and e; the members of x are not looked at */
    raw_is(doc, &m[W_A], "\"q\\n\"");
    assert_true(m[W_A].escaped);
    assert_int_equal(m[W_A].index, 1);
    assert_int_equal(m[W_A].key, 16);
    assert_int_equal(doc.p[m[W_A].prev_end - 1], '}');
    assert_int_equal(m[W_A].next_key, 29);
    assert_memory_equal(doc.p + m[W_A].next_key, "\"b\"", 3);
    raw_is(doc, &m[W_B], "{\"c\" :{\"d\": 1.5 ,\"e\":0}}");
    assert_int_equal(m[W_B].children, 1);
    raw_is(doc, &m[W_BC], "{\"d\": 1.5 ,\"e\":0}");
    assert_int_equal(m[W_BC].children, 2);
    assert_int_equal(m[W_BC].index, 0);
    raw_is(doc, &m[W_BCD], "1.5");
    assert_int_equal(m[W_BCD].kind, JSON_NUMBER);
    raw_is(doc, &m[W_LIST], "[1,[2,3],{\"a\":4}]");
    assert_int_equal(m[W_LIST].children, 3);
    assert_int_equal(m[W_LIST].next_key, m[W_LIST].to);
    assert_false(m[W_LIST].escaped);
}

static void every_kind(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum json_kind kind;
        uint32_t children;
    } rows[] = {{"null", JSON_NULL, 0},     {"true", JSON_TRUE, 0},   {"false", JSON_FALSE, 0},
                {"-1e3", JSON_NUMBER, 0},   {"\"\"", JSON_STRING, 0}, {"[]", JSON_ARRAY, 0},
                {"[[],[]]", JSON_ARRAY, 2}, {"{}", JSON_OBJECT, 0},   {"{\"a\":{}}", JSON_OBJECT, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char doc[64];
        int n = snprintf(doc, sizeof doc, "{\"a\":%s}", rows[i].value);
        struct json_member m[W_COUNT];
        struct json_info info;
        assert_int_equal(json_scan(sl_str_of(doc, (size_t)n), watches, W_COUNT, m, &info), JSON_OK);
        assert_int_equal(m[W_A].kind, rows[i].kind);
        assert_int_equal(m[W_A].children, rows[i].children);
        raw_is(sl_str_of(doc, (size_t)n), &m[W_A], rows[i].value);
        assert_int_equal(m[W_B].kind, JSON_ABSENT);
    }
}

static void keys_are_compared_unescaped(void **state)
{
    (void)state;
    struct json_member m[W_COUNT];
    struct json_info info;
    struct sl_str doc = SL_STR("{\"\\u006c\\u0069s\\u0074\":1,\"\\u0061\":2,\"\\ud800\":3,\"A\":4,\"a\\u0000\":5}");
    assert_int_equal(json_scan(doc, watches, W_COUNT, m, &info), JSON_OK);
    raw_is(doc, &m[W_LIST], "1");
    raw_is(doc, &m[W_A], "2");
    assert_int_equal(info.unwatched, 3);
}

static void repeated_members_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *doc;
        int member;
        size_t at;
    } rows[] = {{"{\"a\":1,\"a\":1}", W_A, 7},
                {"{\"a\":1,\"\\u0061\":1}", W_A, 7},
                {"{\"b\":{\"c\":1,\"c\":2}}", W_BC, 12},
                {"{\"b\":{\"c\":1},\"b\":{\"c\":2}}", W_B, 13},
                {"{\"a\":null,\"x\":[],\"a\":null}", W_A, 17}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_member m[W_COUNT];
        struct json_info info;
        assert_int_equal(json_scan(sl_str_c(rows[i].doc), watches, W_COUNT, m, &info), JSON_REPEATED);
        assert_int_equal(info.member, rows[i].member);
        assert_int_equal(info.at, rows[i].at);
    }
    struct json_member m[W_COUNT];
    struct json_info info;
    /* The same names elsewhere are others. */
    assert_int_equal(
        json_scan(SL_STR("{\"a\":{\"a\":1,\"a\":2},\"c\":1,\"x\":[{\"a\":1}],\"c\":2}"), watches, W_COUNT, m, &info),
        JSON_OK);
}

static void errors_name_the_member(void **state)
{
    (void)state;
    struct json_member m[W_COUNT];
    struct json_info info;
    assert_int_equal(json_scan(SL_STR("{\"x\":1,\"list\":[[{\"q\":\"\x01\"}]]}"), watches, W_COUNT, m, &info),
                     JSON_BAD_CONTROL);
    assert_int_equal(info.member, W_LIST);
    assert_int_equal(json_scan(SL_STR("{\"list\":1,\"x\":nope}"), watches, W_COUNT, m, &info), JSON_BAD_SYNTAX);
    assert_int_equal(info.member, -1);
    assert_int_equal(json_scan(SL_STR("[nope]"), watches, W_COUNT, m, &info), JSON_BAD_SYNTAX);
    assert_int_equal(info.member, -1);
    assert_int_equal(json_scan(SL_STR("[{\"a\":1}]"), watches, W_COUNT, m, &info), JSON_OK);
    assert_int_equal(m[W_A].kind, JSON_ABSENT);
    assert_int_equal(info.root, JSON_ARRAY);
}

/* -- Values --------------------------------------------------------------------------------------------------------- */

static void tells_how_strings_begin(void **state)
{
    (void)state;
    struct json_info info;
    static const char doc[] =
        "{\"file_id\":[\"slc1.x\",{\"k\":\"a longer one than sixteen bytes\"}],\"abc\":\"\\u0061bc\"}";
    assert_int_equal(json_scan(sl_str_c(doc), NULL, 0, NULL, &info), JSON_OK);
    static const char *const there[] = {"file", "slc1", "k\":\"", "a lo", "abc\"", "\\u00"};
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        assert_true((info.starts & json_start_bit(there[i])) != 0);
        all |= json_start_bit(there[i]);
    }
    assert_true(info.starts == all);
    assert_true((all & json_start_bit("item")) == 0);
    assert_int_equal(json_scan(SL_STR("{\"f\\u0069le_id\":1}"), NULL, 0, NULL, &info), JSON_OK);
    assert_true((info.starts & json_start_bit("file")) != 0);
    assert_int_equal(json_scan(SL_STR("\"\""), NULL, 0, NULL, &info), JSON_OK); /* nothing is read behind the end */
    assert_true(info.starts == 0);
}

static void counts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {{"0", true, 0},
                {"12", true, 12},
                {"12.0", true, 12},
                {"12.000", true, 12},
                {"1200e-2", true, 12},
                {"1.2e1", true, 12},
                {"1.5e3", true, 1500},
                {"1E3", true, 1000},
                {"0.0", true, 0},
                {"0e999999999999999999999", true, 0},
                {"0.000e-5", true, 0},
                {"100000000000000000000e-1", true, UINT64_C(10000000000000000000)},
                {"18446744073709551615", true, UINT64_MAX},
                {"18446744073709551615.0", true, UINT64_MAX},
                {"18446744073709551616", false, 0},
                {"99999999999999999999", false, 0},
                {"1e20", false, 0},
                {"1e999999999999999999999", false, 0},
                {"1e-999999999999999999999", false, 0},
                {"1.5", false, 0},
                {"12e-1", false, 0},
                {"0.1", false, 0},
                {"-1", false, 0},
                {"-0", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t v = 77;
        bool ok = json_count(sl_str_c(rows[i].text), &v);
        if (ok != rows[i].good || v != (ok ? rows[i].value : 77))
            fail_msg("%s: %d %llu", rows[i].text, ok, (unsigned long long)v);
    }
}

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *inside;
        bool good;
        struct sl_str text;
    } rows[] = {{"plain", true, SL_STR_INIT("plain")},
                {"\\\"\\\\\\/\\b\\f\\n\\r\\t", true, SL_STR_INIT("\"\\/\b\f\n\r\t")},
                {"\\u0041\\u00e4\\u20AC\\uD83D\\uDE00", true, SL_STR_INIT("A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")},
                {"a\\u0000b", true, SL_STR_INIT("a\0b")},
                {"\\ud83d", false, SL_STR_INIT("")},
                {"\\ude00\\ud83d", false, SL_STR_INIT("")},
                {"\\ud83dx", false, SL_STR_INIT("")},
                {"\\ud83d\\n", false, SL_STR_INIT("")},
                {"\\ud83d\\u0041", false, SL_STR_INIT("")},
                {"x\\ud83d\\uDE0", false, SL_STR_INIT("")}};
    for (size_t i = 0; i + 1 < sizeof rows / sizeof rows[0]; i++) {
        char out[64];
        size_t n = 0;
        bool ok = json_unescape(sl_str_c(rows[i].inside), out, &n);
        assert_int_equal(ok, rows[i].good);
        if (ok)
            assert_true(sl_str_eq(sl_str_of(out, n), rows[i].text));
    }
}

static void elements(void **state)
{
    (void)state;
    static const char *const want[] = {"\"a]\\\"\"", "[1,\"]\"]", "{\"x\":[\"]\"]}", "-1.5", "null", "true", "\"\""};
    size_t at = 0;
    struct json_member e;
    struct sl_str fine = SL_STR("[ \"a]\\\"\" , [1,\"]\"] ,{\"x\":[\"]\"]}, -1.5 ,null,true , \"\" ]");
    int n = 0;
    for (; json_next_element(fine, &at, &e); n++)
        raw_is(fine, &e, want[n]);
    assert_int_equal(n, 7);
    at = 0;
    assert_false(json_next_element(SL_STR("[]"), &at, &e));
    at = 0;
    assert_false(json_next_element(SL_STR("[  ]"), &at, &e));
}

/* -- Against another reader ---------------------------------------------------------------------------------------- */

static bool has_surrogate_escape(struct sl_str s)
{
    for (size_t i = 0; i + 3 < s.n; i++)
        if (s.p[i] == '\\' && s.p[i + 1] == 'u' && sl_lower(s.p[i + 2]) == 'd' && sl_lower(s.p[i + 3]) >= '8')
            return true;
    return false;
}

/* Documents damaged at random: both readers agree whether they are JSON (lone surrogates and depth aside). */
static void agrees_with_yyjson(void **state)
{
    (void)state;
    static const char base[] =
        "{\"a\":[1,-2.5e3,true,false,null,\"x\\u00e4\\n\xc3\xa4\"],\"b\":{\"c\":{}},\"d\":\"\xe4\xbd\xa0\"}";
    static const char letters[] = "{}[]:,\"\\ \n0123456789-+.eEtrufalsn\x01\xc3\xa4\xe4\xbd\xff/";
    unsigned seed = 1;
    for (int round = 0; round < 200000; round++) {
        char doc[sizeof base];
        size_t n = sizeof base - 1;
        memcpy(doc, base, n);
        seed = seed * 1103515245u + 12345u;
        for (unsigned k = 0, times = 1 + (seed >> 16) % 3; k < times && n > 1; k++) {
            seed = seed * 1103515245u + 12345u;
            size_t at = (seed >> 8) % n;
            if ((seed >> 28) == 0)
                n = at + 1;
            else if ((seed >> 28) < 4)
                memmove(doc + at, doc + at + 1, --n - at);
            else
                doc[at] = letters[(seed >> 20) % (sizeof letters - 1)];
        }
        struct json_info info;
        char *p = tight(sl_str_of(doc, n));
        bool ours = scan(sl_str_of(p, n), &info) == JSON_OK;
        yyjson_doc *y = yyjson_read_opts(p, n, YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
        if (ours != (y != NULL) && !has_surrogate_escape(sl_str_of(doc, n)))
            fail_msg("%.*s: we say %d, yyjson %d", (int)n, doc, ours, y != NULL);
        yyjson_doc_free(y);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_what_is_json),
        cmocka_unit_test(refuses_what_is_not_and_says_where),
        cmocka_unit_test(every_prefix_is_cut_short),
        cmocka_unit_test(finds_special_bytes_everywhere),
        cmocka_unit_test(finds_bad_utf8_everywhere),
        cmocka_unit_test(depth_is_capped),
        cmocka_unit_test(large_documents),
        cmocka_unit_test(many_members),
        cmocka_unit_test(tells_where_members_are),
        cmocka_unit_test(every_kind),
        cmocka_unit_test(keys_are_compared_unescaped),
        cmocka_unit_test(repeated_members_are_named),
        cmocka_unit_test(errors_name_the_member),
        cmocka_unit_test(tells_how_strings_begin),
        cmocka_unit_test(counts),
        cmocka_unit_test(texts),
        cmocka_unit_test(elements),
        cmocka_unit_test(agrees_with_yyjson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
