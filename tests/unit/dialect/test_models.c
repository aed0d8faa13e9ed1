/* Lists of models in each shape: limits, prices and what a model can stand where that shape's clients look for them. */
#include "dialect/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/codec.h"

static struct model_row row_of(const struct model_caps *caps, bool claude)
{
    return (struct model_row){.id = SL_STR("a/b"),
                              .owned_by = SL_STR("up"),
                              .created_s = 0,
                              .context = caps != NULL ? 200000 : 0,
                              .max_output = caps != NULL ? 64000 : 0,
                              .input_p = caps != NULL ? 3000000 : -1,
                              .output_p = caps != NULL ? 15000000 : -1,
                              .cache_read_p = caps != NULL ? 300000 : -1,
                              .cache_write_p = -1,
                              .caps = caps,
                              .claude = claude};
}

static void expect(enum models_shape shape, const struct model_row *row, const char *want)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    models_object(shape, &b, row);
    if (!sl_str_eq(sl_buf_str(&b), sl_str_c(want)))
        fail_msg("got  " SL_STR_FMT "\nnot  %s", SL_STR_ARG(sl_buf_str(&b)), want);
    sl_buf_done(&b);
}

#define PRICING "\"pricing\":{\"prompt\":\"0.000003\",\"completion\":\"0.000015\",\"input_cache_read\":\"0.0000003\"}"
#define YES "{\"supported\":true}"
#define NO "{\"supported\":false}"

static void test_all_is_said(void **state)
{
    (void)state;
    static const struct model_caps caps = {.pattern = SL_STR_INIT("x"),
                                           .flags = CAP_TOOLS | CAP_IMAGES | CAP_PDF | CAP_AUDIO | CAP_AUDIO_OUT |
                                                    CAP_SCHEMA | CAP_STOP,
                                           .thinking = THINK_EFFORT,
                                           .efforts = (1u << EFFORT_LOW) | (1u << EFFORT_XHIGH) | (1u << EFFORT_MAX)};
    const struct model_row row = row_of(&caps, false);
    expect(MODELS_OPENAI, &row,
           "{\"id\":\"a/b\",\"object\":\"model\",\"created\":0,\"owned_by\":\"up\",\"context_length\":200000,"
           "\"max_output_tokens\":64000," PRICING
           ",\"architecture\":{\"input_modalities\":[\"text\",\"image\",\"file\","
           "\"audio\"],\"output_modalities\":[\"text\",\"audio\"]},\"supported_parameters\":[\"max_tokens\",\"stop\","
           "\"tools\",\"response_format\",\"reasoning_effort\"]}");
    expect(MODELS_GEMINI, &row,
           "{\"name\":\"models/a/b\",\"displayName\":\"a/b\",\"inputTokenLimit\":200000,\"outputTokenLimit\":64000,"
           "\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"],\"thinking\":true," PRICING "}");
    expect(MODELS_CODEX, &row,
           "{\"slug\":\"a/b\",\"display_name\":\"a/b\",\"supported_reasoning_levels\":[{\"effort\":\"low\","
           "\"description\":\"\"},{\"effort\":\"xhigh\",\"description\":\"\"}],\"shell_type\":\"shell_command\","
           "\"visibility\":\"list\",\"supported_in_api\":true,\"priority\":1,\"support_verbosity\":false,"
           "\"apply_patch_tool_type\":\"freeform\",\"truncation_policy\":{\"mode\":\"bytes\",\"limit\":10000},"
           "\"experimental_supported_tools\":[],\"base_instructions\":\"You are a coding agent.\","
           "\"context_window\":200000,\"max_context_window\":200000,\"input_modalities\":[\"text\",\"image\"]," PRICING
           "}");
    expect(MODELS_ANTHROPIC, &row,
           "{\"type\":\"model\",\"id\":\"a/b\",\"display_name\":\"a/b\",\"created_at\":\"1970-01-01T00:00:00.000Z\","
           "\"lifecycle\":\"active\",\"max_input_tokens\":200000,\"max_tokens\":64000," PRICING
           ",\"capabilities\":{\"batch\":" NO ",\"citations\":" NO ",\"code_execution\":null,"
           "\"context_management\":null,\"effort\":{\"supported\":true,\"low\":" YES ",\"medium\":" NO ",\"high\":" NO
           ",\"xhigh\":" YES ",\"max\":" YES "},\"image_input\":" YES ",\"pdf_input\":" YES
           ",\"server_tools\":{\"supported\":false,\"code_execution\":" NO ",\"web_search\":" NO
           "},\"structured_outputs\":" YES ",\"thinking\":{\"supported\":true,\"types\":{\"adaptive\":" YES
           ",\"between_tools\":" NO ",\"disabled\":" YES ",\"enabled\":" YES "}}}}");
    expect(MODELS_INFO, &row,
           "{\"model_name\":\"a/b\",\"litellm_params\":{},\"model_info\":{\"id\":\"a/b\",\"litellm_provider\":\"up\","
           "\"max_input_tokens\":200000,\"max_output_tokens\":64000,\"max_tokens\":64000,"
           "\"input_cost_per_token\":0.000003,\"output_cost_per_token\":0.000015,"
           "\"cache_read_input_token_cost\":0.0000003,\"supports_function_calling\":true,\"supports_vision\":true,"
           "\"supports_audio_input\":true,\"supports_audio_output\":true,\"supports_response_schema\":true,"
           "\"supports_pdf_input\":true,\"supports_reasoning\":true}}");
}

