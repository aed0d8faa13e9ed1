/* The table of states; "the client leaves now", "the time is up now" and "the gateway shuts down now" in every state that
 * can wait. Whatever happens: one close for each open, nothing held, the provider told within 100 ms. */
#include "kit.h"

#include "exchange/exchange_int.h"

/* ---- the table, written down a second time ---- */

static void test_table(void **state)
{
    (void)state;
    static const struct {
        enum exchange_state from;
        enum exchange_state to[7];
        unsigned n;
    } rows[] = {
        {XS_IDENTIFY, {XS_READ_BODY, XS_ADMIT, XS_RESPOND, XS_SETTLE}, 4},
        {XS_READ_BODY, {XS_ADMIT, XS_RESPOND, XS_SETTLE}, 3},
        {XS_ADMIT, {XS_PLAN, XS_RECALL, XS_QUEUE, XS_RESPOND, XS_SETTLE}, 5},
        {XS_QUEUE, {XS_ADMIT, XS_RESPOND, XS_SETTLE}, 3},
        {XS_RECALL, {XS_PLAN, XS_TRY, XS_RESPOND, XS_SETTLE}, 4},
        {XS_PLAN, {XS_TRY, XS_RECALL, XS_RESPOND, XS_SETTLE}, 4},
        {XS_TRY, {XS_TRY, XS_MEDIA, XS_PAUSE, XS_RELAY, XS_SESSION, XS_RESPOND, XS_SETTLE}, 7},
        {XS_MEDIA, {XS_TRY, XS_RESPOND, XS_SETTLE}, 3},
        {XS_PAUSE, {XS_TRY, XS_RESPOND, XS_SETTLE}, 3},
        {XS_RELAY, {XS_TRY, XS_SETTLE}, 2},
        {XS_SESSION, {XS_SETTLE}, 1},
        {XS_RESPOND, {XS_SETTLE}, 1},
        {XS_SETTLE, {XS_DONE}, 1},
        {XS_DONE, {0}, 0},
    };
    assert_int_equal(sizeof rows / sizeof rows[0], XS_COUNT);
    for (unsigned from = 0; from < XS_COUNT; from++) {
        assert_int_equal(rows[from].from, from);
        assert_non_null(exchange_rows[from].step);
        assert_true(strlen(exchange_state_name((enum exchange_state)from)) > 0);
        for (unsigned to = 0; to < XS_COUNT; to++) {
            bool want = false;
            for (unsigned i = 0; i < rows[from].n; i++)
                want = want || rows[from].to[i] == to;
            if (exchange_may_go((enum exchange_state)from, (enum exchange_state)to) != want)
                fail_msg("%s -> %s", exchange_state_name((enum exchange_state)from),
                         exchange_state_name((enum exchange_state)to));
        }
    }
}

/* ---- places where an exchange can wait ---- */

static const struct fake_step hang[] = {{.act = FAKE_HANG}};
static const struct fake_step half_head[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-t")},
                                             {.act = FAKE_HANG}};
static const struct fake_step half_body[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":")},
    {.act = FAKE_HANG}};
#define SSE_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
static const struct fake_step no_event[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_HEAD "data: {\"choi")},
                                            {.act = FAKE_HANG}};
static const struct fake_step two_events[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_HEAD EV_ROLE EV_A)},
                                              {.act = FAKE_HANG}};
static const struct fake_step error_500[] = {
    {.act = FAKE_SEND, .bytes = SL_STR_INIT("HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\n{}")}, {.act = FAKE_END}};
static const struct fake_step big_body[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n")},
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT(
         "{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123456789\",\"pad\":\"xxxxxxxxxxxxx")},
    {.act = FAKE_HANG}};
