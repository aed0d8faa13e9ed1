/* Bytes through TLS: every split, pressure both ways, ends that are clean and ends that are not, idleness, and a stream that
 * changes its thread. */
#include "kit.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static struct tls_context *server_ctx, *client_ctx;

static void shake(struct kit_pair *p)
{
    assert_true(kit_shake(p, client_ctx, server_ctx, "a.test", "h2,http/1.1"));
}

static void go(struct kit_pair *p)
{
    if (p->client.end == SL_IO_OK)
        kit_end_go(&p->client);
    if (p->server.end == SL_IO_OK)
        kit_end_go(&p->server);
    kit_pair_run(p);
}

static void assert_whole(const struct kit_end *from, const struct kit_end *to)
{
    assert_int_equal(from->sent, from->to_send);
    assert_int_equal(to->got, from->to_send);
    assert_false(to->bad);
}

/* Everything arrives in order whatever the network does to the pieces. */
static void transfer(uint64_t seed, const struct vnet_faults *faults, size_t capacity, size_t read_size, size_t bytes)
{
    struct vnet *v = vnet_new(seed);
    struct kit_pair p;
    vnet_set_capacity(v, capacity);
    vnet_set_faults(v, faults);
    kit_pair_open(&p, v);
    kit_pair_start(&p, client_ctx, server_ctx, "a.test", "");
    p.client.to_send = bytes;
    p.server.to_send = bytes * 2;
    p.client.read_size = p.server.read_size = read_size;
    p.client.iov_max = 1 + seed * 997 % 40000;
    kit_pair_run(&p);
    if (!p.client.is_shaken || !p.server.is_shaken || p.client.got != bytes * 2 || p.server.got != bytes)
        fail_msg("seed %u: got %zu and %zu", (unsigned)seed, p.client.got, p.server.got);
    assert_whole(&p.client, &p.server);
    assert_whole(&p.server, &p.client);
    kit_pair_close(&p);
    vnet_free(v);
}

static void test_transfer(void **state)
{
    (void)state;
    transfer(1, &(struct vnet_faults){0}, 65536, 0, 1000000);
    transfer(2, &(struct vnet_faults){0}, 65536, 1, 30000);
    transfer(3, &(struct vnet_faults){0}, 100, 0, 100000); /* every record gets stuck */
    transfer(4, &(struct vnet_faults){0}, 17000, 333, 200000);
}

static void test_transfer_under_faults(void **state)
{
    const struct vnet_faults f = {.short_read = 400000,
                                  .short_write = 400000,
                                  .again_read = 200000,
                                  .again_write = 200000,
                                  .spurious = 100000,
                                  .hold = 100000,
                                  .delay_max_ns = 3 * SL_MS};
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        transfer(seed, &f, seed % 3 == 0 ? 64 : 20000, seed % 4 == 0 ? 7 : 0, 20000 + seed * 100);
}

static void test_one_byte_network(void **state)
{
    (void)state;
    transfer(7, &(struct vnet_faults){.short_read = 1000000, .short_write = 1000000}, 65536, 1, 3000);
}

static void test_small_pieces_make_one_record(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    char bytes[600];
    struct iovec iov[6];
    size_t n = 0;
    (void)state;
    kit_pair_open(&p, v);
    shake(&p);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % KIT_PATTERN);
    for (size_t i = 0; i < 6; i++)
        iov[i] = (struct iovec){.iov_base = bytes + i * 100, .iov_len = i == 3 ? 0 : 100};
    iov[3].iov_base = NULL;
    memmove(bytes + 300, bytes + 300, 0);
    for (size_t i = 4; i < 6; i++)
        iov[i].iov_base = bytes + (i - 1) * 100;
    p.server.paused = true;
    kit_end_go(&p.server);
    size_t before = vnet_unread(&p.server.s.tcp);
    assert_int_equal(tls_stream_write(&p.client.s, iov, 6, &n), SL_IO_OK);
    assert_int_equal(n, 500);
    assert_true(vnet_unread(&p.server.s.tcp) - before <= 500 + 5 + 1 + 16); /* one header, type and tag */
    p.server.paused = false;
    go(&p);
    assert_int_equal(p.server.got, 500);
    assert_false(p.server.bad);
    kit_pair_close(&p);
    vnet_free(v);
}

