/* Requests that are asked again without earlier reasoning, or go to another model: what is left is JSON whenever the body was, and
 * has none. */
#include "dialect/reasoning.h"

#include "base/check.h"
#include "dialect/json_tree.h"
#include "dialect/unseal.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    static const struct sl_str names[] = {SL_STR_INIT("anthropic"), SL_STR_INIT("gemini"),
                                          SL_STR_INIT("openai-responses"), SL_STR_INIT("openai")};
    if (n < 1)
        return 0;
    struct sl_arena a;
    struct sl_str body = sl_str_of(data + 1, n - 1), out, again;
    const struct dialect *d = dialect_find(names[data[0] % 4]);
    sl_arena_init(&a, NULL);
    if (reasoning_strip(d, body, &a, &out)) {
        struct json_tree t;
        SL_CHECK(json_tree_read(&t, out, &a));
        /* Gemini's first call of a content is signed anew each time; of the others nothing is left to take out. */
        SL_CHECK(d->errors == ERRORS_GEMINI || !reasoning_strip(d, out, &a, &again));
    }
    struct unseal u = {.dialect = d,
                       .platform = (data[0] & 8) != 0 ? SL_STR("moonshot") : SL_STR("compatible"),
                       .model = (data[0] & 16) != 0 ? SL_STR("claude-opus-4-6") : SL_STR("kimi-k2-thinking")};
    if (unseal_body(&u, body, &a)) {
        struct json_tree t;
        SL_CHECK(u.body.n == body.n || json_tree_read(&t, u.body, &a));
    }
    const struct answer_error e = {.found = true, .message = body, .plain = (data[0] & 4) != 0};
    (void)reasoning_is_refused(&e, &a);
    sl_arena_done(&a);
    return 0;
}
