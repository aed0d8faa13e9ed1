/* Streams of chat chunks, as OpenAI and as servers that are like it send them: what is read from them, what clients get. */
#include "chat_lib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HEAD "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":"
#define CHUNK(choices) HEAD choices "}\n\n"
#define DELTA(delta) CHUNK("[{\"index\":0,\"delta\":{" delta "},\"finish_reason\":null}]")
#define ROLE DELTA("\"role\":\"assistant\",\"content\":\"\"")
#define FINISH(word) CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"" word "\"}]")
#define USAGE(usage) HEAD "[],\"usage\":{" usage "}}\n\n"
#define U_9_5 "\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14"
#define DONE "data: [DONE]\n\n"
#define START "start(c1,m) "
#define CALL(index, id, name, args)                                                                                    \
    "{\"index\":" index ",\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":\"" args "\"}}"
#define ARGS(index, args) "{\"index\":" index ",\"function\":{\"arguments\":\"" args "\"}}"
#define CALLS(calls) DELTA("\"tool_calls\":[" calls "]")

struct row {
    const char *name, *stream, *events;
    enum chat_fed fed;
};

static const struct row rows[] = {
    {"text, usage", ROLE DELTA("\"content\":\"He\"") DELTA("\"content\":\"llo\"") FINISH("stop") USAGE(U_9_5) DONE,
     START "text(He) text(llo) usage(9,5,0,0,0) finish(stop) done ", FED_WHOLE},
    {"no [DONE]", ROLE DELTA("\"content\":\"Hi\"") FINISH("stop"), START "text(Hi) finish(stop) ", FED_WHOLE},
    {"no finish", ROLE DELTA("\"content\":\"Hi\"") DONE, START "text(Hi) finish(stop) done ", FED_WHOLE},
    {"cut", ROLE DELTA("\"content\":\"Hi\""), START "text(Hi) ", FED_CUT},
    {"nothing at all", DONE, "", FED_BROKEN},
    {"no bytes", "", "", FED_CUT},
    {"not JSON", "data: {\"id\":\n\n", "", FED_BROKEN},
    {"null content everywhere",
     DELTA("\"role\":\"assistant\",\"content\":null") DELTA("\"content\":null,\"reasoning_content\":null")
         DELTA("\"content\":\"x\",\"tool_calls\":null,\"refusal\":null") FINISH("stop") DONE,
     START "text(x) finish(stop) done ", FED_WHOLE},
    {"choices first empty, as Azure sends them",
     "data: {\"id\":\"\",\"object\":\"\",\"model\":\"\",\"created\":0,\"choices\":[],\"prompt_filter_results\":[]}\n\n" ROLE
         DELTA("\"content\":\"x\"") FINISH("stop") DONE,
     START "text(x) finish(stop) done ", FED_WHOLE},
    {"a second finish, later, wins",
     ROLE DELTA("\"content\":\"x\"") FINISH("stop")
         CHUNK("[{\"index\":0,\"finish_reason\":null,\"content_filter_offsets\":{}}]") FINISH("content_filter") DONE,
     START "text(x) finish(filter) done ", FED_WHOLE},
    {"usage in every chunk: the last counts",
     HEAD
     "[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n" HEAD
     "[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}],\"usage\":{" U_9_5 "}}\n\n" DONE,
     START "text(a) usage(9,1,0,0,0) text(b) usage(9,5,0,0,0) finish(stop) done ", FED_WHOLE},
    {"usage in x_groq",
     ROLE DELTA("\"content\":\"a\"") HEAD
     "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"usage\":{" U_9_5 "}}}\n\n" DONE,
     START "text(a) usage(9,5,0,0,0) finish(stop) done ", FED_WHOLE},
    {"usage in the choice",
     CHUNK("[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\",\"usage\":{" U_9_5
           ",\"cached_tokens\":4}}]") DONE,
     START "text(a) usage(9,5,4,0,0) finish(stop) done ", FED_WHOLE},
    {"reasoning outside completion_tokens, as xAI counts",
     DELTA("\"content\":\"a\"") FINISH("stop") USAGE("\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":35,"
                                                     "\"completion_tokens_details\":{\"reasoning_tokens\":20}") DONE,
     START "text(a) usage(10,25,0,0,20) finish(stop) done ", FED_WHOLE},
    {"DeepSeek's cache, Qwen's cache writes",
     DELTA("\"content\":\"a\"") FINISH("stop") USAGE(
         "\"prompt_tokens\":10,\"completion_tokens\":5,\"prompt_cache_hit_tokens\":6,\"prompt_cache_miss_tokens\":4,"
         "\"prompt_tokens_details\":{\"cache_creation_input_tokens\":3}") DONE,
     START "text(a) usage(10,5,6,3,0) finish(stop) done ", FED_WHOLE},
    {"reasoning_content, then text",
     ROLE DELTA("\"reasoning_content\":\"Hm\"") DELTA("\"reasoning_content\":\"m\"") DELTA("\"content\":\"x\"")
         FINISH("stop") DONE,
     START "think0(Hm) think0(m) signature0 text(x) finish(stop) done ", FED_WHOLE},
    {"reasoning, both names at once",
     DELTA("\"reasoning\":\"Hm\",\"reasoning_content\":\"Hm\"") DELTA("\"content\":\"x\"") FINISH("stop") DONE,
     START "think0(Hm) signature0 text(x) finish(stop) done ", FED_WHOLE},
    {"reasoning_details beside reasoning",
     DELTA("\"content\":\"\",\"reasoning\":\"Hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Hm\","
           "\"index\":0}]")
         DELTA("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"sig\",\"index\":0}]")
             DELTA("\"content\":\"x\"") FINISH("stop") DONE,
     START "think0(Hm) signature0 text(x) finish(stop) done ", FED_WHOLE},
    {"<think> is text", DELTA("\"content\":\"<think>a\"") DELTA("\"content\":\"</think>b\"") FINISH("stop") DONE,
     START "text(<think>a) text(</think>b) finish(stop) done ", FED_WHOLE},
    {"content as parts",
     DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"Hm\"}]}]")
         DELTA("\"content\":[{\"type\":\"text\",\"text\":\"x\"}]") FINISH("stop") DONE,
     START "think0(Hm) signature0 text(x) finish(stop) done ", FED_WHOLE},
    {"a call",
     ROLE CALLS(CALL("0", "a", "f", "")) CALLS(ARGS("0", "{\\\"x\\\"")) CALLS(ARGS("0", ":1}")) FINISH("tool_calls")
         DONE,
     START "call0(a,f) args0({\\\"x\\\") args0(:1}) end0 finish(tool_calls) done ", FED_WHOLE},
    {"interleaved calls, finish stop",
     ROLE CALLS(CALL("0", "a", "f", "")) CALLS(CALL("1", "b", "g", "{\\\"y\\\"")) CALLS(ARGS("0", "{}"))
         CALLS(ARGS("1", ":2}")) FINISH("stop") DONE,
     START "call0(a,f) call1(b,g) args1({\\\"y\\\") args0({}) args1(:2}) end0 end1 finish(tool_calls) done ",
     FED_WHOLE},
    {"whole calls without index",
     CALLS("{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
           "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}")
         FINISH("tool_calls") DONE,
     START "call0(a,f) args0({}) end0 call1(b,f) args1({}) end1 finish(tool_calls) done ", FED_WHOLE},
    {"index 0 for both", CALLS(CALL("0", "a", "f", "{}")) CALLS(CALL("0", "b", "g", "{}")) FINISH("tool_calls") DONE,
     START "call0(a,f) args0({}) end0 call1(b,g) args1({}) end1 finish(tool_calls) done ", FED_WHOLE},
    {"empty ids, then repeated names",
     CALLS(CALL("0", "", "f", "{\\\"a\\\"")) CALLS(CALL("0", "", "f", ":1}")) FINISH("tool_calls") DONE,
     START "call0(call_x1_0_0,f) args0({\\\"a\\\") args0(:1}) end0 finish(tool_calls) done ", FED_WHOLE},
    {"the same id for two", CALLS(CALL("0", "a", "f", "{}")) CALLS(CALL("1", "a", "f", "{}")) FINISH("tool_calls") DONE,
     START "call0(a,f) args0({}) end0 call1(a_1,f) args1({}) end1 finish(tool_calls) done ", FED_WHOLE},
    {"id in every fragment",
     CALLS(CALL("0", "a", "f", "{\\\"a\\\"")) CALLS(
         "{\"index\":0,\"id\":\"a\",\"function\":{\"name\":null,\"arguments\":\":1}\"}}") FINISH("tool_calls") DONE,
     START "call0(a,f) args0({\\\"a\\\") args0(:1}) end0 finish(tool_calls) done ", FED_WHOLE},
    {"the name in the second fragment",
     CALLS("{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"arguments\":\"{\"}}")
         CALLS("{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"}\"}}") FINISH("tool_calls") DONE,
     START "call0(a,f) args0({) args0(}) end0 finish(tool_calls) done ", FED_WHOLE},
    {"an empty list beside text", DELTA("\"content\":\"x\",\"tool_calls\":[]") FINISH("stop") DONE,
     START "text(x) finish(stop) done ", FED_WHOLE},
    {"arguments as an object",
     CALLS("{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{\"x\": \"y\"}}}") FINISH("stop") DONE,
     START "call0(a,f) args0({\\\"x\\\": \\\"y\\\"}) end0 finish(tool_calls) done ", FED_WHOLE},
    {"no arguments", CALLS(CALL("0", "a", "f", "")) FINISH("tool_calls") DONE,
     START "call0(a,f) end0 finish(tool_calls) done ", FED_WHOLE},
    {"tool_calls without calls", DELTA("\"content\":\"x\"") FINISH("tool_calls") DONE,
     START "text(x) finish(stop) done ", FED_WHOLE},
    {"function_call",
     DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}") DELTA("\"function_call\":{\"arguments\":\"{}\"}")
         FINISH("function_call") DONE,
     START "call0(call_x1_0_0,f) args0({}) end0 finish(tool_calls) done ", FED_WHOLE},
    {"a custom call",
     CALLS("{\"index\":0,\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"sql\",\"input\":\"\"}}")
         CALLS("{\"index\":0,\"custom\":{\"input\":\"select 1\"}}") FINISH("tool_calls") DONE,
     START "call0(a,sql,custom) args0(select 1) end0 finish(tool_calls) done ", FED_WHOLE},
    {"two choices",
     CHUNK("[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":{\"content\":\"b\"}}]") FINISH("stop")
         CHUNK("[{\"index\":1,\"delta\":{},\"finish_reason\":\"length\"}]") DONE,
     START "text(a) 1:text(b) finish(stop) 1:finish(length) done ", FED_WHOLE},
    {"one of two choices cut",
     CHUNK("[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":{\"content\":\"b\"}}]") FINISH("stop"),
     START "text(a) 1:text(b) ", FED_CUT},
    {"refusal", DELTA("\"refusal\":\"I can't.\"") FINISH("stop") DONE, START "refusal(I can't.) finish(stop) done ",
     FED_WHOLE},
    {"logprobs",
     CHUNK(
         "[{\"index\":0,\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-1e-05}]"
         "},\"finish_reason\":\"stop\"}]") DONE,
     START "text(a) logprobs([{\"token\":\"a\",\"logprob\":-1e-05}]) finish(stop) done ", FED_WHOLE},
    {"annotations",
     DELTA("\"content\":\"a\"") DELTA("\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"u\","
                                      "\"title\":\"t\",\"start_index\":0,\"end_index\":1}}]") FINISH("stop") DONE,
     START "text(a) cite(u,t,0,1) finish(stop) done ", FED_WHOLE},
    {"citations in every chunk",
     HEAD
     "[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"citations\":[\"u1\"]}\n\n" HEAD
     "[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}],\"citations\":[\"u1\",\"u2\"]}\n\n" DONE,
     START "text(a) text(b) cite(u1,,-1,-1) cite(u2,,-1,-1) finish(stop) done ", FED_WHOLE},
    {"images",
     DELTA("\"images\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}]")
         FINISH("stop") DONE,
     START "image(image/png,AAAA,) finish(stop) done ", FED_WHOLE},
    {"audio",
     DELTA("\"audio\":{\"id\":\"audio_1\"}") DELTA("\"audio\":{\"data\":\"QUJD\"}")
         DELTA("\"audio\":{\"transcript\":\"hi\"}") DELTA("\"audio\":{\"expires_at\":1}") FINISH("stop") DONE,
     START "audio(audio/wav,QUJD,) audio(audio/wav,,hi) finish(stop) done ", FED_WHOLE},
    {"an unknown finish", DELTA("\"content\":\"a\"") FINISH("weird") DONE, START "text(a) finish(other) done ",
     FED_WHOLE},
    {"eos, model_length", DELTA("\"content\":\"a\"") FINISH("model_length") DONE, START "text(a) finish(length) done ",
     FED_WHOLE},
    {"finish error", DELTA("\"content\":\"a\"") FINISH("insufficient_system_resource") DONE,
     START "text(a) error(0,server_error,insufficient_system_resource,The provider ended the answer with an error.) ",
     FED_CUT},
    {"an error object",
     ROLE "data: {\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"param\":null,\"code\":null}}"
          "\n\n" DONE,
     START "error(0,server_error,,no) ", FED_CUT},
    {"an error with a number, beside choices",
     ROLE HEAD "[],\"error\":{\"code\":502,\"message\":\"no\",\"metadata\":{}}}\n\n" DONE, START "error(502,,502,no) ",
     FED_CUT},
    {"an error as the first event, as a text", "data: {\"code\":\"x\",\"error\":\"no\"}\n\n" DONE, "error(0,,x,no) ",
     FED_CUT},
    {"an error event", "event: error\ndata: {\"message\":\"no\"}\n\n", "error(0,,,no) ", FED_CUT},
    {"an error event that is no JSON", "event: error\ndata: upstream \"died\"\n\n",
     "error(0,server_error,,upstream \\\"died\\\") ", FED_CUT},
    {"an error in a list", "data: [{\"error\":{\"code\":429,\"message\":\"no\",\"status\":\"X\"}}]\n\n",
     "error(429,,429,no) ", FED_CUT},
    {"Mistral's error",
     "data: {\"object\":\"error\",\"message\":\"no\",\"type\":\"t\",\"param\":null,\"code\":\"1300\",\"raw_status_code\":429}"
     "\n\n",
     "error(429,t,1300,no) ", FED_CUT},
    {"FastAPI's error", "data: {\"detail\":[{\"loc\":[\"a\"],\"msg\":\"no\",\"type\":\"t\"}]}\n\n",
     "error(0,invalid_request_error,,no) ", FED_CUT},
    {"an error in the choice",
     HEAD
     "[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\",\"error\":{\"code\":500,\"message\":\"no\""
     "}}]}\n\n" DONE,
     START "error(500,,500,no) ", FED_CUT},
    {"Groq's error", ROLE HEAD "[],\"x_groq\":{\"error\":\"no\"}}\n\n" DONE, START "error(0,,,no) ", FED_CUT},
    {"a whole answer as the only event",
     HEAD
     "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n" DONE,
     START "text(Hi) finish(stop) done ", FED_WHOLE},
    {"comments, CRLF, no blank behind the colon",
     ": PROCESSING\r\n\r\ndata:{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"},"
     "\"finish_reason\":\"stop\"}]}\r\n\r\ndata:[DONE]\r\n\r\n",
     START "text(a) finish(stop) done ", FED_WHOLE},
    {"ids past the choices of n", CHUNK("[{\"index\":128,\"delta\":{\"content\":\"a\"}}]"), START, FED_BROKEN},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_case c;
        chat_case_init(&c, "anthropic", "openai", "compatible", "some-model");
        const struct neutral_sink to = chat_case_sink(&c);
        enum chat_fed fed = chat_case_feed(&c, sl_str_c(rows[i].stream), 0, &to);
        struct sl_str log = sl_buf_str(&c.log);
        if (fed != rows[i].fed || !sl_str_eq(log, sl_str_c(rows[i].events)))
            fail_msg("%s:\n  got  %d " SL_STR_FMT "\n  want %d %s", rows[i].name, fed, SL_STR_ARG(log), rows[i].fed,
                     rows[i].events);
        assert_true(c.starts <= 1);
        chat_case_done(&c);
    }
}

