/* What the simulator answers: whole and streamed chat, tools, schemas, completions, embeddings, models, refusals. */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define CHAT "/v1/chat/completions"

static struct stub_world w;

static const char *text_at(yyjson_doc *doc, const char *pointer)
{
    const char *s = yyjson_get_str(yyjson_doc_ptr_get(doc, pointer));
    return s != NULL ? s : "(none)";
}

static int64_t number_at(yyjson_doc *doc, const char *pointer)
{
    yyjson_val *v = yyjson_doc_ptr_get(doc, pointer);
    return yyjson_is_int(v) ? yyjson_get_sint(v) : -1;
}

static yyjson_doc *event_json(const struct stub *c, unsigned k)
{
    struct sl_str e = stub_event(c, k);
    return e.p != NULL ? yyjson_read(e.p, e.n, YYJSON_READ_NOFLAG) : NULL;
}

static void test_chat_whole(void **state)
{
    struct stub *c = stub_post(&w, CHAT,
                               "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"system\",\"content\":\"12345\"},"
                               "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"1234\"},"
                               "{\"type\":\"text\",\"text\":\"\"}]}],\"max_tokens\":4}");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_true(stub_is_complete(c));
    assert_int_equal(c->status, 200);
    assert_string_equal(stub_header(c, "content-type"), "application/json");
    assert_string_equal(stub_header(c, "x-sluice-simulated"), "true");
    assert_string_equal(stub_header(c, "openai-version"), "2020-10-01");
    assert_int_equal(strlen(stub_header(c, "x-request-id")), 36);
    assert_non_null(stub_header(c, "x-ratelimit-remaining-tokens"));
    assert_non_null(stub_header(c, "openai-processing-ms"));
    assert_string_equal(text_at(d, "/object"), "chat.completion");
    assert_string_equal(text_at(d, "/model"), "gpt-4o-2024-08-06");
    assert_string_equal(text_at(d, "/system_fingerprint"), "fp_sluice_sim");
    assert_string_equal(text_at(d, "/service_tier"), "default");
    assert_true(strncmp(text_at(d, "/id"), "chatcmpl-", 9) == 0 && strlen(text_at(d, "/id")) == 38);
    assert_string_equal(text_at(d, "/choices/0/message/content"), "[simulated] the quick brown");
    assert_string_equal(text_at(d, "/choices/0/finish_reason"), "length");
    assert_int_equal(number_at(d, "/usage/prompt_tokens"), 3 + 2 + 3 + 1);
    assert_int_equal(number_at(d, "/usage/completion_tokens"), 4);
    assert_int_equal(number_at(d, "/usage/total_tokens"), 13);
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_length(void **state)
{
    static const struct {
        const char *more;
        int tokens;
        const char *finish;
    } rows[] = {
        {"", 32, "stop"},
        {",\"max_tokens\":100", 32, "stop"},
        {",\"max_tokens\":32", 32, "stop"},
        {",\"max_tokens\":31", 31, "length"},
        {",\"max_completion_tokens\":1,\"max_tokens\":20", 1, "length"},
        {",\"max_tokens\":null", 32, "stop"},
    };
    char body[300];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]%s}",
                 rows[i].more);
        struct stub *c = stub_post(&w, CHAT, body);
        yyjson_doc *d = stub_json(c);
        assert_int_equal(number_at(d, "/usage/completion_tokens"), rows[i].tokens);
        assert_string_equal(text_at(d, "/choices/0/finish_reason"), rows[i].finish);
        yyjson_doc_free(d);
        stub_free(c);
    }
    struct stub *c =
        stub_post(&w, CHAT, "{\"model\":\"sim-long-5000\",\"max_tokens\":3,\"messages\":[{\"role\":\"user\"}]}");
    yyjson_doc *d = stub_json(c);
    assert_int_equal(number_at(d, "/usage/completion_tokens"), 5000);
    yyjson_doc_free(d);
    stub_free(c);
    c = stub_ask(&w, "POST", CHAT, "x-sim-tokens: 7\n", SL_STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}"));
    d = stub_json(c);
    assert_int_equal(number_at(d, "/usage/completion_tokens"), 7);
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_reasoning(void **state)
{
    struct stub *c = stub_post(&w, CHAT,
                               "{\"model\":\"o3\",\"reasoning_effort\":\"low\",\"max_completion_tokens\":20,"
                               "\"service_tier\":\"flex\",\"messages\":[{\"role\":\"user\"}]}");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(number_at(d, "/usage/completion_tokens"), 20);
    assert_int_equal(number_at(d, "/usage/completion_tokens_details/reasoning_tokens"), 16);
    assert_string_equal(text_at(d, "/choices/0/finish_reason"), "length");
    assert_string_equal(text_at(d, "/service_tier"), "flex");
    yyjson_doc_free(d);
    stub_free(c);
}