static void test_back_pressure(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    (void)state;
    vnet_set_capacity(v, 30000);
    kit_pair_open(&p, v);
    shake(&p);
    p.client.paused = true;
    p.server.to_send = 500000;
    go(&p);
    assert_true(p.server.sent < 40000); /* what the network holds, and no more */
    unsigned events = p.server.events;
    kit_pair_run(&p);
    assert_int_equal(p.server.events, events); /* it waits, it does not ask */
    char byte = 0;
    struct iovec one = {.iov_base = &byte, .iov_len = 1};
    size_t n = 77;
    assert_int_equal(tls_stream_write(&p.server.s, &one, 1, &n), SL_IO_AGAIN);
    assert_int_equal(n, 77); /* untouched */
    assert_true((p.server.s.tcp.want & SL_WRITABLE) != 0);
    p.client.paused = false;
    go(&p);
    assert_whole(&p.server, &p.client);
    assert_true((p.server.s.tcp.want & SL_WRITABLE) == 0);
    kit_pair_close(&p);
    vnet_free(v);
}

/* An owner that closes as soon as everything was accepted loses nothing. */
static void test_close_after_accepted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct vnet *v = vnet_new(seed);
        struct kit_pair p;
        vnet_set_capacity(v, 64 + seed * 1000);
        vnet_set_faults(v, &(struct vnet_faults){.short_write = 300000, .again_write = 300000, .delay_max_ns = SL_MS});
        kit_pair_open(&p, v);
        kit_pair_start(&p, client_ctx, server_ctx, "a.test", "");
        p.server.to_send = 100000;
        p.server.close_when_sent = true;
        kit_pair_run(&p);
        assert_int_equal(p.client.got, 100000);
        assert_false(p.client.bad);
        assert_int_equal(p.client.end, SL_IO_EOF);
        kit_pair_close(&p);
        vnet_free(v);
    }
}

static void test_clean_end(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    (void)state;
    kit_pair_open(&p, v);
    shake(&p);
    p.server.to_send = 1000;
    p.server.close_when_sent = true;
    go(&p);
    assert_int_equal(p.client.end, SL_IO_EOF);
    assert_false(p.client.truncated);
    assert_string_equal(p.client.failure, "");
    assert_int_equal(p.client.got, 1000);
    kit_pair_close(&p);
    tls_stream_close(&p.client.s); /* harmless */
    vnet_free(v);
}

static void test_truncated_end(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    (void)state;
    kit_pair_open(&p, v);
    shake(&p);
    p.server.to_send = 1000;
    kit_end_go(&p.server);
    sl_tcp_shut_write(&p.server.s.tcp); /* FIN without close_notify: whoever is on the path can do that */
    kit_pair_run(&p);
    assert_int_equal(p.client.end, SL_IO_EOF);
    assert_true(p.client.truncated);
    assert_int_equal(p.client.got, 1000);
    kit_pair_close(&p);
    vnet_free(v);
}

static void test_reset(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    (void)state;
    kit_pair_open(&p, v);
    shake(&p);
    tls_stream_reset(&p.server.s);
    p.server.end = SL_IO_ERROR;
    kit_pair_run(&p);
    assert_int_equal(p.client.end, SL_IO_ERROR);
    assert_string_equal(p.client.failure, "connection reset");
    kit_pair_close(&p);
    vnet_free(v);
}

static void test_reset_while_shaking(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    (void)state;
    kit_pair_open(&p, v);
    kit_pair_start(&p, client_ctx, NULL, "a.test", "");
    p.server.end = SL_IO_ERROR;
    tls_stream_reset(&p.server.s);
    kit_pair_run(&p);
    assert_int_equal(p.client.shake, TLS_SHAKE_FAILED);
    assert_string_equal(p.client.failure, "connection reset");
    kit_pair_close(&p);
    vnet_free(v);
}

static void test_altered_bytes(void **state)
{
    static const char junk[] = "\x17\x03\x03\x00\x20 this is not what was agreed upon ";
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)junk, .iov_len = 5 + 32};
    size_t n = 0;
    (void)state;
    kit_pair_open(&p, v);
    shake(&p);
    assert_int_equal(sl_tcp_write(&p.server.s.tcp, &iov, 1, &n), SL_IO_OK);
    kit_pair_run(&p);
    assert_int_equal(p.client.end, SL_IO_ERROR);
    assert_string_equal(p.client.failure, "bad record");
    assert_int_equal(p.client.got, 0);
    kit_pair_close(&p);
    vnet_free(v);
}

