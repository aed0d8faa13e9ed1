/* Every way in which an attempt can end, as the exchange shows it: what is tried next and when, what the client gets, what
 * the ledger says. The decision itself (retry_decide) is tested in upstream/; here it is its visible effect. */
#include "kit.h"

#include "upstream/outcome.h"

static const struct fake_step hang[] = {{.act = FAKE_HANG}};
static const struct fake_step reset[] = {{.act = FAKE_RESET}};
static const struct fake_step fin[] = {{.act = FAKE_CLOSE}};
static const struct fake_step garbage[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT("\x01\x02 nonsense\r\n\r\n")},
                                           {.act = FAKE_CLOSE}};
static const struct fake_step cut_head[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncont")},
                                            {.act = FAKE_CLOSE}};
static const struct fake_step cut_body[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{\"id\":1")},
    {.act = FAKE_CLOSE}};
static const struct fake_step reset_body[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{\"id\":1")},
    {.act = FAKE_WAIT, .ns = SL_MS},
    {.act = FAKE_RESET}};
static const struct fake_step stalled_body[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{\"id\":1")},
    {.act = FAKE_HANG}};
static const struct fake_step no_json[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n]][[")},
    {.act = FAKE_END}};
static const struct fake_step error_in_200[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
                          "{\"error\":{\"message\":\"no\",\"code\":1}}")},
    {.act = FAKE_CLOSE}};
#define ERROR(status, extra, type, code)                                                                               \
    {                                                                                                                  \
        {.act = FAKE_SEND,                                                                                             \
         .bytes = SL_STR_INIT("HTTP/1.1 " status " X\r\ncontent-type: application/json\r\n" extra                      \
                              "connection: close\r\n\r\n"                                                              \
                              "{\"error\":{\"message\":\"the provider's words\",\"type\":\"" type                      \
                              "\",\"param\":null,\"code\":\"" code "\"}}")},                                           \
            {.act = FAKE_CLOSE},                                                                                       \
    }
static const struct fake_step e400[] = ERROR("400", "", "invalid_request_error", "bad_value");
static const struct fake_step context[] = ERROR("400", "", "invalid_request_error", "context_length_exceeded");
static const struct fake_step filter[] = ERROR("400", "", "invalid_request_error", "content_policy_violation");
static const struct fake_step e401[] = ERROR("401", "", "invalid_request_error", "invalid_api_key");
static const struct fake_step e403[] = ERROR("403", "", "permission_error", "country");
static const struct fake_step e404[] = ERROR("404", "", "invalid_request_error", "model_not_found");
static const struct fake_step e413[] = ERROR("413", "", "invalid_request_error", "large");
static const struct fake_step e429[] = ERROR("429", "retry-after: 2\r\n", "rate_limit_error", "rate_limit_exceeded");
static const struct fake_step e429_ms[] =
    ERROR("429", "retry-after-ms: 700\r\nretry-after: 5\r\n", "rate_limit_error", "rate_limit_exceeded");
static const struct fake_step e429_ages[] =
    ERROR("429", "retry-after: 1000000000\r\n", "rate_limit_error", "rate_limit_exceeded");
static const struct fake_step quota[] = ERROR("429", "", "insufficient_quota", "insufficient_quota");
static const struct fake_step e500[] = ERROR("500", "", "server_error", "oops");
static const struct fake_step e503[] = ERROR("503", "", "service_unavailable_error", "server_is_overloaded");
static const struct fake_step e302[] = ERROR("302", "location: http://10.0.0.1/\r\n", "x", "y");
static const struct fake_step stream_error[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT(
         "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n")},
    {.act = FAKE_CLOSE}};
static const struct fake_step stream_cut[] = {
    {.act = FAKE_SEND, .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"cho")},
    {.act = FAKE_CLOSE}};

