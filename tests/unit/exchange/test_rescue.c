/* A stream that breaks once the client has seen of it: another target goes on, or the client is told; never a clean ending. */
#include "kit.h"

#define SSE_CLOSE "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define EV2(delta, finish)                                                                                             \
    "data: {\"id\":\"other\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"up-two\",\"choices\":[{"   \
    "\"index\":0,\"delta\":{" delta "},\"finish_reason\":" finish "}]}\n\n"
#define EV2_ROLE EV2("\"role\":\"assistant\",\"content\":\"\"", "null")
#define EV2_TEXT(text) EV2("\"content\":\"" text "\"", "null")
#define EV2_STOP EV2("", "\"stop\"")
#define EV2_USAGE                                                                                                      \
    "data: {\"id\":\"other\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":20,"     \
    "\"completion_tokens\":5,\"total_tokens\":25}}\n\n"
#define EV_CALL                                                                                                               \
    EV("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]", \
       "null")
#define OVERLOADED                                                                                                     \
    "data: {\"error\":{\"message\":\"their words\",\"type\":\"server_error\",\"code\":\"server_is_overloaded\"}}\n\n"
#define SEEN "Once upon a time there was"
#define EV_SEEN EV_ROLE EV("\"content\":\"Once upon a time\"", "null") EV("\"content\":\" there was\"", "null")

static const char *const goes_on[] = {EV2_ROLE, EV2_TEXT(" a fox"), EV2_TEXT("."), EV2_STOP, EV2_USAGE, EV_DONE};

static const struct {
    const char *name, *outcome;
    struct fake_step steps[4];
} breaks[] = {
    {"closed",
     "truncated",
     {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_SEEN)},
      {.act = FAKE_WAIT, .ns = SL_SEC},
      {.act = FAKE_CLOSE}}},
    {"reset",
     "reset",
     {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_SEEN)},
      {.act = FAKE_WAIT, .ns = SL_SEC},
      {.act = FAKE_RESET}}},
    {"in an event",
     "truncated",
     {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_SEEN "data: {\"cho")},
      {.act = FAKE_WAIT, .ns = SL_SEC},
      {.act = FAKE_CLOSE}}},
    {"silent", "stalled", {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_SEEN)}, {.act = FAKE_HANG}}},
    {"says so",
     "stream_error",
     {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_SEEN)},
      {.act = FAKE_WAIT, .ns = SL_SEC},
      {.act = FAKE_SEND, .bytes = SL_STR_INIT(OVERLOADED)},
      {.act = FAKE_HANG}}},
};
#define BREAKS (sizeof breaks / sizeof breaks[0])

static const struct core_options options = {
    .set = {.hold_start_ns = 20 * SL_SEC, .first_token_ns = 8 * SL_SEC, .between_tokens_ns = 5 * SL_SEC}};

/* The texts of all chunks that the client has, joined. */
static size_t text_of(const struct client *c, char *to, size_t cap)
{
    struct sl_str rest = sl_buf_str(&c->body);
    const struct sl_str mark = SL_STR("\"content\":\"");
    size_t n = 0;
    for (ptrdiff_t i; (i = sl_str_find_str(rest, mark)) >= 0;) {
        rest = sl_str_from(rest, (size_t)i + mark.n);
        ptrdiff_t end = sl_str_find(rest, '"');
        assert_true(end >= 0 && n + (size_t)end < cap);
        memcpy(to + n, rest.p, (size_t)end);
        n += (size_t)end;
    }
    to[n] = '\0';
    return n;
}

static unsigned count_of(const struct client *c, const char *what)
{
    unsigned n = 0;
    struct sl_str rest = sl_buf_str(&c->body);
    for (ptrdiff_t i; (i = sl_str_find_str(rest, sl_str_c(what))) >= 0; n++)
        rest = sl_str_from(rest, (size_t)i + 1);
    return n;
}

static void expect_outcomes(struct kit *k, const char *first, const char *second)
{
    struct core_ledger l = kit_ledger(k);
    assert_int_equal(l.n, second != NULL ? 2 : 1);
    assert_string_equal(l.v[0].outcome, first);
    if (second != NULL)
        assert_string_equal(l.v[1].outcome, second);
    core_ledger_free(&l);
}

