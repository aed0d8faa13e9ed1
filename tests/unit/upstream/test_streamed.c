/* Attempts whose body comes in pieces: back-pressure, deadlines that rest while nothing waits, no second try. */
#include "kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BIG 3000000u
static char big[BIG];

static void begin(struct kit *k, struct probe *p, int64_t length)
{
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 23);
    kit_open(k, 1);
    vnet_set_faults(k->net, &(struct vnet_faults){.delay_min_ns = SL_MS, .delay_max_ns = SL_MS, .short_write = 300000});
    probe_init(p, k);
    p->req.body = NULL;
    p->req.n_body = 0;
    p->req.streamed = true;
    p->req.streamed_length = length;
    probe_start(p);
}

static bool has_room(void *arg)
{
    const struct probe *p = arg;
    return p->overs > 0 || attempt_body_room(p->attempt) > 0;
}

static unsigned rooms_seen;

static bool is_told(void *arg)
{
    const struct probe *p = arg;
    return p->overs > 0 || p->rooms > rooms_seen;
}

static void passes(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    begin(&k, &p, BIG);
    for (size_t at = 0; at < BIG;) {
        while (at < BIG && attempt_body_room(p.attempt) > 0) {
            size_t n = BIG - at < 65536 ? BIG - at : 65536;
            attempt_body_write(p.attempt, sl_str_of(big + at, n), at + n == BIG);
            at += n;
        }
        rooms_seen = p.rooms;
        vnet_run(k.net, is_told, &p, SL_MIN);
        assert_true(p.overs > 0 || attempt_body_room(p.attempt) > 0);
    }
    probe_run(&p, SL_MIN);
    assert_int_equal(p.result.outcome, OUT_OK);
    assert_true(p.rooms > 5);
    assert_int_equal(p.result.bytes_out, k.server.last.n);
    assert_memory_equal(k.server.last.p + k.server.last.n - BIG, big, BIG);
    assert_true(sl_str_find_str(sl_buf_str(&k.server.last), SL_STR("content-length: 3000000\r\n")) > 0);
    probe_done(&p);
    kit_close(&k);
}

/* The client is slow, not the provider: nobody's time runs out. */
static void a_slow_client(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    begin(&k, &p, 10);
    probe_run(&p, 20 * SL_SEC);
    attempt_body_write(p.attempt, SL_STR("01234"), false);
    probe_run(&p, 20 * SL_SEC);
    attempt_body_write(p.attempt, SL_STR("5678"), false);
    probe_run(&p, 20 * SL_SEC);
    assert_int_equal(p.overs, 0);
    attempt_body_write(p.attempt, SL_STR("9"), true);
    probe_run(&p, SL_MIN);
    assert_int_equal(p.overs, 1);
    assert_int_equal(p.result.outcome, OUT_OK);
    assert_true(sl_str_ends(sl_buf_str(&k.server.last), SL_STR("\r\n\r\n0123456789")));
    probe_done(&p);
    kit_close(&k);
}

static void a_provider_that_takes_nothing(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    begin(&k, &p, BIG);
    k.server.deaf = true;
    attempt_body_write(p.attempt, sl_str_of(big, ATTEMPT_BODY_ROOM), false);
    assert_int_equal(attempt_body_room(p.attempt), 0);
    vnet_run(k.net, has_room, &p, SL_SEC);
    while (p.overs == 0 && attempt_body_room(p.attempt) > 0) {
        attempt_body_write(p.attempt, sl_str_of(big, attempt_body_room(p.attempt)), false);
        vnet_run(k.net, has_room, &p, SL_SEC);
    }
    probe_run(&p, SL_MIN);
    assert_int_equal(p.overs, 1);
    assert_int_equal(p.result.outcome, OUT_SEND_TIMEOUT);
    attempt_body_write(p.attempt, SL_STR("late"), true); /* dropped */
    probe_done(&p);
    kit_close(&k);
}

static void dies_in_the_middle(void **state)
{
    (void)state;
    struct kit k;
    struct probe p;
    begin(&k, &p, BIG);
    attempt_body_write(p.attempt, sl_str_of(big, 100000), false);
    probe_run(&p, SL_SEC);
    server_close(&k.server);
    probe_run(&p, SL_MIN);
    assert_int_equal(p.overs, 1);
    assert_true(p.result.outcome == OUT_SEND_FAILED || p.result.outcome == OUT_RESET);
    assert_true(p.result.sent);
    probe_done(&p);
    server_open(&k.server, k.net, &k.loop, "93.184.216.34", 443);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes),
        cmocka_unit_test(a_slow_client),
        cmocka_unit_test(a_provider_that_takes_nothing),
        cmocka_unit_test(dies_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
