/* OpenAI's Responses: the object, the events of a stream, what is refused, what is kept (openai.md 7). */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define PATH "/v1/responses"

static struct stub_world w;

static struct stub *ask(const char *model, const char *rest)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    sl_buf_addf(&b, "{\"model\":\"%s\",%s}", model, rest);
    struct stub *c = stub_send(&w, PATH, NULL, sl_buf_str(&b));
    sl_buf_done(&b);
    return c;
}

static void assert_refused(struct stub *c, const char *code, const char *param, const char *message)
{
    yyjson_doc *d = stub_json(c);
    const char *text = stub_text_at(d, "/error/message");
    assert_int_equal(c->status, 400);
    assert_string_equal(stub_text_at(d, "/error/type"), "invalid_request_error");
    if (strstr(text, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, text);
    assert_string_equal(stub_text_at(d, "/error/code"), code);
    assert_string_equal(stub_text_at(d, "/error/param"), param);
    yyjson_doc_free(d);
    stub_free(c);
}

/* ---- answers ---- */

static void test_whole(void **state)
{
    struct stub *c =
        ask("gpt-4o",
            "\"instructions\":\"1234\",\"input\":\"12345678\",\"max_output_tokens\":16,\"metadata\":{\"a\":\"b\"}");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(c->status, 200);
    assert_string_equal(stub_header(c, "openai-version"), "2020-10-01");
    assert_string_equal(stub_text_at(d, "/object"), "response");
    assert_int_equal(strncmp(stub_text_at(d, "/id"), "resp_", 5), 0);
    assert_string_equal(stub_text_at(d, "/status"), "incomplete");
    assert_string_equal(stub_text_at(d, "/incomplete_details/reason"), "max_output_tokens");
    assert_string_equal(stub_text_at(d, "/model"), "gpt-4o-2024-08-06");
    assert_string_equal(stub_text_at(d, "/instructions"), "1234");
    assert_string_equal(stub_text_at(d, "/metadata/a"), "b");
    assert_int_equal(stub_number_at(d, "/max_output_tokens"), 16);
    assert_true(yyjson_is_true(yyjson_doc_ptr_get(d, "/store")));
    assert_string_equal(stub_text_at(d, "/output/0/type"), "message");
    assert_string_equal(stub_text_at(d, "/output/0/status"), "incomplete");
    assert_string_equal(stub_text_at(d, "/output/0/content/0/type"), "output_text");
    assert_int_equal(strncmp(stub_text_at(d, "/output/0/content/0/text"), "[simulated] the quick", 21), 0);
    assert_int_equal(stub_number_at(d, "/usage/input_tokens"), 9);
    assert_int_equal(stub_number_at(d, "/usage/output_tokens"), 16);
    assert_int_equal(stub_number_at(d, "/usage/total_tokens"), 25);
    yyjson_doc_free(d);
    stub_free(c);
    d = stub_last_record(&w);
    assert_string_equal(stub_text_at(d, "/format"), "openai-responses");
    assert_int_equal(stub_number_at(d, "/input"), 9);
    yyjson_doc_free(d);
    c = stub_post(&w, PATH "/input_tokens", "{\"model\":\"m\",\"input\":\"12345678\"}");
    d = stub_json(c);
    assert_int_equal(stub_number_at(d, "/input_tokens"), 5);
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_what_is_said(void **state)
{
    static const struct {
        const char *rest, *text;
    } rows[] = {
        {"\"instructions\":\"SAY: ahoy\",\"input\":[{\"role\":\"developer\",\"content\":\"SAY: mate\"}]",
         "[simulated] ahoy mate"},
        {"\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,iVBORw0KGgo=\"},"
         "{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERg==\"}]}]",
         "[simulated] 1 image (image/png 8 bytes) 1 document (application/pdf 4 bytes)"},
        {"\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":\"object\","
         "\"properties\":{\"a\":{\"type\":\"integer\"}},\"required\":[\"a\"],\"additionalProperties\":false}}}",
         "{\"a\":1}"},
        {"\"input\":[{\"role\":\"user\",\"content\":\"call f\"},{\"type\":\"function_call\",\"call_id\":\"1\",\"name\":\"f\","
         "\"arguments\":\"{}\"},{\"type\":\"function_call_output\",\"call_id\":\"1\",\"output\":[{\"type\":\"input_text\",\"text\":"
         "\"cold\"}]}],\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]",
         "[simulated] results: \"cold\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = ask("m", rows[i].rest);
        yyjson_doc *d = stub_json(c);
        assert_string_equal(stub_text_at(d, "/output/0/content/0/text"), rows[i].text);
        assert_string_equal(stub_text_at(d, "/status"), "completed");
        yyjson_doc_free(d);
        stub_free(c);
    }
}

/* ---- streams ---- */

static void test_stream(void **state)
{
    static const char *const names[] = {"response.created",
                                        "response.in_progress",
                                        "response.output_item.added",
                                        "response.output_item.done",
                                        "response.output_item.added",
                                        "response.content_part.added",
                                        "response.output_text.delta",
                                        "response.output_text.delta",
                                        "response.output_text.done",
                                        "response.content_part.done",
                                        "response.output_item.done",
                                        "response.output_item.added",
                                        "response.function_call_arguments.delta",
                                        "response.function_call_arguments.done",
                                        "response.output_item.done",
                                        "response.completed"};
    struct stub *c =
        ask("gpt-5",
            "\"stream\":true,\"input\":\"think and call f {}, ECHO: \",\"stream_options\":{\"include_obfuscation\":"
            "false},\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"instructions\":\"SAY: abc\"");
    (void)state;
    assert_string_equal(stub_header(c, "content-type"), "text/event-stream; charset=utf-8");
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("[DONE]")) < 0);
    unsigned pieces = 0;
    for (unsigned k = 0, at = 0; k < stub_events(c); k++) {
        struct sl_str data = stub_event(c, k);
        yyjson_doc *d = yyjson_read(data.p, data.n, YYJSON_READ_NOFLAG);
        const char *type = stub_text_at(d, "/type");
        assert_int_equal(stub_number_at(d, "/sequence_number"), k);
        if (strcmp(type, "response.output_text.delta") == 0 && ++pieces > 2) {
            yyjson_doc_free(d);
            continue;
        }
        assert_true(at < sizeof names / sizeof names[0]);
        assert_string_equal(type, names[at++]);
        if (strcmp(type, "response.output_item.added") == 0 && at == 3) {
            assert_string_equal(stub_text_at(d, "/item/type"), "reasoning");
            assert_non_null(strstr(stub_text_at(d, "/item/encrypted_content"), "notyet"));
        }
        if (strcmp(type, "response.completed") == 0) {
            assert_string_equal(stub_text_at(d, "/response/output/1/content/0/text"), "[simulated] abc ");
            assert_string_equal(stub_text_at(d, "/response/output/1/phase"), "commentary");
            assert_string_equal(stub_text_at(d, "/response/output/2/arguments"), "{}");
            assert_int_equal(stub_number_at(d, "/response/usage/output_tokens_details/reasoning_tokens"), 16);
        }
        yyjson_doc_free(d);
    }
    assert_int_equal(pieces, 4);
    stub_free(c);
}

static void test_stream_faults(void **state)
{
    static const struct {
        const char *fault, *has, *has_not;
    } rows[] = {
        {"error-event=5", "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":6",
         "response.completed"},
        {"missing-end", "response.output_item.done", "response.completed"},
        {"garbage-chunk=3", "\xff no JSON", NULL},
        {"no-usage", "response.completed", "input_tokens"},
        {"cut=4", "response.content_part.added", "response.completed"},
    };
    char header[120];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(header, sizeof header, "x-sim-fault: %s\n", rows[i].fault);
        struct stub *c = stub_send(&w, PATH, header, SL_STR("{\"model\":\"m\",\"stream\":true,\"input\":\"x\"}"));
        struct sl_str body = sl_buf_str(&c->body);
        assert_true(sl_str_find_str(body, sl_str_c(rows[i].has)) >= 0);
        assert_true(rows[i].has_not == NULL || sl_str_find_str(body, sl_str_c(rows[i].has_not)) < 0);
        stub_free(c);
    }
}

