/* Attempts over HTTP/1: every state meets what can happen in it. */
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static bool says(const char *text, const char *part)
{
    return sl_str_find_str(sl_str_c(text), sl_str_c(part)) >= 0;
}

static void check_over(const struct probe *p, enum outcome o, enum attempt_state at, const char *text)
{
    const struct attempt_result *r = &p->result;
    if (r->outcome == o && r->at == at && says(r->detail, text))
        return;
    fail_msg("over with %s in %s: '%s'", outcome_row(r->outcome)->name.p, attempt_state_name(r->at), r->detail);
}

static void one_exchange(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    vnet_set_faults(k.net,
                    &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS, .connect_min_ns = 2 * SL_MS});
    k.server.delay_ns = 10 * SL_MS;
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.status, 200);
    assert_int_equal(p.got.n, 13);
    assert_memory_equal(p.got.p, "{\"ok\": true}\n", 13);
    assert_true(p.result.sent);
    assert_false(p.result.reused);
    assert_false(p.result.h2);
    assert_int_equal(p.result.state_us[AS_RESOLVE], 5000);
    assert_int_equal(p.result.state_us[AS_CONNECT], 2000);
    assert_int_equal(p.result.state_us[AS_HEAD], 12000);
    assert_int_equal(p.result.first_byte_us, 19000);
    assert_int_equal(p.result.bytes_in, sizeof ANSWER_LENGTH - 1);
    static const char expect[] =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: api.example:443\r\n"
        "authorization: Bearer sk-test\r\ncontent-type: application/json\r\ncontent-length: 30\r\n\r\n"
        "{\"model\": \"m\", \"messages\": []}";
    assert_int_equal(k.server.last.n, sizeof expect - 1);
    assert_memory_equal(k.server.last.p, expect, sizeof expect - 1);
    assert_int_equal(p.result.bytes_out, sizeof expect - 1);
    probe_done(&p);
    kit_close(&k);
}

static void chunks_and_until_close(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    k.server.answer = SL_STR(ANSWER_CHUNKED);
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_string_equal("data: 1\n\ndata: 2\n\ndata: [DONE]\n\n", (sl_buf_addc(&p.got, 0), p.got.p));
    probe_done(&p);
    k.server.answer = SL_STR(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of it");
    k.server.end = END_FIN;
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.heads, 1);
    assert_int_equal(p.got.n, 9);
    assert_true(p.result.reused);
    probe_done(&p);
    assert_int_equal(upstream_stats(k.up)->idle, 0);
    k.server.answer = SL_STR("HTTP/1.1 204 No Content\r\n\r\n");
    k.server.end = END_KEEP;
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.got.n, 0);
    assert_int_equal(upstream_stats(k.up)->idle, 1);
    probe_done(&p);
    k.server.answer = SL_STR("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n");
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.status, 302); /* told, never followed */
    assert_int_equal(vnet_connects(k.net, NULL), 2);
    probe_done(&p);
    kit_close(&k);
}

/* 200 events, `gap` apart: how often their bytes were passed on, and how long the longest of them waited, in ns. */
static unsigned deliveries(struct kit *k, int64_t gap, int64_t *out_longest)
{
    static const char event[] = "9\r\ndata: 1\n\n\r\n", end[] = "0\r\n\r\n";
    struct probe p;
    unsigned times = 0;
    size_t had = 0;
    int64_t oldest = SL_NEVER; /* when the first byte was written that is not passed on */
    *out_longest = 0;
    k->server.answer =
        SL_STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    probe_init(&p, k);
    probe_start(&p);
    while (p.heads == 0)
        vnet_pass(k->net, SL_MS);
    struct server_conn *c = SL_CONTAINER_OF(k->server.conns.prev, struct server_conn, node);
    for (unsigned i = 0; i < 200 || p.got.n < 200 * 9; i++) {
        size_t n;
        if (i < 200)
            assert_int_equal(sl_tcp_write(&c->tcp, &(struct iovec){(void *)(uintptr_t)event, sizeof event - 1}, 1, &n),
                             SL_IO_OK);
        oldest = oldest == SL_NEVER ? sl_loop_now(&k->loop) : oldest;
        vnet_pass(k->net, gap);
        if (p.got.n == had)
            continue;
        int64_t waited = sl_loop_now(&k->loop) - oldest;
        *out_longest = waited > *out_longest ? waited : *out_longest;
        had = p.got.n;
        oldest = SL_NEVER;
        times++;
    }
    assert_int_equal(p.got.n, 200 * 9);
    size_t n;
    assert_int_equal(sl_tcp_write(&c->tcp, &(struct iovec){(void *)(uintptr_t)end, sizeof end - 1}, 1, &n), SL_IO_OK);
    assert_int_equal(probe_run(&p, SL_SEC), VNET_UNTIL);
    check_over(&p, OUT_OK, AS_BODY, "");
    probe_done(&p);
    return times;
}

/* Events that follow one another within microseconds are passed on some at a time, none later than a tenth of a millisecond;
 * those that come as tokens do, each by itself and at once. The connection serves again behind both. */
