/* Scripts of the simulated model, in all formats, and those that are none. */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct stub_world w;

#define SCRIPT                                                                                                         \
    "go [[sim [[{\\\"call\\\":\\\"a\\\",\\\"with\\\":{\\\"x\\\":\\\"]]\\\"}},{\\\"call\\\":\\\"b\\\"},\\\"both\\\"],"  \
    "{\\\"call\\\":\\\"a\\\",\\\"with\\\":{\\\"x\\\":\\\"2\\\"}},\\\"all done\\\"]]]"
#define SCHEMA "{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}"
#define CHAT_TOOL(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"parameters\":" SCHEMA "}}"
#define CHAT_USER(text) "{\"role\":\"user\",\"content\":\"" text "\"}"
#define CHAT(messages)                                                                                                 \
    "{\"model\":\"gpt-4o\",\"tools\":[" CHAT_TOOL("a") "," CHAT_TOOL("b") "],\"messages\":[" messages "]}"
#define CHAT_CALL(id, name)                                                                                            \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"{}\"}}"
#define CHAT_CALLED(calls) ",{\"role\":\"assistant\",\"tool_calls\":[" calls "]}"
#define CHAT_RESULT(id, text) ",{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" text "\"}"
#define ROUND_1 CHAT_CALLED(CHAT_CALL("1", "a") "," CHAT_CALL("2", "b")) CHAT_RESULT("1", "one") CHAT_RESULT("2", "two")
#define ROUND_2 CHAT_CALLED(CHAT_CALL("3", "a")) CHAT_RESULT("3", "three")

static void says(const char *path, const char *body, const char *const *wants)
{
    struct stub *c =
        stub_send(&w, path, "content-type: application/json\nanthropic-version: 2023-06-01\n", sl_str_c(body));
    yyjson_doc *d = stub_json(c);
    if (c->status != 200)
        fail_msg("%s: %d %.*s", body, c->status, SL_STR_ARG(sl_buf_str(&c->body)));
    for (; wants[0] != NULL; wants += 2) {
        if (strcmp(stub_text_at(d, wants[0]), wants[1]) != 0)
            fail_msg("%s of %s: %s is not %s", wants[0], body, stub_text_at(d, wants[0]), wants[1]);
    }
    yyjson_doc_free(d);
    stub_free(c);
}
#define SAYS(path, body, ...) says(path, body, (const char *const[]){__VA_ARGS__, NULL})

#define CHAT_PATH "/v1/chat/completions"
#define TEXT "/choices/0/message/content"
#define CALLED "/choices/0/message/tool_calls/"

static void test_turns(void **state)
{
    (void)state;
    SAYS(CHAT_PATH, CHAT(CHAT_USER(SCRIPT)), TEXT, "[simulated] both", CALLED "0/function/name", "a",
         CALLED "0/function/arguments", "{\"x\":\"]]\"}", CALLED "1/function/name", "b", CALLED "1/function/arguments",
         "{\"x\":\"simulated\"}");
    SAYS(CHAT_PATH, CHAT(CHAT_USER(SCRIPT) ROUND_1), CALLED "0/function/arguments", "{\"x\":\"2\"}",
         CALLED "1/function/name", "(none)", "/choices/0/finish_reason", "tool_calls");
    SAYS(CHAT_PATH, CHAT(CHAT_USER(SCRIPT) ROUND_1 ROUND_2), TEXT, "[simulated] all done results: \"three\"",
         CALLED "0/function/name", "(none)");
}

/* An agent's reminders have words like "call"; and when the script is over, so is its rule. */
static void test_other_texts(void **state)
{
    (void)state;
    SAYS(CHAT_PATH, CHAT(CHAT_USER("call b") "," CHAT_USER(SCRIPT) "," CHAT_USER("call b, if you like")),
         CALLED "0/function/name", "a", TEXT, "[simulated] both");
    SAYS(CHAT_PATH, CHAT(CHAT_USER(SCRIPT) ROUND_1 "," CHAT_USER("reminder: call b")), CALLED "0/function/name", "a");
    SAYS(CHAT_PATH,
         CHAT(CHAT_USER(SCRIPT) ROUND_1 ROUND_2
              ",{\"role\":\"assistant\",\"content\":\"all done\"}," CHAT_USER("call b")),
         CALLED "0/function/name", "b");
}

#define PLAIN(body) SAYS(CHAT_PATH, body, CALLED "0/function/name", "(none)", "/choices/0/finish_reason", "stop")

static void test_no_script(void **state)
{
    (void)state;
    PLAIN("{\"model\":\"gpt-4o\",\"messages\":[" CHAT_USER(SCRIPT) "]}"); /* a side question without tools */
    PLAIN("{\"model\":\"gpt-4o\",\"tools\":[" CHAT_TOOL("other") "],\"messages\":[" CHAT_USER(SCRIPT) "]}");
    PLAIN(CHAT(CHAT_USER("[[sim ")));
    PLAIN(CHAT(CHAT_USER("[[sim [[{\\\"call\\\":\\\"a\\\"")));
    PLAIN(CHAT(CHAT_USER("[[sim {\\\"call\\\":\\\"a\\\"}]]")));
    PLAIN(CHAT(CHAT_USER("[[sim []]]")));
    PLAIN(CHAT(CHAT_USER("[[sim [7,{\\\"call\\\":8}]]]")));
    PLAIN(CHAT(CHAT_USER("[[sim [{\\\"call\\\":{}}]]]")));
}

static void test_formats(void **state)
{
    (void)state;
    SAYS("/v1/messages",
         "{\"model\":\"claude-opus-4-6\",\"max_tokens\":900,\"tools\":[{\"name\":\"a\",\"input_schema\":" SCHEMA
         "},{\"name\":\"b\",\"input_schema\":" SCHEMA "}],\"messages\":[" CHAT_USER(SCRIPT) "]}",
         "/content/0/text", "[simulated] both", "/content/1/input/x", "]]", "/content/2/name", "b");
    SAYS("/v1beta/models/gemini-2.5-flash:generateContent",
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" SCRIPT
         "\"}]}],\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"},{\"name\":\"b\"}]}]}",
         "/candidates/0/content/parts/0/text", "[simulated] both", "/candidates/0/content/parts/1/functionCall/args/x",
         "]]", "/candidates/0/content/parts/2/functionCall/name", "b");
    SAYS("/v1/responses",
         "{\"model\":\"gpt-4o\",\"input\":\"" SCRIPT "\",\"tools\":[{\"type\":\"custom\",\"name\":\"a\"},"
         "{\"type\":\"function\",\"name\":\"b\",\"parameters\":" SCHEMA "}]}",
         "/output/0/content/0/text", "[simulated] both", "/output/1/type", "custom_tool_call", "/output/2/name", "b");
    SAYS("/v1/responses",
         "{\"model\":\"gpt-4o\",\"input\":\"[[sim [{\\\"call\\\":\\\"a\\\",\\\"with\\\":\\\"patch\\\"}]]]\",\"tools\":["
         "{\"type\":\"custom\",\"name\":\"a\"}]}",
         "/output/0/type", "custom_tool_call", "/output/0/input", "patch");
}

static int set_up(void **state)
{
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 7});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stub_world_close(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_script, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_formats, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