/* The order of openai.md 6.7, for n choices; the assembled texts equal the answer that is not streamed. */
static void check_stream(unsigned n, bool usage, const char *more)
{
    char body[600];
    snprintf(body, sizeof body,
             "{\"model\":\"m\",\"n\":%u,\"stream\":true,\"stream_options\":{\"include_usage\":%s%s},"
             "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"max_tokens\":5}",
             n, usage ? "true" : "false", more);
    struct stub *c = stub_post(&w, CHAT, body);
    char texts[4][200] = {{0}};
    assert_true(stub_is_complete(c));
    assert_string_equal(stub_header(c, "content-type"), "text/event-stream; charset=utf-8");
    assert_int_equal(c->length, HTTP_LENGTH_NONE);
    unsigned events = stub_events(c), at = 0;
    assert_int_equal(events, n + 5 * n + n + (usage ? 1 : 0) + 1);
    for (; at < 7 * n; at++) {
        yyjson_doc *d = event_json(c, at);
        yyjson_val *root = yyjson_doc_get_root(d), *u = yyjson_obj_get(root, "usage");
        unsigned choice = (unsigned)number_at(d, "/choices/0/index");
        assert_string_equal(text_at(d, "/object"), "chat.completion.chunk");
        assert_int_equal(choice, at % n);
        assert_true(usage ? yyjson_is_null(u) : u == NULL);
        assert_int_equal(yyjson_obj_get(root, "obfuscation") != NULL, more[0] == 0);
        assert_true(at >= n || strcmp(text_at(d, "/choices/0/delta/role"), "assistant") == 0);
        if (at < 6 * n) {
            const char *text = text_at(d, "/choices/0/delta/content");
            size_t have = strlen(texts[choice]);
            memcpy(texts[choice] + have, text, strlen(text) + 1);
            assert_true(yyjson_is_null(yyjson_doc_ptr_get(d, "/choices/0/finish_reason")));
        } else {
            assert_int_equal(yyjson_obj_size(yyjson_doc_ptr_get(d, "/choices/0/delta")), 0);
            assert_string_equal(text_at(d, "/choices/0/finish_reason"), "length");
        }
        yyjson_doc_free(d);
    }
    for (unsigned i = 0; i < n; i++)
        assert_string_equal(texts[i], "[simulated] the quick brown fox");
    if (usage) {
        yyjson_doc *d = event_json(c, at++);
        assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(d, "/choices")), 0);
        assert_int_equal(number_at(d, "/usage/completion_tokens"), 5 * n);
        yyjson_doc_free(d);
    }
    assert_true(sl_str_eq(stub_event(c, at), SL_STR("[DONE]")));
    assert_true(sl_str_ends(sl_buf_str(&c->body), SL_STR("data: [DONE]\n\n")));
    stub_free(c);
}

static void test_stream(void **state)
{
    (void)state;
    check_stream(1, true, "");
    check_stream(1, false, "");
    check_stream(3, true, ",\"include_obfuscation\":false");
}

/* ---- tools ---- */