#define PLAIN(status, extra, body)                                                                                     \
    {                                                                                                                  \
        {.act = FAKE_SEND, .bytes = SL_STR_INIT("HTTP/1.1 " status " X\r\n" extra "connection: close\r\n\r\n" body)},  \
            {.act = FAKE_CLOSE},                                                                                       \
    }
#define EVENT(body) PLAIN("200", "content-type: text/event-stream\r\n", "data: " body "\n\n")
static const struct fake_step stream_oops[] = EVENT("{\"error\":{\"message\":\"no\",\"type\":\"server_error\"}}");
static const struct fake_step stream_context[] =
    EVENT("{\"error\":{\"message\":\"the provider's words\",\"code\":\"context_length_exceeded\"}}");
static const struct fake_step fault_in_200[] =
    PLAIN("200", "content-type: application/json\r\n",
          "{\"error\":{\"message\":\"the provider's words\",\"type\":\"invalid_request_error\"}}");
static const struct fake_step quota_in_200[] = PLAIN(
    "200", "content-type: application/json\r\n", "{\"error\":{\"message\":\"no\",\"code\":\"insufficient_quota\"}}");
static const struct fake_step context_500[] =
    PLAIN("500", "content-type: application/json\r\n",
          "{\"message\":\"the provider's words: maximum context length is 4096\"}");
static const struct fake_step google_list[] =
    PLAIN("400", "content-type: application/json\r\n",
          "[{\"error\":{\"code\":400,\"message\":\"the provider's words\",\"status\":\"INVALID_ARGUMENT\"}}]");
static const struct fake_step page_400[] =
    PLAIN("400", "content-type: text/html\r\n", "<html><title>400 the provider's words</title></html>");
static const struct fake_step page_502[] =
    PLAIN("502", "content-type: text/html\r\n", "<html><title>502</title></html>");
static const struct fake_step aws_429[] =
    PLAIN("429", "x-amzn-errortype: ThrottlingException:http://internal/\r\n", "{\"message\":\"Too many requests\"}");

struct end {
    const char *name, *outcome; /* in the ledger */
    const struct fake_step *one;
    bool stream;
    enum vnet_connect connect;
    bool moves;       /* with another target left, it is asked at once */
    bool same;        /* with no other target, the same is asked later */
    int status;       /* to the client when it is the last word */
    const char *code; /* in its body */
    bool passed;      /* the provider's own words are what the client gets */
    bool sent, billed;
};

