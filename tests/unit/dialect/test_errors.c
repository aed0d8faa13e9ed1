/* The gateway's errors in the formats of callers, and wishes in headers. */
#include "dialect/dialect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <yyjson.h>

static struct sl_arena arena;

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

static yyjson_doc *parsed(struct sl_str s)
{
    yyjson_doc *d = yyjson_read(s.p, s.n, 0);
    if (d == NULL)
        fail_msg("not JSON: %.*s", (int)s.n, s.p);
    return d;
}

static const char *at(yyjson_doc *d, const char *pointer)
{
    return yyjson_get_str(yyjson_doc_ptr_get(d, pointer));
}

static void every_error_in_every_format(void **state)
{
    (void)state;
    for (int e = GE_NONE + 1; e < GE_COUNT; e++) {
        const struct gateway_error_row *row = gateway_error_row((enum gateway_error)e);
        struct error_facts f = {.error = (enum gateway_error)e, .id = SL_STR("01JD")};
        assert_in_range(row->status, 400, 599);
        assert_true(row->code.n > 0 && row->type.n > 0 && row->message.n > 0);

        yyjson_doc *d = parsed(error_body(&arena, ERRORS_OPENAI, &f));
        yyjson_val *err = yyjson_obj_get(yyjson_doc_get_root(d), "error");
        assert_int_equal(yyjson_obj_size(err), 4);
        assert_string_equal(at(d, "/error/message"), row->message.p);
        assert_string_equal(at(d, "/error/type"), row->type.p);
        assert_string_equal(at(d, "/error/code"), row->code.p);
        assert_true(yyjson_is_null(yyjson_obj_get(err, "param")));
        yyjson_doc_free(d);

        d = parsed(error_body(&arena, ERRORS_ANTHROPIC, &f));
        assert_string_equal(at(d, "/type"), "error");
        assert_non_null(at(d, "/error/type"));
        if (e == GE_UP_TOO_LONG)
            assert_string_equal(at(d, "/error/message"), "prompt is too long: The request is too long for the model.");
        else
            assert_string_equal(at(d, "/error/message"), row->message.p);
        assert_string_equal(at(d, "/request_id"), "01JD");
        yyjson_doc_free(d);

        d = parsed(error_body(&arena, ERRORS_GEMINI, &f));
        assert_int_equal(yyjson_get_int(yyjson_doc_ptr_get(d, "/error/code")), row->status);
        assert_non_null(at(d, "/error/status"));
        yyjson_doc_free(d);
    }
}

static void codes_are_their_own(void **state)
{
    (void)state;
    for (int e = GE_NO_TARGET; e < GE_COUNT; e++)
        assert_int_equal(gateway_error_by_code(gateway_error_row((enum gateway_error)e)->code), e);
    assert_int_equal(gateway_error_by_code(SL_STR("")), GE_UP_ERROR);
    assert_int_equal(gateway_error_by_code(SL_STR("nonsense")), GE_UP_ERROR);
}

/* The forms that clients do not ask again after. */
static void a_budget_that_is_used_up(void **state)
{
    (void)state;
    const struct error_facts f = {.error = GE_BUDGET, .resets_ns = INT64_C(1796083200999999999)};
    assert_int_equal(error_status(ERRORS_OPENAI, &f), 402);
    assert_int_equal(error_status(ERRORS_RESPONSES, &f), 429);
    assert_int_equal(error_status(ERRORS_ANTHROPIC, &f), 429);
    assert_int_equal(error_status(ERRORS_GEMINI, &f), 429);
    yyjson_doc *d = parsed(error_body(&arena, ERRORS_OPENAI, &f));
    assert_string_equal(at(d, "/error/type"), "insufficient_quota");
    yyjson_doc_free(d);
    d = parsed(error_body(&arena, ERRORS_RESPONSES, &f));
    assert_string_equal(at(d, "/error/type"), "usage_limit_reached");
    assert_int_equal(yyjson_get_sint(yyjson_doc_ptr_get(d, "/error/resets_at")), 1796083200);
    yyjson_doc_free(d);
    d = parsed(error_body(&arena, ERRORS_ANTHROPIC, &f));
    assert_string_equal(at(d, "/error/type"), "billing_error");
    yyjson_doc_free(d);
    d = parsed(error_body(&arena, ERRORS_GEMINI, &f));
    assert_string_equal(at(d, "/error/status"), "RESOURCE_EXHAUSTED");
    assert_non_null(strstr(at(d, "/error/details/0/violations/0/quotaId"), "PerDay"));
    yyjson_doc_free(d);
}

