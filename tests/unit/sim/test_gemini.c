/* Gemini's generateContent, on Google's own API and on Vertex: what is answered, what is refused, how it streams, what it counts
 * (gemini.md 3 to 11, 20). */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define HI "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"12345678\"}]}]"
#define VERTEX "/v1/projects/p/locations/us-east5/publishers/google/models/"

static struct stub_world w;

static struct stub *ask(const char *model, const char *verb, const char *rest)
{
    char path[200];
    struct sl_buf b;
    snprintf(path, sizeof path, "%s%s:%s", model[0] == '/' ? "" : "/v1beta/models/", model, verb);
    sl_buf_init(&b, 1u << 20);
    sl_buf_addf(&b, "{%s}", rest);
    struct stub *c = stub_send(&w, path, NULL, sl_buf_str(&b));
    sl_buf_done(&b);
    return c;
}

static struct stub *generate(const char *model, const char *rest)
{
    return ask(model, "generateContent", rest);
}

static void assert_refused(struct stub *c, const char *message)
{
    yyjson_doc *d = stub_json(c);
    const char *text = stub_text_at(d, "/error/message");
    assert_int_equal(c->status, 400);
    assert_int_equal(stub_number_at(d, "/error/code"), 400);
    assert_string_equal(stub_text_at(d, "/error/status"), "INVALID_ARGUMENT");
    if (strstr(text, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, text);
    yyjson_doc_free(d);
    stub_free(c);
}

/* ---- answers ---- */

static void test_whole(void **state)
{
    struct stub *c = generate("gemini-2.5-flash", "\"systemInstruction\":{\"parts\":[{\"text\":\"1234\"}]}," HI
                                                  ",\"generationConfig\":{\"maxOutputTokens\":4}");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(c->status, 200);
    assert_string_equal(stub_header(c, "content-type"), "application/json; charset=UTF-8");
    assert_string_equal(stub_header(c, "x-gemini-service-tier"), "standard");
    assert_null(stub_header(c, "x-request-id"));
    assert_string_equal(stub_text_at(d, "/candidates/0/content/parts/0/text"), "[simulated] the quick brown");
    assert_string_equal(stub_text_at(d, "/candidates/0/content/role"), "model");
    assert_string_equal(stub_text_at(d, "/candidates/0/finishReason"), "MAX_TOKENS");
    assert_int_equal(stub_number_at(d, "/usageMetadata/promptTokenCount"), 9);
    assert_int_equal(stub_number_at(d, "/usageMetadata/candidatesTokenCount"), 4);
    assert_int_equal(stub_number_at(d, "/usageMetadata/totalTokenCount"), 13);
    assert_string_equal(stub_text_at(d, "/modelVersion"), "gemini-2.5-flash");
    assert_int_equal(strlen(stub_text_at(d, "/responseId")), 22);
    yyjson_doc_free(d);
    stub_free(c);
    d = stub_last_record(&w);
    assert_string_equal(stub_text_at(d, "/format"), "gemini");
    assert_string_equal(stub_text_at(d, "/model"), "gemini-2.5-flash");
    assert_int_equal(stub_number_at(d, "/input"), 9);
    yyjson_doc_free(d);
    c = generate("gemini-2.5-flash", "\"generation_config\":{\"candidate_count\":2,\"max_output_tokens\":3}," HI);
    d = stub_json(c);
    assert_int_equal(yyjson_arr_size(yyjson_doc_ptr_get(d, "/candidates")), 2);
    assert_int_equal(stub_number_at(d, "/usageMetadata/candidatesTokenCount"), 6);
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_count_tokens(void **state)
{
    struct stub *c = ask("m", "countTokens", HI);
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(stub_number_at(d, "/totalTokens"), 5);
    yyjson_doc_free(d);
    stub_free(c);
    c = ask(
        "m", "countTokens",
        "\"generateContentRequest\":{\"model\":\"models/m\",\"systemInstruction\":{\"parts\":[{\"text\":\"1234\"}]}," HI
        "}");
    d = stub_json(c);
    assert_int_equal(stub_number_at(d, "/totalTokens"), 9);
    yyjson_doc_free(d);
    stub_free(c);
    assert_refused(ask("m", "countTokens", "\"generateContentRequest\":{" HI "}," HI), "mutually exclusive");
    c = ask(VERTEX "m", "countTokens", "\"systemInstruction\":{\"parts\":[{\"text\":\"1234\"}]}," HI);
    d = stub_json(c);
    assert_int_equal(stub_number_at(d, "/totalTokens"), 9);
    assert_int_equal(stub_number_at(d, "/totalBillableCharacters"), 36);
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_what_is_said(void **state)
{
    static const struct {
        const char *rest, *text;
    } rows[] = {
        {"\"system_instruction\":{\"parts\":[{\"text\":\"SAY: ahoy\"},{\"text\":\"SAY: mate\"}]}," HI,
         "[simulated] ahoy mate"},
        {"\"contents\":[{\"parts\":[{\"text\":\"ECHO: \\u00e9\"}]}]", "[simulated] \xc3\xa9"},
        {"\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgo=\"}},"
         "{\"inline_data\":{\"mime_type\":\"audio/wav\",\"data\":\"UklGRg\"}},{\"fileData\":{\"fileUri\":\"https://x/y\"}}]}]",
         "[simulated] 2 images (image/png 8 bytes; at https://x/y) 1 audio (audio/wav 4 bytes)"},
        {HI ",\"generationConfig\":{\"stopSequences\":[\"fox\"]}", "[simulated] the quick brown "},
        {HI
         ",\"generationConfig\":{\"responseMimeType\":\"application/json\",\"responseSchema\":{\"type\":\"OBJECT\","
         "\"properties\":{\"a\":{\"type\":\"INTEGER\"},\"b\":{\"type\":\"ARRAY\",\"minItems\":\"2\",\"items\":{\"type\":"
         "\"STRING\"}}}}}",
         "{\"a\":1,\"b\":[\"simulated\",\"simulated\"]}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = generate("m", rows[i].rest);
        yyjson_doc *d = stub_json(c);
        assert_string_equal(stub_text_at(d, "/candidates/0/content/parts/0/text"), rows[i].text);
        assert_string_equal(stub_text_at(d, "/candidates/0/finishReason"), "STOP");
        yyjson_doc_free(d);
        stub_free(c);
    }
}

/* ---- calls and signatures ---- */

#define TOOLS                                                                                                          \
    "\"tools\":[{\"functionDeclarations\":[{\"name\":\"get_weather\",\"parameters\":{\"type\":\"OBJECT\","             \
    "\"properties\":{\"city\":{\"type\":\"STRING\"}}}},{\"name\":\"get_time\"}]}]"
#define USER(parts) "{\"role\":\"user\",\"parts\":[" parts "]}"
#define MODEL(parts) "{\"role\":\"model\",\"parts\":[" parts "]}"
#define TEXT(text) "{\"text\":\"" text "\"}"
#define CALL(name) "{\"functionCall\":{\"name\":\"" name "\",\"args\":{}}}"
#define GAVE(name, body) "{\"functionResponse\":{\"name\":\"" name "\",\"response\":" body "}}"

/* Two calls, their results in the same order; the first has the signature, which has to come back. */
static void test_loop(void **state)
{
    struct stub *c =
        generate("gemini-3-flash-preview", TOOLS ",\"contents\":[" USER(TEXT("call get_weather and get_time")) "]");
    yyjson_doc *d = stub_json(c);
    struct sl_buf b;
    (void)state;
    assert_string_equal(stub_text_at(d, "/candidates/0/content/parts/0/functionCall/name"), "get_weather");
    assert_string_equal(stub_text_at(d, "/candidates/0/content/parts/0/functionCall/args/city"), "simulated");
    assert_int_equal(strlen(stub_text_at(d, "/candidates/0/content/parts/0/functionCall/id")), 8);
    assert_int_equal(strncmp(stub_text_at(d, "/candidates/0/content/parts/0/thoughtSignature"), "EpQC", 4), 0);
    assert_string_equal(stub_text_at(d, "/candidates/0/content/parts/1/functionCall/name"), "get_time");
    assert_null(yyjson_doc_ptr_get(d, "/candidates/0/content/parts/1/thoughtSignature"));
    assert_string_equal(stub_text_at(d, "/candidates/0/finishReason"), "STOP");
    assert_int_equal(stub_number_at(d, "/usageMetadata/thoughtsTokenCount"), 16);
    static const char *const signatures[] = {NULL, "", "skip_thought_signature_validator", "AAAA"};
    for (size_t i = 0; i < 4; i++) {
        sl_buf_init(&b, 65536);
        sl_buf_addf(&b, TOOLS ",\"contents\":[" USER(
                            TEXT("call get_weather and get_time")) ",{\"role\":\"model\",\"parts\":[{"
                                                                   "\"functionCall\":{\"name\":\"get_weather\"}");
        if (i != 1)
            sl_buf_addf(&b, ",\"thoughtSignature\":\"%s\"",
                        i == 0 ? stub_text_at(d, "/candidates/0/content/parts/0/thoughtSignature") : signatures[i]);
        sl_buf_adds(&b, SL_STR("}," CALL("get_time") "]}," USER(GAVE("get_weather", "{\"output\":\"cold\"}") "," GAVE(
                            "get_time", "{\"at\":[1,2.50]}")) "]"));
        sl_buf_addc(&b, 0);
        struct stub *again = generate("gemini-3-flash-preview", b.p);
        if (i == 1) {
            assert_refused(again, "Function call is missing a thought_signature in functionCall parts.");
        } else if (i == 3) {
            assert_refused(again, "Invalid signature");
        } else {
            yyjson_doc *second = stub_json(again);
            assert_string_equal(stub_text_at(second, "/candidates/0/content/parts/0/text"),
                                "[simulated] results: \"cold\" \"{\"at\":[1,2.5]}\"");
            yyjson_doc_free(second);
            stub_free(again);
        }
        sl_buf_done(&b);
    }
    yyjson_doc_free(d);
    stub_free(c);
}

/* A signature of a call is that call's; one of a text that text's; older models ask for none. */
static void test_signatures(void **state)
{
    struct stub *c = generate("gemini-2.5-pro", "\"contents\":[" USER(TEXT("think")) "]");
    yyjson_doc *d = stub_json(c);
    struct sl_buf b;
    (void)state;
    for (int call = 0; call < 2; call++) {
        sl_buf_init(&b, 65536);
        sl_buf_addf(&b,
                    TOOLS ",\"contents\":[" USER(
                        TEXT("x")) ",{\"role\":\"model\",\"parts\":[{%s,\"thoughtSignature\":\"%s\"}]},%s]",
                    call ? "\"functionCall\":{\"name\":\"get_time\"}" : "\"text\":\"y\"",
                    stub_text_at(d, "/candidates/0/content/parts/0/thoughtSignature"),
                    call ? USER(GAVE("get_time", "{}")) : USER(TEXT("z")));
        sl_buf_addc(&b, 0);
        struct stub *again = generate("gemini-2.5-flash", b.p);
        if (call) {
            assert_refused(again, "Invalid signature");
        } else {
            assert_int_equal(again->status, 200);
            stub_free(again);
        }
        if (!call)
            assert_refused(generate("gemini-3-flash-preview", b.p), "Invalid signature");
        sl_buf_done(&b);
    }
    yyjson_doc_free(d);
    stub_free(c);
    c = generate("gemini-2.5-flash", TOOLS
                 ",\"contents\":[" USER(TEXT("x")) "," MODEL(CALL("get_time")) "," USER(GAVE("get_time", "{}")) "]");
    assert_int_equal(c->status, 200);
    stub_free(c);
}

/* ---- streams ---- */

static void test_stream(void **state)
{
    struct stub *c =
        ask("gemini-3-flash-preview", "streamGenerateContent?alt=sse",
            HI ",\"generationConfig\":{\"maxOutputTokens\":19,\"thinkingConfig\":{\"includeThoughts\":true}}");
    char text[200] = {0};
    unsigned thoughts = 0;
    int64_t shown = 0;
    (void)state;
    assert_string_equal(stub_header(c, "content-type"), "text/event-stream");
    assert_true(sl_str_ends(sl_buf_str(&c->body), SL_STR("}\r\n\r\n")));
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("event:")) < 0);
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("[DONE]")) < 0);
    assert_int_equal(stub_events(c), 16 + 3 + 1);
    for (unsigned k = 0; k < stub_events(c); k++) {
        struct sl_str data = stub_event(c, k);
        yyjson_doc *d = yyjson_read(data.p, data.n, YYJSON_READ_NOFLAG);
        yyjson_val *part = yyjson_doc_ptr_get(d, "/candidates/0/content/parts/0");
        if (yyjson_is_true(yyjson_obj_get(part, "thought")))
            thoughts++;
        else
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s",
                     yyjson_get_str(yyjson_obj_get(part, "text")));
        int64_t count = stub_number_at(d, "/usageMetadata/candidatesTokenCount");
        assert_true(count >= shown || count == -1); /* cumulative */
        shown = count > 0 ? count : shown;
        bool last = k == 19;
        assert_int_equal(yyjson_doc_ptr_get(d, "/candidates/0/finishReason") != NULL, last);
        assert_int_equal(yyjson_obj_get(part, "thoughtSignature") != NULL, last);
        yyjson_doc_free(d);
    }
    assert_int_equal(thoughts, 16);
    assert_int_equal(shown, 3);
    assert_string_equal(text, "[simulated] the quick");
    stub_free(c);
}

