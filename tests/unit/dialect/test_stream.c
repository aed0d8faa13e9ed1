/* What events of a stream are, and what usage reports and answers say. */
#include "dialect/openai_chat/openai_chat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/caps.h"

#define CHUNK(choices, more)                                                                                           \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":" choices more "}"
#define DELTA(delta) "[{\"index\":0,\"delta\":" delta ",\"logprobs\":null,\"finish_reason\":null}]"

static struct stream_event watch(const char *event, struct sl_str data)
{
    /* At the end of a heap block, so that reading beyond it is seen. */
    static char *kept;
    free(kept);
    kept = malloc(data.n > 0 ? data.n : 1);
    if (data.n > 0)
        memcpy(kept, data.p, data.n);
    struct stream_event e;
    openai_stream_watch(NULL, sl_str_c(event), sl_str_of(kept, data.n), &e);
    return e;
}

static const struct {
    const char *data;
    enum stream_kind kind;
    uint32_t output;
    bool finish;
} events[] = {
    {"", SK_EMPTY, 0, false},
    {"[DONE]", SK_DONE, 0, false},
    {"[DONE] ", SK_DONE, 0, false},
    {CHUNK(DELTA("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"), ""), SK_ROLE, 0, false},
    {CHUNK(DELTA("{\"role\":\"assistant\"}"), ",\"usage\":null"), SK_ROLE, 0, false},
    {CHUNK(DELTA("{}"), ""), SK_ROLE, 0, false},
    {CHUNK("[]", ",\"prompt_filter_results\":[{\"prompt_index\":0}]"), SK_ROLE, 0, false},
    {CHUNK(DELTA("{\"content\":\"Hello\"}"), ""), SK_CONTENT, 5, false},
    {CHUNK(DELTA("{\"content\":\" \"}"), ",\"usage\":null,\"obfuscation\":\"abc\""), SK_CONTENT, 1, false},
    {CHUNK(DELTA("{\"content\":\"\\\"}]\\u00e4\"}"), ""), SK_CONTENT, 10, false},
    {CHUNK(DELTA("{\"refusal\":\"no\"}"), ""), SK_CONTENT, 2, false},
    {CHUNK(DELTA("{\"reasoning_content\":\"hm\",\"content\":null}"), ""), SK_CONTENT, 2, false},
    {CHUNK(
         DELTA(
             "{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}"),
         ""),
     SK_CONTENT, 1, false},
    {CHUNK(DELTA("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]}"), ""), SK_CONTENT, 6,
     false},
    {CHUNK(DELTA("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]}"), ""), SK_CONTENT, 1, false},
    {CHUNK(DELTA("{\"tool_calls\":[]}"), ""), SK_ROLE, 0, false},
    {CHUNK(DELTA("{\"audio\":{\"id\":\"audio_1\",\"data\":\"QUJD\"}}"), ""), SK_CONTENT, 4, false},
    {CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]", ""), SK_FINISH, 0, true},
    {CHUNK("[{\"index\":0,\"delta\":{\"content\":\"end\"},\"finish_reason\":\"length\"}]", ""), SK_CONTENT, 3, true},
    {CHUNK(
         "[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null},{\"index\":1,\"delta\":{\"content\":\"bc\"}}]",
         ""),
     SK_CONTENT, 3, false},
    {CHUNK("[{\"text\":\"abcd\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}]", ""), SK_CONTENT, 4, false},
    {CHUNK("[{\"text\":\"\",\"index\":0,\"finish_reason\":\"stop\"}]", ""), SK_FINISH, 0, true},
    {CHUNK("[]", ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14}"), SK_USAGE, 0, false},
    {CHUNK("[]", ",\"usage\":null"), SK_ROLE, 0, false},
    {"{\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":\"c\"}}", SK_ERROR, 0, false},
    {"{\"error\":\"text\"}", SK_ERROR, 0, false},
    {"{\"error\":null,\"choices\":[]}", SK_ROLE, 0, false},
    {"{\"type\":\"ping\"}", SK_OTHER, 0, false},
    {"{}", SK_OTHER, 0, false},
    {"[1,2]", SK_OTHER, 0, false},
    {"42", SK_OTHER, 0, false},
    {"not json", SK_OTHER, 0, false},
    {" {\"choices\":[]}", SK_OTHER, 0, false},
    {"{\"choices\":[", SK_OTHER, 0, false},
    {"{\"choices\":[]", SK_OTHER, 0, false},
    {"{\"choices\":7}", SK_OTHER, 0, false},
    {"{\"choices\":[{\"delta\":{\"content\":\"x", SK_OTHER, 0, false},
    {"{\"choices\":[7,null]}", SK_ROLE, 0, false},
    {"{\"choices\"", SK_OTHER, 0, false},
    {"{", SK_OTHER, 0, false},
    {"{\"", SK_OTHER, 0, false},
    {"{\"a\\", SK_OTHER, 0, false},
    {"{\"a\":}", SK_OTHER, 0, false},
    {"{\"choices\":[]]", SK_OTHER, 0, false},
};

static void names_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct stream_event e = watch(NULL, sl_str_c(events[i].data));
        if (e.kind != events[i].kind || e.output_bytes != events[i].output || e.finish != events[i].finish)
            fail_msg("%s: kind %d output %u finish %d", events[i].data, e.kind, e.output_bytes, e.finish);
    }
    assert_int_equal(watch("error", SL_STR("{\"message\":\"x\"}")).kind, SK_ERROR);
    assert_int_equal(watch("error", SL_STR("plain text")).kind, SK_ERROR);
    assert_int_equal(watch("message", SL_STR("plain text")).kind, SK_OTHER);
}