/* Law (h): no cut of the bytes looks like a whole answer, but one behind all that counts. And any slices give the same. */
static void test_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str whole = sl_str_c(rows[i].stream);
        for (size_t n = 0; n <= whole.n; n++) {
            struct chat_case c;
            chat_case_init(&c, "anthropic", "openai", "compatible", "some-model");
            const struct neutral_sink to = chat_case_sink(&c);
            struct sl_str head = sl_str_head(whole, n);
            enum chat_fed fed = chat_case_feed(&c, head, 1 + n % 7, &to);
            bool ended = sl_str_find_str(head, SL_STR("[DONE]")) >= 0 ||
                         sl_str_find_str(head, SL_STR("\"finish_reason\":\"")) >= 0;
            if (fed == FED_WHOLE && !ended)
                fail_msg("%s cut at %zu is whole", rows[i].name, n);
            if (n == whole.n && !sl_str_eq(sl_buf_str(&c.log), sl_str_c(rows[i].events)))
                fail_msg("%s differs in slices", rows[i].name);
            chat_case_done(&c);
        }
    }
}

/* -- What clients get ------------------------------------------------------------------------------------------------------------ */

#define OUT_HEAD                                                                                                       \
    "data: {\"id\":\"chatcmpl-x1\",\"object\":\"chat.completion.chunk\",\"created\":1795000000,\"model\":\"alias\","   \
    "\"choices\":["