static void quick_events_are_gathered(void **state)
{
    (void)state;
    struct kit k;
    int64_t longest;
    kit_open(&k, 1);
    for (int i = 0; i < 2; i++) {
        unsigned times = deliveries(&k, 5000, &longest);
        assert_in_range(times, 5, 20); /* the first ones alone, then some twenty at a time */
        assert_in_range(longest, 50000, SL_REST_NS + 10000);
        assert_int_equal(deliveries(&k, SL_MS, &longest), 200);
        assert_int_equal(longest, SL_MS); /* the step of the test */
    }
    assert_int_equal(vnet_connects(k.net, NULL), 1);
    kit_close(&k);
}

/* ---- connecting ---- */

static void names_that_fail(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    k.origin.host = SL_STR("nobody.example");
    probe_once(&p, &k);
    check_over(&p, OUT_RESOLVE_FAILED, AS_RESOLVE, "no such name");
    assert_false(p.result.sent);
    probe_done(&p);
    probe_once(&p, &k); /* remembered: fails inside attempt_start, and is told later all the same */
    check_over(&p, OUT_RESOLVE_FAILED, AS_RESOLVE, "no such name");
    assert_int_equal(upstream_stats(k.up)->lookups, 1);
    probe_done(&p);
    k.origin.host = SL_STR("silent.example");
    vnet_name(k.net, k.origin.host, SL_OK, &k.server.at, 1, -1);
    probe_once(&p, &k);
    check_over(&p, OUT_RESOLVE_FAILED, AS_RESOLVE, "timed out");
    assert_int_equal(p.result.state_us[AS_RESOLVE], 1000000);
    probe_done(&p);
    k.origin.host = SL_STR("broken.example");
    vnet_name(k.net, k.origin.host, SL_EIO, NULL, 0, SL_MS);
    probe_once(&p, &k);
    check_over(&p, OUT_RESOLVE_FAILED, AS_RESOLVE, "lookup failed");
    probe_done(&p);
    k.origin.host = SL_STR("x\0y.example");
    probe_once(&p, &k);
    check_over(&p, OUT_RESOLVE_FAILED, AS_RESOLVE, "");
    probe_done(&p);
    kit_close(&k);
}

static void connects_that_fail(void **state)
{
    (void)state;
    static const struct {
        enum vnet_connect how;
        enum outcome outcome;
        const char *detail;
        int64_t us;
    } rows[] = {
        {VNET_CONNECT_REFUSED, OUT_CONNECT_REFUSED, "connection refused", 3000},
        {VNET_CONNECT_NO_ROUTE, OUT_CONNECT_REFUSED, "no route", 3000},
        {VNET_CONNECT_BLACKHOLE, OUT_CONNECT_TIMEOUT, "connect timed out", 1000000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct probe p;
        kit_open(&k, 1);
        vnet_set_connect(k.net, &k.server.at, rows[i].how, 3 * SL_MS);
        probe_once(&p, &k);
        check_over(&p, rows[i].outcome, AS_CONNECT, rows[i].detail);
        assert_int_equal(p.result.state_us[AS_CONNECT], rows[i].us);
        assert_int_equal(p.result.first_byte_us, -1);
        assert_false(p.result.sent);
        probe_done(&p);
        kit_close(&k);
    }
}

/* Three addresses: the first is silent, the second refuses, the third serves. */
static void addresses_are_tried_in_turn(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    struct sl_addr a[4];
    kit_open(&k, 1);
    assert_true(sl_addr_parse(SL_STR("93.184.216.1"), 1, &a[0]));
    assert_true(sl_addr_parse(SL_STR("2606:2800::1"), 1, &a[1]));
    assert_true(sl_addr_parse(SL_STR("93.184.216.2"), 1, &a[2]));
    a[3] = k.server.at;
    sl_addr_set_port(&a[0], 443);
    vnet_set_connect(k.net, &a[0], VNET_CONNECT_BLACKHOLE, 0);
    sl_addr_set_port(&a[0], 1);
    /* as the system sorted them: v4 v4 v4 v6; the families alternate: a0, a1 (v6), a2, server */
    struct sl_addr sorted[4] = {a[0], a[2], a[3], a[1]};
    vnet_name(k.net, SL_STR("many.example"), SL_OK, sorted, 4, 0);
    k.origin.host = SL_STR("many.example");
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.result.state_us[AS_CONNECT], 250000); /* silent for so long; the refusals cost nothing */
    assert_int_equal(vnet_connects(k.net, NULL), 4);
    assert_int_equal(upstream_stats(k.up)->connections, 1); /* the silent one is closed */
    probe_done(&p);
    kit_close(&k);
}

static void a_slow_first_address_loses(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    struct server slow;
    kit_open(&k, 1);
    server_open(&slow, k.net, &k.loop, "93.184.216.9", 443);
    vnet_set_connect(k.net, &slow.at, VNET_CONNECT_OK, 700 * SL_MS);
    struct sl_addr both[2] = {slow.at, k.server.at};
    vnet_name(k.net, SL_STR("two.example"), SL_OK, both, 2, 0);
    k.origin.host = SL_STR("two.example");
    vnet_set_connect(k.net, &k.server.at, VNET_CONNECT_OK, 100 * SL_MS);
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.result.state_us[AS_CONNECT], 350000);
    assert_int_equal(slow.requests, 0);
    probe_done(&p);
    server_close(&slow);
    kit_close(&k);
}

