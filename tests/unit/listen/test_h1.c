/* HTTP/1 on a client connection: keep-alive, pipelining, bodies before and after they are wanted, 100 Continue, answers that
 * come before the body, the end of connections, what is refused. */
#include "kit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nhost: h\r\n\r\n"
#define POST(path, n, body) "POST " path " HTTP/1.1\r\nhost: h\r\ncontent-length: " n "\r\n\r\n" body
#define CHUNKED(path) "POST " path " HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"

static void open_one(struct kit *k, struct wire *w)
{
    kit_open(k, NULL);
    kit_connect(k, w, "198.51.100.9");
}

static void close_one(struct kit *k, struct wire *w)
{
    wire_done(w);
    kit_run(k, 0);
    kit_close(k);
}

static void test_keep_alive(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    for (unsigned i = 1; i <= 5; i++) {
        wire_send(&w, SL_STR(POST("/echo", "3", "abc")));
        kit_run(&k, SL_SEC);
        assert_int_equal(count_of(&w, "HTTP/1.1 200 OK\r\n"), 2 * i - 1);
        assert_int_equal(count_of(&w, "\r\n\r\nabc"), i);
        wire_send(&w, SL_STR(GET("/now")));
        kit_run(&k, SL_SEC);
        assert_int_equal(count_of(&w, "\r\n\r\nnow"), i);
    }
    assert_false(w.eof);
    assert_true(has(&w, "date: "));
    assert_int_equal(listen_server_connections(k.server), 1);
    wire_close(&w);
    kit_run(&k, SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 0);
    assert_int_equal(k.gone, 0);
    close_one(&k, &w);
}

static void test_who_asked_for_close(void **state)
{
    (void)state;
    static const struct {
        const char *ask, *says;
        bool stays;
    } rows[] = {
        {"GET /now HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n", "connection: close", false},
        {"GET /now HTTP/1.0\r\n\r\n", "connection: close", false},
        {"GET /now HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", "connection: keep-alive", true},
        {GET("/now"), "now", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct wire w;
        open_one(&k, &w);
        wire_send(&w, sl_str_c(rows[i].ask));
        kit_run(&k, 5 * SL_SEC);
        if (!has(&w, rows[i].says) || w.eof == rows[i].stays)
            fail_msg("row %zu: eof %d, " SL_STR_FMT, i, w.eof, SL_STR_ARG(sl_buf_str(&w.in)));
        close_one(&k, &w);
    }
}

static void test_unknown_length(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR(GET("/stream")));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "transfer-encoding: chunked") && has(&w, "5\r\nfirst\r\n"));
    struct iovec v[40]; /* more pieces than one write takes */
    for (int i = 0; i < 40; i++)
        v[i] = (struct iovec){.iov_base = (void *)(uintptr_t) & "0123456789"[i % 10], .iov_len = 1};
    http_stream_send_body(kit_call(&k, 0)->s, v, 40, true);
    kit_release(kit_call(&k, 0));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "\r\n0\r\n\r\n"));
    wire_send(&w, SL_STR(GET("/now")));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "\r\n\r\nnow"));
    close_one(&k, &w);
    /* to a client that knows no chunks: until the close */
    open_one(&k, &w);
    wire_send(&w, SL_STR("GET /stream HTTP/1.0\r\n\r\n"));
    kit_run(&k, SL_SEC);
    http_stream_send_body(kit_call(&k, 0)->s, v, 3, true);
    kit_release(kit_call(&k, 0));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "\r\n\r\nfirst012") && !has(&w, "chunked") && w.eof);
    close_one(&k, &w);
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR("HEAD /now HTTP/1.1\r\nhost: h\r\n\r\n" GET("/now")));
    kit_run(&k, SL_SEC);
    assert_int_equal(count_of(&w, "content-length: 3\r\n"), 2);
    assert_int_equal(count_of(&w, "\r\n\r\nnow"), 1);
    close_one(&k, &w);
}

/* ---- pipelining ---- */