#define OUT(delta, finish)                                                                                             \
    OUT_HEAD "{\"index\":0,\"delta\":{" delta "},\"logprobs\":null,\"finish_reason\":" finish "}],\"usage\":null}\n\n"
#define OUT_ROLE OUT("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null", "null")
#define OUT_USAGE(p, c, t)                                                                                             \
    OUT_HEAD "],\"usage\":{\"prompt_tokens\":" p ",\"completion_tokens\":" c ",\"total_tokens\":" t                    \
             ",\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0,\"cache_write_tokens\":0},"           \
             "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"                               \
             "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}\n\n"

static void expect_relay(const char *in, const char *out)
{
    struct chat_case c;
    chat_case_init(&c, "openai", "openai", "compatible", "some-model");
    c.req.include_usage = SAID_YES;
    assert_int_equal(chat_case_relay(&c, sl_str_c(in), 0), FED_WHOLE);
    struct sl_str got = sl_buf_str(&c.out);
    if (!sl_str_eq(got, sl_str_c(out)))
        fail_msg("got\n" SL_STR_FMT "want\n%s", SL_STR_ARG(got), out);
    chat_case_done(&c);
}

static void test_shape(void **state)
{
    (void)state;
    expect_relay(ROLE DELTA("\"content\":\"Hi\"") FINISH("stop") USAGE(U_9_5) DONE,
                 OUT_ROLE OUT("\"content\":\"Hi\"", "null") OUT("", "\"stop\"") OUT_USAGE("9", "5", "14") DONE);
    expect_relay(
        CALLS(CALL("3", "a", "f", "")) CALLS(CALL("5", "b", "g", "{}")) FINISH("stop") USAGE(U_9_5) DONE,
        OUT_ROLE OUT("\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                     "\"arguments\":\"\"}}]",
                     "null") OUT("\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{"
                                 "\"name\":\"g\",\"arguments\":\"\"}}]",
                                 "null")
            OUT("\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]", "null")
                OUT("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]", "null")
                    OUT("", "\"tool_calls\"") OUT_USAGE("9", "5", "14") DONE);
}

