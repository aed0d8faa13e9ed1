/* Anthropic's Messages: what is answered, what is refused, how it streams, what it counts (anthropic.md 2 to 5, 9). */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define PATH "/v1/messages"
#define VERSION "anthropic-version: 2023-06-01\n"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"12345678\"}]"

static struct stub_world w;

static struct stub *ask(const char *body)
{
    return stub_send(&w, PATH, VERSION, sl_str_c(body));
}

/* {"model":MODEL,"max_tokens":2000,REST} */
static struct stub *ask_model(const char *model, const char *rest)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    sl_buf_addf(&b, "{\"model\":\"%s\",\"max_tokens\":2000,%s}", model, rest);
    struct stub *c = stub_send(&w, PATH, VERSION, sl_buf_str(&b));
    sl_buf_done(&b);
    return c;
}

static void assert_refused(struct stub *c, const char *message)
{
    yyjson_doc *d = stub_json(c);
    const char *text = stub_text_at(d, "/error/message");
    assert_int_equal(c->status, 400);
    assert_string_equal(stub_text_at(d, "/type"), "error");
    assert_string_equal(stub_text_at(d, "/error/type"), "invalid_request_error");
    assert_string_equal(stub_text_at(d, "/request_id"), stub_header(c, "request-id"));
    if (strstr(text, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, text);
    yyjson_doc_free(d);
    stub_free(c);
}

/* ---- answers ---- */

static void test_whole(void **state)
{
    struct stub *c = ask("{\"model\":\"claude-haiku-4-5\",\"max_tokens\":4,\"system\":\"1234\"," HI "}");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(c->status, 200);
    assert_string_equal(stub_header(c, "content-type"), "application/json");
    assert_int_equal(strncmp(stub_header(c, "request-id"), "req_011C", 8), 0);
    assert_string_equal(stub_header(c, "anthropic-ratelimit-requests-limit"), "10000");
    assert_non_null(stub_header(c, "anthropic-ratelimit-input-tokens-remaining"));
    assert_int_equal(strlen(stub_header(c, "anthropic-ratelimit-output-tokens-reset")), 20);
    assert_null(stub_header(c, "openai-version"));
    assert_string_equal(stub_header(c, "x-sluice-simulated"), "true");
    assert_string_equal(stub_text_at(d, "/type"), "message");
    assert_string_equal(stub_text_at(d, "/role"), "assistant");
    assert_string_equal(stub_text_at(d, "/model"), "claude-haiku-4-5-20251001");
    assert_string_equal(stub_text_at(d, "/content/0/type"), "text");
    assert_string_equal(stub_text_at(d, "/content/0/text"), "[simulated] the quick brown");
    assert_string_equal(stub_text_at(d, "/stop_reason"), "max_tokens");
    assert_true(yyjson_is_null(yyjson_doc_ptr_get(d, "/stop_sequence")));
    assert_int_equal(stub_number_at(d, "/usage/input_tokens"), 3 + 1 + 3 + 2);
    assert_int_equal(stub_number_at(d, "/usage/output_tokens"), 4);
    assert_int_equal(stub_number_at(d, "/usage/cache_read_input_tokens"), 0);
    yyjson_doc_free(d);
    d = stub_last_record(&w);
    assert_string_equal(stub_text_at(d, "/format"), "anthropic");
    assert_int_equal(stub_number_at(d, "/input"), 9);
    assert_int_equal(stub_number_at(d, "/output"), 4);
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_count_tokens(void **state)
{
    struct stub *c =
        stub_send(&w, PATH "/count_tokens", VERSION, SL_STR("{\"model\":\"m\",\"system\":\"1234\"," HI "}"));
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(c->status, 200);
    assert_int_equal(stub_number_at(d, "/input_tokens"), 9);
    assert_int_equal(yyjson_obj_size(yyjson_doc_get_root(d)), 1);
    yyjson_doc_free(d);
    d = stub_last_record(&w);
    assert_int_equal(stub_number_at(d, "/prompt"), 0); /* free of charge */
    yyjson_doc_free(d);
    stub_free(c);
    assert_refused(stub_send(&w, PATH "/count_tokens", VERSION, SL_STR("{\"model\":\"m\",\"max_tokens\":1," HI "}")),
                   "max_tokens: Extra inputs are not permitted");
}

/* Text, images, orders of the prompt: the rules of sim.h. */
static void test_what_is_said(void **state)
{
    static const struct {
        const char *rest, *text, *stop;
    } rows[] = {
        {"\"system\":\"x\\nSAY: ahoy, mate\\ny\"," HI, "[simulated] ahoy, mate", "end_turn"},
        {"\"system\":[{\"type\":\"text\",\"text\":\"SAY:one\"},{\"type\":\"text\",\"text\":\"SAY:two\"}]," HI,
         "[simulated] one two", "end_turn"},
        {"\"messages\":[{\"role\":\"user\",\"content\":\"a ECHO: \\u00e9\\\"\"}]", "[simulated] \xc3\xa9\"",
         "end_turn"},
        {"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
         "\"image/png\",\"data\":\"iVBORw0KGgo=\"}},{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y\"}},"
         "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERg==\"}}]}]",
         "[simulated] 2 images (image/png 8 bytes; at https://x/y) 1 document (application/pdf 4 bytes)", "end_turn"},
        {"\"stop_sequences\":[\"zebra\",\"fox\"]," HI, "[simulated] the quick brown ", "stop_sequence"},
        {"\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{"
         "\"type\":\"integer\"}},\"additionalProperties\":false}}}," HI,
         "{\"a\":1}", "end_turn"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = ask_model("m", rows[i].rest);
        yyjson_doc *d = stub_json(c);
        assert_string_equal(stub_text_at(d, "/content/0/text"), rows[i].text);
        assert_string_equal(stub_text_at(d, "/stop_reason"), rows[i].stop);
        yyjson_doc_free(d);
        stub_free(c);
    }
}

/* ---- tools ---- */

#define TOOLS                                                                                                          \
    "\"tools\":[{\"name\":\"get_weather\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":"   \
    "\"string\"}}}},{\"name\":\"get_time\",\"input_schema\":{\"type\":\"object\"}}]"

static void test_orders(void **state)
{
    static const struct {
        const char *text, *more;
        unsigned n;
        const char *first, *input;
    } rows[] = {
        {"hello", "", 0, NULL, NULL},
        {"recall get_time", "", 0, NULL, NULL},
        {"call get_times", "", 0, NULL, NULL},
        {"please call get_time.", "", 1, "get_time", "{}"},
        {"Call `get_weather`", "", 1, "get_weather", "{\"city\":\"simulated\"}"},
        {"call get_weather {\\\"city\\\": \\\"Oslo\\\"}", "", 1, "get_weather", "{\"city\":\"Oslo\"}"},
        {"call get_time and get_weather", "", 2, "get_time", "{}"},
        {"call get_time, get_weather and get_time", "", 3, "get_time", "{}"},
        {"call get_time and call #1 then call #2", "", 2, "get_time", "{}"},
        {"call get_time and get_weather", ",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}", 1,
         "get_time", "{}"},
        {"call get_time", ",\"tool_choice\":{\"type\":\"none\"}", 0, NULL, NULL},
        {"x", ",\"tool_choice\":{\"type\":\"any\"}", 1, "get_weather", "{\"city\":\"simulated\"}"},
        {"x", ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"get_time\"}", 1, "get_time", "{}"},
        {"use tools", "", 2, "get_weather", "{\"city\":\"simulated\"}"},
    };
    char rest[900];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(rest, sizeof rest, TOOLS ",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]%s", rows[i].text,
                 rows[i].more);
        struct stub *c = ask_model("m", rest);
        yyjson_doc *d = stub_json(c);
        unsigned n = 0;
        while (n < 9 && yyjson_arr_get(yyjson_doc_ptr_get(d, "/content"), n) != NULL)
            n++;
        assert_int_equal(rows[i].n > 0 ? n : n - 1, rows[i].n);
        assert_string_equal(stub_text_at(d, "/stop_reason"), rows[i].n > 0 ? "tool_use" : "end_turn");
        if (rows[i].n > 0) {
            size_t len = 0;
            char *input = yyjson_val_write(yyjson_doc_ptr_get(d, "/content/0/input"), YYJSON_WRITE_NOFLAG, &len);
            assert_string_equal(stub_text_at(d, "/content/0/type"), "tool_use");
            assert_string_equal(stub_text_at(d, "/content/0/name"), rows[i].first);
            assert_int_equal(strncmp(stub_text_at(d, "/content/0/id"), "toolu_01", 8), 0);
            assert_string_equal(input, rows[i].input);
            free(input);
        }
        yyjson_doc_free(d);
        stub_free(c);
    }
}

#define USES                                                                                                              \
    "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"toolu_a\",\"name\":\"get_time\",\"input\":{}}," \
    "{\"type\":\"tool_use\",\"id\":\"toolu_b\",\"name\":\"get_time\",\"input\":{}}]}"
#define GAVE(id, text) "{\"type\":\"tool_result\",\"tool_use_id\":\"" id "\",\"content\":\"" text "\"}"

/* A step of the order for each round of results; then the results are quoted. */
static void test_loop(void **state)
{
    struct stub *c = ask_model(
        "m", TOOLS ",\"messages\":[{\"role\":\"user\",\"content\":\"call get_time then call get_weather\"}," USES
                   ",{\"role\":\"user\",\"content\":[" GAVE("toolu_b", "noon") "," GAVE("toolu_a", "one") "]}]");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_string_equal(stub_text_at(d, "/content/0/name"), "get_weather");
    yyjson_doc_free(d);
    stub_free(c);
    c = ask_model(
        "m", TOOLS
        ",\"messages\":[{\"role\":\"user\",\"content\":\"call get_time and get_time\"}," USES
        ",{\"role\":\"user\",\"content\":[" GAVE(
            "toolu_a",
            "noon") ",{\"type\":\"tool_result\","
                    "\"tool_use_id\":\"toolu_b\",\"is_error\":true,\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
                    "{\"type\":\"text\",\"text\":\"b\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                    "\"media_type\":\"image/gif\",\"data\":\"R0lGODlh\"}}]}]}]");
    d = stub_json(c);
    assert_string_equal(stub_text_at(d, "/content/0/text"),
                        "[simulated] 1 image (image/gif 6 bytes) results: \"noon\" failed \"a\nb\"");
    yyjson_doc_free(d);
    stub_free(c);
}

/* ---- thinking ---- */

static char *signature_of(const char *model, const char *more, char *text, size_t cap)
{
    char rest[300];
    snprintf(rest, sizeof rest, "%s" HI, more);
    struct stub *c = ask_model(model, rest);
    yyjson_doc *d = stub_json(c);
    assert_string_equal(stub_text_at(d, "/content/0/type"), "thinking");
    assert_int_equal(stub_number_at(d, "/usage/output_tokens_details/thinking_tokens"), 16);
    assert_int_equal(stub_number_at(d, "/usage/output_tokens"), 48);
    snprintf(text, cap, "%s", stub_text_at(d, "/content/0/thinking"));
    const char *signature = stub_text_at(d, "/content/0/signature");
    size_t n = strlen(signature);
    char *kept = sl_malloc(n + 1);
    memcpy(kept, signature, n + 1);
    yyjson_doc_free(d);
    stub_free(c);
    return kept;
}

static struct stub *send_back(const char *model, const char *text, const char *signature)
{
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    sl_buf_addf(&b,
                "\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
                "\"thinking\",\"thinking\":\"%s\",\"signature\":\"%s\"},{\"type\":\"text\",\"text\":\"y\"}]},{\"role\":"
                "\"user\",\"content\":\"z\"}]",
                text, signature);
    sl_buf_addc(&b, 0);
    struct stub *c = ask_model(model, b.p);
    sl_buf_done(&b);
    return c;
}

static void test_thinking(void **state)
{
    char text[300], none[8];
    char *signature = signature_of("claude-sonnet-4-6", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},",
                                   text, sizeof text);
    (void)state;
    assert_int_equal(strncmp(text, "[simulated] ", 12), 0);
    assert_int_equal(strncmp(signature, "EqQB", 4), 0);
    struct stub *c = send_back("claude-opus-4-6", text, signature); /* every Claude understands it */
    assert_int_equal(c->status, 200);
    stub_free(c);
    assert_refused(send_back("claude-sonnet-4-6", "[simulated] else", signature),
                   "Invalid `signature` in `thinking` block");
    assert_refused(send_back("claude-sonnet-4-6", "", signature), "Invalid `signature`");
    assert_refused(send_back("sim-chat", text, signature), "messages.1.content.0: Invalid `signature`");
    assert_refused(send_back("claude-sonnet-4-6", text, ""), "Invalid `signature`");
    signature[40] = signature[40] == 'A' ? 'B' : 'A';
    assert_refused(send_back("claude-sonnet-4-6", text, signature), "Invalid `signature`");
    sl_free(signature);
    /* without its text, as the newest models do unless asked */
    signature = signature_of("claude-opus-5", "\"thinking\":{\"type\":\"adaptive\"},", none, sizeof none);
    assert_string_equal(none, "");
    c = send_back("claude-opus-5", "", signature);
    assert_int_equal(c->status, 200);
    stub_free(c);
    sl_free(signature);
}

static void test_redacted(void **state)
{
    struct stub *c = ask_model("m", "\"messages\":[{\"role\":\"user\",\"content\":\"think redacted\"}]");
    yyjson_doc *d = stub_json(c);
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, 65536);
    assert_string_equal(stub_text_at(d, "/content/0/type"), "redacted_thinking");
    sl_buf_addf(
        &b,
        "\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
        "\"redacted_thinking\",\"data\":\"%s\"},{\"type\":\"text\",\"text\":\"y\"}]},{\"role\":\"user\",\"content\":"
        "\"z\"}]",
        stub_text_at(d, "/content/0/data"));
    sl_buf_addc(&b, 0);
    yyjson_doc_free(d);
    stub_free(c);
    c = ask_model("m", b.p);
    assert_int_equal(c->status, 200);
    stub_free(c);
    sl_buf_done(&b);
}

