/* Deadlines, ceilings and draining of connections, HTTP/1 and before the protocol is known. */
#include "kit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nhost: h\r\n\r\n"

/* How long a connection that does this lives. */
static int64_t lifetime(struct kit *k, struct wire *w, int64_t most_ns)
{
    int64_t began = vnet_now(k->net);
    while (!w->eof && !w->error && vnet_now(k->net) - began < most_ns)
        kit_run(k, 10 * SL_MS);
    return vnet_now(k->net) - began;
}

static void near(const char *what, int64_t got, int64_t want)
{
    if (got < want || got > want + 50 * SL_MS)
        fail_msg("%s: %lld ms instead of %lld ms", what, (long long)(got / SL_MS), (long long)(want / SL_MS));
}

static void test_slow_heads(void **state)
{
    (void)state;
    static const struct {
        const char *name, *sends;
        int64_t lives;
        bool says_408;
    } rows[] = {
        {"nothing", "", 10 * SL_SEC, false},
        {"a byte that may be either", "P", 10 * SL_SEC, false},
        {"a byte", "G", 10 * SL_SEC, true},
        {"half a head", "GET /now HTTP/1.1\r\nho", 10 * SL_SEC, true},
        {"all but the end", "GET /now HTTP/1.1\r\nhost: h\r\n", 10 * SL_SEC, true},
        {"a blank line first", "\r\n", 10 * SL_SEC, true},
        {"a whole request, then idle", GET("/now"), 75 * SL_SEC, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct wire w;
        kit_open(&k, NULL);
        kit_connect(&k, &w, "198.51.100.9");
        wire_send(&w, sl_str_c(rows[i].sends));
        near(rows[i].name, lifetime(&k, &w, 200 * SL_SEC), rows[i].lives);
        if (has(&w, "408") != rows[i].says_408)
            fail_msg("%s: " SL_STR_FMT, rows[i].name, SL_STR_ARG(sl_buf_str(&w.in)));
        wire_done(&w);
        kit_run(&k, 2 * SL_SEC);
        assert_int_equal(listen_server_connections(k.server), 0);
        kit_close(&k);
    }
}

/* A byte now and then does not lengthen the head's deadline; the second request on a connection has the same. */
static void test_drip_head(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        struct kit k;
        struct wire w;
        kit_open(&k, NULL);
        kit_connect(&k, &w, "198.51.100.9");
        if (second) {
            wire_send(&w, SL_STR(GET("/now")));
            kit_run(&k, 5 * SL_SEC);
        }
        const char *head = "GET /now HTTP/1.1\r\nhost: h\r\nx-a: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        int64_t began = vnet_now(k.net);
        for (size_t i = 0; head[i] != 0 && wire_is_open(&w); i++) {
            wire_send(&w, sl_str_of(head + i, 1));
            kit_run(&k, SL_SEC);
        }
        int64_t lived = vnet_now(k.net) - began;
        assert_true(lived >= 10 * SL_SEC && lived <= 12 * SL_SEC);
        assert_true(has(&w, "HTTP/1.1 408 "));
        wire_done(&w);
        kit_close(&k);
    }
}

/* A body has its time between pieces; then the app is told and may answer. */
static void test_slow_body(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    kit_open(&k, NULL);
    kit_connect(&k, &w, "198.51.100.9");
    wire_send(&w, SL_STR("POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n"));
    for (int i = 0; i < 5; i++) {
        kit_run(&k, 25 * SL_SEC);
        wire_send(&w, SL_STR("x"));
    }
    assert_int_equal(k.slow, 0);
    int64_t lived = lifetime(&k, &w, 100 * SL_SEC);
    near("after the last piece", lived, 30 * SL_SEC);
    assert_int_equal(k.slow, 1);
    assert_true(has(&w, "HTTP/1.1 408 ") && has(&w, "connection: close"));
    wire_done(&w);
    kit_close(&k);
    /* nobody waits for a body that nobody wants yet */
    kit_open(&k, NULL);
    kit_connect(&k, &w, "198.51.100.9");
    wire_send(&w, SL_STR("POST /hang HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n"));
    kit_run(&k, 300 * SL_SEC);
    assert_int_equal(k.slow + k.gone, 0);
    wire_done(&w);
    kit_close(&k);
}

static void test_stalled_reader(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    kit_open(&k, NULL);
    kit_connect(&k, &w, "198.51.100.9");
    k.big = 1000000;
    wire_listen(&w, false);
    wire_send(&w, SL_STR(GET("/big")));
    kit_run(&k, 59 * SL_SEC);
    assert_int_equal(k.gone, 0);
    kit_run(&k, 2 * SL_SEC);
    assert_int_equal(k.gone, 1);
    assert_int_equal(k.last_why, HTTP_GONE_STALLED);
    assert_int_equal(listen_server_connections(k.server), 0);
    assert_int_equal(atomic_load(&listen_server_stats(k.server)->timeouts), 1);
    wire_done(&w);
    kit_close(&k);
    /* slow is not stalled */
    kit_open(&k, NULL);
    kit_connect(&k, &w, "198.51.100.9");
    vnet_set_capacity(k.net, 1000);
    k.big = 1000000;
    wire_listen(&w, false);
    wire_send(&w, SL_STR(GET("/big")));
    for (int i = 0; i < 200 && w.in.n < 1000000; i++) {
        kit_run(&k, 50 * SL_SEC);
        wire_listen(&w, true);
        kit_run(&k, 0);
        wire_listen(&w, false);
    }
    assert_int_equal(k.gone, 0);
    wire_done(&w);
    kit_close(&k);
}

