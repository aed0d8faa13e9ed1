/* The ledger's part: full journals under both policies, closes and opens that wait for the disk, crashes, segments that
 * change under live attempts. */
#include "kit.h"

static const struct fake_step hang[] = {{.act = FAKE_HANG}};

/* refuse (the default): nothing goes upstream without an open record, and the client hears why. */
static void test_full_refuses(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &(struct core_options){.no_prepare = true});
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 503);
    assert_true(client_has(&c, "ledger_unavailable"));
    expect_str(client_header(&c, "x-should-retry"), "true");
    assert_int_equal(k.one.accepted, 0);
    assert_int_equal(core_count(&k.core, TEL_JOURNAL_REFUSED), 1);
    client_done(&c);
    /* there is space again: all is well */
    assert_int_equal(journal_prepare(k.core.journal, 1, NULL), SL_OK);
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    client_done(&c);
    assert_int_equal(kit_close(&k), 1);
}

/* continue: it goes on without a record, and the alarm is counted. */
static void test_full_continues(void **state)
{
    (void)state;
    for (int synced = 0; synced < 2; synced++) {
        struct kit k;
        struct client c;
        kit_open(&k, &(struct core_options){.no_prepare = true,
                                            .continue_when_full = true,
                                            .set = {.close_synced = synced, .open_synced = synced}});
        fake_answer(&k.one, 200, NULL, ANSWER);
        client_chat(&c, &k.core, CHAT);
        kit_run(&k, SL_MS);
        assert_int_equal(c.status, 200);
        assert_true(c.last);
        assert_int_equal(core_count(&k.core, TEL_JOURNAL_REFUSED), 1);
        assert_int_equal(k.core.syncs_asked, 0); /* there is nothing to flush */
        client_done(&c);
        assert_int_equal(kit_close(&k), 0);
    }
}

/* The second try of an exchange finds the journal full: what was tried is booked, the client hears. */
static void test_full_in_the_middle(void **state)
{
    (void)state;
    struct kit k;
    struct client c, others[300];
    kit_open(&k, &(struct core_options){.keep_ns = 3600 * SL_SEC});
    k.core.disk.full = true;
    static const struct fake_step e401_late[] = {
        {.act = FAKE_WAIT, .ns = SL_SEC},
        {.act = FAKE_SEND, .bytes = SL_STR_INIT("HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}")},
        {.act = FAKE_END}};
    fake_script(&k.one, e401_late);
    client_chat(&c, &k.core, CHAT_PAIR);
    kit_run(&k, SL_MS);
    unsigned n = 0;
    for (; n < 300; n++) { /* fill the segment with live attempts that hold the room of their closes */
        client_chat(&others[n], &k.core, CHAT);
        kit_run(&k, SL_MS);
        if (others[n].status == 503)
            break;
    }
    assert_true(n > 20 && n < 300);
    kit_run(&k, 2 * SL_SEC);
    assert_int_equal(c.status, 503);
    assert_true(client_has(&c, "ledger_unavailable"));
    assert_int_equal(k.two.accepted, 0);
    client_done(&c);
    for (unsigned i = 0; i <= n; i++) {
        client_leave(&others[i], HTTP_GONE_CLOSED);
        kit_run(&k, 0);
        client_done(&others[i]);
    }
    assert_int_equal(kit_close(&k), n + 1); /* every one that was let out has its close, on a full disk */
}

/* Many exchanges over many small segments: each attempt once, whatever segment it began in. */
static void test_segments_change(void **state)
{
    (void)state;
    enum {
        N = 900,
        LIVE = 60
    };
    static struct client c[N];
    struct kit k;
    kit_open(&k, NULL);
    for (unsigned i = 0; i < FAKE_SCRIPTS_MAX; i++)
        fake_script(&k.one, hang);
    unsigned began = 0, ended = 0;
    while (ended < N) {
        while (began < N && began - ended < LIVE)
            client_chat(&c[began++], &k.core, CHAT);
        kit_run(&k, SL_MS);
        client_leave(&c[ended], HTTP_GONE_CLOSED);
        kit_run(&k, SL_MS);
        client_done(&c[ended++]);
    }
    assert_true(k.core.disk.n > 3);
    assert_int_equal(kit_close(&k), N);
}

/* ---- synced ---- */

static void test_close_synced(void **state)
{
    (void)state;
    for (int stream = 0; stream < 2; stream++) {
        struct kit k;
        struct client c;
        kit_open(&k, &(struct core_options){.set = {.close_synced = true}, .sync_ns = 500 * SL_MS});
        if (stream)
            fake_bytes(
                &k.one,
                SL_STR(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A EV_STOP EV_USAGE EV_DONE),
                FAKE_CLOSE);
        else
            fake_answer(&k.one, 200, NULL, ANSWER);
        client_chat(&c, &k.core, stream ? STREAM : CHAT);
        int64_t began = vnet_now(k.core.net);
        kit_run(&k, 400 * SL_MS);
        assert_false(c.released);
        assert_false(c.last);
        assert_false(client_has(&c, "[DONE]"));
        kit_run(&k, SL_SEC);
        assert_true(c.last && c.released);
        assert_true(c.last_ns - began >= 500 * SL_MS && c.last_ns - began <= 502 * SL_MS);
        assert_int_equal(k.core.flushes, 1);
        client_done(&c);
        kit_close(&k);
    }
}

