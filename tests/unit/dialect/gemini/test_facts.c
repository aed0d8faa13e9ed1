/* Facts of requests, answers and events that pass as bytes; the table of models. */
#include "dialect/gemini/gemini_int.h"

#include "dialect/relay_same.h"
#include "gemini_test.h"

static struct request_facts facts;
static struct request_refusal refusal;

static bool decode(const char *body)
{
    facts = (struct request_facts){.model = SL_STR("gemini-x"), .stream = true};
    return gemini_request_decode(OP_GENERATE, sl_str_c(body), &arena, &facts, &refusal);
}

static void reads_request_facts(void **state)
{
    (void)state;
    assert_true(
        decode("{\"contents\":[{},{}],\"tools\":[{}],\"systemInstruction\":{},\"generationConfig\":{"
               "\"maxOutputTokens\":50,\"candidateCount\":2,\"responseMimeType\":\"application/json\","
               "\"responseModalities\":[\"AUDIO\"]},\"task\":\"t\",\"models\":[\"a\",\"b\"],\"fallback\":false}"));
    assert_true(facts.stream && sl_str_eq(facts.model, SL_STR("gemini-x")));
    assert_int_equal(facts.messages, 2);
    assert_int_equal(facts.max_output, 50);
    assert_int_equal(facts.n, 2);
    assert_true(facts.has_tools && facts.json_output && facts.modalities == MODALITY_AUDIO_OUT);
    assert_true(sl_str_eq(facts.hints.task, SL_STR("t")) && facts.hints.n_models == 2);
    assert_int_equal(facts.hints.fallback, SAID_NO);
    assert_int_equal(facts.payload_bytes, 13);
    assert_true(decode("{\"contents\":[],\"generation_config\":{\"max_output_tokens\":7,\"candidateCount\":3}}"));
    assert_int_equal(facts.max_output, 7);
    assert_int_equal(facts.n, 3);
    assert_true(decode("{}"));
    assert_int_equal(facts.n, 1);
    static const struct {
        const char *body;
        enum gateway_error error;
    } bad[] = {
        {"", GE_BODY_MISSING},
        {"[]", GE_BODY_NOT_OBJECT},
        {"{", GE_BODY_INVALID},
        {"{\"contents\":[],\"contents\":[]}", GE_MEMBER_REPEATED},
        {"{\"task\":7}", GE_MEMBER_TYPE},
        {"{\"route\":\"\"}", GE_MEMBER_VALUE},
        {"{\"fallback\":1}", GE_MEMBER_TYPE},
        {"{\"models\":[7]}", GE_MEMBER_VALUE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(decode(bad[i].body));
        assert_int_equal(refusal.error.error, bad[i].error);
    }
}

static struct sl_str same_on(const char *body, const char *platform, bool counts, const char *lost)
{
    struct body_pieces p;
    struct sl_buf out;
    const struct request_change change = {
        .model = SL_STR("other"), .ask_usage = true, .platform = sl_str_c(platform), .counts = counts};
    assert_true(decode(body));
    gemini_request_encode_same(&facts, sl_str_c(body), &change, &arena, &p);
    sl_buf_init(&out, 10000);
    for (int i = 0; i < p.n; i++)
        sl_buf_add(&out, p.v[i].iov_base, p.v[i].iov_len);
    assert_int_equal(out.n, p.bytes);
    assert_false(p.usage_asked);
    struct sl_str notes = p.notes != NULL ? neutral_notes_text(p.notes, &arena, 500) : SL_STR_NONE;
    if (!sl_str_eq(notes, sl_str_c(lost)))
        fail_msg("lost: " SL_STR_FMT, SL_STR_ARG(notes));
    return kept(&out);
}

static struct sl_str same(const char *body)
{
    return same_on(body, "", false, "");
}

/* What Vertex AI refuses goes; everything else stays as it was written (gemini.md 20.2). */
static void for_vertex(void **state)
{
    (void)state;
    static const struct {
        bool counts;
        const char *in, *out, *lost;
    } rows[] = {
        {false, "{ \"contents\": [ 1.0 ] , \"x\":{\"id\":1}}", "{ \"contents\": [ 1.0 ] , \"x\":{\"id\":1}}", ""},
        {false, "{\"task\":\"a\",\"store\":false,\"contents\":[]}", "{\"contents\":[]}", "store"},
        {false, "{\"contents\":[],\"serviceTier\":\"flex\", \"task\":\"a\",\"tools\":[],\"store\":null }",
         "{\"contents\":[],\"tools\":[] }", ""},
        {false, "{\"service_tier\":\"turbo\"}", "{}", "service_tier"},
        {false, "{\"store\":true}", "{}", "store"},
        {false,
         "{\"contents\":[{\"parts\":[{\"functionCall\":{\"id\":\"a\",\"name\":\"f\",\"args\":{\"id\":1.0}}}]},{\"parts\":["
         "{\"function_response\":{\"name\":\"f\",\"id\":\"a\"},\"partMetadata\":{}},{\"text\":\"id\",\"id\":1}]}]}",
         "{\"contents\":[{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"id\":1.0}}}]},{\"parts\":["
         "{\"function_response\":{\"name\":\"f\"}},{\"text\":\"id\",\"id\":1}]}]}",
         "parts[].partMetadata"},
        {false,
         "{\"toolConfig\":{\"includeServerSideToolInvocations\":true},\"generationConfig\":{\"a\":1,"
         "\"enableEnhancedCivicAnswers\":true,\"b\":2}}",
         "{\"toolConfig\":{},\"generationConfig\":{\"a\":1,\"b\":2}}",
         "toolConfig.includeServerSideToolInvocations, generationConfig.enableEnhancedCivicAnswers"},
        {true, "{\"contents\":[]}", "{\"contents\":[]}", ""},
        {true,
         " {\"generateContentRequest\" : {\"model\":\"models/m\",\"contents\":[{\"parts\":[{\"functionCall\":{\"id\":\"a\"}}]}],"
         "\"safetySettings\":[],\"tools\":[]} }\n",
         "{\"contents\":[{\"parts\":[{\"functionCall\":{}}]}],\"tools\":[]}", ""},
        {true, "{\"contents\":[],\"generateContentRequest\":null}", "{\"contents\":[],\"generateContentRequest\":null}",
         ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str out = same_on(rows[i].in, "vertex", rows[i].counts, rows[i].lost);
        if (!sl_str_eq(out, sl_str_c(rows[i].out)))
            fail_msg("%s\n" SL_STR_FMT, rows[i].in, SL_STR_ARG(out));
    }
    /* another vendor's signature beside it */
    assert_true(sl_str_eq(same_on("{\"contents\":[{\"parts\":[{\"functionCall\":{\"id\":\"a\"},\"thoughtSignature\":"
                                  "\"eyJjc2lnMSI6W10=\"}]}]}",
                                  "vertex", false, ""),
                          SL_STR("{\"contents\":[{\"parts\":[{\"functionCall\":{},\"thoughtSignature\":"
                                 "\"skip_thought_signature_validator\"}]}]}")));
}

static void cuts_only_ours(void **state)
{
    (void)state;
    assert_true(sl_str_eq(same("{ \"contents\": [ 1.0 ],\"model\":\"x\"}"),
                          SL_STR("{ \"contents\": [ 1.0 ],\"model\":\"x\"}")));
    assert_true(sl_str_eq(same("{\"task\":\"a\",\"contents\":[]}"), SL_STR("{\"contents\":[]}")));
    assert_true(sl_str_eq(same("{\"contents\":[],\"task\":\"a\", \"route\":\"b\" }"), SL_STR("{\"contents\":[] }")));
    assert_true(sl_str_eq(same("{\"task\":\"a\",\"models\":[]}"), SL_STR("{}")));
    /* what another vendor's model thought does not reach Google; a text that talks about it does */
    assert_true(sl_str_eq(
        same("{\"contents\":[{\"thoughtSignature\" : \"eyJjc2lnMSI6W10=\"},{\"text\":\"\\\"thoughtSignature\\\":"
             "\\\"eyJjc2lnMSI6\\\"\"},{\"thoughtSignature\":\"EqeyJjc2lnMSI6\"}],\"task\":\"t\"}"),
        SL_STR("{\"contents\":[{\"thoughtSignature\" : \"skip_thought_signature_validator\"},{\"text\":"
               "\"\\\"thoughtSignature\\\":\\\"eyJjc2lnMSI6\\\"\"},{\"thoughtSignature\":"
               "\"EqeyJjc2lnMSI6\"}]}")));
}

static void reads_answer_facts(void **state)
{
    (void)state;
    static const char body[] =
        "{\"candidates\":[{\"content\":{},\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
        "\"promptTokenCount\":9,\"candidatesTokenCount\":2,\"thoughtsTokenCount\":3,"
        "\"promptTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":4}],\"totalTokenCount\":14},"
        "\"modelVersion\":\"m\"}";
    struct answer_facts f, sliced;
    gemini_answer_decode(sl_str_c(body), &f);
    assert_true(f.valid && sl_str_eq(f.finish, SL_STR("STOP")) && sl_str_eq(f.model, SL_STR("m")));
    assert_int_equal(f.usage.prompt, 9);
    assert_int_equal(f.usage.completion, 5);
    assert_int_equal(f.usage.audio_prompt, 4);
    for (size_t step = 1; step < 40; step++) {
        struct gemini_answer_watch w;
        gemini_answer_watch_init(&w, &arena);
        for (struct sl_str in = sl_str_c(body); in.n > 0; in = sl_str_from(in, step))
            gemini_answer_watch_feed(&w, sl_str_head(in, step));
        gemini_answer_watch_done(&w, &sliced);
        assert_true(sliced.valid && sl_str_eq(sliced.model, f.model));
        assert_true(sliced.usage.found && sliced.usage.prompt == f.usage.prompt);
        assert_true(sliced.usage.completion == f.usage.completion && sliced.usage.audio_prompt == 4);
        assert_int_equal(sliced.content_bytes, f.content_bytes);
    }
    gemini_answer_decode(SL_STR("[{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\"}}]"),
                         &f);
    assert_true(f.valid && f.error.found && sl_str_eq(f.error.type, SL_STR("RESOURCE_EXHAUSTED")));
    assert_true(sl_str_eq(f.error.code, SL_STR("429")) && sl_str_eq(f.error.message, SL_STR("m")));
    gemini_answer_decode(
        SL_STR(" [{\"usageMetadata\":{\"promptTokenCount\":1}},{\"usageMetadata\":{\"promptTokenCount\":2}}]"), &f);
    assert_true(f.valid && f.usage.prompt == 2);
    gemini_answer_decode(SL_STR("<html>"), &f);
    assert_false(f.valid);
}

