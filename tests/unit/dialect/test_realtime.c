/* What messages of the Realtime API say, in the words of the GA and of the beta interface (openai.md section 18). */
#include "dialect/realtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct realtime_event server(const char *text)
{
    struct realtime_event e;
    realtime_look_server(sl_str_c(text), &e);
    return e;
}

static struct realtime_event client(const char *text)
{
    struct realtime_event e;
    realtime_look_client(sl_str_c(text), &e);
    return e;
}

static bool is(struct sl_str got, const char *want)
{
    return sl_str_eq(got, sl_str_c(want));
}

static void kinds(void **state)
{
    static const struct {
        const char *text;
        enum realtime_kind kind;
        size_t delta;
    } rows[] = {
        {"{\"type\":\"response.output_text.delta\",\"response_id\":\"r\",\"delta\":\"abc\"}", RT_TEXT, 3},
        {"{\"response_id\":\"r\",\"delta\":\"abc\",\"type\":\"response.text.delta\"}", RT_TEXT, 3},
        {"{\"type\":\"response.audio_transcript.delta\",\"delta\":\"\\u00e4\"}", RT_TEXT, 6},
        {"{\"type\":\"response.output_audio_transcript.delta\",\"delta\":\"\"}", RT_TEXT, 0},
        {"{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{\"}", RT_TEXT, 1},
        {"{\"type\":\"response.output_audio.delta\",\"delta\":\"AAAA\"}", RT_AUDIO, 4},
        {"{\"type\":\"response.audio.delta\",\"delta\":\"AAAA\"}", RT_AUDIO, 4},
        {"{\"type\":\"response.\\u0063reated\",\"response\":{\"id\":\"r\"}}", RT_CREATED, 0},
        {"{\"type\":\"response.done\"}", RT_DONE, 0},
        {"{\"type\":\"rate_limits.updated\"}", RT_OTHER, 0},
        {"{\"type\":7}", RT_OTHER, 0},
        {"{\"type\":\"response.done\",\"type\":\"x\"}", RT_OTHER, 0},
        {"[\"type\",\"response.done\"]", RT_OTHER, 0},
        {"{\"type\":\"response.done\"", RT_OTHER, 0},
        {"", RT_OTHER, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct realtime_event e = server(rows[i].text);
        if (e.kind != rows[i].kind || e.delta != rows[i].delta)
            fail_msg("%s: kind %d, delta %zu", rows[i].text, (int)e.kind, e.delta);
    }
    struct realtime_event e = client("{\"event_id\":\"mine\",\"type\":\"response.create\"}");
    assert_true(e.kind == RT_CREATE && is(e.id, "mine"));
    e = client("{\"type\":\"input_audio_buffer.append\",\"audio\":\"AAAAAAAA\"}");
    assert_true(e.kind == RT_AUDIO && e.delta == 8);
    assert_true(client("{\"type\":\"response.done\"}").kind == RT_OTHER);
    assert_true(client("response.create").kind == RT_OTHER);
}

static void usage(void **state)
{
    (void)state;
    /* the example of openai.md 18.5, with some of the cached tokens sound */
    struct realtime_event e =
        server("{\"type\":\"response.done\",\"response\":{\"status\":\"completed\",\"id\":\"resp_1\",\"usage\":{"
               "\"total_tokens\":253,\"input_tokens\":132,\"output_tokens\":121,\"input_token_details\":{"
               "\"text_tokens\":119,\"audio_tokens\":13,\"image_tokens\":0,\"cached_tokens\":64,"
               "\"cached_tokens_details\":{\"text_tokens\":60,\"audio_tokens\":4,\"image_tokens\":0}},"
               "\"output_token_details\":{\"text_tokens\":30,\"audio_tokens\":91}}}}");
    const struct token_counts *u = &e.usage;
    assert_true(e.kind == RT_DONE && is(e.response, "resp_1") && is(e.status, "completed"));
    assert_true(u->found && !u->bad && !u->unknown);
    assert_true(u->prompt == 132 && u->completion == 121 && u->total == 253 && u->cached == 64);
    assert_true(u->audio_prompt == 9 && u->image_prompt == 0 && u->audio_completion == 91);
    assert_false(server("{\"type\":\"response.done\",\"response\":{\"usage\":null}}").usage.found);
    assert_true(server("{\"type\":\"response.done\",\"response\":{\"usage\":{\"input_tokens\":-1}}}").usage.bad);
    assert_true(server("{\"type\":\"response.done\",\"response\":{\"usage\":{\"new_tokens\":1}}}").usage.unknown);
}

#define TRANSCRIBED(usage)                                                                                             \
    "{\"type\":\"conversation.item.input_audio_transcription.completed\",\"item_id\":\"i\",\"transcript\":\"x\","      \
    "\"usage\":" usage "}"

static void transcriptions(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
        bool bad;
    } rows[] = {
        {TRANSCRIBED("{\"type\":\"duration\",\"seconds\":3}"), 3000, false},
        {TRANSCRIBED("{\"type\":\"duration\",\"seconds\":0.5}"), 500, false},
        {TRANSCRIBED("{\"type\":\"duration\",\"seconds\":1.2345}"), 1235, false},
        {TRANSCRIBED("{\"type\":\"duration\",\"seconds\":1e3}"), 0, true},
        {TRANSCRIBED("{\"type\":\"duration\",\"seconds\":-1}"), 0, true},
        {TRANSCRIBED("{\"type\":\"duration\",\"seconds\":99999999999999999999}"), 0, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct realtime_event e = server(rows[i].text);
        if (e.kind != RT_TRANSCRIBED || e.usage_ms != rows[i].ms || e.usage.bad != rows[i].bad)
            fail_msg("%s: %llu ms, bad %d", rows[i].text, (unsigned long long)e.usage_ms, e.usage.bad);
    }
    struct realtime_event e = server(TRANSCRIBED("{\"type\":\"tokens\",\"total_tokens\":22,\"input_tokens\":13,"
                                                 "\"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":13},"
                                                 "\"output_tokens\":9}"));
    assert_true(e.usage.prompt == 13 && e.usage.audio_prompt == 13 && e.usage.completion == 9 && e.usage_ms == 0);
    assert_true(
        is(server("{\"type\":\"session.updated\",\"session\":{\"audio\":{\"input\":{\"transcription\":{\"model\":"
                  "\"whisper-1\"}}}}}")
               .model,
           "whisper-1"));
    assert_true(
        is(server("{\"type\":\"session.created\",\"session\":{\"input_audio_transcription\":{\"model\":\"w\"}}}").model,
           "w"));
    assert_int_equal(
        server("{\"type\":\"session.created\",\"session\":{\"audio\":{\"input\":{\"transcription\":null}}}}").model.n,
        0);
}