/* Whatever a caller puts into a name comes out as a valid JSON string of the same text. */
static void names_of_callers_are_escaped(void **state)
{
    (void)state;
    struct error_facts f = {.error = GE_MODEL_UNKNOWN,
                            .param = SL_STR("mo\"del"),
                            .message = SL_STR("no '\"\\\n\t\x01\x7f</script>\xc3\xa4\xf0\x9f\x98\x80\xff\xc3'")};
    yyjson_doc *d = parsed(error_body(&arena, ERRORS_OPENAI, &f));
    assert_string_equal(at(d, "/error/message"),
                        "no '\"\\\n\t\x01\x7f</script>\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd'");
    assert_string_equal(at(d, "/error/param"), "mo\"del");
    yyjson_doc_free(d);
    static char huge[1 << 20];
    memset(huge, '"', sizeof huge);
    f.message = sl_str_of(huge, sizeof huge);
    struct sl_str body = error_body(&arena, ERRORS_OPENAI, &f);
    assert_true(body.n < 8192);
    yyjson_doc_free(parsed(body));
}

static void events_of_broken_streams(void **state)
{
    (void)state;
    struct error_facts f = {.error = GE_UP_TRUNCATED};
    struct sl_str e = error_event(&arena, ERRORS_OPENAI, &f);
    assert_true(sl_str_starts(e, SL_STR("data: {\"error\":{\"message\":")));
    assert_true(sl_str_ends(e, SL_STR("}}\n\n")));
    e = error_event(&arena, ERRORS_ANTHROPIC, &f);
    assert_true(sl_str_starts(e, SL_STR("event: error\ndata: {\"type\":\"error\"")));
    struct stream_event seen;
    e = error_event(&arena, ERRORS_OPENAI, &f);
    dialect_of(OP_CHAT)->stream_watch(NULL, SL_STR_NONE, sl_str_of(e.p + 6, e.n - 8), &seen);
    assert_int_equal(seen.kind, SK_ERROR);

    /* OpenAI's SDK refuses a failure of another response than the one that has begun */
    static const char begun[] =
        "{\"type\":\"response.created\",\"response\":{\"object\":\"response\",\"id\":\"resp_7\"}}";
    dialect_of(OP_RESPONSES)->stream_watch(NULL, SL_STR_NONE, sl_str_c(begun), &seen);
    assert_int_equal(seen.kind, SK_ROLE);
    assert_true(sl_str_eq(seen.answer_id, SL_STR("resp_7")));
    f.answer = seen.answer_id;
    e = error_event(&arena, ERRORS_RESPONSES, &f);
    assert_true(sl_str_starts(e, SL_STR("event: response.failed\ndata: {")));
    assert_true(sl_str_find_str(e, SL_STR("\"response\":{\"id\":\"resp_7\",")) > 0);
    f = (struct error_facts){.error = GE_UP_TRUNCATED, .id = SL_STR("01jd")};
    e = error_event(&arena, ERRORS_RESPONSES, &f);
    assert_true(sl_str_find_str(e, SL_STR("\"response\":{\"id\":\"resp_01jd\",")) > 0);
}

static const char *header(const struct http_headers *h, const char *name)
{
    const struct http_header *x = http_headers_find_name(h, sl_str_c(name));
    return x != NULL ? sl_arena_cstr(&arena, x->value) : NULL;
}

