/* The access record: one line of JSON, whatever is put into it; and the spans made of it. */
#include "telemetry/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the three above first. */
#include <cmocka.h>
#include <yyjson.h>

#include "base/clock.h"
#include "base/rand.h"
#include "telemetry/spans.h"

static const struct access_time times[] = {{"identify", 3}, {"read_body", 0}, {"try", 450123}, {"settle", 9}};
static const struct access_time attempt_times[] = {{"resolve", 0}, {"send", 15}, {"head", 450000}};

static struct access_attempt usual_attempt(void)
{
    return (struct access_attempt){
        .id = {1, 2},
        .provider = SL_STR("openai"),
        .model = SL_STR("gpt-4o-2024-11-20"),
        .outcome = SL_STR("ok"),
        .provider_request_id = SL_STR("req_7"),
        .status = 200,
        .reused = true,
        .sent = true,
        .start_us = 20,
        .duration_us = 450100,
        .first_byte_us = 450015,
        .bytes_out = 1300,
        .bytes_in = 900,
        .times = attempt_times,
        .n_times = 3,
        .usage = {.tokens = {[TC_INPUT] = 120, [TC_OUTPUT] = 340}, .cost_p = 3700000000, .flags = ACCESS_REPORTED},
    };
}

static struct access_record usual_record(const struct access_attempt *a, const struct access_candidate *plan)
{
    return (struct access_record){
        .id = {0x0193, 77},
        .wall_ns = 1795000000123456789,
        .trace_id = SL_STR("0af7651916cd43dd8448eb211c80319c"),
        .span_id = SL_STR("b7ad6b7169203331"),
        .tenant = SL_STR("default"),
        .key_id = {5, 6},
        .key_name = SL_STR("first"),
        .peer = SL_STR("127.0.0.1:51234"),
        .user_agent = SL_STR("OpenAI/Python 2.8.1"),
        .method = SL_STR("POST"),
        .path = SL_STR("/v1/chat/completions"),
        .operation = SL_STR("chat"),
        .dialect = SL_STR("openai_chat"),
        .http = SL_STR("1.1"),
        .model = SL_STR("gpt-4o"),
        .stream = true,
        .committed = true,
        .status = 200,
        .ended_by = ACCESS_PROVIDER,
        .ended_in = SL_STR("relay"),
        .ended_why = SL_STR("ok"),
        .plan = plan,
        .n_plan = plan != NULL ? 1 : 0,
        .attempts = a,
        .n_attempts = 1,
        .times = times,
        .n_times = 4,
        .duration_us = 450480,
        .first_token_us = 450200,
        .overhead_us = 41,
        .bytes_in = 1200,
        .bytes_out = 93000,
        .events = 300,
        .usage = a->usage,
        .price_version = SL_STR("2026-11-20+0123456789abcdef"),
        .config_revision = SL_STR("3"),
    };
}

/* The contract, letter by letter. */
static void test_usual_line(void **state)
{
    (void)state;
    static const struct access_candidate plan[] = {
        {SL_STR_INIT("openai"), SL_STR_INIT("gpt-4o"), SL_STR_INIT("first"), false}};
    struct access_attempt a = usual_attempt();
    struct access_record r = usual_record(&a, plan);
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    assert_int_equal(access_write(&b, &r), SL_OK);
    sl_buf_addc(&b, '\0');
    assert_string_equal(
        b.p,
        "{\"time\":\"2026-11-18T11:06:40.123456Z\",\"id\":\"0000000000069g00000000002d\","
        "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"span_id\":\"b7ad6b7169203331\",\"tenant\":\"default\","
        "\"key_id\":\"0000000000002g000000000006\",\"key\":\"first\",\"peer\":\"127.0.0.1:51234\","
        "\"user_agent\":\"OpenAI/Python 2.8.1\",\"method\":\"POST\",\"path\":\"/v1/chat/completions\",\"operation\":\"chat\","
        "\"dialect\":\"openai_chat\",\"http\":\"1.1\",\"tls\":false,\"stream\":true,\"model\":\"gpt-4o\",\"status\":200,"
        "\"ended\":{\"by\":\"provider\",\"in\":\"relay\",\"why\":\"ok\"},\"committed\":true,"
        "\"plan\":[{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"why\":\"first\"}],\"attempts_n\":1,"
        "\"attempts\":[{\"id\":\"0000000000000g000000000002\",\"provider\":\"openai\",\"model\":\"gpt-4o-2024-11-20\","
        "\"outcome\":\"ok\",\"provider_request_id\":\"req_7\",\"status\":200,\"sent\":true,\"reused\":true,\"start_us\":20,"
        "\"duration_us\":450100,\"first_byte_us\":450015,\"bytes_out\":1300,\"bytes_in\":900,"
        "\"times_us\":{\"send\":15,\"head\":450000},\"usage\":{\"input\":120,\"output\":340},\"reported\":true,"
        "\"cost_usd\":0.0037}],\"times_us\":{\"identify\":3,\"try\":450123,\"settle\":9},\"duration_us\":450480,"
        "\"first_token_us\":450200,\"overhead_us\":41,\"bytes_in\":1200,\"bytes_out\":93000,\"events\":300,"
        "\"usage\":{\"input\":120,\"output\":340},\"reported\":true,\"cost_usd\":0.0037,"
        "\"prices\":\"2026-11-20+0123456789abcdef\",\"config\":\"3\",\"worker\":0}\n");
    sl_buf_done(&b);
}