/* ---- stream ---- */

/* Event k's name; the data's type has to be the same. */
static void event_name(const struct stub *c, unsigned k, char *name, size_t cap)
{
    struct sl_str all = sl_buf_str(&c->body), found = SL_STR_NONE;
    unsigned at = 0;
    while (all.p != NULL && all.n > 0 && found.p == NULL) {
        struct sl_str line = sl_str_cut(&all, '\n');
        if (sl_str_starts(line, SL_STR("event: ")) && at++ == k)
            found = sl_str_from(line, 7);
    }
    struct sl_str data = stub_event(c, k);
    yyjson_doc *d = yyjson_read(data.p, data.n, YYJSON_READ_NOFLAG);
    snprintf(name, cap, SL_STR_FMT, SL_STR_ARG(found));
    assert_string_equal(stub_text_at(d, "/type"), name);
    yyjson_doc_free(d);
}

static void test_stream(void **state)
{
    static const char *const names[] = {"message_start",       "content_block_start", "ping",
                                        "content_block_delta", "content_block_delta", "content_block_delta",
                                        "content_block_delta", "content_block_stop",  "message_delta",
                                        "message_stop"};
    struct stub *c = ask("{\"model\":\"m\",\"max_tokens\":4,\"stream\":true," HI "}");
    char name[40], text[100] = {0};
    (void)state;
    assert_string_equal(stub_header(c, "content-type"), "text/event-stream; charset=utf-8");
    assert_int_equal(stub_events(c), 10);
    for (unsigned k = 0; k < 10; k++) {
        event_name(c, k, name, sizeof name);
        assert_string_equal(name, names[k]);
        struct sl_str data = stub_event(c, k);
        yyjson_doc *d = yyjson_read(data.p, data.n, YYJSON_READ_NOFLAG);
        if (k == 0) {
            assert_int_equal(stub_number_at(d, "/message/usage/input_tokens"), 5);
            assert_true(yyjson_is_null(yyjson_doc_ptr_get(d, "/message/stop_reason")));
        } else if (k == 8) {
            assert_string_equal(stub_text_at(d, "/delta/stop_reason"), "max_tokens");
            assert_int_equal(stub_number_at(d, "/usage/output_tokens"), 4);
        } else if (k >= 3 && k < 7) {
            size_t have = strlen(text);
            snprintf(text + have, sizeof text - have, "%s", stub_text_at(d, "/delta/text"));
        }
        yyjson_doc_free(d);
    }
    assert_string_equal(text, "[simulated] the quick brown");
    stub_free(c);
}