static void refused_addresses(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    struct sl_addr a;
    kit_open(&k, 1);
    k.origin.host = SL_STR("rebound.example");
    assert_true(sl_addr_parse(SL_STR("169.254.169.254"), 80, &a));
    vnet_name(k.net, k.origin.host, SL_OK, &a, 1, 0);
    probe_once(&p, &k);
    check_over(&p, OUT_ADDRESS_REFUSED, AS_CONNECT, "link-local");
    assert_int_equal(vnet_connects(k.net, NULL), 0);
    probe_done(&p);
    k.origin.host = SL_STR("::ffff:127.0.0.1");
    probe_once(&p, &k);
    check_over(&p, OUT_ADDRESS_REFUSED, AS_CONNECT, "loopback");
    probe_done(&p);
    /* a public address beside it is used */
    struct sl_addr both[2] = {a, k.server.at};
    k.origin.host = SL_STR("half.example");
    vnet_name(k.net, k.origin.host, SL_OK, both, 2, 0);
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(vnet_connects(k.net, NULL), 1);
    probe_done(&p);
    /* said so: let through */
    struct server local;
    server_open(&local, k.net, &k.loop, "127.0.0.1", 443);
    k.origin.host = SL_STR("127.0.0.1");
    k.origin.id = 8;
    k.origin.allow_private = true;
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(local.requests, 1);
    probe_done(&p);
    upstream_retire_origin(k.up, 7);
    server_close(&local);
    kit_close(&k);
}

static void a_server_that_does_not_accept(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    vnet_listen(k.net, &k.server.at, NULL, NULL);
    probe_once(&p, &k);
    check_over(&p, OUT_FIRST_BYTE_TIMEOUT, AS_HEAD, "no answer in time");
    assert_int_equal(p.result.state_us[AS_HEAD], 4000000);
    assert_true(p.result.sent);
    probe_done(&p);
    kit_close(&k);
}

/* ---- answers that break ---- */

#define LONG_ANSWER                                                                                                    \
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req_0123456789\r\n"                           \
    "transfer-encoding: chunked\r\n\r\n"                                                                               \
    "29\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"\r\n"                                                      \
    "34\r\n}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"bcdef\"}\r\n"                                         \
    "1b\r\n}]}\n\ndata: {\"choices\":[]}\n\n\r\n"                                                                      \
    "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"

static void cut_at_every_byte(void **state)
{
    (void)state;
    size_t all = sizeof LONG_ANSWER - 1, head = (size_t)sl_str_find_str(SL_STR(LONG_ANSWER), SL_STR("\r\n\r\n")) + 4;
    for (unsigned how = END_FIN; how <= END_RST; how++) {
        for (size_t cut = 0; cut <= all; cut++) {
            struct kit k;
            struct probe p;
            kit_open(&k, cut);
            k.server.answer = SL_STR(LONG_ANSWER);
            k.server.cut = cut;
            k.server.end = (enum server_end)how;
            probe_once(&p, &k);
            bool rst = how == END_RST;
            if (cut == all) /* whole: what comes behind does not matter */
                check_over(&p, OUT_OK, AS_BODY, "");
            else if (cut == 0)
                check_over(&p, OUT_RESET, AS_HEAD, rst ? "reset before the answer" : "closed before the answer");
            else if (rst)
                check_over(&p, OUT_RESET, cut < head ? AS_HEAD : AS_BODY, "reset within the answer");
            else
                check_over(&p, OUT_TRUNCATED, cut < head ? AS_HEAD : AS_BODY, "cut short");
            assert_int_equal(p.heads, cut >= head);
            assert_int_equal(p.result.bytes_in, cut);
            assert_int_equal(p.result.first_byte_us < 0, cut == 0);
            assert_int_equal(vnet_connects(k.net, NULL), 1); /* nothing is repeated in here */
            probe_done(&p);
            kit_close(&k);
        }
    }
}

