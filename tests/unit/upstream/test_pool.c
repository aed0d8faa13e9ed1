/* Reuse: what is kept, what is not, and how connections travel between workers. */
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void ok_once(struct kit *k, bool reused)
{
    struct probe p;
    probe_once(&p, k);
    assert_string_equal(outcome_row(p.result.outcome)->name.p, "ok");
    assert_int_equal(p.result.reused, reused);
    assert_int_equal(p.status, 200);
    assert_int_equal(p.got.n, 13);
    probe_done(&p);
}

static void kept_and_reused(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, 1);
    ok_once(&k, false);
    const struct upstream_stats *st = upstream_stats(k.up);
    for (unsigned i = 0; i < 20; i++)
        ok_once(&k, true);
    assert_int_equal(k.server.accepted, 1);
    assert_int_equal(k.server.requests, 21);
    assert_int_equal(st->connects, 1);
    assert_int_equal(st->reused, 20);
    assert_int_equal(st->idle, 1);
    assert_int_equal(st->stale, 0);
    kit_close(&k);
}

static void other_origins_do_not_share(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, 1);
    ok_once(&k, false);
    k.origin.id = 8; /* same place, other TLS settings for example */
    ok_once(&k, false);
    ok_once(&k, true);
    k.origin.id = 7;
    ok_once(&k, true);
    assert_int_equal(k.server.accepted, 2);
    upstream_retire_origin(k.up, 8);
    kit_close(&k);
}

/* The answers after which a connection must not carry anything else. */
static void not_kept(void **state)
{
    (void)state;
    static const struct sl_str answers[] = {
        SL_STR_INIT("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\n{\"ok\": true}\n"),
        SL_STR_INIT("HTTP/1.0 200 OK\r\ncontent-length: 13\r\n\r\n{\"ok\": true}\n"),
        SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"ok\": true}\nx"),
        SL_STR_INIT(
            "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"ok\": true}\nHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"),
        SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"ok\": true}\n\r\n"),
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct kit k;
        kit_open(&k, i);
        k.server.answer = answers[i];
        ok_once(&k, false);
        assert_int_equal(upstream_stats(k.up)->idle, 0);
        assert_int_equal(upstream_stats(k.up)->connections, 0);
        assert_int_equal(upstream_stats(k.up)->poisoned, i >= 2);
        ok_once(&k, false);
        kit_close(&k);
    }
}

/* A second answer that nobody asked for comes while the connection is kept: it must never meet the next request. */
static void poison_while_idle(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, 1);
    k.server.stray = SL_STR("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison");
    k.server.stray_ns = 20 * SL_MS;
    ok_once(&k, false);
    assert_int_equal(upstream_stats(k.up)->idle, 1);
    vnet_pass(k.net, 50 * SL_MS);
    assert_int_equal(upstream_stats(k.up)->idle, 0);
    assert_int_equal(upstream_stats(k.up)->poisoned, 1);
    ok_once(&k, false);
    kit_close(&k);
}

static bool at_once(void *arg)
{
    (void)arg;
    return true;
}

/* The same, but the bytes are there in the very moment the connection is taken: no event has told yet. */
static void poison_when_taken(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    ok_once(&k, false);
    struct server_conn *c = SL_CONTAINER_OF(k.server.conns.next, struct server_conn, node);
    struct iovec v = {(char[]){'p'}, 1};
    size_t n;
    assert_int_equal(sl_tcp_write(&c->tcp, &v, 1, &n), SL_IO_OK);
    /* delivered, and not yet told: the arrival is an event of its own turn */
    vnet_set_faults(k.net, &(struct vnet_faults){.hold = 1000000});
    vnet_run(k.net, at_once, NULL, 0);
    vnet_set_faults(k.net, &(struct vnet_faults){0});
    probe_init(&p, &k);
    probe_start(&p);
    assert_int_equal(upstream_stats(k.up)->poisoned, 1);
    probe_run(&p, SL_SEC);
    assert_int_equal(p.result.outcome, OUT_OK);
    assert_false(p.result.reused);
    probe_done(&p);
    kit_close(&k);
}

static void closed_while_idle(void **state)
{
    (void)state;
    for (unsigned how = END_FIN; how <= END_RST; how++) {
        struct kit k;
        kit_open(&k, how);
        ok_once(&k, false);
        struct server_conn *c = SL_CONTAINER_OF(k.server.conns.next, struct server_conn, node);
        if (how == END_FIN)
            sl_tcp_close(&c->tcp);
        else
            sl_tcp_reset(&c->tcp);
        c->dead = true;
        vnet_pass(k.net, SL_MS);
        assert_int_equal(upstream_stats(k.up)->idle, 0); /* seen at once, not when it is needed */
        assert_int_equal(upstream_stats(k.up)->closed_idle, 1);
        ok_once(&k, false);
        kit_close(&k);
    }
}

