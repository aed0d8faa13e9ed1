/* Streams through the relay, whole and cut at every place: the output is always the same. */
#include "dialect/relay_same.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/rand.h"

#define ROLE                                                                                                           \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n"
#define ROLE_PLAIN "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
#define TEXT(s) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" s "\"}}],\"usage\":null}\n\n"
#define TEXT_PLAIN(s) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" s "\"}}]}\n\n"
#define FINISH "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14}}\n\n"
#define DONE "data: [DONE]\n\n"
#define ERROR_EVENT                                                                                                    \
    "data: {\"error\":{\"message\":\"broken\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"

struct result {
    char *p;
    size_t n;
    struct relay_state state;
    enum relay_feed feed;
    bool complete;
    struct sl_arena arena; /* holds the texts of state.error */
};

/* Feeds slices whose sizes `next` gives (at least 1). Each slice is a heap block of its own that is gone after its feed. */
static void run(struct sl_str in, unsigned options, size_t (*next)(void *arg, size_t left), void *arg, struct result *r)
{
    struct relay_same relay;
    sl_arena_init(&r->arena, NULL);
    relay_same_init(&relay, dialect_find(SL_STR("openai")), options, &r->arena);
    r->p = malloc(in.n + 64);
    r->n = 0;
    r->feed = RELAY_MORE;
    while (in.n > 0) {
        size_t n = next(arg, in.n);
        char *slice = malloc(n);
        memcpy(slice, in.p, n);
        const struct iovec *v = NULL;
        int count = 0;
        enum relay_feed f = relay_same_feed(&relay, sl_str_of(slice, n), &v, &count);
        if (r->feed == RELAY_MORE)
            r->feed = f;
        for (int i = 0; i < count; i++) {
            assert_true(v[i].iov_len > 0);
            memcpy(r->p + r->n, v[i].iov_base, v[i].iov_len);
            r->n += v[i].iov_len;
        }
        free(slice);
        in = sl_str_from(in, n);
    }
    r->state = relay.state;
    r->complete = relay_same_complete(&relay);
    relay_same_done(&relay);
}

static void drop(struct result *r)
{
    free(r->p);
    sl_arena_done(&r->arena);
}

static size_t whole(void *arg, size_t left)
{
    (void)arg;
    return left;
}

static size_t bytewise(void *arg, size_t left)
{
    (void)arg;
    (void)left;
    return 1;
}

static size_t cut_once(void *arg, size_t left) /* arg: bytes of the first slice, then 0 */
{
    size_t *first = arg, n = *first;
    *first = 0;
    return n > 0 && n < left ? n : left;
}

static size_t at_random(void *arg, size_t left)
{
    size_t n = 1 + (size_t)sl_rand_below(arg, 40);
    return n < left ? n : left;
}

static const struct {
    const char *name, *in, *out;
    unsigned options;
    bool content, done, finish, error, complete;
    uint64_t prompt, output_bytes, events;
} cases[] = {
    {"plain", ROLE_PLAIN TEXT_PLAIN("Hello") FINISH DONE, ROLE_PLAIN TEXT_PLAIN("Hello") FINISH, 0, true, true, true,
     false, true, 0, 5, 3},
    {"usage asked by the client", ROLE TEXT("Hello") FINISH USAGE DONE, ROLE TEXT("Hello") FINISH USAGE, 0, true, true,
     true, false, true, 9, 5, 4},
    {"usage asked by us", ROLE TEXT("Hello") FINISH USAGE DONE, ROLE_PLAIN TEXT_PLAIN("Hello") FINISH, RELAY_HIDE_USAGE,
     true, true, true, false, true, 9, 5, 3},
    {"crlf", "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":null}\r\n\r\ndata: [DONE]\r\n\r\n",
     "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\r\n\r\n", RELAY_HIDE_USAGE, true, true, false, false, true,
     0, 1, 1},
    {"other fields stay", "event: message\nid: 7\ndata: {\"choices\":[]}\nretry: 5\n\n" DONE,
     "event: message\nid: 7\ndata: {\"choices\":[]}\nretry: 5\n\n", 0, false, true, false, false, true, 0, 0, 1},
    {"comments become blank lines", ": OPENROUTER PROCESSING\n\n" TEXT_PLAIN("a") ": ping\n" TEXT_PLAIN("b") DONE,
     "\n\n" TEXT_PLAIN("a") "\n" TEXT_PLAIN("b"), 0, true, true, false, false, true, 0, 2, 2},
    {"events without data", "event: ping\n\n" TEXT_PLAIN("a") DONE, "\n" TEXT_PLAIN("a"), 0, true, true, false, false,
     true, 0, 1, 1},
    {"two data lines", "data: {\"choices\":[],\ndata: \"usage\":null}\n\n" DONE,
     "data: {\"choices\":[],\ndata: \"usage\":null}\n\n", RELAY_HIDE_USAGE, false, true, false, false, true, 0, 0, 1},
    {"behind the end nothing passes", TEXT_PLAIN("a") DONE TEXT_PLAIN("b") DONE, TEXT_PLAIN("a"), 0, true, true, false,
     false, true, 0, 1, 1},
    {"no end, but finished", TEXT_PLAIN("a") FINISH, TEXT_PLAIN("a") FINISH, 0, true, false, true, false, true, 0, 1,
     2},
    {"no end, not finished", TEXT_PLAIN("a"), TEXT_PLAIN("a"), 0, true, false, false, false, false, 0, 1, 1},
    {"cut in an event", TEXT_PLAIN("a") FINISH "data: {\"cho", TEXT_PLAIN("a") FINISH, 0, true, false, true, false,
     false, 0, 1, 2},
    {"last event without blank line", TEXT_PLAIN("a") "data: [DONE]\n", TEXT_PLAIN("a"), 0, true, false, false, false,
     false, 0, 1, 1},
    {"nothing", "", "", 0, false, false, false, false, false, 0, 0, 0},
    {"only the role", ROLE_PLAIN, ROLE_PLAIN, 0, false, false, false, false, false, 0, 0, 1},
    {"an error passes", TEXT_PLAIN("a") ERROR_EVENT DONE, TEXT_PLAIN("a") ERROR_EVENT, 0, true, true, false, true,
     false, 0, 1, 2},
    {"an error is held", TEXT_PLAIN("a") ERROR_EVENT DONE, TEXT_PLAIN("a"), RELAY_HOLD_ERRORS, true, true, false, true,
     false, 0, 1, 1},
    {"JSON that is not understood passes", "data: [1,\"\xff\"]\n\nhello\n\n" DONE, "data: [1,\"\xff\"]\n\n\n", 0, true,
     true, false, false, true, 0, 0, 1},
    {"usage in the finish chunk",
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3}}\n\n" DONE,
     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3}}\n\n",
     RELAY_HIDE_USAGE, true, true, true, false, true, 3, 0, 1},
};