static void test_stream_as_array(void **state)
{
    struct stub *c = ask("m", "streamGenerateContent", TOOLS ",\"contents\":[" USER(TEXT("call get_time")) "]");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_string_equal(stub_header(c, "content-type"), "application/json; charset=UTF-8");
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(d)), 2);
    assert_string_equal(stub_text_at(d, "/0/candidates/0/content/parts/0/functionCall/name"), "get_time");
    assert_string_equal(stub_text_at(d, "/1/candidates/0/finishReason"), "STOP");
    yyjson_doc_free(d);
    stub_free(c);
    c = ask("sim-fault-429", "streamGenerateContent", HI);
    d = stub_json(c);
    assert_int_equal(c->status, 429);
    assert_string_equal(stub_text_at(d, "/0/error/status"), "RESOURCE_EXHAUSTED");
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_stream_faults(void **state)
{
    static const struct {
        const char *fault, *has, *has_not;
    } rows[] = {
        {"error-event=3", "data: {\"error\": {\"code\": 503", "finishReason"},
        {"missing-end", "candidates", "finishReason"},
        {"garbage-chunk=3", "\xff no JSON", NULL},
        {"crlf", "}\n\n", "\r\n"},
        {"comments", ": keep-alive", NULL},
        {"no-usage", "finishReason", "usageMetadata"},
        {"cut=3", "candidates", "finishReason"},
        {"content-policy", "data: {\"promptFeedback\": {\"blockReason\": \"PROHIBITED_CONTENT\"}", "candidates"},
    };
    char header[120];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(header, sizeof header, "x-sim-fault: %s\n", rows[i].fault);
        struct stub *c = stub_send(&w, "/v1beta/models/m:streamGenerateContent?alt=sse", header, SL_STR("{" HI "}"));
        struct sl_str body = sl_buf_str(&c->body);
        assert_true(sl_str_find_str(body, sl_str_c(rows[i].has)) >= 0);
        assert_true(rows[i].has_not == NULL || sl_str_find_str(body, sl_str_c(rows[i].has_not)) < 0);
        assert_string_equal(stub_header(c, "content-type"), "text/event-stream");
        stub_free(c);
    }
}

