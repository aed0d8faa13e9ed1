/* Targets' health as requests meet it: who fails is passed over, one request finds out, and when all are down the client is told when to
 * come again. */
#include "kit.h"

static const struct core_options options = {.breaker = true};

static void chat(struct kit *k, const char *body, int status, const char *target)
{
    struct client c;
    client_chat(&c, &k->core, body);
    kit_run(k, 2 * SL_SEC);
    if (c.status != status)
        fail_msg("status %d, want %d: " SL_STR_FMT, c.status, status, SL_STR_ARG(sl_buf_str(&c.body)));
    if (target != NULL)
        assert_true(sl_str_starts(client_header(&c, "x-sluice-target"), sl_str_c(target)));
    client_done(&c);
}

/* After some failures the first target is left alone; when its time is over one request finds out, and three good ones bring it back. */
static void test_passed_over(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, &options);
    unsigned asked = 0;
    for (unsigned i = 0; i < 10; i++) {
        fake_answer(&k.one, 503, NULL, "{\"error\":{\"message\":\"busy\"}}");
        fake_answer(&k.two, 200, NULL, ANSWER);
        chat(&k, CHAT_PAIR, 200, "two/");
    }
    asked = k.one.requests;
    assert_true(asked >= 3 && asked < 10);
    k.one.next = k.one.n_scripts = 0; /* from here on it is well */
    for (unsigned i = 0; i < 30; i++)
        fake_answer(&k.one, 200, NULL, ANSWER);
    for (unsigned i = 0; i < 10; i++)
        fake_answer(&k.two, 200, NULL, ANSWER);
    kit_run(&k, 300 * SL_SEC);
    for (unsigned i = 0; i < 5; i++)
        chat(&k, CHAT_PAIR, 200, "one/");
    assert_int_equal(k.one.requests, asked + 5);
    kit_close(&k);
}

/* A wait that the provider asked for is kept without asking it, and no failure is counted. */
static void test_waits(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, &options);
    fake_answer(&k.one, 429, "retry-after: 40\r\n",
                "{\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}");
    for (unsigned i = 0; i < 5; i++)
        fake_answer(&k.two, 200, NULL, ANSWER);
    for (unsigned i = 0; i < 5; i++)
        chat(&k, CHAT_PAIR, 200, "two/");
    assert_int_equal(k.one.requests, 1);
    kit_run(&k, 40 * SL_SEC);
    fake_answer(&k.one, 200, NULL, ANSWER);
    chat(&k, CHAT_PAIR, 200, "one/");
    kit_close(&k);
}

/* One target, and it is blocked: the client is told the true time, and the provider is left alone. */
static void test_alone_and_blocked(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    struct core_options o = options;
    o.retry = RETRY_POLICY_DEFAULT;
    o.retry.attempts = 1;
    kit_open(&k, &o);
    fake_answer(&k.one, 429, "retry-after: 40\r\n",
                "{\"error\":{\"message\":\"slow down\",\"code\":\"rate_limit_exceeded\"}}");
    chat(&k, CHAT, 429, NULL);
    kit_run(&k, 8 * SL_SEC);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 429);
    uint64_t wait = 0;
    assert_true(sl_str_to_u64(client_header(&c, "retry-after"), &wait));
    assert_true(wait >= 28 && wait <= 31);
    client_done(&c);
    assert_int_equal(k.one.requests, 1);
    kit_close(&k);
}

/* One target, and it is down: one request a second still tries, the others are told when to come again. */
static void test_alone_and_down(void **state)
{
    (void)state;
    struct kit k;
    unsigned refused = 0;
    struct core_options o = options;
    o.retry = RETRY_POLICY_DEFAULT;
    o.retry.attempts = 1;
    kit_open(&k, &o);
    for (unsigned i = 0; i < 60; i++)
        fake_answer(&k.one, 500, NULL, "{\"error\":{\"message\":\"broken\"}}");
    for (unsigned i = 0; i < 40; i++) {
        struct client c;
        client_chat(&c, &k.core, CHAT);
        kit_run(&k, 100 * SL_MS);
        assert_true(c.status >= 500);
        refused += c.status == 503 && client_header(&c, "retry-after").n > 0;
        client_done(&c);
    }
    assert_true(refused >= 20 && k.one.requests <= 20 && k.one.requests >= 6);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_alone_and_blocked),
        cmocka_unit_test(test_alone_and_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
