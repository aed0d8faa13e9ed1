/* Faults (every row of the table), rules, latency, pressure, clients that leave, and the account of it all. */
#include "stub.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#define CHAT "/v1/chat/completions"
#define WHOLE "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"max_tokens\":8}"
#define STREAM "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"max_tokens\":8}"

static struct stub *ask(struct stub_world *w, const char *fault, const char *body)
{
    char header[100];
    snprintf(header, sizeof header, "x-sim-fault: %s\n", fault);
    struct stub *c = stub_ask(w, "POST", CHAT, fault != NULL ? header : NULL, sl_str_c(body));
    SL_CHECK(vnet_run(w->v, NULL, NULL, 3600 * SL_SEC) == VNET_IDLE);
    return c;
}

struct last_record {
    int64_t prompt, completion, cached, reasoning, bytes, status;
    bool stream, complete, usage_sent, faulty;
    char trace[80], id[80], model[80];
};

static const char *text_of(yyjson_val *v, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(v, name));
    return text != NULL ? text : "";
}

/* The newest record of the account. */
static struct last_record last(struct stub_world *w)
{
    struct stub *c = stub_get(w, "/sim/count");
    yyjson_doc *d = stub_json(c);
    yyjson_val *v = yyjson_arr_get_last(yyjson_doc_ptr_get(d, "/served"));
    struct last_record r = {
        .prompt = yyjson_get_sint(yyjson_obj_get(v, "prompt")),
        .completion = yyjson_get_sint(yyjson_obj_get(v, "completion")),
        .cached = yyjson_get_sint(yyjson_obj_get(v, "cached")),
        .reasoning = yyjson_get_sint(yyjson_obj_get(v, "reasoning")),
        .bytes = yyjson_get_sint(yyjson_obj_get(v, "bytes")),
        .status = yyjson_get_sint(yyjson_obj_get(v, "status")),
        .stream = yyjson_get_bool(yyjson_obj_get(v, "stream")),
        .complete = yyjson_get_bool(yyjson_obj_get(v, "complete")),
        .usage_sent = yyjson_get_bool(yyjson_obj_get(v, "usage_sent")),
        .faulty = yyjson_get_bool(yyjson_obj_get(v, "faulty")),
    };
    assert_non_null(v);
    snprintf(r.trace, sizeof r.trace, "%s", text_of(v, "traceparent"));
    snprintf(r.id, sizeof r.id, "%s", text_of(v, "id"));
    snprintf(r.model, sizeof r.model, "%s", text_of(v, "model"));
    yyjson_doc_free(d);
    stub_free(c);
    return r;
}

static int64_t count_of(struct stub_world *w, const char *target, const char *pointer)
{
    struct stub *c = stub_get(w, target);
    yyjson_doc *d = stub_json(c);
    yyjson_val *v = yyjson_doc_ptr_get(d, pointer);
    int64_t n = yyjson_is_arr(v) ? (int64_t)yyjson_arr_size(v) : yyjson_is_null(v) ? -1 : yyjson_get_sint(v);
    assert_non_null(v);
    yyjson_doc_free(d);
    stub_free(c);
    return n;
}

/* ---- every row ---- */

enum ends {
    OK = 0,
    RESET,
    CLOSED,
    SILENT
};

struct expected {
    const char *fault;
    int status; /* of the head; 0: none */
    enum ends stream, whole;
    int completion; /* of the stream, in the account */
};