/* ---- Vertex ---- */

static void test_vertex(void **state)
{
    struct stub *c = generate(VERTEX "gemini-2.5-flash", TOOLS ",\"contents\":[" USER(TEXT("call get_time")) "]");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_string_equal(stub_text_at(d, "/candidates/0/content/parts/0/functionCall/name"), "get_time");
    assert_null(yyjson_doc_ptr_get(d, "/candidates/0/content/parts/0/functionCall/id"));
    assert_string_equal(stub_text_at(d, "/usageMetadata/trafficType"), "ON_DEMAND");
    assert_non_null(yyjson_doc_ptr_get(d, "/createTime"));
    yyjson_doc_free(d);
    stub_free(c);
    c = generate("/v1beta1/publishers/google/models/m", HI);
    assert_int_equal(c->status, 200);
    stub_free(c);
    assert_refused(generate(VERTEX "m", TOOLS ",\"contents\":[" USER(TEXT("x")) "," MODEL(
                                            "{\"functionCall\":{\"id\":\"1\",\"name\":\"get_time\"}}") "]"),
                   "Unknown name \"id\" at 'contents[1].parts[0].function_call': Cannot find field.");
    assert_refused(generate(VERTEX "m", "\"store\":false," HI), "Unknown name \"store\": Cannot find field.");
    assert_refused(generate("m", "\"modelArmorConfig\":{}," HI), "Unknown name \"modelArmorConfig\"");
}