static const struct {
    const char *data;
    enum stream_kind kind;
    uint32_t output;
    bool finish, usage;
} events[] = {
    {"", SK_EMPTY, 0, false, false},
    {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"}],\"role\":\"model\"}}]}", SK_CONTENT, 5, false,
     false},
    {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]}}]}", SK_ROLE, 0, false, false},
    {"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true,\"thoughtSignature\":\"abc\"}]}}]}",
     SK_CONTENT, 2, false, false},
    {"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"a\":1}}]},\"finishReason\":\"STOP\"}]}",
     SK_CONTENT, 7, true, false},
    {"{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":1}}", SK_FINISH, 0, true,
     true},
    {"{\"candidates\":[{\"finishReason\":1}]}", SK_FINISH, 0, true, false},
    {"{\"candidates\":[{\"finishReason\":\"\"}]}", SK_ROLE, 0, false, false},
    {"{\"candidates\":[]}", SK_ROLE, 0, false, false},
    {"{\"usageMetadata\":{\"promptTokenCount\":1}}", SK_USAGE, 0, false, true},
    {"{\"usageMetadata\":{\"trafficType\":\"ON_DEMAND\"}}", SK_OTHER, 0, false, false},
    {"{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}", SK_FINISH, 0, true, false},
    {"{\"error\":{\"code\":503}}", SK_ERROR, 0, false, false},
    {"[{\"error\":{\"code\":503}}]", SK_ERROR, 0, false, false},
    {"{\"error\":null,\"candidates\":[]}", SK_ROLE, 0, false, false},
    {"[DONE]", SK_OTHER, 0, false, false},
    {"text", SK_OTHER, 0, false, false},
    {"{\"candidates\":[{\"finishReason\":\"STOP\"}", SK_OTHER, 0, false, false},
    {"{\"candidates\":7}", SK_OTHER, 0, false, false},
};

