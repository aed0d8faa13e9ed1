/* Requests: of each format for Gemini, and of Gemini clients into the neutral form and on to others. Cases:
 * translate-gemini.md 2 to 7, 10, 12, 13, 19, 20. */
#include "dialect/gemini/gemini_int.h"

#include "gemini_test.h"

static struct request_refusal refusal;

static enum operation operation_for(const char *face)
{
    if (strcmp(face, "anthropic") == 0)
        return OP_MESSAGES;
    if (strcmp(face, "gemini") == 0)
        return OP_GENERATE;
    return strcmp(face, "openai-responses") == 0 ? OP_RESPONSES : OP_CHAT;
}

/* The body that the provider gets; empty: refused. */
static struct sl_str written(struct translation *t, const char *body)
{
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct sl_buf out;
    req->model = SL_STR("mine");
    refusal = (struct request_refusal){.at = 0};
    /* At the end of a heap block, so that reading beyond it is seen. */
    struct sl_str text = sl_str_c(body);
    char *copy = malloc(text.n);
    memcpy(copy, text.p, text.n);
    sl_buf_init(&out, 1 << 20);
    bool fine =
        t->face->codec->request_read(operation_for(t->face->name.p), sl_str_of(copy, text.n), &arena, req, &refusal);
    t->req = req;
    fine = fine && t->up->codec->request_write(t, &out, &refusal);
    struct sl_str got = kept(&out);
    sl_arena_on_drop(&arena, free, copy);
    return fine ? got : SL_STR_NONE;
}

static void expect(struct translation *t, const char *body, const char *want)
{
    struct sl_str got = written(t, body);
    if (got.n == 0)
        fail_msg("%s: refused: %.*s", body, SL_STR_ARG(refusal.error.message));
    if (!same_json(got, sl_str_c(want)))
        fail_msg("in   %s\ngot  %.*s\nwant %s", body, SL_STR_ARG(got), want);
}

static void expect_refused(struct translation *t, const char *body, const char *param)
{
    struct sl_str got = written(t, body);
    if (got.n > 0 || !sl_str_eq(refusal.error.param, sl_str_c(param)))
        fail_msg("%s: %.*s instead of %s (%.*s)", body, SL_STR_ARG(refusal.error.param), param,
                 SL_STR_ARG(refusal.error.message));
    assert_int_not_equal(refusal.error.error, GE_NONE);
}

static struct translation *quiet(const char *face, const char *up, const char *model)
{
    struct translation *t = translation(face, up, model);
    t->show_reasoning = false;
    return t;
}

#define FLASH "gemini-3-flash-preview"
#define USER(text) "{\"role\":\"user\",\"parts\":[{\"text\":\"" text "\"}]}"

