/* The virtual network itself: order, time, pressure, resets, names, and that a seed reproduces a run. */
#include "lib/vnet.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct side {
    struct sl_tcp tcp;
    size_t to_send, sent, got;
    uint64_t sum; /* of bytes with their place */
    bool eof, connected;
    int err;
    size_t read_at_most;
};

static void on_event(struct sl_tcp *t, unsigned events)
{
    struct side *s = SL_CONTAINER_OF(t, struct side, tcp);
    char buf[4096];
    size_t n;
    enum sl_io r = SL_IO_AGAIN;
    (void)events;
    if (!s->connected) {
        s->err = sl_tcp_connect_result(t);
        s->connected = s->err == 0;
        if (s->err != 0) {
            sl_tcp_close(t);
            return;
        }
    }
    while (s->read_at_most > 0 && (r = sl_tcp_read(t, buf, sizeof buf, &n)) == SL_IO_OK)
        for (size_t i = 0; i < n; i++) {
            assert_int_equal((unsigned char)buf[i], (unsigned char)(s->got % 251));
            s->got++;
        }
    if (r == SL_IO_EOF)
        s->eof = true;
    if (r == SL_IO_ERROR)
        s->err = t->last_errno;
    if (r == SL_IO_EOF || r == SL_IO_ERROR) {
        sl_tcp_close(t);
        return;
    }
    while (s->sent < s->to_send) {
        size_t m = s->to_send - s->sent < sizeof buf ? s->to_send - s->sent : sizeof buf;
        for (size_t i = 0; i < m; i++)
            buf[i] = (char)((s->sent + i) % 251);
        struct iovec v[2] = {{buf, m / 2}, {buf + m / 2, m - m / 2}};
        r = sl_tcp_write(t, v, 2, &n);
        if (r != SL_IO_OK)
            break;
        s->sent += n;
    }
    if (s->to_send > 0 && s->sent == s->to_send)
        sl_tcp_shut_write(t);
    sl_tcp_want(t, (s->read_at_most > 0 ? SL_READABLE : 0u) | (s->sent < s->to_send ? SL_WRITABLE : 0u));
}

struct world {
    struct vnet *net;
    struct sl_loop loop;
    struct side a, b;
    struct sl_addr at;
};

static void on_accept(void *owner, int fd, const struct sl_addr *peer)
{
    struct world *w = owner;
    (void)peer;
    assert_int_equal(sl_tcp_attach(&w->loop, &w->b.tcp, fd), SL_OK);
    w->b.connected = true;
    sl_tcp_want(&w->b.tcp, SL_READABLE);
}

static void open_world(struct world *w, uint64_t seed)
{
    *w = (struct world){.net = vnet_new(seed)};
    vnet_loop_init(w->net, &w->loop);
    sl_tcp_init(&w->a.tcp, on_event);
    sl_tcp_init(&w->b.tcp, on_event);
    w->a.read_at_most = w->b.read_at_most = SIZE_MAX;
    assert_true(sl_addr_parse(SL_STR("192.0.2.1"), 443, &w->at));
    vnet_listen(w->net, &w->at, on_accept, w);
}

static void close_world(struct world *w)
{
    sl_tcp_close(&w->a.tcp);
    sl_tcp_close(&w->b.tcp);
    sl_loop_done(&w->loop);
    vnet_free(w->net);
}

static void carries_bytes_and_ends(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, 1);
    w.a.to_send = 300000;
    vnet_set_faults(w.net,
                    &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = 3 * SL_MS, .connect_min_ns = SL_MS});
    assert_int_equal(sl_tcp_connect(&w.loop, &w.a.tcp, &w.at), SL_OK);
    assert_int_equal(vnet_run(w.net, NULL, NULL, SL_MIN), VNET_IDLE);
    assert_int_equal(w.b.got, 300000);
    assert_true(w.b.eof);
    assert_true(w.a.eof);
    assert_int_equal(vnet_open(w.net), 0);
    assert_int_equal(vnet_connects(w.net, &w.at), 1);
    close_world(&w);
}

static void pressure_holds_the_writer(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, 2);
    vnet_set_capacity(w.net, 1000);
    w.a.to_send = 5000;
    w.b.read_at_most = 0;
    assert_int_equal(sl_tcp_connect(&w.loop, &w.a.tcp, &w.at), SL_OK);
    w.b.to_send = 0;
    assert_int_not_equal(vnet_run(w.net, NULL, NULL, SL_SEC), VNET_UNTIL);
    assert_int_equal(w.a.sent, 1000);
    assert_int_equal(vnet_unread(&w.b.tcp), 1000);
    w.b.read_at_most = SIZE_MAX;
    sl_tcp_want(&w.b.tcp, SL_READABLE);
    vnet_run(w.net, NULL, NULL, SL_SEC);
    assert_int_equal(w.b.got, 5000);
    close_world(&w);
}