static const struct expected table[] = {
    {"reset-before-head", 0, RESET, RESET, 0},
    {"reset-in-head", 0, RESET, RESET, 0},
    {"close-in-head", 0, CLOSED, CLOSED, 0},
    {"reset-mid-body", 200, RESET, RESET, 8},
    {"cut-mid-body", 200, CLOSED, CLOSED, 8},
    {"hang-mid-body", 200, SILENT, SILENT, 8},
    {"hang", 0, SILENT, SILENT, 0},
    {"slow", 200, OK, OK, 8},
    {"drip", 200, OK, OK, 8},
    {"stall=4", 200, SILENT, OK, 3},
    {"stall=0", 200, SILENT, OK, 0},
    {"cut=4", 200, OK, OK, 3},
    {"close=4", 200, CLOSED, OK, 3},
    {"reset=4", 200, RESET, OK, 3},
    {"garbage-chunk=4", 200, OK, OK, 8},
    {"error-event=4", 200, OK, OK, 3},
    {"missing-end", 200, OK, OK, 8},
    {"comments", 200, OK, OK, 8},
    {"crlf", 200, OK, OK, 8},
    {"no-usage", 200, OK, OK, 8},
    {"split", 200, OK, OK, 8},
    {"gzip", 200, OK, OK, 8},
    {"garbage-body", 200, OK, OK, 0},
    {"length-long", 200, CLOSED, CLOSED, 8},
    {"length-short", 200, CLOSED, CLOSED, 8},
    {"length-twice", 0, CLOSED, CLOSED, 0},
    {"bad-head", 0, CLOSED, CLOSED, 0},
    {"huge-head", 0, CLOSED, CLOSED, 0},
    {"informational", 200, OK, OK, 8},
    {"flap=1", 503, OK, OK, 0},
    {"400", 400, OK, OK, 0},
    {"context", 400, OK, OK, 0},
    {"content-policy", 400, OK, OK, 0},
    {"no-prefill", 400, OK, OK, 0},
    {"401", 401, OK, OK, 0},
    {"403", 403, OK, OK, 0},
    {"403-scope", 403, OK, OK, 0},
    {"404", 404, OK, OK, 0},
    {"408", 408, OK, OK, 0},
    {"409", 409, OK, OK, 0},
    {"413", 413, OK, OK, 0},
    {"422", 422, OK, OK, 0},
    {"429", 429, OK, OK, 0},
    {"429-ms", 429, OK, OK, 0},
    {"429-long", 429, OK, OK, 0},
    {"429-date", 429, OK, OK, 0},
    {"429-odd", 429, OK, OK, 0},
    {"429-bare", 429, OK, OK, 0},
    {"slow-down", 429, OK, OK, 0},
    {"quota", 429, OK, OK, 0},
    {"credit", 429, OK, OK, 0},
    {"org-limit", 429, OK, OK, 0},
    {"project-limit", 429, OK, OK, 0},
    {"org-usage-limit", 429, OK, OK, 0},
    {"tier", 429, OK, OK, 0},
    {"500", 500, OK, OK, 0},
    {"502", 502, OK, OK, 0},
    {"503", 503, OK, OK, 0},
    {"503-wait", 503, OK, OK, 0},
    {"504", 504, OK, OK, 0},
    {"529", 529, OK, OK, 0},
    {"302", 302, OK, OK, 0},
};
#define N_TABLE (sizeof table / sizeof table[0])

static enum ends end_of(const struct stub *c)
{
    return c->reset ? RESET : c->closed ? CLOSED : !c->released ? SILENT : OK;
}

static void check_row(struct stub_world *w, const struct expected *e, bool stream)
{
    struct stub *c = ask(w, e->fault, stream ? STREAM : WHOLE);
    enum ends want = stream ? e->stream : e->whole;
    if (w->http2 && want == CLOSED)
        want = RESET; /* nothing below HTTP there */
    if (c->status != e->status || end_of(c) != want)
        fail_msg("%s: status %d, end %d", e->fault, c->status, (int)end_of(c));
    stub_go_away(c); /* of those that hang */
    struct last_record r = last(w);
    assert_int_equal(r.status, e->status);
    assert_true(r.faulty);
    int completion = stream || e->completion == 0 ? e->completion : 8;
    completion = !stream && e->status == 200 && strcmp(e->fault, "garbage-body") != 0 ? 8 : completion;
    if (r.completion != completion)
        fail_msg("%s: completion %d", e->fault, (int)r.completion);
    assert_int_equal(r.prompt > 0, completion > 0 || strncmp(e->fault, "stall", 5) == 0);
    stub_free(c);
}

static void test_every_fault(void **state)
{
    (void)state;
    for (int http2 = 0; http2 < 2; http2++) {
        struct stub_world w = {.http2 = http2 == 1};
        stub_world_open(&w, &(struct sim_settings){.seed = 3});
        for (size_t i = 0; i < N_TABLE; i++) {
            check_row(&w, &table[i], true);
            check_row(&w, &table[i], false);
        }
        assert_int_equal(count_of(&w, "/sim/count", "/live"), 0);
        stub_world_close(&w);
    }
}

