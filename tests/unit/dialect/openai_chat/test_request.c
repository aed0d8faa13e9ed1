/* Requests of the chat format: read, refused with a path, and written for OpenAI's models and for servers that are like it. */
#include "chat_lib.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/carrier.h"
#include "dialect/json_tree.h"

#define BODY(members) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" members "}"
#define MESSAGES(messages) "{\"model\":\"m\",\"messages\":[" messages "]}"
#define USER "{\"role\":\"user\",\"content\":\"hi\"}"
#define ASKED "{\"role\":\"user\",\"content\":\"Weather?\"}"
#define TOOLS(tools) BODY(",\"tools\":[" tools "]")
#define PNG "iVBORw0KGgoAAAANSUhEUg=="

/* -- Refusals ------------------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *body;
    enum gateway_error error;
    const char *param;
} refusals[] = {
    {"{", GE_BODY_INVALID, ""},
    {"[]", GE_BODY_NOT_OBJECT, ""},
    {"{\"messages\":[" USER "]}", GE_MEMBER_MISSING, "model"},
    {"{\"model\":\"m\"}", GE_MEMBER_MISSING, "messages"},
    {"{\"model\":\"m\",\"messages\":[]}", GE_MEMBER_MISSING, "messages"},
    {"{\"model\":\"m\",\"messages\":{}}", GE_MEMBER_TYPE, "messages"},
    {MESSAGES("1"), GE_MEMBER_TYPE, "messages[0]"},
    {MESSAGES("{}"), GE_MEMBER_MISSING, "messages[0].role"},
    {MESSAGES(USER ",{\"role\":\"boss\",\"content\":\"x\"}"), GE_MEMBER_VALUE, "messages[1].role"},
    {MESSAGES("{\"role\":\"user\"}"), GE_MEMBER_MISSING, "messages[0].content"},
    {MESSAGES("{\"role\":\"user\",\"content\":5}"), GE_MEMBER_TYPE, "messages[0].content"},
    {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"text\":\"b\"}]}"),
     GE_MEMBER_MISSING, "messages[0].content[1].type"},
    {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":5}]}"), GE_MEMBER_TYPE, "messages[0].content[0].type"},
    {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}"), GE_MEMBER_MISSING,
     "messages[0].content[0].text"},
    {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}"), GE_MEMBER_MISSING,
     "messages[0].content[0].image_url.url"},
    {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png\"}}]}"),
     GE_MEMBER_VALUE, "messages[0].content[0].image_url.url"},
    {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{}}]}"), GE_MEMBER_MISSING,
     "messages[0].content[0].input_audio.data"},
    {MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"x\"}}]}"), GE_MEMBER_MISSING,
     "messages[0].content[0].file.file_data"},
    {MESSAGES("{\"role\":\"tool\",\"content\":\"x\"}"), GE_MEMBER_MISSING, "messages[0].tool_call_id"},
    {MESSAGES("{\"role\":\"function\",\"name\":\"f\",\"content\":\"x\"}"), GE_MEMBER_VALUE, "messages[0].name"},
    {MESSAGES(USER ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{"
                   "\"name\":\"f\"}},{\"type\":\"function\"}]}"),
     GE_MEMBER_MISSING, "messages[1].tool_calls[1].id"},
    {MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"x\"}]}"), GE_MEMBER_VALUE,
     "messages[0].tool_calls[0].type"},
    {MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":1}}]}"),
     GE_MEMBER_TYPE, "messages[0].tool_calls[0].function.arguments"},
    {BODY(",\"temperature\":\"hot\""), GE_MEMBER_TYPE, "temperature"},
    {BODY(",\"stream\":1"), GE_MEMBER_TYPE, "stream"},
    {BODY(",\"max_tokens\":0"), GE_MEMBER_VALUE, "max_tokens"},
    {BODY(",\"max_completion_tokens\":-1"), GE_MEMBER_VALUE, "max_completion_tokens"},
    {BODY(",\"n\":0"), GE_MEMBER_VALUE, "n"},
    {BODY(",\"stop\":[\"a\",1]"), GE_MEMBER_TYPE, "stop[1]"},
    {BODY(",\"reasoning_effort\":\"huge\""), GE_MEMBER_VALUE, "reasoning_effort"},
    {BODY(",\"response_format\":{\"type\":\"xml\"}"), GE_MEMBER_VALUE, "response_format.type"},
    {BODY(",\"response_format\":{\"type\":\"json_schema\"}"), GE_MEMBER_MISSING, "response_format.json_schema"},
    {BODY(",\"tool_choice\":\"maybe\""), GE_MEMBER_VALUE, "tool_choice"},
    {BODY(",\"tool_choice\":{\"type\":\"function\"}"), GE_MEMBER_MISSING, "tool_choice.function.name"},
    {BODY(",\"tools\":{}"), GE_MEMBER_TYPE, "tools"},
    {TOOLS("{}"), GE_MEMBER_MISSING, "tools[0].type"},
    {TOOLS("{\"type\":\"function\",\"function\":{}}"), GE_MEMBER_MISSING, "tools[0].function.name"},
    {TOOLS("{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":[]}}"), GE_MEMBER_TYPE,
     "tools[0].function.parameters"},
    {BODY(",\"functions\":[{}]"), GE_MEMBER_MISSING, "functions[0].name"},
    {BODY(",\"metadata\":[]"), GE_MEMBER_TYPE, "metadata"},
    {BODY(",\"user\":5"), GE_MEMBER_TYPE, "user"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct chat_case c;
        chat_case_init(&c, "openai", "openai", "", "gpt-4o");
        if (chat_case_request(&c, refusals[i].body))
            fail_msg("not refused: %s", refusals[i].body);
        if (c.refusal.error.error != refusals[i].error ||
            !sl_str_eq(c.refusal.error.param, sl_str_c(refusals[i].param)))
            fail_msg("%s: error %d, param " SL_STR_FMT, refusals[i].body, c.refusal.error.error,
                     SL_STR_ARG(c.refusal.error.param));
        chat_case_done(&c);
    }
}

/* -- Written ------------------------------------------------------------------------------------------------------------------- */

