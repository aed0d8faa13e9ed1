/* Streams that lack their last event, through the relay: ended here when everything of the answer was said, else truncated. */
#include "dialect/openai_responses/openai_responses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/json_tree.h"
#include "dialect/relay_same.h"

#define EVENT(type, more) "event: " type "\ndata: {\"type\":\"" type "\"," more "}\n\n"
#define CREATED                                                                                                        \
    EVENT("response.created",                                                                                          \
          "\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":"                  \
          "\"in_progress\",\"model\":\"m\",\"output\":[],\"usage\":null,\"metadata\":{\"a\":\"b\"}}")
#define ADDED(item) EVENT("response.output_item.added", "\"sequence_number\":1,\"output_index\":0,\"item\":" item)
#define DELTA EVENT("response.output_text.delta", "\"sequence_number\":2,\"output_index\":0,\"delta\":\"Hi\"")
#define TEXT_DONE EVENT("response.output_text.done", "\"sequence_number\":3,\"output_index\":0,\"text\":\"Hi\"")
#define DONE(item) EVENT("response.output_item.done", "\"sequence_number\":4,\"output_index\":0,\"item\":" item)
#define MESSAGE(status)                                                                                                \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"status\":\"" status                                                      \
    "\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\",\"annotations\":[]}]}"
#define REASONING "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[]}"
#define CALL(status)                                                                                                   \
    "{\"id\":\"fc_1\",\"type\":\"function_call\",\"status\":\"" status                                                 \
    "\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"}"
#define SEARCH "{\"id\":\"ws_1\",\"type\":\"web_search_call\",\"status\":\"completed\"}"
#define COMMENTARY                                                                                                     \
    "{\"id\":\"msg_0\",\"type\":\"message\",\"status\":\"completed\",\"phase\":\"commentary\",\"content\":[]}"
#define WHOLE CREATED ADDED(MESSAGE("in_progress")) DELTA TEXT_DONE DONE(MESSAGE("completed"))

static struct token_counts guessed(void *owner, const struct told *told, uint64_t bytes, uint64_t events)
{
    (void)owner, (void)told, (void)events;
    return (struct token_counts){.found = true, .estimated = true, .prompt = 7, .completion = bytes};
}

static struct sl_arena arena;

/* The text of the last event when the stream is whole, else empty. step: bytes of a slice. */
static struct sl_str end_of(struct sl_str in, size_t step)
{
    struct relay_same r;
    const struct iovec *v;
    int n;
    relay_same_init(&r, &openai_responses_dialect, 0, &arena);
    relay_same_unended(&r, (struct usage_guess){.of = guessed});
    while (in.n > 0) {
        struct sl_str slice = sl_str_head(in, step);
        relay_same_feed(&r, slice, &v, &n);
        in = sl_str_from(in, slice.n);
    }
    bool whole = relay_same_end(&r, RELAY_NO_MORE);
    assert_int_equal(whole, r.state.terminal.n > 0);
    struct sl_str end = whole && r.state.ended_here ? r.state.terminal : SL_STR_NONE;
    relay_same_done(&r);
    return end;
}

static struct json_tree tree;

static struct sl_str member(const struct json_node *of, const char *name)
{
    return json_raw_of(&tree, json_got(&tree, of, sl_str_c(name)));
}

static void expect_text(struct sl_str got, const char *want)
{
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("got '" SL_STR_FMT "', want '%s'", SL_STR_ARG(got), want);
}

static void test_whole_is_ended(void **state)
{
    (void)state;
    const struct sl_str head = SL_STR("event: response.completed\ndata: ");
    for (size_t step = 1; step < 900; step += 61) {
        sl_arena_init(&arena, NULL);
        struct sl_str end = end_of(SL_STR(WHOLE), step);
        assert_true(sl_str_starts(end, head) && sl_str_ends(end, SL_STR("}\n\n")));
        assert_true(json_tree_read(&tree, sl_str_from(sl_str_head(end, end.n - 2), head.n), &arena));
        const struct json_node *root = json_root(&tree), *response = json_got(&tree, root, SL_STR("response"));
        expect_text(member(root, "sequence_number"), "5");
        expect_text(member(response, "id"), "\"resp_1\"");
        expect_text(member(response, "status"), "\"completed\"");
        expect_text(member(response, "metadata"), "{\"a\":\"b\"}");
        expect_text(member(response, "output"), "[" MESSAGE("completed") "]");
        const struct json_node *usage = json_got(&tree, response, SL_STR("usage"));
        expect_text(member(usage, "input_tokens"), "7");
        expect_text(member(usage, "output_tokens"), "2"); /* "Hi" */
        expect_text(member(usage, "total_tokens"), "9");
        sl_arena_done(&arena);
    }
}