/* Any number of requests in any pieces: each is answered, in order. */
static void test_pipelining(void **state)
{
    (void)state;
    static const char all[] = POST("/echo", "1", "a") GET("/now") CHUNKED("/echo") "2\r\nbc\r\n0\r\n\r\n" GET("/big")
        POST("/echo", "1", "d");
    for (size_t cut = 1; cut < sizeof all - 1; cut++) {
        struct kit k;
        struct wire w;
        open_one(&k, &w);
        k.big = 7;
        wire_send(&w, sl_str_of(all, cut));
        kit_run(&k, SL_SEC);
        wire_send(&w, sl_str_of(all + cut, sizeof all - 1 - cut));
        kit_run(&k, SL_SEC);
        struct sl_str rest = sl_buf_str(&w.in);
        static const char *const bodies[] = {"\r\n\r\na", "\r\n\r\nnow", "\r\n\r\nbc", "\r\n\r\nbbbbbbb", "\r\n\r\nd"};
        for (size_t i = 0; i < 5; i++) {
            ptrdiff_t at = sl_str_find_str(rest, sl_str_c(bodies[i]));
            if (at < 0)
                fail_msg("cut at %zu: no answer %zu in " SL_STR_FMT, cut, i, SL_STR_ARG(sl_buf_str(&w.in)));
            rest = sl_str_from(rest, (size_t)at + 4);
        }
        assert_int_equal(k.requests, 5);
        close_one(&k, &w);
    }
}

/* A second request waits until the first is answered, its client's leaving is still seen. */
static void test_pipelined_behind_a_slow_one(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR(GET("/hang") GET("/now")));
    kit_run(&k, SL_SEC);
    assert_int_equal(k.requests, 1);
    kit_answer(kit_call(&k, 0), 200, SL_STR("one"));
    kit_run(&k, SL_SEC);
    assert_int_equal(k.requests, 2);
    assert_true(has(&w, "\r\n\r\none") && has(&w, "\r\n\r\nnow"));
    wire_send(&w, SL_STR(GET("/hang") GET("/now")));
    kit_run(&k, SL_SEC);
    wire_close(&w);
    kit_run(&k, SL_SEC);
    assert_int_equal(k.gone, 1);
    assert_int_equal(k.requests, 3);
    close_one(&k, &w);
}

/* Requests without end from a client that reads nothing: what we keep is bounded, and the stall is cut. */
static void test_pipelining_without_reading(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_listen(&w, false);
    vnet_set_capacity(k.net, 65536);
    for (int i = 0; i < 40000; i++)
        wire_send(&w, SL_STR(GET("/now")));
    kit_run(&k, SL_SEC);
    /* the network holds 64 KiB of answers, our queue as much, each some 60 bytes */
    if (k.requests > 6000)
        fail_msg("%u requests were answered into a queue that nobody reads", k.requests);
    for (int i = 0; i < 20 && listen_server_connections(k.server) > 0; i++)
        kit_run(&k, 10 * SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 0);
    close_one(&k, &w);
    /* one that begins to read gets them all */
    open_one(&k, &w);
    wire_listen(&w, false);
    for (int i = 0; i < 5000; i++)
        wire_send(&w, SL_STR(GET("/now")));
    kit_run(&k, SL_SEC);
    wire_listen(&w, true);
    kit_run(&k, SL_SEC);
    assert_int_equal(count_of(&w, "\r\n\r\nnow"), 5000);
    close_one(&k, &w);
}

/* Much more than is read at once, and each answer takes a turn of its own: none is lost, the client is held meanwhile. */
static void test_pipelining_far_ahead(void **state)
{
    (void)state;
    enum {
        N = 9000
    };
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    for (int i = 0; i < N; i++)
        wire_send(&w, SL_STR(GET("/hang")));
    for (int i = 0; i < N; i++) {
        kit_run(&k, 0);
        if (kit_call(&k, 0) == NULL)
            fail_msg("after %d answers the connection is gone", i);
        assert_null(kit_call(&k, 1));
        kit_answer(kit_call(&k, 0), 200, SL_STR("ok"));
    }
    kit_run(&k, SL_SEC);
    assert_int_equal(count_of(&w, "\r\n\r\nok"), N);
    close_one(&k, &w);
}

/* ---- bodies ---- */