#define TOOLS                                                                                                          \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"parameters\":{\"type\":\"object\","    \
    "\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"}}}}},"                              \
    "{\"type\":\"custom\",\"custom\":{\"name\":\"sql\"}}]"

static void test_tools_whole(void **state)
{
    static const struct {
        const char *text, *more;
        unsigned calls;
        const char *finish;
    } rows[] = {
        {"hello", "", 0, "stop"},
        {"use a tool", "", 1, "tool_calls"},
        {"use tools", "", 2, "tool_calls"},
        {"use tools", ",\"parallel_tool_calls\":false", 1, "tool_calls"},
        {"hello", ",\"tool_choice\":\"required\"", 1, "tool_calls"},
        {"a tool", ",\"tool_choice\":\"none\"", 0, "stop"},
        {"x", ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}", 1, "stop"},
        {"x", ",\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"sql\"}}", 1, "stop"},
    };
    char body[900];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(body, sizeof body, "{\"model\":\"m\",%s,\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]%s}",
                 TOOLS, rows[i].text, rows[i].more);
        struct stub *c = stub_post(&w, CHAT, body);
        yyjson_doc *d = stub_json(c);
        yyjson_val *calls = yyjson_doc_ptr_get(d, "/choices/0/message/tool_calls");
        assert_int_equal(yyjson_arr_size(calls), rows[i].calls);
        assert_string_equal(text_at(d, "/choices/0/finish_reason"), rows[i].finish);
        assert_true(yyjson_is_null(yyjson_doc_ptr_get(d, "/choices/0/message/content")) == (rows[i].calls > 0));
        yyjson_val *first = yyjson_arr_get_first(calls);
        if (i == 7) {
            assert_true(yyjson_equals_str(yyjson_ptr_get(first, "/custom/name"), "sql"));
            assert_non_null(yyjson_ptr_get(first, "/custom/input"));
        } else if (rows[i].calls > 0) {
            assert_true(yyjson_equals_str(yyjson_ptr_get(first, "/function/name"), "get_weather"));
            assert_true(
                yyjson_equals_str(yyjson_ptr_get(first, "/function/arguments"), "{\"city\":\"simulated\",\"days\":1}"));
        }
        yyjson_doc_free(d);
        stub_free(c);
    }
}

static void test_tools_stream(void **state)
{
    struct stub *c = stub_post(&w, CHAT,
                               "{\"model\":\"m\",\"stream\":true," TOOLS
                               ",\"messages\":[{\"role\":\"user\",\"content\":\"use tools\"}]}");
    char arguments[2][200] = {{0}};
    char names[2][40] = {{0}};
    unsigned with_id = 0;
    (void)state;
    for (unsigned k = 0; k < stub_events(c) - 1; k++) {
        yyjson_doc *d = event_json(c, k);
        yyjson_val *call = yyjson_doc_ptr_get(d, "/choices/0/delta/tool_calls/0");
        if (call != NULL) {
            size_t i = (size_t)yyjson_get_uint(yyjson_obj_get(call, "index"));
            yyjson_val *f = yyjson_obj_get(call, i == 0 ? "function" : "custom");
            const char *piece = yyjson_get_str(yyjson_obj_get(f, i == 0 ? "arguments" : "input"));
            with_id += yyjson_obj_get(call, "id") != NULL;
            if (yyjson_obj_get(f, "name") != NULL)
                snprintf(names[i], sizeof names[i], "%s", yyjson_get_str(yyjson_obj_get(f, "name")));
            size_t have = strlen(arguments[i]);
            memcpy(arguments[i] + have, piece, strlen(piece) + 1);
        }
        yyjson_doc_free(d);
    }
    assert_int_equal(with_id, 2);
    assert_string_equal(names[0], "get_weather");
    assert_string_equal(names[1], "sql");
    assert_string_equal(arguments[0], "{\"city\":\"simulated\",\"days\":1}");
    assert_string_equal(arguments[1], "[simulated] input");
    stub_free(c);
}

/* ---- schemas ---- */