/* A stall on an answer that is whole, with a further request behind it. */
static void test_stalled_behind_a_whole_answer(void **state)
{
    (void)state;
    for (int close = 0; close < 2; close++) {
        struct kit k;
        struct wire w;
        kit_open(&k, NULL);
        kit_connect(&k, &w, "198.51.100.9");
        k.big = 200000;
        k.big_is_rude = true;
        wire_listen(&w, false);
        wire_send(&w, SL_STR(GET("/big")));
        kit_run(&k, SL_SEC);
        wire_send(&w,
                  close ? SL_STR("GET /now HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n") : SL_STR("GET /now HT"));
        kit_run(&k, 200 * SL_SEC);
        assert_int_equal(listen_server_connections(k.server), 0);
        wire_done(&w);
        kit_close(&k);
    }
}

/* ---- ceilings ---- */

static void test_connections(void **state)
{
    (void)state;
    struct listen_limits l = kit_limits();
    struct kit k;
    struct wire w[12];
    l.connections = 10;
    l.connections_per_address = 4;
    kit_open(&k, &l);
    for (int i = 0; i < 5; i++)
        kit_connect(&k, &w[i], "198.51.100.9");
    kit_run(&k, SL_MS);
    assert_int_equal(listen_server_connections(k.server), 4);
    assert_int_equal(atomic_load(&listen_server_stats(k.server)->refused_address), 1);
    wire_close(&w[0]);
    kit_run(&k, SL_MS);
    kit_connect(&k, &w[5], "198.51.100.9"); /* its place is free again */
    kit_run(&k, SL_MS);
    assert_int_equal(listen_server_connections(k.server), 4);
    /* IPv6: a /64 is one customer; loopback is exempt */
    kit_connect(&k, &w[6], "2001:db8::1");
    kit_connect(&k, &w[7], "127.0.0.1");
    kit_connect(&k, &w[8], "127.0.0.1");
    kit_connect(&k, &w[9], "127.0.0.1");
    kit_connect(&k, &w[10], "::1");
    kit_connect(&k, &w[11], "::1");
    kit_run(&k, SL_MS);
    assert_int_equal(listen_server_connections(k.server), 10);
    struct wire more;
    kit_connect(&k, &more, "127.0.0.1");
    kit_run(&k, SL_MS);
    assert_int_equal(listen_server_connections(k.server), 10);
    assert_int_equal(atomic_load(&listen_server_stats(k.server)->refused_full), 1);
    wire_done(&more);
    for (int i = 0; i < 12; i++)
        wire_done(&w[i]);
    kit_run(&k, SL_MS);
    assert_int_equal(listen_server_connections(k.server), 0);
    kit_close(&k);
}

static void test_heads(void **state)
{
    (void)state;
    static const struct {
        unsigned headers, value, target;
        const char *says;
    } rows[] = {{10, 10, 10, " 200 "}, {30, 10, 10, " 431 "}, {3, 5000, 10, " 431 "}, {3, 10, 600, " 414 "}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct wire w;
        struct sl_buf b;
        kit_open(&k, NULL);
        kit_connect(&k, &w, "198.51.100.9");
        sl_buf_init(&b, 1u << 20);
        sl_buf_adds(&b, SL_STR("GET /now?"));
        for (unsigned j = 0; j < rows[i].target; j++)
            sl_buf_addc(&b, 'q');
        sl_buf_adds(&b, SL_STR(" HTTP/1.1\r\nhost: h\r\n"));
        for (unsigned j = 0; j < rows[i].headers; j++) {
            sl_buf_addf(&b, "x-%u: ", j);
            for (unsigned v = 0; v < rows[i].value; v++)
                sl_buf_addc(&b, 'v');
            sl_buf_adds(&b, SL_STR("\r\n"));
        }
        sl_buf_adds(&b, SL_STR("\r\n"));
        wire_send(&w, sl_buf_str(&b));
        kit_run(&k, SL_SEC);
        if (!has(&w, rows[i].says))
            fail_msg("row %zu: " SL_STR_FMT, i, SL_STR_ARG(sl_buf_str(&w.in)));
        sl_buf_done(&b);
        wire_done(&w);
        kit_run(&k, 0);
        kit_close(&k);
    }
}

/* ---- draining ---- */