static void errors(void **state)
{
    struct sl_arena a;
    (void)state;
    sl_arena_init(&a, NULL);
    const struct error_facts f = {.error = GE_RATE_LIMITED, .message = SL_STR("\"slow\" down")};
    struct sl_str text = realtime_error(&a, SL_STR("1"), &f, &(struct realtime_event){.id = SL_STR("mine")});
    struct realtime_event e;
    realtime_look_server(text, &e);
    assert_true(e.kind == RT_ERROR && is(e.cause, "mine") && is(e.id, "event_1"));
    assert_true(is(e.error.code, "rate_limit_exceeded") && is(e.error.message, "\\\"slow\\\" down"));
    realtime_look_server(realtime_error(&a, SL_STR("1"), &f, NULL), &e);
    assert_true(e.kind == RT_ERROR && e.cause.n == 0);
    sl_arena_done(&a);
}

/* -- Responses over a WebSocket --------------------------------------------------------------------------------------- */

static void responses_kinds(void **state)
{
    static const struct {
        const char *text;
        enum realtime_kind kind;
        const char *response, *lane, *status;
        size_t delta;
    } rows[] = {
        {"{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"usage\":null}}",
         RT_CREATED, "resp_1", "", "", 0},
        {"{\"stream_id\":\"a\",\"delta\":\"four\",\"type\":\"response.output_text.delta\"}", RT_TEXT, "", "a", "", 4},
        {"{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{\\\"\"}", RT_TEXT, "", "", "", 3},
        {"{\"type\":\"response.output_item.added\",\"item\":{\"id\":\"x\"}}", RT_OTHER, "", "", "", 0},
        {"{\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"error\":{\"code\":\"c\"}}}", RT_DONE, "r", "",
         "failed", 0},
        {"{\"type\":\"response.incomplete\",\"response\":{\"id\":\"r\"}}", RT_DONE, "r", "", "incomplete", 0},
        {"{\"type\":\"response.steer.accepted\",\"steer\":{\"id\":\"s\"}}", RT_OTHER, "", "", "", 0},
        {"{\"type\":\"error\",\"status\":400,\"error\":{\"code\":\"c\"},\"stream_id\":\"b\"}", RT_ERROR, "", "b", "",
         0},
        {"{\"type\":\"response\\u002ecompleted\",\"response\":{\"id\":\"r\"}}", RT_DONE, "r", "", "completed", 0},
        {"[1]", RT_OTHER, "", "", "", 0},
        {"{\"type\":\"response.created\"", RT_OTHER, "", "", "", 0},
        {"", RT_OTHER, "", "", "", 0},
    };
    struct realtime_event e;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        responses_look_server(sl_str_c(rows[i].text), &e);
        if (e.kind != rows[i].kind || !is(e.response, rows[i].response) || !is(e.lane, rows[i].lane) ||
            !is(e.status, rows[i].status) || e.delta != rows[i].delta)
            fail_msg("%s: kind %d, %zu", rows[i].text, e.kind, e.delta);
    }
    responses_look_server(
        SL_STR("{\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":9,"
               "\"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":7,\"output_tokens_details\":{"
               "\"reasoning_tokens\":2},\"total_tokens\":16}}}"),
        &e);
    assert_true(e.usage.found && !e.usage.bad && e.usage.prompt == 9 && e.usage.cached == 4 &&
                e.usage.completion == 7 && e.usage.reasoning == 2);
    responses_look_client(SL_STR("{\"model\":\"m\",\"stream_id\":\"l\",\"type\":\"response.create\"}"), &e);
    assert_true(e.kind == RT_CREATE && is(e.lane, "l") && is(e.model, "m"));
    responses_look_client(SL_STR("{\"type\":\"response.processed\"}"), &e);
    assert_int_equal(e.kind, RT_OTHER);
}

