/* HTTP/2 on a client connection: how it is told from HTTP/1, streams, bodies and windows, pressure, resets, draining. */
#include "kit.h"

static struct call *call_of(struct kit *k, const char *path)
{
    for (unsigned i = 0; kit_call(k, i) != NULL; i++)
        if (strcmp(kit_call(k, i)->path, path) == 0)
            return kit_call(k, i);
    return NULL;
}

static void test_requests(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    struct peer_stream a, b, c;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    peer_ask(&p, &a, "POST", "/echo", "hello");
    peer_ask(&p, &b, "GET", "/now", NULL);
    peer_ask(&p, &c, "GET", "/hang", NULL);
    kit_run(&k, SL_SEC);
    assert_int_equal(a.status, 200);
    expect_str(sl_buf_str(&a.body), "hello");
    assert_true(a.last && a.closed && a.error == H2_NO_ERROR);
    expect_str(sl_buf_str(&b.body), "now");
    assert_false(c.closed);
    assert_int_equal(k.requests, 3);
    kit_answer(call_of(&k, "/hang"), 503, SL_STR(""));
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 503);
    assert_true(c.closed && c.error == H2_NO_ERROR);
    assert_int_equal(atomic_load(&listen_server_stats(k.server)->h2_requests), 3);
    peer_stream_done(&a);
    peer_stream_done(&b);
    peer_stream_done(&c);
    peer_done(&p);
    kit_run(&k, SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 0);
    kit_close(&k);
}

/* The preface in two pieces, cut at each byte; and what only looks like it at first. */
static void test_sniff(void **state)
{
    (void)state;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0"; /* and an empty SETTINGS */
    for (size_t cut = 1; cut < sizeof preface; cut++) {
        struct kit k;
        struct wire w;
        kit_open(&k, NULL);
        kit_connect(&k, &w, "198.51.100.9");
        wire_send(&w, sl_str_of(preface, cut));
        kit_run(&k, SL_MS);
        assert_false(w.eof || w.error);
        wire_send(&w, sl_str_of(preface + cut, sizeof preface - cut));
        kit_run(&k, SL_SEC);
        assert_true(w.in.n > 9 && w.in.p[3] == 4); /* a SETTINGS frame */
        assert_false(w.eof || w.error);
        wire_done(&w);
        kit_run(&k, 0);
        kit_close(&k);
    }
    static const char *const others[] = {"POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok",
                                         "PUT /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok",
                                         "PRIX /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nok"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t cut = 1; cut < strlen(others[i]); cut++) {
            struct kit k;
            struct wire w;
            kit_open(&k, NULL);
            kit_connect(&k, &w, "198.51.100.9");
            wire_send(&w, sl_str_head(sl_str_c(others[i]), cut));
            kit_run(&k, SL_MS);
            wire_send(&w, sl_str_from(sl_str_c(others[i]), cut));
            kit_run(&k, SL_SEC);
            if (i < 2 && !has(&w, "\r\n\r\nok"))
                fail_msg("%zu cut at %zu: " SL_STR_FMT, i, cut, SL_STR_ARG(sl_buf_str(&w.in)));
            wire_done(&w);
            kit_run(&k, 0);
            kit_close(&k);
        }
    }
}

static void test_body_is_wanted_late(void **state)
{
    (void)state;
    static char big[600000];
    memset(big, 'q', sizeof big - 1);
    struct kit k;
    struct peer p;
    struct peer_stream a;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    peer_ask(&p, &a, "POST", "/hang", big);
    kit_run(&k, SL_SEC);
    struct call *c = kit_call(&k, 0);
    assert_int_equal(c->body.n, 0);
    assert_true(h2_stream_queued(a.s) >= sizeof big - 1 - 262144); /* the window is shut */
    http_stream_read(c->s, true);
    kit_run(&k, SL_SEC);
    assert_int_equal(c->body.n, sizeof big - 1);
    assert_true(c->last);
    kit_answer(c, 200, SL_STR("ok"));
    kit_run(&k, SL_SEC);
    expect_str(sl_buf_str(&a.body), "ok");
    assert_int_equal(a.error, H2_NO_ERROR);
    peer_stream_done(&a);
    peer_done(&p);
    kit_close(&k);
}