struct row {
    const char *face, *platform, *model, *in;
    const char *out;   /* members behind "model"; refused: the param, behind '!' */
    const char *notes; /* NULL: none */
};

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static const struct row rows[] = {
    /* names of members, and who takes what */
    {"anthropic", "", "gpt-4o", BODY(",\"max_tokens\":10,\"temperature\":0.70,\"top_p\":1"),
     HI ",\"max_completion_tokens\":10,\"temperature\":0.70,\"top_p\":1", NULL},
    {"anthropic", "compatible", "llama", BODY(",\"max_tokens\":10,\"temperature\":0.70"),
     HI ",\"max_tokens\":10,\"temperature\":0.70", NULL},
    {"anthropic", "", "gpt-5", BODY(",\"max_tokens\":200000,\"temperature\":0.7,\"top_p\":1,\"top_k\":5"),
     HI ",\"max_completion_tokens\":128000", "max_tokens;clamped, temperature, top_k"},
    {"gemini", "", "o3", BODY(",\"temperature\":0.7,\"seed\":7"), HI ",\"seed\":7", "generationConfig.temperature"},
    {"anthropic", "", "gpt-5.1", BODY(",\"temperature\":0.7"), HI ",\"temperature\":0.7", NULL},
    {"anthropic", "", "gpt-5.1", BODY(",\"temperature\":0.7,\"reasoning_effort\":\"high\""),
     HI ",\"reasoning_effort\":\"high\"", "temperature"},
    {"anthropic", "", "gpt-4o", BODY(",\"stop\":\"END\""), HI ",\"stop\":[\"END\"]", NULL},
    {"anthropic", "", "gpt-5", BODY(",\"stop\":\"END\""), HI, NULL},
    {"anthropic", "", "gpt-4o", BODY(",\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]"),
     HI ",\"stop\":[\"1\",\"2\",\"3\",\"4\"]", NULL},
    {"gemini", "", "gpt-5", BODY(",\"logprobs\":true"), "!generationConfig.responseLogprobs", NULL},
    {"gemini", "", "gpt-4o", BODY(",\"logprobs\":true,\"top_logprobs\":3,\"n\":2"),
     HI ",\"n\":2,\"logprobs\":true,\"top_logprobs\":3", NULL},
    {"anthropic", "", "gpt-4o", BODY(",\"stream\":true"),
     HI ",\"stream\":true,\"stream_options\":{\"include_usage\":true}", NULL},
    {"anthropic", "", "gpt-4o", BODY(",\"context_management\":{}"), HI, "context_management"},
    {"anthropic", "", "gpt-4o", BODY(",\"service_tier\":\"standard_only\""), HI ",\"service_tier\":\"default\"", NULL},
    {"anthropic", "compatible", "llama", BODY(",\"service_tier\":\"auto\""), HI, NULL},
    {"openai-responses", "", "gpt-5", BODY(",\"verbosity\":\"low\",\"store\":true,\"metadata\":{\"a\":\"b\"}"),
     HI ",\"verbosity\":\"low\"", "metadata"},
    {"openai-responses", "", "gpt-4o", BODY(",\"verbosity\":\"low\""), HI, "text.verbosity"},
    {"openai", "", "gpt-4o", BODY(",\"store\":true,\"metadata\":{\"a\":\"b\"},\"prediction\":{\"type\":\"content\"}"),
     HI ",\"store\":true,\"metadata\":{\"a\":\"b\"},\"prediction\":{\"type\":\"content\"}", NULL},

    /* effort */
    {"anthropic", "", "gpt-5", BODY(",\"reasoning_effort\":\"max\""), HI ",\"reasoning_effort\":\"high\"",
     "thinking;clamped"},
    {"anthropic", "", "gpt-5", BODY(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"),
     HI ",\"reasoning_effort\":\"low\"", NULL},
    {"anthropic", "", "gpt-5", BODY(",\"thinking\":{\"type\":\"disabled\"}"), HI ",\"reasoning_effort\":\"minimal\"",
     "thinking;clamped"},
    {"anthropic", "", "gpt-6-sol", BODY(",\"thinking\":{\"type\":\"disabled\"}"), HI ",\"reasoning_effort\":\"none\"",
     NULL},
    {"anthropic", "", "gpt-6-sol", BODY(",\"thinking\":{\"type\":\"adaptive\"}"), HI, NULL},
    {"anthropic", "", "gpt-4o", BODY(",\"thinking\":{\"type\":\"disabled\"}"), HI, NULL},
    {"anthropic", "", "gpt-4o", BODY(",\"reasoning_effort\":\"low\""), HI, "thinking"},
    {"anthropic", "compatible", "deepseek-v4-pro", BODY(",\"reasoning_effort\":\"medium\""),
     HI ",\"reasoning_effort\":\"low\"", "thinking;clamped"},

    /* users, system */
    {"anthropic", "", "gpt-5",
     MESSAGES("{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
              "\"text\",\"text\":\"b\"}]}," USER),
     "\"messages\":[{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":"
     "\"b\"}]},{\"role\":\"user\",\"content\":\"hi\"}]",
     NULL},
    {"anthropic", "compatible", "llama",
     MESSAGES(
         "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},"
         "{\"role\":\"developer\",\"content\":\"c\"}," USER),
     "\"messages\":[{\"role\":\"system\",\"content\":\"a\\n\\nb\\n\\nc\"},{\"role\":\"user\",\"content\":\"hi\"}]",
     NULL},
    {"anthropic", "compatible", "llama", MESSAGES(USER ",{\"role\":\"system\",\"content\":\"now\"}," USER),
     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"user\",\"content\":\"<system>now</system>\"},{"
     "\"role\":\"user\",\"content\":\"hi\"}]",
     "messages[1];folded"},
    {"anthropic", "", "gpt-4o", MESSAGES(USER ",{\"role\":\"system\",\"content\":\"now\"}," USER),
     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":\"now\"},{\"role\":\"user\","
     "\"content\":\"hi\"}]",
     NULL},
    {"anthropic", "", "gpt-4o",
     MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":"
              "\"text\",\"text\":\"x\\ud83d\"}]}"),
     "\"messages\":[{\"role\":\"user\",\"content\":\"x\\ud83d\"}]", NULL},

    /* media */
    {"anthropic", "", "gpt-4o",
     MESSAGES(
         "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpg;base64," PNG
         "\",\"detail\":\"low\"}}]}"),
     "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," PNG
     "\",\"detail\":\"low\"}}]}]",
     NULL},
    {"anthropic", "", "gpt-4o",
     MESSAGES(
         "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,!!\"}}]"
         "}"),
     "!messages[0].content[0]", NULL},
    {"gemini", "", "gpt-3.5-turbo",
     MESSAGES(
         "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image_url\",\"image_url\":{"
         "\"url\":\"https://x/y.png\"}}]}"),
     "!contents[0].parts[1]", NULL},
    {"anthropic", "", "gpt-4o",
     MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
              "\"JVBERi0xLjQ=\"}}]}"),
     "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
     "\"data:application/pdf;base64,JVBERi0xLjQ=\"}}]}]",
     NULL},
    {"anthropic", "compatible", "llama",
     MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.txt\",\"file_data\":"
              "\"data:text/plain;base64,aGk=\"}}]}"),
     "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a.txt\\nhi\"}]}]", NULL},
    {"anthropic", "compatible", "llama",
     MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"filename\":\"a.pdf\",\"file_data\":"
              "\"JVBERi0xLjQ=\"}}]}"),
     "!messages[0].content[0]", NULL},
    {"gemini", "", "gpt-audio",
     MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":"
              "\"mp3\"}}]}"),
     "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":"
     "\"mp3\"}}]}]",
     NULL},
    {"anthropic", "", "gpt-4o", MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"hologram\"}]}"),
     "!messages[0].content[0]", NULL},

    /* calls and results */
    {"anthropic", "", "gpt-4o",
     MESSAGES(ASKED
              ",{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a1\",\"type\":\"function\","
              "\"function\":{\"name\":\"w\",\"arguments\":\"{\\\"city\\\": \\\"Oslo\\\",\\\"n\\\":1.0}\"}},{\"id\":"
              "\"a2\",\"type\":\"function\",\"function\":{\"name\":\"w\",\"arguments\":\"\"}}]},"
              "{\"role\":\"tool\",\"tool_call_id\":\"a1\",\"content\":\"4 C\"},"
              "{\"role\":\"tool\",\"tool_call_id\":\"a2\",\"content\":[{\"type\":\"text\",\"text\":\"no\"},{\"type\":"
              "\"text\",\"text\":\"city\"}],\"is_error\":true}," USER),
     "\"messages\":[{\"role\":\"user\",\"content\":\"Weather?\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
     "\"id\":\"a1\",\"type\":\"function\",\"function\":{\"name\":\"w\",\"arguments\":\"{\\\"city\\\": \\\"Oslo\\\","
     "\\\"n\\\":1.0}\"}},{\"id\":\"a2\",\"type\":\"function\",\"function\":{\"name\":\"w\",\"arguments\":\"{}\"}}]},{\"role\":"
     "\"tool\",\"tool_call_id\":\"a1\",\"content\":\"4 C\"},{\"role\":\"tool\",\"tool_call_id\":\"a2\",\"content\":\"Error: "
     "no\\ncity\"},{\"role\":\"user\",\"content\":\"hi\"}]",
     NULL},
    {"anthropic", "", "gpt-4o",
     MESSAGES(
         "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"w\"}},{\"id\":\"b\","
         "\"function\":{\"name\":\"w\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":[{\"type\":\"text\","
         "\"text\":\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/y.png\"}}]},{\"role\":\"tool\","
         "\"tool_call_id\":\"b\",\"content\":\"\"}"),
     "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":"
     "{\"name\":\"w\",\"arguments\":\"{}\"}},{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"w\",\"arguments\":"
     "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"see\\n[attachment 1: see next message]\"},{\"role\":"
     "\"tool\",\"tool_call_id\":\"b\",\"content\":\"\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
     "\"Attachment 1, of the result of the tool call a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
     "\"https://x/y.png\"}}]}]",
     "messages[1];moved"},
    {"anthropic", "", "gpt-4o",
     MESSAGES("{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\","
              "\"name\":\"f\",\"content\":\"x\"}"),
     "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"call_fc_0\",\"type\":\"function\","
     "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"call_fc_0\",\"content\":"
     "\"x\"}]",
     NULL},
    {"openai-responses", "", "gpt-5",
     MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"sql\","
              "\"input\":\"a \\\"b\\\"\"}}]}"),
     "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"custom\",\"custom\":{"
     "\"name\":\"sql\",\"input\":\"a \\\"b\\\"\"}}]}]",
     NULL},
    {"openai-responses", "compatible", "llama",
     MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"custom\",\"custom\":{\"name\":\"sql\","
              "\"input\":\"a \\\"b\\\"\"}}]}"),
     "\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":"
     "{\"name\":\"sql\",\"arguments\":\"{\\\"input\\\":\\\"a \\\\\\\"b\\\\\\\"\\\"}\"}}]}]",
     NULL},
    {"anthropic", "", "gpt-4o", MESSAGES(USER ",{\"role\":\"assistant\",\"content\":\"\"}," USER),
     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"user\",\"content\":\"hi\"}]", NULL},
    {"anthropic", "", "gpt-4o", MESSAGES(USER ",{\"role\":\"assistant\",\"content\":\"{\"}"), "!messages[1]", NULL},
    {"anthropic", "", "gpt-4o",
     MESSAGES(USER ",{\"role\":\"assistant\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"No.\"}]}," USER),
     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null,\"refusal\":\"No.\"},{"
     "\"role\":\"user\",\"content\":\"hi\"}]",
     NULL},

    /* tools and the choice */
    {"anthropic", "", "gpt-4o",
     TOOLS(
         "{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\",\"parameters\":{\"type\":\"object\","
         "\"$defs\":{\"a\":1.50}}}}"),
     HI
     ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"description\":\"d\",\"parameters\":{\"type\":"
     "\"object\",\"$defs\":{\"a\":1.50}}}}]",
     NULL},
    {"anthropic", "", "gpt-4o",
     BODY(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\"}}],\"tool_choice\":\"required\","
          "\"parallel_tool_calls\":false"),
     HI
     ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"parameters\":{\"type\":\"object\",\"properties\":{"
     "}}}}],\"tool_choice\":\"required\",\"parallel_tool_calls\":false",
     NULL},
    {"anthropic", "", "gpt-4o", BODY(",\"tool_choice\":\"required\",\"parallel_tool_calls\":false"), HI, NULL},
    {"anthropic", "", "gpt-4o",
     BODY(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\"}}],\"tool_choice\":{\"type\":\"function\","
          "\"function\":{\"name\":\"w\"}}"),
     HI
     ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"w\",\"parameters\":{\"type\":\"object\",\"properties\":{"
     "}}}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"w\"}}",
     NULL},
    {"openai-responses", "compatible", "llama",
     BODY(
         ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}},{\"type\":\"function\",\"function\":{\"name\":"
         "\"b\"}}],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[{"
         "\"type\":\"function\",\"function\":{\"name\":\"b\"}}]}}"),
     HI
     ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"b\",\"parameters\":{\"type\":\"object\",\"properties\":{"
     "}}}}],\"tool_choice\":\"required\"",
     NULL},
    {"anthropic", "", "gpt-4o",
     TOOLS("{\"type\":\"web_search_20250305\",\"name\":\"web_search\"},{\"type\":\"code_execution\"}"), HI,
     "tools[0], tools[1]"},
    /* a choice without tools is an error there: it goes with them, and is named as they are */
    {"anthropic", "", "gpt-4o", BODY(",\"tools\":[{\"type\":\"web_search\"}],\"tool_choice\":\"required\""), HI,
     "tools[0], tool_choice"},
    {"openai-responses", "compatible", "llama", TOOLS("{\"type\":\"custom\",\"custom\":{\"name\":\"sql\"}}"),
     HI
     ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"sql\",\"description\":\"\",\"parameters\":{\"type\":"
     "\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}}}]",
     NULL},
    {"openai-responses", "compatible", "llama",
     TOOLS(
         "{\"type\":\"custom\",\"custom\":{\"name\":\"sql\",\"description\":\"d\",\"format\":{\"type\":\"grammar\"}}}"),
     HI ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"sql\",\"description\":\"d\\n\\nThe input must "
        "follow this grammar: {\\\"type\\\":\\\"grammar\\\"}\",\"parameters\":{\"type\":\"object\",\"properties\":{"
        "\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}}}]",
     "tools[0];grammar in the description"},
    /* what web_search_options has no word for is named, and so is a second search */
    {"anthropic", "", "gpt-4o-search-preview",
     TOOLS(
         "{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3,\"allowed_domains\":[\"a.test\"],"
         "\"user_location\":{\"type\":\"approximate\",\"city\":\"Oslo\",\"country\":null}},{\"type\":\"web_search\"}"),
     HI ",\"web_search_options\":{\"user_location\":{\"type\":\"approximate\",\"approximate\":{\"city\":\"Oslo\"}}}",
     "tools[0].max_uses, tools[0].allowed_domains, tools[1]"},
    {"openai-responses", "", "gpt-4o-search-preview",
     TOOLS("{\"type\":\"web_search\",\"search_context_size\":\"low\",\"filters\":null,\"external_web_access\":false}"),
     HI ",\"web_search_options\":{\"search_context_size\":\"low\"}", "tools[0].external_web_access"},
    {"openai", "", "gpt-4o-search-preview", BODY(",\"web_search_options\":{\"search_context_size\":\"low\",\"x\":1}"),
     HI ",\"web_search_options\":{\"search_context_size\":\"low\",\"x\":1}", NULL},

    /* the form of the answer */
    {"anthropic", "", "gpt-4o",
     BODY(
         ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\",\"properties\":{"
         "\"a\":{}},\"required\":[\"a\"],\"additionalProperties\":false}}}"),
     HI
     ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"response\",\"schema\":{\"type\":\"object\""
     ",\"properties\":{\"a\":{}},\"required\":[\"a\"],\"additionalProperties\":false},\"strict\":true}}",
     NULL},
    {"anthropic", "", "gpt-4o",
     BODY(
         ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\",\"properties\":{"
         "\"a\":{}}}}}"),
     HI
     ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"response\",\"schema\":{\"type\":\"object\""
     ",\"properties\":{\"a\":{}}},\"strict\":false}}",
     NULL},
    {"gemini", "", "gpt-4o", BODY(",\"response_format\":{\"type\":\"json_object\"}"),
     "\"messages\":[{\"role\":\"system\",\"content\":\"Respond with one JSON object and nothing else.\"},{\"role\":\"user\","
     "\"content\":\"hi\"}],\"response_format\":{\"type\":\"json_object\"}",
     NULL},
    {"gemini", "", "gpt-4-turbo",
     BODY(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\"}}}"),
     "\"messages\":[{\"role\":\"system\",\"content\":\"Respond with one JSON value and nothing else. It must follow this JSON "
     "Schema: {\\\"type\\\":\\\"object\\\"}\"},{\"role\":\"user\",\"content\":\"hi\"}],\"response_format\":{\"type\":"
     "\"json_object\"}",
     "generationConfig.responseSchema;instruction"},

    /* who it is for, and what is kept */
    {"anthropic", "", "gpt-4o", BODY(",\"user\":\"u1\""), HI ",\"safety_identifier\":\"u1\"", NULL},
    {"anthropic", "compatible", "llama", BODY(",\"user\":\"u1\""), HI ",\"user\":\"u1\"", NULL},
    {"anthropic", "", "gpt-4o",
     MESSAGES(
         "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\",\"cache_control\":{\"type\":\"ephemeral\"}"
         "}]}"),
     HI, "cache_control"},
    {"openai-responses", "", "gpt-4o", BODY(",\"modalities\":[\"text\",\"audio\"]"), "!modalities", NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        struct chat_case c;
        struct sl_str out;
        char want[4096];
        chat_case_init(&c, row->face, "openai", row->platform, row->model);
        if (!chat_case_request(&c, row->in))
            fail_msg("row %zu is not read: " SL_STR_FMT, i, SL_STR_ARG(c.refusal.error.message));
        bool fine = chat_case_write(&c, &out);
        if (row->out[0] == '!') {
            if (fine || !sl_str_eq(c.refusal.error.param, sl_str_c(row->out + 1)))
                fail_msg("row %zu %s: param " SL_STR_FMT, i, row->in, SL_STR_ARG(c.refusal.error.param));
            chat_case_done(&c);
            continue;
        }
        snprintf(want, sizeof want, "{\"model\":\"%s\",%s}", row->model, row->out);
        if (!fine || !sl_str_eq(out, sl_str_c(want)))
            fail_msg("row %zu\n  got  " SL_STR_FMT "\n  want %s\n  %s" SL_STR_FMT, i, SL_STR_ARG(out), want,
                     fine ? "" : "refused: ", SL_STR_ARG(c.refusal.error.message));
        struct sl_str notes = neutral_notes_text(&c.notes, &c.a, 512);
        if (!sl_str_eq(notes, sl_str_c(row->notes)))
            fail_msg("row %zu: notes " SL_STR_FMT, i, SL_STR_ARG(notes));
        chat_case_done(&c);
    }
}