static void test_plain(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    (void)state;
    kit_pair_open(&p, v);
    assert_int_equal(tls_stream_handshake(&p.client.s), TLS_SHAKE_DONE);
    assert_true(tls_stream_is_idle(&p.client.s));
    assert_int_equal(tls_stream_alpn(&p.client.s).n, 0);
    assert_int_equal(tls_stream_peer_subject(&p.client.s).n, 0);
    assert_string_equal(tls_stream_failure(&p.client.s), "");
    p.client.to_send = 100000;
    p.server.to_send = 50000;
    p.server.close_when_sent = true;
    p.client.is_shaken = p.server.is_shaken = true;
    vnet_set_faults(v, &(struct vnet_faults){.short_read = 200000, .short_write = 200000});
    kit_end_go(&p.client);
    kit_end_go(&p.server);
    kit_pair_run(&p);
    assert_int_equal(p.client.got, 50000);
    assert_false(p.client.truncated);
    kit_pair_close(&p);
    assert_false(tls_stream_is_idle(&p.client.s));
    vnet_free(v);
}

static void test_idle(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    (void)state;
    kit_pair_open(&p, v);
    p.client.paused = true; /* the server's ticket stays at the socket */
    shake(&p);
    assert_true(vnet_unread(&p.client.s.tcp) > 0);
    assert_true(tls_stream_is_idle(&p.client.s));
    assert_true(tls_stream_is_idle(&p.server.s));
    p.server.to_send = 1;
    kit_end_go(&p.server);
    kit_pair_run(&p);
    assert_false(tls_stream_is_idle(&p.client.s)); /* something nobody asked for */
    p.client.paused = false;
    kit_end_go(&p.client);
    assert_int_equal(p.client.got, 1);
    assert_true(tls_stream_is_idle(&p.client.s));
    p.client.paused = true;
    tls_stream_want(&p.client.s, 0);
    p.server.end = SL_IO_EOF;
    tls_stream_close(&p.server.s);
    kit_pair_run(&p);
    assert_false(tls_stream_is_idle(&p.client.s));
    kit_pair_close(&p);
    vnet_free(v);
}

static void test_park_virtual(void **state)
{
    struct vnet *v = vnet_new(1);
    struct kit_pair p;
    struct tls_parked parked;
    struct sl_loop other;
    (void)state;
    kit_pair_open(&p, v);
    vnet_loop_init(v, &other);
    shake(&p);
    p.client.to_send = 10000;
    go(&p);
    for (int i = 0; i < 3; i++) {
        assert_true(tls_stream_is_idle(&p.client.s));
        tls_stream_detach(&p.client.s, &parked);
        assert_false(sl_tcp_is_open(&p.client.s.tcp));
        assert_true(tls_parked_is_alive(&parked));
        assert_int_equal(tls_stream_attach(i % 2 == 0 ? &other : &p.loop, &p.client.s, &parked), SL_OK);
        assert_null(parked.tls);
        assert_string_equal(tls_stream_alpn(&p.client.s).p != NULL ? "yes" : "no", "yes");
        p.client.to_send += 20000;
        p.server.to_send += 5000;
        go(&p);
        assert_whole(&p.client, &p.server);
        assert_whole(&p.server, &p.client);
    }
    tls_stream_detach(&p.client.s, &parked);
    tls_parked_close(&parked);
    tls_parked_close(&parked); /* harmless */
    p.client.end = SL_IO_EOF;
    kit_pair_close(&p);
    sl_loop_done(&other);
    vnet_free(v);
}

/* ---- real sockets, two threads ---- */

struct echo { /* answers every byte with itself until its peer closes */
    struct sl_loop loop;
    struct tls_stream s;
    bool shaken;
    enum sl_io end;
};

static void on_echo(struct tls_stream *s, unsigned events)
{
    struct echo *e = SL_CONTAINER_OF(s, struct echo, s);
    char buf[1000];
    size_t n = 0, put = 0;
    (void)events;
    if (!e->shaken) {
        if (tls_stream_handshake(s) != TLS_SHAKE_DONE)
            return;
        e->shaken = true;
    }
    enum sl_io io;
    while ((io = tls_stream_read(s, buf, sizeof buf, &n)) == SL_IO_OK) {
        struct iovec v = {.iov_base = buf, .iov_len = n};
        SL_CHECK(tls_stream_write(s, &v, 1, &put) == SL_IO_OK && put == n); /* small enough to fit */
    }
    if (io != SL_IO_AGAIN) {
        e->end = io;
        tls_stream_close(s);
        sl_loop_stop(&e->loop);
    }
}