static void test_every_fault_has_a_test(void **state)
{
    const struct sim_fault_row *row;
    (void)state;
    for (unsigned i = 0; (row = sim_fault_at(i)) != NULL; i++) {
        bool found = strcmp(row->name, "refuse") == 0 || strcmp(row->name, "tls-failure") == 0 ||
                     strcmp(row->name, "flap-period") == 0; /* tests of their own */
        size_t n = strlen(row->name);
        for (size_t k = 0; k < N_TABLE; k++)
            found |= strncmp(table[k].fault, row->name, n) == 0 && (table[k].fault[n] == 0 || table[k].fault[n] == '=');
        if (!found)
            fail_msg("%s is in no test", row->name);
        assert_true(strlen(row->text) > 2);
    }
    assert_null(sim_fault_at(1000));
}

/* ---- details of some ---- */

static void test_details(void **state)
{
    struct stub_world w = {0};
    struct stub *c;
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});

    c = ask(&w, "cut-mid-body=33", WHOLE);
    assert_int_equal(c->body.n, 33);
    assert_true(c->length > 33);
    stub_free(c);

    c = ask(&w, "cut=2", STREAM);
    assert_int_equal(stub_events(c), 2);
    assert_true(c->last);
    assert_false(last(&w).complete);
    stub_free(c);

    c = ask(&w, "missing-end", STREAM);
    assert_int_equal(stub_events(c), 1 + 8 + 1);
    stub_free(c);

    c = ask(&w, "garbage-chunk=2", STREAM);
    assert_null(yyjson_read(stub_event(c, 2).p, stub_event(c, 2).n, 0));
    assert_int_equal(stub_events(c), 1 + 8 + 1 + 1 + 1);
    stub_free(c);

    c = ask(&w, "error-event=3", STREAM);
    assert_int_equal(stub_events(c), 4);
    assert_true(sl_str_starts(stub_event(c, 3), SL_STR("{\"error\":{\"message\":")));
    assert_false(last(&w).complete);
    stub_free(c);

    c = ask(&w, "crlf;comments", STREAM);
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("data: [DONE]\r\n\r\n")) > 0);
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR(": ping\n")) >= 0);
    assert_int_equal(stub_events(c), 11);
    stub_free(c);

    c = ask(&w, "split", STREAM);
    assert_int_equal(c->n_writes, c->body.n);
    assert_int_equal(stub_events(c), 11);
    stub_free(c);

    c = ask(&w, "length-long=5", WHOLE);
    assert_int_equal(c->length, (int64_t)c->body.n + 5);
    stub_free(c);
    c = ask(&w, "length-short=5", WHOLE);
    assert_int_equal(c->length, (int64_t)c->body.n - 5);
    stub_free(c);

    c = ask(&w, "huge-head=50000", WHOLE);
    assert_true(c->raw.n > 50000 && c->raw.n < 51000);
    stub_free(c);

    c = ask(&w, "informational=7", WHOLE);
    assert_int_equal(c->n_informational, 7);
    assert_true(stub_is_complete(c));
    stub_free(c);

    c = ask(&w, "no-usage", WHOLE);
    assert_true(sl_str_find_str(sl_buf_str(&c->body), SL_STR("usage")) < 0);
    assert_false(last(&w).usage_sent);
    stub_free(c);

    c = ask(&w, "reset-in-head=9", WHOLE);
    assert_true(sl_str_eq(sl_buf_str(&c->raw), SL_STR("HTTP/1.1 ")));
    stub_free(c);

    c = ask(&w, "unknown;400", WHOLE); /* what is not known is passed over */
    assert_int_equal(c->status, 400);
    stub_free(c);
    c = ask(&w, "refuse;;=;slow=;slow=x", WHOLE);
    assert_int_equal(c->status, 200);
    stub_free(c);
    stub_world_close(&w);
}

