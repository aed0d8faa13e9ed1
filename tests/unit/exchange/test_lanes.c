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

#define LIMITS(left)                                                                                                   \
    "x-ratelimit-limit-requests: 100\r\nx-ratelimit-remaining-requests: " left "\r\nx-ratelimit-reset-requests: 60m\r\n"
#define REFUSED "{\"error\":{\"message\":\"Incorrect API key provided\",\"code\":\"invalid_api_key\"}}"

/* Load moves away before the provider refuses it, and back when there is room again. With nobody else it goes on. */
static void test_room(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, &options);
    fake_answer(&k.one, 200, LIMITS("1"), ANSWER);
    chat(&k, CHAT_PAIR, 200, "one/");
    fake_answer(&k.one, 200, LIMITS("0"), ANSWER);
    chat(&k, CHAT_PAIR, 200, "one/"); /* the last one fits */
    for (unsigned i = 0; i < 3; i++) {
        fake_answer(&k.two, 200, NULL, ANSWER);
        chat(&k, CHAT_PAIR, 200, "two/");
    }
    assert_int_equal(k.one.requests, 2);
    for (unsigned i = 0; i < 2; i++) { /* the same target under a name that has no other */
        fake_answer(&k.one, 200, LIMITS("0"), ANSWER);
        chat(&k, "{\"model\":\"one/up-a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 200, "one/");
    }
    kit_run(&k, 60 * SL_SEC);
    fake_answer(&k.one, 200, LIMITS("50"), ANSWER);
    chat(&k, CHAT_PAIR, 200, "one/");
    kit_close(&k);
}

/* A stream says its limits at its beginning, and what is under way counts. */
static void test_room_of_streams(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    static const struct fake_step slow[] = {
        {FAKE_SEND,
         SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n" LIMITS(
             "0") "\r\n"
                  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"),
         0},
        {FAKE_WAIT, SL_STR_INIT(""), 20 * SL_SEC},
        {FAKE_SEND,
         SL_STR_INIT("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"),
         0},
        {FAKE_CLOSE, SL_STR_INIT(""), 0},
        {FAKE_END, SL_STR_INIT(""), 0}};
    kit_open(&k, &options);
    fake_script(&k.one, slow);
    client_chat(&c, &k.core, STREAM_PAIR);
    kit_run(&k, 2 * SL_SEC);
    fake_answer(&k.two, 200, NULL, ANSWER);
    chat(&k, CHAT_PAIR, 200, "two/");
    kit_run(&k, 30 * SL_SEC);
    client_done(&c);
    kit_close(&k);
}

/* An error in the middle of a stream is attributed like any other: ten clients whose texts a filter stops take nobody's target away; an
 * account without credit rests at once; a server that fails is passed over in the end. */
static void test_errors_within_streams(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        unsigned times;
        const char *next;
    } rows[] = {{"content_filter", 10, "one/"},
                {"invalid_request_error", 10, "one/"},
                {"insufficient_quota", 1, "two/"},
                {"model_not_found", 1, "two/"},
                {"oops", 10, "two/"},
                {"oops", 1, "one/"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct core_options o = options;
        o.set.rescue = RESCUE_ERROR;
        kit_open(&k, &o);
        const char *const events[] = {
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
            sl_arena_printf(&k.one.arena, "data: {\"error\":{\"message\":\"x\",\"code\":\"%s\"}}\n\n", rows[i].code).p};
        for (unsigned n = 0; n < rows[i].times; n++) {
            struct client c;
            fake_stream(&k.one, events, 2, 500 * SL_MS, true, FAKE_END);
            fake_stream(&k.two, events, 2, 500 * SL_MS, true, FAKE_END);
            client_chat(&c, &k.core, STREAM_PAIR);
            kit_run(&k, 2 * SL_SEC);
            assert_true(c.status == 200 && client_has(&c, "error"));
            client_done(&c);
        }
        k.one.next = k.one.n_scripts = k.two.next = k.two.n_scripts = 0;
        fake_answer(&k.one, 200, NULL, ANSWER);
        fake_answer(&k.two, 200, NULL, ANSWER);
        chat(&k, CHAT_PAIR, 200, rows[i].next);
        kit_close(&k);
    }
}

