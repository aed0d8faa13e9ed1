/* More requests than places: they wait in turn, one tenant's flood does not starve another, and nobody waits for ever. */
#include "base/mem.h"
#include "kit.h"
#include "limit/settings.h"

#define WAITERS 6u
#define EMBED "{\"model\":\"solo\",\"input\":\"x\"}"

static void slow_answers(struct fake *f, unsigned n, int64_t ns)
{
    static const char head[] = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (unsigned i = 0; i < n; i++) {
        struct fake_step *s = sl_arena_zalloc(&f->arena, 3 * sizeof *s);
        s[0] = (struct fake_step){.act = FAKE_WAIT, .ns = ns};
        s[1] = (struct fake_step){.act = FAKE_SEND, .bytes = sl_str_c(head)};
        fake_script(f, s);
    }
}

static void embed(struct client *c, struct core *core, const char *key)
{
    client_send(c, core, &(struct ask){.method = "POST", .path = "/v1/embeddings", .key = key, .body = EMBED});
}

static void test_in_turn(void **state)
{
    (void)state;
    struct kit k;
    struct client c[WAITERS];
    kit_open(&k, &(struct core_options){.max_live = 1, .max_waiting = 4, .set = {.queue_ns = 60 * SL_SEC}});
    slow_answers(&k.one, WAITERS, SL_SEC);
    for (unsigned i = 0; i < WAITERS; i++) {
        embed(&c[i], &k.core, CORE_KEY);
        kit_run(&k, SL_MS);
    }
    assert_int_equal(c[5].status, 503); /* one place, four that wait */
    assert_true(client_header(&c[5], "retry-after").n > 0);
    for (unsigned i = 0; i < 5; i++) {
        kit_run(&k, SL_SEC + 20 * SL_MS);
        for (unsigned j = 0; j < 5; j++)
            if ((c[j].status != 0) != (j <= i))
                fail_msg("after %u: %u has %d", i, j, c[j].status);
    }
    assert_int_equal(limit_live(&k.core.gate), 0);
    assert_int_equal(atomic_load(&k.core.gate.waiting), 0);
    for (unsigned i = 0; i < WAITERS; i++)
        client_done(&c[i]);
    kit_close(&k);
}

/* Who is refused is told when there may be a place: answers take ten seconds, and four wait already. */
static void test_when_to_come_again(void **state)
{
    (void)state;
    for (unsigned places = 1; places <= 2; places++) {
        struct kit k;
        struct client c[7], late;
        kit_open(&k, &(struct core_options){.max_live = places, .max_waiting = 4, .set = {.queue_ns = 5 * SL_SEC}});
        slow_answers(&k.one, 16, 10 * SL_SEC);
        embed(&late, &k.core, CORE_KEY);
        kit_run(&k, 11 * SL_SEC);
        assert_int_equal(late.status, 200);
        client_done(&late);
        for (unsigned i = 0; i < places + 5; i++)
            embed(&c[i], &k.core, CORE_KEY);
        kit_run(&k, SL_SEC);
        uint64_t wait = 0;
        assert_int_equal(c[places + 4].status, 503);
        assert_true(sl_str_to_u64(client_header(&c[places + 4], "retry-after"), &wait));
        assert_in_range(wait, 50 / places, 64 / places);
        kit_run(&k, 5 * SL_SEC); /* who has waited for too long is told the same */
        assert_int_equal(c[places].status, 503);
        assert_true(sl_str_to_u64(client_header(&c[places], "retry-after"), &wait));
        assert_in_range(wait, 10 / places, 64 / places);
        kit_run(&k, 60 * SL_SEC);
        for (unsigned i = 0; i < places + 5; i++)
            client_done(&c[i]);
        kit_close(&k);
    }
}

