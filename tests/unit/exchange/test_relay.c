/* RELAY and what is held before it: events as they come, bytes unchanged, usage asked for and hidden, pressure in both
 * directions, what the client sees of an answer that breaks off. */
#include "kit.h"

#include "base/mem.h"

#define SSE                                                                                                            \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_up\r\ntransfer-encoding: chunked\r\n\r\n"
#define SSE_CLOSE "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"

static const char *const events[] = {EV_ROLE, EV_A, EV_B, EV_STOP, EV_USAGE, EV_DONE};
#define SHOWN EV_ROLE EV_A EV_B EV_STOP EV_DONE
#define ALL EV_ROLE EV_A EV_B EV_STOP EV_USAGE EV_DONE

#define STREAM_USAGE                                                                                                    \
    "{\"model\":\"solo\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\"," \
    "\"content\":\"hello there\"}]}"

static struct core_entry only_entry(struct kit *k)
{
    struct core_ledger l = kit_ledger(k);
    assert_int_equal(l.n, 1);
    struct core_entry e = l.v[0];
    core_ledger_free(&l);
    return e;
}

/* The gateway asks for usage and hides it from a client that did not; the ledger has it. */
static void test_usage_is_hidden(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct kit k;
        struct client c;
        kit_open(&k, NULL);
        fake_stream(&k.one, events, 6, 10 * SL_MS, true, FAKE_END);
        client_chat(&c, &k.core, asked ? STREAM_USAGE : STREAM);
        kit_run(&k, 5 * SL_SEC);
        assert_true(sl_str_find_str(fake_body(&k.one), SL_STR("\"include_usage\":true")) > 0);
        expect_str(sl_buf_str(&c.body), asked ? ALL : SHOWN);
        assert_int_equal(c.length, HTTP_LENGTH_NONE);
        assert_true(c.last && !c.reset);
        struct core_entry e = only_entry(&k);
        assert_int_equal(e.close.usage.input, 7);
        assert_int_equal(e.close.usage.output, 2);
        assert_int_equal(e.close.flags & (ENTRY_ESTIMATED | ENTRY_INTERRUPTED), 0);
        assert_string_equal(e.outcome, "ok");
        assert_int_equal(e.close.first_token_ns, 20 * SL_MS); /* a role is no token */
        expect_str(record_member(&k, 0, "events"), asked ? "5" : "4");
        client_done(&c);
        kit_close(&k);
    }
}

/* With nothing to be held back, each event leaves as it comes. */
static void test_events_are_not_held(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_stream(&k.one, events, 6, SL_SEC, true, FAKE_END);
    client_chat(&c, &k.core, STREAM);
    const char *seen[] = {
        "", EV_ROLE, EV_ROLE EV_A, EV_ROLE EV_A EV_B, EV_ROLE EV_A EV_B EV_STOP, EV_ROLE EV_A EV_B EV_STOP, SHOWN};
    kit_run(&k, 500 * SL_MS);
    for (size_t i = 0; i < 7; i++) {
        expect_str(sl_buf_str(&c.body), seen[i]);
        assert_int_equal(c.heads, i > 0);
        kit_run(&k, SL_SEC);
    }
    assert_true(c.last);
    client_done(&c);
    kit_close(&k);
}

/* ---- the commit point ---- */

/* A start without output is held until there is some. */
static void test_start_is_held(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &(struct core_options){.set = {.hold_start_ns = 20 * SL_SEC}});
    fake_stream(&k.one, events, 6, SL_SEC, true, FAKE_END);
    client_chat(&c, &k.core, STREAM);
    const char *seen[] = {"", "", EV_ROLE EV_A, EV_ROLE EV_A EV_B, EV_ROLE EV_A EV_B EV_STOP};
    kit_run(&k, 500 * SL_MS);
    for (size_t i = 0; i < 5; i++) {
        expect_str(sl_buf_str(&c.body), seen[i]);
        assert_int_equal(c.heads, i > 1);
        kit_run(&k, SL_SEC);
    }
    kit_run(&k, 5 * SL_SEC);
    expect_str(sl_buf_str(&c.body), SHOWN);
    client_done(&c);
    kit_close(&k);
}