/* Thinking with its signature, then two calls whose inputs come in pieces. */
static void test_stream_of_parts(void **state)
{
    struct stub *c = ask_model("m", TOOLS ",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"think, call "
                                          "get_weather {\\\"city\\\": \\\"Troms\\u00f8\\\"} and get_time\"}]");
    char input[100] = {0};
    unsigned stops = 0, signatures = 0, starts = 0;
    (void)state;
    for (unsigned k = 0; k < stub_events(c); k++) {
        struct sl_str data = stub_event(c, k);
        yyjson_doc *d = yyjson_read(data.p, data.n, YYJSON_READ_NOFLAG);
        const char *type = stub_text_at(d, "/type");
        if (strcmp(type, "content_block_start") == 0) {
            assert_int_equal(stub_number_at(d, "/index"), starts++);
            if (starts == 2)
                assert_string_equal(stub_text_at(d, "/content_block/name"), "get_weather");
        }
        stops += strcmp(type, "content_block_stop") == 0;
        signatures += strcmp(stub_text_at(d, "/delta/type"), "signature_delta") == 0;
        if (stub_number_at(d, "/index") == 1 && strcmp(stub_text_at(d, "/delta/type"), "input_json_delta") == 0) {
            size_t have = strlen(input);
            snprintf(input + have, sizeof input - have, "%s", stub_text_at(d, "/delta/partial_json"));
        }
        yyjson_doc_free(d);
    }
    assert_int_equal(starts, 3);
    assert_int_equal(stops, 3);
    assert_int_equal(signatures, 1);
    assert_string_equal(input, "{\"city\": \"Troms\xc3\xb8\"}");
    stub_free(c);
}