/* Five of one key wait; one of another comes last and is second; when the queue is full it takes the last one's place. */
static void test_no_tenant_starves(void **state)
{
    (void)state;
    for (unsigned room = 5; room <= 6; room++) {
        struct kit k;
        struct client c[WAITERS], other;
        kit_open(&k, &(struct core_options){.max_live = 1, .max_waiting = room, .set = {.queue_ns = 60 * SL_SEC}});
        slow_answers(&k.one, WAITERS + 1, SL_SEC);
        for (unsigned i = 0; i < WAITERS; i++)
            embed(&c[i], &k.core, CORE_KEY);
        embed(&other, &k.core, CORE_KEY_NARROW);
        kit_run(&k, 1100 * SL_MS); /* the first is served: the next place is the other's */
        assert_int_equal(c[WAITERS - 1].status, room == 5 ? 503 : 0);
        kit_run(&k, 1000 * SL_MS);
        if (other.status == 0)
            kit_run(&k, 1000 * SL_MS);
        assert_int_equal(other.status, 200);
        assert_int_equal(c[3].status, 0);
        kit_run(&k, 10 * SL_SEC);
        for (unsigned i = 0; i < WAITERS; i++)
            client_done(&c[i]);
        client_done(&other);
        kit_close(&k);
    }
}

/* Two tenants flood; what a third sends behind them has the third place that comes free, not that behind one of the floods. */
static void test_floods_of_two(void **state)
{
    (void)state;
    struct kit k;
    struct client first, flood[12], third;
    kit_open(&k, &(struct core_options){.max_live = 1, .max_waiting = 20, .set = {.queue_ns = 60 * SL_SEC}});
    slow_answers(&k.one, 14, SL_SEC);
    embed(&first, &k.core, CORE_KEY);
    kit_run(&k, SL_MS);
    for (unsigned i = 0; i < 12; i++)
        embed(&flood[i], &k.core, i % 2 == 0 ? CORE_KEY : CORE_KEY_OTHER);
    embed(&third, &k.core, CORE_KEY_THIRD);
    kit_run(&k, 4 * SL_SEC + 200 * SL_MS); /* first, one of each of the others */
    assert_int_equal(third.status, 200);
    assert_int_equal(flood[1].status, 200);
    kit_run(&k, 4 * SL_SEC);
    for (unsigned i = 0; i < 12; i++) /* and from there on by turns, each in its order */
        assert_int_equal(flood[i].status, i < 6 ? 200 : 0);
    kit_run(&k, 30 * SL_SEC);
    client_done(&first);
    client_done(&third);
    for (unsigned i = 0; i < 12; i++)
        client_done(&flood[i]);
    kit_close(&k);
}

static unsigned served(const struct client *c, unsigned n)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += c[i].status == 200;
    return sum;
}

/* Two workers share the gate and its queue. */
struct pair {
    struct kit one, two;
};

static void open_pair(struct pair *p, const struct core_options *o)
{
    kit_open(&p->one, o);
    kit_open(&p->two, o);
    p->two.core.env.gate = &p->one.core.gate;
    p->two.core.env.queue = p->one.core.env.queue;
}

static void run_pair(struct pair *p, int64_t ns)
{
    for (int64_t t = 0; t < ns; t += 2 * SL_MS) {
        kit_run(&p->one, 2 * SL_MS);
        kit_run(&p->two, 2 * SL_MS);
    }
}

/* A tenant that holds all places by way of one worker has no more of them than one that waits at another: they take turns. */
static void test_turns_of_all_workers(void **state)
{
    (void)state;
    struct pair p;
    struct client flood[10], other[3];
    open_pair(&p, &(struct core_options){.max_live = 2, .max_waiting = 20, .set = {.queue_ns = 60 * SL_SEC}});
    slow_answers(&p.one.one, 10, SL_SEC);
    slow_answers(&p.two.one, 3, SL_SEC);
    for (unsigned i = 0; i < 10; i++)
        embed(&flood[i], &p.one.core, CORE_KEY);
    run_pair(&p, 100 * SL_MS);
    for (unsigned i = 0; i < 3; i++)
        embed(&other[i], &p.two.core, CORE_KEY_OTHER);
    run_pair(&p, 2100 * SL_MS); /* the first two are served, then one of each */
    assert_int_equal(served(flood, 10), 3);
    assert_int_equal(served(other, 3), 1);
    run_pair(&p, 2100 * SL_MS);
    assert_int_equal(served(other, 3), 3);
    assert_int_equal(served(flood, 10), 5);
    run_pair(&p, 5 * SL_SEC);
    assert_int_equal(served(flood, 10), 10);
    assert_int_equal(limit_live(&p.one.core.gate), 0);
    for (unsigned i = 0; i < 10; i++)
        client_done(&flood[i]);
    for (unsigned i = 0; i < 3; i++)
        client_done(&other[i]);
    kit_close(&p.two);
    kit_close(&p.one);
}

