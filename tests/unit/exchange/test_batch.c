/* What batches that run here read and write: lines, requests, results, the batch in every state. */
#include "exchange/batch_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tokens/meter.h"

static struct sl_arena arena;
static struct sl_buf buf;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    sl_buf_init(&buf, (size_t)1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_buf_done(&buf);
    sl_arena_done(&arena);
    return 0;
}

static void is(struct sl_str got, const char *wanted)
{
    if (!sl_str_eq(got, sl_str_c(wanted)))
        fail_msg("got \"" SL_STR_FMT "\", not \"%s\"", SL_STR_ARG(got), wanted);
}

static void has(const char *part)
{
    if (sl_str_find_str(sl_buf_str(&buf), sl_str_c(part)) < 0)
        fail_msg("no %s in " SL_STR_FMT, part, SL_STR_ARG(sl_buf_str(&buf)));
}

static void lines(void **state)
{
    static const struct {
        const char *line, *code, *param;
    } rows[] = {
        {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":{\"x\":1}}", NULL, NULL},
        {" {\"body\":{\"x\":1},\"url\":\"\\/v1/embeddings\",\"custom_id\":\"\\u0061\",\"method\":\"POST\",\"more\":1}\r",
         NULL, NULL},
        {"", "invalid_json_line", NULL},
        {"[]", "invalid_json_line", NULL},
        {"{\"custom_id\":\"a\"", "invalid_json_line", NULL},
        {"{\"custom_id\":\"a\",\"custom_id\":\"b\"}", "invalid_json_line", NULL},
        {"{}", "missing_required_parameter", "custom_id"},
        {"{\"custom_id\":7}", "invalid_custom_id", "custom_id"},
        {"{\"custom_id\":\"\"}", "invalid_custom_id", "custom_id"},
        {"{\"custom_id\":\"a\",\"method\":\"GET\"}", "invalid_method", "method"},
        {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\"}", "mismatched_url", "url"},
        {"{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":\"x\"}",
         "missing_required_parameter", "body"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct batch_line_read read;
        struct batch_wrong wrong = {.code = NULL};
        bool ok = batch_line_read(sl_str_c(rows[i].line), SL_STR("/v1/embeddings"), &arena, &read, &wrong);
        assert_true(ok == (rows[i].code == NULL));
        if (ok) {
            is(read.custom_id, "a");
            is(read.body, "{\"x\":1}");
            continue;
        }
        is(sl_str_c(wrong.code), rows[i].code);
        is(sl_str_c(wrong.param), rows[i].param != NULL ? rows[i].param : "");
    }
}

static void long_ids(void **state)
{
    (void)state;
    for (unsigned n = 511; n < 514; n++) {
        struct batch_line_read read;
        struct batch_wrong wrong;
        sl_buf_reset(&buf);
        sl_buf_addf(&buf, "{\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":{},\"custom_id\":\"%0*d\"}", (int)n,
                    0);
        assert_true(batch_line_read(sl_buf_str(&buf), SL_STR("/v1/embeddings"), &arena, &read, &wrong) == (n <= 512));
    }
}

static void requests(void **state)
{
    static const struct {
        const char *item, *said;
    } rows[] = {
        {"{\"custom_id\":\"a_-9Z\",\"params\":{\"model\":\"m\"}}", NULL},
        {"7", "requests.3: "},
        {"{\"params\":{}}", "requests.3.custom_id: "},
        {"{\"custom_id\":\"a b\",\"params\":{}}", "requests.3.custom_id: "},
        {"{\"custom_id\":\"12345678901234567890123456789012345678901234567890123456789012345\",\"params\":{}}",
         "requests.3.custom_id: "},
        {"{\"custom_id\":\"a\"}", "requests.3.params: "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct batch_line_read read;
        struct error_facts why = {.error = GE_NONE};
        bool ok = batch_request_read(sl_str_c(rows[i].item), 3, &arena, &read, &why);
        assert_true(ok == (rows[i].said == NULL));
        if (!ok)
            assert_true(sl_str_starts(why.message, sl_str_c(rows[i].said)));
    }
}

static void results(void **state)
{
    const struct batch_answer ok = {.status = 200, .request_id = SL_STR("req"), .body = SL_STR("{\n \"a\": 1\n}")},
                              bad = {.status = 429, .body = SL_STR("{\"type\":\"error\"}")};
    (void)state;
    assert_int_equal(batch_result_write(STORE_OBJECT_BATCH, SL_STR("a\"b"), SL_STR("7"), &ok, &buf), STORE_LINE_OUTPUT);
    assert_int_equal(batch_result_write(STORE_OBJECT_BATCH, SL_STR("c"), SL_STR("8"), &bad, &buf), STORE_LINE_ERROR);
    batch_unrun_write(STORE_OBJECT_BATCH, SL_STR("d"), SL_STR("9"), false, &buf);
    has("{\"id\":\"batch_req_7\",\"custom_id\":\"a\\\"b\",\"response\":{\"status_code\":200,\"request_id\":\"req\",\"body\":{");
    has("},\"error\":null}\n{\"id\":\"batch_req_8\",\"custom_id\":\"c\",\"response\":{\"status_code\":429,\"request_id\":\"8\",\"body\":");
    has("\"custom_id\":\"d\",\"response\":null,\"error\":{\"code\":\"batch_expired\",\"message\":\"");
    sl_buf_reset(&buf);
    assert_int_equal(batch_result_write(STORE_OBJECT_MESSAGE_BATCH, SL_STR("a"), SL_STR("7"), &ok, &buf),
                     STORE_LINE_OUTPUT);
    assert_int_equal(batch_result_write(STORE_OBJECT_MESSAGE_BATCH, SL_STR("b"), SL_STR("7"), &bad, &buf),
                     STORE_LINE_ERROR);
    batch_unrun_write(STORE_OBJECT_MESSAGE_BATCH, SL_STR("c"), SL_STR("9"), true, &buf);
    has("{\"custom_id\":\"a\",\"result\":{\"type\":\"succeeded\",\"message\":{");
    has("{\"custom_id\":\"b\",\"result\":{\"type\":\"errored\",\"error\":{\"type\":\"error\"}}}\n");
    has("{\"custom_id\":\"c\",\"result\":{\"type\":\"canceled\"}}\n");
    size_t ends = 0;
    for (size_t i = 0; i < buf.n; i++)
        ends += buf.p[i] == '\n';
    assert_int_equal(ends, 3); /* whatever line ends the answer had */
}

static void states(void **state)
{
    static const struct {
        enum store_batch_state state;
        int64_t ended_ns, cancel_ns;
        const char *openai, *anthropic;
    } rows[] = {
        {STORE_BATCH_VALIDATING, 0, 0, "validating", "in_progress"},
        {STORE_BATCH_RUNNING, 0, 0, "in_progress", "in_progress"},
        {STORE_BATCH_RUNNING, 0, 5, "cancelling", "canceling"},
        {STORE_BATCH_FINALIZING, 0, 0, "finalizing", "in_progress"},
        {STORE_BATCH_FINALIZING, 0, 5, "cancelling", "canceling"},
        {STORE_BATCH_COMPLETED, 9 * SL_SEC, 0, "completed", "ended"},
        {STORE_BATCH_FAILED, 9 * SL_SEC, 0, "failed", "ended"},
        {STORE_BATCH_EXPIRED, 9 * SL_SEC, 0, "expired", "ended"},
        {STORE_BATCH_CANCELLED, 9 * SL_SEC, 5, "cancelled", "ended"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct store_batch b = {.kind = STORE_OBJECT_BATCH,
                                .id = SL_STR("batch_x"),
                                .endpoint = SL_STR("http://gw"),
                                .state = rows[i].state,
                                .ended_ns = rows[i].ended_ns,
                                .cancel_ns = rows[i].cancel_ns,
                                .total = 3,
                                .completed = 2,
                                .failed = 1,
                                .bytes_out = 10};
        char wanted[64];
        sl_buf_reset(&buf);
        batch_object_write(&b, &buf);
        (void)snprintf(wanted, sizeof wanted, "\"status\":\"%s\",\"output_file_id\":%s", rows[i].openai,
                       rows[i].ended_ns > 0 ? "\"file-ox\",\"error_file_id\":null" : "null");
        has(wanted);
        has("\"request_counts\":{\"total\":3,\"completed\":2,\"failed\":1},\"metadata\":null}");
        b.kind = STORE_OBJECT_MESSAGE_BATCH;
        b.id = SL_STR("msgbatch_x");
        sl_buf_reset(&buf);
        batch_object_write(&b, &buf);
        (void)snprintf(wanted, sizeof wanted, "\"processing_status\":\"%s\"", rows[i].anthropic);
        has(wanted);
        has(rows[i].ended_ns > 0 ? "\"processing\":0,\"succeeded\":2,\"errored\":1"
                                 : "\"processing\":3,\"succeeded\":0");
        has(rows[i].ended_ns > 0 ? "\"results_url\":\"http://gw/v1/messages/batches/msgbatch_x/results\"}"
                                 : "\"results_url\":null}");
    }
}

static void files_of_a_batch(void **state)
{
    const struct store_batch b = {.id = SL_STR("batch_01abc")};
    enum store_line_state which;
    (void)state;
    is(batch_file_id(&b, STORE_LINE_OUTPUT, &arena), "file-o01abc");
    is(batch_of_file(SL_STR("file-e01abc"), &which, &arena), "batch_01abc");
    assert_int_equal(which, STORE_LINE_ERROR);
    is(batch_of_file(SL_STR("file-01abc"), &which, &arena), "");
}

static void bodies(void **state)
{
    (void)state;
    assert_null(batch_body_refused(SL_STR("{\"stream\":false}")));
    assert_null(batch_body_refused(SL_STR("{\"text\":\"\\\"stream\\\":true\"}")));
    assert_non_null(batch_body_refused(SL_STR("{\"stre\\u0061m\":true}")));
    assert_non_null(batch_body_refused(SL_STR("{\"background\":true}")));
}

/* So many lines with that text, in pieces; gives what they are taken for. */
static struct usage guessed(struct sl_str text, unsigned lines)
{
    struct batch_guess *g = batch_guess_new(NULL);
    struct usage u = {.input = 0};
    struct sl_str model, line = sl_arena_printf(&arena,
                                                "{\"url\":\"/v1/responses\",\"body\":{\"model\":\"gpt-4o\","
                                                "\"input\":\"" SL_STR_FMT "\"}}\n",
                                                SL_STR_ARG(text));
    for (unsigned i = 0; i < lines; i++) {
        batch_guess_bytes(g, sl_str_head(line, 1000));
        batch_guess_bytes(g, sl_str_from(line, 1000));
    }
    assert_true(batch_guess_next(g, 1, 1, &model, &u));
    is(model, "gpt-4o");
    assert_false(batch_guess_next(g, 1, 1, &model, &u));
    batch_guess_free(g);
    return u;
}

/* Two tokens in four bytes: of a file of 16 MiB half is counted, and says what the other half is. */
static void long_files_are_guessed_by_their_beginning(void **state)
{
    (void)state;
    char p[8192];
    for (size_t i = 0; i < sizeof p; i++)
        p[i] = "7 8 "[i % 4];
    struct sl_str text = sl_str_of(p, sizeof p);
    uint64_t each = tokens_of_text(NULL, SL_STR("gpt-4o"), text).n;
    struct usage one = guessed(text, 1), all = guessed(text, 2000);
    assert_true(each > sizeof p * 3 / 8 && one.input >= each && one.input < each + 20);
    assert_true(all.input > one.input * 1999 && all.input < one.input * 2001);
    assert_int_equal(all.output, one.output * 2000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lines),  T(long_ids), T(requests),         T(results),
        T(states), T(bodies),   T(files_of_a_batch), T(long_files_are_guessed_by_their_beginning)};
    return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