static void malformed_answers(void **state)
{
    (void)state;
    static const struct {
        struct sl_str answer;
        enum outcome outcome;
    } rows[] = {
        {SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"), OUT_MALFORMED},
        {SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
         OUT_MALFORMED},
        {SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"), OUT_MALFORMED},
        {SL_STR_INIT("SSH-2.0-OpenSSH_9.2\r\n"), OUT_MALFORMED},
        {SL_STR_INIT("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), OUT_MALFORMED},
        {SL_STR_INIT("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), OUT_MALFORMED},
        {SL_STR_INIT("HTTP/1.1 200 OK\nx: y\n\n"), OUT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct probe p;
        kit_open(&k, i);
        k.server.answer = rows[i].answer;
        probe_once(&p, &k);
        assert_string_equal(outcome_row(p.result.outcome)->name.p, outcome_row(rows[i].outcome)->name.p);
        assert_true(p.result.detail[0] != 0);
        assert_int_equal(upstream_stats(k.up)->idle, 0);
        assert_int_equal(upstream_stats(k.up)->connections, 0);
        probe_done(&p);
        kit_close(&k);
    }
}

static void a_head_without_end(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    struct sl_buf b;
    kit_open(&k, 1);
    sl_buf_init(&b, 1u << 20);
    sl_buf_adds(&b, SL_STR("HTTP/1.1 200 OK\r\n"));
    while (b.n < 40000)
        sl_buf_adds(
            &b,
            SL_STR(
                "x-a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"));
    k.server.answer = sl_buf_str(&b);
    probe_once(&p, &k);
    check_over(&p, OUT_TOO_LARGE, AS_HEAD, "head");
    probe_done(&p);
    sl_buf_done(&b);
    kit_close(&k);
}

/* ---- time ---- */

static void slow_answers(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    /* a byte of the head each 300 ms: not whole in 4 s */
    k.server.answer = SL_STR(ANSWER_CHUNKED);
    k.server.piece = 1;
    k.server.piece_ns = 300 * SL_MS;
    probe_once(&p, &k);
    check_over(&p, OUT_FIRST_BYTE_TIMEOUT, AS_HEAD, "head was not whole");
    assert_int_equal(p.result.state_us[AS_HEAD], 4000000);
    probe_done(&p);
    /* a slow body is fine as long as it moves */
    k.server.piece = 85;
    k.server.piece_ns = 4 * SL_SEC;
    probe_once(&p, &k);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_true(p.result.state_us[AS_BODY] >= 4000000);
    probe_done(&p);
    /* and not when it stands still */
    k.server.piece_ns = 5001 * SL_MS;
    probe_once(&p, &k);
    check_over(&p, OUT_BETWEEN_TIMEOUT, AS_BODY, "stalled");
    assert_in_range(p.result.state_us[AS_BODY], 5000000, 5002000);
    probe_done(&p);
    /* total */
    k.server.piece_ns = 4 * SL_SEC;
    probe_init(&p, &k);
    p.req.deadlines.total_due_ns = vnet_now(k.net) + 3 * SL_SEC;
    probe_start(&p);
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_TOTAL_TIMEOUT, AS_BODY, "total");
    assert_in_range(p.over_ns, p.req.deadlines.total_due_ns, p.req.deadlines.total_due_ns + 2 * SL_MS);
    probe_done(&p);
    /* no time at all */
    probe_init(&p, &k);
    p.req.deadlines.total_due_ns = vnet_now(k.net);
    probe_start(&p);
    assert_int_equal(p.overs, 0);
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_TOTAL_TIMEOUT, AS_PICK, "total");
    probe_done(&p);
    kit_close(&k);
}

static void a_server_that_does_not_read(void **state)
{
    (void)state;
    static char big[300000];
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    k.server.deaf = true;
    probe_init(&p, &k);
    p.body[1] = (struct iovec){big, sizeof big};
    probe_start(&p);
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_SEND_TIMEOUT, AS_SEND, "not taken in time");
    assert_int_equal(p.result.state_us[AS_SEND], 3000000);
    assert_true(p.result.sent);
    probe_done(&p);
    kit_close(&k);
}

static void large_bodies_pass(void **state)
{
    (void)state;
    static char big[3000000];
    struct kit k;
    struct probe p;
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('a' + i % 23);
    kit_open(&k, 1);
    vnet_set_faults(k.net, &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS, .short_write = 300000});
    probe_init(&p, &k);
    p.body[1] = (struct iovec){big, sizeof big};
    probe_start(&p);
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.result.bytes_out, k.server.last.n);
    assert_memory_equal(k.server.last.p + k.server.last.n - sizeof big - p.body[2].iov_len, big, sizeof big);
    probe_done(&p);
    kit_close(&k);
}

/* An answer before the request is out, and then the connection closed: the answer counts. */
static void early_answers(void **state)
{
    (void)state;
    static char big[3000000];
    for (unsigned how = END_KEEP; how <= END_RST; how++) {
        struct kit k;
        struct probe p;
        kit_open(&k, how);
        vnet_set_capacity(k.net, 20000);
        vnet_set_faults(k.net, &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS});
        k.server.early = true;
        k.server.end = (enum server_end)how;
        k.server.answer = SL_STR("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig");
        probe_init(&p, &k);
        p.body[1] = (struct iovec){big, sizeof big};
        probe_start(&p);
        probe_run(&p, SL_MIN);
        check_over(&p, OUT_OK, AS_BODY, "");
        assert_int_equal(p.status, 413);
        assert_true(p.result.bytes_out < sizeof big);
        assert_int_equal(upstream_stats(k.up)->idle, 0); /* half a request is on it */
        probe_done(&p);
        kit_close(&k);
    }
}

static void dies_while_sending(void **state)
{
    (void)state;
    static char big[3000000];
    for (unsigned how = END_FIN; how <= END_RST; how++) {
        struct kit k;
        struct probe p;
        kit_open(&k, how);
        vnet_set_capacity(k.net, 20000);
        k.server.early = true;
        k.server.end = (enum server_end)how;
        k.server.cut = 0;
        probe_init(&p, &k);
        p.body[1] = (struct iovec){big, sizeof big};
        probe_start(&p);
        probe_run(&p, SL_MIN);
        check_over(&p, OUT_SEND_FAILED, AS_SEND, "while sending");
        probe_done(&p);
        kit_close(&k);
    }
}

/* ---- leaving ---- */

/* Cancelled after each millisecond of its life, in every state: nothing is called any more, nothing stays open. */
static void cancel_in_every_state(void **state)
{
    (void)state;
    unsigned seen[AS_OVER + 1] = {0};
    for (int64_t ms = 0; ms < 60; ms++) {
        struct kit k;
        struct probe p;
        kit_open(&k, (uint64_t)ms);
        vnet_set_capacity(k.net, 40);
        vnet_set_faults(
            k.net, &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS, .connect_min_ns = 4 * SL_MS});
        k.server.answer = SL_STR(LONG_ANSWER);
        k.server.delay_ns = 8 * SL_MS;
        k.server.piece = 40;
        k.server.piece_ns = 2 * SL_MS;
        probe_init(&p, &k);
        probe_start(&p);
        vnet_pass(k.net, ms * SL_MS);
        if (p.overs == 0) {
            probe_cancel(&p, false);
            assert_int_equal(p.result.outcome, OUT_CANCELLED);
            seen[p.result.at]++;
        } else {
            assert_int_equal(p.result.outcome, OUT_OK);
            seen[AS_OVER]++;
        }
        unsigned heads = p.heads, overs = p.overs;
        size_t got = p.got.n;
        vnet_pass(k.net, SL_SEC / 2);
        assert_int_equal(p.heads, heads);
        assert_int_equal(p.overs, overs);
        assert_int_equal(p.got.n, got);
        if (overs == 0) {
            assert_int_equal(upstream_stats(k.up)->connections, 0);
            assert_int_equal(server_conns(&k.server), 0); /* the provider knows within a round trip */
        }
        probe_done(&p);
        kit_close(&k);
    }
    for (unsigned s = AS_RESOLVE; s <= AS_OVER; s++)
        if (s != AS_HANDSHAKE && seen[s] == 0)
            fail_msg("nothing was cancelled in %s", attempt_state_name((enum attempt_state)s));
}

