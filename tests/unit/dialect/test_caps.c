/* What a model of OpenAI's takes does not depend on the format it is asked in: the tables of chat and of Responses say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/codec.h"

static void test_one_model_two_formats(void **state)
{
    (void)state;
    static const char *const models[] = {
        "gpt-4.1",
        "gpt-4.1-mini",
        "gpt-4o",
        "gpt-4o-mini",
        "o1",
        "o3",
        "o3-mini",
        "o4-mini",
        "gpt-5",
        "gpt-5-mini",
        "gpt-5-nano",
        "gpt-5-2025-08-07",
        "gpt-5-chat-latest",
        "gpt-5-pro",
        "gpt-5.1",
        "gpt-5.1-codex",
        "gpt-5.1-codex-max",
        "gpt-5.1-chat-latest",
        "gpt-5.2",
        "gpt-5.2-2025-12-11",
        "gpt-5.2-pro",
        "gpt-5.2-chat-latest",
        "gpt-5.3",
        "gpt-5.3-codex",
        "gpt-5.3-chat-latest",
        "gpt-5.4",
        "gpt-5.4-mini",
        "gpt-5.4-nano",
        "gpt-5.4-pro",
        "gpt-5.5",
        "gpt-5.5-pro",
        "gpt-5.6",
        "gpt-5.6-cyber",
        "gpt-6",
        "gpt-6-astra",
        "gpt-6.1",
        "gpt-daybreak",
        "gpt-5.3-codex-spark",
    };
    const unsigned same = CAP_TOOLS | CAP_FORCED_TOOL | CAP_SAMPLING | CAP_TEMPERATURE_AND_TOP_P | CAP_SCHEMA |
                          CAP_IMAGES;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        const struct model_caps *chat = caps_find(openai_chat_codec.caps, sl_str_c(models[i]));
        const struct model_caps *responses = caps_find(openai_responses_codec.caps, sl_str_c(models[i]));
        if (chat->context != responses->context || chat->max_output != responses->max_output ||
            chat->efforts != responses->efforts || ((chat->flags ^ responses->flags) & same) != 0)
            fail_msg("%s: %u/%u tokens, efforts %x, flags %x on chat; %u/%u, %x, %x on Responses", models[i],
                     chat->context, chat->max_output, chat->efforts, chat->flags & same, responses->context,
                     responses->max_output, responses->efforts, responses->flags & same);
    }
}

static void test_sampling_and_thinking(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        enum neutral_effort effort;
        bool samples;
    } rows[] = {
        {"gpt-5.2", EFFORT_UNSAID, true}, {"gpt-5.2", EFFORT_NONE, true},  {"gpt-5.2", EFFORT_LOW, false},
        {"gpt-5.4", EFFORT_HIGH, false},  {"gpt-5", EFFORT_UNSAID, false}, {"o3", EFFORT_UNSAID, false},
        {"gpt-4.1", EFFORT_UNSAID, true}, {"gpt-5.5", EFFORT_NONE, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str model = sl_str_c(rows[i].model);
        assert_int_equal(caps_samples(caps_find(openai_chat_codec.caps, model), rows[i].effort), rows[i].samples);
        assert_int_equal(caps_samples(caps_find(openai_responses_codec.caps, model), rows[i].effort), rows[i].samples);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_model_two_formats),
                                       cmocka_unit_test(test_sampling_and_thinking)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