/* It dies in the moment it is used: one free try on a new connection, and the attempt goes well. */
static void one_free_try(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, 1);
    vnet_set_faults(k.net, &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS});
    k.server.reject_reuse = true;
    ok_once(&k, false);
    assert_int_equal(upstream_stats(k.up)->idle, 1);
    ok_once(&k, false); /* reused, reset, tried again: what counts is the second */
    const struct upstream_stats *st = upstream_stats(k.up);
    assert_int_equal(st->stale, 1);
    assert_int_equal(st->reused, 1);
    assert_int_equal(k.server.accepted, 2);
    assert_int_equal(k.server.requests, 3);
    assert_memory_equal(k.server.first.p, k.server.last.p, k.server.first.n); /* the request went out whole again */
    kit_close(&k);
}

/* And when the new one fails as well, that is the outcome: not a second free try. */
static void no_second_free_try(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    k.server.reject_reuse = true;
    ok_once(&k, false);
    vnet_unlisten(k.net, &k.server.at);
    probe_once(&p, &k);
    assert_string_equal(outcome_row(p.result.outcome)->name.p, "connect_refused");
    assert_true(p.result.sent); /* by the first of the two */
    assert_int_equal(vnet_connects(k.net, NULL), 2);
    probe_done(&p);
    kit_close(&k);
}

/* What must not be done twice goes on a connection of its own, with or without a kept one that lives. */
static void once_is_never_reused(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, 1);
    k.server.reject_reuse = true;
    ok_once(&k, false);
    for (unsigned i = 0; i < 3; i++) {
        struct probe p;
        probe_init(&p, &k);
        p.req.once = true;
        probe_start(&p);
        probe_run(&p, 10 * SL_SEC);
        assert_string_equal(outcome_row(p.result.outcome)->name.p, "ok");
        assert_false(p.result.reused);
        probe_done(&p);
    }
    assert_int_equal(k.server.accepted, 4);
    assert_int_equal(k.server.requests, 4);
    assert_int_equal(upstream_stats(k.up)->reused, 0);
    kit_close(&k);
}

/* Dies long after the request began: somebody may have worked on it. */
static void late_death_is_not_stale(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    ok_once(&k, false);
    k.server.delay_ns = 2100 * SL_MS;
    k.server.cut = 0;
    k.server.end = END_RST;
    probe_once(&p, &k);
    assert_string_equal(outcome_row(p.result.outcome)->name.p, "reset");
    assert_true(p.result.reused);
    assert_int_equal(k.server.requests, 2);
    probe_done(&p);
    kit_close(&k);
}

/* A byte of the answer came: no free try. */
static void half_an_answer_is_not_stale(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    ok_once(&k, false);
    k.server.cut = 1;
    k.server.end = END_FIN;
    probe_once(&p, &k);
    assert_string_equal(outcome_row(p.result.outcome)->name.p, "truncated");
    assert_int_equal(k.server.requests, 2);
    probe_done(&p);
    kit_close(&k);
}

static void too_old(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, 1);
    k.origin.idle_ns = 800 * SL_MS;
    ok_once(&k, false);
    vnet_pass(k.net, 700 * SL_MS);
    ok_once(&k, true);
    vnet_pass(k.net, 850 * SL_MS);
    ok_once(&k, false);
    k.origin.id = 9;
    k.origin.idle_ns = 0; /* never kept, and the provider is told */
    ok_once(&k, false);
    assert_true(sl_str_find_str(sl_buf_str(&k.server.last), SL_STR("connection: close\r\n")) > 0);
    upstream_retire_origin(k.up, 7);
    kit_close(&k);
}

/* ---- the shelf ---- */

