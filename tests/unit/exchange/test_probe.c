/* Probes of the gateway's own: who is down is found out about without a client's request, who is idle is looked after, and nothing of it
 * is a client's. */
#include "exchange/probe.h"
#include "kit.h"

#define HEAD(status, length)                                                                                           \
    "HTTP/1.1 " status "\r\ncontent-type: application/json\r\ncontent-length: " length "\r\n\r\n"
#define SAYS(name, text)                                                                                               \
    static const struct fake_step name[] = {{FAKE_SEND, SL_STR_INIT(text), 0}, {FAKE_END, SL_STR_INIT(""), 0}}

SAYS(list, HEAD("200 OK", "27") "{\"object\":\"list\",\"data\":[]}");
SAYS(busy, HEAD("503 Service Unavailable", "28") "{\"error\":{\"message\":\"busy\"}}");
SAYS(no_such_path, HEAD("404 Not Found", "31") "{\"error\":{\"message\":\"no path\"}}");
SAYS(no_key, HEAD("401 Unauthorized",
                  "75") "{\"error\":{\"message\":\"Incorrect API key provided\",\"code\":\"invalid_api_key\"}}");
SAYS(well, HEAD("200 OK", "217") ANSWER);

struct probed {
    struct kit k;
    struct prober *p;
};

static void open_with(struct probed *t, enum probe_ask ask)
{
    struct core_options o = {.breaker = true, .access = true};
    o.set.probe =
        (struct probe_policy){.ask = ask, .interval_ns = 30 * SL_SEC, .timeout_ns = 10 * SL_SEC, .jitter_percent = 20};
    kit_open(&t->k, &o);
    t->k.one.usual = t->k.two.usual = well;
    t->k.one.usual_get = t->k.two.usual_get = list;
    t->p = prober_new(&t->k.core.env);
    prober_start(t->p);
}

static size_t close_all(struct probed *t)
{
    prober_end(t->p);
    size_t n = kit_close(&t->k);
    prober_free(t->p);
    return n;
}

/* Gives how often provider one was asked for this request. */
static unsigned chat(struct probed *t, const char *target)
{
    struct client c;
    unsigned before = t->k.one.requests - t->k.one.gets;
    client_chat(&c, &t->k.core, CHAT_PAIR);
    kit_run(&t->k, 200 * SL_MS);
    if (c.status != 200)
        fail_msg("status %d: " SL_STR_FMT, c.status, SL_STR_ARG(sl_buf_str(&c.body)));
    if (target != NULL)
        assert_true(sl_str_starts(client_header(&c, "x-sluice-target"), sl_str_c(target)));
    client_done(&c);
    return t->k.one.requests - t->k.one.gets - before;
}

static void break_one(struct probed *t)
{
    t->k.one.usual = t->k.one.usual_get = busy;
    for (unsigned i = 0; i < 8; i++)
        (void)chat(t, "two/");
    assert_int_equal(chat(t, "two/"), 0);
}

/* Nobody asked for it: nothing is sent. Asked for: one list for all of a provider's targets, about each half minute, and nothing that looks
 * like a client: no record, no row of the ledger. A target in use is left alone. */
static void test_idle(void **state)
{
    (void)state;
    struct probed t;
    open_with(&t, PROBE_OFF);
    kit_run(&t.k, 600 * SL_SEC);
    assert_int_equal(t.k.one.requests + t.k.two.requests, 0);
    assert_int_equal(close_all(&t), 0);
    open_with(&t, PROBE_MODELS);
    kit_run(&t.k, 600 * SL_SEC);
    assert_in_range(t.k.one.gets, 15, 26);
    assert_in_range(t.k.two.gets, 15, 26);
    assert_int_equal(t.k.one.requests + t.k.two.requests, t.k.one.gets + t.k.two.gets);
    assert_int_equal(core_count(&t.k.core, TEL_PROBES), t.k.one.gets + t.k.two.gets);
    assert_int_equal(core_count(&t.k.core, TEL_PROBES_FAILED), 0);
    assert_int_equal(core_line(&t.k.core, 0).n, 0);
    assert_true(sl_str_starts(sl_buf_str(&t.k.one.last), SL_STR("GET /v1/models HTTP/1.1\r\n")));
    expect_str(fake_header(&t.k.one, "authorization"), "Bearer sk-provider-secret");
    assert_int_equal(close_all(&t), 0);
}