/* Law (d): what was noted under `report` is refused under `reject`, and what was refused is noted under `drop`. */
static void test_levels(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_case c;
        struct sl_str out;
        chat_case_init(&c, rows[i].face, "openai", rows[i].platform, rows[i].model);
        assert_true(chat_case_request(&c, rows[i].in));
        c.t.unsupported = UNSUPPORTED_DROP;
        bool broken = strstr(rows[i].in, "base64,!!") != NULL;
        if (chat_case_write(&c, &out) == broken)
            fail_msg("row %zu is refused though all may be dropped", i);
        if (rows[i].out[0] == '!' && !broken)
            assert_true(c.notes.n > 0);
        if (!broken)
            assert_true(json_is(out, JSON_OBJECT));
        chat_case_done(&c);
    }
}

/* -- Ids, names, thoughts ---------------------------------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    struct chat_case c;
    struct sl_str out;
    const char *name = "mcp__some_server__a_tool_with_a_name_that_is_longer_than_sixty_four_characters";
    char body[2048];
    snprintf(
        body, sizeof body,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"Bash 12\",\"function\":{\"name\":"
        "\"%s\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"Bash 12\",\"content\":\"\"}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"%s\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"%s\"}}}",
        name, name, name);
    chat_case_init(&c, "anthropic", "openai", "", "gpt-4o");
    assert_true(chat_case_request(&c, body));
    assert_true(chat_case_write(&c, &out));
    assert_true(sl_str_find_str(out, sl_str_c(name)) < 0);
    assert_true(sl_str_find_str(out, SL_STR("Bash 12")) < 0);
    struct sl_str changed = c.t.names.first->changed;
    assert_true(changed.n <= 64);
    unsigned times = 0;
    for (struct sl_str rest = out; rest.n > 0; times++) {
        ptrdiff_t at = sl_str_find_str(rest, changed);
        if (at < 0)
            break;
        rest = sl_str_from(rest, (size_t)at + changed.n);
    }
    assert_int_equal(times, 3);
    assert_true(sl_str_eq(names_back(&c.t.names, changed), sl_str_c(name)));
    chat_case_done(&c);
}

/* Law (g): what a compatible server's model thought returns to it, to the same member, and to nobody else. */
static void write_thought(const char *platform, const char *model, enum carrier_vendor vendor, const char *family,
                          const char *payload, struct chat_case *c, struct sl_str *out)
{
    char body[2048];
    chat_case_init(c, "anthropic", "openai", platform, model);
    struct sl_str carrier = carrier_pack(&c->a, vendor, sl_str_c(family), sl_str_c(payload));
    snprintf(
        body, sizeof body,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"x\","
        "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Hm\",\"signature\":\"" SL_STR_FMT
        "\",\"index\":0}]},{\"role\":\"user\",\"content\":\"q\"}]}",
        SL_STR_ARG(carrier));
    assert_true(chat_case_request(c, body));
    assert_true(chat_case_write(c, out));
}