/* A chat client of functions (the form before tools) gets its one call as function_call. */
static void test_legacy(void **state)
{
    (void)state;
    struct chat_case c;
    chat_case_init(&c, "openai", "openai", "compatible", "some-model");
    c.req.legacy_functions = true;
    assert_int_equal(chat_case_relay(&c, SL_STR(CALLS(CALL("0", "a", "f", "{}")) FINISH("tool_calls") DONE), 0),
                     FED_WHOLE);
    struct sl_str got = sl_buf_str(&c.out);
    assert_true(sl_str_find_str(got, SL_STR("\"delta\":{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}")) > 0);
    assert_true(sl_str_find_str(got, SL_STR("\"delta\":{\"function_call\":{\"arguments\":\"{}\"}}")) > 0);
    assert_true(sl_str_find_str(got, SL_STR("\"finish_reason\":\"function_call\"")) > 0);
    assert_true(sl_str_find_str(got, SL_STR("tool_calls")) < 0);
    assert_true(sl_str_find_str(got, SL_STR("usage")) < 0); /* nobody asked */
    chat_case_done(&c);
}

/* Whole answers as some servers make them (recorded, 2025 and 2026): text, finish, counts. */
static void test_whole_answers(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *events;
    } cases[] = {
        /* Perplexity: an empty delta beside the message */
        {"{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"message\":{\"content\":\"Hi\"},"
         "\"finish_reason\":\"stop\"}]}",
         "text(Hi)"},
        /* Cloudflare: the JSON that was asked for, as a value */
        {"{\"choices\":[{\"index\":0,\"message\":{\"content\":{\"a\": 1}},\"finish_reason\":\"stop\"}]}",
         "text({\\\"a\\\": 1})"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_case c;
        chat_case_init(&c, "openai", "openai", "compatible", "some-model");
        const struct neutral_sink to = chat_case_sink(&c);
        assert_true(openai_chat_codec.answer_read(&c.t, sl_str_c(cases[i].answer), &to));
        if (sl_str_find_str(sl_buf_str(&c.log), sl_str_c(cases[i].events)) < 0)
            fail_msg("no %s in " SL_STR_FMT, cases[i].events, SL_STR_ARG(sl_buf_str(&c.log)));
        chat_case_done(&c);
    }
}