/* ... but not for ever: a model that thinks is seen to live. */
static void test_start_is_shown_in_time(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_ROLE)},
                                             {.act = FAKE_WAIT, .ns = 25 * SL_SEC},
                                             {.act = FAKE_SEND, .bytes = SL_STR_INIT(EV_A EV_STOP EV_DONE)},
                                             {.act = FAKE_CLOSE}};
    struct kit k;
    struct client c;
    kit_open(&k, &(struct core_options){.set = {.hold_start_ns = 20 * SL_SEC, .first_token_ns = 10 * SL_SEC}});
    fake_script(&k.one, steps);
    client_chat(&c, &k.core, STREAM);
    kit_run(&k, 19 * SL_SEC);
    assert_int_equal(c.heads, 0);
    kit_run(&k, 2 * SL_SEC); /* first_token has passed: there is nobody else to ask */
    expect_str(sl_buf_str(&c.body), EV_ROLE);
    kit_run(&k, 60 * SL_SEC);
    expect_str(sl_buf_str(&c.body), EV_ROLE EV_A EV_STOP EV_DONE);
    assert_string_equal(only_entry(&k).outcome, "ok");
    client_done(&c);
    kit_close(&k);
}

/* Whatever goes wrong before the first output, another target answers and the client sees one stream. */
static void test_early_failures_are_not_seen(void **state)
{
    (void)state;
    static const struct {
        const char *outcome;
        struct fake_step steps[3];
    } early[] = {
        {"overloaded",
         {{.act = FAKE_SEND,
           .bytes = SL_STR_INIT(SSE_CLOSE EV_ROLE
                                "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":"
                                "\"server_is_overloaded\"}}\n\n")},
          {.act = FAKE_HANG}}},
        {"truncated",
         {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_ROLE)},
          {.act = FAKE_WAIT, .ns = SL_SEC},
          {.act = FAKE_CLOSE}}},
        {"first_token_timeout",
         {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_ROLE ": ping\n\n")}, {.act = FAKE_HANG}}},
        {"first_token_timeout", {{.act = FAKE_HANG}}},
    };
    for (size_t i = 0; i < sizeof early / sizeof early[0]; i++) {
        struct kit k;
        struct client c;
        struct core_options o = {.set = {.hold_start_ns = 20 * SL_SEC, .first_token_ns = 5 * SL_SEC}};
        kit_open(&k, &o);
        fake_script(&k.one, early[i].steps);
        fake_stream(&k.two, events, 6, 10 * SL_MS, true, FAKE_END);
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 30 * SL_SEC);
        expect_str(sl_buf_str(&c.body), SHOWN);
        assert_true(c.last && !c.reset && c.status == 200);
        struct core_ledger l = kit_ledger(&k);
        assert_int_equal(l.n, 2);
        if (strcmp(l.v[0].outcome, early[i].outcome) != 0)
            fail_msg("case %zu: %s", i, l.v[0].outcome);
        assert_string_equal(l.v[1].outcome, "ok");
        core_ledger_free(&l);
        client_done(&c);
        kit_close(&k);
    }
}

/* Whatever the pieces in which it arrives, byte by byte too, also through a network that reads short: the same bytes. */
static void test_any_split(void **state)
{
    (void)state;
    static const char *const streams[] = {
        SSE_CLOSE ALL,
        SSE_CLOSE
        "\r\n: a comment\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
    };
    static const char *const wants[] = {
        SHOWN,
        "\r\n\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n",
    };
    for (size_t which = 0; which < 2; which++) {
        struct sl_str all = sl_str_c(streams[which]);
        size_t head = strlen(SSE_CLOSE);
        for (size_t cut = head; cut < all.n; cut += 1 + cut % 3) {
            struct fake_step steps[] = {{.act = FAKE_SEND, .bytes = sl_str_head(all, cut)},
                                        {.act = FAKE_WAIT, .ns = SL_MS},
                                        {.act = FAKE_SEND, .bytes = sl_str_from(all, cut)},
                                        {.act = FAKE_CLOSE}};
            struct kit k;
            struct client c;
            kit_open(&k, &(struct core_options){.seed = cut});
            vnet_set_faults(k.core.net,
                            &(struct vnet_faults){.short_read = cut % 4 == 0 ? 900000 : 0, .again_read = 100000});
            fake_script(&k.one, steps);
            client_chat(&c, &k.core, STREAM);
            kit_run(&k, 5 * SL_SEC);
            if (!sl_str_eq(sl_buf_str(&c.body), sl_str_c(wants[which])))
                fail_msg("cut at %zu: " SL_STR_FMT, cut, SL_STR_ARG(sl_buf_str(&c.body)));
            assert_true(c.last);
            client_done(&c);
            assert_int_equal(kit_close(&k), 1);
        }
    }
}

