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

/* Reads text as Responses and writes it for the model, as if the client had spoken `from`. */
static struct outcome *pass(struct sl_str text, const struct dialect *from, const char *model,
                            enum on_unsupported unsupported)
{
    struct outcome *o = SL_ARENA_NEW(&arena, struct outcome);
    char *kept = sl_memdup0(text.p, text.n); /* of its own, so that reading beyond it is seen */
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
    sl_free(kept);
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
     "", &anthropic_like, "gpt-5"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cases, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
