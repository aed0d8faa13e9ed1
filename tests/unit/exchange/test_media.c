/* What a client names by URL and a provider takes only as bytes: fetched, checked, put into the request; or refused with the place
 * and the reason. Names, addresses and redirects are those of a virtual network. */
#include "kit.h"

#include "base/base64.h"
#include "upstream/fetch.h"

#define HOST_AT "93.184.216.9"
#define PRIVATE_AT "10.1.2.3"
#define PNG "\x89PNG\r\n\x1a\n0123456789"
#define PDF "%PDF-1.7 a document"
#define OK_HEAD(type) "HTTP/1.1 200 OK\r\ncontent-type: " type "\r\nconnection: close\r\n\r\n"

struct web {
    struct kit k;
    struct fake host; /* what media.test is */
    struct client c;
};

static const struct media_policy policy = {.fetch = true,
                                           .plain_http = true,
                                           .count = 4,
                                           .parallel = 2,
                                           .max_bytes = 4096,
                                           .total_bytes = 6000,
                                           .timeout_ns = 3 * SL_SEC};

static void open_web(struct web *w, const struct media_policy *p)
{
    struct core_options o = {.open = true, .kind = "openai-compatible", .set.media = *p};
    struct sl_addr at = core_addr(HOST_AT, 80), inside = core_addr(PRIVATE_AT, 80);
    kit_open(&w->k, &o);
    fake_open(&w->host, w->k.core.net, &w->k.core.loop, HOST_AT);
    vnet_name(w->k.core.net, SL_STR("media.test"), SL_OK, &at, 1, SL_MS);
    vnet_name(w->k.core.net, SL_STR("other.test"), SL_OK, &at, 1, SL_MS);
    vnet_name(w->k.core.net, SL_STR("inside.test"), SL_OK, &inside, 1, SL_MS);
}

static size_t close_web(struct web *w)
{
    kit_run(&w->k, 0);
    fake_close(&w->host);
    return kit_close(&w->k);
}

/* A Messages client in front of a provider that speaks chat and takes documents as data. */
static void ask_for(struct web *w, const char *blocks)
{
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct sl_str body =
        sl_arena_printf(&a,
                        "{\"model\":\"gpt-4o\",\"max_tokens\":99,\"messages\":[{\"role\":\"user\",\"content\":["
                        "{\"type\":\"text\",\"text\":\"look\"}%s]}]}",
                        blocks);
    client_send(&w->c, &w->k.core, &(struct ask){.path = "/v1/messages", .key = CORE_KEY, .body = body.p});
    kit_run(&w->k, 30 * SL_SEC);
    sl_arena_done(&a);
}

#define DOCUMENT(url) ",{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"" url "\"}}"

static bool sent_has(struct web *w, const char *text)
{
    return sl_str_find_str(fake_body(&w->k.one), sl_str_c(text)) >= 0;
}

static void expect_refusal(struct web *w, const char *place, const char *why, const char *file, int line)
{
    if (w->c.status != 400 || !client_has(&w->c, place) || !client_has(&w->c, why) || w->k.one.requests != 0)
        fail_msg("%s:%d: %d %.*s, wanted %s and %s", file, line, w->c.status, (int)w->c.body.n, w->c.body.p, place,
                 why);
    assert_true(client_has(&w->c, "\"type\":\"error\""));
    expect_str(client_header(&w->c, "x-should-retry"), "false");
}
#define expect_refused(w, place, why) expect_refusal(w, place, why, __FILE__, __LINE__)

/* ---- what works ---- */

static void test_document(void **state)
{
    (void)state;
    struct web w;
    char base64[64];
    open_web(&w, &policy);
    fake_bytes(&w.host, SL_STR(OK_HEAD("text/html") PDF), FAKE_CLOSE); /* the bytes decide, not what they are called */
    fake_answer(&w.k.one, 200, NULL, ANSWER);
    ask_for(&w, DOCUMENT("http://media.test/a b.pdf?x=1#page2"));
    assert_int_equal(w.c.status, 200);
    size_t n = sl_base64_encode(SL_STR(PDF), base64);
    base64[n] = 0;
    assert_true(sent_has(&w, base64));
    assert_true(sent_has(&w, "data:application/pdf;base64,"));
    assert_true(sl_str_find_str(sl_buf_str(&w.host.last), SL_STR("GET /a%20b.pdf?x=1 HTTP/1.1\r\n")) == 0);
    expect_str(fake_header(&w.host, "host"), "media.test");
    assert_int_equal(fake_header(&w.host, "authorization").n, 0); /* nothing of the client's goes along */
    assert_int_equal(fake_header(&w.host, "cookie").n, 0);
    assert_int_equal(core_count(&w.k.core, TEL_MEDIA_FETCHED), 1);
    client_done(&w.c);
    assert_int_equal(close_web(&w), 1);
}