static void test_body_split_anywhere(void **state)
{
    (void)state;
    static const char *const asks[] = {POST("/echo", "11", "hello world"),
                                       CHUNKED("/echo") "6\r\nhello \r\n5;x=y\r\nworld\r\n0\r\ntrailer: x\r\n\r\n"};
    for (size_t which = 0; which < 2; which++) {
        size_t n = strlen(asks[which]);
        for (size_t cut = 1; cut < n; cut++) {
            struct kit k;
            struct wire w;
            open_one(&k, &w);
            wire_send(&w, sl_str_of(asks[which], cut));
            kit_run(&k, SL_MS);
            wire_send(&w, sl_str_of(asks[which] + cut, n - cut));
            kit_run(&k, SL_SEC);
            if (!has(&w, "\r\n\r\nhello world"))
                fail_msg("ask %zu cut at %zu: " SL_STR_FMT, which, cut, SL_STR_ARG(sl_buf_str(&w.in)));
            wire_send(&w, SL_STR(GET("/now")));
            kit_run(&k, SL_SEC);
            assert_true(has(&w, "\r\n\r\nnow"));
            close_one(&k, &w);
        }
    }
}

/* A body is not read before it is wanted; then all of it comes, also what waited. */
static void test_body_is_wanted_late(void **state)
{
    (void)state;
    static char big[200000];
    memset(big, 'z', sizeof big);
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    vnet_set_capacity(k.net, 20000);
    wire_send(&w, SL_STR("POST /hang HTTP/1.1\r\nhost: h\r\ncontent-length: 200000\r\n\r\n"));
    wire_send(&w, sl_str_of(big, sizeof big));
    kit_run(&k, SL_SEC);
    struct call *c = kit_call(&k, 0);
    assert_int_equal(c->body.n, 0);
    assert_true(w.out.n > 50000); /* the client is held */
    http_stream_read(c->s, true);
    kit_run(&k, SL_SEC);
    assert_int_equal(c->body.n, sizeof big);
    assert_true(c->last);
    kit_answer(c, 200, SL_STR("ok"));
    wire_send(&w, SL_STR(GET("/now")));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "\r\n\r\nnow"));
    close_one(&k, &w);
}

/* On and off: nothing is lost, nothing comes while it is off. */
static void test_body_on_and_off(void **state)
{
    (void)state;
    static char big[100000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('a' + i % 26);
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR("POST /hang HTTP/1.1\r\nhost: h\r\ncontent-length: 100000\r\n\r\n"));
    struct call *c = NULL;
    for (size_t at = 0; at < sizeof big; at += 5000) {
        kit_run(&k, SL_MS);
        c = kit_call(&k, 0);
        http_stream_read(c->s, false);
        kit_run(&k, SL_MS);
        size_t before = c->body.n;
        wire_send(&w, sl_str_of(big + at, 5000));
        kit_run(&k, SL_MS);
        assert_int_equal(c->body.n, before);
        http_stream_read(c->s, true);
        kit_run(&k, SL_MS);
        assert_true(c->body.n > before);
    }
    assert_int_equal(c->body.n, sizeof big);
    assert_memory_equal(c->body.p, big, sizeof big);
    assert_true(c->last);
    kit_answer(c, 200, SL_STR("ok"));
    kit_run(&k, SL_MS);
    close_one(&k, &w);
}

static void test_continue(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR("POST /hang HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"));
    kit_run(&k, SL_SEC);
    assert_int_equal(w.in.n, 0); /* not before the body is wanted */
    http_stream_read(kit_call(&k, 0)->s, true);
    kit_run(&k, SL_SEC);
    expect_str(sl_buf_str(&w.in), "HTTP/1.1 100 Continue\r\n\r\n");
    http_stream_read(kit_call(&k, 0)->s, false);
    http_stream_read(kit_call(&k, 0)->s, true);
    wire_send(&w, SL_STR("abc"));
    kit_run(&k, SL_SEC);
    assert_int_equal(count_of(&w, "100 Continue"), 1);
    kit_answer(kit_call(&k, 0), 200, SL_STR("ok"));
    wire_send(&w, SL_STR(GET("/now")));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "\r\n\r\nnow"));
    close_one(&k, &w);
    /* refused: the final answer instead, and the connection ends since the body may follow all the same */
    open_one(&k, &w);
    wire_send(&w, SL_STR("POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"));
    kit_run(&k, 5 * SL_SEC);
    assert_true(!has(&w, "100 Continue") && has(&w, "connection: close") && has(&w, "\r\n\r\nnow"));
    assert_true(w.eof);
    close_one(&k, &w);
    /* a client of HTTP/1.0 gets none, whatever it says (RFC 9110 10.1.1) */
    open_one(&k, &w);
    wire_send(&w, SL_STR("POST /echo HTTP/1.0\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"));
    kit_run(&k, SL_SEC);
    assert_int_equal(w.in.n, 0);
    wire_send(&w, SL_STR("abc"));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "\r\n\r\nabc"));
    close_one(&k, &w);
}

