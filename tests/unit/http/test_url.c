/* Targets, queries, escapes, authorities, URLs of the configuration. */
#include "http/url.h"

#include "base/mem.h"
#include "unit/http/cm.h"

static void targets(void **state)
{
    struct sl_str path, query;
    (void)state;
    url_target_split(SL_STR("/a/b?c=d?e"), &path, &query);
    expect_text(path, SL_STR("/a/b"), "path");
    expect_text(query, SL_STR("c=d?e"), "query");
    url_target_split(SL_STR("/a"), &path, &query);
    expect_text(path, SL_STR("/a"), "path alone");
    assert_int_equal(query.n, 0);
    url_target_split(SL_STR("?"), &path, &query);
    assert_int_equal(path.n + query.n, 0);
    for (unsigned c = 0; c < 256; c++) {
        char one = (char)c;
        assert_int_equal(url_target_is_clean(sl_str_of(&one, 1)), c > 0x20 && c < 0x7f && c != '#');
    }
}

static void escapes(void **state)
{
    static const struct {
        struct sl_str in, out;
        bool ok;
    } rows[] = {
        {SL_STR_INIT("abc"), SL_STR_INIT("abc"), true},
        {SL_STR_INIT(""), SL_STR_INIT(""), true},
        {SL_STR_INIT("a%2fb%2F+c"), SL_STR_INIT("a/b/+c"), true},
        {SL_STR_INIT("%c3%A4"), SL_STR_INIT("\xc3\xa4"), true},
        {SL_STR_INIT("%252e"), SL_STR_INIT("%2e"), true},
        {SL_STR_INIT("%00"), SL_STR_INIT(""), false},
        {SL_STR_INIT("a\0b"), SL_STR_INIT(""), false},
        {SL_STR_INIT("%"), SL_STR_INIT(""), false},
        {SL_STR_INIT("%4"), SL_STR_INIT(""), false},
        {SL_STR_INIT("%4g"), SL_STR_INIT(""), false},
        {SL_STR_INIT("%g4"), SL_STR_INIT(""), false},
        {SL_STR_INIT("%-1"), SL_STR_INIT(""), false},
        {SL_STR_INIT("%%41"), SL_STR_INIT(""), false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *out = sl_malloc(rows[i].in.n); /* exactly what is promised to be enough */
        size_t n = 99;
        assert_int_equal(url_decode(rows[i].in, out, &n), rows[i].ok);
        if (rows[i].ok)
            expect_text(sl_str_of(out, n), rows[i].out, "decoded");
        sl_free(out);
    }
}

static void queries(void **state)
{
    struct sl_str v, k, q = SL_STR("&a=1&&key=x%20y&key=2&flag&empty=&=odd&");
    (void)state;
    assert_true(url_query_find(q, SL_STR("key"), &v));
    expect_text(v, SL_STR("x%20y"), "the first");
    assert_true(url_query_find(q, SL_STR("flag"), &v));
    assert_int_equal(v.n, 0);
    assert_true(url_query_find(q, SL_STR("empty"), &v));
    assert_int_equal(v.n, 0);
    assert_false(url_query_find(q, SL_STR("ke"), &v));
    assert_false(url_query_find(q, SL_STR("KEY"), &v));
    assert_false(url_query_find(SL_STR(""), SL_STR("key"), &v));
    assert_false(url_query_find(SL_STR_NONE, SL_STR("key"), &v));
    unsigned n = 0;
    while (url_query_next(&q, &k, &v))
        n++;
    assert_int_equal(n, 6);
}

static void authorities(void **state)
{
    static const struct {
        const char *text, *host; /* host NULL: refused */
        uint16_t port;
    } rows[] = {
        {"example.com", "example.com", 0},
        {"example.com:443", "example.com", 443},
        {"example.com:", "example.com", 0},
        {"example.com:65535", "example.com", 65535},
        {"EXAMPLE-1_2.com", "EXAMPLE-1_2.com", 0},
        {"127.0.0.1:1", "127.0.0.1", 1},
        {"[::1]:8080", "::1", 8080},
        {"[::]", "::", 0},
        {"[2001:db8::192.0.2.1]", "2001:db8::192.0.2.1", 0},
        {"[1:2:3:4:5:6:7:8]", "1:2:3:4:5:6:7:8", 0},
        {"[1:2:3:4:5:6:1.2.3.4]", "1:2:3:4:5:6:1.2.3.4", 0},
        {"[1:2:3:4:5:6:7::]", "1:2:3:4:5:6:7::", 0},
        {"", NULL, 0},
        {":80", NULL, 0},
        {"example.com:0", NULL, 0},
        {"example.com:65536", NULL, 0},
        {"example.com:000080", NULL, 0},
        {"example.com:8x", NULL, 0},
        {"example.com:+80", NULL, 0},
        {"example.com:80:80", NULL, 0},
        {"a,b", NULL, 0},
        {"a b", NULL, 0},
        {"a\tb", NULL, 0},
        {"user@host", NULL, 0},
        {"host/path", NULL, 0},
        {"host?q", NULL, 0},
        {"host#f", NULL, 0},
        {"host\\x", NULL, 0},
        {"h%41st", NULL, 0},
        {"h\xc3\xa4st", NULL, 0},
        {"::1", NULL, 0},
        {"[::1", NULL, 0},
        {"[]", NULL, 0},
        {"[:]", NULL, 0},
        {"[:::]", NULL, 0},
        {"[1::2::3]", NULL, 0},
        {"[1:2:3:4:5:6:7]", NULL, 0},
        {"[1:2:3:4:5:6:7:8:9]", NULL, 0},
        {"[1:2:3:4:5:6:7::8]", NULL, 0},
        {"[12345::]", NULL, 0},
        {"[::g]", NULL, 0},
        {"[::1.2.3]", NULL, 0},
        {"[::1.2.3.256]", NULL, 0},
        {"[::1.2.3.04]", NULL, 0},
        {"[1.2.3.4::]", NULL, 0},
        {"[::1.2.3.4:5]", NULL, 0},
        {"[fe80::1%25eth0]", NULL, 0},
        {"[v1.x]", NULL, 0},
        {"[::1]x", NULL, 0},
        {"[::1]:", "::1", 0},
        {"[::1]:99999", NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str host = SL_STR("untouched");
        uint16_t port = 7;
        bool ok = url_authority_split(sl_str_c(rows[i].text), &host, &port);
        if (ok != (rows[i].host != NULL))
            fail_msg("'%s' should %s", rows[i].text, ok ? "be refused" : "be taken");
        expect_text(host, ok ? sl_str_c(rows[i].host) : SL_STR("untouched"), rows[i].text);
        assert_int_equal(port, ok ? rows[i].port : 7);
        assert_int_equal(url_authority_is_valid(sl_str_c(rows[i].text)), ok);
    }
    assert_false(url_authority_is_valid(SL_STR("a\0b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(escapes),
        cmocka_unit_test(queries),
        cmocka_unit_test(authorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