static void connects_fail_as_told(void **state)
{
    (void)state;
    static const struct {
        enum vnet_connect how;
        int err;
        int64_t after;
    } rows[] = {{VNET_CONNECT_REFUSED, ECONNREFUSED, 5 * SL_MS},
                {VNET_CONNECT_NO_ROUTE, EHOSTUNREACH, SL_MS},
                {VNET_CONNECT_BLACKHOLE, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        open_world(&w, 3 + i);
        vnet_set_connect(w.net, &w.at, rows[i].how, rows[i].after);
        assert_int_equal(sl_tcp_connect(&w.loop, &w.a.tcp, &w.at), SL_OK);
        vnet_run(w.net, NULL, NULL, SL_MIN);
        assert_int_equal(w.a.err, rows[i].err);
        assert_false(w.a.connected);
        if (rows[i].err != 0)
            assert_int_equal(vnet_now(w.net), VNET_START_NS + rows[i].after);
        close_world(&w);
    }
}

static void a_break_is_seen_after_the_bytes(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, 9);
    assert_int_equal(sl_tcp_connect(&w.loop, &w.a.tcp, &w.at), SL_OK);
    vnet_run(w.net, NULL, NULL, SL_SEC);
    size_t n;
    struct iovec v = {(char[]){0, 1, 2}, 3};
    assert_int_equal(sl_tcp_write(&w.a.tcp, &v, 1, &n), SL_IO_OK);
    sl_tcp_reset(&w.a.tcp);
    vnet_run(w.net, NULL, NULL, SL_SEC);
    assert_int_equal(w.b.got, 3);
    assert_int_equal(w.b.err, ECONNRESET);
    assert_false(w.b.eof);
    close_world(&w);
}

static bool has_name;
static size_t name_count;
static enum sl_err name_err;
static void on_name(void *owner, enum sl_err e, const struct sl_addr *addrs, size_t n)
{
    (void)owner;
    has_name = true;
    name_err = e;
    name_count = n;
    if (n > 0)
        assert_int_equal(sl_addr_port(&addrs[0]), 8443);
}

static void names_answer(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, 4);
    vnet_name(w.net, SL_STR("api.example"), SL_OK, &w.at, 1, 20 * SL_MS);
    has_name = false;
    assert_non_null(sl_dns_start(&w.loop, SL_STR("API.example"), 8443, on_name, NULL));
    assert_int_equal(vnet_run(w.net, NULL, NULL, SL_SEC), VNET_IDLE);
    assert_true(has_name);
    assert_int_equal(name_count, 1);
    assert_int_equal(vnet_now(w.net), VNET_START_NS + 20 * SL_MS);
    has_name = false;
    assert_non_null(sl_dns_start(&w.loop, SL_STR("nobody.example"), 1, on_name, NULL));
    vnet_run(w.net, NULL, NULL, SL_SEC);
    assert_true(has_name);
    assert_int_equal(name_err, SL_ENOENT);
    has_name = false;
    sl_dns_cancel(sl_dns_start(&w.loop, SL_STR("nobody.example"), 1, on_name, NULL));
    vnet_run(w.net, NULL, NULL, SL_SEC);
    assert_false(has_name);
    close_world(&w);
}

static uint64_t run_with_faults(uint64_t seed, bool *out_whole, uint64_t *out_injected)
{
    struct world w;
    open_world(&w, seed);
    vnet_set_capacity(w.net, 700);
    vnet_set_faults(w.net, &(struct vnet_faults){.short_read = 300000,
                                                 .short_write = 300000,
                                                 .again_read = 300000,
                                                 .again_write = 300000,
                                                 .spurious = 100000,
                                                 .hold = 200000,
                                                 .reset = 2000,
                                                 .cut = 2000,
                                                 .delay_max_ns = SL_MS,
                                                 .connect_max_ns = SL_MS,
                                                 .connect_refused = 50000});
    w.a.to_send = w.b.to_send = 20000;
    assert_int_equal(sl_tcp_connect(&w.loop, &w.a.tcp, &w.at), SL_OK);
    assert_int_not_equal(vnet_run(w.net, NULL, NULL, SL_MIN), VNET_UNTIL);
    *out_whole = w.a.got == 20000 && w.b.got == 20000;
    *out_injected = vnet_injected(w.net);
    uint64_t trace = vnet_trace(w.net);
    close_world(&w);
    return trace;
}

static void a_seed_reproduces_its_run(void **state)
{
    (void)state;
    unsigned whole = 0, broken = 0;
    uint64_t last = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        bool w1, w2;
        uint64_t i1, i2, t1 = run_with_faults(seed, &w1, &i1), t2 = run_with_faults(seed, &w2, &i2);
        assert_true(t1 == t2);
        assert_int_equal(w1, w2);
        assert_true(i1 == i2);
        assert_true(t1 != last);
        last = t1;
        whole += w1;
        broken += !w1;
    }
    assert_true(whole > 0); /* bytes survive short and refused calls */
    assert_true(broken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_bytes_and_ends), cmocka_unit_test(pressure_holds_the_writer),
        cmocka_unit_test(connects_fail_as_told),  cmocka_unit_test(a_break_is_seen_after_the_bytes),
        cmocka_unit_test(names_answer),           cmocka_unit_test(a_seed_reproduces_its_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