/* An answer before the body was read: it arrives whole, nothing of the body is taken for a request, the connection ends
 * after a bounded drain. */
static void test_early_answer(void **state)
{
    (void)state;
    static const char *const heads[] = {"POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 10000000\r\n\r\n",
                                        CHUNKED("/now") "989680\r\n"};
    for (size_t which = 0; which < 2; which++) {
        for (int ends = 0; ends < 2; ends++) { /* the client goes on sending, or it stops and waits */
            struct kit k;
            struct wire w;
            open_one(&k, &w);
            wire_send(&w, sl_str_c(heads[which]));
            wire_send(&w, SL_STR(GET("/evil")));
            int64_t began = vnet_now(k.net);
            kit_run(&k, 10 * SL_MS);
            assert_true(w.eof || ends == 0); /* our side is shut at once: who waits for the end has it */
            for (int i = 0; i < 100 && !w.eof && !w.error; i++) {
                for (int j = 0; ends == 0 && j < 100; j++)
                    wire_send(&w, SL_STR(GET("/evil")));
                kit_run(&k, 50 * SL_MS);
            }
            assert_true(has(&w, "connection: close") && has(&w, "\r\n\r\nnow"));
            assert_int_equal(k.requests, 1);
            assert_true(w.eof || w.error);
            kit_run(&k, 3 * SL_SEC);
            assert_int_equal(listen_server_connections(k.server), 0);
            assert_true(vnet_now(k.net) - began < 10 * SL_SEC);
            close_one(&k, &w);
        }
    }
    /* the body was there already: no reason to end */
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR("POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n" GET("/now")));
    kit_run(&k, SL_SEC);
    assert_int_equal(count_of(&w, "\r\n\r\nnow"), 2);
    close_one(&k, &w);
}

#define MIB (1u << 20)

static void linger(struct kit *k, struct wire *w)
{
    open_one(k, w);
    wire_listen(w, false); /* it reads when all of its body is out */
    wire_send(w, SL_STR("POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000000\r\n\r\n"));
}

/* All of a body that was not wanted is read, as long as it comes and has an end. */
static void test_linger(void **state)
{
    (void)state;
    static char big[MIB];
    struct kit k;
    struct wire w;
    memset(big, 'z', sizeof big);
    linger(&k, &w);
    for (int i = 0; i < 32; i++) {
        wire_send(&w, sl_str_of(big, sizeof big));
        kit_run(&k, 600 * SL_MS);
    }
    wire_listen(&w, true);
    kit_run(&k, 10 * SL_MS);
    assert_true(has(&w, "\r\n\r\nnow"));
    assert_true(atomic_load(&listen_server_stats(k.server)->bytes_in) > 32 * MIB);
    kit_run(&k, 1100 * SL_MS); /* nothing more came */
    assert_int_equal(listen_server_connections(k.server), 0);
    close_one(&k, &w);
}

/* It takes no more than its bytes, and no longer than its time. */
static void test_linger_is_bounded(void **state)
{
    (void)state;
    static char big[MIB];
    struct kit k;
    struct wire w;
    memset(big, 'z', sizeof big);
    linger(&k, &w);
    for (int i = 0; i < 80; i++) {
        wire_send(&w, sl_str_of(big, sizeof big));
        kit_run(&k, 10 * SL_MS);
    }
    assert_true(atomic_load(&listen_server_stats(k.server)->bytes_in) <= 64 * MIB + MIB);
    assert_int_equal(listen_server_connections(k.server), 0);
    close_one(&k, &w);

    linger(&k, &w);
    int64_t began = vnet_now(k.net);
    while (listen_server_connections(k.server) > 0) {
        wire_send(&w, SL_STR("z"));
        kit_run(&k, 500 * SL_MS);
        assert_true(vnet_now(k.net) - began < 40 * SL_SEC);
    }
    assert_true(vnet_now(k.net) - began > 29 * SL_SEC);
    close_one(&k, &w);
}

