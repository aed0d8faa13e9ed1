/* IDENTIFY, READ_BODY, ADMIT, PLAN: who asks, for what, with which body; every refusal in the caller's form, nothing sent
 * upstream, nothing left. */
#include "kit.h"

struct refusal {
    const char *name;
    struct ask ask;
    int status;
    const char *code;
};

#define P "/v1/chat/completions"
#define HEADERS(...)                                                                                                   \
    (const char *const[])                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__, NULL                                                                                              \
    }

static const struct refusal refusals[] = {
    {"no key", {.path = P, .body = CHAT}, 401, "missing_api_key"},
    {"wrong key", {.path = P, .key = "sk-nobody", .body = CHAT}, 401, "invalid_api_key"},
    {"two keys",
     {.path = P, .key = CORE_KEY, .headers = HEADERS("x-api-key: other"), .body = CHAT},
     400,
     "conflicting_api_keys"},
    {"no such path", {.path = "/v1/nope", .key = CORE_KEY, .body = CHAT}, 404, "unknown_url"},
    {"no such path, nobody", {.path = "/v1/nope", .body = CHAT}, 404, "unknown_url"},
    {"wrong method", {.method = "GET", .path = P, .key = CORE_KEY}, 405, "method_not_allowed"},
    {"a malformed WebSocket",
     {.method = "GET", .path = "/v1/responses", .key = CORE_KEY, .headers = HEADERS("upgrade: WebSocket")},
     400,
     "invalid_upgrade"},
    {"served later", {.path = "/v1/fine_tuning/jobs", .key = CORE_KEY, .body = CHAT}, 404, "not_served"},
    {"operation not granted", {.path = P, .key = CORE_KEY_NARROW, .body = CHAT}, 403, "operation_not_allowed"},
    {"model not granted",
     {.path = "/v1/embeddings", .key = CORE_KEY_NARROW, .body = "{\"model\":\"pair\",\"input\":\"x\"}"},
     404,
     "model_not_found"},
    {"no body", {.path = P, .key = CORE_KEY}, 400, "missing_body"},
    {"empty body", {.path = P, .key = CORE_KEY, .body = ""}, 400, "missing_body"},
    {"no JSON", {.path = P, .key = CORE_KEY, .body = "{\"model\":"}, 400, "invalid_json"},
    {"no object", {.path = P, .key = CORE_KEY, .body = "[1]"}, 400, "invalid_type"},
    {"no model", {.path = P, .key = CORE_KEY, .body = "{\"messages\":[]}"}, 400, "missing_required_parameter"},
    {"unknown model",
     {.path = P, .key = CORE_KEY, .body = "{\"model\":\"nope\",\"messages\":[]}"},
     404,
     "model_not_found"},
    {"unknown coding",
     {.path = P, .key = CORE_KEY, .headers = HEADERS("content-encoding: rot13"), .body = CHAT},
     415,
     "unsupported_content_encoding"},
    {"broken coding",
     {.path = P, .key = CORE_KEY, .headers = HEADERS("content-encoding: gzip"), .body = CHAT},
     400,
     "invalid_content_encoding"},
    {"multipart",
     {.path = P, .key = CORE_KEY, .headers = HEADERS("content-type: multipart/form-data; boundary=x"), .body = CHAT},
     415,
     "unsupported_media_type"},
    {"no such route",
     {.path = P, .key = CORE_KEY, .headers = HEADERS("x-sluice-route: nowhere"), .body = CHAT},
     400,
     "route_not_found"},
    {"bad hint",
     {.path = P, .key = CORE_KEY, .headers = HEADERS("x-sluice-fallback: perhaps"), .body = CHAT},
     400,
     "invalid_value"},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const struct refusal *r = &refusals[i];
        struct kit k;
        struct client c;
        char quoted[80];
        kit_open(&k, NULL);
        client_send(&c, &k.core, &r->ask);
        kit_run(&k, 0);
        snprintf(quoted, sizeof quoted, "\"code\":\"%s\"", r->code);
        if (c.status != r->status || !client_has(&c, quoted))
            fail_msg("%s: got %d " SL_STR_FMT, r->name, c.status, SL_STR_ARG(sl_buf_str(&c.body)));
        assert_true(c.last && c.released);
        assert_int_equal(c.length, (int64_t)c.body.n);
        assert_int_equal(client_header(&c, "x-sluice-id").n, 26);
        assert_int_equal(client_header(&c, "x-sluice-target").n, 0);
        expect_str(record_member(&k, 0, "by"), "gateway");
        expect_str(record_member(&k, 0, "why"), r->code);
        assert_int_equal(k.one.accepted + k.two.accepted, 0);
        client_done(&c);
        assert_int_equal(kit_close(&k), 0);
    }
}

