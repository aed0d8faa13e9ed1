/* Streams: what is read from those of providers, and what clients get. */
#include "dialect/openai_responses/openai_responses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect/json_tree.h"
#include "http/sse.h"

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

static const struct dialect chat_like = {.name = SL_STR_INIT("openai")};

static struct translation *translation(const struct dialect *face, const struct dialect *up)
{
    struct translation *t = SL_ARENA_NEW(&arena, struct translation);
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct neutral_notes *notes = SL_ARENA_NEW(&arena, struct neutral_notes);
    req->from = face;
    req->model = SL_STR("mine");
    notes->a = &arena;
    *t = (struct translation){.face = face,
                              .up = up,
                              .req = req,
                              .caps = caps_find(responses_caps, SL_STR("gpt-5")),
                              .up_model = SL_STR("gpt-5"),
                              .a = &arena,
                              .notes = notes,
                              .id = SL_STR("x1"),
                              .created_s = 1790000000,
                              .show_reasoning = true};
    return t;
}

/* -- Reading --------------------------------------------------------------------------------------------------------- */

struct reading_result {
    bool broken, whole, done;
    const struct neutral_answer *answer;
};

struct both { /* a collector, and whether the end was told */
    struct neutral_sink to;
    bool done;
};

static void put_both(void *owner, const struct neutral_event *e)
{
    struct both *b = owner;
    b->done |= e->kind == NE_DONE;
    neutral_put(&b->to, e);
}

static struct reading_result read_stream(struct translation *t, struct sl_str bytes)
{
    struct neutral_collector *c = neutral_collector_new(&arena);
    struct both both = {.to = neutral_collector_sink(c)};
    const struct neutral_sink sink = {.put = put_both, .owner = &both};
    struct reading_result result = {.broken = false};
    void *state = responses_stream_read_begin(t);
    struct sse_scanner sse;
    struct sse_piece piece;
    sse_scanner_init(&sse, 0);
    while (!result.broken && sse_next(&sse, &bytes, &piece) == SSE_PIECE)
        if (piece.kind == SSE_EVENT && piece.has_data)
            result.broken = !responses_stream_read(state, piece.name, piece.data, &sink);
    sse_scanner_done(&sse);
    result.whole = !result.broken && responses_stream_read_end(state, &sink);
    result.done = both.done;
    result.answer = neutral_collected(c);
    return result;
}

/* One line for each part, for comparing. */
static struct sl_str shown(const struct neutral_answer *answer)
{
    static const char *const kinds[] = {
        [NP_TEXT] = "text",      [NP_REFUSAL] = "refusal", [NP_REASONING] = "reasoning",
        [NP_TOOL_CALL] = "call", [NP_HOSTED] = "hosted",   [NP_IMAGE] = "image",
    };
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    const struct neutral_part *p = answer->n_choices > 0 ? answer->choices[0].parts : NULL;
    for (; p != NULL; p = p->next) {
        sl_buf_addf(&out, "%s", kinds[p->kind]);
        const struct sl_str texts[] = {p->text, p->id, p->name, p->arguments, p->signature, p->type, p->media.data};
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            if (texts[i].n > 0)
                sl_buf_addf(&out, " " SL_STR_FMT, SL_STR_ARG(texts[i]));
        sl_buf_addf(&out, "%s\n", p->custom ? " custom" : "");
    }
    if (answer->n_choices > 0)
        sl_buf_addf(&out, "finish %d", (int)answer->choices[0].finish);
    for (uint32_t i = 0; answer->n_choices > 0 && i < answer->choices[0].n_citations; i++) {
        const struct neutral_citation *c = &answer->choices[0].citations[i];
        sl_buf_addf(&out, " cites " SL_STR_FMT " %d-%d", SL_STR_ARG(c->url), (int)c->from, (int)c->to);
    }
    if (answer->usage.found)
        sl_buf_addf(&out, " usage %d %d %d %d", (int)answer->usage.prompt, (int)answer->usage.cached,
                    (int)answer->usage.completion, (int)answer->usage.reasoning);
    if (answer->failed)
        sl_buf_addf(&out, " error " SL_STR_FMT " " SL_STR_FMT " %d", SL_STR_ARG(answer->error.code),
                    SL_STR_ARG(answer->error.message), answer->error.status);
    struct sl_str text = sl_arena_str(&arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return text;
}

#define EV(type, rest) "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"
#define CREATED                                                                                                        \
    EV("response.created", ",\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-5\",\"status\":\"in_progress\"}")         \
    EV("response.in_progress", ",\"response\":{\"id\":\"resp_1\"}")
#define USAGE                                                                                                          \
    "\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{\"cached_tokens\":3},\"output_tokens\":7,"                \
    "\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":16}"