/* translate-gemini.md 20.1: results in the order of the calls, the signature on its call, sampling by the model. */
static void writes_the_worked_example(void **state)
{
    (void)state;
    static const char body[] =
        "{\"model\":\"flash\",\"stream\":true,\"reasoning_effort\":\"low\",\"max_completion_tokens\":900,"
        "\"temperature\":0.3,\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
        "{\"role\":\"user\",\"content\":\"Weather in Rome and Oslo?\"},"
        "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":["
        "{\"id\":\"call_a\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Rome\\\"}\"},"
        "\"extra_content\":{\"google\":{\"thought_signature\":\"EpcB\"}}},"
        "{\"id\":\"call_b\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"call_b\",\"content\":\"-3\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"call_a\",\"content\":\"{\\\"temp\\\":18}\"}],"
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":\"object\","
        "\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false}}}]}";
#define CONTENTS(id_a, id_b)                                                                                           \
    "\"systemInstruction\":{\"parts\":[{\"text\":\"Be brief.\"}]},\"contents\":["                                      \
    "{\"role\":\"user\",\"parts\":[{\"text\":\"Weather in Rome and Oslo?\"}]},{\"role\":\"model\",\"parts\":["         \
    "{\"functionCall\":{" id_a "\"name\":\"weather\",\"args\":{\"city\":\"Rome\"}},\"thoughtSignature\":\"EpcB\"},"    \
    "{\"functionCall\":{" id_b "\"name\":\"weather\",\"args\":{\"city\":\"Oslo\"}}}]},{\"role\":\"user\",\"parts\":["  \
    "{\"functionResponse\":{" id_a "\"name\":\"weather\",\"response\":{\"temp\":18}}},"                                \
    "{\"functionResponse\":{" id_b "\"name\":\"weather\",\"response\":{\"output\":\"-3\"}}}]}],"                       \
    "\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\",\"parametersJsonSchema\":{\"type\":\"object\","       \
    "\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false}}]}],"
    expect(
        translation("openai", "gemini", FLASH), body,
        "{" CONTENTS(
            "\"id\":\"call_a\",",
            "\"id\":\"call_b\",") "\"generationConfig\":{\"maxOutputTokens\":900,"
                                  "\"temperature\":0.3,\"thinkingConfig\":{\"thinkingLevel\":\"LOW\",\"includeThoughts\":true}}}");
    struct translation *t = translation("openai", "gemini", "gemini-3.8-flash");
    t->platform = SL_STR("vertex");
    expect(t, body,
           "{" CONTENTS("", "") "\"generationConfig\":{\"maxOutputTokens\":900,"
                                "\"thinkingConfig\":{\"thinkingLevel\":\"LOW\",\"includeThoughts\":true}}}");
    assert_true(sl_str_eq(noted(t), SL_STR("temperature")));
}

#define CALL(id, name)                                                                                                 \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"{}\"}}"
#define OUT_CALL(id, name, more) "{\"functionCall\":{\"id\":\"" id "\",\"name\":\"" name "\",\"args\":{}}" more "}"
#define BYPASS ",\"thoughtSignature\":\"skip_thought_signature_validator\""
#define OUT_RESULT(id, name, response)                                                                                 \
    "{\"functionResponse\":{\"id\":\"" id "\",\"name\":\"" name "\",\"response\":" response "}}"

static const struct {
    const char *messages, *contents, *notes;
} orders[] = {
    /* only a system text: it is the question */
    {"{\"role\":\"system\",\"content\":\"Hi\"}", USER("Hi"), ""},
    /* neighbours are one; the conversation begins with the user */
    {"{\"role\":\"assistant\",\"content\":\"A\"},{\"role\":\"user\",\"content\":\"B\"},{\"role\":\"user\",\"content\":\"C\"}",
     USER(" ") ",{\"role\":\"model\",\"parts\":[{\"text\":\"A\"}]},{\"role\":\"user\",\"parts\":[{\"text\":\"B\"},"
               "{\"text\":\"C\"}]}",
     ""},
    /* a missing result, one that nobody asked for */
    {"{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"tool_calls\":[" CALL("a", "f") "," CALL(
         "b",
         "g") "]},"
              "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"B\"},{\"role\":\"tool\",\"tool_call_id\":\"z\",\"content\":\"Z\"},"
              "{\"role\":\"user\",\"content\":\"go on\"}",
     USER("Q") ",{\"role\":\"model\",\"parts\":[" OUT_CALL("a", "f", BYPASS) "," OUT_CALL(
         "b", "g",
         "") "]},"
             "{\"role\":\"user\",\"parts\":[" OUT_RESULT("a", "f", "{\"error\":\"no result provided\"}") "," OUT_RESULT(
                 "b", "g", "{\"output\":\"B\"}") "]},{\"role\":\"user\",\"parts\":[{\"text\":\"Tool result (z):\"},"
                                                 "{\"text\":\"Z\"},{\"text\":\"go on\"}]}",
     "messages[3];as text, messages[1].tool_calls[0];result missing"},
    /* the user spoke between call and result; ids begin anew in each step */
    {"{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"tool_calls\":[" CALL(
         "c0",
         "f") "]},"
              "{\"role\":\"user\",\"content\":\"wait\"},{\"role\":\"tool\",\"tool_call_id\":\"c0\",\"content\":\"1\"},"
              "{\"role\":\"assistant\",\"tool_calls\":[" CALL(
                  "c0", "f") "]},{\"role\":\"tool\",\"tool_call_id\":\"c0\",\"content\":\"2\"}",
     USER("Q") ",{\"role\":\"model\",\"parts\":[" OUT_CALL("c0", "f", BYPASS) "]},{\"role\":\"user\",\"parts\":[" OUT_RESULT("c0", "f", "{\"output\":\"1\"}") "]}," USER(
         "wait") ",{\"role\":\"model\",\"parts\":[" OUT_CALL("c0", "f",
                                                             BYPASS) "]},{\"role\":\"user\",\"parts\":[" OUT_RESULT("c0",
                                                                                                                    "f",
                                                                                                                    "{\"output\":\"2\"}") "]}",
     ""},
    /* the last word was the model's */
    {"{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"content\":\"The answer\"}", USER("Q"),
     "messages[1];prefill"},
    /* calls that nobody answered, at the end */
    {"{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"tool_calls\":[" CALL("a", "f") "]}",
     USER("Q") ",{\"role\":\"model\",\"parts\":[" OUT_CALL(
         "a", "f", BYPASS) "]},{\"role\":\"user\",\"parts\":[" OUT_RESULT("a", "f",
                                                                          "{\"error\":\"no result provided\"}") "]}",
     "messages[1].tool_calls[0];result missing"},
};

static void puts_turns_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        struct translation *t = quiet("openai", "gemini", "gemini-3.6-flash");
        struct sl_str body = sl_arena_printf(&arena, "{\"model\":\"m\",\"messages\":[%s]}", orders[i].messages);
        struct sl_str want = sl_arena_printf(&arena, "{\"contents\":[%s]}", orders[i].contents);
        expect(t, body.p, want.p);
        if (!sl_str_eq(noted(t), sl_str_c(orders[i].notes)))
            fail_msg("%s: noted %.*s", orders[i].messages, SL_STR_ARG(noted(t)));
    }
}