static const struct fake_step whole_stream[] = {
    {.act = FAKE_SEND,
     .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")},
    {.act = FAKE_HANG}};

struct place {
    const char *name, *in;       /* the state as the access record tells it */
    const char *body;            /* NULL: half a body is given by hand */
    const struct fake_step *one; /* what provider one says */
    enum vnet_connect connect;
    bool synced_open, synced_close, no_sync, small_hold, one_try_more;
    unsigned opens; /* in the ledger */
    bool committed; /* the client has seen a byte */
    bool reached;   /* the provider has the request */
};

static const struct place places[] = {
    {.name = "half a body", .in = "read_body"},
    {.name = "connecting", .in = "try", .body = CHAT, .connect = VNET_CONNECT_BLACKHOLE, .opens = 1},
    {.name = "nothing answered", .in = "try", .body = CHAT, .one = hang, .opens = 1, .reached = true},
    {.name = "half a head", .in = "try", .body = CHAT, .one = half_head, .opens = 1, .reached = true},
    {.name = "half a body back", .in = "try", .body = CHAT, .one = half_body, .opens = 1, .reached = true},
    {.name = "no whole event", .in = "try", .body = STREAM, .one = no_event, .opens = 1, .reached = true},
    {.name = "stream head only", .in = "try", .body = STREAM, .one = whole_stream, .opens = 1, .reached = true},
    {.name = "open on its way to disk",
     .in = "try",
     .body = CHAT,
     .one = hang,
     .synced_open = true,
     .no_sync = true,
     .opens = 1},
    {.name = "back-off", .in = "pause", .body = CHAT, .one = error_500, .opens = 1, .reached = true},
    {.name = "relaying events",
     .in = "relay",
     .body = STREAM,
     .one = two_events,
     .opens = 1,
     .committed = true,
     .reached = true},
    {.name = "relaying a long answer",
     .in = "relay",
     .body = CHAT,
     .one = big_body,
     .small_hold = true,
     .opens = 1,
     .committed = true,
     .reached = true},
};

static const struct place *at_place;

static void enter(struct kit *k, struct client *c, const struct place *p, int64_t total_ns)
{
    struct core_options o = {.deadlines = {.total_due_ns = total_ns}, .retry = RETRY_POLICY_DEFAULT};
    struct sl_addr one = core_addr(CORE_ONE, 80);
    at_place = p;
    o.set.open_synced = p->synced_open;
    o.set.close_synced = p->synced_close;
    o.set.hold_bytes = p->small_hold ? 64 : 0;
    o.sync_ns = p->no_sync ? -1 : SL_MS;
    o.retry.base_ns = o.retry.cap_ns = 3600 * SL_SEC; /* a back-off that is never over */
    o.deadlines.first_byte_ns = o.deadlines.between_ns = o.deadlines.connect_ns = 3600 * SL_SEC;
    o.set.answer_ns = 3600 * SL_SEC;
    if (total_ns == 0)
        o.deadlines.total_due_ns = 7200 * SL_SEC;
    else
        o.retry.base_ns = o.retry.cap_ns = total_ns / 2;
    kit_open(k, &o);
    if (p->connect != VNET_CONNECT_OK)
        vnet_set_connect(k->core.net, &one, p->connect, 0);
    if (p->one != NULL) {
        fake_script(&k->one, p->one);
        fake_script(&k->one, hang); /* the second try, if the time comes */
    }
    if (p->body != NULL) {
        client_chat(c, &k->core, p->body);
    } else {
        client_send(c, &k->core, &(struct ask){.path = "/v1/chat/completions", .key = CORE_KEY, .body_by_hand = true});
        client_give(c, SL_STR("{\"model\":\"so"), false);
    }
    kit_run(k, 50 * SL_MS);
    if (c->released || k->one.requests != p->reached)
        fail_msg("%s: not where it should wait (%u requests, status %d)", p->name, k->one.requests, c->status);
    if (c->heads != p->committed)
        fail_msg("%s: %u heads", p->name, c->heads);
}

static void check_ledger(struct kit *k, const struct place *p, const char *outcome)
{
    struct core_ledger l = kit_ledger(k);
    if (l.n != p->opens)
        fail_msg("%s: %zu opens", p->name, l.n);
    for (size_t i = 0; i < l.n; i++) {
        assert_int_equal(l.v[i].closes, 1);
        bool sent = (l.v[i].close.flags & ENTRY_NOT_SENT) == 0;
        if (sent != p->reached)
            fail_msg("%s: sent is %d", p->name, sent);
        if (outcome != NULL && strcmp(p->in, "pause") != 0 && strcmp(l.v[i].outcome, outcome) != 0)
            fail_msg("%s: outcome %s instead of %s", p->name, l.v[i].outcome, outcome);
        if (sent && strcmp(l.v[i].outcome, "server_error") != 0)
            assert_true((l.v[i].close.flags & (ENTRY_ESTIMATED | ENTRY_PARTIAL)) == (ENTRY_ESTIMATED | ENTRY_PARTIAL));
    }
    core_ledger_free(&l);
}

static void expect_member(struct kit *k, const char *name, const char *want)
{
    struct sl_str got = record_member(k, 0, name);
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("%s: %s is '" SL_STR_FMT "' instead of '%s'", at_place->name, name, SL_STR_ARG(got), want);
}

static void test_client_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place *p = &places[i];
        struct kit k;
        struct client c;
        enter(&k, &c, p, 0);
        bool was_there = p->reached && strcmp(p->in, "pause") != 0;
        int64_t left = vnet_now(k.core.net);
        client_leave(&c, i % 2 == 0 ? HTTP_GONE_CLOSED : HTTP_GONE_RESET);
        kit_run(&k, SL_SEC);
        assert_true(c.released);
        if (k.one.left != was_there)
            fail_msg("%s: the provider was not told", p->name);
        if (was_there)
            assert_true(k.one.left_ns - left <= 100 * SL_MS);
        expect_member(&k, "by", "client");
        expect_member(&k, "in", p->in);
        expect_member(&k, "why", "client_gone");
        expect_member(&k, "status", p->committed ? "200" : "0");
        check_ledger(&k, p, "client_gone");
        client_done(&c);
        kit_close(&k);
    }
}