static void cancel_inside_callbacks(void **state)
{
    (void)state;
    static const enum probe_act acts[] = {ACT_CANCEL, ACT_CANCEL_FREE};
    for (unsigned i = 0; i < 4; i++) {
        struct kit k;
        struct probe p;
        kit_open(&k, i);
        k.server.answer = SL_STR(LONG_ANSWER);
        probe_init(&p, &k);
        *(i < 2 ? &p.on_head : &p.on_body) = acts[i % 2];
        probe_start(&p);
        probe_run(&p, SL_SEC);
        assert_int_equal(p.heads, 1);
        assert_int_equal(p.overs, 0);
        assert_int_equal(p.result.outcome, OUT_CANCELLED);
        assert_int_equal(upstream_stats(k.up)->connections, 0);
        probe_done(&p);
        kit_close(&k);
    }
}

static void draining_saves_the_connection(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    k.server.answer = SL_STR(LONG_ANSWER);
    k.server.piece = sizeof LONG_ANSWER - 1 - 5; /* the last chunk comes later */
    k.server.piece_ns = 50 * SL_MS;
    probe_init(&p, &k);
    probe_start(&p);
    vnet_pass(k.net, 30 * SL_MS);
    assert_true(p.got.n > 0);
    probe_cancel(&p, true);
    probe_done(&p); /* its arena goes before the rest is read */
    vnet_pass(k.net, 100 * SL_MS);
    assert_int_equal(upstream_stats(k.up)->drained, 1);
    assert_int_equal(upstream_stats(k.up)->idle, 1);
    k.server.piece = 0;
    probe_once(&p, &k);
    assert_true(p.result.reused);
    probe_done(&p);
    /* not saved: too slow */
    k.server.piece = sizeof LONG_ANSWER - 1 - 5;
    k.server.piece_ns = 1200 * SL_MS;
    probe_init(&p, &k);
    probe_start(&p);
    vnet_pass(k.net, 30 * SL_MS);
    probe_cancel(&p, true);
    probe_done(&p);
    vnet_pass(k.net, 3 * SL_SEC);
    assert_int_equal(upstream_stats(k.up)->drained, 1);
    assert_int_equal(upstream_stats(k.up)->connections, 0);
    kit_close(&k);
}

static void draining_is_bounded(void **state)
{
    (void)state;
    static char answer[300000];
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    vnet_set_capacity(k.net, 10000);
    vnet_set_faults(k.net, &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS});
    memset(answer, 'x', sizeof answer);
    int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n");
    answer[n] = 'x';
    k.server.answer = sl_str_of(answer, (size_t)n + 200000);
    probe_init(&p, &k);
    probe_start(&p);
    vnet_pass(k.net, 9 * SL_MS);
    assert_true(p.got.n > 0 && p.got.n < 100000);
    probe_cancel(&p, true);
    assert_int_equal(upstream_stats(k.up)->connections, 1);
    vnet_pass(k.net, 500 * SL_MS);
    assert_int_equal(upstream_stats(k.up)->connections, 0);
    assert_int_equal(upstream_stats(k.up)->drained, 0);
    probe_done(&p);
    kit_close(&k);
}