/* One at another worker makes room for who has less waiting, and hears of it; and whoever leaves, however late, gives back what it has. */
static void test_room_of_all_workers(void **state)
{
    (void)state;
    struct pair p;
    struct client first, flood[4], other, gone;
    open_pair(&p, &(struct core_options){.max_live = 1, .max_waiting = 4, .set = {.queue_ns = 60 * SL_SEC}});
    slow_answers(&p.one.one, 4, SL_SEC);
    slow_answers(&p.two.one, 2, SL_SEC);
    embed(&first, &p.one.core, CORE_KEY);
    run_pair(&p, 4 * SL_MS);
    for (unsigned i = 0; i < 4; i++)
        embed(&flood[i], &p.one.core, CORE_KEY);
    embed(&other, &p.two.core, CORE_KEY_OTHER);
    run_pair(&p, 20 * SL_MS);
    assert_int_equal(flood[3].status, 503);
    assert_int_equal(flood[2].status, 0);
    assert_int_equal(other.status, 0);
    embed(&gone, &p.two.core, CORE_KEY_THIRD);
    run_pair(&p, 20 * SL_MS);
    assert_int_equal(flood[2].status, 503);
    kit_run(&p.one, 1100 * SL_MS); /* the place is given to one of the other worker's, whose loop does not turn */
    assert_int_equal(first.status, 200);
    assert_int_equal(limit_live(&p.one.core.gate), 1);
    assert_int_equal(atomic_load(&p.one.core.gate.waiting), 3);
    client_leave(&other, HTTP_GONE_CLOSED);
    client_leave(&gone, HTTP_GONE_CLOSED);
    kit_run(&p.two, 20 * SL_MS);
    kit_run(&p.one, 5 * SL_SEC);
    assert_int_equal(served(flood, 4), 2);
    assert_int_equal(limit_live(&p.one.core.gate), 0);
    assert_int_equal(atomic_load(&p.one.core.gate.waiting), 0);
    client_done(&first);
    client_done(&other);
    client_done(&gone);
    for (unsigned i = 0; i < 4; i++)
        client_done(&flood[i]);
    kit_close(&p.two);
    kit_close(&p.one);
}

/* A full queue makes room at the cost of who has most waiting there, whoever came last. */
static void test_room_for_each(void **state)
{
    (void)state;
    struct kit k;
    struct client first, flood[6], other, third;
    kit_open(&k, &(struct core_options){.max_live = 1, .max_waiting = 6, .set = {.queue_ns = 60 * SL_SEC}});
    slow_answers(&k.one, 8, SL_SEC);
    embed(&first, &k.core, CORE_KEY);
    kit_run(&k, SL_MS);
    for (unsigned i = 0; i < 6; i++)
        embed(&flood[i], &k.core, CORE_KEY);
    embed(&other, &k.core, CORE_KEY_OTHER);
    embed(&third, &k.core, CORE_KEY_THIRD);
    kit_run(&k, SL_MS);
    assert_int_equal(flood[5].status, 503);
    assert_int_equal(flood[4].status, 503);
    assert_int_equal(flood[3].status, 0);
    kit_run(&k, 4 * SL_SEC + 200 * SL_MS);
    assert_true(other.status == 200 && third.status == 200);
    kit_run(&k, 20 * SL_SEC);
    client_done(&first);
    client_done(&other);
    client_done(&third);
    for (unsigned i = 0; i < 6; i++)
        client_done(&flood[i]);
    kit_close(&k);
}