static void names_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct sl_str in = sl_str_c(events[i].data);
        char *copy = malloc(in.n + 1);
        struct stream_event e;
        memcpy(copy, in.p, in.n);
        gemini_stream_watch(NULL, SL_STR_NONE, sl_str_of(copy, in.n), &e);
        if (e.kind != events[i].kind || e.output_bytes != events[i].output || e.finish != events[i].finish ||
            e.has_usage != events[i].usage)
            fail_msg("%s: kind %d output %u finish %d", events[i].data, e.kind, e.output_bytes, e.finish);
        for (size_t n = 0; n < in.n; n++) { /* half an event is no end */
            char *cut = malloc(n + 1);
            memcpy(cut, in.p, n);
            gemini_stream_watch(NULL, SL_STR_NONE, sl_str_of(cut, n), &e);
            assert_true(!e.finish && (e.kind == SK_OTHER || e.kind == SK_EMPTY || e.kind == SK_ERROR));
            free(cut);
        }
        free(copy);
    }
}

#define PART(text, more) "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"" text "\"}]}" more "\r\n\r\n"

/* Same format: the bytes as they are, the usage of all reports together, and an end without a terminator. */
static void relays_the_same(void **state)
{
    (void)state;
    static const char in[] = PART("a", "}],\"usageMetadata\":{\"promptTokenCount\":9,\"cachedContentTokenCount\":4}}")
        PART("b",
             ",\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":2}}");
    for (size_t step = 1; step < sizeof in; step += 7) {
        struct relay_same r;
        struct sl_buf out;
        sl_buf_init(&out, 10000);
        relay_same_init(&r, &gemini_dialect, 0, &arena);
        for (struct sl_str left = sl_str_c(in); left.n > 0; left = sl_str_from(left, step)) {
            const struct iovec *v;
            int n;
            assert_int_equal(relay_same_feed(&r, sl_str_head(left, step), &v, &n), RELAY_MORE);
            for (int i = 0; i < n; i++)
                sl_buf_add(&out, v[i].iov_base, v[i].iov_len);
        }
        assert_true(relay_same_complete(&r));
        assert_int_equal(r.state.usage.prompt, 8);
        assert_int_equal(r.state.usage.cached, 4);
        assert_int_equal(r.state.usage.completion, 2);
        assert_true(sl_str_eq(kept(&out), sl_str_c(in)));
        relay_same_done(&r);
    }
}