static void start_many(struct probe *p, unsigned n, struct kit *k)
{
    for (unsigned i = 0; i < n; i++) {
        probe_init(&p[i], k);
        probe_start(&p[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        probe_run(&p[i], SL_SEC);
        assert_int_equal(p[i].result.outcome, OUT_OK);
        probe_done(&p[i]);
    }
}

static void too_many_go_to_the_shelf(void **state)
{
    (void)state;
    struct kit k;
    struct probe p[10];
    kit_open(&k, 1);
    start_many(p, 10, &k);
    const struct upstream_stats *st = upstream_stats(k.up);
    assert_int_equal(k.server.accepted, 10);
    assert_int_equal(st->idle, 4);
    assert_int_equal(st->shelf_puts, 6);
    assert_int_equal(upstream_shelf_count(k.shelf), 6);
    start_many(p, 10, &k); /* the same ten */
    assert_int_equal(k.server.accepted, 10);
    assert_int_equal(st->shelf_takes, 6);
    assert_int_equal(st->reused, 10);
    kit_close(&k);
}

static void the_unused_go_to_the_shelf_and_to_others(void **state)
{
    (void)state;
    struct kit k;
    struct sl_loop loop2;
    kit_open(&k, 1);
    vnet_loop_init(k.net, &loop2);
    struct upstream_parts parts = {.loop = &loop2, .shelf = k.shelf, .limits = &k.limits};
    struct upstream *up1 = k.up, *up2 = upstream_new(&parts);
    ok_once(&k, false);
    vnet_pass(k.net, 2100 * SL_MS);
    assert_int_equal(upstream_stats(up1)->idle, 0);
    assert_int_equal(upstream_shelf_count(k.shelf), 1);
    k.up = up2; /* another worker takes it */
    ok_once(&k, true);
    assert_int_equal(upstream_stats(up2)->shelf_takes, 1);
    assert_int_equal(upstream_stats(up2)->connects, 0);
    assert_int_equal(k.server.accepted, 1);
    k.up = up1;
    ok_once(&k, false); /* it is kept by the other now */
    upstream_retire_origin(up2, k.origin.id);
    upstream_free(up2);
    kit_close(&k);
    sl_loop_done(&loop2);
}

static void the_shelf_is_bounded_and_expires(void **state)
{
    (void)state;
    struct kit k;
    struct probe p[40];
    kit_open(&k, 1);
    k.origin.idle_ns = 10 * SL_SEC;
    start_many(p, 40, &k);
    assert_int_equal(upstream_shelf_count(k.shelf), 16); /* per origin */
    assert_int_equal(upstream_stats(k.up)->idle, 4);
    vnet_pass(k.net, 9 * SL_SEC);
    assert_int_equal(upstream_shelf_count(k.shelf), 16);
    assert_int_equal(upstream_stats(k.up)->idle, 0);
    vnet_pass(k.net, 5 * SL_SEC);
    assert_int_equal(upstream_shelf_count(k.shelf), 0);
    assert_int_equal(vnet_run(k.net, NULL, NULL, SL_MIN), VNET_IDLE); /* and nothing ticks any more */
    kit_close(&k);
}

static void a_shelved_connection_that_died(void **state)
{
    (void)state;
    struct kit k;
    kit_open(&k, 1);
    ok_once(&k, false);
    vnet_pass(k.net, 2100 * SL_MS);
    assert_int_equal(upstream_shelf_count(k.shelf), 1);
    struct server_conn *c = SL_CONTAINER_OF(k.server.conns.next, struct server_conn, node);
    sl_tcp_close(&c->tcp);
    c->dead = true;
    vnet_pass(k.net, SL_MS);
    ok_once(&k, false); /* found out when it is taken up, before anything is sent */
    assert_int_equal(upstream_stats(k.up)->stale, 1);
    assert_int_equal(k.server.requests, 2);
    kit_close(&k);
}

static void retired_origins(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    kit_open(&k, 1);
    ok_once(&k, false);
    k.server.delay_ns = 50 * SL_MS;
    probe_init(&p, &k);
    probe_start(&p);
    vnet_pass(k.net, 10 * SL_MS);
    upstream_retire_origin(k.up, k.origin.id);
    probe_run(&p, SL_SEC); /* finishes undisturbed */
    assert_int_equal(p.result.outcome, OUT_OK);
    assert_int_equal(upstream_stats(k.up)->idle, 0); /* and is not kept */
    assert_int_equal(upstream_stats(k.up)->connections, 0);
    probe_done(&p);
    ok_once(&k, false); /* the id came back */
    ok_once(&k, true);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_and_reused),
        cmocka_unit_test(other_origins_do_not_share),
        cmocka_unit_test(not_kept),
        cmocka_unit_test(poison_while_idle),
        cmocka_unit_test(poison_when_taken),
        cmocka_unit_test(closed_while_idle),
        cmocka_unit_test(one_free_try),
        cmocka_unit_test(no_second_free_try),
        cmocka_unit_test(once_is_never_reused),
        cmocka_unit_test(late_death_is_not_stale),
        cmocka_unit_test(half_an_answer_is_not_stale),
        cmocka_unit_test(too_old),
        cmocka_unit_test(too_many_go_to_the_shelf),
        cmocka_unit_test(the_unused_go_to_the_shelf_and_to_others),
        cmocka_unit_test(the_shelf_is_bounded_and_expires),
        cmocka_unit_test(a_shelved_connection_that_died),
        cmocka_unit_test(retired_origins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