static void test_not_for_ever(void **state)
{
    (void)state;
    struct kit k;
    struct client c[3];
    kit_open(&k, &(struct core_options){.max_live = 1, .max_waiting = 4, .set = {.queue_ns = 3 * SL_SEC}});
    slow_answers(&k.one, 3, 20 * SL_SEC);
    for (unsigned i = 0; i < 3; i++)
        embed(&c[i], &k.core, CORE_KEY);
    kit_run(&k, SL_SEC);
    client_leave(&c[2], HTTP_GONE_CLOSED);
    kit_run(&k, SL_SEC);
    assert_true(c[2].released && c[1].status == 0);
    kit_run(&k, 2 * SL_SEC);
    assert_int_equal(c[1].status, 503);
    kit_run(&k, 30 * SL_SEC);
    assert_int_equal(c[0].status, 200);
    assert_int_equal(atomic_load(&k.core.gate.waiting), 0);
    for (unsigned i = 0; i < 3; i++)
        client_done(&c[i]);
    kit_close(&k);
}

static void embed_as(struct client *c, struct core *core, const char *priority)
{
    char line[64];
    const char *headers[] = {line, NULL};
    snprintf(line, sizeof line, "x-sluice-priority: %s", priority);
    client_send(
        c, core,
        &(struct ask){.method = "POST", .path = "/v1/embeddings", .key = CORE_KEY, .headers = headers, .body = EMBED});
}

/* Who says that he can wait goes last, but goes: one of four beside the usual ones. Nobody gets ahead by saying so. */
static void test_classes(void **state)
{
    (void)state;
    struct kit k;
    struct client first, low[8], normal[8], eager, crowd;
    kit_open(&k, &(struct core_options){.max_live = 1, .max_waiting = 17, .set = {.queue_ns = 60 * SL_SEC}});
    slow_answers(&k.one, 20, SL_SEC);
    embed(&first, &k.core, CORE_KEY);
    kit_run(&k, SL_MS);
    for (unsigned i = 0; i < 8; i++)
        embed_as(&low[i], &k.core, i % 2 == 0 ? "low" : "Batch");
    for (unsigned i = 0; i < 8; i++)
        embed_as(&normal[i], &k.core, "whatever");
    embed_as(&eager, &k.core, "high");
    kit_run(&k, SL_MS);
    embed(&crowd, &k.core, CORE_KEY); /* the queue is full: the last one of the low ones makes room */
    kit_run(&k, SL_MS);
    assert_int_equal(low[7].status, 503);
    kit_run(&k, 9 * SL_SEC + 200 * SL_MS);
    assert_int_equal(first.status, 200);
    assert_int_equal(served(low, 8), 2);
    assert_int_equal(served(normal, 8), 6);
    assert_int_equal(eager.status, 0);
    kit_run(&k, 20 * SL_SEC);
    assert_int_equal(served(low, 8), 7);
    assert_int_equal(served(normal, 8), 8);
    assert_int_equal(eager.status, 200);
    for (unsigned i = 0; i < 8; i++) {
        client_done(&low[i]);
        client_done(&normal[i]);
    }
    client_done(&first);
    client_done(&eager);
    client_done(&crowd);
    kit_close(&k);
}