static void responses_errors(void **state)
{
    static const struct {
        enum gateway_error error;
        const char *code;
        const char *status;
    } rows[] = {
        {GE_RATE_LIMITED, "rate_limit_exceeded", "\"status\":429,"},
        {GE_UPGRADE, "upgrade_not_served", "\"status\":426,"},
        {GE_SESSION_LONG, "websocket_connection_limit_reached", "\"status\":400,"},
        {GE_SESSION_ELSEWHERE, "websocket_connection_limit_reached", "\"status\":400,"},
    };
    struct realtime_event e, about = {.lane = SL_STR("a\\\"b")};
    struct sl_arena a;
    (void)state;
    sl_arena_init(&a, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct error_facts f = {.error = rows[i].error, .param = SL_STR("model"), .message = SL_STR("\"no\"")};
        struct sl_str text = responses_error(&a, SL_STR("1"), &f, i > 0 ? NULL : &about);
        responses_look_server(text, &e);
        assert_true(e.kind == RT_ERROR && is(e.error.code, rows[i].code) && is(e.error.message, "\\\"no\\\"") &&
                    is(e.error.param, "model") && sl_str_find_str(text, sl_str_c(rows[i].status)) >= 0);
        assert_true(i > 0 ? e.lane.n == 0 : sl_str_eq(e.lane, about.lane));
    }
    struct sl_str text = responses_error_of(&a, 429, SL_STR(" {\"x\":1,\"error\":{\"code\":\"slow\"}}"));
    responses_look_server(text, &e);
    assert_true(e.kind == RT_ERROR && is(e.error.code, "slow"));
    assert_int_equal(responses_error_of(&a, 500, SL_STR("<html>")).n, 0);
    assert_int_equal(responses_error_of(&a, 500, SL_STR("{\"error\":\"text\"}")).n, 0);
    assert_true(session_words_of(OP_RESPONSES_SOCKET)->opens && !session_words_of(OP_REALTIME)->opens);
    sl_arena_done(&a);
}

