/* Error answers as they come: the shapes of openai-compatible.md 6, gemini.md 10.1, bedrock.md 8, anthropic.md 9, and what is
 * no JSON at all; then each of them cut at every byte. */
#include "dialect/error_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"

static const struct {
    const char *errortype; /* x-amzn-errortype; NULL: none */
    const char *body;
    const char *type, *code, *message, *param, *reason, *quota, *delay;
    int status;
} rows[] = {
    {NULL,
     "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"param\":\"messages[0]\",\"code\":\"invalid_value\"}}",
     "invalid_request_error", "invalid_value", "no", "messages[0]", "", "", "", 0},
    {NULL, " \r\n{ \"error\" : { \"message\" : \"no\" , \"type\" : null , \"code\" : null } }\n", "", "", "no", "", "",
     "", "", 0},
    {NULL, "{\"error\":{\"message\":\"no\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}}",
     "BadRequestError", "400", "no", "", "", "", "", 400},
    {NULL,
     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"no\",\"details\":{\"error_code\":\"ramp_limit_exceeded\"}},\"request_id\":\"req_1\"}",
     "rate_limit_error", "", "no", "", "ramp_limit_exceeded", "", "", 0},
    /* as a text */
    {NULL, "{\"error\":\"model 'x' not found\"}", "", "", "model 'x' not found", "", "", "", "", 0},
    {NULL, "{\"code\":\"invalid-argument\",\"error\":\"Model not found: x\"}", "", "invalid-argument",
     "Model not found: x", "", "", "", "", 0},
    {NULL, "\"just this\"", "", "", "just this", "", "", "", "", 0},
    /* at the top */
    {NULL,
     "{\"object\":\"error\",\"message\":\"no\",\"type\":\"rate_limited\",\"param\":null,\"code\":\"1300\",\"raw_status_code\":429}",
     "rate_limited", "1300", "no", "", "", "", "", 429},
    {NULL, "{\"id\":\"1\",\"message\":\"invalid api token\"}", "", "", "invalid api token", "", "", "", "", 0},
    {NULL, "{\"error_type\":\"TOO_MANY_TOKENS\",\"message\":\"too many\"}", "", "", "too many", "", "TOO_MANY_TOKENS",
     "", "", 0},
    {NULL, "{\"code\":\"InvalidParameter\",\"message\":\"no\",\"request_id\":\"r\"}", "", "InvalidParameter", "no", "",
     "", "", "", 0},
    {NULL, "{\"detail\":\"Not Found\"}", "", "", "Not Found", "", "", "", "", 0},
    {NULL,
     "{\"detail\":[{\"loc\":[\"body\",\"model\"],\"msg\":\"Field required\",\"type\":\"missing\"},{\"msg\":\"x\"}]}",
     "missing", "", "Field required", "", "", "", "", 0},
    {NULL, "{\"title\":\"Unauthenticated\",\"detail\":\"You did not\",\"status\":401}", "", "", "You did not", "", "",
     "", "", 401},
    {NULL, "{\"title\":\"Unauthenticated\",\"status\":401}", "", "", "Unauthenticated", "", "", "", "", 401},
    {NULL, "{\"success\":false,\"errors\":[{\"code\":10001,\"message\":\"Unable\"}]}", "", "10001", "Unable", "", "",
     "", "", 0},
    {NULL, "{\"fault\":{\"faultstring\":\"Invalid key\",\"detail\":{\"errorcode\":\"oauth.v2.Invalid\"}}}", "",
     "oauth.v2.Invalid", "Invalid key", "", "", "", "", 0},
    {NULL, "{\"error\":\"invalid_grant\",\"error_description\":\"clock\"}", "", "", "invalid_grant", "", "", "", "", 0},
    /* Google */
    {NULL,
     "[{\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{\"@type\":\"t/google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":\"m\",\"quotaId\":\"PerDayX\"},{\"quotaId\":\"other\"}]},{\"@type\":\"t\",\"retryDelay\":\"34.07s\"}]}}]",
     "RESOURCE_EXHAUSTED", "429", "Quota", "", "", "PerDayX", "34.07s", 429},
    {NULL,
     "{\"error\":{\"code\":400,\"message\":\"bad\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"reason\":\"API_KEY_INVALID\",\"domain\":\"d\",\"metadata\":{\"service\":\"s\"}},{\"fieldViolations\":[{\"field\":\"contents\",\"description\":\"d\"}]}]}}",
     "INVALID_ARGUMENT", "400", "bad", "contents", "API_KEY_INVALID", "", "", 400},
    {NULL,
     "{\"error\":{\"errors\":[{\"message\":\"legacy\",\"domain\":\"usageLimits\",\"reason\":\"keyInvalid\"}],\"message\":\"bad\"}}",
     "", "", "legacy", "", "keyInvalid", "", "", 0},
    {NULL,
     "{\"error\":{\"code\":400,\"message\":\"{\\n \\\"error\\\": {\\\"code\\\": 400, \\\"message\\\": \\\"API key not valid\\\", \\\"status\\\": \\\"INVALID_ARGUMENT\\\"}}\",\"status\":\"Bad Request\"}}",
     "INVALID_ARGUMENT", "400", "API key not valid", "", "", "", "", 400},
    {NULL,
     "{\"error\":{\"message\":\"{\\\"error\\\":{\\\"message\\\":\\\"{\\\\\\\"error\\\\\\\":{\\\\\\\"message\\\\\\\":\\\\\\\"deep\\\\\\\",\\\\\\\"code\\\\\\\":\\\\\\\"c\\\\\\\"}}\\\"}}\"}}",
     "", "c", "deep", "", "", "", "", 0},
    {NULL, "{\"error\":{\"status\":\"UNAVAILABLE\",\"message\":\"busy\"}}", "UNAVAILABLE", "", "busy", "", "", "", "",
     0},
    {NULL, "{\"error\":{\"code\":503,,\"message\":\"lost\"}}", "", "503", "", "", "", "", "", 503},
    /* AWS */
    {"ThrottlingException:http://internal.amazon.com/coral/", "{\"message\":\"Too many requests\"}", "",
     "ThrottlingException", "Too many requests", "", "", "", "", 0},
    {"com.amazon#ValidationException,x", "", "", "ValidationException", "", "", "", "", "", 0},
    {NULL, "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\",\"Message\":\"expired\"}",
     "ExpiredTokenException", "", "expired", "", "", "", "", 0},
    {"ModelErrorException", "{\"message\":\"m\",\"originalStatusCode\":400,\"resourceName\":\"r\"}", "",
     "ModelErrorException", "m", "", "", "", "", 400},
    /* Azure, OpenRouter, Groq, Responses */
    {NULL,
     "{\"error\":{\"message\":\"m\",\"type\":null,\"param\":\"prompt\",\"code\":\"content_filter\",\"status\":400,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\",\"content_filter_result\":{}}}}",
     "", "content_filter", "m", "prompt", "ResponsibleAIPolicyViolation", "", "", 400},
    {NULL,
     "{\"error\":{\"message\":\"too long\",\"code\":400,\"metadata\":{\"error_type\":\"context_length_exceeded\",\"provider_name\":\"p\"}}}",
     "", "400", "too long", "", "context_length_exceeded", "", "", 400},
    {NULL,
     "{\"error\":{\"message\":\"Provider returned error\",\"code\":403,\"metadata\":{\"raw\":\"{\\\"code\\\":\\\"denied\\\",\\\"error\\\":\\\"Content violates usage guidelines\\\"}\",\"provider_name\":\"xAI\"}}}",
     "", "403", "Content violates usage guidelines", "", "denied", "", "", 403},
    {NULL,
     "{\"error\":{\"message\":\"Provider returned error\",\"code\":429,\"metadata\":{\"raw\":\"is rate-limited upstream\"}}}",
     "", "429", "is rate-limited upstream", "", "", "", "", 429},
    {NULL, "{\"id\":\"c\",\"x_groq\":{\"error\":\"over\"}}", "", "", "over", "", "", "", "", 0},
    {NULL,
     "{\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}",
     "failed", "server_error", "m", "", "", "", "", 0},
    /* no JSON */
    {NULL, "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Error 404 (Not Found)!!1</title>", "", "",
     "Error 404 (Not Found)!!1", "", "", "", "", 0},
    {NULL, "<html><body>no title</body></html>", "", "", "", "", "", "", "", 0},
    {NULL, "<TITLE lang='x'>\n 502 Bad Gateway</TITLE>", "", "", "502 Bad Gateway", "", "", "", "", 0},
    {NULL, "upstream connect error or disconnect", "", "", "upstream connect error or disconnect", "", "", "", "", 0},
    {NULL, "", "", "", "", "", "", "", "", 0},
    {NULL, " \n\t", "", "", "", "", "", "", "", 0},
    {NULL, "\xef\xbb\xbf{\"message\":\"behind a mark\"}", "", "", "behind a mark", "", "", "", "", 0},
    /* says nothing */
    {NULL, "{}", "", "", "", "", "", "", "", 0},
    {NULL, "[]", "", "", "", "", "", "", "", 0},
    {NULL, "{\"error\":null}", "", "", "", "", "", "", "", 0},
    {NULL, "{\"error\":true,\"message\":[],\"code\":{},\"type\":1.5e}", "1.5e", "", "", "", "", "", "", 0},
    /* cut off */
    {NULL, "{\"error\":{\"code\":\"c\",\"message\":\"half of i", "", "c", "half of ", "", "", "", "", 0},
    {NULL, "{\"error\":{\"code\":\"c\",\"details\":[{\"retryDelay\":\"3s\"", "", "c", "", "", "", "", "", 0},
};