/* While the provider is down no client's request is spent on it, however often its rest ends; when it is well again the next request
 * goes there, though no client has asked since. Without probes a request finds out, and the client waits for a second target. */
static void test_recovery(void **state)
{
    (void)state;
    struct probed t;
    for (enum probe_ask ask = PROBE_OFF; ask <= PROBE_MODELS; ask++) {
        unsigned spent = 0;
        open_with(&t, ask);
        break_one(&t);
        for (unsigned i = 0; i < 300; i++) {
            kit_run(&t.k, 800 * SL_MS);
            spent += chat(&t, "two/");
        }
        if (ask == PROBE_OFF)
            assert_in_range(spent, 3, 20);
        else
            assert_int_equal(spent, 0);
        t.k.one.usual = well;
        t.k.one.usual_get = list;
        kit_run(&t.k, (ask == PROBE_OFF ? 200 : 40) * SL_SEC);
        assert_int_equal(chat(&t, "one/"), 1);
        (void)close_all(&t);
    }
}

/* Well for a minute, down for a minute: no request is spent on a provider that is known to be down, it is back sooner, and no client sees
 * any of it either way. */
static void test_flapping(void **state)
{
    (void)state;
    struct probed t;
    unsigned failed[2], served[2];
    for (enum probe_ask ask = PROBE_OFF; ask <= PROBE_MODELS; ask++) {
        open_with(&t, ask);
        unsigned bad = 0, good = 0;
        for (unsigned i = 0; i < 1200; i++) {
            bool up = i / 60 % 2 == 0;
            t.k.one.usual = up ? well : busy;
            t.k.one.usual_get = up ? list : busy;
            kit_run(&t.k, 800 * SL_MS);
            unsigned n = chat(&t, NULL);
            bad += !up && i % 60 >= 15 ? n : 0; /* by then it was found to be down */
            good += up ? n : 0;
        }
        failed[ask] = bad;
        served[ask] = good;
        (void)close_all(&t);
    }
    print_message(
        "spent on a provider known to be down: %u with probes, %u without; served by it: %u with, %u without\n",
        failed[PROBE_MODELS], failed[PROBE_OFF], served[PROBE_MODELS], served[PROBE_OFF]);
    assert_int_equal(failed[PROBE_MODELS], 0);
    assert_true(failed[PROBE_OFF] > 0 && served[PROBE_MODELS] > served[PROBE_OFF]);
}

/* Idle, and it stops answering: it is known before the first request comes. */
static void test_silence(void **state)
{
    (void)state;
    struct probed t;
    open_with(&t, PROBE_MODELS);
    kit_run(&t.k, 60 * SL_SEC);
    t.k.one.usual_get = NULL; /* hangs */
    kit_run(&t.k, 120 * SL_SEC);
    assert_true(core_count(&t.k.core, TEL_PROBES_FAILED) >= 5);
    assert_int_equal(chat(&t, "two/"), 0);
    (void)close_all(&t);
}

