/* Claude's stream by Bedrock becomes Anthropic's own: chunks, exceptions, what is dropped, what is broken, every cut. */
#include "dialect/aws_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "lib/aws_frame.h"

static enum relay_feed feed(struct sl_str bytes, size_t max, size_t step, struct sl_buf *out)
{
    struct aws_stream s;
    struct sl_str events;
    enum relay_feed r = RELAY_MORE;
    sl_buf_reset(out);
    aws_stream_init(&s, max);
    for (size_t at = 0; at < bytes.n && r == RELAY_MORE; at += step) {
        r = aws_stream_feed(&s, sl_str_head(sl_str_from(bytes, at), step), &events);
        sl_buf_adds(out, events);
    }
    if (r != RELAY_MORE) { /* stays so */
        assert_int_equal(aws_stream_feed(&s, bytes, &events), r);
        assert_int_equal(events.n, 0);
    }
    aws_stream_done(&s);
    return r;
}

static void expect(struct sl_str bytes, enum relay_feed want, const char *text)
{
    static const size_t steps[] = {1u << 20, 1, 2, 3, 7, 12, 13, 64, 100};
    struct sl_buf out;
    sl_buf_init(&out, 1u << 20);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(feed(bytes, 0, steps[i], &out), want);
        sl_buf_addc(&out, 0);
        assert_string_equal(out.p, text);
    }
    sl_buf_done(&out);
}

static void events(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    aws_test_chunk(&b, "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_bdrk_1\"}}");
    aws_test_chunk(&b, "{\"index\":0,\n \"type\":\"content_block_delta\",\r\n\"delta\":{\"text\":\"a\\nb\"}}");
    aws_test_chunk(&b, "{\"type\":\"message_stop\"}");
    expect(sl_buf_str(&b), RELAY_MORE,
           "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bdrk_1\"}}\n\n"
           "event: content_block_delta\n"
           "data: {\"index\":0,  \"type\":\"content_block_delta\",  \"delta\":{\"text\":\"a\\nb\"}}\n\n"
           "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    sl_buf_done(&b);
}

/* No event, and no reason to break off either. */
static void dropped(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    aws_test_chunk(&b, "{\"index\":0}");
    aws_test_chunk(&b, "{\"type\":7}");
    aws_test_chunk(&b, "{\"type\":\"x\\ndata: y\"}");
    aws_test_chunk(&b, "{\"type\":\"\"}");
    aws_test_message(&b, "event", "somethingNew", SL_STR("no JSON"));
    aws_test_message(&b, "event", "chunk", SL_STR("{\"p\":\"abc\"}"));
    expect(sl_buf_str(&b), RELAY_MORE, "");
    aws_test_message(&b, "event", "chunk", SL_STR("{\"bytes\":\"eyJ0eXBlIjoicGluZyIsImEiOiI\\/In0=\"}"));
    expect(sl_buf_str(&b), RELAY_MORE, "event: ping\ndata: {\"type\":\"ping\",\"a\":\"?\"}\n\n");
    sl_buf_done(&b);
}

static void failures(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    aws_test_message(&b, "exception", "throttlingException", SL_STR("{\"message\":\"Too \\\"many\\\"\"}"));
    aws_test_message(&b, "exception", "modelStreamErrorException",
                     SL_STR("{\"originalStatusCode\":500,\"message\":\"m\"}"));
    aws_test_message(&b, "exception", "serviceUnavailableException", SL_STR("\"\n"));
    aws_test_message(&b, "error", "Internal\nFailure", SL_STR_NONE);
#define ERROR(type, message)                                                                                           \
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"}}\n\n"
    expect(sl_buf_str(&b), RELAY_MORE,
           ERROR("rate_limit_error", "Too \\\"many\\\"") ERROR("api_error", "m")
               ERROR("overloaded_error", "serviceUnavailableException") ERROR("api_error", "Internal\\nFailure"));
    sl_buf_done(&b);
}

/* What came before is given. */
static void broken(void **state)
{
    (void)state;
    static const struct sl_str payloads[] = {
        SL_STR_INIT(""),
        SL_STR_INIT("[]"),
        SL_STR_INIT("{\"bytes\":7}"),
        SL_STR_INIT("{\"bytes\":\"e\"}"),
        SL_STR_INIT("{\"bytes\":\"bm8gSlNPTg==\"}"), /* "no JSON" */
        SL_STR_INIT("{\"bytes\":\"\",\"bytes\":\"\"}"),
    };
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        sl_buf_reset(&b);
        aws_test_chunk(&b, "{\"type\":\"ping\"}");
        aws_test_message(&b, "event", "chunk", payloads[i]);
        aws_test_chunk(&b, "{\"type\":\"ping\"}");
        expect(sl_buf_str(&b), RELAY_BROKEN, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
    }
    sl_buf_done(&b);
}

static void limit(void **state)
{
    (void)state;
    struct sl_buf b, out, json;
    sl_buf_init(&b, 1u << 20);
    sl_buf_init(&out, 1u << 20);
    sl_buf_init(&json, 1u << 20);
    sl_buf_adds(&json, SL_STR("{\"type\":\"ping\",\"a\":\""));
    for (unsigned i = 0; i < 40000; i++)
        sl_buf_addc(&json, 'a');
    sl_buf_add(&json, "\"}", 3);
    aws_test_chunk(&b, json.p);
    assert_int_equal(feed(sl_buf_str(&b), 50000, 1000, &out), RELAY_MORE);
    assert_int_equal(out.n, json.n - 1 + strlen("event: ping\ndata: \n\n"));
    assert_int_equal(feed(sl_buf_str(&b), 30000, 1000, &out), RELAY_LIMIT);
    assert_int_equal(out.n, 0);
    sl_buf_done(&b);
    sl_buf_done(&out);
    sl_buf_done(&json);
}

static void content_types(void **state)
{
    (void)state;
    assert_true(aws_stream_is(SL_STR("application/vnd.amazon.eventstream")));
    assert_true(aws_stream_is(SL_STR("Application/vnd.amazon.eventstream; x=y")));
    assert_false(aws_stream_is(SL_STR("application/json")));
    assert_false(aws_stream_is(SL_STR_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events), cmocka_unit_test(dropped), cmocka_unit_test(failures),
        cmocka_unit_test(broken), cmocka_unit_test(limit),   cmocka_unit_test(content_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