/* ---- broken off ---- */

/* Cut behind each byte, orderly and with a reset: before the first whole event nothing shows but an error status; behind
 * it the client gets what came, then an error, never the terminator. A whole answer is never presented as broken. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    struct sl_str all = SL_STR(SSE_CLOSE EV_ROLE EV_A EV_STOP EV_DONE);
    size_t head = strlen(SSE_CLOSE), finish = all.n - strlen(EV_DONE);
    for (size_t cut = 1; cut <= all.n; cut += cut > head + 10 && cut + 20 < all.n ? 7 : 1) {
        for (int reset = 0; reset < 2; reset++) {
            struct fake_step steps[] = {{.act = FAKE_SEND, .bytes = sl_str_head(all, cut)},
                                        {.act = FAKE_WAIT, .ns = SL_MS},
                                        {.act = reset ? FAKE_RESET : FAKE_CLOSE}};
            struct kit k;
            struct client c;
            struct core_options o = {.retry = RETRY_POLICY_DEFAULT};
            o.retry.attempts = 1;
            kit_open(&k, &o);
            fake_script(&k.one, steps);
            client_chat(&c, &k.core, STREAM);
            kit_run(&k, 5 * SL_SEC);
            assert_true(c.released && c.last && !c.reset);
            bool done = client_has(&c, "[DONE]"), error = client_has(&c, "\"error\"");
            if (cut < head + strlen(EV_ROLE)) {
                if (c.status < 500 || !error)
                    fail_msg("cut at %zu, reset %d: status %d", cut, reset, c.status);
            } else if (cut >= finish || (cut + 2 >= finish && !reset)) {
                assert_true(done && !error); /* a finish_reason was seen: nothing is lost of the answer */
            } else {
                if (done || !error)
                    fail_msg("cut at %zu of %zu, reset %d: '" SL_STR_FMT "'", cut, all.n, reset,
                             SL_STR_ARG(sl_buf_str(&c.body)));
                assert_int_equal(c.status, 200);
            }
            client_done(&c);
            assert_int_equal(kit_close(&k), 1);
        }
    }
}

static void test_error_event_in_stream(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    struct core_options o = {.retry = RETRY_POLICY_DEFAULT};
    o.retry.attempts = 1;
    kit_open(&k, &o);
    fake_bytes(
        &k.one,
        SL_STR(SSE_CLOSE EV_ROLE EV_A
               "data: {\"error\":{\"message\":\"their words\",\"type\":\"server_error\",\"code\":\"x\"}}\n\n" EV_B
                   EV_DONE),
        FAKE_CLOSE);
    client_chat(&c, &k.core, STREAM);
    kit_run(&k, SL_SEC);
    /* all of it came in one read: nothing was shown yet, so another try would have been allowed */
    assert_int_equal(c.status, 502);
    assert_string_equal(only_entry(&k).outcome, "stream_error");
    client_done(&c);
    kit_close(&k);
    static const struct fake_step steps[] = {
        {.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_ROLE EV_A)},
        {.act = FAKE_WAIT, .ns = SL_MS},
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT(
             "data: {\"error\":{\"message\":\"their words\",\"type\":\"server_error\",\"code\":\"x\"}}\n\n" EV_B
                 EV_DONE)},
        {.act = FAKE_HANG}};
    kit_open(&k, &(struct core_options){.set = {.rescue = RESCUE_ERROR}});
    fake_script(&k.one, steps);
    client_chat(&c, &k.core, STREAM);
    kit_run(&k, SL_SEC);
    assert_true(c.last && client_has(&c, "their words") && !client_has(&c, "[DONE]"));
    assert_string_equal(only_entry(&k).outcome, "stream_error");
    assert_int_equal(k.one.left, 1);
    client_done(&c);
    kit_close(&k);
}

