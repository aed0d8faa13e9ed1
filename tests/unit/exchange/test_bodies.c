/* Bodies that wait in a file: the same bytes at every provider that is asked, nothing of them in memory meanwhile, the file gone
 * however it ends, and a disk that is full, short or broken. */
#include "kit.h"

#include "base/mem.h"
#include "loop/work.h"

#define SPILL_AT 4096u
#define BIG (900u * 1024) /* more than a connection takes at once */

static const struct core_options spills = {.set = {.spill_bytes = SPILL_AT}};

/* How long the disk takes for a call's worth of work, beside the loop. */
static const int64_t disks_ns[] = {0, 7 * SL_MS};

static void open_on(struct kit *k, const struct core_options *o, int64_t disk_ns)
{
    kit_open(k, o);
    k->core.loop.works.takes_ns = disk_ns;
}

/* A chat request of about n bytes, with text that is nowhere the same. */
static char *big_chat(const char *model, size_t n)
{
    struct sl_buf b;
    sl_buf_init(&b, 4u << 20);
    sl_buf_addf(&b, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (unsigned i = 0; b.n < n; i++)
        sl_buf_addf(&b, "%u ", i * 2654435761u);
    sl_buf_addf(&b, "\"}],\"model\":\"%s\"}", model);
    sl_buf_add(&b, "", 1);
    SL_CHECK(!b.over);
    return b.p;
}

static void give_back(char *text)
{
    sl_free(text);
}

/* What the provider is to get: the same with its own name of the model. */
static void expect_body(const struct fake *f, const char *sent, const char *model, const char *theirs)
{
    struct sl_str got = fake_body(f), want = sl_str_c(sent);
    size_t head = want.n - strlen(model) - 2;
    assert_int_equal(got.n, want.n - strlen(model) + strlen(theirs));
    assert_memory_equal(got.p, want.p, head);
    assert_memory_equal(got.p + head, theirs, strlen(theirs));
    assert_memory_equal(got.p + got.n - 2, "\"}", 2);
}

static int64_t held(struct kit *k)
{
    return (int64_t)atomic_load(&k->core.gate.bytes);
}

static void expect_refusal(struct client *c, int status, const char *code)
{
    assert_int_equal(c->status, status);
    assert_true(client_has(c, code));
    assert_true(c->last && !c->reset);
}

/* ---- kept once, sent as often as needed ---- */

static void test_small_ones_stay_in_memory(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &spills);
    fake_answer(&k.one, 200, "", ANSWER);
    client_chat(&c, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    assert_int_equal(k.core.spills.opened, 0);
    client_done(&c);
    kit_close(&k);
}

static void test_same_bytes_at_every_attempt(void **state)
{
    (void)state;
    for (size_t short_by = 0; short_by < 4000; short_by += 777) { /* a disk that moves little at a time */
        struct kit k;
        struct client c;
        char *body = big_chat("pair", BIG);
        open_on(&k, &spills, disks_ns[short_by % 2]);
        k.core.spills.short_by = short_by;
        fake_answer(&k.one, 503, "", "{\"error\":{\"message\":\"no\"}}");
        fake_bytes(&k.one, SL_STR(""), FAKE_RESET);
        fake_answer(&k.two, 200, "", ANSWER);
        client_chat(&c, &k.core, body);
        kit_run(&k, 60 * SL_SEC);
        assert_int_equal(c.status, 200);
        expect_body(&k.one, body, "pair", "up-a");
        expect_body(&k.two, body, "pair", "up-b");
        assert_int_equal(k.core.spills.opened, 1);
        assert_true(k.core.spills.reads > 0);
        assert_int_equal(k.core.spills.open, 0);
        assert_int_equal(core_count(&k.core, TEL_SPILLS), 1);
        client_done(&c);
        assert_true(kit_close(&k) >= 2);
        give_back(body);
    }
}

/* The provider breaks in the middle of the request. */
static void test_broken_while_it_is_sent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct kit k;
        struct client c;
        char *body = big_chat("pair", BIG);
        open_on(&k, &spills, disks_ns[i]);
        struct sl_addr one = core_addr(CORE_ONE, 80);
        vnet_unlisten(k.core.net, &one);
        vnet_listen(k.core.net, &one, NULL, NULL); /* takes what fits into the connection, and never reads */
        fake_answer(&k.two, 200, "", ANSWER);
        client_chat(&c, &k.core, body);
        kit_run(&k, 120 * SL_SEC);
        assert_int_equal(c.status, 200);
        expect_body(&k.two, body, "pair", "up-b");
        client_done(&c);
        kit_close(&k);
        give_back(body);
    }
}

/* What limits.memory counts is what is held. */
static void test_memory_is_what_is_held(void **state)
{
    (void)state;
    for (int file = 0; file < 2; file++) {
        struct kit k;
        struct client c;
        char *body = big_chat("solo", BIG);
        kit_open(&k, file ? &spills : NULL);
        fake_bytes(&k.one, SL_STR(""), FAKE_HANG);
        client_chat(&c, &k.core, body);
        kit_run(&k, SL_SEC);
        if (file)
            assert_true(held(&k) < 200 * 1024);
        else
            assert_true(held(&k) > (int64_t)BIG);
        client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, SL_SEC);
        assert_int_equal(k.core.spills.open, 0);
        client_done(&c);
        kit_close(&k);
        give_back(body);
    }
}