/* ---- reasoning that comes back ---- */

static struct stub *send_back(const char *model, const char *id, const char *sealed, const char *more)
{
    struct sl_buf b;
    sl_buf_init(&b, 65536);
    sl_buf_addf(&b, "\"input\":[{\"role\":\"user\",\"content\":\"x\"},{\"type\":\"reasoning\",\"summary\":[]");
    if (id != NULL)
        sl_buf_addf(&b, ",\"id\":\"%s\"", id);
    if (sealed != NULL)
        sl_buf_addf(&b, ",\"encrypted_content\":\"%s\"", sealed);
    sl_buf_addf(&b, "}%s]", more);
    sl_buf_addc(&b, 0);
    struct stub *c = ask(model, b.p);
    sl_buf_done(&b);
    return c;
}

#define ANSWER ",{\"role\":\"assistant\",\"content\":\"y\"},{\"role\":\"user\",\"content\":\"z\"}"

static void test_reasoning(void **state)
{
    struct stub *c = ask("gpt-5", "\"input\":\"x\",\"reasoning\":{\"effort\":\"low\",\"summary\":\"auto\"}"),
                *other = ask("gpt-5", "\"input\":\"think\"");
    yyjson_doc *d = stub_json(c), *e = stub_json(other);
    const char *id = stub_text_at(d, "/output/0/id"), *sealed = stub_text_at(d, "/output/0/encrypted_content");
    (void)state;
    assert_string_equal(stub_text_at(d, "/output/0/type"), "reasoning");
    assert_int_equal(strncmp(stub_text_at(d, "/output/0/summary/0/text"), "[simulated] ", 12), 0);
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(e, "/output/0/summary")), 0);
    static const struct {
        bool id, sealed;
    } fine[] = {{true, true}, {false, true}, {true, false}};
    for (size_t i = 0; i < 3; i++) {
        struct stub *again = send_back("gpt-5-mini", fine[i].id ? id : NULL, fine[i].sealed ? sealed : NULL, ANSWER);
        assert_int_equal(again->status, 200);
        stub_free(again);
    }
    assert_refused(send_back("gpt-5", id, stub_text_at(e, "/output/0/encrypted_content"), ANSWER),
                   "invalid_encrypted_content", "(none)", "item_id did not match");
    assert_refused(send_back("gpt-5", id, "gAAAAABnotyet", ANSWER), "invalid_encrypted_content", "(none)",
                   "Invalid signature");
    assert_refused(send_back("gpt-6", id, sealed, ANSWER), "invalid_encrypted_content", "(none)", "Invalid signature");
    assert_refused(send_back("gpt-5", "rs_x", NULL, ANSWER), "(none)", "input", "Items are not persisted");
    assert_refused(send_back("gpt-5", id, sealed, ""), "(none)", "input", "without its required following item");
    yyjson_doc_free(d);
    yyjson_doc_free(e);
    stub_free(c);
    stub_free(other);
}

