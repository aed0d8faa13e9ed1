/* Which counter for which model, estimates by looks, images, and what surrounds the text of a request. Argument: the directory of
 * the real vocabularies, which may be missing. */
#include "tokens/chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct tokens_set set; /* real */
static bool has_vocabularies;

static void need_vocabularies(void)
{
    if (!has_vocabularies) {
        print_message("skipped: no vocabularies; run dev/setup.sh\n");
        skip();
    }
}

static void models_have_their_method(void **state)
{
    (void)state;
    static const struct {
        const char *model, *method;
        enum tokens_frame frame;
    } rows[] = {
        {"gpt-4o", "o200k_base", TOKENS_FRAME_GPT},
        {"gpt-4o-2024-08-06", "o200k_base", TOKENS_FRAME_GPT},
        {"GPT-4o-mini", "o200k_base", TOKENS_FRAME_GPT},
        {"openai/gpt-4.1-nano", "o200k_base", TOKENS_FRAME_GPT},
        {"ft:gpt-4o-mini-2024-07-18:org::id", "o200k_base", TOKENS_FRAME_GPT},
        {"chatgpt-4o-latest", "o200k_base", TOKENS_FRAME_GPT},
        {"gpt-4", "cl100k_base", TOKENS_FRAME_GPT},
        {"gpt-4-1106-preview", "cl100k_base", TOKENS_FRAME_GPT},
        {"gpt-4-turbo", "cl100k_base", TOKENS_FRAME_GPT},
        {"gpt-3.5-turbo-0125", "cl100k_base", TOKENS_FRAME_GPT},
        {"gpt-35-turbo", "cl100k_base", TOKENS_FRAME_GPT},
        {"text-embedding-3-small", "cl100k_base", TOKENS_FRAME_GPT},
        {"gpt-5", "o200k_base", TOKENS_FRAME_GPT5},
        {"gpt-5.4-mini", "o200k_base", TOKENS_FRAME_GPT5},
        {"gpt-6-sol", "gpt", TOKENS_FRAME_GPT5},
        {"gpt-oss-120b", "o200k_base", TOKENS_FRAME_OTHER},
        {"o1-mini", "o200k_base", TOKENS_FRAME_O},
        {"o3", "o200k_base", TOKENS_FRAME_O},
        {"azure/eu/o4-mini", "o200k_base", TOKENS_FRAME_O},
        {"claude-3-5-sonnet-20241022", "claude", TOKENS_FRAME_CLAUDE},
        {"anthropic/claude-3.7-sonnet", "claude", TOKENS_FRAME_CLAUDE},
        {"claude-sonnet-4-20250514", "claude", TOKENS_FRAME_CLAUDE},
        {"claude-sonnet-4-5", "claude", TOKENS_FRAME_CLAUDE45},
        {"claude-opus-4.6", "claude", TOKENS_FRAME_CLAUDE45},
        {"us.anthropic.claude-opus-4-7-v1:0", "claude-4.7", TOKENS_FRAME_CLAUDE45},
        {"claude-sonnet-5", "claude-4.7", TOKENS_FRAME_CLAUDE45},
        {"models/gemini-2.5-pro", "gemini", TOKENS_FRAME_GEMINI},
        {"gemini-3-pro-preview", "gemini", TOKENS_FRAME_GEMINI},
        {"meta-llama/Llama-3.3-70B-Instruct", "other", TOKENS_FRAME_OTHER},
        {"deepseek-chat", "other", TOKENS_FRAME_OTHER},
        {"", "other", TOKENS_FRAME_OTHER},
        {"/", "other", TOKENS_FRAME_OTHER},
        {"x.", "other", TOKENS_FRAME_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct tokens_model *m = tokens_model_of(sl_str_c(rows[i].model));
        if (strcmp(m->method->name, rows[i].method) != 0 || m->frame != rows[i].frame)
            fail_msg("%s: %s, frame %d", rows[i].model, m->method->name, m->frame);
    }
}

static uint64_t tally(enum tokens_encoding e, const char *text)
{
    struct tokens_tally t;
    tokens_tally_init(&t);
    tokens_tally_feed(&t, sl_str_c(text));
    return tokens_tally_count(&t, e);
}

static void looks_are_near_the_truth(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t o200k, cl100k; /* the truth */
    } rows[] = {
        {"The gateway keeps an exact account of every attempt that survives the death of the process.", 17, 17},
        {"for (size_t i = 0; i < n; i++) {\n    sum += values[i] * weights[i];\n}\n", 28, 28},
        {"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"stream\":true}", 23, 23},
        {"\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5"
         "\xbe\x88\xe5\xa5\xbd\xef\xbc\x81",
         9, 16},
        {"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xd0\xbc\xd0\xb8\xd1\x80! \xd0\xa1\xd1\x8a\xd0\xb5\xd1\x88\xd1\x8c "
         "\xd0\xb5\xd1\x89\xd1\x91 \xd1\x8d\xd1\x82\xd0\xb8\xd1\x85 \xd0\xbc\xd1\x8f\xd0\xb3\xd0\xba\xd0\xb8\xd1\x85 "
         "\xd1\x84\xd1\x80\xd0\xb0\xd0\xbd\xd1\x86\xd1\x83\xd0\xb7\xd1\x81\xd0\xba\xd0\xb8\xd1\x85 \xd0\xb1\xd1\x83\xd0\xbb\xd0\xbe\xd0\xba",
         16, 33},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_in_range(tally(TOKENS_O200K_BASE, rows[i].text), rows[i].o200k * 7 / 10, rows[i].o200k * 14 / 10);
        assert_in_range(tally(TOKENS_CL100K_BASE, rows[i].text), rows[i].cl100k * 7 / 10, rows[i].cl100k * 14 / 10);
    }
    assert_int_equal(tally(TOKENS_O200K_BASE, ""), 0);
    assert_int_equal(tally(TOKENS_O200K_BASE, "a"), 1);
    assert_int_equal(tally(TOKENS_O200K_BASE, "\xff"), 2);
    assert_int_equal(tally(TOKENS_O200K_BASE, "\xe6\xf1\xe8\xe9"), 5); /* leads whose rest never came */
}