#define COMPLETED EV("response.completed", ",\"response\":{\"status\":\"completed\",\"output\":[]," USAGE "}")
#define ADDED(o, item) EV("response.output_item.added", ",\"output_index\":" o ",\"item\":" item)
#define DONE(o, item) EV("response.output_item.done", ",\"output_index\":" o ",\"item\":" item)
#define TEXT(o, c, text)                                                                                               \
    EV("response.output_text.delta", ",\"output_index\":" o ",\"content_index\":" c ",\"delta\":\"" text "\"")
#define ARGS(o, text) EV("response.function_call_arguments.delta", ",\"output_index\":" o ",\"delta\":\"" text "\"")
#define MESSAGE "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[]}"
#define CALL(id, name, args)                                                                                           \
    "{\"id\":\"fc\",\"type\":\"function_call\",\"call_id\":\"" id "\",\"name\":\"" name "\",\"arguments\":\"" args "\"}"
#define ENDS "finish 4 usage 9 3 7 2"

static const struct {
    const char *what, *in, *want;
    bool whole;
} reads[] = {
    {"text, told three times over",
     CREATED ADDED("0", MESSAGE) EV("response.content_part.added",
                                    ",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\"}")
         TEXT("0", "0", "Hi ") TEXT("0", "0", "\\\"you\\\"")
             EV("response.output_text.done", ",\"output_index\":0,\"content_index\":0,\"text\":\"Hi \\\"you\\\"\"")
                 DONE("0", "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"Hi "
                           "\\\"you\\\"\",\"annotations\":[]}]}")
                     EV("response.completed",
                        ",\"response\":{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{"
                        "\"type\":\"output_text\",\"text\":\"Hi \\\"you\\\"\"}]}]," USAGE "}") "data: [DONE]\n\n",
     "text Hi \\\"you\\\"\nfinish 1 usage 9 3 7 2", true},
    {"only in the done events",
     CREATED ADDED("0", MESSAGE) EV("response.output_text.done", ",\"output_index\":0,\"text\":\"a\"")
         ADDED("1", CALL("c1", "f", ""))
             EV("response.function_call_arguments.done", ",\"output_index\":1,\"arguments\":\"{\\\"x\\\": 1}\"")
                 DONE("1", CALL("c1", "f", "{\\\"x\\\": 1}")) COMPLETED,
     "text a\ncall c1 f {\"x\": 1}\n" ENDS, true},
    {"only in the items",
     CREATED DONE("0", "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"}]}")
         DONE("1", CALL("c1", "f", "{}")) COMPLETED,
     "text a\ncall c1 f {}\n" ENDS, true},
    {"only in the terminal event",
     EV("response.completed", ",\"response\":{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":["
                              "{\"type\":\"output_text\",\"text\":\"a\"}]}]," USAGE "}"),
     "text a\nfinish 1 usage 9 3 7 2", true},
    {"interleaved calls",
     CREATED ADDED("0", CALL("c1", "f", "")) ADDED("1", CALL("c2", "g", "")) ARGS("0", "{\\\"a\\\"") ARGS("1", "{}")
         ARGS("0", ":1}") DONE("1", CALL("c2", "g", "{}")) DONE("0", CALL("c1", "f", "{\\\"a\\\":1}")) COMPLETED,
     "call c1 f {\"a\":1}\ncall c2 g {}\n" ENDS, true},
    {"reasoning in two parts, sealed by the done item",
     CREATED ADDED("0", "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"early\"}")
         EV("response.reasoning_summary_text.delta", ",\"output_index\":0,\"summary_index\":0,\"delta\":\"one\"")
             EV("response.reasoning_summary_text.done", ",\"output_index\":0,\"summary_index\":0,\"text\":\"one\"")
                 EV("response.reasoning_summary_text.done", ",\"output_index\":0,\"summary_index\":1,\"text\":\"two\"")
                     DONE("0", "{\"id\":\"rs_1\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"ENC=\"}")
                         ADDED("1", MESSAGE) TEXT("1", "0", "a") COMPLETED,
     "reasoning one\\n\\ntwo rs_1 slc1.oai.gpt-5.cnNfMQpFTkM9\ntext a\nfinish 1 usage 9 3 7 2", true},
    {"custom call",
     CREATED ADDED("0", "{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"sql\",\"input\":\"\"}")
         EV("response.custom_tool_call_input.delta", ",\"output_index\":0,\"delta\":\"select\"")
             EV("response.custom_tool_call_input.done", ",\"output_index\":0,\"input\":\"select\"")
                 DONE("0", "{\"type\":\"custom_tool_call\",\"call_id\":\"c\",\"name\":\"sql\",\"input\":"
                           "\"select\"}") COMPLETED,
     "call select c sql custom\n" ENDS, true},
    {"refusal",
     CREATED ADDED("0", MESSAGE) EV("response.refusal.delta", ",\"output_index\":0,\"delta\":\"no\"")
         EV("response.refusal.done", ",\"output_index\":0,\"refusal\":\"no\"") COMPLETED,
     "refusal no\nfinish 1 usage 9 3 7 2", true},
    {"cut by length",
     CREATED ADDED("0", MESSAGE) TEXT("0", "0", "a")
         EV("response.incomplete", ",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":{"
                                   "\"reason\":\"max_output_tokens\"},\"output\":[]," USAGE "}"),
     "text a\nfinish 3 usage 9 3 7 2", true},
    {"filtered", EV("response.incomplete", ",\"response\":{\"incomplete_details\":{\"reason\":\"content_filter\"}}"),
     "finish 5", true},
    {"hosted tools, images, citations with offsets of the whole text",
     CREATED EV("response.web_search_call.searching", ",\"output_index\":0")
         DONE("0", "{\"id\":\"ws\",\"type\":\"web_search_call\"}")
             DONE("1", "{\"id\":\"ig\",\"type\":\"image_generation_call\",\"result\":\"iVBORw0KGgo=\"}")
                 ADDED("2", MESSAGE) TEXT("2", "0", "\\u00e4\xc3\xb6\\ud83d\\ude00!") TEXT("2", "1", "more")
                     EV("response.output_text.annotation.added",
                        ",\"output_index\":2,\"content_index\":1,\"annotation\":{\"type\":\"url_citation\",\"url\":"
                        "\"https://a\",\"title\":\"t\",\"start_index\":0,\"end_index\":4}") COMPLETED,
     "hosted web_search_call\nimage ig iVBORw0KGgo=\ntext \\u00e4\xc3\xb6\\ud83d\\ude00!\ntext more\n"
     "finish 1 cites https://a 4-8 usage 9 3 7 2",
     true},
    {"failed",
     CREATED TEXT("0", "0", "a")
         EV("response.failed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\","
                               "\"message\":\"oh\"}}"),
     "text a\nfinish 0 error server_error oh 500", false},
    {"flat error", CREATED EV("error", ",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\",\"param\":null"),
     " error rate_limit_exceeded slow 429", false},
    {"nested error and failed behind it",
     CREATED EV("error",
                ",\"error\":{\"type\":\"insufficient_quota\",\"code\":\"insufficient_quota\",\"message\":\"m\"}")
         EV("response.failed", ",\"response\":{\"error\":{\"code\":\"other\",\"message\":\"n\"}}"),
     " error insufficient_quota m 429", false},
    {"error without an event line", "data: {\"error\":{\"message\":\"m\",\"code\":\"c\"}}\n\n", " error c m 0", false},
    {"completed, but not",
     EV("response.completed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"c\","
                              "\"message\":\"m\"}}"),
     " error c m 0", false},
    {"keepalive, events to come", CREATED EV("keepalive", "") EV("response.something.new", ",\"x\":[1]") COMPLETED,
     "finish 1 usage 9 3 7 2", true},
    {"no terminal event", CREATED ADDED("0", MESSAGE) TEXT("0", "0", "a") "data: [DONE]\n\n", "text a\nfinish 0",
     false},
    {"every item at place 0",
     CREATED DONE("0", "{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"}]}")
         ADDED("0", CALL("c1", "f", "")) ARGS("0", "{}") DONE("0", CALL("c1", "f", "{}")) COMPLETED,
     "text a\ncall c1 f {}\n" ENDS, true},
};