static void test_retry_headers(void **state)
{
    static const struct {
        const char *fault, *header, *value;
    } rows[] = {
        {"429", "retry-after", "1"},           {"429-ms", "retry-after-ms", "30"},
        {"429-long", "retry-after", "86400"},  {"429-bare", "retry-after", NULL},
        {"quota", "retry-after", NULL},        {"503", "retry-after", NULL},
        {"503-wait", "retry-after", "1"},      {"502", "content-type", "text/html"},
        {"413", "content-type", "text/plain"}, {"302", "location", "http://127.0.0.1:9/elsewhere"},
    };
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stub *c = ask(&w, rows[i].fault, WHOLE);
        const char *got = stub_header(c, rows[i].header);
        if (rows[i].value == NULL)
            assert_null(got);
        else
            assert_string_equal(got, rows[i].value);
        assert_string_equal(stub_header(c, "x-sluice-simulated"), "true");
        stub_free(c);
    }
    struct stub *c = ask(&w, "429-date=5000", WHOLE);
    int64_t at = 0;
    assert_true(sl_http_date_parse(sl_str_c(stub_header(c, "retry-after")), &at));
    assert_in_range(at, sl_loop_wall(&w.loop) + 3 * SL_SEC, sl_loop_wall(&w.loop) + 5 * SL_SEC);
    stub_free(c);
    stub_world_close(&w);
}

static void test_gzip(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    struct stub *c =
        ask(&w, "gzip", "{\"model\":\"sim-long-20000\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    const unsigned char *p = (const unsigned char *)c->body.p;
    assert_string_equal(stub_header(c, "content-encoding"), "gzip");
    assert_true(c->body.n > 100000 && p[0] == 0x1f && p[1] == 0x8b);
    size_t at = 10, sum = 0; /* stored blocks: unpack them by hand */
    bool final = false;
    while (!final && at + 5 <= c->body.n) {
        size_t n = p[at + 1] | (size_t)p[at + 2] << 8, not_n = p[at + 3] | (size_t)p[at + 4] << 8;
        final = p[at] == 1;
        assert_int_equal(n ^ 0xffff, not_n);
        assert_true(sum > 0 || p[at + 5] == '{');
        at += 5 + n;
        sum += n;
    }
    assert_true(final);
    assert_int_equal(at + 8, c->body.n);
    assert_int_equal(p[at - 1], '}');
    assert_int_equal(p[at + 4] | (size_t)p[at + 5] << 8 | (size_t)p[at + 6] << 16, sum);
    stub_free(c);
    stub_world_close(&w);
}

static void test_by_model(void **state)
{
    static const struct {
        const char *model;
        int status;
    } rows[] = {{"sim-fault-429", 429},      {"sim-fault-429-ms", 429},  {"sim-fault-flap-1", 503},
                {"sim-fault-503", 503},      {"sim-fault-nothing", 200}, {"sim-fault-", 200},
                {"sim-fault-refuse-5", 200}, {"xsim-fault-503", 200}};
    struct stub_world w = {0};
    char body[200];
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\"}]}", rows[i].model);
        struct stub *c = stub_post(&w, CHAT, body);
        if (c->status != rows[i].status)
            fail_msg("%s: %d", rows[i].model, c->status);
        stub_free(c);
    }
    struct stub *c =
        stub_post(&w, CHAT, "{\"model\":\"sim-fault-cut-2\",\"stream\":true,\"messages\":[{\"role\":\"user\"}]}");
    assert_int_equal(stub_events(c), 2);
    stub_free(c);
    stub_world_close(&w);
}

/* ---- rules ---- */

static void rule(struct stub_world *w, const char *text, int status)
{
    struct stub *c = stub_post(w, "/sim/rules", text);
    if (c->status != status)
        fail_msg("%s: %d", text, c->status);
    stub_free(c);
}

static void expect_statuses(struct stub_world *w, const char *model, const int *statuses, size_t n)
{
    char body[200];
    snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\"}]}", model);
    for (size_t i = 0; i < n; i++) {
        struct stub *c = stub_post(w, CHAT, body);
        assert_int_equal(c->status, statuses[i]);
        stub_free(c);
    }
}

static int64_t refused_ns;
static uint64_t broken;

static void on_refuse(void *owner, int64_t ns)
{
    (void)owner;
    refused_ns = ns;
}

static void on_break(void *owner, uint64_t n)
{
    (void)owner;
    broken = n;
}