/* Units of characters of each script, also cut in the middle and broken. */
static void looks_do_not_depend_on_slices(void **state)
{
    (void)state;
    static const char text[] =
        "caf\xc3\xa9 \xd0\x9f \xd7\xa9 \xe0\xa4\xa8 \xe4\xbd\xa0 \xe3\x83\x86 \xed\x95\x9c \xf0\x9f\x98\x80 \xf0\xa0\x80\x80 "
        "\xe4\xbd \xff \x80 \xe1\xba\xa1 12345 !!! \n\n  longwords";
    struct tokens_tally whole, slices;
    tokens_tally_init(&whole);
    tokens_tally_feed(&whole, sl_str_c(text));
    static const uint64_t want[TALLY_UNITS] = {2, 3, 2, 1, 2, 1, 1, 2, 1, 1, 3, 1, 1, 3};
    for (int i = 0; i < TALLY_UNITS; i++)
        if (whole.n[i] != want[i])
            fail_msg("unit %d: %llu", i, (unsigned long long)whole.n[i]);
    for (size_t step = 1; step < 5; step++) {
        tokens_tally_init(&slices);
        for (size_t at = 0; at < sizeof text - 1; at += step)
            tokens_tally_feed(&slices, sl_str_head(sl_str_from(sl_str_c(text), at), step));
        assert_memory_equal(slices.n, whole.n, sizeof whole.n);
    }
}