static void test_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        struct reading_result r =
            read_stream(translation(&chat_like, &openai_responses_dialect), sl_str_c(reads[i].in));
        assert_false(r.broken);
        struct sl_str got = shown(r.answer);
        if (!sl_str_eq(got, sl_str_c(reads[i].want)) || r.whole != reads[i].whole || r.done != reads[i].whole)
            fail_msg("%s:\ngot  %.*s (%d)\nwant %s", reads[i].what, SL_STR_ARG(got), r.whole, reads[i].want);
    }
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        struct sl_str in = sl_str_c(reads[i].in);
        ptrdiff_t last = sl_str_find_str(in, SL_STR("event: response.completed"));
        if (last < 0)
            last = sl_str_find_str(in, SL_STR("event: response.incomplete"));
        if (last < 0)
            continue;
        ptrdiff_t end = sl_str_find_str(sl_str_from(in, (size_t)last), SL_STR("\n\n"));
        for (size_t n = 0; n < (size_t)(last + end) + 1; n++) {
            struct sl_arena mine = arena; /* what this costs is given back at once */
            sl_arena_init(&arena, NULL);
            struct translation *t = translation(&chat_like, &openai_responses_dialect);
            static const struct neutral_tool tool = {.name = SL_STR_INIT("f")};
            struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
            if (t->req != NULL)
                *req = *t->req;
            req->tools = (struct neutral_tool *)(uintptr_t)&tool; /* so more could have followed */
            t->req = req;
            struct reading_result r = read_stream(t, sl_str_head(in, n));
            if (r.whole || r.done)
                fail_msg("%s: whole when cut at %zu", reads[i].what, n);
            sl_arena_done(&arena);
            arena = mine;
        }
    }
}

