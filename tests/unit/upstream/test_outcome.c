/* The table of outcomes, what answers mean (row by row), and the provider's wait. */
#include "upstream/outcome.h"

#include "base/arena.h"
#include "base/clock.h"
#include "upstream/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void rows_are_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OUT_COUNT; i++) {
        const struct outcome_row *r = outcome_row((enum outcome)i);
        assert_true(r->name.n > 0);
        assert_in_range(r->client_status, 200, 599);
        for (unsigned k = 0; k < i; k++)
            assert_false(sl_str_eq(r->name, outcome_row((enum outcome)k)->name));
    }
    assert_string_equal(outcome_row(OUT_TLS_FAILED)->name.p, "tls_failed");
    assert_int_equal(outcome_row(OUT_OK)->next, NEXT_NONE);
    assert_false(outcome_row(OUT_RATE_LIMITED)->counts);
    assert_true(outcome_row(OUT_SERVER_ERROR)->counts);
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code, *type, *message;
        enum outcome means;
    } rows[] = {
        {200, "", "", "", OUT_OK},
        {201, "", "", "", OUT_OK},
        {299, "insufficient_quota", "", "", OUT_OK},
        {301, "", "", "", OUT_REDIRECT},
        {304, "", "", "", OUT_REDIRECT},
        {399, "", "", "", OUT_REDIRECT},
        /* 400 */
        {400, "invalid_value", "invalid_request_error", "", OUT_CLIENT_FAULT},
        {400, "", "invalid_request_error", "", OUT_CLIENT_FAULT},
        {400, "context_length_exceeded", "invalid_request_error", "", OUT_CONTEXT_OVERFLOW},
        {400, "", "exceed_context_size_error", "", OUT_CONTEXT_OVERFLOW},
        {400, "", "BadRequestError", "This model's maximum context length is 4096 tokens.", OUT_CONTEXT_OVERFLOW},
        {400, "", "", "MAXIMUM CONTEXT LENGTH", OUT_CONTEXT_OVERFLOW},
        {403, "", "", "prompt + max_tokens is over the maximum context length", OUT_CONTEXT_OVERFLOW},
        {400, "", "invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum", OUT_CONTEXT_OVERFLOW},
        {400, "invalid_parameter_error", "", "Range of input length should be [1, 30720]", OUT_CONTEXT_OVERFLOW},
        {400, "1261", "", "", OUT_CONTEXT_OVERFLOW},
        {400, "", "", "maximum context lengt", OUT_CLIENT_FAULT},
        {422, "", "", "maximum context length", OUT_CLIENT_FAULT},
        {400, "content_policy_violation", "", "", OUT_CONTENT_FILTER},
        {400, "moderation_blocked", "", "", OUT_CONTENT_FILTER},
        {400, "invalid_prompt", "", "", OUT_CONTENT_FILTER},
        {400, "cyber_policy", "", "", OUT_CONTENT_FILTER},
        {400, "bio_policy", "", "", OUT_CONTENT_FILTER},
        {400, "misalignment_policy_violation", "", "", OUT_CONTENT_FILTER},
        {400, "image_content_policy_violation", "", "", OUT_CONTENT_FILTER},
        {400, "content_filter", "", "", OUT_CONTENT_FILTER},
        {400, "model_not_found", "", "", OUT_MODEL_GONE},
        {400, "Arrearage", "", "", OUT_QUOTA_EXHAUSTED},
        /* 401 to 404 */
        {401, "invalid_api_key", "invalid_request_error", "Incorrect API key provided: sk-***", OUT_BAD_CREDENTIALS},
        {401, "", "", "", OUT_BAD_CREDENTIALS},
        {402, "", "", "", OUT_QUOTA_EXHAUSTED},
        {403, "unsupported_country_region_territory", "", "", OUT_FORBIDDEN},
        {403, "", "", "", OUT_FORBIDDEN},
        {403, "model_not_found", "", "", OUT_MODEL_GONE},
        {404, "model_not_found", "invalid_request_error", "", OUT_MODEL_GONE},
        {404, "", "", "", OUT_MODEL_GONE},
        /* other 4xx */
        {405, "", "", "", OUT_CLIENT_FAULT},
        {408, "", "", "", OUT_SERVER_ERROR},
        {409, "", "", "", OUT_RATE_LIMITED},
        {413, "", "", "", OUT_CLIENT_FAULT},
        {415, "", "", "", OUT_CLIENT_FAULT},
        {422, "", "", "", OUT_CLIENT_FAULT},
        {499, "", "", "", OUT_CLIENT_FAULT},
        /* 429: pressure or billing */
        {429, "rate_limit_exceeded", "rate_limit_error", "", OUT_RATE_LIMITED},
        {429, "", "requests", "", OUT_RATE_LIMITED},
        {429, "", "tokens", "", OUT_RATE_LIMITED},
        {429, "slow_down", "rate_limit_error", "", OUT_RATE_LIMITED},
        {429, "resource_unavailable", "", "", OUT_RATE_LIMITED},
        {429, "", "", "", OUT_RATE_LIMITED},
        {429, "insufficient_quota", "insufficient_quota", "", OUT_QUOTA_EXHAUSTED},
        {429, "", "insufficient_quota", "", OUT_QUOTA_EXHAUSTED},
        {429, "credit_balance_exhausted", "insufficient_quota", "", OUT_QUOTA_EXHAUSTED},
        {429, "organization_spend_limit_exceeded", "", "", OUT_QUOTA_EXHAUSTED},
        {429, "project_spend_limit_exceeded", "", "", OUT_QUOTA_EXHAUSTED},
        {429, "organization_usage_limit_exceeded", "", "", OUT_QUOTA_EXHAUSTED},
        {429, "", "exceeded_current_quota_error", "", OUT_QUOTA_EXHAUSTED},
        {429, "1113", "", "", OUT_QUOTA_EXHAUSTED},
        {400, "1113", "", "", OUT_CLIENT_FAULT},
        /* 5xx */
        {500, "", "server_error", "", OUT_SERVER_ERROR},
        {500, "insufficient_quota", "", "", OUT_SERVER_ERROR}, /* billing is never a 5xx: it says something else */
        {500, "server_is_overloaded", "", "", OUT_OVERLOADED},
        {500, "context_length_exceeded", "", "", OUT_CONTEXT_OVERFLOW},
        {501, "", "not_supported_error", "", OUT_SERVER_ERROR},
        {502, "", "", "<html>Bad gateway</html>", OUT_SERVER_ERROR},
        {503, "server_is_overloaded", "service_unavailable_error", "", OUT_OVERLOADED},
        {503, "slow_down", "", "", OUT_RATE_LIMITED},
        {503, "", "", "", OUT_OVERLOADED},
        {504, "", "", "", OUT_SERVER_ERROR},
        {520, "", "", "", OUT_SERVER_ERROR},
        {526, "", "", "", OUT_SERVER_ERROR},
        {529, "", "overloaded_error", "", OUT_OVERLOADED},
        {599, "", "", "", OUT_SERVER_ERROR},
        /* what cannot be */
        {100, "", "", "", OUT_MALFORMED},
        {199, "", "", "", OUT_MALFORMED},
        {600, "", "", "", OUT_MALFORMED},
        {0, "", "", "", OUT_MALFORMED},
        {-1, "", "", "", OUT_MALFORMED},
        {1000000, "", "", "", OUT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum outcome got = outcome_of_response(rows[i].status, sl_str_c(rows[i].code), sl_str_c(rows[i].type),
                                               sl_str_c(rows[i].message));
        if (got != rows[i].means)
            fail_msg("%d %s %s %s: %s", rows[i].status, rows[i].code, rows[i].type, rows[i].message,
                     outcome_row(got)->name.p);
    }
    assert_int_equal(outcome_of_response(429, SL_STR_NONE, SL_STR_NONE, SL_STR_NONE), OUT_RATE_LIMITED);
}

