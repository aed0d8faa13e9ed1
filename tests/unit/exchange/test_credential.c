/* Exchanges whose provider takes a token that must be fetched: waiting, sharing, failing, renewing. The token's server is a third
 * scripted one. */
#include "kit.h"

#include "provider/token.h"

#define TOKENS "93.184.216.3"
#define ACCOUNT                                                                                                          \
    "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\",\"refresh_token\":\"the-refresh-token\"," \
    "\"token_uri\":\"http://" TOKENS "/token\"}"
#define TOKEN(name, life) "{\"access_token\":\"" name "\",\"expires_in\":" life ",\"token_type\":\"Bearer\"}"

struct world {
    struct kit k;
    struct fake tokens;
    struct provider_login login;
    struct sl_arena arena;
};

static void open_world(struct world *w, const struct core_options *o)
{
    struct credential_trouble why = {.text = ""};
    kit_open(&w->k, o);
    fake_open(&w->tokens, w->k.core.net, &w->k.core.loop, TOKENS);
    sl_arena_init(&w->arena, NULL);
    w->login = (struct provider_login){.cell = token_cell_new(1)};
    assert_true(credential_read(SL_STR(ACCOUNT), &w->arena, &w->login.credential, &why));
    w->login.origin = (struct upstream_origin){.id = 3001,
                                               .provider = SL_STR("one"),
                                               .host = SL_STR(TOKENS),
                                               .authority = SL_STR(TOKENS),
                                               .port = 80,
                                               .http = UPSTREAM_HTTP1,
                                               .max_idle = 1,
                                               .idle_ns = 60 * SL_SEC};
    w->k.core.snapshot->providers[0].login = &w->login;
}

static size_t close_world(struct world *w)
{
    fake_close(&w->tokens);
    size_t n = kit_close(&w->k);
    credential_done(&w->login.credential);
    token_cell_unref(w->login.cell);
    sl_arena_done(&w->arena);
    return n;
}

static void test_fetched_once(void **state)
{
    (void)state;
    struct world w;
    struct client c[3];
    open_world(&w, &(struct core_options){.access = true});
    fake_answer(&w.tokens, 200, "", TOKEN("t1", "3600"));
    for (int i = 0; i < 3; i++) {
        fake_answer(&w.k.one, 200, "", ANSWER);
        client_chat(&c[i], &w.k.core, CHAT);
    }
    kit_run(&w.k, SL_SEC);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(c[i].status, 200);
        client_done(&c[i]);
    }
    assert_int_equal(w.tokens.requests, 1);
    expect_str(fake_body(&w.tokens),
               "grant_type=refresh_token&client_id=i&client_secret=s&refresh_token=the-refresh-token");
    expect_str(fake_header(&w.tokens, "content-type"), "application/x-www-form-urlencoded");
    assert_int_equal(w.k.one.requests, 3);
    expect_str(fake_header(&w.k.one, "authorization"), "Bearer t1");
    assert_true(sl_str_find_str(sl_buf_str(&w.k.core.lines), SL_STR("t1\"")) < 0);
    assert_int_equal(close_world(&w), 3);
}

