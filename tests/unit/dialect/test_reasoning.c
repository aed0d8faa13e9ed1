/* Requests without earlier reasoning, byte for byte, and the errors that ask for it. */
#include "dialect/reasoning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BYPASSED "\"thoughtSignature\":\"skip_thought_signature_validator\""

static void bodies(void **state)
{
    (void)state;
    static const struct {
        const char *dialect, *body, *want; /* want NULL: nothing to take out */
    } rows[] = {
        {"anthropic", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":9}", NULL},
        {"anthropic", "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},\"messages\":[]}", NULL},
        {"anthropic",
         "{ \"model\":\"m\", \"messages\":[{\"role\":\"assistant\",\"content\":[ {\"type\":\"thinking\",\"thinking\":\"a\","
         "\"signature\":\"s\"} , {\"type\":\"text\",\"text\":\"b\\u00e9\"},{\"type\":\"redacted_thinking\",\"data\":\"d\"}]},"
         "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"c\"}]}], \"x\":1.0}",
         "{ \"model\":\"m\", \"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"b\\u00e9\"}]},"
         "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"c\"}]}], \"x\":1.0}"},
        {"anthropic",
         "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":"
         "\"thinking\"}]}]}",
         "{\"thinking\":{\"type\":\"disabled\"},\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"(no answer)\"}]}]}"},
        {"anthropic",
         "{\"messages\":[{\"content\":[{\"type\":\"thinking\"},{\"type\":\"text\"}]}],\"thinking\":{\"type\":\"adaptive\"}}",
         "{\"messages\":[{\"content\":[{\"type\":\"text\"}]}],\"thinking\":{\"type\":\"adaptive\"}}"},
        {"gemini", "{\"contents\":[{\"parts\":[{\"text\":\"a\"}]}]}", NULL},
        {"gemini",
         "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"t\",\"thought\":true},{\"text\":\"a\",\"thoughtSignature\":\"x\"},"
         "{\"functionCall\":{\"name\":\"f\"},\"thoughtSignature\":\"y\"},{\"functionCall\":{\"name\":\"g\"}}]}],\"z\":[ ]}",
         "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"a\"},{\"functionCall\":{\"name\":\"f\"}," BYPASSED
         "},{\"functionCall\":{\"name\":\"g\"}}]}],\"z\":[ ]}"},
        {"gemini", "{\"contents\":[{\"parts\":[{\"function_call\":{\"name\":\"f\"}}]}]}",
         "{\"contents\":[{\"parts\":[{\"function_call\":{\"name\":\"f\"}," BYPASSED "}]}]}"},
        {"openai-responses", "{\"input\":\"text\"}", NULL},
        {"openai-responses",
         "{\"input\":[{\"type\":\"reasoning\",\"encrypted_content\":\"e\"},{\"type\":\"message\"}],\"store\":false}",
         "{\"input\":[{\"type\":\"message\"}],\"store\":false}"},
        {"openai", "{\"messages\":[{\"role\":\"assistant\",\"reasoning_content\":\"x\"}]}", NULL},
        {"anthropic", "{\"messages\":[", NULL},
        {"anthropic", "[]", NULL},
        {"gemini", "{\"contents\":[7,{\"parts\":{}},{\"parts\":[8,null,{\"thought\":\"true\"}]}]}", NULL},
        {"anthropic", "{\"messages\":[{\"content\":[1,{\"type\":{}}]},null]}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        struct sl_str out = SL_STR_NONE;
        sl_arena_init(&a, NULL);
        bool found = reasoning_strip(dialect_find(sl_str_c(rows[i].dialect)), sl_str_c(rows[i].body), &a, &out);
        if (found != (rows[i].want != NULL) || !sl_str_eq(out, sl_str_c(rows[i].want)))
            fail_msg("row %zu: %.*s", i, (int)out.n, out.p);
        sl_arena_done(&a);
    }
}

static void errors(void **state)
{
    (void)state;
    static const struct {
        const char *message, *code;
        bool is;
    } rows[] = {
        {"messages.1.content.0: Invalid `signature` in `thinking` block", "", true},
        {"messages.1.content.0.thinking.signature: Field required", "", true},
        {"Expected `thinking` or `redacted_thinking`, but found `tool_use`", "", true},
        {"`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified", "", true},
        {"Function call is missing a thought_signature in functionCall parts", "", true},
        {"Thought signature is not valid", "", true},
        {"The encrypted content could not be verified.", "", true},
        {"no", "invalid_encrypted_content", true},
        {"thinking.type.enabled is not supported for this model", "", false},
        {"adaptive thinking is not supported on this model", "", false},
        {"Invalid signature", "", false},
        {"", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        const struct answer_error e = {
            .found = true, .message = sl_str_c(rows[i].message), .code = sl_str_c(rows[i].code)};
        if (reasoning_is_refused(&e, &a) != rows[i].is)
            fail_msg("%s", rows[i].message);
        sl_arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bodies), cmocka_unit_test(errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