/* Wherever the client leaves, the file is closed (core_unquiet looks). */
static void test_client_leaves(void **state)
{
    (void)state;
    char *body = big_chat("pair", BIG);
    struct sl_str all = sl_str_c(body);
    for (size_t given = SPILL_AT / 2; given <= all.n; given += all.n / 5) {
        struct kit k;
        struct client c;
        kit_open(&k, &spills);
        client_send(&c, &k.core,
                    &(struct ask){.path = "/v1/chat/completions",
                                  .key = CORE_KEY,
                                  .no_length = true,
                                  .body = body,
                                  .body_by_hand = true});
        kit_run(&k, 10 * SL_MS);
        client_give(&c, sl_str_of(all.p, given), false);
        kit_run(&k, 10 * SL_MS);
        assert_int_equal(k.core.spills.open, given > SPILL_AT);
        client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, SL_SEC);
        client_done(&c);
        kit_close(&k);
    }
    give_back(body);
}

/* ---- a disk that is slow ---- */

static void ask_by_hand(struct client *c, struct kit *k, const char *body)
{
    client_send(
        c, &k->core,
        &(struct ask){
            .path = "/v1/chat/completions", .key = CORE_KEY, .no_length = true, .body = body, .body_by_hand = true});
}

/* As long as it is read, 20,000 bytes at a time. Gives how many were given. */
static size_t give_while_read(struct client *c, struct sl_str all, size_t from)
{
    size_t at = from;
    while (c->reading && !c->released && at < all.n) {
        struct sl_str piece = sl_str_head(sl_str_from(all, at), 20000);
        at += piece.n;
        client_give(c, piece, at == all.n);
    }
    return at - from;
}

/* The client waits while enough is to be written, nobody else does, and all of it arrives. */
static void test_slow_disk(void **state)
{
    (void)state;
    struct kit k;
    struct client c, other;
    char *body = big_chat("pair", BIG);
    struct sl_str all = sl_str_c(body);
    size_t given = 0, waits = 0;
    open_on(&k, &spills, 500 * SL_MS);
    fake_answer(&k.one, 200, "", ANSWER);
    ask_by_hand(&c, &k, body);
    while (given < all.n) {
        size_t more = give_while_read(&c, all, given);
        given += more;
        waits += more == 0;
        assert_true(more < 400 * 1024); /* 256 KiB, and 64 of what is written at once */
        assert_true(held(&k) < 700 * 1024);
        kit_run(&k, 100 * SL_MS);
    }
    assert_true(waits > 4);
    assert_int_equal(k.one.requests, 0);
    fake_answer(&k.one, 200, "", ANSWER);
    client_chat(&other, &k.core, CHAT);
    kit_run(&k, 100 * SL_MS);
    assert_int_equal(other.status, 200); /* while the last bytes are written */
    assert_int_equal(k.core.spills.mapped, 0);
    client_done(&other);
    kit_run(&k, 60 * SL_SEC);
    assert_int_equal(c.status, 200);
    expect_body(&k.one, body, "pair", "up-a");
    client_done(&c);
    kit_close(&k);
    give_back(body);
}

/* Wherever in it the client leaves, the time is over or the process ends: what is under way is done, and the file closed. */
static void test_ended_in_the_middle(void **state)
{
    (void)state;
    enum {
        LEAVES,
        LATE,
        STOPS,
        WAYS
    };
    char *body = big_chat("pair", BIG);
    struct sl_str all = sl_str_c(body);
    for (int way = 0; way < WAYS; way++)
        for (int64_t at = 10 * SL_MS; at < 800 * SL_MS; at += 49 * SL_MS) {
            struct kit k;
            struct client c;
            open_on(&k, &spills, 30 * SL_MS);
            fake_bytes(&k.one, SL_STR(""), FAKE_HANG);
            fake_bytes(&k.two, SL_STR(""), FAKE_HANG);
            ask_by_hand(&c, &k, body);
            size_t given = 0;
            for (int64_t t = 0; t < at; t += 10 * SL_MS) {
                given += give_while_read(&c, all, given);
                kit_run(&k, 10 * SL_MS);
            }
            if (way == LATE)
                client_leave(&c, HTTP_GONE_BODY_SLOW);
            if (way == LATE)
                kit_run(&k, 20 * SL_MS);
            if (way != STOPS) {
                client_leave(&c, HTTP_GONE_CLOSED);
                kit_run(&k, SL_SEC);
                client_done(&c);
                kit_close(&k);
                continue;
            }
            fake_close(&k.one);
            fake_close(&k.two);
            core_stop(&k.core);
            assert_int_equal(k.core.spills.open, 0);
            assert_int_equal(k.core.spills.mapped, 0);
            client_done(&c);
            core_close(&k.core);
            core_disk_free(&k.core.disk);
        }
    give_back(body);
}