/* Six parallel calls of one function, their results reversed (19, 13). */
static void orders_parallel_results(void **state)
{
    (void)state;
    struct sl_buf in, want;
    sl_buf_init(&in, 1 << 16);
    sl_buf_init(&want, 1 << 16);
    sl_buf_adds(
        &in, SL_STR("{\"messages\":[{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\",\"tool_calls\":["));
    sl_buf_adds(&want, SL_STR("{\"contents\":[" USER("Q") ",{\"role\":\"model\",\"parts\":["));
    for (int i = 0; i < 6; i++) {
        sl_buf_addf(&in, "%s{\"id\":\"c%d\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}",
                    i > 0 ? "," : "", i);
        sl_buf_addf(&want, "%s{\"functionCall\":{\"id\":\"c%d\",\"name\":\"f\",\"args\":{}}%s}", i > 0 ? "," : "", i,
                    i == 0 ? BYPASS : "");
    }
    sl_buf_adds(&in, SL_STR("]}"));
    sl_buf_adds(&want, SL_STR("]},{\"role\":\"user\",\"parts\":["));
    for (int i = 0; i < 6; i++) {
        sl_buf_addf(&in, ",{\"role\":\"tool\",\"tool_call_id\":\"c%d\",\"content\":\"r%d\"}", 5 - i, 5 - i);
        sl_buf_addf(&want, "%s{\"functionResponse\":{\"id\":\"c%d\",\"name\":\"f\",\"response\":{\"output\":\"r%d\"}}}",
                    i > 0 ? "," : "", i, i);
    }
    sl_buf_adds(&in, SL_STR("],\"model\":\"m\"}"));
    sl_buf_adds(&want, SL_STR("]}]}"));
    expect(quiet("openai", "gemini", FLASH), kept(&in).p, kept(&want).p);
}

static const struct {
    const char *face, *model, *members, *want, *notes;
} members[] = {
    {"openai", FLASH, "\"temperature\":1e0,\"top_p\":0.90,\"top_k\":40,\"seed\":4294967301,\"stop\":[\"a\",\"\",\"b\"]",
     "\"generationConfig\":{\"temperature\":1e0,\"topP\":0.90,\"topK\":40,\"seed\":5,\"stopSequences\":[\"a\",\"b\"]}",
     "seed;folded"},
    {"openai", FLASH, "\"logit_bias\":{\"1\":2},\"user\":\"u\",\"parallel_tool_calls\":false", "",
     "logit_bias, safety_identifier, parallel_tool_calls"},
    {"openai", FLASH, "\"max_tokens\":9999999", "\"generationConfig\":{\"maxOutputTokens\":65536}",
     "max_completion_tokens;clamped"},
    {"openai", "gemini-2.5-flash", "\"presence_penalty\":1", "", "presence_penalty"},
    {"openai", "gemini-2.5-flash", "\"reasoning_effort\":\"none\"",
     "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":0}}", ""},
    {"openai", "gemini-2.5-pro", "\"reasoning_effort\":\"none\"",
     "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":128}}", "reasoning_effort;clamped"},
    {"openai", "gemini-2.5-pro", "\"reasoning_effort\":\"xhigh\"",
     "\"generationConfig\":{\"thinkingConfig\":{\"thinkingBudget\":32768}}", ""},
    {"openai", "gemini-2.5-flash", "\"reasoning_effort\":\"high\",\"max_completion_tokens\":8000",
     "\"generationConfig\":{\"maxOutputTokens\":8000,\"thinkingConfig\":{\"thinkingBudget\":6000}}", ""},
    {"openai", "gemini-3.8-flash", "\"reasoning_effort\":\"none\"",
     "\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"LOW\"}}", "reasoning_effort;clamped"},
    {"openai", "gemini-3-pro-preview", "\"reasoning_effort\":\"medium\"",
     "\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"HIGH\"}}", ""},
    {"openai", "gemini-4-hydrogen", "\"reasoning_effort\":\"xhigh\"",
     "\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"xhigh\"}}", ""},
    {"anthropic", "gemini-3.8-flash", "\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5000}",
     "\"generationConfig\":{\"maxOutputTokens\":9000,\"thinkingConfig\":{\"thinkingLevel\":\"MEDIUM\"}}", NULL},
    {"openai", FLASH, "\"response_format\":{\"type\":\"json_object\"}",
     "\"generationConfig\":{\"responseMimeType\":\"application/json\"}", ""},
    {"openai", FLASH,
     "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{\"type\":"
     "\"object\",\"properties\":{\"a\":{\"const\":1}}}}}",
     "\"generationConfig\":{\"responseMimeType\":\"application/json\",\"responseJsonSchema\":{\"title\":\"n\",\"type\":"
     "\"object\",\"properties\":{\"a\":{\"enum\":[1],\"type\":\"integer\"}}}}",
     ""},
    {"openai", "gemini-2.0-flash",
     "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\","
     "\"properties\":{\"a\":{\"type\":\"string\"}}}}}",
     "\"generationConfig\":{\"responseMimeType\":\"application/json\",\"responseSchema\":{\"title\":\"n\",\"type\":"
     "\"OBJECT\",\"properties\":{\"a\":{\"type\":\"STRING\"}}}}",
     ""},
    {"openai", FLASH, "\"service_tier\":\"flex\",\"store\":false", "\"serviceTier\":\"flex\",\"store\":false", ""},
    {"openai", FLASH, "\"service_tier\":\"auto\",\"metadata\":{\"k\":\"v\"}", "", "metadata"},
    {"openai", FLASH,
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"9 lives!\",\"parameters\":{\"type\":"
     "\"object\",\"properties\":{}}}}],\"tool_choice\":\"required\"",
     "\"tools\":[{\"functionDeclarations\":[{\"name\":\"_9_lives__mKeWlFCSMp6X\"}]}],\"toolConfig\":{"
     "\"functionCallingConfig\":{\"mode\":\"ANY\"}}",
     NULL},
    /* what an agent offers always and its model can do without */
    {"openai", "gemini-2.5-flash",
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"web_search\"}],\"tool_choice\":\"auto\"",
     "\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]",
     "tools[1];the model takes either functions or tools of its provider"},
    {"anthropic", FLASH,
     "\"max_tokens\":10,\"tools\":[{\"type\":\"code_execution_20250522\",\"name\":\"code_execution\"},{\"name\":\"f\","
     "\"input_schema\":{\"type\":\"object\",\"properties\":{}}}]",
     "\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}],\"generationConfig\":{\"maxOutputTokens\":10}",
     "tools[0]"},
    /* Google's search has no settings, and only functions can be forced: both are named */
    {"anthropic", FLASH,
     "\"max_tokens\":10,\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3,"
     "\"allowed_domains\":[\"a.test\"],\"user_location\":null}],\"tool_choice\":{\"type\":\"any\"}",
     "\"tools\":[{\"googleSearch\":{}}],\"generationConfig\":{\"maxOutputTokens\":10}",
     "tools[0].max_uses, tools[0].allowed_domains, tool_choice"},
    {"openai", FLASH, "\"web_search_options\":{\"search_context_size\":\"low\"}", "\"tools\":[{\"googleSearch\":{}}]",
     "web_search_options.search_context_size"},
    {"openai", FLASH, "\"tools\":[{\"type\":\"web_search\",\"external_web_access\":true}],\"tool_choice\":\"auto\"",
     "\"tools\":[{\"googleSearch\":{}}]", ""},
};