/* ---- refusals ---- */

static void test_refusals(void **state)
{
    static const struct {
        const char *model, *rest, *message;
    } rows[] = {
        {"m", "\"messages\":[]," HI, "Invalid JSON payload received. Unknown name \"messages\": Cannot find field."},
        {"m", HI ",\"generationConfig\":{\"max_tokens\":1}",
         "Unknown name \"max_tokens\" at 'generation_config': Cannot find field."},
        {"m", "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"x\",\"cache_control\":{}}]}]",
         "Unknown name \"cache_control\" at 'contents[0].parts[0]': Cannot find field."},
        {"m", "\"contents\":[{\"parts\":[{\"text\":1}]}]",
         "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 1"},
        {"m", "\"contents\":[{\"parts\":[{\"text\":\"x\",\"inlineData\":{}}]}]", "oneof field 'data' is already set"},
        {"m", "\"contents\":\"x\"", "Invalid value at 'contents'"},
        {"m", "\"contents\":[]", "contents is not specified"},
        {"m", "\"x\":1", "Unknown name \"x\""},
        {"m", "\"generationConfig\":{}", "contents is not specified"},
        {"m", "\"contents\":[{\"role\":\"assistant\",\"parts\":[{\"text\":\"x\"}]}]",
         "Please use a valid role: user, model."},
        {"m", "\"contents\":[{\"role\":\"user\",\"parts\":[]}]", "contents.parts must not be empty"},
        {"m", "\"contents\":[{\"role\":\"user\",\"parts\":[{}]}]",
         "required oneof field 'data' must have one initialized field"},
        {"m", "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"\"}]}]", "must have a text parameter"},
        {"m", "\"contents\":[" USER("{\"inlineData\":{\"mimeType\":\"image/bmp\",\"data\":\"AAAA\"}}") "]",
         "Unsupported MIME type: image/bmp"},
        {"m", "\"contents\":[" USER("{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"?\"}}") "]",
         "Base64 decoding failed"},
        {"m", TOOLS ",\"contents\":[" MODEL(CALL("get_time")) "]",
         "function call turn comes immediately after a user turn"},
        {"m", TOOLS ",\"contents\":[" USER(TEXT("x")) "," MODEL(TEXT("y")) "," MODEL(CALL("get_time")) "]",
         "function call turn comes immediately after a user turn"},
        {"m",
         TOOLS ",\"contents\":[" USER(TEXT("x")) "," MODEL(CALL("get_time") "," CALL("get_time")) "," USER(
             GAVE("get_time", "{}")) "]",
         "number of function response parts is equal to the number of function call parts"},
        {"m", TOOLS ",\"contents\":[" USER(TEXT("x")) "," MODEL(CALL("get_time")) "," USER(TEXT("y")) "]",
         "number of function response parts is equal"},
        {"m",
         TOOLS ",\"contents\":[" USER(TEXT("x")) "," MODEL(CALL("get_time") "," CALL("get_weather")) "," USER(
             GAVE("get_weather", "{}") "," GAVE("get_time", "{}")) "]",
         "in the order of the function calls"},
        {"m", TOOLS ",\"contents\":[" USER(GAVE("get_time", "{}")) "]",
         "function response turn comes immediately after a function call turn"},
        {"m", TOOLS ",\"contents\":[" USER(TEXT("x")) "," MODEL(CALL("get_time")) "," USER(GAVE("", "{}")) "]",
         "function_response.name: Name cannot be empty"},
        {"m",
         TOOLS ",\"contents\":[" USER(TEXT("x")) "," MODEL(CALL("get_time")) "," USER(GAVE("get_time", "\"x\"")) "]",
         "Invalid value at 'contents[2].parts[0].function_response.response'"},
        {"gemini-3.6-flash", "\"contents\":[" USER(TEXT("x")) "," MODEL(TEXT("y")) "]",
         "Requests ending with a model turn are not supported"},
        {"gemini-3-flash",
         "\"contents\":[" USER(TEXT("x")) "," MODEL(
             "{\"functionCall\":{\"name\":\"f\"},\"thoughtSignature\":"
             "\"skip_thought_signature_validator\"}") "," USER(GAVE("f", "{}") "," TEXT("and")) "]",
         "not mixed with other parts"},
        {"m", "\"tools\":[{\"functionDeclarations\":[{\"name\":\"1a\"}]}]," HI, "[1a] Invalid function name"},
        {"m", "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"},{\"name\":\"a\"}]}]," HI,
         "Duplicate function declaration found: a"},
        {"m",
         "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\",\"parameters\":{\"type\":\"object\","
         "\"additionalProperties\":false}}]}]," HI,
         "Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field."},
        {"m",
         "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\",\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"x\":{"
         "\"type\":\"STRING\",\"$ref\":\"y\"}}}}]}]," HI,
         "Unknown name \"$ref\" at 'tools[0].function_declarations[0].parameters.properties[0].value'"},
        {"m",
         "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\",\"parameters\":{\"type\":[\"string\",\"null\"]}}]}]," HI,
         "Invalid value at 'tools[0].function_declarations[0].parameters.type'"},
        {"m", "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\",\"parameters\":{\"type\":\"ARRAY\"}}]}]," HI,
         "parameters.items: missing field"},
        {"m",
         "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\",\"parameters\":{\"type\":\"OBJECT\",\"required\":[\"z\"],"
         "\"properties\":{\"x\":{\"type\":\"STRING\"}}}}]}]," HI,
         "parameters.required[0]: property is not defined"},
        {"m",
         "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\",\"parameters\":{\"type\":\"STRING\",\"format\":\"uri\"}}]}]," HI,
         "only 'enum' and 'date-time' are supported for STRING type"},
        {"m",
         "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\",\"parameters\":{},\"parametersJsonSchema\":{}}]}]," HI,
         "only one of parameters and parameters_json_schema"},
        {"m", "\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\"}}," HI,
         "Function calling config is set without function_declarations"},
        {"m",
         TOOLS
         ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"AUTO\",\"allowedFunctionNames\":[\"get_time\"]}}," HI,
         "Allowed function names should only be set when function calling mode is ANY"},
        {"m", TOOLS ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"REQUIRED\"}}," HI,
         "Invalid value at 'tool_config.function_calling_config.mode'"},
        {"gemini-2.5-flash", "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"}]},{\"googleSearch\":{}}]," HI,
         "Tool use with function calling is unsupported"},
        {"gemini-3-flash", "\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"}]},{\"googleSearch\":{}}]," HI,
         "include_server_side_tool_invocations"},
        {"gemini-2.5-flash", TOOLS ",\"generationConfig\":{\"responseMimeType\":\"application/json\"}," HI,
         "Function calling with a response mime type: 'application/json' is unsupported"},
        {"m", "\"generationConfig\":{\"temperature\":3}," HI, "temperature"},
        {"m", "\"generationConfig\":{\"maxOutputTokens\":100000}," HI, "maxOutputTokens value of 100000"},
        {"m", "\"generationConfig\":{\"stopSequences\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]}," HI,
         "must not exceed 5"},
        {"m", "\"generationConfig\":{\"candidateCount\":2}," HI, "Multiple candidates is not enabled for this model"},
        {"m", "\"generationConfig\":{\"seed\":3000000000}," HI, "generation_config.seed"},
        {"m", "\"generationConfig\":{\"responseSchema\":{\"type\":\"STRING\"}}," HI,
         "response_mime_type must be application/json"},
        {"m", "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":1,\"thinkingLevel\":\"LOW\"}}," HI,
         "only set only one of thinking budget and thinking level"},
        {"gemini-2.5-flash", "\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}}," HI,
         "Thinking level is not supported"},
        {"gemini-4-argon", "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":1}}," HI,
         "Thinking budget is not supported"},
        {"gemini-2.5-pro", "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}," HI,
         "Budget 0 is invalid. This model only works in thinking mode."},
        {"m", "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0,\"includeThoughts\":true}}," HI,
         "include_thoughts is only enabled when thinking is enabled"},
        {"gemini-2.5-flash", "\"generationConfig\":{\"presencePenalty\":1}," HI,
         "Penalty is not enabled for this model"},
        {"gemma-4-31b-it", "\"systemInstruction\":{\"parts\":[{\"text\":\"x\"}]}," HI,
         "Developer instruction is not enabled for models/gemma-4-31b-it"},
        {"m", "\"safetySettings\":[{\"category\":\"A\"},{\"category\":\"A\"}]," HI, "multiple safety settings"},
        {"m", "\"cachedContent\":\"cachedContents/x\"," TOOLS "," HI, "CachedContent can not be used with"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(generate(rows[i].model, rows[i].rest), rows[i].message);
    assert_refused(stub_post(&w, "/v1beta/models/m:generateContent", "{"), "Invalid JSON payload");
    assert_refused(stub_post(&w, "/v1beta/models/a%2Fb:generateContent", "{" HI "}"), "unexpected model name format");
}

