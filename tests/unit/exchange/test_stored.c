/* Stored responses in the exchange: RECALL and SETTLE with a store that answers, is slow, fails, or says nothing; pins; runs without
 * a client. The store is the real one on SQLite, played on the loop of the test in the keeper's place. */
#include "kit.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/timer.h"
#include "store/response_job.h"

#define RESPONSES "/v1/responses"
#define ASK "{\"model\":\"solo\",\"input\":\"hello\"}"
#define ASK_STREAM "{\"model\":\"solo\",\"stream\":true,\"input\":\"hello\"}"
#define ASK_PAIR "{\"model\":\"pair\",\"input\":\"hello\"}"
#define NATIVE                                                                                                         \
    "{\"id\":\"resp_up\",\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"output\":[],\"usage\":{"    \
    "\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}}"

/* ---- the store ---- */

enum mood {
    ANSWERS = 0,
    FAILS,
    SILENT
};

struct played {
    struct core *core;
    struct store *s;
    enum mood mood;
    int64_t ns; /* until it answers */
    unsigned asked, puts;
    struct response_job *held[16];
    unsigned n_held;
    struct sl_id run;
    char dir[64];
};
static struct played store;

struct reply {
    struct sl_timer timer;
    struct response_job *j;
};

static void on_reply(struct sl_timer *t)
{
    struct reply *r = SL_CONTAINER_OF(t, struct reply, timer);
    exchange_stored(r->j);
    sl_free(r);
}

static void run_job(struct response_job *j)
{
    struct sl_fail fail;
    bool writes = response_job_writes(j);
    if (writes)
        assert_int_equal(store.s->ops->begin(store.s, STORE_SOON, &fail), SL_OK);
    assert_true(response_job_run(j, store.s, &fail));
    if (writes)
        assert_int_equal(store.s->ops->commit(store.s, &fail), SL_OK);
    if (j->kind == RJ_PUT && j->put.r.state == STORE_RESPONSE_RUNS)
        store.run = j->run;
    if ((j->kind == RJ_CANCEL || j->kind == RJ_DELETE) && j->found == RF_OK)
        exchange_stop_run(&store.core->env, store.run);
}

static bool ask_store(void *owner, struct response_job *j)
{
    (void)owner;
    store.asked++;
    store.puts += j->kind == RJ_PUT;
    if (store.mood == SILENT) {
        assert_true(store.n_held < 16);
        store.held[store.n_held++] = j;
        return true;
    }
    if (store.mood == FAILS)
        j->found = RF_FAILED;
    else
        run_job(j);
    struct reply *r = SL_NEW(struct reply);
    r->j = j;
    sl_timer_init(&r->timer, on_reply);
    sl_timer_arm(&store.core->loop, &r->timer, sl_loop_now(&store.core->loop) + store.ns);
    return true;
}

static void open_with(struct kit *k, const char *kind)
{
    struct sl_fail fail;
    char path[128];
    store = (struct played){.core = &k->core, .ns = SL_MS};
    (void)snprintf(store.dir, sizeof store.dir, "/tmp/sluice-stored-XXXXXX");
    assert_non_null(mkdtemp(store.dir));
    (void)snprintf(path, sizeof path, "%s/s.db", store.dir);
    assert_int_equal(store_open_sqlite(path, STORE_WRITE, &store.s, &fail), SL_OK);
    kit_open(k, &(struct core_options){.kind = kind,
                                       .set = {.stored = {.keep_ns = 60 * SL_SEC, .max_bytes = 1 << 20}},
                                       .deadlines = {.total_due_ns = 20 * SL_SEC}});
    k->core.env.stored_ask = ask_store;
}

static void close_with(struct kit *k)
{
    static const char *const files[] = {"s.db", "s.db-wal", "s.db-shm"};
    char path[128];
    for (unsigned i = 0; i < store.n_held; i++)
        exchange_stored(store.held[i]); /* nobody waits for it any more */
    store_close(store.s);
    kit_close(k);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", store.dir, files[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(store.dir), 0);
}

/* ---- asking ---- */

static void post(struct client *c, struct kit *k, const char *body)
{
    client_send(c, &k->core, &(struct ask){.path = RESPONSES, .key = CORE_KEY, .body = body});
}

/* The whole answer to a request about a stored one; gives the status. */
static int about(struct kit *k, const char *method, struct sl_str id, const char *tail, struct client *c)
{
    char path[200];
    (void)snprintf(path, sizeof path, RESPONSES "/" SL_STR_FMT "%s", SL_STR_ARG(id), tail);
    client_send(c, &k->core, &(struct ask){.method = method, .path = path, .key = CORE_KEY});
    kit_run(k, SL_SEC);
    assert_true(c->last && c->released);
    return c->status;
}

