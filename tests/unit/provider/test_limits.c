/* What providers say of their limits: each vendor's names, and whatever cannot be true. */
#include "provider/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"

#define NOW (INT64_C(1795000000) * SL_SEC) /* 2026-11-18T11:06:40Z */
#define HEADERS 24

static bool reads(const char *const *pairs, struct provider_limits *out)
{
    struct http_headers h = {0};
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    for (unsigned i = 0; i + 1 < HEADERS && pairs[i] != NULL; i += 2)
        http_headers_add(&h, &a, sl_str_c(pairs[i]), sl_str_c(pairs[i + 1]));
    bool known = provider_limits_read(&h, NOW, out);
    sl_arena_done(&a);
    return known;
}

static void is(const struct provider_limits *l, enum provider_limit_id id, int64_t limit, int64_t left,
               int64_t reset_ns)
{
    assert_true((l->known & 1u << id) != 0);
    assert_int_equal(l->by[id].limit, limit);
    assert_int_equal(l->by[id].remaining, left);
    assert_int_equal(l->by[id].reset_ns, reset_ns);
}

static void vendors(void **state)
{
    (void)state;
    struct provider_limits l;
    static const char *const openai[HEADERS] = {
        "x-ratelimit-limit-requests",     "10000", "x-ratelimit-limit-tokens",     "2000000",
        "x-ratelimit-remaining-requests", "9999",  "x-ratelimit-remaining-tokens", "1999870",
        "x-ratelimit-reset-requests",     "6ms",   "x-ratelimit-reset-tokens",     "6m0s",
        "x-ratelimit-limit-images",       "9",     "x-ratelimit-remaining-images", "1"};
    assert_true(reads(openai, &l));
    assert_int_equal(l.known, 1u << LIMIT_REQUESTS | 1u << LIMIT_TOKENS);
    is(&l, LIMIT_REQUESTS, 10000, 9999, 6 * SL_MS);
    is(&l, LIMIT_TOKENS, 2000000, 1999870, 360 * SL_SEC);
    /* instants are by the provider's clock, which here is an hour late */
    static const char *const anthropic[HEADERS] = {"date",
                                                   "Wed, 18 Nov 2026 10:06:40 GMT",
                                                   "anthropic-ratelimit-requests-limit",
                                                   "50",
                                                   "anthropic-ratelimit-requests-remaining",
                                                   "49",
                                                   "anthropic-ratelimit-requests-reset",
                                                   "2026-11-18T10:06:41Z",
                                                   "anthropic-ratelimit-input-tokens-limit",
                                                   "40000",
                                                   "anthropic-ratelimit-input-tokens-remaining",
                                                   "0",
                                                   "anthropic-ratelimit-input-tokens-reset",
                                                   "2026-11-18T10:07:10Z",
                                                   "anthropic-ratelimit-tokens-limit",
                                                   "48000",
                                                   "anthropic-ratelimit-tokens-remaining",
                                                   "8000"};
    assert_true(reads(anthropic, &l));
    assert_int_equal(l.known, 1u << LIMIT_REQUESTS | 1u << LIMIT_INPUT);
    is(&l, LIMIT_REQUESTS, 50, 49, SL_SEC);
    is(&l, LIMIT_INPUT, 40000, 0, 30 * SL_SEC);
    static const char *const mistral[HEADERS] = {
        "x-ratelimit-limit-req-minute",    "60",     "x-ratelimit-remaining-req-minute",    "59",
        "x-ratelimit-limit-tokens-minute", "500000", "x-ratelimit-remaining-tokens-minute", "499000"};
    assert_true(reads(mistral, &l));
    is(&l, LIMIT_REQUESTS, 60, 59, -1);
    is(&l, LIMIT_TOKENS, 500000, 499000, -1);
    static const char *const together[HEADERS] = {"x-ratelimit-limit",      "10",  "x-ratelimit-remaining", "3",
                                                  "x-ratelimit-reset",      "2",   "x-tokenlimit-limit",    "3000",
                                                  "x-tokenlimit-remaining", "700", "x-tokenlimit-reset",    "1"};
    assert_true(reads(together, &l));
    is(&l, LIMIT_REQUESTS, 10, 3, 2 * SL_SEC);
    is(&l, LIMIT_TOKENS, 3000, 700, SL_SEC);
    static const char *const cerebras[HEADERS] = {
        "x-ratelimit-limit-requests-day",  "14400", "x-ratelimit-remaining-requests-day",  "14399",
        "x-ratelimit-reset-requests-day",  "33011", "x-ratelimit-limit-tokens-minute",     "60000",
        "x-ratelimit-reset-tokens-minute", "11.3",  "x-ratelimit-remaining-tokens-minute", "52000"};
    assert_true(reads(cerebras, &l));
    is(&l, LIMIT_REQUESTS_DAY, 14400, 14399, 33011 * SL_SEC);
    is(&l, LIMIT_TOKENS, 60000, 52000, 11300 * SL_MS);
}

/* Nothing of these is believed. */
static void lies(void **state)
{
    (void)state;
    static const char *const rows[][HEADERS] = {
        {"content-type", "text/plain"},
        {"x-ratelimit-limit-tokens", "10"},
        {"x-ratelimit-remaining-tokens", "0", "x-ratelimit-reset-tokens", "1s"},
        {"x-ratelimit-limit-tokens", "-1", "x-ratelimit-remaining-tokens", "-1"}, /* Azure's */
        {"x-ratelimit-limit-tokens", "0", "x-ratelimit-remaining-tokens", "0"},
        {"x-ratelimit-limit-tokens", "10", "x-ratelimit-remaining-tokens", "11"},
        {"x-ratelimit-limit-tokens", "1e9", "x-ratelimit-remaining-tokens", "1"},
        {"x-ratelimit-limit-tokens", "10.5", "x-ratelimit-remaining-tokens", "1"},
        {"x-ratelimit-limit-tokens", "ten", "x-ratelimit-remaining-tokens", ""},
        {"x-ratelimit-limit-tokens", "1000000000000001", "x-ratelimit-remaining-tokens", "1"},
        {"x-ratelimit-limit-tokens", "99999999999999999999999999", "x-ratelimit-remaining-tokens", "1"},
        {"x-ratelimit-limit-tokens", "10", "x-ratelimit-remaining-tokens", "5", "x-ratelimit-remaining-tokens", "6"},
        {"x-ratelimit-limit-req-minute", "10", "x-ratelimit-remaining-requests", "5", "x-ratelimit-limit-requests",
         "60"},
        {"x-ratelimit-", "1", "x-ratelimit--", "1", "anthropic-ratelimit-", "1", "anthropic-ratelimit--limit", "1"},
        {"anthropic-ratelimit-unified-limit", "1", "anthropic-ratelimit-unified-remaining", "1"},
    };
    struct provider_limits l;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(reads(rows[i], &l));
        assert_int_equal(l.known, 0);
    }
    static const char *const resets[] = {"never", "-5s", "", "1h-2m", "NaN"};
    for (size_t i = 0; i < sizeof resets / sizeof resets[0]; i++) {
        const char *row[HEADERS] = {"x-ratelimit-limit-tokens", "10",     "x-ratelimit-remaining-tokens", "2",
                                    "x-ratelimit-reset-tokens", resets[i]};
        assert_true(reads(row, &l));
        is(&l, LIMIT_TOKENS, 10, 2, -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vendors), cmocka_unit_test(lies)};
    return cmocka_run_group_tests_name("provider limits", tests, NULL, NULL);
}