/* -- Law (b): the assembled stream is the whole answer ------------------------------------------------------------------------------ */

static struct sl_str as_answer(struct chat_case *c)
{
    struct sl_buf out;
    sl_buf_init(&out, 1u << 20);
    c->t.face->codec->answer_write(&c->t, neutral_collected(c->collector), &out);
    struct sl_str s = sl_arena_str(&c->a, sl_buf_str(&out));
    sl_buf_done(&out);
    return s;
}

static void test_assembled(void **state)
{
    (void)state;
    unsigned tried = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_case first, again;
        chat_case_init(&first, "openai", "openai", "compatible", "some-model");
        chat_case_init(&again, "openai", "openai", "compatible", "some-model");
        first.req.include_usage = again.req.include_usage = SAID_YES;
        bool media = strstr(rows[i].events, "audio(") != NULL; /* whose pieces are one part each */
        if (rows[i].fed == FED_WHOLE && !media && chat_case_relay(&first, sl_str_c(rows[i].stream), 0) == FED_WHOLE) {
            struct sl_str whole = as_answer(&first);
            const struct neutral_sink to = chat_case_sink(&again); /* what our own stream says */
            assert_int_equal(chat_case_feed(&again, sl_buf_str(&first.out), 5, &to), FED_WHOLE);
            struct chat_case plain; /* and what our own whole answer says */
            chat_case_init(&plain, "openai", "openai", "compatible", "some-model");
            const struct neutral_sink plain_to = chat_case_sink(&plain);
            assert_true(openai_chat_codec.answer_read(&plain.t, whole, &plain_to));
            struct sl_str a = as_answer(&again), b = as_answer(&plain);
            if (!sl_str_eq(a, b))
                fail_msg("%s:\n  stream " SL_STR_FMT "\n  whole  " SL_STR_FMT, rows[i].name, SL_STR_ARG(a),
                         SL_STR_ARG(b));
            chat_case_done(&plain);
            tried++;
        }
        chat_case_done(&first);
        chat_case_done(&again);
    }
    assert_true(tried > 30);
}