static void test_shutdown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place *p = &places[i];
        struct kit k;
        struct client c;
        enter(&k, &c, p, 0);
        exchange_end_all(&k.core.env);
        kit_run(&k, SL_SEC);
        assert_true(c.released);
        expect_member(&k, "by", "gateway");
        expect_member(&k, "in", p->in);
        expect_member(&k, "why", "shutdown");
        check_ledger(&k, p, "cancelled");
        if (c.heads > 0)
            assert_false(c.last && !c.reset);
        client_done(&c);
        kit_close(&k);
    }
}

/* The total deadline: a clean refusal before the first byte, a visible break behind it. */
static void test_time_is_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct place *p = &places[i];
        struct kit k;
        struct client c;
        enter(&k, &c, p, 10 * SL_SEC);
        int64_t began = c.pub.began_ns;
        kit_run(&k, 20 * SL_SEC);
        if (!c.released)
            fail_msg("%s: still live", p->name);
        expect_member(&k, "by", "gateway");
        if (p->committed && p->small_hold) {
            assert_true(c.reset && !c.last);
        } else if (p->committed) {
            assert_true(c.last && client_has(&c, "\"error\"") && !client_has(&c, "[DONE]"));
        } else {
            int want = p->body == NULL ? 408 : p->synced_open ? 503 : 504;
            if (c.status != want)
                fail_msg("%s: status %d", p->name, c.status);
            assert_true(c.head_ns - began >= 10 * SL_SEC && c.head_ns - began <= 10 * SL_SEC + 10 * SL_MS);
        }
        if (strcmp(p->in, "pause") != 0)
            check_ledger(&k, p, "total_timeout");
        client_done(&c);
        kit_close(&k);
    }
}