static void live_clients(void **state)
{
    static const struct {
        const char *text;
        enum realtime_kind kind;
        const char *model;
        bool unsure;
    } rows[] = {
        {"{\"setup\":{\"model\":\"models/x\",\"tools\":[]}}", RT_SETUP, "models/x", false},
        {"{\"setup\":{}}", RT_SETUP, "", false},
        {"{\"setup\":{\"model\":\"a\"},\"setup\":{\"model\":\"b\"}}", RT_SETUP, "", false},
        {"{\"clientContent\":{\"turns\":[],\"turnComplete\":true}}", RT_CREATE, "", false},
        {"{\"client_content\":{\"turn_complete\":true}}", RT_CREATE, "", false},
        {"{\"clientContent\":{\"turns\":[],\"turnComplete\":false}}", RT_TEXT, "", false},
        {"{\"clientContent\":{\"turns\":[{\"turnComplete\":true}]}}", RT_TEXT, "", false},
        {"{\"realtimeInput\":{\"text\":\"hi\"}}", RT_CREATE, "", true},
        {"{\"realtime_input\":{\"activity_end\":{}}}", RT_CREATE, "", true},
        {"{\"realtimeInput\":{\"audio\":{\"data\":\"AAAA\"}}}", RT_AUDIO, "", true},
        {"{\"toolResponse\":{\"functionResponses\":[]}}", RT_RESULT, "", false},
        {"{\"tool_response\":{}}", RT_RESULT, "", false},
        {"[]", RT_OTHER, "", false},
        {"{", RT_OTHER, "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct realtime_event e;
        live_look_client(sl_str_c(rows[i].text), &e);
        if (e.kind != rows[i].kind || !is(e.model, rows[i].model) || e.unsure != rows[i].unsure)
            fail_msg("%s: %d", rows[i].text, (int)e.kind);
    }
}

static void live_servers(void **state)
{
    struct realtime_event e;
    (void)state;
    live_look_server(SL_STR("{\"setupComplete\":{}}"), &e);
    assert_int_equal(e.kind, RT_OTHER);
    live_look_server(SL_STR("{\"goAway\":{\"timeLeft\":\"10s\"}}"), &e);
    assert_int_equal(e.kind, RT_OTHER);
    live_look_server(SL_STR("{\"serverContent\":{\"interrupted\":true}}"), &e);
    assert_int_equal(e.kind, RT_OTHER);
    live_look_server(
        SL_STR("{\"serverContent\":{\"modelTurn\":{\"parts\":[{\"text\":\"abc\"},{\"inlineData\":{\"mimeType\":"
               "\"audio/pcm\",\"data\":\"AAAAAAAA\"}}]}}}"),
        &e);
    assert_int_equal(e.kind, RT_PIECE);
    assert_int_equal(e.delta, 3);
    assert_int_equal(e.audio, 8);
    assert_false(e.ends || e.usage.found);
    live_look_server(
        SL_STR("{\"serverContent\":{\"turnComplete\":true},\"usageMetadata\":{\"promptTokenCount\":522,"
               "\"responseTokenCount\":200,\"totalTokenCount\":722,\"thoughtsTokenCount\":136,"
               "\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":332},{\"modality\":\"AUDIO\","
               "\"tokenCount\":165}],\"responseTokensDetails\":[{\"modality\":\"AUDIO\",\"tokenCount\":200}]}}"),
        &e);
    assert_int_equal(e.kind, RT_PIECE);
    assert_true(e.ends && e.usage.found && !e.usage.bad);
    assert_int_equal(e.usage.prompt, 522);
    assert_int_equal(e.usage.audio_prompt, 165);
    assert_int_equal(e.usage.completion,
                     336); /* thoughts are beside the response, also where the sums would fit otherwise */
    assert_int_equal(e.usage.reasoning, 136);
    assert_int_equal(e.usage.audio_completion, 200);
}

static void live_closes(void **state)
{
    (void)state;
    assert_int_equal(live_close_error(1007, SL_STR("Unsupported modality")).status, 400);
    assert_int_equal(live_close_error(1008, SL_STR("models/x is not found for API version v1beta")).status, 404);
    assert_int_equal(live_close_error(1011, SL_STR("You exceeded your current quota")).status, 429);
    assert_int_equal(live_close_error(1011, SL_STR("Internal error")).status, 500);
    assert_int_equal(live_close_error(1001, SL_STR_NONE).status, 503);
}

static void transcription_sessions(void **state)
{
    static const struct {
        const char *text;
        enum realtime_kind kind;
        const char *model;
    } rows[] = {
        {"{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"transcription\":{\"model\":\"m\"}}}}}",
         RT_SETUP, "m"},
        {"{\"type\":\"transcription_session.update\",\"session\":{\"input_audio_transcription\":{\"model\":\"m\"}}}",
         RT_SETUP, "m"},
        {"{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"transcription\":{\"model\":\"m\"}}},"
         "\"input_audio_transcription\":{\"model\":\"n\"}}}",
         RT_SETUP, ""},
        {"{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"turn_detection\":null}}}}", RT_OTHER, ""},
        {"{\"type\":\"input_audio_buffer.append\",\"audio\":\"AAAA\"}", RT_AUDIO, ""},
        {"{\"type\":\"input_audio_buffer.commit\"}", RT_COMMIT, ""},
        {"{\"type\":\"session.update\",\"type\":\"x\"}", RT_SETUP, ""},
    };
    struct realtime_event e;
    struct sl_arena a;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        transcription_look_client(sl_str_c(rows[i].text), &e);
        if (e.kind != rows[i].kind || !is(e.model, rows[i].model))
            fail_msg("%s: %d", rows[i].text, (int)e.kind);
    }
    sl_arena_init(&a, NULL);
    transcription_look_client(transcription_setup_of(&a, SL_STR("a\"b")), &e);
    assert_true(e.kind == RT_SETUP && is(e.model, "a\\\"b"));
    assert_true(sl_str_starts(transcription_setup(&a, SL_STR("{\"type\":\"transcription\"}")),
                              SL_STR("{\"type\":\"session.update\"")));
    assert_true(
        sl_str_starts(transcription_setup(&a, SL_STR("{}")), SL_STR("{\"type\":\"transcription_session.update\"")));
    realtime_look_server(transcription_greeting(&a, SL_STR("1")), &e);
    assert_true(e.kind == RT_SESSION && e.opening);
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),           cmocka_unit_test(usage),
        cmocka_unit_test(transcriptions),  cmocka_unit_test(errors),
        cmocka_unit_test(responses_kinds), cmocka_unit_test(responses_errors),
        cmocka_unit_test(live_clients),    cmocka_unit_test(live_servers),
        cmocka_unit_test(live_closes),     cmocka_unit_test(transcription_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