/* A server without such a list says nothing, and clients find out as ever; one that refuses the key says that its account rests. */
static void test_other_answers(void **state)
{
    (void)state;
    struct probed t;
    unsigned spent = 0;
    open_with(&t, PROBE_MODELS);
    break_one(&t);
    t.k.one.usual_get = no_such_path;
    kit_run(&t.k, 40 * SL_SEC);
    for (unsigned i = 0; i < 200; i++) {
        kit_run(&t.k, 800 * SL_MS);
        spent += chat(&t, "two/");
    }
    assert_true(spent >= 2);
    t.k.one.usual = well;
    kit_run(&t.k, 200 * SL_SEC);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(chat(&t, "one/"), 1);
    t.k.one.usual_get = no_key;
    kit_run(&t.k, 60 * SL_SEC);
    assert_int_equal(chat(&t, "two/"), 0);
    (void)close_all(&t);
}

/* The smallest request: each target for itself, booked under a name of its own, with nobody's key. */
static void test_completion(void **state)
{
    (void)state;
    struct probed t;
    unsigned priced = 0;
    open_with(&t, PROBE_COMPLETION);
    kit_run(&t.k, 100 * SL_SEC);
    assert_int_equal(t.k.one.gets + t.k.two.gets, 0);
    assert_int_equal(core_line(&t.k.core, 0).n, 0);
    assert_true(sl_str_starts(sl_buf_str(&t.k.one.last), SL_STR("POST /v1/chat/completions HTTP/1.1\r\n")));
    assert_true(sl_str_find_str(fake_body(&t.k.one), SL_STR("\"max_completion_tokens\":16")) > 0);
    assert_true(fake_body(&t.k.one).n < 200);
    struct core_ledger l = kit_ledger(&t.k);
    assert_int_equal(l.n, t.k.one.requests + t.k.two.requests);
    assert_true(l.n >= 8); /* four targets, twice and more */
    for (size_t i = 0; i < l.n; i++) {
        assert_string_equal(l.v[i].model, PROBE_MODEL);
        assert_string_equal(l.v[i].outcome, "ok");
        assert_true(sl_id_eq(l.v[i].open.key, (struct sl_id){0, 0}));
        assert_int_equal(l.v[i].close.usage.by_class[TC_INPUT], 9);
        assert_int_equal(l.v[i].close.usage.by_class[TC_OUTPUT], 3);
        priced += l.v[i].close.cost_p > 0;
    }
    assert_true(priced >= 2); /* one model has a price */
    core_ledger_free(&l);
    t.k.one.usual = busy;
    kit_run(&t.k, 60 * SL_SEC);
    assert_int_equal(chat(&t, "two/"), 0);
    t.k.one.usual = well;
    kit_run(&t.k, 40 * SL_SEC);
    assert_int_equal(chat(&t, "one/"), 1);
    (void)close_all(&t);
}

/* Ended in the middle of one: each open has its close. A new configuration goes on, or stops them. */
static void test_ends(void **state)
{
    (void)state;
    struct probed t;
    open_with(&t, PROBE_COMPLETION);
    t.k.one.usual = t.k.two.usual = NULL;
    kit_run(&t.k, SL_SEC);
    assert_int_equal(prober_calls(t.p), 4);
    core_reload(&t.k.core);
    prober_reload(t.p);
    assert_int_equal(prober_calls(t.p), 0);
    kit_run(&t.k, SL_SEC);
    assert_int_equal(prober_calls(t.p), 4);
    t.k.core.o.set.probe.ask = PROBE_OFF;
    core_reload(&t.k.core);
    prober_reload(t.p);
    kit_run(&t.k, 300 * SL_SEC);
    assert_int_equal(prober_calls(t.p), 0);
    assert_int_equal(t.k.one.requests + t.k.two.requests, 8);
    t.k.core.o.set.probe.ask = PROBE_COMPLETION;
    core_reload(&t.k.core);
    prober_reload(t.p);
    kit_run(&t.k, SL_SEC);
    assert_int_equal(prober_calls(t.p), 4);
    assert_int_equal(close_all(&t), 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),    cmocka_unit_test(test_recovery),      cmocka_unit_test(test_flapping),
        cmocka_unit_test(test_silence), cmocka_unit_test(test_other_answers), cmocka_unit_test(test_completion),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