static void expect(const char *body, const char *what, struct sl_str got, const char *want)
{
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("%s\n  %s is '" SL_STR_FMT "', not '%s'", body, what, SL_STR_ARG(got), want);
}

static void shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        struct http_headers h = {0};
        struct answer_error e;
        const char *b = rows[i].body;
        sl_arena_init(&a, NULL);
        if (rows[i].errortype != NULL)
            http_headers_add(&h, &a, SL_STR("x-amzn-errortype"), sl_str_c(rows[i].errortype));
        error_read(sl_str_c(b), &h, &a, &e);
        expect(b, "type", e.type, rows[i].type);
        expect(b, "code", e.code, rows[i].code);
        expect(b, "message", e.message, rows[i].message);
        expect(b, "param", e.param, rows[i].param);
        expect(b, "reason", e.reason, rows[i].reason);
        expect(b, "quota", e.quota, rows[i].quota);
        expect(b, "delay", e.delay, rows[i].delay);
        if (e.status != rows[i].status)
            fail_msg("%s: status %d", b, e.status);
        assert_int_equal(e.found, e.type.n + e.code.n + e.message.n + e.reason.n > 0 || e.status > 0);
        error_read(sl_str_c(b), NULL, &a, &e);
        sl_arena_done(&a);
    }
}