/* However it breaks: one envelope, one text, one end; the other target is told what was said and asked to go on. */
static void test_another_goes_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < BREAKS; i++) {
        struct kit k;
        struct client c;
        char text[256];
        kit_open(&k, &options);
        fake_script(&k.one, breaks[i].steps);
        fake_stream(&k.two, goes_on, 6, 10 * SL_MS, true, FAKE_END);
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 30 * SL_SEC);
        text_of(&c, text, sizeof text);
        if (strcmp(text, SEEN " a fox.") != 0 || !c.last || c.reset || c.status != 200)
            fail_msg("%s: '%s' in " SL_STR_FMT, breaks[i].name, text, SL_STR_ARG(sl_buf_str(&c.body)));
        assert_int_equal(count_of(&c, "\"id\":\"c1\""), count_of(&c, "\"choices\"")); /* one envelope */
        assert_int_equal(count_of(&c, "\"role\""), 1);
        assert_int_equal(count_of(&c, "[DONE]"), 1);
        assert_int_equal(count_of(&c, "\"finish_reason\":\"stop\""), 1);
        assert_false(client_has(&c, "\"error\""));
        assert_true(client_has(&c, ": sluice: two/"));
        struct sl_str asked = fake_body(&k.two);
        assert_true(sl_str_find_str(asked, SL_STR("{\"role\":\"assistant\",\"content\":\"" SEEN "\"}")) > 0);
        assert_true(sl_str_find_str(asked, SL_STR("Go on with it exactly where it stops")) > 0);
        assert_true(sl_str_find_str(asked, SL_STR("hello there")) > 0);
        expect_outcomes(&k, breaks[i].outcome, "ok");
        client_done(&c);
        kit_close(&k);
    }
}

/* With the last words said again, or the first. */
static void test_seams(void **state)
{
    (void)state;
    static const struct {
        const char *said, *want; /* want NULL: it begins anew, which nobody may see */
    } rows[] = {
        {" a fox.", SEEN " a fox."},
        {"upon a time there was a fox.", SEEN " a fox."},
        {"time there was a fox.", SEEN " a fox."},
        {"there was a fox.", SEEN "there was a fox."}, /* nine letters: may be the author's */
        {SEEN " a fox.", SEEN " a fox."},
        {"Once upon a time, long ago.", NULL},
        {"", SEEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct client c;
        char text[256], event[512];
        struct core_options o = options;
        kit_open(&k, &o);
        fake_script(&k.one, breaks[0].steps);
        snprintf(
            event, sizeof event,
            "data: {\"id\":\"o\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}\n\n",
            rows[i].said);
        const char *events[] = {EV2_ROLE, event, EV2_STOP, EV_DONE};
        fake_stream(&k.two, events, 4, 10 * SL_MS, true, FAKE_END);
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 30 * SL_SEC);
        text_of(&c, text, sizeof text);
        if (strcmp(text, rows[i].want != NULL ? rows[i].want : SEEN) != 0)
            fail_msg("row %zu: '%s'", i, text);
        assert_int_equal(count_of(&c, "[DONE]"), rows[i].want != NULL);
        assert_int_equal(client_has(&c, "\"error\""), rows[i].want == NULL);
        assert_true(c.last && !c.reset);
        client_done(&c);
        kit_close(&k);
    }
}