/* Who asks for it again and again is read less of. */
static void test_linger_of_many(void **state)
{
    (void)state;
    static char big[MIB];
    static struct wire many[70];
    struct kit k;
    memset(big, 'z', sizeof big);
    linger(&k, &many[0]);
    for (size_t i = 1; i < 70; i++) {
        kit_connect(&k, &many[i], "127.0.0.1");
        wire_listen(&many[i], false);
        wire_send(&many[i], SL_STR("POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000000\r\n\r\n"));
    }
    kit_run(&k, 100 * SL_MS);
    for (size_t i = 0; i < 70; i++)
        wire_send(&many[i], sl_str_of(big, sizeof big));
    kit_run(&k, 500 * SL_MS);
    assert_int_equal(listen_server_connections(k.server), 64);
    kit_run(&k, 2 * SL_SEC);
    assert_int_equal(listen_server_connections(k.server), 0);
    for (size_t i = 1; i < 70; i++)
        wire_done(&many[i]);
    close_one(&k, &many[0]);
}

/* ---- what is refused ---- */

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *ask;
        int status;
    } rows[] = {
        {"GET /now HTTP/1.1\r\n\r\n", 400},
        {"GET  /now HTTP/1.1\r\nhost: h\r\n\r\n", 400},
        {"nonsense\r\n\r\n", 501},
        {"GET /now HTTP/1.1\r\nhost : h\r\n\r\n", 400},
        {"GET /now HTTP/1.1\r\nhost: h\r\n a: folded\r\n\r\n", 400},
        {"GET /now HTTP/1.1\nhost: h\n\n", 400},
        {"POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", 400},
        {"POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: +3\r\n\r\nabc", 400},
        {"POST /now HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"GET /now HTTP/3.7\r\nhost: h\r\n\r\n", 505},
        {"CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n\r\n", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct wire w;
        char line[32];
        open_one(&k, &w);
        wire_send(&w, sl_str_c(rows[i].ask));
        kit_run(&k, 5 * SL_SEC);
        snprintf(line, sizeof line, "HTTP/1.1 %d ", rows[i].status);
        if (rows[i].status != 0 && !has(&w, line))
            fail_msg("row %zu: " SL_STR_FMT, i, SL_STR_ARG(sl_buf_str(&w.in)));
        assert_true(has(&w, "connection: close") && has(&w, "{\"error\":{"));
        assert_true(w.eof);
        assert_int_equal(k.requests, 0);
        assert_int_equal(atomic_load(&listen_server_stats(k.server)->bad_requests), 1);
        close_one(&k, &w);
    }
}

/* A body that breaks its framing: the app hears, the client hears if nothing was said yet, the connection ends. */
static void test_broken_body(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR(CHUNKED("/echo") "3\r\nabc\r\nzz\r\n"));
    kit_run(&k, 5 * SL_SEC);
    assert_int_equal(k.gone, 1);
    assert_int_equal(k.last_why, HTTP_GONE_PROTOCOL);
    assert_true(has(&w, "HTTP/1.1 400 "));
    assert_int_equal(listen_server_connections(k.server), 0);
    close_one(&k, &w);
}

/* ---- the end ---- */

static void test_client_leaves(void **state)
{
    (void)state;
    static const char *const asks[] = {GET("/hang"), POST("/echo", "9", "abc"), POST("/hang", "9", "abc"),
                                       GET("/stream")};
    for (size_t i = 0; i < 4; i++) {
        for (int how = 0; how < 3; how++) {
            struct kit k;
            struct wire w;
            open_one(&k, &w);
            wire_send(&w, sl_str_c(asks[i]));
            kit_run(&k, SL_SEC);
            if (how == 0)
                wire_close(&w);
            else if (how == 1)
                wire_reset(&w);
            else
                wire_fin(&w);
            kit_run(&k, SL_SEC);
            assert_int_equal(k.gone, 1);
            assert_int_equal(k.last_why, HTTP_GONE_CLOSED);
            assert_int_equal(listen_server_connections(k.server), 0);
            close_one(&k, &w);
        }
    }
}