static void images_cost_what_the_vendors_say(void **state)
{
    (void)state;
    static const struct {
        enum tokens_image_rule rule;
        uint32_t w, h;
        enum tokens_detail detail;
        uint32_t tokens;
    } rows[] = {
        {TOKENS_IMAGE_GPT4O, 50, 65, TOKENS_DETAIL_AUTO, 255},      /* recorded */
        {TOKENS_IMAGE_GPT4O, 800, 400, TOKENS_DETAIL_AUTO, 425},    /* recorded */
        {TOKENS_IMAGE_GPT4O, 1024, 1024, TOKENS_DETAIL_HIGH, 765},  /* the guide's example */
        {TOKENS_IMAGE_GPT4O, 2048, 4096, TOKENS_DETAIL_HIGH, 1105}, /* the guide's example */
        {TOKENS_IMAGE_GPT4O, 4096, 8192, TOKENS_DETAIL_LOW, 85},
        {TOKENS_IMAGE_GPT4O_MINI, 200, 200, TOKENS_DETAIL_AUTO, 8500}, /* recorded */
        {TOKENS_IMAGE_GPT5, 512, 512, TOKENS_DETAIL_HIGH, 210},
        {TOKENS_IMAGE_O1, 512, 512, TOKENS_DETAIL_HIGH, 225},
        {TOKENS_IMAGE_PATCH_162, 1024, 1024, TOKENS_DETAIL_HIGH, 1659}, /* 1,024 patches, up */
        {TOKENS_IMAGE_PATCH_172, 4000, 4000, TOKENS_DETAIL_HIGH, 2642}, /* 1,536 patches at most */
        {TOKENS_IMAGE_PATCH_246, 32, 33, TOKENS_DETAIL_HIGH, 5},
        {TOKENS_IMAGE_CLAUDE, 1092, 1092, TOKENS_DETAIL_AUTO, 1521},
        {TOKENS_IMAGE_CLAUDE, 9000, 9000, TOKENS_DETAIL_AUTO, 1568},
        {TOKENS_IMAGE_CLAUDE_LARGE, 9000, 9000, TOKENS_DETAIL_AUTO, 4784},
        {TOKENS_IMAGE_GEMINI2, 384, 384, TOKENS_DETAIL_AUTO, 258},
        {TOKENS_IMAGE_GEMINI2, 960, 540, TOKENS_DETAIL_AUTO, 516},
        {TOKENS_IMAGE_GEMINI2, 960, 540, TOKENS_DETAIL_LOW, 64},
        {TOKENS_IMAGE_GEMINI3, 960, 540, TOKENS_DETAIL_AUTO, 1120},
        {TOKENS_IMAGE_GEMINI3, 960, 540, TOKENS_DETAIL_ULTRA, 2240},
        {TOKENS_IMAGE_NONE, 960, 540, TOKENS_DETAIL_ULTRA, 1000},
        {TOKENS_IMAGE_GPT4O, 0, 0, TOKENS_DETAIL_AUTO, 765}, /* not known: as 1024 by 1024 */
        {TOKENS_IMAGE_GPT4O, UINT32_MAX, 1, TOKENS_DETAIL_AUTO, 765},
        {TOKENS_IMAGE_GEMINI2, UINT32_MAX, UINT32_MAX, TOKENS_DETAIL_AUTO, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t n = tokens_of_image(rows[i].rule, rows[i].w, rows[i].h, rows[i].detail);
        if (n != rows[i].tokens)
            fail_msg("row %zu: %u, not %u", i, n, rows[i].tokens);
    }
}

static struct tokens_answer two_messages(const char *model, const struct tokens_set *with)
{
    struct tokens_chat c;
    tokens_chat_init(&c, with, sl_str_c(model));
    tokens_chat_message(&c, TOKENS_ROLE_SYSTEM);
    tokens_chat_text(&c, SL_STR("You are a helpful assistant."));
    tokens_chat_message(&c, TOKENS_ROLE_USER);
    tokens_chat_text(&c, SL_STR("Hello, world!"));
    struct tokens_answer a = tokens_chat_answer(&c);
    tokens_chat_done(&c);
    return a;
}

static void messages_have_their_frame(void **state)
{
    (void)state;
    need_vocabularies();
    struct tokens_answer a = two_messages("gpt-4o", &set);
    assert_true(a.is_exact && !a.is_by_looks);
    assert_int_equal(a.n, 6 + 4 + 2 * 4 + 3);
    assert_int_equal(two_messages("o3", &set).n, 6 + 4 + 2 * 4 + 2);
    a = two_messages("claude-sonnet-4", &set);
    assert_false(a.is_exact);
    assert_int_equal(a.n, 6 + 4 + 2 * 4 + 3);
    a = two_messages("gpt-4o", NULL);
    assert_true(!a.is_exact && a.is_by_looks);
    assert_in_range(a.n, 18, 24);
}

static const struct tokens_property weather[] = {
    {.name = SL_STR_INIT("location"),
     .description = SL_STR_INIT("The city, e.g. Paris"),
     .type = SL_STR_INIT("string"),
     .is_required = true},
    {.name = SL_STR_INIT("unit"), .type = SL_STR_INIT("\"celsius\" | \"fahrenheit\"")},
};

static uint64_t with_tools(const char *model, unsigned tools, bool system)
{
    struct tokens_chat c;
    tokens_chat_init(&c, &set, sl_str_c(model));
    if (system)
        tokens_chat_message(&c, TOKENS_ROLE_SYSTEM);
    tokens_chat_message(&c, TOKENS_ROLE_USER);
    for (unsigned i = 0; i < tools; i++) {
        tokens_chat_tool(&c, SL_STR("get_weather"), SL_STR("Tells the weather\nof a city"));
        tokens_chat_property(&c, &weather[0]);
        tokens_chat_property(&c, &weather[1]);
    }
    struct tokens_answer a = tokens_chat_answer(&c);
    assert_true(a.is_exact == (tools == 0));
    assert_int_equal(tokens_chat_answer(&c).n, a.n);
    tokens_chat_done(&c);
    return a.n;
}

static void tools_have_their_price(void **state)
{
    (void)state;
    need_vocabularies();
    static const char rendered[] =
        "namespace functions {\n\n// Tells the weather\n// of a city\ntype get_weather = (_: {\n"
        "// The city, e.g. Paris\nlocation: string,\nunit?: \"celsius\" | \"fahrenheit\",\n}) => any;\n\n"
        "} // namespace functions";
    uint64_t text = tokens_count(set.vocab[TOKENS_O200K_BASE], sl_str_c(rendered));
    assert_int_equal(with_tools("gpt-4o", 0, false), 7);
    assert_int_equal(with_tools("gpt-4o", 1, false), 7 + 9 + text);
    assert_int_equal(with_tools("gpt-4o", 1, true), 11 + 5 + text);
    assert_int_equal(with_tools("gpt-5", 1, false), 6 + 89 + text);
    assert_true(with_tools("gpt-4o", 3, false) > 7 + 9 + 2 * text);
    assert_in_range(with_tools("claude-sonnet-4", 1, false), 350, 500);
    assert_in_range(with_tools("gemini-2.5-pro", 1, false), text, 2 * text);
}

static void calls_and_the_rest(void **state)
{
    (void)state;
    need_vocabularies();
    struct tokens_chat c;
    tokens_chat_init(&c, &set, SL_STR("gpt-4o"));
    tokens_chat_message(&c, TOKENS_ROLE_ASSISTANT);
    tokens_chat_call(&c, SL_STR("f"), SL_STR("{}"));
    assert_int_equal(tokens_chat_answer(&c).n, 3 + 4 + 7 + 2);
    tokens_chat_call(&c, SL_STR("f"), SL_STR("{}"));
    tokens_chat_call(&c, SL_STR("f"), SL_STR("{}"));
    assert_int_equal(tokens_chat_answer(&c).n, 3 + 4 + 3 * (16 + 2));
    tokens_chat_message(&c, TOKENS_ROLE_TOOL);
    tokens_chat_text(&c, SL_STR("ok"));
    tokens_chat_message(&c, TOKENS_ROLE_USER);
    tokens_chat_name(&c, SL_STR("Ann"));
    tokens_chat_image(&c, 512, 512, TOKENS_DETAIL_HIGH);
    struct tokens_answer a = tokens_chat_answer(&c);
    assert_int_equal(a.n, 61 + 4 + 1 + 4 + 2 + 255);
    assert_false(a.is_exact);
    tokens_chat_schema(&c, SL_STR("{}"));
    tokens_chat_choice(&c, SL_STR("f"));
    assert_int_equal(tokens_chat_answer(&c).n, a.n + 1 + 7 + 1);
    tokens_chat_done(&c);
}

static void answers_say_what_they_are(void **state)
{
    (void)state;
    struct tokens_set none;
    struct sl_fail fail;
    assert_int_equal(tokens_set_open(&none, "/nonexistent", &fail), SL_ENOENT);
    assert_non_null(strstr(fail.place, "/nonexistent/"));
    struct tokens_answer a = tokens_of_text(&none, SL_STR("gpt-4o"), SL_STR("one two three"));
    assert_true(a.is_by_looks && !a.is_exact && a.n == 3);
    a = tokens_of_text(NULL, SL_STR("claude-sonnet-5"), SL_STR("one two three four five six seven eight nine ten"));
    assert_true(a.is_by_looks && a.n >= 13 && a.n <= 15);
    tokens_set_done(&none);
    char path[TOKENS_PATH_MAX + 10];
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = 0;
    assert_int_equal(tokens_set_open(&none, path, NULL), SL_ELIMIT);
    tokens_set_done(&none);
    need_vocabularies();
    struct tokens_meter m;
    tokens_meter_init(&m, &set, tokens_model_of(SL_STR("claude-sonnet-5"))->method);
    tokens_meter_feed(&m, SL_STR("Hello, "));
    tokens_meter_feed(&m, SL_STR("world!"));
    a = tokens_meter_answer(&m);
    assert_true(!a.is_exact && !a.is_by_looks && a.n == 6); /* 4 * 1.38 */
    tokens_meter_done(&m);
    a = tokens_of_text(&set, SL_STR("gpt-4"), SL_STR("Hello, world!"));
    assert_true(a.is_exact && a.n == 4);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_have_their_method),
        cmocka_unit_test(looks_are_near_the_truth),
        cmocka_unit_test(looks_do_not_depend_on_slices),
        cmocka_unit_test(images_cost_what_the_vendors_say),
        cmocka_unit_test(messages_have_their_frame),
        cmocka_unit_test(tools_have_their_price),
        cmocka_unit_test(calls_and_the_rest),
        cmocka_unit_test(answers_say_what_they_are),
    };
    struct sl_fail fail;
    has_vocabularies = argc == 2 && tokens_set_open(&set, argv[1], &fail) == SL_OK;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tokens_set_done(&set);
    return failed;
}