/* Stop sequences are not told to this provider: the text ends before them, whatever pieces it comes in. */
static void test_stops(void **state)
{
    (void)state;
    static const struct sl_str stops[] = {SL_STR_INIT("\\n\\nHuman:"), SL_STR_INIT("END")};
    static const struct {
        const char *in, *want;
    } rows[] = {
        {CREATED TEXT("0", "0", "a E") TEXT("0", "0", "N") TEXT("0", "0", "D b") DONE("1", CALL("c", "f", "{}"))
             COMPLETED,
         "text a \nfinish 2 usage 9 3 7 2"},
        {CREATED TEXT("0", "0", "x\\n") TEXT("0", "0", "\\u000aHum") TEXT("0", "0", "an: y") COMPLETED,
         "text x\nfinish 2 usage 9 3 7 2"},
        {CREATED TEXT("0", "0", "a EN") TEXT("0", "0", "ding") COMPLETED, "text a ENding\nfinish 1 usage 9 3 7 2"},
        {CREATED TEXT("0", "0", "a EN") DONE("1", CALL("c", "f", "{}")) COMPLETED,
         "text a EN\ncall c f {}\nfinish 4 usage 9 3 7 2"},
        {CREATED TEXT("0", "0", "a EN") COMPLETED, "text a EN\nfinish 1 usage 9 3 7 2"},
        {CREATED TEXT("0", "0", "END") COMPLETED, "finish 2 usage 9 3 7 2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct translation *t = translation(&chat_like, &openai_responses_dialect);
        struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
        req->stops = stops;
        req->n_stops = 2;
        t->req = req;
        t->stops_kept_back = 2;
        struct reading_result r = read_stream(t, sl_str_c(rows[i].in));
        assert_true(r.whole);
        struct sl_str got = shown(r.answer);
        if (!sl_str_eq(got, sl_str_c(rows[i].want)))
            fail_msg("got  %.*s\nwant %s", SL_STR_ARG(got), rows[i].want);
    }
}

static void test_broken(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "data: nonsense\n\n",
        "data: [1]\n\n",
        "data: {\"type\":\"response.output_item.done\"}\n\n",
        "data: {\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":7}\n\n",
        "data: {\"type\":\"response.output_item.done\",\"output_index\":99999999,\"item\":{\"type\":\"message\"}}\n\n",
        "data: {\"type\":\"response.output_text.delta\",\"content_index\":18446744073709551615,\"delta\":\"a\"}\n\n",
        "data: {\"type\":\"response.output_item.done\",\"item\":{\"type\":\"function_call\",\"call_id\":\"c\"}}\n\n",
        "data: {\"type\":\"response.completed\"}\n\n",
        "data: {\"type\":\"response.completed\",\"response\":null}\n\n",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct reading_result r = read_stream(translation(&chat_like, &openai_responses_dialect), sl_str_c(broken[i]));
        if (!r.broken || r.whole)
            fail_msg("not broken: %s", broken[i]);
    }
}

/* -- Writing --------------------------------------------------------------------------------------------------------- */

struct written {
    struct sl_str events, answer; /* the stream; the whole answer of the same events */
};

static void put_stream(void *owner, const struct neutral_event *e)
{
    responses_stream_write(owner, e);
}