static void test_stream_faults(void **state)
{
    static const struct {
        const char *fault, *has, *has_not;
    } rows[] = {
        {"error-event=3", "event: error\ndata: {\"type\":\"error\",\"error\":{", "message_stop"},
        {"missing-end", "message_delta", "message_stop"},
        {"garbage-chunk=3", "\xff no JSON", NULL},
        {"crlf", "event: ping\ndata: {\"type\": \"ping\"}\r\n\r\n", NULL},
        {"comments", ": keep-alive", NULL},
        {"no-usage", "message_stop", "usage"},
        {"cut=4", "content_block_delta", "message_delta"},
    };
    char header[120];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(header, sizeof header, VERSION "x-sim-fault: %s\n", rows[i].fault);
        struct stub *c =
            stub_send(&w, PATH, header, SL_STR("{\"model\":\"m\",\"max_tokens\":8,\"stream\":true," HI "}"));
        struct sl_str body = sl_buf_str(&c->body);
        assert_true(sl_str_find_str(body, sl_str_c(rows[i].has)) >= 0);
        assert_true(rows[i].has_not == NULL || sl_str_find_str(body, sl_str_c(rows[i].has_not)) < 0);
        stub_free(c);
    }
}

/* ---- prompt cache ---- */

static void ask_cached(const char *first, const char *second, const char *ttl, int64_t read, int64_t written)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    sl_buf_addf(&b, "\"system\":[{\"type\":\"text\",\"text\":\"");
    for (unsigned i = 0; i < 1200; i++)
        sl_buf_adds(&b, sl_str_c(first)); /* four bytes each */
    sl_buf_addf(
        &b,
        "\",\"cache_control\":{\"type\":\"ephemeral\"%s}}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"text\",\"text\":\"",
        ttl);
    for (unsigned i = 0; i < 300; i++)
        sl_buf_adds(&b, sl_str_c(second));
    sl_buf_addf(&b, "\",\"cache_control\":{\"type\":\"ephemeral\"}}]}]");
    sl_buf_addc(&b, 0);
    struct stub *c = ask_model("m", b.p);
    yyjson_doc *d = stub_json(c);
    assert_int_equal(stub_number_at(d, "/usage/cache_read_input_tokens"), read);
    assert_int_equal(stub_number_at(d, "/usage/cache_creation_input_tokens"), written);
    assert_int_equal(stub_number_at(d, "/usage/cache_creation/ephemeral_1h_input_tokens"),
                     ttl[0] != 0 && written > 303 ? 1203 : 0);
    assert_int_equal(stub_number_at(d, "/usage/input_tokens"), 0);
    yyjson_doc_free(d);
    d = stub_last_record(&w);
    assert_int_equal(stub_number_at(d, "/prompt"), 1203 + 303);
    assert_int_equal(stub_number_at(d, "/cache_read"), read);
    assert_int_equal(stub_number_at(d, "/cache_write"), written);
    assert_int_equal(stub_number_at(d, "/input"), 0);
    yyjson_doc_free(d);
    stub_free(c);
    sl_buf_done(&b);
}

