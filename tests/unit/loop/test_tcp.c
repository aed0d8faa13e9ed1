/* Sockets on the real network and the real loop: connecting, pressure, ends, options, moving between loops, listening when
 * descriptors run out. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/net.h"

struct side {
    struct sl_tcp tcp;
    unsigned events; /* seen so far */
    unsigned n_events;
    unsigned wait_for; /* the loop stops when these were seen */
};

static struct sl_loop loop;
static struct sl_listener *listener;
static struct sl_addr at;
static int accepted[64];
static struct sl_addr peers[64];
static unsigned n_accepted, accept_target;

static void on_event(struct sl_tcp *t, unsigned events)
{
    struct side *s = SL_CONTAINER_OF(t, struct side, tcp);
    s->events |= events;
    s->n_events++;
    if (s->wait_for != 0 && (s->events & s->wait_for) == s->wait_for)
        sl_loop_stop(t->loop);
}

static void on_accept(void *owner, int fd, const struct sl_addr *peer)
{
    (void)owner;
    peers[n_accepted] = *peer;
    accepted[n_accepted++] = fd;
    if (n_accepted >= accept_target)
        sl_loop_stop(&loop);
}

static void on_guard(struct sl_timer *t)
{
    (void)t;
    fail_msg("nothing happened for a minute");
}

static void run(struct sl_loop *l)
{
    struct sl_timer guard;
    sl_timer_init(&guard, on_guard);
    sl_timer_arm(l, &guard, sl_loop_now_exact(l) + SL_MIN);
    sl_loop_run(l);
    sl_timer_cancel(l, &guard);
}

static void on_pause_over(struct sl_timer *t)
{
    (void)t;
    sl_loop_stop(&loop);
}

static void run_for(int64_t ns)
{
    struct sl_timer t;
    sl_timer_init(&t, on_pause_over);
    sl_timer_arm(&loop, &t, sl_loop_now_exact(&loop) + ns);
    sl_loop_run(&loop);
    sl_timer_cancel(&loop, &t);
}

static void open_listener(const char *host)
{
    struct sl_fail fail;
    struct sl_addr any;
    assert_true(sl_addr_parse(sl_str_c(host), 0, &any));
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    n_accepted = 0;
    accept_target = 1;
    if (sl_listener_open(&loop, &any, 16, on_accept, NULL, &listener, &fail) != SL_OK)
        fail_msg("%s", fail.text);
    at = sl_listener_addr(listener);
    assert_true(sl_addr_port(&at) > 0);
}

static void close_listener(void)
{
    sl_listener_close(listener);
    sl_loop_done(&loop);
}

static void connect_to(struct side *s, const struct sl_addr *to)
{
    *s = (struct side){.events = 0};
    sl_tcp_init(&s->tcp, on_event);
    assert_int_equal(sl_tcp_connect(&loop, &s->tcp, to), SL_OK);
}

static void wait_event(struct side *s, unsigned events)
{
    s->events = 0;
    s->wait_for = events;
    run(s->tcp.loop);
    s->wait_for = 0;
}

/* Both ends of one connection. */
static void pair(struct side *client, struct side *server)
{
    unsigned had = n_accepted;
    accept_target = had + 1;
    connect_to(client, &at);
    run(&loop);
    assert_int_equal(n_accepted, had + 1);
    if ((client->events & SL_WRITABLE) == 0)
        wait_event(client, SL_WRITABLE);
    assert_int_equal(sl_tcp_connect_result(&client->tcp), 0);
    *server = (struct side){.events = 0};
    sl_tcp_init(&server->tcp, on_event);
    assert_int_equal(sl_tcp_attach(&loop, &server->tcp, accepted[had]), SL_OK);
    sl_tcp_want(&client->tcp, SL_READABLE);
    sl_tcp_want(&server->tcp, SL_READABLE);
}

