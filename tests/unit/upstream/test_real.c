/* The same code on the real network: libuv, sockets of the loopback, and the shelf between threads. */
#include "kit.h"
#include "upstream/shelf.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a provider on a listener ---- */

struct peer {
    struct sl_tcp tcp;
    struct site *site;
    bool used;
};

struct site {
    struct sl_loop *loop;
    struct sl_listener *listener;
    struct peer peers[32];
    unsigned accepted, requests;
    const char *answer;
    size_t n;
    enum server_end end;
    bool die_next; /* the next request meets a reset */
};

static void peer_event(struct sl_tcp *t, unsigned events)
{
    struct peer *p = SL_CONTAINER_OF(t, struct peer, tcp);
    struct site *s = p->site;
    char buf[65536];
    size_t n = 0;
    (void)events;
    enum sl_io r = sl_tcp_read(t, buf, sizeof buf, &n);
    if (r == SL_IO_EOF || r == SL_IO_ERROR)
        sl_tcp_close(t);
    if (r != SL_IO_OK)
        return;
    s->requests++;
    if (s->die_next) {
        s->die_next = false;
        sl_tcp_reset(t);
        return;
    }
    struct iovec v = {(char *)(uintptr_t)s->answer, s->n};
    if (s->n > 0)
        assert_int_equal(sl_tcp_write(t, &v, 1, &n), SL_IO_OK);
    if (s->end == END_FIN)
        sl_tcp_close(t);
    if (s->end == END_RST)
        sl_tcp_reset(t);
}

static void on_accept(void *owner, int fd, const struct sl_addr *from)
{
    struct site *s = owner;
    struct peer *p = &s->peers[s->accepted++];
    (void)from;
    assert_true(s->accepted <= 32);
    p->site = s;
    p->used = true;
    sl_tcp_init(&p->tcp, peer_event);
    assert_int_equal(sl_tcp_attach(s->loop, &p->tcp, fd), SL_OK);
    sl_tcp_want(&p->tcp, SL_READABLE);
}

struct real {
    struct sl_loop loop;
    struct site site;
    struct upstream *up;
    struct upstream_shelf *shelf;
    struct upstream_origin origin;
    struct sl_timer timer;
    struct attempt *attempt;
    struct attempt_result result;
    struct sl_buf got;
    int status;
    bool over;
};

static void stop(struct sl_timer *t)
{
    sl_loop_stop(SL_CONTAINER_OF(t, struct real, timer)->site.loop);
}

static void run_for(struct real *r, int64_t ns)
{
    sl_timer_arm(&r->loop, &r->timer, sl_loop_now_exact(&r->loop) + ns);
    sl_loop_run(&r->loop);
    sl_timer_cancel(&r->loop, &r->timer);
}

static void open_real(struct real *r)
{
    struct sl_addr at;
    struct sl_fail fail;
    memset(r, 0, sizeof *r);
    assert_int_equal(sl_loop_init(&r->loop, &fail), SL_OK);
    sl_timer_init(&r->timer, stop);
    sl_buf_init(&r->got, 1u << 20);
    r->site = (struct site){.loop = &r->loop, .answer = ANSWER_LENGTH, .n = sizeof ANSWER_LENGTH - 1};
    assert_true(sl_addr_parse(SL_STR("127.0.0.1"), 0, &at));
    assert_int_equal(sl_listener_open(&r->loop, &at, 16, on_accept, &r->site, &r->site.listener, &fail), SL_OK);
    at = sl_listener_addr(r->site.listener);
    r->shelf = upstream_shelf_new(16, 16);
    r->up = upstream_new(&(struct upstream_parts){.loop = &r->loop, .shelf = r->shelf});
    r->origin = (struct upstream_origin){.id = 1,
                                         .host = SL_STR("127.0.0.1"),
                                         .authority = SL_STR("x.test"),
                                         .port = sl_addr_port(&at),
                                         .allow_private = true,
                                         .http = UPSTREAM_HTTP1,
                                         .max_idle = 4,
                                         .idle_ns = 20 * SL_SEC};
}

static void close_real(struct real *r)
{
    upstream_free(r->up);
    upstream_shelf_free(r->shelf);
    for (unsigned i = 0; i < 32; i++)
        if (r->site.peers[i].used)
            sl_tcp_close(&r->site.peers[i].tcp);
    sl_listener_close(r->site.listener);
    sl_buf_done(&r->got);
    sl_loop_done(&r->loop);
}