static void test_cache(void **state)
{
    (void)state;
    ask_cached("abcd", "efgh", "", 0, 1506);
    ask_cached("abcd", "efgh", "", 1506, 0);
    ask_cached("abcd", "zzzz", "", 1203, 303);
    ask_cached("xxxx", "zzzz", ",\"ttl\":\"1h\"", 0, 1506);
}

/* ---- refusals ---- */

#define MESSAGES(x) "\"messages\":[" x "]"
#define USER(x) "{\"role\":\"user\",\"content\":" x "}"
#define MODEL(x) "{\"role\":\"assistant\",\"content\":" x "}"

static void test_refusals(void **state)
{
    static const struct {
        const char *model, *rest, *message;
    } rows[] = {
        {"m", "\"foo\":1," HI, "foo: Extra inputs are not permitted"},
        {"m", "\"context_management\":{}," HI, "context_management: Extra inputs are not permitted"},
        {"m", "\"x\":1", "x: Extra inputs"},
        {"m", "\"messages\":[]", "messages: at least one message is required"},
        {"m", MESSAGES(MODEL("\"x\"")), "first message must use the \"user\" role"},
        {"m", MESSAGES("{\"role\":\"tool\",\"content\":\"x\"}"),
         "messages.0.role: Input should be 'user' or 'assistant'"},
        {"m", MESSAGES(USER("\"\"")), "messages.0: all messages must have non-empty content"},
        {"m", MESSAGES(USER("\" \\n\"")), "must contain non-whitespace text"},
        {"m", MESSAGES(USER("[]")), "all messages must have non-empty content"},
        {"m", MESSAGES(USER("[{\"type\":\"text\",\"text\":\"\"}]")), "messages: text content blocks must be non-empty"},
        {"m", MESSAGES(USER("[{\"type\":\"text\",\"text\":\"\",\"cache_control\":{\"type\":\"ephemeral\"}}]")),
         "cache_control cannot be set for empty text blocks"},
        {"m", MESSAGES(USER("[{\"type\":\"text\",\"text\":\"x\",\"index\":0}]")),
         "messages.0.content.0.text.index: Extra inputs are not permitted"},
        {"m", MESSAGES(USER("[{\"type\":\"image_url\"}]")), "messages.0.content.0: Input tag 'image_url' found"},
        {"m",
         MESSAGES(USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/jpeg\",\"data\":"
                       "\"iVBORw0KGgo=\"}}]")),
         "using the image/jpeg media type, but the image appears to be a image/png image"},
        {"m",
         MESSAGES(USER(
             "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"?\"}}]")),
         "invalid base64"},
        {"m", MESSAGES(USER("\"x\"") "," MODEL("[{\"type\":\"thinking\",\"thinking\":\"x\"}]") "," USER("\"y\"")),
         "thinking.signature: Field required"},
        {"m", TOOLS "," MESSAGES(USER("\"x\"") "," USES "," USER("\"y\"")),
         "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_a"},
        {"m", TOOLS "," MESSAGES(USER("\"x\"") "," USES "," USER("[" GAVE("toolu_a", "1") "]")),
         "immediately after: toolu_b"},
        {"m",
         TOOLS "," MESSAGES(USER("\"x\"") "," USES "," USER(
             "[{\"type\":\"text\",\"text\":\"first\"}," GAVE("toolu_a", "1") "," GAVE("toolu_b", "2") "]")),
         "immediately after: toolu_a"},
        {"m", MESSAGES(USER("[" GAVE("toolu_a", "1") "]")), "messages.0.content.0: unexpected `tool_use_id` found"},
        {"m", MESSAGES(USER("[" GAVE("call:1", "1") "]")), "tool_use_id: String should match pattern"},
        {"m", MESSAGES(USER("\"x\"") "," MODEL("[{\"type\":\"tool_use\",\"id\":\"a.b\",\"name\":\"n\",\"input\":{}}]")),
         "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"},
        {"m",
         MESSAGES(USER("\"x\"") "," MODEL("[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"n\",\"input\":\"{}\"}]")),
         "tool_use.input: Input should be a valid dictionary"},
        {"m",
         TOOLS
         "," MESSAGES(USER("\"x\"") "," USES "," USER("[" GAVE("toolu_a", "1") "," GAVE("toolu_b", "1") "]") "," USES),
         "`tool_use` ids must be unique"},
        {"m", "\"tools\":[{\"name\":\"a b\",\"input_schema\":{\"type\":\"object\"}}]," HI,
         "tools.0.custom.name: String should match pattern"},
        {"m", "\"tools\":[{\"name\":\"a\"}]," HI, "tools.0.custom.input_schema: Field required"},
        {"m", "\"tools\":[{\"name\":\"a\",\"input_schema\":{}}]," HI,
         "tools.0.custom.input_schema.type: Field required"},
        {"m", "\"tools\":[{\"name\":\"a\",\"input_schema\":{\"type\":\"object\",\"anyOf\":[]}}]," HI,
         "does not support oneOf, allOf, or anyOf at the top level"},
        {"m", "\"tools\":[{\"type\":\"function\",\"function\":{}}]," HI, "tools.0: Input tag 'function'"},
        {"m", "\"tool_choice\":{\"type\":\"auto\"}," HI, "tool_choice may only be specified while providing tools"},
        {"m", TOOLS ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"z\"}," HI, "Tool 'z' not found"},
        {"m", TOOLS ",\"tool_choice\":\"auto\"," HI, "tool_choice: Input tag"},
        {"claude-opus-5-5", TOOLS ",\"tool_choice\":{\"type\":\"any\"}," HI,
         "tool_choice: type \"tool\" and \"any\" are not supported for this model."},
        {"m",
         TOOLS ",\"tool_choice\":{\"type\":\"any\"},\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}," HI,
         "Thinking may not be enabled when tool_choice forces tool use."},
        {"claude-opus-4-7", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}," HI,
         "thinking.type.enabled is not supported for this model"},
        {"claude-sonnet-4-5", "\"thinking\":{\"type\":\"adaptive\"}," HI,
         "adaptive thinking is not supported on this model"},
        {"claude-opus-5-5", "\"thinking\":{\"type\":\"disabled\"}," HI, "thinking.type.disabled is not supported"},
        {"m", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":100}," HI, "greater than or equal to 1024"},
        {"m", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":3000}," HI,
         "`max_tokens` must be greater than `thinking.budget_tokens`"},
        {"m", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},\"temperature\":0.5," HI,
         "`temperature` may only be set to 1 when thinking is enabled"},
        {"m",
         TOOLS ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}," MESSAGES(
             USER("\"x\"") "," USES "," USER("[" GAVE("toolu_a", "1") "," GAVE("toolu_b", "1") "]")),
         "Expected `thinking` or `redacted_thinking`, but found `tool_use`"},
        {"claude-haiku-4-5", "\"temperature\":0.5,\"top_p\":0.5," HI,
         "`temperature` and `top_p` cannot both be specified for this model. Please use only one."},
        {"claude-opus-4-7", "\"temperature\":0.5," HI, "not supported for this model"},
        {"m", "\"temperature\":1.5," HI, "temperature: range: 0..1"},
        {"claude-opus-4-6", MESSAGES(USER("\"x\"") "," MODEL("\"{\"")), "does not support assistant message prefill"},
        {"claude-haiku-4-5", MESSAGES(USER("\"x\"") "," MODEL("\"y \"")),
         "final assistant content cannot end with trailing whitespace"},
        {"claude-sonnet-5", MESSAGES(USER("\"x\"") ",{\"role\":\"system\",\"content\":\"y\"}"),
         "role 'system' is not supported on this model"},
        {"m", "\"stop_sequences\":\"x\"," HI, "stop_sequences: Input should be a valid list"},
        {"m", "\"stop_sequences\":[\" \"]," HI, "each stop sequence must contain non-whitespace"},
        {"m", "\"metadata\":{\"user_id\":\"u\",\"x\":1}," HI, "metadata.x: Extra inputs are not permitted"},
        {"m", "\"service_tier\":\"flex\"," HI, "service_tier: Input should be 'auto' or 'standard_only'"},
        {"m", "\"output_config\":{\"effort\":\"extreme\"}," HI, "output_config.effort"},
        {"claude-opus-4-6", "\"output_config\":{\"effort\":\"xhigh\"}," HI, "does not support effort level 'xhigh'"},
        {"m", "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}," HI,
         "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"},
        {"m",
         "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":"
         "\"integer\",\"minimum\":1}}}}," HI,
         "For 'integer' type, property 'minimum' is not supported"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(ask_model(rows[i].model, rows[i].rest), rows[i].message);
    assert_refused(ask("{\"model\":\"m\"," HI "}"), "max_tokens: Field required");
    assert_refused(ask("{\"max_tokens\":1," HI "}"), "model: Field required");
    assert_refused(ask("{\"model\":\"claude-haiku-4-5\",\"max_tokens\":70000," HI "}"),
                   "max_tokens: 70000 > 64000, which is the maximum");
    assert_refused(ask("[]"), "not valid JSON");
    assert_refused(ask("{"), "not valid JSON");
    assert_refused(stub_post(&w, PATH, "{\"model\":\"m\",\"max_tokens\":1," HI "}"),
                   "anthropic-version: header is required");
    assert_refused(stub_send(&w, PATH, "anthropic-version: 2026-10-21\n",
                             SL_STR("{\"model\":\"m\",\"max_tokens\":1,\"temperature\":1," HI "}")),
                   "temperature: Extra inputs are not permitted");
}