/* Codex multiplies requests after a 5xx; an event at the end of a stream stops it. Others get the status. */
static void test_codex_is_stopped(void **state)
{
    (void)state;
    for (unsigned codex = 0; codex < 2; codex++) {
        struct kit k;
        struct client c;
        kit_open(&k, NULL);
        for (unsigned i = 0; i < 10; i++)
            fake_answer(&k.one, 503, "", "busy"); /* a provider's JSON of the same format is passed on */
        client_send(&c, &k.core,
                    &(struct ask){.method = "POST",
                                  .path = "/v1/responses",
                                  .key = CORE_KEY,
                                  .headers = HEADERS(codex ? "originator: codex_exec" : "originator: me",
                                                     "accept: text/event-stream"),
                                  .body = "{\"model\":\"solo\",\"stream\":true,\"input\":\"hello\"}"});
        kit_run(&k, 60 * SL_SEC);
        assert_true(c.last && c.released);
        assert_int_equal(c.status, codex ? 200 : 503);
        assert_int_equal(client_has(&c, "event: response.failed\ndata: {"), codex);
        assert_int_equal(client_has(&c, "\"code\":\"server_is_overloaded\""), codex);
        expect_str(client_header(&c, "content-type"), codex ? "text/event-stream" : "application/json");
        expect_str(record_member(&k, 0, "why"), "overloaded");
        client_done(&c);
        kit_close(&k);
    }
}

/* Every key that is refused gets the same answer, byte for byte but the id. */
static void test_wrong_keys_look_the_same(void **state)
{
    (void)state;
    char first[512] = "";
    const char *const keys[] = {"sk-nobody", "a b", "sk-core-al", "sk-core-all2", "\x01"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct kit k;
        struct client c;
        kit_open(&k, NULL);
        client_send(&c, &k.core, &(struct ask){.path = P, .key = keys[i], .body = CHAT});
        kit_run(&k, 0);
        assert_int_equal(c.status, 401);
        assert_true(c.body.n < sizeof first);
        if (i == 0)
            memcpy(first, c.body.p, c.body.n);
        expect_str(sl_buf_str(&c.body), first);
        client_done(&c);
        kit_close(&k);
    }
}

static void test_hello_and_models(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    client_send(&c, &k.core, &(struct ask){.method = "GET", .path = "/api/hello"});
    kit_run(&k, 0);
    assert_int_equal(c.status, 200);
    client_done(&c);
    client_send(&c, &k.core, &(struct ask){.method = "GET", .path = "/v1/models", .key = CORE_KEY});
    kit_run(&k, 0);
    assert_int_equal(c.status, 200);
    assert_true(client_has(&c, "\"solo\"") && client_has(&c, "\"pair\"") && client_has(&c, "\"gpt-4o-mini\""));
    client_done(&c);
    client_send(&c, &k.core, &(struct ask){.method = "GET", .path = "/v1/models/solo", .key = CORE_KEY});
    kit_run(&k, 0);
    assert_int_equal(c.status, 200);
    assert_true(client_has(&c, "\"id\":\"solo\""));
    client_done(&c);
    client_send(&c, &k.core, &(struct ask){.method = "GET", .path = "/v1/models/none", .key = CORE_KEY});
    kit_run(&k, 0);
    assert_int_equal(c.status, 404);
    client_done(&c);
    assert_int_equal(kit_close(&k), 0);
}