static void begins_after(struct fake *f, int64_t ns)
{
    struct fake_step *s = sl_arena_zalloc(&f->arena, 4 * sizeof *s);
    s[0] = (struct fake_step){.act = FAKE_WAIT, .ns = ns};
    s[1] = (struct fake_step){
        .act = FAKE_SEND,
        .bytes =
            SL_STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
                   "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
                   "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")};
    s[2] = (struct fake_step){.act = FAKE_CLOSE};
    fake_script(f, s);
}

/* A target whose answers suddenly begin twice as late loses its place without failing once, unless it may keep it; and gets it back. */
static void test_slow_loses_its_place(void **state)
{
    (void)state;
    for (int stays = 0; stays < 2; stays++) {
        struct kit k;
        struct core_options o = options;
        o.set.slow_stays = stays != 0;
        kit_open(&k, &o);
        for (unsigned i = 0; i < 70; i++) {
            k.one.next = k.one.n_scripts = 0;
            begins_after(&k.one, 200 * SL_MS);
            chat(&k, STREAM_PAIR, 200, "one/");
        }
        for (unsigned i = 0; i < 30; i++) {
            k.one.next = k.one.n_scripts = k.two.next = k.two.n_scripts = 0;
            begins_after(&k.one, 600 * SL_MS);
            begins_after(&k.two, 200 * SL_MS);
            chat(&k, STREAM_PAIR, 200, i < 5 || stays ? "one/" : i > 24 ? "two/" : NULL);
        }
        k.one.next = k.one.n_scripts = 0;
        kit_run(&k, 60 * SL_SEC); /* away for 30 s */
        begins_after(&k.one, 200 * SL_MS);
        chat(&k, STREAM_PAIR, 200, "one/");
        kit_close(&k);
    }
}

/* A target that always began at once is not waited for as long as one of which nobody knows. */
static void test_learned_patience(void **state)
{
    (void)state;
    static const char *const events[] = {
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", "data: [DONE]\n\n"};
    struct kit k;
    struct core_options o = options;
    o.set.first_token_ns = 60 * SL_SEC;
    for (unsigned known = 49; known <= 60; known += 11) { /* 50 are enough */
        struct client c;
        kit_open(&k, &o);
        for (unsigned i = 0; i < known; i++) {
            fake_stream(&k.one, events, 3, 10 * SL_MS, true, FAKE_END);
            chat(&k, STREAM_PAIR, 200, "one/");
        }
        fake_script(&k.one, (const struct fake_step[]){{.act = FAKE_HANG}});
        fake_stream(&k.two, events, 3, 10 * SL_MS, true, FAKE_END);
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 4 * SL_SEC); /* five seconds at least */
        assert_int_equal(c.status, 0);
        kit_run(&k, 2 * SL_SEC);
        assert_int_equal(c.status, known < 50 ? 0 : 200);
        kit_run(&k, 60 * SL_SEC);
        assert_int_equal(c.status, 200);
        assert_true(sl_str_starts(client_header(&c, "x-sluice-target"), SL_STR("two/")));
        client_done(&c);
        kit_close(&k);
    }
}