/* Cut anywhere before its end it is no answer. */
static void test_cut_is_truncated(void **state)
{
    (void)state;
    const struct sl_str all = SL_STR(WHOLE);
    for (size_t n = 0; n + 2 < all.n; n += n + 80 < all.n ? 17 : 1) { /* the blank line alone may lack */
        sl_arena_init(&arena, NULL);
        struct sl_str end = end_of(sl_str_head(all, n), 64);
        assert_int_equal(end.n, 0);
        sl_arena_done(&arena);
    }
}

static void test_what_is_whole(void **state)
{
    (void)state;
    static const struct {
        const char *name, *stream;
        bool whole;
    } rows[] = {
        {"a call", CREATED ADDED(CALL("in_progress")) DONE(CALL("completed")), true},
        {"thought, then text",
         CREATED ADDED(REASONING) DONE(REASONING) ADDED(MESSAGE("in_progress")) DONE(MESSAGE("completed")), true},
        {"two calls at once",
         CREATED ADDED(CALL("in_progress")) ADDED(CALL("in_progress")) DONE(CALL("completed")) DONE(CALL("completed")),
         true},
        {"one of two calls", CREATED ADDED(CALL("in_progress")) ADDED(CALL("in_progress")) DONE(CALL("completed")),
         false},
        {"cut by the model's limit", CREATED ADDED(MESSAGE("in_progress")) DONE(MESSAGE("incomplete")), false},
        {"the same before a whole one", CREATED DONE(CALL("incomplete")) DONE(MESSAGE("completed")), false},
        {"thought only", CREATED ADDED(REASONING) DONE(REASONING), false},
        {"searched only", CREATED ADDED(SEARCH) DONE(SEARCH), false},
        {"commentary only", CREATED ADDED(COMMENTARY) DONE(COMMENTARY), false},
        {"text behind", WHOLE DELTA, false},
        {"another item begins", WHOLE ADDED(CALL("in_progress")), false},
        {"an error behind", WHOLE "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"y\"}\n\n",
         false},
        {"failed", WHOLE EVENT("response.failed", "\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"x\"}}"),
         false},
        {"the item is none", CREATED DONE("7"), false},
        {"nothing was announced", DONE(MESSAGE("completed")), false},
        {"nothing but the announcement", CREATED, false},
        {"a part of an event behind", WHOLE "event: response.output_item.added\ndata: {\"type\":\"resp", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sl_arena_init(&arena, NULL);
        struct sl_str end = end_of(sl_str_c(rows[i].stream), 100);
        if ((end.n > 0) != rows[i].whole)
            fail_msg("%s: " SL_STR_FMT, rows[i].name, SL_STR_ARG(end));
        sl_arena_done(&arena);
    }
}

/* Nobody keeps an answer without bound. */
static void test_bounded(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_arena_init(&arena, NULL);
    sl_buf_init(&b, 8u << 20);
    sl_buf_adds(&b, SL_STR(CREATED
                           "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"item\":{"
                           "\"type\":\"message\",\"status\":\"completed\",\"text\":\""));
    for (size_t i = 0; i < 90000; i++)
        sl_buf_adds(&b, SL_STR("twelve bytes"));
    sl_buf_adds(&b, SL_STR("\"}}\n\n"));
    struct relay_same r;
    const struct iovec *v;
    int n;
    relay_same_init(&r, &openai_responses_dialect, 0, &arena);
    relay_same_limit(&r, 4u << 20);
    relay_same_unended(&r, (struct usage_guess){.of = guessed});
    relay_same_feed(&r, sl_buf_str(&b), &v, &n);
    assert_false(relay_same_end(&r, RELAY_NO_MORE));
    relay_same_done(&r);
    assert_true(arena.used < 64 * 1024);
    sl_buf_done(&b);
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_is_ended),
        cmocka_unit_test(test_cut_is_truncated),
        cmocka_unit_test(test_what_is_whole),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