static const struct end ends[] = {
    {"refused connect", "connect_refused", NULL, .connect = VNET_CONNECT_REFUSED, .moves = true, .same = true,
     .status = 502, .code = "upstream_unreachable"},
    {"no route", "connect_refused", NULL, .connect = VNET_CONNECT_NO_ROUTE, .moves = true, .same = true, .status = 502,
     .code = "upstream_unreachable"},
    {"blackhole", "connect_timeout", NULL, .connect = VNET_CONNECT_BLACKHOLE, .moves = true, .same = true,
     .status = 504, .code = "upstream_timeout"},
    {"silence", "first_byte_timeout", hang, .moves = true, .same = true, .status = 504, .code = "upstream_timeout",
     .sent = true, .billed = true},
    {"closed before the answer", "reset", fin, .same = true, .status = 502, .code = "upstream_error", .sent = true,
     .billed = true},
    {"reset before the answer", "reset", reset, .same = true, .status = 502, .code = "upstream_error", .sent = true,
     .billed = true},
    {"no HTTP", "malformed", garbage, .moves = true, .same = true, .status = 502, .code = "upstream_malformed",
     .sent = true, .billed = true},
    {"cut head", "truncated", cut_head, .moves = true, .same = true, .status = 502, .code = "upstream_truncated",
     .sent = true, .billed = true},
    {"cut body", "truncated", cut_body, .moves = true, .same = true, .status = 502, .code = "upstream_truncated",
     .sent = true, .billed = true},
    {"reset body", "reset", reset_body, .same = true, .status = 502, .code = "upstream_error", .sent = true,
     .billed = true},
    {"stalled body", "between_bytes_timeout", stalled_body, .moves = true, .same = true, .status = 504,
     .code = "upstream_timeout", .sent = true, .billed = true},
    {"no JSON", "malformed", no_json, .moves = true, .same = true, .status = 502, .code = "upstream_malformed",
     .sent = true, .billed = true},
    {"an error in a 200", "stream_error", error_in_200, .moves = true, .same = true, .status = 502,
     .code = "upstream_error", .sent = true},
    {"400", "client_fault", e400, .status = 400, .code = "bad_value", .passed = true, .sent = true},
    {"413", "client_fault", e413, .status = 413, .code = "large", .passed = true, .sent = true},
    {"context", "context_overflow", context, .moves = true, .status = 400, .code = "context_length_exceeded",
     .passed = true, .sent = true},
    {"filter", "content_filter", filter, .status = 400, .code = "content_policy_violation", .passed = true,
     .sent = true},
    {"401", "bad_credentials", e401, .moves = true, .status = 502, .code = "upstream_credentials_refused",
     .sent = true},
    {"403", "forbidden", e403, .moves = true, .status = 502, .code = "upstream_forbidden", .sent = true},
    {"404", "model_gone", e404, .moves = true, .status = 404, .code = "model_not_found", .passed = true, .sent = true},
    {"429", "rate_limited", e429, .moves = true, .same = true, .status = 429, .code = "upstream_rate_limited",
     .sent = true},
    {"429 for ages", "rate_limited", e429_ages, .moves = true, .status = 429, .code = "upstream_rate_limited",
     .sent = true},
    {"quota", "quota_exhausted", quota, .moves = true, .status = 502, .code = "upstream_quota_exhausted", .sent = true},
    {"500", "server_error", e500, .moves = true, .same = true, .status = 500, .code = "oops", .passed = true,
     .sent = true},
    {"503", "overloaded", e503, .moves = true, .same = true, .status = 503, .code = "server_is_overloaded",
     .passed = true, .sent = true},
    {"302", "redirect", e302, .moves = true, .status = 502, .code = "upstream_redirect_refused", .sent = true},
    {"error event first", "overloaded", stream_error, .stream = true, .moves = true, .same = true, .status = 503,
     .code = "upstream_overloaded", .sent = true},
    {"unnamed error event", "stream_error", stream_oops, .stream = true, .moves = true, .same = true, .status = 502,
     .code = "upstream_error", .sent = true},
    {"too long, in an event", "context_overflow", stream_context, .stream = true, .moves = true, .status = 400,
     .code = "context_length_exceeded", .passed = true, .sent = true},
    {"refused in a 200", "client_fault", fault_in_200, .status = 400, .code = "bad_request", .passed = true,
     .sent = true},
    {"quota in a 200", "quota_exhausted", quota_in_200, .moves = true, .status = 502,
     .code = "upstream_quota_exhausted", .sent = true},
    {"too long, with a 500", "context_overflow", context_500, .moves = true, .status = 400,
     .code = "context_length_exceeded", .passed = true, .sent = true},
    {"Google's list", "client_fault", google_list, .status = 400, .code = "bad_request", .passed = true, .sent = true},
    {"a page with 400", "client_fault", page_400, .status = 400, .code = "bad_request", .sent = true},
    {"a name in a header", "rate_limited", aws_429, .moves = true, .same = true, .status = 429,
     .code = "upstream_rate_limited", .sent = true},
    {"nothing but a page", "server_error", page_502, .moves = true, .same = true, .status = 502,
     .code = "upstream_error", .sent = true},
    {"stream cut first", "truncated", stream_cut, .stream = true, .moves = true, .same = true, .status = 502,
     .code = "upstream_truncated", .sent = true, .billed = true},
};