static void test_rules(void **state)
{
    static const char *const bad[] = {"{}",
                                      "7",
                                      "nonsense",
                                      "{\"fault\":\"nothing\"}",
                                      "{\"fault\":\"429\",\"times\":-1}",
                                      "{\"fault\":\"429\",\"arg\":\"1\"}",
                                      "{\"fault\":\"429\",\"model\":5}",
                                      "[{}]"};
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        rule(&w, bad[i], 400);
    rule(&w, "{\"fault\":\"refuse\"}", 400); /* nobody here who could */
    rule(&w, "{\"fault\":\"tls-failure\"}", 400);

    rule(&w, "[{\"fault\":\"500\",\"times\":2,\"model\":\"a\"},{\"fault\":\"429\",\"times\":1}]", 200);
    assert_int_equal(count_of(&w, "/sim/rules", "/rules"), 2);
    expect_statuses(&w, "a", (int[]){500, 500, 429, 200}, 4);
    expect_statuses(&w, "b", (int[]){200}, 1);
    rule(&w, "{\"fault\":\"flap\",\"arg\":3}", 200);
    expect_statuses(&w, "b", (int[]){200, 200, 503, 200, 200, 503}, 6);
    struct stub *c = stub_ask(&w, "DELETE", "/sim/rules", NULL, SL_STR_NONE);
    assert_int_equal(c->status, 200);
    stub_free(c);
    expect_statuses(&w, "b", (int[]){200, 200, 200}, 3);
    for (int i = 0; i < 64; i++)
        rule(&w, "{\"fault\":\"500\",\"times\":0}", 200);
    rule(&w, "{\"fault\":\"500\"}", 400);
    stub_world_close(&w);
}

static void test_host_rules(void **state)
{
    const struct sim_host host = {.refuse = on_refuse, .break_tls = on_break};
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3, .host = &host});
    rule(&w, "{\"fault\":\"refuse\",\"arg\":250}", 200);
    assert_int_equal(refused_ns, 250 * SL_MS);
    rule(&w, "{\"fault\":\"tls-failure\",\"arg\":4}", 200);
    assert_int_equal(broken, 4);
    rule(&w, "{\"fault\":\"tls-failure\",\"arg\":-4}", 200);
    assert_int_equal(broken, 0);
    assert_int_equal(count_of(&w, "/sim/rules", "/rules"), 0);
    stub_world_close(&w);
}

static void test_flap_period(void **state)
{
    struct stub_world w = {0};
    int statuses[4];
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    for (size_t i = 0; i < 4; i++) {
        struct stub *c = ask(&w, "flap-period=1000", WHOLE);
        statuses[i] = c->status;
        stub_free(c);
        stub_run(&w, SL_SEC);
    }
    assert_int_equal(statuses[0], statuses[2]);
    assert_int_equal(statuses[1], statuses[3]);
    assert_int_equal(statuses[0] + statuses[1], 703);
    stub_world_close(&w);
}

/* ---- time ---- */

static void test_latency(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3, .ttft_ns = 300 * SL_MS, .token_ns = 20 * SL_MS});
    int64_t began = sl_loop_now(&w.loop);
    struct stub *c = ask(&w, NULL, STREAM);
    assert_int_equal(c->n_writes, 1 + 8 + 1 + 1);
    assert_in_range(c->writes[0].at_ns - began, 300 * SL_MS, 302 * SL_MS);
    for (unsigned i = 1; i <= 8; i++) {
        int64_t due = began + 300 * SL_MS + (int64_t)(i - 1) * 20 * SL_MS;
        assert_in_range(c->writes[i].at_ns, due, due + 5 * SL_MS);
    }
    stub_free(c);
    began = sl_loop_now(&w.loop);
    c = ask(&w, NULL, WHOLE);
    assert_in_range(c->writes[0].at_ns - began, 460 * SL_MS, 462 * SL_MS);
    assert_string_equal(stub_header(c, "openai-processing-ms"), "460");
    stub_free(c);
    began = sl_loop_now(&w.loop);
    c = ask(&w, "slow=1000", WHOLE);
    assert_in_range(c->writes[0].at_ns - began, 1460 * SL_MS, 1463 * SL_MS);
    stub_free(c);
    began = sl_loop_now(&w.loop);
    c = stub_post(&w, "/v1/embeddings", "{\"model\":\"m\",\"input\":\"x\"}");
    assert_in_range(c->writes[0].at_ns - began, 300 * SL_MS, 302 * SL_MS);
    stub_free(c);
    stub_world_close(&w);
}