static void test_thoughts(void **state)
{
    (void)state;
    static const struct {
        const char *platform, *model;
        enum carrier_vendor vendor;
        const char *family, *payload, *want;
    } cases[] = {
        {"compatible", "deepseek-v4-pro", CARRIER_OTHER, "deepseek-v4-pro", "reasoning_content",
         "\"reasoning_content\":\"Hm\""},
        {"compatible", "qwen3.8", CARRIER_OTHER, "qwen3.8", "reasoning", "\"reasoning\":\"Hm\""},
        {"compatible", "x/claude-opus-5", CARRIER_OTHER, "claude",
         "[{\"type\":\"reasoning.text\",\"text\":\"Hm\",\"signature\":\"s\"}]",
         "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"Hm\",\"signature\":\"s\"}]"},
        {"compatible", "magistral-medium", CARRIER_OTHER, "magistral-medium", "thinking",
         "\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"Hm\"}]},{\"type\":\"text\",\"text\":"
         "\"x\"}]"},
        {"compatible", "kimi-k3", CARRIER_OTHER, "deepseek-v4-pro", "reasoning_content", NULL},
        {"compatible", "kimi-k3", CARRIER_ANTHROPIC, "claude", "sig", NULL},
        {"compatible", "kimi-k3", CARRIER_OTHER, "kimi-k3", "{\"broken\":", NULL},
        {"compatible", "kimi-k3", CARRIER_OTHER, "kimi-k3", "[]", NULL},
        {"", "gpt-5", CARRIER_OTHER, "gpt-5", "reasoning_content", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct chat_case c;
        struct sl_str out;
        write_thought(cases[i].platform, cases[i].model, cases[i].vendor, cases[i].family, cases[i].payload, &c, &out);
        assert_true(json_is(out, JSON_OBJECT));
        bool there = sl_str_find_str(out, SL_STR("Hm")) >= 0;
        if (there != (cases[i].want != NULL))
            fail_msg("case %zu: " SL_STR_FMT, i, SL_STR_ARG(out));
        if (cases[i].want != NULL && sl_str_find_str(out, sl_str_c(cases[i].want)) < 0)
            fail_msg("case %zu: " SL_STR_FMT, i, SL_STR_ARG(out));
        chat_case_done(&c);
    }
}

/* The forms in which clients send back what was thought. */
static void expect_thought(const char *members, const char *text, const char *signature, const char *encrypted)
{
    char body[2048];
    struct chat_case c;
    snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",%s}]}",
             members);
    chat_case_init(&c, "openai", "anthropic", "", "claude-opus-4-6");
    assert_true(chat_case_request(&c, body));
    const struct neutral_part *p = c.req.messages->parts;
    assert_int_equal(p->kind, NP_REASONING);
    assert_true(sl_str_eq(p->text, sl_str_c(text)));
    struct sl_str carried = p->signature.n > 0 ? carrier_unpack(&c.a, p->signature).payload : SL_STR_NONE;
    assert_true(sl_str_eq(carried, sl_str_c(signature)));
    struct sl_str hidden = p->encrypted.n > 0 ? carrier_unpack(&c.a, p->encrypted).payload : SL_STR_NONE;
    assert_true(sl_str_eq(hidden, sl_str_c(encrypted)));
    assert_int_equal(p->next->kind, NP_TEXT);
    chat_case_done(&c);
}