/* A schema inside a schema, and so on: refused, not followed. */
static void test_deep(void **state)
{
    struct sl_buf b;
    (void)state;
    sl_buf_init(&b, 1u << 20);
    sl_buf_adds(&b, SL_STR("\"generationConfig\":{\"responseSchema\":"));
    for (int i = 0; i < 1000; i++)
        sl_buf_adds(&b, SL_STR("{\"items\":"));
    sl_buf_adds(&b, SL_STR("{}"));
    for (int i = 0; i < 1000; i++)
        sl_buf_addc(&b, '}');
    sl_buf_adds(&b, SL_STR("}," HI));
    sl_buf_addc(&b, 0);
    assert_refused(generate("m", b.p), "Request contains an invalid argument.");
    sl_buf_done(&b);
}

/* ---- faults and keys ---- */

static void test_faults(void **state)
{
    static const struct {
        const char *fault;
        int status;
        const char *word, *message;
    } rows[] = {
        {"400", 400, "INVALID_ARGUMENT", "Request contains an invalid argument."},
        {"context", 400, "INVALID_ARGUMENT", "exceeds the maximum number of tokens allowed"},
        {"401", 401, "UNAUTHENTICATED", ""},
        {"403", 403, "PERMISSION_DENIED", ""},
        {"404", 404, "NOT_FOUND", "models/m is not found for API version v1beta"},
        {"409", 409, "ABORTED", ""},
        {"429", 429, "RESOURCE_EXHAUSTED", "You exceeded your current quota"},
        {"quota", 429, "RESOURCE_EXHAUSTED", ""},
        {"tier", 429, "RESOURCE_EXHAUSTED", ""},
        {"500", 500, "INTERNAL", ""},
        {"503", 503, "UNAVAILABLE", "overloaded"},
        {"504", 504, "DEADLINE_EXCEEDED", ""},
        {"529", 503, "UNAVAILABLE", ""},
    };
    char header[120];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(header, sizeof header, "x-sim-fault: %s\n", rows[i].fault);
        struct stub *c = stub_send(&w, "/v1beta/models/m:generateContent", header, SL_STR("{" HI "}"));
        yyjson_doc *d = stub_json(c);
        assert_int_equal(c->status, rows[i].status);
        assert_int_equal(stub_number_at(d, "/error/code"), rows[i].status);
        assert_string_equal(stub_text_at(d, "/error/status"), rows[i].word);
        assert_non_null(strstr(stub_text_at(d, "/error/message"), rows[i].message));
        if (strcmp(rows[i].fault, "429") == 0) {
            assert_string_equal(stub_text_at(d, "/error/details/1/retryDelay"), "1.000s");
            assert_null(stub_header(c, "retry-after"));
        }
        if (strcmp(rows[i].fault, "quota") == 0)
            assert_non_null(strstr(stub_text_at(d, "/error/details/0/violations/0/quotaId"), "PerDay"));
        yyjson_doc_free(d);
        stub_free(c);
    }
    /* a blocked prompt is no error; its tokens are billed */
    struct stub *c =
        stub_send(&w, "/v1beta/models/m:generateContent", "x-sim-fault: content-policy\n", SL_STR("{" HI "}"));
    yyjson_doc *d = stub_json(c);
    assert_int_equal(c->status, 200);
    assert_string_equal(stub_text_at(d, "/promptFeedback/blockReason"), "PROHIBITED_CONTENT");
    assert_null(yyjson_doc_ptr_get(d, "/candidates"));
    yyjson_doc_free(d);
    stub_free(c);
    d = stub_last_record(&w);
    assert_int_equal(stub_number_at(d, "/prompt"), 5);
    assert_int_equal(stub_number_at(d, "/completion"), 0);
    yyjson_doc_free(d);
}