/* Behind the terminator nothing is waited for: the client has its end at once, and the connection is used again when the
 * framing's end follows. */
static void test_end_is_not_waited_for(void **state)
{
    (void)state;
    static const struct fake_step late[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE "e\r\ndata: [DONE]\n\n\r\n")},
                                            {.act = FAKE_WAIT, .ns = 300 * SL_MS},
                                            {.act = FAKE_SEND, .bytes = SL_STR_INIT("0\r\n\r\n")},
                                            {.act = FAKE_END}};
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_script(&k.one, late);
    client_chat(&c, &k.core, STREAM);
    kit_run(&k, 100 * SL_MS);
    assert_true(c.last && client_has(&c, "[DONE]"));
    client_done(&c);
    kit_run(&k, SL_SEC);
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    assert_int_equal(k.one.accepted, 1);
    expect_str(record_member(&k, 1, "reused"), "true");
    client_done(&c);
    kit_close(&k);
}

/* ---- hold and commit ---- */

static char *long_answer(size_t pad)
{
    size_t head = strlen("{\"pad\":\"");
    const char *tail = "\",\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":22,\"total_tokens\":33}}";
    char *p = sl_malloc(head + pad + strlen(tail) + 1);
    memcpy(p, "{\"pad\":\"", head);
    memset(p + head, 'y', pad);
    memcpy(p + head + pad, tail, strlen(tail) + 1);
    return p;
}

/* Shorter than what is held: one piece with its length, another try until then. Longer: as it comes. */
static void test_hold(void **state)
{
    (void)state;
    const size_t pads[] = {0, 900, 1000, 5000, 9000, 20000, 70000};
    for (size_t i = 0; i < sizeof pads / sizeof pads[0]; i++) {
        char *answer = long_answer(pads[i]);
        struct kit k;
        struct client c;
        kit_open(&k, &(struct core_options){.set = {.hold_bytes = 1000}});
        vnet_set_capacity(k.core.net, 3000);
        fake_answer(&k.one, 200, NULL, answer);
        client_chat(&c, &k.core, CHAT);
        kit_run(&k, SL_SEC);
        expect_str(sl_buf_str(&c.body), answer);
        assert_int_equal(c.length, (int64_t)strlen(answer));
        struct core_entry e = only_entry(&k);
        assert_int_equal(e.close.usage.input, 11);
        assert_int_equal(e.close.usage.output, 22);
        client_done(&c);
        kit_close(&k);
        sl_free(answer);
    }
}

#define CHOICES "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""
#define CHOICES_END "\"},\"finish_reason\":\"stop\"}]"
#define DECOY "\\\"usage\\\":{\\\"prompt_tokens\\\":1}}]} "
#define USAGE                                                                                                          \
    "\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":22,\"total_tokens\":33,\"prompt_tokens_details\":{\"cached_tokens\":4}}"

/* An answer of about 40 KB with usage in front of its choices, between members, or behind them; its content looks like usage. */
static char *usage_at(unsigned place)
{
    static const char *const before[] = {"{" USAGE ",\"id\":\"c1\",", "{\"id\":\"c1\",", "{\"id\":\"c1\","};
    static const char *const behind[] = {"}\n", "," USAGE ",\"pad\":[{\"usage\":{\"prompt_tokens\":5}}]}",
                                         "," USAGE "}"};
    struct sl_buf b = {0};
    sl_buf_init(&b, 1u << 20);
    SL_CHECK(sl_buf_adds(&b, sl_str_c(before[place])) == SL_OK && sl_buf_adds(&b, SL_STR(CHOICES)) == SL_OK);
    for (unsigned i = 0; i < 1000; i++)
        SL_CHECK(sl_buf_adds(&b, SL_STR(DECOY "and forty bytes more of text ")) == SL_OK);
    SL_CHECK(sl_buf_adds(&b, SL_STR(CHOICES_END)) == SL_OK && sl_buf_adds(&b, sl_str_c(behind[place])) == SL_OK);
    char *text = sl_malloc(b.n + 1);
    memcpy(text, b.p, b.n);
    text[b.n] = '\0';
    sl_buf_done(&b);
    return text;
}