/* Nobody's body is read before we know whose it is. */
static void test_body_is_read_late(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    client_send(&c, &k.core, &(struct ask){.path = P, .body_by_hand = true});
    assert_false(c.reading);
    assert_int_equal(c.status, 401);
    client_done(&c);
    client_send(&c, &k.core, &(struct ask){.path = P, .key = CORE_KEY, .body_by_hand = true});
    assert_true(c.reading);
    client_leave(&c, HTTP_GONE_CLOSED);
    kit_run(&k, 0);
    client_done(&c);
    kit_close(&k);
}

static void limit_case(size_t n, bool told, size_t limit, int status)
{
    struct kit k;
    struct client c;
    char body[4096];
    int head = snprintf(body, sizeof body, "{\"model\":\"solo\",\"messages\":[],\"pad\":\"");
    assert_true(n < sizeof body);
    memset(body + head, 'x', sizeof body - (size_t)head);
    memcpy(body + n - 2, "\"}", 3);
    kit_open(&k, &(struct core_options){.set = {.body_bytes = limit}});
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_send(&c, &k.core, &(struct ask){.path = P, .key = CORE_KEY, .body = body, .no_length = !told});
    kit_run(&k, SL_SEC);
    if (c.status != status)
        fail_msg("%zu bytes under a limit of %zu: got %d", n, limit, c.status);
    if (status == 413)
        assert_int_equal(k.one.accepted, 0);
    client_done(&c);
    kit_close(&k);
}

static void test_body_limit(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++) {
        limit_case(1000, told, 1000, 200);
        limit_case(1001, told, 1000, 413);
        limit_case(3000, told, 1000, 413);
        limit_case(999, told, 1000, 200);
    }
}

/* Stored blocks of deflate, in gzip's clothes (RFC 1951, 1952): written by hand so that the test needs no encoder. */
static size_t gzip_stored(const char *in, size_t n, unsigned char *out)
{
    static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    size_t at = 10;
    uint32_t crc = 0xFFFFFFFF;
    memcpy(out, head, 10);
    for (size_t from = 0; from < n || n == 0;) {
        size_t part = n - from < 65535 ? n - from : 65535;
        out[at++] = from + part == n;
        out[at++] = (unsigned char)part;
        out[at++] = (unsigned char)(part >> 8);
        out[at++] = (unsigned char)~part;
        out[at++] = (unsigned char)(~part >> 8);
        memcpy(out + at, in + from, part);
        at += part;
        from += part;
    }
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)in[i];
        for (int b = 0; b < 8; b++)
            crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1)));
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        out[at++] = (unsigned char)(crc >> (8 * i));
    for (int i = 0; i < 4; i++)
        out[at++] = (unsigned char)(n >> (8 * i));
    return at;
}

static int gzip_case(size_t n, size_t decoded_limit)
{
    static char plain[200000];
    static unsigned char packed[210000];
    struct kit k;
    struct client c;
    int head = snprintf(plain, sizeof plain, "{\"model\":\"solo\",\"messages\":[],\"pad\":\"");
    memset(plain + head, 'x', sizeof plain - (size_t)head);
    memcpy(plain + n - 2, "\"}", 2);
    size_t m = gzip_stored(plain, n, packed);
    kit_open(&k, &(struct core_options){.set = {.decoded_body_bytes = decoded_limit}});
    fake_answer(&k.one, 200, NULL, ANSWER);
    client_send(
        &c, &k.core,
        &(struct ask){.path = P, .key = CORE_KEY, .headers = HEADERS("content-encoding: gzip"), .body_by_hand = true});
    client_give(&c, sl_str_of(packed, m / 2), false);
    client_give(&c, sl_str_of(packed + m / 2, m - m / 2), true);
    kit_run(&k, SL_SEC);
    int status = c.status;
    if (status == 200)
        assert_int_equal(fake_body(&k.one).n, n - strlen("solo") + strlen("up-solo"));
    client_done(&c);
    kit_close(&k);
    return status;
}

/* The cap on the decoded body is the cap, also when it is small and when the body just fits. */
static void test_decoded_limit(void **state)
{
    (void)state;
    assert_int_equal(gzip_case(1000, 100000), 200);
    assert_int_equal(gzip_case(1000, 1000), 200);
    assert_int_equal(gzip_case(1001, 1000), 413);
    assert_int_equal(gzip_case(100000, 100000), 200);
    assert_int_equal(gzip_case(99000, 100000), 200);
    assert_int_equal(gzip_case(100001, 100000), 413);
}