/* On the heap and to the byte, so that the sanitizer sees each look beyond the end. */
static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = strlen(rows[i].body);
        for (size_t cut = 0; cut <= n; cut++) {
            struct sl_arena a;
            struct answer_error e;
            char *body = sl_malloc(cut + 1);
            char *end = memcpy(body + 1, rows[i].body, cut);
            sl_arena_init(&a, NULL);
            error_read(sl_str_of(end, cut), NULL, &a, &e);
            struct sl_str text = error_message_text(&e, &a);
            assert_true(text.n <= e.message.n && sl_utf8_valid(text));
            sl_arena_done(&a);
            sl_free(body);
        }
    }
}

/* Brackets and texts in texts without end cost no stack and no more than a look at each byte per level. */
static void hostile(void **state)
{
    (void)state;
    static const char *const pieces[] = {"[",
                                         "{\"error\":",
                                         "{\"detail\":[",
                                         "{\"details\":[{\"violations\":[",
                                         "{\"error\":{\"details\":{\"error\":",
                                         "{\"metadata\":{\"raw\":\"{",
                                         "{\"innererror\":",
                                         "{\"error\":\"{\\\"error\\\":",
                                         "\\\"",
                                         "\"\\u"};
    const size_t n = 1u << 20;
    char *body = sl_malloc(n);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct sl_arena a;
        struct answer_error e;
        size_t piece = strlen(pieces[i]);
        for (size_t at = 0; at < n; at++)
            body[at] = pieces[i][at % piece];
        sl_arena_init(&a, NULL);
        error_read(sl_str_of(body, n), NULL, &a, &e);
        assert_true(e.message.n <= ERROR_MESSAGE_MAX);
        sl_arena_done(&a);
    }
    sl_free(body);
}

static void texts(void **state)
{
    (void)state;
    static char lots[3000];
    static const struct {
        const char *body, *text;
    } t[] = {
        {"{\"message\":\"a \\\"b\\\" \\u00e4\\n\"}", "a \"b\" \xc3\xa4\n"},
        {"{\"message\":\"plain\"}", "plain"},
        {"{\"message\":\"bad \\x\"}", ""},
        {"{\"message\":\"\xff\"}", ""},
        {"{\"message\":\"raw \x01 control\"}", ""},
        {"text \\n as it is", "text \\n as it is"},
        {"text \xff", "text "},
        {"", ""},
    };
    struct sl_arena a;
    struct answer_error e;
    sl_arena_init(&a, NULL);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        error_read(sl_str_c(t[i].body), NULL, &a, &e);
        struct sl_str got = error_message_text(&e, &a);
        /* what is cut off is at most half a character: a bad byte at the very end counts as that */
        if (!sl_str_eq(got, sl_str_c(t[i].text)) && !(t[i].text[0] == '\0' && got.n < e.message.n))
            fail_msg("%s: '" SL_STR_FMT "'", t[i].body, SL_STR_ARG(got));
    }
    for (size_t lead = 0; lead < 6; lead++) { /* cut in each place of an escape */
        size_t n = (size_t)snprintf(lots, sizeof lots, "{\"message\":\"%.*s", (int)lead, "xxxxxx");
        while (n + 16 < sizeof lots)
            n += (size_t)snprintf(lots + n, sizeof lots - n, "\\u00e4");
        n += (size_t)snprintf(lots + n, sizeof lots - n, "\"}");
        error_read(sl_str_of(lots, n), NULL, &a, &e);
        assert_int_equal(e.message.n, ERROR_MESSAGE_MAX);
        assert_in_range(error_message_text(&e, &a).n, 330, 1024);
    }
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(hostile),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