/* Unheld, wherever usage stands and wherever the bytes are cut: its counts exactly, nothing estimated. */
static void test_usage_of_unheld_answers(void **state)
{
    (void)state;
    for (unsigned place = 0; place < 3; place++) {
        char *answer = usage_at(place);
        size_t n = strlen(answer);
        for (size_t i = 0; i < 120; i++) {
            /* in the first and last hundred bytes each, and some between */
            size_t cut = i < 50 ? 1 + 3 * i : i < 100 ? n - 1 - 4 * (i - 50) : i * n / 123;
            char head[128];
            int h = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", n);
            const struct fake_step steps[] = {{.act = FAKE_SEND, .bytes = sl_str_of(head, (size_t)h)},
                                              {.act = FAKE_SEND, .bytes = sl_str_of(answer, cut)},
                                              {.act = FAKE_WAIT, .ns = SL_MS},
                                              {.act = FAKE_SEND, .bytes = sl_str_of(answer + cut, n - cut)},
                                              {.act = FAKE_END}};
            struct kit k;
            struct client c;
            kit_open(&k, &(struct core_options){.set = {.hold_bytes = 100}, .seed = i});
            if (i % 2 == 0)
                vnet_set_faults(k.core.net, &(struct vnet_faults){.short_read = 900000});
            fake_script(&k.one, steps);
            client_chat(&c, &k.core, CHAT);
            kit_run(&k, 5 * SL_SEC);
            expect_str(sl_buf_str(&c.body), answer);
            struct core_entry e = only_entry(&k);
            if (e.close.usage.input != 7 || e.close.usage.output != 22)
                fail_msg("place %u, cut %zu: %llu, %llu", place, cut, (unsigned long long)e.close.usage.input,
                         (unsigned long long)e.close.usage.output);
            assert_int_equal(e.close.flags & (ENTRY_ESTIMATED | ENTRY_INTERRUPTED), 0);
            assert_string_equal(e.outcome, "ok");
            client_done(&c);
            kit_close(&k);
        }
        sl_free(answer);
    }
}