/* By the configuration: the key counts before the model, and the header where it may choose. */
static void test_configured_classes(void **state)
{
    (void)state;
    static const struct sl_str high[] = {SL_STR_INIT("key:other"), SL_STR_INIT("model:solo")},
                               low[] = {SL_STR_INIT("tenant:acme"), SL_STR_INIT("model:solo")};
    for (unsigned i = 0; i < 3; i++) {
        struct kit k;
        struct client first, plain[3], lower;
        struct core_options o = {.max_live = 1, .max_waiting = 8, .access = true, .set = {.queue_ns = 60 * SL_SEC}};
        o.set.priority = (struct priority_policy){.high = high,
                                                  .n_high = 2,
                                                  .low = low,
                                                  .n_low = i == 1 ? 2 : 0,
                                                  .header = i == 2 ? PRIORITY_IGNORED : PRIORITY_ANY};
        kit_open(&k, &o);
        slow_answers(&k.one, 8, SL_SEC);
        embed(&first, &k.core, CORE_KEY);
        kit_run(&k, SL_MS);
        embed_as(&lower, &k.core, "low");
        for (unsigned j = 0; j < 3; j++)
            embed(&plain[j], &k.core, CORE_KEY);
        kit_run(&k, 2100 * SL_MS);
        /* the model is high: the low one waits; the tenant is low, too: it came first; nobody heeds the header: it came first */
        assert_int_equal(lower.status, i == 0 ? 0 : 200);
        kit_run(&k, 10 * SL_SEC);
        assert_int_equal(lower.status, 200);
        assert_int_equal(served(plain, 3), 3);
        for (unsigned j = 0, n_low = 0; j < 5; j++) { /* and the record says which class it was */
            struct sl_str class = record_member(&k, j, "priority");
            n_low += sl_str_eq(class, SL_STR("low"));
            assert_true(sl_str_eq(class, SL_STR("low")) || sl_str_eq(class, SL_STR("high")));
            assert_true(j < 4 || n_low == (i == 0 ? 1 : i == 1 ? 5 : 0));
        }
        client_done(&first);
        client_done(&lower);
        for (unsigned j = 0; j < 3; j++)
            client_done(&plain[j]);
        kit_close(&k);
    }
}

/* Bodies that do not fit beside what others hold are not read, whether their length is told or not; what is held is given back. */
static void test_memory(void **state)
{
    (void)state;
    struct kit k;
    struct client first, second, small, untold, third;
    kit_open(&k, &(struct core_options){.max_live = 8, .set = {.queue_ns = SL_SEC}});
    static const char head[] = "{\"model\":\"solo\",\"input\":\"";
    char *big = sl_malloc(600001);
    memset(big, 'x', 600000);
    memcpy(big, head, sizeof head - 1);
    memcpy(big + 599998, "\"}", 3);
    const struct ask ask = {.method = "POST", .path = "/v1/embeddings", .key = CORE_KEY, .body = big};
    slow_answers(&k.one, 3, SL_SEC);
    client_send(&first, &k.core, &ask);
    kit_run(&k, 100 * SL_MS);
    assert_in_range(atomic_load(&k.core.gate.bytes), 600000, 2000000); /* its body, and what was made of it */
    limit_gate_set_bytes(&k.core.gate, atomic_load(&k.core.gate.bytes) + 300000);
    client_send(&second, &k.core, &ask);
    embed(&small, &k.core, CORE_KEY);
    kit_run(&k, 100 * SL_MS);
    client_send(
        &untold, &k.core,
        &(struct ask){
            .method = "POST", .path = "/v1/embeddings", .key = CORE_KEY, .body_by_hand = true, .no_length = true});
    for (unsigned i = 0; i < 5; i++)
        client_give(&untold, sl_str_of(big + i * 100000, 100000), false);
    kit_run(&k, 100 * SL_MS);
    assert_int_equal(untold.status, 503); /* cut off when it has grown too large */
    assert_true(client_header(&untold, "retry-after").n > 0);
    assert_int_equal(second.status, 503);
    assert_true(client_header(&second, "retry-after").n > 0);
    kit_run(&k, 2 * SL_SEC);
    assert_int_equal(first.status, 200);
    assert_int_equal(small.status, 200); /* small ones go on */
    assert_int_equal(atomic_load(&k.core.gate.bytes), 0);
    limit_gate_set_bytes(&k.core.gate, 1000); /* less than one needs: alone it is served all the same */
    client_send(&third, &k.core, &ask);
    kit_run(&k, 2 * SL_SEC);
    assert_int_equal(third.status, 200);
    client_done(&first);
    client_done(&second);
    client_done(&small);
    client_done(&untold);
    client_done(&third);
    sl_free(big);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_turn),
        cmocka_unit_test(test_no_tenant_starves),
        cmocka_unit_test(test_floods_of_two),
        cmocka_unit_test(test_turns_of_all_workers),
        cmocka_unit_test(test_room_of_all_workers),
        cmocka_unit_test(test_when_to_come_again),
        cmocka_unit_test(test_room_for_each),
        cmocka_unit_test(test_not_for_ever),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_configured_classes),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