static int get_status(struct kit *k, struct sl_str id)
{
    struct client c;
    int status = about(k, "GET", id, "", &c);
    client_done(&c);
    return status;
}

static char id_bytes[64];
static struct sl_str id_of(const struct client *c)
{
    struct sl_str all = sl_buf_str(&c->body);
    ptrdiff_t at = sl_str_find_str(all, SL_STR("\"id\":\"resp_"));
    assert_true(at >= 0);
    all = sl_str_from(all, (size_t)at + 6);
    struct sl_str id = sl_str_head(all, (size_t)sl_str_find(all, '"'));
    assert_true(id.n < sizeof id_bytes);
    memcpy(id_bytes, id.p, id.n);
    return sl_str_of(id_bytes, id.n);
}

static struct sl_str make_one(struct kit *k, const char *body)
{
    struct client c;
    fake_answer(&k->one, 200, NULL, ANSWER);
    post(&c, k, body);
    kit_run(k, SL_SEC);
    assert_int_equal(c.status, 200);
    struct sl_str id = id_of(&c);
    client_done(&c);
    return id;
}

static const char *follow(struct sl_str id)
{
    static char body[256];
    (void)snprintf(body, sizeof body,
                   "{\"model\":\"pair\",\"input\":\"on\",\"previous_response_id\":\"" SL_STR_FMT "\"}", SL_STR_ARG(id));
    return body;
}

/* ---- ours ---- */

static void test_made_and_asked_for(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_with(&k, "openai-compatible");
    struct sl_str id = make_one(&k, ASK);
    assert_int_equal(about(&k, "GET", id, "", &c), 200);
    assert_true(client_has(&c, "\"store\":true") && client_has(&c, "\"text\":\"hi\""));
    client_done(&c);
    assert_int_equal(about(&k, "GET", id, "/input_items?limit=1", &c), 200);
    assert_true(client_has(&c, "\"text\":\"hello\"") && client_has(&c, "\"has_more\":false"));
    client_done(&c);
    assert_int_equal(about(&k, "POST", id, "/cancel", &c), 400);
    client_done(&c);

    fake_answer(&k.one, 200, NULL, ANSWER);
    post(&c, &k, follow(id));
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    struct sl_str sent = fake_body(&k.one);
    assert_true(sl_str_find_str(sent, SL_STR("hello")) > 0 && sl_str_find_str(sent, SL_STR("\"on\"")) > 0);
    assert_true(sl_str_find_str(sent, SL_STR("previous_response_id")) < 0);
    client_done(&c);

    assert_int_equal(about(&k, "DELETE", id, "", &c), 200);
    assert_true(client_has(&c, "\"deleted\":true"));
    client_done(&c);
    assert_int_equal(get_status(&k, id), 404);
    assert_int_equal(k.one.requests, 2);
    close_with(&k);
}

static void test_a_stream_is_stored_before_its_end(void **state)
{
    (void)state;
    static const char *const events[] = {EV_ROLE, EV_A, EV_B, EV_STOP, EV_USAGE, EV_DONE};
    struct kit k;
    struct client c;
    open_with(&k, "openai-compatible");
    store.ns = 500 * SL_MS;
    fake_stream(&k.one, events, 6, SL_MS, true, FAKE_END);
    post(&c, &k, ASK_STREAM);
    kit_run(&k, 400 * SL_MS);
    assert_true(client_has(&c, "response.output_text.delta") && !client_has(&c, "response.completed") && !c.last);
    assert_int_equal(store.puts, 1);
    kit_run(&k, SL_SEC);
    assert_true(client_has(&c, "response.completed") && c.last);
    assert_int_equal(get_status(&k, id_of(&c)), 200);
    client_done(&c);
    close_with(&k);
}

/* ---- a store that does not do its part ---- */

static void test_a_store_that_fails(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_with(&k, "openai-compatible");
    struct sl_str id = make_one(&k, ASK);
    store.mood = FAILS;
    assert_int_equal(get_status(&k, id), 503);
    post(&c, &k, follow(id));
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 503);
    assert_true(client_has(&c, "store_unavailable"));
    client_done(&c);
    assert_int_equal(k.one.requests, 1);
    make_one(&k, ASK); /* what was made is not lost to the client */
    close_with(&k);
}

static void test_a_store_that_says_nothing(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_with(&k, "openai-compatible");
    struct sl_str id = make_one(&k, ASK);
    store.mood = SILENT;
    post(&c, &k, follow(id));
    kit_run(&k, 10 * SL_SEC);
    assert_int_equal(c.heads, 0);
    kit_run(&k, 15 * SL_SEC);
    assert_int_equal(c.status, 504);
    client_done(&c);

    fake_answer(&k.one, 200, NULL, ANSWER);
    post(&c, &k, ASK);
    kit_run(&k, SL_MS * 100);
    assert_int_equal(store.puts, 2);
    assert_false(c.last);
    kit_run(&k, 10 * SL_SEC); /* SETTLE waits so long and no longer */
    assert_true(c.last && c.status == 200);
    client_done(&c);
    close_with(&k);
}