static void on_head(void *owner, const struct http_response *head)
{
    ((struct real *)owner)->status = head->status;
}

static void on_body(void *owner, struct sl_str bytes)
{
    sl_buf_add(&((struct real *)owner)->got, bytes.p, bytes.n);
}

static void on_over(void *owner, const struct attempt_result *result)
{
    struct real *r = owner;
    r->result = *result;
    r->over = true;
    sl_loop_stop(&r->loop);
}

static enum outcome once(struct real *r, size_t body_n)
{
    static const struct attempt_owner owner = {.on_head = on_head, .on_body = on_body, .on_over = on_over};
    struct sl_arena a;
    struct iovec body = {calloc(1, body_n), body_n};
    struct attempt_request q = {.origin = &r->origin,
                                .method = SL_STR("POST"),
                                .path = SL_STR("/v1/x"),
                                .body = &body,
                                .n_body = 1,
                                .deadlines = {SL_SEC, SL_SEC, SL_SEC, SL_SEC, SL_SEC, 0}};
    sl_arena_init(&a, NULL);
    sl_buf_reset(&r->got);
    r->over = false;
    r->attempt = attempt_start(r->up, &a, &q, &owner, r);
    run_for(r, 5 * SL_SEC);
    assert_true(r->over);
    attempt_free(r->attempt);
    sl_arena_done(&a);
    free(body.iov_base);
    return r->result.outcome;
}

static void exchanges(void **state)
{
    (void)state;
    struct real r;
    open_real(&r);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(once(&r, 30), OUT_OK);
        assert_int_equal(r.status, 200);
        assert_int_equal(r.got.n, 13);
        assert_int_equal(r.result.reused, i > 0);
    }
    assert_int_equal(r.site.accepted, 1);
    /* the free try */
    r.site.die_next = true;
    assert_int_equal(once(&r, 30), OUT_OK);
    assert_int_equal(upstream_stats(r.up)->stale, 1);
    assert_int_equal(r.site.accepted, 2);
    close_real(&r);
}

static void endings(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        enum server_end end;
        enum outcome outcome;
    } rows[] = {
        {0, END_FIN, OUT_RESET},
        {0, END_RST, OUT_RESET},
        {20, END_FIN, OUT_TRUNCATED},
        {20, END_RST, OUT_RESET},
        {80, END_FIN, OUT_TRUNCATED},
        {80, END_RST, OUT_RESET},
        {SIZE_MAX, END_FIN, OUT_OK},
        {SIZE_MAX, END_RST, OUT_OK},
        {0, END_HANG, OUT_FIRST_BYTE_TIMEOUT},
        {80, END_HANG, OUT_BETWEEN_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct real r;
        open_real(&r);
        if (rows[i].n < r.site.n)
            r.site.n = rows[i].n;
        r.site.end = rows[i].end;
        enum outcome o = once(&r, 30);
        if (o != rows[i].outcome)
            fail_msg("row %zu: %s, %s", i, outcome_row(o)->name.p, r.result.detail);
        assert_true(upstream_stats(r.up)->connections <= 1);
        close_real(&r);
    }
}

static void refused_and_large(void **state)
{
    (void)state;
    struct real r;
    open_real(&r);
    r.site.end =
        END_FIN; /* answers on the first bytes and closes with the rest unread: the answer counts all the same */
    enum outcome o = once(&r, 8u << 20);
    assert_true(o == OUT_OK || o == OUT_SEND_FAILED || o == OUT_RESET); /* the kernel may have thrown it away */
    struct sl_addr none;
    struct sl_listener *l;
    struct sl_fail fail;
    assert_true(sl_addr_parse(SL_STR("127.0.0.1"), 0, &none));
    assert_int_equal(sl_listener_open(&r.loop, &none, 1, on_accept, &r.site, &l, &fail), SL_OK);
    none = sl_listener_addr(l);
    sl_listener_close(l);
    r.origin.port = sl_addr_port(&none);
    r.origin.id = 2;
    assert_int_equal(once(&r, 1), OUT_CONNECT_REFUSED);
    assert_string_equal(r.result.detail, "connection refused");
    assert_true(r.result.state_us[AS_CONNECT] < 900000); /* not by its deadline */
    close_real(&r);
}