static void test_schemas(void **state)
{
    static const struct {
        const char *schema, *example;
    } rows[] = {
        {"{}", "null"},
        {"{\"type\":\"string\"}", "\"simulated\""},
        {"{\"type\":[\"string\",\"null\"]}", "\"simulated\""},
        {"{\"type\":\"string\",\"format\":\"date\"}", "\"2026-11-21\""},
        {"{\"type\":\"integer\",\"minimum\":12}", "12"},
        {"{\"type\":\"number\"}", "1"},
        {"{\"type\":\"boolean\"}", "true"},
        {"{\"type\":\"null\"}", "null"},
        {"{\"const\":{\"a\":[1,\\u0022\\u0022]}}", NULL},
        {"{\"const\":{\"a\":[1,\"b\"]}}", "{\"a\":[1,\"b\"]}"},
        {"{\"enum\":[\"x\",\"y\"]}", "\"x\""},
        {"{\"type\":\"array\"}", "[]"},
        {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}", "[1]"},
        {"{\"type\":\"array\",\"minItems\":3,\"items\":{\"enum\":[7]}}", "[7,7,7]"},
        {"{\"type\":\"object\"}", "{}"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}}}",
         "{\"a\":\"simulated\",\"b\":1}"},
        {"{\"type\":\"object\",\"required\":[\"b\"],\"properties\":{\"a\":{},\"b\":{\"type\":\"integer\"}}}",
         "{\"b\":1}"},
        {"{\"properties\":{\"a\\\"\\u00e9\":{\"const\":1}}}", "{\"a\\\"\xc3\xa9\":1}"},
        {"{\"anyOf\":[{\"oneOf\":[{\"type\":\"boolean\"}]},{\"type\":\"null\"}]}", "true"},
        {"{\"$ref\":\"#/$defs/x\",\"$defs\":{\"x\":{\"const\":5}}}", "5"},
        {"{\"$ref\":\"#\"}", "null"},
        {"{\"$ref\":\"http://elsewhere/x\"}", "null"},
    };
    char body[900];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(body, sizeof body,
                 "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"response_format\":"
                 "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":%s}}}",
                 rows[i].schema);
        struct stub *c = stub_post(&w, CHAT, body);
        yyjson_doc *d = stub_json(c);
        if (rows[i].example != NULL)
            assert_string_equal(text_at(d, "/choices/0/message/content"), rows[i].example);
        else
            assert_int_equal(c->status, 400); /* \u0022 outside of a string: not JSON */
        yyjson_doc_free(d);
        stub_free(c);
    }
}

/* Schemas that would grow without end: what comes is still JSON, and it comes soon. */
static void test_hostile_schemas(void **state)
{
    struct sl_buf b;
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        sl_buf_init(&b, 8u << 20);
        sl_buf_adds(&b,
                    SL_STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"response_format\":{"
                           "\"type\":\"json_schema\",\"json_schema\":{\"schema\":"));
        if (kind == 0) /* refers to itself, twice */
            sl_buf_adds(&b,
                        SL_STR("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"},\"b\":{\"$ref\":\"#\"}}}"));
        else if (kind == 1)
            sl_buf_adds(&b, SL_STR("{\"type\":\"array\",\"minItems\":1000000000,\"items\":{\"$ref\":\"#\"}}"));
        for (int i = 0; kind == 2 && i < 20000; i++)
            sl_buf_adds(&b, SL_STR("{\"type\":\"array\",\"items\":"));
        if (kind == 2)
            sl_buf_adds(&b, SL_STR("{}"));
        for (int i = 0; kind == 2 && i < 20000; i++)
            sl_buf_addc(&b, '}');
        if (kind == 3)
            sl_buf_adds(&b, SL_STR("{\"type\":\"object\",\"required\":[\"p9999\"],\"properties\":{\"p\":{}"));
        for (int i = 0; kind == 3 && i < 50000; i++)
            sl_buf_addf(&b, ",\"p%d\":{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"string\"}}}", i);
        if (kind == 3)
            sl_buf_adds(&b, SL_STR("}}"));
        sl_buf_adds(&b, SL_STR("}}}"));
        struct stub *c = stub_ask(&w, "POST", CHAT, NULL, sl_buf_str(&b));
        yyjson_doc *d = stub_json(c);
        assert_int_equal(c->status, 200);
        const char *text = text_at(d, "/choices/0/message/content");
        yyjson_doc *inner = yyjson_read(text, strlen(text), YYJSON_READ_NOFLAG);
        assert_non_null(inner);
        assert_true(strlen(text) < 300000);
        yyjson_doc_free(inner);
        yyjson_doc_free(d);
        stub_free(c);
        sl_buf_done(&b);
    }
}

