/* Sizes, durations, addresses and URLs: what is taken, what is refused, and that showing reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "config/config.h"

static void sizes(void **state)
{
    static const struct {
        const char *text;
        enum sl_err e;
        uint64_t bytes;
    } ROWS[] = {
        {"0", SL_OK, 0},
        {"1", SL_OK, 1},
        {"1B", SL_OK, 1},
        {"64MiB", SL_OK, 64u << 20},
        {"64 MiB", SL_OK, 64u << 20},
        {"10KB", SL_OK, 10000},
        {"2TiB", SL_OK, UINT64_C(2) << 40},
        {"9223372036854775807", SL_OK, INT64_MAX},
        {"9223372036854775808", SL_ELIMIT, 0},
        {"18446744073709551616", SL_ELIMIT, 0},
        {"8388608TiB", SL_ELIMIT, 0},
        {"16777216TiB", SL_ELIMIT, 0},
        {"", SL_EINVAL, 0},
        {"MiB", SL_EINVAL, 0},
        {"64M", SL_EINVAL, 0},
        {"64k", SL_EINVAL, 0},
        {"64mib", SL_EINVAL, 0},
        {"1.5MiB", SL_EINVAL, 0},
        {"-1", SL_EINVAL, 0},
        {" 1", SL_EINVAL, 0},
        {"1MiBx", SL_EINVAL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        uint64_t bytes = 77;
        assert_int_equal(cfg_parse_size(sl_str_c(ROWS[i].text), &bytes), ROWS[i].e);
        assert_int_equal(bytes, ROWS[i].e == SL_OK ? ROWS[i].bytes : 77);
    }
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        enum sl_err e;
        int64_t ns;
    } ROWS[] = {
        {"0", SL_OK, 0},
        {"1ns", SL_OK, 1},
        {"5us", SL_OK, 5000},
        {"200ms", SL_OK, 200 * SL_MS},
        {"10s", SL_OK, 10 * SL_SEC},
        {"5m", SL_OK, 300 * SL_SEC},
        {"1h30m", SL_OK, 5400 * SL_SEC},
        {"1d", SL_OK, 86400 * SL_SEC},
        {"106751d", SL_OK, INT64_C(106751) * 86400 * SL_SEC},
        {"106752d", SL_ELIMIT, 0},
        {"99999999999999999999s", SL_ELIMIT, 0},
        {"106751d24h", SL_ELIMIT, 0},
        {"10", SL_EINVAL, 0},
        {"", SL_EINVAL, 0},
        {"s", SL_EINVAL, 0},
        {"10 s", SL_EINVAL, 0},
        {"30m1h", SL_EINVAL, 0},
        {"1s1s", SL_EINVAL, 0},
        {"1S", SL_EINVAL, 0},
        {"-1s", SL_EINVAL, 0},
        {"1.5s", SL_EINVAL, 0},
        {"00", SL_EINVAL, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        int64_t ns = 77;
        assert_int_equal(cfg_parse_duration(sl_str_c(ROWS[i].text), &ns), ROWS[i].e);
        assert_int_equal(ns, ROWS[i].e == SL_OK ? ROWS[i].ns : 77);
    }
}

static void shown(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } SIZES[] = {{0, "0"},
                 {1, "1"},
                 {1023, "1023"},
                 {1024, "1KiB"},
                 {1536, "1536"},
                 {65536, "64KiB"},
                 {1 << 20, "1MiB"},
                 {UINT64_C(3) << 30, "3GiB"},
                 {INT64_MAX, "9223372036854775807"}};
    static const struct {
        int64_t ns;
        const char *text;
    } TIMES[] = {{0, "0"},
                 {1, "1ns"},
                 {1500 * SL_US, "1500us"},
                 {200 * SL_MS, "200ms"},
                 {90 * SL_SEC, "90s"},
                 {60 * SL_SEC, "1m"},
                 {24 * 3600 * SL_SEC, "24h"},
                 {48 * 3600 * SL_SEC, "2d"}};
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, 100);
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
        uint64_t back;
        sl_buf_reset(&b);
        cfg_add_size(&b, SIZES[i].bytes);
        assert_true(sl_str_eq(sl_buf_str(&b), sl_str_c(SIZES[i].text)));
        assert_int_equal(cfg_parse_size(sl_buf_str(&b), &back), SL_OK);
        assert_int_equal(back, SIZES[i].bytes);
    }
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
        int64_t back;
        sl_buf_reset(&b);
        cfg_add_duration(&b, TIMES[i].ns);
        assert_true(sl_str_eq(sl_buf_str(&b), sl_str_c(TIMES[i].text)));
        assert_int_equal(cfg_parse_duration(sl_buf_str(&b), &back), SL_OK);
        assert_int_equal(back, TIMES[i].ns);
    }
    sl_buf_done(&b);
}

static void addresses(void **state)
{
    static const char *const GOOD[][2] = {{"127.0.0.1:8080", "127.0.0.1:8080"},
                                          {"[::1]:1", "[::1]:1"},
                                          {"localhost:80", "127.0.0.1:80"},
                                          {"0.0.0.0:65535", "0.0.0.0:65535"},
                                          {"[::]:0", "[::]:0"}};
    static const char *const BAD[] = {"",
                                      ":",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":8080",
                                      "::1:80",
                                      "[::1]",
                                      "[::1]80",
                                      "[::1",
                                      "127.0.0.1:65536",
                                      "a.b:80",
                                      "127.1:80",
                                      "127.0.0.1:80:80",
                                      "127.0.0.1:+1",
                                      "127.0.0.1: 1",
                                      "*:80",
                                      "0x7f.1:80",
                                      "[127.0.0.1",
                                      "127.0.0.1:00080x"};
    struct sl_arena a;
    (void)state;
    sl_arena_init(&a, NULL);
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        struct cfg_address at;
        char text[SL_ADDR_TEXT];
        assert_int_equal(cfg_parse_address(sl_str_c(GOOD[i][0]), &a, &at, NULL), SL_OK);
        size_t n = sl_addr_text(&at.addr, text);
        assert_true(sl_str_eq(sl_str_of(text, n), sl_str_c(GOOD[i][1])));
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct cfg_address at = {.text = SL_STR("untouched")};
        const char *why = NULL;
        assert_int_equal(cfg_parse_address(sl_str_c(BAD[i]), &a, &at, &why), SL_EINVAL);
        assert_non_null(why);
        assert_true(sl_str_eq(at.text, SL_STR("untouched")));
    }
    struct cfg_address at; /* a NUL inside, as "\0" in YAML gives */
    assert_int_equal(cfg_parse_address(SL_STR("127.0.0.1\0:80"), &a, &at, NULL), SL_EINVAL);
    sl_arena_done(&a);
}