static void by_the_shelf(void **state)
{
    (void)state;
    struct real r;
    open_real(&r);
    assert_int_equal(once(&r, 1), OUT_OK);
    run_for(&r, 2200 * SL_MS);
    assert_int_equal(upstream_shelf_count(r.shelf), 1);
    assert_int_equal(upstream_stats(r.up)->idle, 0);
    assert_int_equal(once(&r, 1), OUT_OK);
    assert_int_equal(upstream_stats(r.up)->shelf_takes, 1);
    assert_int_equal(r.site.accepted, 1);
    run_for(&r, 2200 * SL_MS);
    assert_int_equal(upstream_shelf_count(r.shelf), 1);
    sl_tcp_close(&r.site.peers[0].tcp); /* it dies on the shelf: swept within a second or so, not kept as a corpse */
    run_for(&r, 2200 * SL_MS);
    assert_int_equal(upstream_shelf_count(r.shelf), 0);
    close_real(&r);
}

/* ---- the shelf between threads ---- */

#define THREADS 4
#define ROUNDS 3000

struct crowd {
    struct upstream_shelf *shelf;
    unsigned seed;
    unsigned put, taken, full;
};

static void *put_and_take(void *arg)
{
    struct crowd *c = arg;
    struct sl_rand rand;
    sl_rand_seed(&rand, c->seed);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t origin = sl_rand_below(&rand, 5);
        struct shelf_item item = {.parked = {.fd = -2}, .idle_since_ns = 0, .expires_ns = 1000000};
        switch (sl_rand_below(&rand, 5)) {
        case 0:
        case 1:
            if (shelf_put(c->shelf, origin, &item))
                c->put++;
            else
                c->full++;
            break;
        case 2:
        case 3:
            c->taken += shelf_take(c->shelf, origin, 1, &item);
            break;
        default:
            shelf_sweep(c->shelf, 2);
            assert_true(upstream_shelf_count(c->shelf) <= 40);
            break;
        }
    }
    return NULL;
}

static void many_threads(void **state)
{
    (void)state;
    struct upstream_shelf *shelf = upstream_shelf_new(40, 10);
    struct crowd c[THREADS];
    pthread_t threads[THREADS];
    unsigned put = 0, taken = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        c[i] = (struct crowd){.shelf = shelf, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, put_and_take, &c[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        put += c[i].put;
        taken += c[i].taken;
    }
    assert_true(put > 0 && taken > 0);
    assert_int_equal(upstream_shelf_count(shelf), put - taken);
    for (uint64_t origin = 0; origin < 5; origin++)
        shelf_drop_origin(shelf, origin);
    assert_int_equal(upstream_shelf_count(shelf), 0);
    upstream_shelf_free(shelf);
}

/* Newest first; the expired are closed, not given. */
static void order_and_expiry(void **state)
{
    (void)state;
    struct upstream_shelf *shelf = upstream_shelf_new(10, 3);
    int fds[4][2];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds[i]), 0);
        struct shelf_item item = {.parked = {.fd = fds[i][0]}, .expires_ns = i == 1 ? 5 : 100};
        bool put = shelf_put(shelf, 1, &item);
        assert_int_equal(put, i < 3);
        if (!put)
            close(fds[i][0]);
    }
    struct shelf_item out;
    assert_false(shelf_take(shelf, 2, 10, &out));
    assert_true(shelf_take(shelf, 1, 10, &out));
    assert_int_equal(out.parked.fd, fds[2][0]);
    close(fds[2][0]);
    assert_true(shelf_take(shelf, 1, 10, &out)); /* not 1: expired */
    assert_int_equal(out.parked.fd, fds[0][0]);
    close(fds[0][0]);
    char c;
    assert_int_equal(read(fds[1][1], &c, 1), 0); /* closed by the shelf */
    assert_int_equal(upstream_shelf_count(shelf), 0);
    for (int i = 0; i < 4; i++)
        close(fds[i][1]);
    upstream_shelf_free(shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges),    cmocka_unit_test(endings),      cmocka_unit_test(refused_and_large),
        cmocka_unit_test(by_the_shelf), cmocka_unit_test(many_threads), cmocka_unit_test(order_and_expiry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