static void check(size_t i, const struct result *r, const char *how, size_t at)
{
    struct sl_str want = sl_str_c(cases[i].out);
    if (r->n != want.n || memcmp(r->p, want.p, want.n) != 0)
        fail_msg("%s, %s at %zu:\n%.*s\ninstead of\n%s", cases[i].name, how, at, (int)r->n, r->p, cases[i].out);
    if (r->state.saw_content != cases[i].content || r->state.saw_done != cases[i].done ||
        r->state.saw_finish != cases[i].finish || r->state.saw_error != cases[i].error ||
        r->complete != cases[i].complete)
        fail_msg("%s, %s at %zu: content %d done %d finish %d error %d complete %d", cases[i].name, how, at,
                 r->state.saw_content, r->state.saw_done, r->state.saw_finish, r->state.saw_error, r->complete);
    assert_int_equal(r->state.usage.prompt, cases[i].prompt);
    assert_int_equal(r->state.output_bytes, cases[i].output_bytes);
    assert_int_equal(r->state.events, cases[i].events);
    assert_int_equal(r->feed, cases[i].done ? RELAY_DONE : RELAY_MORE);
    if (cases[i].error)
        assert_true(sl_str_eq(r->state.error.message, SL_STR("broken")));
}

static void whole_and_bytewise(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct result r;
        run(sl_str_c(cases[i].in), cases[i].options, whole, NULL, &r);
        check(i, &r, "whole", 0);
        drop(&r);
        run(sl_str_c(cases[i].in), cases[i].options, bytewise, NULL, &r);
        check(i, &r, "bytewise", 0);
        drop(&r);
    }
}

static void cut_at_every_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t at = 1; at < strlen(cases[i].in); at++) {
            struct result r;
            size_t first = at;
            run(sl_str_c(cases[i].in), cases[i].options, cut_once, &first, &r);
            check(i, &r, "cut", at);
            drop(&r);
        }
    }
}

static void cut_at_random(void **state)
{
    (void)state;
    struct sl_rand rand;
    sl_rand_seed(&rand, 7);
    for (int round = 0; round < 300; round++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct result r;
            run(sl_str_c(cases[i].in), cases[i].options, at_random, &rand, &r);
            check(i, &r, "random", (size_t)round);
            drop(&r);
        }
    }
}

/* What came before it passes, and what behind it nobody sees. Half an event, too, is no JSON. */
static void what_is_no_json_ends_it(void **state)
{
    static const char *const bad[] = {"data: no json at all\n\n", "data: {\"choices\":[{\"delta\":{\"cont\n\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char in[512];
        struct result r;
        snprintf(in, sizeof in, TEXT_PLAIN("a") "%s" TEXT_PLAIN("b") DONE, bad[i]);
        run(sl_str_c(in), 0, bytewise, NULL, &r);
        assert_int_equal(r.feed, RELAY_BROKEN);
        assert_false(r.complete);
        assert_true(sl_str_eq(sl_str_of(r.p, r.n), SL_STR(TEXT_PLAIN("a"))));
        drop(&r);
    }
}