static void writes_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct translation *t = quiet(members[i].face, "gemini", members[i].model);
        struct sl_str body = sl_arena_printf(
            &arena, "{\"model\":\"m\",%s,\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]}", members[i].members);
        struct sl_str want = sl_arena_printf(&arena, "{\"contents\":[" USER("Q") "]%s%s}",
                                             members[i].want[0] != 0 ? "," : "", members[i].want);
        if (strstr(members[i].want, "_9_lives") != NULL) { /* the hash is not ours to state */
            struct sl_str got = written(t, body.p);
            assert_true(sl_str_find_str(got, SL_STR("\"mode\":\"ANY\"")) > 0);
            assert_non_null(t->names.first);
            assert_true(sl_str_eq(names_back(&t->names, t->names.first->changed), SL_STR("9 lives!")));
            continue;
        }
        expect(t, body.p, want.p);
        if (members[i].notes != NULL && !sl_str_eq(noted(t), sl_str_c(members[i].notes)))
            fail_msg("%s: noted %.*s", members[i].members, SL_STR_ARG(noted(t)));
    }
}

static const struct {
    const char *face, *model, *members, *param;
} refused[] = {
    {"openai", FLASH, "\"n\":2", "n"},
    {"openai", FLASH, "\"logprobs\":true", "logprobs"},
    {"openai", FLASH, "\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]", "stop"},
    {"openai", FLASH, "\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"x\",\"format\":\"wav\"}",
     "modalities"},
    {"openai", FLASH,
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"function\","
     "\"function\":{\"name\":\"f\"}}]",
     "tools[1]"},
    {"openai", FLASH,
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\","
     "\"properties\":{\"a\":{\"$ref\":\"x.json\"}}}}}]",
     "tools[0]"},
    {"openai", "gemini-2.5-flash",
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"response_format\":{\"type\":\"json_object\"}",
     "response_format"},
    {"anthropic", FLASH,
     "\"max_tokens\":10,\"tools\":[{\"type\":\"code_execution_20250522\",\"name\":\"code_execution\"}]", "tools[0]"},
    {"anthropic", FLASH,
     "\"max_tokens\":10,\"tools\":[{\"type\":\"code_execution_20250522\",\"name\":\"code_execution\"},{\"name\":\"f\","
     "\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"any\"}",
     "tools[0]"},
    {"openai", "gemini-2.5-flash",
     "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},{\"type\":\"web_search\"}],\"tool_choice\":\"required\"",
     "tools[1]"},
};

static void refuses_what_cannot_be_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct sl_str body = sl_arena_printf(
            &arena, "{\"model\":\"m\",%s,\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]}", refused[i].members);
        expect_refused(quiet(refused[i].face, "gemini", refused[i].model), body.p, refused[i].param);
    }
    expect_refused(
        quiet("openai", "gemini", FLASH),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
        "\"url\":\"https://x/y.png\"}}]}]}",
        "messages[0].content[0]");
    expect_refused(
        quiet("openai", "gemini", FLASH),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\","
        "\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{oh\"}}]}]}",
        "messages[1].tool_calls[0]");
    struct translation *t = quiet("openai", "gemini", "gemini-3.8-flash");
    t->unsupported = UNSUPPORTED_REJECT;
    expect_refused(t, "{\"model\":\"m\",\"temperature\":1,\"messages\":[{\"role\":\"user\",\"content\":\"Q\"}]}",
                   "temperature");
}