static void open_end(struct kit *k, const struct end *e, unsigned attempts)
{
    struct core_options o = {.retry = RETRY_POLICY_DEFAULT};
    o.retry.attempts = attempts;
    o.deadlines.first_byte_ns = o.set.answer_ns = 10 * SL_SEC;
    o.deadlines.between_ns = 10 * SL_SEC;
    kit_open(k, &o);
    struct sl_addr one = core_addr(CORE_ONE, 80);
    if (e->connect != VNET_CONNECT_OK)
        vnet_set_connect(k->core.net, &one, e->connect, 0);
    if (e->one != NULL)
        fake_script(&k->one, e->one);
}

static void check_try(const struct end *e, const struct core_entry *t)
{
    if (strcmp(t->outcome, e->outcome) != 0)
        fail_msg("%s: the ledger says %s", e->name, t->outcome);
    if (((t->close.flags & ENTRY_NOT_SENT) == 0) != e->sent)
        fail_msg("%s: sent is wrong", e->name);
    bool billed = (t->close.flags & ENTRY_ESTIMATED) != 0;
    if (billed != e->billed)
        fail_msg("%s: billed is %d", e->name, billed);
    if (!e->billed)
        assert_int_equal(t->close.cost_p, 0);
}

/* It is the last word: what the client gets. */
static void test_last_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const struct end *e = &ends[i];
        struct kit k;
        struct client c;
        open_end(&k, e, 1);
        client_chat(&c, &k.core, e->stream ? STREAM : CHAT);
        kit_run(&k, 60 * SL_SEC);
        if (c.status != e->status || !client_has(&c, e->code))
            fail_msg("%s: got %d " SL_STR_FMT, e->name, c.status, SL_STR_ARG(sl_buf_str(&c.body)));
        if (client_has(&c, "the provider's words") != e->passed)
            fail_msg("%s: whose words? " SL_STR_FMT, e->name, SL_STR_ARG(sl_buf_str(&c.body)));
        assert_true(c.last && !c.reset);
        assert_true(client_header(&c, "x-should-retry").n > 0 || c.status == 429);
        expect_str(client_header(&c, "x-sluice-target"), "one/up-solo");
        assert_int_equal(k.two.accepted, 0);
        struct core_ledger l = kit_ledger(&k);
        assert_int_equal(l.n, 1);
        check_try(e, &l.v[0]);
        core_ledger_free(&l);
        expect_str(record_member(&k, 0, "outcome"), e->outcome);
        client_done(&c);
        kit_close(&k);
    }
}

/* Another target is left. */
static void test_next_target(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const struct end *e = &ends[i];
        struct kit k;
        struct client c;
        open_end(&k, e, 2);
        bool tried_same = !e->moves && e->same; /* the same target comes first */
        struct fake *second = tried_same ? &k.one : &k.two;
        if (e->stream)
            fake_bytes(
                second,
                SL_STR(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A EV_STOP EV_USAGE EV_DONE),
                FAKE_CLOSE);
        else
            fake_answer(second, 200, NULL, ANSWER);
        int64_t began = vnet_now(k.core.net);
        client_chat(&c, &k.core, e->stream ? STREAM_PAIR : CHAT_PAIR);
        kit_run(&k, 60 * SL_SEC);
        bool again = e->moves || e->same;
        if (c.status != (again ? 200 : e->status))
            fail_msg("%s: got %d " SL_STR_FMT, e->name, c.status, SL_STR_ARG(sl_buf_str(&c.body)));
        assert_int_equal(k.two.requests, e->moves);
        struct core_ledger l = kit_ledger(&k);
        assert_int_equal(l.n, again ? 2 : 1);
        check_try(e, &l.v[0]);
        if (again) {
            assert_string_equal(l.v[1].outcome, "ok");
            assert_true(sl_id_eq(l.v[0].open.exchange, l.v[1].open.exchange));
            assert_int_equal(l.v[1].open.number, 2);
            expect_str(client_header(&c, "x-sluice-attempts"), "2");
            expect_str(client_header(&c, "x-sluice-target"), e->moves ? "two/up-b" : "one/up-a");
            assert_true(client_header(&c, "x-sluice-reason").n > 0);
        }
        /* moving on is immediate */
        if (e->moves && e->connect != VNET_CONNECT_BLACKHOLE && e->one != hang && e->one != stalled_body)
            assert_true(c.head_ns - began < 50 * SL_MS);
        core_ledger_free(&l);
        assert_int_equal(core_count(&k.core, TEL_RETRIES), again);
        client_done(&c);
        kit_close(&k);
    }
}