static void a_long_message_is_looked_at_from_the_front(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'm', sizeof text);
    memcpy(text + 1024 - 22, "maximum context length", 22);
    assert_int_equal(outcome_of_response(400, SL_STR_NONE, SL_STR_NONE, sl_str_of(text, sizeof text)),
                     OUT_CONTEXT_OVERFLOW);
    memset(text, 'm', sizeof text);
    memcpy(text + 1024 - 21, "maximum context length", 22);
    assert_int_equal(outcome_of_response(400, SL_STR_NONE, SL_STR_NONE, sl_str_of(text, sizeof text)),
                     OUT_CLIENT_FAULT);
}

static void waits(void **state)
{
    (void)state;
    static const char NONE[] = "\x01"; /* the header is not there */
    static const int64_t now = INT64_C(1795000000) * SL_SEC;
    static const struct {
        const char *ms, *after;
        int64_t ns;
    } rows[] = {
        {NONE, NONE, -1},
        {NONE, "1", SL_SEC},
        {NONE, "0", 0},
        {NONE, "20", 20 * SL_SEC},
        {NONE, "0.5", SL_SEC / 2},
        {NONE, "1.25", SL_SEC + SL_SEC / 4},
        {NONE, "3.", 3 * SL_SEC},
        {NONE, "0.0000000001", 0},
        {NONE, "007", 7 * SL_SEC},
        {NONE, "", -1},
        {NONE, ".5", -1},
        {NONE, "-1", -1},
        {NONE, "+1", -1},
        {NONE, "1e9", -1},
        {NONE, "1 2", -1},
        {NONE, "soon", -1},
        {NONE, "NaN", -1},
        {NONE, "1000000000", OUTCOME_WAIT_CAP_NS},
        {NONE, "86400", OUTCOME_WAIT_CAP_NS},
        {NONE, "86399", 86399 * SL_SEC},
        {NONE, "99999999999999999999999999999999999999999999", OUTCOME_WAIT_CAP_NS},
        {NONE, "18446744073709551617", OUTCOME_WAIT_CAP_NS},
        {"1500", NONE, 1500 * SL_MS},
        {"1500.5", NONE, 1500 * SL_MS + SL_MS / 2},
        {"250", "9", 250 * SL_MS},
        {"-250", "9", 9 * SL_SEC},
        {"x", "9", 9 * SL_SEC},
        {"", "9", 9 * SL_SEC},
        {"x", "y", -1},
        {"9223372036854775807", NONE, OUTCOME_WAIT_CAP_NS},
        {NONE, "Tue, 17 Nov 2026 23:46:50 GMT", -2}, /* dates: computed below */
        {NONE, "Tue, 17 Nov 2026", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        struct http_headers h = {0};
        sl_arena_init(&a, NULL);
        if (rows[i].ms != NONE)
            http_headers_add_id(&h, &a, HN_RETRY_AFTER_MS, sl_str_c(rows[i].ms));
        if (rows[i].after != NONE)
            http_headers_add_id(&h, &a, HN_RETRY_AFTER, sl_str_c(rows[i].after));
        int64_t got = outcome_retry_after_ns(&h, now);
        if (rows[i].ns != -2 && got != rows[i].ns)
            fail_msg("'%s' '%s': %lld", rows[i].ms, rows[i].after, (long long)got);
        sl_arena_done(&a);
    }
    static const int64_t from_now[] = {-SL_SEC, 0, 30 * SL_SEC, 3600 * SL_SEC, 48 * 3600 * SL_SEC, -1000000 * SL_SEC};
    static const int64_t gives[] = {0, 0, 30 * SL_SEC, 3600 * SL_SEC, OUTCOME_WAIT_CAP_NS, 0};
    for (size_t i = 0; i < sizeof gives / sizeof gives[0]; i++) {
        struct sl_arena a;
        struct http_headers h = {0};
        char date[SL_HTTP_DATE];
        sl_arena_init(&a, NULL);
        sl_http_date(now + from_now[i], date);
        http_headers_add_id(&h, &a, HN_RETRY_AFTER, sl_str_c(date));
        assert_true(outcome_retry_after_ns(&h, now) == gives[i]);
        sl_arena_done(&a);
    }
}

static void health(void **state)
{
    (void)state;
    struct health h = {0};
    health_note(&h, OUT_OK, 8000, 1);
    assert_int_equal(h.first_byte_us, 8000);
    health_note(&h, OUT_OK, 16000, 2);
    assert_int_equal(h.first_byte_us, 9000);
    health_note(&h, OUT_OK, 1000, 2);
    assert_int_equal(h.first_byte_us, 8000);
    health_note(&h, OUT_OK, -1, 2);
    assert_int_equal(h.first_byte_us, 8000);
    assert_int_equal(h.good, 4);
    health_note(&h, OUT_SERVER_ERROR, 10, 77);
    health_note(&h, OUT_CONNECT_TIMEOUT, -1, 78);
    assert_int_equal(h.bad, 2);
    assert_int_equal(h.bad_in_a_row, 2);
    assert_int_equal(h.last_bad_ns, 78);
    health_note(&h, OUT_CLIENT_GONE, 10, 79); /* says nothing about the target */
    health_note(&h, OUT_RATE_LIMITED, 10, 79);
    assert_int_equal(h.bad, 2);
    assert_int_equal(h.bad_in_a_row, 2);
    assert_true(health_allows(&h, 80));
    health_note(&h, OUT_OK, 10, 81);
    assert_int_equal(h.bad_in_a_row, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(answers),
        cmocka_unit_test(a_long_message_is_looked_at_from_the_front),
        cmocka_unit_test(waits),
        cmocka_unit_test(health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
