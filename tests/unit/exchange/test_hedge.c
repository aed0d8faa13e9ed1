/* A second target is asked while the first is silent: who has output first serves the client, the other one is cancelled, and both
 * are in the ledger. */
#include "kit.h"
#include "tokens/meter.h"

static const struct core_options options = {
    .breaker = true,
    .set = {.hedge = true, .hedge_input_tokens = 32768, .hold_start_ns = 20 * SL_SEC, .first_token_ns = 8 * SL_SEC}};

#define EV2(delta, finish)                                                                                             \
    "data: {\"id\":\"other\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{" delta         \
    "},\"finish_reason\":" finish "}]}\n\n"

static const char *const second_says[] = {EV2("\"role\":\"assistant\",\"content\":\"\"", "null"),
                                          EV2("\"content\":\"Second\"", "null"),
                                          EV2("\"content\":\" here\"", "null"),
                                          EV2("", "\"stop\""),
                                          EV_USAGE,
                                          EV_DONE};
static const struct fake_step hangs[] = {{.act = FAKE_HANG}, {.act = FAKE_END}};
static const struct fake_step resets[] = {
    {.act = FAKE_WAIT, .ns = 400 * SL_MS}, {.act = FAKE_RESET}, {.act = FAKE_END}};
static const char *const role_only[] = {EV_ROLE};
static const char *const error_event[] = {
    "data: {\"error\":{\"message\":\"busy\",\"code\":\"server_is_overloaded\"}}\n\n"};

/* As if 400 streams of the first target had begun, or as many answers had come: 50 ms usually, 1.5 s for three in a hundred: q95 50 ms, so
 * 300 ms are waited. */
static void train_for(struct kit *k, bool whole)
{
    struct health_lane *l = health_lane_of(k->core.health, SL_STR("one"), SL_STR("up-a"));
    int64_t now = sl_loop_now(&k->core.loop);
    for (unsigned i = 0; i < 400; i++) {
        bool probe = health_begin(l, NULL, now, NULL);
        health_end(l,
                   &(struct lane_sample){.outcome = OUT_OK,
                                         .first_us = whole         ? -1
                                                     : i % 33 == 0 ? 1500000
                                                                   : 50000,
                                         .whole_us = !whole        ? 0
                                                     : i % 33 == 0 ? 1500000
                                                                   : 50000,
                                         .between_us = -1,
                                         .wait_ns = -1,
                                         .was_probe = probe},
                   NULL, now);
        health_hedge_begin(l, now);
    }
}

static void train(struct kit *k)
{
    train_for(k, false);
}

static void open_trained(struct kit *k)
{
    kit_open(k, &options);
    train(k);
}

static void ask(struct kit *k, struct client *c, const char *body, int64_t ns)
{
    client_chat(c, &k->core, body);
    kit_run(k, ns);
}

static struct core_entry entry_of(struct kit *k, unsigned number)
{
    struct core_ledger l = kit_ledger(k);
    struct core_entry e = {.opens = 0};
    for (size_t i = 0; i < l.n; i++)
        if (l.v[i].open.number == number)
            e = l.v[i];
    core_ledger_free(&l);
    return e;
}

