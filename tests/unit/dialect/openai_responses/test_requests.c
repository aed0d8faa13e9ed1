/* Requests: what is read, what is refused, and what other formats' requests become. */
#include "dialect/openai_responses/openai_responses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/openai_chat/openai_chat.h"

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

/* A stand-in for the formats whose folders this test does not know. */
static const struct dialect anthropic_like = {.name = SL_STR_INIT("anthropic")};
static const struct dialect gemini_like = {.name = SL_STR_INIT("gemini")};

struct outcome {
    bool good;
    struct request_refusal refusal;
    struct sl_str body, notes;
    struct translation t;
    struct neutral_notes noted;
    struct neutral_request req;
};

static void drop_kept(void *arg)
{
    sl_free(arg);
}

/* Reads text as Responses and writes it for the model, as if the client had spoken `from`. */
static struct outcome *pass(struct sl_str text, const struct dialect *from, const char *model,
                            enum on_unsupported unsupported)
{
    struct outcome *o = SL_ARENA_NEW(&arena, struct outcome);
    char *kept = sl_memdup0(text.p, text.n); /* of its own, so that reading beyond it is seen */
    sl_arena_on_drop(&arena, drop_kept, kept);
    o->good = responses_request_read(OP_RESPONSES, sl_str_of(kept, text.n), &arena, &o->req, &o->refusal);
    if (o->good) {
        o->noted.a = &arena;
        o->req.from = from;
        o->t = (struct translation){.face = from,
                                    .up = &openai_responses_dialect,
                                    .req = &o->req,
                                    .caps = caps_find(responses_caps, sl_str_c(model)),
                                    .unsupported = unsupported,
                                    .up_model = sl_str_c(model),
                                    .a = &arena,
                                    .notes = &o->noted};
        struct sl_buf out;
        sl_buf_init(&out, 1 << 20);
        o->good = responses_request_write(&o->t, &out, &o->refusal);
        o->body = sl_arena_str(&arena, sl_buf_str(&out));
        o->notes = sl_arena_str(&arena, neutral_notes_text(&o->noted, &arena, 1024));
        sl_buf_done(&out);
    }
    return o;
}

static void assert_text(struct sl_str got, const char *want)
{
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("got  %.*s\nwant %s", SL_STR_ARG(got), want);
}

#define TAIL ",\"include\":[\"reasoning.encrypted_content\"],\"store\":false,\"stream\":false}"