static void test_thousands_of_tokens_a_second(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3, .token_ns = SL_SEC / 5000, .jitter_percent = 20});
    int64_t began = sl_loop_now(&w.loop);
    struct stub *c = ask(&w, NULL, "{\"model\":\"sim-long-2000\",\"stream\":true,\"messages\":[{\"role\":\"user\"}]}");
    assert_in_range(c->writes[c->n_writes - 1].at_ns - began, 400 * SL_MS, 490 * SL_MS); /* the wheel ticks in ms */
    assert_int_equal(c->n_writes, 2003);
    stub_free(c);
    stub_world_close(&w);
}

static void test_drip(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    int64_t began = sl_loop_now(&w.loop);
    struct stub *c = ask(&w, "drip=10", WHOLE);
    assert_true(stub_is_complete(c));
    assert_int_equal(c->n_writes, c->body.n);
    assert_in_range(c->writes[100].at_ns - began, SL_SEC, SL_SEC + 150 * SL_MS);
    stub_free(c);
    stub_world_close(&w);
}

static void test_pressure(void **state)
{
    struct stub_world w = {0};
    static const char body[] = "{\"model\":\"sim-long-5000\",\"stream\":true,\"messages\":[{\"role\":\"user\"}]}";
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    struct stub *c = stub_begin(&w, "POST", CHAT, NULL, (int64_t)sizeof body - 1);
    c->room = 30000;
    stub_body(c, sl_str_c(body), true);
    assert_true(c->room_was_zero && c->body.n < 60000); /* an event may be finished, no more */
    stub_run(&w, SL_SEC);
    assert_true(c->body.n < 60000);
    for (int i = 0; i < 1000 && !c->released; i++)
        stub_make_room(c, 5000);
    assert_true(stub_is_complete(c));
    assert_int_equal(stub_events(c), 1 + 5000 + 1 + 1);
    stub_free(c);
    stub_world_close(&w);
}

static void test_client_leaves(void **state)
{
    static const char *const faults[] = {"",       "hang",    "slow=500",      "stall=3",
                                         "drip=5", "reset=3", "reset-in-head", "hang-mid-body"};
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3, .ttft_ns = 5 * SL_MS, .token_ns = 10 * SL_MS});
    int64_t cancelled = 0;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        for (int64_t after = 0; after < 100; after += 9) {
            char header[100];
            snprintf(header, sizeof header, "x-sim-fault: %s\n", faults[i]);
            struct stub *c = stub_ask(&w, "POST", CHAT, header, SL_STR(STREAM));
            stub_run(&w, after * SL_MS);
            cancelled += !c->released;
            stub_go_away(c);
            stub_free(c);
        }
    }
    struct stub *c = stub_begin(&w, "POST", CHAT, NULL, 100); /* within its upload */
    stub_body(c, SL_STR("{\"mod"), false);
    stub_go_away(c);
    stub_free(c);
    stub_run(&w, SL_SEC);
    assert_int_equal(count_of(&w, "/sim/count", "/live"), 0);
    assert_int_equal(count_of(&w, "/sim/count", "/cancelled"), cancelled + 1);
    assert_int_equal(count_of(&w, "/sim/count", "/total"), 8 * 12 + 1);
    stub_world_close(&w);
}

/* ---- the account ---- */