static void test_keys(void **state)
{
    static const char *const keys[] = {"AIza1"};
    static const struct {
        const char *path, *headers;
        int status;
        const char *word;
    } rows[] = {
        {"/v1beta/models/m:generateContent", "x-goog-api-key: AIza1\n", 200, NULL},
        {"/v1beta/models/m:generateContent?key=AIza1", NULL, 200, NULL},
        {"/v1beta/models/m:generateContent", "x-goog-api-key: AIza2\n", 400, "INVALID_ARGUMENT"},
        {"/v1beta/models/m:generateContent", NULL, 403, "PERMISSION_DENIED"},
        {"/v1beta/models/m:generateContent", "authorization: Bearer AIza1\n", 401, "UNAUTHENTICATED"},
        {"/v1beta/models/m:generateContent", "x-goog-api-key: AIza1\nauthorization: Bearer AIza1\n", 401,
         "UNAUTHENTICATED"},
        {VERTEX "m:generateContent", "authorization: Bearer AIza1\n", 200, NULL},
        {VERTEX "m:generateContent", "authorization: Bearer AIza2\n", 401, "UNAUTHENTICATED"},
    };
    struct stub_world locked = {0};
    (void)state;
    stub_world_open(&locked, &(struct sim_settings){.seed = 1, .keys = keys, .n_keys = 1});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = stub_send(&locked, rows[i].path, rows[i].headers, SL_STR("{" HI "}"));
        yyjson_doc *d = stub_json(c);
        assert_int_equal(c->status, rows[i].status);
        if (rows[i].word != NULL)
            assert_string_equal(stub_text_at(d, "/error/status"), rows[i].word);
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
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_as_array),
        cmocka_unit_test(test_stream_faults),
        cmocka_unit_test(test_vertex),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