static void test_json_stream(void **state)
{
    struct stub *c =
        stub_post(&w, CHAT,
                  "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
                  "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":"
                  "\"object\",\"properties\":{\"\\u00e9\\u00e8\\u20ac\\ud83d\\ude00\":{\"const\":\"\\\"\"}}}}}}");
    char text[200] = {0};
    (void)state;
    for (unsigned k = 0; k < stub_events(c) - 1; k++) {
        yyjson_doc *d = event_json(c, k);
        const char *piece = yyjson_get_str(yyjson_doc_ptr_get(d, "/choices/0/delta/content"));
        size_t have = strlen(text);
        if (piece != NULL)
            memcpy(text + have, piece, strlen(piece) + 1);
        yyjson_doc_free(d);
    }
    assert_string_equal(text, "{\"\xc3\xa9\xc3\xa8\xe2\x82\xac\xf0\x9f\x98\x80\":\"\\\"\"}");
    stub_free(c);
}

/* ---- completions ---- */

static void test_completions(void **state)
{
    struct stub *c = stub_post(&w, "/v1/completions",
                               "{\"model\":\"gpt-3.5-turbo-instruct\",\"prompt\":[\"abcde\",[1,2,3]],\"n\":2,"
                               "\"echo\":true,\"max_tokens\":2}");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_string_equal(text_at(d, "/object"), "text_completion");
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(d, "/choices")), 4);
    assert_string_equal(text_at(d, "/choices/1/text"), "abcde [simulated] the");
    assert_string_equal(text_at(d, "/choices/3/text"), " [simulated] the");
    assert_int_equal(number_at(d, "/choices/3/index"), 3);
    assert_int_equal(number_at(d, "/usage/prompt_tokens"), 5);
    assert_int_equal(number_at(d, "/usage/completion_tokens"), 8);
    yyjson_doc_free(d);
    stub_free(c);

    c = stub_post(&w, "/v1/completions", "{\"model\":\"m\"}"); /* no prompt, default length */
    d = stub_json(c);
    assert_int_equal(number_at(d, "/usage/completion_tokens"), 16);
    assert_string_equal(text_at(d, "/choices/0/finish_reason"), "length");
    yyjson_doc_free(d);
    stub_free(c);

    c = stub_post(&w, "/v1/completions",
                  "{\"model\":\"m\",\"prompt\":\"x\",\"max_tokens\":2,\"stream\":true,"
                  "\"stream_options\":{\"include_usage\":true}}");
    assert_int_equal(stub_events(c), 2 + 1 + 1 + 1);
    d = event_json(c, 1);
    assert_string_equal(text_at(d, "/object"), "text_completion");
    assert_string_equal(text_at(d, "/choices/0/text"), " the");
    yyjson_doc_free(d);
    d = event_json(c, 2);
    assert_string_equal(text_at(d, "/choices/0/text"), "");
    assert_string_equal(text_at(d, "/choices/0/finish_reason"), "length");
    yyjson_doc_free(d);
    stub_free(c);
}

/* ---- embeddings ---- */

static unsigned base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, c);
    return at != NULL && c != 0 ? (unsigned)(at - digits) : 0;
}

static void test_embeddings(void **state)
{
    struct stub *c = stub_post(&w, "/v1/embeddings",
                               "{\"model\":\"text-embedding-3-small\",\"input\":[\"some text\",\"b\"],"
                               "\"dimensions\":5}");
    struct stub *e = stub_post(&w, "/v1/embeddings",
                               "{\"model\":\"text-embedding-3-small\",\"input\":\"some text\","
                               "\"dimensions\":5,\"encoding_format\":\"base64\"}");
    yyjson_doc *d = stub_json(c), *f = stub_json(e);
    const char *text = text_at(f, "/data/0/embedding");
    unsigned char bytes[24];
    (void)state;
    assert_int_equal(strlen(text), 28);
    for (size_t i = 0, at = 0; i < 28; i += 4) {
        unsigned v = base64_value(text[i]) << 18 | base64_value(text[i + 1]) << 12 | base64_value(text[i + 2]) << 6 |
                     base64_value(text[i + 3]);
        for (int k = 16; k >= 0 && at < sizeof bytes; k -= 8)
            bytes[at++] = (unsigned char)(v >> k);
    }
    for (size_t i = 0; i < 5; i++) {
        char pointer[40];
        float x;
        snprintf(pointer, sizeof pointer, "/data/0/embedding/%zu", i);
        memcpy(&x, bytes + 4 * i, 4);
        double y = yyjson_get_num(yyjson_doc_ptr_get(d, pointer));
        assert_true((double)x == y);
        assert_true(y >= -0.5 && y < 0.5);
    }
    assert_int_equal(number_at(d, "/usage/prompt_tokens"), 3 + 1);
    assert_int_equal(number_at(d, "/data/1/index"), 1);
    yyjson_doc_free(d);
    yyjson_doc_free(f);
    stub_free(c);
    stub_free(e);
    c = stub_post(&w, "/v1/embeddings", "{\"model\":\"text-embedding-3-large\",\"input\":[1,2,3]}");
    d = stub_json(c);
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(d, "/data")), 1);
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(d, "/data/0/embedding")), 3072);
    assert_int_equal(number_at(d, "/usage/total_tokens"), 3);
    yyjson_doc_free(d);
    stub_free(c);
}