static void urls(void **state)
{
    static const struct {
        const char *text, *host, *authority, *path;
        unsigned port;
        bool tls, is_literal, is_loopback, is_private;
    } GOOD[] = {
        {"https://api.openai.com/v1", "api.openai.com", "api.openai.com", "/v1", 443, true, false, false, false},
        {"https://api.openai.com/v1/", "api.openai.com", "api.openai.com", "/v1", 443, true, false, false, false},
        {"HTTP://Host:8000", "host", "host:8000", "", 8000, false, false, false, false},
        {"http://h:80/", "h", "h", "", 80, false, false, false, false},
        {"https://h:443/a/b", "h", "h", "/a/b", 443, true, false, false, false},
        {"http://127.0.0.1:9/v1", "127.0.0.1", "127.0.0.1:9", "/v1", 9, false, true, true, true},
        {"http://[::1]:9", "::1", "[::1]:9", "", 9, false, true, true, true},
        {"http://localhost", "localhost", "localhost", "", 80, false, false, true, true},
        {"http://10.0.0.5:8000/v1", "10.0.0.5", "10.0.0.5:8000", "/v1", 8000, false, true, false, true},
        {"http://8.8.8.8", "8.8.8.8", "8.8.8.8", "", 80, false, true, false, false},
        {"http://100.64.0.1", "100.64.0.1", "100.64.0.1", "", 80, false, true, false, true},
        {"http://169.254.169.254", "169.254.169.254", "169.254.169.254", "", 80, false, true, false, true},
        {"http://[fd00::1]", "fd00::1", "[fd00::1]", "", 80, false, true, false, true},
        {"http://[::ffff:10.0.0.1]", "::ffff:10.0.0.1", "[::ffff:10.0.0.1]", "", 80, false, true, false, true},
        {"http://[64:ff9b::7f00:1]", "64:ff9b::7f00:1", "[64:ff9b::7f00:1]", "", 80, false, true, false, true},
        {"http://[2002:a00:1::]", "2002:a00:1::", "[2002:a00:1::]", "", 80, false, true, false, true},
        {"http://[2606:4700::1]", "2606:4700::1", "[2606:4700::1]", "", 80, false, true, false, false},
        {"http://0.0.0.0", "0.0.0.0", "0.0.0.0", "", 80, false, true, false, true},
    };
    static const char *const BAD[] = {
        "",
        "api.openai.com",
        "ftp://h",
        "https://",
        "https:///v1",
        "https://u@h",
        "https://h?",
        "https://h/#a",
        "https://h:0",
        "https://h:65536",
        "https://h:",
        "https://h:x",
        "https://-h",
        "https://a..b",
        "https://.a",
        "https://127.1",
        "https://0x7f.1",
        "https://2130706433",
        "https://h/ b",
        "https://h/\x01",
        "https://[::1",
        "https://h/a/../b",
        "https://h/..",
        "https://h\\@x",
        "https://[1.2.3.4.5]",
        "https://\xc3\xa4.de",
        "https://h/{x}",
        "https://1.2.3.4.",
    };
    struct sl_arena a;
    (void)state;
    sl_arena_init(&a, NULL);
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        struct cfg_url u;
        assert_int_equal(cfg_parse_url(sl_str_c(GOOD[i].text), &a, &u, NULL), SL_OK);
        assert_true(sl_str_eq(u.host, sl_str_c(GOOD[i].host)));
        assert_true(sl_str_eq(u.authority, sl_str_c(GOOD[i].authority)));
        assert_true(sl_str_eq(u.path, sl_str_c(GOOD[i].path)));
        assert_int_equal(u.port, GOOD[i].port);
        assert_int_equal(u.tls, GOOD[i].tls);
        if (u.is_literal != GOOD[i].is_literal || u.is_loopback != GOOD[i].is_loopback ||
            u.is_private != GOOD[i].is_private)
            fail_msg("%s: literal %d, loopback %d, private %d", GOOD[i].text, u.is_literal, u.is_loopback,
                     u.is_private);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        struct cfg_url u = {.port = 77};
        const char *why = NULL;
        if (cfg_parse_url(sl_str_c(BAD[i]), &a, &u, &why) != SL_EINVAL)
            fail_msg("taken: %s", BAD[i]);
        assert_non_null(why);
        assert_int_equal(u.port, 77);
    }
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),     cmocka_unit_test(durations), cmocka_unit_test(shown),
        cmocka_unit_test(addresses), cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