/* The answer is whole, the rest of the body is not wanted: the client has its answer, then a reset without blame. */
static void test_early_answer(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    struct peer_stream a, b;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    peer_ask_open(&p, &a, "/now", "part");
    kit_run(&k, SL_SEC);
    assert_int_equal(a.status, 200);
    expect_str(sl_buf_str(&a.body), "now");
    assert_true(a.last && a.closed);
    assert_int_equal(a.error, H2_NO_ERROR);
    peer_ask(&p, &b, "GET", "/now", NULL); /* the connection goes on */
    kit_run(&k, SL_SEC);
    expect_str(sl_buf_str(&b.body), "now");
    peer_stream_done(&a);
    peer_stream_done(&b);
    peer_done(&p);
    kit_close(&k);
}

/* ---- the client leaves ---- */

static void test_reset_by_client(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    struct peer_stream a, b;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    peer_ask(&p, &a, "GET", "/hang", NULL);
    peer_ask(&p, &b, "GET", "/stream", NULL);
    kit_run(&k, SL_SEC);
    h2_stream_reset(a.s, H2_CANCEL);
    peer_go(&p);
    kit_run(&k, SL_SEC);
    assert_int_equal(k.gone, 1);
    assert_int_equal(k.last_why, HTTP_GONE_RESET);
    expect_str(sl_buf_str(&b.body), "first");
    wire_close(&p.wire);
    kit_run(&k, SL_SEC);
    assert_int_equal(k.gone, 2);
    assert_int_equal(k.last_why, HTTP_GONE_CLOSED);
    assert_int_equal(listen_server_connections(k.server), 0);
    peer_stream_done(&a);
    peer_stream_done(&b);
    peer_done(&p);
    kit_close(&k);
}

static void test_app_breaks_off(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct kit k;
        struct peer p;
        struct peer_stream a;
        kit_open(&k, NULL);
        peer_open(&k, &p);
        peer_ask(&p, &a, "GET", "/stream", NULL);
        kit_run(&k, SL_SEC);
        if (how == 0)
            http_stream_reset(kit_call(&k, 0)->s);
        else
            kit_release(kit_call(&k, 0));
        kit_run(&k, SL_SEC);
        assert_true(a.closed && !a.last);
        assert_int_not_equal(a.error, H2_NO_ERROR);
        assert_true(wire_is_open(&p.wire));
        assert_true(sl_list_is_empty(&k.calls));
        peer_stream_done(&a);
        peer_done(&p);
        kit_close(&k);
    }
}

/* Resets without end: the connection ends, with a GOAWAY that says why. */
static void test_rapid_reset(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    for (int i = 0; i < 1000 && wire_is_open(&p.wire) && !p.goaway; i++) {
        struct peer_stream a;
        peer_ask(&p, &a, "GET", "/hang", NULL);
        h2_stream_reset(a.s, H2_CANCEL);
        peer_stream_done(&a);
        peer_go(&p);
        kit_run(&k, SL_MS);
    }
    kit_run(&k, SL_SEC);
    assert_true(p.goaway);
    assert_true(k.requests < 400);
    assert_int_equal(listen_server_connections(k.server), 0);
    assert_true(sl_list_is_empty(&k.calls));
    peer_done(&p);
    kit_close(&k);
}

/* ---- pressure ---- */

/* The socket takes nothing: the loop stays quiet (no busy turns), the queue stays bounded, all comes in the end. */
static void test_slow_reader(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    struct peer_stream a, b;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    kit_run(&k, SL_SEC);
    vnet_set_capacity(k.net, 10000);
    k.big = 500000;
    p.limits.stream_window = 1000000;
    wire_listen(&p.wire, false);
    peer_ask(&p, &a, "GET", "/big", NULL);
    peer_ask(&p, &b, "GET", "/big", NULL);
    kit_run(&k, 10 * SL_SEC);
    assert_non_null(kit_call(&k, 0));
    assert_true(kit_call(&k, 0)->left > 200000);
    wire_listen(&p.wire, true);
    kit_run(&k, 20 * SL_SEC);
    assert_int_equal(a.body.n, 500000);
    assert_int_equal(b.body.n, 500000);
    peer_stream_done(&a);
    peer_stream_done(&b);
    peer_done(&p);
    kit_close(&k);
}