/* ---- the rest ---- */

static void test_models(void **state)
{
    struct stub *c = stub_get(&w, "/v1/models"), *one = stub_get(&w, "/v1/models/some/model");
    yyjson_doc *d = stub_json(c), *e = stub_json(one);
    (void)state;
    assert_string_equal(text_at(d, "/object"), "list");
    assert_true(yyjson_arr_size(yyjson_doc_ptr_get(d, "/data")) >= 5);
    assert_string_equal(text_at(d, "/data/0/object"), "model");
    assert_string_equal(text_at(e, "/id"), "some/model");
    yyjson_doc_free(d);
    yyjson_doc_free(e);
    stub_free(c);
    stub_free(one);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *target, *body;
        int status;
        const char *code, *param; /* "(none)": null */
    } rows[] = {
        {CHAT, "nonsense", 400, "invalid_json", "(none)"},
        {CHAT, "", 400, "invalid_json", "(none)"},
        {CHAT, "[]", 400, "invalid_json", "(none)"},
        {CHAT, "{\"messages\":[]}", 400, "missing_required_parameter", "model"},
        {CHAT, "{\"model\":7,\"messages\":[]}", 400, "missing_required_parameter", "model"},
        {CHAT, "{\"model\":\"m\"}", 400, "missing_required_parameter", "messages"},
        {CHAT, "{\"model\":\"m\",\"messages\":{}}", 400, "invalid_type", "messages"},
        {CHAT, "{\"model\":\"m\",\"messages\":[]}", 400, "empty_array", "messages"},
        {CHAT, "{\"model\":\"m\",\"messages\":[1]}", 400, "missing_required_parameter", "messages[].role"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"n\":0}", 400, "invalid_value", "n"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"n\":129}", 400, "invalid_value", "n"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"stream\":\"yes\"}", 400, "invalid_type",
         "stream"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"stream_options\":{}}", 400, "invalid_value",
         "stream_options"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"max_tokens\":0}", 400, "integer_below_min_value",
         "max_tokens"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"max_completion_tokens\":\"1\"}", 400,
         "invalid_type", "max_completion_tokens"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"task\":\"x\"}", 400, "unknown_parameter", "task"},
        {CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"models\":[]}", 400, "unknown_parameter",
         "models"},
        {CHAT, "{\"model\":\"sim-long-1000000\",\"n\":2,\"messages\":[{\"role\":\"user\"}]}", 400, "invalid_value",
         "n"},
        {"/v1/embeddings", "{\"model\":\"m\"}", 400, "invalid_value", "input"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":\"\"}", 400, "invalid_value", "input"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":[]}", 400, "invalid_value", "input"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\",5]}", 400, "invalid_value", "input"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":[5,\"a\"]}", 400, "invalid_value", "input"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":0}", 400, "invalid_value", "dimensions"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":3073}", 400, "invalid_value", "dimensions"},
        {"/v1/embeddings", "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"x\"}", 400, "invalid_value",
         "encoding_format"},
        {"/v1/nothing", "{}", 404, "(none)", "(none)"},
        {"/sim/nothing", "{}", 404, "(none)", "(none)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = stub_begin(&w, "POST", rows[i].target, NULL, HTTP_LENGTH_NONE);
        stub_body(c, sl_str_c(rows[i].body), true);
        yyjson_doc *d = stub_json(c);
        if (c->status != rows[i].status || strcmp(text_at(d, "/error/code"), rows[i].code) != 0 ||
            strcmp(text_at(d, "/error/param"), rows[i].param) != 0)
            fail_msg("%s: %.*s", rows[i].body, (int)c->body.n, c->body.p);
        assert_int_equal(yyjson_obj_size(yyjson_doc_ptr_get(d, "/error")), 4); /* clients expect all four */
        yyjson_doc_free(d);
        stub_free(c);
    }
}