/* Nothing is made up of models that nobody knows. */
static void test_nothing_known(void **state)
{
    (void)state;
    struct model_row row = row_of(NULL, false);
    row.id = SL_STR("a\"b");
    expect(MODELS_OPENAI, &row, "{\"id\":\"a\\\"b\",\"object\":\"model\",\"created\":0,\"owned_by\":\"up\"}");
    expect(
        MODELS_ANTHROPIC, &row,
        "{\"type\":\"model\",\"id\":\"a\\\"b\",\"display_name\":\"a\\\"b\",\"created_at\":\"1970-01-01T00:00:00.000Z\","
        "\"lifecycle\":\"active\"}");
    expect(MODELS_GEMINI, &row,
           "{\"name\":\"models/a\\\"b\",\"displayName\":\"a\\\"b\",\"supportedGenerationMethods\":[\"generateContent\","
           "\"countTokens\"]}");
    expect(
        MODELS_INFO, &row,
        "{\"model_name\":\"a\\\"b\",\"litellm_params\":{},\"model_info\":{\"id\":\"a\\\"b\",\"litellm_provider\":\"up\"}}");
}

static bool says(enum models_shape shape, const struct model_row *row, const char *what)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    models_object(shape, &b, row);
    bool found = sl_str_find_str(sl_buf_str(&b), sl_str_c(what)) >= 0;
    sl_buf_done(&b);
    return found;
}

/* Claude is described by what its own API takes; the same table row through another vendor's API is not Claude's. */
static void test_claude(void **state)
{
    (void)state;
    struct model_row new_one = row_of(caps_find(anthropic_codec.caps, SL_STR("claude-opus-4-6")), true);
    struct model_row old_one = row_of(caps_find(anthropic_codec.caps, SL_STR("claude-haiku-4-5")), true);
    struct model_row gemini = row_of(caps_find(gemini_codec.caps, SL_STR("gemini-2.5-pro")), false);
    assert_true(says(MODELS_ANTHROPIC, &new_one, "\"adaptive\":" YES));
    assert_true(says(MODELS_ANTHROPIC, &new_one, "\"enabled\":" NO));
    assert_true(says(MODELS_ANTHROPIC, &new_one, "\"citations\":" YES));
    assert_true(says(MODELS_ANTHROPIC, &new_one, "\"xhigh\":" NO ",\"max\":" YES));
    assert_true(says(MODELS_ANTHROPIC, &old_one, "\"adaptive\":" NO));
    assert_true(says(MODELS_ANTHROPIC, &old_one, "\"enabled\":" YES));
    assert_true(says(MODELS_ANTHROPIC, &old_one, "\"effort\":{\"supported\":false,\"low\":" NO));
    assert_true(says(MODELS_ANTHROPIC, &gemini, "\"adaptive\":" YES));
    assert_true(says(MODELS_ANTHROPIC, &gemini, "\"enabled\":" YES));
    assert_true(says(MODELS_CODEX, &gemini, "\"effort\":\"medium\"")); /* told in tokens */
}

static void test_lists(void **state)
{
    (void)state;
    const struct model_row rows[] = {row_of(NULL, false), row_of(NULL, false)};
    static const struct {
        enum models_shape shape;
        const char *begin, *end, *none;
    } lists[] = {
        {MODELS_OPENAI, "{\"object\":\"list\",\"data\":[{", "}]}", "{\"object\":\"list\",\"data\":[]}"},
        {MODELS_ANTHROPIC, "{\"data\":[{", "}],\"has_more\":false,\"first_id\":\"a/b\",\"last_id\":\"a/b\"}",
         "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}"},
        {MODELS_GEMINI, "{\"models\":[{", "}]}", "{\"models\":[]}"},
        {MODELS_CODEX, "{\"models\":[{", "}]}", "{\"models\":[]}"},
        {MODELS_INFO, "{\"data\":[{", "}]}", "{\"data\":[]}"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct sl_buf b, empty;
        sl_buf_init(&b, 1u << 20);
        sl_buf_init(&empty, 1u << 20);
        models_list(lists[i].shape, &b, rows, 2);
        assert_true(sl_str_starts(sl_buf_str(&b), sl_str_c(lists[i].begin)));
        assert_true(sl_str_ends(sl_buf_str(&b), sl_str_c(lists[i].end)));
        models_list(lists[i].shape, &empty, rows, 0);
        assert_true(sl_str_eq(sl_buf_str(&empty), sl_str_c(lists[i].none)));
        sl_buf_done(&empty);
        sl_buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_said),
        cmocka_unit_test(test_nothing_known),
        cmocka_unit_test(test_claude),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