static struct written write_both(struct translation *t, const struct neutral_event *events, size_t n)
{
    struct written result;
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    void *state = responses_stream_write_begin(t, &out);
    const struct neutral_sink sink = {.put = put_stream, .owner = state};
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink collect = neutral_collector_sink(c);
    for (size_t i = 0; i < n; i++) {
        neutral_put(&sink, &events[i]);
        neutral_put(&collect, &events[i]);
    }
    responses_stream_write_end(state);
    result.events = sl_arena_str(&arena, sl_buf_str(&out));
    sl_buf_reset(&out);
    responses_answer_write(t, neutral_collected(c), &out);
    result.answer = sl_arena_str(&arena, sl_buf_str(&out));
    sl_buf_done(&out);
    return result;
}

/* Checks the grammar of openai.md 7.6 and gives the response of the last event. */
static struct sl_str check_grammar(struct sl_str bytes)
{
    struct sse_scanner sse;
    struct sse_piece piece;
    struct sl_str last = SL_STR_NONE;
    uint64_t sequence = 0, open_items = 0, items = 0, v = 0;
    bool ended = false;
    sse_scanner_init(&sse, 0);
    while (sse_next(&sse, &bytes, &piece) == SSE_PIECE) {
        if (piece.kind != SSE_EVENT)
            continue;
        struct json_tree tree;
        assert_false(ended);
        assert_true(json_tree_read(&tree, sl_arena_str(&arena, piece.data), &arena));
        const struct json_node *root = json_root(&tree);
        assert_true(sl_str_eq(json_get_inside(&tree, root, SL_STR("type")), piece.name));
        assert_true(json_u64_of(&tree, json_get(&tree, root, SL_STR("sequence_number")), &v));
        assert_int_equal(v, sequence++);
        if (sl_str_eq(piece.name, SL_STR("response.output_item.added"))) {
            assert_true(json_u64_of(&tree, json_get(&tree, root, SL_STR("output_index")), &v));
            assert_int_equal(v, items++);
            open_items++;
        } else if (sl_str_eq(piece.name, SL_STR("response.output_item.done"))) {
            assert_true(open_items-- > 0);
        }
        ended = sl_str_eq(piece.name, SL_STR("response.completed")) ||
                sl_str_eq(piece.name, SL_STR("response.incomplete"));
        last = json_get_raw(&tree, root, SL_STR("response"));
    }
    assert_true(ended);
    assert_int_equal(open_items, 0);
    assert_int_equal(sse_rest(&sse).n, 0);
    sse_scanner_done(&sse);
    return last;
}

#define E(...)                                                                                                         \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define S(text) SL_STR_INIT(text)
static const struct neutral_event plain[] = {
    E(.kind = NE_START, .id = S("msg_1"), .model = S("claude")),
    E(.kind = NE_PING),
    E(.kind = NE_REASONING, .block = 0, .text = S("hm")),
    E(.kind = NE_SIGNATURE, .block = 0, .text = S("slc1.ant.claude.c2ln")),
    E(.kind = NE_REDACTED, .block = 1, .text = S("slc1.antr.claude.c2ln")),
    E(.kind = NE_TEXT, .block = 2, .text = S("a\\n")),
    E(.kind = NE_TEXT, .block = 3, .text = S("b")),
    E(.kind = NE_CALL_BEGIN, .block = 4, .call = 0, .id = S("toolu_1"), .name = S("f")),
    E(.kind = NE_CALL_ARGS, .block = 4, .call = 0, .text = S("{\\\"x\\\"")),
    E(.kind = NE_CALL_BEGIN, .block = 5, .call = 1, .id = S("toolu_2"), .name = S("g")),
    E(.kind = NE_CALL_ARGS, .block = 4, .call = 0, .text = S(": 1.0}")),
    E(.kind = NE_CALL_END, .call = 1),
    E(.kind = NE_TEXT, .block = 6, .text = S("after")),
    E(.kind = NE_USAGE,
      .usage = {.found = true, .prompt = 10, .cached = 4, .cache_write = 2, .completion = 5, .reasoning = 1}),
    E(.kind = NE_FINISH, .finish = FINISH_TOOL_CALLS),
    E(.kind = NE_DONE),
};
static const struct neutral_event odd[] = {
    /* no start, no usage, a call without an end, a refusal behind text, citations */
    E(.kind = NE_TEXT, .text = S("see this")),
    E(.kind = NE_CITATION, .citation = {.url = S("https://a"), .title = S("t"), .from = 4, .to = 8}),
    E(.kind = NE_REFUSAL, .text = S("no")),
    E(.kind = NE_CALL_ARGS, .call = 7, .text = S("lost")),
    E(.kind = NE_CALL_BEGIN, .call = 0, .name = S("f")),
    E(.kind = NE_MEDIA, .media = {.data = S("iVBORw0KGgo="), .mime = S("image/png")}),
    E(.kind = NE_FINISH, .finish = FINISH_LENGTH),
};
static const struct neutral_event nothing[] = {E(.kind = NE_FINISH, .finish = FINISH_STOP)};
static const struct neutral_event blocked[] = {
    E(.kind = NE_START), E(.kind = NE_FINISH, .finish = FINISH_CONTENT_FILTER, .text = S("not this"))};