static void test_thoughts_read(void **state)
{
    (void)state;
    expect_thought("\"reasoning_content\":\"Hm\"", "Hm", "", "");
    expect_thought("\"reasoning\":\"Hm\"", "Hm", "", "");
    expect_thought("\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"Hm\",\"signature\":\"c2ln\"}]", "Hm",
                   "c2ln", "");
    expect_thought("\"thinking_blocks\":[{\"type\":\"redacted_thinking\",\"data\":\"c2ln\"}]", "", "", "c2ln");
    expect_thought(
        "\"reasoning_content\":\"Hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"H\",\"index\":"
        "0},{\"type\":\"reasoning.text\",\"text\":\"m\",\"index\":0},{\"type\":\"reasoning.text\",\"signature\":"
        "\"s\",\"index\":0}]",
        "Hm", "s", "");
    expect_thought(
        "\"reasoning_content\":\"Hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\"}]", "Hm",
        "s", "");
    expect_thought("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"d\",\"format\":"
                   "\"anthropic-claude-v1\"}]",
                   "", "", "d");
}

/* Where a signature of Gemini's may stand in a chat history. */
static void test_call_signatures(void **state)
{
    (void)state;
    static const char *const calls[] = {
        "{\"id\":\"a\",\"function\":{\"name\":\"f\"},\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}}}",
        "{\"id\":\"a__thought__c2ln\",\"function\":{\"name\":\"f\"}}",
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char body[1024];
        struct chat_case c;
        snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[%s]}]}",
                 calls[i]);
        chat_case_init(&c, "openai", "gemini", "", "gemini-3-pro");
        assert_true(chat_case_request(&c, body));
        const struct neutral_part *p = c.req.messages->parts;
        assert_true(sl_str_eq(p->id, SL_STR("a")));
        assert_true(sl_str_eq(p->signature, SL_STR("c2ln")));
        chat_case_done(&c);
    }
}

