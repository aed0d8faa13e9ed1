/* The JSON of stored responses: what is read from answers, turns before a new input, pages, changed objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dialect/json_tree.h"
#include "dialect/openai_responses/openai_responses.h"

static struct sl_arena arena;

static int set_up(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

#define expect(got, want) expect_at(got, want, __LINE__)
static void expect_at(struct sl_str got, const char *want, int line)
{
    if (!sl_str_eq(got, sl_str_c(want)))
        fail_msg("line %d: got '" SL_STR_FMT "', want '%s'", line, SL_STR_ARG(got), want);
}

#define OBJECT                                                                                                         \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":"        \
    "\"reasoning\",\"id\":\"rs_1\",\"encrypted_content\":\"slc1.x\"},{\"type\":\"message\",\"id\":\"msg_1\",\"role\":" \
    "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"data: no\\n\\nevent\"}]}]}"
#define STREAM                                                                                                         \
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"object\":"        \
    "\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\nevent: response.completed\ndata: {\"type\":"           \
    "\"response.completed\",\"response\":" OBJECT "}\n\n"

/* -- Answers -------------------------------------------------------------------------------------------------------- */

static void an_answer_is_recognised(void **state)
{
    (void)state;
    static const char *const said[] = {OBJECT, "\r\n " OBJECT, STREAM};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct responses_kept k;
        assert_true(responses_kept_read(sl_str_c(said[i]), &arena, &k));
        expect(k.object, OBJECT);
        expect(k.id, "resp_1");
        assert_true(k.stored);
        assert_int_equal(k.n_items, 2);
        expect(k.items[0], "rs_1");
        expect(k.items[1], "msg_1");
    }
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const said[] = {
        "",
        "data",
        "{}",
        "[]",
        "null",
        "{\"id\":\"resp_1\"}",
        "{\"id\":\"resp_1\",\"object\":\"list\"}",
        "{\"object\":\"response\"}",
        "{\"object\":\"response\",\"id\":7}",
        "{\"object\":\"response\",\"id\":\"\"}",
        "{\"object\":\"response\",\"id\":\"a b\"}",
        "{\"object\":\"response\",\"id\":\"a\\u0000b\"}",
        "event: response.completed\ndata: {\"response\":\n\n",
        "event: error\ndata: {\"type\":\"error\",\"message\":\"no\"}\n\n",
        "data: [DONE]\n\n",
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct responses_kept k;
        if (responses_kept_read(sl_str_c(said[i]), &arena, &k))
            fail_msg("taken: %s", said[i]);
    }
    struct responses_kept k;
    assert_true(responses_kept_read(
        SL_STR(
            "{\"object\":\"response\",\"id\":\"a\",\"store\":false,\"output\":[1,{},{\"id\":\"\"},{\"id\":\"x y\"}]}"),
        &arena, &k));
    assert_false(k.stored);
    assert_int_equal(k.n_items, 0);
}

/* Cut anywhere, it is the whole id or none. */
static void the_id_of_a_beginning(void **state)
{
    (void)state;
    static const char *const said[] = {OBJECT, STREAM, "{\"error\":null,\"x\":[{\"id\":\"no\"}],\"id\":\"resp_1\"}",
                                       "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n"};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        struct sl_str whole = sl_str_c(said[i]);
        bool seen = false;
        for (size_t n = 0; n <= whole.n; n++) {
            char *copy = sl_memdup0(whole.p, n); /* so that reading over the end is noticed */
            char *exact = sl_malloc(n);
            memcpy(exact, copy, n);
            struct sl_str id = responses_id_peek(sl_str_of(exact, n));
            if (id.n > 0)
                expect(id, "resp_1");
            assert_true(id.n > 0 || !seen);
            seen = id.n > 0;
            sl_free(copy);
            sl_free(exact);
        }
        assert_true(seen);
    }
    expect(responses_id_peek(SL_STR("{\"id\":\"a b\"}")), "");
    expect(responses_id_peek(SL_STR("data")), "");
}

/* -- Turns ---------------------------------------------------------------------------------------------------------- */

static const struct responses_turn turns[] = {
    {.body = SL_STR_INIT(OBJECT),
     .input = SL_STR_INIT("[{\"id\":\"msg_in\",\"type\":\"message\",\"role\":\"user\",\"content\":\"hi\"}]")},
    {.body = SL_STR_INIT("{\"id\":\"resp_2\",\"object\":\"response\",\"output\":[{\"type\":\"function_call\",\"id\":"
                         "\"fc_1\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"}]}"),
     .input = SL_STR_INIT("[{\"id\":\"msg_in2\",\"type\":\"message\",\"role\":\"assistant\",\"content\":\"me\"}]")},
};