static void test_text(void **state)
{
    (void)state;
    struct web w;
    open_web(&w, &policy);
    fake_bytes(&w.host, SL_STR(OK_HEAD("text/markdown; charset=utf-8") "# says \"hi\"\n"), FAKE_CLOSE);
    fake_answer(&w.k.one, 200, NULL, ANSWER);
    ask_for(&w, DOCUMENT("http://media.test/readme"));
    assert_int_equal(w.c.status, 200);
    assert_true(sent_has(&w, "# says \\\"hi\\\"\\n"));
    client_done(&w.c);
    close_web(&w);
}

/* Two at a time, and all of them in their places. */
static void test_several(void **state)
{
    (void)state;
    struct web w;
    open_web(&w, &policy);
    static const struct fake_step slow[] = {{.act = FAKE_WAIT, .ns = SL_SEC},
                                            {.act = FAKE_SEND, .bytes = SL_STR_INIT(OK_HEAD("text/plain") "text")},
                                            {.act = FAKE_CLOSE}};
    for (int i = 0; i < 4; i++)
        fake_script(&w.host, slow);
    fake_answer(&w.k.one, 200, NULL, ANSWER);
    int64_t before = vnet_now(w.k.core.net);
    ask_for(&w, DOCUMENT("http://media.test/1") DOCUMENT("http://other.test/2") DOCUMENT("http://media.test/3")
                    DOCUMENT("http://media.test/4"));
    assert_int_equal(w.c.status, 200);
    assert_int_equal(w.host.requests, 4);
    assert_in_range(w.c.last_ns - before, 2 * SL_SEC, 2 * SL_SEC + 500 * SL_MS);
    client_done(&w.c);
    close_web(&w);
}