/* What a stream says of itself decides: the provider's trouble is taken up, whatever it is; what is the request's own is not. */
static void test_what_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *said, *outcome;
        bool goes_on;
    } rows[] = {
#define SAYS(code) "data: {\"error\":{\"message\":\"their words\",\"type\":\"x\",\"code\":\"" code "\"}}\n\n"
        {SAYS("oops"), "stream_error", true},
        {SAYS("rate_limit_exceeded"), "stream_error", true},
        {SAYS("insufficient_quota"), "stream_error", true},
        {SAYS("invalid_api_key"), "stream_error", true},
        {SAYS("permission_error"), "stream_error", true},
        {SAYS("model_not_found"), "stream_error", true},
        {"data: {\"choices\":[{\n\n", "malformed", true},
        {SAYS("content_filter"), "stream_error", false},
        {SAYS("invalid_request_error"), "stream_error", false},
        {SAYS("context_length_exceeded"), "stream_error", false},
        {NULL, "between_bytes_timeout", true}, /* silence, where only the transport's deadline is set */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct client c;
        char text[256];
        struct core_options o = options;
        const struct fake_step says[] = {
            {.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_SEEN)},
            {.act = FAKE_WAIT, .ns = SL_SEC},
            {.act = FAKE_SEND, .bytes = sl_str_c(rows[i].said != NULL ? rows[i].said : "")},
            {.act = FAKE_HANG}};
        if (rows[i].said == NULL) {
            o.set.between_tokens_ns = 0;
            o.deadlines.between_ns = 5 * SL_SEC;
        }
        kit_open(&k, &o);
        fake_script(&k.one, says);
        fake_stream(&k.two, goes_on, 6, 10 * SL_MS, true, FAKE_END);
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 30 * SL_SEC);
        text_of(&c, text, sizeof text);
        if (strcmp(text, rows[i].goes_on ? SEEN " a fox." : SEEN) != 0 ||
            client_has(&c, "\"error\"") == rows[i].goes_on || client_has(&c, "[DONE]") != rows[i].goes_on)
            fail_msg("%s: " SL_STR_FMT, rows[i].outcome, SL_STR_ARG(sl_buf_str(&c.body)));
        expect_outcomes(&k, rows[i].outcome, rows[i].goes_on ? "ok" : NULL);
        client_done(&c);
        kit_close(&k);
    }
}

/* Calls, several answers, structured output, no other try left, or a policy that says so: the error, and no end. */
static void test_who_is_not_rescued(void **state)
{
    (void)state;
    static const struct {
        const char *body, *more;
        enum rescue_policy policy;
        unsigned attempts;
    } rows[] = {
        {STREAM_PAIR, EV_CALL, RESCUE_CONTINUE, 3},
        {STREAM_PAIR, "", RESCUE_ERROR, 3},
        {STREAM_PAIR, "", RESCUE_CONTINUE, 1},
        {"{\"model\":\"pair\",\"stream\":true,\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "",
         RESCUE_CONTINUE, 3},
        {"{\"model\":\"pair\",\"stream\":true,\"response_format\":{\"type\":\"json_object\"},\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         "", RESCUE_CONTINUE, 3},
        {"{\"model\":\"pair\",\"stream\":true,\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"alloy\",\"format\":\"pcm16\"},"
         "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         "", RESCUE_CONTINUE, 3},
        {"{\"model\":\"pair\",\"stream\":true,\"logprobs\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
         "", RESCUE_CONTINUE, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct client c;
        struct core_options o = options;
        const struct fake_step steps[] = {{.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_SEEN)},
                                          {.act = FAKE_SEND, .bytes = sl_str_c(rows[i].more)},
                                          {.act = FAKE_WAIT, .ns = SL_SEC},
                                          {.act = FAKE_CLOSE}};
        o.set.rescue = rows[i].policy;
        o.retry = RETRY_POLICY_DEFAULT;
        o.retry.attempts = rows[i].attempts;
        kit_open(&k, &o);
        fake_script(&k.one, steps);
        fake_stream(&k.two, goes_on, 6, 10 * SL_MS, true, FAKE_END);
        client_chat(&c, &k.core, rows[i].body);
        kit_run(&k, 30 * SL_SEC);
        if (!c.last || !client_has(&c, "\"error\"") || client_has(&c, "[DONE]") || client_has(&c, " a fox"))
            fail_msg("row %zu: " SL_STR_FMT, i, SL_STR_ARG(sl_buf_str(&c.body)));
        expect_outcomes(&k, "truncated", NULL);
        client_done(&c);
        kit_close(&k);
    }
}

/* Whoever is to go on may fail, too: the client is told once, in place. */
static void test_nobody_goes_on(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        static const struct fake_step cut[] = {
            {.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV2_ROLE EV2_TEXT(" a fox"))}, {.act = FAKE_CLOSE}};
        struct kit k;
        struct client c;
        kit_open(&k, &options);
        fake_script(&k.one, breaks[4].steps);
        if (how == 0)
            fake_answer(&k.two, 503, NULL, "{\"error\":{\"message\":\"busy\"}}");
        else if (how == 1)
            fake_answer(&k.two, 200, NULL, ANSWER); /* not a stream */
        else if (how == 2)
            fake_script(&k.two, cut);
        else
            fake_bytes(&k.two, SL_STR("garbage"), FAKE_CLOSE);
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 60 * SL_SEC);
        if (!c.last || c.reset || !client_has(&c, "their words") || client_has(&c, "[DONE]"))
            fail_msg("how %u: " SL_STR_FMT, how, SL_STR_ARG(sl_buf_str(&c.body)));
        if (count_of(&c, "\"error\"") != 1)
            fail_msg("how %u: " SL_STR_FMT, how, SL_STR_ARG(sl_buf_str(&c.body)));
        client_done(&c);
        kit_close(&k);
    }
}