static void knows_models(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        enum model_thinking thinking;
        bool sampling, prefill, signed_calls, json_schema;
    } rows[] = {
        {"gemini-2.5-flash", THINK_BUDGET, true, true, false, true},
        {"models/gemini-2.5-pro", THINK_BUDGET, true, true, false, true},
        {"gemini-2.0-flash-001", THINK_NONE, true, true, false, false},
        {"gemini-3-flash-preview", THINK_LEVEL, true, true, true, true},
        {"publishers/google/models/gemini-3.1-pro-preview", THINK_LEVEL, true, true, true, true},
        {"gemini-3.5-flash", THINK_LEVEL, true, true, true, true},
        {"gemini-3.5-flash-lite", THINK_LEVEL, false, false, true, true},
        {"gemini-3.8-flash", THINK_LEVEL, false, false, true, true},
        {"gemini-flash-latest", THINK_LEVEL, false, false, true, true},
        {"gemini-4-hydrogen", THINK_LEVEL, false, false, true, true},
        {"gemini-9-unheard", THINK_LEVEL, false, false, true, true},
        {"gemma-4-31b-it", THINK_NONE, true, true, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct model_caps *c = caps_find(gemini_caps, sl_str_c(rows[i].model));
        bool fine = c->thinking == rows[i].thinking && caps_has(c, CAP_SAMPLING) == rows[i].sampling &&
                    caps_has(c, CAP_PREFILL) == rows[i].prefill &&
                    caps_has(c, CAP_SIGNED_CALLS) == rows[i].signed_calls &&
                    caps_has(c, CAP_JSON_SCHEMA) == rows[i].json_schema;
        if (!fine)
            fail_msg("%s is taken for %.*s", rows[i].model, SL_STR_ARG(c->pattern));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_request_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cuts_only_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(for_vertex, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_answer_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(relays_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(knows_models, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