static void *echo_main(void *arg)
{
    struct echo *e = arg;
    sl_loop_run(&e->loop);
    return NULL;
}

struct asker { /* a client that asks once on a loop of its own thread, then parks the stream */
    struct sl_loop loop;
    struct tls_stream s;
    struct tls_parked parked;
    bool shaken, asked, good;
};

static void on_asker(struct tls_stream *s, unsigned events)
{
    struct asker *a = SL_CONTAINER_OF(s, struct asker, s);
    char buf[64];
    size_t n = 0;
    (void)events;
    if (tls_stream_handshake(s) != TLS_SHAKE_DONE)
        return;
    if (!a->asked) {
        struct iovec v = {.iov_base = (char[]){'p', 'i', 'n', 'g'}, .iov_len = 4};
        a->asked = tls_stream_write(s, &v, 1, &n) == SL_IO_OK && n == 4;
        tls_stream_want(s, SL_READABLE);
    }
    if (tls_stream_read(s, buf, sizeof buf, &n) != SL_IO_OK)
        return;
    a->good = n == 4 && memcmp(buf, "ping", 4) == 0 && tls_stream_is_idle(s);
    tls_stream_detach(s, &a->parked);
    sl_loop_stop(&a->loop);
}

static void *asker_main(void *arg)
{
    struct asker *a = arg;
    a->asked = false;
    sl_loop_run(&a->loop);
    return NULL;
}

static void test_park_across_threads(void **state)
{
    struct echo e = {0};
    struct asker a[3] = {0};
    struct sl_fail fail;
    pthread_t t, u;
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(sl_loop_init(&e.loop, &fail), SL_OK);
    tls_stream_init(&e.s, on_echo);
    assert_int_equal(sl_tcp_attach(&e.loop, &e.s.tcp, fds[0]), SL_OK);
    assert_int_equal(tls_stream_start_server(&e.s, server_ctx), SL_OK);
    tls_stream_want(&e.s, SL_READABLE);
    assert_int_equal(pthread_create(&t, NULL, echo_main, &e), 0);

    struct tls_parked parked = {.fd = fds[1]};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sl_loop_init(&a[i].loop, &fail), SL_OK);
        tls_stream_init(&a[i].s, on_asker);
        assert_int_equal(tls_stream_attach(&a[i].loop, &a[i].s, &parked), SL_OK);
        if (i == 0)
            assert_int_equal(tls_stream_start_client(&a[i].s, client_ctx, SL_STR("a.test"), SL_STR("")), SL_OK);
        if (tls_stream_handshake(&a[i].s) == TLS_SHAKE_DONE)
            tls_stream_want(&a[i].s, SL_WRITABLE);
        else
            tls_stream_want(&a[i].s, SL_READABLE);
        assert_int_equal(pthread_create(&u, NULL, asker_main, &a[i]), 0);
        pthread_join(u, NULL);
        assert_true(a[i].good);
        assert_true(tls_parked_is_alive(&a[i].parked));
        parked = a[i].parked;
    }
    tls_parked_close(&parked);
    pthread_join(t, NULL);
    assert_int_equal(e.end, SL_IO_EOF);
    sl_loop_done(&e.loop);
    for (size_t i = 0; i < 3; i++)
        sl_loop_done(&a[i].loop);
}

static void test_parked_dies(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct tls_parked p = {.fd = fds[1]};
    assert_true(tls_parked_is_alive(&p));
    close(fds[0]);
    assert_false(tls_parked_is_alive(&p));
    tls_parked_close(&p);
    assert_int_equal(fcntl(fds[1], F_GETFD), -1);
    assert_false(tls_parked_is_alive(&p));
}

static int set_up(void **state)
{
    (void)state;
    kit_usual_certs();
    server_ctx = kit_server("server", &(struct tls_server_options){.http2 = true});
    client_ctx = kit_client("ca", NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_context_unref(server_ctx);
    tls_context_unref(client_ctx);
    kit_dir_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_transfer_under_faults),
        cmocka_unit_test(test_one_byte_network),
        cmocka_unit_test(test_small_pieces_make_one_record),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_close_after_accepted),
        cmocka_unit_test(test_clean_end),
        cmocka_unit_test(test_truncated_end),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_reset_while_shaking),
        cmocka_unit_test(test_altered_bytes),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_park_virtual),
        cmocka_unit_test(test_park_across_threads),
        cmocka_unit_test(test_parked_dies),
    };
    return cmocka_run_group_tests_name("tls/stream", tests, set_up, tear_down);
}