/* Cache marks: at most four, and the latest (openai.md 6.3). */
static void test_marks(void **state)
{
    (void)state;
    struct chat_case c;
    struct sl_str out;
#define MARKED(text)                                                                                                   \
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" text                                              \
    "\",\"cache_control\":{\"type\":\"ephemeral\"}}]}"
    chat_case_init(&c, "anthropic", "openai", "", "gpt-6-sol");
    assert_true(chat_case_request(
        &c, MESSAGES("{\"role\":\"system\",\"content\":\"s\"}," MARKED("1") "," MARKED("2") "," MARKED("3") "," MARKED(
                "4") "," MARKED("5") ","
                                     "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":[{\"type\":\"text\","
                                     "\"text\":\"6\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]}")));
    assert_true(chat_case_write(&c, &out));
    assert_true(sl_str_find_str(out, SL_STR("{\"type\":\"text\",\"text\":\"2\"}")) > 0);
    assert_true(sl_str_find_str(out, SL_STR("{\"type\":\"text\",\"text\":\"3\",\"prompt_cache_breakpoint\":{\"mode\":"
                                            "\"explicit\",\"ttl\":\"30m\"}}")) > 0);
    assert_true(
        sl_str_find_str(out, SL_STR("\"content\":[{\"type\":\"text\",\"text\":\"6\",\"prompt_cache_breakpoint\":{"
                                    "\"mode\":\"explicit\",\"ttl\":\"12h\"}}]")) > 0);
    assert_true(sl_str_find_str(out, SL_STR("\"prompt_cache_key\":\"slc-")) > 0);
    chat_case_done(&c);
}

/* Claude Code's user id is a JSON text with its account and session. */
static void test_user_ids(void **state)
{
    (void)state;
    struct chat_case one, two;
    struct sl_str out = SL_STR_NONE;
#define CLAUDE(session)                                                                                                \
    BODY(",\"user\":\"{\\\"device_id\\\":\\\"d\\\",\\\"account_uuid\\\":\\\"acc\\\",\\\"session_id\\\":\\\"" session   \
         "\\\"}\"")
    chat_case_init(&one, "anthropic", "openai", "", "gpt-4o");
    chat_case_init(&two, "anthropic", "openai", "", "gpt-4o");
    assert_true(chat_case_request(&one, CLAUDE("s1")) && chat_case_write(&one, &out));
    struct sl_str first = sl_arena_str(&one.a, out);
    assert_true(chat_case_request(&two, CLAUDE("s2")) && chat_case_write(&two, &out));
    assert_true(sl_str_eq(first, out));
    assert_true(sl_str_find_str(out, SL_STR("\"safety_identifier\":\"u_")) > 0);
    assert_true(sl_str_find_str(out, SL_STR("acc")) < 0);
    chat_case_done(&one);
    chat_case_done(&two);
}

/* Law (c): what a chat client says is there again in what its own format says. */
static void test_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chat_case first, again;
        struct sl_str out, back;
        chat_case_init(&first, "openai", "openai", "", "gpt-4o");
        assert_true(chat_case_request(&first, rows[i].in));
        if (!chat_case_write(&first, &out)) {
            chat_case_done(&first);
            continue;
        }
        chat_case_init(&again, "openai", "openai", "", "gpt-4o");
        assert_true(chat_case_request(&again, sl_arena_cstr(&again.a, out)));
        assert_true(chat_case_write(&again, &back));
        bool text_file = strstr(rows[i].in, "a.txt") != NULL; /* is one text from then on */
        if (!text_file && !sl_str_eq(out, back))
            fail_msg("row %zu\n  " SL_STR_FMT "\n  " SL_STR_FMT, i, SL_STR_ARG(out), SL_STR_ARG(back));
        chat_case_done(&again);
        chat_case_done(&first);
    }
}