#define PNG "iVBORw0KGgo="
#define TOOL_IMAGE                                                                                                     \
    "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Q\"},{\"role\":\"assistant\","   \
    "\"content\":[{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[" \
    "{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":[{\"type\":\"text\",\"text\":\"see\"},"               \
    "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"" PNG "\"}}]},"       \
    "{\"type\":\"text\",\"text\":\"and?\"}]}]}"

static void writes_media(void **state)
{
    (void)state;
    expect(
        quiet("openai", "gemini", FLASH),
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"data:image/jpg;base64,iVBO-_==\",\"detail\":\"low\"}},{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
        "\"AAAA\",\"format\":\"wav\"}}]}]}",
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"inlineData\":{\"mimeType\":\"image/jpeg\",\"data\":\"iVBO+/==\"},"
        "\"mediaResolution\":{\"level\":\"MEDIA_RESOLUTION_LOW\"}},{\"inlineData\":{\"mimeType\":\"audio/wav\","
        "\"data\":\"AAAA\"}}]}]}");
    struct translation *t = quiet("openai", "gemini", FLASH);
    t->platform = SL_STR("vertex");
    expect(
        t,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
        "\"https://x/y.png\"}}]}]}",
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":"
        "\"https://x/y.png\"}}]}]}");
#define MODEL_TURN(more)                                                                                               \
    USER("Q") ",{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"id\":\"a\",\"name\":\"f\",\"args\":{}}" more "}]}"
    expect(
        quiet("anthropic", "gemini", FLASH), TOOL_IMAGE,
        "{\"contents\":[" MODEL_TURN(
            BYPASS) ",{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"a\","
                    "\"name\":\"f\",\"response\":{\"output\":\"see\"},\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\","
                    "\"data\":\"" PNG "\"}}]}}]}," USER("and?") "],\"generationConfig\":{\"maxOutputTokens\":9}}");
    expect(
        quiet("anthropic", "gemini", "gemini-2.5-flash"), TOOL_IMAGE,
        "{\"contents\":[" MODEL_TURN(
            "") ",{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"id\":\"a\","
                "\"name\":\"f\",\"response\":{\"output\":\"see\\n[image 1 attached below]\"}}}]},{\"role\":\"user\",\"parts\":["
                "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" PNG
                "\"}}]}," USER("and?") "],\"generationConfig\":{\"maxOutputTokens\":9}}");
}

static struct sl_str anthropic_turn(struct sl_str signature)
{
    return sl_arena_printf(
        &arena,
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Q\"},{\"role\":"
        "\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"" SL_STR_FMT
        "\"},{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\",\"input\":{\"x\":1.0}}]},{\"role\":\"user\","
        "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"a\",\"content\":\"{}\"}]}]}",
        SL_STR_ARG(signature));
}

static bool sends_signature(struct sl_str signature, const char *model, const char *want)
{
    struct translation *t = quiet("anthropic", "gemini", model);
    struct sl_str got = written(t, anthropic_turn(signature).p);
    assert_true(sl_str_find_str(got, SL_STR("\"args\":{\"x\":1.0}")) > 0); /* byte for byte */
    assert_true(sl_str_find_str(got, SL_STR("hm")) < 0);
    struct sl_str quoted = sl_arena_printf(&arena, "\"thoughtSignature\":\"%s\"", want);
    return want[0] == 0 ? sl_str_find_str(got, SL_STR("thoughtSignature")) < 0 : sl_str_find_str(got, quoted) > 0;
}

/* Google's, of the same family: back where it belongs. Any other: never. */
static void signatures_find_home(void **state)
{
    (void)state;
    struct sl_str google = carrier_pack(&arena, CARRIER_GOOGLE, SL_STR("gemini-3"), SL_STR("EpcB+/="));
    struct sl_str claude = carrier_pack(&arena, CARRIER_ANTHROPIC, SL_STR("claude"), SL_STR("EpcB"));
    struct sl_str twice = carrier_pack(&arena, CARRIER_GOOGLE, SL_STR("gemini-3"), google);
    assert_true(sends_signature(google, FLASH, "EpcB+/="));
    assert_true(sends_signature(twice, FLASH, "EpcB+/="));
    assert_true(sends_signature(google, "gemini-4-argon", "skip_thought_signature_validator"));
    assert_true(sends_signature(google, "gemini-2.5-flash", ""));
    assert_true(sends_signature(claude, FLASH, "skip_thought_signature_validator"));
    assert_true(sends_signature(SL_STR("EqRaw"), FLASH, "skip_thought_signature_validator"));
}

/* -- Gemini clients -------------------------------------------------------------------------------------------------------- */

static struct neutral_request *read_google(const char *body)
{
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    req->model = SL_STR("mine");
    req->stream = true;
    refusal = (struct request_refusal){.at = 0};
    return gemini_request_read(OP_GENERATE, sl_str_c(body), &arena, req, &refusal) ? req : NULL;
}

static void reads_both_spellings(void **state)
{
    (void)state;
    const struct neutral_request *req = read_google(
        "{\"system_instruction\":{\"parts\":{\"text\":\"S\"}},\"contents\":{\"parts\":[{\"inline_data\":{\"mime_type\":"
        "\"image/png\",\"data\":\"AAAA\"}},{\"text\":\"T\"}]},\"generation_config\":{\"max_output_tokens\":\"7\",\"topP\":0.5,"
        "\"thinking_config\":{\"thinking_budget\":-1,\"include_thoughts\":true},\"stop_sequences\":[\"x\"]},"
        "\"tool_config\":{\"function_calling_config\":{\"mode\":\"any\",\"allowed_function_names\":[\"f\"]}},"
        "\"tools\":[{\"function_declarations\":[{\"name\":\"f\",\"parameters\":{\"type\":\"OBJECT\",\"properties\":{\"a\":{"
        "\"type\":\"STRING\"}}}}],\"codeExecution\":null}],\"safety_settings\":[],\"cachedContent\":\"cachedContents/x\","
        "\"task\":\"t\",\"model\":\"ignored\"}");
    assert_non_null(req);
    assert_true(req->stream && sl_str_eq(req->model, SL_STR("mine")));
    assert_int_equal(req->max_output, 7);
    assert_int_equal(req->safety_settings.n, 0);
    assert_int_equal(req->reasoning.budget, -2);
    assert_int_equal(req->reasoning.visible, SAID_YES);
    assert_int_equal(req->choice.mode, NCH_NAMED);
    assert_int_equal(req->messages->role, NR_SYSTEM);
    const struct neutral_part *p = req->messages->next->parts;
    assert_int_equal(p->kind, NP_IMAGE);
    assert_int_equal(p->next->kind, NP_TEXT);
    expect_json(req->tools->schema, "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}");
    assert_null(req->tools->next);
    assert_true(sl_str_eq(req->unknown->name, SL_STR("cachedContent")) && req->unknown->harmful);
    assert_null(req->unknown->next);
}

static void pairs_calls_with_results(void **state)
{
    (void)state;
    static const char body[] =
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Q\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{"
        "\"name\":\"f\",\"args\":{\"n\":1}}},{\"functionCall\":{\"name\":\"g\"}},{\"functionCall\":{\"name\":\"f\",\"id\":\"given\","
        "\"args\":{}}}]},{\"role\":\"function\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"id\":\"given\",\"response\":{"
        "\"error\":\"no\"}}},{\"functionResponse\":{\"name\":\"g\",\"response\":{\"output\":\"G\"}}},{\"text\":\"T\"},"
        "{\"functionResponse\":{\"name\":\"f\",\"response\":{\"a\":1,\"b\":2}}},{\"functionResponse\":{\"name\":\"f\","
        "\"response\":{\"late\":1}}}]}]}";
    const struct neutral_request *req = read_google(body), *again = read_google(body);
    assert_non_null(req);
    const struct neutral_message *model = req->messages->next, *tool = model->next, *user = tool->next;
    const struct neutral_part *f1 = model->parts, *g = f1->next, *f2 = g->next;
    assert_true(f1->id.n == 29 && g->id.n == 29 && !sl_str_eq(f1->id, g->id));
    assert_true(sl_str_eq(f1->id, again->messages->next->parts->id)); /* the same in every turn */
    assert_true(sl_str_eq(f2->id, SL_STR("given")));
    assert_true(sl_str_eq(g->arguments, SL_STR("{}")));
    assert_int_equal(tool->role, NR_TOOL);
    const struct neutral_part *r = tool->parts;
    assert_true(sl_str_eq(r->id, SL_STR("given")) && r->is_error);
    assert_true(sl_str_eq(r->content->text, SL_STR("{\\\"error\\\":\\\"no\\\"}")));
    r = r->next;
    assert_true(sl_str_eq(r->id, g->id) && sl_str_eq(r->content->text, SL_STR("G")));
    r = r->next;
    assert_true(sl_str_eq(r->id, f1->id) && sl_str_eq(r->raw, SL_STR("{\"a\":1,\"b\":2}")));
    assert_null(r->next); /* one that answers nothing is a text */
    assert_int_equal(user->role, NR_USER);
    assert_true(sl_str_eq(user->parts->text, SL_STR("T")));
    assert_true(sl_str_starts(user->parts->next->text, SL_STR("Tool result (f): {")));
}

static const struct {
    const char *body, *param;
} bad[] = {
    {"{}", "contents"},
    {"{\"contents\":[]}", "contents"},
    {"{\"contents\":7}", "contents"},
    {"{\"contents\":[7]}", "contents[0]"},
    {"{\"contents\":[{\"role\":\"system\",\"parts\":[]}]}", "contents[0].role"},
    {"{\"contents\":[{\"parts\":7}]}", "contents[0].parts"},
    {"{\"contents\":[{\"parts\":[{\"text\":\"a\"},7]}]}", "contents[0].parts[1]"},
    {"{\"contents\":[{\"parts\":[{\"text\":7}]}]}", "contents[0].parts[0].text"},
    {"{\"contents\":[{\"parts\":[{}]}]}", "contents[0].parts[0]"},
    {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\"}}]}]}",
     "contents[0].parts[0].inlineData.data"},
    {"{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"?\"}}]}]}",
     "contents[0].parts[0].inlineData.data"},
    {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{}}]}]}",
     "contents[0].parts[0].functionCall.name"},
    {"{\"contents\":[{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":\"x\"}}]}]}",
     "contents[0].parts[0].functionCall.args"},
    {"{\"contents\":[{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":\"x\"}}]}]}",
     "contents[0].parts[0].functionResponse.response"},
    {"{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"tools\":[{\"functionDeclarations\":[{}]}]}",
     "tools[0].functionDeclarations[0].name"},
    {"{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"generationConfig\":{\"temperature\":\"hot\"}}",
     "generationConfig.temperature"},
    {"{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"generationConfig\":{\"thinkingConfig\":{\"thinkingLevel\":\"SOME\"}}}",
     "generationConfig.thinkingConfig.thinkingLevel"},
    {"{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}],\"toolConfig\":{\"functionCallingConfig\":{\"mode\":\"MAYBE\"}}}",
     "toolConfig.functionCallingConfig.mode"},
};