/* Bytes and the reset behind them in one event: the bytes are read, and the reset is not waited for until a deadline. */
static void test_reset_behind_bytes(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR(POST("/echo", "9000", "abc")));
    kit_run(&k, 10 * SL_MS);
    wire_send(&w, SL_STR("defghi"));
    wire_reset(&w);
    kit_run(&k, SL_SEC);
    assert_int_equal(k.gone, 1);
    assert_int_equal(listen_server_connections(k.server), 0);
    close_one(&k, &w);
}

/* The app lets go later than it is told, or before its answer is whole. */
static void test_app_lets_go(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR(GET("/hang")));
    kit_run(&k, SL_SEC);
    kit_release(kit_call(&k, 0));
    kit_run(&k, SL_SEC);
    assert_true(w.eof || w.error);
    assert_int_equal(w.in.n, 0);
    close_one(&k, &w);
    open_one(&k, &w);
    wire_send(&w, SL_STR(GET("/stream")));
    kit_run(&k, SL_SEC);
    kit_release(kit_call(&k, 0));
    kit_run(&k, SL_SEC);
    assert_true(w.eof || w.error);
    assert_false(has(&w, "0\r\n\r\n"));
    close_one(&k, &w);
    /* an answer that breaks off until the close would look whole: only a reset tells */
    open_one(&k, &w);
    wire_send(&w, SL_STR("GET /stream HTTP/1.0\r\n\r\n"));
    kit_run(&k, SL_SEC);
    http_stream_reset(kit_call(&k, 0)->s);
    kit_run(&k, SL_SEC);
    assert_true(w.error && !w.eof);
    close_one(&k, &w);
}

/* ---- pressure ---- */

static void test_slow_reader(void **state)
{
    (void)state;
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    k.big = 3000000;
    wire_listen(&w, false);
    wire_send(&w, SL_STR(GET("/big")));
    kit_run(&k, 10 * SL_SEC);
    struct call *c = kit_call(&k, 0);
    assert_non_null(c);
    assert_true(c->left > 3000000 - 65536 - 65536 - 3 * 4096); /* network, queue, and the pieces that were begun */
    wire_listen(&w, true);
    kit_run(&k, 10 * SL_SEC);
    assert_null(kit_call(&k, 0));
    assert_true(w.in.n > 3000000 && w.in.n < 3000300);
    close_one(&k, &w);
}

/* Through a network that reads and writes as short as it can, and turns up for nothing. */
static void test_ragged_network(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct kit k;
        struct wire w;
        open_one(&k, &w);
        for (uint64_t i = 0; i < seed; i++)
            vnet_random(k.net, 10);
        vnet_set_faults(k.net, &(struct vnet_faults){.short_read = 500000,
                                                     .short_write = 500000,
                                                     .again_read = 300000,
                                                     .again_write = 300000,
                                                     .spurious = 300000,
                                                     .hold = 200000,
                                                     .delay_max_ns = SL_MS});
        k.big = 20000;
        wire_send(&w,
                  SL_STR(POST("/echo", "5", "hello") GET("/big") CHUNKED("/echo") "3\r\nxyz\r\n0\r\n\r\n" GET("/now")));
        kit_run(&k, 60 * SL_SEC);
        assert_true(has(&w, "\r\n\r\nhello") && has(&w, "\r\n\r\nxyz") && has(&w, "\r\n\r\nnow"));
        assert_int_equal(k.requests, 4);
        close_one(&k, &w);
    }
}

static void expect_bytes(const struct sl_buf *b, const char *text)
{
    if (!sl_str_eq(sl_buf_str(b), sl_str_c(text)))
        fail_msg("not '%s' but '" SL_STR_FMT "'", text, SL_STR_ARG(sl_buf_str(b)));
}

#define UPGRADE(path) "GET " path " HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"

/* Behind 101 bytes pass as they are, those too that came with the request; what is held stays with the kernel; the last bytes leave
 * before the end. */