static const struct {
    const char *what, *in, *out, *notes;
    const struct dialect *from;
    const char *model;
} cases[] = {
    {"a string", "{\"model\":\"m\",\"input\":\"Say \\\"hi\\\"\"}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"Say \\\"hi\\\"\"}]}]" TAIL,
     "", &openai_responses_dialect, "gpt-5"},
    {"instructions, sampling on a model without",
     "{\"model\":\"m\",\"instructions\":\"Be brief.\",\"input\":\"x\","
     "\"temperature\":0.70,\"top_p\":1e-1,\"max_output_tokens\":4,\"stream\":true}",
     "{\"model\":\"gpt-5\",\"instructions\":\"Be brief.\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":"
     "[{\"type\":\"input_text\",\"text\":\"x\"}]}],\"max_output_tokens\":16,"
     "\"include\":[\"reasoning.encrypted_content\"],\"store\":false,\"stream\":true}",
     "max_completion_tokens;clamped, temperature, top_p", &openai_chat_dialect, "gpt-5"},
    {"the same where it is taken",
     "{\"model\":\"m\",\"input\":\"x\",\"temperature\":0.70,\"top_p\":1e-1,\"reasoning\":{\"effort\":\"high\"}}",
     "{\"model\":\"gpt-4.1\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"x\"}]}],\"temperature\":0.70,\"top_p\":1e-1,\"store\":false,\"stream\":false}",
     "thinking", &anthropic_like, "gpt-4.1"},
    {"calls, results moved behind them, arguments untouched",
     "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"weather?\"},"
     "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"call_a\",\"name\":\"w\",\"arguments\":\"{\\\"n\\\": 1.0}\"},"
     "{\"type\":\"function_call\",\"call_id\":\"call_b\",\"name\":\"w\",\"arguments\":\"\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"call_b\",\"output\":\"B\"},"
     "{\"role\":\"user\",\"content\":\"hm\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"call_a\",\"output\":[{\"type\":\"input_text\",\"text\":\"A\"},"
     "{\"type\":\"input_image\",\"image_url\":\"https://x/y.png\"}]}]}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"weather?\"}]},"
     "{\"type\":\"function_call\",\"call_id\":\"call_a\",\"name\":\"w\",\"arguments\":\"{\\\"n\\\": 1.0}\"},"
     "{\"type\":\"function_call\",\"call_id\":\"call_b\",\"name\":\"w\",\"arguments\":\"{}\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"call_b\",\"output\":\"B\"},"
     "{\"type\":\"function_call_output\",\"call_id\":\"call_a\",\"output\":[{\"type\":\"input_text\",\"text\":\"A\"},"
     "{\"type\":\"input_image\",\"image_url\":\"https://x/y.png\",\"detail\":\"auto\"}]},"
     "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"hm\"}]}]" TAIL,
     "", &openai_chat_dialect, "gpt-5"},
    {"tools: strict is always said",
     "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
     "\"parameters\":{\"type\": \"object\"},\"strict\":true},{\"type\":\"function\",\"name\":\"g\"},"
     "{\"type\":\"custom\",\"name\":\"sql\",\"format\":{\"type\":\"grammar\",\"grammar\":{\"syntax\":\"lark\","
     "\"definition\":\"start: X\"}}},{\"type\":\"namespace\",\"name\":\"ns\",\"tools\":[{\"type\":\"function\","
     "\"name\":\"h\",\"strict\":false}]}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"sql\"},"
     "\"parallel_tool_calls\":false}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"x\"}]}],\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"description\":\"d\","
     "\"parameters\":{\"type\": \"object\"},\"strict\":true},{\"type\":\"function\",\"name\":\"g\","
     "\"parameters\":{\"type\":\"object\",\"properties\":{}},\"strict\":false},"
     "{\"type\":\"custom\",\"name\":\"sql\",\"format\":{\"type\":\"grammar\",\"syntax\":\"lark\","
     "\"definition\":\"start: X\"}},{\"type\":\"function\",\"name\":\"ns__h\",\"parameters\":{\"type\":\"object\","
     "\"properties\":{}},\"strict\":false}],\"tool_choice\":{\"type\":\"custom\",\"name\":\"sql\"},"
     "\"parallel_tool_calls\":false" TAIL,
     "", &openai_chat_dialect, "gpt-5"},
    {"reasoning: only of the model's own family, only before what it led to",
     "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"x\"},"
     "{\"type\":\"reasoning\",\"id\":\"rs_9\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"a\"},{\"type\":\"summary_"
     "text\",\"text\":\"b\"}],\"encrypted_content\":\"slc1.oai.gpt-5.cnNfMQpFTkM9\"},"
     "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"y\"}]},"
     "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"slc1.oai.gpt-6.cnNfMQpFTkM9\"},"
     "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"slc1.ant.claude.c2ln\"},"
     "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"slc1.oai.gpt-5.cnNfMQpFTkM9\"}]}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"x\"}]},{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\","
     "\"text\":\"a\\n\\nb\"}],\"encrypted_content\":\"ENC=\"},{\"type\":\"message\",\"role\":\"assistant\","
     "\"content\":[{\"type\":\"output_text\",\"text\":\"y\"}]}]" TAIL,
     "messages[1];not continued", &anthropic_like, "gpt-5"},
    {"structured output and verbosity",
     "{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"a b\","
     "\"schema\":{\"type\":\"object\"}},\"verbosity\":\"low\"},\"reasoning\":{\"effort\":\"minimal\",\"summary\":\"concise\"}}",
     "{\"model\":\"gpt-5.2\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"x\"}]}],\"reasoning\":{\"effort\":\"low\",\"summary\":\"concise\"},\"text\":{\"format\":{\"type\":"
     "\"json_schema\",\"name\":\"a_b_%s\",\"schema\":{\"type\":\"object\"},\"strict\":false},\"verbosity\":\"low\"}" TAIL,
     "reasoning_effort;clamped", &openai_chat_dialect, "gpt-5.2"},
    {"JSON of a client that need not say so",
     "{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_object\"}}}",
     "{\"model\":\"gpt-5\",\"instructions\":\"Answer with JSON.\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
     "\"content\":[{\"type\":\"input_text\",\"text\":\"x\"}]}],\"text\":{\"format\":{\"type\":\"json_object\"}}" TAIL,
     "", &gemini_like, "gpt-5"},
    {"files and images",
     "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":["
     "{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0x\"},"
     "{\"type\":\"input_image\",\"image_url\":\"data:image/jpeg;base64,iVBORw0KGgo=\",\"detail\":\"low\"},"
     "{\"type\":\"input_file\",\"file_url\":\"https://x/a.pdf\"}]}]}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":["
     "{\"type\":\"input_file\",\"filename\":\"a.pdf\",\"file_data\":\"data:application/pdf;base64,JVBERi0x\"},"
     "{\"type\":\"input_image\",\"image_url\":\"data:image/png;base64,iVBORw0KGgo=\",\"detail\":\"low\"},"
     "{\"type\":\"input_file\",\"file_url\":\"https://x/a.pdf\"}]}]" TAIL,
     "", &anthropic_like, "gpt-5"},
    {"unknown members are named",
     "{\"model\":\"m\",\"input\":\"x\",\"client_metadata\":{\"a\":1},\"truncation\":\"auto\"}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"x\"}]}]" TAIL,
     "client_metadata, truncation", &openai_chat_dialect, "gpt-5"},
    {"developer and system items stay",
     "{\"model\":\"m\",\"input\":[{\"role\":\"developer\",\"content\":\"d\"},{\"role\":\"system\",\"content\":\"s\"},"
     "{\"role\":\"user\",\"content\":\"u\"},{\"role\":\"system\",\"content\":\"later\"}]}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"developer\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"d\"}]},{\"type\":\"message\",\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"s\"}]},"
     "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"u\"}]},"
     "{\"type\":\"message\",\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"later\"}]}]" TAIL,
     "", &openai_responses_dialect, "gpt-5"},
    {"custom calls and their outputs",
     "{\"model\":\"m\",\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c1\",\"name\":\"sql\",\"input\":\"select 1\"},"
     "{\"type\":\"custom_tool_call_output\",\"call_id\":\"c1\",\"output\":\"1\"}]}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"custom_tool_call\",\"call_id\":\"c1\",\"name\":\"sql\",\"input\":\"select "
     "1\"},{\"type\":\"custom_tool_call_output\",\"call_id\":\"c1\",\"output\":\"1\"}]" TAIL,
     "", &openai_chat_dialect, "gpt-5"},
    {"web search of other formats",
     "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3,"
     "\"allowed_domains\":[\"a.org\"]}]}",
     "{\"model\":\"gpt-5\",\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
     "\"text\":\"x\"}]}],\"tools\":[{\"type\":\"web_search\",\"filters\":{\"allowed_domains\":[\"a.org\"]}}]" TAIL,
     "tools[0].max_uses", &anthropic_like, "gpt-5"},
};

/* "%s" in what is wanted: any name's hash. */
static bool matches(struct sl_str got, const char *want)
{
    const char *hole = strstr(want, "%s");
    if (hole == NULL)
        return sl_str_eq(got, sl_str_c(want));
    struct sl_str head = sl_str_of(want, (size_t)(hole - want)), tail = sl_str_c(hole + 2);
    return got.n == head.n + 12 + tail.n && sl_str_starts(got, head) && sl_str_ends(got, tail);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct outcome *o = pass(sl_str_c(cases[i].in), cases[i].from, cases[i].model, UNSUPPORTED_REPORT);
        if (!o->good)
            fail_msg("%s: refused: %.*s", cases[i].what, SL_STR_ARG(o->refusal.error.message));
        if (!matches(o->body, cases[i].out))
            fail_msg("%s:\ngot  %.*s\nwant %s", cases[i].what, SL_STR_ARG(o->body), cases[i].out);
        assert_text(o->notes, cases[i].notes);
    }
}

static const struct {
    const char *in, *param;
    enum gateway_error error;
} refusals[] = {
    {"", "", GE_BODY_INVALID},
    {"[]", "", GE_BODY_NOT_OBJECT},
    {"{\"model\":\"m\"}", "input", GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":7}", "input", GE_MEMBER_TYPE},
    {"{\"model\":\"m\",\"input\":[7]}", "input[0]", GE_MEMBER_TYPE},
    {"{\"model\":\"m\",\"input\":[{}]}", "input[0].type", GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"tool\",\"content\":\"x\"}]}", "input[0].role", GE_MEMBER_VALUE},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\"}]}", "input[0].content", GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\"}]}]}",
     "input[0].content[0].text", GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]}", "input[0].content[0].type",
     GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]}",
     "input[0].content[0]", GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"name\":\"f\"}]}", "input[0].call_id",
     GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":7}]}",
     "input[0].output", GE_MEMBER_TYPE},
    {"{\"model\":\"m\",\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]}", "input[0]", GE_UNSUPPORTED},
    {"{\"model\":\"m\",\"input\":[{\"id\":\"x\"}]}", "input[0]", GE_UNSUPPORTED},
    {"{\"model\":\"m\",\"input\":\"x\",\"previous_response_id\":\"resp_1\"}", "previous_response_id", GE_UNSUPPORTED},
    {"{\"model\":\"m\",\"input\":\"x\",\"conversation\":{\"id\":\"c\"}}", "conversation", GE_UNSUPPORTED},
    {"{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\"}]}", "tools[0].name", GE_MEMBER_MISSING},
    {"{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{}]}]}",
     "tools[0].tools[0]", GE_MEMBER_VALUE},
    {"{\"model\":\"m\",\"input\":\"x\",\"tool_choice\":\"any\"}", "tool_choice", GE_MEMBER_VALUE},
    {"{\"model\":\"m\",\"input\":\"x\",\"max_output_tokens\":0}", "max_output_tokens", GE_MEMBER_VALUE},
    {"{\"model\":\"m\",\"input\":\"x\",\"temperature\":\"1\"}", "temperature", GE_MEMBER_TYPE},
    {"{\"model\":\"m\",\"input\":\"x\",\"reasoning\":{\"effort\":\"much\"}}", "reasoning.effort", GE_MEMBER_VALUE},
    {"{\"model\":\"m\",\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\"}}}", "text.format.schema",
     GE_MEMBER_TYPE},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct outcome *o = pass(sl_str_c(refusals[i].in), &openai_chat_dialect, "gpt-5", UNSUPPORTED_REPORT);
        const struct error_facts *e = &o->refusal.error;
        if (o->good || e->error != refusals[i].error || !sl_str_eq(e->param, sl_str_c(refusals[i].param)))
            fail_msg("%s: %d '%.*s' " SL_STR_FMT, refusals[i].in, (int)e->error, SL_STR_ARG(e->param),
                     SL_STR_ARG(e->message));
    }
}