static void test_a_client_that_leaves(void **state)
{
    (void)state;
    for (int in_settle = 0; in_settle < 2; in_settle++) {
        struct kit k;
        struct client c;
        open_with(&k, "openai-compatible");
        struct sl_str id = make_one(&k, ASK);
        store.mood = SILENT;
        fake_answer(&k.one, 200, NULL, ANSWER);
        post(&c, &k, in_settle ? ASK : follow(id));
        kit_run(&k, SL_MS * 100);
        assert_false(c.released);
        client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, 0);
        assert_true(c.released);
        client_done(&c);
        struct sl_str in = record_member(&k, 1, "in");
        expect_str(in, in_settle ? "try" : "recall"); /* the provider had ended it */
        close_with(&k);
    }
}

/* ---- a provider's ---- */

static void test_a_pin_holds(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    open_with(&k, "openai");
    fake_answer(&k.one, 200, NULL, NATIVE);
    post(&c, &k, ASK_PAIR);
    kit_run(&k, SL_SEC);
    expect_str(sl_buf_str(&c.body), NATIVE);
    client_done(&c);

    /* its provider fails: nobody else is asked, in whose store it is not */
    for (int i = 0; i < 8; i++)
        fake_answer(&k.one, 500, NULL,
                    "{\"error\":{\"message\":\"no\",\"type\":\"server_error\",\"param\":null,\"code\":null}}");
    post(&c, &k, follow(SL_STR("resp_up")));
    kit_run(&k, 15 * SL_SEC);
    assert_true(c.status >= 500);
    assert_true(k.one.requests > 1);
    assert_int_equal(k.two.requests, 0);
    client_done(&c);
    k.one.next = k.one.n_scripts;

    fake_answer(&k.one, 200, NULL, NATIVE);
    assert_int_equal(about(&k, "GET", SL_STR("resp_up"), "?key=" CORE_KEY "&include[]=a", &c), 200);
    assert_true(sl_str_starts(sl_buf_str(&k.one.last), SL_STR("GET /v1/responses/resp_up?include[]=a HTTP/1.1\r\n")));
    assert_int_equal(fake_body(&k.one).n, 0);
    client_done(&c);
    fake_answer(&k.one, 200, NULL, "");
    assert_int_equal(about(&k, "DELETE", SL_STR("resp_up"), "", &c), 200);
    assert_true(sl_str_starts(sl_buf_str(&k.one.last), SL_STR("DELETE /v1/responses/resp_up HTTP/1.1\r\n")));
    client_done(&c);
    unsigned before = k.one.requests;
    assert_int_equal(get_status(&k, SL_STR("resp_up")), 404);
    assert_int_equal(get_status(&k, SL_STR("resp_never")), 404);
    assert_int_equal(k.one.requests, before);
    close_with(&k);
}

static void test_a_large_answer_is_pinned(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    struct sl_buf b;
    open_with(&k, "openai");
    sl_buf_init(&b, 2u << 20);
    sl_buf_adds(&b, SL_STR("{\"id\":\"resp_large\",\"object\":\"response\",\"output\":[],\"x\":\""));
    for (unsigned i = 0; i < 1u << 20; i++)
        sl_buf_addc(&b, 'x');
    sl_buf_add(&b, "\"}\0", 3);
    fake_answer(&k.one, 200, NULL, b.p);
    post(&c, &k, ASK);
    kit_run(&k, SL_SEC);
    assert_int_equal(c.body.n, b.n - 1);
    client_done(&c);
    sl_buf_done(&b);
    fake_answer(&k.one, 200, NULL, NATIVE);
    assert_int_equal(get_status(&k, SL_STR("resp_large")), 200);
    close_with(&k);
}

#define BEGUN                                                                                                          \
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":"        \
    "\"resp_up\",\"object\":\"response\",\"status\":\"queued\",\"output\":[]}}\n\n"
#define DELTA                                                                                                          \
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,"         \
    "\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"x\"}\n\n"

/* A stream that its client leaves: the provider has the response all the same. */
static void test_what_was_left_is_pinned(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"model\":\"solo\",\"stream\":true,\"input\":\"x\",\"background\":true}",
                                         ASK_STREAM};
    static const char *const events[] = {BEGUN, DELTA};
    for (size_t i = 0; i < 2; i++) {
        struct kit k;
        struct client c;
        open_with(&k, "openai");
        fake_stream(&k.one, events, 2, SL_MS, false, FAKE_HANG);
        post(&c, &k, bodies[i]);
        kit_run(&k, SL_SEC);
        assert_int_equal(store.puts, i == 0);
        client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, SL_SEC);
        client_done(&c);
        fake_answer(&k.one, 200, NULL, NATIVE);
        assert_int_equal(get_status(&k, SL_STR("resp_up")), 200);
        close_with(&k);
    }
}