static void test_tunnel(void **state)
{
    (void)state;
    static const struct http_response yes = {.status = 101, .content_length = HTTP_LENGTH_NONE};
    struct kit k;
    struct wire w;
    open_one(&k, &w);
    wire_send(&w, SL_STR(UPGRADE("/hang") "early"));
    kit_run(&k, SL_SEC);
    struct call *c = kit_call(&k, 0);
    assert_true(http_stream_upgrade(c->s, &yes));
    assert_false(http_stream_upgrade(c->s, &yes));
    kit_run(&k, SL_SEC);
    assert_true(has(&w, "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"));
    assert_int_equal(c->body.n, 0);
    http_stream_read(c->s, true);
    kit_run(&k, SL_SEC);
    expect_bytes(&c->body, "early");
    wire_send(&w, SL_STR(GET("/now"))); /* no request any more */
    kit_run(&k, 200 * SL_SEC);          /* no deadline of a request holds for it */
    expect_bytes(&c->body, "early" GET("/now"));
    assert_int_equal(k.requests, 1);
    http_stream_read(c->s, false);
    kit_run(&k, SL_SEC);
    wire_send(&w, SL_STR("held"));
    kit_run(&k, SL_SEC);
    expect_bytes(&c->body, "early" GET("/now"));
    http_stream_read(c->s, true);
    kit_run(&k, SL_SEC);
    expect_bytes(&c->body, "early" GET("/now") "held");
    struct iovec v[2] = {{(void *)(uintptr_t) "by", 2}, {(void *)(uintptr_t) "te", 2}};
    http_stream_send_body(c->s, v, 2, false);
    v[0] = (struct iovec){(void *)(uintptr_t) "!last", 5};
    http_stream_send_body(c->s, v, 1, true);
    kit_release(c);
    wire_send(&w, SL_STR("on its way"));
    kit_run(&k, SL_SEC / 2);
    assert_true(w.eof && !w.error);
    assert_true(has(&w, "\r\n\r\nbyte!last"));
    close_one(&k, &w);
}

static void test_tunnel_refused_and_gone(void **state)
{
    (void)state;
    static const struct http_response yes = {.status = 101, .content_length = HTTP_LENGTH_NONE};
    static const char *const rows[] = {"GET /hang HTTP/1.0\r\n\r\n", POST("/hang", "3", "abc")};
    struct kit k;
    struct wire w;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_one(&k, &w);
        wire_send(&w, sl_str_c(rows[i]));
        kit_run(&k, SL_SEC);
        assert_false(http_stream_upgrade(kit_call(&k, 0)->s, &yes));
        kit_release(kit_call(&k, 0));
        kit_run(&k, SL_SEC);
        close_one(&k, &w);
    }
    open_one(&k, &w);
    wire_send(&w, SL_STR(UPGRADE("/hang")));
    kit_run(&k, SL_SEC);
    assert_true(http_stream_upgrade(kit_call(&k, 0)->s, &yes));
    http_stream_read(kit_call(&k, 0)->s, true);
    kit_run(&k, SL_SEC);
    wire_close(&w);
    kit_run(&k, SL_SEC);
    assert_int_equal(k.gone, 1);
    assert_int_equal(k.last_why, HTTP_GONE_CLOSED);
    close_one(&k, &w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_tunnel_refused_and_gone),
        cmocka_unit_test(test_who_asked_for_close),
        cmocka_unit_test(test_unknown_length),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_pipelined_behind_a_slow_one),
        cmocka_unit_test(test_pipelining_without_reading),
        cmocka_unit_test(test_pipelining_far_ahead),
        cmocka_unit_test(test_body_split_anywhere),
        cmocka_unit_test(test_body_is_wanted_late),
        cmocka_unit_test(test_body_on_and_off),
        cmocka_unit_test(test_continue),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_linger),
        cmocka_unit_test(test_linger_is_bounded),
        cmocka_unit_test(test_linger_of_many),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_broken_body),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_reset_behind_bytes),
        cmocka_unit_test(test_app_lets_go),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_ragged_network),
    };
    return cmocka_run_group_tests_name("listen h1", tests, NULL, NULL);
}