static void refuses_bad_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(read_google(bad[i].body));
        if (!sl_str_eq(refusal.error.param, sl_str_c(bad[i].param)))
            fail_msg("%s: %.*s", bad[i].body, SL_STR_ARG(refusal.error.param));
    }
}

/* A text that stood between them and the call stands there again: Claude refuses its blocks in any other order. */
static void thoughts_come_back_in_place(void **state)
{
    (void)state;
    struct translation *t = translation("gemini", "anthropic", "claude-opus-4-6");
    struct neutral_part parts[] = {{.kind = NP_REASONING, .text = SL_STR_INIT("A"), .signature = SL_STR_INIT("sa")},
                                   {.kind = NP_TEXT, .text = SL_STR_INIT("Looking")},
                                   {.kind = NP_REASONING, .text = SL_STR_INIT("B"), .signature = SL_STR_INIT("sb")}};
    parts[0].next = &parts[1];
    parts[1].next = &parts[2];
    struct sl_str packed = gem_envelope_pack(t, parts);
#define SIGNED_CALL "{\"functionCall\":{\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"" SL_STR_FMT "\"}"
    struct sl_str body = sl_arena_printf(
        &arena,
        "{\"contents\":[{\"parts\":[{\"text\":\"Q\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"Look\"},{\"text\":"
        "\"ing\"}," SIGNED_CALL ",{\"text\":\"more\"}," SIGNED_CALL "]}]}",
        SL_STR_ARG(packed), SL_STR_ARG(packed));
    const struct neutral_part *p = read_google(body.p)->messages->next->parts;
    static const char *want[] = {"A", "Look", "ing", "B", "", "A", "more", "B", ""};
    static const enum neutral_part_kind kinds[] = {NP_REASONING, NP_TEXT, NP_TEXT,      NP_REASONING, NP_TOOL_CALL,
                                                   NP_REASONING, NP_TEXT, NP_REASONING, NP_TOOL_CALL};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++, p = p->next) {
        assert_int_equal(p->kind, kinds[i]);
        assert_true(sl_str_eq(p->text, sl_str_c(want[i])));
    }
    assert_null(p);
    /* a client that has only the call */
    body = sl_arena_printf(&arena, "{\"contents\":[{\"role\":\"model\",\"parts\":[" SIGNED_CALL "]}]}",
                           SL_STR_ARG(packed));
    p = read_google(body.p)->messages->parts;
    assert_true(sl_str_eq(p->text, SL_STR("A")) && sl_str_eq(p->next->text, SL_STR("B")));
    assert_int_equal(p->next->next->kind, NP_TOOL_CALL);
}