static yyjson_doc *read_line(struct sl_str line)
{
    assert_true(line.n > 2 && line.p[line.n - 1] == '\n');
    for (size_t i = 0; i + 1 < line.n; i++) /* one line, and nothing that steers a terminal or starts a tag */
        assert_true((unsigned char)line.p[i] >= 0x20 && line.p[i] != 0x7F && line.p[i] != '<');
    yyjson_read_err err;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)line.p, line.n - 1, 0, NULL, &err);
    if (doc == NULL)
        fail_msg("%s at %zu of %.*s", err.msg, err.pos, SL_STR_ARG(line));
    return doc;
}

static void test_empty_record(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    struct access_record r = {.first_token_us = -1};
    assert_int_equal(access_write(&b, &r), SL_OK);
    yyjson_doc *doc = read_line(sl_buf_str(&b));
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_null(yyjson_obj_get(root, "key_id"));
    assert_null(yyjson_obj_get(root, "first_token_us"));
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "time")), "1970-01-01T00:00:00.000000Z");
    yyjson_doc_free(doc);
    sl_buf_done(&b);
}

static void test_unpriced_is_null(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    struct access_record r = {.usage = {.tokens = {[TC_INPUT] = 5},
                                        .units = {[UU_IMAGES_OUT] = 2, [UU_PAGES] = 1},
                                        .flags = ACCESS_UNPRICED | ACCESS_ESTIMATED | ACCESS_PARTIAL}};
    assert_int_equal(access_write(&b, &r), SL_OK);
    yyjson_doc *doc = read_line(sl_buf_str(&b));
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_true(yyjson_is_null(yyjson_obj_get(root, "cost_usd")));
    assert_true(yyjson_is_true(yyjson_obj_get(root, "unpriced")));
    assert_true(yyjson_is_true(yyjson_obj_get(root, "estimated")));
    assert_true(yyjson_is_true(yyjson_obj_get(root, "partial")));
    assert_true(sl_str_find_str(sl_buf_str(&b), SL_STR(",\"units\":{\"images_out\":2,\"pages\":1}")) > 0);
    yyjson_doc_free(doc);
    sl_buf_reset(&b);
    r.usage.cost_p = INT64_MAX; /* part of it is priced */
    assert_int_equal(access_write(&b, &r), SL_OK);
    assert_true(sl_str_find_str(sl_buf_str(&b), SL_STR("\"cost_usd\":9223372.036854775807,\"unpriced\":true")) > 0);
    sl_buf_done(&b);
}

static void test_long_texts_are_cut_at_characters(void **state)
{
    (void)state;
    char text[600];
    for (size_t i = 0; i < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3); /* 200 is no multiple of 3 */
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    struct access_record r = {.model = sl_str_of(text, sizeof text), .user_agent = sl_str_of(text, sizeof text)};
    assert_int_equal(access_write(&b, &r), SL_OK);
    yyjson_doc *doc = read_line(sl_buf_str(&b));
    yyjson_val *model = yyjson_obj_get(yyjson_doc_get_root(doc), "model");
    assert_int_equal(yyjson_get_len(model), 198 + 3);
    assert_memory_equal(yyjson_get_str(model), text, 198);
    assert_string_equal(yyjson_get_str(model) + 198, "...");
    assert_int_equal(yyjson_get_len(yyjson_obj_get(yyjson_doc_get_root(doc), "user_agent")), 120 + 3);
    yyjson_doc_free(doc);
    sl_buf_done(&b);
}

