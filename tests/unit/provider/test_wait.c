/* How long to wait: each form, its caps, and the order in which they count. */
#include "provider/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"

#define NOW (INT64_C(1795000000) * SL_SEC) /* 2026-11-18T11:06:40Z */
#define CAP PROVIDER_WAIT_MAX_NS

static const char none[] = "\x01"; /* the header is not there */

static void retry_after(void **state)
{
    (void)state;
    static const struct {
        const char *ms, *after;
        int64_t ns;
    } rows[] = {
        {none, none, -1},
        {none, "1", SL_SEC},
        {none, "0", 0},
        {none, "20", 20 * SL_SEC},
        {none, "0.5", SL_SEC / 2},
        {none, "1.25", SL_SEC + SL_SEC / 4},
        {none, "1.2345678901234567890", INT64_C(1234567890)},
        {none, "3.", 3 * SL_SEC},
        {none, "0.0000000001", 0},
        {none, "007", 7 * SL_SEC},
        {none, "2s", 2 * SL_SEC},
        {none, "1m30s", 90 * SL_SEC},
        {none, "", -1},
        {none, ".5", -1},
        {none, "-1", -1},
        {none, "-5", -1},
        {none, "+1", -1},
        {none, "1e9", -1},
        {none, "1.x", -1},
        {none, "1 2", -1},
        {none, "soon", -1},
        {none, "NaN", -1},
        {none, "1000000000", CAP},
        {none, "86400", CAP},
        {none, "86401", CAP},
        {none, "86399", 86399 * SL_SEC},
        {none, "86399.999999999", 86400 * SL_SEC - 1},
        {none, "99999999999999999999999999999999999999999999", CAP},
        {none, "18446744073709551617", CAP},
        {none, "18446744073709551615.9", CAP},
        {"1500", none, 1500 * SL_MS},
        {"1500.5", none, 1500 * SL_MS + SL_MS / 2},
        {"0.5", "7", 500 * SL_US},
        {"0", "1", SL_SEC}, /* as Azure has sent it */
        {"0", none, 0},
        {"250", "9", 250 * SL_MS},
        {"-250", "9", 9 * SL_SEC},
        {"soon", "7", 7 * SL_SEC},
        {"", "9", 9 * SL_SEC},
        {"x", "y", -1},
        {"9223372036854775807", none, CAP},
        {"18446744073709551615", none, CAP},
        {none, "Wed, 18 Nov 2026 11:06:50 GMT", 10 * SL_SEC},
        {none, "Wed, 18 Nov 2026 11:06:30 GMT", 0},
        {none, "Sun, 06 Nov 1994 08:49:37 GMT", 0},
        {none, "Fri, 18 Dec 2026 11:06:40 GMT", CAP},
        {none, "Wed, 18 Nov 2026", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        struct http_headers h = {0};
        sl_arena_init(&a, NULL);
        if (rows[i].ms != none)
            http_headers_add_id(&h, &a, HN_RETRY_AFTER_MS, sl_str_c(rows[i].ms));
        if (rows[i].after != none)
            http_headers_add_id(&h, &a, HN_RETRY_AFTER, sl_str_c(rows[i].after));
        int64_t got = provider_wait_ns(&(struct provider_wait){.headers = &h, .now_wall_ns = NOW});
        if (got != rows[i].ns)
            fail_msg("'%s' '%s': %lld", rows[i].ms, rows[i].after, (long long)got);
        sl_arena_done(&a);
    }
}

static void resets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns; /* -1: no such value */
    } rows[] = {
        {"6m0s", 360 * SL_SEC},
        {"1s", SL_SEC},
        {"12ms", 12 * SL_MS},
        {"6ms", 6 * SL_MS},
        {"2m59.56s", 179 * SL_SEC + 560 * SL_MS},
        {"7.66s", 7 * SL_SEC + 660 * SL_MS},
        {"1h2m3s", 3723 * SL_SEC},
        {"1.5h", 5400 * SL_SEC},
        {"0.5d", 43200 * SL_SEC},
        {"250us", 250 * SL_US},
        {"250\xc2\xb5s", 250 * SL_US},
        {"17ns", 17},
        {"0s", 0},
        {"34.074824224s", INT64_C(34074824224)},
        {"900ms", 900 * SL_MS},
        {"999999h", CAP},
        {"99999999999999999999d99999999999999999d", CAP},
        {"25h", CAP},
        {" 5s ", 5 * SL_SEC},
        {"59", 59 * SL_SEC},
        {"59.5", 59 * SL_SEC + SL_SEC / 2},
        {"0", 0},
        {"999999999", CAP},
        {"1795000030", 30 * SL_SEC}, /* seconds since 1970 */
        {"1795000030.5", 30 * SL_SEC},
        {"1794999999", 0},
        {"1795000030500", 30 * SL_SEC + SL_SEC / 2}, /* milliseconds */
        {"99999999999", CAP},
        {"99999999999999", CAP},
        {"18446744073709551615", CAP},
        {"2026-11-18T11:06:50Z", 10 * SL_SEC},
        {"2026-11-18T11:06:50.25Z", 10 * SL_SEC + SL_SEC / 4},
        {"2026-11-18t11:06:50z", 10 * SL_SEC},
        {"2026-11-18 11:06:50Z", 10 * SL_SEC},
        {"2026-11-18T12:06:50+01:00", 10 * SL_SEC},
        {"2026-11-18T05:36:50-05:30", 10 * SL_SEC},
        {"2026-11-18T11:06:39Z", 0},
        {"9999-12-31T23:59:59Z", CAP},
        {"0000-01-01T00:00:00Z", 0},
        {"Fri, 31 Dec 9999 23:59:59 GMT", -2}, /* either: not in nanoseconds */
        {"2027-11-18T11:06:39Z", CAP},
        {"Wed, 18 Nov 2026 11:06:50 GMT", 10 * SL_SEC},
        {"", -1},
        {"s", -1},
        {"5x", -1},
        {"5s5", -1},
        {"5 s", -1},
        {"-1", -1},
        {"-5s", -1},
        {"+5s", -1},
        {"1,5s", -1},
        {"2026-11-18", -1},
        {"2026-11-18T11:06:50", -1},
        {"2026-13-18T11:06:50Z", -1},
        {"2026-11-18T24:06:50Z", -1},
        {"2026-11-18T11:06:50.Z", 10 * SL_SEC},
        {"2026-11-18T11:06:50+1:00", -1},
        {"2026-11-18T11:06:50Zz", -1},
        {"1795000030x", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ns = -1;
        bool ok = provider_reset_ns(sl_str_c(rows[i].text), NOW, &ns);
        if (rows[i].ns == -2)
            assert_true(!ok || (ns >= 0 && ns <= CAP));
        else if (ok != (rows[i].ns >= 0) || (ok && ns != rows[i].ns))
            fail_msg("'%s': %d, %lld", rows[i].text, ok, (long long)ns);
    }
}