/* Claude's thinking, packed into the signature of a Gemini client's call, is Claude's thinking again. */
static void thoughts_come_back(void **state)
{
    (void)state;
    struct translation *t = translation("gemini", "anthropic", "claude-opus-4-6");
    const struct neutral_part second = {.kind = NP_REASONING, .encrypted = SL_STR_INIT("redacted==")};
    struct neutral_part first = {
        .kind = NP_REASONING, .text = SL_STR_INIT("hm \\\"\\n\xc3\xa4"), .signature = SL_STR_INIT("Eq+/=")};
    first.next = (struct neutral_part *)(uintptr_t)&second;
    struct sl_str packed = gem_envelope_pack(t, &first);
    assert_true(packed.n > 0);
    struct sl_str body = sl_arena_printf(
        &arena,
        "{\"contents\":[{\"parts\":[{\"text\":\"Q\"}]},{\"role\":\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"id\":"
        "\"a\",\"args\":{}},\"thoughtSignature\":\"" SL_STR_FMT
        "\"}]},{\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]}",
        SL_STR_ARG(packed));
    const struct neutral_request *req = read_google(body.p);
    const struct neutral_part *p = req->messages->next->parts;
    assert_int_equal(p->kind, NP_REASONING);
    assert_true(sl_str_eq(p->text, first.text));
    struct carrier c = carrier_unpack(&arena, p->signature);
    assert_int_equal(c.vendor, CARRIER_ANTHROPIC);
    assert_true(sl_str_eq(c.family, SL_STR("claude")) && sl_str_eq(c.payload, SL_STR("Eq+/=")));
    c = carrier_unpack(&arena, p->next->encrypted);
    assert_int_equal(c.vendor, CARRIER_ANTHROPIC_REDACTED);
    assert_int_equal(p->next->next->kind, NP_TOOL_CALL);
    assert_int_equal(p->next->next->signature.n, 0);
    /* and never reaches Google */
    struct sl_str sent = written(quiet("gemini", "gemini", FLASH), body.p);
    assert_true(sl_str_find_str(sent, GEM_BYPASS) > 0);
    assert_true(sl_str_find_str(sent, packed) < 0);
}