static void test_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *location;
        bool ok;
    } rows[] = {{"http://other.test/there", true},
                {"/there", true},
                {"there?x", true},
                {"//other.test/there", true},
                {"ftp://other.test/", false},
                {"http://", false},
                {"http://inside.test/", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web w;
        char head[256];
        open_web(&w, &policy);
        int n = snprintf(head, sizeof head,
                         "HTTP/1.1 302 Found\r\nlocation: %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                         rows[i].location);
        fake_bytes(&w.host, sl_str_of(head, (size_t)n), FAKE_CLOSE);
        fake_bytes(&w.host, SL_STR(OK_HEAD("application/pdf") PDF), FAKE_CLOSE);
        fake_answer(&w.k.one, 200, NULL, ANSWER);
        ask_for(&w, DOCUMENT("http://media.test/a/b"));
        assert_int_equal(w.c.status, rows[i].ok ? 200 : 400);
        assert_int_equal(w.host.requests, rows[i].ok ? 2 : 1);
        client_done(&w.c);
        close_web(&w);
    }
}

static void test_endless_redirect(void **state)
{
    (void)state;
    struct web w;
    open_web(&w, &policy);
    for (int i = 0; i < 10; i++)
        fake_bytes(&w.host,
                   SL_STR("HTTP/1.1 301 Moved\r\nlocation: /again\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
                   FAKE_CLOSE);
    ask_for(&w, DOCUMENT("http://media.test/"));
    expect_refused(&w, "messages[0].content[1].source.url", "redirected too often");
    assert_int_equal(w.host.requests, 1 + FETCH_REDIRECTS);
    client_done(&w.c);
    close_web(&w);
}

/* ---- what is refused ---- */

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *url, *why;
    } rows[] = {
        {"http://inside.test/", "no public address"},
        {"http://127.0.0.1/", "no public address"},
        {"http://127.0.0.1:8080/", "no public address"},
        {"http://[::1]/", "no public address"},
        {"http://[::ffff:10.0.0.1]/", "no public address"},
        {"http://169.254.169.254/latest/meta-data/", "no public address"},
        {"http://192.168.1.1/", "no public address"},
        {"http://nowhere.test/", "not known"},
        {"http://user:word@media.test/", "user name"},
        {"http://media.test:0/", "host"},
        {"http://media.test:99999/", "host"},
        {"http:///path", "host"},
        {"http://me dia.test/", "host"},
        {"http://media.test\\\\@inside.test/", "no valid URL"},
        {"https://media.test/", "over TLS"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web w;
        char blocks[512];
        open_web(&w, &policy);
        snprintf(blocks, sizeof blocks, DOCUMENT("%s"), rows[i].url);
        ask_for(&w, blocks);
        expect_refused(&w, "messages[0].content[1].source.url", rows[i].why);
        assert_int_equal(w.host.requests, 0);
        struct sl_addr inside = core_addr(PRIVATE_AT, 80);
        assert_int_equal(vnet_connects(w.k.core.net, &inside), 0);
        assert_int_equal(core_count(&w.k.core, TEL_MEDIA_FAILED), 1);
        client_done(&w.c);
        assert_int_equal(close_web(&w), 0); /* nothing went upstream: no row */
    }
}

/* The address that is judged is the one that is connected to, whatever the name says the next time. */
static void test_rebinding(void **state)
{
    (void)state;
    struct web w;
    struct sl_addr both[2] = {core_addr(HOST_AT, 80), core_addr(PRIVATE_AT, 80)};
    open_web(&w, &policy);
    vnet_name(w.k.core.net, SL_STR("rebind.test"), SL_OK, both, 2, SL_MS);
    vnet_set_connect(w.k.core.net, &both[0], VNET_CONNECT_REFUSED, 0); /* so the second one's turn comes */
    ask_for(&w, DOCUMENT("http://rebind.test/"));
    assert_int_equal(w.c.status, 400);
    assert_int_equal(vnet_connects(w.k.core.net, &both[0]), 1);
    assert_int_equal(vnet_connects(w.k.core.net, &both[1]), 0);
    client_done(&w.c);
    close_web(&w);
}

static void test_hosts(void **state)
{
    (void)state;
    const struct sl_str hosts[] = {SL_STR("media.test"), SL_STR(".example.org")};
    struct media_policy p = policy;
    p.hosts = hosts;
    p.n_hosts = 2;
    static const struct {
        const char *url;
        bool ok;
    } rows[] = {{"http://media.test/", true},   {"http://MEDIA.test/", true},       {"http://other.test/", false},
                {"http://xmedia.test/", false}, {"http://media.test.evil/", false}, {"http://a.b.example.org/", true},
                {"http://example.org/", true},  {"http://badexample.org/", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_arena a;
        struct fetch_rules r = {.hosts = hosts, .n_hosts = 2, .plain_http = true};
        sl_arena_init(&a, NULL);
        assert_int_equal(fetch_refusal(sl_str_c(rows[i].url), &r, &a) == NULL, rows[i].ok);
        sl_arena_done(&a);
    }
    struct web w;
    open_web(&w, &p);
    fake_bytes(
        &w.host,
        SL_STR("HTTP/1.1 302 F\r\nlocation: http://other.test/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        FAKE_CLOSE);
    ask_for(&w, DOCUMENT("http://media.test/"));
    expect_refused(&w, "messages[0].content[1].source.url", "host that is not allowed");
    client_done(&w.c);
    close_web(&w);
}

static void test_plain_http_is_off(void **state)
{
    (void)state;
    struct media_policy p = policy;
    struct web w;
    p.plain_http = false;
    open_web(&w, &p);
    ask_for(&w, DOCUMENT("http://media.test/"));
    expect_refused(&w, "messages[0].content[1].source.url", "not https");
    client_done(&w.c);
    close_web(&w);
}

static void test_fetching_is_off(void **state)
{
    (void)state;
    struct media_policy p = policy;
    struct web w;
    p.fetch = false;
    open_web(&w, &p);
    ask_for(&w, DOCUMENT("http://media.test/"));
    expect_refused(&w, "messages[0].content[1]", "no files by URL");
    assert_int_equal(w.host.requests, 0);
    client_done(&w.c);
    close_web(&w);
}

static void test_bad_answers(void **state)
{
    (void)state;
    static char large[5000];
    memset(large, 'x', sizeof large);
    static const struct {
        const char *answer, *why;
    } rows[] = {
        {"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "not there"},
        {"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n", "may not be read"},
        {"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", "not given by its server"},
        {"HTTP/1.1 304 No\r\n\r\n", "not given by its server"},
        {"HTTP/1.1 302 No\r\ncontent-length: 0\r\n\r\n", "not given by its server"},
        {"HTTP/1.1 206 Part\r\ncontent-length: 3\r\n\r\n%PD", "not given by its server"},
        {"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n", "too large"},
        {"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
         "compressed"},
        {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "empty"},
        {"HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: 4\r\n\r\nHTML", "neither a PDF nor text"},
        {"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n\xff\xfe", "neither a PDF nor text"},
        {"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nabc", "broke off"},
        {"no http\r\n\r\n", "broke off"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web w;
        open_web(&w, &policy);
        fake_bytes(&w.host, sl_str_c(rows[i].answer), FAKE_CLOSE);
        ask_for(&w, DOCUMENT("http://media.test/x"));
        expect_refused(&w, "messages[0].content[1].source.url", rows[i].why);
        client_done(&w.c);
        close_web(&w);
    }
    struct web w; /* no length told, and more than is taken */
    open_web(&w, &policy);
    static const struct fake_step endless[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT(OK_HEAD("text/plain"))},
                                               {.act = FAKE_SEND, .bytes = {large, sizeof large}},
                                               {.act = FAKE_HANG}};
    fake_script(&w.host, endless);
    ask_for(&w, DOCUMENT("http://media.test/x"));
    expect_refused(&w, "messages[0].content[1].source.url", "too large");
    client_done(&w.c);
    close_web(&w);
}

static void test_limits(void **state)
{
    (void)state;
    struct web w;
    static char text[3500];
    memset(text, 'x', sizeof text);
    open_web(&w, &policy);
    ask_for(&w, DOCUMENT("http://media.test/1") DOCUMENT("http://media.test/2") DOCUMENT("http://media.test/3")
                    DOCUMENT("http://media.test/4") DOCUMENT("http://media.test/5"));
    expect_refused(&w, "messages[0].content[5].source.url", "too many");
    client_done(&w.c);
    close_web(&w);

    open_web(&w, &policy); /* each is small enough, both are not */
    static const struct fake_step half[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT(OK_HEAD("text/plain"))},
                                            {.act = FAKE_SEND, .bytes = {text, sizeof text}},
                                            {.act = FAKE_CLOSE}};
    fake_script(&w.host, half);
    fake_script(&w.host, half);
    ask_for(&w, DOCUMENT("http://media.test/1") DOCUMENT("http://media.test/2"));
    expect_refused(&w, ".source.url", "too much with the others");
    client_done(&w.c);
    close_web(&w);

    open_web(&w, &policy); /* and one that says nothing is not waited for; the other is ended with it */
    static const struct fake_step hang[] = {{.act = FAKE_HANG}};
    fake_script(&w.host, hang);
    fake_script(&w.host, hang);
    int64_t before = vnet_now(w.k.core.net);
    ask_for(&w, DOCUMENT("http://media.test/1") DOCUMENT("http://media.test/2"));
    expect_refused(&w, ".source.url", "did not come in time");
    assert_in_range(w.c.last_ns - before, 3 * SL_SEC, 4 * SL_SEC);
    client_done(&w.c);
    close_web(&w);
}

/* ---- who leaves ---- */

static void test_client_leaves(void **state)
{
    (void)state;
    struct web w;
    static const struct fake_step hang[] = {{.act = FAKE_HANG}};
    open_web(&w, &policy);
    fake_script(&w.host, hang);
    client_send(
        &w.c, &w.k.core,
        &(struct ask){
            .path = "/v1/messages",
            .key = CORE_KEY,
            .body = "{\"model\":\"gpt-4o\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                    "\"document\",\"source\":{\"type\":\"url\",\"url\":\"http://media.test/\"}}]}]}"});
    kit_run(&w.k, SL_SEC);
    assert_int_equal(w.host.requests, 1);
    client_leave(&w.c, HTTP_GONE_CLOSED);
    kit_run(&w.k, SL_SEC);
    assert_true(w.c.released);
    assert_int_equal(w.host.left, 1);
    expect_str(record_member(&w.k, 0, "why"), "client_gone");
    client_done(&w.c);
    assert_int_equal(close_web(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),          cmocka_unit_test(test_text),
        cmocka_unit_test(test_several),           cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_endless_redirect),  cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_rebinding),         cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_plain_http_is_off), cmocka_unit_test(test_fetching_is_off),
        cmocka_unit_test(test_bad_answers),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_client_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