static void test_ceiling(void **state)
{
    (void)state;
    struct kit k;
    struct client a, b;
    static const struct fake_step hang[] = {{.act = FAKE_HANG}};
    kit_open(&k, &(struct core_options){.max_live = 1});
    fake_script(&k.one, hang);
    client_chat(&a, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(limit_live(&k.core.gate), 1);
    client_chat(&b, &k.core, CHAT);
    kit_run(&k, SL_SEC);
    assert_int_equal(b.status, 503);
    assert_true(client_has(&b, "gateway_overloaded"));
    assert_true(client_header(&b, "retry-after").n > 0);
    expect_str(client_header(&b, "x-should-retry"), "true");
    client_leave(&a, HTTP_GONE_CLOSED);
    kit_run(&k, SL_SEC);
    assert_int_equal(limit_live(&k.core.gate), 0);
    client_done(&a);
    client_done(&b);
    assert_int_equal(kit_close(&k), 1);
}

/* What goes upstream: the model's name spliced, credentials replaced, our own members cut, a traceparent of the same trace. */
static void test_what_goes_upstream(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, NULL);
    fake_answer(&k.one, 200, "x-request-id: req_7\r\nset-cookie: a=b\r\nx-sluice-cost: 5\r\n", ANSWER);
    client_send(
        &c, &k.core,
        &(struct ask){
            .path = "/v1/chat/completions?x=1",
            .key = CORE_KEY,
            .headers = HEADERS("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-secret: mine",
                               "x-sluice-timing: 1"),
            .body = "{ \"route\": null, \"model\" : \"solo\", \"messages\":[], \"unknown\": [1.50,\"\\u00e9\"]}"});
    kit_run(&k, SL_SEC);
    assert_int_equal(c.status, 200);
    expect_str(sl_buf_str(&c.body), ANSWER);
    assert_true(sl_str_starts(sl_buf_str(&k.one.last), SL_STR("POST /v1/chat/completions HTTP/1.1\r\n")));
    expect_str(fake_header(&k.one, "authorization"), "Bearer sk-provider-secret");
    assert_int_equal(fake_header(&k.one, "x-secret").n, 0);
    assert_true(sl_str_find_str(sl_buf_str(&k.one.last), SL_STR(CORE_KEY)) < 0);
    assert_true(sl_str_starts(fake_header(&k.one, "traceparent"), SL_STR("00-0af7651916cd43dd8448eb211c80319c-")));
    assert_true(sl_str_find_str(fake_header(&k.one, "traceparent"), SL_STR("b7ad6b7169203331")) < 0);
    assert_true(sl_str_find_str(fake_body(&k.one), SL_STR("\"up-solo\"")) > 0);
    assert_true(sl_str_find_str(fake_body(&k.one), SL_STR("\"unknown\": [1.50,\"\\u00e9\"]}")) > 0);
    assert_true(sl_str_find_str(fake_body(&k.one), SL_STR("route")) < 0);
    expect_str(client_header(&c, "x-request-id"), "req_7");
    expect_str(client_header(&c, "x-sluice-target"), "one/up-solo");
    expect_str(client_header(&c, "x-sluice-attempts"), "1");
    assert_int_equal(client_header(&c, "set-cookie").n, 0);
    assert_true(sl_str_find_str(client_header(&c, "server-timing"), SL_STR("total;dur=")) >= 0);
    assert_int_equal(c.length, (int64_t)strlen(ANSWER));
    client_done(&c);
    assert_int_equal(kit_close(&k), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codex_is_stopped),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_wrong_keys_look_the_same),
        cmocka_unit_test(test_hello_and_models),
        cmocka_unit_test(test_body_is_read_late),
        cmocka_unit_test(test_body_limit),
        cmocka_unit_test(test_decoded_limit),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_what_goes_upstream),
    };
    return cmocka_run_group_tests_name("exchange requests", tests, NULL, NULL);
}