/* Every member of OpenAI's schema is read to a place of its own or kept as unknown; none vanishes. */
static void test_all_members(void **state)
{
    (void)state;
    struct chat_case c;
    struct sl_str out;
    chat_case_init(&c, "openai", "openai", "", "gpt-4o");
    assert_true(chat_case_request(
        &c,
        BODY(
            ",\"temperature\":1,\"top_p\":0.5,\"n\":2,\"stop\":[\"a\"],\"seed\":9007199254740993,\"presence_penalty\":0.1,"
            "\"frequency_penalty\":-0.1,\"logit_bias\":{\"50256\":-100},\"logprobs\":true,\"top_logprobs\":2,"
            "\"max_completion_tokens\":5,\"max_tokens\":6,\"response_format\":{\"type\":\"json_object\"},"
            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}],\"tool_choice\":\"none\","
            "\"parallel_tool_calls\":true,\"stream\":true,\"stream_options\":{\"include_usage\":true},\"store\":true,"
            "\"metadata\":{},\"service_tier\":\"flex\",\"prompt_cache_key\":\"k\",\"safety_identifier\":\"s\",\"user\":"
            "\"u\",\"prompt_cache_options\":{\"mode\":\"explicit\"},\"moderation\":{\"model\":\"x\"},\"prediction\":{"
            "\"type\":\"content\"},\"task\":\"t\",\"fallback\":true,\"models\":[\"a\"],\"route\":\"r\"")));
    assert_true(chat_case_write(&c, &out));
    assert_string_equal(
        sl_arena_cstr(&c.a, out),
        "{\"model\":\"gpt-4o\"," HI
        ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":\"object\",\"properties\":{}},"
        "\"strict\":true}}],\"tool_choice\":\"none\",\"parallel_tool_calls\":true,\"response_format\":{\"type\":\"json_object\"}"
        ",\"max_completion_tokens\":5,\"stop\":[\"a\"],\"temperature\":1,\"top_p\":0.5,\"seed\":9007199254740993,"
        "\"presence_penalty\":0.1,\"frequency_penalty\":-0.1,\"logit_bias\":{\"50256\":-100},\"n\":2,\"logprobs\":true,"
        "\"top_logprobs\":2,\"service_tier\":\"flex\",\"safety_identifier\":\"s\",\"prompt_cache_key\":\"k\",\"store\":true,"
        "\"metadata\":{},\"prompt_cache_options\":{\"mode\":\"explicit\"},\"moderation\":{\"model\":\"x\"},\"prediction\":{"
        "\"type\":\"content\"},\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    assert_int_equal(c.notes.n, 0);
    chat_case_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_levels),          cmocka_unit_test(test_names),
        cmocka_unit_test(test_thoughts),        cmocka_unit_test(test_thoughts_read),
        cmocka_unit_test(test_call_signatures), cmocka_unit_test(test_marks),
        cmocka_unit_test(test_user_ids),        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_all_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