static void test_hostile_texts(void **state)
{
    (void)state;
    static const struct {
        struct sl_str in;
        const char *out;
    } rows[] = {
        {SL_STR_INIT("a\r\nb"), "a\r\nb"},
        {SL_STR_INIT("\"},{\"x\":\"\\"), "\"},{\"x\":\"\\"},
        {SL_STR_INIT("<script>\x7f"), "<script>\x7f"},
        {SL_STR_INIT("\xff\xfe"), "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {SL_STR_INIT("\xc0\xaf\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {SL_STR_INIT("12345678\x1b[31m"), "12345678\x1b[31m"},
        {SL_STR_INIT("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80"},
        {SL_STR_INIT("\xf0\x9f\x98"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {SL_STR_INIT("1234567\"12345678\\abcdefg<"), "1234567\"12345678\\abcdefg<"},
    };
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sl_buf_reset(&b);
        struct access_record r = {.model = rows[i].in};
        assert_int_equal(access_write(&b, &r), SL_OK);
        yyjson_doc *doc = read_line(sl_buf_str(&b));
        assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "model")), rows[i].out);
        yyjson_doc_free(doc);
    }
    sl_buf_done(&b);
}

/* Random bytes in every text, more attempts, candidates and times than are written: still one line of JSON. The words
 * that copy eight bytes at a time must agree with JSON about every byte at every offset. */
static void test_random_records(void **state)
{
    (void)state;
    struct sl_rand rand;
    sl_rand_seed(&rand, 99);
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    char bytes[700];
    struct access_time many[40];
    struct access_attempt attempts[20];
    struct access_candidate plan[20];
    for (unsigned round = 0; round < 500; round++) {
        unsigned mask = sl_rand_below(&rand, 2) ? 0x7F : 0xFF;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(sl_rand_next(&rand) & mask);
#define TEXT() sl_str_of(bytes + sl_rand_below(&rand, 100), sl_rand_below(&rand, 600) >> sl_rand_below(&rand, 8))
        for (size_t i = 0; i < 40; i++)
            many[i] = (struct access_time){"a_state_with_a_long_name", (int64_t)sl_rand_next(&rand)};
        for (size_t i = 0; i < 20; i++) {
            plan[i] = (struct access_candidate){.provider = TEXT(),
                                                .model = TEXT(),
                                                .why = TEXT(),
                                                .excluded = i % 2,
                                                .route = TEXT(),
                                                .rule = UINT32_MAX,
                                                .tier = UINT32_MAX,
                                                .state = TEXT(),
                                                .last_resort = true,
                                                .has_terms = true,
                                                .cost_p = INT64_MIN,
                                                .time_p = INT64_MAX,
                                                .fail_p = INT64_MIN,
                                                .sum_p = INT64_MIN};
            attempts[i] = (struct access_attempt){.id = {sl_rand_next(&rand), sl_rand_next(&rand)},
                                                  .provider = TEXT(),
                                                  .model = TEXT(),
                                                  .outcome = TEXT(),
                                                  .detail = TEXT(),
                                                  .why = TEXT(),
                                                  .at = TEXT(),
                                                  .provider_code = TEXT(),
                                                  .provider_request_id = TEXT(),
                                                  .status = -1,
                                                  .h2 = true,
                                                  .start_us = INT64_MIN,
                                                  .duration_us = INT64_MAX,
                                                  .first_byte_us = INT64_MAX,
                                                  .pause_us = INT64_MAX,
                                                  .bytes_out = UINT64_MAX,
                                                  .bytes_in = UINT64_MAX,
                                                  .times = many,
                                                  .n_times = 40,
                                                  .usage = {.cost_p = INT64_MAX, .flags = UINT32_MAX}};
            memset(attempts[i].usage.tokens, 0xFF, sizeof attempts[i].usage.tokens);
        }
        struct access_record r = {.id = {UINT64_MAX, UINT64_MAX},
                                  .wall_ns = INT64_MAX,
                                  .trace_id = TEXT(),
                                  .span_id = TEXT(),
                                  .parent_span_id = TEXT(),
                                  .tenant = TEXT(),
                                  .team = TEXT(),
                                  .user = TEXT(),
                                  .key_id = {1, 1},
                                  .key_name = TEXT(),
                                  .peer = TEXT(),
                                  .user_agent = TEXT(),
                                  .method = TEXT(),
                                  .path = TEXT(),
                                  .operation = TEXT(),
                                  .dialect = TEXT(),
                                  .http = TEXT(),
                                  .model = TEXT(),
                                  .priority = TEXT(),
                                  .status = INT32_MIN,
                                  .ended_by = ACCESS_CLIENT,
                                  .ended_in = TEXT(),
                                  .ended_why = TEXT(),
                                  .plan = plan,
                                  .n_plan = 20,
                                  .attempts = attempts,
                                  .n_attempts = 20,
                                  .times = many,
                                  .n_times = 40,
                                  .duration_us = INT64_MIN,
                                  .first_token_us = INT64_MAX,
                                  .overhead_us = INT64_MIN,
                                  .bytes_in = UINT64_MAX,
                                  .bytes_out = UINT64_MAX,
                                  .events = UINT64_MAX,
                                  .usage = attempts[0].usage,
                                  .price_version = TEXT(),
                                  .config_revision = TEXT(),
                                  .worker = UINT16_MAX};
        sl_buf_reset(&b);
        assert_int_equal(access_write(&b, &r), SL_OK);
        yyjson_doc *doc = read_line(sl_buf_str(&b));
        yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "attempts");
        assert_int_equal(yyjson_arr_size(list), ACCESS_ATTEMPTS_MAX);
        assert_int_equal(yyjson_get_uint(yyjson_obj_get(yyjson_doc_get_root(doc), "attempts_n")), 20);
        yyjson_doc_free(doc);
    }
    sl_buf_done(&b);
}