/* No other target: the same one, after at least the wait that it asked for. */
static void test_same_target(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const struct end *e = &ends[i];
        struct kit k;
        struct client c;
        struct sl_addr one = core_addr(CORE_ONE, 80);
        open_end(&k, e, 2);
        if (e->stream)
            fake_bytes(
                &k.one,
                SL_STR(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A EV_STOP EV_USAGE EV_DONE),
                FAKE_CLOSE);
        else
            fake_answer(&k.one, 200, NULL, ANSWER);
        int64_t began = vnet_now(k.core.net);
        client_chat(&c, &k.core, e->stream ? STREAM : CHAT);
        kit_run(&k, SL_MS);
        if (e->connect != VNET_CONNECT_OK)
            vnet_set_connect(k.core.net, &one, VNET_CONNECT_OK, 0);
        kit_run(&k, 60 * SL_SEC);
        if (c.status != (e->same ? 200 : e->status))
            fail_msg("%s: got %d " SL_STR_FMT, e->name, c.status, SL_STR_ARG(sl_buf_str(&c.body)));
        if (e->one == e429)
            assert_true(c.head_ns - began >= 2 * SL_SEC && c.head_ns - began <= 2 * SL_SEC + 260 * SL_MS);
        struct core_ledger l = kit_ledger(&k);
        assert_int_equal(l.n, e->same ? 2 : 1);
        core_ledger_free(&l);
        client_done(&c);
        kit_close(&k);
    }
}

static void test_waits(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_script(&k.one, e429_ms);
    fake_answer(&k.one, 200, NULL, ANSWER);
    int64_t began = vnet_now(k.core.net);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, 60 * SL_SEC);
    assert_int_equal(c.status, 200);
    assert_true(c.head_ns - began >= 700 * SL_MS && c.head_ns - began <= 960 * SL_MS);
    assert_true(record_member(&k, 0, "pause_us").n > 0);
    client_done(&c);
    kit_close(&k);
    /* a wait that the policy does not allow: told to the client instead */
    kit_open(&k, NULL);
    fake_script(&k.one, e429_ages);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, 60 * SL_SEC);
    assert_int_equal(c.status, 429);
    expect_str(client_header(&c, "retry-after"), "86400");
    client_done(&c);
    kit_close(&k);
}