/* Without a length, the end of the connection says nothing: the brackets do. And an error behind much output is passed on. */
static void test_unheld_ends(void **state)
{
    (void)state;
    char *answer = usage_at(2);
    size_t n = strlen(answer);
    const struct sl_str error = SL_STR(",\"error\":{\"message\":\"late\",\"code\":429}}");
    for (unsigned how = 0; how < 3; how++) { /* whole, cut, with an error */
        const struct fake_step steps[] = {
            {.act = FAKE_SEND,
             .bytes = SL_STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n")},
            {.act = FAKE_SEND, .bytes = sl_str_of(answer, how == 0 ? n : n - 1)},
            {.act = FAKE_SEND, .bytes = how == 2 ? error : SL_STR_NONE},
            {.act = FAKE_CLOSE}};
        struct kit k;
        struct client c;
        kit_open(&k, &(struct core_options){.set = {.hold_bytes = 100}});
        fake_script(&k.one, steps);
        client_chat(&c, &k.core, CHAT);
        kit_run(&k, 5 * SL_SEC);
        assert_int_equal(c.status, 200);
        assert_int_equal(c.reset, how == 1);
        assert_int_equal(c.last, how != 1);
        struct core_entry e = only_entry(&k);
        assert_string_equal(e.outcome, how == 0 ? "ok" : how == 1 ? "truncated" : "stream_error");
        assert_int_equal(e.close.usage.output, 22); /* what was reported was done */
        if (how == 2)
            assert_true(sl_str_ends(sl_buf_str(&c.body), error));
        client_done(&c);
        kit_close(&k);
    }
    sl_free(answer);
}

static void test_long_answer_breaks(void **state)
{
    (void)state;
    char *answer = long_answer(5000);
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct sl_str all =
        sl_arena_printf(&a, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                        strlen(answer), answer);
    for (int chunked = 0; chunked < 2; chunked++) {
        struct sl_str bytes =
            chunked ? sl_arena_printf(&a, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%zx\r\n%s\r\n",
                                      strlen(answer), answer)
                    : sl_str_head(all, all.n - 1);
        struct kit k;
        struct client c;
        kit_open(&k, &(struct core_options){.set = {.hold_bytes = 1000}});
        fake_bytes(&k.one, bytes, FAKE_CLOSE);
        client_chat(&c, &k.core, CHAT);
        kit_run(&k, SL_SEC);
        if (c.heads > 0 && c.status == 200)
            assert_true(c.reset && !c.last); /* never to be taken for whole */
        client_done(&c);
        kit_close(&k);
    }
    sl_arena_done(&a);
    sl_free(answer);
}

/* hold_bytes 0: nothing is held, also when life signs come before the first event. */
static void test_hold_nothing(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE ": waiting\n\n: waiting\n\n")},
        {.act = FAKE_WAIT, .ns = SL_SEC},
        {.act = FAKE_SEND, .bytes = SL_STR_INIT(EV_ROLE EV_A EV_STOP EV_DONE)},
        {.act = FAKE_CLOSE}};
    for (int hold = 0; hold < 2; hold++) {
        struct kit k;
        struct client c;
        kit_open(&k, &(struct core_options){.set = {.hold_bytes = hold ? 2 : 1000}});
        if (hold)
            k.core.snapshot->set.hold_bytes = 0;
        fake_script(&k.one, steps);
        client_chat(&c, &k.core, STREAM);
        kit_run(&k, 5 * SL_SEC);
        assert_true(c.released && client_has(&c, EV_ROLE EV_A EV_STOP EV_DONE));
        client_done(&c);
        kit_close(&k);
    }
}

/* ---- pressure ---- */

/* A client that takes nothing stops the provider; what is kept stays bounded; when it reads again all arrives. */
static void test_slow_client(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        struct kit k;
        struct client c;
        char *answer = long_answer(400000);
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        kit_open(&k, &(struct core_options){.set = {.hold_bytes = 1000}});
        vnet_set_capacity(k.core.net, 8000);
        if (stream) {
            struct fake_step *steps = sl_arena_zalloc(&a, 3003 * sizeof *steps);
            steps[0] = (struct fake_step){.act = FAKE_SEND, .bytes = SL_STR(SSE_CLOSE)};
            for (size_t i = 1; i <= 3000; i++)
                steps[i] = (struct fake_step){.act = FAKE_SEND, .bytes = SL_STR(EV_A)};
            steps[3001] = (struct fake_step){.act = FAKE_SEND, .bytes = SL_STR(EV_STOP EV_USAGE EV_DONE)};
            steps[3002] = (struct fake_step){.act = FAKE_CLOSE};
            fake_script(&k.one, steps);
        } else {
            fake_answer(&k.one, 200, NULL, answer);
        }
        client_chat(&c, &k.core, stream ? STREAM : CHAT);
        c.room = 0;
        kit_run(&k, 20 * SL_SEC);
        size_t at = c.body.n;
        assert_int_equal(c.heads, 1);
        assert_true(at < 100000);
        kit_run(&k, 60 * SL_SEC); /* longer than the time between bytes: nobody waits for the provider now */
        assert_int_equal(c.body.n, at);
        assert_false(c.released);
        for (int i = 0; i < 100000 && !c.released; i++) {
            client_room(&c, 1);
            c.room = 0;
            kit_run(&k, SL_MS);
        }
        assert_true(c.last);
        if (stream)
            assert_int_equal(c.body.n, 3000 * strlen(EV_A) + strlen(EV_STOP EV_DONE));
        else
            expect_str(sl_buf_str(&c.body), answer);
        assert_string_equal(only_entry(&k).outcome, "ok");
        client_done(&c);
        kit_close(&k);
        sl_arena_done(&a);
        sl_free(answer);
    }
}