/* A window that stays shut stalls its stream only: that one is cut at the write deadline, its neighbour is not. */
static void test_stalled_stream(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    struct peer_stream a, b;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    k.big = 2000000;
    peer_ask(&p, &a, "GET", "/big", NULL);
    a.hold = true;
    peer_ask(&p, &b, "GET", "/stream", NULL);
    kit_run(&k, 30 * SL_SEC);
    assert_int_equal(k.gone, 0);
    for (int i = 0; i < 10; i++) {
        kit_run(&k, 10 * SL_SEC);
        struct iovec v = {.iov_base = (void *)(uintptr_t) ".", .iov_len = 1};
        http_stream_send_body(call_of(&k, "/stream")->s, &v, 1, false);
    }
    kit_run(&k, SL_SEC);
    assert_int_equal(k.gone, 1);
    assert_int_equal(k.last_why, HTTP_GONE_STALLED);
    assert_true(a.closed && !a.last);
    assert_false(b.closed);
    expect_str(sl_buf_str(&b.body), "first..........");
    peer_stream_done(&a);
    peer_stream_done(&b);
    peer_done(&p);
    kit_close(&k);
}

/* Slow is not stalled. */
static void test_slow_window(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    struct peer_stream a;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    k.big = 1000000;
    peer_ask(&p, &a, "GET", "/big", NULL);
    a.hold = true;
    for (int i = 0; i < 500 && !a.closed; i++) {
        kit_run(&k, 20 * SL_SEC);
        if (a.s != NULL && a.held > 0) {
            size_t n = a.held < 100000 ? a.held : 100000;
            h2_stream_consume(a.s, n);
            a.held -= n;
            peer_go(&p);
        }
    }
    assert_int_equal(k.gone, 0);
    assert_int_equal(a.body.n, 1000000);
    peer_stream_done(&a);
    peer_done(&p);
    kit_close(&k);
}

/* ---- deadlines ---- */

/* A body that stops: its request is told and answers 408; the others go on, and what moves elsewhere gives it no time. */
static void test_slow_body(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    struct peer_stream a, b;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    peer_ask_open(&p, &a, "/read", "part");
    peer_ask(&p, &b, "GET", "/stream", NULL);
    kit_run(&k, SL_SEC);
    for (int i = 0; i < 32; i++) {
        struct iovec v = {.iov_base = (void *)(uintptr_t) ".", .iov_len = 1};
        http_stream_send_body(call_of(&k, "/stream")->s, &v, 1, false);
        h2_session_ping(p.session);
        peer_go(&p);
        kit_run(&k, SL_SEC);
    }
    assert_int_equal(k.slow, 1);
    assert_int_equal(a.status, 408);
    assert_false(b.closed);
    assert_true(wire_is_open(&p.wire));
    peer_stream_done(&a);
    peer_stream_done(&b);
    peer_done(&p);
    kit_close(&k);
}