/* A read full of events that pass unchanged is one slice of output. */
static void neighbours_are_one_slice(void **state)
{
    (void)state;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct relay_same relay;
    relay_same_init(&relay, dialect_find(SL_STR("openai")), 0, &a);
    struct sl_str in = SL_STR(TEXT_PLAIN("a") TEXT_PLAIN("b") TEXT_PLAIN("c") FINISH);
    const struct iovec *v;
    int n;
    assert_int_equal(relay_same_feed(&relay, in, &v, &n), RELAY_MORE);
    assert_int_equal(n, 1);
    assert_ptr_equal(v[0].iov_base, in.p);
    assert_int_equal(v[0].iov_len, in.n);
    relay_same_done(&relay);
    sl_arena_done(&a);
}

/* Thousands of events in one slice, every one with a cut: the list of slices grows. */
static void many_events(void **state)
{
    (void)state;
    enum {
        EVENTS = 5000
    };
    struct sl_str one = SL_STR(TEXT("a"));
    char *in = malloc(EVENTS * one.n);
    for (size_t i = 0; i < EVENTS; i++)
        memcpy(in + i * one.n, one.p, one.n);
    struct result r;
    run(sl_str_of(in, EVENTS * one.n), RELAY_HIDE_USAGE, whole, NULL, &r);
    assert_int_equal(r.state.content_events, EVENTS);
    assert_int_equal(r.n, EVENTS * strlen(TEXT_PLAIN("a")));
    drop(&r);
    struct sl_rand rand;
    sl_rand_seed(&rand, 3);
    run(sl_str_of(in, EVENTS * one.n), RELAY_HIDE_USAGE, at_random, &rand, &r);
    assert_int_equal(r.n, EVENTS * strlen(TEXT_PLAIN("a")));
    drop(&r);
    free(in);
}

static void an_endless_event_is_a_limit(void **state)
{
    (void)state;
    struct sl_arena a;
    sl_arena_init(&a, NULL);
    struct relay_same relay;
    relay_same_init(&relay, dialect_find(SL_STR("openai")), 0, &a);
    char *junk = malloc(65536);
    memset(junk, 'x', 65536);
    const struct iovec *v;
    int n;
    enum relay_feed f = RELAY_MORE;
    size_t fed = 0;
    for (; f == RELAY_MORE && fed < 64u << 20; fed += 65536)
        f = relay_same_feed(&relay, sl_str_of(junk, 65536), &v, &n);
    assert_int_equal(f, RELAY_LIMIT);
    assert_true(fed <= 2 * SSE_EVENT_BYTES);
    assert_false(relay_same_complete(&relay));
    assert_int_equal(relay_same_feed(&relay, SL_STR(TEXT("a")), &v, &n), RELAY_LIMIT);
    assert_int_equal(n, 0);
    free(junk);
    relay_same_done(&relay);
    sl_arena_done(&a);
}

/* An event of any allowed size, begun in one slice and ended in another. */
static void large_events(void **state)
{
    (void)state;
    static const size_t limits[] = {0, 4096, 16u << 20};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct sl_arena a;
        sl_arena_init(&a, NULL);
        struct relay_same relay;
        relay_same_init(&relay, dialect_find(SL_STR("openai")), 0, &a);
        if (limits[i] > 0)
            relay_same_limit(&relay, limits[i]);
        size_t n = (limits[i] > 0 ? limits[i] : SSE_EVENT_BYTES) - 100;
        char *event = malloc(n);
        memset(event, 'x', n);
        memcpy(event, "data: {\"choices\":[{\"text\":\"", 27);
        memcpy(event + n - 6, "\"}]}\n\n", 6);
        const struct iovec *v;
        int count;
        assert_int_equal(relay_same_feed(&relay, sl_str_of(event, n - 1), &v, &count), RELAY_MORE);
        assert_int_equal(count, 0);
        assert_int_equal(relay_same_feed(&relay, sl_str_of(event + n - 1, 1), &v, &count), RELAY_MORE);
        assert_int_equal(count, 1);
        assert_int_equal(v[0].iov_len, n);
        assert_memory_equal(v[0].iov_base, event, n);
        assert_int_equal(relay.state.output_bytes, n - 27 - 6);
        free(event);
        relay_same_done(&relay);
        sl_arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_bytewise), cmocka_unit_test(cut_at_every_place),
        cmocka_unit_test(cut_at_random),      cmocka_unit_test(neighbours_are_one_slice),
        cmocka_unit_test(many_events),        cmocka_unit_test(an_endless_event_is_a_limit),
        cmocka_unit_test(large_events),       cmocka_unit_test(what_is_no_json_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