static void test_too_many_marks(void **state)
{
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, 8192);
    sl_buf_adds(&b, SL_STR("\"messages\":[{\"role\":\"user\",\"content\":["));
    for (int i = 0; i < 5; i++)
        sl_buf_addf(&b, "%s{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\"}}",
                    i > 0 ? "," : "");
    sl_buf_adds(&b, SL_STR("]}]"));
    sl_buf_addc(&b, 0);
    assert_refused(ask_model("m", b.p), "A maximum of 4 blocks with cache_control may be provided. Found 5.");
    sl_buf_done(&b);
}

/* What other members a beta header opens; system messages where a model takes them. */
static void test_accepted(void **state)
{
    struct stub *c =
        stub_send(&w, PATH, VERSION "anthropic-beta: a-1,context-management-2025-06-27\n",
                  SL_STR("{\"model\":\"m\",\"max_tokens\":1,\"context_management\":{\"edits\":[]}," HI "}"));
    (void)state;
    assert_int_equal(c->status, 200);
    stub_free(c);
    c = ask_model("claude-opus-4-8", MESSAGES(USER("\"x\"") ",{\"role\":\"system\",\"content\":\"SAY: later\"}"));
    yyjson_doc *d = stub_json(c);
    assert_string_equal(stub_text_at(d, "/content/0/text"), "[simulated] later");
    yyjson_doc_free(d);
    stub_free(c);
    /* results in two messages of one role are one turn */
    c = ask_model("m", TOOLS "," MESSAGES(USER("\"x\"") "," USES "," USER("[" GAVE("toolu_a", "1") "]") "," USER(
                           "[" GAVE("toolu_b", "2") "]")));
    assert_int_equal(c->status, 200);
    stub_free(c);
}

