/* Bedrock: frames and their checksums, Claude's body by InvokeModel, Converse, counting, signatures; Claude on Vertex; Google's token
 * endpoint (bedrock.md 3 to 8, 11). */
#include "stub.h"

#include "base/base64.h"
#include "base/mem.h"
#include "sim/sim_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define CLAUDE "/model/us.anthropic.claude-sonnet-4-6-v1%3A0"
#define HI "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"12345678\"}]}]"
#define INVOKE                                                                                                         \
    "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":4,\"messages\":[{\"role\":\"user\",\"content\":\"12345678\"}]}"

static struct stub_world w;

static struct stub *converse(const char *model, const char *verb, const char *rest)
{
    char path[200];
    struct sl_buf b;
    snprintf(path, sizeof path, "/model/%s/%s", model, verb);
    sl_buf_init(&b, 1u << 20);
    sl_buf_addf(&b, "{%s}", rest);
    struct stub *c = stub_send(&w, path, NULL, sl_buf_str(&b));
    sl_buf_done(&b);
    return c;
}

static void assert_refused(struct stub *c, const char *message)
{
    yyjson_doc *d = stub_json(c);
    const char *text = stub_text_at(d, "/message");
    assert_int_equal(c->status, 400);
    assert_int_equal(strncmp(stub_header(c, "x-amzn-errortype"), "ValidationException:", 20), 0);
    if (strstr(text, message) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", message, text);
    yyjson_doc_free(d);
    stub_free(c);
}

/* ---- frames ---- */

struct frame {
    struct sl_str headers, payload;
    char kind[40], type[20]; /* :event-type or :exception-type; :message-type */
};

static uint32_t u32_at(struct sl_str s, size_t at)
{
    const unsigned char *p = (const unsigned char *)s.p + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void header_into(struct sl_str headers, const char *name, char *out, size_t cap)
{
    while (headers.n > 0) {
        size_t n = (unsigned char)headers.p[0];
        struct sl_str key = sl_str_of(headers.p + 1, n);
        assert_int_equal(headers.p[1 + n], 7);
        size_t m = (size_t)((unsigned char)headers.p[2 + n] << 8 | (unsigned char)headers.p[3 + n]);
        if (sl_str_eq(key, sl_str_c(name)))
            snprintf(out, cap, "%.*s", (int)m, headers.p + 4 + n);
        headers = sl_str_from(headers, 4 + n + m);
    }
}

/* Takes the next frame, checks both sums; false: none is left. */
static bool next_frame(struct sl_str *all, struct frame *f)
{
    if (all->n == 0)
        return false;
    assert_true(all->n >= 16);
    uint32_t total = u32_at(*all, 0), headers = u32_at(*all, 4);
    assert_true(total <= all->n && headers + 16 <= total);
    assert_int_equal(u32_at(*all, 8), sim_crc32(sl_str_head(*all, 8)));
    assert_int_equal(u32_at(*all, total - 4), sim_crc32(sl_str_head(*all, total - 4)));
    *f = (struct frame){.headers = sl_str_of(all->p + 12, headers),
                        .payload = sl_str_of(all->p + 12 + headers, total - headers - 16)};
    header_into(f->headers, ":message-type", f->type, sizeof f->type);
    header_into(f->headers, strcmp(f->type, "event") == 0 ? ":event-type" : ":exception-type", f->kind, sizeof f->kind);
    *all = sl_str_from(*all, total);
    return true;
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(sim_crc32(SL_STR("123456789")), 0xcbf43926);
    assert_int_equal(sim_crc32(sl_str_of("\0\0\0\x10\0\0\0\0", 8)), 0x05c248eb);
}

/* ---- InvokeModel ---- */

static void test_invoke(void **state)
{
    struct stub *c = stub_post(&w, CLAUDE "/invoke", INVOKE);
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(c->status, 200);
    assert_string_equal(stub_header(c, "x-amzn-bedrock-input-token-count"), "5");
    assert_string_equal(stub_header(c, "x-amzn-bedrock-output-token-count"), "4");
    assert_int_equal(strlen(stub_header(c, "x-amzn-requestid")), 36);
    assert_int_equal(strncmp(stub_text_at(d, "/id"), "msg_bdrk_01", 11), 0);
    assert_string_equal(stub_text_at(d, "/model"), "claude-sonnet-4-6");
    assert_string_equal(stub_text_at(d, "/content/0/text"), "[simulated] the quick brown");
    yyjson_doc_free(d);
    stub_free(c);
    d = stub_last_record(&w);
    assert_string_equal(stub_text_at(d, "/model"), "us.anthropic.claude-sonnet-4-6-v1:0");
    assert_string_equal(stub_text_at(d, "/format"), "anthropic");
    yyjson_doc_free(d);
}

static void test_invoke_stream(void **state)
{
    static const char *const types[] = {"message_start",       "content_block_start", "content_block_delta",
                                        "content_block_delta", "content_block_delta", "content_block_delta",
                                        "content_block_stop",  "message_delta",       "message_stop"};
    struct stub *c = stub_post(&w, CLAUDE "/invoke-with-response-stream", INVOKE);
    struct sl_str all = sl_buf_str(&c->body);
    struct frame f;
    unsigned k = 0;
    (void)state;
    assert_string_equal(stub_header(c, "content-type"), "application/vnd.amazon.eventstream");
    assert_string_equal(stub_header(c, "x-amzn-bedrock-content-type"), "application/json");
    while (next_frame(&all, &f)) {
        char text[2000];
        size_t n = 0;
        assert_string_equal(f.type, "event");
        assert_string_equal(f.kind, "chunk");
        yyjson_doc *outer = yyjson_read(f.payload.p, f.payload.n, YYJSON_READ_NOFLAG);
        assert_true(sl_base64_decode(sl_str_c(stub_text_at(outer, "/bytes")), text, &n));
        assert_true(yyjson_is_str(yyjson_doc_ptr_get(outer, "/p")));
        yyjson_doc *inner = yyjson_read(text, n, YYJSON_READ_NOFLAG);
        assert_string_equal(stub_text_at(inner, "/type"), types[k++]);
        if (k == 9)
            assert_int_equal(stub_number_at(inner, "/amazon-bedrock-invocationMetrics/inputTokenCount"), 5);
        yyjson_doc_free(inner);
        yyjson_doc_free(outer);
    }
    assert_int_equal(k, 9);
    stub_free(c);
}

static void test_invoke_refusals(void **state)
{
    static const struct {
        const char *path, *body, *message;
    } rows[] = {
        {CLAUDE "/invoke", "{\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         "anthropic_version: Field required"},
        {CLAUDE "/invoke",
         "{\"anthropic_version\":\"bedrock-2023-05-31\",\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"x\"}]}",
         "model: Extra inputs are not permitted"},
        {CLAUDE "/invoke",
         "{\"anthropic_version\":\"bedrock-2023-05-31\",\"stream\":true,\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"x\"}]}",
         "stream: Extra inputs are not permitted"},
        {CLAUDE "/invoke",
         "{\"anthropic_version\":\"2026-10-21\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         "anthropic_version: Input should be 'bedrock-2023-05-31'"},
        {CLAUDE "/invoke",
         "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
         "\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}}]}]}",
         "Input tag 'url'"},
        {"/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke", INVOKE, "on-demand throughput isn"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(stub_post(&w, rows[i].path, rows[i].body), rows[i].message);
}

/* ---- Converse ---- */

#define TOOLS                                                                                                                         \
    "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"get_time\",\"inputSchema\":{\"json\":{\"type\":\"object\",\"properties\":{" \
    "\"tz\":{\"type\":\"string\"}}}}}}]}"
#define CALL(id) "{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"get_time\",\"input\":{}}}"
#define GAVE(id) "{\"toolResult\":{\"toolUseId\":\"" id "\",\"content\":[{\"text\":\"noon\"},{\"json\":{\"a\":1}}]}}"
#define USER(x) "{\"role\":\"user\",\"content\":[" x "]}"
#define MODEL(x) "{\"role\":\"assistant\",\"content\":[" x "]}"
#define TEXT(x) "{\"text\":\"" x "\"}"

static void test_converse(void **state)
{
    struct stub *c = converse("sim-nova", "converse",
                              "\"system\":[{\"text\":\"SAY: abc\"}]," TOOLS
                              ",\"messages\":[" USER(TEXT("think, call get_time")) "]");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(c->status, 200);
    assert_int_equal(
        strncmp(stub_text_at(d, "/output/message/content/0/reasoningContent/reasoningText/signature"), "EqQB", 4), 0);
    assert_string_equal(stub_text_at(d, "/output/message/content/1/text"), "[simulated] abc");
    assert_string_equal(stub_text_at(d, "/output/message/content/2/toolUse/name"), "get_time");
    assert_string_equal(stub_text_at(d, "/output/message/content/2/toolUse/input/tz"), "simulated");
    assert_string_equal(stub_text_at(d, "/stopReason"), "tool_use");
    assert_int_equal(stub_number_at(d, "/usage/totalTokens"),
                     stub_number_at(d, "/usage/inputTokens") + stub_number_at(d, "/usage/outputTokens"));
    yyjson_doc_free(d);
    stub_free(c);
    c = converse("sim-nova", "converse",
                 TOOLS
                 ",\"messages\":[" USER(TEXT("call get_time")) "," MODEL(CALL("a.b:1")) "," USER(GAVE("a.b:1")) "]");
    d = stub_json(c);
    assert_string_equal(stub_text_at(d, "/output/message/content/0/text"), "[simulated] results: \"noon\n{\"a\":1}\"");
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_converse_stream(void **state)
{
    struct stub *c = converse("m", "converse-stream",
                              TOOLS ",\"messages\":[" USER(TEXT("think, call get_time {\\\"tz\\\":\\\"x\\\"}")) "]");
    struct sl_str all = sl_buf_str(&c->body);
    struct frame f;
    char order[4000] = {0}, input[100] = {0};
    unsigned signatures = 0;
    (void)state;
    while (next_frame(&all, &f)) {
        yyjson_doc *d = yyjson_read(f.payload.p, f.payload.n, YYJSON_READ_NOFLAG);
        if (strstr(order, f.kind) == NULL || strcmp(f.kind, "contentBlockDelta") != 0)
            snprintf(order + strlen(order), sizeof order - strlen(order), "%s ", f.kind);
        signatures += yyjson_doc_ptr_get(d, "/delta/reasoningContent/signature") != NULL;
        if (yyjson_doc_ptr_get(d, "/delta/toolUse/input") != NULL)
            snprintf(input + strlen(input), sizeof input - strlen(input), "%s",
                     stub_text_at(d, "/delta/toolUse/input"));
        if (strcmp(f.kind, "metadata") == 0)
            assert_int_equal(stub_number_at(d, "/usage/inputTokens"), 3 + 8);
        yyjson_doc_free(d);
    }
    assert_string_equal(
        order,
        "messageStart contentBlockDelta contentBlockStop contentBlockStart contentBlockStop messageStop metadata ");
    assert_string_equal(input, "{\"tz\":\"x\"}");
    assert_int_equal(signatures, 1);
    stub_free(c);
}

static void test_stream_faults(void **state)
{
    struct stub *c = converse("sim-fault-error-event-2", "converse-stream", HI);
    struct sl_str all = sl_buf_str(&c->body);
    struct frame f;
    (void)state;
    while (next_frame(&all, &f))
        ;
    assert_string_equal(f.type, "exception");
    assert_string_equal(f.kind, "internalServerException");
    stub_free(c);
    c = converse("sim-fault-missing-end", "converse-stream", HI);
    all = sl_buf_str(&c->body);
    while (next_frame(&all, &f))
        ;
    assert_string_equal(f.kind, "contentBlockStop");
    stub_free(c);
    c = converse("sim-fault-comments", "converse-stream", HI);
    all = sl_buf_str(&c->body);
    assert_true(next_frame(&all, &f));
    assert_string_equal(f.kind, "somethingNew");
    stub_free(c);
    c = converse("sim-fault-garbage-chunk-0", "converse-stream", HI); /* a frame whose sum is wrong */
    all = sl_buf_str(&c->body);
    uint32_t total = u32_at(all, 0);
    assert_int_not_equal(u32_at(all, total - 4), sim_crc32(sl_str_head(all, total - 4)));
    stub_free(c);
}

static void test_converse_cache(void **state)
{
    struct sl_buf b;
    (void)state;
    for (int round = 0; round < 2; round++) {
        sl_buf_init(&b, 65536);
        sl_buf_adds(&b, SL_STR("\"system\":[{\"text\":\""));
        for (int i = 0; i < 1200; i++)
            sl_buf_adds(&b, SL_STR("wxyz"));
        sl_buf_adds(&b, SL_STR("\"},{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}]," HI));
        sl_buf_addc(&b, 0);
        struct stub *c = converse("m", "converse", b.p);
        yyjson_doc *d = stub_json(c);
        assert_int_equal(stub_number_at(d, "/usage/inputTokens"), 5);
        assert_int_equal(stub_number_at(d, "/usage/cacheReadInputTokens"), round == 0 ? 0 : 1203);
        assert_int_equal(stub_number_at(d, "/usage/cacheWriteInputTokens"), round == 0 ? 1203 : 0);
        assert_int_equal(stub_number_at(d, "/usage/cacheDetails/1/inputTokens"), round == 0 ? 1203 : 0);
        yyjson_doc_free(d);
        stub_free(c);
        sl_buf_done(&b);
    }
}

static void test_converse_refusals(void **state)
{
    static const struct {
        const char *model, *rest, *message;
    } rows[] = {
        {"m", "\"modelId\":\"m\"," HI, "extraneous key [modelId] is not permitted"},
        {"m", HI ",\"inferenceConfig\":{\"max_tokens\":1}", "#/inferenceConfig: extraneous key [max_tokens]"},
        {"m", "\"messages\":[]", "A conversation must start with a user message"},
        {"m", "\"messages\":[" MODEL(TEXT("x")) "]", "A conversation must start with a user message"},
        {"m", "\"messages\":[" USER(TEXT("x")) "," USER(TEXT("y")) "]",
         "must alternate between user and assistant roles"},
        {"m", "\"messages\":[" USER("") "]", "The content field in the Message object at messages.0 is empty"},
        {"m", "\"messages\":[" USER(TEXT("")) "]", "messages.0.content.0 is blank"},
        {"m", "\"messages\":[" USER("{\"type\":\"text\",\"text\":\"x\"}") "]", "must set one of the following keys"},
        {"m", "\"messages\":[" USER(CALL("1")) "]", "The user role doesn't support the toolUse content block"},
        {"m",
         "\"messages\":[" USER("{\"image\":{\"format\":\"image/png\",\"source\":{\"bytes\":\"iVBORw0KGgo=\"}}}") "]",
         "Member must satisfy enum value set: [png, jpeg, gif, webp]"},
        {"m",
         "\"messages\":[" USER(
             "{\"document\":{\"format\":\"pdf\",\"name\":\"a.pdf\",\"source\":{\"bytes\":\"JVBERg==\"}}}") "]",
         "The document file name can only contain"},
        {"m",
         "\"messages\":[" USER(
             "{\"document\":{\"format\":\"pdf\",\"name\":\"a\",\"source\":{\"bytes\":\"JVBERg==\"}}}") "]",
         "without a text block"},
        {"m", "\"messages\":[" USER(TEXT("x")) "," MODEL(CALL("1")) "," USER(GAVE("1")) "]",
         "The toolConfig field must be defined"},
        {"m", TOOLS ",\"messages\":[" USER(TEXT("x")) "," MODEL(CALL("a b")) "," USER(GAVE("1")) "]",
         "Value 'a b' at 'messages.2.member.content.1.member.toolUse.toolUseId'"},
        {"m", TOOLS ",\"messages\":[" USER(TEXT("x")) "," MODEL(CALL("1")) "," USER(TEXT("y")) "]",
         "Expected toolResult blocks at messages.2.content for the following Ids: 1"},
        {"m", TOOLS ",\"messages\":[" USER(GAVE("1")) "]", "exceeds the number of toolUse blocks"},
        {"m", "\"toolConfig\":{\"tools\":[]}," HI, "Value at 'toolConfig.tools' failed"},
        {"m",
         "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"a b\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}}}]}," HI,
         "Value 'a b' at 'toolConfig.tools.1.member.toolSpec.name'"},
        {"m",
         "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"a\",\"description\":\"\",\"inputSchema\":{\"json\":{\"type\":\"object\"}}"
         "}}]}," HI,
         "toolSpec.description' failed"},
        {"m", "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"a\",\"inputSchema\":{\"type\":\"object\"}}}]}," HI,
         "must be one of the following: object"},
        {"m", "\"inferenceConfig\":{\"temperature\":1.5}," HI, "Value at 'inferenceConfig.temperature' failed"},
        {"m", "\"inferenceConfig\":{\"maxTokens\":0}," HI, "Value at 'inferenceConfig.maxTokens' failed"},
        {"m", "\"inferenceConfig\":{\"stopSequences\":[\"\"]}," HI, "Value at 'inferenceConfig.stopSequences' failed"},
        {"us.anthropic.claude-sonnet-4-6-v1%3A0", "\"inferenceConfig\":{\"temperature\":0.5,\"topP\":0.5}," HI,
         "The model returned the following errors: `temperature` and `top_p` cannot both be specified"},
        {"us.anthropic.claude-opus-5-5", "\"inferenceConfig\":{\"temperature\":0.5}," HI,
         "`temperature` is not supported for this model"},
        {"us.anthropic.claude-opus-5-5", "\"additionalModelRequestFields\":{\"reasoning_effort\":\"low\"}," HI,
         "#/additionalModelRequestFields: extraneous key [reasoning_effort]"},
        {"m",
         "\"messages\":[" USER(TEXT("x")) "," MODEL(
             "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"y\"}}}") "," USER(TEXT("z")) "]",
         "thinking.signature: Field required"},
        {"m",
         "\"messages\":[" USER(TEXT("x")) "," MODEL(
             "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"y\",\"signature\":\"\"}}}") "," USER(TEXT("z")) "]",
         "Invalid `signature` in `thinking` block"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(converse(rows[i].model, "converse", rows[i].rest), rows[i].message);
}

static void test_count(void **state)
{
    struct stub *c =
        converse("anthropic.claude-sonnet-4-6-v1%3A0", "count-tokens", "\"input\":{\"converse\":{" HI "}}");
    yyjson_doc *d = stub_json(c);
    char body[1000], text[800];
    (void)state;
    assert_int_equal(stub_number_at(d, "/inputTokens"), 5);
    yyjson_doc_free(d);
    stub_free(c);
    text[sl_base64_encode(SL_STR(INVOKE), text)] = 0;
    snprintf(body, sizeof body, "\"input\":{\"invokeModel\":{\"body\":\"%s\"}}", text);
    c = converse("anthropic.claude-sonnet-4-6-v1%3A0", "count-tokens", body);
    d = stub_json(c);
    assert_int_equal(stub_number_at(d, "/inputTokens"), 5);
    yyjson_doc_free(d);
    stub_free(c);
    assert_refused(converse("us.anthropic.claude-sonnet-4-6-v1%3A0", "count-tokens", body),
                   "doesn't support counting tokens");
    assert_refused(converse("m", "count-tokens", "\"input\":{}"), "must set one of the following keys");
}

static void test_faults(void **state)
{
    static const struct {
        const char *fault;
        int status;
        const char *type;
    } rows[] = {
        {"400", 400, "ValidationException"},
        {"context", 400, "ValidationException"},
        {"401", 403, "UnrecognizedClientException"},
        {"403", 403, "AccessDeniedException"},
        {"404", 404, "ResourceNotFoundException"},
        {"408", 408, "ModelTimeoutException"},
        {"429", 429, "ThrottlingException"},
        {"quota", 429, "ThrottlingException"},
        {"org-limit", 400, "ServiceQuotaExceededException"},
        {"500", 500, "InternalServerException"},
        {"503", 503, "ServiceUnavailableException"},
        {"529", 503, "ServiceUnavailableException"},
    };
    char path[100];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(path, sizeof path, "sim-fault-%s", rows[i].fault);
        struct stub *c = converse(path, "converse", HI);
        assert_int_equal(c->status, rows[i].status);
        assert_int_equal(strncmp(stub_header(c, "x-amzn-errortype"), rows[i].type, strlen(rows[i].type)), 0);
        assert_null(stub_header(c, "retry-after"));
        stub_free(c);
    }
}

/* ---- signatures: the vector of bedrock.md 3.3 is of another body; here the clock is the virtual one ---- */

static void test_signatures(void **state)
{
    static const char *const keys[] = {"AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "bearer-1"};
    static const struct {
        const char *headers;
        int status;
        const char *type;
    } rows[] = {
        {"authorization: Bearer bearer-1\n", 200, NULL},
        {"authorization: Bearer bearer-2\n", 403, "UnrecognizedClientException"},
        {"", 403, "MissingAuthenticationTokenException"},
        {"authorization: AWS4-HMAC-SHA256 nonsense\n", 403, "InvalidSignatureException"},
        {"host: x\nx-amz-date: 20200101T000000Z\nauthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20200101/us-east-1/bedrock/"
         "aws4_request, SignedHeaders=host;x-amz-date, "
         "Signature=0000000000000000000000000000000000000000000000000000000000000000\n",
         403, "InvalidSignatureException"},
        {"host: x\nx-amz-date: 20200101T000000Z\nauthorization: AWS4-HMAC-SHA256 Credential=OTHER/20200101/us-east-1/bedrock/"
         "aws4_request, SignedHeaders=host;x-amz-date, "
         "Signature=0000000000000000000000000000000000000000000000000000000000000000\n",
         403, "UnrecognizedClientException"},
    };
    struct stub_world locked = {0};
    (void)state;
    stub_world_open(&locked, &(struct sim_settings){.seed = 1, .keys = keys, .n_keys = 2});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = stub_send(&locked, "/model/m/converse", rows[i].headers, SL_STR("{" HI "}"));
        assert_int_equal(c->status, rows[i].status);
        if (rows[i].type != NULL)
            assert_int_equal(strncmp(stub_header(c, "x-amzn-errortype"), rows[i].type, strlen(rows[i].type)), 0);
        stub_free(c);
    }
    stub_world_close(&locked);
}

/* ---- Claude on Vertex ---- */

#define VERTEX "/v1/projects/p/locations/global/publishers/anthropic/models/"

static void test_vertex(void **state)
{
    struct stub *c = stub_post(
        &w, VERTEX "claude-sonnet-4-5@20250929:rawPredict",
        "{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":4,\"messages\":[{\"role\":\"user\",\"content\":"
        "\"x\"}]}");
    yyjson_doc *d = stub_json(c);
    (void)state;
    assert_int_equal(c->status, 200);
    assert_int_equal(strncmp(stub_text_at(d, "/id"), "msg_vrtx_01", 11), 0);
    assert_string_equal(stub_text_at(d, "/model"), "claude-sonnet-4-5-20250929");
    yyjson_doc_free(d);
    stub_free(c);
    c = stub_post(
        &w, VERTEX "claude-opus-5:streamRawPredict",
        "{\"anthropic_version\":\"vertex-2023-10-16\",\"stream\":true,\"max_tokens\":4,\"messages\":[{\"role\":\"user\","
        "\"content\":\"x\"}]}");
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("event: ping")) >= 0);
    stub_free(c);
    c = stub_post(
        &w, VERTEX "count-tokens:rawPredict",
        "{\"anthropic_version\":\"vertex-2023-10-16\",\"model\":\"claude-opus-5\",\"messages\":[{\"role\":\"user\",\"content\":"
        "\"12345678\"}]}");
    d = stub_json(c);
    assert_int_equal(stub_number_at(d, "/input_tokens"), 5);
    yyjson_doc_free(d);
    stub_free(c);
    /* the model's own words pass; what the platform says is Google's */
    c = stub_post(&w, VERTEX "claude-opus-5:rawPredict",
                  "{\"anthropic_version\":\"vertex-2023-10-16\",\"model\":\"x\",\"max_tokens\":4}");
    d = stub_json(c);
    assert_string_equal(stub_text_at(d, "/error/message"), "model: Extra inputs are not permitted");
    assert_string_equal(stub_text_at(d, "/type"), "error");
    yyjson_doc_free(d);
    stub_free(c);
    c = stub_post(
        &w, VERTEX "sim-fault-429:rawPredict",
        "{\"anthropic_version\":\"vertex-2023-10-16\",\"max_tokens\":4,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    d = stub_json(c);
    assert_string_equal(stub_text_at(d, "/error/status"), "RESOURCE_EXHAUSTED");
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_token(void **state)
{
    static const struct {
        const char *form;
        int status;
        const char *text;
    } rows[] = {
        {"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c", 400, "alg is not RS256."},
        {"grant_type=refresh_token&assertion=a.b.c", 400, "grant_type"},
        {"x", 400, "grant_type"},
        /* {"alg":"RS256"} . {"iss":"a"} . nothing */
        {"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.",
         400, "signature is missing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = stub_post(&w, "/token", rows[i].form);
        assert_int_equal(c->status, rows[i].status);
        assert_true(sl_str_find_str(sl_buf_str(&c->body), sl_str_c(rows[i].text)) >= 0);
        assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("\"error\":\"invalid_grant\"")) >= 0);
        stub_free(c);
    }
    struct stub *c = stub_ask(&w, "GET", "/computeMetadata/v1/instance/service-accounts/default/token",
                              "metadata-flavor: Google\n", SL_STR_NONE);
    assert_int_equal(c->status, 200);
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("\"access_token\":\"ya29.simulated\"")) >= 0);
    stub_free(c);
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
        cmocka_unit_test(test_crc),
        cmocka_unit_test(test_invoke),
        cmocka_unit_test(test_invoke_stream),
        cmocka_unit_test(test_invoke_refusals),
        cmocka_unit_test(test_converse),
        cmocka_unit_test(test_converse_stream),
        cmocka_unit_test(test_stream_faults),
        cmocka_unit_test(test_converse_cache),
        cmocka_unit_test(test_converse_refusals),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_vertex),
        cmocka_unit_test(test_token),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