/* A body that stops: the connection says so, the client hears 408. */
static void test_body_slow(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    enter(&k, &c, &places[0], 0);
    client_leave(&c, HTTP_GONE_BODY_SLOW);
    kit_run(&k, 0);
    assert_int_equal(c.status, 408);
    assert_true(c.last && client_has(&c, "request_timeout"));
    expect_member(&k, "why", "request_timeout");
    client_done(&c);
    assert_int_equal(kit_close(&k), 0);
}

/* Bytes of the body that come after it was refused, or after the client left, meet nobody. */
static void test_late_body(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &(struct core_options){.set = {.body_bytes = 100}});
    client_send(&c, &k.core, &(struct ask){.path = "/v1/chat/completions", .key = CORE_KEY, .body_by_hand = true});
    char big[200];
    memset(big, ' ', sizeof big);
    client_give(&c, sl_str_of(big, 101), false);
    assert_false(c.reading);
    client_give(&c, sl_str_of(big, 50), false);
    client_give(&c, sl_str_of(big, 50), true);
    kit_run(&k, 0);
    assert_int_equal(c.status, 413);
    client_done(&c);
    client_send(&c, &k.core, &(struct ask){.path = "/v1/chat/completions", .key = CORE_KEY, .body_by_hand = true});
    client_leave(&c, HTTP_GONE_CLOSED);
    client_give(&c, SL_STR(CHAT), true);
    kit_run(&k, 0);
    assert_true(c.released && c.heads == 0);
    client_done(&c);
    assert_int_equal(kit_close(&k), 0);
}

/* Everything at once in one turn: the answer is whole, its connection ends, the client leaves. What is known is booked. */
static void test_whole_answer_and_gone(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        struct kit k;
        struct client c;
        kit_open(&k, NULL);
        if (stream)
            fake_bytes(&k.one, SL_STR(SSE_HEAD EV_ROLE EV_A EV_STOP EV_USAGE EV_DONE), FAKE_CLOSE);
        else
            fake_answer(&k.one, 200, NULL, ANSWER);
        client_chat(&c, &k.core, stream ? STREAM : CHAT);
        /* turn by turn, until the answer is there and before the exchange has seen it: then the client is gone, too */
        struct exchange *x = c.pub.x;
        for (int i = 0; i < 1000 && !c.released; i++) {
            vnet_run(k.core.net, NULL, NULL, 0);
            if (x->over || c.released)
                break;
        }
        client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, SL_SEC);
        assert_true(c.released);
        struct core_ledger l = kit_ledger(&k);
        assert_int_equal(l.n, 1);
        assert_int_equal(l.v[0].close.usage.output, stream ? 2 : 3);
        core_ledger_free(&l);
        client_done(&c);
        kit_close(&k);
    }
}

/* The same with the news brought in by hand, in one turn. */
static void test_over_and_gone_in_one_turn(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_script(&k.one, hang);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    struct exchange *x = c.pub.x;
    static const struct http_response head = {.status = 200, .content_length = sizeof ANSWER - 1};
    struct attempt_result r;
    attempt_cancel(x->attempt, false, &r);
    exchange_attempt_owner.on_head(x, &head);
    exchange_attempt_owner.on_body(x, SL_STR(ANSWER));
    r.outcome = OUT_OK;
    r.detail = "";
    exchange_attempt_owner.on_over(x, &r);
    client_leave(&c, HTTP_GONE_CLOSED);
    kit_run(&k, SL_SEC);
    struct core_ledger l = kit_ledger(&k);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.v[0].close.usage.output, 3); /* the whole answer was here: nothing is estimated */
    assert_int_equal(l.v[0].close.flags & ENTRY_ESTIMATED, 0);
    core_ledger_free(&l);
    client_done(&c);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_time_is_up),
        cmocka_unit_test(test_body_slow),
        cmocka_unit_test(test_late_body),
        cmocka_unit_test(test_whole_answer_and_gone),
        cmocka_unit_test(test_over_and_gone_in_one_turn),
    };
    return cmocka_run_group_tests_name("exchange states", tests, NULL, NULL);
}