/* The client leaves while another target is asked; the time is up. */
static void test_ends_in_between(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        struct kit k;
        struct client c;
        struct core_options o = options;
        o.deadlines.total_due_ns = 20 * SL_SEC;
        kit_open(&k, &o);
        fake_script(&k.one, breaks[0].steps);
        fake_script(&k.two, (const struct fake_step[]){{.act = FAKE_HANG}});
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 3 * SL_SEC);
        assert_false(c.last);
        if (leaves)
            client_leave(&c, HTTP_GONE_CLOSED);
        kit_run(&k, 30 * SL_SEC);
        assert_true(c.released);
        if (!leaves)
            assert_true(c.last && client_has(&c, "\"error\"") && !client_has(&c, "[DONE]"));
        client_done(&c);
        kit_close(&k);
    }
}

/* A client that asked for usage is told that of both; what the first used was not reported and is estimated. */
static void test_usage_is_the_sum(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    kit_open(&k, &options);
    fake_script(&k.one, breaks[0].steps);
    fake_stream(&k.two, goes_on, 6, 10 * SL_MS, true, FAKE_END);
    client_chat(
        &c, &k.core,
        "{\"model\":\"pair\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\","
        "\"content\":\"hello there\"}]}");
    kit_run(&k, 30 * SL_SEC);
    struct core_ledger l = kit_ledger(&k);
    assert_int_equal(l.n, 2);
    assert_true(l.v[0].close.usage.output > 0 && (l.v[0].close.flags & ENTRY_ESTIMATED) != 0);
    assert_int_equal(l.v[1].close.usage.output, 5);
    char want[128];
    snprintf(want, sizeof want, "\"prompt_tokens\":%llu,\"completion_tokens\":%llu",
             (unsigned long long)(l.v[0].close.usage.input + 20), (unsigned long long)(l.v[0].close.usage.output + 5));
    if (!client_has(&c, want))
        fail_msg("want %s in " SL_STR_FMT, want, SL_STR_ARG(sl_buf_str(&c.body)));
    core_ledger_free(&l);
    client_done(&c);
    kit_close(&k);
}

/* restart: the whole answer of the other, behind what was said. */
static void test_restart(void **state)
{
    (void)state;
    struct kit k;
    struct client c;
    char text[256];
    struct core_options o = options;
    o.set.rescue = RESCUE_RESTART;
    kit_open(&k, &o);
    fake_script(&k.one, breaks[0].steps);
    static const char *const anew[] = {EV2_ROLE, EV2_TEXT(SEEN), EV2_TEXT(" a dog."), EV2_STOP, EV_DONE};
    fake_stream(&k.two, anew, 5, 10 * SL_MS, true, FAKE_END);
    client_chat(&c, &k.core, STREAM_PAIR);
    kit_run(&k, 30 * SL_SEC);
    text_of(&c, text, sizeof text);
    assert_string_equal(text, SEEN SEEN " a dog.");
    assert_true(client_has(&c, "begins the answer anew") && client_has(&c, "[DONE]"));
    assert_true(sl_str_find_str(fake_body(&k.two), SL_STR("assistant")) < 0);
    client_done(&c);
    kit_close(&k);
}

