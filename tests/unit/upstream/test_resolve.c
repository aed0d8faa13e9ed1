/* The cache of names: reuse, staleness, failures, single flight, bounds. */
#include "upstream/resolve.h"

#include "lib/vnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct asker {
    struct resolve_wait wait;
    struct resolve_addrs addrs;
    enum resolve_now now;
    enum sl_err e;
    unsigned told;
    struct world *again; /* asks for another name from inside the callback */
    struct asker *other;
};

struct world {
    struct vnet *net;
    struct sl_loop loop;
    struct resolver *r;
    struct sl_addr a[12];
};

static void on_done(struct resolve_wait *w, enum sl_err e, const struct resolve_addrs *addrs)
{
    struct asker *k = SL_CONTAINER_OF(w, struct asker, wait);
    k->told++;
    k->e = e;
    k->addrs = *addrs;
    if (k->again != NULL)
        k->other->now = resolver_ask(k->again->r, SL_STR("evicts.example"), 1, &k->other->wait, &k->other->addrs);
}

static void ask(struct world *w, struct asker *k, const char *name, unsigned port)
{
    *k = (struct asker){.wait = {.done = on_done}};
    k->now = resolver_ask(w->r, sl_str_c(name), port, &k->wait, &k->addrs);
}

static void open_world(struct world *w, uint32_t names, uint32_t lookups)
{
    *w = (struct world){.net = vnet_new(1)};
    vnet_loop_init(w->net, &w->loop);
    struct resolve_limits l = {
        .names = names, .lookups = lookups, .ttl_ns = 30 * SL_SEC, .stale_ns = 300 * SL_SEC, .failed_ttl_ns = SL_SEC};
    w->r = resolver_new(&w->loop, &l);
    for (unsigned i = 0; i < 12; i++) {
        char text[64];
        snprintf(text, sizeof text, i < 6 ? "93.184.216.%u" : "2606:2800::%u", i);
        assert_true(sl_addr_parse(sl_str_c(text), 9, &w->a[i]));
    }
    vnet_name(w->net, SL_STR("api.example"), SL_OK, w->a, 1, 10 * SL_MS);
}

static void close_world(struct world *w)
{
    resolver_free(w->r);
    sl_loop_done(&w->loop);
    vnet_free(w->net);
}

static void pass(struct world *w, int64_t ns)
{
    vnet_pass(w->net, ns);
}

static void literals_ask_nobody(void **state)
{
    (void)state;
    struct world w;
    struct asker k;
    open_world(&w, 4, 4);
    ask(&w, &k, "93.184.216.34", 8443);
    assert_int_equal(k.now, RESOLVE_READY);
    assert_int_equal(k.addrs.n, 1);
    assert_int_equal(sl_addr_port(&k.addrs.v[0]), 8443);
    ask(&w, &k, "2606:2800::1", 1);
    assert_int_equal(k.now, RESOLVE_READY);
    assert_int_equal(resolver_stats(w.r)->lookups, 0);
    close_world(&w);
}