/* ---- what is kept ---- */

static void test_kept(void **state)
{
    struct stub *c = ask("m",
                         "\"input\":\"call f then call g\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":"
                         "\"function\",\"name\":\"g\"}]");
    yyjson_doc *d = stub_json(c);
    char path[200], rest[600];
    (void)state;
    snprintf(path, sizeof path, PATH "/%s", stub_text_at(d, "/id"));
    struct stub *got = stub_get(&w, path);
    assert_int_equal(got->status, 200);
    assert_true(sl_str_eq(sl_buf_str(&got->body), sl_buf_str(&c->body)));
    stub_free(got);
    /* the order goes on: f has given its result, now g */
    snprintf(
        rest, sizeof rest,
        "\"previous_response_id\":\"%s\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"%s\",\"output\":\"1\"}],"
        "\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\",\"name\":\"g\"}]",
        stub_text_at(d, "/id"), stub_text_at(d, "/output/0/call_id"));
    got = ask("m", rest);
    yyjson_doc *second = stub_json(got);
    assert_string_equal(stub_text_at(second, "/output/0/name"), "g");
    assert_string_equal(stub_text_at(second, "/previous_response_id"), stub_text_at(d, "/id"));
    assert_true(stub_number_at(second, "/usage/input_tokens") > 8);
    yyjson_doc_free(second);
    stub_free(got);
    snprintf(rest, sizeof rest, "\"previous_response_id\":\"%s\",\"input\":\"x\"", stub_text_at(d, "/id"));
    assert_refused(ask("m", rest), "(none)", "input", "No tool output found for function call");
    got = stub_ask(&w, "DELETE", path, NULL, SL_STR_NONE);
    assert_int_equal(got->status, 200);
    stub_free(got);
    got = stub_get(&w, path);
    assert_int_equal(got->status, 404);
    stub_free(got);
    assert_refused(ask("m", rest), "previous_response_not_found", "previous_response_id", "not found");
    yyjson_doc_free(d);
    stub_free(c);
    c = ask("m", "\"input\":\"x\",\"store\":false");
    d = stub_json(c);
    snprintf(path, sizeof path, PATH "/%s", stub_text_at(d, "/id"));
    got = stub_get(&w, path);
    assert_int_equal(got->status, 404);
    stub_free(got);
    yyjson_doc_free(d);
    stub_free(c);
}