/* A key that is refused is left alone, the others serve; the account rests with the last of them. */
static void test_keys(void **state)
{
    (void)state;
    struct kit k;
    struct core_options o = options;
    o.keys = 3;
    kit_open(&k, &o);
    fake_answer(&k.one, 401, NULL, REFUSED);
    fake_answer(&k.one, 200, NULL, ANSWER);
    chat(&k, CHAT, 200, "one/"); /* in the same request, by another key */
    assert_int_equal(k.one.requests, 2);
    for (unsigned i = 0; i < 6; i++) {
        fake_answer(&k.one, 200, NULL, ANSWER);
        chat(&k, CHAT, 200, "one/");
        assert_false(sl_str_eq(fake_header(&k.one, "authorization"), SL_STR("Bearer sk-provider-secret")));
    }
    fake_answer(&k.one, 429, "retry-after: 30\r\n", "{\"error\":{\"message\":\"slow down\"}}");
    fake_answer(&k.one, 200, NULL, ANSWER);
    chat(&k, CHAT, 200, "one/");
    assert_int_equal(k.one.requests, 10);
    for (unsigned i = 0; i < 3; i++) {
        fake_answer(&k.one, 200, NULL, ANSWER);
        chat(&k, CHAT, 200, "one/");
    }
    fake_answer(&k.one, 401, NULL, REFUSED); /* the only one that is left */
    chat(&k, CHAT, 502, NULL);
    assert_int_equal(k.one.requests, 14);
    chat(&k, CHAT, 429, NULL); /* all rest: nobody is asked, and the client is told when the first is free */
    assert_int_equal(k.one.requests, 14);
    kit_run(&k, 30 * SL_SEC);
    fake_answer(&k.one, 200, NULL, ANSWER);
    chat(&k, CHAT, 200, "one/");
    kit_close(&k);
}

/* However many keys there are, the last attempt is the other target's. */
static void test_keys_leave_one_try(void **state)
{
    (void)state;
    struct kit k;
    struct core_options o = options;
    o.keys = 3;
    kit_open(&k, &o);
    for (unsigned i = 0; i < 2; i++)
        fake_answer(&k.one, 403, NULL, "{\"error\":{\"message\":\"no access\"}}");
    fake_answer(&k.two, 200, NULL, ANSWER);
    chat(&k, CHAT_PAIR, 200, "two/");
    assert_int_equal(k.one.requests, 2);
    fake_answer(&k.one, 200, NULL, ANSWER);
    chat(&k, CHAT_PAIR, 200, "one/"); /* the third key has the model */
    kit_close(&k);
}

/* A provider of one's own with as many requests as it answers at a time: the next ones are the other target's, until some are done. */
static void test_full(void **state)
{
    (void)state;
    enum {
        PLACES = 32
    };
    static const struct fake_step slow[] = {{FAKE_WAIT, SL_STR_INIT(""), 5 * SL_SEC},
                                            {FAKE_SEND, SL_STR_INIT("HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"), 0},
                                            {FAKE_END, SL_STR_INIT(""), 0}};
    struct kit k;
    struct client c[PLACES], more;
    struct core_options o = options;
    o.adaptive = true;
    kit_open(&k, &o);
    for (unsigned i = 0; i < PLACES; i++)
        fake_script(&k.one, slow);
    for (unsigned i = 0; i < PLACES + 1; i++)
        fake_answer(&k.two, 200, NULL, ANSWER);
    for (unsigned i = 0; i < PLACES; i++)
        client_chat(&c[i], &k.core, CHAT_PAIR);
    kit_run(&k, SL_SEC);
    assert_int_equal(k.one.requests, PLACES);
    client_chat(&more, &k.core, CHAT_PAIR);
    kit_run(&k, SL_SEC);
    assert_int_equal(more.status, 200);
    assert_true(sl_str_starts(client_header(&more, "x-sluice-target"), SL_STR("two/")));
    kit_run(&k, 30 * SL_SEC);
    for (unsigned i = 0; i < PLACES; i++) {
        assert_int_equal(c[i].status, 200);
        client_done(&c[i]);
    }
    client_done(&more);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_alone_and_blocked),
        cmocka_unit_test(test_alone_and_down),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_room_of_streams),
        cmocka_unit_test(test_learned_patience),
        cmocka_unit_test(test_slow_loses_its_place),
        cmocka_unit_test(test_errors_within_streams),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_keys_leave_one_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