static void a_life_of_a_name(void **state)
{
    (void)state;
    struct world w;
    struct asker k, l;
    open_world(&w, 4, 4);
    ask(&w, &k, "api.example", 443);
    ask(&w, &l, "API.Example", 80); /* the same name: the same lookup */
    assert_int_equal(k.now, RESOLVE_WAITS);
    assert_int_equal(k.told, 0);
    pass(&w, 20 * SL_MS);
    assert_int_equal(k.told, 1);
    assert_int_equal(l.told, 1);
    assert_int_equal(k.e, SL_OK);
    assert_int_equal(sl_addr_port(&k.addrs.v[0]), 443);
    assert_int_equal(sl_addr_port(&l.addrs.v[0]), 80);
    assert_int_equal(vnet_lookups(w.net, SL_STR("api.example")), 1);
    pass(&w, 29 * SL_SEC); /* fresh */
    ask(&w, &k, "api.example", 443);
    assert_int_equal(k.now, RESOLVE_READY);
    pass(&w, 2 * SL_SEC); /* stale: used, and asked for anew */
    vnet_name(w.net, SL_STR("api.example"), SL_OK, w.a + 1, 1, 10 * SL_MS);
    ask(&w, &k, "api.example", 443);
    assert_int_equal(k.now, RESOLVE_READY);
    assert_true(sl_addr_host_eq(&k.addrs.v[0], &w.a[0]));
    ask(&w, &k, "api.example", 443);
    assert_int_equal(vnet_lookups(w.net, SL_STR("api.example")), 2);
    pass(&w, SL_SEC);
    ask(&w, &k, "api.example", 443);
    assert_true(sl_addr_host_eq(&k.addrs.v[0], &w.a[1]));
    assert_int_equal(vnet_lookups(w.net, SL_STR("api.example")), 2);
    /* the resolver is down: the old answer serves as long as it may */
    vnet_name(w.net, SL_STR("api.example"), SL_EIO, NULL, 0, 10 * SL_MS);
    for (unsigned i = 0; i < 320; i++) {
        pass(&w, SL_SEC);
        ask(&w, &k, "api.example", 443);
        assert_int_equal(k.now, RESOLVE_READY);
    }
    assert_in_range(vnet_lookups(w.net, SL_STR("api.example")), 140, 320); /* asked again once a second, no more */
    pass(&w, 60 * SL_SEC);
    ask(&w, &k, "api.example", 443);
    assert_int_equal(k.now, RESOLVE_WAITS); /* too old */
    pass(&w, SL_SEC / 2);
    assert_int_equal(k.told, 1);
    assert_int_equal(k.e, SL_EIO);
    ask(&w, &k, "api.example", 443);
    assert_int_equal(k.now, RESOLVE_FAILED); /* remembered for a moment */
    pass(&w, SL_SEC);
    vnet_name(w.net, SL_STR("api.example"), SL_OK, w.a + 2, 1, 10 * SL_MS);
    ask(&w, &k, "api.example", 443);
    assert_int_equal(k.now, RESOLVE_WAITS);
    pass(&w, SL_SEC);
    assert_true(sl_addr_host_eq(&k.addrs.v[0], &w.a[2]));
    close_world(&w);
}

static void names_that_are_not(void **state)
{
    (void)state;
    struct world w;
    struct asker k;
    char longest[300];
    open_world(&w, 4, 4);
    ask(&w, &k, "nobody.example", 443);
    pass(&w, SL_MS);
    assert_int_equal(k.e, SL_ENOENT);
    ask(&w, &k, "nobody.example", 443);
    assert_int_equal(k.now, RESOLVE_UNKNOWN);
    ask(&w, &k, "", 443);
    assert_int_equal(k.now, RESOLVE_FULL);
    memset(longest, 'a', sizeof longest);
    longest[254] = 0;
    ask(&w, &k, longest, 443);
    assert_int_equal(k.now, RESOLVE_FULL);
    longest[253] = 0;
    ask(&w, &k, longest, 443);
    assert_int_equal(k.now, RESOLVE_WAITS);
    pass(&w, SL_MS);
    assert_int_equal(k.e, SL_ENOENT);
    close_world(&w);
}

