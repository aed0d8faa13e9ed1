/* What a provider answers: bodies and usage reports, whole and in slices. */
#include "dialect/openai_chat/openai_chat.h"

#include "base/check.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void inside(struct sl_str part, struct sl_str whole)
{
    SL_CHECK(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

/* In slices: a valid answer is one there, too; usage that is found in both is the same. */
static void check_slices(struct sl_str body, const struct answer_facts *whole, struct sl_arena *a)
{
    struct openai_answer_watch w;
    openai_answer_watch_init(&w, a);
    for (size_t step = 1 + body.n % 7; body.n > 0; step = step * 3 % 31) {
        openai_answer_watch_feed(&w, sl_str_head(body, step));
        body = sl_str_from(body, step < body.n ? step : body.n);
    }
    struct answer_facts f;
    openai_answer_watch_done(&w, &f);
    SL_CHECK(!whole->valid || f.valid);
    if (whole->valid && f.usage.found)
        SL_CHECK(memcmp(&f.usage, &whole->usage, sizeof f.usage) == 0);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
    struct sl_str body = sl_str_of(data, n);
    struct answer_facts f;
    openai_answer_decode(body, &f);
    SL_CHECK(f.valid || (!f.usage.found && !f.error.found));
    inside(f.model, body);
    inside(f.finish, body);
    inside(f.error.message, body);
    inside(f.error.type, body);
    inside(f.error.code, body);
    inside(f.error.param, body);
    SL_CHECK(f.content_bytes <= n);
    struct token_counts c;
    openai_usage_read(body, &c);
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    check_slices(body, &f, &arena);
    sl_arena_done(&arena);
    return 0;
}