static const struct neutral_event signed_call[] = {
    E(.kind = NE_REASONING, .text = S("hm")),
    E(.kind = NE_CALL_BEGIN, .block = 1, .call = 0, .id = S("c"), .name = S("f"),
      .signature = S("slc1.goo.gemini-3.c2ln")),
    E(.kind = NE_CALL_ARGS, .block = 1, .call = 0, .text = S("{}")),
    E(.kind = NE_CALL_END, .block = 1, .call = 0),
    E(.kind = NE_FINISH, .finish = FINISH_TOOL_CALLS),
};

#define LIST(events) events, sizeof(events) / sizeof(events)[0]
static const struct {
    const char *what;
    const struct neutral_event *events;
    size_t n;
    const char *output, *rest; /* of the response object: its output, and members that it must have */
} writes[] = {
    {"all", LIST(plain),
     "[{\"id\":\"rs_x1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}],"
     "\"encrypted_content\":\"slc1.ant.claude.c2ln\"},"
     "{\"id\":\"rs_x1_1\",\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"slc1.antr.claude.c2ln\"},"
     "{\"id\":\"msg_x1_2\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":["
     "{\"type\":\"output_text\",\"text\":\"a\\nb\",\"annotations\":[],\"logprobs\":[]}]},"
     "{\"id\":\"fc_x1_3\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"toolu_1\",\"name\":\"f\","
     "\"arguments\":\"{\\\"x\\\": 1.0}\"},"
     "{\"id\":\"fc_x1_4\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"toolu_2\",\"name\":\"g\","
     "\"arguments\":\"{}\"},"
     "{\"id\":\"msg_x1_5\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":["
     "{\"type\":\"output_text\",\"text\":\"after\",\"annotations\":[],\"logprobs\":[]}]}]",
     "\"usage\":{\"input_tokens\":10,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":2},"
     "\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":15}"},
    {"odd", LIST(odd),
     "[{\"id\":\"msg_x1_0\",\"type\":\"message\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":["
     "{\"type\":\"output_text\",\"text\":\"see this\",\"annotations\":[{\"type\":\"url_citation\",\"url\":\"https://a\","
     "\"title\":\"t\",\"start_index\":4,\"end_index\":8}],\"logprobs\":[]},{\"type\":\"refusal\",\"refusal\":\"no\"}]},"
     "{\"id\":\"fc_x1_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"call_x1_1\",\"name\":\"f\","
     "\"arguments\":\"{}\"},{\"id\":\"ig_x1_2\",\"type\":\"image_generation_call\",\"status\":\"completed\","
     "\"result\":\"iVBORw0KGgo=\",\"output_format\":\"png\"}]",
     "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"},
    {"nothing", LIST(nothing), "[]", "\"usage\":null"},
    {"blocked", LIST(blocked),
     "[{\"id\":\"msg_x1_0\",\"type\":\"message\",\"status\":\"incomplete\",\"role\":\"assistant\",\"content\":["
     "{\"type\":\"refusal\",\"refusal\":\"not this\"}]}]",
     "\"incomplete_details\":{\"reason\":\"content_filter\"}"},
    {"a signed call", LIST(signed_call),
     "[{\"id\":\"rs_x1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}],"
     "\"encrypted_content\":\"slc1.goo.gemini-3.c2ln\"},"
     "{\"id\":\"fc_x1_1\",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c\",\"name\":\"f\","
     "\"arguments\":\"{}\"}]",
     "\"status\":\"completed\""},
};

static void test_writing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        struct translation *t = translation(&openai_responses_dialect, &chat_like);
        struct written w = write_both(t, writes[i].events, writes[i].n);
        struct sl_str response = check_grammar(w.events);
        struct json_tree tree;
        assert_true(json_tree_read(&tree, response, &arena));
        struct sl_str output = json_get_raw(&tree, json_root(&tree), SL_STR("output"));
        if (!sl_str_eq(output, sl_str_c(writes[i].output)))
            fail_msg("%s:\ngot  %.*s\nwant %s", writes[i].what, SL_STR_ARG(output), writes[i].output);
        if (sl_str_find_str(response, sl_str_c(writes[i].rest)) < 0)
            fail_msg("%s: %s is not in %.*s", writes[i].what, writes[i].rest, SL_STR_ARG(response));
        if (!sl_str_eq(response, w.answer))
            fail_msg("%s: stream and answer differ:\n%.*s\n%.*s", writes[i].what, SL_STR_ARG(response),
                     SL_STR_ARG(w.answer));
    }
}