static void turns_stand_before_the_input(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    responses_turns_items(turns, 2, &arena, &b);
    expect(sl_buf_str(&b),
           "[{\"type\":\"message\",\"role\":\"user\",\"content\":\"hi\"},"
           "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"encrypted_content\":\"slc1.x\"},"
           "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"data: "
           "no\\n\\nevent\"}]},"
           "{\"type\":\"message\",\"role\":\"assistant\",\"content\":\"me\"},"
           "{\"type\":\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{\\\"a\\\": 1.0}\"}]");
    sl_buf_reset(&b);
    const struct responses_turn bad[] = {{.body = SL_STR("no"), .input = SL_STR("{}")},
                                         {.body = SL_STR("{\"output\":7}"), .input = SL_STR("[1,\"x\"]")}};
    responses_turns_items(bad, 2, &arena, &b);
    expect(sl_buf_str(&b), "[]");
    sl_buf_done(&b);
    struct responses_index *index = responses_index_new(turns, 2, &arena);
    assert_true(sl_str_starts(responses_index_find(index, SL_STR("fc_1")), SL_STR("{\"type\":\"function_call\"")));
    expect(responses_index_find(index, SL_STR("fc_2")), "");
    expect(responses_index_find(index, SL_STR("")), "");
}

static void references_are_found(void **state)
{
    (void)state;
    struct sl_str *ids = NULL;
    size_t n = responses_references(SL_STR("{\"input\":[{\"type\":\"item_reference\",\"id\":\"a\\u0062\"},{\"type\":"
                                           "\"message\"},{\"type\":\"item_reference\"},7]}"),
                                    &arena, &ids);
    assert_int_equal(n, 2);
    expect(ids[0], "ab");
    expect(ids[1], "");
    assert_int_equal(responses_references(SL_STR("{\"input\":\"item_reference\"}"), &arena, &ids), 0);
    assert_int_equal(responses_references(SL_STR("item_reference"), &arena, &ids), 0);
}

/* -- Pages ---------------------------------------------------------------------------------------------------------- */