/* The flush never comes back, or comes back as failed: the client gets its end by the deadline, the record stays kept. */
static void test_close_synced_deadline(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &(struct core_options){.set = {.close_synced = true, .settle_ns = 2 * SL_SEC}, .sync_ns = -1});
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_chat(&c, &k.core, CHAT);
    int64_t began = vnet_now(k.core.net);
    kit_run(&k, 10 * SL_SEC);
    assert_true(c.last);
    assert_true(c.last_ns - began >= 2 * SL_SEC && c.last_ns - began <= 2 * SL_SEC + 2 * SL_MS);
    assert_int_equal(k.core.syncs_forgotten, 1);
    client_done(&c);
    kit_close(&k);
    kit_open(&k, &(struct core_options){.set = {.close_synced = true}, .sync_ns = SL_MS});
    k.core.disk.no_sync = true;
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, 10 * SL_SEC);
    assert_true(c.last && c.released);
    client_done(&c);
    kit_close(&k);
}

/* The client leaves while the flush runs, or the gateway shuts down: nobody is called for what is gone. */
static void test_close_synced_gone(void **state)
{
    (void)state;
    for (int shutdown = 0; shutdown < 2; shutdown++) {
        struct kit k;
        struct client c;
        kit_open(&k, &(struct core_options){.set = {.close_synced = true, .settle_ns = 100 * SL_SEC},
                                            .sync_ns = 500 * SL_MS});
        fake_answer(&k.one, 200, NULL, ANSWER);
        client_chat(&c, &k.core, CHAT);
        kit_run(&k, 100 * SL_MS);
        assert_false(c.released);
        if (shutdown)
            exchange_end_all(&k.core.env);
        else
            client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, SL_MS);
        assert_true(c.released);
        assert_int_equal(k.core.syncs_forgotten, 1);
        kit_run(&k, SL_SEC);
        struct core_ledger l = kit_ledger(&k);
        assert_string_equal(l.v[0].outcome, "ok"); /* the provider's part was over before */
        core_ledger_free(&l);
        client_done(&c);
        kit_close(&k);
    }
}

/* Stale news do not end the wait for the disk: room, and a deadline of the state before. */
static void test_close_synced_waits_on(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &(struct core_options){.set = {.close_synced = true, .settle_ns = 100 * SL_SEC},
                                        .sync_ns = 5 * SL_SEC,
                                        .deadlines = {.total_due_ns = 2 * SL_SEC}});
    static const struct fake_step steps[] = {
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" EV_ROLE EV_A)},
        {.act = FAKE_HANG}};
    fake_script(&k.one, steps);
    client_chat(&c, &k.core, STREAM);
    kit_run(&k, 3 * SL_SEC); /* the total deadline has passed; the close record is on its way */
    assert_false(c.released);
    c.room = 0;
    client_room(&c, 5);
    kit_run(&k, SL_SEC);
    assert_false(c.released);
    kit_run(&k, 4 * SL_SEC);
    assert_true(c.released && c.last && client_has(&c, "\"error\""));
    client_done(&c);
    kit_close(&k);
}

static void test_open_synced(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &(struct core_options){.set = {.open_synced = true}, .sync_ns = 500 * SL_MS});
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, 400 * SL_MS);
    assert_int_equal(k.one.accepted, 0);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    client_done(&c);
    k.core.disk.no_sync = true; /* nothing goes out without it */
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, 2 * SL_SEC);
    assert_int_equal(c.status, 503);
    assert_int_equal(k.one.requests, 1);
    client_done(&c);
    assert_int_equal(kit_close(&k), 2);
}

/* ---- crash ---- */

/* The process dies with attempts under way: each is in the journal once, closed or not, and nothing else is. */
static void test_crash(void **state)
{
    (void)state;
    struct kit k;
    struct client c[3];
    kit_open(&k, NULL);
    fake_answer(&k.one, 200, NULL, ANSWER);
    fake_script(&k.one, hang);
    client_chat(&c[0], &k.core, CHAT);
    kit_run(&k, SL_SEC);
    client_chat(&c[1], &k.core, CHAT);
    kit_run(&k, SL_SEC);
    core_crash(&k.core);
    client_chat(&c[2], &k.core, CHAT); /* never happened */
    kit_run(&k, 0);
    for (int i = 0; i < 3; i++) {
        client_leave(&c[i], HTTP_GONE_CLOSED);
        kit_run(&k, SL_SEC);
        client_done(&c[i]);
    }
    fake_close(&k.one);
    fake_close(&k.two);
    core_close(&k.core);
    struct core_ledger l = kit_ledger(&k);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.v[0].closes, 1);
    assert_int_equal(l.v[1].closes, 0);
    core_ledger_free(&l);
    core_disk_free(&k.core.disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_refuses),       cmocka_unit_test(test_full_continues),
        cmocka_unit_test(test_full_in_the_middle), cmocka_unit_test(test_segments_change),
        cmocka_unit_test(test_close_synced),       cmocka_unit_test(test_close_synced_deadline),
        cmocka_unit_test(test_close_synced_gone),  cmocka_unit_test(test_close_synced_waits_on),
        cmocka_unit_test(test_open_synced),        cmocka_unit_test(test_crash),
    };
    return cmocka_run_group_tests_name("exchange ledger", tests, NULL, NULL);
}