static void test_account(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    struct stub *c =
        stub_ask(&w, "POST", CHAT,
                 "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nx-client-request-id: id-1\n",
                 SL_STR("{\"model\":\"o3\",\"reasoning_effort\":\"low\",\"messages\":[{\"role\":\"user\",\"content\":"
                        "\"12345678\"}],\"max_completion_tokens\":24}"));
    struct last_record r = last(&w);
    assert_string_equal(r.trace, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_string_equal(r.id, "id-1");
    assert_string_equal(r.model, "o3");
    assert_int_equal(r.prompt, 5);
    assert_int_equal(r.completion, 24);
    assert_int_equal(r.reasoning, 16);
    assert_int_equal(r.bytes, (int64_t)c->body.n);
    assert_true(r.complete && r.usage_sent && !r.stream && !r.faulty);
    stub_free(c);
    c = stub_ask(&w, "POST", CHAT, NULL, SL_STR("nonsense"));
    r = last(&w);
    assert_int_equal(r.status, 400);
    assert_int_equal(r.prompt + r.completion, 0);
    stub_free(c);
    stub_world_close(&w);
}

static void test_account_pages(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    assert_int_equal(count_of(&w, "/sim/count", "/served"), 0);
    for (int i = 0; i < 25000; i++)
        stub_free(stub_get(&w, "/v1/models/x"));
    assert_int_equal(count_of(&w, "/sim/count", "/total"), 25000);
    assert_int_equal(count_of(&w, "/sim/count", "/served"), 10000);
    assert_int_equal(count_of(&w, "/sim/count", "/next"), 10000);
    assert_int_equal(count_of(&w, "/sim/count?after=20000", "/served"), 5000);
    assert_int_equal(count_of(&w, "/sim/count?after=20000", "/served/0/n"), 20001);
    assert_int_equal(count_of(&w, "/sim/count?after=20000", "/next"), -1);
    assert_int_equal(count_of(&w, "/sim/count?x=1&after=24999", "/served"), 1);
    assert_int_equal(count_of(&w, "/sim/count?after=25000", "/served"), 0);
    assert_int_equal(count_of(&w, "/sim/count?after=18446744073709551615", "/served"), 0);
    assert_int_equal(count_of(&w, "/sim/count?after=junk", "/served/0/n"), 1);
    stub_world_close(&w);
}

static void test_account_forgets(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3, .records = 1500});
    for (int i = 0; i < 4000; i++)
        stub_free(stub_get(&w, "/v1/models/x"));
    assert_int_equal(count_of(&w, "/sim/count", "/total"), 4000);
    assert_int_equal(count_of(&w, "/sim/count", "/lost"), 2500);
    assert_int_equal(count_of(&w, "/sim/count", "/served"), 1500);
    assert_int_equal(count_of(&w, "/sim/count", "/served/0/n"), 2501);
    assert_int_equal(count_of(&w, "/sim/count?after=3000", "/lost"), 0);
    assert_int_equal(count_of(&w, "/sim/count?after=3000", "/served"), 1000);
    struct stub *c = stub_ask(&w, "GET", "/v1/models",
                              "traceparent: 00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n", SL_STR_NONE);
    assert_string_equal(last(&w).trace, ""); /* upper case is not of the form */
    stub_free(c);
    stub_world_close(&w);
}

static int64_t cached_of(struct stub_world *w, const char *model, size_t same, size_t other, char with)
{
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    sl_buf_addf(&b, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"", model);
    for (size_t i = 0; i < same; i++)
        sl_buf_addc(&b, (char)('a' + i / 7 % 26));
    for (size_t i = 0; i < other; i++)
        sl_buf_addc(&b, with);
    sl_buf_adds(&b, SL_STR("\"}]}"));
    stub_free(stub_ask(w, "POST", CHAT, NULL, sl_buf_str(&b)));
    sl_buf_done(&b);
    return last(w).cached;
}

static void test_prompt_cache(void **state)
{
    struct stub_world w = {0};
    (void)state;
    stub_world_open(&w, &(struct sim_settings){.seed = 3});
    assert_int_equal(cached_of(&w, "m", 6000, 0, 0), 0);
    assert_int_equal(cached_of(&w, "m", 6000, 0, 0), 1408);      /* 11 * 128 of 1503 */
    assert_int_equal(cached_of(&w, "m", 6000, 4000, 'z'), 1408); /* the same beginning */
    assert_int_equal(cached_of(&w, "n", 6000, 0, 0), 0);         /* another model */
    assert_int_equal(cached_of(&w, "m", 5000, 1000, '#'), 1152); /* differs behind 9 steps */
    assert_int_equal(cached_of(&w, "m", 3000, 4000, '!'), 0);    /* the same part is below 1024 */
    assert_int_equal(cached_of(&w, "m", 4000, 0, 0), 0);         /* 1003 tokens */
    stub_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault),
        cmocka_unit_test(test_every_fault_has_a_test),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_retry_headers),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_by_model),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_host_rules),
        cmocka_unit_test(test_flap_period),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_thousands_of_tokens_a_second),
        cmocka_unit_test(test_drip),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_account_pages),
        cmocka_unit_test(test_account_forgets),
        cmocka_unit_test(test_prompt_cache),
    };
    return cmocka_run_group_tests_name("sim/faults", tests, NULL, NULL);
}