/* -- Stop sequences that the provider does not take ---------------------------------------------------------------------------------- */

static void expect_stop(const char *stream, const char *events)
{
    static struct sl_str stops[] = {SL_STR_INIT("END"), SL_STR_INIT("a\\nb"), SL_STR_INIT("\\u00e9t\\u00e9")};
    struct chat_case c;
    chat_case_init(&c, "anthropic", "openai", "", "gpt-5");
    c.req.stops = stops;
    c.req.n_stops = 3;
    c.t.stops_kept_back = 3;
    const struct neutral_sink to = chat_case_sink(&c);
    assert_int_equal(chat_case_feed(&c, sl_str_c(stream), 0, &to), FED_WHOLE);
    assert_string_equal(sl_arena_cstr(&c.a, sl_buf_str(&c.log)), events);
    chat_case_done(&c);
}

static void test_stops(void **state)
{
    (void)state;
    expect_stop(DELTA("\"content\":\"one EN\"") DELTA("\"content\":\"D two\"") DELTA("\"content\":\"three\"")
                    FINISH("stop") DONE,
                START "text(one ) finish(stop_sequence,END) done ");
    expect_stop(DELTA("\"content\":\"one EN\"") DELTA("\"content\":\"Ough\"") FINISH("length") DONE,
                START "text(one ) text(ENOugh) finish(length) done ");
    expect_stop(DELTA("\"content\":\"one EN\"") FINISH("stop") DONE, START "text(one ) text(EN) finish(stop) done ");
    expect_stop(DELTA("\"content\":\"xa\\n\"") DELTA("\"content\":\"b\"") CALLS(CALL("0", "i", "f", "{}"))
                    FINISH("tool_calls") DONE,
                START "text(x) finish(stop_sequence,a\\nb) done ");
    expect_stop(DELTA("\"content\":\"\\\\END\"") FINISH("stop") DONE,
                START "text(\\\\) finish(stop_sequence,END) done ");
    expect_stop(DELTA("\"content\":\"un \xc3\xa9t\"") DELTA("\"content\":\"\\u00e9!\"") FINISH("stop") DONE,
                START "text(un ) finish(stop_sequence,\\u00e9t\\u00e9) done ");
}