/* ---- pressure ---- */

static void a_held_attempt_holds_the_provider(void **state)
{
    (void)state;
    static char answer[3000000];
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    vnet_set_capacity(k.net, 30000);
    memset(answer, 'y', sizeof answer);
    int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n");
    answer[n] = 'y';
    k.server.answer = sl_str_of(answer, (size_t)n + 2000000);
    probe_init(&p, &k);
    p.on_body = ACT_HOLD;
    probe_start(&p);
    vnet_pass(k.net, 20 * SL_SEC); /* longer than the deadline between bytes: it is not the provider's fault */
    size_t got = p.got.n;
    assert_int_equal(p.overs, 0);
    assert_true(got > 0 && got < 70000);
    for (unsigned i = 0; i < 10; i++) { /* each time it is let on, it gets a piece and holds again */
        probe_read(&p, true);
        vnet_pass(k.net, 100 * SL_MS);
        assert_true(p.got.n > got);
        assert_true(p.got.n < got + 70000);
        got = p.got.n;
    }
    p.on_body = ACT_NONE;
    probe_read(&p, true);
    probe_run(&p, SL_MIN);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_int_equal(p.got.n, 2000000);
    assert_int_equal(upstream_stats(k.up)->idle, 1);
    probe_done(&p);
    kit_close(&k);
}