/* What changes the answer is refused; with `drop` it is left out and named. */
static void test_unsayable(void **state)
{
    (void)state;
    static const char *const hosted = "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"file_search\"}],"
                                      "\"tool_choice\":\"required\"}";
    const struct outcome *o = pass(sl_str_c(hosted), &openai_chat_dialect, "gpt-5", UNSUPPORTED_REPORT);
    assert_false(o->good);
    assert_int_equal(o->refusal.error.error, GE_UNSUPPORTED);
    assert_text(o->refusal.error.param, "tools[0]");
    o = pass(sl_str_c(hosted), &openai_chat_dialect, "gpt-5", UNSUPPORTED_DROP);
    assert_true(o->good);
    assert_text(o->notes, "tools[0], tool_choice");
    assert_true(sl_str_find_str(o->body, SL_STR("tool_choice")) < 0); /* nothing is left to choose from */
    static const char *const unknown = "{\"model\":\"m\",\"input\":\"x\",\"client_metadata\":{}}";
    o = pass(sl_str_c(unknown), &openai_chat_dialect, "gpt-5", UNSUPPORTED_REJECT);
    assert_false(o->good);
    assert_text(o->refusal.error.param, "client_metadata");
}

/* Each name has one spelling upstream, and comes back. */
static void test_names(void **state)
{
    (void)state;
    static const char long_name[] =
        "mcp__a_server_with_a_long_name__a_tool_with_a_name_that_is_longer_than_any_provider_takes";
    const char *in =
        (const char *)sl_arena_printf(&arena,
                                      "{\"model\":\"m\",\"input\":[{\"type\":\"function_call\",\"call_id\":\"a.b/c\","
                                      "\"name\":\"%s\",\"arguments\":\"{}\"},{\"type\":\"function_call_output\","
                                      "\"call_id\":\"a.b/c\",\"output\":\"\"}],\"tools\":[{\"type\":\"function\","
                                      "\"name\":\"%s\"}],\"tool_choice\":{\"type\":\"function\",\"name\":\"%s\"}}",
                                      long_name, long_name, long_name)
            .p;
    const struct outcome *o = pass(sl_str_c(in), &anthropic_like, "gpt-5", UNSUPPORTED_REPORT);
    assert_true(o->good);
    assert_true(sl_str_find_str(o->body, sl_str_c(long_name)) < 0);
    const struct names_entry *e = o->t.names.first;
    assert_non_null(e);
    assert_true(e->changed.n <= 64);
    assert_text(names_back(&o->t.names, e->changed), long_name);
    unsigned uses = 0;
    for (struct sl_str rest = o->body; rest.n >= e->changed.n; rest = sl_str_from(rest, 1))
        uses += sl_str_starts(rest, e->changed);
    assert_int_equal(uses, 3);
    assert_true(sl_str_find_str(o->body, SL_STR("a.b/c")) < 0);
    assert_true(sl_str_find_str(o->body, SL_STR("\"call_id\":\"a.b_c_")) >= 0);
}