/* Waits that stand elsewhere: in the body, in the message, in a limit's reset, beside an error in a 200. */
static void test_waits_elsewhere(void **state)
{
    (void)state;
    static const struct fake_step delay[] =
        PLAIN("429", "",
              "{\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\",\"details\":[{"
              "\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"1.5s\"}]}}");
    static const struct fake_step words[] =
        PLAIN("429", "", "{\"error\":{\"message\":\"Rate limit. Please try again in 1s500ms.\"}}");
    static const struct fake_step limit[] =
        PLAIN("429", "x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 1500ms\r\n", "{\"error\":{}}");
    static const struct fake_step inside[] = PLAIN("200", "content-type: application/json\r\nretry-after-ms: 1500\r\n",
                                                   "{\"error\":{\"message\":\"no\",\"type\":\"rate_limit_error\"}}");
    static const struct fake_step event[] =
        PLAIN("200", "content-type: text/event-stream\r\nretry-after-ms: 1500\r\n",
              "data: {\"error\":{\"message\":\"no\",\"type\":\"rate_limit_error\"}}\n\n");
    static const struct fake_step *const all[] = {delay, words, limit, inside, event};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct kit k;
        struct client c;
        kit_open(&k, NULL);
        fake_script(&k.one, all[i]);
        if (all[i] == event)
            fake_bytes(
                &k.one,
                SL_STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A EV_STOP EV_DONE),
                FAKE_CLOSE);
        else
            fake_answer(&k.one, 200, NULL, ANSWER);
        int64_t began = vnet_now(k.core.net);
        client_chat(&c, &k.core, all[i] == event ? STREAM : CHAT);
        kit_run(&k, 60 * SL_SEC);
        if (c.status != 200 || c.head_ns - began < 1500 * SL_MS || c.head_ns - began > 1800 * SL_MS)
            fail_msg("%zu: %d after %lld ms", i, c.status, (long long)((c.head_ns - began) / SL_MS));
        client_done(&c);
        kit_close(&k);
    }
    /* beside an answer it means nothing */
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_answer(&k.one, 200, "retry-after: 30\r\n", ANSWER);
    int64_t began = vnet_now(k.core.net);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_true(c.status == 200 && c.last && c.head_ns - began < 50 * SL_MS);
    client_done(&c);
    kit_close(&k);
}

/* A target that always fails: as often as the policy says, no more; every try has its line. */
static void test_attempts_are_bounded(void **state)
{
    (void)state;
    for (unsigned attempts = 1; attempts <= 40; attempts += 13) {
        struct kit k;
        struct client c;
        struct core_options o = {.retry = RETRY_POLICY_DEFAULT};
        o.retry.attempts = attempts;
        kit_open(&k, &o);
        for (unsigned i = 0; i < 60 && i < FAKE_SCRIPTS_MAX; i++)
            fake_script(&k.one, e500);
        client_chat(&c, &k.core, CHAT);
        kit_run(&k, 500 * SL_SEC);
        unsigned want = attempts < 16 ? attempts : 16;
        assert_int_equal(k.one.requests, want);
        assert_true(c.released && c.status >= 500);
        client_done(&c);
        assert_int_equal(kit_close(&k), want);
    }
}

static void test_fallback_can_be_refused(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_script(&k.one, e401);
    client_chat(
        &c, &k.core,
        "{\"model\":\"pair\",\"fallback\":false,\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}]}");
    kit_run(&k, 60 * SL_SEC);
    assert_int_equal(c.status, 502);
    assert_int_equal(k.two.accepted, 0);
    client_done(&c);
    assert_int_equal(kit_close(&k), 1);
}

/* Usage that one try reported is not booked again for the next, which told nothing before the client left. */
static void test_usage_of_an_earlier_try(void **state)
{
    (void)state;
    static const struct fake_step first[] = {
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT(
             "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
             "{\"error\":{\"message\":\"no\"},\"usage\":{\"prompt_tokens\":7000,\"completion_tokens\":50,\"total_tokens\":7050}}")},
        {.act = FAKE_CLOSE}};
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_script(&k.one, first);
    fake_script(&k.two, stalled_body);
    client_chat(&c, &k.core, CHAT_PAIR);
    kit_run(&k, SL_SEC);
    client_leave(&c, HTTP_GONE_CLOSED);
    kit_run(&k, SL_SEC);
    struct core_ledger l = kit_ledger(&k);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.v[0].close.usage.input, 7000);
    assert_true(l.v[1].close.usage.input < 100);
    assert_true((l.v[1].close.flags & ENTRY_ESTIMATED) != 0);
    core_ledger_free(&l);
    client_done(&c);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_word),
        cmocka_unit_test(test_next_target),
        cmocka_unit_test(test_same_target),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_waits_elsewhere),
        cmocka_unit_test(test_attempts_are_bounded),
        cmocka_unit_test(test_fallback_can_be_refused),
        cmocka_unit_test(test_usage_of_an_earlier_try),
    };
    return cmocka_run_group_tests_name("exchange outcomes", tests, NULL, NULL);
}