static void queries_of_pages(void **state)
{
    (void)state;
    struct responses_page p;
    struct request_refusal r;
    assert_true(responses_page_read(SL_STR(""), &arena, &p, &r));
    assert_int_equal(p.limit, 20);
    assert_false(p.ascending);
    assert_true(responses_page_read(SL_STR("limit=100&order=asc&after=msg%5F1&include[]=x&key=k"), &arena, &p, &r));
    assert_int_equal(p.limit, 100);
    assert_true(p.ascending);
    expect(p.after, "msg_1");
    static const struct {
        const char *query, *param;
    } rows[] = {{"limit=0", "limit"},   {"limit=101", "limit"},  {"limit=-1", "limit"},
                {"limit=", "limit"},    {"limit=1e1", "limit"},  {"limit=99999999999999999999", "limit"},
                {"order=", "order"},    {"order=ASC", "order"},  {"after=%00", "after"},
                {"after=%zz", "after"}, {"after=a%20b", "after"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (responses_page_read(sl_str_c(rows[i].query), &arena, &p, &r))
            fail_msg("taken: %s", rows[i].query);
        expect(r.error.param, rows[i].param);
    }
}

static void pages_of_items(void **state)
{
    (void)state;
    struct sl_buf b;
    struct responses_page p = {.limit = 2};
    sl_buf_init(&b, 1u << 20);
    assert_true(responses_page_write(turns, 2, &p, &arena, &b));
    /* the newest first: the last turn's input, then what came before; its own output is none */
    expect(
        sl_buf_str(&b),
        "{\"object\":\"list\",\"data\":[{\"id\":\"msg_in2\",\"type\":\"message\",\"role\":\"assistant\",\"content\":["
        "{\"type\":\"output_text\",\"text\":\"me\",\"annotations\":[]}],\"status\":\"completed\"},"
        "{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
        "\"text\":\"data: no\\n\\nevent\"}]}],\"first_id\":\"msg_in2\",\"last_id\":\"msg_1\",\"has_more\":true}");
    sl_buf_reset(&b);
    p.after = SL_STR("msg_1");
    assert_true(responses_page_write(turns, 2, &p, &arena, &b));
    assert_true(
        sl_str_find_str(sl_buf_str(&b), SL_STR("\"first_id\":\"rs_1\",\"last_id\":\"msg_in\",\"has_more\":false")) > 0);
    sl_buf_reset(&b);
    p.after = SL_STR("msg_in");
    assert_true(responses_page_write(turns, 2, &p, &arena, &b));
    expect(sl_buf_str(&b), "{\"object\":\"list\",\"data\":[],\"first_id\":null,\"last_id\":null,\"has_more\":false}");
    sl_buf_reset(&b);
    p.after = SL_STR("fc_1");
    assert_false(responses_page_write(turns, 2, &p, &arena, &b));
    sl_buf_done(&b);
}

/* -- Objects -------------------------------------------------------------------------------------------------------- */

static void objects_change(void **state)
{
    (void)state;
    struct sl_buf b;
    sl_buf_init(&b, 1u << 20);
    assert_true(responses_object_as(SL_STR("{\"id\":\"a\",\"status\":\"queued\",\"error\":null,\"x\":1.50}"),
                                    SL_STR("failed"), SL_STR("a \"reason\""), &arena, &b));
    expect(sl_buf_str(&b), "{\"id\":\"a\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"a "
                           "\\\"reason\\\"\"},\"x\":1.50}");
    sl_buf_reset(&b);
    assert_true(responses_object_as(SL_STR("{\"status\":\"queued\",\"error\":null}"), SL_STR("cancelled"), SL_STR_NONE,
                                    &arena, &b));
    expect(sl_buf_str(&b), "{\"status\":\"cancelled\",\"error\":null}");
    sl_buf_reset(&b);
    assert_false(responses_object_as(SL_STR("[]"), SL_STR("failed"), SL_STR_NONE, &arena, &b));
    assert_true(responses_is_background(SL_STR("{\"background\":true}"), &arena));
    assert_false(responses_is_background(SL_STR("{\"background\":\"true\"}"), &arena));
    sl_buf_done(&b);
}

static struct sl_str sent(const char *body, const struct request_change *change)
{
    struct request_facts *f = SL_ARENA_NEW(&arena, struct request_facts);
    struct request_refusal r;
    struct body_pieces out;
    struct sl_buf b;
    assert_true(responses_request_decode(OP_RESPONSES, sl_str_c(body), &arena, f, &r));
    responses_request_encode_same(f, sl_str_c(body), change, &arena, &out);
    sl_buf_init(&b, 1u << 20);
    for (int i = 0; i < out.n; i++)
        sl_buf_add(&b, out.v[i].iov_base, out.v[i].iov_len);
    struct sl_str s = sl_arena_str(&arena, sl_buf_str(&b));
    sl_buf_done(&b);
    return s;
}

static void what_providers_get(void **state)
{
    (void)state;
    const struct request_change none = {.no_store = true}, restored = {.restored = true},
                                model = {.no_store = true, .model = SL_STR("up")};
    expect(sent("{\"model\":\"m\",\"input\":\"x\"}", &none), "{\"model\":\"m\",\"store\":false,\"input\":\"x\"}");
    expect(sent("{\"model\":\"m\",\"input\":\"x\"}", &model), "{\"model\":\"up\",\"store\":false,\"input\":\"x\"}");
    expect(sent("{\"store\":true,\"model\":\"m\"}", &none), "{\"store\":false,\"model\":\"m\"}");
    expect(sent("{\"model\":\"m\",\"store\":null}", &none), "{\"model\":\"m\",\"store\":false}");
    expect(sent("{\"model\":\"m\",\"store\": false}", &none), "{\"model\":\"m\",\"store\": false}");
    expect(sent("{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]},{\"type\":"
                "\"reasoning\",\"id\":\"rs_2\",\"encrypted_content\":\"gAAA\"},{\"role\":\"user\",\"content\":\"x\"}]}",
                &restored),
           "{\"model\":\"m\",\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_2\",\"encrypted_content\":\"gAAA\"},{"
           "\"role\":\"user\",\"content\":\"x\"}]}");
    /* a member that the gateway decides by may stand there once only */
    struct request_facts f;
    struct request_refusal r;
    assert_false(responses_request_decode(OP_RESPONSES, SL_STR("{\"model\":\"m\",\"store\":false,\"store\":true}"),
                                          &arena, &f, &r));
    assert_int_equal(r.error.error, GE_MEMBER_REPEATED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_answer_is_recognised), T(others_are_not),   T(the_id_of_a_beginning), T(turns_stand_before_the_input),
        T(references_are_found),    T(queries_of_pages), T(pages_of_items),        T(objects_change),
        T(what_providers_get),
    };
    return cmocka_run_group_tests_name("stored", tests, NULL, NULL);
}
