/* Ephemeral keys: what is written reads back, and nothing that was changed does. */
#include "auth/ephemeral.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void there_and_back(void **state)
{
    struct sl_arena a;
    struct tls_hmac pepper, other;
    struct ephemeral back, e = {.key = {.hi = 1, .lo = UINT64_MAX}, .expires_s = 1800000000, .model = SL_STR("voice")};
    (void)state;
    sl_arena_init(&a, NULL);
    tls_hmac_init(&pepper, SL_STR("pepper"));
    tls_hmac_init(&other, SL_STR("another"));
    for (int i = 0; i < 2; i++) {
        e.session = i > 0 ? SL_STR("{\"a\":\"\\u0000\"}") : SL_STR_NONE;
        struct sl_str text = ephemeral_write(&pepper, &e, &a);
        assert_true(sl_str_starts(text, SL_STR("ek_")));
        assert_true(ephemeral_read(&pepper, text, &a, &back));
        assert_true(back.key.hi == 1 && back.key.lo == UINT64_MAX && back.expires_s == e.expires_s);
        assert_true(sl_str_eq(back.model, e.model) && sl_str_eq(back.session, e.session));
        assert_false(ephemeral_read(&other, text, &a, &back));
        char *copy = sl_arena_alloc(&a, text.n + 4);
        for (size_t at = 0; at + 1 < text.n; at++) { /* the last letter has bits that say nothing */
            memcpy(copy, text.p, text.n);
            copy[at] = copy[at] == 'A' ? 'B' : 'A';
            assert_false(ephemeral_read(&pepper, sl_str_of(copy, text.n), &a, &back));
        }
        for (size_t n = 0; n < text.n; n++)
            assert_false(ephemeral_read(&pepper, sl_str_head(text, n), &a, &back));
        memcpy(copy, text.p, text.n);
        memcpy(copy + text.n, "AAAA", 4);
        assert_false(ephemeral_read(&pepper, sl_str_of(copy, text.n + 4), &a, &back));
    }
    tls_hmac_done(&pepper);
    tls_hmac_done(&other);
    sl_arena_done(&a);
}

static void found(void **state)
{
    struct sl_arena a;
    struct sl_str text;
    (void)state;
    sl_arena_init(&a, NULL);
    struct http_headers h = {0};
    assert_false(ephemeral_find(&h, &text));
    http_headers_add_id(&h, &a, HN_AUTHORIZATION, SL_STR("bearer ek_1"));
    assert_true(ephemeral_find(&h, &text) && sl_str_eq(text, SL_STR("ek_1")));
    http_headers_add(&h, &a, SL_STR("sec-websocket-protocol"), SL_STR("realtime, openai-insecure-api-key.ek_1"));
    assert_true(ephemeral_find(&h, &text));
    http_headers_add_id(&h, &a, HN_X_API_KEY, SL_STR("sk-other"));
    assert_false(ephemeral_find(&h, &text));
    h = (struct http_headers){0};
    http_headers_add(&h, &a, SL_STR("sec-websocket-protocol"),
                     SL_STR("openai-insecure-api-key.ek_1, openai-insecure-api-key.ek_2"));
    assert_false(ephemeral_find(&h, &text));
    h = (struct http_headers){0};
    http_headers_add_id(&h, &a, HN_AUTHORIZATION, SL_STR("Bearer sk-plain"));
    assert_false(ephemeral_find(&h, &text));
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