/* Many at once: they share what a loop may have under way, and each gets its own bytes. */
static void test_many(void **state)
{
    (void)state;
    struct kit k;
    struct client c[9];
    char *body = big_chat("pair", BIG / 4);
    open_on(&k, &spills, 20 * SL_MS);
    for (unsigned i = 0; i < 9; i++)
        fake_answer(&k.one, 200, "", ANSWER);
    for (unsigned i = 0; i < 9; i++)
        client_chat(&c[i], &k.core, body);
    assert_int_equal(k.core.loop.works.n_slow, SL_WORK_SLOW);
    client_leave(&c[4], HTTP_GONE_CLOSED); /* it waits for its turn */
    kit_run(&k, 60 * SL_SEC);
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(c[i].status, i == 4 ? 0 : 200);
        client_done(&c[i]);
    }
    assert_int_equal(k.one.requests, 8);
    expect_body(&k.one, body, "pair", "up-a");
    assert_int_equal(k.core.loop.works.n_slow, 0);
    kit_close(&k);
    give_back(body);
}

/* ---- a disk that does not ---- */

static void test_disk_fails(void **state)
{
    (void)state;
    enum {
        FULL,
        FULL_AT_ONCE,
        NO_MAP,
        NO_FETCH,
        NO_READ,
        KINDS
    };
    for (int i = 0; i < 2 * KINDS; i++) {
        int kind = i % KINDS;
        struct kit k;
        struct client c;
        char *body = big_chat("pair", BIG);
        open_on(&k, &spills, disks_ns[i / KINDS]);
        k.core.spills.room = kind == FULL ? 300000 : kind == FULL_AT_ONCE ? 1 : 0;
        k.core.spills.no_map = kind == NO_MAP;
        k.core.spills.no_fetch = kind == NO_FETCH;
        k.core.spills.no_read = kind == NO_READ;
        client_chat(&c, &k.core, body);
        kit_run(&k, 5 * SL_SEC);
        expect_refusal(&c, 503, "body_not_kept");
        assert_true(client_has(&c, "Try again"));
        assert_int_equal(core_count(&k.core, TEL_SPILLS_FAILED), 1);
        assert_int_equal(k.core.spills.open, 0);
        client_done(&c);
        assert_int_equal(kit_close(&k), kind == NO_READ); /* it had begun to be sent: the ledger has it */
        give_back(body);
    }
}

/* Without a place for files it goes on in memory, up to the bound. */
static void test_no_file_can_be_made(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct kit k;
        struct client c;
        bool small = i % 2 == 1;
        char *body = big_chat("solo", BIG);
        open_on(&k, &(struct core_options){.set = {.spill_bytes = SPILL_AT, .body_memory = small ? BIG / 2 : 2 * BIG}},
                disks_ns[i / 2]);
        k.core.spills.no_open = true;
        fake_answer(&k.one, 200, "", ANSWER);
        ask_by_hand(&c, &k, body);
        for (size_t given = 0; given < strlen(body) && c.status == 0;) {
            given += give_while_read(&c, sl_str_c(body), given);
            kit_run(&k, SL_MS);
        }
        kit_run(&k, 5 * SL_SEC);
        if (small)
            expect_refusal(&c, 503, "body_not_kept");
        else
            expect_body(&k.one, body, "solo", "up-solo");
        client_done(&c);
        kit_close(&k);
        give_back(body);
    }
}

/* ---- who may have nothing stored ---- */

static void test_nothing_may_be_stored(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++)
        for (int fits = 0; fits < 2; fits++) {
            struct kit k;
            struct client c;
            char *body = big_chat("solo", BIG);
            kit_open(&k, &(struct core_options){.set = {.spill_bytes = SPILL_AT,
                                                        .body_memory = fits ? 2 * BIG : BIG / 2,
                                                        .stored = {.off = true}}});
            fake_answer(&k.one, 200, "", ANSWER);
            client_send(
                &c, &k.core,
                &(struct ask){.path = "/v1/chat/completions", .key = CORE_KEY, .body = body, .no_length = told == 0});
            kit_run(&k, 5 * SL_SEC);
            assert_int_equal(k.core.spills.opened, 0);
            if (fits) {
                assert_int_equal(c.status, 200);
            } else {
                expect_refusal(&c, 413, "request_too_large");
                assert_true(client_has(&c, "relay.body_memory"));
            }
            client_done(&c);
            assert_int_equal(kit_close(&k), fits);
            give_back(body);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_ones_stay_in_memory),
        cmocka_unit_test(test_same_bytes_at_every_attempt),
        cmocka_unit_test(test_broken_while_it_is_sent),
        cmocka_unit_test(test_memory_is_what_is_held),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_slow_disk),
        cmocka_unit_test(test_ended_in_the_middle),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_disk_fails),
        cmocka_unit_test(test_no_file_can_be_made),
        cmocka_unit_test(test_nothing_may_be_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