/* Cut anywhere, damaged anywhere: never a crash, and a half event is never taken for a whole one. */
static void survives_garbage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct sl_str whole = sl_str_c(events[i].data);
        for (size_t n = 0; n < whole.n; n++) {
            struct stream_event e = watch(NULL, sl_str_head(whole, n));
            assert_true(e.kind == SK_OTHER || e.kind == SK_EMPTY || e.kind == SK_ERROR || whole.p[0] == '[');
            assert_int_equal(e.cut_from, e.cut_to);
        }
        char *p = malloc(whole.n + 1);
        for (size_t n = 0; n < whole.n; n++) {
            static const char bytes[] = {'"', '\\', '{', '}', '[', ']', ',', ':', 0, (char)0xff};
            for (size_t k = 0; k < sizeof bytes; k++) {
                memcpy(p, whole.p, whole.n);
                p[n] = bytes[k];
                struct stream_event e = watch(NULL, sl_str_of(p, whole.n));
                assert_true(e.cut_from <= e.cut_to && e.cut_to <= whole.n);
            }
        }
        free(p);
    }
}

static void cuts_usage_null(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"choices\":[],\"usage\":null}", "{\"choices\":[]}"},
        {"{\"choices\":[],\"usage\":null,\"obfuscation\":\"x\"}", "{\"choices\":[],\"obfuscation\":\"x\"}"},
        {"{\"choices\":[] , \"usage\" : null , \"x\":1}", "{\"choices\":[] , \"x\":1}"},
        {"{\"usage\":null,\"choices\":[]}", "{\"choices\":[]}"},
        {"{ \"usage\" : null , \"choices\":[]}", "{ \"choices\":[]}"},
        {"{\"usage\":null}", "{}"},
        {"{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"},\"usage\":null}]}",
         "{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"},\"usage\":null}]}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sl_str data = sl_str_c(rows[i][0]);
        struct stream_event e = watch(NULL, data);
        char got[256];
        memcpy(got, data.p, e.cut_from);
        memcpy(got + e.cut_from, data.p + e.cut_to, data.n - e.cut_to);
        got[data.n - (e.cut_to - e.cut_from)] = 0;
        assert_string_equal(got, rows[i][1]);
    }
}