static void test_facts(void **state)
{
    (void)state;
    static const char body[] = "{\"model\":\"fast\",\"input\":[{\"role\":\"user\",\"content\":\"abc\"}],"
                               "\"stream\":true,\"max_output_tokens\":99,\"instructions\":\"be\",\"task\":\"chat\","
                               "\"text\":{\"format\":{\"type\":\"json_object\"}},\"tools\":[{}]}";
    struct request_facts f;
    struct request_refusal refusal;
    struct body_pieces pieces;
    assert_true(responses_request_decode(OP_RESPONSES, sl_str_c(body), &arena, &f, &refusal));
    assert_text(f.model, "fast");
    assert_true(f.stream && f.has_tools && f.json_output);
    assert_int_equal(f.max_output, 99);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.messages, 1);
    assert_int_equal(f.payload_bytes, 33 + 4 + 4 + 33);
    assert_text(f.hints.task, "chat");
    const struct request_change change = {.model = SL_STR("gpt-5"), .ask_usage = true};
    responses_request_encode_same(&f, sl_str_c(body), &change, &arena, &pieces);
    struct sl_buf out;
    sl_buf_init(&out, 4096);
    for (int i = 0; i < pieces.n; i++)
        sl_buf_add(&out, pieces.v[i].iov_base, pieces.v[i].iov_len);
    assert_text(sl_buf_str(&out), "{\"model\":\"gpt-5\",\"input\":[{\"role\":\"user\",\"content\":\"abc\"}],"
                                  "\"stream\":true,\"max_output_tokens\":99,\"instructions\":\"be\","
                                  "\"text\":{\"format\":{\"type\":\"json_object\"}},\"tools\":[{}]}");
    sl_buf_done(&out);
}

