/* Signatures: AWS' own examples (the suite of 2015, service "service"), and the worked examples of bedrock.md section 3.3. */
#include "provider/auth_sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct sigv4_key key = {.id = SL_STR_INIT("AKIDEXAMPLE"),
                                     .secret = SL_STR_INIT("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")};
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void expect_end(struct sl_str got, const char *end)
{
    if (!sl_str_ends(got, sl_str_c(end)))
        fail_msg(SL_STR_FMT "\ndoes not end with %s", SL_STR_ARG(got), end);
}

static void suite(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *name, *value, *names, *signature;
    } rows[] = {
        {"GET", "/", NULL, NULL, "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"POST", "/", NULL, NULL, "host;x-amz-date",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"GET", "/example/..", NULL, NULL, "host;x-amz-date",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"GET", "//example//", NULL, NULL, "host;x-amz-date",
         "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
        {"GET", "/?Param2=value2&Param1=value1", NULL, NULL, "host;x-amz-date",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"GET", "/\xe1\x88\xb4", NULL, NULL, "host;x-amz-date",
         "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        {"POST", "/", "my-header1", "value1", "host;my-header1;x-amz-date",
         "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        struct http_headers h = {0};
        sl_arena_init(&a, NULL);
        http_headers_add(&h, &a, SL_STR("x-amz-date"), SL_STR("20150830T123600Z"));
        if (rows[i].name != NULL)
            http_headers_add(&h, &a, sl_str_c(rows[i].name), sl_str_c(rows[i].value));
        http_headers_add(&h, &a, SL_STR("host"), SL_STR("example.amazonaws.com"));
        const struct sigv4_request r = {
            .method = sl_str_c(rows[i].method),
            .target = sl_str_c(rows[i].target),
            .region = SL_STR("us-east-1"),
            .service = SL_STR("service"),
            .wall_s = 1440938160,
        };
        char end[300];
        snprintf(end, sizeof end,
                 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=%s, "
                 "Signature=%s",
                 rows[i].names, rows[i].signature);
        expect_end(sigv4_authorization(&key, &r, &h, SL_STR(EMPTY), &a), end);
        sl_arena_done(&a);
    }
}

static void bedrock(void **state)
{
    (void)state;
    static const char body[] =
        "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":16,\"messages\":[{\"role\":"
        "\"user\",\"content\":\"Hi\"}]}";
    static const char *const rows[][2] = {
        {"/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke",
         "97a28af7243a2eb7cff9aa274a1f3bb704f0baf8de853670ae079df545aa67cb"},
        {"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc123def456/invoke",
         "1fdaeabb318cc9ad174fdd07e06ddb773b13cf04859fde6f261192c8912d8217"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t cut = 0; cut < sizeof body; cut += 17) {
            struct sl_arena a;
            struct http_headers h = {0};
            const struct iovec v[2] = {{(void *)(uintptr_t)body, cut},
                                       {(void *)(uintptr_t)(body + cut), sizeof body - 1 - cut}};
            sl_arena_init(&a, NULL);
            http_headers_add_id(&h, &a, HN_CONTENT_TYPE, SL_STR("application/json"));
            http_headers_add_id(&h, &a, HN_ACCEPT, SL_STR("application/json"));
            http_headers_add_id(&h, &a, HN_USER_AGENT, SL_STR("not signed"));
            sigv4_sign(&key,
                       &(struct sigv4_request){.method = SL_STR("POST"),
                                               .host = SL_STR("bedrock-runtime.us-east-1.amazonaws.com"),
                                               .target = sl_str_c(rows[i][0]),
                                               .region = SL_STR("us-east-1"),
                                               .service = SL_STR("bedrock"),
                                               .body = v,
                                               .n_body = 2,
                                               .wall_s = 1795176000},
                       &a, &h);
            expect_end(http_headers_get(&h, HN_AUTHORIZATION), rows[i][1]);
            assert_true(sl_str_eq(http_headers_find_name(&h, SL_STR("x-amz-date"))->value, SL_STR("20261120T120000Z")));
            assert_null(http_headers_find_name(&h, SL_STR("x-amz-security-token")));
            sl_arena_done(&a);
        }
}

static void temporary_keys(void **state)
{
    (void)state;
    struct sl_arena a;
    struct http_headers h = {0};
    struct sigv4_key temporary = key;
    temporary.session = SL_STR("a-token");
    sl_arena_init(&a, NULL);
    sigv4_sign(&temporary, &(struct sigv4_request){.method = SL_STR("POST"), .target = SL_STR("/")}, &a, &h);
    assert_true(sl_str_eq(http_headers_find_name(&h, SL_STR("x-amz-security-token"))->value, SL_STR("a-token")));
    assert_true(sl_str_find_str(http_headers_get(&h, HN_AUTHORIZATION),
                                SL_STR("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,")) >
                0);
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(suite), cmocka_unit_test(bedrock),
                                       cmocka_unit_test(temporary_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