static enum sl_io put(struct side *s, const char *text)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    size_t n = 0;
    enum sl_io io = sl_tcp_write(&s->tcp, &v, 1, &n);
    if (io == SL_IO_OK)
        assert_int_equal(n, strlen(text));
    return io;
}

static bool has_nodelay(int fd)
{
    int v = 0;
    socklen_t n = sizeof v;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &n), 0);
    return v != 0;
}

static void test_talk(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < 2; i++) {
        struct side c, s;
        char got[32];
        size_t n = 0;
        int probe = socket(i == 0 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
        if (probe < 0)
            continue; /* a machine without IPv6 */
        close(probe);
        open_listener(hosts[i]);
        pair(&c, &s);
        assert_true(sl_addr_is_loopback(&peers[0]));
        assert_true(has_nodelay(c.tcp.fd) && has_nodelay(s.tcp.fd));
        assert_true((fcntl(s.tcp.fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(s.tcp.fd, F_GETFD) & FD_CLOEXEC) != 0);
        assert_true((fcntl(c.tcp.fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(c.tcp.fd, F_GETFD) & FD_CLOEXEC) != 0);
        assert_int_equal(sl_tcp_read(&s.tcp, got, sizeof got, &n), SL_IO_AGAIN);
        assert_true(sl_tcp_is_idle(&s.tcp));
        char one[] = "one ", two[] = "two";
        struct iovec v[3] = {
            {.iov_base = one, .iov_len = 4}, {.iov_base = NULL, .iov_len = 0}, {.iov_base = two, .iov_len = 3}};
        assert_int_equal(sl_tcp_write(&c.tcp, v, 3, &n), SL_IO_OK);
        assert_int_equal(n, 7);
        wait_event(&s, SL_READABLE);
        assert_false(sl_tcp_is_idle(&s.tcp));
        assert_int_equal(sl_tcp_read(&s.tcp, got, 4, &n), SL_IO_OK);
        assert_int_equal(n, 4);
        assert_int_equal(sl_tcp_read(&s.tcp, got + 4, sizeof got - 4, &n), SL_IO_OK);
        assert_memory_equal(got, "one two", 7);
        /* an orderly end is seen behind the bytes; the other way stays open */
        assert_int_equal(put(&c, "bye"), SL_IO_OK);
        sl_tcp_shut_write(&c.tcp);
        wait_event(&s, SL_READABLE);
        assert_int_equal(sl_tcp_read(&s.tcp, got, sizeof got, &n), SL_IO_OK);
        enum sl_io io;
        while ((io = sl_tcp_read(&s.tcp, got, sizeof got, &n)) == SL_IO_AGAIN)
            wait_event(&s, SL_READABLE);
        assert_int_equal(io, SL_IO_EOF);
        assert_false(sl_tcp_is_idle(&s.tcp));
        assert_int_equal(put(&s, "and you"), SL_IO_OK);
        wait_event(&c, SL_READABLE);
        assert_int_equal(sl_tcp_read(&c.tcp, got, sizeof got, &n), SL_IO_OK);
        assert_int_equal(n, 7);
        sl_tcp_close(&c.tcp);
        sl_tcp_close(&c.tcp);
        assert_false(sl_tcp_is_open(&c.tcp));
        assert_int_equal(sl_tcp_read(&c.tcp, got, 1, &n), SL_IO_ERROR);
        sl_tcp_want(&c.tcp, SL_READABLE);
        sl_tcp_close(&s.tcp);
        close_listener();
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct side c;
    open_listener("127.0.0.1");
    sl_listener_close(listener);
    connect_to(&c, &at);
    if ((c.events & SL_WRITABLE) == 0)
        wait_event(&c, SL_WRITABLE);
    assert_int_equal(sl_tcp_connect_result(&c.tcp), ECONNREFUSED);
    sl_tcp_close(&c.tcp);
    sl_loop_done(&loop);
}

/* A reader that does not read: the writer is told to wait, and told when it may go on. Nothing is lost. */
static void test_pressure(void **state)
{
    (void)state;
    static char piece[65536], got[65536];
    struct side c, s;
    uint64_t sent = 0, read = 0;
    open_listener("127.0.0.1");
    pair(&c, &s);
    sl_tcp_want(&s.tcp, 0);
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = (char)(i % 251);
    enum sl_io io;
    for (;;) {
        size_t n = 0, from = sent % sizeof piece;
        struct iovec v = {.iov_base = piece + from, .iov_len = sizeof piece - from};
        if ((io = sl_tcp_write(&c.tcp, &v, 1, &n)) != SL_IO_OK)
            break;
        sent += n;
        assert_true(sent < 1u << 30);
    }
    assert_int_equal(io, SL_IO_AGAIN);
    assert_true(sent > 0);
    c.n_events = 0;
    sl_tcp_want(&c.tcp, SL_WRITABLE);
    run_for(30 * SL_MS);
    assert_int_equal(c.n_events, 0); /* no event while there is no room */
    while (read < sent) {
        size_t n = 0;
        io = sl_tcp_read(&s.tcp, got, sizeof got, &n);
        if (io == SL_IO_AGAIN) {
            sl_tcp_want(&s.tcp, SL_READABLE);
            wait_event(&s, SL_READABLE);
            continue;
        }
        assert_int_equal(io, SL_IO_OK);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(got[i], piece[(read + i) % sizeof piece]);
        read += n;
    }
    sl_tcp_want(&s.tcp, 0);
    if ((c.events & SL_WRITABLE) == 0)
        wait_event(&c, SL_WRITABLE);
    assert_int_equal(put(&c, "more"), SL_IO_OK);
    sl_tcp_close(&c.tcp);
    sl_tcp_close(&s.tcp);
    close_listener();
}

/* A reset is an error with its number, not an end; want is 0 then, and may be asked for again without a storm. */
static void test_reset(void **state)
{
    (void)state;
    struct side c, s;
    char got[8];
    size_t n;
    open_listener("127.0.0.1");
    pair(&c, &s);
    sl_tcp_reset(&c.tcp);
    wait_event(&s, SL_READABLE);
    enum sl_io io = sl_tcp_read(&s.tcp, got, sizeof got, &n);
    assert_int_equal(io, SL_IO_ERROR);
    assert_int_equal(s.tcp.last_errno, ECONNRESET);
    assert_int_equal(put(&s, "x"), SL_IO_ERROR);
    sl_tcp_close(&s.tcp);
    close_listener();
}

/* Closing inside an event, with further events for others in the same poll. */
static struct side *doomed;
static void on_event_close(struct sl_tcp *t, unsigned events)
{
    (void)events;
    sl_tcp_close(&doomed->tcp);
    if (sl_tcp_is_open(t))
        sl_tcp_close(t);
    sl_loop_stop(&loop);
}

static void test_close_in_event(void **state)
{
    (void)state;
    struct side c[2], s[2];
    open_listener("127.0.0.1");
    pair(&c[0], &s[0]);
    pair(&c[1], &s[1]);
    s[0].tcp.on_event = s[1].tcp.on_event = on_event_close;
    for (int i = 0; i < 2; i++)
        assert_int_equal(put(&c[i], "x"), SL_IO_OK);
    doomed = &s[1];
    run(&loop);
    assert_false(sl_tcp_is_open(&s[1].tcp));
    run_for(5 * SL_MS);
    sl_tcp_close(&s[0].tcp);
    sl_tcp_close(&c[0].tcp);
    sl_tcp_close(&c[1].tcp);
    close_listener();
}

/* A socket goes from one loop to another, and back; what waits in it comes along. */
static void test_move(void **state)
{
    (void)state;
    struct side c, s;
    struct sl_loop other;
    char got[8];
    size_t n;
    open_listener("127.0.0.1");
    assert_int_equal(sl_loop_init(&other, NULL), SL_OK);
    pair(&c, &s);
    for (int i = 0; i < 10; i++) {
        struct sl_loop *to = i % 2 == 0 ? &other : &loop;
        int fd = sl_tcp_detach(&s.tcp);
        assert_false(sl_tcp_is_open(&s.tcp));
        assert_true(sl_fd_is_idle(fd));
        assert_int_equal(put(&c, "hello"), SL_IO_OK);
        run_for(SL_MS); /* the old loop must not see it any more */
        for (int k = 0; k < 1000 && sl_fd_is_idle(fd); k++)
            usleep(1000);
        assert_false(sl_fd_is_idle(fd));
        assert_int_equal(sl_tcp_attach(to, &s.tcp, fd), SL_OK);
        sl_tcp_want(&s.tcp, SL_READABLE);
        wait_event(&s, SL_READABLE);
        assert_int_equal(sl_tcp_read(&s.tcp, got, sizeof got, &n), SL_IO_OK);
        assert_memory_equal(got, "hello", 5);
    }
    sl_tcp_close(&s.tcp);
    sl_tcp_close(&c.tcp);
    sl_loop_done(&other);
    close_listener();
}

static int64_t told_at; /* of the newest event at a resting side */

static void on_event_timed(struct sl_tcp *t, unsigned events)
{
    told_at = sl_loop_now(t->loop);
    on_event(t, events);
}

/* A socket that rests tells nothing until its time is over, then once, whether or not bytes came; asking for something else
 * ends the rest, and so does closing. */
static void test_rest(void **state)
{
    (void)state;
    struct side c, s;
    char got[32];
    size_t n;
    open_listener("127.0.0.1");
    pair(&c, &s);
    s.tcp.on_event = on_event_timed;
    for (int i = 0; i < 20; i++) { /* bytes that are there at once are told behind the rest, in one piece */
        assert_int_equal(put(&c, "one"), SL_IO_OK);
        int64_t began = sl_loop_now_exact(&loop);
        sl_tcp_rest(&s.tcp);
        sl_tcp_rest(&s.tcp);
        assert_int_equal(put(&c, "two"), SL_IO_OK);
        s.n_events = 0;
        wait_event(&s, SL_READABLE);
        assert_int_equal(s.n_events, 1);
        assert_true(told_at - began >= SL_REST_NS);
        for (size_t had = 0; had < 6; had += n) {
            assert_int_equal(sl_tcp_read(&s.tcp, got + had, sizeof got - had, &n), SL_IO_OK);
            assert_memory_equal(&"onetwo"[had], got + had, n);
        }
    }
    sl_tcp_rest(&s.tcp); /* nothing comes: one event all the same, and then only for bytes */
    wait_event(&s, SL_READABLE);
    s.n_events = 0;
    run_for(5 * SL_MS);
    assert_int_equal(s.n_events, 0);
    assert_int_equal(put(&c, "x"), SL_IO_OK);
    wait_event(&s, SL_READABLE);
    assert_int_equal(sl_tcp_read(&s.tcp, got, sizeof got, &n), SL_IO_OK);
    sl_tcp_rest(&s.tcp); /* wanting nothing is kept */
    sl_tcp_want(&s.tcp, 0);
    s.n_events = 0;
    assert_int_equal(put(&c, "y"), SL_IO_OK);
    run_for(5 * SL_MS);
    assert_int_equal(s.n_events, 0);
    sl_tcp_rest(&s.tcp); /* who wants nothing does not rest */
    sl_tcp_want(&s.tcp, SL_READABLE | SL_WRITABLE);
    wait_event(&s, SL_READABLE | SL_WRITABLE);
    sl_tcp_want(&s.tcp, SL_READABLE);
    sl_tcp_rest(&s.tcp);
    int fd = sl_tcp_detach(&s.tcp); /* leaving in mid-rest */
    s.n_events = 0;
    run_for(5 * SL_MS);
    assert_int_equal(s.n_events, 0);
    assert_int_equal(sl_tcp_attach(&loop, &s.tcp, fd), SL_OK);
    sl_tcp_want(&s.tcp, SL_READABLE);
    wait_event(&s, SL_READABLE);
    sl_tcp_rest(&s.tcp);
    sl_tcp_close(&s.tcp);
    sl_tcp_rest(&s.tcp);
    sl_tcp_rest(&c.tcp); /* still rests when the loop ends */
    run_for(SL_MS);
    sl_tcp_rest(&c.tcp);
    sl_tcp_close(&c.tcp);
    close_listener();
}

/* Two that rest: the first to be told closes the other. */
static void test_close_at_rest(void **state)
{
    (void)state;
    struct side c[2], s[2];
    open_listener("127.0.0.1");
    for (int i = 0; i < 2; i++) {
        pair(&c[i], &s[i]);
        s[i].tcp.on_event = on_event_close;
        sl_tcp_rest(&s[i].tcp);
    }
    doomed = &s[1];
    run(&loop);
    assert_false(sl_tcp_is_open(&s[0].tcp));
    assert_false(sl_tcp_is_open(&s[1].tcp));
    run_for(2 * SL_MS);
    sl_tcp_close(&c[0].tcp);
    sl_tcp_close(&c[1].tcp);
    close_listener();
}

/* ---- listening ---- */

static void test_shared_port(void **state)
{
    (void)state;
    struct sl_listener *second;
    struct sl_addr taken;
    struct sl_fail fail;
    open_listener("127.0.0.1");
    assert_int_equal(sl_listener_check(&at, &fail), SL_EIO); /* who asks is not alone */
    assert_non_null(strstr(fail.text, "Another program listens there"));
    assert_int_equal(sl_listener_open(&loop, &at, 16, on_accept, NULL, &second, &fail), SL_OK); /* SO_REUSEPORT */
    sl_listener_close(second);
    /* somebody else has it: told with the address */
    int plain = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof taken.sa;
    assert_int_equal(bind(plain, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(plain, 1), 0);
    assert_int_equal(getsockname(plain, &taken.sa.any, &n), 0);
    assert_int_equal(sl_listener_open(&loop, &taken, 16, on_accept, NULL, &second, &fail), SL_EIO);
    assert_non_null(strstr(fail.text, "cannot bind 127.0.0.1:"));
    close(plain);
    close_listener();
    assert_int_equal(sl_listener_check(&at, &fail), SL_OK);       /* all are closed */
    assert_true(sl_addr_parse(SL_STR("203.0.113.1"), 9, &taken)); /* documentation's, RFC 5737: no machine has it */
    assert_int_equal(sl_listener_check(&taken, &fail), SL_EIO);
    assert_non_null(strstr(fail.text, "No network device"));
}

/* No descriptor is left: accepting rests instead of spinning, and goes on by itself when there is one. */
static void test_no_descriptors(void **state)
{
    (void)state;
    struct rlimit old, tight;
    struct side c;
    open_listener("127.0.0.1");
    connect_to(&c, &at);
    sl_tcp_want(&c.tcp, 0);
    int lowest = dup(0); /* the next free number */
    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    int64_t turns = loop.turns;
    accept_target = 100;
    run_for(350 * SL_MS);
    int64_t spent = loop.turns - turns;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(n_accepted, 0);
    assert_true(spent < 20); /* one look each 100 ms */
    accept_target = 1;
    run(&loop);
    assert_int_equal(n_accepted, 1);
    sl_tcp_discard_fd(accepted[0]);
    sl_tcp_close(&c.tcp);
    close_listener();
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        unsigned port;
        const char *text; /* NULL: refused */
        bool loopback;
    } rows[] = {
        {"127.0.0.1", 80, "127.0.0.1:80", true},
        {"127.255.0.9", 1, "127.255.0.9:1", true},
        {"128.0.0.1", 0, "128.0.0.1:0", false},
        {"::1", 443, "[::1]:443", true},
        {"[::1]", 443, "[::1]:443", true},
        {"::ffff:127.0.0.1", 5, "[::ffff:127.0.0.1]:5", true},
        {"::ffff:10.0.0.1", 5, "[::ffff:10.0.0.1]:5", false},
        {"2001:DB8:0:0:0:0:0:1", 65535, "[2001:db8::1]:65535", false},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 65535, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
         false},
        {"1.2.3", 80, NULL, false},
        {"1.2.3.256", 80, NULL, false},
        {"0x7f.1", 80, NULL, false},
        {"127.0.0.1", 65536, NULL, false},
        {"", 80, NULL, false},
        {"[]", 80, NULL, false},
        {"localhost", 80, NULL, false},
        {"::1%lo", 80, NULL, false},
        {"11111111111111111111111111111111111111111111111111111111111111111111", 80, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_addr a;
        char text[SL_ADDR_TEXT];
        if (sl_addr_parse(sl_str_c(rows[i].host), rows[i].port, &a) != (rows[i].text != NULL))
            fail_msg("%s", rows[i].host);
        if (rows[i].text == NULL)
            continue;
        size_t n = sl_addr_text(&a, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(n, strlen(text));
        assert_int_equal(sl_addr_is_loopback(&a), rows[i].loopback);
        assert_int_equal(sl_addr_port(&a), rows[i].port);
        struct sl_addr b = a;
        sl_addr_set_port(&b, 7);
        assert_int_equal(sl_addr_port(&b), 7);
        assert_true(sl_addr_host_eq(&a, &b));
    }
    struct sl_addr four, six;
    assert_true(sl_addr_parse(SL_STR("1.2.3.4"), 1, &four) && sl_addr_parse(SL_STR("::1.2.3.4"), 1, &six));
    assert_false(sl_addr_host_eq(&four, &six));
}

/* ---- names ---- */

static unsigned answers;
static enum sl_err answer;
static bool has_loopback;

static void on_name(void *owner, enum sl_err e, const struct sl_addr *addrs, size_t n)
{
    (void)owner;
    answers++;
    answer = e;
    for (size_t i = 0; i < n; i++)
        has_loopback = has_loopback || (sl_addr_is_loopback(&addrs[i]) && sl_addr_port(&addrs[i]) == 4711);
    sl_loop_stop(&loop);
}

static void test_names(void **state)
{
    (void)state;
    static char big[300];
    memset(big, 'a', sizeof big);
    assert_int_equal(sl_loop_init(&loop, NULL), SL_OK);
    assert_non_null(sl_dns_start(&loop, SL_STR("localhost"), 4711, on_name, NULL));
    run(&loop);
    assert_int_equal(answers, 1);
    assert_int_equal(answer, SL_OK);
    assert_true(has_loopback);
    assert_null(sl_dns_start(&loop, SL_STR(""), 1, on_name, NULL));
    assert_null(sl_dns_start(&loop, sl_str_of(big, sizeof big), 1, on_name, NULL));
    assert_null(sl_dns_start(&loop, SL_STR("localhost"), 65536, on_name, NULL));
    /* cancelled ones are not heard of, whether they had begun or not */
    for (int i = 0; i < 8; i++)
        sl_dns_cancel(sl_dns_start(&loop, SL_STR("localhost"), 1, on_name, NULL));
    sl_dns_cancel(NULL);
    run_for(50 * SL_MS);
    assert_int_equal(answers, 1);
    sl_loop_done(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),           cmocka_unit_test(test_refused),
        cmocka_unit_test(test_pressure),       cmocka_unit_test(test_reset),
        cmocka_unit_test(test_close_in_event), cmocka_unit_test(test_move),
        cmocka_unit_test(test_rest),           cmocka_unit_test(test_close_at_rest),
        cmocka_unit_test(test_shared_port),    cmocka_unit_test(test_no_descriptors),
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("loop tcp", tests, NULL, NULL);
}