/* Through the neutral form and out again: nothing that matters is lost. */
static void goes_there_and_back(void **state)
{
    (void)state;
    static const char body[] = "{\"systemInstruction\":{\"parts\":[{\"text\":\"S\"}]},\"contents\":[" USER(
        "Q") ",{\"role\":\"model\",\"parts\":["
             "{\"text\":\"A\",\"thoughtSignature\":\"EqA\"},{\"functionCall\":{\"id\":\"i\",\"name\":\"f\",\"args\":{\"x\":1.50}},"
             "\"thoughtSignature\":\"EqB\"},{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1\"}}]},{\"role\":\"user\","
             "\"parts\":[{\"functionResponse\":{\"id\":\"i\",\"name\":\"f\",\"response\":{\"any\":[1]}}}]}," USER(
                 "go on") "],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":\"D\",\"parametersJsonSchema\":{\"type\":"
                          "\"object\",\"properties\":{\"x\":{\"type\":\"number\"}}}}]},{\"googleSearch\":{}}],\"toolConfig\":{"
                          "\"includeServerSideToolInvocations\":true},\"safetySettings\":[{\"category\":\"C\",\"threshold\":\"OFF\"}],"
                          "\"labels\":{\"a\":\"b\"},\"store\":false,\"serviceTier\":\"flex\",\"generationConfig\":{\"temperature\":0.70,"
                          "\"maxOutputTokens\":5,\"stopSequences\":[\"x\"],\"seed\":3,\"imageConfig\":{\"aspectRatio\":\"1:1\"},"
                          "\"thinkingConfig\":{\"thinkingLevel\":\"HIGH\",\"includeThoughts\":true}}}";
    struct translation *t = translation("gemini", "gemini", FLASH);
    expect(t, body, body);
}

static void counts_tokens(void **state)
{
    (void)state;
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    static const char body[] = "{\"generateContentRequest\":{\"model\":\"models/x\",\"contents\":[" USER(
        "Q") "],\"generationConfig\":{\"temperature\":1}}}";
    assert_true(gemini_request_read(OP_GENERATE_COUNT, sl_str_c(body), &arena, req, &refusal));
    assert_int_equal(req->kind, NO_COUNT_TOKENS);
    struct translation *t = translation("anthropic", "gemini", FLASH);
    struct sl_buf out;
    sl_buf_init(&out, 1000);
    t->req = req;
    assert_true(gemini_request_write(t, &out, &refusal));
    expect_json(kept(&out),
                "{\"generateContentRequest\":{\"model\":\"models/" FLASH "\",\"contents\":[" USER("Q") "]}}");
    sl_buf_init(&out, 1000);
    t->platform = SL_STR("vertex");
    assert_true(gemini_request_write(t, &out, &refusal));
    expect_json(kept(&out), "{\"contents\":[" USER("Q") "]}");
}

/* A Gemini client's request for the others. */
static void goes_on_to_others(void **state)
{
    (void)state;
    static const char body[] = "{\"systemInstruction\":{\"parts\":[{\"text\":\"S\"}]},\"contents\":[" USER(
        "Q") ",{\"role\":\"model\",\"parts\":["
             "{\"text\":\"thinking\",\"thought\":true},{\"functionCall\":{\"name\":\"f\",\"args\":{\"x\":1.50}},"
             "\"thoughtSignature\":\"EqB\"}]},{\"role\":\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{"
             "\"output\":\"R\"}}}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parameters\":{\"type\":\"OBJECT\","
             "\"properties\":{\"x\":{\"type\":\"NUMBER\"}}}}]}],\"generationConfig\":{\"maxOutputTokens\":50}}";
    static const char *const ups[][2] = {
        {"openai", "gpt-4o"}, {"anthropic", "claude-opus-4-6"}, {"openai-responses", "gpt-5"}};
    for (size_t i = 0; i < sizeof ups / sizeof ups[0]; i++) {
        struct translation *t = translation("gemini", ups[i][0], ups[i][1]);
        struct sl_str got = written(t, body);
        if (got.n == 0)
            fail_msg("%s: %.*s", ups[i][0], SL_STR_ARG(refusal.error.message));
        assert_true(sl_str_find_str(got, SL_STR("1.50")) > 0);
        assert_true(sl_str_find_str(got, SL_STR("EqB")) < 0); /* Google's signature stays with Google */
        assert_true(sl_str_find_str(got, SL_STR("NUMBER")) < 0);
        assert_true(sl_str_find_str(got, SL_STR("call_")) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_the_worked_example, set_up, tear_down),
        cmocka_unit_test_setup_teardown(puts_turns_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(orders_parallel_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_cannot_be_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writes_media, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signatures_find_home, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_both_spellings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pairs_calls_with_results, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_bad_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(thoughts_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(thoughts_come_back_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_to_others, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