/* More than are kept: the oldest go. */
static void test_many_kept(void **state)
{
    struct stub *c = ask("m", "\"input\":\"x\"");
    yyjson_doc *d = stub_json(c);
    char path[200];
    (void)state;
    snprintf(path, sizeof path, PATH "/%s", stub_text_at(d, "/id"));
    yyjson_doc_free(d);
    stub_free(c);
    for (int i = 0; i < 300; i++)
        stub_free(ask("m", "\"input\":\"x\""));
    c = stub_get(&w, path);
    assert_int_equal(c->status, 404);
    stub_free(c);
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
    static const struct {
        const char *model, *rest, *code, *param, *message;
    } rows[] = {
        {"m", "\"input\":\"x\",\"messages\":[]", "unknown_parameter", "messages", "Unknown parameter: 'messages'."},
        {"m", "\"input\":\"x\",\"max_tokens\":1", "unknown_parameter", "max_tokens", "Unknown parameter"},
        {"m", "\"input\":\"x\",\"stop\":\"a\"", "unknown_parameter", "stop", "Unknown parameter"},
        {"m", "\"store\":true", "missing_required_parameter", "input", "Missing required parameter: 'input'."},
        {"m", "\"input\":1", "invalid_type", "input", "expected one of a string or array"},
        {"m", "\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]", "invalid_value", "input[0]",
         "Invalid value: 'tool'."},
        {"m", "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}]", "invalid_value",
         "input[0].content[0]", "Supported values are: 'input_text'"},
        {"m", "\"input\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"input_text\",\"text\":\"x\"}]}]",
         "invalid_value", "input[0].content[0]", "'output_text' and 'refusal'"},
        {"m", "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"image_url\":{\"url\":\"x\"}}]}]",
         "invalid_type", "input[0].content[0]", "got an object instead"},
        {"m", "\"input\":[{\"type\":\"nonsense\"}]", "invalid_value", "input[0]", "Invalid value: 'nonsense'"},
        {"m", "\"input\":[{\"type\":\"function_call\",\"name\":\"f\",\"arguments\":\"{}\"}]",
         "missing_required_parameter", "input[0].call_id", "Missing"},
        {"m", "\"input\":[{\"type\":\"function_call\",\"call_id\":\"1\",\"name\":\"f\",\"arguments\":{}}]",
         "missing_required_parameter", "input[0].arguments", "Missing"},
        {"m",
         "\"input\":[{\"type\":\"function_call\",\"id\":\"call_1\",\"call_id\":\"1\",\"name\":\"f\",\"arguments\":\"{}\"}]",
         "invalid_value", "input[0].id", "Expected an ID that begins with 'fc'"},
        {"m",
         "\"input\":[{\"type\":\"function_call\",\"call_id\":\"12345678901234567890123456789012345678901234567890123456789012345\","
         "\"name\":\"f\",\"arguments\":\"{}\"}]",
         "string_above_max_length", "input[0].call_id", "length 65"},
        {"m", "\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"1\",\"output\":\"x\"}]", "(none)", "input",
         "No tool call found for function call output with call_id 1."},
        {"m", "\"input\":[{\"type\":\"function_call\",\"call_id\":\"1\",\"name\":\"f\",\"arguments\":\"{}\"}]",
         "(none)", "input", "No tool output found for function call 1."},
        {"m", "\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]",
         "missing_required_parameter", "tools[0].name", "Missing"},
        {"m", "\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"a b\"}]", "invalid_value", "tools[0].name",
         "pattern"},
        {"m",
         "\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"strict\":true,\"parameters\":{\"type\":\"object\"}}]",
         "invalid_function_parameters", "tools[0].parameters", "'additionalProperties' is required"},
        {"m", "\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"string\"}}]",
         "invalid_function_parameters", "tools[0].parameters", "must be a JSON Schema of 'type: \"object\"'"},
        {"m", "\"input\":\"x\",\"tools\":[{\"type\":\"retrieval\"}]", "invalid_value", "tools[0]",
         "Invalid value: 'retrieval'"},
        {"m", "\"input\":\"x\",\"tool_choice\":\"any\"", "invalid_value", "tool_choice", "Invalid value: 'any'"},
        {"m", "\"input\":\"x\",\"tool_choice\":{\"type\":\"function\",\"name\":\"z\"}", "invalid_value", "tool_choice",
         "not found"},
        {"m", "\"input\":\"x\",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"z\"}}",
         "missing_required_parameter", "tool_choice.name", "Missing"},
        {"m", "\"input\":\"x\",\"max_output_tokens\":15", "integer_below_min_value", "max_output_tokens",
         "but got 15 instead"},
        {"m", "\"input\":\"x\",\"temperature\":3", "decimal_above_max_value", "temperature", "<= 2"},
        {"o3", "\"input\":\"x\",\"temperature\":0.5", "unsupported_parameter", "temperature",
         "not supported with this model"},
        {"gpt-4o", "\"input\":\"x\",\"reasoning\":{\"effort\":\"low\"}", "unsupported_parameter", "reasoning.effort",
         "'reasoning.effort' is not supported with this model."},
        {"m", "\"input\":\"x\",\"reasoning\":{\"effort\":\"huge\"}", "invalid_value", "reasoning.effort",
         "Invalid value: 'huge'"},
        {"m", "\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"json_schema\":{}}}",
         "missing_required_parameter", "text.format.name", "Missing"},
        {"m", "\"input\":\"x\",\"include\":[\"usage\"]", "invalid_value", "include", "Invalid value: 'usage'"},
        {"m", "\"input\":\"x\",\"metadata\":{\"a\":1}", "invalid_type", "metadata", "expected strings"},
        {"m", "\"input\":\"x\",\"stream\":true,\"stream_options\":{\"include_usage\":true}", "unknown_parameter",
         "stream_options.include_usage", "Unknown"},
        {"m", "\"input\":\"x\",\"stream_options\":{}", "invalid_value", "stream_options", "only allowed when"},
        {"m", "\"input\":\"x\",\"previous_response_id\":\"resp_z\"", "previous_response_not_found",
         "previous_response_id", "'resp_z' not found"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(ask(rows[i].model, rows[i].rest), rows[i].code, rows[i].param, rows[i].message);
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
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_what_is_said), cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_faults), cmocka_unit_test(test_reasoning),    cmocka_unit_test(test_kept),
        cmocka_unit_test(test_many_kept),     cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
