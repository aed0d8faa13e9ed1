/* Bodies of conversations that were elsewhere before, byte for byte. The carriers: slc1.<vendor>.<family>.<base64url>, made apart. */
#include "dialect/unseal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *dialect, *platform, *model, *body, *want;
        bool off;
    } rows[] = {
        {"anthropic", "", "claude-opus-4-6",
         "{\"x\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"slc1.oai.gpt-5.cnNfMQpFTkM\"},{\"type\":\"text\",\"text\":\"aé\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]}],\"thinking\":{\"type\":\"adaptive\"}}",
         "{\"x\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"aé\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]}],\"thinking\":{\"type\":\"adaptive\"}}",
         false},
        {"anthropic", "", "claude-opus-4-6",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"slc1.ant.claude.U0lHKy8\"},{\"type\":\"redacted_thinking\",\"data\":\"slc1.antr.claude.UkVE\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"own==\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]}]}",
         "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"SIG+/\"},{\"type\":\"redacted_thinking\",\"data\":\"RED\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"own==\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]}]}",
         false},
        {"anthropic", "bedrock", "anthropic.claude-opus-4-6-v1:0",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"slc1.ant.claude.U0lHKy8\"}]}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"SIG+/\"}]}]}",
         false},
        {"anthropic", "", "claude-opus-4-6",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"redacted_thinking\",\"data\":\"slc1.goo.gemini-3.R1NJRw\"}]},{\"role\":\"user\",\"content\":\"hi\"}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"(no answer)\"}]},{\"role\":\"user\",\"content\":\"hi\"}]}",
         false},
        {"anthropic", "", "claude-opus-4-6",
         "{\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\"},{\"type\":\"clear_tool_uses_20250919\"}]},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"slc1.oai.gpt-5.cnNfMQpFTkM\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]}],\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}}", "{\"context_management\":{\"edits\":[{\"type\":\"clear_tool_uses_20250919\"}]},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]}],\"thinking\":{\"type\":\"disabled\"}}",
         true},
        {"anthropic", "", "claude-opus-4-6",
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"slc1.oai.gpt-5.cnNfMQpFTkM\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"own\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]}]}",
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"own\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"b\":1.0,\"a\":2}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t1\",\"content\":\"ok\"}]}]}",
         false},
        {"anthropic", "", "claude-opus-4-6",
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"slc1.oai.gpt-5.cnNfMQpFTkM\"},{\"type\":\"text\",\"text\":\"x\"}]},{\"role\":\"user\",\"content\":\"hi\"}]}", "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]},{\"role\":\"user\",\"content\":\"hi\"}]}",
         false},
        {"openai", "openrouter", "anthropic/claude-opus-4.6",
         "{\"provider\":{\"order\":[\"a\"]},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"slc1.oth.claude.W3sidHlwZSI6InJlYXNvbmluZy50ZXh0IiwidGV4dCI6InQiLCJzaWduYXR1cmUiOiJTIn0sIHsidHlwZSI6InJlYXNvbmluZy5lbmNyeXB0ZWQiLCJkYXRhIjoiRCJ9XQ\",\"index\":0}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         "{\"provider\":{\"order\":[\"a\"]},\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null,\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"S\"}, {\"type\":\"reasoning.encrypted\",\"data\":\"D\"}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         false},
        {"openai", "moonshot", "kimi-k2-thinking",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"a\",\"index\":0},{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"slc1.oth.kimi-k2-thinking.cmVhc29uaW5nX2NvbnRlbnQ\",\"index\":0}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],\"reasoning_content\":\"at\"}]}",
         false},
        {"openai", "moonshot", "kimi-k2-thinking",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"reasoning\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"slc1.ant.claude.U0lHKy8\",\"index\":0}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],\"reasoning\":\"\"},{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"own\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"assistant\",\"content\":\"text\"}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],\"reasoning_content\":\" \"},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],\"reasoning_content\":\" \"},{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"own\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"assistant\",\"content\":\"text\"}]}",
         false},
        {"openai", "", "gpt-5.2",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"slc1.oth.claude.W3sidHlwZSI6InJlYXNvbmluZy50ZXh0IiwidGV4dCI6InQiLCJzaWduYXR1cmUiOiJTIn0sIHsidHlwZSI6InJlYXNvbmluZy5lbmNyeXB0ZWQiLCJkYXRhIjoiRCJ9XQ\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"slc1.antr.claude.UkVE\",\"index\":1}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"raw\"}],\"n\":1}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"raw\"}],\"n\":1}",
         false},
        {"openai", "compatible", "gemini-3.1-pro",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"t\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"index\":0}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"slc1.goo.gemini-3.R1NJRw\"}}},{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"GSIG\"}}},{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         false},
        {"openai", "compatible", "llama",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"},\"extra_content\":{\"google\":{\"thought_signature\":\"slc1.goo.gemini-3.R1NJRw\"}}},{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]}",
         false},
        {"openai", "compatible", "nova-pro-v1:0",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"slc1.oth.nova-pro-v1_0.Y29udmVyc2Utczp4\",\"index\":0}]}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}", false},
        {"openai", "mistral", "magistral-medium",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"t\",\"signature\":\"slc1.oth.magistral-medium.dGhpbmtpbmc\",\"index\":0}]}]}", "{\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"t\"}]},{\"type\":\"text\",\"text\":\"x\"}]}]}",
         false},
        {"openai", "compatible", "llama",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"slc1.ant.claude.U0lHKy8\"},{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"raw\"}]}]}",
         "{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\",\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"raw\"}]}]}",
         false},
        {"openai", "moonshot", "m",
         "{\"messages\":[1,null,{\"content\":[1,{\"type\":{}}]},{\"reasoning_details\":7,\"tool_calls\":{},\"thinking_blocks\":1}]}",
         "{\"messages\":[1,null,{\"content\":[1,{\"type\":{}}]},{\"reasoning_details\":7,\"tool_calls\":{},\"thinking_blocks\":1}]}",
         false},
        {"anthropic", "", "claude-opus-4-6",
         "{\"messages\":[1,null,{\"content\":[1,{\"type\":{}}]},{\"reasoning_details\":7,\"tool_calls\":{},\"thinking_blocks\":1}]}",
         "{\"messages\":[1,null,{\"content\":[1,{\"type\":{}}]},{\"reasoning_details\":7,\"tool_calls\":{},\"thinking_blocks\":1}]}",
         false},
        {"openai", "moonshot", "m", "[]", "[]", false},
        {"anthropic", "", "claude-opus-4-6", "[]", "[]", false},
        {"openai", "moonshot", "m", "{\"messages\":{}}", "{\"messages\":{}}", false},
        {"anthropic", "", "claude-opus-4-6", "{\"messages\":{}}", "{\"messages\":{}}", false},
        {"gemini", "", "g", "{\"contents\":[{\"parts\":[{\"text\":\"slc1.ant.claude.U0lHKy8\"}]}]}",
         "{\"contents\":[{\"parts\":[{\"text\":\"slc1.ant.claude.U0lHKy8\"}]}]}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        struct unseal u = {.dialect = dialect_find(sl_str_c(rows[i].dialect)),
                           .platform = sl_str_c(rows[i].platform),
                           .model = sl_str_c(rows[i].model)};
        assert_true(unseal_body(&u, sl_str_c(rows[i].body), &a));
        if (!sl_str_eq(u.body, sl_str_c(rows[i].want)) || u.thinking_off != rows[i].off)
            fail_msg("row %zu: %.*s", i, (int)u.body.n, u.body.p);
        sl_arena_done(&a);
    }
}

static void no_json(void **state)
{
    (void)state;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct unseal u = {.dialect = dialect_find(SL_STR("anthropic"))};
    assert_false(unseal_body(&u, SL_STR("{\"messages\":["), &a));
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(no_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