static struct sl_str same(const char *body)
{
    struct request_facts f;
    struct request_refusal refusal;
    struct body_pieces pieces;
    struct sl_buf out;
    assert_true(responses_request_decode(OP_RESPONSES, sl_str_c(body), &arena, &f, &refusal));
    const struct request_change change = {.model = SL_STR("gpt-5")};
    responses_request_encode_same(&f, sl_str_c(body), &change, &arena, &pieces);
    sl_buf_init(&out, 1 << 16);
    for (int i = 0; i < pieces.n; i++)
        sl_buf_add(&out, pieces.v[i].iov_base, pieces.v[i].iov_len);
    struct sl_str text = sl_arena_str(&arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

/* A conversation that comes back from another vendor: its sealed thoughts stay behind, everything else keeps its bytes. */
static void test_foreign_reasoning_stays_behind(void **state)
{
    (void)state;
    assert_text(
        same("{\"model\":\"m\", \"input\":[ {\"type\":\"reasoning\",\"encrypted_content\":\"slc1.ant.claude.c2ln\"},"
             " {\"role\":\"user\", \"content\":\"x\"},{\"type\":\"reasoning\",\"encrypted_content\":\"gAAA\"},"
             "{\"encrypted_content\":\"slc1.goo.gemini-3.c2ln\",\"type\":\"reasoning\"} ],\"task\":\"t\"}"),
        "{\"model\":\"gpt-5\", \"input\":[{\"role\":\"user\", \"content\":\"x\"},{\"type\":\"reasoning\","
        "\"encrypted_content\":\"gAAA\"}]}");
    assert_text(same("{\"model\":\"m\",\"input\":[ {\"role\":\"user\",\"content\":\"slc1.\"} ]}"),
                "{\"model\":\"gpt-5\",\"input\":[ {\"role\":\"user\",\"content\":\"slc1.\"} ]}");
    assert_text(same("{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"encrypted_content\":\"slc1.x\"}]}"),
                "{\"model\":\"gpt-5\",\"input\":[]}");
}

/* -- State ----------------------------------------------------------------------------------------------------------- */

static struct sl_str find_item(void *owner, struct sl_str id)
{
    (void)owner;
    return sl_str_eq(id, SL_STR("msg_7")) ? SL_STR("{\"id\":\"msg_7\",\"type\":\"message\"}") : SL_STR_NONE;
}

static void test_state(void **state)
{
    (void)state;
    static const char body[] = "{\"model\":\"m\",\"previous_response_id\":\"resp_1\",\"input\":[{\"type\":"
                               "\"item_reference\",\"id\":\"msg_7\"},{\"role\":\"user\",\"content\":\"more\"}],"
                               "\"store\":false}";
    struct sl_str expanded;
    struct request_refusal refusal;
    assert_true(responses_input_expand(sl_str_c(body), SL_STR(" [ {\"a\":1},{\"b\":2} ] "), find_item, NULL, &arena,
                                       &expanded, &refusal));
    assert_text(expanded, "{\"model\":\"m\",\"store\":false,\"input\":[{\"a\":1},{\"b\":2},{\"id\":\"msg_7\","
                          "\"type\":\"message\"},{\"role\":\"user\",\"content\":\"more\"}]}");
    assert_false(responses_input_expand(sl_str_c(body), SL_STR_NONE, NULL, NULL, &arena, &expanded, &refusal));
    assert_text(refusal.error.param, "input[0].id");
    struct sl_buf out;
    sl_buf_init(&out, 4096);
    assert_true(responses_input_items(SL_STR("{\"input\":\"x\"}"), SL_STR("q"), &arena, &out));
    assert_text(sl_buf_str(&out), "[{\"id\":\"msg_q_in0\",\"type\":\"message\",\"role\":\"user\",\"content\":\"x\"}]");
    sl_buf_reset(&out);
    assert_true(responses_input_items(SL_STR("{\"input\":[{\"role\":\"user\",\"content\":\"x\"},{\"id\":\"fc_1\","
                                             "\"type\":\"function_call\"}]}"),
                                      SL_STR("q"), &arena, &out));
    assert_text(sl_buf_str(&out), "[{\"id\":\"msg_q_in0\",\"type\":\"message\",\"role\":\"user\",\"content\":\"x\"},"
                                  "{\"id\":\"fc_1\",\"type\":\"function_call\"}]");
    sl_buf_done(&out);
}

/* A list of n calls and their outputs takes time in proportion to n, whatever their order. */
static void test_many_calls(void **state)
{
    (void)state;
    enum {
        CALLS = 20000
    };
    struct sl_buf in;
    sl_buf_init(&in, 64 << 20);
    sl_buf_adds(&in, SL_STR("{\"model\":\"m\",\"input\":["));
    for (int i = 0; i < CALLS; i++)
        sl_buf_addf(&in, "{\"type\":\"function_call\",\"call_id\":\"c%d\",\"name\":\"f\",\"arguments\":\"{}\"},", i);
    for (int i = CALLS - 1; i >= 0; i--)
        sl_buf_addf(&in,
                    "{\"role\":\"user\",\"content\":\"x\"},{\"type\":\"function_call_output\",\"call_id\":\"c%d\","
                    "\"output\":\"\"}%s",
                    i, i > 0 ? "," : "]}");
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct request_refusal refusal;
    assert_true(responses_request_read(OP_RESPONSES, sl_buf_str(&in), &arena, req, &refusal));
    unsigned results = 0;
    assert_int_equal(req->messages->role, NR_ASSISTANT);
    assert_int_equal(req->messages->next->role, NR_TOOL);
    for (const struct neutral_part *p = req->messages->next->parts; p != NULL; p = p->next)
        results++;
    assert_int_equal(results, CALLS);
    sl_buf_done(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsayable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_reasoning_stays_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_calls, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