/* ---- faults ---- */

static void test_faults(void **state)
{
    static const struct {
        const char *fault;
        int status;
        const char *type, *message;
    } rows[] = {
        {"400", 400, "invalid_request_error", "Input does not match"},
        {"context", 400, "invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum"},
        {"401", 401, "authentication_error", "invalid x-api-key"},
        {"403", 403, "permission_error", "Request not allowed"},
        {"404", 404, "not_found_error", "model: m"},
        {"409", 409, "conflict_error", ""},
        {"413", 413, "request_too_large", ""},
        {"429", 429, "rate_limit_error", "rate limit"},
        {"429-bare", 429, "rate_limit_error", "rate limit"},
        {"quota", 429, "rate_limit_error", "spend limit"},
        {"credit", 402, "billing_error", "credit balance"},
        {"org-usage-limit", 400, "invalid_request_error", "specified API usage limits"},
        {"500", 500, "api_error", "Internal server error"},
        {"503", 503, "api_error", ""},
        {"504", 504, "timeout_error", ""},
        {"529", 529, "overloaded_error", "Overloaded"},
        {"flap=1", 503, "api_error", ""},
    };
    char header[120];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(header, sizeof header, VERSION "x-sim-fault: %s\n", rows[i].fault);
        struct stub *c = stub_send(&w, PATH, header, SL_STR("{\"model\":\"m\",\"max_tokens\":8," HI "}"));
        yyjson_doc *d = stub_json(c);
        assert_int_equal(c->status, rows[i].status);
        assert_string_equal(stub_text_at(d, "/type"), "error");
        assert_string_equal(stub_text_at(d, "/error/type"), rows[i].type);
        assert_non_null(strstr(stub_text_at(d, "/error/message"), rows[i].message));
        assert_string_equal(stub_text_at(d, "/request_id"), stub_header(c, "request-id"));
        if (strcmp(rows[i].fault, "429") == 0)
            assert_string_equal(stub_header(c, "retry-after"), "1");
        if (strcmp(rows[i].fault, "quota") == 0) {
            assert_string_equal(stub_text_at(d, "/error/details/error_code"), "enforced_spend_limit_reached");
            assert_null(stub_header(c, "retry-after"));
        }
        yyjson_doc_free(d);
        stub_free(c);
    }
}