static const char *const order[] = {
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_summary_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.delta", /* of the call that got none */
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
};

static void test_order_of_events(void **state)
{
    (void)state;
    struct written w = write_both(translation(&openai_responses_dialect, &chat_like), LIST(plain));
    struct sse_scanner sse;
    struct sse_piece piece;
    size_t n = 0;
    sse_scanner_init(&sse, 0);
    while (sse_next(&sse, &w.events, &piece) == SSE_PIECE) {
        if (piece.kind != SSE_EVENT)
            continue;
        assert_true(n < sizeof order / sizeof order[0]);
        if (!sl_str_eq(piece.name, sl_str_c(order[n])))
            fail_msg("event %zu is %.*s, not %s", n, SL_STR_ARG(piece.name), order[n]);
        n++;
    }
    assert_int_equal(n, sizeof order / sizeof order[0]);
    sse_scanner_done(&sse);
}

/* What was asked is said again, and names get back their namespaces. */
static void test_echo(void **state)
{
    (void)state;
    static const char request[] =
        "{\"model\":\"mine\",\"input\":\"x\",\"instructions\":\"Be  brief\",\"metadata\":{\"a\": \"b\"},"
        "\"temperature\":0.50,\"text\":{\"verbosity\":\"low\"},\"tools\":[{\"type\":\"namespace\",\"name\":\"ns\",\"tools\":["
        "{\"type\":\"function\",\"name\":\"f\"}]},{\"type\":\"custom\",\"name\":\"sql\"},{\"type\":\"tool_search\","
        "\"execution\":\"client\",\"description\":\"d\",\"parameters\":{}}]}";
    static const struct neutral_event events[] = {
        E(.kind = NE_CALL_BEGIN, .call = 0, .id = S("a"), .name = S("ns__f")),
        E(.kind = NE_CALL_BEGIN, .call = 1, .id = S("b"), .name = S("sql")),
        E(.kind = NE_CALL_ARGS, .call = 1, .text = S("select")),
        E(.kind = NE_CALL_BEGIN, .call = 2, .id = S("c"), .name = S("tool_search")),
        E(.kind = NE_CALL_ARGS, .call = 2, .text = S("{\\\"q\\\":1}")),
        E(.kind = NE_FINISH, .finish = FINISH_TOOL_CALLS),
    };
    static const char *const wanted[] = {
        "\"instructions\":\"Be  brief\"",
        "\"metadata\":{\"a\": \"b\"}",
        "\"temperature\":0.50",
        "\"text\":{\"format\":{\"type\":\"text\"},\"verbosity\":\"low\"}",
        "\"tools\":[{\"type\":\"namespace\"",
        "\"model\":\"mine\"",
        "\"call_id\":\"a\",\"name\":\"f\",\"namespace\":\"ns\"",
        "\"type\":\"custom_tool_call\",\"status\":\"completed\",\"call_id\":\"b\",\"name\":\"sql\",\"input\":\"select\"",
        ("\"type\":\"tool_search_call\",\"status\":\"completed\",\"call_id\":\"c\",\"execution\":\"client\","
         "\"arguments\":{\"q\":1}"),
    };
    struct translation *t = translation(&openai_responses_dialect, &chat_like);
    struct neutral_request *req = SL_ARENA_NEW(&arena, struct neutral_request);
    struct request_refusal refusal;
    assert_true(responses_request_read(OP_RESPONSES, sl_str_c(request), &arena, req, &refusal));
    t->req = req;
    struct written w = write_both(t, LIST(events));
    struct sl_str response = check_grammar(w.events);
    assert_true(sl_str_eq(response, w.answer));
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (sl_str_find_str(response, sl_str_c(wanted[i])) < 0)
            fail_msg("%s is not in %.*s", wanted[i], SL_STR_ARG(response));
}