static void test_full_buffer_leaves_no_half_line(void **state)
{
    (void)state;
    struct access_attempt a = usual_attempt();
    struct access_record r = usual_record(&a, NULL);
    struct sl_buf b;
    sl_buf_init(&b, 40000);
    size_t lines = 0, end = 0;
    while (access_write(&b, &r) == SL_OK) {
        lines++;
        end = b.n;
    }
    assert_true(lines > 5 && lines < 40);
    assert_int_equal(b.n, end);
    assert_false(b.over);
    assert_int_equal(b.p[b.n - 1], '\n');
    sl_buf_reset(&b);
    assert_int_equal(access_write(&b, &r), SL_OK);
    sl_buf_done(&b);
}

static void test_foreign_texts_are_redacted(void **state)
{
    (void)state;
    struct access_attempt a = usual_attempt();
    a.provider_code = SL_STR("bad key sk-proj-abcdefghijklmnop");
    a.provider_request_id = SL_STR("Bearer abcdef");
    struct access_record r = usual_record(&a, NULL);
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    assert_int_equal(access_write(&b, &r), SL_OK);
    assert_true(sl_str_find_str(sl_buf_str(&b), SL_STR("\"provider_code\":\"bad key [redacted]\"")) > 0);
    assert_true(sl_str_find_str(sl_buf_str(&b), SL_STR("\"provider_request_id\":\"Bearer [redacted]\"")) > 0);
    assert_true(sl_str_find_str(sl_buf_str(&b), SL_STR("Bearer abcdef")) < 0);
    /* An id of the usual kind is kept: support asks for it. */
    a.provider_request_id = SL_STR("req_0123456789abcdef0123456789abcdef");
    sl_buf_reset(&b);
    assert_int_equal(access_write(&b, &r), SL_OK);
    assert_true(sl_str_find_str(sl_buf_str(&b), a.provider_request_id) > 0);
    sl_buf_done(&b);
}

static void test_spans(void **state)
{
    (void)state;
    struct access_attempt a[2] = {usual_attempt(), usual_attempt()};
    a[1].outcome = SL_STR("reset");
    a[1].id.lo = 0xb7ad6b7169203332;
    struct access_record r = usual_record(a, NULL);
    r.n_attempts = 2;
    r.parent_span_id = SL_STR("00f067aa0ba902b7");
    struct span s[3];
    assert_int_equal(spans_of(&r, s, 3), 3);
    assert_string_equal(s[0].span_id, "b7ad6b7169203331");
    assert_string_equal(s[0].parent_id, "00f067aa0ba902b7");
    assert_true(sl_str_eq(s[0].name, SL_STR("chat")));
    assert_false(s[0].client || s[0].failed);
    assert_true(s[0].duration_ns == 450480 * SL_US);
    assert_string_equal(s[2].span_id, "b7ad6b7169203332");
    assert_string_equal(s[2].parent_id, "b7ad6b7169203331");
    assert_true(s[2].client && s[2].failed && !s[1].failed);
    assert_true(s[1].start_wall_ns == r.wall_ns + 20 * SL_US);
    assert_ptr_equal(s[2].attempt, &a[1]);
    assert_int_equal(spans_of(&r, s, 1), 1);
    assert_int_equal(spans_of(&r, s, 0), 0);
    r.trace_id = SL_STR_NONE;
    assert_int_equal(spans_of(&r, s, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual_line),
        cmocka_unit_test(test_empty_record),
        cmocka_unit_test(test_unpriced_is_null),
        cmocka_unit_test(test_long_texts_are_cut_at_characters),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_random_records),
        cmocka_unit_test(test_full_buffer_leaves_no_half_line),
        cmocka_unit_test(test_foreign_texts_are_redacted),
        cmocka_unit_test(test_spans),
    };
    return cmocka_run_group_tests_name("telemetry/access", tests, NULL, NULL);
}