/* The first one says nothing: the second serves, 300 ms later, and what the first may bill is an estimate in the ledger. */
static void test_second_wins(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_trained(&k);
    fake_script(&k.one, hangs);
    fake_stream(&k.two, second_says, 6, 10 * SL_MS, true, FAKE_END);
    ask(&k, &c, STREAM_PAIR, 250 * SL_MS);
    assert_int_equal(k.two.requests, 0);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    expect_str(client_header(&c, "x-sluice-target"), "two/up-b");
    assert_true(client_has(&c, "Second") && client_has(&c, " here") && client_has(&c, "[DONE]"));
    assert_false(client_has(&c, "Hello"));
    assert_int_equal(k.one.left, 1);
    struct core_entry lost = entry_of(&k, 1), won = entry_of(&k, 2);
    assert_int_equal(lost.opens, 1);
    assert_int_equal(lost.closes, 1);
    assert_string_equal(lost.outcome, "cancelled");
    assert_true((lost.close.flags & ENTRY_ESTIMATED) != 0 && lost.close.usage.input > 0);
    assert_string_equal(won.outcome, "ok");
    assert_int_equal(won.close.usage.output, 2);
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* ... even where the first has begun without output. */
static void test_a_role_is_no_output(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_trained(&k);
    fake_stream(&k.one, role_only, 1, SL_MS, false, FAKE_HANG);
    fake_stream(&k.two, second_says, 6, 10 * SL_MS, true, FAKE_END);
    ask(&k, &c, STREAM_PAIR, SL_SEC);
    expect_str(client_header(&c, "x-sluice-target"), "two/up-b");
    assert_true(client_has(&c, " here") && client_has(&c, "[DONE]") &&
                !client_has(&c, "\"c1\",\"object\":\"chat.completion.chunk\",\"choices\":[{"));
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* The first one comes after all: the second is cancelled. */
static void test_first_wins(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_trained(&k);
    fake_script(&k.two, hangs);
    struct fake_step late[] = {
        {.act = FAKE_WAIT, .ns = 500 * SL_MS},
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT(
             "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A EV_B EV_STOP EV_USAGE EV_DONE)},
        {.act = FAKE_CLOSE},
        {.act = FAKE_END}};
    fake_script(&k.one, late);
    ask(&k, &c, STREAM_PAIR, SL_SEC);
    expect_str(client_header(&c, "x-sluice-target"), "one/up-a");
    assert_true(client_has(&c, "Hello") && client_has(&c, "[DONE]"));
    assert_int_equal(k.two.requests, 1);
    assert_int_equal(k.two.left, 1);
    struct core_entry second = entry_of(&k, 2);
    assert_string_equal(second.outcome, "cancelled");
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* The first one fails while the second is asked: nobody is asked a third time. */
static void test_first_fails(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_trained(&k);
    fake_script(&k.one, resets);
    struct fake_step late[] = {
        {.act = FAKE_WAIT, .ns = 500 * SL_MS},
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT(
             "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A EV_B EV_STOP EV_USAGE EV_DONE)},
        {.act = FAKE_CLOSE},
        {.act = FAKE_END}};
    fake_script(&k.two, late);
    ask(&k, &c, STREAM_PAIR, 2 * SL_SEC);
    expect_str(client_header(&c, "x-sluice-target"), "two/up-b");
    assert_true(client_has(&c, "Hello") && client_has(&c, "[DONE]"));
    assert_int_equal(k.one.requests, 1);
    assert_int_equal(k.two.requests, 1);
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* The second one fails, with a status or in its first event: the first is waited for as if nothing had been. */
static void test_second_fails(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct kit k;
        struct client c;
        open_trained(&k);
        struct fake_step late[] = {
            {.act = FAKE_WAIT, .ns = 900 * SL_MS},
            {.act = FAKE_SEND,
             .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A EV_B EV_STOP
                                      EV_USAGE EV_DONE)},
            {.act = FAKE_CLOSE},
            {.act = FAKE_END}};
        fake_script(&k.one, late);
        if (i == 0)
            fake_answer(&k.two, 429, "retry-after: 7\r\n",
                        "{\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}");
        else
            fake_stream(&k.two, error_event, 1, SL_MS, false, FAKE_HANG);
        ask(&k, &c, STREAM_PAIR, 2 * SL_SEC);
        expect_str(client_header(&c, "x-sluice-target"), "one/up-a");
        assert_true(client_has(&c, "Hello") && client_has(&c, "[DONE]"));
        struct core_entry second = entry_of(&k, 2);
        assert_string_equal(second.outcome, i == 0 ? "rate_limited" : "overloaded");
        client_done(&c);
        assert_int_equal(kit_close(&k), 2);
    }
}

/* It has said something and failed in the same breath: what the provider may bill of that is counted, as text. */
static void test_what_the_loser_said(void **state)
{
    (void)state;
    static const char *const breath[] = {EV2("\"role\":\"assistant\",\"content\":\"7 8 9 7 8 9 7 8\"", "null") EV2(
        "\"content\":\" 9 7 8 9\\n7 8 9\"",
        "null") "data: {\"error\":{\"message\":\"busy\",\"code\":\"server_is_overloaded\"}}\n\n"};
    struct sl_str text = SL_STR("7 8 9 7 8 9 7 8 9 7 8 9\n7 8 9");
    uint64_t wanted = tokens_of_text(NULL, SL_STR("up-b"), text).n;
    struct kit k;
    struct client c;
    open_trained(&k);
    fake_script(&k.one, hangs);
    fake_stream(&k.two, breath, 1, SL_MS, false, FAKE_HANG);
    ask(&k, &c, STREAM_PAIR, SL_SEC);
    client_leave(&c, HTTP_GONE_CLOSED);
    kit_run(&k, SL_SEC);
    struct core_entry second = entry_of(&k, 2);
    assert_true((second.close.flags & ENTRY_ESTIMATED) != 0 && second.close.usage.input > 0);
    assert_true(wanted > 2 * text.n / 4);
    assert_int_equal(second.close.usage.output, wanted);
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* Both fail: the client is told, once. */
static void test_both_fail(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_trained(&k);
    for (unsigned i = 0; i < 4; i++) {
        fake_script(&k.one, resets);
        fake_answer(&k.two, 500, NULL, "{\"error\":{\"message\":\"broken\"}}");
    }
    ask(&k, &c, STREAM_PAIR, 60 * SL_SEC);
    assert_true(c.status >= 500);
    client_done(&c);
    assert_true(kit_close(&k) >= 3);
}

/* The client leaves while both are asked: both are ended and accounted. */
static void test_client_leaves(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_trained(&k);
    fake_script(&k.one, hangs);
    fake_script(&k.two, hangs);
    ask(&k, &c, STREAM_PAIR, 400 * SL_MS);
    assert_int_equal(k.two.requests, 1);
    client_leave(&c, HTTP_GONE_CLOSED);
    kit_run(&k, SL_SEC);
    assert_int_equal(k.one.left, 1);
    assert_int_equal(k.two.left, 1);
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

#define LATE(text)                                                                                                     \
    {                                                                                                                  \
        {.act = FAKE_WAIT, .ns = 500 * SL_MS}, {.act = FAKE_SEND, .bytes = SL_STR_INIT(text)}, {.act = FAKE_CLOSE},    \
        {                                                                                                              \
            .act = FAKE_END                                                                                            \
        }                                                                                                              \
    }
#define WHOLE(answer) "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n" answer
#define SECOND_ANSWER                                                                                                                    \
    "{\"id\":\"other\",\"object\":\"chat.completion\",\"model\":\"up-b\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"," \
    "\"content\":\"Second\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}"

/* An answer that is no stream: the second one's serves when all of it is here, and the first is cancelled. */
static void test_whole_second_wins(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &options);
    train_for(&k, true);
    fake_script(&k.one, hangs);
    fake_answer(&k.two, 200, NULL, SECOND_ANSWER);
    ask(&k, &c, CHAT_PAIR, 250 * SL_MS);
    assert_int_equal(k.two.requests, 0);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    expect_str(client_header(&c, "x-sluice-target"), "two/up-b");
    assert_true(client_has(&c, "Second"));
    assert_int_equal(k.one.left, 1);
    struct core_entry lost = entry_of(&k, 1), won = entry_of(&k, 2);
    assert_string_equal(lost.outcome, "cancelled");
    assert_true((lost.close.flags & ENTRY_ESTIMATED) != 0 && lost.close.usage.input > 0);
    assert_string_equal(won.outcome, "ok");
    assert_int_equal(won.close.usage.output, 2);
    assert_int_equal(core_count(&k.core, TEL_HEDGES), 1);
    assert_int_equal(core_count(&k.core, TEL_HEDGES_WON), 1);
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* The first one's answer comes after all, or the second's is an error, with a status or inside of a 200, or breaks off: nobody sees
 * anything of it, and both are in the ledger. */
static void test_whole_first_wins(void **state)
{
    (void)state;
    static const struct fake_step late[] = LATE(WHOLE(ANSWER));
    static const char *const outcomes[] = {"cancelled", "rate_limited", "overloaded", "truncated"};
    for (unsigned i = 0; i < 4; i++) {
        struct kit k;
        struct client c;
        kit_open(&k, &options);
        train_for(&k, true);
        fake_script(&k.one, late);
        if (i == 0)
            fake_script(&k.two, hangs);
        else if (i == 1)
            fake_answer(&k.two, 429, "retry-after: 7\r\n",
                        "{\"error\":{\"message\":\"slow\",\"code\":\"rate_limit_exceeded\"}}");
        else if (i == 2)
            fake_answer(&k.two, 200, NULL, "{\"error\":{\"message\":\"busy\",\"code\":\"server_is_overloaded\"}}");
        else
            fake_bytes(
                &k.two,
                SL_STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"id\":"),
                FAKE_CLOSE);
        ask(&k, &c, CHAT_PAIR, SL_SEC);
        assert_int_equal(c.status, 200);
        expect_str(client_header(&c, "x-sluice-target"), "one/up-a");
        assert_true(client_has(&c, "\"hi\""));
        assert_int_equal(k.two.requests, 1);
        struct core_entry second = entry_of(&k, 2);
        if (strcmp(second.outcome, outcomes[i]) != 0)
            fail_msg("the second one's outcome: %s, want %s", second.outcome, outcomes[i]);
        assert_int_equal(core_count(&k.core, TEL_HEDGES_WON), 0);
        client_done(&c);
        assert_int_equal(kit_close(&k), 2);
    }
}

#define NO_ROOM                                                                                                        \
    "x-ratelimit-limit-requests: 100\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 60m\r\n"

/* What the second one's head said of its limits is believed, though it was not needed: the next request does not go there. */
static void test_limits_of_the_loser(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    static const struct fake_step late[] = LATE(WHOLE(ANSWER));
    static const struct fake_step head[] = {
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n" NO_ROOM
                              "\r\n{")},
        {.act = FAKE_HANG},
        {.act = FAKE_END}};
    struct health_view v;
    kit_open(&k, &options);
    train_for(&k, true);
    fake_script(&k.one, late);
    fake_script(&k.two, head);
    ask(&k, &c, CHAT_PAIR, SL_SEC);
    expect_str(client_header(&c, "x-sluice-target"), "one/up-a");
    health_see(health_lane_of(k.core.health, SL_STR("two"), SL_STR("up-b")), NULL, sl_loop_now(&k.core.loop), &v);
    assert_int_equal(v.room, 0);
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* Not asked twice: an answer whose usual time is not known, a request that is large, a lane that is not known, no second target. */
static void test_not(void **state)
{
    (void)state;
    static const char *const bodies[] = {CHAT_PAIR, STREAM};
    for (unsigned i = 0; i < 4; i++) {
        struct kit k;
        struct client c;
        struct core_options o = options;
        o.set.hedge_input_tokens = i == 2 ? 1 : 32768;
        kit_open(&k, &o);
        if (i != 3)
            train(&k);
        struct fake_step late[] = {{.act = FAKE_WAIT, .ns = 2 * SL_SEC}, {.act = FAKE_HANG}, {.act = FAKE_END}};
        fake_script(&k.one, late);
        ask(&k, &c, i < 2 ? bodies[i] : STREAM_PAIR, 2 * SL_SEC);
        assert_int_equal(k.two.requests, 0);
        client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, SL_SEC);
        client_done(&c);
        kit_close(&k);
    }
}

#define BOUND_P INT64_C(20000000000) /* 0.02 USD: what the reference of the settings says */

/* What a prompt costs at most, in pico-dollars a token (data/model-prices.json): as input, or written to a cache where that is dearer,
 * as it is where the gateway or the client marks it. */
static const struct {
    const char *model; /* of the second target */
    int64_t token_p;   /* 0: nobody knows */
} priced[] = {{"gpt-4o", 2500000}, {"gpt-5.6", 5000000}, {"up-b", 0}};

/* English; and what has far more tokens than its bytes say. */
static const char *const words[] = {"hello there ", "\xe9\xbe\x98\xe9\xbb\x8e"};

/* Sends a prompt of n times a word. *cost_p: what the second target would charge for it. */
static bool is_hedged(const char *model, int64_t token_p, bool stream, const char *word, unsigned n, int64_t *cost_p)
{
    struct kit k;
    struct client c;
    struct core_options o = options;
    struct sl_buf text, body;
    o.pair_two = model;
    kit_open(&k, &o);
    train_for(&k, !stream);
    fake_script(&k.one, hangs);
    fake_script(&k.two, hangs);
    sl_buf_init(&text, 1u << 20);
    sl_buf_init(&body, 1u << 20);
    for (unsigned i = 0; i < n; i++)
        sl_buf_adds(&text, sl_str_c(word));
    sl_buf_addf(&body, "{\"model\":\"pair\",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"%.*s\"}]}",
                stream ? "true" : "false", (int)text.n, text.p);
    sl_buf_addc(&body, '\0');
    *cost_p = (int64_t)tokens_of_text(NULL, sl_str_c(model), sl_buf_str(&text)).n * token_p;
    ask(&k, &c, body.p, SL_SEC);
    bool hedged = k.two.requests > 0;
    assert_int_equal(core_count(&k.core, TEL_HEDGES), hedged);
    client_leave(&c, HTTP_GONE_CLOSED);
    kit_run(&k, SL_SEC);
    if (hedged && token_p > 0)
        assert_true((int64_t)entry_of(&k, 2).open.estimate_input * token_p <= BOUND_P);
    client_done(&c);
    sl_buf_done(&text);
    sl_buf_done(&body);
    assert_int_equal(kit_close(&k), 1 + hedged);
    return hedged;
}

/* No prompt is sent twice that costs more than 0.02 USD at the second target, however its bytes are estimated; up to nearly that, all
 * are. A target without a price is bounded by hedge_input_tokens alone. */
static void test_money(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof priced / sizeof *priced; i++)
        for (unsigned w = 0; w < 4; w++) {
            unsigned hedges = 0, all = 0;
            for (unsigned n = 500; n <= 6000; n += n < 4000 ? 500 : 1000, all++) {
                int64_t cost_p;
                bool hedged = is_hedged(priced[i].model, priced[i].token_p, w % 2 == 0, words[w / 2], n, &cost_p);
                if (hedged ? cost_p > BOUND_P : cost_p < BOUND_P * 9 / 10)
                    fail_msg("%s, %u times '%s': %.4f USD, %s", priced[i].model, n, words[w / 2], (double)cost_p / 1e12,
                             hedged ? "hedged" : "not hedged");
                hedges += hedged;
            }
            assert_true(priced[i].token_p == 0 ? hedges == all : hedges > 0 && hedges < all);
        }
}

/* Requests that are too dear to be asked twice take nothing from those that are not: neither the budget nor the share of wins. */
static void test_dear_ones_count_for_nothing(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    struct core_options o = options;
    struct sl_buf body;
    o.pair_two = "gpt-5.6";
    kit_open(&k, &o);
    train(&k);
    sl_buf_init(&body, 1u << 20);
    sl_buf_adds(&body, SL_STR("{\"model\":\"pair\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\""));
    for (unsigned i = 0; i < 6000; i++)
        sl_buf_adds(&body, sl_str_c(words[0]));
    sl_buf_adds(&body, SL_STR("\"}]}"));
    sl_buf_addc(&body, '\0');
    for (unsigned i = 0; i < 30; i++) {
        fake_script(&k.one, hangs);
        ask(&k, &c, body.p, SL_SEC);
        client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, 10 * SL_SEC);
        client_done(&c);
    }
    assert_int_equal(k.two.requests, 0);
    fake_script(&k.one, hangs);
    fake_stream(&k.two, second_says, 6, 10 * SL_MS, true, FAKE_END);
    ask(&k, &c, STREAM_PAIR, SL_SEC);
    expect_str(client_header(&c, "x-sluice-target"), "two/gpt-5.6");
    client_done(&c);
    sl_buf_done(&body);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_wins),
        cmocka_unit_test(test_a_role_is_no_output),
        cmocka_unit_test(test_first_wins),
        cmocka_unit_test(test_first_fails),
        cmocka_unit_test(test_second_fails),
        cmocka_unit_test(test_what_the_loser_said),
        cmocka_unit_test(test_both_fail),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_not),
        cmocka_unit_test(test_whole_second_wins),
        cmocka_unit_test(test_whole_first_wins),
        cmocka_unit_test(test_limits_of_the_loser),
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_dear_ones_count_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