static void test_other_providers_do_not_wait(void **state)
{
    (void)state;
    struct world w;
    struct client c;
    open_world(&w, &(struct core_options){0});
    fake_answer(&w.k.two, 200, "", ANSWER);
    client_chat(&c, &w.k.core, "{\"model\":\"two/x\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    kit_run(&w.k, SL_SEC);
    assert_int_equal(c.status, 200);
    assert_int_equal(w.tokens.accepted, 0);
    expect_str(fake_header(&w.k.two, "authorization"), "Bearer sk-provider-secret");
    client_done(&c);
    close_world(&w);
}

static const struct fake_step hang[] = {{.act = FAKE_HANG}};
static const struct fake_step reset[] = {{.act = FAKE_RESET}};
static const struct fake_step half[] = {
    {.act = FAKE_SEND, .bytes = SL_STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{\"access_token\":\"t1\"")},
    {.act = FAKE_CLOSE}};

/* What happens to the fetch, what the try is called, and what a client hears where nothing else is left. */
static void test_failures(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        const struct fake_step *steps;
        const char *outcome;
        int client;
    } rows[] = {
        {400, "{\"error\":\"invalid_grant\"}", NULL, "bad_credentials", 502},
        {429, "{}", NULL, "rate_limited", 429},
        {500, "{}", NULL, "server_error", 502},
        {200, "nonsense", NULL, "malformed", 502},
        {200, TOKEN("t", "-5"), NULL, "malformed", 502},
        {0, NULL, reset, "server_error", 502},
        {0, NULL, half, "truncated", 502},
        {0, NULL, hang, "first_byte_timeout", 504},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w;
        struct client c, again;
        int64_t takes = rows[i].steps == hang ? 10 * SL_SEC : 0;
        open_world(&w, &(struct core_options){
                           .access = true,
                           .retry = {.attempts = 2, .base_ns = SL_MS, .cap_ns = SL_MS, .wait_cap_ns = SL_SEC}});
        if (rows[i].steps != NULL)
            fake_script(&w.tokens, rows[i].steps);
        else
            fake_answer(&w.tokens, rows[i].status, "", rows[i].body);
        fake_answer(&w.k.two, 200, "", ANSWER);
        client_chat(&c, &w.k.core, CHAT_PAIR); /* falls back */
        kit_run(&w.k, takes + SL_SEC / 8);
        assert_int_equal(c.status, 200);
        struct core_ledger l = kit_ledger(&w.k);
        assert_int_equal(l.n, 2);
        assert_string_equal(l.v[0].outcome, rows[i].outcome);
        assert_int_equal(l.v[0].close.cost_p, 0);
        core_ledger_free(&l);
        client_done(&c);
        client_chat(&again, &w.k.core, CHAT); /* soon after: no other fetch, and nowhere else to go */
        kit_run(&w.k, SL_SEC / 8);
        assert_int_equal(again.status, rows[i].client);
        client_done(&again);
        assert_int_equal(w.k.one.requests, 0);
        close_world(&w);
    }
}

static void test_no_storm(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, &(struct core_options){0});
    for (int i = 0; i < 20; i++)
        fake_answer(&w.tokens, 400, "", "{\"error\":\"invalid_grant\"}");
    for (int i = 0; i < 300; i++) { /* thirty seconds, ten requests in each */
        struct client c;
        client_chat(&c, &w.k.core, CHAT);
        kit_run(&w.k, SL_SEC / 10);
        assert_int_equal(c.status, 502);
        client_done(&c);
    }
    assert_in_range(w.tokens.requests, 3, 8);
    close_world(&w);
}

static void test_huge_answer(void **state)
{
    (void)state;
    static char huge[200000];
    struct world w;
    struct client c;
    memset(huge, 'x', sizeof huge - 1);
    open_world(&w, &(struct core_options){0});
    fake_answer(&w.tokens, 200, "", huge);
    client_chat(&c, &w.k.core, CHAT);
    kit_run(&w.k, SL_SEC);
    assert_int_equal(c.status, 502);
    client_done(&c);
    close_world(&w);
}

static void test_refused_once(void **state)
{
    (void)state;
    struct world w;
    struct client c;
    open_world(&w, &(struct core_options){.access = true});
    fake_answer(&w.tokens, 200, "", TOKEN("t1", "3600"));
    fake_answer(&w.tokens, 200, "", TOKEN("t2", "3600"));
    fake_answer(&w.k.one, 401, "", "{\"error\":{\"message\":\"expired\",\"code\":\"invalid_api_key\"}}");
    fake_answer(&w.k.one, 200, "", ANSWER);
    client_chat(&c, &w.k.core, CHAT);
    kit_run(&w.k, SL_SEC);
    assert_int_equal(c.status, 200);
    assert_int_equal(w.tokens.requests, 2);
    assert_int_equal(w.k.one.requests, 2);
    expect_str(fake_header(&w.k.one, "authorization"), "Bearer t2");
    client_done(&c);
    fake_answer(&w.k.one, 401, "", "{\"error\":{\"message\":\"expired\",\"code\":\"invalid_api_key\"}}");
    client_chat(&c, &w.k.core, CHAT); /* again within ten seconds: not the token's fault */
    kit_run(&w.k, SL_SEC);
    assert_int_equal(c.status, 502);
    assert_int_equal(w.tokens.requests, 2);
    client_done(&c);
    assert_int_equal(close_world(&w), 3);
}