/* It stalls for good: the connection says so, the provider is told. */
static void test_stalled_client(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    static const char *many[1000];
    for (int i = 0; i < 1000; i++)
        many[i] = EV_A;
    fake_stream(&k.one, many, 1000, 10 * SL_MS, true, FAKE_END);
    client_chat(&c, &k.core, STREAM);
    kit_run(&k, 100 * SL_MS);
    c.room = 0;
    kit_run(&k, SL_SEC);
    client_leave(&c, HTTP_GONE_STALLED);
    kit_run(&k, SL_SEC);
    assert_true(c.released);
    expect_str(record_member(&k, 0, "why"), "client_stalled");
    assert_int_equal(k.one.left, 1);
    struct core_entry e = only_entry(&k);
    assert_string_equal(e.outcome, "client_gone");
    assert_true((e.close.flags & ENTRY_INTERRUPTED) != 0 && e.close.usage.output > 0);
    client_done(&c);
    kit_close(&k);
}

/* ---- limits on what a provider says ---- */

static void test_provider_limits(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    char *answer = long_answer(5000);
    struct core_options o = {.retry = RETRY_POLICY_DEFAULT};
    o.retry.attempts = 1;
    o.set.answer_bytes = 4000;
    kit_open(&k, &o);
    fake_answer(&k.one, 200, NULL, answer);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 502);
    assert_true(client_has(&c, "upstream_answer_too_large"));
    client_done(&c);
    kit_close(&k);
    o.set.answer_bytes = 0;
    o.set.event_bytes = 20000;
    kit_open(&k, &o);
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    sl_buf_adds(&b, SL_STR(SSE_CLOSE "data: {\"pad\":\""));
    for (int i = 0; i < 30; i++)
        sl_buf_adds(&b, sl_str_head(sl_str_c(answer + 10), 4000));
    fake_bytes(&k.one, sl_buf_str(&b), FAKE_HANG);
    client_chat(&c, &k.core, STREAM);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 502);
    client_done(&c);
    kit_close(&k);
    sl_buf_done(&b);
    sl_free(answer);
}

/* An error body that never ends is judged by its beginning, and replaced. */
static void test_huge_error_body(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    char *answer = long_answer(200000);
    struct core_options o = {.retry = RETRY_POLICY_DEFAULT};
    o.retry.attempts = 1;
    kit_open(&k, &o);
    fake_answer(&k.one, 500, NULL, answer);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 502);
    assert_true(c.body.n < 1000 && client_has(&c, "upstream_error"));
    client_done(&c);
    kit_close(&k);
    sl_free(answer);
}

/* Price, cost header, and the record: a model of the catalogue. */
static void test_cost(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_chat(&c, &k.core,
                "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}");
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    struct core_entry e = only_entry(&k);
    assert_true(e.close.cost_p > 0);
    assert_true(client_header(&c, "x-sluice-cost").n > 0);
    assert_true(e.open.estimate_cost_p >= e.close.cost_p);
    client_done(&c);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage_is_hidden),
        cmocka_unit_test(test_events_are_not_held),
        cmocka_unit_test(test_start_is_held),
        cmocka_unit_test(test_start_is_shown_in_time),
        cmocka_unit_test(test_early_failures_are_not_seen),
        cmocka_unit_test(test_any_split),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_error_event_in_stream),
        cmocka_unit_test(test_end_is_not_waited_for),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_usage_of_unheld_answers),
        cmocka_unit_test(test_unheld_ends),
        cmocka_unit_test(test_long_answer_breaks),
        cmocka_unit_test(test_hold_nothing),
        cmocka_unit_test(test_slow_client),
        cmocka_unit_test(test_stalled_client),
        cmocka_unit_test(test_provider_limits),
        cmocka_unit_test(test_huge_error_body),
        cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests_name("exchange relay", tests, NULL, NULL);
}