static void test_keys(void **state)
{
    static const char *const keys[] = {"sk-ant-1"};
    struct stub_world locked = {0};
    struct stub *c;
    (void)state;
    stub_world_open(&locked, &(struct sim_settings){.seed = 1, .keys = keys, .n_keys = 1});
    static const struct {
        const char *headers;
        int status;
        const char *message;
    } rows[] = {
        {VERSION "x-api-key: sk-ant-1\n", 200, NULL},
        {VERSION "authorization: Bearer sk-ant-1\n", 200, NULL},
        {VERSION "x-api-key: sk-ant-2\n", 401, "invalid x-api-key"},
        {VERSION, 401, "x-api-key header is required"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        c = stub_send(&locked, PATH, rows[i].headers, SL_STR("{\"model\":\"m\",\"max_tokens\":8," HI "}"));
        assert_int_equal(c->status, rows[i].status);
        yyjson_doc *d = stub_json(c);
        if (rows[i].message != NULL)
            assert_string_equal(stub_text_at(d, "/error/message"), rows[i].message);
        yyjson_doc_free(d);
        stub_free(c);
    }
    stub_world_close(&locked);
}

static int open_world(void **state)
{
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 7});
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    stub_world_close(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_count_tokens),
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_thinking),
        cmocka_unit_test(test_redacted),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_of_parts),
        cmocka_unit_test(test_stream_faults),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_too_many_marks),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