static void families_alternate(void **state)
{
    (void)state;
    struct world w;
    struct asker k;
    open_world(&w, 4, 4);
    struct sl_addr sorted[] = {w.a[6], w.a[7], w.a[8], w.a[0], w.a[1], w.a[2], w.a[3], w.a[4], w.a[5], w.a[9], w.a[10]};
    vnet_name(w.net, SL_STR("many.example"), SL_OK, sorted, 11, 0);
    ask(&w, &k, "many.example", 443);
    pass(&w, SL_MS);
    assert_int_equal(k.addrs.n, RESOLVE_ADDRS);
    struct sl_addr expect[] = {w.a[6], w.a[0], w.a[7], w.a[1], w.a[8], w.a[2], w.a[9], w.a[3]};
    for (unsigned i = 0; i < RESOLVE_ADDRS; i++)
        assert_true(sl_addr_host_eq(&k.addrs.v[i], &expect[i]));
    vnet_name(w.net, SL_STR("four.example"), SL_OK, w.a, 4, 0); /* one family only */
    ask(&w, &k, "four.example", 443);
    pass(&w, SL_MS);
    assert_int_equal(k.addrs.n, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_true(sl_addr_host_eq(&k.addrs.v[i], &w.a[i]));
    close_world(&w);
}

static void lookups_are_limited_and_queue(void **state)
{
    (void)state;
    struct world w;
    struct asker k[10];
    open_world(&w, 100, 3);
    for (unsigned i = 0; i < 10; i++) {
        char name[32];
        snprintf(name, sizeof name, "n%u.example", i);
        vnet_name(w.net, sl_str_c(name), SL_OK, w.a + 1, 1, 100 * SL_MS);
        ask(&w, &k[i], name, 443);
        assert_int_equal(k[i].now, RESOLVE_WAITS);
    }
    assert_int_equal(resolver_stats(w.r)->lookups, 3);
    resolver_cancel(&k[4].wait); /* who leaves is not told; the lookup is done all the same, and kept */
    for (unsigned round = 1; round <= 4; round++) {
        pass(&w, 100 * SL_MS);
        unsigned told = 0;
        for (unsigned i = 0; i < 10; i++)
            told += k[i].told;
        assert_int_equal(told, round == 4 ? 9 : round * 3 - (round > 1));
    }
    assert_int_equal(k[4].told, 0);
    close_world(&w);
}

static void names_are_limited(void **state)
{
    (void)state;
    struct world w;
    struct asker k[6];
    open_world(&w, 3, 16);
    static const char *const names[] = {"a.example", "b.example", "c.example", "d.example"};
    for (unsigned i = 0; i < 4; i++)
        vnet_name(w.net, sl_str_c(names[i]), SL_OK, w.a + i, 1, 10 * SL_MS);
    for (unsigned i = 0; i < 4; i++)
        ask(&w, &k[i], names[i], 443);
    assert_int_equal(k[3].now, RESOLVE_FULL); /* all three are being looked up */
    pass(&w, SL_SEC);
    ask(&w, &k[0], "a.example", 443); /* used: b is the one to go */
    ask(&w, &k[3], "d.example", 443);
    assert_int_equal(k[3].now, RESOLVE_WAITS);
    pass(&w, SL_SEC);
    ask(&w, &k[0], "a.example", 443);
    assert_int_equal(k[0].now, RESOLVE_READY);
    ask(&w, &k[2], "c.example", 443);
    assert_int_equal(k[2].now, RESOLVE_READY);
    ask(&w, &k[1], "b.example", 443);
    assert_int_equal(k[1].now, RESOLVE_WAITS);
    resolver_cancel(&k[1].wait);
    close_world(&w); /* with a lookup under way */
}

/* Who is told asks at once for another name, for which the first has to make room. */
static void asking_from_inside(void **state)
{
    (void)state;
    struct world w;
    struct asker k[3], other = {.wait = {.done = on_done}};
    open_world(&w, 1, 16);
    for (unsigned i = 0; i < 3; i++)
        ask(&w, &k[i], "api.example", 443);
    k[0].again = &w;
    k[0].other = &other;
    pass(&w, SL_SEC);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(k[i].told, 1);
        assert_int_equal(k[i].e, SL_OK);
        assert_true(sl_addr_host_eq(&k[i].addrs.v[0], &w.a[0]));
    }
    assert_int_equal(other.told, 1);
    assert_int_equal(other.e, SL_ENOENT);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_ask_nobody),
        cmocka_unit_test(a_life_of_a_name),
        cmocka_unit_test(names_that_are_not),
        cmocka_unit_test(families_alternate),
        cmocka_unit_test(lookups_are_limited_and_queue),
        cmocka_unit_test(names_are_limited),
        cmocka_unit_test(asking_from_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