static void test_renewed_beside_traffic(void **state)
{
    (void)state;
    struct world w;
    struct client c;
    open_world(&w, &(struct core_options){0});
    fake_answer(&w.tokens, 200, "", TOKEN("t1", "1000"));
    fake_answer(&w.tokens, 503, "", "");
    fake_answer(&w.tokens, 200, "", TOKEN("t2", "1000"));
    static const struct {
        int64_t pass_s;
        const char *token;
    } rows[] = {{1, "Bearer t1"}, {700, "Bearer t1"}, {120, "Bearer t1"}, {60, "Bearer t1"}, {1, "Bearer t2"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        kit_run(&w.k, rows[i].pass_s * SL_SEC);
        fake_answer(&w.k.one, 200, "", ANSWER);
        client_chat(&c, &w.k.core, CHAT);
        kit_run(&w.k, SL_SEC / 4);
        assert_int_equal(c.status, 200);
        expect_str(fake_header(&w.k.one, "authorization"), rows[i].token);
        client_done(&c);
    }
    assert_int_equal(w.tokens.requests, 3);
    close_world(&w);
}

static void test_client_leaves(void **state)
{
    (void)state;
    struct world w;
    struct client c, other;
    static const struct fake_step slow[] = {
        {.act = FAKE_WAIT, .ns = SL_SEC},
        {.act = FAKE_SEND,
         .bytes = SL_STR_INIT(
             "HTTP/1.1 200 OK\r\ncontent-length: 43\r\n\r\n{\"access_token\":\"t1\",    \"expires_in\":3600}\n")},
        {.act = FAKE_END}};
    open_world(&w, &(struct core_options){0});
    fake_script(&w.tokens, slow);
    fake_answer(&w.k.one, 200, "", ANSWER);
    client_chat(&c, &w.k.core, CHAT);
    kit_run(&w.k, SL_SEC / 2);
    client_chat(&other, &w.k.core, CHAT);
    client_leave(&c, HTTP_GONE_CLOSED);
    kit_run(&w.k, SL_SEC / 4);
    assert_true(c.released);
    kit_run(&w.k, SL_SEC);
    assert_int_equal(other.status, 200);
    assert_int_equal(w.tokens.requests, 1);
    client_done(&c);
    client_done(&other);
    assert_int_equal(close_world(&w), 2);
}

static void test_total_deadline(void **state)
{
    (void)state;
    struct world w;
    struct client c;
    open_world(&w, &(struct core_options){.deadlines = {.total_due_ns = 3 * SL_SEC}});
    fake_script(&w.tokens, hang);
    client_chat(&c, &w.k.core, CHAT);
    kit_run(&w.k, 4 * SL_SEC);
    assert_int_equal(c.status, 504);
    client_done(&c);
    close_world(&w);
}

/* The worker ends while a token is fetched and exchanges wait for it. */
static void test_stopped(void **state)
{
    (void)state;
    struct world w;
    struct client c[2];
    struct token_asked said;
    open_world(&w, &(struct core_options){0});
    fake_script(&w.tokens, hang);
    for (int i = 0; i < 2; i++)
        client_chat(&c[i], &w.k.core, CHAT);
    kit_run(&w.k, SL_SEC);
    exchange_end_all(&w.k.core.env);
    kit_run(&w.k, SL_SEC);
    for (int i = 0; i < 2; i++) {
        assert_true(c[i].released);
        client_done(&c[i]);
    }
    token_cell_ask(w.login.cell, &(struct token_ask){.now_ns = sl_loop_now(&w.k.core.loop), .who = &w, .a = &w.arena},
                   &said);
    assert_true(said.fetch); /* free for somebody else */
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetched_once),
        cmocka_unit_test(test_other_providers_do_not_wait),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_storm),
        cmocka_unit_test(test_huge_answer),
        cmocka_unit_test(test_refused_once),
        cmocka_unit_test(test_renewed_beside_traffic),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_total_deadline),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests_name("exchange credential", tests, NULL, NULL);
}