static void test_long_names(void **state)
{
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, 1u << 20);
    sl_buf_adds(&b, SL_STR("{\"messages\":[{\"role\":\"user\"}],\"model\":\""));
    for (int i = 0; i < 1000; i++)
        sl_buf_addc(&b, 'm');
    sl_buf_adds(&b, SL_STR("\"}"));
    struct stub *c = stub_ask(&w, "POST", CHAT, NULL, sl_buf_str(&b));
    assert_int_equal(c->status, 400);
    stub_free(c);
    sl_buf_done(&b);
}

static void test_body_in_pieces(void **state)
{
    static const char body[] = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    struct stub *c = stub_begin(&w, "POST", CHAT, NULL, HTTP_LENGTH_NONE);
    (void)state;
    for (size_t i = 0; i < sizeof body - 1; i++)
        stub_body(c, sl_str_of(body + i, 1), false);
    assert_false(c->head_sent);
    stub_body(c, SL_STR_NONE, true);
    assert_int_equal(c->status, 200);
    stub_free(c);
}

static void test_body_too_large(void **state)
{
    struct stub *c = stub_begin(&w, "POST", CHAT, NULL, HTTP_LENGTH_NONE);
    char *piece = sl_calloc(1, 1u << 20);
    (void)state;
    for (int i = 0; i < 65; i++)
        stub_body(c, sl_str_of(piece, 1u << 20), false);
    stub_body(c, SL_STR_NONE, true);
    assert_int_equal(c->status, 413);
    assert_string_equal(stub_header(c, "content-type"), "text/plain");
    stub_free(c);
    sl_free(piece);
}

static void test_keys(void **state)
{
    static const char *const keys[] = {"sk-good", "sk-other"};
    static const struct {
        const char *header;
        int status;
    } rows[] = {{"authorization: Bearer sk-good\n", 200},
                {"authorization: bearer sk-other\n", 200},
                {NULL, 401},
                {"authorization: Bearer sk-goo\n", 401},
                {"authorization: Bearer sk-good2\n", 401},
                {"x-api-key: sk-good\n", 401}};
    struct stub_world k = {0};
    (void)state;
    stub_world_open(&k, &(struct sim_settings){.seed = 1, .keys = keys, .n_keys = 2});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = stub_ask(&k, "GET", "/v1/models", rows[i].header, SL_STR_NONE);
        assert_int_equal(c->status, rows[i].status);
        stub_free(c);
    }
    stub_world_close(&k);
}

static void test_same_seed_same_bytes(void **state)
{
    struct stub *first[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct stub_world k = {0};
        stub_world_open(&k, &(struct sim_settings){.seed = 42});
        first[i] = stub_post(&k, CHAT,
                             "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
        stub_world_close(&k);
    }
    assert_true(sl_str_eq(sl_buf_str(&first[0]->body), sl_buf_str(&first[1]->body)));
    assert_string_equal(stub_header(first[0], "x-request-id"), stub_header(first[1], "x-request-id"));
    stub_free(first[0]);
    stub_free(first[1]);
}

static int set_up(void **state)
{
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 7});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stub_world_close(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat_whole),     cmocka_unit_test(test_length),
        cmocka_unit_test(test_reasoning),      cmocka_unit_test(test_stream),
        cmocka_unit_test(test_tools_whole),    cmocka_unit_test(test_tools_stream),
        cmocka_unit_test(test_schemas),        cmocka_unit_test(test_hostile_schemas),
        cmocka_unit_test(test_json_stream),    cmocka_unit_test(test_completions),
        cmocka_unit_test(test_embeddings),     cmocka_unit_test(test_models),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_body_in_pieces), cmocka_unit_test(test_body_too_large),
        cmocka_unit_test(test_keys),           cmocka_unit_test(test_same_seed_same_bytes),
    };
    return cmocka_run_group_tests_name("sim/answers", tests, set_up, tear_down);
}