static void test_failure_in_the_middle(void **state)
{
    (void)state;
    struct sl_buf out;
    sl_buf_init(&out, 1 << 20);
    void *writer = responses_stream_write_begin(translation(&openai_responses_dialect, &chat_like), &out);
    responses_stream_write(writer, &(struct neutral_event){.kind = NE_TEXT, .text = SL_STR("a")});
    sl_buf_reset(&out);
    const struct error_facts error = {.error = GE_UP_OVERLOADED, .message = SL_STR("too \"much\"")};
    responses_stream_write_error(writer, &error);
    struct sl_str got = sl_buf_str(&out);
    assert_true(sl_str_starts(got, SL_STR("event: response.failed\ndata: {\"type\":\"response.failed\","
                                          "\"sequence_number\":5,\"response\":{\"id\":\"resp_x1\"")));
    assert_true(sl_str_find_str(got, SL_STR("\"status\":\"failed\"")) > 0);
    assert_true(sl_str_find_str(got, SL_STR("\"error\":{\"code\":\"server_is_overloaded\",\"message\":\"too "
                                            "\\\"much\\\"\"}")) > 0);
    sl_buf_done(&out);
}

/* What one wrote the other reads: all that both can say stays. */
static void test_there_and_back(void **state)
{
    (void)state;
    struct written w = write_both(translation(&openai_responses_dialect, &chat_like), LIST(plain));
    struct reading_result r = read_stream(translation(&openai_responses_dialect, &openai_responses_dialect), w.events);
    assert_true(r.whole);
    struct sl_str got = shown(r.answer);
    static const char wanted_text[] =
        "reasoning hm rs_x1_0 slc1.ant.claude.c2ln\nreasoning rs_x1_1 slc1.antr.claude.c2ln\n"
        "text a\\nb\ncall toolu_1 f {\"x\": 1.0}\ncall toolu_2 g {}\ntext after\n"
        "finish 4 usage 10 4 5 1";
    if (!sl_str_eq(got, sl_str_c(wanted_text)))
        fail_msg("got  %.*s\nwant %s", SL_STR_ARG(got), wanted_text);
    struct neutral_collector *c = neutral_collector_new(&arena);
    const struct neutral_sink sink = neutral_collector_sink(c);
    assert_true(
        responses_answer_read(translation(&openai_responses_dialect, &openai_responses_dialect), w.answer, &sink));
    assert_true(sl_str_eq(got, shown(neutral_collected(c))));
}

/* -- Watching -------------------------------------------------------------------------------------------------------- */

static void test_watching(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        enum stream_kind kind;
        uint32_t output;
    } rows[] = {
        {"", SK_EMPTY, 0},
        {"[DONE]", SK_EMPTY, 0},
        {"{\"type\":\"response.created\",\"response\":{}}", SK_ROLE, 0},
        {"{\"type\":\"keepalive\",\"sequence_number\":3}", SK_ROLE, 0},
        {"{\"type\":\"response.output_text.delta\",\"delta\":\"abc\"}", SK_CONTENT, 3},
        {"{\"type\":\"response.output_item.added\",\"item\":{}}", SK_OTHER, 0},
        {"{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}", SK_DONE,
         0},
        {"{\"type\":\"response.incomplete\",\"response\":{}}", SK_DONE, 0},
        {"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"c\"}}}", SK_ERROR, 0},
        {"{\"type\":\"error\",\"code\":\"c\",\"message\":\"m\"}", SK_ERROR, 0},
        {"{\"type\":\"error\",\"error\":{\"code\":\"c\"}}", SK_ERROR, 0},
        {"{\"error\":{\"code\":\"c\"}}", SK_ERROR, 0},
        {"{\"type\":\"response.completed\"", SK_OTHER, 0},
        {"7", SK_OTHER, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stream_event e;
        responses_stream_watch(NULL, SL_STR_NONE, sl_str_c(rows[i].data), &e);
        if (e.kind != rows[i].kind || e.output_bytes != rows[i].output)
            fail_msg("%s: %d", rows[i].data, (int)e.kind);
        if (e.kind == SK_ERROR)
            assert_true(sl_str_eq(e.error.code, SL_STR("c")));
    }
    struct stream_event e;
    responses_stream_watch(NULL, SL_STR_NONE, sl_str_c(rows[6].data), &e);
    assert_true(e.finish && e.has_usage);
    assert_int_equal(e.usage.completion, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_of_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_echo, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_watching, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