/* Of a limit that is used up, and only when the answer is about a limit. */
static void limits(void **state)
{
    (void)state;
    static const struct {
        const char *headers[8]; /* name, value */
        int64_t ns;
    } rows[] = {
        {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "6m0s"}, 360 * SL_SEC},
        {{"x-ratelimit-remaining-requests", "1", "x-ratelimit-reset-requests", "6m0s"}, -1},
        {{"x-ratelimit-reset-requests", "6m0s"}, -1},
        {{"x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "1s", "x-ratelimit-remaining-tokens",
          "0", "x-ratelimit-reset-tokens", "12s"},
         12 * SL_SEC},
        {{"x-ratelimit-remaining-requests", "9", "x-ratelimit-reset-requests", "50s", "x-ratelimit-remaining-tokens",
          "0", "x-ratelimit-reset-tokens", "12ms"},
         12 * SL_MS},
        {{"x-ratelimit-remaining", "0", "x-ratelimit-reset", "1795000020000"}, 20 * SL_SEC},
        {{"x-ratelimit-remaining-tokens", "-1", "x-ratelimit-reset-tokens", "0"}, -1},
        {{"x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "0"}, -1},
        {{"x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "never"}, -1},
        {{"anthropic-ratelimit-input-tokens-remaining", "0", "anthropic-ratelimit-input-tokens-reset",
          "2026-11-18T11:06:45Z"},
         5 * SL_SEC},
        {{"anthropic-ratelimit-requests-remaining", "12", "anthropic-ratelimit-requests-reset", "2026-11-18T11:06:45Z"},
         -1},
        {{"x-other-remaining", "0", "x-other-reset", "5s"}, -1},
        {{"retry-after", "3", "x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "6m0s"}, 3 * SL_SEC},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        struct http_headers h = {0};
        sl_arena_init(&a, NULL);
        for (size_t k = 0; k < 8 && rows[i].headers[k] != NULL; k += 2) {
            struct sl_str name = sl_str_c(rows[i].headers[k]);
            if (sl_str_eq(name, SL_STR("retry-after")))
                http_headers_add_id(&h, &a, HN_RETRY_AFTER, sl_str_c(rows[i].headers[k + 1]));
            else
                http_headers_add(&h, &a, name, sl_str_c(rows[i].headers[k + 1]));
        }
        struct provider_wait w = {.headers = &h, .limited = true, .now_wall_ns = NOW};
        int64_t got = provider_wait_ns(&w);
        if (got != rows[i].ns)
            fail_msg("row %zu: %lld", i, (long long)got);
        w.limited = false;
        assert_int_equal(provider_wait_ns(&w), i == sizeof rows / sizeof rows[0] - 1 ? 3 * SL_SEC : -1);
        sl_arena_done(&a);
    }
}

static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *delay, *message;
        int64_t ns;
    } rows[] = {
        {"34.074824224s", "", INT64_C(34074824224)},
        {"900ms", "", 900 * SL_MS},
        {"0s", "", 0},
        {"90000s", "", CAP},
        {"34", "", -1}, /* a Duration has its unit */
        {"-3s", "", -1},
        {"2s", "Please retry in 34.07s.", 2 * SL_SEC},
        {"", "You exceeded your current quota. Please retry in 34.07s.", 34 * SL_SEC + 70 * SL_MS},
        {"", "Rate limit reached for x. Please try again in 6m0s. Visit", 360 * SL_SEC},
        {"", "Please try again in 120ms.", 120 * SL_MS},
        {"", "Please retry after 7 seconds.", 7 * SL_SEC},
        {"", "Please retry after 1 second.", SL_SEC},
        {"", "Please try again in 2 minutes.", 120 * SL_SEC},
        {"", "Please retry after 999999999999999 seconds.", CAP},
        {"", "Please try again in a while.", -1},
        {"", "Please try again in 5.", -1},
        {"", "try again later", -1},
        {"", "retry in ", -1},
    };
    struct http_headers no = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t got = provider_wait_ns(&(struct provider_wait){.headers = &no,
                                                               .delay = sl_str_c(rows[i].delay),
                                                               .message = sl_str_c(rows[i].message),
                                                               .now_wall_ns = NOW});
        if (got != rows[i].ns)
            fail_msg("'%s' '%s': %lld", rows[i].delay, rows[i].message, (long long)got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_after),
        cmocka_unit_test(resets),
        cmocka_unit_test(limits),
        cmocka_unit_test(bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