static void headers(void **state)
{
    (void)state;
    struct http_headers h = {0};
    error_headers(&arena, &(struct error_facts){.error = GE_KEY_INVALID}, &h);
    assert_string_equal(header(&h, "content-type"), "application/json");
    assert_string_equal(header(&h, "x-should-retry"), "false");
    assert_string_equal(header(&h, "www-authenticate"), "Bearer");
    assert_null(header(&h, "retry-after"));

    static const struct {
        int64_t ns;
        const char *seconds, *ms;
    } waits[] = {{1, "1", "1"},
                 {INT64_C(1000000000), "1", "1000"},
                 {INT64_C(1000000001), "2", "1001"},
                 {INT64_C(1500000000), "2", "1500"},
                 {INT64_C(86400000000000), "86400", "86400000"}};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        h = (struct http_headers){0};
        error_headers(&arena, &(struct error_facts){.error = GE_OVERLOADED, .retry_after_ns = waits[i].ns}, &h);
        assert_string_equal(header(&h, "retry-after"), waits[i].seconds);
        assert_string_equal(header(&h, "retry-after-ms"), waits[i].ms);
        assert_string_equal(header(&h, "x-should-retry"), "true");
        assert_null(header(&h, "www-authenticate"));
    }
    h = (struct http_headers){0};
    error_headers(&arena, &(struct error_facts){.error = GE_METHOD_NOT_ALLOWED, .allow = SL_STR("POST")}, &h);
    assert_string_equal(header(&h, "allow"), "POST");
    h = (struct http_headers){0};
    error_headers(&arena, &(struct error_facts){.error = GE_OVERLOADED, .retry = RETRY_NO}, &h);
    assert_string_equal(header(&h, "x-should-retry"), "false");
    h = (struct http_headers){0};
    error_headers(&arena, &(struct error_facts){.error = GE_BODY_SLOW}, &h);
    assert_null(header(&h, "x-should-retry"));
}

/* -- Wishes in headers ------------------------------------------------------------------------------------------------ */

static void hints_in_headers(void **state)
{
    (void)state;
    struct http_headers h = {0};
    http_headers_add(&h, &arena, SL_STR("x-sluice-task"), SL_STR("summarization"));
    http_headers_add(&h, &arena, SL_STR("x-sluice-route"), SL_STR("cheap"));
    http_headers_add(&h, &arena, SL_STR("x-sluice-fallback"), SL_STR("False"));
    http_headers_add(&h, &arena, SL_STR("x-sluice-tags"), SL_STR("team=a"));
    struct request_hints hints = {0};
    struct error_facts e;
    assert_true(request_hints_from_headers(&h, &hints, &e));
    assert_true(sl_str_eq(hints.task, SL_STR("summarization")));
    assert_true(sl_str_eq(hints.route, SL_STR("cheap")));
    assert_true(sl_str_eq(hints.tags, SL_STR("team=a")));
    assert_int_equal(hints.fallback, SAID_NO);
    /* The body goes first. */
    hints = (struct request_hints){.task = SL_STR("reasoning"), .fallback = SAID_YES};
    assert_true(request_hints_from_headers(&h, &hints, &e));
    assert_true(sl_str_eq(hints.task, SL_STR("reasoning")));
    assert_int_equal(hints.fallback, SAID_YES);
    assert_true(sl_str_eq(hints.route, SL_STR("cheap")));
}

static void wrong_hints_are_refused(void **state)
{
    (void)state;
    struct request_hints hints = {0};
    struct error_facts e;
    struct http_headers h = {0};
    http_headers_add(&h, &arena, SL_STR("x-sluice-fallback"), SL_STR("maybe"));
    assert_false(request_hints_from_headers(&h, &hints, &e));
    assert_int_equal(e.error, GE_MEMBER_VALUE);
    assert_true(sl_str_eq(e.param, SL_STR("x-sluice-fallback")));
    h = (struct http_headers){0};
    char *long_task = sl_arena_zalloc(&arena, HINT_TEXT_MAX + 1);
    memset(long_task, 'a', HINT_TEXT_MAX + 1);
    http_headers_add(&h, &arena, SL_STR("x-sluice-task"), sl_str_of(long_task, HINT_TEXT_MAX + 1));
    assert_false(request_hints_from_headers(&h, &hints, &e));
    h = (struct http_headers){0};
    http_headers_add(&h, &arena, SL_STR("x-sluice-route"), SL_STR("\xff"));
    assert_false(request_hints_from_headers(&h, &hints, &e));
    assert_true(request_hints_from_headers(&(struct http_headers){0}, &hints, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_error_in_every_format, set_up, tear_down),
        cmocka_unit_test_setup_teardown(codes_are_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_budget_that_is_used_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_callers_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_of_broken_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hints_in_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_hints_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