/* Holding behind a head, and behind a slice's body: several chunks come as one piece, the body and then the end wait. */
static void holding_within_a_slice(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    k.server.answer = SL_STR(LONG_ANSWER);
    probe_init(&p, &k);
    p.on_head = ACT_HOLD;
    p.on_body = ACT_HOLD;
    probe_start(&p);
    vnet_pass(k.net, SL_SEC);
    assert_int_equal(p.heads, 1);
    assert_int_equal(p.got.n, 0);
    size_t whole = 0x29 + 0x34 + 0x1b + 0xe;
    probe_read(&p, true);
    vnet_pass(k.net, 10 * SL_MS);
    assert_int_equal(p.got.n, whole);
    assert_int_equal(p.overs, 0);
    vnet_pass(k.net, 10 * SL_MS);
    assert_int_equal(p.overs, 0);
    probe_read(&p, true);
    probe_run(&p, SL_SEC);
    check_over(&p, OUT_OK, AS_BODY, "");
    probe_done(&p);
    /* leaves while bytes are held: with drain they are read to their end */
    probe_init(&p, &k);
    p.on_body = ACT_HOLD;
    probe_start(&p);
    vnet_pass(k.net, 100 * SL_MS);
    assert_int_equal(p.got.n, whole);
    probe_cancel(&p, true);
    assert_int_equal(upstream_stats(k.up)->drained, 1);
    probe_done(&p);
    /* held from the head on, and the answer has no body but its end */
    k.server.answer = SL_STR("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    probe_init(&p, &k);
    p.on_head = ACT_HOLD;
    probe_start(&p);
    vnet_pass(k.net, 100 * SL_MS);
    assert_int_equal(p.overs, 0);
    probe_read(&p, true);
    probe_run(&p, SL_SEC);
    check_over(&p, OUT_OK, AS_BODY, "");
    probe_done(&p);
    kit_close(&k);
}

/* ---- the proxy ---- */

static void through_a_proxy(void **state)
{
    (void)state;
    static const struct {
        struct sl_str answer;
        const char *detail; /* NULL: goes well */
    } rows[] = {
        {SL_STR_INIT("HTTP/1.1 200 Connection established\r\n\r\n"), NULL},
        {SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), NULL},
        {SL_STR_INIT("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno"), "credentials"},
        {SL_STR_INIT("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "did not connect"},
        {SL_STR_INIT("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), "bytes behind"},
        {SL_STR_INIT("HTTP/1.1 2\r\n\r\n"), "malformed"},
        {SL_STR_INIT(""), "closed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct probe p;
        struct server proxy;
        kit_open(&k, i);
        server_open(&proxy, k.net, &k.loop, "10.0.0.1", 3128);
        proxy.answer = rows[i].answer;
        proxy.then = SL_STR(ANSWER_LENGTH); /* it does not relay: it answers our request itself */
        proxy.end = rows[i].answer.n == 0 ? END_FIN : END_KEEP;
        k.origin.proxy_host = SL_STR("10.0.0.1"); /* a private address: the operator named it */
        k.origin.proxy_port = 3128;
        k.origin.proxy_auth = SL_STR("Basic cHJveHk=");
        probe_init(&p, &k);
        probe_start(&p);
        probe_run(&p, SL_MIN);
        assert_int_equal(p.overs, 1);
        if (rows[i].detail != NULL) {
            check_over(&p, OUT_PROXY_FAILED, AS_CONNECT, rows[i].detail);
            assert_false(p.result.sent);
        } else {
            check_over(&p, OUT_OK, AS_BODY, "");
            assert_int_equal(proxy.requests, 2);
        }
        static const char expect[] = "CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n"
                                     "proxy-authorization: Basic cHJveHk=\r\n\r\n";
        assert_int_equal(proxy.first.n, sizeof expect - 1);
        assert_memory_equal(proxy.first.p, expect, sizeof expect - 1);
        assert_int_equal(vnet_lookups(k.net, SL_STR("api.example")), 0); /* the proxy looks it up */
        probe_done(&p);
        server_close(&proxy);
        kit_close(&k);
    }
}

static void a_proxy_that_hangs(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    struct server proxy;
    kit_open(&k, 1);
    server_open(&proxy, k.net, &k.loop, "10.0.0.1", 3128);
    proxy.cut = 0;
    proxy.end = END_HANG;
    k.origin.proxy_host = SL_STR("10.0.0.1");
    k.origin.proxy_port = 3128;
    probe_once(&p, &k);
    check_over(&p, OUT_PROXY_FAILED, AS_CONNECT, "in time");
    probe_done(&p);
    k.origin.host = SL_STR("169.254.169.254"); /* a literal target is checked although we do not connect to it */
    probe_once(&p, &k);
    check_over(&p, OUT_ADDRESS_REFUSED, AS_RESOLVE, "link-local");
    probe_done(&p);
    vnet_unlisten(k.net, &proxy.at);
    k.origin.host = SL_STR("api.example");
    probe_once(&p, &k);
    check_over(&p, OUT_PROXY_FAILED, AS_CONNECT, "the proxy refused");
    probe_done(&p);
    server_close(&proxy);
    kit_close(&k);
}

/* ---- bad requests of our own ---- */

static void a_head_that_cannot_be_written(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    probe_init(&p, &k);
    p.req.path = SL_STR("/v1/x y\r\nevil: 1");
    probe_start(&p);
    probe_run(&p, SL_SEC);
    check_over(&p, OUT_CLIENT_FAULT, AS_SEND, "cannot be written");
    assert_false(p.result.sent);
    probe_done(&p);
    kit_close(&k);
}

/* ---- every kind of trouble at once ---- */

static void seeds(void **state)
{
    (void)state;
    unsigned ok = 0, other = 0;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        struct kit k;
        kit_open(&k, seed);
        vnet_set_capacity(k.net, 64 + (size_t)vnet_random(k.net, 2000));
        vnet_set_faults(k.net, &(struct vnet_faults){.short_read = 200000,
                                                     .short_write = 200000,
                                                     .again_read = 100000,
                                                     .again_write = 100000,
                                                     .spurious = 50000,
                                                     .hold = 100000,
                                                     .reset = 5000,
                                                     .cut = 5000,
                                                     .connect_refused = 50000,
                                                     .connect_blackhole = 20000,
                                                     .dns_fail = 50000,
                                                     .delay_max_ns = 3 * SL_MS,
                                                     .connect_max_ns = 3 * SL_MS});
        k.server.answer = SL_STR(LONG_ANSWER);
        k.server.piece = 1 + (size_t)vnet_random(k.net, 200);
        k.server.piece_ns = SL_MS;
        for (unsigned i = 0; i < 4; i++) {
            struct probe p;
            probe_init(&p, &k);
            unsigned act = (unsigned)vnet_random(k.net, 12);
            p.on_body = act < 2 ? ACT_HOLD : act == 2 ? ACT_CANCEL : act == 3 ? ACT_CANCEL_FREE : ACT_NONE;
            probe_start(&p);
            for (unsigned n = 0; n < 400 && p.overs == 0 && p.result.outcome != OUT_CANCELLED; n++) {
                if (p.on_body == ACT_HOLD)
                    probe_read(&p, true);
                probe_run(&p, 100 * SL_MS);
            }
            if (p.result.outcome == OUT_CANCELLED) {
                assert_int_equal(p.overs, 0);
            } else {
                assert_int_equal(p.overs, 1);
                if (p.result.outcome == OUT_OK) {
                    assert_int_equal(p.status, 200);
                    assert_int_equal(p.got.n, 0x29 + 0x34 + 0x1b + 0xe);
                    ok++;
                } else {
                    other++;
                }
            }
            probe_done(&p);
        }
        kit_close(&k);
    }
    assert_true(ok > 5000);
    assert_true(other > 500);
}

#define ANSWER_101 "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n"

static void probe_upgrade(struct probe *p, struct kit *k)
{
    probe_init(p, k);
    p->req.method = SL_STR("GET");
    p->req.path = SL_STR("/v1/realtime");
    p->req.n_body = 0;
    p->req.upgrade = true;
    p->req.deadlines.between_ns = 0;
    probe_start(p);
}

static void tunnel_send(struct probe *p, const char *bytes, size_t n)
{
    struct iovec v = {(void *)(uintptr_t)bytes, n};
    p->inside = true;
    attempt_send(p->attempt, &v, 1);
    p->inside = false;
}

/* Bytes both ways behind 101, for as long as both sides like; the end is one. */
static void an_upgrade(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    k.server.answer = SL_STR(ANSWER_101 "hello");
    probe_upgrade(&p, &k);
    tunnel_send(&p, "too soon", 8); /* not before the answer */
    probe_run(&p, 100 * SL_SEC);
    assert_int_equal(p.overs, 0);
    assert_int_equal(p.status, 101);
    assert_true(sl_str_eq(sl_buf_str(&p.got), SL_STR("hello")));
    assert_true(
        sl_str_find_str(sl_buf_str(&k.server.last), SL_STR("\r\nconnection: Upgrade\r\nupgrade: websocket\r\n")) > 0);
    struct server_conn *c = SL_CONTAINER_OF(k.server.conns.next, struct server_conn, node);
    tunnel_send(&p, "abc", 3);
    tunnel_send(&p, "def", 3);
    probe_run(&p, SL_SEC);
    assert_true(sl_str_eq(sl_buf_str(&c->in), SL_STR("abcdef")));
    /* a side that does not read: what waits is bounded by those who ask for room, and they are told */
    static char much[65536];
    unsigned sent = 0;
    sl_tcp_want(&c->tcp, 0);
    for (; attempt_room(p.attempt) > 0 && sent < 1000; sent++)
        tunnel_send(&p, much, sizeof much);
    assert_in_range(sent, 4, 500);
    assert_int_equal(p.rooms, 0);
    sl_tcp_want(&c->tcp, SL_READABLE);
    probe_run(&p, SL_SEC);
    assert_int_equal(p.rooms, 1);
    assert_int_equal(c->in.n, 6 + sent * sizeof much);
    k.server.end = END_FIN;
    k.server.stray = SL_STR("bye");
    struct iovec v = {(void *)(uintptr_t) "bye", 3};
    size_t n;
    assert_int_equal(sl_tcp_write(&c->tcp, &v, 1, &n), SL_IO_OK);
    sl_tcp_shut_write(&c->tcp);
    probe_run(&p, SL_SEC);
    check_over(&p, OUT_OK, AS_BODY, "");
    assert_true(sl_str_eq(sl_buf_str(&p.got), SL_STR("hellobye")));
    assert_int_equal(upstream_stats(k.up)->idle, 0);
    tunnel_send(&p, "late", 4);
    probe_done(&p);
    kit_close(&k);
}

static void upgrades_that_fail(void **state)
{
    static const struct {
        const char *answer;
        enum server_end end;
        enum outcome outcome;
        const char *text;
    } rows[] = {
        {"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", END_KEEP, OUT_OK, ""},
        {"HTTP/1.1 101 Switching\r\ncontent-length: 2\r\n\r\nno", END_KEEP, OUT_MALFORMED, "switched"},
        {"HTTP/1.1 101 Switching\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", END_KEEP, OUT_MALFORMED, "switched"},
        {"HTTP/1.1 101 Switch", END_FIN, OUT_TRUNCATED, "head"},
        {ANSWER_101 "half", END_RST, OUT_RESET, ""},
        {"", END_HANG, OUT_FIRST_BYTE_TIMEOUT, "no answer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kit k;
        struct probe p;
        kit_open(&k, 1);
        k.server.answer = sl_str_c(rows[i].answer);
        k.server.end = rows[i].end;
        probe_upgrade(&p, &k);
        probe_run(&p, SL_MIN);
        assert_int_equal(p.overs, 1);
        if (p.result.outcome != rows[i].outcome || !says(p.result.detail, rows[i].text))
            fail_msg("row %zu: %s, '%s'", i, outcome_row(p.result.outcome)->name.p, p.result.detail);
        probe_done(&p);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_exchange),
        cmocka_unit_test(chunks_and_until_close),
        cmocka_unit_test(quick_events_are_gathered),
        cmocka_unit_test(names_that_fail),
        cmocka_unit_test(connects_that_fail),
        cmocka_unit_test(addresses_are_tried_in_turn),
        cmocka_unit_test(a_slow_first_address_loses),
        cmocka_unit_test(refused_addresses),
        cmocka_unit_test(a_server_that_does_not_accept),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(malformed_answers),
        cmocka_unit_test(a_head_without_end),
        cmocka_unit_test(slow_answers),
        cmocka_unit_test(a_server_that_does_not_read),
        cmocka_unit_test(large_bodies_pass),
        cmocka_unit_test(early_answers),
        cmocka_unit_test(dies_while_sending),
        cmocka_unit_test(cancel_in_every_state),
        cmocka_unit_test(cancel_inside_callbacks),
        cmocka_unit_test(draining_saves_the_connection),
        cmocka_unit_test(draining_is_bounded),
        cmocka_unit_test(a_held_attempt_holds_the_provider),
        cmocka_unit_test(holding_within_a_slice),
        cmocka_unit_test(through_a_proxy),
        cmocka_unit_test(a_proxy_that_hangs),
        cmocka_unit_test(a_head_that_cannot_be_written),
        cmocka_unit_test(an_upgrade),
        cmocka_unit_test(upgrades_that_fail),
        cmocka_unit_test(seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