static void test_drain(void **state)
{
    (void)state;
    struct kit k;
    struct wire idle, fresh, half, busy, late;
    kit_open(&k, NULL);
    kit_connect(&k, &fresh, "198.51.100.1");
    kit_connect(&k, &idle, "198.51.100.2");
    kit_connect(&k, &half, "198.51.100.3");
    kit_connect(&k, &busy, "198.51.100.4");
    wire_send(&idle, SL_STR(GET("/now")));
    wire_send(&half, SL_STR("GET /now HTT"));
    wire_send(&busy, SL_STR(GET("/hang")));
    kit_run(&k, SL_SEC);
    listen_server_drain(k.server);
    kit_connect(&k, &late, "198.51.100.5");
    kit_run(&k, SL_SEC);
    assert_true(idle.eof && fresh.eof);
    assert_int_equal(listen_server_connections(k.server), 1);
    kit_answer(kit_call(&k, 0), 200, SL_STR("done"));
    kit_run(&k, SL_SEC);
    assert_true(has(&busy, "\r\n\r\ndone") && has(&busy, "connection: close") && busy.eof);
    assert_int_equal(listen_server_connections(k.server), 0);
    wire_done(&idle);
    wire_done(&fresh);
    wire_done(&half);
    wire_done(&busy);
    wire_done(&late);
    kit_close(&k);
}

/* An answer that is still on its way to a slow client is not cut by the drain. */
static void test_drain_lets_answers_out(void **state)
{
    (void)state;
    for (int half = 0; half < 2; half++) {
        struct kit k;
        struct wire w;
        kit_open(&k, NULL);
        kit_connect(&k, &w, "198.51.100.9");
        k.big = 200000;
        k.big_is_rude = true;
        wire_listen(&w, false);
        wire_send(&w, SL_STR(GET("/big")));
        kit_run(&k, SL_SEC);
        if (half)
            wire_send(&w, SL_STR("GET /no"));
        kit_run(&k, SL_SEC);
        assert_null(kit_call(&k, 0));
        listen_server_drain(k.server);
        kit_run(&k, SL_SEC);
        assert_int_equal(listen_server_connections(k.server), 1);
        wire_listen(&w, true);
        kit_run(&k, SL_SEC);
        assert_true(w.in.n > 200000 && w.in.p[w.in.n - 1] == 'b');
        assert_true(w.eof);
        assert_int_equal(listen_server_connections(k.server), 0);
        wire_done(&w);
        kit_close(&k);
    }
}

/* The drain's deadline: the server is freed with requests in every shape. */
static void test_free_with_live_requests(void **state)
{
    (void)state;
    static const char *const asks[] = {"",
                                       "GET /now",
                                       GET("/hang"),
                                       GET("/stream"),
                                       GET("/big"),
                                       "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc",
                                       "POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc"};
    struct kit k;
    struct wire w[7];
    kit_open(&k, NULL);
    k.big = 1000000;
    for (int i = 0; i < 7; i++) {
        kit_connect(&k, &w[i], "127.0.0.1");
        wire_listen(&w[i], false);
        wire_send(&w[i], sl_str_c(asks[i]));
    }
    kit_run(&k, 500 * SL_MS);
    listen_server_free(k.server);
    k.server = NULL;
    assert_int_equal(k.gone, 4);
    assert_int_equal(k.last_why, HTTP_GONE_SHUTDOWN);
    for (int i = 0; i < 7; i++)
        wire_done(&w[i]);
    kit_close(&k);
}

/* New limits hold for what comes after. */
static void test_limits_change(void **state)
{
    (void)state;
    struct listen_limits l = kit_limits();
    struct kit k;
    struct wire w;
    kit_open(&k, NULL);
    kit_connect(&k, &w, "198.51.100.9");
    wire_send(&w, SL_STR(GET("/now")));
    kit_run(&k, SL_SEC);
    l.target_bytes = 3;
    listen_server_set_limits(k.server, &l);
    wire_send(&w, SL_STR(GET("/now")));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, " 200 ") && has(&w, " 414 "));
    wire_done(&w);
    kit_close(&k);
    /* lowered below what has come of a head already */
    for (uint32_t head = 300; head <= 1100; head += 400) {
        static char filler[3000];
        memset(filler, 'f', sizeof filler);
        kit_open(&k, NULL);
        kit_connect(&k, &w, "198.51.100.9");
        wire_send(&w, SL_STR("GET /now HTTP/1.1\r\nhost: h\r\nx-long: "));
        wire_send(&w, sl_str_of(filler, 1000));
        kit_run(&k, SL_SEC);
        l = kit_limits();
        l.head_bytes = head;
        listen_server_set_limits(k.server, &l);
        wire_send(&w, sl_str_of(filler, 3000));
        kit_run(&k, SL_SEC);
        assert_true(has(&w, " 431 "));
        wire_done(&w);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_heads),
        cmocka_unit_test(test_drip_head),
        cmocka_unit_test(test_slow_body),
        cmocka_unit_test(test_stalled_reader),
        cmocka_unit_test(test_stalled_behind_a_whole_answer),
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_lets_answers_out),
        cmocka_unit_test(test_free_with_live_requests),
        cmocka_unit_test(test_limits_change),
    };
    return cmocka_run_group_tests_name("listen limits", tests, NULL, NULL);
}