static void reads_usage_and_errors_of_events(void **state)
{
    (void)state;
    struct stream_event e = watch(
        NULL, SL_STR(CHUNK("[]", ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14}")));
    assert_true(e.has_usage);
    assert_int_equal(e.usage.prompt, 9);
    assert_int_equal(e.usage.completion, 5);
    assert_int_equal(e.usage.total, 14);
    e = watch(NULL, SL_STR("{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":1}}"));
    assert_int_equal(e.kind, SK_CONTENT);
    assert_true(e.has_usage);
    e = watch(NULL, SL_STR("{\"error\":{\"message\":\"no \\\"x\\\"\",\"type\":\"t\",\"param\":\"p\",\"code\":429}}"));
    assert_true(e.error.found);
    assert_true(sl_str_eq(e.error.message, SL_STR("no \\\"x\\\"")));
    assert_true(sl_str_eq(e.error.type, SL_STR("t")));
    assert_true(sl_str_eq(e.error.param, SL_STR("p")));
    assert_true(sl_str_eq(e.error.code, SL_STR("429")));
}

/* The frame with its two '%' replaced. */
static size_t fill(char *to, const char *frame, const char *a, const char *b)
{
    size_t n = 0;
    for (; *frame != 0; frame++) {
        if (*frame != '%') {
            to[n++] = *frame;
            continue;
        }
        memcpy(to + n, a, strlen(a));
        n += strlen(a);
        a = b;
    }
    return n;
}

/* Events that are known by the one before are told the same as when each is looked at for itself. */
static void remembered_events_are_the_same(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%\"},\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"%\"}",
        "{\"usage\":null,\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%\"}}],\"x\":\"%\"}",
        "{\"choices\":[{\"delta\":{\"content\":\"%\",\"refusal\":\"%\"}}],\"obfuscation\":\"o\",\"usage\":null}",
        "{\"obfuscation\":\"%\",\"choices\":[{\"text\":\"%\"}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"%\"}}],\"obfuscation\":\"%\",\"usage\":null}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%%\"},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%\"}}],\"error\":null,\"usage\":{\"prompt_tokens\":3},\"y\":\"%\"}",
    };
    static const char *const texts[] = {"",    "a",  "Hello", "\\\"",         "\\\\",
                                        "x\\", "\"", "}],",   "\xe4\xbd\xa0", "a\",\"b\":\"c"};
    struct stream_memo memo = {0};
    unsigned seed = 5;
    for (int round = 0; round < 100000; round++) {
        seed = seed * 1103515245u + 12345u;
        char data[512];
        unsigned which = (seed >> 8) % 32;
        size_t n = fill(data, frames[which < 7 ? which : 0], texts[(seed >> 16) % 10], texts[(seed >> 20) % 10]);
        if ((seed >> 28) == 0)
            n -= (seed >> 13) % 7;
        struct stream_event one, two;
        openai_stream_watch(NULL, SL_STR_NONE, sl_str_of(data, n), &one);
        openai_stream_watch(&memo, SL_STR_NONE, sl_str_of(data, n), &two);
        if (one.kind != two.kind || one.output_bytes != two.output_bytes || one.finish != two.finish ||
            one.has_usage != two.has_usage || one.cut_from != two.cut_from || one.cut_to != two.cut_to)
            fail_msg("%.*s", (int)n, data);
    }
}

/* -- Usage ----------------------------------------------------------------------------------------------------------- */

static struct token_counts usage(const char *object)
{
    struct token_counts c;
    memset(&c, 0xee, sizeof c);
    openai_usage_read(sl_str_c(object), &c);
    return c;
}

static void reads_every_count(void **state)
{
    (void)state;
    struct token_counts c = usage(
        "{\"prompt_tokens\":1200,\"completion_tokens\":340,\"total_tokens\":1540,"
        "\"prompt_tokens_details\":{\"cached_tokens\":1024,\"audio_tokens\":1,\"cache_write_tokens\":2,\"image_tokens\":3,\"text_tokens\":1196},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":256,\"audio_tokens\":4,\"image_tokens\":7,"
        "\"accepted_prediction_tokens\":5,\"rejected_prediction_tokens\":6}}");
    assert_true(c.found);
    assert_false(c.bad);
    assert_false(c.unknown);
    assert_int_equal(c.prompt, 1200);
    assert_int_equal(c.completion, 340);
    assert_int_equal(c.total, 1540);
    assert_int_equal(c.cached, 1024);
    assert_int_equal(c.audio_prompt, 1);
    assert_int_equal(c.cache_write, 2);
    assert_int_equal(c.image_prompt, 3);
    assert_int_equal(c.reasoning, 256);
    assert_int_equal(c.audio_completion, 4);
    assert_int_equal(c.image_completion, 7);
    assert_int_equal(c.prediction_accepted, 5);
    assert_int_equal(c.prediction_rejected, 6);
    c = usage(
        "{\"input_tokens\":7,\"output_tokens\":8,\"total_tokens\":15,\"input_tokens_details\":{\"cached_tokens\":3},"
        "\"output_tokens_details\":{\"reasoning_tokens\":2}}");
    assert_int_equal(c.prompt, 7);
    assert_int_equal(c.completion, 8);
    assert_int_equal(c.cached, 3);
    assert_int_equal(c.reasoning, 2);
    c = usage("{\"prompt_tokens\":5,\"total_tokens\":5}");
    assert_int_equal(c.prompt, 5);
    assert_int_equal(c.completion, 0);
}

static void odd_usage_is_flagged(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        bool found, bad, unknown;
        uint64_t prompt;
    } rows[] = {
        {"{\"prompt_tokens\":12.0}", true, false, false, 12},
        {"{\"prompt_tokens\":1.2e1}", true, false, false, 12},
        {"{\"prompt_tokens\":null}", true, false, false, 0},
        {"{\"prompt_tokens\":-5}", true, true, false, 0},
        {"{\"prompt_tokens\":1.5}", true, true, false, 0},
        {"{\"prompt_tokens\":\"12\"}", true, true, false, 0},
        {"{\"prompt_tokens\":99999999999999999999}", true, true, false, 0},
        {"{\"prompt_tokens\":18446744073709551615}", true, false, false, UINT64_MAX},
        {"{\"prompt_tokens\":1,\"num_sources_used\":2}", true, false, true, 1},
        {"{\"prompt_tokens\":1,\"prompt_tokens_details\":{\"new_tokens\":2}}", true, false, true, 1},
        {"{\"prompt_tokens\":1,\"prompt_tokens_details\":null}", true, false, false, 1},
        {"{\"prompt_tokens\":1,\"prompt_tokens_details\":7}", true, false, true, 1},
        {"{\"prompt_tokens\":1,\"prompt_tokens\":2}", false, false, false, 0},
        {"{\"prompt_tokens\":1", false, false, false, 0},
        {"[]", false, false, false, 0},
        {"null", false, false, false, 0},
        {"", false, false, false, 0},
        {"{}", true, false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_counts c = usage(rows[i].object);
        if (c.found != rows[i].found || c.bad != rows[i].bad || c.unknown != rows[i].unknown ||
            c.prompt != rows[i].prompt)
            fail_msg("%s: found %d bad %d unknown %d prompt %llu", rows[i].object, c.found, c.bad, c.unknown,
                     (unsigned long long)c.prompt);
    }
}

/* -- Answers --------------------------------------------------------------------------------------------------------- */

static void reads_answers(void **state)
{
    (void)state;
    struct answer_facts f;
    openai_answer_decode(
        SL_STR(
            "{\"id\":\"chatcmpl-abc\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"gpt-6-sol\","
            "\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"Hello\"}}],"
            "\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":40,\"total_tokens\":52}}"),
        &f);
    assert_true(f.valid);
    assert_true(f.usage.found);
    assert_int_equal(f.usage.completion, 40);
    assert_true(sl_str_eq(f.model, SL_STR("gpt-6-sol")));
    assert_true(sl_str_eq(f.finish, SL_STR("stop")));
    assert_false(f.error.found);
    assert_true(f.content_bytes > 50);
    openai_answer_decode(
        SL_STR(
            "{\"error\":{\"message\":\"m\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"model_not_found\"}}"),
        &f);
    assert_true(f.valid);
    assert_true(f.error.found);
    assert_true(sl_str_eq(f.error.code, SL_STR("model_not_found")));
    assert_int_equal(f.error.param.n, 0);
    assert_false(f.usage.found);
    openai_answer_decode(
        SL_STR(
            "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1,-0.2]}],\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}"),
        &f);
    assert_int_equal(f.usage.prompt, 5);
    assert_int_equal(f.content_bytes, 0);
    static const char *const broken[] = {"", "<html>", "{\"usage\":{}", "[]", "{\"usage\":{},\"usage\":{}}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        openai_answer_decode(sl_str_c(broken[i]), &f);
        assert_false(f.valid);
        assert_false(f.usage.found);
    }
    openai_answer_decode(SL_STR("{\"error\":\"busy\",\"choices\":[7],\"usage\":[],\"model\":1}"), &f);
    assert_true(f.valid);
    assert_true(sl_str_eq(f.error.message, SL_STR("busy")));
    assert_int_equal(f.finish.n, 0);
    openai_answer_decode(SL_STR("{\"error\":null,\"choices\":[]}"), &f);
    assert_false(f.error.found);
}

static struct answer_facts watched(struct sl_str body, size_t step, struct sl_arena *a)
{
    struct openai_answer_watch w;
    openai_answer_watch_init(&w, a);
    while (body.n > 0) {
        size_t n = step < body.n ? step : body.n;
        char *slice = malloc(n);
        memcpy(slice, body.p, n);
        openai_answer_watch_feed(&w, sl_str_of(slice, n));
        free(slice);
        body = sl_str_from(body, n);
    }
    struct answer_facts f;
    openai_answer_watch_done(&w, &f);
    return f;
}

/* In slices of any size the same is found as in the whole. */
static void watches_answers_in_slices(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        ("{\"id\":\"c\",\"model\":\"gpt \\\"6\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"a \\\"usage\\\":{} \\\\\",\"usage\":{\"prompt_tokens\":99}}}],"
         "\"usage\" : {\"prompt_tokens\": 12 ,\"completion_tokens\":40,\"prompt_tokens_details\":{\"cached_tokens\":3}}}"),
        "{\"usage\":{\"prompt_tokens\":1},\"data\":[[1,2],[{}]],\"model\":\"m\"} \n",
        "{\"error\":{\"message\":\"x}\",\"type\":\"t\",\"code\":null},\"usage\":null}",
        "{\"error\":null,\"a very long key that nobody knows\":{\"usage\":{}},\"us\\u0061ge\":{\"prompt_tokens\":7}}",
        "{}",
        "{ \"choices\" : [ ] }",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct sl_str body = sl_str_c(bodies[i]);
        struct answer_facts whole;
        openai_answer_decode(body, &whole);
        if (i == 3)
            whole.usage = (struct token_counts){.found = false}; /* an escaped key is not known in passing */
        for (size_t step = 1; step <= body.n; step++) {
            struct sl_arena a;
            sl_arena_init(&a, NULL);
            struct answer_facts f = watched(body, step, &a);
            assert_true(f.valid && whole.valid);
            assert_memory_equal(&f.usage, &whole.usage, sizeof f.usage);
            assert_true(sl_str_eq(f.model, whole.model));
            assert_int_equal(f.error.found, whole.error.found);
            assert_true(sl_str_eq(f.error.message, whole.error.message));
            assert_int_equal(f.content_bytes > 2, whole.content_bytes > 3);
            sl_arena_done(&a);
        }
    }
}