/* rescue: hold. What breaks while the first output is held is asked for again unseen; what does not is shown when there is enough of it,
 * when it was held for long enough, or when it is whole; and what breaks behind that is an error. */
static void test_hold(void **state)
{
    (void)state;
    static const char *const whole[] = {EV_ROLE, EV("\"content\":\"all\"", "null"), EV("", "\"stop\""), EV_DONE};
    struct kit k;
    struct client c;
    for (size_t i = 0; i < BREAKS; i++) { /* all of them break within 5 s, and two pieces are not enough */
        struct core_options o = options;
        o.set.rescue = RESCUE_HOLD;
        o.set.hold_more_ns = 20 * SL_SEC;
        o.retry = RETRY_POLICY_DEFAULT;
        kit_open(&k, &o);
        fake_script(&k.one, breaks[i].steps);
        fake_stream(&k.one, whole, 4, 0, true, FAKE_END); /* behind a reset the same target is asked again */
        fake_stream(&k.two, whole, 4, 0, true, FAKE_END);
        client_chat(&c, &k.core, STREAM_PAIR);
        kit_run(&k, 4 * SL_SEC);
        if (breaks[i].steps[1].act != FAKE_HANG) {
            if (!client_has(&c, "all") || client_has(&c, "Once"))
                fail_msg("%s: " SL_STR_FMT, breaks[i].name, SL_STR_ARG(sl_buf_str(&c.body)));
        } else {
            assert_int_equal(c.status, 0); /* silence is no failure yet: it is shown when its time is over */
            kit_run(&k, 17 * SL_SEC);
            assert_true(client_has(&c, "there was"));
        }
        kit_run(&k, 600 * SL_SEC);
        client_done(&c);
        kit_close(&k);
    }
}

static void test_hold_ends(void **state)
{
    (void)state;
    static const struct fake_step slow[] = {
        {.act = FAKE_SEND, .bytes = SL_STR_INIT(SSE_CLOSE EV_ROLE EV("\"content\":\"one\"", "null"))},
        {.act = FAKE_WAIT, .ns = SL_SEC},
        {.act = FAKE_SEND, .bytes = SL_STR_INIT(EV("\"content\":\"two\"", "null"))},
        {.act = FAKE_WAIT, .ns = SL_SEC},
        {.act = FAKE_SEND, .bytes = SL_STR_INIT(EV("\"content\":\"three\"", "null"))},
        {.act = FAKE_WAIT, .ns = SL_SEC},
        {.act = FAKE_CLOSE}};
    static const struct {
        uint64_t pieces;
        int64_t more_ns, seen_ms;
    } rows[] = {{1, 20 * SL_SEC, 1}, {2, 20 * SL_SEC, 1000}, {3, 20 * SL_SEC, 2000}, {9, 500 * SL_MS, 500}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct kit k;
        struct client c;
        struct core_options o = options;
        o.set.rescue = RESCUE_HOLD;
        o.set.hold_pieces = rows[i].pieces;
        o.set.hold_more_ns = rows[i].more_ns;
        kit_open(&k, &o);
        fake_script(&k.one, slow);
        client_chat(&c, &k.core, STREAM_PAIR);
        if (rows[i].seen_ms > 1) {
            kit_run(&k, (rows[i].seen_ms - 50) * SL_MS);
            assert_int_equal(c.status, 0);
            kit_run(&k, 100 * SL_MS);
        } else {
            kit_run(&k, 100 * SL_MS);
        }
        assert_true(client_has(&c, "one"));
        kit_run(&k, 10 * SL_SEC);
        assert_true(client_has(&c, "three") && client_has(&c, "\"error\"") && !client_has(&c, "[DONE]"));
        assert_int_equal(k.two.requests, 0);
        client_done(&c);
        kit_close(&k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_goes_on),
        cmocka_unit_test(test_seams),
        cmocka_unit_test(test_what_it_says),
        cmocka_unit_test(test_who_is_not_rescued),
        cmocka_unit_test(test_nobody_goes_on),
        cmocka_unit_test(test_ends_in_between),
        cmocka_unit_test(test_usage_is_the_sum),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_hold_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