/* A head that never ends: the connection goes. */
static void test_half_a_head(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    kit_open(&k, NULL);
    kit_connect(&k, &w, "198.51.100.9");
    wire_send(&w, SL_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"));
    wire_send(&w, SL_STR("\0\0\1\1\0\0\0\0\1\x82")); /* HEADERS without END_HEADERS: ":method: GET" */
    kit_run(&k, 20 * SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 1);
    kit_run(&k, 20 * SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 0);
    assert_int_equal(k.requests, 0);
    wire_done(&w);
    kit_close(&k);
}

static void test_idle(void **state)
{
    (void)state;
    struct kit k;
    struct peer p;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    kit_run(&k, 70 * SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 1);
    kit_run(&k, 10 * SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 0);
    peer_done(&p);
    kit_close(&k);
}

/* ---- draining ---- */

static void test_drain(void **state)
{
    (void)state;
    struct kit k;
    struct peer p, idle;
    struct peer_stream a;
    kit_open(&k, NULL);
    peer_open(&k, &p);
    peer_open(&k, &idle);
    peer_ask(&p, &a, "GET", "/stream", NULL);
    kit_run(&k, SL_SEC);
    listen_server_drain(k.server);
    kit_run(&k, SL_SEC);
    assert_true(p.goaway);
    assert_int_equal(listen_server_connections(k.server), 1);
    struct iovec v = {.iov_base = (void *)(uintptr_t) "last", .iov_len = 4};
    http_stream_send_body(kit_call(&k, 0)->s, &v, 1, true);
    kit_release(kit_call(&k, 0));
    kit_run(&k, SL_SEC);
    expect_str(sl_buf_str(&a.body), "firstlast");
    assert_int_equal(a.error, H2_NO_ERROR);
    assert_int_equal(listen_server_connections(k.server), 0);
    peer_stream_done(&a);
    peer_done(&p);
    peer_done(&idle);
    kit_close(&k);
}

static void test_ragged_network(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct kit k;
        struct peer p;
        struct peer_stream a, b, c;
        kit_open(&k, NULL);
        for (uint64_t i = 0; i < seed; i++)
            vnet_random(k.net, 10);
        vnet_set_faults(k.net, &(struct vnet_faults){.short_read = 500000,
                                                     .short_write = 500000,
                                                     .again_read = 300000,
                                                     .again_write = 300000,
                                                     .spurious = 300000,
                                                     .hold = 200000,
                                                     .delay_max_ns = SL_MS});
        peer_open(&k, &p);
        k.big = 20000;
        peer_ask(&p, &a, "POST", "/echo", "hello");
        peer_ask(&p, &b, "GET", "/big", NULL);
        peer_ask(&p, &c, "GET", "/now", NULL);
        kit_run(&k, 60 * SL_SEC);
        expect_str(sl_buf_str(&a.body), "hello");
        assert_int_equal(b.body.n, 20000);
        expect_str(sl_buf_str(&c.body), "now");
        peer_stream_done(&a);
        peer_stream_done(&b);
        peer_stream_done(&c);
        peer_done(&p);
        kit_close(&k);
    }
}

/* The connection's end, with streams in every shape. */
static void test_torn_down(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct kit k;
        struct peer p;
        struct peer_stream s[5];
        kit_open(&k, NULL);
        peer_open(&k, &p);
        k.big = 2000000;
        peer_ask(&p, &s[0], "GET", "/hang", NULL);
        peer_ask(&p, &s[1], "GET", "/stream", NULL);
        peer_ask(&p, &s[2], "GET", "/big", NULL);
        s[2].hold = true;
        peer_ask_open(&p, &s[3], "/read", "abc");
        peer_ask_open(&p, &s[4], "/hang", "abc");
        kit_run(&k, SL_SEC);
        if (how == 0)
            wire_reset(&p.wire);
        else if (how == 1)
            wire_send(&p.wire, SL_STR("nonsense that is no frame at all, nonsense that is no frame at all"));
        else
            listen_server_free(k.server);
        kit_run(&k, SL_SEC);
        assert_int_equal(k.gone, 5);
        assert_int_equal(k.last_why, how == 2 ? HTTP_GONE_SHUTDOWN : HTTP_GONE_CLOSED);
        if (how < 2)
            assert_int_equal(listen_server_connections(k.server), 0);
        else
            k.server = NULL;
        for (int i = 0; i < 5; i++)
            peer_stream_done(&s[i]);
        peer_done(&p);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_sniff),
        cmocka_unit_test(test_body_is_wanted_late),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_reset_by_client),
        cmocka_unit_test(test_app_breaks_off),
        cmocka_unit_test(test_rapid_reset),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_stalled_stream),
        cmocka_unit_test(test_slow_window),
        cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_half_a_head),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_ragged_network),
        cmocka_unit_test(test_torn_down),
    };
    return cmocka_run_group_tests_name("listen h2", tests, NULL, NULL);
}