static void watching_is_bounded_and_believes_nothing_twice(void **state)
{
    (void)state;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    size_t n = 3 << 20;
    char *p = malloc(n);
    memset(p, ' ', n);
    memset(p + 10, 'x', n - 20);
    memcpy(p, "{\"usage\":\"", 10);
    p[n - 2] = '"';
    p[n - 1] = '}';
    struct answer_facts f = watched(sl_str_of(p, n), 4096, &a);
    assert_false(f.usage.found);
    assert_true(a.used < 16384);
    free(p);
    static const char *const odd[] = {"",     "[]",  "{", "{}}",    "{}{}",      "{\"a\":1",
                                      "null", "{}x", "]", "\"{}\"", "{\"a\":\"}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_false(watched(sl_str_c(odd[i]), 3, &a).valid);
    f = watched(SL_STR("{\"usage\":{\"prompt_tokens\":1},\"usage\":{\"prompt_tokens\":2}}"), 7, &a);
    assert_false(f.usage.found);
    f = watched(SL_STR("{\"usage\":{\"prompt_tokens\":1,}}"), 7, &a); /* what was taken is read strictly */
    assert_false(f.usage.found);
    sl_arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_events),
        cmocka_unit_test(survives_garbage),
        cmocka_unit_test(cuts_usage_null),
        cmocka_unit_test(remembered_events_are_the_same),
        cmocka_unit_test(reads_usage_and_errors_of_events),
        cmocka_unit_test(reads_every_count),
        cmocka_unit_test(odd_usage_is_flagged),
        cmocka_unit_test(reads_answers),
        cmocka_unit_test(watches_answers_in_slices),
        cmocka_unit_test(watching_is_bounded_and_believes_nothing_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