/* A function that stands for a free-form tool: its one member is the input. */
static void test_wrapped(void **state)
{
    (void)state;
    static const struct sl_str wrapped[] = {SL_STR_INIT("patch")};
    struct chat_case c;
    chat_case_init(&c, "openai-responses", "openai", "compatible", "some-model");
    c.t.wrapped = wrapped;
    c.t.n_wrapped = 1;
    const struct neutral_sink to = chat_case_sink(&c);
    struct sl_str stream = SL_STR(CALLS(CALL("0", "a", "patch", "{\\\"inp")) CALLS(ARGS("0", "ut\\\": \\\"x\\\\n\\\"}"))
                                      FINISH("tool_calls") DONE);
    assert_int_equal(chat_case_feed(&c, stream, 0, &to), FED_WHOLE);
    assert_string_equal(sl_arena_cstr(&c.a, sl_buf_str(&c.log)),
                        START "call0(a,patch,custom) args0(x\\n) end0 finish(tool_calls) done ");
    chat_case_done(&c);
}

/* -- Writing any order of events -------------------------------------------------------------------------------------------------------- */

static void test_any_order(void **state)
{
    (void)state;
    struct chat_case c;
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 2000; round++) {
        chat_case_init(&c, "openai", "anthropic", "", "claude-opus-4-6");
        c.req.include_usage = SAID_YES;
        void *w = openai_chat_codec.stream_write_begin(&c.t, &c.out);
        for (int i = 0; i < 24; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            struct neutral_event e = {.kind = (enum neutral_event_kind)(seed % (NE_DONE + 1))};
            e.choice = (uint32_t)(seed >> 8) % 3;
            e.call = (uint32_t)(seed >> 16) % 3;
            e.block = (uint32_t)(seed >> 24) % 3;
            e.text = (seed >> 32) % 3 > 0 ? SL_STR("t") : SL_STR_NONE;
            e.id = SL_STR("i");
            e.name = SL_STR("f");
            e.custom = (seed >> 40) % 2 > 0;
            e.is_audio = (seed >> 41) % 2 > 0;
            e.citation.url = SL_STR("u");
            e.raw = SL_STR("[{}]");
            e.usage.found = true;
            e.finish = FINISH_STOP;
            openai_chat_codec.stream_write(w, &e);
        }
        openai_chat_codec.stream_write_end(w);
        struct chat_case back;
        chat_case_init(&back, "anthropic", "openai", "compatible", "m");
        const struct neutral_sink to = chat_case_sink(&back);
        assert_int_equal(chat_case_feed(&back, sl_buf_str(&c.out), 0, &to), FED_WHOLE);
        assert_true(back.finishes >= 1 && back.finishes <= 3);
        assert_true(sl_str_ends(sl_buf_str(&c.out), SL_STR("data: [DONE]\n\n")));
        chat_case_done(&back);
        chat_case_done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_cuts),          cmocka_unit_test(test_shape),
        cmocka_unit_test(test_legacy), cmocka_unit_test(test_whole_answers), cmocka_unit_test(test_assembled),
        cmocka_unit_test(test_stops),  cmocka_unit_test(test_wrapped),       cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