/* ---- without a client ---- */

#define APART "{\"model\":\"solo\",\"input\":\"hello\",\"background\":true}"

static void test_a_run(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        struct kit k;
        struct client c;
        open_with(&k, "openai-compatible");
        fake_answer(&k.one, 200, NULL, ANSWER);
        store.ns = 100 * SL_MS;
        post(&c, &k, APART);
        kit_run(&k, 10 * SL_MS);
        assert_int_equal(store.puts, 1);
        if (leaves)
            client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, SL_SEC);
        assert_int_equal(store.puts, 2);
        assert_int_equal(k.one.requests, 1);
        if (!leaves) {
            assert_int_equal(c.status, 200);
            assert_true(client_has(&c, "\"status\":\"queued\"") && client_has(&c, "\"background\":true"));
            struct sl_str id = id_of(&c);
            client_done(&c);
            assert_int_equal(about(&k, "GET", id, "", &c), 200);
            assert_true(client_has(&c, "\"status\":\"completed\"") && client_has(&c, "\"text\":\"hi\""));
        }
        client_done(&c);
        close_with(&k);
    }
}

#define APART_STREAM "{\"model\":\"solo\",\"stream\":true,\"input\":\"hello\",\"background\":true}"

/* The client leaves in the middle, having stopped to read before; the run goes on, or is cancelled by another request. */
static void test_a_stream_runs_on(void **state)
{
    (void)state;
    static const char *const events[] = {EV_ROLE, EV_A, EV_A, EV_A, EV_A, EV_A, EV_A, EV_B, EV_STOP, EV_USAGE, EV_DONE};
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct kit k;
        struct client c;
        open_with(&k, "openai-compatible");
        fake_stream(&k.one, events, 11, 100 * SL_MS, true, FAKE_END);
        post(&c, &k, APART_STREAM);
        kit_run(&k, 350 * SL_MS);
        assert_true(client_has(&c, "response.created") && client_has(&c, "\"background\":true") && !c.last);
        struct sl_str id = id_of(&c);
        client_room(&c, 0);
        kit_run(&k, 200 * SL_MS);
        client_leave(&c, HTTP_GONE_STALLED);
        kit_run(&k, 10 * SL_MS);
        assert_false(c.released);
        struct client other;
        assert_int_equal(about(&k, cancelled ? "POST" : "GET", id, cancelled ? "/cancel" : "", &other), 200);
        assert_true(client_has(&other, cancelled ? "\"status\":\"cancelled\"" : "\"status\":\"in_progress\""));
        client_done(&other);
        kit_run(&k, 3 * SL_SEC);
        client_done(&c);
        assert_int_equal(about(&k, "GET", id, "", &other), 200);
        assert_true(client_has(&other, cancelled ? "\"status\":\"cancelled\"" : "\"status\":\"completed\""));
        assert_int_equal(client_has(&other, "HelloHelloHelloHelloHelloHello world"), !cancelled);
        client_done(&other);
        close_with(&k);
    }
}

static void test_a_run_is_cancelled(void **state)
{
    (void)state;
    static const struct fake_step hang[] = {{.act = FAKE_HANG}};
    struct kit k;
    struct client c;
    open_with(&k, "openai-compatible");
    fake_script(&k.one, hang);
    post(&c, &k, APART);
    kit_run(&k, SL_SEC);
    struct sl_str id = id_of(&c);
    client_done(&c);
    assert_int_equal(exchange_live(&k.core.env), 1);
    assert_int_equal(about(&k, "POST", id, "/cancel", &c), 200);
    assert_true(client_has(&c, "\"status\":\"cancelled\""));
    client_done(&c);
    kit_run(&k, SL_MS);
    assert_int_equal(exchange_live(&k.core.env), 0);
    assert_int_equal(k.one.left, 1); /* the provider was told */
    assert_int_equal(store.puts, 1);
    close_with(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_and_asked_for),
        cmocka_unit_test(test_a_stream_is_stored_before_its_end),
        cmocka_unit_test(test_a_store_that_fails),
        cmocka_unit_test(test_a_store_that_says_nothing),
        cmocka_unit_test(test_a_client_that_leaves),
        cmocka_unit_test(test_a_pin_holds),
        cmocka_unit_test(test_a_large_answer_is_pinned),
        cmocka_unit_test(test_what_was_left_is_pinned),
        cmocka_unit_test(test_a_run),
        cmocka_unit_test(test_a_stream_runs_on),
        cmocka_unit_test(test_a_run_is_cancelled),
    };
    return cmocka_run_group_tests_name("exchange stored", tests, NULL, NULL);
}
