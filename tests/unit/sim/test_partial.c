/* The simulated model goes on with the beginning of its own answer, in all formats, and with nobody else's words. */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct stub_world w;

#define GO_ON "Your last message was cut off. Go on with it exactly where it stops, in its language and form."
#define CHAT_PATH "/v1/chat/completions"
#define CHAT_TEXT "/choices/0/message/content"
#define MESSAGE(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define USER(text) MESSAGE("user", text)
#define MODEL(text) MESSAGE("assistant", text)
#define CHAT(messages) "{\"model\":\"gpt-4o\",\"messages\":[" messages "]}"
#define CLAUDE(messages) "{\"model\":\"claude-haiku-4-5\",\"max_tokens\":900,\"messages\":[" messages "]}"
#define PART(role, text) "{\"role\":\"" role "\",\"parts\":[{\"text\":\"" text "\"}]}"
#define WORDS                                                                                                          \
    "the quick brown fox jumps over a lazy dog while seven green birds sing very softly under old trees near calm water"
#define ALL "[simulated] " WORDS " at dawn the quick brown fox jumps over a"
#define CUT "[simulated] the quick"
#define REST                                                                                                             \
    " brown fox jumps over a lazy dog while seven green birds sing very softly under old trees near calm water at dawn " \
    "the quick brown fox jumps over a"

static void says(const char *path, const char *body, const char *at, const char *want)
{
    struct stub *c =
        stub_send(&w, path, "content-type: application/json\nanthropic-version: 2023-06-01\n", sl_str_c(body));
    yyjson_doc *d = stub_json(c);
    if (c->status != 200)
        fail_msg("%s: %d %.*s", body, c->status, SL_STR_ARG(sl_buf_str(&c->body)));
    if (strcmp(stub_text_at(d, at), want) != 0)
        fail_msg("%s of %s: '%s' is not '%s'", at, body, stub_text_at(d, at), want);
    yyjson_doc_free(d);
    stub_free(c);
}

static void test_formats(void **state)
{
    (void)state;
    says(CHAT_PATH, CHAT(USER("tell")), CHAT_TEXT, ALL);
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL(CUT)), CHAT_TEXT, REST);
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL(CUT) "," USER(GO_ON)), CHAT_TEXT, REST);
    says("/v1/messages", CLAUDE(USER("tell") "," MODEL(CUT)), "/content/0/text", REST);
    says("/v1/messages", CLAUDE(USER("tell") "," MODEL(CUT) "," USER(GO_ON)), "/content/0/text", REST);
    says("/v1/responses", "{\"model\":\"gpt-4o\",\"input\":[" USER("tell") "," MODEL(CUT) "," USER(GO_ON) "]}",
         "/output/0/content/0/text", REST);
    says("/v1beta/models/gemini-2.5-flash:generateContent",
         "{\"contents\":[" PART("user", "tell") "," PART("model", CUT) "," PART("user", GO_ON) "]}",
         "/candidates/0/content/parts/0/text", REST);
    says(
        "/model/amazon.nova-pro-v1:0/converse",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"tell\"}]},{\"role\":\"assistant\",\"content\":[{\"text\":"
        "\"" CUT "\"}]},{\"role\":\"user\",\"content\":[{\"text\":\"" GO_ON "\"}]}]}",
        "/output/message/content/0/text", REST);
}

/* Wherever the cut is: within a word, behind a blank that is not shown, before the end. */
static void test_seams(void **state)
{
    (void)state;
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL("[simul")), CHAT_TEXT, "ated] the quick" REST);
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL(CUT " ")), CHAT_TEXT, REST);
    says(CHAT_PATH, CHAT(USER("ECHO: a b c") "," MODEL("[simulated] a")), CHAT_TEXT, " b c");
    says(CHAT_PATH, CHAT(USER("ECHO: a b c") "," MODEL("[simulated] a") "," USER(GO_ON)), CHAT_TEXT, " b c");
    says(CHAT_PATH, CHAT(MESSAGE("system", "SAY: x y") "," USER("tell") "," MODEL("[simulated] x") "," USER(GO_ON)),
         CHAT_TEXT, " y");
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL(ALL) "," USER(GO_ON)), CHAT_TEXT, "");
    says(CHAT_PATH, CHAT(USER("ECHO: a b c") "," MODEL("[simulated] a b c") "," USER(GO_ON)), CHAT_TEXT, "");
}

static void test_not_its_own(void **state)
{
    (void)state;
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL("Sure: {")), CHAT_TEXT, ALL);
    says("/v1/messages", CLAUDE(USER("tell") "," MODEL("Sure: {")), "/content/0/text", ALL);
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL("Sure") "," USER(GO_ON)), CHAT_TEXT, ALL);
    says(CHAT_PATH, CHAT(USER("tell") "," MODEL(CUT) "," USER("and now?")), CHAT_TEXT, ALL);
    says(CHAT_PATH, CHAT(USER(GO_ON)), CHAT_TEXT, ALL);
    says(CHAT_PATH, CHAT(USER("a") "," MODEL(CUT) "," USER("b") "," USER(GO_ON)), CHAT_TEXT, ALL);
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
        cmocka_unit_test_setup_teardown(test_formats, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_seams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_its_own, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
